//! Objects in this process's memory, for tests and for data that need not outlive it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::{self, folder, is_temporary};
use super::{Backend, Durability, LockWait, Object, Put, Swap, Upload};
use crate::error::{Error, Result, Status};

type Objects = Mutex<HashMap<String, Arc<Vec<u8>>>>;

/// A store in memory; threads may share it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    objects: Arc<Objects>,
}

/// Every change of the map is one insertion or removal, so a panic elsewhere leaves it whole.
fn lock(objects: &Objects) -> MutexGuard<'_, HashMap<String, Arc<Vec<u8>>>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_memory(key: &str, bytes: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for {bytes} more bytes of {key:?}")).with_path(key)
}

/// A copy, made so that a lack of memory is an error and not the process's end.
fn copy(key: &str, data: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(data.len()).map_err(|_| no_memory(key, data.len()))?;
    bytes.extend_from_slice(data);
    Ok(bytes)
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn find(&self, key: &str) -> Result<Option<Arc<Vec<u8>>>> {
        key::check(key)?;
        Ok(lock(&self.objects).get(key).map(Arc::clone))
    }

    /// What `part` gives of the keys that begin with `prefix`, sorted, each once. Gathered before the caller's function
    /// runs, so that no lock is held meanwhile.
    fn gather(&self, prefix: &str, part: fn(&str) -> Option<&str>) -> Vec<String> {
        let objects = lock(&self.objects);
        let rests = objects.keys().filter_map(|key| key.strip_prefix(prefix));
        let mut found: Vec<String> = rests.filter_map(part).map(str::to_owned).collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The rest of a key, unless it is that of a temporary object.
fn whole(rest: &str) -> Option<&str> {
    let name = rest.rsplit('/').next()?;
    (!is_temporary(name)).then_some(rest)
}

/// The name at the beginning of a key's rest, unless it is that of a temporary object.
fn first_name(rest: &str) -> Option<&str> {
    rest.split('/').next().filter(|name| *name != rest || !is_temporary(name))
}

impl Backend for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn location(&self, _key: &str) -> Option<String> {
        None
    }

    fn create(&self, key: &str, _durability: Durability) -> Result<Box<dyn Upload>> {
        key::check(key)?;
        Ok(Box::new(MemoryUpload {
            objects: Arc::clone(&self.objects),
            key: key.to_owned(),
            bytes: Some(Vec::new()),
        }))
    }

    fn open(&self, key: &str) -> Result<Option<Box<dyn Object>>> {
        Ok(self.find(key)?.map(|bytes| -> Box<dyn Object> { Box::new(MemoryObject(bytes)) }))
    }

    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.find(key)? else { return Ok(None) };
        if bytes.len() as u64 > limit {
            let message = format!(
                "{key:?} in memory has {} bytes, more than the {limit} that such an object may have",
                bytes.len()
            );
            return Err(Error::new(Status::Corrupt, message).with_path(key));
        }
        copy(key, &bytes).map(Some)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let prefix = folder(prefix)?;
        for rest in self.gather(&prefix, whole) {
            if !each(&format!("{prefix}{rest}")) {
                break;
            }
        }
        Ok(())
    }

    fn list_names(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let prefix = folder(prefix)?;
        for name in self.gather(&prefix, first_name) {
            if !each(&name) {
                break;
            }
        }
        Ok(())
    }

    fn delete(&self, key: &str) -> Result<()> {
        key::check(key)?;
        lock(&self.objects).remove(key);
        Ok(())
    }

    fn compare_and_swap(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        _durability: Durability,
        _wait: &LockWait<'_>,
    ) -> Swap {
        let value = match key::check(key).and_then(|()| copy(key, value)) {
            Ok(value) => Arc::new(value),
            Err(error) => return Swap::Failed(error),
        };
        let mut objects = lock(&self.objects);
        let current = objects.get(key);
        if current.map(|bytes| bytes.as_slice()).unwrap_or_default() != expected {
            return match current.map(|bytes| copy(key, bytes)).transpose() {
                Ok(current) => Swap::Mismatch(current),
                Err(error) => Swap::Failed(error),
            };
        }
        objects.insert(key.to_owned(), value);
        Swap::Done
    }

    fn persist(&self, key: &str) -> Result<()> {
        if self.find(key)?.is_none() {
            let message = format!("cannot make {key:?} in memory durable: it does not exist");
            return Err(Error::new(Status::NotFound, message).with_path(key));
        }
        Ok(())
    }
}

struct MemoryUpload {
    objects: Arc<Objects>,
    key: String,
    /// `None` after a failed write.
    bytes: Option<Vec<u8>>,
}

impl MemoryUpload {
    fn broken(&self) -> Error {
        let message = format!("cannot go on with {:?} in memory: a write of it failed before", self.key);
        Error::new(Status::State, message).with_path(&self.key)
    }
}

impl Upload for MemoryUpload {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        let Some(bytes) = &mut self.bytes else { return Err(self.broken()) };
        if bytes.try_reserve(data.len()).is_err() {
            self.bytes = None;
            return Err(no_memory(&self.key, data.len()));
        }
        bytes.extend_from_slice(data);
        Ok(())
    }

    fn finish(&mut self) -> Put {
        let Some(bytes) = self.bytes.take() else { return Put::Failed(self.broken()) };
        let mut objects = lock(&self.objects);
        if objects.contains_key(&self.key) {
            return Put::Exists;
        }
        objects.insert(std::mem::take(&mut self.key), Arc::new(bytes));
        Put::Done
    }
}

struct MemoryObject(Arc<Vec<u8>>);

impl Object for MemoryObject {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

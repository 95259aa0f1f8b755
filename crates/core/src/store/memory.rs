//! Objects in this process's memory, for tests and for data that need not outlive it.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::key::{self, folder, is_temporary};
use super::{Backend, Capabilities, Durability, Head, LockWait, Object, Put, Swap, Upload};
use crate::context::Context;
use crate::error::{Error, Result, Status};

/// How many keys of a listing are copied at a time.
const PAGE: usize = 1_000;

type Objects = Mutex<BTreeMap<String, Arc<Vec<u8>>>>;

/// A store in memory; threads may share it.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    objects: Arc<Objects>,
}

/// Every change of the map is one insertion or removal, so a panic elsewhere leaves it whole.
fn lock(objects: &Objects) -> MutexGuard<'_, BTreeMap<String, Arc<Vec<u8>>>> {
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

    /// Some keys below `prefix` from `from` on, in order: taken before the caller's function runs, so that no
    /// lock is held meanwhile.
    fn page(&self, prefix: &str, from: Bound<&str>) -> Vec<String> {
        let objects = lock(&self.objects);
        let keys = objects.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        keys.take_while(|key| key.starts_with(prefix)).take(PAGE).cloned().collect()
    }

    /// Calls `each` for all keys below `prefix`, in order, until it answers otherwise; it says where to go
    /// on.
    fn walk(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> Step,
    ) -> Result<()> {
        let mut from = match start_after.filter(|after| *after >= prefix) {
            Some(after) => Bound::Excluded(after.to_owned()),
            None => Bound::Included(prefix.to_owned()),
        };
        let mut pages = 0;
        loop {
            // The first page is part of the request, which the caller has checked.
            if pages > 0 {
                context.check("listing a store in memory")?;
            }
            pages += 1;
            let page = self.page(prefix, from.as_ref().map(String::as_str));
            let Some(last) = page.last() else { return Ok(()) };
            let mut next = Bound::Excluded(last.clone());
            for key in &page {
                match each(key) {
                    Step::Next => {}
                    Step::Stop => return Ok(()),
                    Step::From(beyond) => {
                        next = Bound::Included(beyond);
                        break;
                    }
                }
            }
            from = next;
        }
    }
}

/// How a walk goes on after a key.
enum Step {
    Next,
    Stop,
    /// At the first key that is not below this one.
    From(String),
}

impl Backend for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { is_ordered: true, has_conditional_uploads: true, ..Capabilities::default() }
    }

    fn upload(&self, _context: &Context, key: &str, _durability: Durability) -> Result<Box<dyn Upload>> {
        key::check(key)?;
        Ok(Box::new(MemoryUpload {
            objects: Arc::clone(&self.objects),
            key: key.to_owned(),
            bytes: Some(Vec::new()),
        }))
    }

    fn head(&self, _context: &Context, key: &str) -> Result<Option<Head>> {
        Ok(self.find(key)?.map(|bytes| Head { size: bytes.len() as u64 }))
    }

    fn open(&self, _context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        Ok(self.find(key)?.map(|bytes| -> Box<dyn Object> { Box::new(MemoryObject(bytes)) }))
    }

    fn get(&self, _context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
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

    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        let prefix = folder(prefix)?;
        self.walk(context, &prefix, start_after, &mut |key| {
            let name = key.rsplit('/').next().unwrap_or_default();
            if is_temporary(name) || each(key) { Step::Next } else { Step::Stop }
        })
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let prefix = folder(prefix)?;
        self.walk(context, &prefix, None, &mut |key| {
            let rest = &key[prefix.len()..];
            let name = rest.split('/').next().unwrap_or_default();
            let is_file = name == rest;
            let is_hidden = is_file && is_temporary(name);
            if !is_hidden && !each(name) {
                Step::Stop
            } else if is_file {
                Step::Next
            } else {
                // '0' is the character after '/': what follows is not in the folder.
                Step::From(format!("{prefix}{name}0"))
            }
        })
    }

    fn delete(&self, _context: &Context, key: &str) -> Result<()> {
        key::check(key)?;
        lock(&self.objects).remove(key);
        Ok(())
    }

    fn compare_and_swap(
        &self,
        _context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        _durability: Durability,
        _wait: LockWait,
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
    fn write(&mut self, _context: &Context, data: &[u8]) -> Result<()> {
        let Some(bytes) = &mut self.bytes else { return Err(self.broken()) };
        if bytes.try_reserve(data.len()).is_err() {
            self.bytes = None;
            return Err(no_memory(&self.key, data.len()));
        }
        bytes.extend_from_slice(data);
        Ok(())
    }

    fn finish(&mut self, _context: &Context) -> Put {
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

    fn read_at(&mut self, _context: &Context, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

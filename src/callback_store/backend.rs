//! The backend over callbacks.

use std::sync::Arc;

use super::{Callback, Callbacks, Hearing, Shared, Staged, broken, is_unclear, named, refused};
use lode_core::context::Context;
use lode_core::error::{Error, Result, Status};
use lode_core::id;
use lode_core::store::key::{self, folder, is_temporary};
use lode_core::store::{
    Backend, Capabilities, Durability, Head, LockWait, Object, Put, Swap, Upload, list_names_by_keys,
};

/// More than any pointer has; a longer one is damaged.
const LONGEST_SWAPPED: u64 = 1 << 20;

/// How many bytes are reserved on the word of `stat` alone.
const TRUSTED: u64 = 1 << 20;

/// How often an object that changes while it is read is read anew.
const LOOKS: u32 = 5;

/// The context is checked after so many keys of a listing.
const KEYS_PER_CHECK: u64 = 1024;

/// A store over callbacks.
pub(crate) struct CallbackStore(Arc<Shared>);

impl CallbackStore {
    pub(crate) fn new(callbacks: Box<dyn Callbacks>) -> Self {
        CallbackStore(Arc::new(Shared::new(callbacks)))
    }

    /// The object's size; `None`: absent.
    fn stat(&self, context: &Context, key: &str) -> Result<Option<u64>> {
        key::check(key)?;
        let answer = {
            let _entered = self.0.enter(context, Callback::Stat, key)?;
            self.0.callbacks.stat(key)
        };
        match answer {
            Ok(u64::MAX) => {
                Err(broken(Callback::Stat, key, format_args!("answered success, but gave no size")))
            }
            Ok(size) if i64::try_from(size).is_err() => {
                Err(broken(Callback::Stat, key, format_args!("gave a size of {size} bytes, which cannot be")))
            }
            Ok(size) => Ok(Some(size)),
            Err(refusal) if named(refusal.code) == Some(Status::NotFound) => Ok(None),
            Err(refusal) => Err(refused(Callback::Stat, key, &refusal)),
        }
    }

    /// An object of this size, whole; `None`: it has changed meanwhile.
    fn read_whole(&self, context: &Context, key: &str, size: u64) -> Result<Option<Vec<u8>>> {
        let no_memory = || {
            Error::new(Status::NoMemory, format_args!("no memory for the {size} bytes of {key:?}"))
                .with_path(key)
        };
        // One byte more than it should have shows whether it has grown, without a callback more.
        let whole = usize::try_from(size).ok().and_then(|size| size.checked_add(1)).ok_or_else(no_memory)?;
        let mut bytes: Vec<u8> = Vec::new();
        let mut filled = 0;
        loop {
            if bytes.len() == filled {
                // Doubled: what `stat` says is believed as far as bytes have come.
                let room = whole.min((TRUSTED as usize).max(filled.saturating_mul(2)));
                bytes.try_reserve_exact(room - filled).map_err(|_| no_memory())?;
                bytes.resize(room, 0);
            }
            match read(context, &self.0, key, filled as u64, &mut bytes[filled..])? {
                None => return Ok(None),
                Some(0) => return Ok(None),
                Some(count) => filled += count,
            }
            if filled == whole {
                return Ok(None);
            }
            if filled as u64 == size {
                bytes.truncate(filled);
                return Ok(Some(bytes));
            }
        }
    }

    fn keys(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let mut fault = None;
        let mut stopped = false;
        let mut heard: u64 = 0;
        let mut hear = |given: &[u8]| {
            if stopped || fault.is_some() {
                return Hearing::Enough;
            }
            heard += 1;
            if heard.is_multiple_of(KEYS_PER_CHECK)
                && let Err(error) = context.check("listing a callback store")
            {
                fault = Some(error);
                return Hearing::Enough;
            }
            let wrong = match std::str::from_utf8(given) {
                Err(_) => Some("which is no UTF-8".to_owned()),
                Ok(key) if !key.starts_with(prefix) => {
                    Some("which does not begin with that prefix".to_owned())
                }
                Ok(key) => key::check(key).err().map(|error| format!("which breaks the rules ({error})")),
            };
            if let Some(wrong) = wrong {
                let text = String::from_utf8_lossy(&given[..given.len().min(300)]);
                fault = Some(broken(Callback::List, prefix, format_args!("gave the key {text:?}, {wrong}")));
                return Hearing::Wrong(Status::InvalidPath);
            }
            let key = std::str::from_utf8(given).unwrap_or_default();
            let name = key.rsplit('/').next().unwrap_or_default();
            stopped = !is_temporary(name) && !each(key);
            if stopped { Hearing::Enough } else { Hearing::More }
        };
        let answer = {
            let _entered = self.0.enter(context, Callback::List, prefix)?;
            self.0.callbacks.list(prefix, &mut hear)
        };
        match (fault, answer) {
            (Some(fault), _) => Err(fault),
            // What it answers to being stopped does not matter.
            (None, Err(refusal)) if !stopped => Err(refused(Callback::List, prefix, &refusal)),
            _ => Ok(()),
        }
    }
}

/// Reads what one callback gives; `None`: the object is absent.
fn read(
    context: &Context,
    shared: &Shared,
    key: &str,
    offset: u64,
    buffer: &mut [u8],
) -> Result<Option<usize>> {
    let capacity = buffer.len();
    if capacity == 0 {
        return Ok(Some(0));
    }
    let answer = {
        let _entered = shared.enter(context, Callback::Read, key)?;
        shared.callbacks.read(key, offset, buffer)
    };
    match answer {
        Ok(count) => match usize::try_from(count) {
            Ok(count) if count <= capacity => Ok(Some(count)),
            _ => {
                let code = i32::try_from(count).unwrap_or(i32::MAX);
                let what =
                    format_args!("answered {count} at offset {offset}, with room for {capacity} bytes");
                Err(broken(Callback::Read, key, what).with_callback_code(code))
            }
        },
        Err(refusal) if named(refusal.code) == Some(Status::NotFound) => Ok(None),
        Err(refusal) => Err(refused(Callback::Read, key, &refusal).with_offset(offset)),
    }
}

impl Backend for CallbackStore {
    fn describe(&self) -> String {
        "callback store".to_owned()
    }

    /// In what order it lists is not known, and what has answered success is durable.
    fn capabilities(&self) -> Capabilities {
        Capabilities { has_conditional_uploads: true, ..Capabilities::default() }
    }

    fn upload(&self, context: &Context, key: &str, _durability: Durability) -> Result<Box<dyn Upload>> {
        key::check(key)?;
        self.0.check_writable()?;
        let answer = {
            let _entered = self.0.enter(context, Callback::PutBegin, key)?;
            self.0.callbacks.put_begin(key)
        };
        let state = match answer {
            Ok(Some(staged)) => State::Open(staged),
            Ok(None) => {
                let what = format_args!("answered success, but gave no upload");
                return Err(broken(Callback::PutBegin, key, what));
            }
            Err(refusal) if named(refusal.code) == Some(Status::PathExists) => State::Taken,
            Err(refusal) if named(refusal.code) == Some(Status::Unsupported) => {
                let error = refused(Callback::PutBegin, key, &refusal);
                return Err(error.context(
                    "the callback store can be read, but not written to: its put_begin refuses if_absent",
                ));
            }
            Err(refusal) => return Err(refused(Callback::PutBegin, key, &refusal)),
        };
        Ok(Box::new(CallbackUpload { shared: self.0.clone(), key: key.to_owned(), state }))
    }

    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        Ok(self.stat(context, key)?.map(|size| Head { size }))
    }

    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        let size = self.stat(context, key)?;
        let object = |size| CallbackObject { shared: self.0.clone(), key: key.to_owned(), size };
        Ok(size.map(|size| -> Box<dyn Object> { Box::new(object(size)) }))
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        let mut size = 0;
        for _ in 0..LOOKS {
            size = match self.stat(context, key)? {
                None => return Ok(None),
                Some(0) => return Ok(Some(Vec::new())),
                Some(size) => size,
            };
            if size > limit {
                let message = format!(
                    "{key:?} in the callback store has {size} bytes, more than the {limit} that such an object \
                     may have"
                );
                return Err(Error::new(Status::Corrupt, message).with_path(key));
            }
            // An object that is swapped between the two callbacks changes its size.
            if let Some(bytes) = self.read_whole(context, key, size)? {
                return Ok(Some(bytes));
            }
        }
        let what =
            format_args!("does not give the {size} bytes that its stat answers, {LOOKS} times in a row");
        Err(broken(Callback::Read, key, what))
    }

    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.keys(context, &folder(prefix)?, &mut |key| {
            start_after.is_some_and(|after| key <= after) || each(key)
        })
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let prefix = folder(prefix)?;
        // Not called within the callback: `each` may use the store.
        list_names_by_keys(context, &prefix, |each| self.keys(context, &prefix, each), each)
    }

    fn delete(&self, context: &Context, key: &str) -> Result<()> {
        key::check(key)?;
        let answer = {
            let _entered = self.0.enter(context, Callback::Remove, key)?;
            self.0.callbacks.remove(key)
        };
        match answer {
            Err(refusal) if named(refusal.code) != Some(Status::NotFound) => {
                Err(refused(Callback::Remove, key, &refusal))
            }
            _ => Ok(()),
        }
    }

    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        _durability: Durability,
        wait: LockWait,
    ) -> Swap {
        if let Err(error) = key::check(key).and_then(|()| self.0.check_writable()) {
            return Swap::Failed(error);
        }
        let expected = (!expected.is_empty()).then_some(expected);
        let mut tries: u32 = 0;
        loop {
            let answer = match self.0.enter(context, Callback::CompareAndSwap, key) {
                Ok(_entered) => self.0.callbacks.compare_and_swap(key, expected, value),
                Err(error) => return Swap::Failed(error),
            };
            let Err(refusal) = answer else { return Swap::Done };
            let error = refused(Callback::CompareAndSwap, key, &refusal);
            match named(refusal.code) {
                Some(Status::Conflict | Status::PathExists | Status::NotFound) => {
                    return match self.get(context, key, LONGEST_SWAPPED) {
                        Ok(current) => Swap::Mismatch(current),
                        Err(error) => Swap::Failed(error),
                    };
                }
                Some(Status::Busy) => {
                    tries += 1;
                    if !wait.allows(context, tries) {
                        return Swap::Busy(error.with_status(Status::Busy));
                    }
                    let pause = context.retry().pause(tries, id::fresh_random());
                    if let Err(over) = context.sleep(pause, "waiting for a callback store") {
                        return Swap::Busy(over.context(error));
                    }
                }
                _ if is_unclear(refusal.code) => return Swap::Unknown(error),
                _ => return Swap::Failed(error),
            }
        }
    }
}

enum State {
    Open(Box<dyn Staged>),
    /// The key was taken from the start: nothing is written.
    Taken,
    /// A write failed, or it was finished: this is why there is no more.
    Over(Error),
}

struct CallbackUpload {
    shared: Arc<Shared>,
    key: String,
    state: State,
}

impl CallbackUpload {
    /// No more bytes.
    fn end(&mut self, error: Error) {
        if let State::Open(staged) = std::mem::replace(&mut self.state, State::Over(error)) {
            self.shared.guard.abort(staged);
        }
    }
}

impl Upload for CallbackUpload {
    fn write(&mut self, context: &Context, data: &[u8]) -> Result<()> {
        let staged = match &mut self.state {
            State::Open(staged) => staged,
            State::Taken => return Ok(()),
            State::Over(error) => return Err(error.clone()),
        };
        if data.is_empty() {
            return Ok(());
        }
        let answer = {
            let _entered = self.shared.enter(context, Callback::PutWrite, &self.key)?;
            staged.write(data)
        };
        let Err(refusal) = answer else { return Ok(()) };
        let error = refused(Callback::PutWrite, &self.key, &refusal);
        if error.status() != Status::NoSpace {
            self.end(error.clone());
        }
        Err(error)
    }

    fn finish(&mut self, context: &Context) -> Put {
        match &self.state {
            State::Open(_) => {}
            State::Taken => return Put::Exists,
            State::Over(error) => return Put::Failed(error.clone()),
        }
        let entered = match self.shared.enter(context, Callback::PutFinish, &self.key) {
            Ok(entered) => entered,
            // It was not called: the upload is as it was.
            Err(error) => return Put::Failed(error),
        };
        let message = format!("the upload of {:?} is over: its put_finish was called", self.key);
        let over = State::Over(Error::new(Status::State, message).with_path(&*self.key));
        let State::Open(staged) = std::mem::replace(&mut self.state, over) else {
            return Put::Failed(broken(Callback::PutFinish, &self.key, format_args!("has no upload")));
        };
        let answer = staged.finish();
        drop(entered);
        let Err(refusal) = answer else { return Put::Done };
        if named(refusal.code) == Some(Status::PathExists) {
            return Put::Exists;
        }
        let error = refused(Callback::PutFinish, &self.key, &refusal);
        self.state = State::Over(error.clone());
        if is_unclear(refusal.code) { Put::Unknown(error) } else { Put::Failed(error) }
    }
}

impl Drop for CallbackUpload {
    fn drop(&mut self) {
        if let State::Open(staged) = std::mem::replace(&mut self.state, State::Taken) {
            self.shared.guard.abort(staged);
        }
    }
}

struct CallbackObject {
    shared: Arc<Shared>,
    key: String,
    size: u64,
}

impl Object for CallbackObject {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, context: &Context, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let left = self.size.saturating_sub(offset);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        match read(context, &self.shared, &self.key, offset, &mut buffer[..most])? {
            Some(0) if most > 0 => {
                let what = format_args!("ends at byte {offset}, but its stat answered {} bytes", self.size);
                Err(broken(Callback::Read, &self.key, what).with_offset(offset))
            }
            Some(count) => Ok(count),
            None => {
                let message =
                    format!("{:?} has vanished from the callback store while it was read", self.key);
                Err(Error::new(Status::NotFound, message).with_path(&*self.key))
            }
        }
    }
}

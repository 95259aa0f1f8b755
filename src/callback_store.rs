//! A store of the caller's own, reached through callbacks: what they answer is checked, and translated.
//!
//! `Shared` calls them, one at a time per thread and, if they want it, one at a time at all (`turns`); [`Raw`]
//! is the backend over them; [`CallbackStore`] tries the store's conditions before its first write (`probe`).

mod probe;
mod raw;
#[cfg(test)]
mod tests;
mod turns;

use std::sync::{Arc, Mutex, PoisonError};

use self::raw::Raw;
use self::turns::{Turn, Turns};
use lode_core::error::{Error, Result, Status};
use lode_core::limits;
use lode_core::store::{Backend, Durability, LockWait, Object, Swap, Upload, key};

/// One of the functions that a store may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    PutBegin,
    PutWrite,
    PutFinish,
    PutAbort,
    Stat,
    Read,
    List,
    Remove,
    CompareAndSwap,
}

impl Callback {
    /// What writing takes (`docs/commit-protocol.md`, section "What a store must give"): clean-up may be
    /// lacking.
    const FOR_WRITING: [Callback; 8] = [
        Callback::PutBegin,
        Callback::PutWrite,
        Callback::PutFinish,
        Callback::PutAbort,
        Callback::Stat,
        Callback::Read,
        Callback::List,
        Callback::CompareAndSwap,
    ];

    /// Its name in the struct that the caller fills.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Callback::PutBegin => "put_begin",
            Callback::PutWrite => "put_write",
            Callback::PutFinish => "put_finish",
            Callback::PutAbort => "put_abort",
            Callback::Stat => "stat",
            Callback::Read => "read",
            Callback::List => "list",
            Callback::Remove => "remove",
            Callback::CompareAndSwap => "compare_and_swap",
        }
    }
}

/// A callback's answer below 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    /// The answer; one of more than 32 bits is cut to their range.
    pub(crate) code: i32,
    /// What the callback had to say.
    pub(crate) text: String,
}

/// What a callback answered.
pub(crate) type Answer<T> = std::result::Result<T, Refusal>;

/// The callbacks of a store. Keys and prefixes that they are given keep to the rules.
pub(crate) trait Callbacks: Send + Sync {
    /// Whether this one is there; only such are called.
    fn has(&self, callback: Callback) -> bool;

    /// Whether no two may ever run at once.
    fn is_serial(&self) -> bool;

    /// Begins an object that is to appear only if its key is free. `None`: it answered well, but gave no upload.
    fn put_begin(&self, key: &str) -> Answer<Option<Box<dyn Staged>>>;

    /// An object's size in bytes; `u64::MAX`: it answered well, but gave none.
    fn stat(&self, key: &str) -> Answer<u64>;

    /// Reads at an offset; gives the answer as it was, which may be more than there is room for.
    fn read(&self, key: &str, offset: u64, buffer: &mut [u8]) -> Answer<u64>;

    /// Lists keys, as the bytes that were given; `each` says how the callback is to go on.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&[u8]) -> Hearing) -> Answer<()>;

    /// Removes an object.
    fn remove(&self, key: &str) -> Answer<()>;

    /// Replaces an object's bytes; `None`: it must be absent or empty.
    fn compare_and_swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Answer<()>;
}

/// How a listing is to go on after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// With the next.
    More,
    /// Not at all: nobody wants more.
    Enough,
    /// Not at all: the key cannot be one.
    Wrong(Status),
}

/// An object that a store's callbacks are writing. One of the last two is called, once.
pub(crate) trait Staged: Send {
    /// Adds bytes at the end.
    fn write(&mut self, data: &[u8]) -> Answer<()>;

    /// Makes it appear.
    fn finish(self: Box<Self>) -> Answer<()>;

    /// Gives it up.
    fn abort(self: Box<Self>);
}

/// The callbacks with the rules of calling them. Uploads and open objects hold on to it.
struct Shared {
    callbacks: Box<dyn Callbacks>,
    turns: Turns,
}

impl Shared {
    /// Waits until this callback may be called; the thread may call it until the turn is dropped.
    fn enter(&self, callback: Callback, key: &str) -> Result<Turn<'_>> {
        if !self.callbacks.has(callback) {
            let message = format!("the callback store has no {}", callback.name());
            return Err(Error::new(Status::Unsupported, message).with_path(key));
        }
        limits::check("working on a callback store")?;
        self.turns.enter().map_err(|error| {
            error.context(format_args!("{} of {key:?} in a callback store", callback.name())).with_path(key)
        })
    }
}

/// The status that has this number.
fn named(code: i32) -> Option<Status> {
    Status::ALL.iter().copied().find(|status| *status as i32 == code)
}

/// The error for an answer below 0.
#[cold]
fn refused(callback: Callback, key: &str, refusal: &Refusal) -> Error {
    let Refusal { code, text } = refusal;
    let known = named(*code);
    let mut message = format!("the callback store's {} of {key:?} failed with ", callback.name());
    match known {
        Some(status) => message.push_str(&format!("{} ({code})", status.name())),
        None => message.push_str(&format!("{code}, which is no LODE_ERR_*")),
    }
    if !text.is_empty() {
        message.push_str(": ");
        message.push_str(text);
    }
    let status = match known {
        Some(
            status @ (Status::NoSpace
            | Status::NoMemory
            | Status::Unsupported
            | Status::Io
            | Status::Corrupt
            | Status::InvalidPath),
        ) => status,
        _ => Status::Store,
    };
    Error::new(status, message).with_path(key).with_callback_code(*code)
}

/// The error for an answer that no callback may give.
#[cold]
fn broken(callback: Callback, key: &str, what: std::fmt::Arguments<'_>) -> Error {
    let message = format!("the callback store's {} of {key:?} {what}", callback.name());
    Error::new(Status::Store, message).with_path(key)
}

/// Whether the store cannot say if a write with this answer has happened. What was not said clearly is taken for
/// that: reading back settles it, and a wrong "no" would lose a commit.
fn is_unclear(code: i32) -> bool {
    matches!(
        named(code),
        None | Some(Status::CommitUnknown | Status::Unknown | Status::Deadline | Status::Cancelled)
    )
}

/// What is known of a store's conditions.
enum Admission {
    Untried,
    Granted,
    Refused(Error),
}

/// A store over callbacks, whose conditions are tried before its first write.
pub(crate) struct CallbackStore {
    raw: Raw,
    admission: Mutex<Admission>,
}

impl CallbackStore {
    pub(crate) fn new(callbacks: Box<dyn Callbacks>) -> Self {
        let turns = Turns::new(callbacks.is_serial());
        let raw = Raw(Arc::new(Shared { callbacks, turns }));
        CallbackStore { raw, admission: Mutex::new(Admission::Untried) }
    }

    /// Refuses to write where a commit would not be safe. Threads that come first together each try for themselves:
    /// no lock is held while callbacks run.
    fn admit(&self, key: &str) -> Result<()> {
        key::check(key)?;
        match &*self.admission.lock().unwrap_or_else(PoisonError::into_inner) {
            Admission::Granted => return Ok(()),
            Admission::Refused(error) => return Err(error.clone()),
            Admission::Untried => {}
        }
        let tried = self.has_all().and_then(|()| probe::probe(&self.raw, key));
        let verdict = match &tried {
            Ok(()) => Admission::Granted,
            Err(error) if error.status() == Status::Unsupported => Admission::Refused(error.clone()),
            // It could not be tried; the next write tries again.
            Err(_) => return tried,
        };
        *self.admission.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        tried
    }

    fn has_all(&self) -> Result<()> {
        let callbacks = &self.raw.0.callbacks;
        let missing = Callback::FOR_WRITING.into_iter().filter(|callback| !callbacks.has(*callback));
        let missing: Vec<&str> = missing.map(Callback::name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the callback store can be read, but not written to: lode_store_callbacks has no {}",
            missing.join(", no ")
        );
        Err(Error::new(Status::Unsupported, message))
    }
}

impl Backend for CallbackStore {
    fn describe(&self) -> String {
        self.raw.describe()
    }

    fn location(&self, key: &str) -> Option<String> {
        self.raw.location(key)
    }

    fn create(&self, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        self.admit(key)?;
        self.raw.create(key, durability)
    }

    fn open(&self, key: &str) -> Result<Option<Box<dyn Object>>> {
        self.raw.open(key)
    }

    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.raw.get(key, limit)
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.raw.list(prefix, each)
    }

    fn list_names(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.raw.list_names(prefix, each)
    }

    fn delete(&self, key: &str) -> Result<()> {
        self.raw.delete(key)
    }

    fn compare_and_swap(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: &LockWait<'_>,
    ) -> Swap {
        match self.admit(key) {
            Ok(()) => self.raw.compare_and_swap(key, expected, value, durability, wait),
            Err(error) => Swap::Failed(error),
        }
    }

    fn persists(&self) -> bool {
        self.raw.persists()
    }

    fn persist(&self, key: &str) -> Result<()> {
        self.raw.persist(key)
    }

    fn unprobed(&self) -> Option<&dyn Backend> {
        Some(&self.raw)
    }
}

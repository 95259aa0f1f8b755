//! Where objects live: whole objects under `/`-separated keys, written once, listed by prefix; and one
//! mutable kind, changed by compare-and-swap (`docs/format.md`, section "Store operations").
//!
//! [`Store`] is the caller's handle; [`Backend`] is what an implementation gives.

mod direct;
pub(crate) mod disk;
pub(crate) mod filesystem;
pub mod key;
pub(crate) mod memory;
pub(crate) mod pages;
#[cfg(test)]
pub(crate) mod sim;
#[allow(unsafe_code)]
pub(crate) mod sys;
#[cfg(test)]
mod tests;
mod verify;

use std::sync::Arc;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::options::Retry;

/// How far a write must have got when it returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// It survives a power cut.
    #[default]
    Full,
    /// It survives the process, not a power cut: nothing is synced.
    Process,
}

/// How a put-if-absent ended.
#[derive(Debug)]
pub enum Put {
    /// The object is there, whole and as durable as asked.
    Done,
    /// The key is taken (and its directory entry durable, as far as asked); nothing was changed.
    Exists,
    /// Certainly not there through this call.
    Failed(Error),
    /// It may or may not be there.
    Unknown(Error),
    /// It is there, but a sync after that failed: this process must never call it durable.
    Doubtful(Error),
}

/// How a compare-and-swap ended.
#[derive(Debug)]
pub enum Swap {
    /// The object has the new value, as durable as asked.
    Done,
    /// It had another value (`None`: absent); nothing was changed.
    Mismatch(Option<Vec<u8>>),
    /// The lock was not to be had within the deadline or the tries; nothing was changed.
    Busy(Error),
    /// Certainly not changed by this call.
    Failed(Error),
    /// It may or may not be changed (or changed, but not known to be durable).
    Unknown(Error),
}

/// An object being written; dropped before `finish`, it leaves nothing.
pub trait Upload: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `NoSpace`: none of them count as added; the same bytes (and perhaps more) may be offered again. After any other
    /// failure the upload can only be dropped.
    fn write(&mut self, data: &[u8]) -> Result<()>;

    /// A hint that the bytes so far may begin their way to the disk. Never waits for them, never fails.
    fn start_writeback(&mut self) {}

    /// Makes the object appear under its key if the key is free. After `Failed` for want of space it may be called
    /// again; after anything else the upload is over.
    fn finish(&mut self) -> Put;
}

/// An object open for reading.
pub trait Object: Send {
    /// Its size in bytes when it was opened.
    fn size(&self) -> u64;

    /// Reads at `offset` into `buffer`; gives how many bytes, 0 at the end only.
    ///
    /// # Errors
    /// The store's failure.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize>;
}

/// What an implementation of a store gives. Each refuses keys that break the rules (`InvalidPath`) by itself.
pub trait Backend: Send + Sync {
    /// For messages: kind and place, such as `filesystem /srv/lode`.
    fn describe(&self) -> String;

    /// Where another program finds the object (an absolute path), if there is such a place.
    fn location(&self, key: &str) -> Option<String>;

    /// Begins an object that will appear at `finish`.
    ///
    /// # Errors
    /// The store's failure; nothing was made.
    fn create(&self, key: &str, durability: Durability) -> Result<Box<dyn Upload>>;

    /// Writes a whole object if its key is free.
    fn put_if_absent(&self, key: &str, data: &[u8], durability: Durability) -> Put {
        let mut upload = match self.create(key, durability) {
            Ok(upload) => upload,
            Err(error) => return Put::Failed(error),
        };
        match upload.write(data) {
            Ok(()) => upload.finish(),
            Err(error) => Put::Failed(error),
        }
    }

    /// Opens an object; `None` if it is absent.
    ///
    /// # Errors
    /// The store's failure; never for absence.
    fn open(&self, key: &str) -> Result<Option<Box<dyn Object>>>;

    /// A whole small object; `None` if it is absent.
    ///
    /// # Errors
    /// The store's failure; `Corrupt` if it is longer than `limit` bytes; `NoMemory`.
    fn get(&self, key: &str, limit: u64) -> Result<Option<Vec<u8>>>;

    /// Calls `each` for every key that begins with `prefix` (empty, or ending in `/`), in no order, until it
    /// answers `false`. Temporary files are not shown.
    ///
    /// # Errors
    /// The store's failure; a prefix under which nothing lies is no failure.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()>;

    /// The names directly below `prefix` (empty, or ending in `/`), files and folders alike, in no order, until
    /// `each` answers `false`. Temporary files are not shown.
    ///
    /// # Errors
    /// As `list`.
    fn list_names(&self, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()>;

    /// Removes an object; absent is fine. Directories that this leaves empty, up to two levels above the
    /// object, go as well.
    ///
    /// # Errors
    /// The store's failure.
    fn delete(&self, key: &str) -> Result<()>;

    /// Replaces the object's bytes by `value` if they are `expected`; an absent object matches empty `expected`.
    fn compare_and_swap(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: &LockWait<'_>,
    ) -> Swap;

    /// How long an object has stood unchanged, by the store's own clock, which all writers share.
    ///
    /// # Errors
    /// The store's failure; never for absence.
    fn age(&self, _key: &str) -> Result<Age> {
        Ok(Age::NoClock)
    }

    /// Fails if objects below this prefix (ending in `/`) are impossible, because something that is no folder stands
    /// where a folder has to be: nothing below it can be read then, which is not the same as that there is nothing.
    ///
    /// # Errors
    /// `InvalidPath`, naming what is in the way; the store's failure. Absence is no failure.
    fn check_folder(&self, _prefix: &str) -> Result<()> {
        Ok(())
    }

    /// Whether [`Backend::persist`] does anything here: whether what others wrote may be in a cache only.
    fn persists(&self) -> bool {
        true
    }

    /// Makes durable an object that somebody else may have written: its bytes, and the entries of it and of all
    /// the directories above. A failure is never tried again on the same file by this process.
    ///
    /// # Errors
    /// The store's failure; `Io` if an earlier sync of it failed in this process.
    fn persist(&self, key: &str) -> Result<()>;

    /// The store without the trial of its conditions that its first write makes, if it makes one: a conformance
    /// suite makes its own.
    fn unprobed(&self) -> Option<&dyn Backend> {
        None
    }
}

/// How long an object has stood unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// So long.
    Known(std::time::Duration),
    /// There is no such object.
    Absent,
    /// The store has no clock of its own.
    NoClock,
}

/// How long a compare-and-swap may wait for the store's lock.
pub struct LockWait<'a> {
    /// The call's deadline and cancel token.
    pub context: &'a Context,
    /// Whether a deadline, if there is one, is to be waited for, however many tries that takes.
    pub patient: bool,
    /// The pauses, and else how many tries.
    pub retry: Retry,
}

impl LockWait<'_> {
    /// Whether it is the deadline that ends the waiting, and not the number of tries.
    pub fn waits_for_deadline(&self) -> bool {
        self.patient && self.context.has_deadline()
    }
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum LogLevel {
    /// Something to look at.
    Warning = 1,
    /// Worth knowing.
    Info = 2,
}

/// Hears of what is worth knowing but fails no call; called on the calling thread.
pub type LogFn = dyn Fn(LogLevel, &str) + Send + Sync;

/// How to open a store.
#[derive(Default)]
pub struct StoreOptions {
    /// Hears of warnings.
    pub log: Option<Box<LogFn>>,
}

/// A store; clones are the same store, and threads may share it.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    backend: Box<dyn Backend>,
    log: Option<Box<LogFn>>,
}

impl Store {
    /// A store over one's own backend.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>, options: StoreOptions) -> Self {
        Store { inner: Arc::new(Inner { backend, log: options.log }) }
    }

    /// A store in a directory, which must exist.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory, `InvalidArgument` if it is no directory, `Io`.
    pub fn open_filesystem(root: &str, options: StoreOptions) -> Result<Self> {
        let backend = filesystem::Filesystem::open(root)?;
        Ok(Self::new(Box::new(backend), options))
    }

    /// A store in this process's memory, gone with its last handle.
    #[must_use]
    pub fn open_memory(options: StoreOptions) -> Self {
        Self::new(Box::new(memory::Memory::new()), options)
    }

    /// What does the work.
    #[must_use]
    pub fn backend(&self) -> &dyn Backend {
        &*self.inner.backend
    }

    /// Tells the caller's log, if there is one.
    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        if let Some(log) = &self.inner.log {
            log(level, message);
        }
    }
}

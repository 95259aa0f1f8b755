//! Where objects live: whole objects under `/`-separated keys, written once, listed by prefix; and one
//! mutable kind, changed by compare-and-swap (`docs/format.md`, section "Store operations").
//!
//! [`Store`] is the caller's handle; [`Backend`] is what an implementation gives.

pub mod cleanup;
pub mod conformance;
mod direct;
pub(crate) mod disk;
pub(crate) mod filesystem;
pub mod key;
pub(crate) mod known_heads;
pub mod layer;
pub(crate) mod location;
pub(crate) mod memory;
#[cfg(feature = "object-store")]
mod object_store;
pub(crate) mod pages;
pub mod probe;
#[cfg(test)]
pub(crate) mod sim;
#[allow(unsafe_code)]
pub(crate) mod sys;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::context::Context;
use crate::error::{Error, Result, Status};
use cleanup::{Aged, NoHold, RemovalLock, StaleUpload};
pub use pages::list_names_by_keys;

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

/// How long a compare-and-swap waits for the store's lock while another writer holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockWait {
    /// Until the context's deadline, or, if it has none, for the tries that its [`Context::retry`] allows.
    Deadline,
    /// For the tries that the context's [`Context::retry`] allows, and never past its deadline.
    Attempts,
}

impl LockWait {
    /// Whether the wait goes on after this number of tries within this context.
    #[must_use]
    pub fn allows(self, context: &Context, tries: u32) -> bool {
        (self == LockWait::Deadline && context.has_deadline()) || tries < context.retry().attempts
    }
}

/// What a store can do beyond what all stores do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// [`Backend::list`] gives keys in bytewise order.
    pub is_ordered: bool,
    /// The store has a clock of its own, which all writers share: [`Backend::age`] answers.
    pub has_clock: bool,
    /// What another process wrote may lie in a cache only until [`Backend::persist`] makes it durable.
    pub persists: bool,
    /// Another program finds the objects: [`Backend::location`] answers.
    pub has_locations: bool,
    /// [`Upload::finish`] refuses a key that is taken, too, and not only [`Backend::put_if_absent`].
    pub has_conditional_uploads: bool,
    /// [`Upload::hold`] answers, and an upload is held from its beginning on: clean-up leaves alone what a
    /// living writer holds, however old it is.
    pub has_holds: bool,
    /// Every operation is a request over a network, so that nothing may be done when a handle is freed.
    pub is_remote: bool,
}

/// What a store tells of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its size in bytes.
    pub size: u64,
}

/// What a store tells of an object together with its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// Its size in bytes.
    pub size: u64,
    /// How long it has stood unchanged by the store's own clock; `None`: the store has none.
    pub age: Option<Duration>,
}

/// The time by a store's own clock, as the first of several [`Backend::inspect`] calls has read it.
#[derive(Clone, Copy, Debug, Default)]
pub struct StoreTime(pub(crate) Option<i128>);

/// Keeps clean-up away from an object that is staged, for as long as it lives, and ends with the process.
pub trait Hold: Send + Sync {}

/// An object being written; dropped before `finish`, it leaves nothing.
pub trait Upload: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `NoSpace`, `Deadline`, `Cancelled`, `Aborted`: none of them count as added; the same bytes (and
    /// perhaps more) may be offered again. After any other failure the upload can only be dropped.
    fn write(&mut self, context: &Context, data: &[u8]) -> Result<()>;

    /// A hint that the bytes so far may begin their way to the disk. Never waits for them, never fails.
    fn start_writeback(&mut self) {}

    /// Makes the bytes as durable as asked, so that [`Upload::finish`] has less to do. Nothing more can be
    /// written. Where several objects are finished, all of them are named first, then synced, then what leads
    /// to them is, then they are finished: what a file system writes for one of them it writes for all.
    ///
    /// # Errors
    /// The store's failure. `NoSpace`: it may be called again.
    fn sync(&mut self, _context: &Context) -> Result<()> {
        Ok(())
    }

    /// Makes durable what leads to the object, so that [`Upload::finish`] has less to do. `synced` is one for
    /// all of several objects, which have their names: what leads to more than one of them is synced once.
    ///
    /// # Errors
    /// The store's failure.
    fn sync_directories(&mut self, _context: &Context, _synced: &mut SyncedDirectories) -> Result<()> {
        Ok(())
    }

    /// Keeps clean-up away from the object after it is finished, too, for as long as the answer lives. Asked
    /// before [`Upload::sync`] and [`Upload::finish`]. `None`: there is no such lock, or it could not be
    /// taken.
    fn hold(&mut self) -> Option<Box<dyn Hold>> {
        None
    }

    /// Gives the object its name, without making that durable: [`Upload::finish`] does it, and answers the
    /// same.
    fn name(&mut self, _context: &Context) -> Put {
        Put::Done
    }

    /// Makes the object appear under its key, which must be one that no other writer uses, such as one with a
    /// fresh id in it: a store may replace what is there, and one that refuses answers `Exists`. After
    /// `Failed` for want of space or of time it may be called again; after anything else the upload is over.
    fn finish(&mut self, context: &Context) -> Put;

    /// Gives the object up where a drop would leave something behind: what was sent already is removed, as
    /// far as that can be done. A drop alone makes no request. Nothing more can be written.
    fn abort(&mut self, _context: &Context) {}
}

/// The directories that were synced since all of several objects have their names.
#[derive(Debug, Default)]
pub struct SyncedDirectories(HashSet<(String, disk::Identity)>);

/// A compare-and-swap of which all is done that can be done beforehand. Dropped, it changes nothing.
pub trait PreparedSwap: Send {
    /// Makes the new value as durable as asked, so that [`PreparedSwap::finish`] has only to put it in place.
    ///
    /// # Errors
    /// The store's failure.
    fn sync(&mut self, context: &Context) -> Result<()>;

    /// Swaps as [`Backend::compare_and_swap`] does. After `Mismatch` and `Busy` it may be called again.
    fn finish(&mut self, context: &Context, expected: &[u8], wait: LockWait) -> Swap;
}

/// An object open for reading: it reads the same bytes however its key changes meanwhile, or fails.
pub trait Object: Send {
    /// Its size in bytes when it was opened.
    fn size(&self) -> u64;

    /// Reads at `offset` into `buffer`; gives how many bytes, 0 at the end only. Reads that follow each other
    /// are the fast way: a store may have read ahead.
    ///
    /// # Errors
    /// The store's failure; `Deadline`, `Cancelled`, `Aborted`.
    fn read_at(&mut self, context: &Context, offset: u64, buffer: &mut [u8]) -> Result<usize>;
}

/// How many bytes of a whole object are written between two checks of the context.
const PIECE: usize = 1 << 20;

/// Writes all of a whole object, and finishes it.
fn write_whole(upload: &mut dyn Upload, context: &Context, data: &[u8]) -> Put {
    for piece in data.chunks(PIECE) {
        if let Err(error) = upload.write(context, piece) {
            return Put::Failed(error);
        }
        context.written(piece.len());
        // What fits into one piece is written as one request is.
        if data.len() > PIECE
            && let Err(error) = context.check("writing an object")
        {
            return Put::Failed(error);
        }
    }
    upload.finish(context)
}

/// What an implementation of a store gives. Each refuses keys that break the rules (`InvalidPath`) by itself.
///
/// Each operation that may block takes the [`Context`] of the call that it is for. It ends with `Deadline`,
/// `Cancelled` or `Aborted` before the next request once the context says so; a request in flight may be
/// abandoned where the store allows it.
pub trait Backend: Send + Sync {
    /// For messages: kind and place, such as `filesystem /srv/lode`.
    fn describe(&self) -> String;

    /// What it can do beyond what all stores do; always the same.
    fn capabilities(&self) -> Capabilities;

    /// Where another program finds the object (an absolute path), if there is such a place.
    fn location(&self, _key: &str) -> Option<String> {
        None
    }

    /// Begins an object that will appear at [`Upload::finish`].
    ///
    /// # Errors
    /// The store's failure; nothing was made.
    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>>;

    /// Writes a whole object if its key is free, as one step.
    ///
    /// The default goes through an upload, which is right with [`Capabilities::has_conditional_uploads`]
    /// alone.
    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        let mut upload = match self.upload(context, key, durability) {
            Ok(upload) => upload,
            Err(error) => return Put::Failed(error),
        };
        write_whole(&mut *upload, context, data)
    }

    /// What there is to know of an object without reading it; `None` if it is absent.
    ///
    /// # Errors
    /// The store's failure; never for absence.
    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>>;

    /// Opens an object; `None` if it is absent.
    ///
    /// # Errors
    /// The store's failure; never for absence.
    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>>;

    /// A whole small object; `None` if it is absent.
    ///
    /// # Errors
    /// The store's failure; `Corrupt` if it is longer than `limit` bytes; `NoMemory`.
    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>>;

    /// Calls `each` for every key that begins with `prefix` (empty, or ending in `/`) and sorts after
    /// `start_after`, until it answers `false`; in bytewise order if [`Capabilities::is_ordered`], else in
    /// any. Temporary files are not shown.
    ///
    /// # Errors
    /// The store's failure; a prefix under which nothing lies is no failure.
    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()>;

    /// Calls `each` for the names directly below `prefix` (empty, or ending in `/`), files and folders alike,
    /// in any order, until it answers `false`. Temporary files are not shown. A name that is both a file's
    /// and a folder's may come twice.
    ///
    /// # Errors
    /// As `list`.
    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()>;

    /// Removes an object; absent is fine. Directories that this leaves empty, up to two levels above the
    /// object, go as well.
    ///
    /// # Errors
    /// The store's failure.
    fn delete(&self, context: &Context, key: &str) -> Result<()>;

    /// Replaces the object's bytes by `value` if they are `expected`; an absent object matches empty
    /// `expected`.
    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap;

    /// Writes an object's bytes, and leaves it to [`Upload::finish`] to give it its name. Where bytes go to a
    /// disk it is cheaper to send those of several objects at once, and a lack of space shows before any of
    /// them appears. `None`: this store gains nothing by it, and the object is to be put in one step.
    ///
    /// # Errors
    /// The store's failure; nothing was made.
    fn stage(
        &self,
        _context: &Context,
        _key: &str,
        _data: &[u8],
        _durability: Durability,
    ) -> Result<Option<Box<dyn Upload>>> {
        Ok(None)
    }

    /// Begins a compare-and-swap to `value`, and finds out whether it can succeed at all. `None`: this store
    /// has nothing to prepare.
    ///
    /// # Errors
    /// `Unsupported` for a store without locks; the store's failure, such as a lock that may not be taken.
    /// Nothing was changed.
    fn prepare_swap(
        &self,
        _context: &Context,
        _key: &str,
        _value: &[u8],
        _durability: Durability,
    ) -> Result<Option<Box<dyn PreparedSwap>>> {
        Ok(None)
    }

    /// What this store has in common with every other handle on the same objects in this process, and with no
    /// other store; `None`: the handle is the only one.
    fn identity(&self) -> Option<String> {
        None
    }

    /// How long an object has stood unchanged, by the store's own clock; `None` if it is absent. Asked only
    /// where [`Capabilities::has_clock`].
    ///
    /// # Errors
    /// The store's failure; `Unsupported` without a clock.
    fn age(&self, context: &Context, key: &str) -> Result<Option<Duration>> {
        let _ = context;
        let message = format!("{} has no clock that could tell the age of {key:?}", self.describe());
        Err(Error::new(Status::Unsupported, message).with_path(key))
    }

    /// Size and age of an object, with as few requests as the store allows; `None` if it is absent. `time`
    /// keeps the store's time from the first of several calls to the last.
    ///
    /// # Errors
    /// The store's failure; never for absence.
    fn inspect(&self, context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        let _ = time;
        let Some(Head { size }) = self.head(context, key)? else { return Ok(None) };
        let age = if self.capabilities().has_clock { self.age(context, key)? } else { None };
        Ok(Some(Inspected { size, age }))
    }

    /// Calls `each` for everything below `prefix` (ending in `/`) that takes space, temporary files of
    /// writers included, with its size and its age by the store's own clock, until it answers `false`; in no
    /// order. What appears during the listing may be left out. Asked only where [`Capabilities::has_clock`].
    ///
    /// # Errors
    /// The store's failure; `Unsupported` for a store that cannot tell ages.
    fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        let _ = (context, prefix, each);
        Err(cleanup::without_ages(&self.describe()))
    }

    /// Keeps every writer off an object that is to be removed by [`Backend::delete`], unless one of them has
    /// a hold on it ([`Upload::hold`]). The default is right for a store whose writers have no holds.
    ///
    /// # Errors
    /// The store's failure.
    fn lock_for_removal(&self, context: &Context, key: &str) -> Result<RemovalLock> {
        let _ = (context, key);
        Ok(RemovalLock::Taken(Box::new(NoHold)))
    }

    /// Calls `each` for every upload in several requests below `prefix` (ending in `/`) that was begun and
    /// neither completed nor aborted, until it answers `false`; in no order. The default is right for a store
    /// without such uploads.
    ///
    /// # Errors
    /// The store's failure.
    fn list_uploads(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&StaleUpload<'_>) -> bool,
    ) -> Result<()> {
        let _ = (context, prefix, each);
        Ok(())
    }

    /// Gives up an upload that [`Backend::list_uploads`] told of, and what was sent of it. One that is gone
    /// is no failure. Nothing is ever told of, and so nothing given up, by the default.
    ///
    /// # Errors
    /// The store's failure.
    fn abort_upload(&self, context: &Context, upload: &StaleUpload<'_>) -> Result<()> {
        let _ = (context, upload);
        Ok(())
    }

    /// Fails if objects below this prefix (ending in `/`) are impossible, because something that is no folder
    /// stands where a folder has to be: nothing below it can be read then, which is not the same as that
    /// there is nothing.
    ///
    /// # Errors
    /// `InvalidPath`, naming what is in the way; the store's failure. Absence is no failure.
    fn check_folder(&self, context: &Context, prefix: &str) -> Result<()> {
        let _ = (context, prefix);
        Ok(())
    }

    /// Makes durable an object that another process may have written: its bytes, and the entries of it and of
    /// all the directories above. A failure is never tried again on the same file by this process. Asked only
    /// where [`Capabilities::persists`]: elsewhere what is there is durable.
    ///
    /// # Errors
    /// `NotFound`; the store's failure; `Io` if an earlier sync of it failed in this process.
    fn persist(&self, context: &Context, key: &str) -> Result<()> {
        if self.head(context, key)?.is_some() {
            return Ok(());
        }
        let message = format!("cannot make {key:?} in {} durable: it does not exist", self.describe());
        Err(Error::new(Status::NotFound, message).with_path(key))
    }
}

/// How important a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum LogLevel {
    /// An operator should check this.
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
    backend: Arc<dyn Backend>,
    /// The backend without a probe before its first write.
    bare: Arc<dyn Backend>,
    known_heads: Arc<known_heads::KnownHeads>,
    log: Option<Box<LogFn>>,
}

impl Store {
    /// A store over one's own backend.
    #[must_use]
    pub fn new(backend: Box<dyn Backend>, options: StoreOptions) -> Self {
        let backend: Arc<dyn Backend> = backend.into();
        let bare = Arc::clone(&backend);
        Self::over(backend, bare, options)
    }

    fn over(backend: Arc<dyn Backend>, bare: Arc<dyn Backend>, options: StoreOptions) -> Self {
        let known_heads = known_heads::KnownHeads::of(bare.identity());
        Store { inner: Arc::new(Inner { backend, bare, known_heads, log: options.log }) }
    }

    /// A store over a backend whose conditions are tried before this handle's first write
    /// ([`probe::Probed`]): for services and programs that may ignore them.
    #[must_use]
    pub fn probed(backend: Box<dyn Backend>, options: StoreOptions) -> Self {
        let bare: Arc<dyn Backend> = backend.into();
        let backend = Arc::new(probe::Probed::new(Arc::clone(&bare)));
        Self::over(backend, bare, options)
    }

    /// A store in a directory, which must exist.
    ///
    /// # Errors
    /// `NotFound` if there is no such directory, `InvalidArgument` if it is no directory, `Io`.
    pub fn open_filesystem(root: &str, options: StoreOptions) -> Result<Self> {
        let backend = filesystem::Filesystem::open(root)?;
        Ok(Self::new(Box::new(backend), options))
    }

    /// A store that a URL names: `file:///path`, `memory:`, `s3://bucket/prefix`, `gs://bucket/prefix` or
    /// `az://container/prefix`. `settings` is a JSON object, or empty; `docs/object-stores.md`, section
    /// "Settings", says what it may hold. No request is made: what the settings say shows with the first use.
    ///
    /// # Errors
    /// `InvalidArgument`, `InvalidPath`: an unknown scheme or setting, which the message names, but never a
    /// setting's value; `Unsupported`: a bucket, in a build without the feature `object-store`; `NotFound`,
    /// `Io`: the directory, or a file that a setting names.
    pub fn open_url(url: &str, settings: &str, options: StoreOptions) -> Result<Self> {
        let location = location::Location::parse(url)?;
        match location {
            location::Location::Bucket { service, bucket, prefix } => {
                Self::open_bucket(service, &bucket, &prefix, settings, options)
            }
            location::Location::Filesystem(root) => {
                location::check_no_settings("file", settings)?;
                Self::open_filesystem(&root, options)
            }
            location::Location::Memory => {
                location::check_no_settings("memory", settings)?;
                Ok(Self::open_memory(options))
            }
        }
    }

    #[cfg(feature = "object-store")]
    fn open_bucket(
        service: location::Service,
        bucket: &str,
        prefix: &str,
        settings: &str,
        options: StoreOptions,
    ) -> Result<Self> {
        let backend = object_store::BucketStore::open(service, bucket, prefix, settings)?;
        Ok(Self::probed(Box::new(backend), options))
    }

    #[cfg(not(feature = "object-store"))]
    fn open_bucket(
        service: location::Service,
        _bucket: &str,
        _prefix: &str,
        _settings: &str,
        _options: StoreOptions,
    ) -> Result<Self> {
        let message = format!(
            "a store of the scheme {}: needs the feature object-store, which this build does not have",
            service.scheme()
        );
        Err(Error::new(Status::Unsupported, message))
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

    /// The backend without a probe: a conformance suite makes its own.
    fn bare(&self) -> &dyn Backend {
        &*self.inner.bare
    }

    /// The snapshots that this process knows to be decided.
    pub(crate) fn known_heads(&self) -> &known_heads::KnownHeads {
        &self.inner.known_heads
    }

    /// Tells the caller's log, if there is one.
    pub(crate) fn log(&self, level: LogLevel, message: &str) {
        if let Some(log) = &self.inner.log {
            log(level, message);
        }
    }
}

//! The narrow door to a disk: primitive operations below one root directory, each of them one system call or
//! nearly so, each able to fail. [`real::RealDisk`] makes the calls; the simulated disk of the tests stands
//! in its place to fail any of them, to stop before any of them, and to lose what was not synced.
//!
//! Nothing here retries, decides or cleans up: that is [`crate::store::filesystem`]'s.

pub(crate) mod real;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

pub(crate) use rustix::io::Errno;

/// The result of a primitive operation.
pub(crate) type Io<T> = std::result::Result<T, Errno>;

/// What a directory entry or an open file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Other,
}

/// Tells one file or directory from every other of the disk, also from a later one under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    /// When it was made (nanoseconds, low 64 bits; 0 where the system does not say): inode numbers are
    /// reused.
    pub(crate) born: u64,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The names of a directory, read as they are asked for; `.`, `..` and names that are no UTF-8 are left out.
pub(crate) type Entries = Box<dyn Iterator<Item = Io<Entry>>>;

/// A directory tree. Paths are `/`-separated, relative to the root, without `.` and `..`; empty is the root.
/// No operation follows a symbolic link below the root: meeting one fails with `ELOOP`.
pub(crate) trait Disk: Send + Sync {
    /// Opens a directory for the operations of [`Dir`].
    fn open_dir(&self, path: &str) -> Io<Box<dyn Dir>>;

    /// Opens a file for reading and syncing. Never blocks, even if no regular file lies there.
    fn open_read(&self, path: &str) -> Io<Box<dyn File>>;

    /// Whether the root directory has not been removed.
    fn root_exists(&self) -> bool;

    /// Where this process keeps in mind which syncs failed.
    fn doubts(&self) -> &Doubts;

    /// How this disk's paths begin in [`Disk::doubts`].
    fn doubt_prefix(&self) -> &str;
}

/// An open directory. `name` is one segment. Dropping it closes it.
pub(crate) trait Dir: Send {
    /// Which directory it is.
    fn identity(&self) -> Io<Identity>;
    /// Opens a directory in it.
    fn open_dir(&self, name: &str) -> Io<Box<dyn Dir>>;
    /// As [`Disk::open_read`].
    fn open_read(&self, name: &str) -> Io<Box<dyn File>>;
    /// Makes a file that must not exist, and opens it for writing; mode 0666 less the umask.
    fn create(&self, name: &str) -> Io<Box<dyn File>>;
    /// Opens a file for locking, making it if need be; mode 0666 less the umask.
    fn open_lock(&self, name: &str) -> Io<Box<dyn File>>;
    /// Makes a directory; mode 0777 less the umask.
    fn make_dir(&self, name: &str) -> Io<()>;
    /// Removes an empty directory.
    fn remove_dir(&self, name: &str) -> Io<()>;
    /// Gives the file `from` the further name `to`, which must be free.
    fn link(&self, from: &str, to: &str) -> Io<()>;
    /// Renames, replacing `to`.
    fn rename(&self, from: &str, to: &str) -> Io<()>;
    /// Renames unless `to` exists, in one step.
    fn rename_noreplace(&self, from: &str, to: &str) -> Io<()>;
    /// Removes a name that is no directory.
    fn unlink(&self, name: &str) -> Io<()>;
    /// What stands under the name; a symbolic link is not followed.
    fn stat(&self, name: &str) -> Io<(Kind, Identity)>;
    /// Makes its entries durable.
    fn sync(&self) -> Io<()>;
    /// Its names, in no order.
    fn entries(self: Box<Self>) -> Io<Entries>;
}

/// An open file. Dropping it closes it without a word; [`File::close`] tells how that went.
pub(crate) trait File: Send {
    /// Writes at the end, perhaps only a part; gives how many bytes.
    fn write(&mut self, data: &[u8]) -> Io<usize>;
    /// Reads at an offset, perhaps only a part; 0 at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Io<usize>;
    /// What it is, and its size in bytes.
    fn info(&self) -> Io<(Kind, u64)>;
    /// When it was last written, in nanoseconds, by the clock of the machine that holds it.
    fn modified(&self) -> Io<i128>;
    /// Makes its bytes and its size durable.
    fn sync(&mut self) -> Io<()>;
    /// A hint that the bytes from `offset` on may begin their way to the disk; never waits, never fails.
    fn start_writeback(&mut self, offset: u64, length: u64);
    /// Takes its exclusive lock, or fails at once with `EWOULDBLOCK`.
    fn try_lock(&mut self) -> Io<()>;
    /// Takes its shared lock, or fails at once with `EWOULDBLOCK`.
    fn try_lock_shared(&mut self) -> Io<()>;
    /// Which file it is; without the time when it was made.
    fn identity(&self) -> Io<Identity>;
    /// Gives the lock back, also for a forked process that has inherited it.
    fn unlock(&mut self) -> Io<()>;
    /// Another descriptor of the same open file: a lock that one of them has taken is held until the last is
    /// closed.
    fn duplicate(&self) -> Io<Box<dyn File>>;
    /// Closes it. It is closed with any answer.
    fn close(self: Box<Self>) -> Io<()>;
}

/// The files and directories of which a sync failed in this process. The system reports such a failure once
/// and then forgets it: a later sync may succeed with the bytes lost, so its success means nothing.
#[derive(Debug)]
pub(crate) struct Doubts {
    /// Whether there is any. Almost always not, and then no lock is taken, so that a forked child cannot hang
    /// on one that another thread of its parent held.
    any: AtomicBool,
    paths: Mutex<Vec<String>>,
}

impl Doubts {
    pub(crate) const fn new() -> Self {
        Doubts { any: AtomicBool::new(false), paths: Mutex::new(Vec::new()) }
    }

    pub(crate) fn add(&self, prefix: &str, path: &str) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let path = format!("{prefix}{path}");
        if !paths.contains(&path) {
            paths.push(path);
        }
        self.any.store(true, Ordering::Release);
    }

    pub(crate) fn contains(&self, prefix: &str, path: &str) -> bool {
        self.any.load(Ordering::Acquire) && {
            let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            paths.contains(&format!("{prefix}{path}"))
        }
    }
}

/// Repeats an operation that a signal interrupted.
pub(crate) fn retry<T>(mut operation: impl FnMut() -> Io<T>) -> Io<T> {
    loop {
        match operation() {
            Err(Errno::INTR) => {}
            answer => return answer,
        }
    }
}

/// Whether the system says that it, or this file system, has no such operation.
pub(crate) fn is_unsupported(errno: Errno) -> bool {
    // Two of these are one number on some systems, so that they cannot be alternatives of one pattern.
    [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::INVAL].contains(&errno)
}

//! A simulated disk: the same tree of directories and files for any number of simulated processes, whose
//! operations can be made to fail, to be carried out and yet reported as failed, or never to happen because
//! the process died before them; and which can lose at a power cut any part of what was not synced.
//!
//! ```text
//! let disk = SimDisk::new(); let process = disk.process(); process.fault_at(7, Fault::Fail(Errno::NOSPC));
//! // or fault_on(Op::Link, 0, …), or plan(|index, step| …) let store = Filesystem::with_disk(process.disk(),
//! "/sim"); … disk.for_each_loss(10_000, |after| { /* a fresh SimDisk in one state that the power cut may
//! leave */ });
//! ```

mod loss;
mod process;
mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use crate::store::disk::Errno;
pub(crate) use loss::{Odometer, seeded};
pub(crate) use process::SimProcess;
use world::World;

/// What every operation of a dead process answers.
pub(crate) const DEAD: Errno = Errno::CANCELED;

/// The primitive operations, as they are counted and traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Op {
    OpenDir,
    OpenRead,
    Create,
    OpenLock,
    MakeDir,
    RemoveDir,
    Link,
    Rename,
    RenameNoReplace,
    Unlink,
    Stat,
    Identity,
    SyncDir,
    Entries,
    Write,
    Read,
    Info,
    SyncFile,
    Writeback,
    Lock,
    LockShared,
    Unlock,
    Duplicate,
    Close,
}

/// One operation. The path is whole; for links and renames it is the new name's. A temporary name is shown as
/// `.lode-*.tmp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) path: String,
}

/// What goes wrong at an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and does nothing. A failed sync may have lost what it should have kept, for good; an
    /// interrupted one (`EINTR`) has not.
    Fail(Errno),
    /// It is carried out, and reported as failed.
    After(Errno),
    /// A write takes at most this many bytes; all other operations succeed.
    Short(usize),
    /// A sync does nothing and says that it has; anything else goes well.
    Skip,
    /// The process dies before it.
    Crash,
    /// The process dies right after it.
    CrashAfter,
}

/// The disk itself. Clones are the same disk.
#[derive(Clone)]
pub(crate) struct SimDisk {
    world: Arc<Mutex<World>>,
    processes: Arc<AtomicU64>,
}

fn locked(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    /// An empty, wholly durable root.
    pub(crate) fn new() -> Self {
        Self::from_world(World::new())
    }

    fn from_world(world: World) -> Self {
        SimDisk { world: Arc::new(Mutex::new(world)), processes: Arc::default() }
    }

    /// A new process that uses it.
    pub(crate) fn process(&self) -> SimProcess {
        SimProcess::new(Arc::clone(&self.world), self.processes.fetch_add(1, Ordering::Relaxed))
    }

    /// A disk without hard links, like FAT.
    pub(crate) fn without_hard_links(self) -> Self {
        locked(&self.world).hard_links = false;
        self
    }

    /// A disk without the rename that never replaces.
    pub(crate) fn without_rename_noreplace(self) -> Self {
        locked(&self.world).rename_noreplace = false;
        self
    }

    /// A disk without locks.
    pub(crate) fn without_locks(self) -> Self {
        locked(&self.world).lockable = false;
        self
    }

    /// All files by path, temporary ones included, as a process sees them now.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        locked(&self.world).files()
    }

    /// All directories by path, the root left out.
    pub(crate) fn directories(&self) -> Vec<String> {
        locked(&self.world).directories()
    }

    /// The paths of the temporary files.
    pub(crate) fn temporaries(&self) -> Vec<String> {
        let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
        let files = self.files();
        files.into_keys().filter(|path| crate::store::key::is_temporary(&name(path))).collect()
    }

    /// Lets time pass on its clock.
    pub(crate) fn pass(&self, time: std::time::Duration) {
        let mut world = locked(&self.world);
        world.clock += i128::try_from(time.as_nanos()).expect("a short time");
    }

    /// Removes a name behind every process's back.
    pub(crate) fn remove(&self, path: &str) {
        locked(&self.world).remove(path);
    }

    /// Adds bytes to a file behind every process's back.
    pub(crate) fn append(&self, path: &str, data: &[u8]) {
        locked(&self.world).append(path, data);
    }

    /// Writes a file behind every process's back, wholly durable, with the directories it needs.
    pub(crate) fn plant(&self, path: &str, data: &[u8]) {
        locked(&self.world).plant(path, data);
    }
}

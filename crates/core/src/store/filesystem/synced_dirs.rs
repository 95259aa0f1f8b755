//! Which directories are known to be durable, and making them so.
//!
//! Syncing a directory makes the entries in it durable, not its own entry above it. So before an object gets
//! its name in a directory, the directory above it is synced, and so on up to the root, once per handle: the
//! process that made them may not have done so. A handle remembers what it has synced, for a bounded number
//! of directories, as every snapshot has directories of its own; a forgotten one costs a few syncs, nothing
//! else.

use std::sync::Mutex;
use std::sync::TryLockError;

use super::{Core, split};
use crate::error::Result;
use crate::store::SyncedDirectories;
use crate::store::disk::{Dir, Identity, retry};

/// Enough for the working set of some dozens of datasets.
const CAPACITY: usize = 256;

/// Directories whose own entry, and those of all the directories above them, are durable.
#[derive(Debug)]
pub(super) struct SyncedDirs(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Sorted by their paths.
    dirs: Vec<SyncedDir>,
    /// Counts uses, so that the one unused for longest goes first.
    clock: u64,
}

#[derive(Debug)]
struct SyncedDir {
    path: String,
    identity: Identity,
    /// When it was used last.
    used: u64,
}

impl Known {
    /// Where this directory is, or belongs.
    fn position(&self, path: &str) -> std::result::Result<usize, usize> {
        self.dirs.binary_search_by(|dir| (*dir.path).cmp(path))
    }
}

impl SyncedDirs {
    pub(super) fn new() -> Self {
        SyncedDirs(Mutex::new(Known::default()))
    }

    /// Works on what is known, unless the lock stays taken: in a forked child it may be held by a thread that
    /// does not exist there. Then nothing is known, which is always safe.
    fn with<T>(&self, work: impl FnOnce(&mut Known) -> T) -> Option<T> {
        for _ in 0..1_000 {
            match self.0.try_lock() {
                Ok(mut known) => return Some(work(&mut known)),
                Err(TryLockError::Poisoned(poisoned)) => return Some(work(&mut poisoned.into_inner())),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }

    /// Whether this very directory is known to be durable. A new one under the name of an old one is not; and
    /// as only an empty directory can be removed, a new one anywhere above means a new one here.
    fn contains(&self, path: &str, identity: Identity) -> bool {
        path.is_empty()
            || self
                .with(|known| {
                    known.clock += 1;
                    let clock = known.clock;
                    let Ok(at) = known.position(path) else { return false };
                    let dir = &mut known.dirs[at];
                    dir.used = if dir.identity == identity { clock } else { dir.used };
                    dir.identity == identity
                })
                .unwrap_or(false)
    }

    fn add(&self, path: &str, identity: Identity) {
        self.with(|known| {
            known.clock += 1;
            let clock = known.clock;
            if let Ok(at) = known.position(path) {
                (known.dirs[at].identity, known.dirs[at].used) = (identity, clock);
                return;
            }
            if known.dirs.len() >= CAPACITY {
                let oldest = known.dirs.iter().enumerate().min_by_key(|(_, dir)| dir.used);
                if let Some((oldest, _)) = oldest {
                    known.dirs.remove(oldest);
                }
            }
            let (Ok(at) | Err(at)) = known.position(path);
            known.dirs.insert(at, SyncedDir { path: path.to_owned(), identity, used: clock });
        });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.with(|known| known.dirs.len()).unwrap_or(0)
    }
}

impl Core {
    /// Makes the entries of a directory and of all those above it durable, as far as this handle does not
    /// know them to be. The directory's own entries are not synced, and those of directories that are among
    /// `synced` have been, since all that is to be durable now was made.
    pub(super) fn sync_parents(
        &self,
        dir_path: &str,
        dir: &dyn Dir,
        synced: &mut SyncedDirectories,
    ) -> Result<()> {
        let identity = |path: &str, dir: &dyn Dir| {
            retry(|| dir.identity()).map_err(|errno| self.failure("identify the directory", path, errno))
        };
        if dir_path.is_empty() {
            return Ok(());
        }
        let own = identity(dir_path, dir)?;
        if self.synced_dirs.contains(dir_path, own) {
            return Ok(());
        }
        let (mut pending, mut just_synced) = (vec![(dir_path, own)], Vec::new());
        let mut path = dir_path;
        loop {
            path = split(path).0;
            let above = retry(|| self.disk.open_dir(path))
                .map_err(|errno| self.failure("open the directory", path, errno))?;
            let own = identity(path, &*above)?;
            if synced.0.contains(&(path.to_owned(), own)) {
                break;
            }
            self.sync_dir(path, &*above)?;
            just_synced.push((path, own));
            if path.is_empty() || self.synced_dirs.contains(path, own) {
                break;
            }
            pending.push((path, own));
        }
        // What leads to them is durable now, too.
        synced.0.extend(just_synced.into_iter().map(|(path, own)| (path.to_owned(), own)));
        for (path, identity) in pending {
            self.synced_dirs.add(path, identity);
        }
        Ok(())
    }

    /// Makes a directory's entries durable. A failure is remembered, and the sync never tried again.
    pub(super) fn sync_dir(&self, path: &str, dir: &dyn Dir) -> Result<()> {
        self.check_doubt(path)?;
        retry(|| dir.sync()).map_err(|errno| {
            self.doubt(path);
            self.sync_failure(path, errno)
        })
    }

    /// Fails if a sync of this file or directory has failed in this process.
    pub(super) fn check_doubt(&self, path: &str) -> Result<()> {
        if self.disk.doubts().contains(self.disk.doubt_prefix(), path) {
            return Err(self.doubt_failure(path));
        }
        Ok(())
    }

    pub(super) fn doubt(&self, path: &str) {
        self.disk.doubts().add(self.disk.doubt_prefix(), path);
    }
}

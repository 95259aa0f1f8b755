//! Compare-and-swap of the one mutable kind of object, under the lock that the Go library takes, too.
//!
//! A swap has two halves. What can go wrong for good comes first: opening the lock file, trying the lock,
//! writing the new value beside the old one. What remains is to lock, compare, rename and sync the directory.
//! A commit prepares the swap of its pointer before it decides, so that a pointer that can never be moved is
//! found in time.

use std::sync::Arc;

use super::naming::is_refusal;
use super::{Core, split};
use crate::context::Context;
use crate::error::{Action, Error, Result, Status};
use crate::id;
use crate::store::disk::{Dir, Errno, File, is_unsupported, retry};
use crate::store::{Durability, LockWait, PreparedSwap, Swap, SyncedDirectories, key};

/// More than any pointer has; a longer one is damaged.
const LONGEST: u64 = 1 << 20;

/// A swap whose lock file is open, and whose value may be written already.
pub(super) struct FileSwap {
    core: Arc<Core>,
    key: String,
    value: Vec<u8>,
    durability: Durability,
    dir: Box<dyn Dir>,
    lock: Box<dyn File>,
    staged: Staged,
}

/// How far the new value's file has come.
enum Staged {
    /// There is none yet, or none any more.
    Nothing,
    /// It is written under this temporary name.
    Written(String, Box<dyn File>),
    /// It is as durable as asked, and closed.
    Ready(String),
}

impl FileSwap {
    /// Opens the lock file, making it and its directory if need be.
    pub(super) fn open(core: &Arc<Core>, key: &str, value: &[u8], durability: Durability) -> Result<Self> {
        key::check(key)?;
        let (dir_path, name) = split(key);
        if durability == Durability::Full {
            core.check_doubt(dir_path)?;
        }
        let lock_name = format!("{name}.lock");
        let opened = core
            .in_directory("lock", &Core::beside(key, &lock_name), |dir| retry(|| dir.open_lock(&lock_name)));
        let (dir, lock) = opened.map_err(|error| match error.errno().map(Errno::from_raw_os_error) {
            // A process that may not lock may not swap, today and tomorrow.
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => error.with_action(Action::GiveUp),
            _ => error,
        })?;
        let (core, key, value) = (Arc::clone(core), key.to_owned(), value.to_owned());
        Ok(FileSwap { core, key, value, durability, dir, lock, staged: Staged::Nothing })
    }

    /// Tries the lock, which another writer may well hold, and writes the value.
    pub(super) fn prepare(&mut self) -> Result<()> {
        match retry(|| self.lock.try_lock()) {
            Ok(()) => {
                let _ = retry(|| self.lock.unlock());
            }
            Err(Errno::WOULDBLOCK) => {}
            Err(errno) => return Err(self.lock_failure(errno)),
        }
        self.write()?;
        if let Staged::Written(_, file) = &mut self.staged {
            file.start_writeback(0, self.value.len() as u64);
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let (temporary, mut file) = Core::create_temporary(&*self.dir)
            .map_err(|errno| self.core.failure("write", &self.key, errno))?;
        match self.core.write_all(&self.key, &mut *file, &self.value) {
            Ok(()) => {
                self.staged = Staged::Written(temporary, file);
                Ok(())
            }
            Err((_, error)) => {
                let _ = Core::unlink(&*self.dir, &temporary);
                Err(error)
            }
        }
    }

    /// Makes the value as durable as asked, under its temporary name.
    fn complete(&mut self) -> Result<()> {
        if let Staged::Nothing = self.staged {
            self.write()?;
        }
        let (temporary, mut file) = match std::mem::replace(&mut self.staged, Staged::Nothing) {
            Staged::Written(temporary, file) => (temporary, file),
            ready => {
                self.staged = ready;
                return Ok(());
            }
        };
        let core = &self.core;
        let completed = match self.durability {
            Durability::Full => retry(|| file.sync()).map_err(|errno| core.failure("sync", &self.key, errno)),
            Durability::Process => Ok(()),
        }
        .and_then(|()| core.check_size(&self.key, &*file, self.value.len() as u64))
        .and_then(|()| core.close(&self.key, file))
        .and_then(|()| match self.durability {
            Durability::Full => {
                core.sync_parents(split(&self.key).0, &*self.dir, &mut SyncedDirectories::default())
            }
            Durability::Process => Ok(()),
        });
        match completed {
            Ok(()) => {
                self.staged = Staged::Ready(temporary);
                Ok(())
            }
            Err(error) => {
                let _ = Core::unlink(&*self.dir, &temporary);
                Err(error)
            }
        }
    }

    fn lock_failure(&self, errno: Errno) -> Error {
        let error = self.core.failure("lock", &format!("{}.lock", self.key), errno);
        if is_unsupported(errno) || errno == Errno::NOLCK {
            return error
                .with_status(Status::Unsupported)
                .context("this file system has no locks, so that the store can be read only");
        }
        error
    }

    /// Waits for the lock, compares, and replaces. An error is one before the rename: nothing was changed.
    fn swap(&mut self, context: &Context, expected: &[u8], wait: LockWait) -> Result<Swap> {
        if let Err(busy) = self.wait_for_lock(context, wait)? {
            return Ok(Swap::Busy(busy));
        }
        let swapped = self.swap_locked(expected);
        // Released by name and not only by closing: a process forked meanwhile has the descriptor, too.
        let _ = retry(|| self.lock.unlock());
        swapped
    }

    fn swap_locked(&mut self, expected: &[u8]) -> Result<Swap> {
        let current = self.core.current(&self.key, &*self.dir)?;
        if current.as_deref().unwrap_or_default() != expected {
            return Ok(Swap::Mismatch(current));
        }
        self.complete()?;
        let Staged::Ready(temporary) = std::mem::replace(&mut self.staged, Staged::Nothing) else {
            return Err(Error::new(Status::Internal, "a swap without a value"));
        };
        let (dir_path, name) = split(&self.key);
        if let Err(errno) = retry(|| self.dir.rename(&temporary, name)) {
            match self.core.renamed(&self.key, &*self.dir, &temporary, &self.value, errno) {
                Renamed::Yes => {}
                Renamed::No(error) => return Ok(Swap::Failed(error)),
                Renamed::Unknown(error) => return Ok(Swap::Unknown(error)),
            }
        }
        if self.durability == Durability::Full
            && let Err(error) = self.core.sync_dir(dir_path, &*self.dir)
        {
            return Ok(Swap::Unknown(error));
        }
        Ok(Swap::Done)
    }

    /// Tries to take the lock, with growing pauses, until the deadline or as often as allowed. The inner
    /// error: another writer has it.
    fn wait_for_lock(&mut self, context: &Context, wait: LockWait) -> Result<Result<()>> {
        let path = format!("{}.lock", self.key);
        let root = &self.core.root;
        let mut tries = 0_u32;
        loop {
            match retry(|| self.lock.try_lock()) {
                Ok(()) => return Ok(Ok(())),
                Err(Errno::WOULDBLOCK) => {}
                Err(errno) => return Err(self.lock_failure(errno)),
            }
            tries = tries.saturating_add(1);
            if !wait.allows(context, tries) {
                let message = format!(
                    "{path:?} in {root} is locked by another writer, at each of {tries} tries; try again, or allow \
                     more time"
                );
                return Ok(Err(Error::new(Status::Busy, message).with_path(path)));
            }
            let pause = context.retry().pause(tries, id::fresh_random());
            if let Err(error) = context.sleep(pause, "waiting for another writer's lock") {
                return Ok(Err(error.context(format_args!("{path:?} in {root}")).with_path(path)));
            }
        }
    }
}

impl PreparedSwap for FileSwap {
    fn sync(&mut self, _context: &Context) -> Result<()> {
        self.complete()
    }

    fn finish(&mut self, context: &Context, expected: &[u8], wait: LockWait) -> Swap {
        self.swap(context, expected, wait).unwrap_or_else(Swap::Failed)
    }
}

impl Drop for FileSwap {
    fn drop(&mut self) {
        match std::mem::replace(&mut self.staged, Staged::Nothing) {
            Staged::Nothing => {}
            Staged::Written(temporary, _) | Staged::Ready(temporary) => {
                let _ = Core::unlink(&*self.dir, &temporary);
            }
        }
    }
}

impl Core {
    /// The bytes as they are now.
    fn current(&self, key: &str, dir: &dyn Dir) -> Result<Option<Vec<u8>>> {
        match retry(|| dir.open_read(split(key).1)) {
            Ok(file) => {
                let size = self.regular(key, &*file)?;
                self.read_whole(key, &*file, size, LONGEST).map(Some)
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failure("read", key, errno)),
        }
    }

    /// What a rename that failed has done; see `examine` in `naming.rs`. The lock is held, so that what
    /// stands under the name was not put there by another writer of this library.
    fn renamed(&self, key: &str, dir: &dyn Dir, temporary: &str, value: &[u8], errno: Errno) -> Renamed {
        match Self::unlink(dir, temporary) {
            Ok(()) => Renamed::No(self.failure("replace", key, errno)),
            Err(Errno::NOENT) if self.current(key, dir).is_ok_and(|now| now.as_deref() == Some(value)) => {
                Renamed::Yes
            }
            Err(other) if other != Errno::NOENT && is_refusal(errno) => {
                Renamed::No(self.failure("replace", key, errno))
            }
            Err(_) => Renamed::Unknown(self.failure("learn whether it could replace", key, errno)),
        }
    }
}

enum Renamed {
    Yes,
    No(Error),
    Unknown(Error),
}

//! Compare-and-swap of the one mutable kind of object, under the lock that the Go library takes, too.

use super::place::is_refusal;
use super::{Core, split};
use crate::context::Context;
use crate::error::{Error, Status};
use crate::id;
use crate::store::disk::{Dir, Errno, File, is_unsupported, retry};
use crate::store::{Durability, LockWait, Swap, key};

/// More than any pointer has; a longer one is damaged.
const LONGEST: u64 = 1 << 20;

/// A held lock; dropping it gives it back.
struct Lock(Box<dyn File>);

impl Drop for Lock {
    fn drop(&mut self) {
        // Told by name and not only by closing: a process forked meanwhile has the descriptor, too.
        let _ = retry(|| self.0.unlock());
    }
}

impl Core {
    pub(super) fn swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        match self.swap_steps(context, key, expected, value, durability, wait) {
            Ok(swap) => swap,
            Err(error) => Swap::Failed(error),
        }
    }

    /// An error here is one before the rename: nothing was changed.
    fn swap_steps(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Result<Swap, Error> {
        key::check(key)?;
        let (dir_path, name) = split(key);
        if durability == Durability::Full {
            self.check_doubt(dir_path)?;
        }
        let lock_name = format!("{name}.lock");
        let (dir, lock) = self.in_directory("lock", &Self::beside(key, &lock_name), |dir| {
            retry(|| dir.open_lock(&lock_name))
        })?;
        let _lock = match self.lock(context, key, lock, wait)? {
            Ok(lock) => lock,
            Err(busy) => return Ok(Swap::Busy(busy)),
        };
        let current = self.current(key, &*dir)?;
        if current.as_deref().unwrap_or_default() != expected {
            return Ok(Swap::Mismatch(current));
        }
        let (temporary, mut file) =
            Self::create_temporary(&*dir).map_err(|errno| self.failure("write", key, errno))?;
        let written = self
            .write_all(key, &mut *file, value)
            .map_err(|(_, error)| error)
            .and_then(|()| match durability {
                Durability::Full => retry(|| file.sync()).map_err(|errno| self.failure("sync", key, errno)),
                Durability::Process => Ok(()),
            })
            .and_then(|()| self.check_size(key, &*file, value.len() as u64))
            .and_then(|()| self.close(key, file))
            .and_then(|()| match durability {
                Durability::Full => self.settle(dir_path, &*dir),
                Durability::Process => Ok(()),
            });
        if let Err(error) = written {
            let _ = Self::unlink(&*dir, &temporary);
            return Err(error);
        }
        if let Err(errno) = retry(|| dir.rename(&temporary, name)) {
            match self.renamed(key, &*dir, &temporary, value, errno) {
                Renamed::Yes => {}
                Renamed::No(error) => return Ok(Swap::Failed(error)),
                Renamed::Unknown(error) => return Ok(Swap::Unknown(error)),
            }
        }
        if durability == Durability::Full
            && let Err(error) = self.sync_dir(dir_path, &*dir)
        {
            return Ok(Swap::Unknown(error));
        }
        Ok(Swap::Done)
    }

    /// The bytes as they are now.
    fn current(&self, key: &str, dir: &dyn Dir) -> Result<Option<Vec<u8>>, Error> {
        match retry(|| dir.open_read(split(key).1)) {
            Ok(file) => {
                let size = self.regular(key, &*file)?;
                self.read_whole(key, &*file, size, LONGEST).map(Some)
            }
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failure("read", key, errno)),
        }
    }

    /// Tries to take the lock, with growing pauses, until the deadline or as often as allowed. The inner error:
    /// somebody else has it.
    fn lock(
        &self,
        context: &Context,
        key: &str,
        mut file: Box<dyn File>,
        wait: LockWait,
    ) -> Result<Result<Lock, Error>, Error> {
        let shown = || format!("{key}.lock");
        let mut tries = 0_u32;
        loop {
            match retry(|| file.try_lock()) {
                Ok(()) => return Ok(Ok(Lock(file))),
                Err(Errno::WOULDBLOCK) => {}
                Err(errno) if is_unsupported(errno) || errno == Errno::NOLCK => {
                    return Err(self
                        .failure("lock", &shown(), errno)
                        .with_status(Status::Unsupported)
                        .context("this file system has no locks, so that the store can be read only"));
                }
                Err(errno) => return Err(self.failure("lock", &shown(), errno)),
            }
            tries = tries.saturating_add(1);
            let doing = "waiting for another writer's lock";
            if !wait.allows(context, tries) {
                let message = format!(
                    "{:?} in {} is locked by another writer, at each of {tries} tries; try again, or allow more \
                     time",
                    shown(),
                    self.root
                );
                return Ok(Err(Error::new(Status::Busy, message).with_path(shown())));
            }
            let pause = context.retry().pause(tries, id::fresh_random());
            if let Err(error) = context.sleep(pause, doing) {
                return Ok(Err(error
                    .context(format_args!("{:?} in {}", shown(), self.root))
                    .with_path(shown())));
            }
        }
    }

    /// What a rename that failed has done; see `examine` in `place.rs`. The lock is held, so that what stands
    /// under the name was not put there by another writer of ours.
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

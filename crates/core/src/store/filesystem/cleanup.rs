//! What clean-up asks of a directory tree: everything in it with its age, and the locks of living writers. A
//! writer holds a shared lock on what it has staged; the system gives it back when the process dies.

use std::sync::Mutex;
use std::time::Duration;

use super::{Core, join, split};
use crate::context::Context;
use crate::error::Result;
use crate::store::cleanup::{Aged, RemovalLock};
use crate::store::disk::{Errno, File, Kind, is_unsupported, retry};
use crate::store::{Hold, key};

/// The exclusive lock of a clean-up.
struct FileLock {
    /// Nothing but the lock is asked of it; the mutex makes it fit to be shared by threads.
    _file: Mutex<Box<dyn File>>,
}

impl Hold for FileLock {}

impl Core {
    /// Keeps every writer off the object of this key, unless one holds it.
    pub(super) fn lock_for_removal(&self, key: &str) -> Result<RemovalLock> {
        key::check(key)?;
        let (dir_path, name) = split(key);
        let failure = |errno| self.failure("lock", key, errno);
        let opened = retry(|| self.disk.open_dir(dir_path))
            .and_then(|dir| retry(|| dir.open_read(name)).map(|file| (dir, file)));
        let (dir, mut file) = match opened {
            Ok(opened) => opened,
            Err(Errno::NOENT | Errno::NOTDIR) => return self.absent(key).map(|()| RemovalLock::Gone),
            Err(errno) => return Err(failure(errno)),
        };
        match retry(|| file.try_lock()) {
            Ok(()) => {}
            // Where an exclusive lock cannot be had, nothing is known to be free.
            Err(errno) if errno == Errno::WOULDBLOCK || errno == Errno::BADF || is_unsupported(errno) => {
                return Ok(RemovalLock::Held);
            }
            Err(errno) => return Err(failure(errno)),
        }
        // Another clean-up may have removed it before the lock was free, and a writer made it anew.
        let own = retry(|| file.identity()).map_err(failure)?;
        match retry(|| dir.stat(name)) {
            Ok((Kind::File, there)) if there == own => {
                Ok(RemovalLock::Taken(Box::new(FileLock { _file: Mutex::new(file) })))
            }
            Ok(_) => Ok(RemovalLock::Held),
            Err(Errno::NOENT) => Ok(RemovalLock::Gone),
            Err(errno) => Err(failure(errno)),
        }
    }

    /// Everything below a prefix, temporary files included, with its age against a file just written there.
    pub(super) fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        let path = prefix.strip_suffix('/').unwrap_or(prefix);
        if !self.is_folder(path)? {
            return Ok(());
        }
        let now = self.time_beside(&join(path, "a temporary file"))?;
        self.walk(context, prefix, &mut |dir, name| {
            let key = join(dir, name);
            let opened = match self.open_file(&key) {
                Ok(opened) => opened,
                // It is no regular file, or may not be read: not one that this library made.
                Err(_) => return Ok(true),
            };
            let Some((file, size)) = opened else { return Ok(true) };
            let modified =
                retry(|| file.modified()).map_err(|errno| self.failure("learn the age of", &key, errno))?;
            let age = Duration::from_nanos(u64::try_from(now - modified).unwrap_or_default());
            Ok(each(&Aged { key: &key, size, age }))
        })
    }

    fn is_folder(&self, path: &str) -> Result<bool> {
        match retry(|| self.disk.open_dir(path)) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT | Errno::NOTDIR) => self.absent(path).map(|()| false),
            Err(errno) => Err(self.failure("list", path, errno)),
        }
    }
}

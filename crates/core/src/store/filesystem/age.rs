//! How long an object has stood unchanged, by the clock of the file system, which all its writers share.

use std::time::Duration;

use super::{Core, split};
use crate::error::Result;
use crate::store::disk::retry;
use crate::store::{Inspected, StoreTime};

impl Core {
    /// The file's size, and its time against that of a file just written beside it, or beside an earlier one.
    pub(super) fn inspect(&self, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        let Some((file, size)) = self.open_file(key)? else { return Ok(None) };
        let failure = |errno| self.failure("learn the age of", key, errno);
        let then = retry(|| file.modified()).map_err(failure)?;
        drop(file);
        let now = match time.0 {
            Some(now) => now,
            None => *time.0.insert(self.time_beside(key)?),
        };
        let age = Duration::from_nanos(u64::try_from(now - then).unwrap_or_default());
        Ok(Some(Inspected { size, age: Some(age) }))
    }

    /// The time that a file gets which is written beside this one now.
    pub(super) fn time_beside(&self, key: &str) -> Result<i128> {
        let failure = |errno| self.failure("learn the age of", key, errno);
        let dir = retry(|| self.disk.open_dir(split(key).0)).map_err(failure)?;
        let (temporary, mut fresh) = Self::create_temporary(&*dir).map_err(failure)?;
        let now = self.write_all(key, &mut *fresh, b"now").map_err(|(_, error)| error);
        let now = now.and_then(|()| retry(|| fresh.modified()).map_err(failure));
        let removed = Self::unlink(&*dir, &temporary);
        let now = now?;
        removed.map_err(failure)?;
        Ok(now)
    }
}

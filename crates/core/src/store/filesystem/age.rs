//! How long an object has stood unchanged, by the clock of the file system, which all its writers share.

use std::time::Duration;

use super::{Core, split};
use crate::error::Result;
use crate::store::disk::retry;

impl Core {
    /// The file's time against that of a file just written beside it.
    pub(super) fn age(&self, key: &str) -> Result<Option<Duration>> {
        let Some((file, _)) = self.open_file(key)? else { return Ok(None) };
        let failure = |errno| self.failure("learn the age of", key, errno);
        let then = retry(|| file.modified()).map_err(failure)?;
        let dir = retry(|| self.disk.open_dir(split(key).0)).map_err(failure)?;
        let (temporary, mut fresh) = Self::create_temporary(&*dir).map_err(failure)?;
        let now = self.write_all(key, &mut *fresh, b"now").map_err(|(_, error)| error);
        let now = now.and_then(|()| retry(|| fresh.modified()).map_err(failure));
        let removed = Self::unlink(&*dir, &temporary);
        let elapsed = u64::try_from(now? - then).unwrap_or_default();
        removed.map_err(failure)?;
        Ok(Some(Duration::from_nanos(elapsed)))
    }
}

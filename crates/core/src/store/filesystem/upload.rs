//! An object on its way: written under a temporary name, it appears at [`Upload::finish`] or never.

use std::sync::Arc;

use super::place::Placed;
use super::{Core, split};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::process::Process;
use crate::store::disk::{Dir, File, retry};
use crate::store::{Durability, Put, Upload, key};

/// What [`Process::check`] names.
const THE_UPLOAD: &str = "an object on its way into a store";

/// Holds two descriptors: the file's and its directory's. The latter is held from the start, so that after the
/// object has got its name no lack of descriptors stands in the way of the directory's sync.
pub(super) struct FileUpload {
    core: Arc<Core>,
    /// In another one it neither writes nor removes: the file is this one's.
    process: Process,
    key: String,
    durability: Durability,
    dir: Box<dyn Dir>,
    /// The temporary name; `None` once there is nothing left to remove.
    temporary: Option<String>,
    /// `None` once closed, or after a failed write.
    file: Option<Box<dyn File>>,
    written: u64,
    /// How many bytes beyond `written` the file holds of a write for which there was not enough space.
    ahead: usize,
    /// All that must happen before the object gets its name has happened.
    complete: bool,
    /// Up to where write-back was begun.
    flowing: u64,
}

impl FileUpload {
    pub(super) fn begin(core: &Arc<Core>, key: &str, durability: Durability) -> Result<Self> {
        key::check(key)?;
        if durability == Durability::Full {
            core.check_doubt(split(key).0)?;
        }
        let (dir, (temporary, file)) = core.in_directory("write", key, Core::create_temporary)?;
        Ok(FileUpload {
            core: Arc::clone(core),
            process: Process::current(),
            key: key.to_owned(),
            durability,
            dir,
            temporary: Some(temporary),
            file: Some(file),
            written: 0,
            ahead: 0,
            complete: false,
            flowing: 0,
        })
    }

    /// Everything that must have happened before the object gets its name.
    fn complete(&mut self) -> Result<()> {
        let Some(mut file) = self.file.take() else {
            let message = format!(
                "cannot finish {:?} in {}: a write, sync or close of it failed before, and to repeat that would prove \
                 nothing; write it anew",
                self.key, self.core.root
            );
            return Err(Error::new(Status::State, message).with_path(&self.key));
        };
        if self.durability == Durability::Full {
            retry(|| file.sync()).map_err(|errno| self.core.failure("sync", &self.key, errno))?;
        }
        if let Err(altered) = self.core.check_size(&self.key, &*file, self.written) {
            self.file = Some(file);
            return Err(altered);
        }
        self.core.close(&self.key, file)?;
        if self.durability == Durability::Full {
            // After the file's own sync, which on most file systems has the new directories in its wake.
            self.core.settle(split(&self.key).0, &*self.dir)?;
        }
        Ok(())
    }

    fn sync_entry(&self) -> Result<()> {
        match self.durability {
            Durability::Full => self.core.sync_dir(split(&self.key).0, &*self.dir),
            Durability::Process => Ok(()),
        }
    }
}

impl Upload for FileUpload {
    fn write(&mut self, _context: &Context, data: &[u8]) -> Result<()> {
        self.process.check(THE_UPLOAD)?;
        let Some(file) = &mut self.file else {
            let message =
                format!("cannot write {:?} in {}: a write of it failed before", self.key, self.core.root);
            return Err(Error::new(Status::State, message).with_path(&self.key));
        };
        let done = self.ahead.min(data.len());
        match self.core.write_all(&self.key, &mut **file, &data[done..]) {
            Ok(()) => {
                self.written += data.len() as u64;
                self.ahead = 0;
                Ok(())
            }
            Err((count, error)) => {
                if error.status() == Status::NoSpace {
                    self.ahead = done + count;
                } else {
                    self.file = None;
                }
                Err(error)
            }
        }
    }

    fn start_writeback(&mut self) {
        if let Some(file) = &mut self.file
            && self.written > self.flowing
        {
            file.start_writeback(self.flowing, self.written - self.flowing);
            self.flowing = self.written;
        }
    }

    fn finish(&mut self, _context: &Context) -> Put {
        if let Err(error) = self.process.check(THE_UPLOAD) {
            return Put::Failed(error);
        }
        if !self.complete {
            if let Err(error) = self.complete() {
                return Put::Failed(error);
            }
            self.complete = true;
        }
        let Some(temporary) = self.temporary.clone() else {
            let message = format!("{:?} in {} is finished already", self.key, self.core.root);
            return Put::Failed(Error::new(Status::State, message).with_path(&self.key));
        };
        match self.core.place(&self.key, &*self.dir, &temporary) {
            Placed::Here => {
                self.temporary = None;
                match self.sync_entry() {
                    Ok(()) => Put::Done,
                    // The directory is in doubt now, and with it each object in it.
                    Err(error) => Put::Doubtful(error),
                }
            }
            Placed::Taken => {
                self.temporary = None;
                match self.sync_entry() {
                    Ok(()) => Put::Exists,
                    Err(error) => Put::Failed(error),
                }
            }
            // Dropping it removes the temporary name, if that is still there, and then the directories.
            Placed::Failed(error) => Put::Failed(error),
            Placed::Unknown(error) => {
                self.temporary = None;
                Put::Unknown(error)
            }
        }
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        // The descriptors are closed all the same, and are this process's own.
        if !self.process.is_current() {
            return;
        }
        if let Some(temporary) = self.temporary.take() {
            self.file = None;
            let _ = Core::unlink(&*self.dir, &temporary);
            self.core.prune(split(&self.key).0);
        }
    }
}

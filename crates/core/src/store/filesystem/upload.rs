//! An object that is being written: under a temporary name, until it appears at [`Upload::finish`], or never.

use std::sync::{Arc, Mutex, PoisonError};

use super::naming::Named;
use super::{Core, split};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::process::Process;
use crate::store::disk::{Dir, File, retry};
use crate::store::{Durability, Hold, Put, SyncedDirectories, Upload, key};

/// What [`Process::check`] names.
const THE_UPLOAD: &str = "an object on its way into a store";

/// Which comes first: that the bytes are durable, or that the object has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The name means whole and durable bytes, at every moment and after every power cut.
    NameLast,
    /// For a key that only this upload can have, and that nothing leads to before the upload is finished.
    /// Then one commit of the file system's journal makes bytes and name durable, and not one each; a power
    /// cut may leave a part of the bytes under a name that nothing leads to.
    NameFirst,
}

/// What name the object has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// The temporary one, or none any more.
    Temporary,
    /// Its own, which may not be durable.
    Own,
    /// Its own, for good.
    Kept,
    /// Another object has its name.
    Taken,
}

/// Holds two descriptors: the file's and its directory's. The latter is held from the start, so that after
/// the object has got its name no lack of descriptors stands in the way of the directory's sync.
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
    /// Clean-up leaves the file alone while it is open, and while a [`FileHold`] lives.
    locked: bool,
    written: u64,
    /// How many bytes beyond `written` the file holds of a write for which there was not enough space.
    ahead: usize,
    name: Name,
    order: Order,
    /// The bytes are as durable as asked, and the file is closed.
    complete: bool,
    /// The directories that lead to the object are durable, its own left out.
    parents_synced: bool,
    /// Up to where write-back was begun.
    flowing: u64,
}

impl FileUpload {
    pub(super) fn begin(core: &Arc<Core>, key: &str, durability: Durability, order: Order) -> Result<Self> {
        key::check(key)?;
        if durability == Durability::Full {
            core.check_doubt(split(key).0)?;
        }
        let (dir, (temporary, mut file)) = core.in_directory("write", key, Core::create_temporary)?;
        // What is never held for long needs no lock. Without one the file's age alone protects it.
        let locked = order == Order::NameFirst && retry(|| file.try_lock_shared()).is_ok();
        Ok(FileUpload {
            core: Arc::clone(core),
            process: Process::current(),
            key: key.to_owned(),
            durability,
            dir,
            temporary: Some(temporary),
            file: Some(file),
            locked,
            written: 0,
            ahead: 0,
            name: Name::Temporary,
            order,
            complete: false,
            parents_synced: false,
            flowing: 0,
        })
    }

    /// Makes the bytes as durable as asked, and closes the file.
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
        if self.order == Order::NameLast
            && let Err(altered) = self.core.check_size(&self.key, &*file, self.written)
        {
            self.file = Some(file);
            return Err(altered);
        }
        self.core.close(&self.key, file)
    }

    /// Gives the file its name, if that is free.
    fn give_name(&mut self) -> Put {
        let Some(temporary) = self.temporary.clone() else {
            let message = format!("{:?} in {} is finished already", self.key, self.core.root);
            return Put::Failed(Error::new(Status::State, message).with_path(&self.key));
        };
        match self.core.name(&self.key, &*self.dir, &temporary) {
            Named::Here => {
                self.temporary = None;
                self.name = Name::Own;
                Put::Done
            }
            Named::Taken => {
                self.temporary = None;
                self.name = Name::Taken;
                Put::Exists
            }
            // Dropping it removes the temporary name, if that is still there, and then the directories.
            Named::Failed(error) => Put::Failed(error),
            Named::Unknown(error) => {
                self.temporary = None;
                Put::Unknown(error)
            }
        }
    }

    /// Makes the directories durable that lead to the object, its own left out.
    fn sync_parents(&mut self, synced: &mut SyncedDirectories) -> Result<()> {
        if self.durability == Durability::Full && !self.parents_synced {
            self.core.sync_parents(split(&self.key).0, &*self.dir, synced)?;
        }
        self.parents_synced = true;
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

    fn sync(&mut self, _context: &Context) -> Result<()> {
        self.process.check(THE_UPLOAD)?;
        if !self.complete {
            self.complete()?;
            self.complete = true;
        }
        if self.order == Order::NameLast {
            // After the file's own sync, which on most file systems has the new directories in its wake.
            self.sync_parents(&mut SyncedDirectories::default())?;
        }
        Ok(())
    }

    fn sync_directories(&mut self, _context: &Context, synced: &mut SyncedDirectories) -> Result<()> {
        self.process.check(THE_UPLOAD)?;
        self.sync_parents(synced)
    }

    fn hold(&mut self) -> Option<Box<dyn Hold>> {
        let file = self.file.as_mut()?;
        // What is staged for long is locked from its beginning on; anything else, once that is asked for.
        self.locked = self.locked || retry(|| file.try_lock_shared()).is_ok();
        let file = retry(|| file.duplicate()).ok().filter(|_| self.locked)?;
        Some(Box::new(FileHold { process: self.process, file: Mutex::new(file) }))
    }

    fn name(&mut self, context: &Context) -> Put {
        match self.name {
            Name::Own => return Put::Done,
            Name::Taken => return Put::Exists,
            Name::Temporary | Name::Kept => {}
        }
        if self.order == Order::NameLast
            && let Err(error) = self.sync(context)
        {
            return Put::Failed(error);
        }
        if let Err(error) = self.process.check(THE_UPLOAD) {
            return Put::Failed(error);
        }
        if let Some(file) = &self.file
            && let Err(altered) = self.core.check_size(&self.key, &**file, self.written)
        {
            return Put::Failed(altered);
        }
        self.give_name()
    }

    fn finish(&mut self, context: &Context) -> Put {
        let named = self.name(context);
        match named {
            Put::Done => {
                if self.order == Order::NameFirst {
                    let none = &mut SyncedDirectories::default();
                    let synced = self.sync(context).and_then(|()| self.sync_parents(none));
                    if let Err(error) = synced.and_then(|()| self.sync_entry()) {
                        // No other object leads to it, so that it can be taken back.
                        return Put::Failed(error);
                    }
                } else if let Err(error) = self.sync_entry() {
                    // The directory is in doubt now, and with it each object in it.
                    return Put::Doubtful(error);
                }
                self.name = Name::Kept;
                Put::Done
            }
            Put::Exists => match self.sync_entry() {
                Ok(()) => Put::Exists,
                Err(error) => Put::Failed(error),
            },
            failed => failed,
        }
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        // The descriptors are closed all the same, and are this process's own.
        if !self.process.is_current() {
            return;
        }
        let name = match (&self.temporary, self.name, self.order) {
            (Some(temporary), ..) => temporary.clone(),
            (None, Name::Own, Order::NameFirst) => split(&self.key).1.to_owned(),
            _ => return,
        };
        self.file = None;
        let _ = Core::unlink(&*self.dir, &name);
        self.core.prune(split(&self.key).0);
    }
}

/// A further descriptor of an upload's file, which keeps the file's shared lock.
struct FileHold {
    /// Another one only closes its copy: the lock is this one's.
    process: Process,
    /// Nothing but the lock is asked of it; the mutex makes it fit to be shared by threads.
    file: Mutex<Box<dyn File>>,
}

impl Hold for FileHold {}

impl Drop for FileHold {
    fn drop(&mut self) {
        if self.process.is_current() {
            // A forked process that has inherited the descriptor would keep the lock otherwise.
            let _ = self.file.get_mut().unwrap_or_else(PoisonError::into_inner).unlock();
        }
    }
}

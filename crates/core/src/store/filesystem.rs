//! Objects as files below a root directory (`docs/commit-protocol.md`, section "On a filesystem").
//!
//! An object appears whole or not at all: it is written under a temporary name beside its place, synced, and
//! linked to its name, which fails if the name is taken. Each operation is prepared for every answer that a
//! [`Disk`] can give, and tells "certainly not" from "perhaps".

mod age;
mod cleanup;
mod failure;
mod listing;
mod naming;
mod swap;
mod synced_dirs;
mod upload;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::cleanup::{Aged, RemovalLock};
use super::disk::real::RealDisk;
use super::disk::{Dir, Disk, Errno, File, Kind, retry};
use super::{
    Backend, Capabilities, Durability, Head, Inspected, LockWait, Object, PreparedSwap, Put, StoreTime, Swap,
    SyncedDirectories, Upload, key, write_whole,
};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use synced_dirs::SyncedDirs;

/// A store in a directory tree. Threads may share it, and a forked child may go on with it.
pub(crate) struct Filesystem {
    core: Arc<Core>,
}

/// What an upload shares with its store.
pub(crate) struct Core {
    disk: Arc<dyn Disk>,
    /// For messages and [`Backend::location`]: the root as an absolute path.
    root: String,
    synced_dirs: SyncedDirs,
    /// Found out at the first link: this file system has no hard links.
    no_hard_links: AtomicBool,
}

impl Filesystem {
    /// The tree below `root`, which must exist; it may be reached through symbolic links. The directory that
    /// it is now stays the root, even if its name comes to mean another.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` (no directory, or no path at all), `Io`.
    pub(crate) fn open(root: &str) -> Result<Self> {
        if root.is_empty() || root.contains('\0') {
            let message = format!("the root {root:?} of a filesystem store is no path: name a directory");
            return Err(Error::new(Status::InvalidArgument, message));
        }
        let absolute = std::path::absolute(root)
            .map_or_else(|_| root.to_owned(), |path| path.to_string_lossy().into_owned());
        match RealDisk::open(root) {
            Ok(disk) => Ok(Self::with_disk(Arc::new(disk), &absolute)),
            Err(errno) => Err(failure::root(&absolute, errno)),
        }
    }

    /// The tree of any disk; `root` names it in messages.
    pub(crate) fn with_disk(disk: Arc<dyn Disk>, root: &str) -> Self {
        let core = Core {
            disk,
            root: root.to_owned(),
            synced_dirs: SyncedDirs::new(),
            no_hard_links: AtomicBool::new(false),
        };
        Filesystem { core: Arc::new(core) }
    }

    /// How many directories it remembers as durable.
    #[cfg(test)]
    pub(crate) fn synced_directories(&self) -> usize {
        self.core.synced_dirs.len()
    }
}

/// A key's directory (empty: the root) and its last segment.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or(("", key))
}

fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") }
}

impl Core {
    /// Opens the file of a key for reading; `None` if there is none.
    fn open_file(&self, key: &str) -> Result<Option<(Box<dyn File>, u64)>> {
        key::check(key)?;
        let file = match retry(|| self.disk.open_read(key)) {
            Ok(file) => file,
            Err(Errno::NOENT) => return self.absent(key).map(|()| None),
            // A file stands where the key wants a directory, so nothing stands under the key.
            Err(errno @ Errno::NOTDIR) => {
                return match self.obstacle(key) {
                    Some((_, Kind::Symlink)) => Err(self.failure("open", key, errno)),
                    _ => Ok(None),
                };
            }
            Err(errno) => return Err(self.failure("open", key, errno)),
        };
        let size = self.regular(key, &*file)?;
        Ok(Some((file, size)))
    }

    /// The size of a file that must be a regular one.
    fn regular(&self, key: &str, file: &dyn File) -> Result<u64> {
        match retry(|| file.info()) {
            Ok((Kind::File, size)) => Ok(size),
            Ok((Kind::Directory, _)) => Err(self.failure("open", key, Errno::ISDIR)),
            Ok(_) => {
                let message = format!("cannot open {key:?} in {}: it is no regular file", self.root);
                Err(Error::new(Status::InvalidPath, message).with_path(key))
            }
            Err(errno) => Err(self.failure("read the size of", key, errno)),
        }
    }

    /// Nothing is there: an answer, unless the root itself has gone.
    fn absent(&self, key: &str) -> Result<()> {
        if self.disk.root_exists() { Ok(()) } else { Err(self.failure("open", key, Errno::NOENT)) }
    }

    /// The whole of a file of at most `limit` bytes.
    fn read_whole(&self, key: &str, file: &dyn File, size: u64, limit: u64) -> Result<Vec<u8>> {
        let too_long = || {
            let message = format!(
                "{key:?} in {} is longer than the {limit} bytes that such an object may have",
                self.root
            );
            Error::new(Status::Corrupt, message).with_path(key)
        };
        if size > limit {
            return Err(too_long());
        }
        let no_memory = || {
            let message = format!("no memory for the {size} bytes of {key:?} in {}", self.root);
            Error::new(Status::NoMemory, message).with_path(key)
        };
        let mut bytes = Vec::new();
        let mut filled = 0;
        // One byte more than its size, so that the end shows without a further call.
        let mut room =
            usize::try_from(size).ok().and_then(|size| size.checked_add(1)).ok_or_else(no_memory)?;
        loop {
            bytes.try_reserve_exact(room - filled).map_err(|_| no_memory())?;
            bytes.resize(room, 0);
            while filled < room {
                match retry(|| file.read_at(filled as u64, &mut bytes[filled..])) {
                    Ok(0) => {
                        bytes.truncate(filled);
                        return Ok(bytes);
                    }
                    Ok(count) => filled += count,
                    Err(errno) => {
                        return Err(self.failure("read", key, errno).with_offset(filled as u64));
                    }
                }
                // Short of the room, at the size that the file was opened with: that is its end.
                if filled < room && filled as u64 == size {
                    bytes.truncate(filled);
                    return Ok(bytes);
                }
            }
            if filled as u64 > limit {
                return Err(too_long());
            }
            room = room.checked_mul(2).ok_or_else(no_memory)?;
        }
    }

    /// Removes the two lowest directories of a path that exist, if they are empty. Another writer may be
    /// about to use them: they make them again.
    fn prune(&self, dir_path: &str) {
        let mut path = dir_path;
        let mut removed = 0;
        while !path.is_empty() && removed < 2 {
            let (above, name) = split(path);
            match retry(|| self.disk.open_dir(above)).and_then(|dir| retry(|| dir.remove_dir(name))) {
                Ok(()) => removed += 1,
                Err(Errno::NOENT | Errno::NAMETOOLONG) => {}
                Err(_) => return,
            }
            path = above;
        }
    }

    /// Removes a name, trying once more if that fails. `NOENT`: it was gone, or the first try removed it
    /// after all.
    fn unlink(dir: &dyn Dir, name: &str) -> super::disk::Io<()> {
        match retry(|| dir.unlink(name)) {
            Ok(()) => Ok(()),
            Err(Errno::NOENT) => Err(Errno::NOENT),
            Err(_) => retry(|| dir.unlink(name)),
        }
    }

    fn uses_rename(&self) -> bool {
        self.no_hard_links.load(Ordering::Relaxed)
    }
}

impl Backend for Filesystem {
    fn describe(&self) -> String {
        format!("filesystem {}", self.core.root)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            is_ordered: false,
            has_clock: true,
            persists: true,
            has_locations: true,
            has_conditional_uploads: true,
            has_holds: true,
            is_remote: false,
        }
    }

    fn location(&self, key: &str) -> Option<String> {
        let root = self.core.root.trim_end_matches('/');
        Some(format!("{root}/{key}"))
    }

    fn upload(&self, _context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        let order = upload::Order::NameFirst;
        Ok(Box::new(upload::FileUpload::begin(&self.core, key, durability, order)?))
    }

    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        match upload::FileUpload::begin(&self.core, key, durability, upload::Order::NameLast) {
            Ok(mut upload) => write_whole(&mut upload, context, data),
            Err(error) => Put::Failed(error),
        }
    }

    fn head(&self, _context: &Context, key: &str) -> Result<Option<Head>> {
        Ok(self.core.open_file(key)?.map(|(_, size)| Head { size }))
    }

    fn open(&self, _context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        let opened = self.core.open_file(key)?;
        Ok(opened.map(|(file, size)| -> Box<dyn Object> {
            Box::new(FileObject { core: Arc::clone(&self.core), key: key.to_owned(), file, size })
        }))
    }

    fn get(&self, _context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.core.open_file(key)? {
            Some((file, size)) => self.core.read_whole(key, &*file, size, limit).map(Some),
            None => Ok(None),
        }
    }

    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.core.list(context, prefix, start_after, each)
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.core.list_names(context, prefix, each)
    }

    fn delete(&self, _context: &Context, key: &str) -> Result<()> {
        key::check(key)?;
        let (dir_path, name) = split(key);
        let removed = retry(|| self.core.disk.open_dir(dir_path)).and_then(|dir| retry(|| dir.unlink(name)));
        match removed {
            Ok(()) => {
                self.core.prune(dir_path);
                Ok(())
            }
            Err(Errno::NOENT) => self.core.absent(key),
            Err(Errno::NOTDIR) if !matches!(self.core.obstacle(key), Some((_, Kind::Symlink))) => Ok(()),
            Err(errno) => Err(self.core.failure("delete", key, errno)),
        }
    }

    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        match swap::FileSwap::open(&self.core, key, value, durability) {
            Ok(mut swap) => swap.finish(context, expected, wait),
            Err(error) => Swap::Failed(error),
        }
    }

    fn stage(
        &self,
        context: &Context,
        key: &str,
        data: &[u8],
        durability: Durability,
    ) -> Result<Option<Box<dyn Upload>>> {
        let mut upload = upload::FileUpload::begin(&self.core, key, durability, upload::Order::NameLast)?;
        upload.write(context, data)?;
        upload.start_writeback();
        Ok(Some(Box::new(upload)))
    }

    fn prepare_swap(
        &self,
        _context: &Context,
        key: &str,
        value: &[u8],
        durability: Durability,
    ) -> Result<Option<Box<dyn PreparedSwap>>> {
        let mut swap = swap::FileSwap::open(&self.core, key, value, durability)?;
        swap.prepare()?;
        Ok(Some(Box::new(swap)))
    }

    fn identity(&self) -> Option<String> {
        let identity = self.core.disk.doubt_prefix();
        (!identity.is_empty()).then(|| format!("filesystem {identity}"))
    }

    fn age(&self, _context: &Context, key: &str) -> Result<Option<Duration>> {
        Ok(self.core.inspect(key, &mut StoreTime::default())?.and_then(|inspected| inspected.age))
    }

    fn inspect(&self, _context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        self.core.inspect(key, time)
    }

    fn list_aged(
        &self,
        context: &Context,
        prefix: &str,
        each: &mut dyn FnMut(&Aged<'_>) -> bool,
    ) -> Result<()> {
        self.core.list_aged(context, prefix, each)
    }

    fn lock_for_removal(&self, _context: &Context, key: &str) -> Result<RemovalLock> {
        self.core.lock_for_removal(key)
    }

    fn check_folder(&self, _context: &Context, prefix: &str) -> Result<()> {
        let path = prefix.strip_suffix('/').unwrap_or(prefix);
        if path.is_empty() {
            return Ok(());
        }
        key::check(path)?;
        match self.core.obstacle(path) {
            Some((part, _)) => Err(self.core.failure("read", path, Errno::NOTDIR).with_path(part)),
            None => Ok(()),
        }
    }

    fn persist(&self, _context: &Context, key: &str) -> Result<()> {
        let (dir_path, _) = split(key);
        self.core.check_doubt(dir_path)?;
        self.core.check_doubt(key)?;
        let Some((mut file, _)) = self.core.open_file(key)? else {
            let message = format!("cannot make {key:?} in {} durable: it does not exist", self.core.root);
            return Err(Error::new(Status::NotFound, message).with_path(key));
        };
        let dir = retry(|| self.core.disk.open_dir(dir_path))
            .map_err(|errno| self.core.failure("open the directory", dir_path, errno))?;
        if let Err(errno) = retry(|| file.sync()) {
            self.core.doubt(key);
            return Err(self.core.failure("sync", key, errno));
        }
        drop(file);
        self.core.sync_parents(dir_path, &*dir, &mut SyncedDirectories::default())?;
        self.core.sync_dir(dir_path, &*dir)
    }
}

/// A file open for reading.
struct FileObject {
    core: Arc<Core>,
    key: String,
    file: Box<dyn File>,
    size: u64,
}

impl Object for FileObject {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, _context: &Context, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        retry(|| self.file.read_at(offset, buffer))
            .map_err(|errno| self.core.failure("read", &self.key, errno).with_offset(offset))
    }
}

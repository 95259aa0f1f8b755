//! Giving a file its name: the directories above it, a temporary name beside it, and the one step that
//! gives it its own name if that is free.

use super::{Core, join, split};
use crate::error::{Error, Result};
use crate::store::disk::{Dir, Errno, File, Identity, Io, is_unsupported, retry};
use crate::store::key::temporary_name;
use std::sync::atomic::Ordering;

/// How often a directory that another writer removes meanwhile is made again.
const TRIES: u32 = 32;

/// How giving a file its name ended.
#[derive(Debug)]
pub(super) enum Named {
    /// It has the name. The temporary name is gone.
    Here,
    /// Another file has the name.
    Taken,
    /// It has not got the name, and will not.
    Failed(Error),
    /// It may have the name, or come to have it.
    Unknown(Error),
}

impl Core {
    /// Opens a key's directory, making it and those above it if need be, and does `operation` in it. A
    /// directory that vanishes in between (its last object deleted, or an upload given up) is made again.
    pub(super) fn in_directory<T>(
        &self,
        doing: &str,
        key: &str,
        mut operation: impl FnMut(&dyn Dir) -> Io<T>,
    ) -> Result<(Box<dyn Dir>, T)> {
        let (dir_path, _) = split(key);
        let mut tries = 0;
        loop {
            tries += 1;
            let (dir, made) = match retry(|| self.disk.open_dir(dir_path)) {
                Ok(dir) => (dir, false),
                Err(Errno::NOENT) => match self.make_dirs(dir_path) {
                    Ok(dir) => (dir, true),
                    Err(Errno::NOENT) if tries < TRIES && self.disk.root_exists() => continue,
                    Err(errno) => {
                        self.prune(dir_path);
                        return Err(self.failure("make the directory", dir_path, errno));
                    }
                },
                Err(errno) => return Err(self.failure("open the directory", dir_path, errno)),
            };
            match operation(&*dir) {
                Ok(value) => return Ok((dir, value)),
                Err(Errno::NOENT) if tries < TRIES && self.disk.root_exists() => {}
                Err(errno) => {
                    if made {
                        self.prune(dir_path);
                    }
                    return Err(self.failure(doing, key, errno));
                }
            }
        }
    }

    /// Makes a directory below the deepest one that exists. `NOENT`: one of them was removed meanwhile.
    fn make_dirs(&self, dir_path: &str) -> Io<Box<dyn Dir>> {
        let mut existing = dir_path;
        let mut dir = loop {
            existing = split(existing).0;
            match retry(|| self.disk.open_dir(existing)) {
                Err(Errno::NOENT) if !existing.is_empty() => {}
                answer => break answer?,
            }
        };
        let missing = dir_path[existing.len()..].trim_start_matches('/');
        for segment in missing.split('/') {
            match retry(|| dir.make_dir(segment)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
            dir = retry(|| dir.open_dir(segment))?;
        }
        Ok(dir)
    }

    /// Makes an empty file under a fresh temporary name.
    pub(super) fn create_temporary(dir: &dyn Dir) -> Io<(String, Box<dyn File>)> {
        let mut tries = 0;
        loop {
            let name = temporary_name();
            match retry(|| dir.create(&name)) {
                Ok(file) => return Ok((name, file)),
                // No other process draws this name: an earlier call that was interrupted, or whose answer was
                // lost on a network, made it after all.
                Err(Errno::EXIST) if tries < 2 => {
                    tries += 1;
                    let _ = retry(|| dir.unlink(&name));
                }
                Err(errno) => {
                    // It may be there all the same.
                    let _ = retry(|| dir.unlink(&name));
                    return Err(errno);
                }
            }
        }
    }

    /// Writes all of `data`.
    pub(super) fn write_all(
        &self,
        key: &str,
        file: &mut dyn File,
        data: &[u8],
    ) -> std::result::Result<(), (usize, Error)> {
        let mut done = 0;
        while done < data.len() {
            match file.write(&data[done..]) {
                Ok(0) => return Err((done, self.failure("write", key, Errno::NOSPC))),
                Ok(count) => done += count.min(data.len() - done),
                Err(Errno::INTR) => {}
                Err(errno) => return Err((done, self.failure("write", key, errno))),
            }
        }
        Ok(())
    }

    /// Compares a written file's size with what was written: a program that closes a descriptor of the
    /// library, or begins with its standard ones closed, may have written into it.
    pub(super) fn check_size(&self, key: &str, file: &dyn File, written: u64) -> Result<()> {
        match retry(|| file.info()) {
            Ok((_, size)) if size == written => Ok(()),
            Ok((_, size)) => Err(self.staged_file_altered(key, size, written)),
            Err(errno) => Err(self.failure("read the size of", key, errno)),
        }
    }

    /// Closes a file that was written, and says so if that failed.
    pub(super) fn close(&self, key: &str, file: Box<dyn File>) -> Result<()> {
        match file.close() {
            // Interrupted: it is closed (Linux) or at worst left open, and its bytes are with the system. To
            // close it again could hit another file that has got the number since.
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(self.failure("close", key, errno)),
        }
    }

    /// Gives the file `temporary` its name, if that is free. Unless there is no space for the name, the
    /// outcome is `Unknown`, or a removal failed twice, the temporary name is gone afterwards.
    pub(super) fn name(&self, key: &str, dir: &dyn Dir, temporary: &str) -> Named {
        let (_, name) = split(key);
        let mut refused = None;
        if !self.uses_rename() {
            match retry(|| dir.link(temporary, name)) {
                Ok(()) => {
                    // A name too many does no harm, and no listing shows it.
                    let _ = Self::unlink(dir, temporary);
                    return Named::Here;
                }
                Err(errno) if refuses_links(errno) => refused = Some(errno),
                // There may be space for the name later.
                Err(errno) if is_full(errno) && !Self::is_same(dir, temporary, name) => {
                    return Named::Failed(self.failure("write", key, errno));
                }
                Err(errno) => return self.examine(key, dir, temporary, None, errno),
            }
        }
        let own = match retry(|| dir.stat(temporary)) {
            Ok((_, identity)) => identity,
            Err(errno) => return self.examine(key, dir, temporary, None, errno),
        };
        match retry(|| dir.rename_noreplace(temporary, name)) {
            Ok(()) => {
                self.no_hard_links.store(true, Ordering::Relaxed);
                Named::Here
            }
            Err(errno) if refuses_links(errno) && !Self::is_same(dir, temporary, name) => {
                match Self::unlink(dir, temporary) {
                    Ok(()) => Named::Failed(self.unplaceable(key, temporary, refused, errno)),
                    // Perhaps renamed all the same.
                    Err(_) => self.examine(key, dir, temporary, Some(own), errno),
                }
            }
            Err(errno) => self.examine(key, dir, temporary, Some(own), errno),
        }
    }

    /// Whether two names are those of one file.
    fn is_same(dir: &dyn Dir, one: &str, other: &str) -> bool {
        let identity = |name| retry(|| dir.stat(name)).ok().map(|(_, identity)| identity);
        identity(one).is_some_and(|one| identity(other) == Some(one))
    }

    /// What a failed link or rename has done. It may have been carried out all the same: interrupted and
    /// repeated, or its answer lost on a network. Once the temporary name is removed there is nothing left
    /// that a late request could give the name to, so that what then stands under the name is final.
    /// `renamed`: the file's identity, if a rename was tried; that one takes the temporary name away.
    fn examine(
        &self,
        key: &str,
        dir: &dyn Dir,
        temporary: &str,
        renamed: Option<Identity>,
        errno: Errno,
    ) -> Named {
        let (_, name) = split(key);
        let own = renamed.or_else(|| retry(|| dir.stat(temporary)).ok().map(|(_, identity)| identity));
        let removed = Self::unlink(dir, temporary);
        let there = retry(|| dir.stat(name)).map(|(_, identity)| identity);
        let sourceless = matches!(removed, Ok(()) | Err(Errno::NOENT));
        // Should it be ours all the same, under an identity that does not keep: a caller to whom it
        // matters reads what is there.
        let refused = errno == Errno::EXIST;
        match there {
            Ok(there) if own == Some(there) => Named::Here,
            Ok(_) if refused || (own.is_some() && removed.is_ok()) => Named::Taken,
            Err(Errno::NOENT) if sourceless && errno == Errno::NOENT => {
                Named::Failed(self.staged_file_lost(key, temporary))
            }
            Err(Errno::NOENT) if sourceless => Named::Failed(self.failure("write", key, errno)),
            Err(_) if refused => Named::Taken,
            _ if is_refusal(errno) => Named::Failed(self.failure("write", key, errno)),
            _ => Named::Unknown(self.failure("learn whether it could write", key, errno)),
        }
    }

    /// The path of a temporary name, for messages.
    pub(super) fn beside(key: &str, name: &str) -> String {
        join(split(key).0, name)
    }
}

/// Whether the system says that files get no second name here: file systems without hard links have many
/// words for it, and one that keeps projects apart calls a link from one into another a link across devices.
fn refuses_links(errno: Errno) -> bool {
    is_unsupported(errno) || matches!(errno, Errno::PERM | Errno::ACCESS | Errno::MLINK | Errno::XDEV)
}

/// Whether there is no space left, or none left for this user.
fn is_full(errno: Errno) -> bool {
    matches!(errno, Errno::NOSPC | Errno::DQUOT)
}

/// Whether the system answers so only when it has done nothing.
pub(super) fn is_refusal(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOSPC
            | Errno::DQUOT
            | Errno::ROFS
            | Errno::ACCESS
            | Errno::PERM
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::NOMEM
            | Errno::MLINK
            | Errno::XDEV
            | Errno::ISDIR
            | Errno::MFILE
            | Errno::NFILE
    )
}

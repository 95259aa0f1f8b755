//! What a system call's error number means to the caller of a store.

use super::{Core, join};
use crate::error::{Action, Error, Status};
use crate::store::disk::{Errno, Kind, is_unsupported, retry};

const ROOT_REMOVED: &str = "the store's root directory has been removed";

/// The system's words for an error number, and the number.
fn words(errno: Errno) -> String {
    let number = errno.raw_os_error();
    let text = std::io::Error::from_raw_os_error(number).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("{text} (errno {number})")
}

/// What the caller may do about it; empty where the words say it all.
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::NOSPC => "; free some space and try again",
        Errno::DQUOT => "; the owner's quota is used up: raise it or free some space, and try again",
        Errno::FBIG => {
            "; a limit on the size of files is met: raise RLIMIT_FSIZE (ulimit -f), or write less into one file, and \
             try again"
        }
        Errno::MFILE => "; this process has too many files open: close some, or raise its limit (ulimit -n)",
        Errno::NFILE => "; the system has too many files open: try again later",
        Errno::ROFS => {
            "; the file system is mounted read-only: mount it for writing, or see why it became so"
        }
        Errno::ACCESS | Errno::PERM => "; check owner and mode of the file and of the directories above it",
        Errno::NAMETOOLONG => "; shorten the key: a segment has at most 255 bytes on most file systems",
        Errno::IO => "; check the disk and the system's log",
        Errno::STALE => "; the network file system has lost the file: check its server",
        _ => "",
    }
}

fn status(errno: Errno) -> Status {
    match errno {
        Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Status::NoSpace,
        Errno::NOMEM => Status::NoMemory,
        Errno::NAMETOOLONG | Errno::LOOP | Errno::NOTDIR | Errno::ISDIR | Errno::XDEV => Status::InvalidPath,
        _ => Status::Io,
    }
}

/// The root cannot be opened.
pub(super) fn root(root: &str, errno: Errno) -> Error {
    let (status, what) = match errno {
        Errno::NOENT => (Status::NotFound, "; create the directory first"),
        Errno::NOTDIR => (Status::InvalidArgument, "; name a directory"),
        Errno::NOMEM => (Status::NoMemory, ""),
        _ => (Status::Io, advice(errno)),
    };
    let message = format!("cannot open the store's root {root:?}: {}{what}", words(errno));
    Error::new(status, message).with_path(root).with_errno(errno.raw_os_error())
}

impl Core {
    /// The failure of an operation on a key or directory.
    pub(super) fn failure(&self, doing: &str, path: &str, errno: Errno) -> Error {
        let shown = if path.is_empty() { "." } else { path };
        let start = format!("cannot {doing} {shown:?} in {}", self.root);
        let message = match errno {
            Errno::NOENT if !self.disk.root_exists() => {
                let number = errno.raw_os_error();
                let message = format!("{start}: {ROOT_REMOVED} (errno {number})");
                return Error::new(Status::Io, message)
                    .with_path(path)
                    .with_errno(number)
                    .with_action(Action::GiveUp);
            }
            Errno::LOOP | Errno::NOTDIR => match self.obstacle(path) {
                Some((part, Kind::Symlink)) => format!(
                    "{start}: {part:?} is a symbolic link, and keys never lead through one (errno {})",
                    errno.raw_os_error()
                ),
                Some((part, _)) => {
                    format!("{start}: {part:?} is no directory (errno {})", errno.raw_os_error())
                }
                None => format!("{start}: {}", words(errno)),
            },
            _ => format!("{start}: {}{}", words(errno), advice(errno)),
        };
        Error::new(status(errno), message).with_path(path).with_errno(errno.raw_os_error())
    }

    /// Another program has removed what was written of an object: a cleaner of temporary files, or one that
    /// removed the whole store.
    pub(super) fn staged_file_lost(&self, key: &str, temporary: &str) -> Error {
        let staged = Self::beside(key, temporary);
        let cause = if self.disk.root_exists() { "another program has removed it" } else { ROOT_REMOVED };
        let number = Errno::NOENT.raw_os_error();
        let message = format!(
            "cannot write {key:?} in {}: its staged file {staged:?} is gone, so that the staged records are lost: \
             {cause} (errno {number}); write them anew",
            self.root
        );
        Error::new(Status::Io, message).with_path(staged).with_errno(number).with_action(Action::GiveUp)
    }

    /// What was written of an object is not what stands in its file.
    pub(super) fn staged_file_altered(&self, key: &str, found: u64, written: u64) -> Error {
        let message = format!(
            "cannot write {key:?} in {}: its staged file has {found} bytes, but {written} were written: another \
             program, or another part of this one, writes into it; nothing is committed",
            self.root
        );
        Error::new(Status::Corrupt, message).with_path(key)
    }

    /// A staged file gets its name neither by a hard link (`linked`, if that was tried) nor by a rename.
    pub(super) fn unplaceable(
        &self,
        key: &str,
        temporary: &str,
        linked: Option<Errno>,
        renamed: Errno,
    ) -> Error {
        let staged = Self::beside(key, temporary);
        let by_link = linked.map_or_else(|| "none exist here".to_owned(), words);
        let start = format!(
            "cannot give the staged file {staged:?} in {} its name {key:?}: by a hard link: {by_link}; by a rename \
             that never replaces: {}",
            self.root,
            words(renamed)
        );
        let error = if renamed == Errno::ACCESS {
            Error::new(Status::Io, format!("{start}{}", advice(renamed)))
        } else {
            let message = format!(
                "{start}. A file system with neither hard links nor a rename that never replaces can be read only, \
                 because two writers could overwrite each other: keep the store on another one"
            );
            Error::new(Status::Unsupported, message)
        };
        error.with_path(key).with_errno(renamed.raw_os_error())
    }

    /// A sync that failed because this file system has none.
    pub(super) fn sync_failure(&self, path: &str, errno: Errno) -> Error {
        let error = self.failure("sync the directory", path, errno);
        if is_unsupported(errno) {
            return error.with_status(Status::Unsupported).context(
                "this file system cannot make directories durable: use another, or the durability of the process",
            );
        }
        error
    }

    /// Something here has been in doubt since an earlier sync failed.
    pub(super) fn doubt_failure(&self, path: &str) -> Error {
        let shown = if path.is_empty() { "." } else { path };
        let message = format!(
            "cannot make {shown:?} in {} durable: an earlier sync of it failed in this process, and a later one \
             would prove nothing; check the disk, then go on in a new process",
            self.root
        );
        Error::new(Status::Io, message)
            .with_path(path)
            .with_errno(Errno::IO.raw_os_error())
            .with_action(Action::GiveUp)
    }

    /// The first part of a path that is no directory.
    pub(super) fn obstacle(&self, path: &str) -> Option<(String, Kind)> {
        let mut above = String::new();
        for segment in path.split('/') {
            let dir = retry(|| self.disk.open_dir(&above)).ok()?;
            let (kind, _) = retry(|| dir.stat(segment)).ok()?;
            let part = join(&above, segment);
            if kind != Kind::Directory {
                return Some((part, kind));
            }
            above = part;
        }
        None
    }
}

//! What a system call's error number means to the caller of a store.

use super::{Core, join};
use crate::error::{Action, Error, Status};
use crate::store::disk::{Errno, Kind, is_unsupported, retry};

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
        Errno::NOSPC | Errno::DQUOT => Status::NoSpace,
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
                format!(
                    "{start}: the store's root directory has been removed (errno {})",
                    errno.raw_os_error()
                )
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

//! The real disk: system calls below a directory that was opened once, so that neither a `chdir` nor a rename
//! of a directory above it matters afterwards.
//!
//! No path leaves the root: Linux resolves whole paths with `openat2`, which refuses `..` out of the root and
//! every symbolic link; elsewhere, and where a sandbox forbids that call, each segment is opened on its own.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{self, AtFlags, FileType, FlockOperation, Mode, OFlags};

use super::{Dir, Disk, Doubts, Entries, Entry, Errno, File, Identity, Io, Kind};
use crate::store::sys;

/// One for the whole process, since a failed sync is told to only one of the handles on a file.
static DOUBTS: Doubts = Doubts::new();

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
/// `NONBLOCK` so that a FIFO under a key is an error and no trap; it means nothing for a regular file.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);
const CREATE: OFlags = OFlags::WRONLY.union(OFlags::CREATE).union(OFlags::EXCL);
/// For writing, because an exclusive lock on a network file system asks for that.
const LOCK: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// The directory tree below one directory of this machine.
#[derive(Debug)]
pub(crate) struct RealDisk {
    root: OwnedFd,
    /// Device and inode of the root, for [`Disk::doubt_prefix`].
    prefix: String,
    #[cfg(target_os = "linux")]
    whole_paths: AtomicBool,
}

impl RealDisk {
    /// Opens the root; symbolic links on the way to it are followed.
    pub(crate) fn open(root: &str) -> Io<Self> {
        let fd = super::retry(|| fs::open(root, DIRECTORY | OFlags::CLOEXEC, Mode::empty()))?;
        let fd = above_standard(fd)?;
        let stat = fs::fstat(&fd)?;
        Ok(RealDisk {
            root: fd,
            prefix: format!("{}:{}:", stat.st_dev, stat.st_ino),
            #[cfg(target_os = "linux")]
            whole_paths: AtomicBool::new(true),
        })
    }

    /// As on a system without `openat2`.
    #[cfg(test)]
    pub(crate) fn open_by_segments(root: &str) -> Io<Self> {
        let disk = Self::open(root)?;
        #[cfg(target_os = "linux")]
        disk.whole_paths.store(false, Ordering::Relaxed);
        Ok(disk)
    }

    #[cfg(target_os = "linux")]
    fn open_at(&self, path: &str, flags: OFlags) -> Io<OwnedFd> {
        use rustix::fs::ResolveFlags;
        if !self.whole_paths.load(Ordering::Relaxed) {
            return self.walk(path, flags);
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match fs::openat2(&self.root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve) {
            Err(Errno::NOSYS) => {
                self.whole_paths.store(false, Ordering::Relaxed);
                self.walk(path, flags)
            }
            // A sandbox that does not know the call, or a file that may not be opened: the walk tells them
            // apart.
            Err(Errno::PERM) => {
                let walked = self.walk(path, flags);
                if walked.is_ok() {
                    self.whole_paths.store(false, Ordering::Relaxed);
                }
                walked
            }
            answer => answer.and_then(above_standard),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open_at(&self, path: &str, flags: OFlags) -> Io<OwnedFd> {
        self.walk(path, flags)
    }

    fn walk(&self, path: &str, flags: OFlags) -> Io<OwnedFd> {
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at: Option<OwnedFd> = None;
        for segment in above.split('/').filter(|segment| !segment.is_empty()) {
            let from = at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            at = Some(open_segment(from, segment, DIRECTORY)?);
        }
        open_segment(at.as_ref().map_or(self.root.as_fd(), AsFd::as_fd), last, flags)
    }
}

/// Opens one segment, no symbolic link, with the error number that this system has for one.
fn open_segment(dir: BorrowedFd<'_>, name: &str, flags: OFlags) -> Io<OwnedFd> {
    if name == ".." {
        return Err(Errno::XDEV);
    }
    let mode = if flags.contains(OFlags::CREATE) { Mode::from_raw_mode(0o666) } else { Mode::empty() };
    let opened = fs::openat(dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode);
    opened.and_then(above_standard).map_err(|errno| {
        let suspect = matches!(errno, Errno::NOTDIR | Errno::LOOP | Errno::MLINK);
        if suspect && is_symlink(dir, name) { Errno::LOOP } else { errno }
    })
}

/// Keeps the descriptors 0 to 2 free of our files: where a program began with one of them closed, what it
/// prints would go into the library's file that has this number.
fn above_standard(fd: OwnedFd) -> Io<OwnedFd> {
    if fd.as_raw_fd() > 2 { Ok(fd) } else { rustix::io::fcntl_dupfd_cloexec(&fd, 3) }
}

fn is_symlink(dir: BorrowedFd<'_>, name: &str) -> bool {
    fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| kind(FileType::from_raw_mode(stat.st_mode)) == Kind::Symlink)
}

/// Opens for reading; where a lease held by a file server forbids opening at once, waits for it to be given
/// up.
fn open_to_read(open: impl Fn(OFlags) -> Io<OwnedFd>) -> Io<Box<dyn File>> {
    let fd = match open(READ) {
        Err(Errno::WOULDBLOCK) => open(READ.difference(OFlags::NONBLOCK))?,
        answer => answer?,
    };
    Ok(Box::new(RealFile(fd)))
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        _ => Kind::Other,
    }
}

impl Disk for RealDisk {
    fn open_dir(&self, path: &str) -> Io<Box<dyn Dir>> {
        let path = if path.is_empty() { "." } else { path };
        Ok(Box::new(RealDir(self.open_at(path, DIRECTORY)?)))
    }

    fn open_read(&self, path: &str) -> Io<Box<dyn File>> {
        open_to_read(|flags| self.open_at(path, flags))
    }

    fn root_exists(&self) -> bool {
        fs::fstat(&self.root).map_or(true, |stat| stat.st_nlink > 0)
    }

    fn doubts(&self) -> &Doubts {
        &DOUBTS
    }

    fn doubt_prefix(&self) -> &str {
        &self.prefix
    }
}

#[derive(Debug)]
struct RealDir(OwnedFd);

impl Dir for RealDir {
    #[cfg(target_os = "linux")]
    fn identity(&self) -> Io<Identity> {
        use rustix::fs::StatxFlags;
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        match fs::statx(&self.0, c"", AtFlags::EMPTY_PATH, wanted) {
            Ok(stat) => {
                let born = if StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::BTIME) {
                    let seconds = stat.stx_btime.tv_sec.cast_unsigned();
                    seconds.wrapping_mul(1_000_000_000).wrapping_add(u64::from(stat.stx_btime.tv_nsec))
                } else {
                    0
                };
                let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
                Ok(Identity { device, inode: stat.stx_ino, born })
            }
            Err(Errno::NOSYS | Errno::PERM) => Ok(identity(&fs::fstat(&self.0)?)),
            Err(errno) => Err(errno),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn identity(&self) -> Io<Identity> {
        Ok(identity(&fs::fstat(&self.0)?))
    }

    fn open_dir(&self, name: &str) -> Io<Box<dyn Dir>> {
        Ok(Box::new(RealDir(open_segment(self.0.as_fd(), name, DIRECTORY)?)))
    }

    fn open_read(&self, name: &str) -> Io<Box<dyn File>> {
        open_to_read(|flags| open_segment(self.0.as_fd(), name, flags))
    }

    fn create(&self, name: &str) -> Io<Box<dyn File>> {
        Ok(Box::new(RealFile(open_segment(self.0.as_fd(), name, CREATE)?)))
    }

    fn open_lock(&self, name: &str) -> Io<Box<dyn File>> {
        Ok(Box::new(RealFile(open_segment(self.0.as_fd(), name, LOCK)?)))
    }

    fn make_dir(&self, name: &str) -> Io<()> {
        fs::mkdirat(&self.0, name, Mode::from_raw_mode(0o777))
    }

    fn remove_dir(&self, name: &str) -> Io<()> {
        fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)
    }

    fn link(&self, from: &str, to: &str) -> Io<()> {
        fs::linkat(&self.0, from, &self.0, to, AtFlags::empty())
    }

    fn rename(&self, from: &str, to: &str) -> Io<()> {
        fs::renameat(&self.0, from, &self.0, to)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
    fn rename_noreplace(&self, from: &str, to: &str) -> Io<()> {
        fs::renameat_with(&self.0, from, &self.0, to, fs::RenameFlags::NOREPLACE)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
    fn rename_noreplace(&self, _from: &str, _to: &str) -> Io<()> {
        Err(Errno::NOSYS)
    }

    fn unlink(&self, name: &str) -> Io<()> {
        fs::unlinkat(&self.0, name, AtFlags::empty())
    }

    fn stat(&self, name: &str) -> Io<(Kind, Identity)> {
        let stat = fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((kind(FileType::from_raw_mode(stat.st_mode)), identity(&stat)))
    }

    fn sync(&self) -> Io<()> {
        sync(self.0.as_fd())
    }

    fn entries(self: Box<Self>) -> Io<Entries> {
        Ok(Box::new(RealEntries(fs::Dir::new(self.0)?)))
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // The fields' types differ from system to system.
fn identity(stat: &fs::Stat) -> Identity {
    Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64, born: 0 }
}

/// On Apple's systems `fsync` leaves the bytes in the drive's cache; the full one asks the drive, too.
#[cfg(target_vendor = "apple")]
fn sync(fd: BorrowedFd<'_>) -> Io<()> {
    match fs::fcntl_fullfsync(fd) {
        Err(Errno::NOTSUP | Errno::NOTTY | Errno::INVAL) => fs::fsync(fd),
        answer => answer,
    }
}

#[cfg(not(target_vendor = "apple"))]
fn sync(fd: BorrowedFd<'_>) -> Io<()> {
    fs::fsync(fd)
}

struct RealEntries(fs::Dir);

impl Iterator for RealEntries {
    type Item = Io<Entry>;

    fn next(&mut self) -> Option<Io<Entry>> {
        loop {
            let entry = match self.0.read()? {
                Ok(entry) => entry,
                Err(errno) => return Some(Err(errno)),
            };
            // No key can name what is no UTF-8 or holds a line break.
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == "." || name == ".." || name.contains(['\n', '\r']) {
                continue;
            }
            let kind = match entry.file_type() {
                // Not every file system keeps the type in the directory.
                FileType::Unknown => {
                    let stat = self.0.fd().and_then(|fd| fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW));
                    match stat {
                        Ok(stat) => kind(FileType::from_raw_mode(stat.st_mode)),
                        Err(Errno::NOENT) => continue,
                        Err(errno) => return Some(Err(errno)),
                    }
                }
                known => kind(known),
            };
            return Some(Ok(Entry { name: name.to_owned(), kind }));
        }
    }
}

#[derive(Debug)]
struct RealFile(OwnedFd);

impl File for RealFile {
    fn write(&mut self, data: &[u8]) -> Io<usize> {
        rustix::io::write(&self.0, data)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Io<usize> {
        // No file reaches as far as the system's own offsets, which it would call an invalid argument.
        if offset > i64::MAX as u64 - buffer.len() as u64 {
            return Ok(0);
        }
        rustix::io::pread(&self.0, buffer, offset)
    }

    #[allow(clippy::unnecessary_cast, clippy::cast_sign_loss)] // As in `identity`.
    fn info(&self) -> Io<(Kind, u64)> {
        let stat = fs::fstat(&self.0)?;
        Ok((kind(FileType::from_raw_mode(stat.st_mode)), stat.st_size as u64))
    }

    #[allow(clippy::unnecessary_cast)] // As in `identity`.
    fn modified(&self) -> Io<i128> {
        let stat = fs::fstat(&self.0)?;
        Ok(i128::from(stat.st_mtime as i64) * 1_000_000_000 + i128::from(stat.st_mtime_nsec as i64))
    }

    fn sync(&mut self) -> Io<()> {
        sync(self.0.as_fd())
    }

    fn start_writeback(&mut self, offset: u64, length: u64) {
        sys::start_writeback(self.0.as_fd(), offset, length);
    }

    fn try_lock(&mut self) -> Io<()> {
        fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive)
    }

    fn try_lock_shared(&mut self) -> Io<()> {
        fs::flock(&self.0, FlockOperation::NonBlockingLockShared)
    }

    fn identity(&self) -> Io<Identity> {
        Ok(identity(&fs::fstat(&self.0)?))
    }

    fn unlock(&mut self) -> Io<()> {
        fs::flock(&self.0, FlockOperation::Unlock)
    }

    fn duplicate(&self) -> Io<Box<dyn File>> {
        Ok(Box::new(RealFile(rustix::io::fcntl_dupfd_cloexec(&self.0, 3)?)))
    }

    fn close(self: Box<Self>) -> Io<()> {
        sys::close(self.0)
    }
}

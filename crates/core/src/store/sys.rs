//! The calls of the system that no safe crate wraps: a close that tells how it went, the start of write-back,
//! a write that raises no signal, and news of a fork.

use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd};

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::io::Errno;

/// How many forks lie between the process that loaded this library and this one, since the first question.
static FORKS: AtomicU64 = AtomicU64::new(0);

/// As [`forks_so_far`], for the first question of all.
pub(crate) fn forks() -> u64 {
    /// Runs in a new process before anything else of it does: one atomic addition, as little as may be done
    /// there.
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handler lives as long as the library, which is never unloaded, and does nothing but
        // what is allowed in a new process. That there was no memory to note it leaves every process as one.
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    });
    forks_so_far()
}

/// A number that is another one in each process that came about by `fork`; [`forks`] was asked before.
#[inline]
pub(crate) fn forks_so_far() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Time since the machine was started, that spent suspended included; since some fixed moment on systems that
/// do not count suspended time.
pub(crate) fn boot_time() -> std::time::Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value of the call's own type. The clock exists on every system that this is
    // built for, so that the call cannot fail.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    std::time::Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

/// Closes a descriptor. It is closed with any answer, and must not be closed again.
pub(crate) fn close(fd: OwnedFd) -> Result<(), Errno> {
    let raw = fd.into_raw_fd();
    // SAFETY: `into_raw_fd` gave up the only owner of this open descriptor, and nothing uses it after this
    // call.
    if unsafe { libc::close(raw) } == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Writes what a descriptor takes at once. A pipe without a reader is an error and no signal: SIGPIPE, which
/// would end the process, is held back on this thread and taken away again.
pub(crate) fn write(fd: BorrowedFd<'_>, data: &[u8]) -> Result<usize, Errno> {
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;

    // SAFETY: the sets are filled by the calls that begin with them before they are read, the other pointers
    // may be NULL, and the descriptor and the data live for the call. Only this thread's mask changes, and it
    // is set back.
    unsafe {
        let (mut pipe, mut before, mut pending) =
            (MaybeUninit::uninit(), MaybeUninit::uninit(), MaybeUninit::uninit());
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::sigemptyset(pending.as_mut_ptr());
        libc::sigpending(pending.as_mut_ptr());
        let pended = libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1;
        libc::sigemptyset(before.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), before.as_mut_ptr());
        let written = libc::write(fd.as_raw_fd(), data.as_ptr().cast(), data.len());
        let outcome = usize::try_from(written).map_err(|_| last_errno());
        if outcome == Err(Errno::PIPE) && !pended {
            libc::sigpending(pending.as_mut_ptr());
            if libc::sigismember(pending.as_ptr(), libc::SIGPIPE) == 1 {
                let mut signal = 0;
                libc::sigwait(pipe.as_ptr(), &raw mut signal);
            }
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        outcome
    }
}

/// Asks for the write-back of a part of a file to begin, where the system can do that; a failure is ignored,
/// because the sync that follows tells it again.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn start_writeback(fd: BorrowedFd<'_>, offset: u64, length: u64) {
    use std::os::fd::AsRawFd;

    let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into()) else { return };
    // SAFETY: the descriptor is open for as long as it is borrowed; the call takes no pointers.
    unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, length, libc::SYNC_FILE_RANGE_WRITE) };
}

/// This system has no such call; the sync does it all.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn start_writeback(_fd: BorrowedFd<'_>, _offset: u64, _length: u64) {}

#[cfg(test)]
pub(crate) mod tests {
    /// Closes the descriptors 0 to 2, for a process that has nothing to say any more.
    pub(crate) fn close_standard_descriptors() {
        for descriptor in 0..3 {
            // SAFETY: the calling process is a child made for this one test; Rust's own handles on these
            // descriptors own nothing, and only fail from here on.
            unsafe { libc::close(descriptor) };
        }
    }

    /// Whether none of the descriptors 0 to 2 is open.
    pub(crate) fn standard_descriptors_are_closed() -> bool {
        // SAFETY: the call takes no pointers and changes nothing.
        (0..3).all(|descriptor| unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1)
    }
}

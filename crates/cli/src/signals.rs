//! SIGINT and SIGTERM: the first asks a command to end (what waits for input wakes up), the second cancels
//! the commit that may be running. A signal that the parent has set to be ignored stays ignored.

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use lode_core::context::CancelToken;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Failure, Result};

/// What the signals so far ask for.
#[derive(Clone)]
pub struct Interrupts {
    first: Arc<AtomicI32>,
    cancel: CancelToken,
    /// Can be read once a signal has come.
    wake: Arc<OwnedFd>,
}

impl Interrupts {
    /// From here on the signals are caught. `cancel_at_first`: the first signal cancels, too.
    pub fn catch(cancel_at_first: bool) -> Result<Self> {
        let cannot = |error: std::io::Error| Failure::system("catch signals", &error);
        let (wake, waker) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
            .map_err(|errno| cannot(errno.into()))?;
        let interrupts =
            Interrupts { first: Arc::default(), cancel: CancelToken::new(), wake: Arc::new(wake) };
        let ignored = ignored_signals();
        let caught: Vec<i32> =
            [SIGINT, SIGTERM].into_iter().filter(|signal| ignored & (1 << (signal - 1)) == 0).collect();
        let mut signals = Signals::new(&caught).map_err(cannot)?;
        let seen = interrupts.clone();
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for signal in signals.forever() {
                    let first =
                        seen.first.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Acquire).is_ok();
                    if cancel_at_first || !first {
                        seen.cancel.cancel();
                    }
                    let _ = rustix::io::write(&waker, b"!");
                }
            })
            .map_err(cannot)?;
        Ok(interrupts)
    }

    /// The signal that came first, if one has come.
    pub fn signal(&self) -> Option<i32> {
        Some(self.first.load(Ordering::Acquire)).filter(|signal| *signal != 0)
    }

    /// Fails once a signal has come.
    pub fn check(&self) -> Result<()> {
        self.signal().map_or(Ok(()), |signal| Err(Failure::Interrupted(signal)))
    }

    /// Cancels what the library is doing.
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Can be read once a signal has come: to be waited for together with input.
    pub fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// The signals that were set to be ignored when the process began, as a bit set; none where the system does
/// not tell.
fn ignored_signals() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

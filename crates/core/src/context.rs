//! What a running call carries through every layer: its deadline, its cancel token, and who hears of its
//! progress.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::error::{Error, Result, Status};

/// Cancels calls: one-shot, sticky, shared by clones.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels every call that has this token: one atomic store, fit for a signal handler.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Records taken.
    pub records: u64,
    /// Their bytes, as given.
    pub bytes_in: u64,
    /// Bytes stored (after compression).
    pub bytes_stored: u64,
}

/// Hears again and again, on the calling thread, how far a call has come, and may stop it by answering
/// `false` ([`Status::Aborted`]). Shared by clones.
#[derive(Clone)]
pub struct ProgressListener(Arc<dyn Fn(Progress) -> bool + Send + Sync>);

impl ProgressListener {
    /// One that calls this function.
    pub fn new(listener: impl Fn(Progress) -> bool + Send + Sync + 'static) -> Self {
        ProgressListener(Arc::new(listener))
    }

    /// Tells of this; whether the call may go on.
    pub(crate) fn hears(&self, progress: Progress) -> bool {
        (self.0)(progress)
    }
}

impl fmt::Debug for ProgressListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressListener")
    }
}

/// Deadline, cancelling and progress of a call that can block.
#[derive(Clone, Debug, Default)]
pub struct CallOptions {
    /// How long the call may take, from its start; `None`: no limit; zero: it is over already.
    pub deadline: Option<Duration>,
    /// Cancels the call.
    pub cancel: Option<CancelToken>,
    /// Told about progress: as records what was met (keys, snapshots), as bytes what was read or written.
    pub progress: Option<ProgressListener>,
}

impl CallOptions {
    /// Whether the call is over before it has begun: cancelled, or given no time at all.
    #[must_use]
    #[inline]
    pub fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.is_zero())
            || self.cancel.as_ref().is_some_and(CancelToken::is_cancelled)
    }
}

/// How often and how fast to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// Tries of a request that was not answered, and, without a deadline, of taking the lock of `latest`.
    pub attempts: u32,
    /// The first pause; it doubles with each try, and is jittered.
    pub base: Duration,
    /// The longest pause.
    pub cap: Duration,
}

impl Retry {
    /// What is not said otherwise.
    const DEFAULT: Retry =
        Retry { attempts: 12, base: Duration::from_millis(2), cap: Duration::from_millis(500) };

    /// How long to wait before try number `tries` + 1: between half and all of the doubled base.
    #[must_use]
    pub fn pause(&self, tries: u32, random: u64) -> Duration {
        let doubled =
            self.base.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.cap);
        let half = whole / 2;
        let jitter = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        half + Duration::from_nanos(random % jitter.saturating_add(1))
    }
}

impl Default for Retry {
    fn default() -> Self {
        Retry::DEFAULT
    }
}

/// A running call's deadline, cancel token, progress and retries.
#[derive(Clone, Debug)]
pub struct Context {
    deadline: Option<Instant>,
    cancel: Option<CancelToken>,
    meter: Option<Arc<Meter>>,
    retry: Retry,
}

impl Default for Context {
    fn default() -> Self {
        Context::UNLIMITED
    }
}

/// How far a call has come, and who hears of it.
#[derive(Debug)]
struct Meter {
    listener: ProgressListener,
    met: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

impl Context {
    const UNLIMITED: Context = Context { deadline: None, cancel: None, meter: None, retry: Retry::DEFAULT };

    /// A context that nothing ends: for a request that must not be abandoned halfway.
    #[must_use]
    pub fn unlimited() -> &'static Context {
        static UNLIMITED: Context = Context::UNLIMITED;
        &UNLIMITED
    }

    /// The same with these retries.
    #[must_use]
    pub fn with_retry(self, retry: Retry) -> Self {
        Context { retry, ..self }
    }

    /// How often and how fast a request is tried again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Starts the clock.
    #[must_use]
    pub fn start(options: &CallOptions) -> Self {
        Context {
            // A duration too long to add is no limit.
            deadline: options.deadline.and_then(|d| Instant::now().checked_add(d)),
            cancel: options.cancel.clone(),
            meter: options.progress.as_ref().map(|listener| {
                let (met, read, written) = Default::default();
                Arc::new(Meter { listener: listener.clone(), met, read, written })
            }),
            retry: Retry::DEFAULT,
        }
    }

    /// So many bytes more were read.
    pub(crate) fn read(&self, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.read.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// So many bytes more were written.
    pub(crate) fn written(&self, bytes: usize) {
        if let Some(meter) = &self.meter {
            meter.written.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Tells of the progress; whether the call may go on.
    fn tell(&self) -> bool {
        self.meter.as_ref().is_none_or(|meter| {
            (meter.listener.0)(Progress {
                records: meter.met.load(Ordering::Relaxed),
                bytes_in: meter.read.load(Ordering::Relaxed),
                bytes_stored: meter.written.load(Ordering::Relaxed),
            })
        })
    }

    /// Fails with `Deadline`, `Cancelled` or `Aborted` once the call should end; `doing` says what it was
    /// doing.
    ///
    /// # Errors
    /// [`Status::Cancelled`], [`Status::Deadline`], [`Status::Aborted`].
    pub fn check(&self, doing: &str) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_cancelled) {
            return Err(Error::new(Status::Cancelled, format_args!("cancelled while {doing}")));
        }
        if self.deadline.is_some_and(|at| Instant::now() >= at) {
            return Err(Error::new(Status::Deadline, format_args!("deadline passed while {doing}")));
        }
        if !self.tell() {
            let message = format_args!("the progress callback stopped the call while {doing}");
            return Err(Error::new(Status::Aborted, message));
        }
        Ok(())
    }

    /// Counts one more key, snapshot or object, and checks.
    ///
    /// # Errors
    /// As [`Context::check`].
    pub(crate) fn step(&self, doing: &str) -> Result<()> {
        if let Some(meter) = &self.meter {
            meter.met.fetch_add(1, Ordering::Relaxed);
        }
        self.check(doing)
    }

    /// Sleeps, but not past the deadline, and checks the cancel token, and reports progress, every few
    /// milliseconds.
    ///
    /// # Errors
    /// As [`Context::check`].
    pub fn sleep(&self, time: Duration, doing: &str) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            self.check(doing)?;
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            let mut step = end - now;
            if let Some(deadline) = self.deadline {
                step = step.min(deadline.saturating_duration_since(now));
            }
            if self.cancel.is_some() || self.meter.is_some() {
                step = step.min(Duration::from_millis(5));
            }
            std::thread::sleep(step);
        }
    }

    /// Whether anything can end the call: a deadline, a cancel token, a listener.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.deadline.is_some() || self.cancel.is_some() || self.meter.is_some()
    }

    /// How long the system may be asked to wait at once, so that the call ends when it should: `None`: any
    /// time.
    pub(crate) fn longest_wait(&self) -> Option<Duration> {
        let left = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        let watched = self.cancel.is_some() || self.meter.is_some();
        let step = watched.then_some(Duration::from_millis(20));
        left.into_iter().chain(step).min()
    }

    /// Whether there is a deadline.
    #[must_use]
    pub fn has_deadline(&self) -> bool {
        self.deadline.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_stay_within_half_of_it() {
        let retry = Retry { attempts: 1, base: Duration::from_millis(8), cap: Duration::from_millis(20) };
        for random in [0, 1, u64::MAX / 2, u64::MAX] {
            for (tries, most) in [(1, 8), (2, 16), (3, 20), (33, 20), (u32::MAX, 20)] {
                let pause = retry.pause(tries, random);
                let most = Duration::from_millis(most);
                assert!(pause >= most / 2 && pause <= most, "{tries}: {pause:?}");
            }
        }
    }
}

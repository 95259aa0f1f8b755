//! What a caller may say about a commit, and how often it tries again.

use std::time::Duration;

use crate::context::{CallOptions, Progress};

/// Hears of the progress of a write, and may stop it by answering `false` ([`Status::Aborted`]).
pub type ProgressFn<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// A producer's mark on a commit (`docs/commit-protocol.md`, section "Exactly-once commits"). A sequence that
/// is committed is not committed again; of each producer the last 64 are remembered one by one, and of
/// producers the 1,024 that committed last: a sequence of one that was dropped counts as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer<'a> {
    /// Its name, at most 255 bytes.
    pub id: &'a str,
    /// From 1, rising; it may skip.
    pub sequence: u64,
    /// Where it is to go on after a restart: opaque, at most 4,096 bytes.
    pub position: &'a str,
}

/// What a commit may be told.
#[derive(Default)]
pub struct CommitOptions<'a> {
    /// Deadline and cancelling.
    pub call: CallOptions,
    /// Told about progress after every chunk of output.
    pub progress: Option<ProgressFn<'a>>,
    /// Whose commit it is, for it to happen exactly once whatever is repeated.
    pub producer: Option<Producer<'a>>,
    /// `None`: any parent; `""`: the dataset must have no snapshot yet; an id: the head must be it.
    pub expected_parent: Option<&'a str>,
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

impl Default for Retry {
    fn default() -> Self {
        Retry { attempts: 12, base: Duration::from_millis(2), cap: Duration::from_millis(500) }
    }
}

impl Retry {
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

//! How long an object has stood unchanged: a Go writer that leaves a pointer dangling for a minute has timed
//! out.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::commit::Target;
use crate::context::Context;
use crate::error::Result;
use crate::history::MANIFEST_MAX;

/// A Go writer that has not published after this long has timed out.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// For stores without a clock: the object that was seen unchanged last, its bytes, and since when.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<Option<(String, Vec<u8>, Instant)>>);

impl Sightings {
    /// How long these bytes have been seen under this key.
    fn since_first_seen(&self, key: &str, bytes: Vec<u8>) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((known, there, since)) if known == key && *there == bytes => since.elapsed(),
            _ => {
                *seen = Some((key.to_owned(), bytes, Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// As if the object had been seen this much earlier.
    #[cfg(test)]
    pub fn backdate(&self, by: Duration) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, since)) = &mut *seen {
            *since = since.checked_sub(by).expect("the machine has been up that long");
        }
    }
}

impl Target<'_> {
    /// Whether an object has stood unchanged for a minute, by the store's own clock, or, where it has none,
    /// since this handle first saw it. `None`: it is not there.
    ///
    /// # Errors
    /// The store's.
    pub fn is_old(&self, key: &str, context: &Context) -> Result<Option<bool>> {
        let age = if self.backend().capabilities().has_clock {
            self.backend().age(context, key)?
        } else {
            let bytes = self.backend().get(context, key, MANIFEST_MAX)?;
            bytes.map(|bytes| self.sightings.since_first_seen(key, bytes))
        };
        Ok(age.map(|age| age >= PATIENCE))
    }
}

//! Which process made a thing: a writer that a fork has copied must not touch what its original still uses.

use crate::error::{Error, Result, Status};
use crate::store::sys;

/// The process that made a thing. Asking costs one load and no system call, so it can be asked for each
/// record.
///
/// A process made by `fork` is another one. So is not, to this type, one made by a bare `clone` system call:
/// the C library does not hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process(u64);

impl Process {
    /// The process that is running.
    #[must_use]
    pub fn current() -> Self {
        Process(sys::forks())
    }

    /// Whether this process is the one that is running.
    #[must_use]
    #[inline]
    pub fn is_current(self) -> bool {
        sys::forks_so_far() == self.0
    }

    /// Fails if this process is not the one that is running.
    ///
    /// # Errors
    /// `Forked`, naming what was made in the other process.
    #[inline]
    pub fn check(self, what: &str) -> Result<()> {
        if self.is_current() { Ok(()) } else { Err(forked(what)) }
    }
}

#[cold]
fn forked(what: &str) -> Error {
    let message = format!(
        "{what} belongs to the process that made it, and this one was forked from that: make a new one here (what \
         was written so far is the other process's to commit)"
    );
    Error::new(Status::Forked, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_here_may_be_used_here() {
        let here = Process::current();
        assert!(here.is_current());
        assert_eq!(here, Process::current());
        here.check("a writer").unwrap();
    }

    #[test]
    fn what_another_process_made_is_refused_by_name() {
        let other = Process(Process::current().0 + 1);
        assert!(!other.is_current());
        let error = other.check("a writer").unwrap_err();
        assert_eq!(error.status(), Status::Forked);
        assert!(error.message().starts_with("a writer belongs to the process that made it"), "{error}");
    }
}

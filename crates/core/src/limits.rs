//! The limits of the call that a thread is in, for what lies too deep to be handed them: a store that asks
//! somebody else, request by request, looks here before each of them.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::context::Context;
use crate::error::Result;

thread_local! {
    // Without a destructor: nothing of ours is to run when a thread ends. `Governed` takes out what it has put in.
    static LIMITS: Cell<ManuallyDrop<Option<Context>>> = const { Cell::new(ManuallyDrop::new(None)) };
}

/// Ends the reign of what [`govern`] was given.
pub struct Governed {
    previous: Option<Context>,
}

/// Until the answer is dropped, these are the thread's limits; `None`: there are none.
#[must_use]
pub fn govern(context: Option<&Context>) -> Governed {
    let context = context.filter(|context| context.is_limited()).cloned();
    Governed { previous: swap(context) }
}

impl Drop for Governed {
    fn drop(&mut self) {
        drop(swap(self.previous.take()));
    }
}

fn swap(context: Option<Context>) -> Option<Context> {
    ManuallyDrop::into_inner(LIMITS.replace(ManuallyDrop::new(context)))
}

/// Fails once the call that the thread is in should end.
///
/// # Errors
/// `Deadline`, `Cancelled`, `Aborted`.
pub fn check(doing: &str) -> Result<()> {
    let Some(context) = swap(None) else { return Ok(()) };
    let verdict = context.check(doing);
    drop(swap(Some(context)));
    verdict
}

/// The limits of the call that the thread is in, if there are any.
pub fn current() -> Option<Context> {
    let context = swap(None);
    drop(swap(context.clone()));
    context
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{CallOptions, CancelToken};
    use crate::error::Status;
    use std::time::Duration;

    #[test]
    fn the_innermost_limits_hold_and_the_outer_ones_come_back() {
        let over = Context::start(&CallOptions {
            deadline: Some(Duration::ZERO),
            cancel: None,
            ..CallOptions::default()
        });
        let token = CancelToken::new();
        let cancelled = Context::start(&CallOptions {
            deadline: None,
            cancel: Some(token.clone()),
            ..CallOptions::default()
        });
        assert!(check("testing").is_ok());
        {
            let _outer = govern(Some(&cancelled));
            assert!(check("testing").is_ok());
            {
                let _inner = govern(Some(&over));
                let error = check("testing").unwrap_err();
                assert_eq!(error.message(), "deadline passed while testing");
                let _none = govern(None);
                assert!(check("testing").is_ok());
            }
            token.cancel();
            assert_eq!(check("testing").unwrap_err().status(), Status::Cancelled);
        }
        assert!(check("testing").is_ok());
    }
}

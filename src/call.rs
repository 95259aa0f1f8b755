//! The one way into every export that can fail: it resets and sets `*error`, and runs the body inside the
//! fence.
//!
//! Arguments are decoded inside it, by the methods of [`Call`], so that a fault of decoding names the
//! function and the argument.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::error::{INTERNAL, lode_error};
use crate::panic::{self, Inside};
use crate::status::lode_status;
use lode_core::error::{Error, Result, Status};

/// The running call of an export: names it in messages.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// The export's name.
    pub(super) function: &'static str,
}

impl Call {
    /// A failure whose message begins with the function.
    #[cold]
    pub(super) fn fault(&self, status: Status, what: impl std::fmt::Display) -> Error {
        Error::new(status, format_args!("{}: {what}", self.function))
    }

    /// An argument that cannot be used.
    #[cold]
    pub(super) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        self.fault(Status::InvalidArgument, what)
    }
}

/// Runs the body of an export that can fail.
///
/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn run(
    function: &'static str,
    error: *mut *mut lode_error,
    body: impl FnOnce(&Call) -> Result<lode_status>,
) -> lode_status {
    if !error.is_null() {
        // SAFETY: not NULL, so it may be written.
        unsafe { error.write(std::ptr::null_mut()) };
    }
    let inside = Inside::enter();
    let call = Call { function };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&call)));
    let status = match outcome {
        Ok(Ok(status)) => status,
        // SAFETY: as above.
        Ok(Err(failure)) => unsafe { report(error, failure.status(), || failure) },
        Err(payload) => {
            let describe = || call.fault(Status::Internal, panic::describe(&*payload));
            // SAFETY: as above.
            let status = unsafe { report(error, Status::Internal, describe) };
            panic::discard(payload);
            status
        }
    };
    drop(inside);
    status
}

/// Sets `*error`, come what may.
///
/// # Safety
/// As [`run`].
#[cold]
unsafe fn report(
    error: *mut *mut lode_error,
    status: Status,
    failure: impl FnOnce() -> Error,
) -> lode_status {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let failure = failure();
        if error.is_null() { std::ptr::null_mut() } else { lode_error::from_failure(&failure) }
    }));
    let made = made.unwrap_or_else(|payload| {
        panic::discard(payload);
        INTERNAL.as_handle()
    });
    if !error.is_null() {
        // SAFETY: not NULL, so it may be written.
        unsafe { error.write(made) };
    }
    status as lode_status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{lode_error_free, lode_error_message, lode_error_status};
    use crate::panic::query;
    use crate::status::{
        LODE_ERR_ACCESS_DENIED, LODE_ERR_CODEC_NOT_STREAMABLE, LODE_ERR_INTERNAL, LODE_ERR_STATE,
        LODE_ERR_UNKNOWN, LODE_ITEM,
    };
    use std::ffi::CStr;
    use std::ptr;

    fn message(error: *const lode_error) -> String {
        // SAFETY: the tests give errors that `run` made.
        unsafe { CStr::from_ptr(lode_error_message(error)) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_an_internal_error_that_names_function_and_place() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status = unsafe { run("lode_test", &mut error, |_| panic!("index {} is out of bounds", 7)) };
        assert_eq!(status, LODE_ERR_INTERNAL);
        let text = message(error);
        assert!(text.starts_with("lode_test: internal error"), "{text}");
        assert!(text.contains("index 7 is out of bounds"), "{text}");
        assert!(text.contains("call.rs:"), "{text}");
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
    }

    #[test]
    fn a_panic_without_text_or_with_a_wild_payload_is_held_too() {
        struct Wild;
        impl Drop for Wild {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status = unsafe { run("lode_test", &mut error, |_| std::panic::panic_any(Wild)) };
        assert_eq!(status, LODE_ERR_INTERNAL);
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
        assert_eq!(query(42, || std::panic::panic_any(Wild)), 42);
    }

    #[test]
    fn success_resets_the_error_and_keeps_the_status() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` may be written; what it holds is never read.
        let status = unsafe { run("lode_test", &mut error, |_| Ok(LODE_ITEM)) };
        assert_eq!((status, error), (LODE_ITEM, ptr::null_mut()));
    }

    #[test]
    fn without_an_error_pointer_the_status_alone_tells() {
        // SAFETY: NULL is allowed.
        let status = unsafe { run("lode_test", ptr::null_mut(), |call| Err(call.fault(Status::State, "x"))) };
        assert_eq!(status, LODE_ERR_STATE);
        // SAFETY: NULL is allowed.
        let status = unsafe { run("lode_test", ptr::null_mut(), |_| panic!("x")) };
        assert_eq!(status, LODE_ERR_INTERNAL);
    }

    /// Statuses that no call of a build without features gives: those of later versions, and of stores in
    /// buckets, whose own tests check what they say.
    #[test]
    fn a_status_that_this_build_does_not_give_goes_out_like_any_other() {
        for (status, expected, what) in [
            (Status::Unknown, LODE_ERR_UNKNOWN, "nothing is known of it"),
            (Status::AccessDenied, LODE_ERR_ACCESS_DENIED, "the bucket refuses the key"),
            (Status::CodecNotStreamable, LODE_ERR_CODEC_NOT_STREAMABLE, "a codec that needs two passes"),
        ] {
            let mut error = ptr::null_mut();
            // SAFETY: `error` may be written.
            let given = unsafe { run("lode_test", &mut error, |call| Err(call.fault(status, what))) };
            assert_eq!(given, expected);
            // SAFETY: made by `run`.
            assert_eq!(unsafe { lode_error_status(error) }, expected);
            assert_eq!(message(error), format!("lode_test: {what}"));
            // SAFETY: ours, once.
            unsafe { lode_error_free(error) };
        }
    }

    #[test]
    fn a_failure_keeps_its_message() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status =
            unsafe { run("lode_test", &mut error, |call| Err(call.fault(Status::State, "it is over"))) };
        assert_eq!(status, LODE_ERR_STATE);
        // SAFETY: made by `run`.
        assert_eq!(unsafe { lode_error_status(error) }, LODE_ERR_STATE);
        assert_eq!(message(error), "lode_test: it is over");
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
    }
}

//! `lode_cancel_token`.

use crate::arguments::Out;
use crate::call::run;
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::status::{LODE_OK, lode_status};
use lode_core::context::CancelToken;

/// Cancels calls. One-shot and sticky: once cancelled it stays so, and every call that has it in its options,
/// now or later, ends with LODE_ERR_CANCELLED. Threads may share it.
pub struct lode_cancel_token {
    _opaque: [u8; 0],
}

impl Handle for lode_cancel_token {
    type Value = CancelToken;
    const NAME: &'static str = "lode_cancel_token";
    const TAG: u32 = u32::from_le_bytes(*b"Lcan");
}

impl Shared for lode_cancel_token {}

/// Makes a token that is not cancelled.
///
/// @param token output: the token, which the caller owns and frees with lode_cancel_token_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_cancel_token_new(
    token: *mut *mut lode_cancel_token,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_cancel_token_new", error, |call| {
            let token = Out::reset(token, std::ptr::null_mut()).required(call, "token")?;
            token.set(handle::give(CancelToken::new())?);
            Ok(LODE_OK)
        })
    }
}

/// Cancels the calls that have this token. A running call ends at its next check; a commit that is decided by
/// then stays a success.
///
/// @param token the token. NULL: nothing happens.
///
/// Cannot fail. Any thread, also in a signal handler: it is one atomic store. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_cancel_token_cancel(token: *mut lode_cancel_token) {
    // No fence, which may take a lock the first time: nothing here can panic, allocate or wait.
    // SAFETY: NULL or a token, as lode.h asks.
    if let Some(token) = unsafe { handle::peek(token.cast_const()) } {
        token.cancel();
    }
}

/// Frees the caller's token. It cancels nothing: a running call keeps its own hold of the token.
///
/// @param token the token; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_cancel_token_free(token: *mut lode_cancel_token) {
    // SAFETY: NULL or a token of the caller's, as lode.h asks.
    unsafe { handle::free(token) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use std::ptr;

    #[test]
    fn a_token_cancels_what_holds_it_even_after_its_free() {
        let mut token = ptr::null_mut();
        // SAFETY: outputs may be written; the token lives until its free.
        unsafe {
            assert_eq!(lode_cancel_token_new(&raw mut token, ptr::null_mut()), LODE_OK);
            let held = handle::peek(token.cast_const()).unwrap().clone();
            assert!(!held.is_cancelled());
            lode_cancel_token_cancel(token);
            lode_cancel_token_free(token);
            assert!(held.is_cancelled());
        }
    }

    #[test]
    fn null_is_an_error_or_nothing() {
        // SAFETY: NULL is allowed, or refused.
        unsafe {
            assert_eq!(lode_cancel_token_new(ptr::null_mut(), ptr::null_mut()), LODE_ERR_INVALID_ARGUMENT);
            lode_cancel_token_cancel(ptr::null_mut());
            lode_cancel_token_free(ptr::null_mut());
        }
    }
}

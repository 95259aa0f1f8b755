//! Structs of callbacks that the caller implements for one call, such as `lode_record_iterator`: each is
//! taken over before anything else, is asked why it ended, and is released once.

use std::ffi::{CStr, c_char, c_void};
use std::fmt;

use crate::call::Call;
use crate::handle::Shared;
use crate::options::{Decoded, Versioned};
use crate::panic::outside;
use lode_core::error::{Error, Result, Status};

/// The callbacks that all such structs have.
pub(super) trait PullCallbacks: Versioned {
    /// What stands for it in messages.
    const WHAT: &'static str;

    /// Handed to every callback.
    fn ctx(&self) -> *mut c_void;

    /// Says why it failed.
    fn err(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void) -> *const c_char>;

    /// Ends its use.
    fn release(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void)>;
}

/// Owns the caller's struct: its drop is the one call of `release`.
pub(super) struct PullGuard<T: PullCallbacks>(pub(super) T);

impl<T: PullCallbacks> Drop for PullGuard<T> {
    fn drop(&mut self) {
        if let Some(release) = self.0.release() {
            // SAFETY: the caller gave the function together with its context; this is its one call.
            outside(|| unsafe { release(self.0.ctx()) });
        }
    }
}

impl<T: PullCallbacks> PullGuard<T> {
    /// Takes over the struct; from here on it will be released in any case.
    ///
    /// # Safety
    /// `pointer` is NULL or a struct as lode.h describes it.
    ///
    /// # Errors
    /// `NilIterator`, or `InvalidArgument` if the struct cannot be read; beside the struct, `Unsupported`.
    pub(super) unsafe fn take(call: &Call, pointer: *const T, name: &str) -> Result<(Self, Result<()>)> {
        if pointer.is_null() {
            let message = format_args!("{name} is NULL: there is no {} to pull from", T::NAME);
            return Err(call.fault(Status::NilIterator, message));
        }
        // SAFETY: as asked of the caller.
        match unsafe { call.decode(pointer, name) } {
            Decoded::Unreadable(error) => Err(error),
            Decoded::Readable(callbacks, verdict) => Ok((PullGuard(callbacks), verdict)),
        }
    }

    /// It has answered `code`, 0 or less, at the place and after the amount that the error names.
    ///
    /// # Errors
    /// `Iterator`, if it failed; the place is the caller's to add.
    pub(super) fn ended(
        &self,
        code: i64,
        place: fmt::Arguments<'_>,
        amount: fmt::Arguments<'_>,
    ) -> Result<()> {
        let ctx = self.0.ctx();
        // SAFETY: the caller gave the function together with its context.
        let text = self.0.err().map_or(std::ptr::null(), |err| outside(|| unsafe { err(ctx) }));
        // SAFETY: not NULL, so NUL-terminated and borrowed until `release`.
        let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy());
        let what = T::WHAT;
        let message = match (code, text) {
            (0, None) => return Ok(()),
            (0, Some(text)) => format!("{what} ended with an error after {amount}: {text}"),
            (_, None) => format!("{what} failed at {place} with code {code}"),
            (_, Some(text)) => format!("{what} failed at {place} with code {code}: {text}"),
        };
        Err(Error::new(Status::Iterator, message).with_callback_code(cut(code)))
    }
}

impl Call {
    /// The handle that a call is about, and what the call is to pull from; the latter is taken over first of
    /// all, so that it is released even if the handle is NULL.
    ///
    /// # Safety
    /// `owner` is NULL or what lode.h asks for; `pointer` as for [`PullGuard::take`].
    ///
    /// # Errors
    /// `InvalidArgument`; as [`PullGuard::take`].
    pub(super) unsafe fn pulled<H: Shared<Value: Clone>, T: PullCallbacks>(
        &self,
        (owner, owner_name): (*mut H, &str),
        (pointer, name): (*const T, &str),
    ) -> Result<(H::Value, PullGuard<T>)> {
        // SAFETY: as asked of the caller.
        let (callbacks, owner) =
            unsafe { (PullGuard::take(self, pointer, name), self.shared(owner.cast_const(), owner_name)) };
        // A clone: a callback may free the caller's handle.
        let owner = owner?.clone();
        let (callbacks, verdict) = callbacks?;
        verdict?;
        Ok((owner, callbacks))
    }
}

/// A code of 64 bits in the 32 that an error has.
pub(super) fn cut(code: i64) -> i32 {
    code.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

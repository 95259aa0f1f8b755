//! Structs that the caller fills: how their size is read, and the one that every blocking call may get.
//!
//! Structs grow at the end only, and never into padding that a first version had: a field would then arrive
//! within a size that older callers also give.

use std::ffi::c_void;
use std::time::Duration;

use crate::call::Call;
use crate::cancel::lode_cancel_token;
use crate::panic::outside;
use lode_core::context::{CallOptions, CancelToken, Progress, ProgressListener};
use lode_core::error::{Error, Result, Status};

/// How long a call that blocks but does not commit may take, and who may end it. All zero but `struct_size`:
/// no limits.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_call_options {
    /// sizeof(lode_call_options), as the caller was compiled.
    pub struct_size: usize,
    /// Milliseconds from the start of the call. 0: no deadline; below 0: it is already over.
    pub deadline_ms: i64,
    /// Ends the call when cancelled. Borrowed for the call. NULL: none.
    pub cancel: *mut lode_cancel_token,
    /// Handed to `progress`.
    pub progress_ctx: *mut c_void,
    /// Called repeatedly, also while the call waits, with the number of items that the call has processed
    /// (keys, snapshots), of bytes read and of bytes written, as far as the call counts them. An answer of 0
    /// goes on, any other stops the call with LODE_ERR_ABORTED. Called on the calling thread; an iterator
    /// that the call makes calls it, too, so it and `progress_ctx` must stay valid until the iterator is
    /// freed. NULL: none.
    pub progress:
        Option<unsafe extern "C" fn(ctx: *mut c_void, records: i64, bytes_in: i64, bytes_stored: i64) -> i32>,
}

/// A struct of the caller's that begins with `size_t struct_size`.
///
/// # Safety
/// The type is `repr(C)`, begins with a `usize`, and is valid with every byte zero.
pub(super) unsafe trait Versioned: Copy {
    /// The C type's name.
    const NAME: &'static str;
    /// Its size in the version that brought it.
    const FIRST_SIZE: usize;
}

// SAFETY: see the fields: numbers, pointers, and optional functions, for which zero is none.
unsafe impl Versioned for lode_call_options {
    const NAME: &'static str = "lode_call_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// No struct of ours will ever be this long: a greater size is garbage, and what it spans must not be read.
const MAX_STRUCT_SIZE: usize = 64 * 1024;

/// What a struct of the caller's turned out to be.
pub(super) enum Decoded<T> {
    /// Its size says that it cannot be read.
    Unreadable(Error),
    /// What this version knows of it, and whether it asks for more.
    Readable(T, Result<()>),
}

/// Every byte zero but the size: the defaults.
pub(super) fn zeroed<T: Versioned>() -> T {
    // SAFETY: `Versioned` says that zero bytes are valid.
    unsafe { std::mem::zeroed() }
}

impl Call {
    /// Reads a struct of the caller's.
    ///
    /// # Safety
    /// `pointer` is not NULL; a `size_t` can be read there, and as many bytes as it says, if that many are
    /// sensible.
    pub(super) unsafe fn decode<T: Versioned>(&self, pointer: *const T, name: &str) -> Decoded<T> {
        let unreadable = |what: std::fmt::Arguments<'_>| {
            Decoded::Unreadable(self.invalid(format_args!("{name} (a {}) {what}", T::NAME)))
        };
        if !pointer.is_aligned() {
            return unreadable(format_args!("is not aligned"));
        }
        // SAFETY: as asked of the caller.
        let size = unsafe { pointer.cast::<usize>().read() };
        if size < T::FIRST_SIZE {
            return unreadable(format_args!(
                "has struct_size {size}, expected at least {}: set it to sizeof({}), or call {}_init",
                T::FIRST_SIZE,
                T::NAME,
                T::NAME
            ));
        }
        if size > MAX_STRUCT_SIZE {
            return unreadable(format_args!(
                "has a huge struct_size, {size}: set it to sizeof({}), or call {}_init",
                T::NAME,
                T::NAME
            ));
        }
        let known = size.min(size_of::<T>());
        let mut value = zeroed::<T>();
        let bytes = pointer.cast::<u8>();
        // SAFETY: `size` bytes can be read, and `known` is neither more than that nor than `T`.
        unsafe { std::ptr::copy_nonoverlapping(bytes, (&raw mut value).cast::<u8>(), known) };
        // SAFETY: within `size` bytes.
        let beyond = unsafe { std::slice::from_raw_parts(bytes.add(known), size - known) };
        let verdict = match beyond.iter().position(|byte| *byte != 0) {
            None => Ok(()),
            Some(at) => Err(self.fault(
                Status::Unsupported,
                format_args!(
                    "{name} (a {}) uses a field at byte {} that this version of lode ({}) does not know",
                    T::NAME,
                    known + at,
                    env!("CARGO_PKG_VERSION")
                ),
            )),
        };
        Decoded::Readable(value, verdict)
    }

    /// Reads options, which may be left out by NULL.
    ///
    /// # Safety
    /// As [`Call::decode`], but `pointer` may be NULL.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    pub(super) unsafe fn options<T: Versioned>(&self, pointer: *const T, name: &str) -> Result<T> {
        if pointer.is_null() {
            return Ok(zeroed());
        }
        // SAFETY: as asked of the caller.
        match unsafe { self.decode(pointer, name) } {
            Decoded::Readable(value, Ok(())) => Ok(value),
            Decoded::Readable(_, Err(error)) | Decoded::Unreadable(error) => Err(error),
        }
    }

    /// A cancel token in a struct.
    ///
    /// # Safety
    /// `token` is NULL or a token that lives.
    ///
    /// # Errors
    /// `InvalidArgument`.
    unsafe fn cancel(&self, token: *mut lode_cancel_token) -> Result<Option<CancelToken>> {
        if token.is_null() {
            return Ok(None);
        }
        // SAFETY: as asked of the caller.
        unsafe { self.shared(token.cast_const(), "options.cancel") }.cloned().map(Some)
    }

    /// Deadline and cancel token as the Rust API takes them.
    ///
    /// # Safety
    /// `cancel` is NULL or a token that lives.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) unsafe fn limits(
        &self,
        deadline_ms: i64,
        cancel: *mut lode_cancel_token,
    ) -> Result<CallOptions> {
        let deadline = match deadline_ms {
            0 => None,
            below if below < 0 => Some(Duration::ZERO),
            ms => Some(Duration::from_millis(ms.unsigned_abs())),
        };
        // SAFETY: as asked of the caller.
        Ok(CallOptions { deadline, cancel: unsafe { self.cancel(cancel)? }, progress: None })
    }

    /// The options of a call that does not commit.
    ///
    /// # Safety
    /// `options` is NULL or a struct as lode.h describes it.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    pub(super) unsafe fn call_options(&self, options: *const lode_call_options) -> Result<CallOptions> {
        // SAFETY: as asked of the caller.
        unsafe {
            let options = self.options(options, "call")?;
            let limits = self.limits(options.deadline_ms, options.cancel)?;
            let progress = options.progress.map(|function| {
                let caller = Listener { function, ctx: options.progress_ctx };
                ProgressListener::new(move |at| caller.hears(at))
            });
            Ok(CallOptions { progress, ..limits })
        }
    }
}

/// A progress callback of the caller's.
pub(super) struct Listener {
    pub(super) function: unsafe extern "C" fn(*mut c_void, i64, i64, i64) -> i32,
    pub(super) ctx: *mut c_void,
}

// SAFETY: it is called on the thread that makes a call with it, and only there: which thread that is, is the
// caller's choice, who gives both parts.
unsafe impl Send for Listener {}
// SAFETY: as above.
unsafe impl Sync for Listener {}

impl Listener {
    pub(super) fn hears(&self, at: Progress) -> bool {
        let [records, bytes_in, bytes_stored] =
            [at.records, at.bytes_in, at.bytes_stored].map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        // SAFETY: the caller gave the function together with its context, for as long as calls are made with
        // them.
        outside(|| unsafe { (self.function)(self.ctx, records, bytes_in, bytes_stored) }) == 0
    }
}

/// Fills a struct of the caller's with the defaults: zeros, and its size. Writes no more than `size` bytes,
/// and none if no struct can have that size.
///
/// # Safety
/// `pointer` is NULL or `size` bytes may be written there.
pub(super) unsafe fn init<T: Versioned>(pointer: *mut T, size: usize) {
    // No fence: nothing here can panic.
    if pointer.is_null() || size > MAX_STRUCT_SIZE {
        return;
    }
    // SAFETY: as asked of the caller. Bytes beyond what this version knows are zeroed, too: they must be
    // zero.
    unsafe { pointer.cast::<u8>().write_bytes(0, size) };
    if size >= size_of::<usize>() {
        // SAFETY: a `size_t` fits.
        unsafe { pointer.cast::<usize>().write_unaligned(size) };
    }
}

/// Fills the options with the defaults: no limits.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_call_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_call_options_init(options: *mut lode_call_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;
    use std::ptr;

    const CALL: Call = Call { function: "lode_test" };
    const SIZE: usize = size_of::<lode_call_options>();

    /// Options followed by fields of a later version.
    #[repr(C)]
    struct Later {
        options: lode_call_options,
        more: [u8; 16],
    }

    fn later() -> Later {
        let mut later = Later { options: zeroed(), more: [0; 16] };
        later.options.struct_size = size_of::<Later>();
        later
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_without_reading_on() {
        for size in [0, 1, 8, SIZE - 1, MAX_STRUCT_SIZE + 1, usize::MAX] {
            // Only the size is there to be read.
            let alone = [size, 0, 0];
            // SAFETY: a `size_t` can be read, and no size here is sensible.
            let error =
                unsafe { CALL.options::<lode_call_options>(alone.as_ptr().cast(), "call") }.err().unwrap();
            assert_eq!(error.status(), Status::InvalidArgument);
            for word in ["lode_test", "call (a lode_call_options)", "struct_size", &size.to_string()] {
                assert!(error.message().contains(word), "{error}");
            }
        }
    }

    #[test]
    fn a_longer_struct_is_fine_while_its_end_is_zero() {
        let mut given = later();
        given.options.deadline_ms = 5;
        // SAFETY: as long as it says.
        let read = unsafe { CALL.options((&raw const given).cast::<lode_call_options>(), "call") }.unwrap();
        assert_eq!(read.deadline_ms, 5);
        given.more[15] = 1;
        // SAFETY: as long as it says; the pointer spans the whole struct.
        let error =
            unsafe { CALL.options((&raw const given).cast::<lode_call_options>(), "call") }.err().unwrap();
        assert_eq!(error.status(), Status::Unsupported);
        assert!(error.message().contains(&format!("byte {}", SIZE + 15)), "{error}");
    }

    #[test]
    fn a_readable_struct_is_given_even_when_it_asks_too_much() {
        let mut given = later();
        given.options.deadline_ms = 7;
        given.more[0] = 1;
        // SAFETY: as long as it says.
        match unsafe { CALL.decode((&raw const given).cast::<lode_call_options>(), "call") } {
            Decoded::Readable(read, Err(error)) => {
                assert_eq!((read.deadline_ms, error.status()), (7, Status::Unsupported));
            }
            _ => panic!("readable, and refused"),
        }
    }

    #[test]
    fn null_and_zeros_are_the_defaults() {
        let mut zeros: lode_call_options = zeroed();
        zeros.struct_size = SIZE;
        for options in [ptr::null(), &raw const zeros] {
            // SAFETY: NULL or a whole struct.
            let read = unsafe { CALL.call_options(options) }.unwrap();
            assert!(read.deadline.is_none() && read.cancel.is_none());
        }
    }

    #[test]
    fn a_negative_deadline_is_over() {
        for (ms, expected) in [
            (-1, Some(Duration::ZERO)),
            (i64::MIN, Some(Duration::ZERO)),
            (0, None),
            (250, Some(Duration::from_millis(250))),
            (i64::MAX, Some(Duration::from_millis(i64::MAX as u64))),
        ] {
            // SAFETY: no token.
            assert_eq!(unsafe { CALL.limits(ms, ptr::null_mut()) }.unwrap().deadline, expected, "{ms}");
        }
    }

    #[test]
    fn init_writes_no_more_than_it_is_told() {
        for size in [0, 4, 8, SIZE - 1, SIZE, SIZE + 8] {
            let mut bytes = MaybeUninit::<[u8; SIZE + 16]>::uninit();
            // SAFETY: every byte value is valid; the struct may be longer than this version knows.
            let bytes = unsafe {
                bytes.as_mut_ptr().cast::<u8>().write_bytes(0xAA, SIZE + 16);
                lode_call_options_init(bytes.as_mut_ptr().cast(), size);
                bytes.assume_init()
            };
            assert!(bytes[size..].iter().all(|byte| *byte == 0xAA), "{size}");
            let told = if size < 8 { 0 } else { 8 };
            assert!(bytes[told..size].iter().all(|byte| *byte == 0), "{size}");
            assert_eq!(&bytes[..told], &size.to_ne_bytes()[..told]);
        }
        // SAFETY: NULL is allowed.
        unsafe { lode_call_options_init(ptr::null_mut(), 1000) };
    }
}

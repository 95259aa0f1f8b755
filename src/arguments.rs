//! What comes in from C by pointer: bytes, arrays, texts; and the outputs that go back the same way.

use std::ffi::{CStr, c_char, c_void};

use crate::call::Call;
use lode_core::error::{Result, Status};

/// A run of bytes that belongs to the side that gave it; it is not NUL-terminated. `data` may be NULL if
/// `len` is 0. This struct never grows.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct lode_bytes {
    /// The first byte.
    pub data: *const u8,
    /// How many bytes.
    pub len: usize,
}

impl lode_bytes {
    /// No bytes.
    pub(super) const EMPTY: Self = lode_bytes { data: std::ptr::null(), len: 0 };

    /// What Rust lends to C.
    pub(super) fn of(bytes: &[u8]) -> Self {
        lode_bytes { data: bytes.as_ptr(), len: bytes.len() }
    }
}

/// Why a pointer and a count cannot be a slice, if they cannot.
pub(super) fn slice_fault<T>(data: *const T, count: usize) -> Option<&'static str> {
    if count == 0 {
        None
    } else if data.is_null() {
        Some("is NULL, but its length is not 0")
    } else if !data.is_aligned() {
        Some("is not aligned")
    } else if count > isize::MAX as usize / size_of::<T>() {
        Some("is longer than any object can be (more than PTRDIFF_MAX bytes)")
    } else {
        None
    }
}

/// An output of a call, reset when the call began.
pub(super) struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Resets the output, if there is one.
    ///
    /// # Safety
    /// `pointer` is NULL or may be written for as long as this output is used.
    pub(super) unsafe fn reset(pointer: *mut T, empty: T) -> Self {
        if pointer.is_null() || !pointer.is_aligned() {
            return Out(std::ptr::null_mut());
        }
        // SAFETY: as asked of the caller.
        unsafe { pointer.write(empty) };
        Out(pointer)
    }

    /// The output, which must be there.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) fn required(self, call: &Call, name: &str) -> Result<Self> {
        if self.0.is_null() {
            return Err(call.invalid(format_args!("{name} is NULL: it must point to the output")));
        }
        Ok(self)
    }

    /// Whether the caller wants it.
    pub(super) fn is_wanted(&self) -> bool {
        !self.0.is_null()
    }

    /// Writes the output, if there is one.
    pub(super) fn set(&self, value: T) {
        if !self.0.is_null() {
            // SAFETY: `reset` was promised that it may be written.
            unsafe { self.0.write(value) };
        }
    }
}

impl Call {
    /// A run of bytes.
    ///
    /// # Safety
    /// `data` is NULL or `len` bytes can be read there for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) unsafe fn bytes<'a>(&self, data: *const c_void, len: usize, name: &str) -> Result<&'a [u8]> {
        // SAFETY: as asked of the caller.
        unsafe { self.array(data.cast::<u8>(), len, name) }
    }

    /// An array.
    ///
    /// # Safety
    /// `data` is NULL or `count` items can be read there for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) unsafe fn array<'a, T: Copy>(
        &self,
        data: *const T,
        count: usize,
        name: &str,
    ) -> Result<&'a [T]> {
        if let Some(fault) = slice_fault(data, count) {
            return Err(self.invalid(format_args!("{name} (length {count}) {fault}")));
        }
        if count == 0 {
            return Ok(&[]);
        }
        // SAFETY: not NULL, aligned, not too long, and readable as asked of the caller.
        Ok(unsafe { std::slice::from_raw_parts(data, count) })
    }

    /// A text.
    ///
    /// # Safety
    /// `text` is NULL or NUL-terminated and readable for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument` if it is NULL or no UTF-8.
    pub(super) unsafe fn text<'a>(&self, text: *const c_char, name: &str) -> Result<&'a str> {
        // SAFETY: as asked of the caller.
        unsafe { self.optional_text(text, name)? }.ok_or_else(|| self.invalid(format_args!("{name} is NULL")))
    }

    /// A text that may be left out by NULL.
    ///
    /// # Safety
    /// As [`Call::text`].
    ///
    /// # Errors
    /// `InvalidArgument` if it is no UTF-8.
    pub(super) unsafe fn optional_text<'a>(
        &self,
        text: *const c_char,
        name: &str,
    ) -> Result<Option<&'a str>> {
        if text.is_null() {
            return Ok(None);
        }
        // SAFETY: not NULL, so NUL-terminated and readable.
        let bytes = unsafe { CStr::from_ptr(text) };
        bytes.to_str().map(Some).map_err(|fault| {
            let offset = fault.valid_up_to();
            self.fault(Status::InvalidArgument, format_args!("{name} is no valid UTF-8 at byte {offset}"))
                .with_offset(offset as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    const CALL: Call = Call { function: "lode_test" };

    #[test]
    fn null_with_a_length_and_endless_lengths_are_refused() {
        let byte = 1u8;
        let cases: &[(*const u8, usize, &str)] = &[
            (ptr::null(), 1, "lode_test: data (length 1) is NULL, but its length is not 0"),
            (&raw const byte, usize::MAX, "PTRDIFF_MAX"),
            (&raw const byte, isize::MAX as usize + 1, "PTRDIFF_MAX"),
        ];
        for &(data, len, expected) in cases {
            // SAFETY: each is refused before it is read.
            let error = unsafe { CALL.bytes(data.cast(), len, "data") }.unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(expected), "{error}");
        }
        // SAFETY: refused before it is read.
        let error = unsafe { CALL.array(ptr::dangling::<u64>(), isize::MAX as usize / 8 + 1, "lengths") };
        assert_eq!(error.unwrap_err().status(), Status::InvalidArgument);
    }

    #[test]
    fn no_bytes_may_be_null() {
        // SAFETY: nothing to read.
        unsafe {
            assert_eq!(CALL.bytes(ptr::null(), 0, "data").unwrap(), b"");
            assert_eq!(CALL.array(ptr::without_provenance::<u64>(1), 0, "lengths").unwrap(), &[0u64; 0]);
        }
    }

    #[test]
    fn a_misaligned_array_is_refused() {
        let words = [1u64, 2];
        let odd = words.as_ptr().cast::<u8>().wrapping_add(1).cast::<u64>();
        // SAFETY: refused before it is read.
        let error = unsafe { CALL.array(odd, 1, "lengths") }.unwrap_err();
        assert!(error.message().contains("lengths (length 1) is not aligned"), "{error}");
    }

    #[test]
    fn texts_are_checked() {
        // SAFETY: NUL-terminated, or NULL.
        unsafe {
            assert_eq!(CALL.text(c"caf\xc3\xa9".as_ptr(), "root").unwrap(), "café");
            assert_eq!(CALL.optional_text(ptr::null(), "root").unwrap(), None);
            let error = CALL.text(ptr::null(), "root").unwrap_err();
            assert_eq!(error.message(), "lode_test: root is NULL");
            let error = CALL.text(c"ab\xff".as_ptr(), "root").unwrap_err();
            assert_eq!(error.message(), "lode_test: root is no valid UTF-8 at byte 2");
            assert_eq!((error.status(), error.offset()), (Status::InvalidArgument, Some(2)));
        }
    }

    #[test]
    fn outputs_are_reset_and_missing_ones_named() {
        let mut value = 5;
        // SAFETY: writable, then NULL.
        unsafe {
            let out = Out::reset(&raw mut value, 0).required(&CALL, "count").unwrap();
            assert_eq!(value, 0);
            out.set(9);
            assert_eq!(value, 9);
            let error = Out::reset(ptr::null_mut::<i32>(), 0).required(&CALL, "count").err().unwrap();
            assert!(error.message().starts_with("lode_test: count is NULL"), "{error}");
        }
    }
}

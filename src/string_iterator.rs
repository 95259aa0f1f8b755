//! `lode_string_iterator`: keys, ids or partitions, one after the other.

use std::ffi::{CString, c_char};

use crate::arguments::Out;
use crate::call::run;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::status::{LODE_ITEM, LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::error::Result;
use lode_core::iter::Keys;

/// Texts that a call lists: the keys of a store, the ids of datasets, partitions. It belongs to one thread at
/// a time.
pub struct lode_string_iterator {
    _opaque: [u8; 0],
}

impl Handle for lode_string_iterator {
    type Value = Texts;
    const NAME: &'static str = "lode_string_iterator";
    const TAG: u32 = u32::from_le_bytes(*b"Lkey");
}

impl Exclusive for lode_string_iterator {}

/// What lies behind the handle.
pub struct Texts {
    keys: Keys,
    /// The text given last, which C may still be reading.
    current: CString,
}

impl Texts {
    /// The next text, which stays until the next call; NULL at the end. A failure stays.
    fn next(&mut self) -> Result<*const c_char> {
        let Some(key) = self.keys.next()? else { return Ok(std::ptr::null()) };
        self.current = c_text(&key)?;
        Ok(self.current.as_ptr())
    }
}

/// Gives an iterator to C.
///
/// # Errors
/// `NoMemory`.
pub(super) fn give_keys(keys: Keys, out: &Out<*mut lode_string_iterator>) -> Result<()> {
    out.set(handle::give(Texts { keys, current: CString::default() })?);
    Ok(())
}

/// Gives the next text.
///
/// @param strings the iterator. Not NULL.
/// @param string output: the text; NUL-terminated UTF-8, borrowed until the next call on the iterator; NULL
///        at the end. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is one. LODE_OK: the end. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
///         is using the iterator), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and LODE_ERR_ABORTED (as the options
///         of the call that made the iterator say, the time counted for each call anew), LODE_ERR_IO,
///         LODE_ERR_STORE, LODE_ERR_CORRUPT, LODE_ERR_NO_MEMORY. A failure stays.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_string_iterator_next(
    strings: *mut lode_string_iterator,
    string: *mut *const c_char,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_string_iterator_next", error, |this| {
            let string = Out::reset(string, std::ptr::null());
            let mut strings = this.exclusive(strings, "strings")?;
            let string = string.required(this, "string")?;
            let next = strings.next()?;
            string.set(next);
            Ok(if next.is_null() { LODE_OK } else { LODE_ITEM })
        })
    }
}

/// Frees an iterator.
///
/// @param strings the iterator; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_string_iterator_free(strings: *mut lode_string_iterator) {
    // SAFETY: NULL or an iterator of the caller's, as lode.h asks.
    unsafe { handle::free(strings) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{lode_error_free, lode_error_message};
    use crate::status::{LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STORE};
    use lode_core::context::{CallOptions, Context};
    use lode_core::error::{Error, Status};
    use lode_core::iter::Steps;
    use std::ffi::CStr;
    use std::ptr;

    struct Given(std::vec::IntoIter<Result<String>>);

    impl Steps for Given {
        type Item = String;

        fn doing(&self) -> &'static str {
            "testing"
        }

        fn next(&mut self, _control: &Context) -> Result<Option<String>> {
            self.0.next().transpose()
        }
    }

    fn give(items: Vec<Result<String>>) -> *mut lode_string_iterator {
        let mut keys = ptr::null_mut();
        // SAFETY: the output may be written.
        let out = unsafe { Out::reset(&raw mut keys, ptr::null_mut()) };
        let keys_of = Keys::new(Given(items.into_iter()), &CallOptions::default());
        give_keys(keys_of, &out).unwrap();
        keys
    }

    #[test]
    fn texts_come_in_order_then_the_end_which_stays() {
        let keys = give(vec![Ok("a/b".into()), Ok("ż".into())]);
        let mut key = ptr::null();
        // SAFETY: outputs may be written, the iterator lives until its free.
        unsafe {
            for expected in [c"a/b", c"ż"] {
                assert_eq!(lode_string_iterator_next(keys, &raw mut key, ptr::null_mut()), LODE_ITEM);
                assert_eq!(CStr::from_ptr(key), expected);
            }
            for _ in 0..2 {
                assert_eq!(lode_string_iterator_next(keys, &raw mut key, ptr::null_mut()), LODE_OK);
                assert!(key.is_null());
            }
            lode_string_iterator_free(keys);
        }
    }

    #[test]
    fn a_failure_stays_and_says_the_same_again() {
        let keys = give(vec![Err(Error::new(Status::Store, "no luck")), Ok("a".into())]);
        let mut key = ptr::null();
        for _ in 0..2 {
            let mut error = ptr::null_mut();
            // SAFETY: outputs may be written, the iterator lives until its free.
            unsafe {
                assert_eq!(lode_string_iterator_next(keys, &raw mut key, &raw mut error), LODE_ERR_STORE);
                assert_eq!(CStr::from_ptr(lode_error_message(error)), c"no luck");
                lode_error_free(error);
            }
        }
        // SAFETY: ours, once; then NULL.
        unsafe {
            let status = lode_string_iterator_next(keys, ptr::null_mut(), ptr::null_mut());
            assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
            lode_string_iterator_free(keys);
            let status = lode_string_iterator_next(ptr::null_mut(), &raw mut key, ptr::null_mut());
            assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
            lode_string_iterator_free(ptr::null_mut());
        }
    }
}

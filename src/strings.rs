//! Text that goes out to C: UTF-8, NUL-terminated, owned by the handle that gives it.

use std::ffi::{CStr, CString, c_char};
use std::sync::OnceLock;

use lode_core::error::{Error, Result, Status};

/// What takes the place of a NUL inside a text, which would cut it short for C.
const NUL_REPLACEMENT: &str = "\u{FFFD}";

/// Appends `text` and a NUL.
fn push(bytes: &mut Vec<u8>, text: &str) -> Result<()> {
    let nuls = memchr::memchr_iter(0, text.as_bytes()).count();
    bytes.try_reserve_exact(text.len() + nuls * (NUL_REPLACEMENT.len() - 1) + 1).map_err(|_| {
        Error::new(Status::NoMemory, format_args!("no memory for a text of {} bytes", text.len()))
    })?;
    if nuls == 0 {
        bytes.extend_from_slice(text.as_bytes());
    } else {
        for (at, part) in text.split('\0').enumerate() {
            if at > 0 {
                bytes.extend_from_slice(NUL_REPLACEMENT.as_bytes());
            }
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes.push(0);
    Ok(())
}

/// A copy of `text` for C.
///
/// # Errors
/// `NoMemory`.
pub(super) fn c_text(text: &str) -> Result<CString> {
    let mut bytes = Vec::new();
    push(&mut bytes, text)?;
    // The only NUL is the last byte: `push` sees to that.
    CString::from_vec_with_nul(bytes)
        .map_err(|_| Error::new(Status::Internal, "a text for C holds a NUL character"))
}

/// A text of a handle, made when it is first asked for.
#[derive(Default)]
pub(super) struct LazyText(OnceLock<Option<CString>>);

impl LazyText {
    /// The text that `text` gives, NUL-terminated: it stays where it is as long as this lives. NULL if there
    /// is none, or no memory for it: the next call then tries again.
    pub(super) fn get<T: AsRef<str>>(&self, text: impl FnOnce() -> Option<T>) -> *const c_char {
        let made = match self.0.get() {
            Some(made) => made,
            None => match text().map(|text| c_text(text.as_ref())).transpose() {
                Ok(made) => self.0.get_or_init(|| made),
                Err(_) => &None,
            },
        };
        made.as_deref().map_or(std::ptr::null(), CStr::as_ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_inside_is_replaced() {
        assert_eq!(c_text("a\0b\0").unwrap().to_str().unwrap(), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(c_text("").unwrap().to_str().unwrap(), "");
        assert_eq!(c_text("żółw").unwrap().to_str().unwrap(), "żółw");
    }

    #[test]
    fn a_lazy_text_is_made_once_and_stays() {
        let (text, none) = (LazyText::default(), LazyText::default());
        let mut made = 0;
        let mut get = || {
            text.get(|| {
                made += 1;
                Some("żółw")
            })
        };
        let first = get();
        assert_eq!(get(), first);
        assert_eq!(made, 1);
        // SAFETY: a NUL-terminated text that lives as long as `text`.
        assert_eq!(unsafe { CStr::from_ptr(first) }.to_str().unwrap(), "żółw");
        assert!(none.get(|| None::<&str>).is_null());
    }

    #[test]
    fn threads_that_ask_at_once_are_given_the_same_text() {
        let text = LazyText::default();
        let ask = || text.get(|| Some("text")).addr();
        let given = std::thread::scope(|scope| {
            [scope.spawn(ask), scope.spawn(ask)].map(|thread| thread.join().unwrap())
        });
        assert_eq!(given, [ask(), ask()]);
    }
}

//! Text that goes out to C: UTF-8, NUL-terminated, owned by the handle that gives it.

use std::ffi::{CString, c_char};

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

/// Where a text lies in [`Texts`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Place(usize);

/// Many texts of one handle in one allocation.
#[derive(Default)]
pub(super) struct Texts(Vec<u8>);

impl Texts {
    /// Adds a text.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn add(&mut self, text: &str) -> Result<Place> {
        let place = Place(self.0.len());
        // Doubling, as `push` reserves exactly.
        if self.0.capacity() - self.0.len() <= text.len() {
            let more = self.0.len().max(text.len() + 1);
            self.0
                .try_reserve(more)
                .map_err(|_| Error::new(Status::NoMemory, "no memory for a snapshot's texts"))?;
        }
        push(&mut self.0, text)?;
        Ok(place)
    }

    /// Adds a text if there is one.
    ///
    /// # Errors
    /// `NoMemory`.
    pub(super) fn add_some(&mut self, text: Option<&str>) -> Result<Option<Place>> {
        text.map(|text| self.add(text)).transpose()
    }

    /// The text, NUL-terminated; it stays where it is once nothing is added any more.
    pub(super) fn get(&self, place: Place) -> *const c_char {
        self.0.as_ptr().wrapping_add(place.0).cast()
    }

    /// The text, or NULL.
    pub(super) fn get_some(&self, place: Option<Place>) -> *const c_char {
        place.map_or(std::ptr::null(), |place| self.get(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    #[test]
    fn a_nul_inside_is_replaced() {
        assert_eq!(c_text("a\0b\0").unwrap().to_str().unwrap(), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(c_text("").unwrap().to_str().unwrap(), "");
        assert_eq!(c_text("żółw").unwrap().to_str().unwrap(), "żółw");
    }

    #[test]
    fn texts_lie_side_by_side() {
        let mut texts = Texts::default();
        let given: Vec<String> = (0..100).map(|n| "x".repeat(n * 7 % 50)).collect();
        let places: Vec<Place> = given.iter().map(|text| texts.add(text).unwrap()).collect();
        for (text, place) in given.iter().zip(places) {
            // SAFETY: `get` gives a NUL-terminated text that lives as long as `texts`.
            assert_eq!(unsafe { CStr::from_ptr(texts.get(place)) }.to_str().unwrap(), text);
        }
        assert!(texts.get_some(None).is_null());
    }
}

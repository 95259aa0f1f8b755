//! Why a value does not fit its column, and what is said about it.

use std::fmt::Write as _;

use super::schema::Field;
use crate::error::{Error, Status};

/// How much of a value a message shows, in bytes.
const SHOWN_MAX: usize = 64;

/// Why a value does not fit its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// A number with a fraction, for whole numbers.
    Fraction,
    /// Beyond the range of the type.
    Range(&'static str),
    /// A value of another kind; the one expected.
    Kind(&'static str),
    /// A string that is no RFC 3339 time.
    Time,
    /// A string that is no base64.
    Base64,
    /// Null, or nothing at all, where the schema does not allow it.
    Null,
    /// The same within a list or struct.
    NullWithin,
    /// The bytes are no UTF-8 text, which a JSON string is.
    NotText,
    /// A number that JSON has not: an infinity, or no number at all.
    NotFinite,
}

/// A value that does not fit its column: field, value and reason in words. Where it stands in its record is
/// an offset beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What does not fit, for a person.
    pub message: String,
    /// Where in its record the value begins, if it stands there.
    pub offset: Option<usize>,
}

impl Violation {
    /// The value `json` of a record does not fit `field`.
    #[cold]
    pub(super) fn of_value(field: &Field, json: Option<(&[u8], usize)>, why: Mismatch) -> Self {
        let mut message = format!("the field {:?} ({}) ", field.name, field.type_name());
        match json {
            Some((value, _)) => {
                let _ = write!(message, "has the value {}", shown(value));
            }
            None => message.push_str("is missing"),
        }
        let _ = write!(message, ", {}", why.words());
        Violation { message, offset: json.map(|(_, offset)| offset) }
    }

    /// The record is no object.
    #[cold]
    pub(super) fn no_object(record: &[u8], offset: usize) -> Self {
        let message =
            format!("it is {}, expected an object with the schema's fields", shown(&record[offset..]));
        Violation { message, offset: Some(offset) }
    }

    /// The error for record (or row) `number`, counted from 0.
    #[cold]
    pub(crate) fn into_error(self, number: u64) -> Error {
        let message = format!("record {number} does not fit the schema: {}", self.message);
        let error = Error::new(Status::SchemaViolation, message).with_record(number);
        match self.offset {
            Some(offset) => error.with_offset(offset as u64),
            None => error,
        }
    }
}

impl Mismatch {
    /// What is wrong and what is expected.
    pub(super) fn words(self) -> String {
        match self {
            Mismatch::Fraction => "which has a fraction; expected a whole number".into(),
            Mismatch::Range("timestamp") => {
                "which is beyond the range from 1677-09-21 to 2262-04-11 of nanoseconds in 64 bits".into()
            }
            Mismatch::Range(of) => format!("which is beyond the range of {of}"),
            Mismatch::Kind(expected) => format!("expected {expected}"),
            Mismatch::Time => {
                "expected RFC 3339 such as 2006-01-02T15:04:05.999999999Z, with at most nine fractional digits".into()
            }
            Mismatch::Base64 => "expected base64 with padding (RFC 4648, section 4)".into(),
            Mismatch::Null => "and is not nullable".into(),
            Mismatch::NullWithin => "in which a value is null or missing that is not nullable".into(),
            Mismatch::NotText => "which is no UTF-8; declare \"json\": \"base64\" for it, or read it as Arrow".into(),
            Mismatch::NotFinite => "which JSON has no number for; read it as Arrow".into(),
        }
    }
}

/// The beginning of a value.
pub(super) fn shown(value: &[u8]) -> String {
    let mut end = value.len().min(SHOWN_MAX);
    while end < value.len() && end > 0 && value[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    let text = String::from_utf8_lossy(&value[..end]);
    if end < value.len() { format!("{text}…") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_shown_up_to_a_character_within_its_first_64_bytes() {
        assert_eq!(shown(b"12"), "12");
        let long = "é".repeat(40);
        assert_eq!(shown(long.as_bytes()), format!("{}…", "é".repeat(32)));
        let odd = format!("x{long}");
        assert_eq!(shown(odd.as_bytes()), format!("x{}…", "é".repeat(31)));
    }
}

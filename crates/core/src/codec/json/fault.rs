//! What can be wrong with a document, as text, and where: the cold path of the check.

use super::Fault;

pub(super) const VALUE: &str = "expected a value";
pub(super) const KEY: &str = "expected '\"' and a key";
pub(super) const KEY_OR_END: &str = "expected '\"' and a key, or '}'";
pub(super) const COLON: &str = "expected ':'";
pub(super) const COMMA_OR_OBJECT_END: &str = "expected ',' or '}'";
pub(super) const COMMA_OR_ARRAY_END: &str = "expected ',' or ']'";
pub(super) const LITERAL: &str = "expected true, false or null";
pub(super) const DIGIT: &str = "expected a digit";
pub(super) const LEADING_ZERO: &str = "a digit after a leading zero";
pub(super) const TOO_LARGE: &str = "a number beyond the range of a float64";
pub(super) const ESCAPE: &str = "unknown escape in a string; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u";
pub(super) const HEX_DIGIT: &str = "expected four hex digits after \\u";
pub(super) const CONTROL: &str = "control character in a string; escape it";
pub(super) const IN_STRING: &str = "ends inside a string";
pub(super) const TOO_DEEP: &str = "nested deeper than 10,000 levels";
pub(super) const AFTER_DOCUMENT: &str = "something after the document; expected exactly one document";
pub(super) const SECOND_DOCUMENT: &str = "a second document after the first; expected exactly one";
pub(super) const NOT_UTF8: &str = "invalid UTF-8";
const EMPTY: &str = "empty; expected one JSON document";
const ONLY_WHITE_SPACE: &str = "only white space; expected one JSON document";
const BYTE_ORDER_MARK: &str = "byte order mark; leave it out";
const ENDS_EARLY: &str = "ends early; an array, object, number or literal is not complete";

/// A fault at `offset`; one at the end of the bytes is told as an early end.
#[cold]
#[inline(never)]
pub(super) fn at(bytes: &[u8], offset: usize, reason: &'static str) -> Fault {
    if offset < bytes.len() || reason == TOO_LARGE || reason == IN_STRING {
        return Fault { offset, reason };
    }
    let reason = if bytes.is_empty() {
        EMPTY
    } else if bytes.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
        ONLY_WHITE_SPACE
    } else {
        ENDS_EARLY
    };
    Fault { offset, reason }
}

/// What stands at `offset` though the document is complete.
#[cold]
#[inline(never)]
pub(super) fn after_document(bytes: &[u8], offset: usize) -> Fault {
    let begins_value =
        matches!(bytes.get(offset), Some(b'"' | b'{' | b'[' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'));
    Fault { offset, reason: if begins_value { SECOND_DOCUMENT } else { AFTER_DOCUMENT } }
}

/// The fault to report: invalid UTF-8 before `fault`, if there is any, was not checked for yet.
#[cold]
#[inline(never)]
pub(super) fn earliest(bytes: &[u8], fault: Fault) -> Fault {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Fault { offset: 0, reason: BYTE_ORDER_MARK };
    }
    match std::str::from_utf8(bytes) {
        Err(error) if error.valid_up_to() <= fault.offset => {
            Fault { offset: error.valid_up_to(), reason: NOT_UTF8 }
        }
        _ => fault,
    }
}

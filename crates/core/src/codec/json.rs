//! The one check of a JSON document: from bytes to a verdict with its position.
//!
//! A record is stored as the caller gave it, so it has to be exactly one JSON document (RFC 8259, strict
//! UTF-8) that every reader of the format can take: the nesting and the range of numbers are bounded by what
//! the reference reader accepts. The check is iterative, allocates nothing per document and runs in one pass
//! over the bytes, sixteen at a time where it can; what is wrong is worked out on a cold path.
//!
//! Beyond the grammar it accepts what RFC 8259 leaves open and the reference reads: duplicate keys, any value
//! at the top, `\u0000`, lone surrogate escapes (`\ud800`; most readers turn them into U+FFFD), numbers too
//! small for a float64 (they read as zero). It refuses numbers too large for one, which the reference cannot
//! read.

mod block;
mod fault;
#[cfg(feature = "parquet")]
pub mod flat_scan;
mod keys;
pub mod members;
mod range;
mod scan;
#[cfg(test)]
mod tests;
pub mod text;
pub mod wanted;

use crate::error::{Error, Result, Status};
use keys::Keys;
pub use range::beyond_float64;
use scan::{Cursor, Tail};
#[cfg(feature = "parquet")]
pub use text::push_json_string;
use wanted::Wanted;

/// The deepest nesting of arrays and objects accepted: the reference reads no deeper.
pub const MAX_DEPTH: usize = 10_000;

/// Levels of nesting that one word of the stack holds.
const LEVELS_PER_WORD: usize = u64::BITS as usize;

/// What the check finds of a valid document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// Whether it holds line breaks between tokens (a valid document holds none inside one).
    pub has_line_breaks: bool,
}

/// Why bytes are not exactly one valid JSON document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in bytes from the beginning of the document: the first byte that no valid document could have
    /// there; the document's length where it ends early; a number's first byte where its value is at fault.
    pub offset: usize,
    /// What, as text for people.
    pub reason: &'static str,
}

impl Fault {
    /// Whether the document is at fault only for a number that no float64 holds.
    #[cfg(feature = "parquet")]
    pub(crate) fn is_number_beyond_range(&self) -> bool {
        self.reason == fault::TOO_LARGE
    }
}

/// Checks documents; one is kept for many, since it owns the memory that deep nesting needs and remembers
/// keys.
#[derive(Debug)]
pub struct Checker {
    /// Outer levels, one bit each (1: object, 0: array), `LEVELS_PER_WORD` a word, outermost first. The
    /// innermost levels are in a local variable of the running check.
    outer: Vec<u64>,
    keys: Keys,
    /// Room for a document's end.
    tail: Tail,
    /// What is found on the way.
    wanted: Wanted,
}

impl Checker {
    /// A checker that finds the values of these top-level keys, at most 255, on its way. It takes about 10
    /// KiB of memory and never more.
    ///
    /// # Errors
    /// [`Status::NoMemory`].
    pub fn new(wanted: &[String]) -> Result<Self> {
        let no_memory = |_| {
            Error::new(Status::NoMemory, "no memory for checking JSON documents; free some and try again")
        };
        let mut outer = Vec::new();
        outer.try_reserve_exact(MAX_DEPTH.div_ceil(LEVELS_PER_WORD)).map_err(no_memory)?;
        Ok(Checker {
            outer,
            keys: Keys::new().map_err(no_memory)?,
            tail: Tail::new(),
            wanted: Wanted::new(wanted),
        })
    }

    /// Whether `bytes` are exactly one JSON document, white space around it allowed.
    ///
    /// # Errors
    /// Where and why not.
    #[inline(always)]
    pub fn check(&mut self, bytes: &[u8]) -> std::result::Result<Document, Fault> {
        let verdict = self.document(bytes, false).and_then(|found| {
            let after = found.len < bytes.len() && scan::nothing_follows(bytes, found.len)?;
            Ok(Found { has_line_breaks: found.has_line_breaks | after, ..found })
        });
        let found = verdict.map_err(|fault| fault::earliest(bytes, fault))?;
        // Bytes above 0x7f can only stand in strings by now; most documents have none.
        if found.may_hold_non_ascii
            && let Err(error) = std::str::from_utf8(bytes)
        {
            return Err(Fault { offset: error.valid_up_to(), reason: fault::NOT_UTF8 });
        }
        Ok(Document { has_line_breaks: found.has_line_breaks })
    }

    /// The length of the JSON document that `bytes` begin with, if it has no line break in it or before it,
    /// and one (`\n` or `\r\n`) follows it at once; `None` says nothing about the bytes. Nothing beyond the
    /// first line is read.
    #[inline(always)]
    pub fn check_line(&mut self, bytes: &[u8]) -> Option<usize> {
        let found = self.document(bytes, true).ok()?;
        let (line, rest) = bytes.split_at(found.len);
        let ends = rest.starts_with(b"\n") || rest.starts_with(b"\r\n");
        (ends && (!found.may_hold_non_ascii || std::str::from_utf8(line).is_ok())).then_some(found.len)
    }

    /// Of each key that is to be found: where its value begins in `document`, which [`Checker::check`] has
    /// accepted last, and how long it is.
    #[inline]
    pub fn values(&mut self, document: &[u8]) -> &[Option<(usize, usize)>] {
        self.wanted.values(document)
    }

    #[inline(always)]
    fn document(&mut self, bytes: &[u8], is_line: bool) -> std::result::Result<Found, Fault> {
        if self.wanted.is_empty() {
            document::<false>(bytes, is_line, self)
        } else {
            document::<true>(bytes, is_line, self)
        }
    }
}

/// What was found at the beginning of some bytes.
struct Found {
    /// The document's length, with the white space before it.
    len: usize,
    has_line_breaks: bool,
    may_hold_non_ascii: bool,
}

/// Finds one document, valid but for its UTF-8. What follows it is not checked. `FINDS`: it has the checker's
/// wanted keys found, too; most checkers have none, and are to lose no time by it.
#[inline(never)]
fn document<const FINDS: bool>(
    bytes: &[u8],
    is_line: bool,
    checker: &mut Checker,
) -> std::result::Result<Found, Fault> {
    let Checker { outer, keys, tail, wanted } = checker;
    let mut cursor = Cursor::new(bytes, is_line, tail);
    outer.clear();
    keys.begin();
    if FINDS {
        wanted.begin();
    }
    let mut depth = 0usize;
    // The innermost levels, the lowest bit being the array (0) or object (1) we are in.
    let mut levels = 0u64;

    'value: loop {
        let mut token = cursor.token();
        loop {
            match token {
                b'"' => cursor.string()?,
                b'0'..=b'9' | b'-' => cursor.number()?,
                b'{' | b'[' => {
                    if depth == MAX_DEPTH {
                        return Err(cursor.fault(fault::TOO_DEEP));
                    }
                    if depth != 0 && depth.is_multiple_of(LEVELS_PER_WORD) {
                        // Never more words than were reserved: the depth is bounded.
                        outer.push(levels);
                    }
                    let is_object = token == b'{';
                    levels = levels << 1 | u64::from(is_object);
                    depth += 1;
                    let opening = cursor.offset();
                    if is_object {
                        keys.enter_object(depth);
                        let found = |mark, offset| {
                            if FINDS && depth == 1 {
                                wanted.found(mark, offset, 0);
                            }
                        };
                        if cursor.known_key(keys, found) {
                            continue 'value;
                        }
                    }
                    cursor.advance(1);
                    token = cursor.token();
                    if is_object {
                        if token == b'"' {
                            let mark =
                                cursor.key(opening, keys, |key| if FINDS { wanted.mark(key) } else { 0 })?;
                            if FINDS && depth == 1 {
                                wanted.found(mark, cursor.offset(), 0);
                            }
                            continue 'value;
                        }
                        if token != b'}' {
                            return Err(cursor.fault(fault::KEY_OR_END));
                        }
                    } else if token != b']' {
                        // The token begins the first element, or is at fault.
                        continue;
                    }
                    cursor.advance(1);
                    depth -= 1;
                    levels = leave(outer, levels, depth);
                }
                b't' => cursor.literal(b"true")?,
                b'f' => cursor.literal(b"false")?,
                b'n' => cursor.literal(b"null")?,
                _ => return Err(cursor.fault(fault::VALUE)),
            }
            break;
        }

        // A value is complete: what follows it in the container that it stands in?
        loop {
            if depth == 0 {
                return Ok(Found {
                    len: cursor.offset(),
                    has_line_breaks: cursor.has_line_breaks(),
                    may_hold_non_ascii: cursor.may_hold_non_ascii(),
                });
            }
            if levels & 1 == 1 {
                let found = |mark, offset, len| {
                    if FINDS && depth == 1 {
                        wanted.found(mark, offset, len);
                    }
                };
                if cursor.known_members(keys, found) {
                    continue 'value;
                }
                let token = cursor.token();
                if token == b',' {
                    let comma = cursor.offset();
                    cursor.advance(1);
                    if cursor.token() != b'"' {
                        return Err(cursor.fault(fault::KEY));
                    }
                    let mark = cursor.key(comma, keys, |key| if FINDS { wanted.mark(key) } else { 0 })?;
                    if FINDS && depth == 1 {
                        wanted.found(mark, cursor.offset(), 0);
                    }
                    continue 'value;
                }
                if token != b'}' {
                    return Err(cursor.fault(fault::COMMA_OR_OBJECT_END));
                }
            } else {
                if cursor.elements() {
                    continue 'value;
                }
                let token = cursor.token();
                if token == b',' {
                    cursor.advance(1);
                    continue 'value;
                }
                if token != b']' {
                    return Err(cursor.fault(fault::COMMA_OR_ARRAY_END));
                }
            }
            cursor.advance(1);
            depth -= 1;
            levels = leave(outer, levels, depth);
        }
    }
}

/// The levels once the innermost is left and `depth` remain.
#[inline(always)]
fn leave(outer: &mut Vec<u64>, levels: u64, depth: usize) -> u64 {
    if depth.is_multiple_of(LEVELS_PER_WORD) { outer.pop().unwrap_or(0) } else { levels >> 1 }
}

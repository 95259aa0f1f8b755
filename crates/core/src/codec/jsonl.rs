//! JSON lines (`docs/format.md`, section "JSON lines"): one document a line, `\n` after each.
//!
//! Writing checks each record and puts it on a line of its own; reading finds the lines. Both work on buffers
//! that the caller owns and reuses.

#[cfg(test)]
mod tests;

use std::ops::Range;

use super::json::{Checker, Fault};
use crate::error::Result;

/// The longest record accepted unless the dataset says otherwise, in bytes, its line break not counted: with
/// the line break it fills the 10 MiB that the reference reads a line into.
pub const MAX_RECORD_BYTES_DEFAULT: u64 = 10 * 1024 * 1024 - 1;

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not exactly one JSON document.
    InvalidRecord(Fault),
    /// It is longer than allowed.
    TooLarge {
        /// Its length as it would be stored, in bytes, its line break not counted.
        len: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// There is no memory for it.
    NoMemory {
        /// The bytes it needs.
        len: u64,
    },
}

/// Writes records as lines.
#[derive(Debug)]
pub struct Encoder {
    checker: Checker,
}

impl Encoder {
    /// An encoder, for any number of records.
    ///
    /// # Errors
    /// [`Status::NoMemory`](crate::error::Status::NoMemory).
    pub fn new() -> Result<Self> {
        Ok(Encoder { checker: Checker::new()? })
    }

    /// Appends `record` to `out` as one line: its bytes as they are, but without the line breaks between its
    /// tokens, then `\n`. Allocates only where `out` has no room left.
    ///
    /// # Errors
    /// Why it was not taken; `out` is as it was.
    pub fn encode(
        &mut self,
        record: &[u8],
        max_record_bytes: u64,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Rejection> {
        let has_line_breaks = self.check(record, max_record_bytes)?;
        append_checked(record, has_line_breaks, out)
    }

    /// Appends the line that `data` begins with to `out`, if it is a record with its line break right after it: gives
    /// the record's length and the line's. `None`: nothing was taken, and what there is has to be looked at more closely.
    pub fn encode_line(
        &mut self,
        data: &[u8],
        max_record_bytes: u64,
        out: &mut Vec<u8>,
    ) -> Option<(usize, usize)> {
        let len = self.checker.check_line(data)?;
        if len as u64 > max_record_bytes || out.capacity() - out.len() <= len {
            return None;
        }
        let breaks = if data[len] == b'\n' { 1 } else { 2 };
        out.extend_from_slice(&data[..len]);
        out.push(b'\n');
        Some((len, len + breaks))
    }

    /// Checks a record as [`Encoder::encode`] does, and no more. Tells whether it has line breaks between its tokens.
    ///
    /// # Errors
    /// Why it would not be taken.
    #[inline(always)]
    pub fn check(&mut self, record: &[u8], max_record_bytes: u64) -> std::result::Result<bool, Rejection> {
        if record.len() as u64 > max_record_bytes {
            within_limit(record, max_record_bytes)?;
        }
        self.checker.check(record).map(|document| document.has_line_breaks).map_err(Rejection::InvalidRecord)
    }
}

/// Appends a record that [`Encoder::check`] has accepted, and told whether it may have line breaks, to `out` as one line.
///
/// # Errors
/// `NoMemory`; `out` is as it was.
#[inline(always)]
pub fn append_checked(
    record: &[u8],
    may_have_line_breaks: bool,
    out: &mut Vec<u8>,
) -> std::result::Result<(), Rejection> {
    if out.capacity() - out.len() <= record.len() {
        grow(out, record.len())?;
    }
    if may_have_line_breaks {
        append_without_line_breaks(record, out);
    } else {
        out.extend_from_slice(record);
    }
    out.push(b'\n');
    Ok(())
}

/// Whether a record longer than `limit` is within it once its line breaks are gone.
#[cold]
#[inline(never)]
fn within_limit(record: &[u8], limit: u64) -> std::result::Result<(), Rejection> {
    let line_breaks = memchr::memchr2_iter(b'\n', b'\r', record).count();
    let len = (record.len() - line_breaks) as u64;
    if len > limit { Err(Rejection::TooLarge { len, limit }) } else { Ok(()) }
}

/// Makes room for a line of `len` bytes.
#[cold]
#[inline(never)]
fn grow(out: &mut Vec<u8>, len: usize) -> std::result::Result<(), Rejection> {
    let no_memory = Rejection::NoMemory { len: len as u64 };
    match len.checked_add(1).map(|needed| out.try_reserve(needed)) {
        Some(Ok(())) => Ok(()),
        _ => Err(no_memory),
    }
}

/// Appends a valid document without its line breaks, which all stand between tokens: no two tokens that need
/// white space between them can follow each other in JSON, so that the rest means the same.
#[inline(never)]
fn append_without_line_breaks(record: &[u8], out: &mut Vec<u8>) {
    let mut start = 0;
    for line_break in memchr::memchr2_iter(b'\n', b'\r', record) {
        out.extend_from_slice(&record[start..line_break]);
        start = line_break + 1;
    }
    out.extend_from_slice(&record[start..]);
}

/// The first line of `data` that is complete (ended by `\n`) and not blank, and how many bytes it and the
/// blank lines before it take up. One `\r` before the `\n` is no part of the line; a line of nothing else
/// is blank. Without such a line the bytes of complete blank lines are still counted, so that they can be
/// dropped.
pub fn next_line(data: &[u8]) -> (Option<Range<usize>>, usize) {
    let mut start = 0;
    while let Some(length) = memchr::memchr(b'\n', &data[start..]) {
        let line = start..start + length;
        start = line.end + 1;
        let line = without_carriage_return(data, line);
        if !line.is_empty() {
            return (Some(line), start);
        }
    }
    (None, start)
}

/// The line that `data`, the rest of a file without `\n`, holds; none if that is blank.
pub fn last_line(data: &[u8]) -> Option<Range<usize>> {
    let line = without_carriage_return(data, 0..data.len());
    (!line.is_empty()).then_some(line)
}

#[inline(always)]
fn without_carriage_return(data: &[u8], line: Range<usize>) -> Range<usize> {
    if data[line.clone()].last() == Some(&b'\r') { line.start..line.end - 1 } else { line }
}

//! Writing: each record is checked and put on a line of its own.

use super::statistics::Statistics;
use crate::codec::json::Checker;
use crate::codec::{Checked, EncoderOptions, Rejection};
use crate::error::Result;
use crate::manifest::FileStats;

/// Writes records as lines. Each is ready at once.
pub struct Encoder {
    checker: Checker,
    max_record_bytes: u64,
    statistics: Option<Box<Statistics>>,
}

impl crate::codec::Encoder for Encoder {
    const NAME: &'static str = "jsonl";
    const FILE_NAME: &'static str = "data";
    const RECORDS_STAND_ALONE: bool = true;

    fn new(options: &EncoderOptions<'_>) -> Result<Self> {
        Ok(Encoder {
            checker: Checker::new(options.wanted)?,
            max_record_bytes: options.max_record_bytes,
            statistics: options.statistics.then(Box::default),
        })
    }

    #[inline(always)]
    fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection> {
        if record.len() as u64 > self.max_record_bytes {
            within_limit(record, self.max_record_bytes)?;
        }
        match self.checker.check(record) {
            Ok(document) => Ok(Checked { has_line_breaks: document.has_line_breaks }),
            Err(fault) => Err(Rejection::InvalidRecord(fault)),
        }
    }

    #[inline]
    fn values(&mut self, record: &[u8]) -> &[Option<(usize, usize)>] {
        self.checker.values(record)
    }

    /// The record's bytes as they are, but without the line breaks between its tokens, then `\n`. Allocates
    /// only where `out` has no room left.
    #[inline(always)]
    fn encode_checked(
        &mut self,
        record: &[u8],
        checked: Checked,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Rejection> {
        if out.capacity() - out.len() <= record.len() {
            grow(out, record.len())?;
        }
        if let Some(statistics) = &mut self.statistics {
            statistics.take(record).map_err(|_| Rejection::NoMemory { len: record.len() as u64 })?;
        }
        if checked.has_line_breaks {
            append_without_line_breaks(record, out);
        } else {
            out.extend_from_slice(record);
        }
        out.push(b'\n');
        Ok(())
    }

    #[inline(always)]
    fn encode_line(&mut self, data: &[u8], out: &mut Vec<u8>) -> Option<(usize, usize)> {
        if self.statistics.is_some() {
            return None;
        }
        let len = self.checker.check_line(data)?;
        if len as u64 > self.max_record_bytes || out.capacity() - out.len() <= len {
            return None;
        }
        let line_break = if data[len] == b'\n' { 1 } else { 2 };
        out.extend_from_slice(&data[..len]);
        out.push(b'\n');
        Some((len, len + line_break))
    }

    fn finish(&mut self, _out: &mut Vec<u8>) -> Result<bool> {
        Ok(false)
    }

    fn statistics(&mut self, records: u64) -> Option<FileStats> {
        self.statistics.take().map(|statistics| statistics.finish(records))
    }
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

//! Writers fed from a file descriptor: what a program would otherwise write as a loop around `read`, with
//! lines that end in another piece, interruptions, and descriptors that do not block.

use std::os::fd::BorrowedFd;

use super::{BlobWriter, RecordWriter};
use crate::context::{CallOptions, Context};
use crate::descriptor;
use crate::error::{Error, Result, Status};

/// How many bytes are read at once.
const PIECE: usize = 256 << 10;

/// By so many bytes a buffer grows at most, so that a long line does not take twice its length.
const MORE_MAX: usize = 4 * PIECE;

const READING: &str = "reading from a descriptor";

/// What was read and has not gone in yet.
#[derive(Default)]
pub(super) struct Pending {
    room: Vec<u8>,
    start: usize,
    end: usize,
    /// Where `start` is in what the descriptor has given: the line breaks, and the bytes, before it.
    lines: u64,
    offset: u64,
    /// The rest of a line that was refused is still to come, and is no record.
    is_skipping: bool,
    /// The descriptor is at its end.
    is_ended: bool,
}

impl Pending {
    fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    /// Steps over bytes that have gone in, or are left out.
    fn consume(&mut self, count: usize) {
        self.lines += memchr::memchr_iter(b'\n', &self.bytes()[..count]).count() as u64;
        self.offset += count as u64;
        self.start += count;
    }

    /// Leaves out what is there of a line, and all that comes of it.
    fn skip_line(&mut self) {
        match memchr::memchr(b'\n', self.bytes()) {
            Some(at) => self.consume(at + 1),
            None => {
                self.consume(self.bytes().len());
                self.is_skipping = true;
            }
        }
    }

    /// The refusal of the line that is at `start`: the caller knows the input by its lines, not by records.
    fn refused(&self, error: Error) -> Error {
        let within = error.offset().unwrap_or(0);
        error.context(format_args!("line {} (byte {} of the input)", self.lines + 1, self.offset + within))
    }

    /// Reads the next piece behind what is there.
    fn fill(&mut self, fd: BorrowedFd<'_>, context: &Context) -> Result<()> {
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.room.len() {
            let more = self.room.len().clamp(PIECE, MORE_MAX);
            self.room.try_reserve_exact(more).map_err(|_| {
                Error::new(Status::NoMemory, format_args!("no memory for {more} bytes more of a line"))
            })?;
            self.room.resize(self.room.len() + more, 0);
        }
        let count = descriptor::read(fd, &mut self.room[self.end..], context, READING)?;
        self.end += count;
        self.is_ended = count == 0;
        Ok(())
    }
}

impl RecordWriter {
    /// Appends the lines that a descriptor gives until its end, one record each, without times; blank ones
    /// are skipped, and the last line needs no break. The descriptor may be one that does not block.
    ///
    /// What was read and has not gone in is kept by the writer: after a failure the same call goes on where
    /// it was, a refused line left out, which the message names by its number in what the descriptor gave.
    ///
    /// # Errors
    /// As [`RecordWriter::append`]; `Deadline`, `Cancelled`, `Aborted`; `Io` if the descriptor cannot be
    /// read. The writer stays usable after all of these that come from the descriptor or the limits.
    pub fn append_from_fd(&mut self, fd: BorrowedFd<'_>, options: &CallOptions) -> Result<()> {
        let context = Context::start(options);
        let mut pending = std::mem::take(&mut self.pending);
        let outcome = self.append_pending(&mut pending, fd, &context);
        if outcome.is_ok() {
            // The next descriptor's lines are counted anew.
            (pending.is_ended, pending.lines, pending.offset) = (false, 0, 0);
        }
        self.pending = pending;
        outcome
    }

    fn append_pending(&mut self, pending: &mut Pending, fd: BorrowedFd<'_>, context: &Context) -> Result<()> {
        loop {
            context.check(READING).map_err(|error| self.named(error))?;
            if pending.is_skipping {
                pending.is_skipping = false;
                pending.skip_line();
            }
            let (consumed, outcome) = self.append_lines(pending.bytes());
            pending.consume(consumed);
            if let Err(mut error) = outcome {
                if is_refused(&error) {
                    error = pending.refused(error);
                    pending.skip_line();
                }
                return Err(error);
            }
            let rest = pending.bytes();
            if pending.is_ended {
                if !rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                    && let Err(mut error) = self.append(rest, None)
                {
                    if is_refused(&error) {
                        error = pending.refused(error);
                        pending.consume(pending.bytes().len());
                    }
                    return Err(error);
                }
                pending.consume(rest.len());
                return Ok(());
            }
            // A line over the limit is refused before all of it is in memory.
            if rest.len() as u64 > self.max_record_bytes() {
                let outcome = self.append(rest, None).map_err(|error| pending.refused(error));
                pending.skip_line();
                outcome?;
                continue;
            }
            pending.fill(fd, context).map_err(|error| self.named(error))?;
        }
    }
}

/// The record was not taken, and the writer goes on without it.
fn is_refused(error: &Error) -> bool {
    matches!(error.status(), Status::InvalidRecord | Status::RecordTooLarge | Status::SchemaViolation)
}

impl BlobWriter {
    /// Adds the bytes that a descriptor gives until its end. The descriptor may be one that does not block.
    ///
    /// # Errors
    /// As [`BlobWriter::write`]; `Deadline`, `Cancelled`, `Aborted`; `Io` if the descriptor cannot be read.
    /// After the limits, the descriptor's failures and `NoSpace` the same call goes on where it was.
    pub fn write_from_fd(&mut self, fd: BorrowedFd<'_>, options: &CallOptions) -> Result<()> {
        let context = Context::start(options);
        let mut pending = std::mem::take(&mut self.pending);
        let outcome = self.write_pending(&mut pending, fd, &context);
        self.pending = pending;
        outcome
    }

    fn write_pending(&mut self, pending: &mut Pending, fd: BorrowedFd<'_>, context: &Context) -> Result<()> {
        loop {
            context.check(READING).map_err(|error| self.named(error))?;
            if !pending.bytes().is_empty() {
                self.write(pending.bytes())?;
                pending.start = pending.end;
            }
            pending.fill(fd, context).map_err(|error| self.named(error))?;
            if pending.is_ended {
                pending.is_ended = false;
                return Ok(());
            }
        }
    }
}

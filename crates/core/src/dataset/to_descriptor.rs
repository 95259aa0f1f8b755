//! Readers that write to a file descriptor: with partial writes, descriptors that do not block, and readers
//! that go away.

use std::os::fd::BorrowedFd;

use crate::context::Context;
use crate::descriptor;
use crate::error::{Error, Result, Status};

/// How many bytes are gathered for one write.
const PIECE: usize = 256 << 10;

const WRITING: &str = "writing to a descriptor";

/// Gives records one by one, and keeps each until it is handed out.
pub(super) trait Records {
    /// Whether there is one to hand out.
    fn has_more(&mut self) -> Result<bool>;

    /// The record that is handed out next.
    fn first(&self) -> &[u8];

    /// The first one was taken.
    fn hand_out(&mut self);
}

/// What was handed out and has not been written yet.
#[derive(Default)]
pub(super) struct Unsent {
    bytes: Vec<u8>,
    sent: usize,
}

impl Unsent {
    fn send(&mut self, fd: BorrowedFd<'_>, context: &Context) -> Result<()> {
        while self.sent < self.bytes.len() {
            context.check(WRITING)?;
            self.sent += descriptor::write(fd, &self.bytes[self.sent..], context, WRITING)?;
        }
        self.bytes.clear();
        self.sent = 0;
        Ok(())
    }

    fn reserve(&mut self, more: usize) -> Result<()> {
        self.bytes.try_reserve(more).map_err(|_| {
            Error::new(
                Status::NoMemory,
                format_args!("no memory for {more} bytes on their way to a descriptor"),
            )
        })
    }

    /// Writes all records, each with a line break. Those before a failure come first.
    pub fn send_records(
        &mut self,
        fd: BorrowedFd<'_>,
        context: &Context,
        records: &mut impl Records,
    ) -> Result<()> {
        loop {
            self.send(fd, context)?;
            let mut found = Ok(true);
            while self.bytes.len() < PIECE {
                found = records.has_more();
                if !matches!(found, Ok(true)) {
                    break;
                }
                let record = records.first();
                self.reserve(record.len() + 1)?;
                self.bytes.extend_from_slice(record);
                self.bytes.push(b'\n');
                records.hand_out();
            }
            if !matches!(found, Ok(true)) {
                return self.send(fd, context).and(found.map(drop));
            }
        }
    }

    /// Writes all bytes that `read` gives, which answers 0 at the end.
    pub fn send_bytes(
        &mut self,
        fd: BorrowedFd<'_>,
        context: &Context,
        mut read: impl FnMut(&mut [u8]) -> Result<usize>,
    ) -> Result<()> {
        loop {
            self.send(fd, context)?;
            self.reserve(PIECE)?;
            self.bytes.resize(PIECE, 0);
            let outcome = read(&mut self.bytes);
            self.bytes.truncate(*outcome.as_ref().unwrap_or(&0));
            if outcome? == 0 {
                return Ok(());
            }
        }
    }
}

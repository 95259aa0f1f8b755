//! The records of a dataset since a position: those of one snapshot after the other, as one stream that can
//! be left and taken up again.

use std::os::fd::BorrowedFd;

use super::to_descriptor::{Records, Unsent};
use super::{Dataset, ReadOptions, RecordBatch, RecordReader, Snapshots};
use crate::context::Context;
use crate::error::{Error, Result, Status};

/// Streams the records of all snapshots after a position, oldest first, up to the head of when it was made.
/// It belongs to one thread at a time.
pub struct RecordFeed {
    dataset: Dataset,
    options: ReadOptions,
    snapshots: Snapshots,
    current: Option<RecordReader>,
    /// The last snapshot that was given whole, or came before all that is given.
    done: String,
    unsent: Unsent,
}

impl Dataset {
    /// Begins to read the records that were committed after a position: a snapshot's id (that snapshot is
    /// known), an id, `/` and a number (so many of its records are known), or nothing at all (`None` or `""`:
    /// none is known). The limits of `options` hold for this call, too, which walks from the head to the
    /// position.
    ///
    /// # Errors
    /// As [`Dataset::changes_since`] and [`Dataset::read`]; `InvalidArgument` for what no position can be.
    pub fn read_since(&self, position: Option<&str>, options: ReadOptions) -> Result<RecordFeed> {
        let (id, known) = self.position(position.unwrap_or_default())?;
        let since = (!id.is_empty()).then_some(id);
        let snapshots = self.changes_since(since, &options.call)?;
        let mut current = None;
        if known > 0 {
            let snapshot = self.snapshot(id, &options.call)?;
            let mut reader = self.read(&snapshot, options.clone())?;
            for number in 0..known {
                if !reader.has_more(usize::MAX)? {
                    let message =
                        format!("the position tells of {known} records of {id}, which has {number}");
                    return Err(self.named(Error::new(Status::InvalidArgument, message).with_snapshot_id(id)));
                }
                reader.hand_out();
            }
            current = Some(reader);
        }
        let (dataset, done) = (self.clone(), id.to_owned());
        Ok(RecordFeed { dataset, options, snapshots, current, done, unsent: Unsent::default() })
    }

    /// A position's snapshot and how many of its records it tells of; 0: the whole snapshot, or none if there
    /// is none.
    fn position<'a>(&self, position: &'a str) -> Result<(&'a str, u64)> {
        let Some((id, number)) = position.split_once('/') else { return Ok((position, 0)) };
        match number.parse() {
            Ok(number) if !id.is_empty() && number > 0 => Ok((id, number)),
            _ => {
                let message = format!(
                    "{position:?} is no position: expected a snapshot's id, or its id, '/' and a number from 1 on"
                );
                Err(self.named(Error::new(Status::InvalidArgument, message)))
            }
        }
    }
}

impl RecordFeed {
    /// The next record, borrowed until the next call; `None` at the end.
    ///
    /// # Errors
    /// As [`RecordReader::next`], and what stands in the way of finding the next snapshot. A failure stays.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        match (self.has_more()?, &mut self.current) {
            (true, Some(reader)) => reader.next(),
            _ => Ok(None),
        }
    }

    /// Up to `capacity` records of one snapshot, all borrowed until the next call; none at the end only.
    ///
    /// # Errors
    /// As [`RecordFeed::next`]; `InvalidArgument` for a capacity of 0.
    pub fn next_batch(&mut self, capacity: usize) -> Result<RecordBatch<'_>> {
        match (self.has_more()?, &mut self.current) {
            (true, Some(reader)) => reader.next_batch(capacity),
            _ => Ok(RecordBatch::default()),
        }
    }

    /// Writes the records that are left to a descriptor, as [`RecordReader::read_to_fd`] does.
    ///
    /// # Errors
    /// As [`RecordReader::read_to_fd`].
    pub fn read_to_fd(&mut self, fd: BorrowedFd<'_>) -> Result<()> {
        let context = Context::start(&self.options.call);
        let mut unsent = std::mem::take(&mut self.unsent);
        let outcome = unsent.send_records(fd, &context, self);
        self.unsent = unsent;
        outcome
    }

    /// Where the feed has come to: everything that was given lies before it, and [`Dataset::read_since`] goes
    /// on there. Empty if nothing was given and nothing known before.
    #[must_use]
    pub fn position(&self) -> String {
        match &self.current {
            Some(reader) if reader.rows() > 0 => reader.position(),
            _ => self.done.clone(),
        }
    }
}

impl Records for RecordFeed {
    fn has_more(&mut self) -> Result<bool> {
        loop {
            if let Some(reader) = &mut self.current {
                if Records::has_more(reader)? {
                    return Ok(true);
                }
                reader.snapshot().id().clone_into(&mut self.done);
                self.current = None;
            }
            match self.snapshots.next()? {
                Some(snapshot) => self.current = Some(self.dataset.read(&snapshot, self.options.clone())?),
                None => return Ok(false),
            }
        }
    }

    fn first(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], Records::first)
    }

    fn hand_out(&mut self) {
        if let Some(reader) = &mut self.current {
            reader.hand_out();
        }
    }
}

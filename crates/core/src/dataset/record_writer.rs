//! The push writer: records are staged as the caller appends them, and committed by one call.

use super::commit::Commit;
use super::ingest::Pending;
use super::partition_stream::{PartitionStream, Streamed};
use super::pipe::Opening;
use super::stream_write::Record;
use super::transaction::{Staged, Terms, Transaction};
use super::{Dataset, Part};
use crate::codec::lines::next_line;
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// What to do with a record that is invalid or too large.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BadRecords {
    /// The append fails; the writer stays usable.
    #[default]
    Fail,
    /// It is counted and left out.
    Skip,
}

/// How a push writer behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriterOptions {
    /// What to do with invalid records.
    pub bad_records: BadRecords,
    /// Whether the data start for the disk as they are appended, some megabytes at a time, and not only with
    /// the commit, which they make shorter. An append then makes a system call more, which may wait while the
    /// disk is busy.
    pub early_writeback: bool,
}

/// Takes records as the caller has them; they become a snapshot by [`RecordWriter::commit`], or nothing. It
/// belongs to one thread at a time. Dropped before its commit, it discards the records.
pub struct RecordWriter {
    /// The files of a partitioned dataset; dropped before the transaction, which removes the finished ones.
    pub(super) partitions: Option<Box<PartitionStream>>,
    pub(super) transaction: Transaction,
    options: WriterOptions,
    skipped: u64,
    /// What has gone in, kept for when the pipe is closed.
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Read from a descriptor, and not in yet.
    pub(super) pending: Pending,
}

impl Dataset {
    /// A writer that records can be pushed into.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported`; the store's failure.
    pub fn record_writer(&self, options: WriterOptions) -> Result<RecordWriter> {
        self.require_codec("writing records")?;
        self.require_streaming("writing records")?;
        let mut transaction = Transaction::of_writer(self.clone());
        let context = Context::unlimited();
        let partitions = if self.is_partitioned() {
            transaction.stream();
            PartitionStream::new(self, options.early_writeback, context).map(Box::new).map(Some)
        } else {
            transaction.open(context, Opening::alone(options.early_writeback)).map(|_| None)
        };
        Ok(RecordWriter {
            partitions: partitions.map_err(|error| self.named(error))?,
            transaction,
            options,
            skipped: 0,
            records: 0,
            bytes: 0,
            pending: Pending::default(),
        })
    }
}

impl RecordWriter {
    /// Appends one record. It never syncs and never waits for another writer.
    ///
    /// # Errors
    /// `InvalidRecord`, `RecordTooLarge`, `NoSpace`: nothing of it was taken, and the writer stays usable.
    /// `State`. Anything else sticks.
    #[inline]
    pub fn append(&mut self, data: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        let result = match &mut self.partitions {
            None => self.transaction.pipe().and_then(|pipe| pipe.append(data, unix_nanos)),
            Some(partitions) => {
                let transaction = &mut self.transaction;
                let usable = transaction.check_streaming();
                usable.and_then(|()| partitions.append(transaction, Record { data, unix_nanos }))
            }
        };
        match result {
            Ok(()) => {
                self.records += 1;
                self.bytes += data.len() as u64;
                Ok(())
            }
            Err(error) => self.refused(error),
        }
    }

    /// The record was not taken: left out, if the caller wants that.
    #[cold]
    fn refused(&mut self, error: Error) -> Result<()> {
        let bad = matches!(
            error.status(),
            Status::InvalidRecord | Status::RecordTooLarge | Status::SchemaViolation
        );
        if bad && self.options.bad_records == BadRecords::Skip {
            self.skipped += 1;
            return Ok(());
        }
        self.transaction.failed(&error);
        Err(self.dataset().named(error))
    }

    /// Appends the records that stand one after another in `data`, each of the length that `lengths` gives,
    /// with their times (`i64::MIN`: none) if there are as many. Gives how many were dealt with: on failure
    /// the record of that number is the bad one, and those before it are in.
    ///
    /// # Errors
    /// As [`RecordWriter::append`]; `InvalidArgument` if lengths, times and data do not fit.
    pub fn append_batch(
        &mut self,
        data: &[u8],
        lengths: &[usize],
        unix_nanos: Option<&[i64]>,
    ) -> (usize, Result<()>) {
        let total = lengths.iter().try_fold(0_usize, |sum, len| sum.checked_add(*len));
        if total != Some(data.len()) {
            let message = format!("the lengths do not add up to the buffer's {} bytes", data.len());
            return (0, Err(Error::new(Status::InvalidArgument, message)));
        }
        if unix_nanos.is_some_and(|times| times.len() != lengths.len()) {
            return (0, Err(Error::new(Status::InvalidArgument, "there are not as many times as lengths")));
        }
        let mut rest = data;
        for (index, len) in lengths.iter().enumerate() {
            let (record, after) = rest.split_at(*len);
            rest = after;
            let time = unix_nanos.map(|times| times[index]).filter(|time| *time != i64::MIN);
            if let Err(error) = self.append(record, time) {
                return (index, Err(error));
            }
        }
        (lengths.len(), Ok(()))
    }

    /// Appends the whole lines of `data`; blank ones (nothing but white space) are skipped, and `\r\n` ends a
    /// line as well. Gives how many bytes were dealt with: what follows the last line break is the beginning
    /// of the next buffer; on failure the bad line begins there.
    ///
    /// # Errors
    /// As [`RecordWriter::append`].
    pub fn append_lines(&mut self, data: &[u8]) -> (usize, Result<()>) {
        let mut consumed = 0;
        loop {
            let taken = match &self.partitions {
                None => self.transaction.pipe().and_then(|pipe| pipe.append_line(&data[consumed..])),
                Some(_) => Ok(None),
            };
            match taken {
                Ok(Some((record, line))) => {
                    self.records += 1;
                    self.bytes += record as u64;
                    consumed += line;
                    continue;
                }
                Ok(None) => {}
                Err(error) => return (consumed, self.refused(error)),
            }
            let (line, len) = next_line(&data[consumed..]);
            let Some(line) = line else { return (consumed + len, Ok(())) };
            let start = consumed + line.start;
            let line = &data[start..consumed + line.end];
            if !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                && let Err(error) = self.append(line, None)
            {
                return (start, Err(error));
            }
            consumed += len;
        }
    }

    /// How many records are in; after a commit or an abort, how many were in then.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many records were left out by [`BadRecords::Skip`].
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many bytes of records are in, as they were given.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Commits all records taken so far as one snapshot (`docs/commit-protocol.md`, section "Committing").
    /// After a success the writer is done, and every call on it gives `State`. After a failure the data are
    /// kept, and the commit may be repeated; after `CommitUnknown` the repetition first finds out what became
    /// of the earlier one, with its own metadata.
    ///
    /// # Errors
    /// As [`Dataset::stream_write_records`]; `State`.
    pub fn commit(&mut self, metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        let terms = Terms::new(self.transaction.dataset(), metadata, options)?;
        self.transaction.check_committable()?;
        match &mut self.partitions {
            None => self.transaction.commit(&mut Staged, terms),
            Some(partitions) => self.transaction.commit(&mut Streamed(partitions), terms),
        }
    }

    /// Makes all records taken so far durable as a part, which is invisible until [`Dataset::commit_parts`]
    /// names it, by this process or another. After a success the writer is done, and every call on it gives
    /// `State`. After a failure the data are kept, and it may be repeated.
    ///
    /// # Errors
    /// `State`; `CommitUnknown` if a commit was tried and it is unknown whether it happened; `Deadline`,
    /// `Cancelled`, `Aborted`; the store's failures.
    pub fn stage(&mut self, options: &CallOptions) -> Result<Part> {
        match &mut self.partitions {
            None => self.transaction.stage_part(&mut Staged, options),
            Some(partitions) => self.transaction.stage_part(&mut Streamed(partitions), options),
        }
    }

    /// Gives all records up. A second time it does nothing.
    ///
    /// # Errors
    /// `State` after a commit. `CommitUnknown` if a commit was tried and it is unknown whether it happened:
    /// its data are kept.
    pub fn abort(&mut self) -> Result<()> {
        self.transaction.abort()?;
        self.partitions = None;
        Ok(())
    }

    pub(super) fn named(&self, error: Error) -> Error {
        self.dataset().named(error)
    }

    /// The longest record that is taken.
    pub(super) fn max_record_bytes(&self) -> u64 {
        self.dataset().options().max_record_bytes
    }

    fn dataset(&self) -> &Dataset {
        self.transaction.dataset()
    }
}

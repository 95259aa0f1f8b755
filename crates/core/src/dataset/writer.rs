//! The push writer: records are staged as the caller has them, and committed when it says so.

use super::Dataset;
use super::pipe::{DataFile, Pipe};
use super::write::{Commit, report};
use crate::codec::jsonl::next_line;
use crate::commit::driver::{self, Ended};
use crate::commit::machine::Dated;
use crate::error::{Error, Result, Status};
use crate::history::{Decision, Id, Slot};
use crate::id;
use crate::manifest::{Manifest, Metadata};
use crate::options::ProgressFn;
use crate::process::Process;

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
    /// Whether full pieces of data begin their way to the disk as they are appended.
    pub early_writeback: bool,
}

/// How a push writer of a blob behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlobWriterOptions {
    /// Whether full pieces of data begin their way to the disk as they are written.
    pub early_writeback: bool,
}

/// Where the data of a snapshot to be are.
pub(super) struct Staging {
    dataset: Dataset,
    /// In another one nothing may be added, committed or removed.
    process: Process,
    phase: Phase,
    /// The data files that are durable.
    files: Vec<DataFile>,
    /// The attempt whose outcome nobody knows yet: its data must not be touched.
    pub pending: Option<Decision>,
}

enum Phase {
    Empty,
    Open(Box<Pipe>),
    /// Its content is complete, but not durable yet: there was no space.
    Closed(Box<Pipe>),
    /// All data files are; they lie under this id.
    Durable(Dated),
    Failed(Error),
    Committed,
    Aborted,
}

impl Staging {
    pub fn new(dataset: Dataset) -> Self {
        Staging {
            dataset,
            process: Process::current(),
            phase: Phase::Empty,
            files: Vec::new(),
            pending: None,
        }
    }

    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Adds a data file that is durable; there may come more.
    pub fn add(&mut self, data: DataFile) {
        self.files.push(data);
    }

    /// All data files have been added.
    pub fn complete(&mut self, home: Dated) {
        self.phase = Phase::Durable(home);
    }

    /// Begins the data file, under an id of this moment.
    pub fn open(&mut self, early_writeback: bool) -> Result<&mut Pipe> {
        if !matches!(self.phase, Phase::Open(_)) {
            let home = fresh_home();
            let pipe = Pipe::open(&self.dataset, home, early_writeback)?;
            self.phase = Phase::Open(Box::new(pipe));
        }
        self.pipe()
    }

    pub fn pipe(&mut self) -> Result<&mut Pipe> {
        self.process.check("a writer")?;
        match &mut self.phase {
            Phase::Open(pipe) => Ok(pipe),
            Phase::Durable(_) | Phase::Closed(_) => {
                Err(state("its data are closed since the commit was tried: commit again, or abort"))
            }
            Phase::Failed(error) => Err(error.clone()),
            Phase::Committed => Err(state("it has committed: open a new one")),
            Phase::Aborted | Phase::Empty => Err(state("it was aborted: open a new one")),
        }
    }

    /// Makes the data durable; a second time it only says where they are.
    pub fn finish(&mut self, progress: &mut Option<ProgressFn<'_>>) -> Result<Dated> {
        if let Some(home) = self.home() {
            return Ok(home);
        }
        if !matches!(self.phase, Phase::Closed(_)) {
            let pipe = self.pipe()?;
            let flushed = pipe.flush().and_then(|()| report(progress, pipe.progress()));
            flushed.inspect_err(|error| self.failed(error))?;
            if let Phase::Open(pipe) = std::mem::replace(&mut self.phase, Phase::Aborted) {
                self.phase = Phase::Closed(pipe);
            }
        }
        let Phase::Closed(pipe) = &mut self.phase else { return Err(state("its data are gone")) };
        let data = pipe.finish().inspect_err(|error| self.failed(error))?;
        let home = data.home.clone();
        self.add(data);
        self.complete(home.clone());
        Ok(home)
    }

    /// The id that the data files lie under, once all of them are durable.
    pub fn home(&self) -> Option<Dated> {
        match &self.phase {
            Phase::Durable(home) => Some(home.clone()),
            _ => None,
        }
    }

    /// A failure after which nothing more can be written sticks.
    pub fn failed(&mut self, error: &Error) {
        let usable = [
            Status::InvalidRecord,
            Status::RecordTooLarge,
            Status::NoSpace,
            Status::Aborted,
            Status::State,
            // Between two requests: what has arrived is as it was.
            Status::Deadline,
            Status::Cancelled,
        ];
        if matches!(self.phase, Phase::Open(_) | Phase::Closed(_)) && !usable.contains(&error.status()) {
            self.phase = Phase::Failed(error.clone());
        }
    }

    pub fn manifest(&self, slot: &Slot, metadata: &Metadata) -> Result<Manifest> {
        match &self.phase {
            Phase::Durable(_) => Ok(self.dataset.manifest(slot, &self.files, metadata)),
            _ => Err(Error::new(Status::Internal, "a manifest was asked for before the data were durable")),
        }
    }

    /// What a commit has come to, for the caller.
    pub fn settled(&mut self, ended: Result<Ended>) -> Result<Commit> {
        let ended = ended?;
        if matches!(ended, Ended::AlreadyCommitted(_)) {
            self.discard();
        }
        self.phase = Phase::Committed;
        self.dataset.committed(&ended)
    }

    /// Fails if there is nothing left to commit.
    pub fn usable(&mut self) -> Result<()> {
        self.process.check("a writer")?;
        match self.phase {
            Phase::Durable(_) | Phase::Closed(_) => Ok(()),
            _ => self.pipe().map(|_| ()),
        }
    }

    /// Gives the data up at the caller's wish.
    pub fn abort(&mut self) -> Result<()> {
        self.process.check("a writer")?;
        if let Some(pending) = &self.pending {
            let message = format!(
                "the commit of {} may have happened, so its data are kept: repeat the commit, or resolve this id",
                pending.slot.child
            );
            let error = Error::new(Status::CommitUnknown, message).with_snapshot_id(&*pending.slot.child);
            return Err(self.dataset.named(error));
        }
        if matches!(self.phase, Phase::Committed) {
            return self.pipe().map(|_| ());
        }
        self.discard();
        Ok(())
    }

    /// Gives the data up, unless a commit that may have happened needs them.
    fn discard(&mut self) {
        if !self.process.is_current() {
            return;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Aborted);
        if matches!(phase, Phase::Committed) || self.pending.is_some() {
            return;
        }
        for data in self.files.drain(..) {
            // Nobody has ever seen the file; if it cannot be removed now, nobody ever will.
            let _ = self.dataset.store().backend().delete(&data.file.path);
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.discard();
    }
}

pub(super) fn fresh_home() -> Dated {
    let created_at = driver::now();
    // A clock before 1970 or after 2286 gives 0: the commit then draws an id above its parent.
    let nanos = u64::try_from(created_at).unwrap_or_default();
    let id = id::compose(nanos, id::fresh_random()).unwrap_or_default();
    Dated { id: Id::from(id), created_at }
}

fn state(what: &str) -> Error {
    Error::new(Status::State, format_args!("the writer cannot do this any more: {what}"))
}

/// Takes records as the caller has them; they become a snapshot by [`RecordWriter::commit`], or nothing. It
/// belongs to one thread at a time. Dropped before its commit, it discards the records.
pub struct RecordWriter {
    staging: Staging,
    options: WriterOptions,
    skipped: u64,
    /// What has gone in, kept for when the pipe is closed.
    records: u64,
    bytes: u64,
}

impl Dataset {
    /// A writer that records can be pushed into.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported`; the store's failure.
    pub fn record_writer(&self, options: WriterOptions) -> Result<RecordWriter> {
        self.require_codec("writing records")?;
        self.require_one_file("writing records")?;
        let mut staging = Staging::new(self.clone());
        staging.open(options.early_writeback).map_err(|error| self.named(error))?;
        Ok(RecordWriter { staging, options, skipped: 0, records: 0, bytes: 0 })
    }
}

impl RecordWriter {
    /// Appends one record. It never syncs and never waits for another writer.
    ///
    /// # Errors
    /// `InvalidRecord`, `RecordTooLarge`, `NoSpace`: nothing of it was taken, and the writer stays usable. `State`.
    /// Anything else sticks.
    #[inline]
    pub fn append(&mut self, data: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        let result = self.staging.pipe().and_then(|pipe| pipe.append(data, unix_nanos));
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
        let bad = matches!(error.status(), Status::InvalidRecord | Status::RecordTooLarge);
        if bad && self.options.bad_records == BadRecords::Skip {
            self.skipped += 1;
            return Ok(());
        }
        self.staging.failed(&error);
        Err(self.dataset().named(error))
    }

    /// Appends the records that stand one after another in `data`, each of the length that `lengths` gives, with
    /// their times (`i64::MIN`: none) if there are as many. Gives how many were dealt with: on failure the record of
    /// that number is the bad one, and those before it are in.
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

    /// Appends the whole lines of `data`; blank ones (nothing but white space) are skipped, and `\r\n` ends a line as well. Gives how many
    /// bytes were dealt with: what follows the last line break is the beginning of the next buffer; on failure the
    /// bad line begins there.
    ///
    /// # Errors
    /// As [`RecordWriter::append`].
    pub fn append_lines(&mut self, data: &[u8]) -> (usize, Result<()>) {
        let mut consumed = 0;
        loop {
            match self.staging.pipe().and_then(|pipe| pipe.append_line(&data[consumed..])) {
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

    /// How many records are in.
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

    /// Gives all records up. A second time it does nothing.
    ///
    /// # Errors
    /// `State` after a commit. `CommitUnknown` if a commit was tried and nobody knows whether it happened: its data
    /// are kept.
    pub fn abort(&mut self) -> Result<()> {
        self.staging.abort()
    }

    pub(super) fn staging(&mut self) -> &mut Staging {
        &mut self.staging
    }

    fn dataset(&self) -> &Dataset {
        self.staging.dataset()
    }
}

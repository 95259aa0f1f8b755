//! Records that come one after another, each into the file of its partition: the form of a stream that can be
//! partitioned.
//!
//! Each partition that occurs has one open file, up to a number of them. For another one the file that was
//! used least recently is finished; its partition gets a further file when its next record comes. What is in
//! memory is bounded by the number of open files (`docs/concepts.md`, section "Partitioned streams"), and
//! does not grow with the records.

use std::sync::Arc;

use super::Dataset;
use super::partition::Partitioner;
#[cfg(feature = "parquet")]
use super::partition::Values;
use super::pipe::{Opening, Pipe};
use super::stream_write::Record;
use super::transaction::{Source, Terms, Transaction, fresh_home};
use crate::codec::{Checked, FileEncoder};
use crate::commit::driver;
use crate::commit::machine::Dated;
use crate::context::{Context, Progress};
use crate::error::{Error, Result, Status};
use crate::threads::Pool;

/// How many partitions have an open file unless the dataset says otherwise.
pub(super) const OPEN_DEFAULT: u32 = 64;

/// The files of the partitions that are being written.
pub(super) struct PartitionStream {
    dataset: Dataset,
    /// The id that all files lie under.
    home: Dated,
    context: Context,
    early_writeback: bool,
    /// The threads that all files share.
    pool: Option<Arc<Pool>>,
    /// Checks each record before its partition is found.
    checker: FileEncoder,
    partitioner: Partitioner,
    /// By a partition's number.
    partitions: Vec<Partition>,
    open: Vec<OpenFile>,
    /// Taken from `open`, and not durable yet.
    closing: Option<Box<Pipe>>,
    /// Rows that were taken, and are not in the files yet: there was no space.
    #[cfg(feature = "parquet")]
    waiting: super::partition_rows::WaitingRows,
    /// How many records have come.
    records: u64,
    /// What the finished files have taken and stored.
    finished: Progress,
}

struct Partition {
    path: String,
    /// How many files it has so far.
    files: u32,
    /// Its place among the open files.
    open: Option<usize>,
}

struct OpenFile {
    partition: usize,
    pipe: Box<Pipe>,
    /// The number of the last record that went into it.
    last_used: u64,
}

impl OpenFile {
    /// Takes a record that was checked.
    #[inline]
    fn append(&mut self, record: Record<'_>, checked: Checked) -> Result<()> {
        if self.pipe.is_full() {
            self.pipe.flush()?;
        }
        self.pipe.append_checked(record, checked)
    }
}

impl PartitionStream {
    /// A stream into the partitions of a hive dataset. Nothing is opened before the first record.
    pub fn new(dataset: &Dataset, early_writeback: bool, context: &Context) -> Result<PartitionStream> {
        driver::check_clock(dataset.target())?;
        let options = dataset.options();
        let checker = options
            .codec
            .encoder(&options.partition_encoder_options())?
            .ok_or_else(|| Error::new(Status::Internal, "there is no codec to check with"))?;
        Ok(PartitionStream {
            home: fresh_home(dataset),
            context: context.clone(),
            early_writeback,
            pool: Pool::new(&options.threads),
            checker,
            partitioner: Partitioner::new(&options.partition_keys),
            partitions: Vec::new(),
            open: Vec::new(),
            closing: None,
            #[cfg(feature = "parquet")]
            waiting: Default::default(),
            records: 0,
            finished: Progress::default(),
            dataset: dataset.clone(),
        })
    }

    /// Takes a record. A failure takes nothing of it.
    ///
    /// # Errors
    /// `InvalidRecord`, also for one that belongs to no partition; `RecordTooLarge`; `NoSpace`; the store's.
    pub fn append(&mut self, transaction: &mut Transaction, record: Record<'_>) -> Result<()> {
        #[cfg(feature = "parquet")]
        self.append_waiting(transaction)?;
        let (partition, checked) = self.check(record, self.records)?;
        let file = self.file_of(transaction, partition)?;
        file.append(record, checked)?;
        self.records += 1;
        Ok(())
    }

    /// Takes a record that [`PartitionStream::check`] has just accepted into the file of its partition, if
    /// that is open or can be opened beside those that are; false: the caller keeps it aside.
    ///
    /// # Errors
    /// `NoSpace`; the store's.
    pub fn append_if_open(
        &mut self,
        transaction: &mut Transaction,
        record: Record<'_>,
        partition: usize,
        checked: Checked,
    ) -> Result<bool> {
        let place = match self.partitions[partition].open {
            Some(place) => place,
            None if self.open.len() >= self.most_open() => return Ok(false),
            None => match self.open_pipe(partition) {
                // Perhaps there are no more descriptors.
                Err(_) if !self.open.is_empty() => return Ok(false),
                opened => self.add_file(transaction, partition, opened?),
            },
        };
        self.open[place].append(record, checked)?;
        Ok(true)
    }

    /// The partition of record `number`, and what its check found.
    ///
    /// # Errors
    /// `InvalidRecord`, also for one that belongs to no partition; `RecordTooLarge`.
    #[inline]
    pub fn check(&mut self, record: Record<'_>, number: u64) -> Result<(usize, Checked)> {
        let checked = self.checker.check(record.data).map_err(|rejection| rejection.into_error(number))?;
        let values = self.checker.values(record.data);
        let partition = self.partitioner.partition_of(record.data, values, number)?;
        self.remember(partition);
        Ok((partition, checked))
    }

    /// The partition of row `number`, whose values for the keys stand in `record`.
    ///
    /// # Errors
    /// `InvalidRecord`: it belongs to none.
    #[cfg(feature = "parquet")]
    pub fn partition_of(&mut self, record: &[u8], values: Values<'_>, number: u64) -> Result<usize> {
        let partition = self.partitioner.partition_of(record, values, number)?;
        self.remember(partition);
        Ok(partition)
    }

    /// Takes down the path of a partition that was just found for the first time.
    fn remember(&mut self, partition: usize) {
        if partition == self.partitions.len() {
            let path = self.partitioner.path().to_owned();
            self.partitions.push(Partition { path, files: 0, open: None });
        }
    }

    /// The open file of a partition, for the next record.
    fn file_of(&mut self, transaction: &mut Transaction, partition: usize) -> Result<&mut OpenFile> {
        let place = match self.partitions[partition].open {
            Some(place) => place,
            None => self.open_file(transaction, partition)?,
        };
        let file = &mut self.open[place];
        file.last_used = self.records;
        Ok(file)
    }

    /// How many records have come.
    #[cfg(feature = "parquet")]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Takes the rows of a batch of the schema's columns in the file's order, which were checked; each
    /// belongs to the partition that `partitions` gives. They wait for [`PartitionStream::append_waiting`].
    ///
    /// # Errors
    /// `Internal`.
    #[cfg(feature = "parquet")]
    pub fn add(&mut self, batch: &arrow_array::RecordBatch, partitions: &[usize]) -> Result<()> {
        self.waiting.add(batch, partitions)?;
        self.records += partitions.len() as u64;
        Ok(())
    }

    /// Puts the rows that wait into their files. After `NoSpace` it may be called again.
    ///
    /// # Errors
    /// `NoSpace`; `NoMemory`; the store's.
    #[cfg(feature = "parquet")]
    pub fn append_waiting(&mut self, transaction: &mut Transaction) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let columns = self.dataset.options().columns.schema.clone();
        let outcome = waiting.put(columns.as_deref(), |partition, sources, rows| {
            self.file_of(transaction, partition)?.pipe.extend(sources, rows)
        });
        self.waiting = waiting;
        outcome
    }

    /// How many files may be open at once.
    fn most_open(&self) -> usize {
        match self.dataset.options().max_open_partitions {
            0 => OPEN_DEFAULT as usize,
            most => most as usize,
        }
    }

    /// Opens a file for a partition that has none open; gives its place.
    fn open_file(&mut self, transaction: &mut Transaction, partition: usize) -> Result<usize> {
        self.finish_closing(transaction)?;
        if self.open.len() >= self.most_open() {
            self.close_least_used(transaction)?;
        }
        let pipe = match self.open_pipe(partition) {
            // Perhaps there are no more descriptors.
            Err(_) if !self.open.is_empty() => {
                self.close_least_used(transaction)?;
                self.open_pipe(partition)?
            }
            opened => opened?,
        };
        Ok(self.add_file(transaction, partition, pipe))
    }

    /// Adds an open file of a partition; gives its place.
    fn add_file(&mut self, transaction: &mut Transaction, partition: usize, mut pipe: Pipe) -> usize {
        transaction.hold(&mut pipe);
        let place = self.open.len();
        self.open.push(OpenFile { partition, pipe: Box::new(pipe), last_used: self.records });
        self.partitions[partition].files += 1;
        self.partitions[partition].open = Some(place);
        place
    }

    fn open_pipe(&self, partition: usize) -> Result<Pipe> {
        let Partition { path, files, .. } = &self.partitions[partition];
        let opening = Opening {
            partition: path,
            number: files + 1,
            is_one_of_many: true,
            pool: self.pool.clone(),
            ..Opening::alone(self.early_writeback)
        };
        Pipe::open(&self.dataset, &self.home, opening, &self.context)
    }

    fn close_least_used(&mut self, transaction: &mut Transaction) -> Result<()> {
        let least = self.open.iter().enumerate().min_by_key(|(_, file)| file.last_used);
        let Some((place, _)) = least else { return Ok(()) };
        let closed = self.open.swap_remove(place);
        self.partitions[closed.partition].open = None;
        if let Some(moved) = self.open.get(place) {
            self.partitions[moved.partition].open = Some(place);
        }
        self.closing = Some(closed.pipe);
        self.finish_closing(transaction)
    }

    /// Makes the file durable that was closed last. After `NoSpace` it may be called again.
    fn finish_closing(&mut self, transaction: &mut Transaction) -> Result<()> {
        let Some(pipe) = &mut self.closing else { return Ok(()) };
        transaction.add(pipe.finish()?);
        self.finished = sum(self.finished, pipe.progress());
        self.closing = None;
        Ok(())
    }

    /// From now on the requests are for this call.
    pub fn set_context(&mut self, context: &Context) {
        self.context = context.clone();
        let pipes = self.open.iter_mut().map(|file| &mut file.pipe).chain(&mut self.closing);
        pipes.for_each(|pipe| pipe.set_context(context));
    }

    /// The id that all files lie under.
    pub fn home(&self) -> &Dated {
        &self.home
    }

    /// The path of a partition, by its number.
    pub fn path(&self, partition: usize) -> &str {
        &self.partitions[partition].path
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        let open = self.open.iter().map(|file| file.pipe.progress());
        open.fold(self.finished, sum)
    }

    /// Makes all files durable, and the transaction complete. After `NoSpace` it may be called again.
    pub fn finish(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        self.finish_files(transaction, terms)?;
        transaction.complete(self.home.clone());
        Ok(())
    }

    /// Makes all files durable; there may come others under the same id. After `NoSpace` it may be called
    /// again.
    pub fn finish_files(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        self.set_context(&terms.context);
        #[cfg(feature = "parquet")]
        self.append_waiting(transaction)?;
        self.finish_closing(transaction)?;
        for file in &mut self.open {
            terms.context.check("making records durable")?;
            file.pipe.close()?;
            file.pipe.start_writeback();
        }
        terms.report(self.progress())?;
        let mut pipes: Vec<_> = self.open.iter_mut().map(|file| &mut *file.pipe).collect();
        Pipe::prepare_all(&mut pipes, &terms.context)?;
        while let Some(file) = self.open.last_mut() {
            terms.context.check("making records durable")?;
            transaction.add(file.pipe.finish()?);
            self.finished = sum(self.finished, file.pipe.progress());
            if let Some(file) = self.open.pop() {
                self.partitions[file.partition].open = None;
            }
        }
        Ok(())
    }
}

/// Records that a writer has put into partitions.
pub(super) struct Streamed<'a>(pub &'a mut PartitionStream);

impl Source for Streamed<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        self.0.finish(transaction, terms).inspect_err(|error| transaction.failed(error))
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

pub(super) fn sum(a: Progress, b: Progress) -> Progress {
    Progress {
        records: a.records + b.records,
        bytes_in: a.bytes_in + b.bytes_in,
        bytes_stored: a.bytes_stored + b.bytes_stored,
    }
}

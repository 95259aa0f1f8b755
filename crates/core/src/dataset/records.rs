//! Writing records that are held in memory. In the hive layout each partition becomes one file. The records
//! are written in one pass, each into the open file of its partition. Those whose partitions find no room
//! among the open files are kept aside, and written afterwards, partition by partition.

use super::Dataset;
use super::commit::Commit;
use super::partition_stream::{PartitionStream, sum};
use super::pipe::{Opening, Pipe};
use super::stream_write::Record;
use super::transaction::{Source, Terms, Transaction};
use crate::codec::Checked;
use crate::compress::Compressor;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// How many records are checked between two checks of the deadline.
const STRIDE: usize = 256;

impl Dataset {
    /// Writes these records as one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`). In the hive layout each partition that occurs becomes a file
    /// (`docs/format.md`, section "Partitions"); in the others all records become one. A record that is
    /// refused leaves nothing of the others.
    ///
    /// # Errors
    /// `InvalidRecord` also for a record that cannot be put into a partition, naming record and key;
    /// otherwise as [`Dataset::stream_write_records`].
    pub fn write_records(
        &self,
        records: &[Record<'_>],
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing records")?;
        let terms = Terms::new(self, metadata, options)?;
        Transaction::new(self.clone()).commit(&mut Held { records }, terms)
    }
}

/// Records in memory, written when the protocol is ready for them.
struct Held<'a> {
    records: &'a [Record<'a>],
}

impl Source for Held<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        transaction.restart();
        match transaction.dataset().is_partitioned() {
            true => self.fill_partitions(transaction, terms),
            false => self.fill_file(transaction, terms),
        }
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

impl Held<'_> {
    /// Writes all records into one file.
    fn fill_file(&self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let pipe = transaction.open(&terms.context, Opening::of_one_call(true))?;
        for some in self.records.chunks(STRIDE) {
            terms.context.check("checking records")?;
            for record in some {
                if pipe.is_full() {
                    pipe.flush()?;
                    terms.report(pipe.progress())?;
                }
                pipe.take(record.data, record.unix_nanos)?;
            }
        }
        Ok(())
    }

    /// Writes all records into the files of their partitions, one file each.
    fn fill_partitions(&self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        transaction.stream();
        let dataset = transaction.dataset().clone();
        let mut stream = PartitionStream::new(&dataset, true, &terms.context)?;
        let opens = is_cheap_to_open(&dataset);
        let mut aside = Aside::default();
        let mut number = 0;
        for some in self.records.chunks(STRIDE) {
            terms.context.check("checking records")?;
            for record in some {
                let (partition, checked) = stream.check(*record, number as u64)?;
                if !opens || !stream.append_if_open(transaction, *record, partition, checked)? {
                    aside.keep(number, partition, checked)?;
                }
                number += 1;
            }
            if opens {
                terms.report(stream.progress())?;
            }
        }
        stream.finish_files(transaction, terms)?;
        self.fill_from_aside(aside, &stream, transaction, terms)?;
        transaction.complete(stream.home().clone());
        Ok(())
    }

    /// Writes the records that were kept aside, partition by partition, each into its file.
    fn fill_from_aside(
        &self,
        aside: Aside,
        stream: &PartitionStream,
        transaction: &mut Transaction,
        terms: &mut Terms<'_>,
    ) -> Result<()> {
        let dataset = transaction.dataset().clone();
        let checked = aside.checked;
        let mut before = stream.progress();
        let mut written: Vec<Pipe> = Vec::new();
        for (partition, numbers) in aside.by_partition()? {
            let path = stream.path(partition);
            let open = |context: &Context| {
                let opening = Opening { partition: path, ..Opening::alone(true) };
                Pipe::open(&dataset, stream.home(), opening, context)
            };
            let mut pipe = match open(&terms.context) {
                // Perhaps there are no more descriptors.
                Err(_) if !written.is_empty() => {
                    finish_all(&mut written, transaction, &terms.context)?;
                    open(&terms.context)?
                }
                opened => opened?,
            };
            for (at, number) in numbers.iter().enumerate() {
                if at % STRIDE == 0 {
                    terms.context.check("writing records")?;
                }
                if pipe.is_full() {
                    pipe.flush()?;
                    terms.report(sum(before, pipe.progress()))?;
                }
                pipe.append_checked(self.records[*number], checked)?;
            }
            transaction.hold(&mut pipe);
            pipe.close()?;
            pipe.start_writeback();
            before = sum(before, pipe.progress());
            terms.report(before)?;
            written.push(pipe);
            if written.len() == AHEAD {
                finish_all(&mut written, transaction, &terms.context)?;
            }
        }
        finish_all(&mut written, transaction, &terms.context)
    }
}

/// Whether an open file of a partition takes no more than a small buffer. A compressor, a group of rows or
/// the parts of an upload to a service take megabytes each.
fn is_cheap_to_open(dataset: &Dataset) -> bool {
    let options = dataset.options();
    let is_remote = dataset.store().backend().capabilities().is_remote;
    options.compressor == Compressor::None && !options.codec.holds_back() && !is_remote
}

/// Records that wait until the open files are finished.
#[derive(Default)]
struct Aside {
    /// The records' numbers, in the order given.
    numbers: Vec<usize>,
    /// The partition of each.
    partitions: Vec<usize>,
    /// What the check found, of all of them together.
    checked: Checked,
}

impl Aside {
    fn keep(&mut self, number: usize, partition: usize, checked: Checked) -> Result<()> {
        for (list, value) in [(&mut self.numbers, number), (&mut self.partitions, partition)] {
            list.try_reserve(1).map_err(|_| no_memory(number))?;
            list.push(value);
        }
        self.checked.has_line_breaks |= checked.has_line_breaks;
        Ok(())
    }

    /// Of each partition in the order in which they occurred: the records' numbers, in the order given.
    fn by_partition(self) -> Result<Vec<(usize, Vec<usize>)>> {
        let mut counts = vec![0_usize; self.partitions.iter().max().map_or(0, |most| most + 1)];
        self.partitions.iter().for_each(|partition| counts[*partition] += 1);
        let mut numbers_of = Vec::with_capacity(counts.len());
        for count in &counts {
            let mut numbers = Vec::new();
            numbers.try_reserve_exact(*count).map_err(|_| no_memory(self.numbers.len()))?;
            numbers_of.push(numbers);
        }
        for (number, partition) in self.numbers.iter().zip(&self.partitions) {
            numbers_of[*partition].push(*number);
        }
        Ok(numbers_of.into_iter().enumerate().filter(|(_, numbers)| !numbers.is_empty()).collect())
    }
}

#[cold]
fn no_memory(records: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for putting {records} records into partitions"))
}

/// How many data files may wait to be made durable while others are being written: the disk is at work
/// meanwhile. Each takes two descriptors.
const AHEAD: usize = 32;

/// Makes files durable that have all their bytes.
fn finish_all(written: &mut Vec<Pipe>, transaction: &mut Transaction, context: &Context) -> Result<()> {
    Pipe::prepare_all(&mut written.iter_mut().collect::<Vec<_>>(), context)?;
    for mut pipe in written.drain(..) {
        context.check("making records durable")?;
        transaction.add(pipe.finish()?);
    }
    Ok(())
}

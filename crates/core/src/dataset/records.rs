//! Writing records that are held in memory: the form that can be partitioned, since all records are there to
//! be put in order. Each partition becomes one file; one file is open at a time.

use std::collections::HashMap;

use super::Dataset;
use super::commit::Commit;
use super::partition::Partitioner;
use super::partition_stream::sum;
use super::pipe::Pipe;
use super::stream_write::Record;
use super::transaction::{Source, Terms, Transaction, fresh_home};
use crate::codec::Checked;
use crate::context::{Context, Progress};
use crate::error::{Error, Result, Status};
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// How many records are checked between two checks of the deadline.
const STRIDE: usize = 256;

impl Dataset {
    /// Writes these records as one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`). In the hive layout each partition that occurs becomes a file
    /// (`docs/format.md`, section "Partitions"); in the others all records become one. The records are
    /// checked, and put into partitions, before anything is written.
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
        let partitions = Partitions::of(self, records, &terms.context).map_err(|error| self.named(error))?;
        Transaction::new(self.clone()).commit(&mut Held { records, partitions }, terms)
    }
}

/// Which records belong to which partition.
struct Partitions {
    /// The partitions' paths, sorted, each with where its records end in `order`.
    ends: Vec<(String, usize)>,
    /// The records' numbers, partition by partition, each in the order given.
    order: Vec<usize>,
    /// What the check found, of all records together.
    checked: Checked,
}

impl Partitions {
    /// Checks all records and finds the partition of each.
    fn of(dataset: &Dataset, records: &[Record<'_>], context: &Context) -> Result<Partitions> {
        let options = dataset.options();
        let encoder = options.codec.encoder(&options.partition_encoder_options())?;
        // A dataset without a codec has been refused; an error here would be a bug.
        let mut encoder =
            encoder.ok_or_else(|| Error::new(Status::Internal, "there is no codec to check with"))?;
        let mut partitioner = Partitioner::new(&options.partition_keys);
        let mut counts: Vec<usize> = Vec::new();
        let mut checked = Checked::default();
        let mut of_record = memory_for(records.len())?;
        for (number, record) in records.iter().enumerate() {
            if number % STRIDE == 0 {
                context.check("checking records")?;
            }
            let found =
                encoder.check(record.data).map_err(|rejection| rejection.into_error(number as u64))?;
            checked.has_line_breaks |= found.has_line_breaks;
            let values = encoder.values(record.data);
            let partition = partitioner.partition_of(record.data, values, number as u64)?;
            if partition == counts.len() {
                counts.push(0);
            }
            counts[partition] += 1;
            of_record.push(partition);
        }
        let mut by_path = partitioner.into_paths();
        if options.partition_keys.is_empty() && records.is_empty() {
            // One file, as a stream without records makes one.
            by_path.insert(String::new(), 0);
            counts.push(0);
        }
        Ok(Partitions { checked, ..Self::sort(&by_path, counts, &of_record)? })
    }

    /// Puts the records in the order of their partitions. `counts` holds, by a partition's number, how many
    /// records it has; `of_record` each record's partition.
    fn sort(
        by_path: &HashMap<String, usize>,
        mut counts: Vec<usize>,
        of_record: &[usize],
    ) -> Result<Partitions> {
        let mut paths: Vec<(&str, usize)> = by_path.iter().map(|(path, index)| (&**path, *index)).collect();
        paths.sort_unstable();
        let mut end = 0;
        let mut ends = Vec::with_capacity(paths.len());
        for (path, index) in paths {
            // From here on, where the partition's next record goes.
            let count = std::mem::replace(&mut counts[index], end);
            end += count;
            ends.push((path.to_owned(), end));
        }
        let mut order = memory_for(of_record.len())?;
        order.resize(of_record.len(), 0);
        for (number, index) in of_record.iter().enumerate() {
            order[counts[*index]] = number;
            counts[*index] += 1;
        }
        Ok(Partitions { ends, order, checked: Checked::default() })
    }
}

fn memory_for(records: usize) -> Result<Vec<usize>> {
    let mut numbers = Vec::new();
    numbers.try_reserve_exact(records).map_err(|_| {
        Error::new(Status::NoMemory, format_args!("no memory for putting {records} records into partitions"))
    })?;
    Ok(numbers)
}

/// Records in memory, written when the protocol is ready for them.
struct Held<'a> {
    records: &'a [Record<'a>],
    partitions: Partitions,
}

/// How many data files may wait to be made durable while others are being written: the disk is at work
/// meanwhile. Each takes two descriptors.
const AHEAD: usize = 32;

impl Source for Held<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let dataset = transaction.dataset().clone();
        let home = fresh_home(&dataset);
        let mut before = Progress::default();
        let mut begin = 0;
        let mut written: Vec<Pipe> = Vec::new();
        for (partition, end) in &self.partitions.ends {
            let mut pipe = match Pipe::open_partition(&dataset, partition, &home, true, &terms.context) {
                // Perhaps there are no more descriptors.
                Err(_) if !written.is_empty() => {
                    finish_all(&mut written, transaction, &terms.context)?;
                    Pipe::open_partition(&dataset, partition, &home, true, &terms.context)?
                }
                opened => opened?,
            };
            for (at, number) in self.partitions.order[begin..*end].iter().enumerate() {
                if at % STRIDE == 0 {
                    terms.context.check("writing records")?;
                }
                if pipe.is_full() {
                    pipe.flush()?;
                    terms.report(sum(before, pipe.progress()))?;
                }
                pipe.append_checked(self.records[*number], self.partitions.checked)?;
            }
            begin = *end;
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
        finish_all(&mut written, transaction, &terms.context)?;
        if self.partitions.ends.is_empty() {
            terms.report(before)?;
        }
        transaction.complete(home);
        Ok(())
    }
}

/// Makes files durable that have all their bytes: their names first, then their bytes, then what leads to
/// them.
fn finish_all(written: &mut Vec<Pipe>, transaction: &mut Transaction, context: &Context) -> Result<()> {
    for sync in [false, true] {
        for pipe in written.iter_mut() {
            context.check("making records durable")?;
            pipe.prepare(sync)?;
        }
    }
    for mut pipe in written.drain(..) {
        context.check("making records durable")?;
        transaction.add(pipe.finish()?);
    }
    Ok(())
}

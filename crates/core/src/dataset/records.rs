//! Writing records that are held in memory: the form that can be partitioned, since all records are there to be put
//! in order. Each partition becomes one file; one file is open at a time.

use std::collections::HashMap;

use super::Dataset;
use super::partition::Partitioner;
use super::pipe::{Pipe, rejected};
use super::write::{Commit, Record, StagedContent, Terms, report};
use super::writer::{Staging, fresh_home};
use crate::codec::jsonl::Encoder;
use crate::commit::driver::Content;
use crate::commit::machine::Dated;
use crate::context::{Context, Progress};
use crate::error::{Error, Result, Status};
use crate::history::Slot;
use crate::manifest::{Manifest, Metadata};
use crate::options::{CommitOptions, ProgressFn};

/// How many records are looked at between two looks at the deadline.
const STRIDE: usize = 256;

impl Dataset {
    /// Writes these records as one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`). In the hive layout each partition that occurs becomes a file
    /// (`docs/format.md`, section "Partitions"); in the others all records become one. The records are
    /// checked, and put into partitions, before anything is written.
    ///
    /// # Errors
    /// `InvalidRecord` also for a record that cannot be put into a partition, naming record and key; otherwise as
    /// [`Dataset::stream_write_records`].
    pub fn write_records(
        &self,
        records: &[Record<'_>],
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing records")?;
        let context = Context::start(&options.call);
        let terms = Terms::new(options.expected_parent, options.producer)?;
        let partitions = Partitions::of(self, records, &context).map_err(|error| self.named(error))?;
        let mut progress = options.progress;
        let mut staging = Staging::new(self.clone());
        let mut content = Held {
            staging: &mut staging,
            records,
            partitions,
            metadata,
            context: &context,
            progress: &mut progress,
        };
        let ended = self.run_commit(&context, terms, &mut content);
        staging.settled(ended)
    }
}

/// Which records belong to which partition.
struct Partitions {
    /// The partitions' paths, sorted, each with where its records end in `order`.
    ends: Vec<(String, usize)>,
    /// The records' numbers, partition by partition, each in the order given.
    order: Vec<usize>,
    /// Whether any record has line breaks between its tokens.
    line_breaks: bool,
}

impl Partitions {
    /// Checks all records and finds the partition of each.
    fn of(dataset: &Dataset, records: &[Record<'_>], context: &Context) -> Result<Partitions> {
        let options = dataset.options();
        let mut encoder = Encoder::new()?;
        let mut partitioner = Partitioner::new(&options.partition_keys);
        let mut by_path: HashMap<String, usize> = HashMap::new();
        let mut counts: Vec<usize> = Vec::new();
        let mut line_breaks = false;
        let mut of_record = memory_for(records.len())?;
        // Most often a record belongs where the one before does.
        let mut last = (String::new(), usize::MAX);
        for (number, record) in records.iter().enumerate() {
            if number % STRIDE == 0 {
                context.check("checking records")?;
            }
            line_breaks |= encoder
                .check(record.data, options.max_record_bytes)
                .map_err(|rejection| rejected(number as u64, rejection))?;
            let path = partitioner.path_of(record.data, number as u64)?;
            if last.1 == usize::MAX || last.0 != path {
                let index = match by_path.get(path) {
                    Some(index) => *index,
                    None => {
                        by_path.insert(path.to_owned(), counts.len());
                        counts.push(0);
                        counts.len() - 1
                    }
                };
                path.clone_into(&mut last.0);
                last.1 = index;
            }
            counts[last.1] += 1;
            of_record.push(last.1);
        }
        if options.partition_keys.is_empty() && records.is_empty() {
            // One file, as a stream without records makes one.
            by_path.insert(String::new(), 0);
            counts.push(0);
        }
        Ok(Partitions { line_breaks, ..Self::sort(&by_path, counts, &of_record)? })
    }

    /// Puts the records in the order of their partitions. `counts` holds, by a partition's number, how many records
    /// it has; `of_record` each record's partition.
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
        Ok(Partitions { ends, order, line_breaks: false })
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
struct Held<'a, 'p> {
    staging: &'a mut Staging,
    records: &'a [Record<'a>],
    partitions: Partitions,
    metadata: Metadata,
    context: &'a Context,
    progress: &'a mut Option<ProgressFn<'p>>,
}

/// How many data files may wait to be made durable while others are being written: the disk is at work meanwhile. Each
/// takes two descriptors.
const AHEAD: usize = 32;

impl Held<'_, '_> {
    fn write(&mut self, dataset: &Dataset) -> Result<Dated> {
        let home = fresh_home();
        let mut before = Progress::default();
        let mut begin = 0;
        let mut written: Vec<Pipe> = Vec::new();
        for (partition, end) in &self.partitions.ends {
            let options = dataset.options();
            let extension = options.compressor.extension();
            let key = options.layout.partition_data_path(dataset.id(), partition, &home.id, extension);
            let opened = Pipe::open_at(dataset, home.clone(), key.clone(), true);
            let mut pipe = match opened {
                // Perhaps there are no more descriptors.
                Err(_) if !written.is_empty() => {
                    finish_all(&mut written, self.staging, self.context)?;
                    Pipe::open_at(dataset, home.clone(), key, true)?
                }
                opened => opened?,
            };
            for (at, number) in self.partitions.order[begin..*end].iter().enumerate() {
                if at % STRIDE == 0 {
                    self.context.check("writing records")?;
                }
                if pipe.is_full() {
                    pipe.flush()?;
                    report(self.progress, sum(before, pipe.progress()))?;
                }
                pipe.append_checked(self.records[*number], self.partitions.line_breaks)?;
            }
            begin = *end;
            pipe.close()?;
            pipe.start_writeback();
            before = sum(before, pipe.progress());
            report(self.progress, before)?;
            written.push(pipe);
            if written.len() == AHEAD {
                finish_all(&mut written, self.staging, self.context)?;
            }
        }
        finish_all(&mut written, self.staging, self.context)?;
        if self.partitions.ends.is_empty() {
            report(self.progress, before)?;
        }
        Ok(home)
    }
}

/// Makes files durable that have all their bytes.
fn finish_all(written: &mut Vec<Pipe>, staging: &mut Staging, context: &Context) -> Result<()> {
    for mut pipe in written.drain(..) {
        context.check("making records durable")?;
        staging.add(pipe.finish()?);
    }
    Ok(())
}

fn sum(a: Progress, b: Progress) -> Progress {
    Progress {
        records: a.records + b.records,
        bytes_in: a.bytes_in + b.bytes_in,
        bytes_stored: a.bytes_stored + b.bytes_stored,
    }
}

impl Content for Held<'_, '_> {
    fn finish_data(&mut self) -> Result<Dated> {
        if let Some(home) = self.staging.home() {
            return Ok(home);
        }
        let dataset = self.staging.dataset().clone();
        let home = self.write(&dataset)?;
        self.staging.complete(home.clone());
        Ok(home)
    }

    fn manifest(&self, slot: &Slot) -> Result<Manifest> {
        self.staging.manifest(slot, &self.metadata)
    }
}

impl StagedContent for Held<'_, '_> {
    fn staging(&mut self) -> &mut Staging {
        self.staging
    }
}

//! Records pulled from a source into one snapshot, in one call.

use super::Dataset;
use super::commit::Commit;
use super::partition_stream::PartitionStream;
use super::pipe::Opening;
use super::transaction::{Source, Terms, Transaction};
use crate::error::Result;
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// A record: one JSON document, and perhaps its time.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The document's bytes.
    pub data: &'a [u8],
    /// Nanoseconds since the Unix epoch.
    pub unix_nanos: Option<i64>,
}

/// Gives records, one at a time.
pub trait RecordSource {
    /// The next record, borrowed until the next call; `None` at the end. It is not asked again after that, or
    /// after a failure.
    ///
    /// # Errors
    /// Those that the writing call is to fail with.
    fn next(&mut self) -> Result<Option<Record<'_>>>;
}

impl Dataset {
    /// Pulls all records from `records` into one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`, section "Committing"). The source is asked on the calling thread, and each
    /// record copied before the next one is asked for. With several threads some records more may be asked
    /// for after a bad one.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported` before anything is done; what the source fails with;
    /// `InvalidRecord`, `RecordTooLarge` (number and offset in the error); `Conflict`; `Deadline`,
    /// `Cancelled`, `Aborted`; `NeedsRepair`; the store's failures. All of these mean: certainly not
    /// committed. `CommitUnknown`: perhaps committed; the data are kept.
    pub fn stream_write_records(
        &self,
        records: &mut dyn RecordSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing records")?;
        self.require_streaming("writing records")?;
        let terms = Terms::new(self, metadata, options)?;
        Transaction::new(self.clone()).commit(&mut Pulled(records), terms)
    }
}

/// Records that are pulled when the protocol is ready for them.
pub(super) struct Pulled<'a>(pub &'a mut dyn RecordSource);

impl Source for Pulled<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        if transaction.dataset().is_partitioned() {
            return self.fill_partitions(transaction, terms);
        }
        let pipe = transaction.open(&terms.context, Opening::of_one_call(true))?;
        let watched = terms.context.is_limited();
        loop {
            let record = match self.0.next() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(()),
                // A bad record that came before is the first failure.
                Err(error) => return pipe.check_taken().and(Err(error)),
            };
            if watched {
                terms.context.check("pulling records")?;
            }
            if pipe.is_full() {
                pipe.flush()?;
                terms.report(pipe.progress())?;
            }
            pipe.take(record.data, record.unix_nanos)?;
        }
    }
}

impl Pulled<'_> {
    /// The same into the files of partitions.
    fn fill_partitions(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        /// How many records are pulled between two reports.
        const STRIDE: u64 = 1024;
        let dataset = transaction.dataset().clone();
        // What was pulled cannot be pulled again: after a failure from here on no try may follow.
        transaction.stream();
        let mut stream = PartitionStream::new(&dataset, true, &terms.context)?;
        let mut number: u64 = 0;
        while let Some(record) = self.0.next()? {
            terms.context.check("pulling records")?;
            stream.append(transaction, record)?;
            number += 1;
            if number.is_multiple_of(STRIDE) {
                terms.report(stream.progress())?;
            }
        }
        stream.finish(transaction, terms)
    }
}

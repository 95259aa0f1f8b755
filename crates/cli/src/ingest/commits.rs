//! Committing batches: with retries, reported, and counted.

use std::time::Duration;

use lode_core::Error;
use lode_core::context::{CallOptions, CancelToken, Retry};
use lode_core::dataset::{Commit, Dataset, Outcome, Record, Snapshot};
use lode_core::manifest::Metadata;
use lode_core::options::{CommitOptions, Producer};

use super::batch::Batch;
use super::position::Position;
use crate::args::Ingest;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::progress::Progress;

/// How often a commit is tried, and how long the pauses are.
const RETRY: Retry =
    Retry { attempts: 5, base: Duration::from_millis(100), cap: Duration::from_millis(1_600) };

/// What is committed, and under which terms.
pub struct Commits<'a> {
    options: &'a Ingest,
    dataset: &'a Dataset,
    metadata: Metadata,
    cancel: CancelToken,
    /// The last sequence of the producer that is known to be committed.
    sequence: u64,
    /// Where the last run has ended.
    start: Option<Position>,
    output: Output,
    count: u64,
    records: u64,
}

impl<'a> Commits<'a> {
    /// Finds out where the producer is to go on, if there is one.
    pub fn new(
        options: &'a Ingest,
        dataset: &'a Dataset,
        metadata: Metadata,
        cancel: CancelToken,
    ) -> Result<Self> {
        let mut commits = Commits {
            options,
            dataset,
            metadata,
            cancel,
            sequence: 0,
            start: None,
            output: Output::new(),
            count: 0,
            records: 0,
        };
        if let Some(producer) = &options.producer
            && let Some(snapshot) = dataset.producer_position(producer, &commits.call())?
        {
            commits.start = commits.known_position(producer, &snapshot)?;
        }
        Ok(commits)
    }

    /// What the snapshot says of the producer; the sequence is remembered.
    fn known_position(&mut self, producer: &str, snapshot: &Snapshot) -> Result<Option<Position>> {
        let Some(state) = snapshot.producer(producer)? else { return Ok(None) };
        self.sequence = state.sequence;
        Position::from_text(producer, &state.position).map(Some)
    }

    /// Where the last run has ended.
    pub fn start(&self) -> Option<&Position> {
        self.start.as_ref()
    }

    /// The dataset.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// How many snapshots were committed.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many records they have.
    pub fn records(&self) -> u64 {
        self.records
    }

    fn call(&self) -> CallOptions {
        CallOptions {
            deadline: self.options.deadline,
            cancel: Some(self.cancel.clone()),
            ..CallOptions::default()
        }
    }

    /// Commits a batch, read up to this position.
    pub fn commit(
        &mut self,
        mut batch: Batch,
        position: Option<&Position>,
        progress: &Progress,
    ) -> Result<()> {
        let text = position.map(Position::to_text).transpose()?.unwrap_or_default();
        let commit = self.make(&mut batch, &text)?;
        self.report(&commit, &batch, progress)?;
        if self.options.producer.is_some() {
            self.sequence += 1;
        }
        if commit.outcome == Outcome::AlreadyCommitted {
            return self.check_position(&commit, position);
        }
        self.count += 1;
        self.records += batch.records();
        Ok(())
    }

    fn make(&mut self, batch: &mut Batch, position: &str) -> std::result::Result<Commit, Error> {
        let producer = self.options.producer.as_deref();
        let producer = producer.map(|id| Producer { id, sequence: self.sequence + 1, position });
        let options = CommitOptions {
            call: self.call(),
            producer,
            retry: Some(RETRY),
            expected_parent: self.options.expect_parent.as_deref(),
            ..CommitOptions::default()
        };
        match batch {
            Batch::Staged(writer) => writer.commit(self.metadata.clone(), options),
            Batch::Held(held) => {
                let record = |data| Record { data, unix_nanos: None };
                let records: Vec<Record<'_>> = held.iter().map(record).collect();
                self.dataset.write_records(&records, self.metadata.clone(), options)
            }
        }
    }

    fn report(&mut self, commit: &Commit, batch: &Batch, progress: &Progress) -> Result<()> {
        let (outcome, note) = match commit.outcome {
            Outcome::Committed => ("committed", None),
            Outcome::Unpublished => ("unpublished", Some("committed; the next writer publishes it")),
            Outcome::BesideForeign => (
                "beside_foreign",
                Some("committed, but another program that ignores the commit slots writes to this dataset"),
            ),
            Outcome::AlreadyCommitted => ("already_committed", None),
        };
        if let Some(note) = note {
            progress.say(note);
        }
        // rsyslog's protocol has standard output to itself.
        if self.options.omprog {
            return Ok(());
        }
        if self.options.json {
            self.output.json(&serde_json::json!({
                "snapshot": commit.snapshot.id(),
                "outcome": outcome,
                "records": batch.records(),
                "bytes": batch.bytes(),
            }))?;
        } else {
            self.output.line(commit.snapshot.id())?;
        }
        match self.output.flush() {
            // The ids have no reader any more; the records are to be stored all the same.
            Err(Failure::ClosedOutput) => Ok(()),
            result => result,
        }
    }

    /// Another process of this producer has committed the sequence: only what ends at the same place is the
    /// same.
    fn check_position(&mut self, commit: &Commit, position: Option<&Position>) -> Result<()> {
        let Some(producer) = &self.options.producer else { return Ok(()) };
        let producer = producer.clone();
        let theirs = self.known_position(&producer, &commit.snapshot)?;
        if theirs.as_ref() == position {
            return Ok(());
        }
        Err(Failure::other(format_args!(
            "another process has committed sequence {} of producer {producer:?} meanwhile: run only one at a time. Run the \
             same command again to go on behind what it has committed",
            self.sequence
        )))
    }
}

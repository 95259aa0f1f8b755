//! Committing records: pulled from a source in one call, or staged by a writer; and settling a commit in doubt.

use std::sync::Arc;

use super::pipe::DataFile;
use super::writer::{RecordWriter, Staging};
use super::{Dataset, Snapshot};
use crate::codec::Codec;
use crate::commit::driver::{self, Content, Ended, Resolved};
use crate::commit::machine::{Dated, Publication};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::history::{Id, Slot};
use crate::id::{self, Form, form};
use crate::manifest::producers::Stamp;
use crate::manifest::{Manifest, Metadata};
use crate::options::{CommitOptions, Producer, ProgressFn};

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
    /// Whatever the source wants the writing call to fail with.
    fn next(&mut self) -> Result<Option<Record<'_>>>;
}

/// How a commit that is decided stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed and published.
    Committed,
    /// Committed and durable; the next writer publishes it.
    Unpublished,
    /// Committed, but a writer that ignores the slots was seen.
    BesideForeign,
    /// The producer's sequence was committed before; nothing was written. The snapshot is the newest one that tells.
    AlreadyCommitted,
}

/// A decided commit.
#[derive(Clone)]
pub struct Commit {
    /// How it stands.
    pub outcome: Outcome,
    /// The snapshot.
    pub snapshot: Snapshot,
}

/// What became of a commit in doubt.
#[derive(Clone)]
pub enum Resolution {
    /// It is committed.
    Committed(Snapshot),
    /// It is not, and cannot be any more.
    NotCommitted,
}

impl Dataset {
    /// Pulls all records from `records` into one new snapshot: all of them and a manifest, or nothing
    /// (`docs/commit-protocol.md`). One record is in memory at a time, on the calling thread.
    ///
    /// # Errors
    /// `CodecRequired`; `PartitioningNotSupported` before anything is done; what the source fails with;
    /// `InvalidRecord`, `RecordTooLarge` (number and offset in the error); `Conflict`; `Deadline`, `Cancelled`, `Aborted`; `NeedsRepair`; the store's failures. All of these
    /// mean: certainly not committed. `CommitUnknown`: perhaps committed; the data are kept.
    pub fn stream_write_records(
        &self,
        records: &mut dyn RecordSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_codec("writing records")?;
        self.require_one_file("writing records")?;
        let context = Context::start(&options.call);
        let mut progress = options.progress;
        let mut staging = Staging::new(self.clone());
        let mut content =
            Pulled { staging: &mut staging, records, metadata, context: &context, progress: &mut progress };
        let terms = Terms::new(options.expected_parent, options.producer)?;
        let ended = self.run_commit(&context, terms, &mut content);
        staging.settled(ended)
    }

    /// Finds out whether the commit that ended with `CommitUnknown` and this id is committed; if it is not,
    /// makes it impossible for good (`docs/commit-protocol.md`, section "Resolving a commit").
    ///
    /// # Errors
    /// `CommitUnknown` if that stays unknown; `InvalidArgument` for what no id can be; what stands in the way of
    /// walking the history.
    pub fn resolve_commit(&self, snapshot_id: &str, options: &CallOptions) -> Result<Resolution> {
        id::check_snapshot_id(snapshot_id)?;
        if !matches!(form(snapshot_id), Form::Ours { .. }) {
            let message = format!(
                "{snapshot_id:?} is no id that a commit of this library can have; give the one that is in the error"
            );
            return Err(
                self.named(Error::new(Status::InvalidArgument, message).with_snapshot_id(snapshot_id))
            );
        }
        let context = Context::start(options);
        let mut knowledge = self.knowledge();
        let resolved = driver::resolve(self.target(), &context, snapshot_id, &mut knowledge);
        self.learn(knowledge);
        match resolved? {
            Resolved::Committed => {
                self.snapshot(snapshot_id, &CallOptions::default()).map(Resolution::Committed)
            }
            Resolved::Impossible => Ok(Resolution::NotCommitted),
        }
    }

    /// Runs one commit and learns from it.
    pub(super) fn run_commit(
        &self,
        context: &Context,
        terms: Terms,
        content: &mut dyn StagedContent,
    ) -> Result<Ended> {
        let mut knowledge = self.knowledge();
        let mut pending = content.staging().pending.take();
        let Terms { expected, stamp } = terms;
        let ended =
            driver::commit(self.target(), context, expected, stamp, content, &mut knowledge, &mut pending);
        content.staging().pending = pending;
        self.learn(knowledge);
        ended
    }

    /// The result of a commit that did not fail, for the caller.
    pub(super) fn committed(&self, ended: &Ended) -> Result<Commit> {
        let decided = match ended {
            Ended::Decided(decided) => decided,
            Ended::AlreadyCommitted(head) => {
                let snapshot = self.snapshot(head, &CallOptions::default())?;
                return Ok(Commit { outcome: Outcome::AlreadyCommitted, snapshot });
            }
        };
        let path = self.options().layout.manifest_path(self.id(), &decided.slot.child);
        let manifest = Manifest::parse(&decided.payload, self.id(), &decided.slot.child, &path)?;
        let outcome = match decided.publication {
            Publication::Published => Outcome::Committed,
            Publication::Unpublished => Outcome::Unpublished,
            Publication::BesideForeign => Outcome::BesideForeign,
        };
        Ok(Commit { outcome, snapshot: self.assemble(manifest, &decided.payload) })
    }

    /// The manifest of a snapshot of these data files.
    pub(super) fn manifest(&self, slot: &Slot, data: &[DataFile], metadata: &Metadata) -> Manifest {
        let options = self.options();
        let counts = data.iter().map(|data| data.counts);
        let mut manifest = Manifest {
            dataset_id: self.id().to_owned(),
            snapshot_id: slot.child.to_string(),
            created_at: slot.created_at,
            metadata: metadata.clone(),
            files: data.iter().map(|data| data.file.clone()).collect(),
            parent_snapshot_id: slot.parent.as_deref().map(str::to_owned),
            row_count: counts.clone().map(|counts| counts.records).sum(),
            min_timestamp: counts.clone().filter_map(|counts| counts.min_timestamp).min(),
            max_timestamp: counts.filter_map(|counts| counts.max_timestamp).max(),
            codec: match options.codec {
                Codec::Jsonl => Some("jsonl".to_owned()),
                Codec::None => None,
            },
            compressor: options.compressor.manifest_name().to_owned(),
            partitioner: options.layout.partitioner().to_owned(),
            checksum_algorithm: options.checksum.name().map(str::to_owned),
            unknown: Vec::new(),
        };
        manifest.set_producers(&slot.producers);
        manifest
    }
}

/// What a commit is bound to, as the machine wants it.
pub(super) struct Terms {
    expected: Option<Option<Id>>,
    stamp: Option<Stamp>,
}

impl Terms {
    pub fn new(expected_parent: Option<&str>, producer: Option<Producer<'_>>) -> Result<Terms> {
        let expected = match expected_parent {
            None => None,
            Some("") => Some(None),
            Some(id) => {
                id::check_snapshot_id(id).map_err(|error| error.context("expected_parent"))?;
                Some(Some(Arc::from(id)))
            }
        };
        let stamp = producer.map(|producer| Stamp::new(producer.id, producer.sequence, producer.position));
        Ok(Terms { expected, stamp: stamp.transpose()? })
    }
}

/// Content whose data are staged: records or a blob.
pub(super) trait StagedContent: Content {
    fn staging(&mut self) -> &mut Staging;
}

/// Records that are pulled when the protocol is ready for them.
struct Pulled<'a, 'p> {
    staging: &'a mut Staging,
    records: &'a mut dyn RecordSource,
    metadata: Metadata,
    context: &'a Context,
    progress: &'a mut Option<ProgressFn<'p>>,
}

impl Pulled<'_, '_> {
    fn pull(&mut self) -> Result<()> {
        let pipe = self.staging.open(true)?;
        let watched = self.context.is_limited();
        while let Some(record) = self.records.next()? {
            if watched {
                self.context.check("pulling records")?;
            }
            if pipe.is_full() {
                pipe.flush()?;
                report(self.progress, pipe.progress())?;
            }
            pipe.append(record.data, record.unix_nanos)?;
        }
        Ok(())
    }
}

impl Content for Pulled<'_, '_> {
    fn finish_data(&mut self) -> Result<Dated> {
        self.pull()?;
        self.staging.finish(self.progress)
    }

    fn manifest(&self, slot: &Slot) -> Result<Manifest> {
        self.staging.manifest(slot, &self.metadata)
    }
}

impl StagedContent for Pulled<'_, '_> {
    fn staging(&mut self) -> &mut Staging {
        self.staging
    }
}

/// Tells the caller how far it has come; the caller may stop it.
pub(super) fn report(progress: &mut Option<ProgressFn<'_>>, so_far: crate::context::Progress) -> Result<()> {
    match progress.as_mut().is_none_or(|progress| progress(so_far)) {
        true => Ok(()),
        false => {
            Err(Error::new(Status::Aborted, "the progress callback stopped the call; nothing is committed"))
        }
    }
}

impl RecordWriter {
    /// Commits all records taken so far as one snapshot (`docs/commit-protocol.md`). After a success the
    /// writer is done, and every call on it gives `State`. After a failure the data are kept, and the commit
    /// may be repeated; after `CommitUnknown` the repetition first settles what became of the earlier one,
    /// with its own metadata.
    ///
    /// # Errors
    /// As [`Dataset::stream_write_records`]; `State`.
    pub fn commit(&mut self, metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        self.staging().commit(metadata, options)
    }
}

impl Staging {
    /// Commits what a writer has staged.
    pub fn commit(&mut self, metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        let dataset = self.dataset().clone();
        let context = Context::start(&options.call);
        let terms = Terms::new(options.expected_parent, options.producer)?;
        let mut progress = options.progress;
        self.usable()?;
        let mut content = Pushed { staging: self, metadata, progress: &mut progress };
        let ended = dataset.run_commit(&context, terms, &mut content);
        content.staging.settled(ended)
    }
}

/// What a writer has staged.
struct Pushed<'a, 'p> {
    staging: &'a mut Staging,
    metadata: Metadata,
    progress: &'a mut Option<ProgressFn<'p>>,
}

impl Content for Pushed<'_, '_> {
    fn finish_data(&mut self) -> Result<Dated> {
        self.staging.finish(self.progress)
    }

    fn manifest(&self, slot: &Slot) -> Result<Manifest> {
        self.staging.manifest(slot, &self.metadata)
    }
}

impl StagedContent for Pushed<'_, '_> {
    fn staging(&mut self) -> &mut Staging {
        self.staging
    }
}

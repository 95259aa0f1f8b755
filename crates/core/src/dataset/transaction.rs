//! What all kinds of commit share: data files that are staged, and the commit that makes them one snapshot.
//! Records and blobs, pulled, pushed or given as arrays, differ in their [`Source`] only.

use std::sync::Arc;
use std::time::Duration;

use super::commit::{Commit, Outcome};
use super::parts::WantedParts;
use super::pipe::{DataFile, Opening, Pipe};
use super::{Dataset, Snapshot};
use crate::commit::driver::{self, Content, Ended};
use crate::commit::machine::{Dated, Goal, Publication};
use crate::context::{CallOptions, Context, Progress, Retry};
use crate::error::{Action, Error, Result, Status};
use crate::history::{Decision, History, Id, Slot};
use crate::id;
use crate::manifest::producers::Stamp;
use crate::manifest::{Manifest, ManifestKey, Metadata};
use crate::options::{CommitOptions, ProgressFn};
use crate::process::Process;
use crate::store::Hold;

/// How long data that are given up may take to be removed.
const CLEANING: Duration = Duration::from_secs(10);

/// What the caller wants of a commit.
pub(crate) struct Terms<'p> {
    pub context: Context,
    pub metadata: Metadata,
    pub expected: Option<Option<Id>>,
    pub stamp: Option<Stamp>,
    pub retry: Option<Retry>,
    progress: Option<ProgressFn<'p>>,
}

impl<'p> Terms<'p> {
    /// Starts the clock of the call.
    pub fn staging(dataset: &Dataset, call: &CallOptions, progress: Option<ProgressFn<'p>>) -> Self {
        // The listener hears of the records, not of the requests.
        let context = dataset.begin(&CallOptions { progress: None, ..call.clone() });
        let metadata = Metadata::empty();
        Terms { context, metadata, expected: None, stamp: None, retry: None, progress }
    }

    /// Starts the clock of the call.
    pub fn new(dataset: &Dataset, metadata: Metadata, options: CommitOptions<'p>) -> Result<Self> {
        let context = dataset.begin(&options.call);
        let expected = match options.expected_parent {
            None => None,
            Some("") => Some(None),
            Some(id) => {
                id::check_snapshot_id(id).map_err(|error| error.context("expected_parent"))?;
                Some(Some(Arc::from(id)))
            }
        };
        let producer = options.producer;
        let stamp = producer.map(|producer| Stamp::new(producer.id, producer.sequence, producer.position));
        let (stamp, retry, progress) = (stamp.transpose()?, options.retry, options.progress);
        Ok(Terms { context, metadata, expected, stamp, retry, progress })
    }

    /// Tells the caller how far the call has come.
    ///
    /// # Errors
    /// `Aborted`: the caller stops it.
    pub fn report(&mut self, so_far: Progress) -> Result<()> {
        match self.progress.as_mut().is_none_or(|progress| progress(so_far)) {
            true => Ok(()),
            false => Err(Error::new(
                Status::Aborted,
                "the progress callback stopped the call; nothing is committed",
            )),
        }
    }
}

/// Where a transaction's data come from, once the protocol has found the head and wants them.
pub(super) trait Source {
    /// Writes the data: leaves the pipe of the one data file open in the transaction, or adds data files that
    /// are durable and then calls [`Transaction::complete`].
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()>;

    /// Whether `fill` may be asked again after a failure that came in the midst of it. It then goes on where
    /// it was, or begins with [`Transaction::restart`].
    fn is_repeatable(&self) -> bool {
        false
    }
}

/// The data were written before, by a writer.
pub(super) struct Staged;

impl Source for Staged {
    fn fill(&mut self, _transaction: &mut Transaction, _terms: &mut Terms<'_>) -> Result<()> {
        Ok(())
    }

    fn is_repeatable(&self) -> bool {
        true
    }
}

/// Data files that are to become one snapshot. Dropped before its commit, it removes them, unless a commit
/// that may have happened needs them.
pub(super) struct Transaction {
    dataset: Dataset,
    /// In another one nothing may be added, committed or removed.
    process: Process,
    /// It is a writer's, which is dropped outside any call.
    is_writers: bool,
    phase: Phase,
    /// The data files that are durable.
    files: Vec<DataFile>,
    /// The manifest of the last attempt to commit.
    manifest: Option<Manifest>,
    /// The attempt whose outcome is unknown: its data must not be touched.
    pending: Option<Decision>,
    /// Keeps clean-up away from all data files, which lie under one id: a lock on the first of them stands
    /// for the others.
    hold: Option<Box<dyn Hold>>,
    /// When the oldest of the data files was staged, by [`Dataset::boot_time`].
    staged: Option<i128>,
    /// What is committed are these parts: their files are not this transaction's to remove.
    parts: Option<WantedParts>,
}

/// Data files that are durable, under an id of their own.
pub(super) struct StagedFiles {
    pub home: Dated,
    pub files: Vec<DataFile>,
    pub hold: Option<Box<dyn Hold>>,
    /// When the oldest of them was staged, by [`Dataset::boot_time`].
    pub staged: i128,
}

/// How long after it was staged data may be committed: clean-up leaves alone what is younger than twice that.
pub(crate) const STAGED_MAX: Duration = Duration::from_secs(24 * 60 * 60);

enum Phase {
    Empty,
    /// They go into the files of several partitions, which the source holds.
    Streaming,
    Open(Box<Pipe>),
    /// Its content is complete, but not durable yet: there was no space.
    Closed(Box<Pipe>),
    /// All data files are; they lie under this id.
    Durable(Dated),
    Failed(Error),
    Committed,
    /// Its data files are a part.
    Staged,
    Aborted,
}

impl Transaction {
    /// One that ends with the call that makes it.
    pub fn new(dataset: Dataset) -> Self {
        Transaction {
            dataset,
            process: Process::current(),
            is_writers: false,
            phase: Phase::Empty,
            files: Vec::new(),
            manifest: None,
            pending: None,
            hold: None,
            staged: None,
            parts: None,
        }
    }

    /// One that commits parts.
    pub fn of_parts(dataset: Dataset, parts: WantedParts) -> Self {
        let mut transaction = Transaction::new(dataset);
        transaction.parts = Some(parts);
        transaction
    }

    /// One that a writer holds between calls.
    pub fn of_writer(dataset: Dataset) -> Self {
        let mut transaction = Transaction::new(dataset);
        transaction.is_writers = true;
        transaction
    }

    pub fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    /// Adds a data file that is durable; there may come more.
    pub fn add(&mut self, data: DataFile) {
        self.staged = Some(self.staged.map_or(data.staged, |staged| staged.min(data.staged)));
        self.files.push(data);
    }

    /// Has clean-up leave alone what is staged under the id of this pipe, the first one of several.
    pub fn hold(&mut self, pipe: &mut Pipe) {
        if self.hold.is_none() {
            self.hold = pipe.hold();
        }
    }

    /// All data files have been added.
    pub fn complete(&mut self, home: Dated) {
        self.phase = Phase::Durable(home);
    }

    /// Begins the one data file, under an id of this moment.
    pub fn open(&mut self, context: &Context, opening: Opening<'_>) -> Result<&mut Pipe> {
        if !matches!(self.phase, Phase::Open(_)) {
            driver::check_clock(self.dataset.target())?;
            let home = fresh_home(&self.dataset);
            let mut pipe = Pipe::open(&self.dataset, &home, opening, context)?;
            self.hold(&mut pipe);
            self.phase = Phase::Open(Box::new(pipe));
        }
        self.pipe()
    }

    /// Gives up what an earlier try has staged, for a source that gives all of its data again.
    pub fn restart(&mut self) {
        let context = cleaning();
        give_up(std::mem::replace(&mut self.phase, Phase::Empty), &context);
        self.remove_files(&context);
        self.staged = None;
    }

    /// The data will go into the files of several partitions, until [`Transaction::complete`].
    pub fn stream(&mut self) {
        self.phase = Phase::Streaming;
    }

    /// Whether the files of partitions are being written.
    pub fn is_streaming(&self) -> bool {
        matches!(self.phase, Phase::Streaming)
    }

    /// Fails unless the files of partitions are being written.
    ///
    /// # Errors
    /// The failure that made it unusable; `State`; `Forked`.
    pub fn check_streaming(&self) -> Result<()> {
        self.process.check("a writer")?;
        match &self.phase {
            Phase::Streaming => Ok(()),
            phase => Err(phase.refusal()),
        }
    }

    /// The pipe of the data file that is being written.
    ///
    /// # Errors
    /// The failure that made it unusable; `State` once nothing more can be written; `Forked`.
    #[inline]
    pub fn pipe(&mut self) -> Result<&mut Pipe> {
        self.process.check("a writer")?;
        match &mut self.phase {
            Phase::Open(pipe) => Ok(pipe),
            phase => Err(phase.refusal()),
        }
    }

    /// Fails if there is nothing to commit, or not any more.
    pub fn check_committable(&self) -> Result<()> {
        self.process.check("a writer")?;
        match &self.phase {
            Phase::Streaming | Phase::Open(_) | Phase::Closed(_) | Phase::Durable(_) => Ok(()),
            phase => Err(phase.refusal()),
        }
    }

    /// A failure after which nothing more can be written stays.
    pub fn failed(&mut self, error: &Error) {
        let usable = [
            Status::InvalidRecord,
            Status::RecordTooLarge,
            Status::SchemaViolation,
            Status::NoSpace,
            Status::Aborted,
            Status::State,
            // Between two requests: what has arrived is as it was.
            Status::Deadline,
            Status::Cancelled,
        ];
        if matches!(self.phase, Phase::Streaming | Phase::Open(_) | Phase::Closed(_))
            && !usable.contains(&error.status())
        {
            let phase = std::mem::replace(&mut self.phase, Phase::Failed(error.clone()));
            give_up(phase, &cleaning());
        }
    }

    /// Commits the data as one snapshot, as often as the terms' policy of retries says. After a failure they
    /// are kept, and the commit may be repeated; if its outcome is unknown, the repetition first finds out
    /// what became of it.
    pub fn commit(&mut self, source: &mut dyn Source, mut terms: Terms<'_>) -> Result<Commit> {
        let mut tries = 1;
        loop {
            let failure = match self.commit_once(source, &mut terms) {
                Ok(commit) => return Ok(commit),
                Err(failure) => failure,
            };
            let Some(retry) = terms.retry.filter(|retry| tries < retry.attempts) else { return Err(failure) };
            if !self.can_repeat(source, &failure) {
                return Err(failure);
            }
            // A deadline that ends the pause leaves the failure that the caller can do something about.
            let pause = retry.pause(tries, id::fresh_random());
            if terms.context.sleep(pause, "waiting to commit again").is_err() {
                return Err(failure);
            }
            tries += 1;
        }
    }

    /// Whether to commit again is right after this failure. An expected parent that is not the head is the
    /// caller's to decide, so a conflict is not.
    fn can_repeat(&self, source: &dyn Source, failure: &Error) -> bool {
        let over = [Status::Deadline, Status::Cancelled, Status::Aborted, Status::Iterator];
        if !matches!(failure.action(), Action::Retry | Action::Resolve) || over.contains(&failure.status()) {
            return false;
        }
        match self.phase {
            Phase::Empty | Phase::Closed(_) | Phase::Durable(_) => true,
            Phase::Streaming | Phase::Open(_) => source.is_repeatable(),
            Phase::Failed(_) | Phase::Committed | Phase::Staged | Phase::Aborted => false,
        }
    }

    fn commit_once(&mut self, source: &mut dyn Source, terms: &mut Terms<'_>) -> Result<Commit> {
        let dataset = self.dataset.clone();
        let mut knowledge = dataset.knowledge();
        let mut pending = self.pending.take();
        let (expected, stamp) = (terms.expected.clone(), terms.stamp.clone());
        let goal = Goal::Commit { expected, stamp, has_parts: self.parts.is_some() };
        let context = terms.context.clone();
        let mut attempt = Attempt { transaction: self, source, terms };
        let ended =
            driver::commit(dataset.target(), &context, goal, &mut attempt, &mut knowledge, &mut pending);
        self.pending = pending;
        dataset.learn(knowledge);
        self.conclude(ended?)
    }

    /// What a commit that did not fail has come to, for the caller.
    fn conclude(&mut self, ended: Ended) -> Result<Commit> {
        let decided = match ended {
            Ended::Decided(decided) => decided,
            Ended::AlreadyCommitted(head) => {
                // First of all: if the head cannot be read, the commit may be repeated.
                let snapshot = self.dataset.snapshot(&head, &CallOptions::default())?;
                self.discard();
                self.phase = Phase::Committed;
                return Ok(Commit { outcome: Outcome::AlreadyCommitted, snapshot });
            }
        };
        self.phase = Phase::Committed;
        self.hold = None;
        let outcome = match decided.publication {
            Publication::Published => Outcome::Committed,
            Publication::Unpublished => Outcome::Unpublished,
            Publication::BesideForeign => Outcome::BesideForeign,
        };
        let child = &decided.slot.child;
        let manifest = match self.manifest.take() {
            Some(manifest) if *manifest.snapshot_id == **child => manifest,
            _ => {
                let path = self.dataset.options().layout.manifest_path(self.dataset.id(), child);
                let key = ManifestKey {
                    layout: self.dataset.options().layout,
                    dataset_id: self.dataset.id(),
                    snapshot_id: child,
                    path: &path,
                };
                // The commit is decided: no deadline makes a failure of it any more.
                Manifest::parse(Context::unlimited(), &decided.payload, key)?
            }
        };
        if self.parts.is_some() {
            self.dataset.committed_parts().add(self.dataset.options().layout, &manifest);
        }
        let snapshot: Snapshot = self.dataset.assemble(manifest, decided.payload.to_vec());
        Ok(Commit { outcome, snapshot })
    }

    /// Makes the data durable, and gives the id that they lie under; a second time it only does the latter.
    fn finish(&mut self, terms: &mut Terms<'_>) -> Result<Dated> {
        if let Phase::Open(pipe) = &mut self.phase {
            pipe.set_context(&terms.context);
            let flushed = pipe.flush_rest().and_then(|()| terms.report(pipe.progress()));
            flushed.inspect_err(|error| self.failed(error))?;
            if let Phase::Open(pipe) = std::mem::replace(&mut self.phase, Phase::Aborted) {
                self.phase = Phase::Closed(pipe);
            }
        }
        if let Phase::Closed(pipe) = &mut self.phase {
            pipe.set_context(&terms.context);
            let finished = pipe.finish_all().map(|files| (files, pipe.home().clone()));
            let (files, home) = finished.inspect_err(|error| self.failed(error))?;
            files.into_iter().for_each(|data| self.add(data));
            self.complete(home);
        }
        match &self.phase {
            Phase::Durable(home) => Ok(home.clone()),
            phase => Err(phase.refusal()),
        }
    }

    /// Makes the data durable and hands them over, to be committed as a part.
    ///
    /// # Errors
    /// `CommitUnknown` while a commit may have happened; `State`; what stood in the way of making them
    /// durable, after which it may be repeated as a commit may.
    pub fn stage(&mut self, terms: &mut Terms<'_>) -> Result<StagedFiles> {
        self.check_committable()?;
        self.check_no_doubt()?;
        let home = self.finish(terms)?;
        self.phase = Phase::Staged;
        let mut files = std::mem::take(&mut self.files);
        if self.dataset.is_partitioned() {
            sort_by_path(&mut files);
        }
        Ok(StagedFiles {
            home,
            files,
            hold: self.hold.take(),
            staged: self.staged.unwrap_or_else(|| self.dataset.boot_time()),
        })
    }

    /// Fails while a commit may have happened.
    fn check_no_doubt(&self) -> Result<()> {
        if let Some(pending) = &self.pending {
            let message = format!(
                "the commit of {} may have happened, so its data are kept: repeat the commit, or resolve this id",
                pending.slot.child
            );
            let error = Error::new(Status::CommitUnknown, message).with_snapshot_id(&*pending.slot.child);
            return Err(self.dataset.named(error));
        }
        Ok(())
    }

    /// Gives the data up, as the caller wants.
    ///
    /// # Errors
    /// `CommitUnknown` while a commit may have happened; `State` after one that has, and once they are a
    /// part.
    pub fn abort(&mut self) -> Result<()> {
        self.process.check("a writer")?;
        self.check_no_doubt()?;
        if let Phase::Committed | Phase::Staged = self.phase {
            return Err(self.phase.refusal());
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
        if matches!(phase, Phase::Committed) || self.pending.is_some() || self.parts.is_some() {
            return;
        }
        let context = cleaning();
        give_up(phase, &context);
        self.remove_files(&context);
    }

    /// Removes the data files that are durable.
    fn remove_files(&mut self, context: &Context) {
        for data in self.files.drain(..) {
            // No manifest names the file: one that cannot be removed now is an orphan, which no reader sees.
            let _ = self.dataset.store().backend().delete(context, &data.file.path);
        }
        self.hold = None;
    }
}

/// The time for removing what is given up: the call's own may be over, and this must not take as long.
fn cleaning() -> Context {
    Context::start(&CallOptions { deadline: Some(CLEANING), ..CallOptions::default() })
}

/// Gives up what was sent of a data file already.
fn give_up(phase: Phase, context: &Context) {
    if let Phase::Open(mut pipe) | Phase::Closed(mut pipe) = phase {
        pipe.abort(context);
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // To free a writer makes no request over a network: what it leaves there is an orphan.
        let is_remote = self.dataset.store().backend().capabilities().is_remote;
        if !(self.is_writers && is_remote) {
            self.discard();
        }
    }
}

impl Phase {
    /// Why nothing can be written or committed in this phase.
    #[cold]
    fn refusal(&self) -> Error {
        let why = match self {
            Phase::Streaming | Phase::Open(_) | Phase::Closed(_) | Phase::Durable(_) => {
                "its data are closed since the commit was tried: commit again, or abort"
            }
            Phase::Failed(error) => return error.clone(),
            Phase::Committed => "it has committed: open a new one",
            Phase::Staged => {
                "its data are staged as a part, to be committed or discarded as such: open a new one"
            }
            Phase::Aborted | Phase::Empty => "it was aborted: open a new one",
        };
        Error::new(Status::State, format_args!("the writer cannot do this any more: {why}"))
    }
}

/// A transaction while it is being committed.
struct Attempt<'a, 'p> {
    transaction: &'a mut Transaction,
    source: &'a mut dyn Source,
    terms: &'a mut Terms<'p>,
}

impl Content for Attempt<'_, '_> {
    fn finish_data(&mut self) -> Result<Dated> {
        if let Phase::Empty | Phase::Streaming | Phase::Open(_) = self.transaction.phase {
            self.source.fill(self.transaction, self.terms)?;
        }
        self.transaction.finish(self.terms)
    }

    fn manifest(&mut self, slot: &Slot) -> Result<Manifest> {
        if !matches!(self.transaction.phase, Phase::Durable(_)) {
            return Err(Error::new(
                Status::Internal,
                "a manifest was asked for before the data were durable",
            ));
        }
        // Parts keep the order in which they were given, and the files of one stream that of its records.
        if self.transaction.parts.is_none() && self.transaction.dataset.is_partitioned() {
            sort_by_path(&mut self.transaction.files);
        }
        let manifest = self.transaction.dataset.manifest(slot, &self.transaction.files, &self.terms.metadata);
        self.transaction.manifest = Some(manifest.clone());
        Ok(manifest)
    }

    fn committed_part(
        &mut self,
        history: History<'_>,
        head: &Id,
        seen: Option<&Decision>,
    ) -> Result<Option<Id>> {
        match &self.transaction.parts {
            Some(parts) => parts.named_by(&self.transaction.dataset, &history, head, seen),
            None => Ok(None),
        }
    }

    fn check_age(&self) -> Result<()> {
        let transaction = &self.transaction;
        let Some(staged) = transaction.staged else { return Ok(()) };
        let age = transaction.dataset.boot_time().saturating_sub(staged);
        if age <= i128::try_from(STAGED_MAX.as_nanos()).unwrap_or(i128::MAX) {
            return Ok(());
        }
        let what = if transaction.parts.is_some() { "a part of it" } else { "its data" };
        let message = format!(
            "{what} was staged {} hours ago, and what is older than 24 hours is not committed any more, because clean-up \
             may have removed it: these records are lost, write them again. Nothing is committed",
            age / 3_600_000_000_000
        );
        Err(Error::new(Status::StagedTooOld, message))
    }
}

impl Dataset {
    /// The manifest of a snapshot of these data files.
    fn manifest(&self, slot: &Slot, data: &[DataFile], metadata: &Metadata) -> Manifest {
        let options = self.options();
        let counts = data.iter().map(|data| data.counts);
        let files: Vec<_> = data.iter().map(|data| data.file.clone()).collect();
        let mut manifest = Manifest {
            metadata: metadata.clone(),
            files,
            parent_snapshot_id: slot.parent.as_deref().map(str::to_owned),
            row_count: counts.clone().map(|counts| counts.records).sum(),
            min_timestamp: counts.clone().filter_map(|counts| counts.min_timestamp).min(),
            max_timestamp: counts.filter_map(|counts| counts.max_timestamp).max(),
            ..Manifest::new(options.layout, self.id(), &slot.child, slot.created_at, options.file_format())
        };
        manifest.set_producers(&slot.producers);
        #[cfg(feature = "parquet")]
        if options.codec == crate::codec::Codec::Parquet
            && options.columns.types == crate::columns::SchemaTypes::Arrow
        {
            manifest.metadata.set_arrow_schema();
        }
        manifest
    }
}

/// In this order a manifest names files.
fn sort_by_path(files: &mut [DataFile]) {
    files.sort_unstable_by(|a, b| a.file.path.cmp(&b.file.path));
}

/// An id of this moment for data files to lie under.
pub(crate) fn fresh_home(dataset: &Dataset) -> Dated {
    let created_at = (dataset.target().clock)();
    // A clock before 1970 or after 2286 gives 0: the commit then draws an id above its parent.
    let nanos = u64::try_from(created_at).unwrap_or_default();
    let id = id::compose(nanos, id::fresh_random()).unwrap_or_default();
    Dated { id: Id::from(id), created_at }
}

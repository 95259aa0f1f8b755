//! Removing what dead writers left (`docs/upkeep.md`, section "Clean-up"): everything is listed with its age,
//! *then* all that is named is read, and then what was listed, is old, and is not named is removed, unless a
//! living writer holds it. A failure to read anything ends the call with nothing removed.

mod kind;
mod named;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::context::{CallOptions, Context};
use crate::dataset::Dataset;
use crate::error::{Error, Result, Status};
use crate::iter::Watch;
use crate::store::cleanup::{RemovalLock, StaleUpload};
use kind::{Subject, classify};
use named::Named;

pub use kind::GarbageKind;

/// What a deadline interrupts.
const COLLECTING: &str = "cleaning up a dataset";

/// How old something must be, unless the caller says otherwise, to be removed.
pub const MIN_AGE_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The least that the caller may say. A commit refuses data that was staged more than 24 hours ago; twice
/// that leaves a day for clocks that differ and for requests in flight.
pub const MIN_AGE_LEAST: Duration = Duration::from_secs(48 * 60 * 60);

/// How a clean-up is to be done.
#[derive(Clone, Debug)]
pub struct CollectOptions {
    /// Deadline, cancelling and progress: objects met.
    pub call: CallOptions,
    /// Nothing that has stood unchanged for less is removed; [`MIN_AGE_LEAST`] or more.
    pub min_age: Duration,
    /// Tells what would be removed, and removes nothing.
    pub dry_run: bool,
}

impl Default for CollectOptions {
    fn default() -> Self {
        CollectOptions { call: CallOptions::default(), min_age: MIN_AGE_DEFAULT, dry_run: false }
    }
}

/// One thing that was removed, or would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbage<'a> {
    /// What it was.
    pub kind: GarbageKind,
    /// Its key in the store.
    pub path: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// How long it had stood unchanged, by the store's own clock.
    pub age: Duration,
}

/// What a clean-up came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// How many things were removed, or would be.
    pub objects: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// How many things were left alone because a living writer holds them.
    pub held: u64,
}

/// What was listed and may be garbage.
struct Candidate {
    kind: GarbageKind,
    /// Whose it is: what lies under one fresh id belongs to one writer.
    writer: Arc<str>,
    size: u64,
    age: Duration,
}

/// Candidates by key.
type Candidates = BTreeMap<String, Candidate>;

/// Candidates by their writer.
type Groups = BTreeMap<Arc<str>, Candidates>;

impl Dataset {
    /// Removes what dead writers left in this dataset: temporary files; data files, staged parts included,
    /// and payload objects that no manifest and no commit slot names; probe keys; uploads in several requests
    /// that were never completed. Never a manifest, a slot or the pointer, nor what another program put
    /// there. Readers and writers may be at work, and other clean-ups, too.
    ///
    /// `each` is told of every removal after it is done (with `dry_run`: of what would be removed) and
    /// answers `false` to stop the call. Memory grows with the number of data files that are older than
    /// `min_age`, by some 150 bytes each. Every manifest and every commit slot is read once.
    ///
    /// # Errors
    /// `InvalidArgument` for a `min_age` below [`MIN_AGE_LEAST`]; `Unsupported` for a store that cannot tell
    /// how old its objects are; `Corrupt`, `ManifestInvalid` or the store's failure if something that names
    /// data cannot be read, with nothing removed; `Aborted`, `Deadline`, `Cancelled`: what was removed stays
    /// removed.
    pub fn collect(
        &self,
        options: &CollectOptions,
        each: &mut dyn FnMut(&Garbage<'_>) -> bool,
    ) -> Result<Collection> {
        if options.min_age < MIN_AGE_LEAST {
            let message = format!(
                "min_age is {} seconds, and must be {} (48 hours) or more: what is younger may still be committed",
                options.min_age.as_secs(),
                MIN_AGE_LEAST.as_secs()
            );
            return Err(self.named(Error::new(Status::InvalidArgument, message)));
        }
        self.collect_older(options, each)
    }

    /// The same for any age, which is safe where writers hold what they stage.
    pub(crate) fn collect_older(
        &self,
        options: &CollectOptions,
        each: &mut dyn FnMut(&Garbage<'_>) -> bool,
    ) -> Result<Collection> {
        let context = self.begin(&options.call);
        let mut cleanup =
            Cleanup { dataset: self, context: &context, options, each, report: Collection::default() };
        cleanup.run().map_err(|error| self.named(error))
    }
}

/// A clean-up under way.
struct Cleanup<'a> {
    dataset: &'a Dataset,
    context: &'a Context,
    options: &'a CollectOptions,
    each: &'a mut dyn FnMut(&Garbage<'_>) -> bool,
    report: Collection,
}

impl Cleanup<'_> {
    fn run(&mut self) -> Result<Collection> {
        let mut candidates = self.list()?;
        let nothing_removed = |error: Error| error.context("clean-up has removed nothing");
        let history = self.dataset.history(self.context);
        let mut named = Named::read(history, &mut candidates).map_err(nothing_removed)?;
        let mut groups = Groups::new();
        for (key, candidate) in candidates {
            groups.entry(Arc::clone(&candidate.writer)).or_default().insert(key, candidate);
        }
        while let Some(writer) = groups.keys().next().cloned() {
            self.remove(&writer, &mut groups, &mut named)?;
        }
        self.abort_uploads()?;
        Ok(self.report)
    }

    fn prefix(&self) -> String {
        self.dataset.options().layout.dataset_prefix(self.dataset.id())
    }

    /// Everything that may be garbage and is old enough. A writer of which anything is younger is left alone.
    fn list(&self) -> Result<Candidates> {
        let (layout, id) = (self.dataset.options().layout, self.dataset.id());
        let mut candidates = Candidates::new();
        let mut writers: HashSet<Arc<str>> = HashSet::new();
        let mut young: HashSet<Arc<str>> = HashSet::new();
        let mut watch = Watch::new(self.context, COLLECTING);
        let backend = self.dataset.store().backend();
        backend.list_aged(self.context, &self.prefix(), &mut |listed| {
            if let Some(Subject { kind, writer }) = classify(layout, id, listed.key) {
                let writer = writer.unwrap_or(listed.key);
                let writer = writers.get(writer).cloned().unwrap_or_else(|| Arc::from(writer));
                if listed.age < self.options.min_age {
                    young.insert(writer);
                } else {
                    writers.insert(Arc::clone(&writer));
                    let candidate = Candidate { kind, writer, size: listed.size, age: listed.age };
                    candidates.insert(listed.key.to_owned(), candidate);
                }
            }
            watch.goes_on()
        })?;
        watch.verdict()?;
        candidates.retain(|_, candidate| !young.contains(&candidate.writer));
        Ok(candidates)
    }

    /// Takes what one writer left out of the groups, and removes it unless the writer lives.
    fn remove(&mut self, writer: &str, groups: &mut Groups, named: &mut Named<'_>) -> Result<()> {
        let backend = self.dataset.store().backend();
        let mut gone = Vec::new();
        for key in groups.get(writer).into_iter().flat_map(Candidates::keys) {
            self.context.check(COLLECTING)?;
            match backend.lock_for_removal(self.context, key)? {
                RemovalLock::Taken(_) => {}
                RemovalLock::Gone => gone.push(key.clone()),
                // A hold on one file of a writer stands for all of them.
                RemovalLock::Held => {
                    self.report.held += groups.remove(writer).map_or(0, |group| group.len() as u64);
                    return Ok(());
                }
            }
        }
        // A writer that was alive when the history was read, and is not any more, may have committed since:
        // its slot is there by now. The path is followed once, so that what another writer has committed
        // meanwhile is taken out of that one's group, which is yet to come.
        self.catch_up(groups, named)?;
        let mut group = groups.remove(writer).unwrap_or_default();
        gone.iter().for_each(|key| drop(group.remove(key)));
        for (key, Candidate { kind, size, age, .. }) in group {
            self.context.step(COLLECTING)?;
            if !self.options.dry_run {
                match backend.lock_for_removal(self.context, &key)? {
                    RemovalLock::Taken(_lock) => backend.delete(self.context, &key)?,
                    RemovalLock::Gone => continue,
                    RemovalLock::Held => {
                        self.report.held += 1;
                        continue;
                    }
                }
            }
            self.tell(&Garbage { kind, path: &key, size, age })?;
        }
        Ok(())
    }

    /// Takes out of the groups what has been named since the history was read.
    fn catch_up(&self, groups: &mut Groups, named: &mut Named<'_>) -> Result<()> {
        let (layout, id) = (self.dataset.options().layout, self.dataset.id());
        named.catch_up(&mut |key| {
            let Some(Subject { writer, .. }) = classify(layout, id, key) else { return };
            if let Some(group) = groups.get_mut(writer.unwrap_or(key)) {
                group.remove(key);
            }
        })
    }

    fn tell(&mut self, garbage: &Garbage<'_>) -> Result<()> {
        self.report.objects += 1;
        self.report.bytes += garbage.size;
        match (self.each)(garbage) {
            true => Ok(()),
            false => Err(Error::new(Status::Aborted, "the callback for removals stopped the call")),
        }
    }

    /// Gives up uploads that dead writers have begun: a living one's commit refuses data that old.
    fn abort_uploads(&mut self) -> Result<()> {
        let backend = self.dataset.store().backend();
        let (layout, id) = (self.dataset.options().layout, self.dataset.id());
        let mut watch = Watch::new(self.context, COLLECTING);
        let mut stale: Vec<(String, String, u64, Duration)> = Vec::new();
        backend.list_uploads(self.context, &self.prefix(), &mut |upload| {
            if upload.age >= self.options.min_age && classify(layout, id, upload.key).is_some() {
                stale.push((upload.key.to_owned(), upload.id.to_owned(), upload.size, upload.age));
            }
            watch.goes_on()
        })?;
        watch.verdict()?;
        for (key, id, size, age) in stale {
            self.context.step(COLLECTING)?;
            if !self.options.dry_run {
                backend.abort_upload(self.context, &StaleUpload { key: &key, id: &id, size, age })?;
            }
            self.tell(&Garbage { kind: GarbageKind::Upload, path: &key, size, age })?;
        }
        Ok(())
    }
}

//! Committing staged blocks as one snapshot.

use std::sync::PoisonError;

use super::Volume;
use super::block::VolumeBlock;
use super::content::{Blocks, accept};
use crate::commit::driver::{self, Ended};
use crate::commit::machine::{Goal, Publication};
use crate::context::{CallOptions, Context};
use crate::dataset::{Commit, Outcome, Snapshot, Terms};
use crate::error::{Action, Error, Result, Status};
use crate::history::{Decision, Id};
use crate::id;
use crate::manifest::{Manifest, ManifestKey, Metadata};
use crate::options::CommitOptions;

impl Volume {
    /// Commits these blocks, and all that the volume has, as one snapshot. Writers of ranges that do not
    /// overlap all succeed, each building on the one before. Blocks that the head has already are left out;
    /// if it has all of them, nothing is written and the outcome is [`Outcome::AlreadyCommitted`], so that a
    /// commit may be repeated after a crash.
    ///
    /// Blocks of another process are read whole before, and compared with their length and checksum.
    ///
    /// # Errors
    /// `InvalidArgument` for no block, one of another volume, one that leaves the address space, or a first
    /// commit without `total_length`; `OverlappingBlocks` if two overlap, or one overlaps what the head has:
    /// another writer may have put it there; `VolumeLengthMismatch`; `VolumeTooFragmented`; `NotFound`,
    /// `Corrupt` for a block of another process that is not what it says; `StagedTooOld` for one staged more
    /// than 24 hours ago; otherwise as [`crate::dataset::Dataset::stream_write_records`].
    pub fn commit(
        &self,
        blocks: &[&VolumeBlock],
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        let terms = Terms::new(&self.dataset, metadata, options)?;
        let context = terms.context.clone();
        let new = accept(self, blocks, &context).map_err(|error| self.named(error))?;
        let mut content = Blocks {
            volume: self,
            context: &context,
            metadata: &terms.metadata,
            new,
            home: None,
            merged: None,
            manifest: None,
        };
        let mut pending = None;
        let mut tries = 1;
        loop {
            let failure = match self.commit_once(&mut content, &terms, &context, &mut pending) {
                Ok(commit) => return Ok(commit),
                Err(failure) => failure,
            };
            let over = [Status::Deadline, Status::Cancelled, Status::Aborted];
            let may_help = matches!(failure.action(), Action::Retry | Action::Resolve);
            let Some(retry) = terms.retry.filter(|retry| tries < retry.attempts && may_help) else {
                return Err(failure);
            };
            let pause = retry.pause(tries, id::fresh_random());
            if over.contains(&failure.status()) || context.sleep(pause, "waiting to commit again").is_err() {
                return Err(failure);
            }
            tries += 1;
        }
    }

    fn commit_once(
        &self,
        content: &mut Blocks<'_>,
        terms: &Terms<'_>,
        context: &Context,
        pending: &mut Option<Decision>,
    ) -> Result<Commit> {
        let mut knowledge = self.dataset.knowledge();
        // The blocks are checked against each parent as parts are: against those that it names.
        let goal =
            Goal::Commit { expected: terms.expected.clone(), stamp: terms.stamp.clone(), has_parts: true };
        let ended = driver::commit(self.dataset.target(), context, goal, content, &mut knowledge, pending);
        self.dataset.learn(knowledge);
        let decided = match ended {
            Ok(Ended::Decided(decided)) => decided,
            Ok(Ended::AlreadyCommitted(head)) => return self.already_committed(&head),
            Err(error) if error.status() == Status::PartCommitted => {
                return match error.snapshot_id() {
                    Some(head) => self.already_committed(head),
                    None => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        let outcome = match decided.publication {
            Publication::Published => Outcome::Committed,
            Publication::Unpublished => Outcome::Unpublished,
            Publication::BesideForeign => Outcome::BesideForeign,
        };
        let child = &decided.slot.child;
        let manifest = match content.manifest.take() {
            Some(manifest) if *manifest.snapshot_id == **child => manifest,
            _ => {
                let layout = self.dataset.options().layout;
                let path = layout.manifest_path(self.id(), child);
                let key = ManifestKey { layout, dataset_id: self.id(), snapshot_id: child, path: &path };
                // The commit is decided: no deadline makes a failure of it any more.
                Manifest::parse(Context::unlimited(), &decided.payload, key)?
            }
        };
        let snapshot = self.dataset.assemble(manifest, decided.payload.to_vec());
        // One that is not published may yet be found to be none: it is read again.
        if outcome == Outcome::Committed {
            self.remember_head(&snapshot);
        }
        Ok(Commit { outcome, snapshot })
    }

    fn already_committed(&self, head: &str) -> Result<Commit> {
        let snapshot = self.dataset.snapshot(head, &CallOptions::default())?;
        Ok(Commit { outcome: Outcome::AlreadyCommitted, snapshot })
    }

    fn remember_head(&self, snapshot: &Snapshot) {
        // Each state of the value is valid, so that a panic elsewhere while it was locked does no harm.
        *self.inner.head.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot.clone());
    }

    /// The snapshot of this id, if it is the one that this handle committed last.
    pub(super) fn known_head(&self, id: &Id) -> Option<Snapshot> {
        let head = self.inner.head.lock().unwrap_or_else(PoisonError::into_inner);
        head.as_ref().filter(|head| *head.id() == **id).cloned()
    }
}

/// The failure of a call that was given the snapshot of a dataset.
pub(super) fn not_a_volume(snapshot: &Snapshot) -> Error {
    let message = format!("the snapshot {} is a dataset's, and has no address space", snapshot.id());
    Error::new(Status::InvalidArgument, message).with_snapshot_id(snapshot.id())
}

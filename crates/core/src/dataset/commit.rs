//! The outcome of a commit, and resolving one in doubt.

use super::{Dataset, Snapshot};
use crate::commit::driver::{self, Resolved};
use crate::context::CallOptions;
use crate::error::{Error, Result, Status};
use crate::id::{self, Form, form};

/// How a commit that is decided stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed and published.
    Committed,
    /// Committed and durable; the next writer publishes it.
    Unpublished,
    /// Committed, but a writer that ignores the slots was seen.
    BesideForeign,
    /// The producer's sequence was committed before; nothing was written. The snapshot is the newest one that
    /// tells.
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
    /// Finds out whether the commit that ended with `CommitUnknown` and this id is committed; if it is not,
    /// makes it impossible for good (`docs/commit-protocol.md`, section "Resolving a commit").
    ///
    /// # Errors
    /// `CommitUnknown` if that stays unknown; `InvalidArgument` for what no id can be; what stands in the way
    /// of walking the history.
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
        let context = self.begin(options);
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
}

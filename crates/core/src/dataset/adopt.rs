//! Choosing the head of a history that needs a person's decision (`docs/commit-protocol.md`, section
//! "Choosing a head").

use super::{Dataset, Snapshot};
use crate::commit::driver;
use crate::context::CallOptions;
use crate::error::Result;
use crate::id;

impl Dataset {
    /// Makes the snapshot of this id the head: the exit of `NeedsRepair`, whose error names the heads to
    /// choose from. With it all its ancestors come into the commit slots; snapshots that are none of them can
    /// still be read by their ids, but nothing is built on them any more. What the slots have decided before
    /// stays: then only the snapshot that they lead to can be chosen. At last the pointer is set to the
    /// choice, regardless of what it named.
    ///
    /// What is built on the choice sorts above every snapshot there is. Where one that does not stay sorts
    /// above a choice of this library's, a snapshot that repeats the choice goes on top of it, and is the
    /// head.
    ///
    /// No writer of the Go library may be at work. The call may be repeated.
    ///
    /// # Errors
    /// `InvalidArgument` for what no id can be; `SnapshotNotFound`; `NeedsRepair`, naming the snapshot that
    /// can be chosen; `UnorderableParent` for an id of a form that has no order; `Busy` if the history kept
    /// changing; `Deadline`, `Cancelled`; the store's failures.
    pub fn adopt(&self, snapshot_id: &str, options: &CallOptions) -> Result<Snapshot> {
        id::check_snapshot_id(snapshot_id)?;
        let context = self.begin(options);
        let mut knowledge = self.knowledge();
        let adopted = driver::adopt(self.target(), &context, snapshot_id, &mut knowledge);
        self.learn(knowledge);
        adopted?;
        self.snapshot(snapshot_id, &CallOptions::default())
    }
}

//! Why nothing was committed, as the error that the caller gets.

use super::super::machine::{Goal, Reason};
use super::{Driver, clock_too_late};
use crate::error::{Error, Status};
use crate::history::Slot;

impl Driver<'_> {
    pub(super) fn unknown(&mut self, id: &str) -> Error {
        let cause =
            self.error.take().map_or_else(|| "no answer".to_owned(), |error| error.message().to_owned());
        let message = format!(
            "dataset {:?}: it is unknown whether the snapshot {id} is committed ({cause}); its data are kept. \
             Repeat the commit, or resolve this id",
            self.target.dataset
        );
        Error::new(Status::CommitUnknown, message).with_snapshot_id(id)
    }

    /// The history was removed or replaced while the slot was put.
    pub(super) fn detached(&self, slot: &Slot) -> Error {
        let message = format!(
            "the snapshot {}, which this commit was built on, has gone while it ran: the dataset was removed or replaced. \
             Whether the new snapshot {} belongs to what is there now is unknown: its data are kept. Open the dataset \
             again, and resolve this id",
            slot.parent.as_deref().unwrap_or("root"),
            slot.child
        );
        self.named(Error::new(Status::CommitUnknown, message).with_snapshot_id(&*slot.child))
    }

    pub(super) fn refusal(&mut self, reason: Reason) -> Error {
        let expected = match self.machine.goal() {
            Goal::Commit { expected: Some(expected), .. } => expected.clone(),
            _ => None,
        };
        let text = |id: Option<&str>| {
            id.map_or_else(|| "none (no snapshot yet)".to_owned(), |id| format!("the snapshot {id}"))
        };
        let error = match reason {
            Reason::Failed => self
                .error
                .take()
                .unwrap_or_else(|| Error::new(Status::Internal, "a request failed without an error")),
            Reason::Conflict(head) => {
                let message = format!(
                    "the commit expects the parent to be {1}, but the head is {0}; read the head and decide again",
                    text(head.as_deref()),
                    text(expected.as_deref())
                );
                let error = Error::new(Status::Conflict, message);
                match head {
                    Some(head) => error.with_snapshot_id(&*head),
                    None => error,
                }
            }
            Reason::NeedsRepair { repair, heads } => match self.refuse_another_layout() {
                Ok(()) => self.target.repair_error(&repair, &heads),
                Err(error) => error,
            },
            Reason::Busy(id) => {
                let path = self.target.layout.manifest_path(self.target.dataset, &id);
                let message = format!(
                    "a writer of the Go library has moved the pointer to the snapshot {id}, but not written its \
                     manifest {path}: it is at work, or died less than a minute ago; try again. After a minute it \
                     has timed out"
                );
                Error::new(Status::Busy, message).with_path(path).with_snapshot_id(&*id)
            }
            Reason::Restless => {
                let message =
                    "other writers changed the history each time while it was looked through; try again";
                Error::new(Status::Busy, message)
            }
            Reason::NotFound(id) => {
                let message = format!("it has no snapshot {id} that could become the head");
                Error::new(Status::SnapshotNotFound, message).with_snapshot_id(&*id)
            }
            Reason::Missing(id) => {
                let path = self.target.layout.manifest_path(self.target.dataset, &id);
                let message = format!(
                    "the pointer names the snapshot {id}, but its manifest {path} is missing; if it is lost, choose \
                         the snapshot to go on from, and adopt it"
                );
                Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(&*id)
            }
            Reason::Differs(id) => self.history().differs(&id),
            Reason::Vanished(id) => {
                let message = format!(
                    "the snapshot {id}, which this handle has committed or read, is gone, and the dataset has others: it \
                     was replaced, perhaps by an older copy. Open the dataset again to go on from what is there"
                );
                Error::new(Status::Corrupt, message).with_snapshot_id(&*id)
            }
            Reason::Implausible(id) => {
                let message = format!(
                    "no writer can have made the snapshot id {id}: it is dated more than 24 hours ahead of this \
                     machine's clock and of the head; give the one that is in the error"
                );
                Error::new(Status::InvalidArgument, message).with_snapshot_id(&*id)
            }
            Reason::ClockTooLate => clock_too_late(),
            Reason::SequenceTooOld(highest) => {
                let message = format!(
                    "the producer's sequence is too old: the highest that is committed is {highest}, and only the 64 \
                     up to it are remembered, so that it is unknown whether this one was"
                );
                Error::new(Status::SequenceTooOld, message)
            }
            Reason::PartCommitted(id) => {
                let message = format!(
                    "the snapshot {id} holds one of these parts already, and a part is committed once; leave out what it \
                     holds"
                );
                Error::new(Status::PartCommitted, message).with_snapshot_id(&*id)
            }
            Reason::Unorderable(id) => {
                let message =
                    format!("no new id sorts after the parent {id:?}: its form or its time leaves no room");
                Error::new(Status::UnorderableParent, message).with_snapshot_id(&*id)
            }
        };
        self.named(error)
    }
}

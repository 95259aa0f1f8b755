//! The commit protocol as a state machine without I/O (`docs/commit-protocol.md`, sections "Committing" and
//! "Resolving a commit"). Time, randomness and answers come in from outside, so that the model checker, the
//! simulator and production run the same code.
//!
//! The machine makes one [`Pending`] request at a time. The request carries the state that waits for its
//! answer, and its type says which answers there are. [`find`] finds the snapshot to build on, [`decide`]
//! puts the slot and learns whose it became, [`publish`] makes manifest and pointer follow a decided
//! snapshot, [`resolve`] finds out what became of a commit in doubt; [`go_compat`](super::go_compat) does
//! what the Go library's writers make necessary.

pub(super) mod decide;
pub(super) mod find;
#[cfg(test)]
mod mutant;
pub(super) mod publish;
mod request;
mod resolve;

use std::sync::Arc;

use super::go_compat::Repair;
use crate::history::{Id, ParentLoop, Slot};
use crate::manifest::producers::{Producers, Stamp};
#[cfg(test)]
pub use mutant::Mutant;
pub(super) use publish::{Job, Then};
#[cfg(test)]
pub use request::{Ask, Request};
pub use request::{
    CheckHead, Drawn, HeadAnswer, ManifestAnswer, PartsAnswer, PauseAnswer, Pending, PutAnswer, Read,
    SwapAnswer, SwapLatest, SyncAnswer,
};
pub(super) use request::{
    CheckParts, Draw, DrawState, FindSlotNaming, FinishData, HeadState, LatestState, LatestSyncState,
    ListHead, ListState, ManifestState, NamingState, Pause, PauseState, PersistAdopted, PersistLatest,
    PersistManifest, PersistSlot, PutManifest, PutSlot, PutState, ReadAge, ReadLatest, ReadManifest,
    ReadSlot, ReadSurvey, SlotState, SlotSyncState, SwapState,
};

/// An id with its time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dated {
    /// The id.
    pub id: Id,
    /// In Unix nanoseconds.
    pub created_at: i64,
}

/// A snapshot that a new one can be built on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeadFacts {
    /// Its id.
    pub id: Id,
    /// Its `created_at`, in Unix nanoseconds.
    pub created_at: i64,
    /// Who has committed what, up to it.
    pub producers: Arc<Producers>,
}

impl Slot {
    pub(super) fn head(&self) -> HeadFacts {
        HeadFacts { id: self.child.clone(), created_at: self.created_at, producers: self.producers.clone() }
    }

    pub(super) fn dated(&self) -> Dated {
        Dated { id: self.child.clone(), created_at: self.created_at }
    }
}

/// What the machine is to achieve.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// Commit a snapshot; with an expected parent (`Some(None)`: none yet), only onto that.
    Commit {
        /// The parent the caller expects.
        expected: Option<Option<Id>>,
        /// Whose commit it is, for it to happen once.
        stamp: Option<Stamp>,
        /// It is made of parts, none of which a snapshot on the path may name already.
        has_parts: bool,
    },
    /// Find out whether this snapshot is committed, and make it impossible if it is not.
    Resolve {
        /// The snapshot in doubt.
        id: Id,
    },
    /// Make this snapshot the head, as the caller chose: the way out of a history that needs a person's
    /// decision.
    Adopt {
        /// The chosen one.
        id: Id,
    },
}

/// What the handle knows from its earlier commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Knowledge {
    /// The greatest head that it wrote or checked, and made durable.
    pub head: Option<HeadFacts>,
    /// It has seen the slot of `root`: the dataset's history is in slots.
    pub root: bool,
    /// A head that it knew, of a dataset that was removed since.
    pub vanished: Option<Id>,
}

/// What the machine needs of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ManifestFacts {
    /// The parent.
    pub parent: Option<Id>,
    /// Its time.
    pub created_at: i64,
    /// Who has committed what, up to it; `None`: the Go library wrote it, and it does not say.
    pub producers: Option<Arc<Producers>>,
}

/// How the machine ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Conclusion {
    /// Our slot decided; how far it is published.
    Committed(Slot, Publication),
    /// The producer's sequence is committed already, as this head tells.
    AlreadyCommitted(Id),
    /// Certainly not committed.
    NotCommitted(Reason),
    /// This slot may or may not have been decided.
    Unknown(Slot),
    /// This slot was put, but its parent has gone meanwhile: another history is there, and does not lead to
    /// it.
    Detached(Slot),
    /// Resolve: the snapshot in doubt is committed.
    Resolved,
    /// Resolve: it is not, and cannot be any more.
    Impossible,
    /// Resolve: it stays unknown.
    Undecided,
    /// Adopt: the chosen snapshot is the head.
    Adopted,
}

/// How far a decided snapshot is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Publication {
    /// Manifest and pointer are there.
    Published,
    /// One of them is not; the next writer publishes it.
    Unpublished,
    /// The pointer is in the hands of a writer that ignores the slots.
    BesideForeign,
}

/// Why nothing was committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A request failed; the driver knows the error.
    Failed,
    /// The head is not the expected parent, but this.
    Conflict(Option<Id>),
    /// The history needs a person's decision between these heads.
    NeedsRepair {
        /// Why.
        repair: Repair,
        /// The heads, the one that the pointer or the scan gave first.
        heads: Vec<Id>,
    },
    /// A Go writer is between its pointer to this snapshot and its manifest, or died there less than a minute
    /// ago.
    Busy(Id),
    /// The history kept changing while it was read.
    Restless,
    /// Adopt: there is no such snapshot.
    NotFound(Id),
    /// This id is named by the pointer, but there is no such manifest, and no slot names it.
    Missing(Id),
    /// The manifest of this id is not the one that its slot decided.
    Differs(Id),
    /// The snapshot that this handle committed or checked is gone, and others are there.
    Vanished(Id),
    /// No id can be made that sorts above this one.
    Unorderable(Id),
    /// Resolve: no writer can have made this id.
    Implausible(Id),
    /// The clock is beyond the times that ids can hold.
    ClockTooLate,
    /// The producer's sequence is below those that are remembered; the highest is this.
    SequenceTooOld(u64),
    /// This snapshot holds one of the parts already.
    PartCommitted(Id),
}

/// One commit, resolution or adoption under way, but for the state, which the pending request carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    pub(super) goal: Goal,
    pub(super) attempts: u32,
    pub(super) knowledge: Knowledge,
    /// The pointer's bytes as last seen; `None`: absent.
    pub(super) pointer: Option<Vec<u8>>,
    /// What the new snapshot is built on; `None`: it is the first.
    pub(super) head: Option<HeadFacts>,
    /// The id drawn for it.
    pub(super) id: Option<Dated>,
    /// The attempt under way, or the last.
    pub(super) slot: Option<Slot>,
    /// The attempt was sent, and its outcome is not known yet.
    pub(super) open: bool,
    /// The attempt is decided and ours, and being published.
    pub(super) mine: bool,
    /// Requests of the same kind in a row.
    pub(super) tries: u32,
    /// How often the search for the head began again.
    pub(super) restarts: u32,
    /// How often a Go writer was waited for.
    pub(super) waits: u32,
    /// Adopt: the slots lead to the choice.
    pub(super) adopted: bool,
    /// Adopt: a snapshot that is no ancestor of the choice, and must not sort above what is built on that.
    pub(super) above: Option<Id>,
    /// The walk along the slots so far.
    pub(super) parent_loop: ParentLoop,
    #[cfg(test)]
    mutant: Option<Mutant>,
}

impl Machine {
    /// A machine for `goal`, for a handle that knows `knowledge`; each request is tried `attempts` times.
    pub fn new(goal: Goal, knowledge: Knowledge, attempts: u32) -> Self {
        Machine {
            goal,
            attempts: attempts.max(1),
            knowledge,
            pointer: None,
            head: None,
            id: None,
            slot: None,
            open: false,
            mine: false,
            tries: 0,
            restarts: 0,
            waits: 0,
            adopted: false,
            above: None,
            parent_loop: ParentLoop::default(),
            #[cfg(test)]
            mutant: None,
        }
    }

    /// The same, after an attempt whose outcome was left unknown: that one is read back first.
    pub fn repeating(goal: Goal, knowledge: Knowledge, attempts: u32, slot: Slot) -> Self {
        let mut machine = Self::new(goal, knowledge, attempts);
        machine.id = Some(slot.dated());
        machine.slot = Some(slot);
        machine.open = true;
        machine
    }

    #[cfg(test)]
    pub fn with_mutant(mut self, mutant: Option<Mutant>) -> Self {
        self.mutant = mutant;
        self
    }

    #[cfg(test)]
    pub(super) fn mutated(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// What the handle knows now.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// What the new snapshot is built on.
    pub fn head(&self) -> Option<&HeadFacts> {
        self.head.as_ref()
    }

    /// What it is to achieve.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The attempt under way, or the last.
    #[cfg(test)]
    pub fn attempt(&self) -> Option<&Slot> {
        self.slot.as_ref()
    }

    /// Whether the call may end here as certainly not committed: no slot of ours is in flight or decided.
    pub fn may_stop(&self) -> bool {
        !self.open && !self.mine
    }

    /// Whether our slot may be there without our knowing: one more read is due, even past the deadline.
    pub fn is_in_doubt(&self) -> bool {
        self.open
    }

    /// The first request.
    pub fn start(&mut self) -> Pending {
        match &self.slot {
            Some(slot) => match slot.parent.clone() {
                Some(parent) => self.ask(ReadManifest(parent), ManifestState::Decide),
                None => self.read_back(),
            },
            None => self.search(),
        }
    }

    /// Begins, or begins again, to search for the head.
    pub(super) fn search(&mut self) -> Pending {
        self.ask(ReadLatest, LatestState::Find)
    }

    pub(super) fn finish(&mut self, outcome: Conclusion) -> Pending {
        Pending::Finished(outcome)
    }

    /// Ends without a commit of ours: certainly not committed, or, when resolving, still in doubt.
    pub(super) fn refuse(&mut self, reason: Reason) -> Pending {
        match self.goal {
            Goal::Commit { .. } => self.finish(Conclusion::NotCommitted(reason)),
            Goal::Resolve { .. } if reason == Reason::Failed => self.finish(Conclusion::Undecided),
            Goal::Resolve { .. } | Goal::Adopt { .. } => self.finish(Conclusion::NotCommitted(reason)),
        }
    }

    pub(super) fn fail(&mut self) -> Pending {
        self.refuse(Reason::Failed)
    }

    pub(super) fn needs_repair(&mut self, repair: Repair, heads: Vec<Id>) -> Pending {
        self.refuse(Reason::NeedsRepair { repair, heads })
    }

    /// The history has changed: begins again, unless it never stops changing.
    pub(super) fn again(&mut self) -> Pending {
        self.restarts += 1;
        if self.restarts > 4 * self.attempts {
            return self.refuse(Reason::Restless);
        }
        self.parent_loop.clear();
        self.search()
    }

    /// The handle knows this head from now on.
    pub(super) fn learn(&mut self, head: &HeadFacts) {
        self.knowledge.root = true;
        if self.knowledge.head.as_ref().is_none_or(|known| known.id < head.id) {
            self.knowledge.head = Some(head.clone());
        }
    }
}

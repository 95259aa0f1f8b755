//! Requests that read the store.

use std::sync::Arc;

use super::super::publish::Job;
use super::super::{HeadFacts, Machine, ManifestFacts, find};
use super::{Ask, HeadAnswer, ManifestAnswer, PartsAnswer, Pending, Read, Request};
use crate::commit::go_compat::{self, Aging, Subject, Survey};
use crate::history::{Id, Slot};

/// Read `latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadLatest;

/// The states that wait for the bytes of `latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LatestState {
    /// The search for the head begins.
    Find,
    /// A swap was not answered.
    Publish(Box<Job>),
    /// It must not have changed during the survey.
    GoCompat(Subject, Arc<Survey>),
}

impl Request for ReadLatest {
    type Answer = Read<Vec<u8>>;
    type State = LatestState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ReadLatest;

    fn resume(machine: &mut Machine, state: LatestState, answer: Self::Answer) -> Pending {
        match state {
            LatestState::Find => machine.on_latest(answer),
            LatestState::Publish(job) => machine.on_pointer_read_again(*job, answer),
            LatestState::GoCompat(subject, survey) => machine.on_survey_pointer(subject, survey, answer),
        }
    }
}

/// Find the greatest id whose manifest is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListHead;

/// The states that wait for the greatest id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListState {
    /// There is no pointer.
    Find,
    /// What is built on this adopted head must exceed every id.
    GoCompat(Box<(Slot, ManifestFacts)>),
}

impl Request for ListHead {
    type Answer = Read<Id>;
    type State = ListState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ListHead;

    fn resume(machine: &mut Machine, state: ListState, answer: Self::Answer) -> Pending {
        match state {
            ListState::Find => machine.on_listed(answer),
            ListState::GoCompat(head) => machine.on_floor(head.0, head.1, answer),
        }
    }
}

/// Read the manifest of this snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadManifest(pub Id);

/// The states that wait for a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestState {
    /// While the head is searched.
    Find(find::FindManifest),
    /// Of the parent of an attempt whose outcome is unknown: whether the history is still the same.
    Decide,
    /// Whether the parent of what was decided is still there: the pointer says that the history is another.
    Publish(Box<Job>),
    /// The snapshot to resolve.
    Resolve,
    /// See [`go_compat::GoManifest`].
    GoCompat(go_compat::GoManifest),
}

impl Request for ReadManifest {
    type Answer = ManifestAnswer;
    type State = ManifestState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ReadManifest;

    fn resume(machine: &mut Machine, state: ManifestState, answer: Self::Answer) -> Pending {
        match state {
            ManifestState::Find(state) => machine.find_on_manifest(state, answer),
            ManifestState::Decide => machine.on_parent_of_attempt(answer),
            ManifestState::Publish(job) => machine.on_parent_read_again(*job, answer),
            ManifestState::Resolve => machine.on_wanted(answer),
            ManifestState::GoCompat(state) => machine.go_on_manifest(state, answer),
        }
    }
}

/// Read the slot of this parent, and its payload.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadSlot(pub Option<Id>);

/// The states that wait for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlotState {
    /// While the head is searched.
    Find(find::FindSlot),
    /// The slot that was sent is read back.
    Decide,
    /// Whether the pointer, which names a greater id, is on the path from here.
    Publish(Box<Job>),
    /// See [`go_compat::GoSlot`].
    GoCompat(go_compat::GoSlot),
}

impl Request for ReadSlot {
    type Answer = Read<Slot>;
    type State = SlotState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ReadSlot;

    fn resume(machine: &mut Machine, state: SlotState, answer: Self::Answer) -> Pending {
        match state {
            SlotState::Find(state) => machine.find_on_slot(state, answer),
            SlotState::Decide => machine.on_read_back(answer),
            SlotState::Publish(job) => machine.on_beyond(*job, answer),
            SlotState::GoCompat(state) => machine.go_on_slot(state, answer),
        }
    }
}

/// Find the slot that names this child: that of the greatest parent below it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FindSlotNaming(pub Id);

/// The states that wait for the slot that names a child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum NamingState {
    /// The head's own id does not prove it.
    Find(Box<find::Unproven>),
    /// Whether the pointer is on the path.
    Publish(Box<Job>),
    /// The snapshot to resolve.
    Resolve,
    /// See [`go_compat::GoNaming`].
    GoCompat(go_compat::GoNaming),
}

impl Request for FindSlotNaming {
    type Answer = Read<Slot>;
    type State = NamingState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::FindSlotNaming;

    fn resume(machine: &mut Machine, state: NamingState, answer: Self::Answer) -> Pending {
        match state {
            NamingState::Find(head) => machine.on_head_naming(*head, answer),
            NamingState::Publish(job) => machine.on_pointer_naming(*job, answer),
            NamingState::Resolve => machine.on_wanted_naming(answer),
            NamingState::GoCompat(state) => machine.go_on_naming(state, answer),
        }
    }
}

/// Compare this snapshot's manifest with the slot of its parent, and sync both: another may have written
/// them, and what is built on them must not outlive them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckHead {
    /// The snapshot.
    pub id: Id,
    /// Whose slot names it.
    pub parent: Option<Id>,
}

/// The states that wait for a head's check.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HeadState {
    /// The head to build on, and its parent.
    Find(Box<(HeadFacts, Option<Id>)>),
    /// The snapshot to resolve.
    Resolve,
}

impl Request for CheckHead {
    type Answer = HeadAnswer;
    type State = HeadState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::CheckHead;

    fn resume(machine: &mut Machine, state: HeadState, answer: HeadAnswer) -> Pending {
        match state {
            HeadState::Find(head) => machine.on_head_checked(head.0, head.1, answer),
            HeadState::Resolve => machine.on_wanted_checked(answer),
        }
    }
}

/// List all slots and manifests, and read each manifest once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadSurvey;

impl Request for ReadSurvey {
    type Answer = Read<Arc<Survey>>;
    type State = Subject;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ReadSurvey;

    fn resume(machine: &mut Machine, subject: Subject, answer: Self::Answer) -> Pending {
        machine.on_surveyed(subject, answer)
    }
}

/// Say whether this object has stood unchanged for a minute, by the store's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReadAge(pub Aging);

impl Request for ReadAge {
    type Answer = Read<bool>;
    type State = go_compat::AgeState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::ReadAge;

    fn resume(machine: &mut Machine, state: Self::State, answer: Self::Answer) -> Pending {
        machine.go_on_age(state, answer)
    }
}

/// Find out whether this snapshot or one before it names one of the parts that are to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CheckParts(pub Id);

impl Request for CheckParts {
    type Answer = PartsAnswer;
    type State = ();
    const PENDING: fn(Ask<Self>) -> Pending = Pending::CheckParts;

    fn resume(machine: &mut Machine, (): (), answer: PartsAnswer) -> Pending {
        machine.on_parts_checked(answer)
    }
}

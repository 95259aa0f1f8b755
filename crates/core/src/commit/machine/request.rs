//! What the machine asks for: each request is a type, with the type of its answer and the states, by phase,
//! that wait for that answer. A state travels inside its [`Ask`] and can be resumed by an answer of the right
//! type alone.

use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;

use super::publish::Job;
use super::{Conclusion, Dated, HeadFacts, Machine, ManifestFacts, decide, find};
use crate::commit::go_compat::{self, Aging, Placing, Subject, Survey};
use crate::history::{Id, Slot};

/// A request that the machine makes.
pub trait Request: Sized {
    /// What answers it.
    type Answer;
    /// The states that wait for the answer.
    type State: Clone + Debug + Eq + Hash;
    /// The variant of [`Pending`].
    const PENDING: fn(Ask<Self>) -> Pending;

    /// Goes on from `state`.
    fn resume(machine: &mut Machine, state: Self::State, answer: Self::Answer) -> Pending;
}

/// A request with the state that waits for its answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ask<Q: Request> {
    /// What is asked for.
    pub request: Q,
    state: Q::State,
}

impl<Q: Request> Ask<Q> {
    /// Gives the answer to the machine that asked.
    pub fn answer(self, machine: &mut Machine, answer: Q::Answer) -> Pending {
        Q::resume(machine, self.state, answer)
    }
}

impl Machine {
    /// Waits in `state` for the answer to `request`.
    pub(in crate::commit) fn ask<Q: Request>(&mut self, request: Q, state: Q::State) -> Pending {
        Q::PENDING(Ask { request, state })
    }
}

/// What the machine waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pending {
    /// See [`ReadLatest`].
    ReadLatest(Ask<ReadLatest>),
    /// See [`ListHead`].
    ListHead(Ask<ListHead>),
    /// See [`ReadManifest`].
    ReadManifest(Ask<ReadManifest>),
    /// See [`ReadSlot`].
    ReadSlot(Ask<ReadSlot>),
    /// See [`FindSlotNaming`].
    FindSlotNaming(Ask<FindSlotNaming>),
    /// See [`CheckHead`].
    CheckHead(Ask<CheckHead>),
    /// See [`ReadSurvey`].
    ReadSurvey(Ask<ReadSurvey>),
    /// See [`ReadAge`].
    ReadAge(Ask<ReadAge>),
    /// See [`PersistAdopted`].
    PersistAdopted(Ask<PersistAdopted>),
    /// See [`FinishData`].
    FinishData(Ask<FinishData>),
    /// See [`CheckParts`].
    CheckParts(Ask<CheckParts>),
    /// See [`Draw`].
    Draw(Ask<Draw>),
    /// See [`PutSlot`].
    PutSlot(Ask<PutSlot>),
    /// See [`PutManifest`].
    PutManifest(Ask<PutManifest>),
    /// See [`PersistSlot`].
    PersistSlot(Ask<PersistSlot>),
    /// See [`PersistManifest`].
    PersistManifest(Ask<PersistManifest>),
    /// See [`PersistLatest`].
    PersistLatest(Ask<PersistLatest>),
    /// See [`SwapLatest`].
    SwapLatest(Ask<SwapLatest>),
    /// See [`Pause`].
    Pause(Ask<Pause>),
    /// It is over.
    Finished(Conclusion),
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read<T> {
    /// This.
    Found(T),
    /// That there is nothing.
    Absent,
    /// Nothing: it failed.
    Failed,
}

/// What a read of a manifest found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestAnswer {
    /// A manifest.
    Whole(ManifestFacts),
    /// Its beginning: its writer, of the Go library, is leaving or has left it so.
    Torn,
    /// Nothing.
    Absent,
    /// It failed.
    Failed,
}

/// What a check of a head found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadAnswer {
    /// Slot and manifest agree, and are durable.
    Sound,
    /// The parent has no slot, or one that names another child.
    NotNamed,
    /// The manifest is not the payload of its slot.
    Differs,
    /// It failed.
    Failed,
}

/// What a check of the parts found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartsAnswer {
    /// No snapshot on the path names one of them.
    New,
    /// This one does.
    Committed(Id),
    /// It failed.
    Failed,
}

/// How a put-if-absent of a slot or manifest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PutAnswer {
    /// There, and durable.
    Done,
    /// The key was taken (a manifest: by equal bytes).
    Exists,
    /// A manifest only: the key was taken by other bytes.
    Differs,
    /// Certainly not there through this request.
    Failed,
    /// It may or may not be there.
    Unknown,
    /// There, but a sync failed: this process must never call it durable.
    Doubtful,
}

/// Whether a sync succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncAnswer {
    /// It did.
    Durable,
    /// It did not.
    Failed,
}

/// How a swap of `latest` ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SwapAnswer {
    /// Swapped, durably.
    Done,
    /// It held these bytes.
    Mismatch(Option<Vec<u8>>),
    /// Certainly not swapped: locked by another, or refused.
    Failed,
    /// It may or may not be swapped.
    Unknown,
}

/// Time and randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drawn {
    /// Unix nanoseconds.
    pub now: i64,
    /// For the id.
    pub random: u64,
    /// For the slot.
    pub nonce: u128,
}

/// Whether the machine may try again after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseAnswer {
    /// It may.
    GoOn,
    /// The deadline has passed, or the call is cancelled.
    Stop,
}

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

/// Sync what the Go library wrote: these snapshots' manifests and data.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersistAdopted(pub Vec<Id>);

impl Request for PersistAdopted {
    type Answer = SyncAnswer;
    /// The slot that adopts them.
    type State = Box<Placing>;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PersistAdopted;

    fn resume(machine: &mut Machine, placing: Box<Placing>, answer: SyncAnswer) -> Pending {
        machine.on_adopted_persisted(placing, answer)
    }
}

/// Make the data files durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FinishData;

impl Request for FinishData {
    /// The id that the data lie under; `None`: it failed.
    type Answer = Option<Dated>;
    type State = ();
    const PENDING: fn(Ask<Self>) -> Pending = Pending::FinishData;

    fn resume(machine: &mut Machine, (): (), answer: Option<Dated>) -> Pending {
        machine.on_data(answer)
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

/// Say the time, and draw randomness and a nonce.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draw;

/// The states that wait for time and randomness.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum DrawState {
    /// For a slot of our own.
    Decide,
    /// For a slot that adopts, or fills a dangling pointer.
    GoCompat(Box<Placing>),
}

impl Request for Draw {
    type Answer = Drawn;
    type State = DrawState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::Draw;

    fn resume(machine: &mut Machine, state: DrawState, drawn: Drawn) -> Pending {
        match state {
            DrawState::Decide => machine.on_drawn(drawn),
            DrawState::GoCompat(placing) => machine.on_placing_drawn(placing, drawn.nonce),
        }
    }
}

/// Put the slot, if absent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PutSlot(pub Slot);

/// The states that wait for the end of a slot's put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PutState {
    /// Our own: the commit point.
    Decide,
    /// One that adopts, or fills a dangling pointer.
    GoCompat(Box<Placing>),
}

impl Request for PutSlot {
    type Answer = PutAnswer;
    type State = PutState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PutSlot;

    fn resume(machine: &mut Machine, state: PutState, answer: PutAnswer) -> Pending {
        match state {
            PutState::Decide => machine.on_slot_put(answer),
            PutState::GoCompat(placing) => machine.on_placed(placing, answer),
        }
    }
}

/// Put the manifest that the slot's payload is, if absent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PutManifest(pub Slot);

impl Request for PutManifest {
    type Answer = PutAnswer;
    type State = Box<Job>;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PutManifest;

    fn resume(machine: &mut Machine, job: Box<Job>, answer: PutAnswer) -> Pending {
        machine.on_manifest_put(*job, answer)
    }
}

/// Sync what another may have written: this slot (and its payload).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersistSlot(pub Option<Id>);

/// The states that wait for a slot's sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SlotSyncState {
    /// Our own, whose put was not answered.
    Decide,
    /// Another's, to be helped.
    Publish(Box<Job>),
    /// One that adopts, or fills a dangling pointer.
    GoCompat(Box<Placing>),
}

impl Request for PersistSlot {
    type Answer = SyncAnswer;
    type State = SlotSyncState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PersistSlot;

    fn resume(machine: &mut Machine, state: SlotSyncState, answer: SyncAnswer) -> Pending {
        match state {
            SlotSyncState::Decide => machine.on_read_back_persisted(answer),
            SlotSyncState::Publish(job) => machine.on_slot_persisted(*job, answer),
            SlotSyncState::GoCompat(placing) => machine.on_placing_persisted(*placing, answer),
        }
    }
}

/// Sync what another may have written: this manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersistManifest(pub Id);

impl Request for PersistManifest {
    type Answer = SyncAnswer;
    type State = Box<Job>;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PersistManifest;

    fn resume(machine: &mut Machine, job: Box<Job>, answer: SyncAnswer) -> Pending {
        machine.on_manifest_persisted(*job, answer)
    }
}

/// Sync the directory of `latest`, which another has moved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PersistLatest;

/// The states that wait for the pointer's sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LatestSyncState {
    /// It names what was published, or something beyond.
    Publish(Box<Job>),
    /// It names the head that the caller chose.
    GoCompat(go_compat::Chosen),
}

impl Request for PersistLatest {
    type Answer = SyncAnswer;
    type State = LatestSyncState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::PersistLatest;

    fn resume(machine: &mut Machine, state: LatestSyncState, answer: SyncAnswer) -> Pending {
        match state {
            LatestSyncState::Publish(job) => machine.on_latest_persisted(*job, answer),
            LatestSyncState::GoCompat(chosen) => machine.on_choice_pointer_persisted(chosen, answer),
        }
    }
}

/// Replace the pointer's exact bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SwapLatest {
    /// The bytes that must be there; `None`: absent.
    pub expected: Option<Vec<u8>>,
    /// The id to put there.
    pub value: Id,
}

/// The states that wait for the end of a swap.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SwapState {
    /// The head had no pointer.
    Find,
    /// What was published.
    Publish(Box<Job>),
    /// The head that the caller chose.
    GoCompat(go_compat::Chosen),
}

impl Request for SwapLatest {
    type Answer = SwapAnswer;
    type State = SwapState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::SwapLatest;

    fn resume(machine: &mut Machine, state: SwapState, answer: SwapAnswer) -> Pending {
        match state {
            SwapState::Find => machine.on_head_pointed(answer),
            SwapState::Publish(job) => machine.on_swapped(*job, answer),
            SwapState::GoCompat(chosen) => machine.on_choice_swapped(chosen, answer),
        }
    }
}

/// Wait a little before try number `n` of the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pause(pub u32);

/// The states that wait for the end of a pause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PauseState {
    /// Before the pointer is set to the head.
    Find,
    /// Before the slot is sent, or read back, once more.
    Decide(decide::RetryStep),
    /// Before the pointer is read again.
    Publish(Box<Job>),
    /// See [`go_compat::GoPause`].
    GoCompat(go_compat::GoPause),
}

impl Request for Pause {
    type Answer = PauseAnswer;
    type State = PauseState;
    const PENDING: fn(Ask<Self>) -> Pending = Pending::Pause;

    fn resume(machine: &mut Machine, state: PauseState, answer: PauseAnswer) -> Pending {
        match state {
            PauseState::Find => machine.on_head_point_paused(answer),
            PauseState::Decide(retry) => machine.on_paused(retry, answer),
            PauseState::Publish(job) => machine.on_swap_paused(*job, answer),
            PauseState::GoCompat(state) => machine.go_on_paused(state, answer),
        }
    }
}

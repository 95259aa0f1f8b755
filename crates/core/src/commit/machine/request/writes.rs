//! Requests that write to the store, and those for what a write needs: data, time, randomness, a pause.

use super::super::publish::Job;
use super::super::{Dated, Machine, decide};
use super::{Ask, Drawn, PauseAnswer, Pending, PutAnswer, Request, SwapAnswer, SyncAnswer};
use crate::commit::go_compat::{self, Placing};
use crate::history::{Id, Slot};

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

//! Putting a slot that adopts, or that fills a dangling pointer. It is the same slot whichever writer puts
//! it: it is there or not, and as long as that is unknown nothing of the caller's is committed.

use std::sync::Arc;

use super::adoption::Adoption;
use super::choice::Choice;
use super::{GoPause, GoSlot};
use crate::commit::machine::decide::RetryStep;
use crate::commit::machine::{
    Draw, DrawState, Job, Machine, Pause, PauseAnswer, PauseState, Pending, PersistSlot, PutAnswer, PutSlot,
    PutState, Read, ReadSlot, SlotState, SlotSyncState, SyncAnswer, Then,
};
use crate::history::{Id, Slot, SlotKind};

/// A slot that is being put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placing {
    /// Of the kind `Adopt` or `Noop`; without its nonce before the draw.
    pub(super) slot: Slot,
    /// What it is for.
    pub(super) purpose: Purpose,
}

/// What a slot is put for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// To adopt a head.
    Adopt(Box<Adoption>),
    /// To fill a dangling pointer.
    Fill,
    /// To connect the root with the head that the caller chose.
    Connect(Box<Choice>),
}

impl Slot {
    pub(super) fn empty(kind: SlotKind, parent: Option<Id>, child: Id, created_at: i64) -> Slot {
        Slot { kind, parent, child, created_at, nonce: 0, producers: Arc::default() }
    }
}

impl Machine {
    pub(super) fn draw_for(&mut self, placing: Box<Placing>) -> Pending {
        self.ask(Draw, DrawState::GoCompat(placing))
    }

    pub(in crate::commit) fn on_placing_drawn(&mut self, mut placing: Box<Placing>, nonce: u128) -> Pending {
        placing.slot.nonce = nonce;
        self.tries = 0;
        self.place(placing)
    }

    fn place(&mut self, placing: Box<Placing>) -> Pending {
        self.ask(PutSlot(placing.slot.clone()), PutState::GoCompat(placing))
    }

    pub(in crate::commit) fn on_placed(&mut self, placing: Box<Placing>, answer: PutAnswer) -> Pending {
        match answer {
            PutAnswer::Done => self.placed(*placing),
            PutAnswer::Exists | PutAnswer::Differs | PutAnswer::Unknown => self.read_placed(placing),
            PutAnswer::Failed | PutAnswer::Doubtful => self.fail(),
        }
    }

    fn read_placed(&mut self, placing: Box<Placing>) -> Pending {
        let parent = placing.slot.parent.clone();
        self.ask(ReadSlot(parent), SlotState::GoCompat(GoSlot::Placing(placing)))
    }

    pub(super) fn on_placed_read(&mut self, mut placing: Box<Placing>, read: Read<Slot>) -> Pending {
        match read {
            Read::Found(slot) if slot.child == placing.slot.child && slot.kind == placing.slot.kind => {
                let parent = slot.parent.clone();
                // A noop's payload is its writer's.
                placing.slot = slot;
                self.ask(PersistSlot(parent), SlotSyncState::GoCompat(placing))
            }
            Read::Found(slot) if slot.kind == SlotKind::Adopt => self.again(),
            Read::Found(slot) => self.help(slot, Then::Restart),
            Read::Absent => self.pause_placing(placing, RetryStep::Put),
            Read::Failed => self.pause_placing(placing, RetryStep::ReadBack),
        }
    }

    fn pause_placing(&mut self, placing: Box<Placing>, retry: RetryStep) -> Pending {
        self.tries += 1;
        self.ask(Pause(self.tries), PauseState::GoCompat(GoPause::Placing(placing, retry)))
    }

    pub(super) fn on_placing_paused(
        &mut self,
        placing: Box<Placing>,
        retry: RetryStep,
        answer: PauseAnswer,
    ) -> Pending {
        match retry {
            _ if answer == PauseAnswer::Stop || self.tries >= self.attempts => self.fail(),
            RetryStep::Put => self.place(placing),
            RetryStep::ReadBack => self.read_placed(placing),
        }
    }

    pub(in crate::commit) fn on_placing_persisted(
        &mut self,
        placing: Placing,
        answer: SyncAnswer,
    ) -> Pending {
        match answer {
            SyncAnswer::Durable => self.placed(placing),
            SyncAnswer::Failed => self.fail(),
        }
    }

    /// The slot is there, and durable.
    fn placed(&mut self, placing: Placing) -> Pending {
        let Placing { slot, purpose } = placing;
        self.knowledge.root |= slot.parent.is_none();
        match purpose {
            Purpose::Adopt(adoption) => self.in_slots(*adoption, slot.parent),
            Purpose::Fill => self.publish(Job { slot, then: Then::HeadFound }),
            Purpose::Connect(choice) => self.connected_to(choice, slot.child),
        }
    }
}

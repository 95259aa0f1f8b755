//! Making the head what the caller chose (`docs/commit-protocol.md`, section "Choosing a head"): the exit of
//! a history that needs a person's decision, and of one that has lost objects. The slots lead from the root
//! to the choice afterwards; where they are broken, a slot that adopts bridges the gap.

use std::sync::Arc;

use super::placing::{Placing, Purpose};
use super::survey::{Line, Survey};
use super::{GoManifest, GoNaming, GoSlot, Repair};
#[cfg(test)]
use crate::commit::machine::Mutant;
use crate::commit::machine::{
    Conclusion, FindSlotNaming, HeadFacts, LatestSyncState, Machine, ManifestAnswer, ManifestState,
    NamingState, Pending, PersistAdopted, PersistLatest, Read, ReadManifest, ReadSlot, Reason, SlotState,
    SwapAnswer, SwapLatest, SwapState, SyncAnswer, Then,
};
use crate::history::{Id, Slot, SlotKind};
use crate::id::{Form, form};

/// The head that the caller chose, until it is the head.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Choice {
    id: Id,
    survey: Arc<Survey>,
    /// The choice and its ancestors.
    line: Line,
    /// How far the slots lead from the root.
    at: Option<Id>,
    /// The end of the slots beyond the choice, which only repeats it.
    end: Option<Slot>,
}

/// The head that the pointer is to name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chosen {
    id: Id,
    /// A snapshot that is no ancestor of it, and sorts above it.
    above: Option<Id>,
}

impl Machine {
    pub(super) fn judge_choice(&mut self, id: Id, survey: Arc<Survey>) -> Pending {
        if survey.get(&id).is_none() {
            let state = GoNaming::Choice(id.clone());
            return self.ask(FindSlotNaming(id), NamingState::GoCompat(state));
        }
        if form(&id) == Form::Other {
            return self.refuse(Reason::Unorderable(id));
        }
        let Some(line) = survey.line(&id) else {
            let heads = survey.heads(&id);
            return self.needs_repair(Repair::OtherParent(id), heads);
        };
        let gone = line.gone.clone().filter(|gone| matches!(form(gone), Form::Ours { .. }));
        let choice = Box::new(Choice { id, survey, line, at: None, end: None });
        match gone {
            // It may be decided, and not published; or its manifest was lost, and its slot still holds it.
            Some(gone) => {
                let state = GoNaming::GoneBelowChoice(choice);
                self.ask(FindSlotNaming(gone), NamingState::GoCompat(state))
            }
            None => self.read_successor(choice),
        }
    }

    pub(super) fn on_choice_naming(&mut self, id: Id, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) if slot.kind != SlotKind::Adopt => self.help(slot, Then::Restart),
            Read::Found(slot) => self.refuse(Reason::Missing(slot.child)),
            Read::Absent => self.refuse(Reason::NotFound(id)),
        }
    }

    pub(super) fn on_gone_below_choice(&mut self, choice: Box<Choice>, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) if slot.kind != SlotKind::Adopt => self.help(slot, Then::Restart),
            Read::Found(_) | Read::Absent => self.read_successor(choice),
        }
    }

    fn read_successor(&mut self, choice: Box<Choice>) -> Pending {
        let request = ReadSlot(Some(choice.id.clone()));
        self.ask(request, SlotState::GoCompat(GoSlot::Successor(choice)))
    }

    pub(super) fn on_successor(&mut self, choice: Box<Choice>, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.connect(choice),
            // Another writer has built on what this call chose.
            Read::Found(_) if self.adopted => self.finish(Conclusion::Adopted),
            Read::Found(slot) => {
                self.above = choice.survey.above(&choice.id);
                self.seek_end(choice, slot, true)
            }
        }
    }

    /// The slots lead on from the choice, or past it: finds what can be chosen instead.
    fn seek_end(&mut self, choice: Box<Choice>, slot: Slot, repeats: bool) -> Pending {
        if self.parent_loop.closes(slot.parent.as_deref(), &slot.child) {
            return self.needs_repair(Repair::OtherParent(slot.child), vec![choice.id]);
        }
        let repeats = repeats && slot.kind == SlotKind::Noop;
        let request = ReadSlot(Some(slot.child.clone()));
        self.ask(request, SlotState::GoCompat(GoSlot::End(choice, Box::new(slot), repeats)))
    }

    pub(super) fn on_end(
        &mut self,
        mut choice: Box<Choice>,
        end: Slot,
        repeats: bool,
        read: Read<Slot>,
    ) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.seek_end(choice, slot, repeats),
            // Nothing but repetitions of the choice: an earlier call's, perhaps.
            Read::Absent if repeats => {
                choice.end = Some(end);
                self.connect(choice)
            }
            // The manifest there is another than the slots decided.
            Read::Absent if end.child == choice.id => {
                self.needs_repair(Repair::OtherParent(end.child), vec![choice.id])
            }
            Read::Absent => {
                let heads = vec![choice.id, end.child.clone()];
                self.needs_repair(Repair::NotTheEnd(end.child), heads)
            }
        }
    }

    /// Follows the slots from the root towards the choice.
    fn connect(&mut self, choice: Box<Choice>) -> Pending {
        let request = ReadSlot(choice.at.clone());
        self.ask(request, SlotState::GoCompat(GoSlot::Connect(choice)))
    }

    pub(super) fn on_connect(&mut self, choice: Box<Choice>, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.bridge(choice),
            Read::Found(slot) if self.parent_loop.closes(slot.parent.as_deref(), &slot.child) => {
                self.needs_repair(Repair::OtherParent(slot.child), vec![choice.id])
            }
            Read::Found(slot) if choice.line.leads_on(choice.at.as_ref(), &slot.child) => {
                self.connected_to(choice, slot.child)
            }
            // The slots decided another child.
            Read::Found(slot) => self.seek_end(choice, slot, false),
        }
    }

    /// The slots end before the choice: one that adopts leads on to the next snapshot from which they go on.
    fn bridge(&mut self, choice: Box<Choice>) -> Pending {
        let ids = choice.line.after(choice.at.as_ref());
        let goes_on = |id: &Id| choice.survey.slots.binary_search(id).is_ok();
        let end = ids.iter().position(goes_on).map_or(ids.len(), |place| place + 1);
        let adopted = ids[..end].to_vec();
        let Some(child) = adopted.last().cloned() else { return self.again() };
        let slot = Slot::empty(SlotKind::Adopt, choice.at.clone(), child, 0);
        let placing = Box::new(Placing { slot, purpose: Purpose::Connect(choice) });
        self.ask(PersistAdopted(adopted), placing)
    }

    /// The slots lead from the root to `child`, which is on the line.
    pub(super) fn connected_to(&mut self, mut choice: Box<Choice>, child: Id) -> Pending {
        if child != choice.id {
            choice.at = Some(child);
            return self.connect(choice);
        }
        self.adopted = true;
        match choice.end {
            Some(end) => self.help(end, Then::Chosen),
            None => {
                let above = choice.survey.above(&choice.id);
                self.point_at(choice.id, above)
            }
        }
    }

    /// The choice, or what only repeats it, has its slot: moves the pointer there.
    pub(in crate::commit) fn point_at(&mut self, id: Id, above: Option<Id>) -> Pending {
        let chosen = Chosen { id: id.clone(), above };
        match self.pointer.clone() {
            Some(raw) if *raw == *id.as_bytes() => self.ask(PersistLatest, LatestSyncState::GoCompat(chosen)),
            expected => self.ask(SwapLatest { expected, value: id }, SwapState::GoCompat(chosen)),
        }
    }

    pub(in crate::commit) fn on_choice_swapped(&mut self, chosen: Chosen, answer: SwapAnswer) -> Pending {
        match answer {
            SwapAnswer::Done => self.pointed_at(chosen),
            SwapAnswer::Mismatch(_) | SwapAnswer::Unknown => self.again(),
            SwapAnswer::Failed => self.fail(),
        }
    }

    pub(in crate::commit) fn on_choice_pointer_persisted(
        &mut self,
        chosen: Chosen,
        answer: SyncAnswer,
    ) -> Pending {
        match answer {
            SyncAnswer::Durable => self.pointed_at(chosen),
            SyncAnswer::Failed => self.fail(),
        }
    }

    /// The pointer is there. A writer that builds on a choice of the Go library's lists the ids to exceed
    /// them all; one that builds on a choice of ours does not, so that a noop goes between.
    fn pointed_at(&mut self, chosen: Chosen) -> Pending {
        let Chosen { id, above } = chosen;
        self.pointer = Some(id.as_bytes().to_vec());
        self.above = above.filter(|_| matches!(form(&id), Form::Ours { .. }));
        #[cfg(test)]
        if self.mutated(Mutant::NothingAboveTheChoice) {
            self.above = None;
        }
        match self.above {
            Some(_) => {
                let state = GoManifest::Choice(id.clone());
                self.ask(ReadManifest(id), ManifestState::GoCompat(state))
            }
            None => self.finish(Conclusion::Adopted),
        }
    }

    pub(super) fn on_choice_manifest(&mut self, id: Id, answer: ManifestAnswer) -> Pending {
        match answer {
            ManifestAnswer::Failed | ManifestAnswer::Torn => self.fail(),
            ManifestAnswer::Absent => self.refuse(Reason::Missing(id)),
            ManifestAnswer::Whole(facts) => {
                let producers = facts.producers.unwrap_or_default();
                self.head = Some(HeadFacts { id, created_at: facts.created_at, producers });
                self.draw()
            }
        }
    }

    /// The slots end at the head: what comes next must sort above all that there is.
    pub(in crate::commit) fn raise(&mut self) -> Pending {
        match (&self.head, &self.above) {
            (Some(head), Some(above)) if head.id < *above => self.draw(),
            _ => self.finish(Conclusion::Adopted),
        }
    }
}

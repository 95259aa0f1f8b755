//! Adopting a head of the Go library's (`docs/commit-protocol.md`, section "Adopting a head"): it comes into
//! the slots with all its ancestors, if nothing speaks against it.

use std::sync::Arc;

use super::placing::{Placing, Purpose};
use super::survey::{Chain, Survey};
use super::{GoManifest, GoNaming, GoSlot, Repair, Subject};
#[cfg(test)]
use crate::commit::machine::Mutant;
use crate::commit::machine::{
    FindSlotNaming, LatestState, ListHead, ListState, Machine, ManifestAnswer, ManifestFacts, ManifestState,
    NamingState, Pending, PersistAdopted, Read, ReadLatest, ReadManifest, ReadSlot, ReadSurvey, Reason,
    SlotState, SyncAnswer, Then, decide::id_time,
};
use crate::history::{Id, Slot, SlotKind};
use crate::id::{Form, form};

/// A head of the Go library that is being adopted into the slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Adoption {
    pub(super) head: Id,
    pub(super) cause: Cause,
    pub(super) survey: Arc<Survey>,
}

/// Why a head is adopted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// To build on it.
    Head(Box<ManifestFacts>),
    /// The pointer names this id above it, which is to be filled.
    Dangling(Id),
}

impl Adoption {
    pub(super) fn refusal(&self, repair: Repair) -> Reason {
        Reason::NeedsRepair { repair, heads: self.survey.heads(&self.head) }
    }
}

impl Machine {
    pub(in crate::commit) fn survey(&mut self, subject: Subject) -> Pending {
        self.ask(ReadSurvey, subject)
    }

    pub(in crate::commit) fn on_surveyed(&mut self, subject: Subject, read: Read<Arc<Survey>>) -> Pending {
        let Read::Found(survey) = read else { return self.fail() };
        match subject {
            Subject::Dangling { id, .. } if survey.get(&id).is_some() => self.again(),
            #[cfg(test)]
            Subject::Dangling { .. } if self.mutated(Mutant::NoopWithoutWaiting) => {
                self.read_pointer_again(subject, survey)
            }
            Subject::Dangling { id, torn } => self.ask_pointer_age(id, torn, survey),
            Subject::Head(..) | Subject::Choice(_) => self.read_pointer_again(subject, survey),
        }
    }

    pub(super) fn read_pointer_again(&mut self, subject: Subject, survey: Arc<Survey>) -> Pending {
        #[cfg(test)]
        if self.mutated(Mutant::PointerNotReadAgain) {
            return self.judge_survey(subject, survey);
        }
        self.ask(ReadLatest, LatestState::GoCompat(subject, survey))
    }

    pub(in crate::commit) fn on_survey_pointer(
        &mut self,
        subject: Subject,
        survey: Arc<Survey>,
        read: Read<Vec<u8>>,
    ) -> Pending {
        let pointer = match read {
            Read::Failed => return self.fail(),
            Read::Absent => None,
            Read::Found(raw) => Some(raw),
        };
        match pointer == self.pointer {
            true => self.judge_survey(subject, survey),
            false => self.again(),
        }
    }

    fn judge_survey(&mut self, subject: Subject, survey: Arc<Survey>) -> Pending {
        match subject {
            Subject::Head(head, facts) => {
                self.anchor(Box::new(Adoption { head, cause: Cause::Head(facts), survey }))
            }
            Subject::Dangling { id, torn } => self.judge_dangling(id, torn, survey),
            Subject::Choice(id) => self.judge_choice(id, survey),
        }
    }

    /// Finds the snapshot below the head that the slots lead to.
    pub(super) fn anchor(&mut self, adoption: Box<Adoption>) -> Pending {
        let Some(Chain { ids, at, gone }) = adoption.survey.chain(&adoption.head) else {
            let refusal = adoption.refusal(Repair::OtherParent(adoption.head.clone()));
            return self.refuse(refusal);
        };
        #[cfg(test)]
        let gone = gone.filter(|_| !self.mutated(Mutant::DecidedTakenForGone));
        match gone {
            // A Go writer that lists takes a copy of a hive manifest for the snapshot: it may have built on
            // one of this library that is decided, and not published yet.
            Some(gone) if matches!(form(&gone), Form::Ours { .. }) => {
                let state = GoNaming::Gone(adoption, ids);
                self.ask(FindSlotNaming(gone), NamingState::GoCompat(state))
            }
            _ => self.anchor_at(adoption, at, ids),
        }
    }

    pub(super) fn anchor_at(&mut self, adoption: Box<Adoption>, at: Option<Id>, chain: Vec<Id>) -> Pending {
        if at.is_none() && !adoption.survey.root {
            return self.adopt(adoption, None, chain);
        }
        let state = GoSlot::Anchor(adoption, at.clone(), chain);
        self.ask(ReadSlot(at), SlotState::GoCompat(state))
    }

    pub(super) fn on_anchor(
        &mut self,
        adoption: Box<Adoption>,
        at: Option<Id>,
        mut chain: Vec<Id>,
        slot: Slot,
    ) -> Pending {
        let head = adoption.head.clone();
        if at.is_some() && !adoption.survey.root {
            let refusal = adoption.refusal(Repair::NoSlots);
            return self.refuse(refusal);
        }
        if at.as_ref() == Some(&head) {
            // It has a child already.
            return match adoption.cause {
                Cause::Head(_) => self.help(slot, Then::HeadFound),
                Cause::Dangling(_) if slot.kind == SlotKind::Adopt => self.again(),
                Cause::Dangling(_) => self.help(slot, Then::Restart),
            };
        }
        if slot.child == head {
            return match (&adoption.cause, self.objection(&adoption)) {
                (Cause::Dangling(_), Some(repair)) => self.refuse(adoption.refusal(repair)),
                _ => self.in_slots(*adoption, slot.parent),
            };
        }
        if let Some(place) = chain.iter().position(|id| *id == slot.child) {
            chain.truncate(place);
            return self.adopt(adoption, Some(slot.child), chain);
        }
        let adopts = slot.kind == SlotKind::Adopt;
        if adopts && adoption.survey.descends(&slot.child, &head) {
            // The head lies within what was adopted.
            return self.help(slot, Then::HeadFound);
        }
        if adopts && adoption.survey.get(&slot.child).is_none() {
            return self.again();
        }
        let mut heads = adoption.survey.heads(&head);
        if !heads.contains(&slot.child) {
            heads.push(slot.child.clone());
        }
        self.needs_repair(Repair::Beside(slot.child), heads)
    }

    /// What speaks against the head.
    fn objection(&self, adoption: &Adoption) -> Option<Repair> {
        let (survey, head) = (&adoption.survey, &adoption.head);
        #[cfg(test)]
        let (forks, order) =
            (!self.mutated(Mutant::ForkNotChecked), !self.mutated(Mutant::PointerBelowAdopted));
        #[cfg(not(test))]
        let (forks, order) = (true, true);
        let ours = survey.manifests.iter().any(|one| matches!(form(&one.id), Form::Ours { .. }));
        if (ours || !survey.slots.is_empty()) && !survey.root {
            return Some(Repair::NoSlots);
        }
        if let Some(parent) = survey.fork().filter(|_| forks) {
            return Some(Repair::Fork(parent));
        }
        if let Some(greatest) = survey.greatest().filter(|greatest| *greatest != head && order) {
            return Some(match survey.get(greatest).is_none() {
                true => Repair::Torn(greatest.clone()),
                false => Repair::NotTheGreatest(greatest.clone()),
            });
        }
        let mut all = survey.manifests.iter();
        let child = all.find(|one| one.parent.as_ref() == Some(head) && order);
        child.map(|child| Repair::NotTheGreatest(child.id.clone()))
    }

    /// The slots end at `anchor`, and `chain` leads there from the head: adopts it, unless something speaks
    /// against it.
    fn adopt(&mut self, adoption: Box<Adoption>, anchor: Option<Id>, chain: Vec<Id>) -> Pending {
        if let Some(repair) = self.objection(&adoption) {
            // Another writer may have been faster, and gone on from there.
            let state = GoSlot::BeforeRefusal(Box::new(adoption.refusal(repair)));
            return self.ask(ReadSlot(anchor), SlotState::GoCompat(state));
        }
        let slot = Slot::empty(SlotKind::Adopt, anchor, adoption.head.clone(), 0);
        let placing = Box::new(Placing { slot, purpose: Purpose::Adopt(adoption) });
        self.ask(PersistAdopted(chain), placing)
    }

    pub(in crate::commit) fn on_adopted_persisted(
        &mut self,
        placing: Box<Placing>,
        answer: SyncAnswer,
    ) -> Pending {
        match answer {
            SyncAnswer::Durable => self.draw_for(placing),
            SyncAnswer::Failed => self.fail(),
        }
    }

    /// The slot of `parent` brought the head into the slots.
    pub(super) fn in_slots(&mut self, adoption: Adoption, parent: Option<Id>) -> Pending {
        let Adoption { head, cause, survey } = adoption;
        let (floor, teller) = (survey.floor(), survey.teller(&head));
        match cause {
            Cause::Head(facts) => self.build_on(head, *facts, floor, parent, teller),
            Cause::Dangling(id) => self.fill_above(head, &id, teller),
        }
    }

    /// A slot that adopts names its child alone: reads the rest.
    pub(in crate::commit) fn read_adopted(&mut self, slot: Slot) -> Pending {
        let child = slot.child.clone();
        if self.parent_loop.closes(slot.parent.as_deref(), &slot.child) {
            return self.needs_repair(Repair::OtherParent(child.clone()), vec![child]);
        }
        let state = GoManifest::Adopted(Box::new(slot));
        self.ask(ReadManifest(child), ManifestState::GoCompat(state))
    }

    pub(super) fn on_adopted_manifest(&mut self, slot: Slot, answer: ManifestAnswer) -> Pending {
        match answer {
            ManifestAnswer::Failed => self.fail(),
            ManifestAnswer::Absent => self.refuse(Reason::Missing(slot.child)),
            ManifestAnswer::Torn => {
                let heads = vec![slot.child.clone()];
                self.needs_repair(Repair::Torn(slot.child), heads)
            }
            ManifestAnswer::Whole(facts) => self.adopted_head(slot, facts),
        }
    }

    /// A head that a slot names and the Go library wrote: lists, so that what is built on it exceeds every
    /// id.
    pub(in crate::commit) fn adopted_head(&mut self, slot: Slot, facts: ManifestFacts) -> Pending {
        self.ask(ListHead, ListState::GoCompat(Box::new((slot, facts))))
    }

    pub(in crate::commit) fn on_floor(
        &mut self,
        slot: Slot,
        facts: ManifestFacts,
        read: Read<Id>,
    ) -> Pending {
        let floor = match read {
            Read::Failed => return self.fail(),
            Read::Found(id) => id_time(&id).unwrap_or_default(),
            Read::Absent => 0,
        };
        let teller = facts.parent.clone();
        self.build_on(slot.child, facts, floor, slot.parent, teller)
    }
}

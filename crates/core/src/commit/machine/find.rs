//! Finding the snapshot to build on (`docs/commit-protocol.md`, section "Finding the head"), and walking the
//! slots onward from it.

#[cfg(test)]
use super::Mutant;
use super::{
    CheckHead, FindSlotNaming, FinishData, Goal, HeadAnswer, HeadFacts, HeadState, Job, Knowledge, ListHead,
    ListState, Machine, ManifestAnswer, ManifestFacts, NamingState, Pause, PauseAnswer, PauseState, Pending,
    Read, ReadManifest, ReadSlot, Reason, SlotState, SwapAnswer, SwapLatest, SwapState, Then,
};
use crate::commit::go_compat::{Repair, Subject};
use crate::commit::machine::ManifestState;
use crate::history::{Id, Slot, SlotKind};
use crate::id::{Form, form};

/// The states of the search that wait for a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FindManifest {
    /// Of the head.
    Head(Id),
    /// Of the head that the handle remembers. The pointer, or the listing, gives another (`None`: nothing).
    Remembered {
        /// The remembered head.
        known: Box<HeadFacts>,
        /// What pointer or listing gives.
        given: Option<Id>,
    },
}

/// The states of the search that wait for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FindSlot {
    /// Of the root: a head of this library's form is in slots, or damaged.
    Root(Id),
    /// Of the root: a slot names a head of the Go library's, but the slots may have lost their beginning.
    RootOfNamed(Box<(Unproven, Slot)>),
    /// Of the head: whether it has a successor.
    StepOn,
}

/// A head that only a slot proves: its manifest is missing, or its id is not of this library's form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Unproven {
    /// The head.
    pub id: Id,
    /// What its manifest says, if it is there and whole.
    pub facts: Option<ManifestFacts>,
    /// Its manifest ends in the middle.
    pub torn: bool,
}

/// The id that the pointer's bytes name: white space around it is trimmed.
pub fn pointed(raw: &[u8]) -> Option<Id> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    (!text.is_empty()).then(|| Id::from(text))
}

impl Machine {
    /// The id that the pointer named last.
    pub(in crate::commit) fn pointed(&self) -> Option<Id> {
        self.pointer.as_deref().and_then(pointed)
    }

    pub(super) fn on_latest(&mut self, read: Read<Vec<u8>>) -> Pending {
        self.pointer = match read {
            Read::Failed => return self.fail(),
            Read::Absent => None,
            Read::Found(raw) => Some(raw),
        };
        if let Goal::Adopt { id } = &self.goal {
            let subject = Subject::Choice(id.clone());
            return self.survey(subject);
        }
        match self.pointed() {
            Some(id) => self.head_candidate(Some(id)),
            None => self.ask(ListHead, ListState::Find),
        }
    }

    pub(super) fn on_listed(&mut self, read: Read<Id>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.head_candidate(None),
            Read::Found(id) => self.head_candidate(Some(id)),
        }
    }

    /// The pointer, or the listing, says `id`; the handle may know better.
    fn head_candidate(&mut self, id: Option<Id>) -> Pending {
        if let Some(known) = self.knowledge.head.clone() {
            let is_behind = match &id {
                None => true,
                Some(id) if *id == known.id => return self.head_found(Some(known)),
                Some(id) => known.id > *id && matches!(form(id), Form::Ours { .. }),
            };
            #[cfg(test)]
            if is_behind && self.mutated(Mutant::MemoryNotChecked) {
                return self.head_found(Some(known));
            }
            // The pointer lags behind, or was reset; or the history is not the one that the handle remembers.
            if is_behind {
                let read = ReadManifest(known.id.clone());
                let state = FindManifest::Remembered { known: Box::new(known), given: id };
                return self.ask(read, ManifestState::Find(state));
            }
        }
        match id {
            None => self.head_found(None),
            // Whether a head that is not of our form is in the slots shows below.
            Some(id) if self.knowledge.root || !matches!(form(&id), Form::Ours { .. }) => self.read_head(id),
            Some(id) => self.ask(ReadSlot(None), SlotState::Find(FindSlot::Root(id))),
        }
    }

    fn on_remembered(&mut self, known: HeadFacts, given: Option<Id>, answer: ManifestAnswer) -> Pending {
        match (answer, given) {
            (ManifestAnswer::Failed, _) => self.fail(),
            (ManifestAnswer::Whole(_), _) => self.head_found(Some(known)),
            // The dataset was removed, and begins anew.
            (ManifestAnswer::Absent | ManifestAnswer::Torn, None) => {
                self.knowledge = Knowledge { vanished: Some(known.id), ..Knowledge::default() };
                self.head_found(None)
            }
            (ManifestAnswer::Absent | ManifestAnswer::Torn, Some(_)) => {
                self.refuse(Reason::Vanished(known.id))
            }
        }
    }

    pub(super) fn read_head(&mut self, id: Id) -> Pending {
        self.ask(ReadManifest(id.clone()), ManifestState::Find(FindManifest::Head(id)))
    }

    pub(super) fn find_on_manifest(&mut self, state: FindManifest, answer: ManifestAnswer) -> Pending {
        let id = match state {
            FindManifest::Remembered { known, given } => return self.on_remembered(*known, given, answer),
            FindManifest::Head(id) => id,
        };
        match (answer, form(&id)) {
            (ManifestAnswer::Failed, _) => self.fail(),
            (ManifestAnswer::Whole(facts), Form::Ours { .. }) => {
                self.check_head(id, &facts, facts.parent.clone())
            }
            (ManifestAnswer::Whole(facts), _) => self.find_naming(id, Some(facts), false),
            (ManifestAnswer::Absent, _) => self.find_naming(id, None, false),
            (ManifestAnswer::Torn, _) => self.find_naming(id, None, true),
        }
    }

    pub(super) fn find_on_slot(&mut self, state: FindSlot, read: Read<Slot>) -> Pending {
        match (state, read) {
            (_, Read::Failed) => self.fail(),
            (FindSlot::StepOn, read) => self.on_step_on(read),
            // A history of our form that is not in slots is damaged.
            (FindSlot::Root(id), Read::Absent) => self.needs_repair(Repair::NoSlots, vec![id]),
            (FindSlot::RootOfNamed(head), Read::Absent) => {
                self.needs_repair(Repair::NoSlots, vec![head.0.id])
            }
            (FindSlot::Root(id), Read::Found(_)) => {
                self.knowledge.root = true;
                self.read_head(id)
            }
            (FindSlot::RootOfNamed(head), Read::Found(_)) => {
                self.knowledge.root = true;
                self.named_head(head.0, head.1)
            }
        }
    }

    /// Looks for the slot that proves a head whose own id does not.
    fn find_naming(&mut self, id: Id, facts: Option<ManifestFacts>, torn: bool) -> Pending {
        let head = Unproven { id: id.clone(), facts, torn };
        self.ask(FindSlotNaming(id), NamingState::Find(Box::new(head)))
    }

    /// Compares a head with the slot of this parent, which decided it, and makes both durable, to build on
    /// it.
    fn check_head(&mut self, id: Id, facts: &ManifestFacts, parent: Option<Id>) -> Pending {
        let producers = facts.producers.clone().unwrap_or_default();
        self.check(HeadFacts { id, created_at: facts.created_at, producers }, parent)
    }

    pub(in crate::commit) fn check(&mut self, head: HeadFacts, parent: Option<Id>) -> Pending {
        let request = CheckHead { id: head.id.clone(), parent: parent.clone() };
        self.ask(request, HeadState::Find(Box::new((head, parent))))
    }

    /// The manifest is missing, or its id is not of our form: only a slot proves the head.
    pub(super) fn on_head_naming(&mut self, head: Unproven, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.unnamed_head(head),
            Read::Found(slot) if !self.knowledge.root && slot.parent.is_some() => {
                let state = FindSlot::RootOfNamed(Box::new((head, slot)));
                self.ask(ReadSlot(None), SlotState::Find(state))
            }
            Read::Found(slot) => self.named_head(head, slot),
        }
    }

    fn named_head(&mut self, head: Unproven, slot: Slot) -> Pending {
        let Unproven { id, facts, .. } = head;
        let Some(facts) = facts else { return self.help(slot, Then::HeadFound) };
        match (slot.kind, form(&id)) {
            (SlotKind::Adopt, _) => self.adopted_head(slot, facts),
            (SlotKind::Noop, _) if facts.parent != slot.parent => {
                let heads = vec![id.clone()];
                self.needs_repair(Repair::OtherParent(id), heads)
            }
            // A noop may stand for its Go writer's own manifest.
            (_, Form::Go { .. }) => self.adopted_head(slot, facts),
            (_, Form::Ours { .. } | Form::Other) => self.check_head(id, &facts, slot.parent),
        }
    }

    /// No slot names the head.
    fn unnamed_head(&mut self, head: Unproven) -> Pending {
        let Unproven { id, facts, torn } = head;
        let is_pointed = self.pointed().as_ref() == Some(&id);
        let heads = vec![id.clone()];
        match (facts, form(&id)) {
            (None, Form::Ours { .. }) => self.refuse(Reason::Missing(id)),
            (Some(facts), Form::Go { .. }) => self.survey(Subject::Head(id, Box::new(facts))),
            (None, Form::Go { .. }) if is_pointed => self.survey(Subject::Dangling { id, torn }),
            (None, _) if torn => self.needs_repair(Repair::Torn(id), heads),
            // It was listed, and has gone meanwhile.
            (None, _) if !is_pointed => self.again(),
            (None, _) => self.needs_repair(Repair::Dangling(id), heads),
            (Some(_), Form::Ours { .. }) => self.needs_repair(Repair::Unnamed(id), heads),
            (Some(_), Form::Other) => self.refuse(Reason::Unorderable(id)),
        }
    }

    pub(super) fn on_head_checked(
        &mut self,
        head: HeadFacts,
        parent: Option<Id>,
        answer: HeadAnswer,
    ) -> Pending {
        match answer {
            HeadAnswer::Failed => self.fail(),
            HeadAnswer::Sound => {
                self.learn(&head);
                self.head_found(Some(head))
            }
            HeadAnswer::Differs => self.refuse(Reason::Differs(head.id)),
            // The head may have been adopted.
            HeadAnswer::NotNamed => {
                self.restarts += 1;
                if self.restarts > self.attempts {
                    return self.refuse(Reason::Restless);
                }
                let HeadFacts { id, created_at, producers } = head;
                self.find_naming(
                    id,
                    Some(ManifestFacts { parent, created_at, producers: Some(producers) }),
                    false,
                )
            }
        }
    }

    pub(in crate::commit) fn head_found(&mut self, head: Option<HeadFacts>) -> Pending {
        self.head = head;
        self.tries = 0;
        match &self.head {
            #[cfg(test)]
            _ if self.mutated(Mutant::HeadNotPointedAt) => self.go_on(),
            // Without a pointer a reader that lists the snapshots might be given the one to come, and then,
            // when the head's own slow writer sets the pointer, the head again.
            Some(head)
                if self.pointed().is_none()
                    && matches!(form(&head.id), Form::Ours { .. })
                    && !matches!(self.goal, Goal::Adopt { .. }) =>
            {
                self.point_at_head()
            }
            _ => self.go_on(),
        }
    }

    fn point_at_head(&mut self) -> Pending {
        let Some(head) = &self.head else { return self.go_on() };
        let swap = SwapLatest { expected: self.pointer.clone(), value: head.id.clone() };
        self.ask(swap, SwapState::Find)
    }

    pub(super) fn on_head_pointed(&mut self, answer: SwapAnswer) -> Pending {
        match answer {
            SwapAnswer::Done => {
                self.pointer = self.head.as_ref().map(|head| head.id.as_bytes().to_vec());
                self.go_on()
            }
            // Another writer was faster, and may point further on.
            SwapAnswer::Mismatch(_) => self.again(),
            SwapAnswer::Unknown if self.tries < self.attempts => {
                self.tries += 1;
                self.ask(Pause(self.tries), PauseState::Find)
            }
            // The pointer is a hint: without it the commit is as right.
            SwapAnswer::Unknown | SwapAnswer::Failed => self.go_on(),
        }
    }

    pub(super) fn on_head_point_paused(&mut self, answer: PauseAnswer) -> Pending {
        match answer {
            PauseAnswer::Stop => self.go_on(),
            PauseAnswer::GoOn => self.point_at_head(),
        }
    }

    /// Goes on from the head.
    fn go_on(&mut self) -> Pending {
        match &self.goal {
            // The pointer may lag behind the parent that the caller expects.
            Goal::Commit { expected: Some(Some(expected)), .. }
                if self.head.as_ref().is_none_or(|head| head.id < *expected) =>
            {
                self.step_on()
            }
            Goal::Commit { .. } => self.data(),
            Goal::Resolve { .. } | Goal::Adopt { .. } => self.step_on(),
        }
    }

    /// Finds out whether the head has a successor already.
    pub(super) fn step_on(&mut self) -> Pending {
        let parent = self.head.as_ref().map(|head| head.id.clone());
        self.ask(ReadSlot(parent), SlotState::Find(FindSlot::StepOn))
    }

    fn on_step_on(&mut self, read: Read<Slot>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.help(slot, Then::StepOn),
            Read::Absent => match &self.goal {
                Goal::Commit { .. } => self.data(),
                Goal::Adopt { .. } => self.raise(),
                Goal::Resolve { id } => {
                    let id = id.clone();
                    self.ask(ReadManifest(id), ManifestState::Resolve)
                }
            },
        }
    }

    /// The head is found: time for the data, unless the caller expected another parent.
    fn data(&mut self) -> Pending {
        if let Some(known) = self.known_sequence() {
            return known;
        }
        if let Some(conflict) = self.conflict() {
            return conflict;
        }
        // Found again, after another's adoption: the data are durable already.
        if self.id.is_some() {
            return self.check_parts();
        }
        self.ask(FinishData, ())
    }

    /// Publishes another's decided snapshot, then goes on as `then` says.
    pub(in crate::commit) fn help(&mut self, slot: Slot, then: Then) -> Pending {
        #[cfg(test)]
        let adopted = slot.kind == SlotKind::Adopt && !self.mutated(Mutant::AdoptedNotRead);
        #[cfg(not(test))]
        let adopted = slot.kind == SlotKind::Adopt;
        if adopted {
            return self.read_adopted(slot);
        }
        #[cfg(test)]
        if self.mutated(Mutant::NoHelping) {
            return self.published(Job { slot, then }, super::Publication::Unpublished);
        }
        self.persist_slot(Job { slot, then })
    }
}

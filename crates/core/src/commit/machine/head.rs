//! Finding the snapshot to build on (`docs/commit-protocol.md`, section "Finding the head"), and walking the
//! slots onward from it.

#[cfg(test)]
use super::Mutant;
use super::{
    Action, Goal, Head, Id, Job, Kind, Machine, ManifestFacts, Outcome, Read, Reason, Repair, Slot, State,
    Subject, SwapAnswer, Then,
};
use crate::id::{Form, form};

/// The id that the pointer's bytes name: white space around it is trimmed.
pub(super) fn pointed(raw: &[u8]) -> Option<Id> {
    let text = std::str::from_utf8(raw).ok()?.trim();
    (!text.is_empty()).then(|| Id::from(text))
}

impl Machine {
    pub(super) fn on_latest(&mut self, read: Read<Vec<u8>>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => {
                self.pointer = None;
                if let Goal::Adopt { id } = &self.goal {
                    let subject = Subject::Choice(id.clone());
                    return self.survey(subject);
                }
                self.go(State::Listed, Action::ListHead)
            }
            Read::Found(raw) => {
                let id = pointed(&raw);
                self.pointer = Some(raw);
                if let Goal::Adopt { id } = &self.goal {
                    let subject = Subject::Choice(id.clone());
                    return self.survey(subject);
                }
                match id {
                    Some(id) => self.head_candidate(Some(id)),
                    None => self.go(State::Listed, Action::ListHead),
                }
            }
        }
    }

    pub(super) fn on_listed(&mut self, read: Read<Id>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.head_candidate(None),
            Read::Found(id) => self.head_candidate(Some(id)),
        }
    }

    /// The pointer, or the scan, says `id`; the handle may know better.
    fn head_candidate(&mut self, id: Option<Id>) -> Action {
        if let Some(known) = self.knowledge.head.clone() {
            let take_known = match &id {
                None => true,
                Some(id) if *id == known.id => true,
                Some(id) => known.id > *id && matches!(form(id), Form::Ours { .. }),
            };
            if take_known {
                return self.head_found(Some(known));
            }
        }
        match id {
            None => self.head_found(None),
            // Whether a head that is not of our form is in the slots shows below.
            Some(id) if self.knowledge.root || !matches!(form(&id), Form::Ours { .. }) => self.read_head(id),
            Some(id) => self.go(State::Root(id), Action::ReadSlot(None)),
        }
    }

    /// A history of our form that is not in slots is damaged.
    pub(super) fn on_root(&mut self, id: Id, read: Read<Slot>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.needs_repair(Repair::NoSlots, vec![id]),
            Read::Found(_) => {
                self.knowledge.root = true;
                self.read_head(id)
            }
        }
    }

    pub(super) fn read_head(&mut self, id: Id) -> Action {
        self.go(State::HeadManifest(id.clone()), Action::ReadManifest(id))
    }

    pub(super) fn on_head_manifest(&mut self, id: Id, read: Read<ManifestFacts>) -> Action {
        let facts = match read {
            Read::Failed => return self.fail(),
            Read::Absent => None,
            Read::Found(facts) => Some(facts),
        };
        match (facts, form(&id)) {
            (Some(facts), Form::Ours { .. }) => self.persist_head(id, &facts, facts.parent.clone()),
            (facts, _) => self.find_namer(id, facts, false),
        }
    }

    /// Looks for the slot that proves a head whose own form does not.
    pub(super) fn find_namer(&mut self, id: Id, facts: Option<ManifestFacts>, torn: bool) -> Action {
        self.go(State::HeadNamer { id: id.clone(), facts, torn }, Action::FindNamer(id))
    }

    /// Makes a head durable that the slot of this parent decided, to build on it.
    fn persist_head(&mut self, id: Id, facts: &ManifestFacts, parent: Option<Id>) -> Action {
        let producers = facts.producers.clone().unwrap_or_default();
        let head = Head { id, created_at: facts.created_at, producers };
        self.go(State::HeadSlotPersisted { head, parent: parent.clone() }, Action::PersistSlot(parent))
    }

    /// The manifest is missing, or its id is not of our form: only a slot proves the head.
    pub(super) fn on_head_namer(
        &mut self,
        id: Id,
        facts: Option<ManifestFacts>,
        torn: bool,
        read: Read<Slot>,
    ) -> Action {
        match (read, facts) {
            (Read::Failed, _) => self.fail(),
            (Read::Found(slot), Some(facts)) if slot.kind == Kind::Adopt => self.adopted_head(slot, facts),
            (Read::Found(slot), Some(facts)) if slot.kind == Kind::Noop && facts.parent != slot.parent => {
                let heads = vec![id.clone()];
                self.needs_repair(Repair::OtherParent(id), heads)
            }
            // A noop may stand for its Go writer's own manifest.
            (Read::Found(slot), Some(facts)) if matches!(form(&id), Form::Go { .. }) => {
                self.adopted_head(slot, facts)
            }
            (Read::Found(slot), Some(facts)) => self.persist_head(id, &facts, slot.parent),
            (Read::Found(slot), None) => self.help(slot, Then::HeadFound),
            (Read::Absent, facts) => self.unnamed_head(id, facts, torn),
        }
    }

    /// No slot names the head.
    fn unnamed_head(&mut self, id: Id, facts: Option<ManifestFacts>, torn: bool) -> Action {
        let pointed = self.pointer.as_deref().and_then(pointed).as_ref() == Some(&id);
        match (facts, form(&id)) {
            (None, Form::Ours { .. }) => self.refuse(Reason::Missing(id)),
            (Some(facts), Form::Go { .. }) => self.survey(Subject::Head(id, Box::new(facts))),
            (None, Form::Go { .. }) if pointed => self.survey(Subject::Dangling { id, torn }),
            (None, _) if torn => {
                let heads = vec![id.clone()];
                self.needs_repair(Repair::Torn(id), heads)
            }
            // It was listed, and has gone meanwhile.
            (None, _) if !pointed => self.again(),
            (None, _) => {
                let heads = vec![id.clone()];
                self.needs_repair(Repair::Dangling(id), heads)
            }
            // Its parent has no slot either, and the driver says which one is missing.
            (Some(_), Form::Ours { .. }) => self.fail(),
            (Some(_), Form::Other) => self.refuse(Reason::Unorderable(id)),
        }
    }

    pub(super) fn on_head_slot_persisted(&mut self, head: Head, ok: bool) -> Action {
        if !ok {
            return self.fail();
        }
        let id = head.id.clone();
        self.go(State::HeadManifestPersisted(head), Action::PersistManifest(id))
    }

    /// The parent of a head of our form has no slot: perhaps the head was adopted.
    pub(super) fn on_head_slot_absent(&mut self, head: Head, parent: Option<Id>) -> Action {
        self.restarts += 1;
        if self.restarts > self.attempts {
            return self.refuse(Reason::Restless);
        }
        let facts = ManifestFacts { parent, created_at: head.created_at, producers: Some(head.producers) };
        self.find_namer(head.id, Some(facts), false)
    }

    pub(super) fn on_head_persisted(&mut self, head: Head, ok: bool) -> Action {
        if !ok {
            return self.fail();
        }
        self.learn(&head);
        self.head_found(Some(head))
    }

    pub(super) fn head_found(&mut self, head: Option<Head>) -> Action {
        self.head = head;
        self.tries = 0;
        match &self.head {
            #[cfg(test)]
            _ if self.mutated(Mutant::HeadNotPointedAt) => self.go_on(),
            // Without a pointer whoever lists the snapshots might be given the one to come, and then, when the head's own
            // slow writer sets the pointer, the head again.
            Some(head)
                if self.pointer.as_deref().and_then(pointed).is_none()
                    && matches!(form(&head.id), Form::Ours { .. })
                    && !matches!(self.goal, Goal::Adopt { .. }) =>
            {
                self.point_at_head()
            }
            _ => self.go_on(),
        }
    }

    fn point_at_head(&mut self) -> Action {
        let Some(head) = &self.head else { return self.go_on() };
        let (expected, value) = (self.pointer.clone(), head.id.clone());
        self.go(State::HeadPointed, Action::Swap { expected, value })
    }

    pub(super) fn on_head_pointed(&mut self, answer: SwapAnswer) -> Action {
        match answer {
            SwapAnswer::Done => {
                self.pointer = self.head.as_ref().map(|head| head.id.as_bytes().to_vec());
                self.go_on()
            }
            // Somebody was faster, and may point further on.
            SwapAnswer::Mismatch(_) => self.again(),
            SwapAnswer::Unknown if self.tries < self.attempts => {
                self.tries += 1;
                self.go(State::HeadPointPaused, Action::Pause(self.tries))
            }
            // The pointer is a hint: without it the commit is as right.
            SwapAnswer::Unknown | SwapAnswer::Failed => self.go_on(),
        }
    }

    pub(super) fn on_head_point_paused(&mut self, stop: bool) -> Action {
        if stop { self.go_on() } else { self.point_at_head() }
    }

    /// Goes on from the head.
    fn go_on(&mut self) -> Action {
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

    /// Looks whether the head has a successor already.
    pub(super) fn step_on(&mut self) -> Action {
        let parent = self.head.as_ref().map(|head| head.id.clone());
        self.go(State::StepOn, Action::ReadSlot(parent))
    }

    pub(super) fn on_step_on(&mut self, read: Read<Slot>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.help(slot, Then::StepOn),
            Read::Absent => match &self.goal {
                Goal::Commit { .. } => self.data(),
                Goal::Adopt { .. } => self.raise(),
                Goal::Resolve { id } => {
                    let id = id.clone();
                    self.go(State::Wanted, Action::ReadManifest(id))
                }
            },
        }
    }

    /// The head is found: time for the data, unless the caller expected another parent.
    fn data(&mut self) -> Action {
        if let Some(known) = self.known_sequence() {
            return known;
        }
        if let Some(conflict) = self.conflict() {
            return conflict;
        }
        // Found again, after another's adoption: the data are durable already.
        if self.id.is_some() {
            return self.draw();
        }
        self.go(State::Data, Action::FinishData)
    }

    // Resolving: the walk has come to the end of the slots.

    pub(super) fn on_wanted(&mut self, read: Read<ManifestFacts>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Found(facts) => self.go(State::WantedSlotPersisted, Action::PersistSlot(facts.parent)),
            Read::Absent => {
                let Goal::Resolve { id } = &self.goal else { return self.fail() };
                let id = id.clone();
                self.go(State::WantedNamer, Action::FindNamer(id))
            }
        }
    }

    pub(super) fn on_wanted_slot_persisted(&mut self, ok: bool) -> Action {
        let Goal::Resolve { id } = &self.goal else { return self.fail() };
        if !ok {
            return self.fail();
        }
        let id = id.clone();
        self.go(State::WantedManifestPersisted, Action::PersistManifest(id))
    }

    pub(super) fn on_wanted_persisted(&mut self, ok: bool) -> Action {
        if ok { self.finish(Outcome::Resolved) } else { self.fail() }
    }

    pub(super) fn on_wanted_namer(&mut self, read: Read<Slot>) -> Action {
        let Goal::Resolve { id } = &self.goal else { return self.fail() };
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.help(slot, Then::Wanted),
            Read::Absent => match &self.head {
                // An empty dataset has no manifest that a noop could repeat.
                None => self.finish(Outcome::Undecided),
                // The slot that could have named it is taken by another's child.
                Some(head) if head.id > *id => self.finish(Outcome::Impossible),
                #[cfg(test)]
                Some(_) if self.mutated(Mutant::ResolveWithoutSeal) => self.finish(Outcome::Impossible),
                Some(_) => self.draw(),
            },
        }
    }

    /// Publishes another's decided snapshot, then goes on as `then` says.
    pub(super) fn help(&mut self, slot: Slot, then: Then) -> Action {
        let parent = slot.parent.clone();
        #[cfg(test)]
        let adopted = slot.kind == Kind::Adopt && !self.mutated(Mutant::AdoptedNotRead);
        #[cfg(not(test))]
        let adopted = slot.kind == Kind::Adopt;
        if adopted {
            let child = slot.child.clone();
            if self.parent_loop.closes(slot.parent.as_deref(), &slot.child) {
                return self.needs_repair(Repair::OtherParent(child.clone()), vec![child]);
            }
            return self.go(State::AdoptedManifest(slot), Action::ReadManifest(child));
        }
        #[cfg(test)]
        if self.mutated(Mutant::NoHelping) {
            return self.published(Job { slot, then }, super::Publication::Unpublished);
        }
        self.go(State::SlotPersisted(Job { slot, then }), Action::PersistSlot(parent))
    }
}

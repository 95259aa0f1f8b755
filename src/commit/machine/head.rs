//! Finding the snapshot to build on (`commit.md`, Commit 1 to 3), and walking the slots onward from it.

#[cfg(test)]
use super::Mutant;
use super::{Action, Goal, Head, Id, Job, Machine, ManifestFacts, Outcome, Read, Reason, Slot, State, Then};
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
                self.go(State::Listed, Action::ListHead)
            }
            Read::Found(raw) => {
                let id = pointed(&raw);
                self.pointer = Some(raw);
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
            Some(id) if self.knowledge.root => self.read_head(id),
            Some(id) => self.go(State::Root(id), Action::ReadSlot(None)),
        }
    }

    /// A history that is not in slots is not ours to continue.
    pub(super) fn on_root(&mut self, id: Id, read: Read<Slot>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.refuse(Reason::NeedsRepair(id)),
            Read::Found(_) => {
                self.knowledge.root = true;
                self.read_head(id)
            }
        }
    }

    fn read_head(&mut self, id: Id) -> Action {
        self.go(State::HeadManifest(id.clone()), Action::ReadManifest(id))
    }

    pub(super) fn on_head_manifest(&mut self, id: Id, read: Read<ManifestFacts>) -> Action {
        let facts = match read {
            Read::Failed => return self.fail(),
            Read::Absent => None,
            Read::Found(facts) => Some(facts),
        };
        match (facts, form(&id)) {
            (Some(facts), Form::Ours { .. }) => {
                let head = Head { id, created_at: facts.created_at, producers: facts.producers };
                self.go(State::HeadSlotPersisted(head), Action::PersistSlot(facts.parent))
            }
            (facts, _) => self.go(State::HeadNamer { id: id.clone(), facts }, Action::FindNamer(id)),
        }
    }

    /// The manifest is missing, or its id is not of our form: only a slot proves the head.
    pub(super) fn on_head_namer(&mut self, id: Id, facts: Option<ManifestFacts>, read: Read<Slot>) -> Action {
        match (read, facts) {
            (Read::Failed, _) => self.fail(),
            (Read::Found(slot), None) => self.help(slot, Then::HeadFound),
            (Read::Found(slot), Some(facts)) => {
                let head = Head { id, created_at: facts.created_at, producers: facts.producers };
                self.go(State::HeadSlotPersisted(head), Action::PersistSlot(slot.parent))
            }
            (Read::Absent, None) if matches!(form(&id), Form::Ours { .. }) => {
                self.refuse(Reason::Missing(id))
            }
            (Read::Absent, _) => self.refuse(Reason::NeedsRepair(id)),
        }
    }

    pub(super) fn on_head_slot_persisted(&mut self, head: Head, ok: bool) -> Action {
        if !ok {
            return self.fail();
        }
        let id = head.id.clone();
        self.go(State::HeadManifestPersisted(head), Action::PersistManifest(id))
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
        match &self.goal {
            // The pointer may lag behind the parent that the caller expects.
            Goal::Commit { expected: Some(Some(expected)), .. }
                if self.head.as_ref().is_none_or(|head| head.id < *expected) =>
            {
                self.step_on()
            }
            Goal::Commit { .. } => self.data(),
            Goal::Resolve { .. } => self.step_on(),
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
        if self.mutated(Mutant::NoHelping) {
            return self.published(Job { slot, then }, super::Publication::Unpublished);
        }
        self.go(State::SlotPersisted(Job { slot, then }), Action::PersistSlot(parent))
    }
}

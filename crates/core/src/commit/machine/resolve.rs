//! Resolving a commit in doubt (`docs/commit-protocol.md`, section "Resolving a commit"), once the walk along
//! the slots has come to their end.

#[cfg(test)]
use super::Mutant;
use super::{
    CheckHead, Conclusion, FindSlotNaming, Goal, HeadAnswer, HeadState, Machine, ManifestAnswer, NamingState,
    Pending, Read, Reason, Then,
};
use crate::history::{Id, Slot};

impl Machine {
    /// The snapshot in doubt.
    fn wanted(&self) -> Option<Id> {
        match &self.goal {
            Goal::Resolve { id } => Some(id.clone()),
            Goal::Commit { .. } | Goal::Adopt { .. } => None,
        }
    }

    pub(super) fn on_wanted(&mut self, answer: ManifestAnswer) -> Pending {
        let Some(id) = self.wanted() else { return self.fail() };
        match answer {
            ManifestAnswer::Failed | ManifestAnswer::Torn => self.fail(),
            ManifestAnswer::Whole(facts) => {
                self.ask(CheckHead { id, parent: facts.parent }, HeadState::Resolve)
            }
            ManifestAnswer::Absent => self.ask(FindSlotNaming(id), NamingState::Resolve),
        }
    }

    pub(super) fn on_wanted_checked(&mut self, answer: HeadAnswer) -> Pending {
        let Some(id) = self.wanted() else { return self.fail() };
        match answer {
            HeadAnswer::Failed => self.fail(),
            HeadAnswer::Differs => self.refuse(Reason::Differs(id)),
            // A manifest of ours is there only if it was decided. It may have been adopted since.
            HeadAnswer::Sound | HeadAnswer::NotNamed => self.finish(Conclusion::Resolved),
        }
    }

    pub(super) fn on_wanted_naming(&mut self, read: Read<Slot>) -> Pending {
        let Some(id) = self.wanted() else { return self.fail() };
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.help(slot, Then::Wanted),
            Read::Absent => match &self.head {
                // An empty dataset has no manifest that a noop could repeat.
                None => self.finish(Conclusion::Undecided),
                // The slot that could have named it is taken by another's child.
                Some(head) if head.id > id => self.finish(Conclusion::Impossible),
                #[cfg(test)]
                Some(_) if self.mutated(Mutant::ResolveWithoutSeal) => self.finish(Conclusion::Impossible),
                Some(_) => self.draw(),
            },
        }
    }
}

//! The producer map of a head that the Go library wrote: its manifests lack it, so that it is taken from the
//! nearest ancestor that has it (`docs/commit-protocol.md`, section "Exactly-once commits").

use std::sync::Arc;

use super::GoManifest;
use super::placing::Placing;
#[cfg(test)]
use crate::commit::machine::Mutant;
use crate::commit::machine::{
    HeadFacts, Machine, ManifestAnswer, ManifestFacts, ManifestState, Pending, ReadManifest, Reason,
};
use crate::history::Id;
use crate::id::{Form, form};
use crate::manifest::producers::Producers;

/// The search, from a snapshot of the Go library's back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProducerSearch {
    /// The ancestor being read.
    at: Id,
    /// What to do with the map.
    then: AfterSearch,
}

/// What to do with the map.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum AfterSearch {
    /// Build on this head, which the slot of this parent brought into the slots.
    Head { id: Id, created_at: i64, parent: Option<Id> },
    /// Put this noop.
    Noop(Box<Placing>),
}

impl Machine {
    /// Builds on a head of the Go library's, which the slot of `parent` names. What is built on it is dated
    /// after `floor`, so that it exceeds every id there is; the search for the map begins at `teller`.
    pub(super) fn build_on(
        &mut self,
        id: Id,
        facts: ManifestFacts,
        floor: i64,
        parent: Option<Id>,
        teller: Option<Id>,
    ) -> Pending {
        let then = AfterSearch::Head { id, created_at: facts.created_at.max(floor), parent };
        #[cfg(test)]
        if self.mutated(Mutant::ProducersNotSought) {
            return self.found_producers(then, facts.producers.unwrap_or_default());
        }
        match facts.producers {
            Some(producers) => self.found_producers(then, producers),
            None => self.search_producers(teller, then),
        }
    }

    /// Puts a noop with the map that is found from `teller` back.
    pub(super) fn fill_with_producers(&mut self, placing: Box<Placing>, teller: Option<Id>) -> Pending {
        self.search_producers(teller, AfterSearch::Noop(placing))
    }

    fn search_producers(&mut self, at: Option<Id>, then: AfterSearch) -> Pending {
        let Some(at) = at else { return self.found_producers(then, Arc::default()) };
        let state = GoManifest::ProducerSearch(Box::new(ProducerSearch { at: at.clone(), then }));
        self.ask(ReadManifest(at), ManifestState::GoCompat(state))
    }

    pub(super) fn on_ancestor(&mut self, search: ProducerSearch, answer: ManifestAnswer) -> Pending {
        let ProducerSearch { at, then } = search;
        match answer {
            ManifestAnswer::Failed => self.fail(),
            ManifestAnswer::Absent if matches!(form(&at), Form::Ours { .. }) => {
                self.refuse(Reason::Missing(at))
            }
            ManifestAnswer::Absent | ManifestAnswer::Torn => self.found_producers(then, Arc::default()),
            ManifestAnswer::Whole(ManifestFacts { producers: Some(producers), .. }) => {
                self.found_producers(then, producers)
            }
            ManifestAnswer::Whole(facts) => self.search_producers(facts.parent, then),
        }
    }

    fn found_producers(&mut self, then: AfterSearch, producers: Arc<Producers>) -> Pending {
        match then {
            AfterSearch::Head { id, created_at, parent } => {
                self.check(HeadFacts { id, created_at, producers }, parent)
            }
            AfterSearch::Noop(mut placing) => {
                placing.slot.producers = producers;
                self.draw_for(placing)
            }
        }
    }
}

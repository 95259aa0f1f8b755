//! What the machine knows of a history that the Go library took part in, while it decides what to make of it.

use std::sync::Arc;

use super::decide::id_time;
use super::{Id, ManifestFacts, Reason, Slot};

/// An object whose age matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Aging {
    /// The pointer.
    Latest,
    /// The manifest of this snapshot.
    Manifest(Id),
}

/// All of a dataset's slots and manifests, as they were listed, each list sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Survey {
    /// The snapshots whose manifests are there and whole.
    pub manifests: Vec<Surveyed>,
    /// The ids of the manifests that end in the middle.
    pub torn: Vec<Id>,
    /// Whose slots are there.
    pub slots: Vec<Id>,
    /// The first commit's slot is there, `root`.
    pub root: bool,
}

/// A snapshot, as a survey sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Surveyed {
    /// Its id.
    pub id: Id,
    /// The parent.
    pub parent: Option<Id>,
    /// Whether it says who has committed what.
    pub tells_producers: bool,
}

/// Why a history needs a person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Repair {
    /// There are snapshots of our form, but not the first commit's slot.
    NoSlots,
    /// A parent (`None`: the beginning) has several children.
    Fork(Option<Id>),
    /// The head is this, but there is a greater snapshot, or one built on it.
    NotTheGreatest(Id),
    /// The head leads back to a snapshot whose child the slots decided to be this.
    Beside(Id),
    /// This manifest ends in the middle.
    Torn(Id),
    /// The pointer names this id, which no snapshot has.
    Dangling(Id),
    /// The parent of this snapshot is not the one that the slots decided.
    OtherParent(Id),
    /// The caller chose this snapshot, but the slots lead elsewhere.
    NotTheEnd(Id),
}

/// What a survey is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject {
    /// This head, whose manifest is there, and which no slot names.
    Head(Id, Box<ManifestFacts>),
    /// This id, which the pointer names, and which has no manifest, or a torn one.
    Dangling { id: Id, torn: bool },
    /// The caller's choice.
    Choice(Id),
}

/// A snapshot and its ancestors.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// The snapshots without a slot, newest first.
    pub(super) ids: Vec<Id>,
    /// The nearest ancestor that has a slot; `None`: there is none but the first commit's, if there is that.
    pub(super) at: Option<Id>,
    /// The ancestor that has neither slot nor manifest: there the history begins, unless it is still to be published.
    pub(super) gone: Option<Id>,
}

/// A head of the Go library's on its way into the slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Adoption {
    pub(super) head: Id,
    pub(super) cause: Cause,
    pub(super) survey: Arc<Survey>,
}

/// Why a head is adopted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Cause {
    /// To build on it.
    Head(Box<ManifestFacts>),
    /// The pointer names this id above it, which is to be filled.
    Dangling(Id),
    /// The caller chose it.
    Choice,
}

/// A slot that helps ours along on its way to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Placing {
    /// Of the kind `Adopt` or `Noop`; without its nonce before the draw.
    pub(super) slot: Slot,
    /// What it adopts; `None`: it fills a dangling pointer.
    pub(super) adoption: Option<Box<Adoption>>,
}

/// The search for the map of producers, from a snapshot of the Go library's back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Climb {
    /// The ancestor being read.
    pub(super) at: Id,
    /// What to do with the map.
    pub(super) then: Climbing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Climbing {
    /// Build on this head, which the slot of this parent brought into the slots.
    Head { id: Id, created_at: i64, parent: Option<Id> },
    /// Put this noop.
    Noop(Box<Placing>),
}

impl Survey {
    /// The greatest id whose manifest is there, whole or torn.
    pub(super) fn greatest(&self) -> Option<&Id> {
        self.manifests.last().map(|last| &last.id).max(self.torn.last())
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.manifests.binary_search_by(|one| (*one.id).cmp(id)).ok()
    }

    /// The snapshot of this id, if its manifest is there and whole.
    pub(super) fn get(&self, id: &str) -> Option<&Surveyed> {
        self.place(id).map(|place| &self.manifests[place])
    }

    /// The greatest id, if it sorts above this one.
    pub(super) fn above(&self, id: &Id) -> Option<Id> {
        self.greatest().filter(|greatest| *greatest > id).cloned()
    }

    /// From this snapshot back to the nearest that has a slot. `None` for ancestors that go round in a circle.
    pub(super) fn chain(&self, head: &Id) -> Option<Chain> {
        let mut chain = Chain::default();
        let mut next = Some(head.clone());
        while let Some(id) = next {
            if self.slots.binary_search(&id).is_ok() {
                chain.at = Some(id);
                break;
            }
            let Some(surveyed) = self.get(&id) else {
                chain.gone = Some(id);
                break;
            };
            next = surveyed.parent.clone();
            chain.ids.push(id);
            if chain.ids.len() > self.manifests.len() {
                return None;
            }
        }
        Some(chain)
    }

    /// Whether `id` is `ancestor` or descends from it.
    pub(super) fn descends(&self, id: &Id, ancestor: &Id) -> bool {
        let mut next = Some(id);
        for _ in 0..=self.manifests.len() {
            match next {
                Some(id) if id == ancestor => return true,
                Some(id) => next = self.get(id).and_then(|surveyed| surveyed.parent.as_ref()),
                None => return false,
            }
        }
        false
    }

    /// A parent with several children; a parent that is gone counts for the beginning, `None`.
    pub(super) fn fork(&self) -> Option<Option<Id>> {
        let mut parents = vec![false; self.manifests.len() + 1];
        for one in &self.manifests {
            let place = one.parent.as_ref().and_then(|parent| self.place(parent));
            if std::mem::replace(&mut parents[place.unwrap_or(self.manifests.len())], true) {
                return Some(place.map(|place| self.manifests[place].id.clone()));
            }
        }
        None
    }

    /// The snapshots that are nobody's parent, `first` first.
    pub(super) fn heads(&self, first: &Id) -> Vec<Id> {
        let mut parents = vec![false; self.manifests.len()];
        for one in &self.manifests {
            if let Some(place) = one.parent.as_ref().and_then(|parent| self.place(parent)) {
                parents[place] = true;
            }
        }
        let mut heads = vec![first.clone()];
        for (one, parent) in self.manifests.iter().zip(parents) {
            if !parent && one.id != *first {
                heads.push(one.id.clone());
            }
        }
        heads
    }

    /// The nearest snapshot, from this one back, that tells who has committed what.
    pub(super) fn teller(&self, head: &Id) -> Option<Id> {
        let mut next = Some(head);
        for _ in 0..=self.manifests.len() {
            let id = next?;
            match self.get(id) {
                Some(surveyed) if surveyed.tells_producers => return Some(id.clone()),
                Some(surveyed) => next = surveyed.parent.as_ref(),
                None => return None,
            }
        }
        None
    }

    /// The latest time that an id has.
    pub(super) fn floor(&self) -> i64 {
        let ids = self.manifests.iter().map(|one| &one.id).chain(&self.torn);
        ids.filter_map(|id| id_time(id).ok()).max().unwrap_or_default()
    }
}

impl Adoption {
    pub(super) fn refusal(&self, repair: Repair) -> Reason {
        Reason::NeedsRepair { repair, heads: self.survey.heads(&self.head) }
    }
}

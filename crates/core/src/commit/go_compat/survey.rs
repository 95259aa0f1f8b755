//! The survey: all slots and manifests of a history that the Go library took part in, or that has lost
//! objects.

use crate::commit::Target;
use crate::commit::machine::{ManifestFacts, decide::id_time};
use crate::context::Context;
use crate::error::Result;
use crate::history::{Id, ManifestRead};
use crate::id::{Form, form};
use crate::manifest::{Manifest, producers};

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

/// What a survey is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
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
    /// The ancestor that has neither slot nor manifest: there the history begins, unless it is still to be
    /// published.
    pub(super) gone: Option<Id>,
}

/// A snapshot and its ancestors, back to the beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Line {
    /// Those whose manifests are there, oldest first.
    ids: Vec<Id>,
    /// The parent of the first, if it has one: its manifest is gone.
    pub(super) gone: Option<Id>,
}

impl Line {
    /// Whether a slot of `at` (`None`: the root) that names `child` leads towards the end of the line. Which
    /// snapshots come before the one that is gone is not known: there the slots alone tell.
    pub(super) fn leads_on(&self, at: Option<&Id>, child: &Id) -> bool {
        let is_before = |gone: &Id| at != Some(gone) && at.is_none_or(|at| !self.ids.contains(at));
        self.after(at).contains(child) || self.gone.as_ref().is_some_and(is_before)
    }

    /// The snapshots after this one; all, if it is not on the line.
    pub(super) fn after(&self, at: Option<&Id>) -> &[Id] {
        let place = at.and_then(|at| self.ids.iter().position(|id| id == at));
        place.map_or(&self.ids[..], |place| &self.ids[place + 1..])
    }
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

    /// From this snapshot back to the nearest that has a slot. `None` for ancestors that go round in a
    /// circle.
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

    /// This snapshot with all its ancestors. `None` for ancestors that go round in a circle.
    pub(super) fn line(&self, head: &Id) -> Option<Line> {
        let mut line = Line::default();
        let mut next = Some(head.clone());
        while let Some(id) = next {
            let Some(surveyed) = self.get(&id) else {
                line.gone = Some(id);
                break;
            };
            next = surveyed.parent.clone();
            line.ids.push(id);
            if line.ids.len() > self.manifests.len() {
                return None;
            }
        }
        line.ids.reverse();
        Some(line)
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

    /// The snapshots that have no child, `first` first.
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

impl Target<'_> {
    /// All slots and manifests; each manifest is read once.
    ///
    /// # Errors
    /// The store's; `ManifestInvalid` for a manifest that is whole and wrong; `Deadline`, `Cancelled`.
    pub fn survey(&self, context: &Context) -> Result<Survey> {
        let mut survey = Survey::default();
        let mut slots = Vec::new();
        let history = self.history(context);
        history.list_slots(&mut |parent| match parent {
            None => survey.root = true,
            Some(parent) => slots.push(parent.to_owned()),
        })?;
        slots.sort_unstable();
        survey.slots = slots.into_iter().map(Id::from).collect();
        for id in history.listed_ids()? {
            context.check("looking through the snapshots")?;
            let tells = |manifest: &Manifest| {
                matches!(form(&id), Form::Ours { .. }) || manifest.metadata.value(producers::KEY).is_some()
            };
            match history.manifest(&id)? {
                ManifestRead::Whole(stored) => {
                    let manifest = &stored.manifest;
                    let surveyed = Surveyed {
                        parent: manifest.parent_snapshot_id.as_deref().map(Id::from),
                        tells_producers: tells(manifest),
                        id: Id::from(id),
                    };
                    survey.manifests.push(surveyed);
                }
                ManifestRead::Torn => survey.torn.push(Id::from(id)),
                ManifestRead::Absent => {}
            }
        }
        Ok(survey)
    }
}

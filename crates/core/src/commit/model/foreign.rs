//! The Go library in the model: a writer that moves the pointer first and puts the manifest then, ignores the
//! slots, and may die or be slow in between; and what it leaves, as it is read and judged.

use std::collections::{BTreeMap, BTreeSet};

use super::super::go_compat::{Aging, Survey, Surveyed};
use super::super::machine::{ManifestFacts, Read};
use super::scenario::Scenario;
use super::world::{Step, World};
use crate::history::{Id, Slot, SlotKind};
use crate::id::{Form, form};
use crate::manifest::producers::Producers;
use std::sync::Arc;

/// A manifest.
#[derive(Clone, Hash, PartialEq, Eq)]
pub enum Stored {
    /// The payload of this slot.
    Ours(Slot),
    /// The Go library's.
    Go {
        /// Its parent.
        parent: Option<Id>,
        /// Its time.
        created_at: i64,
    },
}

impl Stored {
    pub fn parent(&self) -> &Option<Id> {
        match self {
            Stored::Ours(slot) => &slot.parent,
            Stored::Go { parent, .. } => parent,
        }
    }

    pub fn created_at(&self) -> i64 {
        match self {
            Stored::Ours(slot) => slot.created_at,
            Stored::Go { created_at, .. } => *created_at,
        }
    }

    fn producers(&self, id: &Id) -> Option<Arc<Producers>> {
        match self {
            Stored::Ours(slot) if matches!(form(id), Form::Ours { .. }) || !slot.producers.is_empty() => {
                Some(slot.producers.clone())
            }
            _ => None,
        }
    }

    pub fn facts(&self, id: &Id) -> ManifestFacts {
        ManifestFacts {
            parent: self.parent().clone(),
            created_at: self.created_at(),
            producers: self.producers(id),
        }
    }
}

/// What the Go library does.
#[derive(Clone, Default)]
pub struct GoPlan {
    /// How many commits its writer makes.
    pub commits: u8,
    /// It begins only when the last commit of ours is complete and no writer is at work.
    pub turns: bool,
    /// It may take longer than a minute between pointer and manifest.
    pub slow: bool,
    /// How often it dies in between.
    pub crashes: u8,
    /// Its clock stands far behind, so that its ids sort below ours.
    pub behind: bool,
    /// Its writers have left a fork before.
    pub fork: bool,
}

/// The Go library's part of the world.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
pub struct Go {
    commits: u8,
    crashes: u8,
    /// Between pointer and manifest: the new id, and its parent.
    at_work: Option<(Id, Option<Id>)>,
    /// The dangling ids whose minute is over.
    given_up: BTreeSet<Id>,
    /// What its writer was told is committed.
    acknowledged: Vec<Id>,
    /// It has made an id that sorts below another.
    below: bool,
    /// There was a fork at the beginning.
    fork: bool,
    /// It does not wait for ours to end.
    pub(super) beside: bool,
    /// No writer is at work any more, and every minute has passed.
    over: bool,
}

/// The Go library's reader, which repairs a dangling pointer.
#[derive(Clone, Hash, PartialEq, Eq)]
pub enum Reader {
    Idle,
    Scanning { observed: Option<Vec<u8>> },
    Repairing { observed: Option<Vec<u8>>, found: Id },
}

fn go_id(time: i64) -> Id {
    format!("{time:019}").into()
}

fn time_of(id: &Id) -> i64 {
    match form(id) {
        Form::Ours { nanos } | Form::Go { nanos } => i64::try_from(nanos).expect("a small time"),
        Form::Other => 0,
    }
}

pub fn is_go(id: &str) -> bool {
    matches!(form(id), Form::Go { .. })
}

impl Go {
    pub fn new(plan: &GoPlan) -> Self {
        let (commits, crashes, fork, beside) = (plan.commits, plan.crashes, plan.fork, !plan.turns);
        Go { commits, crashes, fork, beside, ..Go::default() }
    }

    /// The writer is gone for good.
    pub fn end(&mut self) {
        (self.commits, self.crashes, self.at_work, self.over) = (0, 0, None, true);
    }

    /// What is there at the beginning.
    pub fn start(plan: &GoPlan) -> (Option<Vec<u8>>, BTreeMap<Id, Stored>) {
        if !plan.fork {
            return (None, BTreeMap::new());
        }
        let manifest = |parent: Option<i64>, time| {
            (go_id(time), Stored::Go { parent: parent.map(go_id), created_at: time })
        };
        let manifests = [manifest(None, 1), manifest(Some(1), 2), manifest(Some(1), 3)];
        (Some(go_id(3).as_bytes().to_vec()), BTreeMap::from(manifests))
    }
}

impl World {
    pub(super) fn reader_steps(&self, steps: &mut Vec<Step>) {
        let dangling = match &self.latest {
            None => true,
            Some(raw) => !self.is_found(raw),
        };
        let mut next = self.clone();
        match &self.reader {
            // Beside a Go writer at work it would undo that one's commit, as no rule of ours can prevent.
            Reader::Idle if self.repairs > 0 && dangling && !self.is_go_at_work() => {
                next.repairs -= 1;
                next.reader = Reader::Scanning { observed: self.latest.clone() };
                steps.push(("a Go reader finds the pointer dangling".into(), Ok(next)));
            }
            Reader::Idle => {}
            Reader::Scanning { observed } => {
                next.reader = match self.scanned() {
                    None => Reader::Idle,
                    Some(id) => Reader::Repairing { observed: observed.clone(), found: id.clone() },
                };
                steps.push(("the Go reader scans".into(), Ok(next)));
            }
            Reader::Repairing { observed, found } => {
                if self.latest == *observed {
                    next.latest = Some(found.as_bytes().to_vec());
                    next.disturbed = true;
                }
                next.reader = Reader::Idle;
                steps.push(("the Go reader repairs the pointer".into(), Ok(next)));
            }
        }
    }

    pub(super) fn survey(&self) -> Survey {
        let surveyed = |(id, stored): (&Id, &Stored)| Surveyed {
            id: id.clone(),
            parent: stored.parent().clone(),
            tells_producers: stored.producers(id).is_some(),
        };
        Survey {
            manifests: self.manifests.iter().map(surveyed).collect(),
            torn: Vec::new(),
            slots: self.slots.keys().flatten().cloned().collect(),
            root: self.slots.contains_key(&None),
        }
    }

    /// The answers to the question for an object's age. That a minute has passed is noted.
    pub(super) fn ages(&self, scenario: &Scenario, aging: &Aging) -> Vec<(World, Read<bool>)> {
        let pointed = self.latest.as_deref().and_then(|raw| std::str::from_utf8(raw).ok()).map(Id::from);
        let (Aging::Latest, Some(id)) = (aging, pointed) else {
            return vec![(self.clone(), Read::Absent)];
        };
        let prompt = !scenario.go.slow && self.go.at_work.as_ref().is_some_and(|(at, _)| *at == id);
        let mut later = self.clone();
        later.go.given_up.insert(id);
        let mut answers = Vec::new();
        if !prompt {
            answers.push((later, Read::Found(true)));
        }
        if !self.go.over {
            answers.push((self.clone(), Read::Found(false)));
        }
        answers
    }

    /// Whether what this slot decides may be decided at all.
    pub(super) fn judge_slot(&self, slot: &Slot) -> Result<(), String> {
        if self.go.fork && !self.choices.begun {
            return Err(format!("{} is decided although the history forks", slot.child));
        }
        if slot.kind == SlotKind::Noop && is_go(&slot.child) && !self.go.given_up.contains(&slot.child) {
            return Err(format!("the writer of {} is given up before its minute is over", slot.child));
        }
        if slot.kind == SlotKind::Adopt && !self.manifests.contains_key(&slot.child) {
            return Err(format!("{} is adopted, and is not there", slot.child));
        }
        Ok(())
    }

    /// Whether a person has to decide which head is to stay: a parent has two children, written, decided or
    /// on their way; or something sorts above the pointer.
    pub(super) fn needs_repair(&self) -> bool {
        let mut edges: BTreeSet<(Option<Id>, Id)> = BTreeSet::new();
        edges.extend(self.manifests.iter().map(|(id, stored)| (stored.parent().clone(), id.clone())));
        edges.extend(self.go.at_work.iter().map(|(id, parent)| (parent.clone(), id.clone())));
        let decided = self.slots.values().filter(|slot| slot.kind != SlotKind::Adopt);
        edges.extend(decided.map(|slot| (slot.parent.clone(), slot.child.clone())));
        let mut parents = BTreeSet::new();
        let fork = edges.iter().any(|(parent, _)| !parents.insert(parent));
        let greatest = edges.iter().map(|(_, id)| id).max();
        let below = self.latest.as_deref().is_some_and(|raw| greatest.is_some_and(|id| raw < id.as_bytes()));
        fork || below || self.go.below
    }

    /// Whether its writer is at work, or will be.
    pub(super) fn is_go_coming(&self) -> bool {
        self.go.at_work.is_some() || self.go.commits > 0
    }

    pub(super) fn is_go_at_work(&self) -> bool {
        self.go.at_work.is_some()
    }

    /// Whether what the Go writer was told is committed is on this path.
    pub(super) fn lost_of_go(&self, path: &[(Id, i64)]) -> Option<&Id> {
        self.go.acknowledged.iter().find(|id| !path.iter().any(|(on, _)| on == *id))
    }

    pub(super) fn go_steps(&self, scenario: &Scenario, steps: &mut Vec<Step>) {
        let Some((id, parent)) = self.go.at_work.clone() else {
            if self.go.commits > 0 && (!scenario.go.turns || self.is_quiet()) {
                steps.push(self.go_points(scenario));
            }
            return;
        };
        let mut next = self.clone();
        next.go.at_work = None;
        let label = format!("the Go writer puts the manifest of {id}");
        if let std::collections::btree_map::Entry::Vacant(vacant) = next.manifests.entry(id.clone()) {
            vacant.insert(Stored::Go { parent, created_at: time_of(&id) });
            next.go.acknowledged.push(id.clone());
        }
        steps.push((label, Ok(next)));
        if self.go.crashes > 0 {
            let mut next = self.clone();
            next.go.crashes -= 1;
            next.go.at_work = None;
            steps.push((format!("the Go writer dies before it puts the manifest of {id}"), Ok(next)));
        }
    }

    /// It reads the pointer, or scans where that dangles, and swaps the pointer.
    fn go_points(&self, scenario: &Scenario) -> Step {
        let mut next = self.clone();
        next.go.commits -= 1;
        let pointed = self.latest.as_deref().and_then(|raw| std::str::from_utf8(raw).ok()).map(Id::from);
        let there = pointed.filter(|id| self.manifests.contains_key(id));
        let parent = there.or_else(|| self.scanned().cloned());
        let greatest = self.scanned().map_or(0, time_of);
        let pointer = self.latest.as_deref().and_then(|raw| std::str::from_utf8(raw).ok());
        let above = greatest.max(pointer.map_or(0, |text| time_of(&Id::from(text))));
        let time = if scenario.go.behind { 3 + i64::from(self.go.commits) } else { above + 5 };
        next.go.below |= time <= greatest;
        let id = go_id(time);
        next.latest = Some(id.as_bytes().to_vec());
        let label = format!("the Go writer moves the pointer to {id}, on top of {parent:?}");
        next.go.at_work = Some((id, parent));
        (label, Ok(next))
    }
}

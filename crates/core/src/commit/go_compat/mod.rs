//! Living with the Go library (`docs/commit-protocol.md`, section "Living with the Go library"). Its writers
//! move the pointer before they write the manifest, and know no commit slots. All that exists for that reason
//! alone is here.
//!
//! In the machine: [`adoption`] brings a head of theirs, with its ancestors, into the slots; [`dangling`]
//! fills a pointer that one of them left dangling with a noop; [`choice`] makes the head of a history that
//! needs a person's decision what the person chose; [`placing`] puts the slots for these; [`producer_search`]
//! finds the producer map, which their manifests lack. On the store: [`survey`] lists and reads everything,
//! [`age`] tells how long an object has stood unchanged, [`persist`] syncs what they left in the cache and
//! makes the manifest of a noop, [`repair`] says why a person has to decide.

mod adoption;
mod age;
mod choice;
mod dangling;
mod persist;
mod placing;
mod producer_search;
mod repair;
mod survey;

use std::sync::Arc;

use super::machine::decide::RetryStep;
use super::machine::{Job, Machine, ManifestAnswer, PauseAnswer, Pending, Read, Reason, Then};
use crate::history::{Id, Slot};
use adoption::Adoption;
#[cfg(test)]
pub(crate) use age::PATIENCE;
pub(crate) use age::Sightings;
use choice::Choice;
pub use choice::Chosen;
pub use placing::Placing;
use producer_search::ProducerSearch;
pub use repair::Repair;
#[cfg(test)]
pub use survey::Surveyed;
pub use survey::{Subject, Survey};

/// An object whose age matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Aging {
    /// The pointer.
    Latest,
    /// The manifest of this snapshot.
    Manifest(Id),
}

/// The states that wait for a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoManifest {
    /// Of the id that the pointer names: its writer may have come to the end meanwhile.
    Dangling(Dangling),
    /// Of the head that this slot adopted.
    Adopted(Box<Slot>),
    /// Of an ancestor that may carry the producer map.
    ProducerSearch(Box<ProducerSearch>),
    /// Of what stands in the place of a noop.
    Standing(Box<Job>),
    /// Of the chosen head.
    Choice(Id),
}

/// The states that wait for a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoSlot {
    /// Of the nearest ancestor of the head, and the snapshots between.
    Anchor(Box<Adoption>, Option<Id>, Vec<Id>),
    /// Of the same, before the refusal: another writer may have been faster.
    BeforeRefusal(Box<Reason>),
    /// The slot that was put is read back.
    Placing(Box<Placing>),
    /// Of the chosen head: whether it has a successor.
    Successor(Box<Choice>),
    /// Of the end of the slots so far; whether all of them only repeat the choice.
    End(Box<Choice>, Box<Slot>, bool),
    /// Of the place, on the way from the root to the choice, where the slots may be broken.
    Connect(Box<Choice>),
}

/// The states that wait for the slot that names a child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoNaming {
    /// An ancestor of the head of this library's form without a manifest, and the snapshots above it.
    Gone(Box<Adoption>, Vec<Id>),
    /// The same below the chosen head.
    GoneBelowChoice(Box<Choice>),
    /// The chosen head, which has no manifest.
    Choice(Id),
}

/// The states that wait for an object's age.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AgeState {
    /// Of a dangling pointer.
    Dangling(Dangling),
    /// Of a torn manifest in the place of a noop.
    Standing(Box<Job>),
}

/// The states that wait for the end of a pause.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GoPause {
    /// A Go writer is at work on this snapshot.
    Busy(Id),
    /// A slot is put, or read back, once more.
    Placing(Box<Placing>, RetryStep),
}

/// An id that the pointer names and that has no whole manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Dangling {
    id: Id,
    torn: bool,
    survey: Arc<Survey>,
}

impl Machine {
    pub(super) fn go_on_manifest(&mut self, state: GoManifest, answer: ManifestAnswer) -> Pending {
        match state {
            GoManifest::Dangling(dangling) => self.on_dangling_manifest(dangling, answer),
            GoManifest::Adopted(slot) => self.on_adopted_manifest(*slot, answer),
            GoManifest::ProducerSearch(search) => self.on_ancestor(*search, answer),
            GoManifest::Standing(job) => self.on_standing(*job, answer),
            GoManifest::Choice(id) => self.on_choice_manifest(id, answer),
        }
    }

    pub(super) fn go_on_slot(&mut self, state: GoSlot, read: Read<Slot>) -> Pending {
        match (state, read) {
            (GoSlot::Placing(placing), read) => self.on_placed_read(placing, read),
            (_, Read::Failed) => self.fail(),
            (GoSlot::Anchor(adoption, at, chain), Read::Found(slot)) => {
                self.on_anchor(adoption, at, chain, slot)
            }
            // It was there during the survey.
            (GoSlot::Anchor(..), Read::Absent) | (GoSlot::BeforeRefusal(_), Read::Found(_)) => self.again(),
            (GoSlot::BeforeRefusal(reason), Read::Absent) => self.refuse(*reason),
            (GoSlot::Successor(choice), read) => self.on_successor(choice, read),
            (GoSlot::End(choice, end, repeats), read) => self.on_end(choice, *end, repeats, read),
            (GoSlot::Connect(choice), read) => self.on_connect(choice, read),
        }
    }

    pub(super) fn go_on_naming(&mut self, state: GoNaming, read: Read<Slot>) -> Pending {
        match (state, read) {
            (_, Read::Failed) => self.fail(),
            (GoNaming::Gone(..), Read::Found(slot)) => self.help(slot, Then::Restart),
            (GoNaming::Gone(adoption, chain), Read::Absent) => self.anchor_at(adoption, None, chain),
            (GoNaming::GoneBelowChoice(choice), read) => self.on_gone_below_choice(choice, read),
            (GoNaming::Choice(id), read) => self.on_choice_naming(id, read),
        }
    }

    pub(super) fn go_on_age(&mut self, state: AgeState, read: Read<bool>) -> Pending {
        match state {
            AgeState::Dangling(dangling) => self.on_dangling_age(dangling, read),
            AgeState::Standing(job) => self.on_standing_age(*job, read),
        }
    }

    pub(super) fn go_on_paused(&mut self, state: GoPause, answer: PauseAnswer) -> Pending {
        match (state, answer) {
            (GoPause::Busy(id), PauseAnswer::Stop) => self.refuse(Reason::Busy(id)),
            (GoPause::Busy(_), PauseAnswer::GoOn) => self.search(),
            (GoPause::Placing(placing, retry), answer) => self.on_placing_paused(placing, retry, answer),
        }
    }
}

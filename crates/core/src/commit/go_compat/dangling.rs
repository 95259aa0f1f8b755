//! A pointer that a Go writer left dangling (`docs/commit-protocol.md`, section "A dangling pointer"): the
//! writer is waited for, and after a minute a noop takes its snapshot's place.

use std::sync::Arc;

use super::adoption::{Adoption, Cause};
use super::placing::{Placing, Purpose};
use super::survey::Survey;
use super::{AgeState, Aging, Dangling, GoManifest, GoPause, Repair, Subject};
#[cfg(test)]
use crate::commit::machine::Mutant;
use crate::commit::machine::{
    Job, Machine, ManifestAnswer, ManifestState, Pause, PauseState, Pending, Read, ReadAge, ReadManifest,
    Reason, decide::id_time,
};
use crate::history::{Id, Slot, SlotKind};

impl Machine {
    pub(super) fn ask_pointer_age(&mut self, id: Id, torn: bool, survey: Arc<Survey>) -> Pending {
        self.ask(ReadAge(Aging::Latest), AgeState::Dangling(Dangling { id, torn, survey }))
    }

    pub(super) fn on_dangling_age(&mut self, dangling: Dangling, read: Read<bool>) -> Pending {
        let Dangling { id, torn, survey } = dangling;
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.again(),
            Read::Found(false) => self.busy(id),
            // The age was that of the pointer as it was then.
            Read::Found(true) => self.read_pointer_again(Subject::Dangling { id, torn }, survey),
        }
    }

    pub(super) fn judge_dangling(&mut self, id: Id, torn: bool, survey: Arc<Survey>) -> Pending {
        #[cfg(test)]
        if self.mutated(Mutant::NoopWithoutWaiting) {
            return self.fill(Dangling { id, torn, survey });
        }
        // Its writer may have come to the end while its age was read.
        let state = GoManifest::Dangling(Dangling { id: id.clone(), torn, survey });
        self.ask(ReadManifest(id), ManifestState::GoCompat(state))
    }

    pub(super) fn on_dangling_manifest(&mut self, dangling: Dangling, answer: ManifestAnswer) -> Pending {
        match answer {
            ManifestAnswer::Failed => self.fail(),
            ManifestAnswer::Whole(_) => self.again(),
            ManifestAnswer::Absent => self.fill(dangling),
            ManifestAnswer::Torn => self.fill(Dangling { torn: true, ..dangling }),
        }
    }

    /// Its Go writer may only be slow: tries again a few times.
    fn busy(&mut self, id: Id) -> Pending {
        self.waits += 1;
        if self.waits >= self.attempts {
            return self.refuse(Reason::Busy(id));
        }
        self.ask(Pause(self.waits), PauseState::GoCompat(GoPause::Busy(id)))
    }

    /// The pointer's snapshot has timed out: a noop takes its place, on top of the greatest snapshot.
    fn fill(&mut self, dangling: Dangling) -> Pending {
        let Dangling { id, torn, survey } = dangling;
        if torn {
            let heads = survey.heads(&id);
            return self.needs_repair(Repair::Torn(id), heads);
        }
        match survey.greatest().cloned() {
            None => {
                let placing = Placing { slot: noop(None, &id), purpose: Purpose::Fill };
                self.draw_for(Box::new(placing))
            }
            Some(greatest) if greatest > id => {
                let heads = survey.heads(&id);
                self.needs_repair(Repair::NotTheGreatest(greatest), heads)
            }
            Some(greatest) => {
                self.anchor(Box::new(Adoption { head: greatest, cause: Cause::Dangling(id), survey }))
            }
        }
    }

    /// The greatest snapshot is in the slots: the noop goes on top of it.
    pub(super) fn fill_above(&mut self, head: Id, id: &Id, teller: Option<Id>) -> Pending {
        let placing = Placing { slot: noop(Some(head), id), purpose: Purpose::Fill };
        self.fill_with_producers(Box::new(placing), teller)
    }

    /// Something else than the noop may stand in its place.
    pub(in crate::commit) fn read_standing(&mut self, job: Job) -> Pending {
        let id = job.slot.child.clone();
        let state = GoManifest::Standing(Box::new(job));
        self.ask(ReadManifest(id), ManifestState::GoCompat(state))
    }

    /// The Go writer's own manifest, late, stands if it names the same parent.
    pub(super) fn on_standing(&mut self, mut job: Job, answer: ManifestAnswer) -> Pending {
        match answer {
            ManifestAnswer::Whole(facts) if facts.parent == job.slot.parent => {
                job.slot.created_at = job.slot.created_at.max(facts.created_at);
                if let Some(producers) = facts.producers {
                    job.slot.producers = producers;
                }
                self.persist_manifest(job)
            }
            ManifestAnswer::Whole(_) => {
                let heads = vec![job.slot.child.clone()];
                self.needs_repair(Repair::OtherParent(job.slot.child), heads)
            }
            ManifestAnswer::Torn => {
                let aging = Aging::Manifest(job.slot.child.clone());
                self.ask(ReadAge(aging), AgeState::Standing(Box::new(job)))
            }
            ManifestAnswer::Absent => self.again(),
            ManifestAnswer::Failed => self.fail(),
        }
    }

    pub(super) fn on_standing_age(&mut self, job: Job, read: Read<bool>) -> Pending {
        match read {
            Read::Failed => self.fail(),
            Read::Found(true) => {
                let heads = vec![job.slot.child.clone()];
                self.needs_repair(Repair::Torn(job.slot.child), heads)
            }
            Read::Found(false) | Read::Absent => self.busy(job.slot.child),
        }
    }
}

/// The noop that fills the place of the dangling `id`, as of the time that is in it.
fn noop(parent: Option<Id>, id: &Id) -> Slot {
    Slot::empty(SlotKind::Noop, parent, id.clone(), id_time(id).unwrap_or_default())
}

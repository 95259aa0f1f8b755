//! Making a decided snapshot visible (`docs/commit-protocol.md`, section "Publishing"): its manifest, then
//! the pointer, which only ever moves on. The same for our own snapshot and for another's that we found
//! unpublished.

#[cfg(test)]
use super::Mutant;
use super::{
    Conclusion, FindSlotNaming, LatestState, LatestSyncState, Machine, ManifestAnswer, ManifestState,
    NamingState, Pause, PauseAnswer, PauseState, Pending, PersistLatest, PersistManifest, PersistSlot,
    Publication, PutAnswer, PutManifest, Read, ReadLatest, ReadManifest, ReadSlot, Reason, SlotState,
    SlotSyncState, SwapAnswer, SwapLatest, SwapState, SyncAnswer,
};
use crate::history::{Slot, SlotKind};
use crate::id::{Form, form};

/// A decided snapshot being published.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    /// The slot that decided it.
    pub slot: Slot,
    /// What comes after the publishing.
    pub then: Then,
}

/// What comes after the publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    /// It was ours: acknowledge.
    Acknowledge,
    /// Our noop sealed the head: walk on.
    Sealed,
    /// It was another's: build on it.
    Decide,
    /// It was another writer's: read the slot of its successor.
    StepOn,
    /// The head itself was not published: go on from it.
    HeadFound,
    /// It repeats what the caller chose: the pointer is to name it.
    Chosen,
    /// It was in the way: search for the head again.
    Restart,
    /// It was the snapshot to resolve.
    Wanted,
}

impl Job {
    /// Whether our own slot decided it.
    pub(in crate::commit) fn is_mine(&self) -> bool {
        matches!(self.then, Then::Acknowledge | Then::Sealed)
    }
}

impl Machine {
    /// Another's slot may be in the cache only; what is built on it must not outlive it.
    pub(super) fn persist_slot(&mut self, job: Job) -> Pending {
        let parent = job.slot.parent.clone();
        self.ask(PersistSlot(parent), SlotSyncState::Publish(Box::new(job)))
    }

    pub(super) fn on_slot_persisted(&mut self, job: Job, answer: SyncAnswer) -> Pending {
        match answer {
            SyncAnswer::Durable => self.publish(job),
            SyncAnswer::Failed => self.fail(),
        }
    }

    pub(in crate::commit) fn publish(&mut self, job: Job) -> Pending {
        self.tries = 0;
        #[cfg(test)]
        if self.mutated(Mutant::PointerBeforeManifest) && job.is_mine() {
            return self.swap(job);
        }
        self.put_manifest(job)
    }

    pub(super) fn put_manifest(&mut self, job: Job) -> Pending {
        self.ask(PutManifest(job.slot.clone()), Box::new(job))
    }

    pub(super) fn on_manifest_put(&mut self, job: Job, answer: PutAnswer) -> Pending {
        #[cfg(test)]
        if self.mutated(Mutant::ManifestBeforeSlot) && self.open {
            self.open = false;
            return self.put_slot(job.slot);
        }
        match answer {
            PutAnswer::Done => self.advance(job),
            // A helper was faster.
            PutAnswer::Exists => self.persist_manifest(job),
            PutAnswer::Unknown if self.tries < self.attempts => {
                self.tries += 1;
                self.put_manifest(job)
            }
            // A noop may be forestalled by the slow Go writer that it stands in for.
            PutAnswer::Differs
                if job.slot.kind == SlotKind::Noop && matches!(form(&job.slot.child), Form::Go { .. }) =>
            {
                self.read_standing(job)
            }
            PutAnswer::Differs if !job.is_mine() => self.refuse(Reason::Differs(job.slot.child)),
            PutAnswer::Differs | PutAnswer::Failed | PutAnswer::Unknown | PutAnswer::Doubtful => {
                if job.is_mine() { self.published(job, Publication::Unpublished) } else { self.fail() }
            }
        }
    }

    pub(in crate::commit) fn persist_manifest(&mut self, job: Job) -> Pending {
        self.ask(PersistManifest(job.slot.child.clone()), Box::new(job))
    }

    pub(super) fn on_manifest_persisted(&mut self, job: Job, answer: SyncAnswer) -> Pending {
        match answer {
            SyncAnswer::Durable => self.advance(job),
            SyncAnswer::Failed if job.is_mine() => self.published(job, Publication::Unpublished),
            SyncAnswer::Failed => self.fail(),
        }
    }

    fn advance(&mut self, job: Job) -> Pending {
        self.tries = 0;
        self.judge_pointer(job)
    }

    /// Compares the bytes that the pointer was last seen to hold with the snapshot that it should lead to.
    fn judge_pointer(&mut self, job: Job) -> Pending {
        let target = job.slot.child.clone();
        match self.pointed() {
            None => self.swap(job),
            #[cfg(test)]
            Some(id) if id != target && self.mutated(Mutant::PointerBackwards) => self.swap(job),
            Some(id) if id == target => self.persist_latest(job),
            Some(id) if matches!(form(&id), Form::Ours { .. }) || self.is_known(&id) => {
                self.named_pointer(job, &id)
            }
            #[cfg(test)]
            Some(_) if self.mutated(Mutant::ForeignPointerOverwritten) => self.swap(job),
            Some(id) => self.ask(FindSlotNaming(id), NamingState::Publish(Box::new(job))),
        }
    }

    /// The pointer names a snapshot that is in the slots.
    fn named_pointer(&mut self, job: Job, id: &str) -> Pending {
        let target = job.slot.child.clone();
        match *id > *target {
            // Beyond: fine if the path leads there.
            true => self.ask(ReadSlot(Some(target)), SlotState::Publish(Box::new(job))),
            false => self.swap(job),
        }
    }

    fn is_known(&self, id: &str) -> bool {
        self.knowledge.head.as_ref().is_some_and(|head| *head.id == *id)
            || self.head.as_ref().is_some_and(|head| *head.id == *id)
    }

    fn swap(&mut self, job: Job) -> Pending {
        let swap = SwapLatest { expected: self.pointer.clone(), value: job.slot.child.clone() };
        self.ask(swap, SwapState::Publish(Box::new(job)))
    }

    pub(super) fn on_swapped(&mut self, job: Job, answer: SwapAnswer) -> Pending {
        #[cfg(test)]
        if self.mutated(Mutant::PointerBeforeManifest)
            && job.is_mine()
            && answer == SwapAnswer::Done
            && self.tries == 0
        {
            self.pointer = Some(job.slot.child.as_bytes().to_vec());
            self.tries = 1;
            return self.put_manifest(job);
        }
        match answer {
            SwapAnswer::Done => {
                self.pointer = Some(job.slot.child.as_bytes().to_vec());
                self.published(job, Publication::Published)
            }
            SwapAnswer::Mismatch(_) | SwapAnswer::Unknown if self.tries >= 4 * self.attempts => {
                self.published(job, Publication::Unpublished)
            }
            SwapAnswer::Mismatch(current) => {
                self.tries += 1;
                self.pointer = current;
                self.judge_change(job)
            }
            SwapAnswer::Unknown => {
                self.tries += 1;
                self.ask(Pause(self.tries), PauseState::Publish(Box::new(job)))
            }
            SwapAnswer::Failed => self.published(job, Publication::Unpublished),
        }
    }

    /// The pointer was changed meanwhile. One that lies behind our parent was reset, or belongs to another
    /// history: that of an older copy, or of a dataset that was made anew.
    fn judge_change(&mut self, job: Job) -> Pending {
        let Some(parent) = job.slot.parent.clone().filter(|_| job.then == Then::Acknowledge) else {
            return self.judge_pointer(job);
        };
        match self.pointed() {
            Some(id) if id >= parent => self.judge_pointer(job),
            _ => self.ask(ReadManifest(parent), ManifestState::Publish(Box::new(job))),
        }
    }

    /// What was decided in the place of another history is not acknowledged: nothing there leads to it.
    pub(super) fn on_parent_read_again(&mut self, job: Job, answer: ManifestAnswer) -> Pending {
        match answer {
            ManifestAnswer::Whole(_) | ManifestAnswer::Torn => self.judge_pointer(job),
            ManifestAnswer::Failed => self.published(job, Publication::Unpublished),
            ManifestAnswer::Absent => {
                self.mine = false;
                self.finish(Conclusion::Detached(job.slot))
            }
        }
    }

    pub(super) fn on_swap_paused(&mut self, job: Job, answer: PauseAnswer) -> Pending {
        match answer {
            PauseAnswer::Stop => self.published(job, Publication::Unpublished),
            PauseAnswer::GoOn => self.ask(ReadLatest, LatestState::Publish(Box::new(job))),
        }
    }

    pub(super) fn on_pointer_read_again(&mut self, job: Job, read: Read<Vec<u8>>) -> Pending {
        match read {
            Read::Found(raw) => self.pointer = Some(raw),
            Read::Absent => self.pointer = None,
            Read::Failed => return self.published(job, Publication::Unpublished),
        }
        self.judge_change(job)
    }

    pub(super) fn on_beyond(&mut self, job: Job, read: Read<Slot>) -> Pending {
        match read {
            Read::Found(_) => self.persist_latest(job),
            Read::Absent => self.published(job, Publication::BesideForeign),
            Read::Failed => self.published(job, Publication::Unpublished),
        }
    }

    pub(super) fn on_pointer_naming(&mut self, job: Job, read: Read<Slot>) -> Pending {
        match read {
            Read::Found(slot) => self.named_pointer(job, &slot.child),
            Read::Absent => self.published(job, Publication::BesideForeign),
            Read::Failed => self.published(job, Publication::Unpublished),
        }
    }

    fn persist_latest(&mut self, job: Job) -> Pending {
        self.ask(PersistLatest, LatestSyncState::Publish(Box::new(job)))
    }

    pub(super) fn on_latest_persisted(&mut self, job: Job, answer: SyncAnswer) -> Pending {
        let publication = match answer {
            SyncAnswer::Durable => Publication::Published,
            SyncAnswer::Failed => Publication::Unpublished,
        };
        self.published(job, publication)
    }

    /// The publishing is over, as far as it came.
    pub(in crate::commit) fn published(&mut self, job: Job, publication: Publication) -> Pending {
        #[cfg(test)]
        let publication = match publication {
            Publication::Unpublished if self.mutated(Mutant::UnpublishedMeansPublished) => {
                Publication::Published
            }
            other => other,
        };
        let head = job.slot.head();
        self.mine = false;
        // A handle that could not publish its snapshot forgets that it knew it. Another's was published as
        // far as building on it needs: only the pointer can be missing.
        #[cfg(test)]
        if self.mutated(Mutant::UnpublishedIsKnown) {
            self.learn(&head);
        }
        if !job.is_mine() || publication != Publication::Unpublished {
            self.learn(&head);
        }
        self.head = Some(head.clone());
        match job.then {
            Then::Acknowledge => self.finish(Conclusion::Committed(job.slot, publication)),
            Then::Decide => self.decide(),
            Then::StepOn | Then::Sealed => self.step_on(),
            Then::HeadFound => self.head_found(Some(head)),
            Then::Restart => self.again(),
            Then::Chosen => {
                let above = self.above.take().filter(|above| *above > head.id);
                self.point_at(head.id, above)
            }
            Then::Wanted => self.finish(Conclusion::Resolved),
        }
    }
}

//! Making a decided snapshot visible (`docs/commit-protocol.md`, section "Publishing"): its manifest, then
//! the pointer, which only ever moves on. The same for our own snapshot and for another's that we found
//! unpublished.

#[cfg(test)]
use super::Mutant;
use super::head::pointed;
use super::{
    Action, Job, Kind, Machine, Outcome, Publication, PutAnswer, Read, Reason, Slot, State, SwapAnswer, Then,
};
use crate::id::{Form, form};

impl Job {
    fn mine(&self) -> bool {
        matches!(self.then, Then::Acknowledge | Then::Sealed)
    }
}

impl Machine {
    /// Another's slot may be in the cache only; what is built on it must not outlive it.
    pub(super) fn on_slot_persisted(&mut self, job: Job, ok: bool) -> Action {
        if ok { self.publish(job) } else { self.fail() }
    }

    pub(super) fn publish(&mut self, job: Job) -> Action {
        self.tries = 0;
        #[cfg(test)]
        if self.mutated(Mutant::PointerBeforeManifest) && job.mine() {
            let (expected, value) = (self.pointer.clone(), job.slot.child.clone());
            return self.go(State::Swapped(job), Action::Swap { expected, value });
        }
        let slot = job.slot.clone();
        self.go(State::ManifestPut(job), Action::PutManifest(slot))
    }

    pub(super) fn on_manifest_put(&mut self, job: Job, answer: PutAnswer) -> Action {
        #[cfg(test)]
        if self.mutated(Mutant::ManifestBeforeSlot) && self.open {
            self.open = false;
            return self.go(State::Put, Action::PutSlot(job.slot));
        }
        match answer {
            PutAnswer::Done => self.advance(job),
            // A helper was faster.
            PutAnswer::Exists => {
                let id = job.slot.child.clone();
                self.go(State::ManifestPersisted(job), Action::PersistManifest(id))
            }
            PutAnswer::Unknown if self.tries < self.attempts => {
                self.tries += 1;
                let slot = job.slot.clone();
                self.go(State::ManifestPut(job), Action::PutManifest(slot))
            }
            // A noop may be forestalled by the slow Go writer that it stands in for.
            PutAnswer::Differs
                if job.slot.kind == Kind::Noop && matches!(form(&job.slot.child), Form::Go { .. }) =>
            {
                let id = job.slot.child.clone();
                self.go(State::Standing(job), Action::ReadManifest(id))
            }
            PutAnswer::Differs if !job.mine() => self.refuse(Reason::Differs(job.slot.child)),
            PutAnswer::Differs | PutAnswer::Failed | PutAnswer::Unknown | PutAnswer::Doubtful => {
                if job.mine() { self.published(job, Publication::Unpublished) } else { self.fail() }
            }
        }
    }

    pub(super) fn on_manifest_persisted(&mut self, job: Job, ok: bool) -> Action {
        match ok {
            true => self.advance(job),
            false if job.mine() => self.published(job, Publication::Unpublished),
            false => self.fail(),
        }
    }

    fn advance(&mut self, job: Job) -> Action {
        self.tries = 0;
        self.judge_pointer(job)
    }

    /// What the pointer was last seen to hold, against the snapshot it should lead to.
    fn judge_pointer(&mut self, job: Job) -> Action {
        let target = job.slot.child.clone();
        let current = self.pointer.as_deref().and_then(pointed);
        match current {
            None => self.swap(job),
            #[cfg(test)]
            Some(id) if id != target && self.mutated(Mutant::PointerBackwards) => self.swap(job),
            Some(id) if id == target => self.go(State::LatestPersisted(job), Action::PersistLatest),
            Some(id) if matches!(form(&id), Form::Ours { .. }) || self.is_known(&id) => {
                self.named_pointer(job, &id)
            }
            #[cfg(test)]
            Some(_) if self.mutated(Mutant::ForeignPointerOverwritten) => self.swap(job),
            Some(id) => self.go(State::PointerNamer(job), Action::FindNamer(id)),
        }
    }

    /// The pointer names a snapshot that is in the slots.
    fn named_pointer(&mut self, job: Job, id: &str) -> Action {
        let target = job.slot.child.clone();
        match *id > *target {
            // Beyond: fine if the path leads there.
            true => self.go(State::Beyond(job), Action::ReadSlot(Some(target))),
            false => self.swap(job),
        }
    }

    fn is_known(&self, id: &str) -> bool {
        self.knowledge.head.as_ref().is_some_and(|head| *head.id == *id)
            || self.head.as_ref().is_some_and(|head| *head.id == *id)
    }

    fn swap(&mut self, job: Job) -> Action {
        let (expected, value) = (self.pointer.clone(), job.slot.child.clone());
        self.go(State::Swapped(job), Action::Swap { expected, value })
    }

    pub(super) fn on_swapped(&mut self, job: Job, answer: SwapAnswer) -> Action {
        #[cfg(test)]
        if self.mutated(Mutant::PointerBeforeManifest)
            && job.mine()
            && answer == SwapAnswer::Done
            && self.tries == 0
        {
            self.pointer = Some(job.slot.child.as_bytes().to_vec());
            self.tries = 1;
            let slot = job.slot.clone();
            return self.go(State::ManifestPut(job), Action::PutManifest(slot));
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
                self.judge_pointer(job)
            }
            SwapAnswer::Unknown => {
                self.tries += 1;
                self.go(State::SwapPaused(job), Action::Pause(self.tries))
            }
            SwapAnswer::Failed => self.published(job, Publication::Unpublished),
        }
    }

    pub(super) fn on_swap_paused(&mut self, job: Job, stop: bool) -> Action {
        if stop {
            return self.published(job, Publication::Unpublished);
        }
        self.go(State::SwapReread(job), Action::ReadLatest)
    }

    pub(super) fn on_pointer_reread(&mut self, job: Job, read: Read<Vec<u8>>) -> Action {
        match read {
            Read::Found(raw) => self.pointer = Some(raw),
            Read::Absent => self.pointer = None,
            Read::Failed => return self.published(job, Publication::Unpublished),
        }
        self.judge_pointer(job)
    }

    pub(super) fn on_beyond(&mut self, job: Job, read: Read<Slot>) -> Action {
        match read {
            Read::Found(_) => self.go(State::LatestPersisted(job), Action::PersistLatest),
            Read::Absent => self.published(job, Publication::BesideForeign),
            Read::Failed => self.published(job, Publication::Unpublished),
        }
    }

    pub(super) fn on_pointer_namer(&mut self, job: Job, read: Read<Slot>) -> Action {
        match read {
            Read::Found(slot) => self.named_pointer(job, &slot.child),
            Read::Absent => self.published(job, Publication::BesideForeign),
            Read::Failed => self.published(job, Publication::Unpublished),
        }
    }

    pub(super) fn on_latest_persisted(&mut self, job: Job, ok: bool) -> Action {
        self.published(job, if ok { Publication::Published } else { Publication::Unpublished })
    }

    /// The publishing is over, as far as it came.
    pub(super) fn published(&mut self, job: Job, publication: Publication) -> Action {
        #[cfg(test)]
        let publication = match publication {
            Publication::Unpublished if self.mutated(Mutant::UnpublishedMeansPublished) => {
                Publication::Published
            }
            other => other,
        };
        let head = job.slot.head();
        // A handle that could not publish its snapshot forgets that it knew it. Another's was published as
        // far as building on it needs: only the pointer can be missing.
        #[cfg(test)]
        if self.mutated(Mutant::UnpublishedIsKnown) {
            self.learn(&head);
        }
        if !job.mine() || publication != Publication::Unpublished {
            self.learn(&head);
        }
        self.head = Some(head.clone());
        match job.then {
            Then::Acknowledge => self.finish(Outcome::Committed(job.slot, publication)),
            Then::Decide => self.decide(),
            Then::StepOn | Then::Sealed => self.step_on(),
            Then::HeadFound => self.head_found(Some(head)),
            Then::Restart => self.again(),
            Then::Chosen => {
                let above = self.above.take().filter(|above| *above > head.id);
                self.point_at(head.id, above)
            }
            Then::Wanted => self.finish(Outcome::Resolved),
        }
    }
}

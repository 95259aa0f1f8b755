//! Putting the slot, and learning whose it became (`docs/commit-protocol.md`, section "Deciding"): the commit
//! point.

use std::sync::Arc;

#[cfg(test)]
use super::Mutant;
use super::{Action, Dated, Goal, Id, Kind, Machine, Outcome, PutAnswer, Read, Reason, Slot, State, Then};
use crate::id::{Form, compose, form};
use crate::manifest::producers::{Producers, Verdict};

impl Machine {
    /// The caller expected a parent, and the head is another.
    pub(super) fn conflict(&mut self) -> Option<Action> {
        let Goal::Commit { expected: Some(expected), .. } = &self.goal else { return None };
        let head = self.head.as_ref().map(|head| head.id.clone());
        (head != *expected).then(|| self.refuse(Reason::Conflict(head)))
    }

    /// The producer's sequence is committed, or too old to be known.
    pub(super) fn known_sequence(&mut self) -> Option<Action> {
        let Goal::Commit { stamp: Some(stamp), .. } = &self.goal else { return None };
        let head = self.head.as_ref()?;
        match head.producers.verdict(stamp) {
            Verdict::New => None,
            Verdict::Committed => {
                let id = head.id.clone();
                Some(self.finish(Outcome::AlreadyCommitted(id)))
            }
            Verdict::TooOld => {
                let highest = head.producers.get(&stamp.producer).map_or(0, |entry| entry.sequence);
                Some(self.refuse(Reason::SequenceTooOld(highest)))
            }
        }
    }

    /// Who has committed what, once the child `id` has.
    fn producers_with(&self, id: &Id) -> Arc<Producers> {
        let before = self.head.as_ref().map(|head| head.producers.clone()).unwrap_or_default();
        #[cfg(test)]
        let before = if self.mutated(Mutant::ProducersNotCarried) { Arc::default() } else { before };
        match &self.goal {
            Goal::Commit { stamp: Some(stamp), .. } => Arc::new(before.with(stamp, id)),
            _ => before,
        }
    }

    pub(super) fn decide(&mut self) -> Action {
        self.open = false;
        #[cfg(test)]
        let rebased = self.slot.is_some() && self.mutated(Mutant::ProducersNotCheckedAtRebase);
        #[cfg(not(test))]
        let rebased = false;
        if !rebased && let Some(known) = self.known_sequence() {
            return known;
        }
        if let Some(conflict) = self.conflict() {
            return conflict;
        }
        self.draw()
    }

    pub(super) fn draw(&mut self) -> Action {
        self.go(State::Draw, Action::Draw)
    }

    pub(super) fn on_drawn(&mut self, now: i64, random: u64, nonce: u128) -> Action {
        let (kind, above) = match &self.goal {
            Goal::Commit { .. } => (Kind::Commit, None),
            Goal::Resolve { id } => (Kind::Noop, Some(id.clone())),
            Goal::Adopt { .. } => (Kind::Noop, self.above.clone()),
        };
        let kept = match kind {
            Kind::Commit => self.id.clone().filter(|id| self.is_above_head(id)),
            Kind::Noop | Kind::Adopt => None,
        };
        let id = match kept.map_or_else(|| self.fresh_id(now, random, above.as_ref()), Ok) {
            Ok(id) => id,
            Err(parent) => return self.refuse(Reason::Unorderable(parent)),
        };
        self.id = Some(id.clone());
        let parent = self.head.as_ref().map(|head| head.id.clone());
        let producers = self.producers_with(&id.id);
        let slot = Slot { kind, parent, child: id.id, created_at: id.created_at, nonce, producers };
        self.slot = Some(slot.clone());
        self.tries = 0;
        #[cfg(test)]
        if self.mutated(Mutant::ManifestBeforeSlot) && kind == Kind::Commit {
            let job = super::Job { slot: slot.clone(), then: Then::Acknowledge };
            self.open = true;
            return self.go(State::ManifestPut(job), Action::PutManifest(slot));
        }
        self.go(State::Put, Action::PutSlot(slot))
    }

    /// An id drawn earlier still sorts, and is dated, after the head.
    fn is_above_head(&self, id: &Dated) -> bool {
        #[cfg(test)]
        if self.mutated(Mutant::StaleIdKept) {
            return true;
        }
        self.head.as_ref().is_none_or(|head| id.id > head.id && id.created_at > head.created_at)
    }

    /// A fresh id above the head (and above `above`), whatever the clock says; or the id nothing sorts above.
    fn fresh_id(&self, now: i64, random: u64, above: Option<&Id>) -> Result<Dated, Id> {
        let mut time = now.max(0);
        let mut raise = |at_least: i64, by: &Id| -> Result<(), Id> {
            time = time.max(at_least.checked_add(1).ok_or_else(|| by.clone())?);
            Ok(())
        };
        #[cfg(test)]
        let ordered = !self.mutated(Mutant::IdBelowParent);
        #[cfg(not(test))]
        let ordered = true;
        if let Some(head) = self.head.as_ref().filter(|_| ordered) {
            raise(id_time(&head.id)?, &head.id)?;
            raise(head.created_at, &head.id)?;
        }
        if let Some(above) = above {
            raise(id_time(above)?, above)?;
        }
        let nanos = u64::try_from(time).unwrap_or_default();
        let id =
            compose(nanos, random).ok_or_else(|| self.head.as_ref().map_or("".into(), |h| h.id.clone()))?;
        Ok(Dated { id: Id::from(id), created_at: time })
    }

    pub(super) fn on_slot_put(&mut self, answer: PutAnswer) -> Action {
        match answer {
            PutAnswer::Done => self.mine(),
            // Another's, or an earlier try of our own: only reading tells.
            PutAnswer::Exists | PutAnswer::Differs => {
                #[cfg(test)]
                if self.mutated(Mutant::ExistsMeansLost) {
                    self.open = false;
                    return self.fail();
                }
                self.open = true;
                self.read_back()
            }
            PutAnswer::Unknown => {
                #[cfg(test)]
                if self.mutated(Mutant::UnknownMeansFailed) {
                    self.open = false;
                    return self.fail();
                }
                #[cfg(test)]
                if self.mutated(Mutant::FreshNonceOnResend) {
                    return self.draw();
                }
                self.open = true;
                self.read_back()
            }
            #[cfg(test)]
            PutAnswer::Failed if self.open && self.mutated(Mutant::RefusalAfterOpenMeansFailed) => {
                self.open = false;
                self.fail()
            }
            PutAnswer::Failed if self.open => self.read_back(),
            PutAnswer::Failed => self.fail(),
            PutAnswer::Doubtful => self.unknown(),
        }
    }

    fn read_back(&mut self) -> Action {
        let parent = self.slot.as_ref().and_then(|slot| slot.parent.clone());
        self.go(State::ReadBack, Action::ReadSlot(parent))
    }

    pub(super) fn on_read_back(&mut self, read: Read<Slot>) -> Action {
        let Some(slot) = self.slot.clone() else { return self.fail() };
        match read {
            Read::Found(found) if found.nonce == slot.nonce => {
                self.go(State::ReadBackPersisted, Action::PersistSlot(slot.parent))
            }
            Read::Found(other) => {
                self.open = false;
                let then = match self.goal {
                    Goal::Commit { .. } => Then::Decide,
                    Goal::Resolve { .. } | Goal::Adopt { .. } => Then::StepOn,
                };
                self.help(other, then)
            }
            Read::Absent => self.pause(State::PausedBeforePut),
            Read::Failed => self.pause(State::PausedBeforeRead),
        }
    }

    /// Ours, by a request that was never answered: it decides once it is durable.
    pub(super) fn on_read_back_persisted(&mut self, ok: bool) -> Action {
        if ok { self.mine() } else { self.unknown() }
    }

    fn pause(&mut self, state: State) -> Action {
        self.tries += 1;
        self.go(state, Action::Pause(self.tries))
    }

    /// Sends the same bytes again, or reads again; after the last try one more look, and no more.
    pub(super) fn on_paused(&mut self, stop: bool, put: bool) -> Action {
        #[cfg(test)]
        if stop && self.mutated(Mutant::DeadlineMeansFailed) {
            self.open = false;
            return self.fail();
        }
        if stop || self.tries >= self.attempts {
            return self.unknown();
        }
        match self.slot.clone() {
            Some(slot) if put => self.go(State::Put, Action::PutSlot(slot)),
            _ => self.read_back(),
        }
    }

    fn unknown(&mut self) -> Action {
        match (&self.goal, self.slot.clone()) {
            (Goal::Commit { .. }, Some(slot)) => self.finish(Outcome::Unknown(slot)),
            _ => self.finish(Outcome::Undecided),
        }
    }

    fn mine(&mut self) -> Action {
        let Some(slot) = self.slot.clone() else { return self.fail() };
        self.open = false;
        self.knowledge.root = true;
        let then = match slot.kind {
            Kind::Commit => Then::Acknowledge,
            Kind::Noop | Kind::Adopt => Then::Sealed,
        };
        self.publish(super::Job { slot, then })
    }
}

/// The time in an id; or the id, if it has none.
pub(super) fn id_time(id: &Id) -> Result<i64, Id> {
    match form(id) {
        Form::Ours { nanos } | Form::Go { nanos } => i64::try_from(nanos).map_err(|_| id.clone()),
        Form::Other => Err(id.clone()),
    }
}

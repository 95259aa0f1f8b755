//! Putting the slot, and finding out whose it became (`docs/commit-protocol.md`, section "Deciding"): the
//! commit point.

use std::sync::Arc;

#[cfg(test)]
use super::Mutant;
use super::{
    CheckParts, Conclusion, Dated, Draw, DrawState, Drawn, Goal, Job, Machine, ManifestAnswer, PartsAnswer,
    Pause, PauseAnswer, PauseState, Pending, PersistSlot, PutAnswer, PutSlot, PutState, Read, ReadSlot,
    Reason, SlotState, SlotSyncState, SyncAnswer, Then,
};
use crate::history::{Id, Slot, SlotKind};
use crate::id::{Form, TIME_END, compose, form};
use crate::manifest::producers::{Producers, Verdict};

/// An id further than this ahead of the clock and of the head was made by no writer.
const FURTHEST_AHEAD: i64 = 24 * 60 * 60 * 1_000_000_000;

/// What is tried again after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryStep {
    /// To put the slot: it was not there.
    Put,
    /// To read it back: that failed.
    ReadBack,
}

impl Machine {
    /// An attempt whose outcome is unknown is sent again only into the history that it was made for.
    pub(super) fn on_parent_of_attempt(&mut self, answer: ManifestAnswer) -> Pending {
        let parent = self.slot.as_ref().and_then(|slot| slot.parent.clone());
        match (answer, parent) {
            (ManifestAnswer::Absent, Some(parent)) => {
                self.open = false;
                self.refuse(Reason::Vanished(parent))
            }
            (ManifestAnswer::Failed, _) => self.unknown(),
            _ => self.read_back(),
        }
    }

    /// The data are durable, or could not be made so.
    pub(super) fn on_data(&mut self, id: Option<Dated>) -> Pending {
        match id {
            Some(id) => {
                self.id = Some(id);
                self.decide()
            }
            None => self.fail(),
        }
    }

    /// The caller expected a parent, and the head is another.
    pub(super) fn conflict(&mut self) -> Option<Pending> {
        let Goal::Commit { expected: Some(expected), .. } = &self.goal else { return None };
        let head = self.head.as_ref().map(|head| head.id.clone());
        (head != *expected).then(|| self.refuse(Reason::Conflict(head)))
    }

    /// The producer's sequence is committed, or too old to be known.
    pub(super) fn known_sequence(&mut self) -> Option<Pending> {
        let Goal::Commit { stamp: Some(stamp), .. } = &self.goal else { return None };
        let head = self.head.as_ref()?;
        match head.producers.verdict(stamp) {
            Verdict::New => None,
            Verdict::Committed => {
                let id = head.id.clone();
                Some(self.finish(Conclusion::AlreadyCommitted(id)))
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

    pub(super) fn decide(&mut self) -> Pending {
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
        #[cfg(test)]
        if self.slot.is_some() && self.mutated(Mutant::PartsNotCheckedAtRebase) {
            return self.draw();
        }
        self.check_parts()
    }

    /// A part is committed once: no snapshot up to the head may name one of this commit's.
    pub(super) fn check_parts(&mut self) -> Pending {
        match (&self.goal, &self.head) {
            (Goal::Commit { has_parts: true, .. }, Some(head)) => {
                let head = head.id.clone();
                self.ask(CheckParts(head), ())
            }
            _ => self.draw(),
        }
    }

    pub(super) fn on_parts_checked(&mut self, answer: PartsAnswer) -> Pending {
        match answer {
            PartsAnswer::New => self.draw(),
            PartsAnswer::Committed(id) => self.refuse(Reason::PartCommitted(id)),
            PartsAnswer::Failed => self.fail(),
        }
    }

    pub(in crate::commit) fn draw(&mut self) -> Pending {
        self.ask(Draw, DrawState::Decide)
    }

    /// Whether no writer can have made the id that is to be resolved.
    fn is_implausible(&self, now: i64) -> bool {
        let Goal::Resolve { id } = &self.goal else { return false };
        let head = self.head.as_ref().map_or(0, |head| id_time(&head.id).unwrap_or_default());
        id_time(id).unwrap_or(i64::MAX).saturating_sub(now.max(head)) > FURTHEST_AHEAD
    }

    pub(super) fn on_drawn(&mut self, drawn: Drawn) -> Pending {
        let Drawn { now, random, nonce } = drawn;
        if now >= TIME_END {
            return self.refuse(Reason::ClockTooLate);
        }
        if let Goal::Resolve { id } = &self.goal
            && self.is_implausible(now)
        {
            let id = id.clone();
            return self.refuse(Reason::Implausible(id));
        }
        let (kind, above) = match &self.goal {
            Goal::Commit { .. } => (SlotKind::Commit, None),
            Goal::Resolve { id } => (SlotKind::Noop, Some(id.clone())),
            Goal::Adopt { .. } => (SlotKind::Noop, self.above.clone()),
        };
        let kept = match kind {
            SlotKind::Commit => self.id.clone().filter(|id| self.is_above_head(id)),
            SlotKind::Noop | SlotKind::Adopt => None,
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
        if self.mutated(Mutant::ManifestBeforeSlot) && kind == SlotKind::Commit {
            self.open = true;
            return self.put_manifest(Job { slot, then: Then::Acknowledge });
        }
        self.put_slot(slot)
    }

    pub(super) fn put_slot(&mut self, slot: Slot) -> Pending {
        self.ask(PutSlot(slot), PutState::Decide)
    }

    /// An id drawn earlier still sorts, and is dated, after the head.
    fn is_above_head(&self, id: &Dated) -> bool {
        #[cfg(test)]
        if self.mutated(Mutant::StaleIdKept) {
            return true;
        }
        self.head.as_ref().is_none_or(|head| id.id > head.id && id.created_at > head.created_at)
    }

    /// A fresh id above the head (and above `above`), even if the clock is behind; or the id that nothing
    /// sorts above.
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
        let highest =
            || above.max(self.head.as_ref().map(|head| &head.id)).cloned().unwrap_or_else(|| "".into());
        if time >= TIME_END {
            return Err(highest());
        }
        let id = compose(u64::try_from(time).unwrap_or_default(), random).ok_or_else(highest)?;
        Ok(Dated { id: Id::from(id), created_at: time })
    }

    pub(super) fn on_slot_put(&mut self, answer: PutAnswer) -> Pending {
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

    pub(super) fn read_back(&mut self) -> Pending {
        let parent = self.slot.as_ref().and_then(|slot| slot.parent.clone());
        self.ask(ReadSlot(parent), SlotState::Decide)
    }

    pub(super) fn on_read_back(&mut self, read: Read<Slot>) -> Pending {
        let Some(slot) = self.slot.clone() else { return self.fail() };
        match read {
            Read::Found(found) if found.nonce == slot.nonce => {
                self.ask(PersistSlot(slot.parent), SlotSyncState::Decide)
            }
            Read::Found(other) => {
                self.open = false;
                let then = match self.goal {
                    Goal::Commit { .. } => Then::Decide,
                    Goal::Resolve { .. } | Goal::Adopt { .. } => Then::StepOn,
                };
                self.help(other, then)
            }
            Read::Absent => self.pause(RetryStep::Put),
            Read::Failed => self.pause(RetryStep::ReadBack),
        }
    }

    /// Ours, by a request that was never answered: it decides once it is durable.
    pub(super) fn on_read_back_persisted(&mut self, answer: SyncAnswer) -> Pending {
        match answer {
            SyncAnswer::Durable => self.mine(),
            SyncAnswer::Failed => self.unknown(),
        }
    }

    fn pause(&mut self, retry: RetryStep) -> Pending {
        self.tries += 1;
        self.ask(Pause(self.tries), PauseState::Decide(retry))
    }

    /// Sends the same bytes again, or reads again; after the last try reads once more, and then no more.
    pub(super) fn on_paused(&mut self, retry: RetryStep, answer: PauseAnswer) -> Pending {
        #[cfg(test)]
        if answer == PauseAnswer::Stop && self.mutated(Mutant::DeadlineMeansFailed) {
            self.open = false;
            return self.fail();
        }
        if answer == PauseAnswer::Stop || self.tries >= self.attempts {
            return self.unknown();
        }
        match (retry, self.slot.clone()) {
            (RetryStep::Put, Some(slot)) => self.put_slot(slot),
            _ => self.read_back(),
        }
    }

    fn unknown(&mut self) -> Pending {
        match (&self.goal, self.slot.clone()) {
            (Goal::Commit { .. }, Some(slot)) => self.finish(Conclusion::Unknown(slot)),
            _ => self.finish(Conclusion::Undecided),
        }
    }

    fn mine(&mut self) -> Pending {
        let Some(slot) = self.slot.clone() else { return self.fail() };
        self.open = false;
        self.mine = true;
        self.knowledge.root = true;
        let then = match slot.kind {
            SlotKind::Commit => Then::Acknowledge,
            SlotKind::Noop | SlotKind::Adopt => Then::Sealed,
        };
        self.publish(Job { slot, then })
    }
}

/// The time in an id; or the id, if it has none.
pub(in crate::commit) fn id_time(id: &Id) -> Result<i64, Id> {
    match form(id) {
        Form::Ours { nanos } | Form::Go { nanos } => i64::try_from(nanos).map_err(|_| id.clone()),
        Form::Other => Err(id.clone()),
    }
}

//! Living with the Go library (`docs/commit-protocol.md`, section "Living with the Go library"): its writers
//! know no slots. A head of theirs is adopted, that is, brought into the slots with all its ancestors, if
//! nothing speaks against it; a pointer that one of them left dangling is filled with a noop; and what nobody
//! but a person can decide is refused, until the caller chooses a head.

use std::sync::Arc;

#[cfg(test)]
use super::Mutant;
use super::decide::id_time;
use super::survey::Chain;
use super::{
    Action, Adoption, Aging, Cause, Climb, Climbing, Event, Head, Id, Job, Kind, Machine, ManifestFacts,
    Outcome, Placing, PutAnswer, Read, Reason, Repair, Slot, State, Subject, Survey, SwapAnswer, Then,
};
use crate::id::{Form, form};

impl Machine {
    pub(super) fn needs_repair(&mut self, repair: Repair, heads: Vec<Id>) -> Action {
        self.refuse(Reason::NeedsRepair { repair, heads })
    }

    pub(super) fn survey(&mut self, subject: Subject) -> Action {
        self.go(State::Surveyed(subject), Action::Survey)
    }

    pub(super) fn step_adopting(&mut self, state: State, event: Event) -> Action {
        match (state, event) {
            (State::Surveyed(subject), Event::Surveyed(read)) => self.on_surveyed(subject, read),
            (State::SurveyPointer(subject, survey), Event::Latest(read)) => {
                self.on_survey_pointer(subject, survey, read)
            }
            (State::DanglingAge { id, torn, survey }, Event::Aged(read)) => {
                self.on_dangling_age(id, torn, survey, read)
            }
            (State::DanglingManifest { id, torn, survey }, Event::Manifest(read)) => match read {
                Read::Failed => self.fail(),
                Read::Found(_) => self.again(),
                Read::Absent => self.fill(id, torn, survey),
            },
            (State::DanglingManifest { id, survey, .. }, Event::ManifestTorn) => self.fill(id, true, survey),
            (State::BusyPaused(id), Event::Paused { stop: true }) => self.refuse(Reason::Busy(id)),
            (State::BusyPaused(_), Event::Paused { stop: false }) => {
                self.go(State::Latest, Action::ReadLatest)
            }
            (State::GoneNamer { adoption, chain }, Event::Namer(read)) => match read {
                Read::Failed => self.fail(),
                Read::Found(slot) => self.help(slot, Then::Restart),
                Read::Absent => self.anchor_at(adoption, None, chain),
            },
            (State::Anchor { adoption, at, chain }, Event::Slot(read)) => {
                self.on_anchor(adoption, at, chain, read)
            }
            (State::Faster { refusal }, Event::Slot(read)) => match read {
                Read::Failed => self.fail(),
                Read::Found(_) => self.again(),
                Read::Absent => self.refuse(refusal),
            },
            (State::AdoptedPersisted(adoption, anchor), Event::Persisted(ok)) => match ok {
                true => {
                    let slot = Slot::empty(Kind::Adopt, anchor, adoption.head.clone(), 0);
                    let placing = Box::new(Placing { slot, adoption: Some(adoption) });
                    self.go(State::PlaceDraw(placing), Action::Draw)
                }
                false => self.fail(),
            },
            (State::PlaceDraw(mut placing), Event::Drawn { nonce, .. }) => {
                placing.slot.nonce = nonce;
                self.tries = 0;
                self.put(placing)
            }
            (State::PlacePut(placing), Event::Put(answer)) => self.on_placed(placing, answer),
            (State::PlaceRead(placing), Event::Slot(read)) => self.on_place_read(placing, read),
            (State::PlacePaused(placing, put), Event::Paused { stop }) => {
                self.on_place_paused(placing, put, stop)
            }
            (State::PlacePersisted(placing), Event::Persisted(ok)) => match ok {
                true => self.placed(*placing),
                false => self.fail(),
            },
            (State::AdoptedManifest(slot), Event::Manifest(read)) => match read {
                Read::Failed => self.fail(),
                Read::Absent => self.refuse(Reason::Missing(slot.child)),
                Read::Found(facts) => self.adopted_head(slot, facts),
            },
            (State::AdoptedManifest(slot), Event::ManifestTorn) => {
                let heads = vec![slot.child.clone()];
                self.needs_repair(Repair::Torn(slot.child), heads)
            }
            (State::Floor { slot, facts }, Event::Listed(read)) => {
                let greatest = match read {
                    Read::Failed => return self.fail(),
                    Read::Found(id) => id_time(&id).unwrap_or_default(),
                    Read::Absent => 0,
                };
                self.head_in_slots(slot.child, facts, greatest, slot.parent)
            }
            (State::Climb(climb), Event::Manifest(read)) => self.on_climbed(climb, read),
            (State::Climb(climb), Event::ManifestTorn) => self.climbed(climb.then, Arc::default()),
            (State::Standing(job), Event::Manifest(read)) => self.on_standing(job, read),
            (State::Standing(job), Event::ManifestTorn) => {
                let id = job.slot.child.clone();
                self.go(State::StandingAge(job), Action::ReadAge(Aging::Manifest(id)))
            }
            (State::StandingAge(job), Event::Aged(read)) => match read {
                Read::Failed => self.fail(),
                Read::Found(true) => {
                    let heads = vec![job.slot.child.clone()];
                    self.needs_repair(Repair::Torn(job.slot.child), heads)
                }
                Read::Found(false) | Read::Absent => self.busy(job.slot.child),
            },
            (State::End { choice, end, repeats }, Event::Slot(read)) => {
                self.on_end(choice, end, repeats, read)
            }
            (State::ChoiceNamer(id), Event::Namer(read)) => match read {
                Read::Failed => self.fail(),
                Read::Found(slot) if slot.kind != Kind::Adopt => self.help(slot, Then::Restart),
                Read::Found(slot) => self.refuse(Reason::Missing(slot.child)),
                Read::Absent => self.refuse(Reason::NotFound(id)),
            },
            (State::ChoiceSwapped { chosen, above }, Event::Swapped(answer)) => match answer {
                SwapAnswer::Done => self.pointed_at(chosen, above),
                SwapAnswer::Mismatch(_) | SwapAnswer::Unknown => self.again(),
                SwapAnswer::Failed => self.fail(),
            },
            (State::ChoicePointerPersisted { chosen, above }, Event::Persisted(ok)) => match ok {
                true => self.pointed_at(chosen, above),
                false => self.fail(),
            },
            (State::ChoiceManifest(id), Event::Manifest(read)) => match read {
                Read::Failed => self.fail(),
                Read::Absent => self.refuse(Reason::Missing(id)),
                Read::Found(facts) => {
                    let producers = facts.producers.unwrap_or_default();
                    self.head = Some(Head { id, created_at: facts.created_at, producers });
                    self.draw()
                }
            },
            // Their text would be the largest part of the machine in the library.
            #[cfg(test)]
            (state, event) => panic!("the event {event:?} is no answer in the state {state:?}"),
            #[cfg(not(test))]
            _ => panic!("the event is no answer to the last action"),
        }
    }

    fn on_surveyed(&mut self, subject: Subject, read: Read<Arc<Survey>>) -> Action {
        let Read::Found(survey) = read else { return self.fail() };
        match subject {
            Subject::Dangling { id, .. } if survey.get(&id).is_some() => self.again(),
            #[cfg(test)]
            Subject::Dangling { .. } if self.mutated(Mutant::NoopWithoutWaiting) => {
                self.read_pointer_again(subject, survey)
            }
            Subject::Dangling { id, torn } => {
                self.go(State::DanglingAge { id, torn, survey }, Action::ReadAge(Aging::Latest))
            }
            _ => self.read_pointer_again(subject, survey),
        }
    }

    fn read_pointer_again(&mut self, subject: Subject, survey: Arc<Survey>) -> Action {
        #[cfg(test)]
        if self.mutated(Mutant::PointerNotReadAgain) {
            return self.judge_survey(subject, survey);
        }
        self.go(State::SurveyPointer(subject, survey), Action::ReadLatest)
    }

    fn on_survey_pointer(&mut self, subject: Subject, survey: Arc<Survey>, read: Read<Vec<u8>>) -> Action {
        let pointer = match read {
            Read::Failed => return self.fail(),
            Read::Absent => None,
            Read::Found(raw) => Some(raw),
        };
        match pointer == self.pointer {
            true => self.judge_survey(subject, survey),
            false => self.again(),
        }
    }

    fn judge_survey(&mut self, subject: Subject, survey: Arc<Survey>) -> Action {
        match subject {
            Subject::Head(head, facts) => {
                self.anchor(Box::new(Adoption { head, cause: Cause::Head(facts), survey }))
            }
            #[cfg(test)]
            Subject::Dangling { id, torn } if self.mutated(Mutant::NoopWithoutWaiting) => {
                self.fill(id, torn, survey)
            }
            // Its writer may have come to the end while its age was looked at.
            Subject::Dangling { id, torn } => {
                let read = Action::ReadManifest(id.clone());
                self.go(State::DanglingManifest { id, torn, survey }, read)
            }
            Subject::Choice(id) if survey.get(&id).is_some() => match form(&id) {
                Form::Other => self.refuse(Reason::Unorderable(id)),
                _ => self.anchor(Box::new(Adoption { head: id, cause: Cause::Choice, survey })),
            },
            Subject::Choice(id) => self.go(State::ChoiceNamer(id.clone()), Action::FindNamer(id)),
        }
    }

    fn on_dangling_age(&mut self, id: Id, torn: bool, survey: Arc<Survey>, read: Read<bool>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent => self.again(),
            Read::Found(false) => self.busy(id),
            // The age was that of the pointer as it was then.
            Read::Found(true) => self.read_pointer_again(Subject::Dangling { id, torn }, survey),
        }
    }

    /// Its Go writer may only be slow: looks again a few times.
    fn busy(&mut self, id: Id) -> Action {
        self.waits += 1;
        if self.waits >= self.attempts {
            return self.refuse(Reason::Busy(id));
        }
        let waits = self.waits;
        self.go(State::BusyPaused(id), Action::Pause(waits))
    }

    /// The pointer's snapshot will not come any more: a noop takes its place, on top of the greatest snapshot.
    fn fill(&mut self, id: Id, torn: bool, survey: Arc<Survey>) -> Action {
        if torn {
            let heads = survey.heads(&id);
            return self.needs_repair(Repair::Torn(id), heads);
        }
        match survey.greatest().cloned() {
            None => {
                let placing = Box::new(Placing { slot: noop(None, &id), adoption: None });
                self.climbed(Climbing::Noop(placing), Arc::default())
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

    /// Finds the snapshot below the head that the slots lead to.
    fn anchor(&mut self, adoption: Box<Adoption>) -> Action {
        let Some(Chain { ids, at, gone }) = adoption.survey.chain(&adoption.head) else {
            let refusal = adoption.refusal(Repair::OtherParent(adoption.head.clone()));
            return self.refuse(refusal);
        };
        #[cfg(test)]
        let gone = gone.filter(|_| !self.mutated(Mutant::DecidedTakenForGone));
        match gone {
            // A Go writer that scans takes a copy of a hive manifest for the snapshot: it may have built on one of ours
            // that is decided, and not published yet.
            Some(gone) if matches!(form(&gone), Form::Ours { .. }) => {
                self.go(State::GoneNamer { adoption, chain: ids }, Action::FindNamer(gone))
            }
            _ => self.anchor_at(adoption, at, ids),
        }
    }

    fn anchor_at(&mut self, adoption: Box<Adoption>, at: Option<Id>, chain: Vec<Id>) -> Action {
        if at.is_none() && !adoption.survey.root {
            return self.adopt(adoption, None, chain);
        }
        self.go(State::Anchor { adoption, at: at.clone(), chain }, Action::ReadSlot(at))
    }

    fn on_anchor(
        &mut self,
        adoption: Box<Adoption>,
        at: Option<Id>,
        mut chain: Vec<Id>,
        read: Read<Slot>,
    ) -> Action {
        let slot = match read {
            Read::Failed => return self.fail(),
            Read::Absent => return self.again(),
            Read::Found(slot) => slot,
        };
        let head = adoption.head.clone();
        let choice = adoption.cause == Cause::Choice;
        if at.as_ref() == Some(&head) {
            // It has a child already.
            return match adoption.cause {
                Cause::Choice if self.adopted => self.finish(Outcome::Adopted),
                Cause::Choice => {
                    self.above = adoption.survey.above(&head);
                    self.seek_end(head, slot, true)
                }
                Cause::Head(_) => self.help(slot, Then::HeadFound),
                Cause::Dangling(_) if slot.kind == Kind::Adopt => self.again(),
                Cause::Dangling(_) => self.help(slot, Then::Restart),
            };
        }
        if slot.child == head {
            return match (&adoption.cause, self.objection(&adoption)) {
                (Cause::Dangling(_), Some(repair)) => self.refuse(adoption.refusal(repair)),
                _ => self.in_slots(*adoption, slot.parent),
            };
        }
        if let Some(place) = chain.iter().position(|id| *id == slot.child) {
            chain.truncate(place);
            return self.adopt(adoption, Some(slot.child), chain);
        }
        if choice {
            return self.seek_end(head, slot, false);
        }
        let adopts = slot.kind == Kind::Adopt;
        if adopts && adoption.survey.descends(&slot.child, &head) {
            // The head lies within what was adopted.
            return self.help(slot, Then::HeadFound);
        }
        if adopts && adoption.survey.get(&slot.child).is_none() {
            return self.again();
        }
        let mut heads = adoption.survey.heads(&head);
        if !heads.contains(&slot.child) {
            heads.push(slot.child.clone());
        }
        self.needs_repair(Repair::Beside(slot.child), heads)
    }

    /// What speaks against the head.
    fn objection(&self, adoption: &Adoption) -> Option<Repair> {
        let (survey, head) = (&adoption.survey, &adoption.head);
        #[cfg(test)]
        let (forks, order) =
            (!self.mutated(Mutant::ForkNotChecked), !self.mutated(Mutant::PointerBelowAdopted));
        #[cfg(not(test))]
        let (forks, order) = (true, true);
        let ours = survey.manifests.iter().any(|one| matches!(form(&one.id), Form::Ours { .. }));
        if ours && !survey.root {
            return Some(Repair::NoSlots);
        }
        if let Some(parent) = survey.fork().filter(|_| forks) {
            return Some(Repair::Fork(parent));
        }
        if let Some(greatest) = survey.greatest().filter(|greatest| *greatest != head && order) {
            return Some(match survey.get(greatest).is_none() {
                true => Repair::Torn(greatest.clone()),
                false => Repair::NotTheGreatest(greatest.clone()),
            });
        }
        let mut all = survey.manifests.iter();
        let child = all.find(|one| one.parent.as_ref() == Some(head) && order);
        child.map(|child| Repair::NotTheGreatest(child.id.clone()))
    }

    /// The slots end at `anchor`, and `chain` leads there from the head: adopts it, unless something speaks against it.
    fn adopt(&mut self, adoption: Box<Adoption>, anchor: Option<Id>, chain: Vec<Id>) -> Action {
        if adoption.cause != Cause::Choice
            && let Some(repair) = self.objection(&adoption)
        {
            // Somebody may have been faster, and gone on from there.
            let refusal = adoption.refusal(repair);
            return self.go(State::Faster { refusal }, Action::ReadSlot(anchor));
        }
        self.go(State::AdoptedPersisted(adoption, anchor), Action::PersistAdopted(chain))
    }

    fn put(&mut self, placing: Box<Placing>) -> Action {
        let slot = placing.slot.clone();
        self.go(State::PlacePut(placing), Action::PutSlot(slot))
    }

    /// That a slot of this kind is nobody's in particular makes all simple: whoever put it, it is there or not, and
    /// as long as nobody knows, nothing of the caller's is committed.
    fn on_placed(&mut self, placing: Box<Placing>, answer: PutAnswer) -> Action {
        match answer {
            PutAnswer::Done => self.placed(*placing),
            PutAnswer::Exists | PutAnswer::Differs | PutAnswer::Unknown => self.read_placed(placing),
            PutAnswer::Failed | PutAnswer::Doubtful => self.fail(),
        }
    }

    fn read_placed(&mut self, placing: Box<Placing>) -> Action {
        let parent = placing.slot.parent.clone();
        self.go(State::PlaceRead(placing), Action::ReadSlot(parent))
    }

    fn on_place_read(&mut self, mut placing: Box<Placing>, read: Read<Slot>) -> Action {
        match read {
            Read::Found(slot) if slot.child == placing.slot.child && slot.kind == placing.slot.kind => {
                let parent = slot.parent.clone();
                // A noop's payload is its writer's.
                placing.slot = slot;
                self.go(State::PlacePersisted(placing), Action::PersistSlot(parent))
            }
            Read::Found(slot) if slot.kind == Kind::Adopt => self.again(),
            Read::Found(slot) => self.help(slot, Then::Restart),
            Read::Absent => self.pause_placing(placing, true),
            Read::Failed => self.pause_placing(placing, false),
        }
    }

    fn pause_placing(&mut self, placing: Box<Placing>, put: bool) -> Action {
        self.tries += 1;
        let tries = self.tries;
        self.go(State::PlacePaused(placing, put), Action::Pause(tries))
    }

    fn on_place_paused(&mut self, placing: Box<Placing>, put: bool, stop: bool) -> Action {
        match put {
            _ if stop || self.tries >= self.attempts => self.fail(),
            true => self.put(placing),
            false => self.read_placed(placing),
        }
    }

    /// The slot is there, and durable.
    fn placed(&mut self, placing: Placing) -> Action {
        self.knowledge.root = true;
        match placing.adoption {
            Some(adoption) => self.in_slots(*adoption, placing.slot.parent),
            None => self.publish(Job { slot: placing.slot, then: Then::HeadFound }),
        }
    }

    /// The slot of `parent` brought the head into the slots.
    fn in_slots(&mut self, adoption: Adoption, parent: Option<Id>) -> Action {
        let Adoption { head, cause, survey } = adoption;
        let (floor, teller) = (survey.floor(), survey.teller(&head));
        match cause {
            Cause::Head(facts) => {
                let facts = self.sought(*facts, floor);
                let then = Climbing::Head { id: head, created_at: facts.created_at, parent };
                match facts.producers {
                    Some(producers) => self.climbed(then, producers),
                    None => self.climb_to(teller, then),
                }
            }
            Cause::Dangling(id) => {
                let placing = Box::new(Placing { slot: noop(Some(head), &id), adoption: None });
                self.climb_to(teller, Climbing::Noop(placing))
            }
            Cause::Choice => {
                self.adopted = true;
                let above = survey.above(&head);
                self.point_at(head, above)
            }
        }
    }

    /// The choice, or what only repeats it, has its slot: moves the pointer there, whatever it named.
    pub(super) fn point_at(&mut self, chosen: Id, above: Option<Id>) -> Action {
        match self.pointer.clone() {
            Some(raw) if *raw == *chosen.as_bytes() => {
                self.go(State::ChoicePointerPersisted { chosen, above }, Action::PersistLatest)
            }
            expected => {
                let swap = Action::Swap { expected, value: chosen.clone() };
                self.go(State::ChoiceSwapped { chosen, above }, swap)
            }
        }
    }

    /// The pointer is there. Whoever builds on one of the Go library's looks for the greatest id; on one of ours nobody
    /// does, so that a noop goes between.
    fn pointed_at(&mut self, chosen: Id, above: Option<Id>) -> Action {
        self.pointer = Some(chosen.as_bytes().to_vec());
        self.above = above.filter(|_| matches!(form(&chosen), Form::Ours { .. }));
        #[cfg(test)]
        if self.mutated(Mutant::NothingAboveTheChoice) {
            self.above = None;
        }
        match self.above {
            Some(_) => self.go(State::ChoiceManifest(chosen.clone()), Action::ReadManifest(chosen)),
            None => self.finish(Outcome::Adopted),
        }
    }

    /// The slots end at the head: what comes next must sort above all that there is.
    pub(super) fn raise(&mut self) -> Action {
        match (&self.head, &self.above) {
            (Some(head), Some(above)) if head.id < *above => self.draw(),
            _ => self.finish(Outcome::Adopted),
        }
    }

    /// A head's facts, dated so that what is built on it exceeds every id there is.
    fn sought(&self, facts: ManifestFacts, floor: i64) -> ManifestFacts {
        #[cfg(test)]
        if self.mutated(Mutant::ProducersNotSought) {
            let producers = facts.producers.or_else(|| Some(Arc::default()));
            return ManifestFacts { created_at: facts.created_at.max(floor), producers, ..facts };
        }
        ManifestFacts { created_at: facts.created_at.max(floor), ..facts }
    }

    /// A head that a slot names and the Go library wrote: lists, so that what is built on it exceeds every id.
    pub(super) fn adopted_head(&mut self, slot: Slot, facts: ManifestFacts) -> Action {
        self.go(State::Floor { slot, facts }, Action::ListHead)
    }

    fn head_in_slots(&mut self, id: Id, facts: ManifestFacts, floor: i64, parent: Option<Id>) -> Action {
        let facts = self.sought(facts, floor);
        let then = Climbing::Head { id, created_at: facts.created_at, parent };
        match facts.producers {
            Some(producers) => self.climbed(then, producers),
            None => self.climb_to(facts.parent, then),
        }
    }

    /// Looks for the map of producers in this ancestor, and on from there.
    fn climb_to(&mut self, at: Option<Id>, then: Climbing) -> Action {
        match at {
            Some(at) => self.go(State::Climb(Climb { at: at.clone(), then }), Action::ReadManifest(at)),
            None => self.climbed(then, Arc::default()),
        }
    }

    fn on_climbed(&mut self, climb: Climb, read: Read<ManifestFacts>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Absent if matches!(form(&climb.at), Form::Ours { .. }) => {
                self.refuse(Reason::Missing(climb.at))
            }
            Read::Absent => self.climbed(climb.then, Arc::default()),
            Read::Found(ManifestFacts { producers: Some(producers), .. }) => {
                self.climbed(climb.then, producers)
            }
            Read::Found(facts) => self.climb_to(facts.parent, climb.then),
        }
    }

    fn climbed(&mut self, then: Climbing, producers: Arc<crate::manifest::producers::Producers>) -> Action {
        match then {
            Climbing::Head { id, created_at, parent } => {
                let head = Head { id, created_at, producers };
                self.go(
                    State::HeadSlotPersisted { head, parent: parent.clone() },
                    Action::PersistSlot(parent),
                )
            }
            Climbing::Noop(mut placing) => {
                placing.slot.producers = producers;
                self.go(State::PlaceDraw(placing), Action::Draw)
            }
        }
    }

    /// Something else than the noop stands in its place: the Go writer's own manifest, late.
    fn on_standing(&mut self, mut job: Job, read: Read<ManifestFacts>) -> Action {
        match read {
            Read::Found(facts) if facts.parent == job.slot.parent => {
                job.slot.created_at = job.slot.created_at.max(facts.created_at);
                if let Some(producers) = facts.producers {
                    job.slot.producers = producers;
                }
                let id = job.slot.child.clone();
                self.go(State::ManifestPersisted(job), Action::PersistManifest(id))
            }
            Read::Found(_) => {
                let heads = vec![job.slot.child.clone()];
                self.needs_repair(Repair::OtherParent(job.slot.child), heads)
            }
            Read::Absent => self.again(),
            Read::Failed => self.fail(),
        }
    }

    /// The choice cannot be adopted any more: finds what can be chosen instead.
    fn seek_end(&mut self, choice: Id, slot: Slot, repeats: bool) -> Action {
        if self.parent_loop.closes(slot.parent.as_deref(), &slot.child) {
            return self.needs_repair(Repair::OtherParent(slot.child), vec![choice]);
        }
        let (next, repeats) = (slot.child.clone(), repeats && slot.kind == Kind::Noop);
        self.go(State::End { choice, end: slot, repeats }, Action::ReadSlot(Some(next)))
    }

    fn on_end(&mut self, choice: Id, end: Slot, repeats: bool, read: Read<Slot>) -> Action {
        match read {
            Read::Failed => self.fail(),
            Read::Found(slot) => self.seek_end(choice, slot, repeats),
            // Nothing but repetitions of the choice: an earlier call's, perhaps.
            Read::Absent if repeats => self.help(end, Then::Chosen),
            // The manifest there is another than the slots decided.
            Read::Absent if end.child == choice => {
                self.needs_repair(Repair::OtherParent(end.child), vec![choice])
            }
            Read::Absent => {
                let heads = vec![choice, end.child.clone()];
                self.needs_repair(Repair::NotTheEnd(end.child), heads)
            }
        }
    }
}

impl Slot {
    fn empty(kind: Kind, parent: Option<Id>, child: Id, created_at: i64) -> Slot {
        Slot { kind, parent, child, created_at, nonce: 0, producers: Arc::default() }
    }
}

/// The noop that fills the place of the dangling `id`, as of the time that is in it.
fn noop(parent: Option<Id>, id: &Id) -> Slot {
    Slot::empty(Kind::Noop, parent, id.clone(), id_time(id).unwrap_or_default())
}

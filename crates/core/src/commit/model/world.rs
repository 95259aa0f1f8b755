//! The world that the machines run in: a store whose requests may be lost, delayed or answered by nobody,
//! writers that crash, a Go reader that repairs the pointer, somebody who resets the pointer.

use std::collections::BTreeMap;

use crate::history::{Id, Kind, Slot};
use crate::id::compose;
use crate::manifest::producers::Stamp;

use super::super::machine::{
    Action, Event, Goal, Knowledge, Machine, Mutant, Outcome, Publication, PutAnswer, Read, Reason,
    SwapAnswer,
};
use super::choices::Choices;
use super::foreign::{Go, GoPlan, Reader, Stored, is_go};
use super::look::Look;

/// What is explored.
#[derive(Clone)]
pub struct Scenario {
    /// Each writer: its clock, how many commits it makes, whether it repeats (or resolves) a commit in doubt.
    pub writers: Vec<Plan>,
    /// Requests that are refused, unanswered or delayed; deadlines; failed syncs.
    pub faults: u8,
    /// Writers that crash, and are replaced by fresh ones.
    pub crashes: u8,
    /// Runs of a Go reader, which repairs a dangling pointer.
    pub repairs: u8,
    /// How often a reader of this library looks for the newest snapshot.
    pub looks: u8,
    /// Resets of the pointer, to nothing or to any snapshot.
    pub resets: u8,
    /// The hive layout: a manifest's copies come first, and a writer may get no further. A Go reader takes a copy for
    /// the snapshot.
    pub hive: bool,
    /// What the Go library's writer does.
    pub go: GoPlan,
    /// The seeded fault.
    pub mutant: Option<Mutant>,
}

/// What a writer does.
#[derive(Clone)]
pub struct Plan {
    /// Its clock stands still.
    pub clock: i64,
    /// How many commits.
    pub commits: u8,
    /// What it does about a commit in doubt.
    pub doubt: Doubt,
    /// It expects the head that it last committed itself, and after a conflict any.
    pub expects: bool,
    /// Its commits carry a producer's sequence, the number of the commit; one that crashed or is in doubt is made
    /// again, by the same number.
    pub produces: bool,
    /// Told that the history needs repair, it chooses a head and commits then.
    pub chooses: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    Repeat,
    Resolve,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Slot(Slot),
    Manifest(Slot),
    Swap { expected: Option<Vec<u8>>, value: Id },
}

#[derive(Clone, Hash, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) machine: Option<Machine>,
    action: Option<Action>,
    knowledge: Knowledge,
    commits: u8,
    draws: u8,
    lives: u8,
    last: Option<Id>,
    pub(super) doubt: Option<Slot>,
}

/// One state of the whole.
#[derive(Clone, Hash, PartialEq, Eq)]
pub struct World {
    pub(super) latest: Option<Vec<u8>>,
    pub(super) slots: BTreeMap<Option<Id>, Slot>,
    pub(super) manifests: BTreeMap<Id, Stored>,
    /// In the hive layout: manifests of which there are copies.
    pub(super) copies: BTreeMap<Id, Slot>,
    pub(super) go: Go,
    pub(super) choices: Choices,
    pub(super) delayed: Vec<Request>,
    pub(super) writers: Vec<Writer>,
    pub(super) reader: Reader,
    pub(super) look: Look,
    pub(super) faults: u8,
    pub(super) crashes: u8,
    pub(super) repairs: u8,
    pub(super) resets: u8,
    pub(super) disturbed: bool,
    pub(super) acknowledged: Vec<Id>,
    pub(super) refused: Vec<u128>,
    /// How many commits were refused because a person has to decide.
    pub(super) refused_for_repair: u8,
    /// Of each nonce: which writer's, in which life, for which commit.
    pub(super) owners: BTreeMap<u128, (usize, u8, u8)>,
}

/// One step, and where it leads; or the fault that it shows.
pub type Step = (String, Result<World, String>);

impl World {
    pub fn new(scenario: &Scenario) -> Self {
        let (latest, manifests) = Go::start(&scenario.go);
        World {
            latest,
            slots: BTreeMap::new(),
            manifests,
            copies: BTreeMap::new(),
            go: Go::new(&scenario.go),
            choices: Choices::new(scenario.writers.len()),
            delayed: Vec::new(),
            writers: scenario.writers.iter().map(|_| Writer::new(0)).collect(),
            reader: Reader::Idle,
            look: Look::new(scenario.looks),
            faults: scenario.faults,
            crashes: scenario.crashes,
            repairs: scenario.repairs,
            resets: scenario.resets,
            disturbed: false,
            acknowledged: Vec::new(),
            refused: Vec::new(),
            refused_for_repair: 0,
            owners: BTreeMap::new(),
        }
    }

    /// Every step that can come next.
    pub fn steps(&self, scenario: &Scenario) -> Vec<Step> {
        let mut steps = Vec::new();
        for index in 0..self.writers.len() {
            self.writer_steps(scenario, index, &mut steps);
        }
        for index in 0..self.delayed.len() {
            let mut next = self.clone();
            let request = next.delayed.remove(index);
            let label = format!("a delayed request arrives: {}", describe(&request));
            let result = next.apply(&request).map(|_| next);
            steps.push((label, result));
        }
        self.reader_steps(&mut steps);
        self.look_steps(&mut steps);
        self.go_steps(scenario, &mut steps);
        if self.resets > 0 {
            let values =
                std::iter::once(None).chain(self.manifests.keys().map(|id| Some(id.as_bytes().to_vec())));
            for value in values.filter(|value| *value != self.latest) {
                let mut next = self.clone();
                next.resets -= 1;
                next.disturbed = true;
                let label = format!("the pointer is reset to {}", text(&value));
                next.latest = value;
                steps.push((label, Ok(next)));
            }
        }
        for (_, result) in &mut steps {
            if let Ok(world) = result
                && let Err(fault) = world.check()
            {
                *result = Err(fault);
            }
        }
        steps
    }

    fn writer_steps(&self, scenario: &Scenario, index: usize, steps: &mut Vec<Step>) {
        let writer = &self.writers[index];
        let plan = &scenario.writers[index];
        let Some(action) = writer.action.clone() else {
            if let Some(next) = self.begin(scenario, index) {
                steps.push((format!("writer {index} begins"), Ok(next)));
            }
            return;
        };
        let mut answers: Vec<(String, Result<World, String>, Event)> = Vec::new();
        let plain = |event: Event| (String::new(), Ok(self.clone()), event);
        let faulty = |what: &str, event: Event| {
            let mut next = self.clone();
            next.faults -= 1;
            (what.to_string(), Ok(next), event)
        };
        let faults = self.faults > 0;
        match &action {
            Action::ReadLatest => {
                answers.push(plain(Event::Latest(read(self.latest.clone()))));
                if faults {
                    answers.push(faulty("fails", Event::Latest(Read::Failed)));
                }
            }
            Action::ListHead => {
                answers.push(plain(Event::Listed(read(self.manifests.keys().next_back().cloned()))));
            }
            Action::ReadManifest(id) => {
                let facts = self.manifests.get(id).map(|stored| stored.facts(id));
                answers.push(plain(Event::Manifest(read(facts))));
            }
            Action::ReadSlot(parent) => {
                answers.push(plain(Event::Slot(read(self.slots.get(parent).cloned()))));
                if faults {
                    answers.push(faulty("fails", Event::Slot(Read::Failed)));
                }
            }
            Action::FindNamer(child) => {
                let below = self.slots.iter().rfind(|(parent, _)| parent.as_ref().is_none_or(|p| p < child));
                let namer = below.map(|(_, slot)| slot.clone()).filter(|slot| slot.child == *child);
                answers.push(plain(Event::Namer(read(namer))));
            }
            Action::FinishData => {
                let id =
                    Id::from(compose(plan.clock.unsigned_abs(), self.random(index)).expect("a small time"));
                answers.push(plain(Event::DataFinished(id, plan.clock)));
            }
            Action::Draw => {
                let random = self.random(index);
                let nonce = u128::from(random);
                answers.push(plain(Event::Drawn { now: plan.clock, random, nonce }));
            }
            Action::Survey => answers.push(plain(Event::Surveyed(Read::Found(self.survey().into())))),
            Action::ReadAge(aging) => {
                let ages = self.ages(scenario, aging).into_iter();
                answers.extend(ages.map(|(world, event)| (String::new(), Ok(world), event)));
            }
            Action::PersistAdopted(_)
            | Action::PersistSlot(_)
            | Action::PersistManifest(_)
            | Action::PersistLatest => {
                answers.push(plain(Event::Persisted(true)));
                if faults {
                    answers.push(faulty("fails", Event::Persisted(false)));
                }
            }
            Action::Pause(_) => {
                answers.push(plain(Event::Paused { stop: false }));
                if faults {
                    answers.push(faulty("ends at the deadline", Event::Paused { stop: true }));
                }
            }
            Action::PutSlot(slot) => {
                self.requests(&Request::Slot(slot.clone()), faults, &mut answers, true);
            }
            Action::PutManifest(slot) => {
                self.requests(&Request::Manifest(slot.clone()), faults, &mut answers, false);
                if let Some(half) = self.half_written(scenario, slot) {
                    if faults {
                        for event in [PutAnswer::Failed, PutAnswer::Unknown] {
                            let mut half = half.clone();
                            half.faults -= 1;
                            answers.push(("gets as far as the copies".into(), Ok(half), Event::Put(event)));
                        }
                    }
                    if self.crashes > 0 {
                        let mut half = half;
                        half.crash(index, plan);
                        steps.push((format!("writer {index} crashes after the copies"), Ok(half)));
                    }
                }
            }
            Action::Swap { expected, value } => {
                let request = Request::Swap { expected: expected.clone(), value: value.clone() };
                self.requests(&request, faults, &mut answers, false);
            }
            Action::Finish(_) => unreachable!("handled when it was given"),
        }
        for (how, world, event) in answers {
            let label = format!("writer {index}: {action:?} {how} -> {event:?}");
            let result = world.and_then(|mut world| {
                world.answer(scenario, index, event)?;
                Ok(world)
            });
            steps.push((label, result));
        }
        if self.crashes > 0 {
            let mut next = self.clone();
            next.crash(index, plan);
            steps.push((format!("writer {index} crashes before {action:?}"), Ok(next)));
        }
    }

    fn crash(&mut self, index: usize, plan: &Plan) {
        self.crashes -= 1;
        let writer = &self.writers[index];
        let commits = writer.commits - u8::from(plan.produces);
        self.forget_choice(index);
        let writer = &self.writers[index];
        self.writers[index] = Writer { commits, draws: writer.draws, ..Writer::new(writer.lives + 1) };
    }

    /// The ways in which a writing request may go.
    fn requests(
        &self,
        request: &Request,
        faults: bool,
        answers: &mut Vec<(String, Result<World, String>, Event)>,
        doubtful: bool,
    ) {
        let mut next = self.clone();
        let applied = next.apply(request);
        match applied {
            Err(fault) => answers.push((String::new(), Err(fault), Event::Start)),
            Ok(event) => {
                if faults {
                    let mut unanswered = next.clone();
                    unanswered.faults -= 1;
                    answers.push(("is applied, unanswered".into(), Ok(unanswered), unknown(request)));
                }
                if faults && doubtful && event == Event::Put(PutAnswer::Done) {
                    let mut doubt = next.clone();
                    doubt.faults -= 1;
                    answers.push(("is not durable".into(), Ok(doubt), Event::Put(PutAnswer::Doubtful)));
                }
                answers.push((String::new(), Ok(next), event));
            }
        }
        if faults {
            let mut later = self.clone();
            later.faults -= 1;
            later.delayed.push(request.clone());
            answers.push(("is delayed or lost".into(), Ok(later), unknown(request)));
            let mut refused = self.clone();
            refused.faults -= 1;
            let event = match request {
                Request::Swap { .. } => {
                    refused.look.end();
                    Event::Swapped(SwapAnswer::Failed)
                }
                _ => Event::Put(PutAnswer::Failed),
            };
            answers.push(("is refused".into(), Ok(refused), event));
        }
    }

    /// Does to the store what the request asks, and gives the store's answer.
    fn apply(&mut self, request: &Request) -> Result<Event, String> {
        Ok(match request {
            Request::Slot(slot) => {
                if self.slots.contains_key(&slot.parent) {
                    return Ok(Event::Put(PutAnswer::Exists));
                }
                if self.refused.contains(&slot.nonce) {
                    return Err(format!(
                        "{} was said to be impossible, and is committed after all",
                        slot.child
                    ));
                }
                self.judge_slot(slot)?;
                self.judge_order(slot)?;
                self.slots.insert(slot.parent.clone(), slot.clone());
                Event::Put(PutAnswer::Done)
            }
            Request::Manifest(slot) => match self.manifests.get(&slot.child) {
                Some(Stored::Ours(there)) if there == slot => Event::Put(PutAnswer::Exists),
                Some(_) => Event::Put(PutAnswer::Differs),
                None => {
                    self.manifests.insert(slot.child.clone(), Stored::Ours(slot.clone()));
                    Event::Put(PutAnswer::Done)
                }
            },
            Request::Swap { expected, value } => {
                if self.latest != *expected {
                    return Ok(Event::Swapped(SwapAnswer::Mismatch(self.latest.clone())));
                }
                let path = self.path();
                let place = |id: &[u8]| path.iter().position(|(on, _)| on.as_bytes() == id);
                let foreign = |raw: &[u8]| std::str::from_utf8(raw).is_ok_and(is_go) && place(raw).is_none();
                if expected.as_deref().is_some_and(foreign) && !self.choices.begun {
                    return Err(format!("the pointer to a Go writer's snapshot is overwritten by {value}"));
                }
                if let Some(old) = expected.as_deref().and_then(place)
                    && place(value.as_bytes()).is_none_or(|new| new < old)
                {
                    return Err(format!("the pointer goes back to {value}"));
                }
                self.latest = Some(value.as_bytes().to_vec());
                Event::Swapped(SwapAnswer::Done)
            }
        })
    }

    fn random(&self, index: usize) -> u64 {
        (index as u64 + 1) * 100 + u64::from(self.writers[index].draws)
    }

    fn begin(&self, scenario: &Scenario, index: usize) -> Option<World> {
        let mut next = self.clone();
        let plan = &scenario.writers[index];
        let choice = next.begin_choice(index)?;
        let writer = &mut next.writers[index];
        let knowledge = writer.knowledge.clone();
        if plan.produces && writer.doubt.take().is_some() {
            writer.commits -= 1;
        }
        let stamp = plan.produces.then(|| stamp(writer.commits + 1));
        let machine = match writer.doubt.take() {
            None if choice.is_some() => Machine::new(choice?, knowledge, 2),
            Some(slot) if plan.doubt == Doubt::Repeat => {
                Machine::settle(Goal::Commit { expected: None, stamp }, knowledge, 2, slot)
            }
            Some(slot) => Machine::new(Goal::Resolve { id: slot.child }, knowledge, 2),
            None if writer.commits == plan.commits => return None,
            None => {
                writer.commits += 1;
                let expected = plan.expects.then(|| writer.last.clone());
                Machine::new(Goal::Commit { expected, stamp }, knowledge, 2)
            }
        };
        let mut machine = machine.with_mutant(scenario.mutant);
        writer.action = Some(machine.step(Event::Start));
        writer.machine = Some(machine);
        Some(next)
    }

    /// Gives a writer its answer; if that ends its commit, notes what it was told.
    fn answer(&mut self, scenario: &Scenario, index: usize, event: Event) -> Result<(), String> {
        let writer = &mut self.writers[index];
        if let Event::Drawn { nonce, .. } = event {
            let owner = match scenario.writers[index].produces {
                // Whoever carries the sequence out: it is one commit.
                true => (usize::MAX, 0, writer.commits),
                false => (index, writer.lives, writer.commits),
            };
            self.owners.insert(nonce, owner);
        }
        if matches!(event, Event::Drawn { .. } | Event::DataFinished(..)) {
            writer.draws += 1;
        }
        let Some(machine) = &mut writer.machine else { return Ok(()) };
        let action = machine.step(event);
        let Action::Finish(outcome) = action else {
            writer.action = Some(action);
            return Ok(());
        };
        writer.knowledge = machine.knowledge().clone();
        writer.action = None;
        let ended = writer.machine.take();
        match outcome {
            Outcome::Committed(slot, publication) => {
                self.writers[index].last = Some(slot.child.clone());
                if self.slots.get(&slot.parent) != Some(&slot) {
                    return Err(format!("{} is acknowledged, but its slot is not its own", slot.child));
                }
                if publication == Publication::Published && !self.manifests.contains_key(&slot.child) {
                    return Err(format!("{} is acknowledged as published, but has no manifest", slot.child));
                }
                if publication == Publication::Published
                    && !self.disturbed
                    && scenario.go.commits == 0
                    && !self.points_at_or_beyond(&slot.child)
                {
                    return Err(format!(
                        "{} is acknowledged as published, but the pointer is behind",
                        slot.child
                    ));
                }
                let alone = scenario.go.commits == 0 || scenario.go.turns;
                if publication == Publication::BesideForeign && !self.disturbed && alone {
                    return Err(format!(
                        "{} is said to stand beside a foreign writer; there is none",
                        slot.child
                    ));
                }
                self.acknowledged.push(slot.child);
            }
            Outcome::AlreadyCommitted(_) => {
                let owner = (usize::MAX, 0, self.writers[index].commits);
                let done = self.slots.values().any(|slot| self.owners.get(&slot.nonce) == Some(&owner));
                if !done {
                    return Err(format!(
                        "writer {index} is told that its sequence is committed, but it is not"
                    ));
                }
            }
            Outcome::NotCommitted(reason) => {
                let right = match &reason {
                    Reason::Failed => true,
                    Reason::Conflict(_) => scenario.writers[index].expects,
                    Reason::Busy(_) | Reason::Restless => scenario.go.commits > 0,
                    Reason::NeedsRepair { .. } => self.needs_repair(),
                    _ => false,
                };
                if !right {
                    return Err(format!("writer {index} is told {reason:?}"));
                }
                self.refused_for_repair += u8::from(matches!(reason, Reason::NeedsRepair { .. }));
                if scenario.writers[index].chooses && matches!(reason, Reason::NeedsRepair { .. }) {
                    let choosing = self.has_choice(index);
                    self.choose(index, &reason);
                    self.writers[index].commits -= u8::from(!choosing && self.has_choice(index));
                }
                if let Reason::Conflict(head) = reason {
                    self.writers[index].last = head;
                }
                // Every attempt of this writer that is not acknowledged is refused by this answer.
                let attempt = ended.as_ref().and_then(Machine::attempt);
                if let Some(nonce) = attempt.map(|slot| slot.nonce) {
                    if self.slots.values().any(|slot| slot.nonce == nonce) {
                        return Err(format!("writer {index} is told that nothing was committed, but it was"));
                    }
                    self.refused.push(nonce);
                }
            }
            Outcome::Unknown(slot) => self.writers[index].doubt = Some(slot),
            Outcome::Impossible => {
                let Some(Goal::Resolve { id }) = ended.map(|machine| machine.goal().clone()) else {
                    return Err("a commit ended as a resolution".into());
                };
                if self.slots.values().any(|slot| slot.child == id) {
                    return Err(format!("{id} is said to be impossible, but it is committed"));
                }
                let open: Vec<u128> = self
                    .delayed
                    .iter()
                    .filter_map(|request| match request {
                        Request::Slot(slot) if slot.child == id => Some(slot.nonce),
                        _ => None,
                    })
                    .collect();
                self.refused.extend(open);
            }
            Outcome::Resolved => {
                let id = ended.map(|machine| machine.goal().clone());
                let Some(Goal::Resolve { id }) = id else {
                    return Err("a commit ended as a resolution".into());
                };
                self.acknowledged.push(id);
            }
            Outcome::Undecided => {}
            Outcome::Adopted => self.chosen(index, ended.as_ref())?,
        }
        Ok(())
    }
}

impl Writer {
    /// One that nobody has seen before.
    pub(super) fn fresh() -> Self {
        Writer { draws: 90, ..Writer::new(u8::MAX) }
    }

    fn new(lives: u8) -> Self {
        Writer {
            machine: None,
            action: None,
            knowledge: Knowledge::default(),
            commits: 0,
            draws: 0,
            lives,
            last: None,
            doubt: None,
        }
    }
}

/// The producer's, whoever it is that carries the commit of this number out.
fn stamp(number: u8) -> Stamp {
    Stamp { producer: "p".into(), sequence: u64::from(number), position: String::new() }
}

fn read<T>(found: Option<T>) -> Read<T> {
    found.map_or(Read::Absent, Read::Found)
}

fn unknown(request: &Request) -> Event {
    match request {
        Request::Swap { .. } => Event::Swapped(SwapAnswer::Unknown),
        _ => Event::Put(PutAnswer::Unknown),
    }
}

fn text(raw: &Option<Vec<u8>>) -> String {
    raw.as_ref().map_or("nothing".into(), |raw| String::from_utf8_lossy(raw).into_owned())
}

fn describe(request: &Request) -> String {
    match request {
        Request::Slot(slot) => format!(
            "slot of {:?} for {} ({})",
            slot.parent,
            slot.child,
            match slot.kind {
                Kind::Commit => "commit",
                Kind::Noop => "noop",
                Kind::Adopt => "adopt",
            }
        ),
        Request::Manifest(slot) => format!("manifest of {}", slot.child),
        Request::Swap { value, .. } => format!("swap to {value}"),
    }
}

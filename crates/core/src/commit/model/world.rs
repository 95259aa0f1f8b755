//! The world that the machines run in: a store whose requests may be lost, delayed or not answered,
//! writers that crash, a Go reader that repairs the pointer, an operator that resets the pointer.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Id, Slot, SlotKind};
use crate::id::compose;
use crate::manifest::producers::Stamp;

use super::super::machine::{
    CheckHead, Dated, Drawn, Goal, HeadAnswer, Knowledge, Machine, ManifestAnswer, Mutant, PartsAnswer,
    PauseAnswer, Pending, PutAnswer, Read, SwapAnswer, SwapLatest,
};
use super::answers::Answers;
use super::choices::Choices;
use super::clean_up::CleanUp;
use super::foreign::{Go, Reader, Stored, is_go};
use super::look::Look;
use super::scenario::{Doubt, Plan, Scenario};
use super::volumes::Ranges;

/// A writing request that has not arrived yet.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum Delayed {
    Slot(Slot),
    Manifest(Slot),
    Swap(SwapLatest),
}

#[derive(Clone, Hash, PartialEq, Eq)]
pub(super) struct Writer {
    /// The machine of the commit under way, and what it waits for.
    pub(super) running: Option<(Machine, Pending)>,
    pub(super) knowledge: Knowledge,
    pub(super) commits: u8,
    draws: u8,
    lives: u8,
    pub(super) last: Option<Id>,
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
    pub(super) delayed: Vec<Delayed>,
    pub(super) writers: Vec<Writer>,
    pub(super) reader: Reader,
    pub(super) look: Look,
    pub(super) faults: u8,
    pub(super) crashes: u8,
    pub(super) repairs: u8,
    pub(super) resets: u8,
    pub(super) restores: u8,
    pub(super) disturbed: bool,
    pub(super) acknowledged: Vec<Id>,
    pub(super) refused: Vec<u128>,
    /// How many commits were refused because a person has to decide.
    pub(super) refused_for_repair: u8,
    /// Of each nonce: which writer's, in which life, for which commit.
    pub(super) owners: BTreeMap<u128, (usize, u8, u8)>,
    /// The nonces of attempts whose manifest names the part.
    pub(super) naming: BTreeSet<u128>,
    pub(super) clean_up: CleanUp,
    pub(super) ranges: Ranges,
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
            restores: scenario.restores,
            disturbed: false,
            acknowledged: Vec::new(),
            refused: Vec::new(),
            refused_for_repair: 0,
            owners: BTreeMap::new(),
            naming: BTreeSet::new(),
            clean_up: CleanUp::new(scenario),
            ranges: Ranges::default(),
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
            let result = next.apply_put(&request).map(|_| next);
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
        self.restore_steps(&mut steps);
        self.clean_up_steps(scenario, &mut steps);
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
        let plan = &scenario.writers[index];
        let Some((machine, pending)) = &self.writers[index].running else {
            if let Some(next) = self.begin(scenario, index) {
                steps.push((format!("writer {index} begins"), Ok(next)));
            }
            return;
        };
        let mut answers = Answers { world: self, scenario, index, machine, steps };
        match pending {
            Pending::ReadLatest(ask) => {
                answers.plain(ask, read(self.latest.clone()));
                answers.faulty(ask, "fails", Read::Failed);
            }
            Pending::ListHead(ask) => answers.plain(ask, read(self.manifests.keys().next_back().cloned())),
            Pending::ReadManifest(ask) => {
                let id = &ask.request.0;
                let facts = self.manifests.get(id).map(|stored| stored.facts(id));
                answers.plain(ask, facts.map_or(ManifestAnswer::Absent, ManifestAnswer::Whole));
            }
            Pending::ReadSlot(ask) => {
                answers.plain(ask, read(self.slots.get(&ask.request.0).cloned()));
                answers.faulty(ask, "fails", Read::Failed);
            }
            Pending::FindSlotNaming(ask) => {
                let child = &ask.request.0;
                let below = self.slots.iter().rfind(|(parent, _)| parent.as_ref().is_none_or(|p| p < child));
                let naming = below.map(|(_, slot)| slot.clone()).filter(|slot| slot.child == *child);
                answers.plain(ask, read(naming));
            }
            Pending::CheckHead(ask) => {
                answers.plain(ask, self.checked(&ask.request));
                answers.faulty(ask, "fails", HeadAnswer::Failed);
            }
            Pending::FinishData(ask) => {
                let id =
                    Id::from(compose(plan.clock.unsigned_abs(), self.random(index)).expect("a small time"));
                let mut world = self.clone();
                world.writers[index].draws += 1;
                answers.push(ask, "", Ok(world), Some(Dated { id, created_at: plan.clock }));
            }
            Pending::CheckParts(ask) => match plan.range {
                Some(range) => self.merge(scenario, index, range, ask, &mut answers),
                None => {
                    let named = self.naming_part(scenario, &ask.request.0);
                    answers.plain(ask, named.map_or(PartsAnswer::New, PartsAnswer::Committed));
                    answers.faulty(ask, "fails", PartsAnswer::Failed);
                }
            },
            Pending::Draw(ask) => {
                let random = self.random(index);
                let drawn = Drawn { now: plan.clock, random, nonce: u128::from(random) };
                let mut world = self.clone();
                world.writers[index].draws += 1;
                let owner = match plan.produces {
                    // Whichever writer carries the sequence out: it is one commit.
                    true => (usize::MAX, 0, self.writers[index].commits),
                    false => (index, self.writers[index].lives, self.writers[index].commits),
                };
                world.owners.insert(drawn.nonce, owner);
                if plan.has_part {
                    world.naming.insert(drawn.nonce);
                }
                if let Some(range) = plan.range {
                    world.note_ranges(index, range, drawn.nonce);
                }
                answers.push(ask, "", Ok(world), drawn);
            }
            Pending::ReadSurvey(ask) => answers.plain(ask, Read::Found(self.survey().into())),
            Pending::ReadAge(ask) => {
                for (world, age) in self.ages(scenario, &ask.request.0) {
                    answers.push(ask, "", Ok(world), age);
                }
            }
            Pending::PersistAdopted(ask) => answers.synced(ask),
            Pending::PersistSlot(ask) => answers.synced(ask),
            Pending::PersistManifest(ask) => answers.synced(ask),
            Pending::PersistLatest(ask) => answers.synced(ask),
            Pending::Pause(ask) => {
                answers.plain(ask, PauseAnswer::GoOn);
                answers.faulty(ask, "ends at the deadline", PauseAnswer::Stop);
            }
            Pending::PutSlot(ask) => self.put_slot_in_time(scenario, index, ask, &mut answers),
            Pending::PutManifest(ask) => {
                let slot = &ask.request.0;
                answers.put(ask, &Delayed::Manifest(slot.clone()));
                if let Some(half) = self.half_written(scenario, slot) {
                    if self.faults > 0 {
                        for answer in [PutAnswer::Failed, PutAnswer::Unknown] {
                            let mut half = half.clone();
                            half.faults -= 1;
                            answers.push(ask, "gets as far as the copies", Ok(half), answer);
                        }
                    }
                    if self.crashes > 0 {
                        let mut half = half;
                        half.crash(index, plan);
                        answers.steps.push((format!("writer {index} crashes after the copies"), Ok(half)));
                    }
                }
            }
            Pending::SwapLatest(ask) => answers.swap(ask),
            Pending::Finished(_) => unreachable!("handled when it was given"),
        }
        if self.crashes > 0 {
            let mut next = self.clone();
            next.crash(index, plan);
            steps.push((format!("writer {index} crashes before {pending:?}"), Ok(next)));
        }
    }

    /// The snapshot, from `head` back, that names the part.
    fn naming_part(&self, scenario: &Scenario, head: &Id) -> Option<Id> {
        let mut next = Some(head.clone());
        while let Some(id) = next {
            let stored = self.manifests.get(&id)?;
            if let Stored::Ours(slot) = stored
                && slot.kind == SlotKind::Commit
                && self.naming.contains(&slot.nonce)
            {
                return Some(id);
            }
            next =
                stored.parent().clone().filter(|_| scenario.mutant != Some(Mutant::PartsCheckedInHeadOnly));
        }
        None
    }

    /// Whether the slot of the parent names this snapshot, and its manifest is what the slot decided.
    fn checked(&self, head: &CheckHead) -> HeadAnswer {
        let naming = self.slots.get(&head.parent).filter(|slot| slot.child == head.id);
        match (naming, self.manifests.get(&head.id)) {
            (None, _) => HeadAnswer::NotNamed,
            (Some(slot), Some(Stored::Ours(there))) if slot == there => HeadAnswer::Sound,
            (Some(slot), Some(_)) if !slot.has_own_payload() => HeadAnswer::Sound,
            (Some(_), _) => HeadAnswer::Differs,
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

    /// Does to the store what the request asks, and gives the store's answer.
    pub(super) fn apply_put(&mut self, request: &Delayed) -> Result<PutAnswer, String> {
        match request {
            Delayed::Slot(slot) => {
                if self.slots.contains_key(&slot.parent) {
                    return Ok(PutAnswer::Exists);
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
                Ok(PutAnswer::Done)
            }
            Delayed::Manifest(slot) => Ok(match self.manifests.get(&slot.child) {
                Some(Stored::Ours(there)) if there == slot => PutAnswer::Exists,
                Some(_) => PutAnswer::Differs,
                None => {
                    self.manifests.insert(slot.child.clone(), Stored::Ours(slot.clone()));
                    PutAnswer::Done
                }
            }),
            Delayed::Swap(swap) => self.apply_swap(swap).map(|_| PutAnswer::Done),
        }
    }

    pub(super) fn apply_swap(&mut self, swap: &SwapLatest) -> Result<SwapAnswer, String> {
        let SwapLatest { expected, value } = swap;
        if self.latest != *expected {
            return Ok(SwapAnswer::Mismatch(self.latest.clone()));
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
        Ok(SwapAnswer::Done)
    }

    fn random(&self, index: usize) -> u64 {
        (index as u64 + 1) * 100 + u64::from(self.writers[index].draws)
    }

    fn begin(&self, scenario: &Scenario, index: usize) -> Option<World> {
        let mut next = self.clone();
        let plan = &scenario.writers[index];
        let choice = next.begin_choice(index)?;
        next.forget_merged(index);
        let writer = &mut next.writers[index];
        let knowledge = writer.knowledge.clone();
        let has_parts = plan.has_part || plan.range.is_some();
        if plan.produces && writer.doubt.take().is_some() {
            writer.commits -= 1;
        }
        let stamp = plan.produces.then(|| stamp(writer.commits + 1));
        let machine = match writer.doubt.take() {
            None if choice.is_some() => Machine::new(choice?, knowledge, 2),
            Some(slot) if plan.doubt == Doubt::Repeat => {
                Machine::repeating(Goal::Commit { expected: None, stamp, has_parts }, knowledge, 2, slot)
            }
            Some(slot) => Machine::new(Goal::Resolve { id: slot.child }, knowledge, 2),
            None if writer.commits == plan.commits => return None,
            None => {
                writer.commits += 1;
                let expected = plan.expects.then(|| writer.last.clone());
                Machine::new(Goal::Commit { expected, stamp, has_parts }, knowledge, 2)
            }
        };
        let mut machine = machine.with_mutant(scenario.mutant);
        let pending = machine.start();
        writer.running = Some((machine, pending));
        Some(next)
    }
}

impl Writer {
    /// A new one.
    pub(super) fn fresh() -> Self {
        Writer { draws: 90, ..Writer::new(u8::MAX) }
    }

    fn new(lives: u8) -> Self {
        Writer {
            running: None,
            knowledge: Knowledge::default(),
            commits: 0,
            draws: 0,
            lives,
            last: None,
            doubt: None,
        }
    }
}

/// The producer's, whichever writer carries the commit of this number out.
fn stamp(number: u8) -> Stamp {
    Stamp { producer: "p".into(), sequence: u64::from(number), position: String::new() }
}

fn read<T>(found: Option<T>) -> Read<T> {
    found.map_or(Read::Absent, Read::Found)
}

fn text(raw: &Option<Vec<u8>>) -> String {
    raw.as_ref().map_or("nothing".into(), |raw| String::from_utf8_lossy(raw).into_owned())
}

fn describe(request: &Delayed) -> String {
    match request {
        Delayed::Slot(slot) => format!(
            "slot of {:?} for {} ({})",
            slot.parent,
            slot.child,
            match slot.kind {
                SlotKind::Commit => "commit",
                SlotKind::Noop => "noop",
                SlotKind::Adopt => "adopt",
            }
        ),
        Delayed::Manifest(slot) => format!("manifest of {}", slot.child),
        Delayed::Swap(swap) => format!("swap to {}", swap.value),
    }
}

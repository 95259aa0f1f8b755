//! Clean-up in the model, on a clock of days: it lists what is staged, with its age, then reads what is
//! named, and then removes what was listed, is old and is not named. The one part of the scenarios is staged
//! on day 0; no lock protects it, as on an object store: the order of reading and the ages alone do.

use super::super::machine::{Ask, Mutant, PutAnswer, PutSlot};
use super::answers::Answers;
use super::scenario::Scenario;
use super::world::{Delayed, Step, World};

/// How many days after it was staged the part may be committed.
const STAGED_MOST: u8 = 1;

/// How old the part must be to be removed: a request is in flight for less than a day.
const MIN_AGE: u8 = 2;

/// How far a clean-up has come.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    /// It knows whether the part is there and old enough, or whether it is named, which it reads first only
    /// if the fault is seeded.
    Half { is_old: Option<bool>, is_named: Option<bool> },
}

/// Clean-up and its clock, in the world.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
pub struct CleanUp {
    today: u8,
    /// How many days may pass, still.
    days: u8,
    /// How many clean-ups may begin, still.
    left: u8,
    stage: Stage,
    is_removed: bool,
}

impl CleanUp {
    pub fn new(scenario: &Scenario) -> Self {
        CleanUp { days: scenario.days, left: scenario.clean_ups, ..CleanUp::default() }
    }
}

impl World {
    pub(super) fn clean_up_steps(&self, scenario: &Scenario, steps: &mut Vec<Step>) {
        if self.clean_up.days > 0 {
            let mut next = self.clone();
            next.clean_up.days -= 1;
            next.clean_up.today += 1;
            // What has not arrived by now never will.
            next.delayed.clear();
            steps.push(("a day passes".into(), Ok(next)));
        }
        let reads_first = scenario.mutant == Some(Mutant::NamedReadBeforeListed);
        let (is_old, is_named) = match self.clean_up.stage {
            Stage::Idle if self.clean_up.left == 0 => return,
            Stage::Idle => (None, None),
            Stage::Half { is_old, is_named } => (is_old, is_named),
        };
        let mut next = self.clone();
        let label = match (is_old, is_named) {
            (None, None) if reads_first => self.read_named(&mut next, is_old),
            (None, _) => self.list_staged(scenario, &mut next, is_named),
            (Some(_), None) => self.read_named(&mut next, is_old),
            (Some(is_old), Some(is_named)) => {
                next.clean_up.stage = Stage::Idle;
                next.clean_up.is_removed |= is_old && !is_named;
                "clean-up removes what it may".into()
            }
        };
        steps.push((label, Ok(next)));
    }

    fn list_staged(&self, scenario: &Scenario, next: &mut World, is_named: Option<bool>) -> String {
        let min_age = if scenario.mutant == Some(Mutant::MinAgeOfStaging) { STAGED_MOST } else { MIN_AGE };
        let is_old = !self.clean_up.is_removed && self.clean_up.today >= min_age;
        if is_named.is_none() {
            next.clean_up.left -= 1;
        }
        next.clean_up.stage = Stage::Half { is_old: Some(is_old), is_named };
        format!("clean-up lists: there is an old part: {is_old}")
    }

    fn read_named(&self, next: &mut World, is_old: Option<bool>) -> String {
        let is_named = self.slots_with_part().next().is_some();
        if is_old.is_none() {
            next.clean_up.left -= 1;
        }
        next.clean_up.stage = Stage::Half { is_old, is_named: Some(is_named) };
        format!("clean-up reads: the part is named: {is_named}")
    }

    /// Puts the slot, unless what it names was staged too long ago.
    pub(super) fn put_slot_in_time(
        &self,
        scenario: &Scenario,
        index: usize,
        ask: &Ask<PutSlot>,
        answers: &mut Answers<'_>,
    ) {
        let is_late = scenario.writers[index].has_part && self.clean_up.today > STAGED_MOST;
        if is_late && scenario.mutant != Some(Mutant::OldPartsCommitted) {
            answers.plain(ask, PutAnswer::Failed);
        } else {
            answers.put(ask, &Delayed::Slot(ask.request.0.clone()));
        }
    }

    /// What is visible is there.
    pub(super) fn check_clean_up(&self) -> Result<(), String> {
        match self.slots_with_part().next() {
            Some(slot) if self.clean_up.is_removed => {
                Err(format!("clean-up has removed the part that {} names", slot.child))
            }
            _ => Ok(()),
        }
    }
}

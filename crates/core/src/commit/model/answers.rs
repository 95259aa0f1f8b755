//! The answers that a request may get, each of which is a step of the world.

use std::fmt::Debug;

use super::super::machine::{Ask, Machine, PutAnswer, Request, SwapAnswer, SwapLatest, SyncAnswer};
use super::scenario::Scenario;
use super::world::{Delayed, Step, World};

/// The answers that a writer may get to its request, each of which is a step.
pub(super) struct Answers<'a> {
    pub(super) world: &'a World,
    pub(super) scenario: &'a Scenario,
    pub(super) index: usize,
    pub(super) machine: &'a Machine,
    pub(super) steps: &'a mut Vec<Step>,
}

impl Answers<'_> {
    /// The machine gets this answer in this world.
    pub(super) fn push<Q: Request + Clone + Debug>(
        &mut self,
        ask: &Ask<Q>,
        how: &str,
        world: Result<World, String>,
        answer: Q::Answer,
    ) where
        Q::Answer: Debug,
    {
        let label = format!("writer {}: {:?} {how} -> {answer:?}", self.index, ask.request);
        let result = world.and_then(|mut world| {
            let mut machine = self.machine.clone();
            let pending = ask.clone().answer(&mut machine, answer);
            world.go_on(self.scenario, self.index, machine, pending)?;
            Ok(world)
        });
        self.steps.push((label, result));
    }

    pub(super) fn plain<Q: Request + Clone + Debug>(&mut self, ask: &Ask<Q>, answer: Q::Answer)
    where
        Q::Answer: Debug,
    {
        self.push(ask, "", Ok(self.world.clone()), answer);
    }

    /// The same at the cost of a fault, if there is one left.
    pub(super) fn faulty<Q: Request + Clone + Debug>(&mut self, ask: &Ask<Q>, how: &str, answer: Q::Answer)
    where
        Q::Answer: Debug,
    {
        if self.world.faults > 0 {
            let mut world = self.world.clone();
            world.faults -= 1;
            self.push(ask, how, Ok(world), answer);
        }
    }

    pub(super) fn synced<Q: Request<Answer = SyncAnswer> + Clone + Debug>(&mut self, ask: &Ask<Q>) {
        self.plain(ask, SyncAnswer::Durable);
        self.faulty(ask, "fails", SyncAnswer::Failed);
    }

    /// The ways in which a put may go.
    pub(super) fn put<Q: Request<Answer = PutAnswer> + Clone + Debug>(
        &mut self,
        ask: &Ask<Q>,
        request: &Delayed,
    ) {
        let mut applied = self.world.clone();
        match applied.apply_put(request) {
            Err(fault) => self.push(ask, "", Err(fault), PutAnswer::Failed),
            Ok(answer) => {
                if self.world.faults > 0 {
                    let mut faulty = applied.clone();
                    faulty.faults -= 1;
                    if matches!(request, Delayed::Slot(_)) && answer == PutAnswer::Done {
                        self.push(ask, "is not durable", Ok(faulty.clone()), PutAnswer::Doubtful);
                    }
                    self.push(ask, "is applied, unanswered", Ok(faulty), PutAnswer::Unknown);
                }
                self.push(ask, "", Ok(applied), answer);
            }
        }
        self.delay(ask, request, PutAnswer::Unknown);
        self.faulty(ask, "is refused", PutAnswer::Failed);
    }

    /// The ways in which a swap may go.
    pub(super) fn swap(&mut self, ask: &Ask<SwapLatest>) {
        let mut applied = self.world.clone();
        match applied.apply_swap(&ask.request) {
            Err(fault) => self.push(ask, "", Err(fault), SwapAnswer::Failed),
            Ok(answer) => {
                if self.world.faults > 0 {
                    let mut faulty = applied.clone();
                    faulty.faults -= 1;
                    self.push(ask, "is applied, unanswered", Ok(faulty), SwapAnswer::Unknown);
                }
                self.push(ask, "", Ok(applied), answer);
            }
        }
        self.delay(ask, &Delayed::Swap(ask.request.clone()), SwapAnswer::Unknown);
        if self.world.faults > 0 {
            let mut refused = self.world.clone();
            refused.faults -= 1;
            refused.look.end();
            self.push(ask, "is refused", Ok(refused), SwapAnswer::Failed);
        }
    }

    fn delay<Q: Request + Clone + Debug>(&mut self, ask: &Ask<Q>, request: &Delayed, answer: Q::Answer)
    where
        Q::Answer: Debug,
    {
        if self.world.faults > 0 {
            let mut later = self.world.clone();
            later.faults -= 1;
            later.delayed.push(request.clone());
            self.push(ask, "is delayed or lost", Ok(later), answer);
        }
    }
}

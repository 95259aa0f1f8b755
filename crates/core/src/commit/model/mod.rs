//! The model check: every interleaving of the production `step` function with a store that loses, delays and
//! does not answer, with crashes, a Go reader's repairs and resets of the pointer; breadth-first, so that the
//! trace of a violation is a shortest one. And the mutants: seeded faults that the check must catch.

mod answers;
mod choices;
mod clean_up;
mod endings;
mod foreign;
mod hive;
mod invariants;
mod look;
mod restore;
mod scenario;
mod volumes;
mod world;

use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use twox_hash::{XxHash3_64, XxHash3_128};

use super::machine::Mutant;
use foreign::GoPlan;
use scenario::{Doubt, Plan, Scenario};
use world::World;

struct Explored {
    states: usize,
    violation: Option<String>,
}

/// What a value feeds to its hasher, put together: it is hashed at once, which takes a fraction of the time
/// of the many small pieces.
#[derive(Default)]
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        XxHash3_64::oneshot(&self.0)
    }
}

fn fingerprint(world: &World) -> u128 {
    let mut bytes = Bytes::default();
    world.hash(&mut bytes);
    XxHash3_128::oneshot(&bytes.0)
}

/// Visits every state, level by level.
fn explore(scenario: &Scenario, most: usize) -> Explored {
    // Of each state: its predecessor, and the number of the step that led here.
    let mut origins: Vec<(u32, u16)> = Vec::new();
    let mut seen: HashMap<u128, u32> = HashMap::new();
    let start = World::new(scenario);
    seen.insert(fingerprint(&start), 0);
    origins.push((0, 0));
    let mut level = vec![(0_u32, start)];
    while !level.is_empty() {
        let mut next_level = Vec::new();
        for (index, world) in level {
            let steps = world.steps(scenario);
            if steps.is_empty()
                && let Err(fault) = world.check_live(scenario)
            {
                return Explored {
                    states: seen.len(),
                    violation: Some(trace(scenario, &origins, index, None, &fault)),
                };
            }
            for (number, (label, result)) in steps.into_iter().enumerate() {
                let next = match result {
                    Ok(next) => next,
                    Err(fault) => {
                        let violation = trace(scenario, &origins, index, Some(label), &fault);
                        return Explored { states: seen.len(), violation: Some(violation) };
                    }
                };
                let place = u32::try_from(origins.len()).expect("fewer states than 2^32");
                if let std::collections::hash_map::Entry::Vacant(vacant) = seen.entry(fingerprint(&next)) {
                    vacant.insert(place);
                    origins.push((index, u16::try_from(number).expect("few steps")));
                    next_level.push((place, next));
                }
            }
            assert!(seen.len() <= most, "more than {most} states: the scenario is too large");
        }
        level = next_level;
    }
    Explored { states: seen.len(), violation: None }
}

fn trace(scenario: &Scenario, origins: &[(u32, u16)], at: u32, last: Option<String>, fault: &str) -> String {
    let mut numbers = Vec::new();
    let mut index = at;
    while index != 0 {
        let (origin, number) = origins[index as usize];
        numbers.push(number);
        index = origin;
    }
    let mut world = World::new(scenario);
    let mut lines = Vec::new();
    for number in numbers.into_iter().rev() {
        let (label, result) = world.steps(scenario).swap_remove(number as usize);
        lines.push(label);
        world = result.unwrap_or_else(|fault| panic!("the replay fails: {fault}"));
    }
    lines.extend(last);
    format!("{fault}\n  {}", lines.join("\n  "))
}

fn plan(clock: i64, commits: u8, doubt: Doubt) -> Plan {
    Plan {
        clock,
        commits,
        doubt,
        expects: false,
        produces: false,
        chooses: false,
        has_part: false,
        range: None,
    }
}

fn base() -> Scenario {
    Scenario {
        writers: vec![plan(1_000, 1, Doubt::Repeat), plan(5, 1, Doubt::Resolve)],
        faults: 1,
        crashes: 0,
        repairs: 0,
        looks: 0,
        resets: 0,
        restores: 0,
        days: 0,
        clean_ups: 0,
        hive: false,
        go: GoPlan::default(),
        mutant: None,
    }
}

fn three() -> Vec<Plan> {
    vec![plan(7, 1, Doubt::Repeat), plan(5, 1, Doubt::Resolve), plan(6, 1, Doubt::Repeat)]
}

/// Each of these commits is made of the one part.
fn with_part(plans: Vec<Plan>) -> Vec<Plan> {
    plans.into_iter().map(|plan| Plan { has_part: true, ..plan }).collect()
}

fn parts_beside_another() -> Vec<Plan> {
    let mut plans = with_part(three());
    plans[2].has_part = false;
    plans
}

/// Commits of parts, one of which several are made of.
fn of_parts() -> Vec<(&'static str, Scenario)> {
    vec![
        (
            "two writers with the same part, a fault and a crash",
            Scenario {
                writers: with_part(vec![plan(1_000, 1, Doubt::Repeat), plan(5, 1, Doubt::Resolve)]),
                crashes: 1,
                ..base()
            },
        ),
        (
            "two writers with the same part, one of which commits it twice, and a fault",
            Scenario {
                writers: with_part(vec![plan(1_000, 2, Doubt::Repeat), plan(5, 1, Doubt::Repeat)]),
                ..base()
            },
        ),
        (
            "two writers with the same part, and one without",
            Scenario { writers: parts_beside_another(), faults: 0, ..base() },
        ),
    ]
}

/// Clean-up beside commits of a part, while days pass.
fn with_clean_up() -> Vec<(&'static str, Scenario)> {
    let one = || with_part(vec![plan(7, 1, Doubt::Repeat)]);
    vec![
        (
            "a writer with a part, clean-up, a fault and a crash",
            Scenario { writers: one(), days: 3, clean_ups: 2, crashes: 1, ..base() },
        ),
        (
            "two writers with the same part, and clean-up",
            Scenario {
                writers: with_part(vec![plan(1_000, 1, Doubt::Repeat), plan(5, 1, Doubt::Resolve)]),
                days: 2,
                clean_ups: 1,
                faults: 0,
                ..base()
            },
        ),
    ]
}

fn bringing(ranges: &[volumes::Range], doubt: Doubt) -> Vec<Plan> {
    let plans = ranges.iter().zip([7, 5, 6]);
    plans.map(|(range, clock)| Plan { range: Some(*range), ..plan(clock, 1, doubt) }).collect()
}

/// Commits of a volume's blocks, which are merged again at each parent.
fn of_volumes() -> Vec<(&'static str, Scenario)> {
    vec![
        (
            "two writers of other ranges of a volume, a fault and a crash",
            Scenario { writers: bringing(&[(0, 10), (10, 20)], Doubt::Repeat), crashes: 1, ..base() },
        ),
        (
            "two writers of ranges that overlap, a fault and a crash",
            Scenario { writers: bringing(&[(0, 10), (5, 15)], Doubt::Resolve), crashes: 1, ..base() },
        ),
        (
            "three writers of a volume, two of them of one range",
            Scenario { writers: bringing(&[(0, 10), (10, 20), (0, 10)], Doubt::Repeat), faults: 0, ..base() },
        ),
    ]
}

/// What takes minutes of these.
fn deep_upkeep() -> Vec<(&'static str, Scenario)> {
    vec![
        (
            "two writers with the same part, clean-up and two faults",
            Scenario {
                writers: with_part(vec![plan(1_000, 1, Doubt::Repeat), plan(5, 1, Doubt::Resolve)]),
                days: 2,
                clean_ups: 1,
                faults: 2,
                ..base()
            },
        ),
        (
            "three writers of a volume, two of ranges that overlap, and a fault",
            Scenario { writers: bringing(&[(0, 10), (10, 20), (5, 15)], Doubt::Repeat), ..base() },
        ),
    ]
}

fn scenarios() -> Vec<(&'static str, Scenario)> {
    vec![
        ("two writers, two faults", Scenario { faults: 2, ..base() }),
        ("two writers, two crashes and two faults", Scenario { crashes: 2, faults: 2, ..base() }),
        ("two writers, three faults", Scenario { faults: 3, ..base() }),
        (
            "a pointer reset, a Go reader's repair and a crash",
            Scenario { crashes: 1, repairs: 1, resets: 2, faults: 1, ..base() },
        ),
        (
            "hive: writers that stop after the copies",
            Scenario { hive: true, crashes: 2, faults: 1, ..base() },
        ),
        (
            "hive: a Go reader that takes a copy for the snapshot, a crash and a reset",
            Scenario { hive: true, crashes: 1, repairs: 1, resets: 1, faults: 1, ..base() },
        ),
        (
            "two commits by one, resets",
            Scenario {
                writers: vec![plan(1_000, 2, Doubt::Resolve), plan(5, 1, Doubt::Repeat)],
                resets: 1,
                faults: 1,
                crashes: 1,
                ..base()
            },
        ),
        (
            "writers that expect a parent",
            Scenario {
                writers: vec![
                    Plan { expects: true, ..plan(1_000, 2, Doubt::Repeat) },
                    Plan { expects: true, ..plan(5, 1, Doubt::Resolve) },
                ],
                ..base()
            },
        ),
        (
            "a producer's zombie and its successor",
            Scenario {
                writers: vec![
                    Plan { produces: true, ..plan(1_000, 2, Doubt::Repeat) },
                    Plan { produces: true, ..plan(5, 2, Doubt::Repeat) },
                ],
                crashes: 1,
                ..base()
            },
        ),
        (
            "a reader from the first moment on, a crash",
            Scenario { looks: 2, crashes: 1, faults: 0, ..base() },
        ),
        (
            "a reader from the first moment on, three writers",
            Scenario { writers: three(), looks: 2, faults: 0, ..base() },
        ),
        ("a reader from the first moment on, a fault", Scenario { looks: 2, ..base() }),
        (
            "the dataset is removed, or an older copy of it restored, twice",
            Scenario {
                writers: vec![plan(1_000, 2, Doubt::Repeat), plan(5, 2, Doubt::Repeat)],
                restores: 2,
                faults: 0,
                ..base()
            },
        ),
        (
            "an older copy is restored, and a request is lost",
            Scenario {
                writers: vec![plan(1_000, 2, Doubt::Repeat), plan(5, 1, Doubt::Repeat)],
                restores: 1,
                ..base()
            },
        ),
        ("three writers", Scenario { writers: three(), faults: 0, ..base() }),
    ]
}

/// What takes minutes: explored beside the others if the environment variable `LODE_SOAK` is 1.
fn deep_scenarios() -> Vec<(&'static str, Scenario)> {
    let twice = || vec![plan(1_000, 2, Doubt::Repeat), plan(5, 2, Doubt::Resolve)];
    vec![
        ("two commits each, two faults", Scenario { writers: twice(), faults: 2, ..base() }),
        ("two commits each, a fault and a crash", Scenario { writers: twice(), crashes: 1, ..base() }),
        (
            "two commits and one, two faults and a crash",
            Scenario {
                writers: vec![plan(1_000, 2, Doubt::Repeat), plan(5, 1, Doubt::Resolve)],
                faults: 2,
                crashes: 1,
                ..base()
            },
        ),
        ("three writers, a fault", Scenario { writers: three(), ..base() }),
        ("resets, repairs and two faults", Scenario { faults: 2, repairs: 2, resets: 1, ..base() }),
    ]
}

fn turns() -> GoPlan {
    GoPlan { commits: 1, turns: true, ..GoPlan::default() }
}

fn choosers() -> Vec<Plan> {
    let two = vec![plan(7, 2, Doubt::Repeat), plan(5, 1, Doubt::Repeat)];
    two.into_iter().map(|plan| Plan { chooses: true, ..plan }).collect()
}

/// With the Go library's writer beside ours.
fn with_go() -> Vec<(&'static str, Scenario)> {
    let one = || vec![plan(7, 2, Doubt::Repeat)];
    vec![
        (
            "a Go writer alternating with one of ours",
            Scenario { writers: one(), go: GoPlan { commits: 2, ..turns() }, ..base() },
        ),
        (
            "a Go writer alternating with two of ours, a crash",
            Scenario { go: turns(), crashes: 1, faults: 0, ..base() },
        ),
        (
            "a Go writer that dies before its manifest",
            Scenario { go: GoPlan { crashes: 1, ..turns() }, faults: 0, ..base() },
        ),
        (
            "a Go writer that dies, and a Go reader",
            Scenario {
                writers: one(),
                go: GoPlan { crashes: 1, ..turns() },
                repairs: 1,
                faults: 0,
                ..base()
            },
        ),
        ("a slow Go writer", Scenario { go: GoPlan { slow: true, ..turns() }, faults: 0, ..base() }),
        (
            "a slow Go writer, and a lost request",
            Scenario { writers: one(), go: GoPlan { slow: true, ..turns() }, ..base() },
        ),
        (
            "a Go writer whose clock is behind",
            Scenario { go: GoPlan { behind: true, ..turns() }, faults: 0, ..base() },
        ),
        ("a Go writer at any time", Scenario { go: GoPlan { turns: false, ..turns() }, faults: 0, ..base() }),
        ("a fork of Go writers", Scenario { go: GoPlan { commits: 0, fork: true, ..turns() }, ..base() }),
        (
            "a producer's zombie, its successor, and a Go writer",
            Scenario {
                writers: vec![
                    Plan { produces: true, ..plan(1_000, 1, Doubt::Repeat) },
                    Plan { produces: true, ..plan(5, 1, Doubt::Repeat) },
                ],
                go: turns(),
                faults: 0,
                ..base()
            },
        ),
        ("a Go writer alternating with two of ours, and a lost request", Scenario { go: turns(), ..base() }),
        (
            "a fork of Go writers, and two who choose",
            Scenario { writers: choosers(), go: GoPlan { commits: 0, fork: true, ..turns() }, ..base() },
        ),
        (
            "a fork of Go writers, two who choose, and a crash",
            Scenario {
                writers: choosers(),
                go: GoPlan { commits: 0, fork: true, ..turns() },
                crashes: 1,
                faults: 0,
                ..base()
            },
        ),
        (
            "a Go writer at any time, and two who choose",
            Scenario { writers: choosers(), go: GoPlan { turns: false, ..turns() }, faults: 0, ..base() },
        ),
        (
            "a Go writer at any time, one who chooses, and a lost request",
            Scenario {
                writers: vec![choosers().remove(0)],
                go: GoPlan { turns: false, ..turns() },
                ..base()
            },
        ),
        (
            "hive: a Go writer alternating with two of ours that stop after the copies",
            Scenario { hive: true, go: turns(), crashes: 1, faults: 0, ..base() },
        ),
        (
            "hive: a Go writer that dies, and a Go reader that takes a copy for the snapshot",
            Scenario {
                hive: true,
                writers: one(),
                go: GoPlan { crashes: 1, ..turns() },
                repairs: 1,
                crashes: 1,
                faults: 0,
                ..base()
            },
        ),
        (
            "hive: a Go writer at any time, and copies without their manifest",
            Scenario {
                hive: true,
                writers: one(),
                go: GoPlan { turns: false, ..turns() },
                crashes: 1,
                ..base()
            },
        ),
        (
            "hive: a Go writer at any time, copies without their manifest, and a pointer reset",
            Scenario {
                hive: true,
                writers: one(),
                go: GoPlan { turns: false, ..turns() },
                crashes: 1,
                resets: 1,
                faults: 0,
                ..base()
            },
        ),
    ]
}

#[test]
fn every_interleaving_with_a_go_writer_keeps_the_protocols_promises() {
    for (name, scenario) in with_go() {
        let explored = explore(&scenario, 20_000_000);
        println!("{name}: {} states", explored.states);
        assert!(explored.violation.is_none(), "{name}: {}", explored.violation.unwrap_or_default());
    }
}

#[test]
fn every_seeded_fault_beside_a_go_writer_is_caught() {
    catch(
        &[
            Mutant::ForkNotChecked,
            Mutant::PointerBelowAdopted,
            Mutant::PointerNotReadAgain,
            Mutant::NoopWithoutWaiting,
            Mutant::ForeignPointerOverwritten,
            Mutant::AdoptedNotRead,
            Mutant::DecidedTakenForGone,
            Mutant::NothingAboveTheChoice,
            Mutant::ProducersNotSought,
        ],
        with_go,
    );
}

#[test]
fn every_interleaving_keeps_the_protocols_promises() {
    let mut all = scenarios();
    all.extend(of_parts());
    if std::env::var_os("LODE_SOAK").is_some_and(|value| value == "1") {
        all.extend(deep_scenarios());
    }
    for (name, scenario) in all {
        let explored = explore(&scenario, 20_000_000);
        println!("{name}: {} states", explored.states);
        assert!(explored.violation.is_none(), "{name}: {}", explored.violation.unwrap_or_default());
    }
}

#[test]
fn every_interleaving_with_clean_up_and_of_volumes_keeps_what_is_visible() {
    let mut all = with_clean_up();
    all.extend(of_volumes());
    if std::env::var_os("LODE_SOAK").is_some_and(|value| value == "1") {
        all.extend(deep_upkeep());
    }
    for (name, scenario) in all {
        let explored = explore(&scenario, 20_000_000);
        println!("{name}: {} states", explored.states);
        assert!(explored.violation.is_none(), "{name}: {}", explored.violation.unwrap_or_default());
    }
}

#[test]
fn every_seeded_fault_is_caught() {
    let mutants = &[
        Mutant::NoHelping,
        Mutant::ManifestBeforeSlot,
        Mutant::ExistsMeansLost,
        Mutant::UnknownMeansFailed,
        Mutant::IdBelowParent,
        Mutant::HeadNotPointedAt,
        Mutant::StaleIdKept,
        Mutant::PointerBackwards,
        Mutant::PointerBeforeManifest,
        Mutant::FreshNonceOnResend,
        Mutant::ResolveWithoutSeal,
        Mutant::RefusalAfterOpenMeansFailed,
        Mutant::DeadlineMeansFailed,
    ];
    catch(mutants, scenarios);
}

#[test]
fn every_seeded_fault_in_what_a_handle_or_a_producer_knows_is_caught() {
    let mutants = &[
        Mutant::MemoryNotChecked,
        Mutant::UnpublishedIsKnown,
        Mutant::UnpublishedMeansPublished,
        Mutant::ProducersNotCheckedAtRebase,
        Mutant::ProducersNotCarried,
    ];
    catch(mutants, scenarios);
}

#[test]
fn every_seeded_fault_in_the_check_of_parts_is_caught() {
    catch(&[Mutant::PartsNotCheckedAtRebase, Mutant::PartsCheckedInHeadOnly], of_parts);
}

#[test]
fn every_seeded_fault_in_clean_up_is_caught() {
    let mutants = &[Mutant::NamedReadBeforeListed, Mutant::MinAgeOfStaging, Mutant::OldPartsCommitted];
    catch(mutants, with_clean_up);
}

#[test]
fn every_seeded_fault_in_the_merge_of_a_volume_is_caught() {
    catch(&[Mutant::RangesNotCompared, Mutant::PartsNotCheckedAtRebase], of_volumes);
}

/// Each mutant must show in one of the scenarios.
fn catch(mutants: &[Mutant], scenarios: fn() -> Vec<(&'static str, Scenario)>) {
    for &mutant in mutants {
        let caught = scenarios().into_iter().find_map(|(name, scenario)| {
            let explored = explore(&Scenario { mutant: Some(mutant), ..scenario }, 20_000_000);
            explored.violation.map(|violation| (name, violation))
        });
        let Some((name, violation)) = caught else { panic!("{mutant:?} is not caught") };
        println!("{mutant:?} is caught by \"{name}\": {}", violation.lines().next().unwrap_or_default());
    }
}

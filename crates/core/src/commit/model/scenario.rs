//! What the model check explores: writers with their plans, and how much may go wrong.

use super::super::machine::Mutant;
use super::foreign::GoPlan;
use super::volumes::Range;

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
    /// How often the dataset is removed, or replaced by an older copy of itself, while no writer is at work.
    /// Their handles stay open.
    pub restores: u8,
    /// How many days pass at most.
    pub days: u8,
    /// How many clean-ups run, one after another.
    pub clean_ups: u8,
    /// The hive layout: a manifest's copies come first, and a writer may get no further. A Go reader takes a
    /// copy for the snapshot.
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
    /// Its commits carry a producer's sequence, the number of the commit; one that crashed or is in doubt is
    /// made again, by the same number.
    pub produces: bool,
    /// Told that the history needs repair, it chooses a head and commits then.
    pub chooses: bool,
    /// Each of its commits is made of one part, the same for all writers that have one, the other commits of
    /// the same writer included.
    pub has_part: bool,
    /// Its commits bring this range of a volume.
    pub range: Option<Range>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    Repeat,
    Resolve,
}

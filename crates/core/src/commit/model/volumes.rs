//! Volumes in the model: each commit brings a range, and its manifest holds the parent's and its own, merged
//! again at every parent. A range overlaps another of the parent's: the commit is refused; it is there:
//! nothing is to be done.

use std::collections::BTreeMap;

use super::super::machine::{Ask, CheckParts, Mutant, PartsAnswer};
use super::answers::Answers;
use super::scenario::Scenario;
use super::world::World;
use crate::history::{Id, SlotKind};

/// From, and up to but not including.
pub type Range = (u8, u8);

/// The ranges of volumes, in the world.
#[derive(Clone, Default, Hash, PartialEq, Eq)]
pub struct Ranges {
    /// What the manifest of the attempt with this nonce holds.
    of_attempt: BTreeMap<u128, Vec<Range>>,
    /// Of each writer: what its range was merged into last, with its range.
    merged: BTreeMap<usize, Vec<Range>>,
}

fn overlap(one: Range, other: Range) -> bool {
    one.0 < other.1 && other.0 < one.1
}

impl World {
    /// The ranges of the snapshot `head`; of the end of the path without one.
    fn ranges_at(&self, head: Option<&Id>) -> &[Range] {
        let (mut ranges, mut parent): (&[Range], Option<Id>) = (&[], None);
        while let Some(slot) = self.slots.get(&parent) {
            // A noop repeats those of its parent.
            if slot.kind == SlotKind::Commit {
                ranges = self.ranges.of_attempt.get(&slot.nonce).map_or(&[], Vec::as_slice);
            }
            if head == Some(&slot.child) {
                break;
            }
            parent = Some(slot.child.clone());
        }
        ranges
    }

    /// Merges the writer's range into those of the head.
    pub(super) fn merge(
        &self,
        scenario: &Scenario,
        index: usize,
        own: Range,
        ask: &Ask<CheckParts>,
        answers: &mut Answers<'_>,
    ) {
        let old = self.ranges_at(Some(&ask.request.0));
        if old.contains(&own) {
            return answers.plain(ask, PartsAnswer::Committed(ask.request.0.clone()));
        }
        let compares = scenario.mutant != Some(Mutant::RangesNotCompared);
        if compares && old.iter().any(|range| overlap(*range, own)) {
            return answers.plain(ask, PartsAnswer::Failed);
        }
        let mut world = self.clone();
        let mut merged = old.to_vec();
        merged.push(own);
        merged.sort_unstable();
        world.ranges.merged.insert(index, merged);
        answers.push(ask, "merges", Ok(world), PartsAnswer::New);
        answers.faulty(ask, "fails", PartsAnswer::Failed);
    }

    /// The attempt of this nonce has the manifest that was merged last.
    pub(super) fn note_ranges(&mut self, index: usize, own: Range, nonce: u128) {
        let merged = self.ranges.merged.get(&index).cloned().unwrap_or_else(|| vec![own]);
        self.ranges.of_attempt.insert(nonce, merged);
    }

    /// A commit begins: nothing is merged yet.
    pub(super) fn forget_merged(&mut self, index: usize) {
        self.ranges.merged.remove(&index);
    }

    /// Whether this snapshot has the writer's range.
    pub(super) fn has_range(&self, scenario: &Scenario, index: usize, head: &Id) -> bool {
        scenario.writers[index].range.is_some_and(|own| self.ranges_at(Some(head)).contains(&own))
    }

    /// No two ranges of a snapshot overlap, and each child has all of its parent's.
    pub(super) fn check_ranges(&self) -> Result<(), String> {
        let (mut before, mut parent): (&[Range], Option<Id>) = (&[], None);
        while let Some(slot) = self.slots.get(&parent) {
            if slot.kind == SlotKind::Commit
                && let Some(ranges) = self.ranges.of_attempt.get(&slot.nonce)
            {
                if let Some(range) = before.iter().find(|range| !ranges.contains(range)) {
                    return Err(format!("{} has lost the range {range:?} of its parent", slot.child));
                }
                if ranges.windows(2).any(|pair| overlap(pair[0], pair[1])) {
                    return Err(format!("{} has ranges that overlap: {ranges:?}", slot.child));
                }
                before = ranges;
            }
            parent = Some(slot.child.clone());
        }
        Ok(())
    }
}

//! What a writer is told at the end of its commit, which must be the truth.

use super::super::machine::{Conclusion, Goal, Knowledge, Machine, Pending, Publication, Reason};
use super::scenario::Scenario;
use super::world::{Delayed, World};

impl World {
    /// Notes what a writer waits for after an answer; if the answer ends its commit, what it was told.
    pub(super) fn go_on(
        &mut self,
        scenario: &Scenario,
        index: usize,
        machine: Machine,
        pending: Pending,
    ) -> Result<(), String> {
        let Pending::Finished(outcome) = pending else {
            self.writers[index].running = Some((machine, pending));
            return Ok(());
        };
        let writer = &mut self.writers[index];
        if let Some(vanished) = &machine.knowledge().vanished {
            assert!(writer.knowledge.head.as_ref().is_some_and(|head| head.id == *vanished));
        }
        writer.knowledge = Knowledge { vanished: None, ..machine.knowledge().clone() };
        writer.running = None;
        let ended = Some(machine);
        match outcome {
            Conclusion::Committed(slot, publication) => {
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
            Conclusion::AlreadyCommitted(_) => {
                let owner = (usize::MAX, 0, self.writers[index].commits);
                let done = self.slots.values().any(|slot| self.owners.get(&slot.nonce) == Some(&owner));
                if !done {
                    return Err(format!(
                        "writer {index} is told that its sequence is committed, but it is not"
                    ));
                }
            }
            Conclusion::NotCommitted(reason) => {
                let right = match &reason {
                    Reason::Failed => true,
                    Reason::Conflict(_) => scenario.writers[index].expects,
                    Reason::Busy(_) | Reason::Restless => scenario.go.commits > 0,
                    Reason::NeedsRepair { .. } => self.needs_repair(),
                    Reason::Vanished(id) => !self.path().iter().any(|(on, _)| on == id),
                    Reason::PartCommitted(id) => {
                        self.slots_with_part().any(|slot| slot.child == *id)
                            || self.has_range(scenario, index, id)
                    }
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
                if let Reason::Vanished(_) = reason {
                    // Its user opens the dataset again, and makes the commit once more.
                    self.writers[index].knowledge = Knowledge::default();
                    self.writers[index].commits -= 1;
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
            Conclusion::Unknown(slot) => self.writers[index].doubt = Some(slot),
            Conclusion::Detached(slot) => return Err(format!("{} is said to be detached", slot.child)),
            Conclusion::Impossible => {
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
                        Delayed::Slot(slot) if slot.child == id => Some(slot.nonce),
                        _ => None,
                    })
                    .collect();
                self.refused.extend(open);
            }
            Conclusion::Resolved => {
                let id = ended.map(|machine| machine.goal().clone());
                let Some(Goal::Resolve { id }) = id else {
                    return Err("a commit ended as a resolution".into());
                };
                self.acknowledged.push(id);
            }
            Conclusion::Undecided => {}
            Conclusion::Adopted => self.chosen(index, ended.as_ref())?,
        }
        Ok(())
    }
}

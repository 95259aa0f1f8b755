//! What must hold in the model: in every state, and when all is over and a fresh writer comes.

use super::foreign::{Reader, Stored, is_go};
use super::look::Look;
use super::scenario::{Doubt, Plan, Scenario};
use super::world::{World, Writer};
use crate::history::{Id, Slot, SlotKind};

fn is_go_text(raw: &[u8]) -> bool {
    std::str::from_utf8(raw).is_ok_and(is_go)
}

/// Whether a Go writer that had timed out has come late, with another parent: a person has to take its
/// manifest away.
fn path_is_late(world: &World) -> bool {
    world.path().iter().any(|(id, _)| world.is_late(id))
}

impl World {
    /// Whether this is the place of a noop, taken by a Go writer that worked beside ours, not in alternation.
    fn is_late(&self, id: &Id) -> bool {
        let noop = self.slots.values().find(|slot| slot.child == *id && slot.kind == SlotKind::Noop);
        let stored = self.manifests.get(id);
        self.go.beside
            && noop.is_some_and(|noop| {
                stored.is_some_and(
                    |stored| matches!(stored, Stored::Go { parent, .. } if *parent != noop.parent),
                )
            })
    }

    pub(super) fn points_at_or_beyond(&self, id: &Id) -> bool {
        let path = self.path();
        let place = |id: &[u8]| path.iter().position(|(on, _)| on.as_bytes() == id);
        match (self.latest.as_deref().and_then(place), place(id.as_bytes())) {
            (Some(pointer), Some(id)) => pointer >= id,
            _ => false,
        }
    }

    /// No writer of ours is at work, and the last commit is complete.
    pub(super) fn is_quiet(&self) -> bool {
        let path = self.path();
        let last = path.last().map(|(id, _)| id.as_bytes().to_vec());
        let on = |raw: &[u8]| path.iter().any(|(id, _)| id.as_bytes() == raw);
        self.delayed.is_empty()
            && self.writers.iter().all(|writer| writer.running.is_none() && writer.doubt.is_none())
            && self.reader == Reader::Idle
            && (last.is_none() || self.latest == last || self.latest.as_deref().is_some_and(|raw| !on(raw)))
            && self.slots.values().all(|slot| self.manifests.contains_key(&slot.child))
    }

    /// The decided snapshots with their times, from the first on; a slot of the kind `adopt` stands for its
    /// child and all of the child's ancestors.
    pub(super) fn path(&self) -> Vec<(Id, i64)> {
        let mut path = Vec::new();
        let mut parent: Option<Id> = None;
        while let Some(slot) = self.slots.get(&parent) {
            let begin = path.len();
            if slot.kind == SlotKind::Adopt {
                let mut next = Some(slot.child.clone());
                while let Some(id) = next.filter(|id| Some(id) != parent.as_ref()) {
                    let Some(stored) = self.manifests.get(&id) else { break };
                    path.push((id.clone(), stored.created_at()));
                    next = stored.parent().clone();
                }
                path[begin..].reverse();
            } else {
                path.push((slot.child.clone(), slot.created_at));
            }
            parent = Some(slot.child.clone());
        }
        path
    }

    /// The decided snapshots that name the part.
    pub(super) fn slots_with_part(&self) -> impl Iterator<Item = &Slot> {
        self.slots.values().filter(|slot| slot.kind == SlotKind::Commit && self.naming.contains(&slot.nonce))
    }

    /// What must hold in every state.
    pub(super) fn check(&self) -> Result<(), String> {
        let path = self.path();
        let is_on = |id: &Id| path.iter().any(|(on, _)| on == id);
        let (mut reached, mut parent) = (0, None);
        while let Some(slot) = self.slots.get(&parent) {
            reached += 1;
            parent = Some(slot.child.clone());
        }
        if reached != self.slots.len() {
            return Err("a slot is not on the path from the root".into());
        }
        for (older, newer) in path.iter().zip(path.iter().skip(1)) {
            if older.0 >= newer.0 || (older.1 >= newer.1 && !is_go(&newer.0)) {
                return Err(format!("{} is not after its parent {}", newer.0, older.0));
            }
            if !self.manifests.contains_key(&older.0) {
                return Err(format!("{} is built on {}, which is not published", newer.0, older.0));
            }
            let parent = self.manifests.get(&newer.0).map(Stored::parent);
            if parent.is_some_and(|parent| parent.as_ref() != Some(&older.0)) && !self.is_late(&newer.0) {
                return Err(format!("{} is after {}, but has another parent", newer.0, older.0));
            }
        }
        if let Some(id) = self.manifests.keys().find(|id| !is_on(id) && !is_go(id)) {
            return Err(format!("the manifest of {id} is there, but no slot names it"));
        }
        if let Some(raw) = &self.latest
            && !self.is_found(raw)
            && !is_go_text(raw)
        {
            return Err(format!("the pointer names {}, which has no manifest", String::from_utf8_lossy(raw)));
        }
        if let Some(id) = self.copies.keys().find(|id| !is_on(id)) {
            return Err(format!("a copy of the manifest of {id} is there, but no slot names it"));
        }
        if let Some(id) = self.acknowledged.iter().find(|id| !is_on(id)) {
            return Err(format!("{id} was acknowledged, and is not on the path"));
        }
        let commits = self.slots.values().filter(|slot| slot.kind == SlotKind::Commit);
        let mut owners: Vec<_> = commits.map(|slot| self.owners.get(&slot.nonce)).collect();
        owners.sort_unstable();
        if owners.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err("one commit is on the path twice".into());
        }
        if self.slots_with_part().count() > 1 {
            return Err("one part is in two snapshots".into());
        }
        self.check_clean_up()?;
        self.check_ranges()?;
        if let Some(slot) = self.slots.values().find(|slot| self.refused.contains(&slot.nonce)) {
            return Err(format!("{} was refused, and is on the path", slot.child));
        }
        Ok(())
    }

    /// A dead writer blocks no other: a fresh one, undisturbed, commits and publishes all; or is told what a
    /// person has to decide.
    pub fn check_live(&self, scenario: &Scenario) -> Result<(), String> {
        let mut world = self.clone();
        (world.faults, world.crashes, world.repairs, world.resets) = (0, 0, 0, 0);
        world.restores = 0;
        world.delayed.clear();
        world.go.end();
        world.reader = Reader::Idle;
        world.look = Look::default();
        world.choices = world.choices.afterwards();
        world.writers = vec![Writer::fresh()];
        let plan = Plan {
            clock: 1,
            commits: 1,
            doubt: Doubt::Repeat,
            expects: false,
            produces: false,
            chooses: false,
            has_part: false,
            range: None,
        };
        let scenario = Scenario { writers: vec![plan], ..scenario.clone() };
        let (before, refused) = (world.acknowledged.len(), world.refused_for_repair);
        while let Some((label, result)) = world.steps(&scenario).into_iter().next() {
            world = result.map_err(|fault| format!("afterwards a fresh {label}: {fault}"))?;
        }
        if world.refused_for_repair != refused {
            return match world.choices.made && !path_is_late(&world) {
                true => Err("afterwards a fresh writer is told to choose once more".into()),
                false => Ok(()),
            };
        }
        let path = world.path();
        let last = path.last().ok_or("afterwards a fresh writer could not commit")?;
        if world.acknowledged.len() != before + 1
            || world.acknowledged.last() != Some(&last.0)
            || path.iter().any(|(id, _)| !world.manifests.contains_key(id))
        {
            return Err("afterwards a fresh writer could not commit and publish".into());
        }
        if world.latest.as_deref() != Some(last.0.as_bytes()) {
            return Err("afterwards the pointer is not at the head".into());
        }
        if let Some(id) = world.lost_of_go(&path).filter(|_| scenario.go.turns) {
            return Err(format!("afterwards the Go writer's {id} is not on the path"));
        }
        Ok(())
    }
}

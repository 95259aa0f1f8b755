//! The operator in the model: removes the dataset, or puts an older copy of it in its place, while no writer
//! is at work. Handles that were opened before remember snapshots that are gone.

use super::foreign::Reader;
use super::look::Look;
use super::world::{Step, World};

impl World {
    pub(super) fn restore_steps(&self, steps: &mut Vec<Step>) {
        let is_idle = self.delayed.is_empty()
            && self.reader == Reader::Idle
            && self.writers.iter().all(|writer| writer.running.is_none());
        if self.restores == 0 || !is_idle {
            return;
        }
        let path = self.path();
        for kept in 0..path.len() {
            let mut next = self.clone();
            next.restores -= 1;
            next.restore(kept);
            steps.push((format!("a copy with {kept} snapshots takes the dataset's place"), Ok(next)));
        }
    }

    /// Leaves the first `kept` snapshots, as they were when they were all.
    fn restore(&mut self, kept: usize) {
        let path = self.path();
        let is_kept = |id: &str| path[..kept].iter().any(|(on, _)| **on == *id);
        self.slots.retain(|_, slot| is_kept(&slot.child));
        self.manifests.retain(|id, _| is_kept(id));
        self.copies.retain(|id, _| is_kept(id));
        self.acknowledged.retain(|id| is_kept(id));
        self.latest = path[..kept].last().map(|(id, _)| id.as_bytes().to_vec());
        self.disturbed = true;
        self.look = Look::default();
    }
}

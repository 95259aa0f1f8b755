//! The hive layout in the model: a manifest's copies come before it, and a writer may get no further. The Go
//! library's reader, and its writer where the pointer dangles, take a copy for the snapshot; its writer puts
//! the manifest first.

use super::scenario::Scenario;
use super::world::World;
use crate::history::{Id, Slot, SlotKind};

impl World {
    /// The world in which a manifest's copies are there, and no more; `None` if that is nothing new.
    pub(super) fn half_written(&self, scenario: &Scenario, slot: &Slot) -> Option<World> {
        if !scenario.hive || slot.kind == SlotKind::Noop || self.copies.contains_key(&slot.child) {
            return None;
        }
        let mut half = self.clone();
        half.copies.insert(slot.child.clone(), slot.clone());
        Some(half)
    }

    /// What a Go reader takes for the newest snapshot.
    pub(super) fn scanned(&self) -> Option<&Id> {
        self.manifests.keys().next_back().max(self.copies.keys().next_back())
    }

    /// Whether a Go reader finds the snapshot that these bytes name.
    pub(super) fn is_found(&self, raw: &[u8]) -> bool {
        self.manifests.keys().chain(self.copies.keys()).any(|id| id.as_bytes() == raw)
    }
}

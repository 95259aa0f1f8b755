//! What a commit writes before it decides: its manifest, its slot and the pointer's new value, each under a
//! temporary name. Their bytes travel to the disk together, what can keep the snapshot from being published
//! for good (no space, no permission, no locks) shows while nothing is decided, and each step after that has
//! only a name to give. The order in which the names appear, and become durable, is the protocol's
//! (`docs/commit-protocol.md`, section "On a filesystem").

use super::Driver;
use crate::error::Result;
use crate::history::{Slot, SlotKind};
use crate::store::{PreparedSwap, Put, Upload};

/// The staged objects of one attempt; each is taken when its turn comes. Dropped, they leave nothing.
pub(super) struct Staged {
    nonce: u128,
    slot: Option<Box<dyn Upload>>,
    manifest: Option<Box<dyn Upload>>,
    pointer: Option<Box<dyn PreparedSwap>>,
}

impl Driver<'_> {
    /// Stages what this slot is about to decide, if its store gains by that.
    pub(super) fn stage(&mut self, slot: &Slot, payload: &[u8], encoded: &[u8]) -> Result<()> {
        if slot.kind != SlotKind::Commit
            || self.staged.as_ref().is_some_and(|staged| staged.nonce == slot.nonce)
        {
            return Ok(());
        }
        // Those of an attempt that another writer's commit has overtaken go first.
        self.staged = None;
        let (backend, context) = (self.backend(), self.request_context());
        let (layout, durability) = (self.target.layout, self.target.durability);
        let latest = layout.latest_path(self.target.dataset);
        let manifest = layout.manifest_path(self.target.dataset, &slot.child);
        let place = self.target.slot_key(slot.parent.as_deref()).path();
        let mut staged = Staged {
            nonce: slot.nonce,
            pointer: backend.prepare_swap(context, &latest, slot.child.as_bytes(), durability)?,
            manifest: backend.stage(context, &manifest, payload, durability)?,
            slot: backend.stage(context, &place, encoded, durability)?,
        };
        for object in [&mut staged.slot, &mut staged.manifest].into_iter().flatten() {
            object.sync(context)?;
        }
        if let Some(pointer) = &mut staged.pointer {
            pointer.sync(context)?;
        }
        self.staged = Some(staged);
        Ok(())
    }

    /// Puts the same bytes under several keys; staged together, if the store gains by that. `may_stop`: no
    /// further one appears once the call is over, which is a failure.
    pub(super) fn put_group(&self, keys: &[String], bytes: &[u8], may_stop: bool) -> Result<Vec<Put>> {
        let (backend, context, durability) = (self.backend(), self.request_context(), self.target.durability);
        let mut puts = Vec::with_capacity(keys.len());
        let mut staged = Vec::new();
        for key in keys {
            let upload = match backend.stage(context, key, bytes, durability) {
                // Perhaps there are no more descriptors: finishing those that are staged frees theirs.
                Err(_) if !staged.is_empty() => {
                    self.finish_group(&mut staged, &mut puts, may_stop)?;
                    backend.stage(context, key, bytes, durability)?
                }
                upload => upload?,
            };
            match upload {
                Some(upload) => staged.push(upload),
                None => puts.push(backend.put_if_absent(context, key, bytes, durability)),
            }
        }
        self.finish_group(&mut staged, &mut puts, may_stop)?;
        Ok(puts)
    }

    /// Lets the staged objects appear, all synced before the first and their names after the last.
    fn finish_group(
        &self,
        staged: &mut Vec<Box<dyn Upload>>,
        puts: &mut Vec<Put>,
        may_stop: bool,
    ) -> Result<()> {
        let context = self.request_context();
        for upload in &mut *staged {
            upload.sync(context)?;
        }
        let mut over = Ok(());
        let mut named = 0;
        for upload in &mut *staged {
            over = if may_stop { self.context.check("publishing the copies of a manifest") } else { Ok(()) };
            if over.is_err() {
                break;
            }
            // Finishing gives the same answer.
            let _ = upload.name(context);
            named += 1;
        }
        staged.truncate(named);
        puts.extend(staged.drain(..).map(|mut upload| upload.finish(context)));
        over
    }

    /// The staged slot of this attempt, once.
    pub(super) fn staged_slot(&mut self, nonce: u128) -> Option<Box<dyn Upload>> {
        self.staged.as_mut().filter(|staged| staged.nonce == nonce)?.slot.take()
    }

    /// The staged manifest of this attempt, once.
    pub(super) fn staged_manifest(&mut self, nonce: u128) -> Option<Box<dyn Upload>> {
        self.staged.as_mut().filter(|staged| staged.nonce == nonce)?.manifest.take()
    }

    /// The prepared swap of the pointer to our own snapshot, once.
    pub(super) fn prepared_swap(&mut self) -> Option<Box<dyn PreparedSwap>> {
        self.staged.as_mut()?.pointer.take()
    }

    /// Keeps a prepared swap for the next try.
    pub(super) fn keep_prepared(&mut self, prepared: Box<dyn PreparedSwap>) {
        if let Some(staged) = &mut self.staged {
            staged.pointer = Some(prepared);
        }
    }
}

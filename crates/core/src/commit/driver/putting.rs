//! Putting slots, manifests and their copies.

use std::sync::Arc;

use super::Driver;
use crate::commit::machine::{PutAnswer, SyncAnswer};
use crate::error::{Error, Result, Status};
use crate::history::{Decision, MANIFEST_MAX, Slot, SlotKind, copies, slot};
use crate::layout::Layout;
use crate::manifest::{Manifest, ManifestKey};
use crate::store::Put;

/// How many copies of a hive manifest are put at a time, between two checks of the deadline.
const COPIES: usize = 16;

impl Driver<'_> {
    /// The bytes that this slot decides.
    fn payload(&mut self, slot: &Slot) -> Result<Arc<Vec<u8>>> {
        if slot.kind == SlotKind::Adopt {
            return Ok(Arc::default());
        }
        for known in [&self.own, &self.seen].into_iter().flatten() {
            if known.slot.nonce == slot.nonce {
                return Ok(known.payload.clone());
            }
        }
        let manifest = match (slot.kind, &mut self.content) {
            (SlotKind::Commit, Some(content)) => content.manifest(slot)?,
            _ if slot.parent.is_none() => self.target.empty_manifest(slot)?,
            _ => {
                let parent = slot.parent.as_deref().unwrap_or_default();
                let missing =
                    || Error::new(Status::Corrupt, format_args!("the manifest of {parent} is missing"));
                let stored = self.history().whole_manifest(parent)?.ok_or_else(missing)?;
                let mut noop = stored.manifest.noop_of(&slot.child, parent, slot.created_at);
                // The Go library's own do not carry the map.
                noop.set_producers(&slot.producers);
                noop
            }
        };
        let payload = Arc::new(manifest.encode()?);
        check_length(payload.len() as u64, MANIFEST_MAX)
            .map_err(|error| error.with_snapshot_id(&*slot.child))?;
        self.own = Some(Decision { slot: slot.clone(), payload: payload.clone() });
        if self.target.layout == Layout::Hive && slot.kind == SlotKind::Commit {
            let keys = copies(self.target.layout, self.target.dataset, &manifest);
            self.own_copies = Some((slot.nonce, keys));
        }
        Ok(payload)
    }

    pub(super) fn put_slot(&mut self, slot: &Slot) -> PutAnswer {
        let age = self.content.as_ref().map_or(Ok(()), |content| content.check_age());
        if let Err(error) = age {
            self.error = Some(error);
            return PutAnswer::Failed;
        }
        let payload = match self.payload(slot) {
            Ok(payload) => payload,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        let slot_key = self.target.slot_key(slot.parent.as_deref());
        if let Some(key) = slot::payload_key(slot_key, slot, &payload) {
            let put = self.put_payload(&key, &payload);
            // Taken: by an earlier try of this very attempt, since the nonce is in the name.
            match self.answer(put) {
                PutAnswer::Done | PutAnswer::Exists => {}
                _ => return PutAnswer::Failed,
            }
        }
        let bytes = slot::encode(slot_key, slot, &payload);
        if let Err(error) = self.stage(slot, &payload, &bytes) {
            self.error = Some(error);
            return PutAnswer::Failed;
        }
        let staged = self.staged_slot(slot.nonce);
        let context = self.request_context();
        let put = match staged {
            Some(mut staged) => staged.finish(context),
            None => {
                let key = slot_key.path();
                self.backend().put_if_absent(context, &key, &bytes, self.target.durability)
            }
        };
        self.answer(put)
    }

    /// Puts the object of a payload that is too long for its slot, and holds it until the commit has ended.
    fn put_payload(&mut self, key: &str, payload: &[u8]) -> Put {
        let (backend, context) = (self.target.backend(), self.request_context());
        let durability = self.target.durability;
        match backend.stage(context, key, payload, durability) {
            Ok(Some(mut upload)) => {
                self.payload_hold = upload.hold();
                upload.finish(context)
            }
            Ok(None) => backend.put_if_absent(context, key, payload, durability),
            Err(error) => Put::Failed(error),
        }
    }

    pub(super) fn put_manifest(&mut self, slot: &Slot) -> PutAnswer {
        let payload = match self.payload(slot) {
            Ok(payload) => payload,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        let key = self.target.layout.manifest_path(self.target.dataset, &slot.child);
        match self.put_copies(slot, &payload, &key) {
            PutAnswer::Done => {
                let staged = self.staged_manifest(slot.nonce);
                let context = self.request_context();
                let put = match staged {
                    Some(mut staged) => staged.finish(context),
                    None => self.backend().put_if_absent(context, &key, &payload, self.target.durability),
                };
                self.compare_taken(put, &key, &payload)
            }
            answer => answer,
        }
    }

    /// Puts the copies of a hive snapshot's manifest, all of them before the canonical one: a reader that
    /// sees that one sees the others, too. A noop has the files of its parent, and no copies.
    fn put_copies(&mut self, slot: &Slot, payload: &[u8], canonical: &str) -> PutAnswer {
        if self.target.layout != Layout::Hive || slot.kind != SlotKind::Commit {
            return PutAnswer::Done;
        }
        let keys = match self.copies(slot, payload, canonical) {
            Ok(keys) => keys,
            Err(error) => {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
        };
        for (number, group) in keys.chunks(COPIES).enumerate() {
            // A few are put even after the deadline, as any manifest is; thousands are left to the next
            // writer.
            if number > 0
                && let Err(error) = self.context.check("publishing the copies of a manifest")
            {
                self.error = Some(error);
                return PutAnswer::Failed;
            }
            let puts = match self.put_group(group, payload, number > 0) {
                Ok(puts) => puts,
                Err(error) => {
                    self.error = Some(error);
                    return PutAnswer::Failed;
                }
            };
            for (key, put) in group.iter().zip(puts) {
                match self.compare_taken(put, key, payload) {
                    PutAnswer::Done => {}
                    // A writer that died before us may have left it in the cache.
                    PutAnswer::Exists if self.persist(key) == SyncAnswer::Durable => {}
                    PutAnswer::Exists => return PutAnswer::Failed,
                    answer => return answer,
                }
            }
        }
        PutAnswer::Done
    }

    /// The keys of the copies of this slot's manifest.
    fn copies(&mut self, slot: &Slot, payload: &[u8], canonical: &str) -> Result<Vec<String>> {
        if let Some((_, keys)) = self.own_copies.take_if(|(nonce, _)| *nonce == slot.nonce) {
            return Ok(keys);
        }
        let key = ManifestKey {
            layout: self.target.layout,
            dataset_id: self.target.dataset,
            snapshot_id: &slot.child,
            path: canonical,
        };
        let manifest = Manifest::parse(self.context, payload, key)?;
        Ok(copies(self.target.layout, self.target.dataset, &manifest))
    }

    /// How the put of a manifest, or of a copy of one, ended: a key that is taken may be taken by the same
    /// bytes.
    fn compare_taken(&mut self, put: Put, key: &str, payload: &[u8]) -> PutAnswer {
        match self.answer(put) {
            PutAnswer::Exists => match self.backend().get(self.request_context(), key, MANIFEST_MAX) {
                Ok(Some(there)) if there == *payload => PutAnswer::Exists,
                Ok(Some(_)) => PutAnswer::Differs,
                Ok(None) => PutAnswer::Unknown,
                Err(error) => {
                    self.error = Some(error);
                    PutAnswer::Unknown
                }
            },
            answer => answer,
        }
    }

    fn answer(&mut self, put: Put) -> PutAnswer {
        let (answer, error) = match put {
            Put::Done => return PutAnswer::Done,
            Put::Exists => return PutAnswer::Exists,
            Put::Failed(error) => (PutAnswer::Failed, error),
            Put::Unknown(error) => (PutAnswer::Unknown, error),
            Put::Doubtful(error) => (PutAnswer::Doubtful, error),
        };
        self.error = Some(error);
        answer
    }
}

/// Accepts a manifest that can be read again.
fn check_length(bytes: u64, limit: u64) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the snapshot's manifest would have {bytes} bytes, more than the {limit} that are read: write fewer files \
         (partitions, or their statistics) or less metadata in one snapshot"
    );
    Err(Error::new(Status::InvalidArgument, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_too_long_to_be_read_is_not_committed() {
        assert!(check_length(MANIFEST_MAX, MANIFEST_MAX).is_ok());
        let error = check_length(11, 10).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("would have 11 bytes, more than the 10"), "{error}");
    }
}

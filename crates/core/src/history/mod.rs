//! The history of a dataset, read: the pointer, slots, manifests and their partition copies, and the head
//! that follows from them (`docs/commit-protocol.md`, section "Reading"). Commits, datasets and catalogs read
//! through [`History`] alone. Nothing here writes.

mod head;
mod listing;
mod manifests;
mod partition_copies;
pub(crate) mod slot;

use std::sync::{Arc, OnceLock};

use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::layout::Layout;
pub use crate::manifest::MANIFEST_MAX;
use crate::store::{Backend, Store};
pub(crate) use head::ParentLoop;
pub(crate) use manifests::{ManifestRead, StoredManifest, read_manifest};
pub(crate) use partition_copies::copies;
pub(crate) use slot::{Id, Slot, SlotKey, SlotKind};

/// The longest pointer that is read, in bytes: it holds one id.
const POINTER_MAX: u64 = 4 << 10;

/// Reads the objects of one dataset for a running call.
pub struct History<'a> {
    /// Where the dataset is.
    pub store: &'a Store,
    /// Its id.
    pub dataset: &'a str,
    /// Where its objects lie.
    pub layout: Layout,
    /// The call: long listings and walks end with it.
    pub context: &'a Context,
    /// The first canonical manifest, once it was needed: it takes a listing to find.
    pub first_canonical: FirstCanonical,
}

/// The first snapshot, in the order of ids, that has a canonical manifest, and whether it begins the history;
/// `None` if there is none. Found once: clones share it.
#[derive(Clone, Default)]
pub struct FirstCanonical(Arc<OnceLock<Option<(String, bool)>>>);

/// A slot with the payload that it decides.
#[derive(Clone)]
pub struct Decision {
    /// The slot.
    pub slot: Slot,
    /// The child's manifest; empty for a slot that adopts.
    pub payload: Arc<Vec<u8>>,
}

impl<'a> History<'a> {
    /// The store's implementation.
    pub fn backend(&self) -> &'a dyn Backend {
        self.store.backend()
    }

    /// What identifies the slot of this parent.
    pub fn slot_key<'b>(&self, parent: Option<&'b str>) -> SlotKey<'b>
    where
        'a: 'b,
    {
        SlotKey { dataset: self.dataset, layout: self.layout, parent }
    }

    /// The bytes of `latest`; `None` if it is absent.
    ///
    /// # Errors
    /// The store's; `Corrupt` if it is longer than any pointer.
    pub fn latest(&self) -> Result<Option<Vec<u8>>> {
        self.backend().get(self.context, &self.layout.latest_path(self.dataset), POINTER_MAX)
    }

    /// The slot of this parent (`None`: of the first commit), checked, with its payload; `None` if it is
    /// absent.
    ///
    /// # Errors
    /// The store's; `Unsupported`, `LayoutMismatch`, `Corrupt`.
    pub fn slot(&self, parent: Option<&str>) -> Result<Option<Decision>> {
        let slot_key = self.slot_key(parent);
        let path = slot_key.path();
        let Some(bytes) = self.backend().get(self.context, &path, slot::SLOT_MAX)? else { return Ok(None) };
        let envelope = slot::decode(slot_key, &bytes)?;
        let object = match envelope.payload_object() {
            None => None,
            Some((payload_path, len)) => {
                let payload = self.backend().get(self.context, payload_path, len.min(MANIFEST_MAX))?;
                let missing = || {
                    let message = format!("slot {path} names the payload {payload_path}, which is missing");
                    Error::new(Status::Corrupt, message).with_path(payload_path)
                };
                Some(payload.ok_or_else(missing)?)
            }
        };
        let (slot, payload) = envelope.with_payload(self.context, slot_key, object)?;
        Ok(Some(Decision { slot, payload: Arc::new(payload) }))
    }

    /// The slot that names this child, which is the slot of the greatest parent below the child; `None` if
    /// that one names another.
    ///
    /// # Errors
    /// As [`History::slot`]; `Deadline`, `Cancelled`, `Aborted`.
    pub fn slot_naming(&self, child: &str) -> Result<Option<Decision>> {
        let mut greatest: Option<String> = None;
        self.list_slots(&mut |parent| {
            if let Some(parent) = parent
                && parent < child
                && greatest.as_deref().is_none_or(|greatest| greatest < parent)
            {
                greatest = Some(parent.to_owned());
            }
        })?;
        let found = self.slot(greatest.as_deref())?;
        Ok(found.filter(|decision| *decision.slot.child == *child))
    }
}

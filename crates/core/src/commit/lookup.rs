//! Reading the objects of a history: manifests, slots, and the greatest of each.

use std::sync::Arc;

use super::adopt::Sightings;
use super::machine::Slot;
use super::slot::{self, Place, ROOT};
use crate::context::Context;
use crate::dataset::DatasetOptions;
use crate::error::{Error, Result, Status};
use crate::id::{Form, form};
use crate::iter::Watch;
use crate::layout::Layout;
use crate::manifest::{Manifest, syntax};
use crate::options::Retry;
use crate::store::{Backend, Durability, Store};

/// The longest manifest that is read.
pub const MANIFEST_MAX: u64 = 256 << 20;

/// `latest` holds one id; more is no pointer.
const POINTER_MAX: u64 = 4 << 10;

/// The dataset, and how to work on it.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Where it is.
    pub store: &'a Store,
    /// Its id.
    pub dataset: &'a str,
    /// Where its objects lie.
    pub layout: Layout,
    /// What a commit must survive.
    pub durability: Durability,
    /// How often to try again.
    pub retry: Retry,
    /// How new snapshots are written.
    pub options: &'a DatasetOptions,
    /// What was seen to stand still, on stores without a clock.
    pub sightings: &'a Sightings,
}

/// Whether these bytes are the beginning of a JSON document.
fn is_cut_short(bytes: &[u8]) -> bool {
    syntax::check(bytes, None).is_err_and(|flaw| flaw.ends_early())
}

/// What stands under a manifest's key.
pub enum Stored {
    /// A manifest, as bytes and as a value.
    Whole(Vec<u8>, Box<Manifest>),
    /// The beginning of one: the Go library's writer, which does not write at once, has left or is leaving it so.
    Torn,
    /// Nothing.
    Absent,
}

/// What stands under this key, which is that of a manifest of this snapshot.
///
/// # Errors
/// The store's; `Corrupt` if it is longer than any manifest may be; `ManifestInvalid` for what is whole but wrong.
pub fn stored_manifest_at(backend: &dyn Backend, key: &str, dataset: &str, id: &str) -> Result<Stored> {
    let Some(bytes) = backend.get(key, MANIFEST_MAX)? else { return Ok(Stored::Absent) };
    match Manifest::parse(&bytes, dataset, id, key) {
        Ok(manifest) => Ok(Stored::Whole(bytes, Box::new(manifest))),
        Err(_) if is_cut_short(&bytes) && !matches!(form(id), Form::Ours { .. }) => Ok(Stored::Torn),
        Err(error) => Err(error),
    }
}

/// A slot with the payload that it decides.
#[derive(Clone)]
pub struct Decision {
    /// The slot.
    pub slot: Slot,
    /// The child's manifest.
    pub payload: Arc<Vec<u8>>,
}

impl<'a> Site<'a> {
    /// What does the work.
    pub fn backend(&self) -> &'a dyn Backend {
        self.store.backend()
    }

    /// Where the slot of this parent belongs.
    pub fn place<'b>(&self, parent: Option<&'b str>) -> Place<'b>
    where
        'a: 'b,
    {
        Place { dataset: self.dataset, layout: self.layout, parent }
    }

    /// The bytes of `latest`.
    ///
    /// # Errors
    /// The store's.
    pub fn latest(&self) -> Result<Option<Vec<u8>>> {
        self.backend().get(&self.layout.latest_path(self.dataset), POINTER_MAX)
    }

    /// A manifest, as bytes and as a value.
    ///
    /// # Errors
    /// The store's; `ManifestInvalid`.
    pub fn manifest(&self, id: &str) -> Result<Option<(Vec<u8>, Manifest)>> {
        if let Some(found) = self.canonical(id)? {
            return Ok(Some(found));
        }
        let Some(copy) = self.copy_of(id)? else { return Ok(None) };
        let Some(bytes) = self.backend().get(&copy, MANIFEST_MAX)? else { return Ok(None) };
        let manifest = Manifest::parse(&bytes, self.dataset, id, &copy)?;
        Ok(Some((bytes, manifest)))
    }

    /// The key that a manifest is found under.
    ///
    /// # Errors
    /// The store's.
    pub fn manifest_key(&self, id: &str) -> Result<String> {
        let canonical = self.layout.manifest_path(self.dataset, id);
        if self.may_be_copies_only(id) && self.backend().open(&canonical)?.is_none() {
            return Ok(self.copy_of(id)?.unwrap_or(canonical));
        }
        Ok(canonical)
    }

    /// The canonical manifest, as bytes and as a value.
    ///
    /// # Errors
    /// As [`Site::manifest`].
    pub fn canonical(&self, id: &str) -> Result<Option<(Vec<u8>, Manifest)>> {
        let key = self.layout.manifest_path(self.dataset, id);
        let Some(bytes) = self.backend().get(&key, MANIFEST_MAX)? else { return Ok(None) };
        let manifest = Manifest::parse(&bytes, self.dataset, id, &key)?;
        Ok(Some((bytes, manifest)))
    }

    /// What stands under a manifest's key.
    ///
    /// # Errors
    /// As [`Site::manifest`], for what is whole but wrong.
    pub fn stored_manifest(&self, id: &str) -> Result<Stored> {
        let canonical = self.layout.manifest_path(self.dataset, id);
        match stored_manifest_at(self.backend(), &canonical, self.dataset, id)? {
            Stored::Absent => match self.copy_of(id)? {
                Some(copy) => stored_manifest_at(self.backend(), &copy, self.dataset, id),
                None => Ok(Stored::Absent),
            },
            stored => Ok(stored),
        }
    }

    /// The slot of this parent, checked, with its payload.
    ///
    /// # Errors
    /// The store's; `Unsupported`, `LayoutMismatch`, `Corrupt`.
    pub fn slot(&self, parent: Option<&str>) -> Result<Option<Decision>> {
        let place = self.place(parent);
        let key = place.key();
        let Some(bytes) = self.backend().get(&key, slot::SLOT_MAX)? else { return Ok(None) };
        let envelope = slot::decode(place, &bytes)?;
        let object = match envelope.payload_object() {
            None => None,
            Some((payload_key, len)) => {
                let payload = self.backend().get(payload_key, len.min(MANIFEST_MAX))?;
                let missing = || {
                    let message = format!("slot {key} names the payload {payload_key}, which is missing");
                    Error::new(Status::Corrupt, message).with_path(payload_key)
                };
                Some(payload.ok_or_else(missing)?)
            }
        };
        let (slot, payload) = envelope.with_payload(place, object)?;
        Ok(Some(Decision { slot, payload: Arc::new(payload) }))
    }

    /// The slot that names this child: that of the greatest slot name below it.
    ///
    /// # Errors
    /// As [`Site::slot`].
    pub fn namer(&self, child: &str) -> Result<Option<Decision>> {
        let mut greatest: Option<String> = None;
        self.backend().list_names(&self.layout.slots_prefix(self.dataset), &mut |name| {
            let is_slot = !name.ends_with(".payload") && !name.starts_with('.') && name != ROOT;
            if is_slot && name < child && greatest.as_deref().is_none_or(|greatest| greatest < name) {
                greatest = Some(name.to_owned());
            }
            true
        })?;
        let found = self.slot(greatest.as_deref())?;
        Ok(found.filter(|decision| *decision.slot.child == *child))
    }

    /// The ids that may have a manifest, in no order.
    ///
    /// # Errors
    /// The store's.
    pub fn listed_ids(&self) -> Result<Vec<String>> {
        self.listed_ids_within(&Context::default())
    }

    /// The same, while the call that it is for may go on.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`; the store's.
    pub fn listed_ids_within(&self, context: &Context) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        let mut watch = Watch::new(context, "listing snapshots");
        self.backend().list_names(&self.layout.snapshots_prefix(self.dataset), &mut |name| {
            if self.layout.may_be_snapshot(name) {
                ids.push(name.to_owned());
            }
            watch.goes_on()
        })?;
        watch.verdict()?;
        if self.layout == Layout::Hive {
            self.add_copies_only(&mut ids)?;
        }
        Ok(ids)
    }

    /// The greatest id whose manifest is there.
    ///
    /// # Errors
    /// The store's.
    pub fn greatest_manifest(&self) -> Result<Option<String>> {
        let mut ids = self.listed_ids()?;
        ids.sort_unstable();
        while let Some(id) = ids.pop() {
            if self.backend().open(&self.manifest_key(&id)?)?.is_some() {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// An object of another layout in the dataset's place, if there is one: default and hive share it.
    ///
    /// # Errors
    /// The store's.
    pub fn object_of_another_layout(&self) -> Result<Option<String>> {
        let folders = self.layout.folders_of_others();
        if folders.is_empty() {
            return Ok(None);
        }
        let prefix = self.layout.dataset_prefix(self.dataset);
        let mut there: Vec<&str> = Vec::new();
        self.backend().list_names(&prefix, &mut |name| {
            there.extend(folders.iter().find(|folder| **folder == name));
            true
        })?;
        let mut found = None;
        for folder in there {
            self.backend().list(&format!("{prefix}{folder}/"), &mut |key| {
                found = Some(key.to_owned());
                false
            })?;
            if found.is_some() {
                break;
            }
        }
        Ok(found)
    }

    /// That the dataset has objects of another layout.
    pub fn layout_mismatch(&self, object: &str) -> Error {
        let message = format!(
            "the dataset was opened with the layout {:?}, but {object} is there, which is of another: open it with the \
             layout that it was written in, or use another dataset",
            self.layout.name()
        );
        Error::new(Status::LayoutMismatch, message).with_path(object)
    }
}

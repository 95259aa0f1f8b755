//! Reading manifests, canonical ones and partition copies.

use super::{History, MANIFEST_MAX};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::id::{Form, form};
use crate::manifest::{Manifest, ManifestKey, json};
use crate::store::Backend;

/// A manifest, as bytes and as a value.
pub struct StoredManifest {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The value.
    pub manifest: Manifest,
}

/// What stands under a manifest's key.
pub enum ManifestRead {
    /// A manifest.
    Whole(Box<StoredManifest>),
    /// The beginning of one: a writer of the Go library, which does not write at once, is leaving or has left
    /// it so.
    Torn,
    /// Nothing.
    Absent,
}

/// What stands under a manifest's key.
///
/// # Errors
/// The store's; `Corrupt` if it is longer than any manifest may be; `ManifestInvalid` for what is whole but
/// wrong; `Deadline`, `Cancelled`, `Aborted`.
pub fn read_manifest(context: &Context, backend: &dyn Backend, key: ManifestKey<'_>) -> Result<ManifestRead> {
    let Some(bytes) = backend.get(context, key.path, MANIFEST_MAX)? else { return Ok(ManifestRead::Absent) };
    match Manifest::parse(context, &bytes, key) {
        Ok(manifest) => Ok(ManifestRead::Whole(Box::new(StoredManifest { bytes, manifest }))),
        Err(error)
            if error.status() == Status::ManifestInvalid
                && !matches!(form(key.snapshot_id), Form::Ours { .. })
                && json::is_cut_short(&bytes) =>
        {
            Ok(ManifestRead::Torn)
        }
        Err(error) => Err(error),
    }
}

impl History<'_> {
    /// Which manifest lies at `path`: that of the snapshot `id`, or a partition's copy of it.
    pub(super) fn manifest_at<'b>(&'b self, path: &'b str, id: &'b str) -> ManifestKey<'b> {
        ManifestKey { layout: self.layout, dataset_id: self.dataset, snapshot_id: id, path }
    }

    /// What stands under a manifest's key, or under that of the partition copy that takes its place.
    ///
    /// # Errors
    /// As [`read_manifest`]; `Deadline`, `Cancelled`, `Aborted`.
    pub fn manifest(&self, id: &str) -> Result<ManifestRead> {
        let canonical = self.layout.manifest_path(self.dataset, id);
        match read_manifest(self.context, self.backend(), self.manifest_at(&canonical, id))? {
            ManifestRead::Absent => match self.copy_of(id)? {
                Some(copy) => read_manifest(self.context, self.backend(), self.manifest_at(&copy, id)),
                None => Ok(ManifestRead::Absent),
            },
            read => Ok(read),
        }
    }

    /// Compares a manifest with the slot that decided it. One that no slot names, or that was there before
    /// its slot, has nothing to be compared with.
    ///
    /// # Errors
    /// `Corrupt` if they differ; as [`History::slot`].
    pub fn check_against_slot(&self, manifest: &Manifest, bytes: &[u8]) -> Result<()> {
        let id = &*manifest.snapshot_id;
        if !matches!(form(id), Form::Ours { .. }) {
            return Ok(());
        }
        let of_parent = self.slot(manifest.parent_snapshot_id.as_deref())?;
        let naming = match of_parent.filter(|decision| *decision.slot.child == *id) {
            Some(decision) => Some(decision),
            // It was adopted, its slot is lost, or it is not the parent's name that it was decided with.
            None => self.slot_naming(id)?,
        };
        match naming.filter(|decision| decision.slot.has_own_payload()) {
            Some(decision) if *decision.payload != bytes => Err(self.differs(id)),
            _ => Ok(()),
        }
    }

    /// The error for a manifest that is not the one that its slot decided.
    pub fn differs(&self, id: &str) -> Error {
        let path = self.layout.manifest_path(self.dataset, id);
        let message = format!("the manifest {path} is not the one that its commit slot decided");
        Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(id)
    }

    /// The manifest, if it is there and whole.
    ///
    /// # Errors
    /// As [`History::manifest`].
    pub fn whole_manifest(&self, id: &str) -> Result<Option<StoredManifest>> {
        Ok(match self.manifest(id)? {
            ManifestRead::Whole(stored) => Some(*stored),
            ManifestRead::Torn | ManifestRead::Absent => None,
        })
    }

    /// The key that a manifest is found under.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn manifest_key(&self, id: &str) -> Result<String> {
        let canonical = self.layout.manifest_path(self.dataset, id);
        if self.may_lack_canonical(id) && !self.exists(&canonical)? {
            return Ok(self.copy_of(id)?.unwrap_or(canonical));
        }
        Ok(canonical)
    }
}

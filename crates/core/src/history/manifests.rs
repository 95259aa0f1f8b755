//! Reading manifests, canonical ones and partition copies.

use super::{History, MANIFEST_MAX};
use crate::context::Context;
use crate::error::Result;
use crate::id::{Form, form};
use crate::manifest::{Manifest, syntax};
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
    /// The beginning of one: a writer of the Go library, which does not write at once, is leaving or has left it so.
    Torn,
    /// Nothing.
    Absent,
}

/// Whether these bytes are the beginning of a JSON document.
fn is_cut_short(bytes: &[u8]) -> bool {
    syntax::check(bytes, None).is_err_and(|flaw| flaw.ends_early())
}

/// What stands under `key`, the key of a manifest of the snapshot `id`.
///
/// # Errors
/// The store's; `Corrupt` if it is longer than any manifest may be; `ManifestInvalid` for what is whole but wrong.
pub fn read_manifest(
    context: &Context,
    backend: &dyn Backend,
    key: &str,
    dataset: &str,
    id: &str,
) -> Result<ManifestRead> {
    let Some(bytes) = backend.get(context, key, MANIFEST_MAX)? else { return Ok(ManifestRead::Absent) };
    match Manifest::parse(&bytes, dataset, id, key) {
        Ok(manifest) => Ok(ManifestRead::Whole(Box::new(StoredManifest { bytes, manifest }))),
        Err(_) if is_cut_short(&bytes) && !matches!(form(id), Form::Ours { .. }) => Ok(ManifestRead::Torn),
        Err(error) => Err(error),
    }
}

impl History<'_> {
    /// What stands under a manifest's key, or under that of the partition copy that takes its place.
    ///
    /// # Errors
    /// As [`read_manifest`]; `Deadline`, `Cancelled`, `Aborted`.
    pub fn manifest(&self, id: &str) -> Result<ManifestRead> {
        let canonical = self.layout.manifest_path(self.dataset, id);
        match read_manifest(self.context, self.backend(), &canonical, self.dataset, id)? {
            ManifestRead::Absent => match self.copy_of(id)? {
                Some(copy) => read_manifest(self.context, self.backend(), &copy, self.dataset, id),
                None => Ok(ManifestRead::Absent),
            },
            read => Ok(read),
        }
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

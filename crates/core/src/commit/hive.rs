//! What the hive layout asks beyond the others (`docs/format.md`, section "Layouts"): the copies of a
//! manifest beside each partition's files, and the datasets of the reference's early versions, which have
//! nothing but such copies.

use super::lookup::Site;
use crate::error::{Result, Status};
use crate::id::{Form, form};
use crate::layout::{Layout, SEGMENTS};
use crate::manifest::Manifest;

/// The copies of this manifest, sorted; none in the other layouts.
pub fn copies(layout: Layout, dataset: &str, manifest: &Manifest) -> Vec<String> {
    let partitions = manifest.files.iter().filter_map(|file| layout.partition_of(dataset, &file.path));
    let mut copies: Vec<String> = partitions
        .map(|partition| layout.partition_manifest_path(dataset, partition, &manifest.snapshot_id))
        .collect();
    copies.sort_unstable();
    copies.dedup();
    copies
}

impl Site<'_> {
    /// Whether this snapshot may have been written before the reference wrote canonical manifests: a copy is then all
    /// there is. Our own copies come before the canonical manifest, and count for nothing without it.
    /// [`Site::add_copies_only`] knows better.
    pub fn may_be_copies_only(&self, id: &str) -> bool {
        self.layout == Layout::Hive && !matches!(form(id), Form::Ours { .. })
    }

    /// Calls `each` for the prefix of every partition's snapshots, until it answers `false`. A walk through the
    /// folders of partitions, whatever the number of snapshots.
    fn partitions(&self, each: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let mut stack = vec![self.layout.partitions_prefix(self.dataset)];
        while let Some(prefix) = stack.pop() {
            let mut has_snapshots = false;
            self.backend().list_names(&prefix, &mut |name| {
                if name == SEGMENTS {
                    has_snapshots = true;
                } else if name.contains('=') {
                    stack.push(format!("{prefix}{name}/"));
                }
                true
            })?;
            if has_snapshots && !each(&format!("{prefix}{SEGMENTS}/"))? {
                break;
            }
        }
        Ok(())
    }

    /// A copy of the manifest of a snapshot that has no canonical one; `None` if there is no copy either.
    ///
    /// # Errors
    /// The store's.
    pub fn copy_of(&self, id: &str) -> Result<Option<String>> {
        let mut found = None;
        if self.may_be_copies_only(id) && self.is_older_than_canonical_ones(id)? {
            self.partitions(&mut |snapshots| {
                let key = format!("{snapshots}{id}/manifest.json");
                if self.backend().open(&key)?.is_some() {
                    found = Some(key);
                }
                Ok(found.is_none())
            })?;
        }
        Ok(found)
    }

    /// The first of these snapshots, in order, that has a canonical manifest, and whether nothing came before it.
    fn first_canonical(&self, ids: &[String]) -> Result<Option<(String, bool)>> {
        for id in ids {
            match self.canonical(id) {
                Ok(None) => {}
                Ok(Some((_, first))) => return Ok(Some((id.clone(), first.parent_snapshot_id.is_none()))),
                // Whoever reads that one is told; it stands in nobody else's way.
                Err(error) if error.status() == Status::ManifestInvalid => {
                    return Ok(Some((id.clone(), false)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Whether the dataset may have had no canonical manifests when this snapshot was written. Without that a copy is
    /// all that a writer left who died before the manifest.
    fn is_older_than_canonical_ones(&self, id: &str) -> Result<bool> {
        let mut ids = Vec::new();
        self.backend().list_names(&self.layout.snapshots_prefix(self.dataset), &mut |name| {
            ids.push(name.to_owned());
            true
        })?;
        ids.sort_unstable();
        Ok(match self.first_canonical(&ids)? {
            Some((first, is_first)) => !is_first && *id < *first,
            None => true,
        })
    }

    /// Adds to `ids`, those of the snapshots that may have canonical manifests, those that have copies only. They are
    /// looked for only if there can be any: if the first snapshot with a canonical manifest has a parent, or none has.
    ///
    /// # Errors
    /// The store's.
    pub fn add_copies_only(&self, ids: &mut Vec<String>) -> Result<()> {
        ids.sort_unstable();
        let first = match self.first_canonical(ids)? {
            Some((_, true)) => return Ok(()),
            Some((first, false)) => Some(first),
            None => None,
        };
        let is_older = |name: &str| first.as_deref().is_none_or(|first| *name < *first);
        let mut more = Vec::new();
        self.partitions(&mut |snapshots| {
            self.backend().list_names(snapshots, &mut |name| {
                if self.may_be_copies_only(name) && is_older(name) {
                    more.push(name.to_owned());
                }
                true
            })?;
            Ok(true)
        })?;
        ids.append(&mut more);
        ids.sort_unstable();
        ids.dedup();
        Ok(())
    }
}

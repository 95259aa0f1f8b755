//! The partition copies of manifests in the hive layout (`docs/format.md`, section "Layouts"). A writer puts
//! them beside each partition's files. Datasets of the Go library's early versions have nothing but such
//! copies; in all others a copy without its canonical manifest counts for nothing.

use super::History;
use crate::error::Result;
use crate::id::{self, Form, form};
use crate::iter::Watch;
use crate::layout::{Layout, SEGMENTS};
use crate::manifest::Manifest;

/// The keys of the copies of this manifest, sorted; none in the other layouts.
pub fn copies(layout: Layout, dataset: &str, manifest: &Manifest) -> Vec<String> {
    let partitions = manifest.files.iter().filter_map(|file| layout.partition_of(dataset, &file.path));
    let mut copies: Vec<String> = partitions
        .map(|partition| layout.partition_manifest_path(dataset, partition, &manifest.snapshot_id))
        .collect();
    copies.sort_unstable();
    copies.dedup();
    copies
}

impl History<'_> {
    /// Whether a copy alone may make this snapshot exist. Those of this library never do: their copies come
    /// first, and count for nothing without the canonical manifest.
    pub fn may_lack_canonical(&self, id: &str) -> bool {
        self.layout == Layout::Hive && !matches!(form(id), Form::Ours { .. })
    }

    /// Whether the dataset may have snapshots without canonical manifests: not if the first canonical
    /// manifest begins the history.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn may_have_copies_alone(&self) -> Result<bool> {
        if self.layout != Layout::Hive {
            return Ok(false);
        }
        Ok(self.first_canonical_manifest()?.is_none_or(|(_, begins_history)| !begins_history))
    }

    /// The copies in this partition and below it, or in all (if it is empty): their ids and keys, in no
    /// order, until `each` answers `false`.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn list_copies(
        &self,
        partition: &str,
        doing: &'static str,
        each: &mut dyn FnMut(&str, &str) -> bool,
    ) -> Result<()> {
        let mut prefix = self.layout.partitions_prefix(self.dataset);
        if !partition.is_empty() {
            prefix.push_str(partition);
            prefix.push('/');
        }
        let mut watch = Watch::new(self.context, doing);
        self.backend().list(self.context, &prefix, None, &mut |key| {
            let goes_on = match self.layout.parse_manifest_path(self.dataset, key) {
                Some(id) if id::check_snapshot_id(id).is_ok() => each(id, key),
                _ => true,
            };
            goes_on && watch.goes_on()
        })?;
        watch.verdict()
    }

    /// A copy of the manifest of a snapshot that has no canonical one; `None` if there is no copy that
    /// counts.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub(super) fn copy_of(&self, id: &str) -> Result<Option<String>> {
        let mut found = None;
        if self.may_lack_canonical(id) && self.precedes_canonical(id)? {
            self.for_each_partition(&mut |snapshots| {
                let key = format!("{snapshots}{id}/manifest.json");
                if self.exists(&key)? {
                    found = Some(key);
                }
                Ok(found.is_none())
            })?;
        }
        Ok(found)
    }

    /// Calls `each` for the ids that copies alone may make exist, in no order, until it answers `false`; each
    /// comes once for every partition that has a copy. Partitions are searched only if there can be any. The
    /// caller watches the context.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`, `Aborted`.
    pub(super) fn list_ids_without_canonical(&self, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let first = match self.first_canonical_manifest()? {
            Some((_, true)) => return Ok(()),
            Some((first, false)) => Some(first),
            None => None,
        };
        let is_older = |name: &str| first.is_none_or(|first| *name < *first);
        self.for_each_partition(&mut |snapshots| {
            let mut goes_on = true;
            self.backend().list_names(self.context, snapshots, &mut |name| {
                goes_on = !self.may_lack_canonical(name) || !is_older(name) || each(name);
                goes_on
            })?;
            Ok(goes_on)
        })
    }

    /// Whether the dataset may have had no canonical manifests when this snapshot was written. Otherwise a
    /// copy is all that is left of a writer that died before the manifest.
    fn precedes_canonical(&self, id: &str) -> Result<bool> {
        Ok(match self.first_canonical_manifest()? {
            Some((first, begins_history)) => !begins_history && *id < *first,
            None => true,
        })
    }

    /// Calls `each` for the prefix of every partition's snapshots, until it answers `false`: a walk through
    /// the folders of partitions alone: its cost does not depend on the number of snapshots.
    fn for_each_partition(&self, each: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let mut stack = vec![self.layout.partitions_prefix(self.dataset)];
        while let Some(prefix) = stack.pop() {
            self.context.check("listing partitions")?;
            let mut has_snapshots = false;
            self.backend().list_names(self.context, &prefix, &mut |name| {
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
}

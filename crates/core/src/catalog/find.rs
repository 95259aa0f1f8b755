//! Finding datasets, partitions and snapshots by what a store lists.

use super::{Catalog, SnapshotFilter};
use crate::context::Context;
use crate::dataset::Snapshot;
use crate::error::{Error, Result, Status};
use crate::history::{FirstCanonical, History, ManifestRead, read_manifest};
use crate::id;
use crate::iter::Steps;
use crate::layout::{Layout, SEGMENTS};
use crate::manifest::Manifest;
use crate::manifest::ManifestKey;
use crate::store::Backend;
use crate::store::pages::{Order, Pages, ROOM};

/// No dataset has as many partition keys; what lies deeper is no partition.
const DEEPEST: usize = 256;

/// Separates id and key in a listing of copies: it sorts before every character that an id may have.
const SEPARATOR: char = '\0';

/// A dataset of a catalog.
#[derive(Clone)]
pub(super) struct DatasetEntry {
    catalog: Catalog,
    dataset: String,
    /// Whether there may be snapshots of the time when the Go library wrote copies of its hive manifests
    /// alone: a copy is then what makes them exist.
    copies_alone: bool,
}

const LOOKING: &str = "looking for a dataset";

impl Catalog {
    /// The dataset, which must have a snapshot.
    pub(super) fn existing(&self, dataset: &str, context: &Context) -> Result<DatasetEntry> {
        id::check_dataset_id(dataset)?;
        let mut entry =
            DatasetEntry { catalog: self.clone(), dataset: dataset.to_owned(), copies_alone: false };
        if !entry.has_snapshot(context)? {
            let prefix = self.layout.dataset_prefix(dataset);
            let message = format!(
                "there is no dataset {dataset:?} in {}: no manifest of the {} layout lies under {prefix}",
                self.backend().describe(),
                self.layout.name()
            );
            return Err(Error::new(Status::NotFound, message).with_path(prefix));
        }
        entry.copies_alone = entry.history(context).may_have_copies_alone()?;
        Ok(entry)
    }
}

impl DatasetEntry {
    fn backend(&self) -> &dyn Backend {
        self.catalog.backend()
    }

    fn layout(&self) -> Layout {
        self.catalog.layout
    }

    fn history<'a>(&'a self, context: &'a Context) -> History<'a> {
        let first_canonical = FirstCanonical::default();
        let store = &self.catalog.store;
        History { store, dataset: &self.dataset, layout: self.layout(), context, first_canonical }
    }

    /// Whether there is a snapshot. Mostly the pointer tells, without a listing.
    fn has_snapshot(&self, context: &Context) -> Result<bool> {
        context.check(LOOKING)?;
        let history = self.history(context);
        let manifest_path = |id: &str| self.layout().manifest_path(&self.dataset, id);
        // A pointer that is none is no reason to deny what the listing shows.
        if let Some(pointer) = history.latest().or_else(none_if_corrupt)?
            && let Ok(id) = std::str::from_utf8(&pointer)
            && id::check_snapshot_id(id.trim()).is_ok()
            && history.exists(&manifest_path(id.trim()))?
        {
            return Ok(true);
        }
        let found =
            history.first_canonical(LOOKING, |id| Ok(history.exists(&manifest_path(id))?.then_some(())))?;
        Ok(found.is_some() || self.has_copy(context)?)
    }

    /// Whether a partition has a copy that is enough for a snapshot.
    fn has_copy(&self, context: &Context) -> Result<bool> {
        if self.layout() != Layout::Hive {
            return Ok(false);
        }
        let history = self.history(context);
        let mut found = false;
        history.list_copies("", LOOKING, &mut |id, _| {
            found = history.may_lack_canonical(id);
            !found
        })?;
        Ok(found)
    }
}

fn none_if_corrupt<T>(error: Error) -> Result<Option<T>> {
    match error.status() {
        Status::Corrupt => Ok(None),
        _ => Err(error),
    }
}

/// The datasets of a catalog.
pub(super) struct Datasets {
    catalog: Catalog,
    names: Pages,
}

impl Datasets {
    pub(super) fn new(catalog: &Catalog) -> Self {
        Datasets { catalog: catalog.clone(), names: Pages::new(ROOM, Order::Ascending) }
    }
}

impl Steps for Datasets {
    type Item = String;

    fn doing(&self) -> &'static str {
        "listing datasets"
    }

    fn next(&mut self, context: &Context) -> Result<Option<String>> {
        let (doing, catalog) = (self.doing(), &self.catalog);
        let prefix = catalog.layout.datasets_prefix();
        while let Some(name) =
            self.names.next(context, doing, |_, each| catalog.backend().list_names(context, prefix, each))?
        {
            if id::check_dataset_id(&name).is_err() {
                continue;
            }
            let entry = DatasetEntry { catalog: catalog.clone(), dataset: name, copies_alone: false };
            if entry.has_snapshot(context)? {
                return Ok(Some(entry.dataset));
            }
        }
        // What is no folder has no datasets, but "no datasets" would be a wrong answer.
        self.catalog.backend().check_folder(context, prefix)?;
        Ok(None)
    }
}

/// The partitions of a dataset: a walk through their folders, of which each level is listed when it is
/// reached.
pub(super) struct Partitions {
    entry: DatasetEntry,
    /// The folders from the top down to the current one: the partition so far, and what lies in it.
    folders: Vec<(String, Pages)>,
}

impl Partitions {
    pub(super) fn new(entry: DatasetEntry) -> Self {
        let folders = match entry.layout() {
            Layout::Hive => vec![(String::new(), Pages::new(ROOM, Order::Ascending))],
            Layout::Default | Layout::Flat | Layout::Volume => Vec::new(),
        };
        Partitions { entry, folders }
    }

    /// Whether a committed snapshot has its copy of the manifest in this partition.
    fn is_committed(
        entry: &DatasetEntry,
        partition: &str,
        context: &Context,
        doing: &'static str,
    ) -> Result<bool> {
        let layout = entry.layout();
        let prefix = format!("{}{partition}/{SEGMENTS}/", layout.partitions_prefix(&entry.dataset));
        let history = entry.history(context);
        let mut ids = Pages::new(ROOM, Order::Ascending);
        while let Some(id) =
            ids.next(context, doing, |_, each| entry.backend().list_names(context, &prefix, each))?
        {
            context.step(doing)?;
            let copy_is_enough = entry.copies_alone && history.may_lack_canonical(&id);
            if history.exists(&layout.partition_manifest_path(&entry.dataset, partition, &id))?
                && (copy_is_enough || history.exists(&layout.manifest_path(&entry.dataset, &id))?)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Steps for Partitions {
    type Item = String;

    fn doing(&self) -> &'static str {
        "listing partitions"
    }

    fn next(&mut self, context: &Context) -> Result<Option<String>> {
        let doing = self.doing();
        loop {
            let depth = self.folders.len();
            let Some((partition, names)) = self.folders.last_mut() else { return Ok(None) };
            let mut prefix = self.entry.layout().partitions_prefix(&self.entry.dataset);
            if !partition.is_empty() {
                prefix.push_str(partition);
                prefix.push('/');
            }
            let backend = self.entry.backend();
            let Some(name) =
                names.next(context, doing, |_, each| backend.list_names(context, &prefix, each))?
            else {
                self.folders.pop();
                continue;
            };
            if name == SEGMENTS {
                if !partition.is_empty() && Self::is_committed(&self.entry, partition, context, doing)? {
                    return Ok(Some(partition.clone()));
                }
            } else if depth < DEEPEST {
                let below = match &**partition {
                    "" => name,
                    partition => format!("{partition}/{name}"),
                };
                self.folders.push((below, Pages::new(ROOM, Order::Ascending)));
            }
        }
    }
}

/// The snapshots of a dataset that pass a filter.
pub(super) struct Found {
    entry: DatasetEntry,
    filter: SnapshotFilter,
    /// Ids, or ids and keys of copies.
    names: Pages,
    /// The id that was read last: it may have more copies.
    last: String,
}

impl Found {
    pub(super) fn new(entry: DatasetEntry, filter: SnapshotFilter) -> Self {
        Found { entry, filter, names: Pages::new(ROOM, Order::Ascending), last: String::new() }
    }

    /// The next id with the key of its manifest.
    fn next_name(&mut self, context: &Context) -> Result<Option<(String, String)>> {
        let (doing, entry) = (self.doing(), &self.entry);
        let history = entry.history(context);
        let partition = &*self.filter.partition;
        if !partition.is_empty() && entry.layout() != Layout::Hive {
            return Ok(None);
        }
        let name = self.names.next(context, doing, |_, each| {
            // Without a partition, copies count only where there may be nothing else.
            if partition.is_empty() {
                let mut goes_on = true;
                history.list_canonical(&mut |id| {
                    goes_on = each(id);
                    goes_on
                })?;
                if !entry.copies_alone || !goes_on {
                    return Ok(());
                }
            }
            let mut copy = |id: &str, key: &str| {
                let canonical = partition.is_empty() || each(id);
                let is_enough = entry.copies_alone && history.may_lack_canonical(id);
                canonical && (!is_enough || each(&format!("{id}{SEPARATOR}{key}")))
            };
            history.list_copies(partition, doing, &mut copy)
        })?;
        Ok(name.map(|name| match name.split_once(SEPARATOR) {
            Some((id, key)) => (id.to_owned(), key.to_owned()),
            None => {
                let key = entry.layout().manifest_path(&entry.dataset, &name);
                (name, key)
            }
        }))
    }

    fn passes(&self, manifest: &Manifest) -> bool {
        let in_range = self.filter.unix_nanos.is_none_or(|(from, to)| {
            let (first, last) = (manifest.min_timestamp, manifest.max_timestamp);
            // One without the other is an odd manifest, but tells of a time all the same.
            let times = first.or(last).zip(last.or(first));
            times.is_some_and(|(first, last)| first <= to && from <= last)
        });
        in_range && (self.filter.partition.is_empty() || self.lies_in_partition(manifest))
    }

    fn lies_in_partition(&self, manifest: &Manifest) -> bool {
        manifest.files.iter().any(|file| {
            let partition = self.entry.layout().partition_of(&self.entry.dataset, &file.path);
            let below = partition.and_then(|partition| partition.strip_prefix(&*self.filter.partition));
            below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
        })
    }
}

impl Steps for Found {
    type Item = Snapshot;

    fn doing(&self) -> &'static str {
        "listing snapshots"
    }

    fn next(&mut self, context: &Context) -> Result<Option<Snapshot>> {
        while let Some((id, key)) = self.next_name(context)? {
            context.step(self.doing())?;
            if id == self.last {
                continue;
            }
            let entry = &self.entry;
            // A folder without a manifest is no snapshot, and one that its writer is in the midst of is none
            // yet.
            let manifest_key = ManifestKey {
                layout: entry.catalog.layout,
                dataset_id: &entry.dataset,
                snapshot_id: &id,
                path: &key,
            };
            if let ManifestRead::Whole(stored) = read_manifest(context, entry.backend(), manifest_key)? {
                self.last = id;
                if self.passes(&stored.manifest) {
                    return Ok(Some(Snapshot::assemble(
                        &self.entry.catalog.store,
                        stored.manifest,
                        stored.bytes,
                    )));
                }
            }
        }
        Ok(None)
    }
}

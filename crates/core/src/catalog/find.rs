//! Finding datasets, partitions and snapshots by what a store lists.

use super::{Catalog, SnapshotFilter};
use crate::commit::lookup::{Stored, stored_manifest_at};
use crate::context::Context;
use crate::dataset::Snapshot;
use crate::error::{Error, Result, Status};
use crate::id::{self, Form, form};
use crate::iter::{Steps, Watch};
use crate::layout::{Layout, SEGMENTS};
use crate::manifest::Manifest;
use crate::store::Backend;
use crate::store::pages::{Pages, ROOM};

/// `latest` holds one id; more is no pointer.
const POINTER_MAX: u64 = 4 << 10;

/// No dataset has as many partition keys; what lies deeper is no partition.
const DEEPEST: usize = 256;

/// Separates id and key in a listing of copies: it sorts before every character that an id may have.
const SEPARATOR: char = '\0';

/// A dataset of a catalog.
#[derive(Clone)]
pub(super) struct Place {
    catalog: Catalog,
    dataset: String,
    /// Whether there may be snapshots of the time when the Go library wrote copies of its hive manifests alone: a copy
    /// is then what makes them exist.
    copies_alone: bool,
}

const LOOKING: &str = "looking for a dataset";

impl Catalog {
    /// The dataset, which must have a snapshot.
    pub(super) fn existing(&self, dataset: &str, context: &Context) -> Result<Place> {
        id::check_dataset_id(dataset)?;
        let mut place = Place { catalog: self.clone(), dataset: dataset.to_owned(), copies_alone: false };
        if !place.has_snapshot(context)? {
            let prefix = self.layout.dataset_prefix(dataset);
            let message = format!(
                "there is no dataset {dataset:?} in {}: no manifest of the {} layout lies under {prefix}",
                self.backend().describe(),
                self.layout.name()
            );
            return Err(Error::new(Status::NotFound, message).with_path(prefix));
        }
        place.copies_alone = place.may_have_copies_alone(context)?;
        Ok(place)
    }
}

impl Place {
    fn backend(&self) -> &dyn Backend {
        self.catalog.backend()
    }

    fn layout(&self) -> Layout {
        self.catalog.layout
    }

    fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.backend().open(key)?.is_some())
    }

    /// Whether a snapshot exists without a canonical manifest, if there is a copy of it: ours never do, as their
    /// copies come first.
    fn may_lack_canonical(&self, id: &str) -> bool {
        self.layout() == Layout::Hive && !matches!(form(id), Form::Ours { .. })
    }

    /// Whether there is a snapshot. Mostly the pointer tells, without a listing.
    fn has_snapshot(&self, context: &Context) -> Result<bool> {
        context.check(LOOKING)?;
        let pointer = self.backend().get(&self.layout().latest_path(&self.dataset), POINTER_MAX);
        // A pointer that is none is no reason to deny what the listing shows.
        if let Some(pointer) = pointer.or_else(none_if_corrupt)?
            && let Ok(id) = std::str::from_utf8(&pointer)
            && id::check_snapshot_id(id.trim()).is_ok()
            && self.exists(&self.layout().manifest_path(&self.dataset, id.trim()))?
        {
            return Ok(true);
        }
        let found = self.first_canonical(context, |key| Ok(self.exists(key)?.then_some(())))?;
        Ok(found.is_some() || self.has_copy(context)?)
    }

    /// Whether a partition has a copy that is enough for a snapshot.
    fn has_copy(&self, context: &Context) -> Result<bool> {
        if self.layout() != Layout::Hive {
            return Ok(false);
        }
        let mut found = false;
        let mut watch = Watch::new(context, LOOKING);
        let mut look = |id: &str, _: &str| {
            found = self.may_lack_canonical(id);
            !found
        };
        self.list_copies("", &mut look, &mut watch)?;
        watch.verdict()?;
        Ok(found)
    }

    /// Whether there may be snapshots with copies alone: not if the first canonical manifest begins the history.
    fn may_have_copies_alone(&self, context: &Context) -> Result<bool> {
        if self.layout() != Layout::Hive {
            return Ok(false);
        }
        let first = self.first_canonical(context, |key| {
            let id = self.layout().parse_manifest_path(&self.dataset, key).unwrap_or_default();
            match stored_manifest_at(self.backend(), key, &self.dataset, id) {
                Ok(Stored::Whole(_, manifest)) => Ok(Some(manifest.parent_snapshot_id.is_some())),
                Ok(Stored::Torn | Stored::Absent) => Ok(None),
                // Whoever comes to that one is told.
                Err(error) if matches!(error.status(), Status::ManifestInvalid | Status::Corrupt) => {
                    Ok(Some(true))
                }
                Err(error) => Err(error),
            }
        })?;
        Ok(first.unwrap_or(true))
    }

    /// What `look` finds at the first key of a canonical manifest, in the order of ids, at which it finds anything.
    fn first_canonical<T>(
        &self,
        context: &Context,
        look: impl Fn(&str) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let mut pages = Pages::new(ROOM);
        while let Some(id) = pages.next(context, LOOKING, |each| self.list_canonical(each))? {
            context.step(LOOKING)?;
            if let Some(found) = look(&self.layout().manifest_path(&self.dataset, &id))? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The ids that may have a canonical manifest.
    fn list_canonical(&self, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        let layout = self.layout();
        self.backend().list_names(&layout.snapshots_prefix(&self.dataset), &mut |name| {
            !layout.may_be_snapshot(name) || id::check_snapshot_id(name).is_err() || each(name)
        })
    }

    /// The copies of manifests in this partition and below it, or in all (if it is empty): their ids and keys.
    fn list_copies(
        &self,
        partition: &str,
        each: &mut dyn FnMut(&str, &str) -> bool,
        watch: &mut Watch<'_>,
    ) -> Result<()> {
        let layout = self.layout();
        let mut prefix = layout.partitions_prefix(&self.dataset);
        if !partition.is_empty() {
            prefix.push_str(partition);
            prefix.push('/');
        }
        self.backend().list(&prefix, &mut |key| {
            let goes_on = match layout.parse_manifest_path(&self.dataset, key) {
                Some(id) if id::check_snapshot_id(id).is_ok() => each(id, key),
                _ => true,
            };
            goes_on && watch.goes_on()
        })
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
        Datasets { catalog: catalog.clone(), names: Pages::new(ROOM) }
    }
}

impl Steps for Datasets {
    type Item = String;

    fn doing(&self) -> &'static str {
        "listing datasets"
    }

    fn next(&mut self, context: &Context) -> Result<Option<String>> {
        let (doing, catalog) = (self.doing(), &self.catalog);
        while let Some(name) =
            self.names.next(context, doing, |each| catalog.backend().list_names("datasets/", each))?
        {
            if id::check_dataset_id(&name).is_err() {
                continue;
            }
            let place = Place { catalog: catalog.clone(), dataset: name, copies_alone: false };
            if place.has_snapshot(context)? {
                return Ok(Some(place.dataset));
            }
        }
        Ok(None)
    }
}

/// The partitions of a dataset: a walk through their folders, of which each level is listed when it is reached.
pub(super) struct Partitions {
    place: Place,
    /// The folders from the top down to the current one: the partition so far, and what lies in it.
    folders: Vec<(String, Pages)>,
}

impl Partitions {
    pub(super) fn new(place: Place) -> Self {
        let folders = match place.layout() {
            Layout::Hive => vec![(String::new(), Pages::new(ROOM))],
            Layout::Default | Layout::Flat => Vec::new(),
        };
        Partitions { place, folders }
    }

    /// Whether a committed snapshot has its copy of the manifest in this partition.
    fn is_committed(place: &Place, partition: &str, context: &Context, doing: &'static str) -> Result<bool> {
        let layout = place.layout();
        let prefix = format!("{}{partition}/{SEGMENTS}/", layout.partitions_prefix(&place.dataset));
        let mut ids = Pages::new(ROOM);
        while let Some(id) = ids.next(context, doing, |each| place.backend().list_names(&prefix, each))? {
            context.step(doing)?;
            let copy_is_enough = place.copies_alone && place.may_lack_canonical(&id);
            if place.exists(&layout.partition_manifest_path(&place.dataset, partition, &id))?
                && (copy_is_enough || place.exists(&layout.manifest_path(&place.dataset, &id))?)
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
            let mut prefix = self.place.layout().partitions_prefix(&self.place.dataset);
            if !partition.is_empty() {
                prefix.push_str(partition);
                prefix.push('/');
            }
            let backend = self.place.backend();
            let Some(name) = names.next(context, doing, |each| backend.list_names(&prefix, each))? else {
                self.folders.pop();
                continue;
            };
            if name == SEGMENTS {
                if !partition.is_empty() && Self::is_committed(&self.place, partition, context, doing)? {
                    return Ok(Some(partition.clone()));
                }
            } else if depth < DEEPEST {
                let below = match &**partition {
                    "" => name,
                    partition => format!("{partition}/{name}"),
                };
                self.folders.push((below, Pages::new(ROOM)));
            }
        }
    }
}

/// The snapshots of a dataset that pass a filter.
pub(super) struct Found {
    place: Place,
    filter: SnapshotFilter,
    /// Ids, or ids and keys of copies.
    names: Pages,
    /// The id that was looked at last: it may have more copies.
    last: String,
}

impl Found {
    pub(super) fn new(place: Place, filter: SnapshotFilter) -> Self {
        Found { place, filter, names: Pages::new(ROOM), last: String::new() }
    }

    /// The next id with the key of its manifest.
    fn next_name(&mut self, context: &Context) -> Result<Option<(String, String)>> {
        let (doing, place) = (self.doing(), &self.place);
        let partition = &*self.filter.partition;
        if !partition.is_empty() && place.layout() != Layout::Hive {
            return Ok(None);
        }
        let name = self.names.next(context, doing, |each| {
            // Without a partition, copies count only where there may be nothing else.
            if partition.is_empty() {
                let mut goes_on = true;
                place.list_canonical(&mut |id| {
                    goes_on = each(id);
                    goes_on
                })?;
                if !place.copies_alone || !goes_on {
                    return Ok(());
                }
            }
            let mut watch = Watch::new(context, doing);
            let mut copy = |id: &str, key: &str| {
                let canonical = partition.is_empty() || each(id);
                let is_enough = place.copies_alone && place.may_lack_canonical(id);
                canonical && (!is_enough || each(&format!("{id}{SEPARATOR}{key}")))
            };
            place.list_copies(partition, &mut copy, &mut watch)?;
            watch.verdict()
        })?;
        Ok(name.map(|name| match name.split_once(SEPARATOR) {
            Some((id, key)) => (id.to_owned(), key.to_owned()),
            None => {
                let key = place.layout().manifest_path(&place.dataset, &name);
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
            let partition = self.place.layout().partition_of(&self.place.dataset, &file.path);
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
            let place = &self.place;
            // A folder without a manifest is no snapshot, and one that its writer is in the midst of is none yet.
            if let Stored::Whole(bytes, manifest) =
                stored_manifest_at(place.backend(), &key, &place.dataset, &id)?
            {
                self.last = id;
                if self.passes(&manifest) {
                    return Ok(Some(Snapshot::assemble(&self.place.catalog.store, *manifest, &bytes)));
                }
            }
        }
        Ok(None)
    }
}

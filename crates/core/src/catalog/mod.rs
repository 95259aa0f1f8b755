//! The catalog of a store: its datasets, their partitions and snapshots, one manifest, any object. What the
//! Go library calls a dataset reader: it shows what is stored, and does not interpret it. A snapshot is
//! listed because its manifest is there, whether or not a chain of parents leads to it.
//!
//! Readers never write, and nothing here needs a dataset to be opened.

mod find;
#[cfg(test)]
mod tests;

use crate::context::{CallOptions, Context};
use crate::dataset::{BlobReader, ReadOptions, Snapshot, Snapshots};
use crate::error::{Error, Result, Status};
use crate::history::{ManifestRead, read_manifest};
use crate::id;
use crate::iter::Keys;
use crate::layout::Layout;
use crate::manifest::ManifestKey;
use crate::store::{Backend, Store, key};

/// A store, seen as datasets of one layout. Clones are the same catalog, and threads may share it.
#[derive(Clone)]
pub struct Catalog {
    store: Store,
    layout: Layout,
}

/// Which snapshots are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFilter {
    /// Only those with a file in this partition or below it, such as `day=2024-01-01` for
    /// `day=2024-01-01/region=eu`. Whole segments count: `day=2024-01` is no prefix of it. Empty: all. Only
    /// the hive layout has partitions: with another, nothing lies in one.
    pub partition: String,
    /// Only those whose records' times reach into the range from the first to the second, both included, in
    /// nanoseconds since the Unix epoch. A snapshot without times is in no range.
    pub unix_nanos: Option<(i64, i64)>,
}

impl Catalog {
    /// A catalog of the datasets that are laid out so. No I/O.
    #[must_use]
    pub fn open(store: &Store, layout: Layout) -> Self {
        Catalog { store: store.clone(), layout }
    }

    /// Its layout.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The ids of the datasets, or of the volumes in their layout, that have a snapshot, sorted bytewise.
    /// What lies under a name that can be no dataset id is left out.
    ///
    /// # Errors
    /// `DatasetsNotModeled` in the flat layout, which has no place of its own for datasets; `Deadline`,
    /// `Cancelled`, `Aborted`; the store's failure.
    pub fn datasets(&self, options: &CallOptions) -> Result<Keys> {
        if self.layout == Layout::Flat {
            let message = "the flat layout has no place of its own for datasets, so they cannot be listed: keep \
                           their ids yourself, or use another layout";
            return Err(Error::new(Status::DatasetsNotModeled, message));
        }
        Context::start(options).check("listing datasets")?;
        Ok(Keys::new(find::Datasets::new(self), options))
    }

    /// The partitions of a dataset in which a committed snapshot has a file, such as
    /// `day=2024-01-01/region=eu`, sorted segment by segment. Only the hive layout has any.
    ///
    /// # Errors
    /// `NotFound` if there is no snapshot at all; `InvalidArgument` for what no dataset id can be;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn partitions(&self, dataset: &str, options: &CallOptions) -> Result<Keys> {
        let context = Context::start(options);
        let entry = self.existing(dataset, &context)?;
        Ok(Keys::new(find::Partitions::new(entry), options))
    }

    /// The snapshots of a dataset that pass the filter, sorted by their ids.
    ///
    /// # Errors
    /// `NotFound` if there is no snapshot at all; `InvalidArgument` for what no dataset id can be, and for a
    /// range that ends before it begins; `InvalidPath` for what no partition can be; `Deadline`, `Cancelled`,
    /// `Aborted`; the store's failure. Each step also `ManifestInvalid`, and `Corrupt` for a manifest that is
    /// too long.
    pub fn snapshots(
        &self,
        dataset: &str,
        filter: SnapshotFilter,
        options: &CallOptions,
    ) -> Result<Snapshots> {
        let mut filter = filter;
        if let Some((from, to)) = filter.unix_nanos
            && from > to
        {
            let message = format!("the range of times ends before it begins: from {from} to {to}");
            return Err(Error::new(Status::InvalidArgument, message));
        }
        if filter.partition.ends_with('/') {
            filter.partition.pop();
        }
        if !filter.partition.is_empty() {
            key::check(&filter.partition).map_err(|error| error.context("the partition prefix"))?;
        }
        let context = Context::start(options);
        let entry = self.existing(dataset, &context)?;
        Ok(Snapshots::new(find::Found::new(entry, filter), options))
    }

    /// The snapshot whose manifest has this key. In the hive layout the copies in partitions count, too.
    ///
    /// # Errors
    /// `InvalidPath` if the key breaks the rules for keys; `InvalidArgument` if it has not exactly the shape
    /// of a manifest's key in this layout; `NotFound` if nothing is there; `ManifestInvalid`, also for one
    /// that its writer did not finish; `Corrupt` for one that is too long; `Deadline`, `Cancelled`,
    /// `Aborted`; the store's failure.
    pub fn manifest(&self, key: &str, options: &CallOptions) -> Result<Snapshot> {
        key::check(key)?;
        let (dataset, id) = self.parse_manifest_key(key)?;
        let context = Context::start(options);
        context.check("reading a manifest")?;
        let manifest_key =
            ManifestKey { layout: self.layout, dataset_id: dataset, snapshot_id: id, path: key };
        match read_manifest(&context, self.backend(), manifest_key)? {
            ManifestRead::Whole(stored) => Ok(Snapshot::assemble(&self.store, stored.manifest, stored.bytes)),
            ManifestRead::Absent => {
                let message = format!("there is no manifest {key:?} in {}", self.backend().describe());
                Err(Error::new(Status::NotFound, message).with_path(key).with_snapshot_id(id))
            }
            ManifestRead::Torn => {
                let message =
                    format!("invalid manifest {key}: it ends too early: its writer did not finish it");
                Err(Error::new(Status::ManifestInvalid, message).with_path(key).with_snapshot_id(id))
            }
        }
    }

    /// Opens any object of the store, to be read from its beginning, or at any place. The reader gives the
    /// bytes as they are stored and checks none of them: `verify` of the options says nothing here.
    ///
    /// # Errors
    /// `InvalidPath` if the key breaks the rules for keys; `NotFound` if nothing is there; `Deadline`,
    /// `Cancelled`, `Aborted`; the store's failure.
    pub fn object(&self, key: &str, options: ReadOptions) -> Result<BlobReader> {
        BlobReader::open_object(&self.store, key, options)
    }

    fn backend(&self) -> &dyn Backend {
        self.store.backend()
    }

    /// The dataset and snapshot of a manifest's key.
    fn parse_manifest_key<'a>(&self, key: &'a str) -> Result<(&'a str, &'a str)> {
        let refused = |why: String| {
            let shape = match self.layout {
                Layout::Default => "datasets/<dataset>/snapshots/<snapshot>/manifest.json",
                Layout::Hive => {
                    "datasets/<dataset>/[partitions/<partition>/]segments/<snapshot>/manifest.json"
                }
                Layout::Flat => "<dataset>/<snapshot>/manifest.json",
                Layout::Volume => "volumes/<volume>/snapshots/<snapshot>/manifest.json",
            };
            let name = self.layout.name();
            let message = format!("{key:?} is no key of a manifest in the {name} layout, {shape}{why}");
            Error::new(Status::InvalidArgument, message).with_path(key)
        };
        let below = key.strip_prefix(self.layout.datasets_prefix());
        let parsed = below.and_then(|below| below.split_once('/')).and_then(|(dataset, _)| {
            self.layout.parse_manifest_path(dataset, key).map(|snapshot| (dataset, snapshot))
        });
        let (dataset, snapshot) = parsed.ok_or_else(|| refused(String::new()))?;
        id::check_dataset_id(dataset)
            .and_then(|()| id::check_snapshot_id(snapshot))
            .map_err(|error| refused(format!(": {error}")))?;
        Ok((dataset, snapshot))
    }
}

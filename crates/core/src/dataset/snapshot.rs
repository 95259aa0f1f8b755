//! Finding snapshots (`docs/commit-protocol.md`, section "Reading"): the latest, one by its id, all in order.
//! Readers never write.

use std::sync::Arc;

use super::{Dataset, ReadOptions, Verify};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::history::{FirstCanonical, History, StoredManifest};
use crate::id;
use crate::iter::{Iter, Steps};
use crate::manifest::{FileRef, Manifest};
use crate::store::Store;
use crate::store::pages::{Order, Pages, ROOM};

/// A committed snapshot; clones are cheap, threads may share it.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    manifest: Manifest,
    json: String,
    locations: Locations,
}

/// Where the files of a snapshot are found by other programs.
enum Locations {
    /// Below this: the location is the key, appended to it.
    Below(String),
    /// Each where the store says.
    Each(Vec<Option<String>>),
}

impl Locations {
    /// Those of a volume's blocks, which may be very many.
    fn of_blocks(store: &Store, manifest: &Manifest) -> Locations {
        let first = manifest.data_paths().next();
        let root = first.and_then(|path| {
            let location = store.backend().location(&path)?;
            location.strip_suffix(&*path).map(str::to_owned)
        });
        root.map_or_else(|| Locations::Each(Vec::new()), Locations::Below)
    }

    fn new(store: &Store, manifest: &Manifest) -> Locations {
        let backend = store.backend();
        let location = |file: &FileRef| backend.location(&file.path);
        let root = manifest.files.first().and_then(|first| {
            let mut location = location(first)?;
            location.ends_with(&first.path).then(|| location.truncate(location.len() - first.path.len()))?;
            Some(location)
        });
        let is_below = |root: &str, file: &FileRef| {
            location(file).is_some_and(|there| there.strip_prefix(root) == Some(&*file.path))
        };
        match root {
            // A manifest may name very many files.
            Some(root) if manifest.files.iter().all(|file| is_below(&root, file)) => Locations::Below(root),
            None if manifest.files.is_empty() => Locations::of_blocks(store, manifest),
            _ => Locations::Each(manifest.files.iter().map(location).collect()),
        }
    }
}

impl Snapshot {
    /// A snapshot from its manifest.
    pub(crate) fn assemble(store: &Store, manifest: Manifest, bytes: Vec<u8>) -> Snapshot {
        let locations = Locations::new(store, &manifest);
        // A manifest that was read is UTF-8.
        let json = String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        Snapshot { inner: Arc::new(Inner { manifest, json, locations }) }
    }

    /// Its manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.inner.manifest
    }

    /// Its manifest's bytes as stored.
    #[must_use]
    pub fn manifest_json(&self) -> &str {
        &self.inner.json
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.manifest.snapshot_id
    }

    /// Where another program finds the object of this key, a block of a volume's snapshot, as an absolute
    /// path; `None` if the store has no such place.
    #[must_use]
    pub fn location_of(&self, path: &str) -> Option<String> {
        match &self.inner.locations {
            Locations::Below(root) => Some(format!("{root}{path}")),
            Locations::Each(_) => None,
        }
    }

    /// Where another program finds the file of this number, as an absolute path; `None` if the store has no
    /// such place, or the number is out of range.
    #[must_use]
    pub fn location(&self, index: usize) -> Option<String> {
        match &self.inner.locations {
            Locations::Below(root) => Some(format!("{root}{}", self.inner.manifest.files.get(index)?.path)),
            Locations::Each(locations) => locations.get(index)?.clone(),
        }
    }
}

impl Dataset {
    /// The newest snapshot.
    ///
    /// # Errors
    /// `NoSnapshots`; `LayoutMismatch` if there are snapshots of another layout only; `Corrupt` if the
    /// pointer names a snapshot that is not there; `ManifestInvalid`; the store's failure (never taken for
    /// "no snapshots"); `Deadline`, `Cancelled`, `Aborted`.
    pub fn latest(&self, options: &CallOptions) -> Result<Snapshot> {
        let context = self.begin(options);
        let none = || Error::new(Status::NoSnapshots, "it has no snapshot yet");
        self.find_latest(&context).and_then(|found| found.ok_or_else(none)).map_err(|error| self.named(error))
    }

    /// The snapshot of this id.
    ///
    /// # Errors
    /// `SnapshotNotFound`; `InvalidArgument` for what no id can be; otherwise as [`Dataset::latest`].
    pub fn snapshot(&self, id: &str, options: &CallOptions) -> Result<Snapshot> {
        id::check_snapshot_id(id)?;
        let context = self.begin(options);
        let found = context.check("reading a snapshot").and_then(|()| self.find(id, &context));
        match found.map_err(|error| self.named(error))? {
            Some(snapshot) => Ok(snapshot),
            None => {
                let error = Error::new(Status::SnapshotNotFound, format_args!("it has no snapshot {id}"));
                Err(self.named(error.with_snapshot_id(id)))
            }
        }
    }

    /// All snapshots, oldest first, up to the head of this moment. Those that only seal the slot of another
    /// (they repeat its content) are left out. The deadline holds anew for each step of the iterator.
    ///
    /// # Errors
    /// As [`Dataset::latest`], but a dataset without snapshots gives none.
    pub fn snapshots(&self, options: &CallOptions) -> Result<Snapshots> {
        let context = self.begin(options);
        let listed = self.list(&context).map_err(|error| self.named(error))?;
        Ok(Snapshots::new(listed, options))
    }

    fn list(&self, context: &Context) -> Result<Listed> {
        let head = self.find_latest(context)?.map(|head| head.id().to_owned());
        let mut ids = Pages::new(ROOM, Order::Ascending);
        let history = self.history(context);
        if head.is_some() {
            context.check("listing snapshots")?;
            history.fill_ids(&mut ids)?;
        }
        Ok(Listed { dataset: self.clone(), ids, head, first_canonical: history.first_canonical })
    }

    pub(super) fn find_latest(&self, context: &Context) -> Result<Option<Snapshot>> {
        Ok(self.history(context).head()?.map(|head| self.snapshot_of(head)))
    }

    pub(super) fn find(&self, id: &str, context: &Context) -> Result<Option<Snapshot>> {
        Ok(self.history(context).snapshot(id)?.map(|found| self.snapshot_of(found)))
    }

    /// With [`Verify::First`]: compares a snapshot's manifest with the slot that decided it.
    pub(super) fn verify_manifest(&self, snapshot: &Snapshot, options: &ReadOptions) -> Result<()> {
        if options.verify != Verify::First {
            return Ok(());
        }
        let context = self.begin(&options.call);
        let history = self.history(&context);
        history
            .check_against_slot(snapshot.manifest(), snapshot.manifest_json().as_bytes())
            .map_err(|error| self.named(error))
    }

    /// A snapshot from its stored manifest.
    pub(super) fn snapshot_of(&self, stored: StoredManifest) -> Snapshot {
        self.assemble(stored.manifest, stored.bytes)
    }

    /// A snapshot from its manifest.
    pub(crate) fn assemble(&self, manifest: Manifest, bytes: Vec<u8>) -> Snapshot {
        Snapshot::assemble(self.store(), manifest, bytes)
    }
}

/// Snapshots, in order.
pub type Snapshots = Iter<Snapshot>;

/// All snapshots up to a head.
struct Listed {
    dataset: Dataset,
    /// The ids still to come.
    ids: Pages,
    /// The head, until it has been given.
    head: Option<String>,
    first_canonical: FirstCanonical,
}

impl Listed {
    fn next_stored(&mut self, context: &Context) -> Result<Option<StoredManifest>> {
        let first_canonical = self.first_canonical.clone();
        let history = History { first_canonical, ..self.dataset.history(context) };
        while let Some(head) = self.head.take() {
            context.step("reading snapshots")?;
            let found = match history.next_id(&mut self.ids)? {
                Some(id) if id < head => {
                    self.head = Some(head);
                    history.whole_manifest(&id)?
                }
                // The head may be decided but not published.
                _ => history.snapshot(&head)?,
            };
            if let Some(stored) = found.filter(|stored| stored.manifest.is_noop().is_none()) {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }
}

impl Steps for Listed {
    type Item = Snapshot;

    fn doing(&self) -> &'static str {
        "reading snapshots"
    }

    fn next(&mut self, context: &Context) -> Result<Option<Snapshot>> {
        let stored = self.next_stored(context).map_err(|error| self.dataset.named(error))?;
        Ok(stored.map(|stored| self.dataset.snapshot_of(stored)))
    }
}

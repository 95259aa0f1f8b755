//! Finding snapshots (`docs/commit-protocol.md`, section "Reading"): the latest, one by its id, all in order.
//! Readers never write.

use std::sync::Arc;
use std::time::Duration;

use super::Dataset;
use crate::commit::lookup::Stored;
use crate::commit::machine::Kind;
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::id::{self, Form, form};
use crate::iter::{Iter, Steps};
use crate::limits;
use crate::manifest::Manifest;
use crate::store::Store;

/// How often a manifest is looked for that the pointer names.
const LOOKS: u32 = 4;

/// A committed snapshot; clones are cheap, threads may share it.
#[derive(Clone)]
pub struct Snapshot {
    inner: Arc<Inner>,
}

struct Inner {
    manifest: Manifest,
    json: String,
    locations: Vec<Option<String>>,
}

impl Snapshot {
    /// A snapshot from its manifest.
    pub(crate) fn assemble(store: &Store, manifest: Manifest, bytes: &[u8]) -> Snapshot {
        let backend = store.backend();
        let locations = manifest.files.iter().map(|file| backend.location(&file.path)).collect();
        let json = String::from_utf8_lossy(bytes).into_owned();
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

    /// Where another program finds the file of this number, as an absolute path; `None` if the store has no such
    /// place, or the number is out of range.
    #[must_use]
    pub fn location(&self, index: usize) -> Option<&str> {
        self.inner.locations.get(index)?.as_deref()
    }
}

impl Dataset {
    /// The newest snapshot.
    ///
    /// # Errors
    /// `NoSnapshots`; `LayoutMismatch` if there are snapshots of another layout only; `Corrupt` if the pointer names a snapshot that is not there; `ManifestInvalid`; the store's
    /// failure (never taken for "no snapshots"); `Deadline`, `Cancelled`, `Aborted`.
    pub fn latest(&self, options: &CallOptions) -> Result<Snapshot> {
        let context = Context::start(options);
        let _governed = limits::govern(Some(&context));
        let none = || Error::new(Status::NoSnapshots, "it has no snapshot yet");
        self.find_latest(&context).and_then(|found| found.ok_or_else(none)).map_err(|error| self.named(error))
    }

    /// The snapshot of this id.
    ///
    /// # Errors
    /// `SnapshotNotFound`; `InvalidArgument` for what no id can be; otherwise as [`Dataset::latest`].
    pub fn snapshot(&self, id: &str, options: &CallOptions) -> Result<Snapshot> {
        id::check_snapshot_id(id)?;
        let context = Context::start(options);
        let _governed = limits::govern(Some(&context));
        let found = context.check("reading a snapshot").and_then(|()| self.find(id));
        match found.map_err(|error| self.named(error))? {
            Some(snapshot) => Ok(snapshot),
            None => {
                let error = Error::new(Status::SnapshotNotFound, format_args!("it has no snapshot {id}"));
                Err(self.named(error.with_snapshot_id(id)))
            }
        }
    }

    /// All snapshots, oldest first, up to the head of this moment. Those that only seal the slot of another (they
    /// repeat its content) are left out. The deadline holds anew for each step of the iterator.
    ///
    /// # Errors
    /// As [`Dataset::latest`], but a dataset without snapshots gives none.
    pub fn snapshots(&self, options: &CallOptions) -> Result<Snapshots> {
        let context = Context::start(options);
        let _governed = limits::govern(Some(&context));
        let ids = self.list(&context).map_err(|error| self.named(error))?;
        Ok(Snapshots::new(Listed { dataset: self.clone(), ids }, options))
    }

    fn list(&self, context: &Context) -> Result<Vec<String>> {
        let Some(head) = self.find_latest(context)? else { return Ok(Vec::new()) };
        context.check("listing snapshots")?;
        let mut ids = self.site().listed_ids_within(context)?;
        ids.retain(|id| **id <= *head.id());
        if !ids.iter().any(|id| id == head.id()) {
            ids.push(head.id().to_owned());
        }
        // Taken from the end.
        ids.sort_unstable();
        ids.reverse();
        Ok(ids)
    }

    pub(super) fn find_latest(&self, context: &Context) -> Result<Option<Snapshot>> {
        if let Some(head) = self.find_head(context)? {
            return Ok(Some(head));
        }
        self.refuse_another_layout()?;
        Ok(None)
    }

    /// "None" or "missing" would be a wrong answer where another layout has its snapshots.
    fn refuse_another_layout(&self) -> Result<()> {
        match self.site().object_of_another_layout()? {
            Some(object) => Err(self.site().layout_mismatch(&object)),
            None => Ok(()),
        }
    }

    fn find_head(&self, context: &Context) -> Result<Option<Snapshot>> {
        let site = self.site();
        for look in 1..=LOOKS {
            context.check("reading the latest snapshot")?;
            let pointer = site.latest()?.unwrap_or_default();
            let id = match std::str::from_utf8(&pointer).map(str::trim) {
                Ok("") => {
                    let greatest = self.greatest(None, context)?;
                    // If there is a pointer by now, the listing may be ahead of it.
                    if look < LOOKS && site.latest()?.is_some_and(|now| now != pointer) {
                        continue;
                    }
                    return Ok(greatest);
                }
                Ok(id) => id.to_owned(),
                Err(_) => {
                    let path = self.options().layout.latest_path(self.id());
                    let message = format!("the pointer {path} is no UTF-8 text");
                    return Err(Error::new(Status::Corrupt, message).with_path(path));
                }
            };
            // The pointer is somebody's text until it proves to be an id.
            id::check_snapshot_id(&id).map_err(|error| {
                let path = self.options().layout.latest_path(self.id());
                error.with_status(Status::Corrupt).context(format_args!("the pointer {path}")).with_path(path)
            })?;
            if let Some(snapshot) = self.load(&id)? {
                return Ok(Some(snapshot));
            }
            if look < LOOKS {
                // Perhaps its writer is between pointer and manifest.
                context.sleep(Duration::from_millis(u64::from(look)), "waiting for a manifest")?;
                continue;
            }
            if let Some(snapshot) = self.proven(&id)? {
                return Ok(Some(snapshot));
            }
            if !matches!(form(&id), Form::Ours { .. }) {
                return self.greatest(Some(&id), context);
            }
            self.refuse_another_layout()?;
            let path = self.options().layout.manifest_path(self.id(), &id);
            let message = format!("the pointer names the snapshot {id}, but its manifest {path} is missing");
            return Err(Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(id));
        }
        Ok(None)
    }

    /// The greatest snapshot that is listed and whole, but for `except`.
    fn greatest(&self, except: Option<&str>, context: &Context) -> Result<Option<Snapshot>> {
        let mut ids = self.site().listed_ids_within(context)?;
        ids.sort_unstable();
        while let Some(id) = ids.pop() {
            context.step("reading the latest snapshot")?;
            if except != Some(&*id)
                && let Some(snapshot) = self.load(&id)?
            {
                return Ok(Some(snapshot));
            }
        }
        Ok(None)
    }

    pub(super) fn find(&self, id: &str) -> Result<Option<Snapshot>> {
        match self.load(id)? {
            Some(snapshot) => Ok(Some(snapshot)),
            None => self.proven(id),
        }
    }

    /// The snapshot as the slot has it that decided it: committed, but not published yet.
    fn proven(&self, id: &str) -> Result<Option<Snapshot>> {
        match self.site().namer(id)? {
            Some(decision) if decision.slot.kind == Kind::Commit => {
                let path = self.options().layout.manifest_path(self.id(), id);
                let manifest = Manifest::parse(&decision.payload, self.id(), id, &path)?;
                Ok(Some(self.assemble(manifest, &decision.payload)))
            }
            _ => Ok(None),
        }
    }

    /// The snapshot as its manifest has it; `None` if there is none, or it is incomplete.
    pub(super) fn load(&self, id: &str) -> Result<Option<Snapshot>> {
        match self.site().stored_manifest(id)? {
            Stored::Whole(bytes, manifest) => Ok(Some(self.assemble(*manifest, &bytes))),
            Stored::Torn | Stored::Absent => Ok(None),
        }
    }

    /// A snapshot from its manifest.
    pub(super) fn assemble(&self, manifest: Manifest, bytes: &[u8]) -> Snapshot {
        Snapshot::assemble(self.store(), manifest, bytes)
    }
}

/// Snapshots, in order.
pub type Snapshots = Iter<Snapshot>;

/// All snapshots up to a head.
struct Listed {
    dataset: Dataset,
    /// The ids still to come, the next at the end.
    ids: Vec<String>,
}

impl Steps for Listed {
    type Item = Snapshot;

    fn doing(&self) -> &'static str {
        "reading snapshots"
    }

    fn next(&mut self, context: &Context) -> Result<Option<Snapshot>> {
        while let Some(id) = self.ids.pop() {
            context.step(self.doing())?;
            let found = match self.ids.is_empty() {
                // The head may be decided but not published.
                true => self.dataset.find(&id),
                false => self.dataset.load(&id),
            };
            match found.map_err(|error| self.dataset.named(error))? {
                Some(snapshot) if snapshot.manifest().is_noop().is_none() => return Ok(Some(snapshot)),
                _ => {}
            }
        }
        Ok(None)
    }
}

//! What taking up the Go library's snapshots needs of a store (`docs/commit-protocol.md`, section "Living
//! with the Go library"): the survey, the age of an object, the syncing of what a Go writer left in the
//! cache; and how a history is reported that needs a person's decision.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Target;
use super::machine::{Repair, Survey, Surveyed};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::slot::ROOT;
use crate::history::{Id, MANIFEST_MAX, ManifestRead, Slot, copies};
use crate::id::{Form, form};
use crate::manifest::producers;
use crate::manifest::{Manifest, Metadata};
use crate::store::Age;

/// A Go writer that has not published after this long is taken for dead.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many heads a message names.
const HEADS_NAMED: usize = 8;

/// For stores without a clock: the object that was seen to stand still last, its bytes, and since when.
#[derive(Debug, Default)]
pub struct Sightings(Mutex<Option<(String, Vec<u8>, Instant)>>);

impl Sightings {
    /// How long these bytes have been seen to stand under this key.
    fn since_first_seen(&self, key: &str, bytes: Vec<u8>) -> Duration {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((known, there, since)) if known == key && *there == bytes => since.elapsed(),
            _ => {
                *seen = Some((key.to_owned(), bytes, Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// As if the object had been seen this much earlier.
    #[cfg(test)]
    pub fn backdate(&self, by: Duration) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, since)) = &mut *seen {
            *since = since.checked_sub(by).expect("the machine has been up that long");
        }
    }
}

impl Target<'_> {
    /// All slots and manifests; each manifest is read once.
    ///
    /// # Errors
    /// The store's; `ManifestInvalid` for a manifest that is whole and wrong; `Deadline`, `Cancelled`.
    pub fn survey(&self, context: &Context) -> Result<Survey> {
        let mut survey = Survey::default();
        let mut slots = Vec::new();
        let history = self.history(context);
        history.list_slots(&mut |parent| match parent {
            None => survey.root = true,
            Some(parent) => slots.push(parent.to_owned()),
        })?;
        slots.sort_unstable();
        survey.slots = slots.into_iter().map(Id::from).collect();
        for id in history.listed_ids()? {
            context.check("looking through the snapshots")?;
            let tells = |manifest: &Manifest| {
                matches!(form(&id), Form::Ours { .. }) || manifest.metadata.value(producers::KEY).is_some()
            };
            match history.manifest(&id)? {
                ManifestRead::Whole(stored) => {
                    let manifest = &stored.manifest;
                    let surveyed = Surveyed {
                        parent: manifest.parent_snapshot_id.as_deref().map(Id::from),
                        tells_producers: tells(manifest),
                        id: Id::from(id),
                    };
                    survey.manifests.push(surveyed);
                }
                ManifestRead::Torn => survey.torn.push(Id::from(id)),
                ManifestRead::Absent => {}
            }
        }
        Ok(survey)
    }

    /// Whether an object has stood unchanged for a minute, by the store's own clock, or, where it has none, since this
    /// handle first saw it. `None`: it is not there.
    ///
    /// # Errors
    /// The store's.
    pub fn is_old(&self, key: &str) -> Result<Option<bool>> {
        let age = match self.backend().age(key)? {
            Age::Absent => return Ok(None),
            Age::Known(age) => age,
            Age::NoClock => match self.backend().get(key, MANIFEST_MAX)? {
                None => return Ok(None),
                Some(bytes) => self.sightings.since_first_seen(key, bytes),
            },
        };
        Ok(Some(age >= PATIENCE))
    }

    /// Syncs what the Go library, which does not, has written: these snapshots' data, then their manifests.
    ///
    /// # Errors
    /// The store's; `Deadline`, `Cancelled`.
    pub fn persist_adopted(&self, ids: &[Id], context: &Context) -> Result<()> {
        for id in ids {
            context.check("making adopted snapshots durable")?;
            let history = self.history(context);
            let key = history.manifest_key(id)?;
            let Some(stored) = history.whole_manifest(id)? else {
                let message = format!("the manifest {key} has gone while it was being adopted");
                return Err(Error::new(Status::Corrupt, message).with_path(key));
            };
            for file in &stored.manifest.files {
                self.backend().persist(&file.path)?;
            }
            for copy in copies(self.layout, self.dataset, &stored.manifest) {
                // Its writer may have died before it put all of them.
                if history.exists(&copy)? {
                    self.backend().persist(&copy)?;
                }
            }
            self.backend().persist(&key)?;
        }
        Ok(())
    }

    /// The manifest of a noop where there is no snapshot yet: empty, in this dataset's settings.
    pub fn empty_manifest(&self, slot: &Slot) -> Manifest {
        let mut metadata = Metadata::empty();
        metadata.set_noop(ROOT);
        Manifest {
            dataset_id: self.dataset.to_owned(),
            snapshot_id: slot.child.to_string(),
            created_at: slot.created_at,
            metadata,
            files: Vec::new(),
            parent_snapshot_id: None,
            row_count: 0,
            min_timestamp: None,
            max_timestamp: None,
            codec: self.codec.map(str::to_owned),
            compressor: self.compressor.to_owned(),
            partitioner: self.layout.partitioner().to_owned(),
            checksum_algorithm: self.checksum.map(str::to_owned),
            unknown: Vec::new(),
        }
    }

    /// The error for a history that needs a person's decision.
    pub fn repair_error(&self, repair: &Repair, heads: &[Id]) -> Error {
        let manifest = |id: &str| self.layout.manifest_path(self.dataset, id);
        let mut path = None;
        let why = match repair {
            Repair::NoSlots => {
                "there are snapshots of this library's, but no commit slot leads to them".to_owned()
            }
            Repair::Fork(None) => {
                "its history forks: there is more than one first snapshot, written by concurrent writers of the Go \
                 library"
                    .to_owned()
            }
            Repair::Fork(Some(parent)) => format!(
                "its history forks: the snapshot {parent} has more than one child, written by concurrent writers of \
                 the Go library"
            ),
            Repair::NotTheGreatest(greatest) => format!(
                "the pointer does not name the newest snapshot: {greatest} sorts after it, or is built on it"
            ),
            Repair::Beside(decided) => format!(
                "a writer of the Go library has built on a snapshot whose child the commit slots decided to be \
                 {decided}"
            ),
            Repair::Torn(id) => {
                path = Some(manifest(id));
                format!("the manifest {} ends in the middle: its writer died, or lost it", manifest(id))
            }
            Repair::Dangling(id) => format!("the pointer names {id}, and no snapshot has that id"),
            Repair::OtherParent(id) => {
                path = Some(manifest(id));
                format!(
                    "the manifest {} names another parent than its place in the history wants; if it came late from a \
                     writer of the Go library that was taken for dead, move it away, and commit again",
                    manifest(id)
                )
            }
            Repair::NotTheEnd(end) => {
                format!(
                    "what the commit slots decided stays, and they lead to the snapshot {end}: choose that one"
                )
            }
        };
        let named: Vec<&str> = heads.iter().take(HEADS_NAMED).map(|id| &**id).collect();
        let more = match heads.len().saturating_sub(HEADS_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!(
            "{why}. Heads: {}{more}. It can be read; to write, adopt the head that is to stay",
            named.join(", ")
        );
        let mut error = Error::new(Status::NeedsRepair, message);
        if let Some(head) = heads.first() {
            error = error.with_snapshot_id(&**head);
        }
        match path {
            Some(path) => error.with_path(path),
            None => error,
        }
    }
}

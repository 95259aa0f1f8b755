//! A part is committed once: which snapshots hold which parts is read from the manifests on the path, each
//! once a handle.
//!
//! The id of a snapshot of parts sorts after the ids of all its parts (see [`Dataset::commit_parts`]), so
//! that a walk from the head back to the oldest part's id meets every snapshot that can hold one of them,
//! however the clocks of the machines are set.

use std::collections::{BTreeMap, HashSet};

use super::commit::{WantedParts, nanos, random};
use crate::dataset::Dataset;
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id};
use crate::id::{Form, form};
use crate::layout::Layout;
use crate::manifest::{Manifest, ManifestKey};

/// How many ids of parts are remembered: 8 MiB of them.
const MOST: usize = if cfg!(test) { 1_100 } else { 1 << 20 };

/// How far a clock of the Go library's writers may be behind: its snapshots may sort before what came before
/// them.
const FOREIGN_CLOCK: i64 = 24 * 60 * 60 * 1_000_000_000;

/// What a handle has read of snapshots: their parents, and under which ids their files lie.
#[derive(Default)]
pub(in crate::dataset) struct CommittedParts {
    snapshots: BTreeMap<Id, Named>,
    /// How many ids all of them name.
    count: usize,
}

#[derive(Clone)]
struct Named {
    parent: Option<Id>,
    /// The random halves of the ids, sorted.
    ids: Box<[u64]>,
}

impl CommittedParts {
    /// Remembers what this manifest names; the oldest snapshots are forgotten when there are too many.
    pub fn add(&mut self, layout: Layout, manifest: &Manifest) {
        let named = Named::of(layout, manifest);
        if named.ids.len() > MOST {
            return;
        }
        self.count += named.ids.len() + 1;
        if let Some(replaced) = self.snapshots.insert(Id::from(&*manifest.snapshot_id), named) {
            self.count -= replaced.ids.len() + 1;
        }
        while self.count > MOST
            && let Some((_, forgotten)) = self.snapshots.pop_first()
        {
            self.count -= forgotten.ids.len() + 1;
        }
    }
}

impl Named {
    fn of(layout: Layout, manifest: &Manifest) -> Named {
        let mut ids: Vec<u64> = ids_of(layout, manifest).map(random).collect();
        ids.sort_unstable();
        ids.dedup();
        Named { parent: manifest.parent_snapshot_id.as_deref().map(Id::from), ids: ids.into() }
    }
}

/// The ids that the files of a snapshot lie under.
fn ids_of(layout: Layout, manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.files.iter().filter_map(move |file| {
        layout.parse_data_path(&manifest.dataset_id, &file.path).map(|path| path.snapshot)
    })
}

impl WantedParts {
    /// The snapshot, from `head` back, that names one of these parts, if there is one. `seen` is a decision
    /// that is in hand.
    pub(in crate::dataset) fn named_by(
        &self,
        dataset: &Dataset,
        history: &History<'_>,
        head: &Id,
        seen: Option<&Decision>,
    ) -> Result<Option<Id>> {
        if self.ids.is_empty() {
            return Ok(None);
        }
        let mut foreign: HashSet<Id> = HashSet::new();
        let mut next = Some(head.clone());
        while let Some(id) = next.filter(|id| self.may_be_named_by(id)) {
            history.context.check("finding out whether parts are committed")?;
            let known = dataset.committed_parts().snapshots.get(&id).cloned();
            let (named, holds) = match known {
                Some(named) => {
                    // A number may agree by chance: only the manifest tells.
                    let agrees = named.ids.iter().any(|random| self.ids.contains_key(random));
                    let holds = agrees && self.named_in(history.layout, &read(history, &id, seen)?);
                    (named, holds)
                }
                None => {
                    let manifest = read(history, &id, seen)?;
                    dataset.committed_parts().add(history.layout, &manifest);
                    (Named::of(history.layout, &manifest), self.named_in(history.layout, &manifest))
                }
            };
            if holds {
                return Ok(Some(id));
            }
            let returns = match form(&id) {
                Form::Ours { .. } => named.parent.as_ref().is_some_and(|parent| *parent >= id),
                Form::Go { .. } | Form::Other => !foreign.insert(id.clone()),
            };
            if returns {
                let message = format!("the history is damaged: the snapshot {id} comes before itself");
                return Err(Error::new(Status::Corrupt, message).with_snapshot_id(&*id));
            }
            next = named.parent;
        }
        Ok(None)
    }

    /// Whether this snapshot, or one before it, can name one of the parts.
    fn may_be_named_by(&self, id: &Id) -> bool {
        match form(id) {
            Form::Ours { .. } => *id > self.oldest,
            Form::Go { .. } | Form::Other => nanos(id) >= nanos(&self.oldest).saturating_sub(FOREIGN_CLOCK),
        }
    }

    /// Whether this manifest names one of the parts.
    fn named_in(&self, layout: Layout, manifest: &Manifest) -> bool {
        ids_of(layout, manifest).any(|id| self.ids.get(&random(id)).is_some_and(|wanted| **wanted == *id))
    }
}

/// The manifest of a snapshot on the path: from the decision that was read, if it is that one's.
fn read(history: &History<'_>, id: &Id, seen: Option<&Decision>) -> Result<Manifest> {
    if let Some(seen) = seen.filter(|seen| seen.slot.child == *id && seen.slot.has_own_payload()) {
        let path = history.layout.manifest_path(history.dataset, id);
        let key =
            ManifestKey { layout: history.layout, dataset_id: history.dataset, snapshot_id: id, path: &path };
        return Manifest::parse(history.context, &seen.payload, key);
    }
    match history.whole_manifest(id)? {
        Some(stored) => Ok(stored.manifest),
        None => {
            let path = history.layout.manifest_path(history.dataset, id);
            let message = format!("the manifest {path} of a snapshot on the path is missing");
            Err(Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(&**id))
        }
    }
}

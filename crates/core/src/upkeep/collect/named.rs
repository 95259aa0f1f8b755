//! All that is named: by manifests, by their copies in partitions, and by commit slots, whose path is
//! followed on while things are removed.

use std::collections::HashSet;

use super::{COLLECTING, Candidates};
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id, ManifestRead, SlotKind, read_manifest, slot};
use crate::layout::Layout;
use crate::manifest::{Manifest, ManifestKey};

/// How far the history was read.
pub(super) struct Named<'a> {
    history: History<'a>,
    /// Where the path of slots ended.
    end: Option<Id>,
}

impl<'a> Named<'a> {
    /// Reads everything that may name data, and takes out of `candidates` what is named.
    pub fn read(history: History<'a>, candidates: &mut Candidates) -> Result<Named<'a>> {
        let mut named = Named { history, end: None };
        let mut forget = |key: &str| {
            candidates.remove(key);
        };
        named.slots(&mut forget)?;
        named.manifests(&mut forget)?;
        Ok(named)
    }

    /// Tells what has been named since: each name once, so that every candidate is to be compared with it.
    pub fn catch_up(&mut self, each: &mut dyn FnMut(&str)) -> Result<()> {
        self.follow(&mut HashSet::new(), each)
    }

    /// Follows the path of slots from where it ended.
    fn follow(&mut self, read: &mut HashSet<Option<Id>>, forget: &mut dyn FnMut(&str)) -> Result<()> {
        loop {
            self.history.context.step(COLLECTING)?;
            let parent = self.end.clone();
            let Some(decision) = self.history.slot(parent.as_deref())? else { return Ok(()) };
            self.decided(&decision, forget)?;
            // What is adopted may sort below its parent, so that damaged slots may go round.
            if !read.insert(parent) {
                let message = format!("the commit slots go round to {} again", decision.slot.child);
                return Err(Error::new(Status::Corrupt, message));
            }
            self.end = Some(decision.slot.child);
        }
    }

    fn slots(&mut self, forget: &mut dyn FnMut(&str)) -> Result<()> {
        let mut read: HashSet<Option<Id>> = HashSet::new();
        self.follow(&mut read, forget)?;
        // Those that the path does not lead to: of a damaged history, nothing is known to be garbage.
        let mut others: Vec<Option<Id>> = Vec::new();
        self.history.list_slots(&mut |parent| {
            let parent = parent.map(Id::from);
            if !read.contains(&parent) {
                others.push(parent);
            }
        })?;
        for parent in others {
            self.history.context.step(COLLECTING)?;
            if let Some(decision) = self.history.slot(parent.as_deref())? {
                self.decided(&decision, forget)?;
            }
        }
        Ok(())
    }

    fn decided(&self, decision: &Decision, forget: &mut dyn FnMut(&str)) -> Result<()> {
        let slot = &decision.slot;
        let slot_key = self.history.slot_key(slot.parent.as_deref());
        if let Some(payload) = slot::payload_key(slot_key, slot, &decision.payload) {
            forget(&payload);
        }
        if slot.kind == SlotKind::Adopt {
            return Ok(());
        }
        let path = self.history.layout.manifest_path(self.history.dataset, &slot.child);
        let manifest =
            Manifest::parse(self.history.context, &decision.payload, self.key(&path, &slot.child))?;
        names(&manifest, forget);
        Ok(())
    }

    fn key<'b>(&'b self, path: &'b str, id: &'b str) -> ManifestKey<'b> {
        ManifestKey { layout: self.history.layout, dataset_id: self.history.dataset, snapshot_id: id, path }
    }

    fn manifests(&self, forget: &mut dyn FnMut(&str)) -> Result<()> {
        let mut without: HashSet<String> = HashSet::new();
        for id in self.history.listed_ids()? {
            self.history.context.step(COLLECTING)?;
            let read = self.history.manifest(&id)?;
            if !self.named_by(read, &id, forget)? {
                without.insert(id);
            }
        }
        if self.history.layout != Layout::Hive {
            return Ok(());
        }
        // A copy counts for nothing alone, but a writer of the Go library may be about to put the manifest.
        let mut copies: Vec<(String, String)> = Vec::new();
        self.history.list_copies("", COLLECTING, &mut |id, key| {
            if without.contains(id) || self.history.may_lack_canonical(id) {
                copies.push((id.to_owned(), key.to_owned()));
            }
            true
        })?;
        for (id, path) in copies {
            self.history.context.step(COLLECTING)?;
            let read = read_manifest(self.history.context, self.history.backend(), self.key(&path, &id))?;
            self.named_by(read, &id, forget)?;
        }
        Ok(())
    }

    /// Whether there is a manifest.
    fn named_by(&self, read: ManifestRead, id: &str, forget: &mut dyn FnMut(&str)) -> Result<bool> {
        match read {
            ManifestRead::Whole(stored) => {
                names(&stored.manifest, forget);
                Ok(true)
            }
            ManifestRead::Absent => Ok(false),
            ManifestRead::Torn => {
                let path = self.history.layout.manifest_path(self.history.dataset, id);
                let message = format!("the manifest {path} ends too early: what it names is not known");
                Err(Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(id))
            }
        }
    }
}

/// Calls `each` for every object that a manifest names.
fn names(manifest: &Manifest, each: &mut dyn FnMut(&str)) {
    manifest.data_paths().for_each(|path| each(&path));
}

//! What stands beside the path of slots: manifests, copies and slots to which it does not lead, what the Go
//! library has committed since, and the pointer.

use std::collections::HashMap;

use super::FindingKind;
use super::walk::{Stored, VERIFYING, Walk};
use crate::error::Result;
use crate::history::Id;
use crate::id::{Form, form};
use crate::layout::Layout;

impl Walk<'_> {
    pub fn beside(&mut self) -> Result<()> {
        self.manifests()?;
        self.copies_off_path()?;
        self.slots_off_path()?;
        self.pointer()
    }

    /// Manifests to which no slot leads: the Go library may have written them after the end of the path.
    fn manifests(&mut self) -> Result<()> {
        let mut ahead: Vec<(Id, Option<Id>)> = Vec::new();
        for id in self.history().listed_ids()? {
            self.context.check(VERIFYING)?;
            if self.on_path.contains(&*id) {
                continue;
            }
            let path = self.manifest_path(&id);
            match self.stored(&id)? {
                Stored::Absent => {}
                // A writer of the Go library may be about to finish it, but that has been told of.
                Stored::Wrong => {}
                Stored::Whole(stored) if matches!(form(&id), Form::Go { .. }) => {
                    let parent = stored.manifest.parent_snapshot_id.as_deref().map(Id::from);
                    ahead.push((Id::from(id), parent));
                    self.files(stored.manifest)?;
                }
                Stored::Whole(_) => {
                    let what = "no commit slot leads to this manifest";
                    self.find(FindingKind::ManifestOffPath, &path, Some(&id), what)?;
                }
            }
        }
        self.chain(&ahead)?;
        for (id, _) in ahead {
            self.report.snapshots += 1;
            self.on_path.insert(id);
        }
        Ok(())
    }

    /// What the Go library wrote must go on from the end of the path, in one chain.
    fn chain(&mut self, ahead: &[(Id, Option<Id>)]) -> Result<()> {
        let mut child_of: HashMap<Option<&Id>, &Id> = HashMap::new();
        let known: HashMap<&Id, ()> = ahead.iter().map(|(id, _)| (id, ())).collect();
        let end = self.end.clone();
        for (id, parent) in ahead {
            let path = self.manifest_path(id);
            let is_end = *parent == end;
            if !is_end && !parent.as_ref().is_some_and(|parent| known.contains_key(parent)) {
                let what = match parent {
                    Some(parent) if self.on_path.contains(parent) => {
                        format!("its parent {parent} has another child, to which the commit slots lead")
                    }
                    Some(parent) => format!("its parent {parent} is missing"),
                    None => "it has no parent, though there is a history before it".to_owned(),
                };
                let kind = match parent {
                    Some(parent) if !self.on_path.contains(parent) => FindingKind::ManifestOffPath,
                    _ => FindingKind::Fork,
                };
                self.find(kind, &path, Some(id), what)?;
            } else if let Some(other) = child_of.insert(parent.as_ref(), id) {
                let what = format!("its parent has another child, {other}");
                self.find(FindingKind::Fork, &path, Some(id), what)?;
            }
        }
        Ok(())
    }

    fn copies_off_path(&mut self) -> Result<()> {
        if self.dataset.options().layout != Layout::Hive {
            return Ok(());
        }
        let mut off_path: Vec<(String, String)> = Vec::new();
        let on_path = &self.on_path;
        self.history().list_copies("", VERIFYING, &mut |id, key| {
            if !on_path.contains(id) {
                off_path.push((id.to_owned(), key.to_owned()));
            }
            true
        })?;
        for (id, key) in off_path {
            let what = "this is a copy of a manifest to which no commit slot leads";
            self.find(FindingKind::CopyOffPath, &key, Some(&id), what)?;
        }
        Ok(())
    }

    fn slots_off_path(&mut self) -> Result<()> {
        let mut off_path: Vec<String> = Vec::new();
        let on_path = &self.on_path;
        self.history().list_slots(&mut |parent| {
            if let Some(parent) = parent.filter(|parent| !on_path.contains(*parent)) {
                off_path.push(parent.to_owned());
            }
        })?;
        for parent in off_path {
            let path = self.history().slot_key(Some(&parent)).path();
            let what = format!("this is the commit slot of {parent}, to which no commit slot leads");
            self.find(FindingKind::SlotOffPath, &path, Some(&parent), what)?;
        }
        Ok(())
    }

    fn pointer(&mut self) -> Result<()> {
        let path = self.dataset.options().layout.latest_path(self.dataset.id());
        let read = self.history().latest();
        let Some(raw) = self.sound(read, FindingKind::PointerWrong, &path, None)? else { return Ok(()) };
        let Some(raw) = raw else {
            if self.report.snapshots > 1 {
                let what = "the pointer to the newest snapshot is missing, though there are several";
                self.find(FindingKind::PointerMissing, &path, None, what)?;
            }
            return Ok(());
        };
        let Ok(text) = std::str::from_utf8(&raw) else {
            return self.find(FindingKind::PointerWrong, &path, None, "the pointer is no UTF-8 text");
        };
        let id = text.trim();
        if !self.on_path.contains(id) {
            let what = format!("the pointer names {id:?}, which is no snapshot of the history");
            return self.find(FindingKind::PointerWrong, &path, None, what);
        }
        if self.report.unpublished.as_deref() == Some(id) {
            let what = format!("the pointer names {id}, whose manifest is missing");
            return self.find(FindingKind::PointerWrong, &path, Some(id), what);
        }
        Ok(())
    }
}

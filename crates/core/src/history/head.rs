//! The head as a reader finds it, a snapshot by its id, and the walk along the slots beyond the pointer.

use std::time::Duration;

use super::{Decision, History, Id, SlotKind, StoredManifest};
use crate::error::{Error, Result, Status};
use crate::id::{self, Form, form};
use crate::manifest::Manifest;
use crate::manifest::producers;
use crate::store::pages::{Order, Pages, ROOM};

/// How often a manifest that the pointer names is read, before it counts as missing.
const TRIES: u32 = 4;

const FINDING_HEAD: &str = "reading the latest snapshot";

/// Notices a walk along the slots that comes back to where it was. Only what is adopted may sort below its
/// parent: a clock of the Go library was behind. All other slots lead to a greater id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ParentLoop(Vec<Id>);

impl ParentLoop {
    /// Whether a step from `parent` to `child` was made before.
    pub fn closes(&mut self, parent: Option<&str>, child: &Id) -> bool {
        if parent.is_none_or(|parent| **child > *parent) {
            return false;
        }
        let known = self.0.contains(child);
        self.0.push(child.clone());
        known
    }

    /// Forgets the walk.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl History<'_> {
    /// The head as the pointer or a listing tells; `None` if there is no snapshot in this layout.
    ///
    /// # Errors
    /// `LayoutMismatch` if there are snapshots of another layout only; `Corrupt` if the pointer names a
    /// snapshot that is not there; `ManifestInvalid`; the store's; `Deadline`, `Cancelled`, `Aborted`.
    pub fn head(&self) -> Result<Option<StoredManifest>> {
        let found = self.pointed_or_greatest()?;
        if let Some(known) = self.known_head_beyond(found.as_ref())? {
            return Ok(Some(known));
        }
        if found.is_none() {
            self.refuse_another_layout()?;
        }
        Ok(found)
    }

    /// The snapshot that this process knows to be decided, if the pointer lags behind it. Its slot must still
    /// say so: the dataset may have been removed since, or an older copy of it restored.
    fn known_head_beyond(&self, found: Option<&StoredManifest>) -> Result<Option<StoredManifest>> {
        let known_as = self.layout.known_as(self.dataset);
        let Some(known) = self.store.known_heads().get(&known_as) else { return Ok(None) };
        let lags = match found.map(|found| &*found.manifest.snapshot_id) {
            None => true,
            Some(id) if matches!(form(id), Form::Ours { .. }) => *id < *known.id,
            // The order of ids tells little of one whose writer's clock may be behind.
            Some(id) => known.parent.as_deref() == Some(id),
        };
        if !lags {
            return Ok(None);
        }
        match self.slot(known.parent.as_deref())? {
            Some(decision) if *decision.slot.child == *known.id => match self.whole_manifest(&known.id)? {
                Some(found) => Ok(Some(found)),
                None => self.proven(&known.id),
            },
            _ => {
                self.store.known_heads().forget(&known_as);
                Ok(None)
            }
        }
    }

    fn pointed_or_greatest(&self) -> Result<Option<StoredManifest>> {
        for attempt in 1..=TRIES {
            self.context.check(FINDING_HEAD)?;
            let pointer = self.latest()?.unwrap_or_default();
            let Some(id) = self.parse_pointer(&pointer)? else {
                let greatest = self.greatest_whole(None)?;
                // If there is a pointer by now, the listing may be ahead of it.
                if attempt < TRIES && self.latest()?.is_some_and(|now| now != pointer) {
                    continue;
                }
                return Ok(greatest);
            };
            if let Some(found) = self.whole_manifest(id)? {
                return Ok(Some(found));
            }
            if attempt < TRIES {
                // Its writer may be between pointer and manifest.
                self.context.sleep(Duration::from_millis(u64::from(attempt)), "waiting for a manifest")?;
                continue;
            }
            if let Some(found) = self.proven(id)? {
                return Ok(Some(found));
            }
            if !matches!(form(id), Form::Ours { .. }) {
                return self.greatest_whole(Some(id));
            }
            self.refuse_another_layout()?;
            let path = self.layout.manifest_path(self.dataset, id);
            let message = format!(
                "the pointer names the snapshot {id}, but its manifest {path} is missing, and no commit slot holds it: \
                 adopt another snapshot as the head"
            );
            return Err(Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(id));
        }
        Ok(None)
    }

    /// The id that the pointer names; `None` if it is empty.
    fn parse_pointer<'b>(&self, pointer: &'b [u8]) -> Result<Option<&'b str>> {
        let path = || self.layout.latest_path(self.dataset);
        let Ok(text) = std::str::from_utf8(pointer) else {
            let message = format!("the pointer {} is no UTF-8 text", path());
            return Err(Error::new(Status::Corrupt, message).with_path(path()));
        };
        let id = text.trim();
        if id.is_empty() {
            return Ok(None);
        }
        id::check_snapshot_id(id).map_err(|error| {
            let context = format_args!("the pointer {}", path()).to_string();
            error.with_status(Status::Corrupt).context(format_args!("{context}")).with_path(path())
        })?;
        Ok(Some(id))
    }

    /// The greatest snapshot that is listed and whole, but for `except`.
    fn greatest_whole(&self, except: Option<&str>) -> Result<Option<StoredManifest>> {
        let mut ids = Pages::new(ROOM, Order::Descending);
        while let Some(id) = self.next_id(&mut ids)? {
            self.context.step(FINDING_HEAD)?;
            if except != Some(&*id)
                && let Some(found) = self.whole_manifest(&id)?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The snapshot of this id: its manifest, or the payload of the slot that decided it.
    ///
    /// # Errors
    /// As [`History::manifest`] and [`History::slot`].
    pub fn snapshot(&self, id: &str) -> Result<Option<StoredManifest>> {
        match self.whole_manifest(id)? {
            Some(found) => Ok(Some(found)),
            None => self.proven(id),
        }
    }

    /// The snapshot as its slot of kind `commit` has it: decided, and perhaps not published yet.
    fn proven(&self, id: &str) -> Result<Option<StoredManifest>> {
        match self.slot_naming(id)? {
            Some(decision) if decision.slot.kind == SlotKind::Commit => {
                self.parse_payload(&decision).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn parse_payload(&self, decision: &Decision) -> Result<StoredManifest> {
        let child = &*decision.slot.child;
        let path = self.layout.manifest_path(self.dataset, child);
        let manifest = Manifest::parse(self.context, &decision.payload, self.manifest_at(&path, child))?;
        Ok(StoredManifest { bytes: decision.payload.to_vec(), manifest })
    }

    /// The newest decided snapshot, and whether its manifest was read: a snapshot beyond the pointer may not
    /// be published yet. `None` if there is none.
    ///
    /// # Errors
    /// As [`History::head`] and [`History::slot`]; `Corrupt` if the slots go round.
    pub fn decided_head(&self) -> Result<Option<(StoredManifest, bool)>> {
        let mut head = self.head()?;
        let mut parent: Option<Id> = head.as_ref().map(|head| Id::from(&*head.manifest.snapshot_id));
        let mut is_published = true;
        let mut parent_loop = ParentLoop::default();
        loop {
            self.context.step("following the commit slots")?;
            let Some(decision) = self.slot(parent.as_deref())? else { break };
            let child = decision.slot.child.clone();
            if decision.slot.kind != SlotKind::Adopt {
                head = Some(self.parse_payload(&decision)?);
                parent = Some(child);
                is_published = false;
                continue;
            }
            if parent_loop.closes(parent.as_deref(), &child) {
                let message = format!("the commit slots go round to {child} again");
                return Err(Error::new(Status::Corrupt, message));
            }
            let path = self.layout.manifest_path(self.dataset, &child);
            let missing = || {
                let message = format!("the manifest {path} of an adopted snapshot is missing");
                Error::new(Status::Corrupt, message).with_path(&*path)
            };
            head = Some(self.whole_manifest(&child)?.ok_or_else(missing)?);
            parent = Some(child);
        }
        Ok(head.map(|head| (head, is_published)))
    }

    /// The nearest snapshot, from this one back, that carries the producer map; those of the Go library do
    /// not. Without one it is `head` itself.
    ///
    /// # Errors
    /// As [`History::manifest`]; `Deadline`, `Cancelled`, `Aborted`.
    pub fn producer_map_holder(&self, head: StoredManifest) -> Result<StoredManifest> {
        let mut holder: Option<StoredManifest> = None;
        loop {
            let manifest = &holder.as_ref().unwrap_or(&head).manifest;
            let id = &manifest.snapshot_id;
            if matches!(form(id), Form::Ours { .. }) || manifest.metadata.value(producers::KEY).is_some() {
                return Ok(holder.unwrap_or(head));
            }
            self.context.check("looking for the producers")?;
            let Some(parent) = &manifest.parent_snapshot_id else { return Ok(head) };
            match self.whole_manifest(parent)? {
                Some(parent) if parent.manifest.snapshot_id < *id => holder = Some(parent),
                _ => return Ok(head),
            }
        }
    }
}

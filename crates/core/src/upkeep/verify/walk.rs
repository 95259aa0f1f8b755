//! The walk along the commit slots, from the root to their end.

use std::collections::HashSet;

use super::{Finding, FindingKind, Level, Verification};
use crate::context::Context;
use crate::dataset::Dataset;
use crate::error::{Error, Result, Status};
use crate::history::{Decision, History, Id, MANIFEST_MAX, ManifestRead, SlotKind, StoredManifest, copies};
use crate::id::{Form, form};
use crate::manifest::{Manifest, ManifestKey};

/// What a deadline interrupts.
pub(super) const VERIFYING: &str = "verifying a dataset";

/// Errors of the system that concern one object: others concern the whole store.
const OF_ONE_OBJECT: [rustix::io::Errno; 9] = [
    rustix::io::Errno::IO,
    rustix::io::Errno::BADMSG,
    rustix::io::Errno::ACCESS,
    rustix::io::Errno::PERM,
    rustix::io::Errno::ISDIR,
    rustix::io::Errno::NOTDIR,
    rustix::io::Errno::LOOP,
    rustix::io::Errno::NAMETOOLONG,
    rustix::io::Errno::OVERFLOW,
];

/// A check under way.
pub(super) struct Walk<'a> {
    pub dataset: &'a Dataset,
    pub context: &'a Context,
    pub level: Level,
    each: &'a mut dyn FnMut(&Finding) -> bool,
    pub report: Verification,
    /// The snapshots that the slots lead to.
    pub on_path: HashSet<Id>,
    /// The last of them.
    pub end: Option<Id>,
    /// What was checked last: a snapshot that repeats its files needs no second check of them.
    pub before: Option<Manifest>,
}

impl<'a> Walk<'a> {
    pub fn new(
        dataset: &'a Dataset,
        context: &'a Context,
        level: Level,
        each: &'a mut dyn FnMut(&Finding) -> bool,
    ) -> Self {
        Walk {
            dataset,
            context,
            level,
            each,
            report: Verification::default(),
            on_path: HashSet::new(),
            end: None,
            before: None,
        }
    }

    pub fn run(mut self) -> Result<Verification> {
        self.path()?;
        self.beside()?;
        if self.report.snapshots == 0 && self.report.findings == 0 {
            self.history().refuse_another_layout()?;
            return Err(Error::new(Status::NoSnapshots, "it has no snapshot yet"));
        }
        Ok(self.report)
    }

    pub fn history(&self) -> History<'a> {
        self.dataset.history(self.context)
    }

    /// Tells of something that is wrong.
    pub fn find(
        &mut self,
        kind: FindingKind,
        path: &str,
        snapshot_id: Option<&str>,
        message: impl std::fmt::Display,
    ) -> Result<()> {
        let finding = Finding {
            kind,
            path: path.to_owned(),
            snapshot_id: snapshot_id.map(str::to_owned),
            message: message.to_string(),
        };
        self.report.findings += 1;
        let goes_on = (self.each)(&finding);
        self.report.first.get_or_insert(finding);
        match goes_on {
            true => Ok(()),
            false => Err(Error::new(Status::Aborted, "the callback for findings stopped the call")),
        }
    }

    /// What was read; or `None` after a finding, if the failure says something of the object. Other failures
    /// end the call.
    pub fn sound<T>(
        &mut self,
        read: Result<T>,
        kind: FindingKind,
        path: &str,
        snapshot_id: Option<&str>,
    ) -> Result<Option<T>> {
        let error = match read {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let is_of_object = error
            .errno()
            .is_some_and(|errno| OF_ONE_OBJECT.iter().any(|known| known.raw_os_error() == errno));
        let kind = match error.status() {
            Status::Corrupt | Status::RecordTooLarge | Status::InvalidRecord => kind,
            Status::ManifestInvalid if kind == FindingKind::SlotInvalid => kind,
            Status::ManifestInvalid => FindingKind::ManifestInvalid,
            // The dataset was opened in the wrong layout, or else one slot is damaged.
            Status::LayoutMismatch if self.report.snapshots > 0 => kind,
            Status::Unsupported => FindingKind::Unsupported,
            Status::InvalidPath | Status::NotFound => FindingKind::Unreadable,
            Status::Io if is_of_object => FindingKind::Unreadable,
            _ => return Err(error),
        };
        let path = error.path().unwrap_or(path).to_owned();
        let snapshot_id = error.snapshot_id().or(snapshot_id).map(str::to_owned);
        self.find(kind, &path, snapshot_id.as_deref(), error.message())?;
        Ok(None)
    }

    /// Follows the slots from the root to their end, or to the first that cannot be read.
    fn path(&mut self) -> Result<()> {
        let mut parent: Option<Id> = None;
        let mut unpublished: Option<Id> = None;
        loop {
            self.context.check(VERIFYING)?;
            let path = self.history().slot_key(parent.as_deref()).path();
            let read = self.history().slot(parent.as_deref());
            let Some(Some(decision)) = self.sound(read, FindingKind::SlotInvalid, &path, None)? else {
                break;
            };
            let child = decision.slot.child.clone();
            if self.on_path.contains(&child) {
                let what = format!("its child {child} is on the path already: the slots go round");
                self.find(FindingKind::SlotInvalid, &path, Some(&child), what)?;
                break;
            }
            if decision.slot.kind == SlotKind::Adopt {
                self.adopted(&child, parent.as_deref())?;
            } else {
                if let Some(unpublished) = unpublished.take() {
                    let what = format!("{child} is built on this snapshot, whose manifest is missing");
                    let missing = self.manifest_path(&unpublished);
                    self.find(FindingKind::ManifestMissing, &missing, Some(&unpublished), what)?;
                }
                if !self.decided(&decision)? {
                    unpublished = Some(child.clone());
                }
                self.reached(&child)?;
            }
            self.end = Some(child.clone());
            parent = Some(child);
        }
        self.report.unpublished = unpublished.map(|id| id.to_string());
        Ok(())
    }

    /// One more snapshot is on the path.
    fn reached(&mut self, id: &Id) -> Result<()> {
        self.report.snapshots += 1;
        self.on_path.insert(id.clone());
        self.context.step(VERIFYING)
    }

    pub fn manifest_path(&self, id: &str) -> String {
        self.dataset.options().layout.manifest_path(self.dataset.id(), id)
    }

    /// The manifest that stands under its key, if it is there and whole.
    pub fn stored(&mut self, id: &str) -> Result<Stored> {
        let path = self.manifest_path(id);
        let read = self.history().manifest(id);
        match self.sound(read, FindingKind::ManifestInvalid, &path, Some(id))? {
            Some(ManifestRead::Whole(stored)) => Ok(Stored::Whole(stored)),
            Some(ManifestRead::Absent) => Ok(Stored::Absent),
            Some(ManifestRead::Torn) => {
                let what = "it ends too early: its writer did not finish it";
                self.find(FindingKind::ManifestInvalid, &path, Some(id), what)?;
                Ok(Stored::Wrong)
            }
            None => Ok(Stored::Wrong),
        }
    }

    /// A slot that adopts stands for its child and all of the child's ancestors back to the parent.
    fn adopted(&mut self, child: &Id, parent: Option<&str>) -> Result<()> {
        let mut chain: Vec<Id> = Vec::new();
        let mut next = Some(child.clone());
        while let Some(id) = next.filter(|id| parent != Some(&**id) && !self.on_path.contains(id)) {
            self.context.check(VERIFYING)?;
            // The clock of a Go writer may have been behind, so that ids alone do not show a loop.
            self.on_path.insert(id.clone());
            next = match self.stored(&id)? {
                Stored::Whole(stored) => stored.manifest.parent_snapshot_id.as_deref().map(Id::from),
                Stored::Absent => {
                    let path = self.manifest_path(&id);
                    let what = "the manifest of an adopted snapshot is missing";
                    self.find(FindingKind::ManifestMissing, &path, Some(&id), what)?;
                    break;
                }
                Stored::Wrong => break,
            };
            chain.push(id);
        }
        for id in chain.iter().rev() {
            // Read anew: the manifests of a long history do not fit into memory.
            if let Some(stored) = self.history().whole_manifest(id)? {
                self.files(stored.manifest)?;
            }
            self.reached(id)?;
        }
        Ok(())
    }

    /// Checks a snapshot that a slot decided; gives whether its manifest is there.
    fn decided(&mut self, decision: &Decision) -> Result<bool> {
        let child = &*decision.slot.child;
        let path = self.manifest_path(child);
        let is_published = match self.stored(child)? {
            Stored::Absent => false,
            Stored::Wrong => true,
            Stored::Whole(stored) => {
                // The Go writer that a noop stands in for may have put its own manifest first.
                if stored.bytes != *decision.payload && matches!(form(child), Form::Ours { .. }) {
                    let what = "it is not the manifest that the commit slot of its parent decided";
                    self.find(FindingKind::ManifestDiffers, &path, Some(child), what)?;
                }
                true
            }
        };
        let options = self.dataset.options();
        let key = ManifestKey {
            layout: options.layout,
            dataset_id: self.dataset.id(),
            snapshot_id: child,
            path: &path,
        };
        // It was read with its slot, so that this fails for want of time or memory only.
        let manifest = Manifest::parse(self.context, &decision.payload, key)?;
        if decision.slot.kind == SlotKind::Commit {
            self.copies(&manifest, &decision.payload, is_published)?;
        }
        self.files(manifest)?;
        Ok(is_published)
    }

    /// A manifest of the hive layout that is there has all its copies beside it; one that is not may have
    /// some.
    fn copies(&mut self, manifest: &Manifest, payload: &[u8], is_published: bool) -> Result<()> {
        let id = &*manifest.snapshot_id;
        for copy in copies(self.dataset.options().layout, self.dataset.id(), manifest) {
            self.context.check(VERIFYING)?;
            let read = self.history().backend().get(self.context, &copy, MANIFEST_MAX);
            match self.sound(read, FindingKind::CopyDiffers, &copy, Some(id))? {
                Some(None) if is_published => {
                    let what = "this copy of a manifest is missing, though the manifest is there";
                    self.find(FindingKind::CopyMissing, &copy, Some(id), what)?;
                }
                Some(Some(bytes)) if bytes != payload => {
                    let what = "this copy of a manifest is not what the commit slot decided";
                    self.find(FindingKind::CopyDiffers, &copy, Some(id), what)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What stands under a manifest's key; of what is wrong a finding has told.
pub(super) enum Stored {
    Whole(Box<StoredManifest>),
    Absent,
    Wrong,
}

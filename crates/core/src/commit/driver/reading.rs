//! The driver's reads: pointer, manifests, slots and the survey, and the comparison of a head with its slot.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Driver;
use crate::commit::go_compat::{Aging, Survey};
use crate::commit::machine::{CheckHead, HeadAnswer, ManifestAnswer, ManifestFacts, Read};
use crate::error::Result;
use crate::history::{Decision, Id, ManifestRead, Slot, slot};
use crate::id::{Form, form};
use crate::manifest::producers;

impl Driver<'_> {
    fn read<T>(&mut self, result: Result<Option<T>>) -> Read<T> {
        match result {
            Ok(Some(found)) => Read::Found(found),
            Ok(None) => Read::Absent,
            Err(error) => {
                self.error = Some(error);
                Read::Failed
            }
        }
    }

    pub(super) fn read_latest(&mut self) -> Read<Vec<u8>> {
        let result = self.history().latest();
        self.read(result)
    }

    pub(super) fn list_head(&mut self) -> Read<Id> {
        let result = self.history().greatest_manifest();
        self.read(result.map(|id| id.map(Id::from)))
    }

    pub(super) fn read_manifest(&mut self, id: &str) -> ManifestAnswer {
        let result = self.history().manifest(id).and_then(|read| {
            let stored = match read {
                ManifestRead::Absent => return Ok(ManifestAnswer::Absent),
                ManifestRead::Torn => return Ok(ManifestAnswer::Torn),
                ManifestRead::Whole(stored) => stored,
            };
            let manifest = &stored.manifest;
            let tells =
                matches!(form(id), Form::Ours { .. }) || manifest.metadata.value(producers::KEY).is_some();
            self.digest = Some((Id::from(id), Sha256::digest(&stored.bytes).into()));
            Ok(ManifestAnswer::Whole(ManifestFacts {
                parent: manifest.parent_snapshot_id.as_deref().map(Id::from),
                created_at: manifest.created_at,
                producers: if tells { Some(Arc::new(manifest.producers()?)) } else { None },
            }))
        });
        result.unwrap_or_else(|error| {
            self.error = Some(error);
            ManifestAnswer::Failed
        })
    }

    /// Whether the manifest that was read last is the payload of the slot that must name it; and syncs both.
    pub(super) fn check_head(&mut self, head: &CheckHead) -> HeadAnswer {
        match self.compare_with_slot(head) {
            Ok(answer) => answer,
            Err(error) => {
                self.error = Some(error);
                HeadAnswer::Failed
            }
        }
    }

    fn compare_with_slot(&self, head: &CheckHead) -> Result<HeadAnswer> {
        let parent = head.parent.as_deref();
        let decision = match self.seen.as_ref().filter(|seen| seen.slot.parent == head.parent) {
            Some(seen) => Some(seen.clone()),
            None => self.history().slot(parent)?,
        };
        let Some(decision) = decision.filter(|decision| decision.slot.child == head.id) else {
            return Ok(HeadAnswer::NotNamed);
        };
        if decision.slot.has_own_payload() {
            let digest: [u8; 32] = Sha256::digest(&*decision.payload).into();
            if self.digest.as_ref().is_none_or(|(id, read)| *id != head.id || *read != digest) {
                return Ok(HeadAnswer::Differs);
            }
        }
        if self.syncs() {
            let slot_key = self.target.slot_key(parent);
            if let Some(payload) = slot::payload_key(slot_key, &decision.slot, &decision.payload) {
                self.backend().persist(self.request_context(), &payload)?;
            }
            self.backend().persist(self.request_context(), &slot_key.path())?;
            self.backend().persist(self.request_context(), &self.history().manifest_key(&head.id)?)?;
        }
        Ok(HeadAnswer::Sound)
    }

    pub(super) fn read_survey(&mut self) -> Read<Arc<Survey>> {
        let result = self.refuse_another_layout().and_then(|()| self.target.survey(self.request_context()));
        self.read(result.map(|survey| Some(Arc::new(survey))))
    }

    pub(super) fn read_age(&mut self, aging: &Aging) -> Read<bool> {
        let key = match aging {
            Aging::Latest => self.target.layout.latest_path(self.target.dataset),
            Aging::Manifest(id) => self.target.layout.manifest_path(self.target.dataset, id),
        };
        let result = self.target.is_old(&key, self.request_context());
        self.read(result)
    }

    pub(super) fn read_slot(&mut self, parent: Option<&str>) -> Read<Slot> {
        let result = self.history().slot(parent);
        self.see(result)
    }

    /// Keeps the payload that was read: it may have to be published.
    fn see(&mut self, result: Result<Option<Decision>>) -> Read<Slot> {
        if let Ok(Some(decision)) = &result {
            self.seen = Some(decision.clone());
        }
        self.read(result.map(|found| found.map(|decision| decision.slot)))
    }

    pub(super) fn find_slot_naming(&mut self, child: &str) -> Read<Slot> {
        let result = self.history().slot_naming(child);
        self.see(result)
    }
}

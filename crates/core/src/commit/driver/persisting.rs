//! Syncing what another writer has put, and may have left in the cache.

use super::Driver;
use crate::commit::machine::SyncAnswer;
use crate::error::{Error, Result, Status};
use crate::history::{Id, slot};
use crate::store::Durability;

impl Driver<'_> {
    /// Whether what another wrote has to be synced.
    pub(super) fn syncs(&self) -> bool {
        self.target.durability == Durability::Full && self.backend().capabilities().persists
    }

    pub(super) fn persist_adopted(&mut self, ids: &[Id]) -> SyncAnswer {
        if !self.syncs() {
            return SyncAnswer::Durable;
        }
        let result = self.target.persist_adopted(ids, self.request_context());
        self.synced(result)
    }

    pub(super) fn synced(&mut self, result: Result<()>) -> SyncAnswer {
        match result {
            Ok(()) => SyncAnswer::Durable,
            Err(error) => {
                self.error = Some(error);
                SyncAnswer::Failed
            }
        }
    }

    pub(super) fn persist_slot(&mut self, parent: Option<&str>) -> SyncAnswer {
        if !self.syncs() {
            return SyncAnswer::Durable;
        }
        let result = self.try_persist_slot(parent);
        self.synced(result)
    }

    fn try_persist_slot(&self, parent: Option<&str>) -> Result<()> {
        let slot_key = self.target.slot_key(parent);
        let key = slot_key.path();
        let seen = self.seen.as_ref().filter(|seen| seen.slot.parent.as_deref() == parent).cloned();
        let found = match seen {
            Some(seen) => Some(seen),
            None => self.history().slot(parent)?,
        };
        let missing = || {
            let message = format!("the slot {key} is missing, but its child is there");
            Error::new(Status::Corrupt, message).with_path(&*key)
        };
        let found = found.ok_or_else(missing)?;
        if let Some(payload) = slot::payload_key(slot_key, &found.slot, &found.payload) {
            self.backend().persist(self.request_context(), &payload)?;
        }
        self.backend().persist(self.request_context(), &key)
    }

    pub(super) fn persist_manifest(&mut self, id: &str) -> SyncAnswer {
        if !self.syncs() {
            return SyncAnswer::Durable;
        }
        let result = self
            .history()
            .manifest_key(id)
            .and_then(|key| self.backend().persist(self.request_context(), &key));
        self.synced(result)
    }

    pub(super) fn persist_latest(&mut self) -> SyncAnswer {
        let key = self.target.layout.latest_path(self.target.dataset);
        self.persist(&key)
    }

    pub(super) fn persist(&mut self, key: &str) -> SyncAnswer {
        if !self.syncs() {
            return SyncAnswer::Durable;
        }
        let result = self.backend().persist(self.request_context(), key);
        self.synced(result)
    }
}

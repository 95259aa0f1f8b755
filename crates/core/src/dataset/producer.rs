//! What a producer asks after a restart: how far it had come (`docs/commit-protocol.md`, section
//! "Exactly-once commits").

use super::{Dataset, Snapshot};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::history::slot;
use crate::id::{Form, form};
use crate::manifest::producers::Entry;
use crate::store::Durability;

/// How far a producer has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The highest sequence that is committed.
    pub sequence: u64,
    /// The position that came with it.
    pub position: String,
    /// The id of the snapshot that brought it.
    pub snapshot_id: String,
}

impl From<&Entry> for ProducerState {
    fn from(entry: &Entry) -> Self {
        ProducerState {
            sequence: entry.sequence,
            position: entry.position.clone(),
            snapshot_id: entry.snapshot.clone(),
        }
    }
}

impl Snapshot {
    /// How far this producer had come with this snapshot; `None` if it had committed nothing that is
    /// remembered.
    ///
    /// # Errors
    /// `Corrupt` if the manifest's map of producers is none.
    pub fn producer(&self, id: &str) -> Result<Option<ProducerState>> {
        Ok(self.manifest().producers()?.get(id).map(ProducerState::from))
    }

    /// All producers that are remembered, with how far they had come.
    ///
    /// # Errors
    /// As [`Snapshot::producer`].
    pub fn producers(&self) -> Result<Vec<(String, ProducerState)>> {
        let producers = self.manifest().producers()?;
        Ok(producers.iter().map(|(id, entry)| (id.to_owned(), ProducerState::from(entry))).collect())
    }
}

impl Dataset {
    /// The newest snapshot, if it tells of this producer: [`Snapshot::producer`] then says where the producer
    /// is to go on. It counts commits that are decided but not published yet, and is durable before it is
    /// given.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty id; otherwise as [`Dataset::latest`], but an empty dataset gives
    /// `None`.
    pub fn producer_position(&self, producer: &str, options: &CallOptions) -> Result<Option<Snapshot>> {
        if producer.is_empty() {
            return Err(self.named(Error::new(Status::InvalidArgument, "the producer id is empty")));
        }
        let context = self.begin(options);
        let head = self.decided_head(&context).map_err(|error| self.named(error))?;
        match head {
            Some(head) if head.producer(producer)?.is_some() => Ok(Some(head)),
            _ => Ok(None),
        }
    }

    /// The newest decided snapshot that carries the producer map, published or not, made durable.
    fn decided_head(&self, context: &Context) -> Result<Option<Snapshot>> {
        let (history, target) = (self.history(context), self.target());
        let Some((head, is_published)) = history.decided_head()? else { return Ok(None) };
        let holder = history.producer_map_holder(head)?;
        let id = &*holder.manifest.snapshot_id;
        if is_published {
            history.check_against_slot(&holder.manifest, &holder.bytes)?;
        }
        let is_published = is_published || !matches!(form(id), Form::Ours { .. });
        if target.durability == Durability::Full && target.backend().capabilities().persists {
            let slot_key = history.slot_key(holder.manifest.parent_snapshot_id.as_deref());
            // A history of the Go library's has no slots.
            if let Some(decision) = history.slot(slot_key.parent)? {
                if let Some(payload) = slot::payload_key(slot_key, &decision.slot, &decision.payload) {
                    target.backend().persist(context, &payload)?;
                }
                target.backend().persist(context, &slot_key.path())?;
            }
            if is_published {
                target.backend().persist(context, &target.layout.manifest_path(self.id(), id))?;
            }
        }
        Ok(Some(self.snapshot_of(holder)))
    }
}

//! What a producer asks after a restart: how far it had come (`docs/commit-protocol.md`, section
//! "Exactly-once commits").

use super::{Dataset, Snapshot};
use crate::commit::machine::{Id, Kind};
use crate::commit::producers::{self, Entry};
use crate::commit::slot;
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::id::{Form, form};
use crate::manifest::Manifest;
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
    /// How far this producer had come with this snapshot; `None` if it had committed nothing that is remembered.
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
    /// The newest snapshot, if it tells of this producer: [`Snapshot::producer`] then says where the producer is to go
    /// on. It counts commits that are decided but not published yet, and is durable before it is given.
    ///
    /// # Errors
    /// `InvalidArgument` for an empty id; otherwise as [`Dataset::latest`], but an empty dataset gives `None`.
    pub fn producer_position(&self, producer: &str, options: &CallOptions) -> Result<Option<Snapshot>> {
        if producer.is_empty() {
            return Err(self.named(Error::new(Status::InvalidArgument, "the producer id is empty")));
        }
        let context = Context::start(options);
        let head = self.decided_head(&context).map_err(|error| self.named(error))?;
        match head {
            Some(head) if head.producer(producer)?.is_some() => Ok(Some(head)),
            _ => Ok(None),
        }
    }

    /// The nearest snapshot, from this one back, that tells who has committed what: the Go library's do not.
    fn teller(&self, head: Snapshot, context: &Context) -> Result<Snapshot> {
        let mut teller = head.clone();
        while !matches!(form(teller.id()), Form::Ours { .. })
            && teller.manifest().metadata.value(producers::KEY).is_none()
        {
            context.check("looking for the producers")?;
            let parent = teller.manifest().parent_snapshot_id.clone();
            match parent.map(|parent| self.load(&parent)).transpose()?.flatten() {
                Some(parent) if parent.id() < teller.id() => teller = parent,
                _ => return Ok(head),
            }
        }
        Ok(teller)
    }

    /// The newest decided snapshot, published or not, made durable.
    fn decided_head(&self, context: &Context) -> Result<Option<Snapshot>> {
        let site = self.site();
        let mut head = self.find_latest(context)?;
        let mut parent: Option<Id> = head.as_ref().map(|head| Id::from(head.id()));
        let mut published = true;
        // Only what is adopted may sort below its parent.
        let mut below = Vec::new();
        loop {
            context.step("following the commit slots")?;
            let Some(decision) = site.slot(parent.as_deref())? else { break };
            if decision.slot.kind == Kind::Adopt {
                if parent.as_ref().is_some_and(|parent| decision.slot.child <= *parent) {
                    if below.contains(&decision.slot.child) {
                        let message = format!("the commit slots go round to {} again", decision.slot.child);
                        return Err(Error::new(Status::Corrupt, message));
                    }
                    below.push(decision.slot.child.clone());
                }
                let adopted = self.load(&decision.slot.child)?;
                let gone = || {
                    let path = site.layout.manifest_path(self.id(), &decision.slot.child);
                    let message = format!("the manifest {path} of an adopted snapshot is missing");
                    Error::new(Status::Corrupt, message).with_path(path)
                };
                head = Some(adopted.ok_or_else(gone)?);
                parent = Some(decision.slot.child);
                continue;
            }
            let path = site.layout.manifest_path(self.id(), &decision.slot.child);
            let manifest = Manifest::parse(&decision.payload, self.id(), &decision.slot.child, &path)?;
            head = Some(self.assemble(manifest, &decision.payload));
            parent = Some(decision.slot.child);
            published = false;
        }
        let Some(head) = head else { return Ok(None) };
        let head = self.teller(head, context)?;
        let published = published || !matches!(form(head.id()), Form::Ours { .. });
        if site.durability == Durability::Full && site.backend().persists() {
            let place = site.place(head.manifest().parent_snapshot_id.as_deref());
            // A history of the Go library has no slots.
            if let Some(decision) = site.slot(place.parent)? {
                if let Some(payload) = slot::payload_key(place, &decision.slot, &decision.payload) {
                    site.backend().persist(&payload)?;
                }
                site.backend().persist(&place.key())?;
            }
            if published {
                site.backend().persist(&site.layout.manifest_path(self.id(), head.id()))?;
            }
        }
        Ok(Some(head))
    }
}

//! A volume: a fixed address space that is filled in any order, block by block, and committed in snapshots
//! (`docs/volumes.md`). Its history is that of a dataset: the same slots, the same protocol.

mod block;
mod commit;
mod content;
mod read;
mod stage;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

pub use block::VolumeBlock;

use crate::checksum::Checksum;
use crate::context::{CallOptions, Context, Retry};
use crate::dataset::{Dataset, DatasetOptions, Resolution, Snapshot, Snapshots};
use crate::error::{Error, Result, Status};
use crate::layout::Layout;
use crate::manifest::{AddressSpace, Block};
use crate::store::{Durability, Store};

/// What a manifest holds that one request of an object store takes.
const MAX_BLOCKS_DEFAULT: u64 = 400_000;

/// How a volume is written. What is read follows each snapshot's own manifest.
#[derive(Clone, Debug)]
pub struct VolumeOptions {
    /// How long the address space is, in bytes: needed for the first commit. `None`: as the volume has it.
    pub total_length: Option<u64>,
    /// What blocks are checked by. A volume keeps the algorithm of its first commit.
    pub checksum: Checksum,
    /// What a staged block, and a commit, must survive.
    pub durability: Durability,
    /// How often to try again.
    pub retry: Retry,
    /// How many blocks a snapshot may have.
    pub max_blocks: u64,
}

impl Default for VolumeOptions {
    fn default() -> Self {
        VolumeOptions {
            total_length: None,
            checksum: Checksum::Xxh3,
            durability: Durability::Full,
            retry: Retry::default(),
            max_blocks: MAX_BLOCKS_DEFAULT,
        }
    }
}

/// A volume in a store; clones are the same volume, and threads may share it.
#[derive(Clone)]
pub struct Volume {
    dataset: Dataset,
    inner: Arc<Inner>,
}

struct Inner {
    options: VolumeOptions,
    /// What the first staging has read of the head.
    geometry: Mutex<Option<Geometry>>,
    /// The head as this handle committed or read it last: the next commit merges into its blocks.
    head: Mutex<Option<Snapshot>>,
    /// The blocks that were checked as a whole.
    verified: Mutex<HashSet<ObjectOf>>,
    /// How many staged blocks are held.
    holds: std::sync::atomic::AtomicUsize,
}

/// Offset, length and tail: what tells an object of the volume.
type ObjectOf = (u64, u64, u64);

/// What a volume has from its first commit on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Geometry {
    /// `None`: there is no snapshot yet, and the options do not say.
    total_length: Option<u64>,
    checksum: Checksum,
}

impl Volume {
    /// Opens a volume, which need not exist yet. No I/O.
    ///
    /// # Errors
    /// `InvalidArgument` for an id that is no path segment (`docs/format.md`, section "Dataset ids"), a
    /// length of 0 or beyond what 63 bits hold, room for no block, no attempt at all.
    pub fn open(store: &Store, id: &str, options: VolumeOptions) -> Result<Volume> {
        let invalid = |what: &str| Err(Error::new(Status::InvalidArgument, what));
        match options.total_length {
            Some(0) => return invalid("total_length: a volume of 0 bytes has room for no block"),
            Some(length) if i64::try_from(length).is_err() => {
                return invalid("total_length: it must be below 2^63, the longest that every reader takes");
            }
            _ => {}
        }
        if options.max_blocks == 0 {
            return invalid("max_blocks: 0 leaves room for no block");
        }
        let dataset = DatasetOptions {
            layout: Layout::Volume,
            checksum: options.checksum,
            durability: options.durability,
            retry: options.retry,
            ..DatasetOptions::default()
        };
        let dataset = Dataset::open_volume(store, id, dataset, options.total_length)?;
        let inner = Inner {
            options,
            geometry: Mutex::default(),
            head: Mutex::default(),
            verified: Mutex::default(),
            holds: std::sync::atomic::AtomicUsize::new(0),
        };
        Ok(Volume { dataset, inner: Arc::new(inner) })
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        self.dataset.id()
    }

    /// How it is written.
    #[must_use]
    pub fn options(&self) -> &VolumeOptions {
        &self.inner.options
    }

    /// The newest snapshot.
    ///
    /// # Errors
    /// As [`Dataset::latest`].
    pub fn latest(&self, options: &CallOptions) -> Result<Snapshot> {
        self.dataset.latest(options)
    }

    /// The snapshot of this id.
    ///
    /// # Errors
    /// As [`Dataset::snapshot`].
    pub fn snapshot(&self, id: &str, options: &CallOptions) -> Result<Snapshot> {
        self.dataset.snapshot(id, options)
    }

    /// All snapshots, oldest first, up to the head of this moment.
    ///
    /// # Errors
    /// As [`Dataset::snapshots`].
    pub fn snapshots(&self, options: &CallOptions) -> Result<Snapshots> {
        self.dataset.snapshots(options)
    }

    /// The snapshots after `since`, oldest first; `None`: from the first one.
    ///
    /// # Errors
    /// As [`Dataset::changes_since`].
    pub fn changes_since(&self, since: Option<&str>, options: &CallOptions) -> Result<Snapshots> {
        self.dataset.changes_since(since, options)
    }

    /// Finds out whether a commit that ended with `CommitUnknown` is committed, and makes it impossible if it
    /// is not.
    ///
    /// # Errors
    /// As [`Dataset::resolve_commit`].
    pub fn resolve_commit(&self, snapshot_id: &str, options: &CallOptions) -> Result<Resolution> {
        self.dataset.resolve_commit(snapshot_id, options)
    }

    /// Makes the snapshot of this id the head: the exit of `NeedsRepair`.
    ///
    /// # Errors
    /// As [`Dataset::adopt`].
    pub fn adopt(&self, snapshot_id: &str, options: &CallOptions) -> Result<Snapshot> {
        self.dataset.adopt(snapshot_id, options)
    }

    /// The newest snapshot, if it tells of this producer.
    ///
    /// # Errors
    /// As [`Dataset::producer_position`].
    pub fn producer_position(&self, producer: &str, options: &CallOptions) -> Result<Option<Snapshot>> {
        self.dataset.producer_position(producer, options)
    }

    /// The history of this volume, as upkeep sees it: [`Dataset::verify`] and [`Dataset::collect`] check and
    /// clean up volumes, too. Nothing can be written through it but by `adopt`.
    #[must_use]
    pub fn history(&self) -> &Dataset {
        &self.dataset
    }

    fn named(&self, error: Error) -> Error {
        self.dataset.named(error)
    }

    fn begin(&self, options: &CallOptions) -> Context {
        self.dataset.begin(options)
    }

    /// Length and checksum, by the head that is there at the first call.
    fn geometry(&self, context: &Context) -> Result<Geometry> {
        // Each state of the value is valid, so that a panic elsewhere while it was locked does no harm.
        if let Some(known) = *self.inner.geometry.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(known);
        }
        let options = &self.inner.options;
        let geometry = match self.dataset.history(context).head()? {
            None => Geometry { total_length: options.total_length, checksum: options.checksum },
            Some(head) => {
                let manifest = &head.manifest;
                let space = space_of(manifest.address_space.as_ref())?;
                self.check_length(space.total_length)?;
                Geometry {
                    total_length: Some(space.total_length),
                    checksum: algorithm(manifest.checksum_algorithm.as_deref())?,
                }
            }
        };
        *self.inner.geometry.lock().unwrap_or_else(PoisonError::into_inner) = Some(geometry);
        Ok(geometry)
    }

    /// The length that the caller gave must be the volume's.
    fn check_length(&self, found: u64) -> Result<()> {
        match self.inner.options.total_length {
            Some(given) if given != found => {
                let message = format!(
                    "it is {found} bytes long, and was opened with total_length {given}: a volume keeps the length of \
                     its first commit; open it with that, or without"
                );
                Err(Error::new(Status::VolumeLengthMismatch, message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a range that is empty or leaves the address space.
    fn check_range(&self, offset: u64, length: u64, total_length: Option<u64>, what: &str) -> Result<()> {
        let invalid = |message: String| Err(Error::new(Status::InvalidArgument, message).with_offset(offset));
        if length == 0 {
            return invalid(format!("{what} at offset {offset} has no bytes"));
        }
        let most = total_length.unwrap_or(i64::MAX.unsigned_abs());
        if offset.checked_add(length).is_none_or(|end| end > most) {
            return invalid(format!(
                "{what} of {length} bytes at offset {offset} leaves the address space, which has {most} bytes"
            ));
        }
        Ok(())
    }
}

/// What a volume's manifest always has.
fn space_of(space: Option<&AddressSpace>) -> Result<&AddressSpace> {
    space.ok_or_else(|| Error::new(Status::Internal, "a volume's manifest without an address space"))
}

/// The checksum that a manifest names.
fn algorithm(name: Option<&str>) -> Result<Checksum> {
    let Some(name) = name else { return Ok(Checksum::None) };
    Checksum::from_name(name).ok_or_else(|| {
        Error::new(
            Status::Unsupported,
            format_args!("this build does not know the checksum {name:?} of the volume"),
        )
    })
}

/// What tells a block's object from every other of the volume.
fn identity(block: &Block) -> ObjectOf {
    (block.offset, block.length, block.tail.map_or(0, |tail| tail.get()))
}

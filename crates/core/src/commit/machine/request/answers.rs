//! What answers the requests, where a plain value does not.

use super::super::ManifestFacts;
use crate::history::Id;

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Read<T> {
    /// This.
    Found(T),
    /// That there is nothing.
    Absent,
    /// Nothing: it failed.
    Failed,
}

/// What a read of a manifest found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ManifestAnswer {
    /// A manifest.
    Whole(ManifestFacts),
    /// The beginning of one: a writer of the Go library is writing it, or died while writing it.
    Torn,
    /// Nothing.
    Absent,
    /// It failed.
    Failed,
}

/// What a check of a head found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadAnswer {
    /// Slot and manifest agree, and are durable.
    Sound,
    /// The parent has no slot, or one that names another child.
    NotNamed,
    /// The manifest is not the payload of its slot.
    Differs,
    /// It failed.
    Failed,
}

/// What a check of the parts found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartsAnswer {
    /// No snapshot on the path names one of them.
    New,
    /// This one does.
    Committed(Id),
    /// It failed.
    Failed,
}

/// How a put-if-absent of a slot or manifest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PutAnswer {
    /// There, and durable.
    Done,
    /// The key was taken (a manifest: by equal bytes).
    Exists,
    /// A manifest only: the key was taken by other bytes.
    Differs,
    /// Certainly not there through this request.
    Failed,
    /// It may or may not be there.
    Unknown,
    /// There, but a sync failed: this process must never call it durable.
    Doubtful,
}

/// Whether a sync succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SyncAnswer {
    /// It did.
    Durable,
    /// It did not.
    Failed,
}

/// How a swap of `latest` ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SwapAnswer {
    /// Swapped, durably.
    Done,
    /// It held these bytes.
    Mismatch(Option<Vec<u8>>),
    /// Certainly not swapped: locked by another, or refused.
    Failed,
    /// It may or may not be swapped.
    Unknown,
}

/// Time and randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Drawn {
    /// Unix nanoseconds.
    pub now: i64,
    /// For the id.
    pub random: u64,
    /// For the slot.
    pub nonce: u128,
}

/// Whether the machine may try again after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseAnswer {
    /// It may.
    GoOn,
    /// The deadline has passed, or the call is cancelled.
    Stop,
}

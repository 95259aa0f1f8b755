//! Parts: data files made durable under an id of their own, to be committed later, by this process or
//! another, several of them as one snapshot (`docs/parts.md`).
//!
//! A part lies where the data files of a snapshot with its id would lie. Nothing but its [`Part`], or the
//! line of JSON made of that, leads to it, until a snapshot names its files.

mod commit;
mod committed;
mod discard;
mod line;
mod stage;

pub(super) use commit::WantedParts;
pub(super) use committed::CommittedParts;

use std::sync::Arc;

use super::Dataset;
use super::pipe::Counts;
use crate::history::Id;
use crate::layout::Layout;
use crate::manifest::{FileFormat, FileRef};
use crate::store::Hold;

/// Data that is durable and not yet in a snapshot. Clones are the same part; threads may share it.
///
/// While a part that was staged by this process lives, clean-up leaves its files alone, on stores that have
/// locks for that. Dropping it removes nothing.
#[derive(Clone)]
pub struct Part {
    inner: Arc<Inner>,
}

struct Inner {
    dataset: Dataset,
    /// The id that all its files lie under.
    id: Id,
    layout: Layout,
    format: FileFormat,
    files: Vec<FileRef>,
    counts: Counts,
    staged: Staged,
    /// Its files survive a power cut.
    is_durable: bool,
    json: String,
    _hold: Option<Box<dyn Hold>>,
}

/// When a part was staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Staged {
    /// By this process: at this [`Dataset::boot_time`].
    Here(i128),
    /// By a process that may be another: at this Unix time in nanoseconds, by that one's clock.
    Elsewhere(i64),
}

impl Part {
    /// The part as one line of JSON without a line break, to be sent anywhere and given to
    /// [`Dataset::part_from_json`] there (`docs/parts.md`, section "A part as JSON").
    #[must_use]
    pub fn json(&self) -> &str {
        &self.inner.json
    }

    /// The dataset that it can be committed to.
    #[must_use]
    pub fn dataset_id(&self) -> &str {
        self.inner.dataset.id()
    }

    /// The id that its files lie under. It identifies the part.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.inner.id
    }

    /// Its files, in the order in which their records are read.
    #[must_use]
    pub fn files(&self) -> &[FileRef] {
        &self.inner.files
    }

    /// How many records it has; a raw blob counts 1.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.inner.counts.records
    }

    /// The earliest and the latest time of a record, in nanoseconds since the Unix epoch, if any has one.
    #[must_use]
    pub fn times(&self) -> Option<(i64, i64)> {
        self.inner.counts.min_timestamp.zip(self.inner.counts.max_timestamp)
    }

    /// How many bytes its files have as they are stored.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.inner.files.iter().map(|file| file.size_bytes).sum()
    }
}

//! A block that is staged and not committed.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::{Inner, Volume};
use crate::error::{Error, Result, Status};
use crate::layout::Layout;
use crate::manifest::{Block, Sum, to_json};
use crate::store::Hold;

/// A staged block: durable, and invisible until a commit names it. Clones are the same block; any thread may
/// use it.
#[derive(Clone)]
pub struct VolumeBlock {
    pub(super) inner: Arc<Staged>,
}

pub(super) struct Staged {
    pub volume: String,
    pub block: Block,
    pub path: String,
    /// How the block came here.
    pub origin: Origin,
    /// Keeps clean-up away from it.
    _hold: Option<StagedHold>,
}

/// How a block came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// This process has seen its bytes go in; its age counts from this moment of
    /// [`crate::dataset::Dataset::boot_time`].
    Here(i128),
    /// Another process has staged it, or says so: it is checked before it is committed.
    Elsewhere,
}

/// The most blocks of one volume handle that are held: each takes a descriptor. What is beyond is protected
/// by its age.
const HOLDS_MAX: usize = 64;

/// A hold that is counted.
pub(super) struct StagedHold {
    volume: Arc<Inner>,
    _hold: Box<dyn Hold>,
}

impl Drop for StagedHold {
    fn drop(&mut self) {
        self.volume.holds.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Volume {
    /// Takes the hold that `take` gives, unless there are enough.
    pub(super) fn held(&self, take: impl FnOnce() -> Option<Box<dyn Hold>>) -> Option<StagedHold> {
        let holds = &self.inner.holds;
        let counted = holds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
            (count < HOLDS_MAX).then_some(count + 1)
        });
        counted.ok()?;
        match take() {
            Some(hold) => Some(StagedHold { volume: Arc::clone(&self.inner), _hold: hold }),
            None => {
                holds.fetch_sub(1, Ordering::Relaxed);
                None
            }
        }
    }

    /// The block that another process has staged, as [`VolumeBlock::json`] tells it. No I/O: its bytes are
    /// checked before it is committed.
    ///
    /// # Errors
    /// `InvalidArgument` for what is no such text; `InvalidPath` for a path that is not that of its range in
    /// this volume.
    pub fn block_from_json(&self, json: &str) -> Result<VolumeBlock> {
        self.parse_block(json).map_err(|error| self.named(error.context("block")))
    }

    fn parse_block(&self, json: &str) -> Result<VolumeBlock> {
        let text: Text<'_> = serde_json::from_str(json).map_err(|error| {
            Error::new(Status::InvalidArgument, format_args!("it is no block's JSON: {error}"))
                .with_source(error)
        })?;
        let Text { offset, length, path, checksum } = text;
        self.check_range(offset, length, self.inner.options.total_length, "a block")?;
        let parsed = Layout::parse_block_path(self.id(), &path);
        let Some(parsed) = parsed.filter(|parsed| (parsed.offset, parsed.length) == (offset, length)) else {
            let expected = Layout::block_path(self.id(), offset, length, None);
            let message = format!("its path {path:?} is not that of its range in this volume, {expected:?}");
            return Err(Error::new(Status::InvalidPath, message).with_path(&*path));
        };
        let block =
            Block { offset, length, tail: parsed.tail, sum: Sum::from_text(&checksum.unwrap_or_default()) };
        Ok(VolumeBlock::new(self.id(), block, Origin::Elsewhere, None))
    }
}

/// A block as one line of JSON.
#[derive(Serialize, Deserialize)]
struct Text<'a> {
    offset: u64,
    length: u64,
    #[serde(borrow)]
    path: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

impl VolumeBlock {
    pub(super) fn new(volume: &str, block: Block, origin: Origin, hold: Option<StagedHold>) -> VolumeBlock {
        let path = block.path(volume);
        VolumeBlock {
            inner: Arc::new(Staged { volume: volume.to_owned(), block, path, origin, _hold: hold }),
        }
    }

    /// Where its range begins.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.inner.block.offset
    }

    /// How many bytes it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.inner.block.length
    }

    /// The key of its object.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.inner.path
    }

    /// One line of JSON that can be sent anywhere, for [`Volume::block_from_json`].
    #[must_use]
    pub fn json(&self) -> String {
        let block = &self.inner.block;
        to_json(&Text {
            offset: block.offset,
            length: block.length,
            path: (&*self.inner.path).into(),
            checksum: block.sum.text(),
        })
    }
}

/// A fresh tail for a path that is taken.
pub(super) fn fresh_tail() -> NonZeroU64 {
    NonZeroU64::new(crate::id::fresh_random()).unwrap_or(NonZeroU64::MIN)
}

//! Reading a range: the blocks that cover it are found in the snapshot's table, and checked as the caller
//! asks. What no block covers is reported, and never given as zeros.

use std::sync::PoisonError;

use super::commit::not_a_volume;
use super::content::hash;
use super::{Volume, identity};
use crate::context::Context;
use crate::dataset::{ReadOptions, Snapshot, Verify, buffer};
use crate::error::{Error, Result, Status};
use crate::manifest::{AddressSpace, Block};

/// A block up to this is read whole and checked even if only a part of it is asked for.
const CHECKED_WHOLE: u64 = 1 << 20;

impl Volume {
    /// Fills `room` with the bytes from `offset` on, all of them. That blocks cover the range is known before
    /// the first is read. Blocks of up to 1 MiB, and those that the call reads whole, are compared with their
    /// checksums; with [`Verify::First`] every block that is touched is, once a handle; with
    /// [`Verify::SizeOnly`] none.
    ///
    /// # Errors
    /// `RangeMissing` with the first offset that no block covers; `InvalidArgument` for an empty range, one
    /// that leaves the address space, or another volume's snapshot; `Corrupt` if a block is missing, or has
    /// another size or checksum: the bytes in `room` are then not to be used; `Deadline`, `Cancelled`; the
    /// store's failure.
    pub fn read_at(
        &self,
        snapshot: &Snapshot,
        offset: u64,
        room: &mut [u8],
        options: &ReadOptions,
    ) -> Result<()> {
        let context = self.begin(&options.call);
        self.try_read(snapshot, offset, room, options, &context).map_err(|error| self.named(error))
    }

    fn try_read(
        &self,
        snapshot: &Snapshot,
        offset: u64,
        room: &mut [u8],
        options: &ReadOptions,
        context: &Context,
    ) -> Result<()> {
        let space = self.space(snapshot)?;
        self.check_range(offset, room.len() as u64, Some(space.total_length), "a range")?;
        let end = offset + room.len() as u64;
        if let Some((gap, length)) = first_gap(space, offset, end) {
            let message = format!(
                "the snapshot {} has no bytes from {gap} to {}: no block covers them yet",
                snapshot.id(),
                gap + length
            );
            return Err(Error::new(Status::RangeMissing, message)
                .with_offset(gap)
                .with_snapshot_id(snapshot.id()));
        }
        let mut rest = room;
        let mut at = offset;
        for block in &space.blocks.as_slice()[space.blocks.first_ending_after(offset)..] {
            if rest.is_empty() {
                break;
            }
            context.check("reading a volume")?;
            let most = usize::try_from(block.end() - at).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at_mut(most);
            self.read_part(block, at - block.offset, part, options.verify, context)?;
            at += most as u64;
            rest = after;
        }
        Ok(())
    }

    /// Reads a part of one block.
    fn read_part(
        &self,
        block: &Block,
        offset: u64,
        part: &mut [u8],
        verify: Verify,
        context: &Context,
    ) -> Result<()> {
        let path = block.path(self.id());
        let is_whole = part.len() as u64 == block.length;
        match verify {
            Verify::First => self.check_once(block, &path, context)?,
            Verify::Streaming if is_whole => {
                self.read_stored(block, &path, 0, part, context)?;
                return check_bytes(block, &path, part);
            }
            Verify::Streaming if block.length <= CHECKED_WHOLE && block.sum.checksum().is_some() => {
                let mut whole = buffer(usize::try_from(block.length).unwrap_or(usize::MAX))?;
                self.read_stored(block, &path, 0, &mut whole, context)?;
                check_bytes(block, &path, &whole)?;
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                part.copy_from_slice(&whole[from..from + part.len()]);
                return Ok(());
            }
            Verify::Streaming | Verify::SizeOnly => {}
        }
        self.read_stored(block, &path, offset, part, context)
    }

    /// Stored bytes, all that there is room for; the object's size is compared.
    fn read_stored(
        &self,
        block: &Block,
        path: &str,
        offset: u64,
        room: &mut [u8],
        context: &Context,
    ) -> Result<()> {
        let corrupt = |what: String| {
            Error::new(Status::Corrupt, format_args!("the block {path} {what}")).with_path(path)
        };
        let object = self.dataset.store().backend().open(context, path)?;
        let mut object = object.ok_or_else(|| corrupt("is missing".into()))?;
        if object.size() != block.length {
            return Err(corrupt(format!("has {} bytes, expected {}", object.size(), block.length)));
        }
        let mut filled = 0;
        while filled < room.len() {
            let at = offset + filled as u64;
            match object.read_at(context, at, &mut room[filled..]).map_err(|error| error.with_path(path))? {
                0 => return Err(corrupt(format!("ends at byte {at}, expected {}", block.length))),
                read => filled += read,
            }
            context.check("reading a volume")?;
        }
        context.read(filled);
        Ok(())
    }

    /// Checks a block as a whole, unless this handle has done it before: blocks are immutable.
    fn check_once(&self, block: &Block, path: &str, context: &Context) -> Result<()> {
        let known = identity(block);
        if self.inner.verified.lock().unwrap_or_else(PoisonError::into_inner).contains(&known) {
            return Ok(());
        }
        self.check_block(block, path, context)?;
        self.inner.verified.lock().unwrap_or_else(PoisonError::into_inner).insert(known);
        Ok(())
    }

    fn check_block(&self, block: &Block, path: &str, context: &Context) -> Result<()> {
        let found = hash(self, block, path, block.sum.checksum(), context)?;
        compare(block, path, found.text().as_deref())
    }

    /// Checks all blocks of a snapshot: each is read whole and compared with its checksum.
    ///
    /// # Errors
    /// `Corrupt` for the first that is missing or differs; `InvalidArgument` for another volume's snapshot;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn verify_snapshot(&self, snapshot: &Snapshot, options: &ReadOptions) -> Result<()> {
        let context = self.begin(&options.call);
        let verified = self.space(snapshot).and_then(|space| {
            space.blocks.as_slice().iter().try_for_each(|block| {
                context.step("verifying a volume")?;
                self.check_block(block, &block.path(self.id()), &context)
            })
        });
        verified.map_err(|error| self.named(error))
    }

    /// The address space of a snapshot of this volume.
    fn space<'s>(&self, snapshot: &'s Snapshot) -> Result<&'s AddressSpace> {
        self.dataset.check_own(snapshot)?;
        snapshot.manifest().address_space.as_ref().ok_or_else(|| not_a_volume(snapshot))
    }
}

/// Compares bytes that were read with their block's checksum.
fn check_bytes(block: &Block, path: &str, bytes: &[u8]) -> Result<()> {
    let Some(mut hasher) = block.sum.checksum().and_then(|checksum| checksum.hasher()) else { return Ok(()) };
    hasher.update(bytes);
    compare(block, path, Some(&hasher.finish()))
}

fn compare(block: &Block, path: &str, found: Option<&str>) -> Result<()> {
    let expected = block.sum.text();
    match (block.sum.checksum(), found) {
        (Some(_), Some(found))
            if expected.as_deref().is_none_or(|expected| !expected.eq_ignore_ascii_case(found)) =>
        {
            let expected = expected.unwrap_or_default();
            let message = format!("the block {path} has the checksum {found}, expected {expected}");
            Err(Error::new(Status::Corrupt, message).with_path(path))
        }
        _ => Ok(()),
    }
}

/// The first gap that begins in a range: where, and how long it is. No block beyond the range is met, so that
/// a short read of a volume without gaps does not walk through its table.
pub(super) fn first_gap(space: &AddressSpace, from: u64, end: u64) -> Option<(u64, u64)> {
    let blocks = space.blocks.as_slice();
    let mut at = from;
    for block in &blocks[space.blocks.first_ending_after(from)..] {
        if at >= end {
            return None;
        }
        if block.offset > at {
            return Some((at, block.offset - at));
        }
        at = block.end();
    }
    (at < end).then(|| (at, space.total_length - at))
}

impl Snapshot {
    /// The first range at or after `from` that no block of this volume's snapshot covers, as offset and
    /// length; `None`: there is none. A dataset's snapshot has no address space, and no gap.
    #[must_use]
    pub fn next_gap(&self, from: u64) -> Option<(u64, u64)> {
        let space = self.manifest().address_space.as_ref()?;
        first_gap(space, from, space.total_length)
    }
}

//! What a volume's snapshot tells: its length, its blocks, its holes.

use std::ffi::c_char;

use crate::arguments::Out;
use crate::call::run;
use crate::error::lode_error;
use crate::snapshot::{ask, ask_block, ask_block_text, lode_snapshot};
use crate::status::{LODE_ITEM, LODE_OK, lode_status};

/// How long the address space of a volume's snapshot is.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return its length in bytes; 0 for a dataset's snapshot, or if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_total_length(snapshot: *const lode_snapshot) -> u64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, 0, |view| view.address_space().map_or(0, |space| space.total_length)) }
}

/// How many blocks a volume's snapshot has, those of its parent included.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return the number of blocks; 0 for a dataset's snapshot, or if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_count(snapshot: *const lode_snapshot) -> usize {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, 0, |view| view.address_space().map_or(0, |space| space.blocks.len())) }
}

/// Where a block begins. Blocks are in the order of their offsets.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index which block, from 0.
/// @return its offset in bytes; 0 if `index` is out of range or `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_offset(snapshot: *const lode_snapshot, index: usize) -> u64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_block(snapshot, index, |block| block.offset) }
}

/// How long a block is.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index which block, from 0.
/// @return its length in bytes; 0 if `index` is out of range or `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_length(snapshot: *const lode_snapshot, index: usize) -> u64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_block(snapshot, index, |block| block.length) }
}

/// The key of a block's object in the store.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index which block, from 0.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `index` is out of range,
///         `snapshot` is NULL, or there is no memory for it.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_path(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_block_text(snapshot, index, |texts, view, block| texts.path(view, block)) }
}

/// Where another program finds a block's object, as an absolute path.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index which block, from 0.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the store has no such place,
///         `index` is out of range, `snapshot` is NULL, or there is no memory for it.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_location(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_block_text(snapshot, index, |texts, view, block| texts.location(view, block)) }
}

/// The checksum of a block's bytes, in lower-case hex.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index which block, from 0.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if there is none, `index` is out of
///         range, `snapshot` is NULL, or there is no memory for it.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_block_checksum(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_block_text(snapshot, index, |texts, view, block| texts.checksum(view, block)) }
}

/// Finds the first range at or after an offset that no block of a volume's snapshot covers. No I/O. Going on
/// from its end gives the next; a snapshot without one is complete.
///
/// @param snapshot the snapshot. Not NULL.
/// @param from where to begin, in bytes.
/// @param offset output: where the range begins; 0 with LODE_OK. NULL: not wanted.
/// @param len output: how long it is; 0 with LODE_OK. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is one. LODE_OK: there is none, or it is a dataset's snapshot.
///        LODE_ERR_INVALID_ARGUMENT.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_next_gap(
    snapshot: *const lode_snapshot,
    from: u64,
    offset: *mut u64,
    len: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_snapshot_next_gap", error, |this| {
            let (offset, len) = (Out::reset(offset, 0), Out::reset(len, 0));
            let view = this.shared(snapshot, "snapshot")?;
            let Some((begin, length)) = view.snapshot.next_gap(from) else { return Ok(LODE_OK) };
            offset.set(begin);
            len.set(length);
            Ok(LODE_ITEM)
        })
    }
}

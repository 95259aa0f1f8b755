//! `lode_volume`: a fixed address space that is filled block by block. Its staging is in `volume/block.rs`,
//! its history in `volume/history.rs`, what its snapshots tell in `volume/address_space.rs`.

mod address_space;
mod block;
mod history;

pub use address_space::*;
pub use block::*;
pub use history::*;

use std::ffi::{c_char, c_void};
use std::time::Duration;

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::objects::room;
use crate::options::{Versioned, init};
use crate::record_reader::lode_read_options;
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use crate::store::lode_store;
use lode_core::context::Retry;
use lode_core::error::{Error, Result, Status};
use lode_core::volume::{Volume, VolumeBlock, VolumeOptions};

/// A volume: a fixed address space in a store, filled in any order and committed in snapshots. Threads may
/// share it. What was made from it keeps what it needs of it: it may be freed before them.
pub struct lode_volume {
    _opaque: [u8; 0],
}

impl Handle for lode_volume {
    type Value = Volume;
    const NAME: &'static str = "lode_volume";
    const TAG: u32 = u32::from_le_bytes(*b"Lvol");
}

impl Shared for lode_volume {}

/// How a volume is written. What is read follows each snapshot's own manifest. All zero but `struct_size`:
/// checksum XXH3, full durability, as long as the volume is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_volume_options {
    /// sizeof(lode_volume_options), as the caller was compiled.
    pub struct_size: usize,
    /// How long the address space is, in bytes, below 2^63: needed for the first commit; later it must be the
    /// same. 0: as the volume has it.
    pub total_length: u64,
    /// One of LODE_CHECKSUM_*. A volume keeps the algorithm of its first commit.
    pub checksum: i32,
    /// One of LODE_DURABILITY_*.
    pub durability: i32,
    /// As in lode_dataset_options.
    pub retry_attempts: i32,
    /// As in lode_dataset_options.
    pub retry_base_ms: i32,
    /// As in lode_dataset_options.
    pub retry_cap_ms: i32,
    /// How many blocks a snapshot may have. 0: 400,000, what the manifest of one snapshot holds on every
    /// store.
    pub max_blocks: u64,
}

// SAFETY: see the fields: numbers.
unsafe impl Versioned for lode_volume_options {
    const NAME: &'static str = "lode_volume_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl Call {
    fn volume_options(&self, options: &lode_volume_options) -> Result<VolumeOptions> {
        let defaults = VolumeOptions::default();
        let milliseconds = |ms: u32| Duration::from_millis(ms.into());
        let attempts = self.count("retry_attempts", options.retry_attempts)?;
        let base = self.count("retry_base_ms", options.retry_base_ms)?;
        let cap = self.count("retry_cap_ms", options.retry_cap_ms)?;
        Ok(VolumeOptions {
            total_length: Some(options.total_length).filter(|length| *length != 0),
            checksum: self.checksum(options.checksum)?,
            durability: self.durability(options.durability)?,
            retry: Retry {
                attempts: attempts.unwrap_or(defaults.retry.attempts),
                base: base.map_or(defaults.retry.base, milliseconds),
                cap: cap.map_or(defaults.retry.cap, milliseconds),
            },
            max_blocks: if options.max_blocks == 0 { defaults.max_blocks } else { options.max_blocks },
        })
    }
}

/// Fills the options with the defaults.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_volume_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_options_init(options: *mut lode_volume_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Opens a volume. Does no I/O: a volume need not be created, its first commit makes it.
///
/// @param store the store; the volume keeps its own hold of it. Not NULL.
/// @param volume_id the volume's id, of the same form as a dataset's; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL.
/// @param options how it is written. Borrowed for the call. NULL: the defaults, which are enough to read.
/// @param volume output: the volume, which the caller owns and frees with lode_volume_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (the message names the field and its value),
///         LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_open(
    store: *mut lode_store,
    volume_id: *const c_char,
    options: *const lode_volume_options,
    volume: *mut *mut lode_volume,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_open", error, |call| {
            let volume = Out::reset(volume, std::ptr::null_mut());
            let store = call.shared(store.cast_const(), "store")?;
            let id = call.text(volume_id, "volume_id")?;
            let options = call.options(options, "options")?;
            let options = call.volume_options(&options)?;
            let volume = volume.required(call, "volume")?;
            volume.set(handle::give(Volume::open(store, id, options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Frees the caller's handle of a volume. What was made from it goes on working.
///
/// @param volume the volume; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_free(volume: *mut lode_volume) {
    // SAFETY: NULL or a volume of the caller's, as lode.h asks.
    unsafe { handle::free(volume) }
}

/// Commits staged blocks, and all that the volume has, as one snapshot. Commits of ranges that do not overlap
/// all succeed, each building on the one before. Blocks that the head has already are left out; if it has all
/// of them, nothing is written and the call returns LODE_ALREADY_COMMITTED, so that a commit may be repeated
/// after a crash. Blocks of another process are read whole before, and compared with their length and
/// checksum.
///
/// @param volume the volume. Not NULL.
/// @param blocks the blocks, in any order; the array is borrowed for the call, the blocks stay the caller's.
///        Not NULL.
/// @param count how many blocks; at least 1.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved.
/// @param options deadline, cancel token, expected parent, producer. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, LODE_ALREADY_COMMITTED, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN;
///         LODE_ERR_OVERLAPPING_BLOCKS: two overlap, or one overlaps what the head has, perhaps from another
///         writer (the message names both ranges and the snapshot); LODE_ERR_INVALID_ARGUMENT: no block, one
///         of another volume, one that leaves the address space, or a first commit without `total_length`;
///         LODE_ERR_VOLUME_LENGTH_MISMATCH; LODE_ERR_VOLUME_TOO_FRAGMENTED; LODE_ERR_NOT_FOUND,
///         LODE_ERR_CORRUPT: a block of another process is not what it says; LODE_ERR_STAGED_TOO_OLD: one was
///         staged more than 24 hours ago; and all failures of a commit of lode_dataset_write_records.
///
/// Any thread; several may write to one volume at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_commit(
    volume: *mut lode_volume,
    blocks: *const *const lode_volume_block,
    count: usize,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_commit", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // A clone: a callback may free the caller's handle.
            let volume = call.shared(volume.cast_const(), "volume")?.clone();
            let given = call.array(blocks, count, "blocks")?;
            let mut blocks: Vec<VolumeBlock> = Vec::new();
            blocks
                .try_reserve_exact(given.len())
                .map_err(|_| Error::new(Status::NoMemory, format_args!("no memory for {count} blocks")))?;
            for (number, block) in given.iter().enumerate() {
                blocks.push(call.shared(*block, &format!("blocks[{number}]"))?.block.clone());
            }
            let blocks: Vec<&VolumeBlock> = blocks.iter().collect();
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                volume.commit(&blocks, metadata, options)
            })
        })
    }
}

/// Reads a range of a snapshot: all of it, or an error. That blocks cover it is known before the first is
/// read; a hole is LODE_ERR_RANGE_MISSING, and never zeros.
///
/// @param volume the volume. Not NULL.
/// @param snapshot a snapshot of this volume. Not NULL.
/// @param offset where the range begins, in bytes.
/// @param buffer where the bytes go; written also when the call fails, and not to be used then. Not NULL.
/// @param len how many bytes; at least 1.
/// @param options deadline and cancel token; `verify`: with LODE_VERIFY_STREAMING blocks of up to 1 MiB, and
///        those that the call reads whole, are compared with their checksums, of larger ones read in part the
///        size; with LODE_VERIFY_FIRST every block that is touched is read whole and compared once per volume
///        handle; with LODE_VERIFY_SIZES sizes alone are. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_RANGE_MISSING (lode_error_offset is the first byte that no block covers),
///         LODE_ERR_INVALID_ARGUMENT (also for an empty range, one that leaves the address space, and
///         another's snapshot), LODE_ERR_CORRUPT (a block is missing, or has another size or checksum),
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread, several at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_read_at(
    volume: *mut lode_volume,
    snapshot: *const lode_snapshot,
    offset: u64,
    buffer: *mut c_void,
    len: usize,
    options: *const lode_read_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_read_at", error, |call| {
            let volume = call.shared(volume.cast_const(), "volume")?;
            let view = call.shared(snapshot, "snapshot")?;
            let room = room(call, buffer, len, "buffer")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            volume.read_at(&view.snapshot, offset, room, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Checks all blocks of one snapshot: each is read whole and compared with its length and checksum.
/// lode_volume_verify checks the whole history.
///
/// @param volume the volume. Not NULL.
/// @param snapshot a snapshot of this volume. Not NULL.
/// @param options deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_CORRUPT (the first block that is missing or differs), LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_verify_snapshot(
    volume: *mut lode_volume,
    snapshot: *const lode_snapshot,
    options: *const lode_read_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_verify_snapshot", error, |call| {
            let volume = call.shared(volume.cast_const(), "volume")?;
            let view = call.shared(snapshot, "snapshot")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            volume.verify_snapshot(&view.snapshot, &options)?;
            Ok(LODE_OK)
        })
    }
}

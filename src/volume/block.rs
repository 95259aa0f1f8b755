//! `lode_volume_block`: blocks that are staged and not committed.

use std::ffi::{CString, c_char, c_void};

use super::lode_volume;
use crate::arguments::Out;
use crate::byte_source::{CallerBytes, lode_byte_source};
use crate::call::run;
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::options::lode_call_options;
use crate::panic::query;
use crate::status::{LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::error::Result;
use lode_core::volume::VolumeBlock;

/// A block that is staged: durable, and invisible until a commit names it. Any thread may use it; it needs
/// neither volume nor store to live on.
pub struct lode_volume_block {
    _opaque: [u8; 0],
}

/// A block with its text as C reads it.
pub struct BlockView {
    pub(super) block: VolumeBlock,
    json: CString,
}

impl Handle for lode_volume_block {
    type Value = BlockView;
    const NAME: &'static str = "lode_volume_block";
    const TAG: u32 = u32::from_le_bytes(*b"Lvbl");
}

impl Shared for lode_volume_block {}

fn give_block(block: VolumeBlock, out: &Out<*mut lode_volume_block>) -> Result<()> {
    let json = c_text(&block.json())?;
    out.set(handle::give(BlockView { block, json })?);
    Ok(())
}

/// Stages bytes in memory as a block: durable when the call returns, and invisible until lode_volume_commit
/// names it. Any number of threads and processes stage at once. If the range was staged before with the same
/// bytes, that object is used.
///
/// @param volume the volume. Not NULL.
/// @param offset where the block begins, in bytes.
/// @param data the bytes, borrowed for the call. Not NULL.
/// @param len how many bytes; at least 1, and no more than the address space has from `offset` on.
/// @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
/// @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
/// @param error output: the error, if the call fails; nothing is staged then. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also for no bytes, and a range that leaves the address space),
///         LODE_ERR_VOLUME_LENGTH_MISMATCH, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE,
///         LODE_ERR_NO_MEMORY.
///
/// Any thread, several at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_stage_write_at(
    volume: *mut lode_volume,
    offset: u64,
    data: *const c_void,
    len: usize,
    call: *const lode_call_options,
    block: *mut *mut lode_volume_block,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_stage_write_at", error, |this| {
            let block = Out::reset(block, std::ptr::null_mut());
            let volume = this.shared(volume.cast_const(), "volume")?;
            let data = this.bytes(data, len, "data")?;
            let options = this.call_options(call)?;
            let block = block.required(this, "block")?;
            give_block(volume.stage_write_at(offset, data, &options)?, &block)?;
            Ok(LODE_OK)
        })
    }
}

/// Stages exactly `len` bytes that a source gives as a block, in bounded memory.
///
/// @param volume the volume. Not NULL.
/// @param offset where the block begins, in bytes.
/// @param len how many bytes; at least 1, at most 5 TiB, and no more than the address space has from `offset`
///        on.
/// @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
///        Not NULL.
/// @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
/// @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
/// @param error output: the error, if the call fails; nothing is staged then. NULL: not wanted.
/// @return LODE_OK. LODE_ERR_NIL_ITERATOR: there is no source, or no `read`. LODE_ERR_ITERATOR: it failed.
///         LODE_ERR_ITERATOR_CONTRACT: it answered more than `capacity`. LODE_ERR_INVALID_ARGUMENT: it gave
///         fewer bytes than `len`, or more. LODE_ERR_BUSY: another writer staged the range meanwhile; stage
///         it again. All else as lode_volume_stage_write_at.
///
/// Any thread, several at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_stage_stream_at(
    volume: *mut lode_volume,
    offset: u64,
    len: u64,
    source: *const lode_byte_source,
    call: *const lode_call_options,
    block: *mut *mut lode_volume_block,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_stage_stream_at", error, |this| {
            let block = Out::reset(block, std::ptr::null_mut());
            let (volume, source) = this.pulled((volume, "volume"), (source, "source"))?;
            let mut source = CallerBytes::new(this, source)?;
            let options = this.call_options(call)?;
            let block = block.required(this, "block")?;
            give_block(volume.stage_stream_at(offset, len, &mut source, &options)?, &block)?;
            Ok(LODE_OK)
        })
    }
}

/// Makes a block from the JSON that lode_volume_block_json gave in another process, or before a restart. Does
/// no I/O: the block is read and compared before it is committed.
///
/// @param volume the volume. Not NULL.
/// @param json the text; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param block output: the block, which the caller owns and frees with lode_volume_block_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (it is no such text, or leaves the address space),
///         LODE_ERR_INVALID_PATH (its path is not that of its range in this volume), LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_block_from_json(
    volume: *mut lode_volume,
    json: *const c_char,
    block: *mut *mut lode_volume_block,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_volume_block_from_json", error, |this| {
            let block = Out::reset(block, std::ptr::null_mut());
            let volume = this.shared(volume.cast_const(), "volume")?;
            let json = this.text(json, "json")?;
            let block = block.required(this, "block")?;
            give_block(volume.block_from_json(json)?, &block)?;
            Ok(LODE_OK)
        })
    }
}

/// A block as one line of JSON, with offset, length, path and checksum, which can be sent anywhere.
///
/// @param block the block. NULL: see below.
/// @return UTF-8, owned by the block, until lode_volume_block_free; NULL if `block` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_block_json(block: *const lode_volume_block) -> *const c_char {
    let none = std::ptr::null();
    // SAFETY: NULL or a block, as lode.h asks.
    query(none, || unsafe { handle::peek(block) }.map_or(none, |view| view.json.as_ptr()))
}

/// Where a block begins.
///
/// @param block the block. NULL: see below.
/// @return the offset in the volume, in bytes; 0 if `block` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_block_offset(block: *const lode_volume_block) -> u64 {
    // SAFETY: NULL or a block, as lode.h asks.
    query(0, || unsafe { handle::peek(block) }.map_or(0, |view| view.block.offset()))
}

/// How long a block is.
///
/// @param block the block. NULL: see below.
/// @return its length in bytes; 0 if `block` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_block_length(block: *const lode_volume_block) -> u64 {
    // SAFETY: NULL or a block, as lode.h asks.
    query(0, || unsafe { handle::peek(block) }.map_or(0, |view| view.block.length()))
}

/// Frees the caller's handle of a block. The staged bytes stay in the store, invisible, until clean-up
/// removes them.
///
/// @param block the block; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_block_free(block: *mut lode_volume_block) {
    // SAFETY: NULL or a block of the caller's, as lode.h asks.
    unsafe { handle::free(block) }
}

//! Writing a raw blob that the caller holds in memory.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::run;
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::snapshot::lode_snapshot;
use crate::status::lode_status;

/// Commits bytes in memory as one new snapshot, a raw blob: the bytes as they are given, through the
/// dataset's compressor. Blocks until the commit is decided or has failed.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
/// @param data the bytes; borrowed for the call. NULL only if `len` is 0.
/// @param len how many bytes; 0 makes an empty blob.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
///        at most 128 levels, the object itself included.
/// @param options deadline, cancel token, progress (a blob counts as one record), expected parent,
///        exactly-once key. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
///         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
///         `snapshot` is the head that says so. Of the arguments: LODE_ERR_INVALID_ARGUMENT (also if the
///         dataset has a codec), LODE_ERR_UNSUPPORTED, LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID,
///         LODE_ERR_METADATA_RESERVED. Of the commit: LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD,
///         LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
///         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store:
///         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_write_blob(
    dataset: *mut lode_dataset,
    data: *const c_void,
    len: usize,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_write_blob", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // A clone: a progress callback may free the caller's handle.
            let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
            let data = call.bytes(data, len, "data")?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                dataset.write_blob(data, metadata, options)
            })
        })
    }
}

//! The way out of LODE_ERR_NEEDS_REPAIR for C.

use std::ffi::c_char;

use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::history;
use crate::options::lode_call_options;
use crate::snapshot::lode_snapshot;
use crate::status::lode_status;

/// Makes a snapshot the head of its dataset: the way out of LODE_ERR_NEEDS_REPAIR, whose message names the
/// heads to choose from. The snapshot's ancestors stay with it; snapshots that are none of them can still be
/// read by their ids, but nothing is built on them any more. What writers of this library have committed
/// stays: if they have gone on from another snapshot, only the newest of theirs can be chosen, and the error
/// names it. The pointer "latest" is set to the choice, regardless of what it named; or, where a snapshot
/// that does not stay sorts above it, to a new one that repeats the choice and sorts above all. No writer of
/// the Go library may be at work. The call may be repeated.
///
/// @param dataset the dataset. Not NULL.
/// @param snapshot_id the snapshot to be the head; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. NULL: not
///        wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND, LODE_ERR_NEEDS_REPAIR (another must be chosen: see
///         lode_error_message), LODE_ERR_UNORDERABLE_PARENT (nothing can sort after that id), LODE_ERR_BUSY,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE,
///         LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_adopt(
    dataset: *mut lode_dataset,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::adopt("lode_dataset_adopt", dataset, snapshot_id, call, snapshot, error) }
}

//! The history of a volume: as a dataset's.

use std::ffi::{c_char, c_void};

use super::lode_volume;
use crate::collect::lode_collect_options;
use crate::error::lode_error;
use crate::history;
use crate::options::lode_call_options;
use crate::snapshot::lode_snapshot;
use crate::snapshot_iterator::lode_snapshot_iterator;
use crate::status::lode_status;

/// Finds the newest snapshot of a volume, its head: as lode_dataset_find_latest.
///
/// @param volume the volume. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_find_latest.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_find_latest(
    volume: *mut lode_volume,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::find_latest("lode_volume_find_latest", volume, call, snapshot, error) }
}

/// Finds one snapshot of a volume by its id: as lode_dataset_find_snapshot.
///
/// @param volume the volume. Not NULL.
/// @param snapshot_id the id; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_find_snapshot.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_find_snapshot(
    volume: *mut lode_volume,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::find_snapshot("lode_volume_find_snapshot", volume, snapshot_id, call, snapshot, error) }
}

/// Begins to list the snapshots of a volume, oldest first: as lode_dataset_list_snapshots.
///
/// @param volume the volume. Not NULL.
/// @param call deadline and cancel token, for this call and for each step. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
///        Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_list_snapshots.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_list_snapshots(
    volume: *mut lode_volume,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::list_snapshots("lode_volume_list_snapshots", volume, call, snapshots, error) }
}

/// Begins to list what is new in a volume since a snapshot, oldest first: as lode_dataset_list_changes.
///
/// @param volume the volume. Not NULL.
/// @param snapshot_id the last snapshot that the caller knows; NUL-terminated UTF-8, borrowed for the call.
///        NULL: none.
/// @param call deadline and cancel token, for this call and for each step. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
///        Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_list_changes.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_list_changes(
    volume: *mut lode_volume,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::list_changes("lode_volume_list_changes", volume, snapshot_id, call, snapshots, error) }
}

/// Resolves a commit of a volume that ended in LODE_ERR_COMMIT_UNKNOWN: as lode_dataset_resolve_commit.
/// Repeating the commit with the same blocks does it, too.
///
/// @param volume the volume. Not NULL.
/// @param snapshot_id the snapshot in doubt, from lode_error_snapshot_id; NUL-terminated UTF-8, borrowed for
///        the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, if it is committed, which the caller owns. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_resolve_commit.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_resolve_commit(
    volume: *mut lode_volume,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::resolve_commit("lode_volume_resolve_commit", volume, snapshot_id, call, snapshot, error)
    }
}

/// Makes a snapshot the head of its volume: the way out of LODE_ERR_NEEDS_REPAIR, as lode_dataset_adopt.
///
/// @param volume the volume. Not NULL.
/// @param snapshot_id the snapshot to be the head; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. NULL: not
///        wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_adopt.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_adopt(
    volume: *mut lode_volume,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::adopt("lode_volume_adopt", volume, snapshot_id, call, snapshot, error) }
}

/// Finds the newest snapshot of a volume, if its manifest lists a producer: as lode_dataset_find_producer.
///
/// @param volume the volume. Not NULL.
/// @param producer_id the producer; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns; NULL with LODE_NONE. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_find_producer.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_find_producer(
    volume: *mut lode_volume,
    producer_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::find_producer("lode_volume_find_producer", volume, producer_id, call, snapshot, error) }
}

/// Checks the whole history of a volume, as lode_dataset_verify does a dataset's: each block once, and that
/// each snapshot has the blocks of the one before it.
///
/// @param volume the volume. Not NULL.
/// @param level one of LODE_VERIFY_LEVEL_*; blocks have no records, so that the last two are the same.
/// @param finding as for lode_dataset_verify. NULL: only the outcome is wanted.
/// @param ctx handed to `finding`.
/// @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
/// @param findings output: how many things are wrong; written on success, and with LODE_ERR_CORRUPT. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_verify.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_verify(
    volume: *mut lode_volume,
    level: i32,
    finding: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            kind: i32,
            path: *const c_char,
            snapshot_id: *const c_char,
            message: *const c_char,
        ) -> i32,
    >,
    ctx: *mut c_void,
    call: *const lode_call_options,
    findings: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::verify("lode_volume_verify", volume, level, finding, ctx, call, findings, error) }
}

/// Removes staged blocks that no snapshot names, and what else dead writers left in a volume: as
/// lode_dataset_collect.
///
/// @param volume the volume. Not NULL.
/// @param options how old an object must be, and whether this is only a dry run. Borrowed for the call. NULL:
///        the defaults.
/// @param removed as for lode_dataset_collect. NULL: only the counts are wanted.
/// @param ctx handed to `removed`.
/// @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
/// @param objects output: how many things were removed. NULL: not wanted.
/// @param bytes output: how many bytes they had. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; the other statuses are those of lode_dataset_collect.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_volume_collect(
    volume: *mut lode_volume,
    options: *const lode_collect_options,
    removed: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            kind: i32,
            path: *const c_char,
            size: u64,
            age_seconds: i64,
        ) -> i32,
    >,
    ctx: *mut c_void,
    call: *const lode_call_options,
    objects: *mut u64,
    bytes: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::collect("lode_volume_collect", volume, options, removed, ctx, call, objects, bytes, error)
    }
}

//! The calls that find snapshots, and `lode_snapshot_iterator`.

use std::ffi::c_char;

use crate::arguments::Out;
use crate::call::run;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::history;
use crate::options::lode_call_options;
use crate::snapshot::{give_snapshot, lode_snapshot};
use crate::status::{LODE_ITEM, LODE_OK, lode_status};
use lode_core::dataset::Snapshots;

/// Snapshots of a dataset or a volume, in order. It belongs to one thread at a time.
pub struct lode_snapshot_iterator {
    _opaque: [u8; 0],
}

impl Handle for lode_snapshot_iterator {
    type Value = Snapshots;
    const NAME: &'static str = "lode_snapshot_iterator";
    const TAG: u32 = u32::from_le_bytes(*b"Lsni");
}

impl Exclusive for lode_snapshot_iterator {}

/// Finds the newest snapshot of a dataset, its head.
///
/// @param dataset the dataset. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NO_SNAPSHOTS (there is none yet), LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH (it has snapshots of another layout only),
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID,
///         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_find_latest(
    dataset: *mut lode_dataset,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::find_latest("lode_dataset_find_latest", dataset, call, snapshot, error) }
}

/// Finds one snapshot of a dataset by its id.
///
/// @param dataset the dataset. Not NULL.
/// @param snapshot_id the id; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
///         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_find_snapshot(
    dataset: *mut lode_dataset,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::find_snapshot("lode_dataset_find_snapshot", dataset, snapshot_id, call, snapshot, error)
    }
}

/// Begins to list the snapshots of a dataset, oldest first. The last one is the head as it is at this call;
/// snapshots committed later are not shown. A dataset without snapshots gives an iterator that is at its end.
///
/// @param dataset the dataset. Not NULL.
/// @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
///        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
///        Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH,
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID,
///         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_list_snapshots(
    dataset: *mut lode_dataset,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::list_snapshots("lode_dataset_list_snapshots", dataset, call, snapshots, error) }
}

/// Begins to list what is new in a dataset: the snapshots after a given one, oldest first. The last one is
/// the head as it is at this call. The history is walked from the head to `snapshot_id`, so the cost is that
/// of what is new: one manifest for each, and beyond the first few hundred a second time when it is given.
///
/// The head gives an iterator that is at its end, as does a snapshot that is committed but not published yet,
/// and a dataset without snapshots for NULL. Snapshots that only repeat their parent are left out.
///
/// @param dataset the dataset. Not NULL.
/// @param snapshot_id the last snapshot that the caller knows; NUL-terminated UTF-8, borrowed for the call.
///        NULL: none, so all are new.
/// @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
///        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
///        Its memory is some 40 bytes for each new snapshot, and a few MiB. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND (it is no ancestor of the head), LODE_ERR_CORRUPT (also if a
///         parent is missing, or does not sort below its child), LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_MANIFEST_INVALID, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_list_changes(
    dataset: *mut lode_dataset,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::list_changes("lode_dataset_list_changes", dataset, snapshot_id, call, snapshots, error)
    }
}

/// Gives the next snapshot.
///
/// @param snapshots the iterator. Not NULL.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free; NULL at the
///        end. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is one. LODE_OK: the end. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
///         is using the iterator), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and LODE_ERR_ABORTED (as the options
///         of the call that made the iterator say), LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT,
///         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_iterator_next(
    snapshots: *mut lode_snapshot_iterator,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_snapshot_iterator_next", error, |this| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let mut snapshots = this.exclusive(snapshots, "snapshots")?;
            let snapshot = snapshot.required(this, "snapshot")?;
            match snapshots.next()? {
                Some(next) => {
                    give_snapshot(next, &snapshot)?;
                    Ok(LODE_ITEM)
                }
                None => Ok(LODE_OK),
            }
        })
    }
}

/// Frees an iterator. The snapshots that it gave live on.
///
/// @param snapshots the iterator; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_iterator_free(snapshots: *mut lode_snapshot_iterator) {
    // SAFETY: NULL or an iterator of the caller's, as lode.h asks.
    unsafe { handle::free(snapshots) }
}

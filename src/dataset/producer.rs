//! Exactly-once for C: what a producer asks after a restart.

use std::ffi::c_char;

use crate::arguments::Out;
use crate::call::run;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::history;
use crate::options::lode_call_options;
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_NONE, LODE_OK, lode_status};

/// Finds the newest snapshot, if its manifest lists this producer: what a producer asks after a restart.
/// lode_snapshot_find_producer then gives the sequence and the position to go on from. A commit that is
/// decided but not published yet counts, and the answer is durable.
///
/// @param dataset the dataset. Not NULL.
/// @param producer_id the producer, not empty; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free; NULL with
///        LODE_NONE. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_NONE (the producer is not listed: it has committed nothing, or more than 1,024
///         others have committed since); LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_find_producer(
    dataset: *mut lode_dataset,
    producer_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::find_producer("lode_dataset_find_producer", dataset, producer_id, call, snapshot, error)
    }
}

/// How far a producer had come with a snapshot.
///
/// @param snapshot the snapshot. Not NULL.
/// @param producer_id the producer; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param sequence output: the highest sequence that is committed; 0 with LODE_NONE. NULL: not wanted.
/// @param position output: the position that came with it, NUL-terminated UTF-8, owned by the snapshot, until
///        lode_snapshot_free; NULL with LODE_NONE. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_NONE (the producer is not listed); LODE_ERR_INVALID_ARGUMENT, LODE_ERR_CORRUPT (the
///         manifest's map of producers is not valid), LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_find_producer(
    snapshot: *const lode_snapshot,
    producer_id: *const c_char,
    sequence: *mut u64,
    position: *mut *const c_char,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_snapshot_find_producer", error, |this| {
            let sequence = Out::reset(sequence, 0);
            let position = Out::reset(position, std::ptr::null());
            let view = this.shared(snapshot, "snapshot")?;
            let producer = this.text(producer_id, "producer_id")?;
            match view.producer(producer)? {
                Some((number, text)) => {
                    if sequence.is_wanted() {
                        sequence.set(number);
                    }
                    if position.is_wanted() {
                        position.set(text);
                    }
                    Ok(LODE_OK)
                }
                None => Ok(LODE_NONE),
            }
        })
    }
}

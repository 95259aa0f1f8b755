//! Writing records that the caller holds in memory: the form that can be partitioned.

use std::ffi::c_char;

use crate::arguments::{Out, lode_bytes, slice_fault};
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::record_iterator::LODE_NO_TIMESTAMP;
use crate::snapshot::lode_snapshot;
use crate::status::lode_status;
use lode_core::dataset::Record;
use lode_core::error::{Result, Status};

impl Call {
    /// The caller's records.
    ///
    /// # Safety
    /// `records` is NULL or `count` structs, each with bytes that can be read for `'a`; `unix_nanos` is NULL
    /// or `count` numbers.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the record; `NoMemory`.
    unsafe fn records<'a>(
        &self,
        records: *const lode_bytes,
        unix_nanos: *const i64,
        count: usize,
    ) -> Result<Vec<Record<'a>>> {
        // SAFETY: as asked of the caller.
        let (given, times) = unsafe {
            let times = self.times(unix_nanos, count)?.unwrap_or_default();
            (self.array(records, count, "records")?, times)
        };
        let mut taken = Vec::new();
        taken.try_reserve_exact(count).map_err(|_| {
            self.fault(Status::NoMemory, format_args!("no memory for an array of {count} records"))
        })?;
        for (number, bytes) in given.iter().enumerate() {
            // SAFETY: as asked of the caller.
            taken.push(unsafe { self.record(number, *bytes, times.get(number).copied())? });
        }
        Ok(taken)
    }

    /// One of the caller's records, number `number` of an array.
    ///
    /// # Safety
    /// `bytes` is empty, or tells of bytes that can be read for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the record.
    pub(crate) unsafe fn record<'a>(
        &self,
        number: usize,
        bytes: lode_bytes,
        unix_nanos: Option<i64>,
    ) -> Result<Record<'a>> {
        if let Some(fault) = slice_fault(bytes.data, bytes.len) {
            let what = format_args!("records[{number}] (of {} bytes) {fault}", bytes.len);
            return Err(self.invalid(what).with_record(number as u64));
        }
        let data = match bytes.len {
            0 => &[][..],
            // SAFETY: not NULL, not too long, and readable as asked of the caller.
            len => unsafe { std::slice::from_raw_parts(bytes.data, len) },
        };
        Ok(Record { data, unix_nanos: unix_nanos.filter(|time| *time != LODE_NO_TIMESTAMP) })
    }
}

/// Commits records that are held in memory as one new snapshot: either all of them and a manifest, or
/// nothing. In a dataset of LODE_LAYOUT_HIVE each partition that occurs becomes a file, and the manifest a
/// copy beside each; in the other layouts all records become one file. A record that is refused leaves
/// nothing of the others. The stored line is the record's bytes as given, but for line breaks between its
/// tokens, which are removed. Blocks until the commit is decided or has failed.
///
/// A record's partition is `key=value/key=value`, by the dataset's partition keys at the top of the
/// record. The value is a string's text, a number as it is written, `true` or `false`, escaped for a path
/// as URLs are; if a key occurs twice, the last counts. A record without the key, with a value that is
/// null, an array or an object, or whose value makes a name of more than 255 bytes is
/// LODE_ERR_INVALID_RECORD; the message names record and key.
///
/// @param dataset the dataset. Not NULL.
/// @param records the records, `count` of them, one JSON document each; the array and what it points to are
///        borrowed for the call and must not change during it. NULL if `count` is 0.
/// @param unix_nanos the records' times, `count` of them, in nanoseconds since the Unix epoch;
///        LODE_NO_TIMESTAMP: none. Borrowed for the call. NULL: no record has one.
/// @param count how many records. 0 is allowed: an empty snapshot.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
///        at most 128 levels, the object itself included.
/// @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
///        NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
///         LODE_ALREADY_COMMITTED: the producer's sequence was committed before; nothing was written, and
///         `snapshot` is the head that says so. Of the arguments: LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID,
///         LODE_ERR_METADATA_RESERVED, LODE_ERR_CODEC_REQUIRED. Of the records: LODE_ERR_INVALID_RECORD,
///         LODE_ERR_RECORD_TOO_LARGE. Of the commit: LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD,
///         LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
///         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store:
///         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_write_records(
    dataset: *mut lode_dataset,
    records: *const lode_bytes,
    unix_nanos: *const i64,
    count: usize,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_write_records", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // A clone: the progress callback may free the caller's handle.
            let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
            let records = call.records(records, unix_nanos, count)?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                dataset.write_records(&records, metadata, options)
            })
        })
    }
}

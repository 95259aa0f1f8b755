//! `lode_record_writer`: records pushed as the caller has them.

use std::ffi::{c_char, c_void};

use crate::arguments::{Out, lode_bytes};
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::options::{Versioned, init};
use crate::panic::query;
use crate::record_iterator::LODE_NO_TIMESTAMP;
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use lode_core::dataset::{BadRecords, RecordWriter, WriterOptions};
use lode_core::error::{Result, Status};

/// A record that is invalid or too large fails its append; the writer stays usable.
pub const LODE_BAD_RECORD_FAIL: i32 = 0;
/// A record that is invalid or too large is left out and counted; see lode_record_writer_skipped_count.
pub const LODE_BAD_RECORD_SKIP: i32 = 1;

/// Takes records as the caller has them, for event loops and daemons, and commits them as one snapshot. It
/// belongs to one thread at a time; a call while another one uses it, from a second thread or from a callback
/// of the first, gives LODE_ERR_STATE.
///
/// After a commit that succeeded, and after an abort, its calls give LODE_ERR_STATE. After a commit that
/// failed the records are kept and the commit may be repeated; it first resolves its own unknown outcome. A
/// failed append took nothing of its bad record: LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE and
/// LODE_ERR_NO_SPACE leave the writer usable, any other failure stays. If the lack of space is reported only
/// by the sync of a commit, LODE_ERR_NO_SPACE loses the data, and later calls give LODE_ERR_STATE.
pub struct lode_record_writer {
    _opaque: [u8; 0],
}

impl Handle for lode_record_writer {
    type Value = RecordWriter;
    const NAME: &'static str = "lode_record_writer";
    const TAG: u32 = u32::from_le_bytes(*b"Lwri");
}

impl Exclusive for lode_record_writer {}

/// How a record writer behaves. All zero but `struct_size`: bad records fail their append.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_record_writer_options {
    /// sizeof(lode_record_writer_options), as the caller was compiled.
    pub struct_size: usize,
    /// One of LODE_BAD_RECORD_*.
    pub bad_records: i32,
    /// Whether the system begins to write full pieces of data to the disk as they are appended, so that the
    /// commit has less to wait for. The append that completes a piece asks the system for it and does not
    /// wait, but while the disk's queue is full the system may make it wait. 0: no, the commit does it all;
    /// 1: yes.
    pub early_writeback: i32,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_record_writer_options {
    const NAME: &'static str = "lode_record_writer_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl Call {
    fn writer_options(&self, options: &lode_record_writer_options) -> Result<WriterOptions> {
        let bad_records = match options.bad_records {
            LODE_BAD_RECORD_FAIL => BadRecords::Fail,
            LODE_BAD_RECORD_SKIP => BadRecords::Skip,
            other => {
                return Err(self.invalid(format_args!(
                    "options.bad_records is {other}, expected one of LODE_BAD_RECORD_* (0 or 1)"
                )));
            }
        };
        let early_writeback = self.yes_or_no("early_writeback", options.early_writeback)?;
        Ok(WriterOptions { bad_records, early_writeback })
    }

    /// The time that `unix_nanos` points to, if there is one.
    ///
    /// # Safety
    /// `unix_nanos` is NULL or, if it is aligned, points to a number.
    unsafe fn timestamp(&self, unix_nanos: *const i64, name: &str) -> Result<Option<i64>> {
        if unix_nanos.is_null() {
            return Ok(None);
        }
        // SAFETY: as asked of the caller.
        let time = unsafe { self.array(unix_nanos, 1, name)? }[0];
        Ok((time != LODE_NO_TIMESTAMP).then_some(time))
    }

    /// The times of `count` records, if they have any.
    ///
    /// # Safety
    /// `unix_nanos` is NULL or, if it is aligned, `count` numbers that can be read for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) unsafe fn times<'a>(&self, unix_nanos: *const i64, count: usize) -> Result<Option<&'a [i64]>> {
        if unix_nanos.is_null() {
            return Ok(None);
        }
        // SAFETY: as asked of the caller.
        unsafe { self.array(unix_nanos, count, "unix_nanos").map(Some) }
    }

    /// How many bytes records of these lengths have together.
    fn total(&self, lengths: &[usize]) -> Result<usize> {
        lengths.iter().try_fold(0usize, |sum, len| sum.checked_add(*len)).ok_or_else(|| {
            self.fault(Status::InvalidArgument, "the sum of lengths is more than any object can have")
        })
    }
}

/// Fills the options with the defaults: bad records fail their append.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_record_writer_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_options_init(
    options: *mut lode_record_writer_options,
    struct_size: usize,
) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Begins a snapshot whose records will be pushed. No reader sees anything of it before the commit.
///
/// @param dataset the dataset; the writer keeps its own hold of it. Not NULL.
/// @param options how the writer behaves. Borrowed for the call. NULL: the defaults.
/// @param writer output: the writer, which the caller owns and frees with lode_record_writer_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_CODEC_REQUIRED,
///         LODE_ERR_PARTITIONING_NOT_SUPPORTED, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open_record_writer(
    dataset: *mut lode_dataset,
    options: *const lode_record_writer_options,
    writer: *mut *mut lode_record_writer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open_record_writer", error, |call| {
            let writer = Out::reset(writer, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let options = call.options(options, "options")?;
            let options = call.writer_options(&options)?;
            let writer = writer.required(call, "writer")?;
            writer.set(handle::give(dataset.record_writer(options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Adds one record. Never syncs, and never waits for another writer.
///
/// @param writer the writer. Not NULL.
/// @param data the record: exactly one JSON document, without its line break; borrowed for the call. NULL
///        only if `len` is 0, which is no document.
/// @param len its length in bytes.
/// @param unix_nanos where its time stands, in nanoseconds since the Unix epoch; borrowed for the call. NULL
///        (and, as in lode_record_writer_append_batch, the value LODE_NO_TIMESTAMP): the record has no time.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: the writer holds the record, or has skipped it by its option. LODE_ERR_INVALID_RECORD
///         (see lode_error_offset), LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_NO_SPACE: the writer stays usable; go
///         on with the next record. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE, LODE_ERR_IO,
///         LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append(
    writer: *mut lode_record_writer,
    data: *const c_void,
    len: usize,
    unix_nanos: *const i64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append", error, |call| {
            let mut writer = call.exclusive(writer, "writer")?;
            let data = call.bytes(data, len, "data")?;
            let unix_nanos = call.timestamp(unix_nanos, "unix_nanos")?;
            writer.append(data, unix_nanos)?;
            Ok(LODE_OK)
        })
    }
}

/// Adds many records that lie one after the other in one buffer.
///
/// @param writer the writer. Not NULL.
/// @param data the records, each exactly one JSON document, with nothing between them; borrowed for the call.
///        NULL only if the lengths add up to 0.
/// @param lengths `count` lengths in bytes, in order; borrowed for the call. NULL only if `count` is 0.
/// @param unix_nanos `count` times, in nanoseconds since the Unix epoch, LODE_NO_TIMESTAMP for none; borrowed
///        for the call. NULL: no record has a time.
/// @param count how many records.
/// @param taken output, also on failure: how many records were processed, those skipped by the writer's
///        option included. If the call fails, record number `taken` is the one that failed, and the writer
///        holds those before it: go on at `taken` + 1. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: all were processed; else as lode_record_writer_append.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append_batch(
    writer: *mut lode_record_writer,
    data: *const c_void,
    lengths: *const usize,
    unix_nanos: *const i64,
    count: usize,
    taken: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append_batch", error, |call| {
            let taken = Out::reset(taken, 0);
            let mut writer = call.exclusive(writer, "writer")?;
            let lengths = call.array(lengths, count, "lengths")?;
            let data = call.bytes(data, call.total(lengths)?, "data")?;
            let times = call.times(unix_nanos, count)?;
            let taken = taken.required(call, "taken")?;
            let (dealt_with, outcome) = writer.append_batch(data, lengths, times);
            taken.set(dealt_with);
            outcome.map(|()| LODE_OK)
        })
    }
}

/// Adds many records that lie anywhere: one call for what an event loop or a binding has at hand, without
/// copying it together first.
///
/// @param writer the writer. Not NULL.
/// @param records the records, `count` of them, one JSON document each; the array and what it points to are
///        borrowed for the call. NULL only if `count` is 0.
/// @param unix_nanos `count` times, in nanoseconds since the Unix epoch, LODE_NO_TIMESTAMP for none; borrowed
///        for the call. NULL: no record has a time.
/// @param count how many records.
/// @param taken output, also on failure: how many records were processed, those skipped by the writer's
///        option included. If the call fails, record number `taken` is the one that failed, and the writer
///        holds those before it: go on at `taken` + 1. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: all were processed; else as lode_record_writer_append.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append_records(
    writer: *mut lode_record_writer,
    records: *const lode_bytes,
    unix_nanos: *const i64,
    count: usize,
    taken: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append_records", error, |call| {
            let taken = Out::reset(taken, 0);
            let mut writer = call.exclusive(writer, "writer")?;
            let records = call.array(records, count, "records")?;
            let times = call.times(unix_nanos, count)?.unwrap_or_default();
            let taken = taken.required(call, "taken")?;
            for (number, bytes) in records.iter().enumerate() {
                taken.set(number);
                let record = call.record(number, *bytes, times.get(number).copied())?;
                writer.append(record.data, record.unix_nanos)?;
            }
            taken.set(count);
            Ok(LODE_OK)
        })
    }
}

/// Adds the whole lines of a buffer, one record each, without times. Blank lines (nothing but white space)
/// are no records. What follows the last line break is left: it is the beginning of the next buffer. (A last
/// line without its break is given to lode_record_writer_append.)
///
/// @param writer the writer. Not NULL.
/// @param data the buffer; borrowed for the call. NULL only if `len` is 0.
/// @param len its length in bytes.
/// @param consumed output, also on failure: how many bytes of whole lines were processed. If the call fails,
///        the line that failed begins there, and the writer holds those before it. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: all whole lines were processed; else as lode_record_writer_append.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append_lines(
    writer: *mut lode_record_writer,
    data: *const c_void,
    len: usize,
    consumed: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append_lines", error, |call| {
            let consumed = Out::reset(consumed, 0);
            let mut writer = call.exclusive(writer, "writer")?;
            let data = call.bytes(data, len, "data")?;
            let consumed = consumed.required(call, "consumed")?;
            let (bytes, outcome) = writer.append_lines(data);
            consumed.set(bytes);
            outcome.map(|()| LODE_OK)
        })
    }
}

/// Answers a question about a writer; NULL, or a writer in use, gives -1.
///
/// # Safety
/// `writer` is NULL or a writer that was not freed.
unsafe fn ask(writer: *const lode_record_writer, what: impl FnOnce(&RecordWriter) -> u64) -> i64 {
    query(-1, || {
        // SAFETY: as asked of the caller.
        let writer = unsafe { handle::try_lease(writer) };
        writer.map_or(-1, |writer| i64::try_from(what(&writer)).unwrap_or(i64::MAX))
    })
}

/// How many records the writer holds. After a commit or an abort: how many it held then.
///
/// @param writer the writer. NULL: see below.
/// @return the number of records; -1 if another call is using the writer, or `writer` is NULL.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_record_count(writer: *const lode_record_writer) -> i64 {
    // SAFETY: NULL or a writer, as lode.h asks.
    unsafe { ask(writer, RecordWriter::records) }
}

/// How many bad records were left out, which happens with LODE_BAD_RECORD_SKIP only.
///
/// @param writer the writer. NULL: see below.
/// @return the number of records; -1 if another call is using the writer, or `writer` is NULL.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_skipped_count(writer: *const lode_record_writer) -> i64 {
    // SAFETY: NULL or a writer, as lode.h asks.
    unsafe { ask(writer, RecordWriter::skipped) }
}

/// How many bytes the writer's records have, before compression. After a commit or an abort: how many they
/// had then.
///
/// @param writer the writer. NULL: see below.
/// @return bytes; -1 if another call is using the writer, or `writer` is NULL.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_byte_count(writer: *const lode_record_writer) -> i64 {
    // SAFETY: NULL or a writer, as lode.h asks.
    unsafe { ask(writer, RecordWriter::bytes) }
}

/// Commits the records as one new snapshot: all of them and a manifest, or nothing. Blocks until the commit
/// is decided or has failed. No records make an empty snapshot.
///
/// If it fails the records are kept, and the commit may be repeated, with other options too. A repetition
/// after LODE_ERR_COMMIT_UNKNOWN first resolves the commit before.
///
/// @param writer the writer. Not NULL.
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
///         `snapshot` is the head that says so. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
///         LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED, LODE_ERR_STATE,
///         LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR,
///         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT, LODE_ERR_MANIFEST_INVALID,
///         LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_commit(
    writer: *mut lode_record_writer,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_commit", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let mut writer = call.exclusive(writer, "writer")?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                writer.commit(metadata, options)
            })
        })
    }
}

/// Gives the records up and removes what was staged. The writer can then only be freed; a second abort does
/// nothing.
///
/// @param writer the writer. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_STATE (it is committed), LODE_ERR_COMMIT_UNKNOWN (a commit was tried and is
///         still in doubt: its records are kept), LODE_ERR_INVALID_ARGUMENT.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_abort(
    writer: *mut lode_record_writer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_abort", error, |call| {
            let mut writer = call.exclusive(writer, "writer")?;
            writer.abort()?;
            Ok(LODE_OK)
        })
    }
}

/// Frees a writer. Records that were not committed are discarded; a free never commits.
///
/// @param writer the writer; it is not valid afterwards. NULL: nothing happens. A callback of a call that
///        uses the writer may free it, too: it then lives until that call ends.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_free(writer: *mut lode_record_writer) {
    // SAFETY: NULL or a writer of the caller's, as lode.h asks.
    unsafe { handle::free(writer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::zeroed;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use std::ptr;

    #[test]
    fn lengths_that_no_buffer_can_have_are_refused() {
        let call = Call { function: "lode_test" };
        assert_eq!(call.total(&[1, 0, 2]).unwrap(), 3);
        let error = call.total(&[usize::MAX, 1]).unwrap_err();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("lengths"), "{error}");
    }

    #[test]
    fn an_unlisted_treatment_of_bad_records_is_named() {
        let call = Call { function: "lode_test" };
        for (number, expected) in [(0, BadRecords::Fail), (1, BadRecords::Skip)] {
            let options = lode_record_writer_options { bad_records: number, ..zeroed() };
            assert_eq!(call.writer_options(&options).unwrap().bad_records, expected);
        }
        for number in [2, -1] {
            let options = lode_record_writer_options { bad_records: number, ..zeroed() };
            let error = call.writer_options(&options).unwrap_err();
            assert!(error.message().contains(&format!("options.bad_records is {number}")), "{error}");
        }
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let (mut taken, mut of_records, mut consumed) = (7usize, 7usize, 7usize);
        let mut snapshot = ptr::dangling_mut();
        let null = ptr::null_mut();
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_record_writer_append(null, ptr::null(), 0, ptr::null(), ptr::null_mut()),
                lode_record_writer_append_batch(
                    null,
                    ptr::null(),
                    ptr::null(),
                    ptr::null(),
                    0,
                    &raw mut taken,
                    ptr::null_mut(),
                ),
                lode_record_writer_append_records(
                    null,
                    ptr::null(),
                    ptr::null(),
                    0,
                    &raw mut of_records,
                    ptr::null_mut(),
                ),
                lode_record_writer_append_lines(null, ptr::null(), 0, &raw mut consumed, ptr::null_mut()),
                lode_record_writer_commit(null, ptr::null(), ptr::null(), &raw mut snapshot, ptr::null_mut()),
                lode_record_writer_abort(null, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 6]);
            assert_eq!((taken, of_records, consumed, snapshot), (0, 0, 0, ptr::null_mut()));
            assert_eq!(lode_record_writer_record_count(null), -1);
            assert_eq!(lode_record_writer_skipped_count(null), -1);
            assert_eq!(lode_record_writer_byte_count(null), -1);
            lode_record_writer_free(null);
        }
    }
}

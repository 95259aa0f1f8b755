//! `lode_record_reader`: a snapshot's records, streamed.

use crate::arguments::{Out, lode_bytes, slice_fault};
use std::ffi::{CString, c_char};

use crate::call::{Call, run};
use crate::cancel::lode_cancel_token;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::options::{Versioned, init};
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_ITEM, LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::dataset::{ReadOptions, RecordBatch, RecordFeed, RecordReader, Verify};
use lode_core::error::Result;

/// Files are checked as they stream, and the verdict on checksum and number of records comes with the end.
pub const LODE_VERIFY_STREAMING: i32 = 0;
/// The manifest is compared with the commit slot that decided it, and each file is checked as a whole before
/// its first record (or byte) is given.
pub const LODE_VERIFY_FIRST: i32 = 1;
/// Only sizes are checked.
pub const LODE_VERIFY_SIZES: i32 = 2;

/// Streams the records of one snapshot, or of all since a position, in bounded memory. It belongs to one
/// thread at a time.
pub struct lode_record_reader {
    _opaque: [u8; 0],
}

impl Handle for lode_record_reader {
    type Value = Reading;
    const NAME: &'static str = "lode_record_reader";
    const TAG: u32 = u32::from_le_bytes(*b"Lrea");
}

impl Exclusive for lode_record_reader {}

/// What lies behind the handle.
pub struct Reading {
    pub(super) records: Records,
    /// The position asked for last, which C may still be reading.
    position: CString,
}

/// The records of one snapshot, or of all since a position.
pub(super) enum Records {
    Snapshot(RecordReader),
    Feed(RecordFeed),
}

impl Reading {
    fn new(records: Records) -> Self {
        Reading { records, position: CString::default() }
    }

    fn next(&mut self) -> Result<Option<&[u8]>> {
        match &mut self.records {
            Records::Snapshot(reader) => reader.next(),
            Records::Feed(feed) => feed.next(),
        }
    }

    fn next_batch(&mut self, capacity: usize) -> Result<RecordBatch<'_>> {
        match &mut self.records {
            Records::Snapshot(reader) => reader.next_batch(capacity),
            Records::Feed(feed) => feed.next_batch(capacity),
        }
    }

    fn position(&mut self) -> Result<*const c_char> {
        self.position = match &self.records {
            Records::Snapshot(reader) => c_text(&reader.position())?,
            Records::Feed(feed) => c_text(&feed.position())?,
        };
        Ok(self.position.as_ptr())
    }
}

/// How to read a snapshot. All zero but `struct_size`: no limits, verified as the records stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_read_options {
    /// sizeof(lode_read_options), as the caller was compiled.
    pub struct_size: usize,
    /// Milliseconds for each call on the reader, from the start of that call. 0: no deadline; below 0: it is
    /// already over.
    pub deadline_ms: i64,
    /// Ends the call that runs, and every later one, when cancelled. The reader keeps its own hold of it.
    /// NULL: none.
    pub cancel: *mut lode_cancel_token,
    /// One of LODE_VERIFY_*.
    pub verify: i32,
    /// The columns to read, in this order, for lode_dataset_read_arrow alone; `column_count` of them,
    /// NUL-terminated UTF-8, borrowed for the call. NULL: all.
    pub columns: *const *const c_char,
    /// How many columns.
    pub column_count: usize,
    /// Comparisons that the rows wanted satisfy, all of them: row groups in which by a file's statistics no
    /// row can are left out by lode_dataset_read_arrow; `comparison_count` of them, borrowed for the call.
    /// NULL: none.
    pub comparisons: *const lode_comparison,
    /// How many comparisons.
    pub comparison_count: usize,
    /// The most rows of a batch of lode_dataset_read_arrow; a batch may have fewer. 0: 65,536.
    pub batch_rows: i32,
}

/// The column equals the value.
pub const LODE_COMPARE_EQUAL: i32 = 0;
/// The column has a value and does not equal it.
pub const LODE_COMPARE_NOT_EQUAL: i32 = 1;
/// The column is less than the value.
pub const LODE_COMPARE_LESS: i32 = 2;
/// The column is less than the value or equals it.
pub const LODE_COMPARE_LESS_OR_EQUAL: i32 = 3;
/// The column is greater than the value.
pub const LODE_COMPARE_GREATER: i32 = 4;
/// The column is greater than the value or equals it.
pub const LODE_COMPARE_GREATER_OR_EQUAL: i32 = 5;

/// A comparison of a column with a value. A null satisfies none, nor does a float that is no number.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_comparison {
    /// The column's name; NUL-terminated UTF-8. Not NULL.
    pub column: *const c_char,
    /// The value as JSON: a number, true or false, or a string, with which a timestamp is compared as RFC
    /// 3339; NUL-terminated UTF-8. Not NULL.
    pub value_json: *const c_char,
    /// One of LODE_COMPARE_*.
    pub operation: i32,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_read_options {
    const NAME: &'static str = "lode_read_options";
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, columns);
}

impl Call {
    /// How to read.
    ///
    /// # Safety
    /// `options` is a struct as lode.h describes it.
    pub(super) unsafe fn read_options(&self, options: &lode_read_options) -> Result<ReadOptions> {
        let asked = [
            ("columns", !options.columns.is_null() || options.column_count != 0),
            ("comparisons", !options.comparisons.is_null() || options.comparison_count != 0),
            ("batch_rows", options.batch_rows != 0),
        ];
        if let Some((field, _)) = asked.iter().find(|(_, is_asked)| *is_asked) {
            return Err(self.invalid(format_args!("options.{field} is for lode_dataset_read_arrow alone")));
        }
        // SAFETY: as asked of the caller.
        unsafe { self.limits_of_reading(options) }
    }

    /// Deadline, cancel token and what is verified.
    ///
    /// # Safety
    /// `options` is a struct as lode.h describes it.
    unsafe fn limits_of_reading(&self, options: &lode_read_options) -> Result<ReadOptions> {
        let verify = match options.verify {
            LODE_VERIFY_STREAMING => Verify::Streaming,
            LODE_VERIFY_FIRST => Verify::First,
            LODE_VERIFY_SIZES => Verify::SizeOnly,
            other => {
                return Err(self.invalid(format_args!(
                    "options.verify is {other}, expected one of LODE_VERIFY_* (0 to 2)"
                )));
            }
        };
        // SAFETY: as asked of the caller.
        Ok(ReadOptions { call: unsafe { self.limits(options.deadline_ms, options.cancel)? }, verify })
    }
}

#[cfg(feature = "parquet")]
impl Call {
    /// How to read as Arrow batches.
    ///
    /// # Safety
    /// `options` is a struct as lode.h describes it.
    pub(super) unsafe fn arrow_read_options(
        &self,
        options: &lode_read_options,
    ) -> Result<lode_core::dataset::ArrowReadOptions> {
        // SAFETY: as asked of the caller.
        let (read, columns, comparisons) = unsafe {
            (
                self.limits_of_reading(options)?,
                self.array(options.columns, options.column_count, "options.columns")?,
                self.array(options.comparisons, options.comparison_count, "options.comparisons")?,
            )
        };
        let column = |(number, name): (usize, &*const c_char)| {
            // SAFETY: as asked of the caller.
            unsafe { self.text(*name, &format!("options.columns[{number}]")) }.map(str::to_owned)
        };
        let chosen = columns.iter().enumerate().map(column).collect::<Result<Vec<_>>>()?;
        let comparison = |(number, comparison): (usize, &lode_comparison)| {
            // SAFETY: as asked of the caller.
            unsafe { self.comparison(comparison, number) }
        };
        let batch_rows = self.count("batch_rows", options.batch_rows)?.unwrap_or_default();
        Ok(lode_core::dataset::ArrowReadOptions {
            read,
            columns: (!options.columns.is_null()).then_some(chosen),
            batch_rows: usize::try_from(batch_rows).unwrap_or(usize::MAX),
            comparisons: comparisons.iter().enumerate().map(comparison).collect::<Result<_>>()?,
        })
    }

    /// # Safety
    /// The texts are NULL or NUL-terminated.
    unsafe fn comparison(
        &self,
        comparison: &lode_comparison,
        number: usize,
    ) -> Result<lode_core::columns::Comparison> {
        use lode_core::columns::{Comparison, Literal, Operator};

        let place = format!("comparisons[{number}]");
        // SAFETY: as asked of the caller.
        let (column, value) = unsafe {
            (
                self.text(comparison.column, &format!("options.{place}.column"))?,
                self.text(comparison.value_json, &format!("options.{place}.value_json"))?,
            )
        };
        let operator = match comparison.operation {
            LODE_COMPARE_EQUAL => Operator::Equal,
            LODE_COMPARE_NOT_EQUAL => Operator::NotEqual,
            LODE_COMPARE_LESS => Operator::Less,
            LODE_COMPARE_LESS_OR_EQUAL => Operator::LessOrEqual,
            LODE_COMPARE_GREATER => Operator::Greater,
            LODE_COMPARE_GREATER_OR_EQUAL => Operator::GreaterOrEqual,
            other => {
                let expected = "one of LODE_COMPARE_* (0 to 5)";
                return Err(self.out_of_range(&format!("{place}.operation"), other, expected));
            }
        };
        let value = Literal::from_json(value)
            .map_err(|error| error.context(format_args!("options.{place}.value_json")))?;
        Ok(Comparison { column: column.to_owned(), operator, value })
    }
}

/// Fills the options with the defaults: no limits, verified as the records stream.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_read_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_read_options_init(options: *mut lode_read_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Begins to read a snapshot's records, in the order in which they were written. Codec, compressor and
/// checksum are those of the snapshot's manifest, not of the dataset's options.
///
/// @param dataset the dataset that the snapshot belongs to; the reader keeps its own hold of it. Not NULL.
/// @param snapshot the snapshot; the reader keeps its own hold of it. Not NULL.
/// @param options deadline, cancel token and what to verify. Borrowed for the call. NULL: the defaults.
/// @param reader output: the reader, which the caller owns and frees with lode_record_reader_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the snapshot belongs to another dataset),
///         LODE_ERR_UNSUPPORTED (the snapshot's codec or compressor is none of this build's),
///         LODE_ERR_CODEC_REQUIRED (it is a raw blob), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_NOT_FOUND, LODE_ERR_CORRUPT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open_record_reader(
    dataset: *mut lode_dataset,
    snapshot: *const lode_snapshot,
    options: *const lode_read_options,
    reader: *mut *mut lode_record_reader,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open_record_reader", error, |call| {
            let reader = Out::reset(reader, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let snapshot = call.shared(snapshot, "snapshot")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            let reader = reader.required(call, "reader")?;
            let records = Records::Snapshot(dataset.read(&snapshot.snapshot, options)?);
            reader.set(handle::give(Reading::new(records))?);
            Ok(LODE_OK)
        })
    }
}

/// Begins to read the records of all snapshots that were committed after a position, oldest first, as one
/// stream. Its end is the end of the snapshot that is the head as this call runs; a reader made with the
/// position of the end gives what is committed later. Every snapshot read must hold records.
///
/// @param dataset the dataset; the reader keeps its own hold of it. Not NULL.
/// @param position where to begin, as lode_record_reader_get_position gave it, or a snapshot's id, whose
///        records, and those of all before it, are known; NUL-terminated UTF-8, borrowed for the call. NULL
///        or "": nothing is known, begin with the first snapshot.
/// @param options deadline of this call and of each call on the reader, cancel token and what to verify.
///        Borrowed for the call, but for the token, which the reader keeps its own hold of. NULL: the
///        defaults.
/// @param reader output: the reader, which the caller owns and frees with lode_record_reader_free. Its memory
///        is that of a reader of one snapshot, and some 40 bytes for each new snapshot. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_SNAPSHOT_NOT_FOUND (the position's snapshot is no ancestor of the head),
///         LODE_ERR_INVALID_ARGUMENT (also if `position` is none), LODE_ERR_CODEC_REQUIRED (a raw blob),
///         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_MANIFEST_INVALID,
///         LODE_ERR_CORRUPT, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open_record_reader_since(
    dataset: *mut lode_dataset,
    position: *const c_char,
    options: *const lode_read_options,
    reader: *mut *mut lode_record_reader,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open_record_reader_since", error, |call| {
            let reader = Out::reset(reader, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let position = call.optional_text(position, "position")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            let reader = reader.required(call, "reader")?;
            let records = Records::Feed(dataset.read_since(position, options)?);
            reader.set(handle::give(Reading::new(records))?);
            Ok(LODE_OK)
        })
    }
}

/// Gives the position that a reader has reached. lode_dataset_open_record_reader_since goes on from there,
/// with the record after the last one that was given, also in the middle of a snapshot. A consumer that
/// stores the position together with what it made of the records takes each of them once.
///
/// @param reader the reader. Not NULL.
/// @param position output: the position; NUL-terminated UTF-8 of at most 300 bytes, owned by the reader,
///        until its next call or free; "" before the first record of all. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call is using the reader),
///         LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_reader_get_position(
    reader: *mut lode_record_reader,
    position: *mut *const c_char,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_reader_get_position", error, |call| {
            let position = Out::reset(position, std::ptr::null());
            let mut reader = call.exclusive(reader, "reader")?;
            let position = position.required(call, "position")?;
            position.set(reader.position()?);
            Ok(LODE_OK)
        })
    }
}

/// Gives the next record.
///
/// @param reader the reader. Not NULL.
/// @param record output: the record's bytes, without a line break, owned by the reader, until its next call
///        or free; NULL and 0 at the end. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is one. LODE_OK: the end; all that was to be verified is. LODE_ERR_CORRUPT (the
///         message names path, expected and found), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE (another call
///         is using the reader), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_NOT_FOUND,
///         LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_reader_next(
    reader: *mut lode_record_reader,
    record: *mut lode_bytes,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_reader_next", error, |call| {
            let record = Out::reset(record, lode_bytes::EMPTY);
            let mut reader = call.exclusive(reader, "reader")?;
            let record = record.required(call, "record")?;
            match reader.next()? {
                Some(bytes) => {
                    record.set(lode_bytes::of(bytes));
                    Ok(LODE_ITEM)
                }
                None => Ok(LODE_OK),
            }
        })
    }
}

/// Gives the next records, as many as are ready: a batch may be shorter than `capacity` before the end.
/// Records that come before a failure are given first.
///
/// @param reader the reader. Not NULL.
/// @param records output: an array of the caller's with `capacity` places, of which the first `count` are
///        filled with the records' bytes, without line breaks, owned by the reader, until its next call or
///        free. Not NULL.
/// @param capacity how many records the array can hold, at least 1.
/// @param count output: how many records there are; 0 at the end. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is at least one; else as lode_record_reader_next.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_reader_next_batch(
    reader: *mut lode_record_reader,
    records: *mut lode_bytes,
    capacity: usize,
    count: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_reader_next_batch", error, |call| {
            let count = Out::reset(count, 0);
            let mut reader = call.exclusive(reader, "reader")?;
            call.places(records, capacity)?;
            let count = count.required(call, "count")?;
            let batch = reader.next_batch(capacity)?;
            let mut filled = 0;
            for bytes in batch.iter().take(capacity) {
                records.add(filled).write(lode_bytes::of(bytes));
                filled += 1;
            }
            count.set(filled);
            Ok(if filled > 0 { LODE_ITEM } else { LODE_OK })
        })
    }
}

impl Call {
    /// Whether records can be put there.
    fn places(&self, records: *const lode_bytes, capacity: usize) -> Result<()> {
        if capacity == 0 {
            return Err(self.invalid("capacity is 0: there must be room for a record"));
        }
        match slice_fault(records, capacity) {
            Some(fault) => Err(self.invalid(format_args!("records (room for {capacity}) {fault}"))),
            None => Ok(()),
        }
    }
}

/// Frees a reader and the records that it gave out.
///
/// @param reader the reader; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_reader_free(reader: *mut lode_record_reader) {
    // SAFETY: NULL or a reader of the caller's, as lode.h asks.
    unsafe { handle::free(reader) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::zeroed;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use lode_core::error::Status;
    use std::ptr;

    const CALL: Call = Call { function: "lode_test" };

    #[test]
    fn verify_is_one_of_three() {
        for (number, expected) in [(0, Verify::Streaming), (1, Verify::First), (2, Verify::SizeOnly)] {
            let options = lode_read_options { verify: number, ..zeroed() };
            // SAFETY: no token.
            assert_eq!(unsafe { CALL.read_options(&options) }.unwrap().verify, expected);
        }
        let options = lode_read_options { verify: 3, ..zeroed() };
        // SAFETY: no token.
        let error = unsafe { CALL.read_options(&options) }.unwrap_err();
        assert!(error.message().contains("options.verify is 3"), "{error}");
    }

    #[test]
    fn there_must_be_room_for_records() {
        let mut place = lode_bytes::EMPTY;
        let cases: &[(*mut lode_bytes, usize, &str)] = &[
            (&raw mut place, 0, "capacity is 0"),
            (ptr::null_mut(), 1, "records (room for 1) is NULL"),
            (&raw mut place, usize::MAX, "PTRDIFF_MAX"),
        ];
        for &(records, capacity, expected) in cases {
            let error = CALL.places(records, capacity).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(expected), "{error}");
        }
        CALL.places(&raw mut place, 1).unwrap();
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let mut reader = ptr::dangling_mut();
        let mut record = lode_bytes { data: ptr::dangling(), len: 5 };
        let mut count = 5usize;
        let null = ptr::null_mut();
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_dataset_open_record_reader(
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null(),
                    &raw mut reader,
                    ptr::null_mut(),
                ),
                lode_record_reader_next(null, &raw mut record, ptr::null_mut()),
                lode_record_reader_next_batch(null, ptr::null_mut(), 0, &raw mut count, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 3]);
            lode_record_reader_free(null);
        }
        assert_eq!((reader, record, count), (ptr::null_mut(), lode_bytes::EMPTY, 0));
    }
}

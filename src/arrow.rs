//! Arrow in and out, by the structs of the Arrow C data interface and C stream interface.

#[cfg(feature = "parquet")]
mod check;
#[cfg(feature = "parquet")]
mod export;
#[cfg(feature = "parquet")]
mod import;

use std::ffi::{c_char, c_int, c_void};

use crate::arguments::Out;
#[cfg(not(feature = "parquet"))]
use crate::call::Call;
use crate::call::run;
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::record_reader::lode_read_options;
use crate::record_writer::lode_record_writer;
use crate::snapshot::lode_snapshot;
use crate::status::lode_status;
#[cfg(not(feature = "parquet"))]
use lode_core::error::{Error, Status};

/// A type, or a schema of columns, as the Arrow C data interface lays it out.
#[repr(C)]
pub struct ArrowSchema {
    pub format: *const c_char,
    pub name: *const c_char,
    pub metadata: *const c_char,
    pub flags: i64,
    pub n_children: i64,
    pub children: *mut *mut ArrowSchema,
    pub dictionary: *mut ArrowSchema,
    pub release: Option<unsafe extern "C" fn(*mut ArrowSchema)>,
    pub private_data: *mut c_void,
}

/// An array of values, as the Arrow C data interface lays it out.
#[repr(C)]
pub struct ArrowArray {
    pub length: i64,
    pub null_count: i64,
    pub offset: i64,
    pub n_buffers: i64,
    pub n_children: i64,
    pub buffers: *mut *const c_void,
    pub children: *mut *mut ArrowArray,
    pub dictionary: *mut ArrowArray,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArray)>,
    pub private_data: *mut c_void,
}

/// A stream of arrays, as the Arrow C stream interface lays it out.
#[repr(C)]
pub struct ArrowArrayStream {
    pub get_schema: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowSchema) -> c_int>,
    pub get_next: Option<unsafe extern "C" fn(*mut ArrowArrayStream, *mut ArrowArray) -> c_int>,
    pub get_last_error: Option<unsafe extern "C" fn(*mut ArrowArrayStream) -> *const c_char>,
    pub release: Option<unsafe extern "C" fn(*mut ArrowArrayStream)>,
    pub private_data: *mut c_void,
}

/// A struct of the caller's that is moved out of its place: its drop is the one call of its `release`.
struct Moved<T: Released>(T);

/// A struct with a `release` of its own.
trait Released: Sized {
    /// # Safety
    /// The struct is whole, and was not released.
    unsafe fn release(&mut self);

    /// Marks a struct whose content was moved elsewhere.
    fn mark_released(&mut self);
}

macro_rules! released {
    ($($type:ident),+) => {
        $(impl Released for $type {
            unsafe fn release(&mut self) {
                if let Some(release) = self.release {
                    // SAFETY: the producer gave the function with the struct; it marks the struct as
                    // released.
                    crate::panic::outside(|| unsafe { release(self) });
                }
            }

            fn mark_released(&mut self) {
                self.release = None;
            }
        })+
    };
}

released!(ArrowArray, ArrowArrayStream);

impl<T: Released> Moved<T> {
    /// Moves the struct out: its place is marked as released. `None`: the place is NULL or not aligned.
    ///
    /// # Safety
    /// `place` is NULL or may be read and written.
    unsafe fn out_of(place: *mut T) -> Option<Self> {
        if place.is_null() || !place.is_aligned() {
            return None;
        }
        // SAFETY: not NULL and aligned; as asked of the caller. What was read is owned here, since its place
        // says from now on that it was released.
        unsafe {
            let moved = place.read();
            (*place).mark_released();
            Some(Moved(moved))
        }
    }
}

impl<T: Released> Drop for Moved<T> {
    fn drop(&mut self) {
        // SAFETY: moved here whole, and this is its end.
        unsafe { self.0.release() }
    }
}

#[cfg(not(feature = "parquet"))]
impl Call {
    #[cold]
    fn no_arrow(&self) -> Error {
        self.fault(Status::Unsupported, "this build of lode has no Arrow (feature \"parquet\")")
    }
}

/// Pulls all rows of an Arrow stream and commits them as one new snapshot: either all of them and a manifest,
/// or nothing. One array of the stream is in memory at a time, beside the row group that is being gathered.
/// Blocks until the commit is decided or has failed.
///
/// Columns are found by name: those of the dataset's schema, or, if it has none, those of the stream. A
/// column that is missing, or whose type the schema's does not take, is refused before the first array is
/// pulled; further columns are ignored. Int32 takes narrower whole numbers, int64 also those of 32 bits,
/// float64 takes float32, and strings and bytes come with offsets of 32 or 64 bits, as views or as
/// dictionaries; timestamps of any unit must have a zone. A dataset of JSON lines takes a stream, too: each
/// row becomes an object with the schema's fields. A partitioned dataset takes one if it was opened with
/// `partition_streaming`: each array is split by the values of its key columns, whose texts in a path are
/// those of records.
///
/// Checked of every array: lengths and offsets, UTF-8, nulls where the schema has none, the range of
/// timestamps. How large a buffer really is cannot be seen through this interface: that they hold what
/// lengths and offsets say is the producer's word.
///
/// @param dataset the dataset. Not NULL.
/// @param stream the stream, an initialised ArrowArrayStream. It is moved out: its `release` is NULL when the
///        call returns, with any outcome, and was called exactly once. Not NULL.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
///        at most 128 levels, the object itself included.
/// @param options deadline, cancel token, progress, expected parent, exactly-once key. Borrowed for the call.
///        NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
///         LODE_ALREADY_COMMITTED: by the same key before; nothing was written. LODE_ERR_NIL_ITERATOR (the
///         stream is NULL, was released, or lacks a callback), LODE_ERR_ITERATOR (it failed:
///         lode_error_callback_code has its errno, the message its text), LODE_ERR_ITERATOR_CONTRACT (an
///         array that cannot be), LODE_ERR_ARROW_TYPE (names field and format), LODE_ERR_SCHEMA_VIOLATION (a
///         value that does not fit, naming field and row), LODE_ERR_INVALID_RECORD (a row that belongs to no
///         partition, naming row and key), LODE_ERR_UNSUPPORTED (a build without the feature "parquet");
///         otherwise as lode_dataset_stream_write_records.
///
/// Any thread; the stream's callbacks come on it. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stream_write_arrow(
    dataset: *mut lode_dataset,
    stream: *mut ArrowArrayStream,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_stream_write_arrow", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // First of all, so that it is released even if the dataset is NULL.
            let stream = Moved::out_of(stream);
            #[cfg(feature = "parquet")]
            {
                let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
                let stream = stream.ok_or_else(|| call.no_stream("is NULL or not aligned"))?;
                let mut batches = import::CallerBatches::new(call, stream)?;
                call.commit(metadata_json, options, &snapshot, |metadata, options| {
                    dataset.stream_write_arrow(&mut batches, metadata, options)
                })
            }
            #[cfg(not(feature = "parquet"))]
            {
                let _ = (dataset, stream, metadata_json, options, snapshot);
                Err(call.no_arrow())
            }
        })
    }
}

/// Adds the rows of an Arrow array of structs, of which each field is a column. What is checked, and how
/// columns are found, is told at lode_dataset_stream_write_arrow; the dataset must have been opened with a
/// schema. Never syncs, and never waits for another writer.
///
/// @param writer the writer. Not NULL.
/// @param array the rows, an initialised ArrowArray. It is moved out: its `release` is NULL when the call
///        returns, with any outcome, and was called exactly once. Not NULL.
/// @param schema the array's type, an initialised ArrowSchema; borrowed for the call and never released by
///        it. Not NULL.
/// @param taken output, also on failure: how many rows are in. 0 if the call fails with
///        LODE_ERR_SCHEMA_VIOLATION, LODE_ERR_INVALID_RECORD or before. After LODE_ERR_NO_SPACE in a
///        partitioned dataset all rows may be in: the writer holds those that are not in their files yet. Not
///        NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: all rows are in. LODE_ERR_SCHEMA_VIOLATION, LODE_ERR_INVALID_RECORD (a row that belongs
///         to no partition), LODE_ERR_ARROW_TYPE, LODE_ERR_ITERATOR_CONTRACT, LODE_ERR_NO_SPACE: the writer
///         stays usable. LODE_ERR_SCHEMA_REQUIRED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_STATE, LODE_ERR_IO,
///         LODE_ERR_NO_MEMORY, LODE_ERR_UNSUPPORTED (a build without the feature "parquet").
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append_arrow(
    writer: *mut lode_record_writer,
    array: *mut ArrowArray,
    schema: *const ArrowSchema,
    taken: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append_arrow", error, |call| {
            let taken = Out::reset(taken, 0);
            let array = Moved::out_of(array);
            #[cfg(feature = "parquet")]
            {
                let mut writer = call.exclusive(writer, "writer")?;
                let array = array.ok_or_else(|| call.invalid("array is NULL or not aligned"))?;
                let schema = call.arrow_schema(schema, "schema")?;
                let taken = taken.required(call, "taken")?;
                let batch = import::batch(array, &schema).map_err(|what| call.broken_array(&what))?;
                let (rows, outcome) = writer.append_arrow(&batch);
                taken.set(rows);
                outcome.map(|()| crate::status::LODE_OK)
            }
            #[cfg(not(feature = "parquet"))]
            {
                let _ = (writer, array, schema, taken);
                Err(call.no_arrow())
            }
        })
    }
}

/// Begins to read a snapshot as an Arrow stream: all columns, or those that the options name, in batches. Of
/// a snapshot of JSON lines the columns are those of the dataset's schema. Opens the first file.
///
/// Row groups of a Parquet file in which, by its statistics, no row can satisfy the options' comparisons are
/// left out. Rows are not filtered: those that come may satisfy the comparisons or not. In memory are one row
/// group's pages as they are read, and one batch.
///
/// The stream's calls fail with EIO, or with ECANCELED after a deadline or a cancel token, and its
/// `get_last_error` begins with the status, as in "CORRUPT: …"; a failure stays. With LODE_VERIFY_STREAMING
/// the verdict on a file's checksum comes with its end.
///
/// @param dataset the dataset that the snapshot belongs to; the stream keeps its own hold of it. Not NULL.
/// @param snapshot the snapshot; the stream keeps its own hold of it. Not NULL.
/// @param options deadline of each call, cancel token, what to verify, columns, rows of a batch, comparisons.
///        Borrowed for the call, but for the token, which the stream keeps its own hold of. NULL: the
///        defaults.
/// @param stream output: a place for a stream, which is written over without releasing what was there. The
///        caller owns the stream and releases it by its `release`, on any thread. Not written if the call
///        fails. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also for a column that is not there), LODE_ERR_CODEC_REQUIRED
///         (a raw blob), LODE_ERR_SCHEMA_REQUIRED (JSON lines, and the dataset has no schema),
///         LODE_ERR_ARROW_TYPE (a column of a type that is not portable, in a dataset of
///         LODE_SCHEMA_PORTABLE), LODE_ERR_INVALID_FORMAT (no Parquet file, or a damaged one),
///         LODE_ERR_CORRUPT, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_IO, LODE_ERR_NO_MEMORY,
///         LODE_ERR_UNSUPPORTED (also: a build without the feature "parquet").
///
/// Any thread; the stream belongs to one at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_read_arrow(
    dataset: *mut lode_dataset,
    snapshot: *const lode_snapshot,
    options: *const lode_read_options,
    stream: *mut ArrowArrayStream,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_read_arrow", error, |call| {
            #[cfg(feature = "parquet")]
            {
                let dataset = call.shared(dataset.cast_const(), "dataset")?;
                let snapshot = call.shared(snapshot, "snapshot")?;
                let options = call.options(options, "options")?;
                let options = call.arrow_read_options(&options)?;
                if stream.is_null() || !stream.is_aligned() {
                    return Err(call.invalid("stream is NULL or not aligned"));
                }
                stream.write(export::stream(dataset.read_arrow(&snapshot.snapshot, options)?));
                Ok(crate::status::LODE_OK)
            }
            #[cfg(not(feature = "parquet"))]
            {
                let _ = (dataset, snapshot, options, stream);
                Err(call.no_arrow())
            }
        })
    }
}

//! `lode_dataset`: opening it, and resolving commits in doubt. Its writing and reading are in
//! `record_iterator`, `byte_source`, the writers, `snapshot_iterator` and the readers.

mod adopt;
mod columns;
mod producer;
mod threads;
mod write_blob;
mod write_records;

pub use adopt::*;
pub use producer::*;
pub use write_blob::*;
pub use write_records::*;

use std::ffi::{c_char, c_void};
use std::time::Duration;

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::history;
use crate::options::{Versioned, init, lode_call_options};
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use crate::store::lode_store;
use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::Retry;
use lode_core::dataset::{Dataset, DatasetOptions};
use lode_core::error::{Error, Result};
use lode_core::layout::Layout;
use lode_core::store::Durability;

/// No codec: a dataset of raw blobs. The record calls answer LODE_ERR_CODEC_REQUIRED.
pub const LODE_CODEC_NONE: i32 = 0;
/// One JSON document a line.
pub const LODE_CODEC_JSONL: i32 = 1;
/// Apache Parquet; feature "parquet".
pub const LODE_CODEC_PARQUET: i32 = 2;
/// No compression.
pub const LODE_COMPRESSOR_NONE: i32 = 0;
/// gzip (RFC 1952).
pub const LODE_COMPRESSOR_GZIP: i32 = 1;
/// Zstandard (RFC 8878).
pub const LODE_COMPRESSOR_ZSTD: i32 = 2;
/// Every snapshot's files in its own directory, not partitioned.
pub const LODE_LAYOUT_DEFAULT: i32 = 0;
/// Partitioned by keys of the records (`partition_keys`). Written by lode_dataset_write_records, and one
/// record after another if `partition_streaming` is set.
pub const LODE_LAYOUT_HIVE: i32 = 1;
/// The shortest paths, whose datasets cannot be listed; not partitioned.
pub const LODE_LAYOUT_FLAT: i32 = 2;
/// XXH3, 64 bits: fast, finds damage.
pub const LODE_CHECKSUM_XXH3: i32 = 0;
/// No checksum.
pub const LODE_CHECKSUM_NONE: i32 = 1;
/// MD5, which the Go library of this format writes.
pub const LODE_CHECKSUM_MD5: i32 = 2;
/// SHA-256: finds tampering, too, if the manifest is trusted.
pub const LODE_CHECKSUM_SHA256: i32 = 3;
/// Columns have the types that every reader of the format knows, the Go library included.
pub const LODE_SCHEMA_PORTABLE: i32 = 0;
/// Columns may have any Arrow type that Parquet stores, nested ones too: DuckDB, Polars and PyArrow read such
/// snapshots, the Go library cannot. Records have the portable types, and lists and structs of them.
pub const LODE_SCHEMA_ARROW: i32 = 1;
/// Pages of a Parquet file are compressed with Snappy, as the Go library does it.
pub const LODE_PARQUET_SNAPPY: i32 = 0;
/// Pages of a Parquet file are not compressed.
pub const LODE_PARQUET_UNCOMPRESSED: i32 = 1;
/// Pages of a Parquet file are compressed with Zstandard, level 3.
pub const LODE_PARQUET_ZSTD: i32 = 2;
/// A commit that returned survives a power cut.
pub const LODE_DURABILITY_FULL: i32 = 0;
/// A commit that returned survives a killed process, not a power cut: nothing is synced.
pub const LODE_DURABILITY_PROCESS: i32 = 1;

/// A dataset: a chain of immutable snapshots in a store. Threads may share it. Snapshots, writers, readers
/// and iterators made from it keep what they need of it: it may be freed before them.
pub struct lode_dataset {
    _opaque: [u8; 0],
}

impl Handle for lode_dataset {
    type Value = Dataset;
    const NAME: &'static str = "lode_dataset";
    const TAG: u32 = u32::from_le_bytes(*b"Ldat");
}

impl Shared for lode_dataset {}

/// How a dataset is written. What is read follows each snapshot's own manifest. All zero but `struct_size`:
/// no codec, no compression, checksum XXH3, the default layout, full durability.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_dataset_options {
    /// sizeof(lode_dataset_options), as the caller was compiled.
    pub struct_size: usize,
    /// One of LODE_CODEC_*.
    pub codec: i32,
    /// One of LODE_COMPRESSOR_*.
    pub compressor: i32,
    /// The compressor's level: 1 to 9 for gzip, up to 22 for Zstandard, where levels below 0 are faster
    /// still. 0: the compressor's default (6, 3). Up to Zstandard's level 4, 4 MiB are gathered and then
    /// compressed at once, else 256 KiB.
    pub compression_level: i32,
    /// One of LODE_CHECKSUM_*.
    pub checksum: i32,
    /// One of LODE_LAYOUT_*.
    pub layout: i32,
    /// One of LODE_DURABILITY_*.
    pub durability: i32,
    /// Whether the manifest tells of each file its records and, of each key at the top of its records, the
    /// least and greatest value (of numbers, strings or booleans) and how many are null or missing. Of the
    /// first 100 keys; a key whose values are of several kinds, or whose least or greatest is over 64 bytes
    /// long, has neither. 0: no, 1: yes.
    pub file_statistics: i32,
    /// How often one request is tried while it meets other writers or passing failures, and how often a
    /// writer of the Go library in the middle of a commit is waited for, before LODE_ERR_BUSY. 0: a few
    /// times. A race lost to another writer of this library does not count: the commit is made again on top
    /// of that one's.
    pub retry_attempts: i32,
    /// Milliseconds before the second try; the pauses double and are jittered. 0: a few.
    pub retry_base_ms: i32,
    /// The longest pause, in milliseconds. 0: half a second.
    pub retry_cap_ms: i32,
    /// The longest record accepted, in bytes, its line break not counted. 0: the longest that every reader of
    /// the format takes, about 10 MiB.
    pub max_record_bytes: i64,
    /// The keys of the records to partition by, in the order of the paths `key=value/key=value`;
    /// `partition_key_count` of them, NUL-terminated UTF-8, borrowed for the call. For LODE_LAYOUT_HIVE at
    /// least one; NULL for the others.
    pub partition_keys: *const *const c_char,
    /// How many partition keys.
    pub partition_key_count: usize,
    /// For LODE_LAYOUT_HIVE: whether records that come one after another (lode_dataset_stream_write_records,
    /// a lode_record_writer, staging) go into their partitions as they come, each into a file that stays
    /// open. 0: no, such calls answer LODE_ERR_PARTITIONING_NOT_SUPPORTED and lode_dataset_write_records
    /// alone writes; 1: yes. The append that needs one file more than `max_open_partitions` syncs the file
    /// that was used least recently.
    pub partition_streaming: i32,
    /// How many partitions have an open file at a time; each takes two descriptors, and memory: without
    /// compression 0.4 MiB, with gzip 1 MiB, with Zstandard at level 3 up to 5 MiB; with several threads up
    /// to 1.5 MiB more. 0: 64. If there are more partitions, those that are used least recently are finished,
    /// and get a further file when their next record comes.
    pub max_open_partitions: i32,
    /// How many threads work on what is written by one writer or call of this handle, pushed, pulled, in
    /// partitions or as a part: the calling thread and `threads` - 1 others. 0 and 1: the calling thread
    /// alone, and no thread is started. They compress, compute the checksum, and check the records of JSON
    /// lines that one call writes, pulled or given as an array, without partitions and `file_statistics`;
    /// some records more may have been pulled when a bad one is found. Records that are pushed are checked
    /// before the call returns, by its thread. Records keep their order; each 2 MiB of them become a frame or
    /// member of their own. Memory grows by up to 16 MiB a thread, half of that where records become small.
    pub threads: i32,
    /// Gives the other threads: has `task` called with `arg` exactly once, on another thread, now or later,
    /// and answers 0. Any other answer: `task` will not be called, and the calling thread does the work.
    /// Called on the thread that writes. A task never waits for another, and one that is called late finds
    /// nothing to do; it may be called after the writer, the dataset and the store were freed. NULL: the
    /// library starts threads, each of which ends with its task.
    pub spawn: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            task: Option<unsafe extern "C" fn(arg: *mut c_void)>,
            arg: *mut c_void,
        ) -> i32,
    >,
    /// Handed to `spawn`. Borrowed until the dataset and all that was made from it are freed.
    pub spawn_ctx: *mut c_void,
    /// The columns of the records, as a JSON object: `{"fields": [{"name": "id", "type": "int64"}, …]}`, in
    /// which a field may also have `"nullable": true` and, of type bytes, `"json": "text"` or `"base64"`.
    /// Types: int32, int64, float32, float64, string, bool, bytes, timestamp. NUL-terminated UTF-8, borrowed
    /// for the call. With LODE_CODEC_PARQUET a write needs it or `arrow_schema`; with LODE_CODEC_JSONL it
    /// says how rows of Arrow arrays become objects, and how records are read as columns. NULL: none.
    pub schema_json: *const c_char,
    /// The same as an Arrow schema, a struct of columns, of whatever types `schema_types` allows. Borrowed for the call, never released by it. NULL:
    /// none; not together with `schema_json`.
    pub arrow_schema: *const crate::arrow::ArrowSchema,
    /// A row group of a Parquet file ends when its encoded columns have so many bytes, or with 1,048,576
    /// rows: 1 MiB to 1 GiB. Memory for writing is some 20 MiB more. 0: 32 MiB.
    pub row_group_bytes: i64,
    /// One of LODE_SCHEMA_*.
    pub schema_types: i32,
    /// One of LODE_PARQUET_*: how the pages of a Parquet file are compressed.
    pub parquet_compression: i32,
    /// A data file that has taken so many bytes of records, as they were given, is ended, and the following
    /// records go into another; the files keep the order of the records. What was gathered is divided no
    /// further: 256 KiB, 4 MiB with Zstandard up to level 4, 2 MiB with several threads, a row group with
    /// Parquet. The append that ends the fifth file, or a later one, syncs one of those before. Not for
    /// blobs, nor for LODE_LAYOUT_HIVE, which divides records by their keys. 0: all records of a commit go
    /// into one data file.
    pub target_file_bytes: i64,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_dataset_options {
    const NAME: &'static str = "lode_dataset_options";
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, partition_keys);
}

impl Call {
    #[cold]
    pub(super) fn out_of_range(&self, field: &str, value: impl std::fmt::Display, expected: &str) -> Error {
        self.invalid(format_args!("options.{field} is {value}, expected {expected}"))
    }

    #[cfg(not(feature = "parquet"))]
    #[cold]
    fn not_in_this_build(&self, field: &str, what: &str) -> Error {
        self.fault(
            lode_core::error::Status::Unsupported,
            format_args!("options.{field}: this build of lode has no {what}"),
        )
    }

    /// The checksum of options.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field.
    pub(super) fn checksum(&self, value: i32) -> Result<Checksum> {
        match value {
            LODE_CHECKSUM_XXH3 => Ok(Checksum::Xxh3),
            LODE_CHECKSUM_NONE => Ok(Checksum::None),
            LODE_CHECKSUM_MD5 => Ok(Checksum::Md5),
            LODE_CHECKSUM_SHA256 => Ok(Checksum::Sha256),
            other => Err(self.out_of_range("checksum", other, "one of LODE_CHECKSUM_* (0 to 3)")),
        }
    }

    /// The durability of options.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field.
    pub(super) fn durability(&self, value: i32) -> Result<Durability> {
        match value {
            LODE_DURABILITY_FULL => Ok(Durability::Full),
            LODE_DURABILITY_PROCESS => Ok(Durability::Process),
            other => Err(self.out_of_range("durability", other, "one of LODE_DURABILITY_* (0 or 1)")),
        }
    }

    /// A field of options that is a question.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the field.
    pub(super) fn yes_or_no(&self, field: &str, value: i32) -> Result<bool> {
        match value {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(self.out_of_range(field, other, "0 (no) or 1 (yes)")),
        }
    }

    /// A count; `None`: the default.
    pub(super) fn count(&self, field: &str, value: i32) -> Result<Option<u32>> {
        match u32::try_from(value) {
            Ok(0) => Ok(None),
            Ok(count) => Ok(Some(count)),
            Err(_) => Err(self.out_of_range(field, value, "0 (the default) or more")),
        }
    }

    /// The keys to partition by.
    ///
    /// # Safety
    /// `options.partition_keys` is NULL or `options.partition_key_count` pointers, each NULL or
    /// NUL-terminated.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the key's number.
    unsafe fn partition_keys(&self, options: &lode_dataset_options) -> Result<Vec<String>> {
        // SAFETY: as asked of the caller.
        let keys = unsafe {
            self.array(options.partition_keys, options.partition_key_count, "options.partition_keys")?
        };
        let text = |(number, key): (usize, &*const c_char)| {
            // SAFETY: as asked of the caller.
            unsafe { self.text(*key, &format!("options.partition_keys[{number}]")) }.map(str::to_owned)
        };
        keys.iter().enumerate().map(text).collect()
    }

    /// How a dataset is to be written.
    ///
    /// # Safety
    /// What `options` points to is as lode.h describes it.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    unsafe fn dataset_options(&self, options: &lode_dataset_options) -> Result<DatasetOptions> {
        let codec = match options.codec {
            LODE_CODEC_NONE => Codec::None,
            LODE_CODEC_JSONL => Codec::Jsonl,
            #[cfg(feature = "parquet")]
            LODE_CODEC_PARQUET => Codec::Parquet,
            #[cfg(not(feature = "parquet"))]
            LODE_CODEC_PARQUET => {
                return Err(self.not_in_this_build("codec", "LODE_CODEC_PARQUET (feature \"parquet\")"));
            }
            other => return Err(self.out_of_range("codec", other, "one of LODE_CODEC_* (0 to 2)")),
        };
        let compressor = match options.compressor {
            LODE_COMPRESSOR_NONE => Compressor::None,
            LODE_COMPRESSOR_GZIP => Compressor::Gzip,
            LODE_COMPRESSOR_ZSTD => Compressor::Zstd,
            other => {
                return Err(self.out_of_range("compressor", other, "one of LODE_COMPRESSOR_* (0 to 2)"));
            }
        };
        let checksum = self.checksum(options.checksum)?;
        let layout = match options.layout {
            LODE_LAYOUT_DEFAULT => Layout::Default,
            LODE_LAYOUT_HIVE => Layout::Hive,
            LODE_LAYOUT_FLAT => Layout::Flat,
            other => return Err(self.out_of_range("layout", other, "one of LODE_LAYOUT_* (0 to 2)")),
        };
        // SAFETY: as asked of the caller.
        let partition_keys = unsafe { self.partition_keys(options)? };
        let durability = self.durability(options.durability)?;
        let file_statistics = self.yes_or_no("file_statistics", options.file_statistics)?;
        let defaults = DatasetOptions::default();
        let milliseconds = |ms: u32| Duration::from_millis(ms.into());
        let retry = Retry {
            attempts: self
                .count("retry_attempts", options.retry_attempts)?
                .unwrap_or(defaults.retry.attempts),
            base: self
                .count("retry_base_ms", options.retry_base_ms)?
                .map_or(defaults.retry.base, milliseconds),
            cap: self.count("retry_cap_ms", options.retry_cap_ms)?.map_or(defaults.retry.cap, milliseconds),
        };
        let bytes = |field: &str, value: i64| {
            let expected = "0 (the default) or more";
            u64::try_from(value).map_err(|_| self.out_of_range(field, value, expected))
        };
        let max_record_bytes = match bytes("max_record_bytes", options.max_record_bytes)? {
            0 => defaults.max_record_bytes,
            bytes => bytes,
        };
        // SAFETY: as asked of the caller.
        #[cfg(feature = "parquet")]
        let columns = unsafe { self.column_options(options)? };
        #[cfg(not(feature = "parquet"))]
        self.no_column_options(options)?;
        Ok(DatasetOptions {
            codec,
            compressor,
            compression_level: options.compression_level,
            checksum,
            layout,
            partition_keys,
            partition_streaming: self.yes_or_no("partition_streaming", options.partition_streaming)?,
            max_open_partitions: self
                .count("max_open_partitions", options.max_open_partitions)?
                .unwrap_or_default(),
            target_file_bytes: bytes("target_file_bytes", options.target_file_bytes)?,
            file_statistics,
            threads: self.threads(options)?,
            durability,
            retry,
            max_record_bytes,
            #[cfg(feature = "parquet")]
            columns,
        })
    }
}

/// Fills the options with the defaults: no codec, no compression, checksum XXH3, the default layout, full
/// durability.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_dataset_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_options_init(options: *mut lode_dataset_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Opens a dataset. Does no I/O: a dataset need not be created, its first commit makes it.
///
/// @param store the store; the dataset keeps its own hold of it. Not NULL.
/// @param dataset_id the dataset's id: one path segment of at most 255 bytes, without '/' and control
///        characters, not "." or ".."; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param options how it is written. Borrowed for the call. NULL: the defaults, which have no codec: enough
///        to read.
/// @param dataset output: the dataset, which the caller owns and frees with lode_dataset_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (the message names the field and its value, or the partition
///         key that cannot stand in a path), LODE_ERR_CODEC_REQUIRED (the hive layout without a codec),
///         LODE_ERR_SCHEMA_INVALID and LODE_ERR_ARROW_TYPE (the schema; the message names the field),
///         LODE_ERR_UNSUPPORTED (a codec or setting that this build lacks, or Parquet with a compressor),
///         LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open(
    store: *mut lode_store,
    dataset_id: *const c_char,
    options: *const lode_dataset_options,
    dataset: *mut *mut lode_dataset,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open", error, |call| {
            let dataset = Out::reset(dataset, std::ptr::null_mut());
            let store = call.shared(store.cast_const(), "store")?;
            let id = call.text(dataset_id, "dataset_id")?;
            let options = call.options(options, "options")?;
            let options = call.dataset_options(&options)?;
            let dataset = dataset.required(call, "dataset")?;
            dataset.set(handle::give(Dataset::open(store, id, options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Frees the caller's handle of a dataset. What was made from it goes on working.
///
/// @param dataset the dataset; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_free(dataset: *mut lode_dataset) {
    // SAFETY: NULL or a dataset of the caller's, as lode.h asks.
    unsafe { handle::free(dataset) }
}

/// Resolves a commit that ended in LODE_ERR_COMMIT_UNKNOWN, in this process or an earlier one: finds that it
/// happened, or makes certain that it cannot any more.
///
/// @param dataset the dataset. Not NULL.
/// @param snapshot_id the snapshot in doubt, from lode_error_snapshot_id; NUL-terminated UTF-8, borrowed for
///        the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, if it is committed, which the caller owns and frees with
///        lode_snapshot_free; else NULL. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: it is committed. LODE_NOT_COMMITTED: it is not, and never will be.
///         LODE_ERR_COMMIT_UNKNOWN: still in doubt, ask again. LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY,
///         LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT (no writer of this
///         library made that id), LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT, LODE_ERR_IO,
///         LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_resolve_commit(
    dataset: *mut lode_dataset,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::resolve_commit("lode_dataset_resolve_commit", dataset, snapshot_id, call, snapshot, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{lode_error_free, lode_error_message, lode_error_status};
    use crate::options::zeroed;
    use crate::status::{LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED};
    use crate::store::{lode_store_free, lode_store_open_memory};
    use lode_core::error::Status;
    use std::ffi::CStr;
    use std::ptr;

    const CALL: Call = Call { function: "lode_test" };

    /// The room of a pointer that is NULL.
    static NO_TEXT: usize = 0;

    fn options() -> lode_dataset_options {
        lode_dataset_options { struct_size: size_of::<lode_dataset_options>(), ..zeroed() }
    }

    fn decode(given: &lode_dataset_options) -> Result<DatasetOptions> {
        // SAFETY: the tests give NULL, or arrays of texts that live.
        unsafe { CALL.dataset_options(given) }
    }

    #[test]
    fn zeros_are_the_defaults() {
        let decoded = decode(&options()).unwrap();
        let defaults = DatasetOptions::default();
        assert_eq!(format!("{decoded:?}"), format!("{defaults:?}"));
        assert_eq!(decoded.codec, Codec::None);
        assert_eq!(decoded.checksum, Checksum::Xxh3);
        assert_eq!(decoded.durability, Durability::Full);
    }

    #[test]
    fn every_field_is_taken() {
        let keys = [c"day".as_ptr(), c"region".as_ptr()];
        let decoded = decode(&lode_dataset_options {
            codec: LODE_CODEC_JSONL,
            compressor: LODE_COMPRESSOR_ZSTD,
            compression_level: 7,
            checksum: LODE_CHECKSUM_SHA256,
            durability: LODE_DURABILITY_PROCESS,
            retry_attempts: 3,
            retry_base_ms: 4,
            retry_cap_ms: 5,
            max_record_bytes: 6,
            layout: LODE_LAYOUT_HIVE,
            file_statistics: 1,
            partition_keys: keys.as_ptr(),
            partition_key_count: 2,
            ..options()
        })
        .unwrap();
        assert_eq!((decoded.layout, decoded.file_statistics), (Layout::Hive, true));
        assert_eq!(decoded.partition_keys, ["day", "region"]);
        assert_eq!((decoded.codec, decoded.compressor), (Codec::Jsonl, Compressor::Zstd));
        assert_eq!((decoded.compression_level, decoded.max_record_bytes), (7, 6));
        assert_eq!((decoded.checksum, decoded.durability), (Checksum::Sha256, Durability::Process));
        let (base, cap) = (Duration::from_millis(4), Duration::from_millis(5));
        assert_eq!(decoded.retry, Retry { attempts: 3, base, cap });
        for (number, checksum) in [(LODE_CHECKSUM_NONE, Checksum::None), (LODE_CHECKSUM_MD5, Checksum::Md5)] {
            let given = lode_dataset_options { checksum: number, ..options() };
            assert_eq!(decode(&given).unwrap().checksum, checksum);
        }
        let given = lode_dataset_options { compressor: LODE_COMPRESSOR_GZIP, ..options() };
        assert_eq!(decode(&given).unwrap().compressor, Compressor::Gzip);
    }

    #[test]
    fn what_cannot_be_served_is_named() {
        type Spoil = fn(&mut lode_dataset_options);
        let cases: &[(Spoil, Status, &str)] = &[
            (|o| o.codec = 3, Status::InvalidArgument, "options.codec is 3"),
            (|o| o.codec = -1, Status::InvalidArgument, "options.codec is -1"),
            #[cfg(not(feature = "parquet"))]
            (|o| o.codec = LODE_CODEC_PARQUET, Status::Unsupported, "LODE_CODEC_PARQUET"),
            (|o| o.compressor = 3, Status::InvalidArgument, "options.compressor is 3"),
            (|o| o.checksum = 4, Status::InvalidArgument, "options.checksum is 4"),
            (
                |o| o.partition_key_count = 1,
                Status::InvalidArgument,
                "options.partition_keys (length 1) is NULL",
            ),
            (
                |o| {
                    o.partition_keys = (&raw const NO_TEXT).cast();
                    o.partition_key_count = 1;
                },
                Status::InvalidArgument,
                "options.partition_keys[0] is NULL",
            ),
            (|o| o.layout = 9, Status::InvalidArgument, "options.layout is 9"),
            (|o| o.durability = 2, Status::InvalidArgument, "options.durability is 2"),
            (|o| o.file_statistics = 2, Status::InvalidArgument, "options.file_statistics is 2"),
            (|o| o.file_statistics = -1, Status::InvalidArgument, "options.file_statistics is -1"),
            (|o| o.retry_attempts = -2, Status::InvalidArgument, "options.retry_attempts is -2"),
            (|o| o.retry_base_ms = -3, Status::InvalidArgument, "options.retry_base_ms is -3"),
            (|o| o.retry_cap_ms = i32::MIN, Status::InvalidArgument, "options.retry_cap_ms is -2147483648"),
            (|o| o.max_record_bytes = -5, Status::InvalidArgument, "options.max_record_bytes is -5"),
        ];
        for (spoil, status, expected) in cases {
            let mut given = options();
            spoil(&mut given);
            let error = decode(&given).unwrap_err();
            assert_eq!(error.status(), *status, "{error}");
            assert!(error.message().starts_with("lode_test: options."), "{error}");
            assert!(error.message().contains(expected), "{error}");
        }
    }

    #[test]
    fn opening_checks_its_arguments_in_order_and_names_them() {
        let mut store = ptr::null_mut();
        // SAFETY: the output may be written.
        assert_eq!(unsafe { lode_store_open_memory(ptr::null(), &raw mut store, ptr::null_mut()) }, LODE_OK);
        let parquet =
            lode_dataset_options { codec: LODE_CODEC_PARQUET, compressor: LODE_COMPRESSOR_GZIP, ..options() };
        let refused = if cfg!(feature = "parquet") { "no compressor" } else { "LODE_CODEC_PARQUET" };
        let small = lode_dataset_options { struct_size: 8, ..options() };
        let (events, none) = (c"events".as_ptr(), ptr::null());
        let cases: &[(*mut lode_store, *const c_char, *const lode_dataset_options, lode_status, &str)] = &[
            (ptr::null_mut(), none, none.cast(), LODE_ERR_INVALID_ARGUMENT, "store (a lode_store) is NULL"),
            (store, none, none.cast(), LODE_ERR_INVALID_ARGUMENT, "dataset_id is NULL"),
            (store, c"\xff".as_ptr(), none.cast(), LODE_ERR_INVALID_ARGUMENT, "dataset_id is no valid UTF-8"),
            (store, c"a/b".as_ptr(), none.cast(), LODE_ERR_INVALID_ARGUMENT, "a/b"),
            (store, events, &raw const small, LODE_ERR_INVALID_ARGUMENT, "struct_size 8"),
            (store, events, &raw const parquet, LODE_ERR_UNSUPPORTED, refused),
        ];
        for &(store, id, options, expected, words) in cases {
            let (mut dataset, mut error) = (ptr::dangling_mut(), ptr::null_mut());
            // SAFETY: handles, texts and structs that live, or NULL; outputs may be written.
            unsafe {
                let status = lode_dataset_open(store, id, options, &raw mut dataset, &raw mut error);
                assert_eq!((status, dataset), (expected, ptr::null_mut()));
                assert_eq!(lode_error_status(error), expected);
                let message = CStr::from_ptr(lode_error_message(error)).to_str().unwrap();
                assert!(message.contains(words), "{message}");
                lode_error_free(error);
            }
        }
        // SAFETY: as above.
        unsafe {
            let status = lode_dataset_open(store, events, ptr::null(), ptr::null_mut(), ptr::null_mut());
            assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
            lode_store_free(store);
        }
    }
}

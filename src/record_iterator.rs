//! `lode_record_iterator`: the caller's iterator as a [`RecordSource`], and the call that pulls from it.
//!
//! The answers of its callbacks are not trusted: outputs are filled with marks beforehand, so that a callback
//! that writes nothing is noticed, and each answer outside the contract is an error of its own.

use std::ffi::{c_char, c_void};

use crate::arguments::{Out, lode_bytes, slice_fault};
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::options::{Versioned, init, lode_call_options};
use crate::panic::Gate;
use crate::part::{give_part, lode_part};
use crate::pull_guard::{PullCallbacks, PullGuard, cut};
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use lode_core::dataset::{Record, RecordSource};
use lode_core::error::{Error, Result, Status};

/// "No timestamp", wherever a time in nanoseconds since the Unix epoch is given or taken.
pub const LODE_NO_TIMESTAMP: i64 = i64::MIN;

/// An iterator over records, which the caller implements. It gives either one record at a time, by `next` and
/// `record`, or a batch at a time, by `next_batch`. All callbacks come on the thread of the call that was
/// given the iterator, never two at once. A callback may use any lode handle; it must not throw or longjmp
/// out of itself.
///
/// For authors of bindings: a runtime that turns an exception of a callback into an answer of 0 makes a
/// stream that broke off look like one that ended. Choose an answer below 0 for that case (cffi: `error=-1`
/// of `def_extern` or `callback`), or catch the exception, keep it, and tell of it by `err`, which is asked
/// whenever `next` or `next_batch` has answered 0, too (ctypes, which always answers 0). Nothing is committed
/// then, and the binding raises the exception again when the call returns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_record_iterator {
    /// sizeof(lode_record_iterator), as the caller was compiled.
    pub struct_size: usize,
    /// Handed to every callback. Borrowed until `release`.
    pub ctx: *mut c_void,
    /// Moves to the next record. Answer 1: a record is current; 0: there are no more; below 0: it failed, by
    /// the caller's own code, and the call ends with LODE_ERR_ITERATOR. Never called again after 0 or a
    /// failure.
    pub next: Option<unsafe extern "C" fn(ctx: *mut c_void) -> i32>,
    /// Fills `record` with the current record: exactly one JSON document, without its line break. The bytes
    /// stay the caller's; they must not change until the next callback with `ctx`.
    pub record: Option<unsafe extern "C" fn(ctx: *mut c_void, record: *mut lode_bytes)>,
    /// Says why it failed: asked once, after `next` or `next_batch` answered 0 or less. The answer is
    /// NUL-terminated UTF-8, borrowed until `release`; NULL: no error. A text after 0 is a failure, too.
    /// NULL: never asked.
    pub err: Option<unsafe extern "C" fn(ctx: *mut c_void) -> *const c_char>,
    /// The current record's time, in nanoseconds since the Unix epoch. Called once for each record, after
    /// `next` and before `record`. Answer 1: `unix_nanos` was filled; 0: the record has no time. NULL: no
    /// record has one.
    pub timestamp: Option<unsafe extern "C" fn(ctx: *mut c_void, unix_nanos: *mut i64) -> i32>,
    /// Gives up to `capacity` records at once, in `records`; their bytes must not change until the next
    /// callback with `ctx`. Times go to `unix_nanos`, which comes filled with LODE_NO_TIMESTAMP. Answer how
    /// many were filled; 0: there are no more; below 0: it failed, as for `next`. If it is there, `next`,
    /// `record` and `timestamp` are not called. NULL: one record at a time.
    pub next_batch: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            records: *mut lode_bytes,
            unix_nanos: *mut i64,
            capacity: usize,
        ) -> i64,
    >,
    /// Called exactly once, before the call that was given the iterator returns, with any outcome; only
    /// if `struct_size` was not acceptable it is not called. NULL: none.
    pub release: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_record_iterator {
    const NAME: &'static str = "lode_record_iterator";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl PullCallbacks for lode_record_iterator {
    const WHAT: &'static str = "the iterator";

    fn ctx(&self) -> *mut c_void {
        self.ctx
    }

    fn err(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void) -> *const c_char> {
        self.err
    }

    fn release(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void)> {
        self.release
    }
}

/// How many records a batch may hold: enough to make the callback's cost small beside a record's own.
const BATCH: usize = 64;

/// Marks an output that was not filled: no object of the caller's can lie here.
static UNFILLED: u8 = 0;

fn unfilled() -> lode_bytes {
    lode_bytes { data: &raw const UNFILLED, len: usize::MAX }
}

/// The caller's iterator as the library pulls from it.
struct CallerRecords {
    iterator: PullGuard<lode_record_iterator>,
    gate: Gate,
    how: How,
    /// The number of the record that comes next.
    number: u64,
    /// `next` has given 0 or failed.
    ended: bool,
}

/// Which callbacks are used.
enum How {
    One {
        next: unsafe extern "C" fn(*mut c_void) -> i32,
        record: unsafe extern "C" fn(*mut c_void, *mut lode_bytes),
    },
    Batches {
        next_batch: unsafe extern "C" fn(*mut c_void, *mut lode_bytes, *mut i64, usize) -> i64,
        batch: Box<Batch>,
    },
}

/// On the heap: the record path must do with a small stack.
struct Batch {
    records: [lode_bytes; BATCH],
    unix_nanos: [i64; BATCH],
    at: usize,
    filled: usize,
}

impl CallerRecords {
    fn new(call: &Call, iterator: PullGuard<lode_record_iterator>) -> Result<Self> {
        let callbacks = &iterator.0;
        let how = match (callbacks.next_batch, callbacks.next, callbacks.record) {
            (Some(next_batch), _, _) => How::Batches {
                next_batch,
                batch: Box::new(Batch {
                    records: [unfilled(); BATCH],
                    unix_nanos: [LODE_NO_TIMESTAMP; BATCH],
                    at: 0,
                    filled: 0,
                }),
            },
            (None, Some(next), Some(record)) => How::One { next, record },
            (None, next, record) => {
                let missing = match (next, record) {
                    (None, None) => "neither next with record nor next_batch",
                    (None, _) => "record, but no next",
                    _ => "next, but no record",
                };
                return Err(call.fault(Status::NilIterator, format_args!("records has {missing}")));
            }
        };
        Ok(CallerRecords { iterator, gate: Gate::of_this_thread(), how, number: 0, ended: false })
    }

    fn pull_one(&mut self) -> Result<Option<Record<'_>>> {
        let How::One { next, record } = self.how else { return Ok(None) };
        let ctx = self.iterator.0.ctx;
        // SAFETY: the caller gave the functions together with their context.
        match self.gate.outside(|| unsafe { next(ctx) }) {
            1 => {}
            end if end <= 0 => return self.end(end.into()),
            other => {
                let what = format_args!("next answered {other}, expected 1, 0 or a code below 0");
                return Err(self.broken(what).with_callback_code(other));
            }
        }
        let mut unix_nanos = LODE_NO_TIMESTAMP;
        if let Some(timestamp) = self.iterator.0.timestamp {
            // SAFETY: as above; the output lives on.
            match self.gate.outside(|| unsafe { timestamp(ctx, &raw mut unix_nanos) }) {
                0 => unix_nanos = LODE_NO_TIMESTAMP,
                1 if unix_nanos != LODE_NO_TIMESTAMP => {}
                1 => return Err(self.broken(format_args!("timestamp answered 1, but gave no time"))),
                other => {
                    let what = format_args!("timestamp answered {other}, expected 1 or 0");
                    return Err(self.broken(what).with_callback_code(other));
                }
            }
        }
        let mut bytes = unfilled();
        // SAFETY: as above; the output lives on.
        self.gate.outside(|| unsafe { record(ctx, &raw mut bytes) });
        self.give("record", bytes, unix_nanos)
    }

    fn pull_batched(&mut self) -> Result<Option<Record<'_>>> {
        let ctx = self.iterator.0.ctx;
        let How::Batches { next_batch, batch } = &mut self.how else { return Ok(None) };
        if batch.at == batch.filled {
            batch.records.fill(unfilled());
            batch.unix_nanos.fill(LODE_NO_TIMESTAMP);
            (batch.at, batch.filled) = (0, 0);
            let (records, unix_nanos) = (batch.records.as_mut_ptr(), batch.unix_nanos.as_mut_ptr());
            // SAFETY: the caller gave the function together with its context; both arrays have BATCH places.
            let answer = self.gate.outside(|| unsafe { next_batch(ctx, records, unix_nanos, BATCH) });
            match usize::try_from(answer) {
                Ok(1..=BATCH) => batch.filled = answer as usize,
                Err(_) | Ok(0) => return self.end(answer),
                Ok(_) => {
                    let expected = "or a code below 0";
                    let what = format_args!("next_batch answered {answer}, expected 0 to {BATCH} {expected}");
                    return Err(self.broken(what).with_callback_code(cut(answer)));
                }
            }
        }
        let (bytes, unix_nanos) = (batch.records[batch.at], batch.unix_nanos[batch.at]);
        batch.at += 1;
        self.give("next_batch", bytes, unix_nanos)
    }

    /// Hands one record on, if it is one.
    fn give(&mut self, callback: &str, bytes: lode_bytes, unix_nanos: i64) -> Result<Option<Record<'_>>> {
        let mark = unfilled();
        if bytes == mark {
            return Err(self.broken(format_args!("{callback} did not fill its output")));
        }
        if bytes.data == mark.data || bytes.len == mark.len {
            return Err(self.broken(format_args!("{callback} filled only one half of its output")));
        }
        if let Some(fault) = slice_fault(bytes.data, bytes.len) {
            let what = format_args!("the record that {callback} gave (of {} bytes) {fault}", bytes.len);
            return Err(self.broken(what));
        }
        self.number += 1;
        let data = if bytes.len == 0 {
            &[]
        } else {
            // SAFETY: not NULL, not too long; the caller promises that the bytes are there until the next
            // callback, which comes from the next call of `RecordSource::next` at the earliest, and so does
            // the borrow's end.
            unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) }
        };
        Ok(Some(Record { data, unix_nanos: (unix_nanos != LODE_NO_TIMESTAMP).then_some(unix_nanos) }))
    }

    /// The iterator has answered 0 or less.
    fn end<T>(&mut self, code: i64) -> Result<Option<T>> {
        self.ended = true;
        let number = self.number;
        let ended =
            self.iterator.ended(code, format_args!("record {number}"), format_args!("{number} records"));
        ended.map(|()| None).map_err(|error| error.with_record(number))
    }

    /// The iterator has broken its contract, and is not asked again.
    #[cold]
    fn broken(&mut self, what: std::fmt::Arguments<'_>) -> Error {
        self.ended = true;
        let number = self.number;
        let message = format!("the iterator broke its contract at record {number}: {what}");
        Error::new(Status::IteratorContract, message).with_record(number)
    }
}

impl RecordSource for CallerRecords {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        if self.ended {
            let message = "internal error in lode, please report it: the iterator was asked after its end";
            return Err(Error::new(Status::Internal, message));
        }
        match self.how {
            How::One { .. } => self.pull_one(),
            How::Batches { .. } => self.pull_batched(),
        }
    }
}

/// Fills an iterator with the defaults: no callbacks.
///
/// @param iterator the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_record_iterator), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_iterator_init(iterator: *mut lode_record_iterator, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(iterator, struct_size) }
}

/// Pulls all records from an iterator and commits them as one new snapshot: either all of them and a
/// manifest, or nothing. One record (or one batch) is in memory at a time. The stored line is the record's
/// bytes as given, but for line breaks between its tokens, which are removed. Blocks until the commit is
/// decided or has failed.
///
/// @param dataset the dataset. Not NULL.
/// @param records the iterator; the struct is borrowed for the call, which calls `release` before it returns.
///        Not NULL.
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
///         LODE_ERR_UNSUPPORTED, LODE_ERR_NIL_ITERATOR, LODE_ERR_METADATA_REQUIRED,
///         LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED, LODE_ERR_CODEC_REQUIRED,
///         LODE_ERR_PARTITIONING_NOT_SUPPORTED. Of the records: LODE_ERR_ITERATOR,
///         LODE_ERR_ITERATOR_CONTRACT, LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE. Of the commit:
///         LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR,
///         LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT. Of the store: LODE_ERR_IO,
///         LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stream_write_records(
    dataset: *mut lode_dataset,
    records: *const lode_record_iterator,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_stream_write_records", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let (dataset, iterator) = call.pulled((dataset, "dataset"), (records, "records"))?;
            let mut records = CallerRecords::new(call, iterator)?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                dataset.stream_write_records(&mut records, metadata, options)
            })
        })
    }
}

/// Pulls all records from an iterator into one part: all of them, or nothing; see lode_part.
///
/// @param dataset the dataset. Not NULL.
/// @param records the iterator; the struct is borrowed for the call, which calls `release` before it returns.
///        Not NULL.
/// @param call deadline, cancel token, progress (records, their bytes, bytes stored). Borrowed for
///         the call. NULL: no limits.
/// @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; else as lode_dataset_stream_write_records, but for what concerns metadata and commit.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stage_records(
    dataset: *mut lode_dataset,
    records: *const lode_record_iterator,
    call: *const lode_call_options,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_stage_records", error, |this| {
            let part = Out::reset(part, std::ptr::null_mut());
            let (dataset, iterator) = this.pulled((dataset, "dataset"), (records, "records"))?;
            let mut records = CallerRecords::new(this, iterator)?;
            let options = this.call_options(call)?;
            let part = part.required(this, "part")?;
            give_part(dataset.stage_records(&mut records, &options)?, &part)?;
            Ok(LODE_OK)
        })
    }
}

#[cfg(test)]
mod tests;

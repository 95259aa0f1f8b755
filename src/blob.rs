//! Raw blobs written: from memory, pulled by a callback, or pushed into a `lode_blob_writer`.

use std::ffi::{c_char, c_void};

use crate::boundary::{call, outside};
use crate::bytes::Out;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::options::lode_commit_options;
use crate::snapshot::{give_commit, lode_snapshot};
use crate::source::cut;
use crate::status::{LODE_OK, lode_status};
use lode_core::dataset::{BlobSource, BlobWriter};
use lode_core::error::{Error, Result, Status};

/// Takes the bytes of a raw blob as the caller has them, and commits them as one snapshot. It belongs to one
/// thread at a time; a call while another one uses it gives LODE_ERR_STATE.
///
/// After a commit that succeeded, and after an abort, its calls give LODE_ERR_STATE. After a commit that failed
/// the bytes are kept and the commit may be repeated; it first settles its own unknown outcome.
/// LODE_ERR_NO_SPACE leaves the writer usable, any other failure of a write stays. (Where the space shows to be too little
/// only as a commit syncs the data, LODE_ERR_NO_SPACE loses them: the calls after it give LODE_ERR_STATE.)
pub struct lode_blob_writer {
    _opaque: [u8; 0],
}

impl Handle for lode_blob_writer {
    type Value = BlobWriter;
    const NAME: &'static str = "lode_blob_writer";
    const TAG: u32 = u32::from_le_bytes(*b"Lblw");
}

impl Exclusive for lode_blob_writer {}

/// The caller's callback as the library pulls from it.
struct CallerBytes {
    read: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i64,
    ctx: *mut c_void,
    /// How many bytes it has given.
    offset: u64,
}

impl BlobSource for CallerBytes {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (room, capacity, offset) = (buffer.as_mut_ptr(), buffer.len(), self.offset);
        // SAFETY: the caller gave the function together with its context; there is room for `capacity` bytes.
        let answer = outside(|| unsafe { (self.read)(self.ctx, room, capacity) });
        let (status, message) = match usize::try_from(answer) {
            Ok(read) if read <= capacity => {
                self.offset += read as u64;
                return Ok(read);
            }
            Ok(_) => (
                Status::IteratorContract,
                format!(
                    "read broke its contract at byte {offset}: it answered {answer}, expected 0 to {capacity} (the \
                     room that there was) or a code below 0"
                ),
            ),
            Err(_) => (Status::Iterator, format!("read failed at byte {offset} with code {answer}")),
        };
        Err(Error::new(status, message).with_offset(offset).with_callback_code(cut(answer)))
    }
}

/// Commits bytes in memory as one new snapshot, a raw blob: the bytes as they are given, through the dataset's
/// compressor. Blocks until the commit is decided or has failed.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
/// @param data the bytes; borrowed for the call. NULL only if `len` is 0.
/// @param len how many bytes; 0 makes an empty blob.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there are none. Keys that begin with "lode." are reserved.
/// @param options deadline, cancel token, progress (a blob counts as one record), expected parent. Borrowed for
///        the call. NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN: committed.
///         LODE_ALREADY_COMMITTED: by the same key before; nothing was written. Of the arguments:
///         LODE_ERR_INVALID_ARGUMENT (also if the dataset has a codec), LODE_ERR_UNSUPPORTED,
///         LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED. Of the commit:
///         LODE_ERR_CONFLICT, LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_COMMIT_UNKNOWN, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR, LODE_ERR_LAYOUT_MISMATCH,
///         LODE_ERR_UNORDERABLE_PARENT. Of the store: LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_CORRUPT,
///         LODE_ERR_MANIFEST_INVALID, LODE_ERR_NO_MEMORY.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_write_blob(
    dataset: *mut lode_dataset,
    data: *const c_void,
    len: usize,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_dataset_write_blob", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // A clone: a progress callback may free the caller's handle.
            let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
            let data = call.bytes(data, len, "data")?;
            let metadata = call.metadata(metadata_json)?;
            let options = call.commit_options(options)?;
            let commit = options.with(|options| dataset.write_blob(data, metadata, options))?;
            give_commit(commit, &snapshot)
        })
    }
}

/// Pulls the bytes of a blob from a callback and commits them as one new snapshot: either all of them and a
/// manifest, or nothing. Memory stays the same whatever the size. Blocks until the commit is decided or has
/// failed.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
/// @param read gives the next bytes: fills the beginning of `buffer` (of `capacity` bytes, at least 65536) and
///        answers how many it put there; 0: there are no more; below 0: it failed, with a code of the caller's
///        own, which comes back from lode_error_callback_code. Called on the calling thread, never again after
///        0 or a failure. Not NULL.
/// @param ctx handed to `read`; nothing else is done with it.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there are none. Keys that begin with "lode." are reserved.
/// @param options deadline (also between two calls of `read`), cancel token, progress (a blob counts as one
///        record), expected parent. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ERR_NIL_ITERATOR: `read` is NULL. LODE_ERR_ITERATOR: it failed. LODE_ERR_ITERATOR_CONTRACT: it
///         answered more than `capacity`. LODE_OK and all else as lode_dataset_write_blob.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stream_write(
    dataset: *mut lode_dataset,
    read: Option<unsafe extern "C" fn(ctx: *mut c_void, buffer: *mut u8, capacity: usize) -> i64>,
    ctx: *mut c_void,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_dataset_stream_write", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            // A clone: a callback may free the caller's handle.
            let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
            let Some(read) = read else {
                return Err(
                    call.fault(Status::NilIterator, "read is NULL: there is no callback to pull bytes from")
                );
            };
            let metadata = call.metadata(metadata_json)?;
            let options = call.commit_options(options)?;
            let mut source = CallerBytes { read, ctx, offset: 0 };
            let commit = options.with(|options| dataset.stream_write(&mut source, metadata, options))?;
            give_commit(commit, &snapshot)
        })
    }
}

/// Begins a snapshot, a raw blob, whose bytes will be pushed. Nothing is visible to anybody before the commit.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE; the writer keeps its own hold of it. Not NULL.
/// @param writer output: the writer, which the caller owns and frees with lode_blob_writer_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the dataset has a codec), LODE_ERR_UNSUPPORTED,
///         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_blob_writer(
    dataset: *mut lode_dataset,
    writer: *mut *mut lode_blob_writer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_dataset_blob_writer", error, |call| {
            let writer = Out::reset(writer, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let writer = writer.required(call, "writer")?;
            writer.set(handle::give(dataset.blob_writer()?)?);
            Ok(LODE_OK)
        })
    }
}

/// Adds bytes at the end of the blob. Never syncs, and never waits for another writer.
///
/// @param writer the writer. Not NULL.
/// @param data the bytes; borrowed for the call. NULL only if `len` is 0.
/// @param len how many bytes.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: all of them are in. LODE_ERR_NO_SPACE: the writer stays usable. Of up to 262144 bytes none
///         was taken; of more perhaps some: make the same call again, and it goes on where it was. Until that
///         has succeeded any other write, and a commit, gives LODE_ERR_STATE. LODE_ERR_STATE,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_write(
    writer: *mut lode_blob_writer,
    data: *const c_void,
    len: usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_blob_writer_write", error, |call| {
            let mut writer = call.exclusive(writer, "writer")?;
            let data = call.bytes(data, len, "data")?;
            writer.write(data)?;
            Ok(LODE_OK)
        })
    }
}

/// Commits the bytes as one new snapshot: all of them and a manifest, or nothing. Blocks until the commit is
/// decided or has failed. No bytes make an empty blob.
///
/// If it fails the bytes are kept, and the commit may be repeated, with other options too. A repetition after
/// LODE_ERR_COMMIT_UNKNOWN first settles what became of the commit before.
///
/// @param writer the writer. Not NULL.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there are none. Keys that begin with "lode." are reserved.
/// @param options deadline, cancel token, progress, expected parent. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ERR_STATE: there is nothing to commit, or a write was taken in part only. LODE_OK and all else
///         as lode_dataset_write_blob.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_commit(
    writer: *mut lode_blob_writer,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_blob_writer_commit", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let mut writer = call.exclusive(writer, "writer")?;
            let metadata = call.metadata(metadata_json)?;
            let options = call.commit_options(options)?;
            let commit = options.with(|options| writer.commit(metadata, options))?;
            give_commit(commit, &snapshot)
        })
    }
}

/// Gives the bytes up and removes what was staged. The writer can then only be freed; a second abort does
/// nothing.
///
/// @param writer the writer. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_STATE (it is committed), LODE_ERR_COMMIT_UNKNOWN (a commit was tried and is
///         still in doubt: its bytes are kept), LODE_ERR_INVALID_ARGUMENT.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_abort(
    writer: *mut lode_blob_writer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        call("lode_blob_writer_abort", error, |call| {
            let mut writer = call.exclusive(writer, "writer")?;
            writer.abort()?;
            Ok(LODE_OK)
        })
    }
}

/// Frees a writer. Bytes that were not committed are discarded; a free never commits.
///
/// @param writer the writer; it is not valid afterwards. NULL: nothing happens. A callback of a call that
///        uses the writer may free it, too: it then lives until that call ends.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_free(writer: *mut lode_blob_writer) {
    // SAFETY: NULL or a writer of the caller's, as lode.h asks.
    unsafe { handle::free(writer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use std::ptr;

    unsafe extern "C" fn answers(ctx: *mut c_void, buffer: *mut u8, _capacity: usize) -> i64 {
        // SAFETY: the tests give a number, and room for a byte.
        unsafe {
            buffer.write(b'x');
            *ctx.cast::<i64>()
        }
    }

    #[test]
    fn the_callback_answers_bytes_an_end_a_failure_or_breaks_its_contract() {
        let mut room = [0; 4];
        for (mut answer, expected) in [(0_i64, Ok(0)), (1, Ok(1)), (4, Ok(4))] {
            let mut source = CallerBytes { read: answers, ctx: (&raw mut answer).cast(), offset: 0 };
            assert_eq!(source.read(&mut room).map_err(|_| ()), expected);
            assert_eq!(source.offset, answer as u64);
        }
        for (mut answer, status, code, what) in [
            (5_i64, Status::IteratorContract, 5, "at byte 7: it answered 5, expected 0 to 4"),
            (i64::MAX, Status::IteratorContract, i32::MAX, "broke its contract"),
            (-3, Status::Iterator, -3, "read failed at byte 7 with code -3"),
            (i64::MIN, Status::Iterator, i32::MIN, "with code -9223372036854775808"),
        ] {
            let mut source = CallerBytes { read: answers, ctx: (&raw mut answer).cast(), offset: 7 };
            let error = source.read(&mut room).unwrap_err();
            assert_eq!(
                (error.status(), error.callback_code(), error.offset()),
                (status, Some(code), Some(7)),
                "{error}"
            );
            assert!(error.message().contains(what), "{error}");
        }
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let mut snapshots: [*mut lode_snapshot; 3] = [ptr::dangling_mut(); 3];
        let mut writer = ptr::dangling_mut();
        let (null, none) = (ptr::null_mut(), ptr::null_mut());
        let [a, b, c] = snapshots.each_mut().map(|snapshot| &raw mut *snapshot);
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_dataset_write_blob(null, ptr::null(), 0, ptr::null(), ptr::null(), a, ptr::null_mut()),
                lode_dataset_stream_write(
                    null,
                    None,
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null(),
                    b,
                    ptr::null_mut(),
                ),
                lode_dataset_blob_writer(null, &raw mut writer, ptr::null_mut()),
                lode_blob_writer_write(none, ptr::null(), 0, ptr::null_mut()),
                lode_blob_writer_commit(none, ptr::null(), ptr::null(), c, ptr::null_mut()),
                lode_blob_writer_abort(none, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 6]);
            lode_blob_writer_free(none);
        }
        assert_eq!((snapshots, writer), ([ptr::null_mut(); 3], ptr::null_mut()));
    }
}

//! `lode_blob_writer`: the bytes of a raw blob, pushed as the caller has them.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::options::{Versioned, init};
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use lode_core::dataset::{BlobWriter, BlobWriterOptions};
use lode_core::error::Result;

/// Takes the bytes of a raw blob as the caller has them, and commits them as one snapshot. It belongs to one
/// thread at a time; a call while another one uses it gives LODE_ERR_STATE.
///
/// After a commit that succeeded, and after an abort, its calls give LODE_ERR_STATE. After a commit that
/// failed the bytes are kept and the commit may be repeated; it first resolves its own unknown outcome.
/// LODE_ERR_NO_SPACE leaves the writer usable, any other failure of a write stays. If the lack of space is
/// reported only by the sync of a commit, LODE_ERR_NO_SPACE loses the data, and later calls give
/// LODE_ERR_STATE.
pub struct lode_blob_writer {
    _opaque: [u8; 0],
}

impl Handle for lode_blob_writer {
    type Value = BlobWriter;
    const NAME: &'static str = "lode_blob_writer";
    const TAG: u32 = u32::from_le_bytes(*b"Lblw");
}

impl Exclusive for lode_blob_writer {}

/// How a blob writer behaves. All zero but `struct_size`: nothing is written back before the commit asks for
/// it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_blob_writer_options {
    /// sizeof(lode_blob_writer_options), as the caller was compiled.
    pub struct_size: usize,
    /// As in lode_record_writer_options.
    pub early_writeback: i32,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_blob_writer_options {
    const NAME: &'static str = "lode_blob_writer_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl Call {
    fn blob_writer_options(&self, options: &lode_blob_writer_options) -> Result<BlobWriterOptions> {
        Ok(BlobWriterOptions { early_writeback: self.yes_or_no("early_writeback", options.early_writeback)? })
    }
}

/// Fills the options with the defaults: nothing is written back before the commit asks for it.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_blob_writer_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_options_init(
    options: *mut lode_blob_writer_options,
    struct_size: usize,
) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Begins a snapshot, a raw blob, whose bytes will be pushed. No reader sees anything of it
/// before the commit.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE; the writer keeps its own hold of it. Not NULL.
/// @param options how the writer behaves. Borrowed for the call. NULL: the defaults.
/// @param writer output: the writer, which the caller owns and frees with lode_blob_writer_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the dataset has a codec), LODE_ERR_UNSUPPORTED,
///         LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open_blob_writer(
    dataset: *mut lode_dataset,
    options: *const lode_blob_writer_options,
    writer: *mut *mut lode_blob_writer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open_blob_writer", error, |call| {
            let writer = Out::reset(writer, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let options = call.options(options, "options")?;
            let options = call.blob_writer_options(&options)?;
            let writer = writer.required(call, "writer")?;
            writer.set(handle::give(dataset.blob_writer(options)?)?);
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
/// @return LODE_OK: the writer holds all of them. LODE_ERR_NO_SPACE: the writer stays usable. Of up to 262144
///         bytes none was taken; of more perhaps some: make the same call again, and it goes on where it was.
///         Until that has succeeded any other write, and a commit, gives LODE_ERR_STATE. LODE_ERR_STATE,
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
        run("lode_blob_writer_write", error, |call| {
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
/// LODE_ERR_COMMIT_UNKNOWN first resolves the commit before.
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
/// @return LODE_ERR_STATE: there is nothing to commit, or a write was taken in part only. LODE_OK and all
///         else as lode_dataset_write_blob.
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
        run("lode_blob_writer_commit", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let mut writer = call.exclusive(writer, "writer")?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                writer.commit(metadata, options)
            })
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
        run("lode_blob_writer_abort", error, |call| {
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
    use crate::dataset::lode_dataset_write_blob;
    use crate::options::zeroed;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use std::ptr;

    #[test]
    fn early_writeback_is_yes_or_no() {
        let call = Call { function: "lode_test" };
        for (number, expected) in [(0, false), (1, true)] {
            let options = lode_blob_writer_options { early_writeback: number, ..zeroed() };
            assert_eq!(call.blob_writer_options(&options).unwrap().early_writeback, expected);
        }
        let options = lode_blob_writer_options { early_writeback: 2, ..zeroed() };
        let error = call.blob_writer_options(&options).unwrap_err();
        assert_eq!(error.message(), "lode_test: options.early_writeback is 2, expected 0 (no) or 1 (yes)");
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let mut snapshots: [*mut lode_snapshot; 2] = [ptr::dangling_mut(); 2];
        let mut writer = ptr::dangling_mut();
        let (null, none) = (ptr::null_mut(), ptr::null_mut());
        let [a, b] = snapshots.each_mut().map(|snapshot| &raw mut *snapshot);
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_dataset_write_blob(null, ptr::null(), 0, ptr::null(), ptr::null(), a, ptr::null_mut()),
                lode_dataset_open_blob_writer(null, ptr::null(), &raw mut writer, ptr::null_mut()),
                lode_blob_writer_write(none, ptr::null(), 0, ptr::null_mut()),
                lode_blob_writer_commit(none, ptr::null(), ptr::null(), b, ptr::null_mut()),
                lode_blob_writer_abort(none, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 5]);
            lode_blob_writer_free(none);
        }
        assert_eq!((snapshots, writer), ([ptr::null_mut(); 2], ptr::null_mut()));
    }
}

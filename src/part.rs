//! `lode_part`: staged data that one commit, here or elsewhere, makes a snapshot together with others.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use crate::arguments::Out;
use crate::blob_writer::lode_blob_writer;
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle, Shared};
use crate::options::lode_call_options;
use crate::panic::query;
use crate::record_writer::lode_record_writer;
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use crate::strings::{LazyText, c_text};
use lode_core::context::CallOptions;
use lode_core::dataset::Part;
use lode_core::error::{Result, Status};

/// Data files that are durable, under an id of their own, and not yet in a snapshot: what a writer, an
/// iterator or a source gave to one of the functions that stage. No reader sees them before
/// lode_dataset_commit_parts names the part, which may happen in another process or on another machine:
/// lode_part_json is all that has to get there.
///
/// It never changes. Threads may share it, and it needs neither writer nor dataset to live on. Freeing it
/// removes nothing: lode_part_discard does. A part is to be committed within 24 hours after it was staged;
/// what is neither committed nor discarded is removed by clean-up later. While a part's handle lives in the
/// process that staged it, clean-up leaves it alone, on a filesystem.
pub struct lode_part {
    _opaque: [u8; 0],
}

impl Handle for lode_part {
    type Value = PartView;
    const NAME: &'static str = "lode_part";
    const TAG: u32 = u32::from_le_bytes(*b"Lprt");
}

impl Shared for lode_part {}

/// A part with its texts as C reads them.
pub(super) struct PartView {
    part: Part,
    id: CString,
    json: LazyText,
    /// As many as the part has files.
    paths: OnceLock<Box<[LazyText]>>,
}

impl PartView {
    fn path(&self, index: usize) -> *const c_char {
        let files = self.part.files();
        let Some(file) = files.get(index) else { return std::ptr::null() };
        let paths = match self.paths.get() {
            Some(paths) => paths,
            None => {
                let mut paths: Vec<LazyText> = Vec::new();
                if paths.try_reserve_exact(files.len()).is_err() {
                    return std::ptr::null();
                }
                paths.resize_with(files.len(), LazyText::default);
                self.paths.get_or_init(|| paths.into_boxed_slice())
            }
        };
        paths[index].get(|| Some(&*file.path))
    }
}

/// Gives a part to C.
///
/// # Errors
/// `NoMemory`: the part's files stay staged, and no handle leads to them.
pub(super) fn give_part(part: Part, out: &Out<*mut lode_part>) -> Result<()> {
    let view = PartView { id: c_text(part.id())?, json: LazyText::default(), paths: OnceLock::new(), part };
    out.set(handle::give(view)?);
    Ok(())
}

impl Call {
    /// The caller's parts.
    ///
    /// # Safety
    /// `parts` is NULL or `count` pointers, each NULL or a part that lives.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the part's number; `NoMemory`.
    unsafe fn parts(&self, parts: *const *const lode_part, count: usize) -> Result<Vec<Part>> {
        // SAFETY: as asked of the caller.
        let given = unsafe { self.array(parts, count, "parts")? };
        let mut taken = Vec::new();
        taken.try_reserve_exact(count).map_err(|_| {
            self.fault(Status::NoMemory, format_args!("no memory for an array of {count} parts"))
        })?;
        for (number, part) in given.iter().enumerate() {
            // SAFETY: as asked of the caller.
            let view = unsafe { self.shared(*part, &format!("parts[{number}]"))? };
            taken.push(view.part.clone());
        }
        Ok(taken)
    }
}

/// Stages what a writer has taken.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
unsafe fn stage<W: Exclusive>(
    function: &'static str,
    writer: *mut W,
    call: *const lode_call_options,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
    stage: impl FnOnce(&mut W::Value, &CallOptions) -> Result<Part>,
) -> lode_status {
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let part = Out::reset(part, std::ptr::null_mut());
            let mut writer = this.exclusive(writer, "writer")?;
            let options = this.call_options(call)?;
            let part = part.required(this, "part")?;
            give_part(stage(&mut writer, &options)?, &part)?;
            Ok(LODE_OK)
        })
    }
}

/// Makes the records that a writer has taken durable as a part, instead of committing them. The writer can
/// then only be freed. If it fails the records are kept, and it may be repeated.
///
/// @param writer the writer. Not NULL.
/// @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
/// @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_COMMIT_UNKNOWN
///         (a commit was tried and is still in doubt), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_stage(
    writer: *mut lode_record_writer,
    call: *const lode_call_options,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        stage("lode_record_writer_stage", writer, call, part, error, |writer, options| writer.stage(options))
    }
}

/// Makes the bytes that a writer has taken durable as a part, instead of committing them. The writer can then
/// only be freed. If it fails the bytes are kept, and it may be repeated.
///
/// @param writer the writer. Not NULL.
/// @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
/// @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK, and all else as lode_record_writer_stage; LODE_ERR_STATE also if a write was taken in
///         part only.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_stage(
    writer: *mut lode_blob_writer,
    call: *const lode_call_options,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        stage("lode_blob_writer_stage", writer, call, part, error, |writer, options| writer.stage(options))
    }
}

/// A part that any process has staged, from the JSON that lode_part_json gave there. Nothing is read from the
/// store: whether the part's files are there, and are what they should be, is checked by the commit.
///
/// @param dataset the dataset that the part belongs to, opened with the layout, codec, compressor and
///         checksum that it was staged with. Not NULL.
/// @param json the part's JSON; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (naming the field: it is no part, or none of this dataset as it
///         is opened), LODE_ERR_UNSUPPORTED (it is of the form of a later version), LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_part_from_json(
    dataset: *mut lode_dataset,
    json: *const c_char,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_part_from_json", error, |call| {
            let part = Out::reset(part, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let json = call.text(json, "json")?;
            let part = part.required(call, "part")?;
            give_part(dataset.part_from_json(json)?, &part)?;
            Ok(LODE_OK)
        })
    }
}

/// Commits parts as one new snapshot, in the order given: their records are read in that order. Expected
/// parent, producer and the other options of a commit apply. The parts' files stay with any outcome, so that
/// a commit that failed may be repeated; no part is committed twice.
///
/// The size of each file is checked (one request); with `verify_parts` its bytes are read and compared with
/// its checksum. To find whether a snapshot holds one of the parts already, the call reads the manifests of
/// the snapshots that were committed since the oldest part's writer was opened, each once for a dataset
/// handle.
///
/// @param dataset the dataset that they belong to. Not NULL.
/// @param parts `count` parts of this dataset, each once; borrowed for the call. NULL only if `count` is 0.
/// @param count how many. 0: an empty snapshot. For a dataset of raw blobs, 1.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///         call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
///         at most 128 levels, the object itself included.
/// @param options as for any commit, and `verify_parts`. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///         not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ERR_INVALID_ARGUMENT: a part of another dataset or other options, or one that is given twice.
///         LODE_ERR_NOT_FOUND: a part's file is not there (discarded, removed by clean-up, or another
///         store's). LODE_ERR_CORRUPT: it has another size or checksum. LODE_ERR_PART_COMMITTED: the snapshot
///         of lode_error_snapshot_id holds one of them. LODE_ERR_STAGED_TOO_OLD: one was staged more than 24
///         hours ago. LODE_OK and all else as lode_dataset_stream_write_records, but for what concerns
///         records.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_commit_parts(
    dataset: *mut lode_dataset,
    parts: *const *const lode_part,
    count: usize,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_commit_parts", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?.clone();
            let parts = call.parts(parts, count)?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                dataset.commit_parts(&parts, metadata, options)
            })
        })
    }
}

/// Removes the files of a part that will not be committed. Files that do not exist any more are no failure. A
/// part that a commit in doubt may hold (LODE_ERR_COMMIT_UNKNOWN) is discarded only after that commit is
/// resolved.
///
/// @param part the part; it stays valid until its free. Not NULL.
/// @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_PART_COMMITTED (the snapshot of lode_error_snapshot_id holds it: nothing is
///         removed), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_discard(
    part: *const lode_part,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_part_discard", error, |this| {
            let part = this.shared(part, "part")?.part.clone();
            let options = this.call_options(call)?;
            part.discard(&options)?;
            Ok(LODE_OK)
        })
    }
}

/// Answers a question about a part; NULL gives `none`.
///
/// # Safety
/// `part` is NULL or a part that was not freed.
unsafe fn ask<T: Copy>(part: *const lode_part, none: T, what: impl FnOnce(&PartView) -> T) -> T {
    // SAFETY: as asked of the caller.
    query(none, || unsafe { handle::peek(part) }.map_or(none, what))
}

/// A part as one line of JSON, without a line break, to be sent anywhere and given to
/// lode_dataset_part_from_json: path, size and checksum of each file, records, times, statistics, and when it
/// was staged.
///
/// @param part the part. NULL: see below.
/// @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL or there is
///         no memory.
///
/// Cannot fail otherwise. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_json(part: *const lode_part) -> *const c_char {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, std::ptr::null(), |view| view.json.get(|| Some(view.part.json()))) }
}

/// The id that a part's files lie under. It identifies the part.
///
/// @param part the part. NULL: see below.
/// @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_id(part: *const lode_part) -> *const c_char {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, std::ptr::null(), |view| view.id.as_ptr()) }
}

/// How many records a part has; a raw blob counts 1.
///
/// @param part the part. NULL: see below.
/// @return the number of records; -1 if `part` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_record_count(part: *const lode_part) -> i64 {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, -1, |view| i64::try_from(view.part.records()).unwrap_or(i64::MAX)) }
}

/// How many bytes the files of a part have as they are stored.
///
/// @param part the part. NULL: see below.
/// @return bytes; -1 if `part` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_size(part: *const lode_part) -> i64 {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, -1, |view| i64::try_from(view.part.size_bytes()).unwrap_or(i64::MAX)) }
}

/// How many files a part has: one, unless its writer wrote several.
///
/// @param part the part. NULL: see below.
/// @return the number of files; 0 if `part` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_file_count(part: *const lode_part) -> usize {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, 0, |view| view.part.files().len()) }
}

/// The store key of one of a part's files.
///
/// @param part the part. NULL: see below.
/// @param index which file, from 0.
/// @return NUL-terminated UTF-8, owned by the part, until lode_part_free; NULL if `part` is NULL, `index` is
///         out of range, or there is no memory.
///
/// Cannot fail otherwise. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_file_path(part: *const lode_part, index: usize) -> *const c_char {
    // SAFETY: NULL or a part, as lode.h asks.
    unsafe { ask(part, std::ptr::null(), |view| view.path(index)) }
}

/// Frees a part's handle. Its files stay in the store.
///
/// @param part the part; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_part_free(part: *mut lode_part) {
    // SAFETY: NULL or a part of the caller's, as lode.h asks.
    unsafe { handle::free(part) }
}

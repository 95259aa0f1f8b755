//! `lode_snapshot` with its accessors.

use std::ffi::{CString, c_char};
use std::sync::OnceLock;

use crate::arguments::Out;
use crate::handle::{self, Handle, Shared};
use crate::panic::query;
use crate::record_iterator::LODE_NO_TIMESTAMP;
use crate::status::{
    LODE_ALREADY_COMMITTED, LODE_COMMITTED_BESIDE_FOREIGN, LODE_COMMITTED_UNPUBLISHED, LODE_OK, lode_status,
};
use crate::strings::{Place, Texts, c_text};
use lode_core::dataset::{Commit, Outcome, Snapshot};
use lode_core::error::{Error, Result, Status};

/// A committed snapshot: what its manifest says. It never changes. Threads may share it; it needs neither
/// dataset nor store to live on. The texts that it gives out live until it is freed.
///
/// A manifest has at most 256 MiB. A longer one is LODE_ERR_CORRUPT where it is read, and
/// LODE_ERR_INVALID_ARGUMENT where it would be written. One that would take more than three times its size in
/// memory to read, and more than 16 MiB beyond its size, is LODE_ERR_MANIFEST_INVALID.
pub struct lode_snapshot {
    _opaque: [u8; 0],
}

impl Handle for lode_snapshot {
    type Value = View;
    const NAME: &'static str = "lode_snapshot";
    const TAG: u32 = u32::from_le_bytes(*b"Lsna");
}

impl Shared for lode_snapshot {}

/// A snapshot with its texts as C reads them.
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    texts: Texts,
    id: Place,
    dataset_id: Place,
    parent_id: Option<Place>,
    codec: Option<Place>,
    compressor: Place,
    metadata_json: Place,
    manifest_json: Place,
    files: Vec<File>,
    /// Of each producer the sequence and the position, as C reads it; made when first asked for.
    producers: OnceLock<Vec<(String, u64, CString)>>,
}

struct File {
    path: Place,
    location: Option<Place>,
    checksum: Option<Place>,
    size: u64,
    row_count: Option<u64>,
}

impl View {
    fn new(snapshot: Snapshot) -> Result<Self> {
        let mut texts = Texts::default();
        let manifest = snapshot.manifest();
        let mut files = Vec::new();
        files
            .try_reserve_exact(manifest.files.len())
            .map_err(|_| Error::new(Status::NoMemory, "no memory for a snapshot's files"))?;
        for (index, file) in manifest.files.iter().enumerate() {
            files.push(File {
                path: texts.add(&file.path)?,
                location: texts.add_some(snapshot.location(index).as_deref())?,
                checksum: texts.add_some(file.checksum.as_deref())?,
                size: file.size_bytes,
                row_count: manifest.file_row_count(index),
            });
        }
        let id = texts.add(&manifest.snapshot_id)?;
        let dataset_id = texts.add(&manifest.dataset_id)?;
        let parent_id = texts.add_some(manifest.parent_snapshot_id.as_deref())?;
        let codec = texts.add_some(manifest.codec.as_deref())?;
        let compressor = texts.add(&manifest.compressor)?;
        let metadata_json = texts.add(&manifest.metadata.user_json())?;
        let manifest_json = texts.add(snapshot.manifest_json())?;
        Ok(View {
            snapshot,
            texts,
            id,
            dataset_id,
            parent_id,
            codec,
            compressor,
            metadata_json,
            manifest_json,
            files,
            producers: OnceLock::new(),
        })
    }
}

impl View {
    /// How far a producer had come: its sequence, and its position, which lives as long as this.
    ///
    /// # Errors
    /// `Corrupt`, `NoMemory`.
    pub(super) fn producer(&self, id: &str) -> Result<Option<(u64, *const c_char)>> {
        let producers = match self.producers.get() {
            Some(producers) => producers,
            None => {
                let mut made = Vec::new();
                for (producer, state) in self.snapshot.producers()? {
                    made.push((producer, state.sequence, c_text(&state.position)?));
                }
                self.producers.get_or_init(|| made)
            }
        };
        let producer = producers.iter().find(|(producer, ..)| producer == id);
        Ok(producer.map(|(_, sequence, position)| (*sequence, position.as_ptr())))
    }
}

/// Gives a snapshot to C if it is wanted.
///
/// # Errors
/// `NoMemory`.
pub(super) fn give_snapshot(snapshot: Snapshot, out: &Out<*mut lode_snapshot>) -> Result<()> {
    if out.is_wanted() {
        out.set(handle::give(View::new(snapshot)?)?);
    }
    Ok(())
}

/// Gives the outcome of a commit to C.
///
/// # Errors
/// `CommitUnknown` if memory ran out only now: the commit stands, and the caller must not make it again.
pub(super) fn give_commit(commit: Commit, out: &Out<*mut lode_snapshot>) -> Result<lode_status> {
    let status = match commit.outcome {
        Outcome::Committed => LODE_OK,
        Outcome::Unpublished => LODE_COMMITTED_UNPUBLISHED,
        Outcome::BesideForeign => LODE_COMMITTED_BESIDE_FOREIGN,
        Outcome::AlreadyCommitted => LODE_ALREADY_COMMITTED,
    };
    let snapshot = commit.snapshot.clone();
    give_snapshot(commit.snapshot, out).map_err(|error| {
        let id = &snapshot.manifest().snapshot_id;
        error
            .with_status(Status::CommitUnknown)
            .context(format_args!("snapshot {id} is committed, resolve it to get its handle"))
            .with_snapshot_id(id.clone())
    })?;
    Ok(status)
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Answers a question about a snapshot; NULL gives `none`.
///
/// # Safety
/// `snapshot` is NULL or a snapshot that was not freed.
unsafe fn ask<T: Copy>(snapshot: *const lode_snapshot, none: T, what: impl FnOnce(&View) -> T) -> T {
    // SAFETY: as asked of the caller.
    query(none, || unsafe { handle::peek(snapshot) }.map_or(none, what))
}

/// Answers a question about one file of a snapshot; NULL and an index out of range give `none`.
///
/// # Safety
/// As [`ask`].
unsafe fn ask_file<T: Copy>(
    snapshot: *const lode_snapshot,
    index: usize,
    none: T,
    what: impl FnOnce(&View, &File) -> T,
) -> T {
    // SAFETY: as asked of the caller.
    unsafe { ask(snapshot, none, |view| view.files.get(index).map_or(none, |file| what(view, file))) }
}

/// The snapshot's id. Ids of one dataset, compared as bytes, stand in the order of its history.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_id(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get(view.id)) }
}

/// The id of the dataset that the snapshot belongs to.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_dataset_id(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get(view.dataset_id)) }
}

/// The id of the snapshot before this one.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL for a dataset's first snapshot, or if
///         `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_parent_id(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get_some(view.parent_id)) }
}

/// When the snapshot was committed, by the writer's clock.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_created_at(snapshot: *const lode_snapshot) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, LODE_NO_TIMESTAMP, |view| view.snapshot.manifest().created_at) }
}

/// How many records the snapshot holds.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return the number of records, a raw blob counting 1; -1 if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_row_count(snapshot: *const lode_snapshot) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, -1, |view| count(view.snapshot.manifest().row_count)) }
}

/// The earliest time of a record.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if no record had a time, or if `snapshot` is
///         NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_min_timestamp(snapshot: *const lode_snapshot) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask(snapshot, LODE_NO_TIMESTAMP, |view| {
            view.snapshot.manifest().min_timestamp.unwrap_or(LODE_NO_TIMESTAMP)
        })
    }
}

/// The latest time of a record.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return nanoseconds since the Unix epoch; LODE_NO_TIMESTAMP if no record had a time, or if `snapshot` is
///         NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_max_timestamp(snapshot: *const lode_snapshot) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask(snapshot, LODE_NO_TIMESTAMP, |view| {
            view.snapshot.manifest().max_timestamp.unwrap_or(LODE_NO_TIMESTAMP)
        })
    }
}

/// The codec that the snapshot was written with, by its name in the manifest.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return "jsonl" or "parquet", owned by the snapshot, until lode_snapshot_free; NULL for a raw blob, or if
///         `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_codec(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get_some(view.codec)) }
}

/// The compressor that the snapshot was written with, by its name in the manifest.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return "noop", "gzip" or "zstd", owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is
///         NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_compressor(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get(view.compressor)) }
}

/// The metadata that came with the commit, as one JSON object with its keys sorted.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; "{}" if there are none; NULL if
///         `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_metadata_json(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get(view.metadata_json)) }
}

/// The whole manifest, byte for byte as it is stored.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return JSON text, UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is
///         NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_manifest_json(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, std::ptr::null(), |view| view.texts.get(view.manifest_json)) }
}

/// How many data files the snapshot has.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return the number of files; 0 if `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_count(snapshot: *const lode_snapshot) -> usize {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask(snapshot, 0, |view| view.files.len()) }
}

/// A data file's key in the store.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `index` is out of range or
///         `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_path(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_file(snapshot, index, std::ptr::null(), |view, file| view.texts.get(file.path)) }
}

/// Where another program finds a data file: an absolute path, as of the opening of the store.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the store has no such place,
///         if `index` is out of range or `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_location(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_file(snapshot, index, std::ptr::null(), |view, file| view.texts.get_some(file.location)) }
}

/// The checksum of a data file's stored (compressed) bytes, in lower-case hex. Which checksum it is, the
/// manifest says.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the file has none, if `index` is
///         out of range or `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_checksum(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_file(snapshot, index, std::ptr::null(), |view, file| view.texts.get_some(file.checksum)) }
}

/// A data file's size as stored (compressed).
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return bytes; -1 if `index` is out of range or `snapshot` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_size(snapshot: *const lode_snapshot, index: usize) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_file(snapshot, index, -1, |_, file| count(file.size)) }
}

/// How many records a data file holds.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return the number of records; -1 if the manifest does not say, if `index` is out of range or `snapshot`
///         is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_row_count(snapshot: *const lode_snapshot, index: usize) -> i64 {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe { ask_file(snapshot, index, -1, |_, file| file.row_count.map_or(-1, count)) }
}

/// Frees a snapshot's handle and the texts it gave out. The snapshot itself stays in the store.
///
/// @param snapshot the handle; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_free(snapshot: *mut lode_snapshot) {
    // SAFETY: NULL or a snapshot of the caller's, as lode.h asks.
    unsafe { handle::free(snapshot) }
}

#[cfg(test)]
mod tests;

//! `lode_snapshot` with its accessors.

use std::ffi::{CStr, CString, c_char};
use std::sync::OnceLock;

use crate::arguments::Out;
use crate::handle::{self, Handle, Shared};
use crate::panic::query;
use crate::record_iterator::LODE_NO_TIMESTAMP;
use crate::strings::{LazyText, c_text};
use lode_core::dataset::Snapshot;
use lode_core::error::Result;
use lode_core::manifest::{AddressSpace, Block, FileRef, Manifest};

/// A committed snapshot: what its manifest says. It never changes. Threads may share it; it needs neither
/// dataset nor store to live on. The texts that it gives out live until it is freed. The manifest, the
/// metadata and the texts of files are made when they are first asked for; where there is no memory for one,
/// the answer is NULL.
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

/// A snapshot with its texts as C reads them. Those that a manifest may have many or long ones of are made
/// when they are first asked for.
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    id: CString,
    dataset_id: CString,
    parent_id: Option<CString>,
    codec: Option<CString>,
    compressor: CString,
    metadata_json: LazyText,
    manifest_json: LazyText,
    /// As many as the snapshot has files.
    files: OnceLock<Box<[FileTexts]>>,
    /// As many as a volume's snapshot has blocks.
    blocks: OnceLock<Box<[BlockTexts]>>,
    /// Of each producer the sequence and the position, as C reads it; made when first asked for.
    producers: OnceLock<Vec<(String, u64, CString)>>,
}

/// The texts of a data file.
#[derive(Default)]
struct FileTexts {
    path: LazyText,
    location: LazyText,
    checksum: LazyText,
}

/// The texts of a volume's block.
#[derive(Default)]
pub(super) struct BlockTexts {
    path: LazyText,
    location: LazyText,
    checksum: LazyText,
}

impl BlockTexts {
    pub(super) fn path(&self, view: &View, block: &Block) -> *const c_char {
        self.path.get(|| Some(block.path(&view.manifest().dataset_id)))
    }

    pub(super) fn location(&self, view: &View, block: &Block) -> *const c_char {
        self.location.get(|| view.snapshot.location_of(&block.path(&view.manifest().dataset_id)))
    }

    pub(super) fn checksum(&self, _view: &View, block: &Block) -> *const c_char {
        self.checksum.get(|| block.sum.text())
    }
}

impl View {
    /// Of a volume's snapshot what it has in place of files.
    pub(super) fn address_space(&self) -> Option<&AddressSpace> {
        self.manifest().address_space.as_ref()
    }

    /// The block of this number, and its texts; `None` if there is no such block, or no memory for them.
    fn block_texts(&self, index: usize) -> Option<(&Block, &BlockTexts)> {
        let blocks = self.address_space()?.blocks.as_slice();
        let block = blocks.get(index)?;
        if self.blocks.get().is_none() {
            let mut texts: Vec<BlockTexts> = Vec::new();
            texts.try_reserve_exact(blocks.len()).ok()?;
            texts.resize_with(blocks.len(), BlockTexts::default);
            self.blocks.get_or_init(|| texts.into_boxed_slice());
        }
        Some((block, self.blocks.get()?.get(index)?))
    }

    fn new(snapshot: Snapshot) -> Result<Self> {
        let manifest = snapshot.manifest();
        Ok(View {
            id: c_text(&manifest.snapshot_id)?,
            dataset_id: c_text(&manifest.dataset_id)?,
            parent_id: manifest.parent_snapshot_id.as_deref().map(c_text).transpose()?,
            codec: manifest.codec.as_deref().map(c_text).transpose()?,
            compressor: c_text(&manifest.compressor)?,
            metadata_json: LazyText::default(),
            manifest_json: LazyText::default(),
            files: OnceLock::new(),
            blocks: OnceLock::new(),
            producers: OnceLock::new(),
            snapshot,
        })
    }

    fn manifest(&self) -> &Manifest {
        self.snapshot.manifest()
    }

    /// The texts of the file of this number; `None` if there is no such file, or no memory for them.
    fn file_texts(&self, index: usize) -> Option<&FileTexts> {
        if let Some(files) = self.files.get() {
            return files.get(index);
        }
        let count = self.manifest().files.len();
        let mut files: Vec<FileTexts> = Vec::new();
        files.try_reserve_exact(count).ok()?;
        files.resize_with(count, FileTexts::default);
        self.files.get_or_init(|| files.into_boxed_slice()).get(index)
    }

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

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Answers a question about a snapshot; NULL gives `none`.
///
/// # Safety
/// `snapshot` is NULL or a snapshot that was not freed.
pub(super) unsafe fn ask<T: Copy>(
    snapshot: *const lode_snapshot,
    none: T,
    what: impl FnOnce(&View) -> T,
) -> T {
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
    what: impl FnOnce(&Manifest, &FileRef) -> T,
) -> T {
    // SAFETY: as asked of the caller.
    unsafe {
        ask(snapshot, none, |view| {
            let manifest = view.manifest();
            manifest.files.get(index).map_or(none, |file| what(manifest, file))
        })
    }
}

/// A text of one file of a snapshot; NULL for all that has none.
///
/// # Safety
/// As [`ask`].
unsafe fn ask_file_text(
    snapshot: *const lode_snapshot,
    index: usize,
    what: impl FnOnce(&View, &FileTexts) -> *const c_char,
) -> *const c_char {
    let none = std::ptr::null();
    // SAFETY: as asked of the caller.
    unsafe { ask(snapshot, none, |view| view.file_texts(index).map_or(none, |texts| what(view, texts))) }
}

/// Answers a question about one block of a volume's snapshot; NULL and an index out of range give 0.
///
/// # Safety
/// As [`ask`].
pub(super) unsafe fn ask_block(
    snapshot: *const lode_snapshot,
    index: usize,
    what: impl FnOnce(&Block) -> u64,
) -> u64 {
    // SAFETY: as asked of the caller.
    unsafe {
        ask(snapshot, 0, |view| {
            view.address_space().and_then(|space| space.blocks.as_slice().get(index)).map_or(0, what)
        })
    }
}

/// A text of one block of a volume's snapshot; NULL for all that has none.
///
/// # Safety
/// As [`ask`].
pub(super) unsafe fn ask_block_text(
    snapshot: *const lode_snapshot,
    index: usize,
    what: impl FnOnce(&BlockTexts, &View, &Block) -> *const c_char,
) -> *const c_char {
    let none = std::ptr::null();
    // SAFETY: as asked of the caller.
    unsafe {
        ask(snapshot, none, |view| {
            view.block_texts(index).map_or(none, |(block, texts)| what(texts, view, block))
        })
    }
}

/// The text, or NULL.
fn or_null(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
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
    unsafe { ask(snapshot, std::ptr::null(), |view| view.id.as_ptr()) }
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
    unsafe { ask(snapshot, std::ptr::null(), |view| view.dataset_id.as_ptr()) }
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
    unsafe { ask(snapshot, std::ptr::null(), |view| or_null(view.parent_id.as_deref())) }
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
    unsafe { ask(snapshot, LODE_NO_TIMESTAMP, |view| view.manifest().created_at) }
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
    unsafe { ask(snapshot, -1, |view| count(view.manifest().row_count)) }
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
        ask(snapshot, LODE_NO_TIMESTAMP, |view| view.manifest().min_timestamp.unwrap_or(LODE_NO_TIMESTAMP))
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
        ask(snapshot, LODE_NO_TIMESTAMP, |view| view.manifest().max_timestamp.unwrap_or(LODE_NO_TIMESTAMP))
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
    unsafe { ask(snapshot, std::ptr::null(), |view| or_null(view.codec.as_deref())) }
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
    unsafe { ask(snapshot, std::ptr::null(), |view| view.compressor.as_ptr()) }
}

/// The metadata that came with the commit, as one JSON object with its keys sorted.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; "{}" if there is none; NULL if `snapshot`
///         is NULL or memory ran out.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_metadata_json(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask(snapshot, std::ptr::null(), |view| {
            view.metadata_json.get(|| Some(view.manifest().metadata.user_json()))
        })
    }
}

/// The whole manifest, byte for byte as it is stored.
///
/// @param snapshot the snapshot. NULL: see below.
/// @return JSON text, UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `snapshot` is NULL or
///         memory ran out.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_manifest_json(snapshot: *const lode_snapshot) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask(snapshot, std::ptr::null(), |view| view.manifest_json.get(|| Some(view.snapshot.manifest_json())))
    }
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
    unsafe { ask(snapshot, 0, |view| view.manifest().files.len()) }
}

/// A data file's key in the store.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if `index` is out of range,
///         `snapshot` is NULL or memory ran out.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_path(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask_file_text(snapshot, index, |view, texts| {
            texts.path.get(|| Some(&*view.manifest().files[index].path))
        })
    }
}

/// Where another program finds a data file: an absolute path, as of the opening of the store.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the store has no such place,
///         `index` is out of range, `snapshot` is NULL or memory ran out.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_location(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask_file_text(snapshot, index, |view, texts| texts.location.get(|| view.snapshot.location(index)))
    }
}

/// The checksum of a data file's stored (compressed) bytes, in lower-case hex. Which checksum it is, the
/// manifest says.
///
/// @param snapshot the snapshot. NULL: see below.
/// @param index the file's place in the manifest, from 0 to lode_snapshot_file_count - 1.
/// @return UTF-8, owned by the snapshot, until lode_snapshot_free; NULL if the file has none, `index` is
///         out of range, `snapshot` is NULL or memory ran out.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_snapshot_file_checksum(
    snapshot: *const lode_snapshot,
    index: usize,
) -> *const c_char {
    // SAFETY: NULL or a snapshot, as lode.h asks.
    unsafe {
        ask_file_text(snapshot, index, |view, texts| {
            texts.checksum.get(|| view.manifest().files[index].checksum.as_deref())
        })
    }
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
    unsafe { ask_file(snapshot, index, -1, |_, file| count(file.size_bytes)) }
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
    unsafe { ask_file(snapshot, index, -1, |manifest, _| manifest.file_row_count(index).map_or(-1, count)) }
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

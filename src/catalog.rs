//! `lode_catalog`: looking around in a store.

use std::ffi::c_char;

use crate::arguments::{Out, slice_fault};
use crate::blob_reader::lode_blob_reader;
use crate::call::{Call, run};
use crate::dataset::{LODE_LAYOUT_DEFAULT, LODE_LAYOUT_FLAT, LODE_LAYOUT_HIVE};
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::options::{Versioned, init, lode_call_options};
use crate::record_iterator::LODE_NO_TIMESTAMP;
use crate::record_reader::lode_read_options;
use crate::snapshot::{give_snapshot, lode_snapshot};
use crate::snapshot_iterator::lode_snapshot_iterator;
use crate::status::{LODE_OK, lode_status};
use crate::store::lode_store;
use crate::string_iterator::{give_keys, lode_string_iterator};
use lode_core::catalog::{Catalog, SnapshotFilter};
use lode_core::error::{Result, Status};
use lode_core::layout::Layout;

/// A view of a store as datasets of one layout. It shows what is stored, and does not follow the history as a
/// lode_dataset does: a snapshot is shown if its manifest exists. Nothing is ever written. Threads may share
/// it; iterators and readers made from it keep what they need of it: it may be freed before them.
pub struct lode_catalog {
    _opaque: [u8; 0],
}

impl Handle for lode_catalog {
    type Value = Catalog;
    const NAME: &'static str = "lode_catalog";
    const TAG: u32 = u32::from_le_bytes(*b"Lcat");
}

impl Shared for lode_catalog {}

/// Which datasets a catalog shows. All zero but `struct_size`: those of the default layout.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_catalog_options {
    /// sizeof(lode_catalog_options), as the caller was compiled.
    pub struct_size: usize,
    /// One of LODE_LAYOUT_*: datasets of another layout are not seen.
    pub layout: i32,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_catalog_options {
    const NAME: &'static str = "lode_catalog_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// Fills the options with the defaults: datasets of the default layout.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_catalog_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_options_init(options: *mut lode_catalog_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

impl Call {
    fn layout(&self, layout: i32) -> Result<Layout> {
        match layout {
            LODE_LAYOUT_DEFAULT => Ok(Layout::Default),
            LODE_LAYOUT_HIVE => Ok(Layout::Hive),
            LODE_LAYOUT_FLAT => Ok(Layout::Flat),
            other => Err(self.out_of_range("layout", other, "one of LODE_LAYOUT_* (0 to 2)")),
        }
    }

    /// Which snapshots are wanted.
    ///
    /// # Safety
    /// `partition_prefix` is NULL or NUL-terminated, `unix_nanos_range` NULL or two numbers.
    unsafe fn filter(
        &self,
        partition_prefix: *const c_char,
        unix_nanos_range: *const i64,
    ) -> Result<SnapshotFilter> {
        // SAFETY: as asked of the caller.
        let partition = unsafe { self.optional_text(partition_prefix, "partition_prefix")? };
        let unix_nanos = if unix_nanos_range.is_null() {
            None
        } else if let Some(fault) = slice_fault(unix_nanos_range, 2) {
            return Err(self.fault(Status::InvalidArgument, format_args!("unix_nanos_range {fault}")));
        } else {
            // SAFETY: not NULL and aligned, and two numbers as asked of the caller.
            Some(unsafe { (*unix_nanos_range, *unix_nanos_range.add(1)) })
        };
        Ok(SnapshotFilter { partition: partition.unwrap_or_default().to_owned(), unix_nanos })
    }
}

/// Opens a catalog of the datasets in a store that have this layout. No I/O.
///
/// @param store the store; the catalog keeps its own hold of it. Not NULL.
/// @param options which layout. Borrowed for the call. NULL: the default layout.
/// @param catalog output: the catalog, which the caller owns and frees with lode_catalog_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_open(
    store: *mut lode_store,
    options: *const lode_catalog_options,
    catalog: *mut *mut lode_catalog,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_open", error, |call| {
            let catalog = Out::reset(catalog, std::ptr::null_mut());
            let store = call.shared(store.cast_const(), "store")?;
            let layout = call.layout(call.options(options, "options")?.layout)?;
            let catalog = catalog.required(call, "catalog")?;
            catalog.set(handle::give(Catalog::open(store, layout))?);
            Ok(LODE_OK)
        })
    }
}

/// Begins to list the ids of the datasets that have a snapshot, sorted bytewise. A store without any gives an
/// iterator that is at its end.
///
/// @param catalog the catalog. Not NULL.
/// @param call deadline and cancel token, for this call, and again for each lode_string_iterator_next, from
///        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
///        defaults.
/// @param ids output: the iterator, which the caller owns and frees with lode_string_iterator_free. Its
///        memory is bounded: about 10 MiB, however many datasets there are. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_DATASETS_NOT_MODELED (the flat layout has no place of its own for datasets),
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_list_datasets(
    catalog: *mut lode_catalog,
    call: *const lode_call_options,
    ids: *mut *mut lode_string_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_list_datasets", error, |this| {
            let ids = Out::reset(ids, std::ptr::null_mut());
            let catalog = this.shared(catalog.cast_const(), "catalog")?;
            let options = this.call_options(call)?;
            let ids = ids.required(this, "ids")?;
            give_keys(catalog.datasets(&options)?, &ids)?;
            Ok(LODE_OK)
        })
    }
}

/// Begins to list the partitions of a dataset in which a committed snapshot has a file, such as
/// "day=2024-01-01/region=eu", sorted segment by segment. Only the hive layout has any: with another the
/// iterator is at its end.
///
/// @param catalog the catalog. Not NULL.
/// @param dataset_id the dataset; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token, for this call, and again for each lode_string_iterator_next, from
///        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
///        defaults.
/// @param partitions output: the iterator, which the caller owns and frees with lode_string_iterator_free.
///        Its memory is bounded: about 10 MiB for each partition key. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND (no snapshot of this layout is there), LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_STORE,
///         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_list_partitions(
    catalog: *mut lode_catalog,
    dataset_id: *const c_char,
    call: *const lode_call_options,
    partitions: *mut *mut lode_string_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_list_partitions", error, |this| {
            let partitions = Out::reset(partitions, std::ptr::null_mut());
            let catalog = this.shared(catalog.cast_const(), "catalog")?;
            let dataset = this.text(dataset_id, "dataset_id")?;
            let options = this.call_options(call)?;
            let partitions = partitions.required(this, "partitions")?;
            give_keys(catalog.partitions(dataset, &options)?, &partitions)?;
            Ok(LODE_OK)
        })
    }
}

/// Begins to list the snapshots of a dataset, sorted by their ids: every one whose manifest is there, whether
/// or not the dataset's history leads to it. lode_dataset_list_snapshots gives the history.
///
/// @param catalog the catalog. Not NULL.
/// @param dataset_id the dataset; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param partition_prefix only snapshots with a file in this partition or below it, such as "day=2024-01-01"
///        for "day=2024-01-01/region=eu"; whole segments count, so that "day=2024" is no prefix of either.
///        With a layout that has no partitions nothing lies in one. NUL-terminated UTF-8, borrowed for the
///        call. NULL or "": all.
/// @param unix_nanos_range two numbers, from and to, in nanoseconds since the Unix epoch, both included: only
///        snapshots whose records' times (lode_snapshot_min_timestamp to lode_snapshot_max_timestamp) reach
///        into that range; those without times do not. INT64_MIN and INT64_MAX leave an end open. Borrowed
///        for the call. NULL: all.
/// @param call deadline and cancel token, for this call, and again for each lode_snapshot_iterator_next, from
///        its own start; the iterator keeps its own hold of the token. Borrowed for the call. NULL: the
///        defaults.
/// @param snapshots output: the iterator, which the caller owns and frees with lode_snapshot_iterator_free.
///        Its memory is bounded: about 10 MiB, and one manifest. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND (no snapshot of this layout is there), LODE_ERR_INVALID_PATH (a prefix
///         that no partition can have), LODE_ERR_INVALID_ARGUMENT (also if the range ends before it begins),
///         LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_STORE,
///         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_list_snapshots(
    catalog: *mut lode_catalog,
    dataset_id: *const c_char,
    partition_prefix: *const c_char,
    unix_nanos_range: *const i64,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_list_snapshots", error, |this| {
            let snapshots = Out::reset(snapshots, std::ptr::null_mut());
            let catalog = this.shared(catalog.cast_const(), "catalog")?;
            let dataset = this.text(dataset_id, "dataset_id")?;
            let filter = this.filter(partition_prefix, unix_nanos_range)?;
            let options = this.call_options(call)?;
            let snapshots = snapshots.required(this, "snapshots")?;
            snapshots.set(handle::give(catalog.snapshots(dataset, filter, &options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Reads one manifest by its key.
///
/// @param catalog the catalog. Not NULL.
/// @param key the key, which must have exactly the shape of a manifest's in the catalog's layout; in the hive
///        layout the copies in partitions count, too. NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the snapshot, which the caller owns and frees with lode_snapshot_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND (nothing is there), LODE_ERR_INVALID_PATH (the key breaks the rules
///         for keys), LODE_ERR_INVALID_ARGUMENT (also if the key has another shape), LODE_ERR_UNSUPPORTED,
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_MANIFEST_INVALID (the message
///         names the field), LODE_ERR_CORRUPT (it is longer than 256 MiB), LODE_ERR_STORE, LODE_ERR_IO,
///         LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_read_manifest(
    catalog: *mut lode_catalog,
    key: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_read_manifest", error, |this| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let catalog = this.shared(catalog.cast_const(), "catalog")?;
            let key = this.text(key, "key")?;
            let options = this.call_options(call)?;
            let snapshot = snapshot.required(this, "snapshot")?;
            give_snapshot(catalog.manifest(key, &options)?, &snapshot)?;
            Ok(LODE_OK)
        })
    }
}

/// Opens any object of the store, such as a data file, to be read as it is stored: as a stream, or at any
/// place. Nothing is decompressed, and only the size at the time of the opening is checked: `verify` of the
/// options has no effect.
///
/// @param catalog the catalog. Not NULL.
/// @param key the object's key, such as lode_snapshot_file_path gives it; NUL-terminated UTF-8, borrowed for
///        the call. Not NULL.
/// @param options deadline of this call and of each call on the reader, and cancel token, which the reader
///        keeps its own hold of. Borrowed for the call. NULL: the defaults.
/// @param reader output: the reader, which the caller owns and frees with lode_blob_reader_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND (nothing is there), LODE_ERR_INVALID_PATH (the key breaks the rules
///         for keys), LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_STORE, LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_open_object(
    catalog: *mut lode_catalog,
    key: *const c_char,
    options: *const lode_read_options,
    reader: *mut *mut lode_blob_reader,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_catalog_open_object", error, |call| {
            let reader = Out::reset(reader, std::ptr::null_mut());
            let catalog = call.shared(catalog.cast_const(), "catalog")?;
            let key = call.text(key, "key")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            let reader = reader.required(call, "reader")?;
            reader.set(handle::give(catalog.object(key, options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Frees a catalog. What was made from it goes on working.
///
/// @param catalog the catalog; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_catalog_free(catalog: *mut lode_catalog) {
    // SAFETY: NULL or a catalog of the caller's, as lode.h asks.
    unsafe { handle::free(catalog) }
}

// A snapshot without times gives this number, and a range may begin with it: it stands for no time then,
// either.
const _: () = assert!(LODE_NO_TIMESTAMP == i64::MIN);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{lode_error_free, lode_error_message};
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use crate::store::{lode_store_free, lode_store_open_memory};
    use std::ffi::CStr;
    use std::ptr;

    #[test]
    fn layouts_are_the_three_and_ranges_two_numbers() {
        let call = Call { function: "lode_test" };
        let given = [0, 1, 2].map(|layout| call.layout(layout).unwrap());
        assert_eq!(given, [Layout::Default, Layout::Hive, Layout::Flat]);
        let error = call.layout(3).unwrap_err();
        assert_eq!(error.message(), "lode_test: options.layout is 3, expected one of LODE_LAYOUT_* (0 to 2)");
        let range = [5_i64, 9];
        // SAFETY: NULL, texts, two numbers, and a pointer that is refused before it is read.
        unsafe {
            assert_eq!(call.filter(ptr::null(), ptr::null()).unwrap(), SnapshotFilter::default());
            let filter = call.filter(c"a=1".as_ptr(), range.as_ptr()).unwrap();
            assert_eq!(filter, SnapshotFilter { partition: "a=1".into(), unix_nanos: Some((5, 9)) });
            let odd = range.as_ptr().cast::<u8>().wrapping_add(1).cast::<i64>();
            let error = call.filter(ptr::null(), odd).unwrap_err();
            assert_eq!(error.message(), "lode_test: unix_nanos_range is not aligned");
        }
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let (mut catalog, mut keys) = (ptr::dangling_mut(), ptr::dangling_mut());
        let (mut snapshots, mut snapshot) = (ptr::dangling_mut(), ptr::dangling_mut());
        let mut reader = ptr::dangling_mut();
        let (nothing, options) = (ptr::null_mut(), ptr::null());
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_catalog_open(ptr::null_mut(), ptr::null(), &raw mut catalog, ptr::null_mut()),
                lode_catalog_list_datasets(nothing, options, &raw mut keys, ptr::null_mut()),
                lode_catalog_list_partitions(nothing, ptr::null(), options, &raw mut keys, ptr::null_mut()),
                lode_catalog_list_snapshots(
                    nothing,
                    ptr::null(),
                    ptr::null(),
                    ptr::null(),
                    options,
                    &raw mut snapshots,
                    ptr::null_mut(),
                ),
                lode_catalog_read_manifest(nothing, ptr::null(), options, &raw mut snapshot, ptr::null_mut()),
                lode_catalog_open_object(nothing, ptr::null(), ptr::null(), &raw mut reader, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 6]);
            lode_catalog_free(nothing);
        }
        assert!(catalog.is_null() && keys.is_null() && snapshots.is_null() && snapshot.is_null());
        assert!(reader.is_null());
    }

    #[test]
    fn missing_outputs_are_named() {
        let hive =
            lode_catalog_options { struct_size: size_of::<lode_catalog_options>(), layout: LODE_LAYOUT_HIVE };
        let mut store = ptr::null_mut();
        let mut catalog = ptr::null_mut();
        let mut error = ptr::null_mut();
        // SAFETY: handles of the right types, and NULL.
        unsafe {
            assert_eq!(lode_store_open_memory(ptr::null(), &raw mut store, ptr::null_mut()), LODE_OK);
            let status = lode_catalog_open(store, &raw const hive, ptr::null_mut(), &raw mut error);
            assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
            assert!(CStr::from_ptr(lode_error_message(error)).to_str().unwrap().contains("catalog is NULL"));
            lode_error_free(error);
            let status = lode_catalog_open(store, &raw const hive, &raw mut catalog, &raw mut error);
            assert_eq!(status, LODE_OK);
            lode_store_free(store);
            let status = lode_catalog_list_datasets(catalog, ptr::null(), ptr::null_mut(), &raw mut error);
            assert_eq!(status, LODE_ERR_INVALID_ARGUMENT);
            assert!(CStr::from_ptr(lode_error_message(error)).to_str().unwrap().contains("ids is NULL"));
            lode_error_free(error);
            lode_catalog_free(catalog);
        }
    }
}

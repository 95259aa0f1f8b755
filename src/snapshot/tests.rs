//! Snapshots as C sees them, on a dataset in memory.

use super::*;
use crate::arguments::lode_bytes;
use crate::commit::give_commit;
use crate::dataset::lode_dataset;
use crate::record_reader::{
    lode_dataset_open_record_reader, lode_record_reader_free, lode_record_reader_next,
    lode_record_reader_next_batch,
};
use crate::snapshot_iterator::{
    lode_dataset_find_latest, lode_dataset_find_snapshot, lode_dataset_list_snapshots,
    lode_snapshot_iterator_free, lode_snapshot_iterator_next,
};
use crate::status::{
    LODE_COMMITTED_BESIDE_FOREIGN, LODE_COMMITTED_UNPUBLISHED, LODE_ERR_NO_SNAPSHOTS, LODE_ITEM, LODE_OK,
    lode_status,
};
use lode_core::codec::Codec;
use lode_core::dataset::{Commit, Dataset, DatasetOptions, Outcome, WriterOptions};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};
use std::ptr;

fn dataset() -> Dataset {
    let store = Store::open_memory(StoreOptions::default());
    let options = DatasetOptions { codec: Codec::Jsonl, ..DatasetOptions::default() };
    Dataset::open(&store, "events", options).unwrap()
}

fn commit(dataset: &Dataset, records: &[(&str, Option<i64>)], metadata: &str) -> Commit {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for (record, time) in records {
        writer.append(record.as_bytes(), *time).unwrap();
    }
    writer.commit(Metadata::parse(metadata).unwrap(), CommitOptions::default()).unwrap()
}

fn text(text: *const c_char) -> Option<String> {
    // SAFETY: NULL or a text of a snapshot that lives.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
}

fn give(commit: Commit) -> (lode_status, *mut lode_snapshot) {
    let mut snapshot = ptr::null_mut();
    // SAFETY: the output may be written.
    let out = unsafe { Out::reset(&raw mut snapshot, ptr::null_mut()) };
    let status = give_commit(commit, &out).unwrap();
    (status, snapshot)
}

#[test]
fn accessors_say_what_the_manifest_says() {
    let dataset = dataset();
    let first = commit(&dataset, &[], "{}").snapshot;
    let records = [("{\"id\":1}", Some(20)), ("{\"id\":2}", None), ("{\"id\":3}", Some(10))];
    let second = commit(&dataset, &records, "{\"b\":1,\"a\":[]}");
    let stored = second.snapshot.clone();
    let (status, snapshot) = give(second);
    assert_eq!(status, LODE_OK);
    let manifest = stored.manifest();
    // SAFETY: a snapshot that lives until its free.
    unsafe {
        assert_eq!(text(lode_snapshot_id(snapshot)).unwrap(), manifest.snapshot_id);
        assert_eq!(text(lode_snapshot_dataset_id(snapshot)).unwrap(), "events");
        assert_eq!(text(lode_snapshot_parent_id(snapshot)).unwrap(), first.manifest().snapshot_id);
        assert_eq!(lode_snapshot_created_at(snapshot), manifest.created_at);
        assert_eq!(lode_snapshot_row_count(snapshot), 3);
        assert_eq!(lode_snapshot_min_timestamp(snapshot), 10);
        assert_eq!(lode_snapshot_max_timestamp(snapshot), 20);
        assert_eq!(text(lode_snapshot_codec(snapshot)).unwrap(), "jsonl");
        assert_eq!(text(lode_snapshot_compressor(snapshot)).unwrap(), "noop");
        assert_eq!(text(lode_snapshot_metadata_json(snapshot)).unwrap(), "{\"a\":[],\"b\":1}");
        assert_eq!(text(lode_snapshot_manifest_json(snapshot)).unwrap(), stored.manifest_json());
        assert_eq!(lode_snapshot_file_count(snapshot), 1);
        let file = &manifest.files[0];
        assert_eq!(text(lode_snapshot_file_path(snapshot, 0)).unwrap(), file.path);
        assert_eq!(text(lode_snapshot_file_location(snapshot, 0)), None, "memory is no place for others");
        assert_eq!(text(lode_snapshot_file_checksum(snapshot, 0)), file.checksum);
        assert_eq!(lode_snapshot_file_size(snapshot, 0), 27);
        assert_eq!(lode_snapshot_file_row_count(snapshot, 0), 3, "it is the only file");
        for index in [1, usize::MAX] {
            assert_eq!(text(lode_snapshot_file_path(snapshot, index)), None);
            assert_eq!(text(lode_snapshot_file_location(snapshot, index)), None);
            assert_eq!(text(lode_snapshot_file_checksum(snapshot, index)), None);
            assert_eq!(lode_snapshot_file_size(snapshot, index), -1);
            assert_eq!(lode_snapshot_file_row_count(snapshot, index), -1);
        }
        lode_snapshot_free(snapshot);
    }
}

#[test]
fn a_first_snapshot_has_no_parent_and_one_without_times_no_timestamps() {
    let (_, snapshot) = give(commit(&dataset(), &[("1", None)], "{}"));
    // SAFETY: a snapshot that lives until its free.
    unsafe {
        assert_eq!(text(lode_snapshot_parent_id(snapshot)), None);
        assert_eq!(lode_snapshot_min_timestamp(snapshot), LODE_NO_TIMESTAMP);
        assert_eq!(lode_snapshot_max_timestamp(snapshot), LODE_NO_TIMESTAMP);
        assert_eq!(text(lode_snapshot_metadata_json(snapshot)).unwrap(), "{}");
        lode_snapshot_free(snapshot);
    }
}

#[test]
fn null_has_an_answer_everywhere() {
    let null = ptr::null();
    // SAFETY: NULL is allowed.
    unsafe {
        for accessor in [
            lode_snapshot_id,
            lode_snapshot_dataset_id,
            lode_snapshot_parent_id,
            lode_snapshot_codec,
            lode_snapshot_compressor,
            lode_snapshot_metadata_json,
            lode_snapshot_manifest_json,
        ] {
            assert!(accessor(null).is_null());
        }
        for accessor in [lode_snapshot_created_at, lode_snapshot_min_timestamp, lode_snapshot_max_timestamp] {
            assert_eq!(accessor(null), LODE_NO_TIMESTAMP);
        }
        assert_eq!((lode_snapshot_row_count(null), lode_snapshot_file_count(null)), (-1, 0));
        assert!(lode_snapshot_file_path(null, 0).is_null());
        assert!(lode_snapshot_file_location(null, 0).is_null());
        assert!(lode_snapshot_file_checksum(null, 0).is_null());
        assert_eq!((lode_snapshot_file_size(null, 0), lode_snapshot_file_row_count(null, 0)), (-1, -1));
        lode_snapshot_free(ptr::null_mut());
        lode_snapshot_iterator_free(ptr::null_mut());
    }
}

#[test]
fn the_outcome_of_a_commit_is_its_status() {
    let dataset = dataset();
    for (outcome, expected) in [
        (Outcome::Committed, LODE_OK),
        (Outcome::Unpublished, LODE_COMMITTED_UNPUBLISHED),
        (Outcome::BesideForeign, LODE_COMMITTED_BESIDE_FOREIGN),
    ] {
        let (status, snapshot) = give(Commit { outcome, ..commit(&dataset, &[], "{}") });
        assert_eq!(status, expected);
        // SAFETY: ours, once.
        unsafe { lode_snapshot_free(snapshot) };
    }
    // SAFETY: NULL: not wanted.
    let unwanted = unsafe { Out::reset(ptr::null_mut(), ptr::null_mut()) };
    assert_eq!(give_commit(commit(&dataset, &[], "{}"), &unwanted).unwrap(), LODE_OK);
}

#[test]
fn snapshots_are_found_listed_and_read_whatever_is_freed_meanwhile() {
    let rust = dataset();
    let handle: *mut lode_dataset = handle::give(rust.clone()).unwrap();
    let (mut snapshot, mut snapshots) = (ptr::dangling_mut(), ptr::dangling_mut());
    let none = ptr::null_mut();
    // SAFETY: handles live until their frees; outputs may be written.
    unsafe {
        let status = lode_dataset_find_latest(handle, ptr::null(), &raw mut snapshot, none);
        assert_eq!((status, snapshot), (LODE_ERR_NO_SNAPSHOTS, ptr::null_mut()));

        let ids = [1, 2, 3].map(|number: i32| {
            let record = number.to_string();
            commit(&rust, &[(&record, None), ("[]", None)], "{}").snapshot.manifest().snapshot_id.clone()
        });
        assert_eq!(lode_dataset_list_snapshots(handle, ptr::null(), &raw mut snapshots, none), LODE_OK);
        let wanted = std::ffi::CString::new(ids[1].clone()).unwrap();
        let status =
            lode_dataset_find_snapshot(handle, wanted.as_ptr(), ptr::null(), &raw mut snapshot, none);
        assert_eq!((status, text(lode_snapshot_id(snapshot)).as_ref()), (LODE_OK, Some(&ids[1])));

        let mut reader = ptr::null_mut();
        assert_eq!(
            lode_dataset_open_record_reader(handle, snapshot, ptr::null(), &raw mut reader, none),
            LODE_OK
        );
        lode_snapshot_free(snapshot);
        handle::free(handle);
        drop(rust);

        let mut record = lode_bytes::EMPTY;
        assert_eq!(lode_record_reader_next(reader, &raw mut record, none), LODE_ITEM);
        assert_eq!(std::slice::from_raw_parts(record.data, record.len), b"2");
        let (mut batch, mut count) = ([lode_bytes::EMPTY; 4], 9);
        let status = lode_record_reader_next_batch(reader, batch.as_mut_ptr(), 4, &raw mut count, none);
        assert_eq!((status, count), (LODE_ITEM, 1));
        assert_eq!(std::slice::from_raw_parts(batch[0].data, batch[0].len), b"[]");
        let status = lode_record_reader_next_batch(reader, batch.as_mut_ptr(), 4, &raw mut count, none);
        assert_eq!((status, count), (LODE_OK, 0));
        assert_eq!(lode_record_reader_next(reader, &raw mut record, none), LODE_OK);
        assert_eq!(record, lode_bytes::EMPTY);
        lode_record_reader_free(reader);

        for id in &ids {
            assert_eq!(lode_snapshot_iterator_next(snapshots, &raw mut snapshot, none), LODE_ITEM);
            assert_eq!(text(lode_snapshot_id(snapshot)).as_ref(), Some(id));
            lode_snapshot_free(snapshot);
        }
        assert_eq!(lode_snapshot_iterator_next(snapshots, &raw mut snapshot, none), LODE_OK);
        assert!(snapshot.is_null());
        lode_snapshot_iterator_free(snapshots);
    }
}

//! What a catalog shows, of stores that writers made and of damaged ones.

use std::time::Duration;

use super::*;
use crate::checksum::Checksum;
use crate::codec::Codec;
use crate::context::CancelToken;
use crate::dataset::tests::counts::Counted;
use crate::dataset::{Dataset, DatasetOptions};
use crate::manifest::{FileFormat, FileRef, Manifest, Metadata};
use crate::options::CommitOptions;
use crate::store::{Durability, Put, StoreOptions};

const NO_CALL: CallOptions = CallOptions { deadline: None, cancel: None, progress: None };

fn memory() -> Store {
    Store::open_memory(StoreOptions::default())
}

fn put(store: &Store, key: &str, data: &[u8]) {
    assert!(
        matches!(store.backend().put_if_absent(Context::unlimited(), key, data, Durability::Full), Put::Done),
        "{key}"
    );
}

/// Keys of everything in a store.
fn keys_of(store: &Store) -> Vec<String> {
    let mut keys = Vec::new();
    store
        .backend()
        .list(Context::unlimited(), "", None, &mut |key| {
            keys.push(key.to_owned());
            true
        })
        .unwrap();
    keys.sort();
    keys
}

/// A manifest with a file in each of these partitions.
fn manifest(layout: Layout, dataset: &str, id: &str, partitions: &[&str]) -> Manifest {
    let file = |partition: &&str| FileRef::new(layout.partition_data_path(dataset, partition, id, "data"), 3);
    let format = FileFormat { codec: Codec::Jsonl, checksum: Checksum::None, ..FileFormat::default() };
    Manifest {
        files: partitions.iter().map(file).collect(),
        row_count: 1,
        ..Manifest::new(layout, dataset, id, 1, format)
    }
}

/// Puts a manifest under its canonical key, if it is to have one, and its copies.
fn plant_manifest(store: &Store, layout: Layout, manifest: &Manifest, canonical: bool) {
    let (dataset, id) = (&*manifest.dataset_id, &*manifest.snapshot_id);
    let mut partitions: Vec<&str> =
        manifest.files.iter().filter_map(|file| layout.partition_of(dataset, &file.path)).collect();
    partitions.dedup();
    for partition in partitions {
        put(store, &layout.partition_manifest_path(dataset, partition, id), &manifest.encode().unwrap());
    }
    if canonical {
        put(store, &layout.manifest_path(dataset, id), &manifest.encode().unwrap());
    }
}

fn plant(store: &Store, layout: Layout, dataset: &str, id: &str, partitions: &[&str]) {
    plant_manifest(store, layout, &manifest(layout, dataset, id, partitions), true);
}

fn names(mut keys: Keys) -> Vec<String> {
    std::iter::from_fn(|| keys.next().expect("it can be read")).collect()
}

fn datasets(store: &Store, layout: Layout) -> Vec<String> {
    names(Catalog::open(store, layout).datasets(&NO_CALL).unwrap())
}

fn partitions(store: &Store, layout: Layout, dataset: &str) -> Vec<String> {
    names(Catalog::open(store, layout).partitions(dataset, &NO_CALL).unwrap())
}

fn snapshots(store: &Store, layout: Layout, dataset: &str, filter: SnapshotFilter) -> Vec<String> {
    let mut snapshots = Catalog::open(store, layout).snapshots(dataset, filter, &NO_CALL).unwrap();
    std::iter::from_fn(|| snapshots.next().expect("it can be read")).map(|it| it.id().to_owned()).collect()
}

fn all() -> SnapshotFilter {
    SnapshotFilter::default()
}

fn within(partition: &str) -> SnapshotFilter {
    SnapshotFilter { partition: partition.into(), unix_nanos: None }
}

fn commit(store: &Store, dataset: &str, record: &str) -> Snapshot {
    let options = DatasetOptions { codec: Codec::Jsonl, ..DatasetOptions::default() };
    let dataset = Dataset::open(store, dataset, options).unwrap();
    let mut writer = dataset.record_writer(crate::dataset::WriterOptions::default()).unwrap();
    writer.append(record.as_bytes(), None).unwrap();
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot
}

const GO: [&str; 3] = ["1700000000000000001", "1700000000000000002", "1700000000000000003"];

#[test]
fn datasets_are_those_that_have_a_snapshot_of_the_layout() {
    let store = memory();
    assert!(datasets(&store, Layout::Default).is_empty());
    plant(&store, Layout::Default, "foobar", "1", &[]);
    plant(&store, Layout::Default, "foo", "1", &[]);
    plant(&store, Layout::Hive, "hive", "1", &["a=1"]);
    plant(&store, Layout::Flat, "flat", "1", &[]);
    // No snapshot: data alone, slots alone, a pointer to nothing, a manifest elsewhere, a name that is no id.
    put(&store, "datasets/orphan/snapshots/1/data/data", b"x");
    put(&store, "datasets/slots/_commits/root", b"x");
    put(&store, "datasets/pointer/latest", b"1700000000000000000");
    put(&store, "datasets/deeper/snapshots/1/data/manifest.json", b"x");
    put(&store, "datasets/manifest.json", b"x");
    put(&store, "datasets/tab\tstop/snapshots/1/manifest.json", b"x");
    let written = commit(&store, "written", "1");
    // A pointer that is none does not hide what is there.
    put(&store, "datasets/foo/latest", &[0xFF; 5000]);

    let before = keys_of(&store);
    assert_eq!(datasets(&store, Layout::Default), ["foo", "foobar", "written"]);
    assert_eq!(datasets(&store, Layout::Hive), ["hive"]);
    assert_eq!(snapshots(&store, Layout::Default, "foo", all()), ["1"]);
    assert_eq!(snapshots(&store, Layout::Default, "written", all()), [written.id()]);
    assert_eq!(snapshots(&store, Layout::Flat, "flat", all()), ["1"]);
    assert_eq!(keys_of(&store), before, "readers never write");
}

#[test]
fn the_flat_layout_has_no_datasets_to_list() {
    let error = Catalog::open(&memory(), Layout::Flat).datasets(&NO_CALL).err().unwrap();
    assert_eq!(error.status(), Status::DatasetsNotModeled);
    assert!(error.message().contains("flat layout"), "{error}");
}

#[test]
fn a_dataset_without_a_snapshot_is_not_found_and_an_id_that_is_none_is_refused() {
    let store = memory();
    plant(&store, Layout::Default, "foobar", "1", &[]);
    put(&store, "datasets/foo/snapshots/1/data/data", b"x");
    for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
        let catalog = Catalog::open(&store, layout);
        for (dataset, status) in
            [("foo", Status::NotFound), ("a/b", Status::InvalidArgument), ("..", Status::InvalidArgument)]
        {
            for error in [
                catalog.partitions(dataset, &NO_CALL).err().unwrap(),
                catalog.snapshots(dataset, all(), &NO_CALL).err().unwrap(),
            ] {
                assert_eq!(error.status(), status, "{error}");
                assert!(error.message().contains(&format!("{dataset:?}")), "{error}");
            }
        }
    }
}

#[test]
fn partitions_are_those_of_committed_snapshots_sorted_by_segment() {
    let store = memory();
    let layout = Layout::Hive;
    plant(&store, layout, "events", "1", &["day=1/region=eu", "day=1/region=us"]);
    plant(&store, layout, "events", "2", &["day=1/region=eu", "day=10/region=eu"]);
    plant(&store, layout, "events", "3", &[]);
    plant(&store, layout, "eventsource", "1", &["day=9/region=eu"]);
    // Ours, half written: copies come before the canonical manifest, which is what counts.
    let half = manifest(layout, "events", "1700000000000000000-0123456789abcdef", &["day=2/region=eu"]);
    plant_manifest(&store, layout, &half, false);
    put(&store, "datasets/events/partitions/day=3/region=eu/segments/4/data/data", b"x");
    put(&store, "datasets/events/partitions/stray", b"x");
    assert_eq!(
        partitions(&store, layout, "events"),
        ["day=1/region=eu", "day=1/region=us", "day=10/region=eu"]
    );
    assert_eq!(partitions(&store, layout, "eventsource"), ["day=9/region=eu"]);
    plant(&store, Layout::Default, "plain", "1", &[]);
    assert!(partitions(&store, Layout::Default, "plain").is_empty());
}

#[test]
fn a_partition_prefix_counts_by_whole_segments() {
    let store = memory();
    let layout = Layout::Hive;
    plant(&store, layout, "events", "1", &["day=1/region=eu"]);
    plant(&store, layout, "events", "2", &["day=1/region=us", "day=10/region=eu"]);
    plant(&store, layout, "events", "3", &["day=10/region=eu"]);
    plant(&store, layout, "events", "4", &[]);
    for (prefix, expected) in [
        ("", &["1", "2", "3", "4"][..]),
        ("day=1", &["1", "2"]),
        ("day=1/", &["1", "2"]),
        ("day=1/region=eu", &["1"]),
        ("day=10", &["2", "3"]),
        ("day=1/region=e", &[]),
        ("region=eu", &[]),
        ("day=7", &[]),
    ] {
        assert_eq!(snapshots(&store, layout, "events", within(prefix)), expected, "{prefix}");
    }
    plant(&store, Layout::Default, "plain", "1", &[]);
    assert!(snapshots(&store, Layout::Default, "plain", within("day=1")).is_empty());
    let catalog = Catalog::open(&store, layout);
    for prefix in ["/day=1", "../day=1", "day=1//x", "a\0b"] {
        let error = catalog.snapshots("events", within(prefix), &NO_CALL).err().unwrap();
        assert_eq!(error.status(), Status::InvalidPath, "{prefix:?}");
        assert!(error.message().contains("the partition prefix"), "{error}");
    }
}

#[test]
fn a_range_of_times_takes_what_reaches_into_it() {
    let store = memory();
    for (id, times) in [("1", Some((10, 20))), ("2", Some((20, 30))), ("3", Some((40, 40))), ("4", None)] {
        let mut manifest = manifest(Layout::Default, "events", id, &[]);
        manifest.min_timestamp = times.map(|(min, _)| min);
        manifest.max_timestamp = times.map(|(_, max)| max);
        plant_manifest(&store, Layout::Default, &manifest, true);
    }
    for (range, expected) in [
        ((i64::MIN, i64::MAX), &["1", "2", "3"][..]),
        ((0, 9), &[]),
        ((0, 10), &["1"]),
        ((20, 20), &["1", "2"]),
        ((21, i64::MAX), &["2", "3"]),
        ((31, 39), &[]),
        ((i64::MIN, 15), &["1"]),
    ] {
        let filter = SnapshotFilter { partition: String::new(), unix_nanos: Some(range) };
        assert_eq!(snapshots(&store, Layout::Default, "events", filter), expected, "{range:?}");
    }
    let backwards = SnapshotFilter { partition: String::new(), unix_nanos: Some((2, 1)) };
    let error =
        Catalog::open(&store, Layout::Default).snapshots("events", backwards, &NO_CALL).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("from 2 to 1"), "{error}");
}

#[test]
fn early_hive_datasets_have_copies_alone() {
    let store = memory();
    let layout = Layout::Hive;
    for (id, partitions) in [(GO[0], &["a=1", "a=2"][..]), (GO[1], &["a=2"])] {
        plant_manifest(&store, layout, &manifest(layout, "events", id, partitions), false);
    }
    assert_eq!(datasets(&store, layout), ["events"]);
    assert_eq!(partitions(&store, layout, "events"), ["a=1", "a=2"]);
    assert_eq!(snapshots(&store, layout, "events", all()), GO[..2]);
    assert_eq!(snapshots(&store, layout, "events", within("a=1")), GO[..1]);
    // Continued by a later version, which writes canonical manifests.
    let mut later = manifest(layout, "events", GO[2], &["a=1"]);
    later.parent_snapshot_id = Some(GO[1].into());
    plant_manifest(&store, layout, &later, true);
    assert_eq!(snapshots(&store, layout, "events", all()), GO);
    assert_eq!(snapshots(&store, layout, "events", within("a=1")), [GO[0], GO[2]]);
    assert_eq!(partitions(&store, layout, "events"), ["a=1", "a=2"]);
    // Ours never count by a copy.
    let store = memory();
    let half = manifest(layout, "events", "1700000000000000000-0123456789abcdef", &["a=1"]);
    plant_manifest(&store, layout, &half, false);
    assert!(datasets(&store, layout).is_empty());
}

#[test]
fn a_manifest_is_read_by_its_exact_key_alone() {
    let store = memory();
    let keys = [
        (Layout::Default, "datasets/events/snapshots/1/manifest.json"),
        (Layout::Hive, "datasets/events/segments/1/manifest.json"),
        (Layout::Hive, "datasets/events/partitions/a=1/segments/1/manifest.json"),
        (Layout::Flat, "events/1/manifest.json"),
    ];
    for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
        plant(&store, layout, "events", "1", if layout == Layout::Hive { &["a=1"] } else { &[] });
    }
    for (layout, key) in keys {
        let snapshot = Catalog::open(&store, layout).manifest(key, &NO_CALL).unwrap();
        assert_eq!((snapshot.id(), &*snapshot.manifest().dataset_id), ("1", "events"));
        for (other, key) in keys {
            if other != layout {
                let error = Catalog::open(&store, layout).manifest(key, &NO_CALL).err().unwrap();
                assert_eq!(error.status(), Status::InvalidArgument, "{key}");
                let named = format!("no key of a manifest in the {} layout", layout.name());
                assert!(error.message().contains(&named), "{error}");
            }
        }
    }
    let catalog = Catalog::open(&store, Layout::Default);
    for (key, status, message) in [
        ("", Status::InvalidPath, "it is empty"),
        ("datasets/../manifest.json", Status::InvalidPath, "would leave the store"),
        ("datasets/events/latest", Status::InvalidArgument, "no key of a manifest"),
        ("datasets/events/snapshots/1/data/manifest.json", Status::InvalidArgument, "no key of a manifest"),
        ("datasets/events/snapshots/1/manifest.json.tmp", Status::InvalidArgument, "no key of a manifest"),
        ("datasets/e\te/snapshots/1/manifest.json", Status::InvalidArgument, "control character"),
        ("datasets/e\ne/snapshots/1/manifest.json", Status::InvalidPath, "line break"),
        ("datasets/events/snapshots/2/manifest.json", Status::NotFound, "there is no manifest"),
    ] {
        let error = catalog.manifest(key, &NO_CALL).err().unwrap();
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn hostile_manifests_are_clear_errors_wherever_they_are_met() {
    let good = |files: &str, more: &str| {
        format!(
            "{{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"events\",\
             \"snapshot_id\":\"1\",\"created_at\":\"2024-01-01T00:00:00Z\",\"metadata\":{{}},\"files\":{files},\
             \"row_count\":0,\"compressor\":\"noop\",\"partitioner\":\"noop\"{more}}}"
        )
    };
    let file = |path: &str, size: &str| format!("[{{\"path\":\"{path}\",\"size_bytes\":{size}}}]");
    let nested = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let cases = [
        (good(&file("../../etc/passwd", "1"), ""), "field files[0].path"),
        (good(&file("/etc/passwd", "1"), ""), "field files[0].path"),
        (good(&file("datasets/other/snapshots/1/data/data", "1"), ""), "is not a file of this dataset"),
        (good(&file("events/1/data/data", "1"), ""), "is not a file of this dataset"),
        (
            good(&file("datasets/events/a", "-1"), ""),
            "field files[0].size_bytes: it must not be negative, found -1",
        ),
        (good(&file("datasets/events/a", "9223372036854775808"), ""), "expected at most 9223372036854775807"),
        (good("[]", ",\"row_count\":1"), "field row_count: it occurs twice"),
        (good("[{\"path\":\"a\",\"path\":\"b\",\"size_bytes\":1}]", ""), "it occurs twice"),
        (good(&nested(200), ""), "field files[0]"),
        (
            good(&file("datasets/events/a", &nested(200)), ""),
            "field files[0].size_bytes: expected a whole number",
        ),
        (good("{}", ""), "field files: expected an array"),
        ("{".repeat(200), "not exactly one JSON object"),
        (good("[]", "").replace("\"events\"", "\"other\""), "field dataset_id"),
        (format!("{} ", good("[]", "")), "followed by white space"),
        ("\u{1}".to_owned(), "not exactly one JSON object"),
    ];
    for (json, message) in cases {
        let store = memory();
        let key = "datasets/events/snapshots/1/manifest.json";
        put(&store, key, json.as_bytes());
        let catalog = Catalog::open(&store, Layout::Default);
        let mut listed = catalog.snapshots("events", all(), &NO_CALL).unwrap();
        for error in [
            catalog.manifest(key, &NO_CALL).err().unwrap(),
            listed.next().err().unwrap(),
            listed.next().err().unwrap(),
        ] {
            assert_eq!((error.status(), error.path()), (Status::ManifestInvalid, Some(key)), "{error}");
            assert!(error.message().contains(message) && error.message().contains(key), "{error}: {message}");
        }
    }
    // As deep as it likes where any value is allowed: it is carried along, unread.
    let store = memory();
    let deep = good("[]", &format!(",\"later\":{}", nested(200)));
    put(&store, "datasets/events/snapshots/1/manifest.json", deep.as_bytes());
    assert_eq!(snapshots(&store, Layout::Default, "events", all()), ["1"]);
}

#[test]
fn a_manifest_that_its_writer_has_not_finished_is_no_snapshot_yet() {
    let store = memory();
    let whole = manifest(Layout::Default, "events", GO[1], &[]).encode().unwrap();
    plant(&store, Layout::Default, "events", GO[0], &[]);
    let key = format!("datasets/events/snapshots/{}/manifest.json", GO[1]);
    put(&store, &key, &whole[..whole.len() / 2]);
    assert_eq!(snapshots(&store, Layout::Default, "events", all()), GO[..1]);
    let error = Catalog::open(&store, Layout::Default).manifest(&key, &NO_CALL).err().unwrap();
    assert_eq!((error.status(), error.path()), (Status::ManifestInvalid, Some(&*key)));
    assert!(error.message().contains("did not finish it"), "{error}");
}

/// A directory of its own, removed at the end.
struct Directory(std::path::PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_manifest_of_ten_million_files_is_too_long_and_not_read() {
    let name = format!("lode-catalog-{}", uuid::Uuid::new_v4().simple());
    let directory = Directory(std::env::temp_dir().join(name));
    let key = "datasets/events/snapshots/1/manifest.json";
    let path = directory.0.join(key);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    // Ten million times the shortest entry: the file has holes, so that it costs no space.
    let size = 10_000_000 * "{\"path\":\"x\",\"size_bytes\":1},".len() as u64;
    std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    let store = Store::open_filesystem(directory.0.to_str().unwrap(), StoreOptions::default()).unwrap();
    let catalog = Catalog::open(&store, Layout::Default);
    assert_eq!(datasets(&store, Layout::Default), ["events"]);
    for error in [
        catalog.manifest(key, &NO_CALL).err().unwrap(),
        catalog.snapshots("events", all(), &NO_CALL).unwrap().next().err().unwrap(),
    ] {
        assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(key)), "{error}");
        let expected = format!("longer than the {} bytes that such an object may have", 256 << 20);
        assert!(error.message().contains(&expected), "{error}");
    }
}

#[test]
fn any_object_is_read_as_a_stream_and_at_any_place() {
    let store = memory();
    let snapshot = commit(&store, "events", "{\"a\":12345}");
    let catalog = Catalog::open(&store, Layout::Default);
    let path = &snapshot.manifest().files[0].path;
    let mut reader = catalog.object(path, ReadOptions::default()).unwrap();
    let mut buffer = [0; 8];
    assert_eq!(reader.read_at(5, &mut buffer).unwrap(), 7);
    assert_eq!(&buffer[..7], b"12345}\n");
    assert_eq!(reader.read_at(12, &mut buffer).unwrap(), 0);
    assert_eq!(reader.read_at(u64::MAX, &mut buffer).unwrap(), 0);
    let mut whole = Vec::new();
    loop {
        match reader.read(&mut buffer).unwrap() {
            0 => break,
            read => whole.extend_from_slice(&buffer[..read]),
        }
    }
    assert_eq!(whole, b"{\"a\":12345}\n");
    for (key, status) in [("datasets/nothing", Status::NotFound), ("../x", Status::InvalidPath)] {
        let error = catalog.object(key, ReadOptions::default()).err().unwrap();
        assert_eq!((error.status(), error.path()), (status, Some(key)));
    }
}

#[test]
fn every_call_and_every_step_ends_when_it_is_cancelled_or_late() {
    let store = memory();
    for id in ["1", "2", "3"] {
        plant(&store, Layout::Hive, "events", id, &[&format!("a={id}")]);
        plant(&store, Layout::Hive, &format!("more{id}"), id, &["a=1"]);
    }
    let catalog = Catalog::open(&store, Layout::Hive);
    let key = "datasets/events/segments/1/manifest.json";
    type Begun = Result<Box<dyn FnMut() -> Result<bool>>>;
    type Begin<'a> = &'a dyn Fn(&CallOptions) -> Begun;
    let begin: [(&str, Begin<'_>); 3] = [
        ("datasets", &|call| {
            let mut it = catalog.datasets(call)?;
            Ok(Box::new(move || Ok(it.next()?.is_some())))
        }),
        ("partitions", &|call| {
            let mut it = catalog.partitions("events", call)?;
            Ok(Box::new(move || Ok(it.next()?.is_some())))
        }),
        ("snapshots", &|call| {
            let mut it = catalog.snapshots("events", all(), call)?;
            Ok(Box::new(move || Ok(it.next()?.is_some())))
        }),
    ];
    let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
    for (what, begin) in begin {
        let error = begin(&over).err().unwrap();
        assert_eq!(error.status(), Status::Deadline, "{what}");
        assert!(error.message().contains("deadline passed while"), "{error}");
        let cancel = CancelToken::new();
        let mut next =
            begin(&CallOptions { deadline: None, cancel: Some(cancel.clone()), ..CallOptions::default() })
                .unwrap();
        assert!(next().unwrap());
        cancel.cancel();
        for _ in 0..2 {
            let error = next().unwrap_err();
            assert_eq!(error.status(), Status::Cancelled, "{what}");
            assert!(error.message().contains(&format!("cancelled while listing {what}")), "{error}");
        }
    }
    assert_eq!(catalog.manifest(key, &over).err().unwrap().status(), Status::Deadline);
    let late = ReadOptions { call: over, ..ReadOptions::default() };
    assert_eq!(catalog.object(key, late).err().unwrap().status(), Status::Deadline);
}

#[test]
fn a_filter_that_nothing_passes_can_still_be_cancelled() {
    let counted = Counted::new();
    let store = counted.store();
    for number in 0..50 {
        plant(&store, Layout::Default, "events", &format!("{number:02}"), &[]);
    }
    let never = SnapshotFilter { partition: String::new(), unix_nanos: Some((0, 1)) };
    let cancel =
        CallOptions { deadline: None, cancel: Some(counted.cancel_after(20)), ..CallOptions::default() };
    let mut found = Catalog::open(&store, Layout::Default).snapshots("events", never, &cancel).unwrap();
    counted.take();
    assert_eq!(found.next().err().unwrap().status(), Status::Cancelled);
    assert!(counted.take().len() < 20);
}

#[test]
fn listing_datasets_costs_two_requests_for_each_that_has_a_pointer() {
    let counted = Counted::new();
    let store = counted.store();
    for dataset in ["a", "b"] {
        for _ in 0..30 {
            commit(&store, dataset, "1");
        }
    }
    counted.take();
    assert_eq!(datasets(&store, Layout::Default), ["a", "b"]);
    let mut expected = vec!["list datasets/".to_owned()];
    for dataset in ["a", "b"] {
        expected.push(format!("get datasets/{dataset}/latest"));
        expected.push(format!("head datasets/{dataset}/snapshots/ID/manifest.json"));
    }
    assert_eq!(counted.take(), expected);
}

//! The three layouts: where objects lie, what is partitioned and how, and what is read and refused.

use super::audit::audit_as;
use super::*;
use crate::context::CancelToken;
use crate::error::{Action, Status};
use crate::id::now;
use crate::manifest::Manifest;
use crate::store::filesystem::Filesystem;
use crate::store::sim::{Op, SimDisk};
use crate::store::{Durability, Put};

pub(super) fn hive(store: &Store, keys: &[&str]) -> Dataset {
    let partition_keys = keys.iter().map(|key| (*key).to_owned()).collect();
    Dataset::open(store, "events", DatasetOptions { layout: Layout::Hive, partition_keys, ..options() })
        .expect("it opens")
}

pub(super) fn put(store: &Store, key: &str, bytes: &[u8]) {
    assert!(
        matches!(
            store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Full),
            Put::Done
        ),
        "{key}"
    );
}

/// What the files of a snapshot hold, by path.
fn files(store: &Store, snapshot: &Snapshot) -> Vec<(String, String)> {
    let read = |path: &str| {
        String::from_utf8(
            store.backend().get(Context::unlimited(), path, 1 << 20).unwrap().expect("it is there"),
        )
        .unwrap()
    };
    snapshot.manifest().files.iter().map(|file| (file.path.clone(), read(&file.path))).collect()
}

#[test]
fn a_hive_commit_leaves_a_file_and_a_copy_for_each_partition() {
    let store = memory();
    let dataset = hive(&store, &["day", "region"]);
    let snapshot = write_held(
        &dataset,
        &[
            "{\"n\":1,\"region\":\"eu\",\"day\":2}",
            "{\"n\":2,\"day\":1,\"region\":\"us\"}",
            "{\"n\":3,\n\"day\":2,\"region\":\"eu\"}",
            "{\"n\":4,\"day\":1,\"region\":\"eu\"}",
        ],
    )
    .unwrap()
    .snapshot;
    let id = snapshot.id();
    let part = |part: &str| format!("datasets/events/partitions/{part}/segments/{id}");
    let parts = ["day=1/region=eu", "day=1/region=us", "day=2/region=eu"].map(part);
    let mut expected: Vec<String> = parts
        .iter()
        .flat_map(|part| [format!("{part}/data/data"), format!("{part}/manifest.json")])
        .collect();
    expected.extend([
        "datasets/events/_commits/root".to_owned(),
        "datasets/events/latest".to_owned(),
        format!("datasets/events/segments/{id}/manifest.json"),
    ]);
    expected.sort();
    assert_eq!(keys(&store), expected);
    assert_eq!(
        files(&store, &snapshot),
        [
            (format!("{}/data/data", parts[0]), "{\"n\":4,\"day\":1,\"region\":\"eu\"}\n".to_owned()),
            (format!("{}/data/data", parts[1]), "{\"n\":2,\"day\":1,\"region\":\"us\"}\n".to_owned()),
            (
                format!("{}/data/data", parts[2]),
                "{\"n\":1,\"region\":\"eu\",\"day\":2}\n{\"n\":3,\"day\":2,\"region\":\"eu\"}\n".to_owned()
            ),
        ]
    );
    assert_eq!((snapshot.manifest().row_count, &*snapshot.manifest().partitioner), (4, "hive"));
    assert_eq!(audit_as(&store, Layout::Hive, &[id.to_owned()]).unwrap(), [id]);
    // A later snapshot's data may lie under an id drawn earlier; the copies lie under its own.
    let second = write_held(&dataset, &["{\"day\":1,\"region\":\"eu\"}"]).unwrap().snapshot;
    audit_as(&store, Layout::Hive, &[second.id().to_owned()]).unwrap();
    let fresh = hive(&store, &["day", "region"]);
    assert_eq!(fresh.latest(&CallOptions::default()).unwrap().id(), second.id());
    assert_eq!(fresh.snapshot(id, &CallOptions::default()).unwrap().id(), id);
    assert_eq!(ids(&fresh), [id, second.id()]);
    assert_eq!(read_all(&fresh, &snapshot, ReadOptions::default()).unwrap().len(), 4);
}

#[test]
fn the_copies_of_a_manifest_come_before_the_canonical_one() {
    let process = SimDisk::new().process();
    let store = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    let id = write_held(&hive(&store, &["p"]), &["{\"p\":1}", "{\"p\":2}"]).unwrap().snapshot.id().to_owned();
    let links: Vec<String> = process
        .trace()
        .iter()
        .filter(|step| step.op == Op::Link)
        .map(|step| step.path.replace(&id, "ID").replace("datasets/events/", ""))
        .collect();
    let manifests: Vec<&str> =
        links.iter().map(|path| &**path).filter(|path| path.ends_with("manifest.json")).collect();
    assert_eq!(links[2], "_commits/root", "{links:?}");
    assert_eq!(
        manifests,
        [
            "partitions/p=1/segments/ID/manifest.json",
            "partitions/p=2/segments/ID/manifest.json",
            "segments/ID/manifest.json"
        ]
    );
}

#[test]
fn copies_that_do_not_come_in_time_are_left_to_the_next_writer() {
    let texts: Vec<String> = (0..40).map(|n| format!("{{\"p\":{n}}}")).collect();
    let records: Vec<_> =
        texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    let (cancel, mut copies) = (CancelToken::new(), 0);
    let hand = cancel.clone();
    process.plan(move |_, step| {
        copies += usize::from(step.op == Op::Link && step.path.ends_with("manifest.json"));
        if copies == 20 {
            hand.cancel();
        }
        None
    });
    let call = CallOptions { deadline: None, cancel: Some(cancel), ..CallOptions::default() };
    let options = CommitOptions { call, ..CommitOptions::default() };
    let dataset = hive(&store, &["p"]);
    let commit = dataset.write_records(&records, Metadata::empty(), options).unwrap();
    assert_eq!(commit.outcome, Outcome::Unpublished);
    let id = commit.snapshot.id().to_owned();
    let published = || keys(&store).into_iter().filter(|key| key.ends_with("manifest.json")).count();
    assert_eq!(published(), 20, "and not the canonical one");
    let next = write_held(&dataset, &["{\"p\":0}"]).unwrap();
    assert_eq!(next.outcome, Outcome::Committed);
    assert_eq!(published(), 41 + 2);
    audit_as(&store, Layout::Hive, &[id, next.snapshot.id().to_owned()]).unwrap();
}

#[test]
fn a_flat_commit_lies_below_the_datasets_own_folder() {
    let store = memory();
    let dataset = open_as(&store, Layout::Flat);
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    let second = write_held(&dataset, &["2", "3"]).unwrap().snapshot;
    let (a, b) = (first.id(), second.id());
    let mut expected =
        vec!["events/_commits/root".to_owned(), format!("events/_commits/{a}"), "events/latest".to_owned()];
    for id in [a, b] {
        expected.extend([format!("events/{id}/data/data"), format!("events/{id}/manifest.json")]);
    }
    expected.sort();
    assert_eq!(keys(&store), expected);
    assert_eq!(&*first.manifest().partitioner, "noop");
    audit_as(&store, Layout::Flat, &[a.to_owned(), b.to_owned()]).unwrap();
    for latest_is_lost in [false, true] {
        if latest_is_lost {
            store.backend().delete(Context::unlimited(), "events/latest").unwrap();
        }
        let fresh = open_as(&store, Layout::Flat);
        assert_eq!(fresh.latest(&CallOptions::default()).unwrap().id(), b);
        assert_eq!(ids(&fresh), [a, b]);
    }
    let third = write(&open_as(&store, Layout::Flat), &["4"]).unwrap().snapshot;
    assert_eq!(third.manifest().parent_snapshot_id.as_deref(), Some(b), "found by listing");
}

#[test]
fn records_in_memory_become_one_file_where_nothing_is_partitioned() {
    for layout in [Layout::Default, Layout::Flat] {
        let store = memory();
        let dataset = open_as(&store, layout);
        let record = |text: &'static str, unix_nanos| Record { data: text.as_bytes(), unix_nanos };
        let records = [record("[1]", Some(7)), record("2", None), record("{\"a\":\r\n3}", Some(-7))];
        let metadata = Metadata::parse("{\"by\":\"test\"}").unwrap();
        let snapshot = dataset.write_records(&records, metadata, CommitOptions::default()).unwrap().snapshot;
        let manifest = snapshot.manifest();
        assert_eq!((manifest.min_timestamp, manifest.max_timestamp), (Some(-7), Some(7)));
        assert_eq!((manifest.row_count, manifest.files.len()), (3, 1));
        assert_eq!(manifest.metadata.user_json(), "{\"by\":\"test\"}");
        assert_eq!(files(&store, &snapshot)[0].1, "[1]\n2\n{\"a\":3}\n");
        let empty = write_held(&dataset, &[]).unwrap().snapshot;
        assert_eq!((empty.manifest().row_count, empty.manifest().files.len()), (0, 1));
        assert_eq!(read_all(&dataset, &empty, ReadOptions::default()).unwrap(), [""; 0]);
    }
    // Without a record there is no partition either.
    let store = memory();
    let empty = write_held(&hive(&store, &["p"]), &[]).unwrap().snapshot;
    assert_eq!((empty.manifest().row_count, empty.manifest().files.len()), (0, 0));
    audit_as(&store, Layout::Hive, &[empty.id().to_owned()]).unwrap();
}

#[test]
fn every_kind_of_file_is_written_for_partitions_too() {
    let texts: Vec<String> =
        (0..20_000).map(|n| format!("{{\"p\":\"{}\",\"n\":{n},\"pad\":\"{n:>60}\"}}", n % 3)).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    for (compressor, checksum) in formats() {
        let store = memory();
        let options = DatasetOptions {
            layout: Layout::Hive,
            partition_keys: vec!["p".into()],
            compressor,
            checksum,
            ..options()
        };
        let dataset = Dataset::open(&store, "events", options).unwrap();
        let snapshot = write_held(&dataset, &texts).unwrap().snapshot;
        assert_eq!(snapshot.manifest().files.len(), 3);
        let mut expected = texts.clone();
        expected.sort_by_key(|text| text.as_bytes()[6]);
        assert!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap() == expected);
    }
}

#[test]
fn hostile_values_stay_in_their_partitions() {
    let values =
        ["/", "..", "../../etc/passwd", "%2F", "\\u0000", "😀", "", ".", "a b", "manifest.json", "segments"];
    let texts: Vec<String> = values.iter().map(|value| format!("{{\"p\":\"{value}\"}}")).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    let process = SimDisk::new().process();
    let disk = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    for store in [memory(), disk] {
        let dataset = hive(&store, &["p"]);
        let snapshot = write_held(&dataset, &texts).unwrap().snapshot;
        assert_eq!(snapshot.manifest().files.len(), values.len());
        audit_as(&store, Layout::Hive, &[snapshot.id().to_owned()]).unwrap();
        let mut read = read_all(&dataset, &snapshot, ReadOptions::default()).unwrap();
        let mut expected = texts.clone();
        read.sort();
        expected.sort();
        assert_eq!(read, expected);
        for key in keys(&store) {
            assert!(key.starts_with("datasets/events/") && !key.contains("/../"), "{key}");
        }
        let partitions: Vec<String> = snapshot
            .manifest()
            .files
            .iter()
            .map(|file| file.path.split('/').nth(3).unwrap().to_owned())
            .collect();
        assert_eq!(
            partitions,
            [
                "p=%00",
                "p=%252F",
                "p=%2F",
                "p=%F0%9F%98%80",
                "p=..%2F..%2Fetc%2Fpasswd",
                "p=..",
                "p=.",
                "p=",
                "p=a%20b",
                "p=manifest.json",
                "p=segments"
            ]
        );
    }
}

#[test]
fn a_write_of_records_that_fails_leaves_nothing() {
    type Fails = Box<dyn Fn(&Dataset) -> Result<Commit>>;
    /// Makes the options and hands them on.
    type With = fn(&mut dyn FnMut(CommitOptions<'_>));
    let good = "{\"p\":1}";
    let long = format!("{{\"p\":\"{}\"}}", "x".repeat(300));
    let invalid = |texts: &[&str]| -> Fails {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        Box::new(move |dataset| write_held(dataset, &texts.iter().map(|text| &**text).collect::<Vec<_>>()))
    };
    let with = |options: With| -> Fails {
        Box::new(move |dataset| {
            let records =
                ["{\"p\":1}", "{\"p\":2}"].map(|text| Record { data: text.as_bytes(), unix_nanos: None });
            let mut result = None;
            options(&mut |options| {
                result = Some(dataset.write_records(&records, Metadata::empty(), options));
            });
            result.expect("it was called")
        })
    };
    let cases: Vec<(Status, Option<u64>, &str, Fails)> = vec![
        (
            Status::InvalidRecord,
            Some(2),
            "record 2 is not one JSON document",
            invalid(&[good, good, "{\"p\":}"]),
        ),
        (Status::InvalidRecord, Some(1), "key \"p\": the record does not have it", invalid(&[good, "{}"])),
        (Status::InvalidRecord, Some(0), "key \"p\": its value is an array", invalid(&["{\"p\":[]}"])),
        (Status::InvalidRecord, Some(0), "key \"p\": its value is null", invalid(&["{\"p\":null}"])),
        (Status::InvalidRecord, Some(1), "longer than 255 bytes", invalid(&[good, &long])),
        (Status::InvalidRecord, Some(0), "no JSON object", invalid(&["7"])),
        (
            Status::Conflict,
            None,
            "expects the parent to be the snapshot x",
            with(|call| call(CommitOptions { expected_parent: Some("x"), ..CommitOptions::default() })),
        ),
        (
            Status::Deadline,
            None,
            "deadline passed while committing",
            with(|call| {
                let over = CallOptions {
                    deadline: Some(std::time::Duration::ZERO),
                    cancel: None,
                    ..CallOptions::default()
                };
                call(CommitOptions { call: over, ..CommitOptions::default() });
            }),
        ),
        (
            Status::Aborted,
            None,
            "progress callback",
            with(|call| {
                // The first partition's file is there by then.
                let mut calls = 0;
                let mut stop = |_| {
                    calls += 1;
                    calls < 2
                };
                call(CommitOptions { progress: Some(&mut stop), ..CommitOptions::default() });
            }),
        ),
    ];
    for (status, record, message, fails) in cases {
        let store = memory();
        let dataset = hive(&store, &["p"]);
        let Err(error) = fails(&dataset) else { panic!("{message}: it succeeds") };
        assert_eq!((error.status(), error.record()), (status, record), "{error}");
        assert!(error.message().contains(message) && error.message().contains("events"), "{error}");
        assert_eq!(keys(&store), [""; 0], "{message}");
        assert!(write_held(&dataset, &[good]).is_ok(), "the next commit works");
    }
}

#[test]
fn cancelling_while_records_are_checked_leaves_nothing() {
    for compressor in [Compressor::None, Compressor::Gzip] {
        let store = memory();
        let options = DatasetOptions { compressor, ..hive(&store, &["p"]).options().clone() };
        let dataset = Dataset::open(&store, "events", options).unwrap();
        let texts: Vec<_> = (0..1000).map(|number| format!("{{\"p\":{}}}", number % 3)).collect();
        let records: Vec<_> =
            texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
        let cancel = CancelToken::new();
        let mut stop = |_| {
            cancel.cancel();
            true
        };
        let call = CallOptions { cancel: Some(cancel.clone()), ..CallOptions::default() };
        let options = CommitOptions { call, progress: Some(&mut stop), ..CommitOptions::default() };
        let error = dataset.write_records(&records, Metadata::empty(), options).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::Cancelled, "{error}");
        assert!(error.message().contains("ing records"), "{error}");
        assert_eq!(keys(&store), [""; 0]);
        assert!(write_held(&dataset, &["{\"p\":1}"]).is_ok(), "the next commit works");
    }
}

#[test]
fn progress_counts_all_partitions_together() {
    let dataset = hive(&memory(), &["p"]);
    let records = ["{\"p\":1}", "{\"p\":2}", "{\"p\":1}"].repeat(100);
    let records: Vec<_> =
        records.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    for (compressor, expected) in [
        // Written as they come, and then made durable.
        (Compressor::None, vec![(256, 1792), (300, 2100), (300, 2100)]),
        // Written partition by partition.
        (Compressor::Gzip, vec![(0, 0), (200, 1400), (300, 2100)]),
    ] {
        let options = DatasetOptions { compressor, ..dataset.options().clone() };
        let dataset = Dataset::open(dataset.store(), "events", options).unwrap();
        let mut seen = Vec::new();
        let mut note = |at: crate::context::Progress| {
            seen.push((at.records, at.bytes_in));
            true
        };
        let options = CommitOptions { progress: Some(&mut note), ..CommitOptions::default() };
        dataset.write_records(&records, Metadata::empty(), options).unwrap();
        assert_eq!(seen, expected);
    }
}

#[test]
fn a_stream_into_partitions_is_refused_before_anything_is_done() {
    struct Untouched;
    impl RecordSource for Untouched {
        fn next(&mut self) -> Result<Option<Record<'_>>> {
            panic!("it is pulled")
        }
    }
    let store = memory();
    let dataset = hive(&store, &["day", "region"]);
    let pulled = dataset
        .stream_write_records(&mut Untouched, Metadata::empty(), CommitOptions::default())
        .err()
        .unwrap();
    let pushed = dataset.record_writer(WriterOptions::default()).err().unwrap();
    for error in [pulled, pushed] {
        assert_eq!((error.status(), error.action()), (Status::PartitioningNotSupported, Action::GiveUp));
        assert!(error.message().contains("(by day, region)"), "{error}");
        assert!(error.message().contains("dataset \"events\""), "{error}");
    }
    assert_eq!(keys(&store), [""; 0]);
}

#[test]
fn a_dataset_of_another_layout_is_neither_written_nor_taken_for_an_empty_one() {
    for (theirs, ours) in [(Layout::Default, Layout::Hive), (Layout::Hive, Layout::Default)] {
        // With slots, without them (as the Go library leaves it), and data alone.
        for slots in [true, false] {
            for pointer in [true, false] {
                let store = memory();
                let text = "{\"p\":1}";
                write_held(&open_as(&store, theirs), &[text]).unwrap();
                if !slots {
                    store.backend().delete(Context::unlimited(), "datasets/events/_commits/root").unwrap();
                }
                if !pointer {
                    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
                }
                let before = keys(&store);
                let dataset = open_as(&store, ours);
                let error = write_held(&dataset, &[text]).err().unwrap();
                assert_eq!(
                    (error.status(), error.action()),
                    (Status::LayoutMismatch, Action::GiveUp),
                    "{error}"
                );
                assert!(error.message().contains(ours.name()), "{error}");
                assert!(error.path().unwrap().starts_with("datasets/events/"), "{error}");
                assert_eq!(keys(&store), before);
                let error = dataset.latest(&CallOptions::default()).err().unwrap();
                assert_eq!(error.status(), Status::LayoutMismatch, "{error}");
                let error = dataset.snapshots(&CallOptions::default()).err().unwrap();
                assert_eq!(error.status(), Status::LayoutMismatch, "{error}");
            }
        }
    }
}

#[test]
fn a_slot_that_another_layout_takes_meanwhile_is_a_mismatch_and_no_doubt() {
    let store = memory();
    // The data of ours are there before theirs begin: no request is made again.
    let dataset = open(&store);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"1", None).unwrap();
    let mut other = false;
    let mut meanwhile = |_| {
        if !std::mem::replace(&mut other, true) {
            write_held(&hive(&store, &["p"]), &["{\"p\":1}"]).unwrap();
        }
        true
    };
    let options = CommitOptions { progress: Some(&mut meanwhile), ..CommitOptions::default() };
    let error = writer.commit(Metadata::empty(), options).err().unwrap();
    assert_eq!(error.status(), Status::LayoutMismatch, "{error}");
    assert!(error.message().contains("_commits/root is of the layout \"hive\""), "{error}");
    drop(writer);
    audit_as(&store, Layout::Hive, &[]).unwrap();
    assert!(keys(&store).iter().all(|key| !key.contains("/snapshots/")), "its data went with it");
}

/// Puts a snapshot as the reference wrote it before there were canonical manifests: copies, and nothing else.
pub(super) fn plant_copies(store: &Store, id: &str, parent: Option<&str>, parts: &[&str]) -> Manifest {
    let data = |part: &str| format!("datasets/events/partitions/{part}/segments/{id}/data/data");
    let file = |part: &&str| crate::manifest::FileRef {
        path: data(part),
        size_bytes: 2,
        checksum: None,
        stats: None,
    };
    let template = write(&open(&memory()), &[]).unwrap().snapshot.manifest().clone();
    let manifest = Manifest {
        snapshot_id: id.to_owned(),
        parent_snapshot_id: parent.map(str::to_owned),
        files: parts.iter().map(file).collect(),
        row_count: parts.len() as u64,
        partitioner: "hive".into(),
        checksum_algorithm: None,
        ..template
    };
    for part in parts {
        put(store, &data(part), b"7\n");
        let copy = format!("datasets/events/partitions/{part}/segments/{id}/manifest.json");
        put(store, &copy, &manifest.encode().unwrap());
    }
    manifest
}

#[test]
fn a_dataset_with_copies_only_is_read_as_the_reference_reads_it() {
    let store = memory();
    let time = now() - 10_000;
    let [a, b] = [0, 1].map(|later| format!("{:019}", time + later));
    plant_copies(&store, &a, None, &["p=1/q=x", "p=2/q=x"]);
    plant_copies(&store, &b, Some(&a), &["p=2/q=y"]);
    for pointer in [false, true] {
        if pointer {
            put(&store, "datasets/events/latest", b.as_bytes());
        }
        let dataset = hive(&store, &["p", "q"]);
        let latest = dataset.latest(&CallOptions::default()).unwrap();
        assert_eq!(latest.id(), b);
        assert_eq!(ids(&dataset), [&*a, &*b]);
        let first = dataset.snapshot(&a, &CallOptions::default()).unwrap();
        assert_eq!(read_all(&dataset, &first, ReadOptions::default()).unwrap(), ["7", "7"]);
        let error = dataset.snapshot("1700000000000000000", &CallOptions::default()).err().unwrap();
        assert_eq!(error.status(), Status::SnapshotNotFound);
    }
    // Continued by a version that writes canonical manifests: the old snapshots stay.
    let c = format!("{:019}", time + 2);
    let manifest = plant_copies(&store, &c, Some(&b), &["p=1/q=x"]);
    put(&store, &format!("datasets/events/segments/{c}/manifest.json"), &manifest.encode().unwrap());
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    let dataset = hive(&store, &["p", "q"]);
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), c);
    assert_eq!(ids(&dataset), [&*a, &*b, &*c]);
}

#[test]
fn a_copy_without_its_canonical_manifest_is_no_snapshot() {
    let store = memory();
    let dataset = hive(&store, &["p"]);
    let first = write_held(&dataset, &["{\"p\":1}"]).unwrap().snapshot;
    let second = write_held(&dataset, &["{\"p\":1}", "{\"p\":2}"]).unwrap().snapshot;
    // Its writer died after the first copy; the slot has decided it.
    let id = second.id();
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/segments/{id}/manifest.json"))
        .unwrap();
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/partitions/p=2/segments/{id}/manifest.json"))
        .unwrap();
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    // As a process sees it that has not committed it itself.
    store.known_heads().forget(&Layout::Hive.known_as("events"));
    let fresh = hive(&store, &["p"]);
    assert_eq!(fresh.latest(&CallOptions::default()).unwrap().id(), first.id(), "no head by listing");
    assert_eq!(ids(&fresh), [first.id()]);
    assert_eq!(fresh.snapshot(id, &CallOptions::default()).unwrap().id(), id, "the slot proves it");
    let third = write_held(&fresh, &["{\"p\":3}"]).unwrap().snapshot;
    assert_eq!(third.manifest().parent_snapshot_id.as_deref(), Some(id), "completed, and built on");
    audit_as(&store, Layout::Hive, &[id.to_owned(), third.id().to_owned()]).unwrap();
    // A pointer that a Go reader has moved to the decided snapshot is followed.
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/segments/{}/manifest.json", third.id()))
        .unwrap();
    let fourth = write_held(&hive(&store, &["p"]), &["{\"p\":4}"]).unwrap().snapshot;
    assert_eq!(fourth.manifest().parent_snapshot_id.as_deref(), Some(third.id()));
    audit_as(&store, Layout::Hive, &[third.id().to_owned(), fourth.id().to_owned()]).unwrap();
}

#[test]
fn a_copy_that_is_not_the_decided_manifest_is_corrupt() {
    let store = memory();
    let dataset = hive(&store, &["p"]);
    write_held(&dataset, &["{\"p\":1}"]).unwrap();
    let second = write_held(&dataset, &["{\"p\":1}"]).unwrap().snapshot;
    let (id, copy) =
        (second.id(), format!("datasets/events/partitions/p=1/segments/{}/manifest.json", second.id()));
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/segments/{id}/manifest.json"))
        .unwrap();
    store.backend().delete(Context::unlimited(), &copy).unwrap();
    put(&store, &copy, b"{}");
    let error = write_held(&hive(&store, &["p"]), &["{\"p\":1}"]).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Corrupt, Some(id)), "{error}");
}

#[test]
fn file_statistics_are_kept_of_each_file_if_asked_for() {
    let store = memory();
    let with = |layout, partition_keys| DatasetOptions {
        layout,
        partition_keys,
        file_statistics: true,
        ..options()
    };
    let dataset = Dataset::open(&store, "events", with(Layout::Hive, vec!["p".into()])).unwrap();
    let texts =
        ["{\"p\":1,\"v\":3}", "{\"p\":2,\"v\":\"x\"}", "{\"p\":1,\"v\":-2.5}", "{\"p\":1,\"v\":null}"];
    let snapshot = write_held(&dataset, &texts).unwrap().snapshot;
    let stats: Vec<String> = snapshot
        .manifest()
        .files
        .iter()
        .map(|file| {
            let stats = file.stats.as_ref().unwrap();
            let columns: Vec<String> = stats
                .columns
                .iter()
                .map(|column| {
                    format!("{} {:?} {:?} {}", column.name, column.min, column.max, column.null_count)
                })
                .collect();
            format!("{}: {}", stats.row_count, columns.join(", "))
        })
        .collect();
    assert_eq!(
        stats,
        [
            "3: p Some(\"1\") Some(\"1\") 0, v Some(\"-2.5\") Some(\"3\") 1",
            "1: p Some(\"2\") Some(\"2\") 0, v Some(\"\\\"x\\\"\") Some(\"\\\"x\\\"\") 0"
        ]
    );
    assert_eq!(snapshot.manifest().file_row_count(0), Some(3));
    // The stream and the writer keep them, too; without the option there are none.
    let dataset = Dataset::open(&store, "others", with(Layout::Default, Vec::new())).unwrap();
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"{\"v\":2}", None).unwrap();
    writer.append(b"bad", None).unwrap_err();
    let pushed = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let pulled = write(&dataset, &["{\"v\":2}"]).unwrap().snapshot;
    for snapshot in [pushed, pulled] {
        let stats = snapshot.manifest().files[0].stats.as_ref().unwrap();
        assert_eq!((stats.row_count, stats.columns.len()), (1, 1));
        assert_eq!(
            (stats.columns[0].min.as_deref(), stats.columns[0].max.as_deref()),
            (Some("2"), Some("2"))
        );
    }
    let plain = write(&open(&memory()), &["{\"v\":2}"]).unwrap().snapshot;
    assert_eq!(plain.manifest().files[0].stats, None);
}

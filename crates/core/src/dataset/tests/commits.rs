//! Commits, by pull and by push: what they leave in the store, and what a failure means.

use super::faults::store_of;
use super::*;
use crate::context::CancelToken;
use crate::error::{Action, Status};
use crate::options::Producer;
use crate::store::Durability;
use crate::store::sim::{Op, SimDisk};
use std::time::Duration;

#[test]
fn a_commit_leaves_data_slot_manifest_and_pointer_and_nothing_else() {
    let store = memory();
    let dataset = open(&store);
    let first = write(&dataset, &["{\"a\": 1}"]).unwrap().snapshot;
    let second = write(&dataset, &["{\"a\": 2}"]).unwrap().snapshot;
    let (a, b) = (first.id(), second.id());
    let mut expected = vec![
        "datasets/events/_commits/root".to_owned(),
        format!("datasets/events/_commits/{a}"),
        "datasets/events/latest".to_owned(),
    ];
    for id in [a, b] {
        expected.push(format!("datasets/events/snapshots/{id}/data/data"));
        expected.push(format!("datasets/events/snapshots/{id}/manifest.json"));
    }
    expected.sort();
    assert_eq!(keys(&store), expected);
    let slot =
        store.backend().get(Context::unlimited(), "datasets/events/_commits/root", 1 << 20).unwrap().unwrap();
    assert!(slot.ends_with(first.manifest_json().as_bytes()), "the slot holds the manifest");
}

#[test]
fn a_commit_that_fails_leaves_nothing() {
    type Fails = Box<dyn Fn(&Dataset) -> Result<Commit>>;
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let call = |call: CallOptions| -> Fails {
        Box::new(move |dataset| {
            let options = CommitOptions { call: call.clone(), ..CommitOptions::default() };
            dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options)
        })
    };
    let cases: Vec<(Status, Action, &str, Fails)> = vec![
        (
            Status::Iterator,
            Action::Retry,
            "the source is gone",
            Box::new(|dataset| {
                let mut source = records(&["1", "2"]);
                source.failure = Some(Error::new(Status::Iterator, "the source is gone"));
                dataset.stream_write_records(&mut source, Metadata::empty(), CommitOptions::default())
            }),
        ),
        (
            Status::InvalidRecord,
            Action::GiveUp,
            "record 1 is not one JSON document",
            Box::new(|dataset| write(dataset, &["1", "{\"a\":}", "2"])),
        ),
        (
            Status::Conflict,
            Action::Rebase,
            "the commit expects the parent to be the snapshot x, but the head is none",
            Box::new(|dataset| {
                let options = CommitOptions { expected_parent: Some("x"), ..CommitOptions::default() };
                dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options)
            }),
        ),
        (
            Status::Deadline,
            Action::Retry,
            "deadline passed while committing",
            call(CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() }),
        ),
        (
            Status::Cancelled,
            Action::Retry,
            "cancelled while committing",
            call(CallOptions { deadline: None, cancel: Some(cancelled), ..CallOptions::default() }),
        ),
        (
            Status::Aborted,
            Action::Retry,
            "progress callback",
            Box::new(|dataset| {
                let mut stop = |_| false;
                let options = CommitOptions { progress: Some(&mut stop), ..CommitOptions::default() };
                dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options)
            }),
        ),
    ];
    for (status, action, message, fails) in cases {
        let store = memory();
        let dataset = open(&store);
        let Err(error) = fails(&dataset) else { panic!("{message}: it succeeds") };
        assert_eq!((error.status(), error.action()), (status, action), "{error}");
        assert!(error.message().contains(message), "{error}");
        assert_eq!(keys(&store), [""; 0], "{message}");
        assert!(write(&dataset, &["1"]).is_ok(), "the next commit works");
    }
}

#[test]
fn an_invalid_record_is_named_by_number_and_offset() {
    let dataset = open(&memory());
    let error = write(&dataset, &["1", "2", "{\"a\": 1,}"]).err().unwrap();
    assert_eq!((error.record(), error.offset()), (Some(2), Some(8)));
    assert!(error.message().starts_with("dataset \"events\": record 2"), "{error}");
    let narrow =
        Dataset::open(&memory(), "events", DatasetOptions { max_record_bytes: 4, ..options() }).unwrap();
    assert!(write(&narrow, &["1234"]).is_ok());
    let error = write(&narrow, &["12345"]).err().unwrap();
    assert_eq!((error.status(), error.record()), (Status::RecordTooLarge, Some(0)));
    assert!(error.message().contains("has 5 bytes, the dataset's limit is 4"), "{error}");
}

#[test]
fn the_expected_parent_decides() {
    let store = memory();
    let dataset = open(&store);
    let commit = |expected: &str| {
        let options = CommitOptions { expected_parent: Some(expected), ..CommitOptions::default() };
        dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options)
    };
    let first = commit("").unwrap().snapshot;
    let error = commit("").err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Conflict, Some(first.id())));
    let second = commit(first.id()).unwrap().snapshot;
    let error = commit(first.id()).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Conflict, Some(second.id())));
    // A pointer that lags behind is stepped over.
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    store.backend().put_if_absent(
        Context::unlimited(),
        "datasets/events/latest",
        first.id().as_bytes(),
        Durability::Full,
    );
    let other = open(&store);
    let options = CommitOptions { expected_parent: Some(second.id()), ..CommitOptions::default() };
    let third =
        other.stream_write_records(&mut records(&["3"]), Metadata::empty(), options).unwrap().snapshot;
    assert_eq!(third.manifest().parent_snapshot_id.as_deref(), Some(second.id()));
    assert_eq!(ids(&dataset).len(), 3);
}

#[test]
fn timestamps_metadata_and_counts_are_in_the_manifest() {
    let dataset = open(&memory());
    let mut source = records(&[]);
    source.records = vec![
        (b"1".to_vec(), Some(2_000_000_000)),
        (b"2".to_vec(), None),
        (b"3".to_vec(), Some(-1)),
        (b"4".to_vec(), Some(1)),
    ]
    .into_iter();
    let metadata = Metadata::parse("{\"z\": 1, \"a\": [true]}").unwrap();
    let snapshot =
        dataset.stream_write_records(&mut source, metadata, CommitOptions::default()).unwrap().snapshot;
    let manifest = snapshot.manifest();
    assert_eq!((manifest.min_timestamp, manifest.max_timestamp), (Some(-1), Some(2_000_000_000)));
    assert_eq!(manifest.row_count, 4);
    assert_eq!(manifest.metadata.user_json(), "{\"a\":[true],\"z\":1}");
    assert_eq!(manifest.files[0].size_bytes, 8);
    let json = snapshot.manifest_json();
    assert!(json.contains("\"min_timestamp\": \"1969-12-31T23:59:59.999999999Z\""), "{json}");
}

#[test]
fn a_writer_takes_records_in_every_form() {
    let dataset = open(&memory());
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"{\"n\":0}", Some(5)).unwrap();
    let (taken, result) = writer.append_batch(b"12{}", &[1, 1, 2], Some(&[i64::MIN, 9, i64::MIN]));
    assert!(result.is_ok() && taken == 3);
    let (consumed, result) = writer.append_lines(b"\n[4]\r\n\r\n5\n 6 \n[7,\r8]\n{\"beginning");
    assert!(result.is_ok());
    assert_eq!(consumed, 21);
    assert_eq!((writer.records(), writer.bytes(), writer.skipped()), (8, 24, 0));
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let all = read_all(&dataset, &snapshot, ReadOptions::default()).unwrap();
    assert_eq!(all, ["{\"n\":0}", "1", "2", "{}", "[4]", "5", " 6 ", "[7,8]"]);
    assert_eq!((snapshot.manifest().min_timestamp, snapshot.manifest().max_timestamp), (Some(5), Some(9)));
}

#[test]
fn a_bad_record_is_found_where_it_is_and_the_writer_goes_on() {
    let dataset = open(&memory());
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let (taken, result) = writer.append_batch(b"1x3", &[1, 1, 1], None);
    let error = result.unwrap_err();
    assert_eq!((taken, error.record(), error.status()), (1, Some(1), Status::InvalidRecord));
    let (taken, result) = writer.append_batch(b"3", &[1], None);
    assert!(taken == 1 && result.is_ok());
    let (consumed, result) = writer.append_lines(b"4\nbad\n5\n");
    assert_eq!((consumed, result.unwrap_err().record()), (2, Some(3)));
    let (taken, result) = writer.append_batch(b"123", &[1, 1], None);
    assert_eq!((taken, result.unwrap_err().status()), (0, Status::InvalidArgument));
    let (taken, result) = writer.append_batch(b"12", &[1, 1], Some(&[0]));
    assert_eq!((taken, result.unwrap_err().status()), (0, Status::InvalidArgument));
    let (taken, result) = writer.append_batch(b"12", &[usize::MAX, 3], None);
    assert_eq!((taken, result.unwrap_err().status()), (0, Status::InvalidArgument));
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap(), ["1", "3", "4"]);

    let skip = WriterOptions { bad_records: BadRecords::Skip, ..WriterOptions::default() };
    let mut writer = dataset.record_writer(skip).unwrap();
    let (consumed, result) = writer.append_lines(b"1\nbad\n{}\n \t\r\n2");
    assert!(result.is_ok() && consumed == 13, "{consumed}");
    assert_eq!((writer.records(), writer.skipped()), (2, 1), "a blank line is no record");
}

#[test]
fn a_writer_is_done_after_its_commit_or_abort() {
    let store = memory();
    let dataset = open(&store);
    let mut committed = dataset.record_writer(WriterOptions::default()).unwrap();
    committed.append(b"1", None).unwrap();
    committed.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    let before = keys(&store);
    let mut aborted = dataset.record_writer(WriterOptions::default()).unwrap();
    aborted.append(b"1", None).unwrap();
    aborted.abort().unwrap();
    aborted.abort().unwrap();
    for (writer, message) in [(&mut committed, "it has committed"), (&mut aborted, "it was aborted")] {
        let errors = [
            writer.append(b"1", None).unwrap_err(),
            writer.append_batch(b"1", &[1], None).1.unwrap_err(),
            writer.append_lines(b"1\n").1.unwrap_err(),
            writer.append_lines(b"").1.unwrap_err(),
            writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
        ];
        for error in errors {
            assert_eq!(error.status(), Status::State);
            assert!(error.message().contains(message), "{error}");
        }
    }
    assert_eq!(committed.abort().unwrap_err().status(), Status::State);
    drop((committed, aborted));
    assert_eq!(keys(&store), before, "dropping a writer changes nothing that is committed");
}

#[test]
fn a_commit_that_was_refused_can_be_repeated_without_new_data() {
    let store = memory();
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"2", None).unwrap();
    let expecting = |parent| CommitOptions { expected_parent: Some(parent), ..CommitOptions::default() };
    let error = writer.commit(Metadata::empty(), expecting("")).err().unwrap();
    assert_eq!(error.status(), Status::Conflict);
    let snapshot = writer.commit(Metadata::empty(), expecting(first.id())).unwrap().snapshot;
    assert_eq!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap(), ["2"]);
    let mut refused = dataset.record_writer(WriterOptions::default()).unwrap();
    refused.append(b"3", None).unwrap();
    let before = keys(&store);
    assert!(refused.commit(Metadata::empty(), expecting("")).is_err());
    drop(refused);
    assert_eq!(keys(&store), before, "a refused writer's data go with it");
}

#[test]
fn a_large_manifest_commits_through_a_payload_of_its_own() {
    let store = memory();
    let dataset = open(&store);
    write(&dataset, &["1"]).unwrap();
    let note = "n".repeat(2 << 20);
    let metadata = Metadata::parse(&format!("{{\"note\":\"{note}\"}}")).unwrap();
    let large = dataset
        .stream_write_records(&mut records(&["2"]), metadata, CommitOptions::default())
        .unwrap()
        .snapshot;
    let payloads: Vec<String> = keys(&store).into_iter().filter(|key| key.ends_with(".payload")).collect();
    assert_eq!(payloads.len(), 1);
    let payload = store.backend().get(Context::unlimited(), &payloads[0], 8 << 20).unwrap().unwrap();
    assert!(payload == large.manifest_json().as_bytes());
    // Unpublished, it is published from there by the next writer.
    let manifest = format!("datasets/events/snapshots/{}/manifest.json", large.id());
    store.backend().delete(Context::unlimited(), &manifest).unwrap();
    let next = write(&open(&store), &["3"]).unwrap().snapshot;
    assert_eq!(next.manifest().parent_snapshot_id.as_deref(), Some(large.id()));
    assert!(store.backend().get(Context::unlimited(), &manifest, 8 << 20).unwrap().unwrap() == payload);
}

#[test]
fn a_history_that_is_not_in_slots_is_read_but_not_continued() {
    let store = memory();
    let dataset = open(&store);
    let snapshot = write(&dataset, &["1"]).unwrap().snapshot;
    store.backend().delete(Context::unlimited(), "datasets/events/_commits/root").unwrap();
    let other = open(&store);
    let error = write(&other, &["2"]).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::NeedsRepair, Some(snapshot.id())));
    assert!(error.message().contains("no commit slot"), "{error}");
    assert_eq!(other.latest(&CallOptions::default()).unwrap().id(), snapshot.id());
}

#[test]
fn a_manifest_that_is_not_its_slots_is_corrupt() {
    let store = memory();
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    let second = write(&dataset, &["2"]).unwrap().snapshot;
    let path = format!("datasets/events/snapshots/{}/manifest.json", second.id());
    store.backend().delete(Context::unlimited(), &path).unwrap();
    let forged = second.manifest_json().replace("\"row_count\": 1", "\"row_count\": 7");
    store.backend().put_if_absent(Context::unlimited(), &path, forged.as_bytes(), Durability::Full);
    store.backend().compare_and_swap(
        Context::unlimited(),
        "datasets/events/latest",
        second.id().as_bytes(),
        first.id().as_bytes(),
        Durability::Full,
        crate::store::LockWait::Attempts,
    );
    let error = write(&open(&store), &["3"]).err().unwrap();
    assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(&*path)), "{error}");
}

#[test]
fn the_snapshot_that_a_commit_gives_is_the_one_that_is_read() {
    let metadata = || Metadata::parse(r#"{"z":1.50,"a":{"b":"<>\u00e9"},"list":[]}"#).unwrap();
    let producer = Some(Producer { id: "meter", sequence: 7, position: "here" });
    let commit_options = || CommitOptions { producer, ..CommitOptions::default() };
    let texts = ["{\"p\":\"b\",\"n\":1.0}", "{\"p\":\"a\",\"n\":\"<\"}", "{\"p\":\"c\",\"n\":null}"];
    let times = [Some(5), None, Some(i64::MIN + 1)];
    let held: Vec<Record<'_>> = texts
        .iter()
        .zip(times)
        .map(|(text, unix_nanos)| Record { data: text.as_bytes(), unix_nanos })
        .collect();
    for layout in [Layout::Default, Layout::Flat, Layout::Hive] {
        for codec in [Codec::Jsonl, Codec::None] {
            if codec == Codec::None && layout == Layout::Hive {
                continue;
            }
            let partition_keys = if layout == Layout::Hive { vec!["p".to_owned()] } else { Vec::new() };
            let options =
                DatasetOptions { layout, codec, partition_keys, file_statistics: true, ..options() };
            let dataset = Dataset::open(&memory(), "events", options).unwrap();
            let mut commits = Vec::new();
            if codec == Codec::None {
                commits.push(dataset.write_blob(b"bytes", metadata(), commit_options()).unwrap());
            } else {
                commits.push(dataset.write_records(&held, metadata(), commit_options()).unwrap());
            }
            if codec == Codec::Jsonl && layout != Layout::Hive {
                commits.push(write(&dataset, &texts).unwrap());
                let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
                writer.append(texts[0].as_bytes(), Some(-1)).unwrap();
                commits.push(writer.commit(metadata(), CommitOptions::default()).unwrap());
            }
            for Commit { snapshot, .. } in commits {
                let read = dataset.snapshot(snapshot.id(), &CallOptions::default()).unwrap();
                assert_eq!(snapshot.manifest(), read.manifest(), "{layout:?} {codec:?}");
                assert_eq!(snapshot.manifest_json(), read.manifest_json());
            }
        }
    }
}

#[test]
fn data_start_for_the_disk_before_the_commit_only_where_the_caller_allows_it() {
    let mut random = 1_u64;
    let mut noise = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:016x}", random.rotate_left(32))
    };
    let mut record = || format!("\"{}\"", std::iter::repeat_with(&mut noise).take(4096).collect::<String>());
    let records: Vec<String> = std::iter::repeat_with(&mut record).take(160).collect();
    for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
        for early_writeback in [false, true] {
            let process = SimDisk::new().process();
            let options = DatasetOptions { compressor, ..options() };
            let dataset = Dataset::open(&store_of(&process), "events", options).unwrap();
            let options = WriterOptions { early_writeback, ..WriterOptions::default() };
            let mut writer = dataset.record_writer(options).unwrap();
            let opened = process.trace().len();
            for record in &records {
                writer.append(record.as_bytes(), None).unwrap();
            }
            let appends: Vec<Op> = process.trace()[opened..].iter().map(|step| step.op).collect();
            let others = appends.iter().filter(|op| !matches!(op, Op::Write | Op::Writeback)).count();
            assert_eq!(others, 0, "{compressor:?}: {appends:?}");
            assert_eq!(appends.contains(&Op::Writeback), early_writeback, "{compressor:?}: {appends:?}");
            writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
        }
    }
}

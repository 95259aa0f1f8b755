//! What is written reads back, and what is damaged is found.

use super::counts::Counted;
use super::*;
use crate::error::Status;
use crate::store::Durability;

/// A dataset with one snapshot whose data file was replaced by `damage(its bytes)`.
fn damaged(compressor: Compressor, damage: impl Fn(Vec<u8>) -> Vec<u8>) -> (Dataset, Snapshot) {
    let store = memory();
    let dataset = Dataset::open(&store, "events", DatasetOptions { compressor, ..options() }).unwrap();
    let snapshot = write(&dataset, &["{\"a\":1}", "{\"a\":2}", "{\"a\":3}"]).unwrap().snapshot;
    let path = &snapshot.manifest().files[0].path;
    let bytes = store.backend().get(Context::unlimited(), path, 1 << 20).unwrap().unwrap();
    store.backend().delete(Context::unlimited(), path).unwrap();
    store.backend().put_if_absent(Context::unlimited(), path, &damage(bytes), Durability::Full);
    (dataset, snapshot)
}

#[test]
fn every_kind_of_data_file_reads_back_as_it_was_written() {
    let texts: Vec<String> =
        (0..5000).map(|i| format!("{{\"id\":{i},\"text\":\"{}\"}}", "é<>".repeat(i % 90))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (compressor, checksum) in formats() {
        let store = memory();
        let dataset =
            Dataset::open(&store, "events", DatasetOptions { compressor, checksum, ..options() }).unwrap();
        let commit = write(&dataset, &texts).unwrap();
        assert_eq!(commit.outcome, Outcome::Committed);
        let manifest = commit.snapshot.manifest();
        assert_eq!((manifest.row_count, manifest.files.len()), (5000, 1));
        assert_eq!(manifest.files[0].checksum.is_some(), checksum != Checksum::None);
        // The reader goes by the manifest, not by its own options.
        let reader = Dataset::open(&store, "events", DatasetOptions::default()).unwrap();
        let latest = reader.latest(&CallOptions::default()).unwrap();
        assert_eq!(latest.id(), commit.snapshot.id());
        for verify in [Verify::Streaming, Verify::First, Verify::SizeOnly] {
            let options = ReadOptions { verify, ..ReadOptions::default() };
            assert_eq!(
                read_all(&reader, &latest, options.clone()).unwrap(),
                texts,
                "{compressor:?} {checksum:?}"
            );
            let mut batches = reader.read(&latest, options).unwrap();
            let mut count = 0;
            loop {
                let batch = batches.next_batch(7).unwrap();
                if batch.is_empty() {
                    break;
                }
                assert!(batch.len() <= 7);
                for record in batch.iter() {
                    assert_eq!(record, texts[count].as_bytes());
                    count += 1;
                }
            }
            assert_eq!(count, texts.len());
        }
    }
}

#[test]
fn records_longer_than_the_buffers_pass_through_them() {
    let long = format!("\"{}\"", "x".repeat(3 << 20));
    let texts = ["1", &*long, "2", &*long, &*long, "3"];
    for (compressor, _) in formats() {
        let store = memory();
        let dataset = Dataset::open(&store, "events", DatasetOptions { compressor, ..options() }).unwrap();
        let snapshot = write(&dataset, &texts).unwrap().snapshot;
        assert!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap() == texts, "{compressor:?}");
        let narrow = DatasetOptions { max_record_bytes: 1 << 20, ..options() };
        let narrow = Dataset::open(&store, "events", narrow).unwrap();
        let mut reader = narrow.read(&snapshot, ReadOptions::default()).unwrap();
        assert_eq!(reader.next().unwrap(), Some(&b"1"[..]), "the records before the fault come first");
        let error = reader.next().unwrap_err();
        assert_eq!((error.status(), error.record()), (Status::RecordTooLarge, Some(1)));
        assert!(error.message().contains("limit of 1048576 bytes"), "{error}");
        assert_eq!(reader.next().unwrap_err().status(), Status::RecordTooLarge, "a failure stays");
    }
}

#[test]
fn a_record_over_the_limit_is_refused_wherever_it_stands() {
    let store = memory();
    let snapshot = write(&open(&store), &["1", "22", "\"long\"", "3"]).unwrap().snapshot;
    let narrow =
        Dataset::open(&store, "events", DatasetOptions { max_record_bytes: 2, ..options() }).unwrap();
    let mut reader = narrow.read(&snapshot, ReadOptions::default()).unwrap();
    assert_eq!(reader.next_batch(9).unwrap().iter().collect::<Vec<_>>(), [&b"1"[..], b"22"]);
    for _ in 0..2 {
        let error = reader.next_batch(9).err().unwrap();
        assert_eq!((error.status(), error.record()), (Status::RecordTooLarge, Some(2)), "{error}");
    }
    let mut reader = narrow.read(&snapshot, ReadOptions::default()).unwrap();
    assert!(reader.next().unwrap().is_some() && reader.next().unwrap().is_some());
    assert_eq!(reader.next().unwrap_err().status(), Status::RecordTooLarge);
}

#[test]
fn an_empty_stream_is_a_snapshot_without_records() {
    for (compressor, _) in formats() {
        let dataset = Dataset::open(&memory(), "events", DatasetOptions { compressor, ..options() }).unwrap();
        let snapshot = write(&dataset, &[]).unwrap().snapshot;
        assert_eq!(snapshot.manifest().row_count, 0);
        assert!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap().is_empty());
    }
}

#[test]
fn a_changed_byte_is_found_and_named() {
    let flip = |mut bytes: Vec<u8>| {
        bytes[5] ^= 1;
        bytes
    };
    let (dataset, snapshot) = damaged(Compressor::None, flip);
    let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
    for _ in 0..3 {
        assert!(reader.next().unwrap().is_some(), "streamed records come before the verdict");
    }
    let error = reader.next().unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
    let file = &snapshot.manifest().files[0];
    assert_eq!(error.path(), Some(&*file.path));
    let expected = file.checksum.clone().unwrap();
    assert!(error.message().contains(&format!("expected {expected}")), "{error}");
    assert!(error.message().contains("has the checksum"), "{error}");
    assert!(reader.next().is_err(), "a failure stays");

    let first = ReadOptions { verify: Verify::First, ..ReadOptions::default() };
    let error = dataset.read(&snapshot, first).unwrap().next().unwrap_err();
    assert_eq!(error.status(), Status::Corrupt, "the verdict comes before the first record");

    let sizes = ReadOptions { verify: Verify::SizeOnly, ..ReadOptions::default() };
    assert_eq!(read_all(&dataset, &snapshot, sizes).unwrap().len(), 3, "the size is right");
}

#[test]
fn a_file_of_another_size_is_found_whatever_is_checked() {
    for verify in [Verify::Streaming, Verify::First, Verify::SizeOnly] {
        for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
            for change in [-1_i64, 1] {
                let resize = |mut bytes: Vec<u8>| {
                    let len = usize::try_from(i64::try_from(bytes.len()).unwrap() + change).unwrap();
                    bytes.resize(len, b' ');
                    bytes
                };
                let (dataset, snapshot) = damaged(compressor, resize);
                let options = ReadOptions { verify, ..ReadOptions::default() };
                let error = read_all(&dataset, &snapshot, options).unwrap_err();
                assert_eq!(error.status(), Status::Corrupt);
                let size = snapshot.manifest().files[0].size_bytes;
                assert!(error.message().contains(&format!("expected {size}")), "{error}");
            }
        }
    }
}

#[test]
fn damage_inside_compressed_data_is_corrupt_and_names_the_file() {
    for compressor in [Compressor::Gzip, Compressor::Zstd] {
        let (dataset, snapshot) = damaged(compressor, |bytes| bytes.iter().map(|byte| byte ^ 0x55).collect());
        let sizes = ReadOptions { verify: Verify::SizeOnly, ..ReadOptions::default() };
        let error = read_all(&dataset, &snapshot, sizes).unwrap_err();
        assert_eq!(error.status(), Status::Corrupt);
        assert_eq!(error.path(), Some(&*snapshot.manifest().files[0].path));
    }
}

/// A snapshot of `data`, which is compressed, and what `damage` makes of its file; the manifest tells the
/// size of that.
fn damaged_inside(
    options: DatasetOptions,
    write: impl Fn(&Dataset) -> Snapshot,
    damage: impl Fn(Vec<u8>) -> Vec<u8>,
) -> (Dataset, Snapshot) {
    let store = memory();
    let dataset =
        Dataset::open(&store, "events", DatasetOptions { checksum: Checksum::None, ..options }).unwrap();
    let snapshot = write(&dataset);
    let file = &snapshot.manifest().files[0];
    let bytes = damage(store.backend().get(Context::unlimited(), &file.path, 100 << 20).unwrap().unwrap());
    let json = snapshot.manifest_json();
    let size = |bytes: u64| format!("\"size_bytes\": {bytes}");
    assert!(json.contains(&size(file.size_bytes)));
    let json = json.replace(&size(file.size_bytes), &size(bytes.len() as u64));
    let manifest = format!("datasets/events/snapshots/{}/manifest.json", snapshot.id());
    // It tells of another manifest.
    store.backend().delete(Context::unlimited(), "datasets/events/_commits/root").unwrap();
    for (path, bytes) in [(&*file.path, &bytes[..]), (&*manifest, json.as_bytes())] {
        store.backend().delete(Context::unlimited(), path).unwrap();
        store.backend().put_if_absent(Context::unlimited(), path, bytes, Durability::Full);
    }
    let snapshot = dataset.snapshot(snapshot.id(), &CallOptions::default()).unwrap();
    (dataset, snapshot)
}

/// What is done to a file's end, and what the error then says.
type Damage = (Compressor, fn(Vec<u8>) -> Vec<u8>, &'static str);

const DAMAGE_AT_THE_END: [Damage; 3] = [
    (Compressor::Gzip, |bytes| [&bytes[..], b"garbage after the end"].concat(), "after 1 whole member"),
    (Compressor::Zstd, |bytes| [&bytes[..], b"garbage after the end"].concat(), "whole frame"),
    (
        Compressor::Gzip,
        |mut bytes| {
            let checksum = bytes.len() - 8;
            bytes[checksum] ^= 1;
            bytes
        },
        "in the first member",
    ),
];

#[test]
fn every_record_before_damage_at_a_files_end_comes_first() {
    for count in [1, 1000, 50_000] {
        let texts: Vec<String> = (0..count).map(|i| format!("{{\"id\":{i},\"name\":\"n{i}\"}}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        for (compressor, damage, message) in DAMAGE_AT_THE_END {
            let options = DatasetOptions { compressor, ..options() };
            let (dataset, snapshot) =
                damaged_inside(options, |dataset| write(dataset, &texts).unwrap().snapshot, damage);
            for verify in [Verify::Streaming, Verify::First, Verify::SizeOnly] {
                let options = ReadOptions { verify, ..ReadOptions::default() };
                let mut reader = dataset.read(&snapshot, options).unwrap();
                for text in &texts {
                    assert_eq!(reader.next().unwrap(), Some(text.as_bytes()), "{compressor:?} {count}");
                }
                for _ in 0..2 {
                    let error = reader.next().unwrap_err();
                    assert_eq!(error.status(), Status::Corrupt, "{error}");
                    assert!(
                        error.message().contains(message) && error.message().contains("at byte "),
                        "{error}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_byte_of_a_blob_before_damage_at_its_files_end_comes_first() {
    for len in [1, 1000, 3_000_000] {
        let data: Vec<u8> = (0..len).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 26) as u8).collect();
        for (compressor, damage, message) in DAMAGE_AT_THE_END {
            let options = DatasetOptions { compressor, codec: Codec::None, ..options() };
            let write = |dataset: &Dataset| {
                dataset.write_blob(&data, Metadata::empty(), CommitOptions::default()).unwrap().snapshot
            };
            let (dataset, snapshot) = damaged_inside(options, write, damage);
            for room in [1 << 16, 8 << 20] {
                let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
                let (mut found, mut buffer) = (Vec::new(), vec![0; room]);
                let error = loop {
                    match reader.read(&mut buffer) {
                        Ok(0) => panic!("the damage is not found"),
                        Ok(read) => found.extend_from_slice(&buffer[..read]),
                        Err(error) => break error,
                    }
                };
                assert!(found == data, "{compressor:?}: {} of {len} bytes", found.len());
                assert_eq!(error.status(), Status::Corrupt, "{error}");
                assert!(error.message().contains(message), "{error}");
                let mut whole = vec![0; data.len()];
                assert_eq!(reader.read_at(0, &mut whole).unwrap(), data.len());
                assert!(whole == data, "a range before the damage is given");
            }
        }
    }
}

#[test]
fn zero_bytes_after_the_last_gzip_member_are_padding() {
    let options = DatasetOptions { compressor: Compressor::Gzip, ..options() };
    let (dataset, snapshot) = damaged_inside(
        options,
        |dataset| write(dataset, &["1", "2"]).unwrap().snapshot,
        |bytes| [&bytes[..], &[0; 1000]].concat(),
    );
    assert_eq!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap(), ["1", "2"]);
}

#[test]
fn a_missing_file_and_a_wrong_row_count_are_found() {
    let store = memory();
    let dataset = open(&store);
    let snapshot = write(&dataset, &["1", "2"]).unwrap().snapshot;
    let manifest_path = format!("datasets/events/snapshots/{}/manifest.json", snapshot.id());
    let json = snapshot.manifest_json().replace("\"row_count\": 2", "\"row_count\": 5");
    store.backend().delete(Context::unlimited(), &manifest_path).unwrap();
    store.backend().put_if_absent(Context::unlimited(), &manifest_path, json.as_bytes(), Durability::Full);
    let changed = dataset.snapshot(snapshot.id(), &CallOptions::default()).unwrap();
    let error = read_all(&dataset, &changed, ReadOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
    assert!(error.message().contains("counts 5 records, but its files hold 2"), "{error}");

    store.backend().delete(Context::unlimited(), &snapshot.manifest().files[0].path).unwrap();
    let error = read_all(&dataset, &snapshot, ReadOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Corrupt);
    assert!(error.message().contains("is missing"), "{error}");
}

#[test]
fn what_this_build_cannot_read_is_named() {
    let cases = [
        ("\"codec\": \"jsonl\"", "\"codec\": \"avro\"", Status::Unsupported, "codec \"avro\""),
        ("\"compressor\": \"noop\"", "\"compressor\": \"lzma\"", Status::Unsupported, "compressor \"lzma\""),
        (
            "\"checksum_algorithm\": \"xxh3\"",
            "\"checksum_algorithm\": \"crc\"",
            Status::Unsupported,
            "checksum \"crc\"",
        ),
        ("  \"codec\": \"jsonl\",\n", "", Status::CodecRequired, "is a raw blob"),
    ];
    for (from, to, status, message) in cases {
        let store = memory();
        let dataset = open(&store);
        let snapshot = write(&dataset, &["1"]).unwrap().snapshot;
        let path = format!("datasets/events/snapshots/{}/manifest.json", snapshot.id());
        assert!(snapshot.manifest_json().contains(from));
        let json = snapshot.manifest_json().replace(from, to);
        store.backend().delete(Context::unlimited(), &path).unwrap();
        store.backend().put_if_absent(Context::unlimited(), &path, json.as_bytes(), Durability::Full);
        let changed = dataset.latest(&CallOptions::default()).unwrap();
        let Err(error) = dataset.read(&changed, ReadOptions::default()) else { panic!("{message} is read") };
        assert_eq!(error.status(), status);
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn the_pointer_is_a_hint_and_never_the_truth() {
    let store = memory();
    let dataset = open(&store);
    let none = dataset.latest(&CallOptions::default()).err().unwrap();
    assert_eq!(none.status(), Status::NoSnapshots);
    assert!(ids(&dataset).is_empty());
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    let second = write(&dataset, &["2"]).unwrap().snapshot;
    assert_eq!(second.manifest().parent_snapshot_id.as_deref(), Some(first.id()));
    assert_eq!(ids(&dataset), [first.id(), second.id()]);
    let latest = "datasets/events/latest";
    let pointer = store.backend().get(Context::unlimited(), latest, 100).unwrap().unwrap();
    assert_eq!(pointer, second.id().as_bytes());
    // From here on as a process sees it that has not committed them itself.
    store.known_heads().forget(&Layout::Default.known_as("events"));

    // White space around it is trimmed.
    store.backend().delete(Context::unlimited(), latest).unwrap();
    store.backend().put_if_absent(
        Context::unlimited(),
        latest,
        format!(" {}\n", first.id()).as_bytes(),
        Durability::Full,
    );
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), first.id());
    assert_eq!(ids(&dataset), [first.id()]);
    // Absent: the greatest listed.
    store.backend().delete(Context::unlimited(), latest).unwrap();
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), second.id());
    // Naming nothing, by an id of the Go library's form: the greatest; of ours: corrupt.
    for (id, found) in [("1700000000000000000", true), ("1700000000000000000-0123456789abcdef", false)] {
        store.backend().put_if_absent(Context::unlimited(), latest, id.as_bytes(), Durability::Full);
        match dataset.latest(&CallOptions::default()) {
            Ok(snapshot) => assert!(found && snapshot.id() == second.id()),
            Err(error) => assert!(!found && error.status() == Status::Corrupt, "{error}"),
        }
        store.backend().delete(Context::unlimited(), latest).unwrap();
    }
    // No id at all.
    store.backend().put_if_absent(Context::unlimited(), latest, b"../../x", Durability::Full);
    assert_eq!(dataset.latest(&CallOptions::default()).err().unwrap().status(), Status::Corrupt);
}

#[test]
fn a_snapshot_that_is_decided_but_not_published_is_served_from_its_slot() {
    let store = memory();
    let dataset = open(&store);
    write(&dataset, &["1"]).unwrap();
    let second = write(&dataset, &["2"]).unwrap().snapshot;
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/snapshots/{}/manifest.json", second.id()))
        .unwrap();
    for snapshot in [
        dataset.latest(&CallOptions::default()).unwrap(),
        dataset.snapshot(second.id(), &CallOptions::default()).unwrap(),
    ] {
        assert_eq!(snapshot.manifest_json(), second.manifest_json());
        assert_eq!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap(), ["2"]);
    }
    assert_eq!(ids(&dataset).len(), 2);
    let error = dataset.snapshot("nothing", &CallOptions::default()).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::SnapshotNotFound, Some("nothing")));
}

#[test]
fn a_listing_is_not_believed_over_a_pointer_that_came_meanwhile() {
    let counted = Counted::new();
    let store = counted.store();
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    write(&dataset, &["2"]).unwrap();
    let latest = "datasets/events/latest";
    store.backend().delete(Context::unlimited(), latest).unwrap();
    // A writer in another process has set the pointer to the first, and its successor is not pointed to yet.
    store.known_heads().forget(&Layout::Default.known_as("events"));
    let id = first.id().to_owned();
    counted.before_listing(move |store| {
        store.put_if_absent(Context::unlimited(), latest, id.as_bytes(), Durability::Full);
    });
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), first.id());
}

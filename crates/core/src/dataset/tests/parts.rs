//! Parts: staged by any handle, committed together and once, refused when they are not what they say.

use std::sync::Arc;
use std::time::Duration;

use super::audit::audit_as;
use super::faults::store_of;
use super::*;
use crate::context::CancelToken;
use crate::error::Status;
use crate::id::{compose, now};
use crate::options::Producer;
use crate::store::layer::{Layer, Layered};
use crate::store::memory::Memory;
use crate::store::sim::{Errno, Fault, Op, SimDisk};
use crate::store::{Backend, Durability, Put};

/// Stages these records as one part, pushed.
pub(super) fn stage(dataset: &Dataset, texts: &[&str]) -> Part {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for text in texts {
        writer.append(text.as_bytes(), None).unwrap();
    }
    writer.stage(&CallOptions::default()).unwrap()
}

pub(super) fn commit(dataset: &Dataset, parts: &[Part]) -> Result<Commit> {
    dataset.commit_parts(parts, Metadata::empty(), CommitOptions::default())
}

/// The same part, as another process has it.
fn sent(dataset: &Dataset, part: &Part) -> Part {
    dataset.part_from_json(part.json()).unwrap()
}

fn all(dataset: &Dataset, snapshot: &Snapshot) -> Vec<String> {
    read_all(dataset, snapshot, ReadOptions::default()).unwrap()
}

#[test]
fn parts_of_several_writers_become_one_snapshot_in_the_order_given() {
    for layout in [Layout::Default, Layout::Flat] {
        let store = memory();
        let options = DatasetOptions { layout, file_statistics: true, ..options() };
        let open = || Dataset::open(&store, "events", options.clone()).unwrap();
        let first = stage(&open(), &["1", "2"]);
        let mut writer = open().record_writer(WriterOptions::default()).unwrap();
        writer.append(b"{\"a\":3}", Some(70)).unwrap();
        writer.append(b"{\"a\":4}", Some(50)).unwrap();
        let second = writer.stage(&CallOptions::default()).unwrap();
        let third = open().stage_records(&mut records(&["5"]), &CallOptions::default()).unwrap();
        let empty = stage(&open(), &[]);
        assert_eq!((second.records(), second.times(), second.files().len()), (2, Some((50, 70)), 1));
        let coordinator = open();
        assert_eq!(coordinator.latest(&CallOptions::default()).err().unwrap().status(), Status::NoSnapshots);
        let parts = [third, first, empty, second].map(|part| sent(&coordinator, &part));
        let snapshot = commit(&coordinator, &parts).unwrap().snapshot;
        assert_eq!(all(&coordinator, &snapshot), ["5", "1", "2", "{\"a\":3}", "{\"a\":4}"]);
        let manifest = snapshot.manifest();
        assert_eq!((manifest.row_count, manifest.files.len()), (5, 4));
        assert_eq!((manifest.min_timestamp, manifest.max_timestamp), (Some(50), Some(70)));
        let paths: Vec<_> = parts.iter().map(|part| &part.files()[0]).collect();
        assert!(manifest.files.iter().eq(paths), "files, checksums and statistics are those of the parts");
        assert_eq!(manifest.files[3].stats.as_ref().unwrap().columns[0].max.as_deref(), Some("4"));
        assert_eq!(audit_as(&store, layout, &[snapshot.id().to_owned()]).unwrap().len(), 1);
        assert!(parts.iter().all(|part| part.id() < snapshot.id()));
    }
}

#[test]
fn a_blob_is_staged_pushed_or_pulled_and_is_one_part() {
    let store = memory();
    let dataset = blobs::blobs(&store);
    let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
    writer.write(b"pushed").unwrap();
    let pushed = writer.stage(&CallOptions::default()).unwrap();
    assert_eq!(writer.write(b"x").unwrap_err().status(), Status::State);
    let pulled = dataset.stage_blob(&mut blobs::pieces(b"pulled", 3), &CallOptions::default()).unwrap();
    let error = commit(&dataset, &[pushed.clone(), pulled.clone()]).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("exactly one file, and there are 2 parts"), "{error}");
    assert!(commit(&dataset, &[]).err().unwrap().message().contains("there are 0 parts"));
    for (part, bytes) in [(pushed, b"pushed"), (sent(&dataset, &pulled), b"pulled")] {
        let snapshot = commit(&dataset, &[part]).unwrap().snapshot;
        let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
        assert_eq!(blobs::stream(&mut reader, 1 << 10).unwrap(), bytes);
        assert_eq!(snapshot.manifest().row_count, 1);
    }
}

#[test]
fn without_parts_a_snapshot_has_no_files() {
    let dataset = open(&memory());
    let snapshot = commit(&dataset, &[]).unwrap().snapshot;
    assert_eq!((snapshot.manifest().files.len(), snapshot.manifest().row_count), (0, 0));
    assert!(all(&dataset, &snapshot).is_empty());
}

#[test]
fn a_staged_writer_is_done_and_an_iterator_that_fails_leaves_nothing() {
    let store = memory();
    let dataset = open(&store);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"1", None).unwrap();
    let part = writer.stage(&CallOptions::default()).unwrap();
    let refused = [
        writer.append(b"2", None).unwrap_err(),
        writer.stage(&CallOptions::default()).err().unwrap(),
        writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
        writer.abort().unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.status(), Status::State);
        assert!(error.message().contains("staged as a part"), "{error}");
    }
    drop(writer);
    assert_eq!(keys(&store), [part.files()[0].path.clone()], "what is staged outlives its writer");
    let mut failing = records(&["1"]);
    failing.failure = Some(Error::new(Status::Iterator, "no more"));
    assert_eq!(
        dataset.stage_records(&mut failing, &CallOptions::default()).err().unwrap().status(),
        Status::Iterator
    );
    let mut bad = records(&["1", "{"]);
    let error = dataset.stage_records(&mut bad, &CallOptions::default()).err().unwrap();
    assert_eq!((error.status(), error.record()), (Status::InvalidRecord, Some(1)));
    let cancel = CancelToken::new();
    cancel.cancel();
    let cancelled = CallOptions { cancel: Some(cancel), ..CallOptions::default() };
    let error = dataset.stage_records(&mut records(&["1"]), &cancelled).err().unwrap();
    assert_eq!(error.status(), Status::Cancelled);
    assert_eq!(keys(&store).len(), 1);
    let raw = blobs::blobs(&store).stage_records(&mut records(&["1"]), &CallOptions::default());
    assert_eq!(raw.err().unwrap().status(), Status::CodecRequired);
}

#[test]
fn a_writer_whose_commit_was_refused_can_be_staged() {
    let dataset = open(&memory());
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"1", None).unwrap();
    let expecting = CommitOptions { expected_parent: Some("17"), ..CommitOptions::default() };
    assert_eq!(writer.commit(Metadata::empty(), expecting).err().unwrap().status(), Status::Conflict);
    let part = writer.stage(&CallOptions::default()).unwrap();
    let snapshot = commit(&dataset, &[part]).unwrap().snapshot;
    assert_eq!(all(&dataset, &snapshot), ["1"]);
}

#[test]
fn a_part_is_committed_once_by_whichever_handle_and_however_late() {
    let store = memory();
    let dataset = open(&store);
    let (one, two, three) = (stage(&dataset, &["1"]), stage(&dataset, &["2"]), stage(&dataset, &["3"]));
    let first = commit(&dataset, &[one.clone(), two.clone()]).unwrap().snapshot;
    for _ in 0..5 {
        write(&dataset, &["\"between\""]).unwrap();
    }
    for handle in [dataset.clone(), open(&store)] {
        for parts in [vec![one.clone()], vec![three.clone(), two.clone()]] {
            let parts: Vec<_> = parts.iter().map(|part| sent(&handle, part)).collect();
            let error = commit(&handle, &parts).err().unwrap();
            assert_eq!(error.status(), Status::PartCommitted, "{error}");
            assert_eq!(error.snapshot_id(), Some(first.id()));
        }
    }
    // A day later, too: that is said rather than that the part is too old.
    let late = open(&store).with_boot_time(|| Duration::from_secs(1 << 40));
    assert_eq!(commit(&late, &[one]).err().unwrap().status(), Status::PartCommitted);
    let last = commit(&open(&store), &[three]).unwrap().snapshot;
    assert_eq!(all(&dataset, &last), ["3"]);
    assert_eq!(ids(&dataset).len(), 7);
}

#[test]
fn a_part_that_another_writer_commits_meanwhile_is_refused_at_the_rebase() {
    /// Before the first slot is put, another commit is made.
    struct Meanwhile {
        inner: Arc<Memory>,
        other: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
    }
    impl Layer for Meanwhile {
        fn inner(&self) -> &dyn Backend {
            &*self.inner
        }
        fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
            let other = self.other.lock().unwrap().take_if(|_| key.contains("_commits/"));
            if let Some(other) = other {
                other();
            }
            self.inner.put_if_absent(context, key, data, durability)
        }
    }
    for taken in [true, false] {
        let memory = Arc::new(Memory::new());
        let plain = || {
            let layer = Meanwhile { inner: memory.clone(), other: std::sync::Mutex::new(None) };
            open(&Store::new(Box::new(Layered(layer)), StoreOptions::default()))
        };
        write(&plain(), &["0"]).unwrap();
        let (part, beside) = (stage(&plain(), &["1"]), stage(&plain(), &["2"]));
        let rival = plain();
        let theirs = sent(&rival, if taken { &part } else { &beside });
        let other: Box<dyn FnOnce() + Send> = Box::new(move || drop(commit(&rival, &[theirs]).unwrap()));
        let layer = Meanwhile { inner: memory.clone(), other: std::sync::Mutex::new(Some(other)) };
        let dataset = open(&Store::new(Box::new(Layered(layer)), StoreOptions::default()));
        match commit(&dataset, &[sent(&dataset, &part)]) {
            Err(error) => assert!(taken && error.status() == Status::PartCommitted, "{error}"),
            Ok(commit) => assert!(!taken && all(&dataset, &commit.snapshot) == ["1"]),
        }
        assert_eq!(ids(&plain()).len(), if taken { 2 } else { 3 });
    }
}

#[test]
fn a_restarted_coordinator_with_its_key_is_told_that_it_has_committed() {
    let store = memory();
    let dataset = open(&store);
    let part = stage(&dataset, &["1"]);
    let keyed = || CommitOptions {
        producer: Some(Producer { id: "job", sequence: 1, position: "" }),
        ..CommitOptions::default()
    };
    let first =
        dataset.commit_parts(std::slice::from_ref(&part), Metadata::empty(), keyed()).unwrap().snapshot;
    let restarted = open(&store);
    let again = restarted.commit_parts(&[sent(&restarted, &part)], Metadata::empty(), keyed()).unwrap();
    assert_eq!((again.outcome, again.snapshot.id()), (Outcome::AlreadyCommitted, first.id()));
    assert_eq!(all(&restarted, &again.snapshot), ["1"], "the part's files are still there");
}

#[test]
fn a_commit_that_fails_leaves_its_parts_to_be_committed_again() {
    let store = memory();
    let dataset = open(&store);
    let part = stage(&dataset, &["1"]);
    let expecting = CommitOptions { expected_parent: Some("17"), ..CommitOptions::default() };
    let refused =
        dataset.commit_parts(std::slice::from_ref(&part), Metadata::empty(), expecting).err().unwrap();
    assert_eq!(refused.status(), Status::Conflict);
    let over = CallOptions { deadline: Some(Duration::ZERO), ..CallOptions::default() };
    let late = CommitOptions { call: over, ..CommitOptions::default() };
    let refused = dataset.commit_parts(std::slice::from_ref(&part), Metadata::empty(), late).err().unwrap();
    assert_eq!(refused.status(), Status::Deadline);
    assert_eq!(all(&dataset, &commit(&dataset, &[part]).unwrap().snapshot), ["1"]);
}

#[test]
fn a_part_that_is_not_what_it_says_is_refused() {
    let store = memory();
    let dataset = open(&store);
    let other = Dataset::open(&store, "others", options()).unwrap();
    let zstd = DatasetOptions { compressor: Compressor::Zstd, ..options() };
    let compressing = Dataset::open(&store, "events", zstd).unwrap();
    let (good, theirs, compressed) =
        (stage(&dataset, &["1"]), stage(&other, &["2"]), stage(&compressing, &["3"]));
    let elsewhere = stage(&open(&memory()), &["4"]);
    let damaged = stage(&dataset, &["5"]);
    let path = &damaged.files()[0].path;
    store.backend().delete(Context::unlimited(), path).unwrap();
    assert!(matches!(store.put(path, b"6\n", &CallOptions::default()), Ok(())));
    let short = stage(&dataset, &["77"]);
    let shorter = short.json().replace("\"size_bytes\":3", "\"size_bytes\":4");
    let ahead = compose((now() + 100_000_000_000_000).unsigned_abs(), 7).unwrap();
    let ahead = dataset.part_from_json(&good.json().replace(good.id(), &ahead)).unwrap();
    let many = |part: &Part| {
        let json = part.json().replace("\"row_count\":1", &format!("\"row_count\":{}", i64::MAX));
        dataset.part_from_json(&json).unwrap()
    };
    for (parts, status, message) in [
        (vec![good.clone(), good.clone()], Status::InvalidArgument, "part 1 (datasets/events/snapshots/"),
        (vec![good.clone(), sent(&dataset, &good)], Status::InvalidArgument, "it is given twice"),
        (vec![theirs], Status::InvalidArgument, "it belongs to the dataset \"others\""),
        (vec![good.clone(), compressed], Status::InvalidArgument, "staged with other options"),
        (vec![elsewhere], Status::NotFound, "part 0: its file datasets/events/snapshots/"),
        (vec![dataset.part_from_json(&shorter).unwrap()], Status::Corrupt, "has 3 bytes, expected 4"),
        (vec![ahead], Status::InvalidArgument, "dated more than 24 hours ahead"),
        (vec![many(&good), many(&short)], Status::InvalidArgument, "more records than 64 bits"),
    ] {
        let error = commit(&dataset, &parts).err().unwrap();
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(message), "{error}");
        assert!(error.message().contains("dataset \"events\""), "{error}");
    }
    // Other bytes of the same size are found if that is asked for.
    let verifying = || CommitOptions { verify_parts: true, ..CommitOptions::default() };
    let error =
        dataset.commit_parts(std::slice::from_ref(&damaged), Metadata::empty(), verifying()).err().unwrap();
    assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(&**path)), "{error}");
    assert!(error.message().contains("has the checksum"), "{error}");
    assert!(ids(&dataset).is_empty(), "nothing was committed");
    dataset.commit_parts(&[good], Metadata::empty(), verifying()).unwrap();
    commit(&dataset, &[damaged]).unwrap();
}

#[test]
fn a_line_that_is_no_part_of_this_dataset_is_refused_by_its_field() {
    let dataset = open(&memory());
    let part = stage(&dataset, &["1"]);
    let (id, json) = (part.id(), part.json());
    assert!(!json.contains('\n'));
    assert_eq!(sent(&dataset, &part).json(), json);
    let huge = "9223372036854775808";
    let long = "x".repeat(100_000);
    let other = "1700000000000000000-0000000000000000";
    let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for (from, to, message) in [
        ("\"lode_part\":1", "\"lode_part\":-1", "invalid value"),
        ("\"events\"", "\"others\"", "dataset_id: the part has \"others\""),
        ("\"default\"", "\"flat\"", "layout: the part has \"flat\""),
        ("\"jsonl\"", "\"parquet\"", "codec: the part has \"parquet\""),
        ("\"noop\"", "\"zstd\"", "compressor: the part has \"zstd\""),
        ("\"xxh3\"", "\"md5\"", "checksum_algorithm: the part has \"md5\""),
        (&*format!("\"id\":\"{id}\""), "\"id\":\"17\"", "id: \"17\" is no id"),
        (&*format!("\"id\":\"{id}\""), &*format!("\"id\":\"{other}\""), "does not lie under the part's id"),
        ("\"size_bytes\":2", &*format!("\"size_bytes\":{huge}"), "size_bytes: 9223372036854775808 is more"),
        ("\"size_bytes\":2", "\"size_bytes\":-2", "invalid value"),
        ("\"size_bytes\":2", "\"size_bytes\":36893488147419103232", "invalid"),
        ("\"size_bytes\":2", "\"size_bytes\":2.5", "invalid type"),
        ("\"row_count\":1", &*format!("\"row_count\":{huge}"), "row_count: 9223372036854775808 is more"),
        ("\"checksum\":\"", "\"checksum\":\"AB", "is 16 hexadecimal digits"),
        ("\"staged_at\":\"", "\"staged_at\":\"x", "staged_at: "),
        ("/data/data\"", "/data/data.gz\"", "is not called as a data file"),
        ("/data/data\"", "/data/data-1\"", "is not called as a data file"),
        ("/data/data\"", "/data/../../../x\"", "path"),
        ("/data/data\"", "/manifest.json\"", "is not where a data file of this dataset lies"),
        ("datasets/events/", "datasets/others/", "is not where a data file of this dataset lies"),
        ("datasets/events/", "/etc/", "path"),
        ("datasets/events/snapshots/", "datasets/events/segments/", "is not where a data file"),
        ("datasets/events/", &*format!("{long}/"), "path"),
        ("\"durable\":true,", "", "missing field `durable`"),
        ("\"durable\":true", &*format!("\"durable\":{nested}"), "part's JSON"),
        ("\"files\":[", "\"files\":[],\"x\":[", "files: a part has at least one file"),
        ("\"row_count\":1", "\"row_count\":1,\"row_count\":1", "duplicate field"),
    ] {
        assert_eq!(json.matches(from).count(), 1, "{from} stands once in {json}");
        let error = dataset.part_from_json(&json.replace(from, to)).err();
        let error = error.unwrap_or_else(|| panic!("{from} -> {to} is accepted"));
        assert_eq!(error.status(), Status::InvalidArgument, "{to}: {error}");
        let seen = &error.message()[..error.message().len().min(2_000)];
        assert!(error.message().contains(message), "{to}: {seen}");
        assert!(error.message().len() < 2_000, "a message is no copy of what was given");
    }
    let later = json.replace("\"lode_part\":1", "\"lode_part\":2");
    let error = dataset.part_from_json(&later).err().unwrap();
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("it is of the form 2"), "{error}");
    let (start, end) = json.split_once("\"files\":[").unwrap();
    let file = end.strip_suffix("]}").unwrap();
    let twice = format!("{start}\"files\":[{file},{file}]}}");
    assert!(dataset.part_from_json(&twice).err().unwrap().message().contains("is there twice"));
    for text in ["", "{}", "[]", "null", "{\"lode_part\":1}", "\0", &json[..json.len() / 2]] {
        let error = dataset.part_from_json(text).err().unwrap();
        assert_eq!(error.status(), Status::InvalidArgument, "{text}: {error}");
    }
    let unknown = json.replace("\"lode_part\":1", "\"lode_part\":1,\"later\":{\"a\":[1]}");
    assert!(dataset.part_from_json(&unknown).is_ok(), "a field that this version does not know");
}

#[test]
fn a_partitioned_part_lies_in_a_partition_of_the_datasets_keys() {
    let hive = open_as(&memory(), Layout::Hive);
    let template = "{\"lode_part\":1,\"dataset_id\":\"events\",\"layout\":\"hive\",\
                    \"id\":\"1700000000000000000-00ff00ff00ff00ff\",\"staged_at\":\"2023-11-14T22:13:20Z\",\
                    \"durable\":true,\"codec\":\"jsonl\",\"compressor\":\"noop\",\"checksum_algorithm\":\"xxh3\",\
                    \"row_count\":1,\"files\":[{\"path\":\"PATH/segments/1700000000000000000-00ff00ff00ff00ff\
                    /data/data\",\"size_bytes\":2,\"checksum\":\"0123456789abcdef\"}]}";
    for (folder, is_right) in [
        ("datasets/events/partitions/p=a", true),
        ("datasets/events", false),
        ("datasets/events/partitions/q=a", false),
        ("datasets/events/partitions/p=a/q=b", false),
        ("datasets/events/partitions/pa", false),
        ("datasets/events/partitions/p=a/..", false),
    ] {
        let part = hive.part_from_json(&template.replace("PATH", folder));
        assert_eq!(part.is_ok(), is_right, "{folder}: {:?}", part.err());
    }
}

#[test]
fn a_hundred_thousand_parts_are_one_commit() {
    let store = memory();
    let dataset = open(&store);
    let template = stage(&dataset, &["1"]);
    let parts: Vec<Part> = (0..100_000_u64)
        .map(|number| {
            let id = compose(1_700_000_000_000_000_000 + number, number).unwrap();
            let json = template.json().replace(template.id(), &id);
            let part = dataset.part_from_json(&json).unwrap();
            store.put(&part.files()[0].path, b"1\n", &CallOptions::default()).unwrap();
            part
        })
        .collect();
    let snapshot = commit(&dataset, &parts).unwrap().snapshot;
    assert_eq!((snapshot.manifest().row_count, snapshot.manifest().files.len()), (100_000, 100_000));
    assert_eq!(commit(&open(&store), &parts[99_999..]).err().unwrap().status(), Status::PartCommitted);
}

#[test]
fn data_that_was_staged_a_day_ago_is_not_committed() {
    use std::cell::Cell;
    thread_local! {
        static BOOT: Cell<u64> = const { Cell::new(1_000) };
    }
    const DAY: u64 = 24 * 60 * 60;
    fn boot_time() -> Duration {
        Duration::from_secs(BOOT.get())
    }
    let pass = |seconds: u64| BOOT.set(BOOT.get() + seconds);
    // By a writer's own handle, on a store without locks: the age counts from the writer's beginning.
    let dataset = open(&memory()).with_boot_time(boot_time);
    let begin = || {
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        writer.append(b"1", None).unwrap();
        writer
    };
    let (mut young, mut old) = (begin(), begin());
    let (part, stale) = (stage(&dataset, &["2"]), stage(&dataset, &["3"]));
    pass(DAY);
    young.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    commit(&dataset, &[part]).unwrap();
    pass(1);
    for error in [
        old.commit(Metadata::empty(), CommitOptions::default()).err().unwrap(),
        commit(&dataset, &[stale]).err().unwrap(),
    ] {
        assert_eq!(error.status(), Status::StagedTooOld);
        for part in ["dataset \"events\"", "24 hours ago", "these records are lost", "Nothing is committed"] {
            assert!(error.message().contains(part), "{error}");
        }
    }
    // On a filesystem a writer's files are locked, and as old as their last bytes.
    let disk = SimDisk::new();
    let dataset = open(&store_of(&disk.process())).with_boot_time(boot_time);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"1", None).unwrap();
    pass(3 * DAY);
    writer.append(b"2", None).unwrap();
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert_eq!(ids(&dataset).len(), 1);
}

#[test]
fn the_age_of_a_part_from_elsewhere_is_told_by_the_stores_clock() {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let disk = SimDisk::new();
    let stager = open(&store_of(&disk.process()));
    let coordinator = open(&store_of(&disk.process()));
    let (young, old, none) = (stage(&stager, &["1"]), stage(&stager, &["2"]), stage(&stager, &["3"]));
    // What its line says of the time does not count where the store knows better.
    let claims = |json: &str, time: &str| {
        let (before, after) = json.split_once("\"staged_at\":\"").unwrap();
        format!("{before}\"staged_at\":\"{time}{}", &after[after.find('"').unwrap()..])
    };
    let young = coordinator.part_from_json(&claims(young.json(), "2001-01-01T00:00:00Z")).unwrap();
    let old = coordinator.part_from_json(&claims(old.json(), "2200-01-01T00:00:00Z")).unwrap();
    disk.pass(23 * HOUR);
    commit(&coordinator, std::slice::from_ref(&young)).unwrap();
    disk.pass(2 * HOUR);
    let error = commit(&coordinator, &[old]).err().unwrap();
    assert_eq!(error.status(), Status::StagedTooOld, "{error}");
    assert!(error.message().contains("25 hours ago"), "{error}");
    assert_eq!(commit(&coordinator, &[young]).err().unwrap().status(), Status::PartCommitted);
    // The process that staged it counts the time by itself.
    commit(&stager, &[none]).unwrap();
    // A store without a clock leaves the claim, and this machine's clock.
    let dataset = open(&memory());
    let part = stage(&dataset, &["1"]);
    let stale = dataset.part_from_json(&claims(part.json(), "2001-01-01T00:00:00Z")).unwrap();
    assert_eq!(commit(&dataset, &[stale]).err().unwrap().status(), Status::StagedTooOld);
    commit(&dataset, &[sent(&dataset, &part)]).unwrap();
}

#[test]
fn a_discarded_part_is_gone_and_a_committed_one_stays() {
    let store = memory();
    let dataset = open(&store);
    let (kept, given_up) = (stage(&dataset, &["1"]), stage(&dataset, &["2"]));
    given_up.discard(&CallOptions::default()).unwrap();
    given_up.discard(&CallOptions::default()).unwrap();
    assert_eq!(commit(&dataset, std::slice::from_ref(&given_up)).err().unwrap().status(), Status::NotFound);
    let snapshot = commit(&dataset, std::slice::from_ref(&kept)).unwrap().snapshot;
    write(&dataset, &["3"]).unwrap();
    for handle in [kept.clone(), sent(&open(&store), &kept)] {
        let error = handle.discard(&CallOptions::default()).unwrap_err();
        assert_eq!((error.status(), error.snapshot_id()), (Status::PartCommitted, Some(snapshot.id())));
    }
    assert_eq!(all(&dataset, &snapshot), ["1"]);
    sent(&open(&store), &given_up).discard(&CallOptions::default()).unwrap();
}

#[test]
fn a_part_whose_commit_is_decided_and_not_published_is_not_discarded() {
    let disk = SimDisk::new();
    let before = open(&store_of(&disk.process()));
    write(&before, &["0"]).unwrap();
    let part = stage(&before, &["1"]);
    let process = disk.process();
    // The only link of the slot: the process dies once it is decided.
    process.fault_on(Op::Link, 0, Fault::CrashAfter);
    let dying = open(&store_of(&process));
    assert!(commit(&dying, &[sent(&dying, &part)]).is_err() && process.is_dead());
    let error = part.discard(&CallOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::PartCommitted, "{error}");
    assert_eq!(commit(&before, &[part]).err().unwrap().status(), Status::PartCommitted);
    assert_eq!(audit_as(&store_of(&disk.process()), Layout::Default, &[]).unwrap().len(), 2);
}

#[test]
fn what_is_staged_is_locked_until_its_commit_has_ended_or_its_part_is_dropped() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = open(&store_of(&process));
    // What another process that wants it alone is told of a file.
    let other = disk.process();
    let is_locked = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap();
        let mut file = other.disk().open_dir(folder).unwrap().open_read(name).unwrap();
        file.try_lock().is_err()
    };
    let staged = |disk: &SimDisk| -> Vec<String> {
        disk.files().into_keys().filter(|path| path.contains("/data/")).collect()
    };
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let [open_file] = &staged(&disk)[..] else { panic!("one file") };
    assert!(is_locked(open_file), "while it is written");
    // The second link is the slot's.
    process.fault_on(Op::Link, 1, Fault::Fail(Errno::ROFS));
    assert!(writer.commit(Metadata::empty(), CommitOptions::default()).is_err());
    process.heal();
    let [durable] = &staged(&disk)[..] else { panic!("one file") };
    assert!(!durable.ends_with(".tmp") && is_locked(durable), "while its commit may be repeated");
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert!(!is_locked(durable), "once it is committed");
    let part = stage(&dataset, &["1"]);
    let path = part.files()[0].path.clone();
    let clone = part.clone();
    drop(part);
    assert!(is_locked(&path), "while a handle of its part lives");
    drop(clone);
    assert!(!is_locked(&path));
    let part = stage(&dataset, &["2"]);
    process.kill();
    assert!(!is_locked(&part.files()[0].path), "a lock ends with its process");
}

#[test]
fn a_part_that_was_staged_without_syncs_is_synced_by_a_commit_with() {
    let disk = SimDisk::new();
    let durability = Durability::Process;
    let staging = DatasetOptions { durability, ..options() };
    let part = {
        let dataset = Dataset::open(&store_of(&disk.process()), "events", staging).unwrap();
        stage(&dataset, &["1"]).json().to_owned()
    };
    let process = disk.process();
    let coordinator = open(&store_of(&process));
    commit(&coordinator, &[coordinator.part_from_json(&part).unwrap()]).unwrap();
    let synced =
        process.trace().into_iter().any(|step| step.op == Op::SyncFile && step.path.contains("/data/"));
    assert!(synced, "the part's bytes are made durable before its commit");
}

#[test]
fn what_a_handle_remembers_of_parts_is_bounded_and_forgetting_loses_nothing() {
    let store = memory();
    let dataset = open(&store);
    let oldest = stage(&dataset, &["0"]);
    let mut parts = Vec::new();
    for _ in 0..12 {
        let hundred: Vec<_> = (0..100).map(|number| stage(&dataset, &[&number.to_string()])).collect();
        commit(&dataset, &hundred).unwrap();
        parts.push(hundred[50].clone());
    }
    for part in [&parts[0], &parts[5], &parts[11]] {
        assert_eq!(
            commit(&dataset, &[oldest.clone(), part.clone()]).err().unwrap().status(),
            Status::PartCommitted
        );
    }
    commit(&dataset, &[oldest]).unwrap();
}

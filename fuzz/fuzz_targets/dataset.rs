//! Any bytes as the files of a dataset: every call returns, with a result or an error.
//!
//! The input is text of `=== KEY` lines, each followed by that object's bytes up to the line end before the
//! next. KEY is below the dataset's folder, and `@ID` in it or in the bytes stands for a snapshot id. A `+`
//! before KEY puts right what no mutation could hit: in a manifest the files' sizes (and it drops their
//! checksums); in a slot, whose bytes are then the child's id on a line and its manifest, the header.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use lode_core::codec::Codec;
use lode_core::context::{CallOptions, Context, Retry};
use lode_core::dataset::{Dataset, DatasetOptions, ReadOptions, Resolution, Snapshot, Verify, WriterOptions};
use lode_core::fuzzing::{Slot, SlotKey, SlotKind, encode};
use lode_core::layout::Layout;
use lode_core::manifest::{Manifest, ManifestKey, Metadata};
use lode_core::options::CommitOptions;
use lode_core::store::{Durability, Put, Store, StoreOptions};

const DATASET: &str = "events";
const FOLDER: &str = "datasets/events/";
/// What `@` and a digit stand for: ids of this library and of the Go library.
const IDS: [&str; 6] = [
    "1700000000000000000-00000000000000aa",
    "1700000000000000001-00000000000000bb",
    "1700000000000000002-00000000000000cc",
    "1700000000000000000",
    "1700000000000000009",
    "9999999999999999999-ffffffffffffffff",
];
const MOST_SNAPSHOTS: usize = 20;
/// A few stored bytes may stand for gigabytes: no more than this is read of a snapshot.
const MOST_READ: usize = 4 << 20;

/// The bytes with each `@` and digit replaced by an id.
fn with_ids(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = bytes.get(at + 1).map_or(usize::MAX, |byte| usize::from(byte.wrapping_sub(b'0')));
        match IDS.get(digit) {
            Some(id) if bytes[at] == b'@' => {
                out.extend_from_slice(id.as_bytes());
                at += 2;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

fn put(store: &Store, key: &str, bytes: &[u8]) {
    if let Put::Unknown(error) | Put::Doubtful(error) =
        store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Full)
    {
        panic!("memory is in doubt: {error}");
    }
}

/// A manifest with the sizes that its files have.
fn with_right_sizes(store: &Store, key: &str, bytes: Vec<u8>) -> Vec<u8> {
    let Some(id) = Layout::Default.parse_manifest_path(DATASET, key) else { return bytes };
    let manifest_key =
        ManifestKey { layout: Layout::Default, dataset_id: DATASET, snapshot_id: id, path: key };
    let Ok(mut manifest) = Manifest::parse(Context::unlimited(), &bytes, manifest_key) else { return bytes };
    for file in &mut manifest.files {
        if let Ok(Some(object)) = store.backend().head(Context::unlimited(), &file.path) {
            file.size_bytes = object.size;
        }
        file.checksum = None;
    }
    manifest.encode().unwrap()
}

/// The slot of a key, from the child's id on a line and its manifest.
fn with_right_header(key: &str, bytes: Vec<u8>) -> Vec<u8> {
    let Some(parent) = key.strip_prefix("datasets/events/_commits/") else { return bytes };
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return bytes };
    let Ok(child) = std::str::from_utf8(&bytes[..end]) else { return bytes };
    let (child, kind) = match child.strip_prefix('~') {
        Some(child) => (child, SlotKind::Noop),
        None => (child, SlotKind::Commit),
    };
    let parent = Some(parent).filter(|parent| *parent != "root");
    let slot_key = SlotKey { dataset: DATASET, layout: Layout::Default, parent };
    let slot = Slot {
        kind,
        parent: parent.map(Into::into),
        child: child.into(),
        created_at: 0,
        nonce: 7,
        producers: Arc::default(),
    };
    encode(slot_key, &slot, &bytes[end + 1..])
}

fn fill(store: &Store, data: &[u8]) {
    // Manifests are put right by the files that are there: they come last.
    let mut manifests = Vec::new();
    let mut rest = data;
    while let Some(object) = rest.strip_prefix(b"=== ") {
        let end = object.windows(5).position(|window| window == b"\n=== ").unwrap_or(object.len());
        rest = object.get(end + 1..).unwrap_or_default();
        let Some(line) = object[..end].iter().position(|byte| *byte == b'\n') else { continue };
        let Ok(key) = String::from_utf8(with_ids(&object[..line])) else { continue };
        let bytes = with_ids(&object[line + 1..end]);
        match key.strip_prefix('+') {
            None => put(store, &format!("{FOLDER}{key}"), &bytes),
            Some(key) if key.starts_with("_commits/") => {
                let key = format!("{FOLDER}{key}");
                let slot = with_right_header(&key, bytes);
                put(store, &key, &slot);
            }
            Some(key) => manifests.push((format!("{FOLDER}{key}"), bytes)),
        }
    }
    for (key, bytes) in manifests {
        let manifest = with_right_sizes(store, &key, bytes);
        put(store, &key, &manifest);
    }
}

/// Reads a snapshot to its end, the limit, or its fault; gives the records if all were read.
fn read(dataset: &Dataset, snapshot: &Snapshot, verify: Verify) -> Option<Vec<Vec<u8>>> {
    let mut reader = dataset.read(snapshot, ReadOptions { call: CallOptions::default(), verify }).ok()?;
    let (mut records, mut bytes) = (Vec::new(), 0);
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                bytes += record.len() + 1;
                assert!(!record.is_empty(), "an empty record");
                if bytes > MOST_READ {
                    return None;
                }
                records.push(record.to_vec());
            }
            Ok(None) => {
                assert!(matches!(reader.next(), Ok(None)), "something after the end");
                return Some(records);
            }
            Err(error) => {
                let again = reader.next().map(|record| record.is_some());
                assert_eq!(
                    again.map_err(|again| again.status()),
                    Err(error.status()),
                    "a failure that does not stay"
                );
                return None;
            }
        }
    }
}

fn read_in_batches(dataset: &Dataset, snapshot: &Snapshot) -> Option<Vec<Vec<u8>>> {
    let mut reader = dataset.read(snapshot, ReadOptions::default()).ok()?;
    let mut records: Vec<Vec<u8>> = Vec::new();
    loop {
        let batch = reader.next_batch(3).ok()?;
        if batch.is_empty() {
            return Some(records);
        }
        records.extend(batch.iter().map(<[u8]>::to_vec));
    }
}

fn read_every_way(dataset: &Dataset, snapshot: &Snapshot) {
    let unchecked = read(dataset, snapshot, Verify::SizeOnly);
    if let Some(records) = read(dataset, snapshot, Verify::Streaming) {
        assert_eq!(records.len() as u64, snapshot.manifest().row_count);
        assert_eq!(unchecked.as_ref(), Some(&records));
        // It also compares the manifest with its slot, which may tell of another one.
        if let Some(first) = read(dataset, snapshot, Verify::First) {
            assert_eq!(first, records);
        }
        assert_eq!(read_in_batches(dataset, snapshot), Some(records));
    }
}

fn look(dataset: &Dataset) {
    let call = CallOptions::default();
    if let Ok(latest) = dataset.latest(&call) {
        let _ = latest.manifest().is_noop();
        let _ = latest.producers();
    }
    if let Ok(mut snapshots) = dataset.snapshots(&call) {
        let mut before: Option<String> = None;
        for _ in 0..MOST_SNAPSHOTS {
            let Ok(Some(snapshot)) = snapshots.next() else { break };
            assert!(before.as_deref().is_none_or(|before| before < snapshot.id()), "snapshots out of order");
            before = Some(snapshot.id().to_owned());
            read_every_way(dataset, &snapshot);
        }
    }
    for id in IDS {
        if let Ok(snapshot) = dataset.snapshot(id, &call) {
            assert_eq!(snapshot.id(), id);
        }
    }
}

/// Resolves a commit in doubt: in such a dataset the answer may be any, but there is one.
fn resolve(dataset: &Dataset, id: &str) {
    if let Ok(Resolution::Committed(snapshot)) = dataset.resolve_commit(id, &CallOptions::default()) {
        assert_eq!(snapshot.id(), id);
    }
}

/// A commit on top: refused, or readable afterwards.
fn commit(dataset: &Dataset) {
    let call = CallOptions::default();
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"{\"id\":1}", None).unwrap();
    if let Ok(commit) = writer.commit(Metadata::empty(), CommitOptions::default()) {
        let found = dataset.snapshot(commit.snapshot.id(), &call).unwrap();
        let expected = [b"{\"id\":1}".to_vec()];
        assert_eq!(read(dataset, &found, Verify::Streaming).as_deref(), Some(&expected[..]));
    }
}

fuzz_target!(|data: &[u8]| {
    let store = Store::open_memory(StoreOptions::default());
    fill(&store, data);
    let options = DatasetOptions {
        codec: Codec::Jsonl,
        retry: Retry { attempts: 2, base: Duration::ZERO, cap: Duration::ZERO },
        ..DatasetOptions::default()
    };
    let open = || Dataset::open(&store, DATASET, options.clone()).unwrap();
    look(&open());
    resolve(&open(), IDS[data.len() % IDS.len()]);
    commit(&open());
});

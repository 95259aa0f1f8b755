//! Every kind of commit, and every way to read, on a bucket.

use lode_core::catalog::Catalog;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{
    BlobWriterOptions, Commit, Dataset, DatasetOptions, Outcome, ReadOptions, Record, RecordSource, Snapshot,
    WriterOptions,
};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::{CommitOptions, Producer};
use lode_core::store::Store;
use lode_core::{Result, Status};

use crate::servers;

pub fn jsonl(layout: Layout) -> DatasetOptions {
    let partition_keys = if layout == Layout::Hive { vec!["day".to_owned()] } else { Vec::new() };
    DatasetOptions { codec: Codec::Jsonl, layout, partition_keys, ..DatasetOptions::default() }
}

pub fn open(store: &Store, id: &str, layout: Layout) -> Dataset {
    Dataset::open(store, id, jsonl(layout)).unwrap()
}

/// Commits one record.
pub fn append(dataset: &Dataset, record: &str, options: CommitOptions<'_>) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    writer.append(record.as_bytes(), None)?;
    writer.commit(Metadata::empty(), options)
}

pub fn records(dataset: &Dataset, snapshot: &Snapshot) -> Vec<String> {
    let mut reader = dataset.read(snapshot, ReadOptions::default()).unwrap();
    let mut found = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        found.push(String::from_utf8(record.to_vec()).unwrap());
    }
    found
}

/// Records of a list, pulled.
struct Pulled(Vec<String>, usize);

impl RecordSource for Pulled {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        self.1 += 1;
        Ok(self.0.get(self.1 - 1).map(|record| Record { data: record.as_bytes(), unix_nanos: None }))
    }
}

fn ids(dataset: &Dataset, since: Option<&str>) -> Vec<String> {
    let mut snapshots = dataset.changes_since(since, &CallOptions::default()).unwrap();
    std::iter::from_fn(|| snapshots.next().unwrap()).map(|snapshot| snapshot.id().to_owned()).collect()
}

/// What every store is to do with every kind of commit. Gives the prefixes' datasets with their layouts.
pub fn every_kind(store: &Store, other: &Store) {
    let none = CallOptions::default();
    let events = open(store, "events", Layout::Default);
    assert_eq!(events.latest(&none).map(drop).unwrap_err().status(), Status::NoSnapshots);

    let pushed = append(&events, r#"{"n":1}"#, CommitOptions::default()).unwrap();
    let pulled = events
        .stream_write_records(
            &mut Pulled(vec![r#"{"n":2}"#.to_owned(), r#"{"n":3}"#.to_owned()], 0),
            Metadata::parse(r#"{"from":"pulled"}"#).unwrap(),
            CommitOptions::default(),
        )
        .unwrap();
    let given = [Record { data: br#"{"n":4}"#, unix_nanos: None }];
    let given = events.write_records(&given, Metadata::empty(), CommitOptions::default()).unwrap();
    for commit in [&pushed, &pulled, &given] {
        assert_eq!(commit.outcome, Outcome::Committed);
    }

    // Another handle, which knows nothing of this one's commits.
    let theirs = open(other, "events", Layout::Default);
    let head = theirs.latest(&none).unwrap();
    assert_eq!(head.id(), given.snapshot.id());
    assert_eq!(
        records(&theirs, &theirs.snapshot(pulled.snapshot.id(), &none).unwrap()),
        [r#"{"n":2}"#, r#"{"n":3}"#]
    );
    let all: Vec<String> =
        [&pushed, &pulled, &given].iter().map(|commit| commit.snapshot.id().to_owned()).collect();
    assert_eq!(ids(&theirs, None), all);
    assert_eq!(ids(&theirs, Some(&all[0])), all[1..]);

    // An expected parent, and exactly once.
    let stale = CommitOptions { expected_parent: Some(&all[0]), ..CommitOptions::default() };
    let conflict = append(&theirs, "{}", stale).map(drop).unwrap_err();
    assert_eq!((conflict.status(), conflict.snapshot_id()), (Status::Conflict, Some(&*all[2])));
    let keyed = || {
        let producer = Some(Producer { id: "p", sequence: 7, position: "there" });
        CommitOptions { producer, ..CommitOptions::default() }
    };
    let first = append(&theirs, r#"{"once":1}"#, keyed()).unwrap();
    let second = append(&events, r#"{"once":1}"#, keyed()).unwrap();
    assert_eq!((first.outcome, second.outcome), (Outcome::Committed, Outcome::AlreadyCommitted));
    assert_eq!(first.snapshot.id(), second.snapshot.id());
    let position = events.producer_position("p", &none).unwrap().unwrap();
    assert_eq!(position.id(), first.snapshot.id());

    // A blob, compressed and not.
    for (id, compressor) in [("blobs", Compressor::None), ("zipped", Compressor::Zstd)] {
        let blobs =
            Dataset::open(store, id, DatasetOptions { compressor, ..DatasetOptions::default() }).unwrap();
        let mut writer = blobs.blob_writer(BlobWriterOptions::default()).unwrap();
        for piece in 0..64_u8 {
            writer.write(&vec![piece; 30_011]).unwrap();
        }
        let blob = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
        let mut reader = blobs.read_blob(&blob, ReadOptions::default()).unwrap();
        let (mut buffer, mut read) = (vec![0; 65_536], 0_usize);
        loop {
            match reader.read(&mut buffer).unwrap() {
                0 => break,
                count => {
                    let is_right = |(at, byte): (usize, &u8)| usize::from(*byte) == (read + at) / 30_011;
                    assert!(
                        buffer[..count].iter().enumerate().all(is_right),
                        "{id}: wrong bytes after {read}"
                    );
                    read += count;
                }
            }
        }
        assert_eq!(read, 64 * 30_011, "{id}");
    }

    // Partitions, whose names have escapes in them.
    let hive = open(store, "parts", Layout::Hive);
    let given: Vec<String> = ["a b", "c/d", "ü~"].iter().map(|day| format!(r#"{{"day":"{day}"}}"#)).collect();
    let given: Vec<Record<'_>> =
        given.iter().map(|record| Record { data: record.as_bytes(), unix_nanos: None }).collect();
    let hived = hive.write_records(&given, Metadata::empty(), CommitOptions::default()).unwrap();
    assert_eq!(records(&hive, &hived.snapshot).len(), 3);
    let catalog = Catalog::open(other, Layout::Hive);
    let mut partitions = catalog.partitions("parts", &none).unwrap();
    let mut found: Vec<String> = std::iter::from_fn(|| partitions.next().unwrap()).collect();
    found.sort();
    assert_eq!(found, ["day=%C3%BC~", "day=a%20b", "day=c%2Fd"]);

    append(&open(store, "flat", Layout::Flat), "{}", CommitOptions::default()).unwrap();
    let catalog = Catalog::open(other, Layout::Default);
    let mut datasets = catalog.datasets(&none).unwrap();
    let mut found: Vec<String> = std::iter::from_fn(|| datasets.next().unwrap()).collect();
    found.sort();
    assert_eq!(found, ["blobs", "events", "zipped"]);

    // An abandoned writer leaves nothing that anybody reads.
    let mut abandoned = events.record_writer(WriterOptions::default()).unwrap();
    abandoned.append(b"{}", None).unwrap();
    drop(abandoned);
    assert_eq!(theirs.latest(&none).unwrap().id(), first.snapshot.id());
}

#[test]
fn every_kind_of_commit_and_of_reading_works_on_minio() {
    let Some((store, prefix)) = servers::minio_store() else { return };
    let endpoint = servers::minio().unwrap().url();
    // It does not share what the first knows: another path to the same bucket.
    let port = servers::minio().unwrap().port;
    let other = servers::s3_store(&format!("http://localhost:{port}"), &prefix, "");
    every_kind(&store, &other);
    for dataset in ["events", "blobs", "zipped"] {
        servers::audit(&prefix, dataset, &["--no-leftovers"]);
    }
    servers::audit(&prefix, "parts", &["--layout", "hive", "--no-leftovers"]);
    servers::audit(&prefix, "flat", &["--layout", "flat", "--no-leftovers"]);
    let left = servers::s3(&endpoint, &["list", "tests", &format!("{prefix}/")], b"");
    let left = String::from_utf8(left.stdout).unwrap();
    assert!(!left.contains(".probe-") && !left.contains(".lode-"), "{left}");
}

//! Datasets that the Go library wrote, read and continued on a machine without Go.

use std::fs;
use std::path::{Path, PathBuf};

use lode::checksum::Checksum;
use lode::codec::Codec;
use lode::compress::Compressor;
use lode::dataset::{Dataset, DatasetOptions, Outcome, ReadOptions, Snapshot, WriterOptions};
use lode::manifest::Metadata;
use lode::options::{CallOptions, CommitOptions};
use lode::store::{Store, StoreOptions};

/// A copy of a directory, removed at the end.
struct Copied(PathBuf);

impl Copied {
    fn of(name: &str) -> Self {
        let to =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fixtures-{}-{name}", std::process::id()));
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), &to);
        Copied(to)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // Left behind, it is only in the build directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn read(dataset: &Dataset, snapshot: &Snapshot) -> Vec<String> {
    let mut reader = dataset.read(snapshot, ReadOptions::default()).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(String::from_utf8(record.to_vec()).unwrap());
    }
    records
}

fn all(dataset: &Dataset) -> Vec<Snapshot> {
    let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
    let mut all = Vec::new();
    while let Some(snapshot) = snapshots.next().unwrap() {
        all.push(snapshot);
    }
    all
}

#[test]
fn what_the_go_library_wrote_is_read_and_continued() {
    for (compressor, name) in
        [(Compressor::None, "noop"), (Compressor::Gzip, "gzip"), (Compressor::Zstd, "zstd")]
    {
        for (checksum, checksum_name) in [(Checksum::None, "none"), (Checksum::Md5, "md5")] {
            let copied = Copied::of(&format!("jsonl-{name}-{checksum_name}"));
            let store = Store::open_filesystem(copied.0.to_str().unwrap(), StoreOptions::default()).unwrap();
            let options = DatasetOptions { codec: Codec::Jsonl, compressor, checksum, ..Default::default() };
            let dataset = Dataset::open(&store, "events", options).unwrap();
            let theirs = all(&dataset);
            assert_eq!(theirs.len(), 3, "{name}, {checksum_name}");
            for (number, snapshot) in theirs.iter().enumerate() {
                let expected: Vec<String> = (1..=3)
                    .map(|i| format!("{{\"id\":{},\"text\":\"é <&> {i}\"}}", number * 3 + i))
                    .filter(|_| number < 2)
                    .collect();
                assert_eq!(read(&dataset, snapshot), expected, "{name}, {checksum_name}, {number}");
                let manifest = snapshot.manifest();
                assert_eq!(manifest.compressor, name);
                assert_eq!(manifest.checksum_algorithm.as_deref().unwrap_or("none"), checksum_name);
                let metadata = if number < 2 { "{\"by\":\"go\"}" } else { "{}" };
                assert_eq!(manifest.metadata.user_json(), metadata);
                let parent = number.checked_sub(1).map(|number| theirs[number].id());
                assert_eq!(manifest.parent_snapshot_id.as_deref(), parent);
            }
            let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
            writer.append(b"{\"id\":7}", None).unwrap();
            let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
            assert_eq!(commit.outcome, Outcome::Committed);
            assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(theirs[2].id()));
            assert_eq!(read(&dataset, &commit.snapshot), ["{\"id\":7}"]);
            let ids: Vec<String> = all(&dataset).iter().map(|snapshot| snapshot.id().to_owned()).collect();
            assert_eq!(ids.len(), 4);
            assert_eq!(ids.last().map(String::as_str), Some(commit.snapshot.id()));
        }
    }
}

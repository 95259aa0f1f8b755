//! Datasets that the Go library wrote, read and continued on a machine without Go.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::{CallOptions, Retry};
use lode_core::dataset::{Commit, Dataset, DatasetOptions, Outcome, ReadOptions, Snapshot, WriterOptions};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};
use lode_core::{Result, Status};

/// A copy of a directory, removed at the end.
struct Copied(PathBuf);

impl Copied {
    fn of(name: &str) -> Self {
        Copied::as_named(name, name)
    }

    fn as_named(name: &str, to: &str) -> Self {
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("fixtures-{}-{to}", std::process::id()));
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name), &to);
        Copied(to)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // A failure leaves it in the build directory.
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

/// The fixture's history in a directory, as the Go library may leave it, and what it is opened with.
fn history(test: &str) -> (Copied, Dataset, Vec<String>) {
    let copied = Copied::as_named("jsonl-noop-md5", test);
    let store = Store::open_filesystem(copied.0.to_str().unwrap(), StoreOptions::default()).unwrap();
    let retry = Retry { attempts: 1, ..Retry::default() };
    let options = DatasetOptions { codec: Codec::Jsonl, retry, ..Default::default() };
    let dataset = Dataset::open(&store, "events", options).unwrap();
    let ids = all(&dataset).iter().map(|snapshot| snapshot.id().to_owned()).collect();
    (copied, dataset, ids)
}

fn write(dataset: &Dataset) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"{\"id\":7}", None).unwrap();
    writer.commit(Metadata::empty(), CommitOptions::default())
}

/// Makes the file look two minutes old.
fn age(path: &Path) {
    let file = fs::File::options().append(true).open(path).unwrap();
    let modified = file.metadata().unwrap().modified().unwrap();
    file.set_modified(modified - std::time::Duration::from_secs(120)).unwrap();
}

#[test]
fn a_pointer_with_a_line_end_and_a_mode_of_its_own_is_read_and_replaced() {
    let (copied, dataset, ids) = history("pointer");
    let pointer = copied.0.join("datasets/events/latest");
    fs::write(&pointer, format!("{}\n", ids[2])).unwrap();
    fs::set_permissions(&pointer, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), ids[2]);
    let commit = write(&dataset).unwrap();
    assert_eq!(commit.outcome, Outcome::Committed);
    assert_eq!(fs::read(&pointer).unwrap(), commit.snapshot.id().as_bytes());
    // It has the mode of every other object.
    let manifest = format!("datasets/events/snapshots/{}/manifest.json", commit.snapshot.id());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&pointer), mode(&copied.0.join(manifest)));
}

#[test]
fn a_writer_that_died_before_its_manifest_is_passed_over_after_a_minute() {
    let (copied, dataset, ids) = history("dangling");
    fs::remove_file(copied.0.join(format!("datasets/events/snapshots/{}/manifest.json", ids[2]))).unwrap();
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), ids[1]);
    let pointer = copied.0.join("datasets/events/latest");
    // Just written, as far as the file system knows.
    fs::write(&pointer, &ids[2]).unwrap();
    let error = write(&dataset).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Busy, Some(&*ids[2])), "{error}");
    age(&pointer);
    let commit = write(&dataset).unwrap();
    assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(&*ids[2]));
    let kept: Vec<String> = all(&dataset).iter().map(|snapshot| snapshot.id().to_owned()).collect();
    assert_eq!(kept, [&*ids[0], &*ids[1], commit.snapshot.id()]);
}

#[test]
fn a_torn_manifest_is_waited_for_and_then_needs_a_person() {
    let (copied, dataset, ids) = history("torn");
    let path = format!("datasets/events/snapshots/{}/manifest.json", ids[2]);
    let manifest = copied.0.join(&path);
    let whole = fs::read(&manifest).unwrap();
    fs::write(&manifest, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), ids[1]);
    let error = write(&dataset).err().unwrap();
    assert_eq!(error.status(), Status::Busy, "{error}");
    age(&copied.0.join("datasets/events/latest"));
    let error = write(&dataset).err().unwrap();
    assert_eq!((error.status(), error.path()), (Status::NeedsRepair, Some(&*path)), "{error}");
    assert!(error.message().contains("ends in the middle"), "{error}");
    // The way out.
    assert_eq!(dataset.adopt(&ids[1], &CallOptions::default()).unwrap().id(), ids[1]);
    let commit = write(&dataset).unwrap();
    assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(&*ids[1]));
    assert!(*commit.snapshot.id() > *ids[2], "it sorts above the torn one, too");
}

//! What stands where a dataset's folders should be.

use super::*;
use crate::error::Status;

/// A directory of its own for one test, removed at its end.
struct TempDir(std::path::PathBuf);

impl TempDir {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("lode-dataset-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&path).expect("a temporary directory");
        TempDir(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_file_in_place_of_a_folder_is_named_and_not_taken_for_an_empty_dataset() {
    for (layout, file) in [
        (Layout::Default, "datasets"),
        (Layout::Default, "datasets/events"),
        (Layout::Default, "datasets/events/snapshots"),
        (Layout::Hive, "datasets"),
        (Layout::Hive, "datasets/events/segments"),
        (Layout::Default, "datasets/events/_commits"),
        (Layout::Flat, "events"),
    ] {
        let dir = TempDir::new();
        let root = dir.0.to_str().expect("UTF-8");
        let path = dir.0.join(file);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
        std::fs::write(&path, "a file").expect("write");
        let store = Store::open_filesystem(root, StoreOptions::default()).expect("a store");
        let dataset = open_as(&store, layout);
        let id = crate::id::compose(1_700_000_000_000_000_000, 1).expect("an id");
        let calls = CallOptions::default();
        for (what, answer) in [
            ("latest", dataset.latest(&calls).map(drop)),
            ("snapshots", dataset.snapshots(&calls).map(drop)),
            ("snapshot", dataset.snapshot(&id, &calls).map(drop)),
            ("a commit", write_held(&dataset, &["{\"p\":1}"]).map(drop)),
        ] {
            // Slots matter to commits only.
            if file.ends_with("_commits") && what != "a commit" {
                continue;
            }
            let error = answer.expect_err(what);
            // That one snapshot is missing is true in any case.
            if what == "snapshot" && error.status() == Status::SnapshotNotFound {
                continue;
            }
            assert_eq!(error.status(), Status::InvalidPath, "{file}: {what}: {error}");
            let named = format!("{file:?} is no directory");
            assert!(error.message().contains(&named), "{file}: {what}: {error}");
        }
        assert_eq!(std::fs::read(&path).expect("it is still there"), b"a file");
    }
}

#[test]
fn a_dataset_of_which_nothing_is_there_has_no_snapshots() {
    let dir = TempDir::new();
    let store =
        Store::open_filesystem(dir.0.to_str().expect("UTF-8"), StoreOptions::default()).expect("a store");
    for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
        let error = open_as(&store, layout).latest(&CallOptions::default()).map(drop).expect_err("empty");
        assert_eq!(error.status(), Status::NoSnapshots);
    }
}

#[test]
fn a_limit_on_the_size_of_files_keeps_the_records_of_a_writer() {
    use crate::store::sim::{Errno, Fault, Op, SimDisk};
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = open(&super::faults::store_of(&process));
    let mut writer = dataset.record_writer(WriterOptions::default()).expect("a writer");
    writer.append(b"1", None).expect("append");
    process.plan(|_, step| (step.op == Op::Write).then_some(Fault::Fail(Errno::FBIG)));
    let error =
        writer.commit(Metadata::empty(), CommitOptions::default()).map(drop).expect_err("the limit is met");
    assert_eq!((error.status(), error.action()), (Status::NoSpace, crate::error::Action::Retry), "{error}");
    process.heal();
    let commit = writer.commit(Metadata::empty(), CommitOptions::default()).expect("the limit is lifted");
    assert_eq!(read_all(&dataset, &commit.snapshot, ReadOptions::default()).expect("read"), ["1"]);
}

#[test]
fn a_writer_whose_staged_file_was_removed_is_given_up_and_stays_so() {
    use crate::store::sim::SimDisk;
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = open(&super::faults::store_of(&process));
    let mut writer = dataset.record_writer(WriterOptions::default()).expect("a writer");
    writer.append(b"1", None).expect("append");
    for staged in disk.temporaries() {
        disk.remove(&staged);
    }
    for _ in 0..3 {
        let error = writer.commit(Metadata::empty(), CommitOptions::default()).map(drop).expect_err("lost");
        assert_eq!(error.action(), crate::error::Action::GiveUp, "{error}");
        assert!(error.message().contains("the staged records are lost"), "{error}");
    }
    drop(writer);
    write(&dataset, &["2"]).expect("a new commit works");
}

//! Commits whose pointer cannot be moved: what stays so is refused before the decision; what passes leaves a
//! snapshot that is committed, and that the process which committed it reads.

use std::sync::{Arc, Mutex};

use super::audit::audit_as;
use super::faults::store_of;
use super::*;
use crate::error::{Action, Status};
use crate::store::disk::Disk;
use crate::store::disk::real::RealDisk;
use crate::store::filesystem::Filesystem;
use crate::store::sim::{Errno, Fault, Op, SimDisk, SimProcess};

const LOCK: &str = "datasets/events/latest.lock";

type Log = Arc<Mutex<Vec<String>>>;

/// A store that writes its log down.
fn logged(process: &SimProcess) -> (Store, Log) {
    let log = Log::default();
    let heard = Arc::clone(&log);
    let options = StoreOptions {
        log: Some(Box::new(move |_, line| heard.lock().expect("not poisoned").push(line.to_owned()))),
    };
    (Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), options), log)
}

fn slots(disk: &SimDisk) -> usize {
    disk.files().keys().filter(|path| path.contains("/_commits/")).count()
}

fn latest(dataset: &Dataset) -> String {
    dataset.latest(&CallOptions::default()).expect("it has a snapshot").id().to_owned()
}

#[test]
fn a_pointer_that_can_never_be_moved_is_an_error_before_anything_is_decided() {
    for (op, errno, status) in [
        (Op::OpenLock, Errno::ACCESS, Status::Io),
        (Op::OpenLock, Errno::PERM, Status::Io),
        (Op::OpenLock, Errno::ROFS, Status::Io),
        (Op::Lock, Errno::NOLCK, Status::Unsupported),
        (Op::Lock, Errno::NOSYS, Status::Unsupported),
        (Op::Lock, Errno::OPNOTSUPP, Status::Unsupported),
    ] {
        for published in [0, 1, 2] {
            let what = format!("{op:?} {errno:?} after {published} snapshots");
            let disk = SimDisk::new();
            let process = disk.process();
            let store = store_of(&process);
            let dataset = open(&store);
            let mut acknowledged: Vec<String> = (0..published)
                .map(|_| write(&dataset, &["1"]).expect("a commit").snapshot.id().to_owned())
                .collect();
            process.plan(move |_, step| (step.op == op).then_some(Fault::Fail(errno)));
            for _ in 0..2 {
                let error = write(&dataset, &["2"]).map(drop).expect_err(&what);
                assert_eq!((error.status(), error.action()), (status, Action::GiveUp), "{what}: {error}");
                assert_eq!(error.errno(), Some(errno.raw_os_error()), "{what}: {error}");
                assert!(error.message().contains(LOCK), "{what}: {error}");
                assert_eq!(slots(&disk), published, "{what}: nothing is decided");
                assert_eq!(disk.temporaries(), Vec::<String>::new(), "{what}");
            }
            process.heal();
            let commit = write(&dataset, &["2"]).expect("the reason has gone");
            assert_eq!(commit.outcome, Outcome::Committed, "{what}");
            acknowledged.push(commit.snapshot.id().to_owned());
            audit_as(&store_of(&disk.process()), Layout::Default, &acknowledged).expect(&what);
        }
    }
}

/// The pointer cannot be moved for a while; `unpublished` gives what a second commit comes to.
fn is_read_where_it_was_committed(
    what: &str,
    hinder: impl Fn(&SimDisk, &SimProcess) -> Option<Box<dyn FnOnce()>>,
) {
    let disk = SimDisk::new();
    let process = disk.process();
    let (store, log) = logged(&process);
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).expect("a commit").snapshot.id().to_owned();
    let release = hinder(&disk, &process);
    let commit = write(&dataset, &["2"]).expect(what);
    assert_eq!(commit.outcome, Outcome::Unpublished, "{what}");
    let second = commit.snapshot.id().to_owned();
    let lines = log.lock().expect("not poisoned").clone();
    let told = lines.iter().any(|line| line.contains(&second) && line.contains("not published yet"));
    assert!(told, "{what}: {lines:?}");
    process.heal();
    for reader in [&dataset, &open(&store)] {
        assert_eq!(latest(reader), second, "{what}");
        assert_eq!(ids(reader), [&*first, &*second], "{what}");
        let snapshot = reader.latest(&CallOptions::default()).expect("readable");
        assert_eq!(read_all(reader, &snapshot, ReadOptions::default()).expect("readable"), ["2"], "{what}");
    }
    assert_eq!(
        latest(&open(&store_of(&disk.process()))),
        first,
        "{what}: another process reads what is published"
    );
    if let Some(release) = release {
        release();
    }
    let third = write(&open(&store_of(&disk.process())), &["3"]).expect("the next commit");
    assert_eq!(third.outcome, Outcome::Committed, "{what}");
    for reader in [&dataset, &open(&store_of(&disk.process()))] {
        assert_eq!(latest(reader), third.snapshot.id(), "{what}");
    }
    let acknowledged = [first, second, third.snapshot.id().to_owned()];
    audit_as(&store_of(&disk.process()), Layout::Default, &acknowledged).expect(what);
}

#[test]
fn a_snapshot_behind_whose_commit_the_pointer_stays_is_read_by_the_process_that_committed_it() {
    is_read_where_it_was_committed("another writer holds the lock", |disk, _| {
        let other = disk.process();
        let dir = other.disk().open_dir("datasets/events").expect("the dataset");
        let mut lock = dir.open_lock("latest.lock").expect("the lock");
        lock.try_lock().expect("it is free");
        Some(Box::new(move || drop(lock)))
    });
    is_read_where_it_was_committed("the pointer's rename fails", |_, process| {
        process.fault_on(Op::Rename, 0, Fault::Fail(Errno::IO));
        None
    });
    is_read_where_it_was_committed("the manifest's link fails", |_, process| {
        // The data file's and the slot's come before it.
        process.fault_on(Op::Link, 2, Fault::Fail(Errno::IO));
        None
    });
}

#[test]
fn a_snapshot_that_is_gone_with_its_dataset_is_not_remembered() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = store_of(&process);
    let dataset = open(&store);
    write(&dataset, &["1"]).expect("a commit");
    for path in disk.files().keys() {
        disk.remove(path);
    }
    let error = dataset.latest(&CallOptions::default()).map(drop).expect_err("it is gone");
    assert_eq!(error.status(), Status::NoSnapshots, "{error}");
}

#[test]
fn a_pointer_that_another_program_sets_back_does_not_hide_what_this_process_committed() {
    let disk = SimDisk::new();
    let store = store_of(&disk.process());
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).expect("a commit").snapshot.id().to_owned();
    let second = write(&dataset, &["2"]).expect("a commit").snapshot.id().to_owned();
    disk.plant("datasets/events/latest", first.as_bytes());
    assert_eq!(latest(&dataset), second);
    assert_eq!(latest(&open(&store_of(&disk.process()))), first);
}

#[test]
fn two_stores_in_one_directory_share_what_their_process_committed() {
    let root = std::env::temp_dir().join(format!("lode-unpublished-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&root).expect("a temporary directory");
    let text = root.to_str().expect("UTF-8");
    let store = || Store::open_filesystem(text, StoreOptions::default()).expect("a store");
    let (one, other) = (store(), store());
    let dataset = open(&one);
    write(&dataset, &["1"]).expect("a commit");
    let disk = RealDisk::open(text).expect("a root");
    let dir = disk.open_dir("datasets/events").expect("the dataset");
    let mut lock = dir.open_lock("latest.lock").expect("the lock");
    lock.try_lock().expect("it is free");
    let commit = write(&dataset, &["2"]).expect("a commit");
    assert_eq!(commit.outcome, Outcome::Unpublished);
    for reader in [open(&other), open(&store())] {
        assert_eq!(latest(&reader), commit.snapshot.id());
    }
    std::fs::remove_dir_all(&root).expect("rm -r");
}

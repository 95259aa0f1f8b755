//! The simulated disk itself: it must lose what a real one may, or the tests on it prove nothing.

use super::super::disk::{Disk, File};
use super::super::sim::{DEAD, Errno, Fault, Odometer, Op, SimDisk, seeded};
use super::*;

fn write(disk: &dyn Disk, dir: &str, name: &str, data: &[u8]) -> Box<dyn File> {
    let mut file = disk.open_dir(dir).expect("a directory").create(name).expect("a new file");
    assert_eq!(file.write(data), Ok(data.len()));
    file
}

/// Every content that the file may have after a power cut; `None`: it is gone.
fn left(disk: &SimDisk, path: &str) -> Vec<Option<Vec<u8>>> {
    let mut all = Vec::new();
    let coverage = disk.for_each_loss(10_000, |after| {
        let found = after.files().remove(path);
        if !all.contains(&found) {
            all.push(found);
        }
    });
    assert!(coverage.exhaustive);
    all.sort();
    all
}

fn some(data: &[u8]) -> Option<Vec<u8>> {
    Some(data.to_vec())
}

#[test]
fn an_unsynced_file_may_be_anything() {
    let disk = SimDisk::new();
    let process = disk.process();
    write(&*process.disk(), "", "f", b"abcd");
    assert_eq!(left(&disk, "f"), [None, some(b""), some(b"\0\0\0\0"), some(b"ab"), some(b"abcd")]);
}

#[test]
fn a_files_sync_keeps_its_bytes_and_not_its_name() {
    let disk = SimDisk::new();
    let process = disk.process();
    write(&*process.disk(), "", "f", b"abcd").sync().expect("sync");
    assert_eq!(left(&disk, "f"), [None, some(b"abcd")]);
}

#[test]
fn a_directorys_sync_keeps_names_and_not_bytes_nor_its_own_name() {
    let disk = SimDisk::new();
    let process = disk.process();
    let root = process.disk().open_dir("").expect("the root");
    root.make_dir("d").expect("mkdir");
    write(&*process.disk(), "d", "f", b"ab");
    process.disk().open_dir("d").expect("open").sync().expect("sync");
    assert_eq!(left(&disk, "d/f"), [None, some(b""), some(b"\0\0"), some(b"a"), some(b"ab")]);
    root.sync().expect("sync");
    assert_eq!(left(&disk, "d/f"), [some(b""), some(b"\0\0"), some(b"a"), some(b"ab")]);
}

#[test]
fn an_unsynced_rename_leaves_the_old_or_the_new() {
    let disk = SimDisk::new();
    disk.plant("p", b"old");
    let process = disk.process();
    write(&*process.disk(), "", "t", b"new").sync().expect("sync");
    let root = process.disk().open_dir("").expect("the root");
    root.rename("t", "p").expect("rename");
    assert_eq!(left(&disk, "p"), [some(b"new"), some(b"old")]);
    root.sync().expect("sync");
    assert_eq!(left(&disk, "p"), [some(b"new")]);
    assert_eq!(left(&disk, "t"), [None]);
}

#[test]
fn a_sync_after_a_failed_one_says_well_and_keeps_nothing() {
    let disk = SimDisk::new();
    let process = disk.process();
    let mut file = write(&*process.disk(), "", "f", b"ab");
    let root = process.disk().open_dir("").expect("the root");
    process.fault_on(Op::SyncFile, 0, Fault::Fail(Errno::IO));
    assert_eq!(file.sync(), Err(Errno::IO));
    assert_eq!(file.sync(), Ok(()));
    process.fault_on(Op::SyncDir, 0, Fault::Fail(Errno::IO));
    assert_eq!(root.sync(), Err(Errno::IO));
    assert_eq!(root.sync(), Ok(()));
    assert_eq!(left(&disk, "f"), [None, some(b""), some(b"\0\0"), some(b"a"), some(b"ab")]);
}

#[test]
fn a_dead_process_changes_nothing_more() {
    for (fault, expected) in [(Fault::Crash, 0), (Fault::CrashAfter, 1)] {
        let disk = SimDisk::new();
        let process = disk.process();
        let root = process.disk().open_dir("").expect("the root");
        process.fault_on(Op::MakeDir, 0, fault);
        assert_eq!(root.make_dir("d"), Err(DEAD));
        assert!(process.is_dead());
        process.heal();
        assert_eq!(root.make_dir("e"), Err(DEAD));
        assert_eq!(disk.directories().len(), expected);
        disk.process().disk().open_dir("").expect("another process lives").make_dir("e").expect("mkdir");
    }
}

#[test]
fn a_fault_may_hide_what_was_done() {
    let disk = SimDisk::new();
    let process = disk.process();
    let root = process.disk().open_dir("").expect("the root");
    process.fault_on(Op::MakeDir, 0, Fault::After(Errno::IO));
    assert_eq!(root.make_dir("d"), Err(Errno::IO));
    assert_eq!(root.make_dir("d"), Err(Errno::EXIST));
}

#[test]
fn a_plan_may_let_another_process_act_in_between() {
    let disk = SimDisk::new();
    let (process, rival) = (disk.process(), Filesystem::with_disk(disk.process().disk(), "/sim"));
    process.plan(move |_, step| {
        if step.op == Op::Link {
            assert!(matches!(put(&rival, "k", b"rival"), Put::Done));
        }
        None
    });
    let store = Filesystem::with_disk(process.disk(), "/sim");
    assert!(matches!(put(&store, "k", b"own"), Put::Exists));
    assert_eq!(get(&store, "k").as_deref(), Some(&b"rival"[..]));
}

#[test]
fn choices_are_all_made_and_the_same_for_the_same_seed() {
    let mut odometer = Odometer::default();
    let mut seen = Vec::new();
    loop {
        let first = odometer.choose(2);
        seen.push((first, if first == 0 { 9 } else { odometer.choose(3) }));
        if !odometer.advance() {
            break;
        }
    }
    assert_eq!(seen, [(0, 9), (1, 0), (1, 1), (1, 2)]);
    let drawn = |seed| {
        let mut choose = seeded(seed);
        (0..20).map(|_| choose(10)).collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    assert!(drawn(3).iter().all(|number| *number < 10));
}

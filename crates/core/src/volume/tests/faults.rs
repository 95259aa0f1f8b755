//! Staging and committing on a simulated disk: each operation fails, the process dies at each, the power is
//! cut after each; and the same program run again ends with the same head.

use super::*;
use crate::store::filesystem::Filesystem;
use crate::store::sim::{Errno, Fault, SimDisk, SimProcess};

fn store_of(process: &SimProcess) -> Store {
    Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default())
}

/// The program under test: two ranges are staged and committed, however far it came before.
fn program(store: &Store) -> Result<crate::dataset::Commit> {
    let volume = open(store);
    let first = volume.stage_write_at(100, &bytes(100, 50), &call())?;
    let second = volume.stage_stream_at(200, 50, &mut Source(bytes(200, 50), 7), &call())?;
    commit(&volume, &[&first, &second])
}

fn prepared() -> SimDisk {
    let disk = SimDisk::new();
    write(&open(&store_of(&disk.process())), 0, 50);
    disk
}

/// What every disk must lead to: the program run again succeeds, and all that a snapshot names is whole.
fn check(disk: &SimDisk, what: &str) {
    let store = store_of(&disk.process());
    let again = program(&store).unwrap_or_else(|error| panic!("{what}: again: {error:?}")).snapshot;
    assert_eq!(ranges(&again), [(0, 50), (100, 50), (200, 50)], "{what}");
    let volume = open(&store);
    let latest = volume.latest(&call()).unwrap();
    assert_eq!(latest.id(), again.id(), "{what}");
    for (offset, length) in [(0, 50), (100, 50), (200, 50)] {
        assert_eq!(
            read(&volume, &latest, offset, length, Verify::First).unwrap(),
            bytes(offset, length),
            "{what}"
        );
    }
    let verification =
        volume.history().verify(Level::Records, &call(), &mut |finding| panic!("{what}: {finding:?}"));
    assert_eq!(verification.unwrap().snapshots, 2, "{what}: committed once");
}

fn operations() -> usize {
    let process = prepared().process();
    program(&store_of(&process)).unwrap();
    process.operations()
}

#[test]
fn a_fault_at_any_operation_ends_as_committed_or_as_a_clear_error() {
    for number in 0..operations() {
        for fault in
            [Fault::Fail(Errno::IO), Fault::After(Errno::IO), Fault::Fail(Errno::NOSPC), Fault::Short(3)]
        {
            let disk = prepared();
            let process = disk.process();
            process.fault_at(number, fault);
            let ended = program(&store_of(&process));
            process.heal();
            let what = format!("operation {number}, {fault:?}");
            if let Ok(commit) = &ended {
                assert_eq!(ranges(&commit.snapshot).len(), 3, "{what}");
            }
            // A failed sync leaves this process in doubt for good; another one goes on.
            check(&disk, &what);
        }
    }
}

#[test]
fn a_process_that_dies_at_any_operation_is_run_again() {
    for number in 0..operations() {
        for fault in [Fault::Crash, Fault::CrashAfter] {
            let disk = prepared();
            let process = disk.process();
            process.fault_at(number, fault);
            assert!(program(&store_of(&process)).is_err() || process.is_dead());
            check(&disk, &format!("operation {number}, {fault:?}"));
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    for number in 0..=operations() {
        let disk = prepared();
        let process = disk.process();
        process.fault_at(number, Fault::Crash);
        let acknowledged = program(&store_of(&process)).ok();
        disk.for_each_loss(60, |after| {
            let store = store_of(&after.process());
            // One that is not published yet is found by the next writer.
            if let Some(commit) = acknowledged.as_ref().filter(|commit| commit.outcome == Outcome::Committed)
            {
                let latest = open(&store).latest(&call()).unwrap();
                assert_eq!(latest.id(), commit.snapshot.id(), "operation {number}");
            }
            check(&after, &format!("the power was cut at operation {number}"));
            if let Some(commit) = &acknowledged {
                let latest = open(&store_of(&after.process())).latest(&call()).unwrap();
                assert_eq!(latest.id(), commit.snapshot.id(), "operation {number}: it was acknowledged");
            }
        });
    }
}

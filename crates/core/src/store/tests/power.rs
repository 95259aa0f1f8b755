//! Power cuts: after any operation, with any part of what was not synced lost.

use std::sync::{Arc, Mutex};

use super::super::sim::{Fault, Op, SimDisk};
use super::super::{PreparedSwap, Upload};
use super::*;

const DATA: &[u8] = b"the bytes of one object";
const LIMIT: usize = 4_000;

fn store_on(disk: &SimDisk) -> Filesystem {
    Filesystem::with_disk(disk.process().disk(), "/sim")
}

#[test]
fn after_a_cut_an_object_is_whole_or_absent_and_can_be_put_again() {
    for disk in [SimDisk::new(), SimDisk::new().without_hard_links()] {
        let fresh = |fault: Option<usize>| {
            let disk = disk.power_loss(&mut |_| 0);
            let process = disk.process();
            if let Some(number) = fault {
                process.fault_at(number, Fault::CrashAfter);
            }
            let outcome = put(&Filesystem::with_disk(process.disk(), "/sim"), "a/b/k", DATA);
            (disk, process, outcome)
        };
        let (_, whole, _) = fresh(None);
        let mut partly = 0;
        for number in 0..whole.operations() {
            let (disk, process, _) = fresh(Some(number));
            assert!(process.is_dead(), "operation {number}");
            let coverage = disk.for_each_loss(LIMIT, |after| {
                let store = store_on(&after);
                let found = get(&store, "a/b/k");
                assert!(found.is_none() || found.as_deref() == Some(DATA), "after {number}: {found:?}");
                partly += usize::from(found.is_none());
                assert!(list(&store, "").iter().all(|key| key == "a/b/k"), "after {number}");
                let again = put(&store, "a/b/k", DATA);
                let expected = if found.is_some() { "Exists" } else { "Done" };
                assert_eq!(format!("{again:?}"), expected, "after {number}");
                assert_eq!(get(&store, "a/b/k").as_deref(), Some(DATA));
            });
            assert!(coverage.exhaustive, "{coverage:?} after {number}");
        }
        assert!(partly > whole.operations(), "the cuts lose something");
    }
}

#[test]
fn what_is_done_survives() {
    for first in ["", "a/x", "a/b/x"] {
        let disk = SimDisk::new();
        let store = store_on(&disk);
        if !first.is_empty() {
            assert!(matches!(put(&store, first, b"x"), Put::Done));
        }
        assert!(matches!(put(&store, "a/b/k", DATA), Put::Done));
        assert!(matches!(swap(&store, "a/p", b"", b"one", 1), Swap::Done));
        assert!(matches!(swap(&store, "a/p", b"one", b"two", 1), Swap::Done));
        let coverage = disk.for_each_loss(LIMIT, |after| {
            let store = store_on(&after);
            assert_eq!(get(&store, "a/b/k").as_deref(), Some(DATA));
            assert_eq!(get(&store, "a/p").as_deref(), Some(&b"two"[..]));
        });
        assert!(coverage.exhaustive, "{coverage:?}");
    }
}

fn finish(prepared: &mut dyn PreparedSwap, expected: &[u8]) -> Swap {
    prepared.finish(Context::unlimited(), expected, LockWait::Attempts)
}

fn uploaded(store: &Filesystem, key: &str) -> Box<dyn Upload> {
    let mut upload = store.upload(Context::unlimited(), key, Durability::Full).expect("upload");
    upload.write(Context::unlimited(), DATA).expect("write");
    upload
}

#[test]
fn several_uploads_that_are_named_first_survive_once_they_are_finished() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    let keys = ["p/a/s/1/data", "p/a/s/2/data", "p/b/s/1/data", "q/data"];
    let mut uploads = keys.map(|key| uploaded(&store, key));
    for upload in &mut uploads {
        assert!(matches!(upload.name(Context::unlimited()), Put::Done));
    }
    for upload in &mut uploads {
        upload.sync(Context::unlimited()).expect("sync");
    }
    for (number, upload) in uploads.iter_mut().enumerate() {
        assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
        disk.for_each_loss(200, |after| {
            for key in &keys[..=number] {
                assert_eq!(after.files().get(*key).map(Vec::as_slice), Some(DATA), "{key}");
            }
        });
    }
    drop(uploads);
    assert_eq!(disk.files().len(), keys.len());
}

/// Skips one sync after the other, and counts them.
fn needed_syncs(name: &str, operation: fn(&Filesystem), survives: fn(&SimDisk) -> bool) -> usize {
    let attempt = |skipped: Option<usize>| {
        let disk = SimDisk::new();
        assert!(matches!(
            store_on(&disk).put_if_absent(Context::unlimited(), "a/b/early", DATA, Durability::Process),
            Put::Done
        ));
        let process = disk.process();
        let syncs = Arc::new(Mutex::new(0));
        let count = Arc::clone(&syncs);
        process.plan(move |_, step| {
            if !matches!(step.op, Op::SyncFile | Op::SyncDir) {
                return None;
            }
            let mut count = count.lock().expect("not poisoned");
            *count += 1;
            (Some(*count - 1) == skipped).then_some(Fault::Skip)
        });
        operation(&Filesystem::with_disk(process.disk(), "/sim"));
        let mut lost = false;
        let coverage = disk.for_each_loss(LIMIT, |after| lost |= !survives(&after));
        assert!(coverage.exhaustive, "{name}: {coverage:?}");
        (lost, *syncs.lock().expect("not poisoned"))
    };
    let (lost, syncs) = attempt(None);
    assert!(!lost, "{name}");
    for skipped in 0..syncs {
        assert!(attempt(Some(skipped)).0, "{name}: sync {skipped} could be left out");
    }
    syncs
}

#[test]
fn each_sync_is_needed() {
    let put_new = needed_syncs(
        "put",
        |store| assert!(matches!(put(store, "a/b/c/k", DATA), Put::Done)),
        |after| after.files().get("a/b/c/k").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(put_new, 5, "the file, the root, a, a/b and a/b/c");
    let swapped = needed_syncs(
        "swap",
        |store| assert!(matches!(swap(store, "a/p", b"", DATA, 1), Swap::Done)),
        |after| after.files().get("a/p").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(swapped, 3, "the file, the root and a");
    let persisted = needed_syncs(
        "persist",
        |store| store.persist(Context::unlimited(), "a/b/early").expect("persist"),
        |after| after.files().get("a/b/early").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(persisted, 4, "the file, the root, a and a/b");
    let staged = needed_syncs(
        "staged",
        |store| {
            let mut upload = store
                .stage(Context::unlimited(), "a/b/c/k", DATA, Durability::Full)
                .expect("stage")
                .expect("it is staged");
            upload.sync(Context::unlimited()).expect("sync");
            assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
        },
        |after| after.files().get("a/b/c/k").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(staged, 5, "as a put's");
    let prepared = needed_syncs(
        "prepared",
        |store| {
            let prepared =
                store.prepare_swap(Context::unlimited(), "a/p", DATA, Durability::Full).expect("prepare");
            let mut prepared = prepared.expect("it is prepared");
            prepared.sync(Context::unlimited()).expect("sync");
            assert!(matches!(finish(&mut *prepared, b""), Swap::Done));
        },
        |after| after.files().get("a/p").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(prepared, 3, "as a swap's");
    let uploaded = needed_syncs(
        "upload",
        |store| assert!(matches!(uploaded(store, "a/b/c/k").finish(Context::unlimited()), Put::Done)),
        |after| after.files().get("a/b/c/k").is_some_and(|bytes| bytes == DATA),
    );
    assert_eq!(uploaded, 5, "as a put's");
}

#[test]
fn the_durability_of_the_process_may_lose_the_object_but_never_shows_half_of_the_next_ones() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    assert!(matches!(
        store.put_if_absent(Context::unlimited(), "a/b/early", DATA, Durability::Process),
        Put::Done
    ));
    let mut lost = 0;
    disk.for_each_loss(LIMIT, |after| lost += usize::from(get(&store_on(&after), "a/b/early").is_none()));
    assert!(lost > 0);
    // The same handle, in directories that it made without syncing them.
    assert!(matches!(put(&store, "a/b/late", DATA), Put::Done));
    disk.for_each_loss(LIMIT, |after| {
        assert_eq!(get(&store_on(&after), "a/b/late").as_deref(), Some(DATA));
    });
}

#[test]
fn what_another_process_left_unsynced_is_durable_once_persisted() {
    let disk = SimDisk::new();
    let writer = store_on(&disk);
    assert!(matches!(
        writer.put_if_absent(Context::unlimited(), "a/b/k", DATA, Durability::Process),
        Put::Done
    ));
    store_on(&disk).persist(Context::unlimited(), "a/b/k").expect("persist");
    let coverage = disk.for_each_loss(LIMIT, |after| {
        assert_eq!(get(&store_on(&after), "a/b/k").as_deref(), Some(DATA));
    });
    assert!(coverage.exhaustive, "{coverage:?}");
}

#[test]
fn a_taken_key_is_told_only_with_its_entry_durable() {
    let disk = SimDisk::new();
    assert!(matches!(
        store_on(&disk).put_if_absent(Context::unlimited(), "a/b/k", DATA, Durability::Process),
        Put::Done
    ));
    assert!(matches!(put(&store_on(&disk), "a/b/k", b"other"), Put::Exists));
    disk.for_each_loss(LIMIT, |after| assert!(after.files().contains_key("a/b/k")));
}

#[test]
fn a_directory_made_anew_is_not_taken_for_the_durable_one() {
    let disk = SimDisk::new();
    let store = store_on(&disk);
    assert!(matches!(put(&store, "a/b/k", DATA), Put::Done));
    let other = store_on(&disk);
    other.delete(Context::unlimited(), "a/b/k").expect("delete");
    assert_eq!(disk.directories(), Vec::<String>::new());
    assert!(matches!(
        other.put_if_absent(Context::unlimited(), "a/b/first", b"x", Durability::Process),
        Put::Done
    ));
    assert!(matches!(put(&store, "a/b/k", DATA), Put::Done));
    disk.for_each_loss(LIMIT, |after| {
        assert_eq!(get(&store_on(&after), "a/b/k").as_deref(), Some(DATA));
    });
}

/// Data, slot, manifest, pointer: after any cut each is there whole if a later one is, and what was
/// acknowledged is there. Two commits through one handle: the second finds directories that it knows.
#[test]
fn the_order_of_a_commits_objects_holds_at_every_cut() {
    for staged in [false, true] {
        order_holds(staged);
    }
}

/// Puts the objects of one commit one after the other, or stages slot, manifest and pointer first, as a
/// commit does; adds those that were acknowledged to `done`. `false`: one of them failed.
fn commit(store: &Filesystem, id: &str, before: &[u8], staged: bool, done: &mut Vec<String>) -> bool {
    let [data, slot, manifest] =
        [format!("d/s/{id}/data/data"), format!("d/c/{id}"), format!("d/s/{id}/manifest.json")];
    let is_done = |key: String, put: Put, done: &mut Vec<String>| match put {
        Put::Done => {
            done.push(key);
            true
        }
        Put::Failed(_) | Put::Unknown(_) | Put::Doubtful(_) => false,
        Put::Exists => panic!("{key} was there"),
    };
    if !is_done(data, put(store, &format!("d/s/{id}/data/data"), DATA), done) {
        return false;
    }
    if !staged {
        return [slot, manifest].into_iter().all(|key| {
            let put = put(store, &key, DATA);
            is_done(key, put, done)
        }) && matches!(swap(store, "d/latest", before, id.as_bytes(), 1), Swap::Done);
    }
    let stage = || -> Result<_, Error> {
        let mut pointer = store
            .prepare_swap(Context::unlimited(), "d/latest", id.as_bytes(), Durability::Full)?
            .expect("prepared");
        let mut manifest =
            store.stage(Context::unlimited(), &manifest, DATA, Durability::Full)?.expect("staged");
        let mut slot = store.stage(Context::unlimited(), &slot, DATA, Durability::Full)?.expect("staged");
        slot.sync(Context::unlimited())?;
        manifest.sync(Context::unlimited())?;
        pointer.sync(Context::unlimited())?;
        Ok((slot, manifest, pointer))
    };
    let Ok((mut staged_slot, mut staged_manifest, mut pointer)) = stage() else { return false };
    is_done(slot.clone(), staged_slot.finish(Context::unlimited()), done)
        && is_done(manifest.clone(), staged_manifest.finish(Context::unlimited()), done)
        && matches!(finish(&mut *pointer, before), Swap::Done)
}

fn order_holds(staged: bool) {
    let acknowledged = |disk: &SimDisk, crash: Option<usize>| {
        let process = disk.process();
        if let Some(number) = crash {
            process.fault_at(number, Fault::Crash);
        }
        let store = Filesystem::with_disk(process.disk(), "/sim");
        let mut done: Vec<String> = Vec::new();
        let mut pointer: &[u8] = b"";
        for id in ["1", "2"] {
            if !commit(&store, id, pointer, staged, &mut done) {
                break;
            }
            done.push(format!("latest {id}"));
            pointer = id.as_bytes();
        }
        (done, process.operations())
    };
    let (all, operations) = acknowledged(&SimDisk::new(), None);
    assert_eq!(all.len(), 8);
    for number in 0..=operations {
        let disk = SimDisk::new();
        let (done, _) = acknowledged(&disk, Some(number));
        disk.for_each_loss(300, |after| {
            let store = store_on(&after);
            let latest = get(&store, "d/latest").unwrap_or_default();
            for id in ["1", "2"] {
                let whole = |key: String| match get(&store, &key) {
                    None => false,
                    Some(bytes) => {
                        assert_eq!(bytes, DATA, "{key} is torn, crash before {number}");
                        true
                    }
                };
                let there = [
                    whole(format!("d/s/{id}/data/data")),
                    whole(format!("d/c/{id}")),
                    whole(format!("d/s/{id}/manifest.json")),
                    latest.as_slice() >= id.as_bytes(),
                ];
                assert!(
                    there.is_sorted_by(|before, after| before >= after),
                    "{there:?}, crash before {number}"
                );
                for (key, there) in
                    [format!("d/s/{id}/data/data"), format!("d/c/{id}"), format!("d/s/{id}/manifest.json")]
                        .into_iter()
                        .chain([format!("latest {id}")])
                        .zip(there)
                {
                    assert!(there || !done.contains(&key), "{key} is lost, crash before {number}");
                }
            }
        });
    }
}

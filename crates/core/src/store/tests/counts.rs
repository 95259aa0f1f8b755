//! What an operation costs: the calls it makes, one by one.

use super::super::sim::{Op, SimDisk, SimProcess};
use super::*;

fn opened(disk: &SimDisk) -> (SimProcess, Filesystem) {
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    (process, store)
}

fn steps(process: &SimProcess) -> Vec<(Op, String)> {
    process.trace().into_iter().map(|step| (step.op, step.path)).collect()
}

fn owned(steps: &[(Op, &str)]) -> Vec<(Op, String)> {
    steps.iter().map(|(op, path)| (*op, (*path).to_owned())).collect()
}

#[test]
fn a_put_into_a_known_directory_makes_two_syncs() {
    let (process, store) = opened(&SimDisk::new());
    assert!(matches!(put(&store, "d/c/first", b"x"), Put::Done));
    process.forget();
    assert!(matches!(put(&store, "d/c/k", b"x"), Put::Done));
    let expected = [
        (Op::OpenDir, "d/c"),
        (Op::Create, "d/c/.lode-*.tmp"),
        (Op::Write, "d/c/.lode-*.tmp"),
        (Op::SyncFile, "d/c/.lode-*.tmp"),
        (Op::Info, "d/c/.lode-*.tmp"),
        (Op::Close, "d/c/.lode-*.tmp"),
        (Op::Identity, "d/c"),
        (Op::Link, "d/c/k"),
        (Op::Unlink, "d/c/.lode-*.tmp"),
        (Op::SyncDir, "d/c"),
    ];
    assert_eq!(steps(&process), owned(&expected));
}

#[test]
fn a_put_with_the_durability_of_the_process_syncs_nothing() {
    let (process, store) = opened(&SimDisk::new());
    assert!(matches!(
        store.put_if_absent(Context::unlimited(), "d/c/first", b"x", Durability::Process),
        Put::Done
    ));
    process.forget();
    assert!(matches!(
        store.put_if_absent(Context::unlimited(), "d/c/k", b"x", Durability::Process),
        Put::Done
    ));
    let expected = [
        (Op::OpenDir, "d/c"),
        (Op::Create, "d/c/.lode-*.tmp"),
        (Op::Write, "d/c/.lode-*.tmp"),
        (Op::Info, "d/c/.lode-*.tmp"),
        (Op::Close, "d/c/.lode-*.tmp"),
        (Op::Link, "d/c/k"),
        (Op::Unlink, "d/c/.lode-*.tmp"),
    ];
    assert_eq!(steps(&process), owned(&expected));
}

#[test]
fn a_swap_makes_two_syncs() {
    let (process, store) = opened(&SimDisk::new());
    assert!(matches!(swap(&store, "d/p", b"", b"one", 1), Swap::Done));
    process.forget();
    assert!(matches!(swap(&store, "d/p", b"one", b"two", 1), Swap::Done));
    let expected = [
        (Op::OpenDir, "d"),
        (Op::OpenLock, "d/p.lock"),
        (Op::Lock, "d/p.lock"),
        (Op::OpenRead, "d/p"),
        (Op::Info, "d/p"),
        (Op::Read, "d/p"),
        (Op::Create, "d/.lode-*.tmp"),
        (Op::Write, "d/.lode-*.tmp"),
        (Op::SyncFile, "d/.lode-*.tmp"),
        (Op::Info, "d/.lode-*.tmp"),
        (Op::Close, "d/.lode-*.tmp"),
        (Op::Identity, "d"),
        (Op::Rename, "d/p"),
        (Op::SyncDir, "d"),
        (Op::Unlock, "d/p.lock"),
    ];
    assert_eq!(steps(&process), owned(&expected));
}

#[test]
fn a_get_is_one_open_one_look_one_read() {
    let (process, store) = opened(&SimDisk::new());
    assert!(matches!(put(&store, "d/k", &[7; 5_000]), Put::Done));
    process.forget();
    assert_eq!(get(&store, "d/k").map(|bytes| bytes.len()), Some(5_000));
    assert_eq!(steps(&process), owned(&[(Op::OpenRead, "d/k"), (Op::Info, "d/k"), (Op::Read, "d/k")]));
}

#[test]
fn the_first_put_of_a_handle_syncs_every_directory_above() {
    let disk = SimDisk::new();
    disk.plant("a/b/c/there", b"x");
    let (process, store) = opened(&disk);
    assert!(matches!(put(&store, "a/b/c/k", b"x"), Put::Done));
    let synced = |process: &SimProcess| {
        let mut paths: Vec<_> =
            process.trace().into_iter().filter(|step| step.op == Op::SyncDir).map(|step| step.path).collect();
        paths.sort();
        paths
    };
    assert_eq!(synced(&process), ["", "a", "a/b", "a/b/c"]);
    process.forget();
    assert!(matches!(put(&store, "a/b/d/k", b"x"), Put::Done));
    assert_eq!(synced(&process), ["a/b", "a/b/d"]);
}

#[test]
fn a_commits_cost_does_not_grow_with_the_history() {
    let (process, store) = opened(&SimDisk::new());
    let mut pointer = Vec::new();
    let mut costs = Vec::new();
    for number in 0..600 {
        process.forget();
        let id = format!("{number:019}");
        for key in [
            format!("datasets/x/snapshots/{id}/data/data"),
            format!("datasets/x/_commits/{id}"),
            format!("datasets/x/snapshots/{id}/manifest.json"),
        ] {
            assert!(matches!(put(&store, &key, b"x"), Put::Done));
        }
        assert!(matches!(swap(&store, "datasets/x/latest", &pointer, id.as_bytes(), 1), Swap::Done));
        pointer = id.into_bytes();
        costs.push((process.count(Op::SyncFile), process.count(Op::SyncDir), process.operations()));
    }
    // The data file's directory and the two above it; the slot's; the manifest's; the pointer's.
    assert_eq!(costs[1].0, 4);
    assert_eq!(costs[1].1, 6);
    assert!(costs[2..].iter().all(|cost| *cost == costs[1]), "{costs:?}");
    assert!(store.synced_directories() <= 256, "{}", store.synced_directories());
}

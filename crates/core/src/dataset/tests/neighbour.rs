//! The Go library as neighbour in the other layouts, and what its snapshots ask of the ids that follow.

use std::sync::Arc;

use super::audit::{audit, audit_as};
use super::go::{Go, after, noop_in_waiting, on_disk, parent, refused};
use super::layouts::{plant_copies, put};
use super::*;
use crate::commit::go_compat::PATIENCE;
use crate::error::{Action, Status};
use crate::history::{Slot, SlotKey, SlotKind, slot};
use crate::id::now;
use crate::options::Producer;
use crate::store::sim::SimDisk;

const G1: &str = "1700000000000000001";
const G2: &str = "1700000000000000002";
const G3: &str = "1700000000000000003";

/// One commit of the Go library's in the hive layout: pointer, canonical manifest, then the copies, as far as
/// it lives.
pub(super) fn hive_commit(store: &Store, id: &str, parent: Option<&str>, parts: &[&str], copies: bool) {
    let manifest = plant_copies(store, id, parent, parts);
    if !copies {
        for part in parts {
            let copy = format!("datasets/events/partitions/{part}/segments/{id}/manifest.json");
            store.backend().delete(Context::unlimited(), &copy).unwrap();
        }
    }
    Go(store).point(id);
    Go(store).put(&Layout::Hive.manifest_path("events", id), &manifest.encode().unwrap());
}

fn hive(store: &Store) -> Dataset {
    open_as(store, Layout::Hive)
}

fn next(dataset: &Dataset) -> Commit {
    let commit = match dataset.options().layout {
        Layout::Hive => write_held(dataset, &["{\"p\":1}", "{\"p\":2}"]).unwrap(),
        _ => write(dataset, &["1"]).unwrap(),
    };
    assert_eq!(commit.outcome, Outcome::Committed);
    commit
}

#[test]
fn a_hive_history_of_the_go_library_is_adopted_and_continued_in_turns() {
    let store = memory();
    hive_commit(&store, G1, None, &["p=1"], true);
    // Its writer died between the manifest and the copies: the canonical one counts.
    hive_commit(&store, G2, Some(G1), &["p=1", "p=2"], false);
    assert_eq!(hive(&store).latest(&CallOptions::default()).unwrap().id(), G2);
    let ours = next(&hive(&store)).snapshot;
    assert_eq!((parent(&ours), &*ours.manifest().partitioner), (Some(G2), "hive"));
    let theirs = after(&ours);
    hive_commit(&store, &theirs, Some(ours.id()), &["p=3"], true);
    let last = next(&hive(&store)).snapshot;
    let expected = [G1, G2, ours.id(), &theirs, last.id()].map(str::to_owned);
    assert_eq!(ids(&hive(&store)), expected);
    assert_eq!(audit_as(&store, Layout::Hive, &expected).unwrap(), expected);
}

#[test]
fn a_history_from_before_canonical_manifests_is_adopted_and_continued() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    plant_copies(&store, G1, None, &["p=1", "p=2"]);
    plant_copies(&store, G2, Some(G1), &["p=2"]);
    Go(&store).point(G2);
    let ours = next(&hive(&store)).snapshot;
    assert_eq!(parent(&ours), Some(G2));
    let expected = [G1, G2, ours.id()].map(str::to_owned);
    assert_eq!(ids(&hive(&store)), expected);
    disk.for_each_loss(200, |left| {
        assert_eq!(audit_as(&on_disk(&left), Layout::Hive, &expected).as_deref(), Ok(&expected[..]));
    });
}

#[test]
fn a_half_written_hive_snapshot_is_no_head_once_there_are_canonical_manifests() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    hive_commit(&store, G1, None, &["p=1"], true);
    // One copy, and no canonical manifest.
    plant_copies(&store, G2, Some(G1), &["p=2"]);
    Go(&store).point(G2);
    let dataset = hive(&store);
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), G1, "readers serve what is whole");
    assert_eq!(ids(&dataset), [G1]);
    let error = dataset.snapshot(G2, &CallOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::SnapshotNotFound, "{error}");
    refused(&dataset, Status::Busy, &[G2, "After a minute"]);
    disk.pass(PATIENCE);
    assert_eq!(parent(&next(&dataset).snapshot), Some(G2));
    let noop = dataset.history(Context::unlimited()).whole_manifest(G2).unwrap().unwrap().manifest;
    assert_eq!((noop.is_noop().as_deref(), &*noop.partitioner), (Some(G1), "hive"));
}

#[test]
fn the_empty_snapshot_under_a_dangling_pointer_has_the_datasets_own_settings() {
    for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
        for (compressor, checksum) in formats() {
            let disk = SimDisk::new();
            let store = on_disk(&disk);
            Go(&store).put(&layout.latest_path("events"), G1.as_bytes());
            disk.pass(PATIENCE);
            let keys = if layout == Layout::Hive { vec!["p".to_owned()] } else { Vec::new() };
            let options = DatasetOptions { layout, compressor, checksum, partition_keys: keys, ..options() };
            let dataset = Dataset::open(&store, "events", options).unwrap();
            let ours = next(&dataset).snapshot;
            assert_eq!(parent(&ours), Some(G1));
            let noop = dataset.history(Context::unlimited()).whole_manifest(G1).unwrap().unwrap().manifest;
            let ours = ours.manifest();
            assert_eq!((noop.parent_snapshot_id, noop.files.len(), noop.row_count), (None, 0, 0));
            assert_eq!(noop.partitioner, ours.partitioner, "{layout:?}");
            assert_eq!((noop.codec, noop.compressor), (ours.codec.clone(), ours.compressor.clone()));
            assert_eq!(noop.checksum_algorithm, ours.checksum_algorithm);
            audit_as(&store, layout, &[]).unwrap();
        }
    }
}

/// A history of the Go library's in `theirs`, opened as `ours`, in each state that leads to an adoption or a
/// noop.
#[test]
fn a_history_of_another_layout_is_never_adopted() {
    for (theirs, ours) in [(Layout::Default, Layout::Hive), (Layout::Hive, Layout::Default)] {
        for state in ["head", "no pointer", "dangling", "dangling for long"] {
            let disk = SimDisk::new();
            let store = on_disk(&disk);
            match theirs {
                Layout::Hive => hive_commit(&store, G1, None, &["p=1"], true),
                _ => Go(&store).commit(G1, None),
            }
            match state {
                "head" => {}
                "no pointer" => {
                    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap()
                }
                _ => Go(&store).point(G2),
            }
            if state == "dangling for long" {
                disk.pass(PATIENCE);
            }
            let before = keys(&store);
            let dataset = open_as(&store, ours);
            let folder =
                if theirs == Layout::Default { "datasets/events/snapshots/" } else { "datasets/events/" };
            let words = ["events", "layout", ours.name(), folder, "open it with the layout"];
            let error = refused(&dataset, Status::LayoutMismatch, &words);
            assert_eq!(error.action(), Action::GiveUp, "{theirs:?}, {state}");
            assert!(error.path().unwrap().starts_with(folder), "{theirs:?}, {state}: {error}");
            let error = dataset.adopt(G1, &CallOptions::default()).err().unwrap();
            assert_eq!(error.status(), Status::LayoutMismatch, "{theirs:?}, {state}: {error}");
            assert!(error.message().contains(ours.name()), "{error}");
            assert_eq!(keys(&store), before, "{theirs:?}, {state}: nothing is written");
        }
    }
}

#[test]
fn a_history_beside_objects_of_another_layout_is_not_adopted_either() {
    for ours in [Layout::Default, Layout::Hive] {
        let store = memory();
        match ours {
            Layout::Hive => {
                hive_commit(&store, G1, None, &["p=1"], true);
                Go(&store).manifest_of(G2, None, "{}");
            }
            _ => {
                Go(&store).commit(G1, None);
                plant_copies(&store, G2, None, &["p=1"]);
            }
        }
        let error = refused(&open_as(&store, ours), Status::LayoutMismatch, &["layout", ours.name()]);
        assert!(error.path().unwrap().contains(G2), "{error}");
        let error = open_as(&store, ours).adopt(G1, &CallOptions::default()).err().unwrap();
        assert_eq!(error.status(), Status::LayoutMismatch, "{error}");
    }
}

/// An id of the Go library's, from a machine whose clock is an hour ahead.
fn ahead() -> String {
    format!("{:019}", now() + 3_600_000_000_000)
}

/// A snapshot off the path stays greater than no new one, whichever way the head came into the slots.
#[test]
fn new_ids_exceed_every_listed_one_however_the_head_was_adopted() {
    let far = ahead();
    // A fork: the lower one is chosen.
    let store = memory();
    Go(&store).commit(G1, None);
    Go(&store).commit(G2, Some(G1));
    Go(&store).commit(&far, Some(G1));
    open(&store).adopt(G2, &CallOptions::default()).unwrap();
    let first = next(&open(&store)).snapshot;
    assert!(*first.id() > *far && parent(&first) == Some(G2));
    assert!(*next(&open(&store)).snapshot.id() > *first.id());

    // Its clock is behind: the greatest is one of ours, from a machine ahead.
    let store = memory();
    Go(&store).commit(&far, None);
    let ours = next(&open(&store)).snapshot;
    Go(&store).commit(G1, Some(ours.id()));
    open(&store).adopt(G1, &CallOptions::default()).unwrap();
    assert!(next(&open(&store)).snapshot.id() > ours.id());

    // Slots that are gone: one of ours is chosen, and the Go library's beside it is ahead.
    let store = memory();
    let ours = next(&open(&store)).snapshot;
    store.backend().delete(Context::unlimited(), "datasets/events/_commits/root").unwrap();
    Go(&store).commit(&far, None);
    refused(&open(&store), Status::NeedsRepair, &["no commit slot", ours.id(), &far]);
    assert_eq!(open(&store).adopt(ours.id(), &CallOptions::default()).unwrap().id(), ours.id());
    let last = next(&open(&store)).snapshot;
    assert!(*last.id() > *far);
    audit(&store, &[ours.id().to_owned(), last.id().to_owned()]).unwrap();

    // A noop that stands in for a Go snapshot is the end of the path, and is chosen.
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    noop_in_waiting(&disk, &store);
    Go(&store).commit(&far, Some(G1));
    refused(&open(&store), Status::NeedsRepair, &[G2, &far]);
    open(&store).adopt(G2, &CallOptions::default()).unwrap();
    let last = next(&open(&store)).snapshot;
    assert!(*last.id() > *far && parent(&last) == Some(G2));
    assert_eq!(audit(&store, &[]).unwrap(), [G1, G2, last.id()]);
}

#[test]
fn choosing_the_end_of_the_path_puts_a_noop_between_it_and_what_follows() {
    let far = ahead();
    let store = memory();
    let first = next(&open(&store)).snapshot;
    let producer = Some(Producer { id: "meter", sequence: 4, position: "here" });
    let options = CommitOptions { producer, ..CommitOptions::default() };
    let second =
        open(&store).stream_write_records(&mut records(&["7"]), Metadata::empty(), options).unwrap().snapshot;
    Go(&store).commit(&far, Some(first.id()));
    refused(&open(&store), Status::NeedsRepair, &[&far, second.id()]);
    // The call may be repeated, and through another handle.
    for dataset in [open(&store), open(&store)] {
        assert_eq!(dataset.adopt(second.id(), &CallOptions::default()).unwrap().id(), second.id());
        let head = dataset.latest(&CallOptions::default()).unwrap();
        assert_eq!(head.manifest().is_noop().as_deref(), Some(second.id()));
        assert!(*head.id() > *far);
        assert_eq!(read_all(&dataset, &head, ReadOptions::default()).unwrap(), ["7"]);
        // A pointer that was set elsewhere again comes back.
        Go(&store).point(&far);
        dataset.adopt(second.id(), &CallOptions::default()).unwrap();
        assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), head.id());
    }
    let noop = open(&store).latest(&CallOptions::default()).unwrap();
    assert_eq!(noop.producer("meter").unwrap().unwrap().sequence, 4);
    let third = next(&open(&store)).snapshot;
    assert_eq!(parent(&third), Some(noop.id()));
    let expected = [&first, &second, &noop, &third].map(|snapshot| snapshot.id().to_owned());
    assert_eq!(audit(&store, &expected).unwrap(), expected);
    // What only sorts below needs nothing.
    let store = memory();
    let first = next(&open(&store)).snapshot;
    Go(&store).point(G3);
    Go(&store).commit(G3, None);
    open(&store).adopt(first.id(), &CallOptions::default()).unwrap();
    assert_eq!(open(&store).latest(&CallOptions::default()).unwrap().id(), first.id());
    assert_eq!(parent(&next(&open(&store)).snapshot), Some(first.id()));
}

#[test]
fn slots_that_go_round_in_a_circle_are_no_way() {
    let store = memory();
    let first = next(&open(&store)).snapshot;
    Go(&store).commit(G1, Some(first.id()));
    open(&store).adopt(G1, &CallOptions::default()).unwrap();
    // By hand: the snapshot below leads up to its own parent again.
    let slot = Slot {
        kind: SlotKind::Adopt,
        parent: Some(G1.into()),
        child: first.id().into(),
        created_at: 0,
        nonce: 7,
        producers: Arc::default(),
    };
    let slot_key = SlotKey { dataset: "events", layout: Layout::Default, parent: Some(G1) };
    put(&store, &slot_key.path(), &slot::encode(slot_key, &slot, &[]));
    refused(&open(&store), Status::NeedsRepair, &[G1]);
    let calls = CallOptions::default();
    let id = format!("{}-0123456789abcdef", ahead());
    let error = open(&store).resolve_commit(&id, &calls).err().unwrap();
    assert_eq!(error.status(), Status::NeedsRepair, "{error}");
    for choice in [first.id(), G1] {
        let error = open(&store).adopt(choice, &calls).err().unwrap();
        assert_eq!(error.status(), Status::NeedsRepair, "{error}");
    }
    let error = open(&store).producer_position("meter", &calls).err().unwrap();
    assert_eq!(error.status(), Status::Corrupt, "{error}");
    assert!(error.message().contains("go round"), "{error}");
}

#[test]
fn a_go_turn_after_a_choice_asks_for_it_again_while_the_other_head_is_there() {
    let store = memory();
    Go(&store).commit(G1, None);
    Go(&store).commit(G2, Some(G1));
    Go(&store).commit(G3, Some(G1));
    open(&store).adopt(G2, &CallOptions::default()).unwrap();
    let ours = next(&open(&store)).snapshot;
    let theirs = after(&ours);
    Go(&store).commit(&theirs, Some(ours.id()));
    refused(&open(&store), Status::NeedsRepair, &["forks", &theirs, G3]);
    open(&store).adopt(&theirs, &CallOptions::default()).unwrap();
    assert_eq!(parent(&next(&open(&store)).snapshot), Some(&*theirs));
}

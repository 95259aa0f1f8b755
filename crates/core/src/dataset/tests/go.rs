//! The Go library as neighbour: its snapshots are adopted and built on, what it left half done is finished or
//! refused, and what only a person can decide is, by `adopt`.

use std::time::Duration;

use super::audit::audit;
use super::*;
use crate::commit::go_compat::PATIENCE;
use crate::error::Status;
use crate::layout::Layout;
use crate::manifest::{FileFormat, FileRef, Manifest};
use crate::options::Producer;
use crate::store::filesystem::Filesystem;
use crate::store::sim::{Errno, Fault, Op, SimDisk};
use crate::store::{Durability, Put};

const G1: &str = "1700000000000000001";
const G2: &str = "1700000000000000002";
const G3: &str = "1700000000000000003";

/// The store as the Go library finds it.
pub(super) struct Go<'a>(pub &'a Store);

impl Go<'_> {
    pub(super) fn put(&self, key: &str, bytes: &[u8]) {
        self.0.backend().delete(Context::unlimited(), key).unwrap();
        let put = self.0.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Process);
        assert!(matches!(put, Put::Done), "{put:?}");
    }

    pub(super) fn point(&self, raw: &str) {
        self.put("datasets/events/latest", raw.as_bytes());
    }

    pub(super) fn manifest_of(&self, id: &str, parent: Option<&str>, text: &str) -> Manifest {
        let path = Layout::Default.data_path("events", id, "data");
        let data = format!("{text}\n");
        self.put(&path, data.as_bytes());
        let format = FileFormat { codec: Codec::Jsonl, checksum: Checksum::None, ..FileFormat::default() };
        Manifest {
            files: vec![FileRef::new(path, data.len() as u64)],
            parent_snapshot_id: parent.map(str::to_owned),
            row_count: 1,
            ..Manifest::new(Layout::Default, "events", id, id.parse().unwrap(), format)
        }
    }

    pub(super) fn store_manifest(&self, id: &str, bytes: &[u8]) {
        self.put(&Layout::Default.manifest_path("events", id), bytes);
    }

    /// One commit, complete.
    pub(super) fn commit(&self, id: &str, parent: Option<&str>) {
        let manifest = self.manifest_of(id, parent, &format!("{{\"go\":{id}}}"));
        self.point(id);
        self.store_manifest(id, &manifest.encode().unwrap());
    }
}

/// An id of the Go library's, later than this snapshot.
pub(super) fn after(snapshot: &Snapshot) -> String {
    format!("{:019}", snapshot.manifest().created_at + 1_000)
}

pub(super) fn parent(snapshot: &Snapshot) -> Option<&str> {
    snapshot.manifest().parent_snapshot_id.as_deref()
}

pub(super) fn refused(dataset: &Dataset, status: Status, words: &[&str]) -> Error {
    let error = match dataset.options().layout {
        Layout::Hive => write_held(dataset, &["{\"p\":\"refused\"}"]),
        _ => write(dataset, &["\"refused\""]),
    };
    let error = error.err().expect("it is refused");
    assert_eq!(error.status(), status, "{error}");
    for word in words {
        assert!(error.message().contains(word), "{word}: {error}");
    }
    error
}

#[test]
fn a_go_history_is_adopted_and_continued_in_turns() {
    let store = memory();
    let go = Go(&store);
    go.commit(G1, None);
    go.commit(G2, Some(G1));
    let dataset = open(&store);
    let mut expected = vec![G1.to_owned(), G2.to_owned()];
    for round in 0..5 {
        let dataset = if round % 2 == 0 { dataset.clone() } else { open(&store) };
        let ours = write(&dataset, &["1"]).unwrap();
        assert_eq!(ours.outcome, Outcome::Committed, "{round}");
        assert_eq!(parent(&ours.snapshot), expected.last().map(String::as_str), "{round}");
        expected.push(ours.snapshot.id().to_owned());
        let theirs = after(&ours.snapshot);
        go.commit(&theirs, Some(ours.snapshot.id()));
        expected.push(theirs);
    }
    expected.push(write(&open(&store), &["1"]).unwrap().snapshot.id().to_owned());
    assert_eq!(ids(&dataset), expected);
    assert_eq!(audit(&store, &expected).unwrap(), expected);
}

#[test]
fn a_go_history_without_a_pointer_is_adopted_by_its_greatest_id() {
    let store = memory();
    let go = Go(&store);
    go.commit(G1, None);
    go.commit(G2, Some(G1));
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    assert_eq!(parent(&write(&open(&store), &["1"]).unwrap().snapshot), Some(G2));
}

#[test]
fn a_fork_needs_a_person_and_adopt_is_the_way_out() {
    let store = memory();
    let go = Go(&store);
    go.commit(G1, None);
    go.commit(G2, Some(G1));
    go.commit(G3, Some(G1));
    let dataset = open(&store);
    let before = keys(&store);
    let error = refused(
        &dataset,
        Status::NeedsRepair,
        &["events", "forks", G1, G2, G3, "adopt the head that is to stay", "It can be read"],
    );
    assert_eq!(error.snapshot_id(), Some(G3));
    assert!(keys(&store).iter().all(|key| before.contains(key) || key.contains("/data/")));
    let error = dataset.adopt("1700000000000000009", &CallOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::SnapshotNotFound, "{error}");
    // The lower one is chosen; all that comes sorts above both.
    assert_eq!(dataset.adopt(G2, &CallOptions::default()).unwrap().id(), G2);
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), G2);
    let next = write(&open(&store), &["1"]).unwrap();
    assert_eq!((next.outcome, parent(&next.snapshot)), (Outcome::Committed, Some(G2)));
    assert!(next.snapshot.id() > G3);
    // What is decided stays: only the end of the path can be chosen.
    for choice in [G3, G2] {
        let error = dataset.adopt(choice, &CallOptions::default()).err().unwrap();
        assert_eq!(error.status(), Status::NeedsRepair, "{error}");
        assert!(error.message().contains("choose that one"), "{error}");
        assert!(error.message().contains(next.snapshot.id()), "{error}");
    }
    go.point(G3);
    refused(&open(&store), Status::NeedsRepair, &[G3, next.snapshot.id()]);
    dataset.adopt(next.snapshot.id(), &CallOptions::default()).unwrap();
    assert_eq!(parent(&write(&open(&store), &["2"]).unwrap().snapshot), Some(next.snapshot.id()));
}

#[test]
fn two_first_snapshots_are_a_fork_too() {
    let store = memory();
    Go(&store).commit(G1, None);
    Go(&store).commit(G2, None);
    refused(&open(&store), Status::NeedsRepair, &["more than one first snapshot", G1, G2]);
}

#[test]
fn a_pointer_below_the_greatest_needs_a_person() {
    let store = memory();
    let ours = write(&open(&store), &["1"]).unwrap().snapshot;
    // Its clock is far behind.
    Go(&store).commit(G1, Some(ours.id()));
    refused(&open(&store), Status::NeedsRepair, &["sorts after it", G1, ours.id()]);
    assert_eq!(open(&store).adopt(G1, &CallOptions::default()).unwrap().id(), G1);
    let next = write(&open(&store), &["2"]).unwrap();
    assert_eq!((next.outcome, parent(&next.snapshot)), (Outcome::Committed, Some(G1)));
    assert!(next.snapshot.id() > ours.id());
}

#[test]
fn a_go_snapshot_beside_one_of_ours_needs_a_person() {
    let store = memory();
    let first = write(&open(&store), &["1"]).unwrap().snapshot;
    let second = write(&open(&store), &["2"]).unwrap().snapshot;
    let theirs = after(&second);
    Go(&store).commit(&theirs, Some(first.id()));
    let error = refused(&open(&store), Status::NeedsRepair, &[&theirs, second.id()]);
    assert!(error.message().contains("decided to be"), "{error}");
    assert_eq!(open(&store).latest(&CallOptions::default()).unwrap().id(), theirs, "it is read");
    let error = open(&store).adopt(&theirs, &CallOptions::default()).err().unwrap();
    assert!(error.message().contains(second.id()), "{error}");
    open(&store).adopt(second.id(), &CallOptions::default()).unwrap();
    // Theirs stays, and sorts above: a repetition of the choice goes between.
    let repeats = open(&store).latest(&CallOptions::default()).unwrap();
    assert_eq!(repeats.manifest().is_noop().as_deref(), Some(second.id()));
    assert!(*repeats.id() > *theirs);
    assert_eq!(parent(&write(&open(&store), &["3"]).unwrap().snapshot), Some(repeats.id()));
}

#[test]
fn slots_that_are_gone_are_replaced_by_adopting_the_head() {
    let store = memory();
    write(&open(&store), &["1"]).unwrap();
    let head = write(&open(&store), &["2"]).unwrap().snapshot;
    for key in keys(&store).iter().filter(|key| key.contains("/_commits/")) {
        store.backend().delete(Context::unlimited(), key).unwrap();
    }
    refused(&open(&store), Status::NeedsRepair, &["no commit slot", head.id()]);
    open(&store).adopt(head.id(), &CallOptions::default()).unwrap();
    let next = write(&open(&store), &["3"]).unwrap().snapshot;
    assert_eq!(parent(&next), Some(head.id()));
    assert_eq!(audit(&store, &[]).unwrap().len(), 3);
}

pub(super) fn on_disk(disk: &SimDisk) -> Store {
    let filesystem = Filesystem::with_disk(disk.process().disk(), "/sim");
    Store::new(Box::new(filesystem), StoreOptions::default())
}

#[test]
fn a_dangling_pointer_is_waited_for_then_filled() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    let go = Go(&store);
    go.commit(G1, None);
    go.point(G2);
    disk.pass(PATIENCE - Duration::from_nanos(1));
    let path = Layout::Default.manifest_path("events", G2);
    let error = refused(&open(&store), Status::Busy, &[G2, &path, "After a minute"]);
    assert_eq!((error.snapshot_id(), error.path()), (Some(G2), Some(&*path)));
    assert_eq!(disk.temporaries(), [""; 0]);
    disk.pass(Duration::from_nanos(1));
    let next = write(&open(&store), &["1"]).unwrap();
    assert_eq!((next.outcome, parent(&next.snapshot)), (Outcome::Committed, Some(G2)));
    let stored = open(&store).history(Context::unlimited()).whole_manifest(G2).unwrap().unwrap();
    let (bytes, noop) = (stored.bytes, stored.manifest);
    assert_eq!(noop.is_noop().as_deref(), Some(G1));
    assert_eq!((noop.created_at, noop.parent_snapshot_id.as_deref()), (G2.parse().unwrap(), Some(G1)));
    assert!(String::from_utf8(bytes).unwrap().contains("\"compressor\": \"noop\""), "it is g's");
    assert_eq!(ids(&open(&store)), [G1, next.snapshot.id()], "the noop is not shown");
    assert_eq!(audit(&store, &[]).unwrap(), [G1, G2, next.snapshot.id()]);
}

#[test]
fn a_dangling_pointer_of_an_empty_dataset_is_filled_with_an_empty_snapshot() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    Go(&store).point(G1);
    disk.pass(PATIENCE);
    let next = write(&open(&store), &["1"]).unwrap().snapshot;
    assert_eq!(parent(&next), Some(G1));
    assert_eq!(ids(&open(&store)), [next.id()]);
    let noop = open(&store).history(Context::unlimited()).whole_manifest(G1).unwrap().unwrap().manifest;
    assert_eq!((noop.row_count, noop.files.len(), noop.checksum_algorithm.as_deref()), (0, 0, Some("xxh3")));
}

#[test]
fn without_a_clock_of_the_stores_the_handles_own_patience_counts() {
    let store = memory();
    Go(&store).commit(G1, None);
    Go(&store).point(G2);
    let dataset = open(&store);
    refused(&dataset, Status::Busy, &[G2]);
    dataset.target().sightings.backdate(PATIENCE - Duration::from_secs(30));
    refused(&dataset, Status::Busy, &[G2]);
    // Another id: its minute begins anew.
    Go(&store).point(G3);
    refused(&dataset, Status::Busy, &[G3]);
    dataset.target().sightings.backdate(PATIENCE);
    // A handle that has not seen it yet waits.
    refused(&open(&store), Status::Busy, &[G3]);
    assert_eq!(parent(&write(&dataset, &["1"]).unwrap().snapshot), Some(G3));
}

#[test]
fn a_dangling_pointer_below_the_greatest_needs_a_person() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    Go(&store).commit(G2, None);
    Go(&store).point(G1);
    refused(&open(&store), Status::Busy, &[G1]);
    disk.pass(PATIENCE);
    refused(&open(&store), Status::NeedsRepair, &[G1, G2, "sorts after it"]);
    open(&store).adopt(G2, &CallOptions::default()).unwrap();
    assert_eq!(parent(&write(&open(&store), &["1"]).unwrap().snapshot), Some(G2));
}

#[test]
fn a_torn_manifest_is_waited_for_then_needs_a_person() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    let go = Go(&store);
    go.commit(G1, None);
    let whole = go.manifest_of(G2, Some(G1), "2").encode().unwrap();
    go.point(G2);
    go.store_manifest(G2, &whole[..whole.len() / 2]);
    assert_eq!(open(&store).latest(&CallOptions::default()).unwrap().id(), G1, "readers serve what is whole");
    refused(&open(&store), Status::Busy, &[G2]);
    disk.pass(PATIENCE);
    let path = Layout::Default.manifest_path("events", G2);
    let error = refused(&open(&store), Status::NeedsRepair, &[&path, "ends in the middle", G1]);
    assert_eq!(error.path(), Some(&*path));
    // Its writer was only slow.
    go.store_manifest(G2, &whole);
    assert_eq!(parent(&write(&open(&store), &["1"]).unwrap().snapshot), Some(G2));
}

/// A dangling pointer whose noop was decided, but not published.
pub(super) fn noop_in_waiting(disk: &SimDisk, store: &Store) {
    Go(store).commit(G1, None);
    Go(store).point(G2);
    disk.pass(PATIENCE);
    let process = disk.process();
    // The links: the slot that adopts, the noop's slot.
    process.fault_on(Op::Link, 1, Fault::CrashAfter);
    let dying = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    assert!(write(&open(&dying), &["1"]).is_err() && process.is_dead());
    assert!(keys(store).contains(&format!("datasets/events/_commits/{G1}")));
}

#[test]
fn a_slow_go_writer_may_forestall_the_noop_that_stands_in_for_it() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    noop_in_waiting(&disk, &store);
    let late = Go(&store).manifest_of(G2, Some(G1), "\"late\"").encode().unwrap();
    Go(&store).store_manifest(G2, &late[..20]);
    refused(&open(&store), Status::Busy, &[G2]);
    disk.pass(PATIENCE);
    refused(&open(&store), Status::NeedsRepair, &[G2, "ends in the middle"]);
    Go(&store).store_manifest(G2, &late);
    let next = write(&open(&store), &["1"]).unwrap().snapshot;
    assert_eq!(parent(&next), Some(G2));
    let theirs = open(&store).snapshot(G2, &CallOptions::default()).unwrap();
    assert_eq!(read_all(&open(&store), &theirs, ReadOptions::default()).unwrap(), ["\"late\""]);
    assert_eq!(audit(&store, &[]).unwrap(), [G1, G2, next.id()]);
}

#[test]
fn a_late_manifest_with_another_parent_needs_a_person() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    noop_in_waiting(&disk, &store);
    let late = Go(&store).manifest_of(G2, None, "\"late\"").encode().unwrap();
    Go(&store).store_manifest(G2, &late);
    refused(&open(&store), Status::NeedsRepair, &[G2, "another parent"]);
}

#[test]
fn a_noop_left_in_waiting_is_published_by_the_next_writer() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    noop_in_waiting(&disk, &store);
    assert_eq!(open(&store).latest(&CallOptions::default()).unwrap().id(), G1, "a noop proves no snapshot");
    assert_eq!(parent(&write(&open(&store), &["1"]).unwrap().snapshot), Some(G2));
}

#[test]
fn the_damaged_forms_that_the_go_library_leaves_are_read_and_built_on() {
    let store = memory();
    let go = Go(&store);
    // An empty write.
    let mut manifest = go.manifest_of(G1, None, "1");
    (manifest.files, manifest.row_count) = (Vec::new(), 0);
    let text = String::from_utf8(manifest.encode().unwrap()).unwrap();
    assert!(text.contains("\"files\": []"));
    go.store_manifest(G1, text.replace("\"files\": []", "\"files\": null").as_bytes());
    // A pointer that was written by hand.
    go.point(&format!(" {G1}\n"));
    let latest = open(&store).latest(&CallOptions::default()).unwrap();
    assert_eq!((latest.id(), latest.manifest().files.len()), (G1, 0));
    let next = write(&open(&store), &["1"]).unwrap();
    assert_eq!((next.outcome, parent(&next.snapshot)), (Outcome::Committed, Some(G1)));
    assert_eq!(
        store.backend().get(Context::unlimited(), "datasets/events/latest", 99).unwrap().unwrap(),
        next.snapshot.id().as_bytes()
    );
}

#[test]
fn a_pointer_that_may_not_be_read_is_an_error_and_never_no_snapshots() {
    let disk = SimDisk::new();
    Go(&on_disk(&disk)).commit(G1, None);
    let process = disk.process();
    // Its mode is 0600, and its owner another.
    process.plan(|_, step| {
        (step.op == Op::OpenRead && step.path.ends_with("/latest")).then_some(Fault::Fail(Errno::ACCESS))
    });
    let store = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    for error in [
        open(&store).latest(&CallOptions::default()).err().unwrap(),
        write(&open(&store), &["1"]).err().unwrap(),
    ] {
        assert_eq!(error.errno(), Some(Errno::ACCESS.raw_os_error()), "{error}");
        assert!(error.message().contains("datasets/events/latest"), "{error}");
    }
}

#[test]
fn ancestors_in_a_circle_are_no_history() {
    let store = memory();
    Go(&store).commit(G1, Some(G2));
    Go(&store).commit(G2, Some(G1));
    refused(&open(&store), Status::NeedsRepair, &[G2, "another parent"]);
}

#[test]
fn a_head_of_no_known_form_cannot_be_built_on() {
    let store = memory();
    let go = Go(&store);
    let manifest = Manifest { snapshot_id: "first".into(), ..go.manifest_of(G1, None, "1") };
    go.store_manifest("first", &manifest.encode().unwrap());
    go.point("first");
    refused(&open(&store), Status::UnorderableParent, &["first"]);
    let error = open(&store).adopt("first", &CallOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::UnorderableParent, "{error}");
    go.point("second");
    refused(&open(&store), Status::NeedsRepair, &["second", "no snapshot has that id"]);
}

#[test]
fn the_producers_are_remembered_past_a_go_writers_turn() {
    let store = memory();
    let produce = |sequence| {
        let producer = Some(Producer { id: "meter", sequence, position: "here" });
        let options = CommitOptions { producer, ..CommitOptions::default() };
        open(&store).stream_write_records(&mut records(&["1"]), Metadata::empty(), options).unwrap()
    };
    let first = produce(1).snapshot;
    let theirs = after(&first);
    Go(&store).commit(&theirs, Some(first.id()));
    let told = open(&store).producer_position("meter", &CallOptions::default()).unwrap().unwrap();
    assert_eq!(told.id(), first.id(), "the snapshot whose map was read");
    assert_eq!(produce(1).outcome, Outcome::AlreadyCommitted);
    // That looked, and adopted: the position is found past the slot, too.
    assert!(open(&store).producer_position("meter", &CallOptions::default()).unwrap().is_some());
    assert_eq!(produce(2).outcome, Outcome::Committed);
    assert_eq!(produce(1).outcome, Outcome::AlreadyCommitted);
    assert_eq!(audit(&store, &[]).unwrap().len(), 3);
}

#[test]
fn a_go_writer_beside_a_commit_of_ours_is_reported() {
    let disk = SimDisk::new();
    let first = write(&open(&on_disk(&disk)), &["1"]).unwrap().snapshot;
    let theirs = format!("{:019}", first.manifest().created_at + 3_600_000_000_000);
    let process = disk.process();
    let (other, id) = (disk.clone(), theirs.clone());
    process.plan(move |_, step| {
        if step.op == Op::Link && step.path.contains("/_commits/") {
            other.plant("datasets/events/latest", id.as_bytes());
        }
        None
    });
    let store = Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default());
    let ours = write(&open(&store), &["2"]).unwrap();
    assert_eq!(ours.outcome, Outcome::BesideForeign);
    let pointer = store.backend().get(Context::unlimited(), "datasets/events/latest", 99).unwrap().unwrap();
    assert_eq!(pointer, theirs.as_bytes(), "it is left alone");
}

#[test]
fn what_is_adopted_is_as_durable_as_what_is_built_on_it() {
    let disk = SimDisk::new();
    let store = on_disk(&disk);
    // The Go library syncs nothing.
    Go(&store).commit(G1, None);
    Go(&store).commit(G2, Some(G1));
    assert!(disk.for_each_loss(10, |_| ()).states > 1, "a power cut would lose some of it");
    let ours = write(&open(&store), &["1"]).unwrap().snapshot;
    let expected = [G1.to_owned(), G2.to_owned(), ours.id().to_owned()];
    disk.for_each_loss(500, |after| {
        assert_eq!(audit(&on_disk(&after), &expected).as_deref(), Ok(&expected[..]));
    });
}

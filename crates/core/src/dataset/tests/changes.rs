//! What is new since a snapshot: which, in what order, at what cost; and what a damaged history is answered
//! with.

use std::time::Duration;

use super::counts::Counted;
use super::*;
use crate::context::CancelToken;
use crate::error::Status;
use crate::store::layer::{Layer, Layered, Refusing};
use crate::store::{Backend, Durability, Put};

fn new_since(dataset: &Dataset, since: Option<&str>) -> Result<Vec<String>> {
    let mut changes = dataset.changes_since(since, &CallOptions::default())?;
    let mut ids = Vec::new();
    while let Some(snapshot) = changes.next()? {
        ids.push(snapshot.id().to_owned());
    }
    assert!(changes.next()?.is_none(), "the end stays");
    Ok(ids)
}

fn refused(dataset: &Dataset, since: Option<&str>) -> Error {
    new_since(dataset, since).expect_err("it is refused")
}

fn commit_many(dataset: &Dataset, count: usize) -> Vec<String> {
    (0..count).map(|_| write(dataset, &["1"]).unwrap().snapshot.id().to_owned()).collect()
}

/// A manifest as somebody may have left it.
fn manifest_json(id: &str, parent: Option<&str>, metadata: &str) -> String {
    let parent = parent.map(|parent| format!("\"parent_snapshot_id\": \"{parent}\", ")).unwrap_or_default();
    format!(
        "{{\"schema_name\": \"lode-manifest\", \"format_version\": \"1.0.0\", \"dataset_id\": \"events\", \
         \"snapshot_id\": \"{id}\", \"created_at\": \"2024-01-01T00:00:00Z\", \"metadata\": {metadata}, \
         \"files\": [], {parent}\"row_count\": 0, \"compressor\": \"noop\", \"partitioner\": \"noop\"}}"
    )
}

fn put(store: &Store, key: &str, data: &str) {
    assert!(matches!(
        store.backend().put_if_absent(Context::unlimited(), key, data.as_bytes(), Durability::Full),
        Put::Done
    ));
}

/// Manifests as they may lie in a store; `latest` names the last one.
fn planted(manifests: &[(&str, Option<&str>, &str)]) -> Dataset {
    let store = memory();
    for (id, parent, metadata) in manifests {
        let key = format!("datasets/events/snapshots/{id}/manifest.json");
        put(&store, &key, &manifest_json(id, *parent, metadata));
    }
    put(&store, "datasets/events/latest", manifests.last().expect("there is one").0);
    open(&store)
}

#[test]
fn what_is_new_comes_oldest_first_up_to_the_head_of_the_call() {
    let dataset = open(&memory());
    assert!(new_since(&dataset, None).unwrap().is_empty());
    let committed = commit_many(&dataset, 12);
    assert_eq!(new_since(&dataset, None).unwrap(), committed);
    for (at, id) in committed.iter().enumerate() {
        assert_eq!(new_since(&dataset, Some(id)).unwrap(), committed[at + 1..]);
    }
    let mut changes = dataset.changes_since(Some(&committed[10]), &CallOptions::default()).unwrap();
    write(&dataset, &["1"]).unwrap();
    assert_eq!(changes.next().unwrap().unwrap().id(), committed[11]);
    assert!(changes.next().unwrap().is_none(), "the head was fixed at the call");
}

#[test]
fn what_is_no_ancestor_is_not_found_and_named() {
    let dataset = open(&memory());
    let error = refused(&dataset, Some("1700000000000000000"));
    assert_eq!(
        (error.status(), error.snapshot_id()),
        (Status::SnapshotNotFound, Some("1700000000000000000"))
    );
    assert!(error.message().contains("no snapshot yet"), "{error}");

    let committed = commit_many(&dataset, 3);
    let between = format!("{}-x", committed[1]);
    for id in ["1700000000000000000", "0", &between, "9999999999999999999-0123456789abcdef", "x"] {
        let error = refused(&dataset, Some(id));
        assert_eq!((error.status(), error.snapshot_id()), (Status::SnapshotNotFound, Some(id)));
        let head = format!("not among the ancestors of the head {}", committed[2]);
        assert!(error.message().contains(&head) && error.message().contains("\"events\""), "{error}");
    }
    for id in ["", "a/b", "..", &"x".repeat(300)] {
        assert_eq!(refused(&dataset, Some(id)).status(), Status::InvalidArgument, "{id:?}");
    }
}

#[test]
fn a_snapshot_that_stands_beside_the_history_is_not_found() {
    let dataset = planted(&[("1", None, "{}"), ("2", Some("1"), "{}"), ("3", Some("1"), "{}")]);
    assert_eq!(new_since(&dataset, Some("1")).unwrap(), ["3"]);
    assert_eq!(refused(&dataset, Some("2")).status(), Status::SnapshotNotFound);
}

#[test]
fn noops_are_skipped_and_may_be_where_one_stood() {
    let dataset = planted(&[
        ("1", None, "{}"),
        ("2", Some("1"), "{\"lode.noop\": \"1\"}"),
        ("3", Some("2"), "{}"),
        ("4", Some("3"), "{\"lode.noop\": \"3\"}"),
    ]);
    assert_eq!(new_since(&dataset, None).unwrap(), ["1", "3"]);
    assert_eq!(new_since(&dataset, Some("1")).unwrap(), ["3"]);
    assert_eq!(new_since(&dataset, Some("2")).unwrap(), ["3"]);
    assert!(new_since(&dataset, Some("3")).unwrap().is_empty());
    assert!(new_since(&dataset, Some("4")).unwrap().is_empty());
}

#[test]
fn a_commit_that_is_not_published_yet_is_known_and_nothing_is_newer() {
    let store = memory();
    let dataset = open(&store);
    let committed = commit_many(&dataset, 4);
    // As if the writer of the last two, another process, had died before it moved the pointer.
    store.known_heads().forget(&Layout::Default.known_as("events"));
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    put(&store, "datasets/events/latest", &committed[1]);
    for id in &committed[2..] {
        assert!(new_since(&dataset, Some(id)).unwrap().is_empty());
    }
    assert_eq!(new_since(&dataset, Some(&committed[0])).unwrap(), [committed[1].clone()]);
    let error = refused(&dataset, Some(&format!("{}-x", committed[3])));
    assert_eq!(error.status(), Status::SnapshotNotFound);
}

#[test]
fn a_head_that_is_decided_but_not_published_is_served_from_its_slot() {
    let store = memory();
    let dataset = open(&store);
    let committed = commit_many(&dataset, 2);
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/snapshots/{}/manifest.json", committed[1]))
        .unwrap();
    assert_eq!(new_since(&dataset, None).unwrap(), committed);
}

#[test]
fn a_history_without_order_ends_with_an_error_and_not_never() {
    // A cycle of two, a snapshot that is its own parent, and a parent above its child.
    for manifests in [
        &[("1", Some("2"), "{}"), ("2", Some("1"), "{}")][..],
        &[("2", Some("2"), "{}")],
        &[("3", None, "{}"), ("2", Some("3"), "{}")],
    ] {
        let dataset = planted(manifests);
        for since in [None, Some("0")] {
            let error = refused(&dataset, since);
            assert_eq!(error.status(), Status::Corrupt, "{error}");
            assert!(error.message().contains("does not sort below it"), "{error}");
            assert!(error.path().is_some_and(|path| path.ends_with("/manifest.json")), "{error}");
        }
    }
}

#[test]
fn parents_that_are_missing_or_no_ids_are_corrupt() {
    for (parent, message) in [
        ("1", "has the snapshot 1, but its manifest datasets/events/snapshots/1/manifest.json is missing"),
        ("../../../../etc/passwd", "names a parent that cannot be one"),
        (".", "names a parent that cannot be one"),
        ("1\\u0000", "names a parent that cannot be one"),
    ] {
        let dataset = planted(&[("2", Some(parent), "{}")]);
        let error = refused(&dataset, None);
        assert_eq!(error.status(), Status::Corrupt, "{error}");
        assert!(error.message().contains(message), "{error}");
    }
    // Missing, but it is not needed.
    let dataset = planted(&[("2", Some("1"), "{}")]);
    assert_eq!(new_since(&dataset, Some("1")).unwrap(), ["2"]);
}

#[test]
fn ten_new_snapshots_cost_the_same_in_a_long_history_and_a_short_one() {
    let cost = |history: usize| {
        let counted = Counted::new();
        let dataset = open(&counted.store());
        let committed = commit_many(&dataset, history);
        let reader = open(&counted.store());
        counted.take();
        let ids = new_since(&reader, Some(&committed[history - 11])).unwrap();
        assert_eq!(ids, committed[history - 10..]);
        counted.take()
    };
    let short = cost(20);
    let mut expected = vec!["get datasets/events/latest".to_owned()];
    expected.resize(11, "get datasets/events/snapshots/ID/manifest.json".to_owned());
    assert_eq!(short, expected);
    assert_eq!(cost(1_000), short);
}

#[test]
fn a_reader_that_is_up_to_date_pays_for_the_head_alone() {
    let counted = Counted::new();
    let dataset = open(&counted.store());
    let committed = commit_many(&dataset, 5);
    counted.take();
    assert!(new_since(&dataset, committed.last().map(|id| &**id)).unwrap().is_empty());
    assert_eq!(counted.take().len(), 2);
}

#[test]
fn cancelling_ends_the_walk_and_each_step_and_the_failure_stays() {
    let counted = Counted::new();
    let dataset = open(&counted.store());
    commit_many(&dataset, 50);
    counted.take();
    let call =
        CallOptions { deadline: None, cancel: Some(counted.cancel_after(5)), ..CallOptions::default() };
    let error = dataset.changes_since(None, &call).err().unwrap();
    assert_eq!(error.status(), Status::Cancelled);
    assert!(error.message().contains("cancelled while walking the history"), "{error}");
    assert_eq!(counted.take().len(), 5, "nothing is asked once it is cancelled");

    type Begin = fn(&Dataset, &CallOptions) -> Result<Snapshots>;
    let begin: [Begin; 2] = [|dataset, call| dataset.changes_since(None, call), Dataset::snapshots];
    for begin in begin {
        let cancel = CancelToken::new();
        let call = CallOptions { deadline: None, cancel: Some(cancel.clone()), ..CallOptions::default() };
        let mut snapshots = begin(&dataset, &call).unwrap();
        assert!(snapshots.next().unwrap().is_some());
        cancel.cancel();
        for _ in 0..2 {
            assert_eq!(snapshots.next().err().unwrap().status(), Status::Cancelled);
        }
        let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
        let error = begin(&dataset, &over).err().unwrap();
        assert_eq!(error.status(), Status::Deadline);
        assert!(error.message().contains("deadline passed while"), "{error}");
    }
}

#[test]
fn a_deadline_is_counted_anew_for_each_step() {
    let dataset = open(&memory());
    let committed = commit_many(&dataset, 3);
    // Far away: what matters is that no step sees the time of another's.
    let call =
        CallOptions { deadline: Some(Duration::from_secs(3600)), cancel: None, ..CallOptions::default() };
    let mut snapshots = dataset.changes_since(None, &call).unwrap();
    for id in &committed {
        assert_eq!(snapshots.next().unwrap().unwrap().id(), id);
    }
    assert!(snapshots.next().unwrap().is_none());
}

/// A history that is made up as it is read: nothing but the pointer and manifests can be asked for.
struct Endless {
    length: u64,
    /// Bytes of metadata in each manifest.
    padding: usize,
    beneath: Refusing,
}

impl Endless {
    fn id(number: u64) -> String {
        format!("{number:019}-0123456789abcdef")
    }
}

impl Layer for Endless {
    fn inner(&self) -> &dyn Backend {
        &self.beneath
    }
    fn get(&self, _context: &Context, key: &str, _limit: u64) -> Result<Option<Vec<u8>>> {
        if key.ends_with("/latest") {
            return Ok(Some(Self::id(self.length).into_bytes()));
        }
        let id = key.split('/').nth(3).expect("a manifest's key");
        let number: u64 = id[..19].parse().expect("a number");
        let parent = (number > 1).then(|| Self::id(number - 1));
        let metadata = format!("{{\"padding\": \"{}\"}}", "x".repeat(self.padding));
        Ok(Some(manifest_json(id, parent.as_deref(), &metadata).into_bytes()))
    }
}

#[test]
fn long_histories_are_walked_without_a_listing_and_manifests_beyond_the_cap_are_read_again() {
    // Many small manifests, and some of which few fit into the cap.
    for (length, padding) in [(100_000, 0), (40, 300 << 10), (3, 2 << 20)] {
        let store = Store::new(
            Box::new(Layered(Endless { length, padding, beneath: Refusing })),
            StoreOptions::default(),
        );
        let dataset = open(&store);
        let mut changes = dataset.changes_since(None, &CallOptions::default()).unwrap();
        for number in 1..=length {
            assert_eq!(changes.next().unwrap().expect("there are more").id(), Endless::id(number));
        }
        assert!(changes.next().unwrap().is_none());
    }
}

#[test]
fn a_listing_of_the_history_ends_when_it_is_cancelled() {
    let counted = Counted::new();
    let store = counted.store();
    let dataset = open(&store);
    commit_many(&dataset, 5);
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    // The pointer is missing, so the ids are listed: cancelled during that, no manifest is read any more.
    for call in [Dataset::latest as fn(&Dataset, &CallOptions) -> _, |dataset, call| {
        dataset.snapshots(call).and_then(|mut snapshots| Ok(snapshots.next()?.expect("there is one")))
    }] {
        counted.take();
        let cancel =
            CallOptions { deadline: None, cancel: Some(counted.cancel_after(2)), ..CallOptions::default() };
        let error = call(&dataset, &cancel).err().unwrap();
        assert_eq!(error.status(), Status::Cancelled);
        assert!(error.message().contains("cancelled while listing snapshots"), "{error}");
        assert_eq!(counted.take(), ["get datasets/events/latest", "list datasets/events/snapshots/"]);
    }
}

//! Heads that clocks and other writers leave: dated ahead, at the end of time, of a form that has no order.

use std::sync::{Arc, Mutex};

use super::audit::audit;
use super::*;
use crate::error::Status;
use crate::history::{Id, Slot, SlotKey, SlotKind, slot};
use crate::id::compose;
use crate::id::now;
use crate::store::{Durability, LogLevel};

/// Puts a first snapshot with this id and time into the store, slot and manifest and pointer, by hand.
fn plant(store: &Store, id: &str, created_at: i64) {
    let template = memory();
    let manifest = write(&open(&template), &[]).unwrap().snapshot.manifest().clone();
    let manifest =
        crate::manifest::Manifest { snapshot_id: id.to_owned(), created_at, files: Vec::new(), ..manifest };
    let payload = manifest.encode().unwrap();
    let slot = Slot {
        kind: SlotKind::Commit,
        parent: None,
        child: Id::from(id),
        created_at,
        nonce: 7,
        producers: Arc::default(),
    };
    let slot_key = SlotKey { dataset: "events", layout: Layout::Default, parent: None };
    let backend = store.backend();
    backend.put_if_absent(
        Context::unlimited(),
        &slot_key.path(),
        &slot::encode(slot_key, &slot, &payload),
        Durability::Full,
    );
    backend.put_if_absent(
        Context::unlimited(),
        &Layout::Default.manifest_path("events", id),
        &payload,
        Durability::Full,
    );
    backend.put_if_absent(Context::unlimited(), "datasets/events/latest", id.as_bytes(), Durability::Full);
}

#[test]
fn a_parent_from_the_future_is_followed_with_a_warning() {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = lines.clone();
    let log = move |level: LogLevel, line: &str| {
        assert_eq!(level, LogLevel::Warning);
        sink.lock().unwrap().push(line.to_owned());
    };
    let store =
        Store::new(Box::new(crate::store::memory::Memory::new()), StoreOptions { log: Some(Box::new(log)) });
    let ahead = now() + 48 * 3600 * 1_000_000_000;
    let id = compose(ahead.unsigned_abs(), 5).unwrap();
    plant(&store, &id, ahead);
    let child = write(&open(&store), &["1"]).unwrap().snapshot;
    assert!(*child.id() > *id, "its id sorts after the parent's");
    assert_eq!(child.manifest().created_at, ahead + 1);
    audit(&store, &[id.clone(), child.id().to_owned()]).unwrap();
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains(&id) && lines[0].contains("24 h ahead"), "{lines:?}");
}

#[test]
fn a_created_at_after_the_id_counts_as_well() {
    let store = memory();
    let (early, late) = (now() - 1_000_000_000, now() + 3_600_000_000_000);
    let id = compose(early.unsigned_abs(), 5).unwrap();
    plant(&store, &id, late);
    let child = write(&open(&store), &["1"]).unwrap().snapshot;
    assert_eq!(child.manifest().created_at, late + 1);
}

#[test]
fn a_parent_that_leaves_no_room_is_refused() {
    for (id, created_at) in
        [(compose(i64::MAX.unsigned_abs(), 5).unwrap(), 0), (compose(1, 5).unwrap(), i64::MAX)]
    {
        let store = memory();
        plant(&store, &id, created_at);
        let before = keys(&store);
        let error = write(&open(&store), &["1"]).err().unwrap();
        assert_eq!((error.status(), error.snapshot_id()), (Status::UnorderableParent, Some(&*id)));
        assert!(error.message().contains(&id), "{error}");
        assert_eq!(keys(&store), before);
    }
}

/// A dataset whose clock says this.
fn at(store: &Store, clock: fn() -> i64) -> Dataset {
    open(store).with_clock(clock)
}

#[test]
fn nothing_is_written_by_a_clock_that_ids_cannot_hold() {
    for clock in [|| 9_214_646_400_000_000_000, || i64::MAX] {
        let store = memory();
        let dataset = at(&store, clock);
        let refusals = [
            write(&dataset, &["1"]).err().unwrap(),
            write_held(&dataset, &["1"]).err().unwrap(),
            dataset.record_writer(WriterOptions::default()).err().unwrap(),
        ];
        for error in refusals {
            assert_eq!(error.status(), Status::Unsupported, "{error}");
            assert!(error.message().contains("clock") && error.message().contains("2261"), "{error}");
        }
        assert_eq!(keys(&store), [""; 0]);
    }
    // The last moment before it.
    let store = memory();
    let last = write(&at(&store, || 9_214_646_399_999_999_999), &["1"]).unwrap().snapshot;
    let before = keys(&store);
    let error = write(&at(&store, || 9_214_646_399_999_999_999), &["1"]).err().unwrap();
    assert_eq!(
        (error.status(), error.snapshot_id()),
        (Status::UnorderableParent, Some(last.id())),
        "{error}"
    );
    assert!(keys(&store).iter().all(|key| before.contains(key) || key.contains("/data/")));
}

#[test]
fn an_id_that_no_writer_can_have_made_is_not_sealed() {
    const DAY: i64 = 24 * 3600 * 1_000_000_000;
    let store = memory();
    let head = write(&open(&store), &["1"]).unwrap().snapshot;
    let before = keys(&store);
    for time in [now() + DAY + 3600 * 1_000_000_000, 9_214_646_400_000_000_000, i64::MAX] {
        let id = compose(time.unsigned_abs(), 5).unwrap();
        let error = open(&store).resolve_commit(&id, &CallOptions::default()).err().unwrap();
        assert_eq!((error.status(), error.snapshot_id()), (Status::InvalidArgument, Some(&*id)), "{error}");
        assert!(error.message().contains("24 hours ahead"), "{error}");
        assert_eq!(keys(&store), before);
    }
    // Within the day it is sealed, and the next commit works.
    let id = compose((now() + DAY - 3600 * 1_000_000_000).unsigned_abs(), 5).unwrap();
    let resolved = open(&store).resolve_commit(&id, &CallOptions::default()).unwrap();
    assert!(matches!(resolved, Resolution::NotCommitted));
    let next = write(&open(&store), &["2"]).unwrap().snapshot;
    assert!(*next.id() > *id && *next.id() > *head.id());
    // A head that is ahead itself counts like the clock.
    let store = memory();
    let ahead = now() + 10 * DAY;
    plant(&store, &compose(ahead.unsigned_abs(), 5).unwrap(), ahead);
    let id = compose((ahead + DAY / 2).unsigned_abs(), 5).unwrap();
    let resolved = open(&store).resolve_commit(&id, &CallOptions::default()).unwrap();
    assert!(matches!(resolved, Resolution::NotCommitted));
}

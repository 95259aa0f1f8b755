//! A dataset that is removed, or replaced by an older copy of itself, while handles to it are open.

use super::audit::audit;
use super::*;
use crate::error::{Action, Status};
use crate::store::{Durability, Put};

/// All objects of a store, as a copy of it.
pub(super) fn copy(store: &Store) -> Vec<(String, Vec<u8>)> {
    let read = |key: String| {
        let bytes = store
            .backend()
            .get(Context::unlimited(), &key, 1 << 30)
            .expect("it can be read")
            .expect("it is there");
        (key, bytes)
    };
    keys(store).into_iter().map(read).collect()
}

/// Makes the store what the copy is.
pub(super) fn restore(store: &Store, copy: &[(String, Vec<u8>)]) {
    for key in keys(store) {
        store.backend().delete(Context::unlimited(), &key).expect("it can be removed");
    }
    for (key, bytes) in copy {
        let put = store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Process);
        assert!(matches!(put, Put::Done), "{put:?}");
    }
}

fn parent(snapshot: &Snapshot) -> Option<&str> {
    snapshot.manifest().parent_snapshot_id.as_deref()
}

#[test]
fn a_dataset_that_was_removed_begins_anew() {
    let store = memory();
    let dataset = open(&store);
    for _ in 0..3 {
        write(&dataset, &["1"]).unwrap();
    }
    restore(&store, &[]);
    let first = write(&dataset, &["2"]).unwrap();
    assert_eq!((first.outcome, parent(&first.snapshot)), (Outcome::Committed, None));
    let second = write(&dataset, &["3"]).unwrap();
    assert_eq!(parent(&second.snapshot), Some(first.snapshot.id()));
    let expected = [first.snapshot.id().to_owned(), second.snapshot.id().to_owned()];
    assert_eq!(audit(&store, &expected).unwrap(), expected);
    // Again, before the handle has committed anything else.
    restore(&store, &[]);
    assert_eq!(parent(&write(&dataset, &["4"]).unwrap().snapshot), None);
    audit(&store, &[]).unwrap();
}

#[test]
fn a_handle_refuses_to_build_on_what_an_older_copy_does_not_have() {
    for kept in 1..3 {
        let store = memory();
        let dataset = open(&store);
        let mut snapshots = Vec::new();
        let mut older = Vec::new();
        for number in 1..=3 {
            snapshots.push(write(&dataset, &["1"]).unwrap().snapshot);
            if number == kept {
                older = copy(&store);
            }
        }
        restore(&store, &older);
        let last = snapshots[2].id();
        // It stays refused, however often it is tried.
        for _ in 0..2 {
            let error = write(&dataset, &["2"]).err().unwrap();
            assert_eq!((error.status(), error.action()), (Status::Corrupt, Action::GiveUp), "{error}");
            assert_eq!(error.snapshot_id(), Some(last));
            assert!(
                error.message().contains("is gone") && error.message().contains("Open the dataset again")
            );
            assert_eq!(keys(&store).len(), older.len(), "nothing is written");
        }
        let next = write(&open(&store), &["2"]).unwrap();
        assert_eq!(parent(&next.snapshot), Some(snapshots[kept - 1].id()));
        assert_eq!(audit(&store, &[next.snapshot.id().to_owned()]).unwrap().len(), kept + 1);
    }
}

#[test]
fn a_pointer_that_only_lags_behind_is_no_older_copy() {
    let store = memory();
    let dataset = open(&store);
    let first = write(&dataset, &["1"]).unwrap().snapshot;
    let second = write(&dataset, &["2"]).unwrap().snapshot;
    for pointer in [Some(first.id()), None] {
        store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
        if let Some(id) = pointer {
            store.backend().put_if_absent(
                Context::unlimited(),
                "datasets/events/latest",
                id.as_bytes(),
                Durability::Full,
            );
        }
        let latest = write(&dataset, &["3"]).unwrap();
        assert_eq!(latest.outcome, Outcome::Committed);
        assert!(latest.snapshot.id() > second.id());
    }
    audit(&store, &[second.id().to_owned()]).unwrap();
}

/// Replaces the dataset while it is asked for its record.
struct Replacing<'a> {
    store: &'a Store,
    by: Vec<(String, Vec<u8>)>,
    done: bool,
}

impl RecordSource for Replacing<'_> {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        if self.done {
            return Ok(None);
        }
        self.done = true;
        restore(self.store, &self.by);
        Ok(Some(Record { data: b"1", unix_nanos: None }))
    }
}

#[test]
fn a_commit_during_which_the_dataset_is_replaced_is_not_acknowledged() {
    for to_nothing in [true, false] {
        let store = memory();
        let dataset = open(&store);
        let first = write(&dataset, &["1"]).unwrap().snapshot;
        let by = if to_nothing { Vec::new() } else { copy(&store) };
        let last = write(&dataset, &["2"]).unwrap().snapshot;
        let mut source = Replacing { store: &store, by, done: false };
        let error = dataset
            .stream_write_records(&mut source, Metadata::empty(), CommitOptions::default())
            .err()
            .unwrap();
        assert_eq!(error.status(), Status::CommitUnknown, "{error}");
        assert!(error.message().contains("removed or replaced") && error.message().contains(last.id()));
        if !to_nothing {
            assert_eq!(open(&store).latest(&CallOptions::default()).unwrap().id(), first.id());
            let next = write(&open(&store), &["3"]).unwrap();
            assert_eq!(parent(&next.snapshot), Some(first.id()), "what is there goes on");
        }
    }
}

#[test]
fn a_commit_in_doubt_is_not_repeated_into_another_history() {
    use super::doubt::{Answer, Flaky};
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    write(&dataset, &["1"]).unwrap();
    let older = copy(&store);
    let second = write(&dataset, &["2"]).unwrap().snapshot;
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"3", None).unwrap();
    flaky.answer(&[Answer::Lost; 9]);
    let error = writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::CommitUnknown, "{error}");
    flaky.light();
    restore(&store, &older);
    let error = writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::Corrupt, Some(second.id())), "{error}");
    audit(&store, &[]).unwrap();
}

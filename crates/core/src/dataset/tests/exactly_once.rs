//! Exactly-once commits: repeated, late, raced by a zombie, across restarts, a seal and a rebase.

use super::audit::audit;
use super::doubt::{Answer, Flaky};
use super::*;
use crate::error::{Action, Status};
use crate::options::Producer;
use crate::store::Backend;
use crate::store::layer::{Layer, Layered};
use crate::store::memory::Memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn stamped<'a>(sequence: u64, position: &'a str) -> CommitOptions<'a> {
    CommitOptions { producer: Some(Producer { id: "meter", sequence, position }), ..CommitOptions::default() }
}

fn commit(dataset: &Dataset, sequence: u64) -> Result<Commit> {
    let text = format!("{sequence}");
    let position = format!("offset {sequence}");
    dataset.stream_write_records(&mut records(&[&text]), Metadata::empty(), stamped(sequence, &position))
}

/// A source that must not be pulled.
struct Unpulled;

impl RecordSource for Unpulled {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        panic!("a record was pulled for a commit that had happened");
    }
}

#[test]
fn a_sequence_is_committed_once_and_its_repetition_says_so() {
    let store = memory();
    let dataset = open(&store);
    let first = commit(&dataset, 1).unwrap();
    assert_eq!(first.outcome, Outcome::Committed);
    write(&dataset, &["\"another's\""]).unwrap();
    let head = dataset.latest(&CallOptions::default()).unwrap();
    let before = keys(&store);
    for dataset in [dataset.clone(), open(&store)] {
        let again = dataset.stream_write_records(&mut Unpulled, Metadata::empty(), stamped(1, "x")).unwrap();
        assert_eq!(again.outcome, Outcome::AlreadyCommitted);
        assert_eq!(again.snapshot.id(), head.id(), "the newest snapshot that tells");
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        writer.append(b"1", None).unwrap();
        assert_eq!(
            writer.commit(Metadata::empty(), stamped(1, "x")).unwrap().outcome,
            Outcome::AlreadyCommitted
        );
        assert_eq!(writer.append(b"1", None).unwrap_err().status(), Status::State);
    }
    assert_eq!(keys(&store), before, "nothing was written, and nothing is left");
    assert_eq!(commit(&dataset, 2).unwrap().outcome, Outcome::Committed);
}

/// A store whose n-th read fails.
#[derive(Clone)]
struct FailingRead {
    inner: Arc<Memory>,
    until_failure: Arc<AtomicUsize>,
}

impl Layer for FailingRead {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        if self.until_failure.fetch_sub(1, Ordering::Relaxed) == 1 {
            return Err(Error::new(Status::Io, "the connection was lost"));
        }
        self.inner.get(context, key, limit)
    }
}

#[test]
fn whichever_read_fails_the_repeated_commit_says_that_the_sequence_is_committed() {
    let failing = FailingRead { inner: Arc::default(), until_failure: Arc::new(AtomicUsize::new(0)) };
    let store = Store::new(Box::new(Layered(failing.clone())), StoreOptions::default());
    commit(&open(&store), 1).unwrap();
    let before = keys(&store);
    let mut nth = 0;
    loop {
        nth += 1;
        let dataset = open(&store);
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        writer.append(b"1", None).unwrap();
        failing.until_failure.store(nth, Ordering::Relaxed);
        let first = writer.commit(Metadata::empty(), stamped(1, "x"));
        let left = failing.until_failure.swap(0, Ordering::Relaxed);
        let has_failed = left == 0 || left > nth;
        let outcome = match first {
            Ok(commit) => commit.outcome,
            Err(error) => {
                assert_eq!(error.status(), Status::Io, "read {nth}: {error}");
                writer.commit(Metadata::empty(), stamped(1, "x")).unwrap().outcome
            }
        };
        assert_eq!(outcome, Outcome::AlreadyCommitted, "read {nth}");
        assert_eq!(keys(&store), before, "read {nth}: nothing is left");
        if !has_failed {
            break;
        }
    }
    assert!(nth > 3, "{nth} reads");
}

#[test]
fn late_sequences_are_right_within_the_window_and_refused_below_it() {
    let dataset = open(&memory());
    for sequence in [10, 12, 70] {
        assert_eq!(commit(&dataset, sequence).unwrap().outcome, Outcome::Committed);
    }
    assert_eq!(commit(&dataset, 11).unwrap().outcome, Outcome::Committed);
    assert_eq!(commit(&dataset, 11).unwrap().outcome, Outcome::AlreadyCommitted);
    assert_eq!(commit(&dataset, 12).unwrap().outcome, Outcome::AlreadyCommitted);
    commit(&dataset, 75).unwrap();
    let error = commit(&dataset, 11).err().unwrap();
    assert_eq!((error.status(), error.action()), (Status::SequenceTooOld, Action::GiveUp));
    assert!(error.message().contains("the highest that is committed is 75"), "{error}");
    for (sequence, position, message) in
        [(0, "", "sequence is 0"), (1, &*"p".repeat(5000), "position has 5000 bytes")]
    {
        let error = dataset
            .stream_write_records(&mut Unpulled, Metadata::empty(), stamped(sequence, position))
            .err()
            .unwrap();
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains(message), "{error}");
    }
}

#[test]
fn a_producer_finds_its_place_after_a_restart() {
    let store = memory();
    let dataset = open(&store);
    let position =
        |dataset: &Dataset, id: &str| dataset.producer_position(id, &CallOptions::default()).unwrap();
    assert!(position(&dataset, "meter").is_none(), "an empty dataset");
    write(&dataset, &["0"]).unwrap();
    assert!(position(&dataset, "meter").is_none());
    commit(&dataset, 7).unwrap();
    commit(&dataset, 9).unwrap();
    commit(&dataset, 8).unwrap();
    let last = write(&dataset, &["0"]).unwrap().snapshot;
    let found = position(&open(&store), "meter").unwrap();
    assert_eq!(found.id(), last.id());
    let state = found.producer("meter").unwrap().unwrap();
    assert_eq!((state.sequence, &*state.position), (9, "offset 9"));
    let brought = dataset.snapshot(&state.snapshot_id, &CallOptions::default()).unwrap();
    assert_eq!(read_all(&dataset, &brought, ReadOptions::default()).unwrap(), ["9"]);
    assert!(position(&dataset, "another").is_none());
    assert_eq!(found.producer("another").unwrap(), None);
    assert_eq!(found.manifest().metadata.user_json(), "{}", "the map is not the caller's");
    let error = dataset.producer_position("", &CallOptions::default()).err().unwrap();
    assert_eq!(error.status(), Status::InvalidArgument);
}

#[test]
fn a_commit_that_is_decided_but_not_published_counts() {
    let store = memory();
    let dataset = open(&store);
    let first = commit(&dataset, 1).unwrap().snapshot;
    let second = commit(&dataset, 2).unwrap().snapshot;
    // As a writer leaves it that died after its slot.
    store
        .backend()
        .delete(Context::unlimited(), &format!("datasets/events/snapshots/{}/manifest.json", second.id()))
        .unwrap();
    store.backend().delete(Context::unlimited(), "datasets/events/latest").unwrap();
    store.backend().put_if_absent(
        Context::unlimited(),
        "datasets/events/latest",
        first.id().as_bytes(),
        crate::store::Durability::Full,
    );
    let before = keys(&store);
    let fresh = open(&store);
    let found = fresh.producer_position("meter", &CallOptions::default()).unwrap().unwrap();
    assert_eq!((found.id(), found.producer("meter").unwrap().unwrap().sequence), (second.id(), 2));
    assert_eq!(keys(&store), before, "a reader never writes");
    assert_eq!(commit(&fresh, 2).unwrap().outcome, Outcome::AlreadyCommitted);
    audit(&store, &[second.id().to_owned()]).unwrap();
}

#[test]
fn a_seal_carries_the_map_on() {
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    commit(&dataset, 1).unwrap();
    flaky.answer(&[Answer::Lost; 9]);
    let error = commit(&dataset, 2).err().unwrap();
    assert_eq!(error.status(), Status::CommitUnknown);
    flaky.light();
    let id = error.snapshot_id().unwrap();
    assert!(matches!(open(&store).resolve_commit(id, &CallOptions::default()), Ok(Resolution::NotCommitted)));
    let fresh = open(&store);
    assert_eq!(commit(&fresh, 1).unwrap().outcome, Outcome::AlreadyCommitted);
    assert_eq!(commit(&fresh, 2).unwrap().outcome, Outcome::Committed);
    assert_eq!(ids(&fresh).len(), 2);
}

#[test]
fn a_commit_in_doubt_is_repeated_by_another_writer_with_the_same_key() {
    for answer in [Answer::Unanswered, Answer::Lost] {
        let (flaky, store) = Flaky::new();
        let dataset = open(&store);
        commit(&dataset, 1).unwrap();
        flaky.answer(&[answer; 9]);
        flaky.darken();
        assert_eq!(commit(&dataset, 2).err().unwrap().status(), Status::CommitUnknown);
        flaky.light();
        let expected = if answer == Answer::Lost { Outcome::Committed } else { Outcome::AlreadyCommitted };
        assert_eq!(commit(&open(&store), 2).unwrap().outcome, expected);
        assert_eq!(ids(&dataset).len(), 2, "once");
    }
}

#[test]
fn a_map_that_is_damaged_stops_the_commit() {
    let store = memory();
    let dataset = open(&store);
    let first = commit(&dataset, 1).unwrap().snapshot;
    let path = format!("datasets/events/snapshots/{}/manifest.json", first.id());
    let json = first.manifest_json().replace("\"sequence\": 1", "\"sequence\": 0");
    assert_ne!(json, first.manifest_json());
    store.backend().delete(Context::unlimited(), &path).unwrap();
    store.backend().put_if_absent(
        Context::unlimited(),
        &path,
        json.as_bytes(),
        crate::store::Durability::Full,
    );
    let error = commit(&open(&store), 2).err().unwrap();
    assert_eq!(error.status(), Status::Corrupt);
    assert!(error.message().contains("lode.producers") && error.message().contains("meter"), "{error}");
    let snapshot = open(&store).latest(&CallOptions::default()).unwrap();
    assert_eq!(snapshot.producer("meter").unwrap_err().status(), Status::Corrupt);
}

//! Commits whose outcome is not known: told as such, kept, resolved by repeating or by asking.

use std::sync::{Arc, Mutex};

use super::audit::{audit, audit_as};
use super::*;
use crate::context::Context;
use crate::error::{Action, Status};
use crate::store::layer::{Layer, Layered};
use crate::store::memory::Memory;
use crate::store::{Backend, Capabilities, Durability, LockWait, Put, Swap};

/// What becomes of a put of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It arrives, and the answer is lost.
    Unanswered,
    /// It never arrives, and neither does an answer.
    Lost,
    /// As Lost, and the slot cannot be read either.
    Dark,
}

/// A memory store that answers for slots as it is told.
#[derive(Clone)]
pub(super) struct Flaky {
    inner: Arc<Memory>,
    answers: Arc<Mutex<Vec<Answer>>>,
    dark: Arc<Mutex<bool>>,
    swaps: Arc<Mutex<usize>>,
}

impl Flaky {
    pub(super) fn new() -> (Flaky, Store) {
        let flaky = Flaky {
            inner: Arc::new(Memory::new()),
            answers: Arc::default(),
            dark: Arc::default(),
            swaps: Arc::default(),
        };
        (flaky.clone(), Store::new(Box::new(Layered(flaky)), StoreOptions::default()))
    }

    /// The next puts of slots go like this, those after them well.
    pub(super) fn answer(&self, answers: &[Answer]) {
        *self.answers.lock().unwrap() = answers.iter().rev().copied().collect();
    }

    /// No slot can be read from now on.
    pub(super) fn darken(&self) {
        *self.dark.lock().unwrap() = true;
    }

    pub(super) fn light(&self) {
        self.answer(&[]);
        *self.dark.lock().unwrap() = false;
    }
}

fn lost() -> Error {
    Error::new(Status::Io, "the connection was lost")
}

impl Layer for Flaky {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }
    /// Memory needs no persisting; that it is asked for is part of what is tried.
    fn capabilities(&self) -> Capabilities {
        Capabilities { persists: true, ..self.inner.capabilities() }
    }
    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        let answer = if key.contains("/_commits/") { self.answers.lock().unwrap().pop() } else { None };
        match answer {
            None => self.inner.put_if_absent(context, key, data, durability),
            Some(Answer::Unanswered) => {
                self.inner.put_if_absent(context, key, data, durability);
                Put::Unknown(lost())
            }
            Some(Answer::Lost) => Put::Unknown(lost()),
            Some(Answer::Dark) => {
                *self.dark.lock().unwrap() = true;
                Put::Unknown(lost())
            }
        }
    }
    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        if key.contains("/_commits/") && *self.dark.lock().unwrap() {
            return Err(lost());
        }
        self.inner.get(context, key, limit)
    }
    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        let mut swaps = self.swaps.lock().unwrap();
        if *swaps > 0 {
            *swaps -= 1;
            return Swap::Busy(Error::new(Status::Busy, "somebody holds the lock"));
        }
        self.inner.compare_and_swap(context, key, expected, value, durability, wait)
    }
}

fn writer(dataset: &Dataset, text: &str) -> RecordWriter {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(text.as_bytes(), None).unwrap();
    writer
}

fn commit(writer: &mut RecordWriter) -> Result<Commit> {
    writer.commit(Metadata::empty(), CommitOptions::default())
}

fn resolve(store: &Store, id: &str) -> Result<Resolution> {
    open(store).resolve_commit(id, &CallOptions::default())
}

#[test]
fn an_answer_that_is_lost_is_read_back_and_the_same_slot_sent_again() {
    use Answer::{Lost, Unanswered};
    for answers in [&[Unanswered][..], &[Lost], &[Lost, Lost], &[Lost, Unanswered]] {
        let (flaky, store) = Flaky::new();
        let dataset = open(&store);
        write(&dataset, &["0"]).unwrap();
        flaky.answer(answers);
        let commit = write(&dataset, &["1"]).unwrap();
        assert_eq!(commit.outcome, Outcome::Committed);
        let path = audit(&store, &[commit.snapshot.id().to_owned()]).unwrap();
        assert_eq!(path.len(), 2, "once, and only once: {answers:?}");
    }
}

/// A writer whose commit has ended as unknown, and its id.
fn in_doubt(flaky: &Flaky, dataset: &Dataset, answer: Answer) -> (RecordWriter, String) {
    flaky.answer(&[answer; 9]);
    if answer == Answer::Unanswered {
        *flaky.dark.lock().unwrap() = true;
    }
    let mut writer = writer(dataset, "1");
    let error = commit(&mut writer).err().unwrap();
    assert_eq!((error.status(), error.action()), (Status::CommitUnknown, Action::Resolve));
    assert!(error.message().contains("the connection was lost"), "{error}");
    assert!(error.message().contains("its data are kept"), "{error}");
    let id = error.snapshot_id().unwrap().to_owned();
    let error = writer.abort().unwrap_err();
    assert_eq!((error.status(), error.snapshot_id()), (Status::CommitUnknown, Some(&*id)));
    flaky.light();
    (writer, id)
}

#[test]
fn a_commit_in_doubt_that_is_repeated_happens_once() {
    for answer in [Answer::Unanswered, Answer::Lost, Answer::Dark] {
        let (flaky, store) = Flaky::new();
        let dataset = open(&store);
        let first = write(&dataset, &["0"]).unwrap().snapshot;
        let (mut writer, id) = in_doubt(&flaky, &dataset, answer);
        let commit = commit(&mut writer).unwrap();
        assert_eq!(commit.snapshot.id(), id);
        assert_eq!(audit(&store, std::slice::from_ref(&id)).unwrap(), [first.id(), &*id]);
        assert_eq!(read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap(), ["1"]);
    }
}

#[test]
fn a_commit_in_doubt_that_another_has_overtaken_is_rebased_when_repeated() {
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    write(&dataset, &["0"]).unwrap();
    let (mut writer, id) = in_doubt(&flaky, &dataset, Answer::Lost);
    let other = write(&open(&store), &["2"]).unwrap().snapshot;
    let commit = commit(&mut writer).unwrap();
    assert_ne!(commit.snapshot.id(), id);
    assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(other.id()));
    assert_eq!(audit(&store, &[]).unwrap().len(), 3);
}

#[test]
fn a_commit_in_doubt_is_resolved_for_good() {
    // It had arrived.
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    write(&dataset, &["0"]).unwrap();
    let (writer, id) = in_doubt(&flaky, &dataset, Answer::Unanswered);
    drop(writer);
    let Ok(Resolution::Committed(snapshot)) = resolve(&store, &id) else { panic!("it is committed") };
    assert_eq!(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap(), ["1"], "its data were kept");

    // It had not: the head is sealed, so that it cannot any more.
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    let first = write(&dataset, &["0"]).unwrap().snapshot;
    let (mut writer, id) = in_doubt(&flaky, &dataset, Answer::Lost);
    assert!(matches!(resolve(&store, &id).unwrap(), Resolution::NotCommitted));
    assert!(matches!(resolve(&store, &id).unwrap(), Resolution::NotCommitted), "the answer stays");
    assert_eq!(
        open(&store).snapshot(&id, &CallOptions::default()).err().unwrap().status(),
        Status::SnapshotNotFound
    );
    let latest = dataset.latest(&CallOptions::default()).unwrap();
    assert_eq!(latest.manifest().is_noop().as_deref(), Some(first.id()));
    assert_eq!(
        read_all(&dataset, &latest, ReadOptions::default()).unwrap(),
        ["0"],
        "a seal repeats its parent"
    );
    assert_eq!(latest.manifest().metadata.user_json(), "{}");
    assert_eq!(ids(&dataset), [first.id()], "a seal is no snapshot of its own");
    // Its writer still has the records, and can commit them as another snapshot.
    let commit = commit(&mut writer).unwrap();
    assert_ne!(commit.snapshot.id(), id);
    assert_eq!(ids(&dataset), [first.id(), commit.snapshot.id()]);
    audit(&store, &[commit.snapshot.id().to_owned()]).unwrap();
}

#[test]
fn a_partitioned_commit_in_doubt_keeps_all_its_files_and_its_seal_has_no_copies() {
    for answer in [Answer::Unanswered, Answer::Lost] {
        let (flaky, store) = Flaky::new();
        let dataset = open_as(&store, Layout::Hive);
        let first = write_held(&dataset, &["{\"p\":0}"]).unwrap().snapshot;
        flaky.answer(&[answer; 9]);
        *flaky.dark.lock().unwrap() = answer == Answer::Unanswered;
        let error = write_held(&dataset, &["{\"p\":1}", "{\"p\":2}"]).err().unwrap();
        assert_eq!(error.status(), Status::CommitUnknown, "{error}");
        let id = error.snapshot_id().unwrap().to_owned();
        flaky.light();
        let data = || keys(&store).into_iter().filter(|key| key.ends_with("/data/data")).count();
        assert_eq!(data(), 3, "its data are kept");
        let other = open_as(&store, Layout::Hive);
        match other.resolve_commit(&id, &CallOptions::default()).unwrap() {
            Resolution::Committed(snapshot) => {
                assert_eq!(answer, Answer::Unanswered);
                let read = read_all(&other, &snapshot, ReadOptions::default()).unwrap();
                assert_eq!(read, ["{\"p\":1}", "{\"p\":2}"]);
            }
            Resolution::NotCommitted => {
                assert_eq!(answer, Answer::Lost);
                let latest = other.latest(&CallOptions::default()).unwrap();
                assert_eq!(latest.manifest().is_noop().as_deref(), Some(first.id()));
                assert_eq!(ids(&other), [first.id()]);
            }
        }
        // The audit wants copies of a commit, and none of a seal.
        audit_as(&store, Layout::Hive, &[first.id().to_owned()]).unwrap();
    }
}

#[test]
fn a_blob_in_doubt_is_kept_and_its_commit_repeated_or_resolved() {
    for repeat in [true, false] {
        let (flaky, store) = Flaky::new();
        let dataset = blobs::blobs(&store);
        let options = CommitOptions::default();
        let first = dataset.write_blob(b"0", Metadata::empty(), options).unwrap().snapshot;
        flaky.answer(&[Answer::Unanswered; 9]);
        *flaky.dark.lock().unwrap() = true;
        let mut writer = dataset.blob_writer(BlobWriterOptions::default()).unwrap();
        writer.write(b"bytes").unwrap();
        let error = writer.commit(Metadata::empty(), CommitOptions::default()).err().unwrap();
        assert_eq!((error.status(), error.action()), (Status::CommitUnknown, Action::Resolve));
        let id = error.snapshot_id().unwrap().to_owned();
        let error = writer.abort().unwrap_err();
        assert_eq!((error.status(), error.snapshot_id()), (Status::CommitUnknown, Some(&*id)));
        flaky.light();
        let snapshot = if repeat {
            writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot
        } else {
            drop(writer);
            let Ok(Resolution::Committed(snapshot)) = resolve(&store, &id) else { panic!("it is committed") };
            snapshot
        };
        assert_eq!(snapshot.id(), id);
        assert_eq!(audit(&store, std::slice::from_ref(&id)).unwrap(), [first.id(), &*id]);
        let mut reader = dataset.read_blob(&snapshot, ReadOptions::default()).unwrap();
        assert_eq!(blobs::stream(&mut reader, 100).unwrap(), b"bytes");
    }
}

#[test]
fn what_cannot_be_resolved_stays_unknown() {
    // The first commit of a dataset: there is nothing that a seal could repeat.
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    let (_writer, id) = in_doubt(&flaky, &dataset, Answer::Lost);
    let error = resolve(&store, &id).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::CommitUnknown, Some(&*id)));
    // The store cannot be read.
    *flaky.dark.lock().unwrap() = true;
    let error = resolve(&store, &id).err().unwrap();
    assert_eq!(error.status(), Status::CommitUnknown);
    assert!(error.message().contains("the connection was lost"), "{error}");
    for id in ["a/b", "", "nope", "1700000000000000000"] {
        let error = resolve(&store, id).err().unwrap();
        assert_eq!(error.status(), Status::InvalidArgument, "{error}");
    }
}

#[test]
fn a_commit_that_cannot_be_published_is_a_success_and_the_next_writer_publishes_it() {
    let (flaky, store) = Flaky::new();
    let dataset = open(&store);
    let first = write(&dataset, &["0"]).unwrap().snapshot;
    *flaky.swaps.lock().unwrap() = 1;
    let second = write(&dataset, &["1"]).unwrap();
    assert_eq!(second.outcome, Outcome::Unpublished);
    let pointer = store.backend().get(Context::unlimited(), "datasets/events/latest", 100).unwrap();
    assert_eq!(pointer.as_deref(), Some(first.id().as_bytes()), "the pointer lags behind");
    let latest = dataset.latest(&CallOptions::default()).unwrap();
    assert_eq!(latest.id(), second.snapshot.id(), "and yet the process reads what it committed");
    let third = write(&dataset, &["2"]).unwrap();
    assert_eq!(third.outcome, Outcome::Committed);
    assert_eq!(ids(&dataset), [first.id(), second.snapshot.id(), third.snapshot.id()]);
    audit(&store, &[]).unwrap();
}

//! The Go library's snapshots in a store of callbacks, which has no clock of its own.

use super::commits::{commit, dataset};
use super::*;
use lode_core::dataset::{Dataset, Outcome};
use lode_core::options::{CommitOptions, Producer};

const G1: &str = "1700000000000000001";
const G2: &str = "1700000000000000002";

fn put(fake: &Fake, key: &str, bytes: impl Into<Vec<u8>>) {
    fake.objects.lock().unwrap().insert(key.to_owned(), bytes.into());
}

/// A snapshot as the Go library writes it, with a record.
fn go(fake: &Fake, id: &str, parent: Option<&str>) {
    let file = format!("datasets/events/snapshots/{id}/data/data");
    let parent = parent.map_or(String::new(), |parent| format!("\"parent_snapshot_id\":\"{parent}\","));
    let manifest = format!(
        "{{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"events\",\
         \"snapshot_id\":\"{id}\",\"created_at\":\"2023-11-14T22:13:20.000000001Z\",\"metadata\":{{}},\
         \"files\":[{{\"path\":\"{file}\",\"size_bytes\":2}}],{parent}\"row_count\":1,\"codec\":\"jsonl\",\
         \"compressor\":\"noop\",\"partitioner\":\"noop\"}}"
    );
    put(fake, &file, "7\n");
    put(fake, &format!("datasets/events/snapshots/{id}/manifest.json"), manifest);
    put(fake, "datasets/events/latest", id);
}

fn parent(dataset: &Dataset) -> Option<String> {
    let ours = commit(dataset, "1", CommitOptions::default()).unwrap();
    assert_eq!(ours.outcome, Outcome::Committed);
    ours.snapshot.manifest().parent_snapshot_id.clone()
}

#[test]
fn a_go_history_is_adopted_and_continued() {
    let fake = Fake::default();
    go(&fake, G1, None);
    go(&fake, G2, Some(G1));
    let events = dataset(&fake.store());
    assert_eq!(parent(&events).as_deref(), Some(G2));
    let head = events.latest(&CallOptions::default()).unwrap();
    let theirs = format!("{:019}", head.manifest().created_at + 1_000);
    go(&fake, &theirs, Some(head.id()));
    assert_eq!(parent(&events), Some(theirs), "its commit");
}

#[test]
fn a_dangling_pointer_is_busy_in_a_store_without_a_clock() {
    let fake = Fake::default();
    go(&fake, G1, None);
    put(&fake, "datasets/events/latest", G2);
    let error = refused(commit(&dataset(&fake.store()), "1", CommitOptions::default()), Status::Busy, G2);
    assert_eq!(error.action(), Action::Retry);
}

#[test]
fn a_head_is_chosen_where_the_history_forks() {
    let fake = Fake::default();
    go(&fake, G1, None);
    go(&fake, G2, None);
    let events = dataset(&fake.store());
    refused(commit(&events, "1", CommitOptions::default()), Status::NeedsRepair, "forks");
    assert_eq!(events.adopt(G1, &CallOptions::default()).unwrap().id(), G1);
    assert_eq!(parent(&events).as_deref(), Some(G1));
}

#[test]
fn a_producers_sequence_is_committed_once_across_go_snapshots() {
    let fake = Fake::default();
    let produce = |sequence| {
        let producer = Some(Producer { id: "meter", sequence, position: "here" });
        let options = CommitOptions { producer, ..CommitOptions::default() };
        commit(&dataset(&fake.store()), "1", options).unwrap()
    };
    let first = produce(1).snapshot;
    let mut parent = first.id().to_owned();
    for later in 1..=3 {
        let id = format!("{:019}", first.manifest().created_at + 1_000 * later);
        go(&fake, &id, Some(&parent));
        parent = id;
    }
    // The nearest ancestor that has the map is four snapshots back.
    assert_eq!(produce(1).outcome, Outcome::AlreadyCommitted);
    let second = produce(2);
    assert_eq!(second.outcome, Outcome::Committed);
    assert_eq!(second.snapshot.manifest().parent_snapshot_id, Some(parent));
    assert_eq!(produce(1).outcome, Outcome::AlreadyCommitted);
    assert_eq!(second.snapshot.producer("meter").unwrap().unwrap().sequence, 2);
}

/// Each callback fails once while a Go history is adopted: afterwards the next commit finishes it.
#[test]
fn an_adoption_is_finished_when_any_callback_fails() {
    let failed = Status::Store as i32;
    for nth in 1.. {
        let fake = Fake::default();
        go(&fake, G1, None);
        go(&fake, G2, Some(G1));
        let made = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&made);
        let failing = Fake {
            instead: Arc::new(move |_, _: &str| {
                (counted.fetch_add(1, Ordering::Relaxed) + 1 == nth).then_some(failed)
            }),
            ..fake.clone()
        };
        let answer = commit(&dataset(&failing.store()), "1", CommitOptions::default());
        let total = made.load(Ordering::Relaxed);
        let known = match &answer {
            Ok(commit) => vec![commit.snapshot.id().to_owned()],
            Err(error) => {
                assert!(matches!(error.action(), Action::Retry | Action::Resolve), "{nth}: {error}");
                Vec::new()
            }
        };
        let events = dataset(&fake.store());
        commit(&events, "2", CommitOptions::default()).unwrap();
        let mut all = events.snapshots(&CallOptions::default()).unwrap();
        let mut ids = Vec::new();
        while let Some(snapshot) = all.next().unwrap() {
            ids.push(snapshot.id().to_owned());
        }
        assert_eq!(ids[..2], [G1, G2], "{nth}");
        assert!(known.iter().all(|id| ids.contains(id)), "{nth}: {ids:?}");
        if total < nth {
            break;
        }
    }
}

//! Damage: objects that are lost, and single bits that flip. Neither ever leads to a wrong answer, and a lost
//! object leaves a way to go on writing.

use std::time::Duration;

use super::go::{Go, after};
use super::vanished::{copy, restore};
use super::*;
use crate::commit::go_compat::PATIENCE;
use crate::error::Status;
use crate::history::Id;
use crate::options::Producer;

const G1: &str = "1700000000000000001";
const G2: &str = "1700000000000000002";
const G3: &str = "1700000000000000003";

pub(super) fn history_of_ours(store: &Store) {
    for _ in 0..3 {
        write(&open(store), &["1"]).unwrap();
    }
}

pub(super) fn history_of_go(store: &Store) {
    Go(store).commit(G1, None);
    Go(store).commit(G2, Some(G1));
    Go(store).commit(G3, Some(G2));
}

pub(super) fn mixed_history(store: &Store) {
    Go(store).commit(G1, None);
    Go(store).commit(G2, Some(G1));
    let ours = write(&open(store), &["1"]).unwrap().snapshot;
    Go(store).commit(&after(&ours), Some(ours.id()));
    write(&open(store), &["1"]).unwrap();
}

/// A commit; a writer of the Go library that left the pointer dangling has timed out.
fn write_patiently(store: &Store) -> Result<Commit> {
    let dataset = open(store);
    match write(&dataset, &["\"next\""]) {
        Err(error) if error.status() == Status::Busy => {
            dataset.target().sightings.backdate(PATIENCE + Duration::from_secs(1));
            write(&dataset, &["\"next\""])
        }
        written => written,
    }
}

/// The snapshot that the slots from the root end at.
fn end_of_slots(store: &Store) -> Option<Id> {
    let (dataset, context) = (open(store), Context::default());
    let mut end: Option<Id> = None;
    while let Some(decision) = dataset.history(&context).slot(end.as_deref()).expect("it can be read") {
        end = Some(decision.slot.child);
    }
    end
}

/// How the dataset was healed; or what stands in the way.
fn heal(store: &Store) -> std::result::Result<&'static str, String> {
    let Err(refused) = write_patiently(store) else { return Ok("commit") };
    if !matches!(refused.status(), Status::NeedsRepair | Status::Corrupt) {
        return Err(format!("a commit is refused by {refused:?}"));
    }
    if !refused.message().contains("adopt") {
        return Err(format!("{refused} does not say what to do"));
    }
    // The head that the error names, then what can be read, the newest first.
    let mut choices: Vec<String> = refused.snapshot_id().map(str::to_owned).into_iter().collect();
    choices.extend(ids_that_are_listed(store).into_iter().rev());
    let mut refusals = Vec::new();
    for choice in choices {
        match open(store).adopt(&choice, &CallOptions::default()) {
            Ok(_) => {
                let written = write_patiently(store).map_err(|error| format!("after OK: {error:?}"))?;
                match end_of_slots(store) {
                    Some(end) if *end == *written.snapshot.id() => return Ok("adopt"),
                    end => return Err(format!("the slots lead to {end:?}")),
                }
            }
            Err(error) => refusals.push(format!("{error}")),
        }
    }
    Err(format!("{refused}; {refusals:?}"))
}

fn ids_that_are_listed(store: &Store) -> Vec<String> {
    open(store).history(Context::unlimited()).listed_ids().unwrap()
}

#[test]
fn every_loss_of_one_or_two_objects_is_healed_by_a_commit_or_by_adopting_a_head() {
    for (name, build) in [
        ("ours", history_of_ours as fn(&Store)),
        ("the Go library's", history_of_go),
        ("mixed", mixed_history),
    ] {
        let original = memory();
        build(&original);
        let whole = copy(&original);
        let head = open(&original).latest(&CallOptions::default()).unwrap();
        let mut adopted = 0;
        for first in 0..whole.len() {
            for second in first..whole.len() {
                let lost = [&*whole[first].0, &*whole[second].0];
                let left: Vec<_> = whole.iter().filter(|(key, _)| !lost.contains(&&**key)).cloned().collect();
                let store = memory();
                restore(&store, &left);
                // A reader is told what to do, too.
                if let Err(error) = open(&store).latest(&CallOptions::default()) {
                    assert!(error.message().contains("adopt"), "{name}, without {lost:?}: {error:?}");
                }
                let healed = heal(&store).unwrap_or_else(|fault| panic!("{name}, without {lost:?}: {fault}"));
                adopted += usize::from(healed == "adopt");
                // What comes then works, through fresh handles and for readers.
                for _ in 0..2 {
                    let next = write(&open(&store), &["\"then\""]);
                    let next = next.unwrap_or_else(|error| panic!("{name}, without {lost:?}: {error:?}"));
                    assert_eq!(next.outcome, Outcome::Committed, "{name}, without {lost:?}");
                    let latest = open(&store).latest(&CallOptions::default()).unwrap();
                    assert_eq!(latest.id(), next.snapshot.id(), "{name}, without {lost:?}");
                    assert!(*latest.id() > *head.id());
                }
                // A snapshot whose manifest was not lost can be read as before.
                for (key, bytes) in left.iter().filter(|(key, _)| key.ends_with("manifest.json")) {
                    let id = Layout::Default.parse_manifest_path("events", key).unwrap();
                    let snapshot = open(&store).snapshot(id, &CallOptions::default()).unwrap();
                    assert_eq!(snapshot.manifest_json().as_bytes(), &**bytes);
                }
            }
        }
        assert!(adopted > 0, "{name}: some losses ask for a choice");
    }
}

#[test]
fn the_first_slot_that_is_lost_is_bridged_to_what_the_other_slots_decided() {
    let store = memory();
    history_of_ours(&store);
    let path = ids(&open(&store));
    store.backend().delete(Context::unlimited(), "datasets/events/_commits/root").unwrap();
    let error = write(&open(&store), &["1"]).err().unwrap();
    assert_eq!((error.status(), error.snapshot_id()), (Status::NeedsRepair, Some(&*path[2])));
    assert_eq!(open(&store).adopt(&path[2], &CallOptions::default()).unwrap().id(), path[2]);
    let next = write(&open(&store), &["1"]).unwrap().snapshot;
    assert_eq!(next.manifest().parent_snapshot_id.as_ref(), Some(&path[2]));
    let mut expected = path;
    expected.push(next.id().to_owned());
    assert_eq!(super::audit::audit(&store, &expected).unwrap(), expected);
}

pub(super) fn produce(dataset: &Dataset, sequence: u64, position: &str) -> Result<Commit> {
    let producer = Some(Producer { id: "meter", sequence, position });
    let options = CommitOptions { producer, ..CommitOptions::default() };
    dataset.stream_write_records(&mut records(&["1"]), Metadata::parse("{\"note\":\"n\"}")?, options)
}

#[test]
fn a_flipped_bit_in_manifest_slot_or_pointer_never_leads_to_a_wrong_answer() {
    let store = memory();
    produce(&open(&store), 1, "first").unwrap();
    let head = produce(&open(&store), 3, "third").unwrap().snapshot;
    let first_id = ids(&open(&store)).remove(0);
    let whole = copy(&store);
    let first_records = ["1"];
    let is_concerned = |key: &str| {
        key.ends_with(&format!("{}/manifest.json", head.id()))
            || key.ends_with(&format!("_commits/{first_id}"))
            || key.ends_with("/latest")
    };
    let verified = || ReadOptions { verify: Verify::First, ..ReadOptions::default() };
    let (mut flips, mut noticed) = (0, 0);
    for (place, (key, bytes)) in whole.iter().enumerate().filter(|(_, (key, _))| is_concerned(key)) {
        for bit in 0..8 * bytes.len() {
            let mut damaged = whole.clone();
            damaged[place].1[bit / 8] ^= 1 << (bit % 8);
            let what = || format!("bit {bit} of {key}");
            flips += 1;
            restore(&store, &damaged);
            let dataset = open(&store);
            // Read.
            let read = dataset.latest(&CallOptions::default()).and_then(|latest| {
                let texts = read_all(&dataset, &latest, verified())?;
                Ok((latest, texts))
            });
            match read {
                Ok((latest, texts)) => {
                    assert_eq!(latest.manifest_json(), head.manifest_json(), "{}", what());
                    assert_eq!(texts, first_records, "{}", what());
                }
                Err(_) => noticed += 1,
            }
            if let Ok(told) = dataset.producer_position("meter", &CallOptions::default()) {
                let state = told.expect("it is never forgotten").producer("meter").unwrap().unwrap();
                let expected = head.producer("meter").unwrap().unwrap();
                assert_eq!(state, expected, "{}", what());
            }
            // Committed onto.
            if let Ok(again) = produce(&open(&store), 3, "third") {
                assert_eq!(again.outcome, Outcome::AlreadyCommitted, "{}", what());
            }
            let next = open(&store).stream_write_records(
                &mut records(&["2"]),
                Metadata::empty(),
                CommitOptions::default(),
            );
            if let Ok(next) = next {
                assert_eq!(
                    next.snapshot.manifest().parent_snapshot_id.as_deref(),
                    Some(head.id()),
                    "{}",
                    what()
                );
                let (before, now) = (head.producers().unwrap(), next.snapshot.producers().unwrap());
                assert_eq!(before, now, "{}", what());
            }
        }
    }
    assert!(noticed * 10 > flips * 9, "{noticed} of {flips} were noticed");
}

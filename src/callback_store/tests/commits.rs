//! Commits to a store of callbacks.

use super::*;
use lode_core::codec::Codec;
use lode_core::dataset::{Commit, Dataset, DatasetOptions, Outcome, Resolution, WriterOptions};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;

pub(super) fn dataset(store: &Store) -> Dataset {
    let retry = Retry { attempts: 3, base: Duration::ZERO, cap: Duration::ZERO };
    let options = DatasetOptions { codec: Codec::Jsonl, retry, ..DatasetOptions::default() };
    Dataset::open(store, "events", options).unwrap()
}

pub(super) fn commit(dataset: &Dataset, text: &str, options: CommitOptions<'_>) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    writer.append(text.as_bytes(), None)?;
    writer.commit(Metadata::empty(), options)
}

#[test]
fn a_dataset_lives_in_it_and_the_trial_leaves_nothing() {
    let fake = Fake::default();
    let events = dataset(&fake.store());
    let first = commit(&events, "{\"a\":1}", CommitOptions::default()).unwrap();
    assert_eq!(first.outcome, Outcome::Committed);
    let calls = fake.calls.load(Ordering::Relaxed);
    let second = commit(&events, "{\"a\":2}", CommitOptions::default()).unwrap();
    let calls = fake.calls.load(Ordering::Relaxed) - calls;
    // Three puts of three callbacks, the swap, and stat and read of the pointer.
    assert_eq!(calls, 3 * 3 + 1 + 2, "a warm commit makes no other requests");
    let latest = events.latest(&CallOptions::default()).unwrap();
    assert_eq!(latest.id(), second.snapshot.id());
    assert!(fake.keys().iter().all(|key| !key.contains(".probe-")), "{:?}", fake.keys());
}

#[test]
fn a_store_without_what_writing_takes_is_read_and_refused_by_name() {
    let full = Fake::default();
    let written = commit(&dataset(&full.store()), "{}", CommitOptions::default()).unwrap();
    for callback in Callback::FOR_WRITING {
        let less = Fake { missing: vec![callback], ..full.clone() };
        let store = less.store();
        let name = format!("has no {}", callback.name());
        let error =
            refused(commit(&dataset(&store), "{}", CommitOptions::default()), Status::Unsupported, &name);
        assert!(error.message().contains("can be read, but not written to"), "{error}");
        if !matches!(callback, Callback::Stat | Callback::Read) {
            let latest = dataset(&store).latest(&CallOptions::default()).unwrap();
            assert_eq!(latest.id(), written.snapshot.id());
        } else {
            refused(dataset(&store).latest(&CallOptions::default()), Status::Unsupported, callback.name());
        }
    }
    let refusing = Fake { instead: when(Callback::PutBegin, "", Status::Unsupported as i32), ..full.clone() };
    let answer = commit(&dataset(&refusing.store()), "{}", CommitOptions::default());
    refused(answer, Status::Unsupported, "its put_begin refuses if_absent");
    let swapless = Fake { missing: vec![Callback::PutBegin, Callback::CompareAndSwap], ..full };
    let answer = commit(&dataset(&swapless.store()), "{}", CommitOptions::default());
    refused(answer, Status::Unsupported, "has no put_begin, no compare_and_swap");
}

#[test]
fn a_store_without_removal_is_written_to_and_keeps_the_trials_key() {
    let fake = Fake { missing: vec![Callback::Remove], ..Fake::default() };
    commit(&dataset(&fake.store()), "{}", CommitOptions::default()).unwrap();
    let probes = fake.keys().into_iter().filter(|key| key.starts_with("datasets/events/_commits/.probe-"));
    assert_eq!(probes.count(), 1);
    refused(fake.store().delete("k", &CallOptions::default()), Status::Unsupported, "has no remove");
    refused(fake.store().verify("", &CallOptions::default()), Status::Unsupported, "has no remove");
}

/// Cancels a commit after each of its callbacks, one after another: nothing is committed before the slot is
/// asked for, all is afterwards, and the writer's records are kept.
#[test]
fn a_call_ends_between_any_two_callbacks() {
    let mut outcomes = Vec::new();
    for after in 1.. {
        let token = CancelToken::new();
        let (left, cancelled) = (AtomicUsize::new(usize::MAX), token.clone());
        let left = Arc::new(left);
        let counted = Arc::clone(&left);
        let instead = move |_: Callback, _: &str| {
            if counted.fetch_sub(1, Ordering::Relaxed) == 1 {
                cancelled.cancel();
            }
            None
        };
        let fake = Fake { instead: Arc::new(instead), ..Fake::default() };
        let events = dataset(&fake.store());
        let mut writer = events.record_writer(WriterOptions::default()).unwrap();
        writer.append(b"{}", None).unwrap();
        left.store(after, Ordering::Relaxed);
        let options = CommitOptions {
            call: CallOptions { deadline: None, cancel: Some(token.clone()), ..CallOptions::default() },
            ..CommitOptions::default()
        };
        let answer = writer.commit(Metadata::empty(), options);
        let made = after.wrapping_sub(left.load(Ordering::Relaxed));
        match answer {
            Err(error) => {
                refused::<()>(Err(error), Status::Cancelled, "cancelled while");
                assert_eq!(made, after, "no callback after the cancelling");
                let latest = events.latest(&CallOptions::default());
                refused(latest, Status::NoSnapshots, "no snapshot");
                // What was staged is still there.
                writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
                outcomes.push('-');
            }
            Ok(commit) if !token.is_cancelled() => {
                assert_eq!(commit.outcome, Outcome::Committed);
                break;
            }
            Ok(commit) => {
                assert_eq!(made, after, "no callback after the cancelling");
                outcomes.push(if commit.outcome == Outcome::Committed { '+' } else { 'u' });
            }
        }
        assert_eq!(fake.uploads.load(Ordering::Relaxed), 0, "after {after} callbacks");
    }
    let outcomes: String = outcomes.into_iter().collect();
    let (before, after) = outcomes.split_once('u').expect("some end between slot and pointer");
    assert!(before.chars().all(|c| c == '-') && before.len() > 5, "{outcomes}");
    assert!(after.trim_start_matches('u') == "+", "{outcomes}");
}

#[test]
fn a_commit_whose_slot_has_no_answer_is_unknown_then_resolved() {
    // The slot arrives, its answer does not, and reading it fails: as a network that breaks just then.
    let dark = Arc::new(AtomicUsize::new(1));
    let (put_dark, read_dark) = (Arc::clone(&dark), Arc::clone(&dark));
    let is_slot =
        |key: &str| key.contains("/_commits/") && !key.contains(".probe-") && !key.ends_with("/root");
    for repeat in [true, false] {
        for arrives in [true, false] {
            dark.store(1, Ordering::Relaxed);
            let (put, read) = (Arc::clone(&put_dark), Arc::clone(&read_dark));
            let unanswered = move |callback, key: &str| {
                (callback == Callback::PutFinish && is_slot(key) && put.load(Ordering::Relaxed) == 1)
                    .then_some(Status::CommitUnknown as i32)
            };
            let unread = {
                let unanswered = unanswered.clone();
                move |callback, key: &str| {
                    let unread = matches!(callback, Callback::Stat | Callback::Read) && is_slot(key);
                    if unread && read.load(Ordering::Relaxed) == 1 {
                        return Some(Status::Io as i32);
                    }
                    if arrives { None } else { unanswered(callback, key) }
                }
            };
            // The first commit of all cannot be sealed off, so there is one before.
            let fake = Fake::default();
            commit(&dataset(&fake.store()), "{\"a\":0}", CommitOptions::default()).unwrap();
            let fake = Fake { instead: Arc::new(unread), afterwards: Arc::new(unanswered), ..fake };
            let events = dataset(&fake.store());
            let mut writer = events.record_writer(WriterOptions::default()).unwrap();
            writer.append(b"{\"a\":1}", None).unwrap();
            let answer = writer.commit(Metadata::empty(), CommitOptions::default());
            let error = refused(answer, Status::CommitUnknown, "it is unknown whether");
            assert_eq!(error.action(), Action::Resolve);
            let id = error.snapshot_id().unwrap().to_owned();
            assert!(fake.keys().iter().any(|key| key.contains("/data/")), "its data are kept");
            refused(events.resolve_commit(&id, &CallOptions::default()), Status::CommitUnknown, "");
            dark.store(0, Ordering::Relaxed);
            if repeat {
                let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
                assert_eq!(commit.outcome, Outcome::Committed);
                assert_eq!(commit.snapshot.id(), id);
            } else {
                match events.resolve_commit(&id, &CallOptions::default()).unwrap() {
                    Resolution::Committed(snapshot) => assert!(arrives && snapshot.id() == id),
                    Resolution::NotCommitted => assert!(!arrives),
                }
            }
            let mut listed = events.snapshots(&CallOptions::default()).unwrap();
            let mut count = 0;
            while listed.next().unwrap().is_some() {
                count += 1;
            }
            assert_eq!(count, 1 + usize::from(repeat || arrives), "once, or not at all");
        }
    }
}

fn count(dataset: &Dataset) -> usize {
    let mut listed = dataset.snapshots(&CallOptions::default()).unwrap();
    std::iter::from_fn(|| listed.next().unwrap()).count()
}

/// Each callback of a commit fails once, without having done its work or, if it answers unclearly, with it
/// done: the writer does what the error advises, and the records are there once.
#[test]
fn the_records_are_committed_once_when_any_callback_fails() {
    let (store_failed, unknown) = (Status::Store as i32, Status::CommitUnknown as i32);
    for (code, done) in [(store_failed, false), (unknown, false), (unknown, true), (-4242, true)] {
        for nth in 1.. {
            let fake = Fake::default();
            commit(&dataset(&fake.store()), "{\"a\":0}", CommitOptions::default()).unwrap();
            let made = Arc::new(AtomicUsize::new(0));
            let (before, after) = (Arc::clone(&made), Arc::clone(&made));
            let fake = Fake {
                instead: Arc::new(move |_, _: &str| {
                    let number = before.fetch_add(1, Ordering::Relaxed) + 1;
                    (!done && number == nth).then_some(code)
                }),
                afterwards: Arc::new(move |_, _: &str| {
                    (done && after.load(Ordering::Relaxed) == nth).then_some(code)
                }),
                ..fake
            };
            let events = dataset(&fake.store());
            let answer = commit(&events, "{\"a\":1}", CommitOptions::default());
            let total = made.swap(usize::MAX / 2, Ordering::Relaxed);
            if let Err(error) = &answer {
                match error.action() {
                    Action::Resolve => {
                        let id = error.snapshot_id().expect("an id");
                        match events.resolve_commit(id, &CallOptions::default()).unwrap() {
                            Resolution::Committed(_) => assert_eq!(count(&events), 2),
                            Resolution::NotCommitted => {
                                commit(&events, "{\"a\":1}", CommitOptions::default()).unwrap();
                            }
                        }
                    }
                    Action::Retry => {
                        assert_eq!(count(&events), 1, "{error}: certainly not committed");
                        commit(&events, "{\"a\":1}", CommitOptions::default()).unwrap();
                    }
                    other => panic!("callback {nth} failed with {code}: advises {other:?}: {error}"),
                }
            }
            // What is not published yet, the next writer publishes.
            commit(&events, "{\"a\":2}", CommitOptions::default()).unwrap();
            assert_eq!(count(&events), 3, "callback {nth} failed with {code}");
            assert_eq!(fake.uploads.load(Ordering::Relaxed), 0);
            assert!(
                fake.keys().iter().all(|key| !key.contains(".probe-")),
                "callback {nth}: {:?}",
                fake.keys()
            );
            if total < nth {
                break;
            }
        }
    }
}

//! Clean-up removes what dead writers left, and nothing that is or becomes visible: beside commits at every
//! moment, after deaths at every moment, and when it fails or dies itself at every moment.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::audit::audit_as;
use super::faults::store_of;
use super::*;
use crate::error::Status;
use crate::store::sim::{Errno, Fault, SimDisk, SimProcess};
use crate::upkeep::{CollectOptions, Collection, GarbageKind, MIN_AGE_LEAST};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const NONCE: &str = "00112233445566778899aabbccddeeff";
const ID: &str = "1700000000000000000-0123456789abcdef";

/// Cleans up by the rules; gives what was removed, too.
fn collect(store: &Store, options: &CollectOptions) -> Result<(Collection, Vec<(GarbageKind, String)>)> {
    let mut removed = Vec::new();
    let collection = open(store).collect(options, &mut |garbage| {
        assert!(garbage.age >= options.min_age);
        removed.push((garbage.kind, garbage.path.to_owned()));
        true
    })?;
    assert_eq!(collection.objects, removed.len() as u64);
    Ok((collection, removed))
}

/// Cleans up whatever no living writer holds, however young it is.
fn sweep(store: &Store, layout: Layout) -> Result<Collection> {
    let options = CollectOptions { min_age: Duration::ZERO, ..CollectOptions::default() };
    open_as(store, layout).collect_older(&options, &mut |_| true)
}

fn commit_by(disk: &SimDisk, layout: Layout) -> String {
    commit(&store_of(&disk.process()), layout).expect("an undisturbed commit works")
}

fn commit(store: &Store, layout: Layout) -> Result<String> {
    let dataset = open_as(store, layout);
    let committed = match layout {
        Layout::Hive => write_held(&dataset, &["{\"p\":\"a\"}", "{\"p\":\"b\"}"]),
        _ => write(&dataset, &["1", "2"]),
    };
    Ok(committed?.snapshot.id().to_owned())
}

/// A commit whose payload has an object of its own.
fn commit_large(store: &Store, _layout: Layout) -> Result<String> {
    let metadata = Metadata::parse(&format!("{{\"note\":\"{}\"}}", "n".repeat((1 << 20) + 1)))?;
    let committed =
        open(store).stream_write_records(&mut records(&["1"]), metadata, CommitOptions::default())?;
    Ok(committed.snapshot.id().to_owned())
}

/// A writer that dies at this operation of its commit.
fn die(disk: &SimDisk, layout: Layout, commit: fn(&Store, Layout) -> Result<String>, at: usize) -> bool {
    let process = disk.process();
    process.fault_at(at, Fault::Crash);
    // Its answer was never received.
    let _ = commit(&store_of(&process), layout);
    process.is_dead()
}

#[test]
fn what_dead_writers_left_is_removed_and_nothing_else() {
    let disk = SimDisk::new();
    let acknowledged = vec![commit_by(&disk, Layout::Default), commit_by(&disk, Layout::Default)];
    let store = store_of(&disk.process());
    let whole = keys(&store);
    // What a clean-up has no business with.
    for path in ["datasets/events/notes.txt", "datasets/events/snapshots/17/data/data", "datasets/other/x"] {
        disk.plant(path, b"another's");
    }
    let kept = keys(&store);
    let garbage = [
        (GarbageKind::Payload, format!("datasets/events/_commits/{ID}-{NONCE}.payload")),
        (GarbageKind::Probe, format!("datasets/events/_commits/.probe-{NONCE}")),
        (GarbageKind::TemporaryFile, format!("datasets/events/.lode-{NONCE}.tmp")),
        (GarbageKind::DataFile, format!("datasets/events/snapshots/{ID}/data/data")),
    ];
    for (_, path) in &garbage {
        disk.plant(path, b"garbage");
    }
    // Writers that die with their data under a temporary name, and under their own.
    for at in [30, 40, 50] {
        assert!(die(&disk, Layout::Default, commit, at), "it has more operations");
    }
    // Young yet.
    let (collection, removed) = collect(&store, &CollectOptions::default()).unwrap();
    assert_eq!((collection, removed), (Collection::default(), Vec::new()));
    disk.pass(7 * DAY);
    let dry = CollectOptions { dry_run: true, ..CollectOptions::default() };
    let before = disk.files();
    let told = collect(&store, &dry).unwrap();
    assert_eq!(disk.files(), before, "a dry run removes nothing");
    let (collection, removed) = collect(&store, &CollectOptions::default()).unwrap();
    assert_eq!((collection, &removed), (told.0, &told.1), "and tells the same");
    for one in &garbage {
        assert!(removed.contains(one), "{one:?} is left");
    }
    assert!(removed.len() > garbage.len(), "what the dead writers left went, too: {removed:?}");
    assert_eq!(keys(&store), kept);
    assert_eq!(disk.temporaries(), Vec::<String>::new());
    assert!(whole.iter().all(|key| kept.contains(key)));
    assert_eq!(audit_as(&store, Layout::Default, &acknowledged).unwrap(), acknowledged);
    assert_eq!(collect(&store, &CollectOptions::default()).unwrap().0, Collection::default());
}

#[test]
fn less_than_48_hours_is_refused_and_a_week_is_the_default() {
    let store = store_of(&SimDisk::new().process());
    let short =
        CollectOptions { min_age: MIN_AGE_LEAST - Duration::from_secs(1), ..CollectOptions::default() };
    let error = collect(&store, &short).unwrap_err();
    assert_eq!(error.status(), Status::InvalidArgument);
    assert!(error.message().contains("must be 172800 (48 hours) or more"), "{error}");
    assert_eq!(CollectOptions::default().min_age, 7 * DAY);
    // There is nothing to clean up, and nowhere to do it.
    assert_eq!(collect(&store, &CollectOptions::default()).unwrap().0, Collection::default());
}

#[test]
fn a_store_that_cannot_tell_ages_is_refused() {
    let error = collect(&memory(), &CollectOptions::default()).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("memory does not tell how old its objects are"), "{error}");
}

#[test]
fn what_a_living_writer_holds_is_left_however_old_it_is() {
    let disk = SimDisk::new();
    commit_by(&disk, Layout::Default);
    let process = disk.process();
    let mut writer = open(&store_of(&process)).record_writer(WriterOptions::default()).unwrap();
    writer.append(b"1", None).unwrap();
    disk.pass(30 * DAY);
    let store = store_of(&disk.process());
    let (collection, removed) = collect(&store, &CollectOptions::default()).unwrap();
    assert_eq!((collection.objects, collection.held, removed.len()), (0, 1, 0));
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert_eq!(ids(&open(&store)).len(), 2);
    // One that has died holds nothing.
    let process = disk.process();
    let mut writer = open(&store_of(&process)).record_writer(WriterOptions::default()).unwrap();
    writer.append(b"2", None).unwrap();
    process.kill();
    drop(writer);
    disk.pass(30 * DAY);
    let (collection, _) = collect(&store, &CollectOptions::default()).unwrap();
    assert_eq!((collection.objects, collection.held), (1, 0));
}

#[test]
fn what_cannot_be_read_ends_a_clean_up_with_nothing_removed() {
    let slot = |id: &str| Layout::Default.slot_path("events", id);
    let cases = [
        (Layout::Default.manifest_path("events", "1700000000000000001"), &b"{\"schema_name\""[..]),
        (Layout::Default.manifest_path("events", ID), b"{}"),
        (slot(ID), b"no slot"),
    ];
    for (path, bytes) in cases {
        let disk = SimDisk::new();
        commit_by(&disk, Layout::Default);
        disk.plant(&format!("datasets/events/.lode-{NONCE}.tmp"), b"garbage");
        disk.plant(&path, bytes);
        disk.pass(8 * DAY);
        let before = disk.files();
        let error = collect(&store_of(&disk.process()), &CollectOptions::default()).unwrap_err();
        assert!(error.message().contains("clean-up has removed nothing"), "{path}: {error}");
        assert_eq!(disk.files(), before);
    }
}

#[test]
fn deadline_token_and_callback_end_a_clean_up() {
    let disk = SimDisk::new();
    disk.plant(&format!("datasets/events/snapshots/{ID}/data/data"), b"garbage");
    disk.plant(&format!("datasets/events/snapshots/{ID}/data/data-2"), b"garbage");
    disk.pass(8 * DAY);
    let store = store_of(&disk.process());
    let call = CallOptions { deadline: Some(Duration::ZERO), ..CallOptions::default() };
    let error = collect(&store, &CollectOptions { call, ..CollectOptions::default() }).unwrap_err();
    assert_eq!(error.status(), Status::Deadline);
    assert_eq!(disk.files().len(), 2);
    let error = open(&store).collect(&CollectOptions::default(), &mut |_| false).unwrap_err();
    assert_eq!((error.status(), disk.files().len()), (Status::Aborted, 1));
}

/// How many operations `act` takes on a disk that two commits have made.
fn operations(layout: Layout, act: impl Fn(&Store)) -> usize {
    let disk = prepared(layout).0;
    let process = disk.process();
    act(&store_of(&process));
    process.operations()
}

fn prepared(layout: Layout) -> (SimDisk, Vec<String>) {
    let disk = SimDisk::new();
    let acknowledged = vec![commit_by(&disk, layout), commit_by(&disk, layout)];
    // Something to remove.
    assert!(die(&disk, layout, commit, 30), "it has that many operations");
    (disk, acknowledged)
}

/// Runs `act` once, at this operation of the process.
fn at(process: &SimProcess, number: usize, act: impl FnOnce() + Send + 'static) {
    let mut act = Some(act);
    process.plan(move |index, _| {
        if index == number
            && let Some(act) = act.take()
        {
            act();
        }
        None
    });
}

type CommitFn = fn(&Store, Layout) -> Result<String>;

const COMMITS: [(Layout, CommitFn); 3] =
    [(Layout::Default, commit), (Layout::Hive, commit), (Layout::Default, commit_large)];

#[test]
fn a_clean_up_at_any_moment_of_a_commit_removes_nothing_that_becomes_visible() {
    for (layout, commit) in COMMITS {
        let count = operations(layout, |store| {
            commit(store, layout).unwrap();
        });
        for number in 0..count {
            let (disk, mut acknowledged) = prepared(layout);
            let process = disk.process();
            let other = disk.clone();
            at(&process, number, move || {
                sweep(&store_of(&other.process()), layout).expect("it works beside a commit");
            });
            let ended = commit(&store_of(&process), layout);
            process.heal();
            // What it has not held yet may have been removed; then it fails, and says so.
            acknowledged.extend(ended.ok());
            let store = store_of(&disk.process());
            let path = audit_as(&store, layout, &acknowledged);
            let path = path.unwrap_or_else(|fault| panic!("{layout:?}, operation {number}: {fault}"));
            acknowledged = path;
            acknowledged.push(commit_by(&disk, layout));
            sweep(&store, layout).unwrap();
            audit_as(&store, layout, &acknowledged)
                .unwrap_or_else(|fault| panic!("{layout:?}, operation {number}, after all: {fault}"));
            assert_eq!(disk.temporaries(), Vec::<String>::new(), "{layout:?}, operation {number}");
        }
    }
}

/// What there is of a commit before the clean-up begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// A writer has taken its records.
    Begun,
    /// Its data have their name.
    Staged,
}

#[test]
fn a_commit_at_any_moment_of_a_clean_up_loses_nothing() {
    for (layout, commit) in COMMITS {
        for before in [Before::Nothing, Before::Begun, Before::Staged] {
            if before != Before::Nothing && layout == Layout::Hive {
                continue;
            }
            for number in 0.. {
                let (disk, mut acknowledged) = prepared(layout);
                let committed = Arc::new(Mutex::new(None));
                let dataset = open_as(&store_of(&disk.process()), layout);
                let (mut writer, mut part) = (None, None);
                match before {
                    Before::Nothing => {}
                    Before::Begun => {
                        let mut begun = dataset.record_writer(WriterOptions::default()).unwrap();
                        begun.append(b"\"staged\"", None).unwrap();
                        writer = Some(begun);
                    }
                    Before::Staged => {
                        // One that is not held any more, to be removed before the other is met.
                        drop(parts::stage(&dataset, &["\"left\""]));
                        part = Some(parts::stage(&dataset, &["\"staged\""]));
                    }
                }
                let process = disk.process();
                let (other, told) = (disk.clone(), Arc::clone(&committed));
                at(&process, number, move || {
                    let told_of = |commit: Commit| commit.snapshot.id().to_owned();
                    let id = match (writer, part) {
                        (Some(mut writer), _) => {
                            writer.commit(Metadata::empty(), CommitOptions::default()).map(told_of)
                        }
                        (None, Some(part)) => parts::commit(&dataset, &[part]).map(told_of),
                        (None, None) => commit(&store_of(&other.process()), layout),
                    };
                    *told.lock().unwrap() = Some(id.expect("nothing disturbs what is held"));
                });
                let swept = sweep(&store_of(&process), layout).expect("it works beside a commit");
                assert!(swept.objects > 0 || before != Before::Staged, "what is not held is removed");
                process.heal();
                let Some(id) = committed.lock().unwrap().take() else {
                    assert!(number > 30, "{number} operations are all of a clean-up");
                    break;
                };
                acknowledged.push(id);
                let store = store_of(&disk.process());
                audit_as(&store, layout, &acknowledged)
                    .unwrap_or_else(|fault| panic!("{layout:?}, operation {number}, {before:?}: {fault}"));
            }
        }
    }
}

#[test]
fn after_a_writers_death_at_any_moment_the_rest_is_removed_and_the_history_is_whole() {
    for (layout, commit) in COMMITS {
        let count = operations(layout, |store| {
            commit(store, layout).unwrap();
        });
        for number in 0..count {
            let (disk, acknowledged) = prepared(layout);
            assert!(die(&disk, layout, commit, number));
            let store = store_of(&disk.process());
            sweep(&store, layout).unwrap();
            let mut path = audit_as(&store, layout, &acknowledged)
                .unwrap_or_else(|fault| panic!("{layout:?}, operation {number}: {fault}"));
            path.push(commit_by(&disk, layout));
            assert_eq!(audit_as(&store, layout, &path).unwrap(), path, "{layout:?}, operation {number}");
            sweep(&store, layout).unwrap();
            assert_eq!(disk.temporaries(), Vec::<String>::new());
            let payloads = keys(&store).into_iter().filter(|key| key.ends_with(".payload")).count();
            assert!(payloads <= 1, "those of attempts that decided nothing are gone");
        }
    }
}

#[test]
fn a_clean_up_that_fails_or_dies_at_any_moment_leaves_a_whole_history() {
    for layout in [Layout::Default, Layout::Hive] {
        let count = operations(layout, |store| {
            sweep(store, layout).unwrap();
        });
        for number in 0..count {
            for fault in [Fault::Fail(Errno::IO), Fault::After(Errno::IO), Fault::Crash, Fault::CrashAfter] {
                let (disk, mut path) = prepared(layout);
                let process = disk.process();
                process.fault_at(number, fault);
                // Whether it ends well or not.
                let _ = sweep(&store_of(&process), layout);
                let store = store_of(&disk.process());
                let what = || format!("{layout:?}, operation {number}, {fault:?}");
                audit_as(&store, layout, &path).unwrap_or_else(|fault| panic!("{}: {fault}", what()));
                path.push(commit_by(&disk, layout));
                sweep(&store, layout).unwrap();
                assert_eq!(audit_as(&store, layout, &path).unwrap(), path, "{}", what());
                assert_eq!(disk.temporaries(), Vec::<String>::new(), "{}", what());
            }
        }
    }
}

//! The Go library's writer and ours alternate on one dataset, with Go readers while ours writes.

use std::sync::atomic::{AtomicBool, Ordering};

use lode_core::checksum::Checksum;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::Outcome;

use crate::datasets::{lines, open, push, read, records};
use crate::go::{Directory, Go, on_directories};
use crate::layouts;

fn write(go: &Go, root: &str, compressor: &str, checksum: &str, records: &[Vec<u8>]) -> String {
    let id = go.text(&["write", root, "events", compressor, checksum], lines(records).as_bytes());
    id.trim_end().to_owned()
}

#[test]
fn we_continue_what_go_wrote() {
    let Some(go) = Go::find() else { return };
    for (compressor, name) in
        [(Compressor::None, "noop"), (Compressor::Gzip, "gzip"), (Compressor::Zstd, "zstd")]
    {
        for (checksum, checksum_name) in [(Checksum::None, "none"), (Checksum::Md5, "md5")] {
            let directory = Directory::new();
            let root = directory.as_str();
            let first = write(go, root, name, checksum_name, &records(0, 3));
            let theirs = write(go, root, name, checksum_name, &records(3, 3));
            let commit = push(&open(root, compressor, checksum), &records(6, 3)).unwrap();
            assert_eq!(commit.outcome, Outcome::Committed);
            let ours = commit.snapshot.id();
            assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(&*theirs));
            assert_eq!(go.text(&["latest", root, "events"], b""), format!("{ours}\n"));
            assert_eq!(go.text(&["read", root, "events"], b""), lines(&records(6, 3)));
            let history = format!("{first} 3 \n{theirs} 3 {first}\n{ours} 3 {theirs}\n");
            assert_eq!(go.text(&["snapshots", root, "events"], b""), history);
        }
    }
}

#[test]
fn a_hundred_commits_that_alternate() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    let dataset = open(root, Compressor::None, Checksum::Md5);
    let mut history: Vec<String> = Vec::new();
    for round in 0..50 {
        history.push(write(go, root, "noop", "md5", &records(20 * round, 10)));
        // Alternately the handle that has seen all commits, and a fresh one.
        let dataset =
            if round % 2 == 0 { dataset.clone() } else { open(root, Compressor::None, Checksum::Md5) };
        let commit = push(&dataset, &records(20 * round + 10, 10)).unwrap();
        assert_eq!(commit.outcome, Outcome::Committed, "round {round}");
        history.push(commit.snapshot.id().to_owned());
    }
    let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
    let mut theirs = String::new();
    for (number, id) in history.iter().enumerate() {
        let snapshot = snapshots.next().unwrap().unwrap();
        let parent = number.checked_sub(1).map(|number| &*history[number]);
        assert_eq!((snapshot.id(), snapshot.manifest().parent_snapshot_id.as_deref()), (&**id, parent));
        assert!(read(&dataset, id) == records(10 * number, 10), "{number}: other records were read");
        theirs += &format!("{id} 10 {}\n", parent.unwrap_or_default());
    }
    assert!(snapshots.next().unwrap().is_none());
    assert_eq!(go.text(&["snapshots", root, "events"], b""), theirs);
    assert_eq!(go.text(&["read", root, "events", &history[51]], b""), lines(&records(510, 10)));
}

#[test]
fn go_readers_never_see_our_commits_go_wrong() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    write(go, root, "noop", "md5", &records(0, 3));
    let over = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut newest, mut seen, mut looks) = (String::new(), 0, 0);
            while !over.load(Ordering::Relaxed) || looks < 3 {
                let latest = go.text(&["latest", root, "events"], b"");
                assert!(latest >= newest, "the head went back from {newest} to {latest}");
                newest = latest;
                let all = go.text(&["snapshots", root, "events"], b"").lines().count();
                assert!(all >= seen, "of {seen} snapshots {all} are left");
                seen = all;
                let answer = go.run(&["read", root, "events"], b"");
                assert!(answer.ok && answer.stderr == "3", "{}", answer.stderr);
                looks += 1;
            }
            looks
        });
        for number in 0..300 {
            let commit = push(&open(root, Compressor::None, Checksum::Md5), &records(number, 3));
            assert_eq!(commit.unwrap().outcome, Outcome::Committed);
        }
        over.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    });
    assert!(looks >= 3);
    assert_eq!(go.text(&["snapshots", root, "events"], b"").lines().count(), 301);
}

#[test]
fn alternating_in_the_other_layouts() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in layouts::LAYOUTS {
        let directory = Directory::new();
        let root = directory.as_str();
        let dataset = layouts::open(root, layout, keys, Compressor::Gzip, Checksum::Md5);
        let mut history = String::new();
        let mut parent = String::new();
        for round in 0..10 {
            // Some commits have no records.
            let texts = layouts::records(if round % 4 == 3 { 0 } else { 5 + round });
            let stdin: String = texts.iter().map(|record| format!("{record}\n")).collect();
            let theirs = go
                .text_as(name, &["write", root, "events", "gzip", "md5"], stdin.as_bytes())
                .trim_end()
                .to_owned();
            let commit = layouts::write(&dataset, &texts);
            assert_eq!(commit.outcome, Outcome::Committed, "{name}, round {round}");
            let ours = commit.snapshot.id();
            assert_eq!(commit.snapshot.manifest().parent_snapshot_id.as_deref(), Some(&*theirs), "{name}");
            history += &format!("{theirs} {0} {parent}\n{ours} {0} {theirs}\n", texts.len());
            ours.clone_into(&mut parent);
            for id in [&*theirs, ours] {
                assert_eq!(
                    layouts::sorted(layouts::read(&dataset, id)),
                    layouts::sorted(texts.clone()),
                    "{name}"
                );
            }
        }
        assert_eq!(go.text_as(name, &["snapshots", root, "events"], b""), history, "{name}");
    }
}

#[test]
fn go_goes_on_where_we_have_passed_over_a_writer_that_died() {
    let Some(go) = Go::find() else { return };
    if !on_directories("a pointer whose time is set back") {
        return;
    }
    let directory = Directory::new();
    let root = directory.as_str();
    let first = write(go, root, "noop", "md5", &records(0, 3));
    let dead = write(go, root, "noop", "md5", &records(3, 3));
    std::fs::remove_file(directory.join(&format!("datasets/events/snapshots/{dead}/manifest.json"))).unwrap();
    let pointer =
        std::fs::File::options().append(true).open(directory.join("datasets/events/latest")).unwrap();
    let written = pointer.metadata().unwrap().modified().unwrap();
    pointer.set_modified(written - std::time::Duration::from_secs(120)).unwrap();
    let dataset = open(root, Compressor::None, Checksum::Md5);
    let ours = push(&dataset, &records(6, 3)).unwrap().snapshot;
    let theirs = write(go, root, "noop", "md5", &records(9, 3));
    let last = push(&dataset, &records(12, 3)).unwrap().snapshot;
    let [ours, last] = [ours.id(), last.id()];
    // To the Go library the noop is a snapshot like any other, which repeats the first.
    let history =
        format!("{first} 3 \n{dead} 3 {first}\n{ours} 3 {dead}\n{theirs} 3 {ours}\n{last} 3 {theirs}\n");
    assert_eq!(go.text(&["snapshots", root, "events"], b""), history);
    assert_eq!(go.text(&["read", root, "events", &dead], b""), lines(&records(0, 3)));
    let mut kept = dataset.snapshots(&CallOptions::default()).unwrap();
    for id in [&*first, ours, &*theirs, last] {
        assert_eq!(kept.next().unwrap().unwrap().id(), id);
    }
    assert!(kept.next().unwrap().is_none());
}

//! `lode ingest --follow`: a growing file through rotation, kills and restarts.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;

use common::{Directory, records, run, start};
use rustix::process::{Pid, Signal, kill_process};

/// The tool while it follows a file; it prints the id of each snapshot as it is committed.
struct Follower {
    child: Child,
    ids: BufReader<std::process::ChildStdout>,
}

impl Follower {
    fn new(store: &str, file: &str, more: &[&str]) -> Self {
        let mut arguments = vec!["ingest", store, "d", file, "--follow", "--roll-age", "20ms"];
        arguments.extend(more);
        let mut child = start(&arguments);
        let ids = BufReader::new(child.stdout.take().unwrap());
        Follower { child, ids }
    }

    /// Waits for commits until the dataset has so many records.
    fn wait_for(&mut self, store: &str, count: usize) {
        while count_of(store) < count {
            let mut id = String::new();
            assert_ne!(self.ids.read_line(&mut id).unwrap(), 0, "it goes on until there are {count} records");
        }
    }

    fn signal(&mut self, signal: Signal) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        self.child.wait().unwrap().code()
    }
}

fn count_of(store: &str) -> usize {
    let ended = run(&["cat", store, "d", "--all"]);
    if ended.code == Some(0) { ended.stdout.lines().count() } else { 0 }
}

fn append(file: &str, text: &str) {
    fs::OpenOptions::new().append(true).create(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_file_is_followed_through_its_rotation() {
    let directory = Directory::new();
    let (store, file) = (directory.at("s"), directory.at("app.log"));
    let mut follower = Follower::new(&store, &file, &[]);
    append(&file, &records(0, 5));
    follower.wait_for(&store, 5);
    // A line that is being written, and finished after the rotation by a writer that still has the file open.
    append(&file, "{\"half\":");
    fs::rename(&file, directory.at("app.log.1")).unwrap();
    append(&directory.at("app.log.1"), "true}\n");
    append(&file, &records(5, 7));
    follower.wait_for(&store, 8);
    assert_eq!(follower.signal(Signal::TERM), Some(0));
    let all = run(&["cat", &store, "d", "--all"]).stdout;
    assert_eq!(all, records(0, 5) + "{\"half\":true}\n" + &records(5, 7));
}

#[test]
fn what_was_read_is_committed_when_it_is_told_to_end() {
    let directory = Directory::new();
    let (store, file) = (directory.at("s"), directory.file("app.log", records(0, 5)));
    let arguments = ["ingest", &store, "d", &file, "--follow", "--roll-age", "1h", "--roll-records", "3"];
    let mut child = start(&arguments);
    let mut ids = BufReader::new(child.stdout.take().unwrap());
    ids.read_line(&mut String::new()).unwrap();
    assert_eq!(count_of(&store), 3);
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    // What was not read yet comes with the next run; with a producer that is sure.
    assert!(matches!(count_of(&store), 3 | 5));
}

#[test]
fn a_producer_that_is_killed_goes_on_through_rotations() {
    let directory = Directory::new();
    let (store, file) = (directory.at("s"), directory.at("app.log"));
    append(&file, &records(0, 10));
    let mut written = 10;
    for round in 0..6 {
        let mut follower = Follower::new(&store, &file, &["--producer", "p"]);
        follower.wait_for(&store, written);
        append(&file, &records(written, written + 10));
        written += 10;
        assert_eq!(follower.signal(Signal::KILL), None);
        // Rotated twice while nothing follows it.
        if round % 2 == 1 {
            fs::rename(&file, directory.at(&format!("app.log.{round}"))).unwrap();
            append(&file, &records(written, written + 5));
            written += 5;
            fs::rename(&file, directory.at(&format!("app.log.{round}b"))).unwrap();
            append(&file, &records(written, written + 5));
            written += 5;
        }
    }
    let mut follower = Follower::new(&store, &file, &["--producer", "p"]);
    follower.wait_for(&store, written);
    assert_eq!(follower.signal(Signal::TERM), Some(0));
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, written), "each once, and in order");
}

#[test]
fn a_rotated_file_that_is_gone_is_a_failure_unless_that_is_accepted() {
    let directory = Directory::new();
    let (store, file) = (directory.at("s"), directory.at("app.log"));
    append(&file, &records(0, 2));
    let mut follower = Follower::new(&store, &file, &["--producer", "p"]);
    follower.wait_for(&store, 2);
    follower.signal(Signal::TERM);
    // Another file of another inode: the old one is kept elsewhere, so that its inode is not used again.
    fs::rename(&file, directory.at("elsewhere")).unwrap();
    append(&file, &records(5, 6));
    let arguments = ["ingest", &store, "d", &file, "--follow", "--producer", "p"];
    run(&arguments).failed(1, &["is gone from beside", "--skip-lost"]);
    let mut follower = Follower::new(&store, &file, &["--producer", "p", "--skip-lost"]);
    follower.wait_for(&store, 3);
    follower.signal(Signal::TERM);
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, 2) + &records(5, 6));
}

#[test]
fn a_file_that_is_cut_is_read_from_its_beginning() {
    let directory = Directory::new();
    let (store, file) = (directory.at("s"), directory.at("app.log"));
    append(&file, &records(0, 5));
    let mut follower = Follower::new(&store, &file, &[]);
    follower.wait_for(&store, 5);
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(0).unwrap();
    append(&file, &records(5, 6));
    follower.wait_for(&store, 6);
    follower.signal(Signal::TERM);
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, 6));
}

//! The tool on a terminal: progress, and colours unless `NO_COLOR` says no.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread::JoinHandle;

use common::{Directory, lode, records, run_with_input};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal, and what a person sees on it once all have closed it.
fn terminal() -> (OwnedFd, JoinHandle<String>) {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&screen).unwrap();
    unlockpt(&screen).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(ptsname(&screen, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    let seen = std::thread::spawn(move || {
        let (mut screen, mut seen, mut some) = (File::from(screen), Vec::new(), [0; 4096]);
        // A terminal that all have closed answers EIO.
        while let Ok(count @ 1..) = screen.read(&mut some) {
            seen.extend_from_slice(&some[..count]);
        }
        String::from_utf8(seen).unwrap()
    });
    (terminal, seen)
}

/// What is on the screen after an ingest whose standard error is a terminal.
fn progress_of(store: &str, more: &[&str]) -> String {
    let (errors, seen) = terminal();
    let arguments = [&["ingest", store, "d"], more].concat();
    let mut child = lode(&arguments)
        .env("TERM", "xterm")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(errors)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(records(0, 10_000).as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    seen.join().unwrap()
}

#[test]
fn progress_is_shown_on_a_terminal_and_cleared_unless_it_is_not_wanted() {
    let directory = Directory::new();
    let store = directory.at("s");
    let seen = progress_of(&store, &[]);
    assert!(seen.contains(" records, 0 snapshots"), "{seen:?}");
    assert!(seen.ends_with("\u{1b}[2K"), "the line is cleared at the end: {seen:?}");
    assert_eq!(progress_of(&store, &["--quiet"]), "");
}

#[test]
fn colours_appear_on_a_terminal_unless_the_environment_says_no() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "d"], b"1\n").line();
    let listed = |environment: &[(&str, &str)]| {
        let (output, seen) = terminal();
        let mut command = lode(&["ls", &store]);
        command.env("TERM", "xterm").envs(environment.iter().copied()).stdout(output);
        assert!(command.status().unwrap().success());
        drop(command);
        seen.join().unwrap()
    };
    assert!(listed(&[]).contains("\u{1b}[1mDATASET"));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = listed(&[environment]);
        assert!(seen.contains("DATASET") && !seen.contains('\u{1b}'), "{environment:?}: {seen:?}");
    }
}

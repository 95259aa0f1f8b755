//! The tool as a part of pipelines: closed pipes, pipes that do not block, signals, terminals.

mod common;

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use common::{Directory, lode, records, run, run_with_input, start};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};

fn set_nonblocking(descriptor: impl AsFd) {
    let flags = fcntl_getfl(&descriptor).unwrap();
    fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK).unwrap();
}

fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

#[test]
fn a_reader_that_has_enough_ends_the_tool_quietly() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "d"], records(0, 200_000).as_bytes()).line();
    let mut child = start(&["cat", &store, "d"]);
    let mut some = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    let ended: common::Ended = child.wait_with_output().unwrap().into();
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

#[test]
fn records_are_stored_though_no_one_reads_the_ids() {
    let directory = Directory::new();
    let store = directory.at("s");
    let (unread, output) = pipe();
    drop(unread);
    let file = directory.file("in.jsonl", records(0, 10));
    let arguments = ["ingest", &store, "d", &file, "--roll-records", "2"];
    assert!(lode(&arguments).stdout(output.try_clone().unwrap()).status().unwrap().success());
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, 10));
    let arguments = ["ingest", &store, "files", &file, &file, "--codec", "blob"];
    assert!(lode(&arguments).stdout(output).status().unwrap().success());
    assert_eq!(run(&["log", &store, "files", "--json"]).lines().len(), 2);
}

#[test]
fn the_exit_status_is_right_though_no_one_reads_the_message() {
    let directory = Directory::new();
    let (unread, output) = pipe();
    drop(unread);
    let ended = lode(&["ls", &directory.at("none")]).stderr(output).status().unwrap();
    assert_eq!(ended.code(), Some(3));
}

#[test]
fn a_message_waits_for_a_standard_error_that_does_not_block() {
    let directory = Directory::new();
    let store = directory.at("s");
    let (drain, errors) = pipe();
    set_nonblocking(&errors);
    // More messages than a pipe holds, so that some find it full.
    let input = "no json\n".repeat(5_000);
    let file = directory.file("in.jsonl", &input);
    let arguments = ["ingest", &store, "d", &file, "--rejects", &directory.at("rejects")];
    let mut child = lode(&arguments).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
    let mut said = String::new();
    std::fs::File::from(drain).read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(said.lines().filter(|line| line.ends_with("; rejected")).count(), 5_000);
}

#[test]
fn pipes_that_do_not_block_are_waited_for() {
    let directory = Directory::new();
    let store = directory.at("s");
    let (input, feed) = pipe();
    set_nonblocking(&input);
    let child = lode(&["ingest", &store, "d"]).stdin(input).stdout(Stdio::piped()).spawn().unwrap();
    let mut feed = std::fs::File::from(feed);
    let text = records(0, 20_000);
    feed.write_all(text.as_bytes()).unwrap();
    drop(feed);
    assert!(child.wait_with_output().unwrap().status.success());

    let (drain, output) = pipe();
    set_nonblocking(&output);
    let mut child = lode(&["cat", &store, "d"]).stdout(output).spawn().unwrap();
    let mut back = String::new();
    std::fs::File::from(drain).read_to_string(&mut back).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(back == text);
}

#[test]
fn a_signal_ends_it_and_nothing_is_visible() {
    let directory = Directory::new();
    let store = directory.at("s");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        // Tests that a shell runs in the background inherit an ignored SIGINT, which would stay ignored.
        let mut tool = Command::new("env");
        tool.args(["--default-signal=INT", env!("CARGO_BIN_EXE_lode")]);
        tool.args(["ingest", &store, "d", "--rejects", &directory.at("rejects")]);
        let mut child =
            tool.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The complaint about the first line says that it is reading.
        child.stdin.as_mut().unwrap().write_all(b"no json\n").unwrap();
        let mut byte = [0];
        child.stderr.as_mut().unwrap().read_exact(&mut byte).unwrap();
        kill_process(Pid::from_child(&child), signal).unwrap();
        let stdin = child.stdin.take();
        let ended: common::Ended = child.wait_with_output().unwrap().into();
        drop(stdin);
        ended.failed(code, &["interrupted"]);
    }
    run(&["log", &store, "d"]).failed(3, &["no snapshot"]);
}

#[test]
fn an_ignored_sigint_stays_ignored() {
    let directory = Directory::new();
    let store = directory.at("s");
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_lode")]);
    shell.args(["ingest", &store, "d", "--rejects", &directory.at("rejects")]);
    let mut child =
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"no json\n1\n").unwrap();
    let mut byte = [0];
    child.stderr.as_mut().unwrap().read_exact(&mut byte).unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let ended: common::Ended = child.wait_with_output().unwrap().into();
    ended.line();
    assert_eq!(run(&["cat", &store, "d"]).stdout, "1\n");
}

#[test]
fn there_are_no_colours_and_no_progress_in_a_pipe() {
    let directory = Directory::new();
    let store = directory.at("s");
    let ended = run_with_input(&["ingest", &store, "d"], records(0, 10_000).as_bytes());
    assert_eq!(ended.stderr, "");
    let plain = run(&["ls", &store]);
    assert!(!plain.stdout.contains('\u{1b}'), "{plain:?}");
    let coloured = run(&["ls", &store, "--color", "always"]);
    assert!(coloured.stdout.contains("\u{1b}[1m"), "{coloured:?}");
    let never = lode(&["ls", &store, "--color", "never"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(!String::from_utf8(never.stdout).unwrap().contains('\u{1b}'));
}

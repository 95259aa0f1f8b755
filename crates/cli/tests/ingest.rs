//! `lode ingest` and `lode cat`: what goes in comes out, once.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};

use common::{Directory, records, run, run_with_input, start};

#[test]
fn records_from_files_and_standard_input_come_back_as_they_were() {
    let directory = Directory::new();
    let store = directory.at("new/store");
    let (a, b) = (directory.file("a.jsonl", records(0, 3)), directory.file("b.jsonl", records(3, 5)));
    for compress in ["none", "gzip", "zstd"] {
        let ended = run_with_input(
            &["ingest", &store, compress, &a, "-", &b, "--compress", compress],
            records(7, 9).as_bytes(),
        );
        let id = ended.line();
        let expected = records(0, 3) + &records(7, 9) + &records(3, 5);
        assert_eq!(run(&["cat", &store, compress]).stdout, expected);
        assert_eq!(run(&["cat", &store, compress, id, "--verify-first"]).stdout, expected);
    }
}

#[test]
fn an_empty_input_is_a_snapshot_without_records_and_blank_lines_are_none() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "d"], b"").line();
    run_with_input(&["ingest", &store, "d"], b"\n  \r\n\t").line();
    let ended = run(&["log", &store, "d", "--json"]);
    assert_eq!(ended.lines().len(), 2);
    assert!(ended.lines().iter().all(|line| line.contains("\"records\":0")), "{ended:?}");
    // What follows the last line's end and is blank is no record either, from a file or a pipe.
    let file = directory.file("spaces.jsonl", "{\"a\":1}\n{\"a\":2}\n   ");
    run(&["ingest", &store, "spaces", &file]).line();
    run_with_input(&["ingest", &store, "spaces"], b"{\"a\":3}\n \t \n  ").line();
    assert_eq!(run(&["cat", &store, "spaces", "--all"]).stdout, "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n");
}

#[test]
fn a_bad_line_is_named_and_nothing_is_committed() {
    let directory = Directory::new();
    let store = directory.at("s");
    let file = directory.file("in.jsonl", "{\"a\":1}\n{\"a\":}\n");
    let ended = run(&["ingest", &store, "d", &file]);
    ended.failed(1, &["in.jsonl:2 (byte 13 of the input)", "INVALID_RECORD"]);
    run(&["cat", &store, "d"]).failed(3, &["no snapshot"]);
    assert_eq!(directory.tree(), ["in.jsonl"], "nothing is left of it");
}

#[test]
fn rejects_take_what_is_no_record() {
    let directory = Directory::new();
    let store = directory.at("s");
    let rejects = directory.at("rejects");
    let long = "9".repeat(3 << 20);
    let input = format!("{{\"a\":1}}\nnot json\n\"{long}\"\n{{\"a\":2}}\nlast");
    let arguments = ["ingest", &store, "d", "--rejects", &rejects, "--max-record", "1KiB"];
    let ended = run_with_input(&arguments, input.as_bytes());
    ended.line();
    assert_eq!(run(&["cat", &store, "d"]).stdout, "{\"a\":1}\n{\"a\":2}\n");
    assert_eq!(fs::read_to_string(rejects).unwrap(), format!("not json\n\"{long}\"\nlast\n"));
    assert!(ended.stderr.contains("rejected"), "{ended:?}");
    let ended =
        run_with_input(&["ingest", &store, "d", "--max-record", "1KiB"], format!("\"{long}\"").as_bytes());
    ended.failed(1, &["more than"]);
}

#[test]
fn snapshots_roll_by_records_and_bytes() {
    let directory = Directory::new();
    let store = directory.at("s");
    let input = records(0, 10);
    let by_records =
        run_with_input(&["ingest", &store, "r", "--roll-records", "4", "--json"], input.as_bytes());
    let counts: Vec<u64> = by_records
        .lines()
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["records"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [4, 4, 2]);
    assert_eq!(run(&["cat", &store, "r", "--all"]).stdout, input);
    let first = run(&["ls", &store, "r", "--json"]);
    let first: serde_json::Value = serde_json::from_str(first.lines()[0]).unwrap();
    let since = first["snapshot"].as_str().unwrap();
    assert_eq!(run(&["cat", &store, "r", "--since", since]).stdout, records(4, 10));
    let rolled = run_with_input(&["ingest", &store, "b", "--roll-bytes", "1B"], input.as_bytes());
    assert!(!rolled.lines().is_empty());
    assert_eq!(run(&["cat", &store, "b", "--all"]).stdout, input);
}

#[test]
fn a_snapshot_rolls_by_age_while_nothing_more_comes() {
    let directory = Directory::new();
    let store = directory.at("s");
    let mut child = start(&["ingest", &store, "d", "--roll-age", "1ms"]);
    let mut ids = BufReader::new(child.stdout.take().unwrap());
    for count in 1..=2 {
        // The pipe stays open: it is the age alone that commits.
        child.stdin.as_mut().unwrap().write_all(records(count - 1, count).as_bytes()).unwrap();
        let mut id = String::new();
        ids.read_line(&mut id).unwrap();
        assert_eq!(run(&["cat", &store, "d", id.trim_end()]).stdout, records(count - 1, count));
    }
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, 2));
}

#[test]
fn a_producer_goes_on_behind_what_is_committed() {
    let directory = Directory::new();
    let store = directory.at("s");
    let file = directory.file("in.jsonl", records(0, 10));
    let arguments = ["ingest", &store, "d", &file, "--producer", "p", "--roll-records", "4"];
    assert_eq!(run(&arguments).lines().len(), 3);
    assert_eq!(run(&arguments).lines().len(), 0, "a repeated run has nothing to add");
    let mut appended = fs::OpenOptions::new().append(true).open(&file).unwrap();
    appended.write_all(records(10, 12).as_bytes()).unwrap();
    assert_eq!(run(&arguments).lines().len(), 1);
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, records(0, 12));

    // Standard input, of which the same bytes come again.
    let arguments = ["ingest", &store, "piped", "--producer", "p", "--roll-records", "3"];
    assert_eq!(run_with_input(&arguments, records(0, 6).as_bytes()).lines().len(), 2);
    assert_eq!(run_with_input(&arguments, records(0, 8).as_bytes()).lines().len(), 1);
    assert_eq!(run(&["cat", &store, "piped", "--all"]).stdout, records(0, 8));
    run_with_input(&arguments, b"1\n").failed(1, &["committed already", "not the input of the last run"]);
    let other = directory.file("other.jsonl", records(0, 1));
    run(&["ingest", &store, "d", &other, "--producer", "p"]).failed(1, &["not among the inputs", "in.jsonl"]);
    let shown = run(&["producers", &store, "d", "p", "--json"]);
    assert!(shown.line().contains("\"sequence\":4"), "{shown:?}");
    run(&["producers", &store, "d", "unknown"]).failed(3, &["no producer \"unknown\""]);
}

#[test]
fn records_are_put_into_partitions() {
    let directory = Directory::new();
    let store = directory.at("s");
    let arguments = ["ingest", &store, "d", "--partition-by", "day", "--statistics"];
    run_with_input(&arguments, records(0, 9).as_bytes()).line();
    let partitions = run(&["ls", &store, "d", "--partitions"]);
    assert_eq!(partitions.lines(), ["day=2024-01-01", "day=2024-01-02", "day=2024-01-03"]);
    let files = run(&["files", &store, "d", "--partition", "day=2024-01-02", "--format", "json"]);
    assert!(files.line().contains("\"records\":3"), "{files:?}");
    assert_eq!(run(&["cat", &store, "d"]).lines().len(), 9);
    let shown = run(&["show", &store, "d"]);
    assert!(shown.stdout.contains("NULL OR MISSING"), "{shown:?}");
    run_with_input(&["ingest", &store, "d"], b"1\n").failed(2, &["--partition-by"]);
    run_with_input(&arguments, b"{\"n\":1}\n").failed(1, &["INVALID_RECORD", "day"]);
}

#[test]
fn blobs_are_stored_byte_for_byte() {
    let directory = Directory::new();
    let store = directory.at("s");
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (a, b) = (directory.file("a", &bytes), directory.file("b", b"b"));
    let ended = run(&["ingest", &store, "d", "--codec", "blob", "--compress", "zstd", &a, &b]);
    let ids = ended.lines();
    let mut back = Vec::new();
    let mut child = start(&["cat", &store, "d", ids[0]]);
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    assert!(child.wait().unwrap().success() && back == bytes);
    assert_eq!(run(&["cat", &store, "d"]).stdout, "b");
    for flag in ["--follow", "--omprog", "--statistics", "--roll-age=1s", "--producer=p"] {
        let ended = run(&["ingest", &store, "d", "--codec", "blob", flag]);
        ended.failed(2, &[flag.split('=').next().unwrap(), "blob has none"]);
    }
}

#[test]
fn an_expected_parent_is_compared() {
    let directory = Directory::new();
    let store = directory.at("s");
    let first = run_with_input(&["ingest", &store, "d", "--expect-parent", ""], b"1\n");
    let second = run_with_input(&["ingest", &store, "d", "--expect-parent", first.line()], b"2\n");
    let ended = run_with_input(&["ingest", &store, "d", "--expect-parent", first.line()], b"3\n");
    ended.failed(5, &["CONFLICT", second.line(), "decide again"]);
}

/// A conversation with `lode ingest --omprog`.
struct Rsyslog {
    child: std::process::Child,
    replies: BufReader<std::process::ChildStdout>,
}

impl Rsyslog {
    fn new(arguments: &[&str]) -> Self {
        let mut child = start(arguments);
        let replies = BufReader::new(child.stdout.take().unwrap());
        let mut rsyslog = Rsyslog { child, replies };
        assert_eq!(rsyslog.reply(), "OK", "it is ready");
        rsyslog
    }

    fn reply(&mut self) -> String {
        let mut line = String::new();
        self.replies.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn send(&mut self, line: &str) -> String {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.reply()
    }
}

#[test]
fn rsyslog_is_told_that_a_message_is_durable_once_it_is() {
    let directory = Directory::new();
    let store = directory.at("s");
    let mut rsyslog = Rsyslog::new(&["ingest", &store, "d", "--omprog"]);
    assert_eq!(rsyslog.send("{\"n\":1}"), "OK");
    assert_eq!(run(&["cat", &store, "d", "--all"]).stdout, "{\"n\":1}\n");
    assert_eq!(rsyslog.send("BEGIN TRANSACTION"), "OK");
    assert_eq!(rsyslog.send("{\"n\":2}"), "DEFER_COMMIT");
    assert_eq!(rsyslog.send("{\"n\":3}"), "DEFER_COMMIT");
    assert_eq!(run(&["cat", &store, "d", "--all"]).lines().len(), 1, "not before the transaction's end");
    assert_eq!(rsyslog.send("COMMIT TRANSACTION"), "OK");
    assert_eq!(run(&["cat", &store, "d", "--all"]).lines().len(), 3);
    let reply = rsyslog.send("no json");
    assert!(reply.starts_with("Error: ") && reply.contains("INVALID_RECORD"), "{reply}");
    // A transaction that is refused in the middle comes again as a whole.
    assert_eq!(rsyslog.send("BEGIN TRANSACTION"), "OK");
    assert_eq!(rsyslog.send("{\"n\":4}"), "DEFER_COMMIT");
    assert!(rsyslog.send("no json").starts_with("Error: "));
    assert_eq!(rsyslog.send("BEGIN TRANSACTION"), "OK");
    assert_eq!(rsyslog.send("{\"n\":4}"), "DEFER_COMMIT");
    // What was not confirmed by the end of the input is not committed.
    drop(rsyslog.child.stdin.take());
    assert!(rsyslog.child.wait().unwrap().success());
    assert_eq!(run(&["cat", &store, "d", "--all"]).lines().len(), 3);
}

#[test]
fn what_rsyslog_sends_again_and_again_can_be_rejected() {
    let directory = Directory::new();
    let (store, rejects) = (directory.at("s"), directory.at("rejects"));
    let mut rsyslog = Rsyslog::new(&["ingest", &store, "d", "--omprog", "--rejects", &rejects]);
    assert_eq!(rsyslog.send("BEGIN TRANSACTION"), "OK");
    assert_eq!(rsyslog.send("no json"), "DEFER_COMMIT");
    assert_eq!(rsyslog.send("{\"n\":1}"), "DEFER_COMMIT");
    assert_eq!(rsyslog.send("COMMIT TRANSACTION"), "OK");
    assert_eq!(fs::read_to_string(&rejects).unwrap(), "no json\n");
    assert_eq!(run(&["cat", &store, "d"]).stdout, "{\"n\":1}\n");
    drop(rsyslog.child.stdin.take());
    assert!(rsyslog.child.wait().unwrap().success());
}

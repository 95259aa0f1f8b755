//! One run against a service that speaks S3, which prints a line of JSON. Run by benches/run.py.
//!
//!     object_store write|bare-write URL SETTINGS INPUT      one data file from JSON lines that are in memory
//!     object_store read|bare-read URL SETTINGS INPUT        what such a write has left, again
//!     object_store commits|bare-commits URL SETTINGS COUNT  commits of one record; their five requests alone
//!     object_store memory URL SETTINGS BYTES                the peak of memory while so much is written
//!     object_store discard                                  a service that keeps no part of large objects,
//!                                                           until standard input ends; prints its URL
//!
//! SETTINGS is the JSON of a store's settings. Nanoseconds leave out reading INPUT, and what is done once a
//! handle: opening it, which reads the system's certificates; a commit of two parts comes before a write that
//! is timed, and the five requests before the bare one.

mod bare;
mod discard;
#[path = "../../tests/object_stores/mini_http.rs"]
#[allow(dead_code)]
mod mini_http;

use std::time::Instant;

use lode_core::codec::Codec;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, ReadOptions, WriterOptions};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};

/// How many commits come before those that are timed.
const WARM_UP: usize = 5;

fn open(url: &str, settings: &str) -> Dataset {
    let store = Store::open_url(url, settings, StoreOptions::default()).unwrap();
    Dataset::open(&store, "bench", DatasetOptions { codec: Codec::Jsonl, ..Default::default() }).unwrap()
}

fn append(writer: &mut lode_core::dataset::RecordWriter, mut lines: &[u8]) {
    while !lines.is_empty() {
        let (consumed, outcome) = writer.append_lines(lines);
        outcome.unwrap();
        assert!(consumed > 0, "a line without an end");
        lines = &lines[consumed..];
    }
}

fn write(dataset: &Dataset, input: &[u8]) {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    append(&mut writer, input);
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
}

/// A dataset whose handle has tried what the service keeps of its conditions, which each does once.
fn warm(url: &str, settings: &str) -> Dataset {
    let dataset = open(url, settings);
    write(&dataset, "{\"a line\":\"of twenty bytes\"}\n".repeat(300_000).as_bytes());
    dataset
}

fn read(dataset: &Dataset) -> usize {
    let snapshot = dataset.latest(&CallOptions::default()).unwrap();
    let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
    let mut bytes = 0;
    loop {
        let batch = reader.next_batch(1024).unwrap();
        if batch.is_empty() {
            return bytes;
        }
        bytes += batch.iter().map(|record| record.len() + 1).sum::<usize>();
    }
}

fn commits(url: &str, settings: &str, count: usize) -> Vec<u128> {
    let dataset = open(url, settings);
    let commit = |number| {
        let record = format!(r#"{{"id":{number},"event":"purchase","user":"user-1","amount":1}}"#);
        let begun = Instant::now();
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        writer.append(record.as_bytes(), None).unwrap();
        writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
        begun.elapsed().as_nanos()
    };
    (0..WARM_UP + count).map(commit).skip(WARM_UP).collect()
}

/// Writes so many bytes of records in one commit.
fn write_much(url: &str, settings: &str, bytes: u64) {
    let line = format!("{{\"text\":\"{}\"}}\n", "x".repeat(1_000));
    let lines = line.repeat(1_000);
    let mut writer = open(url, settings).record_writer(WriterOptions::default()).unwrap();
    for _ in 0..bytes.div_ceil(lines.len() as u64) {
        append(&mut writer, lines.as_bytes());
    }
    writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
}

/// The most memory that this process had, in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

fn timed(bytes: usize, run: impl FnOnce()) {
    let begun = Instant::now();
    run();
    println!("{{\"ns\":{},\"bytes\":{bytes}}}", begun.elapsed().as_nanos());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if arguments == ["discard"] {
        return discard::serve();
    }
    let [mode, url, settings, last] = &arguments[..] else {
        // As `cargo test --benches` calls it: there is nothing to be measured.
        return;
    };
    match mode.as_str() {
        "write" => {
            let (input, dataset) = (std::fs::read(last).unwrap(), warm(url, settings));
            timed(input.len(), || write(&dataset, &input));
        }
        "bare-write" => {
            let (input, bucket) = (std::fs::read(last).unwrap(), bare::Bucket::open(url, settings));
            bucket.commit(0);
            timed(input.len(), || bucket.write(&input));
        }
        "read" => {
            let size = std::fs::metadata(last).unwrap().len() as usize;
            let dataset = open(url, settings);
            timed(size, || assert_eq!(read(&dataset), size));
        }
        "bare-read" => {
            let size = std::fs::metadata(last).unwrap().len() as usize;
            let key = {
                let dataset = open(url, settings);
                let snapshot = dataset.latest(&CallOptions::default()).unwrap();
                snapshot.manifest().files[0].path.to_string()
            };
            let bucket = bare::Bucket::open(url, settings);
            timed(size, || assert_eq!(bucket.read(&key), size));
        }
        "commits" => println!("{{\"commits\":{:?}}}", commits(url, settings, last.parse().unwrap())),
        "bare-commits" => {
            let bare = bare::Bucket::open(url, settings);
            let times: Vec<u128> = (0..WARM_UP + last.parse::<usize>().unwrap())
                .map(|number| bare.commit(number))
                .skip(WARM_UP)
                .collect();
            println!("{{\"commits\":{times:?}}}");
        }
        "memory" => {
            let bytes: u64 = last.parse().unwrap();
            let begun = Instant::now();
            write_much(url, settings, bytes);
            println!("{{\"ns\":{},\"bytes\":{bytes},\"peak\":{}}}", begun.elapsed().as_nanos(), peak());
        }
        other => panic!("unknown mode {other:?}"),
    }
}

//! Data files that several threads check, compress and hash: the same records as by one, in the same order, and
//! the same refusals.

use std::sync::Arc;

use super::faults::store_of;
use super::*;
use crate::error::Status;
use crate::store::sim::{Errno, Fault, SimDisk};
use crate::threads::{OwnThreads, Spawn, Task, Threads};

/// Runs each task on the calling thread, at once: no test depends on how threads are scheduled.
struct AtOnce;

impl Spawn for AtOnce {
    fn spawn(&self, task: Task) {
        task.run();
    }
}

fn threaded(store: &Store, compressor: Compressor, spawn: Arc<dyn Spawn>) -> Dataset {
    threaded_as(store, spawn, DatasetOptions { compressor, ..options() })
}

fn threaded_as(store: &Store, spawn: Arc<dyn Spawn>, options: DatasetOptions) -> Dataset {
    let threads = Threads { count: 3, spawn: Some(spawn) };
    Dataset::open(store, "events", DatasetOptions { threads, ..options }).unwrap()
}

/// Records that make more than one piece for a thread.
fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(100_000))).collect()
}

#[test]
fn several_threads_write_what_one_reads_back() {
    for (compressor, checksum) in formats() {
        for count in [0, 1, 130] {
            let store = memory();
            let options = DatasetOptions { compressor, checksum, ..options() };
            let dataset = threaded_as(&store, Arc::new(OwnThreads), options);
            let texts = texts(count);
            let given: Vec<&str> = texts.iter().map(String::as_str).collect();
            let pulled = write(&dataset, &given).unwrap().snapshot;
            let held = write_held(&dataset, &given).unwrap().snapshot;
            let part = parts::stage(&dataset, &given);
            let staged = parts::commit(&dataset, &[part]).unwrap().snapshot;
            for snapshot in [pulled, held, staged] {
                let read = read_all(&open(&store), &snapshot, ReadOptions::default()).unwrap();
                assert!(read == texts, "{compressor:?}, {checksum:?}, {count} records");
            }
        }
    }
}

#[test]
fn small_records_that_are_pulled_and_their_line_breaks_do_not_depend_on_the_threads() {
    let mut texts: Vec<String> = (0..400_000).map(|number| (number % 10).to_string()).collect();
    texts[131_072] = "[\n1,\r\n2]".to_owned();
    texts[399_999] = "{\n}".to_owned();
    let given: Vec<&str> = texts.iter().map(String::as_str).collect();
    for target_file_bytes in [0, 100_000] {
        let store = memory();
        let options = DatasetOptions { target_file_bytes, ..options() };
        let dataset = threaded_as(&store, Arc::new(OwnThreads), options);
        let snapshot = write(&dataset, &given).unwrap().snapshot;
        let read = read_all(&open(&store), &snapshot, ReadOptions::default()).unwrap();
        let expected = texts.iter().map(|text| text.replace(['\r', '\n'], ""));
        assert!(read.into_iter().eq(expected), "files of {target_file_bytes} bytes");
        assert_eq!(snapshot.manifest().files.len() > 1, target_file_bytes > 0);
    }
}

#[test]
fn a_bad_record_gives_the_same_error_with_any_number_of_threads() {
    /// What stands where, what the source fails with at its end, and which error is the first, of which record.
    type Case<'a> = (&'a [(usize, &'a str)], Option<Error>, Option<(Status, Option<u64>)>);
    /// The limit of the dataset.
    const LIMIT: u64 = 200_000;
    let long = format!("\"{}\"", "x".repeat(LIMIT as usize));
    let spread = format!("[1{}]", "\n".repeat(LIMIT as usize));
    let fails = || Some(Error::new(Status::Aborted, "the source fails"));
    let cases: &[Case<'_>] = &[
        (&[(0, "nil")], None, Some((Status::InvalidRecord, Some(0)))),
        (&[(129, "[1")], None, Some((Status::InvalidRecord, Some(129)))),
        (&[(30, "1 2"), (100, "nil")], None, Some((Status::InvalidRecord, Some(30)))),
        (&[(64, "{}\n{}")], None, Some((Status::InvalidRecord, Some(64)))),
        (&[(64, "")], fails(), Some((Status::InvalidRecord, Some(64)))),
        (&[(64, &long)], None, Some((Status::RecordTooLarge, Some(64)))),
        (&[(64, "nil"), (65, &long)], None, Some((Status::InvalidRecord, Some(64)))),
        (&[(64, &long), (65, "nil")], None, Some((Status::RecordTooLarge, Some(64)))),
        (&[], fails(), Some((Status::Aborted, None))),
        (&[(64, &spread)], None, None),
    ];
    for (number, (placed, failure, expected)) in cases.iter().enumerate() {
        let mut texts = texts(130);
        placed.iter().for_each(|(at, text)| (*text).clone_into(&mut texts[*at]));
        let given: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut messages = Vec::new();
        let spawns: [Option<Arc<dyn Spawn>>; 3] = [None, Some(Arc::new(AtOnce)), Some(Arc::new(OwnThreads))];
        for spawn in spawns {
            let store = memory();
            let options =
                DatasetOptions { max_record_bytes: LIMIT, compressor: Compressor::Zstd, ..options() };
            let dataset = match spawn {
                None => Dataset::open(&store, "events", options).unwrap(),
                Some(spawn) => threaded_as(&store, spawn, options),
            };
            if let (None, Some((status, record))) = (failure, expected) {
                let error = write_held(&dataset, &given).err().unwrap();
                assert_eq!((error.status(), error.record()), (*status, *record), "array of case {number}");
            }
            let mut source = Records { failure: failure.clone(), ..records(&given) };
            let written =
                dataset.stream_write_records(&mut source, Metadata::empty(), CommitOptions::default());
            match (written, expected) {
                (Err(error), Some((status, record))) => {
                    assert_eq!((error.status(), error.record()), (*status, *record), "case {number}");
                    messages.push(error.message().to_owned());
                    assert!(keys(&store).is_empty(), "nothing is left of case {number}");
                }
                (Ok(commit), None) => {
                    let read = read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap();
                    assert_eq!((read.len(), &*read[64]), (130, "[1]"), "case {number}");
                    messages.push(String::new());
                }
                (written, _) => {
                    panic!("case {number}: {:?}", written.map(|commit| commit.snapshot.id().to_owned()))
                }
            }
        }
        assert!(messages.iter().all(|message| *message == messages[0]), "{messages:?}");
    }
}

#[test]
fn a_full_disk_loses_nothing_that_several_threads_have_compressed() {
    let texts = texts(130);
    let act = |process: &crate::store::sim::SimProcess, fault: Option<usize>| {
        let dataset = threaded(&store_of(process), Compressor::Zstd, Arc::new(AtOnce));
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        if let Some(number) = fault {
            process.fault_on(crate::store::sim::Op::Write, number, Fault::Fail(Errno::NOSPC));
        }
        let mut refused = 0;
        for text in &texts {
            if writer.append(text.as_bytes(), None).is_err() {
                refused += 1;
                writer.append(text.as_bytes(), None).unwrap();
            }
        }
        let commit = writer.commit(Metadata::empty(), CommitOptions::default()).or_else(|_| {
            refused += 1;
            writer.commit(Metadata::empty(), CommitOptions::default())
        });
        (read_all(&dataset, &commit.unwrap().snapshot, ReadOptions::default()).unwrap(), refused)
    };
    for number in 0..4 {
        let process = SimDisk::new().process();
        let (read, refused) = act(&process, Some(number));
        assert!(read == texts, "write {number}");
        assert_eq!(refused, 1, "write {number} fails once");
    }
}

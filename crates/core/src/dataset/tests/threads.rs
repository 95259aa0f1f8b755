//! Data files that several threads compress: the same records as by one, in the same order.

use std::sync::Arc;

use super::faults::store_of;
use super::*;
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
    let threads = Threads { count: 3, spawn: Some(spawn) };
    Dataset::open(store, "events", DatasetOptions { compressor, threads, ..options() }).unwrap()
}

/// Records that make more than one piece for a thread.
fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(100_000))).collect()
}

#[test]
fn several_threads_write_what_one_reads_back() {
    for compressor in [Compressor::Gzip, Compressor::Zstd, Compressor::None] {
        for count in [0, 1, 130] {
            let store = memory();
            let dataset = threaded(&store, compressor, Arc::new(OwnThreads));
            let texts = texts(count);
            let given: Vec<&str> = texts.iter().map(String::as_str).collect();
            let pulled = write(&dataset, &given).unwrap().snapshot;
            let held = write_held(&dataset, &given).unwrap().snapshot;
            let part = parts::stage(&dataset, &given);
            let staged = parts::commit(&dataset, &[part]).unwrap().snapshot;
            for snapshot in [pulled, held, staged] {
                let read = read_all(&open(&store), &snapshot, ReadOptions::default()).unwrap();
                assert!(read == texts, "{compressor:?}, {count} records");
            }
        }
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

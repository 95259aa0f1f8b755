//! Records of one commit divided into several files, which keep their order.

use super::audit::audit;
use super::faults::store_of;
use super::*;
use crate::error::Status;
use crate::store::sim::{Errno, Fault, Op, SimDisk};
use crate::threads::Threads;

/// More than what is gathered before a file may end.
const LARGE: usize = 270_000;

/// A dataset whose files end with each record that is large.
pub(super) fn dividing(store: &Store, compressor: Compressor, threads: u32) -> Dataset {
    let threads = Threads { count: threads, spawn: None };
    let target_file_bytes = LARGE as u64 / 2;
    let options =
        DatasetOptions { compressor, threads, target_file_bytes, file_statistics: true, ..options() };
    Dataset::open(store, "events", options).expect("it opens")
}

fn large(number: usize, len: usize) -> String {
    format!("{{\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(len))
}

/// So many large records.
fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| large(number, LARGE)).collect()
}

/// Pushes two records, each of which gets a file.
pub(super) fn push_divided(dataset: &Dataset) -> Result<Commit> {
    let dataset = dividing(dataset.store(), Compressor::None, 1);
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    for text in texts(2) {
        writer.append(text.as_bytes(), None)?;
    }
    writer.commit(Metadata::empty(), CommitOptions::default())
}

fn committed(writer: &mut RecordWriter) -> Snapshot {
    writer.commit(Metadata::empty(), CommitOptions::default()).expect("it is committed").snapshot
}

/// The three ways in which records come, and as a part.
fn write_as(dataset: &Dataset, texts: &[String], way: usize) -> Snapshot {
    let held: Vec<&str> = texts.iter().map(String::as_str).collect();
    if way == 0 {
        return write(dataset, &held).unwrap().snapshot;
    }
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    if way == 1 {
        writer.append_lines((held.join("\n") + "\n").as_bytes()).1.unwrap();
    } else {
        held.iter().for_each(|text| writer.append(text.as_bytes(), None).unwrap());
    }
    if way < 3 {
        return committed(&mut writer);
    }
    let part = writer.stage(&CallOptions::default()).unwrap();
    let part = dataset.part_from_json(part.json()).unwrap();
    dataset.commit_parts(&[part], Metadata::empty(), CommitOptions::default()).unwrap().snapshot
}

#[test]
fn the_files_keep_the_order_of_the_records_however_they_come() {
    // What is gathered is divided no further: 4 MiB with zstd, 2 MiB with threads, of 270,000 bytes each.
    for (compressor, threads, count, expected) in [
        (Compressor::None, 1, 14, 14),
        (Compressor::Gzip, 1, 14, 14),
        (Compressor::Zstd, 1, 40, 3),
        (Compressor::Gzip, 2, 40, 5),
    ] {
        for way in 0..4 {
            let store = memory();
            let dataset = dividing(&store, compressor, threads);
            let texts = texts(count);
            let snapshot = write_as(&dataset, &texts, way);
            let manifest = snapshot.manifest();
            assert_eq!(manifest.files.len(), expected, "{compressor:?}, {way}");
            for (number, file) in manifest.files.iter().enumerate() {
                let name = dataset.options().file_name(u32::try_from(number).unwrap() + 1);
                assert!(file.path.ends_with(&format!("/data/{name}")), "{}", file.path);
            }
            let counts: Vec<_> = (0..expected).map(|file| manifest.file_row_count(file)).collect();
            assert!(counts.iter().all(|count| count.is_some_and(|count| count > 0)), "{counts:?}");
            assert_eq!(manifest.row_count, count as u64);
            let read = read_all(&dataset, &snapshot, ReadOptions::default()).unwrap();
            assert!(read == texts, "{compressor:?}, {way}");
            audit(&store, &[snapshot.id().to_owned()]).unwrap();
        }
    }
}

#[test]
fn without_the_option_and_with_few_records_there_is_one_file() {
    let store = memory();
    let one = write_as(&open(&store), &texts(5), 2);
    assert_eq!(one.manifest().files.len(), 1);
    let few = write_as(&dividing(&store, Compressor::None, 1), &[large(1, 10), large(2, 10)], 2);
    assert_eq!(few.manifest().files.len(), 1);
    let none = write_as(&dividing(&store, Compressor::None, 1), &[], 2);
    assert_eq!((none.manifest().files.len(), none.manifest().row_count), (1, 0));
}

#[test]
fn a_record_that_is_refused_after_a_file_has_ended_leaves_no_empty_file() {
    let store = memory();
    let dataset = dividing(&store, Compressor::None, 1);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(large(0, LARGE).as_bytes(), None).unwrap();
    let error = writer.append(b"{", None).unwrap_err();
    assert_eq!((error.status(), error.record()), (Status::InvalidRecord, Some(1)), "{error}");
    let snapshot = committed(&mut writer);
    assert_eq!((snapshot.manifest().files.len(), snapshot.manifest().row_count), (1, 1));
    assert_eq!(keys(&store).iter().filter(|key| key.contains("/data/")).count(), 1);
    audit(&store, &[snapshot.id().to_owned()]).unwrap();
}

#[test]
fn a_writer_that_is_given_up_leaves_none_of_its_files() {
    for drops in [false, true] {
        let store = memory();
        let mut writer =
            dividing(&store, Compressor::None, 1).record_writer(WriterOptions::default()).unwrap();
        texts(12).iter().for_each(|text| writer.append(text.as_bytes(), None).unwrap());
        assert!(!keys(&store).is_empty(), "the first files are durable before the last ones are written");
        if !drops {
            writer.abort().unwrap();
        }
        drop(writer);
        assert_eq!(keys(&store), [""; 0]);
    }
}

#[test]
fn only_records_that_no_key_divides_are_divided() {
    let store = memory();
    for options in [
        DatasetOptions { codec: Codec::None, ..options() },
        DatasetOptions { layout: Layout::Hive, partition_keys: vec!["p".to_owned()], ..options() },
    ] {
        let options = DatasetOptions { target_file_bytes: 1, ..options };
        let error = Dataset::open(&store, "events", options).err().expect("it is refused");
        assert_eq!(error.status(), Status::InvalidArgument);
        assert!(error.message().contains("target_file_bytes"), "{error}");
    }
}

#[test]
fn a_full_disk_between_two_files_takes_nothing_of_a_record() {
    let texts = texts(7);
    let operations = {
        let process = SimDisk::new().process();
        write_as(&dividing(&store_of(&process), Compressor::None, 1), &texts, 2);
        process.operations()
    };
    let mut survived = 0;
    for number in 0..operations {
        let disk = SimDisk::new();
        let process = disk.process();
        let dataset = dividing(&store_of(&process), Compressor::None, 1);
        process.fault_at(number, Fault::Fail(Errno::NOSPC));
        let Ok(mut writer) = dataset.record_writer(WriterOptions::default()) else { continue };
        let mut lost = None;
        for text in &texts {
            // Once more, if it was not taken.
            if writer.append(text.as_bytes(), None).is_err()
                && let Err(error) = writer.append(text.as_bytes(), None)
            {
                lost = Some(error);
                break;
            }
        }
        let mut commit = || writer.commit(Metadata::empty(), CommitOptions::default());
        let committed = lost.map_or_else(|| commit().or_else(|_| commit()), Err);
        let step = process.trace().get(number).cloned();
        match committed {
            Ok(commit) => {
                survived += 1;
                let read = read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap();
                assert!(read == texts, "{step:?}");
            }
            // A failed sync or close loses what it was for.
            Err(error) => {
                let losing = [Op::SyncFile, Op::SyncDir, Op::Close];
                assert!(step.as_ref().is_some_and(|step| losing.contains(&step.op)), "{step:?}: {error}");
                drop(writer);
                if error.status() == Status::CommitUnknown {
                    continue;
                }
                assert!(ids(&dataset).is_empty());
                let left: Vec<_> = disk.files().into_keys().filter(|path| path.contains("/data/")).collect();
                assert_eq!(left, [""; 0], "{step:?}: {error}");
            }
        }
    }
    assert!(survived * 2 > operations, "{survived} of {operations}");
}

//! Streams into partitions: each record in its partition's files, a bounded number of them open.

use std::collections::BTreeMap;

use super::audit::audit_as;
use super::faults::store_of;
use super::*;
use crate::error::Status;
use crate::store::sim::{Errno, Fault, Op, SimDisk};

fn streaming(store: &Store, most: u32) -> Dataset {
    let options = DatasetOptions {
        layout: Layout::Hive,
        partition_keys: vec!["p".to_owned()],
        partition_streaming: true,
        max_open_partitions: most,
        ..options()
    };
    Dataset::open(store, "events", options).unwrap()
}

/// `count` records that go round through so many partitions.
fn texts(count: usize, partitions: usize) -> Vec<String> {
    (0..count).map(|number| format!("{{\"p\":\"{}\",\"n\":{number}}}", number % partitions)).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// How many files each partition has.
fn files(snapshot: &Snapshot) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for file in &snapshot.manifest().files {
        let partition = Layout::Hive.partition_of("events", &file.path).unwrap();
        *counts.entry(partition.to_owned()).or_default() += 1;
    }
    counts
}

/// The three ways in which a stream comes.
fn write_streamed(dataset: &Dataset, texts: &[String], way: usize) -> Result<Snapshot> {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    if way == 0 {
        return write(dataset, &texts).map(|commit| commit.snapshot);
    }
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    if way == 1 {
        for text in &texts {
            writer.append(text.as_bytes(), None)?;
        }
    } else {
        let lines = texts.join("\n") + "\n";
        let (consumed, appended) = writer.append_lines(lines.as_bytes());
        appended?;
        assert_eq!(consumed, lines.len());
    }
    assert_eq!(writer.records(), texts.len() as u64);
    if way == 3 {
        let part = writer.stage(&CallOptions::default())?;
        let part = dataset.part_from_json(part.json())?;
        return dataset
            .commit_parts(&[part], Metadata::empty(), CommitOptions::default())
            .map(|commit| commit.snapshot);
    }
    writer.commit(Metadata::empty(), CommitOptions::default()).map(|commit| commit.snapshot)
}

#[test]
fn each_record_goes_into_its_partition_pulled_pushed_and_staged() {
    for way in 0..4 {
        let store = memory();
        let dataset = streaming(&store, 0);
        let texts = texts(100, 7);
        let snapshot = write_streamed(&dataset, &texts, way).unwrap();
        assert_eq!(
            sorted(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap()),
            sorted(texts.clone())
        );
        let counts = files(&snapshot);
        assert_eq!((counts.len(), counts.values().max()), (7, Some(&1)));
        assert_eq!(snapshot.manifest().row_count, 100);
        audit_as(&store, Layout::Hive, &[snapshot.id().to_owned()]).unwrap();
        // What an array makes of the same records.
        let array = write_held(&dataset, &texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        assert_eq!(
            read_all(&dataset, &array.snapshot, ReadOptions::default()).unwrap(),
            read_all(&dataset, &snapshot, ReadOptions::default()).unwrap()
        );
    }
}

#[test]
fn beyond_the_most_open_files_the_least_recently_used_is_finished_and_its_partition_gets_another() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = streaming(&store_of(&process), 2);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let mut append = |p: &str, n: usize| {
        writer.append(format!("{{\"p\":\"{p}\",\"n\":{n}}}").as_bytes(), None).unwrap();
        let temporaries = disk.temporaries();
        (temporaries.len(), disk.files().keys().filter(|path| path.contains("/data/data")).count())
    };
    assert_eq!(append("a", 0), (1, 0));
    assert_eq!(append("b", 1), (2, 0));
    assert_eq!(append("a", 2), (2, 0));
    assert_eq!(append("c", 3), (2, 1), "b is finished, which was used before a");
    assert_eq!(append("a", 4), (2, 1));
    assert_eq!(append("b", 5), (2, 2), "c is finished");
    assert_eq!(append("b", 6), (2, 2));
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(files(&snapshot), BTreeMap::from([("p=a".into(), 1), ("p=b".into(), 2), ("p=c".into(), 1)]));
    let second = snapshot.manifest().files.iter().any(|file| file.path.ends_with("/data/data-2"));
    assert!(second, "{:?}", snapshot.manifest().files);
    let read = read_all(&dataset, &snapshot, ReadOptions::default()).unwrap();
    let of_b: Vec<_> = read.iter().filter(|text| text.contains("\"b\"")).collect();
    assert_eq!(of_b, ["{\"p\":\"b\",\"n\":1}", "{\"p\":\"b\",\"n\":5}", "{\"p\":\"b\",\"n\":6}"]);
    audit_as(&store_of(&disk.process()), Layout::Hive, &[snapshot.id().to_owned()]).unwrap();
}

#[test]
fn many_more_partitions_than_open_files_lose_no_record() {
    for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
        let store = memory();
        let options = DatasetOptions { compressor, ..streaming(&store, 3).options().clone() };
        let dataset = Dataset::open(&store, "events", options).unwrap();
        let texts = texts(500, 50);
        let snapshot = write_streamed(&dataset, &texts, 1).unwrap();
        assert_eq!(files(&snapshot).values().sum::<usize>(), 500, "each record closes a file");
        assert_eq!(sorted(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap()), sorted(texts));
    }
}

#[test]
fn a_writer_without_records_and_one_that_is_given_up_leave_nothing() {
    let store = memory();
    let dataset = streaming(&store, 2);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for text in texts(10, 5) {
        writer.append(text.as_bytes(), None).unwrap();
    }
    assert!(!keys(&store).is_empty(), "files that were finished");
    writer.abort().unwrap();
    writer.abort().unwrap();
    assert!(keys(&store).is_empty());
    let error = writer.append(b"{\"p\":1}", None).unwrap_err();
    assert_eq!(error.status(), Status::State);
    let mut dropped = dataset.record_writer(WriterOptions::default()).unwrap();
    for text in texts(10, 5) {
        dropped.append(text.as_bytes(), None).unwrap();
    }
    drop(dropped);
    assert!(keys(&store).is_empty());
    let snapshot = write_streamed(&dataset, &[], 1).unwrap();
    assert!(snapshot.manifest().files.is_empty());
}

#[test]
fn a_record_that_belongs_nowhere_is_refused_and_the_writer_goes_on() {
    let dataset = streaming(&memory(), 2);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append(b"{\"p\":1}", None).unwrap();
    for (bad, message) in
        [("{\"q\":1}", "does not have it"), ("{\"p\":null}", "is null"), ("{\"p\":1", "record 1")]
    {
        let error = writer.append(bad.as_bytes(), None).unwrap_err();
        assert_eq!((error.status(), error.record()), (Status::InvalidRecord, Some(1)), "{error}");
        assert!(error.message().contains(message), "{error}");
    }
    let (consumed, refused) = writer.append_lines(b"{\"p\":2}\n{\"q\":3}\n{\"p\":4}\n");
    assert_eq!((consumed, refused.unwrap_err().record()), (8, Some(2)));
    writer.append(b"{\"p\":5}", None).unwrap();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(snapshot.manifest().row_count, 3);
    let options = WriterOptions { bad_records: BadRecords::Skip, ..WriterOptions::default() };
    let mut skipping = dataset.record_writer(options).unwrap();
    let (consumed, appended) = skipping.append_lines(b"{\"p\":2}\n{\"q\":3}\n{\"p\":4}\n");
    assert_eq!((consumed, appended.is_ok(), skipping.records(), skipping.skipped()), (24, true, 2, 1));
}

#[test]
fn without_the_option_a_stream_into_partitions_is_refused() {
    let dataset = open_as(&memory(), Layout::Hive);
    for error in [
        write(&dataset, &["{\"p\":1}"]).err().unwrap(),
        dataset.record_writer(WriterOptions::default()).err().unwrap(),
        dataset.stage_records(&mut records(&["{\"p\":1}"]), &CallOptions::default()).err().unwrap(),
    ] {
        assert_eq!(error.status(), Status::PartitioningNotSupported);
        assert!(error.message().contains("partition_streaming"), "{error}");
    }
}

#[test]
fn where_descriptors_run_out_fewer_files_stay_open() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = streaming(&store_of(&process), 64);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let mut created = 0;
    process.plan(move |_, step| {
        created += usize::from(step.op == Op::Create);
        // Each fourth file finds no descriptor.
        (step.op == Op::Create && created % 4 == 0).then_some(Fault::Fail(Errno::MFILE))
    });
    let texts = texts(40, 10);
    for text in &texts {
        writer.append(text.as_bytes(), None).unwrap();
    }
    process.heal();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert!(snapshot.manifest().files.len() > 10);
    assert_eq!(sorted(read_all(&dataset, &snapshot, ReadOptions::default()).unwrap()), sorted(texts));
}

#[test]
fn a_full_disk_takes_nothing_of_a_record_and_the_writer_goes_on_when_there_is_space() {
    let texts = texts(30, 6);
    let operations = {
        let process = SimDisk::new().process();
        write_streamed(&streaming(&store_of(&process), 2), &texts, 1).unwrap();
        process.operations()
    };
    for number in 0..operations {
        let disk = SimDisk::new();
        let process = disk.process();
        let dataset = streaming(&store_of(&process), 2);
        process.fault_at(number, Fault::Fail(Errno::NOSPC));
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
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
        let commit = || CommitOptions::default();
        let committed = match lost {
            Some(error) => Err(error),
            None => writer
                .commit(Metadata::empty(), commit())
                .or_else(|_| writer.commit(Metadata::empty(), commit())),
        };
        let step = process.trace().get(number).cloned();
        match committed {
            Ok(commit) => {
                let read = read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap();
                assert_eq!(sorted(read), sorted(texts.clone()), "{step:?}");
            }
            // A failed sync or close loses what it was for.
            Err(error) => {
                let losing = [Op::SyncFile, Op::SyncDir, Op::Close];
                let of_sync = step.as_ref().is_some_and(|step| losing.contains(&step.op));
                assert!(of_sync, "{step:?}: {error}");
                drop(writer);
                assert!(ids(&dataset).is_empty());
            }
        }
    }
}

/// A commit that is repeated by its policy either fails or has each record once, wherever its first try
/// fails.
#[test]
fn a_repeated_commit_into_partitions_has_each_record_once() {
    type Way = fn(&Dataset, &[&str], CommitOptions<'_>) -> Result<Commit>;
    let ways: [(&str, Way); 3] = [
        ("pulled", |dataset, texts, options| {
            dataset.stream_write_records(&mut records(texts), Metadata::empty(), options)
        }),
        ("pushed", |dataset, texts, options| {
            let mut writer = dataset.record_writer(WriterOptions::default())?;
            texts.iter().try_for_each(|text| writer.append(text.as_bytes(), None))?;
            writer.commit(Metadata::empty(), options)
        }),
        ("an array", |dataset, texts, options| {
            let records: Vec<_> =
                texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
            dataset.write_records(&records, Metadata::empty(), options)
        }),
    ];
    let texts = texts(9, 3);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for (name, way) in ways {
        for most in [0, 2] {
            let (mut repeated, mut at) = (0, 0);
            loop {
                let disk = SimDisk::new();
                let process = disk.process();
                let mut steps = 0;
                let fails = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
                let failed = fails.clone();
                process.plan(move |_, _| {
                    steps += 1;
                    let fails = steps == at + 1;
                    failed.fetch_or(fails, std::sync::atomic::Ordering::Relaxed);
                    fails.then_some(Fault::Fail(Errno::IO))
                });
                let dataset = streaming(&store_of(&process), most);
                let retry =
                    Retry { attempts: 3, base: std::time::Duration::ZERO, cap: std::time::Duration::ZERO };
                let options = CommitOptions { retry: Some(retry), ..CommitOptions::default() };
                let outcome = way(&dataset, &texts, options);
                if !fails.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                if let Ok(commit) = outcome {
                    repeated += 1;
                    let fresh = streaming(&store_of(&disk.process()), most);
                    let snapshot = fresh.snapshot(commit.snapshot.id(), &CallOptions::default()).unwrap();
                    let read = read_all(&fresh, &snapshot, ReadOptions::default()).unwrap();
                    assert_eq!(
                        sorted(read),
                        sorted(texts.iter().map(|text| (*text).to_owned()).collect()),
                        "{name}, {at}"
                    );
                }
                at += 1;
            }
            assert!(repeated > 0, "{name}: some failure is overcome");
        }
    }
}

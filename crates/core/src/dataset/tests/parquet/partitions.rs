//! Arrow batches into partitions: split by their key columns as records are.

use ::arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, StringViewArray, TimestampSecondArray,
};
use ::arrow_schema::{Field, Schema as ArrowSchema};

use super::arrow::{held, write};
use super::*;
use crate::dataset::tests::faults::store_of;
use crate::error::Status;
use crate::store::sim::{Errno, Fault, Op, SimDisk};

const SCHEMA: &str =
    r#"{"fields":[{"name":"p","type":"string","nullable":true},{"name":"n","type":"int64"}]}"#;

fn options_by(keys: &[&str], schema: Option<&str>, codec: Codec) -> DatasetOptions {
    DatasetOptions {
        codec,
        layout: Layout::Hive,
        partition_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        partition_streaming: true,
        columns: schema.map_or_else(ColumnOptions::default, columns),
        ..options()
    }
}

fn open_by(keys: &[&str], schema: Option<&str>) -> Dataset {
    Dataset::open(&memory(), "events", options_by(keys, schema, Codec::Parquet)).unwrap()
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), arrays).unwrap()
}

fn keyed(keys: &[Option<&str>], first: i64) -> RecordBatch {
    let numbers = Int64Array::from_iter_values(first..first + keys.len() as i64);
    batch(vec![("n", Arc::new(numbers)), ("p", Arc::new(StringViewArray::from(keys.to_vec())))])
}

/// The files' partitions and what is in them.
fn files(dataset: &Dataset, snapshot: &Snapshot) -> Vec<(String, String)> {
    let mut records = read(dataset, snapshot).unwrap().into_iter();
    let file = |file: &crate::manifest::FileRef| {
        let partition = file.path.split("/data/").next().unwrap().split_once("events/").unwrap().1;
        let partition = partition.split('/').filter(|part| part.contains('=')).collect::<Vec<_>>().join("/");
        let rows = file.stats.as_ref().map_or(0, |stats| stats.row_count);
        (partition, records.by_ref().take(rows as usize).collect::<Vec<_>>().join(""))
    };
    snapshot.manifest().files.iter().map(file).collect()
}

#[test]
fn the_rows_of_batches_go_into_one_file_a_partition_in_their_order() {
    let given = vec![
        keyed(&[Some("b"), Some("a"), Some("b"), Some("é/")], 0),
        keyed(&[Some("a"), Some("a")], 4),
        keyed(&[], 6),
        keyed(&[Some("b")], 6),
    ];
    let expected = [
        ("p=%C3%A9%2F", r#"{"n":3,"p":"é/"}"#),
        ("p=a", r#"{"n":1,"p":"a"}{"n":4,"p":"a"}{"n":5,"p":"a"}"#),
        ("p=b", r#"{"n":0,"p":"b"}{"n":2,"p":"b"}{"n":6,"p":"b"}"#),
    ];
    let expected = expected.map(|(partition, records)| (partition.to_owned(), records.to_owned()));
    // Pulled and pushed; with a declared schema and with the stream's own.
    let pulled = open_by(&["p"], Some(SCHEMA));
    let snapshot = write(&pulled, &mut held(given.clone())).unwrap();
    assert_eq!(files(&pulled, &snapshot), expected);
    let own = open_by(&["p"], None);
    let of_own = write(&own, &mut held(given.clone())).unwrap();
    assert_eq!(files(&own, &of_own), expected);
    let pushed = open_by(&["p"], Some(SCHEMA));
    let mut writer = pushed.record_writer(WriterOptions::default()).unwrap();
    for batch in &given {
        let (taken, outcome) = writer.append_arrow(batch);
        outcome.unwrap();
        assert_eq!(taken, batch.num_rows());
    }
    assert_eq!(writer.records(), 7);
    let by_push = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(files(&pushed, &by_push), expected);
    // The same rows as records make the same files.
    let texts: Vec<String> = [("b", 0), ("a", 1), ("b", 2), ("é/", 3), ("a", 4), ("a", 5), ("b", 6)]
        .map(|(key, n)| format!(r#"{{"n":{n},"p":"{key}"}}"#))
        .to_vec();
    let by_records = commit(&pulled, &texts.iter().map(|text| &**text).collect::<Vec<_>>());
    let contents = |dataset: &Dataset, snapshot: &Snapshot| {
        let path = |file: &crate::manifest::FileRef| {
            let context = Context::default();
            dataset.store().backend().get(&context, &file.path, u64::MAX).unwrap().unwrap()
        };
        snapshot.manifest().files.iter().map(path).collect::<Vec<_>>()
    };
    assert!(contents(&pulled, &by_records) == contents(&pulled, &snapshot), "how rows came leaves no trace");
}

#[test]
fn keys_of_every_type_make_the_paths_that_records_make() {
    let schema = r#"{"fields":[{"name":"s","type":"string"},{"name":"i","type":"int32"},{"name":"f","type":"float64"},
        {"name":"b","type":"bool"},{"name":"t","type":"timestamp"},{"name":"raw","type":"bytes","json":"base64"}]}"#;
    let dataset = open_by(&["s", "i", "f", "b", "t", "raw"], Some(schema));
    let given = batch(vec![
        ("s", Arc::new(StringArray::from(vec!["x y"]))),
        ("i", Arc::new(Int32Array::from(vec![-7]))),
        ("f", Arc::new(Float64Array::from(vec![0.5]))),
        ("b", Arc::new(BooleanArray::from(vec![true]))),
        ("t", Arc::new(TimestampSecondArray::from(vec![0]).with_timezone("UTC"))),
        ("raw", Arc::new(BinaryArray::from(vec![&[0, 255][..]]))),
    ]);
    let by_arrow = write(&dataset, &mut held(vec![given])).unwrap();
    let by_records =
        commit(&dataset, &[r#"{"s":"x y","i":-7,"f":0.5,"b":true,"t":"1970-01-01T00:00:00Z","raw":"AP8="}"#]);
    let partition = "s=x%20y/i=-7/f=0.5/b=true/t=1970-01-01T00:00:00Z/raw=AP8=";
    assert_eq!(files(&dataset, &by_arrow)[0].0, partition);
    assert_eq!(files(&dataset, &by_arrow), files(&dataset, &by_records));
}

#[test]
fn a_row_that_belongs_to_no_partition_is_refused_and_nothing_of_its_batch_is_taken() {
    let dataset = open_by(&["p"], Some(SCHEMA));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    writer.append_arrow(&keyed(&[Some("a")], 0)).1.unwrap();
    let (taken, outcome) = writer.append_arrow(&keyed(&[Some("a"), Some("b"), None], 1));
    let error = outcome.unwrap_err();
    assert_eq!((taken, error.status(), error.record()), (0, Status::InvalidRecord, Some(3)), "{error}");
    assert!(error.message().contains("\"p\"") && error.message().contains("null"), "{error}");
    writer.append_arrow(&keyed(&[Some("b")], 9)).1.unwrap();
    let snapshot = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    let expected = [("p=a", r#"{"n":0,"p":"a"}"#), ("p=b", r#"{"n":9,"p":"b"}"#)];
    assert_eq!(files(&dataset, &snapshot), expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    for (keys, schema) in [(&["q"][..], Some(SCHEMA)), (&["q"], None)] {
        let mut source = held(vec![keyed(&[Some("a")], 0)]);
        let error = write(&open_by(keys, schema), &mut source).map(drop).unwrap_err();
        assert_eq!(error.status(), Status::ArrowType, "{error}");
        assert!(error.message().contains("\"q\", by which the dataset is partitioned"), "{error}");
    }
}

#[test]
fn more_partitions_than_open_files_get_further_files() {
    let options =
        DatasetOptions { max_open_partitions: 2, ..options_by(&["p"], Some(SCHEMA), Codec::Parquet) };
    let dataset = Dataset::open(&memory(), "events", options).unwrap();
    let given = (0..3).map(|n| keyed(&[Some("a"), Some("b"), Some("c")], 3 * n)).collect();
    let snapshot = write(&dataset, &mut held(given)).unwrap();
    let mut rows = read(&dataset, &snapshot).unwrap();
    rows.sort();
    let expected: Vec<String> =
        (0..9).map(|n| format!(r#"{{"n":{n},"p":"{}"}}"#, ["a", "b", "c"][n % 3])).collect();
    assert_eq!(rows, expected);
    assert!(snapshot.manifest().files.len() > 3);
}

#[test]
fn json_lines_take_batches_into_partitions_and_one_pass_has_to_be_asked_for() {
    let options = options_by(&["p"], Some(SCHEMA), Codec::Jsonl);
    let dataset = Dataset::open(&memory(), "events", options.clone()).unwrap();
    let snapshot = write(&dataset, &mut held(vec![keyed(&[Some("b"), Some("a"), Some("b")], 0)])).unwrap();
    assert_eq!(
        read(&dataset, &snapshot).unwrap(),
        [r#"{"p":"a","n":1}"#, r#"{"p":"b","n":0}"#, r#"{"p":"b","n":2}"#]
    );
    let options = DatasetOptions { partition_streaming: false, ..options };
    let dataset = Dataset::open(&memory(), "events", options).unwrap();
    let error = write(&dataset, &mut held(vec![keyed(&[Some("b")], 0)])).map(drop).unwrap_err();
    assert_eq!(error.status(), Status::PartitioningNotSupported, "{error}");
    assert!(error.message().contains("partition_streaming"), "{error}");
}

#[test]
fn rows_that_a_full_disk_kept_from_their_files_are_in_once_there_is_space() {
    // The first partition's file is written to, the second's is refused: by its first write, or when it is
    // named.
    for (op, number) in [(Op::Write, 0), (Op::Write, 1), (Op::Link, 0), (Op::Link, 1)] {
        let disk = SimDisk::new();
        let process = disk.process();
        let columns = ColumnOptions { row_group_bytes: 1 << 20, ..columns(SCHEMA) };
        let options = DatasetOptions {
            max_open_partitions: 1,
            columns,
            ..options_by(&["p"], Some(SCHEMA), Codec::Parquet)
        };
        let dataset = Dataset::open(&store_of(&process), "events", options).unwrap();
        let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
        process.fault_on(op, number, Fault::Fail(Errno::NOSPC));
        let mut full = 0;
        for first in [0, 3] {
            let given = keyed(&[Some("b"), Some("a"), Some("b")], first);
            loop {
                match writer.append_arrow(&given) {
                    (3, Ok(())) => break,
                    (taken, Err(error)) => {
                        assert_eq!(error.status(), Status::NoSpace, "{error}");
                        full += 1;
                        if taken == 3 {
                            break;
                        }
                        assert_eq!(taken, 0);
                    }
                    (taken, Ok(())) => panic!("{taken} rows without a failure"),
                }
            }
        }
        let commit = loop {
            match writer.commit(Metadata::empty(), CommitOptions::default()) {
                Ok(commit) => break commit,
                Err(error) => assert_eq!(error.status(), Status::NoSpace, "{error}"),
            }
            full += 1;
        };
        assert_eq!(full, 1, "{op:?} {number}");
        let mut rows = read(&dataset, &commit.snapshot).unwrap();
        rows.sort();
        let expected: Vec<String> =
            (0..6).map(|n| format!(r#"{{"n":{n},"p":"{}"}}"#, ["b", "a", "b"][n % 3])).collect();
        assert_eq!(rows, expected, "{op:?} {number}");
    }
}

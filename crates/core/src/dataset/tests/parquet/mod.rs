//! Parquet datasets: records in, records out, and what the file shows.

mod arrow;
mod arrow_types;
mod batch_sizes;
mod files;
mod partitions;
mod rules;

use std::sync::Arc;

use super::*;
use crate::columns::{ColumnOptions, Schema};

/// Every type, declared in another order than the file's.
const ALL_TYPES: &str = r#"{"fields": [
    {"name": "string", "type": "string", "nullable": true}, {"name": "int32", "type": "int32", "nullable": true},
    {"name": "int64", "type": "int64"}, {"name": "float32", "type": "float32", "nullable": true},
    {"name": "float64", "type": "float64"}, {"name": "bool", "type": "bool", "nullable": true},
    {"name": "bytes", "type": "bytes", "nullable": true}, {"name": "base64", "type": "bytes", "json": "base64"},
    {"name": "at", "type": "timestamp", "nullable": true}]}"#;

fn columns(schema: &str) -> ColumnOptions {
    let schema = Some(Arc::new(Schema::from_json(schema).expect("the schema is valid")));
    ColumnOptions { schema, ..ColumnOptions::default() }
}

fn open_parquet(store: &Store, columns: ColumnOptions) -> Dataset {
    let options = DatasetOptions { codec: Codec::Parquet, columns, ..options() };
    Dataset::open(store, "events", options).expect("it opens")
}

fn commit(dataset: &Dataset, texts: &[&str]) -> Snapshot {
    dataset
        .stream_write_records(&mut records(texts), Metadata::empty(), CommitOptions::default())
        .expect("it commits")
        .snapshot
}

fn read(dataset: &Dataset, snapshot: &Snapshot) -> Result<Vec<String>> {
    let mut reader = dataset.read(snapshot, ReadOptions::default())?;
    let mut texts = Vec::new();
    while let Some(record) = reader.next()? {
        texts.push(String::from_utf8(record.to_vec()).expect("it is text"));
    }
    Ok(texts)
}

/// The stored bytes of a snapshot's only file.
fn stored(dataset: &Dataset, snapshot: &Snapshot) -> Vec<u8> {
    let path = &snapshot.manifest().files[0].path;
    let context = Context::default();
    dataset.store().backend().get(&context, path, u64::MAX).expect("it can be read").expect("it is there")
}

#[test]
fn every_type_reads_back_as_it_was_written() {
    let dataset = open_parquet(&memory(), columns(ALL_TYPES));
    let full = r#"{"at":"2024-02-29T12:00:00.5Z","base64":"AP8=","bool":true,"bytes":"né\n","float32":0.1,"float64":-2.5e-7,"int32":-7,"int64":9007199254740993,"string":"a \"b\" \\ é 😀"}"#;
    let null = r#"{"at":null,"base64":"","bool":null,"bytes":null,"float32":null,"float64":0.0,"int32":null,"int64":-9223372036854775808,"string":null}"#;
    let snapshot = commit(&dataset, &[full, r#"{"int64":-9223372036854775808,"float64":0,"base64":""}"#]);
    assert_eq!(read(&dataset, &snapshot).unwrap(), [full, null]);
    let manifest = snapshot.manifest();
    assert_eq!((manifest.codec.as_deref(), manifest.row_count), (Some("parquet"), 2));
    assert!(manifest.files[0].path.ends_with("/data"), "{}", manifest.files[0].path);
}

#[test]
fn the_manifest_tells_of_each_column_in_the_order_of_the_schema() {
    let dataset = open_parquet(&memory(), columns(ALL_TYPES));
    let snapshot = commit(
        &dataset,
        &[
            r#"{"int64":3,"float64":1.5,"base64":"","string":"b","at":"1970-01-01T00:00:01+01:00"}"#,
            r#"{"int64":-1,"float64":7,"base64":"","int32":8,"bool":true,"at":"2000-01-01T00:00:00Z"}"#,
        ],
    );
    let stats = snapshot.manifest().files[0].stats.clone().expect("there are statistics");
    assert_eq!(stats.row_count, 2);
    let told: Vec<String> = stats
        .columns
        .iter()
        .map(|column| {
            let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
            format!("{} {} {} {}", column.name, text(&column.min), text(&column.max), column.null_count)
        })
        .collect();
    assert_eq!(
        told,
        [
            "string \"b\" \"b\" 1",
            "int32 8 8 1",
            "int64 -1 3 0",
            "float32 - - 2",
            "float64 1.5 7.0 0",
            "bool - - 1",
            "bytes - - 2",
            "base64 - - 0",
            "at \"1969-12-31T23:00:01Z\" \"2000-01-01T00:00:00Z\" 0",
        ]
    );
}

#[test]
fn no_records_make_a_file_of_no_rows() {
    let dataset = open_parquet(&memory(), columns(ALL_TYPES));
    let snapshot = commit(&dataset, &[]);
    assert_eq!(read(&dataset, &snapshot).unwrap(), [""; 0]);
    assert_eq!((snapshot.manifest().files.len(), snapshot.manifest().row_count), (1, 0));
}

#[test]
fn writing_needs_a_schema_and_reading_does_not() {
    let store = memory();
    let snapshot =
        commit(&open_parquet(&store, columns(ALL_TYPES)), &[r#"{"int64":1,"float64":1,"base64":"AA=="}"#]);
    let dataset = open_parquet(&store, ColumnOptions::default());
    let found = read(&dataset, &snapshot).unwrap();
    assert!(
        found[0].contains(r#""base64":"\u0000","#),
        "bytes are text where nothing is declared: {}",
        found[0]
    );
    let error = dataset
        .stream_write_records(&mut records(&["{}"]), Metadata::empty(), CommitOptions::default())
        .map(drop)
        .unwrap_err();
    assert_eq!(error.status(), crate::error::Status::SchemaRequired, "{error}");
    assert!(
        dataset
            .record_writer(WriterOptions::default())
            .is_err_and(|error| error.message().contains("schema"))
    );
}

#[test]
fn a_compressor_around_the_file_is_refused_on_opening() {
    let options = DatasetOptions {
        codec: Codec::Parquet,
        compressor: Compressor::Zstd,
        columns: columns(ALL_TYPES),
        ..options()
    };
    let error = Dataset::open(&memory(), "events", options).map(drop).unwrap_err();
    assert_eq!(error.status(), crate::error::Status::Unsupported);
    assert!(error.message().contains("page compression"), "{error}");
    for row_group_bytes in [0, (1 << 20) - 1, (1 << 30) + 1] {
        let columns = ColumnOptions { row_group_bytes, ..columns(ALL_TYPES) };
        let options = DatasetOptions { codec: Codec::Parquet, columns, ..super::options() };
        let error = Dataset::open(&memory(), "events", options).map(drop).unwrap_err();
        assert!(error.message().contains("row_group_bytes"), "{error}");
    }
}

#[test]
fn records_are_partitioned_like_those_of_any_codec() {
    let options = DatasetOptions {
        codec: Codec::Parquet,
        layout: Layout::Hive,
        partition_keys: vec!["p".into()],
        columns: columns(r#"{"fields":[{"name":"p","type":"string"},{"name":"n","type":"int64"}]}"#),
        ..options()
    };
    let dataset = Dataset::open(&memory(), "events", options).unwrap();
    let texts = [r#"{"p":"b","n":1}"#, r#"{"p":"a","n":2}"#, r#"{"p":"b","n":3}"#];
    let given: Vec<_> = texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    let snapshot =
        dataset.write_records(&given, Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(snapshot.manifest().files.len(), 2);
    assert_eq!(
        read(&dataset, &snapshot).unwrap(),
        [r#"{"n":2,"p":"a"}"#, r#"{"n":1,"p":"b"}"#, r#"{"n":3,"p":"b"}"#]
    );
    let broken = [
        Record { data: br#"{"p":"a","n":2}"#, unix_nanos: None },
        Record { data: br#"{"p":"a","n":"2"}"#, unix_nanos: None },
    ];
    let error =
        dataset.write_records(&broken, Metadata::empty(), CommitOptions::default()).map(drop).unwrap_err();
    assert_eq!((error.status(), error.record()), (crate::error::Status::SchemaViolation, Some(1)), "{error}");
}

/// A commit of columns, for the tests of faults.
pub(super) fn pull_columns(dataset: &Dataset) -> Result<Commit> {
    let columns = columns(r#"{"fields":[{"name":"n","type":"int64"},{"name":"text","type":"string"}]}"#);
    let dataset = open_parquet(dataset.store(), columns);
    let texts: Vec<String> = (0..200).map(|n| format!(r#"{{"n":{n},"text":"{}"}}"#, "x".repeat(n))).collect();
    let texts: Vec<&str> = texts.iter().map(|text| &**text).collect();
    dataset.stream_write_records(&mut records(&texts), Metadata::empty(), CommitOptions::default())
}

/// The same, pushed, in an Arrow batch.
pub(super) fn push_columns(dataset: &Dataset) -> Result<Commit> {
    let columns = columns(r#"{"fields":[{"name":"n","type":"int64"}]}"#);
    let dataset = open_parquet(dataset.store(), columns);
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    writer.append_arrow(&arrow::numbers(1000)).1?;
    writer.commit(Metadata::empty(), CommitOptions::default())
}

#[test]
fn statistics_of_parquet_and_of_json_lines_mean_the_same() {
    let schema = r#"{"fields":[{"name":"whole","type":"int64","nullable":true},{"name":"float","type":"float64"},
        {"name":"text","type":"string","nullable":true},{"name":"at","type":"timestamp"}]}"#;
    let texts = [
        r#"{"whole":9007199254740993,"float":0.1,"text":"é \"b\"","at":"2024-02-29T12:00:00Z"}"#,
        r#"{"float":-2.5,"text":"a","at":"2024-02-29T12:00:01Z"}"#,
        r#"{"whole":-1,"float":7,"text":null,"at":"1969-12-31T23:59:59Z"}"#,
    ];
    let told = |codec: Codec| {
        let options = DatasetOptions { codec, columns: columns(schema), file_statistics: true, ..options() };
        let dataset = Dataset::open(&memory(), "events", options).unwrap();
        let stats = commit(&dataset, &texts).manifest().files[0].stats.clone().unwrap();
        let value = |json: &Option<String>| {
            let value: serde_json::Value = serde_json::from_str(json.as_deref().unwrap_or("null")).unwrap();
            // 7 and 7.0 are one value.
            if value.is_f64() || value == 7 { value.as_f64().unwrap().into() } else { value }
        };
        let mut columns: Vec<_> = stats
            .columns
            .iter()
            .map(|column| (column.name.clone(), value(&column.min), value(&column.max), column.null_count))
            .collect();
        columns.sort_by(|a, b| a.0.cmp(&b.0));
        (stats.row_count, columns)
    };
    let parquet = told(Codec::Parquet);
    assert_eq!(parquet, told(Codec::Jsonl));
    assert_eq!(parquet.1[3], ("whole".into(), (-1).into(), 9_007_199_254_740_993_i64.into(), 1));
}

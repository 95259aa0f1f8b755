//! Parquet both ways: every type, null and not, with every page compression, empty, in one row group and in
//! several, declared in another order than the file's.

use std::sync::Arc;

use lode_core::codec::Codec;
use lode_core::columns::{ColumnOptions, PageCompression, Schema};
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, ReadOptions, WriterOptions};
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::Durability;
use serde_json::Value;

use crate::go::{Directory, Go};

/// Every type, in no order; `nullable` or not. Bytes are base64: the Go side gives them so.
fn schema(nullable: bool) -> String {
    let types = ["string", "int32", "timestamp", "bool", "float64", "bytes", "int64", "float32"];
    let field = |name: &&str| {
        let base64 = if *name == "bytes" { r#","json":"base64""# } else { "" };
        // Names whose bytewise order is another than that of letters.
        let name = format!("{}{name}", if name.len().is_multiple_of(2) { "Z" } else { "a" });
        let plain = name.trim_start_matches(['Z', 'a']);
        format!(r#"{{"name":"{name}","type":"{plain}","nullable":{nullable}{base64}}}"#)
    };
    format!(r#"{{"fields":[{}]}}"#, types.iter().map(field).collect::<Vec<_>>().join(","))
}

/// Whole numbers beyond those that a float64 holds: the Go library reads them, and writes none.
const OURS: usize = 9_007_199_254_740_000;
const THEIRS: usize = 4_503_599_627_370_000;

/// A record of all types, whose whole numbers of 64 bits begin at `first`; some of its values are null where
/// they may be.
fn record(number: usize, nullable: bool, first: usize) -> String {
    // As both sides print it: without zeros at its end.
    let nanos = format!("{:09}", number * 1001 + 1);
    let nanos = nanos.trim_end_matches('0');
    let values = [
        ("Zstring", format!("\"é \\\"{number}\\\" 😀{}\"", "x".repeat(number % 40))),
        ("aint32", format!("{}", number as i32 - 500)),
        ("atimestamp", format!("\"2024-02-29T12:{:02}:{:02}.{nanos}Z\"", number / 60 % 60, number % 60)),
        ("Zbool", number.is_multiple_of(3).to_string()),
        ("afloat64", format!("{}.25", number as i64 - 300)),
        ("abytes", ["\"\"", "\"AP8=\"", "\"/+/+\""][number % 3].to_owned()),
        ("aint64", (first + number).to_string()),
        ("afloat32", format!("{}.5", number % 1000)),
    ];
    let members = values.iter().enumerate().map(|(place, (name, value))| {
        let is_null = nullable && (number + place).is_multiple_of(5);
        format!("\"{name}\":{}", if is_null { "null" } else { value })
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// What a record means: its members without those that are null, floats as such.
fn meaning(record: &str) -> Vec<(String, String)> {
    let Value::Object(members) = serde_json::from_str(record).unwrap() else {
        panic!("{record} is no object")
    };
    let mut members: Vec<_> = members
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let text = match value.as_f64() {
                Some(float) if name.contains("float") => format!("{float:?}"),
                _ => value.to_string(),
            };
            (name, text)
        })
        .collect();
    members.sort();
    members
}

fn open(root: &str, id: &str, columns: ColumnOptions) -> Dataset {
    let store = crate::go::store(root);
    let options = DatasetOptions {
        codec: Codec::Parquet,
        durability: Durability::Process,
        columns,
        ..Default::default()
    };
    Dataset::open(&store, id, options).unwrap()
}

fn columns(schema: &str) -> ColumnOptions {
    ColumnOptions { schema: Some(Arc::new(Schema::from_json(schema).unwrap())), ..ColumnOptions::default() }
}

#[test]
fn go_reads_every_portable_file_that_we_write() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    for nullable in [false, true] {
        let schema = schema(nullable);
        for page_compression in [PageCompression::Snappy, PageCompression::None, PageCompression::Zstd] {
            for (rows, row_group_bytes) in [(0, 32 << 20), (1, 32 << 20), (1000, 32 << 20), (60_000, 1 << 20)]
            {
                let id = format!("ours-{nullable}-{page_compression:?}-{rows}").to_lowercase();
                let columns = ColumnOptions { page_compression, row_group_bytes, ..columns(&schema) };
                let dataset = open(root, &id, columns);
                let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
                let records: Vec<String> = (0..rows).map(|number| record(number, nullable, OURS)).collect();
                for record in &records {
                    writer.append(record.as_bytes(), None).unwrap();
                }
                writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
                let theirs = go.text(&["read-parquet", root, &id, &schema], b"");
                assert_eq!(theirs.lines().count(), rows, "{id}");
                for (ours, theirs) in records.iter().zip(theirs.lines()) {
                    assert_eq!(meaning(ours), meaning(theirs), "{id}");
                }
            }
        }
    }
}

#[test]
fn we_read_every_parquet_file_that_go_writes() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    for nullable in [false, true] {
        let schema = schema(nullable);
        for (compressor, page) in
            [("noop", "none"), ("noop", "snappy"), ("noop", "gzip"), ("gzip", "snappy"), ("zstd", "none")]
        {
            for rows in [0, 1, 3000] {
                let id = format!("theirs-{nullable}-{compressor}-{page}-{rows}");
                let records: Vec<String> = (0..rows).map(|number| record(number, nullable, THEIRS)).collect();
                let lines = records.join("\n");
                let written =
                    go.text(&["write-parquet", root, &id, compressor, page, &schema], lines.as_bytes());
                let dataset = open(root, &id, columns(&schema));
                let snapshot = dataset.latest(&CallOptions::default()).unwrap();
                assert_eq!(snapshot.id(), written.trim_end(), "{id}");
                let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
                let mut expected = records.iter();
                while let Some(found) = reader.next().unwrap_or_else(|error| panic!("{id}: {error}")) {
                    let found = std::str::from_utf8(found).unwrap();
                    assert_eq!(meaning(found), meaning(expected.next().unwrap()), "{id}");
                }
                assert!(expected.next().is_none(), "{id}: there are more");
            }
        }
    }
}

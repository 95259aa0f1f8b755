//! Hive and flat datasets: each side reads what the other writes, with `Read`, `Latest`, `Snapshots` and
//! `DatasetReader`, for every compressor and checksum.

use std::collections::BTreeSet;

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, Outcome, ReadOptions, Record};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;

use crate::go::{Directory, Go};

const COMPRESSORS: [(Compressor, &str); 3] =
    [(Compressor::None, "noop"), (Compressor::Gzip, "gzip"), (Compressor::Zstd, "zstd")];

/// The layouts as both sides call them.
pub const LAYOUTS: [(Layout, &[&str], &str); 3] = [
    (Layout::Hive, &["day"], "hive:day"),
    (Layout::Hive, &["region", "day"], "hive:region,day"),
    (Layout::Flat, &[], "flat"),
];

pub fn open(
    root: &str,
    layout: Layout,
    keys: &[&str],
    compressor: Compressor,
    checksum: Checksum,
) -> Dataset {
    let store = crate::go::store(root);
    let options = DatasetOptions {
        codec: Codec::Jsonl,
        compressor,
        checksum,
        layout,
        partition_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        file_statistics: true,
        ..DatasetOptions::default()
    };
    Dataset::open(&store, "events", options).unwrap()
}

/// Values that both sides write in the same form, as JSON and as a path.
const DAYS: [(&str, &str); 6] = [
    ("\"2024-01-01\"", "2024-01-01"),
    ("\"a b/c%2F..\"", "a%20b%2Fc%252F.."),
    ("\"é😀\"", "%C3%A9%F0%9F%98%80"),
    ("17", "17"),
    ("true", "true"),
    ("\"..\"", ".."),
];

/// Records with sorted keys and numbers as a float64 prints, of which each hive partition holds every sixth.
pub fn records(count: usize) -> Vec<String> {
    let record = |n: usize| {
        let day = DAYS[n % DAYS.len()].0;
        format!(
            r#"{{"day":{day},"n":{n},"region":"{}","text":"é 😀 {n}"}}"#,
            if n.is_multiple_of(2) { "eu" } else { "us" }
        )
    };
    (0..count).map(record).collect()
}

pub fn write(dataset: &Dataset, texts: &[String]) -> lode_core::dataset::Commit {
    let records: Vec<Record<'_>> =
        texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    dataset.write_records(&records, Metadata::empty(), CommitOptions::default()).unwrap()
}

pub fn read(dataset: &Dataset, id: &str) -> Vec<String> {
    let snapshot = dataset.snapshot(id, &CallOptions::default()).unwrap();
    let mut reader = dataset.read(&snapshot, ReadOptions::default()).unwrap();
    let mut records = Vec::new();
    while let Some(record) = reader.next().unwrap() {
        records.push(String::from_utf8(record.to_vec()).unwrap());
    }
    records
}

/// The partitions of the records, sorted.
fn partitions(keys: &[&str], count: usize) -> Vec<String> {
    let of = |n: usize| {
        let value = |key: &&str| match *key {
            "day" => format!("day={}", DAYS[n % DAYS.len()].1),
            _ => format!("region={}", if n.is_multiple_of(2) { "eu" } else { "us" }),
        };
        keys.iter().map(value).collect::<Vec<_>>().join("/")
    };
    let mut all: Vec<String> = (0..count).map(of).filter(|partition| !partition.is_empty()).collect();
    all.sort();
    all.dedup();
    all
}

pub fn sorted(mut records: Vec<String>) -> Vec<String> {
    records.sort();
    records
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// What `DatasetReader` must find of one snapshot.
fn found(keys: &[&str], id: &str, count: usize) -> String {
    let manifest = format!("manifest {id} {count}\n");
    if keys.is_empty() {
        return format!("datasets not modeled\n{manifest}");
    }
    let parts = partitions(keys, count);
    let parts = parts.iter().map(|part| format!("partition {part}\n{manifest}"));
    format!("dataset events\n{}", parts.collect::<String>())
}

#[test]
fn go_reads_the_layouts_that_we_write() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in LAYOUTS {
        for (compressor, _) in COMPRESSORS {
            for checksum in [Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3] {
                let directory = Directory::new();
                let root = directory.as_str();
                let what = format!("{name}, {compressor:?}, {checksum:?}");
                let dataset = open(root, layout, keys, compressor, checksum);
                let mut history = String::new();
                let mut parent = String::new();
                for count in [3_000, 0, 7] {
                    let commit = write(&dataset, &records(count));
                    assert_eq!(commit.outcome, Outcome::Committed);
                    let id = commit.snapshot.id().to_owned();
                    if parent.is_empty() {
                        let theirs = go.text_as(name, &["reader", root, "events"], b"");
                        assert_eq!(theirs, found(keys, &id, count), "{what}");
                    }
                    history += &format!("{id} {count} {parent}\n");
                    assert_eq!(
                        go.text_as(name, &["latest", root, "events"], b""),
                        format!("{id}\n"),
                        "{what}"
                    );
                    assert_eq!(go.text_as(name, &["snapshots", root, "events"], b""), history, "{what}");
                    let theirs = go.text_as(name, &["read", root, "events"], b"");
                    assert!(sorted(lines(&theirs)) == sorted(records(count)), "{what}: other records");
                    let key = layout.manifest_path("events", &id);
                    let path = directory.file_of(&key);
                    assert_eq!(go.text(&["manifest", &path], b""), commit.snapshot.manifest_json(), "{what}");
                    parent = id;
                }
            }
        }
    }
}

#[test]
fn we_read_the_layouts_that_go_writes() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in LAYOUTS {
        for (compressor, compress) in COMPRESSORS {
            for checksum in ["none", "md5"] {
                let directory = Directory::new();
                let root = directory.as_str();
                let what = format!("{name}, {compressor:?}, {checksum}");
                let counts = [3_000, 0, 7];
                let ids = counts.map(|count| {
                    let stdin: String = records(count).iter().map(|record| format!("{record}\n")).collect();
                    let arguments = ["write", root, "events", compress, checksum];
                    go.text_as(name, &arguments, stdin.as_bytes()).trim_end().to_owned()
                });
                let dataset = open(root, layout, keys, Compressor::None, Checksum::Xxh3);
                for lost in [false, true] {
                    if lost {
                        directory.remove(&layout.latest_path("events"));
                    }
                    let latest = dataset.latest(&CallOptions::default()).unwrap();
                    assert_eq!(latest.id(), ids[2], "{what}");
                    let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
                    for (id, count) in ids.iter().zip(counts) {
                        let snapshot = snapshots.next().unwrap().unwrap();
                        assert_eq!(
                            (snapshot.id(), snapshot.manifest().row_count),
                            (&**id, count as u64),
                            "{what}"
                        );
                        assert!(
                            sorted(read(&dataset, id)) == sorted(records(count)),
                            "{what}: other records"
                        );
                    }
                    assert!(snapshots.next().unwrap().is_none(), "{what}");
                }
                // As an early version of the Go library left it: copies beside the partitions' files, and
                // nothing else.
                if layout == Layout::Hive {
                    for key in directory.keys("datasets/events/segments") {
                        directory.remove(&key);
                    }
                    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), ids[2], "{what}");
                    assert!(sorted(read(&dataset, &ids[0])) == sorted(records(3_000)), "{what}");
                    let theirs = go.text_as(name, &["latest", root, "events"], b"");
                    assert_eq!(theirs.trim_end(), ids[2], "{what}");
                }
            }
        }
    }
}

/// Both sides put the same records into the same partitions.
#[test]
fn both_sides_partition_alike() {
    let Some(go) = Go::find() else { return };
    let (ours, theirs) = (Directory::new(), Directory::new());
    let values = [
        r#""plain""#,
        r#""""#,
        r#""a=b&c+d$e:f@g-h_i.j~k""#,
        r#""!*'();,/?#[]%\"\\<>^`{|}""#,
        r#""\u0000\n\u007f""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""é""#,
        "0",
        "-1",
        "12345678901234567890",
        "1.50",
        "1e3",
        "true",
        "false",
    ];
    let texts: Vec<String> = values.iter().map(|value| format!("{{\"p\":{value}}}")).collect();
    write(&open(ours.as_str(), Layout::Hive, &["p"], Compressor::None, Checksum::None), &texts);
    go.text_as(
        "hive:p",
        &["write", theirs.as_str(), "events", "noop", "none"],
        (texts.join("\n") + "\n").as_bytes(),
    );
    let partitions = |directory: &Directory| {
        let prefix = "datasets/events/partitions/";
        let keys = directory.keys(prefix);
        let names: BTreeSet<String> =
            keys.iter().map(|key| key[prefix.len()..].split('/').next().unwrap().to_owned()).collect();
        names
    };
    assert_eq!(partitions(&ours).len(), values.len());
    assert_eq!(partitions(&ours), partitions(&theirs));
}

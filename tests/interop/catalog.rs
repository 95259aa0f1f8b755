//! Our catalog and the `DatasetReader` of the Go library list the same datasets, partitions and manifests,
//! whichever side wrote them.

use lode_core::catalog::{Catalog, SnapshotFilter};
use lode_core::codec::Codec;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, Record};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::Store;

use crate::go::{Directory, Go, on_directories};

/// The layouts as both sides call them.
const LAYOUTS: [(Layout, &[&str], &str); 4] = [
    (Layout::Default, &[], "default"),
    (Layout::Hive, &["day"], "hive:day"),
    (Layout::Hive, &["region", "day"], "hive:region,day"),
    (Layout::Flat, &[], "flat"),
];

fn records(first: usize, count: usize) -> Vec<String> {
    let record = |n: usize| {
        let region = if n.is_multiple_of(2) { "eu" } else { "us" };
        format!(r#"{{"day":"2024-01-0{}","n":{n},"region":"{region}"}}"#, n % 4)
    };
    (first..first + count).map(record).collect()
}

fn write(store: &Store, id: &str, layout: Layout, keys: &[&str], texts: &[String]) {
    let options = DatasetOptions {
        codec: Codec::Jsonl,
        layout,
        partition_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        ..DatasetOptions::default()
    };
    let dataset = Dataset::open(store, id, options).unwrap();
    let records: Vec<Record<'_>> =
        texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    dataset.write_records(&records, Metadata::empty(), CommitOptions::default()).unwrap();
}

/// What our catalog lists, in the words of the Go program.
pub fn listed(store: &Store, layout: Layout, dataset: &str) -> String {
    let catalog = Catalog::open(store, layout);
    let call = CallOptions::default();
    let mut text = String::new();
    match catalog.datasets(&call) {
        Ok(mut ids) => {
            while let Some(id) = ids.next().unwrap() {
                text += &format!("dataset {id}\n");
            }
        }
        Err(error) => {
            assert_eq!(error.status(), lode_core::Status::DatasetsNotModeled);
            text += "datasets not modeled\n";
        }
    }
    let mut partitions = Vec::new();
    let mut found = catalog.partitions(dataset, &call).unwrap();
    while let Some(partition) = found.next().unwrap() {
        partitions.push(partition);
    }
    partitions.sort();
    if partitions.is_empty() {
        partitions.push(String::new());
    }
    for partition in partitions {
        if !partition.is_empty() {
            text += &format!("partition {partition}\n");
        }
        let filter = SnapshotFilter { partition, unix_nanos: None };
        let mut snapshots = catalog.snapshots(dataset, filter, &call).unwrap();
        while let Some(snapshot) = snapshots.next().unwrap() {
            let key = layout.manifest_path(dataset, snapshot.id());
            assert_eq!(catalog.manifest(&key, &call).unwrap().manifest_json(), snapshot.manifest_json());
            text += &format!("manifest {} {}\n", snapshot.id(), snapshot.manifest().row_count);
        }
    }
    text
}

#[test]
fn both_sides_list_the_same() {
    let Some(go) = Go::find() else { return };
    for (layout, keys, name) in LAYOUTS {
        let directory = Directory::new();
        let root = directory.as_str();
        let store = crate::go::store(root);
        // One dataset's name is the beginning of another's, on each side. The Go library's S3 adapter takes
        // the one for the other in the flat layout.
        let is_told_apart = layout != Layout::Flat || on_directories("such names in the flat layout");
        let others = if is_told_apart { ["events2", "imports"] } else { ["2events", "2imports"] };
        for (ours, theirs) in [("events", "import"), (others[0], others[1])] {
            for (first, count) in [(0, 1), (1, 40), (3, 2)] {
                let texts = records(first, count);
                write(&store, ours, layout, keys, &texts);
                let stdin = texts.join("\n") + "\n";
                go.text_as(name, &["write", root, theirs, "noop", "md5"], stdin.as_bytes());
            }
        }
        for dataset in ["events", others[0], "import", others[1]] {
            let theirs = go.text_as(name, &["reader", root, dataset], b"");
            assert!(theirs.matches("manifest ").count() >= 3, "{name}, {dataset}: {theirs}");
            assert_eq!(listed(&store, layout, dataset), theirs, "{name}, {dataset}");
        }
    }
}

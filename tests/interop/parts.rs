//! Snapshots of parts, and of streams into partitions: several files, some of one partition, in an order that
//! is not that of their paths. The Go library reads their records in the same order, and commits on top of
//! them.

use lode_core::checksum::Checksum;
use lode_core::compress::Compressor;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, DatasetOptions, Part, WriterOptions};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;

use crate::go::{Directory, Go};
use crate::layouts::{open, read, records, sorted};

fn stage(dataset: &Dataset, texts: &[String]) -> Part {
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for text in texts {
        writer.append(text.as_bytes(), None).unwrap();
    }
    writer.stage(&CallOptions::default()).unwrap()
}

#[test]
fn go_reads_the_parts_that_we_commit_in_their_order() {
    let Some(go) = Go::find() else { return };
    for (layout, name) in [(Layout::Default, "default"), (Layout::Flat, "flat")] {
        for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
            let directory = Directory::new();
            let root = directory.as_str();
            let dataset = open(root, layout, &[], compressor, Checksum::Md5);
            let texts = records(300);
            let mut parts: Vec<Part> = texts.chunks(100).map(|chunk| stage(&dataset, chunk)).collect();
            parts.reverse();
            let order: Vec<String> =
                texts.chunks(100).rev().flat_map(|chunk| chunk.iter().cloned()).collect();
            let commit = dataset.commit_parts(&parts, Metadata::empty(), CommitOptions::default()).unwrap();
            let id = commit.snapshot.id();
            let theirs = go.text_as(name, &["read", root, "events", id], b"");
            assert!(
                theirs.lines().eq(order.iter()),
                "{name}, {compressor:?}: another order, or other records"
            );
            assert!(read(&dataset, id) == order, "{name}, {compressor:?}");
        }
    }
}

#[test]
fn go_reads_streams_into_partitions_with_several_files_of_one() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let root = directory.as_str();
    let plain = open(root, Layout::Hive, &["day"], Compressor::Zstd, Checksum::Xxh3);
    let options =
        DatasetOptions { partition_streaming: true, max_open_partitions: 2, ..plain.options().clone() };
    let store = crate::go::store(root);
    let dataset = Dataset::open(&store, "events", options).unwrap();
    let texts = records(120);
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    for text in &texts {
        writer.append(text.as_bytes(), None).unwrap();
    }
    let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert!(commit.snapshot.manifest().files.len() > 6, "each partition has more than one file");
    let theirs = go.text_as("hive:day", &["read", root, "events", commit.snapshot.id()], b"");
    assert!(sorted(theirs.lines().map(str::to_owned).collect()) == sorted(texts), "other records");
}

//! What a dataset promises, on the memory store and on simulated disks.

mod audit;
mod blobs;
mod changes;
mod collect;
mod collect_kills;
mod commits;
pub(crate) mod counts;
mod damage;
mod dividing;
mod doubt;
mod exactly_once;
mod faults;
mod go;
mod heads;
mod junk_names;
mod layouts;
mod neighbour;
mod obstacles;
mod own_files;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod reading;
mod streaming;
mod threads;
mod unpublished;
mod vanished;
mod verify;
mod verify_audit;

use super::*;
use crate::checksum::Checksum;
use crate::codec::Codec;
use crate::compress::Compressor;
use crate::context::{CallOptions, Context, Retry};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::manifest::Metadata;
use crate::options::CommitOptions;
use crate::store::{Store, StoreOptions};

fn memory() -> Store {
    Store::open_memory(StoreOptions::default())
}

fn options() -> DatasetOptions {
    DatasetOptions {
        codec: Codec::Jsonl,
        retry: Retry { attempts: 3, base: std::time::Duration::ZERO, cap: std::time::Duration::ZERO },
        ..DatasetOptions::default()
    }
}

fn open(store: &Store) -> Dataset {
    open_as(store, Layout::Default)
}

/// The dataset in this layout; a hive one is partitioned by `p`.
fn open_as(store: &Store, layout: Layout) -> Dataset {
    let partition_keys = if layout == Layout::Hive { vec!["p".to_owned()] } else { Vec::new() };
    Dataset::open(store, "events", DatasetOptions { layout, partition_keys, ..options() }).expect("it opens")
}

/// A source over owned records, which fails with `failure` at the end, if there is one.
struct Records {
    records: std::vec::IntoIter<(Vec<u8>, Option<i64>)>,
    current: Vec<u8>,
    failure: Option<Error>,
    /// It has ended: asking again is a fault of the caller.
    ended: bool,
}

fn records(texts: &[&str]) -> Records {
    let records: Vec<_> = texts.iter().map(|text| (text.as_bytes().to_vec(), None)).collect();
    Records { records: records.into_iter(), current: Vec::new(), failure: None, ended: false }
}

impl RecordSource for Records {
    fn next(&mut self) -> Result<Option<Record<'_>>> {
        assert!(!self.ended, "it is not asked again after its end");
        match self.records.next() {
            Some((data, unix_nanos)) => {
                self.current = data;
                Ok(Some(Record { data: &self.current, unix_nanos }))
            }
            None => {
                self.ended = true;
                self.failure.take().map_or(Ok(None), Err)
            }
        }
    }
}

fn write(dataset: &Dataset, texts: &[&str]) -> Result<Commit> {
    dataset.stream_write_records(&mut records(texts), Metadata::empty(), CommitOptions::default())
}

/// Writes records that are in memory.
fn write_held(dataset: &Dataset, texts: &[&str]) -> Result<Commit> {
    let records: Vec<_> =
        texts.iter().map(|text| Record { data: text.as_bytes(), unix_nanos: None }).collect();
    dataset.write_records(&records, Metadata::empty(), CommitOptions::default())
}

fn read_all(dataset: &Dataset, snapshot: &Snapshot, options: ReadOptions) -> Result<Vec<String>> {
    let mut reader = dataset.read(snapshot, options)?;
    let mut texts = Vec::new();
    while let Some(record) = reader.next()? {
        texts.push(String::from_utf8(record.to_vec()).expect("UTF-8"));
    }
    Ok(texts)
}

fn ids(dataset: &Dataset) -> Vec<String> {
    let mut snapshots = dataset.snapshots(&CallOptions::default()).expect("they can be listed");
    let mut ids = Vec::new();
    while let Some(snapshot) = snapshots.next().expect("each can be read") {
        ids.push(snapshot.id().to_owned());
    }
    ids
}

/// All keys of a store.
fn keys(store: &Store) -> Vec<String> {
    let mut keys = Vec::new();
    store
        .backend()
        .list(Context::unlimited(), "", None, &mut |key| {
            keys.push(key.to_owned());
            true
        })
        .expect("it can be listed");
    keys.sort();
    keys
}

/// Every kind of data file.
fn formats() -> Vec<(Compressor, Checksum)> {
    let compressors = [Compressor::None, Compressor::Gzip, Compressor::Zstd];
    let checksums = [Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3];
    compressors.into_iter().flat_map(|compressor| checksums.map(|checksum| (compressor, checksum))).collect()
}

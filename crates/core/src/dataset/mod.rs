//! A dataset: a chain of snapshots in a store, written and read.

mod adopt;
mod blob;
mod blob_reader;
mod changes;
mod open;
mod partition;
mod pipe;
mod producer;
mod read;
mod records;
mod snapshot;
mod statistics;
mod write;
mod writer;

#[cfg(test)]
pub(crate) mod tests;

pub use blob::{BlobSource, BlobWriter};
pub use blob_reader::BlobReader;
pub use open::{Dataset, DatasetOptions};
pub use producer::ProducerState;
pub use read::{ReadOptions, RecordBatch, RecordReader, Verify};
pub use snapshot::{Snapshot, Snapshots};
pub use write::{Commit, Outcome, Record, RecordSource, Resolution};
pub use writer::{BadRecords, BlobWriterOptions, RecordWriter, WriterOptions};

//! A dataset: a chain of snapshots in a store, written and read.

mod adopt;
mod open;
mod pipe;
mod producer;
mod read;
mod snapshot;
mod write;
mod writer;

#[cfg(test)]
mod tests;

pub use open::{Dataset, DatasetOptions, Retry};
pub use producer::ProducerState;
pub use read::{ReadOptions, RecordBatch, RecordReader, Verify};
pub use snapshot::{Snapshot, Snapshots};
pub use write::{Commit, Outcome, Record, RecordSource, Resolution};
pub use writer::{BadRecords, RecordWriter, WriterOptions};

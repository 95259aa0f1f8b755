//! A dataset: a chain of snapshots in a store, written and read.

mod adopt;
#[cfg(feature = "parquet")]
mod arrow_read;
#[cfg(feature = "parquet")]
mod arrow_write;
mod blob_reader;
mod blob_write;
mod changes;
mod commit;
mod file_check;
mod file_reader;
mod ingest;
mod open;
mod partition;
#[cfg(feature = "parquet")]
mod partition_rows;
mod partition_stream;
mod parts;
mod pipe;
mod producer;
mod record_feed;
mod record_reader;
mod record_writer;
mod records;
mod snapshot;
mod stream_write;
mod to_descriptor;
mod transaction;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use file_reader::buffer;
pub(crate) use transaction::{STAGED_MAX, Terms, fresh_home};

#[cfg(feature = "parquet")]
pub use arrow_read::{ArrowReadOptions, ArrowReader};
#[cfg(feature = "parquet")]
pub use arrow_write::BatchSource;
pub use blob_reader::BlobReader;
pub use blob_write::{BlobSource, BlobWriter, BlobWriterOptions};
pub use commit::{Commit, Outcome, Resolution};
pub use open::{Dataset, DatasetOptions};
pub use parts::Part;
pub use producer::ProducerState;
pub use record_feed::RecordFeed;
pub use record_reader::{ReadOptions, RecordBatch, RecordReader, Verify};
pub use record_writer::{BadRecords, RecordWriter, WriterOptions};
pub use snapshot::{Snapshot, Snapshots};
pub use stream_write::{Record, RecordSource};

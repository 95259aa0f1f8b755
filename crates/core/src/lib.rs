//! Lode: datasets as chains of immutable snapshots, written atomically and durably, read back verified.
//!
//! A [`Store`](store::Store) holds datasets. A [`Dataset`](dataset::Dataset) is a chain of snapshots; each is
//! a manifest, whose presence is the commit, and the data files that it names. Records are pulled from a
//! [`RecordSource`](dataset::RecordSource) or pushed into a [`RecordWriter`](dataset::RecordWriter), and
//! become one snapshot: all of them, or none. The C library exports what is here and nothing else.
//!
//! ```
//! use lode_core::codec::Codec;
//! use lode_core::dataset::{Dataset, DatasetOptions, ReadOptions, WriterOptions};
//! use lode_core::manifest::Metadata;
//! use lode_core::options::CommitOptions;
//! use lode_core::store::{Store, StoreOptions};
//!
//! # fn main() -> lode_core::Result<()> {
//! let store = Store::open_memory(StoreOptions::default());
//! let options = DatasetOptions { codec: Codec::Jsonl, ..DatasetOptions::default() };
//! let events = Dataset::open(&store, "events", options)?;
//!
//! let mut writer = events.record_writer(WriterOptions::default())?;
//! writer.append(br#"{"event":"signup","user":"alice"}"#, None)?;
//! let commit = writer.commit(Metadata::empty(), CommitOptions::default())?;
//!
//! let mut reader = events.read(&commit.snapshot, ReadOptions::default())?;
//! while let Some(record) = reader.next()? {
//!     assert_eq!(record, br#"{"event":"signup","user":"alice"}"#);
//! }
//! # Ok(())
//! # }
//! ```
#![deny(unsafe_code)]
#![warn(missing_docs)]

#[cfg(not(unix))]
compile_error!(
    "lode runs on POSIX systems; Windows is not supported yet: its file system calls are not written"
);

pub mod catalog;
pub mod checksum;
pub mod codec;
#[cfg(feature = "parquet")]
pub mod columns;
mod commit;
pub mod compress;
pub mod context;
pub mod dataset;
mod descriptor;
pub mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod history;
pub mod id;
pub mod iter;
pub mod layout;
pub mod manifest;
pub mod options;
pub mod process;
pub mod store;
pub mod threads;
pub mod upkeep;
pub mod volume;

#[doc(inline)]
pub use error::{Action, Error, Result, Status};

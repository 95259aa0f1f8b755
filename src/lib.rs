//! The C library of Lode: the C ABI (`include/lode.h`) and nothing else.
//!
//! Every export decodes its arguments, calls the public Rust API and encodes the outcome; there is no logic
//! here beyond that. One file per C noun, and below them: `call` (the way into an export), `panic` (the
//! fence), `handle` (each C type tied to one Rust type), `options` (structs that only grow), `arguments`,
//! `strings`.
//!
//! The doc comments of this folder are the header's documentation, written for the C programmer: cbindgen
//! carries them over. That is why they have no `# Safety` sections: the contract stands in the header itself.
#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)]

// cbindgen writes the header's declarations in this order; rustfmt would sort the lines of one block.
mod version;

mod status;

mod arguments;

mod error;

mod cancel;

mod options;

mod commit;

mod store;

mod store_callbacks;

mod objects;

mod string_iterator;

mod dataset;

mod record_iterator;

mod byte_source;

mod record_writer;

mod blob_writer;

mod part;

mod snapshot_iterator;

mod snapshot;

mod record_reader;

mod blob_reader;

mod descriptor;

mod catalog;

mod verify;

mod collect;

mod volume;

mod arrow;

mod call;
mod callback_store;
mod handle;
mod history;
mod panic;
mod pull_guard;
mod strings;

pub use arguments::*;
pub use arrow::*;
pub use blob_reader::*;
pub use blob_writer::*;
pub use byte_source::*;
pub use cancel::*;
pub use catalog::*;
pub use collect::*;
pub use commit::*;
pub use dataset::*;
pub use descriptor::*;
pub use error::*;
pub use objects::*;
pub use options::*;
pub use part::*;
pub use record_iterator::*;
pub use record_reader::*;
pub use record_writer::*;
pub use snapshot::*;
pub use snapshot_iterator::*;
pub use status::*;
pub use store::*;
pub use store_callbacks::*;
pub use string_iterator::*;
pub use verify::*;
pub use version::*;
pub use volume::*;

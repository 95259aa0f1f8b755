//! The C library of Lode: the C ABI (`include/lode.h`) and nothing else.
//!
//! Every export decodes its arguments, calls the public Rust API and encodes the outcome; there is no logic
//! here beyond that. One file per C noun, and below them: `boundary` (the one fence), `handle` (each C
//! type tied to one Rust type), `options` (structs that only grow), `bytes`, `strings`.
//!
//! The doc comments of this folder are the header's documentation, written for the C programmer: cbindgen
//! carries them over. That is why they have no `# Safety` sections: the contract stands in the header itself.
#![allow(non_camel_case_types)]
#![allow(clippy::missing_safety_doc)]

// cbindgen writes the header's declarations in this order; rustfmt would sort the lines of one block.
mod version;

mod status;

mod bytes;

mod error;

mod cancel;

mod options;

mod store;

mod callbacks;

mod objects;

mod keys;

mod dataset;

mod source;

mod records;

mod writer;

mod blob;

mod history;

mod snapshot;

mod producer;

mod adopt;

mod reader;

mod blob_reader;

mod catalog;

mod boundary;
mod callback_store;
mod handle;
mod strings;

pub use adopt::*;
pub use blob::*;
pub use blob_reader::*;
pub use bytes::*;
pub use callbacks::*;
pub use cancel::*;
pub use catalog::*;
pub use dataset::*;
pub use error::*;
pub use history::*;
pub use keys::*;
pub use objects::*;
pub use options::*;
pub use reader::*;
pub use records::*;
pub use snapshot::*;
pub use source::*;
pub use status::*;
pub use store::*;
pub use version::*;
pub use writer::*;

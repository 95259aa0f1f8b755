//! The path of a record: the check of JSON and the lines of it, and the failures that both this and the library
//! speak of. It is a crate of its own so that its optimisation level can differ from the library's (see the workspace's
//! `Cargo.toml` on size).
#![deny(unsafe_code)]
#![warn(missing_docs)]

/// How records become the bytes of a data file.
pub mod codec {
    pub mod json;
    pub mod jsonl;
}
pub mod error;

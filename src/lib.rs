//! Lode: datasets as chains of immutable snapshots.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod checksum;
pub mod codec;
mod commit;
pub mod compress;
pub mod dataset;
mod error;
#[allow(unsafe_code)]
pub mod ffi;
pub mod id;
pub mod layout;
pub mod manifest;
pub mod options;
pub mod store;

pub use error::{Action, Error, Result, Status};

//! Apache Parquet (`docs/parquet-arrow.md`): one file of typed columns, written in row groups as records or
//! Arrow arrays come, and read page by page.

mod bounds;
mod comparison;
mod decoder;
mod encoder;
mod file;
mod footer;
mod gathering;
mod pages;
mod row_bytes;
mod row_group;
mod row_groups;
mod spool;
mod thrift;
mod writer;

pub use comparison::{Comparison, Literal, Operator};
pub use decoder::Decoder;
pub use encoder::Encoder;
pub(crate) use gathering::{Gathering, fitting};
pub(crate) use row_groups::{Batches, Selection};

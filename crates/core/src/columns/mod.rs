//! Typed columns: the schema of records, the way from records and Arrow arrays to columns, and back to
//! records (`docs/parquet-arrow.md`).

mod arrays;
mod arrow_type;
mod builder;
mod nested;
mod number;
mod record;
mod rows;
mod schema;
mod statistics;
mod timestamp;
mod violation;

pub(crate) use arrays::Assignment;
pub use arrays::Source;
pub(crate) use builder::Columns;
pub(crate) use record::{RecordParser, Refusal};
pub(crate) use rows::RowWriter;
pub use schema::{BytesText, COLUMNS_MAX, ColumnType, Field, Schema};
pub(crate) use schema::{UTC, not_portable};
pub(crate) use statistics::{Statistics, TextRange};
pub use violation::Violation;

use std::sync::Arc;

pub use crate::codec::parquet::{Comparison, Literal, Operator};
use crate::error::{Error, Result, Status};

/// The moment that RFC 3339 text tells, in nanoseconds since the Unix epoch.
///
/// # Errors
/// What is wrong with it, in words.
pub(crate) fn parse_timestamp(text: &str) -> std::result::Result<i64, String> {
    timestamp::parse(text.as_bytes()).map_err(violation::Mismatch::words)
}

#[cfg(test)]
pub(crate) use timestamp::push as push_timestamp;

/// The least and most of [`ColumnOptions::row_group_bytes`].
const ROW_GROUP_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 30;

/// Which types a dataset's columns may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SchemaTypes {
    /// Those that every reader of the format knows, the Go library included.
    #[default]
    Portable,
    /// Every Arrow type that Parquet stores. The Go library cannot read such snapshots.
    Arrow,
}

/// How the pages of a Parquet file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageCompression {
    /// Snappy.
    #[default]
    Snappy,
    /// Not at all.
    None,
    /// Zstandard, level 3.
    Zstd,
}

/// How records become columns and columns a file.
#[derive(Clone, Debug)]
pub struct ColumnOptions {
    /// The columns; `None`: none are declared.
    pub schema: Option<Arc<Schema>>,
    /// Which types columns may have.
    pub types: SchemaTypes,
    /// How a Parquet file's pages are compressed.
    pub page_compression: PageCompression,
    /// A row group ends when its encoded columns have so many bytes.
    pub row_group_bytes: u64,
}

impl Default for ColumnOptions {
    fn default() -> Self {
        ColumnOptions {
            schema: None,
            types: SchemaTypes::Portable,
            page_compression: PageCompression::Snappy,
            row_group_bytes: 32 << 20,
        }
    }
}

impl ColumnOptions {
    /// # Errors
    /// `InvalidArgument`, naming the field.
    pub(crate) fn check(&self) -> Result<()> {
        if ROW_GROUP_BYTES.contains(&self.row_group_bytes) {
            return Ok(());
        }
        let message = format!(
            "row_group_bytes is {}, expected {} to {}",
            self.row_group_bytes,
            ROW_GROUP_BYTES.start(),
            ROW_GROUP_BYTES.end()
        );
        Err(Error::new(Status::InvalidArgument, message))
    }

    /// How a column of bytes is written as JSON: as its field is declared, else as text.
    pub(crate) fn bytes_text(&self, name: &str) -> BytesText {
        match self.schema.as_ref().and_then(|schema| schema.field(name)).map(|field| field.column_type) {
            Some(ColumnType::Bytes(text)) => text,
            _ => BytesText::Text,
        }
    }
}

//! How much memory the rows of a row group take when they are decoded, and so how many of them make a batch.

use std::sync::Arc;

use parquet::basic::Type;
use parquet::column::page::{Page, PageReader};
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::file::ParquetInput;
use super::pages::Pages;
use crate::error::Result;

/// A batch's values have about so many bytes at most, unless one row has more.
const BATCH_BYTES: u64 = 8 << 20;

/// A batch may begin and end within a page, where values may be longer than they are on the page's average:
/// they take so many bytes more at most.
const PARTIAL_PAGES: u64 = 32 << 20;

/// The same of texts that are stored by what they share with the text before: each may be as long as its page
/// is.
const SHARED_BEGINNINGS: u64 = 64 << 20;

/// Where texts may be so many times as long as they usually are, a batch of a safe number of rows would be a
/// small one.
const SPREAD: u64 = 4;

/// The bytes of a view of a text.
const VIEW: u64 = 16;

/// The bytes of where a text ends.
const OFFSET: u64 = 4;

/// What a row of some columns takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowBytes {
    /// At most, but for the first and the last page of a batch.
    most: u64,
    usual: u64,
    /// What the first and the last page of a batch may have beside it.
    partial_pages: u64,
    /// At most, in pages of texts that share their beginnings.
    shared: u64,
    /// `most` is known.
    is_bounded: bool,
}

impl RowBytes {
    /// That of no column.
    pub fn none() -> Self {
        RowBytes { most: 1, usual: 1, partial_pages: 0, shared: 0, is_bounded: true }
    }

    /// Adds a column, of which texts become views of its pages.
    pub fn add_views(&mut self, chunk: &ColumnChunkMetaData, group: &RowGroupMetaData, pages: &Pages) {
        let value = match width(chunk) {
            Some(width) => width.max(pages.value_bytes),
            None => VIEW + pages.value_bytes,
        };
        self.add_shared(chunk, group, pages);
        self.add(value, value, chunk, group);
    }

    /// Adds a column, of which texts are copied.
    ///
    /// # Errors
    /// The column's dictionary cannot be decoded; those of the input.
    pub fn add_copied(
        &mut self,
        file: &ParquetInput,
        chunk: &ColumnChunkMetaData,
        group: &RowGroupMetaData,
        pages: &Pages,
    ) -> Result<()> {
        if let Some(width) = width(chunk) {
            self.add(width, width, chunk, group);
            return Ok(());
        }
        let (mut longest, mut usual) = (pages.value_bytes, pages.mean_bytes);
        if pages.dictionaries > 0 {
            let lengths = dictionary_lengths(file, chunk, group)?;
            longest = longest.max(lengths.longest);
            usual = usual.max(lengths.mean);
        }
        // A second dictionary is not read ahead.
        self.is_bounded &= pages.dictionaries <= 1 && !pages.has_deltas;
        self.partial_pages += 2 * pages.largest;
        self.add_shared(chunk, group, pages);
        self.add(OFFSET + longest, OFFSET + usual, chunk, group);
        Ok(())
    }

    fn add_shared(&mut self, chunk: &ColumnChunkMetaData, group: &RowGroupMetaData, pages: &Pages) {
        if pages.has_deltas && width(chunk).is_none() {
            let values = values_of_a_row(chunk, group);
            self.shared = self.shared.saturating_add(pages.largest.saturating_mul(values));
        }
    }

    fn add(&mut self, most: u64, usual: u64, chunk: &ColumnChunkMetaData, group: &RowGroupMetaData) {
        let values = values_of_a_row(chunk, group);
        self.most = self.most.saturating_add(most.saturating_mul(values));
        self.usual = self.usual.saturating_add(usual.saturating_mul(values));
    }

    /// How many rows a batch has, of at most `most`.
    pub fn rows(&self, most: usize) -> usize {
        let rows = (BATCH_BYTES / self.most).min(SHARED_BEGINNINGS / self.shared.max(1));
        usize::try_from(rows).unwrap_or(most).clamp(1, most.max(1))
    }

    /// Whether so many rows have a bounded size, and are not far fewer than a batch could have.
    pub fn is_known(&self, most: usize) -> bool {
        let usual = usize::try_from(BATCH_BYTES / self.usual).unwrap_or(most).clamp(1, most.max(1));
        self.is_bounded
            && self.partial_pages <= PARTIAL_PAGES
            && self.rows(most) as u64 * SPREAD >= usual as u64
    }
}

/// How many values a row of a column has: several, of a list.
fn values_of_a_row(chunk: &ColumnChunkMetaData, group: &RowGroupMetaData) -> u64 {
    let values = u64::try_from(chunk.num_values()).unwrap_or_default();
    values.div_ceil(u64::try_from(group.num_rows()).unwrap_or_default().max(1)).max(1)
}

/// The bytes of a value in memory; `None` of texts.
fn width(chunk: &ColumnChunkMetaData) -> Option<u64> {
    match chunk.column_type() {
        Type::BOOLEAN => Some(1),
        Type::INT32 | Type::FLOAT => Some(4),
        Type::INT64 | Type::DOUBLE => Some(8),
        Type::INT96 => Some(12),
        Type::BYTE_ARRAY => None,
        Type::FIXED_LEN_BYTE_ARRAY => Some(u64::try_from(chunk.column_descr().type_length()).unwrap_or(1)),
    }
}

/// How long the texts of a dictionary are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Lengths {
    longest: u64,
    mean: u64,
}

/// The lengths of the texts in a column chunk's first dictionary.
fn dictionary_lengths(
    file: &ParquetInput,
    chunk: &ColumnChunkMetaData,
    group: &RowGroupMetaData,
) -> Result<Lengths> {
    let rows = usize::try_from(group.num_rows()).unwrap_or(usize::MAX);
    let page = SerializedPageReader::new(Arc::new(file.clone()), chunk, rows, None)
        .and_then(|mut reader| reader.get_next_page())
        .map_err(|error| file.failure(&error))?;
    Ok(match page {
        Some(Page::DictionaryPage { buf, .. }) => lengths(&buf),
        // It comes too late: what needs it cannot be decoded.
        _ => Lengths::default(),
    })
}

/// The lengths of texts that each follow their length. Of what is no such text all that is left is one.
fn lengths(mut texts: &[u8]) -> Lengths {
    let (mut longest, mut count, mut bytes) = (0, 0, 0);
    while let Some((length, rest)) = texts.split_first_chunk() {
        let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
        longest = longest.max(length as u64);
        bytes += length as u64;
        count += 1;
        texts = &rest[length..];
    }
    Lengths { longest, mean: bytes / u64::max(count, 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_texts_are_never_more_than_there_are_bytes() {
        assert_eq!(lengths(&[]), Lengths::default());
        let texts = [&[2, 0, 0, 0][..], b"ab", &[0; 4], &[7, 0, 0, 0], b"abcdefg"].concat();
        assert_eq!(lengths(&texts), Lengths { longest: 7, mean: 3 });
        assert_eq!(lengths(&[255, 255, 255, 255, 1, 2]), Lengths { longest: 2, mean: 2 });
        assert_eq!(lengths(&[1, 0]), Lengths::default());
    }

    #[test]
    fn rows_are_bounded_by_what_they_may_take() {
        let of = |most, usual| RowBytes { most, usual, ..RowBytes::none() };
        assert_eq!(of(128, 128).rows(100_000), 65_536);
        assert_eq!(of(128, 128).rows(100), 100);
        assert_eq!(of(1 << 40, 1).rows(0), 1);
        assert!(of(128, 40).is_known(65_536));
        assert!(of(512, 100).is_known(65_536));
        assert!(!of(1024, 100).is_known(65_536), "few rows, where there could be many");
        assert!(of(1024, 100).is_known(8192), "no more are wanted");
        assert!(!RowBytes { is_bounded: false, ..of(1, 1) }.is_known(1));
        assert!(!RowBytes { partial_pages: PARTIAL_PAGES + 1, ..of(1, 1) }.is_known(1));
    }
}

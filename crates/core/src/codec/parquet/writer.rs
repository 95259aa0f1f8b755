//! The file that is being written: batches are encoded into a row group, and a row group is spliced into the
//! file when it is full.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, Type};

use super::row_group::{ColumnEncoders, RowGroup};
use crate::columns::{ColumnOptions, ColumnType, Columns, Field, PageCompression, Statistics};
use crate::error::{Error, Result, Status};
use crate::manifest::ColumnStats;

/// The most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// The most bytes of a page, and of a dictionary, before compression; a page has one value at least.
const PAGE_BYTES: usize = 1 << 20;

/// What is finished is handed on in pieces of this size.
pub(super) const PIECE: usize = 256 << 10;

/// So many columns of numbers have dictionaries: the table that finds their values takes 73 KB each, from the
/// first row on. Those of texts grow as they are needed.
const DICTIONARIES_OF_NUMBERS: usize = 100;

/// How often the encoder holds a huge value at most: in its page, in the page with levels, compressed, and as
/// the column's own entry of a dictionary.
const COPIES_OF_HUGE: usize = 5;

/// The name of the schema's root.
pub(super) const ROOT: &str = "record";

/// Encodes batches into a file.
pub(super) struct FileWriter {
    file: SerializedFileWriter<Outbox>,
    encoders: ColumnEncoders,
    group: Option<RowGroup>,
    row_group_bytes: usize,
    /// What was gathered of each column in the row groups that are finished.
    statistics: Vec<Statistics>,
}

impl FileWriter {
    /// A file of these columns.
    ///
    /// # Errors
    /// `Internal`.
    pub fn new(columns: &Columns, options: &ColumnOptions) -> Result<Self> {
        FileWriter::open(columns, options).map_err(failed)
    }

    fn open(columns: &Columns, options: &ColumnOptions) -> parquet::errors::Result<Self> {
        let schema = parquet_schema(columns.fields())?;
        let is_text = |field: &Field| matches!(field.column_type, ColumnType::String | ColumnType::Bytes(_));
        let (mut properties, mut numbers) = (properties(options)?, 0);
        for (field, column) in columns.fields().zip(schema.columns()) {
            let path = column.path().clone();
            if is_text(field) {
                // The encoder holds four copies of the least and greatest text, however long they are: they
                // are gathered here, and cut off.
                properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
                continue;
            }
            numbers += 1;
            if numbers > DICTIONARIES_OF_NUMBERS {
                properties = properties.set_column_dictionary_enabled(path, false);
            }
        }
        let properties = Arc::new(properties.build());
        let file =
            SerializedFileWriter::new(Outbox::default(), schema.root_schema_ptr(), properties.clone())?;
        let fields: Vec<Field> = columns.fields().cloned().collect();
        let statistics = fields.iter().map(|field| Statistics::new(field.column_type)).collect();
        let encoders = ColumnEncoders::new(fields, columns.arrow(), &schema, &properties)?;
        let row_group_bytes = usize::try_from(options.row_group_bytes).unwrap_or(usize::MAX);
        Ok(FileWriter { file, encoders, group: None, row_group_bytes, statistics })
    }

    /// Ends the row group if a batch that has `excess` bytes more than one without a huge value is not to go
    /// into it; whether it did.
    ///
    /// # Errors
    /// `Internal`; the file is then of no use.
    pub fn make_room(&mut self, excess: usize) -> Result<bool> {
        let Some(group) = &self.group else { return Ok(false) };
        if excess == 0 || group.held() + COPIES_OF_HUGE * excess <= self.held_max() {
            return Ok(false);
        }
        self.end_row_group().map(|()| true)
    }

    /// Adds a batch with so many bytes of excess, and ends the row group if it is then full.
    ///
    /// # Errors
    /// `Internal`; the file is then of no use.
    pub fn write(&mut self, batch: RecordBatch, excess: usize) -> Result<()> {
        self.make_room(excess)?;
        let mut rest = Some(batch);
        while let Some(batch) = rest.take() {
            let group = match &mut self.group {
                Some(group) => group,
                None => {
                    let number = self.file.flushed_row_groups().len();
                    self.group.insert(RowGroup::new(&self.encoders, number).map_err(failed)?)
                }
            };
            let (rows, room) = (batch.num_rows(), ROW_GROUP_ROWS - group.rows());
            if rows > room {
                rest = Some(batch.slice(room, rows - room));
                group.write(&self.encoders, batch.slice(0, room)).map_err(failed)?;
            } else {
                group.write(&self.encoders, batch).map_err(failed)?;
            }
            if self.is_full() {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    /// Whether the columns of a batch are encoded when it is written; otherwise it is kept.
    pub fn encodes_at_once(&self) -> bool {
        self.encoders.encode_at_once()
    }

    fn held_max(&self) -> usize {
        self.row_group_bytes + self.row_group_bytes / 4
    }

    fn is_full(&self) -> bool {
        let Some(group) = &self.group else { return false };
        group.rows() >= ROW_GROUP_ROWS
            || group.encoded() >= self.row_group_bytes
            || group.held() >= self.held_max()
    }

    fn end_row_group(&mut self) -> Result<()> {
        let Some(group) = self.group.take() else { return Ok(()) };
        let told = group.finish(&self.encoders, &mut self.file).map_err(failed)?;
        self.statistics.iter_mut().zip(&told).for_each(|(all, more)| all.merge(more));
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Internal`.
    pub fn finish(&mut self) -> Result<()> {
        self.end_row_group()?;
        self.file.finish().map(drop).map_err(failed)
    }

    /// What was gathered of all row groups that are finished: columns in this order of their places.
    pub fn statistics(&self, order: &[usize]) -> Vec<ColumnStats> {
        order.iter().map(|place| self.statistics[*place].finish(&self.encoders.fields()[*place])).collect()
    }

    /// The next piece that is finished; none: nothing is.
    pub fn next_piece(&mut self) -> Option<Vec<u8>> {
        self.file.inner_mut().pieces.pop_front()
    }

    /// Whether something is finished and was not taken.
    pub fn has_pieces(&self) -> bool {
        !self.file.inner().pieces.is_empty()
    }
}

fn properties(options: &ColumnOptions) -> parquet::errors::Result<WriterPropertiesBuilder> {
    let compression = match options.page_compression {
        PageCompression::Snappy => Compression::SNAPPY,
        PageCompression::None => Compression::UNCOMPRESSED,
        PageCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(3)?),
    };
    Ok(WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("lode-c {}", env!("CARGO_PKG_VERSION")))
        .set_compression(compression)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true))
}

/// The file's schema: with logical types that Arrow's own conversion leaves out.
fn parquet_schema<'f>(fields: impl Iterator<Item = &'f Field>) -> parquet::errors::Result<SchemaDescriptor> {
    let column = |field: &Field| {
        let (physical, logical) = match field.column_type {
            ColumnType::Int32 => (Physical::INT32, Some(LogicalType::integer(32, true))),
            ColumnType::Int64 => (Physical::INT64, Some(LogicalType::integer(64, true))),
            ColumnType::Float32 => (Physical::FLOAT, None),
            ColumnType::Float64 => (Physical::DOUBLE, None),
            ColumnType::String => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnType::Bool => (Physical::BOOLEAN, None),
            ColumnType::Bytes(_) => (Physical::BYTE_ARRAY, None),
            ColumnType::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::NANOS))),
        };
        let repetition = if field.nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
        Type::primitive_type_builder(&field.name, physical)
            .with_repetition(repetition)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let columns = fields.map(column).collect::<parquet::errors::Result<Vec<_>>>()?;
    let root = Type::group_type_builder(ROOT).with_fields(columns).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

/// What was checked can be encoded: a failure is memory's, or a bug.
#[cold]
fn failed(error: ParquetError) -> Error {
    Error::new(Status::Internal, format_args!("the Parquet writer failed: {error}")).with_source(error)
}

/// Bytes that are finished and wait for the pipe.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Vec<u8>>,
}

impl Write for Outbox {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece = match self.pieces.back_mut() {
                Some(piece) if piece.len() < PIECE => piece,
                _ => {
                    let mut piece = Vec::new();
                    piece.try_reserve_exact(PIECE).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
                    self.pieces.push_back(piece);
                    continue;
                }
            };
            let (part, more) = rest.split_at(rest.len().min(PIECE - piece.len()));
            piece.extend_from_slice(part);
            rest = more;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

//! The file that is being written: batches are encoded into a row group, and a row group is spliced into the
//! file when it is full.

use std::collections::VecDeque;
use std::io::{Sink, Write};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::columns::{ColumnOptions, ColumnType, Columns, Field, PageCompression};
use crate::error::{Error, Result, Status};

/// The most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// The most bytes of a page, and of a dictionary, before compression; a page has one value at least.
const PAGE_BYTES: usize = 1 << 20;

/// What is finished is handed on in pieces of this size.
pub(super) const PIECE: usize = 256 << 10;

/// A batch with so many bytes more than one without a huge value has is encoded without the least and
/// greatest of its texts, of which the encoder would hold four copies.
const HUGE: usize = 1 << 20;

/// So many columns of numbers have dictionaries: the table that finds their values takes 73 KB each, from the
/// first row on. Those of texts grow as they are needed.
const DICTIONARIES_OF_NUMBERS: usize = 100;

/// How often the encoder holds a huge value at most: in its page, in the page with levels, compressed; and
/// the least and greatest of page and column, where they are told.
const COPIES_OF_HUGE: usize = 5;
const COPIES: usize = 8;

/// The name of the schema's root.
const ROOT: &str = "record";

/// Encodes batches into a file.
pub(super) struct FileWriter {
    file: SerializedFileWriter<Outbox>,
    arrow: SchemaRef,
    /// Makes the encoders of a row group's columns.
    columns: ArrowRowGroupWriterFactory,
    /// The same for row groups of huge values.
    huge_columns: ArrowRowGroupWriterFactory,
    group: Option<RowGroup>,
    row_group_bytes: usize,
}

/// The row group that is being gathered.
struct RowGroup {
    columns: Vec<ArrowColumnWriter>,
    rows: usize,
    is_huge: bool,
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
        let numbers = columns.fields().zip(schema.columns()).filter(|(field, _)| !is_text(field));
        let properties =
            numbers.skip(DICTIONARIES_OF_NUMBERS).fold(properties(options)?, |properties, (_, column)| {
                properties.set_column_dictionary_enabled(column.path().clone(), false)
            });
        let texts = columns.fields().zip(schema.columns()).filter(|(field, _)| is_text(field));
        let without_texts = texts.fold(properties.clone(), |properties, (_, column)| {
            properties.set_column_statistics_enabled(column.path().clone(), EnabledStatistics::None)
        });
        let arrow = columns.arrow().clone();
        let (root, row_group_bytes) = (schema.root_schema_ptr(), options.row_group_bytes);
        // Column encoders take their settings from a file: this one is never written to.
        let other: SerializedFileWriter<Sink> =
            SerializedFileWriter::new(std::io::sink(), root.clone(), Arc::new(without_texts.build()))?;
        let file = SerializedFileWriter::new(Outbox::default(), root, Arc::new(properties.build()))?;
        Ok(FileWriter {
            columns: ArrowRowGroupWriterFactory::new(&file, arrow.clone()),
            huge_columns: ArrowRowGroupWriterFactory::new(&other, arrow.clone()),
            file,
            arrow,
            group: None,
            row_group_bytes: usize::try_from(row_group_bytes).unwrap_or(usize::MAX),
        })
    }

    /// Ends the row group if a batch that has `excess` bytes more than one without a huge value is not to go
    /// into it; whether it did.
    ///
    /// # Errors
    /// `Internal`; the file is then of no use.
    pub fn make_room(&mut self, excess: usize) -> Result<bool> {
        let Some(group) = &self.group else { return Ok(false) };
        let is_huge = excess > HUGE;
        let copies = if is_huge { COPIES_OF_HUGE } else { COPIES };
        if group.is_huge == is_huge && self.held() + copies * excess <= self.held_max() {
            return Ok(false);
        }
        self.end_row_group().map(|()| true)
    }

    /// Adds a batch with so many bytes of excess, and ends the row group if it is then full.
    ///
    /// # Errors
    /// `Internal`; the file is then of no use.
    pub fn write(&mut self, batch: RecordBatch, excess: usize) -> Result<()> {
        let is_huge = excess > HUGE;
        self.make_room(excess)?;
        let mut rest = Some(batch);
        while let Some(batch) = rest.take() {
            let rows = self.group.as_ref().map_or(0, |group| group.rows);
            let (rows, room) = (batch.num_rows(), ROW_GROUP_ROWS - rows);
            if rows > room {
                rest = Some(batch.slice(room, rows - room));
                self.encode(&batch.slice(0, room), is_huge).map_err(failed)?;
            } else {
                self.encode(&batch, is_huge).map_err(failed)?;
            }
            // Before the row group's pages are handed on, which may be as large.
            drop(batch);
            if self.is_full() {
                self.end_row_group()?;
            }
        }
        Ok(())
    }

    fn encode(&mut self, batch: &RecordBatch, is_huge: bool) -> parquet::errors::Result<()> {
        let group = match &mut self.group {
            Some(group) => group,
            None => {
                let columns = if is_huge { &self.huge_columns } else { &self.columns };
                let columns = columns.create_column_writers(self.file.flushed_row_groups().len())?;
                self.group.insert(RowGroup { columns, rows: 0, is_huge })
            }
        };
        let mut columns = group.columns.iter_mut();
        for (field, array) in self.arrow.fields().iter().zip(batch.columns()) {
            for (leaf, column) in compute_leaves(field, array)?.iter().zip(&mut columns) {
                column.write(leaf)?;
            }
        }
        group.rows += batch.num_rows();
        Ok(())
    }

    /// How many bytes the row group holds in memory: encoded ones, and the keys of dictionaries, which wait
    /// for their page in eight bytes each.
    fn held(&self) -> usize {
        let columns = self.group.iter().flat_map(|group| &group.columns);
        columns.map(ArrowColumnWriter::memory_size).sum()
    }

    fn held_max(&self) -> usize {
        self.row_group_bytes + self.row_group_bytes / 4
    }

    fn is_full(&self) -> bool {
        let Some(group) = &self.group else { return false };
        let encoded = group.columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum::<usize>();
        group.rows >= ROW_GROUP_ROWS || encoded >= self.row_group_bytes || self.held() >= self.held_max()
    }

    fn end_row_group(&mut self) -> Result<()> {
        let Some(group) = self.group.take() else { return Ok(()) };
        self.splice(group).map_err(failed)
    }

    fn splice(&mut self, group: RowGroup) -> parquet::errors::Result<()> {
        let mut row_group = self.file.next_row_group()?;
        for column in group.columns {
            column.close()?.append_to_row_group(&mut row_group)?;
        }
        row_group.close().map(drop)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// `Internal`.
    pub fn finish(&mut self) -> Result<()> {
        self.end_row_group()?;
        self.file.finish().map(drop).map_err(failed)
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
struct Outbox {
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

//! The file that is being written: batches are encoded into a row group, and a row group is spliced into the
//! file when it is full.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema as ArrowSchema;
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData};
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::file::writer::{SerializedFileWriter, TrackedWrite};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor, Type};

use super::footer::FOOTER_MAX;
use super::row_group::{ColumnEncoders, RowGroup};
use crate::columns::{ColumnOptions, ColumnType, Columns, Field, PageCompression, SchemaTypes, Statistics};
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

/// A row group ends with a batch that has more than this part of its bytes of excess.
const HUGE_PARTS: usize = 8;

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
    footer: Footer,
}

/// How long the footer becomes that the file ends with.
struct Footer {
    schema: SchemaDescPtr,
    /// Its bytes without any row group.
    empty: u64,
    /// Its bytes with those that are finished.
    len: u64,
    most: u64,
}

impl FileWriter {
    /// A file of these columns.
    ///
    /// # Errors
    /// `ArrowType` for a type that Parquet has no form for; `Internal`.
    pub fn new(columns: &Columns, options: &ColumnOptions) -> Result<Self> {
        let schema = parquet_schema(columns.fields()).map_err(|error| {
            let message = format!("Parquet cannot store a column: {error}");
            Error::new(Status::ArrowType, message).with_source(error)
        })?;
        FileWriter::open(columns, schema, options).map_err(failed)
    }

    fn open(
        columns: &Columns,
        schema: SchemaDescriptor,
        options: &ColumnOptions,
    ) -> parquet::errors::Result<Self> {
        let fields: Vec<Field> = columns.fields().cloned().collect();
        let (mut properties, mut numbers) = (properties(options)?, 0);
        for (leaf, column) in schema.columns().iter().enumerate() {
            let path = column.path().clone();
            if matches!(
                fields[schema.get_column_root_idx(leaf)].column_type,
                ColumnType::String | ColumnType::Bytes(_)
            ) {
                // The encoder holds four copies of the least and greatest text, however long they are: they
                // are gathered here, and cut off.
                properties = properties.set_column_statistics_enabled(path, EnabledStatistics::None);
                continue;
            }
            if column.physical_type() == Physical::BYTE_ARRAY {
                continue;
            }
            numbers += 1;
            if numbers > DICTIONARIES_OF_NUMBERS {
                properties = properties.set_column_dictionary_enabled(path, false);
            }
        }
        let mut properties = properties.build();
        if options.types == SchemaTypes::Arrow {
            let declared: Vec<_> = fields.iter().map(Field::arrow).collect();
            add_encoded_arrow_schema_to_metadata(&ArrowSchema::new(declared), &mut properties);
        }
        let properties = Arc::new(properties);
        let file =
            SerializedFileWriter::new(Outbox::default(), schema.root_schema_ptr(), properties.clone())?;
        // One description of the columns for all.
        let schema = file.schema_descr().clone();
        let statistics = fields.iter().map(|field| Statistics::new(field.column_type)).collect();
        let encoders = ColumnEncoders::new(fields, columns.arrow(), &schema, &properties)?;
        let row_group_bytes = usize::try_from(options.row_group_bytes).unwrap_or(usize::MAX);
        let footer = Footer::new(schema)?;
        Ok(FileWriter { file, encoders, group: None, row_group_bytes, statistics, footer })
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
        // What encoding a huge value has taken is not held beside further rows, nor beside the next one.
        if excess > self.row_group_bytes / HUGE_PARTS { self.end_row_group() } else { Ok(()) }
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
        self.footer.add(self.file.flushed_row_groups())
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

impl Footer {
    /// What it holds that is not counted, at most: the writer's name, and how many row groups there are.
    const REST: u64 = 256;

    fn new(schema: SchemaDescriptor) -> parquet::errors::Result<Self> {
        let schema = Arc::new(schema);
        let empty = footer_len(&schema, Vec::new())?;
        Ok(Footer { schema, empty, len: empty + Footer::REST, most: FOOTER_MAX })
    }

    /// Counts the last of these row groups.
    ///
    /// # Errors
    /// `Unsupported`: the footer would be longer than any that is read.
    fn add(&mut self, groups: &[RowGroupMetaData]) -> Result<()> {
        let Some(last) = groups.last() else { return Ok(()) };
        self.len += footer_len(&self.schema, vec![last.clone()]).map_err(failed)? - self.empty;
        if self.len <= self.most {
            return Ok(());
        }
        let message = format!(
            "the footer of a Parquet file of {} columns would have more than {} bytes after \
             {} row groups, and is then not read: divide the records into files by target_file_bytes, or give a \
             larger row_group_bytes",
            self.schema.num_columns(),
            self.most,
            groups.len()
        );
        Err(Error::new(Status::Unsupported, message))
    }
}

/// The length of a footer with these row groups.
fn footer_len(schema: &SchemaDescPtr, groups: Vec<RowGroupMetaData>) -> parquet::errors::Result<u64> {
    let file = FileMetaData::new(1, 0, None, None, Arc::clone(schema), None);
    let mut written = TrackedWrite::new(std::io::sink());
    ParquetMetaDataWriter::new(&mut written, &ParquetMetaData::new(file, groups)).finish()?;
    Ok(written.bytes_written() as u64)
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
        if field.column_type == ColumnType::Arrow {
            let alone = ArrowSchema::new(vec![field.stored()]);
            let converted = ArrowSchemaConverter::new().schema_root(ROOT).convert(&alone)?;
            return Ok(converted.root_schema().get_fields()[0].clone());
        }
        let (physical, logical) = match field.column_type {
            ColumnType::Int32 => (Physical::INT32, Some(LogicalType::integer(32, true))),
            ColumnType::Int64 => (Physical::INT64, Some(LogicalType::integer(64, true))),
            ColumnType::Float32 => (Physical::FLOAT, None),
            ColumnType::Float64 => (Physical::DOUBLE, None),
            ColumnType::String => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            ColumnType::Bool => (Physical::BOOLEAN, None),
            ColumnType::Bytes(_) | ColumnType::Arrow => (Physical::BYTE_ARRAY, None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::Schema;
    use arrow_array::{Int64Array, StringArray};

    const SCHEMA: &str = r#"{"fields":[{"name":"n","type":"int64"},{"name":"text","type":"string"}]}"#;

    fn writer_and_batch() -> (FileWriter, RecordBatch) {
        let schema = Schema::from_json(SCHEMA).unwrap();
        let columns = Columns::new(&schema, &schema.file_order());
        let numbers = Arc::new(Int64Array::from(vec![1, 2]));
        let texts = Arc::new(StringArray::from(vec!["a", "text"]));
        let batch = RecordBatch::try_new(columns.arrow().clone(), vec![numbers, texts]).unwrap();
        (FileWriter::new(&columns, &ColumnOptions::default()).unwrap(), batch)
    }

    #[test]
    fn a_footer_has_no_more_bytes_than_were_counted() {
        let (mut writer, batch) = writer_and_batch();
        for _ in 0..300 {
            writer.write(batch.clone(), 0).unwrap();
            writer.end_row_group().unwrap();
        }
        writer.finish().unwrap();
        let file = std::iter::from_fn(|| writer.next_piece()).collect::<Vec<_>>().concat();
        let tail: [u8; 4] = file[file.len() - 8..file.len() - 4].try_into().unwrap();
        let real = u64::from(u32::from_le_bytes(tail));
        let counted = writer.footer.len;
        assert!(real <= counted && counted <= real + Footer::REST, "{real}, counted as {counted}");
    }

    #[test]
    fn a_footer_that_would_not_be_read_is_refused_before_it_is_written() {
        let (mut writer, batch) = writer_and_batch();
        writer.footer.most = 5_000;
        let error = refusal(&mut writer, &batch);
        let groups = writer.file.flushed_row_groups().len();
        assert_eq!(error.status(), Status::Unsupported);
        let message = error.message();
        for part in
            ["2 columns", "more than 5000 bytes", &format!("{groups} row groups"), "target_file_bytes"]
        {
            assert!(message.contains(part), "{message}");
        }
    }

    /// Ends row groups until that is refused.
    fn refusal(writer: &mut FileWriter, batch: &RecordBatch) -> Error {
        for _ in 0..100 {
            writer.write(batch.clone(), 0).unwrap();
            if let Err(error) = writer.end_row_group() {
                return error;
            }
        }
        panic!("it is not refused");
    }
}

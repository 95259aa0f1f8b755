//! Writing: rows are gathered into batches, batches encoded into a row group, and a row group handed on when it
//! is full.
//!
//! What is finished waits in pieces until the pipe has room: a row group's bytes and its pages are then never
//! in memory twice, and a store that has no space left loses nothing.

use std::collections::VecDeque;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::{SchemaDescriptor, Type};

use crate::codec::json::wanted::Wanted;
use crate::codec::{Checked, EncoderOptions, Rejection};
use crate::columns::{
    ColumnOptions, ColumnType, Columns, Field, PageCompression, RecordParser, Refusal, Source,
};
use crate::error::{Error, Result, Status};
use crate::manifest::FileStats;

/// The most rows of a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;

/// The most bytes of a page, and of a dictionary, before compression; a page has one value at least.
const PAGE_BYTES: usize = 1 << 20;

/// What is finished is handed on in pieces of this size.
const PIECE: usize = 256 << 10;

/// The name of the schema's root.
const ROOT: &str = "record";

/// Writes records as rows.
pub struct Encoder {
    max_record_bytes: u64,
    wanted: Wanted,
    inner: Box<Inner>,
}

struct Inner {
    parser: RecordParser,
    columns: Columns,
    writer: ArrowWriter<Outbox>,
    row_group_bytes: usize,
    is_finished: bool,
}

impl crate::codec::Encoder for Encoder {
    const NAME: &'static str = "parquet";
    const FILE_NAME: &'static str = "data";

    fn new(options: &EncoderOptions<'_>) -> Result<Self> {
        let schema = options.columns.schema.as_ref().ok_or_else(|| {
            let message = "Parquet stores typed columns: open the dataset with a schema to write to it";
            Error::new(Status::SchemaRequired, message)
        })?;
        let columns = Columns::new(schema, &schema.file_order());
        Ok(Encoder {
            max_record_bytes: options.max_record_bytes,
            wanted: Wanted::new(options.wanted),
            inner: Box::new(Inner {
                parser: RecordParser::new(columns.fields())?,
                writer: writer(&columns, options.columns).map_err(failed)?,
                columns,
                row_group_bytes: usize::try_from(options.columns.row_group_bytes).unwrap_or(usize::MAX),
                is_finished: false,
            }),
        })
    }

    fn check(&mut self, record: &[u8]) -> std::result::Result<Checked, Rejection> {
        self.parse(record).map(|()| Checked::default())
    }

    fn values(&mut self, record: &[u8]) -> &[Option<(usize, usize)>] {
        self.wanted.search(record)
    }

    fn encode_checked(
        &mut self,
        record: &[u8],
        _checked: Checked,
        out: &mut Vec<u8>,
    ) -> std::result::Result<(), Rejection> {
        self.encode(record, out)
    }

    #[inline]
    fn encode(&mut self, record: &[u8], out: &mut Vec<u8>) -> std::result::Result<(), Rejection> {
        self.parse(record)?;
        let inner = &mut *self.inner;
        inner
            .columns
            .push(&inner.parser, record)
            .map_err(|_| Rejection::NoMemory { len: record.len() as u64 })?;
        if inner.columns.is_full() {
            inner.write_batch().map_err(|error| Rejection::Failed {
                status: error.status(),
                message: error.message().to_owned(),
            })?;
        }
        // Faster than records fill it.
        let outbox = inner.writer.inner_mut();
        if !outbox.pieces.is_empty() {
            let mut most = PIECE.max(2 * record.len());
            while most > 0
                && let Some(piece) = outbox.pieces.pop_front()
            {
                most = most.saturating_sub(piece.len());
                out.extend_from_slice(&piece);
            }
        }
        Ok(())
    }

    fn extend(&mut self, sources: &[Source<'_>], rows: Range<usize>) -> Result<(usize, usize)> {
        let inner = &mut *self.inner;
        let taken = inner.columns.extend(sources, rows)?;
        if inner.columns.is_full() {
            inner.write_batch()?;
        }
        Ok(taken)
    }

    fn drain(&mut self, out: &mut Vec<u8>) -> bool {
        match self.inner.writer.inner_mut().pieces.pop_front() {
            Some(piece) => {
                out.extend_from_slice(&piece);
                true
            }
            None => false,
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let inner = &mut *self.inner;
        if !inner.is_finished {
            if inner.columns.rows() > 0 {
                inner.write_batch()?;
            }
            inner.writer.finish().map_err(failed)?;
            inner.is_finished = true;
        }
        self.drain(out);
        Ok(!self.inner.writer.inner().pieces.is_empty())
    }

    fn statistics(&mut self, records: u64) -> Option<FileStats> {
        Some(self.inner.columns.statistics(records))
    }
}

impl Encoder {
    #[inline(always)]
    fn parse(&mut self, record: &[u8]) -> std::result::Result<(), Rejection> {
        let (len, limit) = (record.len() as u64, self.max_record_bytes);
        if len > limit {
            return Err(Rejection::TooLarge { len, limit });
        }
        self.inner.parser.parse(record).map_err(|refusal| match refusal {
            Refusal::Fault(fault) => Rejection::InvalidRecord(fault),
            Refusal::Violation(violation) => Rejection::Violation(violation),
        })
    }
}

impl Inner {
    fn write_batch(&mut self) -> Result<()> {
        let batch = self.columns.finish_batch()?;
        self.writer.write(&batch).map_err(failed)?;
        // A dictionary's keys wait for their page in eight bytes each: what is held counts, too.
        if self.writer.in_progress_size() >= self.row_group_bytes
            || self.writer.memory_size() >= self.row_group_bytes + self.row_group_bytes / 4
        {
            self.writer.flush().map_err(failed)?;
        }
        Ok(())
    }
}

fn writer(columns: &Columns, options: &ColumnOptions) -> parquet::errors::Result<ArrowWriter<Outbox>> {
    let compression = match options.page_compression {
        PageCompression::Snappy => Compression::SNAPPY,
        PageCompression::None => Compression::UNCOMPRESSED,
        PageCompression::Zstd => Compression::ZSTD(ZstdLevel::try_new(3)?),
    };
    let properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(format!("lode-c {}", env!("CARGO_PKG_VERSION")))
        .set_compression(compression)
        .set_dictionary_enabled(true)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(None)
        .build();
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true)
        .with_parquet_schema(parquet_schema(columns.fields())?);
    ArrowWriter::try_new_with_options(Outbox::default(), columns.arrow().clone(), options)
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

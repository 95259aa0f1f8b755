//! The row group that is being gathered: columns are encoded as their rows come, or, where there are many, a
//! few at a time when the row group is full.

use std::io::{Sink, Write};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::errors::Result;
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::statistics::Statistics as Told;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{SchemaDescriptor, Type};

use super::bounds::text_statistics;
use super::writer::ROOT;
use crate::columns::{ColumnType, Field, Statistics};

/// So many columns are encoded as their rows come: the encoder of one takes 8 KB before it has a value. Of
/// more columns the rows wait as arrays, and as many columns are encoded at a time.
const COLUMNS_AT_ONCE: usize = 256;

/// Makes the encoders of the columns of a file.
pub(super) struct ColumnEncoders {
    fields: Vec<Field>,
    arrow: SchemaRef,
    /// How many columns of the file each field has.
    columns: Vec<usize>,
    /// For each run of [`COLUMNS_AT_ONCE`] columns.
    factories: Vec<ArrowRowGroupWriterFactory>,
}

impl ColumnEncoders {
    pub fn new(
        fields: Vec<Field>,
        arrow: &SchemaRef,
        schema: &SchemaDescriptor,
        properties: &WriterPropertiesPtr,
    ) -> Result<Self> {
        let root = schema.root_schema();
        let mut columns = vec![0; fields.len()];
        (0..schema.num_columns()).for_each(|column| columns[schema.get_column_root_idx(column)] += 1);
        let runs = root.get_fields().chunks(COLUMNS_AT_ONCE).zip(arrow.fields().chunks(COLUMNS_AT_ONCE));
        let factory = |(columns, fields): (&[Arc<Type>], &[Arc<arrow_schema::Field>])| {
            // Encoders take their settings from a file: this one is never written to.
            let root = Type::group_type_builder(ROOT).with_fields(columns.to_vec()).build()?;
            let file =
                SerializedFileWriter::<Sink>::new(std::io::sink(), Arc::new(root), properties.clone())?;
            Ok(ArrowRowGroupWriterFactory::new(&file, Arc::new(ArrowSchema::new(fields.to_vec()))))
        };
        Ok(ColumnEncoders {
            fields,
            arrow: arrow.clone(),
            columns,
            factories: runs.map(factory).collect::<Result<_>>()?,
        })
    }

    /// Whether columns are encoded as their rows come.
    pub fn encode_at_once(&self) -> bool {
        self.factories.len() == 1
    }

    /// The columns' fields.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// Rows that are gathered.
pub(super) struct RowGroup {
    number: usize,
    rows: usize,
    content: Content,
    statistics: Vec<Statistics>,
}

enum Content {
    Encoded(Vec<ArrowColumnWriter>),
    /// Of many columns.
    Waiting {
        batches: Vec<RecordBatch>,
        bytes: usize,
    },
}

impl RowGroup {
    /// An empty one, which is the file's with this number.
    pub fn new(encoders: &ColumnEncoders, number: usize) -> Result<Self> {
        let content = match &encoders.factories[..] {
            [factory] => Content::Encoded(factory.create_column_writers(number)?),
            _ => Content::Waiting { batches: Vec::new(), bytes: 0 },
        };
        let statistics = encoders.fields.iter().map(|field| Statistics::new(field.column_type)).collect();
        Ok(RowGroup { number, rows: 0, content, statistics })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the columns have as they are encoded, as far as that is known. Those that wait count
    /// twice: when they are encoded, they are in memory beside it.
    pub fn encoded(&self) -> usize {
        match &self.content {
            Content::Encoded(columns) => {
                columns.iter().map(ArrowColumnWriter::get_estimated_total_bytes).sum()
            }
            Content::Waiting { bytes, .. } => 2 * bytes,
        }
    }

    /// How many bytes are held in memory: encoded ones, and the keys of dictionaries, which wait for their
    /// page in eight bytes each.
    pub fn held(&self) -> usize {
        match &self.content {
            Content::Encoded(columns) => columns.iter().map(ArrowColumnWriter::memory_size).sum(),
            Content::Waiting { bytes, .. } => 2 * bytes,
        }
    }

    pub fn write(&mut self, encoders: &ColumnEncoders, batch: RecordBatch) -> Result<()> {
        self.rows += batch.num_rows();
        for (statistics, array) in self.statistics.iter_mut().zip(batch.columns()) {
            statistics.take(array);
        }
        match &mut self.content {
            Content::Encoded(columns) => {
                let mut columns = columns.iter_mut();
                for (field, array) in encoders.arrow.fields().iter().zip(batch.columns()) {
                    encode(field, array, &mut columns)?;
                }
            }
            Content::Waiting { batches, bytes } => {
                *bytes += batch.get_array_memory_size();
                batches.push(batch);
            }
        }
        Ok(())
    }

    /// Puts the row group into the file; gives what was gathered of its columns.
    pub fn finish<W: Write + Send>(
        self,
        encoders: &ColumnEncoders,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<Vec<Statistics>> {
        let RowGroup { number, content, mut statistics, .. } = self;
        let mut row_group = file.next_row_group()?;
        let mut told = statistics.iter_mut().zip(&encoders.fields);
        match content {
            Content::Encoded(columns) => {
                let mut columns = columns.into_iter();
                for ((statistics, field), count) in told.zip(&encoders.columns) {
                    for column in columns.by_ref().take(*count) {
                        put(column, field, statistics, &mut row_group)?;
                    }
                }
            }
            Content::Waiting { batches, .. } => {
                let mut fields = encoders.arrow.fields().iter();
                let mut arrays: Vec<_> =
                    batches.into_iter().map(|batch| Vec::from(batch.columns()).into_iter()).collect();
                let mut counts = encoders.columns.iter();
                for factory in &encoders.factories {
                    let mut columns = factory.create_column_writers(number)?.into_iter();
                    for ((arrow, (statistics, field)), count) in
                        fields.by_ref().take(COLUMNS_AT_ONCE).zip(told.by_ref()).zip(counts.by_ref())
                    {
                        let mut columns: Vec<_> = columns.by_ref().take(*count).collect();
                        // What was encoded is not kept beside its pages.
                        for array in arrays.iter_mut().filter_map(Iterator::next) {
                            encode(arrow, &array, &mut columns.iter_mut())?;
                        }
                        for column in columns {
                            put(column, field, statistics, &mut row_group)?;
                        }
                    }
                }
            }
        }
        row_group.close()?;
        Ok(statistics)
    }
}

/// Encodes an array into the next of these columns: as many as its field has.
fn encode<'c>(
    field: &arrow_schema::Field,
    array: &ArrayRef,
    columns: &mut impl Iterator<Item = &'c mut ArrowColumnWriter>,
) -> Result<()> {
    compute_leaves(field, array)?.iter().zip(columns).try_for_each(|(leaf, column)| column.write(leaf))
}

/// Ends a column, and puts it into the row group.
fn put<W: Write + Send>(
    column: ArrowColumnWriter,
    field: &Field,
    statistics: &mut Statistics,
    row_group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<()> {
    let mut chunk: ArrowColumnChunk = column.close()?;
    match chunk.close().metadata.statistics() {
        Some(Told::Int32(of)) => {
            if let (Some(low), Some(high)) = (of.min_opt(), of.max_opt()) {
                statistics.take_whole((*low).into(), (*high).into());
            }
        }
        Some(Told::Int64(of)) => {
            if let (Some(low), Some(high)) = (of.min_opt(), of.max_opt()) {
                statistics.take_whole(*low, *high);
            }
        }
        _ => {}
    }
    if let Some(texts) = statistics.texts() {
        let told = text_statistics(texts, statistics.nulls, field.column_type == ColumnType::String);
        let close = chunk.close_mut();
        close.metadata = close.metadata.clone().into_builder().set_statistics(told).build()?;
    }
    chunk.append_to_row_group(row_group)
}

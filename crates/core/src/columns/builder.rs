//! Columns that grow by rows, of records or of Arrow arrays, and are given out in batches.
//!
//! Where a batch ends depends on its rows alone and not on how they came, so that a file shows nothing of the
//! batches, appends and flushes that made it.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampNanosecondArray, new_empty_array,
};
use arrow_buffer::{BooleanBufferBuilder, NullBufferBuilder, OffsetBuffer};
use arrow_schema::{Fields, Schema as ArrowSchema, SchemaRef};
use arrow_select::concat::concat;

use super::arrays::{FixedValues, Source, VIEW_INLINE};
use super::nested::Nested;
use super::record::{RecordParser, Slot};
use super::schema::{ColumnType, Field, Schema, UTC};
use crate::error::{Error, Result, Status};

/// The most rows of a batch. A row group holds a whole number of them.
pub(crate) const BATCH_ROWS: usize = 8192;

/// A batch ends with the row that makes it this long, in bytes before encoding.
const BATCH_BYTES: usize = 1 << 20;

/// A batch of many columns has this many rows at least, if its row group has room for them, since each costs
/// something for each column.
const BATCH_ROWS_LEAST: usize = 64;

/// Growing columns.
#[derive(Debug)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    /// The places of the columns in the order in which they were declared.
    declared: Vec<usize>,
    arrow: SchemaRef,
    rows: usize,
    /// What the rows of this batch take, strings and fixed widths together.
    bytes: usize,
    /// What a row takes without its strings.
    row_bytes: usize,
    batch_bytes: usize,
}

#[derive(Debug)]
pub(super) struct Column {
    field: Field,
    values: Values,
    /// Which are not null; only of a nullable column.
    nulls: NullBufferBuilder,
}

#[derive(Debug)]
enum Values {
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Bool(BooleanBufferBuilder),
    /// `ends` begins with a zero: it is where each text begins, too.
    Bytes {
        ends: Vec<i32>,
        data: Vec<u8>,
    },
    /// Arrays of a type that is not portable, and the rows behind them that came in records.
    Arrow {
        parts: Vec<ArrayRef>,
        rows: Option<Box<Nested>>,
    },
}

/// There is no memory for so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory(pub usize);

impl From<OutOfMemory> for Error {
    fn from(OutOfMemory(bytes): OutOfMemory) -> Error {
        Error::new(Status::NoMemory, format_args!("no memory for {bytes} bytes of columns"))
    }
}

impl Columns {
    /// Columns of this schema, in this order.
    pub fn new(schema: &Schema, order: &[usize]) -> Self {
        let columns: Vec<_> = order.iter().map(|number| Column::new(&schema.fields()[*number])).collect();
        let mut declared = vec![0; order.len()];
        for (place, number) in order.iter().enumerate() {
            declared[*number] = place;
        }
        let stored = order.iter().map(|number| schema.fields()[*number].stored());
        Columns::of_columns(columns, declared, Arc::new(ArrowSchema::new(stored.collect::<Fields>())))
    }

    /// The same for row groups of so many bytes: a batch of many columns has no more than half of one.
    pub fn for_row_groups_of(mut self, bytes: usize) -> Self {
        let of_many = (self.row_bytes * BATCH_ROWS_LEAST).min(bytes / 2);
        self.batch_bytes = BATCH_BYTES.max(of_many);
        self
    }

    /// Columns of these fields, in this order.
    pub fn of_fields(fields: &[Field]) -> Self {
        let arrow: Vec<_> = fields.iter().map(Field::stored).collect();
        let columns = fields.iter().map(Column::new).collect();
        Columns::of_columns(columns, (0..fields.len()).collect(), Arc::new(ArrowSchema::new(arrow)))
    }

    fn of_columns(columns: Vec<Column>, declared: Vec<usize>, arrow: SchemaRef) -> Self {
        let row_bytes: usize = columns.iter().map(|column| column.values.width()).sum();
        Columns {
            columns,
            declared,
            arrow,
            rows: 0,
            bytes: 0,
            row_bytes,
            batch_bytes: BATCH_BYTES.max(row_bytes * BATCH_ROWS_LEAST),
        }
    }

    /// The Arrow schema of the batches.
    pub fn arrow(&self) -> &SchemaRef {
        &self.arrow
    }

    /// The columns' fields, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = &Field> {
        self.columns.iter().map(|column| &column.field)
    }

    /// The places of the columns in the order in which they were declared.
    pub fn declared(&self) -> &[usize] {
        &self.declared
    }

    /// How many rows there are in this batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes the rows of this batch have.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the batch is to end here.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.rows == BATCH_ROWS || self.bytes >= self.batch_bytes
    }

    /// How many bytes this batch has more than one in which no value is huge.
    pub fn excess(&self) -> usize {
        self.bytes.saturating_sub(2 * self.batch_bytes)
    }

    /// Adds the row that the parser has found and checked in `record`.
    ///
    /// # Errors
    /// There is no memory; nothing was added.
    #[inline(always)]
    pub fn push(&mut self, parser: &RecordParser, record: &[u8]) -> std::result::Result<(), OutOfMemory> {
        if let Err(failure) = self.reserve_row(parser, record) {
            self.columns.iter_mut().for_each(|column| column.truncate(self.rows));
            return Err(failure);
        }
        let mut text = 0;
        for (column, slot) in self.columns.iter_mut().zip(parser.slots()) {
            text += slot.text_len();
            column.push(*slot, |slot| parser.text(slot, record));
        }
        self.rows += 1;
        self.bytes += self.row_bytes + text;
        Ok(())
    }

    /// Makes room for a row; its lists and structs are in then.
    #[inline(always)]
    fn reserve_row(&mut self, parser: &RecordParser, record: &[u8]) -> std::result::Result<(), OutOfMemory> {
        for (column, slot) in self.columns.iter_mut().zip(parser.slots()) {
            match &mut column.values {
                Values::Arrow { rows: Some(rows), .. } => rows.append_checked(slot.document(record))?,
                values => values.reserve(1, slot.text_len())?,
            }
        }
        Ok(())
    }

    /// Adds as many rows of `sources`, which were checked, as the batch can still take; gives how many, and
    /// how many bytes they have.
    ///
    /// # Errors
    /// There is no memory; the columns are of no use any more.
    pub fn extend(
        &mut self,
        sources: &[Source<'_>],
        rows: Range<usize>,
    ) -> std::result::Result<(usize, usize), OutOfMemory> {
        let (taken, text) = self.fitting(sources, &rows);
        let rows = rows.start..rows.start + taken;
        for (column, source) in self.columns.iter_mut().zip(sources) {
            column.extend(source, rows.clone(), source.text_len(rows.clone()))?;
        }
        let bytes = taken * self.row_bytes + text;
        self.rows += taken;
        self.bytes += bytes;
        Ok((taken, bytes))
    }

    /// The whole batch that the columns would make of the next rows of `sources`, which were checked, where
    /// it is but a part of their arrays; how many bytes it has beside it. `None`: there are rows already, too
    /// few follow, an array is of another type, or a value is huge. Nothing was added.
    ///
    /// # Errors
    /// `Internal`.
    pub fn next_whole(
        &self,
        sources: &[Source<'_>],
        rows: &Range<usize>,
    ) -> Result<Option<(RecordBatch, usize)>> {
        if self.rows > 0 || !sources.iter().all(Source::is_own) {
            return Ok(None);
        }
        let (taken, text) = self.fitting(sources, rows);
        let bytes = taken * self.row_bytes + text;
        let is_whole = taken == BATCH_ROWS || bytes >= self.batch_bytes;
        if !is_whole || bytes > 2 * self.batch_bytes {
            return Ok(None);
        }
        let rows = rows.start..rows.start + taken;
        let arrays = sources.iter().map(|source| source.slice(rows.clone())).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(self.arrow.clone(), arrays).map_err(not_an_array)?;
        Ok(Some((batch, bytes)))
    }

    /// Adds rows of `sources`, which were checked, until there are `most` or they have `most_bytes`; gives
    /// how many. A first row is always taken.
    ///
    /// # Errors
    /// There is no memory; the columns are of no use any more.
    pub fn extend_to(
        &mut self,
        sources: &[Source<'_>],
        rows: Range<usize>,
        most: usize,
        most_bytes: usize,
    ) -> std::result::Result<usize, OutOfMemory> {
        let wanted = rows.len().min(most.saturating_sub(self.rows));
        let texts_of = |rows: Range<usize>| sources.iter().map(move |source| source.text_len(rows.clone()));
        let mut texts: Vec<usize> = texts_of(rows.start..rows.start + wanted).collect();
        let mut taken = wanted;
        if self.bytes + wanted * self.row_bytes + texts.iter().sum::<usize>() > most_bytes {
            (taken, texts) = (0, vec![0; sources.len()]);
            let mut bytes = self.bytes;
            while taken < wanted {
                let row = rows.start + taken;
                bytes += self.row_bytes + texts_of(row..row + 1).sum::<usize>();
                if bytes > most_bytes && self.rows + taken > 0 {
                    break;
                }
                texts.iter_mut().zip(texts_of(row..row + 1)).for_each(|(text, more)| *text += more);
                taken += 1;
            }
        }
        for ((column, source), text) in self.columns.iter_mut().zip(sources).zip(&texts) {
            column.extend(source, rows.start..rows.start + taken, *text)?;
        }
        self.rows += taken;
        self.bytes += taken * self.row_bytes + texts.iter().sum::<usize>();
        Ok(taken)
    }

    /// Makes room for so many rows, of `most_bytes` at most without their texts: what grows row by row is copied
    /// again and again.
    ///
    /// # Errors
    /// There is no memory; nothing has changed.
    pub fn reserve(&mut self, rows: usize, most_bytes: usize) -> std::result::Result<(), OutOfMemory> {
        let rows = rows.min(most_bytes / self.row_bytes.max(1));
        self.columns.iter_mut().try_for_each(|column| column.values.reserve(rows, 0))
    }

    /// How many of these rows the batch takes, and how many bytes their strings have.
    fn fitting(&self, sources: &[Source<'_>], rows: &Range<usize>) -> (usize, usize) {
        let most = rows.len().min(BATCH_ROWS - self.rows);
        let all: usize = sources.iter().map(|source| source.text_len(rows.start..rows.start + most)).sum();
        if self.bytes + most * self.row_bytes + all < self.batch_bytes {
            return (most, all);
        }
        let (mut taken, mut text) = (0, 0);
        while taken < most && self.bytes + taken * self.row_bytes + text < self.batch_bytes {
            let row = rows.start + taken;
            text += sources.iter().map(|source| source.text_len(row..row + 1)).sum::<usize>();
            taken += 1;
        }
        (taken, text)
    }

    /// Ends the batch, and begins the next.
    pub fn finish_batch(&mut self) -> Result<RecordBatch> {
        (self.rows, self.bytes) = (0, 0);
        let arrays = self.columns.iter_mut().map(Column::finish_batch);
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        RecordBatch::try_new(self.arrow.clone(), arrays).map_err(not_an_array)
    }
}

impl Column {
    pub(super) fn new(field: &Field) -> Self {
        let values = match field.column_type {
            ColumnType::Int32 => Values::Int32(Vec::new()),
            ColumnType::Int64 | ColumnType::Timestamp => Values::Int64(Vec::new()),
            ColumnType::Float32 => Values::Float32(Vec::new()),
            ColumnType::Float64 => Values::Float64(Vec::new()),
            ColumnType::Bool => Values::Bool(BooleanBufferBuilder::new(0)),
            ColumnType::String | ColumnType::Bytes(_) => Values::Bytes { ends: vec![0], data: Vec::new() },
            ColumnType::Arrow => Values::Arrow {
                parts: Vec::new(),
                rows: Nested::new(&field.stored_type(), field.nullable).map(Box::new),
            },
        };
        Column { field: field.clone(), values, nulls: NullBufferBuilder::new(0) }
    }

    /// Adds a value for which there is room; of a text, its bytes.
    #[inline(always)]
    pub(super) fn push<'t>(&mut self, slot: Slot, text: impl FnOnce(Slot) -> &'t [u8]) {
        if self.field.nullable {
            self.nulls.append(slot.is_value());
        }
        match &mut self.values {
            Values::Int32(values) => values.push(slot.whole() as i32),
            Values::Int64(values) => values.push(slot.whole()),
            Values::Float32(values) => values.push(slot.float() as f32),
            Values::Float64(values) => values.push(slot.float()),
            Values::Bool(values) => values.append(slot.bool()),
            Values::Bytes { ends, data } => {
                data.extend_from_slice(text(slot));
                ends.push(data.len() as i32);
            }
            // It was added when room was made.
            Values::Arrow { .. } => {}
        }
    }

    /// Takes rows of records off again until there are `rows` at most.
    pub(super) fn truncate(&mut self, rows: usize) {
        if self.field.nullable && self.field.column_type != ColumnType::Arrow {
            self.nulls.truncate(rows);
        }
        match &mut self.values {
            Values::Int32(values) => values.truncate(rows),
            Values::Int64(values) => values.truncate(rows),
            Values::Float32(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Bool(values) => values.truncate(rows),
            Values::Bytes { ends, data } => {
                ends.truncate(rows + 1);
                data.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Values::Arrow { parts, rows: nested } => {
                let before: usize = parts.iter().map(|part| part.len()).sum();
                if let Some(nested) = nested {
                    nested.truncate(rows.saturating_sub(before));
                }
            }
        }
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Int32(values) => values.len(),
            Values::Int64(values) => values.len(),
            Values::Float32(values) => values.len(),
            Values::Float64(values) => values.len(),
            Values::Bool(values) => values.len(),
            Values::Bytes { ends, .. } => ends.len() - 1,
            Values::Arrow { parts, rows } => {
                parts.iter().map(|part| part.len()).sum::<usize>()
                    + rows.as_ref().map_or(0, |rows| rows.len())
            }
        }
    }

    /// Makes room for a value with a text of so many bytes.
    ///
    /// # Errors
    /// There is no memory.
    pub(super) fn reserve(&mut self, text: usize) -> std::result::Result<(), OutOfMemory> {
        self.values.reserve(1, text)
    }

    /// Adds these rows, whose texts have so many bytes.
    fn extend(
        &mut self,
        source: &Source<'_>,
        rows: Range<usize>,
        text: usize,
    ) -> std::result::Result<(), OutOfMemory> {
        self.values.reserve(rows.len(), text)?;
        if self.field.nullable && self.field.column_type != ColumnType::Arrow {
            match source.nulls() {
                Some(nulls) => self.nulls.append_buffer(&nulls.slice(rows.start, rows.len())),
                None => self.nulls.append_n_non_nulls(rows.len()),
            }
        }
        match (&mut self.values, source.fixed()) {
            (Values::Int32(values), FixedValues::Int32(given)) => values.extend_from_slice(&given[rows]),
            (Values::Int64(values), FixedValues::Int64(given)) => values.extend_from_slice(&given[rows]),
            (Values::Float32(values), FixedValues::Float32(given)) => values.extend_from_slice(&given[rows]),
            (Values::Float64(values), FixedValues::Float64(given)) => values.extend_from_slice(&given[rows]),
            (Values::Bool(values), FixedValues::Bool(given)) => {
                values.append_buffer(&given.slice(rows.start, rows.len()));
            }
            (Values::Bytes { ends, data }, FixedValues::None) => source.push_texts(rows, ends, data),
            (Values::Arrow { parts, rows: nested }, FixedValues::Arrow) => {
                if let Some(nested) = nested.as_mut().filter(|nested| nested.len() > 0) {
                    parts.push(nested.finish().map_err(|_| OutOfMemory(text))?);
                }
                parts.extend(source.copy_of(rows).map_err(|_| OutOfMemory(text))?);
            }
            // Sources are made for the columns' types.
            _ => debug_assert!(false, "a source of another type"),
        }
        Ok(())
    }

    pub(super) fn finish_batch(&mut self) -> Result<ArrayRef> {
        let nulls = if self.field.nullable { self.nulls.finish() } else { None };
        let is_time = self.field.column_type == ColumnType::Timestamp;
        let is_text = self.field.column_type == ColumnType::String;
        Ok(match &mut self.values {
            Values::Int32(values) => {
                let values = replace(values);
                Arc::new(Int32Array::try_new(values.into(), nulls).map_err(not_an_array)?)
            }
            Values::Int64(values) => {
                let values = replace(values);
                if is_time {
                    let array =
                        TimestampNanosecondArray::try_new(values.into(), nulls).map_err(not_an_array)?;
                    Arc::new(array.with_timezone(UTC))
                } else {
                    Arc::new(Int64Array::try_new(values.into(), nulls).map_err(not_an_array)?)
                }
            }
            Values::Float32(values) => {
                let values = replace(values);
                Arc::new(Float32Array::try_new(values.into(), nulls).map_err(not_an_array)?)
            }
            Values::Float64(values) => {
                let values = replace(values);
                Arc::new(Float64Array::try_new(values.into(), nulls).map_err(not_an_array)?)
            }
            Values::Bool(values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Bytes { ends, data } => {
                let offsets = OffsetBuffer::new(replace(ends).into());
                ends.push(0);
                let data = replace_bytes(data);
                if is_text {
                    Arc::new(StringArray::try_new(offsets, data.into(), nulls).map_err(not_an_array)?)
                } else {
                    Arc::new(BinaryArray::try_new(offsets, data.into(), nulls).map_err(not_an_array)?)
                }
            }
            Values::Arrow { parts, rows } => {
                let mut parts = std::mem::take(parts);
                if let Some(rows) = rows.as_mut().filter(|rows| rows.len() > 0) {
                    parts.push(rows.finish()?);
                }
                match &parts[..] {
                    [] => new_empty_array(&self.field.stored_type()),
                    [one] => one.clone(),
                    parts => {
                        let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                        concat(&parts).map_err(not_an_array)?
                    }
                }
            }
        })
    }
}

impl Values {
    /// What a value takes, its text left out.
    fn width(&self) -> usize {
        match self {
            Values::Int32(_) | Values::Float32(_) | Values::Bytes { .. } => 4,
            Values::Int64(_) | Values::Float64(_) => 8,
            Values::Bool(_) => 1,
            // All that a value has is counted as its text.
            Values::Arrow { .. } => 0,
        }
    }

    /// Makes room for values and the bytes of their texts.
    #[inline(always)]
    fn reserve(&mut self, values: usize, text: usize) -> std::result::Result<(), OutOfMemory> {
        match self {
            Values::Int32(held) => reserve(held, values),
            Values::Int64(held) => reserve(held, values),
            Values::Float32(held) => reserve(held, values),
            Values::Float64(held) => reserve(held, values),
            // A bit each, of a bounded number of rows; and arrays.
            Values::Bool(_) | Values::Arrow { .. } => Ok(()),
            Values::Bytes { ends, data } => {
                reserve(ends, values)?;
                reserve(data, text + VIEW_INLINE)?;
                // Offsets are of 32 bits: the rows before a batch's last have `BATCH_BYTES` at most.
                if data.len() + text > i32::MAX as usize { Err(OutOfMemory(text)) } else { Ok(()) }
            }
        }
    }
}

#[inline(always)]
fn reserve<T>(held: &mut Vec<T>, more: usize) -> std::result::Result<(), OutOfMemory> {
    if held.capacity() - held.len() >= more {
        return Ok(());
    }
    held.try_reserve(more).map_err(|_| OutOfMemory(more * size_of::<T>()))
}

/// Takes what a vector holds. The next batch finds as much room as this one needed, as far as there is
/// memory.
fn replace<T>(values: &mut Vec<T>) -> Vec<T> {
    let mut next = Vec::new();
    let _ = next.try_reserve_exact(values.len());
    std::mem::replace(values, next)
}

/// The same of texts, of which one may have been huge.
fn replace_bytes(data: &mut Vec<u8>) -> Vec<u8> {
    let mut next = Vec::new();
    let _ = next.try_reserve_exact(data.len().min(BATCH_BYTES));
    std::mem::replace(data, next)
}

/// Arrays are made of values that were checked; an error here would be a bug.
#[cold]
pub(super) fn not_an_array(error: arrow_schema::ArrowError) -> Error {
    Error::new(Status::Internal, format_args!("columns cannot be made an array: {error}"))
}

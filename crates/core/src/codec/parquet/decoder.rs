//! Reading records: the rows of batches as JSON.

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema as ArrowSchema};

use super::row_groups::{Batches, Selection};
use crate::codec::{Batch, DecoderOptions, SharedInput};
use crate::columns::{Assignment, ColumnOptions, ColumnType, Columns, Field, RowWriter, Schema};
use crate::error::{Error, Result, Status};

/// The most rows that are decoded at once.
const ROWS: usize = 4096;

/// A batch of records ends with the one that makes it this long.
const BATCH_BYTES: usize = 1 << 20;

/// Finds the records of a data file.
pub struct Decoder {
    max_record_bytes: u64,
    columns: ColumnOptions,
    file: Option<File>,
    /// Rows that were decoded, and the first of them that was not handed out.
    rows: Option<(RecordBatch, usize)>,
    /// How many records were handed out.
    handed_out: u64,
}

struct File {
    batches: Batches,
    /// Of a file with types that are widened.
    widening: Option<Widening>,
}

impl Decoder {
    /// A decoder for one file.
    pub fn new(options: &DecoderOptions<'_>) -> Self {
        Decoder {
            max_record_bytes: options.max_record_bytes,
            columns: options.columns.clone(),
            file: None,
            rows: None,
            handed_out: 0,
        }
    }

    /// Decodes the next rows, if there are any.
    fn next_rows(&mut self, input: &SharedInput) -> Result<bool> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let batches = Batches::open(input, &Selection::default())?;
                let widening = Widening::of(batches.schema())?;
                self.file.insert(File { batches, widening })
            }
        };
        // An empty batch could only be a damaged file's, and would be taken for the end.
        while let Some(batch) = file.batches.next(ROWS)? {
            if batch.num_rows() > 0 {
                let batch = match &mut file.widening {
                    Some(widening) => widening.widen(&batch, self.handed_out)?,
                    None => batch,
                };
                self.rows = Some((batch, 0));
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl crate::codec::Decoder for Decoder {
    fn decode(&mut self, input: &SharedInput, batch: &mut Batch, most: usize) -> Result<()> {
        batch.spans.clear();
        batch.bytes.clear();
        if self.rows.is_none() && !self.next_rows(input)? {
            return Ok(());
        }
        let Some((rows, next)) = &mut self.rows else { return Ok(()) };
        let writer = RowWriter::new(rows, |name| self.columns.bytes_text(name))?;
        let wanted = most.min(rows.num_rows() - *next);
        batch.spans.try_reserve(wanted).map_err(|_| {
            Error::new(Status::NoMemory, format_args!("no memory for a batch of {wanted} records"))
        })?;
        while batch.spans.len() < wanted && batch.bytes.len() < BATCH_BYTES {
            let start = batch.bytes.len();
            let written = writer.push(*next, self.handed_out, &mut batch.bytes).and_then(|()| {
                let len = (batch.bytes.len() - start) as u64;
                if len > self.max_record_bytes { Err(too_long(self.max_record_bytes)) } else { Ok(()) }
            });
            match written {
                Ok(()) => batch.spans.push((start, batch.bytes.len() - start)),
                // The records before come first; the next call meets it again.
                Err(_) if !batch.spans.is_empty() => break,
                Err(error) => return Err(error),
            }
            *next += 1;
            self.handed_out += 1;
        }
        let is_done = *next == rows.num_rows();
        drop(writer);
        if is_done {
            self.rows = None;
        }
        Ok(())
    }
}

#[cold]
fn too_long(limit: u64) -> Error {
    let message = format!(
        "longer than the limit of {limit} bytes; open the dataset with a larger max_record_bytes to read it"
    );
    Error::new(Status::RecordTooLarge, message)
}

/// Makes the types of a column that another writer chose the portable ones that hold them.
pub(crate) struct Widening {
    assignment: Assignment,
    columns: Columns,
}

impl Widening {
    /// None if all types are those that are given out.
    ///
    /// # Errors
    /// `ArrowType` for a type that is not portable; `InvalidFormat` for columns that no schema can have.
    pub fn of(schema: &ArrowSchema) -> Result<Option<Self>> {
        let is_own = |data_type: &DataType| match data_type {
            DataType::Utf8View | DataType::BinaryView => true,
            other => ColumnType::of_arrow(other).is_some_and(|own| own.arrow() == *other),
        };
        if schema.fields().iter().all(|field| is_own(field.data_type())) {
            return Ok(None);
        }
        let portable = Schema::from_arrow(schema).map_err(|error| match error.status() {
            Status::SchemaInvalid => super::footer::invalid(error.message()),
            _ => error,
        })?;
        let order: Vec<usize> = (0..portable.fields().len()).collect();
        let columns = Columns::new(&portable, &order);
        let assignment = Assignment::new(columns.fields(), schema)?;
        Ok(Some(Widening { assignment, columns }))
    }

    /// The batch with portable types; `number` is its first row's in the file, for messages.
    pub fn widen(&mut self, batch: &RecordBatch, number: u64) -> Result<RecordBatch> {
        let fields: Vec<Field> = self.columns.fields().cloned().collect();
        let sources = self
            .assignment
            .sources(fields.iter(), batch)
            .map_err(|(row, violation)| violation.into_error(number + row as u64))?;
        self.columns.extend_all(&sources, batch.num_rows())?;
        self.columns.finish_batch()
    }
}

//! Reading records: the rows of batches as JSON.

use arrow_array::RecordBatch;

use super::gathering::Gathering;
use super::row_groups::{Batches, Selection};
use crate::codec::{Batch, DecoderOptions, SharedInput};
use crate::columns::{ColumnOptions, RowWriter, SchemaTypes};
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
    gathering: Option<Gathering>,
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
                let types = self.columns.types;
                let any_type = types == SchemaTypes::Arrow;
                let batches = Batches::open(input, &Selection { any_type, ..Selection::default() })?;
                let gathering = Gathering::where_needed(batches.schema(), types)?;
                self.file.insert(File { batches, gathering })
            }
        };
        // An empty batch could only be a damaged file's, and would be taken for the end.
        while let Some(batch) = file.batches.next(ROWS)? {
            if batch.num_rows() > 0 {
                let batch = match &mut file.gathering {
                    Some(gathering) => {
                        let rows = 0..batch.num_rows();
                        gathering.take(&batch, rows, self.handed_out, usize::MAX, usize::MAX)?;
                        gathering.finish()?
                    }
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

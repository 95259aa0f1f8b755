//! Rows of a file's batches as columns of the portable types, in batches of a size of their own.

use std::ops::Range;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_schema::{DataType, Schema as ArrowSchema};

use crate::columns::{Assignment, ColumnType, Columns, Field, SchemaTypes};
use crate::error::Result;

/// Gathers rows, and makes the types of columns that another writer chose the portable ones that hold them.
pub(crate) struct Gathering {
    fields: Vec<Field>,
    assignment: Assignment,
    columns: Columns,
}

impl Gathering {
    /// One for batches with these columns.
    ///
    /// # Errors
    /// `ArrowType` for a type that is not portable, and none of those that are gathered as they are.
    pub fn new(schema: &ArrowSchema, types: SchemaTypes) -> Result<Self> {
        let field = |field: &std::sync::Arc<arrow_schema::Field>| {
            let types = match ColumnType::of_arrow(field.data_type()) {
                Some(_) => SchemaTypes::Portable,
                None => types,
            };
            Field::from_arrow(field, types)
        };
        let fields = schema.fields().iter().map(field).collect::<Result<Vec<_>>>()?;
        let columns = Columns::of_fields(&fields);
        Ok(Gathering { assignment: Assignment::identity(fields.len()), fields, columns })
    }

    /// The same, if there is a type that is not one of those that are given out, or a view of it.
    ///
    /// # Errors
    /// As [`Gathering::new`].
    pub fn where_needed(schema: &ArrowSchema, types: SchemaTypes) -> Result<Option<Self>> {
        let is_own = |data_type: &DataType| match data_type {
            DataType::Utf8View | DataType::BinaryView => true,
            other => ColumnType::of_arrow(other).is_some_and(|own| own.arrow() == *other),
        };
        let is_needed = !schema.fields().iter().all(|field| is_own(field.data_type()));
        is_needed.then(|| Gathering::new(schema, types)).transpose()
    }

    /// How many rows were gathered.
    pub fn rows(&self) -> usize {
        self.columns.rows()
    }

    /// Takes rows of a batch until there are `most` or they have `most_bytes`, but one at least; gives how
    /// many. `number` is that of the batch's row 0 in the file, for messages.
    ///
    /// # Errors
    /// `SchemaViolation` for a timestamp out of range; `NoMemory`.
    pub fn take(
        &mut self,
        batch: &RecordBatch,
        rows: Range<usize>,
        number: u64,
        most: usize,
        most_bytes: usize,
    ) -> Result<usize> {
        let sources = self
            .assignment
            .sources(self.fields.iter(), batch)
            .map_err(|(row, violation)| violation.into_error(number + row as u64))?;
        Ok(self.columns.extend_to(&sources, rows, most, most_bytes)?)
    }

    /// Makes room for so many rows, of `most_bytes` at most without their texts.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn reserve(&mut self, rows: usize, most_bytes: usize) -> Result<()> {
        Ok(self.columns.reserve(rows, most_bytes)?)
    }

    /// The rows that were gathered.
    ///
    /// # Errors
    /// `Internal`.
    pub fn finish(&mut self) -> Result<RecordBatch> {
        self.columns.finish_batch()
    }
}

/// How many rows of a batch with the types that are given out, from `start` on, have `most_bytes` at most; at
/// least one.
pub(crate) fn fitting(batch: &RecordBatch, start: usize, most_bytes: usize) -> usize {
    let mut row_bytes = 0;
    let mut texts: Vec<&[i32]> = Vec::new();
    for array in batch.columns() {
        row_bytes += array.data_type().primitive_width().unwrap_or(1);
        match array.data_type() {
            DataType::Utf8 => texts.push(&array.as_string::<i32>().value_offsets()[start..]),
            DataType::Binary => texts.push(&array.as_binary::<i32>().value_offsets()[start..]),
            _ => {}
        }
    }
    let bytes = |rows: usize| {
        let texts: usize = texts.iter().map(|offsets| (offsets[rows] - offsets[0]) as usize).sum();
        rows * row_bytes + texts
    };
    // The first number of rows that is too much is behind the last that is not.
    let (mut fitting, mut most) = (1, batch.num_rows() - start);
    while fitting < most {
        let rows = fitting + (most - fitting).div_ceil(2);
        if bytes(rows) <= most_bytes { fitting = rows } else { most = rows - 1 }
    }
    fitting
}

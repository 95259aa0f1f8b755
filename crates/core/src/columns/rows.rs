//! Rows of columns as JSON records.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    TimestampNanosecondArray,
};
use arrow_schema::{DataType, Fields};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::schema::{BytesText, not_json};
use super::timestamp;
use super::violation::{Mismatch, Violation, shown};
use crate::codec::json::push_json_string;
use crate::error::{Error, Result};

/// Writes the rows of batches as records: objects with the columns in the batch's order, null written out.
pub(crate) struct RowWriter<'a> {
    columns: Vec<Column<'a>>,
}

struct Column<'a> {
    name: &'a str,
    /// The separator, the key and the colon.
    key: Vec<u8>,
    cells: Cells<'a>,
}

/// The values of an array, some of which may be null.
struct Cells<'a> {
    array: &'a dyn Array,
    has_nulls: bool,
    values: Values<'a>,
}

/// The arrays of the portable types, as they are given out or read from files.
enum Values<'a> {
    Int32(&'a Int32Array),
    Int64(&'a Int64Array),
    Float32(&'a Float32Array),
    Float64(&'a Float64Array),
    Bool(&'a BooleanArray),
    Timestamp(&'a TimestampNanosecondArray),
    Text(Box<dyn Fn(usize) -> &'a str + 'a>),
    Bytes(Box<dyn Fn(usize) -> &'a [u8] + 'a>, BytesText),
    List(&'a [i32], Box<Cells<'a>>),
    Struct(RowWriter<'a>),
}

impl<'a> RowWriter<'a> {
    /// A writer of this batch's rows. `bytes_text` tells of a column of bytes how it is written.
    ///
    /// # Errors
    /// `ArrowType` for a column of a type that is neither portable nor a list or struct of such.
    pub fn new(batch: &'a RecordBatch, bytes_text: impl Fn(&str) -> BytesText) -> Result<Self> {
        RowWriter::of(batch.schema_ref().fields(), batch.columns(), &bytes_text)
    }

    fn of(
        fields: &'a Fields,
        arrays: &'a [ArrayRef],
        bytes_text: &dyn Fn(&str) -> BytesText,
    ) -> Result<Self> {
        let column = |(number, array): (usize, &'a ArrayRef)| {
            let name: &'a str = fields[number].name();
            let mut key = vec![if number == 0 { b'{' } else { b',' }];
            push_json_string(name, &mut key);
            key.push(b':');
            Ok(Column { name, key, cells: Cells::of(name, array.as_ref(), bytes_text)? })
        };
        Ok(RowWriter { columns: arrays.iter().enumerate().map(column).collect::<Result<_>>()? })
    }

    /// Appends the row as a record, without a line break. `number` is the row's in the snapshot, for
    /// messages.
    ///
    /// # Errors
    /// `SchemaViolation`: a value that JSON cannot tell, naming field and row.
    pub fn push(&self, row: usize, number: u64, out: &mut Vec<u8>) -> Result<()> {
        self.push_object(row, out, &|column, why| column.refused(row, number, why))
    }

    /// Appends a row; `refused` tells of a column's value that JSON cannot tell.
    #[inline(always)]
    fn push_object<E>(
        &self,
        row: usize,
        out: &mut Vec<u8>,
        refused: &dyn Fn(&Column<'a>, Mismatch) -> E,
    ) -> std::result::Result<(), E> {
        if self.columns.is_empty() {
            out.extend_from_slice(b"{");
        }
        for column in &self.columns {
            out.extend_from_slice(&column.key);
            column.cells.push(row, out).map_err(|why| refused(column, why))?;
        }
        out.push(b'}');
        Ok(())
    }
}

impl<'a> Cells<'a> {
    fn of(name: &str, array: &'a dyn Array, bytes_text: &dyn Fn(&str) -> BytesText) -> Result<Self> {
        let values = Values::of(name, array, bytes_text)?;
        Ok(Cells { array, has_nulls: array.null_count() > 0, values })
    }

    #[inline(always)]
    fn push(&self, row: usize, out: &mut Vec<u8>) -> std::result::Result<(), Mismatch> {
        if self.has_nulls && self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        self.values.push(row, out)
    }
}

impl Column<'_> {
    #[cold]
    fn refused(&self, row: usize, number: u64, why: Mismatch) -> Error {
        let value = match &self.cells.values {
            Values::Float32(array) => array.value(row).to_string(),
            Values::Float64(array) => array.value(row).to_string(),
            Values::Bytes(bytes, _) => format!("{:?}", shown(bytes(row))),
            _ => return self.refused_within(number, why),
        };
        let message = format!("the field {:?} has the value {value}, {}", self.name, why.words());
        Violation { message, offset: None }.into_error(number)
    }

    #[cold]
    fn refused_within(&self, number: u64, why: Mismatch) -> Error {
        let message = format!("the field {:?} has a value within, {}", self.name, why.words());
        Violation { message, offset: None }.into_error(number)
    }
}

impl<'a> Values<'a> {
    fn of(name: &str, array: &'a dyn Array, bytes_text: &dyn Fn(&str) -> BytesText) -> Result<Self> {
        // Within lists and structs bytes are text: only a column's own field can say otherwise.
        let within: &dyn Fn(&str) -> BytesText = &|_| BytesText::Text;
        Ok(match array.data_type() {
            DataType::Int32 => Values::Int32(array.as_primitive::<Int32Type>()),
            DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>()),
            DataType::Float32 => Values::Float32(array.as_primitive::<Float32Type>()),
            DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Values::Bool(array.as_boolean()),
            DataType::Timestamp(arrow_schema::TimeUnit::Nanosecond, Some(_)) => {
                Values::Timestamp(array.as_primitive::<TimestampNanosecondType>())
            }
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                Values::Text(Box::new(|row| array.value(row)))
            }
            DataType::Utf8View => {
                let array = array.as_string_view();
                Values::Text(Box::new(|row| array.value(row)))
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                Values::Bytes(Box::new(|row| array.value(row)), bytes_text(name))
            }
            DataType::BinaryView => {
                let array = array.as_binary_view();
                Values::Bytes(Box::new(|row| array.value(row)), bytes_text(name))
            }
            DataType::List(_) => {
                let array = array.as_list::<i32>();
                let items = Cells::of(name, array.values().as_ref(), within)?;
                Values::List(array.value_offsets(), Box::new(items))
            }
            DataType::Struct(fields) => {
                Values::Struct(RowWriter::of(fields, array.as_struct().columns(), within)?)
            }
            other => return Err(not_json(name, other)),
        })
    }

    #[inline(always)]
    fn push(&self, row: usize, out: &mut Vec<u8>) -> std::result::Result<(), Mismatch> {
        match self {
            Values::Int32(array) => push_number(array.value(row), out),
            Values::Int64(array) => push_number(array.value(row), out),
            Values::Float32(array) => {
                let value = array.value(row);
                if !value.is_finite() {
                    return Err(Mismatch::NotFinite);
                }
                push_number(value, out);
            }
            Values::Float64(array) => {
                let value = array.value(row);
                if !value.is_finite() {
                    return Err(Mismatch::NotFinite);
                }
                push_number(value, out);
            }
            Values::Bool(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Values::Timestamp(array) => {
                out.push(b'"');
                timestamp::push(array.value(row), out);
                out.push(b'"');
            }
            Values::Text(text) => push_json_string(text(row), out),
            Values::Bytes(bytes, BytesText::Text) => {
                let text = std::str::from_utf8(bytes(row)).map_err(|_| Mismatch::NotText)?;
                push_json_string(text, out);
            }
            Values::Bytes(bytes, BytesText::Base64) => {
                out.push(b'"');
                out.extend_from_slice(STANDARD.encode(bytes(row)).as_bytes());
                out.push(b'"');
            }
            Values::List(..) | Values::Struct(_) => return self.push_nested(row, out),
        }
        Ok(())
    }

    #[inline(never)]
    fn push_nested(&self, row: usize, out: &mut Vec<u8>) -> std::result::Result<(), Mismatch> {
        match self {
            Values::List(offsets, items) => {
                out.push(b'[');
                let items_of_row = offsets[row] as usize..offsets[row + 1] as usize;
                for item in items_of_row.clone() {
                    if item > items_of_row.start {
                        out.push(b',');
                    }
                    items.push(item, out)?;
                }
                out.push(b']');
                Ok(())
            }
            Values::Struct(members) => members.push_object(row, out, &|_, why| why),
            scalar => scalar.push(row, out),
        }
    }
}

/// Appends a number, finite if it is a float: the shortest digits that read back as the same.
#[inline(always)]
fn push_number(value: impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and numbers always serialize.
    let _ = serde_json::to_writer(out, &value);
}

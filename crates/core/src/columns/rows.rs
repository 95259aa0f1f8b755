//! Rows of columns as JSON records.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    TimestampNanosecondArray,
};
use arrow_schema::DataType;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::schema::{BytesText, not_portable};
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
}

impl<'a> RowWriter<'a> {
    /// A writer of this batch's rows. `bytes_text` tells of a column of bytes how it is written.
    ///
    /// # Errors
    /// `ArrowType` for a column of a type that is not portable.
    pub fn new(batch: &'a RecordBatch, bytes_text: impl Fn(&str) -> BytesText) -> Result<Self> {
        let schema = batch.schema_ref();
        let column = |(number, array): (usize, &'a std::sync::Arc<dyn Array>)| {
            let name: &'a str = schema.field(number).name();
            let mut key = vec![if number == 0 { b'{' } else { b',' }];
            push_json_string(name, &mut key);
            key.push(b':');
            let values = Values::of(name, array.as_ref(), &bytes_text)?;
            Ok(Column { name, key, array: array.as_ref(), has_nulls: array.null_count() > 0, values })
        };
        Ok(RowWriter { columns: batch.columns().iter().enumerate().map(column).collect::<Result<_>>()? })
    }

    /// Appends the row as a record, without a line break. `number` is the row's in the snapshot, for
    /// messages.
    ///
    /// # Errors
    /// `SchemaViolation`: a value that JSON cannot tell, naming field and row.
    pub fn push(&self, row: usize, number: u64, out: &mut Vec<u8>) -> Result<()> {
        if self.columns.is_empty() {
            out.extend_from_slice(b"{");
        }
        for column in &self.columns {
            out.extend_from_slice(&column.key);
            if column.has_nulls && column.array.is_null(row) {
                out.extend_from_slice(b"null");
                continue;
            }
            column.values.push(row, out).map_err(|why| column.refused(row, number, why))?;
        }
        out.push(b'}');
        Ok(())
    }
}

impl Column<'_> {
    #[cold]
    fn refused(&self, row: usize, number: u64, why: Mismatch) -> Error {
        let value = match &self.values {
            Values::Float32(array) => array.value(row).to_string(),
            Values::Float64(array) => array.value(row).to_string(),
            Values::Bytes(bytes, _) => format!("{:?}", shown(bytes(row))),
            _ => String::new(),
        };
        let message = format!("the field {:?} has the value {value}, {}", self.name, why.words());
        Violation { message, offset: None }.into_error(number)
    }
}

impl<'a> Values<'a> {
    fn of(name: &str, array: &'a dyn Array, bytes_text: impl Fn(&str) -> BytesText) -> Result<Self> {
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
            other => return Err(not_portable(name, other)),
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
        }
        Ok(())
    }
}

/// Appends a number, finite if it is a float: the shortest digits that read back as the same.
#[inline(always)]
fn push_number(value: impl serde::Serialize, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and numbers always serialize.
    let _ = serde_json::to_writer(out, &value);
}

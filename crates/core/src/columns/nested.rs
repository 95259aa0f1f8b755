//! Lists and structs of records: JSON arrays and objects as the values of one column.

use std::sync::Arc;

use arrow_array::{ArrayRef, ListArray, StructArray};
use arrow_buffer::{NullBufferBuilder, OffsetBuffer};
use arrow_schema::{DataType, FieldRef, Fields};

use super::arrow_type::{has_json, scalar_of};
use super::builder::{Column, OutOfMemory, not_an_array};
use super::record::{Slot, bool_slot, expected_kind, number_slot};
use super::schema::{ColumnType, Field};
use super::timestamp;
use super::violation::Mismatch;
use crate::codec::json::members::{Elements, Members};
use crate::codec::json::text::push_text;
use crate::error::Result;

/// Values of one type that grow by documents.
#[derive(Debug)]
pub(super) struct Nested {
    nullable: bool,
    /// Which are not null, of a list or struct that may be.
    nulls: NullBufferBuilder,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Scalar {
        column: Column,
        column_type: ColumnType,
        /// What a string with escapes stands for.
        text: String,
    },
    /// `ends` begins with a zero.
    List {
        field: FieldRef,
        item: Box<Nested>,
        ends: Vec<i32>,
    },
    Struct {
        fields: Fields,
        members: Vec<Nested>,
        len: usize,
    },
}

/// Why a document was not added.
#[derive(Debug)]
pub(super) enum Refused {
    Mismatch(Mismatch),
    OutOfMemory(OutOfMemory),
}

impl From<OutOfMemory> for Refused {
    fn from(failure: OutOfMemory) -> Self {
        Refused::OutOfMemory(failure)
    }
}

type Appended = std::result::Result<(), Refused>;

impl Nested {
    /// No values of this type; `None` for one that JSON records do not have.
    pub fn new(data_type: &DataType, nullable: bool) -> Option<Self> {
        has_json(data_type).then(|| Nested::of(data_type, nullable))
    }

    /// The same of a type that JSON records have.
    fn of(data_type: &DataType, nullable: bool) -> Self {
        let of_field = |field: &FieldRef| Nested::of(field.data_type(), field.is_nullable());
        let values = match data_type {
            DataType::List(field) => {
                Values::List { field: field.clone(), item: Box::new(of_field(field)), ends: vec![0] }
            }
            DataType::Struct(fields) => Values::Struct {
                fields: fields.clone(),
                members: fields.iter().map(of_field).collect(),
                len: 0,
            },
            scalar => {
                let column_type = scalar_of(scalar).unwrap_or(ColumnType::Bool);
                let column = Column::new(&Field::new("", column_type, nullable));
                Values::Scalar { column, column_type, text: String::new() }
            }
        };
        Nested { nullable, nulls: NullBufferBuilder::new(0), values }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Scalar { column, .. } => column.len(),
            Values::List { ends, .. } => ends.len() - 1,
            Values::Struct { len, .. } => *len,
        }
    }

    /// Takes values off until there are `len` at most, and what a failure has left in the midst of one.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.values {
            Values::Scalar { column, .. } => column.truncate(len),
            Values::List { item, ends, .. } => {
                ends.truncate(len + 1);
                item.truncate(ends.last().map_or(0, |end| *end as usize));
            }
            Values::Struct { members, len: held, .. } => {
                *held = len.min(*held);
                members.iter_mut().for_each(|member| member.truncate(len));
            }
        }
        self.nulls.truncate(len);
    }

    /// Adds the value of a document that the checker of JSON has accepted; `None` where there is none, which
    /// is null.
    ///
    /// # Errors
    /// It is of another type, or there is no memory: nothing was added.
    pub fn append(&mut self, document: Option<&[u8]>) -> Appended {
        let len = self.len();
        let appended = self.add(document);
        if appended.is_err() {
            self.truncate(len);
        }
        appended
    }

    /// The same of a document that [`Nested::append`] has accepted before.
    ///
    /// # Errors
    /// There is no memory: nothing was added.
    pub fn append_checked(&mut self, document: Option<&[u8]>) -> std::result::Result<(), OutOfMemory> {
        match self.append(document) {
            Err(Refused::OutOfMemory(failure)) => Err(failure),
            Err(Refused::Mismatch(_)) | Ok(()) => Ok(()),
        }
    }

    fn add(&mut self, document: Option<&[u8]>) -> Appended {
        let Some(document) = document.filter(|document| *document != b"null") else {
            return if self.nullable { self.add_nothing() } else { Err(Refused::Mismatch(Mismatch::Null)) };
        };
        match &mut self.values {
            Values::Scalar { column, column_type, text } => {
                let slot = scalar(document, *column_type, text);
                if let Slot::Bad(why) = slot {
                    return Err(Refused::Mismatch(why));
                }
                column.reserve(slot.text_len())?;
                column.push(slot, |slot| match slot {
                    Slot::Text { start, len } => &document[start..start + len],
                    _ => text.as_bytes(),
                });
                return Ok(());
            }
            Values::List { item, ends, .. } => {
                let elements = Elements::of(document).ok_or(kind("an array"))?;
                for element in elements {
                    item.add(Some(element)).map_err(within)?;
                }
                push_end(ends, item.len())?;
            }
            Values::Struct { fields, members, len } => {
                let mut found = vec![None; members.len()];
                for member in Members::of(document).ok_or(kind("an object"))? {
                    // The last one of a name counts.
                    if let Some(place) = fields.iter().position(|field| member.is_named(field.name())) {
                        found[place] = Some(member.value);
                    }
                }
                for (member, value) in members.iter_mut().zip(found) {
                    member.add(value).map_err(within)?;
                }
                *len += 1;
            }
        }
        if self.nullable {
            self.nulls.append(true);
        }
        Ok(())
    }

    /// Adds what stands where there is no value: a null, or, within one, anything.
    fn add_nothing(&mut self) -> Appended {
        match &mut self.values {
            Values::Scalar { column, .. } => {
                column.reserve(0)?;
                column.push(Slot::Null, |_| &[]);
                return Ok(());
            }
            Values::List { item, ends, .. } => push_end(ends, item.len())?,
            Values::Struct { members, len, .. } => {
                members.iter_mut().try_for_each(Nested::add_nothing)?;
                *len += 1;
            }
        }
        if self.nullable {
            self.nulls.append(false);
        }
        Ok(())
    }

    /// The values as an array; there are none then.
    ///
    /// # Errors
    /// `Internal`.
    pub fn finish(&mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        Ok(match &mut self.values {
            Values::Scalar { column, .. } => column.finish_batch()?,
            Values::List { field, item, ends } => {
                let offsets = OffsetBuffer::new(std::mem::replace(ends, vec![0]).into());
                let list = ListArray::try_new(field.clone(), offsets, item.finish()?, nulls);
                Arc::new(list.map_err(not_an_array)?)
            }
            Values::Struct { fields, members, len } => {
                *len = 0;
                let arrays = members.iter_mut().map(Nested::finish).collect::<Result<Vec<_>>>()?;
                Arc::new(StructArray::try_new(fields.clone(), arrays, nulls).map_err(not_an_array)?)
            }
        })
    }
}

#[cold]
fn kind(expected: &'static str) -> Refused {
    Refused::Mismatch(Mismatch::Kind(expected))
}

/// Why a value within another was not added.
#[cold]
fn within(refused: Refused) -> Refused {
    match refused {
        Refused::Mismatch(Mismatch::Null) => Refused::Mismatch(Mismatch::NullWithin),
        other => other,
    }
}

/// Ends a list behind so many items.
fn push_end(ends: &mut Vec<i32>, items: usize) -> std::result::Result<(), OutOfMemory> {
    ends.try_reserve(1).map_err(|_| OutOfMemory(4))?;
    ends.push(i32::try_from(items).map_err(|_| OutOfMemory(items))?);
    Ok(())
}

/// What a document is as a scalar of this type. A string that has escapes is decoded into `text`.
fn scalar(document: &[u8], column_type: ColumnType, text: &mut String) -> Slot {
    let is_text = matches!(column_type, ColumnType::String | ColumnType::Bytes(_));
    match document.first() {
        Some(b'"') => {
            let inner = &document[1..document.len() - 1];
            let escapes = inner.contains(&b'\\');
            if escapes {
                text.clear();
                push_text(std::str::from_utf8(inner).unwrap_or_default(), usize::MAX, text);
            }
            let bytes = if escapes { text.as_bytes() } else { inner };
            match column_type {
                ColumnType::Timestamp => timestamp::parse(bytes).map_or_else(Slot::Bad, Slot::Whole),
                _ if is_text && escapes => Slot::Decoded { start: 0, len: bytes.len() },
                _ if is_text => Slot::Text { start: 1, len: bytes.len() },
                other => Slot::Bad(Mismatch::Kind(expected_kind(other))),
            }
        }
        Some(b't') => bool_slot(true, Some(column_type)),
        Some(b'f') => bool_slot(false, Some(column_type)),
        Some(b'{' | b'[') => Slot::Bad(Mismatch::Kind(expected_kind(column_type))),
        _ => number_slot(document, Some(column_type)),
    }
}

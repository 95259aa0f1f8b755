//! Arrow arrays as the values of columns: types that a column takes are widened to its own, and what does not
//! fit is refused before any row is taken.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ByteViewType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type,
};
use arrow_array::{
    Array, ArrayRef, ArrowPrimitiveType, BinaryViewArray, GenericByteViewArray, PrimitiveArray, RecordBatch,
    StringViewArray,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType, Schema as ArrowSchema, TimeUnit};

use super::arrow_type::{bytes_of, conformed, copy_of};
use super::builder::not_an_array;
use super::schema::{ColumnType, Field, UTC, not_portable};
use super::violation::{Mismatch, Violation};
use crate::error::{Error, Result, Status};

/// A view holds a text of so many bytes itself, after its length.
pub(super) const VIEW_INLINE: usize = 12;

/// Which columns of a stream's batches are those of a schema.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// For each column of ours, the number of the stream's.
    places: Vec<usize>,
}

impl Assignment {
    /// Finds the columns of `fields` in `arrow` by name; columns beside them are ignored.
    ///
    /// # Errors
    /// `ArrowType`, naming the field: it is missing, there are two of that name, or its type is not taken.
    pub fn new<'f>(fields: impl Iterator<Item = &'f Field>, arrow: &ArrowSchema) -> Result<Self> {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, given) in arrow.fields().iter().enumerate() {
            by_name.entry(given.name()).or_default().push(place);
        }
        let place = |field: &Field| {
            let places = by_name.get(&*field.name).map(Vec::as_slice).unwrap_or_default();
            let mut found = places.iter().map(|place| (*place, arrow.field(*place)));
            let refused = |what: String| Err(Error::new(Status::ArrowType, what));
            let name = &field.name;
            match (found.next(), found.next()) {
                (Some((place, given)), None) if field.takes(given.data_type()) => Ok(place),
                (Some((_, given)), None)
                    if field.column_type != ColumnType::Arrow
                        && ColumnType::of_arrow(given.data_type()).is_none() =>
                {
                    Err(not_portable(name, given.data_type()))
                }
                (Some((_, given)), None) => refused(format!(
                    "the field {name:?} has the Arrow type {}, which a column of type {} does not take",
                    given.data_type(),
                    field.type_name()
                )),
                (None, _) => {
                    refused(format!("the Arrow schema has no field {name:?}, which the schema declares"))
                }
                (Some(_), Some(_)) => refused(format!("the Arrow schema has several fields {name:?}")),
            }
        };
        Ok(Assignment { places: fields.map(place).collect::<Result<_>>()? })
    }

    /// One of batches that have the schema's columns, and no others, in their order.
    pub fn identity(columns: usize) -> Self {
        Assignment { places: (0..columns).collect() }
    }

    /// The columns of a batch that are the schema's, in the schema's order.
    ///
    /// # Errors
    /// `Internal`.
    pub fn chosen(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        batch.project(&self.places).map_err(not_an_array)
    }

    /// The columns of a batch, checked.
    ///
    /// # Errors
    /// The row, counted from 0 in this batch, and what does not fit there.
    pub fn sources<'a, 'f>(
        &self,
        fields: impl Iterator<Item = &'f Field>,
        batch: &'a RecordBatch,
    ) -> std::result::Result<Vec<Source<'a>>, (usize, Violation)> {
        fields
            .zip(&self.places)
            .map(|(field, place)| {
                Source::new(field, batch.column(*place)).map_err(|(row, why)| {
                    let message =
                        format!("the field {:?} ({}) {}", field.name, field.type_name(), of_array(why));
                    (row, Violation { message, offset: None })
                })
            })
            .collect()
    }
}

/// What is wrong with a value of an array.
fn of_array(why: Mismatch) -> String {
    match why {
        Mismatch::Null => "is null and is not nullable".into(),
        Mismatch::NullWithin => "has a value within which one is null that is not nullable".into(),
        other => format!("has a value {}", other.words()),
    }
}

/// An array's values as those of a column, checked.
pub struct Source<'a> {
    /// The array itself, if it is of the type that the column stores.
    own: Option<ArrayRef>,
    nulls: Option<NullBuffer>,
    fixed: FixedValues<'a>,
    texts: Texts<'a>,
}

/// Values of a fixed width.
pub(crate) enum FixedValues<'a> {
    /// They are texts.
    None,
    Int32(Cow<'a, [i32]>),
    Int64(Cow<'a, [i64]>),
    Float32(Cow<'a, [f32]>),
    Float64(Cow<'a, [f64]>),
    Bool(BooleanBuffer),
    /// They are of an Arrow type that is not portable: the array itself has them.
    Arrow,
}

/// Strings and bytes, in one of Arrow's forms.
enum Texts<'a> {
    None,
    Small { offsets: &'a [i32], data: &'a [u8] },
    Large { offsets: &'a [i64], data: &'a [u8] },
    TextViews(&'a StringViewArray),
    ByteViews(&'a BinaryViewArray),
    Dictionary { keys: Vec<usize>, values: Box<Texts<'a>> },
}

impl<'a> Source<'a> {
    fn new(field: &Field, array: &'a ArrayRef) -> std::result::Result<Self, (usize, Mismatch)> {
        let own = match (array.data_type(), field.column_type) {
            (_, ColumnType::Arrow) => {
                // All of it was checked, but for what may be null within.
                Some(conformed(array, &field.stored_type()).map_err(|_| (0, Mismatch::NullWithin))?)
            }
            (DataType::Timestamp(TimeUnit::Nanosecond, Some(_)), ColumnType::Timestamp) => {
                Some(array.clone())
            }
            (given, own) => (*given == own.arrow()).then(|| array.clone()),
        };
        let array: &dyn Array = array.as_ref();
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        if let Some(nulls) = &nulls
            && !field.nullable
        {
            let row = (0..nulls.len()).find(|row| nulls.is_null(*row)).unwrap_or_default();
            return Err((row, Mismatch::Null));
        }
        let fixed = match field.column_type {
            ColumnType::Int32 => match array.data_type() {
                DataType::Int32 => FixedValues::Int32(Cow::Borrowed(primitive::<Int32Type>(array))),
                _ => FixedValues::Int32(Cow::Owned(widened(array).map(|value| value as i32).collect())),
            },
            ColumnType::Int64 => match array.data_type() {
                DataType::Int64 => FixedValues::Int64(Cow::Borrowed(primitive::<Int64Type>(array))),
                _ => FixedValues::Int64(Cow::Owned(widened(array).collect())),
            },
            ColumnType::Timestamp => FixedValues::Int64(moments(array, nulls.as_ref())?),
            ColumnType::Float32 => FixedValues::Float32(Cow::Borrowed(primitive::<Float32Type>(array))),
            ColumnType::Float64 => match array.data_type() {
                DataType::Float64 => FixedValues::Float64(Cow::Borrowed(primitive::<Float64Type>(array))),
                _ => {
                    let singles = primitive::<Float32Type>(array).iter();
                    FixedValues::Float64(Cow::Owned(singles.map(|value| f64::from(*value)).collect()))
                }
            },
            ColumnType::Bool => FixedValues::Bool(array.as_boolean().values().clone()),
            ColumnType::String | ColumnType::Bytes(_) => FixedValues::None,
            ColumnType::Arrow => FixedValues::Arrow,
        };
        let texts = if matches!(fixed, FixedValues::None) { Texts::of(array) } else { Texts::None };
        Ok(Source { own, nulls, fixed, texts })
    }

    /// Whether the array is of the type that the column stores.
    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// Some rows of an array of that type, as the column would give them out: where none is null, it has no
    /// nulls.
    pub(super) fn slice(&self, rows: Range<usize>) -> Result<ArrayRef> {
        let Some(own) = &self.own else {
            return Err(not_an_array(ArrowError::CastError("another type".into())));
        };
        let part = own.slice(rows.start, rows.len());
        if matches!(self.fixed, FixedValues::Arrow) {
            return Ok(part);
        }
        let drops_nulls = part.nulls().is_some_and(|nulls| nulls.null_count() == 0);
        Ok(match part.data_type() {
            DataType::Timestamp(..) => {
                let part = part.as_primitive::<TimestampNanosecondType>();
                let nulls = part.nulls().filter(|_| !drops_nulls).cloned();
                let part = PrimitiveArray::<TimestampNanosecondType>::try_new(part.values().clone(), nulls);
                Arc::new(part.map_err(not_an_array)?.with_timezone(UTC))
            }
            _ if drops_nulls => {
                let data = part.to_data().into_builder().nulls(None).build().map_err(not_an_array)?;
                arrow_array::make_array(data)
            }
            _ => part,
        })
    }

    pub(super) fn nulls(&self) -> Option<&NullBuffer> {
        self.nulls.as_ref()
    }

    pub(super) fn fixed(&self) -> &FixedValues<'a> {
        &self.fixed
    }

    /// The text of a row; of one that is null, none.
    fn text(&self, row: usize) -> &[u8] {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) { &[] } else { self.texts.get(row) }
    }

    /// A copy of some rows of an array of such a type.
    ///
    /// # Errors
    /// It cannot be one array.
    pub(super) fn copy_of(&self, rows: Range<usize>) -> std::result::Result<Option<ArrayRef>, ArrowError> {
        self.own.as_ref().map(|own| copy_of(own, rows)).transpose()
    }

    /// How many bytes the texts of these rows have; of an Arrow type that is not portable, all their values.
    pub(super) fn text_len(&self, rows: Range<usize>) -> usize {
        match (&self.texts, &self.nulls) {
            (Texts::None, _) => match (&self.fixed, &self.own) {
                (FixedValues::Arrow, Some(own)) => bytes_of(own, rows),
                _ => 0,
            },
            (Texts::Small { offsets, .. }, None) => (offsets[rows.end] - offsets[rows.start]) as usize,
            (Texts::Large { offsets, .. }, None) => (offsets[rows.end] - offsets[rows.start]) as usize,
            (Texts::TextViews(array), nulls) => views_len(array.views(), nulls.as_ref(), rows),
            (Texts::ByteViews(array), nulls) => views_len(array.views(), nulls.as_ref(), rows),
            _ => rows.map(|row| self.text(row).len()).sum(),
        }
    }

    /// Appends the texts of these rows; there is room.
    pub(super) fn push_texts(&self, rows: Range<usize>, ends: &mut Vec<i32>, data: &mut Vec<u8>) {
        if let (Texts::Small { offsets, data: given }, None) = (&self.texts, &self.nulls) {
            let moved = data.len() as i32 - offsets[rows.start];
            data.extend_from_slice(&given[offsets[rows.start] as usize..offsets[rows.end] as usize]);
            ends.extend(offsets[rows.start + 1..=rows.end].iter().map(|end| end + moved));
            return;
        }
        match &self.texts {
            Texts::TextViews(array) => return push_views(array, self.nulls.as_ref(), rows, ends, data),
            Texts::ByteViews(array) => return push_views(array, self.nulls.as_ref(), rows, ends, data),
            _ => {}
        }
        for row in rows {
            data.extend_from_slice(self.text(row));
            ends.push(data.len() as i32);
        }
    }
}

impl<'a> Texts<'a> {
    fn of(array: &'a dyn Array) -> Self {
        match array.data_type() {
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                Texts::Small { offsets: array.value_offsets(), data: array.value_data() }
            }
            DataType::Binary => {
                let array = array.as_binary::<i32>();
                Texts::Small { offsets: array.value_offsets(), data: array.value_data() }
            }
            DataType::LargeUtf8 => {
                let array = array.as_string::<i64>();
                Texts::Large { offsets: array.value_offsets(), data: array.value_data() }
            }
            DataType::LargeBinary => {
                let array = array.as_binary::<i64>();
                Texts::Large { offsets: array.value_offsets(), data: array.value_data() }
            }
            DataType::Utf8View => Texts::TextViews(array.as_string_view()),
            DataType::BinaryView => Texts::ByteViews(array.as_binary_view()),
            DataType::Dictionary(..) => {
                let array = array.as_any_dictionary();
                // A null's key may be anything: it is never asked for.
                let keys = if array.values().is_empty() { Vec::new() } else { array.normalized_keys() };
                Texts::Dictionary { keys, values: Box::new(Texts::of(array.values().as_ref())) }
            }
            _ => Texts::None,
        }
    }

    fn get(&self, row: usize) -> &[u8] {
        match self {
            Texts::None => &[],
            Texts::Small { offsets, data } => &data[offsets[row] as usize..offsets[row + 1] as usize],
            Texts::Large { offsets, data } => &data[offsets[row] as usize..offsets[row + 1] as usize],
            Texts::TextViews(array) => array.value(row).as_bytes(),
            Texts::ByteViews(array) => array.value(row),
            Texts::Dictionary { keys, values } => values.get(keys[row]),
        }
    }
}

/// How many bytes the text of a view has.
fn view_len(view: &u128) -> usize {
    *view as u32 as usize
}

/// How many bytes the texts of these views have.
pub(super) fn views_len(views: &[u128], nulls: Option<&NullBuffer>, rows: Range<usize>) -> usize {
    let views = &views[rows.clone()];
    match nulls {
        None => views.iter().map(view_len).sum(),
        Some(nulls) => {
            let valid = nulls.inner().slice(rows.start, rows.len());
            views.iter().zip(&valid).map(|(view, valid)| if valid { view_len(view) } else { 0 }).sum()
        }
    }
}

/// Appends the texts of these rows; a short one is copied with all that its view holds, and what is too much
/// is taken off.
fn push_views<T: ByteViewType>(
    array: &GenericByteViewArray<T>,
    nulls: Option<&NullBuffer>,
    rows: Range<usize>,
    ends: &mut Vec<i32>,
    data: &mut Vec<u8>,
) {
    for (row, view) in rows.clone().zip(&array.views()[rows]) {
        let (start, len) = (data.len(), view_len(view));
        if nulls.is_none_or(|nulls| nulls.is_valid(row)) {
            if len <= VIEW_INLINE {
                data.extend_from_slice(&view.to_le_bytes()[4..]);
                data.truncate(start + len);
            } else {
                data.extend_from_slice(array.value(row).as_ref());
            }
        }
        ends.push(data.len() as i32);
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &dyn Array) -> &[T::Native] {
    array.as_primitive::<T>().values()
}

/// The values of an array of whole numbers that `i64` holds.
fn widened(array: &dyn Array) -> Box<dyn Iterator<Item = i64> + '_> {
    fn wide<T: ArrowPrimitiveType<Native: Into<i64>>>(
        array: &dyn Array,
    ) -> Box<dyn Iterator<Item = i64> + '_> {
        Box::new(primitive::<T>(array).iter().map(|value| (*value).into()))
    }
    match array.data_type() {
        DataType::Int8 => wide::<Int8Type>(array),
        DataType::Int16 => wide::<Int16Type>(array),
        DataType::UInt8 => wide::<UInt8Type>(array),
        DataType::UInt16 => wide::<UInt16Type>(array),
        DataType::UInt32 => wide::<UInt32Type>(array),
        DataType::Int32 => wide::<Int32Type>(array),
        _ => wide::<Int64Type>(array),
    }
}

/// Timestamps of any unit in nanoseconds.
fn moments<'a>(
    array: &'a dyn Array,
    nulls: Option<&NullBuffer>,
) -> std::result::Result<Cow<'a, [i64]>, (usize, Mismatch)> {
    let (values, factor) = match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => (primitive::<TimestampSecondType>(array), 1_000_000_000),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            (primitive::<TimestampMillisecondType>(array), 1_000_000)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => (primitive::<TimestampMicrosecondType>(array), 1000),
        _ => return Ok(Cow::Borrowed(primitive::<TimestampNanosecondType>(array))),
    };
    let moment = |(row, value): (usize, &i64)| match value.checked_mul(factor) {
        Some(nanos) => Ok(nanos),
        None if nulls.is_some_and(|nulls| nulls.is_null(row)) => Ok(0),
        None => Err((row, Mismatch::Range("timestamp"))),
    };
    values.iter().enumerate().map(moment).collect::<std::result::Result<_, _>>().map(Cow::Owned)
}

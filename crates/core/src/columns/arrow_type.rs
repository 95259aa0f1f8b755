//! Arrow types beyond the portable ones: which a Parquet file stores, and the arrays that are stored of them
//! (`docs/parquet-arrow.md`, section "Arrow types").

use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, make_array};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType, Field as ArrowField, FieldRef, IntervalUnit};
use arrow_select::take::take;

use super::arrays::views_len;
use super::schema::ColumnType;

/// The deepest nesting of a file's schema, in its own terms: a list or a map is two levels, a struct one.
pub(super) const DEPTH_MAX: usize = 30;

/// The type that a column of this type is gathered and stored as: dictionaries, which Parquet makes itself,
/// as their values. `None`: Parquet does not store it.
pub(super) fn stored(declared: &DataType) -> Option<DataType> {
    let within = |field: &FieldRef| -> Option<FieldRef> {
        Some(Arc::new(field.as_ref().clone().with_data_type(stored(field.data_type())?)))
    };
    Some(match declared {
        DataType::Null
        | DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64
        | DataType::Float16
        | DataType::Float32
        | DataType::Float64
        | DataType::Timestamp(..)
        | DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime)
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View => declared.clone(),
        DataType::FixedSizeBinary(1..) => declared.clone(),
        DataType::Decimal32(_, 0..)
        | DataType::Decimal64(_, 0..)
        | DataType::Decimal128(_, 0..)
        | DataType::Decimal256(_, 0..) => declared.clone(),
        DataType::Dictionary(_, values) if !values.is_nested() => stored(values)?,
        DataType::List(item) => DataType::List(within(item)?),
        DataType::LargeList(item) => DataType::LargeList(within(item)?),
        DataType::FixedSizeList(item, size @ 1..) => DataType::FixedSizeList(within(item)?, *size),
        DataType::Struct(fields) if !fields.is_empty() => {
            DataType::Struct(fields.iter().map(within).collect::<Option<_>>()?)
        }
        DataType::Map(entries, sorted) => DataType::Map(within(entries)?, *sorted),
        _ => return None,
    })
}

/// The type that such a column is given back as: dictionaries of texts and bytes have keys of 32 bits, which
/// hold the keys of any batch, others are given back as their values.
pub(super) fn given_back(declared: &DataType) -> DataType {
    match declared {
        DataType::Dictionary(_, values)
            if matches!(
                **values,
                DataType::Utf8 | DataType::LargeUtf8 | DataType::Binary | DataType::LargeBinary
            ) =>
        {
            DataType::Dictionary(Box::new(DataType::Int32), values.clone())
        }
        other => stored(other).unwrap_or_else(|| other.clone()),
    }
}

/// How many columns a file has for a type, and how deep they are nested.
pub(super) fn extent(data_type: &DataType) -> (usize, usize) {
    let deeper = |by: usize, (columns, depth): (usize, usize)| (columns, depth + by);
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            deeper(2, extent(item.data_type()))
        }
        DataType::Map(entries, _) => deeper(1, extent(entries.data_type())),
        DataType::Struct(fields) => {
            let within = fields.iter().map(|field| extent(field.data_type()));
            deeper(1, within.fold((0, 0), |(columns, depth), (more, deep)| (columns + more, depth.max(deep))))
        }
        _ => (1, 1),
    }
}

/// Whether arrays of the one stored type can be made those of the other: the names of a list's items and of a
/// map's parts, and what may be null within, are left out of account.
pub(super) fn is_alike(one: &DataType, other: &DataType) -> bool {
    let types = |one: &ArrowField, other: &ArrowField| is_alike(one.data_type(), other.data_type());
    match (one, other) {
        (DataType::List(one), DataType::List(other))
        | (DataType::LargeList(one), DataType::LargeList(other)) => types(one, other),
        (DataType::FixedSizeList(one, size), DataType::FixedSizeList(other, length)) => {
            size == length && types(one, other)
        }
        (DataType::Map(one, _), DataType::Map(other, _)) => match (one.data_type(), other.data_type()) {
            (DataType::Struct(one), DataType::Struct(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| types(one, other))
            }
            _ => false,
        },
        (DataType::Struct(one), DataType::Struct(other)) => {
            let same = |one: &FieldRef, other: &FieldRef| one.name() == other.name() && types(one, other);
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (one, other) => one == other,
    }
}

/// The array as one of the stored type `to`, which its own is alike.
///
/// # Errors
/// A value within is null where `to` has none.
pub(super) fn conformed(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    if let DataType::Dictionary(..) = array.data_type() {
        let array = array.as_any_dictionary();
        let values = conformed(array.values(), to)?;
        return take(&values, array.keys(), None);
    }
    let types: Vec<&DataType> = match to {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            vec![item.data_type()]
        }
        DataType::Map(entries, _) => vec![entries.data_type()],
        DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
        other => {
            let found = array.data_type();
            return Err(ArrowError::CastError(format!("an array of type {found} is none of type {other}")));
        }
    };
    let data = array.to_data();
    let within = data
        .child_data()
        .iter()
        .zip(types)
        .map(|(child, data_type)| Ok(conformed(&make_array(child.clone()), data_type)?.to_data()));
    let within = within.collect::<Result<Vec<_>, ArrowError>>()?;
    Ok(make_array(data.into_builder().data_type(to.clone()).child_data(within).build()?))
}

/// A copy of these rows, which keeps nothing of the array that they are a part of.
///
/// # Errors
/// It cannot be one array.
pub(super) fn copy_of(array: &dyn Array, rows: Range<usize>) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data();
    let mut copy = MutableArrayData::new(vec![&data], false, rows.len());
    copy.try_extend(0, rows.start, rows.end)?;
    Ok(make_array(copy.freeze()))
}

/// How many bytes the values of these rows of an array of a stored type have.
pub(super) fn bytes_of(array: &dyn Array, rows: Range<usize>) -> usize {
    fn between<T: Copy + Into<i64>>(offsets: &[T], rows: &Range<usize>) -> Range<usize> {
        let at = |row: usize| offsets[row].into() as usize;
        at(rows.start)..at(rows.end)
    }
    let count = rows.len();
    match array.data_type() {
        DataType::Utf8 => between(array.as_string::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::Binary => between(array.as_binary::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::LargeUtf8 => between(array.as_string::<i64>().value_offsets(), &rows).len() + 8 * count,
        DataType::LargeBinary => between(array.as_binary::<i64>().value_offsets(), &rows).len() + 8 * count,
        DataType::Utf8View => views_len(array.as_string_view().views(), array.nulls(), rows) + 4 * count,
        DataType::BinaryView => views_len(array.as_binary_view().views(), array.nulls(), rows) + 4 * count,
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            bytes_of(array.values(), between(array.value_offsets(), &rows)) + 4 * count
        }
        DataType::LargeList(_) => {
            let array = array.as_list::<i64>();
            bytes_of(array.values(), between(array.value_offsets(), &rows)) + 8 * count
        }
        DataType::Map(..) => {
            let array = array.as_map();
            bytes_of(array.entries(), between(array.value_offsets(), &rows)) + 4 * count
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or_default();
            bytes_of(array.as_fixed_size_list().values(), rows.start * size..rows.end * size)
        }
        DataType::Struct(_) => {
            array.as_struct().columns().iter().map(|column| bytes_of(column, rows.clone())).sum()
        }
        DataType::FixedSizeBinary(size) => usize::try_from(*size).unwrap_or_default() * count,
        fixed => fixed.primitive_width().unwrap_or(1) * count,
    }
}

/// The portable type of a value within a list or struct that JSON records have; `None`: it is another type.
pub(super) fn scalar_of(data_type: &DataType) -> Option<ColumnType> {
    ColumnType::of_arrow(data_type).filter(|own| own.arrow() == *data_type)
}

/// Whether JSON records have values of this type: the portable ones, and lists and structs of them.
pub(super) fn has_json(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) => has_json(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| has_json(field.data_type())),
        scalar => scalar_of(scalar).is_some(),
    }
}

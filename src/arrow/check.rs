//! What C hands in, checked before it is used: what the interface lets one see of a schema and of an array.

use std::ffi::{CStr, c_char};

use arrow_data::{BufferSpec, layout};
use arrow_schema::DataType;

use super::{ArrowArray, ArrowSchema};

/// Deeper types are refused.
const DEPTH_MAX: usize = 32;

/// More children are refused: a schema has 10,000 columns at most.
const CHILDREN_MAX: i64 = 20_000;

/// No array has more values: sizes computed from lengths then never overflow.
const LENGTH_MAX: i64 = 1 << 40;

type Verdict = Result<(), String>;

/// Checks a schema's structure.
///
/// # Safety
/// `schema` is NULL or a struct as the interface says, as far as that cannot be checked here.
pub(super) unsafe fn schema(schema: *const ArrowSchema) -> Verdict {
    // SAFETY: as asked of the caller.
    unsafe { schema_at(schema, 0) }
}

unsafe fn schema_at(schema: *const ArrowSchema, depth: usize) -> Verdict {
    if schema.is_null() || !schema.is_aligned() {
        return Err("a schema is NULL or not aligned".into());
    }
    // SAFETY: not NULL and aligned; the producer's word for the rest.
    let schema = unsafe { &*schema };
    if schema.release.is_none() {
        return Err("a schema was released".into());
    }
    if depth == DEPTH_MAX {
        return Err(format!("the type is nested deeper than {DEPTH_MAX} levels"));
    }
    // SAFETY: NULL or NUL-terminated, by the producer's word.
    let (format, name) = unsafe { (text(schema.format)?, text(schema.name)?) };
    let name = name.unwrap_or_default();
    if format.is_none_or(str::is_empty) {
        return Err(format!("the schema of the field {name:?} has no format"));
    }
    if !(0..=CHILDREN_MAX).contains(&schema.n_children) {
        return Err(format!("the schema of the field {name:?} has n_children {}", schema.n_children));
    }
    if schema.n_children > 0 && (schema.children.is_null() || !schema.children.is_aligned()) {
        return Err(format!("the schema of the field {name:?} has children, but children is NULL"));
    }
    for child in 0..schema.n_children as usize {
        // SAFETY: so many pointers are there, by the producer's word.
        unsafe { schema_at(*schema.children.add(child), depth + 1)? };
    }
    if !schema.dictionary.is_null() {
        // SAFETY: as above.
        unsafe { schema_at(schema.dictionary, depth + 1)? };
    }
    Ok(())
}

/// The text, if there is one.
unsafe fn text<'a>(text: *const c_char) -> Result<Option<&'a str>, String> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: NUL-terminated, by the producer's word.
    match unsafe { CStr::from_ptr(text) }.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err("a schema's name or format is no UTF-8".into()),
    }
}

/// Checks that an array has the parts that its type asks for, and that its lengths and offsets can be.
///
/// # Safety
/// `array` is NULL or a struct as the interface says, as far as that cannot be checked here.
pub(super) unsafe fn array(array: *const ArrowArray, data_type: &DataType) -> Verdict {
    // SAFETY: as asked of the caller.
    unsafe { array_at(array, data_type, 0, 0) }
}

/// The same for an array of which `needed` values are used.
unsafe fn array_at(array: *const ArrowArray, data_type: &DataType, needed: i64, depth: usize) -> Verdict {
    if array.is_null() || !array.is_aligned() {
        return Err("an array is NULL or not aligned".into());
    }
    // SAFETY: not NULL and aligned; the producer's word for the rest.
    let array = unsafe { &*array };
    if array.release.is_none() {
        return Err("an array was released".into());
    }
    if depth == DEPTH_MAX {
        return Err(format!("the array is nested deeper than {DEPTH_MAX} levels"));
    }
    let end = array.length.checked_add(array.offset).filter(|end| *end <= LENGTH_MAX);
    let (Some(end), 0.., 0.., -1..) = (end, array.length, array.offset, array.null_count) else {
        return Err(format!(
            "an array of type {data_type} has length {}, offset {} and null_count {}",
            array.length, array.offset, array.null_count
        ));
    };
    if array.null_count > array.length {
        return Err(format!("{} of {} values of type {data_type} are null", array.null_count, array.length));
    }
    if array.length < needed {
        return Err(format!("an array of type {data_type} has {} values, {needed} are used", array.length));
    }
    // SAFETY: as above.
    unsafe {
        let offsets = buffers(array, data_type, end)?;
        children(array, data_type, end, offsets, depth)?;
        match (data_type, array.dictionary.is_null()) {
            (DataType::Dictionary(_, values), false) => array_at(array.dictionary, values, 0, depth + 1),
            (DataType::Dictionary(..), true) => Err("an array of a dictionary type has no dictionary".into()),
            (_, true) => Ok(()),
            (other, false) => Err(format!("an array of type {other} has a dictionary")),
        }
    }
}

/// Checks the buffers; gives the last offset, if the type has offsets.
unsafe fn buffers(array: &ArrowArray, data_type: &DataType, end: i64) -> Result<Option<i64>, String> {
    let keys = match data_type {
        DataType::Dictionary(keys, _) => keys,
        other => other,
    };
    let layout = layout(keys);
    let validity = usize::from(layout.can_contain_null_mask);
    let fixed = validity + layout.buffers.len();
    let count = usize::try_from(array.n_buffers).unwrap_or(usize::MAX);
    // Views have any number of buffers for their bytes, and one for the sizes of these.
    let is_right = if layout.variadic { count > fixed && count - fixed <= 1 << 20 } else { count == fixed };
    if !is_right || (count > 0 && (array.buffers.is_null() || !array.buffers.is_aligned())) {
        return Err(format!(
            "an array of type {data_type} has n_buffers {}, expected {fixed}",
            array.n_buffers
        ));
    }
    // SAFETY: so many pointers are there, by the producer's word.
    let buffer = |number: usize| unsafe { *array.buffers.add(number) };
    if validity == 1 && array.null_count > 0 && buffer(0).is_null() {
        return Err(format!("an array of type {data_type} has nulls, but no buffer that tells which"));
    }
    for (number, spec) in layout.buffers.iter().enumerate() {
        let has_values = matches!(spec, BufferSpec::FixedWidth { .. } | BufferSpec::BitMap) && end > 0;
        if has_values && buffer(validity + number).is_null() {
            return Err(format!("buffer {} of an array of type {data_type} is NULL", validity + number));
        }
    }
    if layout.variadic {
        // SAFETY: as above.
        unsafe { variadic(array, fixed, count)? };
    }
    let last = match keys {
        // SAFETY: as above.
        DataType::Utf8 | DataType::Binary | DataType::List(_) | DataType::Map(..) => unsafe {
            rising::<i32>(buffer(1), array, end)?
        },
        // SAFETY: as above.
        DataType::LargeUtf8 | DataType::LargeBinary | DataType::LargeList(_) => unsafe {
            rising::<i64>(buffer(1), array, end)?
        },
        _ => return Ok(None),
    };
    if matches!(layout.buffers.get(1), Some(BufferSpec::VariableWidth)) && last > 0 && buffer(2).is_null() {
        return Err(format!("an array of type {data_type} has {last} bytes, but no buffer for them"));
    }
    Ok(Some(last))
}

/// The offsets of an array, from its own first to its last, are not negative and do not fall; gives the last.
unsafe fn rising<T: Copy + Into<i64>>(
    offsets: *const std::ffi::c_void,
    array: &ArrowArray,
    end: i64,
) -> Result<i64, String> {
    if end == 0 {
        return Ok(0);
    }
    let offsets = offsets.cast::<T>();
    if offsets.is_null() || !offsets.is_aligned() {
        return Err("a buffer of offsets is NULL or not aligned".into());
    }
    // SAFETY: there is one offset more than there are values, by the producer's word.
    let offsets = unsafe { std::slice::from_raw_parts(offsets, end as usize + 1) };
    let mut before = 0;
    for (place, offset) in offsets[array.offset as usize..].iter().enumerate() {
        let offset: i64 = (*offset).into();
        if offset < before {
            return Err(format!("offset {place} of an array is {offset}, after {before}"));
        }
        before = offset;
    }
    if before > LENGTH_MAX {
        return Err(format!("the last offset of an array is {before}"));
    }
    Ok(before)
}

/// The buffers that views point into, and their sizes.
unsafe fn variadic(array: &ArrowArray, fixed: usize, count: usize) -> Verdict {
    let data = count - fixed - 1;
    if data == 0 {
        return Ok(());
    }
    // SAFETY: so many pointers are there, by the producer's word.
    let sizes = unsafe { *array.buffers.add(count - 1) }.cast::<i64>();
    if sizes.is_null() || !sizes.is_aligned() {
        return Err("the sizes of a view array's buffers are NULL or not aligned".into());
    }
    for number in 0..data {
        // SAFETY: as above, and one size for each of these buffers.
        let (size, buffer) = unsafe { (*sizes.add(number), *array.buffers.add(fixed + number)) };
        if !(0..=LENGTH_MAX).contains(&size) || (size > 0 && buffer.is_null()) {
            return Err(format!("buffer {number} of a view array has {size} bytes, or is NULL"));
        }
    }
    Ok(())
}

/// The arrays within, each with as many values as are used of it.
unsafe fn children(
    array: &ArrowArray,
    data_type: &DataType,
    end: i64,
    offsets: Option<i64>,
    depth: usize,
) -> Verdict {
    let within: Vec<(&DataType, i64)> = match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| (field.data_type(), end)).collect(),
        DataType::List(field) | DataType::LargeList(field) | DataType::Map(field, _) => {
            vec![(field.data_type(), offsets.unwrap_or_default())]
        }
        DataType::FixedSizeList(field, size) => {
            vec![(field.data_type(), end.checked_mul((*size).into()).ok_or("a list is too long")?)]
        }
        DataType::Union(..)
        | DataType::RunEndEncoded(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => return Err(format!("arrays of type {data_type} are not taken")),
        _ => Vec::new(),
    };
    if usize::try_from(array.n_children) != Ok(within.len()) {
        let expected = within.len();
        return Err(format!(
            "an array of type {data_type} has {} children, expected {expected}",
            array.n_children
        ));
    }
    if !within.is_empty() && (array.children.is_null() || !array.children.is_aligned()) {
        return Err(format!("an array of type {data_type} has children, but children is NULL"));
    }
    for (number, (child, needed)) in within.into_iter().enumerate() {
        // SAFETY: so many pointers are there, by the producer's word.
        unsafe { array_at(*array.children.add(number), child, needed, depth + 1)? };
    }
    Ok(())
}

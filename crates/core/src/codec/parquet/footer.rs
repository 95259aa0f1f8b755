//! A file's footer, checked before its decoder allocates what it claims, and again before anything it points
//! to is read (`docs/parquet-arrow.md`, section "Limits").

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use super::thrift::{Kind, Stop, Thrift};
use crate::codec::SharedInput;
use crate::columns::COLUMNS_MAX;
use crate::error::{Error, Result, Status};

/// What a file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";

/// What an encrypted file ends with.
const MAGIC_ENCRYPTED: &[u8; 4] = b"PARE";

/// The footer's length and the magic bytes, at a file's end.
const TAIL: u64 = 8;

/// The longest footer that is read, and therefore written, in bytes.
pub(super) const FOOTER_MAX: u64 = 64 << 20;

/// The most elements of a schema: columns, and the groups around them.
const ELEMENTS_MAX: usize = 2 * COLUMNS_MAX + 1;

/// The deepest nesting of a schema.
const DEPTH_MAX: usize = 32;

/// The most row groups.
const ROW_GROUPS_MAX: usize = 1_000_000;

/// Reads a file's footer, of a file of `size` bytes.
///
/// # Errors
/// `InvalidFormat` for what is no footer or is beyond a limit; those of `input`.
pub(super) fn read(input: &SharedInput, size: u64) -> Result<ParquetMetaData> {
    if size < TAIL + MAGIC.len() as u64 {
        return Err(invalid(format_args!("it has {size} bytes, too few for a Parquet file")));
    }
    let mut magic = [0; 4];
    read_exact(input, 0, &mut magic)?;
    let mut tail = [0; TAIL as usize];
    read_exact(input, size - TAIL, &mut tail)?;
    let (len, end) = tail.split_at(4);
    if end == MAGIC_ENCRYPTED {
        return Err(Error::new(Status::Unsupported, "it is encrypted, which this build cannot read"));
    }
    if end != MAGIC || magic != *MAGIC {
        return Err(invalid("it does not begin and end with PAR1"));
    }
    let len = u64::from(u32::from_le_bytes([len[0], len[1], len[2], len[3]]));
    if len > FOOTER_MAX {
        return Err(invalid(format_args!(
            "its footer has {len} bytes, more than the {FOOTER_MAX} that are read"
        )));
    }
    if len > size - TAIL - MAGIC.len() as u64 {
        return Err(invalid(format_args!("its footer of {len} bytes does not fit into its {size} bytes")));
    }
    let mut footer = Vec::new();
    footer
        .try_reserve_exact(len as usize)
        .map_err(|_| Error::new(Status::NoMemory, format_args!("no memory for a footer of {len} bytes")))?;
    footer.resize(len as usize, 0);
    let begin = size - TAIL - len;
    read_exact(input, begin, &mut footer)?;
    check_structure(&footer)?;
    let metadata = ParquetMetaDataReader::decode_metadata(&footer)
        .map_err(|error| invalid(format_args!("its footer cannot be decoded: {error}")).with_source(error))?;
    check_places(&metadata, begin)?;
    Ok(metadata)
}

/// Fills `room` with the bytes from `offset` on, which the file has.
pub(super) fn read_exact(input: &SharedInput, offset: u64, room: &mut [u8]) -> Result<()> {
    let mut filled = 0;
    while filled < room.len() {
        match input.read_at(offset + filled as u64, &mut room[filled..])? {
            0 => return Err(invalid(format_args!("it ends at byte {}", offset + filled as u64))),
            read => filled += read,
        }
    }
    Ok(())
}

/// The lists and trees of the footer have no more parts than are allowed, and all of them are there.
fn check_structure(footer: &[u8]) -> Result<()> {
    let walked = walk(footer);
    walked.unwrap_or_else(|_| Err(invalid("its footer is no Thrift structure")))
}

fn walk(footer: &[u8]) -> std::result::Result<Result<()>, Stop> {
    let mut thrift = Thrift::new(footer);
    let mut last = 0;
    while let Some((id, kind)) = thrift.field(last)? {
        last = id;
        match id {
            2 => {
                let (element, count) = thrift.list(kind)?;
                if count > ELEMENTS_MAX {
                    return Ok(Err(invalid(format_args!(
                        "its schema has {count} elements; {COLUMNS_MAX} columns at most are read"
                    ))));
                }
                let children = (0..count).map(|_| children(&mut thrift, element));
                if let Err(error) = check_tree(&children.collect::<std::result::Result<Vec<_>, _>>()?) {
                    return Ok(Err(error));
                }
            }
            4 => {
                let (element, count) = thrift.list(kind)?;
                if count > ROW_GROUPS_MAX {
                    return Ok(Err(invalid(format_args!(
                        "it has {count} row groups; {ROW_GROUPS_MAX} at most are read"
                    ))));
                }
                for _ in 0..count {
                    thrift.skip(element)?;
                }
            }
            _ => thrift.skip(kind)?,
        }
    }
    Ok(Ok(()))
}

/// How many children an element of the schema says it has.
fn children(thrift: &mut Thrift<'_>, element: Kind) -> std::result::Result<i64, Stop> {
    if element != Kind::STRUCT {
        return Err(Stop::Invalid);
    }
    let (mut last, mut children) = (0, 0);
    while let Some((id, kind)) = thrift.field(last)? {
        last = id;
        match id {
            5 => children = thrift.whole(kind)?,
            _ => thrift.skip(kind)?,
        }
    }
    Ok(children)
}

/// The elements, each before its children, are one tree.
fn check_tree(children: &[i64]) -> Result<()> {
    // How many children are still to come, of the groups that are open.
    let mut open: Vec<i64> = Vec::new();
    for (number, count) in children.iter().enumerate() {
        if number > 0 && open.is_empty() {
            return Err(invalid("its schema has elements outside of its root"));
        }
        if !(0..=ELEMENTS_MAX as i64).contains(count) {
            return Err(invalid(format_args!("an element of its schema has {count} children")));
        }
        if let Some(left) = open.last_mut() {
            *left -= 1;
        }
        open.push(*count);
        if open.len() > DEPTH_MAX {
            return Err(invalid(format_args!("its schema is nested deeper than {DEPTH_MAX} levels")));
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    if open.is_empty() && !children.is_empty() { Ok(()) } else { Err(invalid("its schema is not complete")) }
}

/// What the footer points to lies in the file, before the footer.
fn check_places(metadata: &ParquetMetaData, end: u64) -> Result<()> {
    let columns = metadata.file_metadata().schema_descr().num_columns();
    if columns > COLUMNS_MAX {
        return Err(invalid(format_args!("it has {columns} columns; {COLUMNS_MAX} at most are read")));
    }
    let mut rows = 0_i64;
    for (number, group) in metadata.row_groups().iter().enumerate() {
        rows = match (group.num_rows(), rows.checked_add(group.num_rows())) {
            (0.., Some(rows)) => rows,
            (found, _) => return Err(invalid(format_args!("row group {number} has {found} rows"))),
        };
        if group.num_columns() != columns {
            let found = group.num_columns();
            return Err(invalid(format_args!(
                "row group {number} has {found} columns, the schema {columns}"
            )));
        }
        if group.num_rows() == 0 {
            // Nothing of it is read, and some writers leave the places of its columns empty.
            continue;
        }
        for (place, column) in group.columns().iter().enumerate() {
            let begin = column
                .dictionary_page_offset()
                .map_or(column.data_page_offset(), |dictionary| dictionary.min(column.data_page_offset()));
            let within = u64::try_from(begin)
                .ok()
                .zip(u64::try_from(column.compressed_size()).ok())
                .is_some_and(|(begin, len)| {
                    begin >= MAGIC.len() as u64 && begin.checked_add(len).is_some_and(|after| after <= end)
                });
            // A decoder takes what it finds: a dictionary that begins behind the data is none.
            let in_order = column
                .dictionary_page_offset()
                .is_none_or(|dictionary| dictionary <= 0 || dictionary < column.data_page_offset());
            if !within || !in_order || column.num_values() < 0 {
                let name = column.column_path();
                return Err(invalid(format_args!(
                    "column {place} ({name}) of row group {number} lies outside of its data"
                )));
            }
        }
    }
    let told = metadata.file_metadata().num_rows();
    if told != rows {
        return Err(invalid(format_args!("its footer tells of {told} rows, its row groups of {rows}")));
    }
    Ok(())
}

/// A file that is none, or is damaged.
#[cold]
pub(super) fn invalid(what: impl std::fmt::Display) -> Error {
    Error::new(Status::InvalidFormat, format_args!("it is no Parquet file that can be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_whole_tree_of_bounded_depth_is_a_schema() {
        for whole in [&[0][..], &[2, 0, 0], &[1, 1, 0], &[2, 1, 0, 0]] {
            check_tree(whole).unwrap();
        }
        let deep: Vec<i64> = std::iter::repeat_n(1, DEPTH_MAX).chain([0]).collect();
        for broken in [&[][..], &[1], &[0, 0], &[2, 0], &[-1], &[i64::MAX], &[1, 0, 0], &deep] {
            assert_eq!(check_tree(broken).unwrap_err().status(), Status::InvalidFormat, "{broken:?}");
        }
    }
}

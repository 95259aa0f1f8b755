//! The pages of a column chunk, walked by their headers before they are decoded: a header that claims more
//! than is sensible ends the reading, and what the pages hold says how many rows make a batch.

use parquet::file::metadata::ColumnChunkMetaData;

use super::footer::{invalid, read_exact};
use super::thrift::{Kind, Stop, Thrift};
use crate::codec::SharedInput;
use crate::error::Result;

/// The largest page that is decoded, in bytes.
const PAGE_MAX: i64 = 256 << 20;

/// How much is read to find a page's header, unless it is longer.
const HEADER_LOOK: u64 = 256;

/// The longest header that is read: it may hold a least and a greatest value.
const HEADER_MAX: u64 = 16 << 20;

/// What a page's header tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    uncompressed: i64,
    compressed: i64,
    /// Its values; none of a dictionary.
    values: i64,
    /// The bytes of the header itself.
    len: u64,
}

/// Checks the pages of a column chunk; gives the most bytes of a page, and those of a value, on average of
/// its page, whichever page has the most.
///
/// # Errors
/// `InvalidFormat`; those of `input`.
pub(super) fn check(input: &SharedInput, chunk: &ColumnChunkMetaData) -> Result<u64> {
    let (mut at, len) = chunk.byte_range();
    let end = at + len;
    let mut value_bytes = 0;
    let mut values = 0_i64;
    let mut room = Vec::new();
    while at < end && values < chunk.num_values() {
        let header = read_header(input, at, end, &mut room)?;
        let name = chunk.column_path();
        if !(0..=PAGE_MAX).contains(&header.uncompressed) || !(0..=PAGE_MAX).contains(&header.compressed) {
            return Err(invalid(format_args!(
                "a page of the column {name} has {} bytes ({} compressed), at most {PAGE_MAX} are read",
                header.uncompressed, header.compressed
            )));
        }
        if header.values < 0 {
            return Err(invalid(format_args!("a page of the column {name} has {} values", header.values)));
        }
        at += header.len + header.compressed as u64;
        if at > end {
            return Err(invalid(format_args!("a page of the column {name} ends outside of its column")));
        }
        if header.values > 0 {
            value_bytes = value_bytes.max(header.uncompressed as u64 / header.values as u64);
        }
        values = values.saturating_add(header.values);
    }
    if values != chunk.num_values() {
        let (name, told) = (chunk.column_path(), chunk.num_values());
        return Err(invalid(format_args!(
            "the column {name} has {values} values, its row group tells of {told}"
        )));
    }
    Ok(value_bytes)
}

/// Reads the header at `at`, before `end`.
fn read_header(input: &SharedInput, at: u64, end: u64, room: &mut Vec<u8>) -> Result<Header> {
    let mut look = HEADER_LOOK;
    loop {
        let len = look.min(end - at);
        room.resize(len as usize, 0);
        read_exact(input, at, room)?;
        match parse(room) {
            Ok(header) => return Ok(header),
            Err(Stop::Short) if len < end - at && look < HEADER_MAX => look *= 16,
            Err(_) => return Err(invalid(format_args!("there is no page's header at byte {at}"))),
        }
    }
}

fn parse(bytes: &[u8]) -> std::result::Result<Header, Stop> {
    let mut thrift = Thrift::new(bytes);
    let mut header = Header { uncompressed: -1, compressed: -1, ..Header::default() };
    let mut last = 0;
    while let Some((id, kind)) = thrift.field(last)? {
        last = id;
        match id {
            2 => header.uncompressed = thrift.whole(kind)?,
            3 => header.compressed = thrift.whole(kind)?,
            // Data pages of either version: their first field is how many values they have.
            5 | 8 if kind == Kind::STRUCT => {
                let mut inner = 0;
                while let Some((id, kind)) = thrift.field(inner)? {
                    inner = id;
                    match id {
                        1 => header.values = thrift.whole(kind)?,
                        _ => thrift.skip(kind)?,
                    }
                }
            }
            _ => thrift.skip(kind)?,
        }
    }
    header.len = thrift.position() as u64;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_sizes_and_values_of_either_version() {
        // type 0, uncompressed 100, compressed 50, data page { values 7, … }.
        let v1 = [0x15, 0, 0x15, 200, 1, 0x15, 100, 0x2c, 0x15, 14, 0x15, 0, 0, 0];
        let expected = Header { uncompressed: 100, compressed: 50, values: 7, len: v1.len() as u64 };
        assert_eq!(parse(&v1), Ok(expected));
        // The same, with field 8.
        let v2 = [0x15, 6, 0x15, 200, 1, 0x15, 100, 0x5c, 0x15, 14, 0x15, 0, 0, 0];
        assert_eq!(parse(&v2), Ok(expected));
        for end in 0..v1.len() {
            assert_eq!(parse(&v1[..end]), Err(Stop::Short), "{end}");
        }
    }
}

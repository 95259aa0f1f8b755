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

/// The page's type that says that it is a dictionary.
const DICTIONARY: i64 = 2;

/// The encodings of values as places in a dictionary.
const IN_DICTIONARY: [i64; 2] = [2, 8];

/// The encoding of each text by how much of its beginning is that of the text before.
const DELTA_BYTE_ARRAY: i64 = 7;

/// What a page's header tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Header {
    kind: i64,
    uncompressed: i64,
    compressed: i64,
    /// Its values; none of a dictionary.
    values: i64,
    encoding: i64,
    /// The bytes of the header itself.
    len: u64,
}

/// What the headers of a column chunk's pages tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    /// The bytes of a value, on average of its page, whichever page has the most.
    pub value_bytes: u64,
    /// The bytes of a value, on average of all pages.
    pub mean_bytes: u64,
    /// The bytes of the largest page that has its values itself.
    pub largest: u64,
    pub dictionaries: usize,
    /// There is a page whose values may be longer than it is itself.
    pub has_deltas: bool,
}

/// Checks the pages of a column chunk.
///
/// # Errors
/// `InvalidFormat`; those of `input`.
pub(super) fn check(input: &SharedInput, chunk: &ColumnChunkMetaData) -> Result<Pages> {
    let (mut at, len) = chunk.byte_range();
    let end = at + len;
    let mut pages = Pages::default();
    let (mut values, mut bytes) = (0_i64, 0_u64);
    let mut room = Vec::new();
    while at < end {
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
        // Of a file without compression the first says nothing.
        let page_bytes = header.uncompressed.max(header.compressed) as u64;
        if header.values > 0 {
            pages.value_bytes = pages.value_bytes.max(page_bytes / header.values as u64);
            bytes += page_bytes;
        }
        if header.kind == DICTIONARY {
            pages.dictionaries += 1;
        } else if !IN_DICTIONARY.contains(&header.encoding) {
            pages.largest = pages.largest.max(page_bytes);
            pages.has_deltas |= header.encoding == DELTA_BYTE_ARRAY;
        }
        values = values.saturating_add(header.values);
    }
    if values != chunk.num_values() {
        let (name, told) = (chunk.column_path(), chunk.num_values());
        return Err(invalid(format_args!(
            "the column {name} has {values} values, its row group tells of {told}"
        )));
    }
    pages.mean_bytes = bytes / values.max(1) as u64;
    Ok(pages)
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
            1 => header.kind = thrift.whole(kind)?,
            2 => header.uncompressed = thrift.whole(kind)?,
            3 => header.compressed = thrift.whole(kind)?,
            // Data pages of either version: their first field is how many values they have.
            5 | 8 if kind == Kind::STRUCT => {
                let encoding = if id == 5 { 2 } else { 4 };
                let mut inner = 0;
                while let Some((id, kind)) = thrift.field(inner)? {
                    inner = id;
                    match id {
                        1 => header.values = thrift.whole(kind)?,
                        _ if id == encoding => header.encoding = thrift.whole(kind)?,
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
        // type 0, uncompressed 100, compressed 50, data page { values 7, encoding 8, … }.
        let v1 = [0x15, 0, 0x15, 200, 1, 0x15, 100, 0x2c, 0x15, 14, 0x15, 16, 0, 0];
        let expected = Header {
            kind: 0,
            uncompressed: 100,
            compressed: 50,
            values: 7,
            encoding: 8,
            len: v1.len() as u64,
        };
        assert_eq!(parse(&v1), Ok(expected));
        // type 3, and field 8 with { values 7, nulls 1, rows 7, encoding 8 }.
        let v2 = [0x15, 6, 0x15, 200, 1, 0x15, 100, 0x5c, 0x15, 14, 0x15, 2, 0x15, 14, 0x15, 16, 0, 0];
        assert_eq!(parse(&v2), Ok(Header { kind: 3, len: v2.len() as u64, ..expected }));
        for end in 0..v1.len() {
            assert_eq!(parse(&v1[..end]), Err(Stop::Short), "{end}");
        }
    }
}

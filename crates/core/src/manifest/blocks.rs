//! What a volume's manifest has in place of files (`docs/format.md`, section "Volumes"): an address space,
//! and the blocks that fill it.

use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::checksum::Checksum;
use crate::layout::Layout;

/// The address space of a volume, as one snapshot has it.
#[derive(Clone, Debug, PartialEq)]
pub struct AddressSpace {
    /// It reaches from 0 to this, in bytes.
    pub total_length: u64,
    /// What fills it.
    pub blocks: Arc<BlockTable>,
}

/// One block: bytes that fill a range, in an object of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Where the range begins.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
    /// What tells the object from another one of the same range; most have nothing.
    pub tail: Option<NonZeroU64>,
    /// The checksum of its bytes.
    pub sum: Sum,
}

/// The checksum of a block, in few bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sum {
    /// There is none.
    #[default]
    None,
    /// 16 lower-case hex digits.
    Xxh3([u8; 8]),
    /// 32 lower-case hex digits.
    Md5([u8; 16]),
    /// Any other text: 64 hex digits for SHA-256, or what this version does not know.
    Text(Box<str>),
}

impl Sum {
    /// The checksum that a manifest has as this text.
    #[must_use]
    pub fn from_text(text: &str) -> Sum {
        match text.len() {
            0 => Sum::None,
            16 => bytes_of(text).map_or_else(|| Sum::Text(text.into()), Sum::Xxh3),
            32 => bytes_of(text).map_or_else(|| Sum::Text(text.into()), Sum::Md5),
            _ => Sum::Text(text.into()),
        }
    }

    /// As a manifest has it; `None`: there is none.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Sum::None => None,
            Sum::Xxh3(bytes) => Some(hex(bytes)),
            Sum::Md5(bytes) => Some(hex(bytes)),
            Sum::Text(text) => Some(text.to_string()),
        }
    }

    /// What it was computed by: the length tells. A writer of the Go library may have gone on with another
    /// algorithm than the blocks before have. `None`: there is no checksum, or this version does not know it.
    #[must_use]
    pub fn checksum(&self) -> Option<Checksum> {
        match self {
            Sum::Xxh3(_) => Some(Checksum::Xxh3),
            Sum::Md5(_) => Some(Checksum::Md5),
            Sum::Text(text) if text.len() == 64 => Some(Checksum::Sha256),
            Sum::None | Sum::Text(_) => None,
        }
    }
}

/// Lower-case hex digits as bytes.
fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Block {
    /// The offset after its last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.length)
    }

    /// The key of its object.
    #[must_use]
    pub fn path(&self, volume: &str) -> String {
        Layout::block_path(volume, self.offset, self.length, self.tail)
    }
}

/// The blocks of a snapshot, in the order of their offsets; no two overlap. 48 bytes each.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BlockTable(Vec<Block>);

impl BlockTable {
    /// A table of these blocks, which are sorted and do not overlap.
    pub(crate) fn from_sorted(blocks: Vec<Block>) -> BlockTable {
        debug_assert!(blocks.windows(2).all(|pair| pair[0].end() <= pair[1].offset));
        BlockTable(blocks)
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Block] {
        &self.0
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of the first block that ends after this offset; the number of blocks if none does.
    #[must_use]
    pub fn first_ending_after(&self, offset: u64) -> usize {
        self.0.partition_point(|block| block.end() <= offset)
    }
}

/// Blocks as a manifest has them.
pub(super) struct BlocksOf<'a> {
    pub volume: &'a str,
    pub blocks: &'a BlockTable,
}

impl Serialize for BlocksOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.blocks.len()))?;
        for block in self.blocks.as_slice() {
            seq.serialize_element(&BlockOf { volume: self.volume, block })?;
        }
        seq.end()
    }
}

struct BlockOf<'a> {
    volume: &'a str,
    block: &'a Block,
}

impl Serialize for BlockOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("offset", &self.block.offset)?;
        map.serialize_entry("length", &self.block.length)?;
        map.serialize_entry("path", &self.block.path(self.volume))?;
        if let Some(sum) = self.block.sum.text() {
            map.serialize_entry("checksum", &sum)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_come_back_as_they_were_written() {
        for (text, checksum) in [
            ("", None),
            ("0123456789abcdef", Some(Checksum::Xxh3)),
            ("0123456789abcdef0123456789abcdef", Some(Checksum::Md5)),
            ("0123456789ABCDEF", None),
            ("crc:12", None),
            (&*"0a".repeat(32), Some(Checksum::Sha256)),
        ] {
            let sum = Sum::from_text(text);
            assert_eq!(sum.text().unwrap_or_default(), text);
            assert_eq!(sum.checksum(), checksum, "{text}");
        }
    }

    #[test]
    fn the_block_of_an_offset_is_found() {
        let block = |offset, length| Block { offset, length, tail: None, sum: Sum::None };
        let table = BlockTable::from_sorted(vec![block(0, 10), block(10, 5), block(100, 1)]);
        for (offset, number) in [(0, 0), (9, 0), (10, 1), (14, 1), (15, 2), (100, 2), (101, 3), (u64::MAX, 3)]
        {
            assert_eq!(table.first_ending_after(offset), number, "{offset}");
        }
        assert!(size_of::<Block>() <= 48);
    }
}

//! Reading the manifest of a volume (`docs/format.md`, section "Volumes"): the same machinery, other fields.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::files::Element;
use super::*;
use crate::manifest::VOLUME_SCHEMA_NAME;
use crate::manifest::blocks::{AddressSpace, Block, BlockTable, Sum};

/// The keys of a volume's manifest, those first that are read from their unparsed values.
pub(super) const KNOWN: [&str; 10] = [
    "schema_name",
    "format_version",
    "volume_id",
    "snapshot_id",
    "created_at",
    "metadata",
    "total_length",
    "parent_snapshot_id",
    "checksum_algorithm",
    BLOCKS,
];

const BLOCKS: &str = "blocks";

/// The longest checksum that is read, in bytes.
const SUM_MAX: usize = 1024;

/// All that the text of a volume's manifest holds.
pub(super) type VolumeFields<'a> = Fields<'a, Block, 10>;

impl VolumeFields<'_> {
    pub fn into_manifest(self, reading: &mut Reading<'_>) -> Read<Manifest> {
        check_version(&self.known, VOLUME_SCHEMA_NAME, true)?;
        let known = self.known;
        let own = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let total_length = known.count("total_length")?;
        if total_length == 0 {
            return fault("total_length", "it is missing or 0, and must be more");
        }
        let Some(blocks) = self.elements else { return fault(BLOCKS, "it is missing") };
        let blocks = sorted(blocks, total_length, reading)?;
        Ok(Manifest {
            dataset_id: known.matching_text("volume_id", reading.key.dataset_id)?,
            snapshot_id: known.matching_text("snapshot_id", reading.key.snapshot_id)?,
            created_at: known.created_at()?,
            metadata: read_metadata(known.get("metadata"), reading)?,
            files: Vec::new(),
            parent_snapshot_id: own(known.optional_text("parent_snapshot_id")?),
            row_count: 0,
            min_timestamp: None,
            max_timestamp: None,
            codec: None,
            compressor: String::new(),
            partitioner: String::new(),
            checksum_algorithm: own(known.optional_text("checksum_algorithm")?),
            address_space: Some(AddressSpace { total_length, blocks: Arc::new(blocks) }),
            unknown: self.unknown,
        })
    }
}

/// The blocks in the order of their offsets, as the Go library sorts them when it reads; none overlaps
/// another or leaves the address space.
fn sorted(mut blocks: Vec<Block>, total_length: u64, reading: &mut Reading<'_>) -> Read<BlockTable> {
    if !blocks.is_sorted_by(|a, b| a.offset <= b.offset) {
        blocks.sort_unstable_by_key(|block| block.offset);
    }
    let mut end = 0;
    for (index, block) in blocks.iter().enumerate() {
        reading.step()?;
        let within =
            |what: String| Err(FieldError::new(&format!("{BLOCKS}[{index}]"), format_args!("{what}")).into());
        if block.length > total_length.saturating_sub(block.offset) {
            return within(format!(
                "offset {} and length {} exceed total_length, {total_length}",
                block.offset, block.length
            ));
        }
        if block.offset < end {
            return within(format!("at offset {}, it overlaps the block that ends at {end}", block.offset));
        }
        end = block.end();
    }
    blocks.shrink_to_fit();
    Ok(BlockTable::from_sorted(blocks))
}

impl Element for Block {
    const FIELD: &'static str = BLOCKS;
    const SCHEMA_NAME: &'static str = VOLUME_SCHEMA_NAME;
    /// The Go library refuses a volume's manifest whose blocks are null.
    const NULL_IS_EMPTY: bool = false;
    const ITEMS: &'static str = "an array of blocks";

    fn read(json: &str, reading: &mut Reading<'_>) -> Read<Block> {
        let known = object(json, &["offset", "length", "path", "checksum"])?;
        let offset = known.count("offset")?;
        let length = known.count("length")?;
        if length == 0 {
            return fault("length", "it is missing or 0, and must be more");
        }
        let path = known.required_text("path")?;
        let sum = known.optional_text("checksum")?.unwrap_or_default();
        if sum.len() > SUM_MAX {
            return fault(
                "checksum",
                format_args!("it has {} bytes, at most {SUM_MAX} are possible", sum.len()),
            );
        }
        let Some(tail) = tail_of(&path, reading.key.dataset_id, offset, length) else {
            let (path, expected) =
                (shown(&path), Layout::block_path(reading.key.dataset_id, offset, length, None));
            return fault("path", format_args!("{path} is not that of its offset and length, {expected:?}"));
        };
        let sum = Sum::from_text(&sum);
        if let Sum::Text(text) = &sum {
            reading.take(text.len())?;
        }
        Ok(Block { offset, length, tail, sum })
    }
}

/// The tail of a block's path; `None`: it is no path of a block of this range.
fn tail_of(path: &str, volume: &str, offset: u64, length: u64) -> Option<Option<NonZeroU64>> {
    let parsed = Layout::parse_block_path(volume, path)?;
    (parsed.offset == offset && parsed.length == length).then_some(parsed.tail)
}

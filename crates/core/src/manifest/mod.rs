//! The manifest: all that is known of one snapshot (`docs/format.md`, section "The manifest"). Its presence
//! in the store is what makes the snapshot exist, so it is written byte for byte as the format says, and read
//! whole or not at all.

mod blocks;
mod format;
pub(crate) mod json;
mod metadata;
pub(crate) mod producers;
mod read;
pub(crate) mod rfc3339;
mod write;

pub use blocks::{AddressSpace, Block, BlockTable, Sum};
pub use format::FileFormat;
pub(crate) use json::to_string as to_json;
pub use metadata::Metadata;
pub use read::{FieldError, ManifestKey};

use std::borrow::Cow;

use serde::Serialize;

use crate::error::Result;
use producers::Producers;

/// The value of `schema_name`.
const SCHEMA_NAME: &str = "lode-manifest";
/// The same of a volume's.
const VOLUME_SCHEMA_NAME: &str = "lode-volume-manifest";
/// The value of `format_version`; a reader accepts every version with the same first number.
const FORMAT_VERSION: &str = "1.0.0";

/// The longest manifest that is read or written, in bytes.
pub const MANIFEST_MAX: u64 = 256 << 20;

/// All that is known of one snapshot. Which codecs, compressors and checksums can be read is not decided
/// here: their names stay text.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The dataset.
    pub dataset_id: String,
    /// The snapshot.
    pub snapshot_id: String,
    /// When it was committed, in nanoseconds since the Unix epoch.
    pub created_at: i64,
    /// The caller's metadata and the reserved keys.
    pub metadata: Metadata,
    /// The data files, in the order in which their records are read.
    pub files: Vec<FileRef>,
    /// The snapshot before this one; `None` for the first.
    pub parent_snapshot_id: Option<String>,
    /// How many records; a raw blob counts 1.
    pub row_count: u64,
    /// The earliest time of a record, in nanoseconds since the Unix epoch, if any had one. The Go library may
    /// write times that 64 bits cannot hold: they are read as the nearest that can be told from "none"
    /// everywhere, `i64::MIN + 1` or `i64::MAX`.
    pub min_timestamp: Option<i64>,
    /// The latest time of a record, like [`Manifest::min_timestamp`].
    pub max_timestamp: Option<i64>,
    /// The codec's name; `None` for raw blobs.
    pub codec: Option<String>,
    /// The compressor's name.
    pub compressor: String,
    /// The partitioner's name.
    pub partitioner: String,
    /// The name of the checksum that the files have, if they have one.
    pub checksum_algorithm: Option<String>,
    /// Of a volume: what it has in place of files, records, codec, compressor and partitioner.
    pub address_space: Option<AddressSpace>,
    /// Keys that this version does not know, in their order, with their values as JSON text without white
    /// space: written again, after the known ones.
    pub unknown: Vec<(String, String)>,
}

/// A data file of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileRef {
    /// Its full store key.
    pub path: String,
    /// Its size as stored (compressed), in bytes.
    pub size_bytes: u64,
    /// The checksum of its stored bytes, in lower-case hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
    /// What its codec counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<FileStats>,
}

/// What a codec counted while it wrote a file.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FileStats {
    /// How many records.
    pub row_count: u64,
    /// By column; may be empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnStats>,
}

/// What a codec counted of one column.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ColumnStats {
    /// The column.
    pub name: String,
    /// The least value, as JSON text without white space.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::raw")]
    pub min: Option<String>,
    /// The greatest value, as JSON text without white space.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write::raw")]
    pub max: Option<String>,
    /// How many values were null.
    pub null_count: u64,
    /// About how many values were different; 0: not counted.
    #[serde(skip_serializing_if = "write::is_zero")]
    pub distinct_count: u64,
}

impl Manifest {
    /// How many records the file of this number holds, if the manifest tells: by the file's statistics, or
    /// because it is the only file.
    #[must_use]
    pub fn file_row_count(&self, index: usize) -> Option<u64> {
        match (&*self.files, index) {
            ([only], 0) => Some(only.stats.as_ref().map_or(self.row_count, |stats| stats.row_count)),
            (files, index) => Some(files.get(index)?.stats.as_ref()?.row_count),
        }
    }

    /// The keys of all objects that hold its data.
    pub(crate) fn data_paths(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let files = self.files.iter().map(|file| Cow::Borrowed(&*file.path));
        let blocks = self.address_space.iter().flat_map(|space| space.blocks.as_slice());
        files.chain(blocks.map(|block| Cow::Owned(block.path(&self.dataset_id))))
    }

    /// Who has committed what, up to this snapshot.
    ///
    /// # Errors
    /// `Corrupt`.
    pub(crate) fn producers(&self) -> Result<Producers> {
        self.metadata
            .value(producers::KEY)
            .map_or_else(|| Ok(Producers::default()), Producers::parse)
            .map_err(|error| {
                error
                    .context(format_args!("the manifest of {}", self.snapshot_id))
                    .with_snapshot_id(&*self.snapshot_id)
            })
    }

    /// Writes the map into the metadata, where it is left out while empty.
    pub(crate) fn set_producers(&mut self, producers: &Producers) {
        if !producers.is_empty() {
            self.metadata.set_reserved(producers::KEY, &producers.json());
        }
    }

    /// The manifest of a snapshot `id` that only repeats this one, on top of it, at this time in nanoseconds
    /// since the Unix epoch: all keys, unknown ones too, but for id, parent, time and the mark in the
    /// metadata (`docs/commit-protocol.md`, section "A dangling pointer").
    #[must_use]
    pub fn noop_of(&self, id: &str, parent: &str, created_at: i64) -> Manifest {
        let mut noop = self.clone();
        id.clone_into(&mut noop.snapshot_id);
        noop.parent_snapshot_id = Some(parent.to_owned());
        noop.created_at = created_at;
        noop.metadata.set_noop(parent);
        noop
    }

    /// The snapshot that this one only repeats, if it does.
    #[must_use]
    pub fn is_noop(&self) -> Option<String> {
        self.metadata.noop()
    }
}

#[cfg(test)]
mod tests;

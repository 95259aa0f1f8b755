//! Writing a manifest: byte for byte as the format says (`docs/format.md`, section "Manifest encoding").

use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};

use super::blocks::{AddressSpace, BlocksOf};
use super::json::{GoFormatter, Raw};
use super::{FORMAT_VERSION, Manifest, SCHEMA_NAME, VOLUME_SCHEMA_NAME, rfc3339};
use crate::error::{Error, Result, Status};

/// About how long a manifest is without its files, and one of these without its path and statistics, in
/// bytes.
const USUAL: (usize, usize) = (1024, 160);

impl Manifest {
    /// The manifest's bytes, as the format wants them: equal manifests are equal bytes.
    ///
    /// # Errors
    /// `InvalidArgument` if what is to be JSON text is none.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let files = self.files.iter().map(|file| USUAL.1 + file.path.len()).sum::<usize>()
            + self.address_space.as_ref().map_or(0, |space| USUAL.1 * space.blocks.len());
        let mut out = Vec::with_capacity(USUAL.0 + self.metadata.json().len() + files);
        let mut json = serde_json::Serializer::with_formatter(&mut out, GoFormatter::indented());
        Encoded(self).serialize(&mut json).map_err(|error| {
            let message = format!("the manifest of {} cannot be written: {error}", self.snapshot_id);
            Error::new(Status::InvalidArgument, message)
                .with_snapshot_id(&*self.snapshot_id)
                .with_source(error)
        })?;
        Ok(out)
    }
}

struct Encoded<'a>(&'a Manifest);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let manifest = self.0;
        let time = |unix_nanos| rfc3339::format(unix_nanos).map_err(S::Error::custom);
        let mut map = serializer.serialize_map(None)?;
        if let Some(space) = &manifest.address_space {
            return volume(manifest, space, map, &time);
        }
        map.serialize_entry("schema_name", SCHEMA_NAME)?;
        map.serialize_entry("format_version", FORMAT_VERSION)?;
        map.serialize_entry("dataset_id", &manifest.dataset_id)?;
        map.serialize_entry("snapshot_id", &manifest.snapshot_id)?;
        map.serialize_entry("created_at", &time(manifest.created_at)?)?;
        map.serialize_entry("metadata", &Raw(manifest.metadata.json()))?;
        map.serialize_entry("files", &manifest.files)?;
        if let Some(parent) = &manifest.parent_snapshot_id {
            map.serialize_entry("parent_snapshot_id", parent)?;
        }
        map.serialize_entry("row_count", &manifest.row_count)?;
        if let Some(unix_nanos) = manifest.min_timestamp {
            map.serialize_entry("min_timestamp", &time(unix_nanos)?)?;
        }
        if let Some(unix_nanos) = manifest.max_timestamp {
            map.serialize_entry("max_timestamp", &time(unix_nanos)?)?;
        }
        if let Some(codec) = &manifest.codec {
            map.serialize_entry("codec", codec)?;
        }
        map.serialize_entry("compressor", &manifest.compressor)?;
        map.serialize_entry("partitioner", &manifest.partitioner)?;
        if let Some(algorithm) = &manifest.checksum_algorithm {
            map.serialize_entry("checksum_algorithm", algorithm)?;
        }
        for (key, value) in &manifest.unknown {
            map.serialize_entry(key, &Raw(value))?;
        }
        map.end()
    }
}

/// A volume's manifest has other keys.
fn volume<M: SerializeMap>(
    manifest: &Manifest,
    space: &AddressSpace,
    mut map: M,
    time: &dyn Fn(i64) -> std::result::Result<String, M::Error>,
) -> std::result::Result<M::Ok, M::Error> {
    map.serialize_entry("schema_name", VOLUME_SCHEMA_NAME)?;
    map.serialize_entry("format_version", FORMAT_VERSION)?;
    map.serialize_entry("volume_id", &manifest.dataset_id)?;
    map.serialize_entry("snapshot_id", &manifest.snapshot_id)?;
    map.serialize_entry("created_at", &time(manifest.created_at)?)?;
    map.serialize_entry("metadata", &Raw(manifest.metadata.json()))?;
    map.serialize_entry("total_length", &space.total_length)?;
    map.serialize_entry("blocks", &BlocksOf { volume: &manifest.dataset_id, blocks: &space.blocks })?;
    if let Some(parent) = &manifest.parent_snapshot_id {
        map.serialize_entry("parent_snapshot_id", parent)?;
    }
    if let Some(algorithm) = &manifest.checksum_algorithm {
        map.serialize_entry("checksum_algorithm", algorithm)?;
    }
    for (key, value) in &manifest.unknown {
        map.serialize_entry(key, &Raw(value))?;
    }
    map.end()
}

/// JSON text that a value holds.
pub(super) fn raw<S: Serializer>(
    text: &Option<String>,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    text.as_deref().map(Raw).serialize(serializer)
}

/// Whether a count is left out.
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

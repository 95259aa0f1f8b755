//! How the data files of a snapshot are written, and the manifest that says so.

use super::{FileRef, Manifest, Metadata};
use crate::checksum::Checksum;
use crate::codec::Codec;
use crate::compress::Compressor;
use crate::error::{Error, Result, Status};
use crate::layout::Layout;

/// How the data files of a snapshot are written: what its manifest says of codec, compressor and checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFormat {
    /// How records lie in a file; `None` for raw blobs.
    pub codec: Codec,
    /// What a file goes through.
    pub compressor: Compressor,
    /// Which checksum a file has.
    pub checksum: Checksum,
}

impl Manifest {
    /// The manifest of a snapshot without files, records, parent and metadata, in this format.
    ///
    /// `created_at` is in nanoseconds since the Unix epoch. What a snapshot has is filled in by the caller:
    ///
    /// ```
    /// # use lode_core::layout::Layout;
    /// # use lode_core::manifest::{FileFormat, FileRef, Manifest};
    /// let path = Layout::Default.data_prefix("events", "1700000000000000000") + "data";
    /// let manifest = Manifest {
    ///     files: vec![FileRef::new(path, 42)],
    ///     row_count: 3,
    ///     ..Manifest::new(Layout::Default, "events", "1700000000000000000", 0, FileFormat::default())
    /// };
    /// ```
    #[must_use]
    pub fn new(
        layout: Layout,
        dataset_id: &str,
        snapshot_id: &str,
        created_at: i64,
        format: FileFormat,
    ) -> Manifest {
        Manifest {
            dataset_id: dataset_id.to_owned(),
            snapshot_id: snapshot_id.to_owned(),
            created_at,
            metadata: Metadata::empty(),
            files: Vec::new(),
            parent_snapshot_id: None,
            row_count: 0,
            min_timestamp: None,
            max_timestamp: None,
            codec: format.codec.manifest_name().map(str::to_owned),
            compressor: format.compressor.manifest_name().to_owned(),
            partitioner: layout.partitioner().to_owned(),
            checksum_algorithm: format.checksum.name().map(str::to_owned),
            address_space: None,
            unknown: Vec::new(),
        }
    }

    /// How the files are written.
    ///
    /// # Errors
    /// `Unsupported`, naming the codec, compressor or checksum that this build does not know.
    pub fn file_format(&self) -> Result<FileFormat> {
        let codec = self.codec.as_deref().map(|name| known("codec", name, Codec::from_manifest_name(name)));
        let checksum =
            self.checksum_algorithm.as_deref().map(|name| known("checksum", name, Checksum::from_name(name)));
        let format = || -> Result<FileFormat> {
            Ok(FileFormat {
                codec: codec.unwrap_or(Ok(Codec::None))?,
                compressor: known(
                    "compressor",
                    &self.compressor,
                    Compressor::from_manifest_name(&self.compressor),
                )?,
                checksum: checksum.unwrap_or(Ok(Checksum::None))?,
            })
        };
        format().map_err(|error| {
            error
                .context(format_args!("the snapshot {}", self.snapshot_id))
                .with_snapshot_id(&*self.snapshot_id)
        })
    }
}

fn known<T>(what: &str, name: &str, found: Option<T>) -> Result<T> {
    let unknown =
        || Error::new(Status::Unsupported, format_args!("this build cannot read the {what} {name:?}"));
    found.ok_or_else(unknown)
}

impl FileRef {
    /// A data file under this key and of this length in bytes, without checksum and statistics.
    #[must_use]
    pub fn new(path: impl Into<String>, size_bytes: u64) -> FileRef {
        FileRef { path: path.into(), size_bytes, checksum: None, stats: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_told_by_the_manifest_that_it_makes() {
        for codec in [Codec::None, Codec::Jsonl] {
            for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
                for checksum in [Checksum::None, Checksum::Md5, Checksum::Sha256, Checksum::Xxh3] {
                    let format = FileFormat { codec, compressor, checksum };
                    let manifest = Manifest::new(Layout::Default, "events", "1", 7, format);
                    assert_eq!(manifest.file_format().unwrap(), format);
                }
            }
        }
    }

    #[test]
    fn what_this_build_does_not_know_is_named() {
        let manifest = || Manifest::new(Layout::Hive, "events", "17", 7, FileFormat::default());
        for (unknown, what) in [
            (Manifest { codec: Some("avro".into()), ..manifest() }, "the codec \"avro\""),
            #[cfg(not(feature = "parquet"))]
            (Manifest { codec: Some("parquet".into()), ..manifest() }, "the codec \"parquet\""),
            (Manifest { compressor: "lz4".into(), ..manifest() }, "the compressor \"lz4\""),
            (Manifest { checksum_algorithm: Some("crc32".into()), ..manifest() }, "the checksum \"crc32\""),
        ] {
            let error = unknown.file_format().unwrap_err();
            assert_eq!((error.status(), error.snapshot_id()), (Status::Unsupported, Some("17")));
            assert!(error.message().contains(what) && error.message().contains("the snapshot 17"), "{error}");
        }
    }
}

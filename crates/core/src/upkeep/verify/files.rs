//! The data files that a snapshot names.

use super::walk::{VERIFYING, Walk};
use super::{FindingKind, Level};
use crate::checksum::Checksum;
use crate::codec::Codec;
use crate::compress::Compressor;
use crate::error::Result;
use crate::manifest::{Block, FileFormat, FileRef, Manifest};

impl Walk<'_> {
    /// Checks the files of one snapshot. Those that the snapshot before it names as well were checked with
    /// that.
    pub fn files(&mut self, manifest: Manifest) -> Result<()> {
        if manifest.address_space.is_some() {
            self.blocks_of(&manifest)?;
        } else if self.level == Level::Structure {
            return Ok(());
        } else if !self.before.as_ref().is_some_and(|before| before.files == manifest.files) {
            self.files_of(&manifest)?;
        }
        self.before = Some(manifest);
        Ok(())
    }

    /// Checks the blocks of a volume's snapshot: each of its parent's is among them, and the others are
    /// checked.
    fn blocks_of(&mut self, manifest: &Manifest) -> Result<()> {
        let id = &*manifest.snapshot_id;
        let path = self.manifest_path(id);
        let blocks = manifest.address_space.iter().flat_map(|space| space.blocks.as_slice());
        let before = self.before.take();
        let of_parent = before.as_ref().and_then(|before| before.address_space.as_ref());
        let mut old = of_parent.map(|space| space.blocks.as_slice()).unwrap_or_default();
        for block in blocks {
            while let Some((first, rest)) = old.split_first().filter(|(first, _)| first.offset < block.offset)
            {
                self.dropped(first, &path, id)?;
                old = rest;
            }
            if let Some((_, rest)) = old.split_first().filter(|(first, _)| *first == block) {
                old = rest;
                continue;
            }
            self.context.step(VERIFYING)?;
            if self.level == Level::Structure {
                continue;
            }
            self.report.files += 1;
            let checksum = block.sum.checksum().unwrap_or(Checksum::None);
            let file = FileRef {
                checksum: block.sum.text(),
                ..FileRef::new(block.path(&manifest.dataset_id), block.length)
            };
            self.file(id, &file, FileFormat { checksum, ..FileFormat::default() })?;
        }
        old.iter().try_for_each(|block| self.dropped(block, &path, id))
    }

    fn dropped(&mut self, block: &Block, path: &str, id: &str) -> Result<()> {
        let what =
            format!("the block [{}, {}) of its parent is not among its blocks", block.offset, block.end());
        self.find(FindingKind::BlockDropped, path, Some(id), what)
    }

    fn files_of(&mut self, manifest: &Manifest) -> Result<()> {
        let id = &*manifest.snapshot_id;
        let path = self.manifest_path(id);
        let format = match self.level {
            Level::Structure | Level::Sizes => {
                FileFormat { codec: Codec::None, compressor: Compressor::None, checksum: Checksum::None }
            }
            Level::Checksums | Level::Records => {
                let format = manifest.file_format();
                let Some(format) = self.sound(format, FindingKind::Unsupported, &path, Some(id))? else {
                    return Ok(());
                };
                format
            }
        };
        let mut records = Some(0);
        for (index, file) in manifest.files.iter().enumerate() {
            self.context.step(VERIFYING)?;
            self.report.files += 1;
            let counted = self.file(id, file, format)?;
            if let (Some(counted), Some(expected)) = (counted, manifest.file_row_count(index))
                && self.level == Level::Records
                && counted != expected
            {
                let what = format!("it holds {counted} records, expected {expected}");
                self.find(FindingKind::FileRecords, &file.path, Some(id), what)?;
                records = None;
            }
            records = records.zip(counted).map(|(sum, counted): (u64, u64)| sum.saturating_add(counted));
        }
        match records {
            Some(records) if self.level == Level::Records && records != manifest.row_count => {
                let what =
                    format!("the snapshot's files hold {records} records, expected {}", manifest.row_count);
                self.find(FindingKind::FileRecords, &path, Some(id), what)
            }
            _ => Ok(()),
        }
    }

    /// Checks one file; gives how many records it holds, if they were counted.
    fn file(&mut self, id: &str, file: &FileRef, format: FileFormat) -> Result<Option<u64>> {
        let path = &*file.path;
        let read = self.history().backend().head(self.context, path);
        let Some(found) = self.sound(read, FindingKind::FileMissing, path, Some(id))? else {
            return Ok(None);
        };
        let Some(found) = found else {
            self.find(FindingKind::FileMissing, path, Some(id), "this data file is missing")?;
            return Ok(None);
        };
        if found.size != file.size_bytes {
            let what = format!("it has {} bytes, expected {}", found.size, file.size_bytes);
            self.find(FindingKind::FileSize, path, Some(id), what)?;
            return Ok(None);
        }
        if self.level < Level::Checksums {
            return Ok(None);
        }
        self.report.bytes += file.size_bytes;
        if self.level == Level::Checksums {
            let read = self.dataset.check_stored(file, format, self.context);
            self.sound(read, FindingKind::FileChecksum, path, Some(id))?;
            return Ok(None);
        }
        match self.dataset.count_records(file, format, self.context) {
            Ok(counted) => Ok(Some(counted)),
            Err(error) => {
                // Bytes that are not what was written explain why they cannot be decoded.
                let read = self.dataset.check_stored(file, format, self.context);
                if self.sound(read, FindingKind::FileChecksum, path, Some(id))?.is_some() {
                    self.sound::<()>(Err(error), FindingKind::FileRecords, path, Some(id))?;
                }
                Ok(None)
            }
        }
    }
}

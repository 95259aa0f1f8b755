//! Checking one data file as a whole: its stored bytes against its checksum, or its records.

use std::sync::{Arc, Mutex};

use super::file_reader::{CHUNK, FileReader, buffer};
use super::record_reader::Watched;
use super::{Dataset, Verify};
use crate::checksum::Checksum;
use crate::codec::{Batch, SharedInput};
use crate::compress::Compressor;
use crate::context::Context;
use crate::error::Result;
use crate::manifest::{FileFormat, FileRef};

/// How many records are decoded at once.
const AT_ONCE: usize = 4096;

impl Dataset {
    /// Reads a data file's stored bytes, and compares them with its size and, where it has one, its checksum.
    ///
    /// # Errors
    /// `Corrupt`; the store's failure; `Deadline`, `Cancelled`, `Aborted`.
    pub(crate) fn check_stored(&self, file: &FileRef, format: FileFormat, context: &Context) -> Result<()> {
        let mut reader = FileReader::open(self.store(), file.clone(), Compressor::None, context)?;
        reader.check_by(known(format.checksum), Verify::Streaming, context)?;
        drain(&mut reader, context).map(|_| ())
    }

    /// Decodes a data file to its end, checked as [`Dataset::check_stored`] does; gives how many records it
    /// holds. A raw blob counts as one.
    ///
    /// # Errors
    /// As [`Dataset::check_stored`]; what the decoder finds wrong.
    pub(crate) fn count_records(&self, file: &FileRef, format: FileFormat, context: &Context) -> Result<u64> {
        let mut reader = FileReader::open(self.store(), file.clone(), format.compressor, context)?;
        reader.check_by(known(format.checksum), Verify::Streaming, context)?;
        let Some(mut decoder) = format.codec.decoder(&self.options().decoder_options()) else {
            return drain(&mut reader, context).map(|_| 1);
        };
        let input = Watched { file: reader, context: context.clone() };
        let input = SharedInput::of(Arc::new(Mutex::new(input)));
        let mut batch = Batch::default();
        let mut records = 0;
        loop {
            batch.spans.clear();
            decoder.decode(&input, &mut batch, AT_ONCE)?;
            if batch.spans.is_empty() {
                context.read(usize::try_from(file.size_bytes).unwrap_or(usize::MAX));
                return Ok(records);
            }
            records += batch.spans.len() as u64;
        }
    }
}

/// The checksum to be computed, if there is one.
fn known(checksum: Checksum) -> Option<Checksum> {
    (checksum != Checksum::None).then_some(checksum)
}

/// Reads to the end.
fn drain(reader: &mut FileReader, context: &Context) -> Result<u64> {
    let mut room = buffer(CHUNK)?;
    let mut bytes = 0;
    loop {
        context.check("verifying a data file")?;
        match reader.read(&mut room, context)? {
            0 => return Ok(bytes),
            read => {
                context.read(read);
                bytes += read as u64;
            }
        }
    }
}

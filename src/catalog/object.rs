//! Any object of a store, as a stream and at any place.

use crate::error::{Error, Result};
use crate::options::{CallOptions, Control};
use crate::store::Object;

/// How much is read between two looks at deadline and cancel token.
const STEP: usize = 1 << 20;

/// Reads an object as it is stored. It belongs to one thread at a time.
pub struct ObjectReader {
    object: Box<dyn Object>,
    key: String,
    /// Where the stream goes on.
    offset: u64,
    options: CallOptions,
}

impl ObjectReader {
    pub(super) fn new(object: Box<dyn Object>, key: &str, options: &CallOptions) -> Self {
        ObjectReader { object, key: key.to_owned(), offset: 0, options: options.clone() }
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Its size in bytes when it was opened.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.object.size()
    }

    /// Reads on: fills `buffer`, or what there is to the end; 0 at the end only, or if there is no room.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`; the store's failure. The stream then stands where it stood.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.read_at(self.offset, buffer)?;
        self.offset += read as u64;
        Ok(read)
    }

    /// Reads at `offset`, whatever was read before, and leaves the stream where it stands: fills `buffer`, or what
    /// there is to the end; 0 from the end on.
    ///
    /// # Errors
    /// `Deadline`, `Cancelled`; the store's failure.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let control = Control::start(&self.options);
        let mut filled = 0;
        loop {
            control.check("reading an object").map_err(|error| self.in_object(error))?;
            let most = buffer.len().min(filled + STEP);
            // No object reaches as far as the addition would have to overflow.
            let Some(at) = offset.checked_add(filled as u64) else { return Ok(filled) };
            if filled == most || at >= self.size() {
                return Ok(filled);
            }
            match self.object.read_at(at, &mut buffer[filled..most]) {
                Ok(0) => return Ok(filled),
                Ok(read) => filled += read,
                Err(error) => return Err(self.in_object(error)),
            }
        }
    }

    fn in_object(&self, error: Error) -> Error {
        let error = if error.path().is_none() { error.with_path(&*self.key) } else { error };
        error.context(format_args!("the object {:?}", self.key))
    }
}

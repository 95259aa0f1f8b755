//! A data file as the Parquet reader takes it: bytes at an offset, of a file or of a copy.

use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::footer;
use crate::codec::SharedInput;
use crate::error::{Error, Status};

/// How many bytes are read for a page's header; what is read too much is read again with the page.
const LOOK: usize = 4 << 10;

/// A file that the reader reads, and why it could not.
#[derive(Clone)]
pub(super) struct ParquetInput {
    input: SharedInput,
    size: u64,
    /// The failure behind the reader's own.
    failure: Arc<Mutex<Option<Error>>>,
}

impl ParquetInput {
    pub fn new(input: SharedInput, size: u64) -> Self {
        ParquetInput { input, size, failure: Arc::default() }
    }

    pub fn input(&self) -> &SharedInput {
        &self.input
    }

    /// What is behind a failure of the reader: the input's own, or the file's.
    #[cold]
    pub fn failure(&self, error: &dyn std::fmt::Display) -> Error {
        let own = self.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
        own.unwrap_or_else(|| footer::invalid(error))
    }

    #[cold]
    fn failed(&self, error: Error) -> std::io::Error {
        let message = error.message().to_owned();
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        std::io::Error::other(message)
    }
}

impl Length for ParquetInput {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for ParquetInput {
    type T = Cursor;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Cursor> {
        Ok(Cursor { file: self.clone(), next: start, held: Vec::new(), used: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        if start.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are not in the file")));
        }
        let mut bytes = Vec::new();
        if bytes.try_reserve_exact(length).is_err() {
            let message = format!("no memory for {length} bytes of a page");
            return Err(ParquetError::from(self.failed(Error::new(Status::NoMemory, message))));
        }
        bytes.resize(length, 0);
        footer::read_exact(&self.input, start, &mut bytes).map_err(|error| self.failed(error))?;
        Ok(bytes.into())
    }
}

/// Reads on from an offset, a little at a time.
pub(super) struct Cursor {
    file: ParquetInput,
    next: u64,
    held: Vec<u8>,
    used: usize,
}

impl Read for Cursor {
    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        if self.used == self.held.len() {
            let left = self.file.size.saturating_sub(self.next);
            self.held.resize(LOOK.min(usize::try_from(left).unwrap_or(LOOK)), 0);
            self.used = 0;
            if self.held.is_empty() {
                return Ok(0);
            }
            let read = self.file.input.read_at(self.next, &mut self.held);
            let read = read.map_err(|error| self.file.failed(error))?;
            self.held.truncate(read);
            self.next += read as u64;
        }
        let count = room.len().min(self.held.len() - self.used);
        room[..count].copy_from_slice(&self.held[self.used..self.used + count]);
        self.used += count;
        Ok(count)
    }
}

//! Reading: the lines of a data file, a batch at a time.

use crate::codec::lines::{last_line, next_line};
use crate::codec::{Batch, DecoderOptions, SharedInput};
use crate::error::{Error, Result, Status};

/// How many bytes are read at once.
const CHUNK: usize = 256 << 10;

/// A buffer that one huge record has widened is narrowed again to this.
const KEPT: usize = 4 * CHUNK;

/// The most records of one batch: that of a caller who asks for more takes no more memory than the buffer.
const BATCH_MAX: usize = 16_384;

/// Finds the lines of a data file. Its buffer is the batch's.
pub struct Decoder {
    /// The longest record that is handed out.
    limit: usize,
    /// In the batch's bytes: where those begin that were read and are in no record yet, and where they end.
    start: usize,
    end: usize,
    /// The file has no more bytes.
    ended: bool,
}

impl Decoder {
    /// A decoder for one file.
    pub fn new(options: &DecoderOptions<'_>) -> Self {
        let limit = usize::try_from(options.max_record_bytes).unwrap_or(usize::MAX);
        Decoder { limit, start: 0, end: 0, ended: false }
    }

    /// Adds the lines that are whole to the batch, up to `most` in all.
    fn take_lines(&mut self, batch: &mut Batch, most: usize) -> Result<()> {
        let Batch { bytes, spans } = batch;
        let bytes = &bytes[..self.end];
        while spans.len() < most {
            let (line, consumed) = next_line(&bytes[self.start..]);
            match line {
                Some(line) if line.len() <= self.limit => spans.push((self.start + line.start, line.len())),
                // A line over the limit is reported by the next call, if there are records before it.
                Some(_) if spans.is_empty() => return Err(self.too_long()),
                Some(_) => return Ok(()),
                None => {
                    self.start += consumed;
                    return Ok(());
                }
            }
            self.start += consumed;
        }
        Ok(())
    }

    /// Adds the last line, which has no line break.
    fn take_rest(&mut self, batch: &mut Batch) -> Result<()> {
        let start = self.start;
        self.start = self.end;
        match last_line(&batch.bytes[start..self.end]) {
            Some(line) if line.len() > self.limit => Err(self.too_long()),
            Some(line) => {
                batch.spans.push((start + line.start, line.len()));
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Reads on until what was read holds a line's end, or the file ends.
    fn read_on(&mut self, input: &SharedInput, bytes: &mut Vec<u8>) -> Result<()> {
        // A line that fills the whole buffer asks for a larger one, within the limit and its line break.
        let most = self.limit.saturating_add(2).max(CHUNK);
        loop {
            if self.end - self.start >= most {
                return Err(self.too_long());
            }
            self.make_room(bytes, most)?;
            let read = input.read(&mut bytes[self.end..])?;
            let new = self.end;
            self.end += read;
            self.ended = read == 0;
            // Only what is new can hold the end of the line before it.
            if self.ended || memchr::memchr(b'\n', &bytes[new..self.end]).is_some() {
                return Ok(());
            }
        }
    }

    /// Makes room behind what was read, by moving it to the front, or by growing up to `most`.
    fn make_room(&mut self, bytes: &mut Vec<u8>, most: usize) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if bytes.len() > KEPT {
                // Freed and allocated anew: to shrink a vector ends the process if there is no memory.
                *bytes = Vec::new();
            }
        } else if self.end == bytes.len() && self.start > 0 {
            bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == bytes.len() {
            let wanted = (2 * bytes.len()).clamp(CHUNK, most);
            bytes
                .try_reserve_exact(wanted.saturating_sub(bytes.len()))
                .map_err(|_| no_memory(format_args!("a record of more than {} bytes", bytes.len())))?;
            bytes.resize(wanted, 0);
        }
        Ok(())
    }

    #[cold]
    fn too_long(&self) -> Error {
        let message = format!(
            "longer than the limit of {} bytes; open the dataset with a larger max_record_bytes to read it",
            self.limit
        );
        Error::new(Status::RecordTooLarge, message)
    }
}

impl crate::codec::Decoder for Decoder {
    fn decode(&mut self, input: &SharedInput, batch: &mut Batch, most: usize) -> Result<()> {
        batch.spans.clear();
        let lines = most.min(BATCH_MAX);
        batch.spans.try_reserve(lines).map_err(|_| no_memory(format_args!("a batch of {lines} records")))?;
        loop {
            self.take_lines(batch, lines)?;
            if !batch.spans.is_empty() {
                return Ok(());
            }
            if self.ended {
                return self.take_rest(batch);
            }
            self.read_on(input, &mut batch.bytes)?;
        }
    }
}

#[cold]
fn no_memory(what: std::fmt::Arguments<'_>) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for {what}"))
}

//! The way of a record into its data file: checked and appended to one buffer of lines, compressed, hashed,
//! stored (`docs/format.md`, section "Data files"). One pass over the bytes, one copy, no allocation for each
//! record. The bytes of a blob take the same way, but for the lines.

use super::Dataset;
use super::statistics::Statistics;
use super::write::Record;
use crate::checksum::Hasher;
use crate::codec::Codec;
use crate::codec::jsonl::{Encoder, Rejection, append_checked};
use crate::commit::machine::Dated;
use crate::compress;
use crate::context::Progress;
use crate::error::{Error, Result, Status};
use crate::manifest::FileRef;
use crate::store::{Put, Upload};

/// How many bytes of lines are gathered before they go on their way, unless the compressor wants more at a time.
pub(super) const CHUNK: usize = 256 << 10;

/// How many bytes go to the disk at once before the commit asks for them: few large pieces cost least.
const WRITEBACK: u64 = 8 << 20;

/// Room for the record with which the gathered lines become enough; a longer one widens the buffer.
const SLACK: usize = CHUNK / 4;

/// Records, or the bytes of a blob, on their way into one data file.
pub(super) struct Pipe {
    /// The id that the file lies under.
    home: Dated,
    key: String,
    upload: Box<dyn Upload>,
    encoder: Encoder,
    max_record_bytes: u64,
    /// Gathered lines, or bytes of a blob.
    lines: Vec<u8>,
    /// How many bytes of them are enough for the next step.
    piece: usize,
    compressor: Option<compress::Encoder>,
    /// Compressed bytes that the store has not taken yet.
    compressed: Vec<u8>,
    hasher: Option<Hasher>,
    statistics: Option<Box<Statistics>>,
    early_writeback: bool,
    /// Up to where the bytes may be on their way to the disk.
    flowing: u64,
    /// The compressor has given its last bytes.
    complete: bool,
    stored: u64,
    counts: Counts,
}

/// What has gone into a pipe.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub records: u64,
    pub bytes: u64,
    pub min_timestamp: Option<i64>,
    pub max_timestamp: Option<i64>,
}

/// A data file that is durable.
#[derive(Clone, Debug)]
pub(super) struct DataFile {
    pub home: Dated,
    pub file: FileRef,
    pub counts: Counts,
}

impl Pipe {
    /// A pipe into a new data file under the id `home`. `early_writeback`: the bytes may start for the disk before
    /// the commit.
    pub fn open(dataset: &Dataset, home: Dated, early_writeback: bool) -> Result<Pipe> {
        let options = dataset.options();
        let extension = options.compressor.extension();
        let key = match options.codec {
            Codec::Jsonl => options.layout.data_path(dataset.id(), &home.id, extension),
            Codec::None => options.layout.blob_path(dataset.id(), &home.id, extension),
        };
        Self::open_at(dataset, home, key, early_writeback)
    }

    /// The same under a key of the caller's.
    pub fn open_at(dataset: &Dataset, home: Dated, key: String, early_writeback: bool) -> Result<Pipe> {
        let options = dataset.options();
        // A blob counts as one record.
        let records = match options.codec {
            Codec::Jsonl => 0,
            Codec::None => 1,
        };
        let compressor = compress::Encoder::new(options.compressor, options.compression_level)?;
        let piece = compressor.as_ref().map_or(CHUNK, compress::Encoder::piece);
        // All memory is taken here, so that taking records asks nothing of the system but `write`.
        let lines = buffer(piece + SLACK)?;
        let compressed = match &compressor {
            Some(compressor) => buffer(compressor.most(piece + SLACK))?,
            None => Vec::new(),
        };
        let encoder = Encoder::new()?;
        let upload = dataset.store().backend().create(&key, options.durability)?;
        Ok(Pipe {
            home,
            key,
            upload,
            encoder,
            max_record_bytes: options.max_record_bytes,
            lines,
            piece,
            compressor,
            compressed,
            hasher: options.checksum.hasher(),
            statistics: options.file_statistics.then(Box::default),
            early_writeback,
            flowing: 0,
            complete: false,
            stored: 0,
            counts: Counts { records, ..Counts::default() },
        })
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress { records: self.counts.records, bytes_in: self.counts.bytes, bytes_stored: self.stored }
    }

    /// Whether there is enough for the next step; [`Pipe::flush`] takes it.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.lines.len() >= self.piece
    }

    /// Takes a record. A failure takes nothing of it.
    #[inline(always)]
    pub fn append(&mut self, record: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        if self.is_full() {
            self.flush()?;
        }
        if let Err(rejection) = self.encoder.encode(record, self.max_record_bytes, &mut self.lines) {
            return Err(rejected(self.counts.records, rejection));
        }
        self.taken(record, unix_nanos);
        Ok(())
    }

    /// Takes the line that `data` begins with, if it is a record with its line break right after it: gives the record's
    /// length and the line's. `None`: nothing was taken, and what there is has to be looked at more closely.
    #[inline(always)]
    pub fn append_line(&mut self, data: &[u8]) -> Result<Option<(usize, usize)>> {
        if self.is_full() {
            self.flush()?;
        }
        let taken = self.encoder.encode_line(data, self.max_record_bytes, &mut self.lines);
        if let Some((record, _)) = taken {
            self.taken(&data[..record], None);
        }
        Ok(taken)
    }

    /// Takes a record that the caller has checked with an encoder of the dataset's limit, and seen whether it may have
    /// line breaks.
    pub fn append_checked(&mut self, record: Record<'_>, may_have_line_breaks: bool) -> Result<()> {
        let Record { data: record, unix_nanos } = record;
        if let Err(rejection) = append_checked(record, may_have_line_breaks, &mut self.lines) {
            return Err(rejected(self.counts.records, rejection));
        }
        self.taken(record, unix_nanos);
        Ok(())
    }

    #[inline(always)]
    fn taken(&mut self, record: &[u8], unix_nanos: Option<i64>) {
        self.counts.records += 1;
        self.counts.bytes += record.len() as u64;
        if let Some(time) = unix_nanos {
            self.counts.min_timestamp = Some(self.counts.min_timestamp.map_or(time, |min| min.min(time)));
            self.counts.max_timestamp = Some(self.counts.max_timestamp.map_or(time, |max| max.max(time)));
        }
        if let Some(statistics) = &mut self.statistics {
            statistics.take(record);
        }
    }

    /// How many more bytes of a blob can be gathered.
    pub fn room(&self) -> usize {
        self.piece.saturating_sub(self.lines.len())
    }

    /// Takes bytes of a blob, no more than there is room for.
    pub fn gather(&mut self, bytes: &[u8]) -> Result<()> {
        keep(&mut self.lines, bytes)?;
        self.counts.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sends bytes of a blob on that stand in a buffer of the caller's; only for a compressor they are gathered. After a
    /// failure the pipe can only be dropped.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        if self.compressor.is_none() {
            put(&mut *self.upload, &mut self.hasher, &mut self.stored, bytes)?;
            self.counts.bytes += bytes.len() as u64;
            self.flow();
            return Ok(());
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.is_full() {
                self.flush()?;
            }
            let (piece, more) = rest.split_at(rest.len().min(self.room()));
            self.gather(piece)?;
            rest = more;
        }
        Ok(())
    }

    /// Sends the gathered lines on. After `NoSpace` it may be called again; nothing is lost.
    pub fn flush(&mut self) -> Result<()> {
        let result = self.send_on();
        self.flow();
        result
    }

    /// Lets what is stored begin its way to the disk, once that is enough.
    fn flow(&mut self) {
        if self.early_writeback && self.stored - self.flowing >= WRITEBACK {
            self.upload.start_writeback();
            self.flowing = self.stored;
        }
    }

    fn send_on(&mut self) -> Result<()> {
        let Some(compressor) = &mut self.compressor else {
            return store(&mut *self.upload, &mut self.hasher, &mut self.stored, &mut self.lines, self.piece);
        };
        // What an earlier call could not store comes first.
        store(&mut *self.upload, &mut self.hasher, &mut self.stored, &mut self.compressed, self.piece)?;
        compressor.write(&self.lines, &mut self.compressed)?;
        clear(&mut self.lines, self.piece);
        store(&mut *self.upload, &mut self.hasher, &mut self.stored, &mut self.compressed, self.piece)
    }

    /// Hands all that was taken to the store, after which nothing more can be taken. After `NoSpace` it may be called
    /// again.
    pub fn close(&mut self) -> Result<()> {
        if !self.complete {
            self.send_on()?;
            if let Some(compressor) = &mut self.compressor {
                compressor.finish(&mut self.compressed)?;
            }
            self.compressor = None;
            self.lines = Vec::new();
            self.complete = true;
        }
        store(&mut *self.upload, &mut self.hasher, &mut self.stored, &mut self.compressed, self.piece)?;
        self.compressed = Vec::new();
        Ok(())
    }

    /// Lets all that is stored begin its way to the disk.
    pub fn start_writeback(&mut self) {
        self.upload.start_writeback();
    }

    /// Makes the data file durable under its name. After `NoSpace` it may be called again.
    pub fn finish(&mut self) -> Result<DataFile> {
        self.close()?;
        match self.upload.finish() {
            Put::Done => {}
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => return Err(error),
            Put::Exists => {
                let message = format!("the data file {} is there already", self.key);
                return Err(Error::new(Status::PathExists, message).with_path(&*self.key));
            }
        }
        let file = FileRef {
            path: self.key.clone(),
            size_bytes: self.stored,
            checksum: self.hasher.take().map(Hasher::finish),
            stats: self.statistics.take().map(|statistics| statistics.finish(self.counts.records)),
        };
        Ok(DataFile { home: self.home.clone(), file, counts: self.counts })
    }
}

/// Why record `number` was not taken.
#[cold]
pub(super) fn rejected(number: u64, rejection: Rejection) -> Error {
    let error = match rejection {
        Rejection::InvalidRecord(fault) => {
            let message = format!(
                "record {number} is not one JSON document: {} at byte {}",
                fault.reason, fault.offset
            );
            Error::new(Status::InvalidRecord, message).with_offset(fault.offset as u64)
        }
        Rejection::TooLarge { len, limit } => {
            let message = format!("record {number} has {len} bytes, the dataset's limit is {limit}");
            Error::new(Status::RecordTooLarge, message)
        }
        Rejection::NoMemory { len } => {
            Error::new(Status::NoMemory, format_args!("record {number}: no memory for its {len} bytes"))
        }
    };
    error.with_record(number)
}

/// Hands the buffer's bytes to the store and empties it; keeps them if the store does not take them.
fn store(
    upload: &mut dyn Upload,
    hasher: &mut Option<Hasher>,
    stored: &mut u64,
    buffer: &mut Vec<u8>,
    piece: usize,
) -> Result<()> {
    if buffer.is_empty() {
        return Ok(());
    }
    put(upload, hasher, stored, buffer)?;
    clear(buffer, piece);
    Ok(())
}

fn put(upload: &mut dyn Upload, hasher: &mut Option<Hasher>, stored: &mut u64, bytes: &[u8]) -> Result<()> {
    upload.write(bytes)?;
    if let Some(hasher) = hasher {
        hasher.update(bytes);
    }
    *stored += bytes.len() as u64;
    Ok(())
}

/// Empties a buffer. One that a huge record has widened is narrowed again.
fn clear(buffer: &mut Vec<u8>, piece: usize) {
    buffer.clear();
    let kept = piece + 3 * CHUNK;
    if buffer.capacity() > kept {
        buffer.shrink_to(kept);
    }
}

fn buffer(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|_| no_memory(bytes))?;
    Ok(buffer)
}

fn keep(buffer: &mut Vec<u8>, bytes: &[u8]) -> Result<()> {
    buffer.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
    buffer.extend_from_slice(bytes);
    Ok(())
}

fn no_memory(bytes: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for a buffer of {bytes} bytes"))
}

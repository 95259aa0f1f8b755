//! The one way into a data file: records are encoded into a buffer, which is compressed, hashed and handed to
//! the store (`docs/format.md`, section "Data files"). One pass over the bytes, one copy, no allocation for
//! each record. The bytes of a blob take the same way, but for the encoding.

use std::sync::Arc;

use super::Dataset;
use super::partition_stream::sum;
use crate::checksum::Hasher;
use crate::codec::{Checked, FileEncoder, Rejection};
use crate::commit::machine::Dated;
use crate::compress::{CompressStream, Compressor};
use crate::context::{Context, Progress};
use crate::error::{Error, Result, Status};
use crate::manifest::FileRef;
use crate::store::{Hold, Put, SyncedDirectories, Upload};
use crate::threads::Pool;

use super::stream_write::Record;

mod files;
mod parallel;

use files::Ended;
use parallel::Parallel;

/// How many bytes are gathered before they are sent on, unless the compressor wants more at a time.
pub(super) const CHUNK: usize = 256 << 10;

/// How many bytes start for the disk at once before the commit syncs them: few large pieces cost least.
const WRITEBACK: u64 = 8 << 20;

/// The same of compressed bytes, which come so slowly that the disk is idle between them, and of one of many
/// files, which would have all of its bytes left: what is left for the commit counts more.
const WRITEBACK_SMALL: u64 = 1 << 20;

/// Room for the record with which the gathered bytes become enough; a longer one widens the buffer.
const SLACK: usize = CHUNK / 4;

/// Records, or the bytes of a blob, that are being written into one data file.
pub(super) struct Pipe {
    /// The id that the file lies under.
    home: Dated,
    key: String,
    upload: Box<dyn Upload>,
    /// The call that the upload's requests are for.
    context: Context,
    /// `None`: the bytes of a blob.
    encoder: Option<FileEncoder>,
    /// Encoded records, or bytes of a blob, that were not sent on yet.
    buffer: Vec<u8>,
    /// How many bytes of them are enough to be sent on.
    piece: usize,
    /// Once there are so many they are to be sent on: `piece`, or 0 while a file is to be ended first.
    full_at: usize,
    compressor: Option<CompressStream>,
    /// In place of compressor and hasher: several threads do their work.
    parallel: Option<Parallel>,
    /// Whether all records come in one call.
    is_one_call: bool,
    /// Compressed bytes that the store has not taken yet.
    compressed: Vec<u8>,
    hasher: Option<Hasher>,
    /// How many bytes start for the disk at once before the commit; `None`: none do.
    early_writeback: Option<u64>,
    /// Up to where write-back has been started.
    writeback: u64,
    /// Encoder and compressor have given their last bytes.
    complete: bool,
    /// Gives the time that a data file's age is counted by.
    dataset: Dataset,
    /// When the age of the data file begins to count.
    staged: i128,
    stored: u64,
    counts: Counts,
    /// The files before this one, where the records are divided.
    ended: Ended,
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
    pub file: FileRef,
    pub counts: Counts,
    /// When its age began to count, by [`Dataset::boot_time`].
    pub staged: i128,
}

/// How a data file is written.
pub(super) struct Opening<'a> {
    /// The partition that it belongs to; "": none.
    pub partition: &'a str,
    /// Which of the partition's files it is, from 1 on.
    pub number: u32,
    /// Whether the bytes may start for the disk before the commit.
    pub early_writeback: bool,
    /// Whether it is one of many files that are open at once: each gathers no more than [`CHUNK`] bytes.
    pub is_one_of_many: bool,
    /// Whether all records come in one call, by [`Pipe::take`]: a bad one fails the whole call, so that it
    /// need not be found before the next one is taken.
    pub is_one_call: bool,
    /// The threads that several files share; `None`: it has those that its dataset asks for.
    pub pool: Option<Arc<Pool>>,
}

impl Opening<'_> {
    /// The first file, of no partition and alone.
    pub fn alone(early_writeback: bool) -> Self {
        Opening {
            partition: "",
            number: 1,
            early_writeback,
            is_one_of_many: false,
            is_one_call: false,
            pool: None,
        }
    }

    /// The same for records that all come in one call.
    pub fn of_one_call(early_writeback: bool) -> Self {
        Opening { is_one_call: true, ..Opening::alone(early_writeback) }
    }
}

/// The steps in which several data files are made durable.
#[derive(Clone, Copy)]
enum Step {
    Name,
    Sync,
    Directories,
}

impl Pipe {
    /// A pipe into a new data file under the id `home`.
    pub fn open(dataset: &Dataset, home: &Dated, opening: Opening<'_>, context: &Context) -> Result<Pipe> {
        let options = dataset.options();
        let name = options.file_name(opening.number);
        let key = options.layout.partition_data_path(dataset.id(), opening.partition, &home.id, &name);
        let mut hasher = options.checksum.hasher();
        let parallel = Parallel::new(dataset, &opening, &mut hasher)?;
        let Opening { early_writeback, is_one_of_many, is_one_call, .. } = opening;
        let compressor = match parallel {
            Some(_) => None,
            None => CompressStream::new(options.compressor, options.compression_level)?,
        };
        let piece = match parallel {
            Some(_) => parallel::PIECE,
            None => compressor.as_ref().map_or(CHUNK, CompressStream::piece),
        };
        let piece = if is_one_of_many { piece.min(CHUNK) } else { piece };
        // All memory is taken here, so that taking records asks nothing of the system but `write`.
        let buffer = reserved(piece + SLACK)?;
        let compressed = match &compressor {
            Some(compressor) => reserved(compressor.most(piece + SLACK))?,
            None => Vec::new(),
        };
        let encoder = options.codec.encoder(&options.encoder_options(options.file_statistics))?;
        // A blob counts as one record.
        let records = u64::from(encoder.is_none());
        let upload = dataset.store().backend().upload(context, &key, options.durability)?;
        Ok(Pipe {
            home: home.clone(),
            key,
            upload,
            context: context.clone(),
            encoder,
            buffer,
            piece,
            full_at: piece,
            early_writeback: early_writeback.then_some(
                if options.compressor != Compressor::None || is_one_of_many {
                    WRITEBACK_SMALL
                } else {
                    WRITEBACK
                },
            ),
            compressor,
            parallel,
            is_one_call,
            compressed,
            hasher,
            writeback: 0,
            complete: false,
            dataset: dataset.clone(),
            staged: dataset.boot_time(),
            stored: 0,
            counts: Counts { records, ..Counts::default() },
            ended: Ended::default(),
        })
    }

    /// The id that the file lies under.
    pub fn home(&self) -> &Dated {
        &self.home
    }

    /// From now on the upload's requests are for this call.
    pub fn set_context(&mut self, context: &Context) {
        self.context = context.clone();
    }

    /// How far it has come, the files before this one included.
    pub fn progress(&self) -> Progress {
        let Counts { records, bytes, .. } = self.counts;
        sum(self.ended.progress, Progress { records, bytes_in: bytes, bytes_stored: self.stored })
    }

    /// Whether there is enough to be sent on; [`Pipe::flush`] does.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.buffer.len() >= self.full_at
    }

    /// Takes a record. A failure takes nothing of it.
    #[inline(always)]
    pub fn append(&mut self, record: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        if self.is_full() {
            self.flush()?;
        }
        let encoder = self.encoder.as_mut().ok_or_else(no_codec)?;
        match encoder.encode(record, &mut self.buffer) {
            Ok(()) => {
                self.count(record, unix_nanos);
                Ok(())
            }
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    /// Takes the record on the first line of `data`, if the encoder does that in one pass: gives the record's
    /// length and the line's. `None`: nothing was taken, and the line is to be found first.
    #[inline(always)]
    pub fn append_line(&mut self, data: &[u8]) -> Result<Option<(usize, usize)>> {
        if self.is_full() {
            self.flush()?;
        }
        let encoder = self.encoder.as_mut().ok_or_else(no_codec)?;
        let taken = encoder.encode_line(data, &mut self.buffer);
        if let Some((record, _)) = taken {
            self.count(&data[..record], None);
        }
        Ok(taken)
    }

    /// Takes rows of Arrow arrays, as many as it can before what is ready is to be sent on; gives how many.
    /// What is ready from calls before is sent on first, so that a failure takes nothing.
    #[cfg(feature = "parquet")]
    pub fn extend(
        &mut self,
        sources: &[crate::columns::Source<'_>],
        rows: std::ops::Range<usize>,
    ) -> Result<usize> {
        self.flush()?;
        let encoder = self.encoder.as_mut().ok_or_else(no_codec)?;
        let (taken, bytes) = encoder.extend(sources, rows)?;
        self.counts.records += taken as u64;
        self.counts.bytes += bytes as u64;
        Ok(taken)
    }

    /// Takes a record that was checked by an encoder of the dataset's.
    pub fn append_checked(&mut self, record: Record<'_>, checked: Checked) -> Result<()> {
        let Record { data: record, unix_nanos } = record;
        let encoder = self.encoder.as_mut().ok_or_else(no_codec)?;
        match encoder.encode_checked(record, checked, &mut self.buffer) {
            Ok(()) => {
                self.count(record, unix_nanos);
                Ok(())
            }
            Err(rejection) => Err(self.rejected(rejection)),
        }
    }

    #[inline(always)]
    fn count(&mut self, record: &[u8], unix_nanos: Option<i64>) {
        self.counts.records += 1;
        self.counts.bytes += record.len() as u64;
        if let Some(time) = unix_nanos {
            self.counts.min_timestamp = Some(self.counts.min_timestamp.map_or(time, |min| min.min(time)));
            self.counts.max_timestamp = Some(self.counts.max_timestamp.map_or(time, |max| max.max(time)));
        }
    }

    #[cold]
    fn rejected(&self, rejection: Rejection) -> Error {
        rejection.into_error(self.ended.progress.records + self.counts.records)
    }

    /// How many more bytes of a blob can be gathered.
    pub fn room(&self) -> usize {
        self.piece.saturating_sub(self.buffer.len())
    }

    /// Takes bytes of a blob, no more than there is room for.
    pub fn gather(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.try_reserve(bytes.len()).map_err(|_| no_memory(bytes.len()))?;
        self.buffer.extend_from_slice(bytes);
        self.counts.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Sends bytes of a blob on from the caller's buffer; only for a compressor they are gathered. After a
    /// failure the pipe can only be dropped.
    pub fn pass(&mut self, bytes: &[u8]) -> Result<()> {
        if self.compressor.is_none() && self.parallel.is_none() {
            put(&self.context, &mut *self.upload, &mut self.hasher, &mut self.stored, bytes)?;
            self.counts.bytes += bytes.len() as u64;
            self.start_early_writeback();
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

    /// Sends the gathered bytes on, and begins another file if this one has enough of them. After `NoSpace`
    /// it may be called again; nothing is lost.
    pub fn flush(&mut self) -> Result<()> {
        self.flush_rest()?;
        if self.is_file_full() { self.begin_file() } else { Ok(()) }
    }

    /// Sends the gathered bytes on; there come no more.
    pub fn flush_rest(&mut self) -> Result<()> {
        loop {
            let result = if self.complete { Ok(()) } else { self.send_on() };
            self.start_early_writeback();
            result?;
            if !self.gather_ready()? {
                return Ok(());
            }
        }
    }

    /// Gathers the next piece of what a codec of columns has ready; false: there is nothing.
    #[cfg(feature = "parquet")]
    fn gather_ready(&mut self) -> Result<bool> {
        match &mut self.encoder {
            Some(encoder) if !self.complete => encoder.drain(&mut self.buffer),
            _ => Ok(false),
        }
    }

    /// No codec of this build holds records back.
    #[cfg(not(feature = "parquet"))]
    fn gather_ready(&mut self) -> Result<bool> {
        Ok(false)
    }

    /// Lets what is stored start for the disk, once that is enough.
    fn start_early_writeback(&mut self) {
        if self.early_writeback.is_some_and(|piece| self.stored - self.writeback >= piece) {
            self.upload.start_writeback();
            self.writeback = self.stored;
        }
    }

    fn send_on(&mut self) -> Result<()> {
        if self.parallel.is_some() {
            return self.send_on_in_parallel();
        }
        let Some(compressor) = &mut self.compressor else {
            return store(
                &self.context,
                &mut *self.upload,
                &mut self.hasher,
                &mut self.stored,
                &mut self.buffer,
                self.piece,
            );
        };
        // What an earlier call could not store comes first.
        store(
            &self.context,
            &mut *self.upload,
            &mut self.hasher,
            &mut self.stored,
            &mut self.compressed,
            self.piece,
        )?;
        compressor.write(&self.buffer, &mut self.compressed)?;
        clear(&mut self.buffer, self.piece);
        store(
            &self.context,
            &mut *self.upload,
            &mut self.hasher,
            &mut self.stored,
            &mut self.compressed,
            self.piece,
        )
    }

    /// Hands all that was taken to the store, after which nothing more can be taken. After `NoSpace` it may
    /// be called again.
    pub fn close(&mut self) -> Result<()> {
        if !self.complete {
            self.send_on()?;
            let mut goes_on = self.encoder.is_some();
            while let Some(encoder) = &mut self.encoder
                && goes_on
            {
                goes_on = encoder.finish(&mut self.buffer)?;
                if goes_on {
                    self.flush_rest()?;
                }
            }
            if let Some(compressor) = &mut self.compressor {
                compressor.write(&self.buffer, &mut self.compressed)?;
                compressor.finish(&mut self.compressed)?;
                self.buffer = Vec::new();
            }
            // A file of no bytes is an empty frame or member.
            if self.is_untouched() {
                self.submit()?;
            }
            self.compressor = None;
            self.complete = true;
            // A service may date an object from the beginning of its upload; where an upload is held, the
            // file is as old as its last bytes.
            if self.dataset.store().backend().capabilities().has_holds {
                self.staged = self.dataset.boot_time();
            }
        }
        if self.parallel.is_some() {
            self.close_parallel()?;
        }
        for rest in [&mut self.buffer, &mut self.compressed] {
            store(&self.context, &mut *self.upload, &mut self.hasher, &mut self.stored, rest, self.piece)?;
            *rest = Vec::new();
        }
        Ok(())
    }

    /// Lets all that is stored start for the disk.
    pub fn start_writeback(&mut self) {
        self.upload.start_writeback();
    }

    /// Does the most of what [`Pipe::finish`] does for several data files that are closed: their names first,
    /// then their bytes, then what leads to them. After `NoSpace` it may be called again.
    pub fn prepare_all(pipes: &mut [&mut Pipe], context: &Context) -> Result<()> {
        let mut synced = SyncedDirectories::default();
        for step in [Step::Name, Step::Sync, Step::Directories] {
            for pipe in &mut *pipes {
                context.check("making records durable")?;
                match step {
                    Step::Name => {
                        let named = pipe.upload.name(context);
                        pipe.named(named)?;
                    }
                    Step::Sync => pipe.upload.sync(context)?,
                    Step::Directories => pipe.upload.sync_directories(context, &mut synced)?,
                }
            }
        }
        Ok(())
    }

    fn named(&self, put: Put) -> Result<()> {
        match put {
            Put::Done => Ok(()),
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error),
            Put::Exists => {
                let message = format!("the data file {} is there already", self.key);
                Err(Error::new(Status::PathExists, message).with_path(&*self.key))
            }
        }
    }

    /// Gives up what was stored so far, where a drop would leave something behind.
    pub fn abort(&mut self, context: &Context) {
        self.abort_ended(context);
        self.upload.abort(context);
    }

    /// Makes the data file durable under its name. After `NoSpace` it may be called again.
    pub fn finish(&mut self) -> Result<DataFile> {
        self.close()?;
        let finished = self.upload.finish(&self.context);
        self.named(finished)?;
        let records = self.counts.records;
        let file = FileRef {
            path: self.key.clone(),
            size_bytes: self.stored,
            checksum: self.hasher.take().map(Hasher::finish),
            stats: self.encoder.as_mut().and_then(|encoder| encoder.statistics(records)),
        };
        Ok(DataFile { file, counts: self.counts, staged: self.staged })
    }

    /// Keeps clean-up away from the data file, for as long as the answer lives.
    pub fn hold(&mut self) -> Option<Box<dyn Hold>> {
        self.upload.hold()
    }
}

/// Hands the buffer's bytes to the store and empties it; keeps them if the store does not take them.
fn store(
    context: &Context,
    upload: &mut dyn Upload,
    hasher: &mut Option<Hasher>,
    stored: &mut u64,
    buffer: &mut Vec<u8>,
    piece: usize,
) -> Result<()> {
    if buffer.is_empty() {
        return Ok(());
    }
    put(context, upload, hasher, stored, buffer)?;
    clear(buffer, piece);
    Ok(())
}

fn put(
    context: &Context,
    upload: &mut dyn Upload,
    hasher: &mut Option<Hasher>,
    stored: &mut u64,
    bytes: &[u8],
) -> Result<()> {
    upload.write(context, bytes)?;
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
    // Anew, as far as there is memory: to shrink a vector ends the process if there is none.
    if buffer.capacity() > kept
        && let Ok(narrow) = reserved(kept)
    {
        *buffer = narrow;
    }
}

fn reserved(bytes: usize) -> Result<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|_| no_memory(bytes))?;
    Ok(buffer)
}

#[cold]
fn no_memory(bytes: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for a buffer of {bytes} bytes"))
}

/// Calls that take records refuse a dataset without a codec before they open a pipe.
#[cold]
fn no_codec() -> Error {
    Error::new(Status::Internal, "a record was given to the pipe of a blob")
}

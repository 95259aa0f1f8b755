//! Reading raw blobs, and any object of a store: as a stream that is checked, or by range (`docs/format.md`,
//! section "Data files"). In memory there is only what the caller gives and, of a compressed file, the
//! decoder's state and one buffer.

use std::os::fd::BorrowedFd;

use super::file_reader::{CHUNK, FileReader, buffer};
use super::to_descriptor::Unsent;
use super::{Dataset, ReadOptions, Verify};
use crate::checksum::Checksum;
use crate::compress::Compressor;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::manifest::FileRef;
use crate::store::{Store, key};

/// The most bytes that are read between two checks of deadline and cancel token.
const PIECE: usize = 1 << 20;

/// Reads the bytes of a raw blob, or of one object. It belongs to one thread at a time.
///
/// The stream ([`BlobReader::read`]) and the ranges ([`BlobReader::read_at`]) do not move each other.
pub struct BlobReader {
    store: Store,
    /// What errors begin with, if anything.
    dataset: Option<Dataset>,
    file: FileRef,
    compressor: Compressor,
    checksum: Option<Checksum>,
    options: ReadOptions,
    stream: Option<FileReader>,
    /// How the stream has ended.
    end: Option<Result<()>>,
    /// For ranges of a compressed file.
    ranges: Option<Ranges>,
    /// Bytes for a descriptor that has not taken them yet.
    unsent: Unsent,
}

/// A compressed file that is decoded a second time, for ranges.
struct Ranges {
    file: FileReader,
    /// How many decoded bytes it has given.
    offset: u64,
    /// It has given them all.
    ended: bool,
    /// Room for the bytes between two ranges.
    skipped: Box<[u8]>,
}

impl BlobReader {
    pub(super) fn of_blob(
        dataset: &Dataset,
        file: FileRef,
        compressor: Compressor,
        checksum: Option<Checksum>,
        options: ReadOptions,
    ) -> Self {
        BlobReader {
            store: dataset.store().clone(),
            dataset: Some(dataset.clone()),
            file,
            compressor,
            checksum,
            options,
            stream: None,
            end: None,
            ranges: None,
            unsent: Unsent::default(),
        }
    }

    /// Reads one object of a store as it is stored. Nothing says what is right but its size when it is opened
    /// here; `verify` is of no concern.
    ///
    /// # Errors
    /// `InvalidPath` for what is no key; `NotFound`; the store's failure.
    pub fn open_object(store: &Store, key: &str, options: ReadOptions) -> Result<Self> {
        key::check(key)?;
        let context = Context::start(&options.call);
        context.check("opening an object")?;
        let Some(object) = store.backend().open(&context, key)? else {
            let message = format!("there is no object {key:?} in {}", store.backend().describe());
            return Err(Error::new(Status::NotFound, message).with_path(key));
        };
        let file = FileRef { path: key.to_owned(), size_bytes: object.size(), checksum: None, stats: None };
        let stream = FileReader::over(object, file.clone(), Compressor::None)?;
        Ok(BlobReader {
            store: store.clone(),
            dataset: None,
            file,
            compressor: Compressor::None,
            checksum: None,
            options,
            stream: Some(stream),
            end: None,
            ranges: None,
            unsent: Unsent::default(),
        })
    }

    /// Writes the bytes that are left to a descriptor, until the end, once all has been found right. The
    /// descriptor may be one that does not block; what it has not taken when the call fails is kept, and the
    /// next call begins with it.
    ///
    /// # Errors
    /// As [`BlobReader::read`]; `Io` (with EPIPE if it has no reader any more) or `NoSpace` if the descriptor
    /// cannot be written, which does not stay.
    pub fn read_to_fd(&mut self, fd: BorrowedFd<'_>) -> Result<()> {
        let context = Context::start(&self.options.call);
        let mut unsent = std::mem::take(&mut self.unsent);
        let outcome = unsent.send_bytes(fd, &context, |room| self.read(room));
        self.unsent = unsent;
        outcome
    }

    /// The next bytes: as many as `buffer` holds, unless the end or a fault comes first. 0 at the end, once
    /// all that was to be checked has been found right.
    ///
    /// # Errors
    /// `Corrupt`, naming path, expected and found; `Deadline`, `Cancelled`; the store's failure;
    /// `InvalidArgument` for an empty buffer. The bytes before the fault come first; a failure stays.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        check_room(buffer)?;
        if let Some(end) = &self.end {
            return end.clone().map(|()| 0);
        }
        let context = Context::start(&self.options.call);
        let mut filled = 0;
        let ended = loop {
            if filled == buffer.len() {
                return Ok(filled);
            }
            let most = buffer.len().min(filled + PIECE);
            match self.read_piece(&mut buffer[filled..most], &context) {
                Ok(0) => break Ok(()),
                Ok(read) => filled += read,
                // What has been read comes first, and the next call has a time of its own.
                Err(error) if filled > 0 && is_over(&error) => return Ok(filled),
                Err(error) => break Err(self.named(error)),
            }
        };
        self.end = Some(ended.clone());
        match ended {
            Err(error) if filled == 0 => Err(error),
            _ => Ok(filled),
        }
    }

    fn read_piece(&mut self, room: &mut [u8], context: &Context) -> Result<usize> {
        context.check("reading a blob")?;
        self.open(context)?.read(room, context)
    }

    /// The stream's file; it is opened, and verified if that is to be done first, by the first call.
    fn open(&mut self, context: &Context) -> Result<&mut FileReader> {
        if self.stream.is_none() {
            let mut file = FileReader::open(&self.store, self.file.clone(), self.compressor, context)?;
            file.check_by(self.checksum, self.options.verify, context)?;
            self.stream = Some(file);
        }
        // Set above; an error here would be a bug.
        self.stream.as_mut().ok_or_else(|| Error::new(Status::Internal, "a blob was not opened"))
    }

    /// The bytes from `offset` on: as many as `buffer` holds, unless the end comes first; 0 at the end and
    /// beyond.
    ///
    /// They are checked by the file's size only, unless the whole file is verified first ([`Verify::First`]).
    /// Of an uncompressed file the bytes are read where they are. A compressed one is decoded from its
    /// beginning, or on from where the last range ended if that is not behind `offset`: the cost is that of
    /// all bytes up to there.
    ///
    /// # Errors
    /// As [`BlobReader::read`], but a failure is that of this call alone.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        check_room(buffer)?;
        let context = Context::start(&self.options.call);
        let read = match self.compressor {
            Compressor::None => self.read_stored(offset, buffer, &context),
            _ => self.read_decoded(offset, buffer, &context),
        };
        read.map_err(|error| self.named(error))
    }

    fn read_stored(&mut self, offset: u64, buffer: &mut [u8], context: &Context) -> Result<usize> {
        context.check("reading a range")?;
        let file = self.open(context)?;
        let mut filled = 0;
        while filled < buffer.len() {
            let most = buffer.len().min(filled + PIECE);
            let read =
                file.read_stored(offset.saturating_add(filled as u64), &mut buffer[filled..most], context)?;
            if read == 0 {
                break;
            }
            filled += read;
            context.check("reading a range")?;
        }
        Ok(filled)
    }

    fn read_decoded(&mut self, offset: u64, buffer: &mut [u8], context: &Context) -> Result<usize> {
        context.check("reading a range")?;
        if self.options.verify == Verify::First {
            self.open(context)?;
        }
        // Taken: after a failure its place is unknown, and the next range begins anew.
        let mut ranges = match self.ranges.take() {
            Some(ranges) if ranges.offset <= offset => ranges,
            _ => Ranges::begin(FileReader::open(&self.store, self.file.clone(), self.compressor, context)?)?,
        };
        while ranges.offset < offset && !ranges.ended {
            context.check("decoding up to a range")?;
            let gap = usize::try_from(offset - ranges.offset).unwrap_or(usize::MAX).min(CHUNK);
            let mut skipped = std::mem::take(&mut ranges.skipped);
            let read = ranges.fill(&mut skipped[..gap], context);
            ranges.skipped = skipped;
            read?;
        }
        let mut filled = 0;
        while filled < buffer.len() && !ranges.ended {
            context.check("reading a range")?;
            let most = buffer.len().min(filled + PIECE);
            filled += ranges.fill(&mut buffer[filled..most], context)?;
        }
        self.ranges = Some(ranges);
        Ok(filled)
    }

    fn named(&self, error: Error) -> Error {
        let error = error.with_path(&*self.file.path);
        match &self.dataset {
            Some(dataset) => dataset.named(error),
            None => error,
        }
    }
}

impl Ranges {
    fn begin(file: FileReader) -> Result<Self> {
        Ok(Ranges { file, offset: 0, ended: false, skipped: buffer(CHUNK)?.into_boxed_slice() })
    }

    fn fill(&mut self, room: &mut [u8], context: &Context) -> Result<usize> {
        let read = self.file.read(room, context)?;
        self.offset += read as u64;
        self.ended = read == 0;
        Ok(read)
    }
}

fn check_room(buffer: &[u8]) -> Result<()> {
    match buffer.is_empty() {
        true => {
            Err(Error::new(Status::InvalidArgument, "a buffer of no bytes can hold none; give 1 or more"))
        }
        false => Ok(()),
    }
}

fn is_over(error: &Error) -> bool {
    matches!(error.status(), Status::Deadline | Status::Cancelled)
}

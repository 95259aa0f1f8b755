//! Reading a snapshot's records: streamed in bounded memory, by what its own manifest says, and checked
//! against it (`docs/format.md`, section "Data files").

use super::{Dataset, Snapshot};
use crate::checksum::{Checksum, Hasher};
use crate::codec::jsonl::{last_line, next_line};
use crate::compress::{Compressor, Decoder};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::limits;
use crate::manifest::FileRef;
use crate::store::{Object, Store};

/// How much is read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// A buffer that one huge record has widened is narrowed again to this.
const KEPT: usize = 4 * CHUNK;

/// How much is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Checksums and row count as the records stream: the verdict comes with the end.
    #[default]
    Streaming,
    /// Each file's checksum before its first record.
    First,
    /// Sizes only.
    SizeOnly,
}

/// How to read; `call` holds for each call on the reader.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Deadline and cancelling of each call.
    pub call: CallOptions,
    /// How much is checked.
    pub verify: Verify,
}

/// Streams a snapshot's records. It belongs to one thread at a time.
pub struct RecordReader {
    dataset: Dataset,
    snapshot: Snapshot,
    options: ReadOptions,
    compressor: Compressor,
    checksum: Option<Checksum>,
    /// The file after the current one.
    next_file: usize,
    file: Option<File>,
    buffer: Buffer,
    spans: Vec<(usize, usize)>,
    rows: u64,
    /// The longest record that is handed out.
    limit: usize,
    end: Option<Result<()>>,
}

/// Some records, valid until the reader's next call.
#[derive(Clone, Copy)]
pub struct RecordBatch<'a> {
    data: &'a [u8],
    /// Where each begins in `data`, and how long it is.
    spans: &'a [(usize, usize)],
}

impl<'a> RecordBatch<'a> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none: the end.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The records, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let data = self.data;
        self.spans.iter().map(move |&(start, len)| &data[start..start + len])
    }
}

/// Decoded bytes; those before `start` have been handed out.
#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    #[inline]
    fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Makes room behind the filled part, by moving it to the front, or by growing up to `most`.
    fn make_room(&mut self, most: usize) -> Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            if self.bytes.len() > KEPT {
                self.bytes.truncate(KEPT);
                self.bytes.shrink_to_fit();
            }
        } else if self.end == self.bytes.len() && self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.bytes.len() {
            let wanted = (2 * self.bytes.len()).clamp(CHUNK, most.max(CHUNK));
            let more = wanted.saturating_sub(self.bytes.len());
            self.bytes.try_reserve_exact(more).map_err(|_| {
                Error::new(
                    Status::NoMemory,
                    format_args!("no memory for a record of more than {} bytes", self.bytes.len()),
                )
            })?;
            self.bytes.resize(wanted, 0);
        }
        Ok(())
    }
}

/// The file being read.
pub(super) struct File {
    file: FileRef,
    object: Box<dyn Object>,
    offset: u64,
    hasher: Option<Hasher>,
    decoder: Option<Decompression>,
    /// All of it has been read, decoded and found right.
    ended: bool,
}

/// Compressed bytes on their way through a decoder.
struct Decompression {
    decoder: Decoder,
    input: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Dataset {
    /// Begins to read a snapshot's records, with the codec and compressor that its manifest names, whatever this
    /// dataset's options say. Records longer than `max_record_bytes` of the options are not read.
    ///
    /// # Errors
    /// `Unsupported` for a codec, compressor or checksum that this build lacks; `CodecRequired` for a raw blob;
    /// `InvalidArgument` for a snapshot of another dataset; `NoMemory`.
    pub fn read(&self, snapshot: &Snapshot, options: ReadOptions) -> Result<RecordReader> {
        self.check_own(snapshot)?;
        match snapshot.manifest().codec.as_deref() {
            Some("jsonl") => {}
            Some(other) => return Err(self.unsupported(snapshot, "codec", other)),
            None => {
                let message = format!("the snapshot {} is a raw blob and has no records", snapshot.id());
                return Err(
                    self.named(Error::new(Status::CodecRequired, message).with_snapshot_id(snapshot.id()))
                );
            }
        }
        let (compressor, checksum) = self.file_format(snapshot, options.verify)?;
        Ok(RecordReader {
            dataset: self.clone(),
            snapshot: snapshot.clone(),
            options,
            compressor,
            checksum,
            next_file: 0,
            file: None,
            buffer: Buffer::default(),
            spans: Vec::new(),
            rows: 0,
            limit: usize::try_from(self.options().max_record_bytes).unwrap_or(usize::MAX),
            end: None,
        })
    }

    /// The snapshot is one of this dataset's.
    pub(super) fn check_own(&self, snapshot: &Snapshot) -> Result<()> {
        if snapshot.manifest().dataset_id == self.id() {
            return Ok(());
        }
        let message = format!("the snapshot is of the dataset {:?}", snapshot.manifest().dataset_id);
        Err(self.named(Error::new(Status::InvalidArgument, message)))
    }

    /// The compressor of a snapshot's files, and the checksum that is to be checked.
    pub(super) fn file_format(
        &self,
        snapshot: &Snapshot,
        verify: Verify,
    ) -> Result<(Compressor, Option<Checksum>)> {
        let manifest = snapshot.manifest();
        let compressor = Compressor::from_manifest_name(&manifest.compressor)
            .ok_or_else(|| self.unsupported(snapshot, "compressor", &manifest.compressor))?;
        let checksum = match (&manifest.checksum_algorithm, verify) {
            (_, Verify::SizeOnly) | (None, _) => None,
            (Some(name), _) => {
                Some(Checksum::from_name(name).ok_or_else(|| self.unsupported(snapshot, "checksum", name))?)
            }
        };
        Ok((compressor, checksum))
    }

    fn unsupported(&self, snapshot: &Snapshot, what: &str, name: &str) -> Error {
        let message =
            format!("the snapshot {} has the {what} {name:?}, which this build cannot read", snapshot.id());
        let path = self.options().layout.manifest_path(self.id(), snapshot.id());
        self.named(Error::new(Status::Unsupported, message).with_path(path).with_snapshot_id(snapshot.id()))
    }
}

impl RecordReader {
    /// The next record, borrowed until the next call; `None` at the end, once all has been found right.
    ///
    /// # Errors
    /// `Corrupt`, naming path, expected and found; `RecordTooLarge`; `Deadline`, `Cancelled`; the store's failure.
    /// The records before the fault come first; a failure stays.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        match self.next_span()? {
            Some((start, len)) => Ok(Some(&self.buffer.bytes[start..start + len])),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn next_span(&mut self) -> Result<Option<(usize, usize)>> {
        if self.options.call.is_over() {
            self.stop();
        }
        let (line, consumed) = next_line(self.buffer.filled());
        let start = self.buffer.start;
        self.buffer.start += consumed;
        match line {
            Some(line) if line.len() <= self.limit => {
                self.rows += 1;
                Ok(Some((start + line.start, line.len())))
            }
            Some(_) => Err(self.stop_at_long_record()),
            None => self.advance(),
        }
    }

    /// The caller wants no more: what is buffered is not handed out either.
    #[cold]
    fn stop(&mut self) {
        self.buffer.start = self.buffer.end;
    }

    /// Up to `capacity` records, perhaps fewer, all borrowed until the next call; none at the end only.
    ///
    /// # Errors
    /// As [`RecordReader::next`]; `InvalidArgument` for a capacity of 0.
    pub fn next_batch(&mut self, capacity: usize) -> Result<RecordBatch<'_>> {
        if capacity == 0 {
            return Err(Error::new(
                Status::InvalidArgument,
                "a batch of capacity 0 holds no record; give 1 or more",
            ));
        }
        self.spans.clear();
        if let Some(first) = self.next_span()? {
            self.spans.push(first);
            // The rest of what is in the buffer: reading on would move it.
            while self.spans.len() < capacity {
                let (line, consumed) = next_line(self.buffer.filled());
                let Some(line) = line.filter(|line| line.len() <= self.limit) else { break };
                self.spans.push((self.buffer.start + line.start, line.len()));
                self.buffer.start += consumed;
            }
            self.rows += self.spans.len() as u64 - 1;
        }
        Ok(RecordBatch { data: &self.buffer.bytes, spans: &self.spans })
    }

    /// Ends the reading at a record over the limit.
    #[cold]
    fn stop_at_long_record(&mut self) -> Error {
        self.buffer.start = self.buffer.end;
        let error = self.dataset.named(self.too_long());
        self.end = Some(Err(error.clone()));
        error
    }

    fn too_long(&self) -> Error {
        let path = match &self.file {
            Some(file) => &*file.file.path,
            None => "its last file",
        };
        let message = format!(
            "record {} of {path} is longer than the limit of {} bytes; open the dataset with a larger \
             max_record_bytes to read it",
            self.rows, self.limit
        );
        Error::new(Status::RecordTooLarge, message).with_path(path).with_record(self.rows)
    }

    /// Reads on until there is a record, or an end.
    #[cold]
    #[inline(never)]
    fn advance(&mut self) -> Result<Option<(usize, usize)>> {
        if let Some(end) = &self.end {
            return end.clone().map(|()| None);
        }
        let context = Context::start(&self.options.call);
        let _governed = limits::govern(Some(&context));
        let found = self.read_on(&context).map_err(|error| self.dataset.named(error));
        match &found {
            Ok(Some(_)) => self.rows += 1,
            Ok(None) => self.end = Some(Ok(())),
            Err(error) => self.end = Some(Err(error.clone())),
        }
        found
    }

    fn read_on(&mut self, context: &Context) -> Result<Option<(usize, usize)>> {
        loop {
            context.check("reading records")?;
            let Some(file) = &mut self.file else {
                match self.snapshot.manifest().files.get(self.next_file).cloned() {
                    Some(next) => self.open_file(next, context)?,
                    None => return self.check_rows().map(|()| None),
                }
                continue;
            };
            if file.ended {
                self.file = None;
                let line = last_line(self.buffer.filled());
                let start = self.buffer.start;
                self.buffer.start = self.buffer.end;
                if let Some(line) = line {
                    return self.within_limit(start + line.start, line.len());
                }
                continue;
            }
            // A line that fills the whole buffer asks for a larger one, within the limit and its line break.
            let most = self.limit.saturating_add(2);
            if self.buffer.filled().len() >= most.max(CHUNK) {
                return Err(self.too_long());
            }
            self.buffer.make_room(most)?;
            let from = self.buffer.end;
            let filled = file
                .fill(&mut self.buffer.bytes[from..])
                .map_err(|error| error.with_path(&*file.file.path))?;
            let before = self.buffer.filled().len();
            self.buffer.end = from + filled;
            // Only what is new can hold the line's end.
            if before > 0 && memchr::memchr(b'\n', &self.buffer.bytes[from..self.buffer.end]).is_none() {
                continue;
            }
            let (line, consumed) = next_line(self.buffer.filled());
            let start = self.buffer.start;
            self.buffer.start += consumed;
            if let Some(line) = line {
                return self.within_limit(start + line.start, line.len());
            }
        }
    }

    fn within_limit(&self, start: usize, len: usize) -> Result<Option<(usize, usize)>> {
        if len <= self.limit { Ok(Some((start, len))) } else { Err(self.too_long()) }
    }

    fn open_file(&mut self, file: FileRef, context: &Context) -> Result<()> {
        self.next_file += 1;
        let mut open = File::open(self.dataset.store(), file, self.compressor)?;
        open.check_by(self.checksum, self.options.verify, context)?;
        self.file = Some(open);
        Ok(())
    }

    fn check_rows(&self) -> Result<()> {
        let expected = self.snapshot.manifest().row_count;
        if self.options.verify == Verify::SizeOnly || self.rows == expected {
            return Ok(());
        }
        let path = self.dataset.options().layout.manifest_path(self.dataset.id(), self.snapshot.id());
        let message =
            format!("its manifest {path} counts {expected} records, but its files hold {}", self.rows);
        Err(Error::new(Status::Corrupt, message).with_path(path).with_snapshot_id(self.snapshot.id()))
    }
}

impl File {
    pub(super) fn open(store: &Store, file: FileRef, compressor: Compressor) -> Result<File> {
        let corrupt = |what: String| {
            let message = format!("the data file {} {what}", file.path);
            Error::new(Status::Corrupt, message).with_path(&*file.path)
        };
        let object = store.backend().open(&file.path)?;
        let object = object.ok_or_else(|| corrupt("is missing".into()))?;
        if object.size() != file.size_bytes {
            return Err(corrupt(format!("has {} bytes, expected {}", object.size(), file.size_bytes)));
        }
        File::over(object, file, compressor)
    }

    /// A file of which `object` is known to have the right size.
    pub(super) fn over(object: Box<dyn Object>, file: FileRef, compressor: Compressor) -> Result<File> {
        let decoder = match compressor {
            Compressor::None => None,
            compressor => {
                let mut input = Vec::new();
                input.try_reserve_exact(CHUNK).map_err(|_| {
                    Error::new(Status::NoMemory, format_args!("no memory for a buffer of {CHUNK} bytes"))
                })?;
                input.resize(CHUNK, 0);
                let decoder = Decoder::new(compressor)?;
                Some(Decompression { decoder, input: input.into_boxed_slice(), start: 0, end: 0 })
            }
        };
        Ok(File { file, object, offset: 0, hasher: None, decoder, ended: false })
    }

    /// Says what is checked while it is read; with [`Verify::First`] it is checked at once.
    pub(super) fn check_by(
        &mut self,
        checksum: Option<Checksum>,
        verify: Verify,
        context: &Context,
    ) -> Result<()> {
        if let (Some(checksum), Some(_)) = (checksum, &self.file.checksum) {
            self.hasher = checksum.hasher();
            if verify == Verify::First {
                self.verify(context)?;
            }
        }
        Ok(())
    }

    /// Stored bytes from `offset` on, as many as there are room and bytes for; they are not checked.
    pub(super) fn read_stored(&mut self, offset: u64, room: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.file.size_bytes.saturating_sub(offset)).unwrap_or(usize::MAX);
        let most = room.len().min(left);
        if most == 0 {
            return Ok(0);
        }
        match self.object.read_at(offset, &mut room[..most])? {
            0 => Err(self.corrupt(format!("ends at byte {offset}, expected {}", self.file.size_bytes))),
            read => Ok(read),
        }
    }

    /// Checks all of it before the first record.
    fn verify(&mut self, context: &Context) -> Result<()> {
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| {
            Error::new(Status::NoMemory, format_args!("no memory for a buffer of {CHUNK} bytes"))
        })?;
        chunk.resize(CHUNK, 0);
        while self.read(&mut chunk)? > 0 {
            context.check("verifying a data file")?;
        }
        self.check_sum()?;
        self.offset = 0;
        Ok(())
    }

    /// Reads stored bytes and hashes them.
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        let read = self.read_stored(self.offset, room)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&room[..read]);
        }
        self.offset += read as u64;
        Ok(read)
    }

    /// Decoded bytes into `room`; 0 once, when the file has ended and been found right.
    pub(super) fn fill(&mut self, room: &mut [u8]) -> Result<usize> {
        let Some(mut through) = self.decoder.take() else {
            let read = self.read(room)?;
            return if read > 0 { Ok(read) } else { self.end().map(|()| 0) };
        };
        let filled = self.decompress(&mut through, room);
        self.decoder = Some(through);
        filled
    }

    fn decompress(&mut self, through: &mut Decompression, room: &mut [u8]) -> Result<usize> {
        loop {
            let input = &through.input[through.start..through.end];
            let decoded = through.decoder.decode(input, room);
            let decoded = decoded.map_err(|error| self.in_file(error))?;
            through.start += decoded.consumed;
            if decoded.produced > 0 {
                return Ok(decoded.produced);
            }
            if through.start == through.end {
                through.start = 0;
                through.end = self.read(&mut through.input)?;
                if through.end == 0 {
                    through.decoder.finish().map_err(|error| self.in_file(error))?;
                    return self.end().map(|()| 0);
                }
            } else if decoded.consumed == 0 {
                return Err(self.corrupt("cannot be decompressed any further".into()));
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        self.check_sum()?;
        self.ended = true;
        Ok(())
    }

    fn check_sum(&mut self) -> Result<()> {
        let (Some(hasher), Some(expected)) = (self.hasher.take(), &self.file.checksum) else { return Ok(()) };
        let found = hasher.finish();
        if found.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(self.corrupt(format!("has the checksum {found}, expected {expected}")))
    }

    fn in_file(&self, error: Error) -> Error {
        error.context(format_args!("the data file {}", self.file.path)).with_path(&*self.file.path)
    }

    fn corrupt(&self, what: String) -> Error {
        Error::new(Status::Corrupt, format_args!("the data file {} {what}", self.file.path))
            .with_path(&*self.file.path)
    }
}

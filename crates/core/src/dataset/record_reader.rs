//! Reading a snapshot's records: streamed in bounded memory, by what its own manifest says, and checked
//! against it (`docs/format.md`, section "Data files"; `docs/commit-protocol.md`, section "Reading").

use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file_reader::FileReader;
use super::to_descriptor::{Records, Unsent};
use super::{Dataset, Snapshot};
use crate::checksum::Checksum;
use crate::codec::{Batch, Codec, Decoder, Input, SharedInput};
use crate::compress::Compressor;
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::layout::Layout;
use crate::manifest::FileRef;

/// How many records are found at once for a caller who asks for one at a time.
const AT_ONCE: usize = 256;

/// How much is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// Checksums and row count as the records stream: the verdict comes with the end.
    #[default]
    Streaming,
    /// The manifest against the commit slot that decided it, at once; each file's checksum before its first
    /// record.
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
    codec: Codec,
    compressor: Compressor,
    checksum: Option<Checksum>,
    /// The file after the current one.
    next_file: usize,
    file: Option<OpenFile>,
    /// What was decoded; the records before `handed_out` have been given to the caller.
    batch: Batch,
    handed_out: usize,
    /// How many records the caller has been given.
    rows: u64,
    end: Option<Result<()>>,
    /// Records for a descriptor that has not taken them yet.
    unsent: Unsent,
}

/// The file being read.
struct OpenFile {
    path: String,
    file: Arc<Mutex<Watched>>,
    /// What the decoder is given of it.
    input: SharedInput,
    decoder: Box<dyn Decoder>,
}

/// Some records, valid until the reader's next call.
#[derive(Clone, Copy, Default)]
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

impl Dataset {
    /// Begins to read a snapshot's records, with the codec and compressor that its manifest names; this
    /// dataset's codec and compressor do not matter. Records longer than `max_record_bytes` of the options
    /// are not read.
    ///
    /// # Errors
    /// `Unsupported` for a codec, compressor or checksum that this build lacks; `CodecRequired` for a raw
    /// blob; `InvalidArgument` for a snapshot of another dataset; `NoMemory`. With [`Verify::First`] also
    /// `Corrupt` for a manifest that is not the one that its slot decided, and the store's failure.
    pub fn read(&self, snapshot: &Snapshot, options: ReadOptions) -> Result<RecordReader> {
        self.check_own(snapshot)?;
        self.verify_manifest(snapshot, &options)?;
        let Some(name) = snapshot.manifest().codec.as_deref() else {
            let message = format!("the snapshot {} is a raw blob and has no records", snapshot.id());
            let error = Error::new(Status::CodecRequired, message).with_snapshot_id(snapshot.id());
            return Err(self.named(error));
        };
        let codec =
            Codec::from_manifest_name(name).ok_or_else(|| self.unsupported(snapshot, "codec", name))?;
        let (compressor, checksum) = self.file_format(snapshot, options.verify)?;
        Ok(RecordReader {
            dataset: self.clone(),
            snapshot: snapshot.clone(),
            options,
            codec,
            compressor,
            checksum,
            next_file: 0,
            file: None,
            batch: Batch::default(),
            handed_out: 0,
            rows: 0,
            end: None,
            unsent: Unsent::default(),
        })
    }

    /// The snapshot is one of this dataset's.
    pub(crate) fn check_own(&self, snapshot: &Snapshot) -> Result<()> {
        let manifest = snapshot.manifest();
        let is_volume = manifest.address_space.is_some();
        if manifest.dataset_id == self.id() && is_volume == (self.options().layout == Layout::Volume) {
            return Ok(());
        }
        let noun = if is_volume { "volume" } else { "dataset" };
        let message = format!("the snapshot is of the {noun} {:?}", manifest.dataset_id);
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
    /// `Corrupt`, naming path, expected and found; `RecordTooLarge`; `Deadline`, `Cancelled`; the store's
    /// failure. The records before the fault come first; a failure stays.
    #[allow(clippy::should_implement_trait)]
    #[inline]
    pub fn next(&mut self) -> Result<Option<&[u8]>> {
        if !self.has_more(AT_ONCE)? {
            return Ok(None);
        }
        let (start, len) = self.batch.spans[self.handed_out];
        self.handed_out += 1;
        self.rows += 1;
        Ok(Some(&self.batch.bytes[start..start + len]))
    }

    /// Writes the records that are left to a descriptor, each with a line break, until the end, once all has
    /// been found right. The descriptor may be one that does not block; what it has not taken when the call
    /// fails is kept, and the next call begins with it.
    ///
    /// # Errors
    /// As [`RecordReader::next`]; `Io` (with EPIPE if it has no reader any more) or `NoSpace` if the
    /// descriptor cannot be written, which does not stay.
    pub fn read_to_fd(&mut self, fd: BorrowedFd<'_>) -> Result<()> {
        let context = Context::start(&self.options.call);
        let mut unsent = std::mem::take(&mut self.unsent);
        let outcome = unsent.send_records(fd, &context, self);
        self.unsent = unsent;
        outcome.map_err(|error| self.dataset.named(error))
    }

    /// How many records were given.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// The snapshot that is read.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Where the reader has come to, as [`Dataset::read_since`] takes it: the snapshot's id, and how many of
    /// its records were given; the id alone after the end, and its parent's before the first record.
    #[must_use]
    pub fn position(&self) -> String {
        match (&self.end, self.rows) {
            (Some(Ok(())), _) => self.snapshot.id().to_owned(),
            (_, 0) => self.snapshot.manifest().parent_snapshot_id.clone().unwrap_or_default(),
            _ => format!("{}/{}", self.snapshot.id(), self.rows),
        }
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
        self.has_more(capacity)?;
        let spans = &self.batch.spans[self.handed_out..];
        let spans = &spans[..spans.len().min(capacity)];
        self.handed_out += spans.len();
        self.rows += spans.len() as u64;
        Ok(RecordBatch { data: &self.batch.bytes, spans })
    }

    /// Whether there is a record to hand out, decoding up to `most` if there is none yet.
    #[inline(always)]
    pub(super) fn has_more(&mut self, most: usize) -> Result<bool> {
        // Once the caller wants no more, what is decoded is not handed out either.
        if self.handed_out < self.batch.spans.len() && !self.options.call.is_over() {
            return Ok(true);
        }
        self.advance(most)
    }

    /// Decodes on until there are records, or an end.
    #[cold]
    #[inline(never)]
    fn advance(&mut self, most: usize) -> Result<bool> {
        self.batch.spans.clear();
        self.handed_out = 0;
        if let Some(end) = &self.end {
            return end.clone().map(|()| false);
        }
        let context = self.dataset.begin(&self.options.call);
        let found = self.decode_on(&context, most).map_err(|error| self.dataset.named(error));
        match &found {
            Ok(true) => {}
            Ok(false) => self.end = Some(Ok(())),
            Err(error) => {
                self.batch.spans.clear();
                self.end = Some(Err(error.clone()));
            }
        }
        found
    }

    fn decode_on(&mut self, context: &Context, most: usize) -> Result<bool> {
        loop {
            context.check("reading records")?;
            let Some(OpenFile { file, input, decoder, .. }) = &mut self.file else {
                match self.snapshot.manifest().files.get(self.next_file).cloned() {
                    Some(next) => self.open_file(next, context)?,
                    None => return self.check_rows().map(|()| false),
                }
                continue;
            };
            watched(file).context = context.clone();
            let decoded = decoder.decode(input, &mut self.batch, most);
            if let Err(error) = decoded {
                return Err(self.located(error));
            }
            if !self.batch.spans.is_empty() {
                return Ok(true);
            }
            self.file = None;
        }
    }

    /// A decoder's failure, with the place where it happened.
    #[cold]
    fn located(&self, error: Error) -> Error {
        let Some(OpenFile { path, .. }) = &self.file else { return error };
        match error.status() {
            Status::InvalidFormat | Status::ArrowType => error.context(format_args!("the data file {path}")),
            Status::RecordTooLarge => {
                error.context(format_args!("record {} of {path}", self.rows)).with_record(self.rows)
            }
            _ => error,
        }
        .with_path(path)
    }

    fn open_file(&mut self, file: FileRef, context: &Context) -> Result<()> {
        self.next_file += 1;
        let mut open = FileReader::open(self.dataset.store(), file, self.compressor, context)?;
        open.check_by(self.checksum, self.options.verify, context)?;
        let decoder = self.codec.decoder(&self.dataset.options().decoder_options());
        // A snapshot without a codec has been refused; an error here would be a bug.
        let decoder =
            decoder.ok_or_else(|| Error::new(Status::Internal, "there is no codec to read with"))?;
        let path = open.path().to_owned();
        let file = Arc::new(Mutex::new(Watched { file: open, context: context.clone() }));
        self.file = Some(OpenFile { path, input: SharedInput::of(file.clone()), file, decoder });
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

impl Records for RecordReader {
    fn has_more(&mut self) -> Result<bool> {
        RecordReader::has_more(self, AT_ONCE)
    }

    fn first(&self) -> &[u8] {
        self.batch
            .spans
            .get(self.handed_out)
            .map_or(&[], |&(start, len)| &self.batch.bytes[start..start + len])
    }

    fn hand_out(&mut self) {
        self.handed_out += 1;
        self.rows += 1;
    }
}

/// A file that is read while the call may go on.
pub(super) struct Watched {
    pub file: FileReader,
    /// That of the running call.
    pub context: Context,
}

pub(super) fn watched(file: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    // What it gives is checked in any case.
    file.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Input for Watched {
    fn read(&mut self, room: &mut [u8]) -> Result<usize> {
        self.context.check("reading records")?;
        self.file.read(room, &self.context)
    }

    fn size(&self) -> Option<u64> {
        self.file.size()
    }

    fn read_at(&mut self, offset: u64, room: &mut [u8]) -> Result<usize> {
        self.context.check("reading records")?;
        if self.file.size().is_none() {
            return Err(Error::new(
                Status::Unsupported,
                "a compressed data file can only be read from its beginning to its end",
            ));
        }
        self.file.read_stored(offset, room, &self.context)
    }

    fn is_checked(&self) -> bool {
        self.file.is_checked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::CompressStream;
    use crate::store::{Durability, Put, Store, StoreOptions};

    /// What a decoder sees of a data file.
    struct Seen {
        size: Option<u64>,
        /// Its last 3 bytes, 4 from the third on, and those beyond its end.
        parts: Vec<Result<Vec<u8>>>,
        /// All of it, read after the parts.
        whole: Vec<u8>,
    }

    fn see(compressor: Compressor, stored: &[u8]) -> Seen {
        let store = Store::open_memory(StoreOptions::default());
        let context = Context::default();
        let put = store.backend().put_if_absent(&context, "file", stored, Durability::Process);
        assert!(matches!(put, Put::Done), "{put:?}");
        let checksum = Checksum::Xxh3;
        let mut hasher = checksum.hasher().expect("it has a hasher");
        hasher.update(stored);
        let file = FileRef {
            path: "file".to_owned(),
            size_bytes: stored.len() as u64,
            checksum: Some(hasher.finish()),
            stats: None,
        };
        let mut file = FileReader::open(&store, file, compressor, &context).unwrap();
        file.check_by(Some(checksum), Verify::Streaming, &context).unwrap();
        let mut input = Watched { file, context };
        let mut room = vec![0; 100];
        let parts = [(stored.len() as u64 - 3, 100), (2, 4), (stored.len() as u64, 100)];
        let parts = parts
            .map(|(offset, most)| input.read_at(offset, &mut room[..most]).map(|read| room[..read].to_vec()));
        let mut whole = Vec::new();
        loop {
            match input.read(&mut room).unwrap() {
                0 => return Seen { size: input.size(), parts: parts.into(), whole },
                read => whole.extend_from_slice(&room[..read]),
            }
        }
    }

    #[test]
    fn a_decoder_reads_parts_of_a_file_and_still_has_all_of_it_checked() {
        let stored: Vec<u8> = (0..1000_u32).map(|byte| byte as u8).collect();
        let Seen { size, parts, whole } = see(Compressor::None, &stored);
        assert_eq!(size, Some(1000));
        let parts: Vec<_> = parts.into_iter().map(Result::unwrap).collect();
        assert_eq!(parts, [stored[997..].to_vec(), stored[2..6].to_vec(), Vec::new()]);
        assert_eq!(whole, stored, "the parts have not moved it, and its checksum is right");
    }

    #[test]
    fn of_a_compressed_file_no_part_can_be_read() {
        let mut compressed = Vec::new();
        let mut stream = CompressStream::new(Compressor::Gzip, 0).unwrap().unwrap();
        stream.write(b"content", &mut compressed).unwrap();
        stream.finish(&mut compressed).unwrap();
        let Seen { size, parts, whole } = see(Compressor::Gzip, &compressed);
        assert_eq!(size, None);
        for part in parts {
            let error = part.unwrap_err();
            assert_eq!(error.status(), Status::Unsupported);
            assert!(error.message().contains("from its beginning"), "{error}");
        }
        assert_eq!(whole, b"content");
    }
}

//! Writing raw blobs: a snapshot of one file that holds bytes as they are given (`docs/format.md`, section
//! "Data files"). From memory, pulled from a source, or pushed into a writer; through the same pipe and the
//! same commit as records.

use super::pipe::{CHUNK, Pipe};
use super::write::{Commit, StagedContent, Terms, report};
use super::writer::{BlobWriterOptions, Staging};
use super::{BlobReader, Dataset, ReadOptions, Snapshot};
use crate::codec::Codec;
use crate::commit::driver::Content;
use crate::commit::machine::Dated;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::history::Slot;
use crate::manifest::{Manifest, Metadata};
use crate::options::{CommitOptions, ProgressFn};

/// A source's buffer goes on its way once less than this is free in it: no read is asked for less.
const LEAST_ROOM: usize = CHUNK / 4;

/// Gives the bytes of a blob, some at a time.
pub trait BlobSource {
    /// Fills the beginning of `buffer`, which is never empty, and gives how many bytes; 0 at the end. It is not
    /// asked again after that, or after a failure.
    ///
    /// # Errors
    /// Whatever the source wants the writing call to fail with.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

impl Dataset {
    /// Commits bytes in memory as one new snapshot, a raw blob.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; otherwise as [`Dataset::stream_write_records`].
    pub fn write_blob(&self, data: &[u8], metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        self.commit_blob(Source::Memory(data), metadata, options)
    }

    /// Pulls the bytes of a blob from `source` into one new snapshot: all of them and a manifest, or nothing. What
    /// is in memory at a time does not grow with the blob.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; what the source fails with; `IteratorContract` if it says that
    /// it gave more than there was room for; otherwise as [`Dataset::stream_write_records`].
    pub fn stream_write(
        &self,
        source: &mut dyn BlobSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.commit_blob(Source::Stream(source), metadata, options)
    }

    /// A writer that the bytes of a blob can be pushed into.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; the store's failure.
    pub fn blob_writer(&self, options: BlobWriterOptions) -> Result<BlobWriter> {
        self.require_no_codec("writing a blob")?;
        let mut staging = Staging::new(self.clone());
        staging.open(options.early_writeback).map_err(|error| self.named(error))?;
        Ok(BlobWriter { staging, bytes: 0, partial: None })
    }

    /// Begins to read a snapshot that is a raw blob, by what its manifest says, whatever this dataset's options are.
    ///
    /// # Errors
    /// `InvalidArgument` for a snapshot of records, or of another dataset; `ManifestInvalid` if its manifest does not
    /// name exactly one file; `Unsupported` for a compressor or checksum that this build lacks.
    pub fn read_blob(&self, snapshot: &Snapshot, options: ReadOptions) -> Result<BlobReader> {
        self.check_own(snapshot)?;
        let manifest = snapshot.manifest();
        if let Some(codec) = &manifest.codec {
            let message = format!(
                "the snapshot {} is no raw blob: it holds records in the codec {codec:?}, to be read as such",
                snapshot.id()
            );
            let error = Error::new(Status::InvalidArgument, message).with_snapshot_id(snapshot.id());
            return Err(self.named(error));
        }
        let [file] = &manifest.files[..] else {
            let path = self.options().layout.manifest_path(self.id(), snapshot.id());
            let message = format!(
                "files: a raw blob is exactly one file, but the manifest {path} names {}",
                manifest.files.len()
            );
            let error = Error::new(Status::ManifestInvalid, message).with_path(path);
            return Err(self.named(error.with_snapshot_id(snapshot.id())));
        };
        let (compressor, checksum) = self.file_format(snapshot, options.verify)?;
        Ok(BlobReader::of_blob(self, file.clone(), compressor, checksum, options))
    }

    fn commit_blob(
        &self,
        source: Source<'_>,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_no_codec("writing a blob")?;
        let context = Context::start(&options.call);
        let mut progress = options.progress;
        let mut staging = Staging::new(self.clone());
        let mut content =
            Pulled { staging: &mut staging, source, metadata, context: &context, progress: &mut progress };
        let terms = Terms::new(options.expected_parent, options.producer)?;
        let ended = self.run_commit(&context, terms, &mut content);
        staging.settled(ended)
    }

    fn require_no_codec(&self, call: &str) -> Result<()> {
        match self.options().codec {
            Codec::None => Ok(()),
            Codec::Jsonl => {
                let message = format!(
                    "{call} needs a dataset without a codec, and this one was opened with JSONL: open it without, \
                     or write records"
                );
                Err(self.named(Error::new(Status::InvalidArgument, message)))
            }
        }
    }
}

/// Where the bytes of a blob come from in one call.
enum Source<'a> {
    Memory(&'a [u8]),
    Stream(&'a mut dyn BlobSource),
}

/// A blob that is pulled when the protocol is ready for it.
struct Pulled<'a, 'p, 's> {
    staging: &'a mut Staging,
    source: Source<'s>,
    metadata: Metadata,
    context: &'a Context,
    progress: &'a mut Option<ProgressFn<'p>>,
}

impl Pulled<'_, '_, '_> {
    fn pull(&mut self) -> Result<()> {
        let Pulled { staging, source, context, progress, .. } = self;
        let pipe = staging.open(true)?;
        match source {
            Source::Memory(data) => {
                for piece in data.chunks(CHUNK) {
                    context.check("writing a blob")?;
                    pipe.pass(piece)?;
                    report(progress, pipe.progress())?;
                }
                Ok(())
            }
            Source::Stream(source) => pull_stream(pipe, &mut **source, context, progress),
        }
    }
}

fn pull_stream(
    pipe: &mut Pipe,
    source: &mut dyn BlobSource,
    context: &Context,
    progress: &mut Option<ProgressFn<'_>>,
) -> Result<()> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(CHUNK).map_err(|_| {
        Error::new(Status::NoMemory, format_args!("no memory for a buffer of {CHUNK} bytes; free some"))
    })?;
    buffer.resize(CHUNK, 0);
    let mut filled = 0;
    loop {
        context.check("pulling a blob")?;
        let room = CHUNK - filled;
        match source.read(&mut buffer[filled..])? {
            0 => return pipe.pass(&buffer[..filled]),
            read if read > room => {
                let message = format!("the source says that it gave {read} bytes, with room for {room}");
                return Err(Error::new(Status::IteratorContract, message));
            }
            read => filled += read,
        }
        if CHUNK - filled < LEAST_ROOM {
            pipe.pass(&buffer[..filled])?;
            filled = 0;
            report(progress, pipe.progress())?;
        }
    }
}

impl Content for Pulled<'_, '_, '_> {
    fn finish_data(&mut self) -> Result<Dated> {
        self.pull()?;
        self.staging.finish(self.progress)
    }

    fn manifest(&self, slot: &Slot) -> Result<Manifest> {
        self.staging.manifest(slot, &self.metadata)
    }
}

impl StagedContent for Pulled<'_, '_, '_> {
    fn staging(&mut self) -> &mut Staging {
        self.staging
    }
}

/// Takes the bytes of a blob as the caller has them; they become a snapshot by [`BlobWriter::commit`], or nothing.
/// It belongs to one thread at a time. Dropped before its commit, it discards the bytes.
pub struct BlobWriter {
    staging: Staging,
    bytes: u64,
    /// A write for which the space ran out half-way.
    partial: Option<Partial>,
}

#[derive(Clone, Copy)]
struct Partial {
    len: usize,
    taken: usize,
}

impl BlobWriter {
    /// Adds bytes at the end. It never syncs and never waits for another writer.
    ///
    /// # Errors
    /// `NoSpace`: the writer stays usable. Of up to 256 KiB nothing was taken; of more, perhaps a part: give the same
    /// bytes again, and it goes on where it was, which must be done before anything else is written or committed.
    /// `State`. Anything else sticks.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        let mut taken = 0;
        let wrote = match (self.staging.pipe(), self.partial) {
            (Err(error), _) => Err(error),
            (Ok(_), Some(partial)) if partial.len != data.len() => return Err(self.in_part(partial)),
            (Ok(pipe), partial) => {
                taken = partial.map_or(0, |partial| partial.taken);
                gather(pipe, data, &mut taken)
            }
        };
        match wrote {
            Ok(()) => {
                self.partial = None;
                self.bytes += data.len() as u64;
                Ok(())
            }
            Err(error) => {
                self.staging.failed(&error);
                if taken > 0 {
                    self.partial = Some(Partial { len: data.len(), taken });
                }
                Err(self.staging.dataset().named(error))
            }
        }
    }

    #[cold]
    fn in_part(&self, Partial { len, taken }: Partial) -> Error {
        let message = format!(
            "of the last write, of {len} bytes, {taken} were taken before the space ran out: give the same {len} \
             bytes again first, or abort"
        );
        self.staging.dataset().named(Error::new(Status::State, message))
    }

    /// How many bytes are in, as they were given; those of a write that failed are not counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Commits the bytes as one snapshot, with all that [`super::RecordWriter::commit`] says of success and failure.
    ///
    /// # Errors
    /// As [`Dataset::stream_write`]; `State`, also while a write is in half.
    pub fn commit(&mut self, metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        self.staging.usable()?;
        if let Some(partial) = self.partial {
            return Err(self.in_part(partial));
        }
        self.staging.commit(metadata, options)
    }

    /// Gives the bytes up. A second time it does nothing.
    ///
    /// # Errors
    /// `State` after a commit. `CommitUnknown` if a commit was tried and nobody knows whether it happened: its data
    /// are kept.
    pub fn abort(&mut self) -> Result<()> {
        self.staging.abort()
    }
}

/// Adds to the pipe the bytes of `data` after the first `taken`, and counts them there.
fn gather(pipe: &mut Pipe, data: &[u8], taken: &mut usize) -> Result<()> {
    // A write that fits into an empty pipe goes in whole, lest it be taken in part.
    let least = if data.len() <= CHUNK { data.len() } else { 1 };
    while *taken < data.len() {
        if pipe.room() < least {
            pipe.flush()?;
        }
        let rest = &data[*taken..];
        let piece = &rest[..rest.len().min(pipe.room())];
        pipe.gather(piece)?;
        *taken += piece.len();
    }
    Ok(())
}

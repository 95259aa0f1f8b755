//! Writing raw blobs: a snapshot of one file that holds bytes as they are given (`docs/format.md`, section
//! "Data files"). From memory, pulled from a source, or pushed into a writer; through the same pipe and the
//! same commit as records.

use super::commit::Commit;
use super::file_reader::buffer;
use super::ingest::Pending;
use super::pipe::{CHUNK, Opening, Pipe};
use super::transaction::{Source, Staged, Terms, Transaction};
use super::{BlobReader, Dataset, Part, ReadOptions, Snapshot};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::manifest::Metadata;
use crate::options::CommitOptions;

/// A source's buffer is sent on once less than this is free in it: no read is asked for less.
const LEAST_ROOM: usize = CHUNK / 4;

/// Gives the bytes of a blob, some at a time.
pub trait BlobSource {
    /// Fills the beginning of `buffer`, which is never empty, and gives how many bytes; 0 at the end. It is
    /// not asked again after that, or after a failure.
    ///
    /// # Errors
    /// Those that the writing call is to fail with.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize>;
}

impl Dataset {
    /// Commits bytes in memory as one new snapshot, a raw blob.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; otherwise as [`Dataset::stream_write_records`].
    pub fn write_blob(&self, data: &[u8], metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        self.commit_blob(Blob::Memory(data), metadata, options)
    }

    /// Pulls the bytes of a blob from `source` into one new snapshot: all of them and a manifest, or nothing.
    /// What is in memory at a time does not grow with the blob.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; what the source fails with; `IteratorContract` if it
    /// says that it gave more than there was room for; otherwise as [`Dataset::stream_write_records`].
    pub fn stream_write(
        &self,
        source: &mut dyn BlobSource,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.commit_blob(Blob::Pulled(source), metadata, options)
    }

    /// A writer that the bytes of a blob can be pushed into.
    ///
    /// # Errors
    /// `InvalidArgument` if the dataset has a codec; the store's failure.
    pub fn blob_writer(&self, options: BlobWriterOptions) -> Result<BlobWriter> {
        self.require_no_codec("writing a blob")?;
        let mut transaction = Transaction::of_writer(self.clone());
        transaction
            .open(Context::unlimited(), Opening::alone(options.early_writeback))
            .map_err(|error| self.named(error))?;
        Ok(BlobWriter { transaction, bytes: 0, partial: None, pending: Pending::default() })
    }

    /// Begins to read a snapshot that is a raw blob, by what its manifest says; this dataset's options do
    /// not matter.
    ///
    /// # Errors
    /// `InvalidArgument` for a snapshot of records, or of another dataset; `ManifestInvalid` if its manifest
    /// does not name exactly one file; `Unsupported` for a compressor or checksum that this build lacks.
    pub fn read_blob(&self, snapshot: &Snapshot, options: ReadOptions) -> Result<BlobReader> {
        self.check_own(snapshot)?;
        self.verify_manifest(snapshot, &options)?;
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
        source: Blob<'_>,
        metadata: Metadata,
        options: CommitOptions<'_>,
    ) -> Result<Commit> {
        self.require_no_codec("writing a blob")?;
        let terms = Terms::new(self, metadata, options)?;
        Transaction::new(self.clone()).commit(&mut { source }, terms)
    }

    pub(super) fn require_no_codec(&self, call: &str) -> Result<()> {
        let Some(codec) = self.options().codec.manifest_name() else { return Ok(()) };
        let message = format!(
            "{call} needs a dataset without a codec, and this one was opened with {}: open it without, or write \
             records",
            codec.to_uppercase()
        );
        Err(self.named(Error::new(Status::InvalidArgument, message)))
    }
}

/// Where the bytes of a blob come from in one call.
pub(super) enum Blob<'a> {
    Memory(&'a [u8]),
    Pulled(&'a mut dyn BlobSource),
}

impl Source for Blob<'_> {
    fn fill(&mut self, transaction: &mut Transaction, terms: &mut Terms<'_>) -> Result<()> {
        let pipe = transaction.open(&terms.context, Opening::alone(true))?;
        match self {
            Blob::Memory(data) => {
                for piece in data.chunks(CHUNK) {
                    terms.context.check("writing a blob")?;
                    pipe.pass(piece)?;
                    terms.report(pipe.progress())?;
                }
                Ok(())
            }
            Blob::Pulled(source) => pull(pipe, &mut **source, terms),
        }
    }
}

fn pull(pipe: &mut Pipe, source: &mut dyn BlobSource, terms: &mut Terms<'_>) -> Result<()> {
    let mut buffer = buffer(CHUNK)?;
    let mut filled = 0;
    loop {
        terms.context.check("pulling a blob")?;
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
            terms.report(pipe.progress())?;
        }
    }
}

/// How a blob writer behaves.
#[derive(Clone, Copy, Debug, Default)]
pub struct BlobWriterOptions {
    /// Whether the bytes start for the disk as they are written, some megabytes at a time, and not only with
    /// the commit, which they make shorter. A write then makes a system call more, which may wait while the
    /// disk is busy.
    pub early_writeback: bool,
}

/// Takes the bytes of a blob as the caller has them; they become a snapshot by [`BlobWriter::commit`], or
/// nothing. It belongs to one thread at a time. Dropped before its commit, it discards the bytes.
pub struct BlobWriter {
    transaction: Transaction,
    bytes: u64,
    /// A write for which the space ran out half-way.
    partial: Option<Partial>,
    /// Read from a descriptor, and not in yet.
    pub(super) pending: Pending,
}

#[derive(Clone, Copy)]
struct Partial {
    len: usize,
    taken: usize,
}

impl BlobWriter {
    pub(super) fn named(&self, error: Error) -> Error {
        self.transaction.dataset().named(error)
    }

    /// Adds bytes at the end. It never syncs and never waits for another writer.
    ///
    /// # Errors
    /// `NoSpace`: the writer stays usable. Of up to 256 KiB nothing was taken; of more, perhaps a part: give
    /// the same bytes again, and it goes on where it was, which must be done before anything else is written
    /// or committed. `State`. Anything else sticks.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        let mut taken = 0;
        let wrote = match (self.transaction.pipe(), self.partial) {
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
                self.transaction.failed(&error);
                if taken > 0 {
                    self.partial = Some(Partial { len: data.len(), taken });
                }
                Err(self.transaction.dataset().named(error))
            }
        }
    }

    #[cold]
    fn in_part(&self, Partial { len, taken }: Partial) -> Error {
        let message = format!(
            "of the last write, of {len} bytes, {taken} were taken before the space ran out: give the same {len} \
             bytes again first, or abort"
        );
        self.transaction.dataset().named(Error::new(Status::State, message))
    }

    /// How many bytes are in, as they were given; those of a write that failed are not counted.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Commits the bytes as one snapshot, with all that [`super::RecordWriter::commit`] says of success and
    /// failure.
    ///
    /// # Errors
    /// As [`Dataset::stream_write`]; `State`, also while a write is in half.
    pub fn commit(&mut self, metadata: Metadata, options: CommitOptions<'_>) -> Result<Commit> {
        self.transaction.check_committable()?;
        if let Some(partial) = self.partial {
            return Err(self.in_part(partial));
        }
        let terms = Terms::new(self.transaction.dataset(), metadata, options)?;
        self.transaction.commit(&mut Staged, terms)
    }

    /// Makes the bytes durable as a part, with all that [`super::RecordWriter::stage`] says.
    ///
    /// # Errors
    /// As [`super::RecordWriter::stage`]; `State` also while a write is in half.
    pub fn stage(&mut self, options: &CallOptions) -> Result<Part> {
        self.transaction.check_committable()?;
        if let Some(partial) = self.partial {
            return Err(self.in_part(partial));
        }
        self.transaction.stage_part(&mut Staged, options)
    }

    /// Gives the bytes up. A second time it does nothing.
    ///
    /// # Errors
    /// `State` after a commit. `CommitUnknown` if a commit was tried and it is unknown whether it happened:
    /// its data are kept.
    pub fn abort(&mut self) -> Result<()> {
        self.transaction.abort()
    }
}

/// Adds to the pipe the bytes of `data` after the first `taken`, and counts them there.
fn gather(pipe: &mut Pipe, data: &[u8], taken: &mut usize) -> Result<()> {
    // A write that fits into an empty pipe is taken whole or not at all.
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

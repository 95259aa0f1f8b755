//! Staging a block: its bytes become durable under the path of their range, and stay invisible.

use super::Volume;
use super::block::{Origin, StagedHold, VolumeBlock, fresh_tail};
use crate::checksum::Checksum;
use crate::context::{CallOptions, Context};
use crate::dataset::{BlobSource, STAGED_MAX, buffer};
use crate::error::{Error, Result, Status};
use crate::manifest::{Block, Sum};
use crate::store::{Put, StoreTime, Upload};

/// The longest block: the longest object that a service takes.
const LENGTH_MAX: u64 = 5 << 40;

/// How many bytes are hashed and written between two checks of the context.
const PIECE: usize = 256 << 10;

/// What can be sent as one request.
const REQUEST_MAX: usize = 64 << 20;

/// Where a block's bytes come from.
enum Bytes<'a> {
    Memory(&'a [u8]),
    Pulled { source: &'a mut dyn BlobSource, length: u64 },
}

impl Bytes<'_> {
    fn length(&self) -> u64 {
        match self {
            Bytes::Memory(data) => data.len() as u64,
            Bytes::Pulled { length, .. } => *length,
        }
    }
}

impl Volume {
    /// Writes these bytes as a block at `offset`, durable when the call returns, and invisible until a commit
    /// names it. Any number of threads and processes stage at once. Where the range was staged before with
    /// the same bytes, that object is taken over.
    ///
    /// # Errors
    /// `InvalidArgument` for no bytes, or a range that leaves the address space; `VolumeLengthMismatch`;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure. Nothing is staged then.
    pub fn stage_write_at(&self, offset: u64, data: &[u8], options: &CallOptions) -> Result<VolumeBlock> {
        self.stage(offset, Bytes::Memory(data), options)
    }

    /// The same for exactly `length` bytes that a source gives, in bounded memory.
    ///
    /// # Errors
    /// As [`Volume::stage_write_at`]; `InvalidArgument` if the source gives fewer bytes, or more; `Busy` if
    /// another writer staged the range meanwhile; the source's own.
    pub fn stage_stream_at(
        &self,
        offset: u64,
        length: u64,
        source: &mut dyn BlobSource,
        options: &CallOptions,
    ) -> Result<VolumeBlock> {
        self.stage(offset, Bytes::Pulled { source, length }, options)
    }

    fn stage(&self, offset: u64, bytes: Bytes<'_>, options: &CallOptions) -> Result<VolumeBlock> {
        let context = self.begin(options);
        self.try_stage(offset, bytes, &context).map_err(|error| self.named(error))
    }

    fn try_stage(&self, offset: u64, bytes: Bytes<'_>, context: &Context) -> Result<VolumeBlock> {
        context.check("staging a block")?;
        let length = bytes.length();
        if length > LENGTH_MAX {
            let message = format!("a block of {length} bytes is longer than 5 TiB, the longest there can be");
            return Err(Error::new(Status::InvalidArgument, message).with_offset(offset));
        }
        // What needs no request comes first.
        self.check_range(offset, length, self.inner.options.total_length, "a block")?;
        let geometry = self.geometry(context)?;
        self.check_range(offset, length, geometry.total_length, "a block")?;
        let staging = Staging { volume: self, offset, length, checksum: geometry.checksum, context };
        match bytes {
            Bytes::Memory(data) => staging.write(data),
            Bytes::Pulled { source, .. } => staging.pull(source),
        }
    }
}

/// One block that is being staged.
struct Staging<'a> {
    volume: &'a Volume,
    offset: u64,
    length: u64,
    checksum: Checksum,
    context: &'a Context,
}

impl Staging<'_> {
    fn block(&self, sum: Sum) -> Block {
        Block { offset: self.offset, length: self.length, tail: None, sum }
    }

    fn staged(&self, block: Block, staged: i128, hold: Option<StagedHold>) -> VolumeBlock {
        VolumeBlock::new(self.volume.id(), block, Origin::Here(staged), hold)
    }

    fn write(&self, data: &[u8]) -> Result<VolumeBlock> {
        let mut hasher = self.checksum.hasher();
        if let Some(hasher) = &mut hasher {
            for piece in data.chunks(PIECE) {
                hasher.update(piece);
                self.context.check("staging a block")?;
            }
        }
        let mut block = self.block(hasher.map_or(Sum::None, |hasher| Sum::from_text(&hasher.finish())));
        let staged = self.volume.dataset.boot_time();
        let path = block.path(self.volume.id());
        let (put, hold) = self.put(&path, data)?;
        match put {
            Put::Done => return Ok(self.staged(block, staged, hold)),
            Put::Exists => {
                if let Some(staged) = self.same_bytes(&path, data)? {
                    return Ok(self.staged(block, staged, None));
                }
            }
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => return Err(error),
        }
        // The name is taken by other bytes, or by some so old that clean-up may be about to remove them.
        block.tail = Some(fresh_tail());
        let path = block.path(self.volume.id());
        let mut upload = self.upload(&path)?;
        let hold = self.volume.held(|| upload.hold());
        for piece in data.chunks(PIECE) {
            self.add(&mut *upload, piece)?;
        }
        self.finish(&mut *upload, &path)?;
        Ok(self.staged(block, staged, hold))
    }

    /// Puts all bytes under the plain path, if that is free.
    fn put(&self, path: &str, data: &[u8]) -> Result<(Put, Option<StagedHold>)> {
        let backend = self.volume.dataset.store().backend();
        let durability = self.volume.options().durability;
        if let Some(mut upload) = backend.stage(self.context, path, &[], durability)? {
            let hold = self.volume.held(|| upload.hold());
            for piece in data.chunks(PIECE) {
                self.add(&mut *upload, piece)?;
            }
            return Ok((upload.finish(self.context), hold));
        }
        if data.len() > REQUEST_MAX && !backend.capabilities().has_conditional_uploads {
            // As if the name were taken: an upload in several requests needs a name of its own.
            return Ok((Put::Exists, None));
        }
        Ok((backend.put_if_absent(self.context, path, data, durability), None))
    }

    /// When the object that has the name was staged, if it has the same bytes and may still be committed.
    fn same_bytes(&self, path: &str, data: &[u8]) -> Result<Option<i128>> {
        let backend = self.volume.dataset.store().backend();
        let Some(inspected) = backend.inspect(self.context, path, &mut StoreTime::default())? else {
            return Ok(None);
        };
        if inspected.size != self.length || inspected.age.is_some_and(|age| age >= STAGED_MAX) {
            return Ok(None);
        }
        let Some(mut object) = backend.open(self.context, path)? else { return Ok(None) };
        let mut room = buffer(PIECE.min(data.len()))?;
        let mut at = 0;
        while at < data.len() {
            self.context.check("comparing a block that is there")?;
            match object.read_at(self.context, at as u64, &mut room)? {
                0 => return Ok(None),
                read if data.get(at..at + read) != Some(&room[..read]) => return Ok(None),
                read => at += read,
            }
        }
        if self.volume.dataset.syncs() {
            backend.persist(self.context, path)?;
        }
        let age = inspected.age.map_or(0, |age| i128::try_from(age.as_nanos()).unwrap_or(i128::MAX));
        Ok(Some(self.volume.dataset.boot_time().saturating_sub(age)))
    }

    fn pull(&self, source: &mut dyn BlobSource) -> Result<VolumeBlock> {
        let backend = self.volume.dataset.store().backend();
        let mut block = self.block(Sum::None);
        // A stream cannot be read twice, to be compared with what is there: it gets a name that cannot be
        // taken.
        let mut path = block.path(self.volume.id());
        let is_free = backend.head(self.context, &path)?.is_none();
        let mut upload = match is_free {
            true => backend.stage(self.context, &path, &[], self.volume.options().durability)?,
            false => None,
        };
        if upload.is_none() && is_free && backend.capabilities().has_conditional_uploads {
            upload = Some(self.upload(&path)?);
        }
        if upload.is_none() {
            block.tail = Some(fresh_tail());
            path = block.path(self.volume.id());
            upload = Some(self.upload(&path)?);
        }
        let Some(mut upload) = upload else {
            return Err(Error::new(Status::Internal, "a block without an upload"));
        };
        let hold = self.volume.held(|| upload.hold());
        let began = self.volume.dataset.boot_time();
        block.sum = self.pump(source, &mut *upload)?;
        // A service may date an object from the beginning of its upload.
        let holds = backend.capabilities().has_holds;
        let staged = if holds { self.volume.dataset.boot_time() } else { began };
        self.finish(&mut *upload, &path)?;
        Ok(self.staged(block, staged, hold))
    }

    /// Moves exactly the block's bytes from the source to the store; gives their checksum.
    fn pump(&self, source: &mut dyn BlobSource, upload: &mut dyn Upload) -> Result<Sum> {
        let mut hasher = self.checksum.hasher();
        let mut room = buffer(PIECE)?;
        let mut left = self.length;
        let wrong = |what: String| {
            Err(Error::new(Status::InvalidArgument, format_args!("the source of a block {what}"))
                .with_offset(self.offset))
        };
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE);
            let read = source.read(&mut room[..most])?.min(most);
            if read == 0 {
                return wrong(format!("ended after {} bytes, expected {}", self.length - left, self.length));
            }
            if let Some(hasher) = &mut hasher {
                hasher.update(&room[..read]);
            }
            self.add(upload, &room[..read])?;
            left -= read as u64;
        }
        if source.read(&mut room[..1])? > 0 {
            return wrong(format!("has more than the {} bytes that were announced", self.length));
        }
        Ok(hasher.map_or(Sum::None, |hasher| Sum::from_text(&hasher.finish())))
    }

    fn upload(&self, path: &str) -> Result<Box<dyn Upload>> {
        let backend = self.volume.dataset.store().backend();
        backend.upload(self.context, path, self.volume.options().durability)
    }

    fn add(&self, upload: &mut dyn Upload, piece: &[u8]) -> Result<()> {
        self.context.check("staging a block")?;
        upload.write(self.context, piece)?;
        self.context.written(piece.len());
        Ok(())
    }

    fn finish(&self, upload: &mut dyn Upload, path: &str) -> Result<()> {
        match upload.finish(self.context) {
            Put::Done => Ok(()),
            Put::Exists => {
                let message = format!("another writer has staged {path} meanwhile: stage the block again");
                Err(Error::new(Status::Busy, message).with_path(path))
            }
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error),
        }
    }
}

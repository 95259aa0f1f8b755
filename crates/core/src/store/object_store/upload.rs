//! Uploads: what fits into one part is one conditional put; more goes as a multipart upload, of which one
//! part is in flight while the next one is gathered, and two while none is.

use object_store::{PutMode, PutOptions, PutPayload};
use twox_hash::XxHash3_128;

use bytes::Bytes;

use super::BucketStore;
use super::answer::{Failure, Kind};
use super::link::{Link, Tries};
use super::multipart::{LARGEST_PARTS, Multipart};
use super::staging::Spool;
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::{Put, Upload};

/// Bytes that were not sent yet.
enum Staged {
    Memory(Vec<u8>),
    Spool(Spool),
}

/// An object on its way into a bucket.
pub(super) struct BucketUpload {
    store: BucketStore,
    key: String,
    staged: Staged,
    multipart: Option<Multipart>,
    hasher: Box<XxHash3_128>,
    size: u64,
    /// How many bytes of what is offered next were taken by a write that failed.
    taken: usize,
}

impl BucketUpload {
    pub fn new(store: &BucketStore, key: &str) -> Result<Self> {
        store.link.check()?;
        store.link.path(key)?;
        let staged = match &store.link.settings().spool_directory {
            Some(directory) => Staged::Spool(Spool::create(directory)?),
            None => Staged::Memory(Vec::new()),
        };
        Ok(BucketUpload {
            store: store.clone(),
            key: key.to_owned(),
            staged,
            multipart: None,
            hasher: Box::new(XxHash3_128::new()),
            size: 0,
            taken: 0,
        })
    }

    fn part_bytes(&self) -> usize {
        self.store.link.settings().part_bytes
    }

    /// Takes bytes into memory; a part that is full goes on its way once there are more.
    fn gather(&mut self, context: &Context, data: &[u8]) -> Result<()> {
        let most = self.part_bytes();
        let mut rest = data.get(self.taken..).unwrap_or_default();
        while !rest.is_empty() {
            let Staged::Memory(buffer) = &mut self.staged else { return Ok(()) };
            if buffer.len() == most {
                let part = std::mem::take(buffer);
                self.send(context, part)?;
                continue;
            }
            let count = rest.len().min(most - buffer.len());
            if buffer.capacity() < buffer.len() + count {
                // Doubled while it is small, so that many small uploads take little; of a large one each part
                // is a whole one, and what doubling leaves behind would only fragment the memory.
                let doubled = (buffer.len() + count).max(buffer.capacity() * 2).min(most);
                let wanted = if self.multipart.is_some() { most } else { doubled };
                let more = wanted - buffer.len();
                buffer.try_reserve_exact(more).map_err(|_| no_memory(&self.key, more))?;
            }
            buffer.extend_from_slice(&rest[..count]);
            self.hasher.write(&rest[..count]);
            self.size += count as u64;
            self.taken += count;
            rest = &rest[count..];
        }
        self.taken = 0;
        Ok(())
    }

    /// Sends a part; what could not be sent is kept.
    fn send(&mut self, context: &Context, part: Vec<u8>) -> Result<()> {
        let sent = match self.begun(context, None) {
            Ok(multipart) => multipart.send(context, part),
            Err(error) => Err((error, Some(part))),
        };
        sent.map_err(|(error, part)| {
            if let (Staged::Memory(buffer), Some(part)) = (&mut self.staged, part) {
                *buffer = part;
            }
            error
        })
    }

    fn begun(&mut self, context: &Context, size: Option<u64>) -> Result<&mut Multipart> {
        if self.multipart.is_none() {
            self.multipart = Some(Multipart::begin(&self.store, context, &self.key, size)?);
        }
        match &mut self.multipart {
            Some(multipart) => Ok(multipart),
            None => unreachable!("it was begun just now"),
        }
    }

    /// The parts of a spooled object, one after the other.
    fn send_spooled(&mut self, context: &Context) -> Result<()> {
        let Staged::Spool(spool) = &self.staged else { return Ok(()) };
        let size = spool.size();
        self.begun(context, Some(size))?;
        loop {
            let (Staged::Spool(spool), Some(multipart)) = (&self.staged, &mut self.multipart) else {
                return Ok(());
            };
            // What waits to be sent again comes first; then only one part is in memory.
            multipart.wait(context)?;
            let offset = multipart.sent();
            if offset >= size {
                return Ok(());
            }
            let part = spool.read(offset, multipart.part_bytes())?;
            multipart.send(context, part).map_err(|(error, _)| error)?;
        }
    }

    /// Puts an object that fits into one request.
    fn put_single(&mut self, context: &Context) -> Put {
        let data = match &mut self.staged {
            Staged::Memory(buffer) => std::mem::take(buffer),
            Staged::Spool(spool) => match spool.read(0, usize::MAX) {
                Ok(data) => data,
                Err(error) => return Put::Failed(error),
            },
        };
        let data = Bytes::from(data);
        let put = self.store.put_own(context, &self.key, &data);
        if let Staged::Memory(buffer) = &mut self.staged {
            // For a repetition, after a failure.
            *buffer = match put {
                Put::Done => Vec::new(),
                _ => Vec::from(data),
            };
        }
        put
    }

    /// Sends what is left of a large object, and completes it.
    fn put_large(&mut self, context: &Context) -> Put {
        let sent = match &mut self.staged {
            Staged::Spool(_) => self.send_spooled(context),
            Staged::Memory(buffer) if buffer.is_empty() => Ok(()),
            Staged::Memory(buffer) => {
                let part = std::mem::take(buffer);
                self.send(context, part)
            }
        };
        if let Err(error) = sent {
            return Put::Failed(error);
        }
        match &mut self.multipart {
            Some(multipart) => multipart.complete(context, self.size, self.hasher.finish_128()),
            None => {
                Put::Failed(Error::new(Status::Internal, "a large object was completed before it was begun"))
            }
        }
    }
}

fn no_memory(key: &str, bytes: usize) -> Error {
    Error::new(Status::NoMemory, format_args!("no memory for {bytes} more bytes of {key:?}")).with_path(key)
}

impl Upload for BucketUpload {
    fn write(&mut self, context: &Context, data: &[u8]) -> Result<()> {
        self.store.link.check()?;
        match &mut self.staged {
            Staged::Spool(spool) => {
                spool
                    .write(data)
                    .map_err(|error| error.context(format_args!("the data of {:?}", self.key)))?;
                self.hasher.write(data);
                self.size += data.len() as u64;
            }
            Staged::Memory(_) => {
                self.gather(context, data)?;
                if let Some(multipart) = &self.multipart {
                    multipart.nudge();
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, context: &Context) -> Put {
        if let Err(error) = self.store.link.check() {
            return Put::Failed(error);
        }
        let put = if self.multipart.is_none() && self.size <= self.part_bytes() as u64 {
            self.put_single(context)
        } else {
            self.put_large(context)
        };
        if let (Put::Exists, Some(multipart)) = (&put, &mut self.multipart) {
            multipart.abort(context);
        }
        put
    }

    fn abort(&mut self, context: &Context) {
        if self.store.link.check().is_ok()
            && let Some(multipart) = &mut self.multipart
        {
            multipart.abort(context);
        }
        self.multipart = None;
        if let Staged::Memory(buffer) = &mut self.staged {
            *buffer = Vec::new();
        }
    }
}

impl BucketStore {
    /// Puts an object under a key that no other writer uses, and finds out what became of a put without an
    /// answer.
    pub(super) fn put_own(&self, context: &Context, key: &str, data: &Bytes) -> Put {
        let mut tries = Tries::default();
        let mut was_unclear = false;
        loop {
            let failure = match self.put(context, key, data, PutMode::Create) {
                Ok(_) => return Put::Done,
                Err(failure) => failure,
            };
            let failure = match failure.kind {
                Kind::Precondition => return self.compare_own(context, key, data, failure),
                Kind::Cut => return Put::Unknown(failure.error),
                _ => failure,
            };
            was_unclear |= !failure.is_certain();
            if let Err(failure) = tries.next(context, "put", failure) {
                return if was_unclear { Put::Unknown(failure.error) } else { Put::Failed(failure.error) };
            }
        }
    }

    /// A key that is taken, perhaps by an earlier request of our own.
    fn compare_own(&self, context: &Context, key: &str, data: &Bytes, failure: Failure) -> Put {
        match self.link.whole(context, key, data.len() as u64) {
            Ok(Some(there)) if there.bytes == *data => Put::Done,
            Ok(Some(_)) => Put::Exists,
            Ok(None) => Put::Unknown(failure.error),
            Err(failure) if failure.error.status() == Status::Corrupt => Put::Exists,
            Err(failure) => Put::Unknown(failure.error),
        }
    }

    /// Puts a whole object, in one request.
    ///
    /// # Errors
    /// The failure.
    pub(super) fn put(
        &self,
        context: &Context,
        key: &str,
        data: &Bytes,
        mode: PutMode,
    ) -> std::result::Result<object_store::PutResult, Failure> {
        let link = &self.link;
        let path = link.path(key).map_err(|error| Failure::new(Kind::Refused, error))?;
        let store = &link.client().store;
        let options = PutOptions { mode, ..PutOptions::default() };
        let request = async { store.put_opts(&path, PutPayload::from_bytes(data.clone()), options).await };
        match link.once(context, link.ask("put", key, data.len()), request) {
            Ok((result, _)) => Ok(result),
            // The object is there; what the answer says of it is not needed.
            Err(failure) if failure.answer.status.is_some_and(|status| status.is_success()) => {
                Ok(object_store::PutResult {
                    e_tag: None,
                    version: None,
                    extensions: http::Extensions::new(),
                })
            }
            Err(failure) => Err(failure),
        }
    }
}

impl Link {
    /// A request with a body of so many bytes.
    pub(super) fn ask<'a>(&self, doing: &'static str, key: &'a str, bytes: usize) -> super::link::Ask<'a> {
        let settings = self.settings();
        let limit = if bytes > 1 << 20 { settings.transfer_timeout } else { settings.request_timeout };
        let asked = super::connector::Asked { most: super::SHORT, ..super::connector::Asked::default() };
        super::link::Ask { doing, key, limit, waited: std::time::Duration::ZERO, asked }
    }
}

/// The size of the parts of an object of this size, or of one whose size is not known yet.
///
/// # Errors
/// `Unsupported`: it is too large for the service.
pub(super) fn part_size(part_bytes: usize, size: Option<u64>) -> Result<usize> {
    let Some(size) = size else { return Ok(part_bytes) };
    let needed = size.div_ceil(LARGEST_PARTS);
    // The services' own limit for one part.
    if needed > 5 << 30 {
        let message = format!("an object of {size} bytes is larger than any that an object store takes");
        return Err(Error::new(Status::Unsupported, message));
    }
    // In whole mebibytes.
    let needed = usize::try_from(needed.div_ceil(1 << 20) << 20).unwrap_or(usize::MAX);
    Ok(needed.max(part_bytes))
}

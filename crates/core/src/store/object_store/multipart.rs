//! A multipart upload: up to two parts in flight, and a completion that replaces nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use md5::{Digest, Md5};
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{PutMode, PutPayload, PutResult};

use super::answer::{Failure, Kind, code};
use super::connector::Asked;
use super::link::{Ask, Running, Tries};
use super::upload::part_size;
use super::{BucketStore, SHORT};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::Put;
use crate::store::location::Service;

/// How many parts an object can have.
pub(super) const LARGEST_PARTS: u64 = 10_000;

/// How many parts may be in flight. The service is still at work on the first when the second is on its way,
/// so that it need not wait for any; the next one is gathered once the first has arrived, so that no more
/// than two parts are in memory.
const FLIGHTS: usize = 2;

/// A part in flight.
struct Flight {
    /// Counted from 0.
    number: usize,
    data: Bytes,
    running: Option<Running<PartId>>,
}

/// A multipart upload that has begun.
pub(super) struct Multipart {
    store: BucketStore,
    key: String,
    path: Path,
    id: String,
    part_bytes: usize,
    /// The parts that have arrived.
    parts: Vec<PartId>,
    /// The parts after them, in their order.
    flights: VecDeque<Flight>,
    sent: u64,
    /// The service completes it only if the key is free.
    is_conditional: bool,
    /// A completion may have been carried out.
    is_unclear: bool,
}

impl Multipart {
    /// Begins a multipart upload.
    ///
    /// # Errors
    /// `PathExists`, if that can be told already; `Unsupported`: the object is too large; the store's
    /// failure.
    pub fn begin(store: &BucketStore, context: &Context, key: &str, size: Option<u64>) -> Result<Self> {
        let link = &store.link;
        let part_bytes = part_size(link.settings().part_bytes, size)?;
        let is_conditional = store.completes_conditionally(context, key)?;
        if !is_conditional && store.head_of(context, key)?.is_some() {
            let message = format!("the object {key:?} exists already, and an object is never overwritten");
            return Err(Error::new(Status::PathExists, message).with_path(key));
        }
        let (path, client) = (link.path(key)?, &link.client().store);
        let begun = link
            .repeated(context, link.ask("begin the upload of", key, 0), || client.create_multipart(&path));
        let (id, _) = begun.map_err(|failure| failure.error)?;
        Ok(Multipart {
            store: store.clone(),
            key: key.to_owned(),
            path,
            id,
            part_bytes,
            parts: Vec::new(),
            flights: VecDeque::new(),
            sent: 0,
            is_conditional,
            is_unclear: false,
        })
    }

    pub fn part_bytes(&self) -> usize {
        self.part_bytes
    }

    /// How many bytes are in parts that have arrived or are in flight.
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Lets the parts in flight go on.
    pub fn nudge(&self) {
        if !self.flights.is_empty() {
            self.store.link.nudge();
        }
    }

    /// Sends the next part, and waits until the one before has arrived.
    ///
    /// # Errors
    /// The failure, and the part if it was not taken.
    pub fn send(
        &mut self,
        context: &Context,
        part: Vec<u8>,
    ) -> std::result::Result<(), (Error, Option<Vec<u8>>)> {
        // So many are left by a failure only.
        if let Err(error) = self.wait_for_all_but(FLIGHTS - 1, context) {
            return Err((error, Some(part)));
        }
        let number = self.parts.len() + self.flights.len();
        if number as u64 >= LARGEST_PARTS {
            let message = format!(
                "{:?} would have more than {LARGEST_PARTS} parts of {} bytes, which no object store takes: give a \
                 larger \"part_bytes\", or a \"spool_directory\", where the size is known before the first part",
                self.key, self.part_bytes
            );
            return Err((Error::new(Status::Unsupported, message).with_path(&*self.key), Some(part)));
        }
        self.sent += part.len() as u64;
        let data = Bytes::from(part);
        let running = Some(self.start(number, &data));
        self.flights.push_back(Flight { number, data, running });
        self.wait_for_all_but(FLIGHTS - 1, context).map_err(|error| (error, None))
    }

    fn start(&self, number: usize, data: &Bytes) -> Running<PartId> {
        let store = Arc::clone(&self.store.link.client().store);
        let (path, id, payload) = (self.path.clone(), self.id.clone(), PutPayload::from_bytes(data.clone()));
        let asked = Asked { most: SHORT, ..Asked::default() };
        self.store.link.start(asked, async move { store.put_part(&path, &id, number, payload).await })
    }

    /// Waits for all parts in flight; one that is lost is sent again.
    ///
    /// # Errors
    /// The failure; the part is kept and sent again by the next wait.
    pub fn wait(&mut self, context: &Context) -> Result<()> {
        self.wait_for_all_but(0, context)
    }

    /// Waits for the first of the parts in flight, until no more than `rest` are left.
    fn wait_for_all_but(&mut self, rest: usize, context: &Context) -> Result<()> {
        let mut tries = Tries::default();
        while self.flights.len() > rest {
            let Some(mut flight) = self.flights.pop_front() else { return Ok(()) };
            let running = flight.running.take().unwrap_or_else(|| self.start(flight.number, &flight.data));
            let ask = self.store.link.ask("send a part of", &self.key, flight.data.len());
            match self.store.link.finish(context, ask, running) {
                Ok((part, _)) => {
                    self.parts.push(part);
                    tries = Tries::default();
                }
                Err((failure, running)) => {
                    flight.running = running;
                    self.flights.push_front(flight);
                    if failure.kind == Kind::Cut || failure.kind == Kind::Ended {
                        return Err(failure.error);
                    }
                    tries.next(context, "send a part", failure).map_err(|failure| failure.error)?;
                }
            }
        }
        Ok(())
    }

    /// Completes the object, of this size and hash, once all parts have arrived. It may be called again.
    pub fn complete(&mut self, context: &Context, size: u64, hash: u128) -> Put {
        if let Err(error) = self.wait(context) {
            return Put::Failed(error);
        }
        if !self.is_conditional && !self.is_unclear {
            match self.store.head_of(context, &self.key) {
                Ok(None) => {}
                Ok(Some(_)) => return Put::Exists,
                Err(error) => return Put::Failed(error),
            }
        }
        let mut tries = Tries::default();
        loop {
            let failure = match self.complete_once(context) {
                Ok(_) => return Put::Done,
                Err(failure) => failure,
            };
            if failure.kind == Kind::Cut {
                self.is_unclear = true;
                return Put::Unknown(failure.error);
            }
            // An upload that is gone was completed before, perhaps by a request without an answer.
            let is_gone = code(&failure.answer).as_deref() == Some("NoSuchUpload");
            if failure.is_certain() && !is_gone && !self.is_unclear {
                if let Err(failure) = tries.next(context, "complete an upload", failure) {
                    return Put::Failed(failure.error);
                }
                continue;
            }
            let is_refused = failure.kind == Kind::Precondition;
            self.is_unclear |= !is_refused;
            match self.compare(context, size, hash) {
                Ok(Some(true)) => return Put::Done,
                Ok(Some(false)) => return Put::Exists,
                Ok(None) if is_gone => return Put::Unknown(failure.error),
                Ok(None) => {}
                Err(error) => return Put::Unknown(error),
            }
            let passing = if is_refused { Failure { kind: Kind::Unclear, ..failure } } else { failure };
            if let Err(failure) = tries.next(context, "complete an upload", passing) {
                return Put::Unknown(failure.error);
            }
        }
    }

    fn complete_once(&self, context: &Context) -> std::result::Result<PutResult, Failure> {
        self.store.complete(context, &self.key, &self.path, &self.id, self.parts.clone(), self.is_conditional)
    }

    /// Whether what is there is this object; `None`: nothing is.
    fn compare(&self, context: &Context, size: u64, hash: u128) -> Result<Option<bool>> {
        let Some(head) = self.store.head_of(context, &self.key)? else { return Ok(None) };
        if head.size != size {
            return Ok(Some(false));
        }
        if head.e_tag.is_some() && head.e_tag == multipart_etag(&self.parts) {
            return Ok(Some(true));
        }
        self.store.hash(context, &self.key).map(|found| found.map(|found| found == hash))
    }

    /// Gives the upload up, as far as that can be done now.
    pub fn abort(&mut self, context: &Context) {
        self.flights.clear();
        if self.is_unclear {
            return;
        }
        let link = &self.store.link;
        let ask = link.ask("abort the upload of", &self.key, 0);
        // The parts of one that cannot be aborted are left to the bucket's rules.
        let _ = link.once(context, ask, link.client().store.abort_multipart(&self.path, &self.id));
    }
}

/// The ETag that S3 gives to an object of parts with these ETags, as far as they are MD5 sums.
fn multipart_etag(parts: &[PartId]) -> Option<String> {
    let mut all = Md5::new();
    for part in parts {
        let digits = part.content_id.trim_matches('"');
        if digits.len() != 32 {
            return None;
        }
        for pair in digits.as_bytes().chunks(2) {
            all.update([u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?]);
        }
    }
    let digits: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("\"{digits}-{}\"", parts.len()))
}

impl BucketStore {
    fn complete(
        &self,
        context: &Context,
        key: &str,
        path: &Path,
        id: &str,
        parts: Vec<PartId>,
        if_absent: bool,
    ) -> std::result::Result<PutResult, Failure> {
        let link = &self.link;
        let asked = Asked { keep_body: true, most: SHORT, if_absent };
        let ask = Ask { asked, ..link.ask("complete the upload of", key, 0) };
        let id = id.to_owned();
        let store = &link.client().store;
        let (result, answer) = match link.once(context, ask, store.complete_multipart(path, &id, parts)) {
            Ok(done) => done,
            // The service begins its answer before it knows how it ends.
            Err(failure) if failure.kind == Kind::Malformed => {
                return Err(Failure { kind: Kind::Unclear, ..failure });
            }
            Err(failure) => return Err(failure),
        };
        let body = String::from_utf8_lossy(&answer.body);
        if body.contains("<Error>") || body.contains("<Error ") {
            let code = code(&answer).unwrap_or_default();
            let message =
                format!("cannot complete the upload of {}/{key}: HTTP 200, but {code}", link.client().name());
            let mut failure = Failure::new(Kind::Unclear, Error::new(Status::Io, message).with_path(key));
            if code == "PreconditionFailed" {
                failure.kind = Kind::Precondition;
            }
            return Err(Failure { answer: Box::new(answer), ..failure });
        }
        Ok(result)
    }

    /// Whether the service completes an upload only if its key is free, where it is told so. Tried once,
    /// beside the slots of the dataset that `key` belongs to.
    fn completes_conditionally(&self, context: &Context, key: &str) -> Result<bool> {
        // Azure signs the header that this needs; Google Cloud Storage was not tried.
        if self.link.service() != Service::S3 {
            return Ok(false);
        }
        if let Some(known) = self.known_completion() {
            return Ok(known);
        }
        let probe =
            format!("{}.probe-{:032x}", crate::store::probe::directory(key), crate::id::fresh_nonce());
        let refused = self.try_completion(context, &probe);
        let _ = self.remove(Context::unlimited(), &probe);
        let is_kept = refused?;
        self.learn_completion(is_kept);
        Ok(is_kept)
    }

    /// Completes an upload over an object, and tells whether that was refused.
    fn try_completion(&self, context: &Context, key: &str) -> Result<bool> {
        let link = &self.link;
        let (path, store) = (link.path(key)?, &link.client().store);
        let there = Bytes::from_static(b"lode probes whether an upload replaces an object\n");
        self.put(context, key, &there, PutMode::Create).map_err(|failure| failure.error)?;
        let begun =
            link.repeated(context, link.ask("begin the upload of", key, 0), || store.create_multipart(&path));
        let (id, _) = begun.map_err(|failure| failure.error)?;
        let part = || PutPayload::from_static(b"this must never be read back\n");
        let sent = link
            .repeated(context, link.ask("send a part of", key, 0), || store.put_part(&path, &id, 0, part()));
        let (part, _) = sent.map_err(|failure| failure.error)?;
        let refused = match self.complete(context, key, &path, &id, vec![part], true) {
            Ok(_) => return Ok(false),
            Err(failure) if failure.kind == Kind::Precondition => Ok(true),
            // A service that does not know the header there.
            Err(failure) if failure.kind == Kind::Refused => Ok(false),
            Err(failure) => Err(failure.error),
        };
        let _ =
            link.once(context, link.ask("abort the upload of", key, 0), store.abort_multipart(&path, &id));
        refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_etag_of_parts_is_the_sum_of_their_sums() {
        let part = |content_id: &str| PartId { content_id: content_id.to_owned() };
        // The sums of "a" and of "b", and the sum of both in binary.
        let parts = [part("\"0cc175b9c0f1b6a831c399e269772661\""), part("92eb5ffee6ae2fec3ad71c777531578f")];
        assert_eq!(multipart_etag(&parts).as_deref(), Some("\"96e024ba2074fe77e8e965ba43a704be-2\""));
        assert_eq!(multipart_etag(&[part("a block of Azure")]), None);
    }

    #[test]
    fn parts_grow_with_the_size_that_is_known() {
        let part_bytes = 8 << 20;
        assert_eq!(part_size(part_bytes, None).unwrap(), part_bytes);
        assert_eq!(part_size(part_bytes, Some(1)).unwrap(), part_bytes);
        let size = 100 << 30;
        let part = part_size(part_bytes, Some(size)).unwrap();
        assert!(size.div_ceil(part as u64) <= LARGEST_PARTS && part.is_multiple_of(1 << 20), "{part}");
        let error = part_size(part_bytes, Some(u64::MAX)).unwrap_err();
        assert_eq!(error.status(), Status::Unsupported);
    }
}

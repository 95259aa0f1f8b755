//! Reading an object in ranges: the first with its size, the next ones under its ETag, one of them ahead.

use std::sync::Arc;

use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, UpdateVersion};

use super::answer::{Failure, Kind};
use super::connect::Objects;
use super::connector::Asked;
use super::link::{Ask, Link, Running};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::Object;

/// How many bytes the first request for an object asks for.
pub(super) const FIRST: u64 = 256 << 10;

/// How many bytes each later one asks for.
const RANGE: u64 = 4 << 20;

const READ: &str = "read";

/// A piece of an object.
pub(super) struct Piece {
    pub bytes: Vec<u8>,
    /// The object's size.
    pub size: u64,
    pub version: UpdateVersion,
}

/// Which bytes are wanted, and of which version of the object.
#[derive(Clone)]
struct Wanted {
    range: Option<(u64, u64)>,
    version: Option<UpdateVersion>,
}

/// One request for a piece of an object.
async fn fetch(store: Arc<dyn Objects>, path: Path, wanted: Wanted) -> object_store::Result<Piece> {
    let version = wanted.version.unwrap_or(UpdateVersion { e_tag: None, version: None });
    let options = GetOptions {
        range: wanted.range.map(|(start, end)| GetRange::Bounded(start..end)),
        if_match: version.e_tag,
        ..GetOptions::default()
    };
    let result = store.get_opts(&path, options).await?;
    let (size, range) = (result.meta.size, result.range.clone());
    let version = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
    let length = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
        store: "object",
        source,
    };
    bytes.try_reserve_exact(length).map_err(|error| failed(error.into()))?;
    let mut stream = result.into_stream();
    while let Some(part) = stream.next().await {
        bytes.extend_from_slice(&part?);
    }
    match bytes.len() == length {
        true => Ok(Piece { bytes, size, version }),
        false => Err(failed(format!("{} bytes came instead of {length}", bytes.len()).into())),
    }
}

/// What a request for these bytes may give.
fn asked(range: Option<(u64, u64)>) -> Asked {
    let most = range.map_or(FIRST, |(start, end)| end - start);
    Asked { most, ..Asked::default() }
}

impl Link {
    fn ask_range<'a>(&self, key: &'a str, range: Option<(u64, u64)>) -> Ask<'a> {
        let limit = self.settings().request_timeout;
        Ask { doing: READ, key, limit, asked: asked(range) }
    }

    /// Some bytes of an object, in one request; `None`: it is absent. An object that ends before them gives
    /// none of them.
    ///
    /// # Errors
    /// The failure; `Precondition` if it is another version.
    fn piece(
        &self,
        context: &Context,
        key: &str,
        wanted: &Wanted,
    ) -> std::result::Result<Option<Piece>, Failure> {
        let path = self.path(key).map_err(|error| Failure::new(Kind::Refused, error))?;
        let store = &self.client().store;
        let request = || fetch(Arc::clone(store), path.clone(), wanted.clone());
        match self.repeated(context, self.ask_range(key, wanted.range), request) {
            Ok((piece, _)) => Ok(Some(piece)),
            Err(failure) if failure.kind == Kind::Absent => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The beginning of an object, of at most so many bytes; `None`: it is absent.
    ///
    /// # Errors
    /// The failure.
    pub fn first(
        &self,
        context: &Context,
        key: &str,
        most: u64,
    ) -> std::result::Result<Option<Piece>, Failure> {
        let ranged = Wanted { range: Some((0, most.clamp(1, FIRST))), version: None };
        match self.piece(context, key, &ranged) {
            // Nothing begins at the start of an empty object; a service may also give it whole.
            Err(failure) if failure.kind == Kind::Range || is_empty(&failure) => {
                self.piece(context, key, &Wanted { range: None, version: None })
            }
            piece => piece,
        }
    }

    /// A whole object of at most `limit` bytes; `None`: it is absent.
    ///
    /// # Errors
    /// The failure; one whose error is `Corrupt` if the object is longer, or changed while it was read.
    pub fn whole(
        &self,
        context: &Context,
        key: &str,
        limit: u64,
    ) -> std::result::Result<Option<Piece>, Failure> {
        let Some(mut piece) = self.first(context, key, limit.saturating_add(1))? else { return Ok(None) };
        if piece.size > limit {
            let size = piece.size;
            let message = format!(
                "{key:?} in {} has {size} bytes, more than the {limit} that such an object may have",
                self.client().name()
            );
            return Err(Failure::new(Kind::Malformed, Error::new(Status::Corrupt, message).with_path(key)));
        }
        let size = usize::try_from(piece.size).unwrap_or(usize::MAX);
        let more = size.saturating_sub(piece.bytes.len());
        if piece.bytes.try_reserve_exact(more).is_err() {
            let message = format!("no memory for the {size} bytes of {key:?}");
            return Err(Failure::new(Kind::Malformed, Error::new(Status::NoMemory, message).with_path(key)));
        }
        while (piece.bytes.len() as u64) < piece.size {
            let start = piece.bytes.len() as u64;
            let next =
                self.next_piece(context, key, (start, piece.size.min(start + RANGE)), &piece.version)?;
            piece.bytes.extend_from_slice(&next.bytes);
        }
        Ok(Some(piece))
    }

    /// A later piece of an object that is open.
    fn next_piece(
        &self,
        context: &Context,
        key: &str,
        range: (u64, u64),
        version: &UpdateVersion,
    ) -> std::result::Result<Piece, Failure> {
        let wanted = Wanted { range: Some(range), version: Some(version.clone()) };
        match self.piece(context, key, &wanted) {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => Err(self.changed(key)),
            Err(failure) if matches!(failure.kind, Kind::Precondition | Kind::Range) => {
                Err(self.changed(key))
            }
            Err(failure) => Err(failure),
        }
    }

    fn changed(&self, key: &str) -> Failure {
        let message = format!(
            "{key:?} in {} is not what it was when it was opened: it was replaced",
            self.client().name()
        );
        Failure::new(Kind::Malformed, Error::new(Status::Corrupt, message).with_path(key))
    }
}

/// Whether the answer was a whole object without bytes, where a range was asked for.
fn is_empty(failure: &Failure) -> bool {
    failure.kind == Kind::Malformed
        && failure.answer.status == Some(http::StatusCode::OK)
        && failure.answer.header("content-length") == Some("0")
}

/// An object in a bucket, open for reading.
pub(super) struct BucketObject {
    link: Link,
    key: String,
    path: Path,
    size: u64,
    version: UpdateVersion,
    /// The bytes at hand, and where they begin.
    bytes: Vec<u8>,
    start: u64,
    ahead: Option<Ahead>,
}

/// After how many bytes taken the range that is read ahead gets to take what has arrived of it.
const NUDGED: usize = 256 << 10;

/// The range that is read ahead.
struct Ahead {
    range: (u64, u64),
    running: Running<Piece>,
}

impl BucketObject {
    pub fn new(link: Link, key: &str, path: Path, piece: Piece) -> Self {
        let Piece { bytes, size, version } = piece;
        BucketObject { link, key: key.to_owned(), path, size, version, bytes, start: 0, ahead: None }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Asks for the range behind the bytes at hand, if nothing is asked for yet.
    fn read_ahead(&mut self) {
        let start = self.end();
        if self.ahead.is_some() || start >= self.size {
            return;
        }
        let range = (start, self.size.min(start + RANGE));
        let wanted = Wanted { range: Some(range), version: Some(self.version.clone()) };
        let request = fetch(Arc::clone(&self.link.client().store), self.path.clone(), wanted);
        self.ahead = Some(Ahead { range, running: self.link.start(asked(Some(range)), request) });
    }

    /// Gets the bytes at this offset.
    fn fill(&mut self, context: &Context, offset: u64) -> Result<()> {
        let ahead = self.ahead.take().filter(|ahead| (ahead.range.0..ahead.range.1).contains(&offset));
        let is_next = offset == self.end();
        let piece = match ahead {
            Some(Ahead { range, running }) => {
                let ask = self.link.ask_range(&self.key, Some(range));
                match self.link.finish(context, ask, running) {
                    Ok((piece, _)) => Some((range.0, piece)),
                    Err((failure, Some(running))) => {
                        self.ahead = Some(Ahead { range, running });
                        return Err(failure.error);
                    }
                    // It may have waited too long for this call.
                    Err((failure, None)) if failure.is_passing() || failure.kind == Kind::Precondition => {
                        None
                    }
                    Err((failure, None)) => return Err(failure.error),
                }
            }
            None => None,
        };
        let (start, piece) = match piece {
            Some(piece) => piece,
            None => {
                let range = (offset, self.size.min(offset + RANGE));
                let piece = self.link.next_piece(context, &self.key, range, &self.version);
                (offset, piece.map_err(|failure| failure.error)?)
            }
        };
        if piece.size != self.size {
            return Err(self.link.changed(&self.key).error);
        }
        (self.start, self.bytes) = (start, piece.bytes);
        if is_next {
            self.read_ahead();
        }
        Ok(())
    }
}

impl Object for BucketObject {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&mut self, context: &Context, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        self.link.check()?;
        if offset < self.start || offset >= self.end() {
            self.fill(context, offset)?;
        }
        let at = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        let rest = &self.bytes[at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        // A reader that comes to the end of what is at hand goes on behind it.
        if offset + count as u64 == self.end() {
            self.read_ahead();
        } else if self.ahead.is_some() && at / NUDGED != (at + count) / NUDGED {
            self.link.nudge();
        }
        Ok(count)
    }
}

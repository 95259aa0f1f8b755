//! Requests for pieces of an object: the first gives its size, the later ones are made under its ETag.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, UpdateVersion};

use super::answer::{Failure, Kind};
use super::connect::Objects;
use super::connector::Asked;
use super::link::{Ask, Link};
use crate::context::Context;
use crate::error::{Error, Status};

/// How many bytes the first request for an object asks for.
pub(super) const FIRST: u64 = 256 << 10;

/// How many bytes each later one asks for.
pub(super) const RANGE: u64 = 4 << 20;

pub(super) const READ: &str = "read";

/// A piece of an object.
pub(super) struct Piece {
    pub bytes: Vec<u8>,
    /// The object's size.
    pub size: u64,
    pub version: UpdateVersion,
}

/// Which bytes are wanted, and of which version of the object.
#[derive(Clone)]
pub(super) struct Wanted {
    pub range: Option<(u64, u64)>,
    pub version: Option<UpdateVersion>,
}

/// The bytes of an answer, as they arrive.
pub(super) type Parts = BoxStream<'static, object_store::Result<Bytes>>;

/// An answer that has begun.
pub(super) struct Begun {
    /// The object's size.
    pub size: u64,
    pub parts: Parts,
}

/// One request for a piece of an object, until its bytes begin to arrive.
pub(super) async fn begin(
    store: Arc<dyn Objects>,
    path: Path,
    wanted: Wanted,
) -> object_store::Result<Begun> {
    let result = get(store, path, wanted).await?;
    Ok(Begun { size: result.meta.size, parts: result.into_stream() })
}

async fn get(store: Arc<dyn Objects>, path: Path, wanted: Wanted) -> object_store::Result<GetResult> {
    let version = wanted.version.unwrap_or(UpdateVersion { e_tag: None, version: None });
    let options = GetOptions {
        range: wanted.range.map(|(start, end)| GetRange::Bounded(start..end)),
        if_match: version.e_tag,
        ..GetOptions::default()
    };
    store.get_opts(&path, options).await
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> object_store::Error {
    object_store::Error::Generic { store: "object", source: source.into() }
}

/// One request for a piece of an object.
pub(super) async fn fetch(
    store: Arc<dyn Objects>,
    path: Path,
    wanted: Wanted,
) -> object_store::Result<Piece> {
    let result = get(store, path, wanted).await?;
    let length = usize::try_from(result.range.end - result.range.start).unwrap_or(usize::MAX);
    let version = UpdateVersion { e_tag: result.meta.e_tag.clone(), version: result.meta.version.clone() };
    let size = result.meta.size;
    let mut parts = result.into_stream();
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length).map_err(failed)?;
    while let Some(part) = parts.next().await {
        bytes.extend_from_slice(&part?);
    }
    match bytes.len() == length {
        true => Ok(Piece { bytes, size, version }),
        false => Err(failed(format!("{} bytes came instead of {length}", bytes.len()))),
    }
}

/// What a request for these bytes may give.
pub(super) fn asked(range: Option<(u64, u64)>) -> Asked {
    let most = range.map_or(FIRST, |(start, end)| end - start);
    Asked { most, ..Asked::default() }
}

impl Link {
    fn ask_range<'a>(&self, key: &'a str, range: Option<(u64, u64)>) -> Ask<'a> {
        let limit = self.settings().request_timeout;
        Ask { doing: READ, key, limit, waited: Duration::ZERO, asked: asked(range) }
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

    pub(super) fn changed(&self, key: &str) -> Failure {
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

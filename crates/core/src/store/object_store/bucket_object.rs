//! An object in a bucket that is open for reading: ranges, one of them ahead. One that is read from its
//! beginning on is given as it arrives; of one in which a reader has moved about, whole ranges are kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use object_store::UpdateVersion;
use object_store::path::Path;

use super::answer::{Failure, Kind};
use super::connector::{Exchange, IDLE};
use super::link::{Ask, Link, Running, Tries};
use super::reading::{Begun, Parts, Piece, RANGE, READ, Wanted, asked, begin, fetch};
use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::store::Object;

/// After how many bytes taken the range that is read ahead gets to take what has arrived of it.
const NUDGED: usize = 256 << 10;

/// A range that was asked for.
struct Range {
    link: Link,
    /// Where what has not been taken of it begins and ends.
    next: u64,
    end: u64,
    exchange: Arc<Exchange>,
    state: State,
    /// How long calls have waited for it.
    waited: Duration,
    /// When one last did.
    left: Instant,
}

enum State {
    Asked(Running<Begun>),
    Arriving(Parts),
    /// It failed.
    Over,
}

impl Drop for Range {
    fn drop(&mut self) {
        // What a fork has copied stays, as the rest of the link does.
        if !self.link.is_own_process() {
            std::mem::forget(std::mem::replace(&mut self.state, State::Over));
        }
    }
}

impl Range {
    fn covers(&self, offset: u64) -> bool {
        (self.next..self.end).contains(&offset)
    }

    fn goes_on(&self) -> bool {
        !matches!(self.state, State::Over)
    }

    /// Whether a failure may be due to the caller, who had other things to do while it waited.
    fn was_left_alone(&self) -> bool {
        matches!(self.state, State::Asked(_)) || self.left.elapsed() >= IDLE
    }

    /// Waits until its bytes begin to arrive. Its state tells after a failure whether it goes on.
    fn begin(&mut self, context: &Context, key: &str, size: u64) -> std::result::Result<(), Failure> {
        let running = match std::mem::replace(&mut self.state, State::Over) {
            State::Asked(running) => running,
            state => {
                self.state = state;
                return Ok(());
            }
        };
        let begun = Instant::now();
        let finished = self.link.finish(context, self.to_wait_for(key), running);
        self.note_wait(begun);
        match finished {
            Ok((answer, _)) if answer.size == size => {
                self.state = State::Arriving(answer.parts);
                Ok(())
            }
            Ok(_) => Err(self.link.changed(key)),
            Err((failure, running)) => {
                self.state = running.map_or(State::Over, State::Asked);
                Err(failure)
            }
        }
    }

    /// Waits for the next bytes, of which there are some, of a range that has begun to arrive. Its state
    /// tells after a failure whether it goes on.
    fn take(&mut self, context: &Context, key: &str) -> std::result::Result<Bytes, Failure> {
        let State::Arriving(mut parts) = std::mem::replace(&mut self.state, State::Over) else {
            let error = Error::new(Status::Internal, "a range was waited for that does not arrive");
            return Err(Failure::new(Kind::Refused, error));
        };
        let begun = Instant::now();
        let taken = loop {
            let ask = self.to_wait_for(key);
            match self.link.next_part(context, &ask, &self.exchange, &mut parts) {
                Ok(Some(part)) if part.is_empty() => {}
                taken => break taken,
            }
        };
        self.note_wait(begun);
        match taken {
            Ok(Some(part)) if part.len() as u64 <= self.end - self.next => {
                self.next += part.len() as u64;
                self.state = State::Arriving(parts);
                Ok(part)
            }
            Ok(_) => {
                let message = format!(
                    "cannot read {}/{key}: a range ends at another byte than {}, which was asked for",
                    self.link.client().name(),
                    self.end
                );
                Err(Failure::new(Kind::Unclear, Error::new(Status::Io, message).with_path(key)))
            }
            Err(failure) => {
                if failure.kind == Kind::Cut {
                    self.state = State::Arriving(parts);
                }
                Err(failure)
            }
        }
    }

    fn to_wait_for<'a>(&self, key: &'a str) -> Ask<'a> {
        let limit = self.link.settings().request_timeout;
        Ask { doing: READ, key, limit, waited: self.waited, asked: asked(Some((self.next, self.end))) }
    }

    fn note_wait(&mut self, begun: Instant) {
        self.left = Instant::now();
        self.waited += self.left - begun;
    }
}

/// An object in a bucket, open for reading.
pub(super) struct BucketObject {
    link: Link,
    key: String,
    path: Path,
    size: u64,
    version: UpdateVersion,
    /// The bytes at hand, and where they begin.
    bytes: Bytes,
    start: u64,
    /// The range of which those bytes are, if there is more of it.
    current: Option<Range>,
    ahead: Option<Range>,
    /// A reader that has moved about will do so again.
    has_jumped: bool,
    /// Of the range that is at hand.
    tries: Tries,
}

impl BucketObject {
    pub fn new(link: Link, key: &str, path: Path, piece: Piece) -> Self {
        let Piece { bytes, size, version } = piece;
        BucketObject {
            link,
            key: key.to_owned(),
            path,
            size,
            version,
            bytes: bytes.into(),
            start: 0,
            current: None,
            ahead: None,
            has_jumped: false,
            tries: Tries::default(),
        }
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn ask(&self, next: u64, end: u64) -> Range {
        let wanted = Wanted { range: Some((next, end)), version: Some(self.version.clone()) };
        let (store, path) = (Arc::clone(&self.link.client().store), self.path.clone());
        let is_whole = self.has_jumped;
        let running = self.link.start(asked(wanted.range), async move {
            if !is_whole {
                return begin(store, path, wanted).await;
            }
            let piece = fetch(store, path, wanted).await?;
            let parts = stream::once(std::future::ready(Ok(Bytes::from(piece.bytes)))).boxed();
            Ok(Begun { size: piece.size, parts })
        });
        Range {
            link: self.link.clone(),
            next,
            end,
            exchange: Arc::clone(&running.exchange),
            state: State::Asked(running),
            waited: Duration::ZERO,
            left: Instant::now(),
        }
    }

    /// Asks for the range that begins here, unless that was done.
    fn read_ahead(&mut self, from: u64) {
        if from < self.size && !self.ahead.as_ref().is_some_and(|ahead| ahead.covers(from)) {
            // The one before it goes first: there are never two.
            self.ahead = None;
            self.ahead = Some(self.ask(from, self.size.min(from + RANGE)));
        }
    }

    /// Gets bytes from this offset on, which is not at hand.
    fn fill(&mut self, context: &Context, offset: u64) -> Result<()> {
        let is_next = offset == self.end();
        if !is_next {
            (self.has_jumped, self.tries) = (true, Tries::default());
        }
        // They go before more arrives.
        (self.start, self.bytes) = (offset, Bytes::new());
        if !self.current.as_ref().is_some_and(|range| range.covers(offset)) {
            self.current = self.ahead.take().filter(|range| range.covers(offset));
        }
        let mut end = self.size.min(offset + RANGE);
        let mut is_old = self.current.is_some();
        loop {
            let mut range = match self.current.take() {
                Some(range) => range,
                None => self.ask(offset, end),
            };
            let was_left_alone = is_old && range.was_left_alone();
            let taken = range.begin(context, &self.key, self.size).and_then(|()| {
                // Not before: a service that answers one request after the other might begin with this one,
                // which is not taken yet.
                if is_next {
                    self.read_ahead(range.end);
                }
                range.take(context, &self.key)
            });
            let (next, goes_on) = (range.next, range.goes_on());
            end = range.end;
            if goes_on && next < end {
                self.current = Some(range);
            }
            match taken {
                // What comes before the bytes that are wanted.
                Ok(_) if next <= offset => {}
                Ok(part) => {
                    if next == end {
                        self.tries = Tries::default();
                    }
                    (self.start, self.bytes) = (next - part.len() as u64, part);
                    return Ok(());
                }
                Err(failure) if goes_on => return Err(failure.error),
                Err(failure)
                    if was_left_alone && (failure.is_passing() || failure.kind == Kind::Precondition) =>
                {
                    is_old = false;
                }
                Err(failure) if matches!(failure.kind, Kind::Precondition | Kind::Range | Kind::Absent) => {
                    return Err(self.link.changed(&self.key).error);
                }
                Err(failure) => {
                    is_old = false;
                    if let Err(failure) = self.tries.next(context, READ, failure) {
                        self.tries = Tries::default();
                        return Err(failure.error);
                    }
                }
            }
        }
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
        // While more of this range arrives, to wait for that drives the one that is read ahead, too.
        if self.current.is_none() {
            // A reader that comes to the end of what is at hand goes on behind it.
            if offset + count as u64 == self.end() {
                self.read_ahead(self.end());
            } else if self.ahead.is_some() && at / NUDGED != (at + count) / NUDGED {
                self.link.nudge();
            }
        }
        Ok(count)
    }
}

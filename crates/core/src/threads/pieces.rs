//! Pieces of a data file, each checked and compressed by one thread, and put back into their order.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::lock;
use super::pool::{Job, Pool};
use crate::codec::FileEncoder;
use crate::compress::{CompressStream, Compressor};
use crate::error::{Error, Result, Status};

/// A piece of a data file, to be stored.
#[derive(Default)]
pub(crate) struct Given {
    /// Encoded records, or bytes of a blob.
    pub bytes: Vec<u8>,
    /// Where records end that are still to be checked: each begins after the end of the one before and the
    /// line feed that stands there. None: the bytes are as they are to be.
    pub ends: Vec<usize>,
    /// The number of the first of these records.
    pub first: u64,
    /// An empty buffer for what is to be stored.
    pub out: Vec<u8>,
}

/// A piece as it is to be stored.
pub(crate) struct Done {
    /// Compressed bytes; without a compressor the given ones.
    pub stored: Vec<u8>,
    /// The buffer of what was compressed, empty, to be filled again; without a compressor no buffer.
    pub room: Vec<u8>,
    /// The buffer of the ends, empty.
    pub ends: Vec<usize>,
}

/// The pieces of one data file.
pub(crate) struct Pieces {
    pool: Arc<Pool>,
    tools: Arc<Tools>,
    /// In the order of the file.
    pieces: VecDeque<Arc<Piece>>,
    /// How many there may be at a time.
    most: usize,
    /// A piece was taken, even an empty one.
    has_begun: bool,
}

/// What the threads work with.
struct Tools {
    compressor: Compressor,
    level: i32,
    /// Compressors that no thread uses.
    streams: Mutex<Vec<CompressStream>>,
    /// Encoders that no thread checks with.
    checkers: Mutex<Vec<FileEncoder>>,
}

struct Piece {
    tools: Arc<Tools>,
    progress: Mutex<Progress>,
    ended: Condvar,
}

enum Progress {
    Waiting(Given),
    Running,
    Ended(Result<Done>),
}

impl Pieces {
    /// `checkers`: one for each thread, if pieces come with records that are to be checked. `most`: how many
    /// pieces there may be that were taken and not collected.
    pub fn new(
        pool: &Arc<Pool>,
        compressor: Compressor,
        level: i32,
        checkers: Vec<FileEncoder>,
        most: usize,
    ) -> Self {
        let checkers = Mutex::new(checkers);
        let tools = Arc::new(Tools { compressor, level, streams: Mutex::default(), checkers });
        Pieces { pool: Arc::clone(pool), tools, pieces: VecDeque::new(), most, has_begun: false }
    }

    /// Whether no piece was taken so far.
    pub fn is_untouched(&self) -> bool {
        !self.has_begun
    }

    /// Whether no further piece is to be taken before one is collected.
    pub fn is_full(&self) -> bool {
        self.pieces.len() >= self.most
    }

    /// Takes a piece, to become a frame or member of its own.
    pub fn submit(&mut self, given: Given) {
        self.has_begun = true;
        let progress = Mutex::new(Progress::Waiting(given));
        let piece = Arc::new(Piece { tools: Arc::clone(&self.tools), progress, ended: Condvar::new() });
        self.pieces.push_back(Arc::clone(&piece));
        self.pool.submit(piece, false);
    }

    /// The first piece that was not collected yet, as it is to be stored; `None`: there is none. While the
    /// thread has to wait for it, it works on the pieces itself.
    ///
    /// # Errors
    /// What is wrong with the first bad record of the piece; `NoMemory`.
    pub fn collect(&mut self) -> Result<Option<Done>> {
        let Some(first) = self.pieces.front().cloned() else { return Ok(None) };
        while !first.is_ended() {
            let next = self.pieces.iter().find(|piece| piece.is_waiting());
            let Some(next) = next else {
                first.wait();
                break;
            };
            self.pool.withdraw(Arc::as_ptr(next).cast());
            next.run();
        }
        self.pieces.pop_front();
        match std::mem::replace(&mut *lock(&first.progress), Progress::Running) {
            Progress::Ended(done) => done.map(Some),
            Progress::Waiting(_) | Progress::Running => {
                Err(Error::new(Status::Internal, "a piece was collected before it was done"))
            }
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.pieces.len()
    }
}

impl Piece {
    fn is_waiting(&self) -> bool {
        matches!(*lock(&self.progress), Progress::Waiting(_))
    }

    fn is_ended(&self) -> bool {
        matches!(*lock(&self.progress), Progress::Ended(_))
    }

    /// Until the thread that has begun it is done.
    fn wait(&self) {
        let mut progress = lock(&self.progress);
        while !matches!(*progress, Progress::Ended(_)) {
            progress = self.ended.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Job for Piece {
    fn run(&self) {
        let given = {
            let mut progress = lock(&self.progress);
            let Progress::Waiting(given) = &mut *progress else { return };
            let given = std::mem::take(given);
            *progress = Progress::Running;
            given
        };
        let done = catch_unwind(AssertUnwindSafe(|| self.tools.done(given)));
        let done = done
            .unwrap_or_else(|_| Err(Error::new(Status::Internal, "a thread that compressed has panicked")));
        *lock(&self.progress) = Progress::Ended(done);
        self.ended.notify_all();
    }
}

impl Tools {
    fn done(&self, mut given: Given) -> Result<Done> {
        if !given.ends.is_empty() {
            self.check(&mut given)?;
        }
        let Given { bytes, mut ends, out: mut stored, .. } = given;
        ends.clear();
        if self.compressor == Compressor::None {
            return Ok(Done { stored: bytes, room: Vec::new(), ends });
        }
        let idle = lock(&self.streams).pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => CompressStream::new(self.compressor, self.level)?
                .ok_or_else(|| Error::new(Status::Internal, "there is no compressor"))?,
        };
        stream.compress_whole(&bytes, &mut stored)?;
        if stream.is_reusable() {
            lock(&self.streams).push(stream);
        }
        let mut room = bytes;
        room.clear();
        Ok(Done { stored, room, ends })
    }

    fn check(&self, given: &mut Given) -> Result<()> {
        let checker = lock(&self.checkers).pop();
        let mut checker =
            checker.ok_or_else(|| Error::new(Status::Internal, "a thread has no encoder to check with"))?;
        let outcome = check(&mut checker, given);
        lock(&self.checkers).push(checker);
        outcome
    }
}

/// Checks the records of a piece, and leaves out the line breaks in them.
fn check(checker: &mut FileEncoder, given: &mut Given) -> Result<()> {
    let mut start = 0;
    for (index, end) in given.ends.iter().enumerate() {
        let checked = checker.check(&given.bytes[start..*end]);
        let checked = checked.map_err(|rejection| rejection.into_error(given.first + index as u64))?;
        if checked.has_line_breaks {
            given.bytes = encoded(checker, given, index, start)?;
            return Ok(());
        }
        start = end + 1;
    }
    Ok(())
}

/// The bytes of a piece whose record of this index, which begins at `start`, has line breaks.
#[cold]
fn encoded(checker: &mut FileEncoder, given: &Given, index: usize, mut start: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve_exact(given.bytes.len())
        .map_err(|_| Error::new(Status::NoMemory, "no memory for the records of a piece"))?;
    out.extend_from_slice(&given.bytes[..start]);
    for (index, end) in given.ends.iter().enumerate().skip(index) {
        let record = &given.bytes[start..*end];
        checker
            .encode(record, &mut out)
            .map_err(|rejection| rejection.into_error(given.first + index as u64))?;
        start = end + 1;
    }
    Ok(out)
}

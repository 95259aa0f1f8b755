//! A pipe whose pieces are checked, compressed and hashed by several threads. What they need of each other is
//! kept in order; the calling thread gathers records and writes what is to be stored.

use super::{CHUNK, Opening, Pipe, SLACK, no_memory, reserved};
use crate::checksum::{Checksum, Hasher};
use crate::codec::FileEncoder;
use crate::compress::Compressor;
use crate::dataset::Dataset;
use crate::error::Result;
use crate::threads::{Done, Given, Hashing, Pieces, Pool};

/// How many bytes a thread is given at a time: each piece becomes a frame or member of its own.
pub(super) const PIECE: usize = 2 << 20;

/// The most records that wait in a piece to be checked.
const UNCHECKED_MAX: usize = 128 << 10;

/// What a pipe has for its threads.
pub(super) struct Parallel {
    pieces: Pieces,
    hashing: Option<Hashing>,
    /// Where the records of the buffer end that are still to be checked; `None`: each is checked as it comes.
    unchecked: Option<Vec<usize>>,
    /// Buffers that the threads have given back.
    rooms: Vec<Vec<u8>>,
    ends: Vec<Vec<usize>>,
}

impl Parallel {
    /// `None`: there is nothing worth another thread. The checksum goes to the threads with the rest.
    pub fn new(
        dataset: &Dataset,
        opening: &Opening<'_>,
        hasher: &mut Option<Hasher>,
    ) -> Result<Option<Parallel>> {
        let options = dataset.options();
        let checks_later =
            opening.is_one_call && options.codec.records_stand_alone() && !options.file_statistics;
        // XXH3 takes no longer than the copy that another thread would need.
        let is_slow = matches!(options.checksum, Checksum::Md5 | Checksum::Sha256);
        if options.compressor == Compressor::None && !checks_later && !is_slow {
            return Ok(None);
        }
        let Some(pool) = opening.pool.clone().or_else(|| Pool::new(&options.threads)) else {
            return Ok(None);
        };
        // Of many files each has a piece on its way, so that there are enough of them.
        let most = if opening.is_one_of_many { 1 } else { 2 * pool.threads() };
        let checkers = if checks_later { checkers(dataset, pool.threads())? } else { Vec::new() };
        let level = options.compression_level;
        Ok(Some(Parallel {
            pieces: Pieces::new(&pool, options.compressor, level, checkers, most),
            hashing: hasher.take().map(|hasher| Hashing::new(&pool, hasher)),
            unchecked: checks_later.then(Vec::new),
            rooms: Vec::new(),
            ends: Vec::new(),
        }))
    }

    /// Where the records that are to be checked with their piece end, if any are.
    #[inline(always)]
    fn unchecked(&mut self) -> Option<&mut Vec<usize>> {
        self.unchecked.as_mut()
    }
}

/// An encoder for each thread to check with.
fn checkers(dataset: &Dataset, count: usize) -> Result<Vec<FileEncoder>> {
    let options = dataset.options();
    let mut checkers = Vec::new();
    checkers.try_reserve_exact(count).map_err(|_| no_memory(count * size_of::<FileEncoder>()))?;
    for _ in 0..count {
        checkers.extend(options.codec.encoder(&options.encoder_options(false))?);
    }
    Ok(checkers)
}

impl Pipe {
    /// Takes a record of a call that a bad one fails. With several threads it may be checked later than this:
    /// a failure of [`Pipe::flush`], [`Pipe::check_taken`] or [`Pipe::close`] then tells of the first bad
    /// record, and the pipe can only be dropped.
    #[inline(always)]
    pub fn take(&mut self, record: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        let Some(unchecked) = self.parallel.as_mut().and_then(Parallel::unchecked) else {
            return self.append(record, unix_nanos);
        };
        if unchecked.len() >= UNCHECKED_MAX || record.len() as u64 > self.dataset.options().max_record_bytes {
            return self.append_rare(record, unix_nanos);
        }
        self.buffer.try_reserve(record.len() + 1).map_err(|_| no_memory(record.len()))?;
        unchecked.try_reserve(1).map_err(|_| no_memory(size_of::<usize>()))?;
        self.buffer.extend_from_slice(record);
        unchecked.push(self.buffer.len());
        self.buffer.push(b'\n');
        self.count(record, unix_nanos);
        Ok(())
    }

    /// Takes a record after very many small ones, or one that may be within the limit once its line breaks
    /// are gone.
    #[cold]
    fn append_rare(&mut self, record: &[u8], unix_nanos: Option<i64>) -> Result<()> {
        self.flush()?;
        match self.append(record, unix_nanos) {
            // It is without line breaks by now, and is found right once more.
            Ok(()) => {
                let end = self.buffer.len() - 1;
                if let Some(unchecked) = self.parallel.as_mut().and_then(Parallel::unchecked) {
                    unchecked.push(end);
                }
                Ok(())
            }
            Err(error) => self.check_taken().and(Err(error)),
        }
    }

    /// Checks all records that were taken; nothing more can be taken.
    ///
    /// # Errors
    /// What is wrong with the first bad one.
    #[cold]
    pub fn check_taken(&mut self) -> Result<()> {
        if self.parallel.as_mut().is_some_and(|parallel| parallel.unchecked().is_some()) {
            self.submit()?;
            while self.collect()? {}
        }
        Ok(())
    }

    /// Gives the buffer to the threads, once there is room for it.
    pub(super) fn send_on_in_parallel(&mut self) -> Result<()> {
        self.store_compressed()?;
        while self.parallel.as_ref().is_some_and(|parallel| parallel.pieces.is_full()) {
            self.collect()?;
            self.store_compressed()?;
        }
        if self.buffer.is_empty() { Ok(()) } else { self.submit() }
    }

    /// Gives the buffer to the threads.
    pub(super) fn submit(&mut self) -> Result<()> {
        let Some(parallel) = &mut self.parallel else { return Ok(()) };
        let used = parallel.hashing.as_mut().and_then(Hashing::spare);
        let (used, out) = match self.dataset.options().compressor {
            Compressor::None => (used, Vec::new()),
            _ => (None, used.unwrap_or_default()),
        };
        let room = match used.or_else(|| parallel.rooms.pop()) {
            Some(room) => room,
            None if self.complete => Vec::new(),
            None => reserved(self.piece + SLACK)?,
        };
        let mut given = Given { out, ..Given::default() };
        if let Some(unchecked) = &mut parallel.unchecked {
            let more = parallel.ends.pop().unwrap_or_default();
            given.ends = std::mem::replace(unchecked, more);
            let records = self.ended.progress.records + self.counts.records;
            given.first = records - given.ends.len() as u64;
        }
        given.bytes = std::mem::replace(&mut self.buffer, room);
        parallel.pieces.submit(given);
        Ok(())
    }

    /// Takes the next piece from the threads; whether there was one.
    fn collect(&mut self) -> Result<bool> {
        let Some(parallel) = &mut self.parallel else { return Ok(false) };
        let Some(Done { stored, room, ends }) = parallel.pieces.collect()? else { return Ok(false) };
        self.compressed = stored;
        // One that a huge record has widened is not kept.
        if room.capacity() > 0 && room.capacity() <= self.piece + 3 * CHUNK {
            parallel.rooms.push(room);
        }
        if ends.capacity() > 0 {
            parallel.ends.push(ends);
        }
        Ok(true)
    }

    /// Hands the bytes of a piece to the store, and then to the checksum; keeps them if the store does not
    /// take them.
    fn store_compressed(&mut self) -> Result<()> {
        if self.compressed.is_empty() {
            return Ok(());
        }
        self.upload.write(&self.context, &self.compressed)?;
        self.stored += self.compressed.len() as u64;
        let stored = std::mem::take(&mut self.compressed);
        let Some(parallel) = &mut self.parallel else { return Ok(()) };
        match &mut parallel.hashing {
            Some(hashing) => hashing.push(stored),
            None if self.dataset.options().compressor == Compressor::None => {
                let mut room = stored;
                room.clear();
                parallel.rooms.push(room);
            }
            None => {}
        }
        Ok(())
    }

    /// Whether the threads were given nothing.
    pub(super) fn is_untouched(&self) -> bool {
        self.parallel.as_ref().is_some_and(|parallel| parallel.pieces.is_untouched())
    }

    /// Stores all that the threads have been given and the rest of the buffer. After `NoSpace` it may be
    /// called again.
    pub(super) fn close_parallel(&mut self) -> Result<()> {
        if !self.buffer.is_empty() {
            self.submit()?;
        }
        loop {
            self.store_compressed()?;
            if !self.collect()? {
                break;
            }
        }
        let parallel = self.parallel.take();
        if let Some(hashing) = parallel.and_then(|parallel| parallel.hashing) {
            self.hasher = Some(hashing.finish()?);
        }
        Ok(())
    }
}

//! Writing on several threads: pieces of a data file are checked and compressed by any of them, each piece
//! becoming a frame or member of its own, and put back into their order; hashing takes the stored bytes in
//! that order.
//!
//! The threads are the caller's, or the library's own, and none waits for another: a task takes what waits
//! for a thread until there is nothing, and returns. The calling thread does the same work while it has to
//! wait for a piece, so that nothing depends on a task's being started soon, or at all.

mod hashing;
mod pieces;
mod pool;

pub(crate) use hashing::Hashing;
pub(crate) use pieces::{Done, Given, Pieces};
pub(crate) use pool::Pool;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a thread is given to do, once.
pub struct Task(Box<dyn FnOnce() + Send>);

impl Task {
    /// Does it, on the thread that calls.
    pub fn run(self) {
        (self.0)();
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Task")
    }
}

/// Gives threads for tasks.
pub trait Spawn: Send + Sync {
    /// Has another thread run the task, now or later, once; or drops it, and the work is done by the calling
    /// thread.
    fn spawn(&self, task: Task);
}

/// Threads of the library's own, each of which ends with its task.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnThreads;

impl Spawn for OwnThreads {
    fn spawn(&self, task: Task) {
        // Where the system has no more threads the calling one does it.
        let _ = std::thread::Builder::new().name("lode".to_owned()).spawn(|| task.run());
    }
}

/// How many threads work on what is written, and where they come from.
#[derive(Clone, Default)]
pub struct Threads {
    /// How many, the calling one included; 0 and 1: the calling one alone.
    pub count: u32,
    /// Gives the others; `None`: the library's own.
    pub spawn: Option<Arc<dyn Spawn>>,
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Threads").field("count", &self.count).field("own", &self.spawn.is_none()).finish()
    }
}

/// Each state of the values is valid, so that a panic elsewhere while one was locked does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Checksum;
    use crate::codec::{Codec, EncoderOptions, FileEncoder};
    use crate::compress::Compressor;
    use crate::error::Status;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// What a caller may do with its tasks.
    #[derive(Clone, Copy, Debug)]
    enum Host {
        OwnThreads,
        AtOnce,
        Never,
        AtTheEnd,
    }

    #[derive(Debug)]
    struct Hosted {
        host: Host,
        kept: Mutex<Vec<Task>>,
        spawned: AtomicUsize,
    }

    impl Spawn for Hosted {
        fn spawn(&self, task: Task) {
            self.spawned.fetch_add(1, Ordering::Relaxed);
            match self.host {
                Host::OwnThreads => OwnThreads.spawn(task),
                Host::AtOnce => task.run(),
                Host::Never => drop(task),
                Host::AtTheEnd => lock(&self.kept).push(task),
            }
        }
    }

    fn decompressed(compressor: Compressor, stored: &[u8]) -> Vec<u8> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        match compressor {
            Compressor::Gzip => {
                flate2::read::MultiGzDecoder::new(stored).read_to_end(&mut bytes).unwrap();
            }
            Compressor::Zstd => bytes = zstd::decode_all(stored).unwrap(),
            Compressor::None => bytes.extend_from_slice(stored),
        }
        bytes
    }

    const HOSTS: [Host; 4] = [Host::OwnThreads, Host::AtOnce, Host::Never, Host::AtTheEnd];

    fn hosted(host: Host) -> Arc<Hosted> {
        Arc::new(Hosted { host, kept: Mutex::default(), spawned: AtomicUsize::new(0) })
    }

    fn pool(count: u32, host: &Arc<Hosted>) -> Arc<Pool> {
        Pool::new(&Threads { count, spawn: Some(host.clone()) }).unwrap()
    }

    fn checkers(count: usize) -> Vec<FileEncoder> {
        let options = crate::dataset::DatasetOptions::default();
        let options = EncoderOptions { max_record_bytes: 1 << 20, ..options.encoder_options(false) };
        (0..count).map(|_| Codec::Jsonl.encoder(&options).unwrap().unwrap()).collect()
    }

    /// A piece of these records, the first of which has this number.
    fn unchecked(records: &[&str], first: u64) -> Given {
        let mut given = Given { first, ..Given::default() };
        for record in records {
            given.bytes.extend_from_slice(record.as_bytes());
            given.ends.push(given.bytes.len());
            given.bytes.push(b'\n');
        }
        given
    }

    #[test]
    fn pieces_come_back_in_order_if_tasks_run_at_once_late_or_never() {
        for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
            for level in [1, 7] {
                for host in HOSTS {
                    let host = hosted(host);
                    let pool = pool(3, &host);
                    let mut pieces = Pieces::new(&pool, compressor, level, Vec::new(), 4);
                    let (mut expected, mut stored) = (Vec::new(), Vec::new());
                    for number in 0..40_u32 {
                        let piece = number.to_string().repeat(1 + number as usize * 37).into_bytes();
                        expected.extend_from_slice(&piece);
                        while pieces.is_full() {
                            stored.extend(pieces.collect().unwrap().unwrap().stored);
                        }
                        assert!(pieces.count() <= 3, "memory is bounded");
                        pieces.submit(Given { bytes: piece, ..Given::default() });
                        assert!(pool.tasks() <= 2, "no more tasks than threads");
                        assert!(pool.waiting() <= 4, "what was done waits no more");
                    }
                    while let Some(done) = pieces.collect().unwrap() {
                        stored.extend(done.stored);
                    }
                    assert!(decompressed(compressor, &stored) == expected, "{compressor:?}, {host:?}");
                    assert!(host.spawned.load(Ordering::Relaxed) > 0);
                    drop((pieces, pool));
                    // They find nothing to do.
                    let kept = std::mem::take(&mut *lock(&host.kept));
                    kept.into_iter().for_each(Task::run);
                }
            }
        }
    }

    #[test]
    fn one_thread_needs_no_others() {
        for (count, others) in [(0, false), (1, false), (2, true)] {
            assert_eq!(Pool::new(&Threads { count, spawn: None }).is_some(), others, "{count} threads");
        }
    }

    #[test]
    fn a_failure_comes_with_its_piece() {
        let pool = Pool::new(&Threads { count: 2, spawn: None }).unwrap();
        // A level that no compressor has is refused when a dataset is opened: here it makes each piece fail.
        let mut pieces = Pieces::new(&pool, Compressor::Gzip, 99, Vec::new(), 2);
        pieces.submit(Given { bytes: b"1".to_vec(), ..Given::default() });
        assert_eq!(pieces.collect().err().unwrap().status(), Status::InvalidArgument);
        assert!(pieces.collect().unwrap().is_none());
    }

    #[test]
    fn records_are_checked_with_their_piece_and_lose_their_line_breaks() {
        for host in HOSTS {
            let mut pieces = Pieces::new(&pool(2, &hosted(host)), Compressor::None, 0, checkers(2), 4);
            pieces.submit(unchecked(&["{}", "[1,2]"], 0));
            pieces.submit(unchecked(&["1", "{\n\"a\":\r\n1}", "2", "[\n]"], 2));
            pieces.submit(unchecked(&["{}", "{}\n{}", "nil"], 6));
            pieces.submit(unchecked(&["nil"], 9));
            let stored = |pieces: &mut Pieces| pieces.collect().map(|done| done.unwrap().stored);
            assert_eq!(stored(&mut pieces).unwrap(), b"{}\n[1,2]\n");
            assert_eq!(stored(&mut pieces).unwrap(), b"1\n{\"a\":1}\n2\n[]\n");
            let error = stored(&mut pieces).unwrap_err();
            assert_eq!(
                (error.status(), error.record(), error.offset()),
                (Status::InvalidRecord, Some(7), Some(3))
            );
            assert_eq!(stored(&mut pieces).unwrap_err().record(), Some(9), "{host:?}");
        }
    }

    #[test]
    fn bytes_are_hashed_in_their_order_if_tasks_run_at_once_late_or_never() {
        for host in HOSTS {
            let host = hosted(host);
            let pool = pool(2, &host);
            let mut hashing = Hashing::new(&pool, Checksum::Sha256.hasher().unwrap());
            let mut expected = Checksum::Sha256.hasher().unwrap();
            let mut buffers = 0;
            for number in 0..40_u32 {
                let bytes = number.to_string().repeat(1 + number as usize * 37).into_bytes();
                expected.update(&bytes);
                buffers += usize::from(hashing.spare().is_none());
                hashing.push(bytes);
                assert!(pool.waiting() <= 1, "what was done waits no more");
            }
            assert_eq!(hashing.finish().unwrap().finish(), expected.finish(), "{host:?}");
            assert!(buffers <= 4, "{buffers} buffers, {host:?}");
        }
    }
}

//! Compressing on several threads: pieces of a data file, each a frame or member of its own, put back into
//! their order.
//!
//! The threads are the caller's, or the library's own, and none waits for another: a task takes pieces that
//! wait for a thread until there are none, and returns. The calling thread does the same work while it has to
//! wait for a piece, so that nothing depends on a task's being started soon, or at all.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::compress::{CompressStream, Compressor};
use crate::error::{Error, Result, Status};

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

/// A compressor whose pieces are compressed by several threads.
pub(crate) struct ParallelCompressor {
    shared: Arc<Shared>,
    spawn: Arc<dyn Spawn>,
    /// How many tasks may be running or coming.
    helpers: u32,
    /// In the order of the file.
    pieces: VecDeque<Arc<Piece>>,
    /// A piece was taken, even an empty one.
    has_begun: bool,
}

/// What the threads have in common.
struct Shared {
    compressor: Compressor,
    level: i32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Pieces that no thread has begun.
    waiting: VecDeque<Arc<Piece>>,
    /// Tasks that were handed out and have not returned.
    tasks: u32,
    /// Compressors that no thread uses.
    idle: Vec<CompressStream>,
}

struct Piece {
    progress: Mutex<Progress>,
    ended: Condvar,
}

enum Progress {
    Waiting(Vec<u8>),
    Running,
    Ended(Result<Compressed>),
}

/// A compressed piece.
pub(crate) struct Compressed {
    pub bytes: Vec<u8>,
    /// The buffer of what was compressed, to be filled again.
    pub room: Vec<u8>,
}

/// Each state of the values is valid, so that a panic elsewhere while one was locked does no harm.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ParallelCompressor {
    /// `None`: there is nothing to be done, or by the calling thread alone.
    pub fn new(compressor: Compressor, level: i32, threads: &Threads) -> Option<Self> {
        if compressor == Compressor::None || threads.count < 2 {
            return None;
        }
        Some(ParallelCompressor {
            shared: Arc::new(Shared { compressor, level, state: Mutex::default() }),
            spawn: threads.spawn.clone().unwrap_or_else(|| Arc::new(OwnThreads)),
            helpers: threads.count - 1,
            pieces: VecDeque::new(),
            has_begun: false,
        })
    }

    /// Whether no piece was taken so far.
    pub fn is_untouched(&self) -> bool {
        !self.has_begun
    }

    /// Whether no further piece is to be taken before one is collected.
    pub fn is_full(&self) -> bool {
        self.pieces.len() > self.helpers as usize
    }

    /// Takes a piece, to become a frame or member of its own.
    pub fn submit(&mut self, bytes: Vec<u8>) {
        self.has_begun = true;
        let piece = Arc::new(Piece { progress: Mutex::new(Progress::Waiting(bytes)), ended: Condvar::new() });
        self.pieces.push_back(Arc::clone(&piece));
        let more = {
            let mut state = lock(&self.shared.state);
            state.waiting.push_back(piece);
            let more = state.tasks < self.helpers;
            state.tasks += u32::from(more);
            more
        };
        if more {
            let guard = TaskGuard(Arc::clone(&self.shared));
            self.spawn.spawn(Task(Box::new(move || guard.work())));
        }
    }

    /// The first piece that was not collected yet, compressed; `None`: there is none.
    pub fn collect(&mut self) -> Result<Option<Compressed>> {
        let Some(first) = self.pieces.front().cloned() else { return Ok(None) };
        loop {
            let waits = matches!(*lock(&first.progress), Progress::Waiting(_) | Progress::Running);
            if !waits {
                break;
            }
            // The calling thread is one of the threads.
            let next = lock(&self.shared.state).waiting.pop_front();
            match next {
                Some(piece) => self.shared.compress(&piece),
                None => {
                    let mut progress = lock(&first.progress);
                    while !matches!(*progress, Progress::Ended(_)) {
                        progress = first.ended.wait(progress).unwrap_or_else(PoisonError::into_inner);
                    }
                    break;
                }
            }
        }
        self.pieces.pop_front();
        match std::mem::replace(&mut *lock(&first.progress), Progress::Running) {
            Progress::Ended(compressed) => compressed.map(Some),
            Progress::Waiting(_) | Progress::Running => {
                Err(Error::new(Status::Internal, "a piece was collected before it was compressed"))
            }
        }
    }
}

impl Drop for ParallelCompressor {
    fn drop(&mut self) {
        // Tasks that come later find nothing to do. A forked process may have inherited the lock as it was
        // held.
        if let Ok(mut state) = self.shared.state.try_lock() {
            state.waiting.clear();
        }
    }
}

/// One of the tasks that may be running or coming; counted until it is dropped, done or not.
struct TaskGuard(Arc<Shared>);

impl TaskGuard {
    /// Compresses pieces until none waits.
    fn work(&self) {
        loop {
            let next = lock(&self.0.state).waiting.pop_front();
            match next {
                Some(piece) => self.0.compress(&piece),
                None => return,
            }
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        lock(&self.0.state).tasks -= 1;
    }
}

impl Shared {
    fn compress(&self, piece: &Piece) {
        let bytes = match std::mem::replace(&mut *lock(&piece.progress), Progress::Running) {
            Progress::Waiting(bytes) => bytes,
            Progress::Running | Progress::Ended(_) => return,
        };
        let compressed = catch_unwind(AssertUnwindSafe(|| self.compressed(bytes)));
        let compressed = compressed
            .unwrap_or_else(|_| Err(Error::new(Status::Internal, "a thread that compressed has panicked")));
        *lock(&piece.progress) = Progress::Ended(compressed);
        piece.ended.notify_all();
    }

    fn compressed(&self, input: Vec<u8>) -> Result<Compressed> {
        let idle = lock(&self.state).idle.pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => CompressStream::new(self.compressor, self.level)?
                .ok_or_else(|| Error::new(Status::Internal, "there is no compressor"))?,
        };
        let mut bytes = Vec::new();
        stream.compress_whole(&input, &mut bytes)?;
        if stream.is_reusable() {
            lock(&self.state).idle.push(stream);
        }
        let mut room = input;
        room.clear();
        Ok(Compressed { bytes, room })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// What a caller may do with its tasks.
    #[derive(Clone, Copy, Debug)]
    enum Host {
        OwnThreads,
        AtOnce,
        Never,
        AtTheEnd,
    }

    struct Pool {
        host: Host,
        kept: Mutex<Vec<Task>>,
        spawned: AtomicUsize,
    }

    impl Spawn for Pool {
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
            Compressor::None => unreachable!("nothing is compressed"),
        }
        bytes
    }

    #[test]
    fn pieces_come_back_in_order_if_tasks_run_at_once_late_or_never() {
        for compressor in [Compressor::Gzip, Compressor::Zstd] {
            for level in [1, 7] {
                for host in [Host::OwnThreads, Host::AtOnce, Host::Never, Host::AtTheEnd] {
                    let pool = Arc::new(Pool { host, kept: Mutex::default(), spawned: AtomicUsize::new(0) });
                    let threads = Threads { count: 3, spawn: Some(pool.clone()) };
                    let mut parallel = ParallelCompressor::new(compressor, level, &threads).unwrap();
                    let (mut expected, mut stored) = (Vec::new(), Vec::new());
                    for number in 0..40_u32 {
                        let piece = number.to_string().repeat(1 + number as usize * 37).into_bytes();
                        expected.extend_from_slice(&piece);
                        while parallel.is_full() {
                            stored.extend(parallel.collect().unwrap().unwrap().bytes);
                        }
                        assert!(parallel.pieces.len() <= 2, "memory is bounded");
                        parallel.submit(piece);
                        assert!(lock(&parallel.shared.state).tasks <= 2, "no more tasks than threads");
                    }
                    while let Some(compressed) = parallel.collect().unwrap() {
                        stored.extend(compressed.bytes);
                    }
                    assert!(decompressed(compressor, &stored) == expected, "{compressor:?}, {host:?}");
                    assert!(pool.spawned.load(Ordering::Relaxed) > 0);
                    drop(parallel);
                    // They find nothing to do.
                    let kept = std::mem::take(&mut *lock(&pool.kept));
                    kept.into_iter().for_each(Task::run);
                }
            }
        }
    }

    #[test]
    fn one_thread_and_no_compressor_need_no_others() {
        let threads = |count| Threads { count, spawn: None };
        assert!(ParallelCompressor::new(Compressor::Zstd, 3, &threads(0)).is_none());
        assert!(ParallelCompressor::new(Compressor::Zstd, 3, &threads(1)).is_none());
        assert!(ParallelCompressor::new(Compressor::None, 0, &threads(8)).is_none());
        assert!(ParallelCompressor::new(Compressor::Zstd, 3, &threads(2)).is_some());
    }

    #[test]
    fn a_failure_comes_with_its_piece() {
        let threads = Threads { count: 2, spawn: None };
        // A level that no compressor has is refused when a dataset is opened: here it makes each piece fail.
        let mut parallel = ParallelCompressor::new(Compressor::Gzip, 99, &threads).unwrap();
        parallel.submit(b"1".to_vec());
        assert_eq!(parallel.collect().err().unwrap().status(), Status::InvalidArgument);
        assert!(parallel.collect().unwrap().is_none());
    }
}

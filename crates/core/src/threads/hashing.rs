//! The checksum of a data file, computed beside its writing: the stored bytes are hashed in their order, by
//! one thread at a time, which need not be the one that writes.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::lock;
use super::pool::{Job, Pool};
use crate::checksum::Hasher;
use crate::error::{Error, Result, Status};

/// How many buffers may wait to be hashed.
const WAITING_MAX: usize = 2;

/// Stored bytes on their way through a checksum.
pub(crate) struct Hashing {
    pool: Arc<Pool>,
    chain: Arc<Chain>,
}

struct Chain {
    state: Mutex<State>,
    /// A buffer was hashed.
    moved: Condvar,
}

struct State {
    /// `None` while a thread hashes, and once hashing has failed.
    hasher: Option<Hasher>,
    waiting: VecDeque<Vec<u8>>,
    /// Buffers that were hashed.
    spare: Vec<Vec<u8>>,
    /// A thread was asked to hash, and has not found out yet that nothing waits.
    is_submitted: bool,
    has_failed: bool,
}

impl Hashing {
    pub fn new(pool: &Arc<Pool>, hasher: Hasher) -> Self {
        let state = State {
            hasher: Some(hasher),
            waiting: VecDeque::new(),
            spare: Vec::new(),
            is_submitted: false,
            has_failed: false,
        };
        let chain = Arc::new(Chain { state: Mutex::new(state), moved: Condvar::new() });
        Hashing { pool: Arc::clone(pool), chain }
    }

    /// Takes the next bytes. If too many wait, this thread hashes, or waits for the one that does.
    pub fn push(&mut self, bytes: Vec<u8>) {
        self.help_until(WAITING_MAX - 1);
        let submit = {
            let mut state = lock(&self.chain.state);
            state.waiting.push_back(bytes);
            !std::mem::replace(&mut state.is_submitted, true)
        };
        if submit {
            // It takes less time than a piece, and its buffers are waited for.
            self.pool.submit(Arc::clone(&self.chain) as Arc<dyn Job>, true);
        }
    }

    /// A buffer that was hashed, empty, to be filled again.
    pub fn spare(&mut self) -> Option<Vec<u8>> {
        lock(&self.chain.state).spare.pop()
    }

    /// The checksum of all bytes so far.
    ///
    /// # Errors
    /// `Internal`: hashing has panicked.
    pub fn finish(self) -> Result<Hasher> {
        self.help_until(0);
        let mut state = lock(&self.chain.state);
        while state.hasher.is_none() && !state.has_failed {
            state = self.chain.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let hasher = state.hasher.take();
        hasher.ok_or_else(|| Error::new(Status::Internal, "a thread that hashed has panicked"))
    }

    /// Returns when no more than this number of buffers waits.
    fn help_until(&self, most: usize) {
        let mut state = lock(&self.chain.state);
        while state.waiting.len() > most && !state.has_failed {
            if state.hasher.is_none() {
                state = self.chain.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(state);
            self.pool.withdraw(Arc::as_ptr(&self.chain).cast());
            self.chain.run();
            state = lock(&self.chain.state);
        }
    }
}

impl Job for Chain {
    fn run(&self) {
        let mut state = lock(&self.state);
        let Some(mut hasher) = state.hasher.take() else { return };
        while let Some(mut bytes) = state.waiting.pop_front() {
            drop(state);
            let hashed = catch_unwind(AssertUnwindSafe(|| hasher.update(&bytes)));
            bytes.clear();
            state = lock(&self.state);
            if hashed.is_err() {
                state.has_failed = true;
                drop(state);
                self.moved.notify_all();
                return;
            }
            state.spare.push(bytes);
            self.moved.notify_all();
        }
        state.hasher = Some(hasher);
        state.is_submitted = false;
        drop(state);
        self.moved.notify_all();
    }
}

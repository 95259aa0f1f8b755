//! Which thread may call a callback: one that is in none of the same store, and, for a serial store, one at a
//! time.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::Staged;
use lode_core::context::Context;
use lode_core::error::{Error, Result, Status};

/// How many stores may call each other in a row, each from a callback of the one before.
const DEEPEST: usize = 8;

/// How often a thread that waits for another's callback checks its deadline.
const CHECK_EVERY: Duration = Duration::from_millis(5);

thread_local! {
    // The stores whose callbacks this thread is in; no destructor, and no allocation.
    static INSIDE: Cell<([u64; DEEPEST], usize)> = const { Cell::new(([0; DEEPEST], 0)) };
}

/// Guards the callbacks of one store.
pub(super) struct Guard {
    id: u64,
    serial: bool,
    /// A serial store: a callback is running.
    taken: Mutex<bool>,
    free: Condvar,
    /// Uploads that were given up inside a callback: aborted when it has returned.
    given_up: Mutex<Vec<Box<dyn Staged>>>,
}

/// Its holder may call one callback.
pub(super) struct Entered<'a>(&'a Guard);

impl Guard {
    pub(super) fn new(serial: bool) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        Guard {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            serial,
            taken: Mutex::new(false),
            free: Condvar::new(),
            given_up: Mutex::default(),
        }
    }

    fn is_inside(&self) -> bool {
        let (stores, depth) = INSIDE.get();
        stores[..depth].contains(&self.id)
    }

    /// Waits, within the call's limits, until the thread may call a callback.
    pub(super) fn enter(&self, context: &Context) -> Result<Entered<'_>> {
        if self.is_inside() {
            let message =
                "a callback of this store is running on this thread: a callback must not use its own store";
            return Err(Error::new(Status::State, message));
        }
        let (mut stores, depth) = INSIDE.get();
        if depth == DEEPEST {
            let message = format!("{DEEPEST} callback stores call each other already");
            return Err(Error::new(Status::State, message));
        }
        if self.serial {
            self.take(context)?;
        }
        stores[depth] = self.id;
        INSIDE.set((stores, depth + 1));
        Ok(Entered(self))
    }

    fn take(&self, context: &Context) -> Result<()> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        while *taken {
            context.check("waiting for another thread's callback")?;
            taken = self.free.wait_timeout(taken, CHECK_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken = true;
        Ok(())
    }

    /// Gives an upload up: at once, or, inside a callback, when that has returned.
    pub(super) fn abort(&self, staged: Box<dyn Staged>) {
        if self.is_inside() {
            self.given_up.lock().unwrap_or_else(PoisonError::into_inner).push(staged);
            return;
        }
        // An upload must end even after the deadline.
        match self.enter(Context::unlimited()) {
            Ok(_entered) => staged.abort(),
            // Too deep for another callback: it waits for the next one's return.
            Err(_) => self.given_up.lock().unwrap_or_else(PoisonError::into_inner).push(staged),
        }
    }

    fn abort_given_up(&self) {
        loop {
            // Taken out one by one, without the lock: an abort may give up another.
            let next = self.given_up.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match next {
                Some(staged) => staged.abort(),
                None => return,
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.abort_given_up();
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.abort_given_up();
        let (stores, depth) = INSIDE.get();
        INSIDE.set((stores, depth.saturating_sub(1)));
        if self.0.serial {
            *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
            self.0.free.notify_one();
        }
    }
}

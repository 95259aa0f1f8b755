//! The threads of one writer: jobs that wait for one, and the tasks that do them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::{OwnThreads, Spawn, Task, Threads, lock};

/// What a thread can do.
pub(super) trait Job: Send + Sync {
    /// Does it, unless another thread has begun it.
    fn run(&self);
}

/// Hands jobs to other threads. None waits for another: a task does jobs until none waits, and returns. The
/// thread that needs a job done does it itself if no other has begun it, so that nothing depends on a task's
/// being started soon, or at all.
pub(crate) struct Pool {
    queue: Arc<Queue>,
    spawn: Arc<dyn Spawn>,
    /// How many tasks may be running or coming.
    helpers: u32,
}

#[derive(Default)]
struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    /// Jobs that no thread has begun.
    waiting: VecDeque<Arc<dyn Job>>,
    /// Tasks that were handed out and have not returned.
    tasks: u32,
}

impl Pool {
    /// `None`: the calling thread is to do everything.
    pub fn new(threads: &Threads) -> Option<Arc<Pool>> {
        (threads.count >= 2).then(|| {
            Arc::new(Pool {
                queue: Arc::default(),
                spawn: threads.spawn.clone().unwrap_or_else(|| Arc::new(OwnThreads)),
                helpers: threads.count - 1,
            })
        })
    }

    /// How many threads do its jobs, the calling one included.
    pub fn threads(&self) -> usize {
        self.helpers as usize + 1
    }

    /// Has another thread do the job, before others if it is `urgent`.
    pub(super) fn submit(&self, job: Arc<dyn Job>, urgent: bool) {
        let more = {
            let mut state = lock(&self.queue.0);
            if urgent {
                state.waiting.push_front(job);
            } else {
                state.waiting.push_back(job);
            }
            let more = state.tasks < self.helpers;
            state.tasks += u32::from(more);
            more
        };
        if more {
            let guard = TaskGuard(Arc::clone(&self.queue));
            self.spawn.spawn(Task(Box::new(move || guard.work())));
        }
    }

    /// No other thread needs to begin this job any more.
    pub(super) fn withdraw(&self, job: *const ()) {
        let mut state = lock(&self.queue.0);
        if let Some(place) = state.waiting.iter().position(|one| std::ptr::addr_eq(Arc::as_ptr(one), job)) {
            state.waiting.remove(place);
        }
    }

    #[cfg(test)]
    pub(super) fn tasks(&self) -> u32 {
        lock(&self.queue.0).tasks
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        lock(&self.queue.0).waiting.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Tasks that come later find nothing to do. A forked process may have inherited the lock as it was
        // held.
        if let Ok(mut state) = self.queue.0.try_lock() {
            state.waiting.clear();
        }
    }
}

/// One of the tasks that may be running or coming; counted until it is dropped, done or not.
struct TaskGuard(Arc<Queue>);

impl TaskGuard {
    /// Does jobs until none waits.
    fn work(&self) {
        loop {
            let next = lock(&self.0.0).waiting.pop_front();
            match next {
                Some(job) => job.run(),
                None => return,
            }
        }
    }
}

impl Drop for TaskGuard {
    fn drop(&mut self) {
        lock(&self.0.0).tasks -= 1;
    }
}

//! The caller's threads, as `lode_dataset_options` gives them.

use std::ffi::c_void;
use std::sync::Arc;

use super::lode_dataset_options;
use crate::call::Call;
use crate::panic::{outside, query};
use lode_core::error::Result;
use lode_core::threads::{Spawn, Task, Threads};

/// The function and its context, which the caller gives together.
struct CallerThreads {
    spawn: unsafe extern "C" fn(
        ctx: *mut c_void,
        task: Option<unsafe extern "C" fn(arg: *mut c_void)>,
        arg: *mut c_void,
    ) -> i32,
    ctx: *mut c_void,
}

// SAFETY: it is called on the thread that writes: which thread that is, is the caller's choice, who gives
// both parts.
unsafe impl Send for CallerThreads {}
// SAFETY: as above.
unsafe impl Sync for CallerThreads {}

impl Spawn for CallerThreads {
    fn spawn(&self, task: Task) {
        let arg = Box::into_raw(Box::new(task));
        // SAFETY: the caller gave the function together with its context.
        let answer = outside(|| unsafe { (self.spawn)(self.ctx, Some(run_task), arg.cast()) });
        if answer != 0 {
            // SAFETY: the caller says that `run_task` will not be called with it.
            drop(unsafe { Box::from_raw(arg) });
        }
    }
}

/// Does a task, on a thread of the caller's.
unsafe extern "C" fn run_task(arg: *mut c_void) {
    // SAFETY: `spawn` was given this pointer, for one call.
    query((), || unsafe { Box::from_raw(arg.cast::<Task>()) }.run());
}

impl Call {
    /// Which threads compress.
    pub(super) fn threads(&self, options: &lode_dataset_options) -> Result<Threads> {
        let count = self.count("threads", options.threads)?.unwrap_or_default();
        let spawn = options
            .spawn
            .map(|spawn| Arc::new(CallerThreads { spawn, ctx: options.spawn_ctx }) as Arc<dyn Spawn>);
        Ok(Threads { count, spawn })
    }
}

//! The one fence around every export: it resets and sets `*error`, catches panics, and keeps them silent.
//!
//! Arguments are decoded inside it, by the methods of [`Call`], so that a fault of decoding names the
//! function and the argument.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use crate::error::{INTERNAL, lode_error};
use crate::status::lode_status;
use lode_core::error::{Error, Result, Status};

/// The running call of an export: names it in messages.
#[derive(Clone, Copy)]
pub(super) struct Call {
    /// The export's name.
    pub(super) function: &'static str,
}

impl Call {
    /// A failure whose message begins with the function.
    #[cold]
    pub(super) fn fault(&self, status: Status, what: impl std::fmt::Display) -> Error {
        Error::new(status, format_args!("{}: {what}", self.function))
    }

    /// An argument that cannot be used.
    #[cold]
    pub(super) fn invalid(&self, what: impl std::fmt::Display) -> Error {
        self.fault(Status::InvalidArgument, what)
    }
}

/// Runs the body of an export that can fail.
///
/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn call(
    function: &'static str,
    error: *mut *mut lode_error,
    body: impl FnOnce(&Call) -> Result<lode_status>,
) -> lode_status {
    if !error.is_null() {
        // SAFETY: not NULL, so it may be written.
        unsafe { error.write(std::ptr::null_mut()) };
    }
    let inside = Inside::enter();
    let call = Call { function };
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&call)));
    let status = match outcome {
        Ok(Ok(status)) => status,
        // SAFETY: as above.
        Ok(Err(failure)) => unsafe { report(error, failure.status(), || failure) },
        Err(panic) => {
            let describe = || call.fault(Status::Internal, describe_panic(&*panic));
            // SAFETY: as above.
            let status = unsafe { report(error, Status::Internal, describe) };
            discard(panic);
            status
        }
    };
    drop(inside);
    status
}

/// Runs the body of an export that cannot fail; `fallback` is its answer should it panic.
pub(super) fn query<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter();
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        discard(panic);
        fallback
    })
}

/// Sets `*error`, come what may.
///
/// # Safety
/// As [`call`].
#[cold]
unsafe fn report(
    error: *mut *mut lode_error,
    status: Status,
    failure: impl FnOnce() -> Error,
) -> lode_status {
    let made = catch_unwind(AssertUnwindSafe(|| {
        let failure = failure();
        if error.is_null() { std::ptr::null_mut() } else { lode_error::from_failure(&failure) }
    }));
    let made = made.unwrap_or_else(|panic| {
        discard(panic);
        INTERNAL.as_handle()
    });
    if !error.is_null() {
        // SAFETY: not NULL, so it may be written.
        unsafe { error.write(made) };
    }
    status as lode_status
}

/// Drops what a panic carried; its own drop may panic in turn.
fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        std::mem::forget(again);
    }
}

fn describe_panic(panic: &(dyn Any + Send)) -> String {
    let what = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let line = PANIC_LINE.get();
    let (name, len) = PANIC_FILE.get();
    let file = String::from_utf8_lossy(&name[..len]);
    format!("internal error in lode, please report it: {what} ({file}:{line})")
}

thread_local! {
    // How many fences this thread is in. No destructors here: nothing of ours is to run when a thread ends.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    // Where the last panic was: the end of the file's name, and the line.
    static PANIC_FILE: Cell<([u8; 48], usize)> = const { Cell::new(([0; 48], 0)) };
    static PANIC_LINE: Cell<u32> = const { Cell::new(0) };
}

/// This thread runs code of ours: panics print nothing.
struct Inside(Gate);

impl Inside {
    fn enter() -> Self {
        quieten_panics();
        let gate = Gate::of_this_thread();
        let inside = gate.inside();
        inside.set(inside.get() + 1);
        Inside(gate)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        let inside = self.0.inside();
        inside.set(inside.get() - 1);
    }
}

/// Runs a callback of the caller's: a panic in there is none of ours, and goes to the caller's own hook.
pub(super) fn outside<T>(callback: impl FnOnce() -> T) -> T {
    Gate::of_this_thread().outside(callback)
}

/// This thread's way in and out of the fence, kept where to look for it each time would cost.
#[derive(Clone, Copy)]
pub(super) struct Gate(*const Cell<u32>);

impl Gate {
    pub(super) fn of_this_thread() -> Self {
        Gate(INSIDE.with(|inside| &raw const *inside))
    }

    #[inline(always)]
    fn inside(&self) -> &Cell<u32> {
        // SAFETY: a thread's variable without a destructor is there as long as the thread, and a pointer stays on its
        // thread.
        unsafe { &*self.0 }
    }

    /// As [`outside`].
    #[inline(always)]
    pub(super) fn outside<T>(self, callback: impl FnOnce() -> T) -> T {
        struct Restore<'a>(&'a Cell<u32>, u32);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _restore = Restore(self.inside(), self.inside().replace(0));
        callback()
    }
}

/// Puts a hook before the one that is there: silent inside the fence, else the old one's turn.
///
/// A library must not print, and the standard hook does.
fn quieten_panics() {
    static ONCE: Once = Once::new();
    // Changing the hook while this thread unwinds would panic again; the next call will do.
    if ONCE.is_completed() || std::thread::panicking() {
        return;
    }
    ONCE.call_once(|| {
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if INSIDE.try_with(Cell::get).unwrap_or(0) == 0 {
                return previous(info);
            }
            if let Some(at) = info.location() {
                PANIC_LINE.set(at.line());
                let name = at.file().as_bytes();
                let mut end = [0; 48];
                let len = name.len().min(end.len());
                end[..len].copy_from_slice(&name[name.len() - len..]);
                PANIC_FILE.set((end, len));
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{lode_error_free, lode_error_message, lode_error_status};
    use crate::status::{LODE_ERR_INTERNAL, LODE_ERR_STATE, LODE_ITEM};
    use std::ffi::CStr;
    use std::ptr;

    fn message(error: *const lode_error) -> String {
        // SAFETY: the tests give errors that `call` made.
        unsafe { CStr::from_ptr(lode_error_message(error)) }.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_panic_becomes_an_internal_error_that_names_function_and_place() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status = unsafe { call("lode_test", &mut error, |_| panic!("index {} is out of bounds", 7)) };
        assert_eq!(status, LODE_ERR_INTERNAL);
        let text = message(error);
        assert!(text.starts_with("lode_test: internal error"), "{text}");
        assert!(text.contains("index 7 is out of bounds"), "{text}");
        assert!(text.contains("boundary.rs:"), "{text}");
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
    }

    #[test]
    fn a_panic_without_text_or_with_a_wild_payload_is_held_too() {
        struct Wild;
        impl Drop for Wild {
            fn drop(&mut self) {
                panic!("again");
            }
        }
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status = unsafe { call("lode_test", &mut error, |_| std::panic::panic_any(Wild)) };
        assert_eq!(status, LODE_ERR_INTERNAL);
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
        assert_eq!(query(42, || std::panic::panic_any(Wild)), 42);
    }

    #[test]
    fn success_resets_the_error_and_keeps_the_status() {
        let mut error = ptr::dangling_mut();
        // SAFETY: `error` may be written; what it holds is never read.
        let status = unsafe { call("lode_test", &mut error, |_| Ok(LODE_ITEM)) };
        assert_eq!((status, error), (LODE_ITEM, ptr::null_mut()));
    }

    #[test]
    fn without_an_error_pointer_the_status_alone_tells() {
        // SAFETY: NULL is allowed.
        let status =
            unsafe { call("lode_test", ptr::null_mut(), |call| Err(call.fault(Status::State, "x"))) };
        assert_eq!(status, LODE_ERR_STATE);
        // SAFETY: NULL is allowed.
        let status = unsafe { call("lode_test", ptr::null_mut(), |_| panic!("x")) };
        assert_eq!(status, LODE_ERR_INTERNAL);
    }

    #[test]
    fn a_failure_keeps_its_message() {
        let mut error = ptr::null_mut();
        // SAFETY: `error` may be written.
        let status =
            unsafe { call("lode_test", &mut error, |call| Err(call.fault(Status::State, "it is over"))) };
        assert_eq!(status, LODE_ERR_STATE);
        // SAFETY: made by `call`.
        assert_eq!(unsafe { lode_error_status(error) }, LODE_ERR_STATE);
        assert_eq!(message(error), "lode_test: it is over");
        // SAFETY: ours, once.
        unsafe { lode_error_free(error) };
    }

    /// Runs a test of this module in a process of its own and gives what it wrote to standard error.
    fn stderr_of(test: &str) -> String {
        let result = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                &format!("{}::{test}", module_path!().split_once("::").unwrap().1),
                "--nocapture",
            ])
            .output()
            .unwrap();
        let stdout = String::from_utf8_lossy(&result.stdout);
        assert!(result.status.success() && stdout.contains("1 passed"), "{stdout}");
        String::from_utf8_lossy(&result.stderr).into_owned()
    }

    #[test]
    fn a_panic_of_the_callers_goes_to_the_callers_hook() {
        query((), || outside(|| drop(catch_unwind(|| panic!("seen by the caller's hook")))));
    }

    #[test]
    fn a_panic_of_ours_prints_nothing_and_one_of_the_callers_does() {
        let quiet = stderr_of("a_panic_becomes_an_internal_error_that_names_function_and_place");
        assert!(!quiet.contains("panicked"), "{quiet}");
        let loud = stderr_of("a_panic_of_the_callers_goes_to_the_callers_hook");
        assert!(loud.contains("seen by the caller's hook"), "{loud}");
    }

    #[test]
    fn callbacks_run_outside_and_the_depth_comes_back() {
        query((), || {
            query((), || {
                assert_eq!(INSIDE.get(), 2);
                outside(|| assert_eq!(INSIDE.get(), 0));
                assert_eq!(INSIDE.get(), 2);
            });
        });
        assert_eq!(INSIDE.get(), 0);
        query((), || panic!("x"));
        assert_eq!(INSIDE.get(), 0);
    }
}

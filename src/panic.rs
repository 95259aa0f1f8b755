//! The fence: no panic leaves an export, and none of the library's own prints anything.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

/// Runs the body of an export that cannot fail; `fallback` is its answer should it panic.
pub(super) fn query<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    let _inside = Inside::enter();
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        discard(panic);
        fallback
    })
}

/// Drops what a panic carried; its own drop may panic in turn.
pub(super) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        // Nearly always a text, which can be dropped; what else it may be could panic for ever.
        if !again.is::<&'static str>() && !again.is::<String>() {
            std::mem::forget(again);
        }
    }
}

/// What a panic says, and where it was.
pub(super) fn describe(panic: &(dyn Any + Send)) -> String {
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
pub(super) struct Inside(Gate);

impl Inside {
    pub(super) fn enter() -> Self {
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
        // SAFETY: a thread's variable without a destructor is there as long as the thread, and a pointer
        // stays on its thread.
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

/// Puts a hook before the one that is there: silent inside the fence, else the old one.
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

    /// Runs a test of this library in a process of its own and gives what it wrote to standard error.
    fn stderr_of(test: &str) -> String {
        let result = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
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
    #[cfg_attr(miri, ignore = "Miri starts no process")]
    fn a_panic_of_ours_prints_nothing_and_one_of_the_callers_does() {
        let quiet = stderr_of("call::tests::a_panic_becomes_an_internal_error_that_names_function_and_place");
        assert!(!quiet.contains("panicked"), "{quiet}");
        let loud = stderr_of("panic::tests::a_panic_of_the_callers_goes_to_the_callers_hook");
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

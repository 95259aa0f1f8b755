//! A Rust static library of another author, for the check that links it beside liblode.a: with a standard
//! library of its own, an allocator hook, a panic hook, and panics that it catches itself.

use std::panic::catch_unwind;
use std::sync::atomic::{AtomicI32, Ordering};

static HOOKED: AtomicI32 = AtomicI32::new(0);

/// Panics, catches that, and gives how often its own hook has run so far.
#[unsafe(no_mangle)]
pub extern "C" fn neighbour_catches_a_panic(seed: i32) -> i32 {
    if HOOKED.load(Ordering::SeqCst) == 0 {
        std::panic::set_hook(Box::new(|_| {
            HOOKED.fetch_add(1, Ordering::SeqCst);
        }));
    }
    let text = format!("{seed} {:?}", std::thread::current().id());
    match catch_unwind(|| -> i32 { panic!("{text}") }) {
        Ok(_) => -1,
        Err(panic) if panic.downcast_ref::<String>() == Some(&text) => HOOKED.load(Ordering::SeqCst),
        Err(_) => -2,
    }
}

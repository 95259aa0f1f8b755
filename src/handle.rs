//! Handles: each C type stands for one Rust type, and the compiler keeps them apart.
//!
//! A handle is a [`Held`] on the heap behind a pointer to an opaque C type. Shared ones give `&Value` to any
//! thread; exclusive ones are leased to one call at a time, in the process that made them. A tag in the first
//! word tells most wrong or freed pointers from right ones: a courtesy, not a promise.

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::call::Call;
use crate::panic::query;
use lode_core::error::{Error, Result, Status};
use lode_core::process::Process;

/// Ties a C type to the Rust type that it stands for.
pub(super) trait Handle: Sized + 'static {
    /// What lies behind the pointer.
    type Value: Send + 'static;
    /// The C type's name.
    const NAME: &'static str;
    /// The first word of every handle of this type; no two types share it.
    const TAG: u32;
}

/// A handle that any number of threads may use at once.
pub(super) trait Shared: Handle<Value: Sync> {}

/// A handle that belongs to one call at a time.
pub(super) trait Exclusive: Handle {}

/// The first word of a handle that was freed, as long as nothing else uses the memory.
const FREED: u32 = 0x6465_6164;

const IDLE: u32 = 0;
const IN_USE: u32 = 1;
/// Freed by a callback of the call that uses it: that call's end frees it.
const FREE_LATER: u32 = 2;
/// A call on it panicked half-way; its state is unknown.
const BROKEN: u32 = 3;

/// What a handle points to.
#[repr(C)]
pub(super) struct Held<T> {
    tag: u32,
    state: AtomicU32,
    /// The process that made it; `None`: any may use it.
    process: Option<Process>,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached as `&T` by `Shared` handles only, whose values are `Sync`, and as `&mut T`
// through a `Lease`, of which `state` allows one at a time; `state` is atomic and `tag` changes only when it
// is freed.
unsafe impl<T: Send + Sync> Sync for Held<T> {}

impl<T> Held<T> {
    /// A handle's memory that is not on the heap; it must never be freed.
    pub(super) const fn fixed<H: Handle<Value = T>>(value: T) -> Self {
        Held { tag: H::TAG, state: AtomicU32::new(IDLE), process: None, value: UnsafeCell::new(value) }
    }
}

/// Makes a handle, which C owns from then on.
///
/// # Errors
/// `NoMemory`.
pub(super) fn give<H: Handle>(value: H::Value) -> Result<*mut H> {
    let layout = Layout::new::<Held<H::Value>>();
    // SAFETY: the layout's size is not zero: there is the tag.
    let memory = unsafe { std::alloc::alloc(layout) }.cast::<Held<H::Value>>();
    let Some(memory) = NonNull::new(memory) else {
        return Err(Error::new(Status::NoMemory, format_args!("no memory for a {}", H::NAME)));
    };
    // SAFETY: fresh memory of the right layout.
    unsafe {
        memory.write(Held {
            tag: H::TAG,
            state: AtomicU32::new(IDLE),
            process: Some(Process::current()),
            value: UnsafeCell::new(value),
        });
    }
    Ok(memory.as_ptr().cast())
}

/// The memory behind a pointer, or why it cannot be a handle of this type.
///
/// # Safety
/// The pointer is NULL or one that [`give`] made for some type and that was not freed (a freed one is noticed
/// only by luck), and stays so for as long as the answer is used.
unsafe fn held<H: Handle>(pointer: *const H) -> std::result::Result<NonNull<Held<H::Value>>, &'static str> {
    let Some(memory) = NonNull::new(pointer.cast_mut().cast::<Held<H::Value>>()) else {
        return Err("is NULL");
    };
    if !memory.is_aligned() {
        return Err("is no such handle");
    }
    // SAFETY: every handle begins with its tag.
    match unsafe { memory.cast::<u32>().read() } {
        tag if tag == H::TAG => Ok(memory),
        FREED => Err("was freed"),
        _ => Err("is no such handle"),
    }
}

/// The value of a shared handle, if the pointer is one.
///
/// # Safety
/// As [`held`].
pub(super) unsafe fn peek<'a, H: Shared>(pointer: *const H) -> Option<&'a H::Value> {
    // SAFETY: as asked of the caller; a shared handle's value is never borrowed mutably.
    unsafe { held(pointer).ok().map(|held| &*UnsafeCell::raw_get(&raw const (*held.as_ptr()).value)) }
}

impl Call {
    /// The value of a shared handle.
    ///
    /// # Safety
    /// As [`held`].
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(super) unsafe fn shared<'a, H: Shared>(&self, pointer: *const H, name: &str) -> Result<&'a H::Value> {
        // SAFETY: as asked of the caller; a shared handle's value is never borrowed mutably.
        match unsafe { held(pointer) } {
            // SAFETY: as above.
            Ok(held) => Ok(unsafe { &*UnsafeCell::raw_get(&raw const (*held.as_ptr()).value) }),
            Err(fault) => Err(self.invalid(format_args!("{name} (a {}) {fault}", H::NAME))),
        }
    }

    /// The value of an exclusive handle, for this call alone.
    ///
    /// # Safety
    /// As [`held`].
    ///
    /// # Errors
    /// `InvalidArgument`; `State` if another call is using it or one has left it broken; `Forked` in a
    /// process other than the one that made it.
    pub(super) unsafe fn exclusive<'a, H: Exclusive>(
        &self,
        pointer: *mut H,
        name: &str,
    ) -> Result<Lease<'a, H>> {
        // SAFETY: as asked of the caller.
        match unsafe { held(pointer) } {
            // SAFETY: it lives, as asked of the caller.
            Ok(held) => unsafe {
                if let Some(process) = (*held.as_ptr()).process
                    && !process.is_current()
                {
                    return Err(self.foreign::<H>(name, process));
                }
                Lease::take(held).map_err(|state| self.taken::<H>(name, state))
            },
            Err(fault) => Err(self.invalid(format_args!("{name} (a {}) {fault}", H::NAME))),
        }
    }

    #[cold]
    fn foreign<H: Handle>(&self, name: &str, process: Process) -> Error {
        match process.check(&format!("{}: {name} (a {})", self.function, H::NAME)) {
            Err(error) => error,
            // Only a fork in between could make it so, and there is none within a call.
            Ok(()) => self.fault(Status::Internal, "a handle of this process was taken for another's"),
        }
    }

    #[cold]
    fn taken<H: Handle>(&self, name: &str, state: u32) -> Error {
        let why = if state == BROKEN {
            "was left unusable by an internal error; free it"
        } else {
            "is in use by another call: a callback must not use it, nor two threads at once"
        };
        self.fault(Status::State, format_args!("{name} (a {}) {why}", H::NAME))
    }
}

/// Reads an exclusive handle's value if nothing else is using it.
///
/// # Safety
/// As [`held`].
pub(super) unsafe fn try_lease<'a, H: Exclusive>(pointer: *const H) -> Option<Lease<'a, H>> {
    // SAFETY: as asked of the caller.
    unsafe {
        let held = held(pointer).ok()?;
        let here = (*held.as_ptr()).process.is_none_or(Process::is_current);
        if here { Lease::take(held).ok() } else { None }
    }
}

/// An exclusive handle's value, for the time of one call.
///
/// It holds a pointer, no reference: its end may free what it points to.
pub(super) struct Lease<'a, H: Exclusive> {
    held: NonNull<Held<H::Value>>,
    /// The thread was unwinding before this call, so its end says nothing about the call.
    unwinding: bool,
    borrow: PhantomData<&'a mut H::Value>,
}

impl<H: Exclusive> Lease<'_, H> {
    /// # Safety
    /// The memory lives for as long as the lease.
    unsafe fn take(held: NonNull<Held<H::Value>>) -> std::result::Result<Self, u32> {
        // SAFETY: as asked of the caller.
        unsafe { state(held) }.compare_exchange(IDLE, IN_USE, Ordering::Acquire, Ordering::Relaxed)?;
        Ok(Lease { held, unwinding: std::thread::panicking(), borrow: PhantomData })
    }
}

/// # Safety
/// The memory lives for `'a`.
unsafe fn state<'a, T>(held: NonNull<Held<T>>) -> &'a AtomicU32 {
    // SAFETY: as asked of the caller.
    unsafe { &(*held.as_ptr()).state }
}

impl<H: Exclusive> Deref for Lease<'_, H> {
    type Target = H::Value;

    fn deref(&self) -> &H::Value {
        // SAFETY: `state` gives this lease alone the value.
        unsafe { &*UnsafeCell::raw_get(&raw const (*self.held.as_ptr()).value) }
    }
}

impl<H: Exclusive> DerefMut for Lease<'_, H> {
    fn deref_mut(&mut self) -> &mut H::Value {
        // SAFETY: as above.
        unsafe { &mut *UnsafeCell::raw_get(&raw const (*self.held.as_ptr()).value) }
    }
}

impl<H: Exclusive> Drop for Lease<'_, H> {
    fn drop(&mut self) {
        // SAFETY: it lives: a `free` meanwhile leaves it to us.
        let state = unsafe { state(self.held) };
        // A plain load and store: what happens in between is done by a callback, so on this thread and
        // before.
        if state.load(Ordering::Relaxed) == FREE_LATER {
            // SAFETY: `free` left it to us, and this lease was the last to use it.
            unsafe { destroy::<H>(self.held.as_ptr()) };
        } else if std::thread::panicking() && !self.unwinding {
            state.store(BROKEN, Ordering::Release);
        } else {
            state.store(IDLE, Ordering::Release);
        }
    }
}

/// Takes a handle back from C and drops its value; NULL is fine, and so is a callback of a call that uses it.
///
/// # Safety
/// As [`held`]; no other thread is using it.
pub(super) unsafe fn free<H: Handle>(pointer: *mut H) {
    query((), || {
        // SAFETY: as asked of the caller.
        let Ok(held) = (unsafe { held(pointer.cast_const()) }) else { return };
        // SAFETY: it lives.
        match unsafe { state(held) }.swap(FREE_LATER, Ordering::AcqRel) {
            IN_USE | FREE_LATER => {}
            // SAFETY: nothing uses it any more.
            _ => unsafe { destroy::<H>(held.as_ptr()) },
        }
    });
}

/// # Safety
/// `memory` comes from [`give`], and nothing uses it any more.
unsafe fn destroy<H: Handle>(memory: *mut Held<H::Value>) {
    // SAFETY: `give` allocated it with the layout that a box has. The tag goes first, volatile lest the write
    // be dropped as dead, so that a second free of memory that was not reused is noticed.
    unsafe {
        std::ptr::write_volatile(&raw mut (*memory).tag, FREED);
        drop(Box::from_raw(memory));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;
    use std::sync::Arc;

    struct shared_thing {
        _opaque: [u8; 0],
    }
    impl Handle for shared_thing {
        type Value = Arc<u64>;
        const NAME: &'static str = "shared_thing";
        const TAG: u32 = 1;
    }
    impl Shared for shared_thing {}

    struct single_thing {
        _opaque: [u8; 0],
    }
    impl Handle for single_thing {
        type Value = Arc<u64>;
        const NAME: &'static str = "single_thing";
        const TAG: u32 = 2;
    }
    impl Exclusive for single_thing {}

    const CALL: Call = Call { function: "lode_test" };

    #[test]
    fn null_and_a_wrong_type_are_refused_by_name() {
        let single: *mut single_thing = give(Arc::new(1)).unwrap();
        // SAFETY: NULL, and a handle of another type: both are noticed.
        unsafe {
            let error = CALL.shared(ptr::null::<shared_thing>(), "store").unwrap_err();
            assert_eq!(error.message(), "lode_test: store (a shared_thing) is NULL");
            let error = CALL.shared(single.cast::<shared_thing>(), "store").unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains("is no such handle"), "{error}");
            let odd = single.cast::<u8>().wrapping_add(1).cast::<shared_thing>();
            assert!(peek(odd.cast_const()).is_none());
            free(single);
        }
    }

    #[test]
    fn freeing_drops_the_value_and_null_is_fine() {
        let value = Arc::new(7);
        let handle: *mut shared_thing = give(Arc::clone(&value)).unwrap();
        // SAFETY: a handle of this type, then NULL.
        unsafe {
            assert_eq!(**CALL.shared(handle, "x").unwrap(), 7);
            free(handle);
            free(ptr::null_mut::<shared_thing>());
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_second_use_at_once_is_refused() {
        let handle: *mut single_thing = give(Arc::new(1)).unwrap();
        // SAFETY: a handle of this type throughout.
        unsafe {
            let lease = CALL.exclusive(handle, "writer").unwrap();
            let error = CALL.exclusive(handle, "writer").err().unwrap();
            assert_eq!(error.status(), Status::State);
            assert!(error.message().contains("in use by another call"), "{error}");
            assert!(try_lease(handle.cast_const()).is_none());
            drop(lease);
            assert!(try_lease(handle.cast_const()).is_some());
            free(handle);
        }
    }

    #[test]
    fn freed_by_a_callback_it_lives_until_the_call_ends() {
        let value = Arc::new(1);
        let handle: *mut single_thing = give(Arc::clone(&value)).unwrap();
        // SAFETY: freed once while leased, which is what `free` allows.
        unsafe {
            let lease = CALL.exclusive(handle, "writer").unwrap();
            free(handle);
            free(handle);
            assert_eq!(**lease, 1);
            assert_eq!(Arc::strong_count(&value), 2);
            drop(lease);
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }

    #[test]
    fn a_panic_during_a_lease_leaves_the_handle_broken_but_freeable() {
        let value = Arc::new(1);
        let handle: *mut single_thing = give(Arc::clone(&value)).unwrap();
        // SAFETY: a handle of this type throughout.
        unsafe {
            query((), || {
                let _lease = CALL.exclusive(handle, "writer").unwrap();
                panic!("half-way");
            });
            let error = CALL.exclusive(handle, "writer").err().unwrap();
            assert_eq!(error.status(), Status::State);
            assert!(error.message().contains("unusable"), "{error}");
            free(handle);
        }
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

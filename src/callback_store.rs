//! A store of the caller's own, reached through callbacks: what they answer is checked, and translated.
//!
//! [`CallbackStore`] is the backend; `Shared` calls the callbacks, one at a time per thread and, if they want
//! it, one at a time at all (`reentrancy`).

mod backend;
mod reentrancy;
// No unsafe code here: Miri runs the tests of `store_callbacks`.
#[cfg(all(test, not(miri)))]
mod tests;

pub(crate) use self::backend::CallbackStore;
use self::reentrancy::{Entered, Guard};
use lode_core::context::Context;
use lode_core::error::{Error, Result, Status};

/// One of the functions that a store may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Callback {
    PutBegin,
    PutWrite,
    PutFinish,
    PutAbort,
    Stat,
    Read,
    List,
    Remove,
    CompareAndSwap,
}

impl Callback {
    /// What writing takes (`docs/commit-protocol.md`, section "What a store must give"): clean-up may be
    /// lacking.
    const FOR_WRITING: [Callback; 8] = [
        Callback::PutBegin,
        Callback::PutWrite,
        Callback::PutFinish,
        Callback::PutAbort,
        Callback::Stat,
        Callback::Read,
        Callback::List,
        Callback::CompareAndSwap,
    ];

    /// Its name in the struct that the caller fills.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Callback::PutBegin => "put_begin",
            Callback::PutWrite => "put_write",
            Callback::PutFinish => "put_finish",
            Callback::PutAbort => "put_abort",
            Callback::Stat => "stat",
            Callback::Read => "read",
            Callback::List => "list",
            Callback::Remove => "remove",
            Callback::CompareAndSwap => "compare_and_swap",
        }
    }
}

/// A callback's answer below 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refusal {
    /// The answer; one of more than 32 bits is cut to their range.
    pub(crate) code: i32,
    /// What the callback had to say.
    pub(crate) text: String,
}

/// What a callback answered.
pub(crate) type Answer<T> = std::result::Result<T, Refusal>;

/// The callbacks of a store. Keys and prefixes that they are given keep to the rules.
pub(crate) trait Callbacks: Send + Sync {
    /// Whether this one is there; only such are called.
    fn has(&self, callback: Callback) -> bool;

    /// Whether no two may ever run at once.
    fn is_serial(&self) -> bool;

    /// Begins an object that is to appear only if its key is free. `None`: it answered well, but gave no
    /// upload.
    fn put_begin(&self, key: &str) -> Answer<Option<Box<dyn Staged>>>;

    /// An object's size in bytes; `u64::MAX`: it answered well, but gave none.
    fn stat(&self, key: &str) -> Answer<u64>;

    /// Reads at an offset; gives the answer as it was, which may be more than there is room for.
    fn read(&self, key: &str, offset: u64, buffer: &mut [u8]) -> Answer<u64>;

    /// Lists keys, as the bytes that were given; `each` says how the callback is to go on.
    fn list(&self, prefix: &str, each: &mut dyn FnMut(&[u8]) -> Hearing) -> Answer<()>;

    /// Removes an object.
    fn remove(&self, key: &str) -> Answer<()>;

    /// Replaces an object's bytes; `None`: it must be absent or empty.
    fn compare_and_swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Answer<()>;
}

/// How a listing is to go on after a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearing {
    /// With the next.
    More,
    /// Not at all: the caller has enough.
    Enough,
    /// Not at all: the key cannot be one.
    Wrong(Status),
}

/// An object that a store's callbacks are writing. One of the last two is called, once.
pub(crate) trait Staged: Send {
    /// Adds bytes at the end.
    fn write(&mut self, data: &[u8]) -> Answer<()>;

    /// Makes it appear.
    fn finish(self: Box<Self>) -> Answer<()>;

    /// Gives it up.
    fn abort(self: Box<Self>);
}

/// The callbacks with the rules of calling them. Uploads and open objects hold on to it.
struct Shared {
    callbacks: Box<dyn Callbacks>,
    guard: Guard,
    /// Why nothing can be written, if callbacks are lacking.
    unwritable: Option<Error>,
}

impl Shared {
    fn new(callbacks: Box<dyn Callbacks>) -> Self {
        let guard = Guard::new(callbacks.is_serial());
        let missing = Callback::FOR_WRITING.into_iter().filter(|callback| !callbacks.has(*callback));
        let missing: Vec<&str> = missing.map(Callback::name).collect();
        let unwritable = (!missing.is_empty()).then(|| {
            let message = format!(
                "the callback store can be read, but not written to: lode_store_callbacks has no {}",
                missing.join(", no ")
            );
            Error::new(Status::Unsupported, message)
        });
        Shared { callbacks, guard, unwritable }
    }

    /// Fails if callbacks are lacking that writing takes.
    fn check_writable(&self) -> Result<()> {
        self.unwritable.clone().map_or(Ok(()), Err)
    }

    /// Waits, within the call's limits, until this callback may be called; the thread may call it until the
    /// answer is dropped.
    fn enter(&self, context: &Context, callback: Callback, key: &str) -> Result<Entered<'_>> {
        if !self.callbacks.has(callback) {
            let message = format!("the callback store has no {}", callback.name());
            return Err(Error::new(Status::Unsupported, message).with_path(key));
        }
        context.check("working on a callback store")?;
        self.guard.enter(context).map_err(|error| {
            error.context(format_args!("{} of {key:?} in a callback store", callback.name())).with_path(key)
        })
    }
}

/// The status that has this number.
fn named(code: i32) -> Option<Status> {
    Status::ALL.iter().copied().find(|status| *status as i32 == code)
}

/// The error for an answer below 0.
#[cold]
fn refused(callback: Callback, key: &str, refusal: &Refusal) -> Error {
    let Refusal { code, text } = refusal;
    let known = named(*code);
    let mut message = format!("the callback store's {} of {key:?} failed with ", callback.name());
    match known {
        Some(status) => message.push_str(&format!("LODE_ERR_{} ({code})", status.name())),
        None => message.push_str(&format!("{code}, which is no LODE_ERR_*")),
    }
    if !text.is_empty() {
        message.push_str(": ");
        message.push_str(text);
    }
    let status = match known {
        Some(
            status @ (Status::NoSpace
            | Status::NoMemory
            | Status::Unsupported
            | Status::Io
            | Status::Corrupt
            | Status::InvalidPath),
        ) => status,
        _ => Status::Store,
    };
    Error::new(status, message).with_path(key).with_callback_code(*code)
}

/// The error for an answer that no callback may give.
#[cold]
fn broken(callback: Callback, key: &str, what: std::fmt::Arguments<'_>) -> Error {
    let message = format!("the callback store's {} of {key:?} {what}", callback.name());
    Error::new(Status::Store, message).with_path(key)
}

/// Whether the store cannot say if a write with this answer has happened. An answer that is not clear counts
/// as one: reading back resolves it, and a wrong "no" would lose a commit.
fn is_unclear(code: i32) -> bool {
    matches!(
        named(code),
        None | Some(Status::CommitUnknown | Status::Unknown | Status::Deadline | Status::Cancelled)
    )
}

//! `lode_store_callbacks`: a store of the caller's own, and what its callbacks are given.

use std::ffi::{CStr, CString, c_char, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::callback_store::{Answer, Callback, CallbackStore, Callbacks, Hearing, Refusal, Staged};
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle, Held, Shared};
use crate::options::{Decoded, Versioned, init};
use crate::panic::{outside, query};
use crate::status::{LODE_ERR_INTERNAL, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NO_MEMORY, LODE_OK, lode_status};
use crate::store::{lode_store, lode_store_options};
use crate::strings::c_text;
use lode_core::error::{Result, Status};
use lode_core::process::Process;
use lode_core::store::Store;

/// Flag of a store of callbacks: the library never calls two of them at once. Without it, threads that share
/// the store call them concurrently.
pub const LODE_STORE_SERIAL: u32 = 1;

/// Takes the text that a callback has to say about its failure. It lives for the callback alone.
pub struct lode_callback_error {
    _opaque: [u8; 0],
}

impl Handle for lode_callback_error {
    type Value = Mutex<String>;
    const NAME: &'static str = "lode_callback_error";
    const TAG: u32 = u32::from_le_bytes(*b"Lcer");
}

impl Shared for lode_callback_error {}

/// Takes the keys that a `list` callback finds. It lives for the callback alone.
pub struct lode_key_sink {
    _opaque: [u8; 0],
}

/// The hearer of a running `list` callback.
pub struct Sink(*mut (dyn FnMut(&[u8]) -> Hearing + 'static));

// SAFETY: one callback at a time uses it, and `list` waits for that one: the caller's own thread, or one that
// the caller synchronises with it, as lode.h asks.
unsafe impl Send for Sink {}

impl Handle for lode_key_sink {
    type Value = Sink;
    const NAME: &'static str = "lode_key_sink";
    const TAG: u32 = u32::from_le_bytes(*b"Lksi");
}

impl Exclusive for lode_key_sink {}

/// A store of the caller's own: objects under keys, written once and whole, and swapped by comparison. All
/// zero but `struct_size`: a store that can do nothing.
///
/// Every callback is given `ctx`. Keys and prefixes are NUL-terminated UTF-8, borrowed for the callback; a
/// key has no empty, "." or ".." segment between its '/'. Each callback answers 0 or above when it has done
/// what it says, or a LODE_ERR_* and, if it likes, a text by lode_callback_error_set: both are in the error
/// of the call, the number as lode_error_callback_code. A callback that is NULL is not supported: what needs
/// it fails with LODE_ERR_UNSUPPORTED. Reading takes `stat` and `read`, listing `list`; writing takes
/// everything but `remove` and `release`. Before its first write the store is tried under a key of its own
/// beside the dataset's slots, and refused for writing with LODE_ERR_UNSUPPORTED if it ignores a condition;
/// the key is removed again.
///
/// What has answered success must be durable, as far as the store can be, and seen by every call that begins
/// afterwards. The callbacks come on the threads whose calls need them, on several at once unless `flags` say
/// LODE_STORE_SERIAL. Every call that reaches the store may fail with LODE_ERR_STORE, besides what its own
/// comment lists. A callback may use any handle but those over its own store: such a call fails with
/// LODE_ERR_STATE. It must not throw or longjmp out of itself. Between two callbacks a call checks its
/// deadline and its cancel token; it does not interrupt a callback.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_store_callbacks {
    /// sizeof(lode_store_callbacks), as the caller was compiled.
    pub struct_size: usize,
    /// Handed to every callback. Borrowed until `release`.
    pub ctx: *mut c_void,
    /// LODE_STORE_SERIAL, or 0.
    pub flags: u32,
    /// Begins an object, which is not seen before `put_finish`. `if_absent` is 1: the object must not replace
    /// one that has its key by then (in this version it is never 0). `upload` is output: what stands for the
    /// object in the next three callbacks; not NULL. A key that is taken already may be answered here with
    /// LODE_ERR_PATH_EXISTS. An answer below 0 leaves nothing to abort.
    pub put_begin: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const c_char,
            if_absent: i32,
            upload: *mut *mut c_void,
            error: *mut lode_callback_error,
        ) -> i32,
    >,
    /// Adds `len` bytes (at least 1) at the object's end. After LODE_ERR_NO_SPACE, which takes none of them,
    /// the same bytes may come again; after any other failure `put_abort` comes.
    pub put_write: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            upload: *mut c_void,
            data: *const u8,
            len: usize,
            error: *mut lode_callback_error,
        ) -> i32,
    >,
    /// Makes the object appear under its key, whole, and consumes `upload` with any answer. If the key is
    /// taken nothing changes, and the answer is LODE_ERR_PATH_EXISTS. LODE_ERR_COMMIT_UNKNOWN says that the
    /// store cannot tell whether the object appeared (its answer was lost); LODE_ERR_UNKNOWN,
    /// LODE_ERR_DEADLINE, LODE_ERR_CANCELLED and numbers that are no LODE_ERR_* are taken for that, too. Any
    /// other failure promises that it did not, and never will.
    pub put_finish: Option<
        unsafe extern "C" fn(ctx: *mut c_void, upload: *mut c_void, error: *mut lode_callback_error) -> i32,
    >,
    /// Gives up an object that was begun and not finished; consumes `upload`.
    pub put_abort: Option<unsafe extern "C" fn(ctx: *mut c_void, upload: *mut c_void)>,
    /// Fills `size` with an object's size in bytes, or answers LODE_ERR_NOT_FOUND.
    pub stat: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const c_char,
            size: *mut u64,
            error: *mut lode_callback_error,
        ) -> i32,
    >,
    /// Reads at `offset` (in bytes) into `buffer`, which has room for `capacity` bytes, and answers how many
    /// it has read: fewer than there is room for are fine, 0 only at or beyond the object's end.
    /// LODE_ERR_NOT_FOUND: there is no such object. An object that is swapped must be given as it was before
    /// or after, not mixed, where one call has room for all of it.
    pub read: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const c_char,
            offset: u64,
            buffer: *mut u8,
            capacity: usize,
            error: *mut lode_callback_error,
        ) -> i64,
    >,
    /// Gives every key that begins with `prefix` (empty, or ending in '/') to lode_key_sink_add, each once,
    /// in any order. No key is no failure.
    pub list: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            prefix: *const c_char,
            keys: *mut lode_key_sink,
            error: *mut lode_callback_error,
        ) -> i32,
    >,
    /// Removes an object. LODE_ERR_NOT_FOUND is as good as success. Without it what was given up stays: data
    /// of commits that failed, and the key of the trial.
    pub remove: Option<
        unsafe extern "C" fn(ctx: *mut c_void, key: *const c_char, error: *mut lode_callback_error) -> i32,
    >,
    /// Replaces the object's bytes by `value` if they are `expected`, compared and replaced in one step;
    /// `expected_len` 0: if there is no object, or an empty one. No pointer is NULL. If they are not, nothing
    /// changes, and the answer is LODE_ERR_CONFLICT (LODE_ERR_PATH_EXISTS and LODE_ERR_NOT_FOUND are taken
    /// for that). LODE_ERR_BUSY: try again a little later. LODE_ERR_COMMIT_UNKNOWN: the store cannot tell, as
    /// for `put_finish`.
    pub compare_and_swap: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            key: *const c_char,
            expected: *const u8,
            expected_len: usize,
            value: *const u8,
            value_len: usize,
            error: *mut lode_callback_error,
        ) -> i32,
    >,
    /// Called exactly once, when no callback will be called any more: on the thread that frees the last
    /// handle of the store (datasets, writers, readers and iterators count), or before a
    /// lode_store_open_callbacks that fails returns, once `struct_size` was acceptable. NULL: none.
    pub release: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
}

// SAFETY: see the fields: numbers, pointers, and optional functions, for which zero is none.
unsafe impl Versioned for lode_store_callbacks {
    const NAME: &'static str = "lode_store_callbacks";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// The caller's callbacks; their drop releases them. Uploads hold on to them.
struct Owned(lode_store_callbacks);

// SAFETY: lode.h says that the callbacks come on any thread, and several at once unless the flags forbid it,
// which `store::callbacks` sees to; it is the caller's to allow that.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the caller gave the function together with its context; this is its one call.
            outside(|| unsafe { release(self.0.ctx) });
        }
    }
}

/// What a callback may say besides its answer.
fn said<T: Copy + Into<i64>>(callback: impl FnOnce(*mut lode_callback_error) -> T) -> Answer<i64> {
    let text = Held::fixed::<lode_callback_error>(Mutex::new(String::new()));
    let answer = outside(|| callback((&raw const text).cast_mut().cast())).into();
    if answer >= 0 {
        return Ok(answer);
    }
    // SAFETY: it lives, and is not shared any more.
    let text = unsafe { handle::peek::<lode_callback_error>((&raw const text).cast()) };
    let text = text.map(|text| std::mem::take(&mut *text.lock().unwrap_or_else(PoisonError::into_inner)));
    let code = answer.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    Err(Refusal { code, text: text.unwrap_or_default() })
}

/// A callback that is called although it is not there: a bug of ours, since `has` says so.
fn missing(callback: Callback) -> Refusal {
    Refusal { code: LODE_ERR_INTERNAL, text: format!("{} is NULL", callback.name()) }
}

fn no_memory() -> Refusal {
    Refusal { code: LODE_ERR_NO_MEMORY, text: "no memory for the callback's arguments".to_owned() }
}

fn text(key: &str) -> Answer<CString> {
    c_text(key).map_err(|_| no_memory())
}

/// An output that was not filled points here.
static UNFILLED: u8 = 0;

impl Callbacks for Arc<Owned> {
    fn has(&self, callback: Callback) -> bool {
        let callbacks = &self.0;
        match callback {
            Callback::PutBegin => callbacks.put_begin.is_some(),
            Callback::PutWrite => callbacks.put_write.is_some(),
            Callback::PutFinish => callbacks.put_finish.is_some(),
            Callback::PutAbort => callbacks.put_abort.is_some(),
            Callback::Stat => callbacks.stat.is_some(),
            Callback::Read => callbacks.read.is_some(),
            Callback::List => callbacks.list.is_some(),
            Callback::Remove => callbacks.remove.is_some(),
            Callback::CompareAndSwap => callbacks.compare_and_swap.is_some(),
        }
    }

    fn is_serial(&self) -> bool {
        self.0.flags & LODE_STORE_SERIAL != 0
    }

    fn put_begin(&self, key: &str) -> Answer<Option<Box<dyn Staged>>> {
        let begin = self.0.put_begin.ok_or_else(|| missing(Callback::PutBegin))?;
        let key = text(key)?;
        let unfilled = (&raw const UNFILLED).cast_mut().cast::<c_void>();
        let mut upload = unfilled;
        // SAFETY: the caller gave the function together with its context; the key and the outputs live on.
        said(|error| unsafe { begin(self.0.ctx, key.as_ptr(), 1, &raw mut upload, error) })?;
        if upload.is_null() || upload == unfilled {
            return Ok(None);
        }
        Ok(Some(Box::new(CallersUpload { process: Process::current(), callbacks: Arc::clone(self), upload })))
    }

    fn stat(&self, key: &str) -> Answer<u64> {
        let stat = self.0.stat.ok_or_else(|| missing(Callback::Stat))?;
        let key = text(key)?;
        let mut size = u64::MAX;
        // SAFETY: as above.
        said(|error| unsafe { stat(self.0.ctx, key.as_ptr(), &raw mut size, error) })?;
        Ok(size)
    }

    fn read(&self, key: &str, offset: u64, buffer: &mut [u8]) -> Answer<u64> {
        let read = self.0.read.ok_or_else(|| missing(Callback::Read))?;
        let key = text(key)?;
        let (room, capacity) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: as above; there is room for so many bytes.
        let count = said(|error| unsafe { read(self.0.ctx, key.as_ptr(), offset, room, capacity, error) })?;
        Ok(count.unsigned_abs())
    }

    fn list(&self, prefix: &str, each: &mut dyn FnMut(&[u8]) -> Hearing) -> Answer<()> {
        let list = self.0.list.ok_or_else(|| missing(Callback::List))?;
        let prefix = text(prefix)?;
        // SAFETY: only the lifetime changes; the sink that has it does not outlive this function.
        let each = unsafe {
            std::mem::transmute::<
                &mut dyn FnMut(&[u8]) -> Hearing,
                &mut (dyn FnMut(&[u8]) -> Hearing + 'static),
            >(each)
        };
        let sink = Held::fixed::<lode_key_sink>(Sink(each));
        let keys = (&raw const sink).cast_mut().cast::<lode_key_sink>();
        // SAFETY: as above; the sink lives for the callback.
        said(|error| unsafe { list(self.0.ctx, prefix.as_ptr(), keys, error) }).map(drop)
    }

    fn remove(&self, key: &str) -> Answer<()> {
        let remove = self.0.remove.ok_or_else(|| missing(Callback::Remove))?;
        let key = text(key)?;
        // SAFETY: as above.
        said(|error| unsafe { remove(self.0.ctx, key.as_ptr(), error) }).map(drop)
    }

    fn compare_and_swap(&self, key: &str, expected: Option<&[u8]>, value: &[u8]) -> Answer<()> {
        let swap = self.0.compare_and_swap.ok_or_else(|| missing(Callback::CompareAndSwap))?;
        let key = text(key)?;
        let expected = expected.unwrap_or_default();
        let (old, old_len, new, new_len) = (expected.as_ptr(), expected.len(), value.as_ptr(), value.len());
        // SAFETY: as above; the bytes live on.
        said(|error| unsafe { swap(self.0.ctx, key.as_ptr(), old, old_len, new, new_len, error) }).map(drop)
    }
}

/// What `put_begin` gave.
struct CallersUpload {
    process: Process,
    callbacks: Arc<Owned>,
    upload: *mut c_void,
}

// SAFETY: as for `Owned`: the callbacks of one upload come one after the other, on any thread.
unsafe impl Send for CallersUpload {}

impl Staged for CallersUpload {
    fn write(&mut self, data: &[u8]) -> Answer<()> {
        let callbacks = &self.callbacks.0;
        let write = callbacks.put_write.ok_or_else(|| missing(Callback::PutWrite))?;
        // SAFETY: the caller gave the function together with its context; the upload is not consumed yet.
        said(|error| unsafe { write(callbacks.ctx, self.upload, data.as_ptr(), data.len(), error) }).map(drop)
    }

    fn finish(self: Box<Self>) -> Answer<()> {
        let callbacks = &self.callbacks.0;
        let finish = callbacks.put_finish.ok_or_else(|| missing(Callback::PutFinish))?;
        // SAFETY: as above; this consumes it.
        said(|error| unsafe { finish(callbacks.ctx, self.upload, error) }).map(drop)
    }

    fn abort(self: Box<Self>) {
        // A fork's copy: what the callbacks would give up is still the other process's.
        if !self.process.is_current() {
            return;
        }
        let callbacks = &self.callbacks.0;
        if let Some(abort) = callbacks.put_abort {
            // SAFETY: as above; this consumes it.
            outside(|| unsafe { abort(callbacks.ctx, self.upload) });
        }
    }
}

/// How long a callback's text may be; what is longer is cut.
const LONGEST_TEXT: usize = 4096;

/// Sets the text of a callback's failure. A later text replaces an earlier one.
///
/// @param error what the callback was given. NULL: nothing happens.
/// @param message the text, one line; NUL-terminated UTF-8, copied; what is longer than 4,096 bytes is cut.
///        NULL: none.
///
/// Cannot fail. Within the callback only, on one thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_callback_error_set(error: *mut lode_callback_error, message: *const c_char) {
    query((), || {
        // SAFETY: NULL or what the running callback was given, as lode.h asks.
        let Some(text) = (unsafe { handle::peek(error.cast_const()) }) else { return };
        let mut text = text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clear();
        if message.is_null() {
            return;
        }
        // SAFETY: not NULL, so NUL-terminated.
        let given = unsafe { CStr::from_ptr(message) }.to_bytes();
        let given = String::from_utf8_lossy(&given[..given.len().min(LONGEST_TEXT)]);
        // Without memory the number alone has to tell.
        if text.try_reserve(given.len()).is_ok() {
            text.push_str(&given);
        }
    });
}

/// Gives one key of a listing.
///
/// @param keys what the `list` callback was given. Not NULL.
/// @param key the key, whole, not only what follows the prefix; NUL-terminated UTF-8, copied. Not NULL.
/// @return 0: go on. 1: enough, the callback may return (with any answer, it is no failure). Below 0: the
///         key is NULL or cannot be one, and the listing fails: LODE_ERR_INVALID_PATH,
///         LODE_ERR_INVALID_ARGUMENT.
///
/// Cannot fail but for such a key. Within the callback only, on one thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_key_sink_add(keys: *mut lode_key_sink, key: *const c_char) -> i32 {
    query(LODE_ERR_INTERNAL, || {
        // SAFETY: NULL or what the running callback was given, as lode.h asks.
        let Some(mut sink) = (unsafe { handle::try_lease(keys.cast_const()) }) else {
            return LODE_ERR_INVALID_ARGUMENT;
        };
        let given = if key.is_null() {
            &[]
        } else {
            // SAFETY: not NULL, so NUL-terminated.
            unsafe { CStr::from_ptr(key) }.to_bytes()
        };
        // SAFETY: the hearer lives for as long as the callback, and the lease makes this the one use of it.
        match unsafe { (*sink.0)(given) } {
            Hearing::Wrong(_) if key.is_null() => LODE_ERR_INVALID_ARGUMENT,
            Hearing::More => 0,
            Hearing::Enough => 1,
            Hearing::Wrong(status) => status as lode_status,
        }
    })
}

/// Fills the struct with the defaults: no callbacks.
///
/// @param callbacks the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_store_callbacks), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_callbacks_init(callbacks: *mut lode_store_callbacks, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(callbacks, struct_size) }
}

/// Takes over the callbacks; from here on they will be released in any case.
///
/// # Safety
/// `callbacks` is NULL or a struct as lode.h describes it.
unsafe fn take(call: &Call, callbacks: *const lode_store_callbacks) -> Result<(Owned, Result<()>)> {
    if callbacks.is_null() {
        return Err(call.invalid("callbacks is NULL: there is no store to be reached"));
    }
    // SAFETY: as asked of the caller.
    let (callbacks, verdict) = match unsafe { call.decode(callbacks, "callbacks") } {
        Decoded::Readable(callbacks, verdict) => (callbacks, verdict),
        Decoded::Unreadable(error) => return Err(error),
    };
    let unknown = callbacks.flags & !LODE_STORE_SERIAL;
    let verdict = verdict.and_then(|()| match unknown {
        0 => Ok(()),
        _ => Err(call.fault(
            Status::Unsupported,
            format_args!(
                "callbacks.flags has the bits {unknown:#x}, which this version of lode does not know"
            ),
        )),
    });
    Ok((Owned(callbacks), verdict))
}

/// Makes a store of the caller's own callbacks. It calls none of them yet.
///
/// @param callbacks the callbacks; the struct is borrowed for the call, what it points to until `release`.
///        Not NULL.
/// @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
/// @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_open_callbacks(
    callbacks: *const lode_store_callbacks,
    options: *const lode_store_options,
    store: *mut *mut lode_store,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_open_callbacks", error, |call| {
            let store = Out::reset(store, std::ptr::null_mut());
            // First of all, so that both are released even if something else is wrong.
            let callbacks = take(call, callbacks);
            let options = call.store_options(options);
            let (callbacks, verdict) = callbacks?;
            verdict?;
            let options = options?;
            let store = store.required(call, "store")?;
            let backend = CallbackStore::new(Box::new(Arc::new(callbacks)));
            store.set(handle::give(Store::probed(Box::new(backend), options))?);
            Ok(LODE_OK)
        })
    }
}

#[cfg(test)]
mod tests;

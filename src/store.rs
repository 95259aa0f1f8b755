//! `lode_store`.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::options::{Decoded, Versioned, init, lode_call_options};
use crate::panic::outside;
use crate::status::{LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::context::Context;
use lode_core::error::Result;
use lode_core::store::{LogLevel, Store, StoreOptions};

/// Where objects live: a directory, a bucket, this process's memory, or the caller's own callbacks. Threads
/// may share it. What is opened on it keeps what it needs of it: it may be freed before them.
pub struct lode_store {
    _opaque: [u8; 0],
}

impl Handle for lode_store {
    type Value = Store;
    const NAME: &'static str = "lode_store";
    const TAG: u32 = u32::from_le_bytes(*b"Lsto");
}

impl Shared for lode_store {}

/// Level of a log message: an operator should check this.
pub const LODE_LOG_WARNING: i32 = 1;
/// Level of a log message: information.
pub const LODE_LOG_INFO: i32 = 2;

/// How to open a store. All zero but `struct_size`: no log.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_store_options {
    /// sizeof(lode_store_options), as the caller was compiled.
    pub struct_size: usize,
    /// Handed to `log` and `log_release`. Borrowed until `log_release`.
    pub log_ctx: *mut c_void,
    /// Receives messages about what fails no call: `level` is one of LODE_LOG_*; `message` is UTF-8, borrowed
    /// for the callback. Called on the thread whose call it is about, so on several at once if threads share
    /// the store. It may use any handle but those of the call that it is about. NULL: no log.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, message: *const c_char)>,
    /// Called exactly once when `log` will not be called any more: on the thread that frees the last handle
    /// of the store (datasets, writers, readers and iterators count), or before an open that fails returns,
    /// once `struct_size` was acceptable. NULL: none.
    pub log_release: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_store_options {
    const NAME: &'static str = "lode_store_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// The caller's log; its drop releases it.
struct Log(lode_store_options);

// SAFETY: lode.h says that the callbacks come on any thread, several at once; it is the caller's to allow
// that.
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    fn tell(&self, level: LogLevel, message: &str) {
        let Some(log) = self.0.log else { return };
        // Without memory for its copy the line is lost: a log fails no call.
        if let Ok(message) = c_text(message) {
            // SAFETY: the caller gave the function together with its context, until `log_release`.
            outside(|| unsafe { log(self.0.log_ctx, level as i32, message.as_ptr()) });
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        if let Some(release) = self.0.log_release {
            // SAFETY: the caller gave the function together with its context; this is its one call.
            outside(|| unsafe { release(self.0.log_ctx) });
        }
    }
}

impl Call {
    /// Takes over the log; from here on it will be released in any case.
    ///
    /// # Safety
    /// `options` is NULL or a struct as lode.h describes it.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    pub(super) unsafe fn store_options(&self, options: *const lode_store_options) -> Result<StoreOptions> {
        if options.is_null() {
            return Ok(StoreOptions::default());
        }
        // SAFETY: as asked of the caller.
        let (options, verdict) = match unsafe { self.decode(options, "options") } {
            Decoded::Readable(options, verdict) => (options, verdict),
            Decoded::Unreadable(error) => return Err(error),
        };
        let log = Log(options);
        verdict?;
        if options.log.is_none() && options.log_release.is_none() {
            return Ok(StoreOptions::default());
        }
        Ok(StoreOptions { log: Some(Box::new(move |level, message| log.tell(level, message))) })
    }
}

/// Fills the options with the defaults: no log.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_store_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_options_init(options: *mut lode_store_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// Opens a store in a directory of the filesystem. Any number of stores, threads and processes may work on
/// one directory at once.
///
/// @param root the directory, which must exist; NUL-terminated UTF-8, borrowed for the call. A relative path
///        is relative to the working directory at the time of the call. Not NULL.
/// @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
/// @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if `root` is no directory), LODE_ERR_UNSUPPORTED,
///         LODE_ERR_NOT_FOUND (there is no such directory), LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_open_filesystem(
    root: *const c_char,
    options: *const lode_store_options,
    store: *mut *mut lode_store,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_open_filesystem", error, |call| {
            let store = Out::reset(store, std::ptr::null_mut());
            let options = call.store_options(options);
            let root = call.text(root, "root")?;
            let options = options?;
            let store = store.required(call, "store")?;
            store.set(handle::give(Store::open_filesystem(root, options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Makes an empty store in this process's memory, which ends with its last handle: for tests, and for data
/// that need not last.
///
/// @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
/// @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_open_memory(
    options: *const lode_store_options,
    store: *mut *mut lode_store,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_open_memory", error, |call| {
            let store = Out::reset(store, std::ptr::null_mut());
            let options = call.store_options(options)?;
            let store = store.required(call, "store")?;
            store.set(handle::give(Store::open_memory(options))?);
            Ok(LODE_OK)
        })
    }
}

/// Opens a store by its URL: `file:///path`, `memory:`, or a bucket: `s3://bucket/prefix`,
/// `gs://bucket/prefix` or `az://container/prefix`. Objects in a bucket are named by the prefix, "/" and
/// their key. No request is made: what is wrong with credentials, endpoint or bucket shows with the first
/// use. The first write of a handle tries, under the dataset's `_commits/.probe-*`, whether the service keeps
/// the conditions that commits rest on (LODE_ERR_UNSUPPORTED if not).
///
/// Settings are the members of a JSON object, and an unknown one is refused. For all buckets:
///
/// - "credentials": "explicit", the default, from the settings alone; "environment", from the provider's
///   chain of variables, files and metadata services; "anonymous".
/// - "endpoint"; "path_style" (true with an endpoint); "allow_http" (false); "ca_file": PEM roots instead of
///   the system's; "proxy_url" (none; the environment's is ignored).
/// - "request_timeout_ms" (30000); "transfer_timeout_ms" (300000), for bodies over 1 MiB;
///   "connect_timeout_ms" (5000).
/// - "part_bytes": 5 MiB to 64 MiB (8 MiB); "spool_directory": where data wait for the commit. Without it
///   they wait in memory, and are sent part by part.
///
/// For s3: "access_key_id", "secret_access_key", "session_token", "region" ("us-east-1"). For az: "account",
/// and "access_key" or "sas_token". For gs: "service_account_json" (the text, not a path).
///
/// A store in a bucket makes requests on the thread of the call that needs them, and no thread of its own. It
/// belongs to the process that opened it: in a forked one its calls give LODE_ERR_FORKED. Resolving a host's
/// name cannot be cut short by a deadline.
///
/// @param url the URL; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param settings_json the settings, NUL-terminated UTF-8, borrowed for the call; no message and no log line
///        shows a value of them. NULL: none.
/// @param options the log. Borrowed for the call, but see `log_ctx`. NULL: the defaults.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param store output: the store, which the caller owns and frees with lode_store_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (an unknown scheme or setting, which the message names, or a
///         value that does not fit), LODE_ERR_INVALID_PATH (the prefix), LODE_ERR_UNSUPPORTED (a bucket, in a
///         build without the feature object-store), LODE_ERR_NOT_FOUND, LODE_ERR_IO (a directory or a file
///         that is named), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_open_url(
    url: *const c_char,
    settings_json: *const c_char,
    options: *const lode_store_options,
    call: *const lode_call_options,
    store: *mut *mut lode_store,
    error: *mut *mut lode_error,
) -> lode_status {
    let limits = call;
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_open_url", error, |call| {
            let store = Out::reset(store, std::ptr::null_mut());
            let options = call.store_options(options);
            let url = call.text(url, "url")?;
            let settings = call.optional_text(settings_json, "settings_json")?;
            let limits = call.call_options(limits)?;
            let options = options?;
            let store = store.required(call, "store")?;
            Context::start(&limits).check("opening a store")?;
            store.set(handle::give(Store::open_url(url, settings.unwrap_or_default(), options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Frees the caller's handle of a store. What was opened on it goes on working.
///
/// @param store the store; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread, while no other call is being given this handle. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_free(store: *mut lode_store) {
    // SAFETY: NULL or a store of the caller's, as lode.h asks.
    unsafe { handle::free(store) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::zeroed;
    use crate::status::{LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED};
    use std::ptr;

    unsafe extern "C" fn count(ctx: *mut c_void) {
        // SAFETY: the tests give a counter.
        unsafe { *ctx.cast::<u32>() += 1 };
    }

    unsafe extern "C" fn log(_: *mut c_void, level: i32, message: *const c_char) {
        assert_eq!(level, 1);
        // SAFETY: NUL-terminated.
        assert_eq!(unsafe { std::ffi::CStr::from_ptr(message) }, c"look\xEF\xBF\xBD");
    }

    fn options(released: &mut u32) -> lode_store_options {
        lode_store_options {
            struct_size: size_of::<lode_store_options>(),
            log_ctx: ptr::from_mut(released).cast(),
            log: Some(log),
            log_release: Some(count),
        }
    }

    #[test]
    fn the_log_is_told_and_released_once_with_the_last_owner() {
        let mut released = 0;
        let options = options(&mut released);
        let call = Call { function: "lode_test" };
        // SAFETY: a whole struct.
        let taken = unsafe { call.store_options(&raw const options) }.unwrap();
        taken.log.as_ref().unwrap()(LogLevel::Warning, "look\0");
        drop(taken);
        assert_eq!(released, 1);
    }

    #[test]
    fn a_refused_open_releases_the_log_if_the_struct_was_readable() {
        #[repr(C)]
        struct Later {
            options: lode_store_options,
            more: usize,
        }
        let mut released = 0;
        let mut store = ptr::dangling_mut();
        let mut later = Later { options: options(&mut released), more: 1 };
        later.options.struct_size = size_of::<Later>();
        // SAFETY: structs as long as they say, outputs that may be written, and NULL.
        unsafe {
            let whole = (&raw const later).cast();
            let status = lode_store_open_memory(whole, &raw mut store, ptr::null_mut());
            assert_eq!((status, store, released), (LODE_ERR_UNSUPPORTED, ptr::null_mut(), 1));

            later.options.struct_size = size_of::<lode_store_options>();
            let whole = (&raw const later).cast();
            let status = lode_store_open_filesystem(ptr::null(), whole, &raw mut store, ptr::null_mut());
            assert_eq!((status, released), (LODE_ERR_INVALID_ARGUMENT, 2));
            let status = lode_store_open_filesystem(c"/".as_ptr(), whole, ptr::null_mut(), ptr::null_mut());
            assert_eq!((status, released), (LODE_ERR_INVALID_ARGUMENT, 3));

            later.options.struct_size = 8;
            let whole = (&raw const later).cast();
            let status = lode_store_open_memory(whole, &raw mut store, ptr::null_mut());
            assert_eq!((status, released), (LODE_ERR_INVALID_ARGUMENT, 3));
        }
    }

    #[test]
    fn a_release_without_a_log_is_called_all_the_same() {
        let mut released = 0;
        let mut options = options(&mut released);
        options.log = None;
        let call = Call { function: "lode_test" };
        // SAFETY: a whole struct.
        let taken = unsafe { call.store_options(&raw const options) }.unwrap();
        if let Some(log) = &taken.log {
            log(LogLevel::Info, "not heard");
        }
        drop(taken);
        assert_eq!(released, 1);
        let zeros = lode_store_options { struct_size: options.struct_size, ..zeroed() };
        // SAFETY: a whole struct.
        assert!(unsafe { call.store_options(&raw const zeros) }.unwrap().log.is_none());
    }
}

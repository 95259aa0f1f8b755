//! The calls on a store's objects, without a dataset, and `lode_buffer`.

use std::ffi::{c_char, c_void};

use crate::arguments::{Out, slice_fault};
use crate::call::{Call, run};
use crate::error::lode_error;
use crate::handle::{self, Handle, Shared};
use crate::options::lode_call_options;
use crate::status::{LODE_NONE, LODE_OK, lode_status};
use crate::store::lode_store;
use crate::string_iterator::{give_keys, lode_string_iterator};
use lode_core::context::CallOptions;
use lode_core::error::{Error, Result, Status};
use lode_core::store::Store;

/// Bytes that a call has read. Threads may share it.
pub struct lode_buffer {
    _opaque: [u8; 0],
}

impl Handle for lode_buffer {
    type Value = Vec<u8>;
    const NAME: &'static str = "lode_buffer";
    const TAG: u32 = u32::from_le_bytes(*b"Lbuf");
}

impl Shared for lode_buffer {}

/// What every call on an object is given: the store, held for as long as the call, since a callback may free
/// the caller's handle; a key or prefix; limits.
///
/// # Safety
/// `store` is NULL or a store that lives; `key` is NULL or NUL-terminated and readable for `'a`; `options` is
/// NULL or a struct as lode.h describes it.
unsafe fn decode<'a>(
    call: &Call,
    store: *mut lode_store,
    key: (*const c_char, &str),
    options: *const lode_call_options,
) -> Result<(Store, &'a str, CallOptions)> {
    // SAFETY: as asked of the caller.
    unsafe {
        let store = call.shared(store.cast_const(), "store")?.clone();
        Ok((store, call.text(key.0, key.1)?, call.call_options(options)?))
    }
}

/// Room of the caller's. It is only written to: what is in there before does not matter.
///
/// # Safety
/// `data` is NULL or `len` bytes can be written there for `'a`, by this call alone.
pub(super) unsafe fn room<'a>(
    call: &Call,
    data: *mut c_void,
    len: usize,
    name: &str,
) -> Result<&'a mut [u8]> {
    if let Some(fault) = slice_fault(data.cast_const().cast::<u8>(), len) {
        return Err(call.invalid(format_args!("{name} (length {len}) {fault}")));
    }
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: not NULL, not too long, and writable as asked of the caller.
    Ok(unsafe { std::slice::from_raw_parts_mut(data.cast(), len) })
}

fn absent(call: &Call, key: &str) -> Error {
    call.fault(Status::NotFound, format_args!("there is no object {key:?}")).with_path(key)
}

/// Writes an object, whole and durable when the call returns. It never replaces one that is there. Objects
/// under a dataset's directory are the library's: another key there may make the dataset unreadable.
///
/// @param store the store. Not NULL.
/// @param key where: segments between '/', none of them empty, "." or ".."; NUL-terminated UTF-8, borrowed
///        for the call. Not NULL.
/// @param data the object's bytes, borrowed for the call. NULL: none, if `len` is 0.
/// @param len how many bytes.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_PATH_EXISTS, LODE_ERR_INVALID_PATH, LODE_ERR_COMMIT_UNKNOWN (the store cannot
///         say whether the object is there; all other failures mean that nothing was written),
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_put(
    store: *mut lode_store,
    key: *const c_char,
    data: *const c_void,
    len: usize,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_put", error, |this| {
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            store.put(key, this.bytes(data, len, "data")?, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Reads a whole object into memory.
///
/// @param store the store. Not NULL.
/// @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param buffer output: the bytes, which the caller owns and frees with lode_buffer_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND, LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE,
///         LODE_ERR_CORRUPT, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_get(
    store: *mut lode_store,
    key: *const c_char,
    call: *const lode_call_options,
    buffer: *mut *mut lode_buffer,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_get", error, |this| {
            let buffer = Out::reset(buffer, std::ptr::null_mut());
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            let buffer = buffer.required(this, "buffer")?;
            let bytes = store.get(key, &options)?.ok_or_else(|| absent(this, key))?;
            buffer.set(handle::give(bytes)?);
            Ok(LODE_OK)
        })
    }
}

/// Reads a part of an object: from an offset until the buffer is full or the object ends.
///
/// @param store the store. Not NULL.
/// @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param offset where to begin, in bytes; at or beyond the end nothing is read, which is no failure.
/// @param buffer where the bytes go; what is beyond `len` may be overwritten, too, and all of it by a call
///        that fails. NULL: nothing is read, if `capacity` is 0.
/// @param capacity for how many bytes there is room.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param len output: how many bytes were read. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_NOT_FOUND, LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE,
///         LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_read_at(
    store: *mut lode_store,
    key: *const c_char,
    offset: u64,
    buffer: *mut c_void,
    capacity: usize,
    call: *const lode_call_options,
    len: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_read_at", error, |this| {
            let len = Out::reset(len, 0);
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            let room = room(this, buffer, capacity, "buffer")?;
            let len = len.required(this, "len")?;
            let read = store.read(key, offset, room, &options)?.ok_or_else(|| absent(this, key))?;
            len.set(read);
            Ok(LODE_OK)
        })
    }
}

/// Tells whether an object exists.
///
/// @param store the store. Not NULL.
/// @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: there is. LODE_NONE: there is not. LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED,
///         LODE_ERR_IO, LODE_ERR_STORE: it is unknown.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_exists(
    store: *mut lode_store,
    key: *const c_char,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_exists", error, |this| {
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            Ok(if store.exists(key, &options)? { LODE_OK } else { LODE_NONE })
        })
    }
}

/// Lists keys in bytewise order. Keys that are added or removed during the listing may be missed. A bounded
/// number of keys is in memory, so a long listing reads the store several times.
///
/// @param store the store. Not NULL.
/// @param prefix the folder whose keys are wanted, with or without a '/' at its end: "foo" has "foo/a/b", not
///        "foobar"; NUL-terminated UTF-8, borrowed for the call. "": all keys. Not NULL.
/// @param call deadline and cancel token, for this call and, counted anew, for each
///        lode_string_iterator_next. Borrowed for the call. NULL: the defaults.
/// @param keys output: the iterator, which the caller owns and frees with lode_string_iterator_free. Not
///        NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_list(
    store: *mut lode_store,
    prefix: *const c_char,
    call: *const lode_call_options,
    keys: *mut *mut lode_string_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_list", error, |this| {
            let keys = Out::reset(keys, std::ptr::null_mut());
            let (store, prefix, options) = decode(this, store, (prefix, "prefix"), call)?;
            let keys = keys.required(this, "keys")?;
            give_keys(store.list(prefix, &options)?, &keys)?;
            Ok(LODE_OK)
        })
    }
}

/// Removes an object; one that does not exist is no failure. What a snapshot names must stay: removing it
/// damages the dataset.
///
/// @param store the store. Not NULL.
/// @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_delete(
    store: *mut lode_store,
    key: *const c_char,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_delete", error, |this| {
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            store.delete(key, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Replaces an object's bytes if they are the expected ones, compared and replaced in one step: for small
/// objects that have several writers. Never use it on a dataset's "latest", which is the library's.
///
/// @param store the store. Not NULL.
/// @param key the object's key; NUL-terminated UTF-8, borrowed for the call. Not NULL.
/// @param expected the bytes that the object must have, borrowed for the call. NULL only if `expected_len` is
///        0.
/// @param expected_len how many bytes. 0: there must be no object, or an empty one.
/// @param value the bytes that it is to have, borrowed for the call. NULL only if `value_len` is 0.
/// @param value_len how many bytes; 0 makes an empty object.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_CONFLICT (it has something else), LODE_ERR_BUSY (another writer holds its lock),
///         LODE_ERR_COMMIT_UNKNOWN (the store cannot say; all other failures mean that nothing was changed),
///         LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_IO, LODE_ERR_STORE, LODE_ERR_NO_SPACE,
///         LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_compare_and_swap(
    store: *mut lode_store,
    key: *const c_char,
    expected: *const c_void,
    expected_len: usize,
    value: *const c_void,
    value_len: usize,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_compare_and_swap", error, |this| {
            let (store, key, options) = decode(this, store, (key, "key"), call)?;
            let expected = this.bytes(expected, expected_len, "expected")?;
            let value = this.bytes(value, value_len, "value")?;
            store.compare_and_swap(key, expected, value, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Checks a store against every rule that a store must keep, for authors of stores: an error names the first
/// rule that is broken, what was expected and what was found. The check writes some hundred kilobytes under a
/// folder of its own below `prefix`, and removes them again. It cannot find what only a crash or a power cut
/// shows.
///
/// @param store the store. Not NULL.
/// @param prefix where to work; NUL-terminated UTF-8, borrowed for the call. "": at the root. Not NULL.
/// @param call deadline and cancel token. Borrowed for the call. NULL: the defaults.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: every rule held. LODE_ERR_STORE: a rule is broken, or the store failed.
///         LODE_ERR_UNSUPPORTED (a callback that the suite needs is missing: all but `release`),
///         LODE_ERR_INVALID_PATH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED,
///         LODE_ERR_INVALID_ARGUMENT, LODE_ERR_IO, LODE_ERR_NO_SPACE, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_store_check_conformance(
    store: *mut lode_store,
    prefix: *const c_char,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_store_check_conformance", error, |this| {
            let (store, prefix, options) = decode(this, store, (prefix, "prefix"), call)?;
            store.verify(prefix, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// The bytes of a buffer.
///
/// @param buffer the buffer. NULL: no bytes.
/// @return the first byte, borrowed until the buffer is freed; not NUL-terminated. NULL if there are none.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_buffer_data(buffer: *const lode_buffer) -> *const u8 {
    // No fence: nothing here can panic.
    // SAFETY: NULL or a buffer, as lode.h asks.
    match unsafe { handle::peek(buffer) } {
        Some(bytes) if !bytes.is_empty() => bytes.as_ptr(),
        _ => std::ptr::null(),
    }
}

/// How many bytes a buffer has.
///
/// @param buffer the buffer. NULL: no bytes.
/// @return the number of bytes.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_buffer_len(buffer: *const lode_buffer) -> usize {
    // No fence: nothing here can panic.
    // SAFETY: NULL or a buffer, as lode.h asks.
    unsafe { handle::peek(buffer) }.map_or(0, Vec::len)
}

/// Frees a buffer.
///
/// @param buffer the buffer; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_buffer_free(buffer: *mut lode_buffer) {
    // SAFETY: NULL or a buffer of the caller's, as lode.h asks.
    unsafe { handle::free(buffer) }
}

//! A store of C callbacks, reached through the exports: what crosses the boundary in both directions.

use std::collections::BTreeMap;
use std::ptr;

use super::*;
use crate::error::{lode_error_callback_code, lode_error_free, lode_error_message};
use crate::objects::*;
use crate::status::{LODE_ERR_NOT_FOUND, LODE_ERR_PATH_EXISTS, LODE_ERR_STORE, LODE_ITEM, LODE_NONE};
use crate::store::lode_store_free;
use crate::string_iterator::{lode_string_iterator_free, lode_string_iterator_next};

/// What the callbacks' `ctx` points to.
#[derive(Default)]
struct Shelf {
    objects: BTreeMap<Vec<u8>, Vec<u8>>,
    begun: usize,
    aborted: usize,
    released: usize,
    /// `put_write` fails with this.
    failure: i32,
}

/// What an upload of it points to.
struct Parcel {
    key: Vec<u8>,
    data: Vec<u8>,
}

unsafe fn shelf<'a>(ctx: *mut c_void) -> &'a mut Shelf {
    // SAFETY: the tests give a shelf, and make one call at a time.
    unsafe { &mut *ctx.cast() }
}

unsafe fn bytes<'a>(text: *const c_char) -> &'a [u8] {
    // SAFETY: the library gives NUL-terminated text.
    unsafe { CStr::from_ptr(text) }.to_bytes()
}

unsafe extern "C" fn put_begin(
    ctx: *mut c_void,
    key: *const c_char,
    if_absent: i32,
    upload: *mut *mut c_void,
    _error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe {
        assert_eq!(if_absent, 1);
        shelf(ctx).begun += 1;
        upload.write(Box::into_raw(Box::new(Parcel { key: bytes(key).to_vec(), data: Vec::new() })).cast());
    }
    LODE_OK
}

unsafe extern "C" fn put_write(
    ctx: *mut c_void,
    upload: *mut c_void,
    data: *const u8,
    len: usize,
    error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe {
        if shelf(ctx).failure != 0 {
            lode_callback_error_set(error, c"overwritten by the next".as_ptr());
            lode_callback_error_set(error, c"the shelf is bent".as_ptr());
            return shelf(ctx).failure;
        }
        (*upload.cast::<Parcel>()).data.extend_from_slice(std::slice::from_raw_parts(data, len));
    }
    LODE_OK
}

unsafe extern "C" fn put_finish(
    ctx: *mut c_void,
    upload: *mut c_void,
    _error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises; the upload is consumed.
    let (shelf, parcel) = unsafe { (shelf(ctx), Box::from_raw(upload.cast::<Parcel>())) };
    if shelf.objects.contains_key(&parcel.key) {
        return LODE_ERR_PATH_EXISTS;
    }
    shelf.objects.insert(parcel.key, parcel.data);
    LODE_OK
}

unsafe extern "C" fn put_abort(ctx: *mut c_void, upload: *mut c_void) {
    // SAFETY: as lode.h promises; the upload is consumed.
    unsafe {
        shelf(ctx).aborted += 1;
        drop(Box::from_raw(upload.cast::<Parcel>()));
    }
}

unsafe extern "C" fn stat(
    ctx: *mut c_void,
    key: *const c_char,
    size: *mut u64,
    _error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe {
        let Some(data) = shelf(ctx).objects.get(bytes(key)) else { return LODE_ERR_NOT_FOUND };
        size.write(data.len() as u64);
    }
    LODE_OK
}

unsafe extern "C" fn read(
    ctx: *mut c_void,
    key: *const c_char,
    offset: u64,
    buffer: *mut u8,
    capacity: usize,
    _error: *mut lode_callback_error,
) -> i64 {
    // SAFETY: as lode.h promises.
    unsafe {
        let Some(data) = shelf(ctx).objects.get(bytes(key)) else { return LODE_ERR_NOT_FOUND.into() };
        let data = &data[data.len().min(offset as usize)..];
        let count = data.len().min(capacity);
        buffer.copy_from_nonoverlapping(data.as_ptr(), count);
        count as i64
    }
}

unsafe extern "C" fn list(
    ctx: *mut c_void,
    prefix: *const c_char,
    keys: *mut lode_key_sink,
    _error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe {
        for key in shelf(ctx).objects.keys().filter(|key| key.starts_with(bytes(prefix))) {
            let key = CString::new(key.clone()).unwrap();
            if lode_key_sink_add(keys, key.as_ptr()) != 0 {
                break;
            }
        }
    }
    LODE_OK
}

unsafe extern "C" fn remove(ctx: *mut c_void, key: *const c_char, _error: *mut lode_callback_error) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe { shelf(ctx).objects.remove(bytes(key)) };
    LODE_OK
}

unsafe extern "C" fn compare_and_swap(
    ctx: *mut c_void,
    key: *const c_char,
    expected: *const u8,
    expected_len: usize,
    value: *const u8,
    value_len: usize,
    _error: *mut lode_callback_error,
) -> i32 {
    // SAFETY: as lode.h promises.
    unsafe {
        let (expected, value) = (
            std::slice::from_raw_parts(expected, expected_len),
            std::slice::from_raw_parts(value, value_len),
        );
        let objects = &mut shelf(ctx).objects;
        if objects.get(bytes(key)).map_or(&[][..], Vec::as_slice) != expected {
            return crate::status::LODE_ERR_CONFLICT;
        }
        objects.insert(bytes(key).to_vec(), value.to_vec());
    }
    LODE_OK
}

unsafe extern "C" fn release(ctx: *mut c_void) {
    // SAFETY: as lode.h promises.
    unsafe { shelf(ctx).released += 1 };
}

fn callbacks(shelf: *mut Shelf) -> lode_store_callbacks {
    lode_store_callbacks {
        struct_size: size_of::<lode_store_callbacks>(),
        ctx: shelf.cast(),
        flags: 0,
        put_begin: Some(put_begin),
        put_write: Some(put_write),
        put_finish: Some(put_finish),
        put_abort: Some(put_abort),
        stat: Some(stat),
        read: Some(read),
        list: Some(list),
        remove: Some(remove),
        compare_and_swap: Some(compare_and_swap),
        release: Some(release),
    }
}

fn open(shelf: *mut Shelf) -> *mut lode_store {
    let (given, mut store) = (callbacks(shelf), ptr::null_mut());
    // SAFETY: a whole struct; the output may be written.
    let status =
        unsafe { lode_store_open_callbacks(&raw const given, ptr::null(), &raw mut store, ptr::null_mut()) };
    assert_eq!(status, LODE_OK);
    store
}

#[test]
fn objects_go_out_and_come_back_and_the_callbacks_are_released_once() {
    let shelf = Box::into_raw(Box::<Shelf>::default());
    let store = open(shelf);
    let (options, none) = (ptr::null(), ptr::null_mut());
    let data = b"all of it";
    // SAFETY: a store that lives until its free; texts are NUL-terminated, outputs may be written.
    unsafe {
        for (key, expected) in [(c"a/1", LODE_OK), (c"a/2", LODE_OK), (c"a/1", LODE_ERR_PATH_EXISTS)] {
            let status = lode_store_put(store, key.as_ptr(), data.as_ptr().cast(), data.len(), options, none);
            assert_eq!(status, expected, "{key:?}");
        }
        let mut buffer = ptr::null_mut();
        assert_eq!(lode_store_get(store, c"a/1".as_ptr(), options, &raw mut buffer, none), LODE_OK);
        let read = std::slice::from_raw_parts(lode_buffer_data(buffer), lode_buffer_len(buffer));
        assert_eq!(read, data);
        lode_buffer_free(buffer);

        let (mut room, mut len) = ([0xAA_u8; 8], 0);
        let at = room.as_mut_ptr().cast();
        let status = lode_store_read_at(store, c"a/2".as_ptr(), 7, at, 8, options, &raw mut len, none);
        assert_eq!((status, &room[..len]), (LODE_OK, &b"it"[..]));

        let mut keys = ptr::null_mut();
        assert_eq!(lode_store_list(store, c"a".as_ptr(), options, &raw mut keys, none), LODE_OK);
        let mut key = ptr::null();
        for expected in [c"a/1", c"a/2"] {
            assert_eq!(lode_string_iterator_next(keys, &raw mut key, none), LODE_ITEM);
            assert_eq!(CStr::from_ptr(key), expected);
        }
        assert_eq!(lode_string_iterator_next(keys, &raw mut key, none), LODE_OK);

        let pointer = c"latest".as_ptr();
        let swap = |old: &[u8], new: &[u8]| {
            let (old, old_len, new, new_len) = (old.as_ptr(), old.len(), new.as_ptr(), new.len());
            lode_store_compare_and_swap(
                store,
                pointer,
                old.cast(),
                old_len,
                new.cast(),
                new_len,
                options,
                none,
            )
        };
        assert_eq!([swap(b"", b"1"), swap(b"1", b"2")], [LODE_OK; 2]);
        assert_eq!(swap(b"1", b"3"), crate::status::LODE_ERR_CONFLICT);
        assert_eq!(lode_store_delete(store, pointer, options, none), LODE_OK);
        assert_eq!(lode_store_exists(store, pointer, options, none), LODE_NONE);

        lode_store_free(store);
        assert_eq!((*shelf).released, 0, "the iterator holds on to the store");
        lode_string_iterator_free(keys);
        assert_eq!((*shelf).released, 1);
        drop(Box::from_raw(shelf));
    }
}

#[test]
fn a_failed_write_keeps_code_and_text_and_gives_its_upload_back() {
    let shelf = Box::into_raw(Box::<Shelf>::default());
    let store = open(shelf);
    let put = |error| {
        // SAFETY: a store that lives; a text; bytes; the output may be written.
        unsafe { lode_store_put(store, c"k".as_ptr(), b"x".as_ptr().cast(), 1, ptr::null(), error) }
    };
    let mut error = ptr::null_mut();
    // SAFETY: a store and a shelf that live until the end.
    unsafe {
        assert_eq!(put(ptr::null_mut()), LODE_OK);
        assert_eq!(lode_store_delete(store, c"k".as_ptr(), ptr::null(), ptr::null_mut()), LODE_OK);
        let (begun, aborted) = ((*shelf).begun, (*shelf).aborted);
        (*shelf).failure = -7001;
        assert_eq!(put(&raw mut error), LODE_ERR_STORE);
        assert_eq!(lode_error_callback_code(error), -7001);
        let message = CStr::from_ptr(lode_error_message(error)).to_str().unwrap();
        assert!(message.contains("the shelf is bent") && !message.contains("overwritten"), "{message}");
        lode_error_free(error);
        assert_eq!(((*shelf).begun - begun, (*shelf).aborted - aborted), (1, 1));
        lode_store_free(store);
        assert_eq!((*shelf).released, 1);
        drop(Box::from_raw(shelf));
    }
}

#[test]
fn a_sink_takes_keys_within_its_listing_alone() {
    let mut heard = Vec::new();
    let mut hear = |key: &[u8]| {
        heard.push(key.to_vec());
        if heard.len() == 2 { Hearing::Enough } else { Hearing::More }
    };
    let each: &mut dyn FnMut(&[u8]) -> Hearing = &mut hear;
    // SAFETY: the sink does not outlive the closure.
    let each = unsafe {
        std::mem::transmute::<&mut dyn FnMut(&[u8]) -> Hearing, &mut (dyn FnMut(&[u8]) -> Hearing + 'static)>(
            each,
        )
    };
    let sink = Held::fixed::<lode_key_sink>(Sink(each));
    let keys = (&raw const sink).cast_mut().cast::<lode_key_sink>();
    // SAFETY: the sink lives; NULL is refused.
    let answers = unsafe {
        [
            lode_key_sink_add(keys, c"a".as_ptr()),
            lode_key_sink_add(keys, c"b".as_ptr()),
            lode_key_sink_add(ptr::null_mut(), c"c".as_ptr()),
        ]
    };
    assert_eq!(answers, [0, 1, LODE_ERR_INVALID_ARGUMENT]);
    assert_eq!(heard, [b"a", b"b"]);
}

#[test]
fn callbacks_that_are_refused_are_released_if_they_were_readable() {
    let shelf = Box::into_raw(Box::<Shelf>::default());
    let mut store = ptr::dangling_mut();
    let mut given = callbacks(shelf);
    let open = |given: &lode_store_callbacks, store| {
        // SAFETY: a whole struct; the output may be written or is NULL.
        unsafe { lode_store_open_callbacks(&raw const *given, ptr::null(), store, ptr::null_mut()) }
    };
    assert_eq!(open(&given, ptr::null_mut()), LODE_ERR_INVALID_ARGUMENT);
    given.flags = 6;
    assert_eq!(open(&given, &raw mut store), crate::status::LODE_ERR_UNSUPPORTED);
    assert!(store.is_null());
    given.struct_size = 8;
    assert_eq!(open(&given, &raw mut store), LODE_ERR_INVALID_ARGUMENT);
    // SAFETY: ours, and nothing uses it any more.
    let shelf = unsafe { Box::from_raw(shelf) };
    assert_eq!(shelf.released, 2, "not the one whose size cannot be");
}

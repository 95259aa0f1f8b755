//! Arrow structs of arbitrary content: pushed into a writer, or pulled from a stream. What cannot be is
//! refused, what is taken can be read back, and each struct is released once.
#![no_main]

use std::ffi::{c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use libfuzzer_sys::fuzz_target;
use lode_abi::*;
use lode_fuzz::arrow::{Bytes, Made};

const SCHEMA: &std::ffi::CStr = cr#"{"fields":[{"name":"int32","type":"int32","nullable":true},
    {"name":"int64","type":"int64"},{"name":"float32","type":"float32","nullable":true},
    {"name":"float64","type":"float64","nullable":true},{"name":"string","type":"string","nullable":true},
    {"name":"bool","type":"bool","nullable":true},{"name":"bytes","type":"bytes","nullable":true,"json":"base64"},
    {"name":"timestamp","type":"timestamp","nullable":true}]}"#;

/// Columns of the schema that the input's array has, in a schema of its own: a stream brings it.
struct Stream {
    made: Made,
    given: bool,
    released: u32,
}

unsafe fn stream<'a>(stream: *mut ArrowArrayStream) -> &'a mut Stream {
    // SAFETY: the private data of the stream that the target makes.
    unsafe { &mut *(*stream).private_data.cast::<Stream>() }
}

unsafe extern "C" fn get_schema(of: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the consumer keeps to the interface.
    unsafe { out.write(std::ptr::read(stream(of).made.schema())) };
    0
}

unsafe extern "C" fn get_next(of: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the consumer keeps to the interface.
    unsafe {
        let stream = stream(of);
        out.write(std::ptr::read(stream.made.array_place()));
        if std::mem::replace(&mut stream.given, true) {
            (*out).release = None;
        }
    }
    0
}

unsafe extern "C" fn release(of: *mut ArrowArrayStream) {
    // SAFETY: the consumer keeps to the interface.
    unsafe {
        stream(of).released += 1;
        (*of).release = None;
    }
}

/// The rows of a snapshot, read as Arrow.
unsafe fn rows(dataset: *mut lode_dataset, snapshot: *mut lode_snapshot) -> i64 {
    // SAFETY: both are handles that are not freed; the structs are written by the library.
    unsafe {
        let mut out: ArrowArrayStream = std::mem::zeroed();
        assert_eq!(lode_dataset_read_arrow(dataset, snapshot, null(), &raw mut out, null_mut()), LODE_OK);
        let mut rows = 0;
        loop {
            let mut array: ArrowArray = std::mem::zeroed();
            assert_eq!(out.get_next.unwrap()(&raw mut out, &raw mut array), 0, "what was taken can be read");
            let Some(release) = array.release else { break };
            rows += array.length;
            release(&raw mut array);
        }
        out.release.unwrap()(&raw mut out);
        rows
    }
}

fuzz_target!(|data: &[u8]| {
    let mut bytes = Bytes(data);
    let mode = bytes.byte();
    let mut made = Made::new(&mut bytes);
    let metadata: *const c_char = c"{}".as_ptr();
    // SAFETY: every pointer is a handle of the library's, a struct of this file, or NULL where lode.h allows
    // it; the buffers of the arrays are as large as their lengths and offsets say.
    unsafe {
        let (mut store, mut dataset) = (null_mut(), null_mut());
        assert_eq!(lode_store_open_memory(null(), &raw mut store, null_mut()), LODE_OK);
        let mut options: lode_dataset_options = std::mem::zeroed();
        options.struct_size = size_of::<lode_dataset_options>();
        options.codec = if mode & 1 == 0 { LODE_CODEC_PARQUET } else { LODE_CODEC_JSONL };
        // Without a schema the stream brings its own.
        if mode & 2 == 0 || mode & 4 == 0 {
            options.schema_json = SCHEMA.as_ptr();
        }
        options.schema_types = i32::from(mode & 8 != 0 && mode & 1 == 0);
        assert_eq!(
            lode_dataset_open(store, c"d".as_ptr(), &raw const options, &raw mut dataset, null_mut()),
            LODE_OK
        );
        let mut snapshot: *mut lode_snapshot = null_mut();
        let had_release = (*made.array_place()).release.is_some();
        // One that was released is the end of a stream.
        let length = if had_release { (*made.array_place()).length } else { 0 };
        let status = if mode & 2 == 0 {
            let mut writer = null_mut();
            let opened = lode_dataset_open_record_writer(dataset, null(), &raw mut writer, null_mut());
            assert_eq!(opened, LODE_OK);
            let mut taken = 0;
            let (array, schema) = (made.array_place(), made.schema());
            let status =
                lode_record_writer_append_arrow(writer, array, schema, &raw mut taken, null_mut());
            assert!((*array).release.is_none(), "it is moved out");
            assert_eq!(made.released(), u32::from(had_release), "released once");
            let status = match status {
                LODE_OK => {
                    assert_eq!(taken as i64, length);
                    lode_record_writer_commit(writer, metadata, null(), &raw mut snapshot, null_mut())
                }
                refused => refused,
            };
            lode_record_writer_free(writer);
            status
        } else {
            let mut held = Box::new(Stream { made, given: false, released: 0 });
            let mut stream = ArrowArrayStream {
                get_schema: Some(get_schema),
                get_next: Some(get_next),
                get_last_error: None,
                release: Some(release),
                private_data: (&raw mut *held).cast::<c_void>(),
            };
            let status = lode_dataset_stream_write_arrow(
                dataset, &raw mut stream, metadata, null(), &raw mut snapshot, null_mut(),
            );
            assert!(stream.release.is_none(), "it is moved out");
            assert_eq!(held.released, 1, "released once");
            assert_eq!(held.made.released(), u32::from(held.given && had_release), "released once");
            status
        };
        // JSON lines are read as columns where a schema is declared.
        if status == LODE_OK && (mode & 1 == 0 || !options.schema_json.is_null()) {
            assert_eq!(rows(dataset, snapshot), length, "every row is there");
        }
        lode_snapshot_free(snapshot);
        lode_dataset_free(dataset);
        lode_store_free(store);
    }
});

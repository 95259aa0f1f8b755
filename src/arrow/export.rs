//! A snapshot's rows as an Arrow stream that C pulls from.

use std::ffi::{CString, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_array::{Array, StructArray};
use arrow_data::ffi::FFI_ArrowArray;
use arrow_schema::ffi::FFI_ArrowSchema;

use super::{ArrowArray, ArrowArrayStream, ArrowSchema};
use crate::panic::{self, Inside, query};
use lode_core::dataset::ArrowReader;
use lode_core::error::{Error, Result, Status};
use lode_core::process::Process;

/// What the stream's private data are.
struct Reading {
    reader: ArrowReader,
    /// The failure of the last call, which C may still be reading.
    failure: CString,
    /// In another one no call is answered.
    process: Process,
}

/// A stream over a reader.
pub(super) fn stream(reader: ArrowReader) -> ArrowArrayStream {
    let reading = Reading { reader, failure: CString::default(), process: Process::current() };
    ArrowArrayStream {
        get_schema: Some(get_schema),
        get_next: Some(get_next),
        get_last_error: Some(get_last_error),
        release: Some(release),
        private_data: Box::into_raw(Box::new(reading)).cast(),
    }
}

/// Runs a call of the stream inside the fence; a failure becomes an errno, and its text is kept.
///
/// # Safety
/// `stream` is NULL or a stream that [`stream`] made and that was not released.
unsafe fn call(stream: *mut ArrowArrayStream, body: impl FnOnce(&mut Reading) -> Result<()>) -> c_int {
    if stream.is_null() {
        return libc::EINVAL;
    }
    // SAFETY: as asked of the caller; a stream belongs to one call at a time.
    let Some(reading) = (unsafe { (*stream).private_data.cast::<Reading>().as_mut() }) else {
        return libc::EINVAL;
    };
    let _inside = Inside::enter();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        reading.process.check("an Arrow stream")?;
        body(reading)
    }));
    let failure = match outcome {
        Ok(Ok(())) => return 0,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            let failure = Error::new(Status::Internal, panic::describe(&*payload));
            panic::discard(payload);
            failure
        }
    };
    let text = format!("{}: {}", failure.status().name(), failure.message());
    reading.failure = CString::new(text.replace('\0', " ")).unwrap_or_default();
    match failure.status() {
        Status::Cancelled | Status::Deadline | Status::Aborted => libc::ECANCELED,
        _ => libc::EIO,
    }
}

unsafe extern "C" fn get_schema(stream: *mut ArrowArrayStream, out: *mut ArrowSchema) -> c_int {
    // SAFETY: the consumer keeps to the interface.
    unsafe {
        call(stream, |reading| {
            let schema = FFI_ArrowSchema::try_from(reading.reader.schema().as_ref())
                .map_err(|error| Error::new(Status::Internal, error))?;
            out.cast::<FFI_ArrowSchema>().write(schema);
            Ok(())
        })
    }
}

unsafe extern "C" fn get_next(stream: *mut ArrowArrayStream, out: *mut ArrowArray) -> c_int {
    // SAFETY: the consumer keeps to the interface.
    unsafe {
        call(stream, |reading| {
            let array = match reading.reader.next()? {
                Some(batch) => FFI_ArrowArray::new(&StructArray::from(batch).into_data()),
                None => FFI_ArrowArray::empty(),
            };
            out.cast::<FFI_ArrowArray>().write(array);
            Ok(())
        })
    }
}

unsafe extern "C" fn get_last_error(stream: *mut ArrowArrayStream) -> *const c_char {
    if stream.is_null() {
        return std::ptr::null();
    }
    // SAFETY: the consumer keeps to the interface.
    let reading = unsafe { (*stream).private_data.cast::<Reading>().as_ref() };
    match reading {
        Some(reading) if !reading.failure.is_empty() => reading.failure.as_ptr(),
        _ => std::ptr::null(),
    }
}

unsafe extern "C" fn release(stream: *mut ArrowArrayStream) {
    if stream.is_null() {
        return;
    }
    // SAFETY: the consumer keeps to the interface: this is the one call.
    unsafe {
        let reading = (*stream).private_data.cast::<Reading>();
        (*stream).release = None;
        (*stream).private_data = std::ptr::null_mut();
        if !reading.is_null() {
            query((), || drop(Box::from_raw(reading)));
        }
    }
}

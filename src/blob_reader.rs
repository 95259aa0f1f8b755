//! `lode_blob_reader`: the bytes of a raw blob, streamed or by range.

use std::ffi::c_void;

use crate::arguments::{Out, slice_fault};
use crate::call::{Call, run};
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle::{self, Exclusive, Handle};
use crate::record_reader::lode_read_options;
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_ITEM, LODE_OK, lode_status};
use lode_core::dataset::BlobReader;
use lode_core::error::Result;

/// Reads the bytes of a raw blob in bounded memory, as a stream and by range; reading a range does not move
/// the stream. It belongs to one thread at a time.
pub struct lode_blob_reader {
    _opaque: [u8; 0],
}

impl Handle for lode_blob_reader {
    type Value = BlobReader;
    const NAME: &'static str = "lode_blob_reader";
    const TAG: u32 = u32::from_le_bytes(*b"Lblr");
}

impl Exclusive for lode_blob_reader {}

impl Call {
    /// Room of the caller's for bytes.
    ///
    /// # Safety
    /// `buffer` is NULL or `capacity` bytes may be written there for `'a`, by no other code.
    unsafe fn room<'a>(&self, buffer: *mut c_void, capacity: usize) -> Result<&'a mut [u8]> {
        if capacity == 0 {
            return Err(self.invalid("capacity is 0: there must be room for a byte"));
        }
        let buffer = buffer.cast::<u8>();
        if let Some(fault) = slice_fault(buffer.cast_const(), capacity) {
            return Err(self.invalid(format_args!("buffer (room for {capacity} bytes) {fault}")));
        }
        // SAFETY: not NULL, not too long, and writable as asked of the caller; any byte is a valid one.
        Ok(unsafe { std::slice::from_raw_parts_mut(buffer, capacity) })
    }
}

/// How a read ended, for C.
fn gave(len: &Out<usize>, read: usize) -> lode_status {
    len.set(read);
    if read > 0 { LODE_ITEM } else { LODE_OK }
}

/// Begins to read a snapshot that is a raw blob. Compressor and checksum are those of the snapshot's
/// manifest, not of the dataset's options. Does no I/O: the file is opened by the first read.
///
/// @param dataset the dataset that the snapshot belongs to; the reader keeps its own hold of it. Not NULL.
/// @param snapshot the snapshot; borrowed for the call. Not NULL.
/// @param options deadline of each call, cancel token and what to verify. Borrowed for the call, but for the
///        token, which the reader keeps its own hold of. NULL: the defaults.
/// @param reader output: the reader, which the caller owns and frees with lode_blob_reader_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_INVALID_ARGUMENT (also if the snapshot holds records, or belongs to another
///         dataset), LODE_ERR_UNSUPPORTED (its compressor or checksum is none of this build's),
///         LODE_ERR_MANIFEST_INVALID (its manifest does not name exactly one file), LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_open_blob_reader(
    dataset: *mut lode_dataset,
    snapshot: *const lode_snapshot,
    options: *const lode_read_options,
    reader: *mut *mut lode_blob_reader,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_open_blob_reader", error, |call| {
            let reader = Out::reset(reader, std::ptr::null_mut());
            let dataset = call.shared(dataset.cast_const(), "dataset")?;
            let snapshot = call.shared(snapshot, "snapshot")?;
            let options = call.options(options, "options")?;
            let options = call.read_options(&options)?;
            let reader = reader.required(call, "reader")?;
            reader.set(handle::give(dataset.read_blob(&snapshot.snapshot, options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Fills a buffer with what `read` gives.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
unsafe fn fill(
    function: &'static str,
    reader: *mut lode_blob_reader,
    (buffer, capacity): (*mut c_void, usize),
    len: *mut usize,
    error: *mut *mut lode_error,
    read: impl FnOnce(&mut BlobReader, &mut [u8]) -> Result<usize>,
) -> lode_status {
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |call| {
            let len = Out::reset(len, 0);
            let mut reader = call.exclusive(reader, "reader")?;
            let room = call.room(buffer, capacity)?;
            let len = len.required(call, "len")?;
            let read = read(&mut reader, room)?;
            Ok(gave(&len, read))
        })
    }
}

/// Gives the next bytes of the stream: as many as there is room for, unless the end or a fault comes first.
/// Bytes that come before a failure are given first. The checksum is compared at the end: read until LODE_OK.
///
/// @param reader the reader. Not NULL.
/// @param buffer output: room for `capacity` bytes, of which the first `len` are filled. Not NULL.
/// @param capacity how many bytes there is room for, at least 1.
/// @param len output: how many bytes there are; 0 at the end. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is at least one byte. LODE_OK: the end; all that was to be verified is.
///         LODE_ERR_CORRUPT (the message names path, expected and found), LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_STATE (another call is using the reader), LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///         LODE_ERR_NOT_FOUND, LODE_ERR_IO, LODE_ERR_NO_MEMORY. A failure stays, but for
///         LODE_ERR_INVALID_ARGUMENT and LODE_ERR_STATE.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_reader_read(
    reader: *mut lode_blob_reader,
    buffer: *mut c_void,
    capacity: usize,
    len: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        fill("lode_blob_reader_read", reader, (buffer, capacity), len, error, |reader, room| {
            reader.read(room)
        })
    }
}

/// Gives the bytes from an offset on: as many as there is room for, unless the blob's end comes first. The
/// call neither depends on the stream nor moves it.
///
/// Bytes of a range are checked by the file's size only, unless the option `verify` is LODE_VERIFY_FIRST:
/// then the whole file is checked before the first byte. An uncompressed blob is read where the bytes are. A
/// compressed one has no such places: it is decoded from its beginning, or on from the end of the last range
/// if that is not beyond `offset`, so ranges in rising order cost as much as one stream, and each step back a
/// new beginning.
///
/// @param reader the reader. Not NULL.
/// @param offset the first byte wanted, counted from 0 in the blob as it was given (not as it is stored).
/// @param buffer output: room for `capacity` bytes, of which the first `len` are filled. Not NULL.
/// @param capacity how many bytes there is room for, at least 1.
/// @param len output: how many bytes there are, fewer than `capacity` only at the blob's end; 0 at the end
///        and beyond. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_ITEM: there is at least one byte. LODE_OK: there is none at `offset`. Failures as
///         lode_blob_reader_read, but they do not stay.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_reader_read_at(
    reader: *mut lode_blob_reader,
    offset: u64,
    buffer: *mut c_void,
    capacity: usize,
    len: *mut usize,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        fill("lode_blob_reader_read_at", reader, (buffer, capacity), len, error, |reader, room| {
            reader.read_at(offset, room)
        })
    }
}

/// Frees a reader.
///
/// @param reader the reader; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_reader_free(reader: *mut lode_blob_reader) {
    // SAFETY: NULL or a reader of the caller's, as lode.h asks.
    unsafe { handle::free(reader) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use lode_core::error::Status;
    use std::ptr;

    #[test]
    fn there_must_be_room_for_bytes() {
        let call = Call { function: "lode_test" };
        let mut byte = 0_u8;
        let place = (&raw mut byte).cast::<c_void>();
        let cases: &[(*mut c_void, usize, &str)] = &[
            (place, 0, "capacity is 0"),
            (ptr::null_mut(), 1, "buffer (room for 1 bytes) is NULL"),
            (place, usize::MAX, "PTRDIFF_MAX"),
        ];
        for &(buffer, capacity, expected) in cases {
            // SAFETY: each is refused.
            let error = unsafe { call.room(buffer, capacity) }.unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(expected), "{error}");
        }
        // SAFETY: one byte may be written.
        assert_eq!(unsafe { call.room(place, 1) }.unwrap().len(), 1);
    }

    #[test]
    fn null_for_everything_is_an_error_and_outputs_are_reset() {
        let mut reader = ptr::dangling_mut();
        let (mut read, mut read_at) = (5_usize, 5_usize);
        let null = ptr::null_mut();
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let statuses = [
                lode_dataset_open_blob_reader(
                    ptr::null_mut(),
                    ptr::null(),
                    ptr::null(),
                    &raw mut reader,
                    ptr::null_mut(),
                ),
                lode_blob_reader_read(null, ptr::null_mut(), 0, &raw mut read, ptr::null_mut()),
                lode_blob_reader_read_at(null, 0, ptr::null_mut(), 0, &raw mut read_at, ptr::null_mut()),
            ];
            assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 3]);
            lode_blob_reader_free(null);
        }
        assert_eq!((reader, read, read_at), (ptr::null_mut(), 0, 0));
    }
}

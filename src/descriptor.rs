//! Writers fed from a file descriptor, and readers that write to one.

use std::ffi::c_int;
use std::os::fd::BorrowedFd;

use crate::blob_reader::lode_blob_reader;
use crate::blob_writer::lode_blob_writer;
use crate::call::{Call, run};
use crate::error::lode_error;
use crate::options::lode_call_options;
use crate::record_reader::{Records, lode_record_reader};
use crate::record_writer::lode_record_writer;
use crate::status::{LODE_OK, lode_status};
use lode_core::error::Result;

impl Call {
    /// A descriptor of the caller's.
    ///
    /// # Safety
    /// It stays open for as long as the answer is used, if it is open.
    ///
    /// # Errors
    /// `InvalidArgument` for a number below 0.
    unsafe fn descriptor<'a>(&self, fd: c_int) -> Result<BorrowedFd<'a>> {
        if fd < 0 {
            return Err(self.invalid(format_args!("fd is {fd}, expected an open file descriptor")));
        }
        // SAFETY: not -1, and as asked of the caller; that it is not open is an error of the system's.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }
}

/// Adds the lines that a file descriptor gives until its end, one record each, without times. Blank lines are
/// no records, and the last line needs no line break. Files, pipes, sockets and terminals work. The call
/// continues after a signal, and waits for a descriptor that does not block.
///
/// The writer keeps what was read and not yet taken: after a failure the same call goes on from there,
/// without the line that was refused. A commit does not include it. The message about a refused line begins
/// with its number in what the descriptor gave, counted from 1, and with the byte, counted from 0.
///
/// @param writer the writer. Not NULL.
/// @param fd the descriptor, open for reading; it stays the caller's, who closes it.
/// @param call deadline, cancel token and progress, of which the bytes read count. Borrowed for the call.
///        NULL: the defaults, which wait for as long as the descriptor gives nothing.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: the writer holds all lines up to the end, or has skipped them by its option.
///         LODE_ERR_INVALID_RECORD, LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_NO_SPACE, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED and failures of the descriptor (LODE_ERR_IO): the writer
///         stays usable. LODE_ERR_INVALID_ARGUMENT, LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_writer_append_from_fd(
    writer: *mut lode_record_writer,
    fd: i32,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_writer_append_from_fd", error, |this| {
            let mut writer = this.exclusive(writer, "writer")?;
            let fd = this.descriptor(fd)?;
            let options = this.call_options(call)?;
            writer.append_from_fd(fd, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Adds the bytes that a file descriptor gives until its end, as lode_record_writer_append_from_fd adds
/// lines.
///
/// @param writer the writer. Not NULL.
/// @param fd the descriptor, open for reading; it stays the caller's, who closes it.
/// @param call deadline, cancel token and progress, of which the bytes read count. Borrowed for the call.
///        NULL: the defaults, which wait for as long as the descriptor gives nothing.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: the writer holds all bytes up to the end. LODE_ERR_NO_SPACE, LODE_ERR_DEADLINE,
///         LODE_ERR_CANCELLED, LODE_ERR_ABORTED and failures of the descriptor (LODE_ERR_IO): the writer
///         stays usable, and the same call goes on where it was. LODE_ERR_INVALID_ARGUMENT,
///         LODE_ERR_UNSUPPORTED, LODE_ERR_STATE, LODE_ERR_NO_MEMORY.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_writer_write_from_fd(
    writer: *mut lode_blob_writer,
    fd: i32,
    call: *const lode_call_options,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_blob_writer_write_from_fd", error, |this| {
            let mut writer = this.exclusive(writer, "writer")?;
            let fd = this.descriptor(fd)?;
            let options = this.call_options(call)?;
            writer.write_from_fd(fd, &options)?;
            Ok(LODE_OK)
        })
    }
}

/// Writes the records that are left to a file descriptor, each with a line break, until the end. The call
/// continues after a partial write or a signal, and waits for a descriptor that does not block. A pipe or
/// socket without a reader is LODE_ERR_IO with EPIPE, and no signal.
///
/// @param reader the reader; the deadline and cancel token of its options hold for this call. Not NULL.
/// @param fd the descriptor, open for writing; it stays the caller's, who closes it.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: the end; all that was to be verified is. Failures as lode_record_reader_next; and, which
///         do not stay, LODE_ERR_IO and LODE_ERR_NO_SPACE of the descriptor, and LODE_ERR_DEADLINE and
///         LODE_ERR_CANCELLED while it was waited for: what it has not taken is kept, and the same call goes
///         on with it, also in the middle of a record.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_record_reader_read_to_fd(
    reader: *mut lode_record_reader,
    fd: i32,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_record_reader_read_to_fd", error, |call| {
            let mut reader = call.exclusive(reader, "reader")?;
            let fd = call.descriptor(fd)?;
            match &mut reader.records {
                Records::Snapshot(reader) => reader.read_to_fd(fd)?,
                Records::Feed(feed) => feed.read_to_fd(fd)?,
            }
            Ok(LODE_OK)
        })
    }
}

/// Writes the bytes that are left of a blob to a file descriptor, as lode_record_reader_read_to_fd writes
/// records.
///
/// @param reader the reader; the deadline and cancel token of its options hold for this call. Not NULL.
/// @param fd the descriptor, open for writing; it stays the caller's, who closes it.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: the end; all that was to be verified is. Failures as lode_blob_reader_read; and, which do
///         not stay, LODE_ERR_IO and LODE_ERR_NO_SPACE of the descriptor, and LODE_ERR_DEADLINE and
///         LODE_ERR_CANCELLED while it was waited for: what it has not taken is kept, and the same call goes
///         on with it.
///
/// One thread at a time. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_blob_reader_read_to_fd(
    reader: *mut lode_blob_reader,
    fd: i32,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_blob_reader_read_to_fd", error, |call| {
            let mut reader = call.exclusive(reader, "reader")?;
            reader.read_to_fd(call.descriptor(fd)?)?;
            Ok(LODE_OK)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::LODE_ERR_INVALID_ARGUMENT;
    use std::ptr;

    #[test]
    fn a_number_below_zero_is_no_descriptor() {
        let call = Call { function: "lode_test" };
        for fd in [-1, c_int::MIN] {
            // SAFETY: refused before it is used.
            let error = unsafe { call.descriptor(fd) }.unwrap_err();
            assert_eq!(error.message(), format!("lode_test: fd is {fd}, expected an open file descriptor"));
        }
    }

    #[test]
    fn null_is_refused() {
        let none = ptr::null_mut();
        // SAFETY: NULL is refused or allowed everywhere.
        let statuses = unsafe {
            [
                lode_record_writer_append_from_fd(ptr::null_mut(), 0, ptr::null(), none),
                lode_blob_writer_write_from_fd(ptr::null_mut(), 0, ptr::null(), none),
                lode_record_reader_read_to_fd(ptr::null_mut(), 1, none),
                lode_blob_reader_read_to_fd(ptr::null_mut(), 1, none),
            ]
        };
        assert_eq!(statuses, [LODE_ERR_INVALID_ARGUMENT; 4]);
    }
}

//! `lode_byte_source`: the caller's bytes as a [`BlobSource`], and the call that pulls a blob from it.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::commit::lode_commit_options;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::options::{Versioned, init, lode_call_options};
use crate::panic::outside;
use crate::part::{give_part, lode_part};
use crate::pull_guard::{PullCallbacks, PullGuard, cut};
use crate::snapshot::lode_snapshot;
use crate::status::{LODE_OK, lode_status};
use lode_core::dataset::BlobSource;
use lode_core::error::{Error, Result, Status};

/// A source of bytes, which the caller implements. All callbacks come on the thread of the call that was
/// given the source, never two at once. A callback may use any lode handle; it must not throw or longjmp out
/// of itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_byte_source {
    /// sizeof(lode_byte_source), as the caller was compiled.
    pub struct_size: usize,
    /// Handed to every callback. Borrowed until `release`.
    pub ctx: *mut c_void,
    /// Fills the beginning of `buffer`, which has room for `capacity` bytes (at least 65536). Answer how many
    /// were filled; 0: there are no more; below 0: it failed, by the caller's own code, and the call ends
    /// with LODE_ERR_ITERATOR. Never called again after 0 or a failure.
    pub read: Option<unsafe extern "C" fn(ctx: *mut c_void, buffer: *mut u8, capacity: usize) -> i64>,
    /// Says why it failed: asked once, after `read` answered 0 or less. The answer is NUL-terminated UTF-8,
    /// borrowed until `release`; NULL: no error. A text after 0 is a failure, too. NULL: never asked.
    pub err: Option<unsafe extern "C" fn(ctx: *mut c_void) -> *const c_char>,
    /// Called exactly once, before the call that was given the source returns, with any outcome; only if
    /// `struct_size` was not acceptable it is not called. NULL: none.
    pub release: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
}

// SAFETY: see the fields: zero is valid for each.
unsafe impl Versioned for lode_byte_source {
    const NAME: &'static str = "lode_byte_source";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl PullCallbacks for lode_byte_source {
    const WHAT: &'static str = "read";

    fn ctx(&self) -> *mut c_void {
        self.ctx
    }

    fn err(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void) -> *const c_char> {
        self.err
    }

    fn release(&self) -> Option<unsafe extern "C" fn(ctx: *mut c_void)> {
        self.release
    }
}

/// The caller's source as the library pulls from it.
pub(super) struct CallerBytes {
    source: PullGuard<lode_byte_source>,
    read: unsafe extern "C" fn(*mut c_void, *mut u8, usize) -> i64,
    /// How many bytes it has given.
    offset: u64,
}

impl CallerBytes {
    pub(super) fn new(call: &Call, source: PullGuard<lode_byte_source>) -> Result<Self> {
        match source.0.read {
            Some(read) => Ok(CallerBytes { source, read, offset: 0 }),
            None => {
                Err(call
                    .fault(Status::NilIterator, "source has no read: there is nothing to pull bytes from"))
            }
        }
    }
}

impl BlobSource for CallerBytes {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let (room, capacity, offset) = (buffer.as_mut_ptr(), buffer.len(), self.offset);
        // SAFETY: the caller gave the function together with its context; there is room for `capacity` bytes.
        let answer = outside(|| unsafe { (self.read)(self.source.0.ctx, room, capacity) });
        match usize::try_from(answer) {
            Err(_) | Ok(0) => {
                let ended =
                    self.source.ended(answer, format_args!("byte {offset}"), format_args!("{offset} bytes"));
                ended.map(|()| 0).map_err(|error| error.with_offset(offset))
            }
            Ok(read) if read <= capacity => {
                self.offset += read as u64;
                Ok(read)
            }
            Ok(_) => {
                let message = format!(
                    "read broke its contract at byte {offset}: it answered {answer}, expected 0 to {capacity} (the \
                     room that there was) or a code below 0"
                );
                let error = Error::new(Status::IteratorContract, message);
                Err(error.with_offset(offset).with_callback_code(cut(answer)))
            }
        }
    }
}

/// Fills a source with the defaults: no callbacks.
///
/// @param source the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_byte_source), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_byte_source_init(source: *mut lode_byte_source, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(source, struct_size) }
}

/// Pulls the bytes of a blob from a source and commits them as one new snapshot: either all of them and a
/// manifest, or nothing. Memory stays the same at any size. Blocks until the commit is decided or has failed.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
/// @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
///        Not NULL.
/// @param metadata_json the snapshot's metadata, one JSON object; NUL-terminated UTF-8, borrowed for the
///        call. Not NULL: "{}" says that there is none. Keys that begin with "lode." are reserved; it nests
///        at most 128 levels, the object itself included.
/// @param options deadline (also between two calls of `read`), cancel token, progress (a blob counts as one
///        record), expected parent. Borrowed for the call. NULL: the defaults.
/// @param snapshot output: the new snapshot, which the caller owns and frees with lode_snapshot_free. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK. LODE_ERR_NIL_ITERATOR: there is no source, or no `read`. LODE_ERR_ITERATOR: it failed.
///         LODE_ERR_ITERATOR_CONTRACT: it answered more than `capacity`. LODE_OK and all else as
///         lode_dataset_write_blob.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stream_write_blob(
    dataset: *mut lode_dataset,
    source: *const lode_byte_source,
    metadata_json: *const c_char,
    options: *const lode_commit_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_stream_write_blob", error, |call| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let (dataset, source) = call.pulled((dataset, "dataset"), (source, "source"))?;
            let mut source = CallerBytes::new(call, source)?;
            call.commit(metadata_json, options, &snapshot, |metadata, options| {
                dataset.stream_write(&mut source, metadata, options)
            })
        })
    }
}

/// Pulls the bytes of a blob from a source into one part: all of them, or nothing; see lode_part.
///
/// @param dataset the dataset, opened with LODE_CODEC_NONE. Not NULL.
/// @param source the source; the struct is borrowed for the call, which calls `release` before it returns.
///        Not NULL.
/// @param call deadline, cancel token, progress. Borrowed for the call. NULL: no limits.
/// @param part output: the part, which the caller owns and frees with lode_part_free. Not NULL.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; else as lode_dataset_stream_write_blob, but for what concerns metadata and commit.
///
/// Any thread; several may write to one dataset at once. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_stage_blob(
    dataset: *mut lode_dataset,
    source: *const lode_byte_source,
    call: *const lode_call_options,
    part: *mut *mut lode_part,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        run("lode_dataset_stage_blob", error, |this| {
            let part = Out::reset(part, std::ptr::null_mut());
            let (dataset, source) = this.pulled((dataset, "dataset"), (source, "source"))?;
            let mut source = CallerBytes::new(this, source)?;
            let options = this.call_options(call)?;
            let part = part.required(this, "part")?;
            give_part(dataset.stage_blob(&mut source, &options)?, &part)?;
            Ok(LODE_OK)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::zeroed;
    use crate::status::{LODE_ERR_INVALID_ARGUMENT, LODE_ERR_NIL_ITERATOR};
    use std::ffi::CStr;
    use std::ptr;

    struct Script {
        answer: i64,
        text: *const c_char,
        asked: u32,
        released: u32,
    }

    unsafe extern "C" fn answers(ctx: *mut c_void, buffer: *mut u8, _capacity: usize) -> i64 {
        // SAFETY: the tests give a script, and room for a byte.
        unsafe {
            buffer.write(b'x');
            (*ctx.cast::<Script>()).answer
        }
    }

    unsafe extern "C" fn why(ctx: *mut c_void) -> *const c_char {
        // SAFETY: the tests give a script.
        unsafe {
            (*ctx.cast::<Script>()).asked += 1;
            (*ctx.cast::<Script>()).text
        }
    }

    unsafe extern "C" fn released(ctx: *mut c_void) {
        // SAFETY: the tests give a script.
        unsafe { (*ctx.cast::<Script>()).released += 1 };
    }

    fn script(answer: i64, text: Option<&'static CStr>) -> Script {
        Script { answer, text: text.map_or(ptr::null(), CStr::as_ptr), asked: 0, released: 0 }
    }

    fn source(script: *mut Script) -> lode_byte_source {
        lode_byte_source {
            struct_size: size_of::<lode_byte_source>(),
            ctx: script.cast(),
            read: Some(answers),
            err: Some(why),
            release: Some(released),
        }
    }

    #[test]
    fn the_callback_answers_bytes_an_end_a_failure_or_breaks_its_contract() {
        let call = Call { function: "lode_test" };
        let mut room = [0; 4];
        let words = c"the pipe broke";
        for (answer, text, expected) in [
            (0_i64, None, Ok((0, 1))),
            (1, None, Ok((1, 0))),
            (4, Some(words), Ok((4, 0))),
            (5, None, Err((Status::IteratorContract, 5, "at byte 7: it answered 5, expected 0 to 4"))),
            (i64::MAX, None, Err((Status::IteratorContract, i32::MAX, "broke its contract"))),
            (-3, None, Err((Status::Iterator, -3, "read failed at byte 7 with code -3"))),
            (-3, Some(words), Err((Status::Iterator, -3, "at byte 7 with code -3: the pipe broke"))),
            (0, Some(words), Err((Status::Iterator, 0, "with an error after 7 bytes: the pipe broke"))),
            (i64::MIN, None, Err((Status::Iterator, i32::MIN, "with code -9223372036854775808"))),
        ] {
            let mut script = script(answer, text);
            let at = &raw mut script;
            let mut bytes = CallerBytes::new(&call, PullGuard(source(at))).unwrap();
            bytes.offset = 7;
            let outcome = bytes.read(&mut room);
            drop(bytes);
            match (outcome, expected) {
                (Ok(read), Ok((count, asked))) => assert_eq!((read, script.asked), (count, asked)),
                (Err(error), Err((status, code, what))) => {
                    let facts = (error.status(), error.callback_code(), error.offset());
                    assert_eq!(facts, (status, Some(code), Some(7)), "{error}");
                    assert!(error.message().contains(what), "{error}");
                }
                (outcome, _) => panic!("{answer}: {outcome:?}"),
            }
            assert_eq!(script.released, 1);
        }
    }

    #[test]
    fn a_source_is_released_once_whatever_is_wrong() {
        let mut script = script(0, None);
        let mut given = source(&raw mut script);
        let mut snapshot = ptr::dangling_mut();
        // SAFETY: NULL is refused or allowed everywhere; the outputs may be written.
        unsafe {
            let status = lode_dataset_stream_write_blob(
                ptr::null_mut(),
                &raw const given,
                ptr::null(),
                ptr::null(),
                &raw mut snapshot,
                ptr::null_mut(),
            );
            assert_eq!((status, script.released), (LODE_ERR_INVALID_ARGUMENT, 1));
            assert!(snapshot.is_null());
            given.struct_size = 8;
            let status = lode_dataset_stream_write_blob(
                ptr::null_mut(),
                &raw const given,
                ptr::null(),
                ptr::null(),
                ptr::null_mut(),
                ptr::null_mut(),
            );
            assert_eq!((status, script.released), (LODE_ERR_INVALID_ARGUMENT, 1));
        }
        let call = Call { function: "lode_test" };
        // SAFETY: NULL is refused; a struct without callbacks is readable.
        let missing =
            unsafe { PullGuard::<lode_byte_source>::take(&call, ptr::null(), "source") }.err().unwrap();
        assert_eq!(missing.status() as lode_status, LODE_ERR_NIL_ITERATOR);
        let empty = CallerBytes::new(&call, PullGuard(zeroed())).err().unwrap();
        assert!(empty.message().contains("source has no read"), "{empty}");
    }
}

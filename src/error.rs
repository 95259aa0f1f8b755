//! `lode_error`: a failure as C sees it.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char};
use std::sync::OnceLock;

use crate::handle::{self, Handle, Held, Shared};
use crate::status::{LODE_ACTION_NONE, LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::error::{Action, Error, Result, Status};

/// What went wrong in one call: status, advised action, message, and the facts as values. Made by the call
/// that failed, owned by the caller, independent of every other handle; any thread may read it.
pub struct lode_error {
    _opaque: [u8; 0],
}

impl Handle for lode_error {
    type Value = Facts;
    const NAME: &'static str = "lode_error";
    const TAG: u32 = u32::from_le_bytes(*b"Lerr");
}

impl Shared for lode_error {}

/// The facts of a failure, ready for C.
pub(super) struct Facts {
    status: Status,
    action: Action,
    message: Cow<'static, CStr>,
    path: Option<CString>,
    snapshot_id: Option<CString>,
    record: i64,
    offset: i64,
    errno: i32,
    callback_code: i32,
}

/// An error that is always there.
pub(super) struct Standing(Held<Facts>);

/// Given when there is no memory for an error.
pub(super) static NO_MEMORY: Standing = Standing::new(Status::NoMemory, c"memory ran out");
/// Given when an error cannot be made for any other reason.
pub(super) static INTERNAL: Standing =
    Standing::new(Status::Internal, c"internal error in lode, and another one while describing it");

/// Given when there is no memory for the error of another status than `NoMemory`, made when first needed,
/// which allocates nothing: what was perhaps committed must not be called certainly uncommitted.
static STANDING: [OnceLock<Standing>; Status::ALL.len()] = [const { OnceLock::new() }; Status::ALL.len()];

/// The error that is there for this status.
fn standing(status: Status) -> *mut lode_error {
    match Status::ALL.iter().position(|one| *one == status) {
        Some(index) if status != Status::NoMemory => {
            let message = c"memory ran out while this failure was described: its status is all that is known";
            STANDING[index].get_or_init(|| Standing::new(status, message)).as_handle()
        }
        _ => NO_MEMORY.as_handle(),
    }
}

/// Whether an error is one that must not be freed.
fn is_standing(error: *const lode_error) -> bool {
    let mut standing = STANDING.iter().filter_map(OnceLock::get).chain([&NO_MEMORY, &INTERNAL]);
    standing.any(|one| std::ptr::eq(one.as_handle(), error))
}

impl Standing {
    const fn new(status: Status, message: &'static CStr) -> Self {
        Standing(Held::fixed::<lode_error>(Facts {
            status,
            action: status.action(),
            message: Cow::Borrowed(message),
            path: None,
            snapshot_id: None,
            record: -1,
            offset: -1,
            errno: 0,
            callback_code: 0,
        }))
    }

    /// The pointer that C gets; it is only ever read.
    pub(super) fn as_handle(&'static self) -> *mut lode_error {
        std::ptr::from_ref(&self.0).cast_mut().cast()
    }
}

impl lode_error {
    /// The failure as a handle that C owns; a standing one of its status if memory has run out.
    pub(super) fn from_failure(failure: &Error) -> *mut Self {
        Facts::new(failure).and_then(handle::give).unwrap_or_else(|_| standing(failure.status()))
    }
}

impl Facts {
    fn new(failure: &Error) -> Result<Self> {
        Ok(Facts {
            status: failure.status(),
            action: failure.action(),
            message: Cow::Owned(c_text(failure.message())?),
            path: failure.path().map(c_text).transpose()?,
            snapshot_id: failure.snapshot_id().map(c_text).transpose()?,
            record: counted(failure.record()),
            offset: counted(failure.offset()),
            errno: failure.errno().unwrap_or(0),
            callback_code: failure.callback_code().unwrap_or(0),
        })
    }
}

fn counted(number: Option<u64>) -> i64 {
    number.map_or(-1, |number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// Answers a question about an error; no error gives `none`.
///
/// # Safety
/// `error` is NULL or an error that was not freed.
unsafe fn ask<T: Copy>(error: *const lode_error, none: T, what: impl FnOnce(&'static Facts) -> T) -> T {
    // No fence: reading fields cannot panic.
    // SAFETY: as asked of the caller.
    unsafe { handle::peek(error) }.map_or(none, what)
}

/// The failure's status, the same that the call returned.
///
/// @param error an error that a call gave. NULL: no error.
/// @return a status below 0; LODE_OK if `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_status(error: *const lode_error) -> lode_status {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, LODE_OK, |facts| facts.status as lode_status) }
}

/// What to do about the failure. A program that retries checks this, not the status.
///
/// @param error an error that a call gave. NULL: no error.
/// @return LODE_ACTION_RETRY, LODE_ACTION_RESOLVE, LODE_ACTION_REBASE or LODE_ACTION_GIVE_UP;
///         LODE_ACTION_NONE if `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_action(error: *const lode_error) -> i32 {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, LODE_ACTION_NONE, |facts| facts.action as i32) }
}

/// What happened, to what, why, and what to do: one line of English, for people. Its wording may change from
/// version to version.
///
/// @param error an error that a call gave. NULL: no error.
/// @return UTF-8, owned by the error, until lode_error_free; "" if `error` is NULL. Never NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_message(error: *const lode_error) -> *const c_char {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, c"".as_ptr(), |facts| facts.message.as_ptr()) }
}

/// The path or store key that the failure is about.
///
/// @param error an error that a call gave. NULL: no error.
/// @return UTF-8, owned by the error, until lode_error_free; NULL if it is about none, or `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_path(error: *const lode_error) -> *const c_char {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, std::ptr::null(), |facts| text(facts.path.as_deref())) }
}

/// The snapshot that the failure is about: for LODE_ERR_COMMIT_UNKNOWN the one whose commit is in doubt (give
/// it to lode_dataset_resolve_commit), for LODE_ERR_CONFLICT the head.
///
/// @param error an error that a call gave. NULL: no error.
/// @return UTF-8, owned by the error, until lode_error_free; NULL if it is about none, if a conflict met a
///         dataset without snapshots, or if `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_snapshot_id(error: *const lode_error) -> *const c_char {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, std::ptr::null(), |facts| text(facts.snapshot_id.as_deref())) }
}

/// The record that the failure is about.
///
/// @param error an error that a call gave. NULL: no error.
/// @return the record's number in its stream, counted from 0; -1 if it is about none, or `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_record(error: *const lode_error) -> i64 {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, -1, |facts| facts.record) }
}

/// Where in the record or file the fault lies.
///
/// @param error an error that a call gave. NULL: no error.
/// @return bytes from the beginning, counted from 0; -1 if there is no such place, or `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_offset(error: *const lode_error) -> i64 {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, -1, |facts| facts.offset) }
}

/// The operating system's error number, such as ENOSPC.
///
/// @param error an error that a call gave. NULL: no error.
/// @return an errno value; 0 if the failure did not come from the system, or `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_errno(error: *const lode_error) -> i32 {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, 0, |facts| facts.errno) }
}

/// The number by which the caller's own callback failed: for LODE_ERR_ITERATOR the answer of `next` (or of
/// `next_batch` or `read`, cut to 32 bits) or the errno of an Arrow stream, for LODE_ERR_ITERATOR_CONTRACT
/// the answer that is not allowed, for a failure of lode_store_callbacks the callback's answer.
///
/// @param error an error that a call gave. NULL: no error.
/// @return the callback's number; 0 if no callback failed, or `error` is NULL.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_callback_code(error: *const lode_error) -> i32 {
    // SAFETY: NULL or an error, as lode.h asks.
    unsafe { ask(error, 0, |facts| facts.callback_code) }
}

/// Frees an error and the texts it gave out.
///
/// @param error an error that a call gave; it is not valid afterwards. NULL: nothing happens.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_error_free(error: *mut lode_error) {
    if is_standing(error) {
        return;
    }
    // SAFETY: NULL or an error of the caller's, as lode.h asks, and on the heap.
    unsafe { handle::free(error) }
}

fn text(text: Option<&CStr>) -> *const c_char {
    text.map_or(std::ptr::null(), CStr::as_ptr)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::{LODE_ACTION_GIVE_UP, LODE_ACTION_RESOLVE, LODE_ERR_COMMIT_UNKNOWN};

    fn read(text: *const c_char) -> Option<String> {
        // SAFETY: NULL or a text of an error that lives.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned())
    }

    #[test]
    fn every_fact_reaches_c() {
        let failure = Error::new(Status::CommitUnknown, "the answer\0is outstanding")
            .with_path("datasets/x/latest")
            .with_snapshot_id("17-ab")
            .with_record(3)
            .with_offset(u64::MAX)
            .with_errno(28)
            .with_callback_code(-9);
        let error = lode_error::from_failure(&failure);
        // SAFETY: an error that lives until the free.
        unsafe {
            assert_eq!(lode_error_status(error), LODE_ERR_COMMIT_UNKNOWN);
            assert_eq!(lode_error_action(error), LODE_ACTION_RESOLVE);
            assert_eq!(read(lode_error_message(error)).unwrap(), "the answer\u{FFFD}is outstanding");
            assert_eq!(read(lode_error_path(error)).unwrap(), "datasets/x/latest");
            assert_eq!(read(lode_error_snapshot_id(error)).unwrap(), "17-ab");
            assert_eq!(lode_error_record(error), 3);
            assert_eq!(lode_error_offset(error), i64::MAX);
            assert_eq!(lode_error_errno(error), 28);
            assert_eq!(lode_error_callback_code(error), -9);
            lode_error_free(error);
        }
    }

    #[test]
    fn absent_facts_and_null_have_their_own_answers() {
        let error = lode_error::from_failure(&Error::new(Status::State, "over"));
        // SAFETY: an error that lives until the free, and NULL.
        unsafe {
            for error in [error.cast_const(), std::ptr::null()] {
                assert!(lode_error_path(error).is_null());
                assert!(lode_error_snapshot_id(error).is_null());
                assert_eq!((lode_error_record(error), lode_error_offset(error)), (-1, -1));
                assert_eq!((lode_error_errno(error), lode_error_callback_code(error)), (0, 0));
            }
            assert_eq!(lode_error_status(std::ptr::null()), LODE_OK);
            assert_eq!(lode_error_action(std::ptr::null()), LODE_ACTION_NONE);
            assert_eq!(read(lode_error_message(std::ptr::null())).unwrap(), "");
            lode_error_free(error);
            lode_error_free(std::ptr::null_mut());
        }
    }

    #[test]
    fn without_memory_a_status_keeps_its_action() {
        for status in Status::ALL.iter().copied() {
            let error = standing(status);
            // SAFETY: a standing error is valid for ever.
            unsafe {
                lode_error_free(error);
                assert_eq!(lode_error_status(error), status as lode_status);
                assert_eq!(lode_error_action(error), status.action() as i32);
                assert!(read(lode_error_message(error)).unwrap().contains("memory ran out"));
            }
            assert_eq!(standing(status), error);
        }
    }

    #[test]
    fn the_standing_errors_survive_their_free() {
        for (standing, status, action) in [
            (&NO_MEMORY, Status::NoMemory, Action::Retry as i32),
            (&INTERNAL, Status::Internal, LODE_ACTION_GIVE_UP),
        ] {
            let error = standing.as_handle();
            // SAFETY: a standing error is valid for ever.
            unsafe {
                lode_error_free(error);
                lode_error_free(error);
                assert_eq!(lode_error_status(error), status as lode_status);
                assert_eq!(lode_error_action(error), action);
                assert!(!read(lode_error_message(error)).unwrap().is_empty());
            }
        }
    }
}

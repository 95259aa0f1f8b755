//! `lode_dataset_collect`: removing what dead writers left.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use crate::arguments::Out;
use crate::call::Call;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::history;
use crate::options::{Versioned, init, lode_call_options};
use crate::panic::outside;
use crate::status::{LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::dataset::Dataset;
use lode_core::error::Result;
use lode_core::upkeep::{CollectOptions, Garbage};

/// A temporary file.
pub const LODE_GARBAGE_TEMPORARY_FILE: i32 = 1;
/// A data file, perhaps one that was staged as a part.
pub const LODE_GARBAGE_DATA_FILE: i32 = 2;
/// The payload of a commit slot that was never put.
pub const LODE_GARBAGE_PAYLOAD: i32 = 3;
/// The key of a store's probe.
pub const LODE_GARBAGE_PROBE: i32 = 4;
/// An upload in several requests that was begun and never completed.
pub const LODE_GARBAGE_UPLOAD: i32 = 5;
/// A block of a volume.
pub const LODE_GARBAGE_BLOCK: i32 = 6;

/// How a clean-up is to be done. All zero but `struct_size`: what is older than a week is removed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_collect_options {
    /// sizeof(lode_collect_options), as the caller was compiled.
    pub struct_size: usize,
    /// Seconds: nothing that has stood unchanged for less is removed. At least 172800, which is 48 hours; 0:
    /// 7 days.
    pub min_age_seconds: i64,
    /// 1: a dry run: `removed` is called for what would be removed, and nothing is removed. 0: it is removed.
    pub dry_run: i32,
}

// SAFETY: see the fields: numbers.
unsafe impl Versioned for lode_collect_options {
    const NAME: &'static str = "lode_collect_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// The caller's function for removals.
pub(super) type RemovedFn = unsafe extern "C" fn(*mut c_void, i32, *const c_char, u64, i64) -> i32;

/// Fills the options with the defaults: what is older than a week is removed.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_collect_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_collect_options_init(options: *mut lode_collect_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

/// What a clean-up was asked for, decoded.
pub(super) struct Collecting {
    options: CollectOptions,
    removed: Option<RemovedFn>,
    ctx: *mut c_void,
}

impl Call {
    /// Decodes what a clean-up is asked for.
    ///
    /// # Safety
    /// What the pointers lead to is as lode.h describes it.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    pub(super) unsafe fn collecting(
        &self,
        options: *const lode_collect_options,
        removed: Option<RemovedFn>,
        ctx: *mut c_void,
        call: *const lode_call_options,
    ) -> Result<Collecting> {
        // SAFETY: as asked of the caller.
        let (given, call) = unsafe { (self.options(options, "options")?, self.call_options(call)?) };
        let defaults = CollectOptions::default();
        let min_age = match u64::try_from(given.min_age_seconds) {
            Ok(0) => defaults.min_age,
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let expected = "0 (7 days) or at least 172800 (48 hours)";
                return Err(self.out_of_range("min_age_seconds", given.min_age_seconds, expected));
            }
        };
        let dry_run = self.yes_or_no("dry_run", given.dry_run)?;
        Ok(Collecting { options: CollectOptions { call, min_age, dry_run }, removed, ctx })
    }
}

impl Collecting {
    /// Cleans up, and tells the caller.
    ///
    /// # Errors
    /// Those of the clean-up.
    pub(super) fn run(self, dataset: &Dataset, objects: &Out<u64>, bytes: &Out<u64>) -> Result<lode_status> {
        let Collecting { options, removed, ctx } = self;
        let collection = dataset.collect(&options, &mut |garbage| tell(removed, ctx, garbage))?;
        objects.set(collection.objects);
        bytes.set(collection.bytes);
        Ok(LODE_OK)
    }
}

/// Tells the caller of one removal; whether to go on.
fn tell(removed: Option<RemovedFn>, ctx: *mut c_void, garbage: &Garbage<'_>) -> bool {
    let Some(function) = removed else { return true };
    // Without memory for the copy the counts still tell.
    let Ok(path) = c_text(garbage.path) else { return true };
    let age = i64::try_from(garbage.age.as_secs()).unwrap_or(i64::MAX);
    // SAFETY: the caller gave the function together with its context for the call; the text lives until it
    // returns.
    outside(|| unsafe { function(ctx, garbage.kind as i32, path.as_ptr(), garbage.size, age) }) == 0
}

/// Removes what dead writers left in a dataset: temporary files; data files, staged parts included, and
/// payload objects that no manifest and no commit slot names; probe keys; uploads in several requests that
/// were never completed. Never a manifest, a slot or the pointer, nor what another program put there.
/// Readers, writers and other clean-ups may be at work at the same time: nothing that is or becomes visible
/// is removed, because a commit refuses data that was staged more than 24 hours ago
/// (LODE_ERR_STAGED_TOO_OLD), and because on a filesystem a living writer holds a lock on what it has staged.
///
/// @param dataset the dataset, opened in its layout. Not NULL.
/// @param options how old an object must be, and whether this is only a dry run. Borrowed for the call. NULL:
///        the defaults.
/// @param removed called on the calling thread after each removal (with `dry_run`: for what would be
///        removed): its kind, one of LODE_GARBAGE_*; its key in the store, NUL-terminated UTF-8, borrowed for
///        the callback; its size in bytes; how many seconds it had stood unchanged by the store's own clock.
///        It answers 0 to go on; anything else ends the call with LODE_ERR_ABORTED. NULL: only the counts are
///        wanted.
/// @param ctx handed to `removed`.
/// @param call deadline, cancel token and progress. Borrowed for the call. NULL: the defaults.
/// @param objects output: how many things were removed. NULL: not wanted.
/// @param bytes output: how many bytes they had. NULL: not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK; LODE_ERR_UNSUPPORTED: the store cannot tell how old its objects are (memory, callbacks);
///         LODE_ERR_CORRUPT, LODE_ERR_MANIFEST_INVALID, LODE_ERR_LAYOUT_MISMATCH: something that names data
///         cannot be read, and nothing was removed; LODE_ERR_INVALID_ARGUMENT (also for less than 48 hours),
///         LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED (what was removed stays removed),
///         LODE_ERR_IO, LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_collect(
    dataset: *mut lode_dataset,
    options: *const lode_collect_options,
    removed: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            kind: i32,
            path: *const c_char,
            size: u64,
            age_seconds: i64,
        ) -> i32,
    >,
    ctx: *mut c_void,
    call: *const lode_call_options,
    objects: *mut u64,
    bytes: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe {
        history::collect("lode_dataset_collect", dataset, options, removed, ctx, call, objects, bytes, error)
    }
}

//! `lode_commit_options`, and what all calls that commit share: their metadata, and the outcome that C is
//! given.

use std::ffi::{c_char, c_void};
use std::time::Duration;

use crate::arguments::Out;
use crate::call::Call;
use crate::cancel::lode_cancel_token;
use crate::options::{Listener, Versioned, init};
use crate::snapshot::{give_snapshot, lode_snapshot};
use crate::status::{
    LODE_ALREADY_COMMITTED, LODE_COMMITTED_BESIDE_FOREIGN, LODE_COMMITTED_UNPUBLISHED, LODE_OK, lode_status,
};
use lode_core::context::{CallOptions, Progress, Retry};
use lode_core::dataset::{Commit, Outcome};
use lode_core::error::{Result, Status};
use lode_core::manifest::Metadata;
use lode_core::options::{CommitOptions, Producer, ProgressFn};

/// How a commit is to be made. All zero but `struct_size`: no limits, any parent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lode_commit_options {
    /// sizeof(lode_commit_options), as the caller was compiled.
    pub struct_size: usize,
    /// Milliseconds from the start of the call. 0: no deadline; below 0: it is already over. A commit that is
    /// decided by then stays a success.
    pub deadline_ms: i64,
    /// Ends the call when cancelled. Borrowed for the call. NULL: none.
    pub cancel: *mut lode_cancel_token,
    /// Handed to `progress`.
    pub progress_ctx: *mut c_void,
    /// Called from time to time with the number of records taken, of their bytes, and of bytes stored (after
    /// compression). An answer of 0 goes on, any other stops the call with LODE_ERR_ABORTED, with nothing
    /// committed. Called on the calling thread. NULL: none.
    pub progress:
        Option<unsafe extern "C" fn(ctx: *mut c_void, records: i64, bytes_in: i64, bytes_stored: i64) -> i32>,
    /// The snapshot that must be the head for the commit to happen, else LODE_ERR_CONFLICT; NUL-terminated
    /// UTF-8, borrowed for the call. NULL: any. "": the dataset must have no snapshot yet.
    pub expected_parent: *const c_char,
    /// The producer whose commit this is; NUL-terminated UTF-8, at most 255 bytes, borrowed for the call.
    /// With it the commit happens exactly once, however often it is repeated, by this process or its
    /// successor: if `sequence` is committed already, nothing is written and the call returns
    /// LODE_ALREADY_COMMITTED. NULL: no producer.
    pub producer_id: *const c_char,
    /// The producer's number of this commit: from 1, rising; it may skip. The last 64 of each producer are
    /// remembered one by one, below them the answer is LODE_ERR_SEQUENCE_TOO_OLD; of producers the 1,024 that
    /// committed last are remembered, and a sequence of one that was dropped counts as new. 0 without
    /// `producer_id`.
    pub sequence: u64,
    /// Where the producer is to go on after a restart, for lode_snapshot_find_producer; opaque NUL-terminated
    /// UTF-8, at most 4,096 bytes, borrowed for the call. NULL: "".
    pub position: *const c_char,
    /// How often the whole commit is tried, the first try included, while its failure advises
    /// LODE_ACTION_RETRY or LODE_ACTION_RESOLVE (which the next try resolves), within the deadline; the error
    /// is then that of the last try. Never tried again: a commit whose iterator or source had begun to give,
    /// unless all its data were stored; one that is over by deadline, token or progress callback; a conflict,
    /// since `expected_parent` is the caller's to choose anew. 0 or 1: once.
    pub attempts: i32,
    /// Milliseconds before the second try; the pauses double and are jittered. 0: a few.
    pub attempt_base_ms: i32,
    /// The longest pause, in milliseconds. 0: half a second.
    pub attempt_cap_ms: i32,
    /// For lode_dataset_commit_parts: whether the files of each part are read and compared with their
    /// checksums before anything is decided; their sizes always are. 0: no, 1: yes.
    pub verify_parts: i32,
}

// SAFETY: see the fields: numbers, pointers, and optional functions, for which zero is none.
unsafe impl Versioned for lode_commit_options {
    const NAME: &'static str = "lode_commit_options";
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl Call {
    /// Makes a commit with the caller's metadata and options, and gives its outcome to C.
    ///
    /// # Safety
    /// `metadata_json` is NULL or NUL-terminated; `options` is NULL or a struct as lode.h describes it.
    ///
    /// # Errors
    /// Those of the commit; `MetadataRequired`, `MetadataInvalid`, `MetadataReserved`, `InvalidArgument`,
    /// `Unsupported`.
    pub(super) unsafe fn commit(
        &self,
        metadata_json: *const c_char,
        options: *const lode_commit_options,
        snapshot: &Out<*mut lode_snapshot>,
        commit: impl FnOnce(Metadata, CommitOptions<'_>) -> Result<Commit>,
    ) -> Result<lode_status> {
        // SAFETY: as asked of the caller.
        let (metadata, options) = unsafe { (self.metadata(metadata_json)?, self.commit_options(options)?) };
        give_commit(options.with(|options| commit(metadata, options))?, snapshot)
    }

    /// Metadata for a commit.
    ///
    /// # Safety
    /// `json` is NULL or NUL-terminated.
    ///
    /// # Errors
    /// `MetadataRequired`, `MetadataInvalid`, `MetadataReserved`, `InvalidArgument`.
    unsafe fn metadata(&self, json: *const c_char) -> Result<Metadata> {
        // SAFETY: as asked of the caller.
        match unsafe { self.optional_text(json, "metadata_json")? } {
            Some(json) => Metadata::parse(json),
            None => Err(self.fault(
                Status::MetadataRequired,
                "metadata_json is NULL: give the snapshot's metadata, \"{}\" if there is none",
            )),
        }
    }

    /// The options of a commit, as [`Committing::with`] lends them.
    ///
    /// # Safety
    /// `options` is NULL or a struct as lode.h describes it, and what it points to lives for `'a`.
    ///
    /// # Errors
    /// `InvalidArgument`, `Unsupported`.
    unsafe fn commit_options<'a>(&self, options: *const lode_commit_options) -> Result<Committing<'a>> {
        // SAFETY: as asked of the caller.
        unsafe {
            let options = self.options(options, "options")?;
            Ok(Committing {
                limits: self.limits(options.deadline_ms, options.cancel)?,
                expected_parent: self.optional_text(options.expected_parent, "options.expected_parent")?,
                producer: self.producer(&options)?,
                retry: self.attempts(&options)?,
                verify_parts: self.yes_or_no("verify_parts", options.verify_parts)?,
                progress: options.progress.map(|function| Listener { function, ctx: options.progress_ctx }),
            })
        }
    }

    /// Decodes how often a commit is tried.
    fn attempts(&self, options: &lode_commit_options) -> Result<Option<Retry>> {
        let defaults = Retry::default();
        let milliseconds = |ms: u32| Duration::from_millis(ms.into());
        let attempts = self.count("attempts", options.attempts)?;
        let base =
            self.count("attempt_base_ms", options.attempt_base_ms)?.map_or(defaults.base, milliseconds);
        let cap = self.count("attempt_cap_ms", options.attempt_cap_ms)?.map_or(defaults.cap, milliseconds);
        Ok(attempts.map(|attempts| Retry { attempts, base, cap }))
    }

    /// Decodes the producer of commit options.
    ///
    /// # Safety
    /// The texts are NULL or NUL-terminated.
    unsafe fn producer<'a>(&self, options: &lode_commit_options) -> Result<Option<Producer<'a>>> {
        // SAFETY: as asked of the caller.
        let (id, position) = unsafe {
            (
                self.optional_text(options.producer_id, "options.producer_id")?,
                self.optional_text(options.position, "options.position")?,
            )
        };
        match id {
            Some(id) => {
                Ok(Some(Producer { id, sequence: options.sequence, position: position.unwrap_or_default() }))
            }
            None if options.sequence != 0 => Err(self
                .invalid("options.sequence is given without options.producer_id, whose number it would be")),
            None if position.is_some() => Err(self.invalid(
                "options.position is given without options.producer_id, whose position it would be",
            )),
            None => Ok(None),
        }
    }
}

/// Decoded commit options: what [`CommitOptions`] borrows from.
struct Committing<'a> {
    limits: CallOptions,
    expected_parent: Option<&'a str>,
    producer: Option<Producer<'a>>,
    retry: Option<Retry>,
    verify_parts: bool,
    progress: Option<Listener>,
}

impl Committing<'_> {
    /// Runs a commit with these options.
    fn with<T>(self, commit: impl FnOnce(CommitOptions<'_>) -> T) -> T {
        let mut report = self.progress.map(|progress| move |at: Progress| progress.hears(at));
        commit(CommitOptions {
            call: self.limits,
            progress: report.as_mut().map(|report| report as ProgressFn<'_>),
            producer: self.producer,
            retry: self.retry,
            verify_parts: self.verify_parts,
            expected_parent: self.expected_parent,
        })
    }
}

/// Gives the outcome of a commit to C.
///
/// # Errors
/// `CommitUnknown` if memory ran out only now: the commit stands, and the caller must not make it again.
pub(super) fn give_commit(commit: Commit, out: &Out<*mut lode_snapshot>) -> Result<lode_status> {
    let status = match commit.outcome {
        Outcome::Committed => LODE_OK,
        Outcome::Unpublished => LODE_COMMITTED_UNPUBLISHED,
        Outcome::BesideForeign => LODE_COMMITTED_BESIDE_FOREIGN,
        Outcome::AlreadyCommitted => LODE_ALREADY_COMMITTED,
    };
    let snapshot = commit.snapshot.clone();
    give_snapshot(commit.snapshot, out).map_err(|error| {
        let id = &snapshot.manifest().snapshot_id;
        error
            .with_status(Status::CommitUnknown)
            .context(format_args!("snapshot {id} is committed, resolve it to get its handle"))
            .with_snapshot_id(id.clone())
    })?;
    Ok(status)
}

/// Fills the options with the defaults: no limits, any parent.
///
/// @param options the caller's struct; its bytes need not be valid before. NULL: nothing happens.
/// @param struct_size sizeof(lode_commit_options), in bytes; no more is written.
///
/// Cannot fail. Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_commit_options_init(options: *mut lode_commit_options, struct_size: usize) {
    // SAFETY: NULL or as long as the caller says, as lode.h asks.
    unsafe { init(options, struct_size) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::zeroed;

    const CALL: Call = Call { function: "lode_test" };

    #[test]
    fn progress_reaches_the_callback_and_its_answer_stops() {
        unsafe extern "C" fn progress(
            ctx: *mut c_void,
            records: i64,
            bytes_in: i64,
            bytes_stored: i64,
        ) -> i32 {
            // SAFETY: the test gives a vector.
            unsafe { &mut *ctx.cast::<Vec<[i64; 3]>>() }.push([records, bytes_in, bytes_stored]);
            i32::from(records == 2)
        }
        let mut seen: Vec<[i64; 3]> = Vec::new();
        let mut options: lode_commit_options = zeroed();
        options.struct_size = size_of::<lode_commit_options>();
        options.progress = Some(progress);
        options.progress_ctx = (&raw mut seen).cast();
        options.expected_parent = c"17".as_ptr();
        // SAFETY: a whole struct whose pointers live.
        let answers = unsafe { CALL.commit_options(&raw const options) }.unwrap().with(|options| {
            assert_eq!(options.expected_parent, Some("17"));
            let report = options.progress.unwrap();
            [1, 2].map(|records| report(Progress { records, bytes_in: u64::MAX, bytes_stored: 9 }))
        });
        assert_eq!(answers, [true, false]);
        assert_eq!(seen, [[1, i64::MAX, 9], [2, i64::MAX, 9]]);
    }
}

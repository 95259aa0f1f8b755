//! `lode_dataset_verify`: checking all that is stored of a dataset.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::Call;
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::history;
use crate::options::lode_call_options;
use crate::panic::outside;
use crate::status::{LODE_OK, lode_status};
use crate::strings::c_text;
use lode_core::dataset::Dataset;
use lode_core::error::Result;
use lode_core::upkeep::{Finding, Level};

/// Slots, manifests, their copies and the pointer: that the history is one whole chain. No data file is
/// touched.
pub const LODE_VERIFY_LEVEL_STRUCTURE: i32 = 0;
/// Each data file is there with its size, too: one request a file.
pub const LODE_VERIFY_LEVEL_SIZES: i32 = 1;
/// Each data file is read and has its checksum, too.
pub const LODE_VERIFY_LEVEL_CHECKSUMS: i32 = 2;
/// Each data file is decoded and holds as many records as its manifest says, too.
pub const LODE_VERIFY_LEVEL_RECORDS: i32 = 3;

/// The store fails to read an object of this dataset, for a reason that concerns this object.
pub const LODE_FINDING_UNREADABLE: i32 = 1;
/// A commit slot, or its payload object, is not what a writer wrote.
pub const LODE_FINDING_SLOT_INVALID: i32 = 2;
/// A commit slot to which the path of slots does not lead.
pub const LODE_FINDING_SLOT_OFF_PATH: i32 = 3;
/// A manifest that must be there is missing.
pub const LODE_FINDING_MANIFEST_MISSING: i32 = 4;
/// A manifest is not valid; the message names the field.
pub const LODE_FINDING_MANIFEST_INVALID: i32 = 5;
/// A manifest is not the one that its commit slot decided.
pub const LODE_FINDING_MANIFEST_DIFFERS: i32 = 6;
/// A manifest to which the path of slots does not lead.
pub const LODE_FINDING_MANIFEST_OFF_PATH: i32 = 7;
/// Two snapshots have one parent.
pub const LODE_FINDING_FORK: i32 = 8;
/// The copy of a manifest beside a partition's files is missing.
pub const LODE_FINDING_COPY_MISSING: i32 = 9;
/// The copy of a manifest beside a partition's files is not that manifest.
pub const LODE_FINDING_COPY_DIFFERS: i32 = 10;
/// A copy of a manifest of a snapshot to which the path of slots does not lead.
pub const LODE_FINDING_COPY_OFF_PATH: i32 = 11;
/// There is no pointer to the newest snapshot, though there are several snapshots.
pub const LODE_FINDING_POINTER_MISSING: i32 = 12;
/// The pointer names no snapshot that can be read.
pub const LODE_FINDING_POINTER_WRONG: i32 = 13;
/// A data file is missing.
pub const LODE_FINDING_FILE_MISSING: i32 = 14;
/// A data file has another size than its manifest says.
pub const LODE_FINDING_FILE_SIZE: i32 = 15;
/// A data file has another checksum than its manifest says.
pub const LODE_FINDING_FILE_CHECKSUM: i32 = 16;
/// A data file cannot be decoded, or holds another number of records than its manifest says.
pub const LODE_FINDING_FILE_RECORDS: i32 = 17;
/// This build cannot check it: it lacks a codec, compressor or checksum, or a newer version wrote it.
pub const LODE_FINDING_UNSUPPORTED: i32 = 18;
/// A snapshot of a volume lacks a block that its parent has.
pub const LODE_FINDING_BLOCK_DROPPED: i32 = 19;

/// The caller's function for findings.
pub(super) type FindingFn =
    unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char, *const c_char) -> i32;

/// Tells the caller of one finding; whether to go on.
///
/// # Safety
/// The function may be called with this context.
unsafe fn tell(callback: Option<FindingFn>, ctx: *mut c_void, finding: &Finding) -> bool {
    let Some(function) = callback else { return true };
    let texts = (c_text(&finding.path), c_text(&finding.message));
    // Without memory for the copies the count of findings still tells.
    let (Ok(path), Ok(message)) = texts else { return true };
    let id = finding.snapshot_id.as_deref().and_then(|id| c_text(id).ok());
    let id = id.as_ref().map_or(std::ptr::null(), |id| id.as_ptr());
    // SAFETY: as asked of the caller; the texts live until it returns.
    outside(|| unsafe { function(ctx, finding.kind as i32, path.as_ptr(), id, message.as_ptr()) }) == 0
}

impl Call {
    /// Checks a history, tells the caller, and gives the outcome to C.
    ///
    /// # Safety
    /// What the pointers lead to is as lode.h describes it.
    ///
    /// # Errors
    /// Those of the verification; `Corrupt` if anything is wrong.
    pub(super) unsafe fn verify(
        &self,
        dataset: &Dataset,
        level: i32,
        finding: Option<FindingFn>,
        ctx: *mut c_void,
        call: *const lode_call_options,
        findings: &Out<u64>,
    ) -> Result<lode_status> {
        let level = self.level(level)?;
        // SAFETY: as asked of the caller.
        let options = unsafe { self.call_options(call)? };
        // SAFETY: as asked of the caller.
        let verification =
            dataset.verify(level, &options, &mut |found| unsafe { tell(finding, ctx, found) })?;
        findings.set(verification.findings);
        verification.verdict()?;
        Ok(LODE_OK)
    }

    fn level(&self, level: i32) -> Result<Level> {
        Ok(match level {
            LODE_VERIFY_LEVEL_STRUCTURE => Level::Structure,
            LODE_VERIFY_LEVEL_SIZES => Level::Sizes,
            LODE_VERIFY_LEVEL_CHECKSUMS => Level::Checksums,
            LODE_VERIFY_LEVEL_RECORDS => Level::Records,
            other => {
                let expected = "one of LODE_VERIFY_LEVEL_* (0 to 3)";
                return Err(self.invalid(format_args!("level is {other}, expected {expected}")));
            }
        })
    }
}

/// Checks a whole dataset against what the format promises, the oldest snapshot first: that its history is
/// one unbroken chain, and, as `level` says, that its data files are there, are what was written, and hold
/// their records. Nothing is repaired or written. Writers may be at work at the same time. Memory grows with
/// the number of snapshots, by some 100 bytes each.
///
/// A snapshot that is decided and not published yet, because its writer died or is at work, is no finding.
/// What the Go library has committed since the last commit of this library is checked, too.
///
/// @param dataset the dataset, opened in its layout. Not NULL.
/// @param level one of LODE_VERIFY_LEVEL_*; each includes those before it.
/// @param finding called on the calling thread for each thing that is wrong: its kind, one of LODE_FINDING_*
///        (treat one that this header does not list as any other damage); the key of the object in the store;
///        the snapshot that it concerns, or NULL; and what is wrong, in words. The texts are NUL-terminated
///        UTF-8, borrowed for the callback. It answers 0 to go on; anything else ends the call with
///        LODE_ERR_ABORTED. NULL: only the outcome is wanted.
/// @param ctx handed to `finding`.
/// @param call deadline, cancel token and progress: snapshots and files, and bytes read. Borrowed for the
///        call. NULL: the defaults.
/// @param findings output: how many things are wrong; written on success, and with LODE_ERR_CORRUPT. NULL:
///        not wanted.
/// @param error output: the error, if the call fails. NULL: not wanted.
/// @return LODE_OK: nothing is wrong; LODE_ERR_CORRUPT: something is (message and path are those of the first
///        finding); LODE_ERR_NO_SNAPSHOTS: there is no such dataset; LODE_ERR_INVALID_ARGUMENT,
///        LODE_ERR_UNSUPPORTED, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_DEADLINE, LODE_ERR_CANCELLED,
///        LODE_ERR_ABORTED, LODE_ERR_IO (a failure that concerns no single object), LODE_ERR_NO_MEMORY.
///
/// Any thread. Since 0.1.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lode_dataset_verify(
    dataset: *mut lode_dataset,
    level: i32,
    finding: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            kind: i32,
            path: *const c_char,
            snapshot_id: *const c_char,
            message: *const c_char,
        ) -> i32,
    >,
    ctx: *mut c_void,
    call: *const lode_call_options,
    findings: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    // SAFETY: every pointer is NULL or what lode.h asks for.
    unsafe { history::verify("lode_dataset_verify", dataset, level, finding, ctx, call, findings, error) }
}

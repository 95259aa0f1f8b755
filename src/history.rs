//! The calls on a history of snapshots, a dataset's or a volume's, which differ in their names only.
//!
//! Each is the whole of an export: `function` is the export's name, and the pointers are those that C gave.

use std::ffi::{c_char, c_void};

use crate::arguments::Out;
use crate::call::{Call, run};
use crate::collect::{RemovedFn, lode_collect_options};
use crate::dataset::lode_dataset;
use crate::error::lode_error;
use crate::handle;
use crate::options::lode_call_options;
use crate::snapshot::{give_snapshot, lode_snapshot};
use crate::snapshot_iterator::lode_snapshot_iterator;
use crate::status::{LODE_NONE, LODE_NOT_COMMITTED, LODE_OK, lode_status};
use crate::verify::FindingFn;
use crate::volume::lode_volume;
use lode_core::context::CallOptions;
use lode_core::dataset::{Dataset, Resolution, Snapshot, Snapshots};
use lode_core::error::Result;
use lode_core::volume::Volume;

/// The handle whose history a call is about.
#[derive(Clone, Copy)]
pub(super) enum Owner {
    Dataset(*const lode_dataset),
    Volume(*const lode_volume),
}

impl From<*mut lode_dataset> for Owner {
    fn from(dataset: *mut lode_dataset) -> Self {
        Owner::Dataset(dataset)
    }
}

impl From<*mut lode_volume> for Owner {
    fn from(volume: *mut lode_volume) -> Self {
        Owner::Volume(volume)
    }
}

impl Call {
    /// The history of a handle.
    ///
    /// # Safety
    /// The pointer is NULL or what lode.h asks for.
    ///
    /// # Errors
    /// `InvalidArgument`.
    unsafe fn history<'a>(&self, owner: Owner) -> Result<&'a Dataset> {
        // SAFETY: as asked of the caller.
        unsafe {
            match owner {
                Owner::Dataset(dataset) => self.shared(dataset, "dataset"),
                Owner::Volume(volume) => self.shared(volume, "volume").map(Volume::history),
            }
        }
    }
}

/// Finds a snapshot, if there is one.
type Find<'a> = &'a dyn Fn(&Call, &Dataset, &CallOptions) -> Result<Option<Snapshot>>;

/// Decides about a snapshot, named by its id, and gives it if it is committed.
type Decide<'a> = &'a dyn Fn(&Dataset, &str, &CallOptions) -> Result<Option<Snapshot>>;

/// Gives one snapshot, which must be wanted.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
unsafe fn find(
    function: &'static str,
    owner: Owner,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
    find: Find<'_>,
) -> lode_status {
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let history = this.history(owner)?;
            let options = this.call_options(call)?;
            let snapshot = snapshot.required(this, "snapshot")?;
            match find(this, history, &options)? {
                Some(found) => {
                    give_snapshot(found, &snapshot)?;
                    Ok(LODE_OK)
                }
                None => Ok(LODE_NONE),
            }
        })
    }
}

/// Finds the head.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn find_latest(
    function: &'static str,
    owner: impl Into<Owner>,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    let latest = |_: &Call, history: &Dataset, options: &CallOptions| history.latest(options).map(Some);
    // SAFETY: as asked of the caller.
    unsafe { find(function, owner.into(), call, snapshot, error, &latest) }
}

/// Finds one snapshot by its id.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn find_snapshot(
    function: &'static str,
    owner: impl Into<Owner>,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    let named = |this: &Call, history: &Dataset, options: &CallOptions| {
        // SAFETY: as asked of the caller.
        let id = unsafe { this.text(snapshot_id, "snapshot_id")? };
        history.snapshot(id, options).map(Some)
    };
    // SAFETY: as asked of the caller.
    unsafe { find(function, owner.into(), call, snapshot, error, &named) }
}

/// Finds the head if it tells of a producer.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn find_producer(
    function: &'static str,
    owner: impl Into<Owner>,
    producer_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    let of_producer = |this: &Call, history: &Dataset, options: &CallOptions| {
        // SAFETY: as asked of the caller.
        let producer = unsafe { this.text(producer_id, "producer_id")? };
        history.producer_position(producer, options)
    };
    // SAFETY: as asked of the caller.
    unsafe { find(function, owner.into(), call, snapshot, error, &of_producer) }
}

/// Gives an iterator.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
unsafe fn list(
    function: &'static str,
    owner: Owner,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
    list: &dyn Fn(&Call, &Dataset, &CallOptions) -> Result<Snapshots>,
) -> lode_status {
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let snapshots = Out::reset(snapshots, std::ptr::null_mut());
            let history = this.history(owner)?;
            let options = this.call_options(call)?;
            let snapshots = snapshots.required(this, "snapshots")?;
            snapshots.set(handle::give(list(this, history, &options)?)?);
            Ok(LODE_OK)
        })
    }
}

/// Lists all snapshots.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn list_snapshots(
    function: &'static str,
    owner: impl Into<Owner>,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    let all = |_: &Call, history: &Dataset, options: &CallOptions| history.snapshots(options);
    // SAFETY: as asked of the caller.
    unsafe { list(function, owner.into(), call, snapshots, error, &all) }
}

/// Lists the snapshots after one.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn list_changes(
    function: &'static str,
    owner: impl Into<Owner>,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshots: *mut *mut lode_snapshot_iterator,
    error: *mut *mut lode_error,
) -> lode_status {
    let changes = |this: &Call, history: &Dataset, options: &CallOptions| {
        // SAFETY: as asked of the caller.
        let since = unsafe { this.optional_text(snapshot_id, "snapshot_id")? };
        history.changes_since(since, options)
    };
    // SAFETY: as asked of the caller.
    unsafe { list(function, owner.into(), call, snapshots, error, &changes) }
}

/// Resolves a commit in doubt.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn resolve_commit(
    function: &'static str,
    owner: impl Into<Owner>,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    let resolve = |history: &Dataset, id: &str, options: &CallOptions| {
        Ok(match history.resolve_commit(id, options)? {
            Resolution::Committed(committed) => Some(committed),
            Resolution::NotCommitted => None,
        })
    };
    // SAFETY: as asked of the caller.
    unsafe { decide(function, owner.into(), snapshot_id, call, snapshot, error, &resolve) }
}

/// Makes a snapshot the head.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
pub(super) unsafe fn adopt(
    function: &'static str,
    owner: impl Into<Owner>,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
) -> lode_status {
    let adopt = |history: &Dataset, id: &str, options: &CallOptions| history.adopt(id, options).map(Some);
    // SAFETY: as asked of the caller.
    unsafe { decide(function, owner.into(), snapshot_id, call, snapshot, error, &adopt) }
}

/// Decides what becomes of a snapshot, which is given if it is wanted.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
unsafe fn decide(
    function: &'static str,
    owner: Owner,
    snapshot_id: *const c_char,
    call: *const lode_call_options,
    snapshot: *mut *mut lode_snapshot,
    error: *mut *mut lode_error,
    decide: Decide<'_>,
) -> lode_status {
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let snapshot = Out::reset(snapshot, std::ptr::null_mut());
            let history = this.history(owner)?;
            let id = this.text(snapshot_id, "snapshot_id")?;
            let options = this.call_options(call)?;
            match decide(history, id, &options)? {
                Some(decided) => {
                    give_snapshot(decided, &snapshot)?;
                    Ok(LODE_OK)
                }
                None => Ok(LODE_NOT_COMMITTED),
            }
        })
    }
}

/// Checks all that is stored.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
#[expect(clippy::too_many_arguments, reason = "they are the export's")]
pub(super) unsafe fn verify(
    function: &'static str,
    owner: impl Into<Owner>,
    level: i32,
    finding: Option<FindingFn>,
    ctx: *mut c_void,
    call: *const lode_call_options,
    findings: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    let owner = owner.into();
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let findings = Out::reset(findings, 0);
            let history = this.history(owner)?;
            this.verify(history, level, finding, ctx, call, &findings)
        })
    }
}

/// Removes what dead writers left.
///
/// # Safety
/// Every pointer is NULL or what lode.h asks for.
#[expect(clippy::too_many_arguments, reason = "they are the export's")]
pub(super) unsafe fn collect(
    function: &'static str,
    owner: impl Into<Owner>,
    options: *const lode_collect_options,
    removed: Option<RemovedFn>,
    ctx: *mut c_void,
    call: *const lode_call_options,
    objects: *mut u64,
    bytes: *mut u64,
    error: *mut *mut lode_error,
) -> lode_status {
    let owner = owner.into();
    // SAFETY: as asked of the caller.
    unsafe {
        run(function, error, |this| {
            let (objects, bytes) = (Out::reset(objects, 0), Out::reset(bytes, 0));
            let history = this.history(owner)?;
            this.collecting(options, removed, ctx, call)?.run(history, &objects, &bytes)
        })
    }
}

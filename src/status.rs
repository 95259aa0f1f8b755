//! The status of a call as C sees it, and the action that an error advises.

use std::ffi::{CStr, c_char};

/// The outcome of a call: below 0 a failure, 0 and above a success. Test `status < 0`, never
/// `status != LODE_OK`. The numbers are stable; treat one that this header does not list as
/// `LODE_ERR_UNKNOWN` if it is below 0 and as `LODE_OK` otherwise.
pub type lode_status = i32;

/// Done. From an iterator or reader: its end.
pub const LODE_OK: i32 = 0;
/// An iterator or reader has given one item (or one batch); `LODE_OK` is its end.
pub const LODE_ITEM: i32 = 1;
/// This exactly-once sequence was committed before; nothing was written. The snapshot that the call gives is
/// the head that says so: the one that committed the sequence, or a later one.
pub const LODE_ALREADY_COMMITTED: i32 = 2;
/// Committed and durable, but the pointer `latest` could not be moved; the next writer publishes it.
pub const LODE_COMMITTED_UNPUBLISHED: i32 = 3;
/// Committed here, but a writer that ignores the commit slots (another library) was seen.
pub const LODE_COMMITTED_BESIDE_FOREIGN: i32 = 4;
/// What was asked for does not exist, which is an answer and not a failure: no such object, no such producer.
pub const LODE_NONE: i32 = 5;
/// The commit in doubt did not happen, and never will.
pub const LODE_NOT_COMMITTED: i32 = 6;

/// A failure that this version has no name for.
pub const LODE_ERR_UNKNOWN: i32 = -1;
/// A bug in lode, caught before it could reach the caller. The handles of the call can still be freed.
pub const LODE_ERR_INTERNAL: i32 = -2;
/// An argument is NULL, out of range or no valid UTF-8; the message names function and argument.
pub const LODE_ERR_INVALID_ARGUMENT: i32 = -3;
/// The handle cannot do this now or any more, such as a writer after its commit.
pub const LODE_ERR_STATE: i32 = -4;
/// Memory ran out.
pub const LODE_ERR_NO_MEMORY: i32 = -5;
/// This build, this store or this version cannot do it; the message names what is missing.
pub const LODE_ERR_UNSUPPORTED: i32 = -6;
/// The handle belongs to another process, from which this one was forked; make a new one here.
pub const LODE_ERR_FORKED: i32 = -7;
/// The operating system reported a failure; see `lode_error_errno`.
pub const LODE_ERR_IO: i32 = -20;
/// The disk or the quota is full, or a limit on the size of files (RLIMIT_FSIZE) is met in a process that
/// ignores or blocks SIGXFSZ; any other is ended by that signal.
pub const LODE_ERR_NO_SPACE: i32 = -21;
/// The object or directory does not exist.
pub const LODE_ERR_NOT_FOUND: i32 = -22;
/// The object exists already, and objects are never overwritten.
pub const LODE_ERR_PATH_EXISTS: i32 = -23;
/// The key breaks a rule for keys: it is empty or too long, holds a line break, or would leave the store's
/// root.
pub const LODE_ERR_INVALID_PATH: i32 = -24;
/// A store of the caller's own callbacks failed.
pub const LODE_ERR_STORE: i32 = -25;
/// The service that a store is on refuses the credentials, or what they may do.
pub const LODE_ERR_ACCESS_DENIED: i32 = -26;
/// The dataset has no snapshot yet.
pub const LODE_ERR_NO_SNAPSHOTS: i32 = -30;
/// No snapshot of the dataset has this id.
pub const LODE_ERR_SNAPSHOT_NOT_FOUND: i32 = -31;
/// A stored manifest is not valid; the message names the field.
pub const LODE_ERR_MANIFEST_INVALID: i32 = -32;
/// Stored bytes are not those that were written; the message names path, expected and found.
pub const LODE_ERR_CORRUPT: i32 = -33;
/// The dataset's layout cannot list datasets.
pub const LODE_ERR_DATASETS_NOT_MODELED: i32 = -34;
/// A data file is not of its codec's format, or is damaged; the message names what is wrong.
pub const LODE_ERR_INVALID_FORMAT: i32 = -35;
/// There is no iterator, or it lacks the callbacks that it needs.
pub const LODE_ERR_NIL_ITERATOR: i32 = -40;
/// The caller's iterator failed; see `lode_error_callback_code` and the message.
pub const LODE_ERR_ITERATOR: i32 = -41;
/// The caller's iterator answered what its contract does not allow.
pub const LODE_ERR_ITERATOR_CONTRACT: i32 = -42;
/// Metadata is NULL; `"{}"` says that there is none.
pub const LODE_ERR_METADATA_REQUIRED: i32 = -50;
/// Metadata is not one JSON object.
pub const LODE_ERR_METADATA_INVALID: i32 = -51;
/// A metadata key begins with `lode.`, which is reserved.
pub const LODE_ERR_METADATA_RESERVED: i32 = -52;
/// The call needs a dataset with a codec.
pub const LODE_ERR_CODEC_REQUIRED: i32 = -60;
/// The dataset's codec cannot write a stream in one pass. Those of this version all can.
pub const LODE_ERR_CODEC_NOT_STREAMABLE: i32 = -61;
/// The dataset's layout is partitioned, and records that come one after another are not put into partitions
/// unless `partition_streaming` is set.
pub const LODE_ERR_PARTITIONING_NOT_SUPPORTED: i32 = -62;
/// The codec (or the reading of JSON lines as columns) needs a schema, and the dataset was opened without
/// one.
pub const LODE_ERR_SCHEMA_REQUIRED: i32 = -63;
/// The schema given is not valid; the message names the field.
pub const LODE_ERR_SCHEMA_INVALID: i32 = -64;
/// A column has an Arrow type that is not taken here, or is missing; the message names field and type.
pub const LODE_ERR_ARROW_TYPE: i32 = -65;
/// A record is not exactly one valid JSON document, or fits no partition; see `lode_error_record` and
/// `lode_error_offset`.
pub const LODE_ERR_INVALID_RECORD: i32 = -70;
/// A record is longer than the dataset's limit; see `lode_error_record`.
pub const LODE_ERR_RECORD_TOO_LARGE: i32 = -71;
/// A record or a row does not fit the schema; the message names field and value. See `lode_error_record` and,
/// of a record, `lode_error_offset`.
pub const LODE_ERR_SCHEMA_VIOLATION: i32 = -72;
/// The head is not the expected parent; `lode_error_snapshot_id` is the head.
pub const LODE_ERR_CONFLICT: i32 = -80;
/// The commit may or may not have happened; `lode_error_snapshot_id` is its snapshot's id.
pub const LODE_ERR_COMMIT_UNKNOWN: i32 = -81;
/// The deadline passed; nothing was committed.
pub const LODE_ERR_DEADLINE: i32 = -82;
/// The cancel token was cancelled; nothing was committed.
pub const LODE_ERR_CANCELLED: i32 = -83;
/// The progress callback stopped the call; nothing was committed.
pub const LODE_ERR_ABORTED: i32 = -84;
/// Another writer is in the middle of a commit (of the Go library: perhaps it died there less than a minute
/// ago), and did not end within the tries; nothing was committed.
pub const LODE_ERR_BUSY: i32 = -85;
/// The history needs a decision by a person; the message names the heads, lode_dataset_adopt makes one of
/// them the head.
pub const LODE_ERR_NEEDS_REPAIR: i32 = -86;
/// The exactly-once sequence is below the window of remembered ones: whether it is committed is unknown.
pub const LODE_ERR_SEQUENCE_TOO_OLD: i32 = -87;
/// The dataset was written with another layout.
pub const LODE_ERR_LAYOUT_MISMATCH: i32 = -88;
/// The parent's id has no place in the order of ids.
pub const LODE_ERR_UNORDERABLE_PARENT: i32 = -89;
/// The data was staged more than 24 hours ago, by a clock that counts suspended time: clean-up may have
/// removed it, so that it is not committed any more. Its records are to be written again.
pub const LODE_ERR_STAGED_TOO_OLD: i32 = -90;
/// A snapshot, which lode_error_snapshot_id names, holds the part already: a part is committed once.
pub const LODE_ERR_PART_COMMITTED: i32 = -91;
/// No block of the volume's snapshot covers the range; lode_error_offset is the first byte without one.
pub const LODE_ERR_RANGE_MISSING: i32 = -36;
/// A block overlaps another one, of the same commit or of the volume; the message names both.
pub const LODE_ERR_OVERLAPPING_BLOCKS: i32 = -37;
/// The volume has another length than it was opened with.
pub const LODE_ERR_VOLUME_LENGTH_MISMATCH: i32 = -38;
/// A snapshot of the volume would have more blocks than `max_blocks`.
pub const LODE_ERR_VOLUME_TOO_FRAGMENTED: i32 = -39;

/// Nothing to do: there is no error.
pub const LODE_ACTION_NONE: i32 = 0;
/// Certainly not committed; the same call may work later.
pub const LODE_ACTION_RETRY: i32 = 1;
/// Perhaps committed: resolve it with `lode_dataset_resolve_commit`, or repeat the writer's commit, which
/// resolves it first. Nothing else is safe.
pub const LODE_ACTION_RESOLVE: i32 = 2;
/// Read the head and decide again.
pub const LODE_ACTION_REBASE: i32 = 3;
/// The same call will fail again.
pub const LODE_ACTION_GIVE_UP: i32 = 4;

macro_rules! names {
    ($($status:ident),* $(,)?) => {
        /// Every status with the name of its constant.
        static NAMES: &[(lode_status, &CStr)] = &[$((
            $status,
            match CStr::from_bytes_with_nul(concat!(stringify!($status), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => unreachable!(),
            },
        )),*];
    };
}

names! {
    LODE_OK, LODE_ITEM, LODE_ALREADY_COMMITTED, LODE_COMMITTED_UNPUBLISHED, LODE_COMMITTED_BESIDE_FOREIGN,
    LODE_NONE, LODE_NOT_COMMITTED, LODE_ERR_UNKNOWN, LODE_ERR_INTERNAL, LODE_ERR_INVALID_ARGUMENT,
    LODE_ERR_STATE, LODE_ERR_NO_MEMORY, LODE_ERR_UNSUPPORTED, LODE_ERR_FORKED, LODE_ERR_IO,
    LODE_ERR_NO_SPACE, LODE_ERR_NOT_FOUND, LODE_ERR_PATH_EXISTS, LODE_ERR_INVALID_PATH, LODE_ERR_STORE,
    LODE_ERR_ACCESS_DENIED,
    LODE_ERR_NO_SNAPSHOTS, LODE_ERR_SNAPSHOT_NOT_FOUND, LODE_ERR_MANIFEST_INVALID, LODE_ERR_CORRUPT,
    LODE_ERR_DATASETS_NOT_MODELED, LODE_ERR_INVALID_FORMAT, LODE_ERR_NIL_ITERATOR, LODE_ERR_ITERATOR, LODE_ERR_ITERATOR_CONTRACT,
    LODE_ERR_METADATA_REQUIRED, LODE_ERR_METADATA_INVALID, LODE_ERR_METADATA_RESERVED,
    LODE_ERR_CODEC_REQUIRED, LODE_ERR_CODEC_NOT_STREAMABLE, LODE_ERR_PARTITIONING_NOT_SUPPORTED,
    LODE_ERR_SCHEMA_REQUIRED, LODE_ERR_SCHEMA_INVALID, LODE_ERR_ARROW_TYPE, LODE_ERR_INVALID_RECORD,
    LODE_ERR_RECORD_TOO_LARGE, LODE_ERR_SCHEMA_VIOLATION, LODE_ERR_CONFLICT, LODE_ERR_COMMIT_UNKNOWN,
    LODE_ERR_DEADLINE, LODE_ERR_CANCELLED, LODE_ERR_ABORTED, LODE_ERR_BUSY, LODE_ERR_NEEDS_REPAIR,
    LODE_ERR_SEQUENCE_TOO_OLD, LODE_ERR_LAYOUT_MISMATCH, LODE_ERR_UNORDERABLE_PARENT,
    LODE_ERR_STAGED_TOO_OLD, LODE_ERR_PART_COMMITTED,
    LODE_ERR_RANGE_MISSING, LODE_ERR_OVERLAPPING_BLOCKS, LODE_ERR_VOLUME_LENGTH_MISMATCH,
    LODE_ERR_VOLUME_TOO_FRAGMENTED,
}

/// The name of a status, such as "LODE_ERR_CONFLICT", for logs and messages.
///
/// @param status any number.
/// @return a static string, never NULL: for a number that is not listed "LODE_ERR_UNKNOWN" if it is below 0,
///         else "LODE_OK", as which it is to be treated.
///
/// Cannot fail. Any thread, also in a signal handler. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn lode_status_name(status: lode_status) -> *const c_char {
    // No fence: a search in a static table cannot panic.
    let unlisted = if status < 0 { c"LODE_ERR_UNKNOWN" } else { c"LODE_OK" };
    NAMES.iter().find(|(number, _)| *number == status).map_or(unlisted, |(_, name)| *name).as_ptr()
}

/// The name of an action, such as "LODE_ACTION_RETRY", for logs and messages.
///
/// @param action any number, such as lode_error_action gives.
/// @return a static string, never NULL: "LODE_ACTION_GIVE_UP" for a number that is not listed.
///
/// Cannot fail. Any thread, also in a signal handler. Since 0.1.0.
#[unsafe(no_mangle)]
pub extern "C" fn lode_action_name(action: i32) -> *const c_char {
    // No fence: a choice of constants cannot panic.
    let name = match action {
        LODE_ACTION_NONE => c"LODE_ACTION_NONE",
        LODE_ACTION_RETRY => c"LODE_ACTION_RETRY",
        LODE_ACTION_RESOLVE => c"LODE_ACTION_RESOLVE",
        LODE_ACTION_REBASE => c"LODE_ACTION_REBASE",
        _ => c"LODE_ACTION_GIVE_UP",
    };
    name.as_ptr()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lode_core::error::{Action, Status};

    fn name(status: lode_status) -> &'static str {
        // SAFETY: `lode_status_name` gives static NUL-terminated strings.
        unsafe { CStr::from_ptr(lode_status_name(status)) }.to_str().unwrap()
    }

    #[test]
    fn every_status_of_the_library_has_its_constant() {
        for status in Status::ALL {
            assert_eq!(name(*status as i32), format!("LODE_ERR_{}", status.name()));
        }
        let failures = NAMES.iter().filter(|(number, _)| *number < 0).count();
        assert_eq!(failures, Status::ALL.len(), "a constant that the library does not know");
    }

    #[test]
    fn numbers_are_given_once() {
        for (at, (number, _)) in NAMES.iter().enumerate() {
            assert!(NAMES[..at].iter().all(|(other, _)| other != number), "{number} twice");
        }
    }

    #[test]
    fn an_unlisted_number_is_unknown_below_zero_and_a_success_above() {
        for status in [-1000, i32::MIN, -8] {
            assert_eq!(name(status), "LODE_ERR_UNKNOWN");
        }
        for status in [7, 1000, i32::MAX] {
            assert_eq!(name(status), "LODE_OK");
        }
        assert_eq!(name(LODE_ITEM), "LODE_ITEM");
    }

    #[test]
    fn actions_are_those_of_the_library() {
        assert_eq!(LODE_ACTION_RETRY, Action::Retry as i32);
        assert_eq!(LODE_ACTION_RESOLVE, Action::Resolve as i32);
        assert_eq!(LODE_ACTION_REBASE, Action::Rebase as i32);
        assert_eq!(LODE_ACTION_GIVE_UP, Action::GiveUp as i32);
    }

    #[test]
    fn actions_have_names_and_an_unlisted_one_gives_up() {
        let names = [-1, 0, 1, 2, 3, 4, 5, i32::MAX].map(|action| {
            // SAFETY: `lode_action_name` gives static NUL-terminated strings.
            unsafe { CStr::from_ptr(lode_action_name(action)) }.to_str().unwrap()
        });
        let expected = ["GIVE_UP", "NONE", "RETRY", "RESOLVE", "REBASE", "GIVE_UP", "GIVE_UP", "GIVE_UP"];
        assert_eq!(names, expected.map(|name| format!("LODE_ACTION_{name}")));
    }
}

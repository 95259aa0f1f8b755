//! Errors: a stable status, what the caller should do next, a message that names the thing, the facts (path,
//! record, offset, errno, …) as fields, and the error of another library that caused it as the
//! [source](std::error::Error::source).

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! statuses {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $action:ident;)*) => {
        /// Why a call failed. The numbers are those of the C API and never change.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Status {
            $($(#[$doc])* $name = $code,)*
        }

        impl Status {
            /// Every status, in the order of the table.
            pub const ALL: &[Status] = &[$(Status::$name),*];

            /// Its name in capitals, such as `CONFLICT`: that of the C constant without its prefix.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Status::$name => $text,)* }
            }

            /// What to do about it, unless the error itself says otherwise.
            #[must_use]
            pub const fn action(self) -> Action {
                match self { $(Status::$name => Action::$action,)* }
            }
        }
    };
}

statuses! {
    /// A failure that this version has no name for.
    Unknown = -1, "UNKNOWN", GiveUp;
    /// A bug in lode: a panic was caught at the boundary.
    Internal = -2, "INTERNAL", GiveUp;
    /// An argument is NULL, out of range, or no valid UTF-8; the message names it.
    InvalidArgument = -3, "INVALID_ARGUMENT", GiveUp;
    /// The handle cannot do this any more, such as a writer after its commit.
    State = -4, "STATE", GiveUp;
    /// Memory ran out.
    NoMemory = -5, "NO_MEMORY", Retry;
    /// This build, this store or this version cannot do it; the message names what is missing.
    Unsupported = -6, "UNSUPPORTED", GiveUp;
    /// The handle belongs to another process, from which this one was forked.
    Forked = -7, "FORKED", GiveUp;
    /// The operating system reported a failure; the errno is in the error.
    Io = -20, "IO", Retry;
    /// The disk or the quota is full, or a limit on the size of files is met.
    NoSpace = -21, "NO_SPACE", Retry;
    /// The object does not exist.
    NotFound = -22, "NOT_FOUND", GiveUp;
    /// The object exists already and is never overwritten.
    PathExists = -23, "PATH_EXISTS", GiveUp;
    /// The key is empty or would leave the store's root.
    InvalidPath = -24, "INVALID_PATH", GiveUp;
    /// The caller's own store failed.
    Store = -25, "STORE", Retry;
    /// The service refuses the credentials, or what they may do.
    AccessDenied = -26, "ACCESS_DENIED", GiveUp;
    /// The dataset has no snapshot yet.
    NoSnapshots = -30, "NO_SNAPSHOTS", GiveUp;
    /// No snapshot has this id.
    SnapshotNotFound = -31, "SNAPSHOT_NOT_FOUND", GiveUp;
    /// A manifest is not one; the message names the field.
    ManifestInvalid = -32, "MANIFEST_INVALID", GiveUp;
    /// Stored bytes are not what was written; the message names path, expected and found.
    Corrupt = -33, "CORRUPT", GiveUp;
    /// The layout cannot list datasets.
    DatasetsNotModeled = -34, "DATASETS_NOT_MODELED", GiveUp;
    /// A file is not of its codec's format, or is damaged; the message names what is wrong.
    InvalidFormat = -35, "INVALID_FORMAT", GiveUp;
    /// No iterator, or one without the callbacks that it needs.
    NilIterator = -40, "NIL_ITERATOR", GiveUp;
    /// The caller's iterator failed; its code and text are in the error.
    Iterator = -41, "ITERATOR", Retry;
    /// The caller's iterator answered what its contract does not allow.
    IteratorContract = -42, "ITERATOR_CONTRACT", GiveUp;
    /// There is no metadata; an empty object is enough.
    MetadataRequired = -50, "METADATA_REQUIRED", GiveUp;
    /// The metadata is not one JSON object, nests too deep, or holds what readers would not agree on.
    MetadataInvalid = -51, "METADATA_INVALID", GiveUp;
    /// A metadata key begins with `lode.`, which is reserved.
    MetadataReserved = -52, "METADATA_RESERVED", GiveUp;
    /// The call needs a dataset with a codec.
    CodecRequired = -60, "CODEC_REQUIRED", GiveUp;
    /// The codec cannot write a stream in one pass.
    CodecNotStreamable = -61, "CODEC_NOT_STREAMABLE", GiveUp;
    /// A single-pass stream cannot be partitioned.
    PartitioningNotSupported = -62, "PARTITIONING_NOT_SUPPORTED", GiveUp;
    /// The codec needs a declared schema, and there is none.
    SchemaRequired = -63, "SCHEMA_REQUIRED", GiveUp;
    /// The declared schema is not valid; the message names the field.
    SchemaInvalid = -64, "SCHEMA_INVALID", GiveUp;
    /// An Arrow type is not one that can be stored here; the message names field and type.
    ArrowType = -65, "ARROW_TYPE", GiveUp;
    /// A record is not exactly one valid JSON document, or fits no partition; number and byte offset are in
    /// the error.
    InvalidRecord = -70, "INVALID_RECORD", GiveUp;
    /// A record is longer than the dataset's limit.
    RecordTooLarge = -71, "RECORD_TOO_LARGE", GiveUp;
    /// A record does not fit the declared schema; the message names field and value.
    SchemaViolation = -72, "SCHEMA_VIOLATION", GiveUp;
    /// The head is not the expected parent; it is in the error.
    Conflict = -80, "CONFLICT", Rebase;
    /// The commit may or may not have happened; its snapshot id is in the error.
    CommitUnknown = -81, "COMMIT_UNKNOWN", Resolve;
    /// The deadline passed; nothing was committed.
    Deadline = -82, "DEADLINE", Retry;
    /// The cancel token was cancelled; nothing was committed.
    Cancelled = -83, "CANCELLED", Retry;
    /// The caller's progress callback stopped the call; nothing was committed.
    Aborted = -84, "ABORTED", Retry;
    /// Another writer is in the middle of a commit.
    Busy = -85, "BUSY", Retry;
    /// The history needs a decision by a person; the message names the heads.
    NeedsRepair = -86, "NEEDS_REPAIR", GiveUp;
    /// The sequence is below the window of remembered ones.
    SequenceTooOld = -87, "SEQUENCE_TOO_OLD", GiveUp;
    /// The dataset has another layout.
    LayoutMismatch = -88, "LAYOUT_MISMATCH", GiveUp;
    /// The parent's id has no place in the order of ids.
    UnorderableParent = -89, "UNORDERABLE_PARENT", GiveUp;
    /// The data was staged more than 24 hours ago, when clean-up may have removed it.
    StagedTooOld = -90, "STAGED_TOO_OLD", GiveUp;
    /// A snapshot holds the part already; its id is in the error.
    PartCommitted = -91, "PART_COMMITTED", GiveUp;
    /// No block of the volume's snapshot covers the range; the first offset without one is in the error.
    RangeMissing = -36, "RANGE_MISSING", GiveUp;
    /// A block overlaps another one, of the same commit or of the volume.
    OverlappingBlocks = -37, "OVERLAPPING_BLOCKS", GiveUp;
    /// The volume has another length than it was opened with.
    VolumeLengthMismatch = -38, "VOLUME_LENGTH_MISMATCH", GiveUp;
    /// A snapshot of the volume would have more blocks than allowed.
    VolumeTooFragmented = -39, "VOLUME_TOO_FRAGMENTED", GiveUp;
}

/// What the caller should do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Action {
    /// Certainly not committed; the same call may work later.
    Retry = 1,
    /// Perhaps committed: commit again or resolve; nothing else is safe.
    Resolve = 2,
    /// Read the head and decide again.
    Rebase = 3,
    /// The same call will fail again.
    GiveUp = 4,
}

/// A failure: status, action, message, the facts as values, and the cause as the source.
#[derive(Clone, thiserror::Error)]
#[error(transparent)]
pub struct Error(Box<Facts>);

#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
struct Facts {
    status: Status,
    action: Action,
    message: String,
    path: Option<String>,
    snapshot_id: Option<String>,
    record: Option<u64>,
    offset: Option<u64>,
    errno: Option<i32>,
    callback_code: Option<i32>,
    #[source]
    cause: Option<Cause>,
}

/// The error of another library that a failure comes from; shared, because an [`Error`] can be cloned.
#[derive(Clone, Debug)]
struct Cause(Arc<dyn std::error::Error + Send + Sync>);

impl Deref for Cause {
    type Target = dyn std::error::Error + Send + Sync;

    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl Error {
    /// A failure with this status; the message says what, which, and what to do.
    #[must_use]
    pub fn new(status: Status, message: impl fmt::Display) -> Self {
        Error::with_message(status, format_args!("{message}"))
    }

    /// Out of line: the places where something fails stay small.
    #[cold]
    #[inline(never)]
    fn with_message(status: Status, message: fmt::Arguments<'_>) -> Self {
        Error(Box::new(Facts {
            status,
            action: status.action(),
            message: message.to_string(),
            path: None,
            snapshot_id: None,
            record: None,
            offset: None,
            errno: None,
            callback_code: None,
            cause: None,
        }))
    }

    /// The same failure, advising another action.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_action(mut self, action: Action) -> Self {
        self.0.action = action;
        self
    }

    /// The same failure under another status, with that status's action.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_status(mut self, status: Status) -> Self {
        self.0.status = status;
        self.0.action = status.action();
        self
    }

    /// Puts `context` and a colon before the message.
    #[must_use]
    pub fn context(self, context: impl fmt::Display) -> Self {
        self.in_context(format_args!("{context}"))
    }

    #[cold]
    #[inline(never)]
    fn in_context(mut self, context: fmt::Arguments<'_>) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// Names the path or store key it is about.
    #[must_use]
    pub fn with_path(self, path: impl AsRef<str>) -> Self {
        self.at_path(path.as_ref())
    }

    #[cold]
    #[inline(never)]
    fn at_path(mut self, path: &str) -> Self {
        self.0.path = Some(path.to_owned());
        self
    }

    /// Names the snapshot it is about.
    #[must_use]
    pub fn with_snapshot_id(self, id: impl AsRef<str>) -> Self {
        self.at_snapshot(id.as_ref())
    }

    #[cold]
    #[inline(never)]
    fn at_snapshot(mut self, id: &str) -> Self {
        self.0.snapshot_id = Some(id.to_owned());
        self
    }

    /// Names the record (counted from 0) it is about.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_record(mut self, record: u64) -> Self {
        self.0.record = Some(record);
        self
    }

    /// Names the byte offset (within the record or file) it is about.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_offset(mut self, offset: u64) -> Self {
        self.0.offset = Some(offset);
        self
    }

    /// Keeps the operating system's error number, which is the source, too, as a [`std::io::Error`].
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_errno(mut self, errno: i32) -> Self {
        self.0.errno = Some(errno);
        self.with_source(std::io::Error::from_raw_os_error(errno))
    }

    /// Keeps the error that this one comes from, for [`std::error::Error::source`].
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_source(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(Cause(cause.into().into()));
        self
    }

    /// Keeps the number that the caller's own callback gave.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn with_callback_code(mut self, code: i32) -> Self {
        self.0.callback_code = Some(code);
        self
    }

    /// Why it failed.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// What to do about it.
    #[must_use]
    pub fn action(&self) -> Action {
        self.0.action
    }

    /// What happened, to what, and why, as text for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The path or store key, if it is about one.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.path.as_deref()
    }

    /// The snapshot id: ours for `CommitUnknown`, the head for `Conflict`.
    #[must_use]
    pub fn snapshot_id(&self) -> Option<&str> {
        self.0.snapshot_id.as_deref()
    }

    /// The record's number, counted from 0.
    #[must_use]
    pub fn record(&self) -> Option<u64> {
        self.0.record
    }

    /// The byte offset within the record or file.
    #[must_use]
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The operating system's error number.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// The number that the caller's own callback gave.
    #[must_use]
    pub fn callback_code(&self) -> Option<i32> {
        self.0.callback_code
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.status.name(), self.0.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error as _;

    #[test]
    fn a_failure_keeps_its_facts_and_its_cause() {
        let error = Error::new(Status::NoSpace, "the disk is full")
            .with_path("a/b")
            .with_record(3)
            .with_offset(9)
            .with_errno(28)
            .context("cannot write");
        assert_eq!(error.to_string(), "cannot write: the disk is full");
        assert_eq!(error.message(), error.to_string());
        assert_eq!(format!("{error:?}"), "NO_SPACE: cannot write: the disk is full");
        assert_eq!((error.path(), error.record(), error.offset()), (Some("a/b"), Some(3), Some(9)));
        for error in [error.clone(), error.with_status(Status::Unsupported)] {
            let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
            assert_eq!(cause.and_then(std::io::Error::raw_os_error), Some(28));
        }
        assert!(Error::new(Status::State, "it is over").source().is_none());
        let torn = "{".parse::<f64>().unwrap_err();
        let error = Error::new(Status::Corrupt, "no number").with_source(torn.clone());
        let cause = error.source().and_then(|cause| cause.downcast_ref::<std::num::ParseFloatError>());
        assert_eq!(cause, Some(&torn));
    }

    #[test]
    fn a_changed_status_brings_its_action_and_an_action_can_be_changed_alone() {
        let error = Error::new(Status::Io, "x");
        assert_eq!(error.action(), Action::Retry);
        let error = error.with_status(Status::Conflict);
        assert_eq!((error.status(), error.action()), (Status::Conflict, Action::Rebase));
        assert_eq!(error.with_action(Action::GiveUp).action(), Action::GiveUp);
    }
}

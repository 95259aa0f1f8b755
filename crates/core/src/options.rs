//! What a caller may say about a commit.

use crate::context::{CallOptions, Progress, Retry};

/// Hears of the progress of a write, and may stop it by answering `false`
/// ([`Aborted`](crate::error::Status::Aborted)).
pub type ProgressFn<'a> = &'a mut dyn FnMut(Progress) -> bool;

/// A producer's mark on a commit (`docs/commit-protocol.md`, section "Exactly-once commits"). A sequence that
/// is committed is not committed again; of each producer the last 64 are remembered one by one, and of
/// producers the 1,024 that committed last: a sequence of one that was dropped counts as new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Producer<'a> {
    /// Its name, at most 255 bytes.
    pub id: &'a str,
    /// From 1, rising; it may skip.
    pub sequence: u64,
    /// Where it is to go on after a restart: opaque, at most 4,096 bytes.
    pub position: &'a str,
}

/// What a commit may be told.
#[derive(Default)]
pub struct CommitOptions<'a> {
    /// Deadline and cancelling.
    pub call: CallOptions,
    /// Told about progress after every chunk of output.
    pub progress: Option<ProgressFn<'a>>,
    /// Whose commit it is, for it to happen exactly once however often it is repeated.
    pub producer: Option<Producer<'a>>,
    /// How often the whole commit is tried while a failure says that another try can help, with which pauses;
    /// `None`: once. What is repeated is the commit, never the pulling of records: one that failed while
    /// records were pulled is not tried again.
    pub retry: Option<Retry>,
    /// When parts are committed: whether each is read and compared with its checksum first; its size always
    /// is.
    pub verify_parts: bool,
    /// `None`: any parent; `""`: the dataset must have no snapshot yet; an id: the head must be it.
    pub expected_parent: Option<&'a str>,
}

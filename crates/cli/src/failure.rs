//! How a command fails: what it says on standard error, and the exit status.

use std::fmt;
use std::io;

use lode_core::{Action, Error, Status};

use crate::output;

/// The result of a command.
pub type Result<T> = std::result::Result<T, Failure>;

/// Why a command ends before its end.
#[derive(Debug)]
pub enum Failure {
    /// The reader of standard output has closed it: there is nothing left to do, and nothing to say.
    ClosedOutput,
    /// A signal of this number came.
    Interrupted(i32),
    /// The command line asks for what cannot be.
    Usage(String),
    /// There is no such thing.
    NotFound(String),
    /// The library's failure, after what the command has to say of it.
    Library(Option<String>, Error),
    /// Any other failure.
    Other(String),
}

impl Failure {
    /// A failure with this message.
    pub fn other(message: impl fmt::Display) -> Self {
        Failure::Other(message.to_string())
    }

    /// A failure of the system while `doing` this.
    pub fn system(doing: impl fmt::Display, error: &io::Error) -> Self {
        Failure::Other(format!("cannot {doing}: {error}"))
    }

    /// Says what happened, unless that is of no interest, and gives the exit status.
    pub fn report(&self) -> u8 {
        let (code, message) = self.described();
        if code != 0 {
            output::say(&message);
        }
        code
    }

    /// What happened, in words.
    pub fn message(&self) -> String {
        self.described().1
    }

    fn described(&self) -> (u8, String) {
        match self {
            Failure::ClosedOutput => (0, "standard output was closed".to_owned()),
            Failure::Interrupted(signal) => {
                (128_u8.wrapping_add(u8::try_from(*signal).unwrap_or(0)), "interrupted".to_owned())
            }
            Failure::Usage(message) => (2, format!("{message}\nTry `lode --help`.")),
            Failure::NotFound(message) => (3, message.clone()),
            Failure::Library(what, error) => {
                let prefix = what.as_ref().map_or(String::new(), |what| format!("{what}: "));
                let name = error.status().name();
                (exit_status(error), format!("{prefix}{} ({name}){}", error.message(), advice(error)))
            }
            Failure::Other(message) => (1, message.clone()),
        }
    }
}

fn exit_status(error: &Error) -> u8 {
    match (error.status(), error.action()) {
        (Status::NoSnapshots | Status::SnapshotNotFound | Status::NotFound, _) => 3,
        (_, Action::Resolve) => 4,
        (_, Action::Retry | Action::Rebase) => 5,
        (_, Action::GiveUp) => 1,
    }
}

/// What to do next, where the message alone may leave that open.
fn advice(error: &Error) -> String {
    match error.action() {
        Action::Resolve => {
            let id = error.snapshot_id().unwrap_or("SNAPSHOT");
            format!("\nlode: `lode resolve STORE DATASET {id}` makes the answer final")
        }
        Action::Retry => "\nlode: nothing was committed; the same command may work later".to_owned(),
        Action::Rebase => {
            "\nlode: nothing was committed; read the newest snapshot and decide again".to_owned()
        }
        Action::GiveUp => String::new(),
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Library(None, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_exit_status() {
        let library = |status| Failure::from(Error::new(status, "it failed"));
        let cases = [
            (Failure::ClosedOutput, 0),
            (Failure::Interrupted(2), 130),
            (Failure::Interrupted(15), 143),
            (Failure::Usage("no".into()), 2),
            (Failure::NotFound("no".into()), 3),
            (library(Status::NoSnapshots), 3),
            (library(Status::SnapshotNotFound), 3),
            (library(Status::CommitUnknown), 4),
            (library(Status::Busy), 5),
            (library(Status::Conflict), 5),
            (library(Status::Corrupt), 1),
            (Failure::other("no"), 1),
        ];
        for (failure, status) in cases {
            assert_eq!(failure.report(), status, "{failure:?}");
        }
    }
}

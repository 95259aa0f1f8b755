//! What clean-up asks of a store (`docs/upkeep.md`, section "Clean-up").

use std::time::Duration;

use super::Hold;
use crate::error::{Error, Status};

/// What [`Backend::list_aged`](super::Backend::list_aged) tells of one object, or temporary file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Aged<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its size in bytes.
    pub size: u64,
    /// How long it has stood unchanged, by the store's own clock.
    pub age: Duration,
}

/// What became of the attempt to keep every writer off an object, to remove it.
pub enum RemovalLock {
    /// No writer holds it, or will while this lives.
    Taken(Box<dyn Hold>),
    /// A living writer holds it.
    Held,
    /// It is not there any more.
    Gone,
}

/// The lock of a store whose writers hold nothing.
pub(super) struct NoHold;

impl Hold for NoHold {}

/// An upload in several requests that was begun and neither completed nor aborted: it costs space, and no
/// listing of objects shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleUpload<'a> {
    /// The key that it would get.
    pub key: &'a str,
    /// What the store calls it.
    pub id: &'a str,
    /// How many bytes it takes, as far as the service tells; 0: it does not.
    pub size: u64,
    /// How long ago it was begun.
    pub age: Duration,
}

/// The refusal of a store that cannot tell how old its objects are.
pub(super) fn without_ages(store: &str) -> Error {
    let message = format!(
        "{store} does not tell how old its objects are, so that what is left of dead writers cannot be told from what \
         living ones have just written: it cannot be cleaned up"
    );
    Error::new(Status::Unsupported, message)
}

//! The compare-and-swap of a small object: one conditional put if its version is known, else after a GET.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use object_store::{PutMode, UpdateVersion};

use super::BucketStore;
use super::answer::{Failure, Kind};
use super::link::Tries;
use super::reading::Piece;
use crate::context::Context;
use crate::error::{Error, Status};
use crate::store::Swap;

/// The largest object whose version is remembered.
const SMALL: usize = 256;

/// How many versions are remembered.
const MOST: usize = 1_024;

/// The largest object that can be swapped.
const LARGEST: u64 = 64 << 20;

/// The bytes and the version of small objects when they were last read or written.
#[derive(Default)]
pub(super) struct KnownVersions(Mutex<HashMap<String, (Vec<u8>, UpdateVersion)>>);

impl KnownVersions {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, (Vec<u8>, UpdateVersion)>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn learn(&self, key: &str, bytes: &[u8], version: &UpdateVersion) {
        let is_known = version.e_tag.is_some() || version.version.is_some();
        self.with(|versions| {
            if bytes.len() > SMALL || !is_known {
                versions.remove(key);
                return;
            }
            if versions.len() >= MOST && !versions.contains_key(key) {
                versions.clear();
            }
            versions.insert(key.to_owned(), (bytes.to_vec(), version.clone()));
        });
    }

    fn of(&self, key: &str, expected: &[u8]) -> Option<UpdateVersion> {
        self.with(|versions| {
            versions.get(key).filter(|(bytes, _)| bytes == expected).map(|(_, version)| version.clone())
        })
    }

    fn forget(&self, key: &str) {
        self.with(|versions| versions.remove(key));
    }
}

/// What a swap is to be conditional on.
enum Condition {
    Absent,
    Version(UpdateVersion),
    /// It cannot succeed.
    Ended(Swap),
}

impl BucketStore {
    /// Remembers what was just read.
    pub(super) fn learn_version(&self, key: &str, piece: Option<&Piece>) {
        match piece {
            Some(piece) => self.known.versions.learn(key, &piece.bytes, &piece.version),
            None => self.known.versions.forget(key),
        }
    }

    pub(super) fn forget_version(&self, key: &str) {
        self.known.versions.forget(key);
    }

    /// Replaces `expected` by `value`; an absent object matches empty `expected`.
    pub(super) fn swap(&self, context: &Context, key: &str, expected: &[u8], value: &[u8]) -> Swap {
        let value = Bytes::copy_from_slice(value);
        let mut condition = match self.known.versions.of(key, expected) {
            Some(version) => Condition::Version(version),
            None if expected.is_empty() => Condition::Absent,
            None => self.look(context, key, expected),
        };
        let mut tries = Tries::default();
        loop {
            let mode = match condition {
                Condition::Ended(swap) => return swap,
                Condition::Absent => PutMode::Create,
                Condition::Version(version) => PutMode::Update(version),
            };
            let failure = match self.put(context, key, &value, mode) {
                Ok(result) => {
                    let version = UpdateVersion { e_tag: result.e_tag, version: result.version };
                    self.known.versions.learn(key, &value, &version);
                    return Swap::Done;
                }
                Err(failure) => failure,
            };
            self.known.versions.forget(key);
            condition = match failure.kind {
                // It was not there when the service looked for it, or another version was.
                Kind::Precondition | Kind::Absent => match self.after_refusal(context, key, expected, &value)
                {
                    Ok(condition) => condition,
                    Err(failure) => return Swap::Unknown(failure.error),
                },
                Kind::NotSent if expected.is_empty() => Condition::Absent,
                Kind::NotSent => self.look(context, key, expected),
                _ if failure.is_certain() => return Swap::Failed(failure.error),
                _ => return Swap::Unknown(failure.error),
            };
            if let Err(failure) =
                tries.next(context, "swap an object", Failure { kind: Kind::NotSent, ..failure })
            {
                return match condition {
                    Condition::Ended(swap) => swap,
                    _ => Swap::Failed(failure.error),
                };
            }
        }
    }

    /// What there is now, before anything was put.
    fn look(&self, context: &Context, key: &str, expected: &[u8]) -> Condition {
        match self.link.whole(context, key, LARGEST) {
            Ok(Some(piece)) if piece.bytes == expected => Condition::Version(piece.version),
            Ok(Some(piece)) => {
                self.learn_version(key, Some(&piece));
                Condition::Ended(Swap::Mismatch(Some(piece.bytes)))
            }
            Ok(None) if expected.is_empty() => Condition::Absent,
            Ok(None) => Condition::Ended(Swap::Mismatch(None)),
            Err(failure) => Condition::Ended(Swap::Failed(failure.error)),
        }
    }

    /// What there is after a put whose condition did not hold. A connection may have carried the put twice:
    /// its value is proof only where no other writer writes the same.
    fn after_refusal(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &Bytes,
    ) -> Result<Condition, Failure> {
        let piece = self.link.whole(context, key, LARGEST)?;
        self.learn_version(key, piece.as_ref());
        Ok(match piece {
            Some(piece) if piece.bytes == *value && value != expected => {
                // A pointer holds the id of one snapshot, and is right once it does.
                if key.rsplit('/').next() == Some("latest") {
                    return Ok(Condition::Ended(Swap::Done));
                }
                let message = format!(
                    "{key:?} in {} has the new value already: by this swap or by another writer's, which cannot be \
                     told apart",
                    self.link.client().name()
                );
                Condition::Ended(Swap::Unknown(Error::new(Status::Io, message).with_path(key)))
            }
            Some(piece) if piece.bytes == expected => Condition::Version(piece.version),
            Some(piece) => Condition::Ended(Swap::Mismatch(Some(piece.bytes))),
            None if expected.is_empty() => Condition::Absent,
            None => Condition::Ended(Swap::Mismatch(None)),
        })
    }
}

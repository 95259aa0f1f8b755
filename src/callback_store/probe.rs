//! Trying a store's conditions before its first write (`docs/commit-protocol.md`, section "Probing a store"):
//! a store that takes every write would lose commits without a word.

use super::raw::Raw;
use lode_core::context::Context;
use lode_core::error::{Error, Result, Status};
use lode_core::id;
use lode_core::limits;
use lode_core::options::Retry;
use lode_core::store::{Backend, Durability, LockWait, Put, Swap};
use std::time::Duration;

/// How often a probe that the store gave no clear answer to is begun anew.
const TRIES: u32 = 3;

const FIRST: &[u8] = b"lode probes whether a second writer is refused\n";
const OTHER: &[u8] = b"this must never be read back\n";

/// Whether the store keeps its conditions; `key` is what is about to be written.
///
/// # Errors
/// `Unsupported` if it does not; the store's failure.
pub(super) fn probe(store: &Raw, key: &str) -> Result<()> {
    let directory = probe_directory(key);
    for _ in 0..TRIES {
        let key = format!("{directory}.probe-{:032x}", id::fresh_nonce());
        let verdict = conditions(store, &key);
        clean(store, &key);
        match verdict {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(error),
        }
    }
    let message = format!(
        "the callback store gave no clear answer to a probe of its conditions under {directory:?}, {TRIES} times"
    );
    Err(Error::new(Status::Store, message).with_path(directory))
}

/// Removes the probe, whatever the deadline. A store without `remove` keeps it, and so does one that fails twice:
/// nobody will ever read it.
fn clean(store: &Raw, key: &str) {
    let _unlimited = limits::govern(None);
    if store.delete(key).is_err() {
        let _ = store.delete(key);
    }
}

/// Where the dataset that `key` belongs to keeps its slots.
fn probe_directory(key: &str) -> String {
    let mut parts = key.split('/');
    let depth = match parts.next() {
        Some("datasets" | "volumes") => 2,
        _ => 1,
    };
    let segments: Vec<&str> = key.split('/').collect();
    // The last segment names the object itself.
    let root = &segments[..depth.min(segments.len() - 1)];
    let mut directory = root.join("/");
    if !directory.is_empty() {
        directory.push('/');
    }
    directory.push_str("_commits/");
    directory
}

/// Whether every answer was clear.
fn conditions(store: &Raw, key: &str) -> Result<bool> {
    let refuse = |what: &str| {
        let message = format!("the callback store cannot be written to safely: {what} (probed with {key:?})");
        Err(Error::new(Status::Unsupported, message).with_path(key))
    };
    match store.put_if_absent(key, FIRST, Durability::Full) {
        Put::Done => {}
        Put::Exists => return refuse("its put answers that a key exists which nobody has written"),
        Put::Failed(error) | Put::Doubtful(error) => return Err(error),
        Put::Unknown(_) => return Ok(false),
    }
    match store.put_if_absent(key, OTHER, Durability::Full) {
        Put::Exists => {}
        Put::Done => return refuse("its put ignores if_absent and writes over an object that exists"),
        Put::Failed(error) | Put::Doubtful(error) => return Err(error),
        Put::Unknown(_) => return Ok(false),
    }
    for (expected, which) in [(OTHER, "another value than the object's"), (b"".as_slice(), "no object")] {
        let context = Context::default();
        let pause = Duration::from_millis(1);
        let wait = LockWait {
            context: &context,
            patient: true,
            retry: Retry { attempts: 8, base: pause, cap: pause },
        };
        match store.compare_and_swap(key, expected, OTHER, Durability::Full, &wait) {
            Swap::Mismatch(_) => {}
            Swap::Done => {
                return refuse(&format!(
                    "its compare_and_swap ignores the expected value: it swaps although {which} was expected"
                ));
            }
            Swap::Busy(error) | Swap::Failed(error) => return Err(error),
            Swap::Unknown(_) => return Ok(false),
        }
    }
    match store.get(key, FIRST.len() as u64 + OTHER.len() as u64)? {
        Some(bytes) if bytes == FIRST => Ok(true),
        Some(_) => {
            refuse("an object has other bytes than those of the one put that was answered with success")
        }
        None => refuse("an object is absent although its put was answered with success"),
    }
}

#[cfg(test)]
mod tests {
    use super::probe_directory;

    #[test]
    fn probes_lie_beside_the_datasets_slots() {
        for (key, directory) in [
            ("datasets/events/snapshots/1/data/data.jsonl", "datasets/events/_commits/"),
            ("datasets/events/_commits/root", "datasets/events/_commits/"),
            ("volumes/v/latest", "volumes/v/_commits/"),
            ("events/1/data.jsonl", "events/_commits/"),
            ("datasets/x", "datasets/_commits/"),
            ("x", "_commits/"),
        ] {
            assert_eq!(probe_directory(key), directory, "{key}");
        }
    }
}

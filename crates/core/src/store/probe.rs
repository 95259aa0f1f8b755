//! Trying a store's conditions before the first write (`docs/commit-protocol.md`, section "Probing a store"):
//! a store that takes every write would lose commits without a word.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::layer::{Layer, Layered};
use super::{Backend, Durability, LockWait, Put, Swap, Upload, key};
use crate::context::{Context, Retry};
use crate::error::{Error, Result, Status};
use crate::id;

/// How often a probe that the store gave no clear answer to is begun anew.
const TRIES: u32 = 3;

const FIRST: &[u8] = b"lode probes whether a second writer is refused\n";
const OTHER: &[u8] = b"this must never be read back\n";

/// What is known of a store's conditions.
enum Verdict {
    Untried,
    Kept,
    Ignored(Error),
}

/// A store whose first write tries whether it keeps the conditions that commits rest on. One that ignores a
/// condition can be read, but not written to (`Unsupported`).
///
/// A probe writes one small object beside the commit slots of the dataset that is about to be written, and
/// removes it. One that could not be finished is begun anew by the next write.
pub type Probed = Layered<Probe>;

/// The layer of [`Probed`].
pub struct Probe {
    backend: Arc<dyn Backend>,
    verdict: Mutex<Verdict>,
}

impl Probed {
    /// The same store, probed before its first write.
    #[must_use]
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Layered(Probe { backend, verdict: Mutex::new(Verdict::Untried) })
    }
}

impl Probe {
    /// Refuses to write where a commit would not be safe. Threads that come first together each try for
    /// themselves: no lock is held during requests.
    fn admit(&self, context: &Context, key: &str) -> Result<()> {
        key::check(key)?;
        match &*self.verdict.lock().unwrap_or_else(PoisonError::into_inner) {
            Verdict::Kept => return Ok(()),
            Verdict::Ignored(error) => return Err(error.clone()),
            Verdict::Untried => {}
        }
        let tried = probe(context, &*self.backend, key);
        let verdict = match &tried {
            Ok(()) => Verdict::Kept,
            Err(error) if error.status() == Status::Unsupported => Verdict::Ignored(error.clone()),
            // It could not be tried; the next write tries again.
            Err(_) => return tried,
        };
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        tried
    }
}

impl Layer for Probe {
    fn inner(&self) -> &dyn Backend {
        &*self.backend
    }

    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        self.admit(context, key)?;
        self.backend.upload(context, key, durability)
    }

    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        match self.admit(context, key) {
            Ok(()) => self.backend.put_if_absent(context, key, data, durability),
            Err(error) => Put::Failed(error),
        }
    }

    fn compare_and_swap(
        &self,
        context: &Context,
        key: &str,
        expected: &[u8],
        value: &[u8],
        durability: Durability,
        wait: LockWait,
    ) -> Swap {
        match self.admit(context, key) {
            Ok(()) => self.backend.compare_and_swap(context, key, expected, value, durability, wait),
            Err(error) => Swap::Failed(error),
        }
    }
}

/// Whether the store keeps its conditions; `key` is what is about to be written.
///
/// # Errors
/// `Unsupported` if it does not; the store's failure; `Deadline`, `Cancelled`, `Aborted`.
fn probe(context: &Context, backend: &dyn Backend, key: &str) -> Result<()> {
    let pause = Duration::from_millis(1);
    let context = context.clone().with_retry(Retry { attempts: 8, base: pause, cap: pause });
    let directory = directory(key);
    for _ in 0..TRIES {
        let key = format!("{directory}.probe-{:032x}", id::fresh_nonce());
        let verdict = conditions(&context, backend, &key);
        clean(backend, &key);
        match verdict {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(error) => return Err(error),
        }
    }
    let message = format!(
        "the {} gave no clear answer to a probe of its conditions under {directory:?}, {TRIES} times",
        backend.describe()
    );
    Err(Error::new(Status::Store, message).with_path(directory))
}

/// Removes the probe, even after the deadline. A store that cannot remove keeps it, and so does one that
/// fails twice: no reader ever asks for it.
fn clean(backend: &dyn Backend, key: &str) {
    if backend.delete(Context::unlimited(), key).is_err() {
        let _ = backend.delete(Context::unlimited(), key);
    }
}

/// Where the dataset that `key` belongs to keeps its slots.
pub(crate) fn directory(key: &str) -> String {
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
fn conditions(context: &Context, backend: &dyn Backend, key: &str) -> Result<bool> {
    let refuse = |what: &str| {
        let store = backend.describe();
        let message = format!("the {store} cannot be written to safely: {what} (probed with {key:?})");
        Err(Error::new(Status::Unsupported, message).with_path(key))
    };
    match backend.put_if_absent(context, key, FIRST, Durability::Full) {
        Put::Done => {}
        Put::Exists => return refuse("its put answers that a key exists which was never written"),
        Put::Failed(error) | Put::Doubtful(error) => return Err(error),
        Put::Unknown(_) => return Ok(false),
    }
    match backend.put_if_absent(context, key, OTHER, Durability::Full) {
        Put::Exists => {}
        Put::Done => return refuse("its put ignores if_absent and writes over an object that exists"),
        Put::Failed(error) | Put::Doubtful(error) => return Err(error),
        Put::Unknown(_) => return Ok(false),
    }
    for (expected, which) in [(OTHER, "another value than the object's"), (b"".as_slice(), "no object")] {
        let wait = LockWait::Attempts;
        match backend.compare_and_swap(context, key, expected, OTHER, Durability::Full, wait) {
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
    match backend.get(context, key, FIRST.len() as u64 + OTHER.len() as u64)? {
        Some(bytes) if bytes == FIRST => Ok(true),
        Some(_) => {
            refuse("an object has other bytes than those of the one put that was answered with success")
        }
        None => refuse("an object is absent although its put was answered with success"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::memory::Memory;

    /// What a store does wrong.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Wrong {
        Nothing,
        Overwrites,
        Swaps,
        Forgets,
        /// It answers this number of conditional puts with "unknown".
        Unclear(u32),
    }

    struct Careless {
        memory: Memory,
        wrong: Mutex<Wrong>,
    }

    impl Layer for Careless {
        fn inner(&self) -> &dyn Backend {
            &self.memory
        }

        fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
            let mut wrong = self.wrong.lock().unwrap();
            match &mut *wrong {
                Wrong::Unclear(left) if *left > 0 => {
                    *left -= 1;
                    return Put::Unknown(Error::new(Status::Io, "the connection was lost"));
                }
                Wrong::Overwrites => self.memory.delete(context, key).unwrap(),
                Wrong::Forgets => return Put::Done,
                _ => {}
            }
            self.memory.put_if_absent(context, key, data, durability)
        }

        fn compare_and_swap(
            &self,
            context: &Context,
            key: &str,
            expected: &[u8],
            value: &[u8],
            durability: Durability,
            wait: LockWait,
        ) -> Swap {
            if *self.wrong.lock().unwrap() == Wrong::Swaps {
                return Swap::Done;
            }
            self.memory.compare_and_swap(context, key, expected, value, durability, wait)
        }
    }

    fn probed(wrong: Wrong) -> Probed {
        let memory = Memory::new();
        memory.put_if_absent(Context::unlimited(), "there", b"x", Durability::Full);
        Probed::new(Arc::new(Layered(Careless { memory, wrong: Mutex::new(wrong) })))
    }

    fn keys(store: &Probed) -> Vec<String> {
        let mut keys = Vec::new();
        let all = &mut |key: &str| {
            keys.push(key.to_owned());
            true
        };
        store.list(Context::unlimited(), "", None, all).unwrap();
        keys
    }

    #[test]
    fn a_store_that_ignores_a_condition_is_read_but_not_written_to() {
        let context = Context::unlimited();
        for (wrong, why) in [
            (Wrong::Overwrites, "writes over an object that exists"),
            (Wrong::Forgets, "writes over an object that exists"),
            (Wrong::Swaps, "ignores the expected value"),
        ] {
            let store = probed(wrong);
            for _ in 0..2 {
                let put = store.put_if_absent(context, "a/k", b"x", Durability::Full);
                let swap =
                    store.compare_and_swap(context, "a/p", b"", b"x", Durability::Full, LockWait::Attempts);
                let upload = store.upload(context, "a/u", Durability::Full).map(drop);
                let (Put::Failed(put), Swap::Failed(swap), Err(upload)) = (put, swap, upload) else {
                    panic!("{wrong:?} is written to")
                };
                for error in [put, swap, upload] {
                    assert_eq!(error.status(), Status::Unsupported, "{error}");
                    assert!(error.message().contains(why), "{error}");
                }
            }
            assert_eq!(store.get(context, "there", 9).unwrap().as_deref(), Some(&b"x"[..]));
            assert_eq!(keys(&store), ["there"], "the probe leaves nothing");
        }
    }

    #[test]
    fn a_store_that_keeps_its_conditions_is_probed_once_and_one_without_clear_answers_again() {
        let context = Context::unlimited();
        for wrong in [Wrong::Nothing, Wrong::Unclear(2)] {
            let store = probed(wrong);
            let put = store.put_if_absent(context, "a/k", b"x", Durability::Full);
            assert!(matches!(put, Put::Done), "{wrong:?}: {put:?}");
            assert_eq!(keys(&store), ["a/k", "there"]);
        }
        let dark = probed(Wrong::Unclear(TRIES));
        let Put::Failed(error) = dark.put_if_absent(context, "a/k", b"x", Durability::Full) else {
            panic!("written without a verdict")
        };
        assert!(error.message().contains("no clear answer"), "{error}");
        // It answers again: the next write tries anew.
        assert!(matches!(dark.put_if_absent(context, "a/k", b"x", Durability::Full), Put::Done));
    }

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
            assert_eq!(super::directory(key), directory, "{key}");
        }
    }
}

//! The conformance suite of stores: every rule that commits and readers rely on (`docs/commit-protocol.md`,
//! section "What a store must give"), tried on a store that works, and named when it is broken. [`check`]
//! runs it on any backend.

mod rules;

use std::cell::RefCell;
use std::time::Duration;

use super::{Backend, Durability, LockWait, Put, Store, Swap, key};
use crate::context::{CallOptions, Context, Retry};
use crate::error::{Error, Result, Status};
use crate::id;

impl Store {
    /// Tries every rule that a store must keep; an error names the first that is broken. It works under a
    /// folder of its own below `prefix`, and leaves nothing there.
    ///
    /// # Errors
    /// `Store` if a rule is broken; `Unsupported` if the store lacks what the suite needs; `InvalidPath`;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn verify(&self, prefix: &str, options: &CallOptions) -> Result<()> {
        check(self.bare(), &Context::start(options), prefix)
    }
}

/// Tries every rule that a store must keep; an error names the first that is broken. It works under a folder
/// of its own below `prefix`, and leaves nothing there.
///
/// # Errors
/// As [`Store::verify`].
pub fn check(backend: &dyn Backend, context: &Context, prefix: &str) -> Result<()> {
    let pause = Duration::from_millis(1);
    let context = context.clone().with_retry(Retry { attempts: 8, base: pause, cap: pause });
    let root = format!("{}.verify-{:032x}/", key::folder(prefix)?, id::fresh_nonce());
    let (mut verdict, named) = (Ok(()), RefCell::default());
    for (number, (rule, holds)) in rules::RULES.iter().enumerate() {
        let trial = Trial { backend, context: &context, root: format!("{root}{number}/"), named: &named };
        verdict = context
            .check("verifying a store")
            .and_then(|()| holds(&trial))
            .map_err(|error| error.context(format_args!("{}: {rule}", backend.describe())));
        if verdict.is_err() {
            break;
        }
    }
    // With any verdict, and even after the deadline: nothing is to stay.
    let cleaned = clean(backend, &root, named.into_inner());
    verdict.and(cleaned)
}

/// What one rule is tried with.
struct Trial<'a> {
    backend: &'a dyn Backend,
    context: &'a Context,
    /// The folder that is this rule's alone.
    root: String,
    /// Every key that may have been written: a broken listing may hide some.
    named: &'a RefCell<Vec<String>>,
}

fn broken(what: impl std::fmt::Display) -> Error {
    Error::new(Status::Store, what)
}

/// Bytes that differ from place to place, so that a shift or a repetition shows.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// Where two texts of bytes part.
fn differ(found: &[u8], expected: &[u8]) -> String {
    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    if found.len() == expected.len() {
        format!("differs from what was written at byte {at} of {}", expected.len())
    } else {
        format!(
            "has {} bytes, but {} were written (they are equal up to byte {at})",
            found.len(),
            expected.len()
        )
    }
}

impl Trial<'_> {
    fn key(&self, name: &str) -> String {
        let key = format!("{}{name}", self.root);
        if !key.ends_with('/') {
            self.named.borrow_mut().push(key.clone());
        }
        key
    }

    fn check(&self) -> Result<()> {
        self.context.step("verifying a store")
    }

    fn put(&self, key: &str, data: &[u8]) -> Result<Put> {
        self.check()?;
        match self.backend.put_if_absent(self.context, key, data, Durability::Full) {
            Put::Failed(error) | Put::Unknown(error) | Put::Doubtful(error) => Err(error),
            put => Ok(put),
        }
    }

    /// A put that must succeed.
    fn write(&self, key: &str, data: &[u8]) -> Result<()> {
        match self.put(key, data)? {
            Put::Exists => {
                Err(broken(format_args!("the put of {key:?} finds it taken, but it was never written")))
            }
            _ => Ok(()),
        }
    }

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.check()?;
        self.backend.get(self.context, key, u64::MAX)
    }

    /// The object must be this.
    fn expect(&self, key: &str, data: &[u8]) -> Result<()> {
        match self.get(key)? {
            None => Err(broken(format_args!("{key:?} was written, but is absent"))),
            Some(found) if found != data => Err(broken(format_args!("{key:?} {}", differ(&found, data)))),
            Some(_) => Ok(()),
        }
    }

    fn expect_absent(&self, key: &str, why: &str) -> Result<()> {
        if self.get(key)?.is_some() || self.backend.open(self.context, key)?.is_some() {
            return Err(broken(format_args!("{key:?} is there, but {why}")));
        }
        Ok(())
    }

    fn swap(&self, key: &str, expected: &[u8], value: &[u8]) -> Result<Swap> {
        self.check()?;
        let wait = LockWait::Deadline;
        match self.backend.compare_and_swap(self.context, key, expected, value, Durability::Full, wait) {
            Swap::Busy(error) | Swap::Failed(error) | Swap::Unknown(error) => Err(error),
            swap => Ok(swap),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>> {
        self.check()?;
        let mut keys = Vec::new();
        self.backend.list(self.context, prefix, None, &mut |key| {
            keys.push(key.to_owned());
            true
        })?;
        keys.sort_unstable();
        Ok(keys)
    }

    /// What is directly below a folder must be this; sorted.
    fn expect_names(&self, folder: &str, expected: &[&str]) -> Result<()> {
        self.check()?;
        let mut found = Vec::new();
        self.backend.list_names(self.context, folder, &mut |name| {
            found.push(name.to_owned());
            true
        })?;
        found.sort_unstable();
        match found == expected {
            true => Ok(()),
            false => {
                let what =
                    format!("the names directly below {folder:?} are {found:?}, expected {expected:?}");
                Err(broken(what))
            }
        }
    }

    fn expect_listed(&self, prefix: &str, expected: &[String]) -> Result<()> {
        let found = self.list(prefix)?;
        if let Some(twice) = found.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(broken(format_args!("the listing of {prefix:?} has {:?} twice", twice[0])));
        }
        if let Some(missing) = expected.iter().find(|key| !found.contains(key)) {
            return Err(broken(format_args!("the listing of {prefix:?} lacks {missing:?}, which is there")));
        }
        match found.iter().find(|key| !expected.contains(key)) {
            Some(more) => {
                Err(broken(format_args!("the listing of {prefix:?} has {more:?}, which is not there")))
            }
            None => Ok(()),
        }
    }
}

/// Removes what the suite may have written, and what is listed besides.
fn clean(backend: &dyn Backend, root: &str, mut keys: Vec<String>) -> Result<()> {
    let _ = backend.list(Context::unlimited(), root, None, &mut |key| {
        keys.push(key.to_owned());
        true
    });
    keys.sort_unstable();
    keys.dedup();
    let mut failure = Ok(());
    for key in keys {
        if let Err(error) = backend.delete(Context::unlimited(), &key) {
            failure = Err(error.context(format_args!("{}: what the suite wrote stays", backend.describe())));
        }
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;

    #[test]
    fn the_stores_of_this_library_keep_every_rule_and_nothing_stays() {
        let root = std::env::temp_dir().join(format!("lode-conformance-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&root).unwrap();
        let disk = Store::open_filesystem(root.to_str().unwrap(), StoreOptions::default()).unwrap();
        for store in [disk, Store::open_memory(StoreOptions::default())] {
            store.put("p/mine", b"x", &CallOptions::default()).unwrap();
            for prefix in ["", "p", "p/"] {
                store.verify(prefix, &CallOptions::default()).unwrap();
            }
            let mut left = store.list("", &CallOptions::default()).unwrap();
            assert_eq!(left.next().unwrap().as_deref(), Some("p/mine"));
            assert_eq!(left.next().unwrap(), None);
        }
        std::fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_prefix_that_is_none_and_a_deadline_that_is_over_are_told() {
        let store = Store::open_memory(StoreOptions::default());
        let error = store.verify("a//b", &CallOptions::default()).unwrap_err();
        assert_eq!(error.status(), Status::InvalidPath);
        let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
        let error = store.verify("", &over).unwrap_err();
        assert_eq!(error.status(), Status::Deadline);
    }
}

//! The newest snapshot of each dataset that this process knows to be decided. A reader in the process that
//! committed it is given it even while the pointer lags behind: until the next commit publishes it, or for as
//! long as another program keeps setting the pointer back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, TryLockError, Weak};

/// A decided snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KnownHead {
    /// Whose slot decided it; `None`: it is the dataset's first.
    pub(crate) parent: Option<String>,
    /// Its id.
    pub(crate) id: String,
}

/// The newest decided snapshots by their dataset's prefix. All handles on one store in a process share them.
#[derive(Debug, Default)]
pub(crate) struct KnownHeads(Mutex<HashMap<String, KnownHead>>);

/// Those of the stores that can be told apart, by [`super::Backend::identity`].
static SHARED: Mutex<Vec<(String, Weak<KnownHeads>)>> = Mutex::new(Vec::new());

/// Works on what a lock guards, unless it stays taken: in a forked child a thread that does not exist there
/// may hold it. Then nothing is known, which is as in a process that has committed nothing.
fn with<T, U>(mutex: &Mutex<T>, work: impl FnOnce(&mut T) -> U) -> Option<U> {
    for _ in 0..1_000 {
        match mutex.try_lock() {
            Ok(mut value) => return Some(work(&mut value)),
            Err(TryLockError::Poisoned(poisoned)) => return Some(work(&mut poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

impl KnownHeads {
    /// Those of the store of this identity; without one, new ones.
    pub(crate) fn of(identity: Option<String>) -> Arc<Self> {
        let fresh = Arc::new(KnownHeads::default());
        let Some(identity) = identity else { return fresh };
        let shared = with(&SHARED, |stores| {
            stores.retain(|(_, heads)| heads.strong_count() > 0);
            let known = stores.iter().find(|(other, _)| *other == identity);
            if let Some(heads) = known.and_then(|(_, heads)| heads.upgrade()) {
                return heads;
            }
            stores.push((identity, Arc::downgrade(&fresh)));
            Arc::clone(&fresh)
        });
        shared.unwrap_or(fresh)
    }

    /// Remembers a decided snapshot, unless a newer one is known.
    pub(crate) fn learn(&self, prefix: &str, head: KnownHead) {
        with(&self.0, |heads| match heads.get_mut(prefix) {
            Some(known) if known.id >= head.id => {}
            Some(known) => *known = head,
            None => drop(heads.insert(prefix.to_owned(), head)),
        });
    }

    /// The newest decided snapshot, as far as it is known.
    pub(crate) fn get(&self, prefix: &str) -> Option<KnownHead> {
        with(&self.0, |heads| heads.get(prefix).cloned()).flatten()
    }

    /// Forgets a dataset: its history is not what it was.
    pub(crate) fn forget(&self, prefix: &str) {
        with(&self.0, |heads| heads.remove(prefix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(id: &str) -> KnownHead {
        KnownHead { parent: None, id: id.to_owned() }
    }

    #[test]
    fn the_newest_is_remembered_until_it_is_forgotten() {
        let heads = KnownHeads::of(None);
        for id in ["2", "1", "3", "2"] {
            heads.learn("a", head(id));
        }
        assert_eq!(heads.get("a"), Some(head("3")));
        assert_eq!(heads.get("b"), None);
        heads.forget("a");
        assert_eq!(heads.get("a"), None);
    }

    #[test]
    fn handles_on_one_store_share_what_they_know_and_others_do_not() {
        let store = || KnownHeads::of(Some("a store of this test".to_owned()));
        let one = store();
        one.learn("a", head("1"));
        assert_eq!(store().get("a"), Some(head("1")));
        assert_eq!(KnownHeads::of(Some("another store of this test".to_owned())).get("a"), None);
        assert_eq!(KnownHeads::of(None).get("a"), None);
        drop(one);
        assert_eq!(store().get("a"), None, "nothing is kept for a store without handles");
    }
}

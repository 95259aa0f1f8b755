//! A store used as it is, without a dataset: the calls that a program makes for objects of its own.

use super::pages::{Pages, ROOM};
use super::{Durability, LockWait, Put, Store, Swap, key};
use crate::context::{CallOptions, Context};
use crate::error::{Error, Result, Status};
use crate::iter::{Keys, Steps};

/// How many bytes are read or written between two checks of the deadline.
const PIECE: usize = 1 << 20;

/// How many bytes the keys of a listing may take.
const PAGE: usize = if cfg!(test) { 160 } else { ROOM };

const LISTING: &str = "listing a store";

impl Store {
    /// Writes an object whole, durable when this returns. It never replaces one that is there.
    ///
    /// # Errors
    /// `PathExists`; `InvalidPath`; `CommitUnknown` if the store cannot say whether the object is there;
    /// `Deadline`, `Cancelled`, `Aborted`; the store's failure. Nothing was written then, `CommitUnknown`
    /// apart.
    pub fn put(&self, key: &str, data: &[u8], options: &CallOptions) -> Result<()> {
        let context = Context::start(options);
        context.check("writing an object")?;
        match self.backend().put_if_absent(&context, key, data, Durability::Full) {
            Put::Done => Ok(()),
            Put::Exists => {
                let message =
                    format!("the object {key:?} exists already, and an object is never overwritten");
                Err(Error::new(Status::PathExists, message).with_path(key))
            }
            Put::Failed(error) => Err(error),
            Put::Unknown(error) | Put::Doubtful(error) => Err(unknown(key, error)),
        }
    }

    /// A whole object; `None` if there is none.
    ///
    /// # Errors
    /// `InvalidPath`, `NoMemory`, `Deadline`, `Cancelled`, `Aborted`; `Corrupt` if it changes while it is
    /// read; the store's failure.
    pub fn get(&self, key: &str, options: &CallOptions) -> Result<Option<Vec<u8>>> {
        let context = Context::start(options);
        context.check("reading an object")?;
        let Some(mut object) = self.backend().open(&context, key)? else { return Ok(None) };
        let size = object.size();
        if size <= PIECE as u64 {
            drop(object);
            // Small enough for one read, so that no concurrent swap comes between.
            return self.backend().get(&context, key, u64::MAX);
        }
        let no_memory =
            || Error::new(Status::NoMemory, format_args!("no memory for the {size} bytes of {key:?}"));
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < size {
            context.check("reading an object")?;
            let start = bytes.len();
            let most = usize::try_from(size - start as u64).unwrap_or(usize::MAX).min(PIECE);
            bytes.try_reserve(most).map_err(|_| no_memory().with_path(key))?;
            bytes.resize(start + most, 0);
            let count = object.read_at(&context, start as u64, &mut bytes[start..])?;
            if count == 0 {
                let message = format!("the object {key:?} ends at byte {start}, expected {size}");
                return Err(Error::new(Status::Corrupt, message).with_path(key));
            }
            bytes.truncate(start + count);
            context.read(count);
        }
        Ok(Some(bytes))
    }

    /// Reads at `offset` until the buffer is full or the object ends; gives how many bytes; `None` if there
    /// is no such object.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn read(
        &self,
        key: &str,
        offset: u64,
        buffer: &mut [u8],
        options: &CallOptions,
    ) -> Result<Option<usize>> {
        let context = Context::start(options);
        context.check("reading an object")?;
        let Some(mut object) = self.backend().open(&context, key)? else { return Ok(None) };
        let mut filled = 0;
        while filled < buffer.len() {
            let Some(at) = offset.checked_add(filled as u64).filter(|at| *at < object.size()) else { break };
            let end = buffer.len().min(filled.saturating_add(PIECE));
            match object.read_at(&context, at, &mut buffer[filled..end])? {
                0 => break,
                count => {
                    filled += count;
                    context.read(count);
                }
            }
            context.check("reading an object")?;
        }
        Ok(Some(filled))
    }

    /// Whether there is such an object.
    ///
    /// # Errors
    /// `InvalidPath`, `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn exists(&self, key: &str, options: &CallOptions) -> Result<bool> {
        let context = Context::start(options);
        context.check("looking for an object")?;
        Ok(self.backend().head(&context, key)?.is_some())
    }

    /// The keys below `prefix`, in bytewise order: all of them if it is empty, else those of the folder of
    /// this name (`foo` and `foo/` are the same, and neither has `foobar`). Those that come or go meanwhile
    /// may be missed. A bounded number of keys is in memory; long listings are made in several passes. The
    /// limits hold for this call, and for each later one of the iterator anew.
    ///
    /// # Errors
    /// `InvalidPath`, `NoMemory`, `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn list(&self, prefix: &str, options: &CallOptions) -> Result<Keys> {
        let context = Context::start(options);
        context.check(LISTING)?;
        let prefix = key::folder(prefix)?;
        let mut keys = Pages::ascending(PAGE, self.backend().capabilities().is_ordered);
        keys.fill(&context, LISTING, |after, each| self.backend().list(&context, &prefix, after, each))?;
        Ok(Keys::new(Listing { store: self.clone(), prefix, keys }, options))
    }

    /// Removes an object; absent is fine.
    ///
    /// # Errors
    /// `InvalidPath`, `Deadline`, `Cancelled`, `Aborted`; the store's failure.
    pub fn delete(&self, key: &str, options: &CallOptions) -> Result<()> {
        let context = Context::start(options);
        context.check("removing an object")?;
        self.backend().delete(&context, key)
    }

    /// Replaces an object's bytes by `value` if they are `expected`; empty: if there is no object, or an
    /// empty one.
    ///
    /// # Errors
    /// `Conflict` if they are not; `Busy` if the store's lock was not to be had; `CommitUnknown` if the store
    /// cannot say whether it was replaced; `InvalidPath`, `Deadline`, `Cancelled`, `Aborted`; the store's
    /// failure. Nothing was changed then, `CommitUnknown` apart.
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: &[u8],
        value: &[u8],
        options: &CallOptions,
    ) -> Result<()> {
        let context = Context::start(options);
        context.check("swapping an object")?;
        match self.backend().compare_and_swap(
            &context,
            key,
            expected,
            value,
            Durability::Full,
            LockWait::Deadline,
        ) {
            Swap::Done => Ok(()),
            Swap::Mismatch(current) => {
                let found = match current {
                    Some(bytes) => format!("has {} other bytes", bytes.len()),
                    None => "does not exist".to_owned(),
                };
                let message = format!(
                    "the object {key:?} {found} than the {} that were expected: read it and decide again",
                    expected.len()
                );
                Err(Error::new(Status::Conflict, message).with_path(key))
            }
            Swap::Busy(error) | Swap::Failed(error) => Err(error),
            Swap::Unknown(error) => Err(unknown(key, error)),
        }
    }
}

fn unknown(key: &str, error: Error) -> Error {
    let context = format_args!("it is unknown whether {key:?} was written; read it to see").to_string();
    error.context(context).with_status(Status::CommitUnknown).with_path(key)
}

/// The keys below a prefix.
struct Listing {
    store: Store,
    prefix: String,
    keys: Pages,
}

impl Steps for Listing {
    type Item = String;

    fn doing(&self) -> &'static str {
        LISTING
    }

    fn next(&mut self, context: &Context) -> Result<Option<String>> {
        let (store, prefix) = (&self.store, &self.prefix);
        self.keys.next(context, LISTING, |after, each| store.backend().list(context, prefix, after, each))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreOptions;
    use std::time::Duration;

    fn store() -> Store {
        Store::open_memory(StoreOptions::default())
    }

    fn none() -> CallOptions {
        CallOptions::default()
    }

    fn all(store: &Store, prefix: &str) -> Vec<String> {
        let mut keys = store.list(prefix, &none()).unwrap();
        std::iter::from_fn(|| keys.next().unwrap()).collect()
    }

    #[track_caller]
    fn refused<T>(answer: Result<T>, status: Status, fragment: &str) {
        let Err(error) = answer else { panic!("no failure where {status:?} was due") };
        assert_eq!(error.status(), status, "{error}");
        assert!(error.message().contains(fragment), "{error}");
    }

    #[test]
    fn an_object_is_put_once_and_read_back_whole_and_in_part() {
        let store = store();
        let data: Vec<u8> = (0..PIECE * 2 + 7).map(|n| (n % 251) as u8).collect();
        store.put("a/b", &data, &none()).unwrap();
        refused(store.put("a/b", b"x", &none()), Status::PathExists, "\"a/b\" exists already");
        assert_eq!(store.get("a/b", &none()).unwrap().as_deref(), Some(&data[..]));
        assert_eq!(store.get("a/c", &none()).unwrap(), None);
        let mut buffer = vec![0; PIECE + 9];
        assert_eq!(store.read("a/b", 5, &mut buffer, &none()).unwrap(), Some(PIECE + 9));
        assert_eq!(buffer, data[5..PIECE + 14]);
        assert_eq!(store.read("a/b", (PIECE * 2) as u64, &mut buffer, &none()).unwrap(), Some(7));
        assert_eq!(store.read("a/b", u64::MAX, &mut buffer, &none()).unwrap(), Some(0));
        assert_eq!(store.read("a/c", 0, &mut buffer, &none()).unwrap(), None);
        assert!(store.exists("a/b", &none()).unwrap());
        store.delete("a/b", &none()).unwrap();
        assert!(!store.exists("a/b", &none()).unwrap());
    }

    #[test]
    fn a_swap_that_does_not_fit_is_a_conflict() {
        let store = store();
        store.compare_and_swap("p", b"", b"one", &none()).unwrap();
        store.compare_and_swap("p", b"one", b"two", &none()).unwrap();
        refused(
            store.compare_and_swap("p", b"one", b"x", &none()),
            Status::Conflict,
            "\"p\" has 3 other bytes",
        );
        refused(store.compare_and_swap("q", b"one", b"x", &none()), Status::Conflict, "does not exist");
    }

    #[test]
    fn a_listing_is_sorted_and_complete_over_many_pages() {
        let store = store();
        let keys: Vec<String> = (0..20).map(|n| format!("f/{}/{n:02}", n % 3)).collect();
        for key in keys.iter().map(String::as_str).chain(["foo", "g/x"]) {
            store.put(key, b"", &none()).unwrap();
        }
        let mut sorted = keys;
        sorted.sort();
        for prefix in ["f", "f/"] {
            assert_eq!(all(&store, prefix), sorted);
        }
        assert_eq!(all(&store, "").len(), sorted.len() + 2);
        assert_eq!(all(&store, "h").len(), 0);
    }

    #[test]
    fn every_call_ends_with_its_deadline_and_with_its_token() {
        let store = store();
        let over = CallOptions { deadline: Some(Duration::ZERO), cancel: None, ..CallOptions::default() };
        let mut buffer = [0; 1];
        for result in [
            store.put("k", b"x", &over),
            store.get("k", &over).map(drop),
            store.read("k", 0, &mut buffer, &over).map(drop),
            store.exists("k", &over).map(drop),
            store.list("", &over).map(drop),
            store.delete("k", &over),
            store.compare_and_swap("k", b"", b"x", &over),
        ] {
            refused(result, Status::Deadline, "deadline passed while");
        }
        for n in 0..20 {
            store.put(&format!("k{n}"), b"", &none()).unwrap();
        }
        let token = crate::context::CancelToken::new();
        let cancel = CallOptions { deadline: None, cancel: Some(token.clone()), ..CallOptions::default() };
        let mut listing = store.list("", &cancel).unwrap();
        token.cancel();
        for _ in 0..2 {
            refused(listing.next(), Status::Cancelled, "cancelled while listing a store");
        }
    }
}

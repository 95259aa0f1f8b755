//! A dataset without a pointer, among so many names that are no snapshots that listing them takes long: each
//! call ends with its context, and takes bounded memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::context::CancelToken;
use crate::error::Status;
use crate::store::layer::{Layer, Layered};
use crate::store::memory::Memory;
use crate::store::{Backend, Head};

const JUNK: usize = 100_000;

const SNAPSHOTS: &str = "datasets/events/snapshots/";

/// A store that lists ids under which nothing lies, before those that are there and greater than these.
#[derive(Clone, Default)]
struct Junk {
    inner: Arc<Memory>,
    listings: Arc<AtomicUsize>,
    listed: Arc<AtomicUsize>,
    looked: Arc<AtomicUsize>,
    /// Cancelled after so many more names, or after so many objects were asked for.
    cancel: Arc<Mutex<Option<(CancelToken, usize, usize)>>>,
}

impl Junk {
    fn store(&self) -> Store {
        Store::new(Box::new(Layered(self.clone())), StoreOptions::default())
    }

    /// A call that is cancelled after so many names, or after so many objects were asked for.
    fn cancel_after(&self, names: usize, looks: usize) -> CallOptions {
        for counter in [&self.listings, &self.listed, &self.looked] {
            counter.store(0, Ordering::Relaxed);
        }
        let token = CancelToken::new();
        *self.cancel.lock().unwrap() = Some((token.clone(), names, looks));
        CallOptions { cancel: Some(token), ..CallOptions::default() }
    }

    fn count(&self, counter: &AtomicUsize) {
        counter.fetch_add(1, Ordering::Relaxed);
        if let Some((token, names, looks)) = &*self.cancel.lock().unwrap()
            && (self.listed.load(Ordering::Relaxed) >= *names
                || self.looked.load(Ordering::Relaxed) >= *looks)
        {
            token.cancel();
        }
    }
}

impl Layer for Junk {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        if prefix == SNAPSHOTS {
            self.listings.fetch_add(1, Ordering::Relaxed);
            for number in 0..JUNK {
                self.count(&self.listed);
                // Later than any snapshot of the test, in no order.
                if !each(&format!("9000000000000{:06}-0123456789abcdef", number * 7919 % JUNK)) {
                    return Ok(());
                }
            }
        }
        self.inner.list_names(context, prefix, each)
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        if key.starts_with(SNAPSHOTS) {
            self.count(&self.looked);
        }
        self.inner.get(context, key, limit)
    }

    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        if key.starts_with(SNAPSHOTS) {
            self.count(&self.looked);
        }
        self.inner.head(context, key)
    }
}

/// A dataset of two snapshots without its pointer.
fn dataset(junk: &Junk) -> (Dataset, Vec<String>) {
    let dataset = open(&junk.store());
    let ids = ["1", "2"].map(|text| write(&dataset, &[text]).unwrap().snapshot.id().to_owned());
    junk.inner.delete(Context::unlimited(), "datasets/events/latest").unwrap();
    (open(&junk.store()), ids.to_vec())
}

#[test]
fn the_head_is_found_among_a_hundred_thousand_names_in_pages() {
    let junk = Junk::default();
    let (dataset, ids) = dataset(&junk);
    junk.listings.store(0, Ordering::Relaxed);
    assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), ids[1]);
    let pages = junk.listings.load(Ordering::Relaxed);
    assert!(pages > 1, "all names were in memory at once");
    assert!(pages < 10, "{pages} listings");
    let mut all = dataset.snapshots(&CallOptions::default()).unwrap();
    for id in &ids {
        assert_eq!(all.next().unwrap().expect("there is one").id(), id);
    }
    assert!(all.next().unwrap().is_none());
}

#[test]
fn every_call_that_lists_them_ends_with_its_token() {
    type Call = fn(&Dataset, CallOptions) -> Result<()>;
    let calls: [(&str, Call); 4] = [
        ("latest", |dataset, call| dataset.latest(&call).map(drop)),
        ("snapshots", |dataset, call| dataset.snapshots(&call).map(drop)),
        ("changes_since", |dataset, call| dataset.changes_since(None, &call).map(drop)),
        ("commit", |dataset, call| {
            let mut writer = dataset.record_writer(WriterOptions::default())?;
            writer.append(b"3", None)?;
            writer.commit(Metadata::empty(), CommitOptions { call, ..CommitOptions::default() }).map(drop)
        }),
    ];
    let junk = Junk::default();
    let (dataset, _) = dataset(&junk);
    for (name, call) in calls {
        for (names, looks) in [(5_000, usize::MAX), (usize::MAX, 50)] {
            let options = junk.cancel_after(names, looks);
            let error = call(&dataset, options).expect_err(name);
            assert_eq!(error.status(), Status::Cancelled, "{name}: {error}");
            let (listed, looked) = (&junk.listed, &junk.looked);
            assert!(listed.load(Ordering::Relaxed) <= names.min(JUNK), "{name} went on listing");
            assert!(looked.load(Ordering::Relaxed) <= looks, "{name} went on reading");
        }
    }
}

/// A hive dataset whose snapshots' folders have the names that the Go library gives, and nothing in them.
#[derive(Clone)]
struct HiveJunk {
    inner: Arc<Memory>,
    names: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Layer for HiveJunk {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }

    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if prefix == "datasets/events/segments/"
            // Later than any snapshot of the test.
            && !(0..self.names.load(Ordering::Relaxed)).all(|number| each(&format!("18955052565{number:08}")))
        {
            return Ok(());
        }
        self.inner.list_names(context, prefix, each)
    }

    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.inner.get(context, key, limit)
    }

    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.inner.head(context, key)
    }
}

#[test]
fn names_in_the_go_librarys_form_cost_a_few_requests_each_in_the_hive_layout() {
    let requests = |names: usize| {
        let junk = HiveJunk { inner: Arc::default(), names: Arc::default(), requests: Arc::default() };
        let store = Store::new(Box::new(Layered(junk.clone())), StoreOptions::default());
        let dataset = open_as(&store, Layout::Hive);
        let id = write_held(&dataset, &["{\"p\":1}"]).unwrap().snapshot.id().to_owned();
        junk.inner.delete(Context::unlimited(), "datasets/events/latest").unwrap();
        let dataset = open_as(&store, Layout::Hive);
        junk.names.store(names, Ordering::Relaxed);
        junk.requests.store(0, Ordering::Relaxed);
        assert_eq!(dataset.latest(&CallOptions::default()).unwrap().id(), id);
        let mut snapshots = dataset.snapshots(&CallOptions::default()).unwrap();
        assert_eq!(snapshots.next().unwrap().expect("there is one").id(), id);
        assert!(snapshots.next().unwrap().is_none());
        junk.requests.load(Ordering::Relaxed)
    };
    let (few, many) = (requests(50), requests(500));
    assert!(many < 12 * few, "{few} requests for 50 names, {many} for 500");
}

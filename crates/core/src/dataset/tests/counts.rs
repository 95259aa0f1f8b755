//! What a commit costs: requests to the store, independent of the history's length
//! (`docs/commit-protocol.md`, section "What must hold").

use std::sync::{Arc, Mutex};

use super::*;
use crate::context::{CancelToken, Context};
use crate::error::Status;
use crate::id::{compose, now};
use crate::store::layer::{Layer, Layered};
use crate::store::memory::Memory;
use crate::store::{Backend, Durability, Head, Inspected, LockWait, Object, Put, StoreTime, Swap, Upload};

/// A memory store that writes down each request.
#[derive(Clone)]
pub(crate) struct Counted {
    inner: Arc<Memory>,
    requests: Arc<Mutex<Vec<String>>>,
    /// Cancelled once that many more requests were made.
    cancelled: Arc<Mutex<Option<(usize, CancelToken)>>>,
    /// What happens before the next listing.
    before_listing: Arc<Mutex<Option<Meanwhile>>>,
}

type Meanwhile = Box<dyn FnOnce(&dyn Backend) + Send>;

impl Counted {
    pub(crate) fn new() -> Self {
        Counted {
            inner: Arc::new(Memory::new()),
            requests: Arc::default(),
            cancelled: Arc::default(),
            before_listing: Arc::default(),
        }
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(Box::new(Layered(self.clone())), StoreOptions::default())
    }

    /// The requests since the last call of this.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// A token that is cancelled when that many more requests have been made.
    pub(crate) fn cancel_after(&self, requests: usize) -> CancelToken {
        let token = CancelToken::new();
        *self.cancelled.lock().unwrap() = Some((requests, token.clone()));
        token
    }

    /// Before the next listing, this happens.
    pub(crate) fn before_listing(&self, meanwhile: impl FnOnce(&dyn Backend) + Send + 'static) {
        *self.before_listing.lock().unwrap() = Some(Box::new(meanwhile));
    }

    fn meanwhile(&self) {
        let meanwhile = self.before_listing.lock().unwrap().take();
        if let Some(meanwhile) = meanwhile {
            meanwhile(&*self.inner);
        }
    }

    fn note(&self, what: &str, key: &str) {
        if let Some((left, token)) = &mut *self.cancelled.lock().unwrap() {
            match left.checked_sub(1) {
                Some(fewer) if fewer > 0 => *left = fewer,
                _ => token.cancel(),
            }
        }
        // Ids are replaced, so that requests can be compared.
        let key: Vec<&str> = key
            .split('/')
            .map(|part| if part.starts_with(|c: char| c.is_ascii_digit()) { "ID" } else { part })
            .collect();
        self.requests.lock().unwrap().push(format!("{what} {}", key.join("/")));
    }
}

impl Layer for Counted {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }
    fn upload(&self, context: &Context, key: &str, durability: Durability) -> Result<Box<dyn Upload>> {
        self.note("put", key);
        self.inner.upload(context, key, durability)
    }
    fn put_if_absent(&self, context: &Context, key: &str, data: &[u8], durability: Durability) -> Put {
        self.note("put", key);
        self.inner.put_if_absent(context, key, data, durability)
    }
    fn head(&self, context: &Context, key: &str) -> Result<Option<Head>> {
        self.note("head", key);
        self.inner.head(context, key)
    }
    fn inspect(&self, context: &Context, key: &str, time: &mut StoreTime) -> Result<Option<Inspected>> {
        self.note("stat", key);
        self.inner.inspect(context, key, time)
    }
    fn open(&self, context: &Context, key: &str) -> Result<Option<Box<dyn Object>>> {
        self.note("open", key);
        self.inner.open(context, key)
    }
    fn get(&self, context: &Context, key: &str, limit: u64) -> Result<Option<Vec<u8>>> {
        self.note("get", key);
        self.inner.get(context, key, limit)
    }
    fn list(
        &self,
        context: &Context,
        prefix: &str,
        start_after: Option<&str>,
        each: &mut dyn FnMut(&str) -> bool,
    ) -> Result<()> {
        self.note("list", prefix);
        self.meanwhile();
        self.inner.list(context, prefix, start_after, each)
    }
    fn list_names(&self, context: &Context, prefix: &str, each: &mut dyn FnMut(&str) -> bool) -> Result<()> {
        self.note("list", prefix);
        self.meanwhile();
        self.inner.list_names(context, prefix, each)
    }
    fn delete(&self, context: &Context, key: &str) -> Result<()> {
        self.note("delete", key);
        self.inner.delete(context, key)
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
        self.note("swap", key);
        self.inner.compare_and_swap(context, key, expected, value, durability, wait)
    }
}

const WARM: [&str; 5] = [
    "get datasets/events/latest",
    "put datasets/events/snapshots/ID/data/data",
    "put datasets/events/_commits/ID",
    "put datasets/events/snapshots/ID/manifest.json",
    "swap datasets/events/latest",
];

#[test]
fn a_warm_commit_is_one_read_and_four_writes_however_long_the_history() {
    let counted = Counted::new();
    let store = counted.store();
    let dataset = open(&store);
    let take = || counted.take();
    write(&dataset, &["1"]).unwrap();
    for _ in 0..300 {
        take();
        write(&dataset, &["1"]).unwrap();
        assert_eq!(take(), WARM);
    }
    // After another's commit: its manifest, which is compared with its slot.
    let other = open(&store);
    write(&other, &["1"]).unwrap();
    take();
    write(&dataset, &["1"]).unwrap();
    let mut after_another = WARM.to_vec();
    after_another.insert(1, "get datasets/events/snapshots/ID/manifest.json");
    after_another.insert(2, "get datasets/events/_commits/ID");
    assert_eq!(take(), after_another);
    // A fresh handle also looks for the root of the history.
    let fresh = open(&store);
    write(&fresh, &["1"]).unwrap();
    let mut of_a_fresh_handle = after_another.clone();
    of_a_fresh_handle.insert(1, "get datasets/events/_commits/root");
    assert_eq!(take(), of_a_fresh_handle);
    // The latest snapshot is two reads.
    fresh.latest(&CallOptions::default()).unwrap();
    assert_eq!(take(), ["get datasets/events/latest", "get datasets/events/snapshots/ID/manifest.json"]);
}

#[test]
fn committing_parts_costs_one_stat_a_part_and_one_manifest_read_a_snapshot_since_they_were_staged() {
    const PARTS: usize = 1_000;
    const BETWEEN: usize = 3;
    let counted = Counted::new();
    let store = counted.store();
    let (dataset, other) = (open(&store), open(&store));
    for _ in 0..5 {
        write(&dataset, &["\"before\""]).unwrap();
    }
    let stage = || -> Vec<Part> { (0..PARTS).map(|_| parts::stage(&other, &["1"])).collect() };
    let first = stage();
    counted.take();
    parts::commit(&dataset, &first).unwrap();
    let mut expected = WARM.to_vec();
    // The data are there already.
    expected.remove(1);
    let stats = vec!["stat datasets/events/snapshots/ID/data/data"; PARTS];
    expected.splice(1..1, stats.clone());
    assert_eq!(counted.take(), expected, "nothing was committed since the parts were staged");
    let second = stage();
    for _ in 0..BETWEEN {
        write(&other, &["\"between\""]).unwrap();
    }
    counted.take();
    parts::commit(&dataset, &second[1..]).unwrap();
    let manifest = "get datasets/events/snapshots/ID/manifest.json";
    let ordinary = ["get datasets/events/latest", manifest, "get datasets/events/_commits/ID"];
    let mut expected = ordinary.to_vec();
    expected.extend(&stats[1..]);
    expected.extend([manifest; BETWEEN]);
    expected.extend(&WARM[2..]);
    assert_eq!(counted.take(), expected);
    // Each manifest is read once a handle.
    let refused = parts::commit(&dataset, &second[..2]).err().unwrap();
    assert_eq!(refused.status(), Status::PartCommitted);
    let reads = counted.take().into_iter().filter(|request| request == manifest).count();
    assert_eq!(reads, 1, "only that of the snapshot that is named");
    parts::commit(&dataset, &second[..1]).unwrap();
    expected = WARM.to_vec();
    expected.remove(1);
    expected.splice(1..1, stats[..1].to_vec());
    assert_eq!(counted.take(), expected);
}

#[test]
fn a_listing_ends_with_its_call() {
    let counted = Counted::new();
    let store = counted.store();
    for number in 0..2_000 {
        let junk = format!("datasets/events/snapshots/junk{number}/data/data");
        store.backend().put_if_absent(Context::unlimited(), &junk, b"", Durability::Process);
    }
    let dataset = open(&store);
    let calls = |requests| {
        counted.take();
        CallOptions { cancel: Some(counted.cancel_after(requests)), ..CallOptions::default() }
    };
    // Cancelled by the request that lists: no name is looked up after it.
    let refused = dataset.latest(&calls(2)).err().unwrap();
    assert_eq!((refused.status(), counted.take().len()), (Status::Cancelled, 2), "{refused}");
    let options = CommitOptions { call: calls(2), ..CommitOptions::default() };
    let refused =
        dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options).err().unwrap();
    assert_eq!((refused.status(), counted.take().len()), (Status::Cancelled, 2), "{refused}");
}

#[test]
fn a_head_that_was_listed_is_pointed_to_before_anything_is_built_on_it() {
    let counted = Counted::new();
    let store = counted.store();
    write(&open(&store), &["1"]).unwrap();
    let latest = "datasets/events/latest";
    let deciding =
        |request: &String| request.starts_with("swap") || request.starts_with("put datasets/events/_commits");
    let pointed_first =
        ["swap datasets/events/latest", "put datasets/events/_commits/ID", "swap datasets/events/latest"];
    let soon = now() + 3_600_000_000_000;
    let (fresh, doubted) = (open(&store), compose(soon.unsigned_abs(), 1).unwrap());
    // By a handle that knows nothing, by one that knows the head, and to seal it.
    for round in 0..3 {
        store.backend().delete(Context::unlimited(), latest).unwrap();
        counted.take();
        match round {
            0 | 1 => drop(write(&fresh, &["2"]).unwrap()),
            _ => drop(open(&store).resolve_commit(&doubted, &CallOptions::default())),
        }
        let mut requests = counted.take();
        requests.retain(deciding);
        assert_eq!(requests, pointed_first, "{round}");
    }
}

#[test]
fn readers_write_nothing() {
    let counted = Counted::new();
    let store = counted.store();
    let written: Vec<_> = (0..3).map(|_| write(&open(&store), &["1", "2"]).unwrap().snapshot).collect();
    let latest = "datasets/events/latest";
    // As it is, without the pointer, with a pointer that dangles, and with one that is behind.
    for pointer in [None, Some(""), Some("1700000000000000000"), Some(written[0].id())] {
        if let Some(pointer) = pointer {
            store.backend().delete(Context::unlimited(), latest).unwrap();
            if !pointer.is_empty() {
                assert!(matches!(
                    store.backend().put_if_absent(
                        Context::unlimited(),
                        latest,
                        pointer.as_bytes(),
                        Durability::Full
                    ),
                    Put::Done
                ));
            }
        }
        counted.take();
        let reader = open(&store);
        let newest = reader.latest(&CallOptions::default()).unwrap();
        let mut records = reader.read(&newest, ReadOptions::default()).unwrap();
        while records.next().unwrap().is_some() {}
        reader.snapshot(written[2].id(), &CallOptions::default()).unwrap();
        for mut snapshots in [
            reader.snapshots(&CallOptions::default()).unwrap(),
            reader.changes_since(None, &CallOptions::default()).unwrap(),
        ] {
            while snapshots.next().unwrap().is_some() {}
        }
        reader.producer_position("p", &CallOptions::default()).unwrap();
        let requests = counted.take();
        assert!(requests.len() > 5, "{requests:?}");
        let reads =
            |request: &String| ["get ", "open ", "list "].iter().any(|kind| request.starts_with(kind));
        assert!(requests.iter().all(reads), "{pointer:?}: {requests:?}");
    }
}

//! Every store of this library keeps the rules of the conformance suite, and a few that only they promise.

use std::sync::Arc;

use super::super::conformance;
use super::super::disk::real::RealDisk;
use super::super::memory::Memory;
use super::super::sim::SimDisk;
use super::*;

type Statement = (&'static str, fn(&dyn Backend));

/// What stores of callbacks and buckets need not do.
const BESIDES: &[Statement] = &[
    ("the message about an object longer than the limit names both", |store| {
        assert!(matches!(put(store, "k", b"12345"), Put::Done));
        let error = assert_status(store.get(Context::unlimited(), "k", 4), Status::Corrupt);
        assert!(error.message().contains("\"k\"") && error.message().contains('4'), "{error}");
    }),
    ("the message about an absent object that is to be persisted names it", |store| {
        let error = assert_status(store.persist(Context::unlimited(), "a/b/d"), Status::NotFound);
        assert!(error.message().contains("a/b/d"), "{error}");
    }),
    ("a read at the greatest offset is at the end", |store| {
        assert!(matches!(put(store, "k", b"0123456789"), Put::Done));
        let mut object = store.open(Context::unlimited(), "k").expect("open").expect("there");
        assert_eq!(object.read_at(Context::unlimited(), u64::MAX, &mut [0; 4]).expect("read"), 0);
    }),
    ("an open object outlives its key", |store| {
        assert!(matches!(put(store, "k", b"old"), Put::Done));
        let mut object = store.open(Context::unlimited(), "k").expect("open").expect("there");
        store.delete(Context::unlimited(), "k").expect("delete");
        assert!(matches!(put(store, "k", b"new"), Put::Done));
        let mut buffer = [0; 3];
        assert_eq!(object.read_at(Context::unlimited(), 0, &mut buffer).expect("read"), 3);
        assert_eq!(&buffer, b"old");
    }),
    ("of two uploads of one key the first to finish wins", |store| {
        let mut one = store.upload(Context::unlimited(), "k", Durability::Full).expect("create");
        let mut two = store.upload(Context::unlimited(), "k", Durability::Full).expect("create");
        one.write(Context::unlimited(), b"one").expect("write");
        two.write(Context::unlimited(), b"two").expect("write");
        assert!(matches!(two.finish(Context::unlimited()), Put::Done));
        assert!(matches!(one.finish(Context::unlimited()), Put::Exists));
        assert_eq!(get(store, "k").as_deref(), Some(&b"two"[..]));
    }),
    ("a swap that is refused tells what is there", |store| {
        assert!(matches!(swap(store, "p", b"x", b"y", 1), Swap::Mismatch(None)));
        assert!(matches!(swap(store, "p", b"", b"one", 1), Swap::Done));
        let Swap::Mismatch(Some(now)) = swap(store, "p", b"on", b"two", 1) else { panic!("no mismatch") };
        assert_eq!(now, b"one");
    }),
    ("a listing's hearer may use the store", |store| {
        for key in ["a/1", "a/2", "b/3"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        let delete = &mut |key: &str| store.delete(Context::unlimited(), key).is_ok();
        store.list(Context::unlimited(), "", None, delete).expect("list");
        assert_eq!(list(store, ""), Vec::<String>::new());
    }),
];

#[track_caller]
fn conforms(kind: &str, make: impl Fn() -> (Box<dyn Backend>, Option<TempDir>)) {
    for (statement, holds) in BESIDES {
        println!("{kind}: {statement}");
        let (store, _dir) = make();
        holds(&*store);
    }
    let (store, _dir) = make();
    conformance::check(&*store, Context::unlimited(), "").expect(kind);
    assert_eq!(list(&*store, ""), Vec::<String>::new(), "{kind}: the conformance suite leaves nothing");
}

#[test]
fn the_store_in_memory_conforms() {
    conforms("memory", || (Box::new(Memory::new()), None));
}

#[test]
fn the_store_in_a_directory_conforms() {
    conforms("filesystem", || {
        let dir = TempDir::new();
        (Box::new(dir.store()), Some(dir))
    });
}

#[test]
fn it_conforms_where_paths_are_opened_segment_by_segment() {
    conforms("segments", || {
        let dir = TempDir::new();
        let disk = RealDisk::open_by_segments(dir.text()).expect("a root");
        (Box::new(Filesystem::with_disk(Arc::new(disk), dir.text())), Some(dir))
    });
}

#[test]
fn it_conforms_on_the_simulated_disk_and_leaves_no_temporary_file() {
    conforms("simulated", || {
        (Box::new(Filesystem::with_disk(SimDisk::new().process().disk(), "/sim")), None)
    });
    let disk = SimDisk::new();
    let store = Filesystem::with_disk(disk.process().disk(), "/sim");
    conformance::check(&store, Context::unlimited(), "").expect("it conforms");
    assert_eq!(disk.temporaries(), Vec::<String>::new());
}

#[test]
fn it_conforms_without_hard_links() {
    conforms("no hard links", || {
        let disk = SimDisk::new().without_hard_links();
        (Box::new(Filesystem::with_disk(disk.process().disk(), "/sim")), None)
    });
}

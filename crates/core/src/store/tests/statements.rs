//! One table of statements that hold for every store.

use std::sync::Arc;

use super::super::disk::real::RealDisk;
use super::super::memory::Memory;
use super::super::sim::SimDisk;
use super::*;
use crate::store::conformance;

type Statement = (&'static str, fn(&dyn Backend));

const STATEMENTS: &[Statement] = &[
    ("an object is put once and read back", |store| {
        assert!(matches!(put(store, "a/b/c", b"one"), Put::Done));
        assert_eq!(get(store, "a/b/c").as_deref(), Some(&b"one"[..]));
    }),
    ("a taken key is never overwritten", |store| {
        assert!(matches!(put(store, "a/b", b"one"), Put::Done));
        assert!(matches!(put(store, "a/b", b"two"), Put::Exists));
        assert_eq!(get(store, "a/b").as_deref(), Some(&b"one"[..]));
    }),
    ("an empty object is an object", |store| {
        assert!(matches!(put(store, "empty", b""), Put::Done));
        assert_eq!(get(store, "empty").as_deref(), Some(&b""[..]));
        assert!(matches!(put(store, "empty", b"x"), Put::Exists));
    }),
    ("an absent object is an answer", |store| {
        assert_eq!(get(store, "nothing"), None);
        assert_eq!(get(store, "no/such/thing"), None);
        assert!(store.open(Context::unlimited(), "nothing").expect("open").is_none());
        assert!(matches!(put(store, "x", b"file"), Put::Done));
        assert_eq!(get(store, "x/below/an/object"), None);
    }),
    ("the durability of the process gives the same objects", |store| {
        assert!(matches!(
            store.put_if_absent(Context::unlimited(), "p/q", b"one", Durability::Process),
            Put::Done
        ));
        assert!(matches!(
            store.put_if_absent(Context::unlimited(), "p/q", b"two", Durability::Process),
            Put::Exists
        ));
        assert_eq!(get(store, "p/q").as_deref(), Some(&b"one"[..]));
    }),
    ("an object longer than the limit is corrupt", |store| {
        assert!(matches!(put(store, "k", b"12345"), Put::Done));
        assert_eq!(
            store.get(Context::unlimited(), "k", 5).expect("at the limit").as_deref(),
            Some(&b"12345"[..])
        );
        let error = assert_status(store.get(Context::unlimited(), "k", 4), Status::Corrupt);
        assert!(error.message().contains("\"k\"") && error.message().contains('4'), "{error}");
    }),
    ("an upload appears at its end and not before", |store| {
        let mut upload = store.upload(Context::unlimited(), "u/v", Durability::Full).expect("create");
        upload.write(Context::unlimited(), b"one ").expect("write");
        upload.start_writeback();
        upload.write(Context::unlimited(), b"two").expect("write");
        assert_eq!(get(store, "u/v"), None);
        assert_eq!(list(store, ""), Vec::<String>::new());
        assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
        assert_eq!(get(store, "u/v").as_deref(), Some(&b"one two"[..]));
    }),
    ("an upload that is dropped leaves nothing", |store| {
        let mut upload = store.upload(Context::unlimited(), "u/v/w", Durability::Full).expect("create");
        upload.write(Context::unlimited(), b"one").expect("write");
        drop(upload);
        assert_eq!(get(store, "u/v/w"), None);
        assert_eq!(list(store, ""), Vec::<String>::new());
        assert!(matches!(put(store, "u/v/w", b"two"), Put::Done));
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
    ("an open object is read at any offset", |store| {
        assert!(matches!(put(store, "k", b"0123456789"), Put::Done));
        let mut object = store.open(Context::unlimited(), "k").expect("open").expect("there");
        assert_eq!(object.size(), 10);
        let mut buffer = [0; 4];
        assert_eq!(object.read_at(Context::unlimited(), 3, &mut buffer).expect("read"), 4);
        assert_eq!(&buffer, b"3456");
        assert_eq!(object.read_at(Context::unlimited(), 8, &mut buffer).expect("read"), 2);
        assert_eq!(&buffer[..2], b"89");
        assert_eq!(object.read_at(Context::unlimited(), 10, &mut buffer).expect("at the end"), 0);
        assert_eq!(object.read_at(Context::unlimited(), u64::MAX, &mut buffer).expect("far past the end"), 0);
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
    ("a listing has what is below the prefix, and no neighbours", |store| {
        for key in ["foo/a", "foo/b/c", "foo/b/d", "foobar/e", "top"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        assert_eq!(list(store, ""), ["foo/a", "foo/b/c", "foo/b/d", "foobar/e", "top"]);
        assert_eq!(list(store, "foo/"), ["foo/a", "foo/b/c", "foo/b/d"]);
        assert_eq!(list(store, "foo/b/"), ["foo/b/c", "foo/b/d"]);
        assert_eq!(list(store, "none/"), Vec::<String>::new());
        assert_eq!(list(store, "top/"), Vec::<String>::new());
    }),
    ("names are those directly below, files and folders", |store| {
        for key in ["f/a", "f/a-b", "f/b/c", "f/b/d/e", "f/b0", "g"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        assert_eq!(names(store, ""), ["f", "g"]);
        assert_eq!(names(store, "f/"), ["a", "a-b", "b", "b0"]);
        assert_eq!(names(store, "f/b/"), ["c", "d"]);
        assert_eq!(names(store, "h/"), Vec::<String>::new());
        assert_eq!(names(store, "g/"), Vec::<String>::new());
    }),
    ("a listing ends when its hearer has enough", |store| {
        for key in ["a/1", "a/2", "b/3"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        let mut heard = 0;
        let once = &mut |_: &str| {
            heard += 1;
            false
        };
        store.list(Context::unlimited(), "", None, once).expect("list");
        store.list_names(Context::unlimited(), "", once).expect("list_names");
        assert_eq!(heard, 2);
    }),
    ("a listing's hearer may use the store", |store| {
        for key in ["a/1", "a/2", "b/3"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        let delete = &mut |key: &str| store.delete(Context::unlimited(), key).is_ok();
        store.list(Context::unlimited(), "", None, delete).expect("list");
        assert_eq!(list(store, ""), Vec::<String>::new());
    }),
    ("temporary files, ours and the Go library's, are not listed", |store| {
        let ours = key_of_a_temporary();
        for key in [ours.as_str(), "d/.lode-cas-123", "d/.lode-kept", "d/x.tmp"] {
            assert!(matches!(put(store, key, b"x"), Put::Done), "{key}");
        }
        assert_eq!(list(store, ""), ["d/.lode-kept", "d/x.tmp"]);
        assert_eq!(names(store, "d/"), [".lode-kept", "x.tmp"]);
    }),
    ("a deleted object is gone, and an absent one deleted well", |store| {
        assert!(matches!(put(store, "a/b/c", b"x"), Put::Done));
        store.delete(Context::unlimited(), "a/b/c").expect("delete");
        assert_eq!(get(store, "a/b/c"), None);
        assert_eq!(names(store, ""), Vec::<String>::new());
        store.delete(Context::unlimited(), "a/b/c").expect("delete again");
        assert!(matches!(put(store, "a/b/c", b"y"), Put::Done));
    }),
    ("a delete leaves the neighbours", |store| {
        assert!(matches!(put(store, "a/b/c", b"x"), Put::Done));
        assert!(matches!(put(store, "a/d", b"y"), Put::Done));
        store.delete(Context::unlimited(), "a/b/c").expect("delete");
        assert_eq!(list(store, ""), ["a/d"]);
        assert_eq!(names(store, "a/"), ["d"]);
    }),
    ("a swap of an absent object wants an empty expectation", |store| {
        assert!(matches!(swap(store, "d/p", b"x", b"y", 1), Swap::Mismatch(None)));
        assert_eq!(get(store, "d/p"), None);
        assert!(matches!(swap(store, "d/p", b"", b"y", 1), Swap::Done));
        assert_eq!(get(store, "d/p").as_deref(), Some(&b"y"[..]));
    }),
    ("a swap compares the exact bytes", |store| {
        assert!(matches!(swap(store, "p", b"", b"one", 1), Swap::Done));
        for expected in [&b""[..], b"one\n", b"on", b"two"] {
            let Swap::Mismatch(Some(now)) = swap(store, "p", expected, b"two", 1) else {
                panic!("no mismatch with {expected:?}");
            };
            assert_eq!(now, b"one");
        }
        assert!(matches!(swap(store, "p", b"one", b"two", 1), Swap::Done));
        assert_eq!(get(store, "p").as_deref(), Some(&b"two"[..]));
    }),
    ("a persisted object is there, an absent one cannot be persisted", |store| {
        assert!(matches!(
            store.put_if_absent(Context::unlimited(), "a/b/c", b"x", Durability::Process),
            Put::Done
        ));
        store.persist(Context::unlimited(), "a/b/c").expect("persist");
        let error = assert_status(store.persist(Context::unlimited(), "a/b/d"), Status::NotFound);
        assert!(error.message().contains("a/b/d"), "{error}");
    }),
    ("a key that is none is refused by every operation", |store| {
        for key in
            ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a/..", "a\0b", "a\nb", "a\r"]
        {
            assert_status(store.get(Context::unlimited(), key, 9), Status::InvalidPath);
            assert_status(store.open(Context::unlimited(), key), Status::InvalidPath);
            assert_status(store.upload(Context::unlimited(), key, Durability::Full), Status::InvalidPath);
            assert_eq!(failed(put(store, key, b"x")).status(), Status::InvalidPath, "{key:?}");
            assert_status(store.delete(Context::unlimited(), key), Status::InvalidPath);
            assert_status(store.persist(Context::unlimited(), key), Status::InvalidPath);
            let Swap::Failed(error) = swap(store, key, b"", b"x", 1) else { panic!("swapped {key:?}") };
            assert_eq!(error.status(), Status::InvalidPath, "{key:?}");
        }
        for prefix in ["../", "a/../", "a//", "//"] {
            assert_status(store.list(Context::unlimited(), prefix, None, &mut |_| true), Status::InvalidPath);
            assert_status(store.list_names(Context::unlimited(), prefix, &mut |_| true), Status::InvalidPath);
        }
    }),
];

fn key_of_a_temporary() -> String {
    format!("d/{}", super::super::key::temporary_name())
}

#[track_caller]
fn all_hold(kind: &str, make: impl Fn() -> (Box<dyn Backend>, Option<TempDir>)) {
    for (statement, holds) in STATEMENTS {
        println!("{kind}: {statement}");
        let (store, _dir) = make();
        holds(&*store);
    }
    let (store, _dir) = make();
    conformance::check(&*store, Context::unlimited(), "").expect(kind);
    assert_eq!(list(&*store, ""), Vec::<String>::new(), "{kind}: the conformance suite leaves nothing");
}

#[test]
fn they_hold_in_memory() {
    all_hold("memory", || (Box::new(Memory::new()), None));
}

#[test]
fn they_hold_on_a_filesystem() {
    all_hold("filesystem", || {
        let dir = TempDir::new();
        (Box::new(dir.store()), Some(dir))
    });
}

#[test]
fn they_hold_where_paths_are_opened_segment_by_segment() {
    all_hold("segments", || {
        let dir = TempDir::new();
        let disk = RealDisk::open_by_segments(dir.text()).expect("a root");
        (Box::new(Filesystem::with_disk(Arc::new(disk), dir.text())), Some(dir))
    });
}

#[test]
fn they_hold_on_the_simulated_disk() {
    all_hold("simulated", || {
        (Box::new(Filesystem::with_disk(SimDisk::new().process().disk(), "/sim")), None)
    });
}

#[test]
fn they_hold_without_hard_links() {
    all_hold("no hard links", || {
        let disk = SimDisk::new().without_hard_links();
        (Box::new(Filesystem::with_disk(disk.process().disk(), "/sim")), None)
    });
}

#[test]
fn nothing_is_left_behind_on_a_filesystem() {
    for (statement, holds) in STATEMENTS {
        let disk = SimDisk::new();
        holds(&Filesystem::with_disk(disk.process().disk(), "/sim"));
        let planted = ["d/.lode-cas-123"];
        let left: Vec<_> =
            disk.temporaries().into_iter().filter(|path| !planted.contains(&path.as_str())).collect();
        let expected = usize::from(statement.starts_with("temporary files"));
        assert_eq!(left.len(), expected, "{statement}: {left:?}");
    }
}

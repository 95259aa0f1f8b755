//! What only a real file system shows: links, modes, locks between descriptors, and what stands in the way.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use super::super::disk::Disk;
use super::super::disk::real::RealDisk;
use super::super::filesystem::Filesystem;
use super::*;

/// The store, and the same one as on a system without `openat2`.
fn both(dir: &TempDir) -> [Filesystem; 2] {
    let disk = RealDisk::open_by_segments(dir.text()).expect("a root");
    [dir.store(), Filesystem::with_disk(Arc::new(disk), dir.text())]
}

#[test]
fn no_key_leads_through_a_symbolic_link() {
    let (dir, outside) = (TempDir::new(), TempDir::new());
    std::fs::write(outside.path().join("secret"), "secret").expect("write");
    std::fs::create_dir(dir.path().join("d")).expect("mkdir");
    symlink(outside.path(), dir.path().join("d/out")).expect("symlink");
    symlink(outside.path().join("secret"), dir.path().join("d/file")).expect("symlink");
    symlink("d", dir.path().join("inside")).expect("symlink");
    for store in both(&dir) {
        for (key, part) in [
            ("d/out/secret", "d/out"),
            ("d/out/deeper/secret", "d/out"),
            ("d/file", "d/file"),
            ("inside/x", "inside"),
        ] {
            for error in [
                assert_status(store.get(Context::unlimited(), key, 100), Status::InvalidPath),
                assert_status(store.open(Context::unlimited(), key), Status::InvalidPath),
                assert_status(store.persist(Context::unlimited(), key), Status::InvalidPath),
            ] {
                let named = format!("{part:?} is a symbolic link");
                assert!(error.message().contains(&named), "{key}: {error}");
            }
        }
        for key in ["d/out/secret", "d/out/new", "d/out/deep/new", "inside/x"] {
            let error = failed(put(&store, key, b"x"));
            assert_eq!(error.status(), Status::InvalidPath, "{error}");
            assert!(error.message().contains("is a symbolic link"), "{error}");
            let Swap::Failed(error) = swap(&store, key, b"", b"x", 1) else { panic!("swapped {key}") };
            assert_eq!(error.status(), Status::InvalidPath, "{error}");
            assert_status(store.delete(Context::unlimited(), key), Status::InvalidPath);
        }
        assert!(matches!(put(&store, "d/file", b"x"), Put::Exists));
        let Swap::Failed(error) = swap(&store, "d/file", b"secret", b"x", 1) else { panic!("swapped") };
        assert_eq!(error.status(), Status::InvalidPath, "{error}");
        assert_status(store.list(Context::unlimited(), "d/out/", None, &mut |_| true), Status::InvalidPath);
        assert_status(store.list_names(Context::unlimited(), "inside/", &mut |_| true), Status::InvalidPath);
        assert_eq!(list(&store, ""), ["d/file.lock"], "links are neither shown nor followed");
        assert_eq!(outside.tree(), ["secret"]);
        assert_eq!(std::fs::read(outside.path().join("secret")).expect("read"), b"secret");
    }
}

#[test]
fn a_disk_refuses_to_climb_out_even_if_asked() {
    let (dir, outside) = (TempDir::new(), TempDir::new());
    std::fs::write(outside.path().join("secret"), "secret").expect("write");
    std::fs::create_dir(dir.path().join("d")).expect("mkdir");
    let name = outside.path().file_name().expect("a name").to_str().expect("UTF-8");
    for disk in [RealDisk::open(dir.text()), RealDisk::open_by_segments(dir.text())] {
        let disk = disk.expect("a root");
        assert!(disk.open_read(&format!("../{name}/secret")).is_err());
        assert!(disk.open_read(&format!("d/../../{name}/secret")).is_err());
        assert!(disk.open_dir("..").is_err());
        assert!(disk.open_dir("d").expect("a directory").open_dir("..").is_err());
    }
}

#[test]
fn the_root_may_be_reached_through_a_symbolic_link_and_stays_what_it_was() {
    let (dir, other) = (TempDir::new(), TempDir::new());
    let link = dir.path().join("link");
    std::fs::create_dir(dir.path().join("real")).expect("mkdir");
    symlink("real", &link).expect("symlink");
    let store = Filesystem::open(link.to_str().expect("UTF-8")).expect("open");
    std::fs::remove_file(&link).expect("remove");
    symlink(other.path(), &link).expect("symlink");
    assert!(matches!(put(&store, "a", b"x"), Put::Done));
    assert_eq!(std::fs::read(dir.path().join("real/a")).expect("read"), b"x");
    assert_eq!(other.tree(), Vec::<String>::new());
}

#[test]
fn a_root_that_is_no_directory_is_named() {
    let dir = TempDir::new();
    std::fs::write(dir.path().join("file"), "").expect("write");
    for (name, status) in [("none", Status::NotFound), ("file", Status::InvalidArgument)] {
        let root = format!("{}/{name}", dir.text());
        let error = assert_status(Filesystem::open(&root), status);
        assert!(error.message().contains(&root), "{error}");
        assert_eq!(error.path(), Some(root.as_str()));
    }
    assert_status(Filesystem::open(""), Status::InvalidArgument);
    assert_status(Filesystem::open("a\0b"), Status::InvalidArgument);
}

#[test]
fn locations_are_absolute() {
    let dir = TempDir::new();
    let store = dir.store();
    assert_eq!(store.location("a/b"), Some(format!("{}/a/b", dir.text())));
    assert_eq!(store.describe(), format!("filesystem {}", dir.text()));
    let here = Filesystem::open(".").expect("open").location("k").expect("a location");
    assert!(Path::new(&here).is_absolute() && !here.contains("/./"), "{here}");
    let slash = Filesystem::open("/").expect("open").location("k");
    assert_eq!(slash.as_deref(), Some("/k"));
}

#[test]
fn a_root_that_was_removed_is_an_error_and_not_an_empty_store() {
    let dir = TempDir::new();
    let store = dir.store();
    std::fs::remove_dir(dir.path()).expect("rmdir");
    let Swap::Failed(swapped) = swap(&store, "a/p", b"", b"x", 1) else { panic!("swapped") };
    for error in [
        assert_status(store.get(Context::unlimited(), "a/b", 9), Status::Io),
        assert_status(store.open(Context::unlimited(), "a"), Status::Io),
        assert_status(store.list(Context::unlimited(), "", None, &mut |_| true), Status::Io),
        assert_status(store.list(Context::unlimited(), "a/", None, &mut |_| true), Status::Io),
        assert_status(store.delete(Context::unlimited(), "a"), Status::Io),
        failed(put(&store, "a/b", b"x")),
        failed(put(&store, "a", b"x")),
        swapped,
    ] {
        assert!(error.message().contains("root directory has been removed"), "{error}");
        assert!(error.message().contains(dir.text()), "{error}");
    }
}

/// The mask is the process's, so that it is changed in a child: a shell sets it and runs this test again.
#[test]
fn modes_follow_the_umask() {
    const CHILD: &str = "LODE_TEST_UMASK_ROOT";
    if let Ok(root) = std::env::var(CHILD) {
        let store = Filesystem::open(&root).expect("open");
        assert!(matches!(put(&store, "d/e/f", b"x"), Put::Done));
        assert!(matches!(swap(&store, "d/p", b"", b"x", 1), Swap::Done));
        return;
    }
    for (umask, file, folder) in [("022", 0o644, 0o755), ("027", 0o640, 0o750), ("000", 0o666, 0o777)] {
        let dir = TempDir::new();
        let status = std::process::Command::new("sh")
            .args(["-c", "umask $0; exec \"$@\"", umask])
            .arg(std::env::current_exe().expect("this test"))
            .args(["--exact", "store::tests::real::modes_follow_the_umask"])
            .env(CHILD, dir.path())
            .stdout(std::process::Stdio::null())
            .status()
            .expect("a shell");
        assert!(status.success());
        let mode =
            |path: &str| std::fs::metadata(dir.path().join(path)).expect(path).permissions().mode() & 0o777;
        assert_eq!([mode("d/e/f"), mode("d/p"), mode("d/p.lock")], [file; 3], "umask {umask}");
        assert_eq!([mode("d"), mode("d/e")], [folder; 2], "umask {umask}");
    }
}

#[test]
fn what_is_no_object_is_an_error_and_no_trap() {
    let dir = TempDir::new();
    std::fs::create_dir_all(dir.path().join("d/e")).expect("mkdir");
    let made = std::process::Command::new("mkfifo").arg(dir.path().join("d/fifo")).status().expect("mkfifo");
    assert!(made.success());
    for store in both(&dir) {
        let error = assert_status(store.get(Context::unlimited(), "d", 9), Status::InvalidPath);
        assert!(error.message().contains("Is a directory"), "{error}");
        assert_status(store.open(Context::unlimited(), "d/e"), Status::InvalidPath);
        let error = assert_status(store.get(Context::unlimited(), "d/fifo", 9), Status::InvalidPath);
        assert!(error.message().contains("no regular file"), "{error}");
        assert_eq!(list(&store, ""), Vec::<String>::new());
        assert!(matches!(put(&store, "d/e", b"x"), Put::Exists));
        let Swap::Failed(error) = swap(&store, "d/e", b"", b"x", 1) else { panic!("swapped a directory") };
        assert_eq!(error.status(), Status::InvalidPath, "{error}");
        std::fs::remove_file(dir.path().join("d/e.lock")).expect("remove");
    }
}

#[test]
fn a_file_in_the_way_of_a_directory_is_named() {
    let dir = TempDir::new();
    for store in both(&dir) {
        let _ = put(&store, "a/b", b"x");
        for key in ["a/b/c", "a/b/c/d"] {
            let error = failed(put(&store, key, b"x"));
            assert_eq!(error.status(), Status::InvalidPath, "{error}");
            assert!(error.message().contains("\"a/b\" is no directory"), "{error}");
        }
        assert_eq!(dir.tree(), ["a", "a/b"]);
    }
}

#[test]
fn a_key_that_is_too_long_is_an_invalid_path() {
    let dir = TempDir::new();
    for store in both(&dir) {
        let long = format!("a/{}", "x".repeat(300));
        let error = failed(put(&store, &long, b"x"));
        assert_eq!(error.status(), Status::InvalidPath, "{error}");
        assert!(error.message().contains("shorten the key"), "{error}");
        assert_status(store.get(Context::unlimited(), &"x".repeat(300), 9), Status::InvalidPath);
        let error = failed(put(&store, &format!("{long}/b"), b"x"));
        assert_eq!(error.status(), Status::InvalidPath, "{error}");
        assert_eq!(dir.tree(), Vec::<String>::new(), "a refused key leaves nothing");
    }
}

#[test]
fn a_held_lock_makes_a_swap_busy() {
    let dir = TempDir::new();
    let store = dir.store();
    assert!(matches!(swap(&store, "d/p", b"", b"one", 1), Swap::Done));
    let disk = RealDisk::open(dir.text()).expect("a root");
    let mut lock = disk.open_dir("d").expect("open").open_lock("p.lock").expect("open");
    lock.try_lock().expect("the lock is free");
    let Swap::Busy(error) = swap(&store, "d/p", b"one", b"two", 3) else { panic!("not busy") };
    assert_eq!(error.status(), Status::Busy);
    assert!(error.message().contains("d/p.lock") && error.message().contains("3 tries"), "{error}");
    let Swap::Busy(error) = store.compare_and_swap(
        &overdue().with_retry(tries(1).retry()),
        "d/p",
        b"one",
        b"two",
        Durability::Full,
        LockWait::Deadline,
    ) else {
        panic!("not busy")
    };
    assert_eq!(error.status(), Status::Deadline);
    assert_eq!(get(&store, "d/p").as_deref(), Some(&b"one"[..]));
    lock.unlock().expect("unlock");
    assert!(matches!(swap(&store, "d/p", b"one", b"two", 1), Swap::Done));
}

#[test]
fn a_lock_is_given_back_after_any_swap() {
    let dir = TempDir::new();
    let store = dir.store();
    assert!(matches!(swap(&store, "p", b"", b"one", 1), Swap::Done));
    assert!(matches!(swap(&store, "p", b"wrong", b"two", 1), Swap::Mismatch(_)));
    assert!(matches!(swap(&store, "p", b"one", b"two", 1), Swap::Done));
    let disk = RealDisk::open(dir.text()).expect("a root");
    let mut lock = disk.open_dir("").expect("open").open_lock("p.lock").expect("open");
    lock.try_lock().expect("the lock is free");
}

#[test]
fn descriptors_are_not_inherited_by_other_programs() {
    let dir = TempDir::new();
    let store = dir.store();
    assert!(matches!(put(&store, "d/read", b"x"), Put::Done));
    let _upload = store.upload(Context::unlimited(), "d/written", Durability::Full).expect("create");
    let _object = store.open(Context::unlimited(), "d/read").expect("open");
    // The child lists its own descriptors; the store's would stand there by their path.
    let listed = std::process::Command::new("ls").args(["-l", "/proc/self/fd"]).output().expect("ls");
    let listed = String::from_utf8_lossy(&listed.stdout);
    assert!(listed.contains("->"), "{listed}");
    assert!(!listed.contains(dir.text()), "{listed}");
}

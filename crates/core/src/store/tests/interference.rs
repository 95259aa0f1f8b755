//! What other programs, limits and unusual file systems do to a store's files while it works.

use std::io::Write;
use std::sync::Arc;

use super::super::disk::real::RealDisk;
use super::super::sim::{Errno, Fault, Op, SimDisk, SimProcess};
use super::super::sys;
use super::*;
use crate::error::Action;

fn opened(disk: &SimDisk) -> (SimProcess, Filesystem) {
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    (process, store)
}

#[test]
fn a_staged_file_that_was_removed_loses_its_records_for_good() {
    for disk in [SimDisk::new(), SimDisk::new().without_hard_links()] {
        let (_, store) = opened(&disk);
        let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
        upload.write(Context::unlimited(), b"records").expect("write");
        let staged = disk.temporaries().pop().expect("the staged file");
        disk.remove(&staged);
        for _ in 0..2 {
            let error = failed(upload.finish(Context::unlimited()));
            assert_eq!((error.status(), error.action()), (Status::Io, Action::GiveUp), "{error}");
            assert!(error.message().contains("the staged records are lost"), "{error}");
            assert!(error.message().contains(&staged) && error.message().contains("\"a/k\""), "{error}");
        }
        drop(upload);
        assert!(matches!(put(&store, "a/k", b"again"), Put::Done), "a new upload works");
    }
}

#[test]
fn a_staged_file_that_another_program_wrote_into_is_not_committed() {
    for disk in [SimDisk::new(), SimDisk::new().without_hard_links()] {
        let (_, store) = opened(&disk);
        let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
        upload.write(Context::unlimited(), b"records").expect("write");
        disk.append(&disk.temporaries().pop().expect("the staged file"), b"a line of a log");
        for _ in 0..2 {
            let error = failed(upload.finish(Context::unlimited()));
            assert_eq!((error.status(), error.action()), (Status::Corrupt, Action::GiveUp), "{error}");
            assert!(error.message().contains("has 22 bytes, but 7 were written"), "{error}");
            assert!(error.message().contains("\"a/k\""), "{error}");
        }
        drop(upload);
        assert_eq!(disk.files().len(), 0, "nothing is committed, nothing is left");
    }
}

#[test]
fn a_value_that_another_program_wrote_into_is_not_swapped_in() {
    let disk = SimDisk::new();
    let (process, store) = opened(&disk);
    let other = disk.clone();
    process.plan(move |_, step| {
        if step.op == Op::SyncFile {
            other.append(&other.temporaries().pop().expect("the staged value"), b"a line of a log");
        }
        None
    });
    let Swap::Failed(error) = swap(&store, "p", b"", b"one", 1) else { panic!("swapped") };
    assert_eq!(error.status(), Status::Corrupt, "{error}");
    process.heal();
    assert_eq!(get(&store, "p"), None);
    assert!(matches!(swap(&store, "p", b"", b"one", 1), Swap::Done));
}

/// The name comes before the syncs, so that a failure of any of them takes it away again.
#[test]
fn an_upload_that_fails_after_it_got_its_name_is_taken_back() {
    for fault in [Fault::Fail(Errno::IO), Fault::After(Errno::IO), Fault::Fail(Errno::NOSPC)] {
        for number in 0.. {
            let disk = SimDisk::new();
            let (process, store) = opened(&disk);
            process.fault_at(number, fault);
            let attempt = || -> Result<Put, Error> {
                let mut upload = store.upload(Context::unlimited(), "a/b/k", Durability::Full)?;
                upload.write(Context::unlimited(), b"records")?;
                Ok(upload.finish(Context::unlimited()))
            };
            let outcome = attempt();
            let Some(step) = process.trace().get(number).cloned() else { break };
            let what = format!("{fault:?} at {step:?}: {outcome:?}");
            process.heal();
            match outcome {
                Ok(Put::Done) => assert_eq!(disk.files()["a/b/k"], b"records", "{what}"),
                _ => assert_eq!(disk.files().len(), 0, "{what}"),
            }
            assert_eq!(disk.temporaries(), Vec::<String>::new(), "{what}");
        }
    }
}

#[test]
fn a_limit_on_the_size_of_files_is_met_like_a_full_disk() {
    let disk = SimDisk::new();
    let (process, store) = opened(&disk);
    let mut upload = store.upload(Context::unlimited(), "k", Durability::Full).expect("create");
    upload.write(Context::unlimited(), b"one").expect("write");
    process.plan(|_, step| (step.op == Op::Write).then_some(Fault::Fail(Errno::FBIG)));
    let error = assert_status(upload.write(Context::unlimited(), b"two"), Status::NoSpace);
    assert_eq!(error.action(), Action::Retry);
    assert!(error.message().contains("RLIMIT_FSIZE"), "{error}");
    process.heal();
    upload.write(Context::unlimited(), b"two").expect("the limit is lifted");
    assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
    assert_eq!(disk.files()["k"], b"onetwo");
}

#[test]
fn a_file_system_that_refuses_hard_links_in_any_words_gets_renames() {
    for errno in [Errno::PERM, Errno::ACCESS, Errno::XDEV, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK] {
        let disk = SimDisk::new();
        let (process, store) = opened(&disk);
        process.plan(move |_, step| (step.op == Op::Link).then_some(Fault::Fail(errno)));
        assert!(matches!(put(&store, "a/k", b"one"), Put::Done), "{errno:?}");
        assert!(matches!(put(&store, "a/k", b"two"), Put::Exists), "{errno:?}");
        assert_eq!(disk.files().into_iter().collect::<Vec<_>>(), [("a/k".to_owned(), b"one".to_vec())]);
    }
}

#[test]
fn where_neither_link_nor_rename_works_the_error_names_both_and_both_paths() {
    for (errno, status) in [
        (Errno::ACCESS, Status::Io),
        (Errno::PERM, Status::Unsupported),
        (Errno::XDEV, Status::Unsupported),
        (Errno::NOSYS, Status::Unsupported),
    ] {
        let disk = SimDisk::new();
        let (process, store) = opened(&disk);
        process.plan(move |_, step| {
            matches!(step.op, Op::Link | Op::RenameNoReplace).then_some(Fault::Fail(errno))
        });
        let error = failed(put(&store, "a/k", b"one"));
        assert_eq!((error.status(), error.errno()), (status, Some(errno.raw_os_error())), "{error}");
        for part in ["hard link", "\"a/k\"", "\"a/.lode-"] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
        assert_eq!(disk.files().len(), 0);
    }
}

#[test]
fn a_root_that_was_removed_under_an_upload_loses_its_records_for_good() {
    let dir = TempDir::new();
    let store = dir.store();
    let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
    upload.write(Context::unlimited(), b"records").expect("write");
    std::fs::remove_dir_all(dir.path()).expect("rm -r");
    for _ in 0..2 {
        let error = failed(upload.finish(Context::unlimited()));
        assert_eq!((error.status(), error.action()), (Status::Io, Action::GiveUp), "{error}");
        for part in ["the staged records are lost", "root directory has been removed", "a/k", dir.text()] {
            assert!(error.message().contains(part), "{part}: {error}");
        }
    }
}

#[test]
fn a_removed_root_is_given_up() {
    let dir = TempDir::new();
    let store = dir.store();
    std::fs::remove_dir(dir.path()).expect("rmdir");
    for error in
        [assert_status(store.get(Context::unlimited(), "a", 9), Status::Io), failed(put(&store, "a", b"x"))]
    {
        assert_eq!(error.action(), Action::GiveUp, "{error}");
    }
}

/// Standard descriptors are the process's, so that they are closed in a child, which runs this test again.
#[test]
fn no_file_of_a_store_gets_a_standard_descriptor() {
    const CHILD: &str = "LODE_TEST_CLOSED_DESCRIPTORS_ROOT";
    if let Ok(root) = std::env::var(CHILD) {
        sys::tests::close_standard_descriptors();
        for disk in [RealDisk::open(&root), RealDisk::open_by_segments(&root)] {
            let store = Filesystem::with_disk(Arc::new(disk.expect("a root")), &root);
            let mut upload = store.upload(Context::unlimited(), "d/k", Durability::Full).expect("create");
            upload.write(Context::unlimited(), b"records").expect("write");
            let mut object = store.open(Context::unlimited(), "there").expect("open").expect("it is there");
            store
                .list(Context::unlimited(), "", None, &mut |_| sys::tests::standard_descriptors_are_closed())
                .expect("list");
            assert!(sys::tests::standard_descriptors_are_closed());
            assert_eq!(object.read_at(Context::unlimited(), 0, &mut [0; 9]).expect("read"), 1);
            assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
            assert!(matches!(swap(&store, "d/p", b"", b"one", 1), Swap::Done));
            assert_eq!(get(&store, "d/k").as_deref(), Some(&b"records"[..]));
            store.delete(Context::unlimited(), "d/k").expect("delete");
            store.delete(Context::unlimited(), "d/p").expect("delete");
        }
        std::process::exit(7);
    }
    let dir = TempDir::new();
    std::fs::write(dir.path().join("there"), "x").expect("write");
    let output = std::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "store::tests::interference::no_file_of_a_store_gets_a_standard_descriptor"])
        .env(CHILD, dir.path())
        .output()
        .expect("the child");
    let _ = std::io::stderr().write_all(&output.stderr);
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn a_file_in_place_of_a_directory_is_an_obstacle_by_name() {
    let dir = TempDir::new();
    let store = dir.store();
    std::fs::write(dir.path().join("datasets"), "").expect("write");
    for prefix in ["datasets/", "datasets/events/", "datasets/events/snapshots/"] {
        let error = assert_status(store.check_folder(Context::unlimited(), prefix), Status::InvalidPath);
        assert!(error.message().contains("\"datasets\" is no directory"), "{error}");
        assert_eq!(error.path(), Some("datasets"));
    }
    for prefix in ["", "other/", "other/deeper/"] {
        store.check_folder(Context::unlimited(), prefix).expect("absence is no obstacle");
    }
    assert!(dir.tree() == ["datasets"], "nothing is made");
}

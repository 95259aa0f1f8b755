//! A fault at each primitive operation, one after another: what the caller is told is true, nothing is left,
//! and the next try works.

use super::super::sim::{Errno, Fault, Op, SimDisk, SimProcess};
use super::*;
use crate::error::Action;

const ERRNOS: [Errno; 9] = [
    Errno::NOSPC,
    Errno::IO,
    Errno::DQUOT,
    Errno::MFILE,
    Errno::ROFS,
    Errno::INTR,
    Errno::ACCESS,
    Errno::STALE,
    Errno::NOMEM,
];

const DATA: &[u8] = b"some bytes of an object";

/// A disk to try on: whether it has hard links, and whether the handle has been there before.
#[derive(Clone, Copy, Debug)]
struct Setting {
    hard_links: bool,
    warm: bool,
    durability: Durability,
}

impl Setting {
    fn all() -> Vec<Setting> {
        let mut all = Vec::new();
        for hard_links in [true, false] {
            for warm in [true, false] {
                for durability in [Durability::Full, Durability::Process] {
                    all.push(Setting { hard_links, warm, durability });
                }
            }
        }
        all
    }

    fn open(self) -> (SimDisk, SimProcess, Filesystem) {
        let disk = if self.hard_links { SimDisk::new() } else { SimDisk::new().without_hard_links() };
        let process = disk.process();
        let store = Filesystem::with_disk(process.disk(), "/sim");
        if self.warm {
            assert!(matches!(put(&store, "a/b/other", b"x"), Put::Done));
            process.forget();
        }
        (disk, process, store)
    }
}

/// One attempt with one fault.
struct Case {
    setting: Setting,
    disk: SimDisk,
    process: SimProcess,
    store: Filesystem,
    fault: Fault,
    /// The operation that it hit.
    op: Op,
    number: usize,
}

impl Case {
    fn interrupted(&self) -> bool {
        matches!(self.fault, Fault::Fail(Errno::INTR) | Fault::After(Errno::INTR))
    }

    /// Whether it was a real failure of what decides about the object's bytes and name.
    fn decisive(&self) -> bool {
        let decides = matches!(self.op, Op::Create | Op::Write | Op::SyncFile | Op::Close | Op::SyncDir);
        decides && !self.interrupted() && matches!(self.fault, Fault::Fail(_) | Fault::After(_))
    }

    fn told(&self) -> String {
        format!("{:?} at operation {} ({:?}) with {:?}", self.fault, self.number, self.op, self.setting)
    }

    /// The store as another process opens it.
    fn elsewhere(&self) -> Filesystem {
        Filesystem::with_disk(self.disk.process().disk(), "/sim")
    }

    /// The error says which object and why.
    fn check_message(&self, error: &Error, key: &str) {
        let message = error.message();
        assert!(message.contains("/sim") && message.contains("errno"), "{}: {message}", self.told());
        let dir = key.rsplit_once('/').map_or("", |(dir, _)| dir);
        let named = [key, dir].iter().any(|name| message.contains(name)) || message.contains("\".\"");
        let above = dir.split('/').next().unwrap_or_default();
        assert!(named || message.contains(&format!("\"{above}\"")), "{}: {message}", self.told());
        if let Fault::Fail(errno) | Fault::After(errno) = self.fault {
            assert_eq!(error.errno(), Some(errno.raw_os_error()), "{}: {message}", self.told());
            let status = match errno {
                Errno::NOSPC | Errno::DQUOT => Status::NoSpace,
                Errno::NOMEM => Status::NoMemory,
                _ => Status::Io,
            };
            assert_eq!(error.status(), status, "{}: {message}", self.told());
        }
    }
}

/// Makes the attempt with each fault at each of its operations, those of cleaning up included. What `prepare`
/// does goes well and is not counted.
fn each_fault<T>(
    setting: Setting,
    prepare: impl Fn(&Filesystem),
    attempt: impl Fn(&Filesystem) -> T,
    check: impl Fn(Case, T),
) {
    let mut faults: Vec<_> = ERRNOS.into_iter().flat_map(|e| [Fault::Fail(e), Fault::After(e)]).collect();
    faults.extend([Fault::Short(1), Fault::Short(0)]);
    for fault in faults {
        for number in 0.. {
            let (disk, process, store) = setting.open();
            prepare(&store);
            process.forget();
            process.plan(move |index, step| {
                // An interrupted write has written nothing, or says how much it has.
                let impossible = step.op == Op::Write && fault == Fault::After(Errno::INTR);
                (index == number && !impossible).then_some(fault)
            });
            let outcome = attempt(&store);
            process.heal();
            let Some(step) = process.trace().get(number).cloned() else { break };
            check(Case { setting, disk, process, store, fault, op: step.op, number }, outcome);
        }
    }
}

#[test]
fn a_put_with_a_fault_tells_the_truth_and_leaves_nothing() {
    for setting in Setting::all() {
        each_fault(
            setting,
            |_| {},
            |store| store.put_if_absent(Context::unlimited(), "a/b/k", DATA, setting.durability),
            |case, outcome| {
                let told = case.told();
                let there = case.disk.files().get("a/b/k").cloned();
                assert_eq!(case.disk.temporaries(), Vec::<String>::new(), "{told}: {outcome:?}");
                if case.interrupted() {
                    assert!(matches!(outcome, Put::Done), "{told}: {outcome:?}");
                }
                match outcome {
                    Put::Done => {
                        assert!(!case.decisive(), "{told}");
                        assert_eq!(there.as_deref(), Some(DATA), "{told}");
                        assert!(matches!(put(&case.store, "a/b/k", DATA), Put::Exists), "{told}");
                    }
                    Put::Failed(error) => {
                        assert_eq!(there, None, "{told}: {error}");
                        case.check_message(&error, "a/b/k");
                        let expected = if setting.warm { vec!["a", "a/b"] } else { vec![] };
                        assert_eq!(case.disk.directories(), expected, "{told}: directories are left");
                        if case.op == Op::SyncDir {
                            // What this process could not sync it never calls durable again; another may.
                            let again = failed(put(&case.store, "a/b/k", DATA));
                            assert_eq!(
                                (again.status(), again.action()),
                                (Status::Io, Action::GiveUp),
                                "{told}"
                            );
                            assert!(again.message().contains("new process"), "{told}: {again}");
                            assert!(matches!(put(&case.elsewhere(), "a/b/k", DATA), Put::Done), "{told}");
                        } else {
                            let again = case.store.put_if_absent(
                                Context::unlimited(),
                                "a/b/k",
                                DATA,
                                setting.durability,
                            );
                            assert!(matches!(again, Put::Done), "{told}: {again:?}");
                        }
                    }
                    Put::Doubtful(error) => {
                        assert_eq!(case.op, Op::SyncDir, "{told}");
                        assert_eq!(there.as_deref(), Some(DATA), "{told}");
                        case.check_message(&error, "a/b/k");
                        for _ in 0..2 {
                            let again =
                                assert_status(case.store.persist(Context::unlimited(), "a/b/k"), Status::Io);
                            assert_eq!(again.action(), Action::GiveUp, "{told}");
                        }
                        failed(put(&case.store, "a/b/k", DATA));
                        failed(put(&case.store, "a/b/beside", DATA));
                        assert!(!case.disk.files().contains_key("a/b/beside"), "{told}");
                        assert!(matches!(put(&case.elsewhere(), "a/b/k", DATA), Put::Exists), "{told}");
                        case.elsewhere().persist(Context::unlimited(), "a/b/k").expect("another process may");
                    }
                    Put::Exists | Put::Unknown(_) => panic!("{told}: {outcome:?}"),
                }
            },
        );
    }
}

#[test]
fn a_put_of_a_taken_key_with_a_fault_never_changes_it() {
    for setting in Setting::all().into_iter().filter(|setting| setting.warm) {
        each_fault(
            setting,
            |_| {},
            |store| store.put_if_absent(Context::unlimited(), "a/b/other", DATA, setting.durability),
            |case, outcome| {
                let told = case.told();
                assert_eq!(case.disk.files()["a/b/other"], b"x", "{told}");
                assert_eq!(case.disk.temporaries(), Vec::<String>::new(), "{told}: {outcome:?}");
                match outcome {
                    Put::Exists => {}
                    Put::Failed(error) => case.check_message(&error, "a/b/other"),
                    other => panic!("{told}: {other:?}"),
                }
            },
        );
    }
}

#[test]
fn a_swap_with_a_fault_tells_the_truth_and_leaves_nothing() {
    for setting in Setting::all() {
        for old in [None, Some(&b"one"[..])] {
            let attempt = |store: &Filesystem| {
                store.compare_and_swap(
                    &tries(2),
                    "a/b/p",
                    old.unwrap_or_default(),
                    b"two",
                    setting.durability,
                    LockWait::Deadline,
                )
            };
            let prepared = |store: &Filesystem| {
                if let Some(old) = old {
                    assert!(matches!(swap(store, "a/b/p", b"", old, 1), Swap::Done));
                }
            };
            each_fault(setting, prepared, attempt, |case, outcome| {
                let told = case.told();
                let now = case.disk.files().get("a/b/p").cloned();
                assert_eq!(case.disk.temporaries(), Vec::<String>::new(), "{told}: {outcome:?}");
                if case.interrupted() {
                    assert!(matches!(outcome, Swap::Done), "{told}: {outcome:?}");
                }
                let mut doubted = case.op == Op::SyncDir;
                match outcome {
                    Swap::Done => {
                        assert!(!case.decisive(), "{told}");
                        doubted = false;
                        assert_eq!(now.as_deref(), Some(&b"two"[..]), "{told}");
                    }
                    Swap::Failed(error) => {
                        assert_eq!(now.as_deref(), old, "{told}: {error}");
                        case.check_message(&error, "a/b/p");
                    }
                    Swap::Unknown(error) => {
                        assert_eq!(case.op, Op::SyncDir, "{told}: {error}");
                        assert_eq!(now.as_deref(), Some(&b"two"[..]), "{told}");
                        assert_status(case.store.persist(Context::unlimited(), "a/b/p"), Status::Io);
                        let again = swap(&case.store, "a/b/p", b"two", b"three", 1);
                        assert!(matches!(again, Swap::Failed(_)), "{told}: {again:?}");
                        assert_eq!(case.disk.files()["a/b/p"], b"two", "{told}");
                    }
                    Swap::Mismatch(_) | Swap::Busy(_) => panic!("{told}: {outcome:?}"),
                }
                let elsewhere = case.elsewhere();
                let next = if doubted { &elsewhere } else { &case.store };
                let now = now.unwrap_or_default();
                let again = swap(next, "a/b/p", &now, b"three", 1);
                assert!(matches!(again, Swap::Done), "{told}: the lock or the directory is lost: {again:?}");
            });
        }
    }
}

#[test]
fn a_read_with_a_fault_fails_or_gives_the_object() {
    let setting = Setting { hard_links: true, warm: true, durability: Durability::Full };
    type Read = fn(&Filesystem) -> Result<(), Error>;
    let reads: [Read; 4] = [
        |store| {
            store
                .get(Context::unlimited(), "a/b/other", 100)
                .map(|bytes| assert_eq!(bytes.as_deref(), Some(&b"x"[..])))
        },
        |store| {
            let mut object = store.open(Context::unlimited(), "a/b/other")?.expect("it is there");
            let mut buffer = [0; 9];
            object
                .read_at(Context::unlimited(), 0, &mut buffer)
                .map(|count| assert_eq!(&buffer[..count], b"x"))
        },
        |store| {
            let mut found = 0;
            store.list(Context::unlimited(), "", None, &mut |key| {
                found += usize::from(key == "a/b/other");
                true
            })?;
            assert_eq!(found, 1);
            Ok(())
        },
        |store| {
            let mut found = 0;
            store.list_names(Context::unlimited(), "a/", &mut |name| {
                found += usize::from(name == "b");
                true
            })?;
            assert_eq!(found, 1);
            Ok(())
        },
    ];
    for read in reads {
        each_fault(
            setting,
            |_| {},
            read,
            |case, outcome| {
                if case.interrupted() {
                    assert!(outcome.is_ok(), "{}: {outcome:?}", case.told());
                }
                if let Err(error) = outcome {
                    case.check_message(&error, "a/b/other");
                }
                read(&case.store).expect("the next try works");
            },
        );
    }
}

#[test]
fn a_persist_with_a_fault_succeeds_only_when_all_is_synced() {
    let setting = Setting { hard_links: true, warm: false, durability: Durability::Full };
    let prepare = |store: &Filesystem| {
        assert!(matches!(
            store.put_if_absent(Context::unlimited(), "a/b/k", DATA, Durability::Process),
            Put::Done
        ));
    };
    each_fault(
        setting,
        prepare,
        |store| store.persist(Context::unlimited(), "a/b/k"),
        |case, outcome| {
            let told = case.told();
            match outcome {
                Ok(()) => {
                    let coverage = case.disk.for_each_loss(1_000, |after| {
                        assert_eq!(after.files().get("a/b/k").map(Vec::as_slice), Some(DATA), "{told}");
                    });
                    assert!(coverage.exhaustive);
                }
                Err(error) => {
                    case.check_message(&error, "a/b/k");
                    let again = case.store.persist(Context::unlimited(), "a/b/k");
                    if matches!(case.op, Op::SyncFile | Op::SyncDir) {
                        let again = assert_status(again, Status::Io);
                        assert!(again.message().contains("earlier sync"), "{told}: {again}");
                        let failed = &case.process.trace()[case.number];
                        let tries = case.process.trace().iter().filter(|step| *step == failed).count();
                        assert_eq!(tries, 1, "{told}: a failed sync is not tried again");
                    } else {
                        again.expect("the next try works");
                    }
                }
            }
        },
    );
}

#[test]
fn an_upload_that_failed_can_only_be_dropped() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
    process.fault_on(Op::Write, 1, Fault::Fail(Errno::IO));
    upload.write(Context::unlimited(), b"one").expect("the first write goes well");
    assert_status(upload.write(Context::unlimited(), b"two"), Status::Io);
    assert_status(upload.write(Context::unlimited(), b"three"), Status::State);
    assert_eq!(failed(upload.finish(Context::unlimited())).status(), Status::State);
    drop(upload);
    assert_eq!((disk.files().len(), disk.directories().len()), (0, 0));
}

#[test]
fn an_upload_that_found_no_space_goes_on_when_there_is_some() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
    process.fault_on(Op::Write, 1, Fault::Fail(Errno::NOSPC));
    upload.write(Context::unlimited(), b"one").expect("the first write goes well");
    let error = assert_status(upload.write(Context::unlimited(), b"two"), Status::NoSpace);
    assert_eq!(
        error.message(),
        "cannot write \"a/k\" in /sim: No space left on device (errno 28); free some space and try again"
    );
    upload.write(Context::unlimited(), b"two").expect("there is space again");
    process.fault_on(Op::Link, 0, Fault::Fail(Errno::DQUOT));
    assert_eq!(failed(upload.finish(Context::unlimited())).status(), Status::NoSpace);
    assert!(matches!(upload.finish(Context::unlimited()), Put::Done));
    drop(upload);
    assert_eq!(disk.files().into_iter().collect::<Vec<_>>(), [("a/k".to_owned(), b"onetwo".to_vec())]);
}

/// What the first sync said may be hidden from a second one.
#[test]
fn an_upload_whose_sync_found_no_space_is_lost_and_says_why() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    let mut upload = store.upload(Context::unlimited(), "a/k", Durability::Full).expect("create");
    upload.write(Context::unlimited(), b"one").expect("write");
    process.fault_on(Op::SyncFile, 0, Fault::Fail(Errno::NOSPC));
    assert_eq!(failed(upload.finish(Context::unlimited())).status(), Status::NoSpace);
    let error = failed(upload.finish(Context::unlimited()));
    assert_eq!(error.status(), Status::State);
    assert_eq!(
        error.message(),
        "cannot finish \"a/k\" in /sim: a write, sync or close of it failed before, and to repeat that would prove \
         nothing; write it anew"
    );
    drop(upload);
    assert_eq!((disk.files().len(), disk.directories().len()), (0, 0));
}

#[test]
fn a_short_write_goes_on_where_it_stopped() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    process.plan(|_, step| (step.op == Op::Write || step.op == Op::Read).then_some(Fault::Short(1)));
    assert!(matches!(put(&store, "k", DATA), Put::Done));
    assert_eq!(disk.files()["k"], DATA);
    assert_eq!(process.count(Op::Write), DATA.len());
    assert_eq!(get(&store, "k").as_deref(), Some(DATA));
}

#[test]
fn a_disk_without_any_way_to_place_a_file_is_refused() {
    let disk = SimDisk::new().without_hard_links().without_rename_noreplace();
    let store = Filesystem::with_disk(disk.process().disk(), "/sim");
    let error = failed(put(&store, "a/k", DATA));
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("neither hard links nor a rename"), "{error}");
    assert_eq!((disk.files().len(), disk.directories().len()), (0, 0));
}

#[test]
fn a_disk_without_locks_refuses_a_swap() {
    let disk = SimDisk::new().without_locks();
    let store = Filesystem::with_disk(disk.process().disk(), "/sim");
    let Swap::Failed(error) = swap(&store, "a/p", b"", b"one", 3) else { panic!("swapped without a lock") };
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("no locks") && error.message().contains("a/p.lock"), "{error}");
    assert_eq!(get(&store, "a/p"), None);
}

#[test]
fn a_disk_that_cannot_sync_directories_is_refused_before_the_object_appears() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    process.plan(|_, step| (step.op == Op::SyncDir).then_some(Fault::Fail(Errno::INVAL)));
    let error = failed(put(&store, "a/k", DATA));
    assert_eq!(error.status(), Status::Unsupported);
    assert!(error.message().contains("cannot make directories durable"), "{error}");
    assert_eq!(disk.files().len(), 0);
    assert!(matches!(store.put_if_absent(Context::unlimited(), "a/k", DATA, Durability::Process), Put::Done));
}

/// The link's answer is lost, and then nothing can be learnt any more: neither yes nor no would be true.
#[test]
fn a_link_of_which_nothing_can_be_learnt_is_unknown() {
    for fault in [Fault::Fail(Errno::IO), Fault::After(Errno::IO)] {
        let disk = SimDisk::new();
        let process = disk.process();
        let store = Filesystem::with_disk(process.disk(), "/sim");
        process.plan(move |_, step| match step.op {
            Op::Link => Some(fault),
            Op::Stat | Op::Unlink => Some(Fault::Fail(Errno::IO)),
            _ => None,
        });
        let outcome = put(&store, "k", DATA);
        assert!(matches!(outcome, Put::Unknown(_)), "{outcome:?}");
        assert_eq!(disk.files().contains_key("k"), fault == Fault::After(Errno::IO));
    }
}

/// The link's answer is lost, and the temporary name will not go: a late request could still find it.
#[test]
fn an_absent_object_is_unknown_while_its_temporary_name_is_left() {
    let disk = SimDisk::new();
    let process = disk.process();
    let store = Filesystem::with_disk(process.disk(), "/sim");
    process.plan(|_, step| matches!(step.op, Op::Link | Op::Unlink).then_some(Fault::Fail(Errno::TIMEDOUT)));
    let outcome = put(&store, "k", DATA);
    assert!(matches!(outcome, Put::Unknown(_)), "{outcome:?}");
    assert_eq!(disk.temporaries().len(), 1);
}

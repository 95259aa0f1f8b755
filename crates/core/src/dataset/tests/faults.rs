//! A commit on a simulated disk: each operation fails in each way, the process dies at each, the power is cut
//! after each; and a sync that is left out is noticed.

use super::audit::audit_as;
use super::go::Go;
use super::*;
use crate::error::{Action, Status};
use crate::history::SlotKind;
use crate::options::Producer;
use crate::store::filesystem::Filesystem;
use crate::store::sim::{Errno, Fault, Op, SimDisk, SimProcess, Step};

pub(super) fn store_of(process: &SimProcess) -> Store {
    Store::new(Box::new(Filesystem::with_disk(process.disk(), "/sim")), StoreOptions::default())
}

/// What the process under test does, on a disk that `prepare` has made.
struct Scene {
    name: &'static str,
    layout: Layout,
    /// Makes what is there before; gives the ids that were acknowledged.
    prepare: fn(&SimDisk) -> Vec<String>,
    /// The call under test.
    act: fn(&Dataset) -> Result<Commit>,
}

impl Scene {
    fn open(&self, store: &Store) -> Dataset {
        open_as(store, self.layout)
    }

    /// Another's commit; where it needs a person's decision first, with that.
    fn commit(&self, store: &Store) -> Result<Commit> {
        let commit = || match self.layout {
            Layout::Hive => write_held(&self.open(store), &["{\"p\":\"a\"}", "{\"p\":\"b\"}"]),
            _ => write(&self.open(store), &["\"next\""]),
        };
        match commit() {
            Err(error) if error.status() == Status::NeedsRepair && self.name.contains("choice") => {
                choose(&self.open(store))?;
                commit()
            }
            ended => ended,
        }
    }

    /// Another's commit, which nothing disturbs.
    fn commit_by(&self, disk: &SimDisk) -> String {
        let commit = self.commit(&store_of(&disk.process())).expect("an undisturbed commit works");
        commit.snapshot.id().to_owned()
    }

    fn audit(&self, store: &Store, acknowledged: &[String]) -> std::result::Result<Vec<String>, String> {
        audit_as(store, self.layout, acknowledged)
    }
}

fn commit_by(disk: &SimDisk, texts: &[&str]) -> String {
    write(&open(&store_of(&disk.process())), texts)
        .expect("an undisturbed commit works")
        .snapshot
        .id()
        .to_owned()
}

fn partition(dataset: &Dataset) -> Result<Commit> {
    write_held(dataset, &["{\"p\":\"b\",\"n\":1}", "{\"p\":\"a\"}", "{\"p\":\"b\",\"n\":2}"])
}

fn hive_commit(disk: &SimDisk) -> Vec<String> {
    vec![partition(&open_as(&store_of(&disk.process()), Layout::Hive)).unwrap().snapshot.id().to_owned()]
}

/// A hive snapshot of which its writer has published one copy of the manifest, not both, and nothing else.
fn half_written(disk: &SimDisk) -> Vec<String> {
    let before = hive_commit(disk);
    let process = disk.process();
    // The links: of two data files, the slot, one copy.
    process.fault_on(Op::Link, 3, Fault::CrashAfter);
    let dataset = open_as(&store_of(&process), Layout::Hive);
    // Its answer was never received.
    let _ = partition(&dataset);
    assert!(process.is_dead());
    let copies = disk.files().into_keys().filter(|path| path.contains("/partitions/"));
    assert_eq!(copies.filter(|path| path.ends_with("manifest.json")).count(), 3, "two, and then one");
    before
}

fn pull(dataset: &Dataset) -> Result<Commit> {
    write(dataset, &["{\"pulled\":1}", "{\"pulled\":2}"])
}

fn push(dataset: &Dataset) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    writer.append(b"{\"pushed\":1}", None)?;
    writer.commit(Metadata::empty(), CommitOptions::default())
}

/// Stages a pushed part and a pulled one, and commits them, the latter as another process would.
fn commit_parts(dataset: &Dataset) -> Result<Commit> {
    let mut writer = dataset.record_writer(WriterOptions::default())?;
    writer.append(b"{\"staged\":1}", None)?;
    let pushed = writer.stage(&CallOptions::default())?;
    let pulled = dataset.stage_records(&mut records(&["2", "3"]), &CallOptions::default())?;
    let pulled = dataset.part_from_json(pulled.json())?;
    dataset.commit_parts(&[pulled, pushed], Metadata::empty(), CommitOptions::default())
}

fn produce(dataset: &Dataset) -> Result<Commit> {
    let producer = Some(Producer { id: "meter", sequence: 1, position: "here" });
    let options = CommitOptions { producer, ..CommitOptions::default() };
    dataset.stream_write_records(&mut records(&["1"]), Metadata::empty(), options)
}

fn pull_large(dataset: &Dataset) -> Result<Commit> {
    let metadata = Metadata::parse(&format!("{{\"note\":\"{}\"}}", "n".repeat((1 << 20) + 1)))?;
    dataset.stream_write_records(&mut records(&["1"]), metadata, CommitOptions::default())
}

fn pull_blob(dataset: &Dataset) -> Result<Commit> {
    let data = blobs::noise(600_000);
    let dataset = blobs::blobs(dataset.store());
    dataset.stream_write(&mut blobs::pieces(&data, 200_000), Metadata::empty(), CommitOptions::default())
}

fn push_blob(dataset: &Dataset) -> Result<Commit> {
    let mut writer = blobs::blobs(dataset.store()).blob_writer(BlobWriterOptions::default())?;
    writer.write(b"pushed")?;
    writer.commit(Metadata::empty(), CommitOptions::default())
}

/// A commit that its process decided but did not live to publish.
fn half_done(disk: &SimDisk) -> Vec<String> {
    let before = commit_by(disk, &["0"]);
    let process = disk.process();
    // The second link is the slot's.
    process.fault_on(Op::Link, 1, Fault::CrashAfter);
    assert!(pull(&open(&store_of(&process))).is_err() && process.is_dead());
    vec![before]
}

const G1: &str = "1700000000000000001";
const G2: &str = "1700000000000000002";
const G3: &str = "1700000000000000003";
const FAR: &str = "9000000000000000001";

/// What the Go library has written, and synced.
fn by(disk: &SimDisk, write: impl FnOnce(&Store, &Go<'_>)) {
    let store = store_of(&disk.process());
    write(&store, &Go(&store));
    for (path, bytes) in disk.files() {
        disk.plant(&path, &bytes);
    }
}

fn by_go(disk: &SimDisk) -> Vec<String> {
    by(disk, |_, go| {
        go.commit(G1, None);
        go.commit(G2, Some(G1));
    });
    Vec::new()
}

/// One of ours, and the Go library's on top of it.
fn by_both(disk: &SimDisk) -> Vec<String> {
    let before = commit_by(disk, &["0"]);
    by(disk, |_, go| go.commit(FAR, Some(&before)));
    vec![before]
}

fn hive_by_go(disk: &SimDisk) -> Vec<String> {
    by(disk, |store, _| {
        neighbour::hive_commit(store, G1, None, &["p=a"], true);
        neighbour::hive_commit(store, G2, Some(G1), &["p=a", "p=b"], false);
    });
    Vec::new()
}

/// A pointer that a Go writer left dangling long ago.
fn dangling(disk: &SimDisk) -> Vec<String> {
    by_go(disk);
    by(disk, |_, go| go.point(G3));
    disk.pass(crate::commit::go_compat::PATIENCE);
    Vec::new()
}

/// A fork of Go writers.
fn forked(disk: &SimDisk) -> Vec<String> {
    by_go(disk);
    by(disk, |_, go| go.commit(G3, Some(G1)));
    Vec::new()
}

/// A Go writer has built beside a snapshot of ours, and is ahead.
fn beside(disk: &SimDisk) -> Vec<String> {
    let before = vec![commit_by(disk, &["0"]), commit_by(disk, &["1"])];
    by(disk, |_, go| go.commit(FAR, Some(&before[0])));
    before
}

/// A person's decision: for the newest of ours, or else for the middle one of the Go library's.
fn choose(dataset: &Dataset) -> Result<Commit> {
    let ids = dataset.history(Context::unlimited()).listed_ids()?;
    let ours = ids.iter().filter(|id| id.contains('-')).max();
    let snapshot = dataset.adopt(ours.map_or(G2, |id| id), &CallOptions::default())?;
    Ok(Commit { outcome: Outcome::Committed, snapshot })
}

const SCENES: &[Scene] = &[
    Scene { name: "the first commit", layout: Layout::Default, prepare: |_| Vec::new(), act: pull },
    Scene { name: "a commit on top of Go snapshots", layout: Layout::Default, prepare: by_go, act: pull },
    Scene { name: "a commit on top of Go's", layout: Layout::Default, prepare: by_both, act: pull },
    Scene {
        name: "a commit on top of a dangling pointer",
        layout: Layout::Default,
        prepare: dangling,
        act: pull,
    },
    Scene { name: "a choice between Go heads", layout: Layout::Default, prepare: forked, act: choose },
    Scene {
        name: "a choice of ours, a Go head beside it",
        layout: Layout::Default,
        prepare: beside,
        act: choose,
    },
    Scene {
        name: "a hive commit on top of Go snapshots",
        layout: Layout::Hive,
        prepare: hive_by_go,
        act: partition,
    },
    Scene {
        name: "a later commit, pulled",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: pull,
    },
    Scene {
        name: "a producer's commit",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: produce,
    },
    Scene {
        name: "a later commit, pushed",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: push,
    },
    Scene { name: "a commit after a dead writer's", layout: Layout::Default, prepare: half_done, act: pull },
    Scene {
        name: "a blob, pulled",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: pull_blob,
    },
    Scene { name: "a first blob, pushed", layout: Layout::Default, prepare: |_| Vec::new(), act: push_blob },
    Scene {
        name: "a commit with a large manifest",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: pull_large,
    },
    Scene { name: "the first hive commit", layout: Layout::Hive, prepare: |_| Vec::new(), act: partition },
    Scene { name: "a later hive commit", layout: Layout::Hive, prepare: hive_commit, act: partition },
    Scene {
        name: "a hive commit after a dead writer's half-written one",
        layout: Layout::Hive,
        prepare: half_written,
        act: partition,
    },
    Scene { name: "a flat commit", layout: Layout::Flat, prepare: |_| Vec::new(), act: pull },
    Scene {
        name: "a first commit of parts",
        layout: Layout::Default,
        prepare: |_| Vec::new(),
        act: commit_parts,
    },
    Scene {
        name: "a later commit of parts",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: commit_parts,
    },
    Scene {
        name: "a first commit divided into files",
        layout: Layout::Default,
        prepare: |_| Vec::new(),
        act: super::dividing::push_divided,
    },
    #[cfg(feature = "parquet")]
    Scene {
        name: "columns, pulled",
        layout: Layout::Default,
        prepare: |disk| vec![commit_by(disk, &["0"])],
        act: super::parquet::pull_columns,
    },
    #[cfg(feature = "parquet")]
    Scene {
        name: "the first commit, of columns pushed as Arrow",
        layout: Layout::Default,
        prepare: |_| Vec::new(),
        act: super::parquet::push_columns,
    },
];

/// How many operations the scene takes undisturbed.
fn operations(scene: &Scene) -> usize {
    let disk = SimDisk::new();
    (scene.prepare)(&disk);
    let process = disk.process();
    (scene.act)(&scene.open(&store_of(&process))).expect("undisturbed it works");
    process.operations()
}

#[test]
fn whatever_operation_fails_a_commit_ends_as_committed_or_as_a_clear_error() {
    let errnos = [
        Errno::NOSPC,
        Errno::IO,
        Errno::DQUOT,
        Errno::MFILE,
        Errno::ROFS,
        Errno::INTR,
        Errno::ACCESS,
        Errno::NOMEM,
    ];
    let faults: Vec<Fault> = errnos
        .iter()
        .map(|errno| Fault::Fail(*errno))
        .chain([Fault::After(Errno::IO), Fault::After(Errno::INTR), Fault::Short(1)])
        .collect();
    for scene in SCENES {
        let count = operations(scene);
        assert!(count > 30, "{}: {count} operations", scene.name);
        for number in 0..count {
            for fault in &faults {
                let disk = SimDisk::new();
                let mut acknowledged = (scene.prepare)(&disk);
                let left_before = disk.temporaries();
                let process = disk.process();
                process.fault_at(number, *fault);
                let result = (scene.act)(&scene.open(&store_of(&process)));
                let step = process.trace().get(number).cloned();
                if *fault == Fault::After(Errno::INTR)
                    && step.as_ref().is_some_and(|step| step.op == Op::Write)
                {
                    // An interrupted write has written nothing: the system would have told how much.
                    continue;
                }
                let what = format!("{}: {fault:?} at operation {number}, {step:?}", scene.name);
                process.heal();
                assert_eq!(disk.temporaries(), left_before, "{what}: a temporary file is left");
                let after = store_of(&disk.process());
                let path =
                    scene.audit(&after, &acknowledged).unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
                let known = acknowledged.len() + usize::from(scene.name.contains("dead"));
                match &result {
                    Ok(commit) => acknowledged.push(commit.snapshot.id().to_owned()),
                    Err(error) if error.status() == Status::CommitUnknown => {
                        assert_eq!(error.action(), Action::Resolve, "{what}");
                        let id = error.snapshot_id().expect("it names the snapshot").to_owned();
                        // Another process can resolve it.
                        let settled = scene.open(&after).resolve_commit(&id, &CallOptions::default());
                        match settled {
                            Ok(Resolution::Committed(snapshot)) => {
                                acknowledged.push(snapshot.id().to_owned())
                            }
                            Ok(Resolution::NotCommitted) => {}
                            Err(error) => assert!(known == 0, "{what}: {error}"),
                        }
                    }
                    Err(error) => {
                        let clear = [Status::Io, Status::NoSpace, Status::NoMemory, Status::NotFound];
                        assert!(clear.contains(&error.status()), "{what}: {error:?}");
                        assert!(error.message().contains("events"), "{what}: {error}");
                        // What the Go library wrote may be adopted by then, and repeated by a noop.
                        let dataset = scene.open(&after);
                        let repeats = |id: &str| {
                            let namer = dataset
                                .history(Context::unlimited())
                                .slot_naming(id)
                                .expect("the slots can be read");
                            namer.is_some_and(|decision| decision.slot.kind == SlotKind::Noop)
                        };
                        let ours = path.iter().filter(|id| id.contains('-') && !repeats(id)).count();
                        assert!(ours <= known, "{what}: said to have failed, but committed: {error}");
                        assert!(error.errno().is_some(), "{what}: {error:?} has no errno");
                    }
                }
                let next = scene.commit(&after).unwrap_or_else(|error| panic!("{what}: then {error}"));
                assert_eq!(next.outcome, Outcome::Committed, "{what}");
                acknowledged.push(next.snapshot.id().to_owned());
                let path =
                    scene.audit(&after, &acknowledged).unwrap_or_else(|wrong| panic!("{what}: then {wrong}"));
                assert_eq!(path.last(), acknowledged.last(), "{what}");
                assert_eq!(
                    scene.open(&after).latest(&CallOptions::default()).expect("readable").id(),
                    next.snapshot.id()
                );
            }
        }
    }
}

#[test]
fn a_process_that_dies_at_any_operation_holds_up_no_other() {
    for scene in SCENES {
        for number in 0..operations(scene) {
            for fault in [Fault::Crash, Fault::CrashAfter] {
                let disk = SimDisk::new();
                let mut acknowledged = (scene.prepare)(&disk);
                let process = disk.process();
                process.fault_at(number, fault);
                if let Ok(commit) = (scene.act)(&scene.open(&store_of(&process))) {
                    acknowledged.push(commit.snapshot.id().to_owned());
                }
                process.kill();
                let what = format!("{}: {fault:?} at operation {number}", scene.name);
                acknowledged.push(scene.commit_by(&disk));
                let after = store_of(&disk.process());
                let path =
                    scene.audit(&after, &acknowledged).unwrap_or_else(|wrong| panic!("{what}: {wrong}"));
                assert_eq!(path.last(), acknowledged.last(), "{what}");
            }
        }
    }
}

/// All states that a power cut may leave, of which at most so many; in each, nothing acknowledged is lost and
/// the next commit works.
fn survives(
    scene: &Scene,
    disk: &SimDisk,
    acknowledged: &[String],
    limit: usize,
) -> std::result::Result<(), String> {
    let mut wrong = Ok(());
    disk.for_each_loss(limit, |after| {
        if wrong.is_err() {
            return;
        }
        let store = store_of(&after.process());
        wrong = scene.audit(&store, acknowledged).and_then(|_| {
            let next = scene.commit(&store).map_err(|error| format!("then {error:?}"))?;
            let mut acknowledged = acknowledged.to_vec();
            acknowledged.push(next.snapshot.id().to_owned());
            scene.audit(&store, &acknowledged).map(|_| ())
        });
    });
    wrong
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_that_was_acknowledged() {
    for scene in SCENES {
        for number in 0..=operations(scene) {
            let disk = SimDisk::new();
            let mut acknowledged = (scene.prepare)(&disk);
            let process = disk.process();
            process.fault_at(number, Fault::Crash);
            if let Ok(commit) = (scene.act)(&scene.open(&store_of(&process))) {
                acknowledged.push(commit.snapshot.id().to_owned());
            }
            let lost = survives(scene, &disk, &acknowledged, 40);
            assert!(
                lost.is_ok(),
                "{}: power cut before operation {number}: {}",
                scene.name,
                lost.unwrap_err()
            );
            // The process only died, another commits on what it left, and then the power is cut.
            process.kill();
            acknowledged.push(scene.commit_by(&disk));
            let lost = survives(scene, &disk, &acknowledged, 20);
            assert!(
                lost.is_ok(),
                "{}: died before operation {number}, then a commit, then a power cut: {}",
                scene.name,
                lost.unwrap_err()
            );
        }
    }
}

/// The syncs of a commit on a fresh dataset, with whether leaving one out is noticed after a power cut.
fn noticed_syncs(scene: &Scene) -> Vec<(Step, bool)> {
    let mut syncs = Vec::new();
    let disk = SimDisk::new();
    let process = disk.process();
    (scene.act)(&scene.open(&store_of(&process))).expect("it works");
    for (number, step) in process.trace().iter().enumerate() {
        if matches!(step.op, Op::SyncDir | Op::SyncFile) {
            syncs.push((number, step.clone()));
        }
    }
    let mut noticed = Vec::new();
    for (number, step) in &syncs {
        let disk = SimDisk::new();
        let process = disk.process();
        process.fault_at(*number, Fault::Skip);
        let commit = (scene.act)(&scene.open(&store_of(&process))).expect("it is told that all went well");
        let acknowledged = [commit.snapshot.id().to_owned()];
        let lost = survives(scene, &disk, &acknowledged, 2_000).is_err();
        println!("{:?} {}: {}", step.op, step.path, if lost { "noticed" } else { "not noticed" });
        noticed.push((step.clone(), lost));
    }
    noticed
}

#[test]
fn a_sync_of_a_partition_that_is_left_out_is_noticed() {
    let scene = SCENES.iter().find(|scene| scene.name == "the first hive commit").expect("it is there");
    let noticed = noticed_syncs(scene);
    for (what, op, holds) in [
        ("the sync of a partition's data file", Op::SyncFile, ["/partitions/", "/data/"]),
        ("the sync of a partition's copy of the manifest", Op::SyncFile, ["/partitions/", "/segments/"]),
        ("the sync of a copy's directory", Op::SyncDir, ["/partitions/p=a/", "/segments/"]),
        ("the sync of a partition's directory", Op::SyncDir, ["/partitions", ""]),
    ] {
        let found = noticed.iter().any(|(step, lost)| {
            let right = holds.iter().all(|part| step.path.contains(part));
            *lost && step.op == op && right && (what.contains("data file") || !step.path.contains("/data"))
        });
        assert!(found, "{what} can be left out unnoticed: {noticed:#?}");
    }
}

#[test]
fn a_sync_that_is_left_out_is_noticed() {
    let noticed = noticed_syncs(&SCENES[0]);
    let is_noticed = |what: &str, op: Op, end: &str| {
        let found = noticed.iter().any(|(step, lost)| {
            *lost && step.op == op && step.path.replace(char::is_numeric, "").ends_with(end)
        });
        assert!(found, "{what} can be left out unnoticed: {noticed:#?}");
    };
    is_noticed("the sync of the slot's directory", Op::SyncDir, "_commits");
    for (what, op, part) in [
        ("the sync of the data file", Op::SyncFile, "data/"),
        ("the sync of the slot", Op::SyncFile, "_commits/"),
        ("the sync of the data file's directory", Op::SyncDir, "/data"),
        ("the sync of the directory of snapshots", Op::SyncDir, "/snapshots"),
        ("the sync of the directory of datasets", Op::SyncDir, "datasets"),
    ] {
        let found = noticed.iter().any(|(step, lost)| *lost && step.op == op && step.path.contains(part));
        assert!(found, "{what} can be left out unnoticed: {noticed:#?}");
    }
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_no_record() {
    let texts: Vec<String> =
        (0..40_000).map(|number| format!("{{\"number\":{number},\"pad\":\"{:>40}\"}}", "")).collect();
    for compressor in [Compressor::None, Compressor::Gzip, Compressor::Zstd] {
        // Without compression the third write; else the first, which comes with the last flush.
        for (op, number, fault) in [
            (Op::Write, 2, Fault::Fail(Errno::NOSPC)),
            (Op::Write, 0, Fault::Fail(Errno::NOSPC)),
            (Op::Link, 0, Fault::Fail(Errno::NOSPC)),
            (Op::Link, 0, Fault::Fail(Errno::DQUOT)),
            (Op::Link, 1, Fault::Fail(Errno::NOSPC)),
        ] {
            let disk = SimDisk::new();
            let process = disk.process();
            let store = store_of(&process);
            let dataset =
                Dataset::open(&store, "events", DatasetOptions { compressor, ..options() }).unwrap();
            let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
            let mut full = 0;
            process.fault_on(op, number, fault);
            for text in &texts {
                while let Err(error) = writer.append(text.as_bytes(), None) {
                    assert_eq!(error.status(), Status::NoSpace, "{error}");
                    full += 1;
                }
            }
            let what = format!("{compressor:?} {op:?} {number}");
            let commit = loop {
                match writer.commit(Metadata::empty(), CommitOptions::default()) {
                    Ok(commit) => break commit,
                    Err(error) => assert_eq!(error.status(), Status::NoSpace, "{error}"),
                }
                full += 1;
                if op == Op::Link {
                    let error = writer.append(b"1", None).unwrap_err();
                    assert_eq!(error.status(), Status::State, "{what}: {error}");
                    assert!(error.message().contains("closed since the commit was tried"), "{error}");
                }
            };
            assert!(full == 1 || (op, number) == (Op::Write, 2) && full == 0, "{what}: {full}");
            assert_eq!(commit.snapshot.manifest().row_count, texts.len() as u64, "{what}");
            assert!(read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap() == texts, "{what}");
            assert_eq!(disk.temporaries(), [""; 0], "{what}");
        }
    }
}

#[test]
fn a_write_that_was_cut_short_by_a_full_disk_goes_on_where_it_was() {
    let disk = SimDisk::new();
    let process = disk.process();
    let dataset = open(&store_of(&process));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    let text = format!("\"{}\"", "x".repeat(300_000));
    writer.append(text.as_bytes(), None).unwrap();
    let mut writes = 0;
    process.plan(move |_, step| {
        writes += usize::from(step.op == Op::Write);
        match (step.op, writes) {
            (Op::Write, 1) => Some(Fault::Short(1_000)),
            (Op::Write, 2) => Some(Fault::Fail(Errno::NOSPC)),
            _ => None,
        }
    });
    assert_eq!(writer.append(b"2", None).unwrap_err().status(), Status::NoSpace);
    writer.append(b"2", None).unwrap();
    let commit = writer.commit(Metadata::empty(), CommitOptions::default()).unwrap();
    assert!(read_all(&dataset, &commit.snapshot, ReadOptions::default()).unwrap() == [&*text, "2"]);
}

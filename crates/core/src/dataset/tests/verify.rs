//! Verification finds each kind of damage where it is, tells of it once, and changes nothing.

use super::damage::{history_of_go, history_of_ours, mixed_history};
use super::vanished::{copy, restore};
use super::*;
use crate::context::{CancelToken, Progress, ProgressListener};
use crate::error::Status;
use crate::store::Durability;
use crate::upkeep::{Finding, FindingKind, Level, Verification};

/// Verifies; gives the findings, too.
pub(super) fn verify_as(store: &Store, layout: Layout, level: Level) -> Result<(Verification, Vec<Finding>)> {
    let mut findings = Vec::new();
    let verification = open_as(store, layout).verify(level, &CallOptions::default(), &mut |finding| {
        findings.push(finding.clone());
        true
    })?;
    assert_eq!(verification.findings, findings.len() as u64);
    assert_eq!(verification.first.as_ref(), findings.first());
    Ok((verification, findings))
}

pub(super) fn verify(store: &Store, level: Level) -> (Verification, Vec<Finding>) {
    verify_as(store, Layout::Default, level).expect("the call goes through")
}

/// Kind and path of each finding.
fn told(findings: &[Finding]) -> Vec<(FindingKind, &str)> {
    findings.iter().map(|finding| (finding.kind, &*finding.path)).collect()
}

fn replace(store: &Store, key: &str, bytes: &[u8]) {
    store.backend().delete(Context::unlimited(), key).unwrap();
    let put = store.backend().put_if_absent(Context::unlimited(), key, bytes, Durability::Process);
    assert!(matches!(put, crate::store::Put::Done), "{put:?}");
}

fn stored(store: &Store, key: &str) -> Vec<u8> {
    store.backend().get(Context::unlimited(), key, 1 << 30).unwrap().expect("it is there")
}

#[test]
fn a_whole_history_has_no_findings_at_any_level() {
    for build in [history_of_ours as fn(&Store), history_of_go, mixed_history] {
        let store = memory();
        build(&store);
        let before = copy(&store);
        for level in [Level::Structure, Level::Sizes, Level::Checksums, Level::Records] {
            let (verification, findings) = verify(&store, level);
            assert_eq!(findings, []);
            verification.verdict().unwrap();
            assert!(verification.snapshots >= 3 && verification.unpublished.is_none());
            assert_eq!(verification.files > 0, level > Level::Structure);
            assert_eq!(verification.bytes > 0, level > Level::Sizes);
        }
        assert_eq!(copy(&store), before, "nothing is written");
    }
}

#[test]
fn every_format_of_data_files_and_every_layout_is_verified() {
    for (compressor, checksum) in formats() {
        for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
            let store = memory();
            let partition_keys = if layout == Layout::Hive { vec!["p".to_owned()] } else { Vec::new() };
            let options = DatasetOptions { layout, partition_keys, compressor, checksum, ..options() };
            let dataset = Dataset::open(&store, "events", options).unwrap();
            for _ in 0..2 {
                write_held(&dataset, &["{\"p\":1}", "{\"p\":2}"]).unwrap();
            }
            let (verification, findings) = verify_as(&store, layout, Level::Records).unwrap();
            assert_eq!(findings, [], "{compressor:?} {checksum:?} {layout:?}");
            let files = if layout == Layout::Hive { 4 } else { 2 };
            assert_eq!((verification.snapshots, verification.files), (2, files));
        }
    }
}

#[test]
fn a_blob_is_verified() {
    let store = memory();
    let blobs = Dataset::open(&store, "events", DatasetOptions { codec: Codec::None, ..options() }).unwrap();
    let blob = blobs.write_blob(b"bytes", Metadata::empty(), CommitOptions::default()).unwrap().snapshot;
    assert_eq!(verify(&store, Level::Records).1, []);
    let path = &blob.manifest().files[0].path;
    replace(&store, path, b"bytez");
    assert_eq!(told(&verify(&store, Level::Sizes).1), []);
    for level in [Level::Checksums, Level::Records] {
        assert_eq!(told(&verify(&store, level).1), [(FindingKind::FileChecksum, &**path)]);
    }
}

#[test]
fn damaged_data_files_are_found_at_the_level_that_reads_them() {
    let build = |checksum| {
        let store = memory();
        let dataset = Dataset::open(&store, "events", DatasetOptions { checksum, ..options() }).unwrap();
        let snapshot = write(&dataset, &["1", "2", "3"]).unwrap().snapshot;
        let path = snapshot.manifest().files[0].path.clone();
        let manifest = dataset.options().layout.manifest_path("events", snapshot.id());
        (store, path, manifest)
    };
    // What is done to the file, the first level that finds it, and as what.
    type Case<'a> = (&'a str, Checksum, Option<&'a [u8]>, Level, FindingKind);
    let cases: [Case<'_>; 6] = [
        ("it is missing", Checksum::Xxh3, None, Level::Sizes, FindingKind::FileMissing),
        ("it is cut short", Checksum::Xxh3, Some(b"1\n2\n"), Level::Sizes, FindingKind::FileSize),
        (
            "a byte is another",
            Checksum::Xxh3,
            Some(b"1\n2\n4\n"),
            Level::Checksums,
            FindingKind::FileChecksum,
        ),
        ("it is no text", Checksum::Xxh3, Some(b"1\n2\n\xff\n"), Level::Checksums, FindingKind::FileChecksum),
        ("a record is missing", Checksum::None, Some(b"1\n2 2\n"), Level::Records, FindingKind::FileRecords),
        ("there is one more", Checksum::None, Some(b"1\n2\n3\n\n"), Level::Sizes, FindingKind::FileSize),
    ];
    for (what, checksum, bytes, first, kind) in cases {
        let (store, path, _) = build(checksum);
        match bytes {
            Some(bytes) => replace(&store, &path, bytes),
            None => store.backend().delete(Context::unlimited(), &path).unwrap(),
        }
        for level in [Level::Structure, Level::Sizes, Level::Checksums, Level::Records] {
            let (verification, findings) = verify(&store, level);
            if level < first {
                assert_eq!(told(&findings), [], "{what} at {level:?}");
                continue;
            }
            assert_eq!(told(&findings), [(kind, &*path)], "{what} at {level:?}: {findings:?}");
            let error = verification.verdict().unwrap_err();
            assert_eq!((error.status(), error.path()), (Status::Corrupt, Some(&*path)));
            assert!(error.message().starts_with("1 findings, the first at"), "{error}");
        }
    }
}

#[test]
fn damage_to_the_history_is_found_at_every_level_where_it_is() {
    let original = memory();
    let written: Vec<_> = (0..3).map(|_| write(&open(&original), &["1"]).unwrap().snapshot).collect();
    let ids: Vec<&str> = written.iter().map(Snapshot::id).collect();
    let whole = copy(&original);
    let manifest = |n: usize| Layout::Default.manifest_path("events", ids[n]);
    let slot = |n: Option<usize>| Layout::Default.slot_path("events", n.map_or("root", |n| ids[n]));
    let latest = Layout::Default.latest_path("events");
    let other = || stored(&original, &manifest(0));
    use FindingKind as Kind;
    type Case = (&'static str, String, Option<Vec<u8>>, Vec<(FindingKind, String)>);
    let cases: Vec<Case> = vec![
        ("manifest lost", manifest(1), None, vec![(Kind::ManifestMissing, manifest(1))]),
        ("manifest replaced", manifest(1), Some(b"{}".to_vec()), vec![(Kind::ManifestInvalid, manifest(1))]),
        ("manifest of another", manifest(1), Some(other()), vec![(Kind::ManifestInvalid, manifest(1))]),
        ("pointer lost", latest.clone(), None, vec![(Kind::PointerMissing, latest.clone())]),
        ("pointer astray", latest.clone(), Some(b"17".to_vec()), vec![(Kind::PointerWrong, latest.clone())]),
        ("pointer no text", latest.clone(), Some(vec![0xff]), vec![(Kind::PointerWrong, latest.clone())]),
        (
            "last slot lost",
            slot(Some(1)),
            None,
            vec![(Kind::ManifestOffPath, manifest(2)), (Kind::PointerWrong, latest.clone())],
        ),
        (
            "first slot broken",
            slot(None),
            Some(b"no slot".to_vec()),
            vec![
                (Kind::SlotInvalid, slot(None)),
                (Kind::ManifestOffPath, manifest(0)),
                (Kind::ManifestOffPath, manifest(1)),
                (Kind::ManifestOffPath, manifest(2)),
                (Kind::SlotOffPath, slot(Some(0))),
                (Kind::SlotOffPath, slot(Some(1))),
                (Kind::PointerWrong, latest.clone()),
            ],
        ),
        (
            "a newer version's slot",
            slot(Some(1)),
            Some(b"{\"lode_slot\":2}\n".to_vec()),
            vec![
                (Kind::Unsupported, slot(Some(1))),
                (Kind::ManifestOffPath, manifest(2)),
                (Kind::PointerWrong, latest.clone()),
            ],
        ),
    ];
    for (what, key, bytes, expected) in cases {
        let store = memory();
        restore(&store, &whole);
        match &bytes {
            Some(bytes) => replace(&store, &key, bytes),
            None => store.backend().delete(Context::unlimited(), &key).unwrap(),
        }
        for level in [Level::Structure, Level::Records] {
            let (_, findings) = verify(&store, level);
            let mut found = told(&findings);
            found.sort_by_key(|(kind, path)| (*kind as i32, *path));
            let mut expected: Vec<_> = expected.iter().map(|(kind, path)| (*kind, &**path)).collect();
            expected.sort_by_key(|(kind, path)| (*kind as i32, *path));
            assert_eq!(found, expected, "{what} at {level:?}: {findings:?}");
        }
    }
}

#[test]
fn a_decided_snapshot_that_is_not_published_yet_is_no_finding() {
    let store = memory();
    let first = write(&open(&store), &["1"]).unwrap().snapshot;
    let second = write(&open(&store), &["2"]).unwrap().snapshot;
    let manifest = Layout::Default.manifest_path("events", second.id());
    store.backend().delete(Context::unlimited(), &manifest).unwrap();
    replace(&store, &Layout::Default.latest_path("events"), first.id().as_bytes());
    let (verification, findings) = verify(&store, Level::Records);
    assert_eq!(findings, []);
    assert_eq!(verification.unpublished.as_deref(), Some(second.id()));
}

#[test]
fn a_fork_of_go_writers_is_found() {
    let store = memory();
    history_of_go(&store);
    super::go::Go(&store).commit("1700000000000000009", Some("1700000000000000001"));
    let (_, findings) = verify(&store, Level::Structure);
    let fork = Layout::Default.manifest_path("events", "1700000000000000009");
    assert_eq!(told(&findings), [(FindingKind::Fork, &*fork)]);
}

#[test]
fn copies_in_partitions_are_verified() {
    let original = memory();
    let dataset = open_as(&original, Layout::Hive);
    let snapshot = write_held(&dataset, &["{\"p\":1}", "{\"p\":2}"]).unwrap().snapshot;
    let whole = copy(&original);
    let of = |partition| Layout::Hive.partition_manifest_path("events", partition, snapshot.id());
    let stray = Layout::Hive.partition_manifest_path("events", "p=1", "1700000000000000000-0123456789abcdef");
    let cases = [
        (of("p=1"), None, FindingKind::CopyMissing),
        (of("p=2"), Some(b"{}"), FindingKind::CopyDiffers),
        (stray, Some(b"{}"), FindingKind::CopyOffPath),
    ];
    for (key, bytes, kind) in cases {
        let store = memory();
        restore(&store, &whole);
        store.backend().delete(Context::unlimited(), &key).unwrap();
        if let Some(bytes) = bytes {
            replace(&store, &key, bytes);
        }
        let (_, findings) = verify_as(&store, Layout::Hive, Level::Records).unwrap();
        assert_eq!(told(&findings), [(kind, &*key)]);
    }
}

#[test]
fn what_is_not_there_is_an_error_and_no_finding() {
    let store = memory();
    let error = verify_as(&store, Layout::Default, Level::Structure).unwrap_err();
    assert_eq!(error.status(), Status::NoSnapshots);
    write_held(&open_as(&store, Layout::Hive), &["{\"p\":1}"]).unwrap();
    let error = verify_as(&store, Layout::Default, Level::Structure).unwrap_err();
    assert_eq!(error.status(), Status::LayoutMismatch);
}

#[test]
fn deadline_token_progress_and_callback_end_a_verification() {
    let store = memory();
    history_of_ours(&store);
    let dataset = open(&store);
    let verify = |options: CallOptions| dataset.verify(Level::Records, &options, &mut |_| true);
    let over = CallOptions { deadline: Some(std::time::Duration::ZERO), ..CallOptions::default() };
    assert_eq!(verify(over).unwrap_err().status(), Status::Deadline);
    let token = CancelToken::new();
    token.cancel();
    let cancelled = CallOptions { cancel: Some(token), ..CallOptions::default() };
    assert_eq!(verify(cancelled).unwrap_err().status(), Status::Cancelled);
    let listener = ProgressListener::new(|progress: Progress| progress.bytes_in == 0);
    let stopped = CallOptions { progress: Some(listener), ..CallOptions::default() };
    assert_eq!(verify(stopped).unwrap_err().status(), Status::Aborted, "it tells of the bytes it has read");
    for (key, _) in copy(&store).iter().filter(|(key, _)| key.ends_with("/data")) {
        store.backend().delete(Context::unlimited(), key).unwrap();
    }
    let mut told = 0;
    let error = dataset.verify(Level::Sizes, &CallOptions::default(), &mut |_| {
        told += 1;
        false
    });
    assert_eq!((error.unwrap_err().status(), told), (Status::Aborted, 1));
}

//! Clean-up of a bucket while writers are at work: what dead ones left is removed, what is young, named or
//! another program's stays. A proxy shows as years old what a test calls old, since ages are the service's to
//! tell.

use lode_core::Status;
use lode_core::context::{CallOptions, Context};
use lode_core::dataset::{Dataset, WriterOptions};
use lode_core::layout::Layout;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Durability, Store};
use lode_core::upkeep::{CollectOptions, Collection, GarbageKind, Level};

use crate::commits::{append, open, records};
use crate::tap::Tap;
use crate::{azure, gcs, servers};

const OLD: &str = "1700000000000000000-0123456789abcdef";
const YOUNG: &str = "1700000000000000001-0123456789abcdef";
const NONCE: &str = "00112233445566778899aabbccddeeff";

/// A bucket by two ways: one through a proxy, and a plain one.
struct Place {
    tap: Tap,
    through: Store,
    plain: Store,
    /// Whether unfinished uploads are listed.
    has_uploads: bool,
}

fn on_minio() -> Option<Place> {
    let server = servers::minio()?;
    let (tap, prefix) = (Tap::before(server.address()), servers::fresh_prefix());
    let more = r#""part_bytes": 5242880"#;
    let through = servers::s3_store(&tap.url(), &prefix, more);
    Some(Place { through, plain: servers::s3_store(&server.url(), &prefix, more), tap, has_uploads: true })
}

fn on_the_fake_gcs() -> Place {
    let server = gcs::server();
    let tap = Tap::before(server.address.to_string());
    let more = r#", "part_bytes": 5242880"#;
    let through = gcs::store(&tap.url(), more);
    Place { through, plain: gcs::store(&server.url(), more), tap, has_uploads: true }
}

fn on_azurite() -> Option<Place> {
    let server = servers::azurite()?;
    let (tap, prefix) = (Tap::before(server.address()), servers::fresh_prefix());
    let through = azure::store(&tap.url(), &prefix);
    Some(Place { through, plain: azure::store(&server.url(), &prefix), tap, has_uploads: false })
}

fn keys(store: &Store) -> Vec<String> {
    let mut keys = store.list("", &CallOptions::default()).unwrap();
    std::iter::from_fn(|| keys.next().unwrap()).collect()
}

/// What a clean-up came to, and what it told of, in order.
fn collect(dataset: &Dataset, dry_run: bool) -> (Collection, Vec<(GarbageKind, String)>) {
    let mut told = Vec::new();
    let options = CollectOptions { dry_run, ..CollectOptions::default() };
    let collection = dataset.collect(&options, &mut |garbage| {
        told.push((garbage.kind, garbage.path.to_owned()));
        true
    });
    told.sort_by(|one, other| one.1.cmp(&other.1));
    (collection.unwrap(), told)
}

/// Begins an upload in parts, and lets it lie, as a process does that dies.
fn abandon_upload(store: &Store, key: &str) {
    let context = Context::unlimited();
    let mut upload = store.backend().upload(context, key, Durability::Full).unwrap();
    upload.write(context, &vec![7; 11 << 20]).unwrap();
}

fn what_is_left_is_removed(place: &Place) {
    let none = CallOptions::default();
    let events = open(&place.plain, "events", Layout::Default);
    let first = append(&events, r#"{"n":1}"#, CommitOptions::default()).unwrap().snapshot;
    append(&events, r#"{"n":2}"#, CommitOptions::default()).unwrap();
    let base = "datasets/events";
    let garbage = [
        (GarbageKind::Payload, format!("{base}/_commits/{OLD}-{NONCE}.payload")),
        (GarbageKind::Probe, format!("{base}/_commits/.probe-{NONCE}")),
        (GarbageKind::DataFile, format!("{base}/snapshots/{OLD}/data/data")),
    ];
    for (_, key) in &garbage {
        place.plain.put(key, b"left", &none).unwrap();
    }
    let others = [
        format!("{base}/snapshots/{OLD}/notes.txt"),
        format!("{base}/snapshots/{YOUNG}/data/data"),
        format!("datasets/events2/snapshots/{OLD}/data/data"),
    ];
    for key in &others {
        place.plain.put(key, b"stays", &none).unwrap();
    }
    let unfinished = format!("{base}/snapshots/{OLD}/data/unfinished");
    for key in
        [&unfinished, &format!("{base}/notes-{OLD}"), &format!("{base}/snapshots/{YOUNG}/data/unfinished")]
    {
        abandon_upload(&place.plain, key);
    }
    // What is named is old, too.
    place.tap.show_as_old(&[OLD, NONCE, first.id()]);
    let before = keys(&place.plain);

    let swept = open(&place.through, "events", Layout::Default);
    let mut expected = garbage.to_vec();
    if place.has_uploads {
        expected.push((GarbageKind::Upload, unfinished.clone()));
    }
    expected.sort_by(|one, other| one.1.cmp(&other.1));
    let (collection, told) = collect(&swept, true);
    assert_eq!(told, expected, "a dry run");
    assert_eq!((collection.objects, collection.bytes), (expected.len() as u64, 12));
    assert_eq!(keys(&place.plain), before, "a dry run removes nothing");
    let (again, told) = collect(&swept, false);
    assert_eq!((again, &told), (collection, &expected));
    let left: Vec<String> =
        before.into_iter().filter(|key| !garbage.iter().any(|(_, removed)| removed == key)).collect();
    assert_eq!(keys(&place.plain), left);
    let (nothing, _) = collect(&swept, false);
    assert_eq!(nothing, Collection::default(), "the second time nothing is left");
    assert_eq!(records(&events, &first), [r#"{"n":1}"#]);

    // An upload that was given up cannot go on, and the young one can.
    if place.has_uploads {
        let mut found = Vec::new();
        let context = Context::unlimited();
        place
            .plain
            .backend()
            .list_uploads(context, "datasets/events/", &mut |upload| {
                found.push(upload.key.to_owned());
                true
            })
            .unwrap();
        found.sort();
        assert_eq!(
            found,
            [format!("{base}/notes-{OLD}"), format!("{base}/snapshots/{YOUNG}/data/unfinished")]
        );
    }
}

/// Whichever request of a clean-up another writer commits before: what it committed is whole, staged before
/// the clean-up began or after.
fn a_commit_may_come_at_any_moment(place: &Place) {
    place.tap.show_as_old(&[OLD]);
    for moment in 0.. {
        let id = format!("race{moment}");
        let theirs = open(&place.plain, &id, Layout::Default);
        append(&theirs, r#"{"n":0}"#, CommitOptions::default()).unwrap();
        let orphan = format!("datasets/{id}/snapshots/{OLD}/data/data");
        place.plain.put(&orphan, b"left", &CallOptions::default()).unwrap();
        let mut writer = theirs.record_writer(WriterOptions::default()).unwrap();
        writer.append(br#"{"n":1}"#, None).unwrap();
        let part = writer.stage(&CallOptions::default()).unwrap();
        let committing = theirs.clone();
        place.tap.before_request(moment, move || {
            committing.commit_parts(&[part], Metadata::empty(), CommitOptions::default()).unwrap();
            append(&committing, r#"{"n":2}"#, CommitOptions::default()).unwrap();
        });
        let (collection, told) = collect(&open(&place.through, &id, Layout::Default), false);
        let was_beside = place.tap.has_happened();
        assert_eq!(told, [(GarbageKind::DataFile, orphan)], "{id}");
        assert_eq!(collection.objects, 1);
        let verified = theirs.verify(Level::Checksums, &CallOptions::default(), &mut |_| true).unwrap();
        verified.verdict().unwrap();
        if !was_beside {
            assert!(moment > 5, "a clean-up of {moment} requests");
            return;
        }
        assert_eq!(verified.snapshots, 3, "{id}");
    }
}

#[test]
fn what_is_left_on_minio_is_removed_and_no_commit_beside_it_is_hurt() {
    let Some(place) = on_minio() else { return };
    what_is_left_is_removed(&place);
    a_commit_may_come_at_any_moment(&place);
}

#[test]
fn what_is_left_on_azurite_is_removed_and_no_commit_beside_it_is_hurt() {
    let Some(place) = on_azurite() else { return };
    what_is_left_is_removed(&place);
    a_commit_may_come_at_any_moment(&place);
}

#[test]
fn what_is_left_with_generations_is_removed_and_no_commit_beside_it_is_hurt() {
    let place = on_the_fake_gcs();
    what_is_left_is_removed(&place);
    a_commit_may_come_at_any_moment(&place);
}

#[test]
fn a_service_that_does_not_tell_ages_is_not_cleaned_up() {
    use crate::mini_http::{Server, answer};
    let server = Server::start(|request, stream| {
        let key = format!("tests/datasets/events/snapshots/{OLD}/data/data");
        let listing = format!(
            "<ListBucketResult><Contents><Key>{key}</Key><Size>4</Size></Contents></ListBucketResult>"
        );
        assert_eq!(request.method, "GET", "nothing but listings");
        answer(stream, 200, &[], listing.as_bytes())
    });
    let store = servers::s3_store(&server.url(), "tests", "");
    let events = open(&store, "events", Layout::Default);
    let error = events.collect(&CollectOptions::default(), &mut |_| true).unwrap_err();
    assert_eq!(error.status(), Status::Unsupported, "{error}");
    assert!(error.message().contains("the age of"), "{error}");
}

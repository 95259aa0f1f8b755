//! A store is shared by datasets of several owners: a manifest that names a file of another one is refused
//! wherever it is met, so that no reader is led to it.

use super::go::Go;
use super::*;
use crate::error::Status;
use crate::history::{Slot, SlotKey, SlotKind, slot};
use crate::manifest::{FileFormat, FileRef, Manifest};

const GO: &str = "1700000000000000001";

/// The key of a manifest in this layout, and a file there that is another dataset's.
fn foreign(layout: Layout) -> (String, String) {
    let key = layout.manifest_path("events", GO);
    (key, format!("{}secret/data", layout.dataset_prefix("other")))
}

/// A manifest that names this file.
fn naming(layout: Layout, id: &str, parent: Option<&str>, path: &str) -> Vec<u8> {
    let format = FileFormat { codec: Codec::Jsonl, ..FileFormat::default() };
    let manifest = Manifest {
        files: vec![FileRef::new(path, 2)],
        parent_snapshot_id: parent.map(str::to_owned),
        row_count: 1,
        ..Manifest::new(layout, "events", id, 1_700_000_000_000_000_001, format)
    };
    manifest.encode().unwrap()
}

fn assert_refused(error: &Error, path: &str) {
    assert_eq!(error.status(), Status::ManifestInvalid, "{error}");
    assert!(error.message().contains("field files[0].path") && error.message().contains(path), "{error}");
}

#[test]
fn it_is_refused_on_reading_committing_and_adopting_in_every_layout() {
    for layout in [Layout::Default, Layout::Hive, Layout::Flat] {
        let store = memory();
        let (key, path) = foreign(layout);
        Go(&store).put(&path, b"7\n");
        Go(&store).put(&key, &naming(layout, GO, None, &path));
        for pointed in [false, true] {
            if pointed {
                Go(&store).put(&layout.latest_path("events"), GO.as_bytes());
            }
            let dataset = open_as(&store, layout);
            let call = CallOptions::default();
            assert_refused(&dataset.latest(&call).err().unwrap(), &path);
            assert_refused(&dataset.snapshot(GO, &call).err().unwrap(), &path);
            assert_refused(&write_held(&dataset, &["{\"p\":1}"]).err().unwrap(), &path);
            assert_refused(&dataset.adopt(GO, &call).err().unwrap(), &path);
        }
        let read = store.backend().get(Context::unlimited(), &path, 9).unwrap();
        assert_eq!(read.as_deref(), Some(&b"7\n"[..]), "{layout:?}: the other dataset is as it was");
    }
}

#[test]
fn it_is_refused_in_the_payload_of_a_slot() {
    const CHILD: &str = "1700000000000000002-00000000000000bb";
    let store = memory();
    let (_, path) = foreign(Layout::Default);
    let payload = naming(Layout::Default, CHILD, None, &path);
    let decided = Slot {
        kind: SlotKind::Commit,
        parent: None,
        child: CHILD.into(),
        created_at: 1_700_000_000_000_000_001,
        nonce: 7,
        producers: std::sync::Arc::default(),
    };
    let root = SlotKey { dataset: "events", layout: Layout::Default, parent: None };
    Go(&store).put(&root.path(), &slot::encode(root, &decided, &payload));
    let dataset = open(&store);
    let error = dataset.snapshot(CHILD, &CallOptions::default()).err().unwrap();
    assert_refused(&error, &path);
    assert!(error.message().contains("datasets/events/_commits/root"), "{error}");
    // What decided the first commit cannot be read, so that it is unknown whether it is this one.
    let error = write(&dataset, &["1"]).err().unwrap();
    assert_eq!(error.status(), Status::CommitUnknown, "{error}");
    assert!(error.message().contains("field files[0].path") && error.message().contains(&path), "{error}");
    let latest = dataset.latest(&CallOptions::default()).err().unwrap();
    assert_eq!(latest.status(), Status::NoSnapshots, "{latest}");
}

//! Any bytes as a manifest: read or refused, in memory that grows with the input alone; what is read is
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::Status;
use lode_core::context::Context;
use lode_core::layout::Layout;
use lode_core::manifest::{Manifest, ManifestKey};
use lode_fuzz::memory::most_held;

const DATASET: &str = "events";
const ID: &str = "1700000000000000001-00000000000000bb";
const CHILD: &str = "1700000000000000002-00000000000000cc";

/// A value of two bytes becomes a struct, in a vector that doubles.
const BYTES_PER_BYTE: usize = 100;

fn parse(bytes: &[u8], snapshot_id: &str) -> lode_core::Result<Manifest> {
    let key = ManifestKey { layout: Layout::Default, dataset_id: DATASET, snapshot_id, path: "the path" };
    Manifest::parse(Context::unlimited(), bytes, key)
}

fuzz_target!(|data: &[u8]| {
    let (parsed, held) = most_held(|| parse(data, ID));
    assert!(held <= 16384 + BYTES_PER_BYTE * data.len(), "{held} bytes of memory for {} bytes", data.len());
    let mut manifest = match parsed {
        Ok(manifest) => manifest,
        Err(error) => {
            assert_eq!(error.status(), Status::ManifestInvalid);
            assert!(error.message().contains("the path"), "{error}");
            return;
        }
    };
    let encoded = manifest.encode().unwrap();
    let again = parse(&encoded, ID).unwrap();
    manifest.files.sort_by(|a, b| a.path.cmp(&b.path));
    assert_eq!(again, manifest);
    assert_eq!(again.encode().unwrap(), encoded);
    assert_eq!(manifest.file_row_count(manifest.files.len()), None);
    assert!(manifest.files.len() != 1 || manifest.file_row_count(0).is_some());
    let noop = manifest.noop_of(CHILD, ID, i64::MAX);
    let noop = parse(&noop.encode().unwrap(), CHILD).unwrap();
    assert_eq!(noop.is_noop().as_deref(), Some(ID));
    assert_eq!((noop.parent_snapshot_id.as_deref(), noop.created_at), (Some(ID), i64::MAX));
    assert_eq!((noop.files, noop.unknown), (manifest.files, manifest.unknown));
});

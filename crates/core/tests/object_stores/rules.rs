//! What every store must do, on every server.

use lode_core::context::CallOptions;
use lode_core::store::Store;

use crate::servers;

fn all(store: &Store) -> Vec<String> {
    let mut keys = store.list("", &CallOptions::default()).unwrap();
    std::iter::from_fn(|| keys.next().unwrap()).collect()
}

/// Runs the conformance suite, which leaves nothing.
#[track_caller]
pub fn hold(store: &Store) {
    let none = CallOptions::default();
    store.put("p/mine", b"x", &none).unwrap();
    for prefix in ["", "p/"] {
        store.verify(prefix, &none).unwrap();
    }
    assert_eq!(all(store), ["p/mine"]);
}

#[test]
fn the_rules_hold_on_minio() {
    let Some((store, _)) = servers::minio_store() else { return };
    hold(&store);
}

#[test]
fn the_rules_hold_on_minio_with_a_spool_directory() {
    let Some(server) = servers::minio() else { return };
    let spool = servers::TempDir::new("spool");
    let more = format!(r#""spool_directory": "{}""#, spool.0.display());
    hold(&servers::s3_store(&server.url(), &servers::fresh_prefix(), &more));
    assert_eq!(std::fs::read_dir(&spool.0).unwrap().count(), 0);
}

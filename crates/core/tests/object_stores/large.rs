//! Objects of several parts.

use lode_core::context::{CallOptions, Context};
use lode_core::store::{Durability, Put, Store};

use crate::servers;
use crate::tap::Tap;

/// Bytes that differ from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

fn upload(store: &Store, key: &str, data: &[u8]) -> Put {
    let context = Context::unlimited();
    let mut upload = store.backend().upload(context, key, Durability::Full).unwrap();
    for piece in data.chunks(700_001) {
        upload.write(context, piece).unwrap();
    }
    upload.finish(context)
}

/// What holds where a completion has no condition: a key that is taken is refused before the first part.
pub fn goes_in_parts(store: &Store) {
    let (context, none) = (Context::unlimited(), CallOptions::default());
    let data = pattern((11 << 20) + 7);
    assert!(matches!(upload(store, "a/large", &data), Put::Done));
    assert!(store.get("a/large", &none).unwrap().as_deref() == Some(&data[..]), "it reads back");
    let mut middle = vec![0; 6 << 20];
    assert_eq!(store.read("a/large", (4 << 20) + 1, &mut middle, &none).unwrap(), Some(middle.len()));
    assert!(middle == data[(4 << 20) + 1..][..6 << 20], "its middle reads back");
    let mut again = store.backend().upload(context, "a/large", Durability::Full).unwrap();
    let error = again.write(context, &pattern(6 << 20)).unwrap_err();
    assert_eq!(error.status(), lode_core::Status::PathExists, "{error}");
    again.abort(context);
    // One that is given up leaves no object.
    let mut aborted = store.backend().upload(context, "a/aborted", Durability::Full).unwrap();
    aborted.write(context, &pattern(6 << 20)).unwrap();
    aborted.abort(context);
    assert!(!store.exists("a/aborted", &none).unwrap());
    assert!(store.get("a/large", &none).unwrap().as_deref() == Some(&data[..]), "it was not replaced");
}

fn unfinished(prefix: &str, key: &str) -> String {
    let endpoint = servers::minio().unwrap().url();
    // One server lists them by exact key only.
    let found = servers::s3(&endpoint, &["uploads", "tests", &format!("{prefix}/{key}")], b"");
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8(found.stdout).unwrap()
}

#[test]
fn an_object_of_several_parts_reads_back_and_is_never_replaced() {
    let Some(server) = servers::minio() else { return };
    let spool = servers::TempDir::new("spool");
    let spooled = format!(r#""part_bytes": 5242880, "spool_directory": "{}""#, spool.0.display());
    let data = pattern((11 << 20) + 7);
    for more in [r#""part_bytes": 5242880"#, spooled.as_str()] {
        let prefix = servers::fresh_prefix();
        let store = servers::s3_store(&server.url(), &prefix, more);
        assert!(matches!(upload(&store, "a/large", &data), Put::Done));
        let none = CallOptions::default();
        assert!(store.get("a/large", &none).unwrap().as_deref() == Some(&data[..]), "it reads back");
        let mut middle = vec![0; 6 << 20];
        assert_eq!(store.read("a/large", (4 << 20) + 1, &mut middle, &none).unwrap(), Some(middle.len()));
        assert!(middle == data[(4 << 20) + 1..][..6 << 20], "its middle reads back");
        // Other bytes under the same key: refused at the end, and what was sent is removed.
        let mut other = data.clone();
        other[3] ^= 1;
        let put = upload(&store, "a/large", &other);
        assert!(matches!(put, Put::Exists), "{put:?}");
        assert!(store.get("a/large", &none).unwrap().as_deref() == Some(&data[..]), "it was not replaced");
        assert_eq!(unfinished(&prefix, "a/large"), "");
        assert_eq!(std::fs::read_dir(&spool.0).unwrap().count(), 0, "a spool file has no name");
    }
}

#[test]
fn an_upload_that_is_aborted_leaves_nothing_and_one_that_is_dropped_sends_nothing() {
    let Some(server) = servers::minio() else { return };
    let tap = Tap::before(server.address());
    let prefix = servers::fresh_prefix();
    let store = servers::s3_store(&tap.url(), &prefix, r#""part_bytes": 5242880"#);
    let context = Context::unlimited();
    let begin = |key: &str| {
        let mut upload = store.backend().upload(context, key, Durability::Full).unwrap();
        upload.write(context, &pattern(6 << 20)).unwrap();
        upload
    };
    let mut aborted = begin("k/aborted");
    aborted.abort(context);
    drop(aborted);
    assert_eq!(unfinished(&prefix, "k/aborted"), "");
    let dropped = begin("k/dropped");
    // The part in flight may still be on its way.
    tap.log();
    drop(dropped);
    let sent: Vec<String> = tap.log().into_iter().filter(|line| !line.starts_with("PART")).collect();
    assert_eq!(sent, [""; 0]);
    // It is left to the bucket's rule for such uploads.
    assert_ne!(unfinished(&prefix, "k/dropped"), "");
}

#[test]
fn what_cannot_be_put_in_one_step_is_refused_before_a_request() {
    let Some((store, _)) = servers::minio_store() else { return };
    let error = store.put("big", &vec![0; (64 << 20) + 1], &CallOptions::default()).unwrap_err();
    assert_eq!(error.status(), lode_core::Status::Unsupported, "{error}");
    assert!(error.message().contains("67108865 bytes"), "{error}");
    assert!(!store.exists("big", &CallOptions::default()).unwrap());
}

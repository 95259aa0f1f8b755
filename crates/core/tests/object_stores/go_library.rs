//! The Go library's S3 adapter and this library alternate on one bucket; each reads all of the other's.

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use lode_core::catalog::Catalog;
use lode_core::context::CallOptions;
use lode_core::dataset::Outcome;
use lode_core::layout::Layout;
use lode_core::options::CommitOptions;

use crate::commits::{append, open, records};
use crate::servers::{self, SECRET, USER};

/// The Go program of `tests/interop/`; `None`, after saying so, on a machine without Go.
fn program() -> Option<PathBuf> {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("object-stores-go");
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(".")
        .current_dir(servers::repository("tests/interop"))
        .output();
    match built {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            servers::skip("there is no `go` in PATH");
            None
        }
        Err(error) => panic!("cannot run go: {error}"),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Some(program)
        }
    }
}

#[test]
fn the_go_library_and_this_one_alternate_on_one_bucket() {
    let Some((store, prefix)) = servers::minio_store() else { return };
    let Some(program) = program() else { return };
    let root = format!("s3://tests/{prefix}");
    let go = |layout: &str, arguments: &[&str], input: &str| -> String {
        let mut child = Command::new(&program)
            .args(arguments)
            .env("LAYOUT", layout)
            .env("S3_ENDPOINT", servers::minio().unwrap().url())
            .env("ACCESS_KEY_ID", USER)
            .env("SECRET_ACCESS_KEY", SECRET)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let none = CallOptions::default();
    for (layout, name) in [(Layout::Default, "default"), (Layout::Flat, "flat"), (Layout::Hive, "hive:day")] {
        let id = name.split(':').next().unwrap();
        let events = open(&store, id, layout);
        let mut written: Vec<(String, String)> = Vec::new();
        for turn in 0..3 {
            let record = format!(r#"{{"day":"a b","turn":{turn}}}"#);
            let theirs = go(name, &["write", &root, id, "gzip", "md5"], &format!("{record}\n"));
            written.push((theirs.trim().to_owned(), record));
            // Ours adopts what it finds, and goes on.
            let record = format!(r#"{{"day":"c/d","turn":{turn}}}"#);
            let data = lode_core::dataset::Record { data: record.as_bytes(), unix_nanos: None };
            let ours = match layout {
                Layout::Hive => {
                    let metadata = lode_core::manifest::Metadata::empty();
                    events.write_records(&[data], metadata, CommitOptions::default()).unwrap()
                }
                _ => append(&events, &record, CommitOptions::default()).unwrap(),
            };
            assert_eq!(ours.outcome, Outcome::Committed, "{id}: turn {turn}");
            written.push((ours.snapshot.id().to_owned(), record));
        }
        assert_eq!(go(name, &["latest", &root, id], "").trim(), written[5].0, "{id}");
        let listed = go(name, &["snapshots", &root, id], "");
        let ids: Vec<&str> = listed.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
        let expected: Vec<&str> = written.iter().map(|(snapshot, _)| snapshot.as_str()).collect();
        assert_eq!(ids, expected, "{id}: the Go library sees every snapshot, in order");
        let mut snapshots = events.changes_since(None, &none).unwrap();
        let found: Vec<_> = std::iter::from_fn(|| snapshots.next().unwrap()).collect();
        assert_eq!(found.iter().map(|snapshot| snapshot.id()).collect::<Vec<_>>(), expected, "{id}");
        for (snapshot, (name_of_it, record)) in found.iter().zip(&written) {
            assert_eq!(records(&events, snapshot), std::slice::from_ref(record), "{id}");
            let theirs = go(name, &["read", &root, id, name_of_it], "");
            let theirs: serde_json::Value = serde_json::from_str(theirs.trim()).unwrap();
            assert_eq!(theirs, serde_json::from_str::<serde_json::Value>(record).unwrap(), "{id}");
        }
    }
    let mut datasets = Catalog::open(&store, Layout::Default).datasets(&none).unwrap();
    assert_eq!(datasets.next().unwrap().as_deref(), Some("default"));
    servers::audit(&prefix, "default", &[]);
}

//! How many requests things cost, counted before the server.

use lode_core::context::CallOptions;
use lode_core::layout::Layout;
use lode_core::options::CommitOptions;

use crate::commits::{append, open, records};
use crate::servers;
use crate::tap::Tap;

/// How often each kind of request came.
fn kinds(log: &[String]) -> Vec<(&str, usize)> {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for line in log {
        let kind = line.split(' ').next().unwrap();
        match kinds.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    kinds.sort_unstable();
    kinds
}

#[test]
fn a_commit_and_a_look_at_the_head_cost_what_the_page_says() {
    let Some(server) = servers::minio() else { return };
    let tap = Tap::before(server.address());
    let prefix = servers::fresh_prefix();
    let store = servers::s3_store(&tap.url(), &prefix, "");
    assert_eq!(tap.log(), [""; 0], "opening a store makes no request");
    let events = open(&store, "events", Layout::Default);
    assert_eq!(tap.log(), [""; 0], "opening a dataset makes no request");

    append(&events, "{}", CommitOptions::default()).unwrap();
    let first = tap.log();
    let probe = first.iter().filter(|line| line.ends_with("PROBE")).count();
    assert!(probe <= 12, "the probe of a handle's first write took {probe} requests: {first:?}");

    for _ in 0..2 {
        append(&events, "{}", CommitOptions::default()).unwrap();
        let warm = tap.log();
        assert_eq!(kinds(&warm), [("GET", 1), ("PUT", 4)], "{warm:?}");
        assert!(warm[0].ends_with("/latest") && warm[4].ends_with("/latest"), "{warm:?}");
        assert!(warm[2].contains("_commits") && warm[3].ends_with("manifest.json"), "{warm:?}");
    }

    // Another writer's commit between costs two requests more at most.
    let port = server.port;
    let others =
        open(&servers::s3_store(&format!("http://localhost:{port}"), &prefix, ""), "events", Layout::Default);
    append(&others, "{}", CommitOptions::default()).unwrap();
    append(&events, "{}", CommitOptions::default()).unwrap();
    let beside = tap.log();
    assert!(beside.len() <= 7 && beside.iter().all(|line| !line.starts_with("LIST")), "{beside:?}");

    let head = events.latest(&CallOptions::default()).unwrap();
    let looked = tap.log();
    assert_eq!(kinds(&looked), [("GET", 2)], "{looked:?}");

    records(&events, &head);
    let read = tap.log();
    assert_eq!(kinds(&read), [("GET", 1)], "a small file is read by one request: {read:?}");

    // A writer that is given up sends nothing.
    let mut writer = events.record_writer(lode_core::dataset::WriterOptions::default()).unwrap();
    writer.append(b"{}", None).unwrap();
    drop(writer);
    assert_eq!(tap.log(), [""; 0]);
}

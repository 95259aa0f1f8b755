//! `verify`, and what it says when something is wrong.

mod common;

use std::fs;

use common::{Directory, records, run, run_with_input};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a line of JSON")
}

#[test]
fn a_dataset_is_verified_in_each_layout_and_at_each_level() {
    let directory = Directory::new();
    let store = directory.at("s");
    for (dataset, more) in [
        ("plain", &["--compress", "zstd"][..]),
        ("parted", &["--partition-by", "day"]),
        ("flat", &["--layout", "flat"]),
    ] {
        for input in [records(0, 3), records(3, 9)] {
            let mut arguments = vec!["ingest", &store, dataset];
            arguments.extend(more);
            run_with_input(&arguments, input.as_bytes()).line();
        }
        let before = directory.tree();
        for level in ["structure", "sizes", "checksums", "records"] {
            let ended = run(&["verify", &store, dataset, "--level", level, "--json"]);
            let told = json(ended.line());
            assert_eq!((&told["snapshots"], &told["findings"]), (&2.into(), &0.into()), "{dataset} {level}");
            assert_eq!(told["files"].as_u64() > Some(0), level != "structure");
        }
        assert!(run(&["verify", &store, dataset]).line().contains("2 snapshots"));
        assert_eq!(directory.tree(), before, "nothing is written");
    }
}

#[test]
fn damage_is_told_line_by_line_and_by_the_exit_status() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "events"], records(0, 3).as_bytes()).line();
    let key = directory.tree().into_iter().find(|path| path.ends_with("/data")).expect("a data file");
    let mut bytes = fs::read(directory.path().join(&key)).unwrap();
    bytes[3] ^= 1;
    fs::write(directory.path().join(&key), &bytes).unwrap();
    run(&["verify", &store, "events", "--level", "sizes"]).line();
    let ended = run(&["verify", &store, "events"]);
    ended.failed(1, &["dataset \"events\" is damaged in 1 places"]);
    assert!(ended.stdout.starts_with("file-checksum  datasets/events/snapshots/"), "{ended:?}");
    let ended = run(&["verify", &store, "events", "--level", "records", "--json"]);
    ended.failed(1, &["damaged"]);
    let lines: Vec<Value> = ended.stdout.lines().map(json).collect();
    assert_eq!(lines[0]["finding"], "file-checksum");
    assert_eq!(lines[0]["path"], key.strip_prefix("s/").unwrap());
    assert_eq!(lines[1]["findings"], 1);
    run(&["verify", &store, "nothing"]).failed(3, &["it has no snapshot yet"]);
    run(&["verify", &store, "events", "--deadline", "0s"]).failed(5, &["deadline"]);
}

#[test]
fn what_is_old_and_named_by_nothing_is_removed() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "events"], records(0, 3).as_bytes()).line();
    let whole = directory.tree();
    let orphan = "s/datasets/events/snapshots/1700000000000000000-0123456789abcdef/data/data";
    let path = directory.path().join(orphan);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "{}\n").unwrap();
    assert!(run(&["gc", &store, "events"]).line().starts_with("0 objects"), "it is young");
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(8 * 24 * 60 * 60);
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    assert!(run(&["gc", &store, "events", "--min-age", "9d"]).line().starts_with("0 objects"));
    let ended = run(&["gc", &store, "events", "--dry-run"]);
    assert!(ended.lines()[0].starts_with("data-file  3 B  datasets/events/snapshots/17"), "{ended:?}");
    assert_eq!(ended.lines()[1], "1 objects with 3 B would be removed");
    assert!(path.exists());
    let ended = run(&["gc", &store, "events", "--json"]);
    let lines: Vec<Value> = ended.lines().into_iter().map(json).collect();
    assert_eq!((&lines[0]["removed"], &lines[0]["size"]), (&"data-file".into(), &3.into()));
    assert_eq!((&lines[1]["objects"], &lines[1]["bytes"]), (&1.into(), &3.into()));
    assert_eq!(directory.tree(), whole, "the directories that it leaves empty go, too");
    run(&["gc", &store, "events", "--min-age", "47h"]).failed(1, &["172800"]);
    run(&["gc", &store, "--volume", "disk"]).line();
    run(&["verify", &store, "--volume", "disk"]).failed(3, &["volume \"disk\"", "no snapshot"]);
}

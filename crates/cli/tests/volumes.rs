//! Volumes in the tool: they are listed and shown, checked and cleaned up.

mod common;

use common::{Directory, run, run_with_input};
use lode_core::context::CallOptions;
use lode_core::manifest::Metadata;
use lode_core::options::CommitOptions;
use lode_core::store::{Store, StoreOptions};
use lode_core::volume::{Volume, VolumeOptions};
use serde_json::{Value, json};

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a line of JSON")
}

/// A volume of 100 bytes with a snapshot of one block, and one of two.
fn filled(directory: &Directory) -> String {
    let root = directory.at("s");
    std::fs::create_dir(&root).unwrap();
    let store = Store::open_filesystem(&root, StoreOptions::default()).unwrap();
    let options = VolumeOptions { total_length: Some(100), ..VolumeOptions::default() };
    let volume = Volume::open(&store, "disk", options).unwrap();
    for offset in [0, 50] {
        let block = volume.stage_write_at(offset, &[7; 20], &CallOptions::default()).unwrap();
        volume.commit(&[&block], Metadata::parse("{}").unwrap(), CommitOptions::default()).unwrap();
    }
    root
}

#[test]
fn a_volume_is_listed_and_shown_with_its_holes() {
    let directory = Directory::new();
    let store = filled(&directory);
    // A dataset may have the same name.
    run_with_input(&["ingest", &store, "disk"], b"1\n").line();
    let listed = run(&["ls", &store]);
    assert!(listed.lines()[1].contains("default") && listed.lines()[2].contains("volume"), "{listed:?}");
    let listed = run(&["ls", &store, "--json"]);
    let volume = parsed(listed.lines()[1]);
    assert_eq!((&volume["dataset"], &volume["layout"]), (&"disk".into(), &"volume".into()));
    assert_eq!((&volume["newest"]["total_length"], &volume["newest"]["files"]), (&100.into(), &2.into()));
    assert_eq!(run(&["ls", &store, "disk", "--json"]).lines().len(), 1, "the dataset has one");
    for command in ["ls", "log"] {
        assert_eq!(run(&[command, &store, "disk", "--volume", "--json"]).lines().len(), 2);
        assert!(run(&[command, &store, "disk", "--volume"]).lines()[0].contains("BLOCKS"));
    }
    let shown = run(&["show", &store, "disk", "--volume", "--json"]);
    let shown = parsed(shown.line());
    assert_eq!((&shown["volume"], &shown["holes"]), (&"disk".into(), &json!([[20, 30], [70, 30]])));
    let shown = run(&["show", &store, "disk", "--volume"]);
    assert!(shown.stdout.contains("filled      40 B of 100 B, in 2 blocks\n"), "{shown:?}");
    assert!(shown.lines().ends_with(&["HOLE AT  BYTES", "20       30", "70       30"]), "{shown:?}");
    run(&["show", &store, "none", "--volume"]).failed(3, &["volume \"none\""]);
    run(&["ls", &store, "none", "--volume"]).failed(3, &["volumes/none/"]);
}

#[test]
fn a_volume_is_checked_cleaned_up_and_repaired() {
    let directory = Directory::new();
    let store = filled(&directory);
    assert!(run(&["verify", &store, "disk", "--volume"]).line().starts_with("2 snapshots, "));
    assert!(run(&["gc", &store, "disk", "--volume"]).line().starts_with("0 objects"));
    let head = run(&["log", &store, "disk", "--volume", "-n", "1", "--json"]);
    let head = parsed(head.line())["snapshot"].as_str().unwrap().to_owned();
    assert_eq!(run(&["resolve", &store, "disk", &head, "--volume"]).line(), format!("committed: {head}"));
    assert_eq!(run(&["adopt", &store, "disk", &head, "--volume"]).line(), format!("the head is {head}"));
    assert_eq!(run(&["producers", &store, "disk", "--volume"]).lines().len(), 1, "a heading alone");
    let block = directory.path().join("s/volumes/disk/data/50-20.bin");
    std::fs::write(&block, [8; 20]).unwrap();
    run(&["verify", &store, "disk", "--volume"]).failed(1, &["volume \"disk\" is damaged"]);
}

#[test]
fn a_volume_is_copied_completed_and_not_mixed_with_another() {
    let directory = Directory::new();
    let store = filled(&directory);
    let copy = directory.at("copy");
    let cp = |json: bool| {
        let mut words = vec!["cp", &store, "disk", &copy, "--volume"];
        words.extend(json.then_some("--json"));
        run(&words)
    };
    let first = cp(true);
    let first = parsed(first.line());
    assert_eq!((&first["snapshots"], &first["bytes"]), (&2.into(), &40.into()));
    assert!(run(&["verify", &copy, "disk", "--volume"]).line().starts_with("2 snapshots, "));
    let log = |store: &str| run(&["log", store, "disk", "--volume", "--json"]).stdout;
    assert_eq!(log(&store), log(&copy));
    assert_eq!(parsed(cp(true).line())["written_objects"], 0);

    // What was broken off or has changed is brought over; what differs is refused.
    let commit = |root: &str, offset| {
        let store = Store::open_filesystem(root, StoreOptions::default()).unwrap();
        let volume = Volume::open(&store, "disk", VolumeOptions::default()).unwrap();
        let block = volume.stage_write_at(offset, &[9; 10], &CallOptions::default()).unwrap();
        volume.commit(&[&block], Metadata::parse("{}").unwrap(), CommitOptions::default()).unwrap();
    };
    commit(&store, 30);
    assert!(cp(false).line().starts_with("3 snapshots, 50 B, verified"));
    assert_eq!(log(&store), log(&copy));
    commit(&copy, 80);
    cp(false).failed(1, &["the volume \"disk\" that is there already", "not in the history"]);
    std::fs::write(directory.path().join("s/volumes/disk/data/0-20.bin"), [8; 20]).unwrap();
    run(&["cp", &store, "disk", &directory.at("other"), "--volume"])
        .failed(1, &["CORRUPT", "volumes/disk/data/0-20.bin", "checksum", "expected"]);
    run(&["cp", &store, "none", &directory.at("none"), "--volume"]).failed(3, &["volume \"none\""]);
}

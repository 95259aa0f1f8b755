//! `ls`, `log`, `show`, `files`, `resolve`, `adopt`, `cp`, and what the tool says when something is wrong.

mod common;

use std::fs;
use std::process::Command;

use common::{Directory, records, run, run_with_input};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("a line of JSON")
}

/// A store with a dataset of two snapshots in each layout.
fn filled(directory: &Directory) -> String {
    let store = directory.at("s");
    for (dataset, more) in [
        ("plain", &["--compress", "zstd", "--metadata", "{\"by\":\"test\"}"][..]),
        ("parted", &["--partition-by", "day"]),
        ("flat", &["--layout", "flat"]),
    ] {
        for input in [records(0, 3), records(3, 9)] {
            let mut arguments = vec!["ingest", &store, dataset];
            arguments.extend(more);
            run_with_input(&arguments, input.as_bytes()).line();
        }
    }
    store
}

#[test]
fn datasets_and_snapshots_are_listed() {
    let directory = Directory::new();
    let store = filled(&directory);
    let listed = run(&["ls", &store]);
    let lines = listed.lines();
    assert!(lines[0].starts_with("DATASET") && lines.len() == 3, "{listed:?}");
    assert!(lines[1].starts_with("parted") && lines[1].contains("hive"), "{listed:?}");
    assert!(lines[0].ends_with("RECORDS  STORED") && lines[2].contains("  6  "), "{listed:?}");
    let listed = run(&["ls", &format!("file://{store}"), "--json"]);
    let names: Vec<String> =
        listed.lines().iter().map(|line| json(line)["dataset"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["parted", "plain"], "those in the flat layout cannot be listed");
    for dataset in ["plain", "parted", "flat"] {
        let snapshots = run(&["ls", &store, dataset, "--json"]);
        let rows: Vec<u64> =
            snapshots.lines().iter().map(|line| json(line)["records"].as_u64().unwrap()).collect();
        assert_eq!(rows, [3, 6], "{dataset}");
        let log = run(&["log", &store, dataset, "--json"]);
        let rows: Vec<u64> = log.lines().iter().map(|line| json(line)["records"].as_u64().unwrap()).collect();
        assert_eq!(rows, [6, 3], "{dataset}: the newest first");
        assert_eq!(run(&["log", &store, dataset, "-n", "1", "--json"]).lines().len(), 1);
    }
    assert!(run(&["log", &store, "plain"]).stdout.contains("{\"by\":\"test\"}"));
    let in_one = run(&["ls", &store, "parted", "--partition", "day=2024-01-01", "--json"]);
    assert_eq!(in_one.lines().len(), 2);
}

#[test]
fn a_snapshot_is_shown() {
    let directory = Directory::new();
    let store = filled(&directory);
    let shown = run(&["show", &store, "plain", "--json"]);
    let shown = json(shown.line());
    assert_eq!((shown["records"].as_u64(), shown["compressor"].as_str()), (Some(6), Some("zstd")));
    assert_eq!(shown["metadata"]["by"], "test");
    let location = shown["files"][0]["location"].as_str().unwrap();
    assert!(fs::metadata(location).unwrap().is_file());
    let parent = shown["parent"].as_str().unwrap();
    let text = run(&["show", &store, "plain", parent]).stdout;
    assert!(text.contains("none: it is the first") && text.contains("records     3\n"), "{text}");
    let manifest = run(&["show", &store, "plain", parent, "--manifest"]).stdout;
    let stored = directory.path().join(format!("s/datasets/plain/snapshots/{parent}/manifest.json"));
    assert_eq!(manifest, fs::read_to_string(stored).unwrap());
    run(&["show", &store, "plain", "1700000000000000001"]).failed(3, &["SNAPSHOT_NOT_FOUND"]);
}

#[test]
fn files_are_given_to_other_tools() {
    let directory = Directory::new();
    let store = filled(&directory);
    let paths = run(&["files", &store, "plain", "--all"]);
    assert_eq!(paths.lines().len(), 2);
    assert!(paths.lines().iter().all(|path| fs::metadata(path).unwrap().is_file()));
    let described = run(&["files", &store, "plain", "--format", "json"]);
    let described = json(described.line());
    assert_eq!((&described["records"], &described["codec"]), (&6.into(), &"jsonl".into()));
    assert_eq!(described["location"], paths.lines()[1]);
    let size = fs::metadata(paths.lines()[1]).unwrap().len();
    assert_eq!((&described["stored_bytes"], &described["compressor"]), (&size.into(), &"zstd".into()));
    assert!(described["checksum"].as_str().unwrap().len() == 16 && described["checksum_algorithm"] == "xxh3");
    let query = run(&["files", &store, "plain", "--format", "duckdb"]);
    assert!(
        query.line().starts_with("SELECT * FROM read_json(['/") && query.stdout.contains("'zstd'"),
        "{query:?}"
    );
    let expression = run(&["files", &store, "parted", "--format", "polars"]);
    assert!(expression.line().starts_with("pl.concat("), "{expression:?}");
    run(&["files", &store, "plain", "--partition", "day=1", "--format", "duckdb"])
        .failed(3, &["no data files"]);
}

#[test]
fn a_query_leaves_out_files_without_a_record_and_says_when_there_is_nothing_to_read() {
    let directory = Directory::new();
    let store = directory.at("s");
    run_with_input(&["ingest", &store, "d"], b"").line();
    run(&["files", &store, "d"]).line();
    for format in ["duckdb", "polars"] {
        run(&["files", &store, "d", "--format", format]).failed(3, &["no data files with records"]);
    }
    run_with_input(&["ingest", &store, "d"], b"{\"n\":1}\n").line();
    let query = run(&["files", &store, "d", "--all", "--format", "duckdb"]);
    assert_eq!(query.line().matches("/data/data'").count(), 1, "{query:?}");
    let file = directory.file("image", "bytes");
    run(&["ingest", &store, "images", "--codec", "blob", &file]).line();
    run(&["files", &store, "images", "--format", "polars"]).failed(1, &["raw bytes", "jsonl and parquet"]);
}

#[cfg(feature = "parquet")]
#[test]
fn a_query_reads_parquet_as_parquet() {
    let directory = Directory::new();
    let store = directory.at("s");
    let schema = directory.file("schema", r#"{"fields": [{"name": "n", "type": "int64"}]}"#);
    let arguments = ["ingest", &store, "d", "--codec", "parquet", "--schema", &schema];
    run_with_input(&arguments, b"{\"n\":1}\n").line();
    let query = run(&["files", &store, "d", "--format", "duckdb"]);
    assert!(query.line().starts_with("SELECT * FROM read_parquet(['/"), "{query:?}");
    let expression = run(&["files", &store, "d", "--format", "polars"]);
    assert!(expression.line().contains("pl.read_parquet(path) for path in [\"/"), "{expression:?}");
}

#[test]
fn a_copy_is_the_same_and_can_be_continued() {
    let directory = Directory::new();
    let store = filled(&directory);
    let copy = directory.at("copy");
    for dataset in ["plain", "parted", "flat"] {
        let ended = run(&["cp", &store, dataset, &copy, "--json"]);
        assert_eq!(json(ended.line())["snapshots"], 2, "{dataset}");
        assert_eq!(
            run(&["cat", &copy, dataset, "--all"]).stdout,
            run(&["cat", &store, dataset, "--all"]).stdout
        );
        let again = run(&["cp", &store, dataset, &copy, "--json"]);
        assert_eq!(json(again.line())["written_objects"], 0, "{dataset}");
        // The copy is a dataset like any other, and so is the original after it.
        let mut arguments = vec!["ingest", &store, dataset];
        arguments.extend(if dataset == "parted" { &["--partition-by", "day"][..] } else { &[] });
        run_with_input(&arguments, records(9, 11).as_bytes()).line();
        let more = run(&["cp", &store, dataset, &copy, "--json"]);
        assert_eq!(json(more.line())["snapshots"], 3, "{dataset}");
        arguments[1] = &copy;
        run_with_input(&arguments, records(11, 12).as_bytes()).line();
        assert_eq!(run(&["log", &copy, dataset, "--json"]).lines().len(), 4, "{dataset}");
        let refused = run(&["cp", &store, dataset, &copy]);
        refused.failed(1, &["not in the history that is to be copied"]);
    }
}

#[test]
fn a_damaged_file_is_not_copied() {
    let directory = Directory::new();
    let store = filled(&directory);
    let paths = run(&["files", &store, "plain"]);
    let path = paths.line();
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
    run(&["cp", &store, "plain", &directory.at("copy")]).failed(1, &["CORRUPT", "checksum", "expected"]);
    run(&["ls", &directory.at("copy"), "plain"]).failed(3, &["no snapshot"]);
    run(&["cat", &store, "plain"]).failed(1, &["CORRUPT"]);
}

#[test]
fn a_commit_in_doubt_is_resolved_and_a_fork_is_decided() {
    let directory = Directory::new();
    let store = filled(&directory);
    let head = run(&["log", &store, "plain", "-n", "1", "--json"]);
    let head = json(head.line())["snapshot"].as_str().unwrap().to_owned();
    assert_eq!(run(&["resolve", &store, "plain", &head]).line(), format!("committed: {head}"));
    let never = format!("{}-{}", &head[..19], "0".repeat(16));
    let ended = run(&["resolve", &store, "plain", &never]);
    assert_eq!(ended.line(), format!("not committed, and never will be: {never}"));
    run(&["resolve", &store, "plain", "nonsense"]).failed(1, &["INVALID_ARGUMENT", "nonsense"]);

    // Two first snapshots, as the Go library's concurrent writers leave them.
    let go = |id: &str| {
        let snapshot = directory.path().join(format!("s/datasets/forked/snapshots/{id}"));
        fs::create_dir_all(snapshot.join("data")).unwrap();
        fs::write(snapshot.join("data/data"), "7\n").unwrap();
        let manifest = format!(
            "{{\"schema_name\":\"lode-manifest\",\"format_version\":\"1.0.0\",\"dataset_id\":\"forked\",\
             \"snapshot_id\":\"{id}\",\"created_at\":\"2023-11-14T22:13:20.000000001Z\",\"metadata\":{{}},\"files\":\
             [{{\"path\":\"datasets/forked/snapshots/{id}/data/data\",\"size_bytes\":2}}],\"row_count\":1,\
             \"codec\":\"jsonl\",\"compressor\":\"noop\",\"partitioner\":\"noop\"}}"
        );
        fs::write(snapshot.join("manifest.json"), manifest).unwrap();
    };
    let (one, two) = ("1700000000000000001", "1700000000000000002");
    go(one);
    go(two);
    run_with_input(&["ingest", &store, "forked"], b"8\n").failed(1, &["NEEDS_REPAIR", one, two]);
    assert_eq!(run(&["adopt", &store, "forked", one]).line(), format!("the head is {one}"));
    run_with_input(&["ingest", &store, "forked"], b"8\n").line();
    assert_eq!(run(&["cat", &store, "forked"]).stdout, "8\n");
}

#[test]
fn wrong_usage_is_said_before_anything_is_done() {
    let directory = Directory::new();
    let store = directory.at("s");
    for (arguments, words) in [
        (vec!["ingest", &store], &["DATASET"][..]),
        (vec!["ingest", "ftp://bucket", "d"], &["ftp", "cannot be opened by this build"]),
        (vec!["ingest", &store, "d", "--compress", "lzma"], &["lzma", "zstd"]),
        (vec!["ingest", &store, "d", "--follow"], &["exactly one file"]),
        (vec!["ingest", &store, "d", "--partition-by", "a", "--layout", "flat"], &["hive layout"]),
        (vec!["ingest", &store, "d", "--roll-age", "5"], &["such as"]),
        (vec!["frobnicate"], &["frobnicate"]),
    ] {
        run(&arguments).failed(2, words);
    }
    assert!(!directory.path().join("s").exists());
    run(&["ls", &store]).failed(3, &["NOT_FOUND"]);
    run_with_input(&["ingest", &store, "d", "--level", "99", "--compress", "gzip"], b"")
        .failed(1, &["level", "1 to 9"]);
    run_with_input(&["ingest", &store, "d", "--metadata", "[]"], b"")
        .failed(1, &["--metadata", "METADATA_INVALID"]);
    run_with_input(&["ingest", &store, "a/b", "-"], b"").failed(1, &["dataset id"]);
}

#[test]
fn help_and_version_are_there() {
    assert!(run(&["--version"]).line().starts_with(concat!("lode ", env!("CARGO_PKG_VERSION"))));
    let help = run(&["--help"]);
    assert!(help.stdout.contains("Exit status:") && help.stdout.contains("ingest"), "{help:?}");
}

#[test]
fn the_manual_gives_the_exit_statuses_and_each_subcommand_a_page() {
    let directory = Directory::new();
    let made = Command::new(env!("CARGO_BIN_EXE_lode-pages")).arg(directory.path()).status().unwrap();
    assert!(made.success());
    let page = |name: &str| fs::read_to_string(directory.path().join("man1").join(name)).unwrap();
    let manual = page("lode.1");
    for status in [
        "0    done",
        "1    failed",
        "2    wrong",
        "3    there",
        "4    the commit is in doubt",
        "5    certainly",
    ] {
        assert!(manual.contains(status), "{status}: {manual}");
    }
    assert!(manual.contains("130  interrupted by SIGINT, 143 by SIGTERM"), "{manual}");
    let help = run(&["help"]);
    let commands = help.stdout.split("Commands:").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10 && names.contains(&"help"), "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(page(&format!("lode-{name}.1")).contains("\n.TH lode-"), "{name}");
    }
}

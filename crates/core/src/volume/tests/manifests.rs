//! A volume's manifest: byte for byte as the Go library writes it, and hostile ones are clear errors.

use super::*;
use crate::manifest::{Manifest, ManifestKey};

const ID: &str = "1700000000000000000";

const WRITTEN: &str = r#"{
  "schema_name": "lode-volume-manifest",
  "format_version": "1.0.0",
  "volume_id": "disk",
  "snapshot_id": "1700000000000000000",
  "created_at": "2023-11-14T22:13:20Z",
  "metadata": {
    "by": "go"
  },
  "total_length": 1000,
  "blocks": [
    {
      "offset": 0,
      "length": 10,
      "path": "volumes/disk/data/0-10.bin",
      "checksum": "9c9ea5a1b1c3f1f0d5cd4bd1e1ac0ae5"
    },
    {
      "offset": 20,
      "length": 5,
      "path": "volumes/disk/data/20-5-00000000000000ab.bin"
    }
  ],
  "parent_snapshot_id": "1600000000000000000",
  "checksum_algorithm": "md5"
}"#;

fn parse(text: &str) -> Result<Manifest> {
    let path = Layout::Volume.manifest_path("disk", ID);
    let key = ManifestKey { layout: Layout::Volume, dataset_id: "disk", snapshot_id: ID, path: &path };
    Manifest::parse(Context::unlimited(), text.as_bytes(), key)
}

#[test]
fn a_manifest_is_written_byte_for_byte_as_it_was_read() {
    let manifest = parse(WRITTEN).unwrap();
    let space = manifest.address_space.as_ref().unwrap();
    assert_eq!((space.total_length, space.blocks.len()), (1000, 2));
    assert_eq!(String::from_utf8(manifest.encode().unwrap()).unwrap(), WRITTEN);
    let turned = WRITTEN.replace("\"offset\": 0", "\"offset\": 40").replace("0-10.bin", "40-10.bin");
    let space = parse(&turned).unwrap().address_space.unwrap();
    assert_eq!(space.blocks.as_slice()[0].offset, 20, "blocks are sorted as they are read");
    let unknown = WRITTEN.replacen('{', "{\n  \"later\": [1],", 1);
    assert_eq!(parse(&unknown).unwrap().unknown, [("later".to_owned(), "[1]".to_owned())]);
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        (
            "\"lode-volume-manifest\"",
            "\"lode-manifest\"",
            "field schema_name: expected \"lode-volume-manifest\"",
        ),
        ("\"1.0.0\"", "\"2.0.0\"", "field format_version"),
        ("\"volume_id\": \"disk\"", "\"volume_id\": \"other\"", "field volume_id"),
        ("\"snapshot_id\": \"17", "\"snapshot_id\": \"18", "field snapshot_id"),
        ("\"total_length\": 1000", "\"total_length\": 0", "field total_length"),
        ("\"total_length\": 1000,", "", "field total_length"),
        ("\"total_length\": 1000", "\"total_length\": 24", "field blocks[1]: offset 20 and length 5 exceed"),
        ("\"total_length\": 1000", "\"total_length\": -5", "field total_length: it must not be negative"),
        ("\"total_length\": 1000", "\"total_length\": 9223372036854775808", "field total_length"),
        ("\"metadata\": {\n    \"by\": \"go\"\n  }", "\"metadata\": null", "field metadata"),
        ("\"offset\": 20", "\"offset\": -20", "field blocks[1].offset"),
        ("\"length\": 5", "\"length\": 0", "field blocks[1].length"),
        ("\"length\": 5", "\"length\": 6", "field blocks[1].path"),
        ("\"length\": 5", "\"length\": 18446744073709551615", "field blocks[1].length"),
        ("0-10.bin", "0-11.bin", "field blocks[0].path"),
        ("volumes/disk/data/0-10.bin", "volumes/other/data/0-10.bin", "field blocks[0].path"),
        ("volumes/disk/data/0-10.bin", "../../etc/passwd", "field blocks[0].path"),
        ("volumes/disk/data/0-10.bin", "", "field blocks[0].path"),
        ("-00000000000000ab", "-ab", "field blocks[1].path"),
        ("\"checksum\": \"9c", &format!("\"checksum\": \"{}", "9".repeat(2000)), "field blocks[0].checksum"),
        ("\"offset\": 0", "\"offset\": 0, \"offset\": 0", "it occurs twice"),
        ("\"parent_snapshot_id\"", "\"total_length\"", "it occurs twice"),
    ];
    for (from, to, words) in cases {
        assert!(WRITTEN.contains(from), "{from}");
        let error = parse(&WRITTEN.replacen(from, to, 1)).expect_err(words);
        assert_eq!(error.status(), Status::ManifestInvalid, "{error}");
        assert!(error.message().contains(words), "{words}: {error}");
    }
    let blocks = |json: &str| {
        let (before, rest) = WRITTEN.split_once("\"blocks\": [").unwrap();
        let (_, after) = rest.split_once("  ],\n").unwrap();
        parse(&format!("{before}\"blocks\": {json},\n{after}"))
    };
    for (json, words) in [
        ("null", "field blocks: expected an array, found null"),
        ("{}", "field blocks: expected an array, found an object"),
        ("[7]", "field blocks[0]"),
        ("\"x\"", "field blocks"),
    ] {
        let error = blocks(json).expect_err(words);
        assert!(error.status() == Status::ManifestInvalid && error.message().contains(words), "{error}");
    }
    assert!(blocks("[]").unwrap().address_space.unwrap().blocks.is_empty());
    let overlapping = r#"[{"offset":5,"length":10,"path":"volumes/disk/data/5-10.bin"},
        {"offset":0,"length":6,"path":"volumes/disk/data/0-6.bin"}]"#;
    let error = blocks(overlapping).unwrap_err();
    assert!(error.message().contains("overlaps the block that ends at 6"), "{error}");
    assert!(WRITTEN.len() > 10 && parse(&WRITTEN[..WRITTEN.len() - 1]).is_err());
}

#[test]
fn a_manifest_that_overlaps_is_refused_wherever_it_is_met() {
    let store = memory();
    write(&open(&store), 0, 10);
    let overlapping = WRITTEN.replace("\"offset\": 20", "\"offset\": 5").replace("/20-5-", "/5-5-");
    replace(&store, &Layout::Volume.manifest_path("disk", ID), overlapping.as_bytes());
    let error = open(&store).snapshot(ID, &call()).err().unwrap();
    assert_eq!(error.status(), Status::ManifestInvalid);
}

#[test]
fn a_million_blocks_take_bounded_memory() {
    let mut text = WRITTEN.replace("\"total_length\": 1000", "\"total_length\": 9000000000000");
    let block = |n: u64| {
        let offset = 10_000 + 2 * n;
        format!(
            "{{\"offset\":{offset},\"length\":1,\"path\":\"volumes/disk/data/{offset}-1.bin\",\"checksum\":\"{n:016x}\"}},"
        )
    };
    let many: String = (0..1_000_000).map(block).collect();
    text = text.replacen("\"blocks\": [", &format!("\"blocks\": [{many}"), 1);
    let manifest = parse(&text).unwrap();
    let blocks = &manifest.address_space.as_ref().unwrap().blocks;
    assert_eq!(blocks.len(), 1_000_002);
}

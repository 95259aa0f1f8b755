//! Manifests: ours are the bytes that the Go library would write, and its are read here with the same
//! meaning.

use lode_core::checksum::Checksum;
use lode_core::codec::Codec;
use lode_core::context::Context;
use lode_core::layout::Layout;
use lode_core::manifest::{ColumnStats, FileFormat, FileRef, FileStats, Manifest, ManifestKey, Metadata};

use crate::go::{Directory, Go};

const DATASET: &str = "events & <more>";
const ID: &str = "1700000000123456789-00ff00ff00ff00ff";

fn manifest() -> Manifest {
    let format = FileFormat { codec: Codec::Jsonl, checksum: Checksum::None, ..FileFormat::default() };
    Manifest {
        files: vec![FileRef::new(format!("datasets/{DATASET}/data"), 42)],
        row_count: 1,
        ..Manifest::new(Layout::Default, DATASET, ID, 1_700_000_000_123_456_789, format)
    }
}

/// Reads a manifest of the dataset of these tests.
fn parse(bytes: &[u8], dataset_id: &str, snapshot_id: &str, path: &str) -> lode_core::Result<Manifest> {
    let key = ManifestKey { layout: Layout::Default, dataset_id, snapshot_id, path };
    Manifest::parse(Context::unlimited(), bytes, key)
}

fn column(
    name: &str,
    min: Option<&str>,
    max: Option<&str>,
    null_count: u64,
    distinct_count: u64,
) -> ColumnStats {
    let (min, max) = (min.map(str::to_owned), max.map(str::to_owned));
    ColumnStats { name: name.into(), min, max, null_count, distinct_count }
}

/// The Go library reads our manifest and writes it again: the bytes must be the same.
fn assert_go_agrees(go: &Go, directory: &Directory, what: &str, manifest: &Manifest) {
    let ours = manifest.encode().unwrap();
    let file = directory.file("manifest.json", &ours);
    let theirs = go.text(&["manifest", &file], b"");
    assert_eq!(theirs, String::from_utf8(ours).unwrap(), "{what}");
}

#[test]
fn manifests_are_the_bytes_that_go_writes() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();

    assert_go_agrees(go, &directory, "plain", &manifest());
    let least = Manifest { files: Vec::new(), row_count: 0, codec: None, ..manifest() };
    assert_go_agrees(go, &directory, "least", &least);
    let most = Manifest {
        files: vec![
            FileRef { path: "z".into(), size_bytes: 0, checksum: None, stats: Some(FileStats::default()) },
            FileRef {
                path: "a/é <&> \u{2028}".into(),
                size_bytes: i64::MAX as u64,
                checksum: Some("00ff".into()),
                stats: Some(FileStats {
                    row_count: 3,
                    columns: vec![
                        column("<id>", Some("1"), Some("12.5"), 0, 2),
                        column("text", Some(r#""a\u003c""#), Some(r#""😀""#), 1, 0),
                        column("flag", Some("false"), Some("true"), 0, 0),
                        column("none", None, None, 3, 0),
                    ],
                }),
            },
        ],
        parent_snapshot_id: Some("1699999999999999999".into()),
        row_count: i64::MAX as u64,
        min_timestamp: Some(-1),
        max_timestamp: Some(1_700_000_000_100_000_000),
        compressor: "zstd".into(),
        checksum_algorithm: Some("xxh3".into()),
        ..manifest()
    };
    // The Go library keeps the order that it read; ours is written in the order of the paths.
    assert_go_agrees(go, &directory, "most", &most);
    assert_go_agrees(go, &directory, "noop", &most.noop_of("17", ID, 1_700_000_000_123_456_790));
}

#[test]
fn metadata_are_the_bytes_that_go_writes() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    // Left out: numbers that Go's float64 does not give back as they were written, such as 1.0, 1E5, and
    // integers of more than 53 bits. Ours keep their digits, which the Go library reads as the nearest
    // float64.
    for metadata in [
        "{}",
        r#"{"b":1,"a":{"d":[],"c":{},"":null},"B":[true,false,[1,[2,[3]]],{"x":{"y":{"z":"deep"}}}]}"#,
        r#"{"n":[0,-0,-1,9007199254740992,1.5,-0.000001,1e-7,1e+21,123456789012345680000,1.7976931348623157e+308,5e-324]}"#,
        r#"{"\u0000\u0001\b\f\n\r\t\u001f\u007f\u0080":"\u0000\u0001\b\f\n\r\t\u001f\u007f\u0080"}"#,
        r#"{"<a href=\"x\">&amp;</a>":"\/ \\ \" '"}"#,
        r#"{"\u2027\u2028\u2029\u202a":"\u2027\u2028\u2029\u202a"}"#,
        r#"{"lone":["\ud800","\udc00","\ud800x","\ud83d\ude00","\ud800\ud83d\ude00","\uDBFF\uDFFF","\ufffd\uffff"]}"#,
        r#"{"é":1,"e":2,"😀":3,"\uffff":4,"z":5,"Z":6,"":7,"lode":8}"#,
    ] {
        let manifest = Manifest { metadata: Metadata::parse(metadata).unwrap(), ..manifest() };
        assert_go_agrees(go, &directory, metadata, &manifest);
    }
}

#[test]
fn times_are_the_text_that_go_writes() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let day = 86_400_000_000_000;
    for (i, created_at) in [
        0,
        1,
        -1,
        10,
        100_000_000,
        999_999_999,
        -1_000_000_000,
        day - 1,
        -day,
        951_782_400_000_000_000,
        951_868_800_000_000_000,
        -2_203_891_200_000_000_000,
        4_107_542_399_999_999_999,
        i64::MIN + 1,
        i64::MAX,
        i64::MIN,
    ]
    .into_iter()
    .enumerate()
    {
        // The least number is no time of a record, but may be that of a commit.
        let times = (i64::MIN < created_at).then_some(created_at);
        let manifest = Manifest { created_at, min_timestamp: times, max_timestamp: times, ..manifest() };
        assert_go_agrees(go, &directory, &format!("time {i}: {created_at}"), &manifest);
    }
}

#[test]
fn times_of_rfc_3339_are_read_as_go_reads_them() {
    // What the Go library accepts beside RFC 3339, and never writes.
    const LENIENT: &[&str] = &["2023-11-14T22:13:20,5Z", "2023-11-14T2:13:20Z"];
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let plain = String::from_utf8(manifest().encode().unwrap()).unwrap();
    let mut accepted = 0;
    for text in [
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20.000Z",
        "2023-11-14T22:13:20.12345678901234567890Z",
        "2023-11-14T22:13:20+00:00",
        "2023-11-14T22:13:20-00:00",
        "2023-11-14T22:13:20.5+05:45",
        "2023-11-14T22:13:20-23:59",
        "2023-11-14T22:13:20+24:00",
        "2023-11-14T22:13:20+23:60",
        "2023-11-14T22:13:20+0100",
        "2023-11-14T22:13:20+1:00",
        "2023-11-14T22:13:20",
        "2023-11-14T22:13:20z",
        "2023-11-14t22:13:20Z",
        "2023-11-14 22:13:20Z",
        "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20,5Z",
        "2023-11-14T22:13:60Z",
        "2023-11-14T22:60:20Z",
        "2023-11-14T24:00:00Z",
        "2023-11-14T2:13:20Z",
        "2023-11-14T22:13Z",
        "2023-11-14",
        "2023-11-31T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-1-01T00:00:00Z",
        "+2023-01-01T00:00:00Z",
        "02023-01-01T00:00:00Z",
        " 2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20Z ",
        "",
    ] {
        let altered = plain.replace("2023-11-14T22:13:20.123456789Z", text);
        let file = directory.file("manifest.json", altered.as_bytes());
        let theirs = go.run(&["manifest", &file], b"");
        let ours = parse(altered.as_bytes(), DATASET, ID, "manifest.json");
        let expected = theirs.ok && !LENIENT.contains(&text);
        assert_eq!(ours.is_ok(), expected, "{text:?}: ours {:?}, theirs {}", ours.err(), theirs.stderr);
        let Ok(ours) = ours else { continue };
        accepted += 1;
        // And it is the same time: the Go library keeps the zone, so it is ours that is read by it again.
        let file = directory.file("manifest.json", &ours.encode().unwrap());
        let again = go.text(&["manifest", &file], b"");
        let theirs = parse(&theirs.stdout, DATASET, ID, "theirs").unwrap();
        let again = parse(again.as_bytes(), DATASET, ID, "again").unwrap();
        assert_eq!((theirs.created_at, again.created_at), (ours.created_at, ours.created_at), "{text}");
    }
    assert_eq!(accepted, 9);
}

#[test]
fn manifests_that_go_wrote_are_read_with_equal_values() {
    let Some(go) = Go::find() else { return };
    for (compressor, extension, checksum) in
        [("noop", "", "none"), ("noop", "", "md5"), ("gzip", ".gz", "md5"), ("zstd", ".zst", "none")]
    {
        let directory = Directory::new();
        let root = directory.as_str();
        let write = |records: &[u8], metadata: &str| {
            let id = go.text(&["write", root, "events", compressor, checksum, metadata], records);
            id.trim_end().to_owned()
        };
        let first = write(b"{\"a\":1}\n{\"a\":2}\n", r#"{"z":[1.5,"<é>"],"a":{}}"#);
        let second = write(b"", "{}");

        for (id, parent, rows, metadata) in [
            (&first, None, 2, r#"{"a":{},"z":[1.5,"\u003cé\u003e"]}"#),
            (&second, Some(first.clone()), 0, "{}"),
        ] {
            let path = format!("datasets/events/snapshots/{id}/manifest.json");
            let bytes = std::fs::read(directory.join(&path)).unwrap();
            let manifest = parse(&bytes, "events", id, &path).unwrap();
            assert_eq!(manifest.parent_snapshot_id, parent);
            assert_eq!(manifest.row_count, rows);
            assert_eq!(manifest.metadata.user_json(), metadata);
            assert_eq!(manifest.codec.as_deref(), Some("jsonl"));
            assert_eq!((&*manifest.compressor, &*manifest.partitioner), (compressor, "noop"));
            let algorithm = Some(checksum).filter(|name| *name != "none");
            assert_eq!(manifest.checksum_algorithm.as_deref(), algorithm);
            let [file] = &*manifest.files else { panic!("{:?}", manifest.files) };
            assert_eq!(file.path, format!("datasets/events/snapshots/{id}/data/data{extension}"));
            let data = std::fs::read(directory.join(&file.path)).unwrap();
            assert_eq!(file.size_bytes, data.len() as u64);
            assert_eq!(file.checksum.as_ref().map(String::len), algorithm.map(|_| 32));
            let id_nanos: i64 = id.parse().unwrap();
            assert!(
                (manifest.created_at - id_nanos).abs() < 3_600_000_000_000,
                "{id}: {}",
                manifest.created_at
            );
            // Nothing was lost or changed: ours are the same bytes.
            assert_eq!(String::from_utf8(manifest.encode().unwrap()), String::from_utf8(bytes));
        }
    }
}

#[test]
fn the_null_that_go_writes_for_no_files_is_read_as_none() {
    let Some(go) = Go::find() else { return };
    let directory = Directory::new();
    let null = String::from_utf8(Manifest { files: Vec::new(), ..manifest() }.encode().unwrap()).unwrap();
    let null = null.replace("\"files\": []", "\"files\": null");
    let file = directory.file("manifest.json", null.as_bytes());
    let theirs = go.text(&["manifest", &file], b"");
    assert!(theirs.contains("\"files\": null"), "{theirs}");
    assert_eq!(parse(theirs.as_bytes(), DATASET, ID, "theirs").unwrap().files, []);
}

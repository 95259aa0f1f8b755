use std::error::Error as _;

use super::*;
use crate::checksum::Checksum;
use crate::codec::Codec;
use crate::context::{CallOptions, CancelToken, Context, ProgressListener};
use crate::error::Status;
use crate::layout::Layout;

const PATH: &str = "datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/manifest.json";
const ID: &str = "1700000000123456789-00ff00ff00ff00ff";

/// A manifest with every key.
const FULL: &str = r#"{
  "schema_name": "lode-manifest",
  "format_version": "1.0.0",
  "dataset_id": "events",
  "snapshot_id": "1700000000123456789-00ff00ff00ff00ff",
  "created_at": "2023-11-14T22:13:20.123456789Z",
  "metadata": {
    "a": [
      1,
      {
        "x": 12345678901234567890123
      },
      [],
      {}
    ],
    "é": "\u003ctag\u003e \u2028"
  },
  "files": [
    {
      "path": "datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/data/data",
      "size_bytes": 42,
      "checksum": "0011223344556677",
      "stats": {
        "row_count": 3,
        "columns": [
          {
            "name": "id",
            "min": 1,
            "max": "z \u0026",
            "null_count": 0,
            "distinct_count": 2
          },
          {
            "name": "empty",
            "null_count": 3
          }
        ]
      }
    },
    {
      "path": "datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/data/more",
      "size_bytes": 0,
      "stats": {
        "row_count": 0
      }
    }
  ],
  "parent_snapshot_id": "1699999999000000000",
  "row_count": 3,
  "min_timestamp": "1969-12-31T23:59:59.999999999Z",
  "max_timestamp": "2023-11-14T22:13:20Z",
  "codec": "jsonl",
  "compressor": "noop",
  "partitioner": "noop",
  "checksum_algorithm": "xxh3"
}"#;

fn full() -> Manifest {
    let data = "datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/data";
    let format = FileFormat { codec: Codec::Jsonl, ..FileFormat::default() };
    Manifest {
        metadata: Metadata::parse(r#"{"é":"<tag> \u2028","a":[1,{"x":12345678901234567890123},[],{}]}"#)
            .unwrap(),
        files: vec![
            FileRef {
                path: format!("{data}/data"),
                size_bytes: 42,
                checksum: Some("0011223344556677".into()),
                stats: Some(FileStats {
                    row_count: 3,
                    columns: vec![
                        ColumnStats {
                            name: "id".into(),
                            min: Some("1".into()),
                            max: Some(r#""z \u0026""#.into()),
                            null_count: 0,
                            distinct_count: 2,
                        },
                        ColumnStats { name: "empty".into(), null_count: 3, ..ColumnStats::default() },
                    ],
                }),
            },
            FileRef {
                path: format!("{data}/more"),
                size_bytes: 0,
                checksum: None,
                stats: Some(FileStats::default()),
            },
        ],
        parent_snapshot_id: Some("1699999999000000000".into()),
        row_count: 3,
        min_timestamp: Some(-1),
        max_timestamp: Some(1_700_000_000_000_000_000),
        ..Manifest::new(Layout::Default, "events", ID, 1_700_000_000_123_456_789, format)
    }
}

/// A manifest with no key that may be left out.
fn least() -> Manifest {
    let format = FileFormat { checksum: Checksum::None, ..FileFormat::default() };
    Manifest::new(Layout::Default, "events", ID, 0, format)
}

fn encoded(manifest: &Manifest) -> String {
    String::from_utf8(manifest.encode().unwrap()).unwrap()
}

const KEY: ManifestKey<'static> =
    ManifestKey { layout: Layout::Default, dataset_id: "events", snapshot_id: ID, path: PATH };

fn parse_bytes(bytes: &[u8]) -> crate::Result<Manifest> {
    Manifest::parse(Context::unlimited(), bytes, KEY)
}

fn parse(text: &str) -> crate::Result<Manifest> {
    parse_bytes(text.as_bytes())
}

/// `FULL` with one piece of it replaced.
fn altered(from: &str, to: &str) -> String {
    assert_eq!(FULL.matches(from).count(), 1, "{from:?} must occur once");
    FULL.replacen(from, to, 1)
}

#[test]
fn manifests_are_written_byte_for_byte_and_read_back() {
    assert_eq!(encoded(&full()), FULL);
    assert_eq!(parse(FULL).unwrap(), full());
    let mut turned = full();
    turned.files.reverse();
    assert_eq!(parse(&encoded(&turned)).unwrap().files, turned.files, "files keep their order");

    assert_eq!(
        encoded(&least()),
        r#"{
  "schema_name": "lode-manifest",
  "format_version": "1.0.0",
  "dataset_id": "events",
  "snapshot_id": "1700000000123456789-00ff00ff00ff00ff",
  "created_at": "1970-01-01T00:00:00Z",
  "metadata": {},
  "files": [],
  "row_count": 0,
  "compressor": "noop",
  "partitioner": "noop"
}"#
    );
    assert_eq!(parse(&encoded(&least())).unwrap(), least());
}

#[test]
fn unknown_keys_are_accepted_everywhere_and_kept_at_the_top() {
    let text = encoded(&full())
        .replace("\"codec\":", "\"future\": { \"z\": 1, \"a\": [ ] },\n  \"codec\":")
        .replace("\"size_bytes\": 42", "\"etag\": \"x\", \"size_bytes\": 42")
        .replace("\"name\": \"id\"", "\"kind\": 7, \"name\": \"id\"")
        .replace("\"stats\": {\n        \"row_count\": 3", "\"stats\": {\"bloom\": null, \"row_count\": 3")
        .replace("\"xxh3\"\n}", "\"xxh3\",\n  \"also\": \"\\u003c\"}");
    let manifest = parse(&text).unwrap();
    assert_eq!(
        manifest.unknown,
        [
            ("future".to_owned(), r#"{"z":1,"a":[]}"#.to_owned()),
            ("also".to_owned(), r#""\u003c""#.to_owned())
        ]
    );
    assert_eq!(manifest.files, parse(FULL).unwrap().files);
    let again = encoded(&manifest);
    assert!(
        again.ends_with(
            "\"checksum_algorithm\": \"xxh3\",\n  \"future\": {\n    \"z\": 1,\n    \"a\": []\n  },\n  \"also\": \"\\u003c\"\n}"
        ),
        "{again}"
    );
    assert_eq!(parse(&again).unwrap(), manifest);
}

#[test]
fn what_the_go_library_leaves_out_or_null_reads_as_it_reads_it() {
    let start = FULL.find("\"files\": [").unwrap();
    let end = FULL.find("\"parent_snapshot_id\"").unwrap();
    let no_files = format!("{}\"files\": null,\n  {}", &FULL[..start], &FULL[end..]);
    assert_eq!(parse(&no_files).unwrap().files, []);

    let null = altered("\"row_count\": 3,\n  \"min", "\"row_count\": null,\n  \"min");
    assert_eq!(parse(&null).unwrap().row_count, 0);
    assert_eq!(parse(&altered("\"row_count\": 3,\n  \"min", "\"min")).unwrap().row_count, 0);
    assert_eq!(parse(&altered("\"codec\": \"jsonl\"", "\"codec\": null")).unwrap().codec, None);
    assert_eq!(parse(&altered("\"codec\": \"jsonl\"", "\"codec\": \"\"")).unwrap().codec, None);
    let no_parent = altered("\"1699999999000000000\"", "\"\"");
    assert_eq!(parse(&no_parent).unwrap().parent_snapshot_id, None);
    let null = altered("\"checksum\": \"0011223344556677\"", "\"checksum\": null");
    assert_eq!(parse(&null).unwrap().files[0].checksum, None);
    let null = altered("\"min\": 1", "\"min\": null");
    assert_eq!(parse(&null).unwrap().files[0].stats.as_ref().unwrap().columns[0].min, None);
    let null = altered("\"2023-11-14T22:13:20Z\"", "null");
    assert_eq!(parse(&null).unwrap().max_timestamp, None);
    assert_eq!(parse(&altered("\"1.0.0\"", "\"1.7\"")).unwrap(), parse(FULL).unwrap());

    // Times of records are the caller's, in any zone and of any year.
    let zoned = altered("\"1969-12-31T23:59:59.999999999Z\"", "\"1970-01-01T01:00:00+01:00\"");
    assert_eq!(parse(&zoned).unwrap().min_timestamp, Some(0));
    let far = altered("\"1969-12-31T23:59:59.999999999Z\"", "\"0001-01-01T00:00:00Z\"");
    assert_eq!(parse(&far).unwrap().min_timestamp, Some(i64::MIN + 1));
    let far = altered("\"2023-11-14T22:13:20Z\"", "\"9999-12-31T23:59:59Z\"");
    assert_eq!(parse(&far).unwrap().max_timestamp, Some(i64::MAX));
}

#[test]
fn every_wrong_field_is_named() {
    const CREATED: &str = "\"created_at\": \"2023-11-14T22:13:20.123456789Z\"";
    const FILE: &str =
        "\"path\": \"datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/data/more\"";
    const NUMBER: &str = "\"size_bytes\": 42";
    const ROWS: &str = "\"row_count\": 3,\n  \"min";
    for (from, to, field, what) in [
        ("\"schema_name\": \"lode-manifest\",", "", "schema_name", "missing or empty"),
        ("\"lode-manifest\"", "\"\"", "schema_name", "missing or empty"),
        ("\"lode-manifest\"", "null", "schema_name", "missing or empty"),
        ("\"lode-manifest\"", "7", "schema_name", "expected a string, found a number"),
        ("\"lode-manifest\"", "\"\\ud800\"", "schema_name", "not a valid string"),
        (
            "\"lode-manifest\"",
            "\"lode-volume-manifest\"",
            "schema_name",
            "expected \"lode-manifest\", found \"lode-volume-manifest\"",
        ),
        ("\"format_version\": \"1.0.0\",", "", "format_version", "missing or empty"),
        ("\"1.0.0\"", "\"\"", "format_version", "missing or empty"),
        ("\"1.0.0\"", "\"2.0.0\"", "format_version", "expected 1.x, found \"2.0.0\""),
        ("\"1.0.0\"", "\"10.0\"", "format_version", "expected 1.x, found \"10.0\""),
        ("\"1.0.0\"", "[1]", "format_version", "expected a string, found an array"),
        ("\"dataset_id\": \"events\",", "", "dataset_id", "missing or empty"),
        ("\"events\"", "\"\"", "dataset_id", "missing or empty"),
        ("\"events\"", "\"other\"", "dataset_id", "expected \"events\", as its path says, found \"other\""),
        ("\"snapshot_id\": \"1700000000123456789-00ff00ff00ff00ff\",", "", "snapshot_id", "missing or empty"),
        ("\"1700000000123456789-00ff00ff00ff00ff\"", "\"\"", "snapshot_id", "missing or empty"),
        ("\"1700000000123456789-00ff00ff00ff00ff\"", "\"17\"", "snapshot_id", "found \"17\""),
        (CREATED, "\"x\": 0", "created_at", "it is missing"),
        (CREATED, "\"created_at\": null", "created_at", "it is missing"),
        (CREATED, "\"created_at\": \"\"", "created_at", "found an empty string"),
        (CREATED, "\"created_at\": 17", "created_at", "expected a string, found a number"),
        (
            CREATED,
            "\"created_at\": \"2023-02-29T00:00:00Z\"",
            "created_at",
            "\"2023-02-29T00:00:00Z\" is no RFC 3339 time: ",
        ),
        (
            CREATED,
            "\"created_at\": \"0001-01-01T00:00:00Z\"",
            "created_at",
            "\"0001-01-01T00:00:00Z\" is outside the years 1678 to 2262",
        ),
        (CREATED, "\"created_at\": \"2262-04-11T23:47:16.854775808Z\"", "created_at", "outside the years"),
        ("\"metadata\":", "\"x\":", "metadata", "it is missing or null"),
        ("\"metadata\":", "\"metadata\": null, \"x\":", "metadata", "it is missing or null"),
        ("\"metadata\":", "\"metadata\": [], \"x\":", "metadata", "expected an object, found an array"),
        ("\"metadata\": {", "\"metadata\": {\"a\": 0,", "metadata", "the key \"a\" occurs twice"),
        ("\"files\":", "\"x\":", "files", "it is missing"),
        ("\"files\":", "\"files\": {}, \"x\":", "files", "expected an array, found an object"),
        ("\"files\": [", "\"files\": [null,", "files[0]", "expected an object, found null"),
        (FILE, "\"x\": 0", "files[1].path", "missing or empty"),
        (FILE, "\"path\": \"\"", "files[1].path", "missing or empty"),
        (FILE, "\"path\": \"../../etc/passwd\"", "files[1].path", "would leave the store"),
        (FILE, "\"path\": \"a/../../b\"", "files[1].path", "would leave the store"),
        (FILE, "\"path\": \"/etc/passwd\"", "files[1].path", "begins with '/'"),
        (FILE, "\"path\": \"a\\u0000b\"", "files[1].path", "NUL"),
        (FILE, "\"path\": \"a\", \"path\": \"b\"", "files[1].path", "occurs twice"),
        (
            FILE,
            "\"path\": \"datasets/other/snapshots/1/data/data\"",
            "files[1].path",
            "not a file of this dataset",
        ),
        (FILE, "\"path\": \"datasets/eventsx/data\"", "files[1].path", "lie below \"datasets/events/\""),
        (FILE, "\"path\": \"events/1/data/data\"", "files[1].path", "not a file of this dataset"),
        (FILE, "\"path\": \"datasets/events\"", "files[1].path", "not a file of this dataset"),
        (FILE, "\"Path\": \"a\"", "files[1].Path", "some take it for \"path\""),
        (NUMBER, "\"size_bytes\": -1", "files[0].size_bytes", "must not be negative, found -1"),
        (NUMBER, "\"size_bytes\": -99999999999999999999", "files[0].size_bytes", "must not be negative"),
        (
            NUMBER,
            "\"size_bytes\": 9223372036854775808",
            "files[0].size_bytes",
            "expected at most 9223372036854775807, found 9223372036854775808",
        ),
        (NUMBER, "\"size_bytes\": 1e3", "files[0].size_bytes", "expected a whole number, found 1e3"),
        (NUMBER, "\"size_bytes\": 42.0", "files[0].size_bytes", "expected a whole number, found 42.0"),
        (NUMBER, "\"size_bytes\": \"42\"", "files[0].size_bytes", "expected a whole number"),
        (NUMBER, "\"size_bytes\": 42, \"size_bytes\": 43", "files[0].size_bytes", "occurs twice"),
        ("\"0011223344556677\"", "[]", "files[0].checksum", "expected a string"),
        (
            "\"stats\": {\n        \"row_count\": 3",
            "\"stats\": [], \"x\": {\"row_count\": 3",
            "files[0].stats",
            "expected an object, found an array",
        ),
        (
            "\"row_count\": 3,\n        \"columns\"",
            "\"row_count\": -3,\n        \"columns\"",
            "files[0].stats.row_count",
            "must not be negative, found -3",
        ),
        (
            "\"columns\": [",
            "\"columns\": 7, \"x\": [",
            "files[0].stats.columns",
            "expected an array, found a number",
        ),
        (
            "\"columns\": [",
            "\"columns\": [true,",
            "files[0].stats.columns[0]",
            "expected an object, found a boolean",
        ),
        (
            "\"null_count\": 3",
            "\"null_count\": -1",
            "files[0].stats.columns[1].null_count",
            "must not be negative",
        ),
        (
            "\"distinct_count\": 2",
            "\"distinct_count\": {}",
            "files[0].stats.columns[0].distinct_count",
            "expected a whole number, found {}",
        ),
        ("\"name\": \"empty\"", "\"name\": 1", "files[0].stats.columns[1].name", "expected a string"),
        ("\"1699999999000000000\"", "1699999999000000000", "parent_snapshot_id", "expected a string"),
        (ROWS, "\"row_count\": -1,\n  \"min", "row_count", "must not be negative, found -1"),
        (
            ROWS,
            "\"row_count\": 18446744073709551616,\n  \"min",
            "row_count",
            "expected at most 9223372036854775807",
        ),
        (ROWS, "\"row_count\": true,\n  \"min", "row_count", "expected a whole number, found true"),
        (
            "\"min_timestamp\": \"1969-12-31T23:59:59.999999999Z\"",
            "\"min_timestamp\": \"yesterday\"",
            "min_timestamp",
            "\"yesterday\" is no RFC 3339 time",
        ),
        (
            "\"max_timestamp\": \"2023-11-14T22:13:20Z\"",
            "\"max_timestamp\": 0",
            "max_timestamp",
            "expected a string",
        ),
        ("\"jsonl\"", "{}", "codec", "expected a string, found an object"),
        ("\"compressor\": \"noop\",", "", "compressor", "missing or empty"),
        ("\"compressor\": \"noop\"", "\"compressor\": \"\"", "compressor", "missing or empty"),
        ("\"partitioner\": \"noop\",", "", "partitioner", "missing or empty"),
        ("\"partitioner\": \"noop\"", "\"partitioner\": \"\"", "partitioner", "missing or empty"),
        ("\"xxh3\"", "5", "checksum_algorithm", "expected a string"),
        ("\"xxh3\"", "\"xxh3\", \"codec\": \"jsonl\"", "codec", "it occurs twice"),
        ("\"xxh3\"", "\"xxh3\", \"Codec\": \"jsonl\"", "Codec", "some take it for \"codec\""),
        (
            "\"xxh3\"",
            "\"xxh3\", \"Che\u{212a}sum_algorithm\": 1, \"che\\u0063\u{212a}\u{17f}um_algorithm\": 1",
            "chec\u{212a}\u{17f}um_algorithm",
            "readers differ",
        ),
        ("\"xxh3\"", "\"xxh3\", \"\\u0063odec\": \"jsonl\"", "codec", "it occurs twice"),
    ] {
        let error = parse(&altered(from, to)).unwrap_err();
        assert_eq!(error.status(), Status::ManifestInvalid, "{to}: {error}");
        assert!(error.message().contains(&format!("field {field}: ")), "{to}: {error}");
        assert!(error.message().contains(what), "{to}: {error}");
        assert!(error.message().contains(PATH), "{error}");
        assert_eq!((error.path(), error.snapshot_id()), (Some(PATH), Some(ID)));
        let cause = error.source().and_then(|cause| cause.downcast_ref::<FieldError>()).unwrap();
        assert_eq!(cause.field(), field);
    }
    let error = parse(&altered(CREATED, "\"created_at\": \"2023-02-29T00:00:00Z\"")).unwrap_err();
    let cause = error.source().and_then(|field| field.source()).and_then(|time| time.source());
    assert!(cause.is_some_and(|cause| cause.is::<time::error::Parse>()), "{cause:?}");
    let error = parse("{").unwrap_err();
    assert!(error.source().is_some_and(|cause| cause.is::<serde_json::Error>()));
}

#[test]
fn a_manifest_torn_anywhere_or_followed_by_anything_is_refused() {
    for length in 0..FULL.len() {
        let error = parse_bytes(&FULL.as_bytes()[..length]).unwrap_err();
        assert_eq!(error.status(), Status::ManifestInvalid, "{length}: {error}");
        assert!(error.message().contains(PATH), "{error}");
        if FULL.is_char_boundary(length) {
            assert!(error.message().contains(&format!("ends too early, after {length} bytes")), "{error}");
        }
    }
    for (after, what) in [
        ("\n", "followed by white space"),
        (" \t", "followed by white space"),
        ("\0", "trailing characters"),
        ("{}", "trailing characters"),
        (FULL, "trailing characters"),
    ] {
        let error = parse(&format!("{FULL}{after}")).unwrap_err();
        assert_eq!(error.status(), Status::ManifestInvalid);
        assert!(error.message().contains(what), "{error}");
    }
    for (bytes, what) in [
        (&b"\xef\xbb\xbf{}"[..], "not exactly one JSON object: expected value"),
        (b"[]", "not exactly one JSON object"),
        (b"null", "not exactly one JSON object"),
        (b"{\"a\xff\":1}", "not UTF-8 (at byte 3)"),
        (&[0; 64], "not exactly one JSON object"),
    ] {
        let error = parse_bytes(bytes).unwrap_err();
        assert_eq!(error.status(), Status::ManifestInvalid);
        assert!(error.message().contains(what), "{error}");
    }
}

#[test]
fn hostile_nesting_is_read_on_a_small_stack() {
    let nest = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let text = altered(
        "\"metadata\": {",
        &format!("\"future\": {}, \"metadata\": {{\"deep\": {objects},", nest(1_000_000)),
    )
    .replace("\"min\": 1,", &format!("\"min\": {}, \"x\": {objects},", nest(100_000)));
    let read = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
        let manifest = parse(&text).unwrap();
        // Written again, it is about as long as it was.
        assert!(manifest.encode().unwrap().len() < text.len() * 2);
        assert_eq!(parse(&encoded(&manifest)).unwrap(), manifest);
        manifest.unknown[0].1.len()
    });
    assert_eq!(read.unwrap().join().unwrap(), 2_000_000);
}

/// A manifest of this many files, in the order of their paths.
fn of_files(count: usize) -> Manifest {
    let path = |number| format!("datasets/events/partitions/p={number:07}/segments/{ID}/data/data");
    Manifest {
        files: (0..count)
            .map(|number| FileRef {
                checksum: Some("0011223344556677".into()),
                ..FileRef::new(path(number), 9)
            })
            .collect(),
        ..Manifest::new(Layout::Default, "events", ID, 0, FileFormat::default())
    }
}

#[test]
fn a_long_manifest_is_read_until_the_call_ends() {
    let columns = r#"{"name":"c"},"#.repeat(1000);
    let texts = [
        String::from_utf8(of_files(1000).encode().unwrap()).unwrap(),
        altered("\"metadata\": {", &format!("\"metadata\": {{{}", numbered("\"%\":0,"))),
        altered("\"columns\": [", &format!("\"columns\": [{columns}")),
        altered("\"xxh3\"", &format!("\"xxh3\"{}", numbered(",\"%\":0"))),
    ];
    for text in texts {
        let token = CancelToken::new();
        let cancelled = token.clone();
        let progress = Some(ProgressListener::new(move |_| {
            cancelled.cancel();
            true
        }));
        let options = CallOptions { cancel: Some(token), progress, ..CallOptions::default() };
        // The first check asks for progress, and thereby cancels; the second ends the call.
        let error = Manifest::parse(&Context::start(&options), text.as_bytes(), KEY).unwrap_err();
        assert_eq!((error.status(), error.path()), (Status::Cancelled, Some(PATH)), "{error}");
        let over = CallOptions { deadline: Some(std::time::Duration::ZERO), ..CallOptions::default() };
        let error = Manifest::parse(&Context::start(&over), text.as_bytes(), KEY).unwrap_err();
        assert_eq!((error.status(), error.path()), (Status::Deadline, Some(PATH)), "{error}");
        parse(&text).unwrap();
    }
}

/// A thousand copies of the text, each with a number of its own for `%`, in order.
fn numbered(text: &str) -> String {
    (0..1000).map(|number| text.replace('%', &format!("#{number:04}"))).collect()
}

#[test]
fn many_files_are_read_in_a_vector_that_is_hardly_larger_than_they_are() {
    let manifest = of_files(10_000);
    let again = parse_bytes(&manifest.encode().unwrap()).unwrap();
    assert!(again.files.capacity() < 10_100, "{}", again.files.capacity());
    assert_eq!(again, manifest);
}

#[test]
fn values_that_would_take_many_times_their_text_are_refused() {
    let tiny = |value: &str| value.repeat((32 << 20) / value.len());
    for (from, to, field) in [
        ("\"files\": [", format!("\"files\": [{}", tiny("{\"path\":\"datasets/events/x\"},")), "files["),
        ("\"columns\": [", format!("\"columns\": [{}", tiny("{},")), "files[0].stats.columns["),
        ("\"xxh3\"", format!("\"xxh3\"{}", tiny(",\"\":0")), "field \"\": "),
    ] {
        let error = parse(&altered(from, &to)).unwrap_err();
        assert_eq!(error.status(), Status::ManifestInvalid, "{error}");
        assert!(error.message().contains(field), "{error}");
        assert!(error.message().contains("more than three times the manifest's size"), "{error}");
    }
}

#[test]
fn messages_shorten_what_they_quote() {
    let long = "x".repeat(100_000);
    for (from, to) in [
        ("\"lode-manifest\"", format!("\"{long}\"")),
        ("\"1.0.0\"", format!("\"{long}\"")),
        ("\"events\"", format!("\"{long}\"")),
        ("\"2023-11-14T22:13:20Z\"", format!("\"{long}\"")),
        ("\"size_bytes\": 42", format!("\"size_bytes\": {}", "4".repeat(100_000))),
        ("\"size_bytes\": 42", format!("\"path\": \"{long}\"")),
        ("\"size_bytes\": 0", format!("\"size_bytes\": 0, \"path\": \"datasets/{long}\"")),
    ] {
        let error = parse(&altered(from, &to)).unwrap_err();
        assert!(error.message().len() < 1000, "{}", error.message().len());
    }
    let path = "\"path\": \"datasets/events/snapshots/1700000000123456789-00ff00ff00ff00ff/data/more\"";
    let error = parse(&altered(path, &format!("\"path\": \"datasets/events/{long}\""))).unwrap_err();
    assert!(error.message().contains("files[1].path: it has 100016 bytes"), "{error}");
}

#[test]
fn a_manifest_of_another_version_is_told_by_that_whatever_else_it_holds() {
    for text in [
        altered("\"1.0.0\"", "\"2.0.0\"").replace("\"path\"", "\"paths\""),
        altered("\"1.0.0\"", "\"2.0.0\"").replace("\"files\": [", "\"files\": [7,"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.message().contains("format_version: expected 1.x, found \"2.0.0\""), "{error}");
    }
}

#[test]
fn a_noop_repeats_all_but_id_parent_and_time() {
    let mut parent = full();
    parent.unknown.push(("future".into(), "[1]".into()));
    parent.metadata.set_reserved("lode.producers", "{}");
    let noop = parent.noop_of("1700000000123456790", ID, 1_700_000_000_123_456_790);
    assert_eq!(parent.is_noop(), None);
    assert_eq!(noop.is_noop().as_deref(), Some(ID));
    assert_eq!(noop.metadata.user_json(), parent.metadata.user_json());
    assert_eq!(noop.metadata.value("lode.producers"), Some("{}"));
    let restored = Manifest {
        snapshot_id: parent.snapshot_id.clone(),
        parent_snapshot_id: parent.parent_snapshot_id.clone(),
        created_at: parent.created_at,
        metadata: parent.metadata.clone(),
        ..noop.clone()
    };
    assert_eq!(restored, parent);
    assert_eq!(noop.snapshot_id, "1700000000123456790");
    assert_eq!(noop.parent_snapshot_id.as_deref(), Some(ID));
    assert_eq!(noop.created_at, 1_700_000_000_123_456_790);
    // A noop of a noop names the nearer one.
    assert_eq!(noop.noop_of("x", "1700000000123456790", 0).is_noop().as_deref(), Some("1700000000123456790"));
}

//! Each row of the table of rules in `docs/parquet-arrow.md`, section "What a record's values become".

use super::*;
use crate::error::Status;

/// A schema of one nullable column `v` of this type.
fn of_type(column_type: &str) -> String {
    let json = column_type.strip_prefix("base64 ").map_or("", |_| r#","json":"base64""#);
    let name = column_type.strip_prefix("base64 ").unwrap_or(column_type);
    format!(r#"{{"fields":[{{"name":"v","type":"{name}","nullable":true{json}}}]}}"#)
}

/// What a record becomes: itself read back, or the refusal.
fn outcome(schema: &str, record: &str) -> std::result::Result<String, Error> {
    let dataset = open_parquet(&memory(), columns(schema));
    let mut source = records(&[record]);
    let commit = dataset.stream_write_records(&mut source, Metadata::empty(), CommitOptions::default())?;
    Ok(read(&dataset, &commit.snapshot)?.remove(0))
}

/// What a value becomes.
enum Becomes {
    /// This, read back as JSON.
    Stored(&'static str),
    /// A violation whose message has these words.
    Violation(&'static str),
}
use Becomes::{Stored, Violation};

/// A row of the table: what a record has, the column's types, and what each of some values becomes.
type Rule = (&'static str, &'static [&'static str], &'static [(&'static str, Becomes)]);

const RULES: &[Rule] = &[
    (
        "a fraction for a whole number",
        &["int32", "int64"],
        &[
            ("1.5", Violation("fraction")),
            ("1e-1", Violation("fraction")),
            ("1.0", Stored("1")),
            ("1e3", Stored("1000")),
            ("-0", Stored("0")),
        ],
    ),
    (
        "a number beyond int32",
        &["int32"],
        &[
            ("2147483647", Stored("2147483647")),
            ("-2147483648", Stored("-2147483648")),
            ("2147483648", Violation("range of int32")),
            ("1e10", Violation("range of int32")),
        ],
    ),
    (
        "an int64 beyond 2^53, in digits; a number beyond int64",
        &["int64"],
        &[
            ("9007199254740993", Stored("9007199254740993")),
            ("-9223372036854775808", Stored("-9223372036854775808")),
            ("9223372036854775808", Violation("range of int64")),
            ("1e999", Violation("range of int64")),
        ],
    ),
    (
        "a number beyond float32",
        &["float32"],
        &[
            ("0.1", Stored("0.1")),
            ("16777217", Stored("16777216.0")),
            ("3.5e38", Violation("range of float32")),
        ],
    ),
    (
        "a number beyond float64",
        &["float64"],
        &[
            ("0.1", Stored("0.1")),
            ("1e-400", Stored("0.0")),
            ("7", Stored("7.0")),
            ("0.30000000000000004", Stored("0.30000000000000004")),
            ("1e999", Violation("range of float64")),
            ("-1e400", Violation("range of float64")),
        ],
    ),
    (
        "a string for a number",
        &["int32", "int64", "float32", "float64"],
        &[("\"1\"", Violation("number")), ("true", Violation("number")), ("[1]", Violation("number"))],
    ),
    (
        "a number or a boolean for a string",
        &["string", "bytes", "timestamp"],
        &[("1", Violation("string")), ("false", Violation("string")), ("{\"a\":1}", Violation("string"))],
    ),
    (
        "anything for a boolean",
        &["bool"],
        &[
            ("1", Violation("true or false")),
            ("\"true\"", Violation("true or false")),
            ("false", Stored("false")),
        ],
    ),
    (
        "a timestamp",
        &["timestamp"],
        &[
            ("\"2024-02-29T12:00:00.123456789+02:00\"", Stored("\"2024-02-29T10:00:00.123456789Z\"")),
            ("\"2262-04-11T23:47:16.854775807Z\"", Stored("\"2262-04-11T23:47:16.854775807Z\"")),
            ("\"2262-04-11T23:47:16.854775808Z\"", Violation("1677-09-21 to 2262-04-11")),
            ("\"1600-01-01T00:00:00Z\"", Violation("1677-09-21 to 2262-04-11")),
            ("\"2024-02-30T00:00:00Z\"", Violation("RFC 3339")),
            ("\"2024-02-29T12:00:00.1234567891Z\"", Violation("RFC 3339")),
            ("\"2024-02-29\"", Violation("RFC 3339")),
            ("\"2024-02-29T12:00:00\\u005a\"", Stored("\"2024-02-29T12:00:00Z\"")),
        ],
    ),
    ("bytes as text", &["bytes"], &[("\"\\u00e9\\n\"", Stored("\"é\\n\""))]),
    (
        "bytes as base64",
        &["base64 bytes"],
        &[
            ("\"AP8=\"", Stored("\"AP8=\"")),
            ("\"\\u0041P8=\"", Stored("\"AP8=\"")),
            ("\"AP8\"", Violation("base64")),
            ("\"AP8=x\"", Violation("base64")),
            ("\"A\"", Violation("base64")),
            ("\"_w==\"", Violation("base64")),
            ("\"AP8=\\n\"", Violation("base64")),
            ("7", Violation("base64")),
        ],
    ),
    (
        "half of a surrogate pair",
        &["string"],
        &[("\"\\ud800\"", Stored("\"\u{fffd}\"")), ("\"\\udc00x\"", Stored("\"\u{fffd}x\""))],
    ),
    (
        "null, or nothing, for a column that is nullable",
        &["int32", "int64", "float32", "float64", "string", "bool", "bytes", "base64 bytes", "timestamp"],
        &[("null", Stored("null"))],
    ),
];

#[test]
fn each_value_becomes_what_its_rule_says() {
    for (rule, column_types, values) in RULES {
        for column_type in *column_types {
            for (value, becomes) in *values {
                let found = outcome(&of_type(column_type), &format!(r#"{{"v":{value}}}"#));
                let what = format!("{rule}: {column_type} {value}");
                match (becomes, found) {
                    (Stored(expected), Ok(found)) => {
                        assert_eq!(found, format!(r#"{{"v":{expected}}}"#), "{what}");
                    }
                    (Violation(words), Err(error)) => {
                        assert_eq!(error.status(), Status::SchemaViolation, "{what}: {error}");
                        assert_eq!((error.record(), error.offset()), (Some(0), Some(5)), "{what}: {error}");
                        for word in [words, *value, "\"v\"", "record 0"] {
                            assert!(error.message().contains(word), "{what}: {word:?} is not in {error}");
                        }
                    }
                    (_, found) => panic!("{what}: {found:?}"),
                }
            }
        }
    }
}

#[test]
fn null_and_missing_are_refused_where_the_column_is_not_nullable() {
    let schema = r#"{"fields":[{"name":"v","type":"int64"}]}"#;
    for (record, offset) in [(r#"{"v":null}"#, Some(5)), ("{}", None), (r#"{"V":1}"#, None)] {
        let error = outcome(schema, record).unwrap_err();
        assert_eq!((error.status(), error.offset()), (Status::SchemaViolation, offset), "{record}: {error}");
        assert!(error.message().contains("not nullable") && error.message().contains("\"v\""), "{error}");
    }
    assert!(outcome(schema, "{}").unwrap_err().message().contains("is missing"));
    assert_eq!(outcome(&of_type("int64"), "{}").unwrap(), r#"{"v":null}"#);
}

#[test]
fn an_unknown_field_is_checked_and_ignored() {
    let schema = of_type("int64");
    for record in
        [r#"{"a":{"b":[1,"]}"]},"v":1,"c":"x"}"#, r#"{"v":1,"a":1e9}"#, "\n{ \"a\" : \"\\n\" , \"v\" : 1 } "]
    {
        assert_eq!(outcome(&schema, record).unwrap(), r#"{"v":1}"#, "{record}");
    }
    for record in [r#"{"v":1,"a":1e999}"#, r#"{"v":1,"a":01}"#, "{\"v\":1,\"a\":\"\u{1}\"}"] {
        assert_eq!(outcome(&schema, record).unwrap_err().status(), Status::InvalidRecord, "{record}");
    }
}

#[test]
fn of_a_field_that_occurs_twice_the_last_counts() {
    let schema = of_type("int64");
    assert_eq!(outcome(&schema, r#"{"v":1,"v":2}"#).unwrap(), r#"{"v":2}"#);
    assert_eq!(outcome(&schema, r#"{"v":"x","\u0076":2}"#).unwrap(), r#"{"v":2}"#);
    assert_eq!(outcome(&schema, r#"{"v":1,"v":null}"#).unwrap(), r#"{"v":null}"#);
    assert_eq!(outcome(&schema, r#"{"v":1,"v":"x"}"#).unwrap_err().status(), Status::SchemaViolation);
}

#[test]
fn what_is_not_one_json_document_is_an_invalid_record() {
    let schema = of_type("int64");
    for (record, offset) in [
        (r#"{"v":01}"#, 6),
        (r#"{"v":1,}"#, 7),
        (r#"{"v":1}{"v":2}"#, 7),
        ("", 0),
        (r#"{"v":1"#, 6),
        ("{\"v\":1}x", 7),
    ] {
        let error = outcome(&schema, record).unwrap_err();
        assert_eq!(
            (error.status(), error.offset()),
            (Status::InvalidRecord, Some(offset)),
            "{record}: {error}"
        );
    }
    let mut not_text = br#"{"v":1,"a":"x"}"#.to_vec();
    not_text[12] = 0xff;
    let dataset = open_parquet(&memory(), columns(&schema));
    let mut writer = dataset.record_writer(WriterOptions::default()).unwrap();
    // The second time it comes the way of a record like the one before.
    for _ in 0..2 {
        let error = writer.append(&not_text, None).unwrap_err();
        assert_eq!((error.status(), error.offset()), (Status::InvalidRecord, Some(12)), "{error}");
        writer.append(br#"{"v":1,"a":"x"}"#, None).unwrap();
    }
    for record in ["1", "\"x\"", "[{\"v\":1}]", "null", " true"] {
        let error = outcome(&schema, record).unwrap_err();
        assert_eq!(error.status(), Status::SchemaViolation, "{record}: {error}");
        assert!(error.message().contains("expected an object"), "{error}");
    }
}

/// Records of which the next is read by what the one before has taught.
#[test]
fn records_of_any_shape_mean_the_same_in_any_order() {
    let schema = r#"{"fields":[{"name":"a","type":"int64","nullable":true},{"name":"b","type":"string","nullable":true},
        {"name":"c","type":"float64","nullable":true},{"name":"d","type":"timestamp","nullable":true}]}"#;
    let shapes = [
        (
            r#"{"a":1,"b":"x","c":0.5,"d":"1970-01-01T00:00:00Z"}"#,
            r#"{"a":1,"b":"x","c":0.5,"d":"1970-01-01T00:00:00Z"}"#,
        ),
        (r#"{"a":2,"c":0.5}"#, r#"{"a":2,"b":null,"c":0.5,"d":null}"#),
        (r#"{"d":"1970-01-01T00:00:00Z","a":3}"#, r#"{"a":3,"b":null,"c":null,"d":"1970-01-01T00:00:00Z"}"#),
        (r#"{ "a" : 4 , "b" : "é" }"#, r#"{"a":4,"b":"é","c":null,"d":null}"#),
        (r#"{"z":[1,{}],"b":"\u00e9\"","c":1e2}"#, r#"{"a":null,"b":"é\"","c":100.0,"d":null}"#),
        ("{}", r#"{"a":null,"b":null,"c":null,"d":null}"#),
        (r#"{"a":5,"x":"y","b":"q","z":-1.5e3,"c":1,"d":null}"#, r#"{"a":5,"b":"q","c":1.0,"d":null}"#),
        (
            r#"{"\u0061":6,"c":12345678901234567890}"#,
            r#"{"a":6,"b":null,"c":1.2345678901234567e+19,"d":null}"#,
        ),
    ];
    let dataset = open_parquet(&memory(), columns(schema));
    let mut random = 7_u32;
    let (mut given, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (record, meaning) = shapes[(random >> 16) as usize % shapes.len()];
        given.push(record);
        expected.push(meaning);
    }
    let snapshot = commit(&dataset, &given);
    for (number, (found, expected)) in read(&dataset, &snapshot).unwrap().iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "record {number}");
    }
    assert_eq!(snapshot.manifest().row_count, given.len() as u64);
}

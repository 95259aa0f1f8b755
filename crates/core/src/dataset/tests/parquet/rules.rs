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

fn stored_as(column_type: &str, value: &str, expected: &str) {
    let found = outcome(&of_type(column_type), &format!(r#"{{"v":{value}}}"#));
    assert_eq!(
        found.map_err(|error| error.to_string()),
        Ok(format!(r#"{{"v":{expected}}}"#)),
        "{column_type} {value}"
    );
}

fn violation(column_type: &str, value: &str, words: &str) {
    let error = outcome(&of_type(column_type), &format!(r#"{{"v":{value}}}"#)).unwrap_err();
    assert_eq!(error.status(), Status::SchemaViolation, "{column_type} {value}: {error}");
    assert_eq!((error.record(), error.offset()), (Some(0), Some(5)), "{error}");
    let shown = if value.len() <= 64 { value } else { &value[..20] };
    for word in [words, shown, "\"v\"", "record 0"] {
        assert!(error.message().contains(word), "{column_type} {value}: {word:?} is not in {error}");
    }
}

#[test]
fn a_fraction_for_a_whole_number_is_refused_and_a_whole_number_may_be_written_in_any_way() {
    for column_type in ["int32", "int64"] {
        violation(column_type, "1.5", "fraction");
        violation(column_type, "1e-1", "fraction");
        stored_as(column_type, "1.0", "1");
        stored_as(column_type, "1e3", "1000");
        stored_as(column_type, "-0", "0");
    }
}

#[test]
fn whole_numbers_beyond_the_type_are_refused_and_those_beyond_2_to_the_53_are_exact() {
    stored_as("int32", "2147483647", "2147483647");
    stored_as("int32", "-2147483648", "-2147483648");
    violation("int32", "2147483648", "range of int32");
    violation("int32", "1e10", "range of int32");
    stored_as("int64", "9007199254740993", "9007199254740993");
    stored_as("int64", "-9223372036854775808", "-9223372036854775808");
    violation("int64", "9223372036854775808", "range of int64");
    violation("int64", "1e999", "range of int64");
}

#[test]
fn floats_are_the_nearest_and_those_beyond_the_type_are_refused() {
    stored_as("float32", "0.1", "0.1");
    stored_as("float32", "16777217", "16777216.0");
    violation("float32", "3.5e38", "range of float32");
    stored_as("float64", "0.1", "0.1");
    stored_as("float64", "1e-400", "0.0");
    stored_as("float64", "7", "7.0");
    stored_as("float64", "0.30000000000000004", "0.30000000000000004");
    violation("float64", "1e999", "range of float64");
    violation("float64", "-1e400", "range of float64");
}

#[test]
fn strings_are_no_numbers_and_numbers_no_strings() {
    for column_type in ["int32", "int64", "float32", "float64"] {
        violation(column_type, "\"1\"", "number");
        violation(column_type, "true", "number");
        violation(column_type, "[1]", "number");
    }
    for column_type in ["string", "bytes", "timestamp"] {
        violation(column_type, "1", "string");
        violation(column_type, "false", "string");
        violation(column_type, "{\"a\":1}", "string");
    }
    violation("bool", "1", "true or false");
    violation("bool", "\"true\"", "true or false");
    stored_as("bool", "false", "false");
}

#[test]
fn a_timestamp_is_rfc_3339_of_any_offset_within_the_range() {
    stored_as("timestamp", "\"2024-02-29T12:00:00.123456789+02:00\"", "\"2024-02-29T10:00:00.123456789Z\"");
    stored_as("timestamp", "\"2262-04-11T23:47:16.854775807Z\"", "\"2262-04-11T23:47:16.854775807Z\"");
    violation("timestamp", "\"2262-04-11T23:47:16.854775808Z\"", "1677-09-21 to 2262-04-11");
    violation("timestamp", "\"1600-01-01T00:00:00Z\"", "1677-09-21 to 2262-04-11");
    violation("timestamp", "\"2024-02-30T00:00:00Z\"", "RFC 3339");
    violation("timestamp", "\"2024-02-29T12:00:00.1234567891Z\"", "RFC 3339");
    violation("timestamp", "\"2024-02-29\"", "RFC 3339");
    stored_as("timestamp", "\"2024-02-29T12:00:00\\u005a\"", "\"2024-02-29T12:00:00Z\"");
}

#[test]
fn bytes_are_a_text_or_base64_as_declared() {
    stored_as("bytes", "\"\\u00e9\\n\"", "\"é\\n\"");
    stored_as("base64 bytes", "\"AP8=\"", "\"AP8=\"");
    stored_as("base64 bytes", "\"\\u0041P8=\"", "\"AP8=\"");
    for broken in ["\"AP8\"", "\"AP8=x\"", "\"A\"", "\"_w==\"", "\"AP8=\\n\""] {
        violation("base64 bytes", broken, "base64");
    }
    violation("base64 bytes", "7", "base64");
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
    stored_as("int64", "null", "null");
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

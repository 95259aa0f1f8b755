//! Records to lines and back.

use super::Encoder as Jsonl;
use crate::codec::lines::{last_line, next_line};
use crate::codec::{Encoder, MAX_RECORD_BYTES_DEFAULT, Rejection};
use crate::dataset::DatasetOptions;

fn encoder(max_record_bytes: u64) -> Jsonl {
    let options = DatasetOptions { max_record_bytes, ..DatasetOptions::default() };
    Jsonl::new(&options.encoder_options(false)).unwrap()
}

fn encode(record: &[u8], limit: u64) -> Result<Vec<u8>, Rejection> {
    let mut out = b"before".to_vec();
    let result = encoder(limit).encode(record, &mut out);
    match result {
        Ok(()) => Ok(out.strip_prefix(b"before").expect("what was there stays").to_vec()),
        Err(rejection) => {
            assert_eq!(out, b"before", "a rejected record leaves nothing");
            Err(rejection)
        }
    }
}

#[test]
fn a_record_becomes_a_line_and_keeps_its_bytes() {
    for record in [r#"{"b":1,"a":1.0}"#, " [ 1 ,\t2 ] ", "\"\\u00e9é\\n\"", "null", r#"{"a":1,"a":2}"#] {
        assert_eq!(encode(record.as_bytes(), 100).unwrap(), format!("{record}\n").as_bytes());
    }
}

#[test]
fn line_breaks_between_tokens_are_removed_and_nothing_else() {
    for (record, line) in [
        ("{\"a\":1}\n", "{\"a\":1}\n"),
        ("{\"a\":1}\r\n", "{\"a\":1}\n"),
        ("\r\n\n1\r", "1\n"),
        ("{\n  \"a\": [\r\n    1,\n    \"x\\n\\ry\"\n  ]\n}", "{  \"a\": [    1,    \"x\\n\\ry\"  ]}\n"),
        ("[1\n,\n2\n]", "[1,2]\n"),
    ] {
        let encoded = encode(record.as_bytes(), 100).unwrap();
        assert_eq!(String::from_utf8(encoded).unwrap(), line, "{record:?}");
    }
}

#[test]
fn invalid_records_are_rejected_with_their_fault() {
    for (record, offset) in
        [("", 0), ("  ", 2), ("1 2", 2), ("{\"a\":1", 6), ("[1\n\n,]", 5), ("\"a\nb\"", 2)]
    {
        match encode(record.as_bytes(), 100) {
            Err(Rejection::InvalidRecord(fault)) => assert_eq!(fault.offset, offset, "{record:?}"),
            other => panic!("{record:?}: {other:?}"),
        }
    }
}

#[test]
fn the_limit_counts_the_bytes_stored_without_the_line_break() {
    assert_eq!(encode(b"\"234567\"", 8).unwrap(), b"\"234567\"\n");
    assert_eq!(encode(b"\"2345678\"", 8), Err(Rejection::TooLarge { len: 9, limit: 8 }));
    assert_eq!(encode(b"\r\n\"234567\"\r\n\n\n", 8).unwrap(), b"\"234567\"\n");
    assert_eq!(encode(b"\n\"2345678\"\n", 8), Err(Rejection::TooLarge { len: 9, limit: 8 }));
    // Too large is said first: what is too large is not looked at.
    assert_eq!(encode(b"not JSON at all", 8), Err(Rejection::TooLarge { len: 15, limit: 8 }));
    assert_eq!(encode(b"1", 0), Err(Rejection::TooLarge { len: 1, limit: 0 }));
    assert_eq!(encode(b"1", u64::MAX).unwrap(), b"1\n");
}

#[test]
fn the_longest_record_and_its_line_break_fill_ten_mebibytes() {
    let longest = [b"\"", &b"x".repeat(10 * 1024 * 1024 - 3)[..], b"\""].concat();
    assert_eq!(encode(&longest, MAX_RECORD_BYTES_DEFAULT).unwrap().len(), 10 * 1024 * 1024);
    let longer = [&longest[..], b" "].concat();
    let rejection = encode(&longer, MAX_RECORD_BYTES_DEFAULT).unwrap_err();
    assert_eq!(rejection, Rejection::TooLarge { len: 10 * 1024 * 1024, limit: 10 * 1024 * 1024 - 1 });
}

#[test]
fn a_buffer_with_room_is_not_moved() {
    let mut out = Vec::with_capacity(1000);
    let (place, capacity) = (out.as_ptr(), out.capacity());
    let mut encoder = encoder(100);
    let record = b"{\"abc\":12\n}";
    while out.len() + record.len() < capacity {
        encoder.encode(record, &mut out).unwrap();
    }
    assert!(out.len() > 900);
    assert_eq!((out.as_ptr(), out.capacity()), (place, capacity));
}

/// All lines of `data` when `window` bytes more are seen at a time.
fn lines(data: &[u8], window: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |line: &[u8]| found.push(String::from_utf8(line.to_vec()).unwrap());
    let mut start = 0;
    for end in (window..data.len()).step_by(window).chain([data.len()]) {
        loop {
            let buffered = &data[start..end];
            let (line, consumed) = next_line(buffered);
            start += consumed;
            match line {
                Some(line) => take(&buffered[line]),
                None => break,
            }
        }
    }
    if let Some(line) = last_line(&data[start..]) {
        take(&data[start..][line]);
    }
    found
}

#[test]
fn lines_are_split_as_the_reference_splits_them() {
    for (data, expected) in [
        ("", &[][..]),
        ("\n", &[]),
        ("\r", &[]),
        ("\n\n\r\n\n", &[]),
        ("1", &["1"]),
        ("1\n", &["1"]),
        ("1\r\n", &["1"]),
        ("1\r", &["1"]),
        ("1\n2", &["1", "2"]),
        ("\n\n1\n\r\n\n2\n\n", &["1", "2"]),
        ("1\r\r\n", &["1\r"]),
        ("\r\r\n1", &["\r", "1"]),
        ("a\rb\nc", &["a\rb", "c"]),
        (" \n1\n", &[" ", "1"]),
    ] {
        for window in 1..=data.len().max(1) {
            assert_eq!(lines(data.as_bytes(), window), expected, "{data:?}, {window} at a time");
        }
    }
}

#[test]
fn blank_lines_are_consumed_though_no_line_follows() {
    assert_eq!(next_line(b"\n\r\n\nabc"), (None, 4));
    assert_eq!(next_line(b"\n\nab\r\nc"), (Some(2..4), 6));
    assert_eq!(next_line(b"abc"), (None, 0));
}

/// A line taken at once is what finding the line first and encoding it then gives, and every plain record is
/// taken so.
#[test]
fn a_line_taken_at_once_is_the_line_that_is_found_and_encoded() {
    const PARTS: [&[u8]; 24] = [
        b"{\"key\":",
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"a\"",
        b"\"",
        b":",
        b",",
        b"1",
        b"-0.5",
        b"e9",
        b"null",
        b" ",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\t",
        b"\\n",
        "\"\u{e9}\"".as_bytes(),
        b"\xc3",
        b"\0",
        b"\"a text of more than sixteen bytes\"",
    ];
    let mut random = 1_u32;
    let mut next = move |below: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % below
    };
    let mut pairs = [3, 100].map(|limit| (encoder(limit), encoder(limit)));
    let (mut taken, mut left) = (0, 0);
    for round in 0..400_000 {
        let mut data = Vec::new();
        for _ in 0..=next(if round % 2 == 0 { 4 } else { 12 }) {
            data.extend_from_slice(PARTS[next(PARTS.len())]);
        }
        data.extend_from_slice([&b""[..], b"\n"][next(2)]);
        let (fast, slow) = &mut pairs[next(2)];
        let (mut at_once, mut expected) = (Vec::with_capacity(200), Vec::new());
        let said = fast.encode_line(&data, &mut at_once);
        let (line, len) = next_line(&data);
        let plain = line.filter(|line| {
            let record = &data[line.clone()];
            line.start == 0
                && !record.contains(&b'\r')
                && !matches!(record.last(), Some(b' ' | b'\t'))
                && slow.encode(record, &mut expected).is_ok()
        });
        assert_eq!(said, plain.map(|line| (line.len(), len)), "{:?}", String::from_utf8_lossy(&data));
        assert_eq!(at_once, expected);
        if said.is_some() { taken += 1 } else { left += 1 }
    }
    assert!(taken > 10_000 && left > 10_000, "{taken} {left}");
}

#[test]
fn a_line_for_which_there_is_no_room_is_left_alone() {
    let mut out = Vec::with_capacity(8);
    let mut encoder = encoder(100);
    assert_eq!(encoder.encode_line(b"\"234567\"\n", &mut out), None);
    assert_eq!(encoder.encode_line(b"234567\n", &mut out), Some((6, 7)));
    assert_eq!((&out[..], out.capacity()), (&b"234567\n"[..], 8));
}

//! Records become lines, and the lines are the records. The input is a limit, then records parted by the byte
//! 0xff.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::fuzzing::{Encoder, Rejection, jsonl_encoder, last_line, next_line};
use serde_json::Value;

/// All lines of `data`, as a reader finds them whose buffer grows by `step` bytes.
fn lines(data: &[u8], step: usize) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let (mut start, mut end) = (0, 0);
    loop {
        let (line, consumed) = next_line(&data[start..end]);
        assert!(consumed <= end - start);
        if let Some(line) = line {
            assert!(line.end < consumed);
            lines.push(&data[start..][line]);
            start += consumed;
            continue;
        }
        start += consumed;
        if end == data.len() {
            break;
        }
        end = data.len().min(end + step);
    }
    lines.extend(last_line(&data[start..]).map(|line| &data[start..][line]));
    lines
}

fuzz_target!(|data: &[u8]| {
    let Some((&limit, records)) = data.split_first() else { return };
    let limit = u64::from(limit) * 4 + 1;
    let mut encoder = jsonl_encoder(limit);
    let mut out = Vec::new();
    let mut expected: Vec<Vec<u8>> = Vec::new();
    for record in records.split(|byte| *byte == 0xff) {
        let before = out.len();
        let stored: Vec<u8> = record.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
        match encoder.encode(record, &mut out) {
            Ok(()) => {
                assert!(stored.len() as u64 <= limit);
                if let Ok(meaning) = serde_json::from_slice::<Value>(record) {
                    assert_eq!(serde_json::from_slice::<Value>(&stored).unwrap(), meaning);
                }
                expected.push(stored);
            }
            Err(rejection) => {
                assert_eq!(out.len(), before, "a refused record left bytes: {rejection:?}");
                if let Rejection::TooLarge { len, limit: told } = rejection {
                    assert!(told == limit && len > limit && len == stored.len() as u64, "{rejection:?}");
                }
            }
        }
    }
    assert_eq!(lines(&out, 7), expected);
    assert_eq!(lines(&out, out.len().max(1)), expected);

    // Any bytes as lines: one that is taken at once is the one that is found and encoded.
    let mut rest = records;
    loop {
        let (mut at_once, mut found) = (Vec::with_capacity(rest.len() + 1), Vec::new());
        let (line, len) = next_line(rest);
        if let Some((record, taken)) = encoder.encode_line(rest, &mut at_once) {
            assert_eq!((Some(0..record), len), (line.clone(), taken));
            encoder.encode(&rest[..record], &mut found).unwrap();
            assert_eq!(at_once, found);
        }
        if line.is_none() {
            break;
        }
        rest = &rest[len..];
    }

    // Any bytes as a file.
    let naive: Vec<&[u8]> = records
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines(records, 3), naive);
});

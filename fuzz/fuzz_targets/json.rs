//! The check of a document against another parser. The differences are those that `codec::json` documents:
//! numbers beyond a float64, and nesting beyond 10,000 levels.
#![no_main]

use std::collections::BTreeMap;
use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use lode_core::fuzzing::{Checker, Document, Fault};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

fn judge(document: &[u8]) -> bool {
    std::str::from_utf8(document).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The number that begins at `start`: as long as it can be.
fn number(document: &[u8], start: usize) -> Range<usize> {
    let of_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let len = document[start..].iter().position(|byte| !of_number(byte));
    start..len.map_or(document.len(), |len| start + len)
}

fn value(document: &[u8], number: Range<usize>) -> Option<f64> {
    std::str::from_utf8(&document[number]).ok()?.parse().ok()
}

/// All numbers of a valid document have a float64.
fn numbers_are_finite(document: &[u8]) {
    let mut at = 0;
    while at < document.len() {
        match document[at] {
            b'"' => {
                at += 1;
                while document[at] != b'"' {
                    at += if document[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let number = number(document, at);
                at = number.end;
                assert!(
                    value(document, number.clone()).is_some_and(f64::is_finite),
                    "accepted: the number at {number:?}"
                );
            }
            _ => at += 1,
        }
    }
}

/// A checker that finds members gives the same verdict, and the values that another parser finds, when it is
/// used again, too.
fn finds_members(document: &[u8], verdict: &Result<Document, Fault>) {
    // Lone surrogates in keys are read by this library, and refused by the other.
    let text = std::str::from_utf8(document).ok().filter(|_| verdict.is_ok());
    let members = text.and_then(|text| serde_json::from_str::<BTreeMap<String, &RawValue>>(text).ok());
    let members = members.unwrap_or_default();
    let keys: Vec<String> = members.keys().take(200).cloned().collect();
    let mut checker = Checker::new(&keys).unwrap();
    for _ in 0..2 {
        assert_eq!(checker.check(document), *verdict);
        for (key, value) in keys.iter().zip(checker.values(document)) {
            let (begin, len) = value.expect("a key that is there");
            assert_eq!(&document[begin..begin + len], members[key].get().as_bytes(), "{key:?}");
        }
    }
}

fuzz_target!(|document: &[u8]| {
    let mut checker = Checker::new(&[]).unwrap();
    let verdict = checker.check(document);
    match &verdict {
        Ok(verdict) => {
            assert!(judge(document), "accepted");
            numbers_are_finite(document);
            assert_eq!(verdict.has_line_breaks, document.iter().any(|byte| matches!(byte, b'\n' | b'\r')));
        }
        Err(Fault { offset, reason }) if reason.contains("float64") => {
            // A fault may follow the number at once: its longest beginning that is a number counts.
            let whole = number(document, *offset);
            let longest = (whole.start + 1..=whole.end).rev().find_map(|end| value(document, *offset..end));
            assert_eq!(longest.map(f64::abs), Some(f64::INFINITY), "refused at {offset}: {reason}");
        }
        Err(Fault { offset, reason }) if reason.contains("10,000 levels") => {
            let opened = document[..*offset].iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
            assert!(opened >= 10_000, "refused at {offset}: {reason}");
        }
        Err(Fault { offset, reason }) => {
            assert!(!judge(document), "refused at {offset}: {reason}");
            assert!(*offset <= document.len());
            // What stands before the fault is no fault yet, and the fault does not come from what follows it.
            if let Err(earlier) = checker.check(&document[..*offset]) {
                let unfinished = earlier.offset == *offset || earlier.reason.contains("float64");
                assert!(unfinished, "at {offset}: {reason}; without the rest: {earlier:?}");
            }
            if *offset < document.len() {
                let until = checker.check(&document[..=*offset]).map_err(|fault| fault.offset);
                assert_eq!(until, Err(*offset), "{reason}");
            }
        }
    }
    // A checker that was used before gives the same verdict.
    assert_eq!(checker.check(document), verdict);
    finds_members(document, &verdict);
});

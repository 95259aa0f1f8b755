//! Another parser as the judge: the same verdict on very many mutated documents.

use serde::de::IgnoredAny;

use crate::codec::json::{Checker, Fault, fault};

/// A small, seeded generator (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

const STRINGS: &[&str] = &[
    "",
    "a",
    "tailnum",
    "eight by",
    "sixteen byte txt",
    "a longer text, of more than thirty-two bytes",
    "\\n",
    "x\\u00e9\\ud83d\\ude00",
    "\\\\\\\"",
    "é€😀",
    "\\/",
    "plain then \\t escape",
];

const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "1",
    "517",
    "-2",
    "12345678",
    "123456789012345678901",
    "0.5",
    "2.25",
    "1e3",
    "-1.5E-7",
    "3e+20",
    "0.00000000001",
];

fn value(random: &mut Random, depth: usize, out: &mut String) {
    let space = |random: &mut Random, out: &mut String| {
        if random.below(12) == 0 {
            out.push([' ', '\n', '\t', '\r'][random.below(4)]);
        }
    };
    space(random, out);
    match random.below(if depth < 5 { 10 } else { 6 }) {
        0 => out.push_str(["true", "false", "null"][random.below(3)]),
        1..=3 => out.push_str(NUMBERS[random.below(NUMBERS.len())]),
        4 | 5 => {
            out.push('"');
            out.push_str(STRINGS[random.below(STRINGS.len())]);
            out.push('"');
        }
        kind => {
            let is_object = kind != 9;
            out.push(if is_object { '{' } else { '[' });
            for member in 0..random.below(6) {
                if member > 0 {
                    out.push(',');
                }
                if is_object {
                    space(random, out);
                    out.push('"');
                    out.push_str(STRINGS[random.below(STRINGS.len())]);
                    out.push('"');
                    space(random, out);
                    out.push(':');
                }
                value(random, depth + 1, out);
            }
            space(random, out);
            out.push(if is_object { '}' } else { ']' });
        }
    }
    space(random, out);
}

pub(super) fn mutate(random: &mut Random, document: &mut Vec<u8>) {
    const INTERESTING: &[u8] =
        b"{}[]\",:\\ \n\r\t0123456789.eE+-tfnu/abx\x00\x01\x1f\x20\x7f\x80\xbf\xc3\xe2\xed\xf0\xff";
    if document.is_empty() {
        return;
    }
    let at = random.below(document.len());
    let byte = INTERESTING[random.below(INTERESTING.len())];
    match random.below(5) {
        0 => document[at] = byte,
        1 => document.insert(at, byte),
        2 => drop(document.remove(at)),
        3 => document.truncate(at),
        _ => {
            let to = random.below(document.len());
            document.swap(at, to);
        }
    }
}

/// The other parser's verdict, strict about UTF-8 as we are.
fn judge(document: &[u8]) -> bool {
    std::str::from_utf8(document).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

#[test]
fn verdicts_agree_with_another_parser() {
    let mut random = Random(0x10de);
    let mut checker = Checker::new(&[]).unwrap();
    let mut document = String::new();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..25_000 {
        document.clear();
        value(&mut random, 0, &mut document);
        let mut bytes = document.clone().into_bytes();
        for _ in 0..8 {
            let verdict = checker.check(&bytes);
            let expected = judge(&bytes);
            let text = String::from_utf8_lossy(&bytes);
            match verdict {
                // The one difference that these documents can come to: numbers that no float64 holds.
                Err(Fault { reason: fault::TOO_LARGE, offset }) => {
                    // The longest number there, since a fault may follow it at once.
                    let number = (offset + 1..=bytes.len())
                        .rev()
                        .filter_map(|end| std::str::from_utf8(&bytes[offset..end]).ok()?.parse::<f64>().ok())
                        .next();
                    assert_eq!(number.map(f64::abs), Some(f64::INFINITY), "{text:?} at {offset}");
                }
                verdict => {
                    assert_eq!(verdict.is_ok(), expected, "{text:?}: {verdict:?}");
                    if let Ok(verdict) = verdict {
                        let has = bytes.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
                        assert_eq!(verdict.has_line_breaks, has, "{text:?}");
                    }
                }
            }
            if expected {
                accepted += 1
            } else {
                refused += 1
            }
            mutate(&mut random, &mut bytes);
        }
    }
    assert!(accepted > 25_000 && refused > 60_000, "one-sided: {accepted} accepted, {refused} refused");
}

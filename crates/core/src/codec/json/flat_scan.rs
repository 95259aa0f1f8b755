//! The length of one scalar of a document that was not checked, for passes that extract values while they
//! check. What they accept is what the check of a document accepts, but for the range of numbers and for
//! UTF-8.

use super::block::{self, Block};

/// A string at the beginning of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringLen {
    /// Its length with both quotes.
    pub len: usize,
    /// Whether it has escapes.
    pub escapes: bool,
    /// Whether bytes above 0x7f may be in it; certainly none is if not.
    pub non_ascii: bool,
}

/// The string whose opening quote `bytes` begin with; `None` if it is not valid or does not end.
#[inline(always)]
pub fn string_len(bytes: &[u8]) -> Option<StringLen> {
    let mut at = 1;
    let mut escapes = false;
    let mut seen = Block::zero();
    loop {
        let Some(ahead) = bytes.get(at..).and_then(<[u8]>::first_chunk::<{ block::LEN }>) else {
            return end_of_string(bytes, at, escapes, seen.has_non_ascii());
        };
        let block = Block::load(ahead);
        seen = seen.or(block);
        let Some(place) = block.first_special() else {
            at += block::LEN;
            continue;
        };
        at += place;
        match ahead[place] {
            b'"' => return Some(StringLen { len: at + 1, escapes, non_ascii: seen.has_non_ascii() }),
            b'\\' => {
                escapes = true;
                at += escape_len(&bytes[at..])?;
            }
            _ => return None,
        }
    }
}

/// The same for the rest of a string that is within the last bytes.
fn end_of_string(bytes: &[u8], mut at: usize, mut escapes: bool, mut non_ascii: bool) -> Option<StringLen> {
    loop {
        match *bytes.get(at)? {
            b'"' => return Some(StringLen { len: at + 1, escapes, non_ascii }),
            b'\\' => {
                escapes = true;
                at += escape_len(&bytes[at..])?;
            }
            0..=0x1f => return None,
            byte => {
                non_ascii |= byte > 0x7f;
                at += 1;
            }
        }
    }
}

/// The length of the escape that `bytes` begin with.
fn escape_len(bytes: &[u8]) -> Option<usize> {
    match bytes.get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => bytes.get(2..6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
        _ => None,
    }
}

/// The length of the number that `bytes` begin with, of any range; `None` if it is not valid.
pub fn number_len(bytes: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let run = bytes.get(from..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (run > 0).then_some(from + run)
    };
    let first = usize::from(*bytes.first()? == b'-');
    let mut end = digits(first)?;
    if bytes[first] == b'0' && end > first + 1 {
        return None;
    }
    if bytes.get(end) == Some(&b'.') {
        end = digits(end + 1)?;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        end = digits(end + 1 + sign)?;
    }
    Some(end)
}

/// The length of `literal`, if `bytes` begin with it.
#[inline(always)]
pub fn literal_len(bytes: &[u8], literal: &[u8]) -> Option<usize> {
    bytes.starts_with(literal).then_some(literal.len())
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::*;

    /// Whether the check of documents accepts exactly the first `len` bytes, and no scalar that begins like
    /// this.
    fn agrees(bytes: &str, len: Option<usize>) {
        let mut checker = Checker::new(&[]).unwrap();
        match len {
            Some(len) => {
                assert!(checker.check(&bytes.as_bytes()[..len]).is_ok(), "{bytes}: {len}");
            }
            None => {
                assert!(checker.check(bytes.as_bytes()).is_err(), "{bytes} is valid");
            }
        }
    }

    #[test]
    fn numbers_are_those_of_the_check() {
        for number in [
            "0", "-0", "10", "-12.5", "0.001", "1e5", "1E+5", "1e-05", "01", "-", "", "+1", ".5", "1.",
            "1.e5", "1e", "1e+", "--1", "-a",
        ] {
            agrees(number, number_len(number.as_bytes()));
            let followed = format!("{number},1");
            assert_eq!(number_len(followed.as_bytes()), number_len(number.as_bytes()), "{number}");
        }
    }

    #[test]
    fn strings_are_those_of_the_check_wherever_they_end() {
        let inner = [
            "",
            "a",
            "\\n",
            "\\\\",
            "\\\"",
            "\\u00e9",
            "\\ud800",
            "\\u12G4",
            "\\x",
            "\\",
            "\u{1}",
            "\t",
            "é",
            "\u{7f}",
            "0123456789abcde",
            "0123456789abcdef",
            "0123456789abcdef\\",
            "0123456789abcd\\u00e9",
        ];
        for inner in inner {
            for before in 0..20 {
                for after in [0, 1, 40] {
                    let string = format!("\"{}{inner}\"", "x".repeat(before));
                    let found = string_len(format!("{string}{}", " ".repeat(after)).as_bytes());
                    if let Some(found) = found {
                        assert_eq!(found.len, string.len(), "{string}");
                        assert_eq!(found.escapes, string.contains('\\'), "{string}");
                        assert!(found.non_ascii || string.is_ascii(), "{string}");
                    }
                    agrees(&string, found.map(|found| found.len));
                }
            }
        }
        assert_eq!(string_len(b"\"open"), None);
        assert_eq!(string_len(b"\"a quite long string that never ends"), None);
    }

    #[test]
    fn literals_are_told_from_what_begins_like_them() {
        assert_eq!(literal_len(b"true,", b"true"), Some(4));
        assert_eq!(literal_len(b"tru", b"true"), None);
    }
}

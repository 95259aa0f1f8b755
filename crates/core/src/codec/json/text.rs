//! The text that a JSON string stands for, up to a limit: a record's string may be megabytes long.

/// The longest part of a text that one escape can stand for, in bytes.
const ESCAPED_MAX: usize = char::MAX.len_utf8();

/// Appends the text that `inner` stands for, which is what a valid document has between a string's quotes,
/// and stops once `out` has `limit` bytes or more: it then has at most [`overrun`] bytes more than that. Half
/// of a surrogate pair becomes U+FFFD.
pub fn push_text(inner: &str, limit: usize, out: &mut String) {
    let mut rest = inner;
    while !rest.is_empty() && out.len() < limit {
        let plain = rest.find('\\').unwrap_or(rest.len());
        let plain = within(rest, plain.min(limit - out.len()));
        if !plain.is_empty() {
            out.push_str(plain);
            rest = &rest[plain.len()..];
            continue;
        }
        let (text, after) = unescape_first(rest);
        out.push(text);
        rest = after;
    }
}

/// Appends a text as a JSON string, escaping only what JSON says must be.
#[cfg(feature = "parquet")]
#[inline(always)]
pub fn push_json_string(text: &str, out: &mut Vec<u8>) {
    use super::block::{self, Block};

    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let plain = match rest.first_chunk::<{ block::LEN }>() {
            Some(ahead) => Block::load(ahead).first_special().unwrap_or(block::LEN),
            None => {
                rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len())
            }
        };
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        match rest.first() {
            None => break,
            Some(b'"' | b'\\' | 0..=0x1f) => {
                push_escape(rest[0], out);
                rest = &rest[1..];
            }
            Some(_) => {}
        }
    }
    out.push(b'"');
}

#[cfg(feature = "parquet")]
fn push_escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        0x8 => b'b',
        0xc => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        other => {
            let digit = |value: u8| b"0123456789abcdef"[usize::from(value)];
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(other >> 4), digit(other & 15)]);
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

/// How far [`push_text`] may go beyond its limit.
pub const fn overrun() -> usize {
    ESCAPED_MAX - 1
}

/// The first `len` bytes of `text`, or a few more, up to the end of a character.
fn within(text: &str, len: usize) -> &str {
    let end = (len..=text.len()).find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(text.len())]
}

/// The character that the escape at the beginning of `text` stands for, and what comes after it.
fn unescape_first(text: &str) -> (char, &str) {
    let escape = text.as_bytes()[1];
    let rest = &text[2..];
    let plain = match escape {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unit(rest),
        other => other.into(),
    };
    (plain, rest)
}

/// The same for what comes after `\u`.
fn unescape_unit(text: &str) -> (char, &str) {
    let (unit, rest) = (code_unit(text), &text[4..]);
    let low = rest.strip_prefix("\\u").map(code_unit);
    let (code, rest) = match (unit, low) {
        (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
            (0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), &rest[6..])
        }
        _ => (unit, rest),
    };
    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), rest)
}

/// The number that four hex digits give.
fn code_unit(text: &str) -> u32 {
    u32::from_str_radix(&text[..4], 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "parquet")]
    #[test]
    fn a_text_as_a_json_string_is_the_one_that_reads_back_as_it() {
        let all: String = (0..0x200).filter_map(char::from_u32).collect();
        for text in ["", "a", "\"", "\\", "é", "0123456789abcdef", "0123456789abcdef\n", &all] {
            for before in 0..18 {
                let text = format!("{}{text}", "x".repeat(before));
                let mut json = Vec::new();
                push_json_string(&text, &mut json);
                assert_eq!(serde_json::from_slice::<String>(&json).ok().as_deref(), Some(&*text));
            }
        }
    }

    fn text(inner: &str, limit: usize) -> String {
        let mut out = String::new();
        push_text(inner, limit, &mut out);
        out
    }

    #[test]
    fn escapes_become_what_they_stand_for() {
        for (inner, expected) in [
            ("", ""),
            ("plain é😀", "plain é😀"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20ac\ud83d\ude00", "Aé€😀"),
            (r"\ud83d", "\u{fffd}"),
            (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
            (r"\ud83d\u0041", "\u{fffd}A"),
            (r"a\ud83d\ud83d\ude00b", "a\u{fffd}😀b"),
            (r"\\u0041", "\\u0041"),
        ] {
            assert_eq!(text(inner, usize::MAX), expected, "{inner}");
        }
    }

    #[test]
    fn no_more_is_written_than_is_wanted() {
        for (inner, whole) in
            [("abcdefgh", "abcdefgh"), ("é😀é😀", "é😀é😀"), (r"\u00e9\ud83d\ude00x\n", "é😀x\n")]
        {
            for limit in 0..=whole.len() + 1 {
                let found = text(inner, limit);
                assert!(whole.starts_with(&found), "{inner} {limit}");
                assert!(
                    found.len() >= limit.min(whole.len()) && found.len() <= limit + overrun(),
                    "{inner} {limit}"
                );
            }
        }
        let mut out = "before".to_owned();
        push_text("after", 8, &mut out);
        assert_eq!(out, "beforeaf");
        push_text("more", 8, &mut out);
        assert_eq!(out, "beforeaf");
    }
}

//! JSON text as Go's encoding/json writes it, so that equal manifests are equal bytes (`docs/format.md`,
//! section "Manifest encoding"): string escapes, sorted keys, indentation. Numbers keep the text that they
//! came with.
//!
//! Everything here works on text that [`syntax::check`] has found valid, and walks it with a stack of its own: the depth
//! of the input never becomes depth of the call stack.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::syntax::{self, Flaw};
use crate::codec::json::beyond_float64;

/// Containers nested deeper than this are written on one line: the white space before each of n nested containers
/// would otherwise grow with the square of n.
const DEEPEST_INDENTED: usize = 100;

/// Appends `text` as a JSON string, escaped as Go does.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let written = write!(out, "\\u{:04x}", u32::from(c));
                debug_assert!(written.is_ok(), "writing into a String cannot fail");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A JSON object being written without white space.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut String,
    first: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens the object at the end of `out`.
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        ObjectWriter { out, first: true }
    }

    /// Writes a key; the caller appends its value to what this gives.
    pub(crate) fn key(&mut self, key: &str) -> &mut String {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        push_string(self.out, key);
        self.out.push(':');
        self.out
    }

    /// Writes a key with a string.
    pub(crate) fn string(&mut self, key: &str, value: &str) {
        push_string(self.key(key), value);
    }

    /// Writes a key with a number.
    pub(crate) fn number(&mut self, key: &str, value: u64) {
        self.raw(key, &value.to_string());
    }

    /// Writes a key with JSON text without white space.
    pub(crate) fn raw(&mut self, key: &str, value: &str) {
        self.key(key).push_str(value);
    }

    /// Closes the object.
    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// The index of the byte after the string that begins (with its quote) at `start` of valid JSON.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Valid JSON without the white space between its tokens.
pub(crate) fn compact(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let (bytes, mut at) = (json.as_bytes(), 0);
    while at < bytes.len() {
        let end = match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at += 1;
                continue;
            }
            b'"' => end_of_string(bytes, at),
            _ => {
                let token = |b: &u8| matches!(b, b'"' | b' ' | b'\t' | b'\n' | b'\r');
                bytes[at..].iter().position(token).map_or(bytes.len(), |length| at + length)
            }
        };
        out.push_str(&json[at..end]);
        at = end;
    }
    out
}

/// Valid JSON without white space, indented by two spaces a level as Go's `json.MarshalIndent` does.
pub(crate) fn indent(compact: &str) -> String {
    fn new_line(out: &mut String, depth: usize) {
        if depth <= DEEPEST_INDENTED {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", depth));
        }
    }

    let mut out = String::with_capacity(compact.len() * 2);
    let (bytes, mut at, mut depth) = (compact.as_bytes(), 0, 0_usize);
    while at < bytes.len() {
        let mut end = at + 1;
        match bytes[at] {
            open @ (b'{' | b'[') => {
                out.push(open.into());
                if matches!(bytes[end], b'}' | b']') {
                    out.push(bytes[end].into());
                    end += 1;
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            close @ (b'}' | b']') => {
                // What was not broken open is not broken closed.
                if depth <= DEEPEST_INDENTED {
                    new_line(&mut out, depth - 1);
                }
                depth -= 1;
                out.push(close.into());
            }
            b',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            b':' => out.push_str(": "),
            b'"' => {
                end = end_of_string(bytes, at);
                out.push_str(&compact[at..end]);
            }
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']');
                end = bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length);
                out.push_str(&compact[at..end]);
            }
        }
        at = end;
    }
    out
}

/// What the text inside a valid JSON string's quotes stands for; half a surrogate pair becomes U+FFFD, as in Go.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    unescape_whole(inner).0
}

/// What [`unescape`] gives, and whether there was no half of a surrogate pair.
fn unescape_whole(inner: &str) -> (Cow<'_, str>, bool) {
    let Some(first) = inner.find('\\') else { return (Cow::Borrowed(inner), true) };
    let mut whole = true;
    let mut out = String::with_capacity(inner.len());
    out.push_str(&inner[..first]);
    let mut rest = &inner[first..];
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let escape = rest.as_bytes()[at + 1];
        rest = &rest[at + 2..];
        out.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = code_unit(rest);
                rest = &rest[4..];
                let low = rest.strip_prefix("\\u").map(code_unit);
                match (unit, low) {
                    (0xD800..=0xDBFF, Some(low @ 0xDC00..=0xDFFF)) => {
                        rest = &rest[6..];
                        char::from_u32(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
                    }
                    _ => char::from_u32(unit),
                }
                .unwrap_or_else(|| {
                    whole = false;
                    char::REPLACEMENT_CHARACTER
                })
            }
            other => other.into(),
        });
    }
    out.push_str(rest);
    (Cow::Owned(out), whole)
}

/// The number that the four hex digits at the start of `text` write.
fn code_unit(text: &str) -> u32 {
    text.bytes().take(4).fold(0, |unit, b| unit << 4 | char::from(b).to_digit(16).unwrap_or(0))
}

/// Sorts members by key, and gives a key that occurs twice, if there is one.
pub(super) fn sort_members(members: &mut [(String, String)]) -> Option<&str> {
    members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    members.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| &*pair[0].0)
}

/// A container of [`canonical_members`] whose end has not been seen yet.
struct Open {
    object: bool,
    /// In an object: the key whose value comes next.
    key: Option<String>,
    /// Each value's canonical text; in an object, under its key.
    values: Vec<(String, String)>,
}

impl Open {
    fn put(&mut self, value: String) {
        self.values.push((self.key.take().unwrap_or_default(), value));
    }

    /// The members, sorted by key.
    fn into_members(mut self) -> Result<Vec<(String, String)>, String> {
        match sort_members(&mut self.values) {
            Some(key) => Err(format!("the key {key:?} occurs twice in one object")),
            None => Ok(self.values),
        }
    }

    fn into_text(self) -> Result<String, String> {
        let mut out = String::new();
        if self.object {
            let mut object = ObjectWriter::new(&mut out);
            for (key, value) in self.into_members()? {
                object.raw(&key, &value);
            }
            object.end();
        } else {
            out.push('[');
            for (i, (_, value)) in self.values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(value);
            }
            out.push(']');
        }
        Ok(out)
    }
}

/// The members of a valid JSON object in canonical form: sorted bytewise, at every level, strings escaped as Go
/// does, no white space, numbers as they are.
///
/// # Errors
/// What is wrong: a key twice in one object, more than `deepest` levels (the object itself is the first), a number
/// beyond a 64-bit float.
pub(crate) fn canonical_members(object: &str, deepest: usize) -> Result<Vec<(String, String)>, String> {
    let (bytes, mut at) = (object.as_bytes(), 0);
    let mut open: Vec<Open> = Vec::new();
    loop {
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => at += 1,
            byte @ (b'{' | b'[') => {
                if open.len() == deepest {
                    return Err(format!("they nest deeper than {deepest} levels (at byte {at})"));
                }
                open.push(Open { object: byte == b'{', key: None, values: Vec::new() });
                at += 1;
            }
            _ => {
                let Some(mut top) = open.pop() else { return Err("they are not an object".to_owned()) };
                match bytes[at] {
                    b'}' | b']' => {
                        at += 1;
                        let Some(parent) = open.last_mut() else { return top.into_members() };
                        parent.put(top.into_text()?);
                        continue;
                    }
                    b'"' => {
                        let end = end_of_string(bytes, at);
                        let text = unescape(&object[at + 1..end - 1]);
                        if top.object && top.key.is_none() {
                            top.key = Some(text.into_owned());
                        } else {
                            let mut quoted = String::with_capacity(text.len() + 2);
                            push_string(&mut quoted, &text);
                            top.put(quoted);
                        }
                        at = end;
                    }
                    _ => {
                        let end = end_of_token(bytes, at);
                        let token = &object[at..end];
                        if beyond_float64(token.as_bytes()) {
                            return Err(format!(
                                "the number {token} (at byte {at}) does not fit a 64-bit float"
                            ));
                        }
                        top.put(token.to_owned());
                        at = end;
                    }
                }
                open.push(top);
            }
        }
    }
}

/// The members of a JSON object in their order, values unread.
///
/// # Errors
/// Why it is not exactly one valid object.
pub(crate) fn members(json: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Flaw> {
    syntax::check(json.as_bytes(), Some(b'{'))?;
    let mut members = Vec::new();
    let mut key = None;
    for_each_inside(json, |text| match key.take() {
        None => key = Some(unescape(&text[1..text.len() - 1])),
        Some(key) => members.push((key, text)),
    });
    Ok(members)
}

/// The elements of a JSON array, unread.
///
/// # Errors
/// Why it is not exactly one valid array.
pub(crate) fn elements(json: &str) -> Result<Vec<&str>, Flaw> {
    syntax::check(json.as_bytes(), Some(b'['))?;
    let mut elements = Vec::new();
    for_each_inside(json, |text| elements.push(text));
    Ok(elements)
}

/// Gives the keys and values directly inside a valid object or array, in their order, as they are written.
fn for_each_inside<'a>(json: &'a str, mut each: impl FnMut(&'a str)) {
    let bytes = json.as_bytes();
    let (mut at, mut depth, mut start) = (0, 0_usize, 0);
    while at < bytes.len() {
        let (inside, begin) = (depth == 1, at);
        match bytes[at] {
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' => {
                at += 1;
                continue;
            }
            b'{' | b'[' => {
                at += 1;
                depth += 1;
            }
            b'}' | b']' => {
                at += 1;
                depth -= 1;
            }
            b'"' => at = end_of_string(bytes, at),
            _ => at = end_of_token(bytes, at),
        }
        if inside {
            start = begin;
        }
        if depth == 1 && (inside || matches!(bytes[begin], b'}' | b']')) {
            each(&json[start..at]);
        }
    }
}

/// The index of the byte after the number or literal that begins at `start` of valid JSON.
fn end_of_token(json: &[u8], start: usize) -> usize {
    let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    json[start..].iter().position(ends).map_or(json.len(), |length| start + length)
}

/// The text that a valid JSON value stands for; none if it is no string, or has half a surrogate pair.
pub(crate) fn text(json: &str) -> Option<String> {
    let (text, whole) = unescape_whole(json.strip_prefix('"')?.strip_suffix('"')?);
    whole.then(|| text.into_owned())
}

/// What kind of value valid JSON text is, for messages.
pub(crate) fn kind(json: &str) -> &'static str {
    match json.trim_start().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        Some(_) => "a number",
        None => "nothing",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_escape_as_go_does() {
        let mut out = String::new();
        push_string(&mut out, "a\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}<>&é\u{2028}\u{2029}\u{2030}😀\u{fffd}");
        assert_eq!(
            out,
            "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\\u003c\\u003e\\u0026é\\u2028\\u2029\u{2030}😀\u{fffd}\""
        );
    }

    #[test]
    fn escapes_are_read_as_go_does() {
        for (inner, expected) in [
            ("plain é", "plain é"),
            (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r"\u0041\u00e9\u20AC\u0000", "Aé€\0"),
            (r"\ud83d\ude00", "😀"),
            (r"\uD800", "\u{fffd}"),
            (r"\uDC00x", "\u{fffd}x"),
            (r"\ud800\ud83d\ude00", "\u{fffd}😀"),
            (r"\ud800\u0041", "\u{fffd}A"),
            (r"\ud800é", "\u{fffd}é"),
            (r"\ud800\n", "\u{fffd}\n"),
        ] {
            assert_eq!(unescape(inner), expected, "{inner}");
        }
    }

    #[test]
    fn white_space_goes_and_comes_between_tokens_only() {
        let loose = " { \"a b\" :\t[ 1 , -2.5e+3 ,\r\n\"x\\\" [\", { } , [ ] ] , \"c\":true}\n";
        let tight = r#"{"a b":[1,-2.5e+3,"x\" [",{},[]],"c":true}"#;
        assert_eq!(compact(loose), tight);
        assert_eq!(compact(tight), tight);
        let indented = "{\n  \"a b\": [\n    1,\n    -2.5e+3,\n    \"x\\\" [\",\n    {},\n    []\n  ],\n  \"c\": true\n}";
        assert_eq!(indent(tight), indented);
        assert_eq!(compact(indented), tight);
        assert_eq!((indent("{}"), indent("[]"), indent("7")), ("{}".into(), "[]".into(), "7".into()));
    }

    #[test]
    fn deep_nesting_does_not_multiply_its_size() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let indented = indent(&deep);
        assert!(indented.len() < deep.len() * 3, "{}", indented.len());
        assert_eq!(compact(&indented), deep);
    }

    #[test]
    fn members_become_canonical_at_every_level() {
        let members = canonical_members(
            "{ \"é\": 1, \"b\": {\"z\": [ {\"y\":1,\"x\":\"<\\u00e9\\/>\"} ], \"a\": null},\n \"B\": 12345678901234567890123, \"a\": -0.0E+00 }",
            4,
        );
        let expected = [
            ("B", "12345678901234567890123"),
            ("a", "-0.0E+00"),
            ("b", r#"{"a":null,"z":[{"x":"\u003cé/\u003e","y":1}]}"#),
            ("é", "1"),
        ];
        assert_eq!(members.unwrap(), expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
        assert_eq!(canonical_members("{}", 1), Ok(vec![]));
    }
}

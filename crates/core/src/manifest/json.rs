//! JSON as Go's encoding/json writes it, so that equal manifests are equal bytes (`docs/format.md`, section
//! "Manifest encoding"), and as it reads it. Parsing and writing are `serde_json`'s; here stand the
//! differences.
//!
//! Values are split off unparsed, as [`RawValue`]s: a number keeps its digits, and no depth of nesting
//! deepens the call stack, because `serde_json` passes over a raw value without recursion.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};
use std::ops::ControlFlow;

use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;
use serde_json::value::RawValue;

/// Containers nested deeper than this are written on one line: the white space before each of n nested
/// containers would otherwise grow with the square of n. The deepest metadata that a caller may give is
/// written as Go writes it.
const DEEPEST_INDENTED: usize = super::metadata::DEEPEST + 2;

/// Writes strings with Go's escapes, and, if it was made by [`GoFormatter::indented`], each member and
/// element on a line of its own, indented by two spaces a level as `json.MarshalIndent` does.
pub(crate) struct GoFormatter {
    indented: bool,
    depth: usize,
    /// The innermost container has a member or element.
    has_value: bool,
}

impl GoFormatter {
    /// Without white space.
    pub(crate) fn compact() -> Self {
        GoFormatter { indented: false, depth: 0, has_value: false }
    }

    /// With white space.
    pub(crate) fn indented() -> Self {
        GoFormatter { indented: true, depth: 0, has_value: false }
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        if self.indented { new_line(writer, self.depth) } else { Ok(()) }
    }

    fn begin<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(bracket)
    }

    fn end<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.has_value {
            self.new_line(writer)?;
        }
        self.has_value = true;
        writer.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        self.has_value = true;
        self.new_line(writer)
    }
}

fn new_line<W: ?Sized + Write>(writer: &mut W, depth: usize) -> io::Result<()> {
    writer.write_all(b"\n")?;
    (0..depth).try_for_each(|_| writer.write_all(b"  "))
}

impl Formatter for GoFormatter {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        writer.write_all(if self.indented { b": " } else { b":" })
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    /// What `serde_json` does not escape; Go escapes a little more.
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, from) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let escaped = from.chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(escaped))?;
            rest = &from[escaped.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        reformat(fragment, self.indented.then_some(self.depth), writer)
    }
}

/// JSON text that is written as it is, but for its white space.
pub(crate) struct Raw<'a>(pub(crate) &'a str);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

/// As JSON text without white space.
///
/// # Panics
/// If the value's `Serialize` fails: texts, numbers and containers of them cannot.
pub(crate) fn to_string(value: &(impl Serialize + ?Sized)) -> String {
    let mut out = Vec::new();
    let mut json = serde_json::Serializer::with_formatter(&mut out, GoFormatter::compact());
    value.serialize(&mut json).expect("texts and numbers can always be written");
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// Appends `text` as a JSON string, escaped as Go does.
pub(crate) fn push_string(out: &mut String, text: &str) {
    out.push_str(&to_string(text));
}

/// The index of the byte after the string that begins (with its quote) at `start` of valid JSON.
fn end_of_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while json[at] != b'"' {
        at += if json[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// Writes valid JSON with other white space: none, or, inside of a number of containers, as Go indents it.
fn reformat<W: ?Sized + Write>(json: &str, depth: Option<usize>, out: &mut W) -> io::Result<()> {
    let (bytes, mut at) = (json.as_bytes(), 0);
    let (indented, mut depth) = (depth.is_some(), depth.unwrap_or(0));
    let line = |out: &mut W, depth: usize| match indented && depth <= DEEPEST_INDENTED {
        true => new_line(out, depth),
        false => Ok(()),
    };
    // The byte before, white space left out.
    let mut before = b' ';
    while at < bytes.len() {
        let byte = bytes[at];
        let mut end = at + 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {
                at = end;
                continue;
            }
            b'}' | b']' => {
                // What was not broken open is not broken closed, and an empty container has no line.
                if depth <= DEEPEST_INDENTED && !matches!(before, b'{' | b'[') {
                    line(out, depth - 1)?;
                }
                depth -= 1;
            }
            _ if matches!(before, b'{' | b'[') => line(out, depth)?,
            _ => {}
        }
        match byte {
            b'{' | b'[' => depth += 1,
            b'"' => end = end_of_string(bytes, at),
            b',' | b':' | b'}' | b']' => {}
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
                end = bytes[at..].iter().position(ends).map_or(bytes.len(), |length| at + length);
            }
        }
        out.write_all(&bytes[at..end])?;
        match byte {
            b',' => line(out, depth)?,
            b':' if indented => out.write_all(b" ")?,
            _ => {}
        }
        (before, at) = (byte, end);
    }
    Ok(())
}

/// Appends valid JSON without the white space between its tokens.
pub(crate) fn push_compact(out: &mut Vec<u8>, json: &str) {
    let written = reformat(json, None, out);
    debug_assert!(written.is_ok(), "writing into a Vec cannot fail");
}

/// Valid JSON without the white space between its tokens.
pub(crate) fn compact(json: &str) -> String {
    let mut out = Vec::with_capacity(json.len());
    push_compact(&mut out, json);
    String::from_utf8(out).unwrap_or_default()
}

/// What the text inside a valid JSON string's quotes stands for; half a surrogate pair becomes U+FFFD, as in
/// Go.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let quoted = format!("\"{inner}\"");
    let text = serde_json::Deserializer::from_str(&quoted).deserialize_byte_buf(GoText);
    debug_assert!(text.is_ok(), "{inner:?} is inside of no valid string");
    text.map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// A string, which `serde_json` gives as bytes if half of a surrogate pair is to be allowed in it.
struct GoText;

impl Visitor<'_> for GoText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            // Each half is three bytes, the first of which is ED, and each of these is a chunk of its own.
            if chunk.invalid().first() == Some(&0xED) {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        Ok(text)
    }
}

/// Calls `each` with every key and value of an object, in order, until it breaks; gives what it broke with.
///
/// # Errors
/// Why the text, up to the break, is not one JSON object.
pub(crate) fn members<'a, B>(
    object: &'a str,
    each: impl FnMut(Cow<'a, str>, &'a str) -> ControlFlow<B>,
) -> serde_json::Result<Option<B>> {
    struct Members<F, B> {
        each: F,
        broke: Option<B>,
    }

    impl<'de, B, F: FnMut(Cow<'de, str>, &'de str) -> ControlFlow<B>> Visitor<'de> for &mut Members<F, B> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some((key, value)) = map.next_entry::<&RawValue, &RawValue>()? {
                if let ControlFlow::Break(broke) = (self.each)(key_text(key), value.get()) {
                    self.broke = Some(broke);
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }

    let mut visitor = Members { each, broke: None };
    let mut json = serde_json::Deserializer::from_str(object);
    let outcome = json.deserialize_map(&mut visitor).and_then(|()| json.end());
    match visitor.broke {
        Some(broke) => Ok(Some(broke)),
        None => outcome.map(|()| None),
    }
}

/// Calls `each` with every element of an array, in order, until it breaks; gives what it broke with.
///
/// # Errors
/// Why the text, up to the break, is not one JSON array.
pub(crate) fn elements<'a, B>(
    array: &'a str,
    each: impl FnMut(&'a str) -> ControlFlow<B>,
) -> serde_json::Result<Option<B>> {
    let mut visitor = Elements { each, broke: None };
    let mut json = serde_json::Deserializer::from_str(array);
    let outcome = json.deserialize_seq(&mut visitor).and_then(|()| json.end());
    match visitor.broke {
        Some(broke) => Ok(Some(broke)),
        None => outcome.map(|()| None),
    }
}

/// Visits the elements of an array.
pub(crate) struct Elements<F, B> {
    /// Called with each.
    pub(crate) each: F,
    /// What it broke with.
    pub(crate) broke: Option<B>,
}

impl<'de, B, F: FnMut(&'de str) -> ControlFlow<B>> Visitor<'de> for &mut Elements<F, B> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&RawValue>()? {
            if let ControlFlow::Break(broke) = (self.each)(element.get()) {
                self.broke = Some(broke);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// What a key stands for.
pub(crate) fn key_text(key: &RawValue) -> Cow<'_, str> {
    let quoted = key.get();
    unescape(&quoted[1..quoted.len() - 1])
}

/// The text that a valid JSON value stands for; none if it is no string, or has half a surrogate pair.
pub(crate) fn text(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
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

/// Whether these bytes are the beginning of a JSON document.
pub(crate) fn is_cut_short(bytes: &[u8]) -> bool {
    use serde::de::IgnoredAny;

    let ends_early = |outcome: serde_json::Result<IgnoredAny>| outcome.is_err_and(|error| error.is_eof());
    if ends_early(serde_json::from_slice(bytes)) {
        return true;
    }
    // A number that lacks its last digit is no end of the document to `serde_json`, but an error.
    matches!(bytes.last(), Some(b'-' | b'+' | b'.' | b'e' | b'E'))
        && ends_early(serde_json::from_reader(io::Read::chain(bytes, &b"0"[..])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indent(json: &str) -> String {
        let mut out = Vec::new();
        Raw(json)
            .serialize(&mut serde_json::Serializer::with_formatter(&mut out, GoFormatter::indented()))
            .unwrap();
        String::from_utf8(out).unwrap()
    }

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
            (r"\ud800\ud800", "\u{fffd}\u{fffd}"),
            (r"\ud800é", "\u{fffd}é"),
            (r"\ud800\n", "\u{fffd}\n"),
            (r"\uFFFD", "\u{fffd}"),
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
        assert_eq!(indent(loose), indented);
        assert_eq!(indent(indented), indented);
        assert_eq!(compact(indented), tight);
        assert_eq!((indent("{}"), indent("[]"), indent("7")), ("{}".into(), "[]".into(), "7".into()));
    }

    #[test]
    fn deep_nesting_does_not_multiply_its_size() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        let indented = indent(&deep);
        assert!(indented.len() < deep.len() * 4, "{}", indented.len());
        assert_eq!(compact(&indented), deep);
    }

    #[test]
    fn members_and_elements_come_unparsed_and_in_order_until_a_break() {
        let mut seen = Vec::new();
        let object = "{\"b\" : [ 1.50 ], \"\\u0061\": {\"x\":\"y\"}, \"b\":null, \"\\ud800\": 12345678901234567890123}";
        let broke = members(object, |key, value| {
            seen.push((key.into_owned(), value.to_owned()));
            ControlFlow::<()>::Continue(())
        });
        assert!(broke.unwrap().is_none());
        let expected = [
            ("b", "[ 1.50 ]"),
            ("a", "{\"x\":\"y\"}"),
            ("b", "null"),
            ("\u{fffd}", "12345678901234567890123"),
        ];
        assert_eq!(seen, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let broke =
            members(
                object,
                |key, _| if key == "a" { ControlFlow::Break(7) } else { ControlFlow::Continue(()) },
            );
        assert_eq!(broke.unwrap(), Some(7));

        let mut seen = Vec::new();
        let broke = elements("[1, [2 ,3],\"x\" ]", |value| {
            seen.push(value);
            if seen.len() == 3 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((broke.unwrap(), &*seen), (Some("enough"), &["1", "[2 ,3]", "\"x\""][..]));

        for text in [
            "",
            "[]",
            "7",
            "{\"a\":1,}",
            "{\"a\":1} x",
            "{\"a\n\":1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"\\x\":1}",
        ] {
            assert!(members(text, |_, _| ControlFlow::<()>::Continue(())).is_err(), "{text:?}");
        }
        for text in ["", "{}", "7", "[1,]", "[1] x", "[\"\n\"]"] {
            assert!(elements(text, |_| ControlFlow::<()>::Continue(())).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_beginning_of_a_document_is_told_from_what_is_none() {
        let document = r#"{"a":[1,-2.5e+3,true,null,"\u00e9\n"],"b":{},"c":-0.5E-7}"#;
        for length in 0..document.len() {
            assert!(is_cut_short(&document.as_bytes()[..length]), "{:?}", &document[..length]);
        }
        for text in [
            "{}", "7", "{}}", "{\"a\" 1", "{\"a\":}", "nul!", "[1,,", "[--", "[e", "[1e1.", "\u{feff}", "[01",
        ] {
            assert!(!is_cut_short(text.as_bytes()), "{text:?}");
        }
    }
}

//! A snapshot's metadata: the caller's JSON object, and the reserved keys that the library keeps beside it.

use std::borrow::Cow;
use std::ops::ControlFlow;

use super::json::{self, push_string};
use crate::codec::json::beyond_float64;
use crate::error::{Error, Result, Status};

/// Keys that begin with this are the library's own.
const RESERVED: &str = "lode.";
/// Marks a snapshot that only repeats its parent, and names the parent.
const NOOP: &str = "lode.noop";

/// Which types the columns of its files may have.
#[cfg(feature = "parquet")]
const SCHEMA: &str = "lode.schema";
/// How deep a caller's metadata may nest, the object itself included: what other readers' parsers bear, too.
pub(super) const DEEPEST: usize = 128;

/// A snapshot's metadata: one JSON object (`docs/format.md`, section "Metadata"). Numbers keep the digits
/// that they came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The object as JSON text without white space, its keys sorted bytewise. It stays text: metadata may be
    /// long, and is seldom asked for one of its values.
    json: String,
}

impl Default for Metadata {
    fn default() -> Self {
        Metadata::empty()
    }
}

impl Metadata {
    /// No metadata: `{}`.
    #[must_use]
    pub fn empty() -> Self {
        Metadata { json: "{}".to_owned() }
    }

    /// Reads a caller's metadata. Keys are sorted at every level and strings escaped in the canonical way;
    /// half a surrogate pair becomes U+FFFD; numbers stay as written.
    ///
    /// # Errors
    /// `MetadataInvalid` if `text` is not exactly one JSON object, has a key twice in one object, nests
    /// deeper than 128 levels (the object itself is the first), or holds a number beyond a 64-bit float;
    /// `MetadataReserved` if a top-level key begins with `lode.`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid =
            |what: String| Error::new(Status::MetadataInvalid, format_args!("invalid metadata: {what}"));
        let object: &serde_json::value::RawValue = serde_json::from_str(text).map_err(|error| {
            invalid(format!("it is not one JSON object such as {{}}: {error}")).with_source(error)
        })?;
        if !object.get().starts_with('{') {
            let found = json::kind(object.get());
            return Err(invalid(format!("it must be a JSON object such as {{}}, found {found}")));
        }
        let json = canonical(object.get(), text).map_err(invalid)?;
        let metadata = Metadata { json };
        match metadata.find(|key| key.starts_with(RESERVED)) {
            None => Ok(metadata),
            Some((key, _)) => Err(Error::new(
                Status::MetadataReserved,
                format_args!(
                    "the metadata key {key:?} begins with {RESERVED:?}, which is reserved: rename it"
                ),
            )),
        }
    }

    /// Takes the metadata of a stored manifest as it is: values of any depth, with any numbers. `check` is
    /// asked after every member, with how many bytes of memory were taken for it beside those of its text.
    ///
    /// # Errors
    /// What is wrong with it, or what `check` fails with.
    pub(super) fn from_stored<E: From<String>>(
        object: &str,
        mut check: impl FnMut(usize) -> std::result::Result<(), E>,
    ) -> std::result::Result<Self, E> {
        let mut sorted = true;
        let mut last: Option<Cow<'_, str>> = None;
        let mut out = ObjectText::with_capacity(object.len());
        let stopped = json::members(object, |key, value| {
            sorted = last.as_ref().is_none_or(|last| *last < key);
            out.member(&key, value);
            last = Some(key);
            match check(0) {
                Ok(()) if sorted => ControlFlow::Continue(()),
                Ok(()) => ControlFlow::Break(Ok(())),
                Err(stop) => ControlFlow::Break(Err(stop)),
            }
        });
        match stopped.map_err(|error| error.to_string())? {
            Some(Err(stop)) => return Err(stop),
            _ if sorted => return Ok(Metadata { json: out.end() }),
            _ => drop(out),
        }

        // No writer that is known leaves keys unsorted.
        let mut members: Vec<(Cow<'_, str>, &str)> = Vec::new();
        let stopped = json::members(object, |key, value| {
            members.push((key, value));
            match check(size_of::<(Cow<'_, str>, &str)>()) {
                Ok(()) => ControlFlow::Continue(()),
                Err(stop) => ControlFlow::Break(stop),
            }
        });
        if let Some(stop) = stopped.map_err(|error| error.to_string())? {
            return Err(stop);
        }
        match sort_members(&mut members) {
            Some(key) => Err(E::from(format!("the key {key:?} occurs twice"))),
            None => {
                let mut out = ObjectText::with_capacity(object.len());
                members.iter().for_each(|(key, value)| out.member(key, value));
                Ok(Metadata { json: out.end() })
            }
        }
    }

    /// Whether there is no key, reserved ones included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.json == "{}"
    }

    /// The caller's part, as JSON text without white space: all keys but the reserved ones.
    #[must_use]
    pub fn user_json(&self) -> String {
        let mut out = ObjectText::with_capacity(self.json.len());
        self.each(|key, value| {
            if !key.starts_with(RESERVED) {
                out.member(&key, value);
            }
        });
        out.end()
    }

    /// All keys, as JSON text without white space.
    pub(super) fn json(&self) -> &str {
        &self.json
    }

    fn each<'a>(&'a self, mut each: impl FnMut(Cow<'a, str>, &'a str)) {
        let walked = json::members(&self.json, |key, value| {
            each(key, value);
            ControlFlow::<()>::Continue(())
        });
        debug_assert!(walked.is_ok(), "it was checked: {walked:?}");
    }

    fn find(&self, wanted: impl Fn(&str) -> bool) -> Option<(Cow<'_, str>, &str)> {
        let found = json::members(&self.json, |key, value| match wanted(&key) {
            true => ControlFlow::Break((key, value)),
            false => ControlFlow::Continue(()),
        });
        debug_assert!(found.is_ok(), "it was checked: {found:?}");
        found.unwrap_or_default()
    }

    /// The JSON text of `key`'s value.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        self.find(|found| found >= key).filter(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// Sets a reserved key to valid JSON text without white space.
    pub(crate) fn set_reserved(&mut self, key: &str, value: &str) {
        debug_assert!(key.starts_with(RESERVED), "{key}");
        let mut out = ObjectText::with_capacity(self.json.len() + key.len() + value.len() + 4);
        let mut pending = Some(value);
        self.each(|there, old| {
            if *there >= *key
                && let Some(value) = pending.take()
            {
                out.member(key, value);
            }
            if there != key {
                out.member(&there, old);
            }
        });
        if let Some(value) = pending {
            out.member(key, value);
        }
        self.json = out.end();
    }

    /// Says that columns may have types that only readers of Arrow know.
    #[cfg(feature = "parquet")]
    pub(crate) fn set_arrow_schema(&mut self) {
        self.set_reserved(SCHEMA, "\"arrow\"");
    }

    /// The parent that a noop names.
    pub(super) fn noop(&self) -> Option<String> {
        // A caller of the Go library may have put anything there.
        json::text(self.value(NOOP)?)
    }

    /// Makes this the metadata of a noop on top of `parent`.
    pub(crate) fn set_noop(&mut self, parent: &str) {
        let mut value = String::new();
        push_string(&mut value, parent);
        self.set_reserved(NOOP, &value);
    }
}

/// A JSON object, written member by member from keys and JSON text, whose white space it leaves out.
struct ObjectText(Vec<u8>);

impl ObjectText {
    fn with_capacity(bytes: usize) -> Self {
        let mut text = Vec::with_capacity(bytes.max(2));
        text.push(b'{');
        ObjectText(text)
    }

    fn member(&mut self, key: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        self.0.extend_from_slice(json::to_string(key).as_bytes());
        self.0.push(b':');
        json::push_compact(&mut self.0, value);
    }

    fn end(mut self) -> String {
        self.0.push(b'}');
        String::from_utf8(self.0).expect("JSON is UTF-8")
    }
}

/// Sorts members by key, and gives a key that occurs twice, if there is one.
fn sort_members<'m>(members: &'m mut [(Cow<'_, str>, &str)]) -> Option<&'m str> {
    members.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    members.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| &*pair[0].0)
}

/// A container whose end was not written yet.
enum Open<'a> {
    Object(std::vec::IntoIter<(Cow<'a, str>, &'a str)>),
    Array(std::vec::IntoIter<&'a str>),
}

impl<'a> Open<'a> {
    /// The container that is this JSON text.
    fn new(container: &'a str) -> std::result::Result<Self, String> {
        let failed = |error: serde_json::Error| error.to_string();
        if container.starts_with('[') {
            let mut values = Vec::new();
            json::elements(container, |value| {
                values.push(value);
                ControlFlow::<()>::Continue(())
            })
            .map_err(failed)?;
            return Ok(Open::Array(values.into_iter()));
        }
        let mut members = Vec::new();
        json::members(container, |key, value| {
            members.push((key, value));
            ControlFlow::<()>::Continue(())
        })
        .map_err(failed)?;
        match sort_members(&mut members) {
            Some(key) => Err(format!("the key {key:?} occurs twice in one object")),
            None => Ok(Open::Object(members.into_iter())),
        }
    }
}

/// A valid JSON object, part of `text`, in canonical form: members sorted bytewise at every level, strings
/// escaped as Go does, no white space, numbers as they are.
///
/// # Errors
/// What is wrong: a key twice in one object, more than [`DEEPEST`] levels, a number beyond a 64-bit float.
fn canonical(object: &str, text: &str) -> std::result::Result<String, String> {
    let at = |value: &str| value.as_ptr() as usize - text.as_ptr() as usize;
    let mut out = String::with_capacity(object.len());
    out.push('{');
    // Innermost last: no depth of the input becomes depth of the call stack.
    let mut open = vec![Open::new(object)?];
    while let Some(innermost) = open.last_mut() {
        let next = match innermost {
            Open::Object(members) => members.next().map(|(key, value)| (Some(key), value)),
            Open::Array(values) => values.next().map(|value| (None, value)),
        };
        let Some((key, value)) = next else {
            out.push(if matches!(innermost, Open::Object(_)) { '}' } else { ']' });
            open.pop();
            continue;
        };
        if !out.ends_with(['{', '[']) {
            out.push(',');
        }
        if let Some(key) = key {
            push_string(&mut out, &key);
            out.push(':');
        }
        match value.as_bytes()[0] {
            b'{' | b'[' if open.len() == DEEPEST => {
                return Err(format!("it nests deeper than {DEEPEST} levels (at byte {})", at(value)));
            }
            bracket @ (b'{' | b'[') => {
                open.push(Open::new(value)?);
                out.push(char::from(bracket));
            }
            b'"' => push_string(&mut out, &json::unescape(&value[1..value.len() - 1])),
            _ if beyond_float64(value.as_bytes()) => {
                return Err(format!(
                    "the number {value} (at byte {}) does not fit a 64-bit float",
                    at(value)
                ));
            }
            _ => out.push_str(value),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(json: &str) -> std::result::Result<Metadata, String> {
        Metadata::from_stored(json, |_| Ok(()))
    }

    #[test]
    fn metadata_is_kept_in_canonical_form() {
        for (text, expected) in [
            ("{}", "{}"),
            (" \t\r\n{ } \n", "{}"),
            (r#"{"b":1,"a":[1, 2]}"#, r#"{"a":[1,2],"b":1}"#),
            (r#"{"n":12345678901234567890123}"#, r#"{"n":12345678901234567890123}"#),
            (r#"{"n":1.50,"m":1E5,"o":-0,"p":1e308}"#, r#"{"m":1E5,"n":1.50,"o":-0,"p":1e308}"#),
            (r#"{"\u0061":"\ud800 <\u2028>"}"#, "{\"a\":\"\u{fffd} \\u003c\\u2028\\u003e\"}"),
            (
                r#"{"":null,"lode":1,"Lode.x":true,"a":{"lode.x":false}}"#,
                r#"{"":null,"Lode.x":true,"a":{"lode.x":false},"lode":1}"#,
            ),
        ] {
            let metadata = Metadata::parse(text).unwrap();
            assert_eq!(metadata.user_json(), expected);
            assert_eq!(metadata.json(), expected);
            assert_eq!(stored(&expected.replace(',', " ,\n ")), Ok(metadata));
        }
        assert!(Metadata::empty().is_empty());
        assert_eq!(Metadata::empty(), Metadata::parse("{}").unwrap());
    }

    #[test]
    fn what_is_no_plain_object_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(128), "]".repeat(128));
        let deepest = format!("{{\"a\":{}{}}}", "[".repeat(127), "]".repeat(127));
        let very_deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        Metadata::parse(&deepest).unwrap();
        for (text, fault) in [
            ("", "not one JSON object such as {}: EOF while parsing"),
            ("   ", "not one JSON object"),
            ("null", "must be a JSON object such as {}, found null"),
            ("[]", "found an array"),
            ("\"a\"", "found a string"),
            (" 7", "found a number"),
            ("true", "found a boolean"),
            ("{", "not one JSON object such as {}: EOF while parsing"),
            ("{} {}", "trailing characters at line 1 column 4"),
            ("{\"a\":1,}", "key must be a string at line 1 column 8"),
            ("{\"a\":01}", "invalid number at line 1 column 7"),
            ("{\"a\":\"\n\"}", "control character"),
            ("\u{feff}{}", "expected value"),
            ("{'a':1}", "key must be a string"),
            (r#"{"a":1,"a":2}"#, "the key \"a\" occurs twice in one object"),
            (r#"{"a":1,"\u0061":2}"#, "the key \"a\" occurs twice in one object"),
            (r#"{"a":[{"b":1,"c":2,"b":3}]}"#, "the key \"b\" occurs twice in one object"),
            (r#"{"a":1e999}"#, "the number 1e999 (at byte 5) does not fit a 64-bit float"),
            (r#"{"a":[-1e400 ]}"#, "the number -1e400 (at byte 6) does not fit a 64-bit float"),
            (&deep, "it nests deeper than 128 levels (at byte 132)"),
            (&very_deep, "it nests deeper than 128 levels"),
        ] {
            let error = Metadata::parse(text).unwrap_err();
            assert_eq!(error.status(), Status::MetadataInvalid, "{error}");
            assert!(error.message().contains(fault), "{text:.40}: {error}");
        }
    }

    #[test]
    fn stored_metadata_is_sorted_at_the_top_and_kept_as_it_is_below() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        for (text, expected) in [
            (
                r#"{"b": {"z":1, "a":2}, "a": 1e999, "lode.x":"\ud800"}"#,
                r#"{"a":1e999,"b":{"z":1,"a":2},"lode.x":"\ud800"}"#,
            ),
            (r#"{"\u0062":1,"\ud800":2,"a":3}"#, "{\"a\":3,\"b\":1,\"\u{fffd}\":2}"),
            (r#"{"a":{"x":1,"x":2}}"#, r#"{"a":{"x":1,"x":2}}"#),
            (&deep, &deep),
        ] {
            assert_eq!(stored(text).unwrap().json(), expected, "{text:.60}");
        }
        for text in [r#"{"a":1,"a":2}"#, r#"{"b":0,"a":1,"\u0061":2}"#] {
            assert_eq!(stored(text), Err("the key \"a\" occurs twice".to_owned()));
        }
        let mut members = 0;
        let stopped = Metadata::from_stored(r#"{"a":1,"b":2,"c":3}"#, |_| {
            members += 1;
            if members == 2 { Err("stopped".to_owned()) } else { Ok(()) }
        });
        assert_eq!((stopped, members), (Err("stopped".to_owned()), 2));
    }

    #[test]
    fn reserved_keys_are_refused_kept_apart_and_left_out() {
        for text in [r#"{"lode.x":1}"#, r#"{"a":1,"lode.":{}}"#, r#"{"\u006code.x":1}"#] {
            let error = Metadata::parse(text).unwrap_err();
            assert_eq!(error.status(), Status::MetadataReserved);
            assert!(error.message().contains("the metadata key \"lode."), "{error}");
        }
        let mut metadata = Metadata::parse(r#"{"a":1,"z":2}"#).unwrap();
        metadata.set_reserved("lode.producers", "{}");
        metadata.set_reserved("lode.producers", r#"{"p":1}"#);
        assert_eq!(metadata.value("lode.producers"), Some(r#"{"p":1}"#));
        assert_eq!(metadata.value("lode.noop"), None);
        assert_eq!(metadata.json(), r#"{"a":1,"lode.producers":{"p":1},"z":2}"#);
        assert_eq!(metadata.user_json(), r#"{"a":1,"z":2}"#);
    }

    #[test]
    fn a_noop_names_its_parent_and_other_values_are_none() {
        let mut metadata = Metadata::empty();
        assert_eq!(metadata.noop(), None);
        metadata.set_noop("a\"<b>");
        assert_eq!(metadata.noop().as_deref(), Some("a\"<b>"));
        assert_eq!(stored(r#"{"lode.noop":7}"#).unwrap().noop(), None);
    }
}

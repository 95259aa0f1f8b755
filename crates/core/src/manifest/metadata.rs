//! A snapshot's metadata: the caller's JSON object, and the reserved keys that the library keeps beside it.

use super::{json, syntax};
use crate::error::{Error, Result, Status};

/// Keys that begin with this are the library's own.
const RESERVED: &str = "lode.";
/// Marks a snapshot that only repeats its parent, and names the parent.
const NOOP: &str = "lode.noop";
/// How deep a caller's metadata may nest, the object itself included: deep enough for people, and shallow enough
/// for every reader.
const DEEPEST: usize = 32;

/// A snapshot's metadata: one JSON object (`docs/format.md`, section "Metadata"). Numbers keep the digits
/// that they came with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Keys and their values as JSON text without white space, sorted bytewise by key.
    members: Vec<(String, String)>,
}

impl Metadata {
    /// No metadata: `{}`.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a caller's metadata. Keys are sorted at every level and strings escaped in the canonical way; half a
    /// surrogate pair becomes U+FFFD; numbers stay as written.
    ///
    /// # Errors
    /// `MetadataInvalid` if `text` is not exactly one JSON object, has a key twice in one object, nests deeper than
    /// 32 levels, or holds a number beyond a 64-bit float; `MetadataReserved` if a top-level key begins with `lode.`.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |fault| Error::new(Status::MetadataInvalid, format_args!("invalid metadata: {fault}"));
        if let Err(error) = syntax::check(text.as_bytes(), None) {
            return Err(invalid(format!("they are not one JSON object such as {{}}: {error}")));
        }
        if !text.trim_start().starts_with('{') {
            let found = json::kind(text);
            return Err(invalid(format!("they must be a JSON object such as {{}}, found {found}")));
        }
        let members = json::canonical_members(text, DEEPEST).map_err(invalid)?;
        if let Some((key, _)) = members.iter().find(|(key, _)| key.starts_with(RESERVED)) {
            return Err(Error::new(
                Status::MetadataReserved,
                format_args!(
                    "the metadata key {key:?} begins with {RESERVED:?}, which is reserved: rename it"
                ),
            ));
        }
        Ok(Metadata { members })
    }

    /// Takes the metadata of a stored manifest as they are.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(super) fn from_stored(object: &str) -> std::result::Result<Self, String> {
        let mut members: Vec<(String, String)> = json::members(object)
            .map_err(|error| error.to_string())?
            .into_iter()
            .map(|(key, value)| (key.into_owned(), json::compact(value)))
            .collect();
        match json::sort_members(&mut members) {
            Some(key) => Err(format!("the key {key:?} occurs twice")),
            None => Ok(Metadata { members }),
        }
    }

    /// Whether there is no key, reserved ones included.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The caller's part, as JSON text without white space: all keys but the reserved ones.
    #[must_use]
    pub fn user_json(&self) -> String {
        self.object_of(|key| !key.starts_with(RESERVED))
    }

    /// All keys, as JSON text without white space.
    pub(super) fn json(&self) -> String {
        self.object_of(|_| true)
    }

    fn object_of(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut out = String::new();
        let mut object = json::ObjectWriter::new(&mut out);
        for (key, value) in self.members.iter().filter(|(key, _)| wanted(key)) {
            object.raw(key, value);
        }
        object.end();
        out
    }

    /// The JSON text of `key`'s value.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let at = self.members.binary_search_by(|member| member.0.as_str().cmp(key)).ok()?;
        Some(&self.members[at].1)
    }

    /// Sets a reserved key to valid JSON text without white space.
    pub(crate) fn set_reserved(&mut self, key: &str, value: String) {
        debug_assert!(key.starts_with(RESERVED), "{key}");
        match self.members.binary_search_by(|member| member.0.as_str().cmp(key)) {
            Ok(at) => self.members[at].1 = value,
            Err(at) => self.members.insert(at, (key.to_owned(), value)),
        }
    }

    /// The parent that a noop names.
    pub(super) fn noop(&self) -> Option<String> {
        // A caller of the Go library may have put anything there.
        json::text(self.value(NOOP)?)
    }

    /// Makes these the metadata of a noop on top of `parent`.
    pub(crate) fn set_noop(&mut self, parent: &str) {
        let mut value = String::new();
        json::push_string(&mut value, parent);
        self.set_reserved(NOOP, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_kept_in_canonical_form() {
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
            assert_eq!(Metadata::from_stored(&super::json::indent(expected)).unwrap(), metadata);
        }
        assert!(Metadata::empty().is_empty());
        assert_eq!(Metadata::empty(), Metadata::parse("{}").unwrap());
    }

    #[test]
    fn what_is_no_plain_object_is_refused() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(32), "]".repeat(32));
        let deepest = format!("{{\"a\":{}{}}}", "[".repeat(31), "]".repeat(31));
        let very_deep = format!("{{\"a\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        Metadata::parse(&deepest).unwrap();
        for (text, fault) in [
            ("", "not one JSON object such as {}: it ends early"),
            ("   ", "not one JSON object"),
            ("null", "must be a JSON object such as {}, found null"),
            ("[]", "found an array"),
            ("\"a\"", "found a string"),
            (" 7", "found a number"),
            ("true", "found a boolean"),
            ("{", "not one JSON object such as {}: it ends early"),
            ("{} {}", "something follows the document (at byte 3)"),
            ("{\"a\":1,}", "and a key (at byte 7)"),
            ("{\"a\":01}", "expected ',' or '}' (at byte 6)"),
            ("{\"a\":\"\n\"}", "control character"),
            ("\u{feff}{}", "expected a value"),
            ("{'a':1}", "expected '\"' and a key"),
            (r#"{"a":1,"a":2}"#, "the key \"a\" occurs twice in one object"),
            (r#"{"a":1,"\u0061":2}"#, "the key \"a\" occurs twice in one object"),
            (r#"{"a":[{"b":1,"c":2,"b":3}]}"#, "the key \"b\" occurs twice in one object"),
            (r#"{"a":1e999}"#, "the number 1e999 (at byte 5) does not fit a 64-bit float"),
            (r#"{"a":[-1e400 ]}"#, "the number -1e400 (at byte 6) does not fit a 64-bit float"),
            (&deep, "nest deeper than 32 levels (at byte 36)"),
            (&very_deep, "nest deeper than 32 levels"),
        ] {
            let error = Metadata::parse(text).unwrap_err();
            assert_eq!(error.status(), Status::MetadataInvalid, "{error}");
            assert!(error.message().contains(fault), "{text:.40}: {error}");
        }
    }

    #[test]
    fn reserved_keys_are_refused_kept_apart_and_left_out() {
        for text in [r#"{"lode.x":1}"#, r#"{"a":1,"lode.":{}}"#, r#"{"\u006code.x":1}"#] {
            let error = Metadata::parse(text).unwrap_err();
            assert_eq!(error.status(), Status::MetadataReserved);
            assert!(error.message().contains("the metadata key \"lode."), "{error}");
        }
        let mut metadata = Metadata::parse(r#"{"a":1,"z":2}"#).unwrap();
        metadata.set_reserved("lode.producers", "{}".to_owned());
        metadata.set_reserved("lode.producers", r#"{"p":1}"#.to_owned());
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
        assert_eq!(Metadata::from_stored(r#"{"lode.noop":7}"#).unwrap().noop(), None);
    }
}

//! What nests in a record, for columns of lists and structs.

use super::super::text::push_text;
use super::{Member, Members};

impl Member<'_> {
    /// Whether its key stands for this name.
    pub fn is_named(&self, name: &str) -> bool {
        if !self.key_has_escapes {
            return self.key == name.as_bytes();
        }
        let mut key = String::new();
        push_text(std::str::from_utf8(self.key).unwrap_or_default(), usize::MAX, &mut key);
        key == name
    }
}

/// The elements of an array in a document that a [`super::Checker`] has accepted: the bytes of each, without
/// the white space around them.
pub struct Elements<'a>(Members<'a>);

impl<'a> Elements<'a> {
    /// The elements of `array`, which begins with its bracket; `None` if it is none.
    pub fn of(array: &'a [u8]) -> Option<Self> {
        (array.first() == Some(&b'[')).then_some(Elements(Members { document: array, at: 1, ended: false }))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let Elements(inner) = self;
        inner.skip(b',');
        if inner.byte()? == b']' {
            return None;
        }
        let start = inner.at;
        inner.value()?;
        Some(&inner.document[start..inner.at])
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Checker;
    use super::*;

    #[test]
    fn elements_come_in_order_as_written() {
        let elements = |array: &'static str| -> Vec<&str> {
            Checker::new(&[]).unwrap().check(array.as_bytes()).expect("it is valid");
            let elements = Elements::of(array.as_bytes()).expect("it is an array");
            elements.map(|element| std::str::from_utf8(element).unwrap()).collect()
        };
        assert_eq!(elements("[]"), [""; 0]);
        assert_eq!(elements("[ \t]"), [""; 0]);
        assert_eq!(elements("[1]"), ["1"]);
        let mixed = r#"[ 1 , "x,]\"",[[],{"a":"]"}],{"b":[1]} ,null,-2.5e7 ]"#;
        assert_eq!(
            elements(mixed),
            ["1", r#""x,]\"""#, r#"[[],{"a":"]"}]"#, r#"{"b":[1]}"#, "null", "-2.5e7"]
        );
        assert!(Elements::of(b"{}").is_none());
        assert_eq!(Elements::of(b"[1").unwrap().count(), 0, "it was never checked");
    }

    #[test]
    fn a_member_is_named_by_what_its_key_stands_for() {
        let named =
            |document: &str, name| Members::of(document.as_bytes()).unwrap().next().unwrap().is_named(name);
        assert!(named(r#"{"a":1}"#, "a") && named(r#"{"\u0061":1}"#, "a"));
        assert!(!named(r#"{"\u0061":1}"#, "\\u0061") && !named(r#"{"a":1}"#, ""));
    }
}

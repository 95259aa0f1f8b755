//! The top-level members of a record, found without decoding it: in order, values as the bytes that they are.

use super::block::{self, Block};

#[cfg(feature = "parquet")]
mod elements;

#[cfg(feature = "parquet")]
pub use elements::Elements;

/// The members of a document that a [`super::Checker`] has accepted. What nests in them is stepped over,
/// without recursion and without memory. An iterator over nothing if the document is no object.
pub struct Members<'a> {
    document: &'a [u8],
    at: usize,
    ended: bool,
}

/// One member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The key between its quotes, escapes and all.
    pub key: &'a [u8],
    /// Whether the key has any.
    pub key_has_escapes: bool,
    /// The value's bytes, without the white space around them.
    pub value: &'a [u8],
    /// Where the value begins in the document.
    pub offset: usize,
}

impl<'a> Members<'a> {
    /// The members of `document`; `None` if it is no object.
    pub fn of(document: &'a [u8]) -> Option<Self> {
        let at = document.iter().position(|byte| !is_space(*byte))?;
        (document[at] == b'{').then_some(Members { document, at: at + 1, ended: false })
    }

    fn byte(&self) -> Option<u8> {
        self.document.get(self.at).copied()
    }

    /// Steps over bytes that stand between tokens.
    fn skip(&mut self, separator: u8) {
        while self.byte().is_some_and(|byte| is_space(byte) || byte == separator) {
            self.at += 1;
        }
    }

    /// Steps over the string whose opening quote is here. Tells whether it has escapes.
    #[inline(always)]
    fn string(&mut self) -> Option<bool> {
        self.at += 1;
        let mut escapes = false;
        while let Some(ahead) = self.document.get(self.at..)?.first_chunk() {
            let Some(place) = Block::load(ahead).first_special() else {
                self.at += block::LEN;
                continue;
            };
            self.at += place + 1;
            match ahead[place] {
                b'"' => return Some(escapes),
                b'\\' => {
                    escapes = true;
                    self.at += 1;
                }
                _ => {}
            }
        }
        self.end_of_string(escapes)
    }

    /// Steps over the rest of a string that is within the document's last bytes.
    fn end_of_string(&mut self, mut escapes: bool) -> Option<bool> {
        loop {
            let byte = self.byte()?;
            self.at += 1;
            match byte {
                b'"' => return Some(escapes),
                b'\\' => {
                    escapes = true;
                    self.at += 1;
                }
                _ => {}
            }
        }
    }

    /// Steps over the array or object that begins here.
    fn container(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }

    fn member(&mut self) -> Option<Member<'a>> {
        self.skip(b',');
        if self.byte()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let key_has_escapes = self.string()?;
        let key = &self.document[start..self.at - 1];
        self.skip(b':');
        let offset = self.at;
        self.value()?;
        Some(Member { key, key_has_escapes, value: &self.document[offset..self.at], offset })
    }

    /// Steps over the value that begins here.
    #[inline(always)]
    fn value(&mut self) -> Option<()> {
        match self.byte()? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => self.container()?,
            _ => {
                // Most often a number, of a few digits.
                while !matches!(self.byte()?, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r') {
                    self.at += 1;
                }
            }
        }
        Some(())
    }

    /// Where the member's value begins that is at `at`, or that white space at `at` comes before, and how
    /// long it is.
    #[inline]
    pub(super) fn value_at(document: &'a [u8], at: usize) -> Option<(usize, usize)> {
        let mut members = Members { document, at, ended: false };
        while members.byte().is_some_and(is_space) {
            members.at += 1;
        }
        let begin = members.at;
        members.value()?;
        Some((begin, members.at - begin))
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        if self.ended {
            return None;
        }
        let member = self.member();
        self.ended = member.is_none();
        member
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::super::Checker;
    use super::*;

    fn members(document: &str) -> Option<Vec<(&str, &str)>> {
        Checker::new(&[]).unwrap().check(document.as_bytes()).expect("it is valid");
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let members = Members::of(document.as_bytes())?;
        Some(
            members
                .map(|member| {
                    assert_eq!(
                        &document.as_bytes()[member.offset..][..member.value.len()],
                        member.value,
                        "{document}"
                    );
                    (text(member.key), text(member.value))
                })
                .collect(),
        )
    }

    #[test]
    fn members_come_in_order_with_their_values_as_written() {
        assert_eq!(members("{}"), Some(vec![]));
        assert_eq!(members(" \r\n{ \t} "), Some(vec![]));
        assert_eq!(
            members(r#" { "a" : 1 , "b":"x,}\"\\" ,"c\"d":[{"a":"]}"},[]] , "e":{"f":{}},"g":true,"":null}"#),
            Some(vec![
                ("a", "1"),
                ("b", r#""x,}\"\\""#),
                (r#"c\"d"#, r#"[{"a":"]}"},[]]"#),
                ("e", r#"{"f":{}}"#),
                ("g", "true"),
                ("", "null"),
            ])
        );
        assert_eq!(members("{\"a\":\n-1.5e+3\n}"), Some(vec![("a", "-1.5e+3")]));
        assert_eq!(members(r#"{"a":1,"a":2}"#), Some(vec![("a", "1"), ("a", "2")]));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(9_999), "]".repeat(9_999));
        assert_eq!(members(&deep).unwrap()[0].1.len(), 2 * 9_999);
    }

    #[test]
    fn other_documents_have_no_members() {
        for document in ["1", "\"{\"", "[{\"a\":1}]", "null", " true "] {
            assert_eq!(members(document), None, "{document}");
        }
    }

    #[test]
    fn bytes_that_were_never_checked_end_early() {
        for broken in ["", "{", "{\"a", "{\"a\\", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":1", "{a:1}"] {
            let all: Vec<_> = Members::of(broken.as_bytes()).into_iter().flatten().collect();
            assert_eq!(all, [], "{broken}");
        }
    }
}

//! Whether text is exactly one JSON document (RFC 8259), however deep and whatever its numbers.
//!
//! Stored objects are written by several programs and may be hostile. What the library has no use for it need not
//! understand, so that this accepts what the check of records refuses: any depth, and numbers beyond a float64.

use std::fmt;

/// Why text is not exactly one JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The first byte that no document could have there; the text's length where it ends early.
    at: usize,
    what: &'static str,
    ends_early: bool,
}

impl Flaw {
    /// Whether the text is the beginning of a document.
    pub(crate) fn ends_early(&self) -> bool {
        self.ends_early
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.ends_early { "it ends early" } else { self.what };
        write!(f, "{what} (at byte {})", self.at)
    }
}

/// Checks that `json` is one document, white space around it allowed, that begins with `opening`; any document
/// will do if there is none.
///
/// # Errors
/// Where and why not.
pub(crate) fn check(json: &[u8], opening: Option<u8>) -> Result<(), Flaw> {
    let mut text = Text { json, at: 0 };
    // The brackets that close what is open, outermost first: memory grows with the input alone.
    let mut open = Vec::new();
    text.skip_white_space();
    if let Some(opening) = opening {
        let wanted = if opening == b'{' { "expected '{'" } else { "expected '['" };
        text.expect(opening, wanted)?;
        text.at -= 1;
    }
    loop {
        text.skip_white_space();
        match text.byte() {
            Some(b'{') => {
                text.at += 1;
                text.skip_white_space();
                open.push(b'}');
                if text.byte() != Some(b'}') {
                    text.key()?;
                    continue;
                }
            }
            Some(b'[') => {
                text.at += 1;
                text.skip_white_space();
                open.push(b']');
                if text.byte() != Some(b']') {
                    continue;
                }
            }
            Some(b'"') => text.string()?,
            Some(b'-' | b'0'..=b'9') => text.number()?,
            Some(b't') => text.literal(b"true")?,
            Some(b'f') => text.literal(b"false")?,
            Some(b'n') => text.literal(b"null")?,
            _ => return Err(text.flaw("expected a value")),
        }
        // A value is complete, or an empty array or object is at its end.
        loop {
            text.skip_white_space();
            match (text.byte(), open.last()) {
                (None, None) => return Ok(()),
                (Some(_), None) => return Err(text.flaw("something follows the document")),
                (Some(b','), Some(close)) => {
                    text.at += 1;
                    if *close == b'}' {
                        text.skip_white_space();
                        text.key()?;
                    }
                    break;
                }
                (byte, Some(close)) if byte == Some(*close) => {
                    text.at += 1;
                    open.pop();
                }
                (_, Some(b'}')) => return Err(text.flaw("expected ',' or '}'")),
                _ => return Err(text.flaw("expected ',' or ']'")),
            }
        }
    }
}

struct Text<'a> {
    json: &'a [u8],
    at: usize,
}

impl Text<'_> {
    fn byte(&self) -> Option<u8> {
        self.json.get(self.at).copied()
    }

    #[cold]
    fn flaw(&self, what: &'static str) -> Flaw {
        Flaw { at: self.at, what, ends_early: self.at >= self.json.len() }
    }

    fn expect(&mut self, byte: u8, what: &'static str) -> Result<(), Flaw> {
        if self.byte() != Some(byte) {
            return Err(self.flaw(what));
        }
        self.at += 1;
        Ok(())
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.byte().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn skip_white_space(&mut self) {
        self.skip_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    }

    /// A key and the colon after it.
    fn key(&mut self) -> Result<(), Flaw> {
        if self.byte() != Some(b'"') {
            return Err(self.flaw("expected '\"' and a key"));
        }
        self.string()?;
        self.skip_white_space();
        self.expect(b':', "expected ':'")
    }

    /// A string, whose opening quote is here.
    fn string(&mut self) -> Result<(), Flaw> {
        self.at += 1;
        loop {
            self.skip_while(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    match self.byte() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            for _ in 0..4 {
                                self.at += 1;
                                if !self.byte().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                                    return Err(self.flaw("expected four hex digits after \\u"));
                                }
                            }
                            self.at += 1;
                        }
                        _ => return Err(self.flaw("unknown escape in a string")),
                    }
                }
                _ => return Err(self.flaw("control character in a string")),
            }
        }
    }

    fn number(&mut self) -> Result<(), Flaw> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Flaw> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        if self.at == start { Err(self.flaw("expected a digit")) } else { Ok(()) }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), Flaw> {
        literal.iter().try_for_each(|byte| self.expect(*byte, "expected true, false or null"))
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn documents_and_what_is_none_as_serde_json_tells_them() {
        let texts = [
            "",
            " ",
            "{",
            "{}",
            "[",
            "[]",
            " { } ",
            "[ ]",
            "{]",
            "[}",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{\"a\" : 1 }",
            "{\"a\":1,",
            "{\"a\":1,}",
            "{,}",
            "{1:2}",
            "[1,2]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "1",
            "-",
            "-0",
            "01",
            "-01",
            "0.",
            "0.5",
            ".5",
            "1e",
            "1e+",
            "1E-7",
            "1e999",
            "1.e5",
            "+1",
            "true",
            "tru",
            "trux",
            "false",
            "null",
            "nul",
            "nulll",
            "\"",
            "\"a",
            "\"a\"",
            "\"\\",
            "\"\\u",
            "\"\\u12",
            "\"\\u12g4\"",
            "\"\\ud800\"",
            "\"\\x\"",
            "\"\n\"",
            "\"é\u{7f}\"",
            "{} {}",
            "[] x",
            "\u{feff}{}",
            "[[[{\"a\":[{}]}]]]",
            "{\"a\":{\"b\":[null,true]}}",
            "'a'",
            "\u{b}1",
            "1\u{c}",
        ];
        for text in texts {
            let expected = serde_json::from_str::<&serde_json::value::RawValue>(text);
            let found = check(text.as_bytes(), None);
            assert_eq!(found.is_ok(), expected.is_ok(), "{text:?}: {found:?}");
            if let (Err(found), Err(expected)) = (found, expected) {
                // serde_json does not say that a number ends early.
                let ends_early = expected.is_eof() || matches!(text, "-" | "0." | "1e" | "1e+");
                assert_eq!(found.ends_early(), ends_early, "{text:?}: {found}, {expected}");
            }
        }
    }

    #[test]
    fn the_flaw_tells_where_and_why() {
        for (text, opening, expected) in [
            ("", None, "it ends early (at byte 0)"),
            ("[1,2", None, "it ends early (at byte 4)"),
            ("[1}", None, "expected ',' or ']' (at byte 2)"),
            ("{\"a\":1 2}", None, "expected ',' or '}' (at byte 7)"),
            ("{\"a\",1}", None, "expected ':' (at byte 4)"),
            (" 7", Some(b'{'), "expected '{' (at byte 1)"),
            (" {}", Some(b'['), "expected '[' (at byte 1)"),
        ] {
            assert_eq!(check(text.as_bytes(), opening).unwrap_err().to_string(), expected, "{text}");
        }
    }
}

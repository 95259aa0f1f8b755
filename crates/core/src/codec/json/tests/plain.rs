//! The same check written the plain way, byte by byte and by recursion, as the judge of offset and reason: on
//! records alike, as a stream has them, so that the short ways of the checker are taken and left at every
//! place.

use super::differential::{Random, mutate};
use crate::codec::json::{Checker, Document, Fault, beyond_float64, fault};

struct Plain<'a> {
    bytes: &'a [u8],
    at: usize,
    has_line_breaks: bool,
}

type Step = Result<(), Fault>;

impl Plain<'_> {
    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail<T>(&self, reason: &'static str) -> Result<T, Fault> {
        Err(fault::at(self.bytes, self.at, reason))
    }

    fn token(&mut self) -> Option<u8> {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte() {
            self.has_line_breaks |= matches!(byte, b'\n' | b'\r');
            self.at += 1;
        }
        self.byte()
    }

    fn value(&mut self) -> Step {
        match self.token() {
            Some(b'"') => self.string(),
            Some(b'{') => self.container(b'}', fault::KEY_OR_END, fault::COMMA_OR_OBJECT_END),
            Some(b'[') => self.container(b']', fault::VALUE, fault::COMMA_OR_ARRAY_END),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail(fault::VALUE),
        }
    }

    fn container(&mut self, end: u8, first: &'static str, after: &'static str) -> Step {
        self.at += 1;
        if self.token() == Some(end) {
            self.at += 1;
            return Ok(());
        }
        let mut wanted = first;
        loop {
            if end == b'}' {
                if self.token() != Some(b'"') {
                    return self.fail(wanted);
                }
                self.string()?;
                if self.token() != Some(b':') {
                    return self.fail(fault::COLON);
                }
                self.at += 1;
                wanted = fault::KEY;
            }
            self.value()?;
            match self.token() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == end => break self.at += 1,
                _ => return self.fail(after),
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Step {
        self.at += 1;
        loop {
            match self.byte() {
                None => return self.fail(fault::IN_STRING),
                Some(b'"') => break self.at += 1,
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return self.fail(fault::CONTROL),
                Some(_) => self.at += 1,
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Step {
        self.at += 1;
        let digits = match self.byte() {
            Some(b'u') => 4,
            Some(byte) if b"\"\\/bfnrt".contains(&byte) => 0,
            Some(_) => return self.fail(fault::ESCAPE),
            None => return self.fail(fault::IN_STRING),
        };
        self.at += 1;
        for _ in 0..digits {
            match self.byte() {
                Some(byte) if byte.is_ascii_hexdigit() => self.at += 1,
                Some(_) => return self.fail(fault::HEX_DIGIT),
                None => return self.fail(fault::IN_STRING),
            }
        }
        Ok(())
    }

    fn digits(&mut self) -> Step {
        if !self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            return self.fail(fault::DIGIT);
        }
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Step {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        let zero = self.byte() == Some(b'0');
        let second = self.at + 1;
        self.digits()?;
        if zero && self.at > second {
            self.at = second;
            return self.fail(fault::LEADING_ZERO);
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
        if beyond_float64(&self.bytes[start..self.at]) {
            return Err(Fault { offset: start, reason: fault::TOO_LARGE });
        }
        Ok(())
    }

    fn literal(&mut self, literal: &[u8]) -> Step {
        for byte in literal {
            if self.byte() != Some(*byte) {
                return self.fail(fault::LITERAL);
            }
            self.at += 1;
        }
        Ok(())
    }
}

fn judge(bytes: &[u8]) -> Result<Document, Fault> {
    let mut plain = Plain { bytes, at: 0, has_line_breaks: false };
    let mut verdict = plain.value();
    if verdict.is_ok() && plain.token().is_some() {
        verdict = Err(fault::after_document(bytes, plain.at));
    }
    match (verdict, std::str::from_utf8(bytes)) {
        (Err(fault), _) => Err(fault::earliest(bytes, fault)),
        (_, Err(error)) => Err(Fault { offset: error.valid_up_to(), reason: fault::NOT_UTF8 }),
        _ => Ok(Document { has_line_breaks: plain.has_line_breaks }),
    }
}

/// A record of a stream: always the same keys in the same style, with values around the lengths at which the
/// checker goes from one way to another.
fn record(random: &mut Random, style: usize) -> Vec<u8> {
    let [comma, colon] = [[",", ":"], [", ", ": "], [",\t", " : "], [",\n  ", ": "]][style % 4];
    let value = |random: &mut Random| {
        let len = [0, 1, 2, 5, 7, 8, 9, 14, 15, 16, 17, 30, 31, 32, 33, 34, 47, 48, 49, 70][random.below(20)];
        let digits = "1234567890".repeat(len / 10 + 1);
        let (digits, minus) = (&digits[..len.max(1)], ["", "-"][random.below(2)]);
        match random.below(9) {
            0 | 1 => format!("{minus}{digits}"),
            2 => format!("{minus}0.{digits}"),
            3 => format!("{minus}{digits}.{}", &digits[digits.len() / 2..]),
            4 => format!("{minus}{digits}e-{}", digits.len()),
            5 | 6 => format!("\"{}\"", "x".repeat(len)),
            7 => format!("\"{}é\\n{}\"", "y".repeat(len), "z".repeat(len)),
            _ => ["true", "false", "null", "[]", "{}"][random.below(5)].to_owned(),
        }
    };
    let members: Vec<String> = ["a", "key", "a key of thirteen", "twenty-eight characters long", "x"]
        .into_iter()
        .chain(["a key that is longer than those that are remembered"])
        .map(|key| {
            let elements: Vec<String> = (0..random.below(4)).map(|_| value(random)).collect();
            let value =
                if random.below(4) == 0 { format!("[{}]", elements.join(comma)) } else { value(random) };
            format!("\"{key}\"{colon}{value}")
        })
        .collect();
    format!("{{{}}}", members.join(comma)).into_bytes()
}

#[test]
fn verdicts_on_a_stream_of_records_are_those_of_the_plain_way() {
    let mut random = Random(0x5eed);
    let (mut accepted, mut refused) = (0, 0);
    for style in 0..4 {
        let mut checker = Checker::new(&[]).unwrap();
        for _ in 0..10_000 {
            let mut bytes = record(&mut random, style);
            for _ in 0..4 {
                let expected = judge(&bytes);
                assert_eq!(checker.check(&bytes), expected, "{:?}", String::from_utf8_lossy(&bytes));
                if expected.is_ok() {
                    accepted += 1
                } else {
                    refused += 1
                }
                mutate(&mut random, &mut bytes);
            }
        }
    }
    assert!(accepted > 50_000 && refused > 50_000, "one-sided: {accepted} accepted, {refused} refused");
}

#[test]
fn the_plain_way_gives_the_verdicts_by_hand() {
    for document in super::cases::VALID {
        assert!(judge(document).is_ok(), "{:?}", String::from_utf8_lossy(document));
    }
    for (document, offset, reason) in super::cases::INVALID {
        let fault = judge(document).expect_err(reason);
        let alike = fault.offset == *offset && fault.reason.contains(reason);
        assert!(alike, "{:?}: {fault:?}", String::from_utf8_lossy(document));
    }
}

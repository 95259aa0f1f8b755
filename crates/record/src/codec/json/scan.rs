//! Scanning of tokens, eight bytes at a time in a machine word where it can.
//!
//! The word tricks: in `x - 0x01…01 & !x & 0x80…80` a byte's high bit is set where the byte is zero. A borrow
//! may also set the bit of bytes above a zero byte, never of one below the first, and only the first counts.

use super::keys::Keys;
use super::range::beyond_float64;
use super::{Fault, fault};

/// A word with `byte` in each place.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const HIGH_BITS: u64 = each(0x80);

/// Integer digits that are finite as a float64, whatever they are: 10^308 is.
const ALWAYS_FINITE_DIGITS: usize = 308;

/// Marks (by its high bit) the first byte that a string cannot take over as it is: `"`, `\`, a control
/// character.
#[inline(always)]
fn special_in_string(word: u64) -> u64 {
    let quote = word ^ each(b'"');
    let backslash = word ^ each(b'\\');
    let is_quote = quote.wrapping_sub(each(1)) & !quote;
    let is_backslash = backslash.wrapping_sub(each(1)) & !backslash;
    let is_control = word.wrapping_sub(each(0x20)) & !word;
    (is_quote | is_backslash | is_control) & HIGH_BITS
}

/// Marks (by its high bit) the first byte that is no decimal digit.
#[inline(always)]
fn non_digit(word: u64) -> u64 {
    let value = word ^ each(b'0');
    (value.wrapping_add(each(0x80 - 10)) | value) & HIGH_BITS
}

/// The place (0 to 7) of the first marked byte; 8 if there is none.
#[inline(always)]
fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// The byte at place `place` (below 8) of a word.
#[inline(always)]
fn nth(word: u64, place: usize) -> u8 {
    (word >> (8 * place)) as u8
}

/// A place in a document under scrutiny.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    has_line_breaks: bool,
    /// Every word of every string, or-ed together.
    string_words: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0, has_line_breaks: false, string_words: 0 }
    }

    pub(super) fn has_line_breaks(&self) -> bool {
        self.has_line_breaks
    }

    /// Whether a string may hold bytes above 0x7f; certainly none does if not.
    pub(super) fn may_hold_non_ascii(&self) -> bool {
        self.string_words & HIGH_BITS != 0
    }

    /// The fault that `reason` names, here.
    #[cold]
    pub(super) fn fault(&self, reason: &'static str) -> Fault {
        fault::at(self.bytes, self.at, reason)
    }

    /// The byte here; 0, which no token begins with, at the end.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// The next eight bytes, the first one lowest; zeros stand for those after the end.
    #[inline(always)]
    fn word(&self) -> u64 {
        match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            Some(chunk) => u64::from_le_bytes(*chunk),
            None => self.last_word(self.at),
        }
    }

    /// The next sixteen bytes, as by [`Self::word`].
    #[inline(always)]
    fn two_words(&self) -> (u64, u64) {
        match self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<16>) {
            Some(chunk) => {
                let both = u128::from_le_bytes(*chunk);
                (both as u64, (both >> 64) as u64)
            }
            None => (self.last_word(self.at), self.last_word(self.at + 8)),
        }
    }

    /// The eight bytes at `at`, near or after the end.
    #[inline(never)]
    fn last_word(&self, at: usize) -> u64 {
        let left = self.bytes.get(at..).unwrap_or_default();
        if let Some(chunk) = left.first_chunk() {
            return u64::from_le_bytes(*chunk);
        }
        match self.bytes.last_chunk() {
            Some(chunk) if !left.is_empty() => u64::from_le_bytes(*chunk) >> (8 * (8 - left.len())),
            _ => left.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        }
    }

    /// Steps over the byte here.
    #[inline(always)]
    pub(super) fn advance(&mut self) {
        self.at += 1;
    }

    /// The byte that begins the next token, and is now here; 0 at the end.
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        let byte = self.byte();
        if byte > b' ' { byte } else { self.token_after_white_space() }
    }

    #[inline(never)]
    fn token_after_white_space(&mut self) -> u8 {
        loop {
            match self.byte() {
                b' ' | b'\t' => {}
                b'\n' | b'\r' => self.has_line_breaks = true,
                byte => return byte,
            }
            self.at += 1;
        }
    }

    /// Nothing but white space up to the end.
    #[inline(always)]
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        if self.at < self.bytes.len() {
            self.token();
            if self.at < self.bytes.len() {
                return Err(fault::after_document(self.bytes, self.at));
            }
        }
        Ok(())
    }

    /// Steps over a key, whose opening quote is here, and the colon after it.
    #[inline(always)]
    pub(super) fn key(&mut self, keys: &mut Keys) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let known = keys.known(rest);
        if known != 0 {
            self.at += known;
            return Ok(());
        }
        self.new_key(keys)
    }

    #[inline(never)]
    fn new_key(&mut self, keys: &mut Keys) -> Result<(), Fault> {
        let start = self.at;
        self.string()?;
        let end = self.at;
        if self.token() != b':' {
            return Err(self.fault(fault::COLON));
        }
        // White space before the colon is not remembered: line breaks are to be seen each time.
        if self.at == end {
            keys.remember(&self.bytes[start..=end]);
        }
        self.at += 1;
        Ok(())
    }

    /// Steps over a string, whose opening quote is here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<(), Fault> {
        self.at += 1;
        loop {
            // Two words at once: the processor works on both while it waits for neither.
            let (mut word, second) = self.two_words();
            let mut marks = special_in_string(word);
            self.string_words |= word;
            if marks == 0 {
                self.at += 8;
                word = second;
                marks = special_in_string(second);
                self.string_words |= word;
                if marks == 0 {
                    self.at += 8;
                    continue;
                }
            }
            let place = first(marks);
            self.at += place;
            match nth(word, place) {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ if self.at >= self.bytes.len() => return Err(self.fault(fault::IN_STRING)),
                _ => return Err(self.fault(fault::CONTROL)),
            }
        }
    }

    /// Steps over an escape, whose backslash is here. The surrogates that `\u` may name need not come in
    /// pairs.
    #[inline(never)]
    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        match self.byte() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                for _ in 0..4 {
                    self.at += 1;
                    if !self.byte().is_ascii_hexdigit() {
                        return Err(self.fault_in_string(fault::HEX_DIGIT));
                    }
                }
                self.at += 1;
            }
            _ => return Err(self.fault_in_string(fault::ESCAPE)),
        }
        Ok(())
    }

    #[cold]
    fn fault_in_string(&self, reason: &'static str) -> Fault {
        self.fault(if self.at < self.bytes.len() { reason } else { fault::IN_STRING })
    }

    /// Steps over a run of digits, of which `word` holds the next eight bytes, and returns the byte after it.
    #[inline(always)]
    fn digits(&mut self, word: u64) -> u8 {
        let place = first(non_digit(word));
        self.at += place;
        if place < 8 { nth(word, place) } else { self.more_digits() }
    }

    #[inline(never)]
    fn more_digits(&mut self) -> u8 {
        loop {
            let word = self.word();
            let place = first(non_digit(word));
            self.at += place;
            if place < 8 {
                return nth(word, place);
            }
        }
    }

    /// Steps over a number, whose first byte is here.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut word = self.word();
        if word as u8 == b'-' {
            self.at += 1;
            word = self.word();
        }
        let integer = self.at;
        let mut next = self.digits(word);
        let integer_digits = self.at - integer;
        if word as u8 == b'0' && integer_digits > 1 {
            self.at = integer + 1;
            return Err(self.fault(fault::LEADING_ZERO));
        }
        if integer_digits == 0 {
            return Err(self.fault(fault::DIGIT));
        }
        if next == b'.' {
            self.at += 1;
            let fraction = self.at;
            next = self.digits(self.word());
            if self.at == fraction {
                return Err(self.fault(fault::DIGIT));
            }
        }
        if next | 0x20 == b'e' {
            return self.exponent(start, integer_digits);
        }
        if integer_digits > ALWAYS_FINITE_DIGITS {
            return self.finite(start);
        }
        Ok(())
    }

    /// Steps over an exponent, whose `e` is here, and looks at the range of the number that began at `start`.
    #[inline(never)]
    fn exponent(&mut self, start: usize, integer_digits: usize) -> Result<(), Fault> {
        self.at += 1;
        let sign = self.byte();
        if matches!(sign, b'+' | b'-') {
            self.at += 1;
        }
        let digits = self.at;
        self.digits(self.word());
        if self.at == digits {
            return Err(self.fault(fault::DIGIT));
        }
        let zeros = self.bytes[digits..self.at].iter().take_while(|digit| **digit == b'0').count();
        let exponent = match &self.bytes[digits + zeros..self.at] {
            [] => 0,
            _ if sign == b'-' && integer_digits <= ALWAYS_FINITE_DIGITS => 0,
            [units] => usize::from(units - b'0'),
            [tens, units] => usize::from(tens - b'0') * 10 + usize::from(units - b'0'),
            _ => usize::MAX,
        };
        if integer_digits.saturating_add(exponent) <= ALWAYS_FINITE_DIGITS {
            return Ok(());
        }
        self.finite(start)
    }

    /// Whether the number that began at `start`, and ends here, is finite as a float64.
    #[cold]
    #[inline(never)]
    fn finite(&self, start: usize) -> Result<(), Fault> {
        if beyond_float64(&self.bytes[start..self.at]) {
            return Err(Fault { offset: start, reason: fault::TOO_LARGE });
        }
        Ok(())
    }

    /// Steps over `literal`, whose first byte is here.
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &[u8]) -> Result<(), Fault> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(literal)) {
            self.at += literal.len();
            return Ok(());
        }
        self.broken_literal(literal)
    }

    #[cold]
    #[inline(never)]
    fn broken_literal(&mut self, literal: &[u8]) -> Result<(), Fault> {
        self.at +=
            self.bytes[self.at..].iter().zip(literal).take_while(|(found, wanted)| found == wanted).count();
        Err(self.fault(fault::LITERAL))
    }
}

//! Scanning of tokens, sixteen bytes at a time (see [`super::block`]).
//!
//! The common case has a short path, which does not scan token by token: values of at most [`SHORT`] bytes,
//! in an object after the keys that the documents before had there, in an array after a comma. Everything
//! else, faults included, is left to the general path, from where the short one ended.

use super::block::{self, Block};
use super::keys::{self, Keys};
use super::range::beyond_float64;
use super::{Fault, fault};

/// Any number of this many integer digits is finite as a float64: 10^308 is.
const ALWAYS_FINITE_DIGITS: usize = 308;

/// The most bytes that are read together, or more, and as many zeros as are put after a document.
const LONGEST_LOOK: usize = 3 * block::LEN;

/// A document's last bytes, at most [`LONGEST_LOOK`], with zeros after them. Reads beyond the document's end
/// are safe there; no token has a zero in it, so that none seems to go on.
#[derive(Debug)]
pub(super) struct Tail([u8; 2 * LONGEST_LOOK]);

impl Tail {
    pub(super) const fn new() -> Self {
        Tail([0; 2 * LONGEST_LOOK])
    }

    /// Takes in the last bytes of `document`.
    #[inline(always)]
    fn fill(&mut self, document: &[u8]) {
        match document.last_chunk::<LONGEST_LOOK>() {
            Some(last) => self.0[..LONGEST_LOOK].copy_from_slice(last),
            None => self.0[LONGEST_LOOK - document.len()..LONGEST_LOOK].copy_from_slice(document),
        }
    }

    /// The document's last `count` bytes, and the zeros. Out of line, so that where to read depends on a jump
    /// that is predicted, and not on a select between two addresses that has to be waited for.
    #[cold]
    #[inline(never)]
    fn last(&self, count: usize) -> &[u8] {
        &self.0[LONGEST_LOOK - count..]
    }
}

/// A place in the document that is being checked. What is rare is done on a copy, out of line, so that the
/// cursor itself can stay in registers.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    document: &'a [u8],
    tail: &'a Tail,
    /// The bytes from here on: of the document, or of its tail with the zeros after it.
    rest: &'a [u8],
    /// The zeros at the end of `rest`: none or [`LONGEST_LOOK`].
    padding: usize,
    has_line_breaks: bool,
    /// A line break ends it.
    is_line: bool,
    /// The blocks of all strings, or-ed together.
    strings: Block,
}

impl<'a> Cursor<'a> {
    #[inline(always)]
    pub(super) fn new(document: &'a [u8], is_line: bool, tail: &'a mut Tail) -> Self {
        tail.fill(document);
        let strings = Block::zero();
        Cursor { document, tail, rest: document, padding: 0, has_line_breaks: false, is_line, strings }
    }

    pub(super) fn has_line_breaks(&self) -> bool {
        self.has_line_breaks
    }

    /// Whether a string may hold bytes above 0x7f; certainly none does if not.
    pub(super) fn may_hold_non_ascii(&self) -> bool {
        self.strings.has_non_ascii()
    }

    /// Where this is, in bytes from the beginning of the document.
    #[inline(always)]
    pub(super) fn offset(&self) -> usize {
        self.document.len() + self.padding - self.rest.len()
    }

    /// The fault that `reason` names, here.
    #[cold]
    #[inline(never)]
    pub(super) fn fault(self, reason: &'static str) -> Fault {
        fault::at(self.document, self.offset(), reason)
    }

    /// The byte here; 0, which no token begins with, at the end.
    #[inline(always)]
    fn byte(&self) -> u8 {
        self.rest.first().copied().unwrap_or(0)
    }

    /// The next `N` bytes, at most [`LONGEST_LOOK`]; zeros stand for those after the end.
    #[inline(always)]
    fn look<const N: usize>(&mut self) -> &'a [u8; N] {
        const { assert!(N <= LONGEST_LOOK) };
        if self.rest.len() < N {
            (self.rest, self.padding) = (self.tail.last(self.rest.len()), LONGEST_LOOK);
        }
        self.rest.first_chunk().expect("as many zeros follow the document")
    }

    /// Steps over `count` bytes, no more than were checked.
    #[inline(always)]
    pub(super) fn advance(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }

    /// The byte that begins the next token, and is now here; 0 at the end, which a line break is of a line.
    #[inline(always)]
    pub(super) fn token(&mut self) -> u8 {
        let byte = self.byte();
        if byte > b' ' {
            return byte;
        }
        let (count, has_line_breaks) = white_space(self.rest);
        self.advance(count);
        self.has_line_breaks |= has_line_breaks;
        if self.is_line && has_line_breaks { 0 } else { self.byte() }
    }

    /// Steps over the separator here, the key after it and the colon after that, if they are those
    /// remembered. Tells whether they are. `found` is called with the key's mark and where its value begins.
    #[inline(always)]
    pub(super) fn known_key(&mut self, keys: &mut Keys, mut found: impl FnMut(u8, usize)) -> bool {
        let (known, mark) = keys.known(self.look());
        self.advance(known);
        found(mark, self.offset());
        known != 0
    }

    /// Steps over members of an object, from the comma here, whose keys are remembered and values short. True
    /// if a value is to follow. `found` is called with each key's mark, where its value begins and how long
    /// that is, 0 if it is not short.
    #[inline(always)]
    pub(super) fn known_members(&mut self, keys: &mut Keys, found: impl FnMut(u8, usize, usize)) -> bool {
        self.short_values(|ahead| keys.known(ahead), found)
    }

    /// Steps over elements of an array, from the comma here, that are short. True if an element is to follow.
    #[inline(always)]
    pub(super) fn elements(&mut self) -> bool {
        self.short_values(|ahead| (usize::from(ahead[0] == b','), 0), |_, _, _| ())
    }

    /// Steps over short values and what is expected before each. `before` gives the length of that from the
    /// bytes ahead, 0 where it is something else, and a mark, with which `found` is called. True if a value
    /// is to follow.
    #[inline(always)]
    fn short_values(
        &mut self,
        mut before: impl FnMut(&[u8; keys::LOOK]) -> (usize, u8),
        mut found: impl FnMut(u8, usize, usize),
    ) -> bool {
        loop {
            let (before, mark) = before(self.look());
            if before == 0 {
                return false;
            }
            self.advance(before);
            let value: &[u8; 1 + SHORT] = self.look();
            let len = if value[0] == b'"' {
                short_string(value, &mut self.strings)
            } else {
                short_number(value.first_chunk().expect("all but a byte"))
            };
            found(mark, self.offset(), len);
            if len == 0 {
                return true;
            }
            self.advance(len);
        }
    }

    /// Steps over a key, whose opening quote is here, and the colon after it. The separator before it is at
    /// `separator`. Gives the key's mark, which `mark` tells from the bytes between its quotes.
    #[inline(always)]
    pub(super) fn key(
        &mut self,
        separator: usize,
        keys: &mut Keys,
        mark: impl Fn(&[u8]) -> u8,
    ) -> Result<u8, Fault> {
        let quote = self.offset();
        self.string()?;
        let mark = mark(&self.document[quote + 1..self.offset() - 1]);
        if self.token() != b':' {
            return Err(self.fault(fault::COLON));
        }
        self.advance(1);
        if keys.remembers() {
            self.remember(separator, keys, mark);
        }
        Ok(mark)
    }

    /// Has the text from `separator` to the value that is to follow remembered, with the white space in it,
    /// as many programs write it. Line breaks are to be seen each time: a document that has any is left
    /// alone.
    #[inline(never)]
    fn remember(mut self, separator: usize, keys: &mut Keys, mark: u8) {
        self.token();
        if !self.has_line_breaks {
            keys.remember(&self.document[separator..self.offset()], mark);
        }
    }

    /// Steps over a string, whose opening quote is here.
    #[inline(always)]
    pub(super) fn string(&mut self) -> Result<(), Fault> {
        self.advance(1);
        loop {
            let ahead: &[u8; block::LEN] = self.look();
            let block = Block::load(ahead);
            self.strings = self.strings.or(block);
            let Some(place) = block.first_special() else {
                self.advance(block::LEN);
                continue;
            };
            self.advance(place);
            match ahead[place] {
                b'"' => {
                    self.advance(1);
                    return Ok(());
                }
                b'\\' => match escape(self.look()) {
                    0 => return Err(self.broken_escape()),
                    len => self.advance(len),
                },
                _ => return Err(self.broken_string()),
            }
        }
    }

    /// What is wrong with the escape here.
    #[cold]
    #[inline(never)]
    fn broken_escape(mut self) -> Fault {
        self.advance(1);
        let mut reason = fault::ESCAPE;
        if self.byte() == b'u' {
            reason = fault::HEX_DIGIT;
            self.advance(1);
            while self.byte().is_ascii_hexdigit() {
                self.advance(1);
            }
        }
        let ends = self.offset() == self.document.len();
        self.fault(if ends { fault::IN_STRING } else { reason })
    }

    /// What is wrong here, where a string cannot go on.
    #[cold]
    #[inline(never)]
    fn broken_string(self) -> Fault {
        let ends = self.offset() == self.document.len();
        self.fault(if ends { fault::IN_STRING } else { fault::CONTROL })
    }

    /// Steps over a number, whose first byte is here.
    #[inline(always)]
    pub(super) fn number(&mut self) -> Result<(), Fault> {
        match short_number(self.look()) {
            0 => self.any_number(),
            len => {
                self.advance(len);
                Ok(())
            }
        }
    }

    /// [`Cursor::number`] where it is not short, or something is wrong with it.
    #[inline(always)]
    fn any_number(&mut self) -> Result<(), Fault> {
        let mut cursor = *self;
        cursor.number_in_parts()?;
        *self = cursor;
        Ok(())
    }

    /// [`Cursor::number`], part by part.
    #[inline(never)]
    fn number_in_parts(&mut self) -> Result<(), Fault> {
        let start = self.offset();
        if self.byte() == b'-' {
            self.advance(1);
        }
        let first = self.byte();
        let integer_digits = self.digits()?;
        if first == b'0' && integer_digits > 1 {
            let second = start + usize::from(self.document[start] == b'-') + 1;
            return Err(fault::at(self.document, second, fault::LEADING_ZERO));
        }
        if self.byte() == b'.' {
            self.advance(1);
            self.digits()?;
        }
        if self.byte() | 0x20 == b'e' {
            return self.exponent(start, integer_digits);
        }
        if integer_digits > ALWAYS_FINITE_DIGITS {
            return self.finite(start);
        }
        Ok(())
    }

    /// Steps over a run of digits, at least one, and returns how many they are.
    #[inline(always)]
    fn digits(&mut self) -> Result<usize, Fault> {
        let mut count = 0;
        loop {
            let more = Block::load(self.look()).digits().trailing_ones() as usize;
            self.advance(more);
            count += more;
            if more < block::LEN {
                break;
            }
        }
        if count == 0 { Err(self.fault(fault::DIGIT)) } else { Ok(count) }
    }

    /// Steps over an exponent, whose `e` is here, and checks the range of the number that began at `start`.
    #[inline(always)]
    fn exponent(&mut self, start: usize, integer_digits: usize) -> Result<(), Fault> {
        self.advance(1);
        let sign = self.byte();
        if matches!(sign, b'+' | b'-') {
            self.advance(1);
        }
        let digits = self.offset();
        self.digits()?;
        let digits = &self.document[digits..self.offset()];
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let exponent = match &digits[zeros..] {
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
        if beyond_float64(&self.document[start..self.offset()]) {
            return Err(Fault { offset: start, reason: fault::TOO_LARGE });
        }
        Ok(())
    }

    /// Steps over `literal`, whose first byte is here.
    #[inline(always)]
    pub(super) fn literal(&mut self, literal: &[u8]) -> Result<(), Fault> {
        match self.rest.strip_prefix(literal) {
            Some(rest) => self.rest = rest,
            None => return Err(self.broken_literal(literal)),
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn broken_literal(mut self, literal: &[u8]) -> Fault {
        let alike = self.rest.iter().zip(literal).take_while(|(found, wanted)| found == wanted).count();
        self.advance(alike);
        self.fault(fault::LITERAL)
    }
}

/// Whether line breaks are among the white space that follows the document of `len` bytes.
///
/// # Errors
/// Something else follows.
#[cold]
#[inline(never)]
pub(super) fn nothing_follows(bytes: &[u8], len: usize) -> Result<bool, Fault> {
    let (count, has_line_breaks) = white_space(&bytes[len..]);
    match len + count == bytes.len() {
        true => Ok(has_line_breaks),
        false => Err(fault::after_document(bytes, len + count)),
    }
}

/// How many bytes of white space `bytes` begin with, and whether line breaks are among them.
#[inline(never)]
fn white_space(bytes: &[u8]) -> (usize, bool) {
    let mut has_line_breaks = false;
    for (count, byte) in bytes.iter().enumerate() {
        match byte {
            b' ' | b'\t' => {}
            b'\n' | b'\r' => has_line_breaks = true,
            _ => return (count, has_line_breaks),
        }
    }
    (bytes.len(), has_line_breaks)
}

/// The length of the escape that `bytes` begin with; 0 if it is none. The surrogates that `\u` may name need
/// not come in pairs.
#[inline(always)]
fn escape(bytes: &[u8; 6]) -> usize {
    match bytes[1] {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
        b'u' if bytes[2..].iter().all(u8::is_ascii_hexdigit) => 6,
        _ => 0,
    }
}

/// The most bytes of a short value, not counting a string's opening quote.
const SHORT: usize = 2 * block::LEN;

/// The length of the string whose opening quote `bytes` begin with, if it is short and none of its bytes is
/// escaped or wrong; else 0. Its bytes go into `strings`.
#[inline(always)]
fn short_string(bytes: &[u8; 1 + SHORT], strings: &mut Block) -> usize {
    let [first, second] = block::two(bytes.last_chunk().expect("all but the quote"));
    *strings = strings.or(first);
    let place = first.first_special().or_else(|| {
        *strings = strings.or(second);
        second.first_special().map(|place| block::LEN + place)
    });
    match place {
        Some(place) if bytes[1 + place] == b'"' => place + 2,
        _ => 0,
    }
}

/// The length of the number that `bytes` begin with, if it is shorter than they, has no exponent and nothing
/// is wrong with it; else 0.
#[inline(always)]
fn short_number(bytes: &[u8; SHORT]) -> usize {
    let minus = usize::from(bytes[0] == b'-');
    let mut len = digits_after_first(bytes);
    // A digit, at least, and if that is a zero, no more. Not `||`: whether there is more cannot be foreseen.
    let digit = bytes[minus].wrapping_sub(b'0');
    let most_after = if digit == 0 { 0 } else { SHORT };
    if (digit > 9) | (len.wrapping_sub(minus + 1) > most_after) {
        return 0;
    }
    let mut next = bytes[len];
    if next == b',' {
        return len;
    }
    if next == b'.' || next.is_ascii_digit() {
        let [first, second] = block::two(bytes);
        let digits = first.digits() | second.digits() << block::LEN | minus as u32;
        len = digits.trailing_ones() as usize;
        if bytes.get(len) == Some(&b'.') {
            let fraction = (digits >> len >> 1).trailing_ones() as usize;
            if fraction == 0 {
                return 0;
            }
            len += 1 + fraction;
        }
        match bytes.get(len) {
            Some(byte) => next = *byte,
            None => return 0,
        }
    }
    if next | 0x20 == b'e' { 0 } else { len }
}

/// How many digits `bytes` begin with, up to eight, if the first byte is taken for one. Most numbers are no
/// longer, and all that follows waits for their end: a word in a general register tells it sooner than a
/// block.
#[inline(always)]
fn digits_after_first(bytes: &[u8; SHORT]) -> usize {
    let word = u64::from_le_bytes(*bytes.first_chunk().expect("the first eight"));
    // In the one the high bit of each byte below '0', in the other of each above '9'. A borrow or carry from
    // the first such byte may spoil those after it.
    let others = each(0x7f + b'0').wrapping_sub(word) | word.wrapping_add(each(0x7f - b'9'));
    ((others & (each(0x80) ^ 0x80)).trailing_zeros() / 8) as usize
}

/// A word with `byte` in each place.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

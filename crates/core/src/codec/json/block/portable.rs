//! Blocks in machine words, which hold bytes in the order of memory, the first one lowest.

use super::{LEN, halves};

/// Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block([u64; 2]);

/// A word with `byte` in each place.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const HIGH_BITS: u64 = each(0x80);

/// The place (0 to 7) of the first byte marked.
#[inline(always)]
fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks (by its high bit) the first byte that is below `bound`, which is at most 0x80. A borrow may mark
/// bytes after it as well, never one before it.
#[inline(always)]
fn first_below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(each(bound)) & !word
}

impl Block {
    /// Zeros.
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Block([0; 2])
    }

    #[inline(always)]
    pub(crate) fn load(bytes: &[u8; LEN]) -> Self {
        let both = u128::from_le_bytes(*bytes);
        Block([both as u64, (both >> 64) as u64])
    }

    /// The place of the first byte that a string cannot take over as it is: `"`, `\`, a control character.
    #[inline(always)]
    pub(crate) fn first_special(self) -> Option<usize> {
        let [low, high] = self.0.map(|word| {
            let quote = first_below(word ^ each(b'"'), 1);
            let backslash = first_below(word ^ each(b'\\'), 1);
            (quote | backslash | first_below(word, 0x20)) & HIGH_BITS
        });
        if low != 0 { Some(first(low)) } else { (high != 0).then_some(8 + first(high)) }
    }

    /// Which bytes are decimal digits: one bit each, the first byte's lowest.
    #[inline(always)]
    pub(crate) fn digits(self) -> u32 {
        self.bits_of_others(|word| {
            let value = word ^ each(b'0');
            ((value & !HIGH_BITS) + each(0x80 - 10)) | value
        })
    }

    /// One bit for each byte whose high bit `others` leaves clear; nothing in it may carry into the next
    /// byte.
    #[inline(always)]
    fn bits_of_others(self, others: impl Fn(u64) -> u64) -> u32 {
        // The multiplication brings the bits together at the top.
        let bits =
            self.0.map(|word| ((!others(word) & HIGH_BITS) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56);
        (bits[0] | bits[1] << 8) as u32
    }

    /// Whether a byte is above 0x7f.
    #[inline(always)]
    pub(crate) fn has_non_ascii(self) -> bool {
        (self.0[0] | self.0[1]) & HIGH_BITS != 0
    }

    /// Each byte or-ed with that of `other`.
    #[inline(always)]
    pub(crate) fn or(self, other: Self) -> Self {
        Block([self.0[0] | other.0[0], self.0[1] | other.0[1]])
    }
}

/// A text to be found again, of up to 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    bytes: [u128; 2],
    /// All ones where there is a byte of the text, else zeros.
    mask: [u128; 2],
}

impl Text {
    /// The first `len` bytes of `bytes`.
    pub(crate) fn new(bytes: &[u8; 2 * LEN], len: usize) -> Self {
        let mut mask = [0; 2 * LEN];
        mask[..len].fill(0xff);
        let [bytes, mask] = [bytes, &mask].map(|bytes| halves(bytes).map(|half| u128::from_le_bytes(*half)));
        Text { bytes, mask }
    }

    /// Whether `bytes` begin with it.
    #[inline(always)]
    pub(crate) fn begins(&self, bytes: &[u8; 2 * LEN]) -> bool {
        let [first, second] = halves(bytes).map(|half| u128::from_le_bytes(*half));
        (first ^ self.bytes[0]) & self.mask[0] | (second ^ self.bytes[1]) & self.mask[1] == 0
    }
}

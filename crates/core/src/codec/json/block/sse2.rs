//! Blocks in the registers of SSE2. `safe_arch` is what makes its instructions safe functions.

use safe_arch::{
    add_i8_m128i, bitand_m128i, bitor_m128i, cmp_eq_mask_i8_m128i, cmp_lt_mask_i8_m128i,
    load_unaligned_m128i, m128i, min_u8_m128i, move_mask_i8_m128i, set_splat_i8_m128i, zeroed_m128i,
};

use super::{LEN, halves};

/// Sixteen bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block(m128i);

/// A block with `byte` in each place.
#[inline(always)]
fn each(byte: u8) -> m128i {
    set_splat_i8_m128i(byte.cast_signed())
}

/// The high bit of each byte, the first byte's lowest.
#[inline(always)]
fn high_bits(block: m128i) -> u32 {
    move_mask_i8_m128i(block).cast_unsigned()
}

impl Block {
    /// Zeros.
    #[inline(always)]
    pub(crate) fn zero() -> Self {
        Block(zeroed_m128i())
    }

    #[inline(always)]
    pub(crate) fn load(bytes: &[u8; LEN]) -> Self {
        Block(load_unaligned_m128i(bytes))
    }

    /// The place of the first byte that a string cannot take over as it is: `"`, `\`, a control character.
    #[inline(always)]
    pub(crate) fn first_special(self) -> Option<usize> {
        let quote = cmp_eq_mask_i8_m128i(self.0, each(b'"'));
        let backslash = cmp_eq_mask_i8_m128i(self.0, each(b'\\'));
        let context = cmp_eq_mask_i8_m128i(min_u8_m128i(self.0, each(0x1f)), self.0);
        let special = high_bits(bitor_m128i(bitor_m128i(quote, backslash), context));
        (special != 0).then_some(special.trailing_zeros() as usize)
    }

    /// Which bytes are decimal digits: one bit each, the first byte's lowest.
    #[inline(always)]
    pub(crate) fn digits(self) -> u32 {
        // The ten digits become the ten least of all signed bytes.
        let moved = add_i8_m128i(self.0, each(0x80 - b'0'));
        high_bits(cmp_lt_mask_i8_m128i(moved, each(0x80 + 10)))
    }

    /// Whether a byte is above 0x7f.
    #[inline(always)]
    pub(crate) fn has_non_ascii(self) -> bool {
        high_bits(self.0) != 0
    }

    /// Each byte or-ed with that of `other`.
    #[inline(always)]
    pub(crate) fn or(self, other: Self) -> Self {
        Block(bitor_m128i(self.0, other.0))
    }
}

/// A text to be found again, of up to 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    bytes: [m128i; 2],
    /// All ones in the bytes that are not the text's.
    free: [m128i; 2],
}

impl Text {
    /// The first `len` bytes of `bytes`.
    pub(crate) fn new(bytes: &[u8; 2 * LEN], len: usize) -> Self {
        let mut free = [0xff; 2 * LEN];
        free[..len].fill(0);
        Text { bytes: halves(bytes).map(load_unaligned_m128i), free: halves(&free).map(load_unaligned_m128i) }
    }

    /// Whether `bytes` begin with it.
    #[inline(always)]
    pub(crate) fn begins(&self, bytes: &[u8; 2 * LEN]) -> bool {
        let [first, second] = halves(bytes).map(load_unaligned_m128i);
        let first = bitor_m128i(cmp_eq_mask_i8_m128i(first, self.bytes[0]), self.free[0]);
        let second = bitor_m128i(cmp_eq_mask_i8_m128i(second, self.bytes[1]), self.free[1]);
        high_bits(bitand_m128i(first, second)) == 0xffff
    }
}

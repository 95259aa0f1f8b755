//! Sixteen bytes, compared together.
//!
//! On x86-64 this is done by SSE2, which every such processor has: a comparison makes each byte all ones or
//! all zeros, and one more instruction gathers a bit of each; simdjson reads JSON this way (Langdale and
//! Lemire, "Parsing Gigabytes of JSON per Second", The VLDB Journal, 2019). Elsewhere the same questions are
//! answered by arithmetic on words of eight bytes.

#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
mod portable;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
mod sse2;
#[cfg(test)]
mod tests;

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
pub(super) use portable::{Block, Text};
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
pub(super) use sse2::{Block, Text};

/// Bytes in a block.
pub(super) const LEN: usize = 16;

/// Two blocks.
#[inline(always)]
pub(super) fn two(bytes: &[u8; 2 * LEN]) -> [Block; 2] {
    halves(bytes).map(Block::load)
}

#[inline(always)]
fn halves(bytes: &[u8; 2 * LEN]) -> [&[u8; LEN]; 2] {
    let (first, second) = bytes.split_at(LEN);
    [first, second].map(|half| half.try_into().expect("a half"))
}

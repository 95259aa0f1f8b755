//! JSON lines (`docs/format.md`, section "JSON lines"): one document a line, `\n` after each.

mod decoder;
mod encoder;
mod statistics;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;

//! Codecs: how records become the bytes of a data file.

pub(crate) mod json;
pub(crate) mod jsonl;

/// How records are laid out in a data file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// No records: raw blobs.
    #[default]
    None,
    /// One JSON document a line.
    Jsonl,
}

//! What the fuzz targets (`fuzz/`) need of the crate's inside. Compiled for them alone, by `--cfg fuzzing`;
//! no part of the API.

pub use crate::codec::json::{Checker, Document, Fault};
pub use crate::codec::jsonl::Encoder as JsonlEncoder;
pub use crate::codec::lines::{last_line, next_line};
pub use crate::codec::{Encoder, EncoderOptions, MAX_RECORD_BYTES_DEFAULT, Rejection};
pub use crate::history::slot::{
    Envelope, INLINE_MAX, Id, Slot, SlotKey, SlotKind, decode, encode, payload_key,
};
pub use crate::manifest::producers::{Producers, Stamp, Verdict};

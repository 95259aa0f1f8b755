//! What the fuzz targets (`fuzz/`) need of the crate's inside. Compiled for them alone, by `--cfg fuzzing`; no part of
//! the API.

pub use crate::codec::json::{Checker, Document, Fault};
pub use crate::codec::jsonl::{Encoder, MAX_RECORD_BYTES_DEFAULT, Rejection, last_line, next_line};
pub use crate::commit::machine::{Id, Kind, Slot};
pub use crate::commit::producers::{Producers, Stamp, Verdict};
pub use crate::commit::slot::{Envelope, INLINE_MAX, Place, decode, encode, payload_key};

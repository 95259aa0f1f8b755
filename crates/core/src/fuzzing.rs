//! What the fuzz targets (`fuzz/`) need of the crate's inside. Compiled for them alone, by `--cfg fuzzing`;
//! no part of the API.

pub use crate::codec::json::{Checker, Document, Fault};
pub use crate::codec::jsonl::Encoder as JsonlEncoder;
pub use crate::codec::lines::{last_line, next_line};
pub use crate::codec::{Encoder, MAX_RECORD_BYTES_DEFAULT, Rejection};
pub use crate::history::slot::{
    Envelope, INLINE_MAX, Id, Slot, SlotKey, SlotKind, decode, encode, payload_key,
};
pub use crate::manifest::producers::{Producers, Stamp, Verdict};

/// An encoder of JSON lines with this limit.
///
/// # Panics
/// There is no memory.
#[must_use]
pub fn jsonl_encoder(max_record_bytes: u64) -> JsonlEncoder {
    let options = crate::dataset::DatasetOptions { max_record_bytes, ..Default::default() };
    JsonlEncoder::new(&options.encoder_options(false)).expect("there is memory")
}

/// Finds the values of columns of all types in records.
#[cfg(feature = "parquet")]
pub struct ColumnParser(crate::columns::RecordParser);

#[cfg(feature = "parquet")]
impl Default for ColumnParser {
    fn default() -> Self {
        ColumnParser::new()
    }
}

#[cfg(feature = "parquet")]
impl ColumnParser {
    /// One that has seen no record.
    ///
    /// # Panics
    /// There is no memory.
    #[must_use]
    pub fn new() -> Self {
        let fields =
            ["int32", "int64", "float32", "float64", "string", "bool", "bytes", "timestamp"].map(|name| {
                let base64 = if name == "bytes" { r#","json":"base64""# } else { "" };
                format!(r#"{{"name":"{name}","type":"{name}","nullable":true{base64}}}"#)
            });
        let json = format!(r#"{{"fields":[{}]}}"#, fields.join(","));
        let schema = crate::columns::Schema::from_json(&json).expect("it is valid");
        ColumnParser(crate::columns::RecordParser::new(schema.fields().iter()).expect("there is memory"))
    }

    /// The values of a record, as text.
    ///
    /// # Errors
    /// Why the record is refused.
    pub fn parse(&mut self, record: &[u8]) -> Result<Vec<String>, String> {
        self.0.parse(record).map_err(|refusal| format!("{refusal:?}"))?;
        let slots = self.0.slots();
        Ok(slots
            .iter()
            .map(|slot| match slot.is_text() {
                true => String::from_utf8_lossy(self.0.text(*slot, record)).into_owned(),
                false => format!("{slot:?}"),
            })
            .collect())
    }
}

/// Reads the bytes as a Parquet file, to its end or its fault: as records, and as Arrow batches.
#[cfg(feature = "parquet")]
pub fn read_parquet(bytes: &[u8]) {
    use std::sync::{Arc, Mutex};

    use crate::codec::parquet::{Batches, Decoder, Selection};
    use crate::codec::{Batch, Decoder as _, Input, SharedInput};

    struct Bytes(Vec<u8>);

    impl Input for Bytes {
        fn read(&mut self, _room: &mut [u8]) -> crate::Result<usize> {
            Ok(0)
        }

        fn size(&self) -> Option<u64> {
            Some(self.0.len() as u64)
        }

        fn read_at(&mut self, offset: u64, room: &mut [u8]) -> crate::Result<usize> {
            let rest =
                usize::try_from(offset).ok().and_then(|offset| self.0.get(offset..)).unwrap_or_default();
            let len = rest.len().min(room.len());
            room[..len].copy_from_slice(&rest[..len]);
            Ok(len)
        }
    }

    let input = SharedInput::of(Arc::new(Mutex::new(Bytes(bytes.to_vec()))));
    let options = crate::dataset::DatasetOptions::default();
    let mut decoder = Decoder::new(&options.decoder_options());
    let mut batch = Batch::default();
    // A few bytes may stand for any number of rows.
    for _ in 0..64 {
        match decoder.decode(&input, &mut batch, 256) {
            Ok(()) if !batch.spans.is_empty() => {}
            _ => break,
        }
    }
    let any_type = Selection { any_type: true, keeps_forms: true, ..Selection::default() };
    let copied = Selection { copied: true, ..Selection::default() };
    for selection in [any_type, copied] {
        let Ok(mut batches) = Batches::open(&input, &selection) else { continue };
        for _ in 0..16 {
            if !matches!(batches.next(65_536), Ok(Some(_))) {
                break;
            }
        }
    }
}

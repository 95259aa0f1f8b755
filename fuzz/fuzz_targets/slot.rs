//! Any bytes as a slot and, after the line `===`, as the object that holds its payload. A payload that is a
//! manifest is also put into a slot, as it is written, and read back.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use lode_core::Status;
use lode_core::context::Context;
use lode_core::fuzzing::{INLINE_MAX, Id, Slot, SlotKey, SlotKind, decode, encode, payload_key};
use lode_core::layout::Layout;
use lode_core::manifest::{Manifest, ManifestKey};
use lode_fuzz::memory::most_held;

const DATASET: &str = "events";
const PARENT: &str = "1700000000000000000-00000000000000aa";
const CHILD: &str = "1700000000000000001-00000000000000bb";
const KEY: ManifestKey<'static> =
    ManifestKey { layout: Layout::Default, dataset_id: DATASET, snapshot_id: CHILD, path: "the path" };
const SEPARATOR: &[u8] = b"\n===\n";
const BYTES_PER_BYTE: usize = 100;

fn read(slot_key: SlotKey<'_>, slot: &[u8], object: Option<&[u8]>) -> lode_core::Result<(Slot, Vec<u8>)> {
    decode(slot_key, slot)?.with_payload(Context::unlimited(), slot_key, object.map(<[u8]>::to_vec))
}

fuzz_target!(|data: &[u8]| {
    let at = data.windows(SEPARATOR.len()).position(|window| window == SEPARATOR);
    let (slot, object) = match at {
        Some(at) => (&data[..at], Some(&data[at + SEPARATOR.len()..])),
        None => (data, None),
    };
    for parent in [Some(PARENT), None] {
        let slot_key = SlotKey { dataset: DATASET, layout: Layout::Default, parent };
        let (decoded, held) = most_held(|| read(slot_key, slot, object));
        assert!(
            held <= 65536 + BYTES_PER_BYTE * data.len(),
            "{held} bytes of memory for {} bytes",
            data.len()
        );
        match decoded {
            Ok((decided, payload)) => {
                assert_eq!(decided.parent.as_deref(), parent);
                if payload_key(slot_key, &decided, &payload).is_none() && object.is_none() {
                    let written = encode(slot_key, &decided, &payload);
                    assert_eq!(read(slot_key, &written, None).unwrap(), (decided, payload));
                }
            }
            Err(error) => {
                let known = matches!(
                    error.status(),
                    Status::Corrupt | Status::ManifestInvalid | Status::Unsupported | Status::LayoutMismatch
                );
                assert!(known && error.message().contains(&slot_key.path()), "{error}");
            }
        }

        let payload = object.unwrap_or(slot);
        if let Ok(manifest) = Manifest::parse(Context::unlimited(), payload, KEY)
            && manifest.parent_snapshot_id.as_deref() == parent
            && payload.len() <= INLINE_MAX
        {
            let decided = Slot {
                kind: SlotKind::Commit,
                parent: parent.map(Id::from),
                child: CHILD.into(),
                created_at: manifest.created_at,
                nonce: u128::from(manifest.row_count) << 64 | 7,
                producers: Arc::default(),
            };
            let written = encode(slot_key, &decided, payload);
            match read(slot_key, &written, None) {
                Ok((mut found, found_payload)) => {
                    found.producers = Arc::default();
                    assert_eq!((found, &*found_payload), (decided, payload));
                }
                // The map of producers is read with the slot, and may be none.
                Err(error) => {
                    let stored = String::from_utf8(manifest.encode().unwrap()).unwrap();
                    assert!(stored.contains("\"lode.producers\""), "{error}");
                }
            }
        }
    }
});

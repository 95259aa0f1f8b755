//! Any text as a caller's metadata: refused with a status that says so, or kept with the same meaning, in a
//! form that stays as it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lode_core::Status;
use lode_core::manifest::Metadata;
use lode_fuzz::memory::most_held;
use serde_json::Value;

/// A member of five bytes becomes two strings of their own.
const BYTES_PER_BYTE: usize = 100;

fuzz_target!(|text: &str| {
    let (parsed, held) = most_held(|| Metadata::parse(text));
    assert!(held <= 16384 + BYTES_PER_BYTE * text.len(), "{held} bytes of memory for {} bytes", text.len());
    let meaning = serde_json::from_str::<Value>(text);
    let metadata = match parsed {
        Ok(metadata) => metadata,
        Err(error) => {
            assert!(matches!(error.status(), Status::MetadataInvalid | Status::MetadataReserved), "{error}");
            return;
        }
    };
    let kept = metadata.user_json();
    assert!(!kept.contains(['\n', '\u{2028}', '<']), "{kept}");
    assert_eq!(Metadata::parse(&kept).unwrap(), metadata);
    assert_eq!(Metadata::parse(&kept).unwrap().user_json(), kept);
    let kept = serde_json::from_str::<Value>(&kept).unwrap();
    // The other parser refuses half a surrogate pair, which is kept as U+FFFD.
    match meaning {
        Ok(meaning) => assert_eq!(kept, meaning),
        Err(error) => assert!(text.contains("\\u"), "refused by the other parser: {error}"),
    }
    assert_eq!(metadata.is_empty(), kept.as_object().unwrap().is_empty());
});

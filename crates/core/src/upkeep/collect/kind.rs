//! What a key may be: only what a writer of this library would have made is ever removed.

use crate::history::slot::PAYLOAD_SUFFIX;
use crate::id::{Form, form};
use crate::layout::Layout;

/// What kind of thing a clean-up removes. The numbers are those of the C API and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(i32)]
pub enum GarbageKind {
    /// A temporary file.
    TemporaryFile = 1,
    /// A data file, perhaps one that was staged as a part.
    DataFile = 2,
    /// The payload of a commit slot that was never put.
    Payload = 3,
    /// What trying a store's conditions has left.
    Probe = 4,
    /// An upload in several requests that was begun and never completed.
    Upload = 5,
    /// A block of a volume.
    Block = 6,
}

impl GarbageKind {
    /// Every kind.
    pub const ALL: &[GarbageKind] = &[
        GarbageKind::TemporaryFile,
        GarbageKind::DataFile,
        GarbageKind::Payload,
        GarbageKind::Probe,
        GarbageKind::Upload,
        GarbageKind::Block,
    ];

    /// Its name, such as `data-file`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            GarbageKind::TemporaryFile => "temporary-file",
            GarbageKind::DataFile => "data-file",
            GarbageKind::Payload => "payload",
            GarbageKind::Probe => "probe",
            GarbageKind::Upload => "upload",
            GarbageKind::Block => "block",
        }
    }
}

/// What a key may be, and under which fresh id its writer works, if it works under one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject<'a> {
    pub kind: GarbageKind,
    pub writer: Option<&'a str>,
}

/// What the object of this key is; `None`: nothing that a clean-up may remove.
pub(super) fn classify<'a>(layout: Layout, dataset: &str, key: &'a str) -> Option<Subject<'a>> {
    let alone = |kind| Some(Subject { kind, writer: None });
    let name = key.rsplit('/').next().unwrap_or_default();
    let writer = layout.parse_data_path(dataset, key).map(|path| path.snapshot);
    let writer = writer.filter(|id| matches!(form(id), Form::Ours { .. }));
    if is_own_temporary(name) {
        return Some(Subject { kind: GarbageKind::TemporaryFile, writer });
    }
    if let Some(name) = key.strip_prefix(&*layout.slots_prefix(dataset)) {
        return match name.strip_suffix(PAYLOAD_SUFFIX) {
            Some(attempt) if is_attempt(attempt) => alone(GarbageKind::Payload),
            _ if name.strip_prefix(".probe-").is_some_and(is_nonce) => alone(GarbageKind::Probe),
            _ => None,
        };
    }
    if layout == Layout::Volume {
        return Layout::parse_block_path(dataset, key).and_then(|_| alone(GarbageKind::Block));
    }
    // Of a name in a folder of the data the id alone counts: what a data file is called is its codec's.
    writer.map(|writer| Subject { kind: GarbageKind::DataFile, writer: Some(writer) })
}

/// A temporary name of this library's, not one of the Go library's.
fn is_own_temporary(name: &str) -> bool {
    name.strip_prefix(".lode-").and_then(|rest| rest.strip_suffix(".tmp")).is_some_and(is_nonce)
}

/// A child's id and the attempt's nonce.
fn is_attempt(name: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(child, nonce)| matches!(form(child), Form::Ours { .. }) && is_nonce(nonce))
}

fn is_nonce(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1700000000000000000-0123456789abcdef";
    const NONCE: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn only_what_this_library_would_have_named_so_is_removed() {
        let own = |kind| Some(Subject { kind, writer: Some(ID) });
        let alone = |kind| Some(Subject { kind, writer: None });
        use GarbageKind as Kind;
        let cases = [
            (Layout::Default, format!("datasets/d/snapshots/{ID}/data/data.gz"), own(Kind::DataFile)),
            (
                Layout::Default,
                format!("datasets/d/snapshots/{ID}/data/.lode-{NONCE}.tmp"),
                own(Kind::TemporaryFile),
            ),
            (
                Layout::Default,
                format!("datasets/d/snapshots/{ID}/.lode-{NONCE}.tmp"),
                alone(Kind::TemporaryFile),
            ),
            (Layout::Default, format!("datasets/d/.lode-{NONCE}.tmp"), alone(Kind::TemporaryFile)),
            (Layout::Default, format!("datasets/d/_commits/{ID}-{NONCE}.payload"), alone(Kind::Payload)),
            (Layout::Default, format!("datasets/d/_commits/.probe-{NONCE}"), alone(Kind::Probe)),
            (Layout::Hive, format!("datasets/d/segments/{ID}/data/data"), own(Kind::DataFile)),
            (Layout::Hive, format!("datasets/d/partitions/a=1/segments/{ID}/data/data"), own(Kind::DataFile)),
            (Layout::Flat, format!("d/{ID}/data/data"), own(Kind::DataFile)),
            (Layout::Volume, "volumes/d/data/0-10.bin".to_owned(), alone(Kind::Block)),
            (Layout::Volume, "volumes/d/data/0-10-0123456789abcdef.bin".to_owned(), alone(Kind::Block)),
            (Layout::Volume, "volumes/d/data/notes.bin".to_owned(), None),
            (Layout::Volume, format!("volumes/d/snapshots/{ID}/manifest.json"), None),
            // What readers and writers need, what the Go library makes, what others put there.
            (Layout::Default, format!("datasets/d/snapshots/{ID}/manifest.json"), None),
            (Layout::Default, format!("datasets/d/_commits/{ID}"), None),
            (Layout::Default, "datasets/d/_commits/root".to_owned(), None),
            (Layout::Default, "datasets/d/latest".to_owned(), None),
            (Layout::Default, "datasets/d/latest.lock".to_owned(), None),
            (Layout::Default, "datasets/d/snapshots/1700000000000000000/data/data".to_owned(), None),
            (Layout::Default, "datasets/d/.lode-cas-123".to_owned(), None),
            (Layout::Default, format!("datasets/d/.lode-{}.tmp", &NONCE[1..]), None),
            (Layout::Default, format!("datasets/d/_commits/{ID}.payload"), None),
            (Layout::Default, format!("datasets/d/_commits/17-{NONCE}.payload"), None),
            (Layout::Default, "datasets/d/_commits/.probe-x".to_owned(), None),
            (Layout::Default, format!("datasets/d/snapshots/{ID}/notes.txt"), None),
            (Layout::Default, format!("datasets/d/{ID}/data/data"), None),
            (Layout::Default, format!("datasets/other/snapshots/{ID}/data/data"), None),
            (Layout::Hive, format!("datasets/d/partitions/a=1/segments/{ID}/manifest.json"), None),
        ];
        for (layout, key, expected) in cases {
            assert_eq!(classify(layout, "d", &key), expected, "{key}");
        }
    }
}

//! The slot, as bytes (`docs/format.md`, section "Commit slots"): one JSON header line, then the child's
//! manifest, or the key of the object that holds it.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::context::Context;
use crate::error::{Error, Result, Status};
use crate::id::{Form, form};
use crate::layout::Layout;
use crate::manifest::Manifest;
use crate::manifest::producers::Producers;
use crate::manifest::{ManifestKey, json};

/// A snapshot id.
pub type Id = Arc<str>;

/// What kind of child a slot decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotKind {
    /// A snapshot.
    Commit,
    /// A copy of the parent that seals its slot, or stands in for a snapshot that its Go writer left
    /// dangling.
    Noop,
    /// A snapshot that the Go library wrote, with all of its ancestors back to the parent. There is no
    /// payload, so that the slot tells neither time nor producers.
    Adopt,
}

/// A slot's content, but for the payload's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// What it decides.
    pub kind: SlotKind,
    /// Whose child it decides; `None`: the first commit's, `root`.
    pub parent: Option<Id>,
    /// The child.
    pub child: Id,
    /// The child's `created_at`.
    pub created_at: i64,
    /// Fresh for each attempt: a slot is ours when its nonce is.
    pub nonce: u128,
    /// Who has committed what, the child included.
    pub producers: Arc<Producers>,
}

impl Slot {
    /// Whether the child's manifest must be the payload of this slot. An adopted one was there before; and
    /// the Go writer that a noop stands in for may have put its own first.
    pub fn has_own_payload(&self) -> bool {
        match self.kind {
            SlotKind::Commit => true,
            SlotKind::Noop => matches!(form(&self.child), Form::Ours { .. }),
            SlotKind::Adopt => false,
        }
    }
}

/// A payload over this many bytes stands in an object of its own.
pub const INLINE_MAX: usize = 1 << 20;

/// The longest header line that is read.
const HEADER_MAX: usize = 16 << 10;

/// The longest slot that is read.
pub const SLOT_MAX: u64 = (INLINE_MAX + HEADER_MAX) as u64;

/// The name of the slot of the first commit.
pub const ROOT: &str = "root";

/// How the names of payload objects end.
pub const PAYLOAD_SUFFIX: &str = ".payload";

const VERSION: u64 = 1;

/// The first line, as JSON has it.
#[derive(Serialize, Deserialize)]
struct Header {
    lode_slot: u64,
    kind: String,
    layout: String,
    child: String,
    parent: String,
    nonce: String,
    len: u64,
    sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
}

/// What every version of a header has.
#[derive(Deserialize)]
struct Version {
    lode_slot: u64,
}

/// What identifies a slot, against which its content is checked.
#[derive(Clone, Copy)]
pub struct SlotKey<'a> {
    /// The dataset.
    pub dataset: &'a str,
    /// Its layout.
    pub layout: Layout,
    /// Whose slot it is.
    pub parent: Option<&'a str>,
}

impl SlotKey<'_> {
    /// The slot's key in the store.
    pub fn path(&self) -> String {
        self.layout.slot_path(self.dataset, self.parent.unwrap_or(ROOT))
    }
}

/// A slot that was read; its payload may still have to be.
pub struct Envelope {
    header: Header,
    nonce: u128,
    inline: Vec<u8>,
}

fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;
    digest.iter().fold(String::with_capacity(2 * digest.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The nonce as it stands in names and headers.
pub fn nonce_text(nonce: u128) -> String {
    format!("{nonce:032x}")
}

/// The key of the payload object of a slot, if the payload is too long to stand in the slot.
pub fn payload_key(slot_key: SlotKey<'_>, slot: &Slot, payload: &[u8]) -> Option<String> {
    (payload.len() > INLINE_MAX)
        .then(|| slot_key.layout.payload_path(slot_key.dataset, &slot.child, &nonce_text(slot.nonce)))
}

/// The slot's bytes.
pub fn encode(slot_key: SlotKey<'_>, slot: &Slot, payload: &[u8]) -> Vec<u8> {
    let header = Header {
        lode_slot: VERSION,
        kind: kind_name(slot.kind).to_owned(),
        layout: slot_key.layout.name().to_owned(),
        child: slot.child.to_string(),
        parent: slot.parent.as_deref().unwrap_or(ROOT).to_owned(),
        nonce: nonce_text(slot.nonce),
        len: payload.len() as u64,
        sha256: hex(&Sha256::digest(payload)),
        payload: payload_key(slot_key, slot, payload),
    };
    let mut text = json::to_string(&header);
    text.push('\n');
    let mut bytes = text.into_bytes();
    if header.payload.is_none() {
        bytes.extend_from_slice(payload);
    }
    bytes
}

fn kind_name(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Commit => "commit",
        SlotKind::Noop => "noop",
        SlotKind::Adopt => "adopt",
    }
}

#[cold]
#[inline(never)]
fn wrong(key: &str, what: fmt::Arguments<'_>) -> Error {
    Error::new(Status::Corrupt, format_args!("slot {key}: {what}")).with_path(key)
}

/// Reads the header of a slot and checks what can be checked without the payload.
///
/// # Errors
/// `Unsupported` for another version or kind, `LayoutMismatch`, `Corrupt`.
pub fn decode(slot_key: SlotKey<'_>, bytes: &[u8]) -> Result<Envelope> {
    let key = slot_key.path();
    let corrupt = |what: fmt::Arguments<'_>| wrong(&key, what);
    let end = bytes.iter().take(HEADER_MAX).position(|&byte| byte == b'\n');
    let end = end.ok_or_else(|| corrupt(format_args!("it has no header line")))?;
    let line = &bytes[..end];
    let not_one =
        |error: serde_json::Error| corrupt(format_args!("its header is not one: {error}")).with_source(error);
    // Of another version nothing but the version can be relied on.
    let Version { lode_slot: version } = serde_json::from_slice(line).map_err(not_one)?;
    if version != VERSION {
        let message =
            format!("slot {key} has version {version}; this library knows version {VERSION}: update it");
        return Err(Error::new(Status::Unsupported, message).with_path(key));
    }
    let header: Header = serde_json::from_slice(line).map_err(not_one)?;
    if !matches!(&*header.kind, "commit" | "noop" | "adopt") {
        let message = format!(
            "slot {key} is of the kind {:?}, which this library does not know: update it",
            header.kind
        );
        return Err(Error::new(Status::Unsupported, message).with_path(key));
    }
    if header.layout != slot_key.layout.name() {
        let message = format!(
            "slot {key} is of the layout {:?}, but the dataset was opened with {:?}",
            header.layout,
            slot_key.layout.name()
        );
        return Err(Error::new(Status::LayoutMismatch, message).with_path(key));
    }
    let parent = slot_key.parent.unwrap_or(ROOT);
    if header.parent != parent {
        return Err(corrupt(format_args!("its parent is {:?}, expected {parent:?}", header.parent)));
    }
    // A walk along the slots relies on it to come to an end, and notices a loop by itself where something is
    // adopted: the Go library's clock may have been behind.
    let above_parent = slot_key.parent.is_none_or(|parent| *header.child > *parent);
    let placed = match form(&header.child) {
        Form::Ours { .. } => above_parent,
        Form::Go { .. } => header.kind == "adopt" || header.kind == "noop" && above_parent,
        Form::Other => false,
    };
    if !placed {
        return Err(corrupt(format_args!(
            "its child {:?} is no id that sorts after its parent",
            header.child
        )));
    }
    let is_hex = header.nonce.len() == 32
        && header.nonce.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let nonce = is_hex.then(|| u128::from_str_radix(&header.nonce, 16).ok()).flatten();
    let nonce = nonce.ok_or_else(|| {
        corrupt(format_args!("its nonce {:?} is not 32 lower-case hex digits", header.nonce))
    })?;
    let inline = bytes[end + 1..].to_vec();
    match &header.payload {
        Some(_) if !inline.is_empty() => return Err(corrupt(format_args!("bytes follow its header"))),
        Some(path) => {
            let expected = slot_key.layout.payload_path(slot_key.dataset, &header.child, &header.nonce);
            if *path != expected {
                return Err(corrupt(format_args!("it names the payload {path:?}, expected {expected:?}")));
            }
        }
        None => {}
    }
    Ok(Envelope { header, nonce, inline })
}

impl Envelope {
    /// The key of the payload's object, if it has one, and how long it is.
    pub fn payload_object(&self) -> Option<(&str, u64)> {
        self.header.payload.as_deref().map(|key| (key, self.header.len))
    }

    /// Checks the payload (`object`: the bytes of its object, if it has one) and gives slot and payload.
    ///
    /// # Errors
    /// `Corrupt`, naming what differs; `ManifestInvalid` if the payload is what was written, but no manifest
    /// of the child; `Deadline`, `Cancelled`, `Aborted`.
    pub fn with_payload(
        self,
        context: &Context,
        slot_key: SlotKey<'_>,
        object: Option<Vec<u8>>,
    ) -> Result<(Slot, Vec<u8>)> {
        let key = slot_key.path();
        let corrupt = |what: fmt::Arguments<'_>| wrong(&key, what);
        let payload = object.unwrap_or(self.inline);
        if payload.len() as u64 != self.header.len {
            return Err(corrupt(format_args!(
                "its payload has {} bytes, expected {}",
                payload.len(),
                self.header.len
            )));
        }
        let sha256 = hex(&Sha256::digest(&payload));
        if sha256 != self.header.sha256 {
            return Err(corrupt(format_args!(
                "its payload has the SHA-256 {sha256}, expected {}",
                self.header.sha256
            )));
        }
        let parent = slot_key.parent.map(Id::from);
        if self.header.kind == "adopt" {
            if !payload.is_empty() {
                return Err(corrupt(format_args!(
                    "it adopts a snapshot, but has a payload of {} bytes",
                    payload.len()
                )));
            }
            let slot = Slot {
                kind: SlotKind::Adopt,
                parent,
                child: Id::from(self.header.child),
                created_at: 0,
                nonce: self.nonce,
                producers: Arc::default(),
            };
            return Ok((slot, payload));
        }
        let path = slot_key.layout.manifest_path(slot_key.dataset, &self.header.child);
        let manifest_key = ManifestKey {
            layout: slot_key.layout,
            dataset_id: slot_key.dataset,
            snapshot_id: &self.header.child,
            path: &path,
        };
        let manifest = Manifest::parse(context, &payload, manifest_key)
            .map_err(|error| error.context(format_args!("slot {key}: its payload")))?;
        if manifest.parent_snapshot_id.as_deref() != slot_key.parent {
            return Err(corrupt(format_args!(
                "its payload names the parent {:?}, expected {:?}",
                manifest.parent_snapshot_id.as_deref().unwrap_or("none"),
                slot_key.parent.unwrap_or("none")
            )));
        }
        let producers = manifest
            .producers()
            .map_err(|error| error.context(format_args!("slot {key}: its payload")).with_path(&key))?;
        let kind = if self.header.kind == "noop" { SlotKind::Noop } else { SlotKind::Commit };
        let slot = Slot {
            kind,
            parent,
            child: Id::from(self.header.child),
            created_at: manifest.created_at,
            nonce: self.nonce,
            producers: Arc::new(producers),
        };
        Ok((slot, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{FileFormat, FileRef, Metadata};

    const PARENT: &str = "1700000000000000000-00000000000000aa";
    const CHILD: &str = "1700000000000000001-00000000000000bb";

    fn slot_key() -> SlotKey<'static> {
        SlotKey { dataset: "events", layout: Layout::Default, parent: Some(PARENT) }
    }

    fn manifest(metadata: Metadata) -> Manifest {
        let created_at = 1_700_000_000_000_000_001;
        Manifest {
            metadata,
            parent_snapshot_id: Some(PARENT.into()),
            ..Manifest::new(Layout::Default, "events", CHILD, created_at, FileFormat::default())
        }
    }

    fn slot() -> Slot {
        Slot {
            kind: SlotKind::Commit,
            parent: Some(PARENT.into()),
            child: CHILD.into(),
            created_at: 1_700_000_000_000_000_001,
            nonce: 0xabc,
            producers: Arc::default(),
        }
    }

    fn read(bytes: &[u8], object: Option<Vec<u8>>) -> Result<(Slot, Vec<u8>)> {
        decode(slot_key(), bytes)?.with_payload(Context::unlimited(), slot_key(), object)
    }

    #[test]
    fn a_slot_reads_back_as_it_was_written() {
        let payload = manifest(Metadata::empty()).encode().unwrap();
        let bytes = encode(slot_key(), &slot(), &payload);
        let header = std::str::from_utf8(&bytes).unwrap().lines().next().unwrap();
        assert!(
            header.starts_with(&format!(
                "{{\"lode_slot\":1,\"kind\":\"commit\",\"layout\":\"default\",\"child\":\"{CHILD}\",\
                 \"parent\":\"{PARENT}\",\"nonce\":\"00000000000000000000000000000abc\",\"len\":{},\"sha256\":\"",
                payload.len()
            )),
            "{header}"
        );
        assert_eq!(read(&bytes, None).unwrap(), (slot(), payload));
    }

    #[test]
    fn a_slot_that_adopts_has_no_payload() {
        const GO: &str = "1700000000000000002";
        let slot = Slot { kind: SlotKind::Adopt, child: GO.into(), created_at: 0, ..slot() };
        let bytes = encode(slot_key(), &slot, &[]);
        let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let end = format!("\"len\":0,\"sha256\":\"{nothing}\"}}\n");
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.contains("\"kind\":\"adopt\"") && text.ends_with(&end), "{text}");
        assert_eq!(read(&bytes, None).unwrap(), (slot.clone(), Vec::new()));
        let cases = [
            (encode(slot_key(), &slot, b"x"), "it adopts a snapshot, but has a payload of 1 bytes"),
            (text.replace(GO, "..").into_bytes(), "its child \"..\" is no id"),
            (text.replace("\"len\":0", "\"len\":1").into_bytes(), "its payload has 0 bytes, expected 1"),
            (text.replace("e3b0", "e3b1").into_bytes(), "has the SHA-256"),
        ];
        for (bytes, message) in cases {
            let error = read(&bytes, None).expect_err(message);
            assert_eq!(error.status(), Status::Corrupt, "{error}");
            assert!(error.message().contains(message), "{error}");
        }
    }

    #[test]
    fn a_large_payload_stands_in_its_own_object() {
        let text = format!("{{\"note\":\"{}\"}}", "x".repeat(INLINE_MAX));
        let payload = manifest(Metadata::parse(&text).unwrap()).encode().unwrap();
        let key = payload_key(slot_key(), &slot(), &payload).unwrap();
        assert_eq!(key, format!("datasets/events/_commits/{CHILD}-00000000000000000000000000000abc.payload"));
        let bytes = encode(slot_key(), &slot(), &payload);
        assert!(bytes.len() < 1000 && bytes.ends_with(b"\n"));
        let header = decode(slot_key(), &bytes).unwrap();
        assert_eq!(header.payload_object(), Some((&*key, payload.len() as u64)));
        assert_eq!(read(&bytes, Some(payload.clone())).unwrap(), (slot(), payload));
    }

    #[test]
    fn a_slot_that_is_not_right_is_refused_with_what_is_wrong() {
        let payload = manifest(Metadata::empty()).encode().unwrap();
        let good = String::from_utf8(encode(slot_key(), &slot(), &payload)).unwrap();
        let cases: [(&str, &str, Status, &str); 18] = [
            ("\n", " ", Status::Corrupt, "its header is not one: trailing characters"),
            ("{\"lode_slot\":1", "{\"lode_slot\":2", Status::Unsupported, "has version 2"),
            ("\"lode_slot\":1,", "", Status::Corrupt, "its header is not one: missing field `lode_slot`"),
            ("\"nonce\":\"00", "\"nonce\":\"0", Status::Corrupt, "is not 32 lower-case hex digits"),
            ("\"nonce\":", "\"once\":", Status::Corrupt, "its header is not one: missing field `nonce`"),
            ("\"kind\":\"commit\"", "\"kind\":\"branch\"", Status::Unsupported, "of the kind \"branch\""),
            (
                "\"layout\":\"default\"",
                "\"layout\":\"hive\"",
                Status::LayoutMismatch,
                "of the layout \"hive\"",
            ),
            (
                &format!("\"parent\":\"{PARENT}\",\"nonce\""),
                "\"parent\":\"root\",\"nonce\"",
                Status::Corrupt,
                "its parent",
            ),
            ("\"row_count\": 0", "\"row_count\": 1", Status::Corrupt, "has the SHA-256"),
            ("\"row_count\": 0", "\"row_count\": 10", Status::Corrupt, "bytes, expected"),
            (
                &format!("\"child\":\"{CHILD}\""),
                "\"child\":\"other\"",
                Status::Corrupt,
                "is no id that sorts after its parent",
            ),
            (
                &format!("\"child\":\"{CHILD}\""),
                "\"child\":\"1700000000000000000\"",
                Status::Corrupt,
                "is no id that sorts after its parent",
            ),
            (
                &format!("\"child\":\"{CHILD}\""),
                "\"child\":\"1700000000000000000-00000000000000aa\"",
                Status::Corrupt,
                "is no id that sorts after its parent",
            ),
            (
                &format!("\"child\":\"{CHILD}\""),
                "\"child\":\"1700000000000000001-00000000000000bc\"",
                Status::ManifestInvalid,
                "its payload: invalid manifest",
            ),
            ("\"nonce\":", "\"kind\":\"noop\",\"nonce\":", Status::Corrupt, "duplicate field `kind`"),
            ("\"len\":", "\"len\":-", Status::Corrupt, "its header is not one: invalid value"),
            ("\"sha256\":", "\"payload\":\"a\",\"sha256\":", Status::Corrupt, "bytes follow its header"),
            (
                "{\"lode_slot\"",
                "{{\"lode_slot\"",
                Status::Corrupt,
                "its header is not one: key must be a string",
            ),
        ];
        for (from, to, status, message) in cases {
            assert!(good.contains(from), "{from}");
            let bad = good.replacen(from, to, 1);
            let error = read(bad.as_bytes(), None).expect_err(message);
            assert_eq!(error.status(), status, "{error}");
            assert!(error.message().contains(message), "{error}");
            assert!(error.message().contains("datasets/events/_commits/"), "{error}");
        }
    }

    #[test]
    fn a_payload_that_names_a_file_of_another_dataset_is_an_invalid_manifest() {
        for (path, is_own) in [
            ("datasets/events/snapshots/1/data/data", true),
            ("datasets/other/snapshots/1/data/data", false),
            ("datasets/events", false),
            ("datasets/eventsx/data", false),
            ("events/1/data/data", false),
        ] {
            let manifest = Manifest { files: vec![FileRef::new(path, 1)], ..manifest(Metadata::empty()) };
            let bytes = encode(slot_key(), &slot(), &manifest.encode().unwrap());
            match read(&bytes, None) {
                Ok(_) => assert!(is_own, "{path}"),
                Err(error) => {
                    assert!(!is_own && error.status() == Status::ManifestInvalid, "{error}");
                    assert!(
                        error.message().contains("field files[0].path") && error.message().contains(path),
                        "{error}"
                    );
                    assert!(error.message().contains("datasets/events/_commits/"), "{error}");
                }
            }
        }
    }
}

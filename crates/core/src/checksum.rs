//! Checksums of stored bytes (`docs/format.md`, section "Checksums"): streaming, as lower-case hex.

use std::fmt::Write as _;
use std::hash::Hasher as _;

use md5::Digest as _;
use twox_hash::XxHash3_64;

/// Which checksum a file gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// XXH3-64, seed 0.
    #[default]
    Xxh3,
    /// None.
    None,
    /// MD5, which the Go library writes.
    Md5,
    /// SHA-256.
    Sha256,
}

impl Checksum {
    /// The manifest's `checksum_algorithm`; `None` if the manifest leaves it out.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Checksum::Xxh3 => Some("xxh3"),
            Checksum::None => None,
            Checksum::Md5 => Some("md5"),
            Checksum::Sha256 => Some("sha256"),
        }
    }

    /// The checksum that a manifest's `checksum_algorithm` names; `None` if this version does not know it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Checksum::Xxh3, Checksum::Md5, Checksum::Sha256].into_iter().find(|known| known.name() == Some(name))
    }

    /// Begins the checksum of a file; `None` for [`Checksum::None`].
    #[must_use]
    pub fn hasher(self) -> Option<Hasher> {
        let state = match self {
            Checksum::Xxh3 => State::Xxh3(Box::new(XxHash3_64::new())),
            Checksum::None => return None,
            Checksum::Md5 => State::Md5(Box::default()),
            Checksum::Sha256 => State::Sha256(Box::default()),
        };
        Some(Hasher(state))
    }
}

/// The checksum of the bytes given so far. Its state is on the heap: one can stand on a small stack.
pub struct Hasher(State);

enum State {
    Xxh3(Box<XxHash3_64>),
    Md5(Box<md5::Md5>),
    Sha256(Box<sha2::Sha256>),
}

impl Hasher {
    /// Takes the next bytes; how they are cut into pieces does not matter.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Xxh3(hasher) => hasher.write(bytes),
            State::Md5(hasher) => hasher.update(bytes),
            State::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The checksum, as the manifest has it: lower-case hex, 16 digits for XXH3, 32 for MD5, 64 for SHA-256.
    #[must_use]
    pub fn finish(self) -> String {
        match self.0 {
            State::Xxh3(hasher) => hex(&hasher.finish().to_be_bytes()),
            State::Md5(hasher) => hex(&hasher.finalize()),
            State::Sha256(hasher) => hex(&hasher.finalize()),
        }
    }
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            State::Xxh3(_) => "Hasher(xxh3)",
            State::Md5(_) => "Hasher(md5)",
            State::Sha256(_) => "Hasher(sha256)",
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::Checksum;

    fn checksum(kind: Checksum, pieces: &[&[u8]]) -> String {
        let mut hasher = kind.hasher().unwrap();
        pieces.iter().for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn known_answers() {
        let million = vec![b'a'; 1_000_000];
        for (kind, input, expected) in [
            (Checksum::Xxh3, &b""[..], "2d06800538d394c2"),
            (Checksum::Md5, b"", "d41d8cd98f00b204e9800998ecf8427e"),
            (Checksum::Md5, b"abc", "900150983cd24fb0d6963f7d28e17f72"),
            (Checksum::Md5, &million, "7707d6ae4e027c70eea2a935c2296f21"),
            (Checksum::Sha256, b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (Checksum::Sha256, b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (Checksum::Sha256, &million, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
        ] {
            assert_eq!(checksum(kind, &[input]), expected, "{kind:?} of {} bytes", input.len());
        }
    }

    /// The answers that the algorithm's own C implementation gives.
    #[test]
    fn known_answers_of_xxh3() {
        let counting: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        for (length, expected) in XXH3_ANSWERS {
            assert_eq!(checksum(Checksum::Xxh3, &[&counting[..*length]]), *expected, "{length} bytes");
        }
    }

    const XXH3_ANSWERS: &[(usize, &str)] = &[
        (1, "c44bdff4074eecdb"),
        (3, "5f4299fc161c9cbb"),
        (4, "60dab036a58211f2"),
        (8, "3a1c2d7c85af88f8"),
        (9, "e9612598145bb9dc"),
        (16, "8355e3a6f61770db"),
        (17, "9ef341a99de37328"),
        (128, "85c6174c7ff4c46b"),
        (129, "ec7642b431ba3e5a"),
        (240, "375a384d957fe865"),
        (241, "02e8cd95421c6d02"),
        (256, "44f5d90dacde463a"),
        (257, "88fc3f7934a6c9be"),
        (1024, "e5d78bafa45b2aa5"),
        (1025, "e95c42288f28186e"),
        (65536, "aaae63800707a868"),
        (100000, "42c23aeead96750d"),
    ];

    #[test]
    fn pieces_do_not_matter() {
        let data: Vec<u8> = (0..70_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for kind in [Checksum::Xxh3, Checksum::Md5, Checksum::Sha256] {
            let whole = checksum(kind, &[&data]);
            for size in [1, 3, 7, 63, 64, 65, 255, 256, 257, 1023, 4099, 69_999] {
                let pieces: Vec<&[u8]> = data.chunks(size).flat_map(|piece| [piece, b""]).collect();
                assert_eq!(checksum(kind, &pieces), whole, "{kind:?} in pieces of {size}");
            }
            assert_ne!(checksum(kind, &[&data[1..]]), whole, "{kind:?}");
        }
    }

    #[test]
    fn names_are_those_of_the_manifest() {
        for (kind, name) in [(Checksum::Xxh3, "xxh3"), (Checksum::Md5, "md5"), (Checksum::Sha256, "sha256")] {
            assert_eq!(kind.name(), Some(name));
            assert_eq!(Checksum::from_name(name), Some(kind));
        }
        assert_eq!(Checksum::None.name(), None);
        assert!(Checksum::None.hasher().is_none());
        for unknown in ["", "MD5", "crc32", "none", "xxh3 "] {
            assert_eq!(Checksum::from_name(unknown), None, "{unknown:?}");
        }
    }
}

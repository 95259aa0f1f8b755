//! Who has committed what (`docs/commit-protocol.md`, section "Exactly-once commits"): of each producer the
//! sequences that are committed, the highest one's position, and the snapshot that brought it. Every manifest
//! carries the map, so that the newest one is enough.

use std::borrow::Cow;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize, Serializer};

use super::json;
use crate::error::{Error, Result, Status};

/// The metadata key that the map stands under.
pub const KEY: &str = "lode.producers";

/// How many producers are remembered; the one idle longest goes first.
pub const MOST: usize = 1024;

/// How many sequences, from the highest down, are remembered one by one.
const WINDOW: u64 = 64;

/// The longest producer id, in bytes.
const ID_MAX: usize = 255;

/// The longest position, in bytes.
const POSITION_MAX: usize = 4096;

/// What a commit says of its producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The producer.
    pub producer: String,
    /// From 1, rising.
    pub sequence: u64,
    /// Where the producer is to go on: opaque.
    pub position: String,
}

impl Stamp {
    /// Checks what a caller gives.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the part.
    pub fn new(producer: &str, sequence: u64, position: &str) -> Result<Stamp> {
        let fault = if producer.is_empty() {
            "producer_id is empty: give each producer a name of its own".to_owned()
        } else if producer.len() > ID_MAX {
            format!("producer_id has {} bytes; at most {ID_MAX} can be kept", producer.len())
        } else if sequence == 0 {
            format!("sequence is 0, but producer {producer:?} is given: sequences begin with 1")
        } else if position.len() > POSITION_MAX {
            format!("position has {} bytes; at most {POSITION_MAX} can be kept", position.len())
        } else {
            return Ok(Stamp { producer: producer.to_owned(), sequence, position: position.to_owned() });
        };
        Err(Error::new(Status::InvalidArgument, fault))
    }
}

/// What is known of one producer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The highest sequence committed.
    pub sequence: u64,
    /// Bit i: the sequence i below the highest is committed.
    pub window: u64,
    /// The position of the highest.
    pub position: String,
    /// The id of the snapshot that brought the highest.
    pub snapshot: String,
}

/// Whether a sequence is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not.
    New,
    /// It is.
    Committed,
    /// It is below the window: unknown.
    TooOld,
}

/// The map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Producers {
    /// By name.
    entries: Vec<(String, Entry)>,
}

impl Producers {
    /// Whether it is empty: then it is left out of the manifest.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What is known of this producer.
    pub fn get(&self, producer: &str) -> Option<&Entry> {
        self.place(producer).ok().map(|at| &self.entries[at].1)
    }

    /// Where this producer is, or belongs.
    fn place(&self, producer: &str) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by(|(name, _)| (**name).cmp(producer))
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(producer, entry)| (&**producer, entry))
    }

    /// Whether this producer's sequence is committed.
    pub fn verdict(&self, stamp: &Stamp) -> Verdict {
        let Some(entry) = self.get(&stamp.producer) else { return Verdict::New };
        match entry.sequence.checked_sub(stamp.sequence) {
            None => Verdict::New,
            Some(below) if below >= WINDOW => Verdict::TooOld,
            Some(below) if entry.window >> below & 1 == 1 => Verdict::Committed,
            Some(_) => Verdict::New,
        }
    }

    /// The map after the snapshot `id` with this stamp.
    #[must_use]
    pub fn with(&self, stamp: &Stamp, id: &str) -> Producers {
        let mut next = self.clone();
        match next.entries.iter_mut().find(|(name, _)| *name == stamp.producer).map(|(_, entry)| entry) {
            Some(entry) if entry.sequence >= stamp.sequence => {
                entry.window |= 1_u64.checked_shl(shift(entry.sequence - stamp.sequence)).unwrap_or(0);
            }
            Some(entry) => {
                entry.window =
                    entry.window.checked_shl(shift(stamp.sequence - entry.sequence)).unwrap_or(0) | 1;
                entry.sequence = stamp.sequence;
                stamp.position.clone_into(&mut entry.position);
                id.clone_into(&mut entry.snapshot);
            }
            None => {
                if next.entries.len() >= MOST {
                    next.forget_the_idlest();
                }
                let entry = Entry {
                    sequence: stamp.sequence,
                    window: 1,
                    position: stamp.position.clone(),
                    snapshot: id.to_owned(),
                };
                let (Ok(at) | Err(at)) = next.place(&stamp.producer);
                next.entries.insert(at, (stamp.producer.clone(), entry));
            }
        }
        next
    }

    fn forget_the_idlest(&mut self) {
        let idlest = self.entries.iter().enumerate().min_by(|(_, a), (_, b)| a.1.snapshot.cmp(&b.1.snapshot));
        if let Some((at, _)) = idlest {
            self.entries.remove(at);
        }
    }

    /// As JSON text without white space.
    pub fn json(&self) -> String {
        json::to_string(self)
    }

    /// Reads what [`Producers::json`] writes, in any order and with any white space.
    ///
    /// # Errors
    /// `Corrupt`, naming the producer and what is wrong with it: a map that cannot be relied on must not be
    /// taken for an empty one.
    pub fn parse(text: &str) -> Result<Producers> {
        let corrupt = |what: String| Error::new(Status::Corrupt, format_args!("metadata {KEY:?}: {what}"));
        let mut map = Producers::default();
        let broke = json::members(text, |producer, value| {
            let Err(at) = map.place(&producer) else {
                return ControlFlow::Break(corrupt(format!("{producer:?} is there twice")));
            };
            match serde_json::from_str::<StoredEntry>(value)
                .map_err(EntryError::from)
                .and_then(Entry::try_from)
            {
                Ok(entry) => {
                    map.entries.insert(at, (producer.into_owned(), entry));
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    let what = format!("the entry of {producer:?} is not one: {error}");
                    ControlFlow::Break(corrupt(what).with_source(error))
                }
            }
        });
        match broke {
            Ok(None) => Ok(map),
            Ok(Some(error)) => Err(error),
            Err(error) => Err(corrupt(format!("no JSON object: {error}")).with_source(error)),
        }
    }
}

impl Serialize for Producers {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.entries.iter().map(|(producer, entry)| (producer, StoredEntry::from(entry))))
    }
}

/// An [`Entry`] as JSON has it.
#[derive(Serialize, Deserialize)]
struct StoredEntry<'a> {
    position: Cow<'a, str>,
    sequence: u64,
    snapshot: Cow<'a, str>,
    /// 16 hex digits.
    window: Cow<'a, str>,
}

impl<'a> From<&'a Entry> for StoredEntry<'a> {
    fn from(entry: &'a Entry) -> Self {
        StoredEntry {
            position: Cow::Borrowed(&entry.position),
            sequence: entry.sequence,
            snapshot: Cow::Borrowed(&entry.snapshot),
            window: Cow::Owned(format!("{:016x}", entry.window)),
        }
    }
}

/// Why a producer's entry is none.
#[derive(Debug, thiserror::Error)]
enum EntryError {
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("its sequence is 0")]
    Sequence,
    #[error("its window {0:?} is not 16 hex digits, the last bit set")]
    Window(String),
}

impl TryFrom<StoredEntry<'_>> for Entry {
    type Error = EntryError;

    fn try_from(stored: StoredEntry<'_>) -> std::result::Result<Entry, EntryError> {
        if stored.sequence == 0 {
            return Err(EntryError::Sequence);
        }
        let is_hex = stored.window.len() == 16 && stored.window.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(&stored.window, 16) {
            Ok(window) if is_hex && window & 1 == 1 => Ok(Entry {
                sequence: stored.sequence,
                window,
                position: stored.position.into_owned(),
                snapshot: stored.snapshot.into_owned(),
            }),
            _ => Err(EntryError::Window(stored.window.into_owned())),
        }
    }
}

/// A distance as a shift that yields 0 where it leaves the window.
fn shift(distance: u64) -> u32 {
    u32::try_from(distance).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(sequence: u64) -> Stamp {
        Stamp::new("p", sequence, &format!("at {sequence}")).unwrap()
    }

    fn after(sequences: &[u64]) -> Producers {
        sequences
            .iter()
            .fold(Producers::default(), |map, sequence| map.with(&stamp(*sequence), &format!("id{sequence}")))
    }

    #[test]
    fn a_sequence_is_new_committed_or_too_old() {
        let map = after(&[1, 2, 5, 70]);
        let cases = [
            (71, Verdict::New),
            (70, Verdict::Committed),
            (69, Verdict::New),
            (7, Verdict::New),
            (6, Verdict::TooOld),
            (5, Verdict::TooOld),
            (1, Verdict::TooOld),
            (u64::MAX, Verdict::New),
        ];
        for (sequence, verdict) in cases {
            assert_eq!(map.verdict(&stamp(sequence)), verdict, "{sequence}");
        }
        let map = after(&[1, 2, 5]);
        for (sequence, verdict) in [(1, Verdict::Committed), (3, Verdict::New), (4, Verdict::New)] {
            assert_eq!(map.verdict(&stamp(sequence)), verdict, "{sequence}");
        }
        let other = Stamp::new("q", 1, "").unwrap();
        assert_eq!(map.verdict(&other), Verdict::New);
    }

    #[test]
    fn a_late_sequence_fills_its_bit_and_keeps_the_highest() {
        let map = after(&[1, 5, 3]);
        assert_eq!(map.verdict(&stamp(3)), Verdict::Committed);
        assert_eq!(map.verdict(&stamp(2)), Verdict::New);
        let entry = map.get("p").unwrap();
        assert_eq!((entry.sequence, &*entry.position, &*entry.snapshot), (5, "at 5", "id5"));
        assert_eq!(entry.window, 0b1_0101);
        assert_eq!(after(&[1, u64::MAX]).get("p").unwrap().window, 1);
    }

    #[test]
    fn the_producer_idle_longest_is_forgotten_first() {
        let mut map = Producers::default();
        for number in 0..MOST {
            let stamp = Stamp::new(&format!("p{number}"), 1, "").unwrap();
            map = map.with(&stamp, &format!("{:05}", if number == 7 { 0 } else { number + 1 }));
        }
        let newcomer = Stamp::new("newcomer", 1, "").unwrap();
        let map = map.with(&newcomer, "99999");
        assert_eq!(map.entries.len(), MOST);
        assert!(map.get("p7").is_none() && map.get("p0").is_some() && map.get("newcomer").is_some());
    }

    #[test]
    fn the_map_reads_back_as_it_was_written() {
        let map = after(&[3, 4]).with(&Stamp::new("é\"\\", 9, "<&>\n").unwrap(), "x");
        assert_eq!(Producers::parse(&map.json()).unwrap(), map);
        assert_eq!(
            after(&[3, 4]).json(),
            r#"{"p":{"position":"at 4","sequence":4,"snapshot":"id4","window":"0000000000000003"}}"#
        );
        assert!(Producers::parse("{}").unwrap().is_empty());
    }

    #[test]
    fn a_map_that_is_none_is_corrupt() {
        let good = after(&[3]).json();
        for (from, to) in [
            ("{\"p\"", "[\"p\""),
            ("\"sequence\":3", "\"sequence\":0"),
            ("\"sequence\":3", "\"sequence\":\"3\""),
            ("\"sequence\":3", "\"sequence\":-3"),
            ("0000000000000001", "0000000000000002"),
            ("0000000000000001", "1"),
            ("\"position\":\"at 3\",", ""),
            ("\"snapshot\":\"id3\"", "\"snapshot\":7"),
            ("0000000000000001", "+000000000000001"),
            ("{\"p\":", "{\"p\":{},\"p\":"),
        ] {
            assert!(good.contains(from));
            let error = Producers::parse(&good.replace(from, to)).unwrap_err();
            assert_eq!(error.status(), Status::Corrupt, "{to}");
            assert!(error.message().contains("lode.producers"), "{error}");
        }
    }

    #[test]
    fn a_stamp_that_cannot_be_kept_is_refused() {
        for (producer, sequence, position, message) in [
            ("", 1, String::new(), "producer_id is empty"),
            (&*"p".repeat(256), 1, String::new(), "producer_id has 256 bytes"),
            ("p", 0, String::new(), "sequence is 0"),
            ("p", 1, "x".repeat(4097), "position has 4097 bytes"),
        ] {
            let error = Stamp::new(producer, sequence, &position).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(message), "{error}");
        }
    }
}

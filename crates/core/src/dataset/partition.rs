//! Partitions of the hive layout (`docs/format.md`, section "Partitions"): which one a record belongs to, as
//! the path `key=value/key=value`.

use std::collections::HashMap;

use crate::codec::json::members::Members;
use crate::error::{Error, Result, Status};
use crate::manifest::json::unescape;

/// The longest name of a directory, in bytes.
const SEGMENT_MAX: usize = 255;

/// The longest path of a partition, in bytes: room is left for the store's root and the rest of a key within
/// the 4,096 bytes that systems allow a path.
const PATH_MAX: usize = 3_000;

/// The most keys a dataset may be partitioned by.
const KEYS_MAX: usize = 32;

/// Accepts the keys that a hive dataset is partitioned by, which stand in paths as they are.
///
/// # Errors
/// `InvalidArgument`, naming the key and what is wrong with it.
pub(super) fn check_keys(keys: &[String]) -> Result<()> {
    let invalid = |message: String| Err(Error::new(Status::InvalidArgument, message));
    if keys.is_empty() {
        return invalid(
            "partition_keys: the hive layout needs at least one key to partition by; without any, use the default \
             layout"
                .into(),
        );
    }
    if keys.len() > KEYS_MAX {
        return invalid(format!("partition_keys: there are {} keys; the most is {KEYS_MAX}", keys.len()));
    }
    for (index, key) in keys.iter().enumerate() {
        let fault = if key.is_empty() {
            "it is empty"
        } else if key.contains('/') {
            "it holds a '/', and could not stand in a path"
        } else if key.contains('=') {
            "it holds a '=', at which paths tell key from value"
        } else if key.chars().any(char::is_control) {
            "it holds a control character"
        } else if key.starts_with(".lode-") {
            "it begins with \".lode-\", as the names of temporary files do"
        } else if key.len() >= SEGMENT_MAX {
            "it is longer than a directory's name can be"
        } else if keys[..index].contains(key) {
            "it is there twice"
        } else {
            continue;
        };
        return invalid(format!("partition key {key:?}: {fault}"));
    }
    Ok(())
}

/// Whether this is the path of a partition by these keys.
pub(super) fn is_partition(keys: &[String], path: &str) -> bool {
    let mut segments = path.split('/');
    let is_of = |key: &String| {
        segments
            .next()
            .is_some_and(|segment| segment.strip_prefix(&**key).is_some_and(|rest| rest.starts_with('=')))
    };
    keys.iter().all(is_of) && segments.next().is_none()
}

/// The most combinations of values whose partition is remembered.
const KNOWN_MAX: usize = 1 << 16;

/// Places for the combinations of values that occurred last: a power of two.
const RECENT: usize = 1 << 10;

/// Where the values of a record's keys stand in it, in the order of the keys, as
/// [`crate::codec::Encoder::values`] gives them.
pub(super) type Values<'a> = &'a [Option<(usize, usize)>];

/// Which partition the values make that a record has for the keys.
pub(super) struct Partitioner {
    keys: Vec<String>,
    path: String,
    /// The values of the record as they stand in it, one after the other.
    raw: Vec<u8>,
    /// Values that occurred last and their partitions, each at a place that depends on the values: most often
    /// the next record's are there. The place is not drawn from a keyed hash, as those of `known` are;
    /// records that were made to share one only lose this shortcut.
    recent: Vec<(Vec<u8>, usize)>,
    /// The partitions of values as they stand in records.
    known: HashMap<Vec<u8>, usize>,
    /// Partitions by their paths: a value may be written in several ways.
    by_path: HashMap<String, usize>,
}

impl Partitioner {
    pub fn new(keys: &[String]) -> Self {
        Partitioner {
            keys: keys.to_vec(),
            path: String::new(),
            raw: Vec::new(),
            recent: if keys.is_empty() { Vec::new() } else { vec![(Vec::new(), 0); RECENT] },
            known: HashMap::new(),
            by_path: HashMap::new(),
        }
    }

    /// The partition of record `number`, which is valid and has these values for the keys, as a number that
    /// counts partitions in the order in which they occur; without keys all records are in one.
    ///
    /// # Errors
    /// `InvalidRecord`, naming record and key: it has no such key, or a value that no path can stand for.
    #[inline]
    pub fn partition_of(&mut self, record: &[u8], values: Values<'_>, number: u64) -> Result<usize> {
        if values.is_empty() && !self.by_path.is_empty() {
            return Ok(0);
        }
        let place = place_of(record, values);
        match self.recent.get(place) {
            Some((raw, partition)) if is_raw(raw, record, values) => Ok(*partition),
            _ => self.find(record, values, place, number),
        }
    }

    /// [`Partitioner::partition_of`] of values that are not among the recent ones.
    #[inline(never)]
    fn find(&mut self, record: &[u8], values: Values<'_>, place: usize, number: u64) -> Result<usize> {
        self.raw.clear();
        for (begin, len) in values.iter().flatten() {
            self.raw.extend_from_slice(&record[*begin..begin + len]);
            // No value of valid JSON holds one but between its tokens, where none is in a scalar.
            self.raw.push(b'\n');
        }
        // Without a value for each key they say nothing.
        let is_whole = values.iter().all(Option::is_some);
        let partition = match self.known.get(&self.raw).filter(|_| is_whole) {
            Some(partition) => *partition,
            None => {
                self.make_path(record, values, number)?;
                let next = self.by_path.len();
                let partition = match self.by_path.get(&self.path) {
                    Some(partition) => *partition,
                    None => *self.by_path.entry(self.path.clone()).or_insert(next),
                };
                if self.known.len() < KNOWN_MAX {
                    self.known.insert(self.raw.clone(), partition);
                }
                partition
            }
        };
        if let Some((raw, recent)) = self.recent.get_mut(place) {
            raw.clone_from(&self.raw);
            *recent = partition;
        }
        Ok(partition)
    }

    /// The path of the partition that was found last, if it was the first time.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of the partition of record `number`; empty without keys.
    fn make_path(&mut self, record: &[u8], values: Values<'_>, number: u64) -> Result<()> {
        self.path.clear();
        if !self.keys.is_empty() && Members::of(record).is_none() {
            return Err(self.refuse(number, 0, None, "the record is no JSON object"));
        }
        for (index, value) in values.iter().enumerate() {
            self.push(index, record, *value, number)?;
        }
        Ok(())
    }

    /// Appends the segment of one key.
    fn push(
        &mut self,
        index: usize,
        record: &[u8],
        value: Option<(usize, usize)>,
        number: u64,
    ) -> Result<()> {
        let Some((offset, len)) = value else {
            return Err(self.refuse(number, index, None, "the record does not have it"));
        };
        let value = &record[offset..offset + len];
        let fault = |this: &Self, what: &str| Err(this.refuse(number, index, Some(offset), what));
        if index > 0 {
            self.path.push('/');
        }
        let start = self.path.len();
        self.path.push_str(&self.keys[index]);
        self.path.push('=');
        // Checked to be JSON, hence UTF-8.
        let text = std::str::from_utf8(value).unwrap_or_default();
        match value.first() {
            Some(b'{') => {
                return fault(self, "its value is an object; only strings, numbers and booleans can be");
            }
            Some(b'[') => {
                return fault(self, "its value is an array; only strings, numbers and booleans can be");
            }
            Some(b'n') => return fault(self, "its value is null; only strings, numbers and booleans can be"),
            Some(b'"') => {
                escape(&unescape(&text[1..text.len() - 1]), start + SEGMENT_MAX + 1, &mut self.path)
            }
            _ => escape(text, start + SEGMENT_MAX + 1, &mut self.path),
        }
        if self.path.len() - start > SEGMENT_MAX {
            let what = format!("its value, escaped for a path, makes a name longer than {SEGMENT_MAX} bytes");
            return fault(self, &what);
        }
        if self.path.len() > PATH_MAX {
            return fault(
                self,
                &format!("with its value the partition's path is longer than {PATH_MAX} bytes"),
            );
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self, number: u64, index: usize, offset: Option<usize>, what: &str) -> Error {
        let message = format!(
            "record {number} cannot be put into a partition: key {:?}: {what}. Nothing was written",
            self.keys[index]
        );
        let error = Error::new(Status::InvalidRecord, message).with_record(number);
        match offset {
            Some(offset) => error.with_offset(offset as u64),
            None => error,
        }
    }
}

/// Whether these are the raw values of a partition that was found: there is one of each key then.
#[inline]
fn is_raw(raw: &[u8], record: &[u8], values: Values<'_>) -> bool {
    let mut rest = raw;
    for value in values {
        let Some((begin, len)) = *value else { return false };
        match rest.split_at_checked(len) {
            Some((value, [b'\n', after @ ..])) if *value == record[begin..begin + len] => rest = after,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// A place among the recent values.
#[inline]
fn place_of(record: &[u8], values: Values<'_>) -> usize {
    // An odd number with bits everywhere: 2⁶⁴ divided by the golden ratio.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    let mut hash = 0;
    for (begin, len) in values.iter().flatten() {
        let (words, rest) = record[*begin..begin + len].as_chunks::<8>();
        hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        let rest = rest.iter().fold(*len as u64, |word, byte| word << 8 | u64::from(*byte));
        hash = mix(hash, rest);
    }
    hash as usize >> (usize::BITS - RECENT.trailing_zeros())
}

/// Appends `text` as Go's `url.PathEscape` writes it; stops when `out` has become `limit` bytes long or
/// longer.
fn escape(text: &str, limit: usize, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if out.len() >= limit {
            return;
        }
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => out.push(byte.into()),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b'=' | b':' | b'@' => out.push(byte.into()),
            _ => {
                out.push('%');
                out.push(HEX[usize::from(byte >> 4)].into());
                out.push(HEX[usize::from(byte & 15)].into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::Checker;

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    /// A partitioner with the check that finds the values.
    struct Partitions {
        checker: Checker,
        partitioner: Partitioner,
    }

    impl Partitions {
        fn by(keys: &[String]) -> Self {
            Partitions { checker: Checker::new(keys).unwrap(), partitioner: Partitioner::new(keys) }
        }

        fn partition_of(&mut self, record: &[u8], number: u64) -> Result<usize> {
            self.checker.check(record).expect("it is valid");
            self.partitioner.partition_of(record, self.checker.values(record), number)
        }

        fn path_of(&mut self, record: &[u8], number: u64) -> Result<&str> {
            self.checker.check(record).expect("it is valid");
            self.partitioner.make_path(record, self.checker.values(record), number)?;
            Ok(self.partitioner.path())
        }
    }

    #[test]
    fn the_path_is_the_fields_texts_in_the_order_of_the_keys() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitions::by(&two);
        for (record, path) in [
            (r#"{"region":"eu","x":{"day":0},"day":"2024-01-01"}"#, "day=2024-01-01/region=eu"),
            (r#"{"day":1,"region":true}"#, "day=1/region=true"),
            (r#"{"day":1.50,"region":-2e+3}"#, "day=1.50/region=-2e+3"),
            (r#"{"day":1,"region":"a","day":2}"#, "day=2/region=a"),
            (r#"{"day":null,"region":"a","day":2}"#, "day=2/region=a"),
            (r#"{"\u0064ay":"\u0041","region":false}"#, "day=A/region=false"),
            (r#"{"day":"","region":"."}"#, "day=/region=."),
            (r#"{"day":"..","region":"../.."}"#, "day=../region=..%2F.."),
            (r#"{"day":"/etc/passwd","region":"%2F"}"#, "day=%2Fetc%2Fpasswd/region=%252F"),
            (r#"{"day":"\u0000","region":"😀"}"#, "day=%00/region=%F0%9F%98%80"),
            (r#"{"day":"\ud83d\ude00","region":"\ud83d"}"#, "day=%F0%9F%98%80/region=%EF%BF%BD"),
            (r#"{"day":"a b","region":"é\n\"\\"}"#, "day=a%20b/region=%C3%A9%0A%22%5C"),
            (
                r#"{"day":"$&+=:@-_.~","region":"!*'(),;?#[]"}"#,
                "day=$&+=:@-_.~/region=%21%2A%27%28%29%2C%3B%3F%23%5B%5D",
            ),
        ] {
            assert_eq!(partitioner.path_of(record.as_bytes(), 0).unwrap(), path, "{record}");
        }
        assert_eq!(Partitions::by(&[]).path_of(b"7", 0).unwrap(), "");
    }

    #[test]
    fn values_that_make_one_path_make_one_partition() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitions::by(&two);
        let records = [
            (r#"{"day":"A","region":"1"}"#, 0),
            (r#"{"day":"A","region":"1"}"#, 0),
            (r#"{"day":"A","region":"2"}"#, 1),
            (r#"{"region":1,"day":"\u0041"}"#, 0),
            (r#"{"day":"B","region":"1"}"#, 2),
            (r#"{"day":"A","region":"2","day":"B","region":1}"#, 2),
            (r#"{"day":"A","region":"2"}"#, 1),
        ];
        for (number, (record, partition)) in records.into_iter().enumerate() {
            let found = partitioner.partition_of(record.as_bytes(), number as u64).unwrap();
            assert_eq!(found, partition, "{record}");
        }
        // A key that is missing is not made up for by the other's value.
        for record in [r#"{"day":"A"}"#, r#"{"region":"A"}"#, "{}", "1"] {
            assert!(partitioner.partition_of(record.as_bytes(), 9).is_err(), "{record}");
        }
        let paths = partitioner.partitioner.by_path;
        assert_eq!(paths.len(), 3);
        assert_eq!(paths["day=A/region=2"], 1);
        let mut unpartitioned = Partitions::by(&[]);
        assert_eq!(unpartitioned.partition_of(b"7", 0).unwrap(), 0);
        assert_eq!(unpartitioned.partitioner.by_path[""], 0);
    }

    #[test]
    fn more_values_than_are_remembered_as_recent_keep_their_partitions() {
        let one = keys(&["k"]);
        let mut partitioner = Partitions::by(&one);
        for round in 0..2 {
            for value in 0..3 * RECENT {
                let record = format!(r#"{{"k":"a value of some length, {value}"}}"#);
                let partition = partitioner.partition_of(record.as_bytes(), 0).unwrap();
                assert_eq!(partition, value, "round {round}");
            }
        }
    }

    #[test]
    fn a_record_that_belongs_nowhere_is_refused_by_number_and_key() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitions::by(&two);
        let long = format!(r#"{{"day":"{}","region":1}}"#, "x".repeat(300));
        let wide = format!(r#"{{"day":"{}","region":1}}"#, "😀".repeat(21));
        for (record, key, offset, what) in [
            (r#"{"region":1}"#, "\"day\"", None, "does not have it"),
            (r#"{"day":1,"x":{"region":2}}"#, "\"region\"", None, "does not have it"),
            (r#"{"day":1,"region":{}}"#, "\"region\"", Some(18), "is an object"),
            (r#"{"day":[1],"region":1}"#, "\"day\"", Some(7), "is an array"),
            (r#"{"day":1,"region":null}"#, "\"region\"", Some(18), "is null"),
            (r#"[{"day":1,"region":1}]"#, "\"day\"", None, "no JSON object"),
            (r#""day""#, "\"day\"", None, "no JSON object"),
            (&long, "\"day\"", Some(7), "longer than 255 bytes"),
            (&wide, "\"day\"", Some(7), "longer than 255 bytes"),
        ] {
            let error = partitioner.path_of(record.as_bytes(), 7).unwrap_err();
            assert_eq!((error.status(), error.record()), (Status::InvalidRecord, Some(7)), "{error}");
            assert_eq!(error.offset(), offset, "{error}");
            for part in ["record 7", key, what] {
                assert!(error.message().contains(part), "{error}");
            }
        }
        let most = format!(r#"{{"day":"{}","region":1}}"#, "x".repeat(251));
        assert!(partitioner.path_of(most.as_bytes(), 0).is_ok(), "a name of 255 bytes");
        let many: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
        let members: Vec<String> =
            many.iter().map(|key| format!("\"{key}\":\"{}\"", "x".repeat(200))).collect();
        let record = format!("{{{}}}", members.join(","));
        let error = Partitions::by(&many).path_of(record.as_bytes(), 0).unwrap_err();
        assert!(error.message().contains("longer than 3000 bytes"), "{error}");
    }

    #[test]
    fn keys_that_cannot_stand_in_a_path_are_refused_by_name() {
        assert!(check_keys(&keys(&["day", "región", "a b", "..", "segments"])).is_ok());
        let long = "k".repeat(255);
        for (given, what) in [
            (vec![], "at least one key"),
            (vec![""], "it is empty"),
            (vec!["a", "b/c"], "holds a '/'"),
            (vec!["a=b"], "holds a '='"),
            (vec!["a\0"], "control character"),
            (vec!["a\n"], "control character"),
            (vec![".lode-x"], "temporary files"),
            (vec![&*long], "longer than"),
            (vec!["a", "b", "a"], "twice"),
            (vec!["a"; 33], "there are 33 keys"),
        ] {
            let error = check_keys(&keys(&given)).unwrap_err();
            assert_eq!(error.status(), Status::InvalidArgument);
            assert!(error.message().contains(what), "{error}");
        }
    }
}

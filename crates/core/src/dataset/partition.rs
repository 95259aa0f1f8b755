//! Partitions of the hive layout (`docs/format.md`, section "Partitions"): which one a record belongs to, as
//! the path `key=value/key=value`.

use std::collections::HashMap;

use crate::codec::json::flat::{Flat, FlatKey};
use crate::codec::json::members::{Member, Members};
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

/// Which values a record has for the keys, and which partition they make.
pub(super) struct Partitioner {
    keys: Vec<String>,
    /// Of each key: where the last value begins that the record has for it, and how long it is.
    values: Vec<Option<(usize, usize)>>,
    /// The keys as they are looked for in flat records; empty if one of them cannot be.
    flat_keys: Vec<FlatKey>,
    path: String,
    /// The values of the record as they stand in it, one after the other.
    raw: Vec<u8>,
    /// Those of the record before, and its partition: most often that is the next one's, too.
    last: Option<(Vec<u8>, usize)>,
    /// The partitions of values as they stand in records.
    known: HashMap<Vec<u8>, usize>,
    /// Partitions by their paths: a value may be written in several ways.
    by_path: HashMap<String, usize>,
}

impl Partitioner {
    pub fn new(keys: &[String]) -> Self {
        let flat_keys = keys.iter().map(|key| FlatKey::new(key)).collect::<Option<_>>();
        Partitioner {
            keys: keys.to_vec(),
            values: vec![None; keys.len()],
            flat_keys: flat_keys.unwrap_or_default(),
            path: String::new(),
            raw: Vec::new(),
            last: None,
            known: HashMap::new(),
            by_path: HashMap::new(),
        }
    }

    /// The partition of record `number`, which must be valid, as a number that counts them in the order in
    /// which they occur; without keys all records are in one.
    ///
    /// # Errors
    /// `InvalidRecord`, naming record and key: it has no such key, or a value that no path can stand for.
    pub fn partition_of(&mut self, record: &[u8], number: u64) -> Result<usize> {
        self.find_values(record, number)?;
        self.raw.clear();
        for (begin, len) in self.values.iter().flatten() {
            self.raw.extend_from_slice(&record[*begin..begin + len]);
            // No value of valid JSON holds one but between its tokens, where none is in a scalar.
            self.raw.push(b'\n');
        }
        match &self.last {
            Some((raw, partition)) if *raw == self.raw => return Ok(*partition),
            _ => {}
        }
        // Without a value for each key they say nothing.
        let is_whole = self.values.iter().all(Option::is_some);
        let partition = match self.known.get(&self.raw).filter(|_| is_whole) {
            Some(partition) => *partition,
            None => {
                self.make_path(record, number)?;
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
        let last = self.last.get_or_insert_default();
        last.0.clone_from(&self.raw);
        last.1 = partition;
        Ok(partition)
    }

    /// The path of the partition that was found last, if it was the first time.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of each partition so far, with its number.
    pub fn into_paths(self) -> HashMap<String, usize> {
        self.by_path
    }

    /// The path of the partition of record `number`; empty without keys.
    #[cfg(test)]
    fn path_of(&mut self, record: &[u8], number: u64) -> Result<&str> {
        self.find_values(record, number)?;
        self.make_path(record, number)?;
        Ok(&self.path)
    }

    fn find_values(&mut self, record: &[u8], number: u64) -> Result<()> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let Some(members) = Members::of(record) else {
            return Err(self.refuse(number, 0, None, "the record is no JSON object"));
        };
        self.values.fill(None);
        if let Some(flat) = Flat::of(record).filter(|_| !self.flat_keys.is_empty()) {
            for (key, value) in self.flat_keys.iter().zip(&mut self.values) {
                *value = flat.last_value(key).map(|(value, begin)| (begin, value.len()));
            }
        } else {
            for member in members {
                if let Some(index) = self.keys.iter().position(|wanted| is_text(&member, wanted)) {
                    self.values[index] = Some((member.offset, member.value.len()));
                }
            }
        }
        Ok(())
    }

    fn make_path(&mut self, record: &[u8], number: u64) -> Result<()> {
        self.path.clear();
        for index in 0..self.keys.len() {
            self.push(index, record, number)?;
        }
        Ok(())
    }

    /// Appends the segment of one key.
    fn push(&mut self, index: usize, record: &[u8], number: u64) -> Result<()> {
        let Some((offset, len)) = self.values[index] else {
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

/// Whether this text is the member's key.
#[inline]
fn is_text(member: &Member<'_>, text: &str) -> bool {
    if member.key_has_escapes { is_escaped_text(member.key, text) } else { member.key == text.as_bytes() }
}

#[cold]
#[inline(never)]
fn is_escaped_text(key: &[u8], text: &str) -> bool {
    std::str::from_utf8(key).is_ok_and(|key| unescape(key) == text)
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

    fn keys(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn the_path_is_the_fields_texts_in_the_order_of_the_keys() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitioner::new(&two);
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
        assert_eq!(Partitioner::new(&[]).path_of(b"7", 0).unwrap(), "");
    }

    #[test]
    fn values_that_make_one_path_make_one_partition() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitioner::new(&two);
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
        for record in [r#"{"day":"A"}"#, r#"{"region":"A"}"#] {
            assert!(partitioner.partition_of(record.as_bytes(), 9).is_err(), "{record}");
        }
        let paths = partitioner.into_paths();
        assert_eq!(paths.len(), 3);
        assert_eq!(paths["day=A/region=2"], 1);
        let mut unpartitioned = Partitioner::new(&[]);
        assert_eq!(unpartitioned.partition_of(b"7", 0).unwrap(), 0);
        assert_eq!(unpartitioned.into_paths()[""], 0);
    }

    #[test]
    fn a_record_that_belongs_nowhere_is_refused_by_number_and_key() {
        let two = keys(&["day", "region"]);
        let mut partitioner = Partitioner::new(&two);
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
        let error = Partitioner::new(&many).path_of(record.as_bytes(), 0).unwrap_err();
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

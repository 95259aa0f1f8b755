//! Statistics of a data file's columns (`docs/format.md`, section "File statistics"), gathered while it is
//! written.
//!
//! A column of a JSON lines file is a key at the top of its records. Its null count is the number of records
//! in which the key is missing or null, those that are no objects included. Its least and greatest value are
//! there if all its other values are of one kind: numbers, strings (in the order of their UTF-8 bytes) or
//! booleans. If a key occurs twice in a record, the last counts. Memory is bounded: by the number of columns,
//! and by the length of names and values, beyond which a column is left out, or has no least and greatest. A
//! column takes its memory when it is first met, and only that can fail.

use std::cmp::Ordering;
use std::collections::TryReserveError;

use crate::codec::json::members::Members;
use crate::codec::json::text::{overrun, push_text};
use crate::manifest::json::push_string;
use crate::manifest::{ColumnStats, FileStats};

/// The most columns that are followed: those of the first keys that occur.
const COLUMNS_MAX: usize = 100;

/// The longest name of a column that is followed, in bytes.
const NAME_MAX: usize = 128;

/// The longest least or greatest value that is kept, in bytes.
const VALUE_MAX: usize = 64;

/// What is gathered of one file.
#[derive(Default)]
pub(super) struct Statistics {
    records: u64,
    columns: Vec<Column>,
    /// The columns that the current record has, each with its last value's place.
    current: Vec<usize>,
    /// Room for a text that a string stands for.
    text: String,
}

struct Column {
    name: String,
    /// The key as it was written first, escapes and all.
    key: Vec<u8>,
    /// In how many records it had a value that is not null.
    values: u64,
    /// The kind of the values so far; `least` and `greatest` are of it.
    kind: Kind,
    least: Bound,
    greatest: Bound,
    /// The record that set `last`, counted from 1.
    seen: u64,
    /// Where in that record its last value is.
    last: (usize, usize),
}

/// Of which kind the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// There is no value yet.
    Unknown,
    Number,
    String,
    Boolean,
    /// Several kinds, containers, or a value too long to be kept.
    Unordered,
}

/// The least or the greatest value: a number's JSON text, the text that a string stands for, or a boolean's
/// name. It has room for `VALUE_MAX` bytes from the beginning.
struct Bound {
    text: String,
    /// The number, if it is written as a small whole one.
    whole: Option<i64>,
}

/// A JSON number (RFC 8259, section 6) as its text, and as a whole number where it is written as a small one.
#[derive(Clone, Copy)]
struct Value<'a> {
    json: &'a str,
    whole: Option<i64>,
}

impl<'a> Value<'a> {
    fn of(json: &'a str) -> Self {
        Value { json, whole: json.parse().ok() }
    }

    /// Compares the numbers, exactly, however they are written.
    fn cmp(self, other: Value<'_>) -> Ordering {
        if let (Some(a), Some(b)) = (self.whole, other.whole) {
            return a.cmp(&b);
        }
        let (a, b) = (Decimal::of(self.json), Decimal::of(other.json));
        match (a.sign, b.sign) {
            (1, 1) => a.cmp_magnitude(&b),
            (-1, -1) => b.cmp_magnitude(&a),
            (a, b) => a.cmp(&b),
        }
    }
}

/// A number as 0.d₁d₂d₃… × 10^`exponent`, the first digit not 0.
struct Decimal<'a> {
    sign: i8,
    exponent: i64,
    /// The digits from the first that is not 0 on, perhaps with the point between them.
    digits: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn of(json: &'a str) -> Self {
        let (negative, rest) = json.strip_prefix('-').map_or((false, json), |rest| (true, rest));
        let (digits, power) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let digits = digits.as_bytes();
        let point = digits.iter().position(|byte| *byte == b'.').unwrap_or(digits.len());
        let Some(first) = digits.iter().position(|byte| matches!(byte, b'1'..=b'9')) else {
            return Decimal { sign: 0, exponent: 0, digits: &[] };
        };
        let before_point = point as i64 - first as i64 + i64::from(first > point);
        let bound = if power.starts_with('-') { i64::MIN } else { i64::MAX };
        let power = power.parse::<i64>().unwrap_or(bound);
        Decimal {
            sign: if negative { -1 } else { 1 },
            exponent: power.saturating_add(before_point),
            digits: &digits[first..],
        }
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.digits.iter().copied().filter(|byte| *byte != b'.')
    }

    fn cmp_magnitude(&self, other: &Decimal<'_>) -> Ordering {
        self.exponent.cmp(&other.exponent).then_with(|| {
            let (mut a, mut b) = (self.digits(), other.digits());
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return Ordering::Equal,
                    (a, b) => match a.unwrap_or(b'0').cmp(&b.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        unequal => return unequal,
                    },
                }
            }
        })
    }
}

impl Bound {
    fn new() -> Result<Self, TryReserveError> {
        let mut text = String::new();
        text.try_reserve_exact(VALUE_MAX)?;
        Ok(Bound { text, whole: None })
    }

    fn set(&mut self, text: &str, whole: Option<i64>) {
        self.text.clear();
        self.text.push_str(text);
        self.whole = whole;
    }

    fn number(&self) -> Value<'_> {
        Value { json: &self.text, whole: self.whole }
    }

    /// The value as JSON.
    fn json(self, kind: Kind) -> Option<String> {
        match kind {
            Kind::Unknown | Kind::Unordered => None,
            Kind::Number | Kind::Boolean => Some(self.text),
            Kind::String => {
                let mut json = String::new();
                push_string(&mut json, &self.text);
                Some(json)
            }
        }
    }
}

impl Statistics {
    /// Takes a record that is valid.
    pub fn take(&mut self, record: &[u8]) -> Result<(), TryReserveError> {
        self.records += 1;
        let Some(members) = Members::of(record) else { return Ok(()) };
        for (place, member) in members.enumerate() {
            let Some(index) = self.column(place, member.key)? else { continue };
            let column = &mut self.columns[index];
            column.last = (member.offset, member.value.len());
            if column.seen != self.records {
                column.seen = self.records;
                self.current.push(index);
            }
        }
        for index in self.current.drain(..) {
            let column = &mut self.columns[index];
            let (offset, len) = column.last;
            column.take(&record[offset..offset + len], &mut self.text);
        }
        Ok(())
    }

    /// The column of a key, which most often stands in the same place as in the records before.
    fn column(&mut self, place: usize, key: &[u8]) -> Result<Option<usize>, TryReserveError> {
        if self.columns.get(place).is_some_and(|column| *column.key == *key) {
            return Ok(Some(place));
        }
        let Ok(key) = std::str::from_utf8(key) else { return Ok(None) };
        self.text.clear();
        self.text.try_reserve(NAME_MAX + 1 + overrun())?;
        push_text(key, NAME_MAX + 1, &mut self.text);
        let name = &*self.text;
        if let Some(index) = self.columns.iter().position(|column| column.name == name) {
            return Ok(Some(index));
        }
        if self.columns.len() == COLUMNS_MAX || name.len() > NAME_MAX {
            return Ok(None);
        }
        let column = Column::new(name, key)?;
        let index = self.columns.len();
        self.columns.try_reserve(1)?;
        self.current.try_reserve(index + 1)?;
        self.columns.push(column);
        Ok(Some(index))
    }

    /// The statistics of a file with this number of records; columns in the order of their names.
    pub fn finish(mut self, row_count: u64) -> FileStats {
        self.columns.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let columns = self.columns.into_iter().map(|column| ColumnStats {
            name: column.name,
            min: column.least.json(column.kind),
            max: column.greatest.json(column.kind),
            null_count: self.records - column.values,
            distinct_count: 0,
        });
        FileStats { row_count, columns: columns.collect() }
    }
}

impl Column {
    fn new(name: &str, key: &str) -> Result<Self, TryReserveError> {
        let mut column = Column {
            name: String::new(),
            key: Vec::new(),
            values: 0,
            kind: Kind::Unknown,
            least: Bound::new()?,
            greatest: Bound::new()?,
            seen: 0,
            last: (0, 0),
        };
        column.name.try_reserve_exact(name.len())?;
        column.name.push_str(name);
        column.key.try_reserve_exact(key.len())?;
        column.key.extend_from_slice(key.as_bytes());
        Ok(column)
    }

    /// Takes the value that a record has for it.
    fn take(&mut self, json: &[u8], room: &mut String) {
        let first = json.first().copied().unwrap_or_default();
        if first == b'n' {
            return;
        }
        self.values += 1;
        let kind = match first {
            b'"' => Kind::String,
            b't' | b'f' => Kind::Boolean,
            b'{' | b'[' => Kind::Unordered,
            _ => Kind::Number,
        };
        if self.kind != Kind::Unknown && self.kind != kind {
            self.kind = Kind::Unordered;
        }
        let Ok(json) = std::str::from_utf8(json) else { return };
        match (self.kind, kind) {
            (Kind::Unordered, _) => {}
            (_, Kind::Unknown | Kind::Unordered) => self.kind = Kind::Unordered,
            (_, Kind::Number) => self.take_number(Value::of(json)),
            (_, Kind::Boolean) => self.take_text(kind, json),
            (_, Kind::String) => {
                let inner = &json[1..json.len() - 1];
                if !inner.contains('\\') {
                    return self.take_text(kind, inner);
                }
                // A bound has `VALUE_MAX` bytes at most, so that a byte more decides every comparison. The
                // names of columns take more room than this.
                room.clear();
                push_text(inner, VALUE_MAX + 1, room);
                self.take_text(kind, room);
            }
        }
    }

    fn take_number(&mut self, value: Value<'_>) {
        let first = self.kind == Kind::Unknown;
        let below = first || value.cmp(self.least.number()).is_lt();
        let above = first || value.cmp(self.greatest.number()).is_gt();
        self.widen(Kind::Number, below, above, value.json, value.whole);
    }

    /// Takes a string by what it stands for, or a boolean by its name.
    fn take_text(&mut self, kind: Kind, text: &str) {
        let first = self.kind == Kind::Unknown;
        let below = first || *text < *self.least.text;
        let above = first || *text > *self.greatest.text;
        self.widen(kind, below, above, text, None);
    }

    fn widen(&mut self, kind: Kind, below: bool, above: bool, text: &str, whole: Option<i64>) {
        if !below && !above {
            return;
        }
        if text.len() > VALUE_MAX {
            self.kind = Kind::Unordered;
            return;
        }
        self.kind = kind;
        if below {
            self.least.set(text, whole);
        }
        if above {
            self.greatest.set(text, whole);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(records: &[&str]) -> FileStats {
        let mut statistics = Statistics::default();
        for record in records {
            statistics.take(record.as_bytes()).unwrap();
        }
        statistics.finish(records.len() as u64)
    }

    /// Name, least, greatest and null count of each column; `-` for none.
    fn told(records: &[&str]) -> Vec<String> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".into());
        let stats = statistics(records);
        assert_eq!(stats.row_count, records.len() as u64);
        stats
            .columns
            .iter()
            .map(|column| {
                format!("{} {} {} {}", column.name, text(&column.min), text(&column.max), column.null_count)
            })
            .collect()
    }

    #[test]
    fn each_column_has_its_least_and_greatest_value_and_its_nulls() {
        assert_eq!(
            told(&[
                r#"{"b":"é","a":2,"c":true,"d":null,"e":[1]}"#,
                r#"{"b":"z","a":-1.5,"c":true,"d":null,"e":{"a":9}}"#,
                r#"{"b":"<","a":1e1,"c":false}"#,
                r#"{"a":null,"late":"x"}"#,
                "[1]",
                "7",
            ]),
            [
                "a -1.5 1e1 3",
                "b \"\\u003c\" \"é\" 3",
                "c false true 3",
                "d - - 6",
                "e - - 4",
                "late \"x\" \"x\" 5"
            ]
        );
        assert_eq!(told(&[]), [""; 0]);
    }

    #[test]
    fn a_record_without_the_key_counts_as_missing_whatever_it_is() {
        assert_eq!(told(&["[]", "null", "\"a\"", "7", "{}", r#"{"a":1}"#, "true"]), ["a 1 1 6"]);
        assert_eq!(told(&["1", "[2]"]), [""; 0], "there is no key at all");
    }

    #[test]
    fn values_of_several_kinds_have_no_order() {
        assert_eq!(told(&[r#"{"a":1}"#, r#"{"a":"1"}"#, r#"{"a":2}"#]), ["a - - 0"]);
        assert_eq!(told(&[r#"{"a":true}"#, r#"{"a":0}"#]), ["a - - 0"]);
        assert_eq!(told(&[r#"{"a":"x"}"#, r#"{"a":[]}"#, r#"{"a":null}"#]), ["a - - 1"]);
    }

    #[test]
    fn numbers_are_compared_by_their_value_and_exactly() {
        assert_eq!(
            told(&[
                r#"{"a":9007199254740993}"#,
                r#"{"a":9007199254740992}"#,
                r#"{"a":9007199254740994.0}"#,
                r#"{"a":9007199254740995}"#
            ]),
            ["a 9007199254740992 9007199254740995 0"]
        );
        assert_eq!(told(&[r#"{"a":1e300}"#, r#"{"a":-1e300}"#, r#"{"a":0.5}"#]), ["a -1e300 1e300 0"]);
        assert_eq!(told(&[r#"{"a":10}"#, r#"{"a":9}"#, r#"{"a":-0}"#]), ["a -0 10 0"]);
        assert_eq!(told(&[r#"{"a":0.25}"#, r#"{"a":0}"#, r#"{"a":1}"#]), ["a 0 1 0"]);
        let rising = [
            "-1e300",
            "-20",
            "-1.5e1",
            "-15e-1",
            "-0.01",
            "-1e-99999999999999999999",
            "0.0e9",
            "1e-300",
            "0.001",
            "0.0010000000000000000000001",
            "1.0e-2",
            "0.1",
            "1",
            "1.00000000000000000000000000000000000000001",
            "9.99e0",
            "10",
            "100",
            "9007199254740993",
            "9007199254740993.5",
            "1e17",
            "99999999999999999999999999",
            "1e26",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                assert_eq!(Value::of(a).cmp(Value::of(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        for equal in [["1", "1.0"], ["10", "1e1"], ["0.5", "5E-1"], ["0", "-0.00"], ["1200e-2", "12.0"]] {
            assert_eq!(Value::of(equal[0]).cmp(Value::of(equal[1])), Ordering::Equal, "{equal:?}");
        }
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_value_counts() {
        assert_eq!(told(&[r#"{"a":100,"a":1,"\u0061":2}"#]), ["a 2 2 0"]);
        assert_eq!(told(&[r#"{"a":1,"a":null}"#]), ["a - - 1"]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(65));
        assert_eq!(told(&[&long]), ["a - - 0"]);
        assert_eq!(told(&[r#"{"a":"y"}"#, &long]), ["a - - 0"], "it would be the least");
        assert_eq!(told(&[r#"{"a":"a"}"#, r#"{"a":"z"}"#, &long]), ["a \"a\" \"z\" 0"], "it lies between");
        // By what they stand for, not by how they are written.
        let escaped = format!(r#"{{"a":"{}"}}"#, "\\u0078".repeat(64));
        assert_eq!(told(&[&escaped]), [format!("a \"{0}\" \"{0}\" 0", "x".repeat(64))]);
        let escaped = format!(r#"{{"a":"{}"}}"#, "\\u0078".repeat(65));
        assert_eq!(told(&[r#"{"a":"y"}"#, &escaped]), ["a - - 0"]);
        assert_eq!(told(&[r#"{"a":"a"}"#, r#"{"a":"z"}"#, &escaped]), ["a \"a\" \"z\" 0"]);
        let digits = format!(r#"{{"a":{}}}"#, "9".repeat(65));
        assert_eq!(told(&[&digits]), ["a - - 0"]);
        assert_eq!(told(&[&format!(r#"{{"{}":1,"a":1}}"#, "k".repeat(129))]), ["a 1 1 0"]);
        let mut statistics = Statistics::default();
        for number in 0..100_000 {
            let record = format!(r#"{{"k{number}":1,"\u006b{number}":1}}"#);
            statistics.take(record.as_bytes()).unwrap();
        }
        assert!(statistics.columns.len() <= COLUMNS_MAX && statistics.current.capacity() <= 2 * COLUMNS_MAX);
        let stats = statistics.finish(100_000);
        assert_eq!(stats.columns.len(), COLUMNS_MAX);
        assert!(stats.columns.iter().all(|column| column.null_count == 99_999));
    }
}

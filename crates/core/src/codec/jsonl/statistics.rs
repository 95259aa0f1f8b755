//! Statistics of a data file's columns (`docs/format.md`, section "File statistics"), gathered while it is
//! written.
//!
//! A column of a JSONL file is a key at the top of its records. Its null count is the number of objects in which the
//! key is missing or null, as the reference counts for Parquet; records that are no objects belong to no column. Its
//! least and greatest value are there if all its other values are of one kind: numbers, strings (in the order of their
//! UTF-8 bytes) or booleans. If a key occurs twice in a record, the last counts. Memory is bounded: by the number of
//! columns, and by the length of names and values, beyond which a column is left out, or has no least and greatest.

use std::cmp::Ordering;

use crate::codec::json::members::Members;
use crate::manifest::json::{push_string, unescape};
use crate::manifest::{ColumnStats, FileStats};

/// The most columns that are followed: the first so many keys that occur.
const COLUMNS_MAX: usize = 100;

/// The longest name of a column that is followed, in bytes.
const NAME_MAX: usize = 128;

/// The longest least or greatest value that is kept, in bytes.
const VALUE_MAX: usize = 64;

/// What is gathered of one file.
#[derive(Default)]
pub(super) struct Statistics {
    objects: u64,
    columns: Vec<Column>,
    /// The columns that the current record has, each with its last value's place.
    current: Vec<usize>,
}

struct Column {
    name: String,
    /// The key as it was written first, escapes and all.
    key: Box<[u8]>,
    /// In how many objects it had a value that is not null.
    values: u64,
    range: Range,
    /// The record that set `last`, counted from 1.
    seen: u64,
    /// Where in that record its last value is.
    last: (usize, usize),
}

/// Least and greatest of the values so far.
enum Range {
    /// No value yet.
    Empty,
    Numbers(Number, Number),
    /// As JSON text, and what it stands for.
    Strings(Text, Text),
    Booleans(bool, bool),
    /// Values of several kinds, or one too long to be kept.
    None,
}

struct Text {
    json: String,
    plain: String,
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

/// The least or the greatest number.
struct Number {
    json: String,
    whole: Option<i64>,
}

impl Number {
    fn value(&self) -> Value<'_> {
        Value { json: &self.json, whole: self.whole }
    }

    fn set(&mut self, value: Value<'_>) {
        self.json.clear();
        self.json.push_str(value.json);
        self.whole = value.whole;
    }
}

impl Statistics {
    /// Takes a record that is valid.
    pub fn take(&mut self, record: &[u8]) {
        let Some(members) = Members::of(record) else { return };
        self.objects += 1;
        for (place, member) in members.enumerate() {
            let Some(index) = self.column(place, member.key) else { continue };
            let column = &mut self.columns[index];
            column.last = (member.offset, member.value.len());
            if column.seen != self.objects {
                column.seen = self.objects;
                self.current.push(index);
            }
        }
        for index in self.current.drain(..) {
            let column = &mut self.columns[index];
            let (offset, len) = column.last;
            column.take(&record[offset..offset + len]);
        }
    }

    /// The column of a key, which most often stands in the same place as in the records before.
    fn column(&mut self, place: usize, key: &[u8]) -> Option<usize> {
        if self.columns.get(place).is_some_and(|column| *column.key == *key) {
            return Some(place);
        }
        let name = unescape(std::str::from_utf8(key).ok()?);
        if let Some(index) = self.columns.iter().position(|column| column.name == name) {
            return Some(index);
        }
        if self.columns.len() == COLUMNS_MAX || name.len() > NAME_MAX {
            return None;
        }
        let index = self.columns.len();
        self.columns.push(Column {
            name: name.into_owned(),
            key: key.into(),
            values: 0,
            range: Range::Empty,
            seen: 0,
            last: (0, 0),
        });
        Some(index)
    }

    /// The statistics of a file of so many records; columns in the order of their names.
    pub fn finish(mut self, row_count: u64) -> FileStats {
        self.columns.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let objects = self.objects;
        let columns = self.columns.into_iter().map(|column| {
            let (min, max) = match column.range {
                Range::Empty | Range::None => (None, None),
                Range::Numbers(min, max) => (Some(min.json), Some(max.json)),
                Range::Strings(min, max) => (Some(min.json), Some(max.json)),
                Range::Booleans(min, max) => (Some(min.to_string()), Some(max.to_string())),
            };
            ColumnStats {
                name: column.name,
                min,
                max,
                null_count: objects - column.values,
                distinct_count: 0,
            }
        });
        FileStats { row_count, columns: columns.collect() }
    }
}

impl Column {
    /// Takes the value that a record has for it.
    fn take(&mut self, json: &[u8]) {
        let first = json.first().copied().unwrap_or_default();
        if first == b'n' {
            return;
        }
        self.values += 1;
        let Ok(json) = std::str::from_utf8(json) else { return };
        match first {
            b'"' => self.range.take_string(json),
            b't' | b'f' => self.range.take_boolean(first == b't'),
            // Arrays and objects have no order.
            b'{' | b'[' => self.range = Range::None,
            _ => self.range.take_number(json),
        }
    }
}

impl Range {
    fn take_boolean(&mut self, value: bool) {
        *self = match self {
            Range::Empty => Range::Booleans(value, value),
            Range::Booleans(min, max) => Range::Booleans(*min & value, *max | value),
            _ => Range::None,
        };
    }

    fn take_number(&mut self, json: &str) {
        let value = Value::of(json);
        match self {
            Range::Empty if json.len() <= VALUE_MAX => {
                let number = || Number { json: json.to_owned(), whole: value.whole };
                *self = Range::Numbers(number(), number());
            }
            Range::Numbers(min, max) => {
                let (below, above) = (value.cmp(min.value()).is_lt(), value.cmp(max.value()).is_gt());
                if !below && !above {
                    return;
                }
                if json.len() > VALUE_MAX {
                    *self = Range::None;
                    return;
                }
                if below { min } else { max }.set(value);
            }
            _ => *self = Range::None,
        }
    }

    fn take_string(&mut self, json: &str) {
        let plain = unescape(&json[1..json.len() - 1]);
        match self {
            Range::Empty if plain.len() <= VALUE_MAX => {
                *self = Range::Strings(Text::of(&plain), Text::of(&plain));
            }
            Range::Strings(min, max) => {
                let (below, above) = (*plain < *min.plain, *plain > *max.plain);
                if !below && !above {
                    return;
                }
                if plain.len() > VALUE_MAX {
                    *self = Range::None;
                    return;
                }
                if below { min } else { max }.set(&plain);
            }
            _ => *self = Range::None,
        }
    }
}

impl Text {
    fn of(plain: &str) -> Text {
        let mut text = Text { json: String::new(), plain: String::new() };
        text.set(plain);
        text
    }

    fn set(&mut self, plain: &str) {
        self.plain.clear();
        self.plain.push_str(plain);
        self.json.clear();
        push_string(&mut self.json, plain);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(records: &[&str]) -> FileStats {
        let mut statistics = Statistics::default();
        for record in records {
            statistics.take(record.as_bytes());
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
                "a -1.5 1e1 1",
                "b \"\\u003c\" \"é\" 1",
                "c false true 1",
                "d - - 4",
                "e - - 2",
                "late \"x\" \"x\" 3"
            ]
        );
        assert_eq!(told(&[]), [""; 0]);
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
        let digits = format!(r#"{{"a":{}}}"#, "9".repeat(65));
        assert_eq!(told(&[&digits]), ["a - - 0"]);
        assert_eq!(told(&[&format!(r#"{{"{}":1,"a":1}}"#, "k".repeat(129))]), ["a 1 1 0"]);
        let mut statistics = Statistics::default();
        for number in 0..100_000 {
            statistics.take(format!(r#"{{"k{number}":1,"\u006b{number}":1}}"#).as_bytes());
        }
        assert!(statistics.columns.len() <= COLUMNS_MAX && statistics.current.capacity() <= 2 * COLUMNS_MAX);
        let stats = statistics.finish(100_000);
        assert_eq!(stats.columns.len(), COLUMNS_MAX);
        assert!(stats.columns.iter().all(|column| column.null_count == 99_999));
    }
}

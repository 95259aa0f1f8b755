//! The least and greatest value of a column, and how many are null, as the manifest tells them
//! (`docs/format.md`, section "File statistics").

use crate::manifest::ColumnStats;
use crate::manifest::json::push_string;

use super::schema::{ColumnType, Field};
use super::timestamp;

/// The longest least or greatest text that is told, in bytes.
pub(crate) const TEXT_MAX: usize = 256;

/// What is gathered of one column of one file.
#[derive(Debug)]
pub(super) struct Statistics {
    pub nulls: u64,
    range: Range,
}

#[derive(Debug)]
enum Range {
    /// There is no order, or a value that has no place in it.
    None,
    Whole(Option<(i64, i64)>),
    Float(Option<(f64, f64)>),
    /// Each cut off after one byte more than is told, which leaves every comparison as it is.
    Text(Option<(Vec<u8>, Vec<u8>)>),
}

/// A text with its first bytes as a number, which most often tell which of two comes first.
#[derive(Clone, Copy)]
struct Ranked<'a> {
    first: u64,
    text: &'a [u8],
}

impl<'a> Ranked<'a> {
    /// The text from `begin` to `end`.
    #[inline(always)]
    fn new(data: &'a [u8], begin: usize, end: usize) -> Self {
        let text = &data[begin..end];
        let first = match data[begin..].first_chunk::<8>() {
            Some(bytes) if text.len() >= 8 => u64::from_be_bytes(*bytes),
            // What follows the text is taken off.
            Some(bytes) if !text.is_empty() => u64::from_be_bytes(*bytes) & !(u64::MAX >> (8 * text.len())),
            _ => {
                text.iter().enumerate().fold(0, |first, (at, byte)| first | u64::from(*byte) << (56 - 8 * at))
            }
        };
        Ranked { first, text }
    }

    #[inline(always)]
    fn is_below(&self, other: &Ranked<'_>) -> bool {
        if self.first != other.first {
            return self.first < other.first;
        }
        match self.text.len().max(other.text.len()) {
            // They differ in zeros at their end at most.
            0..=8 => self.text.len() < other.text.len(),
            _ => self.text < other.text,
        }
    }
}

impl Statistics {
    pub fn new(column_type: ColumnType) -> Self {
        let range = match column_type {
            ColumnType::Int32 | ColumnType::Int64 | ColumnType::Timestamp => Range::Whole(None),
            ColumnType::Float32 | ColumnType::Float64 => Range::Float(None),
            ColumnType::String => Range::Text(None),
            ColumnType::Bool | ColumnType::Bytes(_) => Range::None,
        };
        debug_assert_eq!(matches!(range, Range::None), !column_type.has_order());
        Statistics { nulls: 0, range }
    }

    /// Takes the least and greatest of some whole numbers.
    pub fn take_whole<T: Copy + Ord + Into<i64>>(&mut self, values: &[T]) {
        let Some((first, rest)) = values.split_first() else { return };
        let (low, high) = rest
            .iter()
            .fold((*first, *first), |(least, greatest), value| (least.min(*value), greatest.max(*value)));
        let (low, high) = (low.into(), high.into());
        if let Range::Whole(range) = &mut self.range {
            *range =
                Some(range.map_or((low, high), |(least, greatest)| (low.min(least), high.max(greatest))));
        }
    }

    /// Takes the least and greatest of some floats. One that is no number has no place in the order: there is
    /// then neither.
    pub fn take_floats<T: Copy + Into<f64>>(&mut self, values: &[T]) {
        let Range::Float(range) = &mut self.range else { return };
        for value in values {
            let value = (*value).into();
            if value.is_nan() {
                self.range = Range::None;
                return;
            }
            *range = Some(
                range.map_or((value, value), |(least, greatest)| (value.min(least), value.max(greatest))),
            );
        }
    }

    /// Takes the least and greatest of some texts, in the order of their bytes: those of `rows`, each of
    /// which ends in `data` where `ends` says and begins where the one before ends.
    pub fn take_texts(&mut self, data: &[u8], ends: &[i32], rows: std::ops::Range<usize>) {
        let Range::Text(range) = &mut self.range else { return };
        let mut begin = if rows.start == 0 { 0 } else { ends[rows.start - 1] as usize };
        let mut found: Option<(Ranked<'_>, Ranked<'_>)> = None;
        for end in &ends[rows] {
            let value = Ranked::new(data, begin, *end as usize);
            begin = *end as usize;
            match &mut found {
                None => found = Some((value, value)),
                Some((least, greatest)) => {
                    if value.is_below(least) {
                        *least = value;
                    } else if greatest.is_below(&value) {
                        *greatest = value;
                    }
                }
            }
        }
        let Some((low, high)) = found.map(|(low, high)| (low.text, high.text)) else { return };
        let cut = |text: &[u8]| text[..text.len().min(TEXT_MAX + 1)].to_vec();
        match range {
            None => *range = Some((cut(low), cut(high))),
            Some((least, greatest)) => {
                if low < &**least {
                    *least = cut(low);
                }
                if high > &**greatest {
                    *greatest = cut(high);
                }
            }
        }
    }

    /// As the manifest tells it.
    pub fn finish(&self, field: &Field) -> ColumnStats {
        let told = match &self.range {
            Range::Whole(Some((least, greatest))) if field.column_type == ColumnType::Timestamp => {
                Some([*least, *greatest].map(|moment| {
                    let mut text = Vec::from(*b"\"");
                    timestamp::push(moment, &mut text);
                    text.push(b'"');
                    String::from_utf8(text).unwrap_or_default()
                }))
            }
            Range::Whole(Some((least, greatest))) => Some([least, greatest].map(i64::to_string)),
            Range::Float(Some((least, greatest))) if least.is_finite() && greatest.is_finite() => {
                let single = field.column_type == ColumnType::Float32;
                Some([*least, *greatest].map(|value| float_json(value, single)))
            }
            Range::Text(Some((least, greatest))) if least.len().max(greatest.len()) <= TEXT_MAX => {
                let texts = [least, greatest].map(|text| std::str::from_utf8(text).ok());
                match texts {
                    [Some(least), Some(greatest)] => Some([least, greatest].map(|text| {
                        let mut json = String::new();
                        push_string(&mut json, text);
                        json
                    })),
                    _ => None,
                }
            }
            _ => None,
        };
        let [min, max] = told.map_or([None, None], |both| both.map(Some));
        ColumnStats { name: field.name.clone(), min, max, null_count: self.nulls, distinct_count: 0 }
    }
}

/// A finite float as JSON: the shortest digits that read back as the same.
fn float_json(value: f64, single: bool) -> String {
    let json = if single { serde_json::to_string(&(value as f32)) } else { serde_json::to_string(&value) };
    json.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(column_type: ColumnType, fill: impl FnOnce(&mut Statistics)) -> (Option<String>, Option<String>) {
        let mut statistics = Statistics::new(column_type);
        fill(&mut statistics);
        let field = Field { name: "a".into(), column_type, nullable: true };
        let stats = statistics.finish(&field);
        (stats.min, stats.max)
    }

    fn take_texts(statistics: &mut Statistics, texts: &[&str]) {
        let data = texts.concat();
        let mut end = 0;
        let ends: Vec<i32> = texts
            .iter()
            .map(|text| {
                end += text.len() as i32;
                end
            })
            .collect();
        statistics.take_texts(data.as_bytes(), &ends, 0..texts.len());
    }

    #[test]
    fn texts_are_ordered_by_their_bytes_however_long_they_are() {
        let texts = [
            "",
            "\0",
            "\0\0",
            "a",
            "a\0",
            "a\0\0\0\0\0\0\0",
            "a\0\0\0\0\0\0\0\0",
            "ab",
            "abcdefg",
            "abcdefgh",
            "abcdefgh\0",
            "abcdefghi",
            "abcdefgi",
            "b",
            "é",
        ];
        assert!(texts.is_sorted());
        for from in 0..texts.len() {
            for to in from..texts.len() {
                let told = |order: &[&str]| {
                    let mut statistics = Statistics::new(ColumnType::String);
                    take_texts(&mut statistics, order);
                    let Range::Text(range) = statistics.range else { unreachable!() };
                    range.unwrap()
                };
                let expected = (texts[from].as_bytes().to_vec(), texts[to].as_bytes().to_vec());
                let mut chosen = texts[from..=to].to_vec();
                assert_eq!(told(&chosen), expected);
                chosen.reverse();
                assert_eq!(told(&chosen), expected);
            }
        }
    }

    fn both(min: &str, max: &str) -> (Option<String>, Option<String>) {
        (Some(min.into()), Some(max.into()))
    }

    #[test]
    fn each_type_tells_its_values_as_json() {
        assert_eq!(
            told(ColumnType::Int64, |s| s.take_whole(&[3, i64::MIN, 7])),
            both("-9223372036854775808", "7")
        );
        let times = told(ColumnType::Timestamp, |s| s.take_whole(&[1_i64, 0]));
        assert_eq!(times, both("\"1970-01-01T00:00:00Z\"", "\"1970-01-01T00:00:00.000000001Z\""));
        assert_eq!(told(ColumnType::Float64, |s| s.take_floats(&[0.1, -2.5])), both("-2.5", "0.1"));
        assert_eq!(told(ColumnType::Float32, |s| s.take_floats(&[0.1_f32])), both("0.1", "0.1"));
        assert_eq!(
            told(ColumnType::String, |s| take_texts(s, &["b", "é", "<"])),
            both("\"\\u003c\"", "\"é\"")
        );
        assert_eq!(told(ColumnType::Bool, |s| s.nulls = 3), (None, None));
        assert_eq!(told(ColumnType::Int64, |_| {}), (None, None), "there is no value");
    }

    #[test]
    fn values_without_a_place_in_the_order_leave_none() {
        assert_eq!(told(ColumnType::Float64, |s| s.take_floats(&[1.0, f64::NAN])), (None, None));
        assert_eq!(told(ColumnType::Float64, |s| s.take_floats(&[1.0, f64::INFINITY])), (None, None));
    }

    #[test]
    fn a_text_over_256_bytes_is_not_told_whenever_it_comes() {
        let (fits, long) = ("z".repeat(256), "z".repeat(257));
        let texts = |texts: &[&str]| {
            told(ColumnType::String, |s| {
                for text in texts {
                    take_texts(s, &[text]);
                }
            })
        };
        assert_eq!(texts(&["a", &fits]), both("\"a\"", &format!("\"{fits}\"")));
        assert_eq!(texts(&["a", &long]), (None, None));
        assert_eq!(texts(&[&long, "a"]), (None, None));
        let between = "b".repeat(10_000);
        assert_eq!(texts(&["a", &between, "c"]), both("\"a\"", "\"c\""));
        assert_eq!(texts(&[&between, "a", "c"]), both("\"a\"", "\"c\""));
    }
}

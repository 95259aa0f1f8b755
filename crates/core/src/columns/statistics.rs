//! The least and greatest value of a column, and how many are null, as the manifest tells them
//! (`docs/format.md`, section "File statistics").

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrowPrimitiveType};
use arrow_buffer::NullBuffer;

use crate::manifest::ColumnStats;
use crate::manifest::json::push_string;

use super::schema::{ColumnType, Field};
use super::timestamp;

/// The longest least or greatest text that is told, in bytes.
pub(crate) const TEXT_MAX: usize = 256;

/// What is gathered of one column, of a row group or of a file.
#[derive(Clone, Debug)]
pub(crate) struct Statistics {
    /// How many values are null.
    pub nulls: u64,
    range: Range,
}

#[derive(Clone, Debug)]
enum Range {
    /// There is no order, or a value that has no place in it.
    None,
    Whole(Option<(i64, i64)>),
    Float(Option<(f64, f64)>),
    Text(TextRange),
}

/// The least and the greatest of some texts, in the order of their bytes. Each is cut off after one byte more
/// than is told, which leaves every comparison as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct TextRange(Option<(Vec<u8>, Vec<u8>)>);

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

impl TextRange {
    /// The least and the greatest, if there was a text.
    pub fn bounds(&self) -> Option<(&[u8], &[u8])> {
        self.0.as_ref().map(|(least, greatest)| (&**least, &**greatest))
    }

    /// Takes the texts of these rows, each of which begins and ends in `data` where `offsets` says.
    fn take(&mut self, data: &[u8], offsets: &[i32], rows: std::ops::Range<usize>) {
        let Some(ends) = offsets.get(rows.start..=rows.end) else { return };
        let Some((begin, ends)) = ends.split_first() else { return };
        let mut begin = *begin as usize;
        let mut found: Option<(Ranked<'_>, Ranked<'_>)> = None;
        for end in ends {
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
        if let Some((low, high)) = found {
            self.widen(low.text, high.text);
        }
    }

    fn widen(&mut self, low: &[u8], high: &[u8]) {
        let cut = |text: &[u8]| text[..text.len().min(TEXT_MAX + 1)].to_vec();
        match &mut self.0 {
            None => self.0 = Some((cut(low), cut(high))),
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
}

impl Statistics {
    pub fn new(column_type: ColumnType) -> Self {
        let range = match column_type {
            ColumnType::Int32 | ColumnType::Int64 | ColumnType::Timestamp => Range::Whole(None),
            ColumnType::Float32 | ColumnType::Float64 => Range::Float(None),
            ColumnType::String | ColumnType::Bytes(_) => Range::Text(TextRange::default()),
            ColumnType::Bool | ColumnType::Arrow => Range::None,
        };
        Statistics { nulls: 0, range }
    }

    /// Takes the values of an array of the column's own type, but for whole numbers: the encoder of a column
    /// chunk finds their least and greatest, which [`Statistics::take_whole`] takes.
    pub fn take(&mut self, array: &dyn Array) {
        let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
        // Arrays of the type of nothing but nulls tell of none.
        self.nulls += array.logical_null_count() as u64;
        match &mut self.range {
            Range::None | Range::Whole(_) => {}
            Range::Float(_) => {
                if let Some(array) = array.as_primitive_opt::<Float64Type>() {
                    runs(nulls, array.len())
                        .for_each(|run| self.take_floats::<Float64Type>(&array.values()[run]));
                } else if let Some(array) = array.as_primitive_opt::<Float32Type>() {
                    runs(nulls, array.len())
                        .for_each(|run| self.take_floats::<Float32Type>(&array.values()[run]));
                }
            }
            Range::Text(range) => {
                let (offsets, data) = match (array.as_string_opt::<i32>(), array.as_binary_opt::<i32>()) {
                    (Some(array), _) => (array.value_offsets(), array.value_data()),
                    (_, Some(array)) => (array.value_offsets(), array.value_data()),
                    _ => return,
                };
                runs(nulls, array.len()).for_each(|run| range.take(data, offsets, run));
            }
        }
    }

    /// Takes the least and greatest of some whole numbers.
    pub fn take_whole(&mut self, low: i64, high: i64) {
        if let Range::Whole(range) = &mut self.range {
            *range =
                Some(range.map_or((low, high), |(least, greatest)| (low.min(least), high.max(greatest))));
        }
    }

    /// Takes the least and greatest of some floats. One that is no number has no place in the order: there is
    /// then neither.
    fn take_floats<T: ArrowPrimitiveType<Native: Into<f64> + PartialOrd>>(&mut self, values: &[T::Native]) {
        let (Range::Float(range), Some((first, rest))) = (&mut self.range, values.split_first()) else {
            return;
        };
        let (mut low, mut high, mut is_nan) = (*first, *first, (*first).into().is_nan());
        for value in rest {
            is_nan |= (*value).into().is_nan();
            low = if *value < low { *value } else { low };
            high = if *value > high { *value } else { high };
        }
        if is_nan {
            self.range = Range::None;
            return;
        }
        let (low, high) = (low.into(), high.into());
        *range = Some(range.map_or((low, high), |(least, greatest)| (low.min(least), high.max(greatest))));
    }

    /// Takes what was gathered of further values of the same column.
    pub fn merge(&mut self, more: &Statistics) {
        self.nulls += more.nulls;
        match (&mut self.range, &more.range) {
            (Range::Whole(_), Range::Whole(Some((low, high)))) => self.take_whole(*low, *high),
            (Range::Float(range), Range::Float(Some((low, high)))) => {
                *range = Some(
                    range.map_or((*low, *high), |(least, greatest)| (low.min(least), high.max(greatest))),
                );
            }
            (Range::Text(range), Range::Text(more)) => {
                if let Some((low, high)) = more.bounds() {
                    range.widen(low, high);
                }
            }
            (range, Range::None) => *range = Range::None,
            _ => {}
        }
    }

    /// The least and greatest text, if it is a column of texts.
    pub fn texts(&self) -> Option<&TextRange> {
        if let Range::Text(range) = &self.range { Some(range) } else { None }
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
            Range::Text(TextRange(Some((least, greatest))))
                if field.column_type == ColumnType::String && least.len().max(greatest.len()) <= TEXT_MAX =>
            {
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

/// The runs of rows that are not null.
fn runs(nulls: Option<&NullBuffer>, rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let all = nulls.is_none().then_some(0..rows);
    let some = nulls.into_iter().flat_map(NullBuffer::valid_slices).map(|(start, end)| start..end);
    all.into_iter().chain(some)
}

/// A finite float as JSON: the shortest digits that read back as the same.
fn float_json(value: f64, single: bool) -> String {
    let json = if single { serde_json::to_string(&(value as f32)) } else { serde_json::to_string(&value) };
    json.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arrow_array::{Float32Array, Float64Array, StringArray};

    use super::*;

    fn told(column_type: ColumnType, fill: impl FnOnce(&mut Statistics)) -> (Option<String>, Option<String>) {
        let mut statistics = Statistics::new(column_type);
        fill(&mut statistics);
        let field = Field::new("a", column_type, true);
        let stats = statistics.finish(&field);
        (stats.min, stats.max)
    }

    fn take_texts(statistics: &mut Statistics, texts: &[&str]) {
        statistics.take(&StringArray::from(texts.to_vec()));
    }

    fn take_floats(statistics: &mut Statistics, values: &[f64]) {
        statistics.take(&Float64Array::from(values.to_vec()));
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
                    let (least, greatest) = statistics.texts().and_then(TextRange::bounds).unwrap();
                    (least.to_vec(), greatest.to_vec())
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
        assert_eq!(told(ColumnType::Int64, |s| s.take_whole(i64::MIN, 7)), both("-9223372036854775808", "7"));
        let times = told(ColumnType::Timestamp, |s| s.take_whole(0, 1));
        assert_eq!(times, both("\"1970-01-01T00:00:00Z\"", "\"1970-01-01T00:00:00.000000001Z\""));
        assert_eq!(told(ColumnType::Float64, |s| take_floats(s, &[0.1, -2.5])), both("-2.5", "0.1"));
        assert_eq!(told(ColumnType::Float32, |s| s.take(&Float32Array::from(vec![0.1]))), both("0.1", "0.1"));
        assert_eq!(
            told(ColumnType::String, |s| take_texts(s, &["b", "é", "<"])),
            both("\"\\u003c\"", "\"é\"")
        );
        assert_eq!(told(ColumnType::Bool, |s| s.nulls = 3), (None, None));
        assert_eq!(told(ColumnType::Int64, |_| {}), (None, None), "there is no value");
    }

    #[test]
    fn what_parts_tell_together_is_what_the_whole_tells() {
        let of_floats = |parts: &[&[f64]]| {
            told(ColumnType::Float64, |whole| {
                for part in parts {
                    let mut of_part = Statistics::new(ColumnType::Float64);
                    take_floats(&mut of_part, part);
                    whole.merge(&of_part);
                }
            })
        };
        assert_eq!(of_floats(&[&[2.0, 1.0], &[], &[3.0]]), both("1.0", "3.0"));
        assert_eq!(of_floats(&[&[2.0], &[f64::NAN], &[3.0]]), (None, None));
        let texts = told(ColumnType::String, |whole| {
            for part in ["b", "a", "c"] {
                let mut of_part = Statistics::new(ColumnType::String);
                of_part.take(&StringArray::from(vec![Some(part), None]));
                whole.merge(&of_part);
            }
            assert_eq!(whole.nulls, 3);
        });
        assert_eq!(texts, both("\"a\"", "\"c\""));
    }

    #[test]
    fn what_is_null_is_not_told_whatever_stands_there() {
        let nulls = Some(NullBuffer::from(vec![true, false, true]));
        let values = Float64Array::try_new(vec![1.0, f64::NAN, 2.0].into(), nulls.clone()).unwrap();
        assert_eq!(told(ColumnType::Float64, |s| s.take(&values)), both("1.0", "2.0"));
        let (offsets, data, _) = StringArray::from(vec!["b", "zz", "c"]).into_parts();
        let texts = StringArray::try_new(offsets, data, nulls).unwrap();
        assert_eq!(told(ColumnType::String, |s| s.take(&texts)), both("\"b\"", "\"c\""));
    }

    #[test]
    fn values_without_a_place_in_the_order_leave_none() {
        assert_eq!(told(ColumnType::Float64, |s| take_floats(s, &[1.0, f64::NAN])), (None, None));
        assert_eq!(told(ColumnType::Float64, |s| take_floats(s, &[1.0, f64::INFINITY])), (None, None));
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

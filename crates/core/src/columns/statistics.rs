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
    pub fn take_whole(&mut self, values: impl Iterator<Item = i64>) {
        let found = values.fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((least, greatest)) => Some((value.min(least), value.max(greatest))),
        });
        if let (Range::Whole(range), Some((low, high))) = (&mut self.range, found) {
            *range =
                Some(range.map_or((low, high), |(least, greatest)| (low.min(least), high.max(greatest))));
        }
    }

    /// Takes the least and greatest of some floats. One that is no number has no place in the order: there is
    /// then neither.
    pub fn take_floats(&mut self, values: impl Iterator<Item = f64>) {
        let Range::Float(range) = &mut self.range else { return };
        for value in values {
            if value.is_nan() {
                self.range = Range::None;
                return;
            }
            *range = Some(
                range.map_or((value, value), |(least, greatest)| (value.min(least), value.max(greatest))),
            );
        }
    }

    /// Takes the least and greatest of some texts, in the order of their bytes.
    pub fn take_texts<'a>(&mut self, values: impl Iterator<Item = &'a [u8]>) {
        let Range::Text(range) = &mut self.range else { return };
        let found = values.fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((least, greatest)) => Some((value.min(least), value.max(greatest))),
        });
        let Some((low, high)) = found else { return };
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

    fn both(min: &str, max: &str) -> (Option<String>, Option<String>) {
        (Some(min.into()), Some(max.into()))
    }

    #[test]
    fn each_type_tells_its_values_as_json() {
        assert_eq!(
            told(ColumnType::Int64, |s| s.take_whole([3, i64::MIN, 7].into_iter())),
            both("-9223372036854775808", "7")
        );
        let times = told(ColumnType::Timestamp, |s| s.take_whole([1, 0].into_iter()));
        assert_eq!(times, both("\"1970-01-01T00:00:00Z\"", "\"1970-01-01T00:00:00.000000001Z\""));
        assert_eq!(
            told(ColumnType::Float64, |s| s.take_floats([0.1, -2.5].into_iter())),
            both("-2.5", "0.1")
        );
        assert_eq!(
            told(ColumnType::Float32, |s| s.take_floats([f64::from(0.1_f32)].into_iter())),
            both("0.1", "0.1")
        );
        let texts: [&[u8]; 3] = [b"b", "é".as_bytes(), b"<"];
        assert_eq!(
            told(ColumnType::String, |s| s.take_texts(texts.into_iter())),
            both("\"\\u003c\"", "\"é\"")
        );
        assert_eq!(told(ColumnType::Bool, |s| s.nulls = 3), (None, None));
        assert_eq!(told(ColumnType::Int64, |_| {}), (None, None), "there is no value");
    }

    #[test]
    fn values_without_a_place_in_the_order_leave_none() {
        assert_eq!(told(ColumnType::Float64, |s| s.take_floats([1.0, f64::NAN].into_iter())), (None, None));
        assert_eq!(
            told(ColumnType::Float64, |s| s.take_floats([1.0, f64::INFINITY].into_iter())),
            (None, None)
        );
    }

    #[test]
    fn a_text_over_256_bytes_is_not_told_whenever_it_comes() {
        let (fits, long) = ("z".repeat(256), "z".repeat(257));
        let texts = |texts: &[&str]| {
            told(ColumnType::String, |s| {
                for text in texts {
                    s.take_texts([text.as_bytes()].into_iter());
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

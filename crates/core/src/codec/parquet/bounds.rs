//! The least and greatest text of a column chunk, as its footer tells them: bounds of at most 64 bytes.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

use crate::columns::TextRange;

/// A least or greatest text is told to so many bytes; what is cut off there is a bound, and the footer says
/// so.
const BOUND_BYTES: usize = 64;

/// What the footer tells of a column chunk of texts.
pub(super) fn text_statistics(texts: &TextRange, nulls: u64, is_utf8: bool) -> Statistics {
    let bounds = texts.bounds().and_then(|(least, greatest)| {
        let greatest_bound = upper(greatest, is_utf8)?;
        let is_exact = (least.len() <= BOUND_BYTES, greatest.len() <= BOUND_BYTES);
        Some((lower(least, is_utf8).to_vec(), greatest_bound, is_exact))
    });
    let Some((least, greatest, is_exact)) = bounds else {
        return ValueStatistics::<ByteArray>::new(None, None, None, Some(nulls), false).into();
    };
    ValueStatistics::<ByteArray>::new(Some(least.into()), Some(greatest.into()), None, Some(nulls), false)
        .with_min_is_exact(is_exact.0)
        .with_max_is_exact(is_exact.1)
        .into()
}

/// The beginning of a text, which is not above it.
fn lower(text: &[u8], is_utf8: bool) -> &[u8] {
    if text.len() <= BOUND_BYTES {
        return text;
    }
    let mut end = BOUND_BYTES;
    // Not within a character.
    while is_utf8 && end > 0 && text[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    &text[..end]
}

/// A text of about that length that no text with the same beginning is above. `None`: there is none.
fn upper(text: &[u8], is_utf8: bool) -> Option<Vec<u8>> {
    if text.len() <= BOUND_BYTES {
        return Some(text.to_vec());
    }
    let beginning = lower(text, is_utf8);
    if is_utf8 {
        let beginning = std::str::from_utf8(beginning).ok()?;
        return beginning.char_indices().rev().find_map(|(at, last)| {
            let next = (last..=char::MAX).nth(1)?;
            let mut bound = beginning[..at].to_owned();
            bound.push(next);
            Some(bound.into_bytes())
        });
    }
    let last = beginning.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut bound = beginning[..=last].to_vec();
    bound[last] += 1;
    Some(bound)
}

#[cfg(test)]
mod tests {
    use arrow_array::{BinaryArray, StringArray};

    use super::*;
    use crate::columns::{BytesText, ColumnType, Statistics as Gathered};

    fn of_texts(texts: &[&str]) -> Statistics {
        let mut gathered = Gathered::new(ColumnType::String);
        gathered.take(&StringArray::from(texts.to_vec()));
        text_statistics(gathered.texts().unwrap(), 7, true)
    }

    fn bounds(of: &Statistics) -> (Option<&[u8]>, Option<&[u8]>, bool, bool) {
        (of.min_bytes_opt(), of.max_bytes_opt(), of.min_is_exact(), of.max_is_exact())
    }

    #[test]
    fn short_texts_are_told_exactly() {
        let told = of_texts(&["b", "a", "é"]);
        assert_eq!(bounds(&told), (Some(&b"a"[..]), Some("é".as_bytes()), true, true));
        assert_eq!(told.null_count_opt(), Some(7));
        assert!(!told.is_min_max_deprecated());
        assert_eq!(bounds(&of_texts(&[])), (None, None, false, false));
    }

    #[test]
    fn long_texts_are_told_by_bounds_of_whole_characters() {
        // The 64th byte is within a character.
        let long = format!("{}{}", "x".repeat(63), "é".repeat(10_000));
        let told = of_texts(&[&long]);
        let greatest = format!("{}y", "x".repeat(62));
        assert_eq!(bounds(&told), (Some("x".repeat(63).as_bytes()), Some(greatest.as_bytes()), false, false));
        // The character before the surrogates is followed by the one behind them.
        let told = of_texts(&[&format!("{}{}", "x".repeat(61), "\u{d7ff}".repeat(9))]);
        assert_eq!(told.max_bytes_opt(), Some(format!("{}\u{e000}", "x".repeat(61)).as_bytes()));
        // What ends in the last character is bounded by what stands before it; the last character alone by
        // nothing.
        let told = of_texts(&[&format!("a{}", "\u{10ffff}".repeat(99))]);
        assert_eq!(told.max_bytes_opt(), Some(&b"b"[..]));
        assert_eq!(bounds(&of_texts(&[&"\u{10ffff}".repeat(99)])), (None, None, false, false));
    }

    #[test]
    fn bytes_are_bounded_by_bytes() {
        let of_bytes = |bytes: &[u8]| {
            let mut gathered = Gathered::new(ColumnType::Bytes(BytesText::Text));
            gathered.take(&BinaryArray::from(vec![bytes]));
            text_statistics(gathered.texts().unwrap(), 0, false)
        };
        let told = of_bytes(&[&[0xc3; 10][..], &[0xff; 990]].concat());
        let greatest = [&[0xc3; 9][..], &[0xc4]].concat();
        let least = [&[0xc3; 10][..], &[0xff; 54]].concat();
        assert_eq!(bounds(&told), (Some(&least[..]), Some(&greatest[..]), false, false));
        assert_eq!(bounds(&of_bytes(&[0xff; 99])), (None, None, false, false));
    }
}

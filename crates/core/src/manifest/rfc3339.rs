//! Times in a manifest: nanoseconds since the Unix epoch, as RFC 3339 text the way the Go library prints and
//! reads it (`docs/format.md`, section "Manifest encoding").
//!
//! The crate `time` prints as Go does. It reads more than Go does: any character between date and time, `z`,
//! a leap second. Other readers refuse these, and so does this one.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TimeError {
    /// It is not written like a time.
    #[error("it is not of the form 2006-01-02T15:04:05Z")]
    Form,
    /// There is a 61st second.
    #[error("it has a leap second, which Unix time has not")]
    LeapSecond,
    /// It is written like a time, but is none.
    #[error("{0}")]
    Value(#[source] time::error::Parse),
    /// It cannot be printed with four digits for the year.
    #[error("it is outside of the years 0 to 9999")]
    Year,
}

/// The time in UTC, with up to nine fractional digits, trailing zeros dropped.
///
/// # Errors
/// None, for any number of 64 bits.
pub(crate) fn format(unix_nanos: i64) -> Result<String, TimeError> {
    let time = OffsetDateTime::from_unix_timestamp_nanos(unix_nanos.into()).map_err(|_| TimeError::Year)?;
    time.format(&Rfc3339).map_err(|_| TimeError::Year)
}

/// The time in nanoseconds since the Unix epoch, of years 0 to 9999 and any offset. Fractional digits after
/// the ninth are dropped.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse(text: &str) -> Result<i128, TimeError> {
    let bytes = text.as_bytes();
    if bytes.get(10) != Some(&b'T') || text.ends_with('z') {
        return Err(TimeError::Form);
    }
    if bytes.get(17..19) == Some(b"60") {
        return Err(TimeError::LeapSecond);
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(TimeError::Value)?;
    Ok(time.unix_timestamp_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_as_go_prints_them_and_read_back() {
        for (unix_nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (1_000_000_000, "1970-01-01T00:00:01Z"),
            (1_700_000_000_120_000_000, "2023-11-14T22:13:20.12Z"),
            (1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00Z"),
            (4_107_542_400_000_000_000, "2100-03-01T00:00:00Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(format(unix_nanos).as_deref(), Ok(text));
            assert_eq!(parse(text), Ok(i128::from(unix_nanos)), "{text}");
        }
    }

    #[test]
    fn offsets_long_fractions_and_far_years_are_read() {
        const SECOND: i128 = 1_000_000_000;
        for (text, expected) in [
            ("1970-01-01T01:00:00+01:00", 0),
            ("1969-12-31T18:30:00-05:30", 0),
            ("1970-01-01T00:00:00+00:00", 0),
            ("1970-01-01T00:00:00-00:00", 0),
            ("1970-01-01T23:59:00+23:59", 0),
            ("1969-12-31T00:01:00-23:59", 0),
            ("1970-01-01T00:00:00.5Z", SECOND / 2),
            ("1970-01-01T00:00:00.1234567899999Z", 123_456_789),
            ("1970-01-01T00:00:00.000000000Z", 0),
            ("0000-01-01T00:00:00Z", -62_167_219_200 * SECOND),
            ("0000-01-01T00:00:00+23:59", (-62_167_219_200 - 86_340) * SECOND),
            ("0001-01-01T00:00:00Z", -62_135_596_800 * SECOND),
            ("9999-12-31T23:59:59Z", 253_402_300_799 * SECOND),
            ("9999-12-31T23:59:59-23:59", (253_402_300_799 + 86_340) * SECOND),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for (text, fault) in [
            ("", "not of the form"),
            ("2024", "not of the form"),
            ("2024-01-01", "not of the form"),
            ("2024-01-01 00:00:00Z", "not of the form"),
            ("2024-01-01t00:00:00Z", "not of the form"),
            ("2024-01-01T00:00:00z", "not of the form"),
            ("2024-01-01T0:00:00.0Z", "hour"),
            ("+024-01-01T00:00:00Z", "year"),
            ("2024-01-01T00:00:0éZ", "second"),
            ("2024-01-01T00:00:00", "offset"),
            ("2024-01-01T00:00:00ZZ", "trailing"),
            ("2024-01-01T00:00:00+0100", "character literal"),
            ("2024-01-01T00:00:00,5Z", "offset"),
            ("2024-01-01T00:00:00.Z", "subsecond"),
            ("2024-01-01T00:00:00+24:00", "offset hour"),
            ("2024-01-01T00:00:00+00:60", "offset minute"),
            ("2024-00-01T00:00:00Z", "month"),
            ("2024-13-01T00:00:00Z", "month"),
            ("2024-01-00T00:00:00Z", "day"),
            ("2023-02-29T00:00:00Z", "day"),
            ("2100-02-29T00:00:00Z", "day"),
            ("2024-04-31T00:00:00Z", "day"),
            ("2024-01-01T24:00:00Z", "hour"),
            ("2024-01-01T00:60:00Z", "minute"),
            ("2024-01-01T00:00:61Z", "second"),
            ("2024-01-01T00:00:60Z", "leap second"),
            ("2016-12-31T23:59:60Z", "leap second"),
        ] {
            let found = parse(text).unwrap_err().to_string();
            assert!(found.contains(fault), "{text:?}: {found}");
        }
    }
}

//! Times in a manifest: nanoseconds since the Unix epoch, as RFC 3339 text the way the Go library prints and
//! reads it (`docs/format.md`, section "Manifest encoding").

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Days in 400 years of the Gregorian calendar, after which it repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Days from 1 March of year 0 to 1 January 1970.
const EPOCH_FROM_MARCH_0: i64 = 719_468;

/// Appends the time in UTC, with up to nine fractional digits, trailing zeros dropped.
pub(crate) fn push_rfc3339(out: &mut String, unix_nanos: i64) {
    use std::fmt::Write as _;

    let seconds = unix_nanos.div_euclid(NANOS_PER_SECOND);
    let nanos = unix_nanos.rem_euclid(NANOS_PER_SECOND);
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let written = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    debug_assert!(written.is_ok(), "writing into a String cannot fail");
    if nanos != 0 {
        let digits = format!("{nanos:09}");
        out.push('.');
        out.push_str(digits.trim_end_matches('0'));
    }
    out.push('Z');
}

/// The time in nanoseconds since the Unix epoch, of years 0 to 9999 and any offset. Fractional digits after the
/// ninth are dropped. What the Go library refuses is refused: `t` and `z`, a comma, a 61st second.
///
/// # Errors
/// What is wrong with the text.
pub(crate) fn parse_rfc3339(text: &str) -> Result<i128, &'static str> {
    const SHAPE: &str = "it is not of the form 2006-01-02T15:04:05Z";

    let bytes = text.as_bytes();
    let (fixed, mut rest) = bytes.split_at_checked(19).ok_or(SHAPE)?;
    for (at, mark) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if fixed[at] != mark {
            return Err(SHAPE);
        }
    }
    let field = |from, to| digits(&fixed[from..to]).ok_or(SHAPE);
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let (hour, minute, second) = (field(11, 13)?, field(14, 16)?, field(17, 19)?);

    let mut nanos = 0;
    if let [b'.', fraction @ ..] = rest {
        let length = fraction.iter().take_while(|b| b.is_ascii_digit()).count();
        if length == 0 {
            return Err("its fraction has no digits");
        }
        let kept = digits(&fraction[..length.min(9)]).ok_or(SHAPE)?;
        nanos = kept * 10_i64.pow(9 - length.min(9) as u32);
        rest = &fraction[length..];
    }
    let offset = match rest {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = digits(&[*h1, *h2]).ok_or(SHAPE)?;
            let minutes = digits(&[*m1, *m2]).ok_or(SHAPE)?;
            if hours > 23 || minutes > 59 {
                return Err("its offset is out of range");
            }
            (hours * 3600 + minutes * 60) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return Err("it does not end in 'Z' or an offset such as +01:00"),
    };

    if !(1..=12).contains(&month) {
        return Err("its month is out of range");
    }
    if day < 1 || day > days_in_month(year, month) {
        return Err("its day is out of range");
    }
    if hour > 23 || minute > 59 || second > 59 {
        return Err("its time of day is out of range");
    }
    let seconds =
        days_from_civil(year, month, day) * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset;
    Ok(i128::from(seconds) * i128::from(NANOS_PER_SECOND) + i128::from(nanos))
}

/// The number that these ASCII digits (at most nine) write.
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, b| b.is_ascii_digit().then(|| value * 10 + i64::from(b - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

// Both conversions count years from March, so that the leap day is a year's last and months have a regular
// rhythm of 153 days in five.

/// Days since 1 January 1970 of a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * DAYS_PER_ERA + year * 365 + year / 4 - year / 100 + day_of_year - EPOCH_FROM_MARCH_0
}

/// The date (year, month, day) of a number of days since 1 January 1970.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_FROM_MARCH_0;
    let era = days.div_euclid(DAYS_PER_ERA);
    let day = days.rem_euclid(DAYS_PER_ERA);
    // Takes out the leap days: one each 1,460 days, none each 36,524, and the era's last.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year + era * 400;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(unix_nanos: i64) -> String {
        let mut out = String::new();
        push_rfc3339(&mut out, unix_nanos);
        out
    }

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
            assert_eq!(format(unix_nanos), text);
            assert_eq!(parse_rfc3339(text), Ok(i128::from(unix_nanos)), "{text}");
        }
    }

    #[test]
    fn every_day_that_fits_is_the_day_after_the_one_before() {
        let (mut year, mut month, mut day) = (1677, 9, 22);
        for days in -106_751..=106_751 {
            assert_eq!(civil_from_days(days), (year, month, day));
            assert_eq!(days_from_civil(year, month, day), days);
            day += 1;
            if day > days_in_month(year, month) {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!((year, month, day), (2262, 4, 12));
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
            ("1970-01-01T00:00:00.5Z", SECOND / 2),
            ("1970-01-01T00:00:00.1234567899999Z", 123_456_789),
            ("1970-01-01T00:00:00.000000000Z", 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800 * SECOND),
            ("9999-12-31T23:59:59Z", 253_402_300_799 * SECOND),
        ] {
            assert_eq!(parse_rfc3339(text), Ok(expected), "{text}");
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
            ("2024-01-01T0:00:00.0Z", "not of the form"),
            ("+024-01-01T00:00:00Z", "not of the form"),
            ("2024-01-01T00:00:0éZ", "not of the form"),
            ("2024-01-01T00:00:00", "does not end in 'Z'"),
            ("2024-01-01T00:00:00z", "does not end in 'Z'"),
            ("2024-01-01T00:00:00ZZ", "does not end in 'Z'"),
            ("2024-01-01T00:00:00+0100", "does not end in 'Z'"),
            ("2024-01-01T00:00:00,5Z", "does not end in 'Z'"),
            ("2024-01-01T00:00:00.Z", "fraction has no digits"),
            ("2024-01-01T00:00:00+24:00", "offset is out of range"),
            ("2024-01-01T00:00:00+00:60", "offset is out of range"),
            ("2024-00-01T00:00:00Z", "month is out of range"),
            ("2024-13-01T00:00:00Z", "month is out of range"),
            ("2024-01-00T00:00:00Z", "day is out of range"),
            ("2023-02-29T00:00:00Z", "day is out of range"),
            ("2100-02-29T00:00:00Z", "day is out of range"),
            ("2024-04-31T00:00:00Z", "day is out of range"),
            ("2024-01-01T24:00:00Z", "time of day is out of range"),
            ("2024-01-01T00:60:00Z", "time of day is out of range"),
            ("2024-01-01T00:00:60Z", "time of day is out of range"),
        ] {
            let found = parse_rfc3339(text).unwrap_err();
            assert!(found.contains(fault), "{text:?}: {found}");
        }
    }
}

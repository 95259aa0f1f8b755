//! RFC 3339 text as nanoseconds since the Unix epoch, and back.

use super::violation::Mismatch;

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

/// The longest text that [`push`] gives, in bytes.
const TEXT_MAX: usize = "2006-01-02T15:04:05.999999999Z".len();

/// The moment that `text` tells, of any offset and with at most nine fractional digits.
///
/// # Errors
/// It is not of that form, or not one that 64 bits hold.
pub(super) fn parse(text: &[u8]) -> Result<i64, Mismatch> {
    parts(text).ok_or(Mismatch::Time)?.ok_or(Mismatch::Range("timestamp"))
}

/// `None`: it is no time. `Some(None)`: it is out of range.
#[inline(always)]
fn parts(text: &[u8]) -> Option<Option<i64>> {
    let (fixed, mut rest) = text.split_first_chunk::<19>()?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| fixed[*at] != *byte) || !matches!(fixed[10], b'T' | b't') {
        return None;
    }
    let year = two(fixed, 0)? * 100 + two(fixed, 2)?;
    let (month, day) = (two(fixed, 5)?, two(fixed, 8)?);
    let (hour, minute, second) = (two(fixed, 11)?, two(fixed, 14)?, two(fixed, 17)?);
    if hour > 23 || minute > 59 || second > 59 || !(1..=12).contains(&month) {
        return None;
    }
    if day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let mut nanos = 0;
    if let Some((b'.', fraction)) = rest.split_first() {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        nanos = fraction[..digits].iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
        nanos *= 10_i64.pow(9 - digits as u32);
        rest = &fraction[digits..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), zone @ ..] => {
            let zone: &[u8; 5] = zone.try_into().ok()?;
            let (hours, minutes) = (two(zone, 0)?, two(zone, 3)?);
            if zone[2] != b':' || hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset;
    let all = i128::from(seconds) * i128::from(SECOND) + i128::from(nanos);
    Some(i64::try_from(all).ok())
}

/// The number that two digits stand for.
#[inline(always)]
fn two<const N: usize>(bytes: &[u8; N], at: usize) -> Option<i64> {
    let (tens, units) = (bytes[at].wrapping_sub(b'0'), bytes[at + 1].wrapping_sub(b'0'));
    (tens < 10 && units < 10).then(|| i64::from(tens) * 10 + i64::from(units))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar: years begin in March, so that the day that some
/// of them have more is their last.
#[inline(always)]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day since 1970-01-01: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Appends the moment as RFC 3339 in UTC, with up to nine fractional digits, trailing zeros dropped.
pub(crate) fn push(unix_nanos: i64, out: &mut Vec<u8>) {
    let (seconds, nanos) = (unix_nanos.div_euclid(SECOND), unix_nanos.rem_euclid(SECOND));
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    let mut digits = |at: usize, count: usize, mut value: i64| {
        for place in (at..at + count).rev() {
            text[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    };
    digits(0, 4, year);
    digits(5, 2, month);
    digits(8, 2, day);
    digits(11, 2, of_day / 3600);
    digits(14, 2, of_day / 60 % 60);
    digits(17, 2, of_day % 60);
    digits(20, 9, nanos);
    if nanos == 0 {
        out.extend_from_slice(&text[..19]);
    } else {
        let end = (20..TEXT_MAX - 1).rev().find(|at| text[*at] != b'0').map_or(19, |last| last + 1);
        out.extend_from_slice(&text[..end]);
    }
    out.push(b'Z');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::rfc3339;

    #[test]
    fn moments_read_and_print_as_in_a_manifest() {
        let mut moments =
            vec![0, 1, -1, i64::MAX, i64::MIN, 951_782_400_000_000_000, 4_107_542_400_000_000_000];
        let mut random = 1_u64;
        for _ in 0..20_000 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            moments.push(random.cast_signed());
            moments.push(random.cast_signed() / 1_000_000_000 * 1_000_000_000);
        }
        for moment in moments {
            let mut text = Vec::new();
            push(moment, &mut text);
            assert_eq!(String::from_utf8(text.clone()).ok(), rfc3339::format(moment).ok());
            assert_eq!(parse(&text), Ok(moment));
        }
    }

    #[test]
    fn offsets_and_the_ends_of_the_range_are_exact() {
        for (text, expected) in [
            ("1970-01-01T01:00:00+01:00", Ok(0)),
            ("1969-12-31T18:30:00-05:30", Ok(0)),
            ("1970-01-01t00:00:00z", Ok(0)),
            ("2000-02-29T00:00:00.5Z", Ok(951_782_400_500_000_000)),
            ("2262-04-11T23:47:16.854775807Z", Ok(i64::MAX)),
            ("2262-04-12T00:47:16.854775807+01:00", Ok(i64::MAX)),
            ("2262-04-11T23:47:16.854775808Z", Err(Mismatch::Range("timestamp"))),
            ("1677-09-21T00:12:43.145224192Z", Ok(i64::MIN)),
            ("1677-09-21T00:12:43.145224191Z", Err(Mismatch::Range("timestamp"))),
            ("0000-01-01T00:00:00Z", Err(Mismatch::Range("timestamp"))),
            ("9999-12-31T23:59:59Z", Err(Mismatch::Range("timestamp"))),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "1970-01-01",
            "1970-01-01T00:00:00",
            "1970-01-01 00:00:00Z",
            "1970-01-01T00:00:60Z",
            "1970-01-01T24:00:00Z",
            "1970-13-01T00:00:00Z",
            "1970-00-01T00:00:00Z",
            "1970-01-00T00:00:00Z",
            "1970-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "1970-01-01T00:00:00.Z",
            "1970-01-01T00:00:00.1234567890Z",
            "1970-01-01T00:00:00+0100",
            "1970-01-01T00:00:00+24:00",
            "1970-01-01T00:00:00+01:60",
            "1970-01-01T00:00:00Z ",
            "+970-01-01T00:00:00Z",
            "1970-01-01T00:00:00ZZ",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Mismatch::Time), "{text}");
        }
    }
}

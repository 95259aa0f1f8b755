//! JSON numbers as the numbers of columns: nothing is lost, or it is refused.

use super::violation::Mismatch;

/// The most digits that any `i64` has.
const DIGITS_MAX: usize = 19;

/// The whole number that a valid JSON number stands for; `1.0` and `1e3` are whole.
pub(super) fn integer(text: &[u8]) -> Result<i64, Mismatch> {
    let (negative, text) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mantissa_end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, power) = text.split_at(mantissa_end);
    let point = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let fraction_digits = mantissa.len().saturating_sub(point + 1);
    // All digits, without the zeros at either end, times ten to the power of `exponent`.
    let digits = mantissa.iter().copied().filter(|byte| *byte != b'.');
    let count = mantissa.len() - usize::from(point < mantissa.len());
    let leading = digits.clone().take_while(|digit| *digit == b'0').count();
    if leading == count {
        return Ok(0);
    }
    let trailing = digits.clone().rev().take_while(|digit| *digit == b'0').count();
    let exponent = power_of(power).saturating_add(trailing as i64).saturating_sub(fraction_digits as i64);
    if exponent < 0 {
        return Err(Mismatch::Fraction);
    }
    let significant = count - leading - trailing;
    if exponent.saturating_add(significant as i64) > DIGITS_MAX as i64 {
        return Err(Mismatch::Range("int64"));
    }
    let mut value = 0_i128;
    for digit in digits.skip(leading).take(significant) {
        value = value * 10 + i128::from(digit - b'0');
    }
    // At most `DIGITS_MAX` digits in all.
    value *= 10_i128.pow(exponent as u32);
    i64::try_from(if negative { -value } else { value }).map_err(|_| Mismatch::Range("int64"))
}

/// The value of an exponent with its `e`, if there is one; far beyond any length of text where it is longer.
fn power_of(power: &[u8]) -> i64 {
    let negative = power.get(1) == Some(&b'-');
    let digits = power.iter().filter(|byte| byte.is_ascii_digit());
    let value = digits.fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(i64::MAX / 4)
    });
    if negative { -value } else { value }
}

/// The nearest number of 64 bits.
pub(super) fn float64(text: &[u8]) -> Result<f64, Mismatch> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()) {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err(Mismatch::Range("float64")),
        None => Err(Mismatch::Kind("a number")),
    }
}

/// The nearest number of 32 bits.
pub(super) fn float32(text: &[u8]) -> Result<f32, Mismatch> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<f32>().ok()) {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err(Mismatch::Range("float32")),
        None => Err(Mismatch::Kind("a number")),
    }
}

/// The whole number at the beginning of `bytes` if it is one of at most 18 digits without fraction and
/// exponent, and its length; else the general way is taken.
#[inline(always)]
pub(super) fn short_integer(bytes: &[u8]) -> Option<(i64, usize)> {
    let minus = usize::from(*bytes.first()? == b'-');
    let mut value = 0_i64;
    let mut len = minus;
    loop {
        let digit = bytes.get(len)?.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        if len - minus == DIGITS_MAX - 1 {
            return None;
        }
        value = value * 10 + i64::from(digit);
        len += 1;
    }
    let is_number = len > minus && (bytes[minus] != b'0' || len == minus + 1);
    let goes_on = matches!(bytes[len], b'.' | b'e' | b'E');
    (is_number && !goes_on).then_some((if minus == 1 { -value } else { value }, len))
}

/// The powers of ten that a float64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The number at the beginning of `bytes` if it is one of at most 15 digits without exponent, and its length:
/// digits and power of ten are then exact, so that their quotient is the nearest number (Clinger, "How to
/// Read Floating Point Numbers Accurately", 1990). Else the general way is taken.
#[inline(always)]
pub(super) fn short_float(bytes: &[u8]) -> Option<(f64, usize)> {
    let minus = usize::from(*bytes.first()? == b'-');
    let (mut digits, mut count, mut len) = (0_u64, 0, minus);
    let mut run = |len: &mut usize| -> Option<usize> {
        let begin = *len;
        loop {
            let digit = bytes.get(*len)?.wrapping_sub(b'0');
            if digit > 9 {
                return Some(*len - begin);
            }
            count += 1;
            if count > 15 {
                return None;
            }
            digits = digits * 10 + u64::from(digit);
            *len += 1;
        }
    };
    let whole = run(&mut len)?;
    if whole == 0 || (whole > 1 && bytes[minus] == b'0') {
        return None;
    }
    let mut fraction = 0;
    if bytes[len] == b'.' {
        len += 1;
        fraction = run(&mut len)?;
        if fraction == 0 {
            return None;
        }
    }
    if matches!(bytes[len], b'e' | b'E') {
        return None;
    }
    let value = digits as f64 / POWERS[fraction];
    Some((if minus == 1 { -value } else { value }, len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_however_they_are_written() {
        for (text, expected) in [
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("-0.0e5", Ok(0)),
            ("0e99999999999999999999", Ok(0)),
            ("1.0", Ok(1)),
            ("1e3", Ok(1000)),
            ("12.5e1", Ok(125)),
            ("1200e-2", Ok(12)),
            ("0.001e3", Ok(1)),
            ("9007199254740993", Ok(9_007_199_254_740_993)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775807.000", Ok(i64::MAX)),
            ("0.9223372036854775807e19", Ok(i64::MAX)),
            ("9223372036854775808", Err(Mismatch::Range("int64"))),
            ("-9223372036854775809", Err(Mismatch::Range("int64"))),
            ("1e19", Err(Mismatch::Range("int64"))),
            ("1e99999999999999999999", Err(Mismatch::Range("int64"))),
            ("1.5", Err(Mismatch::Fraction)),
            ("1e-1", Err(Mismatch::Fraction)),
            ("1e-99999999999999999999", Err(Mismatch::Fraction)),
            ("9223372036854775807.5", Err(Mismatch::Fraction)),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_short_way_gives_what_the_general_one_gives() {
        for text in [
            "0",
            "-0",
            "7",
            "-7",
            "10",
            "999999999999999999",
            "1.5",
            "0.1",
            "-0.3",
            "123456.789",
            "1e3",
            "01",
            "-",
            "1.",
            "1.e",
            "00.5",
            "9999999999999999999",
            "0.1234567890123456",
            "123456789012345",
            "1.0",
            "-1.25",
        ] {
            let followed = format!("{text},");
            if let Some((value, len)) = short_integer(followed.as_bytes()) {
                assert_eq!((Ok(value), len), (integer(text.as_bytes()), text.len()), "{text}");
            }
            if let Some((value, len)) = short_float(followed.as_bytes()) {
                assert_eq!(
                    (value.to_bits(), len),
                    (text.parse::<f64>().unwrap().to_bits(), text.len()),
                    "{text}"
                );
            }
        }
        assert_eq!(short_integer(b"-12}"), Some((-12, 3)));
        assert_eq!(short_float(b"-0.25 "), Some((-0.25, 5)));
        for none in ["", "-", "-,", "01,", "1.5,", "1e5,", "12", "x"] {
            assert_eq!(short_integer(none.as_bytes()), None, "{none}");
        }
        for none in ["", "-", "-,", "01,", "1.,", ".5,", "1e5,", "12", "x", "1234567890123456,"] {
            assert_eq!(short_float(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn floats_are_the_nearest_or_refused() {
        assert_eq!(float32(b"0.1"), Ok(0.1_f32));
        assert_eq!(float32(b"3.4028235e38"), Ok(f32::MAX));
        assert_eq!(float32(b"3.5e38"), Err(Mismatch::Range("float32")));
        assert_eq!(float32(b"-1e39"), Err(Mismatch::Range("float32")));
        assert_eq!(float64(b"1e-400"), Ok(0.0));
        assert_eq!(float64(b"1e309"), Err(Mismatch::Range("float64")));
        assert_eq!(float64(b"-0").map(f64::is_sign_negative), Ok(true));
    }
}

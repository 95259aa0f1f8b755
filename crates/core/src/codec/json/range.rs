//! Whether a number is within the range of a float64, told from its digits alone.

/// The least number that rounds to infinity, 2^1024 - 2^970: halfway between the greatest float64 and the
/// power of two after it.
const LIMIT: &[u8; 309] = b"\
    1797693134862315807937289714053034150799341327100378269361737789804449682927647509466490179775872070963\
    3028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153176447573027\
    0069855571366959622842914819860834936475292719074168444365510704342711559699508093042880177904174497792";

/// Whether the valid JSON number `text` is too large, or too far below zero, for a float64.
#[cold]
#[inline(never)]
pub fn beyond_float64(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let mantissa_end = text.iter().position(|byte| matches!(byte, b'e' | b'E')).unwrap_or(text.len());
    let (mantissa, exponent) = text.split_at(mantissa_end);
    let integer_digits = mantissa.iter().position(|byte| *byte == b'.').unwrap_or(mantissa.len());
    let zeros = mantissa.iter().take_while(|byte| matches!(byte, b'0' | b'.')).count();
    let digits = mantissa[zeros..].iter().filter(|byte| **byte != b'.');
    // How many digits stand before the decimal point once the exponent has moved it, leading zeros not
    // counted.
    let leading = if zeros > integer_digits { zeros - 1 } else { zeros };
    let places = integer_digits as i64 - leading as i64 + exponent_of(exponent);
    if mantissa.len() == zeros || places != LIMIT.len() as i64 {
        return mantissa.len() > zeros && places > LIMIT.len() as i64;
    }
    // Just as many as the limit has: the first difference decides, and the limit itself is beyond.
    let digits = digits.chain(std::iter::repeat(&b'0'));
    LIMIT.iter().zip(digits).find(|(limit, digit)| limit != digit).is_none_or(|(limit, digit)| digit > limit)
}

/// The value of an exponent with its `e`, if there is one; far beyond any length of text where it is longer.
fn exponent_of(exponent: &[u8]) -> i64 {
    let negative = exponent.get(1) == Some(&b'-');
    let digits = exponent.iter().filter(|byte| byte.is_ascii_digit());
    let value = digits.fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(i64::MAX / 4)
    });
    if negative { -value } else { value }
}

#[cfg(test)]
mod tests {
    use super::{LIMIT, beyond_float64};

    #[test]
    fn the_verdict_is_that_of_reading_the_number() {
        let limit = std::str::from_utf8(LIMIT).unwrap();
        let (below, above) = (format!("{}1", &limit[..308]), format!("{}3", &limit[..308]));
        let (zeros, nines) = ("0".repeat(400), "9".repeat(308));
        let mut numbers = vec![limit.to_owned(), below.clone(), above.clone(), format!("{below}.{nines}")];
        for number in [limit, &below, &above] {
            let (first, rest) = number.split_at(1);
            numbers.extend([
                format!("{first}.{rest}e308"),
                format!("{first}.{rest}{zeros}E+308"),
                format!("{first}.{rest}{zeros}1e+0308"),
                format!("{number}.0"),
                format!("{number}{zeros}e-400"),
                format!("0.{zeros}{number}e709"),
                format!("0.{number}e309"),
                format!("0.0{number}e309"),
                format!("{number}e1"),
                format!("{number}0e-2"),
                first.to_owned() + rest.split_at(17).0 + "e291",
            ]);
        }
        let plain = [
            "0",
            "0.0",
            "0e999",
            "0.000e99999999999999999999",
            "1",
            "9",
            "10",
            "1e308",
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "2e308",
            "1e309",
            "0.1e309",
            "0.1e310",
            "0.01e310",
            "12e307",
            "17.9e307",
            "18e307",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "123.456e306",
            "100000.5e303",
            "100000.5e304",
            "1E+308",
            "1e+309",
            "5e-324",
            "1e-400",
        ];
        numbers.extend(plain.map(str::to_owned));
        numbers.extend([nines.clone(), format!("{nines}9"), format!("1{zeros}"), format!("0.{zeros}1e709")]);
        for number in numbers {
            for number in [number.clone(), format!("-{number}")] {
                let expected = number.parse::<f64>().unwrap().is_infinite();
                assert_eq!(beyond_float64(number.as_bytes()), expected, "{number}");
            }
        }
    }
}

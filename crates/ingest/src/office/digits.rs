//! Decimal digits of numbers, as a workbook rounds them: by the 15 digits that it keeps, half away from zero.

/// How many digits a workbook keeps.
const KEPT: usize = 15;

/// Whole numbers below this have no more digits than are kept.
const EXACT: f64 = 1e15;

/// The digits of a number without its sign, and how many of them stand before the point.
fn digits(number: f64) -> (Vec<u8>, i32) {
    let written = format!("{:.*e}", KEPT - 1, number.abs());
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(|digit| digit - b'0').collect();
    (digits, exponent.parse::<i32>().unwrap_or(0) + 1)
}

/// The number without its sign, rounded to so many decimals: the digits before and after the point.
pub(super) fn rounded(number: f64, decimals: usize) -> (String, String) {
    if !number.is_finite() {
        return (number.abs().to_string(), String::new());
    }
    let decimals = decimals.min(30);
    if number.fract() == 0.0 && number.abs() < EXACT {
        return ((number.abs() as u64).to_string(), "0".repeat(decimals));
    }
    let (mut digits, mut whole) = digits(number);
    let wanted = whole + decimals as i32;
    if wanted < 0 {
        return ("0".to_owned(), "0".repeat(decimals));
    }
    let wanted = wanted as usize;
    if wanted < digits.len() {
        let rounds_up = digits[wanted] >= 5;
        digits.truncate(wanted);
        if rounds_up && carried(&mut digits) {
            digits.insert(0, 1);
            whole += 1;
        }
    }
    let mut text: String = std::iter::repeat_n('0', (1 - whole).max(0) as usize)
        .chain(digits.iter().map(|digit| char::from(b'0' + digit)))
        .collect();
    let whole = whole.max(1) as usize;
    text.extend(std::iter::repeat_n('0', (whole + decimals).saturating_sub(text.len())));
    let decimals = text.split_off(whole);
    (text, decimals)
}

/// Adds one to the last digit. Whether a digit more is needed.
fn carried(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return false;
        }
        *digit = 0;
    }
    true
}

/// The number in as many digits as it takes.
pub(super) fn general(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string();
    }
    let magnitude = number.abs();
    if number.fract() == 0.0 && magnitude < EXACT {
        return (number as i64).to_string();
    }
    if magnitude != 0.0 && !(1e-5..1e21).contains(&magnitude) {
        return scientific(number, KEPT - 1);
    }
    let (_, before) = digits(number);
    let (whole, decimals) = rounded(number, (KEPT as i32 - before).clamp(0, 20) as usize);
    let decimals = decimals.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    let point = if decimals.is_empty() { "" } else { "." };
    format!("{sign}{whole}{point}{decimals}")
}

/// The number as `1.5E-07`, with at most so many decimals.
pub(super) fn scientific(number: f64, decimals: usize) -> String {
    let written = format!("{:.*e}", decimals.min(KEPT - 1), number);
    let Some((mantissa, exponent)) = written.split_once('e') else { return written };
    let mantissa = if decimals >= KEPT - 1 && mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}E{sign}{:02}", exponent.abs())
}

/// Digits with a comma before each three.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_the_digits_they_take() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-12.5, "-12.5"),
            (1.0 / 3.0, "0.333333333333333"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e20, "100000000000000000000"),
            (1e21, "1E+21"),
            (0.000_01, "0.00001"),
            (1.5e-7, "1.5E-07"),
            (f64::MAX, "1.79769313486232E+308"),
            (99.999_999_999_999_99, "100"),
        ] {
            assert_eq!(general(number), text);
        }
        for (number, decimals, whole, rest) in [
            (0.5, 0, "1", ""),
            (0.49, 0, "0", ""),
            (9.995, 2, "10", "00"),
            (0.004, 2, "0", "00"),
            (0.000_000_1, 2, "0", "00"),
            (1.005, 2, "1", "01"),
            (123.0, 1, "123", "0"),
        ] {
            assert_eq!(rounded(number, decimals), (whole.to_owned(), rest.to_owned()), "{number}");
        }
        assert_eq!(grouped("1234567"), "1,234,567");
        assert_eq!(grouped("123"), "123");
    }
}

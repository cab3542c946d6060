//! Numbers for people.

/// `number` with a comma before each three digits, such as `12,300`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
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
    fn numbers_are_grouped() {
        let texts = [0, 999, 1000, 20_012, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "20,012", "1,234,567"]);
    }
}

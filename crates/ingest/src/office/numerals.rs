//! Numbers as lists write them.

/// A number as a list writes it.
pub(super) fn counted(count: u32, format: &str) -> String {
    match format {
        "lowerLetter" | "alphaLcPeriod" => letters(count),
        "upperLetter" => letters(count).to_uppercase(),
        "lowerRoman" => roman(count),
        "upperRoman" => roman(count).to_uppercase(),
        "decimalZero" => format!("{count:02}"),
        "ordinal" => format!("{count}{}", ending(count)),
        "none" => String::new(),
        _ => count.to_string(),
    }
}

/// `a` to `z`, then `aa` to `zz`.
fn letters(count: u32) -> String {
    let Some(index) = count.checked_sub(1) else { return String::new() };
    let letter = char::from(b'a' + (index % 26) as u8);
    std::iter::repeat_n(letter, (index / 26).min(50) as usize + 1).collect()
}

fn roman(count: u32) -> String {
    const NUMERALS: [(u32, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    if count > 50_000 {
        return count.to_string();
    }
    let mut rest = count;
    let mut text = String::new();
    for (value, numeral) in NUMERALS {
        text.push_str(&numeral.repeat((rest / value) as usize));
        rest %= value;
    }
    text
}

fn ending(count: u32) -> &'static str {
    match (count % 10, count % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_by_their_format() {
        for (count, format, text) in [
            (4, "decimal", "4"),
            (1, "lowerLetter", "a"),
            (28, "upperLetter", "BB"),
            (14, "lowerRoman", "xiv"),
            (1990, "upperRoman", "MCMXC"),
            (7, "decimalZero", "07"),
            (22, "ordinal", "22nd"),
            (12, "ordinal", "12th"),
            (3, "none", ""),
            (0, "lowerLetter", ""),
            (u32::MAX, "lowerRoman", "4294967295"),
        ] {
            assert_eq!(counted(count, format), text, "{count} {format}");
        }
    }
}

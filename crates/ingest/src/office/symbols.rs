//! Characters of the symbol fonts that office programs use for bullets, check marks and Greek.

/// The characters of Adobe's Symbol font from 0x41 (`A`) to 0x7a (`z`), as its encoding lists them.
const GREEK: &str = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_‾αβχδεφγηιϕκλμνοπθρστυϖωξψζ";

/// Others of the Symbol font.
const SYMBOL: &[(u32, char)] = &[
    (0xa3, '≤'),
    (0xa5, '∞'),
    (0xb0, '°'),
    (0xb1, '±'),
    (0xb3, '≥'),
    (0xb4, '×'),
    (0xb7, '•'),
    (0xb8, '÷'),
    (0xb9, '≠'),
    (0xbb, '≈'),
    (0xac, '←'),
    (0xae, '→'),
    (0xe5, '∑'),
    (0xd2, '®'),
    (0xd3, '©'),
    (0xd4, '™'),
];

/// The characters of Wingdings that stand for words; all others are bullets.
const WINGDINGS: &[(u32, char)] = &[
    (0x28, '☎'),
    (0x2a, '✉'),
    (0x4a, '☺'),
    (0x6c, '●'),
    (0x6e, '■'),
    (0x6f, '☐'),
    (0x71, '❑'),
    (0xa8, '☐'),
    (0xd8, '➢'),
    (0xdf, '←'),
    (0xe0, '→'),
    (0xe1, '↑'),
    (0xe2, '↓'),
    (0xe8, '➔'),
    (0xf0, '⇨'),
    (0xfb, '✗'),
    (0xfc, '✓'),
    (0xfd, '☒'),
    (0xfe, '☑'),
];

/// The letter that a symbol font draws for a code. Office adds 0xF000 to the codes of such fonts.
pub(crate) fn letter(font: &str, code: u32) -> char {
    let low = if (0xf000..=0xf0ff).contains(&code) { code - 0xf000 } else { code };
    let font = font.to_ascii_lowercase();
    let listed =
        |table: &[(u32, char)]| table.iter().find(|(code, _)| *code == low).map(|(_, letter)| *letter);
    if font.starts_with("symbol") {
        let greek = low.checked_sub(0x41).and_then(|index| GREEK.chars().nth(index as usize));
        let ascii = char::from_u32(low).filter(char::is_ascii_graphic);
        return greek.or_else(|| listed(SYMBOL)).or(ascii).unwrap_or('•');
    }
    if font.starts_with("wingdings") || font.starts_with("webdings") || (0xe000..=0xf8ff).contains(&code) {
        return listed(WINGDINGS).unwrap_or('•');
    }
    char::from_u32(code).unwrap_or('\u{fffd}')
}

/// A text whose private characters, which only a symbol font can draw, are made readable.
pub(super) fn readable(text: &str) -> String {
    let readable = |letter_: char| match u32::from(letter_) {
        code @ 0xf000..=0xf0ff => letter("wingdings", code),
        _ => letter_,
    };
    text.chars().map(readable).collect()
}

/// The bullet of a list. A letter of a font of symbols, and the `o` that stands for a ring, is a dot.
pub(super) fn bullet(sign: &str) -> String {
    let sign = readable(sign.trim());
    if sign.is_empty() || sign == "o" || sign.chars().any(|letter| matches!(letter, '\u{e000}'..='\u{f8ff}'))
    {
        return "•".to_owned();
    }
    sign
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_letters() {
        for (font, code, expected) in [
            ("Symbol", 0xf061, 'α'),
            ("Symbol", 0xf07a, 'ζ'),
            ("Symbol", 0xf041, 'Α'),
            ("Symbol", 0xf0b3, '≥'),
            ("Wingdings", 0xf0fc, '✓'),
            ("Wingdings", 0xf0a7, '•'),
            ("Calibri", 0x263a, '☺'),
            ("", 0xf0b7, '•'),
        ] {
            assert_eq!(letter(font, code), expected, "{font} {code:x}");
        }
        assert_eq!(readable("\u{f0b7} a"), "• a");
        assert_eq!(GREEK.chars().count(), 0x7a - 0x41 + 1);
    }
}

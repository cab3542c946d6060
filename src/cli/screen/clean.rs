//! Text of others, made harmless for a terminal.

/// `text` without what a terminal would obey: control characters become their pictures, and what turns the direction of
/// the text around for good becomes a replacement character. Line breaks and tabs stay; carriage returns go.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter_map(clean_char).collect()
}

/// The same in one line.
pub(super) fn in_one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is shown of a character.
pub(super) fn clean_char(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        '\r' => None,
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)),
        '\u{7f}' => Some('\u{2421}'),
        // The control characters of eight bits, and overrides, embeddings and isolates of direction.
        '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            Some(char::REPLACEMENT_CHARACTER)
        }
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, shown) in [
            ("Ada\tLovelace\r\nü 中 😀", "Ada\tLovelace\nü 中 😀"),
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "␛[2J␛]0;title␇"),
            ("a\u{8}b\u{7f}", "a␈b␡"),
            ("\u{9b}31m", "\u{fffd}31m"),
            ("exe.\u{202e}fdp", "exe.\u{fffd}fdp"),
            ("שלום \u{200f}עולם", "שלום \u{200f}עולם"),
        ] {
            assert_eq!(clean(text), shown);
        }
        for c in ('\0'..='\u{9f}').filter(|c| c.is_control() && !"\n\t".contains(*c)) {
            assert!(!clean(&c.to_string()).contains(char::is_control), "{c:?}");
        }
        assert_eq!(in_one_line(" a\n b\u{1b} \t c "), "a b␛ c");
    }
}

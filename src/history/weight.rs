//! How long texts of a prompt are, and how they are shortened.

use crate::documents::tokens::{bounds, estimate};

/// Tokens of `text`, on the safe side: more than an estimate where it has many figures and marks.
pub(super) fn weight(text: &str) -> u64 {
    estimate(text).max(bounds(text).most * 2 / 3)
}

/// `text`, or its beginning and its end around a note of what lies between, so that it weighs about `most` at most.
pub(super) fn shortened(text: &str, most: u64) -> String {
    let text = text.trim();
    let has = weight(text);
    if has <= most {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    // The note weighs something, too.
    let kept = (chars.len() as u64 * most.saturating_sub(12) / has) as usize;
    let (head, tail) = (kept * 3 / 4, kept / 4);
    let left_out = chars.len() - head - tail;
    let part = |chars: &[char]| chars.iter().collect::<String>();
    format!(
        "{} [... {left_out} characters left out ...] {}",
        part(&chars[..head]),
        part(&chars[chars.len() - tail..])
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        assert_eq!(shortened(" short ", 100), "short");
        let long = format!("BEGIN {} END", "In 2022 net sales were $513,983 million. ".repeat(400));
        for (text, most) in [(long.as_str(), 100), (&"字".repeat(5000), 200), (&"7".repeat(9000), 60)] {
            let shown = shortened(text, most);
            assert!(weight(&shown) <= most + most / 5, "{} {shown}", weight(&shown));
            assert!(shown.contains("characters left out"), "{shown}");
        }
        let shown = shortened(&long, 100);
        assert!(shown.starts_with("BEGIN In 2022") && shown.ends_with(" END"), "{shown}");
    }
}

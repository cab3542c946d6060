//! Words that a line's end has cut in two.

use std::collections::HashSet;

use super::{Line, PageText};

/// Joins the words, the later part going to the earlier line.
pub(crate) fn joined(pages: &mut [PageText]) {
    let cut = |line: &Line| ends_cut(&line.text) || line.text.contains('\u{ad}');
    if !pages.iter().any(|page| page.lines.iter().any(cut)) {
        return;
    }
    let known = vocabulary(pages);
    for page in pages {
        for index in 1..page.lines.len() {
            let (above, below) = page.lines.split_at_mut(index);
            join(&mut above[index - 1], &mut below[0], &known);
        }
        page.lines.retain(|line| !line.text.is_empty());
        for line in &mut page.lines {
            line.text.retain(|letter| letter != '\u{ad}');
        }
    }
}

fn ends_cut(text: &str) -> bool {
    text.ends_with(is_hyphen)
}

fn is_hyphen(letter: char) -> bool {
    matches!(letter, '-' | '\u{ad}' | '\u{2010}')
}

/// The words of the document in small letters, those with hyphens whole.
fn vocabulary(pages: &[PageText]) -> HashSet<String> {
    let mut known = HashSet::new();
    for line in pages.iter().flat_map(|page| &page.lines) {
        for word in line.text.split(|letter: char| !letter.is_alphanumeric() && !is_hyphen(letter)) {
            if !word.is_empty() && !ends_cut(word) && !known.contains(word) {
                known.insert(word.to_lowercase());
            }
        }
    }
    known
}

fn join(above: &mut Line, below: &mut Line, known: &HashSet<String>) {
    if !ends_cut(&above.text) || above.cells || below.cells || above.turned != below.turned {
        return;
    }
    let soft = above.text.ends_with('\u{ad}');
    let kept = above.text.trim_end_matches(is_hyphen);
    let head = kept.rsplit(' ').next().unwrap_or_default();
    let (tail, rest) = below.text.split_once(' ').unwrap_or((&below.text, ""));
    let letters = |text: &str| text.trim_end_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let goes_on = tail.chars().next().is_some_and(char::is_lowercase);
    let begun = head.chars().next_back().is_some_and(char::is_alphabetic);
    if !begun || !(goes_on || soft) {
        return;
    }
    let (first, second) = (head.to_lowercase(), letters(tail));
    let first = first.trim_start_matches(|letter: char| !letter.is_alphanumeric()).to_owned();
    let hyphen = !soft && keeps_hyphen(&first, &second, known);
    let kept = kept.len();
    above.text.truncate(kept);
    if hyphen {
        above.text.push('-');
    }
    above.text.push_str(tail);
    below.text = rest.trim_start().to_owned();
}

/// Whether both parts are words with a hyphen between them, judged by what else the document says.
fn keeps_hyphen(first: &str, second: &str, known: &HashSet<String>) -> bool {
    if known.contains(&format!("{first}{second}")) {
        return false;
    }
    if known.contains(&format!("{first}-{second}")) || first.contains(is_hyphen) {
        return true;
    }
    let is_word = |part: &str| part.chars().count() >= 3 && known.contains(part);
    is_word(first) && is_word(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined_text(lines: &[&str]) -> Vec<String> {
        let line = |text: &&str| Line { text: (*text).to_owned(), ..Line::default() };
        let mut pages =
            [PageText { lines: lines.iter().map(line).collect(), notes: Vec::new(), height: 800.0 }];
        joined(&mut pages);
        pages[0].lines.iter().map(|line| line.text.clone()).collect()
    }

    #[test]
    fn cut_words_are_healed() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("a word", &["the infor-", "mation, and more"], &["the information,", "and more"]),
            ("a word of its own line", &["infor-", "mation"], &["information"]),
            ("a soft hyphen", &["the Infor\u{ad}", "Mation is"], &["the InforMation", "is"]),
            ("a soft hyphen within a line", &["infor\u{ad}mation", "a-"], &["information", "a-"]),
            (
                "a compound that the document has",
                &["long-term debt", "and long-", "term leases"],
                &["long-term debt", "and long-term", "leases"],
            ),
            (
                "a compound of known words",
                &["cash flow", "a cash-", "flow plan"],
                &["cash flow", "a cash-flow", "plan"],
            ),
            ("no letter before", &["2014-", "and"], &["2014-", "and"]),
            ("no small letter after", &["Smith-", "Jones"], &["Smith-", "Jones"]),
            ("a dash", &["he said -", "and left"], &["he said -", "and left"]),
        ];
        for (name, lines, expected) in cases {
            assert_eq!(joined_text(lines), *expected, "{name}");
        }
    }
}

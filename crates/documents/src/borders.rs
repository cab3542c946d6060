//! Where a section may begin so that a change elsewhere in the document does not move it. Pure.
//!
//! A border is found by the text beside it. Two versions of a document, of which one has a page more in its middle, are
//! cut at other places behind that page only until both come by the same border.

use std::cmp::Reverse;

/// The bytes of a document from which on its sections begin at borders. A shorter one is soon read again, and its sections
/// are as long as was asked for.
const LONG: usize = 80_000;
/// The bytes of text that make a border known.
const LOOKED_AT: usize = 48;

/// Whether sections of `document` begin at borders.
pub(crate) fn are_for(document: &str) -> bool {
    document.len() >= LONG
}

/// The best border of `text` from byte `from` to `to`: of the beginnings of paragraphs one, else of lines, else of sentences.
/// Of places that are alike it is the last, so that text which repeats itself is cut into no more sections than need be.
pub(crate) fn within(text: &str, from: usize, to: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let places = (from.max(2)..=to.min(bytes.len().saturating_sub(1))).filter_map(|at| {
        let rank = match (&bytes[at - 2..at], bytes[at]) {
            (_, b'\n') => return None,
            (b"\n\n", _) => 0,
            ([_, b'\n'], _) => 1,
            (b". " | b"! " | b"? ", _) => 2,
            _ => return None,
        };
        let beside = &bytes[at..bytes.len().min(at + LOOKED_AT)];
        Some((rank, hash(beside), Reverse(at)))
    });
    places.min().map(|(_, _, Reverse(at))| at)
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::chunk_by_section;

    /// Paragraphs of several lines, no two alike.
    fn text(paragraphs: std::ops::Range<u64>) -> String {
        let word = |seed: u64| {
            ["prism", "ray", "colour", "glass", "lens", "angle"][(hash(&seed.to_le_bytes()) % 6) as usize]
        };
        let line = |at: u64| (0..9).map(|n| word(at * 9 + n)).collect::<Vec<_>>().join(" ");
        let paragraph = |at: u64| {
            (0..3 + at % 5).map(|n| format!("{at}.{n} {}", line(at * 8 + n))).collect::<Vec<_>>().join("\n")
        };
        paragraphs.map(paragraph).collect::<Vec<_>>().join("\n\n")
    }

    fn new_sections(before: &str, after: &str) -> usize {
        let sections = |text| chunk_by_section(text, 3000, 20).unwrap();
        let known: HashSet<&str> = sections(before).into_iter().collect();
        sections(after).iter().filter(|section| !known.contains(*section)).count()
    }

    #[test]
    fn a_page_more_costs_that_page_wherever_it_is() {
        let (before, page) = (text(0..600), text(9000..9010));
        assert!(before.len() > LONG && page.len() < 3000);
        let all = chunk_by_section(&before, 3000, 20).unwrap().len();
        assert!(new_sections(&before, &format!("{before}\n\n{page}")) <= 2);
        let mut sum = 0;
        for part in 1..10 {
            let at = before[..before.len() * part / 10].rfind("\n\n").unwrap();
            let after = format!("{}\n\n{page}{}", &before[..at], &before[at..]);
            let new = new_sections(&before, &after);
            assert!(new * 5 < all, "{new} of {all} at {part} tenths");
            // And as few without it.
            assert!(new_sections(&after, &before) * 5 < all);
            sum += new;
        }
        assert!(sum * 10 < all * 9, "{sum} in nine places of {all}");
    }

    #[test]
    fn sections_are_of_the_size_that_was_asked_for() {
        let long = text(0..600);
        let sections = chunk_by_section(&long, 3000, 20).unwrap();
        let lengths: Vec<_> = sections.iter().map(|section| section.chars().count()).collect();
        assert!(lengths.iter().all(|length| *length <= 3000), "{lengths:?}");
        assert!(lengths[..lengths.len() - 1].iter().all(|length| *length >= 2250), "{lengths:?}");
        // Each begins with the last characters of the one before, and none is left out.
        let mut whole = sections[0].to_owned();
        for section in &sections[1..] {
            assert!(whole.ends_with(&section[..20]));
            whole.push_str(&section[20..]);
        }
        assert_eq!(whole, long);
    }

    #[test]
    fn text_that_repeats_itself_is_cut_as_seldom_as_can_be() {
        let text = "A line of a document, of no great length.\n".repeat(3000);
        let sections = chunk_by_section(&text, 900, 90).unwrap();
        let lengths: Vec<_> = sections.iter().map(|section| section.chars().count()).collect();
        assert!(lengths[..lengths.len() - 1].iter().all(|length| *length > 850), "{lengths:?}");
    }

    #[test]
    fn paragraphs_come_before_lines_and_lines_before_sentences() {
        let text = "One. Two.\nThree.\n\nFour. Five.";
        assert_eq!(within(text, 0, text.len()), Some(18));
        assert_eq!(within(text, 0, 17), Some(10));
        assert_eq!(within(text, 0, 9), Some(5));
        assert_eq!(within("abcdef", 0, 6), None);
        assert_eq!(within("é\n\né", 0, 100), Some(4));
    }
}

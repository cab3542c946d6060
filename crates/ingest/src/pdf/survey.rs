//! What is odd about the pages of a document, told in a sentence each.

use crate::layout::PageText;

use super::page::Drawing;
use super::ranges::pages;

/// A page with fewer characters than this has no text to speak of.
const NO_TEXT: usize = 20;
/// How much of a page pictures must cover to be a scan of it, if it has no text to speak of.
const SCANNED: f64 = 0.5;
/// The same if it has some, such as a stamp, which covers little of the page: less than this. Text that nobody sees is no
/// stamp: a program has read it of the picture.
const SCANNED_BEHIND: f64 = 0.8;
const STAMP: f64 = 0.03;
/// A page without text that has this many shapes draws its letters.
const DRAWN: usize = 200;
/// How many letters tell whether a page's words make sense.
const LETTERS: usize = 150;
/// The share of vowels that every language in Latin script has.
const VOWELS: f64 = 0.22;
/// The share of characters that a font may leave open.
const UNMAPPED: f64 = 0.1;

/// The pages that are odd, by what is odd about them.
#[derive(Default)]
pub(super) struct Survey {
    scans: Vec<u32>,
    drawn: Vec<u32>,
    wrong: Vec<u32>,
    cut: Vec<u32>,
    broken: Vec<u32>,
    end: Option<u32>,
}

/// A page that was drawn, and is judged when its text is there.
pub(super) struct Seen {
    number: u32,
    unmapped: usize,
    characters: usize,
}

impl Survey {
    /// Looks at what a page draws.
    pub(super) fn see(&mut self, number: u32, drawing: &Drawing) -> Seen {
        let characters = drawing.glyphs.iter().filter(|glyph| !glyph.letter.is_whitespace()).count();
        let is_bare = characters < NO_TEXT;
        if is_bare && drawing.pictured >= SCANNED
            || drawing.pictured >= SCANNED_BEHIND && drawing.unseen < NO_TEXT && drawing.lettered() < STAMP
        {
            self.scans.push(number);
        } else if is_bare && drawing.shapes >= DRAWN {
            self.drawn.push(number);
        }
        if drawing.cut {
            self.cut.push(number);
        }
        if drawing.broken {
            self.broken.push(number);
        }
        Seen { number, unmapped: drawing.unmapped, characters }
    }

    /// Notes that the text is cut before this page.
    pub(super) fn ends_at(&mut self, number: u32) {
        self.end = Some(number);
    }

    /// The pages that are pictures of text.
    pub(super) fn scans(self) -> Vec<u32> {
        self.scans
    }

    /// A sentence for each kind of oddity. Of scans the reading tells by itself.
    pub(super) fn notes(&self) -> Vec<String> {
        let kinds: [(&[u32], &str); 4] = [
            (&self.drawn, "no text, but many shapes: its letters may be drawn. Run it through OCR"),
            (
                &self.wrong,
                "letters that make no words: the fonts' maps are wrong or missing. Run it through OCR",
            ),
            (&self.cut, "more content than is read of one page: the rest of it is left out"),
            (&self.broken, "content that is damaged: some of its text may be missing"),
        ];
        let told = kinds.iter().filter(|(numbers, _)| !numbers.is_empty()).map(|(numbers, what)| {
            let verb = if numbers.len() == 1 { "has" } else { "have" };
            format!("{} {verb} {what}.", capital(&pages(numbers)))
        });
        let end = self.end.map(|page| format!("The text is too long: it was left out from page {page} on."));
        told.chain(end).collect()
    }
}

impl Seen {
    /// Judges whether the letters of the page make sense.
    pub(super) fn judge(&self, text: &PageText, survey: &mut Survey) {
        let unmapped = self.unmapped as f64 / self.characters.max(1) as f64;
        if self.unmapped > 3 && unmapped > UNMAPPED || makes_no_words(text.words()) {
            survey.wrong.push(self.number);
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Whether the words are none of a language in Latin script: too few of their letters are vowels.
fn makes_no_words<'t>(words: impl Iterator<Item = &'t str>) -> bool {
    let (mut letters, mut vowels) = (0_usize, 0_usize);
    for word in words {
        let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        if word.len() >= 3 && word.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            letters += word.len();
            vowels += word.bytes().filter(|letter| b"aeiouyAEIOUY".contains(letter)).count();
        }
    }
    letters >= LETTERS && (vowels as f64) < VOWELS * letters as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_letters_make_no_words() {
        let text = "The directors recommend that shareholders accept this offer because these terms are better than before";
        let words = || text.split(' ').cycle().take(200);
        assert!(!makes_no_words(words()));
        let shift = |word: &str| word.bytes().map(|letter| char::from(letter - 29)).collect::<String>();
        let shifted: Vec<String> = words().map(shift).collect();
        assert!(makes_no_words(shifted.iter().map(String::as_str)));
        assert!(!makes_no_words(["10,000", "2018", "XPS"].into_iter().cycle().take(100)));
        assert!(!makes_no_words("мир труд май".split(' ').cycle().take(100)));
    }

    #[test]
    fn oddities_are_told_by_page() {
        let mut survey = Survey { drawn: vec![3, 4, 5, 9], cut: vec![7], ..Survey::default() };
        survey.ends_at(12);
        let notes = survey.notes();
        assert!(notes[0].starts_with("Pages 3-5, 9 have no text, but many shapes"), "{notes:?}");
        assert!(notes[1].starts_with("Page 7 has more content"), "{notes:?}");
        assert_eq!(notes[2], "The text is too long: it was left out from page 12 on.");
    }
}

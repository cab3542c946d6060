//! A text as its letters and digits alone, without case, marks and forms, and where each of them comes from.

use std::ops::Range;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

use super::escapes::{Unit, unit};

/// Stands between texts, so that nothing is found across them. It is no character, so no document has it.
pub(super) const PART: char = '\u{ffff}';
/// Bytes of letters from one noted place to the next.
const STEP: usize = 256;
/// A character that is no letter.
const NONE: u32 = 0;
/// A character that becomes several letters, or none of the simple kind.
const SEVERAL: u32 = 1;

/// What the characters up to U+FFFF become.
static SIMPLE: LazyLock<Box<[u32]>> = LazyLock::new(|| {
    let simple = |code: u32| {
        let Some(c) = char::from_u32(code) else { return NONE };
        let mut letters = folded(c);
        match (letters.next(), letters.next()) {
            (None, _) => NONE,
            (Some(letter), None) => u32::from(letter),
            (Some(_), Some(_)) => SEVERAL,
        }
    };
    (0..0x1_0000).map(simple).collect()
});

/// The letters that a character becomes: decomposed, without marks, and in upper case as Python's `upper` has it, which
/// writes `SS` for `ß`. Lower case comes first, since there are capitals that only a lower-case letter leads back from.
fn folded(c: char) -> impl Iterator<Item = char> {
    std::iter::once(c)
        .nfkd()
        .flat_map(char::to_lowercase)
        .flat_map(char::to_uppercase)
        .filter(|c| c.is_alphanumeric() && canonical_combining_class(*c) == 0)
}

/// Appends the letters of a character.
fn push(c: char, letters: &mut String) {
    if c.is_ascii() {
        if c.is_ascii_alphanumeric() {
            letters.push(c.to_ascii_uppercase());
        }
        return;
    }
    match SIMPLE.get(c as usize) {
        Some(&NONE) => {}
        Some(&letter) if letter != SEVERAL => letters.extend(char::from_u32(letter)),
        _ => letters.extend(folded(c)),
    }
}

/// Whether an ASCII character may begin an escape.
fn may_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&')
}

/// The first character of a text that is not empty.
fn first(text: &str) -> Unit {
    let byte = text.as_bytes()[0];
    match byte.is_ascii() && !may_escape(byte) {
        true => Unit::new(1, char::from(byte)),
        false => unit(text),
    }
}

/// The end of the character, or the escape, that begins at this byte of a text.
pub(super) fn end(text: &str, at: usize) -> usize {
    at + first(&text[at..]).len
}

/// Whether a text has any letters or digits.
pub(super) fn has_letters(text: &str) -> bool {
    let (mut at, mut letters) = (0, String::new());
    while at < text.len() && letters.is_empty() {
        let Unit { len, char, .. } = first(&text[at..]);
        push(char, &mut letters);
        at += len;
    }
    !letters.is_empty()
}

/// The letters of a document. Their places are noted now and then, and found from there by reading again.
pub(super) struct Letters {
    pub text: String,
    /// The offset of a letter here and of its character in the document, in ascending order.
    noted: Vec<(u32, u32)>,
}

/// Where a letter of a document stands.
pub(super) struct Place {
    /// The bytes of its character.
    pub bytes: Range<usize>,
    /// Whether no letter stands right before it.
    pub begins: bool,
}

impl AsRef<str> for Letters {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl Letters {
    /// The letters of a document, which is shorter than 4 GB.
    pub(super) fn of(document: &str) -> Self {
        let mut letters = Self { text: String::with_capacity(document.len()), noted: Vec::new() };
        let mut at = 0;
        while at < document.len() {
            let Unit { len, char, .. } = first(&document[at..]);
            let from = letters.text.len();
            push(char, &mut letters.text);
            let is_due = letters.noted.last().is_none_or(|(noted, _)| *noted as usize + STEP <= from);
            if is_due && letters.text.len() > from {
                letters.noted.push((from as u32, at as u32));
            }
            at += len;
        }
        letters
    }

    /// Where the letter at `offset` stands in the document. Past the last letter it is the document's end.
    pub(super) fn place(&self, document: &str, offset: usize) -> Place {
        // The letter before it says whether it begins a word, so the reading starts before that one.
        let after = self.noted.partition_point(|(noted, _)| (*noted as usize) < offset);
        let (mut from, mut at) =
            after.checked_sub(1).map_or((0, 0), |at| (self.noted[at].0 as usize, self.noted[at].1 as usize));
        let mut begins = true;
        let mut letters = String::new();
        while at < document.len() {
            let Unit { len, char, .. } = first(&document[at..]);
            letters.clear();
            push(char, &mut letters);
            if !letters.is_empty() && from + letters.len() > offset {
                return Place { bytes: at..at + len, begins: begins && from == offset };
            }
            from += letters.len();
            begins = letters.is_empty() && !is_mark(char);
            at += len;
        }
        Place { bytes: document.len()..document.len(), begins: true }
    }
}

/// What stands between two letters: the quotes around a comma part the items of a list.
#[derive(Clone, Copy, PartialEq)]
enum Between {
    Letters,
    FirstQuote,
    Comma,
    SecondQuote,
}

impl Between {
    fn then(self, c: char) -> Self {
        match (self, c) {
            (Self::Letters, '"' | '\'') => Self::FirstQuote,
            (Self::FirstQuote, ',') => Self::Comma,
            (Self::Comma, '"' | '\'') => Self::SecondQuote,
            (known, _) => known,
        }
    }
}

/// Whether the character belongs to the letter before it.
fn is_mark(c: char) -> bool {
    canonical_combining_class(c) != 0
}

/// The letters of a text, each with its place.
#[derive(Default)]
pub(super) struct Placed {
    pub text: String,
    /// For each byte of `text`, the offset of its character.
    pub from: Vec<u32>,
    /// For each byte of `text`, whether no letter stands right before its character.
    pub begins: Vec<bool>,
    /// The offsets in `text` where lines begin, each with the backslashes of the line break before it: a text that is
    /// escaped may itself hold escapes.
    pub lines: Vec<(usize, usize)>,
    /// The offsets in `text` where quoted items of a list begin.
    pub items: Vec<usize>,
}

impl Placed {
    /// The letters of these ranges of a text, which are parted.
    pub(super) fn of(text: &str, ranges: &[Range<usize>]) -> Self {
        let mut placed = Self::default();
        for range in ranges {
            placed.push(text, range.clone());
            placed.part();
        }
        placed
    }

    /// Appends the letters of these bytes of a text, as a line of its own.
    fn push(&mut self, text: &str, bytes: Range<usize>) {
        self.lines.push((self.text.len(), 0));
        let mut begins = true;
        let mut between = Between::Letters;
        let mut at = bytes.start;
        while at < bytes.end {
            let Unit { len, char, slashes } = first(&text[at..bytes.end]);
            let from = self.text.len();
            push(char, &mut self.text);
            match self.text.len() > from {
                true => {
                    if between == Between::SecondQuote {
                        self.items.push(from);
                    }
                    between = Between::Letters;
                    self.from.resize(self.text.len(), at as u32);
                    self.begins.push(begins);
                    self.begins.resize(self.text.len(), false);
                    begins = false;
                }
                false => {
                    begins |= !is_mark(char);
                    between = between.then(char);
                }
            }
            if char == '\n' {
                self.lines.push((self.text.len(), slashes));
            }
            at += len;
        }
    }

    /// The bytes of the letters of each part that begins at one of `starts`.
    pub(super) fn parted(&self, starts: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
        let mut starts: Vec<usize> = starts.chain([self.text.len()]).collect();
        starts.dedup();
        starts.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    /// Appends letters of another text, with their places.
    pub(super) fn take(&mut self, other: &Self, letters: Range<usize>) {
        self.text.push_str(&other.text[letters.clone()]);
        self.from.extend_from_slice(&other.from[letters.clone()]);
        self.begins.extend_from_slice(&other.begins[letters]);
    }

    /// Appends the letters of another text, apart from those that are there.
    pub(super) fn append(&mut self, other: &Self) {
        self.part();
        self.take(other, 0..other.text.len());
    }

    /// Appends a character that no document has, so that nothing is found across it.
    fn part(&mut self) {
        self.text.push(PART);
        self.from.resize(self.text.len(), u32::MAX);
        self.begins.push(true);
        self.begins.resize(self.text.len(), false);
    }

    /// Whether a word begins or ends before this letter.
    pub(super) fn begins(&self, at: usize) -> bool {
        self.begins.get(at).copied().unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_marks_and_forms_do_not_count() {
        for (text, letters) in [
            ("Straße, STRASSE, stra\u{1e9e}e", "STRASSESTRASSESTRASSE"),
            ("\u{130}stanbul i\u{307}stanbul \u{131}", "ISTANBULISTANBULI"),
            ("de\u{301}jà vu", "DEJAVU"),
            ("ﬁn ２ Ⅳ", "FIN2IV"),
            ("Σοφός ΣΟΦΟΣ ΐ \u{3b1}\u{345} ᾳ ΑΙ", "ΣΟΦΟΣΣΟΦΟΣΙΑΙΑΙΑΙ"),
            ("한\u{1112}\u{1161}\u{11ab}", "한한"),
            ("שָׁלוֹם שלום", "שלוםשלום"),
            ("“don’t” — 'DON\\'T'", "DONTDONT"),
        ] {
            let expected: String = letters.nfkd().collect();
            assert_eq!(Letters::of(text).text, expected, "{text}");
        }
    }

    #[test]
    fn each_letter_is_found_where_it_stands() {
        let document = "Ab \\u00e9\u{e9}-ß \u{516c}. ".repeat(200);
        let letters = Letters::of(&document);
        let mut placed = Placed::default();
        placed.push(&document, 0..document.len());
        assert_eq!(letters.text, placed.text);
        for (at, _) in letters.text.char_indices() {
            let place = letters.place(&document, at);
            assert_eq!(
                (place.bytes.start, place.begins),
                (placed.from[at] as usize, placed.begins(at)),
                "{at}"
            );
        }
        assert_eq!(letters.place(&document, letters.text.len()).bytes.start, document.len());
    }
}

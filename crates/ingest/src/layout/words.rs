//! From characters to words: what stands close together on one baseline.

use super::accents;
use super::glyph::Glyph;
use super::script::{is_right_to_left, is_unspaced};

/// The gap that parts words, in ems. What a font leaves between letters, kerning included, is less.
const GAP: f32 = 0.2;
/// The same on pages that draw no spaces, in words most of whose letters stand close: TeX sets lines so tightly.
const TIGHT_GAP: f32 = 0.13;
/// A gap that small parts words if it is not alone, as slanted letters stand off upright ones that end their word.
const LONE_GAP: f32 = 0.185;
/// How close letters stand that do.
const CLOSE: f32 = 0.05;
/// A page draws no spaces if it has one for more letters than these.
const LETTERS_A_SPACE: usize = 30;
/// The same in scripts that write no spaces, where letters are spread to fill a line.
const UNSPACED_GAP: f32 = 0.6;
/// How far a letter may be set back into the one before it.
const BACK: f32 = 0.5;
/// How far letters of one word may be off its baseline.
const OFF: f32 = 0.12;

/// How long a word may be, in bytes.
const LONGEST: usize = 4096;

/// A word where it stands, its characters in the order from left to right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) x0: f32,
    pub(crate) x1: f32,
    /// Its baseline.
    pub(crate) y: f32,
    pub(crate) size: f32,
    /// Whether a space was drawn after it.
    pub(crate) spaced: bool,
}

impl Word {
    /// The vertical extent of its letters.
    pub(crate) fn extent(&self) -> (f32, f32) {
        (self.y - 0.75 * self.size, self.y + 0.2 * self.size)
    }

    /// How many characters it has.
    pub(crate) fn length(&self) -> usize {
        self.text.chars().count()
    }
}

/// The gap between two letters that makes them letters of two words, in ems.
pub(crate) fn word_gap(before: Option<char>, after: Option<char>) -> f32 {
    let unspaced = |letter: Option<char>| letter.is_some_and(is_unspaced);
    if unspaced(before) && unspaced(after) { UNSPACED_GAP } else { GAP }
}

/// The words of glyphs whose baselines run to the right, in the order in which they were drawn.
pub(crate) fn words(glyphs: &[Glyph]) -> Vec<Word> {
    let spaces = glyphs.iter().filter(|glyph| glyph.letter == ' ').count();
    let draws_spaces = spaces * LETTERS_A_SPACE > glyphs.len();
    let mut words = Vec::new();
    let mut open: Option<Open> = None;
    for glyph in glyphs {
        if glyph.letter == ' ' {
            if let Some(mut word) = open.take() {
                word.word.spaced = true;
                word.end(&mut words);
            }
            continue;
        }
        if !open.as_mut().is_some_and(|word| word.takes(glyph))
            && let Some(word) = open.replace(Open::new(glyph, draws_spaces))
        {
            word.end(&mut words);
        }
    }
    if let Some(word) = open {
        word.end(&mut words);
    }
    words
}

/// A word that may go on.
struct Open {
    word: Word,
    last: Glyph,
    /// Whether its page draws spaces.
    draws_spaces: bool,
    /// Its letters but for the first. Empty if its page draws spaces, or it runs from right to left.
    joints: Vec<Joint>,
}

/// Where a letter was added to a word.
struct Joint {
    /// Its offset in the text, in bytes.
    at: usize,
    /// The gap before it, in ems.
    gap: f32,
    /// Where the letters before it end, and where it begins.
    x1: f32,
    x0: f32,
}

impl Open {
    fn new(glyph: &Glyph, draws_spaces: bool) -> Self {
        let word = Word {
            text: glyph.letter.to_string(),
            x0: glyph.x,
            x1: glyph.x + glyph.advance,
            y: glyph.y,
            size: glyph.size,
            spaced: false,
        };
        Self { word, last: *glyph, draws_spaces, joints: Vec::new() }
    }

    /// Ends the word, parted where it is more than one, as the gaps within it are of two kinds.
    fn end(self, words: &mut Vec<Word>) {
        let close = self.joints.iter().filter(|joint| joint.gap <= CLOSE).count();
        let mut word = self.word;
        if 5 * close < 3 * self.joints.len() {
            return words.push(word);
        }
        let parts =
            self.joints.iter().filter(|joint| joint.gap > TIGHT_GAP && may_part(&word.text, joint.at));
        let mut parts: Vec<&Joint> = parts.collect();
        if let [joint] = parts[..]
            && joint.gap < LONE_GAP
        {
            parts.clear();
        }
        let end = word.x1;
        let mut from = 0;
        for joint in &parts {
            let text = word.text[from..joint.at].to_owned();
            words.push(Word { text, x1: joint.x1, spaced: true, ..word });
            (from, word.x0) = (joint.at, joint.x0);
        }
        word.text.drain(..from);
        word.x1 = end;
        words.push(word);
    }

    /// Adds the glyph to the word, if it is a part of it.
    fn takes(&mut self, glyph: &Glyph) -> bool {
        let taken = self.is_repeated(glyph) || self.is_accented(glyph) || self.goes_on(glyph);
        if taken {
            self.last = *glyph;
        }
        taken
    }

    /// Bold that is faked by drawing a letter twice.
    fn is_repeated(&self, glyph: &Glyph) -> bool {
        let near = |a: f32, b: f32| (a - b).abs() < 0.12 * glyph.size.min(glyph.advance.max(0.1));
        glyph.letter == self.last.letter && near(glyph.x, self.last.x) && near(glyph.y, self.last.y)
    }

    /// An accent that is drawn over its letter, before or after it.
    fn is_accented(&mut self, glyph: &Glyph) -> bool {
        let last = &self.last;
        let middle = glyph.x + glyph.advance / 2.0;
        let over = middle > last.x - 0.1 * last.size && middle < last.x + last.advance + 0.1 * last.size;
        if !over || (glyph.y - last.y).abs() > 0.5 * glyph.size {
            return false;
        }
        let Some(letter) = accents::composed(last.letter, glyph.letter) else { return false };
        self.word.text.pop();
        self.word.text.push(letter);
        self.word.x0 = self.word.x0.min(glyph.x);
        self.word.x1 = self.word.x1.max(glyph.x + glyph.advance);
        if accents::is_accent(last.letter) && self.word.text.chars().count() == 1 {
            self.word.y = glyph.y;
        }
        true
    }

    fn goes_on(&mut self, glyph: &Glyph) -> bool {
        let Word { y, size, x0, x1, .. } = self.word;
        let em = size.max(glyph.size);
        let alike = size.min(glyph.size) > 0.7 * em && (glyph.y - y).abs() < OFF * em;
        if !alike || self.word.text.len() > LONGEST {
            return false;
        }
        let end = glyph.x + glyph.advance;
        let gap = glyph.x - x1;
        if gap >= -BACK * em && gap <= word_gap(self.word.text.chars().next_back(), Some(glyph.letter)) * em {
            if !self.draws_spaces {
                self.joints.push(Joint { at: self.word.text.len(), gap: gap / em, x1, x0: glyph.x });
            }
            self.word.text.push(glyph.letter);
            self.word.x1 = x1.max(end);
            return true;
        }
        // Right to left, letter by letter.
        if is_right_to_left(glyph.letter) && end - x0 <= BACK * em && x0 - end <= GAP * em {
            self.joints.clear();
            self.word.text.insert(0, glyph.letter);
            self.word.x0 = x0.min(glyph.x);
            return true;
        }
        false
    }
}

/// Whether a small gap at this offset parts words: not in a figure, before what closes nor behind what opens.
fn may_part(text: &str, at: usize) -> bool {
    let (before, behind) = text.split_at(at);
    let (Some(last), Some(first)) = (before.chars().next_back(), behind.chars().next()) else { return false };
    let is_figure = |letter: char| letter.is_numeric() || matches!(letter, '.' | ',');
    let holds = "([{“‘„«".contains(last) || ".,;:!?)]}”’»%…=-/".contains(first);
    let is_one = holds || is_figure(last) && is_figure(first) || is_unspaced(last) || is_unspaced(first);
    !is_one && (last.is_alphanumeric() || first.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Glyphs of 10 points: letters with their x, half an em wide.
    fn glyphs(letters: &[(char, f32)]) -> Vec<Glyph> {
        let glyph = |&(letter, x)| Glyph { letter, x, y: 100.0, advance: 5.0, size: 10.0, angle: 0 };
        letters.iter().map(glyph).collect()
    }

    fn texts(letters: &[(char, f32)]) -> Vec<String> {
        words(&glyphs(letters)).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn gaps_make_words() {
        type Case<'t> = (&'t str, &'t [(char, f32)], &'t [&'t str]);
        let cases: &[Case<'_>] = &[
            ("letters", &[('a', 0.0), ('b', 5.0), ('c', 10.0)], &["abc"]),
            ("kerning", &[('A', 0.0), ('V', 3.9), ('a', 10.5)], &["AVa"]),
            ("a gap without a space", &[('a', 0.0), ('b', 8.0)], &["a", "b"]),
            ("a space that is drawn", &[('a', 0.0), (' ', 5.0), ('b', 6.0)], &["a", "b"]),
            ("bold that is drawn twice", &[('a', 0.0), ('a', 0.3), ('b', 5.0), ('b', 5.3)], &["ab"]),
            ("two equal letters", &[('l', 0.0), ('l', 5.0)], &["ll"]),
            ("an accent before its letter", &[('´', 0.2), ('e', 0.0), ('t', 5.0)], &["ét"]),
            ("an accent after its letter", &[('u', 0.0), ('¨', 0.1), ('r', 5.0)], &["ür"]),
            ("Hebrew, last letter leftmost", &[('א', 20.0), ('ב', 15.0), ('ג', 10.0)], &["גבא"]),
            ("Chinese, spread", &[('中', 0.0), ('文', 9.0)], &["中文"]),
            ("back to the line's start", &[('a', 50.0), ('b', 0.0)], &["a", "b"]),
            ("nothing", &[], &[]),
        ];
        for (name, letters, expected) in cases {
            assert_eq!(texts(letters), *expected, "{name}");
        }
    }

    #[test]
    fn tight_lines_are_words() {
        // Letters of half an em, with these gaps before them in hundredths of an em.
        let set = |text: &str, gap: fn(char) -> f32| {
            let mut x = -5.0;
            let place = |letter: char| {
                x += 5.0 + gap(letter) / 10.0;
                (letter.to_ascii_lowercase(), x)
            };
            texts(&text.chars().map(place).collect::<Vec<_>>())
        };
        assert_eq!(
            set("weSetTheLine", |letter| if letter.is_uppercase() { 17.0 } else { 1.0 }),
            ["we", "set", "the", "line"]
        );
        assert_eq!(
            set("weSetTheLine", |letter| if letter.is_uppercase() { 9.0 } else { 0.0 }),
            ["wesettheline"]
        );
        assert_eq!(set("wesetit", |_| 16.0), ["wesetit"], "letters that are spaced out");
        assert_eq!(set("10000", |letter| if letter == '1' { 0.0 } else { 16.0 }), ["10000"]);
        assert_eq!(
            set("switchEs", |letter| if letter == 'E' { 16.0 } else { 0.0 }),
            ["switches"],
            "behind slanted letters"
        );
        assert_eq!(set("theFew", |letter| if letter == 'F' { 19.0 } else { 0.0 }), ["the", "few"]);
        assert_eq!(set("a(b)Is{c}", |letter| if ")I}".contains(letter) { 17.0 } else { 0.0 }), ["a(b)is{c}"]);
        assert_eq!(set("so...", |letter| if letter == '.' { 17.0 } else { 0.0 }), ["so..."]);
        let mut drawn = glyphs(&[('w', 0.0), ('e', 5.0), ('s', 11.9), ('e', 16.9), ('t', 21.9)]);
        assert_eq!(words(&drawn).len(), 2);
        drawn.push(Glyph { letter: ' ', x: 26.9, ..drawn[0] });
        assert_eq!(words(&drawn).len(), 1, "a page that draws spaces");
    }

    #[test]
    fn another_baseline_or_size_is_another_word() {
        let mut drawn = glyphs(&[('a', 0.0), ('b', 5.0), ('2', 10.0)]);
        drawn[2].y -= 4.0;
        drawn[2].size = 6.0;
        let words = words(&drawn);
        assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["ab", "2"]);
    }
}

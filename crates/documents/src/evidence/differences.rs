//! Judges whether words that share all letters, digits and signs say the same: what may differ is what people and PDFs
//! change in a quotation, never what changes its sense.

use std::ops::Range;

use super::atoms::Atom;
use super::characters::{Kind, is_dash, kind};
use super::islands::{self, What};
use crate::tokens::is_common_word;

/// Words with a greater number in the tokenizer's vocabulary are too rare to tell them from pieces of words.
const COMMON: u32 = 80_000;
/// The same for words that may follow "in", which begins other words with the opposite sense.
const VERY_COMMON: u32 = 10_000;
/// The most letters of a unit.
const UNIT: usize = 3;

/// A text and some of its atoms.
#[derive(Clone, Copy)]
pub(super) struct Words<'a> {
    pub text: &'a str,
    pub atoms: &'a [Atom],
}

impl<'a> Words<'a> {
    fn gap(&self, at: usize) -> Range<usize> {
        let (end, start) = (self.atoms[at].end, self.atoms[at + 1].start);
        end.min(start)..start
    }

    fn written(&self, atoms: Range<usize>) -> &'a str {
        &self.text[self.atoms[atoms.start].start..self.atoms[atoms.end - 1].end]
    }
}

/// How two letters are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    None,
    Space,
    Apostrophe,
    Hyphen,
    /// A hyphen at the end of a line.
    LineHyphen,
    Punctuation,
}

/// The gap between two atoms.
struct Gap {
    rest: String,
    islands: Vec<What>,
    hidden: Vec<char>,
}

impl Gap {
    fn of(words: Words, at: usize) -> Self {
        let (islands, rest) = islands::of_gap(words.text, words.gap(at));
        let (hidden, rest): (Vec<char>, Vec<char>) =
            rest.chars().filter(|c| kind(*c) != Kind::Optional).partition(|c| kind(*c) == Kind::Hidden);
        Self { rest: rest.into_iter().collect(), islands, hidden }
    }

    fn joint(&self, next: Option<char>) -> Joint {
        let rest = &*self.rest;
        let bare = rest.trim();
        let is_dash = bare.chars().count() == 1 && bare.starts_with(is_dash) || bare == "\u{ac}";
        match rest {
            "" => Joint::None,
            _ if bare.is_empty() => Joint::Space,
            "'" | "\u{2019}" | "\u{2bc}" => Joint::Apostrophe,
            _ if is_dash && rest.len() == bare.len() => Joint::Hyphen,
            _ if is_dash && rest.starts_with(bare) => {
                let is_inside = rest.contains('\n') || next.is_some_and(char::is_lowercase);
                if is_inside { Joint::LineHyphen } else { Joint::Punctuation }
            }
            _ => Joint::Punctuation,
        }
    }
}

/// Whether `cited` says what `document` says. Both have the same atoms. `has_note` tells whether the document has a
/// footnote of this number.
pub(super) fn is_same(document: Words, cited: Words, has_note: &dyn Fn(&str) -> bool) -> bool {
    let same_atoms = document.atoms.len() == cited.atoms.len()
        && document.atoms.iter().zip(cited.atoms).all(|(atom, other)| atom.c == other.c);
    if !same_atoms || !same_figures(document, cited) {
        return false;
    }
    let is_code = looks_like_code(cited.written(0..cited.atoms.len()));
    let mut spaced = Vec::new();
    for at in 0..cited.atoms.len().saturating_sub(1) {
        let (gap, other) = (document.gap(at), cited.gap(at));
        if document.text[gap] == cited.text[other] {
            continue;
        }
        let (gap, other) = (Gap::of(document, at), Gap::of(cited, at));
        let next = document.atoms[at + 1];
        let pair = (document.atoms[at].kind, next.kind);
        if !other.hidden.iter().all(|c| gap.hidden.contains(c)) {
            return false;
        }
        if !same_islands(&gap, &other, next, is_code, has_note) {
            return false;
        }
        let fits = match pair {
            (Kind::Digit, Kind::Digit) => same_number_gap(document, at, &gap.rest, &other.rest),
            (Kind::Letter | Kind::Mark, Kind::Letter | Kind::Mark) => {
                let next = document.text[next.start..].chars().next();
                match same_joint(gap.joint(next), other.joint(next), &gap.rest, &other.rest) {
                    Some(is_spaced) => {
                        spaced.extend(is_spaced.then_some(at));
                        true
                    }
                    None => false,
                }
            }
            _ => true,
        };
        if !fits || is_code && !same_operators(&gap.rest, &other.rest) {
            return false;
        }
    }
    let mut end = 0;
    spaced.into_iter().all(|at| {
        at < end || {
            let stretch = stretch(document, cited, at);
            end = stretch.end;
            is_better_spaced(document, cited, stretch)
        }
    })
}

/// Whether numbers and their units have the same case: a milliwatt is not a megawatt.
fn same_figures(document: Words, cited: Words) -> bool {
    let mut at = 0;
    while at < cited.atoms.len() {
        let is_letter = |at: usize| matches!(cited.atoms[at].kind, Kind::Letter | Kind::Mark);
        if !is_letter(at) {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < cited.atoms.len() && is_letter(end) && cited.gap(end - 1).is_empty() {
            end += 1;
        }
        let is_number = |at: usize| matches!(cited.atoms[at].kind, Kind::Digit);
        let follows = at > 0 && is_number(at - 1);
        let gap = |at: usize| cited.text[cited.gap(at)].trim().is_empty();
        let is_tight = follows && cited.gap(at - 1).is_empty()
            || end < cited.atoms.len() && is_number(end) && cited.gap(end - 1).is_empty();
        let (written, original) = (cited.written(at..end), document.written(at..end));
        let is_unit = follows && gap(at - 1) && written.len() <= UNIT;
        if (is_tight || is_unit) && written != original && differs_in_case(written, original) {
            return false;
        }
        at = end;
    }
    true
}

fn differs_in_case(text: &str, other: &str) -> bool {
    let cases =
        |text: &str| text.chars().filter(|c| c.is_alphabetic()).map(char::is_uppercase).collect::<Vec<_>>();
    cases(text) != cases(other)
}

/// Whether the citation has the islands of the document, or leaves out what may go.
fn same_islands(gap: &Gap, cited: &Gap, next: Atom, is_code: bool, has_note: &dyn Fn(&str) -> bool) -> bool {
    fn number(island: &What) -> Option<&str> {
        match island {
            What::Note(number) | What::Flat(number) => Some(number),
            What::Markup(_) => None,
        }
    }
    let numbers =
        |gap: &Gap| -> Vec<String> { gap.islands.iter().filter_map(number).map(str::to_owned).collect() };
    let is_markup = |island: &What| matches!(island, What::Markup(_));
    if !cited.islands.iter().filter(|island| is_markup(island)).all(|island| gap.islands.contains(island)) {
        return false;
    }
    let (own, others) = (numbers(gap), numbers(cited));
    if own == others {
        return true;
    }
    // A number before another may be a column of its own.
    let is_column = next.kind == Kind::Digit || matches!(next.c, '(' | '-' | '+');
    let may_go = |island: &What| match island {
        What::Markup(_) => true,
        What::Note(number) => !is_column || has_note(number),
        What::Flat(number) => has_note(number),
    };
    let has_brackets = |gap: &Gap| gap.rest.contains(['(', '[']);
    others.is_empty()
        && !is_code
        && has_brackets(gap) == has_brackets(cited)
        && gap.islands.iter().all(may_go)
}

/// Whether two gaps between letters differ in nothing that counts; `Some(true)`: if the spaces are better there.
fn same_joint(joint: Joint, cited: Joint, rest: &str, cited_rest: &str) -> Option<bool> {
    use Joint::{Apostrophe, Hyphen, LineHyphen, None as Tight, Space};
    let has_apostrophe = |text: &str| text.contains(['\'', '\u{2019}', '\u{2bc}']);
    match (joint, cited) {
        (joint, cited) if joint == cited => Some(false),
        (LineHyphen, Tight) | (Tight, LineHyphen) => Some(false),
        (Space, Tight) | (Tight, Space) => Some(true),
        (Tight, _) | (_, Tight) => None,
        (Apostrophe, _) => has_apostrophe(cited_rest).then_some(false),
        (_, Apostrophe) => has_apostrophe(rest).then_some(false),
        (Hyphen | LineHyphen, _) | (_, Hyphen | LineHyphen) => Some(false),
        _ => Some(false),
    }
}

/// Whether two gaps between digits differ in nothing that counts.
fn same_number_gap(words: Words, at: usize, rest: &str, cited: &str) -> bool {
    let is_thin = |c: char| matches!(c, '\u{a0}' | '\u{2009}' | '\u{202f}' | '\u{2007}');
    let inside = |gap: &str| {
        let mut chars = gap.chars();
        match (chars.next(), chars.next()) {
            (None, _) => true,
            (Some(c), None) => is_thin(c) || matches!(c, ',' | '.' | '\'' | '\u{2019}' | '_'),
            _ => false,
        }
    };
    match (inside(rest), inside(cited)) {
        _ if rest.trim().is_empty() && cited.trim().is_empty() && !rest.is_empty() && !cited.is_empty() => {
            true
        }
        (true, true) => is_group(words, at),
        // The other way around, a number would be put together from columns.
        (true, false) if !rest.is_empty() && cited == " " => is_group(words, at),
        (false, false) => {
            let marks = |gap: &str| {
                let marks = gap.chars().filter(|c| is_dash(*c) || matches!(c, '/' | ':' | '&'));
                marks.map(|c| if is_dash(c) { '-' } else { c }).collect::<String>()
            };
            let letters =
                |gap: &str| gap.contains(|c| matches!(kind(c), Kind::Sign | Kind::Letter | Kind::Digit));
            marks(rest) == marks(cited) && !letters(rest) && !letters(cited)
        }
        _ => false,
    }
}

/// Whether three digits, and no more, follow the gap, and at most three stand before it.
fn is_group(words: Words, at: usize) -> bool {
    let is_digit = |at: usize| words.atoms[at].kind == Kind::Digit;
    let joined = |at: &usize| is_digit(*at) && is_digit(at + 1) && words.gap(*at).is_empty();
    let after = (at + 1..words.atoms.len() - 1).take_while(joined).count() + 1;
    let before = (0..at).rev().take_while(joined).count() + 1;
    after == 3 && before <= 3
}

/// Whether no operator of code stands in the place of another.
fn same_operators(rest: &str, cited: &str) -> bool {
    let operators = |gap: &str| {
        gap.chars()
            .filter(|c| is_dash(*c) || matches!(c, '*' | '/' | '&' | '|' | '^' | '!'))
            .collect::<String>()
    };
    let (rest, cited) = (operators(rest), operators(cited));
    rest == cited || rest.is_empty() || cited.is_empty()
}

fn looks_like_code(text: &str) -> bool {
    text.contains(['{', '}', '=', ';', '_'])
        || text.contains("()")
        || text.contains("::")
        || text.contains("->")
}

/// The atoms around the gap `at` that are one word in at least one of the texts.
fn stretch(document: Words, cited: Words, at: usize) -> Range<usize> {
    let is_letter = |at: usize| matches!(cited.atoms[at].kind, Kind::Letter | Kind::Mark);
    let joined = |at: usize| document.gap(at).is_empty() || cited.gap(at).is_empty();
    let mut start = at;
    while start > 0 && is_letter(start - 1) && joined(start - 1) {
        start -= 1;
    }
    let mut end = at + 2;
    while end < cited.atoms.len() && is_letter(end) && joined(end - 1) {
        end += 1;
    }
    start..end
}

/// Whether the words of the document in these atoms are broken or glued, and those of the citation are not.
fn is_better_spaced(document: Words, cited: Words, atoms: Range<usize>) -> bool {
    let broken = pieces(document, atoms.clone());
    let whole = pieces(cited, atoms);
    let are_words = |pieces: &[&str]| pieces.iter().all(|piece| is_word(piece, COMMON));
    if are_words(&broken) {
        return false;
    }
    // "a", "an" and "in" may also begin a word of the opposite sense.
    let mut pairs = whole.windows(2);
    let turns = pairs.any(|pair| match &*pair[0].to_lowercase() {
        "a" | "an" => !broken.contains(&pair[0]),
        "in" => !broken.contains(&pair[0]) && !is_word(pair[1], VERY_COMMON),
        _ => false,
    });
    let begun = match (broken.as_slice(), whole.as_slice()) {
        ([first, ..], [one]) => {
            let begins = first.to_lowercase();
            let turns = ["a", "an", "in", "im", "un", "non", "no", "not", "dis", "mis", "ir", "il"];
            !turns.contains(&&*begins) || is_word(one, COMMON)
        }
        _ => true,
    };
    !turns && begun && (whole.len() == 1 || are_words(&whole))
}

fn pieces<'a>(words: Words<'a>, atoms: Range<usize>) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let mut start = atoms.start;
    for at in atoms.clone() {
        if at + 1 == atoms.end || !words.gap(at).is_empty() {
            pieces.push(words.written(start..at + 1));
            start = at + 1;
        }
    }
    pieces
}

fn is_word(piece: &str, most: u32) -> bool {
    let mut letters = piece.chars();
    match (letters.next(), letters.next()) {
        // Other letters alone are pieces of words.
        (Some(letter), None) => matches!(letter.to_ascii_lowercase(), 'a' | 'i' | 'o' | 'e' | 'y' | 'u'),
        _ => is_common_word(piece, most) || is_common_word(&piece.to_lowercase(), most),
    }
}

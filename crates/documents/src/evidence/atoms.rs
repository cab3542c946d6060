//! Reads a text as atoms: the letters, digits and signs that a citation must share with its document. What stands between
//! two atoms is their gap; `differences` judges it.
//!
//! Whether a character is an atom depends on the text around it alone, so an atom is the same wherever the reading
//! begins.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use super::characters::{Kind, is_dash, is_word, kind, kind as kind_of, raised_digit};
use super::islands;

/// A letter, digit or sign of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Atom {
    /// Without case and form.
    pub c: char,
    pub kind: Kind,
    /// The bytes of its character. Several atoms may come from one, such as a ligature.
    pub start: usize,
    pub end: usize,
}

/// A number in brackets, the accountants' notation for a negative number.
static LOSS: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\(\p{Sc}?\s?\p{Nd}[\p{Nd}.,]*\s?%?\)").expect("a fixed pattern"));
/// A number whose groups of three leave no doubt that their mark is no decimal one.
static GROUPS: LazyLock<Regex> = LazyLock::new(|| {
    let groups =
        [",", r"\.", "'", "\u{2019}", "_"].map(|mark| format!("[0-9]{{1,3}}(?:{mark}[0-9]{{3}}){{2,}}"));
    Regex::new(&format!("^(?:{})", groups.join("|"))).expect("a fixed pattern")
});
/// What raises text in HTML.
const SUP: &str = "<sup>";
/// The bytes that a look ahead takes.
const AHEAD: usize = 48;

/// The atoms of `text` that begin in `range`, given to `take` in order.
pub(super) fn read(text: &str, range: Range<usize>, mut take: impl FnMut(Atom)) {
    let mut at = range.start;
    // Where a number ends whose marks are no decimal ones.
    let mut grouped = 0;
    while at < range.end {
        let Some(c) = text[at..].chars().next() else { break };
        let end = at + c.len_utf8();
        let kind = kind(c);
        match kind {
            Kind::Letter | Kind::Mark | Kind::Script => match islands::at(text, at) {
                Some(island) => {
                    at = island.end;
                    continue;
                }
                None => letters(c, kind, at..end, &mut take),
            },
            Kind::Digit => {
                if let Some(island) = islands::at(text, at) {
                    at = island.end;
                    continue;
                }
                if at >= grouped && !follows_digit(text, at) {
                    grouped = GROUPS.find(ahead(text, at)).map_or(0, |number| at + number.end());
                }
                take(Atom { c: digit(c), kind, start: at, end });
            }
            Kind::Space | Kind::Hidden | Kind::Optional => {}
            // A power.
            Kind::Sign if text[at..].starts_with(SUP) && follows_digit(text, at) => {
                take(Atom { c: '^', kind, start: at, end: at + SUP.len() });
                at += SUP.len();
                continue;
            }
            Kind::Raised | Kind::Sign | Kind::Other => {
                if let Some(island) = islands::at(text, at) {
                    at = island.end;
                    continue;
                }
                if let Some(c) = sign(text, at, c, kind, at < grouped) {
                    take(Atom { c, kind: Kind::Sign, start: at, end });
                }
                if let (Kind::Raised, Some(digit)) = (kind, raised_digit(c)) {
                    take(Atom { c: digit, kind: Kind::Digit, start: at, end });
                }
            }
        }
        at = end;
    }
}

/// The atoms of `text` in `range`.
pub(super) fn atoms(text: &str, range: Range<usize>) -> Vec<Atom> {
    let mut atoms = Vec::new();
    read(text, range, |atom| atoms.push(atom));
    atoms
}

fn letters(c: char, kind: Kind, bytes: Range<usize>, take: &mut impl FnMut(Atom)) {
    let (start, end) = (bytes.start, bytes.end);
    if c.is_ascii() {
        return take(Atom { c: c.to_ascii_lowercase(), kind, start, end });
    }
    let is_form = !matches!(c, '\u{3040}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}');
    if !is_form {
        return take(Atom { c, kind, start, end });
    }
    for c in std::iter::once(c).nfkd().flat_map(char::to_lowercase) {
        let c = if c == '\u{3c2}' { '\u{3c3}' } else { c };
        match kind_of(c) {
            Kind::Optional | Kind::Hidden | Kind::Space => {}
            kind => take(Atom { c, kind, start, end }),
        }
    }
}

/// The digit in ASCII, whatever its script.
fn digit(c: char) -> char {
    if c.is_ascii() {
        return c;
    }
    // The digits of a script follow each other, and nothing else does.
    let before = (1..10).take_while(|n| char::from_u32(c as u32 - n).is_some_and(|c| kind(c) == Kind::Digit));
    char::from_digit(before.count() as u32 % 10, 10).unwrap_or(c)
}

fn ahead(text: &str, at: usize) -> &str {
    &text[at..text.ceil_char_boundary(at + AHEAD)]
}

fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

fn after(text: &str, at: usize) -> Option<char> {
    let mut chars = text[at..].chars();
    chars.next();
    chars.next()
}

fn is_digit(c: Option<char>) -> bool {
    c.is_some_and(|c| kind(c) == Kind::Digit)
}

fn follows_digit(text: &str, at: usize) -> bool {
    is_digit(before(text, at))
}

/// The sign that this character is, if it is one.
fn sign(text: &str, at: usize, c: char, kind: Kind, is_grouped: bool) -> Option<char> {
    let previous = before(text, at);
    let next = after(text, at);
    let is_free = !previous.is_some_and(|c| is_word(kind_of(c)));
    match c {
        // Signs that keyboards write in different ways.
        '\u{66a}' | '\u{fe6a}' | '\u{ff05}' => Some('%'),
        '.' | ',' | ':' | '/' | '\u{66b}' | '\u{66c}' if is_digit(previous) && is_digit(next) => {
            let c = match c {
                '\u{66b}' => '.',
                '\u{66c}' => ',',
                _ => c,
            };
            (!is_grouped).then_some(c)
        }
        '.' if is_free && previous != Some('.') && is_digit(next) => Some('.'),
        '^' if is_digit(previous) && is_digit(next) => Some('^'),
        '(' if LOSS.is_match(ahead(text, at)) => Some('('),
        '!' if is_free && next.is_some_and(|c| is_word(kind_of(c)) || matches!(c, '(' | '=' | '_' | '&')) => {
            Some('!')
        }
        '\u{b0}' | '\u{2032}' | '\u{2033}' if is_digit(previous) => Some(c),
        _ if is_dash(c) && c != '\u{ad}' => {
            let mut chars = text[at..].chars().skip(1);
            let next = chars.next();
            let number = match next {
                Some('.') => chars.next(),
                Some(c) if kind_of(c) == Kind::Sign && c != '>' => chars.next(),
                next => next,
            };
            (is_free && !previous.is_some_and(is_dash) && is_digit(number)).then_some('-')
        }
        // A superscript is a power after a number; an index is not.
        _ if kind == Kind::Raised => match raised_digit(c) {
            None => Some(c),
            Some(_) if is_digit(previous) => Some(if c >= '\u{2080}' { '_' } else { '^' }),
            Some(_) => None,
        },
        _ if kind == Kind::Sign => (!islands::is_layout(text, at, c)).then_some(c),
        _ => None,
    }
}

//! Finds what stands in a text and is no part of its words: marks of footnotes, targets of links, tags, lines that are
//! drawn.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::characters::{self, Kind, is_word, kind};

/// The bytes of an island at most, and those before it that decide.
const LONGEST: usize = 2048;
const BEFORE: usize = 48;
/// The fewest letters of a word that has the mark of a footnote: shorter ones are units, as in `m²`.
const WORD: usize = 3;

/// Something that a citation may leave out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Island {
    pub end: usize,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The mark of a footnote, by its number.
    Note(String),
    /// The same as a digit that sticks to its word: PDFs lose that it was raised.
    Flat(String),
    /// The target of a link in Markdown, or a tag of HTML, as it is written.
    Markup(String),
}

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static BRACKETED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:\((\p{Nd}{1,2})\)|\[\^?(\p{Nd}{1,3})\]|<sup>(\p{Nd}{1,3})</sup>)"));
static TARGET: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"^\((?:[a-z][a-z+]*:|\.{0,2}/|#|[^()\s]*\.(?:md|html?)\b)[^()\s]*(?:\([^()\s]*\)[^()\s]*)?(?:\s+"[^"\n]*")?\)"#,
    )
});
static TAG: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^</?(?:b|i|u|em|strong|br|sup|sub|span|small|p|s|del|ins|mark|code)\s*/?>"));
static FLAT: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\p{L}?\p{Ll}{3,}$"));
/// What may stand before the quotes of a literal in code, as in `b'x'`.
static PREFIX: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"^(?:(?:b|br|rb|r|f|u)(?:'[^'\n]*'|"[^"\n]*")|(?:c|L|u8)"[^"\n]*")"#));

/// The end of the letters before a literal in code that begins at `at`, if they may be left out.
pub(super) fn prefix(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let quote = (at + 1..at + 3).find(|at| matches!(bytes.get(*at), Some(b'\'' | b'"')))?;
    let is_free = !text[..at].ends_with(|c| is_word(kind(c)) || c == '_');
    let ahead = &text[at..text.ceil_char_boundary((at + LONGEST).min(text.len()))];
    (is_free && PREFIX.is_match(ahead)).then_some(quote)
}

/// The island that begins at `at`. It decides by the text around it alone.
pub(super) fn at(text: &str, at: usize) -> Option<Island> {
    let c = text[at..].chars().next()?;
    let ahead = &text[at..text.ceil_char_boundary((at + LONGEST).min(text.len()))];
    let before = &text[text.floor_char_boundary(at.saturating_sub(BEFORE))..at];
    match c {
        'b' | 'c' | 'f' | 'r' | 'u' | 'L' => {
            prefix(text, at).map(|end| Island { end, what: What::Markup(text[at..end].to_owned()) })
        }
        '(' if before.ends_with(']') => {
            let target = TARGET.find(ahead)?;
            Some(Island { end: at + target.end(), what: What::Markup(target.as_str().to_owned()) })
        }
        '(' | '[' | '<' => {
            let note = BRACKETED.captures(ahead).filter(|_| may_have_note(before, c));
            let note = note.and_then(|note| {
                let number = note.iter().skip(1).flatten().next()?.as_str().to_owned();
                Some(Island { end: at + note.get(0)?.end(), what: What::Note(number) })
            });
            note.or_else(|| {
                let tag = TAG.find(ahead).filter(|_| c == '<')?;
                let is_power = tag.as_str() == "<sup>" && before.ends_with(char::is_numeric);
                let what = What::Markup(tag.as_str().to_owned());
                (!is_power).then_some(Island { end: at + tag.end(), what })
            })
        }
        _ if kind(c) == Kind::Raised => {
            let run = &ahead[..ahead.find(|c| kind(c) != Kind::Raised).unwrap_or(ahead.len())];
            let goes_on = ahead[run.len()..].chars().next().is_some_and(|c| is_word(kind(c)));
            let number = characters::raised(run)?;
            let letters =
                before.chars().rev().take_while(|c| matches!(kind(*c), Kind::Letter | Kind::Mark)).count();
            let is_note = !goes_on && (letters >= WORD || is_script(before) || closes(before));
            is_note.then_some(Island { end: at + run.len(), what: What::Note(number) })
        }
        '0'..='9' if before.ends_with(char::is_lowercase) => {
            let run = &ahead[..ahead.find(|c: char| !c.is_ascii_digit()).unwrap_or(ahead.len())];
            let next = ahead[run.len()..].chars().next();
            let goes_on = next.is_some_and(|c| is_word(kind(c)) || matches!(c, '_' | '(' | '[' | '%'));
            let is_point = matches!(next, Some('.' | ','))
                && ahead[run.len() + 1..].starts_with(|c: char| c.is_ascii_digit());
            let is_flat = run.len() <= 2 && !goes_on && !is_point && FLAT.is_match(before);
            is_flat.then(|| Island { end: at + run.len(), what: What::Flat(run.to_owned()) })
        }
        _ => None,
    }
}

/// Whether a mark in brackets may follow: behind a word or a sentence, on the same line; in round brackets behind a
/// number only where no space makes it a number of its own.
fn may_have_note(before: &str, bracket: char) -> bool {
    let bare = before.strip_suffix(' ').unwrap_or(before);
    let is_tight = bare.len() == before.len();
    match bare.chars().next_back().map(|c| (c, kind(c))) {
        Some((_, Kind::Letter | Kind::Script | Kind::Mark)) => true,
        Some((_, Kind::Digit)) => is_tight,
        _ => bracket != '(' && closes(bare) || is_tight && closes(bare),
    }
}

fn closes(before: &str) -> bool {
    before.ends_with([
        '.', ',', ';', ':', '?', '!', '"', '\u{201d}', '\u{2019}', ')', ']', '\u{3002}', '\u{ff0c}',
    ])
}

fn is_script(before: &str) -> bool {
    before.chars().next_back().is_some_and(|c| kind(c) == Kind::Script)
}

/// The islands of a gap, and the text of the gap without them.
pub(super) fn of_gap(text: &str, gap: Range<usize>) -> (Vec<What>, String) {
    let (mut islands, mut rest) = (Vec::new(), String::new());
    let mut from = gap.start;
    while let Some(c) = text[from..gap.end].chars().next() {
        match at(text, from) {
            Some(island) if island.end <= gap.end => {
                islands.push(island.what);
                from = island.end;
            }
            _ => {
                rest.push(c);
                from += c.len_utf8();
            }
        }
    }
    (islands, rest)
}

/// Whether the sign `c` is drawn there, and means nothing: a quotation mark of mails, a bullet, a line.
pub(super) fn is_layout(text: &str, at: usize, c: char) -> bool {
    let before = &text[text.floor_char_boundary(at.saturating_sub(BEFORE))..at];
    let after = &text.as_bytes()[at + c.len_utf8()..];
    let begins_line =
        || before.rsplit('\n').next().is_some_and(|line| line.trim_matches(['>', ' ', '\t']).is_empty());
    let is_drawn =
        |two: Option<&[u8]>| two.is_some_and(|two| two.iter().all(|byte| matches!(byte, b'-' | b'=')));
    match c {
        '>' => begins_line(),
        '+' if is_drawn(after.get(..2))
            || is_drawn(before.as_bytes().last_chunk::<2>().map(<[u8; 2]>::as_slice)) =>
        {
            true
        }
        '+' => begins_line() && after.first().is_some_and(u8::is_ascii_whitespace),
        '=' => {
            let run = |byte: &&u8| **byte == b'=';
            let left = before.as_bytes().iter().rev().take(3).take_while(run).count();
            left + after.iter().take(3).take_while(run).count() >= 3
        }
        _ => false,
    }
}

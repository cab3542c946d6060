//! A citation with its letters, and where a text has them so that they say the same.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::atoms::{self, Atom};
use super::characters::{Kind, is_dash, kind};
use super::differences::{self, Words};
use super::letters::Letters;
use super::sources::Sources;
use super::{DocumentRange, PLACES, islands, parts};
use crate::tokens::is_common_word;
use crate::wording;

/// Bytes of letters at the edge of a chunk that are not compared with documents at first, and those that are.
pub(super) const EDGE: usize = 32;
pub(super) const PROBE: usize = 256;
/// The fewest whole words before a half one.
const BEFORE_CUT: usize = 5;
/// A half word of more letters than this that is common is taken for a whole one.
const HALF: usize = 3;
/// The greatest number of a common word in the tokenizer's vocabulary.
const COMMON: u32 = 20_000;

/// Words that are looked for.
pub(super) struct Cited<'a> {
    /// The citation as the worker wrote it.
    pub whole: &'a str,
    /// Its words without frame, with what the reading put before them.
    text: Cow<'a, str>,
    /// Where they begin.
    from: usize,
    atoms: Vec<Atom>,
    /// Its atoms as a text.
    pub letters: String,
}

impl<'a> Cited<'a> {
    pub(super) fn of(words: &'a str) -> Option<Self> {
        Self::read(Cow::Borrowed(words), 0, words)
    }

    /// The ways to read these words: a mark at their beginning may be that of a footnote or their own.
    pub(super) fn readings(words: &'a str, whole: &'a str) -> Vec<Self> {
        let mut readings: Vec<Self> = Self::read(Cow::Borrowed(words), 0, whole).into_iter().collect();
        if words.starts_with(['(', '[']) {
            let before = "word ";
            readings.extend(Self::read(Cow::Owned(format!("{before}{words}")), before.len(), whole));
        }
        readings.extend(Self::spelled(words, whole));
        readings
    }

    /// The same with a small number as contracts write it: `thirty (30)`.
    fn spelled(words: &str, whole: &'a str) -> Option<Self> {
        static NUMBER: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"(^|[\s(])(\d{1,2})(\s+\p{L})").expect("a fixed pattern"));
        let number = NUMBER.captures(words)?;
        let word = parts::spelled(number[2].parse().ok()?)?;
        let text = NUMBER.replace(words, |number: &Captures| {
            format!("{}{word} ({}){}", &number[1], &number[2], &number[3])
        });
        Self::read(Cow::Owned(text.into_owned()), 0, whole)
    }

    fn read(text: Cow<'a, str>, from: usize, whole: &'a str) -> Option<Self> {
        let atoms = atoms::atoms(&text, from..text.len());
        let letters: String = atoms.iter().map(|atom| atom.c).collect();
        (!letters.is_empty()).then_some(Self { whole, text, from, atoms, letters })
    }

    /// The first place in the documents that contains these words whole.
    pub(super) fn anywhere(&self, sources: &Sources) -> Option<DocumentRange> {
        (0..sources.len()).find_map(|document| {
            let (text, letters) = (sources.text(document), sources.letters(document));
            let mut places = letters.find(&self.letters).take(PLACES);
            places.find_map(|at| {
                let bytes = letters.origin(text, &(at..at + self.letters.len()));
                Some((document, self.held(text, bytes, sources)?))
            })
        })
    }

    /// The part of `span` where `text` says the same, in whole words. Without its last word if the citation is cut in it.
    pub(super) fn held(&self, text: &str, span: Range<usize>, sources: &Sources) -> Option<Range<usize>> {
        self.held_whole(text, span.clone(), sources).or_else(|| self.held_but_the_end(text, span, sources))
    }

    /// `span`, if `text` says the same there in whole words.
    pub(super) fn held_whole(
        &self,
        text: &str,
        span: Range<usize>,
        sources: &Sources,
    ) -> Option<Range<usize>> {
        let holds = is_whole(text, &span)
            && !is_torn(text, &span)
            && self.is_same(text, &span, self.atoms.len(), sources)
            && self.has_same_outside(text, &span);
        holds.then_some(span)
    }

    /// Whether the first `count` atoms say the same as `text` in `span`.
    fn is_same(&self, text: &str, span: &Range<usize>, count: usize, sources: &Sources) -> bool {
        let atoms = atoms::atoms(text, span.clone());
        let has_note = |number: &str| sources.has_note(number);
        let cited = Words { text: &self.text, atoms: &self.atoms[..count] };
        differences::is_same(Words { text, atoms: &atoms }, cited, &has_note)
    }

    /// The same without the last word, if the citation ends within a longer word of the text.
    fn held_but_the_end(&self, text: &str, span: Range<usize>, sources: &Sources) -> Option<Range<usize>> {
        let last = self
            .atoms
            .last()
            .filter(|last| last.kind == Kind::Letter && self.text[last.end..].trim().is_empty())?;
        let rest = &text[span.end..text.ceil_char_boundary((span.end + 64).min(text.len()))];
        let rest = &rest[..rest.find(|c| kind(c) != Kind::Letter).unwrap_or(rest.len())];
        let half = self.text[..last.end].rfind(|c| kind(c) != Kind::Letter)?;
        let half = half + self.text[half..].chars().next()?.len_utf8();
        let fragment = &self.text[half..last.end];
        let is_a_word = fragment.chars().count() > HALF && is_common_word(fragment, COMMON);
        let begins = kind(self.text[..half].chars().next_back()?) == Kind::Space;
        let count = self.atoms.partition_point(|atom| atom.start < half);
        let words = self.text[self.from..half].split_whitespace().count();
        if rest.is_empty() || is_a_word || !begins || words < BEFORE_CUT || parts::turns_word(rest) {
            return None;
        }
        let own = atoms::atoms(text, span.clone());
        let end = own.get(count.checked_sub(1)?)?.end;
        let held = span.start..end;
        (is_whole(text, &held) && self.is_same(text, &held, count, sources) && !is_torn(text, &held))
            .then_some(held)
    }

    /// Whether marks before the first word and after the last one stand in the text, too.
    fn has_same_outside(&self, text: &str, span: &Range<usize>) -> bool {
        let (Some(first), Some(last)) = (self.atoms.first(), self.atoms.last()) else { return false };
        let (before, after) = (&self.text[self.from..first.start], &self.text[last.end..]);
        // A call without arguments has none there either.
        let has_words =
            |gap: &str| gap.contains(char::is_alphanumeric) || gap.starts_with("()") || gap.starts_with("[]");
        let dense = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let near = |bytes: usize| bytes * 2 + 16;
        let from = text.floor_char_boundary(span.start.saturating_sub(near(before.len())));
        let to = text.ceil_char_boundary((span.end + near(after.len())).min(text.len()));
        (!has_words(before) || dense(&text[from..span.start]).ends_with(&dense(before)))
            && (!has_words(after) || dense(&text[span.end..to]).starts_with(&dense(after)))
    }

    /// `bytes` with what the citation has around its words, where the text has it too.
    pub(super) fn framed(&self, text: &str, bytes: Range<usize>) -> Range<usize> {
        let (Some(first), Some(last)) = (self.atoms.first(), self.atoms.last()) else { return bytes };
        let (before, after) = (&self.text[self.from..first.start], &self.text[last.end..]);
        let words = &self.text[self.from..];
        if let Some((lead, tail)) = self.whole.split_once(words) {
            let (lead, tail) = (format!("{lead}{before}"), format!("{after}{tail}"));
            if text[..bytes.start].ends_with(&lead) && text[bytes.end..].starts_with(&tail) {
                let all = bytes.start - lead.len()..bytes.end + tail.len();
                if text[all.clone()] == *self.whole {
                    return all;
                }
            }
        }
        let start =
            if text[..bytes.start].ends_with(before) { bytes.start - before.len() } else { bytes.start };
        let end = if text[bytes.end..].starts_with(after) { bytes.end + after.len() } else { bytes.end };
        start..end
    }
}

/// The spans of `first` and of the others behind it, as ellipses may stand between them.
pub(super) fn following(
    text: &str,
    first: Range<usize>,
    others: &[Cited],
    sources: &Sources,
) -> Option<Vec<Range<usize>>> {
    let mut spans = vec![first];
    for cited in others {
        let end = spans.last()?.end;
        let reach = parts::ELIDED + 2 * cited.text.len() + 64;
        let rest = &text[end..text.ceil_char_boundary((end + reach).min(text.len()))];
        let letters = Letters::of(rest);
        let next = letters.find(&cited.letters).find_map(|at| {
            let span = letters.origin(rest, &(at..at + cited.letters.len()));
            let span = end + span.start..end + span.end;
            let may_elide = parts::may_elide(&text[end..span.end], span.start - end);
            may_elide.then(|| cited.held_whole(text, span, sources)).flatten()
        })?;
        spans.push(next);
    }
    Some(spans)
}

/// The spans of the parts of a citation within these bytes.
pub(super) fn following_first(
    text: &str,
    bytes: Range<usize>,
    cited: &[Cited],
    sources: &Sources,
) -> Option<Vec<Range<usize>>> {
    let (first, others) = cited.split_first()?;
    let within = &text[bytes.clone()];
    let letters = Letters::of(within);
    let at = letters.find(&first.letters).next()?;
    let span = letters.origin(within, &(at..at + first.letters.len()));
    let span = first.held_whole(text, bytes.start + span.start..bytes.start + span.end, sources)?;
    following(text, span, others, sources)
}

/// Whether neither end of this range cuts a word or a number of `text`.
pub(super) fn is_whole(text: &str, bytes: &Range<usize>) -> bool {
    let (before, inside) = (&text[..bytes.start], &text[bytes.clone()]);
    let starts = edge(before.chars().rev(), inside.chars());
    let ends = edge(text[bytes.end..].chars(), inside.chars().rev());
    match (starts, ends) {
        (Edge::Cut, _) if !begins_literal(text, bytes.start) => return false,
        (_, Edge::Cut) => return false,
        (Edge::Whole, Edge::Whole) => return true,
        _ => {}
    }
    wording::is_whole(text, &(bytes.start..closed(text, bytes)), |start| begins_literal(text, start))
        && !is_joined(text[..bytes.start].chars().rev(), text[bytes.start..].chars())
        && !is_joined(text[bytes.end..].chars(), text[..bytes.end].chars().rev())
}

/// The end of these bytes, behind the bracket that closes their last one: the minus of a loss is both brackets.
fn closed(text: &str, bytes: &Range<usize>) -> usize {
    let opens =
        text[bytes.clone()].rfind(['(', ')']).is_some_and(|at| text[bytes.start + at..].starts_with('('));
    let rest = text[bytes.end..].trim_start_matches(' ');
    if opens && rest.starts_with(')') { text.len() - rest.len() + 1 } else { bytes.end }
}

/// What the characters at an edge tell at once.
enum Edge {
    Whole,
    Cut,
    Unclear,
}

/// The edge of some words: outwards and inwards from it.
fn edge(mut outside: impl Iterator<Item = char>, mut inside: impl Iterator<Item = char>) -> Edge {
    let is_word = |kind: Kind| matches!(kind, Kind::Letter | Kind::Mark | Kind::Digit);
    let (Some(first), inside) = (outside.next(), inside.next().map(kind)) else { return Edge::Unclear };
    match (kind(first), inside) {
        (outside, Some(inside)) if is_word(outside) && is_word(inside) => Edge::Cut,
        // A number may take the letters behind it as its unit.
        (Kind::Space, Some(Kind::Letter)) => match outside.next().map(kind) {
            Some(Kind::Letter) => Edge::Whole,
            _ => Edge::Unclear,
        },
        _ => Edge::Unclear,
    }
}

/// Whether the word goes on over what is not seen, or over a hyphen at the end of a line: outwards, from an edge.
fn is_joined(outside: impl Iterator<Item = char>, mut inside: impl Iterator<Item = char>) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| matches!(kind(c), Kind::Letter | Kind::Mark));
    if !is_letter(inside.next()) {
        return false;
    }
    let (mut has_hidden, mut has_dash, mut has_line) = (false, false, false);
    for c in outside.take(40) {
        match kind(c) {
            Kind::Hidden => has_hidden = true,
            Kind::Space => has_line |= c == '\n',
            _ if is_dash(c) && !has_dash => has_dash = true,
            kind => {
                let goes_on = matches!(kind, Kind::Letter | Kind::Mark);
                return goes_on && (has_dash && has_line || has_hidden && !has_dash && !has_line);
            }
        }
    }
    false
}

/// Whether a literal in code begins there, behind its quote and the letter before that.
fn begins_literal(text: &str, start: usize) -> bool {
    let Some(quote) = start.checked_sub(1).filter(|at| matches!(text.as_bytes()[*at], b'\'' | b'"')) else {
        return false;
    };
    let letters = text[..quote].bytes().rev().take_while(u8::is_ascii_alphabetic).take(2).count();
    letters > 0 && islands::prefix(text, quote - letters) == Some(quote)
}

/// Whether a "not" stands right next to these bytes: what they say without it may be the opposite.
pub(super) fn is_torn(text: &str, bytes: &Range<usize>) -> bool {
    let from = text.floor_char_boundary(bytes.start.saturating_sub(24));
    let to = text.ceil_char_boundary((bytes.end + 24).min(text.len()));
    parts::denies(&text[from..bytes.start], &text[bytes.end..to])
}

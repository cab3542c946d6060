//! An answer that is a number: within a tolerance, in any usual unit and wording.

mod found;
mod spelt;
mod units;

use crate::phrase::plain;
use crate::score::Score;
use found::{Found, Role};
use units::{Kind, Unit};

/// Numbers with so many digits don't come up by chance.
const TELLING: usize = 3;
/// What rounding in the last place may differ by.
const EPSILON: f64 = 1e-9;

/// The number that is known.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Number {
    value: f64,
    /// As the question has it.
    words: String,
    scale: f64,
    unit: Option<Unit>,
    tolerance: Tolerance,
    is_year: bool,
}

/// How far an answer may be off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Tolerance {
    /// In the number's own unit.
    Amount(f64),
    /// A part of the number.
    Share(f64),
}

impl Tolerance {
    /// Reads `5` or `1%`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let share = text.trim().strip_suffix('%');
        let number: f64 = share.unwrap_or(text).trim().parse().ok().filter(|number: &f64| *number >= 0.0)?;
        Some(if share.is_some() { Self::Share(number / 100.0) } else { Self::Amount(number) })
    }
}

impl Number {
    /// `unit` is in words: `million dollars`, `%`, `days`, `releases`.
    pub(crate) fn new(value: f64, unit: &str, tolerance: Tolerance) -> Self {
        let words = plain(unit);
        let scale = words.split_whitespace().filter_map(units::scale).product();
        let rest: Vec<&str> = words
            .split_whitespace()
            .filter(|word| units::scale(word).is_none() && !matches!(*word, "of" | "us" | "u.s."))
            .collect();
        let unit_of = |words: &str| units::unit(words);
        let known = unit_of(&rest.join(" ")).or_else(|| rest.iter().find_map(|word| unit_of(word)));
        let is_year = value.fract() == 0.0
            && (1000.0..2200.0).contains(&value)
            && rest.iter().all(|word| *word == "year");
        Self {
            value,
            words: unit.trim().to_owned(),
            scale,
            unit: known.filter(|_| !is_year),
            tolerance,
            is_year,
        }
    }

    /// As people read it.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.value, self.words).trim().to_owned()
    }

    /// Scores an answer.
    pub(crate) fn score(&self, answer: &str) -> Score {
        let text = plain(answer);
        let all = found::numbers(&text);
        let counts = |found: &&Found| match found.role {
            Role::Amount | Role::Choice => true,
            Role::Year => self.is_year,
            Role::Weak => false,
            Role::Label => self.names_label(&text[..found.start]),
        };
        let mut numbers: Vec<&Found> = all.iter().filter(counts).collect();
        if numbers.is_empty()
            || self.value == 0.0 && !numbers.iter().any(|found| self.fit(found) == Fit::Equal)
        {
            numbers.extend(all.iter().filter(|found| matches!(found.role, Role::Weak | Role::Label)));
            numbers.sort_by_key(|found| found.start);
        }
        let equal: Vec<&Found> = numbers
            .iter()
            .copied()
            .filter(|found| {
                matches!(self.fit(found), Fit::Equal | Fit::NoScale) && !found::is_denied(&text, found)
            })
            .collect();
        if equal.is_empty() {
            return self.missed(&numbers, &text);
        }
        if equal.iter().all(|found| found.role == Role::Choice) {
            return Score::partly(format!(
                "{} is one of several numbers or the end of a range",
                self.shown()
            ));
        }
        if equal.iter().all(|found| found.role == Role::Label && !self.names_label(&text[..found.start])) {
            return Score::partly(format!("{} numbers something there", self.shown()));
        }
        let bold = bold_numbers(answer);
        if !bold.is_empty()
            && !bold.iter().any(|found| self.fit(found) == Fit::Equal)
            && bold.iter().any(|found| found.role == Role::Amount && self.may_be(found))
        {
            return Score::partly(format!(
                "{} is there, but another number is the one in bold",
                self.shown()
            ));
        }
        let rivals: Vec<&Found> = numbers.iter().copied().filter(|found| self.may_be(found)).collect();
        let is_told =
            equal.iter().any(|found| found.role != Role::Choice && self.is_prominent(found, &rivals, &text));
        let is_bold = bold.iter().any(|found| self.fit(found) == Fit::Equal);
        if !is_told && !is_bold {
            return Score::partly(format!("{} stands among other numbers", self.shown()));
        }
        if equal.iter().all(|found| self.fit(found) == Fit::NoScale) {
            return Score::partly(format!("the scale is missing: {} is meant", self.shown()));
        }
        Score::right()
    }

    fn missed(&self, numbers: &[&Found], text: &str) -> Score {
        let has_raw = |found: &&&Found| {
            near(found.value.abs(), self.value.abs(), 0.0) && !found::is_denied(text, found)
        };
        if numbers.iter().find(has_raw).is_some() {
            return Score::wrong(format!("the number is there, but not as {}", self.shown()));
        }
        let said: Vec<&str> =
            numbers.iter().take(4).map(|found| text[found.start..found.end].trim()).collect();
        match said.is_empty() {
            true => Score::wrong(format!("no number is given, {} is known", self.shown())),
            false => Score::wrong(format!("it says {}, not {}", said.join(", "), self.shown())),
        }
    }

    /// Whether the text before a number ends with what this number counts: `page`.
    fn names_label(&self, before: &str) -> bool {
        let word = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        !word.is_empty()
            && plain(&self.words)
                .split_whitespace()
                .any(|own| own.trim_end_matches('s') == word.trim_end_matches('s'))
    }

    /// Whether a number could be meant as the answer.
    fn may_be(&self, found: &Found) -> bool {
        let units = found.unit.zip(self.unit);
        units.is_none_or(|(theirs, own)| theirs.kind == own.kind)
            && (found.unit.is_none()
                || self.unit.is_some()
                || !matches!(found.unit, Some(Unit { kind: Kind::Share, .. })))
    }

    /// Whether a number is said as the answer and not in passing.
    fn is_prominent(&self, found: &Found, rivals: &[&Found], text: &str) -> bool {
        let differs = |other: &&&Found| self.fit(other) == Fit::Differs;
        if !rivals.iter().any(|other| differs(&other)) || found.digits >= TELLING {
            return true;
        }
        let sentence = sentence_of(text, found.start);
        let in_sentence: Vec<&&Found> =
            rivals.iter().filter(|other| sentence_of(text, other.start) == sentence).collect();
        let is_first_sentence =
            rivals.first().is_some_and(|first| sentence_of(text, first.start) == sentence);
        let is_last_sentence = rivals.last().is_some_and(|last| sentence_of(text, last.start) == sentence);
        let leads = in_sentence.first().is_some_and(|first| self.fit(first) != Fit::Differs);
        (is_first_sentence && leads) || (is_first_sentence || is_last_sentence) && is_cued(text, found.start)
    }

    fn fit(&self, found: &Found) -> Fit {
        if let Some((scale, unit)) = found.letters {
            let as_scale = Found { letters: None, scale: Some(scale), ..found.clone() };
            let as_unit = Found { letters: None, unit: Some(unit), ..found.clone() };
            return match self.fit(&as_unit) {
                Fit::Differs => self.fit(&as_scale),
                fit => fit,
            };
        }
        if found.unit.zip(self.unit).is_some_and(|(theirs, own)| theirs.kind != own.kind) {
            return Fit::Differs;
        }
        let own = self.value * self.scale * self.unit.map_or(1.0, |unit| unit.factor);
        let factor = found.unit.filter(|_| self.unit.is_some()).map_or(1.0, |unit| unit.factor);
        let theirs = found.value * found.scale.unwrap_or(1.0) * factor;
        let slack = match self.tolerance {
            Tolerance::Share(share) => own.abs() * share,
            Tolerance::Amount(amount) => amount * self.scale * self.unit.map_or(1.0, |unit| unit.factor),
        };
        let same = |theirs: f64, own: f64, slack: f64| {
            near(theirs, own, slack) || own < 0.0 && near(theirs, -own, slack)
        };
        let is_bare =
            found.scale.is_none() && (found.unit.is_none() || self.unit.is_none() || found.unit == self.unit);
        let raw_slack = match self.tolerance {
            Tolerance::Share(share) => self.value.abs() * share,
            Tolerance::Amount(amount) => amount,
        };
        if (found.unit.is_some() || found.scale.is_some() || self.unit.is_none()) && same(theirs, own, slack)
        {
            return Fit::Equal;
        }
        if is_bare && same(found.value, self.value, raw_slack) {
            return if self.scale > 1.0 { Fit::NoScale } else { Fit::Equal };
        }
        // A share as a fraction of one, or an amount written out.
        if found.unit.is_none() && same(theirs, own, slack) {
            return Fit::Equal;
        }
        // The question does not name the scale of its number.
        if self.scale == 1.0 && self.unit.is_none() && same(found.value, self.value, raw_slack) {
            return Fit::Equal;
        }
        Fit::Differs
    }
}

/// What a number of an answer is beside the known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Equal,
    /// Its digits are the same, and its scale is not said.
    NoScale,
    Differs,
}

fn near(a: f64, b: f64, slack: f64) -> bool {
    (a - b).abs() <= slack + EPSILON * b.abs().max(1e-12)
}

/// The numbers between two stars.
fn bold_numbers(answer: &str) -> Vec<Found> {
    let parts = answer.split("**").skip(1).step_by(2);
    parts.flat_map(|part| found::numbers(&plain(part))).collect()
}

/// Where the sentence that holds `at` begins.
fn sentence_of(text: &str, at: usize) -> usize {
    let before = &text[..at];
    let end = |(position, sign): (usize, &str)| position + sign.len();
    [". ", "! ", "? ", "\n"]
        .into_iter()
        .filter_map(|sign| before.rmatch_indices(sign).next().map(end))
        .max()
        .unwrap_or(0)
}

/// Whether the words before `at` lead to the answer: `the total is`, `=`.
fn is_cued(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', '$', '€', '£', '"', '(']);
    if before.ends_with(['=', ':', '≈']) {
        return true;
    }
    let mut words = before.rsplit(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let softener = |word: &&str| {
        matches!(
            *word,
            "about"
                | "approximately"
                | "exactly"
                | "roughly"
                | "a"
                | "only"
                | "just"
                | "around"
                | "some"
                | "nearly"
        )
    };
    let cue = words.find(|word| !softener(word)).unwrap_or_default();
    matches!(
        cue,
        "is" | "was"
            | "are"
            | "were"
            | "be"
            | "totals"
            | "total"
            | "totalled"
            | "totaled"
            | "equals"
            | "answer"
            | "result"
            | "gives"
            | "makes"
    )
}

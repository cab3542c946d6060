//! The numbers of a text, with what is known of each.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::spelt;
use super::units::{self, Unit};
use crate::phrase;

/// A number of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub start: usize,
    pub end: usize,
    /// As it is written, without scale and unit.
    pub value: f64,
    /// Of `million` and the like.
    pub scale: Option<f64>,
    pub unit: Option<Unit>,
    /// Letters right behind it may be a scale or a unit: `5m`.
    pub letters: Option<(f64, Unit)>,
    pub role: Role,
    /// Digits that say something.
    pub digits: usize,
}

/// What a number is in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Amount,
    /// A year.
    Year,
    /// It may be something else: `one of them`, `no ships`.
    Weak,
    /// It numbers something: `page 12`.
    Label,
    /// An end of `10 to 12`, or one of `12 or 13`.
    Choice,
}

struct Patterns {
    number: Regex,
    other: Regex,
    year: Regex,
    label: Regex,
    behind: Regex,
    before: Regex,
    all_in: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| patterns().ok());

const MONTH: &str = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?";

fn patterns() -> Result<Patterns, regex::Error> {
    Ok(Patterns {
        number: Regex::new(
            r"(?x) \d{1,3}(?:[,'_\x20]\d{3})+(?:\.\d+)? | \d{1,3}(?:\.\d{3}){2,}(?:,\d+)? | \d{1,3}\.\d{3},\d+
              | \d+\.\d+ | \d+,\d{1,2} | \d+ | \.\d+",
        )?,
        // Dates, times, versions, other strings of digits, footnotes, numbers of list items.
        other: Regex::new(&format!(
            r"(?mx) \d{{4}}-\d{{1,2}}-\d{{1,2}} | \d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}} | \d+(?:-\d+){{2,}} | \d{{1,2}}:\d\d(?::\d\d)?
              | \bv?\d+(?:\.\d+){{2,}} | \bv\d+(?:\.\d+)* | \[\d+\] | ^\s*\(?\d{{1,2}}[.)](?:\s|$)
              | \b{MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?\b
              | \b\d{{1,2}}(?:st|nd|rd|th)?\s(?:of\s)?{MONTH}(?:\s\d{{4}})?\b | \b{MONTH}\s\d{{4}}\b"
        ))?,
        year: Regex::new(r"\b(?:1[0-9]|20|21)\d\d\b")?,
        label: Regex::new(
            r"\b(?:page|pages|pp?\.|chapter|section|sec\.|table|figure|fig\.|note|item|line|lines|chunk|part|article|question|row|column|document|step|round|version|issue|no\.|§|\#)\s?$",
        )?,
        behind: Regex::new(
            r"^(\s?%|[a-zμ]+\b|[\s-](?:hundred|thousand|million|billion|trillion|mn|mln|mio|bn|bln|tn)s?\b)",
        )?,
        before: Regex::new(r"(?:us\$|\$|€|£|¥|\b(?:usd|eur|gbp|chf|jpy)\s?)\s?$")?,
        all_in: Regex::new(r"\bin (thousand|million|billion)s\b")?,
    })
}

/// The numbers of a plain text, in their order.
pub(super) fn numbers(plain: &str) -> Vec<Found> {
    let Some(patterns) = &*PATTERNS else { return Vec::new() };
    let other: Vec<Range<usize>> = patterns
        .other
        .find_iter(plain)
        .map(|found| found.range())
        .filter(|range| !is_grouped(&plain[range.clone()]))
        .collect();
    let mut found: Vec<Found> = patterns
        .number
        .find_iter(plain)
        .filter(|number| other.iter().all(|range| number.end() <= range.start || number.start() >= range.end))
        .flat_map(|number| digits(patterns, plain, number.range()))
        .collect();
    for range in other {
        let year = patterns.year.find(&plain[range.clone()]);
        found.extend(year.and_then(|year| {
            let value = year.as_str().parse().ok()?;
            let start = range.start + year.start();
            let end = range.start + year.end();
            Some(Found {
                start,
                end,
                value,
                scale: None,
                unit: None,
                letters: None,
                role: Role::Year,
                digits: 4,
            })
        }));
    }
    let of_words = spelt::numbers(plain).into_iter().map(|spelt| {
        let role = if spelt.is_weak { Role::Weak } else { Role::Amount };
        let (unit, end) = unit_behind(plain, spelt.end);
        Found {
            start: spelt.start,
            end,
            value: spelt.value,
            scale: None,
            unit,
            letters: None,
            role,
            digits: 1,
        }
    });
    found.extend(
        of_words
            .filter(|spelt| patterns.all_in.find_iter(plain).all(|all| !all.range().contains(&spelt.start))),
    );
    // Of numbers within a number, such as the 10 of 1.5 × 10^6, the whole one counts.
    found.sort_by_key(|found| (found.start, std::cmp::Reverse(found.end)));
    let mut end = 0;
    found.retain(|found| {
        let is_new = found.start >= end;
        end = end.max(found.end);
        is_new
    });
    if let Some(all) = patterns.all_in.captures(plain) {
        let scale = units::scale(&all[1]);
        for found in found.iter_mut().filter(|found| found.scale.is_none() && found.role == Role::Amount) {
            found.scale = scale;
        }
    }
    mark_choices(plain, &mut found);
    found
}

/// `1.234.567` is one number, no version.
fn is_grouped(text: &str) -> bool {
    let mut parts = text.split('.');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    rest.len() >= 2
        && (1..=3).contains(&first.len())
        && first.bytes().all(|byte| byte.is_ascii_digit())
        && rest.iter().all(|part| part.len() == 3)
}

/// A number in digits at `range`; none where they belong to a name, two where a comma separates.
fn digits(patterns: &Patterns, plain: &str, mut range: Range<usize>) -> Vec<Found> {
    let bytes = plain.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    // A list such as 1,2,3.
    if let Some(comma) = plain[range.clone()].find(',')
        && (is_digit(range.end) || bytes.get(range.end) == Some(&b',') && is_digit(range.end + 1))
        && plain[range.start + comma + 1..range.end].len() < 3
    {
        range.end = range.start + comma;
    }
    let text = &plain[range.clone()];
    let before = &plain[..range.start];
    let money = patterns.before.find(before);
    let last = before.chars().next_back().unwrap_or(' ');
    if money.is_none() && (last.is_alphanumeric() || last == '_') {
        return Vec::new();
    }
    let mut value = value(text);
    let mut end = range.end;
    if let Some((power, length)) = exponent(&plain[end..]) {
        value *= 10f64.powi(power);
        end += length;
    }
    let (mut scale, mut unit, mut letters) = (None, None, None);
    if let Some(behind) = patterns.behind.find(&plain[end..]) {
        let word = behind.as_str().trim_start_matches([' ', '-', '\n']);
        let is_attached = word.len() == behind.as_str().len();
        match (units::scale_of_letters(word), units::unit(word)) {
            (Some(of_letters), Some(of_unit)) if is_attached => letters = Some((of_letters, of_unit)),
            (Some(of_letters), _) => scale = Some(of_letters),
            (None, Some(of_unit)) => unit = Some(of_unit),
            // `4x`, `12th`, `7b` of a name.
            (None, None) if matches!(word, "st" | "nd" | "rd" | "th") || word != "x" => return Vec::new(),
            (None, None) => {}
        }
        end += behind.end();
    }
    while let Some((more, length)) = scale_behind(&plain[end..]) {
        scale = Some(scale.unwrap_or(1.0) * more);
        end += length;
    }
    if unit.is_none() {
        (unit, end) = unit_behind(plain, end);
    }
    let mut start = range.start;
    if let Some(money) = money {
        unit = units::unit(money.as_str().trim()).or(unit);
        start = money.start();
        if let Some((of_letters, _)) = letters.take() {
            scale = Some(of_letters);
        }
    }
    let sign = plain[..start].trim_end_matches([' ', '$', '€', '£']).chars().next_back();
    let far = plain[..start].trim_end_matches('-').chars().next_back();
    let is_negative = sign == Some('-')
        && plain[..start].ends_with(['-', '$', '€', '£'])
        && !far.is_some_and(char::is_alphanumeric)
        || sign == Some('(')
            && plain[end..].starts_with(')')
            && text.contains([',', '.'])
            && unit.is_none_or(|unit| matches!(unit.kind, units::Kind::Money(_)))
        || plain[..start].trim_end().ends_with("minus");
    let is_year = scale.is_none()
        && unit.is_none()
        && letters.is_none()
        && text.len() == 4
        && patterns.year.is_match(text)
        && is_year_here(&plain[..start], &plain[end..]);
    let role = match () {
        () if is_year => Role::Year,
        () if patterns.label.is_match(&plain[..start]) => Role::Label,
        () => Role::Amount,
    };
    let value = if is_negative { -value } else { value };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    vec![Found { start, end, value, scale, unit, letters, role, digits }]
}

/// Whether four digits stand where years do.
fn is_year_here(before: &str, after: &str) -> bool {
    let word = before.trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let is_led = matches!(
        word,
        "in" | "of"
            | "since"
            | "by"
            | "for"
            | "from"
            | "to"
            | "until"
            | "fiscal"
            | "fy"
            | "year"
            | "during"
            | "and"
            | "ended"
    );
    let ends = after.trim_start().chars().next().is_none_or(|c| !c.is_alphanumeric());
    is_led || before.trim_end().ends_with(['(', '[']) || ends && before.trim_end().ends_with([',', ';'])
}

/// What digits with separators say.
fn value(text: &str) -> f64 {
    let dots = text.matches('.').count();
    let comma_ends = text.rfind(',').is_some_and(|at| text.len() - at <= 3 && text.matches(',').count() == 1);
    let plain: String = match (dots, comma_ends) {
        // 1.234,56 and 1,5
        (_, true) => text.replace('.', "").replace(',', "."),
        (2.., false) => text.replace('.', "").replace(',', "."),
        _ => text.chars().filter(|c| c.is_ascii_digit() || *c == '.').collect(),
    };
    plain.parse().unwrap_or(f64::NAN)
}

/// The power of ten that `e6` or `x 10^6` at the beginning of `rest` is, and its length.
fn exponent(rest: &str) -> Option<(i32, usize)> {
    let body = rest.strip_prefix('e').or_else(|| {
        let rest = rest.trim_start().strip_prefix(['x', '×', '*'])?.trim_start().strip_prefix("10")?;
        rest.strip_prefix('^').or(Some(rest))
    })?;
    let (sign, body) =
        body.strip_prefix('-').map_or((1, body.strip_prefix('+').unwrap_or(body)), |body| (-1, body));
    let length = body.bytes().take_while(u8::is_ascii_digit).count();
    let power: i32 = body[..length].parse().ok()?;
    let is_whole = !body[length..].starts_with(char::is_alphanumeric);
    (is_whole && power < 40).then_some((sign * power, rest.len() - body.len() + length))
}

fn scale_behind(rest: &str) -> Option<(f64, usize)> {
    let body = rest.strip_prefix([' ', '-'])?;
    let length = body.bytes().take_while(u8::is_ascii_alphabetic).count();
    units::scale(&body[..length]).map(|scale| (scale, 1 + length))
}

/// The unit that is named behind `at`, and where it ends.
fn unit_behind(plain: &str, at: usize) -> (Option<Unit>, usize) {
    let rest = &plain[at..];
    let trimmed = rest.strip_prefix([' ', '-']).unwrap_or(rest);
    let skipped = rest.len() - trimmed.len();
    if trimmed.starts_with('%') {
        return (units::unit("%"), at + skipped + 1);
    }
    let trimmed = trimmed.strip_prefix("u.s. ").or_else(|| trimmed.strip_prefix("us ")).unwrap_or(trimmed);
    let skipped = rest.len() - trimmed.len();
    let two: String = trimmed.split_inclusive(' ').take(2).collect();
    for words in [two.trim_end(), two.split(' ').next().unwrap_or_default()] {
        let word = words.trim_end_matches(|c: char| !c.is_alphanumeric() && !"$€£%".contains(c));
        if let Some(unit) = units::unit(word).filter(|_| skipped > 0 || at == 0) {
            return (Some(unit), at + skipped + word.len());
        }
    }
    (None, at)
}

/// Marks numbers that are ends of a range, or one of several.
fn mark_choices(plain: &str, found: &mut [Found]) {
    for at in 1..found.len() {
        let between = plain[found[at - 1].end..found[at].start].trim();
        let lead = &plain[..found[at - 1].start];
        let is_range = between == "-" || between == "to" && lead.trim_end().ends_with("between");
        let is_spread = between == "and" && lead.trim_end().ends_with("between");
        let is_or = matches!(between, "or" | "or perhaps" | "or maybe" | "or possibly");
        if is_range || is_spread || is_or {
            for side in [at - 1, at] {
                if found[side].role == Role::Amount {
                    found[side].role = Role::Choice;
                }
            }
        }
    }
}

/// Whether what stands at `found` is denied.
pub(super) fn is_denied(plain: &str, found: &Found) -> bool {
    phrase::is_denied(plain, found.start)
}

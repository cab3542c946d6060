//! Answers that are several things: found in any order, extra ones counted.

use std::sync::LazyLock;

use regex::Regex;

use crate::phrase::{find, plain};
use crate::score::Score;

/// Words that an item may have; what is longer is an explanation.
const LONGEST: usize = 7;

/// What is called for: each item by any of its names.
pub(crate) type Items = Vec<Vec<String>>;

/// Which of `items` stand in `answer`, not denied.
fn found<'a>(answer: &str, items: &'a Items) -> (Vec<&'a [String]>, Vec<&'a [String]>) {
    let text = plain(answer);
    let is_there =
        |item: &&'a [String]| item.iter().any(|name| find(&text, name).iter().any(|place| !place.is_denied));
    items.iter().map(Vec::as_slice).partition(is_there)
}

/// All of `items`, or some, or none.
pub(crate) fn contains(answer: &str, items: &Items, unwanted: &[String]) -> Score {
    let (there, missing) = found(answer, items);
    let bad = said(answer, unwanted);
    match (there.is_empty(), missing.is_empty(), bad.is_empty()) {
        (false, true, true) => Score::right(),
        (true, ..) => Score::wrong(format!("it lacks {}", names(&missing))),
        (false, true, false) => Score::partly(format!("it also says {}", bad.join(", "))),
        (false, false, _) => Score::partly(format!("it lacks {}", names(&missing))),
    }
}

/// The same, and nothing else in its list.
pub(crate) fn set(answer: &str, items: &Items, unwanted: &[String], may_have_more: bool) -> Score {
    let (there, missing) = found(answer, items);
    if there.is_empty() {
        return Score::wrong(format!("it has none of {}", names(&missing)));
    }
    let mut extra = if may_have_more { Vec::new() } else { extras(answer, items) };
    extra.extend(said(answer, unwanted).into_iter().map(str::to_owned));
    extra.dedup();
    let mut why = Vec::new();
    if !missing.is_empty() {
        why.push(format!("{} of {}: it lacks {}", there.len(), items.len(), names(&missing)));
    }
    if !extra.is_empty() {
        why.push(format!("{} too many: {}", extra.len(), extra.join(", ")));
    }
    if why.is_empty() { Score::right() } else { Score::partly(why.join("; ")) }
}

fn said<'a>(answer: &str, unwanted: &'a [String]) -> Vec<&'a str> {
    let text = plain(answer);
    let is_there = |name: &&String| find(&text, name).iter().any(|place| !place.is_denied);
    unwanted.iter().filter(is_there).map(String::as_str).collect()
}

fn names(items: &[&[String]]) -> String {
    items.iter().filter_map(|item| item.first()).map(String::as_str).collect::<Vec<_>>().join(", ")
}

struct Patterns {
    bullet: Regex,
    lead: Regex,
    separator: Regex,
    remark: Regex,
    begins_remark: Regex,
}

static PATTERNS: LazyLock<Option<Patterns>> = LazyLock::new(|| patterns().ok());

fn patterns() -> Result<Patterns, regex::Error> {
    Ok(Patterns {
        bullet: Regex::new(r"(?m)^\s*(?:[-•+]|\(?\d{1,2}[.)])\s+(.*)$")?,
        lead: Regex::new(
            r"^.*?(?:\b(?:is|are|was|were|namely|include|includes|included|on|to|use|uses|used|by|has|have)\b|:)\s",
        )?,
        separator: Regex::new(r"[,;\n]\s*(?:and|or)?\s*|\s(?:and|or|&)\s")?,
        remark: Regex::new(r"\([^)]*\)|\[[^\]]*\]")?,
        begins_remark: Regex::new(
            r"^(?:which|who|that|as|all|with|in|from|for|of|where|while|whereas|each|both|according|based|respectively|not|but|only|at|on|by|per|see|and|or|so|because|since|this|these|they|it|the (?:document|text|report|paper)|none|no|nothing|to|after|before|about|under|without|also|then|there)\b",
        )?,
    })
}

/// The items of the answer's list that are none of `items`.
fn extras(answer: &str, items: &Items) -> Vec<String> {
    let Some(patterns) = &*PATTERNS else { return Vec::new() };
    let text = plain(answer);
    let is_known = |part: &str| items.iter().flatten().any(|name| !find(part, name).is_empty());
    let bullets: Vec<&str> =
        patterns.bullet.captures_iter(&text).filter_map(|line| Some(line.get(1)?.as_str())).collect();
    let parts: Vec<String> = if bullets.iter().any(|bullet| is_known(bullet)) {
        // What stands behind a name explains it.
        let head = |line: &&str| line.split([':', ',', ';', '(']).next().unwrap_or_default().to_owned();
        bullets.iter().map(|line| if is_known(line) { (*line).to_owned() } else { head(line) }).collect()
    } else {
        let sentences = text.split_inclusive(['\n']).flat_map(|line| line.split(". "));
        let with_items = sentences.filter(|sentence| is_known(sentence));
        with_items.flat_map(|sentence| list_of(patterns, sentence, &is_known)).collect()
    };
    let is_item = |part: &String| {
        let part = part.trim();
        let words = part.split_whitespace().count();
        (1..=LONGEST).contains(&words)
            && !is_known(part)
            && !patterns.begins_remark.is_match(part)
            && part.chars().any(char::is_alphanumeric)
    };
    parts
        .iter()
        .filter(|part| is_item(part))
        .map(|part| part.trim_matches([' ', '.', '"', '\'', '-']).to_owned())
        .collect()
}

/// The parts of the list that a sentence has: from what leads to it up to its last known item.
fn list_of(patterns: &Patterns, sentence: &str, is_known: &impl Fn(&str) -> bool) -> Vec<String> {
    let bare = patterns.remark.replace_all(sentence, "").into_owned();
    let lead = patterns.lead.find(&bare).filter(|lead| !is_known(lead.as_str()));
    let list = lead.map_or(&bare[..], |lead| &bare[lead.end()..]);
    let mut parts: Vec<String> = patterns.separator.split(list).map(str::to_owned).collect();
    let is_led = lead.is_some();
    let first = if is_led { Some(0) } else { parts.iter().position(|part| is_known(part)) };
    parts.drain(..first.unwrap_or(0));
    // A list ends where the sentence turns to something else.
    let turn = parts.iter().position(|part| patterns.begins_remark.is_match(part.trim()));
    parts.truncate(turn.unwrap_or(parts.len()));
    parts
}

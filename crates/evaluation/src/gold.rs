//! What is known to be the answer.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::absence;
use crate::number::{Number, Tolerance};
use crate::phrase::{find, plain, words};
use crate::problem::{Problem, known_keys};
use crate::score::Score;
use crate::set::{self, Items};

/// What is known to be the answer, and how an answer is held against it.
#[derive(Clone, Debug)]
pub enum Gold {
    /// These words, or others of the list, and no more than words that lead to them.
    Exact(Vec<String>),
    /// A number.
    Number(NumberGold),
    /// All of these, each by one of its names, in any order; more are counted against it.
    Set {
        /// Each with its names.
        items: Vec<Vec<String>>,
        /// What it must not have.
        unwanted: Vec<String>,
        /// Other things in the list are fine.
        may_have_more: bool,
    },
    /// All of these somewhere.
    Contains {
        /// Each with its names.
        items: Vec<Vec<String>>,
        /// What it must not say.
        unwanted: Vec<String>,
    },
    /// A pattern that the answer fits.
    Regex(Regex),
    /// That the documents don't say.
    None,
    /// Words that a model compares the answer with.
    Judge(String),
    /// Each of these.
    All(Vec<Self>),
}

/// A number with its unit and tolerance.
#[derive(Clone, Debug)]
pub struct NumberGold(Number);

/// The kinds of answers, each by its key.
const KINDS: [&str; 8] = ["exact", "number", "set", "contains", "regex", "none", "judge", "all"];

impl Gold {
    /// Reads `{"number": 12, "unit": "days"}` and its like, which stands at `place`.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to do.
    pub fn parse(place: &str, value: &Value) -> Result<Self, Problem> {
        let Some(fields) = value.as_object() else {
            return Err(Problem::new(place, "must be an object", EXAMPLE));
        };
        let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| fields.contains_key(*kind)).collect();
        let kind = match &kinds[..] {
            [kind] => *kind,
            [] => {
                known_keys(place, fields, &KINDS)?;
                return Err(Problem::new(place, "names no kind of answer", EXAMPLE));
            }
            kinds => {
                let both = kinds.join(" and ");
                return Err(Problem::new(
                    place,
                    format!("has {both}"),
                    "give one kind; several go into \"all\": [{...}, {...}]",
                ));
            }
        };
        let at = format!("{place}.{kind}");
        let value = &fields[kind];
        let others: &[&str] = match kind {
            "number" => &["unit", "tolerance"],
            "set" => &["not", "more"],
            "contains" => &["not"],
            _ => &[],
        };
        known_keys(place, fields, &[&[kind], others].concat())?;
        match kind {
            "exact" => Ok(Self::Exact(names(&at, value)?)),
            "number" => number(place, &at, fields).map(Self::Number),
            "set" => Ok(Self::Set {
                items: items(&at, value)?,
                unwanted: optional(fields, "not", |value| names(&format!("{place}.not"), value))?
                    .unwrap_or_default(),
                may_have_more: optional(fields, "more", |value| {
                    value.as_bool().ok_or_else(|| {
                        Problem::new(
                            format!("{place}.more"),
                            "must be true or false",
                            "true lets the answer name more",
                        )
                    })
                })?
                .unwrap_or_default(),
            }),
            "contains" => Ok(Self::Contains {
                items: items(&at, value)?,
                unwanted: optional(fields, "not", |value| names(&format!("{place}.not"), value))?
                    .unwrap_or_default(),
            }),
            "regex" => {
                let pattern = text(&at, value)?;
                Regex::new(&pattern).map(Self::Regex).map_err(|error| {
                    Problem::new(
                        at,
                        format!("is no regular expression: {}", last_line(&error.to_string())),
                        "(?i) at its beginning ignores case; lookaround is not there",
                    )
                })
            }
            "none" if value == &Value::Bool(true) => Ok(Self::None),
            "none" => Err(Problem::new(
                at,
                "must be true",
                "{\"none\": true} is a question that the documents don't answer",
            )),
            "judge" => text(&at, value).map(Self::Judge),
            _ => {
                let parts = value.as_array().filter(|parts| !parts.is_empty());
                let parts = parts.ok_or_else(|| Problem::new(&at, "must be a list of answers", EXAMPLE))?;
                let part = |(number, part)| {
                    let at = format!("{at}[{number}]");
                    match Self::parse(&at, part)? {
                        Self::Judge(_) | Self::All(_) | Self::None => Err(Problem::new(
                            at,
                            "can't be a part of several",
                            "take exact, number, set, contains or regex",
                        )),
                        part => Ok(part),
                    }
                };
                parts.iter().enumerate().map(part).collect::<Result<_, _>>().map(Self::All)
            }
        }
    }

    /// Scores an answer; `None` where a model has to.
    pub fn score(&self, answer: &str) -> Option<Score> {
        Some(match self {
            Self::Exact(names) => exact(answer, names),
            Self::Number(NumberGold(number)) => number.score(answer),
            Self::Set { items, unwanted, may_have_more } => set::set(answer, items, unwanted, *may_have_more),
            Self::Contains { items, unwanted } => set::contains(answer, items, unwanted),
            Self::Regex(regex) if regex.is_match(answer) => Score::right(),
            Self::Regex(regex) => Score::wrong(format!("it does not fit /{regex}/")),
            Self::None => absence::score(answer),
            Self::Judge(_) => return None,
            Self::All(parts) => {
                Score::of_all(&parts.iter().filter_map(|part| part.score(answer)).collect::<Vec<_>>())
            }
        })
    }

    /// As people read it.
    pub fn shown(&self) -> String {
        let all = |items: &Items| {
            items.iter().filter_map(|item| item.first()).map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Exact(names) => names.first().cloned().unwrap_or_default(),
            Self::Number(NumberGold(number)) => number.shown(),
            Self::Set { items, .. } | Self::Contains { items, .. } => all(items),
            Self::Regex(regex) => format!("/{regex}/"),
            Self::None => "not in the documents".to_owned(),
            Self::Judge(words) => words.clone(),
            Self::All(parts) => parts.iter().map(Self::shown).collect::<Vec<_>>().join("; "),
        }
    }
}

const EXAMPLE: &str = "such as {\"number\": 72705, \"unit\": \"million dollars\"}, {\"exact\": \"Ada\"}, {\"set\": [\"a\", \"b\"]}, {\"contains\": \"Ada\"}, {\"regex\": \"(?i)ada\"}, {\"none\": true} or {\"judge\": \"Ada, on 3 May\"}";

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

fn optional<T>(
    fields: &Map<String, Value>,
    key: &str,
    read: impl Fn(&Value) -> Result<T, Problem>,
) -> Result<Option<T>, Problem> {
    fields.get(key).map(read).transpose()
}

fn text(at: &str, value: &Value) -> Result<String, Problem> {
    let text = value.as_str().map(str::trim).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| Problem::new(at, "must be a text that is not empty", EXAMPLE))
}

/// A text with at least one word.
fn name(at: &str, value: &Value) -> Result<String, Problem> {
    let name = match value {
        Value::Number(number) => number.to_string(),
        value => text(at, value)?,
    };
    match words(&plain(&name)).is_empty() {
        true => Err(Problem::new(
            at,
            format!("has no letter and no digit: {name:?}"),
            "take \"regex\" to look for signs",
        )),
        false => Ok(name),
    }
}

/// One text or a list of texts.
fn names(at: &str, value: &Value) -> Result<Vec<String>, Problem> {
    match value {
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().map(|(number, value)| name(&format!("{at}[{number}]"), value)).collect()
        }
        Value::Array(_) => Err(Problem::new(at, "is empty", EXAMPLE)),
        value => Ok(vec![name(at, value)?]),
    }
}

/// One text, or a list whose items are a text or a list of names for the same thing.
fn items(at: &str, value: &Value) -> Result<Items, Problem> {
    match value {
        Value::Array(list) if !list.is_empty() => {
            list.iter().enumerate().map(|(number, value)| names(&format!("{at}[{number}]"), value)).collect()
        }
        Value::Array(_) => Err(Problem::new(
            at,
            "is empty",
            "name what is to be found; {\"none\": true} is a question without an answer",
        )),
        value => Ok(vec![names(at, value)?]),
    }
}

fn number(place: &str, at: &str, fields: &Map<String, Value>) -> Result<NumberGold, Problem> {
    let value = match &fields["number"] {
        Value::String(text) => text.replace([',', '_'], "").trim().parse().ok(),
        value => value.as_f64(),
    };
    let value = value.filter(|value: &f64| value.is_finite());
    let value = value.ok_or_else(|| {
        Problem::new(
            at,
            "must be a number",
            "{\"number\": 72705, \"unit\": \"million dollars\"}: words such as million belong into \"unit\"",
        )
    })?;
    let unit = optional(fields, "unit", |value| text(&format!("{place}.unit"), value))?.unwrap_or_default();
    let tolerance = optional(fields, "tolerance", |value| {
        let text = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        Tolerance::parse(&text).ok_or_else(|| {
            Problem::new(
                format!("{place}.tolerance"),
                format!("can't be {value}"),
                "0.5 is in the number's own unit, \"1%\" a part of it",
            )
        })
    })?;
    Ok(NumberGold(Number::new(value, &unit, tolerance.unwrap_or(Tolerance::Amount(0.0)))))
}

/// Words that may stand before a name.
const TITLE: usize = 2;

static LEADS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^(?s).*(?:\b(?:is|are|was|were|be|called|named|titled|to|by|says|reads)|[:=])\s*(?:the|a|an)?\s*[.]*$").ok()
});

/// The words themselves, or behind `the answer is`; within other words it is partly right.
fn exact(answer: &str, names: &[String]) -> Score {
    let text = plain(answer);
    let spans = words(&text);
    let missing =
        || Score::wrong(format!("it does not say {}", names.first().map(String::as_str).unwrap_or_default()));
    let (Some(first), Some(last)) = (spans.first(), spans.last()) else { return missing() };
    let articles = |from: usize| matches!(&text[from..], rest if ["the ", "a ", "an "].iter().any(|article| rest.starts_with(article)));
    let mut is_there = false;
    let bare = |name: &String| {
        let article = ["the ", "The ", "a ", "A ", "an ", "An "]
            .into_iter()
            .find_map(|article| name.strip_prefix(article));
        article.unwrap_or(name).to_owned()
    };
    for place in names.iter().map(bare).flat_map(|name| find(&text, &name)).filter(|place| !place.is_denied) {
        is_there = true;
        let before = &text[..place.start];
        let begins = first.0 == place.start || articles(first.0) && words(before).len() == 1;
        // `Version 1.2`, `Captain Ahab`
        let is_titled = words(before).len() <= TITLE
            && !before.contains([',', ';', '/'])
            && !before.split(' ').any(|word| matches!(word, "or" | "and"));
        let is_led = is_titled
            || LEADS
                .as_ref()
                .is_some_and(|leads| leads.is_match(before.trim_end_matches(['"', '\'', ' ', '('])));
        // A sentence of its own that explains may follow.
        let behind = text[place.end..].trim_start_matches(['"', '\'', ')']);
        let ends = last.1 == place.end
            || behind.starts_with(". ")
            || behind.starts_with(".\n")
            || behind.starts_with('\n');
        if (begins || is_led) && ends {
            return Score::right();
        }
    }
    match is_there {
        true => Score::partly("the words are there, among others"),
        false => missing(),
    }
}

//! Reads the fields of one JSON object, so that every complaint names its place and its remedy.

use std::fmt::Display;

use serde_json::{Map, Number, Value};

use super::error::JobError;
use super::synonyms::synonym;

/// Longest timeout or deadline that makes sense, in seconds: a year.
pub(super) const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// The fields of an object that are still to be read.
pub(super) struct Fields {
    path: String,
    map: Map<String, Value>,
    /// What was warned of.
    pub warnings: Vec<String>,
}

impl Fields {
    /// The object at `path`; `null` counts as empty. Keys that are not in `known` are an error.
    pub(super) fn strict(path: &str, value: Value, known: &[&str]) -> Result<Self, JobError> {
        Self::strict_but(path, value, known, &[])
    }

    /// The same, with `unlisted` keys that are taken, too, but have no effect, so that no message recommends them.
    pub(super) fn strict_but(
        path: &str,
        value: Value,
        known: &[&str],
        unlisted: &[&str],
    ) -> Result<Self, JobError> {
        let fields = Self::open(path, value)?;
        let is_taken = |key: &str| known.contains(&key) || unlisted.contains(&key);
        match fields.map.keys().find(|key| !is_taken(key.as_str())) {
            Some(key) => Err(JobError::UnknownKey {
                place: fields.place(key),
                known: known.join(", "),
                nearest: synonym(key, known).or_else(|| nearest(key, known.iter().copied())),
            }),
            None => Ok(fields),
        }
    }

    /// The object at `path`, whatever its keys are.
    pub(super) fn open(path: &str, value: Value) -> Result<Self, JobError> {
        match value {
            Value::Null => Self::open(path, Value::Object(Map::new())),
            Value::Object(map) => Ok(Self { path: path.to_owned(), map, warnings: Vec::new() }),
            other if path.is_empty() => {
                let is_encoded = other.as_str().is_some_and(|text| text.trim_start().starts_with(['{', '[']));
                Err(JobError::NoObject { got: kind(&other), is_encoded })
            }
            other => {
                Err(JobError::WrongType { place: path.to_owned(), wanted: "an object", got: kind(&other) })
            }
        }
    }

    /// Warns of what has no effect; the job goes on.
    pub(super) fn warn(&mut self, text: String) {
        tracing::warn!("{text}");
        self.warnings.push(text);
    }

    /// The keys that are still to be read.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// The full name of `key`.
    pub(super) fn place(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The value as it is; `null` counts as missing.
    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// A string.
    pub(super) fn string(&mut self, key: &str) -> Result<Option<String>, JobError> {
        self.read(key, "a string", |value| match value {
            Value::String(text) => Ok(text),
            other => Err(other),
        })
    }

    /// A string that is not blank.
    pub(super) fn name(&mut self, key: &str) -> Result<Option<String>, JobError> {
        match self.string(key)? {
            Some(text) if text.trim().is_empty() => {
                Err(JobError::BadValue { place: self.place(key), problem: "must not be empty".into() })
            }
            other => Ok(other),
        }
    }

    /// Whether the object `key` has a value for `inner`.
    pub(super) fn has_within(&self, key: &str, inner: &str) -> bool {
        self.map.get(key).and_then(|object| object.get(inner)).is_some()
    }

    /// Whether a list is there.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_array)
    }

    /// Whether a list is there that is empty.
    pub(super) fn is_empty_list(&self, key: &str) -> bool {
        self.map.get(key).and_then(Value::as_array).is_some_and(Vec::is_empty)
    }

    /// A list of strings; one string is a list of one.
    pub(super) fn strings(&mut self, key: &str) -> Result<Vec<String>, JobError> {
        self.list(key, text)
    }

    /// A list whose items `convert` reads, each with its place; one string is a list of one.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        convert: impl Fn(&str, Value) -> Result<T, JobError>,
    ) -> Result<Vec<T>, JobError> {
        let place = self.place(key);
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(one @ Value::String(_)) => Ok(vec![convert(&place, one)?]),
            Some(Value::Array(items)) => items
                .into_iter()
                .enumerate()
                .map(|(i, item)| convert(&format!("{place}[{i}]"), item))
                .collect(),
            Some(other) => Err(JobError::WrongType { place, wanted: "a list of strings", got: kind(&other) }),
        }
    }

    /// `true` or `false`, also as a text: templates that fill a job from the environment write texts.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, JobError> {
        self.read(key, "true or false", |value| match &value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) => text.trim().to_lowercase().parse().map_err(|_| value),
            _ => Err(value),
        })
    }

    /// A whole number from `least` to `most`. `2.0`, `1e3` and `"5"` are whole numbers, too.
    pub(super) fn count(&mut self, key: &str, least: u64, most: u64) -> Result<Option<u64>, JobError> {
        let place = self.place(key);
        let number = self.read(key, "a whole number", numeral)?;
        number.map(|number| whole(place, &number, least, most)).transpose()
    }

    /// The same, or -1, with which llama.cpp and its bindings mean that there is no limit.
    pub(super) fn limit(&mut self, key: &str, least: u64, most: u64) -> Result<Option<Limit>, JobError> {
        let place = self.place(key);
        let number = self.read(key, "a whole number", numeral)?;
        let limit = |number: Number| match number.as_f64() {
            Some(-1.0) => Ok(Limit::No),
            _ => whole(place, &number, least, most).map(Limit::At),
        };
        number.map(limit).transpose()
    }

    /// A number from `least` to `most`.
    pub(super) fn number(&mut self, key: &str, least: f64, most: f64) -> Result<Option<f64>, JobError> {
        let place = self.place(key);
        let convert = |value| numeral(value).map(|number| number.as_f64().unwrap_or(f64::INFINITY));
        let number = self.read(key, "a number", convert)?;
        match number {
            Some(n) if !(least..=most).contains(&n) => {
                Err(JobError::BadValue { place, problem: format!("must be from {least} to {most}, not {n}") })
            }
            other => Ok(other),
        }
    }

    /// A JSON object.
    pub(super) fn object(&mut self, key: &str) -> Result<Option<Value>, JobError> {
        self.read(key, "an object", |value| if value.is_object() { Ok(value) } else { Err(value) })
    }

    fn read<T>(
        &mut self,
        key: &str,
        wanted: &'static str,
        convert: impl FnOnce(Value) -> Result<T, Value>,
    ) -> Result<Option<T>, JobError> {
        let place = self.place(key);
        match self.value(key) {
            None => Ok(None),
            Some(value) => convert(value).map(Some).map_err(|value| JobError::WrongType {
                place,
                wanted,
                got: kind(&value),
            }),
        }
    }
}

/// A limit that can be lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// There is none.
    No,
    At(u64),
}

impl Limit {
    /// The limit, if there is one.
    pub(super) fn at(self) -> Option<u64> {
        match self {
            Self::No => None,
            Self::At(most) => Some(most),
        }
    }
}

/// A number, also as a text: templates that fill a job from the environment write texts.
fn numeral(value: Value) -> Result<Number, Value> {
    match &value {
        Value::Number(number) => Ok(number.clone()),
        Value::String(text) => text.trim().parse().map_err(|_| value),
        _ => Err(value),
    }
}

/// `number` as a whole number from `least` to `most`, however its writer's language writes whole numbers.
fn whole(place: String, number: &Number, least: u64, most: u64) -> Result<u64, JobError> {
    let is_fraction = |n: &f64| n.fract() != 0.0;
    if number.as_f64().as_ref().is_some_and(is_fraction) {
        return Err(JobError::WrongType { place, wanted: "a whole number", got: "a fraction" });
    }
    // A float above the largest integer becomes that integer.
    let exact = number.as_u64().or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64));
    let too_large = || number.as_f64().is_some_and(|n| n >= u64::MAX as f64 && number.as_u64().is_none());
    match exact {
        Some(n) if n > most || too_large() => {
            Err(JobError::BadValue { place, problem: format!("must be at most {most}, not {number}") })
        }
        Some(n) if n >= least => Ok(n),
        _ => Err(JobError::BadValue {
            place,
            problem: match most {
                u64::MAX => format!("must be at least {least}, not {number}"),
                _ => format!("must be from {least} to {most}, not {number}"),
            },
        }),
    }
}

/// What the job gives in one of the places where it can give an option.
pub(super) struct Given<T> {
    /// The key with its path.
    pub place: String,
    pub value: Option<T>,
}

/// An option that the job can give in several places. The same value twice is fine, two different ones are an error.
pub(super) fn either<T: PartialEq + Display>(
    places: impl IntoIterator<Item = Given<T>>,
) -> Result<Option<T>, JobError> {
    let mut given = places.into_iter().filter_map(|given| Some((given.place, given.value?)));
    let Some((place, value)) = given.next() else { return Ok(None) };
    match given.find(|(_, other)| *other != value) {
        None => Ok(Some(value)),
        Some((second, other)) => Err(JobError::BadValue {
            place,
            problem: format!("is {value}, but `{second}` is {other}: leave one of the two out"),
        }),
    }
}

/// The string that stands at `place`.
pub(super) fn text(place: &str, value: Value) -> Result<String, JobError> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(JobError::WrongType { place: place.to_owned(), wanted: "a string", got: kind(&other) }),
    }
}

/// The complaint that `value`, at `place`, is not what is `wanted` there.
pub(super) fn wrong_kind(place: impl Into<String>, wanted: &'static str, value: &Value) -> JobError {
    JobError::WrongType { place: place.into(), wanted, got: kind(value) }
}

/// As a count that the program keeps in 32 bits.
pub(super) fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// As a count of things in memory.
pub(super) fn wide(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The known name that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let word = word.to_lowercase().replace('-', "_");
    known
        .map(|name| (strsim::jaro_winkler(&word, name), name))
        .filter(|(score, _)| *score > 0.8)
        // The first of equals.
        .min_by(|a, b| b.0.total_cmp(&a.0))
        .map(|(_, name)| name.to_owned())
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(n) if n.is_f64() => "a fraction",
        Value::Number(n) if n.is_i64() && !n.is_u64() => "a negative number",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(text: &str) -> Fields {
        Fields::strict("p", serde_json::from_str(text).unwrap(), &["k"]).unwrap()
    }

    #[test]
    fn whole_numbers_are_read_as_any_language_writes_them() {
        for (written, expected) in [
            ("2", Ok(Some(2))),
            ("2.0", Ok(Some(2))),
            ("1e3", Ok(Some(1000))),
            ("1.5e1", Ok(Some(15))),
            ("\"5\"", Ok(Some(5))),
            ("\" 6.0 \"", Ok(Some(6))),
            ("null", Ok(None)),
            ("0", Err("`p.k` must be from 1 to 1000, not 0")),
            ("-0.0", Err("`p.k` must be from 1 to 1000, not -0.0")),
            ("-1", Err("`p.k` must be from 1 to 1000, not -1")),
            ("-7.0", Err("`p.k` must be from 1 to 1000, not -7.0")),
            ("1001", Err("`p.k` must be at most 1000, not 1001")),
            ("1e4", Err("`p.k` must be at most 1000, not 10000.0")),
            ("18446744073709551616", Err("`p.k` must be at most 1000, not 1.8446744073709552e+19")),
            ("123456789012345678901234567890", Err("`p.k` must be at most 1000, not 1.2345678901234568e+29")),
            ("1.5", Err("`p.k` must be a whole number, not a fraction")),
            ("\"many\"", Err("`p.k` must be a whole number, not a string")),
            ("\"\"", Err("`p.k` must be a whole number, not a string")),
            ("\"0x10\"", Err("`p.k` must be a whole number, not a string")),
            ("true", Err("`p.k` must be a whole number, not true or false")),
        ] {
            let read = fields(&format!("{{\"k\": {written}}}")).count("k", 1, 1000);
            let read = read.map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{written}");
        }
        let all = fields(r#"{"k": 18446744073709551615}"#).count("k", 1, u64::MAX);
        assert_eq!(all.unwrap(), Some(u64::MAX));
        assert!(fields(r#"{"k": 18446744073709551616}"#).count("k", 1, u64::MAX).is_err());
    }

    #[test]
    fn minus_one_lifts_a_limit() {
        for (written, expected) in [
            ("-1", Some(Limit::No)),
            ("-1.0", Some(Limit::No)),
            ("\"-1\"", Some(Limit::No)),
            ("7.0", Some(Limit::At(7))),
            ("-2", None),
            ("0", None),
            ("0.5", None),
        ] {
            let read = fields(&format!("{{\"k\": {written}}}")).limit("k", 1, 1000);
            assert_eq!(read.ok().flatten(), expected, "{written}");
        }
    }

    #[test]
    fn flags_and_numbers_may_be_texts() {
        for (value, expected) in [
            (json!(true), Ok(Some(true))),
            (json!("true"), Ok(Some(true))),
            (json!("False"), Ok(Some(false))),
            (json!(1), Err("`p.k` must be true or false, not a number")),
            (json!("yes"), Err("`p.k` must be true or false, not a string")),
        ] {
            let read = fields(&json!({"k": value}).to_string()).flag("k").map_err(|error| error.to_string());
            assert_eq!(read, expected.map_err(str::to_owned), "{value}");
        }
        assert_eq!(fields(r#"{"k": "0.25"}"#).number("k", 0.0, 2.0).unwrap(), Some(0.25));
        assert!(fields(r#"{"k": "warm"}"#).number("k", 0.0, 2.0).is_err());
    }
}

//! Reads the fields of one JSON object, so that every complaint names its place and its remedy.

use std::fmt::Display;

use serde_json::{Map, Value};

use super::error::JobError;

/// Longest timeout or deadline that makes sense, in seconds: a year.
pub(super) const LONGEST: f64 = 365.0 * 24.0 * 3600.0;

/// The fields of an object that are still to be read.
pub(super) struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The object at `path`; `null` counts as empty. Keys that are not in `known` are an error.
    pub(super) fn strict(path: &str, value: Value, known: &[&str]) -> Result<Self, JobError> {
        let fields = Self::open(path, value)?;
        match fields.map.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(JobError::UnknownKey {
                place: fields.place(key),
                known: known.join(", "),
                nearest: nearest(key, known.iter().copied()),
            }),
            None => Ok(fields),
        }
    }

    /// The same, but unknown keys are only warned of and passed over.
    pub(super) fn tolerant(path: &str, value: Value, known: &[&str]) -> Result<Self, JobError> {
        let mut fields = Self::open(path, value)?;
        let place = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        fields.map.retain(|key, _| {
            let keep = known.contains(&key.as_str());
            if !keep {
                match nearest(key, known.iter().copied()) {
                    Some(known) => tracing::warn!(
                        "{} is not known here and has no effect; did you mean `{known}`?",
                        place(key)
                    ),
                    None => tracing::warn!("{} is not known here and has no effect", place(key)),
                }
            }
            keep
        });
        Ok(fields)
    }

    fn open(path: &str, value: Value) -> Result<Self, JobError> {
        match value {
            Value::Null => Ok(Self { path: path.to_owned(), map: Map::new() }),
            Value::Object(map) => Ok(Self { path: path.to_owned(), map }),
            other if path.is_empty() => {
                let is_encoded = other.as_str().is_some_and(|text| text.trim_start().starts_with(['{', '[']));
                Err(JobError::NoObject { got: kind(&other), is_encoded })
            }
            other => {
                Err(JobError::WrongType { place: path.to_owned(), wanted: "an object", got: kind(&other) })
            }
        }
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

    /// Whether a list is there.
    pub(super) fn is_list(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(Value::is_array)
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

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>, JobError> {
        self.read(key, "true or false", |value| value.as_bool().ok_or(value))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn count(&mut self, key: &str, least: u64, most: u64) -> Result<Option<u64>, JobError> {
        let place = self.place(key);
        let count = self.read(key, "a whole number", |value| value.as_u64().ok_or(value))?;
        match count {
            Some(n) if n < least || n > most => {
                Err(JobError::BadValue { place, problem: format!("must be from {least} to {most}, not {n}") })
            }
            other => Ok(other),
        }
    }

    /// A number from `least` to `most`.
    pub(super) fn number(&mut self, key: &str, least: f64, most: f64) -> Result<Option<f64>, JobError> {
        let place = self.place(key);
        let number = self.read(key, "a number", |value| value.as_f64().ok_or(value))?;
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

/// As a count that the program keeps in 32 bits.
pub(super) fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// As a count of things in memory.
pub(super) fn wide(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The known name that `word` was probably meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
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

//! What is wrong with a question or another object of keys.

use std::fmt;

use serde_json::{Map, Value};

/// What is wrong with a question, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, as `answer.unit`; empty for the question itself.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), hint: hint.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.place.is_empty() { "the question" } else { &self.place };
        write!(f, "{place} {}", self.problem)
    }
}

/// Checks that `fields`, which stand at `place`, have no other keys than `known`.
///
/// # Errors
/// The key that is not known, with the one that was probably meant.
pub fn known_keys(place: &str, fields: &Map<String, Value>, known: &[&str]) -> Result<(), Problem> {
    let Some(key) = fields.keys().find(|key| !known.contains(&&***key)) else { return Ok(()) };
    let likeness = |name: &&&str| (strsim::damerau_levenshtein(&key.to_lowercase(), name), name.len());
    let nearest = known.iter().min_by_key(likeness).filter(|name| likeness(name).0 <= 1 + name.len() / 4);
    let hint = match nearest {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("there are {}", known.join(", ")),
    };
    Err(Problem::new(place, format!("has the key {key:?}, which is not known here"), hint))
}

//! Keys and passwords: a type that cannot be printed, and a filter for every text that leaves.
//!
//! In: whatever the job or the environment holds as a credential. Out: text without it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;

/// Shorter values are placeholders (`none`, `EMPTY`, `ollama`): replacing them would garble answers.
const SHORTEST: usize = 7;
const REPLACEMENT: &str = "[redacted]";

/// A credential. `Debug` hides it; [`Secret::expose`] is for the request header alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Takes credentials out of texts. Clones share what they know.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<String>>>);

impl Redactor {
    /// From now on `secret` never passes, neither as it is nor as it looks inside a JSON string.
    pub fn learn(&self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < SHORTEST {
            return;
        }
        if self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == secret) {
            return;
        }
        let quoted = Value::from(secret).to_string();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in [secret, quoted.trim_matches('"')] {
            if !known.iter().any(|k| k == form) {
                known.push(form.to_owned());
            }
        }
        // A key that contains another one goes first, or its rest would show.
        known.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// `text` without any credential.
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().fold(text.to_owned(), |text, secret| {
            if text.contains(secret.as_str()) { text.replace(secret.as_str(), REPLACEMENT) } else { text }
        })
    }

    /// Cleans every string of `value` in place, and the keys of its objects.
    pub fn clean_value(&self, value: &mut Value) {
        match value {
            Value::String(text) if self.is_in(text) => *text = self.clean(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.clean_value(item)),
            Value::Object(fields) => {
                if fields.keys().any(|key| self.is_in(key)) {
                    *fields = std::mem::take(fields).into_iter().map(|(k, v)| (self.clean(&k), v)).collect();
                }
                fields.values_mut().for_each(|field| self.clean_value(field));
            }
            _ => {}
        }
    }

    fn is_in(&self, text: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|secret| text.contains(secret.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_never_passes() {
        let redactor = Redactor::default();
        redactor.learn("sk-12345678");
        redactor.learn("sk-12345678-longer");
        redactor.learn(r#"pass"word\x"#);
        assert_eq!(redactor.clean("a sk-12345678-longer b sk-12345678."), "a [redacted] b [redacted].");
        assert_eq!(redactor.clean(r#"{"a":"pass\"word\\x"}"#), r#"{"a":"[redacted]"}"#);
        let mut value = json!({"sk-12345678": ["x sk-12345678", {"k": "pass\"word\\x"}], "n": 1});
        redactor.clean_value(&mut value);
        assert_eq!(value, json!({"[redacted]": ["x [redacted]", {"k": "[redacted]"}], "n": 1}));
        assert_eq!(format!("{:?}", Secret::new("sk-12345678")), "Secret(***)");
    }

    #[test]
    fn placeholders_are_left_alone() {
        let redactor = Redactor::default();
        redactor.learn("ollama");
        redactor.learn("");
        assert_eq!(redactor.clean("ollama runs"), "ollama runs");
    }
}

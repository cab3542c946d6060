//! Keys and passwords: a type that cannot be printed, and a filter for every text that leaves.
//!
//! In: whatever the job or the environment holds as a credential. Out: text without it.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::Serialize;
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
    /// From now on `secret` never passes, neither as it is nor as it looks inside a JSON string, nor inside JSON that is
    /// in a JSON string.
    pub fn learn(&self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() < SHORTEST {
            return;
        }
        if self.0.read().unwrap_or_else(PoisonError::into_inner).iter().any(|known| known == secret) {
            return;
        }
        let quoted = |text: &str| Value::from(text).to_string().trim_matches('"').to_owned();
        let (once, twice) = (quoted(secret), quoted(&quoted(secret)));
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for form in [secret, &once, &twice] {
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

    /// How many bytes of `text` hold no beginning of a credential that more text could complete, nor a part of one.
    pub fn safe_length(&self, text: &str) -> usize {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_beginning =
            |rest: &str| known.iter().any(|form| form.len() > rest.len() && form.starts_with(rest));
        let longest = known.first().map_or(0, String::len);
        let from = text.len().saturating_sub(longest);
        let starts = text.char_indices().map(|(at, _)| at).filter(|at| *at >= from);
        let mut cut = starts.into_iter().find(|at| is_beginning(&text[*at..])).unwrap_or(text.len());
        // A cut may part another credential, which then is held back, too.
        loop {
            let parted = |form: &String| {
                let whole = text.match_indices(form.as_str()).map(|(at, _)| at);
                whole.filter(|at| *at < cut && at + form.len() > cut).min()
            };
            match known.iter().filter_map(parted).min() {
                Some(before) => cut = before,
                None => return cut,
            }
        }
    }

    /// `value` as one line of JSON without any credential.
    pub fn clean_json(&self, value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
        self.clean_json_by(value, |value| serde_json::to_vec(value), serde_json::to_vec)
    }

    /// `value` as indented JSON without any credential.
    pub fn clean_json_pretty(&self, value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
        self.clean_json_by(value, serde_json::to_vec_pretty, serde_json::to_vec_pretty)
    }

    /// Nearly no text holds a credential, so the text is looked through first; only one that does is taken apart, since
    /// a credential may also look like a number of the JSON.
    fn clean_json_by<T: Serialize>(
        &self,
        value: &T,
        write: impl Fn(&T) -> serde_json::Result<Vec<u8>>,
        write_value: impl Fn(&Value) -> serde_json::Result<Vec<u8>>,
    ) -> serde_json::Result<Vec<u8>> {
        let text = write(value)?;
        if !std::str::from_utf8(&text).is_ok_and(|text| self.is_in(text)) {
            return Ok(text);
        }
        let mut value = serde_json::to_value(value)?;
        self.clean_value(&mut value);
        write_value(&value)
    }

    /// Whether any credential stands in `text`.
    pub fn is_in(&self, text: &str) -> bool {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|secret| text.contains(secret.as_str()))
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
    fn no_json_has_a_secret_however_it_is_quoted() {
        let redactor = Redactor::default();
        let secret = r#"pass"word\x123"#;
        redactor.learn(secret);
        redactor.learn("1234567");
        let inner = json!({"k": secret}).to_string();
        for value in [json!({"a": secret}), json!({"a": inner}), json!({"a": [1234567, "1234567"]})] {
            let mut expected = value.clone();
            redactor.clean_value(&mut expected);
            let clean: Value = serde_json::from_slice(&redactor.clean_json(&value).unwrap()).unwrap();
            assert_eq!(clean, expected);
            let pretty: Value = serde_json::from_slice(&redactor.clean_json_pretty(&value).unwrap()).unwrap();
            assert_eq!(pretty, expected);
            assert!(!clean.to_string().contains("word"), "{clean}");
        }
    }

    #[test]
    fn what_may_become_a_credential_is_held_back() {
        let redactor = Redactor::default();
        assert_eq!(redactor.safe_length("sk-1"), 4);
        for secret in ["sk-12345678", "sk-12345678-longer", "abcdab1"] {
            redactor.learn(secret);
        }
        for (text, safe) in [
            ("a text", "a text"),
            ("the key s", "the key "),
            ("é sk-12345678", "é "),
            ("sk-12345678-x", "sk-12345678-x"),
            ("ends with ab", "ends with "),
            ("sk-12345678 sk-12345678-lon", "sk-12345678 "),
        ] {
            assert_eq!(&text[..redactor.safe_length(text)], safe, "{text}");
        }
    }

    #[test]
    fn placeholders_are_left_alone() {
        let redactor = Redactor::default();
        redactor.learn("ollama");
        redactor.learn("");
        assert_eq!(redactor.clean("ollama runs"), "ollama runs");
    }
}

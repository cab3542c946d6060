//! Keys and passwords: a type that cannot be printed, and a filter for every text that leaves.
//!
//! In: the credentials of the job and of the environment, then texts. Out: the texts without credentials.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use serde::Serialize;
use serde_json::Value;

use crate::{disguise, pasted};

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
pub struct Redactor(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// The credentials, the longest first.
    secrets: Vec<String>,
    /// All their forms, the longest first.
    forms: Vec<String>,
}

impl Known {
    /// The first place where `text` has a credential in a form that cannot be listed.
    fn disguised(&self, text: &str) -> Option<Range<usize>> {
        disguise::find(text, &self.secrets)
    }
}

impl Redactor {
    /// From now on `secret` never passes: neither as it is, nor escaped, encoded in a URL or in Base64, nor cut off.
    pub fn learn(&self, secret: &str) {
        // A header may hold more than the credential, and a file of the environment its quotes.
        let secret = pasted::key(secret).unwrap_or_else(|_| pasted::bare(secret));
        if secret.chars().count() < SHORTEST {
            return;
        }
        if self.read().secrets.iter().any(|known| known == secret) {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.secrets.push(secret.to_owned());
        for form in disguise::forms(secret) {
            if !known.forms.contains(&form) {
                known.forms.push(form);
            }
        }
        // A key that contains another one goes first, or its rest would show.
        known.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        known.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `text` without any credential.
    pub fn clean(&self, text: &str) -> String {
        let known = self.read();
        let mut clean = known.forms.iter().fold(text.to_owned(), |text, form| {
            if text.contains(form.as_str()) { text.replace(form.as_str(), REPLACEMENT) } else { text }
        });
        while let Some(place) = known.disguised(&clean) {
            clean.replace_range(place, REPLACEMENT);
        }
        clean
    }

    /// The length of the longest beginning of `text`, in bytes, that ends neither within a credential nor within text
    /// that may become one with more text.
    pub fn safe_length(&self, text: &str) -> usize {
        let known = &self.read().forms;
        let is_beginning =
            |rest: &str| known.iter().any(|form| form.len() > rest.len() && form.starts_with(rest));
        let longest = known.first().map_or(0, String::len);
        let from = text.len().saturating_sub(longest);
        let starts = text.char_indices().map(|(at, _)| at).filter(|at| *at >= from);
        let mut cut = starts.into_iter().find(|at| is_beginning(&text[*at..])).unwrap_or(text.len());
        // A cut may divide another credential, which must be held back, too.
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

    /// Writes `value` and looks for a credential in the text. Only if there is one, which is rare, the value is taken
    /// apart, since a credential may also look like a number of the JSON.
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
        let known = self.read();
        known.forms.iter().any(|form| text.contains(form.as_str())) || known.disguised(text).is_some()
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

/// `text` without the `secrets` of a call, however short they are, and without the longer ones' other forms.
pub fn without(text: &str, secrets: impl IntoIterator<Item = String>) -> String {
    let redactor = Redactor::default();
    let mut secrets: Vec<_> = secrets.into_iter().filter(|secret| !secret.is_empty()).collect();
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = text.to_owned();
    for secret in secrets {
        redactor.learn(&secret);
        text = text.replace(&secret, "***");
    }
    redactor.clean(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_secrets_of_a_call_pass_in_no_length() {
        let without = |text: &str| without(text, ["pw", "", "u:pw", "sk-12345678"].map(str::to_owned));
        assert_eq!(without("u:pw, pw and sk-12345678"), "***, *** and ***");
        assert_eq!(without("sk-1234567..."), "[redacted]...");
        assert_eq!(without("nothing"), "nothing");
    }

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
    fn the_forms_of_a_secret_never_pass() {
        let redactor = Redactor::default();
        for secret in ["Bearer sk-ab/cd+EF12", "\"quoted-1234\"", "alice:p4ss/w0rd"] {
            redactor.learn(secret);
        }
        for (text, clean) in [
            ("Authorization: Bearer sk-ab/cd+EF12", "Authorization: Bearer [redacted]"),
            ("quoted-1234", "[redacted]"),
            (r"bad key sk-ab\/cd+EF12.", "bad key [redacted]."),
            (r"sk-ab\u002fcd\u002BEF12", "[redacted]"),
            ("?k=sk-ab%2Fcd%2BEF12&k=sk%2dab%2fcd%2bEF12", "?k=[redacted]&k=[redacted]"),
            ("Basic YWxpY2U6cDRzcy93MHJk.", "Basic [redacted]."),
            ("base64 c2stYWIvY2QrRUYxMg==", "base64 [redacted]=="),
            ("it wrote: sk-ab/cd+E...", "it wrote: [redacted]..."),
        ] {
            assert_eq!(redactor.clean(text), clean);
            assert!(redactor.is_in(text), "{text}");
        }
        assert_eq!(redactor.clean("100% of \\n & more..."), "100% of \\n & more...");
    }

    #[test]
    fn placeholders_are_left_alone() {
        let redactor = Redactor::default();
        redactor.learn("ollama");
        redactor.learn("");
        assert_eq!(redactor.clean("ollama runs"), "ollama runs");
    }
}

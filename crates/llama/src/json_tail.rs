//! How many tokens a constrained reply needs to come to a valid end. Pure.

use serde_json::Value;

/// Tokens of the last quote and brace, with a reserve.
const END: usize = 4;
/// Tokens of a key's quotes, its colon, a short value and a comma.
const FIELD: usize = 6;
/// The number of bytes of a key that one token has at least.
const BYTES_PER_TOKEN: usize = 3;

/// Tells how many tokens a reply still needs to its end.
#[derive(Clone, Debug, Default)]
pub(super) struct Closing {
    /// The keys with their quotes, if each comes once and all are on one level. A key that is written is not due again.
    keys: Vec<String>,
    /// The tokens that are due at every point.
    fixed: usize,
    /// The most tokens that are due: more would leave the model no room for its text.
    most: usize,
}

impl Closing {
    /// The closing of replies of `schema`. `is_flat`: whether it is an object of plain fields; the tokens of any other
    /// schema are estimated by its length.
    pub(super) fn of(schema: &Value, is_flat: bool, max_tokens: usize) -> Self {
        let keys = schema["properties"].as_object().filter(|_| is_flat);
        let keys: Vec<_> =
            keys.into_iter().flat_map(|fields| fields.keys()).map(|key| format!("{key:?}")).collect();
        // The keys and quotes of a schema are less than its text.
        let fixed = if keys.is_empty() { 8 + schema.to_string().len() / 8 } else { END };
        Self { keys, fixed, most: max_tokens / 2 }
    }

    /// The number of tokens to the end of a reply of which `text` is written.
    pub(super) fn due(&self, text: &[u8]) -> usize {
        let is_missing = |key: &&String| !text.windows(key.len()).any(|window| window == key.as_bytes());
        let missing = self.keys.iter().filter(is_missing);
        let due = missing.map(|key| FIELD + key.len() / BYTES_PER_TOKEN).sum::<usize>() + self.fixed;
        due.min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_key_is_due_until_it_is_written() {
        let schema = json!({"properties": {"why": {"type": "string"}, "answer": {"type": "string"}}});
        let closing = Closing::of(&schema, true, 100);
        assert_eq!(closing.due(b""), 4 + 7 + 8);
        assert_eq!(closing.due(br#"{"why": "the answer"#), 4 + 8);
        assert_eq!(closing.due(br#"{"why": "x", "answer": "y"#), 4);
        assert_eq!(Closing::of(&schema, true, 20).due(b""), 10);
        assert_eq!(Closing::default().due(b"x"), 0);
    }

    #[test]
    fn another_schema_is_judged_by_its_length() {
        let schema = json!({"type": "array", "items": {"type": "string"}});
        assert_eq!(Closing::of(&schema, false, 1000).due(b"[\"items\"]"), 8 + schema.to_string().len() / 8);
    }
}

//! Limits in a schema that leave room for every field of a constrained reply. Pure: a schema in, a schema out.

use serde_json::Value;

/// The longest limit in characters: llama.cpp's grammars take at most 2,000 repetitions. Longer texts have no limit.
const LONGEST: usize = 1500;
/// The number of characters that a token has at least.
const CHARS_PER_TOKEN: usize = 3;
/// The number of tokens of a key with its quotes and white space.
const KEY: usize = 12;

/// `schema` with a length for each of its texts that has none: at least one character, and at most its share of
/// the reply. Small models ramble in the first field until nothing is left for the one that counts.
pub fn with_shares(schema: &Value, max_tokens: usize) -> Value {
    let mut schema = schema.clone();
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return schema };
    let texts = fields.values().filter(|field| is_free_text(field)).count();
    let room = max_tokens.saturating_sub(KEY * fields.len());
    let share = room * CHARS_PER_TOKEN / texts.max(1);
    for field in fields.values_mut().filter(|field| is_free_text(field)) {
        if share <= LONGEST {
            field["maxLength"] = share.max(1).into();
        }
        field["minLength"] = 1.into();
    }
    schema
}

/// The texts of a `reply` to such a schema that were cut off: they are as long as they may be, or were not done when
/// the reply was `closed` after so many bytes.
pub fn cut(schema: &Value, reply: &str, closed: Option<usize>) -> Vec<String> {
    let Ok(Value::Object(written)) = serde_json::from_str(reply) else { return Vec::new() };
    let Some(fields) = schema["properties"].as_object() else { return Vec::new() };
    let begun = |key: &str| {
        closed.is_none_or(|end| reply.get(..end).is_some_and(|text| text.contains(&format!("{key:?}"))))
    };
    // The last one that was begun was not done.
    let undone = fields.keys().rposition(|key| begun(key)).filter(|_| closed.is_some()).unwrap_or(usize::MAX);
    let is_full = |key: &str, field: &Value| {
        let length = written.get(key).and_then(Value::as_str).map(|text| text.chars().count() as u64);
        length.is_some() && length == field["maxLength"].as_u64()
    };
    let texts = fields.iter().enumerate().filter(|(_, (_, field))| !field["minLength"].is_null());
    texts
        .filter(|(at, (key, field))| *at >= undone || is_full(key, field))
        .map(|(_, (key, _))| key.clone())
        .collect()
}

fn is_free_text(field: &Value) -> bool {
    let is_text = match &field["type"] {
        Value::Array(types) => types.iter().any(|kind| kind == "string"),
        kind => kind == "string",
    };
    let bounds = ["enum", "const", "pattern", "format", "minLength", "maxLength"];
    is_text && bounds.iter().all(|bound| field[bound].is_null())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn free_texts_share_the_reply() {
        let schema = json!({"type": "object", "properties": {
            "reasoning": {"type": "string"},
            "decision": {"type": "string", "enum": ["a", "b"]},
            "answer": {"type": ["string", "null"]},
            "short": {"type": "string", "maxLength": 9},
            "count": {"type": "integer"},
        }});
        let mut expected = schema.clone();
        for field in ["reasoning", "answer"] {
            expected["properties"][field]["minLength"] = json!(1);
            expected["properties"][field]["maxLength"] = json!(210);
        }
        assert_eq!(with_shares(&schema, 200), expected);
    }

    #[test]
    fn a_text_that_ends_where_it_had_to_is_cut() {
        let texts = json!({"why": {"type": "string"}, "decision": {"enum": ["a"]}, "answer": {"type": ["string", "null"]}});
        let schema = with_shares(&json!({"type": "object", "properties": texts}), 40);
        assert_eq!(schema["properties"]["answer"]["maxLength"], 6);
        let cut = |reply: &str, closed| cut(&schema, reply, closed);
        assert_eq!(cut(r#"{"why": "short", "decision": "a", "answer": null}"#, None), [""; 0]);
        assert_eq!(cut(r#"{"why": "w", "decision": "a", "answer": "\u00e9t\u00e9 de"}"#, None), ["answer"]);
        // The server does not keep to the schema.
        assert_eq!(cut(r#"{"why": "w", "decision": "a", "answer": "long answer"}"#, None), [""; 0]);
        assert_eq!(cut(r#"{"why": "w"#, None), [""; 0]);
        // In the first text, and in the last.
        let reply = r#"{"why": "w", "decision": "a", "answer": "x"}"#;
        assert_eq!(cut(reply, Some(10)), ["why", "answer"]);
        assert_eq!(cut(reply, Some(reply.len() - 2)), ["answer"]);
    }

    #[test]
    fn a_long_reply_needs_no_shares_and_other_schemas_stay() {
        let schema = json!({"properties": {"a": {"type": "string"}}});
        assert_eq!(with_shares(&schema, 513)["properties"]["a"], json!({"type": "string", "minLength": 1}));
        for schema in [json!({}), json!({"type": "array", "items": {"type": "string"}}), json!(true)] {
            assert_eq!(with_shares(&schema, 100), schema);
        }
    }
}

//! Room for every field of a constrained reply. Pure: a schema in, a schema out.

use serde_json::Value;

/// llama.cpp's grammars take no more repetitions than 2,000; longer texts stay without a limit.
const LONGEST: usize = 1500;
/// Characters of a token, cautiously.
const CHARS_PER_TOKEN: usize = 3;
/// Tokens that a key takes with its quotes and white space.
const KEY: usize = 12;

/// `schema` with a length for each of its texts that has none: at least one character, and at most its share of
/// the reply. Small models ramble in the first field until nothing is left for the one that counts.
pub(super) fn with_shares(schema: &Value, max_tokens: usize) -> Value {
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
    fn a_long_reply_needs_no_shares_and_other_schemas_stay() {
        let schema = json!({"properties": {"a": {"type": "string"}}});
        assert_eq!(with_shares(&schema, 513)["properties"]["a"], json!({"type": "string", "minLength": 1}));
        for schema in [json!({}), json!({"type": "array", "items": {"type": "string"}}), json!(true)] {
            assert_eq!(with_shares(&schema, 100), schema);
        }
    }
}

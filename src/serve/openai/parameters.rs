//! OpenAI's parameters besides the messages: which are carried to a side, which are refused, which have no effect.
//!
//! A parameter that would change what is answered, and can't be carried, is refused by its name; at its default it asks
//! for nothing and is taken. The reply lists those that have no effect.

use serde_json::{Map, Value, json};

use crate::job::ProtocolKind;
use crate::serve::error::ApiError;

/// Parameters that change nothing of an answer; the reply lists those that a request has.
const WITHOUT_EFFECT: [&str; 8] = [
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "store",
    "verbosity",
];

/// Parameters that are refused, unless their value asks for nothing; and what to do.
const REFUSED: [(&str, &str); 19] = [
    ("tools", "a protocol calls no tools; leave them out"),
    ("functions", "a protocol calls no functions; leave them out"),
    ("logprobs", "an answer has several calls behind it, and no log probabilities"),
    ("top_logprobs", "an answer has several calls behind it, and no log probabilities"),
    ("logit_bias", "leave it out"),
    ("response_format", "an answer is text; ask for the form you want in the task"),
    ("modalities", "an answer is text alone"),
    ("audio", "an answer is text alone"),
    ("prediction", "leave it out"),
    ("web_search_options", "nothing is searched in the web: give documents as file parts"),
    ("moderation", "leave it out"),
    ("top_p", "set `temperature`"),
    ("top_k", "set `temperature`"),
    ("min_p", "set `temperature`"),
    ("frequency_penalty", "leave it out"),
    ("presence_penalty", "leave it out"),
    ("repetition_penalty", "leave it out"),
    ("stop", "leave it out"),
    ("best_of", "ask once, or set `minions.num_samples_per_task`"),
];

/// Parameters that say how tools are chosen, which mean nothing without any.
const OF_TOOLS: [&str; 3] = ["tool_choice", "function_call", "parallel_tool_calls"];

/// What a request's parameters ask for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Parameters {
    /// `kwargs` of the side that answers.
    pub kwargs: Map<String, Value>,
    /// Tokens of the answer at most, where no side is told.
    pub most_tokens: Option<u64>,
    pub metadata: Option<Value>,
    pub is_streamed: bool,
    pub includes_usage: bool,
    /// The parameters that a request has, and that have no effect.
    pub without_effect: Vec<String>,
}

/// Takes the parameters out of `body`; what is left in it is none of OpenAI's.
///
/// # Errors
/// A parameter that is refused, or has a value that it can't have.
pub(super) fn parameters(
    body: &mut Map<String, Value>,
    protocol: ProtocolKind,
) -> Result<Parameters, ApiError> {
    let mut taken = Parameters::default();
    let mut take = |key: &str| body.remove(key).filter(|value| !value.is_null());
    for (key, remedy) in REFUSED {
        if take(key).is_some_and(|value| !asks_for_nothing(key, &value)) {
            return Err(unsupported(key, "is not supported here", remedy));
        }
    }
    for key in OF_TOOLS {
        if take(key).is_some_and(|value| value.is_object() || value == "required") {
            return Err(unsupported(key, "is not supported here", "a protocol calls no tools; leave it out"));
        }
    }
    if take("n").is_some_and(|n| n.as_f64() != Some(1.0)) {
        return Err(unsupported("n", "can be 1 alone", "ask again for another answer"));
    }
    if let Some(temperature) = take("temperature") {
        let in_range = temperature.as_f64().is_some_and(|value| (0.0..=2.0).contains(&value));
        if !in_range {
            return Err(wrong("temperature", "must be a number from 0 to 2"));
        }
        taken.kwargs.insert("temperature".to_owned(), temperature);
    }
    if let Some(seed) = take("seed") {
        if seed.as_u64().is_none_or(|seed| seed > u64::from(u32::MAX)) {
            return Err(wrong("seed", "must be a whole number from 0 to 4294967295"));
        }
        taken.kwargs.insert("seed".to_owned(), seed);
    }
    if let Some(effort) = take("reasoning_effort") {
        let thinking = match effort.as_str() {
            Some("none") => json!(false),
            Some("minimal" | "low") => json!("low"),
            Some("medium" | "high") => effort,
            _ => {
                return Err(wrong(
                    "reasoning_effort",
                    "must be \"none\", \"minimal\", \"low\", \"medium\" or \"high\"",
                ));
            }
        };
        taken.kwargs.insert("thinking".to_owned(), thinking);
    }
    let limits = ["max_completion_tokens", "max_tokens"].map(|key| (key, take(key)));
    for (key, limit) in limits {
        let Some(limit) = limit else { continue };
        let Some(tokens) = limit.as_u64().filter(|tokens| *tokens > 0) else {
            return Err(wrong(key, "must be a whole number from 1 on"));
        };
        taken.most_tokens.get_or_insert(tokens);
    }
    // In the other protocols a side also plans and reads; an answer that is too long is cut.
    if matches!(protocol, ProtocolKind::RemoteOnly | ProtocolKind::LocalOnly)
        && let Some(tokens) = taken.most_tokens.take()
    {
        taken.kwargs.insert("max_tokens".to_owned(), json!(tokens));
    }
    match take("metadata") {
        Some(metadata @ Value::Object(_)) => taken.metadata = Some(metadata),
        Some(_) => return Err(wrong("metadata", "must be an object")),
        None => {}
    }
    taken.is_streamed = flag("stream", take("stream"))?;
    match take("stream_options") {
        Some(Value::Object(mut options)) => {
            let includes = options.remove("include_usage");
            taken.includes_usage = flag("stream_options.include_usage", includes)?;
            // Nothing is added that would have to be obfuscated.
            options.remove("include_obfuscation");
            if let Some(key) = options.keys().next() {
                return Err(unknown(&format!("stream_options.{key}")));
            }
        }
        Some(_) => return Err(wrong("stream_options", "must be an object")),
        None => {}
    }
    taken.without_effect =
        WITHOUT_EFFECT.into_iter().filter(|key| take(key).is_some()).map(str::to_owned).collect();
    Ok(taken)
}

/// Whether a value of a refused parameter is what it is without it.
fn asks_for_nothing(key: &str, value: &Value) -> bool {
    match value {
        Value::Bool(is_on) => !is_on,
        Value::Number(number) => {
            let none = if matches!(key, "top_p" | "repetition_penalty" | "best_of") { 1.0 } else { 0.0 };
            number.as_f64() == Some(none)
        }
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(|item| key == "modalities" && item == "text"),
        Value::Object(fields) => fields.is_empty() || key == "response_format" && value["type"] == "text",
        Value::Null => true,
    }
}

fn flag(key: &str, value: Option<Value>) -> Result<bool, ApiError> {
    match value {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(is_on)) => Ok(is_on),
        Some(_) => Err(wrong(key, "must be true or false")),
    }
}

/// A key that is none of a request's.
pub(super) fn unknown(key: &str) -> ApiError {
    ApiError::bad(format!("unknown key `{key}`"))
        .param(key)
        .code("unknown_parameter")
        .hint("leave it out; what minions has besides OpenAI's parameters stands in `minions`")
}

fn unsupported(key: &str, problem: &str, remedy: &str) -> ApiError {
    ApiError::bad(format!("`{key}` {problem}")).param(key).code("unsupported_parameter").hint(remedy)
}

fn wrong(key: &str, problem: &str) -> ApiError {
    ApiError::bad(format!("`{key}` {problem}")).param(key).code("invalid_value")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value, protocol: ProtocolKind) -> Result<Parameters, String> {
        let Value::Object(mut body) = body else { panic!("{body}") };
        let read = parameters(&mut body, protocol).map_err(|error| error.param.unwrap_or_default())?;
        assert!(body.is_empty(), "{body:?}");
        Ok(read)
    }

    #[test]
    fn what_clients_send_by_default_is_taken() {
        let all = json!({
            "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false}, "n": 1, "tools": [],
            "tool_choice": "auto", "parallel_tool_calls": true, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0.0,
            "logprobs": false, "logit_bias": {}, "stop": null, "response_format": {"type": "text"}, "modalities": ["text"],
            "user": "u1", "store": false, "metadata": {"chat": "7"}, "temperature": 0.7, "seed": 4, "max_tokens": 1000,
            "reasoning_effort": "minimal",
        });
        let read = read(all, ProtocolKind::Minions).unwrap();
        assert_eq!(json!(read.kwargs), json!({"temperature": 0.7, "seed": 4, "thinking": "low"}));
        assert_eq!((read.most_tokens, read.is_streamed, read.includes_usage), (Some(1000), true, true));
        assert_eq!(
            (read.metadata, read.without_effect),
            (Some(json!({"chat": "7"})), vec!["user".to_owned(), "store".to_owned()])
        );
    }

    #[test]
    fn a_single_call_gets_the_limit_of_its_length() {
        for protocol in [ProtocolKind::RemoteOnly, ProtocolKind::LocalOnly] {
            let read = read(json!({"max_completion_tokens": 50, "max_tokens": 60}), protocol).unwrap();
            assert_eq!((json!(read.kwargs), read.most_tokens), (json!({"max_tokens": 50}), None));
        }
    }

    #[test]
    fn what_would_change_the_answer_is_refused_by_name() {
        for (body, param) in [
            (json!({"n": 2}), "n"),
            (json!({"tools": [{}]}), "tools"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"logprobs": true}), "logprobs"),
            (json!({"top_p": 0.5}), "top_p"),
            (json!({"stop": ["\n"]}), "stop"),
            (json!({"response_format": {"type": "json_object"}}), "response_format"),
            (json!({"modalities": ["text", "audio"]}), "modalities"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"reasoning_effort": "utmost"}), "reasoning_effort"),
            (json!({"temperature": "hot"}), "temperature"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"seed": -1}), "seed"),
            (json!({"stream": "yes"}), "stream"),
            (json!({"stream_options": {"x": 1}}), "stream_options.x"),
            (json!({"metadata": "x"}), "metadata"),
        ] {
            assert_eq!(read(body.clone(), ProtocolKind::Auto), Err(param.to_owned()), "{body}");
        }
    }
}

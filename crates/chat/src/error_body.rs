//! Error bodies and error events of servers: each becomes a kind and the server's own words.
//!
//! Pure. This file does not know the provider's name, the credential, or whether another try follows.

use serde_json::Value;

use super::ChatErrorKind as Kind;

/// A failure in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    /// The kind of the failure.
    pub kind: Kind,
    /// The server's text, uncut; empty if it gave none.
    pub text: String,
}

/// The failure in the body of a reply with an error status.
pub(crate) fn of_status(status: u16, body: &[u8]) -> ErrorBody {
    let said = serde_json::from_slice(body).ok().and_then(|body: Value| said_in_body(&body));
    let said = said.unwrap_or_else(|| Said::plain(String::from_utf8_lossy(body).trim()));
    ErrorBody { kind: kind(status, &said), text: said.text }
}

/// The failure in an event, which a server sends if it fails after it has begun with status 200; `None` if the event is
/// no error.
pub(crate) fn of_event(event: &Value) -> Option<ErrorBody> {
    let is_error = says_something(&event["error"]) || event["type"] == "error" || event["object"] == "error";
    let said = is_error.then(|| said_in_body(event))??;
    Some(ErrorBody { kind: kind(said.status(), &said), text: said.text })
}

/// Whether there is anything in `value`: gateways send an empty error beside a good reply.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(says_something),
        Value::Object(fields) => fields.values().any(says_something),
    }
}

/// The content of an error object, whatever its shape.
struct Said {
    text: String,
    /// The vendor's name of the error, and the error's code if that is a word.
    tags: String,
    /// The error's code if that is an HTTP status.
    code: Option<u16>,
}

impl Said {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), tags: String::new(), code: None }
    }

    /// The status that an event stands for.
    fn status(&self) -> u16 {
        let by_name = [
            ("rate_limit", 429),
            ("authentication", 401),
            ("permission", 403),
            ("not_found", 404),
            ("invalid_request", 400),
            ("overloaded", 529),
        ];
        let named = || by_name.iter().find(|(name, _)| self.tags.contains(name)).map(|&(_, status)| status);
        self.code.or_else(named).unwrap_or(500)
    }
}

/// The content of `{"error": "..."}`, `{"error": {"message": ...}}`, `{"message": ...}` or `{"detail": ...}`. Ollama
/// and gateways put the JSON of the server behind them into the text, which is read as well.
fn said_in_body(body: &Value) -> Option<Said> {
    let error = if body["error"].is_null() { body } else { &body["error"] };
    let text = match error {
        Value::String(text) => text.clone(),
        _ => match [&error["message"], &error["detail"]].into_iter().find(|text| !text.is_null()) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None if std::ptr::eq(error, body) => return None,
            None => error.to_string(),
        },
    };
    let inner = serde_json::from_str::<Value>(&text).ok().filter(Value::is_object);
    if let Some(said) = inner.and_then(|inner| said_in_body(&inner)) {
        return Some(said);
    }
    let tags = [&error["type"], &error["code"]].map(|tag| tag.as_str().unwrap_or_default()).join(" ");
    let code = error["code"].as_u64().and_then(|code| u16::try_from(code).ok());
    Some(Said { text, tags, code: code.filter(|code| (400..600).contains(code)) })
}

fn kind(status: u16, said: &Said) -> Kind {
    let text = format!("{} {}", said.tags, said.text).to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    match status {
        401 | 403 => Kind::Auth,
        404 => Kind::NotFound,
        // The request needs more than the whole allowance, or no money is left: waiting does not help.
        429 if has(&["insufficient_quota", "request too large"]) => Kind::Rejected,
        429 => Kind::RateLimited,
        413 => Kind::ContextTooLong,
        _ if has(CONTEXT_SIGNS) => Kind::ContextTooLong,
        // Groq: the model did not manage to write JSON.
        400 if has(&["json_validate_failed"]) => Kind::Malformed,
        // llama.cpp's server also answers 503 while it reads its model, when it does not have too much to do.
        503 | 529 if !has(&["loading"]) => Kind::Busy,
        // 408: the server waited for us; 499: Ollama, another client left while the model was loading.
        408 | 499 | 500.. => Kind::Server,
        _ => Kind::Rejected,
    }
}

/// Words by which servers say that the prompt is too long.
const CONTEXT_SIGNS: &[&str] = &[
    "exceed_context_size_error",
    "context_length_exceeded",
    "prompt is too long",
    "prompt too long",
    "maximum context length",
    "exceeds the available context size",
    "exceeds the context",
    "longer than the context length",
    "exceed context limit",
    "maximum prompt length",
    "input is too long",
    // llama.cpp's server says this of a text that is to be embedded.
    "too large to process",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_vendors_error_body_gets_its_kind_and_its_words() {
        let nested = json!({"error": json!({"error": {
            "code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 7900, "n_ctx": 4096,
            "message": "request (7900 tokens) exceeds the available context size (4096 tokens), try increasing it",
        }}).to_string()});
        let cases = [
            (
                401,
                json!({"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}),
                Kind::Auth,
                "Incorrect API key provided",
            ),
            (
                400,
                nested,
                Kind::ContextTooLong,
                "request (7900 tokens) exceeds the available context size (4096 tokens), try increasing it",
            ),
            (
                400,
                json!({"error": {"message": "too many", "type": "invalid_request_error", "param": "messages", "code": "context_length_exceeded"}}),
                Kind::ContextTooLong,
                "too many",
            ),
            (
                400,
                json!({"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 208656 tokens > 200000 maximum"}}),
                Kind::ContextTooLong,
                "prompt is too long: 208656 tokens > 200000 maximum",
            ),
            (
                400,
                json!({"error": "the input length exceeds the context length"}),
                Kind::ContextTooLong,
                "the input length exceeds the context length",
            ),
            (
                500,
                json!({"error": {"code": 500, "message": "input (900 tokens) is too large to process. increase the physical batch size", "type": "server_error"}}),
                Kind::ContextTooLong,
                "input (900 tokens) is too large to process. increase the physical batch size",
            ),
            (404, json!({"error": "model 'x' not found"}), Kind::NotFound, "model 'x' not found"),
            (
                429,
                json!({"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}),
                Kind::RateLimited,
                "slow down",
            ),
            (
                429,
                json!({"error": {"message": "no credit", "code": "insufficient_quota"}}),
                Kind::Rejected,
                "no credit",
            ),
            (
                529,
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
                Kind::Busy,
                "Overloaded",
            ),
            (
                422,
                json!({"detail": [{"loc": ["body"], "msg": "bad"}]}),
                Kind::Rejected,
                r#"[{"loc":["body"],"msg":"bad"}]"#,
            ),
            (
                500,
                json!({"type": "error", "code": null, "message": "crashed", "param": null}),
                Kind::Server,
                "crashed",
            ),
            (400, json!({"other": 1}), Kind::Rejected, r#"{"other":1}"#),
        ];
        for (status, body, kind, text) in cases {
            let expected = ErrorBody { kind, text: text.into() };
            assert_eq!(of_status(status, body.to_string().as_bytes()), expected, "{body}");
        }
        let plain = of_status(500, b" unable to load runner \n");
        assert_eq!(plain, ErrorBody { kind: Kind::Server, text: "unable to load runner".into() });
        assert_eq!(of_status(502, b""), ErrorBody { kind: Kind::Server, text: String::new() });
    }

    #[test]
    fn errors_within_a_stream_are_told_from_content() {
        let cases = [
            (json!({"error": "model runner has unexpectedly stopped"}), Some(Kind::Server)),
            (
                json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
                Some(Kind::Busy),
            ),
            (
                json!({"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}),
                Some(Kind::RateLimited),
            ),
            (
                json!({"error": {"code": 429, "message": "provider is busy"}, "choices": []}),
                Some(Kind::RateLimited),
            ),
            (
                json!({"error": {"code": 400, "message": "x", "type": "exceed_context_size_error"}}),
                Some(Kind::ContextTooLong),
            ),
            (json!({"error": null, "choices": []}), None),
            (json!({"error": "", "choices": []}), None),
            (json!({"error": {}, "choices": []}), None),
            (json!({"error": {"code": 0, "message": "", "param": null}, "choices": []}), None),
            (json!({"message": {"content": "error"}, "done": false}), None),
        ];
        for (event, kind) in cases {
            assert_eq!(of_event(&event).map(|fault| fault.kind), kind, "{event}");
        }
    }
}

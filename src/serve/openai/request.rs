//! From the body of a chat completion to a job.

use serde_json::{Map, Value, json};

use super::messages::{Chat, FilePart, bad, chat};
use super::models::{self, Chosen};
use super::parameters::{Parameters, parameters, unknown};
use crate::job::ProtocolKind;
use crate::serve::error::ApiError;

/// Keys of `minions` that are none of `call_params`.
const JOB: [&str; 1] = ["budget"];
/// Keys of `call_params` that the messages have.
const OF_MESSAGES: [&str; 3] = ["task", "history", "images"];

/// A chat completion that is asked for.
#[derive(Clone, Debug)]
pub(super) struct ChatRequest {
    pub model: String,
    pub chosen: Chosen,
    /// The job without its two sides.
    pub job: Value,
    pub files: Vec<FilePart>,
    pub parameters: Parameters,
    /// The question, where documents stood in the same text.
    pub question: Option<String>,
}

/// Reads a request to a service with these pairs.
///
/// # Errors
/// What can't be read, is refused, or is no model here, by its name in the request.
pub(super) fn request(body: Value, pairs: &[String]) -> Result<ChatRequest, ApiError> {
    let Value::Object(mut body) = body else {
        return Err(ApiError::bad("the body must be an object with `model` and `messages`"));
    };
    let model = match body.remove("model") {
        Some(Value::String(model)) => model,
        _ => return Err(bad("model", "must be the name of a model; GET /v1/models lists them")),
    };
    let chosen = models::find(&model, pairs).ok_or_else(|| no_model(&model))?;
    let mut parameters = parameters(&mut body, chosen.protocol)?;
    let own = match body.remove("minions") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(own)) => own,
        Some(_) => return Err(bad("minions", "must be an object")),
    };
    let mut chat = chat(body.remove("messages"))?;
    parameters.without_effect.extend(std::mem::take(&mut chat.without_effect));
    if let Some(key) = body.keys().next() {
        return Err(unknown(key));
    }
    let question = (!chat.documents.is_empty()).then(|| chat.task.clone());
    let files = chat.files.clone();
    let job = job(chat, own, &parameters, chosen.protocol)?;
    Ok(ChatRequest { model, chosen, job, files, parameters, question })
}

/// The refusal of a model that is not offered.
pub(super) fn no_model(name: &str) -> ApiError {
    let name: String = name.chars().take(80).collect();
    ApiError::new(axum::http::StatusCode::NOT_FOUND, format!("there is no model {name:?}"))
        .code("model_not_found")
        .param("model")
        .hint("GET /v1/models lists them")
}

fn job(
    chat: Chat,
    own: Map<String, Value>,
    parameters: &Parameters,
    protocol: ProtocolKind,
) -> Result<Value, ApiError> {
    let mut task = chat.task;
    if !chat.instructions.is_empty() {
        task += &format!("\n\n[Instructions for the answer: {}]", chat.instructions);
    }
    let mut job = json!({"protocol": {"type": protocol.name()}, "call_params": {"task": task}});
    let mut documents: Vec<Value> = Vec::new();
    for (key, value) in own {
        if OF_MESSAGES.contains(&&*key) {
            return Err(bad(&format!("minions.{key}"), "can't be: the messages say it"));
        }
        match (&*key, value) {
            (_, Value::Null) => {}
            ("context", Value::Array(items)) => documents.extend(items),
            ("context", one) => documents.push(one),
            ("kwargs", kwargs) => job["protocol"]["kwargs"] = kwargs,
            (key, value) if JOB.contains(&key) => job[key] = value,
            (key, value) => job["call_params"][key] = value,
        }
    }
    documents.extend(chat.documents.into_iter().map(|document| match document.name {
        Some(name) => json!({"name": name, "text": document.text}),
        None => json!({"text": document.text}),
    }));
    let params = &mut job["call_params"];
    for (key, list) in [
        ("context", documents),
        ("history", chat.history),
        ("images", chat.images.into_iter().map(Value::from).collect()),
    ] {
        if !list.is_empty() {
            params[key] = list.into();
        }
    }
    if let Some(metadata) = &parameters.metadata {
        job["metadata"] = metadata.clone();
    }
    Ok(job)
}

/// `error` of a job, with the names that its parts have in a chat completion.
pub(super) fn in_words_of_chat(error: ApiError) -> ApiError {
    let renamed = |text: &str| {
        [
            ("call_params.task", "messages"),
            ("call_params.history", "messages"),
            ("call_params.images", "messages"),
            ("call_params.context_files", "minions.context_files"),
            ("protocol.kwargs", "minions.kwargs"),
            ("remote_client.kwargs.", ""),
            ("local_client.kwargs.", ""),
            ("call_params", "minions"),
            ("`budget", "`minions.budget"),
        ]
        .iter()
        .fold(text.to_owned(), |text, (of_a_job, of_chat)| text.replace(of_a_job, of_chat))
    };
    let param =
        error.param.as_deref().map(|param| renamed(&format!("`{param}")).trim_start_matches('`').to_owned());
    ApiError { message: renamed(&error.message), hint: error.hint.as_deref().map(renamed), param, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value) -> Result<ChatRequest, ApiError> {
        request(body, &["default".to_owned()])
    }

    #[test]
    fn a_chat_becomes_a_job() {
        let read = read(json!({
            "model": "minions", "temperature": 0.2, "metadata": {"a": "b"}, "user": "u",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada"},
                {"role": "user", "content": "When?"},
            ],
            "minions": {"context": "Text.", "doc_metadata": "A report.", "budget": {"usd": 1}, "kwargs": {"rewrite": "off"},
                        "max_rounds": 2, "file_ids": ["file-1"]},
        }))
        .unwrap();
        let job = json!({
            "protocol": {"type": "minions", "kwargs": {"rewrite": "off"}},
            "call_params": {
                "task": "When?\n\n[Instructions for the answer: Be brief.]",
                "doc_metadata": "A report.", "max_rounds": 2, "file_ids": ["file-1"], "context": ["Text."],
                "history": [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Ada"}],
            },
            "budget": {"usd": 1},
            "metadata": {"a": "b"},
        });
        assert_eq!((read.job, read.question), (job, None));
        assert_eq!(json!(read.parameters.kwargs), json!({"temperature": 0.2}));
    }

    #[test]
    fn what_is_wrong_is_named_as_the_request_has_it() {
        let messages = json!([{"role": "user", "content": "Who?"}]);
        for (body, param) in [
            (json!([]), None),
            (json!({"messages": messages}), Some("model")),
            (json!({"model": "gpt-4o", "messages": messages}), Some("model")),
            (json!({"model": "minions"}), Some("messages")),
            (json!({"model": "minions", "messages": messages, "temprature": 1}), Some("temprature")),
            (json!({"model": "minions", "messages": messages, "minions": []}), Some("minions")),
            (
                json!({"model": "minions", "messages": messages, "minions": {"task": "x"}}),
                Some("minions.task"),
            ),
        ] {
            assert_eq!(read(body.clone()).unwrap_err().param.as_deref(), param, "{body}");
        }
    }

    #[test]
    fn errors_of_a_job_have_the_names_of_the_request() {
        let error = ApiError::bad("`call_params.doc_metadata` must be a string, not a number. Hint: x");
        let error = in_words_of_chat(error.param("call_params.doc_metadata"));
        assert!(error.message.starts_with("`minions.doc_metadata` must"), "{}", error.message);
        assert_eq!(error.param.as_deref(), Some("minions.doc_metadata"));
        let error = in_words_of_chat(ApiError::bad("`budget.usd` must be").param("budget.usd"));
        assert_eq!(error.param.as_deref(), Some("minions.budget.usd"));
    }
}

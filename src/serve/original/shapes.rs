//! The bodies that the original's clients send and read.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::config::{OriginalConfig, retrieval};
use crate::serve::error::{ApiError, json_response};

/// Call parameters that a body may have besides the question.
const PARAMS: [&str; 13] = [
    "context",
    "file_ids",
    "doc_metadata",
    "max_rounds",
    "max_jobs_per_round",
    "num_tasks_per_round",
    "num_samples_per_task",
    "use_retrieval",
    "retrieval_model",
    "chunk_fn",
    "logging_id",
    "is_privacy",
    "images",
];
/// Call parameters that `minions` alone has.
const OF_MINIONS: [&str; 6] = [
    "max_jobs_per_round",
    "num_tasks_per_round",
    "num_samples_per_task",
    "use_retrieval",
    "retrieval_model",
    "chunk_fn",
];

/// The job of a body that was sent to run `protocol`. `question` is the key that holds the task.
///
/// # Errors
/// In the original's words: no question, a context that is no list or that holds nothing.
pub(super) fn job(
    body: Value,
    protocol: &str,
    question: &str,
    needs_context: bool,
    config: &OriginalConfig,
) -> Result<Value, ApiError> {
    let Value::Object(mut body) = body else {
        return Err(ApiError::bad("the body must be a JSON object"));
    };
    let task = match body.remove(question) {
        Some(Value::String(task)) if !task.trim().is_empty() => task,
        _ => return Err(ApiError::bad(format!("'{question}' is required")).param(question)),
    };
    if !matches!(body.get("context"), None | Some(Value::Null | Value::Array(_))) {
        return Err(ApiError::bad("'context' must be a list of strings").param("context"));
    }
    let is_nothing = |item: &Value| item.as_str().is_some_and(|text| text.trim().is_empty());
    let items = body.get("context").and_then(Value::as_array);
    if needs_context
        && body.get("file_ids").and_then(Value::as_array).is_none_or(Vec::is_empty)
        && items.is_none_or(|items| items.iter().all(is_nothing))
    {
        return Err(ApiError::bad("'context' must hold the text of a document at least")
            .param("context")
            .hint("send a PDF to /upload-pdf, and put its text there"));
    }
    let mut params = config.params.clone();
    params.insert("task".to_owned(), task.into());
    for (key, value) in body {
        match key.as_str() {
            // What no model of this service could use.
            "mcp_tools_info" if value.is_null() => {}
            "mcp_tools_info" => {
                return Err(
                    ApiError::bad("'mcp_tools_info' is not supported: a protocol calls no tools").param(key)
                );
            }
            // The original's server of `minion` has none of these; that of a single call takes the same bodies as `minions`.
            other if protocol == "minion" && OF_MINIONS.contains(&other) => {
                return Err(ApiError::bad(format!("'{other}' is for /minions")).param(other.to_owned()));
            }
            "use_retrieval" => drop(params.insert(key, retrieval(&value))),
            known if PARAMS.contains(&known) => drop(params.insert(key, value)),
            _ => return Err(ApiError::bad(format!("there is no parameter '{key}'")).param(key)),
        }
    }
    if protocol != "minions" {
        params.retain(|key, _| !OF_MINIONS.contains(&&**key));
    }
    params.retain(|_, value| !value.is_null());
    let mut job = json!({"protocol": {"type": protocol}, "call_params": params});
    config.fill(&mut job);
    Ok(job)
}

/// The answer to a body of `/run`.
pub(super) fn answer(result: &Value) -> Value {
    json!({
        "success": true,
        "final_answer": result["final_answer"],
        "log_file": result["log_file"],
        "usage": {"remote": result["remote_usage"], "local": result["local_usage"]},
        "timing": result["timing"],
    })
}

/// The answer to a body of `/minions` or `/remote-only`, which also says how the job was run.
pub(super) fn long_answer(result: &Value, job: &Value) -> Value {
    let mut answer = answer(result);
    let protocol = job["protocol"]["type"].as_str().unwrap_or_default();
    if protocol == "remote_only" {
        answer["usage"]["local"] = Value::Null;
    }
    answer["execution_time"] = result["timing"]["total_time"].clone();
    let mut used = Map::new();
    used.insert("processing_mode".to_owned(), protocol.into());
    for key in OF_MINIONS.iter().chain(&["max_rounds"]) {
        let value = job["call_params"].get(*key).cloned().unwrap_or_default();
        used.insert((*key).to_owned(), value);
    }
    answer["parameters_used"] = used.into();
    answer
}

/// A refusal in the original's shape: 400 for what the request has wrong, 500 for what failed.
pub(super) fn refusal(error: &ApiError, what: &str) -> Response {
    let status = match error.status {
        StatusCode::UNAUTHORIZED
        | StatusCode::FORBIDDEN
        | StatusCode::NOT_FOUND
        | StatusCode::TOO_MANY_REQUESTS => error.status,
        StatusCode::SERVICE_UNAVAILABLE => error.status,
        status if status.is_server_error() => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut body = json!({"error": what, "message": error.message});
    if let Some(hint) = &error.hint {
        body["suggestion"] = hint.as_str().into();
    }
    let mut response = json_response(status, &body);
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: Value, protocol: &str, question: &str) -> Result<Value, String> {
        let params = json!({"max_rounds": 3, "chunk_fn": "chunk_by_page"});
        let Value::Object(params) = params else { panic!() };
        let config = OriginalConfig { params, ..OriginalConfig::default() };
        job(body, protocol, question, protocol != "minion", &config).map_err(|error| error.message)
    }

    #[test]
    fn a_body_wins_over_the_configuration() {
        let body = json!({"task": "Who?", "context": ["Ada."], "max_rounds": 1, "use_retrieval": "false", "logging_id": null,
                          "mcp_tools_info": null});
        let params =
            json!({"max_rounds": 1, "chunk_fn": "chunk_by_page", "task": "Who?", "context": ["Ada."]});
        let job = read(body.clone(), "minions", "task").unwrap();
        assert_eq!(job, json!({"protocol": {"type": "minions"}, "call_params": params}));
        let job = read(body, "remote_only", "task").unwrap();
        assert_eq!(job["call_params"], json!({"max_rounds": 1, "task": "Who?", "context": ["Ada."]}));
        assert!(read(json!({"query": "Who?"}), "minion", "query").is_ok());
    }

    #[test]
    fn a_bad_body_is_told_as_the_original_tells_it() {
        for (body, complaint) in [
            (json!({"context": ["x"]}), "'task' is required"),
            (json!({"task": "Who?", "context": "x"}), "'context' must be a list"),
            (json!({"task": "Who?", "context": [" "]}), "'context' must hold"),
            (json!({"task": "Who?"}), "'context' must hold"),
            (
                json!({"task": "Who?", "context": ["x"], "mcp_tools_info": {}}),
                "'mcp_tools_info' is not supported",
            ),
            (json!({"task": "Who?", "context": ["x"], "temprature": 1}), "no parameter 'temprature'"),
            (json!("x"), "must be a JSON object"),
        ] {
            let error = read(body.clone(), "minions", "task").unwrap_err();
            assert!(error.contains(complaint), "{body}: {error}");
        }
    }

    #[test]
    fn the_answer_has_the_original_s_keys() {
        let result = json!({"final_answer": "Ada", "log_file": "a.json", "remote_usage": {"prompt_tokens": 1},
                            "local_usage": {"prompt_tokens": 2}, "timing": {"total_time": 0.5}, "evidence": []});
        let job = json!({"protocol": {"type": "remote_only"}, "call_params": {"max_rounds": 2}});
        let keys: Vec<String> = answer(&result).as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["success", "final_answer", "log_file", "usage", "timing"]);
        let long = long_answer(&result, &job);
        assert_eq!((&long["usage"]["local"], &long["execution_time"]), (&Value::Null, &json!(0.5)));
        assert_eq!(long["parameters_used"]["max_rounds"], 2);
    }
}

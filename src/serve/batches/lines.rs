//! The lines of a batch's files.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::serve::error::ApiError;

/// Lines of one batch.
const MOST: usize = 50_000;
/// Problems that are told.
const TOLD: usize = 100;

/// A request of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub custom_id: String,
    pub body: Value,
}

/// The requests of a file, which all go to `endpoint`.
///
/// # Errors
/// All that is wrong with the lines, as OpenAI lists it.
pub(super) fn read(text: &str, endpoint: &str) -> Result<Vec<Line>, Vec<Value>> {
    let mut seen = HashSet::new();
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for (at, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        match line(text, endpoint) {
            Ok(line) if !seen.insert(line.custom_id.clone()) => {
                let message = format!("the custom_id {:?} is given twice", line.custom_id);
                problems.push(problem("duplicate_custom_id", &message, Some("custom_id"), at + 1));
            }
            Ok(line) => lines.push(line),
            Err((param, message)) => problems.push(problem("invalid_line", &message, param, at + 1)),
        }
        if problems.len() >= TOLD {
            break;
        }
    }
    if lines.len() > MOST {
        let message = format!("a batch has {MOST} requests at most, and this one has {}", lines.len());
        problems.push(problem("too_many_requests", &message, None, MOST + 1));
    }
    if lines.is_empty() && problems.is_empty() {
        problems.push(problem("empty_file", "the file holds no request", None, 1));
    }
    if problems.is_empty() { Ok(lines) } else { Err(problems) }
}

fn line(text: &str, endpoint: &str) -> Result<Line, (Option<&'static str>, String)> {
    let value: Value = serde_json::from_str(text).map_err(|error| (None, format!("no JSON: {error}")))?;
    let Value::Object(mut line) = value else { return Err((None, "must be an object".to_owned())) };
    let custom_id = match line.remove("custom_id") {
        Some(Value::String(id)) if !id.is_empty() => id,
        _ => return Err((Some("custom_id"), "`custom_id` must be a string".to_owned())),
    };
    if line.get("method").is_some_and(|method| method != "POST") {
        return Err((Some("method"), "`method` must be POST".to_owned()));
    }
    if line.get("url").is_some_and(|url| url != endpoint) {
        return Err((Some("url"), format!("`url` must be {endpoint}, the endpoint of the batch")));
    }
    match line.remove("body") {
        Some(body @ Value::Object(_)) => Ok(Line { custom_id, body }),
        _ => Err((Some("body"), "`body` must be an object".to_owned())),
    }
}

fn problem(code: &str, message: &str, param: Option<&str>, line: usize) -> Value {
    json!({"code": code, "message": message, "param": param, "line": line})
}

/// The line of an answer.
pub(super) fn answer(custom_id: &str, run: &str, body: &Value) -> String {
    written(custom_id, &json!({"status_code": 200, "request_id": run, "body": body}), &Value::Null)
}

/// The line of a request that has none.
pub(super) fn failure(custom_id: &str, run: Option<&str>, error: &ApiError) -> String {
    let response = json!({"status_code": error.status.as_u16(), "request_id": run, "body": error.body()});
    written(custom_id, &response, &Value::Null)
}

/// The line of a request that was not made, as the batch ended before.
pub(super) fn cancelled(custom_id: &str) -> String {
    let error =
        json!({"code": "batch_cancelled", "message": "the batch was cancelled before this request was done"});
    written(custom_id, &Value::Null, &error)
}

fn written(custom_id: &str, response: &Value, error: &Value) -> String {
    let id = format!("batch_req_{custom_id}");
    json!({"id": id, "custom_id": custom_id, "response": response, "error": error}).to_string() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: &str = "/v1/chat/completions";

    #[test]
    fn lines_of_openai_are_read() {
        let text = "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/chat/completions\", \"body\": {\"x\": 1}}\n\n\
                    {\"custom_id\": \"b\", \"body\": {}}\n";
        let lines = read(text, ENDPOINT).unwrap();
        let expected = [("a", json!({"x": 1})), ("b", json!({}))];
        let expected = expected.map(|(id, body)| Line { custom_id: id.to_owned(), body });
        assert_eq!(lines, expected);
    }

    #[test]
    fn each_bad_line_is_told_by_its_number() {
        let text = "no\n[]\n{\"body\": {}}\n{\"custom_id\": \"a\"}\n{\"custom_id\": \"b\", \"method\": \"GET\", \"body\": {}}\n\
                    {\"custom_id\": \"c\", \"url\": \"/v1/x\", \"body\": {}}\n{\"custom_id\": \"d\", \"body\": {}}\n\
                    {\"custom_id\": \"d\", \"body\": {}}\n";
        let problems = read(text, ENDPOINT).unwrap_err();
        let told: Vec<_> =
            problems.iter().map(|one| (one["line"].as_u64().unwrap(), one["param"].as_str())).collect();
        let expected = [
            (1, None),
            (2, None),
            (3, Some("custom_id")),
            (4, Some("body")),
            (5, Some("method")),
            (6, Some("url")),
            (8, Some("custom_id")),
        ];
        assert_eq!(told, expected);
        assert_eq!(read("\n", ENDPOINT).unwrap_err()[0]["code"], "empty_file");
    }
}

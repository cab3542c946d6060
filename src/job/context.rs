//! The documents of a job: each a string, or an object with a name and a text.

use serde_json::Value;

use super::JobError;
use super::fields::{Fields, text};
use super::names;
use crate::documents::{Document, Places};

const LIST: &str = "a list of documents, [\"the text\", {\"name\": \"report.txt\", \"text\": \"the text\"}]";

/// The keys of a document.
pub(super) const DOCUMENT: [&str; 2] = ["name", "text"];

/// Keys by which other tools take a document that is elsewhere.
const FILES: [&str; 6] = ["path", "file", "filename", "file_path", "url", "uri"];

/// Reads `context`, a list of documents or one string.
pub(super) fn context(params: &mut Fields) -> Result<Vec<Document>, JobError> {
    let documents = params.list("context", |place, item| match item {
        Value::Object(_) => named(place, item),
        other => {
            let text = text(place, other)?;
            names::refuse_as_document(place, &text)?;
            Ok(Document::from(text))
        }
    });
    documents.map_err(|error| match error {
        JobError::WrongType { place, got, .. } if place.ends_with("context") => {
            JobError::WrongType { place, wanted: LIST, got }
        }
        other => other,
    })
}

fn named(place: &str, object: Value) -> Result<Document, JobError> {
    if let Some(key) = FILES.into_iter().find(|key| object.get(key).is_some()) {
        return Err(JobError::OnlyName {
            place: format!("{place}.{key}"),
            what: "is not read: minions opens no files for `context`".to_owned(),
            hint: format!(
                "put the text in, `jq --rawfile text report.txt '.{place} = {{name: \"report.txt\", text: $text}}' job.json | minions`"
            ),
        });
    }
    let mut fields = Fields::strict(place, object, &DOCUMENT)?;
    let name = fields.name("name")?;
    // A name stands in the one line of a heading.
    if name.as_ref().is_some_and(|name| name.contains(char::is_control)) {
        let problem = "must be one line without control characters".to_owned();
        return Err(JobError::BadValue { place: fields.place("name"), problem });
    }
    match fields.string("text")? {
        Some(text) => {
            names::refuse_as_document(&fields.place("text"), &text)?;
            Ok(Document { name, text, places: Places::default() })
        }
        None => {
            let problem = "must have a \"text\", the whole text of the document".to_owned();
            Err(JobError::BadValue { place: place.to_owned(), problem })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use serde_json::json;

    fn read(value: &Value) -> Result<Vec<Document>, String> {
        let mut params = Fields::strict("call_params", json!({"context": value}), &["context"]).unwrap();
        context(&mut params).map_err(|error| Failure::from(error).to_string())
    }

    #[test]
    fn strings_and_named_documents_are_read() {
        let named = |name: &str, text: &str| Document {
            name: Some(name.to_owned()),
            ..Document::from(text.to_owned())
        };
        let bare = |text: &str| Document::from(text.to_owned());
        let cases = [
            (json!(null), vec![]),
            (json!([]), vec![]),
            (json!("one"), vec![bare("one")]),
            (json!(["one", ""]), vec![bare("one"), bare("")]),
            (json!([{"name": "a b.pdf", "text": "x"}, "y"]), vec![named("a b.pdf", "x"), bare("y")]),
            (json!([{"name": null, "text": ""}, {"text": "z"}]), vec![bare(""), bare("z")]),
        ];
        for (value, documents) in cases {
            assert_eq!(read(&value), Ok(documents), "{value}");
        }
    }

    #[test]
    fn bad_documents_are_named_by_their_place() {
        let cases = [
            (json!(["a", 2]), "`call_params.context[1]` must be a string, not a number"),
            (
                json!({"name": "a"}),
                "`call_params.context` must be a list of documents, [\"the text\", {\"name\": \"report.txt\", \"text\": \"the text\"}], not an object",
            ),
            (
                json!([{"nam": "a", "text": "x"}]),
                "unknown key `call_params.context[0].nam`. Hint: did you mean `name`?",
            ),
            (
                json!([{"path": "a"}]),
                "`call_params.context[0].path` is not read: minions opens no files for `context`. Hint: put the text in, `jq --rawfile text report.txt '.call_params.context[0] = {name: \"report.txt\", text: $text}' job.json | minions`",
            ),
            (
                json!(["", {"name": "a"}]),
                "`call_params.context[1]` must have a \"text\", the whole text of the document",
            ),
            (json!([{"name": " ", "text": "x"}]), "`call_params.context[0].name` must not be empty"),
            (
                json!([{"name": 1, "text": "x"}]),
                "`call_params.context[0].name` must be a string, not a number",
            ),
            (
                json!([{"name": "a\n[b]", "text": "x"}]),
                "`call_params.context[0].name` must be one line without control characters",
            ),
            (
                json!([{"name": "a", "text": ["x"]}]),
                "`call_params.context[0].text` must be a string, not a list",
            ),
        ];
        for (value, error) in cases {
            assert_eq!(read(&value), Err(error.to_owned()), "{value}");
        }
    }
}

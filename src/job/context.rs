//! The documents of a job: each a string, an object with a name and a text, or a file that is named.

use serde_json::Value;

use super::JobError;
use super::fields::{Fields, text};
use super::file_names;
use super::names::{self, Lookup};
use super::schema::NamedFile;
use crate::documents::Document;

const LIST: &str = "a list of documents, [\"the text\", {\"name\": \"report.txt\", \"text\": \"the text\"}, {\"file\": \"report.pdf\"}]";
const FILES: &str = "a list of paths, [\"report.pdf\", \"src/\"]";

/// The keys of a document.
pub(super) const DOCUMENT: [&str; 3] = ["name", "text", "file"];

/// Keys by which other tools take a page of the web.
const URLS: [&str; 3] = ["url", "uri", "href"];

/// The documents that a job holds, and the files that it names.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given {
    pub documents: Vec<Document>,
    pub files: Vec<NamedFile>,
    /// Whether `context_files` says that there are none.
    pub is_without_files: bool,
}

/// An item of `context`.
enum Item {
    Text(Document),
    File(NamedFile),
}

/// Reads `context`, a list of documents or one string, and `context_files`, a list of paths or one.
pub(super) fn given(params: &mut Fields, lookup: Lookup) -> Result<Given, JobError> {
    let items = params.list("context", |place, item| match item {
        Value::Object(_) => object(place, item, lookup),
        other => {
            let text = text(place, other)?;
            names::refuse_as_document(place, &text, lookup)?;
            Ok(Item::Text(Document::from(text)))
        }
    });
    let items = items.map_err(|error| of_list(error, "context", LIST))?;
    let is_without_files = params.is_empty_list("context_files");
    let mut given = Given { documents: Vec::new(), files: Vec::new(), is_without_files };
    for item in items {
        match item {
            Item::Text(document) => given.documents.push(document),
            Item::File(file) => given.files.push(NamedFile { after: given.documents.len(), ..file }),
        }
    }
    let after = given.documents.len();
    let named = params.list("context_files", |place, item| {
        let path = text(place, item)?;
        Ok(NamedFile { after, ..file(place, path, None, lookup)? })
    });
    given.files.extend(named.map_err(|error| of_list(error, "context_files", FILES))?);
    file_names::shorten(&mut given.files);
    Ok(given)
}

/// The error of a value that is no list, saying what a list looks like.
fn of_list(error: JobError, key: &str, wanted: &'static str) -> JobError {
    match error {
        JobError::WrongType { place, got, .. } if place.ends_with(key) => {
            JobError::WrongType { place, wanted, got }
        }
        other => other,
    }
}

/// A document with a name, or a file.
fn object(place: &str, object: Value, lookup: Lookup) -> Result<Item, JobError> {
    if let Some(key) = URLS.into_iter().find(|key| object.get(key).is_some()) {
        return Err(JobError::OnlyName {
            place: format!("{place}.{key}"),
            what: "is not read: minions fetches nothing for `context`".to_owned(),
            hint: "save the page and name its file, {\"file\": \"page.html\"}".to_owned(),
        });
    }
    let mut fields = Fields::strict(place, object, &DOCUMENT)?;
    let name = fields.name("name")?;
    // A name stands in the one line of a heading.
    if name.as_ref().is_some_and(|name| name.contains(char::is_control)) {
        let problem = "must be one line without control characters".to_owned();
        return Err(JobError::BadValue { place: fields.place("name"), problem });
    }
    let path = fields.string("file")?;
    match (fields.string("text")?, path) {
        (Some(_), Some(_)) => {
            let problem = "has both a \"text\" and a \"file\": leave one of the two out".to_owned();
            Err(JobError::BadValue { place: place.to_owned(), problem })
        }
        (Some(text), None) => {
            names::refuse_as_document(&fields.place("text"), &text, lookup)?;
            Ok(Item::Text(Document { name, text, ..Document::default() }))
        }
        (None, Some(path)) => Ok(Item::File(file(&fields.place("file"), path, name, lookup)?)),
        (None, None) => {
            let problem =
                "must have a \"text\", the whole text of the document, or a \"file\", its path".to_owned();
            Err(JobError::BadValue { place: place.to_owned(), problem })
        }
    }
}

fn file(place: &str, given: String, name: Option<String>, lookup: Lookup) -> Result<NamedFile, JobError> {
    names::refuse_as_path(place, &given, lookup)?;
    Ok(NamedFile { place: place.to_owned(), given, name, after: 0, folder: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;
    use serde_json::json;

    fn given_by(params: Value) -> Result<Given, String> {
        let params = Fields::strict("call_params", params, &["task", "context", "context_files"]);
        let given = params.and_then(|mut params| given(&mut params, Lookup::Here));
        given.map_err(|error| Failure::from(error).to_string())
    }

    fn read(value: &Value) -> Result<Vec<Document>, String> {
        given_by(json!({"context": value})).map(|given| given.documents)
    }

    #[test]
    fn files_are_named_in_either_place_and_keep_their_order() {
        let given = given_by(json!({
            "context": ["one", {"file": "a.pdf"}, {"name": "b", "text": "two"}, {"file": "c/", "name": "C"}],
            "context_files": ["d.pdf", "no ending"],
        }));
        let given = given.unwrap();
        let files: Vec<_> =
            given.files.iter().map(|file| (&*file.place, file.document_name(), file.after)).collect();
        let expected = [
            ("call_params.context[1].file", "a.pdf", 1),
            ("call_params.context[3].file", "C", 2),
            ("call_params.context_files[0]", "d.pdf", 2),
            ("call_params.context_files[1]", "no ending", 2),
        ];
        assert_eq!((files, given.documents.len()), (expected.to_vec(), 2));
        let one = given_by(json!({"context_files": "a.pdf"})).unwrap();
        assert_eq!(one.files[0].place, "call_params.context_files");
        for (none, is_said) in [
            (json!({"context_files": null}), false),
            (json!({"context": []}), false),
            (json!({"context_files": []}), true),
        ] {
            let given = given_by(none).unwrap();
            assert_eq!((given.files, given.is_without_files), (vec![], is_said));
        }
    }

    #[test]
    fn bad_names_of_files_are_told_by_their_place() {
        for (params, error) in [
            (json!({"context_files": [1]}), "`call_params.context_files[0]` must be a string, not a number"),
            (
                json!({"context_files": {"a": 1}}),
                "`call_params.context_files` must be a list of paths, [\"report.pdf\", \"src/\"], not an object",
            ),
            (
                json!({"context_files": [" "]}),
                "`call_params.context_files[0]` must be the path of a file or a folder",
            ),
            (
                json!({"context": [{"file": ""}]}),
                "`call_params.context[0].file` must be the path of a file or a folder",
            ),
            (
                json!({"context_files": ["a\0b"]}),
                "`call_params.context_files[0]` must be the path of a file or a folder",
            ),
            (
                json!({"context_files": ["https://x/a.pdf"]}),
                "`call_params.context_files[0]` is a URL, and minions fetches nothing: \"https://x/a.pdf\". Hint: save the page and name its file",
            ),
            (
                json!({"context_files": ["$FILE"]}),
                "`call_params.context_files[0]` is a word of the shell that was not replaced: \"$FILE\". Hint: no shell reads a job: write the path itself",
            ),
            (
                json!({"context_files": ["~/a.pdf"]}),
                "`call_params.context_files[0]` begins with ~, which no shell replaces in a job: \"~/a.pdf\". Hint: write the whole path",
            ),
            (
                json!({"context": [{"file": "a", "text": "b"}]}),
                "`call_params.context[0]` has both a \"text\" and a \"file\": leave one of the two out",
            ),
            (
                json!({"context": [{"path": "a"}]}),
                "unknown key `call_params.context[0].path`. Hint: did you mean `file`?",
            ),
            (
                json!({"context": [{"url": "https://x"}]}),
                "`call_params.context[0].url` is not read: minions fetches nothing for `context`. Hint: save the page and name its file, {\"file\": \"page.html\"}",
            ),
            (json!({"files": ["a"]}), "unknown key `call_params.files`. Hint: did you mean `context_files`?"),
            (
                json!({"context_fils": ["a"]}),
                "unknown key `call_params.context_fils`. Hint: did you mean `context_files`?",
            ),
        ] {
            assert_eq!(given_by(params.clone()), Err(error.to_owned()), "{params}");
        }
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
                "`call_params.context` must be a list of documents, [\"the text\", {\"name\": \"report.txt\", \"text\": \"the text\"}, {\"file\": \"report.pdf\"}], not an object",
            ),
            (
                json!([{"nam": "a", "text": "x"}]),
                "unknown key `call_params.context[0].nam`. Hint: did you mean `name`?",
            ),
            (
                json!(["", {"name": "a"}]),
                "`call_params.context[1]` must have a \"text\", the whole text of the document, or a \"file\", its path",
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

//! The messages of a chat: what is asked, what was said before, which documents and pictures came along.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::pasted::{self, Pasted};
use super::sources::without_lines;
use crate::serve::error::ApiError;

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FilePart {
    /// One that was uploaded before.
    Stored { place: String, id: String },
    /// One that the message holds.
    Sent { place: String, name: String, bytes: Vec<u8> },
}

/// A chat, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chat {
    /// What the user said last.
    pub task: String,
    /// What was said before, as messages.
    pub history: Vec<Value>,
    /// What the system or the developer says.
    pub instructions: String,
    pub documents: Vec<Pasted>,
    pub files: Vec<FilePart>,
    /// Pictures as `data:` URLs.
    pub images: Vec<String>,
    /// What of the messages has no effect, by its place without numbers: `messages[].name`.
    pub without_effect: BTreeSet<String>,
}

/// Takes `messages` apart.
///
/// # Errors
/// A message that is none, a part that can't be read, a chat that does not end with a question.
pub(super) fn chat(messages: Option<Value>) -> Result<Chat, ApiError> {
    let Some(Value::Array(messages)) = messages else {
        return Err(bad(
            "messages",
            "must be a list of messages, [{\"role\": \"user\", \"content\": \"...\"}]",
        ));
    };
    let mut chat = Chat::default();
    let mut said: Vec<(&'static str, String)> = Vec::new();
    for (at, message) in messages.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        let Value::Object(mut message) = message else {
            return Err(bad(&place, "must be a message, {\"role\": \"user\", \"content\": \"...\"}"));
        };
        let content = message.remove("content").unwrap_or_default();
        let content_place = format!("{place}.content");
        let role = message.remove("role").unwrap_or_default();
        match role.as_str() {
            Some("system" | "developer") => {
                let text = chat.read(&content_place, content)?;
                chat.instructions = [&*chat.instructions, &text].join("\n\n").trim().to_owned();
            }
            Some("user") => said.push(("user", chat.read(&content_place, content)?)),
            Some("assistant") => {
                if ["tool_calls", "function_call"].iter().any(|key| message.get(*key).is_some_and(is_given)) {
                    return Err(bad(&format!("{place}.tool_calls"), "can't be: a protocol calls no tools"));
                }
                let text = chat.said(&content_place, content)?.join("\n");
                said.push(("assistant", without_lines(&text).to_owned()));
            }
            Some(role @ ("tool" | "function")) => {
                let problem = format!("can't be {role:?}: a protocol calls no tools");
                return Err(bad(&format!("{place}.role"), &problem));
            }
            _ => {
                let problem = "must be \"system\", \"developer\", \"user\" or \"assistant\"";
                return Err(bad(&format!("{place}.role"), problem));
            }
        }
        chat.pass_over("messages[]", message);
    }
    // All that the user says after the last answer is asked.
    let last = said.iter().rposition(|(role, _)| *role == "assistant").map_or(0, |at| at + 1);
    let asked: Vec<String> = said.split_off(last).into_iter().map(|(_, text)| text).collect();
    chat.task = asked.join("\n\n").trim().to_owned();
    if chat.task.is_empty() {
        return Err(bad("messages", "must end with a message of the user that asks something"));
    }
    let said = said.into_iter().filter(|(_, text)| !text.trim().is_empty());
    chat.history = said.map(|(role, text)| json!({"role": role, "content": text})).collect();
    Ok(chat)
}

impl Chat {
    /// The question of a message's content. Documents, files and pictures go into the chat.
    fn read(&mut self, place: &str, content: Value) -> Result<String, ApiError> {
        let parts = match content {
            Value::String(text) => return self.text(place, &text),
            Value::Array(parts) => parts,
            _ => return Err(bad(place, "must be a string or a list of parts")),
        };
        let mut questions = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            let place = format!("{place}[{at}]");
            let mut part = Part::new(&place, part)?;
            match part.take("type").as_str() {
                Some("text" | "input_text") => {
                    questions.push(self.text(&format!("{place}.text"), &part.text()?)?);
                }
                Some("image_url") => {
                    let image = part.image(self)?;
                    self.images.push(image);
                }
                Some("file" | "input_file") => {
                    let file = part.file(self)?;
                    if !self.files.iter().any(|known| is_same(known, &file)) {
                        self.files.push(file);
                    }
                }
                Some(other) => {
                    let problem =
                        format!("has the type {other:?}: \"text\", \"file\" and \"image_url\" are read here");
                    return Err(bad(&format!("{place}.type"), &problem));
                }
                None => {
                    return Err(bad(&format!("{place}.type"), "must be \"text\", \"file\" or \"image_url\""));
                }
            }
            self.pass_over("messages[].content[]", part.fields);
        }
        Ok(questions.join("\n"))
    }

    /// The texts of what the assistant said.
    fn said(&mut self, place: &str, content: Value) -> Result<Vec<String>, ApiError> {
        match content {
            Value::Null => Ok(Vec::new()),
            Value::String(text) => Ok(vec![text]),
            Value::Array(parts) => {
                let mut texts = Vec::new();
                for (at, part) in parts.into_iter().enumerate() {
                    let mut part = Part::new(&format!("{place}[{at}]"), part)?;
                    part.take("type");
                    texts.push(part.text()?);
                    self.pass_over("messages[].content[]", part.fields);
                }
                Ok(texts)
            }
            _ => Err(bad(place, "must be a string or a list of parts")),
        }
    }

    /// Notes what is left of an object: nobody has read it.
    fn pass_over(&mut self, place: &str, fields: Map<String, Value>) {
        let left = fields.into_iter().filter(|(_, value)| is_given(value));
        self.without_effect.extend(left.map(|(key, _)| format!("{place}.{key}")));
    }

    fn text(&mut self, place: &str, text: &str) -> Result<String, ApiError> {
        let pasted::Parts { question, documents } = pasted::parts(place, text)?;
        for document in documents {
            // A chat that goes on brings the same documents again.
            if !self.documents.contains(&document) {
                self.documents.push(document);
            }
        }
        Ok(question)
    }
}

/// A part of a message's content; what is read of it is taken out.
struct Part {
    place: String,
    fields: Map<String, Value>,
}

impl Part {
    fn new(place: &str, part: Value) -> Result<Self, ApiError> {
        match part {
            Value::Object(fields) => Ok(Self { place: place.to_owned(), fields }),
            _ => Err(bad(place, "must be a part, {\"type\": \"text\", \"text\": \"...\"}")),
        }
    }

    fn take(&mut self, key: &str) -> Value {
        self.fields.remove(key).unwrap_or_default()
    }

    fn text(&mut self) -> Result<String, ApiError> {
        match self.take("text") {
            Value::String(text) => Ok(text),
            _ => Err(bad(&format!("{}.text", self.place), "must be a string")),
        }
    }

    /// A picture. Its address must hold it: nothing is fetched for whoever asks.
    fn image(&mut self, chat: &mut Chat) -> Result<String, ApiError> {
        let url = match self.take("image_url") {
            Value::Object(mut fields) => {
                let url = fields.remove("url").unwrap_or_default();
                chat.pass_over("messages[].content[].image_url", fields);
                url
            }
            url => url,
        };
        match url {
            Value::String(url) if url.starts_with("data:image/") => Ok(url),
            _ => Err(bad(
                &format!("{}.image_url.url", self.place),
                "must be a data: URL of a picture: nothing is fetched here",
            )),
        }
    }

    /// A file that is uploaded, or a `data:` URL or base64 with its name.
    fn file(&mut self, chat: &mut Chat) -> Result<FilePart, ApiError> {
        let place = format!("{}.file", self.place);
        let mut within = match self.fields.remove("file") {
            Some(Value::Object(fields)) => Some(fields),
            other => {
                self.fields.extend(other.map(|other| ("file".to_owned(), other)));
                None
            }
        };
        let fields = within.as_mut().unwrap_or(&mut self.fields);
        let mut text = |key: &str| match fields.get(key) {
            Some(Value::String(text)) if !text.is_empty() => fields.remove(key)?.as_str().map(str::to_owned),
            _ => None,
        };
        let file = match (text("file_id"), text("file_data")) {
            (Some(id), None) => FilePart::Stored { place: format!("{place}.file_id"), id },
            (None, Some(data)) => {
                let place = format!("{place}.file_data");
                let (media, data) =
                    data.strip_prefix("data:").and_then(|rest| rest.split_once(",")).unwrap_or(("", &data));
                let bytes = STANDARD
                    .decode(data.trim())
                    .map_err(|_| bad(&place, "must be base64, or a data: URL of it"))?;
                let is_pdf = media.starts_with("application/pdf") || bytes.starts_with(b"%PDF-");
                let usual = if is_pdf { "document.pdf" } else { "document.txt" };
                FilePart::Sent { place, name: text("filename").unwrap_or_else(|| usual.to_owned()), bytes }
            }
            (Some(_), Some(_)) => {
                return Err(bad(&place, "has both a \"file_id\" and \"file_data\": leave one out"));
            }
            (None, None) => {
                return Err(bad(&place, "must have a \"file_id\", or \"file_data\" with its \"filename\""));
            }
        };
        if let Some(within) = within {
            chat.pass_over("messages[].content[].file", within);
        }
        Ok(file)
    }
}

fn is_same(one: &FilePart, other: &FilePart) -> bool {
    match (one, other) {
        (FilePart::Stored { id, .. }, FilePart::Stored { id: other, .. }) => id == other,
        (FilePart::Sent { name, bytes, .. }, FilePart::Sent { name: other, bytes: others, .. }) => {
            (name, bytes) == (other, others)
        }
        _ => false,
    }
}

/// Whether a value asks for something.
fn is_given(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

pub(super) fn bad(place: &str, problem: &str) -> ApiError {
    ApiError::bad(format!("`{place}` {problem}")).param(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: Value) -> Result<Chat, String> {
        chat(Some(messages)).map_err(|error| error.message)
    }

    #[test]
    fn the_last_question_is_the_task_and_what_came_before_its_history() {
        let chat = read(json!([
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "In English."}]},
            {"role": "user", "content": "Who signed?", "name": "ada"},
            {"role": "assistant", "content": "Ada.\n\n**Sources**\n\n1. ✓ a.pdf: “Ada”", "refusal": null, "tool_calls": []},
            {"role": "user", "content": "And when?"},
            {"role": "user", "content": [{"type": "text", "text": "Roughly."}]},
        ]))
        .unwrap();
        assert_eq!((&*chat.task, &*chat.instructions), ("And when?\n\nRoughly.", "Be brief.\n\nIn English."));
        let before = [
            json!({"role": "user", "content": "Who signed?"}),
            json!({"role": "assistant", "content": "Ada."}),
        ];
        assert_eq!(chat.history, before);
    }

    #[test]
    fn what_nobody_reads_of_a_message_is_listed() {
        let picture = json!({"url": "data:image/png;base64,AA==", "detail": "low"});
        let stored = json!({"file_id": "file-1", "filename": "a.txt"});
        let chat = read(json!([
            {"role": "user", "name": "ada", "content": [
                {"type": "image_url", "image_url": picture},
                {"type": "file", "file": stored},
                {"type": "input_file", "file_id": "file-2", "detail": "high"},
                {"type": "text", "text": "Who?", "cache_control": {"type": "ephemeral"}},
            ]},
            {"role": "assistant", "content": [{"type": "text", "text": "Ada", "logprobs": [1]}], "audio": null,
             "annotations": [], "prefix": true},
            {"role": "user", "name": "bob", "content": "When?"},
        ]))
        .unwrap();
        let listed = [
            "messages[].content[].cache_control",
            "messages[].content[].detail",
            "messages[].content[].file.filename",
            "messages[].content[].image_url.detail",
            "messages[].content[].logprobs",
            "messages[].name",
            "messages[].prefix",
        ];
        assert_eq!(Vec::from_iter(chat.without_effect), listed);
    }

    #[test]
    fn files_and_pictures_come_along_once() {
        let data = json!({"type": "file", "file": {"file_data": "data:text/plain;base64,QWRh", "filename": "a.txt"}});
        let stored = json!({"type": "file", "file": {"file_id": "file-1"}});
        let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
        let chat = read(json!([
            {"role": "user", "content": [data, stored, picture, {"type": "text", "text": "Who?"}]},
            {"role": "assistant", "content": "Ada"},
            {"role": "user", "content": [data, stored, {"type": "text", "text": "When?"}]},
        ]))
        .unwrap();
        let place = |key: &str| format!("messages[0].content[{key}");
        let files = [
            FilePart::Sent {
                place: place("0].file.file_data"),
                name: "a.txt".to_owned(),
                bytes: b"Ada".to_vec(),
            },
            FilePart::Stored { place: place("1].file.file_id"), id: "file-1".to_owned() },
        ];
        assert_eq!((chat.files, chat.images.len(), &*chat.task), (files.to_vec(), 1, "When?"));
    }

    #[test]
    fn a_bad_message_is_named_by_its_place() {
        let user = |content: Value| json!([{"role": "user", "content": content}]);
        for (messages, complaint) in [
            (json!("hi"), "`messages` must be a list"),
            (json!([]), "`messages` must end with a message of the user"),
            (json!(["hi"]), "`messages[0]` must be a message"),
            (json!([{"role": "king", "content": "x"}]), "`messages[0].role` must be"),
            (json!([{"role": "tool", "content": "x"}]), "`messages[0].role` can't be \"tool\""),
            (user(json!(1)), "`messages[0].content` must be a string or a list"),
            (user(json!([{"text": "x"}])), "`messages[0].content[0].type` must be"),
            (
                user(json!([{"type": "input_audio"}])),
                "`messages[0].content[0].type` has the type \"input_audio\"",
            ),
            (user(json!([{"type": "text", "text": 1}])), "`messages[0].content[0].text` must be a string"),
            (
                user(json!([{"type": "image_url", "image_url": {"url": "http://x/a.png"}}])),
                "must be a data: URL",
            ),
            (user(json!([{"type": "file", "file": {}}])), "must have a \"file_id\""),
            (user(json!([{"type": "file", "file": {"file_data": "?"}}])), "must be base64"),
            (
                json!([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]),
                "must end with",
            ),
            (
                json!([{"role": "assistant", "content": null, "tool_calls": [{}]}, {"role": "user", "content": "x"}]),
                "`messages[0].tool_calls` can't be",
            ),
        ] {
            let error = read(messages.clone()).unwrap_err();
            assert!(error.contains(complaint), "{messages}: {error}");
        }
        assert_eq!(chat(None).unwrap_err().param.as_deref(), Some("messages"));
    }
}

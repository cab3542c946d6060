//! What the vendors' own programs have answered, played again: `tests/recordings` has an answer a line.
//!
//! A line has a `name`, what was `asked` (method and path) and what that request must be `with` (a part of its body).
//! Its answer is a `status` and one of: `reply`, a JSON document or a plain text; `lines`, a stream of JSON lines;
//! `events`, a stream of server-sent events with its end mark. In a stream a text stands for a piece of the model's text,
//! and a list of a number and a text for so many pieces.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::server::{Reply, Request};

const FILES: [(&str, &str); 2] = [
    ("ollama", include_str!("../../recordings/ollama.jsonl")),
    ("model-runner", include_str!("../../recordings/model-runner.jsonl")),
];

/// All recordings by their names, which begin with the program's: `ollama/short answer`.
fn all() -> impl Iterator<Item = (String, Value)> {
    FILES.into_iter().flat_map(|(program, lines)| {
        lines.lines().map(move |line| {
            let recording: Value = serde_json::from_str(line).expect("a recording is JSON");
            let name = recording["name"].as_str().expect("a recording has a name");
            (format!("{program}/{name}"), recording)
        })
    })
}

/// The names of all recordings.
pub(crate) fn names() -> impl Iterator<Item = String> {
    all().map(|(name, _)| name)
}

fn recording(name: &str) -> Value {
    let found = all().find(|(other, _)| other == name);
    found.unwrap_or_else(|| panic!("there is no recording {name:?}")).1
}

/// The recorded answer of this name.
pub(crate) fn reply(name: &str) -> Reply {
    played(&recording(name))
}

fn played(recording: &Value) -> Reply {
    let status = recording["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let reply = match (&recording["reply"], &recording["lines"], &recording["events"]) {
        (Value::String(text), ..) => Reply::text(200, text),
        (Value::Null, Value::Array(lines), _) => {
            Reply::stream("application/x-ndjson", pieces(lines, line).map(|line| format!("{line}\n")))
        }
        (Value::Null, _, Value::Array(events)) => {
            let events = pieces(events, chunk).map(|event| format!("data: {event}\n\n"));
            Reply::stream("text/event-stream", events.chain(["data: [DONE]\n\n".to_owned()]))
        }
        (reply, ..) => Reply::json(reply),
    };
    reply.with_status(status.expect("a recording has a status"))
}

/// The values of a stream, with its pieces of text as `piece` writes them.
fn pieces(values: &[Value], piece: fn(&str) -> Value) -> impl Iterator<Item = Value> {
    values.iter().flat_map(move |value| match (value, &value[0], &value[1]) {
        (Value::String(text), ..) => vec![piece(text)],
        (_, Value::Number(times), Value::String(text)) => {
            vec![piece(text); times.as_u64().unwrap_or_default() as usize]
        }
        _ => vec![value.clone()],
    })
}

fn line(text: &str) -> Value {
    json!({"model": "smollm2", "message": {"role": "assistant", "content": text}, "done": false})
}

fn chunk(text: &str) -> Value {
    json!({
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "finish_reason": null, "delta": {"content": text}}],
    })
}

/// Plays recordings, each once, to the requests that they answer.
pub(crate) struct Player {
    left: Mutex<Vec<Value>>,
}

impl Player {
    /// A player of the recordings of these names.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { left: Mutex::new(names.into_iter().map(recording).collect()) }
    }

    /// The next recording that answers `request`; `None` if none is left.
    pub(crate) fn answer(&self, request: &Request) -> Option<Reply> {
        let asked = format!("{} {}", request.method, request.path);
        let body = request.json();
        let fits = |recording: &Value| {
            let with = recording["with"].as_object();
            recording["asked"] == *asked && with.into_iter().flatten().all(|(key, value)| body[key] == *value)
        };
        let mut left = self.left.lock().expect("no panic");
        let at = left.iter().position(fits)?;
        Some(played(&left.remove(at)))
    }
}

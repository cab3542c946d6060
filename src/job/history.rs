//! What was said before: the original's object, or a list of messages in OpenAI's shape.

use serde_json::Value;

use super::error::JobError;
use super::fields::{Fields, text, wide, wrong_kind};
use crate::history::{History, Quote, Turn, TurnStatus};

const WANTED: &str = "result.conversation_history of the job before, or a list of messages, [{\"role\": \"user\", \"content\": \"...\"}, \
                      {\"role\": \"assistant\", \"content\": \"...\"}]";
/// The keys of the original's object, and one of ours.
pub(super) const KEYS: [&str; 7] = [
    "max_turns",
    "turns",
    "summary",
    "turns_since_last_summary",
    "turns_per_summary",
    "summarize_older_turns",
    "summarized_turns",
];
/// The keys of the original's turn, and those of ours.
pub(super) const TURN: [&str; 7] =
    ["query", "local_output", "remote_output", "timestamp", "standalone_task", "status", "evidence"];
/// What else OpenAI's servers put into a message. It says nothing that a turn has.
const OF_REPLIES: [&str; 4] = ["refusal", "annotations", "name", "id"];
/// Numbers of turns are below this.
const MOST: u64 = 1_000_000_000;

/// Reads `history`, if the job has one.
pub(super) fn history(params: &mut Fields) -> Result<Option<History>, JobError> {
    let place = params.place("history");
    match params.value("history") {
        None => Ok(None),
        Some(object @ Value::Object(_)) => of_the_original(&place, object).map(Some),
        Some(Value::Array(items)) => {
            let is_turn = |item: &Value| item.get("query").is_some() || item.get("remote_output").is_some();
            let turns = match items.iter().any(is_turn) {
                true => turns(&place, items)?,
                false => of_messages(&place, items)?,
            };
            Ok(Some(History { turns, ..History::default() }))
        }
        Some(other) => Err(wrong_kind(place, WANTED, &other)),
    }
}

fn of_the_original(place: &str, object: Value) -> Result<History, JobError> {
    let mut fields = Fields::strict(place, object, &KEYS)?;
    let own = History::default();
    let turns_place = fields.place("turns");
    let turns = match fields.value("turns") {
        None => Vec::new(),
        Some(Value::Array(items)) => turns(&turns_place, items)?,
        Some(other) => return Err(wrong_kind(turns_place, "a list of turns", &other)),
    };
    let summary = fields.string("summary")?.unwrap_or_default().trim().to_owned();
    Ok(History {
        max_turns: fields.count("max_turns", 0, MOST)?.map_or(own.max_turns, wide),
        turns_since_last_summary: fields
            .count("turns_since_last_summary", 0, MOST)?
            .unwrap_or(turns.len() as u64),
        turns,
        turns_per_summary: fields.count("turns_per_summary", 0, MOST)?.unwrap_or(own.turns_per_summary),
        summarize_older_turns: fields.flag("summarize_older_turns")?.unwrap_or(own.summarize_older_turns),
        summarized_turns: fields.count("summarized_turns", 0, MOST)?.map_or(0, wide),
        summary,
    })
}

fn turns(place: &str, items: Vec<Value>) -> Result<Vec<Turn>, JobError> {
    let each = |(at, item)| turn(&format!("{place}[{at}]"), item);
    items.into_iter().enumerate().map(each).collect()
}

fn turn(place: &str, item: Value) -> Result<Turn, JobError> {
    if !item.is_object() {
        return Err(wrong_kind(place, "a turn, {\"query\": \"...\", \"remote_output\": \"...\"}", &item));
    }
    let mut fields = Fields::strict(place, item, &TURN)?;
    let query = fields.string("query")?.unwrap_or_default();
    let remote_output = fields.string("remote_output")?.unwrap_or_default();
    if query.trim().is_empty() && remote_output.trim().is_empty() {
        let problem = "must have a \"query\", the question, and a \"remote_output\", the answer".to_owned();
        return Err(JobError::BadValue { place: place.to_owned(), problem });
    }
    Ok(Turn {
        query,
        remote_output,
        local_output: fields.string("local_output")?.unwrap_or_default(),
        timestamp: fields.string("timestamp")?,
        standalone_task: fields.name("standalone_task")?,
        status: status(&mut fields)?,
        evidence: fields.list("evidence", quote)?,
    })
}

fn status(fields: &mut Fields) -> Result<Option<TurnStatus>, JobError> {
    let Some(name) = fields.string("status")? else { return Ok(None) };
    let known = TurnStatus::ALL.into_iter().find(|status| status.name() == name);
    known.map(Some).ok_or_else(|| {
        let names = TurnStatus::ALL.map(|status| format!("\"{}\"", status.name()));
        JobError::BadValue {
            place: fields.place("status"),
            problem: format!("must be one of {}", names.join(", ")),
        }
    })
}

fn quote(place: &str, item: Value) -> Result<Quote, JobError> {
    let mut fields = match item {
        Value::String(citation) => return Ok(Quote { citation, source: None, told_as: None, place: None }),
        item => Fields::strict(place, item, &["citation", "source", "told_as", "place"])?,
    };
    Ok(Quote {
        citation: fields.string("citation")?.unwrap_or_default(),
        source: fields.name("source")?,
        told_as: fields.name("told_as")?,
        place: fields.name("place")?,
    })
}

/// The turns of a chat: what the user says up to an answer, and all of that answer. What is said last may have none.
fn of_messages(place: &str, items: Vec<Value>) -> Result<Vec<Turn>, JobError> {
    let mut turns: Vec<Turn> = Vec::new();
    for (at, item) in items.into_iter().enumerate() {
        let (is_user, said) = message(&format!("{place}[{at}]"), item)?;
        if turns.last().is_none_or(|turn| is_user && !turn.remote_output.is_empty()) {
            turns.push(Turn::default());
        }
        let Some(turn) = turns.last_mut() else { continue };
        add(if is_user { &mut turn.query } else { &mut turn.remote_output }, &said);
    }
    Ok(turns)
}

fn add(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push_str("\n\n");
    }
    text.push_str(more);
}

/// Whether a message is the user's, and its text.
fn message(place: &str, item: Value) -> Result<(bool, String), JobError> {
    if !item.is_object() {
        return Err(wrong_kind(place, "a message, {\"role\": \"user\", \"content\": \"...\"}", &item));
    }
    let mut fields = Fields::strict_but(place, item, &["role", "content"], &OF_REPLIES)?;
    let role = fields.string("role")?.unwrap_or_default();
    let is_user = match role.as_str() {
        "user" => true,
        "assistant" => false,
        "system" | "developer" => {
            let problem = format!(
                "is \"{role}\", but a history has what was asked and answered alone: leave the message out, and put into \
                 doc_metadata what it says of the documents"
            );
            return Err(JobError::BadValue { place: fields.place("role"), problem });
        }
        _ => {
            let problem = "must be \"user\" or \"assistant\"".to_owned();
            return Err(JobError::BadValue { place: fields.place("role"), problem });
        }
    };
    let content_place = fields.place("content");
    let said = match fields.value("content") {
        Some(Value::Array(parts)) => {
            let each = |(at, part)| of_part(&format!("{content_place}[{at}]"), part);
            parts.into_iter().enumerate().map(each).collect::<Result<Vec<_>, _>>()?.join("\n\n")
        }
        content => text(&content_place, content.unwrap_or_default())?,
    };
    if said.trim().is_empty() {
        return Err(JobError::BadValue { place: content_place, problem: "must not be empty".to_owned() });
    }
    Ok((is_user, said))
}

/// The text of a part of a message.
fn of_part(place: &str, part: Value) -> Result<String, JobError> {
    let kind = part.get("type").and_then(Value::as_str).unwrap_or("text").to_owned();
    match part.get("text") {
        Some(Value::String(said)) if ["text", "input_text", "output_text"].contains(&kind.as_str()) => {
            Ok(said.clone())
        }
        _ => {
            let problem =
                "must be a text, {\"type\": \"text\", \"text\": \"...\"}: a history has no pictures or files"
                    .to_owned();
            Err(JobError::BadValue { place: place.to_owned(), problem })
        }
    }
}

//! Error bodies and error events of servers: each becomes a kind and the server's own words.
//!
//! Pure. This file does not know the provider's name, the credential, or whether another try follows. The table of
//! `error_kinds` decides about the kind.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{ChatErrorKind as Kind, error_kinds, waits};

/// How deep errors are looked for within each other.
const DEEPEST: usize = 6;
/// The most errors of a list that are quoted.
const MOST: usize = 5;
/// Keys under which servers put their words, in order. The first that has any counts.
const PLACES: &[&str] = &[
    "error",
    "errors",
    "message",
    "detail",
    "details",
    "msg",
    "error_description",
    "error_message",
    "errormessage",
    "error_msg",
    "status_msg",
    "base_resp",
    "description",
    "title",
    "reason",
];

/// A failure in the server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    /// The kind of the failure.
    pub kind: Kind,
    /// The server's text, uncut; empty if it gave none.
    pub text: String,
    /// The vendor's names of the error and of the parameter that it is about.
    pub tags: String,
    /// A remedy that fits better than that of the kind.
    pub hint: Option<&'static str>,
    /// How long the body asks to wait.
    pub wait: Option<Duration>,
    /// Whether the text is of the log of a process that has died, so that nothing in it is about this request.
    pub is_of_log: bool,
}

/// The failure in the body of a reply with an error status.
pub(crate) fn of_status(status: u16, body: &[u8]) -> ErrorBody {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    match (&json, std::str::from_utf8(body)) {
        (Some(json), _) => {
            let said = found(json, 0).unwrap_or_else(|| Said::plain(&leaves(json)));
            // A gateway's own status says less than that of the server behind it.
            let inner = said.code.filter(|code| status >= 500 && *code < 500);
            said.body(inner.unwrap_or(status), "[json]", Some(json))
        }
        (None, Ok(text)) => match text.trim() {
            "" => Said::plain("").body(status, "[empty]", None),
            page if is_page(page) => Said::plain(&of_page(page)).body(status, "[html]", None),
            text => in_text(text, 0).body(status, "[plain]", None),
        },
        (None, Err(_)) => {
            let text = format!("{} bytes that are no text", body.len());
            Said::plain(&text).body(status, "[plain]", None)
        }
    }
}

/// The failure in an event, which a server sends if it fails after it has begun with status 200; `None` if the event is
/// no error.
pub(crate) fn of_event(event: &Value) -> Option<ErrorBody> {
    let is_error = match event {
        Value::Array(events) => return events.iter().find_map(of_event),
        Value::Object(fields) => {
            is_filled(&event["error"])
                || event["type"] == "error"
                || event["object"] == "error"
                || is_bare_error(fields)
        }
        _ => false,
    };
    let said = is_error.then(|| found(event, 0))??;
    Some(said.body(said.status(), "[json]", Some(event)))
}

/// Whether there is anything in `value`: some gateways send an empty error beside each good reply.
fn is_filled(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Bool(true) => true,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(values) => values.iter().any(is_filled),
        Value::Object(fields) => fields.values().any(is_filled),
    }
}

/// Whether an object has the keys of an error and none of a reply in any dialect.
fn is_bare_error(fields: &Map<String, Value>) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| fields.contains_key(*key));
    let has_words = ["detail", "errors", "msg", "error_msg", "message"]
        .iter()
        .any(|key| fields.get(*key).is_some_and(|value| is_filled(value) && !value.is_object()));
    let has_status = has(&["code", "status_code", "statusCode", "detail", "errors", "error_code"]);
    has_words && has_status && !has(&["choices", "done", "content", "delta", "usage", "candidates"])
}

/// What an error says, whatever its shape.
#[derive(Clone, Debug, Default)]
struct Said {
    text: String,
    /// The vendor's names of the error and its parameter, and its code if that is a word.
    tags: String,
    /// The code if that is an HTTP status.
    code: Option<u16>,
}

impl Said {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// The status that an event stands for.
    fn status(&self) -> u16 {
        let by_name = [
            ("rate_limit", 429),
            ("resource_exhausted", 429),
            ("authentication", 401),
            ("unauthenticated", 401),
            ("permission", 403),
            ("not_found", 404),
            ("context_length_exceeded", 400),
            ("exceed_context_size", 400),
            ("request_too_large", 413),
            ("invalid_request", 400),
            ("invalid_argument", 400),
            ("overloaded", 529),
            ("unavailable", 503),
        ];
        let tags = self.tags.to_lowercase();
        let named = || by_name.iter().find(|(name, _)| tags.contains(name)).map(|&(_, status)| status);
        self.code.or_else(named).unwrap_or(500)
    }

    fn body(&self, status: u16, form: &str, json: Option<&Value>) -> ErrorBody {
        let Self { text, tags, .. } = self;
        let timed =
            if json.is_some_and(|json| json["estimated_time"].is_number()) { "estimated_time" } else { "" };
        let (kind, hint) = error_kinds::of(status, &format!("{form} {tags} {timed} | {text}"));
        let wait = json.and_then(waits::of_json).or_else(|| waits::of_text(text));
        let body = ErrorBody { kind, text: text.clone(), tags: tags.clone(), hint, wait, is_of_log: false };
        if error_kinds::is_of_dead_runner(text) {
            // A log asks for no wait, and refuses nothing of this request.
            return ErrorBody { wait: None, is_of_log: true, ..body };
        }
        body
    }

    /// Adds what the error around this one says of itself.
    fn within(mut self, fields: &Map<String, Value>) -> Self {
        let tag = |key: &str| fields.get(key)?.as_str().filter(|tag| !tag.is_empty() && tag.len() < 100);
        let tags = ["type", "code", "param", "status", "error_code"].into_iter().filter_map(tag);
        let outer = tags.filter(|tag| *tag != "error").collect::<Vec<_>>().join(" ");
        self.tags = format!("{} {outer}", self.tags).trim().to_owned();
        let codes = ["code", "status", "status_code", "statusCode", "http_status"];
        let number = |key: &str| {
            let value = fields.get(key)?;
            let code = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
            u16::try_from(code).ok().filter(|code| (400..600).contains(code))
        };
        self.code = self.code.or_else(|| codes.into_iter().find_map(number));
        self
    }
}

/// What the error in `value` says, however deep it is nested in lists, objects and JSON within texts.
fn found(value: &Value, depth: usize) -> Option<Said> {
    if depth > DEEPEST {
        return None;
    }
    match value {
        Value::String(text) if !text.trim().is_empty() => Some(in_text(text.trim(), depth)),
        Value::Array(items) => {
            let mut all = items.iter().take(MOST).filter_map(|item| found(item, depth + 1));
            let mut said = all.next()?;
            all.for_each(|other| said.text += &format!("; {}", other.text));
            Some(said)
        }
        Value::Object(fields) => {
            let said = in_object(fields, depth)?;
            Some(said.within(fields))
        }
        _ => None,
    }
}

fn in_object(fields: &Map<String, Value>, depth: usize) -> Option<Said> {
    // OpenRouter: the words of the vendor behind it; its own are "Provider returned error".
    let raw = fields.get("metadata").and_then(|metadata| found(metadata.get("raw")?, depth + 1));
    if raw.is_some() {
        return raw;
    }
    let field = |place: &str| {
        fields
            .iter()
            .find(|(key, value)| key.to_lowercase() == place && is_filled(value))
            .map(|(_, value)| value)
    };
    let (place, mut said) =
        PLACES.iter().find_map(|place| Some((*place, found(field(place)?, depth + 1)?))).or_else(|| {
            // An error whose words stand elsewhere.
            let error = fields.get("error").filter(|error| error.is_object())?;
            Some(("", Said::plain(&leaves(error))))
        })?;
    // Spring and NestJS: `error` is the name of the status, `message` says what is wrong.
    if let ("error", Some(message)) = (place, field("message").and_then(Value::as_str))
        && fields["error"].is_string()
        && message != said.text
    {
        let inner = in_text(message, depth + 1);
        said = Said { text: format!("{}: {}", said.text, inner.text), ..inner };
    }
    // FastAPI: the place in the body that is wrong.
    if let Some(place) = fields.get("loc").and_then(Value::as_array) {
        let place: Vec<_> =
            place.iter().map(|part| part.as_str().map_or(part.to_string(), str::to_owned)).collect();
        said.text = format!("{}: {}", place.join("."), said.text);
    }
    Some(said)
}

/// What `text` says. Ollama and gateways put the JSON of the server behind them into it, alone or behind words of theirs.
fn in_text(text: &str, depth: usize) -> Said {
    let json = text.find(['{', '[']).and_then(|at| {
        let end = text.rfind(['}', ']']).filter(|end| *end > at)?;
        let inner = found(&serde_json::from_str(&text[at..=end]).ok()?, depth + 1)?;
        Some((text[..at].trim(), inner, text[end + 1..].trim()))
    });
    match json {
        Some((before, inner, behind)) => {
            Said { text: format!("{before} {} {behind}", inner.text).trim().to_owned(), ..inner }
        }
        None if is_page(text) => Said::plain(&of_page(text)),
        None => Said::plain(text),
    }
}

/// All texts of a JSON document whose words stand nowhere where they are known to; the document if it has none.
fn leaves(json: &Value) -> String {
    fn texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::String(text) if !text.trim().is_empty() => all.push(text.trim()),
            Value::Array(values) => values.iter().for_each(|value| texts(value, all)),
            Value::Object(fields) => fields.values().for_each(|value| texts(value, all)),
            _ => {}
        }
    }
    let mut all = Vec::new();
    texts(json, &mut all);
    all.truncate(MOST);
    if all.is_empty() { json.to_string() } else { all.join("; ") }
}

/// What a server has sent, as a message quotes it: a page in a few words, other text as it is.
pub(crate) fn in_short(text: &str) -> String {
    if is_page(text.trim_start()) { of_page(text) } else { text.to_owned() }
}

/// Whether `text` begins as HTML or XML does.
fn is_page(text: &str) -> bool {
    text.strip_prefix('<')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '!' | '?')))
}

/// A page of HTML or XML in a few words: its title, its first heading or its message.
fn of_page(page: &str) -> String {
    let inside = |tag: &str| {
        let lower = page.to_ascii_lowercase();
        let begin = lower.find(&format!("<{tag}"))?;
        let begin = begin + lower[begin..].find('>')? + 1;
        let text = &page[begin..begin + lower[begin..].find("</")?];
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    };
    match ["title", "message", "h1"].into_iter().find_map(inside) {
        Some(title) => format!("a page with the title \"{title}\""),
        None => "a page without a title".to_owned(),
    }
}

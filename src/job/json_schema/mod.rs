//! The JSON schema of a job, for editors: what the parser takes, with descriptions, defaults and examples.
//!
//! In: [`rows`] and the parser's lists of keys. Out: a schema of draft 2020-12. It is a little stricter than the parser,
//! which also reads numbers and flags that are written as texts.

mod names;
mod rows;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use self::rows::{Row, rows};
use super::options;
use super::parse;
use super::schema::ProtocolKind;
use crate::chat::providers;
use crate::prompts;

/// What a field may hold.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// A text.
    Text,
    /// `true` or `false`.
    Flag,
    /// A whole number, from and to.
    Count(u64, u64),
    /// The same, or -1.
    Limit(u64, u64),
    /// A number, from and to.
    Number(f64, f64),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A text or a list of texts.
    List,
    /// An object: an area of its own, or the user's.
    Object,
    /// Written by hand in [`special`].
    Anything,
    /// Nothing that would be of use: `false` or `null`.
    Unused,
}

/// The schema of a job.
pub fn json_schema() -> Value {
    let mut root = object("", true);
    root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    root["title"] = "A job of minions".into();
    root["description"] =
        "A question, its documents, two sides and a protocol. Only `call_params.task` is required.".into();
    root["required"] = json!(["call_params"]);
    root["allOf"] = ProtocolKind::ALL.into_iter().map(of_protocol).collect();
    root["$defs"] = json!({"client": client()});
    root
}

/// The object of an area: its fields, and no others.
fn object(area: &str, is_closed: bool) -> Value {
    let fields = rows().filter(|row| row.area == area);
    let properties: Map<String, Value> = fields.map(|row| (row.key.to_owned(), field(row))).collect();
    let mut object = json!({"type": "object", "properties": properties});
    if is_closed {
        object["additionalProperties"] = false.into();
    }
    object
}

fn field(row: &Row) -> Value {
    let mut field = match special(row) {
        Some(special) => special,
        None => row.form.schema(),
    };
    if let Some(field) = field.as_object_mut() {
        field.insert("description".into(), row.about.into());
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        field.extend(read(row.default).map(|default| ("default".to_owned(), default)));
        if matches!(row.form, Form::Unused) {
            field.insert("deprecated".into(), true.into());
        } else {
            field.extend(read(row.example).map(|example| ("examples".to_owned(), json!([example]))));
        }
    }
    field
}

impl Form {
    /// The schema. `null` is as if the field were not there.
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({"type": ["string", "null"]}),
            Self::Flag => json!({"type": ["boolean", "null"]}),
            Self::Count(least, u64::MAX) => json!({"type": ["integer", "null"], "minimum": least}),
            Self::Count(least, most) => {
                json!({"type": ["integer", "null"], "minimum": least, "maximum": most})
            }
            Self::Limit(least, most) => json!({"anyOf": [{"const": -1}, Self::Count(least, most).schema()]}),
            Self::Number(least, most) => {
                json!({"type": ["number", "null"], "minimum": least, "maximum": most})
            }
            Self::OneOf(names) => {
                let all: Vec<Value> = names.iter().map(|name| json!(name)).chain([Value::Null]).collect();
                json!({"enum": all})
            }
            Self::List => json!({"type": ["string", "array", "null"], "items": {"type": "string"}}),
            Self::Object | Self::Anything => json!({"type": ["object", "null"]}),
            Self::Unused => json!({"enum": [false, null, [], "", 0]}),
        }
    }
}

/// What has a form of its own.
fn special(row: &Row) -> Option<Value> {
    let or_null = |schema: Value| json!({"anyOf": [schema, {"type": "null"}]});
    Some(match (row.area, row.key) {
        ("", "call_params") => {
            let mut params = object("call_params", true);
            params["required"] = json!(["task"]);
            params["properties"]["task"]["type"] = "string".into();
            params["properties"]["task"]["minLength"] = 1.into();
            params
        }
        ("", "protocol") => or_null(object("protocol", true)),
        ("", "budget") => or_null(object("budget", true)),
        ("", "local_client" | "remote_client") => or_null(json!({"$ref": "#/$defs/client"})),
        ("protocol", "kwargs") => or_null(object("protocol.kwargs", true)),
        ("client", "kwargs") => or_null(kwargs()),
        ("protocol.kwargs", "prices") => {
            let mut prices = object("prices", true);
            prices["required"] = json!(["input", "output"]);
            or_null(prices)
        }
        ("protocol.kwargs", "prompts") => or_null(json!({
            "type": "object", "additionalProperties": {"type": "string"},
            "propertyNames": {"enum": prompts::names().collect::<Vec<_>>()},
        })),
        ("client.kwargs", "headers") => or_null(
            json!({"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}),
        ),
        ("client", "type") => json!({"enum": names()}),
        ("call_params", "context") => {
            let mut document = object("document", true);
            document["oneOf"] = json!([{"required": ["text"]}, {"required": ["file"]}]);
            let item = json!({"anyOf": [{"type": "string"}, document]});
            json!({"anyOf": [{"type": ["string", "null"]}, {"type": "array", "items": item}]})
        }
        ("call_params", "history") => {
            let message = json!({
                "type": "object", "required": ["role", "content"], "properties": {"role": {"enum": ["user", "assistant"]}},
            });
            json!({"anyOf": [object("history", true), {"type": "array", "items": {"anyOf": [object("turn", true), message]}}, {"type": "null"}]})
        }
        ("history", "turns") => json!({"type": ["array", "null"], "items": object("turn", true)}),
        ("turn", "evidence") => json!({"type": ["array", "null"], "items": {"type": ["object", "string"]}}),
        ("", "session") => names::session(),
        ("call_params", "logging_id") => names::logging_id(),
        ("call_params", "log_path") => names::path_below(),
        ("protocol", "log_dir" | "session_dir") => names::path_below(),
        ("call_params", "context_files") => {
            or_null(json!({"anyOf": [names::path(), {"type": "array", "items": names::path()}]}))
        }
        ("document", "file") => names::path(),
        ("call_params", "use_retrieval") => json!({"enum": ["bm25", "embedding", false, null]}),
        ("client.kwargs", "thinking") => {
            json!({"enum": [true, false, "low", "medium", "high", "on", "off", "none", null]})
        }
        ("client.kwargs", "num_ctx" | "n_ctx") => {
            json!({"anyOf": [{"const": 0}, Form::Count(256, u64::from(u32::MAX)).schema()]})
        }
        ("client.kwargs", "keep_alive") => json!({"type": ["string", "number", "null"]}),
        _ => return None,
    })
}

/// A name of a client type. Hyphens count as underscores.
fn names() -> Vec<String> {
    let names = providers::names().map(str::to_owned);
    let with_hyphens =
        providers::names().filter(|name| name.contains('_')).map(|name| name.replace('_', "-"));
    names.chain(with_hyphens).collect()
}

/// The options of a client, with those that are taken without effect.
fn kwargs() -> Value {
    let mut kwargs = object("client.kwargs", true);
    for name in options::without_effect() {
        kwargs["properties"][name] =
            json!({"description": "Taken for the original's sake, without effect.", "deprecated": true});
    }
    for name in options::names_of_headers() {
        kwargs["properties"][name] = kwargs["properties"]["headers"].clone();
    }
    kwargs
}

/// A side: each option is that of some client types.
fn client() -> Value {
    let mut client = object("client", true);
    let of_others = rows().filter(|row| row.area == "client.kwargs").filter_map(|row| {
        let owners: Vec<_> = providers::PROVIDERS.iter().filter(|provider| options::is_known(provider, row.key)).collect();
        if owners.len() == providers::PROVIDERS.len() {
            return None;
        }
        let names = owners.iter().flat_map(|owner| [owner.name.to_owned(), owner.name.replace('_', "-")]);
        let is_other = json!({"properties": {"type": {"not": {"enum": names.collect::<Vec<_>>()}}}, "required": ["type"]});
        Some(json!({"if": is_other, "then": {"properties": {"kwargs": {"properties": {(row.key): {"type": "null"}}}}}}))
    });
    let embedded = ["llama_cpp", "llama-cpp"];
    let path = json!({
        "if": {"properties": {"type": {"enum": embedded}}, "required": ["type"]},
        "then": {"required": ["model_path"]}, "else": {"properties": {"model_path": {"type": "null"}}},
    });
    client["allOf"] = of_others.chain([path]).collect();
    client
}

/// What a job of this protocol does not have.
fn of_protocol(kind: ProtocolKind) -> Value {
    let not_of = |area: &str, keys: Vec<&'static str>| -> Map<String, Value> {
        let rows = rows().filter(|row| row.area == area && !keys.contains(&row.key));
        rows.map(|row| (row.key.to_owned(), json!({"type": "null"}))).collect()
    };
    let params = not_of("call_params", parse::params(kind));
    let kwargs = not_of("protocol.kwargs", parse::protocol_kwargs(kind));
    let names = json!({"properties": {"type": {"enum": [kind.name()]}}, "required": ["type"]});
    let is_usual = kind == ProtocolKind::Minion;
    let is_it = match is_usual {
        true => {
            json!({"not": {"properties": {"protocol": {"type": "object", "properties": {"type": {"enum": [ProtocolKind::Minions.name()]}}, "required": ["type"]}}, "required": ["protocol"]}})
        }
        false => json!({"properties": {"protocol": names}, "required": ["protocol"]}),
    };
    let then = json!({"properties": {
        "call_params": {"properties": params},
        "protocol": {"properties": {"kwargs": {"properties": kwargs}}},
    }});
    json!({"if": is_it, "then": then})
}

//! `minions chat`: one reply of one model, for programs.
//!
//! In: a side of a job and messages, as JSON. Out: an envelope with the reply. The side has the clients, retries, ledger
//! and recordings of a job's; there are no prompts of ours, no documents and no log.

use std::path::PathBuf;

use clap::Args;
use minions::chat::{ChatRequest, Format, Message, Role};
use minions::engine::{BareReply, Engine, RunLimits};
use minions::error::Failure;
use minions::job::{self, Job, JobRole, Subject};
use serde::Deserialize;
use serde_json::{Value, json};

use super::input::{Found, Source};
use super::interrupt::RunDeadline;
use super::options::RunOptions;
use super::program::Program;
use super::while_open::WhileOpen;

pub(crate) const EXAMPLES: &str = "\
Examples:
  echo '{\"local_client\": {\"type\": \"ollama\", \"model_name\": \"llama3.2:3b\"},
         \"messages\": [{\"role\": \"user\", \"content\": \"What is a chunk?\"}]}' | minions chat
  minions chat request.json | jq -r .result.text

The client stands under local_client or remote_client, as in a job. \"schema\" shapes the reply as JSON.";

/// Options of `chat`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChatOptions {
    /// The file with the client and the messages; stdin if it is left out or `-`.
    pub file: Option<PathBuf>,
    /// Fail before more than N bytes of messages leave this machine.
    #[arg(long, value_name = "N")]
    max_egress_bytes: Option<u64>,
    /// Write the exchange with the model into DIR, without keys.
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    record: Option<PathBuf>,
    /// Answer from what --record wrote into DIR: no network, no keys, no models.
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// Tell of each request on stderr, a line each.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Tell of errors alone.
    #[arg(short, long)]
    quiet: bool,
    /// End once the other end of the pipe at this descriptor is closed, or its holder dies.
    #[arg(long, value_name = "fd:N")]
    while_open: Option<WhileOpen>,
}

impl ChatOptions {
    /// Those that it shares with jobs.
    pub(crate) fn each(&self) -> RunOptions {
        let Self { max_egress_bytes, record, replay, verbose, quiet, while_open, .. } = self.clone();
        RunOptions { max_egress_bytes, record, replay, verbose, quiet, while_open, ..RunOptions::default() }
    }
}

/// What is asked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with a client and messages")]
struct Asked {
    local_client: Option<Value>,
    remote_client: Option<Value>,
    messages: Value,
    /// The JSON schema of the reply.
    schema: Option<Value>,
}

/// A message, as most programs write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with role and content")]
struct Told {
    role: Role,
    content: Value,
}

impl Program {
    /// The reply to what `source` holds.
    pub(super) async fn chat(self, source: Source) -> Result<Box<BareReply>, Failure> {
        let engine = self.engine(false, RunLimits::default());
        let reader = engine.clone();
        let read = move || match source.one()? {
            Found::One(bytes, line) => asked(&reader, job::value_of(Subject::Chat, &bytes, line)?),
            Found::Many(..) => Err(Failure::defect("one request was read as many")),
        };
        let (job, role, request) = self.beside(RunDeadline::of(None), read).await?;
        let mut interrupt = self.interrupt.clone();
        tokio::select! {
            reply = engine.reply(&job, role, &request) => reply.map(Box::new),
            stopped = interrupt.heard() => Err(stopped),
        }
    }
}

/// The side as a job that asks it alone, and what it is asked.
fn asked(engine: &Engine, value: Value) -> Result<(Job, JobRole, ChatRequest), Failure> {
    let unusable = |problem: String| Failure::input(problem).hint(Subject::Chat.example());
    let Asked { local_client, remote_client, messages, schema } = serde_json::from_value(value)
        .map_err(|error| unusable(format!("the request can't be used: {error}")))?;
    let messages = read(messages).map_err(unusable)?;
    let (role, key, protocol, client) = match (local_client, remote_client) {
        (Some(client), None) => (JobRole::Worker, "local_client", "local_only", client),
        (None, Some(client)) => (JobRole::Supervisor, "remote_client", "remote_only", client),
        _ => {
            return Err(Failure::input(
                "the request must have one client, under local_client or remote_client",
            )
            .hint(Subject::Chat.example()));
        }
    };
    if messages.last().is_none_or(|(role, _)| *role == Role::Assistant) {
        return Err(Failure::input(
            "messages must end with one that is to be answered, of the role user or system",
        )
        .hint(Subject::Chat.example()));
    }
    if let Some(problem) = schema.as_ref().and_then(not_of_object) {
        return Err(Failure::input(format!("schema {problem}"))
            .hint("name the keys of the reply: {\"type\": \"object\", \"properties\": {\"answer\": {\"type\": \"string\"}}}"));
    }
    // The texts count for the context window that the model gets.
    let task = messages.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
    let bare =
        json!({key: client, "protocol": {"type": protocol}, "call_params": {"task": "answer the messages"}});
    let job = Job { task, ..engine.job(bare)? };
    let format =
        schema.map_or(Format::Text, |schema| Format::Schema { name: "reply", schema, shares: false });
    let messages = messages.into_iter().map(|(role, text)| Message::new(role, text)).collect();
    Ok((job, role, ChatRequest { messages, format, ..ChatRequest::default() }))
}

/// The messages; else the place of what can't be used, and why.
fn read(messages: Value) -> Result<Vec<(Role, String)>, String> {
    let Value::Array(messages) = messages else {
        return Err("messages must be a list of objects with role and content".to_owned());
    };
    let message = |(at, message): (usize, Value)| {
        let told = Told::deserialize(message);
        match told.map_err(|error| format!("messages[{at}] can't be used: {error}"))? {
            Told { role, content: Value::String(text) } => Ok((role, text)),
            Told { .. } => Err(format!("messages[{at}].content must be a text")),
        }
    };
    messages.into_iter().enumerate().map(message).collect()
}

/// Why `schema` is none of a JSON object.
fn not_of_object(schema: &Value) -> Option<&'static str> {
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => None,
        _ => Some("must be a JSON schema whose type is object"),
    }
}

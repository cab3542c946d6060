//! Asks the supervisor for JSON until it is usable.

use serde_json::{Map, Value};

use super::{Assignment, ProtocolError, Side, Transcript, excerpt, reply};
use crate::chat::{ChatReply, ChatRequest, Finish, Format, Message};
use crate::config;
use crate::events::{CallEvents, Purpose};
use crate::job::JobRole;
use crate::prompts::{self, Filled, Prompts, Slot};
use crate::words::count;

/// Characters of an unusable reply that an error quotes.
const QUOTE: usize = 300;

/// The supervisor, or the worker in its place, with its conversation so far.
pub(super) struct Supervisor<'a> {
    role: JobRole,
    side: &'a Side,
    prompts: &'a Prompts,
    transcript: &'a Transcript,
    purpose: Purpose,
    pub messages: Vec<Message>,
    /// The server that has the conversation so far cached.
    preferred_server: Option<usize>,
}

/// What `judge` makes of a reply.
pub(super) enum Judged<T> {
    /// The reply is usable.
    Usable(T),
    /// The reply is not usable, for this reason. The second part is what to take if no usable reply comes.
    Poor(String, Option<T>),
}

impl<T> Judged<T> {
    /// The value of `key`, which must not be empty, is missing.
    pub(super) fn missing(key: &str) -> Self {
        Self::Poor(format!("{key:?} is missing or empty"), None)
    }

    /// The decision is neither of the two that exist.
    pub(super) fn no_decision(said: &str) -> Self {
        let must = "\"decision\" must be \"provide_final_answer\" or \"request_additional_info\"";
        Self::Poor(format!("{must}, not {said:?}"), None)
    }
}

impl<'a> Supervisor<'a> {
    /// A supervisor to whom nothing was said yet.
    pub(super) fn new(assignment: &Assignment<'a>, purpose: Purpose, transcript: &'a Transcript) -> Self {
        Self::of(JobRole::Supervisor, assignment, purpose, transcript)
    }

    /// The model of `role`, to whom nothing was said yet.
    pub(super) fn of(
        role: JobRole,
        assignment: &Assignment<'a>,
        purpose: Purpose,
        transcript: &'a Transcript,
    ) -> Self {
        let Assignment { supervisor, worker, prompts, .. } = *assignment;
        let side = if role == JobRole::Supervisor { supervisor } else { worker };
        Self { role, side, prompts, transcript, purpose, messages: Vec::new(), preferred_server: None }
    }

    /// Sends `prompt` and gives the reply.
    pub(super) async fn say(&mut self, prompt: Filled, format: &Format) -> Result<ChatReply, ProtocolError> {
        let role = self.role;
        self.transcript.told(role, &prompt.text);
        self.messages.push(Message::user(prompt.text).owning(prompt.own));
        let calls = CallEvents::new(&self.transcript.events, role, self.purpose);
        let request = ChatRequest {
            messages: std::mem::take(&mut self.messages),
            format: format.clone(),
            observer: calls.observer(),
            ..ChatRequest::default()
        };
        let mut permit = self.side.permit(self.preferred_server).await;
        let outcome = self.side.chat(&mut permit, &request).await;
        self.preferred_server = Some(permit.server());
        drop(permit);
        self.messages = request.messages;
        let prompt = self.messages.last().map_or("", |message| message.content.as_str());
        let reply = outcome
            .inspect_err(|error| self.transcript.turn(role, prompt, &format!("[failed: {error}]")))
            .map_err(|error| match role {
                JobRole::Supervisor => ProtocolError::Supervisor(error),
                JobRole::Worker | JobRole::Embedding => ProtocolError::Worker(error),
            })?;
        tracing::info!("the {role} replied with {}", count(reply.usage.completion_tokens, "token"));
        self.transcript.said(role, calls.call(), &reply.text);
        self.transcript.turn(role, prompt, &reply.text);
        let said = Message::assistant(reply.text.clone());
        // What the worker says may hold something of the documents.
        self.messages.push(if role == JobRole::Supervisor { said.own() } else { said });
        Ok(reply)
    }

    /// Sends `prompt` and gives the reply as `judge` reads it. An unusable reply is asked for again.
    pub(super) async fn ask<T>(
        &mut self,
        prompt: Filled,
        format: &Format,
        judge: impl Fn(Map<String, Value>) -> Judged<T>,
    ) -> Result<T, ProtocolError> {
        let mut prompt = prompt;
        let mut fallback = None;
        let mut tries = 0;
        loop {
            let ChatReply { text, finish, cut, .. } = self.say(prompt, format).await?;
            tries += 1;
            let object = reply::last_object(&text, finish.is_cut()).map(|mut object| {
                reply::mark_cut(&mut object, &cut);
                object
            });
            let problem = match object.map(&judge) {
                Ok(Judged::Usable(value)) => return Ok(value),
                Ok(Judged::Poor(problem, poor)) => {
                    fallback = poor.or(fallback);
                    problem
                }
                Err(problem) if finish == Finish::Length => {
                    format!("{problem}, as the token limit cut it off")
                }
                Err(problem) if finish == Finish::Looped => format!("{problem}, as it repeats itself"),
                Err(problem) => problem,
            };
            if tries > config::MAX_JSON_RETRIES {
                let quote = excerpt(&text, QUOTE);
                let is_cut = finish == Finish::Length;
                let role = self.role;
                return fallback.ok_or(ProtocolError::Unusable { role, is_cut, tries, problem, quote });
            }
            self.transcript
                .warn(format!("the {}'s reply is unusable and asked for again: {problem}", self.role));
            // The problem is told in words of ours and of its own reply.
            let slots = [("problem", Slot::Own(&problem)), ("keys", Slot::Own(&keys(format)))];
            prompt = self.prompts.fill(&prompts::JSON_AGAIN, &slots);
        }
    }
}

/// The keys that `format` asks for.
fn keys(format: &Format) -> String {
    let Format::Schema { schema, .. } = format else { return String::new() };
    let keys = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    keys.map(|key| format!("{key:?}")).collect::<Vec<_>>().join(", ")
}

/// A schema of an object that has all of `properties` and no others.
pub(super) fn schema(name: &'static str, properties: Value) -> Format {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    Format::Schema {
        name,
        shares: true,
        schema: serde_json::json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }),
    }
}

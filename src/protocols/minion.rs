//! `minion`: the supervisor asks questions, and the worker, which reads the documents, answers them.
//!
//! The supervisor is called once for the first question and once per round.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::ask::{Judged, Supervisor, schema};
use super::{Answer, Assignment, ProtocolError, Transcript, excerpt, joined, reply};
use crate::chat::{ChatErrorKind, ChatReply, ChatRequest, Finish, Format, Image, Message};
use crate::documents::Document;
use crate::documents::tokens::{self, Count};
use crate::events::{CallEvents, Purpose};
use crate::job::JobRole;
use crate::prompts::{self, Filled, Slot};
use crate::words::count;

/// Remote tokens of a round, as they were measured.
const ROUND_TOKENS: u64 = 1_700;
/// The rounds of a job that takes some.
const ROUNDS: u32 = 3;
/// The most characters of a reply that the supervisor reads again in a later round.
const OLDER_REPLY: usize = 600;
/// Why the rest of a reply is not there.
const TOO_LONG: &str = "cut off here, as the reply is too long; ask for what is missing";
const READ_BEFORE: &str = "left out here, as you have read them";

/// One run of the protocol.
pub(crate) struct Minion<'a> {
    /// The question, the documents and the two sides.
    pub assignment: Assignment<'a>,
    /// Pictures that the worker sees with its first message.
    pub images: &'a [Arc<Image>],
    /// The form that the worker's replies must have.
    pub worker_format: Format,
    /// The most characters of a reply that the supervisor reads.
    pub max_reply_chars: usize,
    /// Whether documents that cost less than the rounds do are told: the user chose this protocol, and the supervisor is a
    /// hosted model, whose tokens are paid for.
    pub is_told_of_cost: bool,
}

/// The supervisor's next step.
enum Step {
    Ask(String),
    Answer(String),
}

impl Minion<'_> {
    /// What the worker reads before the first question.
    pub(crate) fn worker_prompt(&self) -> Message {
        let (instructions, shared) = self.worker_instructions(self.assignment.context);
        Message::system(instructions.text).owning(instructions.own).sharing(shared)
    }

    /// The worker's instructions: the documents first, so that they stay cached from round to round. And how many bytes
    /// of them are the same for another task.
    fn worker_instructions(&self, context: &[Document]) -> (Filled, usize) {
        let mut documents: Vec<Document> =
            context.iter().filter(|document| !document.text.trim().is_empty()).cloned().collect();
        documents.extend(self.note_of_images().map(Document::from));
        let prompts = self.assignment.prompts;
        if documents.is_empty() {
            (prompts.fill(&prompts::MINION_WORKER_BARE, &[("task", self.assignment.task())]), 0)
        } else {
            let text = joined(&documents);
            let slots = [("context", Slot::Other(&text)), ("task", self.assignment.task())];
            let shared = prompts.shared(&prompts::MINION_WORKER, &["task"], &slots);
            (prompts.fill(&prompts::MINION_WORKER, &slots), shared)
        }
    }

    /// Stands for the pictures among the documents.
    fn note_of_images(&self) -> Option<String> {
        match self.images.len() {
            0 => None,
            1 => Some("[a picture, shown with the first message]".to_owned()),
            n => Some(format!("[{n} pictures, shown with the first message]")),
        }
    }

    /// Runs the chat to its answer. The worker is asked once `has_read` tells which of its servers has the documents
    /// cached, or is closed.
    pub(crate) async fn run(
        &self,
        transcript: &Transcript,
        has_read: oneshot::Receiver<usize>,
    ) -> Result<Answer, ProtocolError> {
        let Assignment { prompts, context, max_rounds, .. } = self.assignment;
        let mut supervisor = Supervisor::new(&self.assignment, Purpose::Step, transcript);
        let mut chat = ChatRequest {
            messages: vec![self.worker_prompt()],
            format: self.worker_format.clone(),
            ..ChatRequest::default()
        };
        transcript.worker_instructions(self.worker_instructions(&[note_of(context).into()]).0.text);
        self.warn_of_cost(transcript);
        let mut question = supervisor.ask(self.first_prompt(), &first_format(), first_step).await?;
        // The server that has the documents cached.
        let mut preferred_server = has_read.await.ok();
        let mut lost_any = false;
        for round in 1..=max_rounds {
            transcript.begin_round(round, max_rounds);
            tracing::info!("round {round}/{}: {}", max_rounds, excerpt(&question, 200));
            let (answer, is_lost) =
                self.ask_worker(&mut chat, &mut preferred_server, question, transcript).await?;
            lost_any |= is_lost;
            let left = max_rounds - round;
            let told = |reply: &str| {
                let slots = [("reply", Slot::Other(reply)), ("left", Slot::Own(&left.to_string()))];
                let prompt = if left == 0 { &prompts::MINION_LAST_REPLY } else { &prompts::MINION_REPLY };
                prompts.fill(prompt, &slots)
            };
            let format = if left == 0 { last_format() } else { next_format() };
            let at = supervisor.messages.len();
            let prompt = told(&shortened(&answer, self.max_reply_chars, TOO_LONG));
            let step = supervisor.ask(prompt, &format, |reply| next_step(reply, left)).await?;
            // What it reads again in the rounds to come.
            let again = told(&shortened(&answer, self.max_reply_chars.min(OLDER_REPLY), READ_BEFORE));
            supervisor.messages[at] = Message::user(again.text).owning(again.own);
            question = match step {
                Some(Step::Answer(text)) => {
                    return Ok(Answer::given(text, lost_any, transcript));
                }
                Some(Step::Ask(message)) => message,
                None => break,
            };
        }
        Ok(Answer::none())
    }

    /// Tells that the documents would cost less than the rounds do, if they would.
    fn warn_of_cost(&self, transcript: &Transcript) {
        let Assignment { context, max_rounds, .. } = self.assignment;
        let bytes: usize = context.iter().map(|document| document.text.len()).sum();
        if !self.is_told_of_cost || !self.images.is_empty() || bytes > tokens::COUNTED_FROM {
            return;
        }
        let Count { tokens, method } = tokens::count(context.iter().map(Document::as_ref));
        let rounds = max_rounds.min(ROUNDS);
        let cost = u64::from(rounds) * ROUND_TOKENS;
        if (1..cost).contains(&tokens) {
            transcript.warn(format!(
                "the documents have about {} (by {method}), and {} of minion cost about {cost} remote tokens: sending \
                 the documents would cost less. Hint: if they may leave this machine, give them to the remote model \
                 alone, with protocol.type \"remote_only\"",
                count(tokens, "token"),
                count(u64::from(rounds), "round"),
            ));
        }
    }

    fn first_prompt(&self) -> Filled {
        let metadata = match self.assignment.doc_metadata {
            Some(metadata) => metadata,
            None if self.assignment.context.is_empty() && self.images.is_empty() => {
                "there are none; the small model answers from what it knows"
            }
            None => "nothing is known",
        };
        let metadata = match self.images.len() {
            0 => metadata.to_owned(),
            n => format!("{metadata} (the small model also sees {n} picture(s))"),
        };
        let slot = if self.assignment.doc_metadata.is_some() { Slot::Other } else { Slot::Own };
        let rounds = self.assignment.max_rounds.to_string();
        self.assignment.prompts.fill(
            &prompts::MINION_SUPERVISOR,
            &[
                ("task", self.assignment.task()),
                ("metadata", Slot::Filled(&self.assignment.about(slot(&metadata)))),
                ("rounds", Slot::Own(&rounds)),
            ],
        )
    }

    /// The worker's reply to `question`, and whether it is lost or a part.
    async fn ask_worker(
        &self,
        chat: &mut ChatRequest,
        preferred_server: &mut Option<usize>,
        question: String,
        transcript: &Transcript,
    ) -> Result<(String, bool), ProtocolError> {
        transcript.told(JobRole::Worker, &question);
        let calls = CallEvents::new(&transcript.events, JobRole::Worker, Purpose::Reply);
        chat.observer = calls.observer();
        // The supervisor wrote it.
        let mut message = Message::user(question.clone()).own();
        if chat.messages.len() == 1 {
            message.images = self.images.to_vec();
        }
        chat.messages.push(message);
        let mut permit = self.assignment.worker.permit(*preferred_server).await;
        let outcome = self.assignment.worker.chat(&mut permit, chat).await;
        *preferred_server = Some(permit.server());
        if let Ok(reply) = &outcome {
            if let Some(note) = repetition(reply) {
                transcript.warn(note);
            }
            tracing::info!("the worker replied with {}", count(reply.usage.completion_tokens, "token"));
            transcript.said(JobRole::Worker, calls.call(), &reply.text);
        }
        let (text, is_lost) = match outcome {
            Ok(reply) if reply.finish == Finish::Length => {
                transcript.warn("the worker's reply was cut off by the token limit".to_owned());
                (reply.text + reply::CUT, true)
            }
            Ok(reply) if reply.finish == Finish::Looped => (reply.text + reply::LOOPED, true),
            Ok(reply) => (reply.text, false),
            Err(error) => {
                // The job goes on: the supervisor can ask in other words.
                let instead = match error.kind {
                    ChatErrorKind::Empty => "[the small model said nothing]",
                    ChatErrorKind::Repeating => "[the small model repeated itself and gave no answer]",
                    ChatErrorKind::Refused => "[the small model refused to answer]",
                    _ => return Err(ProtocolError::Worker(error)),
                };
                let hint = error.hint.as_ref().map(|hint| format!(". {hint}")).unwrap_or_default();
                transcript.warn(format!("a reply of the worker is lost: {error}{hint}"));
                (instead.to_owned(), true)
            }
        };
        transcript.turn(JobRole::Worker, &question, &text);
        chat.messages.push(Message::assistant(text.clone()));
        Ok((text, is_lost))
    }
}

/// The beginning of a reply of the worker, with a mark where it was cut. The mark counts as a part of the reply, as its
/// number says something of that.
fn shortened(reply: &str, limit: usize, why: &str) -> String {
    let Some((end, _)) = reply.char_indices().nth(limit) else { return reply.to_owned() };
    let kept = &reply[..end];
    let late = |at: &usize| at * 2 > end;
    let line_or_word = kept.rfind('\n').filter(late).or_else(|| kept.rfind(' ').filter(late));
    let kept = &kept[..line_or_word.unwrap_or(end)];
    let left_out = reply[kept.len()..].chars().count();
    format!("{kept}\n[{}: {why}]", count(left_out, "more character"))
}

/// What to say of a reply that repeated itself.
fn repetition(reply: &ChatReply) -> Option<String> {
    let saved = match reply.spared {
        0 => String::new(),
        spared => format!("; ending it saved up to {}", count(spared, "token")),
    };
    match reply.finish {
        Finish::Looped => {
            Some(format!("the worker's reply was cut off where it began to repeat itself{saved}"))
        }
        _ if reply.spared > 0 => Some(format!("the worker's first reply repeated itself{saved}")),
        _ => None,
    }
}

/// Stands for the documents where the worker's messages are shown; blank ones are not sent either.
fn note_of(context: &[Document]) -> String {
    let chars: usize = context.iter().map(Document::chars).sum();
    if context.iter().all(|document| document.text.trim().is_empty()) {
        String::new()
    } else {
        format!("[{} document(s), {chars} characters: see conversation_log.context]", context.len())
    }
}

fn first_format() -> Format {
    schema("first_message", json!({"reasoning": {"type": "string"}, "message": {"type": "string"}}))
}

fn next_format() -> Format {
    schema(
        "next_step",
        json!({
            "reasoning": {"type": "string"},
            "decision": {"type": "string", "enum": ["provide_final_answer", "request_additional_info"]},
            "message": {"type": ["string", "null"]},
            "answer": {"type": ["string", "null"]},
        }),
    )
}

fn last_format() -> Format {
    schema(
        "last_step",
        json!({
            "reasoning": {"type": "string"},
            "decision": {"type": "string", "enum": ["provide_final_answer"]},
            "message": {"type": "null"},
            "answer": {"type": "string"},
        }),
    )
}

fn first_step(mut reply: Map<String, Value>) -> Judged<String> {
    match reply::text(reply.remove("message")) {
        Some(message) => Judged::Usable(message),
        None => Judged::missing("message"),
    }
}

/// The step that `reply` takes. An inner `None` means that it asks for more although no messages are left.
fn next_step(mut reply: Map<String, Value>, left: u32) -> Judged<Option<Step>> {
    let message = reply::text(reply.remove("message"));
    let answer = reply::text(reply.remove("answer"));
    let must_answer = left == 0 || message.is_none();
    let decision = reply::decision(reply.remove("decision"), must_answer && answer.is_some());
    match (decision.as_str(), answer, message) {
        ("provide_final_answer", Some(answer), _) => Judged::Usable(Some(Step::Answer(answer))),
        ("provide_final_answer", None, _) => Judged::missing("answer"),
        ("request_additional_info", _, Some(message)) if left > 0 => Judged::Usable(Some(Step::Ask(message))),
        ("request_additional_info", _, None) if left > 0 => Judged::missing("message"),
        ("request_additional_info", _, _) => Judged::Poor(
            "no messages are left, so \"decision\" must be \"provide_final_answer\"".into(),
            Some(None),
        ),
        (other, _, _) => Judged::no_decision(other),
    }
}

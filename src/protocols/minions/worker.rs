//! One worker job: a chat of its own, whose reply is read with tolerance.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::call::{Call, WorkerReply};
use crate::chat::{ChatErrorKind, ChatReply, ChatRequest, Finish, Format, Message};
use crate::events::{CallEvents, Purpose};
use crate::job::JobRole;
use crate::memo::{Key, Memo, Remembered};
use crate::prompts::{self, Filled, Prompts, Slot};
use crate::protocols::ask::schema;
use crate::protocols::{Assignment, Permit, Side, Transcript, reply};
use crate::sandbox::{JobManifest, JobOutput};
use crate::sync::{beside_runtime, lock};
use crate::words::count;

/// Why a reply that repeats itself is of no use.
const REPEATS: &str = "it repeats itself";
/// The most replies that are asked for until one is usable.
const MAX_TRIES: u32 = 2;

/// The worker, with what all calls of a fan-out have in common.
pub(super) struct Worker<'a> {
    side: &'a Side,
    prompts: &'a Prompts,
    instructions: Message,
    format: Format,
    memo: Option<Arc<Memo>>,
    /// The errors of calls that were told already: many calls may fail in the same way.
    told: Mutex<BTreeSet<String>>,
    /// The replies that repeated themselves, and the tokens that ending them saved at most.
    looped: AtomicUsize,
    spared: AtomicU64,
}

impl<'a> Worker<'a> {
    pub(super) fn new(assignment: &Assignment<'a>, memo: Option<Arc<Memo>>) -> Self {
        let Assignment { worker: side, prompts, .. } = *assignment;
        let instructions = instructions(prompts);
        let (told, looped, spared) = (Mutex::default(), AtomicUsize::new(0), AtomicU64::new(0));
        Self { side, prompts, instructions, format: format(), memo, told, looped, spared }
    }

    /// The replies to those of `calls` that were asked before.
    pub(super) async fn recall(
        &self,
        calls: &VecDeque<VecDeque<Call>>,
        manifests: &[JobManifest],
    ) -> Vec<(Call, WorkerReply)> {
        let Some(memo) = &self.memo else { return Vec::new() };
        let known_by = |call: &Call| (*call, self.key(memo, &manifests[call.job], call.sample));
        let keys: Vec<_> = calls.iter().flatten().map(known_by).collect();
        let memo = Arc::clone(memo);
        let reply = move |(call, key)| {
            let Call { job, .. } = call;
            let Remembered { output, text } = memo.recall(&key)?;
            Some((call, WorkerReply { job, output, text, asked_again: false, lost: None }))
        };
        beside_runtime(move || keys.into_iter().filter_map(reply).collect()).await
    }

    /// What a job is known by. One that is asked once more is another job, as it has another outcome.
    fn key(&self, memo: &Memo, manifest: &JobManifest, sample: u32) -> Key {
        let mut request = self.request(manifest, sample);
        if manifest.expected {
            self.look_again(&mut request);
        }
        memo.key(&request)
    }

    /// Keeps a reply for the next job that asks the same.
    async fn keep(&self, manifest: &JobManifest, sample: u32, reply: &WorkerReply) {
        let Some(memo) = self.memo.clone() else { return };
        let key = self.key(&memo, manifest, sample);
        let answer = Remembered { output: reply.output.clone(), text: reply.text.clone() };
        beside_runtime(move || memo.keep(&key, &answer)).await;
    }

    /// What there is to say of the memo.
    pub(super) fn complaints(&self) -> Vec<String> {
        self.memo.as_ref().map_or_else(Vec::new, |memo| memo.complaints())
    }

    /// What to say of the replies that repeated themselves, if any did.
    pub(super) fn repetitions(&self) -> Option<String> {
        let looped = self.looped.load(Ordering::Relaxed);
        let saved = match self.spared.load(Ordering::Relaxed) {
            0 => String::new(),
            spared => format!("; ending them saved up to {}", count(spared, "token")),
        };
        (looped > 0).then(|| format!("the worker repeated itself in {}{saved}", count(looped, "job")))
    }

    /// Asks one job. Where the program expects an answer and the worker finds none, it is asked once more, in other words.
    pub(super) async fn answer(
        &self,
        permit: &mut Permit,
        manifest: &JobManifest,
        call: Call,
        transcript: &Transcript,
    ) -> WorkerReply {
        let mut request = self.request(manifest, call.sample);
        let first = self.reply(permit, request.clone(), call.job, transcript).await;
        let found_nothing = first.lost.is_none() && first.output.answer.is_none();
        if !(manifest.expected && found_nothing) {
            if first.lost.is_none() {
                self.keep(manifest, call.sample, &first).await;
            }
            return first;
        }
        self.look_again(&mut request);
        let second = self.reply(permit, request, call.job, transcript).await;
        if second.lost.is_some() {
            // What was said first holds, but the next job may look again.
            return WorkerReply { asked_again: true, ..first };
        }
        let second = WorkerReply { asked_again: true, ..second };
        self.keep(manifest, call.sample, &second).await;
        second
    }

    /// Makes one call. A reply that is cut off or unreadable is asked for once more; after that, and when the call
    /// fails, the reply has no answer and says why.
    async fn reply(
        &self,
        permit: &mut Permit,
        mut request: ChatRequest,
        job: usize,
        transcript: &Transcript,
    ) -> WorkerReply {
        let calls = CallEvents::new(&transcript.events, JobRole::Worker, Purpose::WorkerJob);
        request.observer = calls.observer();
        let mut tries = 0;
        loop {
            let reply = match self.side.chat(permit, &request).await {
                Ok(reply) => {
                    transcript.said(JobRole::Worker, calls.call(), &reply.text);
                    reply
                }
                Err(error) if error.kind == ChatErrorKind::Repeating => {
                    self.has_repeated(error.spared);
                    return WorkerReply::unreadable(job, String::new(), REPEATS);
                }
                Err(error) => {
                    if lock(&self.told).insert(error.message.clone()) {
                        tracing::warn!("a worker call failed: {error}");
                    }
                    return WorkerReply::failed(job, error);
                }
            };
            if reply.finish == Finish::Looped || reply.spared > 0 {
                self.has_repeated(reply.spared);
            }
            let problem = match output(&reply) {
                Ok(output) => {
                    return WorkerReply { job, output, text: reply.text, asked_again: false, lost: None };
                }
                Err(problem) => problem,
            };
            tracing::debug!(job, "the worker's reply is unusable: {problem}");
            tries += 1;
            // The client has asked once more where that could help.
            if tries == MAX_TRIES || reply.finish == Finish::Looped {
                return WorkerReply::unreadable(job, reply.text, &problem);
            }
            self.ask_again(&mut request, &problem);
        }
    }

    fn has_repeated(&self, spared: u64) {
        self.looped.fetch_add(1, Ordering::Relaxed);
        self.spared.fetch_add(spared, Ordering::Relaxed);
    }

    fn request(&self, manifest: &JobManifest, sample: u32) -> ChatRequest {
        let advice = match manifest.advice.trim() {
            "" => String::new(),
            advice => format!("Advice: {advice}\n"),
        };
        // The program wrote the task and the advice, too.
        let slots = [
            ("chunk", Slot::Other(&manifest.chunk)),
            ("task", Slot::Other(&manifest.task)),
            ("advice", Slot::Other(&advice)),
        ];
        let prompt = self.prompts.fill(&prompts::MINIONS_JOB, &slots);
        let shared = self.prompts.shared(&prompts::MINIONS_JOB, &["task", "advice"], &slots);
        let message = Message::user(prompt.text).owning(prompt.own).sharing(shared);
        ChatRequest {
            messages: vec![self.instructions.clone(), message],
            format: self.format.clone(),
            sample,
            ..ChatRequest::default()
        }
    }

    /// Appends to the prompt what was wrong with the reply. The chunk stays a prefix that the server has cached.
    fn ask_again(&self, request: &mut ChatRequest, problem: &str) {
        let again = self.prompts.fill(
            &prompts::JSON_AGAIN,
            &[
                ("problem", Slot::Other(problem)),
                ("keys", Slot::Own("\"explanation\", \"citation\", \"answer\"")),
            ],
        );
        append(request, &again);
    }

    /// Appends that the part should have the answer.
    fn look_again(&self, request: &mut ChatRequest) {
        append(request, &self.prompts.fill(&prompts::MINIONS_LOOK_AGAIN, &[]));
    }
}

fn append(request: &mut ChatRequest, more: &Filled) {
    if let Some(prompt) = request.messages.last_mut() {
        prompt.content.push_str("\n\n");
        let at = prompt.content.len();
        prompt.content.push_str(&more.text);
        prompt.own.extend(more.own.iter().map(|own| at + own.start..at + own.end));
    }
}

fn instructions(prompts: &Prompts) -> Message {
    Message::system(prompts.fill(&prompts::MINIONS_WORKER, &[]).text).own()
}

/// The messages of every job on `chunk`, as far as they are the same for all tasks.
pub(crate) fn up_to_the_task(prompts: &Prompts, chunk: &str) -> Vec<Message> {
    let slots = [("chunk", Slot::Other(chunk)), ("task", Slot::Own("")), ("advice", Slot::Own(""))];
    let mut text = prompts.fill(&prompts::MINIONS_JOB, &slots).text;
    let shared = prompts.shared(&prompts::MINIONS_JOB, &["task", "advice"], &slots);
    text.truncate(shared);
    vec![instructions(prompts), Message::user(text).sharing(shared)]
}

/// What the worker reads in every job beside the chunk, the task and the advice.
pub(super) fn bare_prompt(prompts: &Prompts) -> Message {
    let slots = ["chunk", "task", "advice"].map(|name| (name, Slot::Own("")));
    let job = prompts.fill(&prompts::MINIONS_JOB, &slots);
    Message::system(prompts.fill(&prompts::MINIONS_WORKER, &[]).text + &job.text).own()
}

fn format() -> Format {
    schema(
        "job_output",
        json!({
            "explanation": {"type": "string"},
            "citation": {"type": ["string", "null"]},
            "answer": {"type": ["string", "null"]},
        }),
    )
}

/// The output that `reply` holds, or why it is unusable.
fn output(reply: &ChatReply) -> Result<JobOutput, String> {
    match (reply.finish, parsed(reply)) {
        (Finish::Stop, output) => output,
        // The token limit cut off only what followed the object.
        (Finish::Length | Finish::Looped, Ok(output)) if output.answer.is_some() => Ok(output),
        (Finish::Looped, _) => Err(REPEATS.to_owned()),
        (Finish::Length, _) => Err("it was cut off by the token limit, so keep it short".to_owned()),
    }
}

fn parsed(ChatReply { text, finish, cut, .. }: &ChatReply) -> Result<JobOutput, String> {
    let mut object = reply::last_object(text, finish.is_cut()).or_else(|problem| {
        // The answer was complete before the limit cut the citation off.
        let begun = (*finish == Finish::Length).then(|| reply::begun_object(text, "citation")).flatten();
        begun.filter(|object| object.contains_key("answer")).ok_or(problem)
    })?;
    // A citation is not marked: the beginning of the document's words can be found as well.
    reply::mark_cut(&mut object, cut.iter().filter(|key| *key != "citation"));
    let answer = reply::field(&mut object, "answer").ok_or("its JSON has no key \"answer\"")?;
    Ok(JobOutput {
        explanation: reply::text(reply::field(&mut object, "explanation")).unwrap_or_default(),
        citation: reply::text_or_nothing(reply::field(&mut object, "citation")),
        answer: reply::text_or_nothing(Some(answer)),
        lost: false,
    })
}

//! Notes what is said and done as it happens, so that a job that fails or is stopped still has its log.

use std::sync::{Mutex, MutexGuard};

use serde::Serialize;

use super::round::Round;
use crate::chat::{Message, Role};
use crate::documents::Document;
use crate::documents::evidence::{Evidence, Sources};
use crate::events::{EventKind, Events};
use crate::job::JobRole;
use crate::sandbox::{JobManifest, JobOutput};
use crate::sync::lock;
use crate::words::count;

/// One exchange, in the field names of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Entry {
    /// Who was asked: `remote` or `local`.
    pub user: &'static str,
    /// The newest part of the prompt.
    pub prompt: String,
    /// The reply, or why there is none.
    pub output: Option<String>,
    /// `minions`: the jobs of the round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_manifests: Option<Vec<JobManifest>>,
    /// `minions`: their replies, in the same order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_outputs: Option<Vec<JobOutput>>,
}

/// `minions`: words that the worker cites, and where the documents have them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cited {
    /// From 1.
    pub round: u32,
    /// The worker job of the round.
    pub job_id: Option<u64>,
    /// Its chunk.
    pub chunk_id: Option<u64>,
    /// The worker's words.
    pub citation: String,
    /// Where the documents have them.
    #[serde(flatten)]
    pub evidence: Evidence,
    /// The name of that document, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the supervisor is told in place of that name, where somebody else wrote it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_as: Option<String>,
    /// The page, slide, row or line where they begin, as a reader would cite it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Where each part stands, if the citation has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<CitedPart>,
    /// If they are not verified: the words of the chunk that are most like them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
    /// Whether no model cites them: the supervisor's program showed them itself.
    #[serde(skip)]
    pub is_shown: bool,
}

impl Cited {
    /// A citation with its places in these documents. Round, job and nearest words are the caller's.
    pub(super) fn of(
        citation: String,
        evidence: Evidence,
        sources: &Sources,
        documents: &[Document],
    ) -> Self {
        let source = |at: usize| documents[at].name.clone();
        let place = |at: usize, offset: usize| {
            sources.place(at, &documents[at], offset).map(|place| place.to_string())
        };
        let parts = evidence.parts.iter().map(|part| CitedPart {
            document: part.document,
            source: source(part.document),
            place: place(part.document, part.start),
            start: part.start,
            end: part.end,
        });
        Self {
            round: 0,
            job_id: None,
            chunk_id: None,
            source: evidence.document.and_then(source),
            told_as: evidence.document.and_then(|at| documents[at].told_as.clone()),
            place: evidence.document.zip(evidence.start).and_then(|(at, offset)| place(at, offset)),
            parts: parts.collect(),
            nearest: None,
            is_shown: false,
            citation,
            evidence,
        }
    }
}

/// The place of one part of a citation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CitedPart {
    /// The index of the document, from 0.
    pub document: usize,
    /// The name of that document, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The page, slide, row or line where it begins, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The offset of the first character, from 0.
    pub start: usize,
    /// The offset after the last character.
    pub end: usize,
}

/// The notes of one job.
pub(crate) struct Transcript {
    notes: Mutex<Notes>,
    /// Hear what happens.
    pub(super) events: Events,
}

/// What a transcript holds.
#[derive(Clone, Default)]
pub(crate) struct Notes {
    /// Exchanges in order.
    pub conversation: Vec<Entry>,
    /// Messages to and from the supervisor.
    pub supervisor: Vec<Message>,
    /// Messages to and from the worker, without the documents.
    pub worker: Vec<Message>,
    /// Rounds that were begun.
    pub begun: u32,
    /// `minions`: what each round did.
    pub rounds: Vec<Round>,
    /// `minions`: what the worker cited.
    pub evidence: Vec<Cited>,
    /// `minions`: jobs of the last round for which the answer did not wait.
    pub unread_jobs: Option<usize>,
    /// What did not go as it should.
    pub warnings: Vec<String>,
    /// Messages of the fan-out under way, in the order in which its calls ended.
    fan_out: Vec<((usize, u32), [Message; 2])>,
}

impl Notes {
    fn settle(&mut self) {
        self.fan_out.sort_by_key(|(call, _)| *call);
        self.worker.extend(self.fan_out.drain(..).flat_map(|(_, messages)| messages));
    }
}

impl Transcript {
    /// An empty one. What happens goes to `events` as well.
    pub(crate) fn new(events: Events) -> Self {
        Self { notes: Mutex::default(), events }
    }

    /// Tells what a side is told, before the call that carries it.
    pub(crate) fn told(&self, side: JobRole, text: &str) {
        self.message(side, Role::User, None, text);
    }

    /// Tells what a side's model said, in the call of this number.
    pub(crate) fn said(&self, side: JobRole, call: u64, text: &str) {
        self.message(side, Role::Assistant, Some(call), text);
    }

    fn message(&self, side: JobRole, role: Role, call: Option<u64>, text: &str) {
        self.events.emit_detail(|| EventKind::Message { call, side, role, text: text.to_owned() });
    }

    /// Tells that something did not go as it should, though the job goes on.
    pub(crate) fn warn(&self, text: String) {
        tracing::warn!("{text}");
        self.notes().warnings.push(text.clone());
        self.events.emit(|| EventKind::Warning { text });
    }

    /// Notes that a round begins.
    pub(crate) fn begin_round(&self, round: u32, of: u32) {
        self.notes().begun = round;
        self.events.emit(|| EventKind::Round { round, of });
    }

    /// Notes a turn with one of the two.
    pub(crate) fn turn(&self, role: JobRole, prompt: &str, output: &str) {
        let messages = [Message::user(prompt), Message::assistant(output)];
        let user = match role {
            JobRole::Supervisor => {
                self.notes().supervisor.extend(messages);
                "remote"
            }
            JobRole::Worker | JobRole::Embedding => {
                self.notes().worker.extend(messages);
                "local"
            }
        };
        let (prompt, output) = (prompt.to_owned(), Some(output.to_owned()));
        self.entry(Entry { user, prompt, output, ..Entry::default() });
    }

    /// Notes the worker's instructions.
    pub(crate) fn worker_instructions(&self, text: String) {
        self.message(JobRole::Worker, Role::System, None, &text);
        self.notes().worker.push(Message::system(text));
    }

    /// Notes the task and the reply of one call of a fan-out. `call` is the worker job's position and its sample.
    pub(crate) fn worker_job(&self, call: (usize, u32), task: String, reply: String) {
        self.notes().fan_out.push((call, [Message::user(task), Message::assistant(reply)]));
    }

    /// Sorts the messages of a fan-out by job and sample, whichever ended first.
    pub(crate) fn end_of_fan_out(&self) {
        self.notes().settle();
    }

    /// Notes an exchange that is neither of the above.
    pub(crate) fn entry(&self, entry: Entry) {
        self.notes().conversation.push(entry);
    }

    /// Notes what a round of `minions` did.
    pub(crate) fn round(&self, round: Round) {
        self.notes().rounds.push(round);
    }

    /// Notes that the answer did not wait for so many worker jobs.
    pub(crate) fn leave_unread(&self, jobs: usize) {
        tracing::info!("the answer does not wait for {}", count(jobs, "worker job"));
        self.notes().unread_jobs = Some(jobs);
    }

    /// Notes what the worker cited.
    pub(crate) fn cited(&self, citations: Vec<Cited>) {
        self.notes().evidence.extend(citations);
    }

    /// Forgets what was cited so far: it belongs to an answer that does not count.
    pub(crate) fn forget_evidence(&self) {
        self.notes().evidence.clear();
    }

    /// Whether the documents have any of the words that the worker cited, if it cited some.
    pub(crate) fn has_proof(&self) -> bool {
        let notes = self.notes();
        let mut cited = notes.evidence.iter().filter(|cited| !cited.is_shown).peekable();
        cited.peek().is_none() || cited.any(|cited| cited.evidence.verified)
    }

    /// All notes so far; the transcript is empty afterwards.
    pub(crate) fn take(&self) -> Notes {
        let mut notes = std::mem::take(&mut *self.notes());
        notes.settle();
        notes
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        lock(&self.notes)
    }
}

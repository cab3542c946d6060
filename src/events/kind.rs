//! The kinds of events, in the field names of the NDJSON lines.

use serde::Serialize;
use serde_json::value::RawValue;

use super::routing::RoutingReport;
use crate::chat::{Role, Usage};
use crate::documents::Document;
use crate::error::{Failure, FailureKind};
use crate::job::JobRole;

/// A document, as the `started` event lists it.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentInfo {
    /// Its name, if the job gives one.
    pub name: Option<String>,
    /// Its length in characters.
    pub chars: usize,
}

impl From<&Document> for DocumentInfo {
    fn from(document: &Document) -> Self {
        Self { name: document.name.clone(), chars: document.chars() }
    }
}

/// A side's client type and model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ModelInfo {
    /// `type` in the job.
    #[serde(rename = "type")]
    pub client_type: &'static str,
    /// The model's name, or the file of an embedded one.
    pub model_name: String,
}

/// What a call to a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// `minion`: the worker reads the documents ahead; its reply is of no use.
    Read,
    /// `minion`: the supervisor's next message, or its answer.
    Step,
    /// `minion`: the worker's reply to a message.
    Reply,
    /// `minions`: the supervisor writes a program.
    Program,
    /// `minions`: the supervisor draws the answer.
    Synthesis,
    /// `minions`: one worker job.
    WorkerJob,
    /// `remote_only`, `local_only`: the one call.
    Answer,
    /// One of several answers of the worker, which have to agree.
    Sample,
    /// The worker writes down the text of a page that is a picture.
    Transcription,
    /// A follow-up is put into words that stand alone.
    FollowUp,
    /// The worker sums up the oldest turns of a conversation.
    Summary,
}

impl Purpose {
    /// What happens meanwhile, in words, where `side` is called.
    pub fn words(self, side: JobRole) -> &'static str {
        match (side, self) {
            (_, Self::WorkerJob) => "the worker reads its parts",
            (_, Self::Read) => "the worker reads",
            (_, Self::Transcription) => "the worker reads a scanned page",
            (_, Self::Reply) => "the worker answers",
            (_, Self::Program) => "the supervisor plans",
            (_, Self::Synthesis) => "the supervisor concludes",
            (_, Self::FollowUp) => "the question is understood",
            (_, Self::Summary) => "what was said is summarised",
            (JobRole::Supervisor, Self::Step) => "the supervisor thinks",
            (JobRole::Supervisor, Self::Answer) => "the supervisor reads and answers",
            (_, Self::Answer | Self::Sample) => "the worker reads and answers",
            (_, Self::Step) => "the worker answers",
        }
    }
}

/// How far a worker job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerJobState {
    /// No slot has been free for it yet.
    Waiting,
    /// A call for it is under way.
    Running,
    /// The worker answered.
    Answered,
    /// The worker found no answer in its chunk.
    None,
    /// The call failed, or the reply could not be read.
    Lost,
    /// Its citation stands in the document.
    Cited,
    /// Its citation does not stand in the document.
    Unverified,
}

/// How far a worker job is, and what is known of it then.
#[derive(Clone, Debug, Serialize)]
pub struct WorkerJob {
    /// The round, from 1.
    pub round: u32,
    /// The job's position in the round, from 0.
    pub index: usize,
    /// Which of the answers to the job, from 0.
    pub sample: u32,
    /// The job's number in the supervisor's program.
    pub job_id: Option<u64>,
    /// Its chunk's number there.
    pub chunk_id: Option<u64>,
    /// The task; with `waiting` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How far it is.
    pub state: WorkerJobState,
    /// The worker's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// The words that the worker cites; with `cited` and `unverified` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub citation: Option<String>,
    /// The document in which they stand, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<usize>,
    /// Where they begin in it, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<usize>,
    /// Where they end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<usize>,
    /// The document's name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Where they begin in it, as a reader would cite it, such as `p. 40`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Tokens that the worker has written in the whole job; with the ends of calls alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_tokens: Option<u64>,
    /// Whether the answer comes from the memo, without a call.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_recalled: bool,
    /// Whether the worker found nothing, but was asked once more, as the program expects an answer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asked_again: bool,
    /// Milliseconds that the job's calls took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// What happened. New kinds and fields may come; a reader passes over what it does not know.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The job began.
    Started {
        /// The protocol's name.
        protocol: &'static str,
        /// The documents that the job holds itself, in its order.
        documents: Vec<DocumentInfo>,
        /// The worker.
        local: ModelInfo,
        /// The supervisor.
        remote: ModelInfo,
        /// This program's version.
        minions_version: &'static str,
    },
    /// The job's files are being read: after each part of them, and at the end.
    Files {
        /// Files that are read.
        read: usize,
        /// Files in all.
        of: usize,
        /// The documents of the job, with those that its files gave; at the end alone.
        #[serde(skip_serializing_if = "Option::is_none")]
        documents: Option<Vec<DocumentInfo>>,
        /// Whether they are all read.
        is_done: bool,
    },
    /// A model is being fetched.
    Pull {
        /// The model's name.
        model: String,
        /// The server's word for what it does.
        status: String,
        /// Bytes that are here.
        completed: u64,
        /// Bytes in all; 0 where the server does not tell.
        total: u64,
        /// Whether it ended, with or without success. The numbers count for nothing then.
        is_done: bool,
    },
    /// A follow-up was put into words that stand alone; the protocol runs on them.
    Understood {
        /// The question.
        task: String,
    },
    /// `auto` has chosen a protocol; or the worker's own answer was checked, which decides what follows.
    Routing(RoutingReport),
    /// A round begins.
    Round {
        /// From 1.
        round: u32,
        /// Rounds at most.
        of: u32,
    },
    /// A call to a model begins. Each try is a call of its own.
    Call {
        /// Its number.
        call: u64,
        /// Whose model is called.
        side: JobRole,
        /// What for.
        purpose: Purpose,
        /// The model server, as messages name it.
        endpoint: String,
    },
    /// A server of the user's own reads the prompt of a call, about every second until its reply begins.
    Reading {
        /// The call's number.
        call: u64,
        /// Whose model reads.
        side: JobRole,
        /// Tokens that are read; none if that is not known.
        read: Option<u64>,
        /// Tokens of the prompt.
        total: u64,
        /// Whether the server tells of neither number, so that both are estimates.
        is_estimate: bool,
        /// Milliseconds since the call began.
        ms: u64,
        /// Milliseconds until it is read, if its pace is known.
        left_ms: Option<u64>,
        /// Whether it has ended, in whichever way.
        is_done: bool,
    },
    /// A piece of a reply, as it comes.
    Delta {
        /// The call's number. The pieces of a call that succeeds are its message, byte for byte.
        call: u64,
        /// Whose model speaks.
        side: JobRole,
        /// The piece.
        text: String,
    },
    /// A message to or from a model, whole.
    Message {
        /// The call that it came from; none for what a model is told.
        call: Option<u64>,
        /// Whose conversation it belongs to.
        side: JobRole,
        /// Who speaks in it.
        role: Role,
        /// The text; documents are left out.
        text: String,
    },
    /// `minions`: the supervisor's program ran, or failed.
    Program {
        /// The round, from 1.
        round: u32,
        /// Its try in the round, from 1.
        attempt: usize,
        /// The Python code.
        code: String,
        /// Worker jobs that it asks for.
        jobs: usize,
        /// Why it goes back to the supervisor.
        error: Option<String>,
    },
    /// `minions`: a worker job has come further.
    WorkerJob(WorkerJob),
    /// A request is about to leave this machine. The sums fall again if it could not be sent.
    Egress {
        /// Bytes that left, with this request.
        bytes: usize,
        /// Bytes of them that are not the job's own words.
        other_bytes: usize,
        /// Characters of the documents that left, with this request.
        context_chars: usize,
        /// Characters of the documents.
        of_context_chars: usize,
    },
    /// What the job has cost, at its end.
    Usage {
        /// Of the supervisor.
        remote: Usage,
        /// Of the worker.
        local: Usage,
        /// Dollars for `remote`, if the job has prices.
        usd: Option<f64>,
        /// What a run that had sent the documents would have cost, once that is known.
        remote_only_usd: Option<f64>,
    },
    /// Something did not go as it should, or an option of the job has no effect; the job goes on.
    Warning {
        /// In words.
        text: String,
    },
    /// The job ended. Nothing follows.
    Finished {
        /// Whether it has a result.
        success: bool,
        /// What kind of failure ended it.
        #[serde(skip_serializing_if = "Option::is_none")]
        kind: Option<FailureKind>,
        /// `{success, result, error}` as JSON; none where nobody wants details.
        envelope: Option<Box<RawValue>>,
        /// The failure itself, for listeners in this program.
        #[serde(skip)]
        failure: Option<Box<Failure>>,
    },
}

impl EventKind {
    /// Its `type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Files { .. } => "files",
            Self::Pull { .. } => "pull",
            Self::Understood { .. } => "understood",
            Self::Routing(_) => "routing",
            Self::Round { .. } => "round",
            Self::Call { .. } => "call",
            Self::Reading { .. } => "reading",
            Self::Delta { .. } => "delta",
            Self::Message { .. } => "message",
            Self::Program { .. } => "program",
            Self::WorkerJob(_) => "worker_job",
            Self::Egress { .. } => "egress",
            Self::Usage { .. } => "usage",
            Self::Warning { .. } => "warning",
            Self::Finished { .. } => "finished",
        }
    }
}

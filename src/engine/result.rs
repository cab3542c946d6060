//! The result of an answered job: the types of the envelope's `result`, in its field names.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::egress_report::EgressReport;
use super::energy::EnergyReport;
use super::file_report::{FileReport, FolderReport};
use super::savings::SavingsReport;
use super::turn::SessionReport;
use crate::chat::{Message, Usage};
use crate::documents::Document;
use crate::error::Spent;
use crate::events::{ModelInfo, RoutingReport};
use crate::history::{History, HistoryReport};
use crate::memo::MemoReport;
use crate::protocols::{Cited, Entry, Round, Status};

/// The result of a job that was answered, or whose rounds were used up.
#[derive(Clone, Debug, Serialize)]
pub struct JobResult {
    /// The answer, or "No answer found.".
    pub final_answer: String,
    /// How sound the answer is.
    pub status: Status,
    /// A follow-up in words that stand alone; `None` where nobody was asked for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standalone_task: Option<String>,
    /// Messages to and from the supervisor. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supervisor_messages: Option<Vec<Message>>,
    /// Messages to and from the worker, documents left out. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_messages: Option<Vec<Message>>,
    /// Tokens of the supervisor's calls.
    pub remote_usage: Usage,
    /// Tokens of the worker's calls and of embeddings.
    pub local_usage: Usage,
    /// The conversation log's path, if it could be written.
    pub log_file: Option<String>,
    /// The content of the log file. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_log: Option<ConversationLog>,
    /// How long the job's parts took.
    pub timing: Timing,
    /// The energy that this machine took, if it has counters that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy: Option<EnergyReport>,
    /// The calls and passages that left this machine.
    pub egress: EgressReport,
    /// Remote tokens, and dollars if the job has prices, against a run that had sent the documents.
    pub savings: Option<SavingsReport>,
    /// `minions`: the rounds. `None` in a slim result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<Vec<Round>>,
    /// All but `minion`: the citations, each with its place in the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Vec<Cited>>,
    /// What the job's files gave, if it names any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<FileReport>>,
    /// What was left out of the folders that the job names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<FolderReport>,
    /// The job's own `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// In a batch: the hash of the job's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_hash: Option<String>,
    /// How the protocol was chosen, if the job left that to `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingReport>,
    /// Rounds that were begun.
    pub rounds: u32,
    /// All but `minion`: how many citations there are, and how many of them stand in the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence_summary: Option<EvidenceSummary>,
    /// The worker's client type and model.
    pub local_client: ModelInfo,
    /// The supervisor's client type and model.
    pub remote_client: ModelInfo,
    /// The version of minions.
    pub minions_version: &'static str,
    /// What the turn had of the conversation. `None` of a job that stands for itself, as in the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<HistoryReport>,
    /// `minions`: what the job had of the memo of the worker's answers; `None` if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memo: Option<MemoReport>,
    /// The conversation with this turn, for the next job's `history`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation_history: Option<History>,
    /// The session that took this turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionReport>,
    /// The cost of the job.
    #[serde(skip)]
    pub spent: Spent,
}

/// Sums of the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EvidenceSummary {
    /// The citations.
    pub citations: usize,
    /// The citations that stand in the documents.
    pub verified: usize,
}

/// How long the parts of a job took, in seconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Timing {
    /// The time while at least one call of the worker, or an embedding, was under way.
    pub local_call_time: f64,
    /// The time while a call of the supervisor was under way.
    pub remote_call_time: f64,
    /// The time from the job's start to its end.
    pub total_time: f64,
    /// The time that neither side's calls account for.
    pub overhead_time: f64,
    /// The time that the worker would have read longer if nothing had been read before, as far as that is known.
    pub saved_reading_time: f64,
}

/// Tokens of both sides, as the conversation log has them.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LoggedUsage {
    /// Tokens of the supervisor's calls.
    pub remote: Usage,
    /// Tokens of the worker's calls and of embeddings.
    pub local: Usage,
}

/// The conversation log of a job.
#[derive(Clone, Debug, Serialize)]
pub struct ConversationLog {
    /// The question.
    pub task: String,
    /// The same in words that stand alone, if it is a follow-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standalone_task: Option<String>,
    /// All but `minions`: the documents.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "documents")]
    pub context: Option<Arc<[Document]>>,
    /// `minions`: the description of the documents that the supervisor got.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_metadata: Option<Option<String>>,
    /// The exchanges in order.
    pub conversation: Vec<Entry>,
    /// The answer; empty if there is none.
    pub generated_final_answer: String,
    /// Tokens of both sides.
    pub usage: LoggedUsage,
    /// How long the job's parts took.
    pub timing: Timing,
    /// The protocol's name.
    pub protocol: &'static str,
    /// The worker's client type and model.
    pub local_client: ModelInfo,
    /// The supervisor's client type and model.
    pub remote_client: ModelInfo,
    /// The version that ran the job.
    pub minions_version: &'static str,
    /// The additional fields of a failed job, which has no result to hold them.
    #[serde(flatten)]
    pub failed: Option<FailedLog>,
}

/// The additional fields in the log of a failed job.
#[derive(Clone, Debug, Serialize)]
pub struct FailedLog {
    /// Why the job failed.
    pub error: String,
    /// Messages to and from the worker, documents left out.
    pub worker_messages: Vec<Message>,
    /// `minions`: the rounds.
    pub meta: Vec<Round>,
    /// The calls and passages that left this machine.
    pub egress: EgressReport,
}

fn documents<S: Serializer>(context: &Option<Arc<[Document]>>, serializer: S) -> Result<S::Ok, S::Error> {
    context.as_deref().serialize(serializer)
}

impl JobResult {
    /// The result without the long parts: conversation, messages, rounds, and the single calls of the egress report.
    pub fn slim(self) -> Self {
        Self {
            supervisor_messages: None,
            worker_messages: None,
            conversation_log: None,
            meta: None,
            egress: self.egress.slim(),
            ..self
        }
    }
}

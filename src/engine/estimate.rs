//! The estimated cost of a job, from its texts alone.

use serde::Serialize;
use serde_json::Value;

use super::files::JobFiles;
use crate::documents::Document;
use crate::documents::tokens::{Count, count};
use crate::job::{Job, Protocol, Rewrite};

/// The cost of a job if every round was used and nothing was asked twice, in the field names of a dry run's result.
#[derive(Clone, Debug, Serialize)]
pub struct JobEstimate {
    /// Always true: tells an estimate from a result.
    pub dry_run: bool,
    /// The protocol's name.
    pub protocol: &'static str,
    /// Calls of the supervisor.
    pub remote_calls: u64,
    /// Tokens of the documents that the worker reads, over all its readings.
    pub local_tokens: u64,
    /// How the tokens were counted.
    pub method: String,
    /// The job's own `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

impl JobEstimate {
    /// The estimate of `job`, whose files gave `files`.
    pub(super) fn of(job: &Job, files: &JobFiles) -> Self {
        let Count { tokens, method } =
            count(files.documents.iter().map(Document::as_ref).chain([&*job.task]));
        let rounds = u64::from(job.max_rounds);
        let (remote_calls, readings) = match &job.protocol {
            Protocol::Minion(_) => (1 + rounds, rounds),
            // A program and a synthesis each round; each task reads every document.
            Protocol::Minions(params) => {
                let readings = u64::from(params.num_tasks_per_round) * u64::from(params.num_samples_per_task);
                (2 * rounds, rounds * readings)
            }
        };
        // What a session holds is not known here, but most of its turns are follow-ups.
        let is_rewritten = job.conversation.as_ref().is_some_and(|conversation| {
            conversation.rewrite == Rewrite::Remote
                && (conversation.session.is_some() || !conversation.history.is_empty())
        });
        let remote_calls = remote_calls + u64::from(is_rewritten);
        Self {
            dry_run: true,
            protocol: job.protocol.name(),
            remote_calls,
            local_tokens: tokens * readings,
            method: format!(
                "every round used, nothing asked twice; prompts of minions left out; tokens by {method}; options, keys \
                 and addresses were checked, no server was asked whether it is up and has the model"
            ),
            metadata: job.metadata.clone(),
        }
    }
}

//! The estimated cost of a job, from its texts alone, and what of its files and their names leaves.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::clients::{Away, MissingKey};
use super::egress::{EgressLimits, written_bytes};
use super::file_report::FileReport;
use super::files::JobFiles;
use super::speed::LocalTime;
use crate::config;
use crate::documents::Document;
use crate::documents::tokens::{Count, count, estimate};
use crate::events::RoutingReport;
use crate::job::{Job, MinionsParams, Protocol, Rewrite};
use crate::protocols::told_names;

/// The cost of a job if every round was used, what may follow followed, and nothing was asked twice, in the field names of a dry run's result.
#[derive(Clone, Debug, Serialize)]
pub struct JobEstimate {
    /// Always true: tells an estimate from a result.
    pub dry_run: bool,
    /// The protocol's name.
    pub protocol: &'static str,
    /// How the protocol was chosen, if the job leaves that to `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing: Option<RoutingReport>,
    /// Calls of the supervisor.
    pub remote_calls: u64,
    /// Tokens of the documents that the worker reads, over all its readings.
    pub local_tokens: u64,
    /// How long the worker is likely to take for them, if its pace is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_time: Option<LocalTime>,
    /// How the tokens were counted.
    pub method: String,
    /// What of names and metadata leaves this machine with the question.
    pub leaves: Leaves,
    /// Why an egress limit would refuse the job, where that is certain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress_refusal: Option<String>,
    /// The keys that the job itself would need and has not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_keys: Vec<MissingKey>,
    /// The files that the job names, if it names any, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileEstimate>,
    /// The folders that these are in, the largest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<FolderEstimate>,
    /// The job's own `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// What leaves besides the task, before anything of the documents is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leaves {
    /// The names of documents that the supervisor is told.
    pub document_names: Vec<String>,
    /// The description of the documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doc_metadata: Option<String>,
    /// `remote_only`: characters of the documents, all of which leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_chars: Option<usize>,
    /// The address of a worker that is not on this machine: it reads the documents whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documents_go_to: Option<String>,
}

/// A file of a job, as a dry run lists it.
#[derive(Clone, Debug, Serialize)]
pub struct FileEstimate {
    /// Tokens of its text, each time that it is read.
    pub tokens: u64,
    /// What it gave.
    #[serde(flatten)]
    pub report: FileReport,
}

/// A folder, with all that is below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FolderEstimate {
    /// Its path.
    pub name: String,
    /// Files in it.
    pub files: u64,
    /// Tokens of their texts.
    pub tokens: u64,
}

/// A protocol that a job runs, or that may follow.
pub(super) struct Step {
    /// The job with this protocol.
    pub job: Job,
    /// What is not on this machine of the sides that it asks.
    pub away: Away,
}

impl Step {
    /// Calls of the supervisor, and readings of the documents.
    fn calls(&self) -> (u64, u64) {
        let rounds = u64::from(self.job.max_rounds);
        match &self.job.protocol {
            Protocol::Minion(_) => (1 + rounds, rounds),
            Protocol::RemoteOnly => (1, 0),
            Protocol::LocalOnly { samples } => (0, u64::from(*samples)),
            Protocol::Minions(params) => of_minions(params, rounds),
            // It is settled before.
            Protocol::Auto(params) => of_minions(&params.minions, rounds),
        }
    }

    /// Why `limits` refuse it in any case.
    fn refusal(&self, documents: &[Document], limits: EgressLimits) -> Option<String> {
        let (protocol, away) = (&self.job.protocol, &self.away);
        let sends_all = match protocol {
            Protocol::RemoteOnly => away.supervisor,
            Protocol::Minion(_) | Protocol::LocalOnly { .. } => away.worker.is_some(),
            Protocol::Minions(_) | Protocol::Auto(_) => false,
        };
        let all = || {
            let chars = documents.iter().map(|document| document.chars() as u64).sum();
            limits.forbids_all(chars, documents.iter().map(written_bytes).sum())
        };
        let quotes = away.supervisor && documents.iter().any(|document| !document.text.is_empty());
        let why = sends_all.then(all).flatten().or_else(|| limits.forbids_quotes().filter(|_| quotes));
        why.map(|why| format!("{}: {why}", protocol.name()))
    }
}

impl JobEstimate {
    /// The estimate of a job, whose files gave `read`, of the steps that it takes at most, with its limits of what may leave and
    /// the keys that are missing.
    pub(super) fn of(
        job: &Job,
        read: &JobFiles,
        steps: &[Step],
        limits: EgressLimits,
        missing_keys: Vec<MissingKey>,
    ) -> Self {
        let documents = &read.documents;
        let Count { tokens, method } = count(documents.iter().map(Document::as_ref).chain([&*job.task]));
        let calls = steps.iter().map(Step::calls);
        let (remote_calls, readings) =
            calls.fold((0, 0), |(calls, readings), (more, read)| (calls + more, readings + read));
        let told = || steps.iter().filter(|step| step.away.supervisor);
        // What a session holds is not known here, but most of its turns are follow-ups.
        let is_rewritten = job.conversation.as_ref().is_some_and(|conversation| {
            conversation.rewrite == Rewrite::Remote
                && (conversation.session.is_some() || !conversation.history.is_empty())
        });
        let remote_calls = remote_calls + u64::from(is_rewritten);
        let files = file_estimates(read, tokens);
        Self {
            dry_run: true,
            protocol: job.protocol.name(),
            routing: None,
            remote_calls,
            local_tokens: tokens * readings,
            local_time: None,
            method: format!(
                "every round used, nothing asked twice; prompts of minions left out; tokens by {method}; options, keys \
                 and addresses were checked, no server was asked whether it is up and has the model"
            ),
            leaves: Leaves {
                document_names: told()
                    .flat_map(|step| told_names(&step.job.protocol, documents))
                    .map(str::to_owned)
                    .collect(),
                doc_metadata: job.doc_metadata.clone().filter(|_| told().next().is_some()),
                context_chars: told()
                    .any(|step| step.job.protocol == Protocol::RemoteOnly)
                    .then(|| documents.iter().map(Document::chars).sum()),
                documents_go_to: steps.iter().find_map(|step| step.away.worker.clone()),
            },
            egress_refusal: steps.iter().find_map(|step| step.refusal(documents, limits)),
            missing_keys,
            folders: folders(&files),
            files,
            metadata: job.metadata.clone(),
        }
    }
}

/// Calls of the supervisor and readings of the documents: a program and a synthesis each round, with `anytime` an early one
/// besides; each task reads every document.
fn of_minions(params: &MinionsParams, rounds: u64) -> (u64, u64) {
    let tasks = params.num_tasks_per_round.unwrap_or(config::USUAL_TASKS_PER_ROUND);
    let readings = u64::from(tasks) * u64::from(params.num_samples_per_task);
    ((2 + u64::from(params.anytime)) * rounds, rounds * readings)
}

/// The files, the largest first. All documents together have so many `tokens`, of which each has its share.
fn file_estimates(read: &JobFiles, tokens: u64) -> Vec<FileEstimate> {
    let estimates: Vec<u64> = read.documents.iter().map(|document| estimate(&document.text)).collect();
    let all = estimates.iter().sum::<u64>().max(1);
    let mut of_name: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for (document, estimate) in read.documents.iter().zip(estimates).rev() {
        if let Some(name) = &document.name {
            of_name.entry(name).or_default().push(estimate);
        }
    }
    let one = |report: &FileReport| {
        let own = of_name.get_mut(&*report.name).and_then(Vec::pop).unwrap_or_default();
        let share = u128::from(own) * u128::from(tokens) / u128::from(all);
        FileEstimate { tokens: u64::try_from(share).unwrap_or(u64::MAX), report: report.clone() }
    };
    let mut files: Vec<_> = read.reports.iter().map(one).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.tokens));
    files
}

/// The folders that the files are in, the largest first.
fn folders(files: &[FileEstimate]) -> Vec<FolderEstimate> {
    let mut folders: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for FileEstimate { tokens, report } in files.iter().filter(|file| file.report.left_out.is_none()) {
        let ends = report.name.match_indices('/').map(|(end, _)| &report.name[..end]);
        for folder in ends.filter(|folder| !folder.trim_matches('.').is_empty()) {
            let (number, sum) = folders.entry(folder).or_default();
            (*number, *sum) = (*number + 1, *sum + tokens);
        }
    }
    let folder =
        |(name, (files, tokens)): (&str, (u64, u64))| FolderEstimate { name: name.to_owned(), files, tokens };
    let mut folders: Vec<_> = folders.into_iter().map(folder).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(folder.tokens));
    folders
}

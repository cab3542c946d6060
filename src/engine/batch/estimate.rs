//! What a job would cost, for `--dry-run`: from its texts alone, no call is made.

use serde_json::{Value, json};

use crate::chat::Usage;
use crate::documents::Document;
use crate::documents::tokens::{Count, count};
use crate::job::{Job, Protocol};

/// The result that a dry run shows, and the local tokens.
pub(super) fn estimate(job: &Job) -> (Value, Usage) {
    let Count { tokens, method } = count(job.context.iter().map(Document::as_ref).chain([&*job.task]));
    let rounds = u64::from(job.max_rounds);
    let (remote_calls, readings) = match &job.protocol {
        Protocol::Minion => (1 + rounds, rounds),
        // A program and a synthesis each round; each task reads every document.
        Protocol::Minions(params) => {
            let readings = u64::from(params.num_tasks_per_round) * u64::from(params.num_samples_per_task);
            (2 * rounds, rounds * readings)
        }
    };
    let local_tokens = tokens * readings;
    let mut shown = json!({
        "dry_run": true,
        "protocol": job.protocol.name(),
        "remote_calls": remote_calls,
        "local_tokens": local_tokens,
        "method": format!(
            "every round used, nothing asked twice; prompts of minions left out; tokens by {method}"
        ),
    });
    if let Some(metadata) = &job.metadata {
        shown["metadata"] = metadata.clone();
    }
    (shown, Usage::of_call(local_tokens, 0, 0))
}

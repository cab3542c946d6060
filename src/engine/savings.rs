//! What a job's remote side cost against a run that would have sent the documents there.

use serde_json::{Value, json};

use crate::chat::Usage;
use crate::documents::tokens::{Count, estimate};
use crate::job::{Job, Prices};

/// What a job that was answered has cost, and what it would have cost.
#[derive(Clone, Debug)]
pub(super) struct Savings {
    remote: Usage,
    remote_only: Usage,
    method: String,
    prices: Option<Prices>,
}

impl Savings {
    /// `remote` is what the supervisor's calls cost until it said `answer`; `texts` are what the job brought.
    pub(super) fn new(job: &Job, texts: Count, answer: &str, remote: Usage) -> Self {
        let remote_only = Usage::of_call(texts.tokens, estimate(answer), 0);
        Self { remote, remote_only, method: texts.method, prices: job.prices }
    }

    /// Remote tokens; below zero where the documents were short.
    pub(super) fn tokens(&self) -> i64 {
        self.remote_only.total_tokens as i64 - self.remote.total_tokens as i64
    }

    /// Dollars, if the job has prices.
    pub(super) fn dollars(&self) -> Option<f64> {
        self.prices.map(|prices| prices.cost(self.remote_only) - prices.cost(self.remote))
    }

    /// As the result shows it.
    pub(super) fn shown(&self) -> Value {
        let Self { remote, remote_only, method, prices } = self;
        let used = |usage: &Usage| {
            json!({
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            })
        };
        let ratio =
            (remote.total_tokens > 0).then(|| remote_only.total_tokens as f64 / remote.total_tokens as f64);
        json!({
            "method": format!(
                "remote as its server counted; remote_only: the context, doc_metadata, task and answer once, tokens by {method}"
            ),
            "remote": used(remote),
            "remote_only": used(remote_only),
            "saved_tokens": self.tokens(),
            "ratio": ratio.map(|ratio| rounded(ratio, 100.0)),
            "usd": prices.map(|prices| json!({
                "remote": rounded(prices.cost(*remote), 1e6),
                "remote_only": rounded(prices.cost(*remote_only), 1e6),
                "saved": self.dollars().map(|dollars| rounded(dollars, 1e6)),
            })),
        })
    }
}

/// To one part in `parts`.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

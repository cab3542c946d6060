//! The savings of a job: its remote cost compared with one call that would have sent all documents.

use serde::Serialize;

use crate::chat::Usage;
use crate::documents::tokens::{Count, estimate};
use crate::job::{Job, Prices};

/// The remote cost of an answered job, and that of one call with all documents, in the envelope's field names.
#[derive(Clone, Debug, Serialize)]
pub struct SavingsReport {
    /// How the tokens were counted.
    pub method: String,
    /// The cost of the supervisor's calls.
    pub remote: Tokens,
    /// The cost of one call with all documents.
    pub remote_only: Tokens,
    /// Remote tokens; below zero where the documents were short.
    pub saved_tokens: i64,
    /// `remote_only` divided by `remote`.
    pub ratio: Option<f64>,
    /// The comparison in dollars, if the job has prices.
    pub usd: Option<Dollars>,
}

/// Tokens of one side of the comparison.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Tokens {
    /// Tokens that the model was given.
    pub prompt_tokens: u64,
    /// Tokens that the model wrote.
    pub completion_tokens: u64,
    /// Prompt and completion tokens together.
    pub total_tokens: u64,
}

/// Dollars of the comparison, to one millionth.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Dollars {
    /// The cost of the supervisor's calls.
    pub remote: f64,
    /// The cost of one call with all documents.
    pub remote_only: f64,
    /// The difference.
    pub saved: f64,
}

impl SavingsReport {
    /// The savings of `job`, given the tokens of its `texts`, its `answer`, and the usage `remote` of its supervisor.
    pub(super) fn new(job: &Job, texts: &Count, answer: &str, remote: Usage) -> Self {
        let remote_only = Usage::of_call(texts.tokens, estimate(answer), 0);
        let ratio =
            (remote.total_tokens > 0).then(|| remote_only.total_tokens as f64 / remote.total_tokens as f64);
        Self {
            method: format!(
                "remote as its server counted; remote_only: the context, doc_metadata, task and answer once, tokens by {}",
                texts.method
            ),
            remote: remote.into(),
            remote_only: remote_only.into(),
            saved_tokens: signed(remote_only.total_tokens).saturating_sub(signed(remote.total_tokens)),
            ratio: ratio.map(|ratio| rounded(ratio, 100.0)),
            usd: job.prices.map(|prices| dollars(prices, remote, remote_only)),
        }
    }
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let Usage { prompt_tokens, completion_tokens, total_tokens, .. } = usage;
        Self { prompt_tokens, completion_tokens, total_tokens }
    }
}

fn dollars(prices: Prices, remote: Usage, remote_only: Usage) -> Dollars {
    let (remote, remote_only) = (prices.cost(remote), prices.cost(remote_only));
    Dollars {
        remote: rounded(remote, 1e6),
        remote_only: rounded(remote_only, 1e6),
        saved: rounded(remote_only - remote, 1e6),
    }
}

fn signed(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}

/// `number` rounded to one part in `parts`.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

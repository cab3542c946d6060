//! What a job's remote side cost against a run that would have sent the documents there.
//!
//! Tokens of the run that did not take place are characters by four, which is about right for English prose and
//! far too few for scripts of which a character is a token. A tokenizer's tables would cost each job more time
//! and memory than all the rest of this program.

use serde_json::{Value, json};

use crate::chat::Usage;
use crate::job::{Job, Prices};

/// Characters of a token.
const CHARS_PER_TOKEN: usize = 4;

/// `remote` is what the supervisor's calls cost until it said `answer`.
pub(super) fn savings(job: &Job, answer: &str, remote: Usage) -> Value {
    let texts = job.context.iter().chain(&job.doc_metadata).chain([&job.task]);
    let chars: usize = texts.map(|text| text.chars().count()).sum();
    let remote_only = Usage::of_call(tokens(chars), tokens(answer.chars().count()), 0);
    let used = |usage: Usage| {
        json!({
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        })
    };
    let ratio =
        (remote.total_tokens > 0).then(|| remote_only.total_tokens as f64 / remote.total_tokens as f64);
    json!({
        "method": format!("remote as its server counted; remote_only: the context, doc_metadata, task and answer once, characters / {CHARS_PER_TOKEN}"),
        "remote": used(remote),
        "remote_only": used(remote_only),
        // Below zero where the documents were short.
        "saved_tokens": remote_only.total_tokens as i64 - remote.total_tokens as i64,
        "ratio": ratio.map(|ratio| rounded(ratio, 100.0)),
        "usd": job.prices.map(|prices| dollars(prices, remote, remote_only)),
    })
}

fn dollars(prices: Prices, remote: Usage, remote_only: Usage) -> Value {
    let (spent, otherwise) = (prices.cost(remote), prices.cost(remote_only));
    json!({
        "remote": rounded(spent, 1e6),
        "remote_only": rounded(otherwise, 1e6),
        "saved": rounded(otherwise - spent, 1e6),
    })
}

fn tokens(chars: usize) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN) as u64
}

/// To one part in `parts`.
fn rounded(number: f64, parts: f64) -> f64 {
    (number * parts).round() / parts
}

//! What a run would cost, before anything is spent.

use minions::engine::{Engine, JobEstimate};
use minions::error::Failure;
use minions::words::count;
use serde_json::{Value, json};

use super::configurations::Configuration;
use super::plan::Run;
use super::questions::{Asked, placed};
use super::table::dollars;
use crate::cli::columns::table;
use crate::cli::digits::grouped;
use crate::cli::program::Program;

/// Remote tokens of a prompt and a reply: what jobs of one round took, and each further round, in the measurements that
/// docs/quality.md tells of.
const FIRST_ROUND: (f64, f64) = (2_250.0, 420.0);
const LATER_ROUND: (f64, f64) = (1_350.0, 250.0);
/// Characters of a token.
const CHARACTERS: f64 = 4.0;
/// Tokens around the documents where they are sent whole.
const FRAME: f64 = 250.0;

/// The estimate of a configuration.
struct Estimate {
    runs: usize,
    remote_calls: u64,
    local_tokens: u64,
    /// All questions in one round, and all rounds of all questions.
    remote_tokens: [f64; 2],
    usd: Option<[f64; 2]>,
}

/// Estimates all runs; files are read for it, no call is made.
pub(super) async fn of(
    program: &Program,
    engine: &Engine,
    runs: &[Run],
    (configurations, asked): (&[Configuration], &[Asked]),
    folder: Option<&std::path::PathBuf>,
) -> Result<Value, Failure> {
    let mut estimates = Vec::new();
    for (at, Configuration { name, job }) in configurations.iter().enumerate() {
        let mut sum =
            Estimate { runs: 0, remote_calls: 0, local_tokens: 0, remote_tokens: [0.0; 2], usd: None };
        let rounds = job["protocol"]["max_rounds"].as_f64().unwrap_or(1.0).max(1.0);
        let price = |key: &str| job["protocol"]["kwargs"]["prices"][key].as_f64();
        let prices = price("input").zip(price("output"));
        for run in runs.iter().filter(|run| run.configuration == at) {
            let mut parsed = engine.job(run.job.clone())?;
            if let Some(folder) = folder {
                parsed.files_from(folder);
            }
            let estimate: Box<JobEstimate> = program
                .estimate(engine, &parsed)
                .await
                .map_err(|failure| placed(&asked[run.question], name, failure))?;
            sum.runs += 1;
            sum.remote_calls += estimate.remote_calls;
            sum.local_tokens += estimate.local_tokens;
            for (at, (prompt, reply)) in bounds(&estimate, rounds).into_iter().enumerate() {
                sum.remote_tokens[at] += prompt + reply;
                if let Some((input, output)) = prices {
                    sum.usd.get_or_insert_default()[at] += (prompt * input + reply * output) / 1e6;
                }
            }
        }
        estimates.push(json!({
            "name": name, "runs": sum.runs, "remote_calls": sum.remote_calls, "local_tokens": sum.local_tokens,
            "remote_tokens": sum.remote_tokens, "usd": sum.usd,
        }));
    }
    Ok(json!({"dry_run": true, "configurations": estimates}))
}

/// Tokens of prompts and replies: at the least, and if all rounds are used.
fn bounds(estimate: &JobEstimate, rounds: f64) -> [(f64, f64); 2] {
    let routing = estimate.routing.as_ref();
    let protocol = routing.map_or(estimate.protocol, |routing| routing.chosen);
    let follows = routing.and_then(|routing| routing.escalation.as_ref());
    let at_most = || {
        let later = rounds - 1.0;
        (FIRST_ROUND.0 + later * LATER_ROUND.0, FIRST_ROUND.1 + later * LATER_ROUND.1)
    };
    match protocol {
        "local_only" if follows.is_some() => [(0.0, 0.0), at_most()],
        "local_only" => [(0.0, 0.0); 2],
        "remote_only" => {
            let characters = estimate.leaves.context_chars.unwrap_or_default();
            [(characters as f64 / CHARACTERS + FRAME, FIRST_ROUND.1); 2]
        }
        _ => [FIRST_ROUND, at_most()],
    }
}

/// The estimates for people.
pub(super) fn text(estimate: &Value, judged: usize) -> String {
    let mut rows = vec![
        ["", "runs", "remote calls", "remote tokens", "dollars", "local tokens"].map(str::to_owned).to_vec(),
    ];
    let whole = |value: &Value| grouped(value.as_f64().unwrap_or_default().round() as u64);
    for it in estimate["configurations"].as_array().into_iter().flatten() {
        let usd = |at: usize| it["usd"][at].as_f64().map(dollars);
        rows.push(vec![
            it["name"].as_str().unwrap_or_default().to_owned(),
            whole(&it["runs"]),
            format!("up to {}", whole(&it["remote_calls"])),
            format!("{} to {}", whole(&it["remote_tokens"][0]), whole(&it["remote_tokens"][1])),
            usd(0).zip(usd(1)).map_or("no price".to_owned(), |(low, high)| format!("{low} to {high}")),
            format!("up to {}", whole(&it["local_tokens"])),
        ]);
    }
    let judge = match judged {
        0 => String::new(),
        judged => format!("; the judge is asked about {} besides", count(judged, "answer")),
    };
    format!(
        "{}\nRemote tokens: from one round for each question to all rounds, by what jobs took in measurements\n(docs/quality.md){judge}. No call was made.\n",
        table(&rows)
    )
}

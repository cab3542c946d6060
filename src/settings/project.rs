//! What the settings file of a project may not do, since it may have come with a stranger's repository.
//!
//! It may choose models, and be stricter than the user: it may not lead keys or documents elsewhere, and not raise what the
//! user wants to spend.

use serde_json::{Map, Value};

use super::toml_table::Entry;
use crate::chat::providers::{Provider, RuntimeKind};
use crate::error::Failure;
use crate::job::{ModelId, Prices};
use crate::runtimes::ollama;

const MOVE: &str = "write it into your own settings file, which `minions doctor` names";

/// A worker reads the documents whole.
pub(super) fn check_worker(entry: &Entry<'_>, model: &ModelId) -> Result<(), Failure> {
    if !is_hosted(model) {
        return Ok(());
    }
    let problem = format!(
        "can't be `{model}` in a project's file: the documents would leave this machine, and the file may have come with \
         somebody else's repository"
    );
    Err(entry.complaint(&problem).hint(format!("{MOVE}, or into MINIONS_LOCAL")))
}

/// Whether a model's name says that it runs elsewhere: a hosted vendor's, or one that Ollama's daemon hands on to its cloud.
pub fn is_hosted(model: &ModelId) -> bool {
    let is_cloud = || model.model.as_deref().is_some_and(ollama::is_cloud);
    !model.provider.local || model.provider.runtime == RuntimeKind::Ollama && is_cloud()
}

/// Any other variable may hold what the vendor must not see.
pub(super) fn check_key(entry: &Entry<'_>, provider: &Provider, variable: &str) -> Result<(), Failure> {
    let tokens = provider.header_env.iter().filter(|header| header.is_token).flat_map(|header| header.env);
    let mut own = provider.key_env.iter().chain(tokens).copied();
    if own.clone().any(|name| variable == name || variable.ends_with(&format!("_{name}"))) {
        return Ok(());
    }
    let problem = format!(
        "can't be {variable} in a project's file, which may have come with somebody else's repository: a variable that does \
         not end as the vendor's own may hold another secret"
    );
    let allowed = own.next().map(|name| format!("; a project's file may name variables such as TEAM_{name}"));
    Err(entry.complaint(&problem).hint(format!("{MOVE}{}", allowed.unwrap_or_default())))
}

/// Keys go where an address leads.
pub(super) fn no_addresses(entry: &Entry<'_>) -> Failure {
    let problem = "can't stand in a project's file: it may have come with somebody else's repository, and your keys and \
                   documents go where an address leads";
    entry.complaint(problem).hint(MOVE)
}

/// A price decides what a budget in dollars is worth.
pub(super) fn lowers(prices: &Prices, usual: &Prices) -> bool {
    prices.input < usual.input || prices.cached_input < usual.cached_input || prices.output < usual.output
}

/// The failure of prices that are lower than what else would hold, or that nobody else tells.
pub(super) fn too_cheap(place: &str, model: &str) -> Failure {
    Failure::input(format!(
        "{place}: a project's file, which may have come with somebody else's repository, can only raise prices that \
         others tell, not say alone what `{model}` costs: your budget in dollars might be worth more than you set"
    ))
    .hint(MOVE)
}

/// The stricter of both, limit by limit.
pub(super) fn stricter(mut budget: Map<String, Value>, other: &Map<String, Value>) -> Map<String, Value> {
    for (key, limit) in other {
        let is_lower = |known: &Value| limit.as_f64() < known.as_f64();
        if budget.get(key).is_none_or(is_lower) {
            budget.insert(key.clone(), limit.clone());
        }
    }
    budget
}

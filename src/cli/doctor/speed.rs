//! How fast the worker's model is likely to be here, without asking it.

use std::path::Path;

use minions::chat::providers::RuntimeKind;
use minions::config::Environment;
use minions::engine;
use minions::estimate::estimate::{Question, Range};
use minions::forecast::{Forecaster, Subject, known_facts};
use minions::llama::CacheType;
use minions::runtimes::window;
use minions::settings::Pair;

use super::finding::Finding;

/// Tokens of a chunk, and of the reply to it, for which the pace is told.
const PROMPT: u64 = 1500;
const REPLY: u64 = 120;

/// The pace of the usual worker.
pub(super) fn of(environment: &Environment, pair: Option<&Pair>) -> Finding {
    let told = pair.and_then(|pair| words(environment, pair));
    Finding::new(None, told.unwrap_or_else(|| "the worker's is not known before its first job".to_owned()))
}

fn words(environment: &Environment, pair: &Pair) -> Option<String> {
    let model = &pair.local.model;
    let provider = model.provider;
    let name = model.model.as_deref().unwrap_or(provider.model).to_owned();
    let mut forecaster = Forecaster::new(environment);
    let subject = match provider.runtime {
        // `minions ask` runs it so.
        RuntimeKind::Embedded => forecaster.file(Path::new(&name), CacheType::F16).ok()?,
        _ => {
            let base_url = engine::usual_address(provider, environment).ok();
            Subject { facts: known_facts(provider, &name), name: name.clone(), base_url, at_once: 1 }
        }
    };
    let question = Question { prompt_tokens: PROMPT, tokens: REPLY, window: window::DEFAULT, slots: 1 };
    let estimate = forecaster.forecast(&subject, question)?.estimate;
    let between = |range: &Range| format!("{:.0} to {:.0}", range.low, range.high);
    let [writing, reading] = estimate.basis.map(|basis| basis.words());
    Some(format!(
        "{name}: writes {} tokens a second ({writing}), reads {} ({reading}); minions estimate tells more",
        between(&estimate.decode),
        between(&estimate.prompt)
    ))
}

//! The shortest way to a first answer, as commands.

use minions::chat::providers::PROVIDERS;
use minions::config::{Environment, KeyState};
use minions::llama;
use minions::runtimes::survey::Answers;
use minions::servers::{self, Server};

use super::facts::Facts;
use super::finding::Finding;
use super::sides::{Readiness, SideReport};
use crate::cli::shell::shell_word;

/// The commands, in order.
pub(super) fn steps(facts: &Facts, servers: &[Server], environment: &Environment) -> Vec<String> {
    let mut steps = Vec::new();
    let bad = |finding: &&Finding| finding.ok == Some(false);
    let machine = facts.settings.iter().chain([&facts.certificates, &facts.proxy]);
    steps.extend(machine.filter(bad).filter_map(|finding| finding.remedy.clone()));
    if facts.window.ok == Some(false) {
        steps.extend(facts.window.remedy.clone());
    } else if let Some(worker) = missing(&facts.worker) {
        steps.extend(other_worker(servers).or_else(|| worker.remedy.clone()));
    }
    if let Some(supervisor) = missing(&facts.supervisor) {
        let other = other_supervisor(environment).filter(|model| *model != supervisor.model);
        let other = other.map(|model| format!("export MINIONS_REMOTE={model}"));
        steps.extend(other.or_else(|| supervisor.remedy.clone()));
    }
    steps.dedup();
    steps.push("minions ask \"What is this about?\" report.pdf".to_owned());
    steps
}

fn missing(side: &Option<SideReport>) -> Option<&SideReport> {
    side.as_ref().filter(|side| side.state == Readiness::Missing)
}

/// A model that a server here has, or a file that the built-in engine could read.
fn other_worker(servers: &[Server]) -> Option<String> {
    let at_server = servers.iter().find_map(|server| {
        let Answers::Server(surveyed) = &server.answers else { return None };
        let provider = server.types.iter().find(|provider| provider.local)?;
        let model = surveyed.models.iter().find(|model| !model.name.contains("embed"))?;
        Some(format!("export MINIONS_LOCAL={}", shell_word(&format!("{}/{}", provider.name, model.name))))
    });
    let file = || {
        llama::check_built().ok()?;
        let file = servers::model_files().into_iter().next()?;
        Some(format!("export MINIONS_LOCAL={}", shell_word(&format!("llama_cpp/{}", file.display()))))
    };
    at_server.or_else(file)
}

/// A vendor whose key is set.
fn other_supervisor(environment: &Environment) -> Option<String> {
    let found = PROVIDERS.iter().find(|provider| {
        let is_set = matches!(environment.key(provider), Some((_, KeyState::Set)));
        !provider.local && provider.url_parts.is_empty() && is_set
    })?;
    Some(format!("{}/{}", found.name, found.model))
}

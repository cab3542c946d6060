//! What the doctor found, as text for people.

use super::facts::{Facts, Finding};
use super::sides::{Readiness, SideReport};
use crate::cli::columns::wrapped;

/// The columns before the words.
const INDENT: usize = 15;

/// The whole text.
pub(super) fn text(facts: &Facts) -> String {
    let mut text = format!("minions {}\n\n", facts.version);
    let mut add = |ok: Option<bool>, name: &str, words: &str, remedy: Option<&str>| {
        let mark = match ok {
            Some(true) => '✓',
            Some(false) => '✗',
            None => '·',
        };
        text += &format!("{mark} {name:11}  {}\n", wrapped(words, INDENT));
        if let Some(remedy) = remedy {
            text += &format!("{}→ {remedy}\n", " ".repeat(INDENT));
        }
    };
    let found =
        |add: &mut dyn FnMut(Option<bool>, &str, &str, Option<&str>), name: &str, finding: &Finding| {
            add(finding.ok, name, &finding.words, finding.remedy.as_deref());
        };
    for finding in &facts.settings {
        found(&mut add, "settings", finding);
    }
    for (name, side) in [("worker", &facts.worker), ("supervisor", &facts.supervisor)] {
        if let Some(SideReport { model, chosen_by, state, words, remedy }) = side {
            let words = format!("{model} ({chosen_by}): {words}");
            add(Some(*state != Readiness::Missing), name, &words, remedy.as_deref());
        }
    }
    let silent: Vec<String> = facts
        .servers
        .iter()
        .filter(|server| !server.answers && server.problem.is_none())
        .map(|server| format!("{} ({})", server.types.join(" or "), server.address))
        .collect();
    for server in facts.servers.iter().filter(|server| server.answers || server.problem.is_some()) {
        let names = server.types.join(" or ");
        let version =
            server.version.as_ref().map(|version| format!(", version {version}")).unwrap_or_default();
        let words = match &server.problem {
            Some(problem) => format!("{names}: {problem}"),
            None if server.models.is_empty() => {
                format!("{names} at {}{version}: no model yet", server.address)
            }
            None => format!("{names} at {}{version}: {}", server.address, server.models.join(", ")),
        };
        add(server.answers.then_some(true), "server", &words, None);
    }
    if !silent.is_empty() {
        add(None, "no server", &format!("of {}", silent.join(", ")), None);
    }
    for key in &facts.keys {
        let types = key.types.join(", ");
        match &key.problem {
            None => add(Some(true), "key", &format!("{} is set ({types})", key.variable), None),
            Some(problem) => {
                let remedy = format!("export {}=...", key.variable);
                add(Some(false), "key", &format!("{} {problem} ({types})", key.variable), Some(&remedy));
            }
        }
    }
    if facts.keys.is_empty() {
        add(None, "keys", "none is set", None);
    }
    for (name, finding) in [
        ("engine", &facts.engine),
        ("docker", &facts.docker),
        ("memory", &facts.memory),
        ("window", &facts.window),
    ] {
        found(&mut add, name, finding);
    }
    for finding in &facts.disk {
        found(&mut add, "disk", finding);
    }
    found(&mut add, "CA certs", &facts.certificates);
    found(&mut add, "proxy", &facts.proxy);
    let head = if facts.ready { "A job could run now:" } else { "To a first answer:" };
    text += &format!("\n{head}\n");
    for step in &facts.next {
        text += &format!("  {step}\n");
    }
    text + "\n`minions demo` shows a recorded run without any of it.\n"
}

//! What the doctor found, as text for people.

use super::facts::{Facts, ServerReport};
use super::finding::Finding;
use super::sides::{Readiness, SideReport};
use crate::cli::columns::wrapped;

/// The columns before the words.
const INDENT: usize = 15;

/// The text as it grows.
struct Page(String);

/// The whole text.
pub(super) fn text(facts: &Facts) -> String {
    let mut page = Page(format!("minions {}\n\n", facts.version));
    facts.settings.iter().for_each(|finding| page.finding("settings", finding));
    page.side("worker", facts.worker.as_ref());
    page.side("supervisor", facts.supervisor.as_ref());
    page.servers(&facts.servers);
    page.keys(facts);
    page.finding("engine", &facts.engine);
    page.finding("docker", &facts.docker);
    page.finding("memory", &facts.memory);
    page.finding("window", &facts.window);
    page.finding("speed", &facts.speed);
    facts.disk.iter().for_each(|finding| page.finding("disk", finding));
    page.finding("CA certs", &facts.certificates);
    page.finding("proxy", &facts.proxy);
    let head = if facts.ready { "A job could run now:" } else { "To a first answer:" };
    let steps: String = facts.next.iter().map(|step| format!("  {step}\n")).collect();
    format!("{}\n{head}\n{steps}\n`minions demo` shows a recorded run without any of it.\n", page.0)
}

impl Page {
    fn line(&mut self, ok: Option<bool>, name: &str, words: &str, remedy: Option<&str>) {
        let mark = match ok {
            Some(true) => '✓',
            Some(false) => '✗',
            None => '·',
        };
        self.0 += &format!("{mark} {name:11}  {}\n", wrapped(words, INDENT));
        if let Some(remedy) = remedy {
            self.0 += &format!("{}→ {remedy}\n", " ".repeat(INDENT));
        }
    }

    fn finding(&mut self, name: &str, Finding { ok, words, remedy }: &Finding) {
        self.line(*ok, name, words, remedy.as_deref());
    }

    fn side(&mut self, name: &str, side: Option<&SideReport>) {
        let Some(SideReport { model, chosen_by, state, words, remedy }) = side else { return };
        let words = format!("{model} ({chosen_by}): {words}");
        let ok = match state {
            Readiness::Ready | Readiness::Fetched => Some(true),
            Readiness::Unlisted => None,
            Readiness::Missing => Some(false),
        };
        self.line(ok, name, &words, remedy.as_deref());
    }

    /// Those that answer, a line each, then all others in one.
    fn servers(&mut self, servers: &[ServerReport]) {
        let is_silent = |server: &&ServerReport| !server.answers && server.problem.is_none();
        for server in servers.iter().filter(|server| !is_silent(server)) {
            let (names, address) = (server.types.join(" or "), &server.address);
            let version = server.version.as_ref().map(|version| format!(", version {version}"));
            let version = version.unwrap_or_default();
            let words = match &server.problem {
                Some(problem) => format!("{names}: {problem}"),
                None if server.models.is_empty() => format!("{names} at {address}{version}: no model yet"),
                None => format!("{names} at {address}{version}: {}", server.models.join(", ")),
            };
            self.line(server.answers.then_some(true), "server", &words, None);
        }
        let silent = servers.iter().filter(is_silent);
        let silent: Vec<String> =
            silent.map(|server| format!("{} ({})", server.types.join(" or "), server.address)).collect();
        if !silent.is_empty() {
            self.line(None, "no server", &format!("of {}", silent.join(", ")), None);
        }
    }

    fn keys(&mut self, facts: &Facts) {
        for key in &facts.keys {
            let (variable, types) = (&key.variable, key.types.join(", "));
            match &key.problem {
                None => self.line(Some(true), "key", &format!("{variable} is set ({types})"), None),
                Some(problem) => {
                    let remedy = format!("export {variable}=...");
                    self.line(Some(false), "key", &format!("{variable} {problem} ({types})"), Some(&remedy));
                }
            }
        }
        if facts.keys.is_empty() {
            self.line(None, "keys", "none is set", None);
        }
    }
}

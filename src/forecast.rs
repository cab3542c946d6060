//! How fast a model will be here, and whether it fits: one place for `minions estimate`, `doctor`, dry runs and deadlines.
//!
//! In: a model, where it runs, and how much it is asked. Out: a [`Forecast`]. The machine is measured once, and what is known of
//! it and of calls is kept in a file of the user's cache.

use std::path::{Path, PathBuf};

use minions_estimate::calls::Call;
use minions_estimate::estimate::{Estimate, Known, Question, estimate, estimate_elsewhere};
use minions_estimate::facts::{Facts, Memory};
use minions_estimate::gguf::{Header, Unusable};
use minions_estimate::roofline::{Card, Machine};
use minions_estimate::seed;
use minions_estimate::store::{self, Store};
use minions_machine::footprint::CacheType;
use minions_machine::known::{self, KNOWN};
use minions_machine::memory::{self, Free};
use minions_machine::{cards, processors, sweep};

use crate::chat::providers::{self, Provider};
use crate::chat::{CallTimes, ChatReply, base_url};
use crate::config::Environment;
use crate::runtimes::survey::{Installed, Surveyed};

/// The original's file of factors, below the home folder.
const ORIGINAL: &str = ".cache/ie_calib.json";
/// The place of a model that this process loads itself.
const IN_PROCESS: &str = "in process";

/// A model, and where it runs.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Its name, as calls have it, or its file.
    pub name: String,
    /// The address of its server; none of a model that runs in this process.
    pub base_url: Option<String>,
    /// What it is, if that is known.
    pub facts: Option<Facts>,
    /// How many calls it has at a time.
    pub at_once: usize,
}

impl Subject {
    /// Whether it runs on this machine.
    pub fn is_here(&self) -> bool {
        self.base_url.as_deref().is_none_or(base_url::is_this_machine)
    }

    /// What it uses of `machine`: the engine in this process computes on processors alone.
    fn uses(&self, machine: Machine) -> Machine {
        let card = machine.card.filter(|_| self.base_url.is_some());
        Machine { card, ..machine }
    }

    /// What its calls are kept by.
    fn key(&self, machine: &str) -> String {
        key(machine, self.base_url.as_deref(), &self.name, self.at_once)
    }
}

fn key(machine: &str, base_url: Option<&str>, model: &str, at_once: usize) -> String {
    let is_here = base_url.is_none_or(base_url::is_this_machine);
    // An address has several spellings.
    let place = base_url.unwrap_or(IN_PROCESS).trim_end_matches('/').trim_end_matches("/v1");
    let place = place.replace("://localhost", "://127.0.0.1");
    store::key(is_here.then_some(machine), &place, model, at_once)
}

/// How fast it will be, and what it takes.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// How fast, and how long.
    pub estimate: Estimate,
    /// The memory that it takes on this machine.
    pub memory: Option<Memory>,
    /// What there is; none of a model elsewhere.
    pub free: Option<Free>,
}

impl Forecast {
    /// Whether it fits into what there is, if both are known.
    pub fn fits(&self, machine: Option<&Machine>) -> Option<bool> {
        let needed = self.memory?.total;
        let on_card = machine.and_then(|machine| machine.card.as_ref()).map_or(0, |card| card.memory);
        Some(needed <= self.free?.bytes.saturating_add(on_card))
    }
}

/// Makes forecasts.
pub struct Forecaster {
    store: Store,
    name: String,
    original: Option<PathBuf>,
}

impl Forecaster {
    /// With what is kept in the user's cache. Measures nothing.
    pub fn new(environment: &Environment) -> Self {
        let folder = environment.cache().map(|cache| cache.join("minions"));
        Self {
            store: Store::open(folder.as_deref()),
            name: name_of_machine(),
            original: environment.get("HOME").map(|home| Path::new(home).join(ORIGINAL)),
        }
    }

    /// What this machine manages: as it is kept, else measured, which takes a fifth of a second.
    pub fn machine(&mut self) -> Machine {
        let known = self.store.machine(&self.name).cloned();
        known.unwrap_or_else(|| self.measured())
    }

    /// What is kept of this machine, as far as `subject` makes use of it.
    pub fn known_machine(&self, subject: &Subject) -> Option<Machine> {
        Some(subject.uses(self.store.machine(&self.name)?.clone()))
    }

    /// The same, measured now.
    pub fn measured(&mut self) -> Machine {
        let own = processors::processors();
        let (pace, cards) = std::thread::scope(|scope| {
            // The library of the cards takes its time to begin.
            let cards = scope.spawn(cards::cards);
            (sweep::sweep(&own), cards.join().unwrap_or_default())
        });
        let machine = Machine {
            name: self.name.clone(),
            threads: own.threads(),
            bandwidth: pace.bandwidth,
            compute: pace.compute,
            nodes: own.nodes,
            card: card(&cards),
        };
        note(self.store.keep_machine(&machine));
        machine
    }

    /// The facts of the model in the file at `path`.
    ///
    /// # Errors
    /// It is no chat model that can be read whole.
    pub fn facts_of_file(&mut self, path: &Path) -> Result<Facts, Unusable> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if let Some(facts) = self.store.facts(&path) {
            return Ok(facts.clone());
        }
        let facts = Facts::of(&Header::of_all_parts(&path)?, CacheType::F16)?;
        note(self.store.keep_facts(&path, &facts));
        Ok(facts)
    }

    /// The model in the file at `path`, in this process.
    ///
    /// # Errors
    /// Those of [`Forecaster::facts_of_file`].
    pub fn file(&mut self, path: &Path) -> Result<Subject, Unusable> {
        let facts = Some(self.facts_of_file(path)?);
        Ok(Subject { name: name_of_file(path), base_url: None, facts, at_once: 1 })
    }

    /// How long `question` takes; `None` if neither the model nor its calls tell.
    pub fn forecast(&mut self, subject: &Subject, question: Question) -> Option<Forecast> {
        let calls = self.store.calls(&subject.key(&self.name)).filter(|calls| !calls.is_empty()).cloned();
        if !subject.is_here() {
            let estimate = estimate_elsewhere(question, &calls?)?;
            return Some(Forecast { estimate, memory: None, free: None });
        }
        let Some(facts) = &subject.facts else {
            let estimate = estimate_elsewhere(question, &calls?)?;
            return Some(Forecast { estimate, memory: None, free: memory::free() });
        };
        let original = self.original.as_deref().filter(|_| calls.is_none());
        let original =
            original.and_then(|file| store::original(file, &subject.name, facts.parameters, facts.bits()));
        let machine = subject.uses(self.machine());
        let estimate = estimate(facts, &machine, question, Known { calls: calls.as_ref(), original });
        Some(Forecast {
            estimate,
            memory: facts.memory(question.window, question.slots),
            free: memory::free(),
        })
    }

    /// How many calls at a time have shown a pace, the most of up to `most`; 1 if none have.
    pub(crate) fn shown_at_once(&self, subject: &Subject, most: u64) -> usize {
        let has_shown = |at_once: &usize| {
            let calls = self.store.calls(&Subject { at_once: *at_once, ..subject.clone() }.key(&self.name));
            calls.is_some_and(|calls| !calls.is_empty())
        };
        (2..=usize::try_from(most).unwrap_or(usize::MAX)).rev().find(has_shown).unwrap_or(1)
    }

    /// Tokens a second at which earlier calls have shown a model to read prompts.
    pub(crate) fn prompt_pace(&self, base_url: &str, model: &str) -> Option<f64> {
        let shown = self.store.calls(&key(&self.name, Some(base_url), model, 1))?;
        let seconds = shown.of_prompts(|tokens| tokens as f64);
        Some(1.0 / seconds.get(seconds.len() / 2)?)
    }

    /// Keeps how long the call of `reply` took. `false` if its server told nothing.
    pub fn keep_reply(&mut self, subject: &Subject, reply: &ChatReply) -> bool {
        let Some(call) = call(reply) else { return false };
        let called = Called { base_url: subject.base_url.clone(), model: subject.name.clone(), at_once: 1 };
        self.keep(&[(called, call)]);
        true
    }

    /// Keeps what calls have shown.
    pub(crate) fn keep(&mut self, calls: &[(Called, Call)]) {
        let named = |(called, call): &(Called, Call)| {
            let Called { base_url, model, at_once } = called;
            (key(&self.name, base_url.as_deref(), model, *at_once), *call)
        };
        note(self.store.keep_calls(&calls.iter().map(named).collect::<Vec<_>>()));
    }
}

/// How long the call of `reply` took, if that was told.
pub(crate) fn call(reply: &ChatReply) -> Option<Call> {
    let CallTimes { read, may_count_cached, written, .. } = reply.times?;
    Some(Call {
        read: read.0,
        reading: read.1.as_secs_f64(),
        may_count_cached,
        written: written.0,
        writing: written.1.as_secs_f64(),
        prompt: reply.usage.prompt_tokens,
    })
}

/// Whose call it was.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    pub base_url: Option<String>,
    pub model: String,
    pub at_once: usize,
}

/// This machine, as far as its pace depends on it. A container may have its home folder and not its cards.
fn name_of_machine() -> String {
    let cards = if cards::are_there() { " with cards" } else { "" };
    processors::processors().key() + cards
}

/// How a model's file is named among calls.
pub(crate) fn name_of_file(path: &Path) -> String {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).display().to_string()
}

/// The cards of a machine as one: a model is cut into layers, which are computed one after the other.
fn card(cards: &[cards::Card]) -> Option<Card> {
    let first = cards.first()?;
    let name = if cards.len() == 1 { first.name.clone() } else { format!("{} x{}", first.name, cards.len()) };
    let least = |of: fn(&cards::Card) -> f64| cards.iter().map(of).fold(f64::INFINITY, f64::min);
    Some(Card {
        name,
        memory: cards.iter().map(|card| card.memory).sum(),
        bandwidth: least(|card| card.bandwidth),
        compute: least(|card| card.compute),
    })
}

/// What is not kept is measured again; nobody has to do anything about it.
fn note(kept: std::io::Result<()>) {
    if let Err(error) = kept {
        tracing::debug!("what was measured is not kept: {error}");
    }
}

/// The facts of a model of `provider` that may not be here yet, by its name alone.
pub fn known_facts(provider: &Provider, name: &str) -> Option<Facts> {
    let by_seed = || seed::model(name).map(|(parameters, bits)| Facts::of_parameters(parameters, bits));
    let is_ollama = provider.name == "ollama";
    known_model(name).filter(|_| is_ollama).map(Facts::of_known).or_else(|| by_seed().filter(|_| is_ollama))
}

/// The model of [`KNOWN`] that Ollama calls `name`.
pub fn known_model(name: &str) -> Option<&'static known::Known> {
    let is_it = |known: &&known::Known| {
        let usual = known.name == KNOWN[0].name && has(&["llama3.2"], name);
        usual || has(&[known.name], name)
    };
    KNOWN.iter().find(is_it)
}

/// Whether Ollama's rules for names find `name` among `names`.
fn has(names: &[&str], name: &str) -> bool {
    let models = names.iter().map(|name| Installed { name: (*name).to_owned(), bytes: None }).collect();
    providers::find("ollama")
        .is_some_and(|ollama| Surveyed { models, ..Surveyed::default() }.has(ollama, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_ollamas_names() {
        for (name, known) in [
            ("llama3.2", Some("llama3.2:3b")),
            ("llama3.2:latest", Some("llama3.2:3b")),
            ("llama3.2:3b", Some("llama3.2:3b")),
            ("library/llama3.2:1b", Some("llama3.2:1b")),
            ("smollm2:135m", Some("smollm2:135m")),
            ("smollm2", None),
            ("qwen3:8b", None),
        ] {
            assert_eq!(known_model(name).map(|known| known.name), known, "{name}");
        }
        let bytes: Vec<u64> = KNOWN.iter().map(|known| known.footprint().unwrap().bytes(8192, 1)).collect();
        assert!(bytes.is_sorted_by(|a, b| a > b), "{bytes:?}");
    }

    const QUESTION: Question = Question { prompt_tokens: 100, tokens: 10, window: 4096, slots: 1 };

    #[test]
    fn a_server_elsewhere_is_known_by_its_calls_alone() {
        let cache = tempfile::tempdir().unwrap();
        let environment: Environment =
            [("XDG_CACHE_HOME".to_owned(), cache.path().display().to_string())].into_iter().collect();
        let subject = Subject {
            name: "m".to_owned(),
            base_url: Some("http://far.example:8000/v1".to_owned()),
            facts: Some(Facts::of_known(&KNOWN[0])),
            at_once: 1,
        };
        assert!(Forecaster::new(&environment).forecast(&subject, QUESTION).is_none());
        let called = Called { base_url: subject.base_url.clone(), model: "m".to_owned(), at_once: 1 };
        let call = Call {
            read: 1000,
            reading: 1.0,
            may_count_cached: false,
            written: 50,
            writing: 1.0,
            prompt: 1000,
        };
        Forecaster::new(&environment).keep(&[(called, call)]);
        let forecast = Forecaster::new(&environment).forecast(&subject, QUESTION).unwrap();
        assert_eq!(
            (forecast.estimate.decode.likely.round(), forecast.estimate.prompt.likely.round()),
            (50.0, 1000.0)
        );
        assert!((forecast.estimate.seconds().likely - 0.3).abs() < 0.01 && forecast.memory.is_none());
    }
}

//! How fast a model will be here, and whether it fits: one place for `minions estimate`, `doctor`, dry runs and deadlines.
//!
//! In: a model, where it runs, and how much it is asked. Out: a [`Forecast`]. The machine is measured once, and what is known of
//! it and of calls is kept in a file of the user's cache.

mod room;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use minions_estimate::calls::{Call, ShownCalls};
use minions_estimate::estimate::{Estimate, Known, Question, estimate, estimate_elsewhere};
use minions_estimate::facts::{Facts, Memory};
use minions_estimate::gguf::{Header, Unusable};
use minions_estimate::roofline::{Card, Machine};
use minions_estimate::seed;
use minions_estimate::store::{self, Store};
use minions_machine::footprint::CacheType;
use minions_machine::known::{self, KNOWN};
use minions_machine::memory;
use minions_machine::{cards, gpu, processors, sweep};

use crate::chat::providers::{self, Provider};
use crate::chat::{CallTimes, ChatReply, base_url};
use crate::config::Environment;
use crate::runtimes::survey::{Installed, Surveyed};

pub use room::Room;

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
        key(machine, self.base_url.as_deref(), &self.name)
    }
}

fn key(machine: &str, base_url: Option<&str>, model: &str) -> String {
    let is_here = base_url.is_none_or(base_url::is_this_machine);
    // An address has several spellings.
    let place = base_url.unwrap_or(IN_PROCESS).trim_end_matches('/').trim_end_matches("/v1");
    let place = place.replace("://localhost", "://127.0.0.1");
    store::key(is_here.then_some(machine), &place, model)
}

/// How fast it will be, and what it takes.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// How fast, and how long.
    pub estimate: Estimate,
    /// The memory that it takes on this machine.
    pub memory: Option<Memory>,
}

/// Makes forecasts.
pub struct Forecaster {
    store: Store,
    name: String,
    original: Option<PathBuf>,
    /// Whether this process has measured the machine.
    has_measured: bool,
}

impl Forecaster {
    /// With what is kept in the user's cache. Measures nothing.
    pub fn new(environment: &Environment) -> Self {
        let folder = environment.cache().map(|cache| cache.join("minions"));
        Self {
            store: Store::open(folder.as_deref()),
            name: name_of_machine(),
            original: environment.get("HOME").map(|home| Path::new(home).join(ORIGINAL)),
            has_measured: false,
        }
    }

    /// What this machine manages: as it is kept, or measured, which takes a fifth of a second. Some processes measure it one after
    /// the other, as one alone may have been disturbed.
    pub fn machine(&mut self) -> Machine {
        let is_sure = self.has_measured || self.store.is_sure(&self.name);
        if let Some(known) = self.store.machine(&self.name).filter(|_| is_sure) {
            return known.clone();
        }
        let measured = self.measure();
        note(self.store.keep_machine(&measured));
        self.store.machine(&self.name).cloned().unwrap_or(measured)
    }

    /// The same, measured now. What was measured before is forgotten.
    pub fn measured(&mut self) -> Machine {
        let machine = self.measure();
        note(self.store.keep_anew(&machine));
        machine
    }

    /// What is free now for `subject`, if it is here.
    pub fn room(&self, subject: &Subject) -> Option<Room> {
        let free = memory::free().filter(|_| subject.is_here())?;
        let machine = self.known_machine(subject);
        // The engine in this process computes on processors alone.
        let cards = if subject.base_url.is_some() { gpu::gpu() } else { gpu::Gpu::None };
        Some(Room { free, cards, name: machine.and_then(|machine| machine.card).map(|card| card.name) })
    }

    /// What is kept of this machine, as far as `subject` makes use of it.
    pub fn known_machine(&self, subject: &Subject) -> Option<Machine> {
        Some(subject.uses(self.store.machine(&self.name)?.clone()))
    }

    fn measure(&mut self) -> Machine {
        self.has_measured = true;
        let own = processors::processors();
        let (pace, cards) = std::thread::scope(|scope| {
            // The library of the cards takes its time to begin.
            let cards = scope.spawn(|| if gpu::are_hidden() { Vec::new() } else { cards::cards() });
            (sweep::sweep(&own), cards.join().unwrap_or_default())
        });
        Machine {
            name: self.name.clone(),
            threads: own.threads(),
            bandwidth: pace.bandwidth,
            compute: pace.compute,
            nodes: own.nodes,
            is_rough: pace.is_rough,
            card: card(&cards),
        }
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
            let estimate = estimate_elsewhere(question, (&calls?, subject.at_once))?;
            return Some(Forecast { estimate, memory: None });
        }
        let Some(facts) = &subject.facts else {
            let estimate = estimate_elsewhere(question, (&calls?, subject.at_once))?;
            return Some(Forecast { estimate, memory: None });
        };
        let original = self.original.as_deref().filter(|_| calls.is_none());
        let original =
            original.and_then(|file| store::original(file, &subject.name, facts.parameters, facts.bits()));
        let machine = subject.uses(self.machine());
        let calls = calls.as_ref().map(|calls| (calls, subject.at_once));
        let estimate = estimate(facts, &machine, question, Known { calls, original });
        Some(Forecast { estimate, memory: facts.memory(question.window, question.slots) })
    }

    /// With how many calls at a time `subject` is best reckoned, of up to `most`; 1 if none were seen.
    pub(crate) fn shown_at_once(&self, subject: &Subject, most: u64) -> usize {
        let most = usize::try_from(most).unwrap_or(usize::MAX).max(1);
        self.store.calls(&subject.key(&self.name)).and_then(|calls| calls.at_once(most)).unwrap_or(1)
    }

    /// Tokens a second at which earlier calls have shown a model to read prompts.
    pub(crate) fn prompt_pace(&self, base_url: &str, model: &str) -> Option<f64> {
        let shown = self.store.calls(&key(&self.name, Some(base_url), model))?;
        let seconds = shown.of_prompts(1, |tokens| tokens as f64).all;
        Some(1.0 / seconds.get(seconds.len() / 2)?)
    }

    /// Keeps how long the call of `reply` took. `false` if its server told nothing.
    pub fn keep_reply(&mut self, subject: &Subject, reply: &ChatReply) -> bool {
        let Some(call) = call(reply) else { return false };
        let called = Called { base_url: subject.base_url.clone(), model: subject.name.clone() };
        let mut shown = ShownCalls::default();
        shown.push(&call, 1);
        self.keep([(called, shown)].into());
        true
    }

    /// Keeps what calls have shown.
    pub(crate) fn keep(&mut self, calls: HashMap<Called, ShownCalls>) {
        let named = |(Called { base_url, model }, shown): (Called, ShownCalls)| {
            (key(&self.name, base_url.as_deref(), &model), shown)
        };
        let calls: Vec<_> = calls.into_iter().map(named).collect();
        note(self.store.keep_calls(&calls));
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
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Called {
    pub base_url: Option<String>,
    pub model: String,
}

/// This machine, as far as its pace depends on it. A container may have its home folder and not its cards.
fn name_of_machine() -> String {
    let cards = if cards::are_there() && !gpu::are_hidden() { " with cards" } else { "" };
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
        let called = Called { base_url: subject.base_url.clone(), model: "m".to_owned() };
        let call = Call {
            read: 1000,
            reading: 1.0,
            may_count_cached: false,
            written: 50,
            writing: 1.0,
            prompt: 1000,
        };
        let keep = |at_once| {
            let mut shown = ShownCalls::default();
            shown.push(&call, at_once);
            Forecaster::new(&environment).keep([(called.clone(), shown)].into());
        };
        keep(8);
        let forecast = Forecaster::new(&environment).forecast(&subject, QUESTION).unwrap();
        assert_eq!(forecast.estimate.basis[1].words(), "measured (1 call, 8 at the same time)");
        let reckoned_at = |most| Forecaster::new(&environment).shown_at_once(&subject, most);
        assert_eq!([1, 4, 8, 100].map(reckoned_at), [1, 4, 8, 8]);
        keep(1);
        let forecast = Forecaster::new(&environment).forecast(&subject, QUESTION).unwrap();
        assert_eq!(
            (forecast.estimate.decode.likely.round(), forecast.estimate.prompt.likely.round()),
            (50.0, 1000.0)
        );
        assert!((forecast.estimate.seconds().likely - 0.3).abs() < 0.01 && forecast.memory.is_none());
    }
}

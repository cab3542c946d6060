//! What a machine needs for a model by what it was measured to manage: its memory is read, and it computes. Pure.
//!
//! On a processor llama.cpp does one after the other for the most part, so the times add up. How much of the measured
//! operations it gets out of a processor differs by how weights are kept, and by whether they meet one token or many; the shares
//! below were measured with its server 2026.10 on an x86-64 with AVX2, those of steps and of looks back on one with AVX-512,
//! too. What calls show takes the place of all this.

use serde::{Deserialize, Serialize};

use super::facts::{Facts, Work};
use super::quantisation::Class;

/// Tokens of a prompt that are evaluated in one step, for which the weights are read once.
const BATCH: u64 = 512;
/// Seconds of each layer beside its work: its threads wait for each other after each of about twenty steps.
const STEP: f64 = 80e-6;
/// The same of a card, which begins the next step by itself.
const STEP_OF_CARD: f64 = 8e-6;
/// The share of the measured operations that comparing a prompt's tokens with each other gets, and the one of a single token,
/// which meets each earlier one by itself: numbers of 16 bits become wider and narrow again, and there is an exponential for each.
const ATTENTION: f64 = 0.2;
const ATTENTION_OF_ONE: f64 = 0.027;
/// Bytes from a head's key to its next one for which reading them takes twice the time: the farther apart they lie, the less the
/// processor reads ahead.
const APART: f64 = 512.0;
/// The share of a card's operations that prompts get, and the one of its bandwidth that tokens get.
const ON_CARD: f64 = 0.35;
const BANDWIDTH_OF_CARD: f64 = 0.7;

/// What a machine manages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// What names it.
    pub name: String,
    /// Threads that compute.
    pub threads: usize,
    /// Bytes a second that all of them read from memory.
    pub bandwidth: f64,
    /// Operations a second with numbers of 32 bits.
    pub compute: f64,
    /// NUMA nodes of these.
    pub nodes: usize,
    /// Whether others computed while it was measured.
    #[serde(default)]
    pub is_rough: bool,
    /// A graphics card whose memory tells.
    pub card: Option<Card>,
}

/// A graphics card, or several of one machine together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Its name.
    pub name: String,
    /// Bytes of its memory.
    pub memory: u64,
    /// Bytes a second of its memory.
    pub bandwidth: f64,
    /// Operations a second.
    pub compute: f64,
}

/// A model on a machine.
#[derive(Clone, Copy, Debug)]
pub struct Roofline<'a> {
    /// The model.
    pub facts: &'a Facts,
    /// The machine.
    pub machine: &'a Machine,
    /// The part of the model that a card takes.
    on_card: f64,
}

impl<'a> Roofline<'a> {
    /// `needed`: the bytes that the model takes in all, which decide how much of it a card takes.
    pub fn new(facts: &'a Facts, machine: &'a Machine, needed: u64) -> Self {
        let fits = |card: &Card| (card.memory as f64 / needed.max(1) as f64).min(1.0);
        let on_card = machine.card.as_ref().map_or(0.0, fits);
        Self { facts, machine, on_card }
    }

    /// Seconds for the next token, with so many before it.
    pub fn token(&self, context: u64) -> f64 {
        let facts = self.facts;
        let (weights, cache) = (facts.bytes_per_token as f64, facts.cache_bytes(context) as f64);
        let looks = 4.0 * context as f64 * facts.query_width as f64;
        let Machine { bandwidth, compute, .. } = *self.machine;
        let work = |work: &Work| 2.0 * work.parameters as f64 / (compute * shares(work.class).token);
        let here = weights / bandwidth
            + facts.work.iter().map(work).sum::<f64>()
            + cache / bandwidth * (1.0 + facts.key_bytes() as f64 / APART)
            + looks / (compute * ATTENTION_OF_ONE)
            + facts.layers as f64 * STEP;
        let there = self.machine.card.as_ref().map_or(0.0, |card| {
            (weights + cache) / (card.bandwidth * BANDWIDTH_OF_CARD) + facts.layers as f64 * STEP_OF_CARD
        });
        self.mixed(here, there)
    }

    /// Seconds for a prompt of so many tokens.
    pub fn prompt(&self, tokens: u64) -> f64 {
        let facts = self.facts;
        let count = tokens as f64;
        // Only the last token is asked what follows it.
        let of_work = |work: &Work| {
            let output = work.of_output.min(work.parameters);
            2.0 * ((work.parameters - output) as f64 * count + if tokens > 0 { output as f64 } else { 0.0 })
        };
        let looks = 2.0 * count * count * facts.query_width as f64;
        // Of a long prompt each expert has some tokens.
        let bytes = tokens.div_ceil(BATCH) as f64 * facts.weight_bytes as f64;
        let Machine { bandwidth, compute, .. } = *self.machine;
        let work = |work: &Work| of_work(work) / (compute * shares(work.class).prompt);
        let here =
            bytes / bandwidth + facts.work.iter().map(work).sum::<f64>() + looks / (compute * ATTENTION);
        let there = self.machine.card.as_ref().map_or(0.0, |card| {
            let all = facts.work.iter().map(of_work).sum::<f64>() + looks;
            bytes / card.bandwidth + all / (card.compute * ON_CARD)
        });
        self.mixed(here, there)
    }

    /// Each part of the model takes its time, one after the other.
    fn mixed(&self, here: f64, there: f64) -> f64 {
        here * (1.0 - self.on_card) + there * self.on_card
    }
}

/// The shares of the measured operations that llama.cpp gets for weights of a class.
struct Shares {
    /// Where they meet one token.
    token: f64,
    /// Where they meet those of a prompt.
    prompt: f64,
}

fn shares(class: Class) -> Shares {
    let [token, prompt] = match class {
        Class::Packed => [0.5, 0.5],
        Class::Nested => [0.28, 0.45],
        Class::Plain => [0.32, 0.32],
        Class::Stepped => [0.24, 0.19],
        Class::Table => [0.15, 0.15],
    };
    Shares { token, prompt }
}

//! How long a model takes for a question, and what memory: what the machine would need for it, put right by what calls have
//! shown. Pure.

use serde::Serialize;

use super::calls::{Factors, ShownCalls};
use super::facts::Facts;
use super::roofline::{Machine, Roofline};

/// The range of an estimate by the machine alone: a time may be so many times shorter or longer.
const WIDE: f64 = 1.4;
/// The same of prompts, whose pace depends on more.
const WIDE_OF_PROMPTS: f64 = 2.0;
/// The same for memory in several nodes: most of it may be far from the processors.
const WIDE_OF_NODES: f64 = 2.0;
/// The same where others computed while the machine was measured.
const WIDE_OF_ROUGH: f64 = 2.0;
/// The least range of a measured pace, and that of few calls.
const NARROW: f64 = 1.07;
const OF_FEW_CALLS: f64 = 1.15;
const FEW: usize = 3;
/// Tokens for which a rate of prompts is told, where the question has none.
const USUAL_PROMPT: u64 = 512;

/// What is asked of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Tokens to read.
    pub prompt_tokens: u64,
    /// Tokens to write.
    pub tokens: u64,
    /// The window of each slot, in tokens.
    pub window: u32,
    /// Slots.
    pub slots: usize,
}

/// A figure with its range.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Range {
    /// It is rarely less.
    pub low: f64,
    /// The likeliest.
    pub likely: f64,
    /// It is rarely more.
    pub high: f64,
}

/// What a pace rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What the machine manages, and the model needs.
    Roofline,
    /// So many calls.
    Measured(usize),
    /// So many calls, of which so many ran at the same time, where another number was asked for.
    Among(usize, usize),
    /// The factor that the original has measured.
    Original,
}

impl Basis {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Self::Roofline => "roofline".to_owned(),
            Self::Measured(1) => "measured (1 call)".to_owned(),
            Self::Measured(calls) => format!("measured ({calls} calls)"),
            Self::Among(calls, at_once) => {
                let calls = Self::Measured(calls).words();
                format!("{}, {at_once} at the same time)", calls.trim_end_matches(')'))
            }
            Self::Original => "measured by the original".to_owned(),
        }
    }
}

/// How fast, how long, and by what.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// Tokens a second that are written.
    pub decode: Range,
    /// Tokens a second that are read.
    pub prompt: Range,
    /// Seconds for reading, and for writing.
    pub reading: Range,
    /// The same for writing.
    pub writing: Range,
    /// What the pace of writing rests on, and that of reading.
    pub basis: [Basis; 2],
    /// Measured pace of writing over that of the machine's figures; 1 where nothing is measured.
    pub factor: f64,
}

impl Estimate {
    /// Seconds for both.
    pub fn seconds(&self) -> Range {
        let sum = |of: fn(&Range) -> f64| of(&self.reading) + of(&self.writing);
        Range {
            low: sum(|range| range.low),
            likely: sum(|range| range.likely),
            high: sum(|range| range.high),
        }
    }
}

/// What is known of a pace besides the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// What calls have shown, and how many there will be at the same time.
    pub calls: Option<(&'a ShownCalls, usize)>,
    /// Tokens a second that the original has measured.
    pub original: Option<f64>,
}

/// How long `question` takes on a machine.
pub fn estimate(facts: &Facts, machine: &Machine, question: Question, known: Known<'_>) -> Estimate {
    let needed =
        facts.memory(question.window, question.slots).map_or(facts.weight_bytes, |memory| memory.total);
    let roofline = Roofline::new(facts, machine, needed);
    let is_far = machine.nodes > 1;
    let wide = if is_far { [WIDE * WIDE_OF_NODES, WIDE_OF_PROMPTS] } else { [WIDE, WIDE_OF_PROMPTS] };
    let wide = wide.map(|wide| if machine.is_rough { wide * WIDE_OF_ROUGH } else { wide });
    of_times(|context| roofline.token(context), |tokens| roofline.prompt(tokens), wide, question, known)
}

/// How long it takes at a server elsewhere, by its calls alone; `None` if there is none of a reply.
pub fn estimate_elsewhere(question: Question, calls: (&ShownCalls, usize)) -> Option<Estimate> {
    let known = Known { calls: Some(calls), original: None };
    let estimate = of_times(|_| 1.0, |tokens| tokens as f64, [1.0; 2], question, known);
    let has_both = estimate.basis.iter().all(|basis| matches!(basis, Basis::Measured(_) | Basis::Among(..)));
    has_both.then_some(estimate)
}

fn of_times(
    token: impl Fn(u64) -> f64,
    prompt: impl Fn(u64) -> f64,
    wide: [f64; 2],
    question: Question,
    known: Known<'_>,
) -> Estimate {
    let Question { prompt_tokens, tokens, window, .. } = question;
    // What is longer than the window is written by one that moves on.
    let middle = prompt_tokens.saturating_add(tokens / 2).min(window.into());
    let for_token = token(middle);
    let (of_replies, of_prompts) = match known.calls {
        Some((calls, at_once)) => (calls.of_replies(at_once, &token), calls.of_prompts(at_once, &prompt)),
        None => Default::default(),
    };
    let original = known.original.filter(|rate| *rate > 0.0).map(|rate| 1.0 / rate / for_token);
    let (factor, basis) = match (&of_replies.all[..], original) {
        ([], Some(factor)) => (around(factor, WIDE.min(wide[0])), Basis::Original),
        ([], None) => (around(1.0, wide[0]), Basis::Roofline),
        _ => measured(&of_replies),
    };
    let (prompt_factor, prompt_basis) = match &of_prompts.all[..] {
        [] => (around(1.0, wide[1]), Basis::Roofline),
        _ => measured(&of_prompts),
    };
    let asked = if prompt_tokens > 0 { prompt_tokens } else { USUAL_PROMPT.min(window.into()).max(1) };
    let for_prompt = prompt(asked);
    Estimate {
        decode: rate(factor, for_token),
        prompt: rate(prompt_factor, for_prompt / asked as f64),
        reading: times(prompt_factor, if prompt_tokens > 0 { for_prompt } else { 0.0 }),
        writing: times(factor, for_token * tokens as f64),
        basis: [basis, prompt_basis],
        factor: 1.0 / factor.likely,
    }
}

fn times(factor: Range, seconds: f64) -> Range {
    Range { low: factor.low * seconds, likely: factor.likely * seconds, high: factor.high * seconds }
}

fn rate(factor: Range, seconds: f64) -> Range {
    let of = |factor: f64| 1.0 / (factor * seconds);
    Range { low: of(factor.high), likely: of(factor.likely), high: of(factor.low) }
}

fn around(factor: f64, wide: f64) -> Range {
    Range { low: factor / wide, likely: factor, high: factor * wide }
}

/// What calls have shown. Where another number of them ran at the same time, the one asked for takes at least its share of the time,
/// and at most the whole of it; with more at the same time it is the other way round.
fn measured(Factors { all, at_once, share }: &Factors) -> (Range, Basis) {
    let Range { low, likely, high } = spread(all);
    let range =
        Range { low: low * share.min(1.0), likely: likely * share.sqrt(), high: high * share.max(1.0) };
    let is_same = (share - 1.0).abs() < f64::EPSILON;
    (range, if is_same { Basis::Measured(all.len()) } else { Basis::Among(all.len(), *at_once) })
}

/// The median of factors in order, and where most of them are.
fn spread(factors: &[f64]) -> Range {
    let at = |share: f64| factors[((factors.len() - 1) as f64 * share).round() as usize];
    let likely = match factors.len() {
        even if even % 2 == 0 => at_middle(factors),
        _ => at(0.5),
    };
    let least = around(likely, if factors.len() < FEW { OF_FEW_CALLS } else { NARROW });
    Range { low: at(0.1).min(least.low), likely, high: at(0.9).max(least.high) }
}

fn at_middle(factors: &[f64]) -> f64 {
    let half = factors.len() / 2;
    f64::midpoint(factors[half - 1], factors[half])
}

#[cfg(test)]
mod tests;

//! What calls to a model have shown of its pace: the last ones of each model, server and number of calls at a time. Pure.

use serde::{Deserialize, Serialize};

/// How many calls are kept.
const KEPT: usize = 20;
/// Fewer tokens tell nothing of a pace: what every call takes beside them weighs too much.
const FEWEST_READ: u64 = 32;
const FEWEST_WRITTEN: u64 = 8;
/// Where counts may have tokens that a cache had, calls that are so many times faster than the slowest one count for nothing.
const CACHED: f64 = 1.5;

/// The times of one call, as its server or the engine told them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// Tokens of the prompt that were read.
    pub read: u64,
    /// Seconds for these.
    pub reading: f64,
    /// Whether `read` may count some that a cache had, which took no time.
    pub may_count_cached: bool,
    /// Tokens that were written.
    pub written: u64,
    /// Seconds for these.
    pub writing: f64,
    /// Tokens of the whole prompt, those that a cache had among them.
    pub prompt: u64,
}

/// What is kept of the calls to one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// Of each prompt: its tokens and seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<(u64, f64)>,
    /// Whether the tokens of prompts may be too many.
    #[serde(default)]
    may_count_cached: bool,
    /// Of each reply: its tokens, seconds, and the tokens before the middle of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    written: Vec<(u64, f64, u64)>,
}

impl Shown {
    /// Takes a call, as far as it tells something.
    pub fn push(&mut self, call: &Call) {
        let Call { read, reading, written, writing, prompt, may_count_cached } = *call;
        if read >= FEWEST_READ && reading > 0.0 && reading.is_finite() {
            self.read.push((read, reading));
            self.may_count_cached = may_count_cached;
        }
        if written >= FEWEST_WRITTEN && writing > 0.0 && writing.is_finite() {
            self.written.push((written, writing, prompt.saturating_add(written / 2)));
        }
        last(&mut self.read);
        last(&mut self.written);
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.written.is_empty()
    }

    /// By how much replies took longer than `seconds` for a token with so many before it, in order.
    pub fn of_replies(&self, seconds: impl Fn(u64) -> f64) -> Vec<f64> {
        sorted(self.written.iter().map(|(tokens, took, context)| took / *tokens as f64 / seconds(*context)))
    }

    /// By how much prompts took longer than `seconds` for so many tokens, in order.
    pub fn of_prompts(&self, seconds: impl Fn(u64) -> f64) -> Vec<f64> {
        let all = sorted(self.read.iter().map(|(tokens, took)| took / seconds(*tokens)));
        let slowest = all.last().copied().unwrap_or(0.0);
        let counts = |factor: &f64| !self.may_count_cached || factor * CACHED >= slowest;
        all.into_iter().filter(counts).collect()
    }
}

fn last<T>(all: &mut Vec<T>) {
    all.drain(..all.len().saturating_sub(KEPT));
}

fn sorted(factors: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut factors: Vec<f64> = factors.filter(|factor| factor.is_finite() && *factor > 0.0).collect();
    factors.sort_by(f64::total_cmp);
    factors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(read: u64, reading: f64, written: u64, writing: f64) -> Call {
        Call { read, reading, may_count_cached: false, written, writing, prompt: 1000 }
    }

    #[test]
    fn the_last_calls_count_and_short_ones_do_not() {
        let mut shown = Shown::default();
        for at in 0..30_u32 {
            shown.push(&call(100, f64::from(at + 1), 10, 1.0));
        }
        assert_eq!(
            shown.of_prompts(|tokens| tokens as f64),
            (10..30).map(|at| f64::from(at + 1) / 100.0).collect::<Vec<_>>()
        );
        assert_eq!(shown.of_replies(|context| context as f64).len(), 20);
        assert!((shown.of_replies(|context| context as f64)[0] - 0.1 / 1005.0).abs() < 1e-12);
        let mut nothing = Shown::default();
        for short in
            [call(31, 1.0, 7, 1.0), call(100, 0.0, 100, 0.0), call(100, f64::NAN, 100, f64::INFINITY)]
        {
            nothing.push(&short);
        }
        assert!(nothing.is_empty(), "{nothing:?}");
    }

    #[test]
    fn prompts_that_a_cache_had_do_not_make_a_model_fast() {
        let mut shown = Shown::default();
        for reading in [10.0, 0.2, 11.0, 0.1] {
            shown.push(&Call { may_count_cached: true, ..call(1000, reading, 0, 0.0) });
        }
        assert_eq!(shown.of_prompts(|_| 1.0), [10.0, 11.0]);
    }
}

//! What calls to a model have shown of its pace: the last ones of each model, server and number of calls at the same time. Pure.

use std::collections::BTreeMap;

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

/// What is kept of the calls to one model, with so many at the same time.
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

    /// Takes what later calls have shown.
    fn add(&mut self, later: &Self) {
        if !later.read.is_empty() {
            self.may_count_cached = later.may_count_cached;
        }
        self.read.extend(&later.read);
        self.written.extend(&later.written);
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

/// What calls to one model have shown, by how many there were at the same time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ShownCalls(BTreeMap<usize, Shown>);

/// By how much calls took longer than was reckoned.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Factors {
    /// In order.
    pub all: Vec<f64>,
    /// How many calls there were at the same time.
    pub at_once: usize,
    /// How many are asked for, over [`Factors::at_once`].
    pub share: f64,
}

impl ShownCalls {
    /// Takes a call that was one of `at_once`.
    pub fn push(&mut self, call: &Call, at_once: usize) {
        let mut shown = Shown::default();
        shown.push(call);
        if !shown.is_empty() {
            self.0.entry(step(at_once)).or_default().add(&shown);
        }
    }

    /// Takes what later calls have shown.
    pub fn add(&mut self, later: &Self) {
        later.0.iter().for_each(|(at_once, shown)| self.0.entry(*at_once).or_default().add(shown));
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With how many calls at the same time a forecast has the best ground, of up to `most`; none if nothing is known.
    pub fn at_once(&self, most: usize) -> Option<usize> {
        let below = self.0.range(..=step(most)).next_back().map(|(at_once, _)| *at_once);
        below.or_else(|| (!self.is_empty()).then_some(most))
    }

    /// [`Shown::of_replies`] of the calls whose number is nearest to `at_once`.
    pub fn of_replies(&self, at_once: usize, seconds: impl Fn(u64) -> f64) -> Factors {
        self.nearest(at_once, |shown| shown.of_replies(&seconds))
    }

    /// [`Shown::of_prompts`] of the calls whose number is nearest to `at_once`.
    pub fn of_prompts(&self, at_once: usize, seconds: impl Fn(u64) -> f64) -> Factors {
        self.nearest(at_once, |shown| shown.of_prompts(&seconds))
    }

    fn nearest(&self, at_once: usize, factors: impl Fn(&Shown) -> Vec<f64>) -> Factors {
        let asked = step(at_once) as f64;
        let mut all: Vec<_> =
            self.0.iter().map(|(number, shown)| (asked / *number as f64, *number, shown)).collect();
        all.sort_by(|(one, ..), (other, ..)| one.ln().abs().total_cmp(&other.ln().abs()));
        let mut all =
            all.into_iter().map(|(share, at_once, shown)| Factors { all: factors(shown), at_once, share });
        all.find(|found| !found.all.is_empty()).unwrap_or_default()
    }
}

/// 1, 2, 3, 4, 6, 8, 12, 16 and so on: the one at or below `at_once`, so that a model has few of them.
fn step(at_once: usize) -> usize {
    let at_once = at_once.max(1);
    let below = at_once.ilog2().saturating_sub(1);
    at_once >> below << below
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

    #[test]
    fn the_nearest_number_of_calls_tells_where_the_asked_one_is_not_known() {
        let steps: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 17, 64, 100].map(step).into();
        assert_eq!(steps, [1, 1, 2, 3, 4, 4, 6, 6, 8, 8, 12, 16, 64, 96]);
        let mut shown = ShownCalls::default();
        assert_eq!((shown.at_once(8), shown.of_replies(1, |_| 1.0)), (None, Factors::default()));
        shown.push(&call(100, 4.0, 0, 0.0), 5);
        shown.push(&call(100, 9.0, 100, 50.0), 16);
        shown.push(&call(1, 1.0, 1, 1.0), 1);
        let prompts = |at_once| shown.of_prompts(at_once, |tokens| tokens as f64);
        assert_eq!(prompts(1), Factors { all: vec![0.04], at_once: 4, share: 0.25 });
        assert_eq!(prompts(4), Factors { all: vec![0.04], at_once: 4, share: 1.0 });
        assert_eq!(prompts(32), Factors { all: vec![0.09], at_once: 16, share: 2.0 });
        assert_eq!(shown.of_replies(4, |_| 1.0).at_once, 16, "no other call tells of replies");
        assert_eq!([1, 4, 15, 16, 99].map(|most| shown.at_once(most)), [1, 4, 4, 16, 16].map(Some));
    }

    #[test]
    fn what_is_added_stays_short() {
        let (mut kept, mut later) = (ShownCalls::default(), ShownCalls::default());
        for at in 0..1000_u32 {
            later.push(&call(100, f64::from(at + 1), 10, 1.0), at as usize % 100);
        }
        (0..3).for_each(|_| kept.add(&later));
        assert!(kept.0.len() <= 14, "{:?}", kept.0.keys());
        assert!(kept.0.values().all(|shown| shown.read.len() <= KEPT && shown.written.len() <= KEPT));
        assert_eq!(kept.of_prompts(64, |_| 1.0).all.last(), Some(&996.0), "the last ones count");
    }
}

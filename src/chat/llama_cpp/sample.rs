//! Logits become the next token.
//!
//! The likeliest tokens are drawn first and only the drawn one is checked against the grammar; the grammar
//! sees more of the vocabulary only when it refuses. A tail that repeats itself is not continued.

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::Sampling;

/// Candidates when sampling with a temperature.
const TOP_K: usize = 40;
/// Candidates that the grammar sees before it has to see the whole vocabulary.
const WIDER: usize = 256;
/// A tail is a loop if a block of at most this many tokens ...
const LOOP_BLOCK: usize = 64;
/// ... fills it this many times ...
const LOOP_TIMES: usize = 3;
/// ... and it has at least this many tokens.
const LOOP_TOKENS: usize = 24;

/// The state of one reply's sampling.
pub(super) struct Sampler {
    /// Draws from a few candidates; none takes the likeliest.
    chain: Option<LlamaSampler>,
    grammar: Option<LlamaSampler>,
    suppressed: Vec<LlamaToken>,
    end: LlamaToken,
}

impl Sampler {
    /// `grammar` is in GBNF with the rule `root`. None if llama.cpp refuses it.
    pub(super) fn new(model: &LlamaModel, sampling: Sampling, grammar: Option<&str>) -> Option<Self> {
        let grammar = match grammar {
            Some(text) => Some(LlamaSampler::grammar(model, text, "root").ok()?),
            None => None,
        };
        let vocab = model.vocab();
        let end = vocab.tokens().find(|token| vocab.is_eog(*token)).unwrap_or_else(|| vocab.eos());
        Some(Self { chain: chain(sampling), grammar, suppressed: vocab.suppress_tokens().to_vec(), end })
    }

    /// The token after `written`; none if the logits hold no number or the grammar leaves nothing.
    pub(super) fn pick(&mut self, logits: &[f32], written: &[LlamaToken]) -> Option<LlamaToken> {
        let mut banned = self.suppressed.clone();
        banned.extend(loop_continuation(written));
        let count = if self.chain.is_some() { TOP_K } else { 1 };
        let token = self.draw(top(logits, count, &banned))?;
        if self.allows(token) {
            return self.accept(token);
        }
        for count in [WIDER, logits.len()] {
            let allowed = self.allowed(top(logits, count, &banned));
            if let Some(token) = self.draw(allowed) {
                return self.accept(token);
            }
        }
        // Only the continuation of the loop is left.
        let allowed = self.allowed(top(logits, logits.len(), &[]));
        let token = self.draw(allowed)?;
        self.accept(token)
    }

    /// Whether the grammar is satisfied, so that nothing but the end need follow.
    pub(super) fn complete(&mut self) -> bool {
        self.grammar.is_some() && self.allows(self.end)
    }

    /// One of `candidates`, which are sorted by falling logit.
    fn draw(&mut self, candidates: Vec<LlamaTokenData>) -> Option<LlamaToken> {
        let first = candidates.first()?.id();
        let Some(chain) = &mut self.chain else { return Some(first) };
        let mut array = LlamaTokenDataArray::new(candidates, true);
        chain.apply(&mut array);
        array.selected_token()
    }

    fn allows(&mut self, token: LlamaToken) -> bool {
        !self.allowed(vec![LlamaTokenData::new(token, 0.0, 0.0)]).is_empty()
    }

    /// The candidates that the grammar lets through, in their order.
    fn allowed(&mut self, candidates: Vec<LlamaTokenData>) -> Vec<LlamaTokenData> {
        let Some(grammar) = &mut self.grammar else { return candidates };
        let mut array = LlamaTokenDataArray::new(candidates, true);
        grammar.apply(&mut array);
        array.data.retain(|candidate| candidate.logit() > f32::NEG_INFINITY);
        array.data
    }

    fn accept(&mut self, token: LlamaToken) -> Option<LlamaToken> {
        match &mut self.grammar {
            Some(grammar) if token != self.end => grammar.try_accept(token).ok().map(|()| token),
            _ => Some(token),
        }
    }
}

fn chain(sampling: Sampling) -> Option<LlamaSampler> {
    let temperature = sampling.temperature.filter(|temperature| *temperature > 0.0)? as f32;
    let seed = sampling.seed.map_or_else(random_seed, |seed| (seed ^ (seed >> 32)) as u32);
    Some(LlamaSampler::chain(
        [
            LlamaSampler::top_p(0.95, 1),
            LlamaSampler::min_p(0.05, 1),
            LlamaSampler::temp(temperature),
            LlamaSampler::dist(seed),
        ],
        true,
    ))
}

fn random_seed() -> u32 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish() as u32
}

/// The `count` likeliest tokens that are not banned, likeliest first.
fn top(logits: &[f32], count: usize, banned: &[LlamaToken]) -> Vec<LlamaTokenData> {
    let count = (count + banned.len()).min(logits.len());
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(2 * count);
    let mut floor = f32::NEG_INFINITY;
    for (&logit, id) in logits.iter().zip(0..) {
        if logit > floor {
            best.push((logit, id));
            if best.len() == 2 * count {
                keep_best(&mut best, count);
                floor = best[count - 1].0;
            }
        }
    }
    keep_best(&mut best, count);
    best.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.into_iter()
        .map(|(logit, id)| LlamaTokenData::new(LlamaToken(id), logit, 0.0))
        .filter(|candidate| !banned.contains(&candidate.id()))
        .collect()
}

/// Cuts `best` down to its `count` greatest; the least of them comes last.
fn keep_best(best: &mut Vec<(f32, i32)>, count: usize) {
    if best.len() > count && count > 0 {
        best.select_nth_unstable_by(count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        best.truncate(count);
    }
}

/// The token that would go on with a loop at the end of `written`. Quoting a passage again is no loop:
/// only a block that follows directly on itself counts.
fn loop_continuation(written: &[LlamaToken]) -> Option<LlamaToken> {
    (1..=LOOP_BLOCK).find_map(|block| {
        let length = (block * LOOP_TIMES).max(LOOP_TOKENS);
        let tail = &written[written.len().checked_sub(length)?..];
        (tail[block..] == tail[..length - block]).then(|| tail[length - block])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(ids: impl IntoIterator<Item = i32>) -> Vec<LlamaToken> {
        ids.into_iter().map(LlamaToken).collect()
    }

    fn ids(candidates: Vec<LlamaTokenData>) -> Vec<i32> {
        candidates.iter().map(|candidate| candidate.id().0).collect()
    }

    #[test]
    fn the_likeliest_come_first_without_the_banned() {
        let logits = [0.5, 3.0, f32::NAN, -1.0, 2.0, 3.0];
        assert_eq!(ids(top(&logits, 1, &[])), [1]);
        assert_eq!(ids(top(&logits, 3, &[])), [1, 5, 4]);
        assert_eq!(ids(top(&logits, 2, &tokens([1]))), [5, 4]);
        assert_eq!(ids(top(&logits, 99, &[])), [1, 5, 4, 0, 3]);
        assert!(top(&[f32::NAN; 8], 3, &[]).is_empty());
        let long: Vec<f32> =
            (0..10_000u32).map(|at| (at.wrapping_mul(2_654_435_761) % 10_007) as f32).collect();
        let mut sorted: Vec<i32> = (0..10_000).collect();
        sorted.sort_by(|a, b| long[*b as usize].total_cmp(&long[*a as usize]).then(a.cmp(b)));
        assert_eq!(ids(top(&long, 40, &[])), sorted[..40]);
    }

    #[test]
    fn only_a_block_that_follows_on_itself_is_a_loop() {
        let looping = tokens((0..3).chain((0..30).map(|at| 7 + at % 10)));
        assert_eq!(loop_continuation(&looping), Some(LlamaToken(7)));
        assert_eq!(loop_continuation(&tokens([5; 24])), Some(LlamaToken(5)));
        assert_eq!(loop_continuation(&tokens([5; 23])), None);
        let quoted_twice = tokens((0..20).chain([99]).chain(0..20).chain([98]).chain(0..20));
        assert_eq!(loop_continuation(&quoted_twice), None);
        assert_eq!(loop_continuation(&[]), None);
    }
}

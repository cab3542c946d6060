//! Sampling: logits become the next token.
//!
//! The likeliest tokens are drawn first and only the drawn one is checked against the grammar; the grammar
//! sees more of the vocabulary only when it refuses. A tail that repeats itself is not continued. A repeat penalty
//! is left out on purpose: with the small models that need one it made citations wrong and replies no shorter.

use std::cmp::Ordering;
use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::Sampling;

/// The number of candidates when sampling with a temperature.
const TOP_K: usize = 40;
/// The number of candidates that the grammar sees before it has to see the whole vocabulary.
const WIDER: usize = 256;
/// A tail is a loop if a block of at most this many tokens ...
const LOOP_BLOCK: usize = 64;
/// ... fills it this many times ...
const LOOP_TIMES: usize = 3;
/// ... and it has at least this many tokens.
const LOOP_TOKENS: usize = 24;

/// The tokens of a model that a sampler treats in a special way. Made once for each model.
pub(super) struct Tokens {
    suppressed: Vec<LlamaToken>,
    end: LlamaToken,
    /// The tokens that end a JSON value soonest, the best first. The quote is first: inside a text the others are text.
    closers: Vec<LlamaToken>,
    null: Option<LlamaToken>,
    /// A letter, which a JSON grammar allows inside a text and hardly ever outside of one.
    letter: Option<LlamaToken>,
    /// The number of bytes of each token, without white space.
    lengths: Vec<u16>,
}

impl Tokens {
    pub(super) fn of(model: &LlamaModel) -> Self {
        let vocab = model.vocab();
        let pieces: Vec<Vec<u8>> =
            vocab.tokens().map(|token| vocab.token_to_piece(token, false, None)).collect();
        let token_of = |text: &[u8]| {
            pieces.iter().zip(0..).find(|(piece, _)| piece.as_slice() == text).map(|(_, id)| LlamaToken(id))
        };
        Self {
            suppressed: vocab.suppress_tokens().to_vec(),
            end: vocab.tokens().find(|token| vocab.is_eog(*token)).unwrap_or_else(|| vocab.eos()),
            closers: [&b"\""[..], b"}", b"]", b",", b":"].into_iter().filter_map(token_of).collect(),
            null: token_of(b"null"),
            letter: token_of(b"z"),
            lengths: pieces.iter().map(|piece| piece.trim_ascii().len() as u16).collect(),
        }
    }
}

/// The state of one reply's sampling.
pub(super) struct Sampler {
    tokens: Arc<Tokens>,
    /// Draws from a few candidates; `None` takes the likeliest one.
    chain: Option<LlamaSampler>,
    grammar: Option<LlamaSampler>,
}

impl Sampler {
    /// A sampler. `grammar` is in GBNF with the rule `root`. `None` if llama.cpp refuses the grammar.
    pub(super) fn new(
        model: &LlamaModel,
        tokens: Arc<Tokens>,
        sampling: Sampling,
        grammar: Option<&str>,
    ) -> Option<Self> {
        let grammar = match grammar {
            Some(text) => Some(LlamaSampler::grammar(model, text, "root").ok()?),
            None => None,
        };
        Some(Self { tokens, chain: chain(sampling), grammar })
    }

    /// The token after `written`; `None` if the logits hold no number or the grammar allows no token.
    pub(super) fn pick(&mut self, logits: &[f32], written: &[LlamaToken]) -> Option<LlamaToken> {
        let mut banned = self.tokens.suppressed.clone();
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
        // The grammar allows only the continuation of a loop.
        let allowed = self.allowed(top(logits, logits.len(), &[]));
        let token = self.draw(allowed)?;
        self.accept(token)
    }

    /// The token that brings the text of the grammar to its end soonest, whatever the logits are.
    pub(super) fn close(&mut self) -> Option<LlamaToken> {
        let tokens = Arc::clone(&self.tokens);
        let in_text = tokens.letter.is_some_and(|letter| self.allows(letter));
        let null = tokens.null.filter(|_| !in_text);
        let mut order = std::iter::once(tokens.end).chain(null).chain(tokens.closers.iter().copied());
        let closer = order.find(|token| self.allows(*token));
        let token = closer.or_else(|| {
            let all =
                (0..tokens.lengths.len() as i32).map(|id| LlamaTokenData::new(LlamaToken(id), 0.0, 0.0));
            let allowed = self.allowed(all.collect());
            allowed.iter().map(LlamaTokenData::id).max_by_key(|token| tokens.lengths[token.0 as usize])
        })?;
        self.accept(token)
    }

    /// Whether the reply has a grammar.
    pub(super) fn constrained(&self) -> bool {
        self.grammar.is_some()
    }

    /// Whether the grammar allows the text to end here.
    pub(super) fn complete(&mut self) -> bool {
        self.grammar.is_some() && self.allows(self.tokens.end)
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

    /// The candidates that the grammar allows, in their order.
    fn allowed(&mut self, candidates: Vec<LlamaTokenData>) -> Vec<LlamaTokenData> {
        let Some(grammar) = &mut self.grammar else { return candidates };
        let mut array = LlamaTokenDataArray::new(candidates, true);
        grammar.apply(&mut array);
        array.data.retain(|candidate| candidate.logit() > f32::NEG_INFINITY);
        array.data
    }

    fn accept(&mut self, token: LlamaToken) -> Option<LlamaToken> {
        match &mut self.grammar {
            Some(grammar) if token != self.tokens.end => grammar.try_accept(token).ok().map(|()| token),
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

/// The `count` likeliest tokens (or some more) that are not banned, likeliest first.
fn top(logits: &[f32], count: usize, banned: &[LlamaToken]) -> Vec<LlamaTokenData> {
    let mut best = likeliest(logits, (count + banned.len()).min(logits.len()));
    best.retain(|(_, id)| !banned.contains(&LlamaToken(*id)));
    best.sort_unstable_by(by_likelihood);
    best.into_iter().map(|(logit, id)| LlamaTokenData::new(LlamaToken(id), logit, 0.0)).collect()
}

/// A logit and its token.
type Candidate = (f32, i32);

fn by_likelihood(a: &Candidate, b: &Candidate) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
}

/// The `count` greatest logits, in no order.
fn likeliest(logits: &[f32], count: usize) -> Vec<Candidate> {
    let mut best = Vec::with_capacity(2 * count);
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
    best
}

/// Cuts `best` down to its `count` greatest; the least of them comes last.
fn keep_best(best: &mut Vec<Candidate>, count: usize) {
    if best.len() > count && count > 0 {
        best.select_nth_unstable_by(count - 1, by_likelihood);
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

    fn ids(logits: &[f32], count: usize, banned: &[i32]) -> Vec<i32> {
        let best = top(logits, count, &tokens(banned.iter().copied()));
        best.iter().take(count).map(|candidate| candidate.id().0).collect()
    }

    #[test]
    fn the_likeliest_come_first() {
        let logits = [0.5, 3.0, f32::NAN, -1.0, 2.0, 3.0];
        assert_eq!(ids(&logits, 1, &[]), [1]);
        assert_eq!(ids(&logits, 3, &[]), [1, 5, 4]);
        assert_eq!(ids(&logits, 99, &[]), [1, 5, 4, 0, 3]);
        assert!(ids(&[f32::NAN; 8], 3, &[]).is_empty());
        let long: Vec<f32> =
            (0..10_000u32).map(|at| (at.wrapping_mul(2_654_435_761) % 10_007) as f32).collect();
        let mut sorted: Vec<i32> = (0..10_000).collect();
        sorted.sort_by(|a, b| long[*b as usize].total_cmp(&long[*a as usize]).then(a.cmp(b)));
        assert_eq!(ids(&long, 40, &[]), sorted[..40]);
    }

    #[test]
    fn the_banned_are_left_out() {
        let logits = [0.5, 3.0, f32::NAN, -1.0, 2.0, 3.0];
        assert_eq!(ids(&logits, 2, &[1]), [5, 4]);
        assert_eq!(ids(&logits, 1, &[1, 5, 4]), [0]);
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

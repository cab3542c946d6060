//! The tokens that calls cost. Counts come from servers, so sums saturate and counts that cannot be are not believed.

use serde::{Deserialize, Serialize};

/// The most tokens of a prompt beside one for each byte that was sent: a vendor's own instructions, the words of a
/// template, pictures that the server fetches. No tokenizer makes more than one token of a byte.
const UNSENT_TOKENS: u64 = 100_000;
/// The most tokens of a reply, thoughts included: no model writes as many in one turn.
const MOST_WRITTEN: u64 = 10_000_000;

/// Tokens that calls cost, in the field names of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that the model wrote.
    pub completion_tokens: u64,
    /// Tokens that the model was given.
    pub prompt_tokens: u64,
    /// Prompt and completion tokens together.
    pub total_tokens: u64,
    /// Prompt tokens that the server reports as served from its cache.
    pub cached_prompt_tokens: u64,
    /// Prompt tokens that earlier calls had already sent, as far as the server tells: the cached ones.
    pub seen_prompt_tokens: u64,
    /// Prompt tokens without the seen ones.
    pub new_prompt_tokens: u64,
}

impl Usage {
    /// The usage of one call whose prompt, completion and cached prompt tokens the server reports.
    pub fn of_call(prompt: u64, completion: u64, cached: u64) -> Self {
        let cached = cached.min(prompt);
        Self {
            completion_tokens: completion,
            prompt_tokens: prompt,
            total_tokens: prompt.saturating_add(completion),
            cached_prompt_tokens: cached,
            seen_prompt_tokens: cached,
            new_prompt_tokens: prompt - cached,
        }
    }

    /// The usage of a call that sent a body of `bytes`, with the tokens that are `estimated` for its prompt and its
    /// reply in place of each count that cannot be. `None` if all counts can be.
    pub(crate) fn corrected(self, bytes: usize, estimated: impl FnOnce() -> (u64, u64)) -> Option<Self> {
        let most_given = UNSENT_TOKENS.saturating_add(bytes as u64);
        let (given, written) = (self.prompt_tokens <= most_given, self.completion_tokens <= MOST_WRITTEN);
        (!given || !written).then(|| {
            let estimated = estimated();
            Self::of_call(
                if given { self.prompt_tokens } else { estimated.0 },
                if written { self.completion_tokens } else { estimated.1 },
                if given { self.cached_prompt_tokens } else { 0 },
            )
        })
    }
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        let add = |sum: &mut u64, tokens: u64| *sum = sum.saturating_add(tokens);
        add(&mut self.completion_tokens, other.completion_tokens);
        add(&mut self.prompt_tokens, other.prompt_tokens);
        add(&mut self.total_tokens, other.total_tokens);
        add(&mut self.cached_prompt_tokens, other.cached_prompt_tokens);
        add(&mut self.seen_prompt_tokens, other.seen_prompt_tokens);
        add(&mut self.new_prompt_tokens, other.new_prompt_tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate() {
        let huge = Usage::of_call(u64::MAX, u64::MAX, u64::MAX);
        let mut sum = huge;
        sum += huge;
        assert_eq!((sum, huge.total_tokens), (huge, u64::MAX));
    }

    #[test]
    fn counts_that_cannot_be_are_replaced_by_estimates() {
        let corrected = |prompt, completion, cached| {
            Usage::of_call(prompt, completion, cached).corrected(1000, || (250, 9))
        };
        assert_eq!(corrected(101_000, 10_000_000, 400), None);
        assert_eq!(corrected(101_001, 7, 400), Some(Usage::of_call(250, 7, 0)));
        assert_eq!(corrected(300, 10_000_001, 200), Some(Usage::of_call(300, 9, 200)));
        assert_eq!(corrected(u64::MAX, 1_000_000_000_000_000, 0), Some(Usage::of_call(250, 9, 0)));
    }
}

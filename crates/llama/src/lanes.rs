//! The choice of a lane for a prompt, and of the cached tokens that it can reuse. Pure: tokens in, a plan out.

use llama_cpp_2::token::LlamaToken;

/// Fewer tokens than this are evaluated again rather than waited for.
pub(super) const WORTH_WAITING: usize = 32;

/// A lane as the placement sees it.
pub(super) struct View<'a> {
    /// Tokens whose keys and values the lane holds.
    pub(super) cached: &'a [LlamaToken],
    /// The whole prompt while the lane is evaluating it, else empty.
    pub(super) coming: &'a [LlamaToken],
    /// Whether the lane can take a request.
    pub(super) free: bool,
    /// The time at which the lane last took a request; smaller is longer ago.
    pub(super) last_used: u64,
}

/// How a request starts in its lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The lane to take.
    pub(super) lane: usize,
    /// The lane that has the reusable prefix now: the lane to take or another one.
    pub(super) source: usize,
    /// The length of the reusable prefix in tokens.
    pub(super) reused: usize,
    /// A lane to wait for, which is evaluating a longer common prefix, and the length of that prefix.
    pub(super) wait: Option<(usize, usize)>,
}

/// The number of tokens that both start with.
pub(super) fn common(a: &[LlamaToken], b: &[LlamaToken]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// The best placement of `prompt`, or `None` while every lane is busy. `sharing` is false for models whose state cannot
/// be cut or copied by position: such a model can reuse only all the tokens of a lane.
pub(super) fn place(prompt: &[LlamaToken], lanes: &[View<'_>], sharing: bool) -> Option<Placement> {
    // The last token is always evaluated: its logits are the first of the reply.
    let limit = prompt.len().saturating_sub(1);
    let reusable = |view: &View<'_>| {
        let length = common(prompt, view.cached).min(limit);
        if sharing || length == view.cached.len() { length } else { 0 }
    };
    let free = || lanes.iter().enumerate().filter(|(_, view)| view.free);
    let oldest = free().min_by_key(|(_, view)| view.last_used)?.0;
    let (own, own_reuse) = free().map(|(at, view)| (at, reusable(view))).max_by_key(|(_, reuse)| *reuse)?;
    if !sharing {
        let lane = if own_reuse > 0 { own } else { oldest };
        return Some(Placement { lane, source: lane, reused: own_reuse, wait: None });
    }
    let (source, reused) = lanes.iter().map(reusable).enumerate().max_by_key(|(_, reuse)| *reuse)?;
    // Taking the lane that has the prefix evicts no other tokens.
    let (lane, source) = if own_reuse == reused && reused > 0 { (own, own) } else { (oldest, source) };
    let wait = lanes
        .iter()
        .map(|view| common(prompt, view.coming).min(limit))
        .enumerate()
        .max_by_key(|(_, length)| *length)
        .filter(|(_, length)| *length >= reused + WORTH_WAITING);
    Some(Placement { lane, source, reused, wait })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<LlamaToken> {
        text.bytes().map(|byte| LlamaToken(i32::from(byte))).collect()
    }

    struct Lane(Vec<LlamaToken>, Vec<LlamaToken>, bool);

    fn placed(prompt: &str, lanes: &[Lane], sharing: bool) -> Option<Placement> {
        let views: Vec<View<'_>> = lanes
            .iter()
            .zip(1..)
            .map(|(lane, last_used)| View { cached: &lane.0, coming: &lane.1, free: lane.2, last_used })
            .collect();
        place(&tokens(prompt), &views, sharing)
    }

    fn idle(cached: &str) -> Lane {
        Lane(tokens(cached), Vec::new(), true)
    }

    fn busy(cached: &str, coming: &str) -> Lane {
        Lane(tokens(cached), tokens(coming), false)
    }

    #[test]
    fn a_free_lane_with_the_prefix_is_taken() {
        let start = placed("abcx", &[idle("q"), idle("abcd"), idle("ab")], true).unwrap();
        assert_eq!(start, Placement { lane: 1, source: 1, reused: 3, wait: None });
    }

    #[test]
    fn the_prefix_of_a_busy_lane_is_copied_into_the_oldest_free_one() {
        let start = placed("abcx", &[busy("abcd", ""), idle("q"), idle("a")], true).unwrap();
        assert_eq!(start, Placement { lane: 1, source: 0, reused: 3, wait: None });
    }

    #[test]
    fn the_last_token_is_never_reused() {
        assert_eq!(placed("abc", &[idle("abc")], true).unwrap().reused, 2);
        assert_eq!(placed("a", &[idle("a")], true).unwrap().reused, 0);
    }

    #[test]
    fn a_prefix_that_is_being_evaluated_is_waited_for_if_long() {
        let document = "d".repeat(100);
        let start =
            placed(&format!("{document}x"), &[busy("dd", &format!("{document}y")), idle("")], true).unwrap();
        assert_eq!(start, Placement { lane: 1, source: 0, reused: 2, wait: Some((0, 100)) });
        let start = placed("ddddx", &[busy("", "ddddy"), idle("")], true).unwrap();
        assert_eq!(start.wait, None);
    }

    #[test]
    fn without_sharing_only_a_whole_cache_is_continued() {
        let start = placed("abcx", &[idle("abcd"), idle("")], false).unwrap();
        assert_eq!((start.reused, start.wait), (0, None));
        let start = placed("abcx", &[idle("q"), idle("abc"), busy("abcx", "abcx")], false).unwrap();
        assert_eq!(start, Placement { lane: 1, source: 1, reused: 3, wait: None });
    }

    #[test]
    fn nothing_is_placed_while_all_are_busy() {
        assert_eq!(placed("abc", &[busy("abc", "")], true), None);
    }
}

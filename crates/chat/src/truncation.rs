//! Whether a server has cut a text without saying so, by its own count of tokens.
//!
//! What counts is the fewest tokens that any tokenizer makes of the text.

use minions_documents::tokens::bounds;

/// The shortest count of a prompt that was cut to a window, or to half of it. A lower count counts something else, such
/// as the tokens that were not cached.
const SHORTEST_PROMPT: u64 = 1024;
/// The shortest count of texts to embed that were cut.
pub(crate) const SHORTEST_EMBEDDED: u64 = 128;

/// The fewest tokens that `texts` can have.
pub(crate) fn least<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    texts.map(|text| bounds(text).least).sum()
}

/// How a prompt of at least `least` tokens was cut, if it was, given the number of tokens that the server has `counted`. If the
/// server's `window` is not known, it may be any that is shorter than the prompt.
pub(crate) fn prompt(least: u64, counted: u64, window: Option<u32>) -> Option<String> {
    let Some(window) = window else { return text(least, counted, SHORTEST_PROMPT) };
    let window = u64::from(window);
    let cut_to = |length: u64| counted.abs_diff(length) <= 16;
    let cut = least > window || least > counted && (cut_to(window) || cut_to(window / 2));
    cut.then(|| {
        format!(
            "the prompt has over {least} tokens, but the server has read {counted} of them (num_ctx {window})"
        )
    })
}

/// How a text of at least `least` tokens was cut, if it was, where no window is known. Counts below `shortest` prove nothing.
pub(crate) fn text(least: u64, counted: u64, shortest: u64) -> Option<String> {
    (counted >= shortest && least > counted)
        .then(|| format!("it has over {least} tokens, but the server has read {counted} of them"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_cut_is_seen_and_nothing_else_taken_for_one() {
        for (window, least, counted, expected, case) in [
            (Some(4096), 3800, 2050, true, "cut to half of the window"),
            (Some(4096), 4200, 4096, true, "cut to the window"),
            (Some(4096), 5000, 300, true, "more than the window has"),
            (Some(4096), 3000, 3900, false, "it fits"),
            (Some(4096), 3000, 0, false, "no count: all of it was cached"),
            (Some(8192), 3000, 700, false, "an old version counts only what was not cached"),
            (Some(8192), 5, 30, false, "short"),
            (None, 60_000, 4096, true, "cut to a window that is not known"),
            (None, 1800, 1026, true, "cut to half of the shortest one"),
            (None, 5000, 3100, true, "cut to what a reply leaves of a window"),
            (None, 3000, 3900, false, "it fits a window that is not known"),
            (None, 60_000, 0, false, "no count"),
            (None, 60_000, 10, false, "a count of something else"),
        ] {
            assert_eq!(prompt(least, counted, window).is_some(), expected, "{case}");
        }
    }

    #[test]
    fn what_may_be_one_token_with_its_neighbours_is_no_word() {
        assert_eq!(least(["=".repeat(50_000).as_str(), "a - b\n| c |"].into_iter()), 3);
        assert_eq!(least(["船长在五月三日签署了文件。"].into_iter()), 4);
    }
}

//! The pieces of a reply's final text, while its raw text still grows.
//!
//! In: the raw text so far, again and again, then the final text. Out: pieces whose concatenation is the final text.
//! The final text has no thoughts and is trimmed, so white space is held back until more text follows it, and
//! everything is held back while a thought is open. Pure.

use super::thinking::Thoughts;

/// Tells how much of the final text was handed out.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    thoughts: Thoughts,
    /// The position in the raw text at which the final text begins, once that is certain, and the one up to which it
    /// was handed out.
    streamed: Option<(usize, usize)>,
    /// How far the raw text was searched for more than white space.
    seen: usize,
}

/// The rest that is to be handed out once the final text is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Rest<'a> {
    /// The final text continues what was handed out with this, which may be empty.
    Continues(&'a str),
    /// This is the final text; the pieces that were handed out turned out to be a thinking part.
    Replaces(&'a str),
}

impl Deltas {
    /// The next piece, given the whole raw text so far; may be empty.
    pub(crate) fn next<'a>(&mut self, raw: &'a str) -> &'a str {
        let Some((begin, certain)) = self.thoughts.answer(raw, false) else { return "" };
        let (first, sent) = self.streamed.unwrap_or((begin, begin));
        let from = self.seen.max(sent).max(begin);
        // A second answer that follows the first one replaces it at the end.
        let is_another = self.streamed.is_some() && begin > first && begin >= sent;
        if is_another || from >= certain {
            return "";
        }
        let text = raw[from..certain].trim_end();
        self.seen = certain;
        if text.is_empty() {
            return "";
        }
        let end = from + text.len();
        let (first, sent) = self.streamed.unwrap_or_else(|| {
            let begin = end - text.trim_start().len();
            (begin, begin)
        });
        self.streamed = Some((first, end));
        &raw[sent..end]
    }

    /// The rest, given the whole raw text and the final text.
    pub(crate) fn rest<'a>(&self, raw: &str, text: &'a str) -> Rest<'a> {
        let streamed = self.streamed.map_or("", |(begin, end)| &raw[begin..end]);
        text.strip_prefix(streamed).map_or(Rest::Replaces(text), Rest::Continues)
    }
}

#[cfg(test)]
mod tests {
    use super::super::thinking::without_thoughts;
    use super::*;

    /// Numbers for tests that are the same on every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 % limit as u64) as usize
        }
    }

    /// The text that an observer has at the end of a reply that comes in pieces cut at the given ends.
    fn streamed(raw: &str, ends: &[usize]) -> (String, bool) {
        let mut deltas = Deltas::default();
        let mut seen = String::new();
        for end in ends {
            seen += deltas.next(&raw[..*end]);
        }
        match deltas.rest(raw, without_thoughts(raw)) {
            Rest::Continues(rest) => (seen + rest, false),
            Rest::Replaces(text) => (text.to_owned(), true),
        }
    }

    #[test]
    fn the_pieces_are_the_final_text() {
        let parts = [
            "<think>",
            "</think>",
            "</think>\n",
            "[THINK]",
            "[/THINK]\n",
            "<|channel|>analysis<|message|>",
            "<|channel|>final<|message|>",
            "<|end|>",
            "<|start|>assistant",
            "<answer>",
            "</answer>",
            "analysis",
            "assistantfinal",
            "Here is my thought process:",
            "Here is my response:",
            "is",
            "<thi",
            "nk>",
            "</th",
            "ink>",
            " ",
            "\n\n",
            "\u{3000}",
            "a",
            "Yes.",
            "ü€😀",
            "<",
            ">",
            "{\"a\": 1}",
        ];
        let mut random = Random(0x9E37_79B9_7F4A_7C15);
        for _ in 0..20_000 {
            let raw: String = (0..random.below(9)).map(|_| parts[random.below(parts.len())]).collect();
            let mut ends: Vec<usize> =
                raw.char_indices().map(|(at, _)| at).filter(|_| random.below(2) == 0).collect();
            ends.push(raw.len());
            let (seen, is_replaced) = streamed(&raw, &ends);
            assert_eq!(seen, without_thoughts(&raw), "{raw:?} cut at {ends:?}");
            // Only what has come can tell that it was a thought, or that it was not the last answer.
            let late = ["</think>", "[/THINK]", "<|channel|>", "assistantfinal"];
            let comes_late = late.iter().any(|mark| raw.contains(mark));
            assert!(!is_replaced || comes_late, "{raw:?} cut at {ends:?} was streamed twice");
        }
    }

    #[test]
    fn text_comes_as_soon_as_it_is_certain() {
        let mut deltas = Deltas::default();
        let raw = " <think>hm</think>\n\nYes, \n no. \n";
        let pieces = [1, 4, 12, 18, 23, 26, 29, 32].map(|end| deltas.next(&raw[..end]));
        assert_eq!(pieces, ["", "", "", "", "Yes", ",", " \n no", "."]);
        assert_eq!(deltas.rest(raw, without_thoughts(raw)), Rest::Continues(""));
    }

    #[test]
    fn a_thinking_part_without_its_beginning_is_replaced() {
        let raw = "hm, so\n</think>\n\nYes.";
        assert_eq!(streamed(raw, &[6, raw.len()]), ("Yes.".to_owned(), true));
    }
}

//! The pieces of a reply's final text, while its raw text still grows.
//!
//! In: the raw text so far, again and again, then the final text. Out: pieces whose concatenation is the final text.
//! The final text has no thinking part and is trimmed, so white space is held back until more text follows it, and
//! everything is held back while a leading `<think>` is open. Pure.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Tells how much of the final text was handed out.
#[derive(Debug, Default)]
pub(crate) struct Deltas {
    /// Bytes of the raw text that were looked through for the end of the thinking part.
    searched: usize,
    /// The position in the raw text at which the final text begins, once that is certain, and the one up to which it
    /// was handed out.
    streamed: Option<(usize, usize)>,
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
        let Some((begin, sent)) = self.streamed.or_else(|| self.begin(raw).map(|begin| (begin, begin)))
        else {
            return "";
        };
        let end = raw.trim_end().len().max(sent);
        self.streamed = Some((begin, end));
        &raw[sent..end]
    }

    /// The rest, given the whole raw text and the final text.
    pub(crate) fn rest<'a>(&self, raw: &str, text: &'a str) -> Rest<'a> {
        let streamed = self.streamed.map_or("", |(begin, end)| &raw[begin..end]);
        text.strip_prefix(streamed).map_or(Rest::Replaces(text), Rest::Continues)
    }

    /// The position at which the final text begins, if that is certain.
    fn begin(&mut self, raw: &str) -> Option<usize> {
        let leading = raw.trim_start();
        if OPEN.starts_with(leading) {
            // Nothing yet, or perhaps the beginning of the tag.
            return None;
        }
        let mut begin = raw.len() - leading.len();
        if leading.starts_with(OPEN) {
            // The tag may have come in two pieces.
            let from = raw.floor_char_boundary(self.searched.saturating_sub(CLOSE.len()));
            self.searched = raw.len();
            begin = from + raw[from..].find(CLOSE)? + CLOSE.len();
            // The search is over: the next one starts at the tag that was found.
            self.searched = begin;
        }
        let answer = raw[begin..].trim_start();
        (!answer.is_empty()).then(|| raw.len() - answer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::without_thinking;
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
        match deltas.rest(raw, without_thinking(raw)) {
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
            assert_eq!(seen, without_thinking(&raw), "{raw:?} cut at {ends:?}");
            let only_closes = raw.contains("</think>\n") && !raw.trim_start().starts_with(OPEN);
            assert!(!is_replaced || only_closes, "{raw:?} cut at {ends:?} was streamed twice");
        }
    }

    #[test]
    fn text_comes_as_soon_as_it_is_certain() {
        let mut deltas = Deltas::default();
        let raw = " <think>hm</think>\n\nYes, \n no. \n";
        let pieces: Vec<&str> = [1, 4, 12, 18, 23, 26, 29, 32].map(|end| deltas.next(&raw[..end])).to_vec();
        assert_eq!(pieces, ["", "", "", "", "Yes", ",", " \n no", "."]);
        assert_eq!(deltas.rest(raw, without_thinking(raw)), Rest::Continues(""));
    }

    #[test]
    fn a_thinking_part_without_its_beginning_is_replaced() {
        let raw = "hm, so\n</think>\n\nYes.";
        assert_eq!(streamed(raw, &[6, raw.len()]), ("Yes.".to_owned(), true));
    }
}

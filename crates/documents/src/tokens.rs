//! Counts the tokens of texts.
//!
//! Every model has a tokenizer of its own. Where the number is shown, long texts are counted with the tokenizer of
//! OpenAI's newer models. Short texts, and prompts before they are sent, are estimated, which costs nothing.

use tiktoken::CoreBpe;

/// Texts of fewer bytes are estimated, because the tables of the tokenizer take 0.1 s and 30 MB to load.
pub const COUNTED_FROM: usize = 128 << 10;
/// The bytes that are counted of longer texts, in evenly spread pieces.
const SAMPLE: usize = 1 << 20;
/// Bytes of a piece. The time to count one endless word grows faster than its length.
const PIECE: usize = 16 << 10;

/// A number of tokens and the method of counting.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// Tokens.
    pub tokens: u64,
    /// The method, in words that follow "tokens by".
    pub method: String,
}

/// Estimates the tokens of `text`: characters / 4; a CJK character counts as 3/4 of a token.
pub fn estimate(text: &str) -> u64 {
    // Apart from rounding, a text has as many tokens as its parts together.
    quarters(text).div_ceil(4)
}

/// Counts or estimates the tokens of all `texts` together.
pub fn count<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Count {
    let bytes: usize = texts.clone().map(str::len).sum();
    let tokenizer = (bytes >= COUNTED_FROM).then(|| tiktoken::get_encoding("o200k_base")).flatten();
    match tokenizer {
        Some(tokenizer) => sampled(tokenizer, texts, bytes),
        None => Count {
            tokens: texts.map(quarters).sum::<u64>().div_ceil(4),
            method: "characters / 4 (Chinese, Japanese and Korean ones 3 / 4)".to_owned(),
        },
    }
}

/// Counts every piece, or, for long texts, one piece in so many, and extrapolates.
fn sampled<'a>(tokenizer: &CoreBpe, texts: impl Iterator<Item = &'a str>, bytes: usize) -> Count {
    let every = bytes.div_ceil(SAMPLE);
    let (mut counted, mut tokens) = (0, 0);
    for piece in texts.flat_map(pieces).step_by(every) {
        counted += piece.len() as u64;
        tokens += tokenizer.count(piece) as u64;
    }
    let tokenizer = "the tokenizer o200k_base";
    Count {
        tokens: (u128::from(tokens) * bytes as u128 / u128::from(counted.max(1))) as u64,
        method: match every {
            1 => tokenizer.to_owned(),
            _ => format!("{tokenizer}, of one piece in {every}"),
        },
    }
}

/// Cuts a text into pieces, never inside a character.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The estimate in quarters of a token.
fn quarters(text: &str) -> u64 {
    text.chars().map(|char| if is_word(char) { 3 } else { 1 }).sum()
}

/// Whether this is a Chinese or Japanese character, a Korean syllable, or a symbol of the higher planes.
fn is_word(char: char) -> bool {
    matches!(char, '\u{2e80}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{1f000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: &str = "Nobody remembered when the lighthouse had been switched off. ";

    #[test]
    fn short_texts_are_estimated() {
        let parts = ["Wer?", "é é é "];
        assert_eq!(count(parts.into_iter()).tokens, 3);
        assert_eq!((estimate(""), estimate("abcde"), estimate("船长签署了")), (0, 2, 4));
    }

    #[test]
    fn long_texts_are_counted() {
        // A sentence with its space has 10 tokens; the crate bpe-openai gives the same number.
        let text = PROSE.repeat(4000);
        let Count { tokens, method } = count([text.as_str()].into_iter());
        assert!(tokens.abs_diff(4000 * 10) < 40, "{tokens}");
        assert_eq!(method, "the tokenizer o200k_base");
    }

    #[test]
    fn very_long_texts_are_sampled_from_end_to_end() {
        let texts = [PROSE.repeat(40_000), "船长在五月三日签署了文件。".repeat(100_000)];
        let texts = || texts.iter().map(String::as_str);
        let whole: u64 = texts()
            .flat_map(|text| {
                pieces(text).map(|piece| tiktoken::get_encoding("o200k_base").unwrap().count(piece))
            })
            .sum::<usize>() as u64;
        let Count { tokens, method } = count(texts());
        assert!(tokens.abs_diff(whole) * 50 < whole, "{tokens} {whole}");
        assert_eq!(method, "the tokenizer o200k_base, of one piece in 7");
    }

    #[test]
    fn pieces_are_the_text() {
        let text = "aé船🎉".repeat(10_000);
        assert_eq!(pieces(&text).collect::<String>(), text);
    }
}

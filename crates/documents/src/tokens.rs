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

/// Letters of the longest word that is taken to be one token.
const LONGEST_WORD: u64 = 20;
/// Chinese or Japanese characters of a token, at the most that tokenizers reach on average.
const HAN_OF_TOKEN: u64 = 3;

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

/// Between how many tokens a text has, whatever the tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// No tokenizer of a language model makes fewer: hardly any token has two words in it.
    pub least: u64,
    /// No tokenizer of a language model makes more of a text that people or programs write, as its vocabulary has the
    /// parts of common words. One of bytes alone would make more.
    pub most: u64,
}

/// The bounds of the tokens of `text`. Takes a few milliseconds for a megabyte.
pub fn bounds(text: &str) -> Bounds {
    let mut bounds = Bounds::default();
    // Letters in a row, of any alphabet: a token may have all of them. `han`: Chinese or Japanese characters among them.
    let (mut word, mut han) = (0, 0);
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let kind = Kind::of(first);
        let mut run =
            Run { kind, chars: 1, bytes: first.len_utf8() as u64, vowels: vowel(first), last: first };
        while let Some(&next) = chars.peek() {
            if !run.goes_on_with(next) {
                break;
            }
            run = Run {
                chars: run.chars + 1,
                bytes: run.bytes + next.len_utf8() as u64,
                vowels: run.vowels + vowel(next),
                last: next,
                ..run
            };
            chars.next();
        }
        bounds.most += run.most(chars.peek().is_some_and(|&next| Kind::of(next) == Kind::Letter));
        match kind {
            Kind::Letter | Kind::Script => word += run.chars,
            Kind::Han => han += run.chars,
            Kind::Accent => {}
            Kind::Digit | Kind::Space | Kind::Mark => {
                let digits = if kind == Kind::Digit { run.chars } else { 0 };
                bounds.least += pieces_of(word) + han.div_ceil(HAN_OF_TOKEN) + pieces_of(digits);
                (word, han) = (0, 0);
            }
        }
    }
    bounds.least += pieces_of(word) + han.div_ceil(HAN_OF_TOKEN);
    bounds
}

/// The fewest tokens of so many letters or digits in a row.
fn pieces_of(chars: u64) -> u64 {
    chars.div_ceil(LONGEST_WORD)
}

/// What tokenizers treat alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A letter of ASCII.
    Letter,
    Digit,
    Space,
    /// A letter of another alphabet, or a character of a script.
    Script,
    /// A Chinese or Japanese character.
    Han,
    /// What is written onto a letter: accents, vowel signs, tones, joiners.
    Accent,
    Mark,
}

impl Kind {
    fn of(char: char) -> Self {
        match char {
            'a'..='z' | 'A'..='Z' => Self::Letter,
            '0'..='9' => Self::Digit,
            ' ' => Self::Space,
            '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' => Self::Accent,
            '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}' => Self::Han,
            _ if char.is_alphanumeric() => Self::Script,
            // Arabic and Hebrew points, signs of the scripts from Devanagari to Myanmar, and of Khmer.
            '\u{591}'..='\u{5c7}'
            | '\u{610}'..='\u{670}'
            | '\u{900}'..='\u{109f}'
            | '\u{1780}'..='\u{17ff}' => Self::Accent,
            _ => Self::Mark,
        }
    }
}

/// Characters of one kind in a row.
struct Run {
    kind: Kind,
    chars: u64,
    bytes: u64,
    vowels: u64,
    last: char,
}

/// 1 for a vowel of ASCII, else 0.
fn vowel(char: char) -> u64 {
    u64::from(matches!(char.to_ascii_lowercase(), 'a' | 'e' | 'i' | 'o' | 'u' | 'y'))
}

impl Run {
    fn goes_on_with(&self, next: char) -> bool {
        // A word begins with its capital.
        let is_new_word = self.last.is_ascii_lowercase() && next.is_ascii_uppercase();
        Kind::of(next) == self.kind && !is_new_word
    }

    /// The most tokens that it has. `is_before_word`: whether a word of ASCII follows, whose token takes a space in.
    fn most(&self, is_before_word: bool) -> u64 {
        let Self { kind, chars, bytes, vowels, last } = *self;
        match kind {
            // What is longer, or has hardly a vowel, is no word: base64, keys, genes.
            Kind::Letter if chars > LONGEST_WORD || vowels * 4 < chars => chars,
            Kind::Letter if last.is_ascii_uppercase() => chars.div_ceil(2),
            Kind::Letter => chars.div_ceil(3),
            Kind::Digit => chars,
            Kind::Space => chars - u64::from(is_before_word),
            // In the worst case each byte of a character is a token.
            Kind::Script if bytes <= 2 * chars => chars,
            Kind::Script | Kind::Han | Kind::Accent | Kind::Mark => bytes,
        }
    }
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

/// Whether `word` is one of the `most` commonest of the tokenizer's vocabulary, which has whole words of all languages. The
/// first call takes 0.1 s.
pub(crate) fn is_common_word(word: &str, most: u32) -> bool {
    let tokenizer = tiktoken::get_encoding("o200k_base");
    let tokens = tokenizer.map(|tokenizer| tokenizer.encode(&format!(" {word}")));
    matches!(tokens.as_deref(), Some([token]) if *token < most)
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
    fn real_tokenizers_are_within_the_bounds() {
        let texts = [
            PROSE.repeat(20),
            "By 31.12.2023 the margin (EBIT/sales) was 14.1% vs. 12.3%; \"see note 7\".\n".repeat(20),
            "| 12,345 | 6.7 | n/a |\n|---|---|---|\n".repeat(30),
            "fn next_return(&self) -> Option<Instant> {\n        self.servers.iter().min()\n    }\n"
                .repeat(20),
            "aGVsbG8gd29ybGQhIQ==Zm9vYmFyYmF6cXV4".repeat(30),
            "ACGTTGCAACGTGGCCTTAACGATCGATTACGCGTA".repeat(30),
            "Die Geschäftsführung übergab größere Vermögensübersichten.\n".repeat(20),
            "Капитан подписал документ третьего мая. ".repeat(20),
            "船长在五月三日签署了文件。".repeat(40),
            "กัปตันลงนามในเอกสารเมื่อวันที่สามพฤษภาคม".repeat(20),
            "कप्तान ने तीन मई को दस्तावेज़ पर हस्ताक्षर किए। ".repeat(20),
            "선장은 5월 3일에 문서에 서명했다. ".repeat(20),
            "船長は五月三日に書類へ署名しました。コンピューターの電源も切りました。".repeat(20),
            "وَقَّعَ القُبْطانُ الوثيقةَ في الثالث من مايو. ".repeat(20),
            "e\u{301}te\u{301} a\u{300} la plage, de\u{301}ja\u{300} vu. ".repeat(20),
            "Kapteeni allekirjoitti asiakirjan toukokuun kolmantena päivänä satamakonttorissa. ".repeat(20),
            "A kapitány aláírta az okmányt, a legénység megünnepelte. ".repeat(20),
            "Thuyền trưởng đã ký tài liệu vào ngày ba tháng năm. ".repeat(20),
            "Arwyddodd y capten y ddogfen ar y trydydd o Fai yn swyddfa'r porthladd. ".repeat(20),
            "Ukapteni wasayina umbhalo ngomhla wesithathu kuNhlaba emachwebeni. ".repeat(20),
            "Kaptan belgeyi mayıs ayının üçünde liman müdürlüğünde imzaladı. ".repeat(20),
            "550e8400-e29b-41d4-a716-446655440000\n".repeat(30),
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 ".repeat(20),
            "qzxkv wjhbt pfgxq nrtlk XKQJW bvxzq\n".repeat(30),
            "🎉🦜 ok 👍🏽".repeat(40),
            " ".repeat(4000),
            "=".repeat(4000),
            "Total          1\n".repeat(100),
        ];
        for text in &texts {
            let Bounds { least, most } = bounds(text);
            for name in ["o200k_base", "cl100k_base", "p50k_base", "r50k_base"] {
                let Some(tokenizer) = tiktoken::get_encoding(name) else { continue };
                let count = tokenizer.count(text) as u64;
                let begin: String = text.chars().take(40).collect();
                assert!((least..=most).contains(&count), "{name}: {least} {count} {most}: {begin}");
            }
        }
        assert_eq!(bounds(""), Bounds::default());
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

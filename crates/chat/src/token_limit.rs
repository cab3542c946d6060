//! Refusals of a reply's token limit: how large the limit may be.
//!
//! Servers refuse a limit that, with the prompt, is larger than the context window, and a limit that the model never
//! allows. Their words differ, their numbers do not: window, prompt, limit, and sometimes the sum of the last two.

use super::{ChatError, ChatErrorKind as Kind, ChatSettings};

/// How often the token limit of one call is lowered.
const MOST_LIMITS: u32 = 3;
/// Words by which servers speak of the limit of a reply.
const SIGNS: &[&str] = &[
    "max_tokens",
    "max_completion_tokens",
    "max_new_tokens",
    "max_output_tokens",
    "completion",
    "output tokens",
    "in the output",
];
/// Words by which they speak of the window.
const WINDOW_SIGNS: &[&str] = &["context", "input", "prompt", "messages", "max_model_len"];

/// A lower token limit.
pub(crate) struct Lowered {
    /// The limit, in tokens.
    pub limit: u32,
    /// Whether it is the model's, and so that of all calls; else it follows from the length of this call's prompt.
    pub is_the_models: bool,
    /// The refusal of the higher one.
    pub refusal: ChatError,
}

/// The token limit for the next try, number `tries`, after `error` has refused that of `settings`, or again the `first` one.
///
/// # Errors
/// `error`, if it refuses something else; with a hint at the limit, if it does not say how large the limit may be.
pub(crate) fn lower_limit(
    settings: &ChatSettings,
    first: Option<u32>,
    error: ChatError,
    tries: u32,
) -> Result<Lowered, ChatError> {
    let asked = settings.generation.max_tokens.unwrap_or_default();
    let is_refusal = matches!(error.kind, Kind::Rejected | Kind::ContextTooLong);
    // A gateway may repeat the numbers of a refusal that it remembers.
    let mut limits = [Some(asked), first].into_iter().flatten().filter(|limit| is_refusal && *limit > 0);
    let Some(room) = limits.find_map(|limit| room(&error.said, limit)) else { return Err(error) };
    match room {
        Room::Most(limit) if tries <= MOST_LIMITS => {
            Ok(Lowered { limit, is_the_models: true, refusal: error })
        }
        Room::Left(left) if tries <= MOST_LIMITS => {
            // Some servers count the prompt to its end only where the limit fits.
            let limit = if tries == 1 { left } else { left.min(asked / 2) }.max(1);
            Ok(Lowered { limit, is_the_models: false, refusal: error })
        }
        _ => {
            let hint = format!(
                "Lower kwargs.max_tokens (it is {asked}): prompt and reply share the context window."
            );
            Err(ChatError { kind: Kind::Rejected, ..error }.hint(hint))
        }
    }
}

/// What a refusal says about a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// The model allows this many tokens.
    Most(u32),
    /// The prompt leaves this many tokens of the window.
    Left(u32),
    /// It is too large, and how large it may be is not said.
    Unknown,
}

/// What `refusal` says about a limit of `asked` tokens; `None` if it is about something else, such as a prompt that is too
/// long by itself.
fn room(refusal: &str, asked: u32) -> Option<Room> {
    let text = refusal.to_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    let all = numbers(&text);
    let asked = u64::from(asked);
    let told = all.iter().filter(|&&number| number == asked).count();
    if told == 0 || !has(SIGNS) {
        return None;
    }
    let mut others: Vec<u64> = all.into_iter().filter(|&number| number != asked).collect();
    others.sort_unstable();
    others.dedup();
    if !has(WINDOW_SIGNS) {
        // Ranges begin at 0 or 1.
        let below: Vec<u64> = others.into_iter().filter(|&number| number > 1 && number < asked).collect();
        return match below[..] {
            [most] => Some(tokens(most, Room::Most)),
            _ => has(&["too large", "at most", "maximum", "exceed", "range"]).then_some(Room::Unknown),
        };
    }
    // A sum of prompt and limit says no more than its parts.
    let parts: Vec<u64> = others
        .iter()
        .copied()
        .filter(|number| !number.checked_sub(asked).is_some_and(|prompt| others.contains(&prompt)))
        .collect();
    let (prompt, window) = match parts[..] {
        [prompt] if told > 1 => (prompt, asked),
        [prompt, window] => (prompt, window),
        _ => return has(&["max_tokens", "max_completion_tokens", "max_new_tokens"]).then_some(Room::Unknown),
    };
    // With as long a prompt no limit helps.
    let left = window.checked_sub(prompt).filter(|left| *left > 0)?;
    (left < asked).then(|| tokens(left, Room::Left))
}

fn tokens(number: u64, room: fn(u32) -> Room) -> Room {
    u32::try_from(number).map_or(Room::Unknown, room)
}

/// The whole numbers of `text` that stand alone, not in a name such as `llama-3`.
fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | ',' | '-' | '_'));
    let words = words.map(|word| word.trim_matches(['.', ',']).replace(',', ""));
    words.filter_map(|word| word.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_lowered_to_what_the_refusal_leaves() {
        for (asked, refusal, expected) in [
            (
                8192,
                "'max_tokens' or 'max_completion_tokens' is too large: 8192. This model's maximum context length is 8192 tokens and your request has 312 input tokens (8192 > 8192 - 312). None",
                Some(7880),
            ),
            (
                4096,
                "This model's maximum context length is 4097 tokens. However, you requested 4237 tokens (141 in the messages, 4096 in the completion). Please reduce the length of the messages or completion.",
                Some(3956),
            ),
            (
                8192,
                "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 312 `inputs` tokens and 8192 `max_new_tokens`",
                Some(3784),
            ),
            (
                21333,
                "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000, decrease input length or `max_tokens` and try again",
                Some(11760),
            ),
            (
                8192,
                "Requested token count exceeds the model's maximum context length of 8192 tokens. You requested a total of 8504 tokens: 312 tokens from the input messages and 8192 tokens for the completion.",
                Some(7880),
            ),
            (
                65000,
                "This endpoint's maximum context length is 65,536 tokens. However, you requested about 66,000 tokens (1,000 of text input, 65,000 in the output).",
                Some(64536),
            ),
            (
                2045,
                "This model's maximum context length is 2048 tokens. However, your request has 8 input tokens plus 2045 'max_tokens'.",
                Some(2040),
            ),
            (
                100_000,
                "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you provided 100000.",
                Some(16384),
            ),
            (
                8192,
                "max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for claude-3-opus-20240229",
                Some(4096),
            ),
            (9000, "Invalid max_tokens value 9000, the valid range of max_tokens is [1, 8192]", Some(8192)),
        ] {
            let is_the_models = !refusal.to_lowercase().contains("input") && !refusal.contains("context");
            let expected = expected.map(if is_the_models { Room::Most } else { Room::Left });
            assert_eq!(room(refusal, asked), expected, "{refusal}");
        }
    }

    #[test]
    fn what_is_about_the_prompt_or_unclear_is_not_guessed_at() {
        for (asked, refusal, expected) in [
            (
                100,
                "This model's maximum context length is 4097 tokens. However, you requested 9000 tokens (8900 in the messages, 100 in the completion).",
                None,
            ),
            (100, "prompt is too long: 208656 tokens > 200000 maximum", None),
            (100, "request (7900 tokens) exceeds the available context size (4096 tokens)", None),
            (100, "temperature must be at most 100 for this output", None),
            (
                900,
                "max_tokens 900 is too large for the context: see the 3 limits 100, 200, 300",
                Some(Room::Unknown),
            ),
            (900, "max_tokens=900 is too large", Some(Room::Unknown)),
        ] {
            assert_eq!(room(refusal, asked), expected, "{refusal}");
        }
    }
}

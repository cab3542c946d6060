//! Refusals of a parameter: what a server does not take, and what is left of the request without it.
//!
//! Pure. In: the server's words. Out: the abilities that remain. This file does not know how often a request is sent.

use super::Format;
use super::dialect::{Abilities, Caching, JsonMode, ThinkingForm};

impl Abilities {
    /// The abilities that remain after a server refused a request with the text `refusal`, and the name of the
    /// parameter that is left out. `None` if the text does not clearly name a parameter that was sent and can be left
    /// out.
    pub fn without(self, refusal: &str, format: &Format) -> Option<(Self, &'static str)> {
        let text = refusal.to_lowercase();
        let names = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
        let refuses = |name: &str| text.contains(name) && is_refusal(&text);
        if let Some(less) = self.without_form(&text) {
            return Some(less);
        }
        if *format != Format::Text && self.json != JsonMode::Prompt && names(JSON_SIGNS) {
            return Some(match self.json {
                JsonMode::Schema => (Self { json: JsonMode::Object, ..self }, "the JSON schema"),
                _ => (Self { json: JsonMode::Prompt, ..self }, "response_format"),
            });
        }
        if self.stream_options && refuses("stream_options") {
            return Some((Self { stream_options: false, ..self }, "stream_options"));
        }
        if !self.max_completion_tokens && text.contains("max_completion_tokens") && refuses("max_tokens") {
            return Some((Self { max_completion_tokens: true, ..self }, "max_tokens"));
        }
        if self.temperature && refuses("temperature") {
            return Some((Self { temperature: false, ..self }, "temperature"));
        }
        if let Some(name) = self.penalty.filter(|name| refuses(name)) {
            return Some((Self { penalty: None, ..self }, name));
        }
        if self.thinking != ThinkingForm::Absent
            && (THINKING_SIGNS.iter().any(|name| refuses(name)) || text.contains("does not support thinking"))
        {
            // Ollama has levels for some models and a flag for others, Anthropic budgets and adaptive thinking.
            let has_other = names(&["think value", "thinking.type.adaptive", "adaptive thinking"]);
            return Some(match (has_other, self.thinking) {
                (true, ThinkingForm::Usual) => {
                    (Self { thinking: ThinkingForm::Other, ..self }, "this form of thinking")
                }
                _ => (Self { thinking: ThinkingForm::Absent, ..self }, "thinking"),
            });
        }
        if self.seed.is_some() && refuses("seed") {
            return Some((Self { seed: None, ..self }, "seed"));
        }
        if self.template_thinking && refuses("chat_template_kwargs") {
            return Some((Self { template_thinking: false, ..self }, "chat_template_kwargs"));
        }
        if self.progress && refuses("return_progress") {
            return Some((Self { progress: false, ..self }, "return_progress"));
        }
        if self.caching != Caching::Itself && ["prompt_cache_key", "cache_control"].into_iter().any(refuses) {
            return Some((Self { caching: Caching::Itself, ..self }, "the request to cache"));
        }
        None
    }

    /// The same for what concerns the form of the whole call: streaming, and instructions apart from the questions. A
    /// server may refuse these with any status, as the templates of models do.
    pub fn without_form(self, refusal: &str) -> Option<(Self, &'static str)> {
        let text = refusal.to_lowercase();
        let refuses = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
        if self.system && refuses_system(&text) {
            return Some((
                Self { system: false, ..self },
                "the role system: instructions are in the first question",
            ));
        }
        let of_options = text.replace("stream_options", "").replace("stream options", "");
        let mut words = of_options.split(|c: char| !c.is_alphanumeric());
        let names_stream = words.any(|word| matches!(word, "stream" | "streaming" | "streamed"));
        let is_refused = names_stream && (is_refusal(&text) || refuses(STREAM_REFUSALS));
        self.whole().filter(|_| is_refused)
    }

    /// The same for streaming, if the request was to be streamed.
    pub fn whole(self) -> Option<(Self, &'static str)> {
        let whole = Self { stream: false, stream_options: false, ..self };
        self.stream.then_some((whole, "streaming"))
    }
}

/// Whether `text` refuses the role of instructions, or wants the roles to alternate, which they do without it.
fn refuses_system(text: &str) -> bool {
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if has(&[
        "roles must alternate",
        "must alternate between",
        "only user and assistant",
        "only user, assistant",
    ]) {
        return true;
    }
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_role = |word: &&str| matches!(*word, "role" | "roles");
    let is_instruction = |word: &&str| {
        let word = word.strip_suffix('s').unwrap_or(word);
        matches!(word, "instruction" | "message" | "prompt" | "input")
    };
    let names_role = words.iter().any(is_role);
    let names_system = words.iter().enumerate().any(|(at, word)| {
        let near = at.saturating_sub(2)..words.len().min(at + 3);
        matches!(*word, "system" | "developer") && (names_role || words[near].iter().any(is_instruction))
    });
    if names_system {
        return has(REFUSALS)
            || has(ROLE_LISTS)
            || has(&["invalid", "not valid", "no system", "can't", "cannot"]);
    }
    // A list of the roles that are taken.
    names_role && has(&["user"]) && has(&["assistant", "model"]) && has(ROLE_LISTS)
}

/// Words before a list of roles that are taken.
const ROLE_LISTS: &[&str] = &[
    "should be",
    "must be",
    "expected",
    "allowed",
    "supported",
    "valid role",
    "valid values",
    "one of",
    "only",
];

/// Whether `text` refuses the parameter itself that it names, not a value of it out of a range.
fn is_refusal(text: &str) -> bool {
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    has(REFUSALS)
        || is_fixed(text)
        || has(INVALID) && !has(RANGES) && !has(&["must be", "should be", "positive"])
}

/// Whether `text` allows a single value, as "only 1 is allowed" and "must be 1" do; a range is another thing.
fn is_fixed(text: &str) -> bool {
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if has(RANGES) {
        return false;
    }
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '`' | '\'' | '"'))
        .filter(|word| !word.is_empty())
        .collect();
    let is_value = |word: &&str| {
        let word = word.trim_end_matches(['.', ',', ':', ';']);
        word.parse::<f64>().is_ok() || matches!(word, "default" | "false" | "true" | "none")
    };
    words.iter().enumerate().any(|(at, word)| {
        let (before, behind) = (&words[..at], &words[at + 1..]);
        match *word {
            "only" => {
                behind.iter().take(5).any(is_value)
                    || before.last().is_some_and(|word| matches!(*word, "may" | "can"))
            }
            "must" | "should" => {
                let rest = behind
                    .iter()
                    .position(|word| !matches!(*word, "be" | "set" | "to" | "equal" | "exactly"));
                rest.is_some_and(|at| is_value(&behind[at]))
            }
            _ => false,
        }
    })
}

/// Names by which servers speak of thinking.
const THINKING_SIGNS: &[&str] =
    &["reasoning_effort", "reasoning effort", "thinking", "think value", "budget_tokens", "output_config"];

/// Words by which servers refuse to stream.
const STREAM_REFUSALS: &[&str] =
    &["must be verified", "cannot stream", "can't stream", "non-streaming", "non streaming", "nonstreaming"];

/// Words of a range, out of which a value is.
const RANGES: &[&str] =
    &["between", "range", "less than", "greater than", "at least", "at most", "<=", ">=", "\u{2264}"];

/// Words by which servers call a parameter, or its value, wrong.
const INVALID: &[&str] = &["invalid parameter", "invalid argument", "invalid field", "not a valid parameter"];

/// Words by which servers refuse a parameter itself, not a wrong value of it.
const REFUSALS: &[&str] = &[
    "unsupported",
    "not support",
    "n't support",
    "not implemented",
    "not enabled",
    "disabled",
    "cannot be set",
    "cannot be used",
    "cannot be specified",
    "cannot both",
    "can't be set",
    "must be unset",
    "must be omitted",
    "cannot find field",
    "unavailable",
    "not available",
    "not allowed",
    "not permitted",
    "unknown",
    "unrecognized",
    "unexpected",
    "extra input",
    "deprecated",
    "not recognized",
    "does not accept",
    "not accepted",
    "no longer",
    "forbidden",
];

/// Words by which servers speak of a JSON mode.
const JSON_SIGNS: &[&str] = &[
    "response_format",
    "response format",
    "json_schema",
    "json schema",
    "json_object",
    "json mode",
    "guided decoding",
    "guided_json",
    "structured output",
    "grammar",
];

#[cfg(test)]
mod tests;

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
        let refuses = |name: &str| text.contains(name) && (names(REFUSALS) || is_fixed(&text));
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
        let is_refused = names_stream && (refuses(REFUSALS) || refuses(STREAM_REFUSALS) || is_fixed(&text));
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
            || has(&["not enabled", "invalid", "not valid", "must be user", "must be 'user'", "no system"]);
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

/// Whether `text` allows a single value, as "only 1 is allowed" and "must be 1" do; a range is another thing.
fn is_fixed(text: &str) -> bool {
    let has = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if has(&["between", "range", "less than", "greater than", "at least", "at most", "<=", ">="]) {
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
            "must" => {
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
const STREAM_REFUSALS: &[&str] = &[
    "must be verified",
    "disabled",
    "not enabled",
    "cannot stream",
    "can't stream",
    "must be false",
    "not implemented",
];

/// Words by which servers refuse a parameter itself, not a wrong value of it.
const REFUSALS: &[&str] = &[
    "unsupported",
    "not support",
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
    "structured output",
    "grammar",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_refusal_names_is_left_out() {
        let schema = Format::Schema { name: "x", schema: json!({}), shares: false };
        let usual = Abilities::USUAL;
        let object = Abilities { json: JsonMode::Object, ..usual };
        let cases = [
            (
                "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
                usual,
                Some((object, "the JSON schema")),
            ),
            (
                "This response_format type is unavailable now",
                object,
                Some((Abilities { json: JsonMode::Prompt, ..usual }, "response_format")),
            ),
            (
                "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
                usual,
                Some((Abilities { max_completion_tokens: true, ..usual }, "max_tokens")),
            ),
            (
                "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
                usual,
                Some((Abilities { temperature: false, ..usual }, "temperature")),
            ),
            (
                "Unrecognized request argument supplied: stream_options",
                usual,
                Some((Abilities { stream_options: false, ..usual }, "stream_options")),
            ),
            (
                "\"llama3.2\" does not support thinking",
                usual,
                Some((Abilities { thinking: ThinkingForm::Absent, ..usual }, "thinking")),
            ),
            (
                "Unrecognized request argument supplied: prompt_cache_key",
                Abilities { caching: Caching::Key, ..usual },
                Some((usual, "the request to cache")),
            ),
            ("prompt_cache_key is too long", Abilities { caching: Caching::Key, ..usual }, None),
            ("temperature must be between 0 and 2", usual, None),
            ("max_tokens must be positive", usual, None),
            ("model is required", usual, None),
        ];
        for (refusal, before, expected) in cases {
            assert_eq!(before.without(refusal, &schema), expected, "{refusal}");
        }
        assert_eq!(usual.without("response_format is not supported", &Format::Text), None);
    }

    #[test]
    fn a_single_value_that_is_allowed_is_a_refusal_and_a_range_is_none() {
        for (text, expected) in [
            ("invalid temperature: only 1 is allowed for this model", true),
            ("temperature: only 1.0 is supported", true),
            ("`temperature` may only be set to 1 when thinking is enabled.", true),
            ("Only the default (1) value is supported.", true),
            ("temperature must be 1", true),
            ("temperature must be set to 1.0 for this model", true),
            ("temperature must be between 0 and 2", false),
            ("only values in the range 0 to 2 are allowed", false),
            ("temperature must be a number", false),
            ("only one temperature", false),
        ] {
            assert_eq!(is_fixed(&text.to_lowercase()), expected, "{text}");
        }
        let usual = Abilities::USUAL;
        let (less, what) =
            usual.without("invalid temperature: only 1 is allowed for this model", &Format::Text).unwrap();
        assert_eq!((less, what), (Abilities { temperature: false, ..usual }, "temperature"));
        assert_eq!(usual.without("seed must be 0", &Format::Text).unwrap().1, "seed");
    }

    #[test]
    fn streaming_that_is_refused_is_done_without() {
        for (refusal, is) in [
            ("Your organization must be verified to stream this model. unsupported_value stream", true),
            ("Streaming is not supported for this model", true),
            ("This model does not support streaming.", true),
            (
                "Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.",
                true,
            ),
            ("stream must be false", true),
            ("streaming is disabled for this deployment", true),
            ("Unrecognized request argument supplied: stream_options", false),
            ("the upstream is not available", false),
            ("the model must be verified", false),
        ] {
            let less = Abilities::USUAL.without_form(refusal);
            assert_eq!(less.is_some(), is, "{refusal}");
            assert!(less.is_none_or(|(less, _)| !less.stream && !less.stream_options), "{refusal}");
        }
        let whole = Abilities { stream: false, ..Abilities::USUAL };
        assert_eq!(whole.without_form("Streaming is not supported"), None);
    }

    #[test]
    fn a_model_without_instructions_is_known_by_its_refusal() {
        for (refusal, is) in [
            ("System role not supported", true),
            ("Jinja Exception: System role not supported", true),
            ("Conversation roles must alternate user/assistant/user/assistant/...", true),
            ("After the optional system message, conversation roles must alternate", true),
            ("Only user and assistant roles are supported!", true),
            ("Only user, assistant and tool roles are supported, got system.", true),
            ("Developer instruction is not enabled for models/gemma-3-27b-it", true),
            ("Unexpected message role: system", true),
            ("Unknown role 'system' in messages[0]", true),
            ("This model does not support system messages.", true),
            ("messages[0].role: 'system' is not supported, role: 'system' unsupported", true),
            ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", true),
            ("messages.0.role: Input should be 'user' or 'assistant'", true),
            ("Please use a valid role: user, model.", true),
            ("messages: role 'system' must be one of user, assistant: not allowed", true),
            ("The system is busy; the user's role is assistant", false),
            ("the system is not available", false),
            ("system_fingerprint is unknown", false),
            ("an error of the file system, which is unexpected", false),
        ] {
            let less = Abilities::USUAL.without_form(refusal);
            assert_eq!(less.is_some_and(|(less, _)| !less.system), is, "{refusal}");
        }
    }

    #[test]
    fn thinking_is_asked_for_in_the_form_that_the_model_has() {
        let (usual, text) = (Abilities::USUAL, Format::Text);
        let form = |refusal: &str| usual.without(refusal, &text).map(|(less, _)| less.thinking);
        for (refusal, expected) in [
            ("think value \"high\" is not supported for this model", Some(ThinkingForm::Other)),
            (
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\"",
                Some(ThinkingForm::Other),
            ),
            (
                "Unsupported parameter: 'reasoning_effort' is not supported with this model.",
                Some(ThinkingForm::Absent),
            ),
            ("thinking: Extra inputs are not permitted", Some(ThinkingForm::Absent)),
            ("budget_tokens is too large", None),
        ] {
            assert_eq!(form(refusal), expected, "{refusal}");
        }
    }
}

//! Tests of the words of refusals.

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
        ("Invalid parameter: seed", usual, Some((Abilities { seed: None, ..usual }, "seed"))),
        ("Invalid parameter: seed must be at least 0", usual, None),
        ("Invalid parameter: temperature must be between 0 and 2", usual, None),
        ("`seed` cannot be set for this model", usual, Some((Abilities { seed: None, ..usual }, "seed"))),
        (
            "`temperature` is disabled for reasoning models",
            usual,
            Some((Abilities { temperature: false, ..usual }, "temperature")),
        ),
        (
            "guided decoding is not supported",
            object,
            Some((Abilities { json: JsonMode::Prompt, ..usual }, "response_format")),
        ),
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
        ("body.stream: Input should be False", true),
        ("Only non-streaming requests are supported", true),
        ("This endpoint doesn't support SSE (stream)", true),
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
        ("role only allows user / assistant, not system", true),
        ("'system' is not one of ['user', 'assistant', 'tool'] - 'messages.0.role'", true),
        ("This model can't take a system message", true),
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

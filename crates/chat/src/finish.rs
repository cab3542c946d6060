//! Why a reply ended, in the words of all servers: the one table of finish reasons.
//!
//! In: the value of `finish_reason`, `stop_reason` or `done_reason`. Out: what it means for the text. A reason that is
//! not known is never taken for the end of a whole reply. Pure.
//!
//! Sources: OpenAI's and Azure's API references ("The chat completion object"), Anthropic's "Stop reasons and
//! fallback", Google's `Candidate.FinishReason`, Mistral's and DeepSeek's "Create chat completion", Z.ai's "Chat
//! completion", Cohere's "Chat", the Converse API of Amazon Bedrock, watsonx.ai's "Text chat", Ollama's
//! `api/types.go`, vLLM's `FinishReason`, TGI's `FinishReason`, LM Studio's "Stop reasons".

use serde_json::Value;

/// What the end of a reply means for its text. The words are the server's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The model was done.
    Whole,
    /// The limit of tokens, or the window, cut the reply off.
    Cut,
    /// The model began to repeat itself, so that the server or the client ended the reply.
    Looped,
    /// The model asks for a tool.
    Tool(String),
    /// The model or a filter has refused.
    Refused(String),
    /// The server failed, so the text is a part.
    Failed(String),
    /// A reason that is not known here.
    Unknown(String),
}

/// The meaning of a word in the table.
#[derive(Clone, Copy)]
enum Meaning {
    Nothing,
    Whole,
    Cut,
    Looped,
    Tool,
    Refused,
    Failed,
}

/// The words that are known, in lower case and without what is no letter.
const TABLE: &[(Meaning, &[&str])] = &[
    (
        Meaning::Nothing,
        &["", "null", "none", "undefined", "nil", "unspecified", "inprogress", "notfinished", "unfinished"],
    ),
    (
        Meaning::Whole,
        &[
            "stop",
            "stopped",
            "stopsequence",
            "stopstr",
            "stopstring",
            "stopstringfound",
            "stoptoken",
            "stopword",
            "end",
            "ended",
            "endturn",
            "endofturn",
            "endoftext",
            "endofsequence",
            "endofmessage",
            "eos",
            "eosfound",
            "eostoken",
            "eot",
            "eotid",
            "eog",
            "eom",
            "imend",
            "natural",
            "modelstop",
            // `</s>`
            "s",
            "complete",
            "completed",
            "done",
            "finish",
            "finished",
            "success",
            "normal",
            "ok",
        ],
    ),
    (Meaning::Cut, &["length", "limit", "limitreached", "numpredict", "incomplete", "contextfull"]),
    (
        Meaning::Tool,
        &["tool", "toolcall", "toolcalls", "tooluse", "functioncall", "functioncalls", "mcpcall"],
    ),
    (
        Meaning::Refused,
        &[
            "declined",
            "unsafe",
            "spii",
            "language",
            "modelarmor",
            "escalation",
            "blocklist",
            "toxic",
            "errortoxic",
            "flagged",
            "datainspectionfailed",
        ],
    ),
    (
        Meaning::Failed,
        &[
            "resourceexhausted",
            "insufficientsystemresource",
            "ratelimit",
            "ratelimitexceeded",
            "overloaded",
            "unavailable",
            "userstopped",
            "timedout",
            "timelimit",
            "load",
            "loading",
            "unload",
            "modelunloaded",
            "other",
            "pauseturn",
            "pauserun",
            "compaction",
            "malformedresponse",
            "malformedmodeloutput",
            "malformedtooluse",
            "malformedfunctioncall",
            "unexpectedtoolcall",
            "toomanytoolcalls",
            "missingthoughtsignature",
            "noimage",
            "imageother",
        ],
    ),
];

/// Parts of words that are not known themselves. None makes a reply whole.
const PARTS: &[(Meaning, &[&str])] = &[
    (Meaning::Looped, &["repeat", "repetit", "looping", "loopdetect", "infiniteloop"]),
    (
        Meaning::Refused,
        &[
            "refus",
            "safety",
            "filter",
            "moderat",
            "policy",
            "guardrail",
            "prohibited",
            "harmful",
            "sensitive",
            "blocked",
            "recitation",
        ],
    ),
    (
        Meaning::Failed,
        &["error", "fail", "exception", "timeout", "abort", "cancel", "disconnect", "interrupt", "shutdown"],
    ),
    (
        Meaning::Cut,
        &[
            "maxtoken",
            "maxoutput",
            "maxnew",
            "maxcompletion",
            "maxpredicted",
            "maxtotal",
            "maxgen",
            "maxlength",
            "maxcontext",
            "maximum",
            "tokenlimit",
            "tokensexceeded",
            "lengthlimit",
            "modellength",
            "lengthexceeded",
            "outputlimit",
            "contextlength",
            "contextlimit",
            "contextwindow",
            "contextoverflow",
            "truncated",
        ],
    ),
];

impl Ending {
    /// What `reason` means; `None` if it says nothing.
    pub(crate) fn of(reason: &Value) -> Option<Self> {
        let word = match reason {
            Value::Null | Value::Bool(false) => return None,
            Value::String(word) => word.clone(),
            // SGLang's own route gives an object with a type.
            other => other["type"].as_str().map_or_else(|| other.to_string(), str::to_owned),
        };
        let squeezed: String =
            word.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_lowercase()).collect();
        // Google's enumerations begin with their name.
        let bare = squeezed.strip_prefix("finishreason").unwrap_or(&squeezed);
        // Words of other scripts, and numbers, have no letters left.
        let is_wordless = bare.is_empty() && !word.trim().is_empty();
        let by_part = || PARTS.iter().find(|(_, parts)| parts.iter().any(|part| bare.contains(part)));
        let known = TABLE.iter().find(|(_, words)| words.contains(&bare)).or_else(by_part);
        let known = known.filter(|_| !is_wordless);
        Some(match known {
            Some((Meaning::Nothing, _)) => return None,
            Some((Meaning::Whole, _)) => Self::Whole,
            Some((Meaning::Cut, _)) => Self::Cut,
            Some((Meaning::Looped, _)) => Self::Looped,
            Some((Meaning::Tool, _)) => Self::Tool(word),
            Some((Meaning::Refused, _)) => Self::Refused(word),
            Some((Meaning::Failed, _)) => Self::Failed(word),
            None => Self::Unknown(word),
        })
    }

    /// This end of a reply that had the end `before`: a later reason counts, but none makes a part whole.
    pub(crate) fn after(self, before: Option<Self>) -> Self {
        let damage = |ending: &Self| match ending {
            Self::Whole => 0,
            Self::Cut | Self::Looped | Self::Tool(_) => 1,
            Self::Refused(_) | Self::Failed(_) | Self::Unknown(_) => 2,
        };
        match before {
            Some(before) if damage(&before) > damage(&self) => before,
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_reason_has_one_meaning_in_whatever_spelling() {
        let word = |reason: &str| Ending::of(&json!(reason));
        for whole in [
            "stop",
            "STOP",
            "end_turn",
            "endTurn",
            "eos_token",
            "stop_sequence",
            "COMPLETE",
            "completed",
            "<|im_end|>",
        ] {
            assert_eq!(word(whole), Some(Ending::Whole), "{whole}");
        }
        for cut in [
            "length",
            "LENGTH",
            "MAX_TOKENS",
            "max_tokens",
            "maxTokens",
            "model_length",
            "FINISH_REASON_MAX_TOKENS",
            "model_context_window_exceeded",
            "max-output-tokens",
            "token_limit",
            "max_output_tokens_reached",
            "reached_max_tokens",
            "output_truncated",
            "maximum_tokens",
        ] {
            assert_eq!(word(cut), Some(Ending::Cut), "{cut}");
        }
        // vLLM; what Ollama and gateways before it say.
        for looped in ["repetition", "REPEAT", "repeat_limit", "token_repeat_limit", "loop_detected"] {
            assert_eq!(word(looped), Some(Ending::Looped), "{looped}");
        }
        for refused in [
            "content_filter",
            "SAFETY",
            "RECITATION",
            "PROHIBITED_CONTENT",
            "refusal",
            "sensitive",
            "policy_violation",
        ] {
            assert_eq!(word(refused), Some(Ending::Refused(refused.into())), "{refused}");
        }
        for failed in [
            "error",
            "ERROR",
            "network_error",
            "insufficient_system_resource",
            "load",
            "abort",
            "OTHER",
            "server_shutdown",
        ] {
            assert_eq!(word(failed), Some(Ending::Failed(failed.into())), "{failed}");
        }
        for nothing in ["", "  ", "null", "NULL", "FINISH_REASON_UNSPECIFIED", "not_finished"] {
            assert_eq!(word(nothing), None, "{nothing:?}");
        }
        assert_eq!(word("tool_use"), Some(Ending::Tool("tool_use".into())));
        for unknown in ["because", "stopp", "7", "完了", "_"] {
            assert_eq!(word(unknown), Some(Ending::Unknown(unknown.into())), "{unknown}");
        }
        assert_eq!(Ending::of(&json!({"type": "length", "length": 9})), Some(Ending::Cut));
        assert_eq!(Ending::of(&json!(3)), Some(Ending::Unknown("3".into())));
        assert_eq!((Ending::of(&json!(null)), Ending::of(&json!(false))), (None, None));
    }

    #[test]
    fn no_word_stands_twice_and_each_can_be_met() {
        let mut words: Vec<_> = TABLE.iter().chain(PARTS).flat_map(|(_, words)| *words).collect();
        assert!(words.iter().all(|word| word.chars().all(|c| c.is_ascii_lowercase())));
        let whole = TABLE
            .iter()
            .filter(|(meaning, _)| matches!(meaning, Meaning::Whole))
            .flat_map(|(_, words)| *words);
        let parts: Vec<_> = PARTS.iter().flat_map(|(_, parts)| *parts).collect();
        assert!(whole.clone().all(|word| !parts.iter().any(|part| word.contains(**part))));
        let all = words.len();
        words.sort();
        words.dedup();
        assert_eq!(words.len(), all);
    }

    #[test]
    fn a_part_is_never_made_whole() {
        let error = Ending::Failed("error".into());
        assert_eq!(Ending::Whole.after(Some(Ending::Cut)), Ending::Cut);
        assert_eq!(Ending::Whole.after(Some(error.clone())), error);
        assert_eq!(error.clone().after(Some(Ending::Whole)), error);
        assert_eq!(Ending::Cut.after(None), Ending::Cut);
    }
}

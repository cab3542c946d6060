//! From a run's result to a chat completion, whole or in chunks.

use serde_json::{Value, json};

use crate::protocols::CUT;

/// Characters of a token, where an answer is cut.
const CHARS_OF_TOKEN: u64 = 4;

/// Keys of a result that the reply has, too.
const OF_RESULT: [&str; 15] = [
    "status",
    "standalone_task",
    "routing",
    "rounds",
    "evidence_summary",
    "evidence",
    "egress",
    "savings",
    "timing",
    "files",
    "folders",
    "memo",
    "local_client",
    "remote_client",
    "metadata",
];

/// What all parts of one completion say.
#[derive(Clone, Debug)]
pub(super) struct Completion {
    /// The run's id.
    pub run: String,
    pub model: String,
    pub created: u64,
    /// The protocol that the run was given.
    pub protocol: &'static str,
    /// Tokens of the answer at most.
    pub most_tokens: Option<u64>,
    /// What of the request has no effect.
    pub without_effect: Vec<String>,
    /// What was taken for the question, where documents stood in the same text.
    pub question: Option<String>,
}

impl Completion {
    fn part(&self, object: &str, choices: Value) -> Value {
        json!({
            "id": format!("chatcmpl-{}", self.run),
            "object": object,
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }

    /// The whole completion of a `result` with this content.
    pub(super) fn whole(&self, result: &Value, content: &str, finish: &str) -> Value {
        let message = json!({"role": "assistant", "content": content, "refusal": null, "annotations": []});
        let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish});
        let mut whole = self.part("chat.completion", json!([choice]));
        whole["usage"] = usage(result);
        whole["minions"] = self.own(result);
        whole
    }

    /// A chunk with this delta.
    pub(super) fn chunk(&self, delta: &Value) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
        self.part("chat.completion.chunk", json!([choice]))
    }

    /// The chunk that says why the answer ends.
    pub(super) fn last(&self, result: &Value, finish: &str) -> Value {
        let choice = json!({"index": 0, "delta": {}, "logprobs": null, "finish_reason": finish});
        let mut last = self.part("chat.completion.chunk", json!([choice]));
        last["minions"] = self.own(result);
        last
    }

    /// The chunk of the tokens, which comes after the last.
    pub(super) fn usage(&self, result: &Value) -> Value {
        let mut chunk = self.part("chat.completion.chunk", json!([]));
        chunk["usage"] = usage(result);
        chunk
    }

    /// What minions has to say besides.
    fn own(&self, result: &Value) -> Value {
        let mut own = json!({
            "run": self.run,
            "protocol": self.protocol,
            "usage": {"remote": result["remote_usage"], "local": result["local_usage"]},
        });
        for key in OF_RESULT {
            if let Some(value) = result.get(key) {
                own[key] = value.clone();
            }
        }
        if let Some(egress) = own.get_mut("egress").and_then(Value::as_object_mut) {
            egress.remove("calls");
        }
        if let Some(question) = &self.question {
            own["question"] = question.as_str().into();
        }
        if !self.without_effect.is_empty() {
            own["without_effect"] = json!(self.without_effect);
        }
        own
    }

    /// Characters of an answer that may be told.
    fn most_chars(&self) -> usize {
        let chars = self.most_tokens.map(|tokens| tokens.saturating_mul(CHARS_OF_TOKEN));
        chars.and_then(|chars| usize::try_from(chars).ok()).unwrap_or(usize::MAX)
    }

    /// As much of an answer as may be told, and why it ends there.
    pub(super) fn cut<'a>(&self, answer: &'a str) -> (&'a str, &'static str) {
        match answer.char_indices().nth(self.most_chars()) {
            Some((end, _)) => (&answer[..end], "length"),
            None if answer.ends_with(CUT) => (answer, "length"),
            None => (answer, "stop"),
        }
    }
}

/// Tokens of both sides together.
fn usage(result: &Value) -> Value {
    let sum = |key: &str| {
        ["remote_usage", "local_usage"].iter().filter_map(|side| result[side][key].as_u64()).sum::<u64>()
    };
    let (prompt, completion) = (sum("prompt_tokens"), sum("completion_tokens"));
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": sum("cached_prompt_tokens")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completion(most_tokens: Option<u64>) -> Completion {
        Completion {
            run: "r1".to_owned(),
            model: "minions".to_owned(),
            created: 7,
            protocol: "minions",
            most_tokens,
            without_effect: vec!["user".to_owned()],
            question: None,
        }
    }

    #[test]
    fn tokens_of_both_sides_are_added_and_told_apart() {
        let result = json!({
            "status": "answered", "final_answer": "Ada",
            "remote_usage": {"prompt_tokens": 100, "completion_tokens": 10, "cached_prompt_tokens": 5},
            "local_usage": {"prompt_tokens": 3000, "completion_tokens": 200, "cached_prompt_tokens": 0},
            "egress": {"bytes": 9, "calls": [1]}, "supervisor_messages": [],
        });
        let whole = completion(None).whole(&result, "Ada", "stop");
        assert_eq!(whole["usage"]["total_tokens"], 3310);
        assert_eq!(whole["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
        let own = json!({
            "run": "r1", "protocol": "minions", "usage": {"remote": result["remote_usage"], "local": result["local_usage"]},
            "status": "answered", "egress": {"bytes": 9}, "without_effect": ["user"],
        });
        assert_eq!((&whole["minions"], &whole["id"]), (&own, &json!("chatcmpl-r1")));
        assert_eq!(completion(None).last(&result, "stop")["minions"], own);
        assert_eq!(completion(None).usage(&result)["choices"], json!([]));
    }

    #[test]
    fn an_answer_that_is_too_long_is_cut() {
        let answer = "äbcdefghi";
        assert_eq!(completion(Some(2)).cut(answer), ("äbcdefgh", "length"));
        assert_eq!(completion(Some(3)).cut(answer), (answer, "stop"));
        assert_eq!(completion(None).cut(answer), (answer, "stop"));
        let cut = format!("It fell{CUT}");
        assert_eq!(completion(None).cut(&cut), (&*cut, "length"));
        assert_eq!(completion(Some(u64::MAX)).cut(answer), (answer, "stop"));
    }
}

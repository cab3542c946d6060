//! From a run's events to the chunks of a completion.

use serde_json::{Value, json};

use super::progress::Progress;
use super::response::Completion;
use super::sources;
use crate::answer::AnswerStream;
use crate::events::EventKind;
use crate::job::ProtocolKind;

/// The chunks of one completion.
pub(super) struct Chunks {
    completion: Completion,
    protocol: ProtocolKind,
    includes_usage: bool,
    answer: AnswerStream,
    progress: Progress,
}

impl Chunks {
    pub(super) fn new(completion: Completion, protocol: ProtocolKind, includes_usage: bool) -> Self {
        let (answer, progress) = (AnswerStream::default(), Progress::default());
        Self { completion, protocol, includes_usage, answer, progress }
    }

    /// The chunk that comes before anything has happened.
    pub(super) fn first(&self) -> Value {
        self.delta(json!({"role": "assistant", "content": ""}))
    }

    /// What an event adds.
    pub(super) fn take(&mut self, event: &EventKind) -> Vec<Value> {
        let progress = self.progress.line(event);
        // What is cut is known at the end alone: an answer that breaks off is begun anew.
        let answer = match self.completion.most_tokens {
            None => self.answer.take(event),
            Some(_) => String::new(),
        };
        let progress = (!progress.is_empty()).then(|| self.delta(json!({"reasoning_content": progress})));
        progress.into_iter().chain(self.content(&answer)).collect()
    }

    /// The end of a run with this result.
    pub(super) fn end(&mut self, result: &Value) -> Vec<Value> {
        let answer = result["final_answer"].as_str().unwrap_or_default();
        let (answer, finish) = self.completion.cut(answer);
        let rest = self.answer.end(answer);
        let mut chunks: Vec<Value> = self.content(&rest).into_iter().collect();
        let lines = sources::lines(result, self.protocol);
        if !lines.is_empty() {
            chunks.push(self.delta(json!({"content": lines})));
        }
        chunks.push(self.completion.last(result, finish));
        if self.includes_usage {
            chunks.push(self.completion.usage(result));
        }
        chunks
    }

    fn content(&self, text: &str) -> Option<Value> {
        (!text.is_empty()).then(|| self.delta(json!({"content": text})))
    }

    fn delta(&self, delta: Value) -> Value {
        let mut chunk = self.completion.chunk(&delta);
        if self.includes_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Purpose;
    use crate::job::JobRole;

    fn chunks(most_tokens: Option<u64>) -> Chunks {
        let completion = Completion {
            run: "r".to_owned(),
            model: "minion".to_owned(),
            created: 1,
            protocol: "minion",
            most_tokens,
            without_effect: Vec::new(),
            question: None,
        };
        Chunks::new(completion, ProtocolKind::Minion, true)
    }

    /// The deltas' texts by key, and the reason of the end.
    fn read(all: &[Value]) -> (String, String, Value) {
        let text = |key: &str| {
            all.iter().filter_map(|chunk| chunk["choices"][0]["delta"][key].as_str()).collect::<String>()
        };
        let end = all.iter().map(|chunk| &chunk["choices"][0]["finish_reason"]).find(|end| end.is_string());
        (text("content"), text("reasoning_content"), end.cloned().unwrap_or_default())
    }

    fn events() -> Vec<EventKind> {
        let side = JobRole::Supervisor;
        vec![
            EventKind::Round { round: 1, of: 2 },
            EventKind::Call { call: 1, side, purpose: Purpose::Step, endpoint: String::new() },
            EventKind::Delta {
                call: 1,
                side,
                text: "{\"decision\": \"provide_final_answer\", \"answer\": \"It ".to_owned(),
            },
            EventKind::Delta { call: 1, side, text: "fell\"}".to_owned() },
        ]
    }

    #[test]
    fn progress_answer_end_and_usage_come_in_order() {
        let mut chunks = chunks(None);
        let mut all = vec![chunks.first()];
        all.extend(events().iter().flat_map(|event| chunks.take(event)));
        all.extend(chunks.end(&json!({"final_answer": "It fell by 2 %."})));
        let thought = "Round 1 of at most 2.\nThe supervisor thinks.\n";
        assert_eq!(read(&all), ("It fell by 2 %.".to_owned(), thought.to_owned(), json!("stop")));
        assert_eq!(all[0]["choices"][0]["delta"]["role"], "assistant");
        let (usage, others) = all.split_last().unwrap();
        assert_eq!((&usage["choices"], usage["usage"].is_object()), (&json!([]), true));
        assert!(others[..others.len() - 1].iter().all(|chunk| chunk["usage"].is_null()));
        assert!(others.last().unwrap()["minions"].is_object());
    }

    #[test]
    fn no_more_is_told_than_the_limit_allows() {
        let mut chunks = chunks(Some(1));
        let mut all: Vec<Value> = events().iter().flat_map(|event| chunks.take(event)).collect();
        all.extend(chunks.end(&json!({"final_answer": "It fell by 2 %."})));
        let (content, _, end) = read(&all);
        assert_eq!((content.as_str(), end), ("It f", json!("length")));
    }
}

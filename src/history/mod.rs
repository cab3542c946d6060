//! What was said before in a conversation, in the shape of the original, and what of it models are shown.
//!
//! In: the history that a job or a session holds. Out: the turns that are folded into the summary, and texts for prompts
//! that stay short however long the conversation is. Pure: no model is called here.

mod known;
mod shown;
mod weight;

use serde::{Deserialize, Serialize};

pub use known::known_so_far;
pub(crate) use shown::MOST_OF_SUMMARY;
pub use shown::{Batch, Shown};

/// Turns that models are shown word by word where nothing else is said, as in the original.
pub const MAX_TURNS: usize = 10;
/// The original's own default.
const TURNS_PER_SUMMARY: u64 = 5;

/// A conversation so far, with the keys of the original's `ConversationHistory` and one more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The newest turns that models are shown word by word; older ones are folded into `summary`.
    pub max_turns: usize,
    /// The turns that are not in `summary`, oldest first.
    pub turns: Vec<Turn>,
    /// What was said in the turns before; empty if there are none.
    pub summary: String,
    /// Turns since `summary` was made.
    pub turns_since_last_summary: u64,
    /// Of the original, which waits for so many turns before it makes a summary. Here no turn waits.
    pub turns_per_summary: u64,
    /// Whether turns are folded into `summary` at all.
    pub summarize_older_turns: bool,
    /// Turns that `summary` stands for. The original passes over this key.
    #[serde(default)]
    pub summarized_turns: usize,
}

/// A question and what came of it, with the keys of the original's `ConversationTurn` and more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// The question, in the user's words.
    pub query: String,
    /// What the worker said last.
    #[serde(default)]
    pub local_output: String,
    /// The answer; empty if the turn has none.
    pub remote_output: String,
    /// When it ended, in ISO 8601.
    #[serde(default)]
    pub timestamp: Option<String>,
    /// The question as it was understood, if that is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standalone_task: Option<String>,
    /// How it ended. Without it, a turn with an answer counts as answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TurnStatus>,
    /// Passages of the documents that prove the answer, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Quote>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// It has its answer.
    Answered,
    /// The rounds were used up without one.
    NoAnswer,
    /// It has an answer, though something is missing that it should rest on.
    Partial,
    /// It failed. Models are not shown it.
    Failed,
}

impl TurnStatus {
    /// Every way in which a turn can end.
    pub const ALL: [Self; 4] = [Self::Answered, Self::NoAnswer, Self::Partial, Self::Failed];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NoAnswer => "no_answer",
            Self::Partial => "partial",
            Self::Failed => "failed",
        }
    }
}

/// Words of a document that were found there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The words.
    pub citation: String,
    /// The document's name, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What the supervisor is told in place of that name, where somebody else wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_as: Option<String>,
    /// The place within it as its author would cite it, such as `p. 40`, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What of a history a turn had, in the field names of the envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// Turns before this one.
    pub turns: usize,
    /// Those of them that models are shown word by word.
    pub verbatim: usize,
    /// Those that the summary stands for.
    pub summarised: usize,
    /// Tokens of history in this turn's longest prompt, by estimate.
    pub tokens: u64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            max_turns: MAX_TURNS,
            turns: Vec::new(),
            summary: String::new(),
            turns_since_last_summary: 0,
            turns_per_summary: TURNS_PER_SUMMARY,
            summarize_older_turns: true,
            summarized_turns: 0,
        }
    }
}

impl History {
    /// Whether nothing was said before that models could be shown.
    pub fn is_empty(&self) -> bool {
        self.summary.is_empty() && !self.turns.iter().any(Turn::is_shown)
    }

    /// The number of all turns so far.
    pub fn turns_so_far(&self) -> usize {
        self.summarized_turns + self.turns.len()
    }

    /// Adds a turn.
    pub fn push(&mut self, turn: Turn) {
        self.turns.push(turn);
        self.turns_since_last_summary += 1;
    }

    /// Puts `summary` in the place of the one before and of the `folded` oldest turns.
    pub fn fold(&mut self, folded: usize, summary: String) {
        self.turns.drain(..folded);
        self.summarized_turns += folded;
        self.turns_since_last_summary = self.turns.len() as u64;
        self.summary = summary;
    }
}

impl Turn {
    /// How it ended.
    pub fn status(&self) -> TurnStatus {
        match self.status {
            Some(status) => status,
            None if self.remote_output.trim().is_empty() => TurnStatus::Failed,
            None => TurnStatus::Answered,
        }
    }

    /// Whether models are shown it.
    pub fn is_shown(&self) -> bool {
        self.status() != TurnStatus::Failed
    }

    /// The question as it was understood.
    pub fn understood(&self) -> &str {
        self.standalone_task.as_deref().unwrap_or(&self.query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_keys_are_those_of_the_original() {
        let mut history = History::default();
        let turn = Turn { query: "q".to_owned(), remote_output: "a".to_owned(), ..Turn::default() };
        history.push(turn);
        let written = serde_json::to_value(&history).unwrap();
        let of_the_original = json!({
            "max_turns": 10,
            "turns": [{"query": "q", "local_output": "", "remote_output": "a", "timestamp": null}],
            "summary": "",
            "turns_since_last_summary": 1,
            "turns_per_summary": 5,
            "summarize_older_turns": true,
            "summarized_turns": 0,
        });
        assert_eq!(written, of_the_original);
        assert_eq!(serde_json::from_value::<History>(written).unwrap(), history);
    }

    #[test]
    fn a_turn_without_an_answer_is_not_shown() {
        let turn = |answer: &str, status| Turn {
            query: "q".to_owned(),
            remote_output: answer.to_owned(),
            status,
            ..Turn::default()
        };
        for (turn, is_shown) in [
            (turn("a", None), true),
            (turn(" ", None), false),
            (turn("a", Some(TurnStatus::Failed)), false),
            (turn("No answer found.", Some(TurnStatus::NoAnswer)), true),
        ] {
            assert_eq!(turn.is_shown(), is_shown, "{turn:?}");
            let mut history = History::default();
            history.push(turn);
            assert_eq!((history.is_empty(), history.turns_so_far()), (!is_shown, 1));
        }
    }

    #[test]
    fn names_are_those_of_json() {
        for status in TurnStatus::ALL {
            assert_eq!(serde_json::to_value(status).unwrap(), status.name());
        }
    }
}

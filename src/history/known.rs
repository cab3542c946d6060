//! What the newest answers say, with the passages that prove them, for a supervisor that goes on from there.

use super::weight::shortened;
use super::{History, Turn, TurnStatus};
use crate::prompts::{Filled, Slot};

/// Answers at most.
const ANSWERS: usize = 3;
/// The most tokens of a question, of an answer, and of a quote.
const MOST_OF_QUESTION: u64 = 80;
const MOST_OF_ANSWER: u64 = 300;
const MOST_OF_QUOTE: u64 = 60;
/// Quotes of an answer at most.
const QUOTES: usize = 3;

/// The newest answers of `history` with their quotes, oldest first; empty if there are none. `since`: the turns before
/// that one rest on documents that have changed, so they don't count. No more than `max_turns` are shown.
pub fn known_so_far(history: &History, since: usize) -> Filled {
    let rests_on_nothing_old = since.saturating_sub(history.summarized_turns);
    let current = &history.turns[rests_on_nothing_old.min(history.turns.len())..];
    let is_known = |turn: &&Turn| matches!(turn.status(), TurnStatus::Answered | TurnStatus::Partial);
    let mut newest: Vec<_> =
        current.iter().rev().filter(is_known).take(ANSWERS.min(history.max_turns)).collect();
    newest.reverse();
    let mut text = Filled::default();
    newest.into_iter().for_each(|turn| push(&mut text, turn));
    text
}

fn push(text: &mut Filled, turn: &Turn) {
    let question = shortened(turn.understood(), MOST_OF_QUESTION);
    // The worker may have written it, given answers that quote documents.
    let question = if turn.standalone_task.is_some() { Slot::Other(&question) } else { Slot::Own(&question) };
    let answer = shortened(&turn.remote_output, MOST_OF_ANSWER);
    let begins = if text.text.is_empty() { "" } else { "\n" };
    text.push(Slot::Own(&format!("{begins}- ")));
    text.push(question);
    text.push(Slot::Own("\n  Answer: "));
    text.push(Slot::Other(&answer));
    for quote in turn.evidence.iter().take(QUOTES) {
        let mut from: Vec<_> = quote.told_as.iter().chain(&quote.source).take(1).cloned().collect();
        from.extend(quote.place.clone());
        text.push(Slot::Own("\n  Quote: \""));
        text.push(Slot::Other(&shortened(&quote.citation, MOST_OF_QUOTE)));
        text.push(Slot::Own("\""));
        if !from.is_empty() {
            text.push(Slot::Other(&format!(" ({})", from.join(" "))));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Quote;
    use super::*;

    fn turn(number: usize, status: TurnStatus) -> Turn {
        Turn {
            query: format!("q{number}"),
            remote_output: format!("a{number}"),
            status: Some(status),
            ..Turn::default()
        }
    }

    #[test]
    fn the_last_three_answers_are_known() {
        use TurnStatus::{Answered, Failed, NoAnswer, Partial};
        let turns = [Answered, Answered, Partial, NoAnswer, Failed, Answered];
        let turns = turns.into_iter().enumerate().map(|(at, status)| turn(at + 3, status)).collect();
        let mut history = History { turns, summarized_turns: 2, ..History::default() };
        let known = |history: &History, since| known_so_far(history, since).text;
        assert_eq!(known(&history, 0), "- q4\n  Answer: a4\n- q5\n  Answer: a5\n- q8\n  Answer: a8");
        assert_eq!(known(&history, 4), "- q5\n  Answer: a5\n- q8\n  Answer: a8");
        assert_eq!(known(&history, 99), "");
        history.turns[5].standalone_task = Some("q8 in full".to_owned());
        let quote = |source: Option<&str>, place: Option<&str>| Quote {
            citation: "the words".to_owned(),
            source: source.map(str::to_owned),
            told_as: None,
            place: place.map(str::to_owned),
        };
        history.turns[5].evidence = vec![quote(Some("a.pdf"), Some("p. 40")), quote(None, None)];
        let filled = known_so_far(&history, 7);
        assert_eq!(
            filled.text,
            "- q8 in full\n  Answer: a8\n  Quote: \"the words\" (a.pdf p. 40)\n  Quote: \"the words\""
        );
        let own: usize = filled.own.iter().map(|own| own.len()).sum();
        assert_eq!(filled.text.len() - own, "q8 in fulla8the words (a.pdf p. 40)the words".len());
    }
}

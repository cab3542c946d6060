//! The history as a prompt has it: the summary, then the newest turns, oldest first.

use super::weight::{shortened, weight};
use super::{History, Turn};
use crate::documents::tokens::estimate;
use crate::prompts::{Filled, Slot};

/// The most tokens of history in a prompt, with a reserve for tokenizers that count more.
const MOST: u64 = 2300;
/// The most of them that the summary has.
pub(crate) const MOST_OF_SUMMARY: u64 = 500;
/// The most that a question has, and the most that an answer has.
const MOST_OF_TEXT: u64 = 450;
/// The most tokens of turns that one call folds.
const MOST_OF_BATCH: u64 = 2000;

/// What of a history a prompt has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The text, with what of it is the job's own words.
    pub text: Filled,
    /// Turns in it.
    pub verbatim: usize,
    /// Turns that are neither in it nor in the summary: there is no room for them, or no more are wanted.
    pub left_out: usize,
    /// Its tokens, by estimate.
    pub tokens: u64,
}

/// The oldest turns, as one call folds them into the summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// How many turns they are, with those that are not shown.
    pub turns: usize,
    /// The summary so far and these turns.
    pub text: Filled,
}

impl History {
    /// The turns that are to be folded into the summary: all but the newest `max_turns`, and but those for which a prompt
    /// has room.
    pub fn to_fold(&self) -> usize {
        self.turns.len() - self.newest(self.max_turns, MOST - MOST_OF_SUMMARY)
    }

    /// The first of the turns that are to be folded, as many as one call takes; `None` if there are none.
    pub fn next_batch(&self) -> Option<Batch> {
        let all = &self.turns[..self.to_fold()];
        let mut text = Filled::default();
        self.push_summary(&mut text);
        let (mut turns, mut room) = (0, MOST_OF_BATCH);
        for turn in all {
            let (piece, takes) = written(turn, self.summarized_turns + turns);
            if turns > 0 && takes > room {
                break;
            }
            room = room.saturating_sub(takes);
            turns += 1;
            if turn.is_shown() {
                push_turn(&mut text, &piece);
            }
        }
        (turns > 0).then_some(Batch { turns, text })
    }

    /// What a prompt has of it. Turns that could not be folded are in it as far as there is room; those that are not to be
    /// folded at all are not in it, beyond the newest `max_turns`.
    pub fn shown(&self) -> Shown {
        let most = if self.summarize_older_turns { self.turns.len() } else { self.max_turns };
        let newest = self.newest(most, MOST - weight(&self.summary).min(MOST_OF_SUMMARY));
        let mut text = Filled::default();
        self.push_summary(&mut text);
        let first = self.turns.len() - newest;
        for (at, turn) in self.turns.iter().enumerate().skip(first).filter(|(_, turn)| turn.is_shown()) {
            push_turn(&mut text, &written(turn, self.summarized_turns + at).0);
        }
        let shown = |turns: &[Turn]| turns.iter().filter(|turn| turn.is_shown()).count();
        Shown {
            verbatim: shown(&self.turns[first..]),
            left_out: shown(&self.turns[..first]),
            tokens: estimate(&text.text),
            text,
        }
    }

    /// How many of the newest turns stay as they are: at most `most` that are shown, with room for `room` tokens.
    fn newest(&self, most: usize, mut room: u64) -> usize {
        let mut shown = 0;
        let mut newest = 0;
        for (at, turn) in self.turns.iter().enumerate().rev() {
            if turn.is_shown() {
                let takes = written(turn, self.summarized_turns + at).1;
                if shown == most || takes > room {
                    break;
                }
                room -= takes;
                shown += 1;
            }
            newest += 1;
        }
        newest
    }

    /// The summary was written by the worker, so it may hold something of the documents.
    fn push_summary(&self, text: &mut Filled) {
        if !self.summary.is_empty() {
            text.push(Slot::Own("The turns before these, in short:\n"));
            text.push(Slot::Other(&shortened(&self.summary, MOST_OF_SUMMARY)));
        }
    }
}

/// Appends a turn below what stands there already.
fn push_turn(text: &mut Filled, turn: &Filled) {
    if !text.text.is_empty() {
        text.push(Slot::Own("\n\n"));
    }
    text.push(Slot::Filled(turn));
}

/// A turn as prompts have it, the `before`-th and one, and what it weighs. The question is the user's; the answer may
/// quote documents, and it may never have left this machine.
fn written(turn: &Turn, before: usize) -> (Filled, u64) {
    let mut text = Filled::default();
    let [query, answer] = [&turn.query, &turn.remote_output].map(|text| shortened(text, MOST_OF_TEXT));
    text.push(Slot::Own(&format!("Turn {}\nUser: {query}\nAnswer: ", before + 1)));
    text.push(Slot::Other(&answer));
    let weight = weight(&text.text);
    (text, weight)
}

#[cfg(test)]
mod tests {
    use super::super::TurnStatus;
    use super::*;

    fn turn(query: &str, answer: &str) -> Turn {
        Turn { query: query.to_owned(), remote_output: answer.to_owned(), ..Turn::default() }
    }

    fn history(turns: usize, max_turns: usize) -> History {
        let turns = (1..=turns).map(|n| turn(&format!("question {n}?"), &format!("answer {n}"))).collect();
        History { turns, max_turns, ..History::default() }
    }

    #[test]
    fn the_newest_turns_stay_and_older_ones_are_folded_once() {
        let mut all = history(13, 10);
        assert_eq!(all.to_fold(), 3);
        let batch = all.next_batch().unwrap();
        assert_eq!(batch.turns, 3);
        assert!(
            batch.text.text.starts_with("Turn 1\nUser: question 1?\nAnswer: answer 1\n\nTurn 2\n"),
            "{}",
            batch.text.text
        );
        all.fold(3, "three turns".to_owned());
        assert_eq!((all.next_batch(), all.turns_so_far(), all.summarized_turns), (None, 13, 3));
        let shown = all.shown();
        assert_eq!((shown.verbatim, shown.left_out), (10, 0));
        assert!(
            shown.text.text.starts_with("The turns before these, in short:\nthree turns\n\nTurn 4\n"),
            "{}",
            shown.text.text
        );
        all.push(turn("question 14?", "answer 14"));
        let batch = all.next_batch().unwrap();
        assert!(
            batch.turns == 1 && batch.text.text.contains("three turns\n\nTurn 4\n"),
            "{}",
            batch.text.text
        );
        // The words of the summary and of answers may be the documents'.
        let own: usize = batch.text.own.iter().map(|own| own.len()).sum();
        assert_eq!(batch.text.text.len() - own, "three turns".len() + "answer 4".len());
    }

    #[test]
    fn a_prompt_stays_short_whatever_the_turns_are() {
        let figures = "In 2022 net sales were $513,983 million (2021: $469,822 million). ".repeat(40);
        for (answer, max_turns) in [(figures.as_str(), 10), ("字".repeat(4000).as_str(), 100), ("ok", 1000)]
        {
            let turns = (0..2000).map(|n| turn(&format!("{n}: {answer}"), answer)).collect();
            let mut all = History { turns, max_turns, ..History::default() };
            let mut folded = 0;
            while let Some(batch) = all.next_batch() {
                assert!(estimate(&batch.text.text) <= 2600, "{}", estimate(&batch.text.text));
                folded += batch.turns;
                all.fold(batch.turns, "s".repeat(9000));
            }
            let shown = all.shown();
            assert!(shown.tokens <= 2500 && shown.verbatim > 0, "{} {}", shown.tokens, shown.verbatim);
            assert_eq!((shown.verbatim + folded, shown.left_out), (2000, 0));
        }
    }

    #[test]
    fn turns_that_were_not_folded_are_shown_as_far_as_there_is_room() {
        let shown = history(13, 10).shown();
        assert_eq!((shown.verbatim, shown.left_out), (13, 0));
        let shown = history(10_000, 10).shown();
        assert!(shown.verbatim > 50 && shown.verbatim + shown.left_out == 10_000, "{}", shown.verbatim);
        assert!(shown.text.text.ends_with("\n\nTurn 10000\nUser: question 10000?\nAnswer: answer 10000"));
        let unfolded =
            |turns, max_turns| History { summarize_older_turns: false, ..history(turns, max_turns) };
        let shown = unfolded(30, 2).shown();
        assert_eq!((shown.verbatim, shown.left_out), (2, 28));
        assert!(shown.text.text.starts_with("Turn 29\n"), "{}", shown.text.text);
        assert_eq!((unfolded(30, 0).shown().verbatim, unfolded(2, 10).shown().left_out), (0, 0));
        assert_eq!(history(3, 0).to_fold(), 3);
        assert_eq!(History::default().shown(), Shown::default());
    }

    #[test]
    fn a_turn_that_failed_takes_no_room() {
        let mut all = history(4, 2);
        all.turns[2].status = Some(TurnStatus::Failed);
        assert_eq!(all.to_fold(), 1);
        let shown = all.shown();
        assert_eq!(shown.verbatim, 3);
        assert!(!shown.text.text.contains("question 3?"), "{}", shown.text.text);
    }
}

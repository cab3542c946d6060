//! `local_only`: the worker answers alone, in one call. Nothing leaves this machine.
//!
//! Asked several times, its answer is checked: its quotes have to stand in the documents, and most of its answers have to
//! say the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::one_call::{OneCall, Reading};
use super::{Answer, Assignment, ProtocolError, Status, Transcript};
use crate::chat::{Image, Message};
use crate::events::Purpose;
use crate::job::JobRole;
use crate::prompts;
use crate::words::count;

/// The part of the replies that have to agree.
const MOST: (u32, u32) = (2, 3);
/// The part of the words of two answers that have to be the same, if they are longer than a few words.
const ALIKE: f64 = 0.5;
/// Words that turn an answer round.
const NEGATIONS: [&str; 9] = ["no", "not", "never", "none", "nobody", "nothing", "neither", "nor", "don't"];
/// Words of an answer that is a mere name or figure.
const FEW_WORDS: usize = 6;

/// One run of the protocol.
pub(crate) struct LocalOnly<'a> {
    /// The question, the documents and the worker.
    pub assignment: Assignment<'a>,
    /// Pictures that the worker sees.
    pub images: &'a [Arc<Image>],
    /// How often it is asked.
    pub samples: u32,
}

/// What there is to say for the worker's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    pub samples: u32,
    /// Replies that say what the chosen one says.
    pub agreed: u32,
    /// What that one cites.
    pub citations: usize,
    /// How much of it stands in the documents.
    pub verified: usize,
    pub status: Status,
}

impl Checked {
    /// Why the answer holds, or why it does not.
    pub(crate) fn verdict(&self) -> Result<String, String> {
        let Self { samples, agreed, citations, verified, status } = *self;
        match status {
            Status::NoAnswer => return Err("the worker found no answer".to_owned()),
            Status::Partial if verified > 0 => return Err("the worker's answer was cut off".to_owned()),
            Status::Partial | Status::Answered => {}
        }
        if citations == 0 {
            return Err("the worker's answer quotes nothing".to_owned());
        }
        if verified < citations {
            let of = count(citations, "quote");
            return Err(format!("of {of} in the worker's answer the documents have {verified}"));
        }
        if agreed * MOST.1 < samples * MOST.0 {
            return Err(format!("only {agreed} of {samples} answers of the worker say the same"));
        }
        Ok(format!(
            "{agreed} of {samples} answers of the worker say the same, and the documents have its quotes"
        ))
    }
}

impl<'a> LocalOnly<'a> {
    fn call(&'a self) -> OneCall<'a> {
        let (role, prompt) = (JobRole::Worker, &prompts::LOCAL_ONLY);
        OneCall { assignment: &self.assignment, role, prompt, images: self.images }
    }

    /// What the worker reads.
    pub(crate) fn worker_prompt(&self) -> Message {
        self.call().message()
    }

    /// Asks the worker, as often as it is to be asked.
    pub(crate) async fn run(&self, transcript: &Transcript) -> Result<(Answer, Checked), ProtocolError> {
        transcript.begin_round(1, 1);
        // Only an answer that counts is shown as it comes.
        let purpose = if self.samples > 1 { Purpose::Sample } else { Purpose::Answer };
        let call = self.call();
        let mut readings = Vec::new();
        for sample in 0..self.samples.max(1) {
            readings.push(call.ask(purpose, sample, transcript).await?);
        }
        let (agreed, reading) = best(readings);
        let citations = reading.cited.len();
        let verified = reading.cited.iter().filter(|cited| cited.evidence.verified).count();
        transcript.cited(reading.cited);
        let answer = Answer::alone(JobRole::Worker, reading.answer, transcript);
        let status = answer.status;
        Ok((answer, Checked { samples: self.samples.max(1), agreed, citations, verified, status }))
    }
}

/// The reading whose answer most of them gave, the first of such, with their number; of equals one whose quotes stand in
/// the documents.
fn best(readings: Vec<Reading>) -> (u32, Reading) {
    let agreed = |reading: &Reading| {
        let same = readings.iter().filter(|other| say_the_same(&other.answer, &reading.answer));
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    };
    let merit = |reading: &Reading| {
        let is_proved =
            !reading.cited.is_empty() && reading.cited.iter().all(|cited| cited.evidence.verified);
        (agreed(reading), reading.answer.is_some(), is_proved)
    };
    let at = (0..readings.len()).rev().max_by_key(|&at| merit(&readings[at])).unwrap_or_default();
    let agreed = readings.get(at).map_or(0, agreed);
    (agreed, readings.into_iter().nth(at).unwrap_or_default())
}

/// Whether two answers say the same: the same figures, and the same words, of longer answers half of them.
fn say_the_same(a: &Option<String>, b: &Option<String>) -> bool {
    let (Some(a), Some(b)) = (a, b) else { return a.is_none() && b.is_none() };
    let (a, b) = (words(a), words(b));
    let figures = |words: &BTreeSet<String>| -> BTreeSet<String> {
        words.iter().filter(|word| word.contains(|c: char| c.is_ascii_digit())).cloned().collect()
    };
    let polarity = |words: &BTreeSet<String>| words.iter().any(|word| NEGATIONS.contains(&word.as_str()));
    if figures(&a) != figures(&b) || polarity(&a) != polarity(&b) {
        return false;
    }
    let shared = a.intersection(&b).count();
    let (shorter, all) = (a.len().min(b.len()), a.union(&b).count());
    // "Ada" and "Ada signed it" say the same.
    let holds_other = shared == shorter && shorter > 0 && shorter <= FEW_WORDS;
    holds_other || all > 0 && shared as f64 / all as f64 >= ALIKE
}

/// The words of an answer, in lower case and without the marks around them.
fn words(answer: &str) -> BTreeSet<String> {
    let bare = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric() && c != '%').to_lowercase();
    answer.split_whitespace().map(bare).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_agree_in_their_figures_and_words() {
        let some = |text: &str| Some(text.to_owned());
        for (a, b, expected) in [
            (some("Ada"), some("Ada."), true),
            (some("Ada"), some("It was Ada who signed it."), true),
            (some("Ada"), some("Bert"), false),
            (some("12.3%"), some("12.3%"), true),
            (some("12.3%"), some("12.4%"), false),
            (some("It fell to 12.3% in 2023."), some("In 2023 it fell to 12.3%."), true),
            (some("It fell to 12.3% in 2023."), some("In 2022 it fell to 12.3%."), false),
            (some("no"), some("yes"), false),
            (some("It rose"), some("It did not: nothing rose"), false),
            (None, None, true),
            (None, some("Ada"), false),
        ] {
            assert_eq!(say_the_same(&a, &b), expected, "{a:?} {b:?}");
        }
    }

    #[test]
    fn an_answer_holds_if_it_is_proved_and_repeated() {
        let status = Status::Answered;
        let good = Checked { samples: 3, agreed: 2, citations: 1, verified: 1, status };
        assert!(good.verdict().is_ok());
        for (checked, why) in [
            (Checked { agreed: 1, ..good }, "only 1 of 3"),
            (Checked { citations: 2, ..good }, "of 2 quotes in the worker's answer the documents have 1"),
            (Checked { citations: 0, verified: 0, ..good }, "quotes nothing"),
            (Checked { status: Status::NoAnswer, ..good }, "found no answer"),
            (Checked { status: Status::Partial, ..good }, "cut off"),
        ] {
            let verdict = checked.verdict().unwrap_err();
            assert!(verdict.contains(why), "{verdict}");
        }
    }
}

//! Chooses one reply among the samples of a job: the one whose answer most of them gave.

use std::collections::BTreeMap;

use super::call::WorkerReply;

/// A job's reply and how many of its samples gave the same answer.
pub(super) struct Vote {
    pub reply: WorkerReply,
    pub agreed: u32,
    /// Samples that could be read.
    pub samples: u32,
}

/// One vote for each job, in the order of the jobs. Lost samples do not count; if all are
/// lost, the first of them is the reply and says why.
pub(super) fn of_samples(replies: Vec<WorkerReply>) -> Vec<Vote> {
    let mut jobs: BTreeMap<usize, Vec<WorkerReply>> = BTreeMap::new();
    for reply in replies {
        jobs.entry(reply.job).or_default().push(reply);
    }
    jobs.into_values().filter_map(vote).collect()
}

fn vote(replies: Vec<WorkerReply>) -> Option<Vote> {
    let samples = count(&replies, |reply| reply.lost.is_none());
    let said = |reply: &WorkerReply| reply.output.answer.as_deref().map(plain);
    let agreed =
        |reply: &WorkerReply| count(&replies, |other| other.lost.is_none() && said(other) == said(reply));
    // Among equally frequent replies one with an answer is better, then one with a citation, then the first.
    let merit = |reply: &WorkerReply| {
        let output = &reply.output;
        (reply.lost.is_none(), agreed(reply), output.answer.is_some(), output.citation.is_some())
    };
    let best = (0..replies.len()).rev().max_by_key(|&sample| merit(&replies[sample]))?;
    let agreed = if samples > 0 { agreed(&replies[best]) } else { 0 };
    Some(Vote { reply: replies.into_iter().nth(best)?, agreed, samples })
}

fn count(replies: &[WorkerReply], which: impl Fn(&WorkerReply) -> bool) -> u32 {
    u32::try_from(replies.iter().filter(|reply| which(reply)).count()).unwrap_or(u32::MAX)
}

/// The answer in a form in which two samples that mean the same are equal: without case, marks and extra spaces.
fn plain(answer: &str) -> String {
    let words: Vec<String> = answer
        .split_whitespace()
        .map(|word| word.trim_matches(['.', ',', ';', ':', '"', '\'', '(', ')']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols::minions::call::Lost;
    use crate::sandbox::JobOutput;

    fn reply(job: usize, text: &str, answer: Option<&str>, lost: bool) -> WorkerReply {
        let output = JobOutput {
            answer: answer.map(str::to_owned),
            citation: text.ends_with('!').then(|| text.to_owned()),
            ..JobOutput::default()
        };
        WorkerReply {
            job,
            output,
            text: text.to_owned(),
            asked_again: false,
            lost: lost.then_some(Lost::Unreadable),
        }
    }

    fn voted(replies: Vec<WorkerReply>) -> Vec<(String, u32, u32)> {
        of_samples(replies).into_iter().map(|vote| (vote.reply.text, vote.agreed, vote.samples)).collect()
    }

    #[test]
    fn most_samples_decide() {
        let replies = vec![
            reply(0, "a", Some("12.3%"), false),
            reply(0, "b", Some("14"), false),
            reply(0, "c!", Some(" 12.3%. "), false),
            reply(1, "d", None, false),
            reply(1, "e", None, false),
            reply(1, "f", Some("x"), false),
            reply(2, "g", None, false),
            reply(2, "h", Some("x"), false),
            reply(3, "i", None, true),
            reply(3, "j", Some("x"), false),
            reply(3, "k", None, true),
            reply(4, "l", None, true),
            reply(4, "m", None, true),
        ];
        let expected = [("c!", 2, 3), ("d", 2, 3), ("h", 1, 2), ("j", 1, 1), ("l", 0, 0)];
        assert_eq!(
            voted(replies),
            expected.map(|(text, agreed, samples)| (text.to_owned(), agreed, samples))
        );
    }
}

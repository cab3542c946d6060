//! An answer as it comes: what is told of it is what the result will hold, or it is corrected where all see it.

use std::collections::HashMap;

use super::scanner::AnswerScanner;
use crate::events::{EventKind, Purpose};
use crate::job::JobRole;

/// Said between an answer that does not count and the one that does.
const BEGUN_ANEW: &str = "\n\n[that answer was not whole; it is begun anew]\n\n";
const CORRECTED: &str = "\n\n[the answer that counts is this one]\n\n";

/// The answer of one job, which its events tell piece by piece.
#[derive(Debug, Default)]
pub struct AnswerStream {
    scanner: AnswerScanner,
    /// The call whose pieces are read.
    call: Option<u64>,
    purposes: HashMap<u64, Purpose>,
    is_last_round: bool,
    /// What is told of the answer.
    told: String,
}

impl AnswerStream {
    /// What an event adds to the text.
    pub fn take(&mut self, event: &EventKind) -> String {
        match event {
            EventKind::Round { round, of } => {
                self.is_last_round = round == of;
                String::new()
            }
            EventKind::Call { call, side, purpose, .. }
                if *side == JobRole::Supervisor || *purpose == Purpose::Answer =>
            {
                self.purposes.insert(*call, *purpose);
                self.begin(None)
            }
            EventKind::Delta { call, text, .. } => {
                let may_answer = matches!(
                    self.purposes.get(call),
                    Some(Purpose::Step | Purpose::Synthesis | Purpose::Answer)
                );
                if !may_answer {
                    return String::new();
                }
                let anew = if self.call == Some(*call) { String::new() } else { self.begin(Some(*call)) };
                let text = self.scanner.push(text);
                self.told += &text;
                anew + &text
            }
            _ => String::new(),
        }
    }

    /// A reply begins: what was told of another does not count.
    fn begin(&mut self, call: Option<u64>) -> String {
        self.call = call;
        self.scanner = AnswerScanner::new(self.is_last_round);
        if std::mem::take(&mut self.told).is_empty() { String::new() } else { BEGUN_ANEW.to_owned() }
    }

    /// What is still to be told of the answer, which is `answer`.
    pub fn end(&mut self, answer: &str) -> String {
        let rest = match answer.strip_prefix(self.told.as_str()) {
            Some(rest) => rest.to_owned(),
            None => format!("{CORRECTED}{answer}"),
        };
        answer.clone_into(&mut self.told);
        rest
    }

    /// The part of the answer that was told.
    pub fn told(&self) -> &str {
        &self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(call: u64, purpose: Purpose) -> EventKind {
        EventKind::Call { call, side: JobRole::Supervisor, purpose, endpoint: String::new() }
    }

    fn delta(call: u64, text: &str) -> EventKind {
        EventKind::Delta { call, side: JobRole::Supervisor, text: text.to_owned() }
    }

    fn told(text: &mut AnswerStream, events: &[EventKind]) -> String {
        events.iter().map(|event| text.take(event)).collect()
    }

    const REPLY: &str = r#"{"decision": "provide_final_answer", "answer": "It fell"#;

    #[test]
    fn only_the_supervisors_conclusion_is_told() {
        let mut text = AnswerStream::default();
        let worker = EventKind::Delta { call: 2, side: JobRole::Worker, text: REPLY.to_owned() };
        let events = [
            call(1, Purpose::Program),
            delta(1, REPLY),
            worker,
            call(3, Purpose::Synthesis),
            delta(3, &REPLY[..20]),
            delta(3, &REPLY[20..]),
        ];
        assert_eq!(told(&mut text, &events), "It fell");
        assert_eq!(text.end("It fell by 2 %."), " by 2 %.");
    }

    #[test]
    fn a_worker_that_answers_alone_is_told() {
        let mut text = AnswerStream::default();
        let side = JobRole::Worker;
        let asked = |call, purpose| EventKind::Call { call, side, purpose, endpoint: String::new() };
        let said = |call, text: &str| EventKind::Delta { call, side, text: text.to_owned() };
        let reply = r#"{"explanation": "e", "answer": "Ada", "citations": []}"#;
        let round = EventKind::Round { round: 1, of: 1 };
        let events =
            [asked(1, Purpose::FollowUp), said(1, REPLY), round, asked(2, Purpose::Answer), said(2, reply)];
        assert_eq!(told(&mut text, &events), "Ada");
        assert_eq!(text.end("Ada"), "");
    }

    #[test]
    fn what_does_not_count_is_corrected() {
        let mut text = AnswerStream::default();
        let again = [call(1, Purpose::Step), delta(1, REPLY), call(2, Purpose::Step), delta(2, REPLY)];
        assert_eq!(told(&mut text, &again), format!("It fell{BEGUN_ANEW}It fell"));
        assert_eq!(text.end("It rose."), format!("{CORRECTED}It rose."));
        // A connection that broke begins the same call again.
        let mut text = AnswerStream::default();
        let again = [call(1, Purpose::Step), delta(1, REPLY), call(1, Purpose::Step), delta(1, REPLY)];
        assert_eq!(told(&mut text, &again), format!("It fell{BEGUN_ANEW}It fell"));
        assert_eq!(text.end("It fell"), "");
    }

    #[test]
    fn an_answer_that_was_not_streamed_comes_at_the_end() {
        let mut text = AnswerStream::default();
        assert_eq!(told(&mut text, &[call(1, Purpose::Step), delta(1, "{\"decision\"")]), "");
        assert_eq!(text.end("Ada"), "Ada");
    }
}

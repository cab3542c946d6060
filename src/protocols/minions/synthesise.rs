//! The supervisor draws the answer, or says what is still missing.

use serde_json::{Map, Value, json};

use super::{Memory, Minions};
use crate::chat::Format;
use crate::events::Purpose;
use crate::prompts::{self, Slot};
use crate::protocols::ask::{Judged, Supervisor, schema};
use crate::protocols::{Assignment, ProtocolError, Transcript, reply};

/// What the supervisor makes of a round.
#[derive(Default)]
pub(super) struct Verdict {
    pub answer: Option<String>,
    pub explanation: Option<String>,
    pub feedback: Option<String>,
    pub scratchpad: Option<String>,
    /// The program of the next round, if it asks for one and wrote it.
    pub program: Option<String>,
}

impl Minions<'_> {
    pub(super) async fn synthesise(
        &self,
        round: u32,
        answers: &str,
        has_jobs: bool,
        memory: &Memory,
        transcript: &Transcript,
    ) -> Result<Verdict, ProtocolError> {
        let Assignment { prompts, max_rounds, .. } = self.assignment;
        let last = round == max_rounds;
        let scratchpad = match &memory.scratchpad {
            Some(notes) => format!("\nYour notes from earlier rounds: {notes}\n"),
            None => String::new(),
        };
        let copies =
            if has_jobs { prompts.fill(&prompts::MINIONS_COPIES, &[]).text + " " } else { String::new() };
        let prompt = if last { prompts::MINIONS_SYNTHESISE_LAST } else { prompts::MINIONS_SYNTHESISE };
        let prompt = prompts.fill(
            &prompt,
            &[
                ("task", self.assignment.task()),
                ("metadata", Slot::Filled(&self.metadata())),
                ("answers", Slot::Other(answers)),
                ("copies", Slot::Own(&copies)),
                ("scratchpad", Slot::Own(&scratchpad)),
                ("round", Slot::Own(&round.to_string())),
                ("rounds", Slot::Own(&max_rounds.to_string())),
            ],
        );
        Supervisor::new(&self.assignment, Purpose::Synthesis, transcript)
            .ask(prompt, &format(last), |reply| verdict(reply, last))
            .await
    }
}

fn format(last: bool) -> Format {
    let text_or_null = json!({"type": ["string", "null"]});
    let decisions: &[&str] =
        if last { &["provide_final_answer"] } else { &["provide_final_answer", "request_additional_info"] };
    let mut keys = json!({
        "explanation": {"type": "string"},
        "decision": {"type": "string", "enum": decisions},
        "answer": if last { json!({"type": "string"}) } else { text_or_null.clone() },
        "feedback": text_or_null,
        "scratchpad": text_or_null,
    });
    if !last {
        keys["program"] = text_or_null;
    }
    schema("verdict", keys)
}

fn verdict(mut reply: Map<String, Value>, last: bool) -> Judged<Verdict> {
    let answer = reply::text(reply.remove("answer"));
    let decision = reply::decision(reply.remove("decision"), last && answer.is_some());
    let verdict = Verdict {
        answer: None,
        explanation: reply::text(reply.remove("explanation")),
        feedback: reply::text_or_nothing(reply.remove("feedback")),
        scratchpad: reply::text_or_nothing(reply.remove("scratchpad")),
        // The backslash of a pattern's `\b`, written once, is JSON's own.
        program: reply::text_or_nothing(reply.remove("program")).map(|code| code.replace('\u{8}', "\\b")),
    };
    match (decision.as_str(), answer) {
        ("provide_final_answer", Some(answer)) => Judged::Usable(Verdict { answer: Some(answer), ..verdict }),
        ("provide_final_answer", None) => Judged::missing("answer"),
        ("request_additional_info", _) if !last => Judged::Usable(verdict),
        ("request_additional_info", _) => Judged::Poor(
            "this was the last round, so \"decision\" must be \"provide_final_answer\"".into(),
            Some(verdict),
        ),
        (other, _) => Judged::no_decision(other),
    }
}

//! Thirty follow-ups become questions that stand alone: a strong model's replies, judged.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::program::{Program, job};
use crate::support::server::Server;
use crate::support::wire::openai;

/// The fewest that have to be right.
const RIGHT: usize = 27;

#[derive(Deserialize)]
struct FollowUp {
    id: String,
    turns: Vec<(String, String)>,
    #[serde(default)]
    summary: String,
    message: String,
    must: Vec<Vec<String>>,
    must_not: Vec<String>,
}

#[derive(Clone, Deserialize)]
struct Taped {
    prompt_sha256: String,
    reply: String,
}

impl FollowUp {
    fn all() -> Vec<Self> {
        serde_json::from_str(include_str!("../follow_ups/set.json")).unwrap()
    }

    fn history(&self) -> Value {
        let turn = |(query, answer): &(String, String)| json!({"query": query, "remote_output": answer});
        json!({"turns": self.turns.iter().map(turn).collect::<Vec<_>>(), "summary": self.summary})
    }

    /// Whether `question` means what the follow-up means.
    fn is_right(&self, question: &str) -> bool {
        let question = question.to_lowercase();
        let has = |words: &String| question.contains(&words.to_lowercase());
        self.must.iter().all(|words| words.iter().any(has)) && !self.must_not.iter().any(has)
    }
}

fn sha256(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn follow_ups_become_questions_that_stand_alone() {
    let tape: BTreeMap<String, Taped> =
        serde_json::from_str(include_str!("../follow_ups/tape.json")).unwrap();
    let by_prompt: BTreeMap<_, _> =
        tape.values().map(|taped| (taped.prompt_sha256.clone(), taped.reply.clone())).collect();
    let server = Server::start(move |request| {
        let prompt = request.prompt();
        let asks =
            json!({"reasoning": "r", "message": "Which?", "decision": "provide_final_answer", "answer": "A"});
        match prompt.contains("<message>") {
            true => openai(
                request,
                by_prompt.get(&sha256(&prompt)).map_or("not on the tape: ask and judge anew", |reply| reply),
            ),
            false => openai(request, &asks.to_string()),
        }
    });
    let all = FollowUp::all();
    assert_eq!(all.len(), 30);
    let line = |follow_up: &FollowUp| {
        let params = json!({"task": follow_up.message, "context": ["A report."], "history": follow_up.history(), "max_rounds": 1});
        let mut job = job(&server, "minion", params);
        job["custom_id"] = json!(follow_up.id);
        format!("{job}\n")
    };
    let ran = Program::new().args(["batch", "--ordered"]).run(all.iter().map(line).collect::<String>());
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let mut wrong = Vec::new();
    for (follow_up, line) in all.iter().zip(ran.stdout.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["custom_id"], follow_up.id);
        let question = line["result"]["standalone_task"].as_str().unwrap();
        if !follow_up.is_right(question) {
            wrong.push(format!("{}: {question}", follow_up.id));
        }
    }
    assert!(all.len() - wrong.len() >= RIGHT, "{wrong:#?}");
}

//! A question with its documents and what is known to be its answer.

use serde_json::{Map, Value};

use crate::gold::Gold;
use crate::problem::{Problem, known_keys};

/// A question.
#[derive(Clone, Debug)]
pub struct Question {
    /// What tables call it.
    pub id: String,
    /// The question itself.
    pub task: String,
    /// What of it belongs into a job's `call_params`.
    pub call_params: Map<String, Value>,
    /// What is known to be the answer.
    pub answer: Gold,
    /// The author's words about it, for people.
    pub note: Option<String>,
}

/// Keys that go into a job as they are.
const OF_JOBS: [&str; 4] = ["task", "context", "context_files", "doc_metadata"];
const KEYS: [&str; 7] = ["id", "task", "context", "context_files", "doc_metadata", "answer", "note"];

/// Longest name.
const LONGEST_ID: usize = 64;

impl Question {
    /// Reads `{"id", "task", "context_files", "context", "doc_metadata", "answer", "note"}`.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to do.
    pub fn parse(value: &Value) -> Result<Self, Problem> {
        let Some(fields) = value.as_object() else {
            return Err(Problem::new(
                "",
                "must be an object",
                "{\"id\": \"a\", \"task\": \"...\", \"context_files\": [\"a.txt\"], \"answer\": {\"exact\": \"...\"}}",
            ));
        };
        known_keys("", fields, &KEYS)?;
        let text = |key: &str, why: &str| match fields.get(key) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.trim().to_owned()),
            Some(_) => Err(Problem::new(key, "must be a text that is not empty", why)),
            None => Err(Problem::new("", format!("has no {key:?}"), why)),
        };
        let id = text("id", "a short name, by which tables and results know it")?;
        if id.chars().count() > LONGEST_ID || id.contains(|c: char| c.is_control() || c == '/' || c == '#') {
            let problem = format!("must have at most {LONGEST_ID} characters, without / and #");
            return Err(Problem::new("id", problem, "a short name, by which tables and results know it"));
        }
        let task = text("task", "the question itself")?;
        let answer = fields.get("answer").ok_or_else(|| {
            Problem::new(
                "",
                "has no \"answer\"",
                "what is known to be right: {\"number\": 12}, {\"none\": true} and others: docs/quality.md",
            )
        })?;
        let note = match fields.get("note") {
            None => None,
            Some(Value::String(note)) => Some(note.clone()),
            Some(_) => {
                return Err(Problem::new("note", "must be a text", "words about the question, for people"));
            }
        };
        let of_job =
            |(key, value): (&String, &Value)| OF_JOBS.contains(&&**key).then(|| (key.clone(), value.clone()));
        Ok(Self {
            id,
            task,
            call_params: fields.iter().filter_map(of_job).collect(),
            answer: Gold::parse("answer", answer)?,
            note,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_question_is_read() {
        let question = Question::parse(&json!({
            "id": "ships", "task": " Which? ", "context_files": ["a.txt"], "doc_metadata": "A log.",
            "answer": {"set": ["Aurora", ["Hermine", "HMS Hermine"]]}, "note": "p. 3",
        }))
        .unwrap();
        assert_eq!((&*question.id, &*question.task), ("ships", "Which?"));
        let keys: Vec<&str> = question.call_params.keys().map(String::as_str).collect();
        assert_eq!(keys, ["task", "context_files", "doc_metadata"]);
        assert_eq!(question.answer.shown(), "Aurora, Hermine");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_its_remedy() {
        let answer = |answer: Value| json!({"id": "a", "task": "t", "answer": answer});
        for (question, problem, hint) in [
            (json!([]), "the question must be an object", "\"task\""),
            (json!({"task": "t", "answer": {"none": true}}), "has no \"id\"", "short name"),
            (json!({"id": "a/b", "task": "t", "answer": {"none": true}}), "id must have", "short name"),
            (json!({"id": "a", "answer": {"none": true}}), "has no \"task\"", "question itself"),
            (json!({"id": "a", "task": 3, "answer": {"none": true}}), "task must be a text", ""),
            (json!({"id": "a", "task": "t"}), "has no \"answer\"", "docs/quality.md"),
            (json!({"id": "a", "task": "t", "anser": {}}), "\"anser\"", "did you mean \"answer\"?"),
            (json!({"id": "a", "task": "t", "colour": {}}), "\"colour\"", "there are id, task"),
            (answer(json!("Ada")), "answer must be an object", "exact"),
            (answer(json!({})), "names no kind", "exact"),
            (answer(json!({"numbr": 1})), "\"numbr\"", "did you mean \"number\"?"),
            (answer(json!({"number": 1, "exact": "a"})), "exact and number", "all"),
            (answer(json!({"number": "many"})), "answer.number must be a number", "unit"),
            (answer(json!({"number": 1, "tolerance": "some"})), "answer.tolerance can't be", "1%"),
            (answer(json!({"number": 1, "tolerance": -1})), "answer.tolerance can't be", "1%"),
            (answer(json!({"number": 1, "units": "days"})), "\"units\"", "did you mean \"unit\"?"),
            (answer(json!({"exact": "a", "unit": "days"})), "\"unit\"", "there are exact"),
            (answer(json!({"set": []})), "answer.set is empty", "none"),
            (answer(json!({"set": ["a", "--"]})), "answer.set[1] has no letter", "regex"),
            (answer(json!({"contains": ["a", []]})), "answer.contains[1] is empty", ""),
            (answer(json!({"regex": "("})), "answer.regex is no regular expression", "(?i)"),
            (answer(json!({"none": false})), "answer.none must be true", ""),
            (answer(json!({"judge": ""})), "answer.judge must be a text", ""),
            (answer(json!({"all": [{"none": true}]})), "answer.all[0] can't be a part", ""),
            (answer(json!({"all": []})), "answer.all must be a list", ""),
        ] {
            let found = Question::parse(&question).unwrap_err();
            assert!(
                found.to_string().contains(problem) && found.hint.contains(hint),
                "{question}: {found:?}"
            );
        }
    }
}

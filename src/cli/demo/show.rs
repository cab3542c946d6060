//! A finished run of the `minions` protocol as text for people.

use std::time::Duration;

use serde_json::Value;

use crate::cli::columns;
use crate::cli::digits::grouped;

/// Columns of a line at most.
const WIDTH: usize = 96;
/// Lines of a program that are shown: its first ones and its last ones.
const PROGRAM: (usize, usize) = (3, 7);

/// A run that has its answer, and what it was about.
pub(super) struct Run<'a> {
    /// As it came, with one document.
    pub job: &'a Value,
    pub document: &'a str,
    /// Who answered and when.
    pub recorded: &'a str,
    /// As the envelope has it.
    pub result: &'a Value,
    /// The time that the replay took.
    pub took: Duration,
}

/// The run as text in lines of at most [`WIDTH`] columns, or of the terminal's; `bold` marks its headings for a terminal.
pub(super) fn text(run: &Run<'_>, bold: bool) -> String {
    let mut page = Page { text: String::new(), bold, width: columns::width().min(WIDTH) };
    opening(&mut page, run);
    question(&mut page, run);
    for round in list(&run.result["meta"]) {
        self::round(&mut page, round);
    }
    quotes(&mut page, run);
    page.heading("ANSWER");
    page.paragraph("  ", "  ", word(&run.result["final_answer"]));
    saved(&mut page, run.result);
    page.text
}

fn opening(page: &mut Page, run: &Run<'_>) {
    let opening = format!(
        "A recorded run, replayed in {:.2} s without a model, a key or a network. Only the models' answers \
         are recorded; the program in its sandbox, the check of the quotes and the count of what left the \
         machine ran just now.",
        run.took.as_secs_f64()
    );
    page.paragraph("", "", &opening);
    page.paragraph("", "", run.recorded);
}

fn question(page: &mut Page, run: &Run<'_>) {
    let asked = &run.job["call_params"];
    page.heading("QUESTION");
    page.paragraph("  ", "  ", word(&asked["task"]));
    let characters = grouped(run.document.chars().count() as u64);
    let document = format!("Document: {} {characters} characters.", word(&asked["doc_metadata"]));
    page.paragraph("  ", "  ", &document);
}

fn round(page: &mut Page, round: &Value) {
    page.heading(&format!("ROUND {}", round["round"]));
    page.paragraph(
        "  ",
        "  ",
        "The supervisor is not sent the document. It writes a program that cuts it into parts and asks the \
         worker about them:",
    );
    page.gap();
    program(page, word(&round["program"]));
    page.gap();
    let jobs = list(&round["local"]["jobs"]);
    let answered = jobs.iter().filter(|job| is_answered(job)).count();
    let made = format!(
        "It makes {} jobs, each a part and a question. The worker answers {answered}; in the other parts it \
         finds nothing of what is asked:",
        jobs.len()
    );
    page.paragraph("  ", "  ", &made);
    for (task, answered, jobs) in tasks(jobs) {
        page.paragraph(&format!("  {answered} of {jobs}  "), "          ", task);
    }
    let remote = &round["remote"];
    let read = match remote["feedback"].as_str() {
        None => "The supervisor reads these answers with their quotes, and decides:",
        Some(_) => "The supervisor reads these answers with their quotes, and wants more:",
    };
    page.paragraph("  ", "  ", read);
    page.paragraph("    ", "    ", remote["feedback"].as_str().unwrap_or(word(&remote["explanation"])));
}

/// The first and the last lines of a program.
fn program(page: &mut Page, program: &str) {
    let lines: Vec<&str> = program.trim_end().lines().collect();
    let (first, last) = PROGRAM;
    let left_out = lines.len().saturating_sub(first + last);
    for (at, line) in lines.iter().enumerate() {
        match at {
            _ if left_out < 2 || at < first || at >= first + left_out => page.line(&format!("    {line}")),
            _ if at == first => page.line(&format!("        ... ({left_out} lines)")),
            _ => {}
        }
    }
}

/// The tasks of jobs in their order, each with how many of its jobs are answered, and how many there are.
fn tasks(jobs: &[Value]) -> Vec<(&str, usize, usize)> {
    let mut tasks: Vec<(&str, usize, usize)> = Vec::new();
    for job in jobs {
        let task = word(&job["manifest"]["task"]);
        let at = tasks.iter().position(|(known, ..)| *known == task).unwrap_or(tasks.len());
        if at == tasks.len() {
            tasks.push((task, 0, 0));
        }
        tasks[at].1 += usize::from(is_answered(job));
        tasks[at].2 += 1;
    }
    tasks
}

fn is_answered(job: &Value) -> bool {
    !job["output"]["answer"].is_null()
}

fn quotes(page: &mut Page, run: &Run<'_>) {
    let evidence = list(&run.result["evidence"]);
    let verified = evidence.iter().filter(|quote| quote["verified"] == true).count();
    let all = evidence.len();
    page.heading(&format!("QUOTES, looked up in the document: {verified} of {all} verified"));
    for quote in evidence {
        let line = quote["start"].as_u64().map(|start| line_of(run.document, start));
        let place = match (quote["verified"] == true, line) {
            (true, Some(line)) => format!("line {line}"),
            (false, Some(line)) => format!("unverified, perhaps line {line}"),
            (_, None) => "not in the document".to_owned(),
        };
        let found = format!("{place}: {}", answer_to(run.result, quote));
        page.paragraph("  ", "  ", &found);
        page.paragraph("    \"", "     ", &format!("{}\"", word(&quote["citation"])));
    }
}

/// The line that a character of the document is in, from 1.
fn line_of(document: &str, character: u64) -> usize {
    let before = usize::try_from(character).unwrap_or(usize::MAX);
    1 + document.chars().take(before).filter(|character| *character == '\n').count()
}

/// What the worker answered when it gave a quote.
fn answer_to<'a>(result: &'a Value, quote: &Value) -> &'a str {
    let rounds = list(&result["meta"]).iter().filter(|round| round["round"] == quote["round"]);
    let mut jobs = rounds.flat_map(|round| list(&round["local"]["jobs"]));
    let job = jobs.find(|job| job["manifest"]["job_id"] == quote["job_id"]);
    job.map_or("", |job| word(&job["output"]["answer"]))
}

fn saved(page: &mut Page, result: &Value) {
    page.heading("SAVED");
    let number = |at: &str| result.pointer(at).and_then(Value::as_u64).unwrap_or_default();
    let ratio = result["savings"]["ratio"].as_f64().unwrap_or_default();
    let remote = format!(
        "{}; sending the document would have taken {} ({ratio:.1} times as many)",
        grouped(number("/savings/remote/total_tokens")),
        grouped(number("/savings/remote_only/total_tokens"))
    );
    page.paragraph("  Remote tokens:         ", "    ", &remote);
    let (left, all) = (number("/egress/context_chars"), number("/egress/of_context_chars"));
    page.line(&format!(
        "  Characters that left:  {} of the document's {} ({:.1}%)",
        grouped(left),
        grouped(all),
        100.0 * left as f64 / all.max(1) as f64
    ));
    page.line(&format!("  Local tokens:          {}", grouped(number("/local_usage/total_tokens"))));
}

/// What is written so far.
struct Page {
    text: String,
    bold: bool,
    /// Columns.
    width: usize,
}

impl Page {
    /// A heading with an empty line before it.
    fn heading(&mut self, heading: &str) {
        let (on, off) = if self.bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.gap();
        self.line(&format!("{on}{heading}{off}"));
    }

    /// Words in lines that are not too long: the first begins with `first`, the others with `rest`.
    fn paragraph(&mut self, first: &str, rest: &str, words: &str) {
        let mut line = first.to_owned();
        let mut is_begun = false;
        for word in words.split_whitespace() {
            if is_begun && line.chars().count() + 1 + word.chars().count() > self.width {
                self.line(&line);
                rest.clone_into(&mut line);
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
            }
            line += word;
            is_begun = true;
        }
        self.line(&line);
    }

    /// A line, cut off where it is too long.
    fn line(&mut self, line: &str) {
        let is_long = line.chars().count() > self.width;
        let end = line.char_indices().nth(self.width - 3).map_or(line.len(), |(at, _)| at);
        self.text += if is_long { &line[..end] } else { line };
        self.text += if is_long { "...\n" } else { "\n" };
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(bold: bool) -> String {
        let job = json!({"call_params": {"task": "Which ship? ".repeat(20), "doc_metadata": "A log."}});
        let lines: String = (0..20).map(|line| format!("line_{line} = 0{}\n", " + 0".repeat(40))).collect();
        let worker_job = |job_id: u32, answer: Value| {
            json!({
                "manifest": {"job_id": job_id, "task": "Which?"}, "output": {"answer": answer},
            })
        };
        let round = |round: u32, feedback: Value| {
            json!({
                "round": round, "program": lines,
                "local": {"jobs": [worker_job(0, json!("the Aurora")), worker_job(1, Value::Null)]},
                "remote": {"explanation": "It is named.", "feedback": feedback},
            })
        };
        let quote = |start: Value, verified: bool| {
            json!({
                "round": 2, "job_id": 0, "citation": "The Aurora lay", "start": start, "verified": verified,
            })
        };
        let result = json!({
            "final_answer": "the Aurora", "meta": [round(1, json!("Look for ports.")), round(2, Value::Null)],
            "evidence": [quote(json!(7), true), quote(json!(0), false), quote(Value::Null, false)],
            "savings": {
                "remote": {"total_tokens": 1000}, "remote_only": {"total_tokens": 1_234_567}, "ratio": 1234.57,
            },
        });
        let run = Run {
            job: &job,
            document: "Brest.\nThe Aurora lay.\n",
            recorded: "Recorded today.",
            result: &result,
            took: Duration::from_millis(5),
        };
        text(&run, bold)
    }

    #[test]
    fn each_round_and_each_quote_is_told() {
        let text = shown(false);
        for told in [
            "replayed in 0.01 s",
            "ROUND 1\n",
            "ROUND 2\n",
            "    line_2 = 0",
            "        ... (10 lines)\n    line_13 = 0",
            "It makes 2 jobs, each a part and a question. The worker answers 1;",
            "  1 of 2  Which?\n",
            "wants more:\n    Look for ports.\n",
            "decides:\n    It is named.\n",
            "1 of 3 verified",
            "  line 2: the Aurora\n    \"The Aurora lay\"\n",
            "  unverified, perhaps line 1: the Aurora\n",
            "  not in the document: the Aurora\n",
            "1,000; sending the document would have taken 1,234,567 (1234.6 times as\n    many)\n",
        ] {
            assert!(text.contains(told), "{told}\n{text}");
        }
        assert!(!text.contains("line_3 =") && !text.contains("line_12 ="), "{text}");
    }

    #[test]
    fn lines_are_short_and_marked_on_a_terminal_only() {
        let text = shown(false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(!text.contains('\x1b'));
        assert!(shown(true).contains("\x1b[1mANSWER\x1b[0m\n"));
        assert_eq!(shown(true).replace("\x1b[1m", "").replace("\x1b[0m", ""), text);
    }
}

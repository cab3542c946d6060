//! Lines that the help and the documentation show for pasting work when they are pasted.

use serde_json::{Value, json};

use crate::support::program::{Program, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::openai;

const HEAD: &str = "Lines to paste into a job:\n";
/// The pages that have what the help shows.
const DOCS: &str = concat!(
    include_str!("../../docs/job.md"),
    include_str!("../../docs/batch.md"),
    include_str!("../../docs/egress.md"),
    include_str!("../../docs/record-replay.md")
);
const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which?') for doc in context]
```";

/// Each line and what it is for: `call_params`, `protocol` or the job.
fn lines(text: &str) -> Vec<(String, String)> {
    let (_, block) = text.split_once(HEAD).unwrap();
    let mut part = String::new();
    let mut lines = Vec::new();
    for line in block.lines().take_while(|line| !line.trim().is_empty()) {
        match line.strip_prefix("  ") {
            None => part = line.trim_start_matches("For ").trim_matches([':', '"']).to_owned(),
            // Words about it stand apart.
            Some(line) => lines.push((part.clone(), line.split("   ").next().unwrap().to_owned())),
        }
    }
    lines
}

fn server(protocol: &str) -> Server {
    let first = match protocol {
        "minion" => json!({"reasoning": "r", "message": "Who?"}).to_string(),
        _ => PROGRAM.to_owned(),
    };
    let answer = json!({
        "reasoning": "r", "explanation": "e", "decision": "provide_final_answer", "message": null, "answer": "Ada",
    });
    scripted(vec![first, answer.to_string()], |request| match request.path.ends_with("/embeddings") {
        true => Reply::text(500, "no texts are embedded"),
        false => openai(request, r#"{"explanation": "e", "citation": "Signed: Ada", "answer": "Ada"}"#),
    })
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

#[test]
fn every_line_of_the_help_can_be_pasted() {
    let help = Program::new().args(["--help"]).run("").stdout;
    let lines = lines(&help);
    assert_eq!(lines.len(), 11, "{lines:?}");
    for (part, line) in lines {
        let pasted: Value =
            serde_json::from_str(&format!("{{{line}}}")).unwrap_or_else(|error| panic!("{line}: {error}"));
        let protocol = if line.contains("images") { "minion" } else { "minions" };
        let server = server(protocol);
        let mut job = job(&server, protocol, json!({"task": "Who signed?", "context": ["Signed: Ada."]}));
        let at = match part.as_str() {
            "the job" => &mut job,
            part => &mut job[part],
        };
        merge(at, pasted);
        // Dollars need prices, which another line has.
        merge(&mut job, json!({"protocol": {"kwargs": {"prices": {"input": 1, "output": 1}}}}));
        let program = Program::new();
        std::fs::write(program.dir.path().join("scan.png"), b"\x89PNG\r\n\x1a\n").unwrap();
        std::fs::write(program.dir.path().join("my_worker.md"), "Answer in JSON.\n").unwrap();
        std::fs::write(program.dir.path().join("report.pdf"), "Signed: Ada.").unwrap();
        std::fs::create_dir(program.dir.path().join("src")).unwrap();
        std::fs::write(program.dir.path().join("src/main.rs"), "fn main() {}\n").unwrap();
        let ran = program.run_job(&job);
        assert_eq!(ran.code, Some(0), "{line}: {}", ran.stdout);
        let result = ran.result();
        assert_eq!(result["final_answer"], "Ada", "{line}");
        assert!(result["egress"].is_object() && result["savings"].is_object());
        assert!(DOCS.contains(&line), "{line} is missing in docs/");
    }
}

#[test]
fn every_command_of_the_help_can_be_pasted() {
    let help = Program::new().args(["--help"]).run("").stdout;
    // The names of files are the reader's own; what is tested is that the words before them are understood.
    for (command, args) in [
        ("minions providers", vec!["providers"]),
        (
            "minions --max-egress-bytes 20000 --record tape",
            vec!["--max-egress-bytes", "20000", "--record", "tape"],
        ),
        ("minions --replay tape", vec!["--replay", "tape"]),
        ("minions batch --resume out.jsonl", vec!["batch", "--resume", "out.jsonl"]),
    ] {
        assert!(help.contains(command), "{command}");
        for word in args.iter().filter(|word| word.starts_with("--")) {
            assert!(DOCS.contains(word), "{word} is missing in docs/");
        }
        if command.contains("--replay") {
            continue;
        }
        let server = server("minion");
        let job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Signed: Ada."]}));
        let program = Program::new();
        std::fs::write(program.dir.path().join("out.jsonl"), "").unwrap();
        let ran = program.args(args).run(job.to_string());
        assert_eq!(ran.code, Some(0), "{command}: {} {}", ran.stdout, ran.stderr);
    }
}

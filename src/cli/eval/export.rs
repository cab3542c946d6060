//! A report for programs: JSON, or a line of CSV for each run.

use serde_json::{Value, json};

use super::report::{End, Report, RunReport};

/// The report as one JSON object.
pub(super) fn json(report: &Report) -> Value {
    let configurations: Vec<Value> =
        (0..report.configurations.len()).map(|at| configuration(report, at)).collect();
    let comparisons: Vec<Value> = (1..report.configurations.len())
        .map(|at| {
            let it = report.comparison(at);
            json!({
                "configuration": report.configurations[at], "beside": report.configurations[0],
                "better": it.better, "worse": it.worse, "same": it.same, "p": it.p,
            })
        })
        .collect();
    json!({
        "complete": report.open() == 0,
        "replay": report.is_replay,
        "questions": report.questions.len(),
        "repeats": report.repeats,
        "judge": report.judge,
        "configurations": configurations,
        "comparisons": comparisons,
        "runs": report.runs.iter().map(|it| run(report, it)).collect::<Vec<_>>(),
    })
}

fn configuration(report: &Report, at: usize) -> Value {
    let it = report.sums(at);
    let interval = report.interval(at).map(|(low, high)| [low, high]);
    json!({
        "name": report.configurations[at],
        "runs": it.runs, "right": it.right, "partly": it.partly, "wrong": it.wrong, "failed": it.failed, "open": it.open,
        "right_interval_95": interval,
        "varying_questions": report.varying(at),
        "mean": {
            "remote_tokens": it.remote_tokens, "local_tokens": it.local_tokens,
            "remote_only_tokens": it.remote_only_tokens, "usd": it.usd, "rounds": it.rounds,
            "seconds": it.seconds, "egress_chars": it.egress_chars,
        },
        "citations": it.citations, "citations_verified": it.verified,
        "judge_tokens": it.judge_tokens, "judge_usd": it.judge_usd,
    })
}

fn run(report: &Report, run: &RunReport) -> Value {
    let known = &report.questions[run.question];
    let mut value = json!({
        "id": known.id, "configuration": report.configurations[run.configuration], "repeat": run.repeat,
        "task": known.task, "known": known.gold, "note": known.note,
    });
    match &run.end {
        End::Open => value["verdict"] = "open".into(),
        End::Failed(why) => {
            value["verdict"] = "failed".into();
            value["error"] = why.clone().into();
        }
        End::Scored { outcome: it, score, mark } => {
            let evidence = it.evidence_summary.unwrap_or_default();
            let more = json!({
                "verdict": score.verdict, "why": score.why, "answer": it.final_answer, "status": it.status,
                "remote_tokens": it.remote_usage.total_tokens, "local_tokens": it.local_usage.total_tokens,
                "remote_only_tokens": it.savings.as_ref().map(|savings| savings.remote_only.total_tokens),
                "usd": it.savings.as_ref().and_then(|savings| savings.usd).map(|usd| usd.remote),
                "rounds": it.rounds, "seconds": (!report.is_replay).then_some(it.timing.total_time),
                "egress_chars": it.egress.context_chars, "egress_bytes": it.egress.bytes,
                "citations": evidence.citations, "citations_verified": evidence.verified,
                "judge_tokens": mark.as_ref().map(|mark| mark.tokens), "judge_usd": mark.as_ref().and_then(|mark| mark.usd),
            });
            if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
                value.extend(more);
            }
        }
    }
    value
}

const COLUMNS: [&str; 20] = [
    "configuration",
    "id",
    "repeat",
    "verdict",
    "why",
    "answer",
    "known",
    "remote_tokens",
    "local_tokens",
    "usd",
    "rounds",
    "seconds",
    "egress_chars",
    "egress_bytes",
    "citations",
    "citations_verified",
    "judge_tokens",
    "judge_usd",
    "status",
    "error",
];

/// A head, and a line for each run.
pub(super) fn csv(report: &Report) -> String {
    let mut text = format!("{}\r\n", COLUMNS.join(","));
    for run in report.runs.iter().map(|it| self::run(report, it)) {
        let cells = COLUMNS.iter().map(|column| match &run[*column] {
            Value::Null => String::new(),
            Value::String(text) => quoted(text),
            value => value.to_string(),
        });
        text += &cells.collect::<Vec<_>>().join(",");
        text += "\r\n";
    }
    text
}

/// A text in quotes, as RFC 4180 has them. What a sheet would take for a formula is none.
fn quoted(text: &str) -> String {
    let shield = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{shield}{}\"", text.replace('"', "\"\""))
}

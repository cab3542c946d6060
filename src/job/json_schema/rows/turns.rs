//! The fields of `call_params.history`.

use super::super::Form::{Anything, Count, Flag, OneOf, Text};
use super::{Row, row};

/// No conversation has more turns.
const MANY: u64 = 1_000_000_000;

/// The fields of a history and of its turns.
pub(super) const OF_HISTORY: &[Row] = &[
    row(
        "history",
        "turns",
        Anything,
        "",
        r#"[{"query": "Who signed?", "remote_output": "Ada."}]"#,
        "The turns, in order.",
    ),
    row(
        "history",
        "summary",
        Text,
        "",
        r#""They asked who signed.""#,
        "What the turns were about that are shown no more.",
    ),
    row("history", "max_turns", Count(0, MANY), "", "10", "Turns that models are shown word by word."),
    row("history", "turns_since_last_summary", Count(0, MANY), "", "1", "Given back as it came."),
    row("history", "turns_per_summary", Count(0, MANY), "", "1", "Given back as it came."),
    row("history", "summarize_older_turns", Flag, "", "true", "Whether older turns are summed up."),
    row("history", "summarized_turns", Count(0, MANY), "", "0", "So many turns are in the summary."),
    row("turn", "query", Text, "", r#""Who signed?""#, "The question."),
    row("turn", "remote_output", Text, "", r#""Ada.""#, "The answer."),
    row("turn", "local_output", Text, "", r#""Signed: Ada.""#, "What the worker said."),
    row("turn", "timestamp", Text, "", r#""2026-11-26T10:00:00""#, "When."),
    row(
        "turn",
        "standalone_task",
        Text,
        "",
        r#""Who signed the contract?""#,
        "The question as it stood alone.",
    ),
    row(
        "turn",
        "status",
        OneOf(&["answered", "no_answer", "partial", "failed"]),
        "",
        r#""answered""#,
        "How the turn ended.",
    ),
    row(
        "turn",
        "evidence",
        Anything,
        "",
        r#"[{"citation": "Signed: Ada", "source": "a.pdf"}]"#,
        "The quotes of the answer.",
    ),
];

//! Every field of a job, with what it is: what an editor shows, and what the tests hold the parser to.
//!
//! The lists of keys are the parser's. A test compares the two, and tries the limits of each row on the parser.

mod clients;
mod protocols;
mod turns;

use super::Form::{self, Anything, Count, Flag, List, Number, Object, OneOf, Text, Unused};

/// One field.
pub(super) struct Row {
    /// The object that it stands in, as [`super::AREAS`] names them.
    pub area: &'static str,
    pub key: &'static str,
    pub form: Form,
    /// What holds where it is left out, as JSON; empty if there is nothing.
    pub default: &'static str,
    /// A value, as JSON.
    pub example: &'static str,
    pub about: &'static str,
}

/// Every field, but for those of the original that are taken without effect.
pub(super) fn rows() -> impl Iterator<Item = &'static Row> {
    OF_JOBS.iter().chain(protocols::OF_PROTOCOLS).chain(clients::OF_CLIENTS).chain(turns::OF_HISTORY)
}

const fn row(
    area: &'static str,
    key: &'static str,
    form: Form,
    default: &'static str,
    example: &'static str,
    about: &'static str,
) -> Row {
    Row { area, key, form, default, example, about }
}

/// The most tokens, bytes and the like.
const MOST: u64 = u64::MAX;
const NARROW: u64 = u32::MAX as u64;
const CHUNKERS: &[&str] = &[
    "chunk_by_section",
    "chunk_by_page",
    "chunk_by_paragraph",
    "chunk_by_code",
    "chunk_by_function_and_class",
];

/// The fields of a job, but for those of its clients and of its protocol.
const OF_JOBS: &[Row] = &[
    row(
        "",
        "$schema",
        Text,
        "",
        r#""job.schema.json""#,
        "The address of this schema, for editors. It has no effect.",
    ),
    row("", "call_params", Object, "", r#"{"task": "Who signed?"}"#, "The question and the documents."),
    row(
        "",
        "local_client",
        Object,
        r#"{"type": "docker_model_runner"}"#,
        r#"{"type": "ollama", "model_name": "llama3.2:3b"}"#,
        "The worker, which reads the documents.",
    ),
    row(
        "",
        "remote_client",
        Object,
        r#"{"type": "openai"}"#,
        r#"{"type": "openai", "model_name": "gpt-4o"}"#,
        "The supervisor, which does the thinking and never reads the documents.",
    ),
    row(
        "",
        "protocol",
        Object,
        r#"{"type": "minion"}"#,
        r#"{"type": "minions"}"#,
        "How the two work together.",
    ),
    row(
        "",
        "budget",
        Object,
        "",
        r#"{"remote_tokens": 20000, "deadline_s": 120}"#,
        "What the job may cost. `usd` needs `protocol.kwargs.prices`.",
    ),
    row(
        "",
        "metadata",
        Object,
        "",
        r#"{"ticket": 7}"#,
        "An object of yours; `result.metadata` repeats it as it is.",
    ),
    row(
        "",
        "output",
        OneOf(&["full", "slim"]),
        r#""full""#,
        r#""slim""#,
        "`slim` leaves out of the result whatever repeats.",
    ),
    row(
        "",
        "session",
        Text,
        "",
        r#""acme""#,
        "The name of a session, which has the history and takes this turn.",
    ),
    row("", "custom_id", Text, "", r#""line-1""#, "The job's name in a batch."),
    row("call_params", "task", Text, "", r#""Who signed?""#, "The question."),
    row(
        "call_params",
        "context",
        Anything,
        "",
        r#"["The whole text of a document."]"#,
        "The documents: one text or a list; an item is a text, an object with `name` and `text`, or one with `file`.",
    ),
    row(
        "call_params",
        "context_files",
        List,
        "",
        r#"["report.pdf", "src/"]"#,
        "Files and folders to read as documents.",
    ),
    row(
        "call_params",
        "use_gitingest",
        Flag,
        "false",
        "true",
        "Whether a header as gitingest writes it comes before what a folder holds.",
    ),
    row(
        "call_params",
        "read_scans",
        Flag,
        "",
        "true",
        "Whether the local model reads pages that are pictures. By default it does if its server says that it sees.",
    ),
    row(
        "call_params",
        "history",
        Anything,
        "",
        r#"{"turns": [{"query": "Who signed?", "remote_output": "Ada."}]}"#,
        "What was said before: `result.conversation_history` of the job before, or a list of messages.",
    ),
    row(
        "call_params",
        "doc_metadata",
        Text,
        "",
        r#""Annual report of a shipping company.""#,
        "One or two sentences about the documents for the supervisor, which cannot see them.",
    ),
    row(
        "call_params",
        "max_rounds",
        Count(1, 1000),
        "3",
        "2",
        "Rounds at most; wins over `protocol.max_rounds`.",
    ),
    row(
        "call_params",
        "logging_id",
        Anything,
        "",
        r#""ships-1""#,
        "The log file's name: `ID_PROTOCOL.json` in the log folder.",
    ),
    row(
        "call_params",
        "log_path",
        Text,
        "",
        r#""today/ships.json""#,
        "The log file's path within the log folder.",
    ),
    row(
        "call_params",
        "images",
        List,
        "",
        r#"["scan.png"]"#,
        "Pictures for the worker: paths, URLs or base64.",
    ),
    row(
        "call_params",
        "read_ahead",
        Flag,
        "true",
        "false",
        "Whether a worker whose calls cost nothing reads the documents while the supervisor writes its first message.",
    ),
    row(
        "call_params",
        "max_reply_chars",
        Count(100, 1_000_000),
        "2500",
        "1000",
        "`minion`: characters of a reply of the worker that the supervisor reads.",
    ),
    row(
        "call_params",
        "num_tasks_per_round",
        Count(1, 1000),
        "",
        "3",
        "Different tasks that the supervisor is advised not to exceed in a round.",
    ),
    row(
        "call_params",
        "num_samples_per_task",
        Count(1, 100),
        "1",
        "3",
        "Replies to each worker job; the answer that most give is kept.",
    ),
    row(
        "call_params",
        "max_jobs_per_round",
        Count(1, 1_000_000),
        "2048",
        "512",
        "Worker jobs at most in one round.",
    ),
    row(
        "call_params",
        "anytime",
        Flag,
        "false",
        "true",
        "`minions`: whether the supervisor may answer before the last worker job of a round has ended, where those on the most promising chunks settle the task.",
    ),
    row(
        "call_params",
        "chunk_fn",
        OneOf(CHUNKERS),
        r#""chunk_by_section""#,
        r#""chunk_by_page""#,
        "The chunker that the supervisor is shown.",
    ),
    row(
        "call_params",
        "use_retrieval",
        OneOf(&["bm25", "embedding"]),
        "",
        r#""bm25""#,
        "A search over chunks for the supervisor's code: by words, or by meaning.",
    ),
    row(
        "call_params",
        "retrieval_model",
        Text,
        "",
        r#""nomic-embed-text""#,
        "The model for `embedding`; the local client runs it.",
    ),
    row(
        "call_params",
        "is_follow_up",
        Flag,
        "",
        "true",
        "Taken for the original's sake, without effect: each job stands for itself.",
    ),
    row("call_params", "is_privacy", Unused, "", "false", "Refused unless it is false."),
    row("call_params", "mcp_tools_info", Unused, "", "false", "Refused unless it is empty."),
    row("prices", "input", Number(0.0, 1e9), "", "2.5", "Of a prompt."),
    row("prices", "output", Number(0.0, 1e9), "", "10", "Of a reply."),
    row(
        "prices",
        "cached_input",
        Number(0.0, 1e9),
        "",
        "1.25",
        "Of the part of a prompt that comes from the vendor's cache; as `input` if it is left out.",
    ),
    row("budget", "remote_tokens", Count(1, MOST), "", "20000", "Tokens of all remote calls together."),
    row("budget", "usd", Number(0.0, 1e9), "", "0.5", "Dollars for all remote calls together."),
    row(
        "budget",
        "egress_chars",
        Count(0, MOST),
        "",
        "2000",
        "Characters of the documents that may leave this machine, as far as they are recognised.",
    ),
    row(
        "budget",
        "egress_bytes",
        Count(0, MOST),
        "",
        "20000",
        "Bytes besides the job's own words that may leave this machine.",
    ),
    row("budget", "deadline_s", Number(0.001, 31_536_000.0), "", "120", "Seconds for the whole job."),
    row("document", "name", Text, "", r#""report.txt""#, "One line; evidence says it as `source`."),
    row("document", "text", Text, "", r#""The whole text.""#, "The whole text of the document."),
    row("document", "file", Text, "", r#""report.pdf""#, "The path of a file to read, in place of `text`."),
];

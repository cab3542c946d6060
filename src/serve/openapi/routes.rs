//! The routes, a row each.

/// What a request brings.
#[derive(Clone, Copy)]
pub(super) enum Brings {
    Nothing,
    /// JSON of this schema.
    Json(&'static str),
    /// A form with a file in this field.
    Form(&'static str),
}

/// What a response has.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// JSON of this schema.
    Json(&'static str),
    /// Server-Sent Events; what they are.
    Events(&'static str),
    /// JSON, or events where the request asks for them.
    JsonOrEvents(&'static str, &'static str),
    /// Bytes of this media type.
    Bytes(&'static str),
}

/// What a parameter may be.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Text,
    Flag,
    /// A whole number, from and to.
    Count(u64, u64),
}

/// A parameter of the query or of the header: its name, where it is, its form, what it says.
pub(super) type Parameter = (&'static str, &'static str, Form, &'static str);

/// A route with one method.
pub(super) struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub brings: Brings,
    pub status: u16,
    pub gives: Gives,
    pub parameters: &'static [Parameter],
    /// Whether it needs no token.
    pub is_open: bool,
    /// The schema of refusals.
    pub refusal: &'static str,
}

const ROW: Row = Row {
    method: "get",
    path: "",
    tag: "runs",
    summary: "",
    brings: Brings::Nothing,
    status: 200,
    gives: Gives::Json("Any"),
    parameters: &[],
    is_open: false,
    refusal: "Error",
};
const FILES: Row = Row { tag: "files", ..ROW };
const OPENAI: Row = Row { tag: "openai", ..ROW };
const ORIGINAL: Row = Row { tag: "original", refusal: "OriginalError", ..ROW };
const SERVICE: Row = Row { tag: "service", ..ROW };

const RECORD: Parameter =
    ("record", "query", Form::Flag, "true: the exchanges with models are kept as a recording");
const KEY: Parameter = (
    "Idempotency-Key",
    "header",
    Form::Text,
    "the same key with the same body gives the same run, however often it is sent",
);

/// All routes but for the page and its files.
pub(super) const ROWS: &[Row] = &[
    Row {
        method: "post",
        path: "/v1/runs",
        summary: "Send a job; it runs when it is its turn.",
        brings: Brings::Json("Job"),
        status: 202,
        gives: Gives::Json("Run"),
        parameters: &[KEY, RECORD],
        ..ROW
    },
    Row { path: "/v1/runs", summary: "Your runs, the newest first.", gives: Gives::Json("List"), ..ROW },
    Row {
        path: "/v1/runs/{id}",
        summary: "A run, with its envelope once it has ended.",
        gives: Gives::Json("Run"),
        ..ROW
    },
    Row { method: "delete", path: "/v1/runs/{id}", summary: "End a run.", gives: Gives::Json("Run"), ..ROW },
    Row {
        path: "/v1/runs/{id}/events",
        summary: "What happens in a run, as it happens; it ends with `finished`.",
        gives: Gives::Events("docs/events.schema.json describes the events"),
        parameters: &[
            ("after", "query", Form::Count(0, u64::MAX), "the number of the last event that you have"),
            ("Last-Event-ID", "header", Form::Count(0, u64::MAX), "the same, as browsers send it"),
        ],
        ..ROW
    },
    Row {
        path: "/v1/runs/{id}/documents",
        summary: "The documents of a run.",
        gives: Gives::Json("List"),
        ..ROW
    },
    Row {
        path: "/v1/runs/{id}/documents/{n}",
        summary: "A document, in which offsets of evidence count.",
        gives: Gives::Json("Text"),
        ..ROW
    },
    Row { path: "/v1/runs/{id}/log", summary: "The conversation log.", gives: Gives::Json("Any"), ..ROW },
    Row {
        path: "/v1/runs/{id}/recording",
        summary: "The recording, as a tar file.",
        gives: Gives::Bytes("application/x-tar"),
        ..ROW
    },
    Row {
        method: "post",
        path: "/v1/minions",
        summary: "A job in, its envelope out. A client that goes away ends the job.",
        brings: Brings::Json("Job"),
        gives: Gives::Json("Envelope"),
        parameters: &[RECORD],
        ..ROW
    },
    Row {
        method: "post",
        path: "/v1/estimate",
        summary: "What a job would cost; nothing is called.",
        brings: Brings::Json("Job"),
        gives: Gives::Json("Envelope"),
        ..ROW
    },
    Row {
        path: "/v1/history",
        summary: "Conversation logs, the newest first.",
        gives: Gives::Json("List"),
        ..ROW
    },
    Row { path: "/v1/history/{id}", summary: "A conversation log.", gives: Gives::Json("Any"), ..ROW },
    Row {
        method: "post",
        path: "/v1/files",
        summary: "Send files; they are read at once.",
        brings: Brings::Form("file"),
        gives: Gives::Json("FileOrList"),
        ..FILES
    },
    Row { path: "/v1/files", summary: "Your files, the newest first.", gives: Gives::Json("List"), ..FILES },
    Row {
        path: "/v1/files/{id}",
        summary: "A file and what was read of it.",
        gives: Gives::Json("File"),
        ..FILES
    },
    Row {
        method: "delete",
        path: "/v1/files/{id}",
        summary: "Remove a file.",
        gives: Gives::Json("Deleted"),
        ..FILES
    },
    Row {
        path: "/v1/files/{id}/content",
        summary: "A file as it came.",
        gives: Gives::Bytes("application/octet-stream"),
        ..FILES
    },
    Row {
        path: "/v1/files/{id}/text",
        summary: "The texts that were read of a file.",
        gives: Gives::Json("Texts"),
        parameters: &[("document", "query", Form::Text, "the name of one document of the file")],
        ..FILES
    },
    Row {
        path: "/v1/models",
        summary: "Pairs of models with protocols, as models.",
        gives: Gives::Json("List"),
        ..OPENAI
    },
    Row { path: "/v1/models/{id}", summary: "One of them.", gives: Gives::Json("Model"), ..OPENAI },
    Row {
        method: "post",
        path: "/v1/chat/completions",
        summary: "Ask a protocol as if it were a model.",
        brings: Brings::Json("ChatRequest"),
        gives: Gives::JsonOrEvents("ChatCompletion", "with `stream`: chunks, then `[DONE]`"),
        ..OPENAI
    },
    Row {
        method: "post",
        path: "/v1/batches",
        summary: "Make the requests of a file.",
        brings: Brings::Json("BatchRequest"),
        gives: Gives::Json("Batch"),
        ..OPENAI
    },
    Row {
        path: "/v1/batches",
        summary: "Your batches, the newest first.",
        gives: Gives::Json("List"),
        parameters: &[
            ("limit", "query", Form::Count(1, 100), "how many"),
            ("after", "query", Form::Text, "the id of the batch before the first"),
        ],
        ..OPENAI
    },
    Row { path: "/v1/batches/{id}", summary: "How far a batch is.", gives: Gives::Json("Batch"), ..OPENAI },
    Row {
        method: "post",
        path: "/v1/batches/{id}/cancel",
        summary: "End a batch; what is done is kept.",
        gives: Gives::Json("Batch"),
        ..OPENAI
    },
    Row {
        method: "post",
        path: "/run",
        summary: "The original's `minion`.",
        brings: Brings::Json("OriginalQuery"),
        gives: Gives::Json("OriginalAnswer"),
        ..ORIGINAL
    },
    Row {
        method: "post",
        path: "/minions",
        summary: "The original's `minions`.",
        brings: Brings::Json("OriginalTask"),
        gives: Gives::Json("OriginalAnswer"),
        ..ORIGINAL
    },
    Row {
        method: "post",
        path: "/remote-only",
        summary: "The same question to the supervisor alone, which is sent the documents.",
        brings: Brings::Json("OriginalTask"),
        gives: Gives::Json("OriginalAnswer"),
        ..ORIGINAL
    },
    Row {
        method: "post",
        path: "/upload-pdf",
        summary: "The text of a PDF of at most 10 MB.",
        brings: Brings::Form("pdf"),
        gives: Gives::Json("OriginalText"),
        ..ORIGINAL
    },
    Row {
        path: "/health",
        summary: "Whether it lives, and with which models.",
        gives: Gives::Json("OriginalHealth"),
        ..ORIGINAL
    },
    Row {
        path: "/models",
        summary: "Models that may be the supervisor.",
        gives: Gives::Json("List"),
        ..ORIGINAL
    },
    Row {
        path: "/config",
        summary: "What the original's routes run jobs with.",
        gives: Gives::Json("OriginalConfig"),
        ..ORIGINAL
    },
    Row {
        method: "post",
        path: "/config",
        summary: "Change it, for your next runs.",
        brings: Brings::Json("OriginalChanges"),
        gives: Gives::Json("OriginalConfig"),
        ..ORIGINAL
    },
    Row {
        method: "post",
        path: "/start_protocol",
        summary: "Nothing has to be started here.",
        gives: Gives::Json("OriginalConfig"),
        ..ORIGINAL
    },
    Row {
        path: "/v1/setup",
        summary: "Pairs, models that answer here, and what is missing.",
        gives: Gives::Json("Any"),
        ..SERVICE
    },
    Row {
        method: "post",
        path: "/v1/pull",
        summary: "Fetch a model; tells how far it is.",
        brings: Brings::Json("PullRequest"),
        gives: Gives::Events("`progress`, then `done` or `error`"),
        ..SERVICE
    },
    Row {
        path: "/metrics",
        summary: "Counters and gauges for Prometheus.",
        gives: Gives::Bytes("text/plain"),
        ..SERVICE
    },
    Row {
        path: "/healthz",
        summary: "Whether the process lives.",
        gives: Gives::Json("Status"),
        is_open: true,
        ..SERVICE
    },
    Row {
        path: "/readyz",
        summary: "Whether runs are taken.",
        gives: Gives::Json("Status"),
        is_open: true,
        ..SERVICE
    },
    Row { path: "/openapi.json", summary: "This document.", gives: Gives::Json("Any"), ..SERVICE },
];

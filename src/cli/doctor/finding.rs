//! One thing that the doctor looks at, and how long it may take.

use std::time::Duration;

use serde::Serialize;

/// How long a question to the machine may take.
pub(super) const LIMIT: Duration = Duration::from_secs(1);

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Finding {
    /// Whether it is as it should be; `None` if it need not be there.
    pub ok: Option<bool>,
    pub words: String,
    /// The command that mends it.
    pub remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(ok: impl Into<Option<bool>>, words: impl Into<String>) -> Self {
        Self { ok: ok.into(), words: words.into(), remedy: None }
    }

    pub(super) fn remedy(self, command: Option<String>) -> Self {
        Self { remedy: command, ..self }
    }
}

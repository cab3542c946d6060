//! `{success, result, error}`: the only writer of stdout.
//!
//! In: how the job ended. Out: one JSON value, cleaned of credentials, and the exit code.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::error::{Exit, Failure};
use crate::secrets::Redactor;

/// What one job prints: these three keys, no more.
#[derive(Debug, Serialize)]
pub struct Envelope {
    success: bool,
    result: Option<Value>,
    error: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl From<Result<Value, Failure>> for Envelope {
    fn from(outcome: Result<Value, Failure>) -> Self {
        match outcome {
            Ok(result) => Self { success: true, result: Some(result), error: None, exit: Exit::Success },
            Err(failure) => {
                Self { success: false, result: None, error: Some(failure.to_string()), exit: failure.exit }
            }
        }
    }
}

impl Envelope {
    /// The exit code that goes with it.
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Writes it, pretty printed and with a final newline. Nothing else may write to stdout.
    pub fn write(mut self, out: &mut impl Write, redactor: &Redactor) -> io::Result<()> {
        if let Some(result) = &mut self.result {
            redactor.clean_value(result);
        }
        self.error = self.error.map(|error| redactor.clean(&error));
        let mut out = io::BufWriter::new(out);
        serde_json::to_writer_pretty(&mut out, &self)?;
        out.write_all(b"\n")?;
        out.flush()
    }
}

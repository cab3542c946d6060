//! `{success, result, error}`: the only writer of stdout.
//!
//! In: how the job ended. Out: one JSON value, cleaned of credentials, and the exit code; in a batch one line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::chat::secrets::Redactor;
use crate::error::{Exit, Failure};

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
    pub fn write(self, out: &mut impl Write, redactor: &Redactor) -> io::Result<()> {
        let mut out = io::BufWriter::new(out);
        serde_json::to_writer_pretty(&mut out, &self.clean(redactor))?;
        out.write_all(b"\n")?;
        out.flush()
    }

    /// Writes it as the line of the job `custom_id`: whole, in one write, after `before`.
    pub fn write_line(
        self,
        custom_id: &str,
        before: &[u8],
        out: &mut impl Write,
        redactor: &Redactor,
    ) -> io::Result<()> {
        #[derive(Serialize)]
        struct Line<'a> {
            custom_id: &'a str,
            #[serde(flatten)]
            envelope: &'a Envelope,
        }
        let line = Line { custom_id: &redactor.clean(custom_id), envelope: &self.clean(redactor) };
        let mut bytes = before.to_vec();
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
        out.write_all(&bytes)?;
        out.flush()
    }

    fn clean(mut self, redactor: &Redactor) -> Self {
        if let Some(result) = &mut self.result {
            redactor.clean_value(result);
        }
        self.error = self.error.map(|error| redactor.clean(&error));
        self
    }
}

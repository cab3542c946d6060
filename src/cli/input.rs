//! Where jobs are read from, and whether there is one or many.

use std::fs::File;
use std::io::{self, BufReader, IsTerminal, Read};
use std::path::PathBuf;

use super::batch::BatchOptions;
use super::batch::json_splitter::{JsonPiece, JsonSplitter};
use minions::error::Failure;
use minions::job;

/// Values on their way in.
pub(crate) type Incoming = JsonSplitter<BufReader<Box<dyn Read + Send>>>;

/// Bytes read at once.
const BUFFER: usize = 1 << 16;

/// Where jobs are read from.
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// What the input holds.
pub(crate) enum Found {
    /// One job and the number of its first line.
    One(Vec<u8>, usize),
    /// A batch.
    Many(Incoming, Box<BatchOptions>),
}

impl Source {
    /// The values, one after the other.
    pub(crate) fn pieces(&self) -> Result<Incoming, Failure> {
        let input: Box<dyn Read + Send> = match self {
            Self::Stdin => {
                let stdin = io::stdin();
                tracing::debug!("reading the job from stdin");
                if stdin.is_terminal() {
                    tracing::info!("reading the job from the terminal; end it with Ctrl-D");
                }
                Box::new(stdin)
            }
            Self::File(path) => Box::new(File::open(path).map_err(|error| self.unreadable(&error))?),
        };
        Ok(JsonSplitter::new(BufReader::with_capacity(BUFFER, input)))
    }

    /// All of it as one job.
    pub(crate) fn one(&self) -> Result<Found, Failure> {
        let mut bytes = Vec::new();
        self.pieces()?.read_rest(&mut bytes).map_err(|error| self.unreadable(&error))?;
        Ok(Found::One(bytes, 1))
    }

    /// Reads as far as it takes to know whether there are several values, or one with a `custom_id`.
    pub(crate) fn look(&self) -> Result<Found, Failure> {
        let fail = |error| self.unreadable(&error);
        let mut pieces = self.pieces()?;
        let Some(first) = pieces.next().map_err(fail)? else { return Ok(Found::One(Vec::new(), 1)) };
        let value = job::value(&first.bytes, first.line);
        let mut is_batch = value.as_ref().is_ok_and(|value| job::custom_id(value).is_some());
        let mut second = None;
        if !is_batch {
            second = pieces.next().map_err(fail)?;
            is_batch = second.as_ref().is_some_and(|second| {
                let is_job = || job::value(&second.bytes, 1).is_ok_and(|value| value.is_object());
                // Behind a job of many lines anything else is its own defect.
                value.is_ok() && first.is_one_line() || is_job()
            });
        }
        if is_batch {
            pieces.put_back(second);
            pieces.put_back(Some(first));
            return Ok(Found::Many(pieces, Box::default()));
        }
        let JsonPiece { line, mut bytes, .. } = first;
        if let Some(second) = second {
            bytes.resize(bytes.len() + (second.line - line).saturating_sub(newlines(&bytes)), b'\n');
            bytes.extend(second.bytes);
            pieces.read_rest(&mut bytes).map_err(fail)?;
        }
        Ok(Found::One(bytes, line))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        match self {
            Self::Stdin => Failure::input(format!("stdin can't be read: {error}")),
            Self::File(path) => {
                Failure::input(format!("the job file {} can't be read: {error}", path.display()))
            }
        }
    }
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

//! Lines that are typed, read beside the runtime.

use minions::error::Failure;
use tokio::task::JoinHandle;

use super::prompt::{Prompt, Read};
use crate::cli::interrupt::Interrupt;

/// The prompt, or the line that it waits for.
pub(super) struct Lines {
    prompt: Option<Prompt>,
    reading: Option<JoinHandle<Result<(Prompt, Read), Failure>>>,
}

impl Lines {
    pub(super) fn new(prompt: Prompt) -> Self {
        Self { prompt: Some(prompt), reading: None }
    }

    /// The next line. After a Ctrl-C the same line is waited for again.
    ///
    /// # Errors
    /// The terminal can't be read; a signal ends the program.
    pub(super) async fn next(&mut self, interrupt: &mut Interrupt) -> Result<Read, Failure> {
        if let Some(mut prompt) = self.prompt.take() {
            self.reading = Some(tokio::task::spawn_blocking(move || {
                let read = prompt.read();
                read.map(|read| (prompt, read))
            }));
        }
        let Some(reading) = &mut self.reading else { return Err(Failure::defect("a prompt that is lost")) };
        let mut ending = interrupt.clone();
        tokio::select! {
            read = reading => {
                let (prompt, read) = read.unwrap_or_else(|error| Err(error.into()))?;
                (self.prompt, self.reading) = (Some(prompt), None);
                Ok(read)
            }
            () = interrupt.stopped() => Ok(Read::Interrupted),
            ended = ending.heard() => Err(ended),
        }
    }

    /// Whether a line is still waited for, so that its prompt is to be shown again.
    pub(super) fn are_awaited(&self) -> bool {
        self.reading.is_some()
    }
}

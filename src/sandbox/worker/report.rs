//! Turns the interpreter's exceptions into words for the author of the code.

use std::borrow::Cow;

use monty_types::{ExcType, MontyException, PrintWriterCallback, StackFrame};

use crate::sandbox::{CodeError, Limits};

/// Characters of an exception's own message that are kept.
const MESSAGE: usize = 2000;
/// Characters of a source line.
const LINE: usize = 200;
/// Innermost frames shown.
const FRAMES: usize = 5;
/// Bytes of printed text that are kept.
const PRINTED: usize = 4000;

/// What the code prints goes here; only the end is kept.
#[derive(Default)]
pub struct Printed(String);

impl Printed {
    /// The end of it, emptied.
    pub fn take(&mut self) -> String {
        self.trim(PRINTED);
        std::mem::take(&mut self.0)
    }

    fn trim(&mut self, keep: usize) {
        let cut = self.0.ceil_char_boundary(self.0.len().saturating_sub(keep));
        self.0.drain(..cut);
    }
}

impl PrintWriterCallback for Printed {
    fn stdout_write(&mut self, output: Cow<'_, str>) -> Result<(), MontyException> {
        self.0.push_str(&output[output.ceil_char_boundary(output.len().saturating_sub(PRINTED))..]);
        if self.0.len() > 4 * PRINTED {
            self.trim(PRINTED);
        }
        Ok(())
    }

    fn stdout_push(&mut self, end: char) -> Result<(), MontyException> {
        self.0.push(end);
        Ok(())
    }
}

/// What an exception that reached us means.
///
/// `script` is the interpreter's name for the supervisor's code: other frames are ours and not shown.
pub fn failure(error: &MontyException, script: &str, limits: &Limits, printed: String) -> CodeError {
    let at = places(error.traceback(), script);
    let message = error.message().unwrap_or_default();
    // The interpreter's own limits cannot be caught by the code, and say so in these words.
    match error.exc_type() {
        ExcType::TimeoutError if message.starts_with("time limit exceeded") => {
            CodeError::Timeout { limit: limits.time, at }
        }
        ExcType::MemoryError if message.starts_with("memory limit exceeded") => {
            CodeError::Memory { limit: limits.memory, at }
        }
        kind => {
            let text =
                if message.is_empty() { String::new() } else { format!(": {}", clip(message, MESSAGE)) };
            let separator = if at.is_empty() { "" } else { "\n" };
            CodeError::Raised { message: format!("{at}{separator}{kind}{text}"), printed }
        }
    }
}

/// An error found in the source before it runs.
pub fn at_line(line: usize, source: &str, message: &str) -> CodeError {
    let text = source.lines().nth(line - 1).unwrap_or_default();
    let message = format!("line {line}:\n    {}\n{message}", clip(text.trim(), LINE));
    CodeError::Raised { message, printed: String::new() }
}

fn places(frames: &[StackFrame], script: &str) -> String {
    let own: Vec<_> = frames.iter().filter(|frame| frame.filename == script).collect();
    let shown = own.iter().skip(own.len().saturating_sub(FRAMES)).map(|frame| {
        let name = frame.frame_name.as_deref().map(|name| format!(", in {name}")).unwrap_or_default();
        let line = frame.preview_line.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
        format!("line {}{name}:\n    {}", frame.start.line, clip(line.trim(), LINE))
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

//! Turns the interpreter's exceptions into messages for the author of the code.

use std::borrow::Cow;

use monty_types::{ExcType, MontyException, PrintWriterCallback, StackFrame};

use crate::{CodeError, SandboxLimits};

/// The most characters of an exception's own message.
const MESSAGE: usize = 1000;
/// The most characters of a source line.
const LINE: usize = 200;
/// The number of innermost frames in a message.
const FRAMES: usize = 5;
/// Bytes of printed text that are kept.
const PRINTED: usize = 1000;

/// The end of the text that the code printed.
#[derive(Default)]
pub(super) struct Printed(String);

impl Printed {
    /// Takes the text out.
    pub(super) fn take(&mut self) -> String {
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

/// The supervisor's code as its author knows it.
pub(super) struct Script {
    /// The interpreter's name for the script. Frames of other names are ours and not shown.
    pub name: &'static str,
    /// The source before it was adapted.
    pub source: String,
}

impl Script {
    /// The error for an uncaught exception. `place` names what ran, where no line is known.
    pub(super) fn failure(
        &self,
        error: &MontyException,
        place: &str,
        limits: &SandboxLimits,
        printed: String,
    ) -> CodeError {
        let at = self.places(error.traceback());
        let somewhere = || if at.is_empty() { place.to_owned() } else { at.clone() };
        let message = error.message().unwrap_or_default();
        // The code cannot catch the exceptions of the interpreter's own limits, which begin with these words.
        match error.exc_type() {
            ExcType::TimeoutError if message.starts_with("time limit exceeded") => {
                CodeError::Timeout { limit: limits.time, at: somewhere() }
            }
            ExcType::MemoryError if message.starts_with("memory limit exceeded") => {
                CodeError::Memory { limit: limits.memory, at: somewhere() }
            }
            kind => {
                let text =
                    if message.is_empty() { String::new() } else { format!(": {}", in_plain_words(message)) };
                let separator = if at.is_empty() { "" } else { "\n" };
                CodeError::Raised { message: format!("{at}{separator}{kind}{text}"), printed }
            }
        }
    }

    fn places(&self, frames: &[StackFrame]) -> String {
        let own: Vec<_> = frames.iter().filter(|frame| frame.filename == self.name).collect();
        let shown = own.iter().skip(own.len().saturating_sub(FRAMES)).map(|frame| {
            let name = frame.frame_name.as_deref().filter(|name| *name != "<module>");
            let name = name.map(|name| format!(", in {name}")).unwrap_or_default();
            place(&self.source, frame.start.line as usize, &name)
        });
        shown.collect::<Vec<_>>().join("\n")
    }
}

/// An error in the source before it runs, at a line counted from 1.
pub(super) fn at_line(line: usize, source: &str, message: &str) -> CodeError {
    CodeError::Raised { message: format!("{}\n{message}", place(source, line, "")), printed: String::new() }
}

fn place(source: &str, line: usize, name: &str) -> String {
    let text = source.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    format!("line {line}{name}:\n    {}", clip(text.trim(), LINE))
}

/// The interpreter's message without words about the interpreter's internals.
fn in_plain_words(message: &str) -> String {
    let message = clip(message.strip_prefix("Internal error in monty: ").unwrap_or(message), MESSAGE);
    if let Some(missing) = message.strip_prefix("The monty syntax parser does not yet support ") {
        return format!("this Python does not support {missing}");
    }
    match message.strip_suffix(" is not yet supported in this context") {
        Some(call) => {
            let call = call.replace("external function ", "");
            format!("{call} works only in a plain call: use a for loop or a list comprehension instead")
        }
        None => message.into_owned(),
    }
}

fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

//! From bytes to one JSON value.

use serde_json::Value;

use super::error::JobError;

/// One JSON value with nothing but white space after it. Messages count lines from `first_line`.
pub fn value(bytes: &[u8], first_line: usize) -> Result<Value, JobError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        JobError::NotUtf8 {
            byte: bytes[error.valid_up_to()],
            line: first_line + before.iter().filter(|b| **b == b'\n').count(),
            column: 1 + before.len() - line_start,
        }
    })?;
    if text.trim().is_empty() {
        return Err(JobError::Empty);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => {
            return Err(JobError::Syntax { truncated: error.is_eof(), problem: problem(&error, first_line) });
        }
        None => return Err(JobError::Empty),
    };
    let end = values.byte_offset();
    if !text[end..].trim().is_empty() {
        return Err(JobError::Trailing { line: first_line + text[..end].matches('\n').count() });
    }
    Ok(value)
}

/// The parser's words, with the line counted from `first_line`.
fn problem(error: &serde_json::Error, first_line: usize) -> String {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    match words.strip_suffix(&format!(" at line {line} column {column}")) {
        Some(what) => format!("{what} at line {} column {column}", first_line + line - 1),
        None => words,
    }
}

//! From bytes to one JSON value.

use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;

use super::error::JobError;
use super::unique::Unique;

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
    let mut twice = None;
    let mut values = serde_json::Deserializer::from_str(text);
    let read = Unique { path: String::new(), twice: &mut twice }.deserialize(&mut values);
    if let Some(place) = twice {
        return Err(JobError::Twice { place });
    }
    let value = read.map_err(|error| JobError::Syntax {
        truncated: error.is_eof(),
        problem: problem(&error, first_line),
    })?;
    let end = values.into_iter::<IgnoredAny>().byte_offset();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_named_with_its_place() {
        for (text, place) in [
            (r#"{"budget": {"usd": 1}, "call_params": {}, "budget": {}}"#, "budget"),
            (
                r#"{"remote_client": {"kwargs": {"api_key": "a", "api_key": "a"}}}"#,
                "remote_client.kwargs.api_key",
            ),
            (
                r#"{"call_params": {"context": ["x", {"name": "a", "name": "b"}]}}"#,
                "call_params.context[1].name",
            ),
            (r#"{"metadata": {"a": [[{"b": 1, "b": 2}]]}}"#, "metadata.a[0][0].b"),
            (r#"{"task": 1, "t\u0061sk": 2}"#, "task"),
        ] {
            let error = value(text.as_bytes(), 1).unwrap_err();
            assert!(matches!(&error, JobError::Twice { place: found } if found == place), "{text}: {error}");
        }
        let fine = r#"{"a": {"k": 1}, "b": [{"k": 1.5}, {"k": -2}], "c": null, "d": 1e3} "#;
        assert_eq!(value(fine.as_bytes(), 1).unwrap(), serde_json::from_str::<Value>(fine).unwrap());
        assert!(matches!(value(b"{} {}", 1), Err(JobError::Trailing { line: 1 })));
    }
}

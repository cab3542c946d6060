//! From bytes to one JSON value.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny};
use serde_json::Value;

use super::error::{JobError, Subject};
use super::not_json;
use super::unique::Unique;

/// The JSON value of a job, with nothing but white space after it. Messages count lines from `first_line`.
pub fn value(bytes: &[u8], first_line: usize) -> Result<Value, JobError> {
    value_of(Subject::Job, bytes, first_line)
}

/// As [`value`], of something else.
pub fn value_of(of: Subject, bytes: &[u8], first_line: usize) -> Result<Value, JobError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(foreign) = not_json::foreign_file(of, bytes) {
        return Err(foreign);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        JobError::NotUtf8 {
            of,
            byte: bytes[error.valid_up_to()],
            line: first_line + before.iter().filter(|b| **b == b'\n').count(),
            column: 1 + before.len() - line_start,
        }
    })?;
    match parse(of, text, first_line) {
        Err(JobError::Syntax { .. }) => match without_half_characters(text) {
            Cow::Borrowed(_) => parse(of, text, first_line),
            Cow::Owned(mended) => {
                let value = parse(of, &mended, first_line)?;
                tracing::warn!(
                    "half a character (\\ud800 to \\udfff without its other half) was read as U+FFFD"
                );
                Ok(value)
            }
        },
        outcome => outcome,
    }
}

fn parse(of: Subject, text: &str, first_line: usize) -> Result<Value, JobError> {
    if text.trim().is_empty() {
        return Err(JobError::Empty { of });
    }
    let mut twice = None;
    let mut values = serde_json::Deserializer::from_str(text);
    let read = Unique { path: String::new(), twice: &mut twice }.deserialize(&mut values);
    if let Some(place) = twice {
        return Err(JobError::Twice { place });
    }
    let value = read.map_err(|error| not_json::explain(of, text, &error, first_line))?;
    let end = values.into_iter::<IgnoredAny>().byte_offset();
    if !text[end..].trim().is_empty() {
        return Err(not_json::behind(of, &value, text, end, first_line));
    }
    Ok(value)
}

/// `text` with U+FFFD for each escaped half of a UTF-16 pair whose other half is not there. Python writes such for
/// bytes that were no text.
fn without_half_characters(text: &str) -> Cow<'_, str> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut mended = String::new();
    let (mut at, mut copied) = (0, 0);
    while let Some(backslash) = text[at..].find('\\').map(|found| at + found) {
        at = match (unit(backslash), unit(backslash + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => backslash + 12,
            (Some(0xd800..0xe000), _) => {
                mended += &text[copied..backslash];
                mended.push('\u{fffd}');
                copied = backslash + 6;
                copied
            }
            (Some(_), _) => backslash + 6,
            // What is escaped may be of several bytes where the text is no JSON.
            (None, _) => text.ceil_char_boundary((backslash + 2).min(text.len())),
        };
    }
    if mended.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(mended + &text[copied..]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn half_a_character_costs_itself() {
        for (text, expected) in [
            (r#"["\ud83d"]"#, json!(["\u{fffd}"])),
            (r#"["a\ude00b"]"#, json!(["a\u{fffd}b"])),
            (r#"["\ud83d\ud83d\ude00"]"#, json!(["\u{fffd}😀"])),
            (r#"["\ud83dx\\ud83d\udce2\n"]"#, json!(["\u{fffd}x\\ud83d\u{fffd}\n"])),
            (r#"{"\udcff": "é\ud83d\u00e9"}"#, json!({"\u{fffd}": "é\u{fffd}é"})),
            (r#"["\ud83d\ude00"]"#, json!(["😀"])),
        ] {
            assert_eq!(value(text.as_bytes(), 1).unwrap(), expected, "{text}");
        }
        assert!(value(br#"["\ud83d", ]"#, 1).is_err());
    }

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
        assert!(value(b"{} {}", 1).is_err());
    }
}

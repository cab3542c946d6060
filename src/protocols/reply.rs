//! Finds the JSON in what a model wrote. Pure.
//!
//! Models wrap JSON in prose and fences, think aloud in it first, break lines inside strings, leave trailing
//! commas and write Python's `None` and single quotes. The last complete object counts.

use serde_json::{Map, Value};

/// The mark at the end of a text that was cut off.
pub(crate) const CUT: &str = "\n[cut off here by the token limit]";
/// The mark at the end of a text that was cut off where it began to repeat itself.
pub(super) const LOOPED: &str = "\n[cut off here, where it began to repeat itself]";
/// The most bytes that are parsed for each byte of the text, as objects that are invalid may stand within each other.
const MOST_PARSED: usize = 16;
/// Stands for a position that there is not.
const NOWHERE: u32 = u32::MAX;

/// The last complete JSON object of `text`, or why there is none. Where the token limit cut the text off (`is_cut`),
/// an object that was begun and not completed is the one that counts, so there is none.
pub(super) fn last_object(text: &str, is_cut: bool) -> Result<Map<String, Value>, String> {
    const INCOMPLETE: &str = "its JSON object is not complete";
    let closing = closing_braces(text);
    let mut complaint = "it holds no JSON object".to_owned();
    let mut found = None;
    let mut is_open = false;
    let mut at = 0;
    let mut left = MOST_PARSED * text.len();
    while let Some(start) = text[at..].find('{').map(|offset| at + offset) {
        at = start + 1;
        if closing[at] == NOWHERE {
            is_open = true;
            if found.is_none() {
                complaint = INCOMPLETE.to_owned();
            }
            continue;
        }
        let end = closing[at] as usize + 1;
        let Some(rest) = left.checked_sub(end - start) else { break };
        match parse(&text[start..end]) {
            Ok(object) => {
                found = Some(object);
                at = end;
            }
            Err(problem) => {
                complaint = format!("its JSON is invalid: {problem}");
                left = rest;
            }
        }
    }
    if is_cut && is_open {
        return Err(INCOMPLETE.to_owned());
    }
    found.ok_or(complaint)
}

/// The object that a cut `text` ends within, without the text in which it was cut if that is the one named `last`, which
/// keeps what there is of it. `None` if it was cut elsewhere.
pub(super) fn begun_object(text: &str, last: &str) -> Option<Map<String, Value>> {
    let closing = closing_braces(text);
    let (start, _) = text.match_indices('{').find(|(at, _)| closing[at + 1] == NOWHERE)?;
    let begun = text[start..].trim_end_matches('\\');
    let closed = |end: &str| parse(&format!("{begun}{end}")).ok();
    let (object, other) = (closed("\"}")?, closed("x\"}")?);
    let was_cut = |key: &String| object.get(key) != other.get(key);
    (object.keys().filter(|key| was_cut(key)).eq([last])).then_some(object)
}

/// For each position in `text`, and the one behind its end, where the innermost object or list is closed in which it
/// would stand outside a string; [`NOWHERE`] if it is not closed. Braces inside strings do not count. Whether a quote
/// opens or closes a string depends on where the object begins, so both are followed, from the end of the text to its
/// beginning.
fn closing_braces(text: &str) -> Vec<u32> {
    let mut closing = vec![NOWHERE; text.len() + 1];
    // The same for the next position and the one behind it, if they stand inside a string.
    let (mut inside, mut inside_next) = (NOWHERE, NOWHERE);
    for (at, byte) in text.bytes().enumerate().rev() {
        let next = closing[at + 1];
        closing[at] = match byte {
            b'{' | b'[' => closing.get(next as usize + 1).copied().unwrap_or(NOWHERE),
            b'}' | b']' => u32::try_from(at).unwrap_or(NOWHERE),
            b'"' => inside,
            _ => next,
        };
        let within = match byte {
            b'"' => next,
            b'\\' => inside_next,
            _ => inside,
        };
        (inside_next, inside) = (inside, within);
    }
    closing
}

/// Marks the texts whose keys are in `cut` as cut off.
pub(super) fn mark_cut<'a>(object: &mut Map<String, Value>, cut: impl IntoIterator<Item = &'a String>) {
    for key in cut {
        if let Some(Value::String(text)) = object.get_mut(key) {
            text.push_str(CUT);
        }
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, serde_json::Error> {
    serde_json::from_str(text).or_else(|strict| serde_json::from_str(&mended(text)).map_err(|_| strict))
}

/// `text` with raw control characters in strings escaped, trailing commas dropped, and Python's literals and single
/// quotes replaced.
fn mended(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = rest.next() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                out.push('"');
            }
            (Some(open), _) if c == open => {
                quote = None;
                out.push('"');
            }
            (Some(_), '"') => out.push_str("\\\""),
            (Some(_), '\\') => match rest.next() {
                Some(next @ ('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u')) => {
                    out.extend(['\\', next])
                }
                Some('\'') => out.push('\''),
                Some(next) => out.extend(['\\', '\\', next]),
                None => {}
            },
            (Some(_), '\n') => out.push_str("\\n"),
            (Some(_), '\r') => out.push_str("\\r"),
            (Some(_), '\t') => out.push_str("\\t"),
            (Some(_), c) if c.is_control() => {}
            (None, ',') => {
                while rest.next_if(|c| c.is_whitespace()).is_some() {}
                if !matches!(rest.peek(), Some('}' | ']')) {
                    out.push(c);
                }
            }
            (None, c) if c.is_ascii_alphabetic() => {
                let mut word = String::from(c);
                while let Some(next) = rest.next_if(char::is_ascii_alphabetic) {
                    word.push(next);
                }
                out.push_str(match word.as_str() {
                    "None" | "undefined" | "NaN" => "null",
                    "True" => "true",
                    "False" => "false",
                    other => other,
                });
            }
            (_, c) => out.push(c),
        }
    }
    out
}

/// The value as text, also where the model wrote a list or a number. A blank text is `None`.
pub(super) fn text(value: Option<Value>) -> Option<String> {
    let text = match value? {
        Value::Null => return None,
        Value::String(text) => text,
        Value::Array(items) => {
            items.into_iter().filter_map(|item| text(Some(item))).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The same, but `None` as well for words such as "n/a", which small models write for nothing.
pub(super) fn text_or_nothing(value: Option<Value>) -> Option<String> {
    const NOTHING: [&str; 10] = [
        "none",
        "null",
        "n/a",
        "nil",
        "not found",
        "not given",
        "not mentioned",
        "not provided",
        "not specified",
        "not stated",
    ];
    text(value)
        .filter(|text| !NOTHING.iter().any(|word| text.trim_end_matches('.').eq_ignore_ascii_case(word)))
}

/// Takes the field `name`, also one whose key only begins with that word, such as "Answer or null".
pub(super) fn field(object: &mut Map<String, Value>, name: &str) -> Option<Value> {
    let first_word = |key: &str| {
        let mut words = key.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.next().unwrap_or_default().to_lowercase()
    };
    if let Some(value) = object.remove(name) {
        return Some(value);
    }
    let key = object.keys().find(|key| first_word(key) == name)?.clone();
    object.remove(&key)
}

/// The decision in its plain spelling. If `answer_decides`, the decision is to answer, whatever the model wrote: an
/// answer is there and nothing else can follow.
pub(super) fn decision(value: Option<Value>, answer_decides: bool) -> String {
    let said = text(value).unwrap_or_default().to_lowercase().replace([' ', '-'], "_");
    if answer_decides { "provide_final_answer".to_owned() } else { said }
}

/// Whether the token limit, which cut `reply` off, may have cut the program in it off as well: its block is not closed.
pub(super) fn cuts_code(reply: &str) -> bool {
    let is_fence = |line: &&str| line.contains("```") || line.contains("~~~");
    let fences = reply.lines().filter(is_fence).count();
    fences % 2 == 1 || fences == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_object_that_was_cut_in_its_last_text_is_completed() {
        let cases = [
            (r#"{"answer": "a", "citation": "The li"#, Some(json!({"answer": "a", "citation": "The li"}))),
            (
                r#"Sure: {"answer": "a {", "citation": "The \"#,
                Some(json!({"answer": "a {", "citation": "The "})),
            ),
            (
                r#"{"answer": "a"} {"answer": "b", "citation": ""#,
                Some(json!({"answer": "b", "citation": ""})),
            ),
            (r#"{"citation": "c", "answer": "fif"#, None),
            (r#"{"answer": "a", "citation": "#, None),
            (r#"{"answer": "a", "citation": "c"}"#, None),
            ("no object", None),
        ];
        for (text, object) in cases {
            assert_eq!(begun_object(text, "citation").map(Value::Object), object, "{text}");
        }
    }

    #[test]
    fn finds_the_last_object() {
        let cases = [
            (r#"{"a": 1}"#, json!({"a": 1})),
            ("Sure!\n```json\n{\"a\": 1}\n```\nDone.", json!({"a": 1})),
            (r#"{"a": 1} then {"a": 2}"#, json!({"a": 2})),
            (r#"use {braces} like so: {"a": "}{"}"#, json!({"a": "}{"})),
            (r#"{"a": "she said \"{\" twice"}"#, json!({"a": "she said \"{\" twice"})),
            ("{\"a\": \"line\nbreak\tand tab\"}", json!({"a": "line\nbreak\tand tab"})),
            (r#"{"a": [1, 2,], "b": None, "c": True,}"#, json!({"a": [1, 2], "b": null, "c": true})),
            (r#"{"a": "None, of, these,]"}"#, json!({"a": "None, of, these,]"})),
            (r#"{"a": {"b": {}}, "c": "ü😀"} {"#, json!({"a": {"b": {}}, "c": "ü😀"})),
            (r#"{"re": "\d+", "x": 1,}"#, json!({"re": "\\d+", "x": 1})),
            (
                r#"{"reasoning": "draft: {not json}", "decision": "x"}"#,
                json!({"reasoning": "draft: {not json}", "decision": "x"}),
            ),
            (r#"an odd " quote {"a": 1}"#, json!({"a": 1})),
            (
                r#"{'a': 'x "y"', 'b': None, 'c': "it's", 'd': 'it\'s'}"#,
                json!({"a": "x \"y\"", "b": null, "c": "it's", "d": "it's"}),
            ),
        ];
        for (text, want) in cases {
            assert_eq!(last_object(text, false).map(Value::Object), Ok(want), "{text}");
        }
    }

    #[test]
    fn says_why_there_is_none() {
        assert_eq!(last_object("no idea", false).unwrap_err(), "it holds no JSON object");
        assert_eq!(last_object(r#"{"a": "cut of"#, false).unwrap_err(), "its JSON object is not complete");
        assert!(last_object("{a b}", false).unwrap_err().starts_with("its JSON is invalid"));
    }

    #[test]
    fn a_draft_before_an_object_that_was_cut_off_is_not_taken() {
        let text = r#"Draft: {"answer": "1871"} Or rather: {"answer": "19"#;
        assert!(last_object(text, false).is_ok());
        assert_eq!(last_object(text, true).unwrap_err(), "its JSON object is not complete");
        assert_eq!(
            last_object(r#"{"reasoning": {"a": 1}, "answer": "19"#, true).unwrap_err(),
            "its JSON object is not complete"
        );
        // Only what follows the object was cut off.
        assert!(last_object(r#"{"answer": "1931"} This follows from"#, true).is_ok());
    }

    #[test]
    fn long_texts_are_read_once() {
        let long = 200_000;
        for text in [
            "{".repeat(long),
            "{\"a\":[".repeat(long),
            "{{}".repeat(long),
            "{\"".repeat(long),
            "{a:".repeat(long) + &"}".repeat(long),
            format!("{{\"a\": [{}]", "{},".repeat(long)),
        ] {
            let _ = last_object(&text, false);
        }
        let many = format!("{}{{\"a\": 1}}", "{x} ".repeat(long));
        assert_eq!(last_object(&many, false).map(Value::Object), Ok(json!({"a": 1})));
    }

    #[test]
    fn a_field_is_found_by_its_first_word() {
        let object = json!({"Answer": 1, "citation copied exactly": 2, "answer": 3, "no answer": 4});
        let mut object = object.as_object().unwrap().clone();
        let mut take = |name| field(&mut object, name);
        assert_eq!((take("answer"), take("answer"), take("answer")), (Some(json!(3)), Some(json!(1)), None));
        assert_eq!((take("citation"), take("explanation")), (Some(json!(2)), None));
    }

    #[test]
    fn text_of_any_value() {
        for nothing in [None, Some(json!(null)), Some(json!(" \n")), Some(json!([]))] {
            assert_eq!(text(nothing), None);
        }
        for nothing in
            [json!("None"), json!(" n/a "), json!("null."), json!("Not found"), json!("Not mentioned.")]
        {
            assert_eq!(text_or_nothing(Some(nothing.clone())), None);
            assert!(text(Some(nothing)).is_some());
        }
        assert_eq!(text(Some(json!(["a", null, 3]))), Some("a; 3".into()));
        assert_eq!(text(Some(json!(42))), Some("42".into()));
        assert_eq!(text(Some(json!(" x "))), Some("x".into()));
    }
}

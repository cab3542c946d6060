//! What is wrong with JSON that is nearly right.

use super::COMMENT;
use crate::job::error::{JobError, Subject};

/// Words that other languages have for values, and what to write in JSON.
const FOREIGN_WORDS: [(&[&str], &str); 3] = [
    (
        &["NaN", "nan", "Infinity", "-Infinity", "Inf", "inf", "-inf"],
        "JSON has no such number: write null or leave the key out; Python's json.dumps({it}, allow_nan=False) refuses it",
    ),
    (
        &["True", "False", "None"],
        "that is Python, not JSON, which has true, false and null: print the {it} with json.dumps({it})",
    ),
    (&["undefined"], "JSON has null for it, or leave the key out: print the {it} with JSON.stringify({it})"),
];

/// What is wrong with JSON, in plain words where the parser's are its own.
pub(super) fn syntax(of: Subject, text: &str, error: &serde_json::Error, first_line: usize) -> JobError {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    let words = words.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&words);
    let at = offset(text, line, column);
    let here = text[at..].chars().next();
    let is = |beginning: &str| words.starts_with(beginning);
    let (problem, hint) = if error.is_eof() {
        let hint = "the input ends before the {it} does: it was cut off on its way, or a quote or a bracket is missing";
        (words.replace("EOF while parsing", "the text ends within"), hint.to_owned())
    } else if is("control character") {
        control_character(of, text, line, column)
    } else if is("trailing comma") {
        (words.to_owned(), "leave out the comma before the closing bracket".to_owned())
    } else if is("recursion limit") {
        let hint = "a {it} is nested a few levels deep; was a list or an object put into itself?";
        ("it is nested deeper than 127 levels".to_owned(), hint.to_owned())
    } else if is("invalid escape") {
        let hint = "a backslash within a string is written \\\\, as in \"C:\\\\docs\"";
        ("a backslash that means nothing in JSON".to_owned(), hint.to_owned())
    } else if is("invalid number") || is("number out of range") {
        let hint = foreign_word(text, at).map_or("a JSON number looks like 10, 0.5 or 1e9", |(_, hint)| hint);
        (words.to_owned(), hint.to_owned())
    } else if let Some((word, hint)) = foreign_word(text, at) {
        (format!("{word} where a value has to be"), hint.to_owned())
    } else {
        let hint = match here {
            Some('/' | '#') => COMMENT,
            Some('\'') => {
                "JSON has double quotes: this looks like a dict of Python; print the {it} with json.dumps({it})"
            }
            Some('\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{2018}' | '\u{2019}' | '\u{ab}') => {
                "those are typographic quotes; JSON has straight ones, \""
            }
            Some('$') => "a variable of the shell was not replaced: within single quotes it stays as it is",
            _ if is("key must be a string") => {
                "keys stand in double quotes, {\"task\": ...}; `jq -n` makes JSON of jq's own notation"
            }
            _ if is("expected `,`") || is("expected `:`") => {
                "a comma, a colon or a bracket is missing there, or a quote within a string is not written \\\""
            }
            _ => "let a program write the {it}, such as jq or json.dumps",
        };
        (words.to_owned(), hint.to_owned())
    };
    let problem = format!("{problem} at line {} column {column}", first_line + line - 1);
    JobError::Syntax { of, problem, hint: of.hint(&hint) }
}

/// The control character before line and column, which stands within a string.
fn control_character(of: Subject, text: &str, line: usize, column: usize) -> (String, String) {
    let end = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>() + column;
    match text.as_bytes().get(end.saturating_sub(1)) {
        Some(b'\n' | b'\r') => (
            "a line break within a string".to_owned(),
            "within a string it is written \\n; if sh printed the {it} with echo, which makes line breaks of \\n, use "
                .to_owned()
                + match of {
                    Subject::Job => "`printf '%s' \"$JOB\"`, or `minions job.json`",
                    Subject::Question | Subject::Configuration | Subject::Chat => "`printf '%s'`",
                },
        ),
        Some(b'\t') => {
            ("a tab within a string".to_owned(), "within a string it is written \\t".to_owned())
        }
        byte => (
            format!("the control character 0x{:02x} within a string", byte.copied().unwrap_or_default()),
            "let a program write the {it}, such as jq or json.dumps: it escapes what has to be".to_owned(),
        ),
    }
}

/// The word around `at`, if it is one of another language.
pub(super) fn foreign_word(text: &str, at: usize) -> Option<(&str, &'static str)> {
    let is_part = |c: char| c.is_ascii_alphabetic() || c == '-';
    let begin = text[..at].rfind(|c| !is_part(c)).map_or(0, |before| before + 1);
    let begin = text.ceil_char_boundary(begin);
    let word = &text[begin..];
    let word = &word[..word.find(|c| !is_part(c)).unwrap_or(word.len())];
    FOREIGN_WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| (word, *hint))
}

/// The byte that the parser means by line and column, both from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let begin: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    text.floor_char_boundary((begin + column.saturating_sub(1)).min(text.len()))
}

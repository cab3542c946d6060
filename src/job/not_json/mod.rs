//! What an input is that is no JSON, and what to do about it.
//!
//! In: the bytes or the text, and the parser's complaint. Out: one error in plain words.

mod files;
mod syntax;

use std::path::Path;

use serde_json::Value;

use super::error::{JobError, Subject};
use super::line::is_job;
pub use files::foreign_file;
use syntax::{foreign_word, syntax};

const COMMENT: &str = "JSON has no comments: leave them out";

/// Characters of a stray line that a message shows.
const SHOWN: usize = 60;

/// What follows one of these on its line is not shown.
const SECRET_WORDS: [&str; 6] = ["key", "token", "secret", "password", "bearer", "authorization"];

/// Why `text` is no job, where the parser says `error` of it.
pub(super) fn explain(of: Subject, text: &str, error: &serde_json::Error, first_line: usize) -> JobError {
    let start = text.trim_start();
    match start.chars().next() {
        Some('{' | '[') if !is_banner(start, error.line() == line_of(text, text.len() - start.len(), 1)) => {
            syntax(of, text, error, first_line)
        }
        _ => strange(of, text, first_line),
    }
}

/// Why something follows a job's end, `end` bytes into `text`; or why it is no job at all.
pub(super) fn behind(of: Subject, value: &Value, text: &str, end: usize, first_line: usize) -> JobError {
    if !value.is_object() {
        return strange(of, text, first_line);
    }
    let rest = &text[end..];
    let skipped = rest.len() - rest.trim_start().len();
    let line = line_of(text, end + skipped, first_line);
    let rest = rest.trim();
    let hint = match rest {
        rest if rest.starts_with('{') => {
            return JobError::SecondJob { of, line };
        }
        rest if rest.starts_with(',') => {
            of.hint("leave the comma out; several {it}s stand one on a line, or in a list, [{...}, {...}]")
        }
        rest => stray_hint(of, rest),
    };
    JobError::Stray { of, place: "behind", line, text: shown(rest), hint }
}

/// What `text` is that neither is JSON nor begins like it.
fn strange(of: Subject, text: &str, first_line: usize) -> JobError {
    let start = text.trim_start();
    let foreign =
        |what: &str, hint: &str| JobError::Foreign { of, what: what.to_owned(), hint: of.hint(hint) };
    if let Some(at) = job_within(text) {
        let line = line_of(text, text.len() - start.len(), first_line);
        let before = text[..at].trim();
        let hint = stray_hint(of, before);
        return JobError::Stray { of, place: "before", line, text: shown(before), hint };
    }
    let mut lines = start.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim();
    if start.starts_with('<') {
        return foreign("HTML or XML", "if it is a document, its text belongs in {params}context of a {it}");
    }
    if is_yaml(first) {
        return foreign("YAML", "write the {it} as JSON, for example with `yq -o json . {it}.yaml {to}`");
    }
    if lines.next().is_none() && first.len() < 4096 && Path::new(first).is_file() {
        let hint = match of {
            Subject::Job => format!("give the file itself: `minions {first}`, or `minions < {first}`"),
            Subject::Question => format!("give the file itself: `minions eval {first}`"),
            Subject::Configuration => format!("give the file itself: `--config {first}`"),
            Subject::Chat => format!("give the file itself: `minions chat {first}`"),
        };
        return JobError::Foreign { of, what: "the name of a file".to_owned(), hint };
    }
    if is_table(start) {
        return foreign(
            "a table (CSV)",
            "make a JSON object of each row, one on a line, and run `minions {many}`",
        );
    }
    JobError::Foreign {
        of,
        what: format!("text; it begins `{}`", shown(first)),
        hint: of.example().to_owned(),
    }
}

/// Where in `text` a line begins with a whole job.
fn job_within(text: &str) -> Option<usize> {
    let mut at = 0;
    // A few tries: each may parse all that is left.
    let candidates = text.split_inclusive('\n').filter_map(|line| {
        let begin = at;
        at += line.len();
        let brace = line.find('{')?;
        Some(begin + brace)
    });
    candidates.take(8).find(|begin| {
        let mut values = serde_json::Deserializer::from_str(&text[*begin..]).into_iter::<Value>();
        values.next().is_some_and(|value| value.is_ok_and(|value| is_job(&value)))
    })
}

/// Whether the line in brackets at the start is a tool's, such as "[dotenv] ..." or "[1/2] ...", and no list.
/// `is_first_bad`: whether it is the line that the parser complains of.
fn is_banner(start: &str, is_first_bad: bool) -> bool {
    let Some(inner) = start.strip_prefix('[') else { return false };
    let is_word = inner.starts_with(char::is_alphabetic) && foreign_word(inner, 0).is_none();
    is_word
        || is_first_bad
            && start.lines().next().is_some_and(|first| !first.contains('{'))
            && job_within(start).is_some()
}

fn stray_hint(of: Subject, stray: &str) -> String {
    let hint = if stray.starts_with("```") || stray.starts_with("~~~") {
        "leave out the lines of the code fence"
    } else if ["//", "/*", "#", "--"].iter().any(|mark| stray.starts_with(mark)) {
        COMMENT
    } else {
        match of {
            Subject::Job => {
                "stdin must hold the job alone: send other programs' lines to stderr, or put the job into a file, \
                 `minions job.json`"
            }
            Subject::Question => "a line must hold the question alone",
            Subject::Configuration => "the file must hold the configuration alone",
            Subject::Chat => "the file must hold the request alone",
        }
    };
    hint.to_owned()
}

fn is_yaml(first: &str) -> bool {
    let keys = ["call_params", "local_client", "remote_client", "protocol", "task", "custom_id", "context"];
    first == "---" || keys.iter().any(|key| first.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
}

/// Whether the first lines have the same number of cells.
fn is_table(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default();
    [',', ';', '\t'].into_iter().any(|mark| {
        let cells = |line: &str| line.matches(mark).count();
        let is_row = !first.contains(&format!("{mark} "));
        is_row && cells(first) > 0 && lines.clone().next().is_none_or(|second| cells(second) == cells(first))
    })
}

/// The beginning of the first line of `text`, without what may be a key: what follows a word for one, what is assigned,
/// and long words of letters and digits.
fn shown(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let mut is_secret = false;
    let word = |word: &str| {
        let lower = word.to_ascii_lowercase();
        let of_key = SECRET_WORDS.iter().filter_map(|secret| lower.find(secret)).min();
        let is_long = word.len() >= 16 && !word.starts_with('[');
        let is_mixed = word.contains(|c: char| c.is_ascii_digit()) || word.contains('-') || word.len() >= 32;
        let shown = match (of_key, word.split_once('=')) {
            _ if is_secret => "...".to_owned(),
            (_, Some((name, value))) if !value.is_empty() => format!("{name}=..."),
            (Some(at), _) => match word[at..].find([':', '"', '=']) {
                Some(end) => format!("{}...", &word[..at + end]),
                None => word.to_owned(),
            },
            _ if is_long && is_mixed => "...".to_owned(),
            _ => word.to_owned(),
        };
        is_secret |= of_key.is_some();
        shown
    };
    let line = line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

fn line_of(text: &str, at: usize, first_line: usize) -> usize {
    first_line + text[..at].matches('\n').count()
}

#[cfg(test)]
mod tests {
    use crate::error::Failure;
    use crate::job;

    fn complaint(text: &str) -> String {
        Failure::from(job::value(text.as_bytes(), 1).unwrap_err()).to_string()
    }

    #[test]
    fn stray_text_around_a_job_is_quoted() {
        let job = r#"{"call_params": {"task": "t"}}"#;
        for (text, expected) in [
            (
                format!("[dotenv@17.2.3] injecting env (2)\n{job}"),
                "before the job, at line 1: `[dotenv@17.2.3] injecting env (2)`",
            ),
            (format!("\nLoaded env from .env\n{job}"), "before the job, at line 2: `Loaded env from .env`"),
            (format!("\n\n[1/2] Fetching\n{job}"), "before the job, at line 3: `[1/2] Fetching`"),
            (format!("$ cat job.json\n{job}"), "before the job, at line 1: `$ cat job.json`"),
            (format!(">>> {job}"), "before the job, at line 1: `>>>`"),
            (format!("export OPENAI_API_KEY=sk-abcdefgh12345678\n{job}"), "`export OPENAI_API_KEY=...`"),
            (format!("key sk-abcdefgh12345678\n{job}"), "`key ...`"),
            (format!("api_key: abcdef ghi\n{job}"), "`api_key... ... ...`"),
            (format!("\"api_key\":\"abcdef\"}}\n{job}"), "`\"api_key...`"),
            (format!("Authorization: Bearer abc\n{job}"), "`Authorization... ... ...`"),
            (format!("curl -u ada:b4-abcdefghijklmnop\n{job}"), "`curl -u ...`"),
            (format!("// the job\n{job}"), "JSON has no comments"),
            (format!("```json\n{job}\n```"), "leave out the lines of the code fence"),
            (format!("{job}\nEOF\n"), "behind the job, at line 2: `EOF`"),
            (format!("{job}\n```"), "behind the job, at line 2: ````"),
            (format!("{job};"), "behind the job, at line 1: `;`"),
            (format!("{job},\n{job}"), "leave the comma out"),
            (format!("{job}\n\n{job}"), "a second job begins at line 3"),
        ] {
            let complaint = complaint(&text);
            assert!(complaint.contains(expected), "{text}\n{complaint}");
        }
    }

    #[test]
    fn what_is_no_json_is_called_by_its_name() {
        for (text, expected) in [
            ("name,age\nAda,36\n", "a table (CSV)"),
            ("1,foo", "a table (CSV)"),
            ("name\tage\nAda\t36\n", "a table (CSV)"),
            ("call_params:\n  task: Who?\n", "YAML"),
            ("---\na: 1\n", "YAML"),
            ("<html><body>", "HTML or XML"),
            ("Cargo.toml\n", "`minions Cargo.toml`"),
            ("Who signed, and when?", "text; it begins `Who signed, and when?`"),
            ("%PDF-1.7\n", "a PDF file"),
            ("\"Cargo.toml\" x", "text; it begins"),
            ("{'call_params': {'task': 't'}}", "a dict of Python"),
            (r#"{"a": 'b'}"#, "a dict of Python"),
            (r#"{"a": True}"#, "which has true, false and null"),
            (r#"{"a": None}"#, "which has true, false and null"),
            (r#"{"a": NaN}"#, "NaN where a value has to be at line 1"),
            (r#"{"a": [1, nan]}"#, "nan where a value has to be"),
            (r#"{"a": -Infinity}"#, "JSON has no such number"),
            (r#"{"a": Infinity}"#, "JSON has no such number"),
            (r#"{"a": undefined}"#, "JSON.stringify"),
            ("{call_params: {task: 1}}", "keys stand in double quotes"),
            ("{\u{201c}a\u{201d}: 1}", "typographic quotes"),
            ("{\"a\": $TASK}", "a variable of the shell"),
            ("{\"a\": 1, // one\n \"b\": 2}", "no comments"),
            ("{\"a\": 1,}", "leave out the comma"),
            ("{\"a\": [1,]}", "leave out the comma"),
            (r#"{"a": "say "hi""}"#, "a quote within a string is not written"),
            (r#"{"a": "C:\docs"}"#, "a backslash within a string"),
            (r#"{"a": 01}"#, "a JSON number looks like"),
            ("{\"a\": \"one\ntwo\"}", "a line break within a string at line"),
            ("{\"a\": \"one\r\ntwo\"}", "printf '%s'"),
            ("{\"a\": \"one\ttwo\"}", "written \\t"),
            ("{\"a\": \"one\u{1b}two\"}", "0x1b"),
            ("{\"a\": [1, 2", "cut off on its way"),
        ] {
            let complaint = complaint(text);
            assert!(complaint.contains(expected), "{text}\n{complaint}");
            assert!(!complaint.contains("json.tool"), "{complaint}");
        }
    }

    #[test]
    fn other_files_are_known_by_their_first_bytes() {
        let utf16: Vec<u8> = "{\"a\"".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (bytes, expected) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"PK\x03\x04\x14\0", "Word"),
            (b"\xff\xfe{\0", "PowerShell"),
            (&utf16, "UTF-16"),
        ] {
            let complaint = Failure::from(job::value(bytes, 1).unwrap_err()).to_string();
            assert!(complaint.contains(expected), "{complaint}");
        }
    }
}

//! What an input is that is no JSON, and what to do about it.
//!
//! In: the bytes or the text, and the parser's complaint. Out: one error in plain words.

use std::path::Path;

use serde_json::Value;

use super::error::{A_JOB, JobError};
use super::line::is_job;

/// Files that are handed in by mistake, by their first bytes.
const FILES: [(&[u8], &str, &str); 6] = [
    (
        b"%PDF",
        "a PDF file",
        "ask about it, `minions ask \"Who signed?\" report.pdf`, or name it in `call_params.context_files` of a job",
    ),
    (
        b"PK\x03\x04",
        "a zip, Word or Excel file",
        "ask about it, `minions ask \"Who signed?\" report.docx`, or name it in `call_params.context_files` of a job",
    ),
    (b"\x1f\x8b", "a gzip file", "unpack it first: `gunzip -c jobs.gz | minions`"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first: `zstd -dc jobs.zst | minions`"),
    (b"\xff\xfe", "UTF-16 text, as PowerShell's > writes it", UTF8),
    (b"\xfe\xff", "UTF-16 text", UTF8),
];

const UTF8: &str = "save the job as UTF-8: `iconv -f UTF-16 -t UTF-8 job.json | minions`";

const COMMENT: &str = "JSON has no comments: leave them out";

/// Characters of a stray line that a message shows.
const SHOWN: usize = 60;

/// What follows one of these on its line is not shown.
const SECRET_WORDS: [&str; 6] = ["key", "token", "secret", "password", "bearer", "authorization"];

/// Words that other languages have for values, and what to write in JSON.
const FOREIGN_WORDS: [(&[&str], &str); 3] = [
    (
        &["NaN", "nan", "Infinity", "-Infinity", "Inf", "inf", "-inf"],
        "JSON has no such number: write null or leave the key out; Python's json.dumps(job, allow_nan=False) refuses it",
    ),
    (
        &["True", "False", "None"],
        "that is Python, not JSON, which has true, false and null: print the job with json.dumps(job)",
    ),
    (&["undefined"], "JSON has null for it, or leave the key out: print the job with JSON.stringify(job)"),
];

/// The kind of file that begins with `bytes`, if it is one that is no job.
pub fn foreign_file(bytes: &[u8]) -> Option<JobError> {
    let of = |what: &str, hint: &str| JobError::Foreign { what: what.to_owned(), hint: hint.to_owned() };
    if let Some((_, what, hint)) = FILES.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Some(of(what, hint));
    }
    // Without a mark: every second byte of ASCII is 0.
    if matches!(bytes, [first, second, ..] if (*first == 0) != (*second == 0)) {
        return Some(of("UTF-16 text", UTF8));
    }
    let is_program = bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"MZ");
    is_program.then(|| of("a program", A_JOB))
}

/// Why `text` is no job, where the parser says `error` of it.
pub(super) fn explain(text: &str, error: &serde_json::Error, first_line: usize) -> JobError {
    let start = text.trim_start();
    match start.chars().next() {
        Some('{' | '[') if !is_banner(start, error.line() == line_of(text, text.len() - start.len(), 1)) => {
            syntax(text, error, first_line)
        }
        _ => strange(text, first_line),
    }
}

/// Why something follows a job's end, `end` bytes into `text`; or why it is no job at all.
pub(super) fn behind(value: &Value, text: &str, end: usize, first_line: usize) -> JobError {
    if !value.is_object() {
        return strange(text, first_line);
    }
    let rest = &text[end..];
    let skipped = rest.len() - rest.trim_start().len();
    let line = line_of(text, end + skipped, first_line);
    let rest = rest.trim();
    let hint = match rest {
        rest if rest.starts_with('{') => {
            return JobError::SecondJob { line };
        }
        rest if rest.starts_with(',') => {
            "leave the comma out; several jobs stand one on a line, or in a list, [{...}, {...}]"
        }
        rest => stray_hint(rest),
    };
    JobError::Stray { place: "behind", line, text: shown(rest), hint: hint.to_owned() }
}

/// What `text` is that neither is JSON nor begins like it.
fn strange(text: &str, first_line: usize) -> JobError {
    let start = text.trim_start();
    let foreign = |what: &str, hint: &str| JobError::Foreign { what: what.to_owned(), hint: hint.to_owned() };
    if let Some(at) = job_within(text) {
        let line = line_of(text, text.len() - start.len(), first_line);
        let before = text[..at].trim();
        let hint = stray_hint(before).to_owned();
        return JobError::Stray { place: "before", line, text: shown(before), hint };
    }
    let mut lines = start.lines().filter(|line| !line.trim().is_empty());
    let first = lines.next().unwrap_or_default().trim();
    if start.starts_with('<') {
        return foreign(
            "HTML or XML",
            "if it is a document, its text belongs in call_params.context of a job",
        );
    }
    if is_yaml(first) {
        return foreign("YAML", "write the job as JSON, for example with `yq -o json . job.yaml | minions`");
    }
    if lines.next().is_none() && first.len() < 4096 && Path::new(first).is_file() {
        let hint = format!("give the file itself: `minions {first}`, or `minions < {first}`");
        return JobError::Foreign { what: "the name of a file".to_owned(), hint };
    }
    if is_table(start) {
        return foreign(
            "a table (CSV)",
            "make a JSON object of each row, one on a line, and run `minions batch`",
        );
    }
    JobError::Foreign { what: format!("text; it begins `{}`", shown(first)), hint: A_JOB.to_owned() }
}

/// What is wrong with JSON, in plain words where the parser's are its own.
fn syntax(text: &str, error: &serde_json::Error, first_line: usize) -> JobError {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    let words = words.strip_suffix(&format!(" at line {line} column {column}")).unwrap_or(&words);
    let at = offset(text, line, column);
    let here = text[at..].chars().next();
    let is = |beginning: &str| words.starts_with(beginning);
    let (problem, hint) = if error.is_eof() {
        let hint = "the input ends before the job does: it was cut off on its way, or a quote or a bracket is missing";
        (words.replace("EOF while parsing", "the text ends within"), hint.to_owned())
    } else if is("control character") {
        control_character(text, line, column)
    } else if is("trailing comma") {
        (words.to_owned(), "leave out the comma before the closing bracket".to_owned())
    } else if is("recursion limit") {
        let hint = "a job is nested a few levels deep; was a list or an object put into itself?";
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
                "JSON has double quotes: this looks like a dict of Python; print the job with json.dumps(job)"
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
            _ => "let a program write the job, such as jq or json.dumps",
        };
        (words.to_owned(), hint.to_owned())
    };
    JobError::Syntax { problem: format!("{problem} at line {} column {column}", first_line + line - 1), hint }
}

/// The control character before line and column, which stands within a string.
fn control_character(text: &str, line: usize, column: usize) -> (String, String) {
    let end = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>() + column;
    match text.as_bytes().get(end.saturating_sub(1)) {
        Some(b'\n' | b'\r') => (
            "a line break within a string".to_owned(),
            "within a string it is written \\n; if sh printed the job with echo, which makes line breaks of \\n, use \
             `printf '%s' \"$JOB\"`, or `minions job.json`"
                .to_owned(),
        ),
        Some(b'\t') => {
            ("a tab within a string".to_owned(), "within a string it is written \\t".to_owned())
        }
        byte => (
            format!("the control character 0x{:02x} within a string", byte.copied().unwrap_or_default()),
            "let a program write the job, such as jq or json.dumps: it escapes what has to be".to_owned(),
        ),
    }
}

/// The word around `at`, if it is one of another language.
fn foreign_word(text: &str, at: usize) -> Option<(&str, &'static str)> {
    let is_part = |c: char| c.is_ascii_alphabetic() || c == '-';
    let begin = text[..at].rfind(|c| !is_part(c)).map_or(0, |before| before + 1);
    let begin = text.ceil_char_boundary(begin);
    let word = &text[begin..];
    let word = &word[..word.find(|c| !is_part(c)).unwrap_or(word.len())];
    FOREIGN_WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, hint)| (word, *hint))
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

fn stray_hint(stray: &str) -> &'static str {
    if stray.starts_with("```") || stray.starts_with("~~~") {
        "leave out the lines of the code fence"
    } else if ["//", "/*", "#", "--"].iter().any(|mark| stray.starts_with(mark)) {
        COMMENT
    } else {
        "stdin must hold the job alone: send other programs' lines to stderr, or put the job into a file, `minions job.json`"
    }
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

/// The byte that the parser means by line and column, both from 1.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let begin: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    text.floor_char_boundary((begin + column.saturating_sub(1)).min(text.len()))
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

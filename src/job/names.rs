//! A text that only names what should stand there: a path, a URL, a variable of the shell, the bytes of a file.

use std::path::{Path, PathBuf};

use super::error::JobError;

/// Names are no longer than this.
const LONGEST: usize = 1024;
/// Characters of a document that are looked at for what no text has.
const LOOKED_AT: usize = 2000;

/// Characters of a name that a message shows.
const SHOWN: usize = 200;

/// What names of documents end with.
const ENDINGS: [&str; 32] = [
    "pdf", "txt", "text", "md", "markdown", "rst", "tex", "doc", "docx", "odt", "rtf", "epub", "html", "htm",
    "xml", "csv", "tsv", "xls", "xlsx", "ods", "ppt", "pptx", "json", "jsonl", "ndjson", "yaml", "yml",
    "log", "eml", "gz", "zip", "parquet",
];

/// Files that are no text, by how their bytes begin where they were put into a string, as they are or in base64.
const FILES: [(&str, &str, &str); 5] = [
    ("%PDF-", "a PDF file", NAME_IT),
    ("JVBERi0", "a PDF file in base64", NAME_IT),
    ("PK\u{3}\u{4}", "a Word, Excel or zip file", NAME_IT),
    ("UEsDB", "a Word, Excel or zip file in base64", NAME_IT),
    ("{\\rtf", "an RTF file", TEXT),
];
const NAME_IT: &str = "name the file instead: \"context_files\": [\"report.pdf\"]";
const TEXT: &str = "take its text: `pandoc -t plain report.rtf -o report.txt`";

/// Whether a text that may be a name is looked for among the files of this machine. A sender from elsewhere would learn
/// from the answer which files there are.
#[derive(Clone, Copy)]
pub(super) enum Lookup {
    /// It is.
    Here,
    /// Its letters alone count.
    Nowhere,
}

impl Lookup {
    fn finds(self, is_there: impl FnOnce() -> bool) -> bool {
        matches!(self, Self::Here) && is_there()
    }
}

/// What a text is that stands in for another.
enum Name {
    File(PathBuf),
    Folder,
    /// Looks like a path, but nothing is there.
    NoFile,
    Url,
    Shell,
}

/// A document.
pub(super) fn refuse_as_document(place: &str, text: &str, lookup: Lookup) -> Result<(), JobError> {
    let refuse = |what: String, hint: String| Err(JobError::OnlyName { place: place.to_owned(), what, hint });
    let beginning = text.trim_start_matches(['\u{feff}', ' ', '\n']);
    if let Some((_, what, hint)) = FILES.iter().find(|(begin, ..)| beginning.starts_with(begin)) {
        return refuse(format!("holds the bytes of {what}, not its text"), (*hint).to_owned());
    }
    if is_unreadable(text) {
        let hint = "a file that is no UTF-8 text was put there: make text of it, for example with `iconv -f latin1 -t UTF-8`";
        return refuse("is no readable text".to_owned(), hint.to_owned());
    }
    let (what, remedy) = match name(text, lookup) {
        None => return Ok(()),
        Some(Name::File(path)) => {
            ("is the path of a file, not its text", in_context_files(&path.to_string_lossy()))
        }
        Some(Name::Folder) => ("is the path of a folder, not a text", in_context_files(text.trim())),
        Some(Name::NoFile) => (
            "looks like the path of a file, not like its text",
            format!("{}, or put the text itself here", in_context_files(text.trim())),
        ),
        Some(Name::Url) => {
            ("is a URL, not a text", "minions fetches nothing: save the page and name its file in call_params.context_files".to_owned())
        }
        Some(Name::Shell) => (
            "is a word of the shell that was not replaced",
            "within single quotes the shell replaces nothing; call_params.context_files names files, which minions reads".to_owned(),
        ),
    };
    let hint =
        format!("{remedy}. If these words are the document, put a word before them, such as \"Note:\"");
    refuse(format!("{what}: {:?}", shown(text)), hint)
}

/// How the file or folder of this path is given instead.
fn in_context_files(path: &str) -> String {
    format!("name it in call_params.context_files, [{:?}], and minions reads it", shown(path))
}

/// The path of a file.
pub(super) fn refuse_as_path(place: &str, path: &str, lookup: Lookup) -> Result<(), JobError> {
    if path.trim().is_empty() || path.contains('\0') {
        let problem = "must be the path of a file or a folder".to_owned();
        return Err(JobError::BadValue { place: place.to_owned(), problem });
    }
    let (what, hint) = match name(path, lookup) {
        Some(Name::Url) => ("is a URL, and minions fetches nothing", "save the page and name its file"),
        Some(Name::Shell) => {
            ("is a word of the shell that was not replaced", "no shell reads a job: write the path itself")
        }
        _ if path.starts_with("~/") && !lookup.finds(|| Path::new(path).exists()) => {
            ("begins with ~, which no shell replaces in a job", "write the whole path")
        }
        _ => return Ok(()),
    };
    let what = format!("{what}: {:?}", shown(path));
    Err(JobError::OnlyName { place: place.to_owned(), what, hint: hint.to_owned() })
}

/// The task.
pub(super) fn refuse_as_task(place: &str, text: &str, lookup: Lookup) -> Result<(), JobError> {
    let what = match name(text, lookup) {
        None => return Ok(()),
        Some(Name::File(_) | Name::Folder | Name::NoFile) => "is the path of a file, not a question",
        Some(Name::Url) => "is a URL, not a question",
        Some(Name::Shell) => "is a word of the shell that was not replaced, not a question",
    };
    Err(JobError::OnlyName {
        place: place.to_owned(),
        what: format!("{what}: {:?}", shown(text)),
        hint: "write the question itself there; documents belong in call_params.context, files in call_params.context_files".to_owned(),
    })
}

/// What `text` names; `None` for what may be a text of its own.
fn name(text: &str, lookup: Lookup) -> Option<Name> {
    let text = text.trim();
    if text.len() > LONGEST || text.contains('\n') || !text.contains(char::is_alphanumeric) {
        return None;
    }
    let text = text.trim_matches(['"', '\'']).trim_start_matches('@');
    let lower = text.to_lowercase();
    let is_word = !text.contains(char::is_whitespace);
    if lower.starts_with("file:") && lower[5..].starts_with('/') {
        return Some(Name::NoFile);
    }
    let has_scheme = ["http:", "https:", "ftp:", "sftp:", "s3:", "gs:", "az:"]
        .iter()
        .any(|scheme| lower.strip_prefix(scheme).is_some_and(|rest| rest.starts_with("//")));
    if is_word && (has_scheme || lower.starts_with("www.") || lower.starts_with("data:")) {
        return Some(Name::Url);
    }
    if text.starts_with("$(") && text.ends_with(')') || is_word && is_variable(text) {
        return Some(Name::Shell);
    }
    let path = match (text.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    };
    if lookup.finds(|| path.is_file()) {
        return Some(Name::File(path));
    }
    // The word "data" is a text as well.
    if text.contains('/') && lookup.finds(|| path.is_dir()) {
        return Some(Name::Folder);
    }
    let is_rooted =
        ["/", "./", "../", "~/", "\\\\"].iter().any(|root| text.starts_with(root)) || has_drive(text);
    let has_ending = ending(&lower).is_some_and(|ending| ENDINGS.contains(&ending));
    let is_path = if is_word { is_rooted || has_ending } else { is_rooted && has_ending };
    is_path.then_some(Name::NoFile)
}

/// Its beginning, without what a URL may hold of secrets.
fn shown(text: &str) -> String {
    let text = text.trim();
    let shown = match text.split_once("://") {
        None => text.to_owned(),
        Some((scheme, rest)) => {
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or_default())
        }
    };
    shown.chars().take(SHOWN).collect()
}

/// Whether it is `$NAME` or `${NAME}`.
fn is_variable(text: &str) -> bool {
    let Some(name) = text.strip_prefix('$') else { return false };
    let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether it begins like `C:\` or `C:/`.
fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

fn ending(name: &str) -> Option<&str> {
    Path::new(name.trim_end_matches('\'')).extension()?.to_str()
}

/// Whether a tenth of it, at the least, is what a text has none of.
fn is_unreadable(text: &str) -> bool {
    let bad =
        |c: char| c == char::REPLACEMENT_CHARACTER || c.is_control() && !c.is_whitespace() && c != '\u{1b}';
    let (looked_at, found) = text
        .chars()
        .take(LOOKED_AT)
        .fold((0_usize, 0_usize), |(all, found), c| (all + 1, found + usize::from(bad(c))));
    found >= 10 && found * 10 > looked_at
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Failure;

    fn complaint(text: &str) -> Option<String> {
        let refused = refuse_as_document("call_params.context[0]", text, Lookup::Here);
        refused.err().map(|error| Failure::from(error).to_string())
    }

    #[test]
    fn a_name_is_no_document() {
        let dir = tempfile::tempdir().unwrap();
        let there = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "x").unwrap();
            path.to_str().unwrap().to_owned()
        };
        for (text, expected) in [
            (there("a.txt"), "is the path of a file"),
            (there("without ending"), "without ending\"], and minions reads it"),
            (there("my report.pdf"), "name it in call_params.context_files, [\"/"),
            (format!(" {} ", there("b.txt")), "is the path of a file"),
            (format!("@{}", there("c.txt")), "is the path of a file"),
            (format!("{}/", dir.path().display()), "is the path of a folder"),
            ("Cargo.toml".into(), "is the path of a file"),
            ("Cargo.toml\n".into(), "is the path of a file"),
            ("https://example.com\r\n".into(), "is a URL"),
            ("src/job".into(), "is the path of a folder"),
            ("report.pdf".into(), "looks like the path of a file"),
            ("REPORT.PDF".into(), "looks like the path of a file"),
            ("*.txt".into(), "looks like the path of a file"),
            ("docs/**/*.md".into(), "looks like the path of a file"),
            ("/data/reports".into(), "looks like the path of a file"),
            ("~/report.txt".into(), "looks like the path of a file"),
            ("C:\\docs\\my report.pdf".into(), "looks like the path of a file"),
            ("C:/docs/report".into(), "looks like the path of a file"),
            ("\\\\server\\share\\a.docx".into(), "looks like the path of a file"),
            ("file:///tmp/my report.txt".into(), "looks like the path of a file"),
            ("https://example.com/a".into(), "is a URL"),
            ("HTTP://EXAMPLE.COM".into(), "is a URL"),
            ("s3://bucket/key".into(), "is a URL"),
            ("www.example.com".into(), "is a URL"),
            ("data:text/plain;base64,QQ==".into(), "is a URL"),
            ("$(cat report.txt)".into(), "a word of the shell"),
            ("$REPORT".into(), "a word of the shell"),
            ("${report}".into(), "a word of the shell"),
            ("%PDF-1.7\n%...".into(), "name the file instead"),
            ("JVBERi0xLjcK".into(), "a PDF file in base64"),
            ("PK\u{3}\u{4}\u{14}\0".into(), "a Word, Excel or zip file"),
            ("\u{fffd}\u{fffd}a".repeat(30), "no readable text"),
        ] {
            let complaint = complaint(&text).unwrap_or_else(|| panic!("{text} passes"));
            assert!(complaint.contains(expected) && complaint.contains("Hint: "), "{text}\n{complaint}");
        }
    }

    #[test]
    fn what_a_url_holds_of_secrets_is_not_shown() {
        let complaint = complaint("https://ada:word@host/a.pdf?X-Signature=abc#key").unwrap();
        assert!(complaint.contains("\"https://host/a.pdf\""), "{complaint}");
        assert!(
            !complaint.contains("word@") && !complaint.contains("abc") && !complaint.contains("key"),
            "{complaint}"
        );
    }

    #[test]
    fn a_short_document_passes() {
        for text in [
            "",
            "Ada",
            "Ada.",
            "Signed: Ada",
            "data",
            "src",
            ".",
            "/",
            "...",
            "and/or",
            "1/2",
            "$5",
            "$1.25",
            "a: b",
            "See report.pdf.",
            "The invoice is in report.pdf",
            "See https://example.com",
            "example.com",
            "3.14",
            "{\"a\": \"/x\"}",
            "Note: Cargo.toml",
            "Note: https://example.com",
            "naïve café \u{fffd}",
            "v1.2",
        ] {
            assert_eq!(complaint(text), None, "{text}");
        }
    }

    #[test]
    fn a_task_is_a_question() {
        let refused = |text: &str| {
            refuse_as_task("call_params.task", text, Lookup::Here).err().map(|error| error.to_string())
        };
        for text in ["question.txt", "Cargo.toml", "https://example.com/q", "$TASK"] {
            assert!(refused(text).unwrap().contains("not a question"), "{text}");
        }
        for text in ["Who?", "Summarise", "Summarise report.pdf", "What is https://example.com about?"] {
            assert_eq!(refused(text), None, "{text}");
        }
    }

    #[test]
    fn a_sender_from_elsewhere_learns_of_no_file() {
        let complaint = |text: &str, lookup| {
            [
                refuse_as_document("context", text, lookup),
                refuse_as_task("task", text, lookup),
                refuse_as_path("file", text, lookup),
            ]
            .map(|refused| refused.err().map(|error| error.to_string().replace(text, "")))
        };
        for (there, missing) in
            [("Cargo.toml", "Carga.toml"), ("src/job", "src/jab"), ("Cargo.lock", "a.lock")]
        {
            let [of_there, of_missing] = [there, missing].map(|text| complaint(text, Lookup::Nowhere));
            assert_eq!(of_there, of_missing, "{there}");
            assert_ne!(complaint(there, Lookup::Here), of_there, "{there}");
        }
        for name in ["/etc/passwd", "~/report.txt", "report.pdf", "https://example.com"] {
            assert!(complaint(name, Lookup::Nowhere)[0].is_some(), "{name}");
        }
    }
}

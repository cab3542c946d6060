//! Which of the words on the command line is the question, and which are files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use minions::error::Failure;

/// A question and what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Words {
    pub question: Option<String>,
    pub files: Vec<PathBuf>,
}

impl Words {
    /// Of the `words` the first is the question, or the last; of what `--context` names only the last may be one. A word
    /// under whose name there is a file is never the question.
    ///
    /// # Errors
    /// A question that is empty, or is no text; a first word that looks like a file that is not there.
    pub(in crate::cli) fn of(words: Vec<OsString>, context: Vec<PathBuf>) -> Result<Self, Failure> {
        let mut files: Vec<PathBuf> = words.into_iter().map(PathBuf::from).collect();
        let mut context = context;
        let question = match (files.first(), files.last()) {
            (Some(first), _) if !is_there(first) => Some(files.remove(0)),
            (Some(_), Some(last)) if is_sentence(last) => files.pop(),
            (None, _) if context.len() > 1 && context.last().is_some_and(|last| is_sentence(last)) => {
                context.pop()
            }
            _ => None,
        };
        files.extend(context);
        let question = question.map(|question| text(question.into())).transpose()?;
        if let Some(question) = &question
            && let Some(lost) = files.iter().find(|file| is_lost_word(file))
        {
            let lost = lost.display();
            let all: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
            return Err(Failure::input(format!("there is no file {lost}")).hint(format!(
                "a question of several words stands in quotes: minions ask \"{question} {}\"",
                all.join(" ")
            )));
        }
        Ok(Self { question, files })
    }
}

fn text(question: OsString) -> Result<String, Failure> {
    let question = question
        .into_string()
        .map_err(|bytes| Failure::input(format!("the question is no UTF-8 text: {bytes:?}")))?;
    if question.trim().is_empty() {
        return Err(Failure::input("the question is empty").hint("minions ask \"Who signed?\" lease.pdf"));
    }
    if looks_like_file(&question) {
        return Err(Failure::input(format!("there is no file {question}, and it does not read like a question"))
            .hint("a path counts from the folder that you are in; the question stands first: minions ask \"Who signed?\" lease.pdf"));
    }
    Ok(question)
}

/// Whether it is a plain word under whose name there is nothing, so that it may be one of a question.
fn is_lost_word(word: &Path) -> bool {
    !is_there(word) && word.to_str().is_some_and(|text| !looks_like_file(text) && !text.contains('.'))
}

fn is_there(word: &Path) -> bool {
    word.as_os_str() == "-" || word.symlink_metadata().is_ok()
}

/// Whether a word that is no file reads like a question.
fn is_sentence(word: &Path) -> bool {
    let is_question =
        word.to_str().is_some_and(|text| text.trim().contains(char::is_whitespace) || text.ends_with('?'));
    is_question && !is_there(word) && !word.to_str().is_some_and(looks_like_file)
}

/// Whether it ends as files end, or leads through folders.
fn looks_like_file(word: &str) -> bool {
    let has_ending = || {
        let ending = Path::new(word).extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| {
            (2..=5).contains(&ending.len())
                && ending.chars().all(|c| c.is_ascii_alphanumeric())
                && ending.contains(|c: char| c.is_ascii_alphabetic())
        })
    };
    let has_spaces = word.trim().contains(char::is_whitespace);
    let is_path = word.contains('/') || has_ending();
    !word.ends_with('?')
        && if has_spaces { word.starts_with(['/', '.', '~']) && has_ending() } else { is_path }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(words: &[&str], context: &[&str]) -> Result<(Option<String>, Vec<String>), String> {
        let words = words.iter().map(OsString::from).collect();
        let context = context.iter().map(PathBuf::from).collect();
        let shown = |path: PathBuf| path.display().to_string();
        Words::of(words, context)
            .map(|words| (words.question, words.files.into_iter().map(shown).collect()))
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn the_question_stands_first_or_last() {
        for (words, context, question, files) in [
            (
                &["Who signed?", "Cargo.toml", "src"][..],
                &[][..],
                Some("Who signed?"),
                &["Cargo.toml", "src"][..],
            ),
            (&["Cargo.toml", "src", "Who signed?"], &[], Some("Who signed?"), &["Cargo.toml", "src"]),
            (&["Who?"], &["Cargo.toml", "src"], Some("Who?"), &["Cargo.toml", "src"]),
            (&["Summarise"], &[], Some("Summarise"), &[]),
            (&["Summarise", "-"], &[], Some("Summarise"), &["-"]),
            (&["What is in /etc/hosts?"], &[], Some("What is in /etc/hosts?"), &[]),
            (&["Compare a.txt with b.txt"], &[], Some("Compare a.txt with b.txt"), &[]),
            (&["and/or?"], &[], Some("and/or?"), &[]),
            (&["Who?", "lost.pdf"], &[], Some("Who?"), &["lost.pdf"]),
            (&["Cargo.toml"], &[], None, &["Cargo.toml"]),
            (&["Cargo.toml", "lost.pdf"], &[], None, &["Cargo.toml", "lost.pdf"]),
            (&[], &["Cargo.toml"], None, &["Cargo.toml"]),
            (&[], &["my lost report"], None, &["my lost report"]),
            (&["Who?", "no/such", "..."], &[], Some("Who?"), &["no/such", "..."]),
            (&[], &["Cargo.toml", "src", "Who signed it?"], Some("Who signed it?"), &["Cargo.toml", "src"]),
            (&[], &["Cargo.toml", "/my lost/report.pdf"], None, &["Cargo.toml", "/my lost/report.pdf"]),
            (&[], &[], None, &[]),
        ] {
            let expected =
                (question.map(str::to_owned), files.iter().map(|file| (*file).to_owned()).collect());
            assert_eq!(split(words, context), Ok(expected), "{words:?} {context:?}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_no_question() {
        for words in
            [&["lost.pdf"][..], &["docs/lost"], &["lost.pdf", "Cargo.toml"], &["/lost/annual report.pdf"]]
        {
            assert!(split(words, &[]).unwrap_err().contains("there is no file"), "{words:?}");
        }
        assert!(split(&["  "], &[]).unwrap_err().contains("the question is empty"));
    }
}

//! What is said of a command line that can't be used.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use minions::error::Failure;
use minions::runtimes::ollama;
use minions::{reader, sandbox};

use super::args::Cli;
use super::container;
use super::screen::{in_words, start_line};
use super::shell::shell_word;

/// How like two words are, from 0 to 1, of which one may be meant for the other.
const LIKE: f64 = 0.75;

/// What is wrong with it; `None` after `--help` and `--version`, which clap has printed.
pub(crate) fn failure(error: &clap::Error) -> Option<Failure> {
    if !error.use_stderr() {
        return error.print().err().map(|error| Failure::system(format!("stdout can't be written: {error}")));
    }
    let text = error.to_string();
    let line = |start: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    let complaint = complaint(&text);
    // clap takes any second word for a subcommand.
    let second =
        complaint.strip_prefix("the subcommand ").and_then(|rest| rest.split_once(" cannot be used with"));
    if let Some((word, _)) = second {
        let first = std::env::args().nth(1).filter(|word| !word.starts_with('-')).map(PathBuf::from);
        let is_question = word.contains(char::is_whitespace) || word.trim_end_matches('\'').ends_with('?');
        match file_or_word(first.clone(), false) {
            Ok(_) if !is_question => {}
            Ok(first) => {
                let file = first
                    .map_or_else(String::new, |file| format!(" {}", shell_word(&file.display().to_string())));
                let word = word.trim_matches('\'');
                return Some(
                    Failure::input("a question stands behind `ask`")
                        .hint(format!("minions ask {}{file}", quoted(word))),
                );
            }
            Err(unknown) => return Some(unknown),
        }
        return Some(Failure::input(format!("{word} is one word too many: one file is read")).hint(
            "several files are one batch, `cat a.json b.json | minions batch`; a subcommand stands before its options",
        ));
    }
    let hint = line("tip: ").filter(|_| is_similar(error) && !is_of_batch(error));
    Some(Failure::input(plain(&complaint)).hint(hint.map_or_else(|| remedy(error), str::to_owned)))
}

/// clap's complaint in one line; what it lists below it stands in lines of their own.
fn complaint(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("error: "));
    let first = lines.next().and_then(|line| line.strip_prefix("error: ")).unwrap_or_default();
    let listed: Vec<_> = lines.take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    match first.ends_with(':') && !listed.is_empty() {
        true => format!("{first} {}", listed.join(", ")),
        false => first.to_owned(),
    }
}

/// Whether clap's suggestion is like what was written: `--budget` is not like `--quiet`.
fn is_similar(error: &clap::Error) -> bool {
    let texts = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    let written = [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue]
        .map(texts)
        .concat();
    let suggested =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
            .map(texts)
            .concat();
    let bare = |text: &str| text.trim_start_matches('-').to_owned();
    let is_like = |a: &String, b: &String| strsim::jaro_winkler(&bare(a), &bare(b)) > LIKE;
    written.iter().any(|written| suggested.iter().any(|suggested| is_like(written, suggested)))
}

/// A question as a person writes it into a shell.
fn quoted(question: &str) -> String {
    if question.contains(['"', '$', '`', '\\', '!']) {
        shell_word(question)
    } else {
        format!("\"{question}\"")
    }
}

/// clap's words for a bad value end with Rust's own, which say little to others.
fn plain(complaint: &str) -> String {
    let complaint = complaint.replace("invalid digit found in string", "it must be a whole number");
    match complaint.rsplit_once(": ").map(|(start, rest)| (start, rest.split_once(" is not in "))) {
        Some((start, Some((_, range)))) => {
            format!("{start}: it must be from {}", range.replace("..=", " to "))
        }
        _ => complaint,
    }
}

/// What to do about a command line where clap has no advice.
fn remedy(error: &clap::Error) -> String {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    };
    match error.kind() {
        ErrorKind::ArgumentConflict => "take one of the two".to_owned(),
        ErrorKind::InvalidValue if !context(ContextKind::ValidValue).is_empty() => {
            format!("one of {}", context(ContextKind::ValidValue))
        }
        ErrorKind::UnknownArgument => {
            if is_of_batch(error) {
                return "it is an option of `minions batch`".to_owned();
            }
            let word = context(ContextKind::InvalidArg);
            let is_value = |c: char| c.is_ascii_digit() || c.is_whitespace();
            if word.trim_start_matches('-').starts_with(is_value) || word.contains(char::is_whitespace) {
                return "a word that begins with - stands behind --: minions ask -- \"-5 or 5?\"; an option takes it with \
                        =, and no limit is below 0"
                    .to_owned();
            }
            if let Some(name) = subcommand() {
                return format!("`minions {name} --help` lists its options");
            }
            "`minions --help` lists the options; what a job asks, and of whom, stands in its JSON: `minions run --help` \
             shows how to make one of a file"
                .to_owned()
        }
        _ => help(),
    }
}

/// The subcommand on the command line, unless it is `run`, which may be left out.
fn subcommand() -> Option<String> {
    std::env::args().nth(1).filter(|first| !first.starts_with('-') && WITHOUT_ENVELOPE.contains(&&**first))
}

/// Whether the unknown option is one of `batch` alone.
fn is_of_batch(error: &clap::Error) -> bool {
    let (Some(ContextValue::String(option)), command) = (error.get(ContextKind::InvalidArg), Cli::command())
    else {
        return false;
    };
    let has = |name: &str| {
        let found = command.get_subcommands().find(|command| command.get_name() == name);
        let longs = found.into_iter().flat_map(clap::Command::get_arguments).filter_map(clap::Arg::get_long);
        longs.map(|long| format!("--{long}")).any(|long| long == *option)
    };
    error.kind() == ErrorKind::UnknownArgument && has("batch") && !has("run")
}

/// The commands that answer no job, or, as `ask` and `batch`, seldom with an envelope.
const WITHOUT_ENVELOPE: [&str; 28] = [
    "ask",
    "batch",
    "collect",
    "completions",
    container::COMMAND,
    "demo",
    "doctor",
    "estimate",
    "eval",
    "health",
    "index",
    "logs",
    "man",
    "merge",
    "models",
    ollama::WATCHDOG_COMMAND,
    "providers",
    reader::CHILD_COMMAND,
    sandbox::CHILD_COMMAND,
    "schema",
    "serve",
    "sessions",
    "status",
    "submit",
    "version",
    "work",
    "help",
    "--help",
];

/// Whether stdout may be owed an envelope, as far as the first word tells.
pub(crate) fn may_owe_envelope() -> bool {
    std::env::args_os().nth(1).is_none_or(|first| WITHOUT_ENVELOPE.iter().all(|name| first != *name))
}

/// Whether stdout is owed an envelope though the command line can't be used.
pub(crate) fn owes_envelope() -> bool {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default();
    match first {
        "ask" => has("--json"),
        _ if subcommand().is_some() => false,
        _ => !words.iter().any(|word| word.to_string_lossy().starts_with("--context")) || has("--json"),
    }
}

/// Says it once: where stdout is a terminal, or is owed no envelope, as words on stderr, else in the envelope, for which it
/// is given back.
pub(crate) fn told(failure: Failure, owes_envelope: bool) -> Result<Failure, ExitCode> {
    if owes_envelope && !io::stdout().is_terminal() {
        return Ok(failure);
    }
    match start_line(&in_words(&failure)) {
        Ok(()) => Err(ExitCode::from(failure.kind.exit() as u8)),
        Err(_) => Ok(failure),
    }
}

/// The file that a command line names; a word that is neither a file nor looks like one was meant as a subcommand,
/// unless `run` stands before it.
pub(crate) fn file_or_word(file: Option<PathBuf>, is_run: bool) -> Result<Option<PathBuf>, Failure> {
    let Some(word) = file.as_deref().and_then(|file| file.to_str()) else { return Ok(file) };
    if word.trim_start().starts_with(['{', '[']) {
        return Err(Failure::input("a job is read from stdin or from a file, not from the command line")
            .hint("printf '%s' \"$JOB\" | minions"));
    }
    if !is_run
        && (word.trim().contains(char::is_whitespace) || word.ends_with('?'))
        && !Path::new(word).exists()
    {
        return Err(Failure::input("a question stands behind `ask`")
            .hint(format!("minions ask {} FILE", quoted(word))));
    }
    if is_run || word == "-" || word.contains(['.', '/']) || file.as_deref().is_some_and(|file| file.exists())
    {
        return Ok(file);
    }
    let command = Cli::command();
    let names =
        || command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let nearest =
        names().max_by(|a, b| strsim::jaro_winkler(a, word).total_cmp(&strsim::jaro_winkler(b, word)));
    let hint = match nearest.filter(|name| strsim::jaro_winkler(name, word) > 0.8) {
        Some(name) if name == word => format!("options stand behind the subcommand: `minions {name} ...`"),
        Some(name) => format!("did you mean `minions {name}`?"),
        None => help(),
    };
    Err(Failure::input(format!("unrecognized subcommand '{word}', and there is no such file")).hint(hint))
}

fn help() -> String {
    "`minions --help` shows what there is".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_that_owes_no_envelope_is_known_by_its_first_word() {
        let command = Cli::command();
        for name in command.get_subcommands().map(clap::Command::get_name) {
            assert_eq!(WITHOUT_ENVELOPE.contains(&name), !["chat", "run"].contains(&name), "{name}");
        }
    }
}

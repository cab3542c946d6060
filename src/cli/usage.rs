//! What is said of a command line that can't be used.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use minions::error::Failure;

use super::args::Cli;
use super::screen::{in_words, start_line};

/// What is wrong with it; `None` after `--help` and `--version`, which clap has printed.
pub(crate) fn failure(error: &clap::Error) -> Option<Failure> {
    if !error.use_stderr() {
        return error.print().err().map(|error| Failure::system(format!("stdout can't be written: {error}")));
    }
    let text = error.to_string();
    let line = |start: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(start));
    let complaint = line("error: ").unwrap_or_default();
    // clap takes any second word for a subcommand.
    let second =
        complaint.strip_prefix("the subcommand ").and_then(|rest| rest.split_once(" cannot be used with"));
    if let Some((word, _)) = second {
        let first = std::env::args().nth(1).filter(|word| !word.starts_with('-')).map(PathBuf::from);
        if let Err(unknown) = file_or_word(first, false) {
            return Some(unknown);
        }
        return Some(Failure::input(format!("{word} is one word too many: one file is read")).hint(
            "several files are one batch, `cat a.json b.json | minions batch`; a subcommand stands before its options",
        ));
    }
    let hint = line("tip: ").filter(|tip| tip.contains("similar")).filter(|_| !is_of_batch(error));
    Some(Failure::input(plain(complaint)).hint(hint.map_or_else(|| remedy(error), str::to_owned)))
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
            "`minions --help` lists the options; what a job asks, and of whom, stands in its JSON: `minions run --help` \
             shows how to make one of a file"
                .to_owned()
        }
        _ => help(),
    }
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

/// Whether stdout is owed an envelope though the command line can't be used.
pub(crate) fn owes_envelope() -> bool {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default();
    match first {
        "batch" => false,
        "ask" => has("--json"),
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

//! `minions completions`: what completes the command line in a shell.
//!
//! In: the command line as clap has it. Out: a script. clap's generators make it; what they leave out is added here.

use std::process::ExitCode;

use clap::{Arg, Args, Command, ValueEnum, ValueHint};

use super::{manual, stdout};

/// A shell for which completions can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

/// Options of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsOptions {
    /// The shell.
    shell: Shell,
}

/// `minions completions`.
pub(crate) fn completions(options: &CompletionsOptions, all: &Command) -> ExitCode {
    stdout::print(script(options.shell, &manual::shown(all)).as_bytes())
}

/// What completes the command line `all` in `shell`.
fn script(shell: Shell, all: &Command) -> String {
    let all = with_paths(all.clone(), shell);
    match shell {
        Shell::Bash => generated(clap_complete::Shell::Bash, all),
        Shell::Zsh => without_file(&generated(clap_complete::Shell::Zsh, all)),
        Shell::Fish => generated(clap_complete::Shell::Fish, all.clone()) + &words_in_fish(&all),
        Shell::Powershell => generated(clap_complete::Shell::PowerShell, all),
        Shell::Elvish => generated(clap_complete::Shell::Elvish, all),
    }
}

fn generated(shell: clap_complete::Shell, mut all: Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut all, "minions", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// `command` with its paths as files or folders: for a path of any kind bash's script breaks names at their spaces.
fn with_paths(command: Command, shell: Shell) -> Command {
    let hinted = |argument: Arg| match path(&argument) {
        // In bash this would offer no folder within a folder.
        Some(ValueHint::DirPath) if shell == Shell::Bash => argument.value_hint(ValueHint::FilePath),
        Some(hint) => argument.value_hint(hint),
        None => argument,
    };
    command.mut_args(hinted).mut_subcommands(|below| with_paths(below, shell))
}

/// What kind of path an argument takes, if it takes one.
fn path(argument: &Arg) -> Option<ValueHint> {
    let name = argument.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
    match argument.get_value_hint() {
        ValueHint::AnyPath if name == "DIR" => Some(ValueHint::DirPath),
        ValueHint::AnyPath => Some(ValueHint::FilePath),
        _ if name.starts_with("FILE") => Some(ValueHint::FilePath),
        _ => None,
    }
}

/// The script for zsh without the file of the command itself: zsh would take the name of a subcommand for it, and complete
/// nothing behind. The first word is a command or that file.
fn without_file(script: &str) -> String {
    let commands = "\":: :_minions_commands\"";
    let Some((head, rest)) = script.split_once(commands) else { return script.to_owned() };
    let kept: Vec<&str> = head.lines().collect();
    let kept = match kept.split_last() {
        Some((last, kept)) if last.starts_with("'::file") => kept,
        _ => &kept,
    };
    let rest = rest.replace("$line[2]", "$line[1]");
    format!("{}\n\":: :{{ _minions_commands; _files }}\"{rest}", kept.join("\n"))
}

/// The words that stand behind commands, which clap's script for fish leaves to files.
fn words_in_fish(all: &Command) -> String {
    let line = |command: &Command| {
        let mut words = command.get_positionals();
        let offered = match words.next() {
            None if command.has_subcommands() => return None,
            None => String::new(),
            Some(word) => {
                let values = word.get_possible_values();
                let names: Vec<_> = values.iter().map(|value| value.get_name()).collect();
                if names.is_empty() {
                    return None;
                }
                format!(" -a \"{}\"", names.join(" "))
            }
        };
        let name = command.get_name();
        Some(format!("complete -c minions -n \"__fish_minions_using_subcommand {name}\" -f{offered}\n"))
    };
    all.get_subcommands().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool() -> Command {
        let path = |name: &'static str, value: &'static str| {
            Arg::new(name)
                .long(name)
                .value_name(value)
                .action(clap::ArgAction::Set)
                .value_parser(clap::value_parser!(std::path::PathBuf))
        };
        Command::new("minions")
            .arg(path("job", "FILE").conflicts_with("file"))
            .arg(Arg::new("file").value_parser(clap::value_parser!(std::path::PathBuf)))
            .subcommand(Command::new("ask").arg(path("memo", "DIR")).arg(Arg::new("words").num_args(0..)))
            .subcommand(Command::new("print").arg(Arg::new("shell").value_parser(["bash", "fish"])))
            .subcommand(Command::new("look"))
    }

    #[test]
    fn zsh_completes_behind_a_subcommand() {
        let script = script(Shell::Zsh, &tool());
        assert!(script.contains("\":: :{ _minions_commands; _files }\""), "{script}");
        // The subcommand is the first word.
        assert!(script.contains("words=($line[1] \"${words[@]}\")"), "{script}");
        assert!(script.contains("case $line[1] in") && !script.contains("$line[2]"), "{script}");
        assert!(
            script.contains("--memo=[]:DIR:_files -/") && script.contains("--job=[]:FILE:_files"),
            "{script}"
        );
    }

    #[test]
    fn bash_keeps_names_with_spaces_whole() {
        let script = script(Shell::Bash, &tool());
        for option in ["--job)", "--memo)"] {
            let (_, rest) = script.split_once(&format!("{option}\n")).unwrap();
            let (own, _) = rest.split_once(";;").unwrap();
            assert!(own.contains("IFS=$'\\n'") && own.contains("compopt -o filenames"), "{own}");
        }
    }

    #[test]
    fn fish_offers_files_where_they_may_stand() {
        let script = script(Shell::Fish, &tool());
        let line = |name: &str, rest: &str| {
            format!("complete -c minions -n \"__fish_minions_using_subcommand {name}\" -f{rest}\n")
        };
        assert!(script.contains(&line("print", " -a \"bash fish\"")), "{script}");
        assert!(script.contains(&line("look", "")) && !script.contains(&line("ask", "")), "{script}");
    }
}

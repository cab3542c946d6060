//! Pages for `man`, and the schema of jobs: what is made of the command line and of the parser.
//!
//! In: the command line as clap has it. Out: pages or JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{pages, screen, stdout};
use minions::error::Failure;
use minions::job;
use minions::words;

/// Options of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManOptions {
    /// Write all pages into DIR, one for each command; without it, this page goes to stdout.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// `minions man`.
pub(crate) fn man(options: &ManOptions, all: &clap::Command) -> ExitCode {
    let mut command = shown(all).disable_help_subcommand(true);
    command.build();
    let Some(dir) = &options.dir else {
        return match pages::of(&command) {
            Ok(page) => stdout::print(page.as_bytes()),
            Err(error) => failed(&format!("the page can't be made: {error}")),
        };
    };
    let made = std::fs::create_dir_all(dir).and_then(|()| pages::write(&command, dir));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failed(&format!("the pages can't be written into {}: {}", dir.display(), words::of_io(&error)))
        }
    }
}

/// `minions schema`.
pub(crate) fn schema() -> ExitCode {
    stdout::print(format!("{:#}\n", job::json_schema()).as_bytes())
}

/// The command line `all` without what minions starts itself.
pub(super) fn shown(all: &clap::Command) -> clap::Command {
    let hidden = |command: &clap::Command| command.is_hide_set();
    let names: Vec<String> = all
        .get_subcommands()
        .filter(|command| !hidden(command))
        .map(|command| command.get_name().to_owned())
        .collect();
    let mut shown = clap::Command::new("minions")
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(true)
        .args(all.get_arguments().cloned());
    if let Some(about) = all.get_about() {
        shown = shown.about(about.clone());
    }
    if let Some(about) = all.get_long_about() {
        shown = shown.long_about(about.clone());
    }
    if let Some(after) = all.get_after_help() {
        shown = shown.after_help(after.clone());
    }
    names
        .iter()
        .filter_map(|name| all.find_subcommand(name))
        .fold(shown, |shown, command| shown.subcommand(command.clone()))
}

fn failed(problem: &str) -> ExitCode {
    ExitCode::from(screen::tell(&Failure::system(problem)) as u8)
}

//! Pages for `man`: clap's, with a synopsis that shows the values of options, and what may come more than once, the day on
//! which the program was made, and lines as `mandoc -T lint` wants them.

use std::io;
use std::path::Path;

use clap::{Arg, ArgAction, Command};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The heading of the part that is written here.
const SYNOPSIS: &str = ".SH SYNOPSIS\n";
/// How clap leaves a line free, and how it is done.
const FREE_LINES: (&str, &str) = ("\n.br\n\n.br\n", "\n.sp\n");
/// Bytes of a line of text.
const WIDTH: usize = 80;

/// Writes the page of `command`, which is built, and of each command below it into `dir`.
///
/// # Errors
/// One that can't be written.
pub(super) fn write(command: &Command, dir: &Path) -> io::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    std::fs::write(dir.join(format!("{name}.1")), of(command)?)?;
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| write(below, dir))
}

/// The page of `command`, which is built.
///
/// # Errors
/// The page can't be made.
pub(super) fn of(command: &Command) -> io::Result<String> {
    let mut page = Vec::new();
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let source = concat!("minions ", env!("CARGO_PKG_VERSION"));
    let man = clap_mangen::Man::new(command.clone()).title(name.to_uppercase()).date(made());
    man.source(source).manual("User Commands").render(&mut page)?;
    let page = String::from_utf8(page).map_err(io::Error::other)?;
    let page =
        match page.split_once(SYNOPSIS).and_then(|(head, rest)| Some((head, rest.split_once("\n.SH ")?))) {
            Some((head, (_, rest))) => format!("{head}{SYNOPSIS}{}\n.SH {rest}", synopsis(command)),
            None => page,
        };
    let page = page.replace(FREE_LINES.0, FREE_LINES.1);
    Ok(page
        .lines()
        .map(|line| format!("{}\n", if is_text(line) { wrapped(line) } else { line.to_owned() }))
        .collect())
}

/// When this program was made, as a date; today where its file does not tell.
fn made() -> String {
    let file = std::env::current_exe().and_then(|path| path.metadata()?.modified());
    let made = file.ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_else(Timestamp::now);
    made.to_zoned(TimeZone::UTC).date().to_string()
}

/// Whether lines may be broken at spaces: not those that `man` is told something by, nor those that are shown as they are.
fn is_text(line: &str) -> bool {
    !line.starts_with(['.', '\'', ' '])
}

/// `line` in lines of the [`WIDTH`] where its words allow it.
fn wrapped(line: &str) -> String {
    // What ends with a dot would end a sentence, what begins with one would tell `man` something.
    let may_break = |before: &str, word: &str| {
        !word.is_empty() && !word.starts_with(['.', '\'']) && !before.ends_with(['.', '?', '!', ':', ' '])
    };
    let mut parts: Vec<String> = Vec::new();
    for word in line.split(' ') {
        match parts.last_mut() {
            Some(part) if !may_break(part, word) => {
                part.push(' ');
                part.push_str(word);
            }
            _ => parts.push(word.to_owned()),
        }
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + part.len() <= WIDTH => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines.join("\n")
}

/// The line that shows how `command` is called.
fn synopsis(command: &Command) -> String {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let shown = |arg: &&Arg| !arg.is_hide_set();
    let options =
        command.get_opts().filter(shown).chain(command.get_arguments().filter(is_flag).filter(shown));
    let positionals = command.get_positionals().filter(shown);
    let mut words = vec![bold(name)];
    words.extend(options.map(option).chain(positionals.map(|arg| bracketed(arg, value(arg)))));
    words.extend(command.has_subcommands().then(|| format!("[{}]", italic("subcommand"))));
    words.join(" ")
}

fn is_flag(arg: &&Arg) -> bool {
    !arg.is_positional() && !arg.get_action().takes_values()
}

/// An option with its value.
fn option(arg: &Arg) -> String {
    let names =
        [arg.get_short().map(|short| format!("-{short}")), arg.get_long().map(|long| format!("--{long}"))];
    let names = names.into_iter().flatten().map(|name| bold(&name)).collect::<Vec<_>>().join("|");
    let again = if matches!(arg.get_action(), ArgAction::Append | ArgAction::Count) { "..." } else { "" };
    let value = arg.get_action().takes_values().then(|| format!(" {}", value(arg)));
    // What may come again with its name, and what has several values behind one, say so themselves.
    let several = arg.get_num_args().is_some_and(|number| number.max_values() > 1);
    format!("{}{}", bracketed(arg, names + &value.unwrap_or_default()), if several { "" } else { again })
}

/// The values of an argument.
fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let name = match names {
        [] => arg.get_id().as_str().to_uppercase(),
        names => names.join(" "),
    };
    let number = arg.get_num_args();
    let several = number.is_some_and(|number| number.max_values() > names.len().max(1));
    let name = format!("{}{}", italic(&name), if several { "..." } else { "" });
    let is_optional = !arg.is_positional() && number.is_some_and(|number| number.min_values() == 0);
    if is_optional { format!("[{name}]") } else { name }
}

fn bracketed(arg: &Arg, words: String) -> String {
    if arg.is_required_set() { words } else { format!("[{words}]") }
}

fn bold(text: &str) -> String {
    format!(r"\fB{}\fR", text.replace('-', r"\-"))
}

fn italic(text: &str) -> String {
    format!(r"\fI{}\fR", text.replace('-', r"\-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_synopsis_shows_values_and_repetitions() {
        let mut command = Command::new("tool").args([
            Arg::new("out").long("out-dir").value_name("DIR"),
            Arg::new("v").short('v').long("verbose").action(ArgAction::Count),
            Arg::new("file").long("file").value_name("FILE").action(ArgAction::Append),
            Arg::new("paths").long("paths").value_name("PATH").num_args(1..),
            Arg::new("again").long("again").value_name("NAME").num_args(0..=1),
            Arg::new("need").long("need").required(true),
            Arg::new("secret").long("secret").hide(true),
            Arg::new("words").num_args(0..).value_name("WORDS"),
        ]);
        command.build();
        let plain = [r"\fB", r"\fI", r"\fR", "\\"]
            .iter()
            .fold(synopsis(&command), |text, mark| text.replace(mark, ""));
        assert_eq!(
            plain,
            "tool [--out-dir DIR] [--file FILE]... [--paths PATH...] [--again [NAME]] --need NEED [-v|--verbose]... [-h|--help] \
             [WORDS...]"
        );
        let page = of(&command).unwrap();
        assert!(page.contains(".TH TOOL 1 20"), "{page}");
        assert!(page.contains(".SH SYNOPSIS\n\\fBtool\\fR [") && page.contains("\n.SH OPTIONS"), "{page}");
    }

    #[test]
    fn lines_are_broken_where_that_shows_nowhere() {
        let text = "A dot. Ends here ".repeat(12) + ".hidden " + &"word ".repeat(30);
        let lines = wrapped(text.trim());
        assert_eq!(lines.replace('\n', " "), text.trim());
        for line in lines.lines() {
            assert!(line.len() <= WIDTH && !line.starts_with('.') && !line.ends_with('.'), "{lines}");
        }
        for line in [".SH A", "  as  it stands", "'"] {
            assert!(!is_text(line), "{line}");
        }
    }
}

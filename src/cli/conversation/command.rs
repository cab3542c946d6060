//! What somebody types in a conversation: a question, or a command that begins with `/`.

/// A line that was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Nothing,
    Question(String),
    Command(Command, Vec<String>),
    /// A command that there is not, and the nearest one.
    Unknown(String, Option<&'static str>),
    Leave,
}

/// What a conversation can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Add,
    Drop,
    Files,
    Sources,
    Open,
    Model,
    Protocol,
    Rounds,
    Cost,
    Egress,
    Retry,
    Save,
    Export,
    Undo,
    Help,
}

/// Each command as it is typed, and what it does.
pub(super) const COMMANDS: [(Command, &str, &str, &str); 15] = [
    (Command::Add, "add", "FILE...", "add files and folders"),
    (Command::Drop, "drop", "FILE|N...", "take them away again"),
    (Command::Files, "files", "", "which there are"),
    (Command::Sources, "sources", "", "all quotes behind the last answer"),
    (Command::Open, "open", "N", "the page around source N"),
    (Command::Model, "model", "[local|remote MODEL | PAIR]", "show or change the models"),
    (Command::Protocol, "protocol", "[NAME]", "show or change how the two models work together"),
    (Command::Rounds, "rounds", "[N]", "show or change the most rounds"),
    (Command::Cost, "cost", "", "what was spent"),
    (Command::Egress, "egress", "", "what left this machine for the last answer"),
    (Command::Retry, "retry", "", "ask the last question again"),
    (Command::Save, "save", "NAME", "go on under a name: minions ask --session NAME"),
    (Command::Export, "export", "FILE", "write the last question as a job"),
    (Command::Undo, "undo", "", "forget the last question and its answer"),
    (Command::Help, "help", "", "this list"),
];

/// A name that resembles less than this is not meant.
const LIKE: f64 = 0.7;

impl Typed {
    /// What `line` says.
    pub(super) fn of(line: &str) -> Self {
        let text = line.trim();
        // A space before a slash makes a question of it.
        let command = line
            .strip_prefix('/')
            .map(|rest| rest.trim_end().split_once(char::is_whitespace).unwrap_or((rest.trim_end(), "")));
        match (text, command) {
            ("", _) => Self::Nothing,
            ("exit" | "quit" | "/exit" | "/quit", _) => Self::Leave,
            (_, Some((name, rest))) if name.chars().all(|c| c.is_ascii_alphabetic()) && !name.is_empty() => {
                match COMMANDS.iter().find(|(_, known, ..)| *known == name) {
                    Some((command, ..)) => Self::Command(*command, words(rest)),
                    None => Self::Unknown(name.to_owned(), nearest(name)),
                }
            }
            _ => Self::Question(text.to_owned()),
        }
    }
}

fn nearest(name: &str) -> Option<&'static str> {
    let known = COMMANDS.iter().map(|(_, known, ..)| (strsim::jaro_winkler(name, known), *known));
    let best = known.chain([(strsim::jaro_winkler(name, "quit"), "quit")]).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(like, _)| *like > LIKE).map(|(_, known)| known)
}

/// The words of a line as a shell reads them: quotes hold words together, a backslash keeps a space, `~/` is home.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), _) if c == open => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(at_home).collect()
}

fn at_home(word: String) -> String {
    match (word.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest).display().to_string(),
        _ => word,
    }
}

/// The list of commands, for a terminal with so many columns.
pub(super) fn help(columns: usize) -> String {
    let heads =
        COMMANDS.map(|(_, name, operands, what)| (format!("/{name} {operands}").trim_end().to_owned(), what));
    let width = heads.iter().map(|(head, _)| head.chars().count()).max().unwrap_or_default();
    let is_wide = columns >= width + 42;
    let lines = heads.iter().map(|(head, what)| match is_wide {
        true => format!("{head:width$}  {what}\n"),
        false => format!("{head}\n  {what}\n"),
    });
    let keys = "\\ at the end of a line, or Alt-Enter, begins another.\nCtrl-C stops an answer. Ctrl-D, exit and quit leave.\n";
    lines.chain([keys.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_questions_or_commands() {
        let command = |command, words: &[&str]| {
            Typed::Command(command, words.iter().map(|word| (*word).to_owned()).collect())
        };
        for (line, typed) in [
            ("  ", Typed::Nothing),
            ("Who signed?", Typed::Question("Who signed?".into())),
            (" /open the door", Typed::Question("/open the door".into())),
            ("/etc/hosts: what is it?", Typed::Question("/etc/hosts: what is it?".into())),
            ("quit", Typed::Leave),
            ("/exit", Typed::Leave),
            ("exit the room", Typed::Question("exit the room".into())),
            ("/files", command(Command::Files, &[])),
            ("/open 2 ", command(Command::Open, &["2"])),
            (
                "/add a.pdf 'my file.txt' \"b c\"d e\\ f",
                command(Command::Add, &["a.pdf", "my file.txt", "b cd", "e f"]),
            ),
            ("/add ''", command(Command::Add, &[""])),
            ("/fils", Typed::Unknown("fils".into(), Some("files"))),
            ("/modle", Typed::Unknown("modle".into(), Some("model"))),
            ("/xyzzy", Typed::Unknown("xyzzy".into(), None)),
            ("/", Typed::Question("/".into())),
        ] {
            assert_eq!(Typed::of(line), typed, "{line}");
        }
    }

    #[test]
    fn the_help_fits_the_terminal() {
        let help = help(100);
        assert!(help.lines().take(COMMANDS.len()).all(|line| line.chars().count() <= 100), "{help}");
        assert!(super::help(20).starts_with("/add FILE...\n  add files and folders\n"));
    }
}

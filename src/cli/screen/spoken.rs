//! Failures in the words of somebody who asks: who wrote no job is not told of a job's keys.

use minions::error::Failure;

/// What somebody asks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    CommandLine,
    Conversation,
}

/// Words of jobs, and those of people in their place. `--remote` and others are commands in a conversation.
const WORDS: [(&str, &str); 18] = [
    ("use the client type llama_cpp", "take a worker in this process, --local llama_cpp/FILE.gguf"),
    ("set local_client.kwargs.temperature to 0, or a seed", "take a worker that can: --local MODEL"),
    (
        "raise remote_client.kwargs.max_tokens, or use a model that says less as remote_client",
        "take a supervisor that says less: --remote MODEL",
    ),
    ("raise remote_client.kwargs.max_tokens", "take a supervisor that says less: --remote MODEL"),
    (
        "use a stronger model as remote_client, or the protocol minion",
        "take a stronger supervisor, --remote MODEL, or --protocol minion",
    ),
    ("use a stronger model as remote_client", "take a stronger supervisor: --remote MODEL"),
    (
        "use a stronger model as local_client; where it makes a follow-up stand alone, leave `rewrite` out, or set it to off",
        "take a stronger worker: --local MODEL",
    ),
    (
        "raise budget.egress_bytes or --max-egress-bytes",
        "raise --max-egress-bytes, or the budget in minions.toml",
    ),
    (
        "raise budget.egress_chars or --max-egress-chars",
        "raise --max-egress-chars, or the budget in minions.toml",
    ),
    ("raise budget.remote_tokens or lower max_rounds", "raise the budget in minions.toml, or lower --rounds"),
    ("raise budget.usd or lower max_rounds", "raise the budget in minions.toml, or lower --rounds"),
    (
        "raise budget.deadline_s, give fewer or smaller documents, lower max_rounds, or use a faster local model",
        "raise the deadline in minions.toml, give fewer or smaller documents, lower --rounds, or take a faster worker: \
         --local MODEL",
    ),
    (
        "set kwargs.api_key in the job",
        "set the key in the environment: `minions doctor` says in which variable",
    ),
    ("a path counts from the folder of the job, ", "a path counts from the folder "),
    ("`call_params.task`", "the question"),
    ("remote_client: ", "the supervisor: "),
    ("local_client: ", "the worker: "),
    (
        "names another one, and so do --session-dir and, in a job, protocol.session_dir",
        "names another one, and so does --session-dir",
    ),
];

/// Options of the command line that are commands in a conversation.
const COMMANDS: [(&str, &str); 5] = [
    ("--local", "/model local"),
    ("--remote", "/model remote"),
    ("--pair", "/model"),
    ("--rounds", "/rounds"),
    ("--protocol", "/protocol"),
];

/// `failure` as it is told to somebody with this `face`.
pub(crate) fn spoken(failure: Failure, face: Face) -> Failure {
    Failure {
        message: words(&failure.message, face),
        hint: failure.hint.as_deref().map(|hint| words(hint, face)),
        ..failure
    }
}

/// A warning, as it is told to somebody who asks.
pub(crate) fn without_job_words(text: &str) -> String {
    words(text, Face::CommandLine)
}

fn words(text: &str, face: Face) -> String {
    let mut text = without_key(&without_place(text));
    for (of_a_job, of_people) in WORDS {
        text = text.replace(of_a_job, of_people);
    }
    // A command of the shell stays one.
    if face == Face::Conversation && !text.contains("minions ask") {
        for (option, command) in COMMANDS {
            text = text.replace(option, command);
        }
    }
    text
}

/// `text` without the place of a file in a job: its name follows.
fn without_place(text: &str) -> String {
    let places = ["`call_params.context_files", "`call_params.context[", "`session "];
    let Some(place) = places.iter().find(|place| text.starts_with(**place)) else { return text.to_owned() };
    match text.split_once("`: ") {
        Some((_, rest)) => rest.to_owned(),
        None => match text[place.len()..].split_once("` ") {
            Some((_, rest)) => format!("the name of a file {rest}"),
            None => text.to_owned(),
        },
    }
}

/// `text` without the other way to give what a variable gives: ` or kwargs.api_key in the job`.
fn without_key(text: &str) -> String {
    let mut parts = text.split(" or kwargs.");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let behind = part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if behind.len() == part.len() {
            kept += " or kwargs.";
        } else if kept.ends_with(',') {
            kept.pop();
        }
        let behind = behind.strip_prefix(" in the job").unwrap_or(behind);
        kept += behind.strip_prefix(", to a valid key").map_or(behind, |_| behind.trim_start_matches(','));
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The sources below `folder`, without the table itself, and with strings of several lines as one.
    fn sources(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                sources(&entry, text);
            } else if entry.extension().is_some_and(|end| end == "rs") && !entry.ends_with("screen/spoken.rs")
            {
                let source = std::fs::read_to_string(&entry).unwrap();
                let mut parts = source.split("\\\n");
                text.push_str(parts.next().unwrap_or_default());
                parts.for_each(|part| text.push_str(part.trim_start()));
            }
        }
    }

    #[test]
    fn each_of_these_words_is_said_somewhere() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut said = String::new();
        ["src", "crates"].iter().for_each(|folder| sources(&root.join(folder), &mut said));
        for (of_a_job, _) in WORDS {
            assert!(said.contains(of_a_job), "nothing says {of_a_job:?} any more");
        }
    }

    #[test]
    fn who_wrote_no_job_is_told_of_none() {
        for (told, on_the_command_line, in_a_conversation) in [
            (
                "`call_params.context_files[0]`: lost.pdf can't be read: no such file",
                "lost.pdf can't be read: no such file",
                "",
            ),
            ("`call_params.context[0].file`: stdin can't be read", "stdin can't be read", ""),
            ("`session acme`: gone.txt can't be read", "gone.txt can't be read", ""),
            (
                "`call_params.context_files[1]` is a URL, and minions fetches nothing: \"https://x\"",
                "the name of a file is a URL, and minions fetches nothing: \"https://x\"",
                "",
            ),
            ("remote_client: openai: there is no API key", "the supervisor: openai: there is no API key", ""),
            (
                "Set OPENAI_API_KEY in the environment, or kwargs.api_key in the job, to a valid key.",
                "Set OPENAI_API_KEY in the environment to a valid key.",
                "",
            ),
            ("Set X in the environment, or kwargs.resource in the job.", "Set X in the environment.", ""),
            (
                "use a stronger model as remote_client",
                "take a stronger supervisor: --remote MODEL",
                "take a stronger supervisor: /model remote MODEL",
            ),
            (
                "`--local` must name a model",
                "`--local` must name a model",
                "`/model local` must name a model",
            ),
            (
                "raise budget.usd or lower max_rounds",
                "raise the budget in minions.toml, or lower --rounds",
                "raise the budget in minions.toml, or lower /rounds",
            ),
            ("minions ask --remote anthropic \"Who?\"", "minions ask --remote anthropic \"Who?\"", ""),
            (
                "Check the network, or name its address in OPENAI_BASE_URL or kwargs.base_url.",
                "Check the network, or name its address in OPENAI_BASE_URL.",
                "",
            ),
            (
                "or name the address of a server in OLLAMA_HOST or kwargs.base_url (seen from a container)",
                "or name the address of a server in OLLAMA_HOST (seen from a container)",
                "",
            ),
            ("a sentence, or kwargs. and nothing", "a sentence, or kwargs. and nothing", ""),
        ] {
            assert_eq!(words(told, Face::CommandLine), on_the_command_line);
            let expected = if in_a_conversation.is_empty() { on_the_command_line } else { in_a_conversation };
            assert_eq!(words(told, Face::Conversation), expected);
        }
    }
}

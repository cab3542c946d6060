//! The prompts, one file each, with named slots such as `{{task}}`.
//!
//! In: the values of the slots, and the job's own files for some prompts. Out: the text. Slots are filled in one pass,
//! so that a document's own words in double braces stay as they are.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use crate::files;

/// The most bytes of a file that replaces a prompt. The longest of ours has a tenth of them.
const LONGEST: usize = 100_000;

/// A prompt whose slots are still open.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    /// The file's name without its ending.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! prompts {
    ($($(#[$doc:meta])* $constant:ident = $file:literal;)*) => {
        $($(#[$doc])* pub const $constant: Prompt =
            Prompt { name: $file, text: include_str!(concat!($file, ".md")) };)*
        const ALL: &[Prompt] = &[$($constant),*];
    };
}

prompts! {
    /// `minion`: the supervisor's instructions and first turn.
    MINION_SUPERVISOR = "minion_supervisor";
    /// `minion`: the worker's reply, handed to the supervisor.
    MINION_REPLY = "minion_reply";
    /// `minion`: the same in the last round.
    MINION_LAST_REPLY = "minion_last_reply";
    /// `minion`: the worker's instructions, documents first.
    MINION_WORKER = "minion_worker";
    /// `minion`: the worker's instructions when the job has no documents.
    MINION_WORKER_BARE = "minion_worker_bare";
    /// `minions`: what the supervisor's code may use.
    MINIONS_PROGRAM = "minions_program";
    /// `minions`: the search by words in the code's scope.
    MINIONS_BM25 = "minions_bm25";
    /// `minions`: the search by meaning.
    MINIONS_EMBEDDING = "minions_embedding";
    /// `minions`: the supervisor is asked for a program.
    MINIONS_DECOMPOSE = "minions_decompose";
    /// `minions`: what is known from earlier rounds.
    MINIONS_EARLIER = "minions_earlier";
    /// `minions`: the program failed.
    MINIONS_MEND = "minions_mend";
    /// `minions`: the program's `transform_outputs` failed.
    MINIONS_MEND_OUTPUTS = "minions_mend_outputs";
    /// `minions`: the worker found nothing where the program expects an answer; appended to its job.
    MINIONS_LOOK_AGAIN = "minions_look_again";
    /// `minions`: the worker's instructions, the system message of every worker job.
    MINIONS_WORKER = "minions_worker";
    /// `minions`: one chunk and one task for the worker, the user message of a worker job.
    MINIONS_JOB = "minions_job";
    /// `minions`: how far the workers' answers can be believed, where there are any.
    MINIONS_COPIES = "minions_copies";
    /// `minions`: the supervisor is asked for the answer or for more.
    MINIONS_SYNTHESISE = "minions_synthesise";
    /// `minions`: the same in the last round.
    MINIONS_SYNTHESISE_LAST = "minions_synthesise_last";
    /// `remote_only`: the supervisor's one call, documents first.
    REMOTE_ONLY = "remote_only";
    /// `local_only`: the worker's one call, documents first.
    LOCAL_ONLY = "local_only";
    /// The reply was not the JSON asked for.
    JSON_AGAIN = "json_again";
    /// A worker that sees writes down the text of a page.
    TRANSCRIBE = "transcribe";
    /// A follow-up is put into words that stand alone.
    FOLLOW_UP = "follow_up";
    /// What earlier answers say, for the supervisor.
    KNOWN_SO_FAR = "known_so_far";
    /// The worker sums up the oldest turns of a conversation.
    SUMMARISE = "summarise";
}

/// The names of all prompts.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|prompt| prompt.name)
}

/// A prompt whose slots are filled, and which of its bytes are the job's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// Ranges of bytes of the text, in ascending order: the prompt itself, and what was filled in as [`Slot::Own`].
    pub own: Vec<Range<usize>>,
}

/// What a slot is filled with.
#[derive(Clone, Copy, Debug)]
pub enum Slot<'a> {
    /// The job's own words: its task and parameters, and what the supervisor wrote.
    Own(&'a str),
    /// All else. It may hold something of the documents.
    Other(&'a str),
    /// Another prompt.
    Filled(&'a Filled),
}

impl Filled {
    /// Appends what fills a slot.
    pub fn push(&mut self, slot: Slot<'_>) {
        let from = self.text.len();
        match slot {
            Slot::Own(text) => {
                self.text.push_str(text);
                self.own.extend((!text.is_empty()).then_some(from..self.text.len()));
            }
            Slot::Other(text) => self.text.push_str(text),
            Slot::Filled(Self { text, own }) => {
                self.text.push_str(text);
                self.own.extend(own.iter().map(|own| from + own.start..from + own.end));
            }
        }
    }
}

impl Slot<'_> {
    fn len(&self) -> usize {
        match self {
            Slot::Own(text) | Slot::Other(text) => text.len(),
            Slot::Filled(Filled { text, .. }) => text.len(),
        }
    }
}

/// The prompts of one job: the built-in ones, except those that the job replaces.
#[derive(Clone, Debug, Default)]
pub struct Prompts(BTreeMap<&'static str, String>);

impl Prompts {
    /// Reads the files that replace prompts, by the prompts' names. Blocks while it reads.
    pub fn load(files: &BTreeMap<String, PathBuf>) -> Result<Self, String> {
        let mut replaced = BTreeMap::new();
        for prompt in ALL {
            let Some(path) = files.get(prompt.name) else { continue };
            let place = format!("`protocol.kwargs.prompts.{}`: {}", prompt.name, path.display());
            let bytes = files::read(path, LONGEST).map_err(|problem| format!("{place} {problem}"))?;
            let text = String::from_utf8(bytes)
                .map_err(|_| format!("{place} can't be read: it is no text in UTF-8"))?;
            let known = slots(prompt.text);
            if let Some(slot) = slots(&text).into_iter().find(|slot| !known.contains(slot)) {
                let known = known.join(", ");
                return Err(format!(
                    "{place} has the slot `{slot}`, which this prompt does not fill; it has: {known}"
                ));
            }
            replaced.insert(prompt.name, text);
        }
        Ok(Self(replaced))
    }

    /// The prompt's text with its slots filled.
    pub fn fill(&self, prompt: &Prompt, values: &[(&str, Slot<'_>)]) -> Filled {
        fill(self.text(prompt), values)
    }

    /// The bytes of the filled prompt that are the same whatever fills the slots `open`.
    pub fn shared(&self, prompt: &Prompt, open: &[&str], values: &[(&str, Slot<'_>)]) -> usize {
        let text = self.text(prompt).trim();
        let ends = open.iter().filter_map(|slot| text.find(&format!("{{{{{slot}}}}}")));
        fill(&text[..ends.min().unwrap_or(text.len())], values).text.len()
    }

    fn text(&self, prompt: &Prompt) -> &str {
        self.0.get(prompt.name).map_or(prompt.text, String::as_str)
    }
}

/// The names in double braces.
fn slots(text: &str) -> Vec<&str> {
    text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(slot, _)| slot).collect()
}

/// The text with its slots filled. A slot without a value keeps its name, which a test forbids.
fn fill(text: &str, values: &[(&str, Slot<'_>)]) -> Filled {
    let length = text.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>();
    let mut out = Filled { text: String::with_capacity(length), own: Vec::new() };
    let mut rest = text.trim();
    while let Some(start) = rest.find("{{") {
        let Some(length) = rest[start..].find("}}") else { break };
        let slot = &rest[start + 2..start + length];
        out.push(Slot::Own(&rest[..start]));
        match values.iter().find(|(name, _)| *name == slot) {
            Some((_, value)) => out.push(*value),
            None => out.push(Slot::Own(&rest[start..start + length + 2])),
        }
        rest = &rest[start + length + 2..];
    }
    out.push(Slot::Own(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_open_slots_is_shared() {
        let shared = |text: &str, open: &[&str]| {
            let prompts = Prompts(BTreeMap::from([(MINIONS_JOB.name, text.to_owned())]));
            prompts.shared(&MINIONS_JOB, open, &[("chunk", Slot::Other("éa")), ("task", Slot::Own("x"))])
        };
        assert_eq!(shared("{{chunk}}. Task: {{task}} {{advice}}", &["task", "advice"]), "éa. Task:".len());
        assert_eq!(shared("{{advice}} {{chunk}} {{task}}", &["task", "advice"]), 0);
        assert_eq!(shared("{{chunk}} {{task}}", &[]), "éa x".len());
    }

    #[test]
    fn every_prompt_is_filled() {
        for prompt in ALL {
            let slots = slots(prompt.text);
            let values: Vec<_> = slots.iter().map(|slot| (*slot, Slot::Own("{{value}}"))).collect();
            let filled = Prompts::default().fill(prompt, &values).text;
            assert_eq!(filled.matches("{{value}}").count(), slots.len(), "{}", prompt.name);
            assert!(!filled.trim().is_empty() && filled.is_ascii(), "{}", prompt.name);
        }
    }

    #[test]
    fn what_looks_like_a_slot_in_a_document_stays() {
        let values =
            [("chunk", Slot::Other("a {{task}} b")), ("task", Slot::Own("T")), ("advice", Slot::Own(""))];
        let filled = Prompts::default().fill(&MINIONS_JOB, &values).text;
        assert!(filled.contains("a {{task}} b") && filled.contains('T'));
    }

    #[test]
    fn a_jobs_own_prompt_takes_the_place_of_ours_but_for_slots_that_nobody_fills() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("own.md");
        let files = BTreeMap::from([("minions_job".to_owned(), path.clone())]);
        assert!(Prompts::load(&files).unwrap_err().contains("can't be read"));
        std::fs::write(&path, "Mine: {{task}} in {{chunk}}\n").unwrap();
        let prompts = Prompts::load(&files).unwrap();
        let values = [("chunk", Slot::Other("C")), ("task", Slot::Own("T")), ("advice", Slot::Own("A"))];
        let filled = prompts.fill(&MINIONS_JOB, &values);
        assert_eq!(filled.text, "Mine: T in C");
        let own: String = filled.own.iter().map(|own| &filled.text[own.clone()]).collect();
        assert_eq!(own, "Mine: T in ");
        assert!(prompts.fill(&MINIONS_WORKER, &[]).text.contains("one part"));
        std::fs::write(&path, "{{question}}").unwrap();
        let error = Prompts::load(&files).unwrap_err();
        assert!(
            error.contains("minions_job") && error.contains("`question`") && error.contains("chunk"),
            "{error}"
        );
    }
}

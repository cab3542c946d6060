//! What a text was to be.

use std::fmt;

/// What a text was to be: its errors call it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A job.
    Job,
    /// A question of `minions eval`.
    Question,
    /// A configuration of `minions eval`.
    Configuration,
    /// What `minions chat` is asked.
    Chat,
}

impl Subject {
    /// What one looks like, for those who have none yet.
    pub fn example(self) -> &'static str {
        match self {
            Self::Job => {
                "a job is a JSON object such as {\"call_params\": {\"task\": \"Who signed?\", \"context\": [\"the document's \
                 text\"]}}; `minions run --help` shows how to make one of a file"
            }
            Self::Question => "a question is one line of JSON; `minions eval --help` shows one",
            Self::Configuration => {
                "a configuration is a JSON object such as {\"local\": \"ollama/llama3.2:3b\"}"
            }
            Self::Chat => {
                "a request is a JSON object such as {\"local_client\": {\"type\": \"ollama\"}, \"messages\": [{\"role\": \"user\", \
                 \"content\": \"Who signed?\"}]}; `minions chat --help` shows one"
            }
        }
    }

    /// A hint whose slots are filled: `{it}`; `{to}` for where a shell sends it, `{many}` for the command that takes several,
    /// `{params}` for what stands before its parameters.
    pub(super) fn hint(self, template: &str) -> String {
        let (to, many, params) = match self {
            Self::Job => ("| minions", "batch", "call_params."),
            Self::Question => ("> questions.jsonl", "eval", ""),
            Self::Configuration => ("> configuration.json", "eval", "call_params."),
            Self::Chat => ("| minions chat", "batch", ""),
        };
        let slots = [("{it}", &*self.to_string()), ("{to}", to), ("{many}", many), ("{params}", params)];
        slots.iter().fold(template.to_owned(), |hint, (slot, words)| hint.replace(slot, words))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Job => "job",
            Self::Question => "question",
            Self::Configuration => "configuration",
            Self::Chat => "request",
        })
    }
}

//! A model as people name it on the command line and in settings: `provider/model`.

use std::fmt;

use serde_json::{Value, json};

use super::error::JobError;
use crate::chat::providers::{self, Provider, RuntimeKind};

/// Taken where no provider is named, as in the original.
const USUAL: &str = "ollama";

/// A provider of the table and one of its models.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelId {
    /// The row of the provider table.
    pub provider: &'static Provider,
    /// The model's name, or the file of an embedded one; `None` is the provider's own default.
    pub model: Option<String>,
}

impl ModelId {
    /// Reads `text`, which stands at `place`: `provider/model`, a provider alone, or a model of Ollama. What stands before
    /// the first `/` is the provider if there is one of that name; else the whole is a model of Ollama, such as
    /// `hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF`.
    ///
    /// # Errors
    /// An empty name, a provider that must be told its model, and a word that differs from a provider's name by one letter.
    pub fn parse(place: &str, text: &str) -> Result<Self, JobError> {
        let bad = |problem: String| JobError::BadValue { place: place.to_owned(), problem };
        let text = text.trim();
        if text.is_empty() || text.contains(char::is_whitespace) || text.contains(char::is_control) {
            return Err(bad(format!("must be provider/model, such as openai/gpt-4o, not {text:?}")));
        }
        let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
        let lower = first.to_lowercase();
        if let Some(why) = providers::why_none(&lower) {
            return Err(JobError::NoClient { place: place.to_owned(), name: first.to_owned(), why });
        }
        let Some(provider) = providers::find(&lower) else {
            return match misspelt(&lower) {
                Some(name) => Err(bad(format!(
                    "names no provider {first:?}: did you mean {name}? A model of Ollama is ollama/{text}"
                ))),
                None => Ok(Self { provider: usual(), model: Some(text.to_owned()) }),
            };
        };
        let model = rest.filter(|rest| !rest.is_empty()).map(str::to_owned);
        if model.is_none() && provider.model.is_empty() && provider.model_env.is_empty() {
            let what = if provider.runtime == RuntimeKind::Embedded { "PATH.gguf" } else { "MODEL" };
            return Err(bad(format!("must name a model, too: {}/{what}", provider.name)));
        }
        Ok(Self { provider, model })
    }

    /// The same as a side of a job.
    pub fn client(&self) -> Value {
        let mut client = json!({"type": self.provider.name});
        if let Some(model) = &self.model {
            let is_file = self.provider.runtime == RuntimeKind::Embedded;
            client[if is_file { "model_path" } else { "model_name" }] = model.clone().into();
        }
        client
    }
}

/// `provider/model`, with the default model where none is named.
impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.model.as_deref().unwrap_or(self.provider.model) {
            "" => f.write_str(self.provider.name),
            model => write!(f, "{}/{model}", self.provider.name),
        }
    }
}

fn usual() -> &'static Provider {
    providers::find(USUAL).unwrap_or(&providers::PROVIDERS[0])
}

/// The provider whose name differs from `word` by one letter.
fn misspelt(word: &str) -> Option<&'static str> {
    providers::names().find(|name| strsim::osa_distance(word, name) == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_original_reads_them() {
        for (text, provider, model) in [
            ("ollama/llama3.2", "ollama", Some("llama3.2")),
            ("openai/gpt-4o", "openai", Some("gpt-4o")),
            ("OpenAI/gpt-4o", "openai", Some("gpt-4o")),
            ("openrouter/openai/gpt-4o", "openrouter", Some("openai/gpt-4o")),
            (
                "together/meta-llama/Llama-3.3-70B-Instruct-Turbo",
                "together",
                Some("meta-llama/Llama-3.3-70B-Instruct-Turbo"),
            ),
            ("llama3.2", "ollama", Some("llama3.2")),
            ("llama3.2:3b", "ollama", Some("llama3.2:3b")),
            ("hf.co/x/y:Q4_K_M", "ollama", Some("hf.co/x/y:Q4_K_M")),
            ("library/qwen3", "ollama", Some("library/qwen3")),
            ("anthropic", "anthropic", None),
            ("anthropic/", "anthropic", None),
            ("llama_cpp/models/a.gguf", "llama_cpp", Some("models/a.gguf")),
            ("llama-cpp//srv/a.gguf", "llama_cpp", Some("/srv/a.gguf")),
            (" openai/gpt-4o\n", "openai", Some("gpt-4o")),
        ] {
            let read = ModelId::parse("--remote", text).unwrap();
            assert_eq!((read.provider.name, read.model.as_deref()), (provider, model), "{text}");
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for (text, complaint) in [
            ("", "must be provider/model"),
            ("gpt 4o", "must be provider/model"),
            ("opnai/gpt-4o", "did you mean openai? A model of Ollama is ollama/opnai/gpt-4o"),
            ("antropic", "did you mean anthropic?"),
            ("llama_cpp", "must name a model, too: llama_cpp/PATH.gguf"),
            ("cartesia/x", "there is no client type"),
        ] {
            let complained = ModelId::parse("MINIONS_REMOTE", text).unwrap_err().to_string();
            assert!(
                complained.contains(complaint) && complained.contains("MINIONS_REMOTE"),
                "{text}: {complained}"
            );
        }
    }

    #[test]
    fn every_provider_is_named_by_its_row() {
        for provider in providers::PROVIDERS {
            let named = ModelId::parse("--local", &format!("{}/a/b:c", provider.name)).unwrap();
            assert_eq!((named.provider, named.model.as_deref()), (provider, Some("a/b:c")));
            let key = if provider.dialect.is_none() { "model_path" } else { "model_name" };
            assert_eq!(named.client(), json!({"type": provider.name, key: "a/b:c"}));
            assert_eq!(named.to_string(), format!("{}/a/b:c", provider.name));
        }
    }
}

//! The table of providers: a vendor is one row.
//!
//! A row says where the vendor is, what it is called in the environment, which dialect it speaks and what it
//! takes. Everything that differs from vendor to vendor is in a row or in its dialect, nowhere else.

use std::fmt;
use std::time::Duration;

use super::dialect::{Abilities, Dialect};
use super::{anthropic::Anthropic, ollama::Ollama, openai::OpenAi};
use crate::config;

/// One row.
pub struct Provider {
    /// `type` in a job.
    pub name: &'static str,
    /// How it is spoken to; `None` is the embedded engine.
    pub dialect: Option<&'static dyn Dialect>,
    /// Where it is unless the job or the environment says otherwise.
    pub base_url: &'static str,
    /// Where the API begins below the base URL. A base URL that ends with it, or with `/v1`, is taken as well.
    pub root: &'static str,
    /// The port that `port` in a job replaces; of local servers alone.
    pub port: Option<u16>,
    /// The model unless the job names one.
    pub model: &'static str,
    /// Environment names for the credential, in order.
    pub key_env: &'static [&'static str],
    /// Environment names for the base URL, in order.
    pub base_url_env: &'static [&'static str],
    /// How the credential travels.
    pub key: Key,
    /// It runs on this machine or close to it: text sent to it does not leave.
    pub local: bool,
    /// What it takes.
    pub abilities: Abilities,
    /// Names of `kwargs` that only it knows.
    pub kwargs: &'static [&'static str],
    /// The longest silence unless the job says otherwise.
    pub timeout: Duration,
    /// What to do when it cannot be reached, besides correcting the base URL.
    pub start: &'static str,
    /// What to do when it does not have the model.
    pub pull: &'static str,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How a credential travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// `Authorization: Bearer`.
    Bearer,
    /// A header of this name.
    Header(&'static str),
    /// None is needed; one that is given all the same goes as a bearer.
    Optional,
}

/// What most hosted vendors have in common.
const HOSTED: Provider = Provider {
    name: "",
    dialect: Some(&OpenAi),
    base_url: "",
    root: "",
    port: None,
    model: "",
    key_env: &[],
    base_url_env: &[],
    key: Key::Bearer,
    local: false,
    abilities: Abilities::USUAL,
    kwargs: &[],
    timeout: config::CALL_TIMEOUT,
    start: "Check the network",
    pull: "Check model_name and the base URL",
};

/// What most servers on one's own machine have in common.
const LOCAL: Provider = Provider { key: Key::Optional, local: true, ..HOSTED };

/// Every provider.
pub static PROVIDERS: &[Provider] = &[
    Provider {
        name: "openai",
        base_url: "https://api.openai.com/v1",
        model: "gpt-4o",
        key_env: &["OPENAI_API_KEY"],
        base_url_env: &["OPENAI_BASE_URL"],
        ..HOSTED
    },
    Provider {
        name: "anthropic",
        dialect: Some(&Anthropic),
        base_url: "https://api.anthropic.com",
        root: "/v1",
        model: "claude-3-5-sonnet-20241022",
        key_env: &["ANTHROPIC_API_KEY"],
        base_url_env: &["ANTHROPIC_BASE_URL"],
        key: Key::Header("x-api-key"),
        ..HOSTED
    },
    Provider {
        name: "ollama",
        dialect: Some(&Ollama),
        base_url: "http://localhost:11434",
        root: "/api",
        port: Some(11434),
        model: "llama3.2:3b",
        base_url_env: &["OLLAMA_HOST"],
        kwargs: &["num_ctx", "thinking", "keep_alive"],
        start: "Start it with `ollama serve`",
        pull: "Fetch it with `ollama pull`",
        ..LOCAL
    },
    Provider {
        name: "docker_model_runner",
        base_url: "http://localhost:12434",
        root: "/engines/v1",
        port: Some(12434),
        model: "ai/llama3.2:3B-Q4_0",
        base_url_env: &["MODEL_RUNNER_HOST"],
        kwargs: &["num_ctx"],
        timeout: Duration::from_secs(60),
        abilities: Abilities { template_thinking: true, ..Abilities::USUAL },
        start: "Start it with `docker model install-runner` (Docker Desktop: `docker desktop enable \
                model-runner --tcp 12434`)",
        pull: "Fetch it with `docker model pull`",
        ..LOCAL
    },
    Provider {
        name: "llama_cpp",
        dialect: None,
        kwargs: &["n_ctx", "num_ctx", "n_gpu_layers", "chat_format", "n_threads"],
        ..LOCAL
    },
];

/// The names of all rows.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|provider| provider.name)
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}

impl Provider {
    /// Whether a call to `base_url` needs a credential. A server of one's own never does.
    pub fn needs_key(&self, base_url: &str) -> bool {
        self.key != Key::Optional && !crate::http::is_private(base_url)
    }

    /// Whether `base_url` is the vendor's own, not a compatible server's.
    pub fn is_vendor(&self, base_url: &str) -> bool {
        let host = |url: &str| reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned);
        host(base_url).is_some() && host(base_url) == host(self.base_url)
    }

    /// Where the API begins: the base URL with as much of the root as it does not have yet.
    pub fn api_root(&self, base_url: &str) -> String {
        let base = base_url.trim_end_matches('/');
        if self.root.is_empty() {
            return base.to_owned();
        }
        // People who know the OpenAI route give it to Ollama too.
        let base = if self.root.ends_with("/v1") { base } else { base.trim_end_matches("/v1") };
        if base.ends_with("/v1") {
            return base.to_owned();
        }
        let starts = self.root.match_indices('/').map(|(at, _)| at).chain([self.root.len()]);
        let had = starts.filter(|&at| base.ends_with(&self.root[..at])).max().unwrap_or_default();
        format!("{base}{}", &self.root[had..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_whole() {
        for provider in PROVIDERS {
            let name = provider.name;
            assert!(std::ptr::eq(find(name).unwrap(), provider), "{name}: two rows");
            if provider.dialect.is_none() {
                continue;
            }
            assert!(!provider.model.is_empty() && !provider.base_url_env.is_empty(), "{name}");
            let url = reqwest::Url::parse(provider.base_url).unwrap();
            assert_eq!(provider.port.is_some(), provider.local, "{name}");
            assert_eq!(url.port(), provider.port, "{name}");
            assert_eq!(provider.needs_key(provider.base_url), !provider.key_env.is_empty(), "{name}");
            assert!(provider.is_vendor(provider.base_url), "{name}");
        }
        assert!(find("chatgpt").is_none());
    }

    #[test]
    fn a_base_url_is_taken_with_and_without_its_root() {
        for (name, base, expected) in [
            ("docker_model_runner", "http://h:12434", "http://h:12434/engines/v1"),
            ("docker_model_runner", "http://h:12434/engines", "http://h:12434/engines/v1"),
            ("docker_model_runner", "http://h:12434/engines/v1/", "http://h:12434/engines/v1"),
            ("docker_model_runner", "http://h/engines/llama.cpp/v1", "http://h/engines/llama.cpp/v1"),
            ("docker_model_runner", "http://h/v1", "http://h/v1"),
            ("ollama", "http://h:11434", "http://h:11434/api"),
            ("ollama", "http://h:11434/api/", "http://h:11434/api"),
            ("ollama", "http://h:11434/v1", "http://h:11434/api"),
            ("ollama", "https://h/ollama", "https://h/ollama/api"),
            ("anthropic", "https://api.anthropic.com", "https://api.anthropic.com/v1"),
            ("anthropic", "https://gateway/anthropic/v1", "https://gateway/anthropic/v1"),
            ("openai", "https://api.openai.com/v1/", "https://api.openai.com/v1"),
            ("openai", "http://localhost:8080", "http://localhost:8080"),
        ] {
            assert_eq!(find(name).unwrap().api_root(base), expected, "{name} {base}");
        }
    }

    #[test]
    fn only_vendors_want_a_key_and_decide_by_model_name() {
        let openai = find("openai").unwrap();
        assert!(openai.needs_key("https://api.openai.com/v1"));
        assert!(!openai.needs_key("http://localhost:8080/v1"));
        assert!(!find("ollama").unwrap().needs_key("https://ollama.example.com"));
        assert!(openai.is_vendor("https://api.openai.com/v1"));
        assert!(!openai.is_vendor("http://localhost:8080/v1"));
    }
}

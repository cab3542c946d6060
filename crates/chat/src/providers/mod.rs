//! The table of providers: a vendor is one row.
//!
//! A row has the vendor's address, its names in the environment, its dialect, the parameters that it takes, and the
//! document that says so. Everything that differs from vendor to vendor is in a row or in a dialect, nowhere else.

mod address;
#[cfg(test)]
mod address_tests;
mod table;

use std::fmt;
use std::time::Duration;

use super::ChatSettings;
use super::dialect::{Abilities, Caching, Dialect};

pub use address::Address;
pub use table::PROVIDERS;

/// One row of the table: a provider.
pub struct Provider {
    /// `type` in a job.
    pub name: &'static str,
    /// The dialect of its API; `None` is the embedded engine.
    pub dialect: Option<&'static dyn Dialect>,
    /// The kind of server that serves its models.
    pub runtime: RuntimeKind,
    /// The base URL unless the job or the environment says otherwise. A name in braces stands for one of `url_parts`.
    pub base_url: &'static str,
    /// The parts of the base URL that differ from user to user.
    pub url_parts: &'static [UrlPart],
    /// The path below the base URL at which the API begins. A base URL that ends with this path, or with `/v1`, is
    /// taken as well.
    pub root: &'static str,
    /// The port that `port` in a job replaces. Only local servers have one.
    pub port: Option<u16>,
    /// The model unless the job names one; empty if the job must name one.
    pub model: &'static str,
    /// The model for embeddings unless the job names one; empty if the job must name one.
    pub embedding_model: &'static str,
    /// Environment names for the credential, in order.
    pub key_env: &'static [&'static str],
    /// Environment names for headers of each call.
    pub header_env: &'static [HeaderEnv],
    /// Environment names for the base URL, in order. See [`Provider::base_url_names`].
    pub base_url_env: &'static [&'static str],
    /// Azure: environment names for the deployment, in order.
    pub deployment_env: &'static [&'static str],
    /// Azure: environment names for the version of the API, in order.
    pub api_version_env: &'static [&'static str],
    /// Environment names for the model, in order, where the job names none.
    pub model_env: &'static [&'static str],
    /// How the credential travels.
    pub key: Key,
    /// Whether users run this server themselves; `false` for a hosted vendor. Whether texts that are sent to it leave
    /// this machine depends on its address, too, and is decided by the engine.
    pub local: bool,
    /// The parameters that it takes.
    pub abilities: Abilities,
    /// Whether the model of a name takes `max_completion_tokens` and no temperature.
    pub is_reasoning_model: fn(&str) -> bool,
    /// Names of `kwargs` that only this provider knows.
    pub kwargs: &'static [&'static str],
    /// The longest silence of the server unless the job says otherwise.
    pub timeout: Duration,
    /// The hint for a server that cannot be reached, besides correcting the base URL: how to start it.
    pub start_hint: &'static str,
    /// The name of the program that runs a local server; empty if it has none of its own.
    pub program: &'static str,
    /// Where the vendor says how to install it.
    pub install: &'static str,
    /// The hint for a server that does not have the model.
    pub pull: &'static str,
    /// The lowest temperature that it takes.
    pub min_temperature: f64,
    /// The document that the row was checked against.
    pub source: Source,
}

/// The kind of server that serves a provider's models, as far as minions manages it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// The Ollama daemon, which minions starts and asks for models.
    Ollama,
    /// Docker Model Runner, which minions starts and asks for models.
    DockerModelRunner,
    /// llama.cpp in this process.
    Embedded,
    /// A server that is used as it is found.
    Foreign,
}

/// The vendor's own document that a row was checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The document shows the whole row: address, dialect, key and abilities.
    All(&'static str),
    /// The document shows address, dialect and key. The abilities are those of most servers.
    Address(&'static str),
}

impl Source {
    /// The document.
    pub fn document(&self) -> &'static str {
        match self {
            Self::All(document) | Self::Address(document) => document,
        }
    }
}

/// A header whose value is in the environment.
pub struct HeaderEnv {
    /// Its name, in lower case.
    pub header: &'static str,
    /// Environment names for its value, in order.
    pub env: &'static [&'static str],
    /// Whether the value is a credential that goes as `Bearer`. Other values are for the vendor itself.
    pub is_token: bool,
}

/// A part of a base URL that differs from user to user.
pub struct UrlPart {
    /// Names in `kwargs`; the first is also the one in the base URL's braces.
    pub kwargs: &'static [&'static str],
    /// Names in the environment, in order.
    pub env: &'static [&'static str],
}

impl UrlPart {
    /// The part's name in braces, as it stands in the base URL.
    fn mark(&self) -> String {
        format!("{{{}}}", self.kwargs[0])
    }
}

/// Two rows are equal if their names are equal: no two rows share a name.
impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
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
    /// No credential is needed. One that is given all the same goes as `Authorization: Bearer`.
    Optional,
}

impl Key {
    /// The name of its header, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Header(name) => name,
            Self::Bearer | Self::Optional => "authorization",
        }
    }
}

/// The names of all rows.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().map(|provider| provider.name)
}

/// Why a client type of the original Python library has no row, for those that are left out on purpose.
pub fn why_none(name: &str) -> Option<&'static str> {
    matches!(name, "cartesia" | "cartesia_mlx" | "cartesia-mlx").then_some(
        "cartesia is a library for Python, without a server that could be called: take a model of a local server \
         instead, such as mlx_lm or ollama",
    )
}

/// The row of this name; hyphens count as underscores.
pub fn find(name: &str) -> Option<&'static Provider> {
    let name = name.replace('-', "_");
    PROVIDERS.iter().find(|provider| provider.name == name)
}

impl Provider {
    /// All environment names for the base URL, in order: those of the row, and for each `X_BASE_URL` the older
    /// `X_API_BASE`.
    pub fn base_url_names(&self) -> Vec<String> {
        let older = |name: &&str| Some(format!("{}_API_BASE", name.strip_suffix("_BASE_URL")?));
        let names = self.base_url_env.iter().map(|name| (*name).to_owned());
        let mut all: Vec<String> = names.collect();
        for name in self.base_url_env.iter().filter_map(older) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// Whether a call to `base_url` needs a credential. A server of a private network never does.
    pub fn needs_key(&self, base_url: &str) -> bool {
        self.key != Key::Optional && !crate::http::is_private(base_url)
    }

    /// Whether `base_url` is the vendor's own, not a compatible server's.
    pub fn is_vendor(&self, base_url: &str) -> bool {
        let host = |url: &str| reqwest::Url::parse(url).ok()?.host_str().map(str::to_owned);
        self.base_url.starts_with('{') || host(base_url).is_some() && host(base_url) == host(self.base_url)
    }

    /// The abilities of the model at its base URL before the server has refused any.
    pub(crate) fn abilities_at(&self, settings: &ChatSettings) -> Abilities {
        let usual = self.abilities;
        // A compatible server may have a model of such a name, but it has rules of its own and refuses by name.
        if !self.is_vendor(&settings.base_url) {
            return Abilities { caching: Caching::Itself, ..usual };
        }
        let reasons = (self.is_reasoning_model)(&settings.model);
        if reasons { Abilities { max_completion_tokens: true, temperature: false, ..usual } } else { usual }
    }

    /// The names of the `kwargs` that `model` at `base_url` is never sent.
    pub fn unsent(&self, base_url: &str, model: &str) -> Vec<&'static str> {
        let fixed = self.is_vendor(base_url) && (self.is_reasoning_model)(model);
        let seedless = self.dialect.is_some() && self.abilities.seed.is_none();
        [("temperature", fixed), ("seed", seedless)]
            .into_iter()
            .filter(|(_, is)| *is)
            .map(|(name, _)| name)
            .collect()
    }

    /// The default base URL with its parts filled in as far as `value` knows them.
    pub fn default_base_url(&self, value: impl Fn(&UrlPart) -> Option<String>) -> String {
        self.url_parts.iter().fold(self.base_url.to_owned(), |url, part| match value(part) {
            Some(value) => url.replace(&part.mark(), value.trim_end_matches('/')),
            None => url,
        })
    }

    /// The first part that `base_url` still lacks.
    pub fn missing_url_part(&self, base_url: &str) -> Option<&UrlPart> {
        self.url_parts.iter().find(|part| base_url.contains(&part.mark()))
    }

    /// The URL of the API's route `path`.
    pub fn url(&self, settings: &ChatSettings, path: &str) -> String {
        let root = self.api_root(&settings.base_url);
        let is_v1 = settings.base_url.ends_with(self.root) && !self.root.is_empty();
        match settings.vendor.api_version() {
            // Azure: a dated version has a route for each deployment, and the v1 API has no dated version.
            Some(version) if address::is_dated(version) && !is_v1 => {
                let resource = root.trim_end_matches(self.root);
                format!("{resource}/openai/deployments/{}{path}?api-version={version}", settings.model)
            }
            Some(version) if !address::is_dated(version) => format!("{root}{path}?api-version={version}"),
            Some(_) | None => root + path,
        }
    }

    /// The URL at which the API begins: the base URL with the part of the root that it does not end with yet.
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
            let is_embedded = provider.runtime == RuntimeKind::Embedded;
            assert_eq!(provider.dialect.is_none(), is_embedded, "{name}");
            if provider.dialect.is_none() {
                continue;
            }
            assert!(!provider.base_url_env.is_empty() || !provider.url_parts.is_empty(), "{name}");
            assert!(provider.local || !provider.model.is_empty(), "{name}");
            let base_url = provider.default_base_url(|part| {
                let is_address = part.kwargs[0].ends_with("endpoint");
                Some(if is_address { "https://x.example/" } else { "x" }.to_owned())
            });
            assert!(provider.missing_url_part(&base_url).is_none(), "{name}: {base_url}");
            let url = reqwest::Url::parse(&base_url).unwrap();
            assert_eq!(provider.port.is_some(), provider.local, "{name}");
            assert_eq!(url.port(), provider.port, "{name}");
            assert_eq!(provider.needs_key(&base_url), !provider.key_env.is_empty(), "{name}");
            assert_eq!(provider.needs_key(&base_url), !provider.local, "{name}");
            assert_eq!(provider.program.is_empty(), provider.install.is_empty(), "{name}");
            assert_eq!(provider.program.is_empty(), !provider.local, "{name}");
            assert!(provider.is_vendor(&base_url), "{name}");
        }
        assert!(find("chatgpt").is_none());
        assert_eq!(find("llama-server").unwrap().name, "llama_server");
    }

    #[test]
    fn what_only_the_user_knows_is_asked_for_by_name() {
        let cloudflare = find("cloudflare").unwrap();
        let half =
            cloudflare.default_base_url(|part| (part.env == ["CLOUDFLARE_ACCOUNT_ID"]).then(|| "a1".into()));
        assert_eq!(cloudflare.missing_url_part(&half).unwrap().env, ["CLOUDFLARE_GATEWAY_ID"]);
        assert!(cloudflare.missing_url_part("https://gateway.example/compat").is_none());
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
            ("azure_openai", "https://r.openai.azure.com", "https://r.openai.azure.com/openai/v1"),
            ("azure_openai", "https://r.openai.azure.com/openai/v1/", "https://r.openai.azure.com/openai/v1"),
            ("lemonade", "http://localhost:8000", "http://localhost:8000/api/v1"),
            ("lemonade", "http://localhost:13305/v1", "http://localhost:13305/v1"),
        ] {
            assert_eq!(find(name).unwrap().api_root(base), expected, "{name} {base}");
        }
    }

    #[test]
    fn what_a_model_is_never_sent_is_known() {
        let unsent = |name: &str, model: &str| {
            let provider = find(name).unwrap();
            provider.unsent(provider.base_url, model)
        };
        assert_eq!(unsent("openai", "gpt-4o"), [""; 0]);
        assert_eq!(unsent("openai", "o3-mini"), ["temperature"]);
        assert_eq!(find("openai").unwrap().unsent("http://localhost:8080/v1", "o3-mini"), [""; 0]);
        assert_eq!(unsent("moonshot", "kimi-k2.6"), ["temperature", "seed"]);
        assert_eq!(unsent("moonshot", "kimi-k2-0905-preview"), ["seed"]);
        assert_eq!(unsent("anthropic", "claude"), ["seed"]);
        assert_eq!((unsent("ollama", "m"), unsent("llama_cpp", "m")), (vec![], vec![]));
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

    #[test]
    fn only_openai_itself_is_judged_by_the_models_name() {
        let openai = find("openai").unwrap();
        for (base, model, reasons) in [
            ("https://api.openai.com/v1", "o3-mini", true),
            ("https://api.openai.com/v1", "o1", true),
            ("https://api.openai.com/v1", "gpt-5.1", true),
            ("https://api.openai.com/v1", "gpt-6-luna", true),
            ("https://api.openai.com/v1", "gpt-5-chat-latest", false),
            ("https://api.openai.com/v1", "gpt-4o", false),
            ("https://api.openai.com/v1", "omni", false),
            ("http://localhost:8080/v1", "o3-mini", false),
        ] {
            let abilities = openai.abilities_at(&ChatSettings::new(model, base));
            assert_eq!(
                (abilities.max_completion_tokens, !abilities.temperature),
                (reasons, reasons),
                "{base} {model}"
            );
            // Other servers of the dialect may not know the parameters that its vendor has added.
            assert_eq!(abilities.caching == Caching::Key, base.contains("openai.com"), "{base}");
        }
    }
}

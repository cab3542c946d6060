//! Addresses as people paste them, made base URLs.
//!
//! In: the text of a job or of the environment, and the provider. Out: the base URL without routes, query, quotes and
//! the like, and what else the text says; or the problem, which never quotes a password or a query.

use reqwest::Url;

use super::{Provider, RuntimeKind};
use crate::{http, pasted};

/// The parts of an address that somebody pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The base URL: scheme, user, host, port and path, without a slash at its end.
    pub base_url: String,
    /// Azure: the deployment that the address names.
    pub deployment: Option<String>,
    /// Azure: the version of the API that the address names.
    pub api_version: Option<String>,
}

/// A route that may stand at the end of an address, with the dialect that it belongs to. Longer ones stand before
/// shorter ones that end alike.
const ROUTES: [(&str, &str); 20] = [
    ("/chat/completions", "openai"),
    ("/completions", "openai"),
    ("/responses", "openai"),
    ("/messages/count_tokens", "anthropic"),
    ("/messages/batches", "anthropic"),
    ("/messages", "anthropic"),
    ("/api/chat", "ollama"),
    ("/api/generate", "ollama"),
    ("/api/embed", "ollama"),
    ("/api/embeddings", "ollama"),
    ("/api/tags", "ollama"),
    ("/api/show", "ollama"),
    ("/api/ps", "ollama"),
    ("/api/version", "ollama"),
    ("/api/pull", "ollama"),
    ("/embeddings", "openai"),
    ("/rerank", "openai"),
    ("/chat/completion", "openai"),
    ("/chat", ""),
    ("/models", ""),
];

impl Provider {
    /// The address that `text` means.
    ///
    /// # Errors
    /// The problem, in words that follow the address's place: `must be an http or https address`.
    pub fn read_address(&self, text: &str) -> Result<Address, String> {
        let mut url = self.parse(pasted::bare(text))?;
        if url.fragment().is_some() {
            return Err("must be an address without a fragment (`#`)".to_owned());
        }
        let path = url.path().to_owned();
        if ['{', '}', '<', '>'].iter().any(|c| path.contains(*c))
            || path.contains("%7B")
            || path.contains("%3C")
        {
            return Err("has a placeholder in it: fill it in".to_owned());
        }
        let mut path = segments(&path);
        let version = self.version_of(&mut url, &path)?;
        self.take_route(&mut path)?;
        let deployment = self.take_deployment(&mut path);
        // A path of the v1 API has no dated version.
        let api_version = version.filter(|version| !path.ends_with("/v1") || !is_dated(version));
        while path.ends_with("/v1/v1") {
            path.truncate(path.len() - "/v1".len());
        }
        if self.runtime == RuntimeKind::Ollama {
            // The root of the daemon, below which both of its APIs are.
            path = path.trim_end_matches("/v1").trim_end_matches("/api").to_owned();
        }
        if let Some(whole) = self.vendors_path(&url, &path) {
            path = whole;
        }
        url.set_path(&path);
        Ok(Address { base_url: url.as_str().trim_end_matches('/').to_owned(), deployment, api_version })
    }

    /// The part of a base URL that `text` means, such as the id of an account.
    ///
    /// # Errors
    /// The problem, in words that follow the part's place.
    pub fn read_part(&self, text: &str) -> Result<String, String> {
        let part = pasted::bare(text);
        let is_part =
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~".contains(c));
        is_part
            .then(|| part.to_owned())
            .ok_or_else(|| format!("must be the part of {} alone: letters, digits, hyphens", self.base_url))
    }

    /// Whether `part` is the whole base URL.
    pub fn is_address(&self, part: &super::UrlPart) -> bool {
        self.base_url == part.mark()
    }

    /// The text as a URL, with a scheme if it lacks one: https for vendors, http for servers of one's own.
    fn parse(&self, text: &str) -> Result<Url, String> {
        let wrong = || "must be an http or https address such as http://localhost:8080/v1".to_owned();
        if text.starts_with("sk-") && !text.contains(['.', ':', '/']) {
            return Err("is a key, not an address".to_owned());
        }
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(wrong());
        }
        let has_scheme = text.contains("://");
        let text = if has_scheme { text } else { text.trim_start_matches('/') };
        let text = if has_scheme || !text.starts_with(':') || !self.local {
            text.to_owned()
        } else {
            format!("localhost{text}")
        };
        let mut url = if has_scheme { Url::parse(&text) } else { Url::parse(&format!("http://{text}")) }
            .map_err(|_| wrong())?;
        let host = url.host_str().unwrap_or_default();
        let is_usable = matches!(url.scheme(), "http" | "https") && !matches!(host, "" | "http" | "https");
        if !is_usable {
            return Err(wrong());
        }
        if !has_scheme {
            // Only http and https are special schemes, between which a URL can change.
            if !self.local && !http::is_private(url.as_str()) {
                url.set_scheme("https").map_err(|()| wrong())?;
            } else if self.runtime == RuntimeKind::Ollama && url.port().is_none() && !text.contains(":80") {
                url.set_port(self.port).map_err(|()| wrong())?;
            }
        }
        Ok(url)
    }

    /// Takes the query out of `url`: the version of Azure's API.
    fn version_of(&self, url: &mut Url, path: &str) -> Result<Option<String>, String> {
        let mut version = None;
        let mut others = 0;
        for (name, value) in url.query_pairs() {
            match &*name {
                "api-version" | "api_version" => version = Some(value.trim().to_owned()),
                _ => others += 1,
            }
        }
        let is_azures = version.is_some() || path.contains("/openai/deployments/");
        if is_azures && !self.is_azure() {
            return Err("is an address of Azure: take the client type azure_openai for it".to_owned());
        }
        if others > 0 {
            return Err("must be an address without a query; a key belongs into kwargs.api_key".to_owned());
        }
        url.set_query(None);
        Ok(version.filter(|version| !version.is_empty()))
    }

    /// Takes the route at the end of `path` away.
    fn take_route(&self, path: &mut String) -> Result<(), String> {
        if self.is_azure() && path.ends_with("/models/chat/completions") {
            return Err("is a route of Azure's model inference API, which is not spoken here: give the address that ends with /openai/v1".to_owned());
        }
        if let Some((before, call)) = path.rsplit_once('/')
            && call.contains(':')
        {
            let problem =
                format!("names a call of another API (`{}`)", call.split(':').next_back().unwrap_or(call));
            let base = if before.is_empty() {
                String::new()
            } else {
                format!("; its base URL is {}", self.base_url)
            };
            return Err(problem + if self.local { "" } else { &base });
        }
        let found = ROUTES.iter().find(|(route, _)| path.ends_with(route));
        let Some((route, dialect)) = found else { return Ok(()) };
        let before = &path[..path.len() - route.len()];
        let is_version =
            |part: &str| part.len() > 1 && part.starts_with('v') && part.as_bytes()[1].is_ascii_digit();
        let last = before.rsplit('/').next().unwrap_or_default();
        // Some base URLs end with a part of this name.
        let is_root = is_version(last) || *route == "/models" && matches!(last, "" | "openai");
        if matches!(*route, "/models" | "/chat") && !is_root {
            return Ok(());
        }
        let own = self.dialect.map_or("", super::super::dialect::Dialect::name);
        let is_served = dialect.is_empty() || *dialect == own || self.runtime == RuntimeKind::Ollama;
        // A server of one's own often speaks several dialects on the same address.
        if !(is_served || self.local && *dialect != "ollama") {
            return Err(format!(
                "ends with {route}, a route that the client type {} does not speak: take the client type {dialect}, or \
                 give the address without the route",
                self.name
            ));
        }
        path.truncate(before.len());
        Ok(())
    }

    /// Takes `/openai/deployments/NAME` away from the end of `path`.
    fn take_deployment(&self, path: &mut String) -> Option<String> {
        if !self.is_azure() {
            return None;
        }
        let Some((before, name)) = path.split_once("/openai/deployments/") else {
            if let Some(before) = path.strip_suffix("/openai") {
                path.truncate(before.len());
            }
            return None;
        };
        let name = name.split('/').next().unwrap_or_default().to_owned();
        path.truncate(before.len());
        (!name.is_empty()).then_some(name)
    }

    /// The path of the vendor's base URL, if `url` is the vendor's and `path` is only the beginning of it.
    fn vendors_path(&self, url: &Url, path: &str) -> Option<String> {
        let own = Url::parse(self.base_url).ok().filter(|_| self.url_parts.is_empty())?;
        let whole = own.path().trim_end_matches('/');
        let is_beginning =
            path.is_empty() || whole.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        (own.host_str() == url.host_str() && !self.local && is_beginning).then(|| whole.to_owned())
    }

    fn is_azure(&self) -> bool {
        self.url_parts.iter().any(|part| self.is_address(part))
    }
}

/// Whether `version` is a dated one, whose routes name deployments.
pub(super) fn is_dated(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
}

/// The path without empty segments, and without a slash at its end.
fn segments(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect()
}

//! Addresses as people paste them, made base URLs.
//!
//! In: the text of a job or of the environment, and the provider. Out: the base URL without routes, query, quotes and
//! the like, and what else the text says; or the problem, which never quotes a password or a query.

use std::net::Ipv6Addr;

use reqwest::Url;

use super::{Provider, RuntimeKind};
use crate::{http, pasted};

/// The parts of an address that somebody pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The base URL: scheme, user, host, port and path, without a slash at its end.
    pub base_url: String,
    /// Whether the text names all interfaces of this machine, as servers do that listen there. The base URL is that of the
    /// loopback then.
    pub is_everywhere: bool,
    /// Azure: the deployment that the address names.
    pub deployment: Option<String>,
    /// Azure: the version of the API that the address names.
    pub api_version: Option<String>,
}

impl Address {
    /// Whether calls to it go where calls to `other` go.
    pub fn leads_to(&self, other: &Self) -> bool {
        let Self { base_url, deployment, api_version, is_everywhere: _ } = self;
        (base_url, deployment, api_version) == (&other.base_url, &other.deployment, &other.api_version)
    }
}

/// A route that may stand at the end of an address, with the dialect that it belongs to. Longer ones stand before
/// shorter ones that end alike.
const ROUTES: [(&str, &str); 24] = [
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
    ("/api/push", "ollama"),
    ("/api/create", "ollama"),
    ("/api/copy", "ollama"),
    ("/api/delete", "ollama"),
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
        let (mut url, is_everywhere) = self.parse(pasted::bare(text))?;
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
            while let Some(end) = ["/v1", "/api"].iter().find(|end| ends_with(&path, end)) {
                path.truncate(path.len() - end.len());
            }
        }
        if ends_with(&path, "/v1") {
            path = path[..path.len() - "/v1".len()].to_owned() + "/v1";
        }
        if let Some(whole) = self.vendors_path(&url, &path) {
            path = whole;
        }
        url.set_path(&path);
        let base_url = url.as_str().trim_end_matches('/').to_owned();
        Ok(Address { base_url, is_everywhere, deployment, api_version })
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

    /// The text as a URL, with a scheme if it lacks one: https for vendors, http for servers of one's own. Also whether it
    /// names all interfaces of this machine.
    fn parse(&self, text: &str) -> Result<(Url, bool), String> {
        let wrong = || "must be an http or https address such as http://localhost:8080/v1".to_owned();
        if text.starts_with("sk-") && !text.contains(['.', ':', '/']) {
            return Err("is a key, not an address".to_owned());
        }
        if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(wrong());
        }
        let Parts { scheme, userinfo, host, port, is_port_alone, rest } = Parts::of(text)?;
        let port = match port.map(str::parse::<u16>) {
            Some(Err(_)) if self.runtime == RuntimeKind::Ollama => {
                return Err(
                    "has a port that is no number: write host:port, such as 127.0.0.1:11434".to_owned()
                );
            }
            Some(Err(_)) => return Err(wrong()),
            port => port.and_then(Result::ok),
        };
        let is_all = is_port_alone && self.local;
        let host = match host {
            "" if is_all => "localhost".to_owned(),
            "" => return Err(wrong()),
            host if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]"),
            host => host.to_owned(),
        };
        let with = |scheme: &str, port: Option<u16>| {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            Url::parse(&format!("{scheme}://{userinfo}{host}{port}{rest}")).map_err(|_| wrong())
        };
        let mut url = with(scheme.unwrap_or("http"), port)?;
        let name = url.host_str().unwrap_or_default();
        let is_usable = matches!(url.scheme(), "http" | "https") && !matches!(name, "" | "http" | "https");
        if !is_usable {
            return Err(wrong());
        }
        if scheme.is_none() {
            let is_hosted = if self.local { name == "ollama.com" } else { !http::is_private(url.as_str()) };
            url = match (is_hosted, port) {
                (true, _) | (false, Some(443)) => with("https", port)?,
                (false, port) => with("http", port.or_else(|| self.port_at(&url)))?,
            };
        }
        let loopback = match url.host_str() {
            Some("0.0.0.0") => Some("127.0.0.1"),
            Some("[::]") => Some("[::1]"),
            _ => None,
        };
        if loopback.is_some() {
            url.set_host(loopback).map_err(|_| wrong())?;
        }
        Ok((url, is_all || loopback.is_some()))
    }

    /// The port of a server of one's own, where an address has neither scheme nor port. A server elsewhere may be behind a
    /// proxy with the scheme's own port; Ollama's clients take the daemon's port there, too.
    fn port_at(&self, url: &Url) -> Option<u16> {
        // Docker Desktop has the runner at port 80 of this name.
        let is_desktops = url.host_str() == Some("model-runner.docker.internal");
        let is_known = self.runtime == RuntimeKind::Ollama || http::is_private(url.as_str());
        self.port.filter(|_| self.local && is_known && !is_desktops)
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
        let found = ROUTES.iter().find(|(route, _)| ends_with(path, route));
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

/// The parts of an address before it is a URL, as they are written.
struct Parts<'a> {
    scheme: Option<&'a str>,
    /// User and password with the `@` behind them.
    userinfo: &'a str,
    /// A name or an IP address.
    host: &'a str,
    port: Option<&'a str>,
    /// Whether nothing but a colon stands in the place of the host.
    is_port_alone: bool,
    /// Path, query and fragment.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self, String> {
        let (scheme, text) = match text.split_once("://") {
            Some((scheme, text)) => (Some(scheme), text),
            None => (None, text.strip_prefix("//").unwrap_or(text)),
        };
        let (authority, rest) = text.split_at(text.find(['/', '?', '#']).unwrap_or(text.len()));
        // Else the beginning of the password would be a port, and the user the name of a server.
        if rest.contains('@') && text.find(':') < text.find('@') && text.contains(':') {
            return Err("has an @ behind a slash, ? or #: if they belong to a password, write the slash as %2F, ? as \
                        %3F, # as %23 and @ as %40"
                .to_owned());
        }
        let (userinfo, place) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let password = userinfo.trim_end_matches('@').split_once(':').map_or("", |(_, password)| password);
        if pasted::is_placeholder(password) {
            return Err("has a placeholder in the place of its password: fill it in".to_owned());
        }
        let (host, port) = match place.rsplit_once(':') {
            // An address of IPv6 may stand there without brackets.
            Some((host, port)) if !port.contains(']') && place.parse::<Ipv6Addr>().is_err() => {
                (host, Some(port).filter(|port| !port.is_empty()))
            }
            _ => (place, None),
        };
        let is_port_alone = place.starts_with(':') && host.is_empty();
        Ok(Self { scheme, userinfo, host, port, is_port_alone, rest })
    }
}

/// Whether `path` ends with `end`, in letters of either case.
fn ends_with(path: &str, end: &str) -> bool {
    path.len() >= end.len() && path.as_bytes()[path.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

/// Whether `version` is a dated one, whose routes name deployments.
pub(super) fn is_dated(version: &str) -> bool {
    version.starts_with(|c: char| c.is_ascii_digit())
}

/// The path without empty segments, and without a slash at its end.
fn segments(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).flat_map(|part| ["/", part]).collect()
}

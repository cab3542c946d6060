//! The options of a client: which there are for its type, and those that people write in several ways.

use std::collections::BTreeMap;

use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::error::JobError;
use super::fields::{Fields, Given, either, nearest};
use super::synonyms::synonym;
use crate::chat::providers::{Address, PROVIDERS, Provider};
use crate::chat::secrets::Secret;
use crate::chat::{go_duration, pasted};

/// The keys of a side itself.
const OUTER: [&str; 6] = ["type", "model_name", "model_path", "port", "timeout", "kwargs"];
/// The `kwargs` of every client.
const EVERY: [&str; 7] = [
    "temperature",
    "max_tokens",
    "timeout",
    "seed",
    "retries",
    "max_concurrency",
    "structured_output_schema",
];
/// The `kwargs` of every client that calls a server.
const OF_SERVERS: [&str; 4] = ["api_key", "base_url", "headers", "thinking"];
/// Other names of `headers`, by which SDKs know it.
const HEADERS: [&str; 3] = ["headers", "extra_headers", "default_headers"];
/// The `kwargs` that are taken for the original's sake and have no effect, here as there. `tool_calling` may be false.
const WITHOUT_EFFECT: [&str; 4] = ["verbose", "local", "use_async", "tool_calling"];
/// Further options of the original's clients, which its jobs may have. Each is a warning, since the job runs without it.
const OF_THE_ORIGINAL: [&str; 46] = [
    "auto_router",
    "auto_router_models",
    "capture_output",
    "citation_options",
    "compact_threshold",
    "context_management_config",
    "conversation_id",
    "documents",
    "effort",
    "enable_reasoning_output",
    "enable_thinking",
    "fallback_models",
    "file_ids",
    "include_search_queries",
    "max_tool_iterations",
    "mcp_client",
    "provider_options",
    "queue_threshold",
    "reasoning_effort",
    "reasoning_enabled",
    "reasoning_max_tokens",
    "response_healing",
    "service_tier",
    "site_name",
    "site_url",
    "system_instruction",
    "thinking_budget",
    "thinking_budget_tokens",
    "thinking_level",
    "tool_choice",
    "tools",
    "url_context",
    "use_adaptive_thinking",
    "use_caching",
    "use_code_interpreter",
    "use_fast_mode",
    "use_native_sdk",
    "use_openai_api",
    "use_responses_api",
    "use_router",
    "use_search",
    "use_strict_tools",
    "use_thinking",
    "use_web_search",
    "verbosity",
    "zdr_enabled",
];
/// Headers that belong to the connection or to the body, so that a job must not set them.
const OURS: [&str; 11] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where in a client `key` belongs, if it is an option of any.
pub(super) fn home(key: &str) -> Option<String> {
    if OUTER[1..5].contains(&key) {
        return Some(key.to_owned());
    }
    let is_inner = PROVIDERS.iter().any(|row| known(row).any(|known| known == key));
    is_inner.then(|| format!("kwargs.{key}")).or_else(|| synonym(key, &OUTER))
}

/// The keys of a side beside its `kwargs`.
#[cfg(test)]
pub(super) fn outer() -> impl Iterator<Item = &'static str> {
    OUTER.into_iter()
}

/// Whether `key` is an option of the clients of `provider`.
pub(super) fn is_known(provider: &'static Provider, key: &str) -> bool {
    known(provider).any(|known| known == key)
}

/// The options of any client that have an effect.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    PROVIDERS.iter().flat_map(known)
}

/// The options that are taken for the original's sake.
pub(super) fn without_effect() -> impl Iterator<Item = &'static str> {
    WITHOUT_EFFECT.into_iter().chain(OF_THE_ORIGINAL)
}

/// Other names of `headers`.
pub(super) fn names_of_headers() -> impl Iterator<Item = &'static str> {
    HEADERS.into_iter().skip(1)
}

/// Checks the keys of a side of `provider` beside its `kwargs`.
///
/// # Errors
/// A key that belongs into `kwargs`, or is unknown.
pub(super) fn check_outer(fields: &Fields, provider: &'static Provider) -> Result<(), JobError> {
    let Some(key) = fields.keys().find(|key| !OUTER.contains(key)) else { return Ok(()) };
    let place = fields.place(key);
    let inner: Vec<_> = known(provider).chain(HEADERS).chain(WITHOUT_EFFECT).collect();
    if inner.contains(&key) {
        return Err(JobError::Misplaced { place, right: fields.place(&format!("kwargs.{key}")) });
    }
    let meant = synonym(key, &OUTER).or_else(|| nearest(key, OUTER.into_iter()));
    let within = || synonym(key, &inner).or_else(|| nearest(key, known(provider)));
    let nearest = meant.or_else(|| Some(format!("kwargs.{}", within()?)));
    Err(JobError::UnknownKey { place, known: OUTER.join(", "), nearest })
}

/// The `kwargs` of a side of `provider`.
///
/// # Errors
/// An option that belongs elsewhere, has no effect for this client type, or is unknown.
pub(super) fn open(side: &str, provider: &'static Provider, value: Value) -> Result<Fields, JobError> {
    let mut fields = Fields::open(&format!("{side}.kwargs"), value)?;
    let keys: Vec<String> = fields.keys().map(str::to_owned).collect();
    for key in &keys {
        let key = key.as_str();
        let has_headers = || provider.dialect.is_some() && HEADERS.contains(&key);
        if known(provider).any(|known| known == key) || WITHOUT_EFFECT.contains(&key) || has_headers() {
            continue;
        }
        let place = fields.place(key);
        if OF_THE_ORIGINAL.contains(&key) {
            fields.warn(format!("{place} is not known here and has no effect"));
            continue;
        }
        if OUTER.contains(&key) {
            return Err(JobError::Misplaced { place, right: format!("{side}.{key}") });
        }
        let owners: Vec<_> = PROVIDERS.iter().filter(|row| known(row).any(|known| known == key)).collect();
        return Err(match &owners[..] {
            [] => unknown(side, provider, key, place),
            owners => JobError::NoEffect { place, provider: provider.name, owners: names(owners) },
        });
    }
    Ok(fields)
}

/// The options in `kwargs` that have an effect for `provider`.
fn known(provider: &'static Provider) -> impl Iterator<Item = &'static str> {
    let of_servers = provider.dialect.is_some().then_some(OF_SERVERS);
    EVERY.into_iter().chain(of_servers.into_iter().flatten()).chain(provider.kwargs.iter().copied())
}

fn unknown(side: &str, provider: &'static Provider, key: &str, place: String) -> JobError {
    let inner: Vec<_> = known(provider).collect();
    let outer = || synonym(key, &OUTER).or_else(|| nearest(key, OUTER.into_iter()));
    let meant = synonym(key, &inner).or_else(|| nearest(key, inner.iter().copied()));
    let nearest = meant.or_else(|| Some(format!("{side}.{}", outer()?)));
    JobError::UnknownKey { place, known: inner.join(", "), nearest }
}

/// The names of the providers, if they are few.
fn names(providers: &[&Provider]) -> String {
    if providers.len() > 5 {
        return "the client types that call a server".to_owned();
    }
    providers.iter().map(|provider| provider.name).collect::<Vec<_>>().join(", ")
}

/// A name that is not blank, with its place.
pub(super) fn given(fields: &mut Fields, name: &str) -> Result<Given<String>, JobError> {
    Ok(Given { place: fields.place(name), value: fields.name(name)? })
}

/// `api_key`; an empty one is none.
pub(super) fn api_key(fields: &mut Fields) -> Result<Option<Secret>, JobError> {
    let place = fields.place("api_key");
    let Some(text) = fields.string("api_key")? else { return Ok(None) };
    let key = pasted::key(&text).map_err(|problem| JobError::BadValue { place, problem })?;
    Ok((!key.is_empty()).then(|| Secret::new(key)))
}

/// `headers`: further headers of each call, by their names in lower case.
pub(super) fn headers(
    fields: &mut Fields,
    provider: &Provider,
    has_key: bool,
) -> Result<BTreeMap<String, Secret>, JobError> {
    let mut given: Option<(String, Map<String, Value>)> = None;
    for name in HEADERS {
        let place = fields.place(name);
        let Some(Value::Object(map)) = fields.object(name)? else { continue };
        if let Some((first, _)) = given {
            let problem = format!("is another name of `{first}`: leave one of the two out");
            return Err(JobError::BadValue { place, problem });
        }
        given = Some((place, map));
    }
    let Some((place, map)) = given else { return Ok(BTreeMap::new()) };
    let keys_own = provider.key.header();
    let mut headers = BTreeMap::new();
    for (name, value) in map {
        let place = format!("{place}.{name}");
        let (name, value) = header(place.clone(), &name, value)?;
        if has_key && name == keys_own {
            let problem = format!("is the header of `{}`: leave one of the two out", fields.place("api_key"));
            return Err(JobError::BadValue { place, problem });
        }
        headers.insert(name, value);
    }
    Ok(headers)
}

fn header(place: String, name: &str, value: Value) -> Result<(String, Secret), JobError> {
    let bad = |problem: &str| Err(JobError::BadValue { place: place.clone(), problem: problem.to_owned() });
    let Ok(header) = name.trim().parse::<HeaderName>() else {
        return bad("is no name of a header");
    };
    if OURS.contains(&header.as_str()) {
        return bad("can't be set: it belongs to the connection or the body, which minions makes itself");
    }
    let text = match &value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        _ => return bad("must be a string"),
    };
    let text = pasted::bare(&text);
    if HeaderValue::from_str(text).is_err() || !text.is_ascii() {
        return bad("has a character in it that no header can carry");
    }
    Ok((header.as_str().to_owned(), Secret::new(text)))
}

/// Where a client's servers are, as far as the job says.
pub(super) struct Addresses {
    pub base_urls: Vec<String>,
    /// What fills the parts of the provider's base URL.
    pub parts: BTreeMap<&'static str, String>,
    /// Azure: the deployment that an address names.
    pub deployment: Given<String>,
    /// Azure: the version that an address names.
    pub api_version: Given<String>,
}

/// `base_url`, and the options that are parts of it.
pub(super) fn addresses(fields: &mut Fields, provider: &Provider) -> Result<Addresses, JobError> {
    let mut named = Vec::new();
    let base_urls = base_urls(fields, provider, &mut named)?;
    let mut parts = BTreeMap::new();
    for part in provider.url_parts {
        let all = part.kwargs.iter().map(|name| given(fields, name)).collect::<Result<Vec<_>, JobError>>()?;
        let place = all.iter().find(|given| given.value.is_some()).map(|given| given.place.clone());
        let Some((place, text)) = place.zip(either(all)?) else { continue };
        let value = if provider.is_address(part) {
            let address = read(provider, &place, &text)?;
            let url = address.base_url.clone();
            named.push((place, address));
            url
        } else {
            provider.read_part(&text).map_err(|problem| JobError::BadValue { place, problem })?
        };
        parts.insert(part.kwargs[0], value);
    }
    let all = |get: fn(&Address) -> &Option<String>| {
        let each =
            named.iter().map(|(place, address)| Given { place: place.clone(), value: get(address).clone() });
        let first = named.iter().find(|(_, address)| get(address).is_some());
        let place = first.map(|(place, _)| place.clone()).unwrap_or_default();
        Ok(Given { place, value: either(each)? })
    };
    Ok(Addresses {
        base_urls,
        parts,
        deployment: all(|address| &address.deployment)?,
        api_version: all(|address| &address.api_version)?,
    })
}

/// One address or a list of them. Each is added to `named`, too, with its place.
fn base_urls(
    fields: &mut Fields,
    provider: &Provider,
    named: &mut Vec<(String, Address)>,
) -> Result<Vec<String>, JobError> {
    let place = fields.place("base_url");
    let is_list = fields.is_list("base_url");
    let mut urls: Vec<String> = Vec::new();
    for (at, text) in fields.strings("base_url")?.iter().enumerate() {
        let place_of = |at| if is_list { format!("{place}[{at}]") } else { place.clone() };
        let bad = |problem: String| Err(JobError::BadValue { place: place_of(at), problem });
        if pasted::bare(text).is_empty() {
            return bad("must not be empty".into());
        }
        let address = read(provider, &place_of(at), text)?;
        if let Some(same) = urls.iter().position(|known| *known == address.base_url) {
            return bad(format!(
                "names the same server as {}; for more calls at once raise max_concurrency",
                place_of(same)
            ));
        }
        urls.push(address.base_url.clone());
        named.push((place_of(at), address));
    }
    if is_list && urls.is_empty() {
        return Err(JobError::BadValue { place, problem: "must name at least one address".into() });
    }
    Ok(urls)
}

fn read(provider: &Provider, place: &str, text: &str) -> Result<Address, JobError> {
    let bad = |problem| JobError::BadValue { place: place.to_owned(), problem };
    provider.read_address(text).map_err(bad)
}

/// `keep_alive`: a number of seconds, or a duration in the words of Ollama's own language, such as `1h30m`. Ollama takes
/// the two apart by their JSON types.
pub(super) fn keep_alive(fields: &mut Fields) -> Result<Option<Value>, JobError> {
    let problem = "must be a number of seconds or a duration such as \"10m\"".to_owned();
    let bad = JobError::BadValue { place: fields.place("keep_alive"), problem };
    match fields.value("keep_alive") {
        None => Ok(None),
        Some(Value::Number(seconds)) => Ok(Some(seconds.into())),
        Some(Value::String(text)) => {
            let text = pasted::bare(&text);
            match text.parse::<serde_json::Number>() {
                Ok(seconds) => Ok(Some(seconds.into())),
                Err(_) if go_duration::seconds(text).is_some() => Ok(Some(text.into())),
                Err(_) => Err(bad),
            }
        }
        Some(_) => Err(bad),
    }
}

//! The credentials of a side's calls: from the job, else from its address, else from the environment.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;

use super::address::unusable;
use crate::chat::providers::{HeaderEnv, Provider};
use crate::chat::secrets::Secret;
use crate::chat::{CREDENTIAL_HEADERS, base_url, credentials, pasted};
use crate::config::Environment;
use crate::error::Failure;
use crate::job::ClientSpec;

/// The name of the header that carries a user and a password, too.
const AUTHORIZATION: &str = "authorization";

/// The key of a side, and the further headers of its calls.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Credentials {
    pub api_key: Option<Secret>,
    pub headers: BTreeMap<String, Secret>,
    /// Whether the header `Authorization`, as far as there is one, is of the environment.
    is_of_environment: bool,
}

impl Credentials {
    /// The credentials of the job win over those of the environment.
    ///
    /// # Errors
    /// A variable whose value cannot be one.
    pub(super) fn of(
        spec: &ClientSpec,
        environment: &Environment,
        base_urls: &[String],
    ) -> Result<Self, Failure> {
        let (provider, kwargs) = (spec.provider, &spec.kwargs);
        let is_told = kwargs.api_key.is_some()
            || kwargs.headers.keys().any(|name| CREDENTIAL_HEADERS.contains(&name.as_str()));
        let api_key = match &kwargs.api_key {
            None if !is_told => key(&environment.key_variables(provider), environment)?.map(Secret::new),
            told => told.clone(),
        };
        let mut headers = kwargs.headers.clone();
        for HeaderEnv { header, env, is_token } in provider.header_env {
            let is_wanted = if *is_token {
                !is_told && environment.key_name(provider).is_none()
            } else {
                base_urls.iter().all(|url| provider.is_vendor(url))
            };
            if !is_wanted || headers.contains_key(*header) {
                continue;
            }
            if let Some(value) = key(env, environment)? {
                let value = if *is_token { format!("Bearer {value}") } else { value };
                headers.insert((*header).to_owned(), Secret::new(value));
            }
        }
        let is_of_environment = !is_told;
        Ok(Self { api_key, headers, is_of_environment })
    }

    /// The credentials of calls to `base_url`. A user and a password of that address are told for it alone, so they win
    /// over what the environment has for the same header.
    pub(super) fn at(&self, base_url: &str, provider: &Provider) -> Self {
        let mut credentials = self.clone();
        if self.is_of_environment && base_url::has_user(base_url) {
            if provider.key.header() == AUTHORIZATION {
                credentials.api_key = None;
            }
            credentials.headers.remove(AUTHORIZATION);
        }
        credentials
    }

    /// Whether they take the place of a user and a password of `base_url`.
    pub(super) fn replace_user(&self, base_url: &str, provider: &Provider) -> bool {
        let Self { api_key, headers, .. } = self.at(base_url, provider);
        let has_header = api_key.is_some() && provider.key.header() == AUTHORIZATION
            || headers.contains_key(AUTHORIZATION);
        has_header && base_url::has_user(base_url)
    }

    /// The headers of calls and questions to a server of `provider`.
    ///
    /// # Errors
    /// A value that cannot be a header's.
    pub(super) fn header_map(&self, provider: &Provider) -> Result<HeaderMap, Failure> {
        credentials::headers(provider.key, self.api_key.as_ref(), &self.headers)
            .map_err(|(place, problem)| Failure::input(format!("{}: {place} {problem}", provider.name)))
    }
}

/// The headers of questions to `provider`'s server at `base_url`, by the environment alone.
///
/// # Errors
/// A variable whose value cannot be a credential.
pub fn usual_headers(
    provider: &'static Provider,
    environment: &Environment,
    base_url: &str,
) -> Result<HeaderMap, Failure> {
    let spec = ClientSpec::bare("local_client", provider);
    Credentials::of(&spec, environment, &[base_url.to_owned()])?.at(base_url, provider).header_map(provider)
}

/// The value of the first of these variables that is set.
fn key(names: &[&str], environment: &Environment) -> Result<Option<String>, Failure> {
    for name in names {
        let Some(text) = environment.get(name) else { continue };
        let key = pasted::key(text).map_err(|problem| unusable(name, &problem))?;
        if !key.is_empty() {
            return Ok(Some(key.to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(
        client: Value,
        variables: &[(&str, &str)],
        base_url: &str,
    ) -> Result<Vec<(String, String)>, String> {
        let job = json!({"remote_client": client, "call_params": {"task": "t"}});
        let job = crate::job::parse(job, std::path::Path::new("logs")).map_err(|error| error.to_string())?;
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = Credentials::of(&job.remote, &variables.collect(), &[base_url.to_owned()]);
        let found = found.map_err(|error| error.message)?;
        let Credentials { api_key, headers, .. } = found.at(base_url, job.remote.provider);
        let shown = |(name, value): (String, Secret)| (name, value.expose().to_owned());
        let key = api_key.map(|key| ("key".to_owned(), key.expose().to_owned()));
        Ok(key.into_iter().chain(headers.into_iter().map(shown)).collect())
    }

    #[test]
    fn a_key_is_taken_from_the_job_or_from_the_environment() {
        let vendor = "https://api.openai.com/v1";
        for (client, variables, expected) in [
            (json!({"type": "openai"}), &[("OPENAI_API_KEY", "\"sk-1\"")][..], &[("key", "sk-1")][..]),
            (json!({"type": "openai"}), &[("OPENAI_API_KEY", " '' ")], &[]),
            (
                json!({"type": "openai", "kwargs": {"api_key": "Bearer sk-2\n"}}),
                &[("OPENAI_API_KEY", "sk 1")],
                &[("key", "sk-2")],
            ),
            (json!({"type": "gemini"}), &[("GEMINI_API_KEY", ""), ("GOOGLE_API_KEY", "g")], &[("key", "g")]),
            (
                json!({"type": "anthropic"}),
                &[("ANTHROPIC_AUTH_TOKEN", "'tok'")],
                &[("authorization", "Bearer tok")],
            ),
            // As the vendor's own clients do.
            (
                json!({"type": "anthropic"}),
                &[("ANTHROPIC_AUTH_TOKEN", "tok"), ("ANTHROPIC_API_KEY", "sk-1")],
                &[("key", "sk-1"), ("authorization", "Bearer tok")],
            ),
            (
                json!({"type": "anthropic", "kwargs": {"api_key": "sk-2"}}),
                &[("ANTHROPIC_AUTH_TOKEN", "tok"), ("ANTHROPIC_API_KEY", "sk-1")],
                &[("key", "sk-2")],
            ),
            (
                json!({"type": "anthropic", "kwargs": {"headers": {"Authorization": "Bearer own", "X-Team": 7}}}),
                &[("ANTHROPIC_AUTH_TOKEN", "tok"), ("ANTHROPIC_API_KEY", "sk-1")],
                &[("authorization", "Bearer own"), ("x-team", "7")],
            ),
            (json!({"type": "ollama"}), &[("OLLAMA_API_KEY", "ol-1")], &[("authorization", "Bearer ol-1")]),
            (
                json!({"type": "ollama", "kwargs": {"api_key": "ol-2"}}),
                &[("OLLAMA_API_KEY", "ol-1")],
                &[("key", "ol-2")],
            ),
            (
                json!({"type": "openai"}),
                &[("OPENAI_ORG_ID", "org-1"), ("OPENAI_PROJECT_ID", "\"proj-1\"")],
                &[("openai-organization", "org-1"), ("openai-project", "proj-1")],
            ),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(of(client, variables, vendor), Ok(expected), "{variables:?}");
        }
        let elsewhere = of(json!({"type": "openai"}), &[("OPENAI_ORG_ID", "org-1")], "http://h/v1");
        assert_eq!(elsewhere, Ok(vec![]));
    }

    #[test]
    fn the_user_of_an_address_wins_over_the_environment_and_not_over_the_job() {
        let address = "http://u:p@h/v1";
        for (client, variable, expected) in [
            (json!({"type": "openai"}), "OPENAI_API_KEY", &[][..]),
            (json!({"type": "ollama"}), "OLLAMA_API_KEY", &[]),
            (json!({"type": "openai", "kwargs": {"api_key": "sk-2"}}), "OPENAI_API_KEY", &[("key", "sk-2")]),
            // The key has a header of its own.
            (json!({"type": "anthropic"}), "ANTHROPIC_API_KEY", &[("key", "sk-1")]),
            (json!({"type": "anthropic"}), "ANTHROPIC_AUTH_TOKEN", &[]),
        ] {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            assert_eq!(
                of(client.clone(), &[(variable, "sk-1")], address),
                Ok(expected),
                "{client} {variable}"
            );
        }
    }

    #[test]
    fn what_is_no_credential_is_named_by_its_place() {
        for (client, variables, complaint) in [
            (
                json!({"type": "openai"}),
                &[("OPENAI_API_KEY", "sk-1 sk-2")][..],
                "OPENAI_API_KEY in the environment has white space in it",
            ),
            (
                json!({"type": "anthropic"}),
                &[("ANTHROPIC_AUTH_TOKEN", "t\"k")],
                "ANTHROPIC_AUTH_TOKEN in the environment has a quotation mark in it",
            ),
            (
                json!({"type": "openai", "kwargs": {"api_key": "${OPENAI_API_KEY}"}}),
                &[],
                "`remote_client.kwargs.api_key` is a placeholder, not a key: was a variable not filled in?",
            ),
            (
                json!({"type": "openai", "kwargs": {"headers": {"Content-Length": "1"}}}),
                &[],
                "`remote_client.kwargs.headers.Content-Length` can't be set: it belongs to the connection or the body, which \
                 minions makes itself",
            ),
            (
                json!({"type": "openai", "kwargs": {"headers": {"X Team": "1"}}}),
                &[],
                "`remote_client.kwargs.headers.X Team` is no name of a header",
            ),
            (
                json!({"type": "openai", "kwargs": {"headers": {"X-Team": "a\nb"}}}),
                &[],
                "`remote_client.kwargs.headers.X-Team` has a character in it that no header can carry",
            ),
            (
                json!({"type": "openai", "kwargs": {"headers": {"X-Team": "a"}, "extra_headers": {}}}),
                &[],
                "`remote_client.kwargs.extra_headers` is another name of `remote_client.kwargs.headers`: leave one of the two out",
            ),
            (
                json!({"type": "openai", "kwargs": {"headers": {"authorization": "a"}, "api_key": "k"}}),
                &[],
                "`remote_client.kwargs.headers.authorization` is the header of `remote_client.kwargs.api_key`: leave one of the two out",
            ),
        ] {
            assert_eq!(of(client, variables, "http://h/v1").unwrap_err(), complaint);
        }
    }
}

//! The addresses of a side's servers: from the job, else from the environment, else the provider's own.

use crate::chat::VendorOptions;
use crate::chat::providers::{Address, Provider};
use crate::config::Environment;
use crate::error::Failure;
use crate::job::ClientSpec;

/// Where the servers of a side are.
pub(super) struct Addresses {
    /// At least one.
    pub base_urls: Vec<String>,
    /// The vendor's options, with those that the environment names.
    pub vendor: VendorOptions,
    /// What is to be said of variables that lead elsewhere and do not count.
    pub warnings: Vec<String>,
}

/// The addresses of a side's servers.
///
/// # Errors
/// A variable that counts and cannot be used; a port beside a base URL that has another one.
pub(super) fn addresses(spec: &ClientSpec, environment: &Environment) -> Result<Addresses, Failure> {
    let mut warnings = Vec::new();
    if spec.is_embedded() {
        return Ok(Addresses {
            base_urls: vec![String::new()],
            vendor: spec.kwargs.vendor.clone(),
            warnings,
        });
    }
    if let told @ [first, ..] = &spec.kwargs.base_urls[..] {
        check_port(spec, first)?;
        let vendor = with_environment(spec, environment, None);
        return Ok(Addresses { base_urls: told.to_vec(), vendor, warnings });
    }
    let found = from_environment(spec.provider, environment, &mut warnings)?;
    let (url, address) = match found {
        Some(address) => (address.base_url.clone(), Some(address)),
        None => default(spec, environment)?,
    };
    let vendor = with_environment(spec, environment, address);
    Ok(Addresses { base_urls: vec![with_port(spec, url)], vendor, warnings })
}

/// The address of `provider`'s server for a job that names none; empty for the embedded engine.
///
/// # Errors
/// A variable that counts and cannot be used.
pub fn usual_address(provider: &'static Provider, environment: &Environment) -> Result<String, Failure> {
    let found = addresses(&ClientSpec::bare("local_client", provider), environment)?;
    Ok(found.base_urls.into_iter().next().unwrap_or_default())
}

/// The address that the environment names for every client of `provider`: that of the first name that is set.
fn from_environment(
    provider: &Provider,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Option<Address>, Failure> {
    let names = provider.base_url_names();
    let mut set = names.iter().filter_map(|name| Some((name, environment.get(name)?)));
    let Some((taken, text)) = set.next() else { return Ok(None) };
    let address = read(provider, taken, text)?;
    for (name, other) in set {
        if !read(provider, name, other).is_ok_and(|other| other.leads_to(&address)) {
            warnings
                .push(format!("{name} in the environment has no effect: {taken} is set, too, and counts"));
        }
    }
    Ok(Some(address))
}

/// The provider's own base URL, with the parts that the job or the environment gives; the address that is such a part.
fn default(spec: &ClientSpec, environment: &Environment) -> Result<(String, Option<Address>), Failure> {
    let provider = spec.provider;
    let mut parts = spec.kwargs.address.clone();
    let mut whole = None;
    for part in provider.url_parts.iter().filter(|part| !spec.kwargs.address.contains_key(part.kwargs[0])) {
        let given = part.env.iter().find_map(|name| Some((name, environment.get(name)?)));
        let Some((name, text)) = given else { continue };
        let value = if provider.is_address(part) {
            let address = read(provider, name, text)?;
            whole.insert(address).base_url.clone()
        } else {
            provider.read_part(text).map_err(|problem| unusable(name, &problem))?
        };
        parts.insert(part.kwargs[0], value);
    }
    Ok((provider.default_base_url(|part| parts.get(part.kwargs[0]).cloned()), whole))
}

/// The address in the variable `name`.
fn read(provider: &Provider, name: &str, text: &str) -> Result<Address, Failure> {
    provider.read_address(text).map_err(|problem| unusable(name, &problem))
}

/// The failure of a variable that cannot be used.
pub(super) fn unusable(name: &str, problem: &str) -> Failure {
    Failure::input(format!("{name} in the environment {problem}"))
}

/// The options of Azure that the job leaves open: those of an address in the environment, else of variables.
fn with_environment(spec: &ClientSpec, environment: &Environment, address: Option<Address>) -> VendorOptions {
    let provider = spec.provider;
    let told = |names: &[&str]| names.iter().find_map(|name| environment.get(name)).map(str::to_owned);
    let vendor = &spec.kwargs.vendor;
    let (named, version) = address.map_or((None, None), |address| (address.deployment, address.api_version));
    let deployment = vendor.deployment().map(str::to_owned).or(named);
    let api_version = vendor.api_version().map(str::to_owned).or(version);
    let deployment = deployment.or_else(|| told(provider.deployment_env).filter(|_| spec.model.is_none()));
    let api_version = api_version.or_else(|| told(provider.api_version_env));
    match (deployment, api_version) {
        (None, None) => vendor.clone(),
        (deployment, api_version) => VendorOptions::Azure { deployment, api_version },
    }
}

/// Refuses a port beside a base URL that has another one.
fn check_port(spec: &ClientSpec, base_url: &str) -> Result<(), Failure> {
    let Some(port) = spec.port else { return Ok(()) };
    let known = reqwest::Url::parse(base_url).ok().and_then(|url| url.port_or_known_default());
    if known == Some(port) {
        return Ok(());
    }
    let side = spec.side;
    let text = format!("`{side}.port` is {port}, but `{side}.kwargs.base_url` leads to another port");
    Err(Failure::input(text).hint("leave one of the two out"))
}

/// `url` with the job's port.
fn with_port(spec: &ClientSpec, url: String) -> String {
    let Some(port) = spec.port else { return url };
    let with_port = || {
        let mut parsed = reqwest::Url::parse(&url).ok()?;
        spec.provider.port.and(parsed.set_port(Some(port)).ok())?;
        Some(parsed.as_str().trim_end_matches('/').to_owned())
    };
    with_port().unwrap_or_else(|| {
        tracing::warn!("{}.port has no effect on {}; use kwargs.base_url", spec.side, spec.provider.name);
        url.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(client: Value, variables: &[(&str, &str)]) -> Result<(String, VendorOptions), String> {
        let job = json!({"remote_client": client, "call_params": {"task": "t"}});
        let job = crate::job::parse(job, std::path::Path::new("logs")).map_err(|error| error.to_string())?;
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let found = addresses(&job.remote, &variables.collect()).map_err(|error| error.message)?;
        Ok((found.base_urls.join(" "), found.vendor))
    }

    #[test]
    fn addresses_of_the_environment_are_read_like_those_of_a_job() {
        for (kind, name, text, expected) in [
            ("openai", "OPENAI_BASE_URL", "\"http://h/v1/chat/completions\"", "http://h/v1"),
            ("openai", "OPENAI_API_BASE", "http://h/v1/", "http://h/v1"),
            ("openai", "OPENAI_ENDPOINT", "http://h/v1", "http://h/v1"),
            ("openai", "OPENAI_BASE_URL", " \"\" ", "https://api.openai.com/v1"),
            ("anthropic", "ANTHROPIC_API_BASE", "http://h/v1/messages", "http://h/v1"),
            ("groq", "GROQ_API_BASE", "gw.example.com/v1", "https://gw.example.com/v1"),
            ("vllm", "VLLM_API_BASE", "gpu:8000/v1/models", "http://gpu:8000/v1"),
            ("ollama", "OLLAMA_HOST", "0.0.0.0", "http://127.0.0.1:11434"),
            ("ollama", "OLLAMA_HOST", "http://user:pass@h:1/", "http://user:pass@h:1"),
            ("ollama", "OLLAMA_HOST", "user:pass@h/v1/", "http://user:pass@h:11434"),
            ("ollama", "OLLAMA_BASE_URL", "0.0.0.0", "http://127.0.0.1:11434"),
            ("docker_model_runner", "MODEL_RUNNER_HOST", "0.0.0.0", "http://127.0.0.1:12434"),
            ("ollama", "OLLAMA_HOST", "'http://h:1/api/chat'", "http://h:1"),
            ("ollama", "OLLAMA_HOST", "::1", "http://[::1]:11434"),
            ("ollama", "OLLAMA_BASE_URL", "http://h:1/v1", "http://h:1"),
            ("docker_model_runner", "MODEL_RUNNER_HOST", "h:1/engines/v1/models", "http://h:1/engines/v1"),
        ] {
            let read = read(json!({"type": kind, "model_name": "m"}), &[(name, text)]);
            assert_eq!(read.map(|(url, _)| url), Ok(expected.to_owned()), "{name}={text}");
        }
    }

    #[test]
    fn what_can_not_be_used_is_named() {
        let openai = || json!({"type": "openai"});
        for (client, variables, complaint) in [
            (
                openai(),
                &[("OPENAI_BASE_URL", "http://h/v1?key=k")][..],
                "OPENAI_BASE_URL in the environment must be an address without a query; a key belongs into kwargs.api_key",
            ),
            (
                json!({"type": "ollama"}),
                &[("OLLAMA_HOST", "h:port")],
                "OLLAMA_HOST in the environment has a port that is no number: write host:port, such as 127.0.0.1:11434",
            ),
            (
                json!({"type": "ollama", "port": 1, "kwargs": {"base_url": "http://h:2"}}),
                &[],
                "`remote_client.port` is 1, but `remote_client.kwargs.base_url` leads to another port",
            ),
            (
                json!({"type": "cloudflare", "kwargs": {"account_id": "a"}}),
                &[("CLOUDFLARE_GATEWAY_ID", "https://h/x")],
                "CLOUDFLARE_GATEWAY_ID in the environment must be the part of \
                 https://gateway.ai.cloudflare.com/v1/{account_id}/{gateway_id}/compat alone: letters, digits, hyphens",
            ),
        ] {
            assert_eq!(read(client, variables).unwrap_err(), complaint);
        }
    }

    #[test]
    fn of_several_variables_the_first_counts_and_the_others_are_named() {
        let warnings = |second: &str| {
            let environment = [("OPENAI_API_BASE", second), ("OPENAI_BASE_URL", "http://a/v1")];
            let variables = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let mut warnings = Vec::new();
            let openai = crate::chat::providers::find("openai").unwrap();
            let address = from_environment(openai, &variables.into_iter().collect(), &mut warnings).unwrap();
            (address.unwrap().base_url, warnings)
        };
        assert_eq!(warnings("http://a/v1/chat/completions"), ("http://a/v1".to_owned(), vec![]));
        assert_eq!(warnings("http://A:80//v1"), ("http://a/v1".to_owned(), vec![]));
        let warning =
            "OPENAI_API_BASE in the environment has no effect: OPENAI_BASE_URL is set, too, and counts";
        assert_eq!(warnings("http://b/v1"), ("http://a/v1".to_owned(), vec![warning.to_owned()]));
    }

    #[test]
    fn azures_options_come_from_the_job_the_address_and_the_environment_in_this_order() {
        let uri = "https://r.openai.azure.com/openai/deployments/d1/chat/completions?api-version=2024-10-21";
        let azure = |kwargs: Value| json!({"type": "azure_openai", "kwargs": kwargs});
        let options = |deployment: Option<&str>, version: Option<&str>| {
            let (deployment, api_version) = (deployment.map(str::to_owned), version.map(str::to_owned));
            Ok(("https://r.openai.azure.com".to_owned(), VendorOptions::Azure { deployment, api_version }))
        };
        let dated = ("OPENAI_API_VERSION", "2025-01-01");
        let endpoint = ("AZURE_OPENAI_ENDPOINT", uri);
        for (kwargs, variables, expected) in [
            (json!({"endpoint": uri}), &[][..], options(Some("d1"), Some("2024-10-21"))),
            (json!({}), &[endpoint], options(Some("d1"), Some("2024-10-21"))),
            (json!({}), &[endpoint, dated], options(Some("d1"), Some("2024-10-21"))),
            (json!({"deployment": "d2"}), &[endpoint], options(Some("d2"), Some("2024-10-21"))),
            (
                json!({"endpoint": "https://r.openai.azure.com"}),
                &[dated, ("AZURE_OPENAI_DEPLOYMENT_NAME", "d3")],
                options(Some("d3"), Some("2025-01-01")),
            ),
            (
                json!({"endpoint": uri, "deployment": "d2"}),
                &[],
                Err("`remote_client.kwargs.deployment` is d2, but `remote_client.kwargs.endpoint` is d1: leave one of \
                     the two out"
                    .to_owned()),
            ),
        ] {
            assert_eq!(read(azure(kwargs.clone()), variables), expected, "{kwargs} {variables:?}");
        }
    }
}

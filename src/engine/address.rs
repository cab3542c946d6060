//! The base URLs of a side's servers.

use crate::chat::providers::RuntimeKind;
use crate::config::Environment;
use crate::job::ClientSpec;
use crate::runtimes::ollama::Host;

/// The base URLs of the side's servers, at least one: those of the job, else of the environment, else the default.
pub(super) fn base_urls(spec: &ClientSpec, environment: &Environment) -> Vec<String> {
    match &spec.kwargs.base_urls[..] {
        told @ [_, ..] if !spec.is_embedded() => told.to_vec(),
        _ => vec![base_url(spec, environment)],
    }
}

/// The environment's base URL or else the default one, with the job's port.
fn base_url(spec: &ClientSpec, environment: &Environment) -> String {
    let provider = spec.provider;
    let url = match provider.base_url_env.iter().find_map(|name| environment.get(name)) {
        Some(host) if provider.runtime == RuntimeKind::Ollama => Host::parse(host).client_url(),
        Some(host) if provider.local && !host.contains("://") => {
            format!("http://{}", host.trim_end_matches('/'))
        }
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => provider.default_base_url(|part| {
            let given = spec.kwargs.address.get(part.kwargs[0]).cloned();
            given.or_else(|| environment.get(part.env).map(str::to_owned))
        }),
    };
    let Some(port) = spec.port else { return url };
    let with_port = || {
        let mut parsed = reqwest::Url::parse(&url).ok()?;
        provider.port.and(parsed.set_port(Some(port)).ok())?;
        Some(parsed.as_str().trim_end_matches('/').to_owned())
    };
    with_port().unwrap_or_else(|| {
        tracing::warn!("{}.port has no effect on {}; use kwargs.base_url", spec.side, provider.name);
        url.clone()
    })
}

//! The original's HTTP servers are set up by variables of the environment; these are theirs.

use serde_json::{Map, json};

use super::config::{OriginalConfig, retrieval};
use crate::chat::providers::{self, Provider};
use crate::config::Environment;
use crate::error::Failure;

/// The variables that name models. If one of them is set, the others, which have usual names, are the original's, too.
const OF_MODELS: [&str; 6] = [
    "REMOTE_MODEL_NAME",
    "LOCAL_MODEL_NAME",
    "REMOTE_BASE_URL",
    "LOCAL_BASE_URL",
    "REMOTE_PROVIDER",
    "LOCAL_PROVIDER",
];
/// Numbers, and the call parameters that they are.
const NUMBERS: [(&str, &str); 4] = [
    ("MAX_ROUNDS", "max_rounds"),
    ("MAX_JOBS_PER_ROUND", "max_jobs_per_round"),
    ("NUM_TASKS_PER_ROUND", "num_tasks_per_round"),
    ("NUM_SAMPLES_PER_TASK", "num_samples_per_task"),
];
/// Variables without a counterpart, and why.
const WITHOUT_EFFECT: [(&str, &str); 2] = [
    ("DEBUG", "RUST_LOG says what is logged"),
    ("PRODUCTION", "there is one server, and it is the one for production"),
];

/// What the variables say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OriginalEnvironment {
    pub(crate) config: OriginalConfig,
    /// `HOST`, the address to listen on.
    pub host: Option<String>,
    /// `PORT`.
    pub port: Option<u16>,
    /// `LOG_DIR`.
    pub log_dir: Option<String>,
    /// What is to be told: variables that have no effect.
    pub notes: Vec<String>,
}

/// Reads the original's variables. The addresses of model servers among them become those of `environment`.
///
/// # Errors
/// A value that can't be used.
pub fn read(environment: &mut Environment) -> Result<OriginalEnvironment, Failure> {
    let get = |name: &str| environment.get(name).map(str::to_owned);
    let mut read = OriginalEnvironment { port: number(&get, "PORT")?, ..OriginalEnvironment::default() };
    if !OF_MODELS.iter().any(|name| get(name).is_some()) {
        return Ok(read);
    }
    let local = provider(&get, "LOCAL_PROVIDER", "docker")?;
    let remote = provider(&get, "REMOTE_PROVIDER", "openai")?;
    let side = |provider: &Provider, model: Option<String>| match model {
        Some(model) => json!({"type": provider.name, "model_name": model}),
        None => json!({"type": provider.name}),
    };
    let mut params = Map::new();
    for (name, key) in NUMBERS {
        if let Some(value) = number::<u32>(&get, name)? {
            params.insert(key.to_owned(), json!(value));
        }
    }
    if let Some(chunker) = get("CHUNKING_FUNCTION") {
        params.insert("chunk_fn".to_owned(), json!(chunker));
    }
    if let Some(given) = get("USE_RETRIEVAL") {
        params.insert("use_retrieval".to_owned(), retrieval(&json!(given)));
    }
    read.config = OriginalConfig {
        local: Some(side(local, get("LOCAL_MODEL_NAME"))),
        remote: Some(side(remote, get("REMOTE_MODEL_NAME"))),
        timeout: number(&get, "TIMEOUT")?,
        params,
    };
    read.host = get("HOST");
    read.log_dir = get("LOG_DIR");
    let unused = WITHOUT_EFFECT.iter().filter(|(name, _)| get(name).is_some());
    read.notes = unused.map(|(name, why)| format!("{name} has no effect here: {why}")).collect();
    for (provider, name) in [(local, "LOCAL_BASE_URL"), (remote, "REMOTE_BASE_URL")] {
        let Some(address) = environment.get(name).map(str::to_owned) else { continue };
        if let Some(own) = provider.base_url_names().iter().find(|own| environment.get(own).is_some()) {
            read.notes
                .push(format!("{name} has no effect: {own} is set, and is the address of {}", provider.name));
        }
        environment.suggest_address(provider, &address);
    }
    Ok(read)
}

/// A provider by the original's name for it.
fn provider(
    get: &impl Fn(&str) -> Option<String>,
    variable: &str,
    usual: &str,
) -> Result<&'static Provider, Failure> {
    let given = get(variable);
    let name = match given.as_deref().unwrap_or(usual) {
        "docker" => "docker_model_runner",
        // A server of one's own that speaks OpenAI's dialect.
        "openai" if variable == "LOCAL_PROVIDER" => "llama_server",
        other => other,
    };
    providers::find(name).ok_or_else(|| {
        Failure::input(format!("{variable} is {name:?}, which is no client type"))
            .hint("`minions providers` lists them; docker and openai are the original's own")
    })
}

fn number<T: std::str::FromStr>(
    get: &impl Fn(&str) -> Option<String>,
    variable: &str,
) -> Result<Option<T>, Failure> {
    let Some(text) = get(variable) else { return Ok(None) };
    let read = text.trim().parse().map(Some);
    read.map_err(|_| Failure::input(format!("{variable} must be a number, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_variables_of_the_original_s_compose_file_are_read() {
        let mut environment = environment(&[
            ("REMOTE_MODEL_NAME", "gpt-4o-mini"),
            ("LOCAL_MODEL_NAME", "ai/smollm2"),
            ("LOCAL_BASE_URL", "http://model-runner.docker.internal/engines/llama.cpp/v1"),
            ("REMOTE_BASE_URL", "http://127.0.0.1:9/v1"),
            ("MAX_ROUNDS", "3"),
            ("MAX_JOBS_PER_ROUND", "15"),
            ("TIMEOUT", "60"),
            ("USE_RETRIEVAL", "false"),
            ("CHUNKING_FUNCTION", "chunk_by_page"),
            ("HOST", "0.0.0.0"),
            ("PORT", "5000"),
            ("LOG_DIR", "/logs"),
            ("PRODUCTION", "true"),
        ]);
        let read = read(&mut environment).unwrap();
        assert_eq!(
            read.config.local,
            Some(json!({"type": "docker_model_runner", "model_name": "ai/smollm2"}))
        );
        assert_eq!(read.config.remote, Some(json!({"type": "openai", "model_name": "gpt-4o-mini"})));
        let params = json!({"max_rounds": 3, "max_jobs_per_round": 15, "chunk_fn": "chunk_by_page", "use_retrieval": null});
        assert_eq!((json!(read.config.params), read.config.timeout), (params, Some(60)));
        assert_eq!(
            (read.host.as_deref(), read.port, read.log_dir.as_deref()),
            (Some("0.0.0.0"), Some(5000), Some("/logs"))
        );
        assert_eq!(read.notes.len(), 1, "{:?}", read.notes);
        assert_eq!(environment.get("OPENAI_BASE_URL"), Some("http://127.0.0.1:9/v1"));
        assert!(environment.get("MODEL_RUNNER_HOST").is_some());
    }

    #[test]
    fn usual_names_alone_are_not_the_original_s() {
        let read = |variables: &[(&str, &str)]| read(&mut environment(variables));
        let alone =
            read(&[("HOST", "0.0.0.0"), ("DEBUG", "1"), ("MAX_ROUNDS", "x"), ("PORT", "80")]).unwrap();
        assert_eq!(alone, OriginalEnvironment { port: Some(80), ..OriginalEnvironment::default() });
        for (variables, complaint) in [
            (&[("PORT", "http")][..], "PORT must be a number"),
            (&[("LOCAL_MODEL_NAME", "a"), ("MAX_ROUNDS", "x")], "MAX_ROUNDS must be a number"),
            (&[("LOCAL_PROVIDER", "acme")], "LOCAL_PROVIDER is \"acme\""),
        ] {
            assert!(read(variables).unwrap_err().message.contains(complaint));
        }
    }
}

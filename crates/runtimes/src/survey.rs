//! What answers at the address of a model server, and which models it has. Nothing is started, fetched or loaded.

use std::time::Duration;

use minions_chat::providers::{Provider, RuntimeKind};
use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::memory;
use minions_machine::plan::Wish;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::api::{Answer, Api};
use super::ollama::{self, Name};
use super::sizing::{self, Memory};
use super::{RuntimeError, RuntimeErrorKind, docker_model_runner, window};

/// The slots of a server that minions sizes, at most.
const SLOTS: usize = 4;
/// Who a server of OpenAI's dialect says that it is in its list of models (`owned_by`), and the client type for it.
const OWNERS: [(&str, &str); 5] = [
    ("llamacpp", "llama_server"),
    ("vllm", "vllm"),
    ("sglang", "sglang"),
    ("lemonade", "lemonade"),
    ("organization_owner", "lm_studio"),
];

/// What answers at an address.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// A model server.
    Server(Surveyed),
    /// Something else: what, in words.
    Other(String),
    /// Nothing: why, in words.
    Nothing(String),
}

/// A model server and its models.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surveyed {
    /// Its version, if it tells.
    pub version: Option<String>,
    /// The client type that it says it is; `None` if it does not tell.
    pub client_type: Option<&'static str>,
    /// What it has.
    pub models: Vec<Installed>,
}

/// A model that a server has.
#[derive(Clone, Debug, PartialEq)]
pub struct Installed {
    /// As calls name it.
    pub name: String,
    /// Bytes of its files, if that is told.
    pub bytes: Option<u64>,
}

impl Surveyed {
    /// Whether the server has `model`.
    pub fn has(&self, provider: &Provider, model: &str) -> bool {
        self.find(provider, model).is_some()
    }

    /// The server's `model`, by the rules of `provider` for names. A server with one model has it under any name where the
    /// provider calls it `default`.
    pub fn find(&self, provider: &Provider, model: &str) -> Option<&Installed> {
        let is_any = model == "default" && provider.model == "default";
        let is_it = |there: &&Installed| match provider.runtime {
            RuntimeKind::Ollama => {
                let (there, wanted) = (Name::parse(&there.name), Name::parse(model));
                there.is_ok() && there == wanted
            }
            RuntimeKind::DockerModelRunner => {
                docker_model_runner::bare(&there.name).eq_ignore_ascii_case(docker_model_runner::bare(model))
            }
            RuntimeKind::Embedded | RuntimeKind::Foreign => there.name == model,
        };
        self.models.iter().find(|there| is_any || is_it(there))
    }
}

/// Asks what answers at `base_url`, within `limit`, with the `headers` of credentials.
pub async fn survey(
    provider: &'static Provider,
    base_url: &str,
    headers: HeaderMap,
    limit: Duration,
) -> Answers {
    let ask = async {
        match provider.runtime {
            RuntimeKind::Ollama => of_ollama(Api::new("Ollama", base_url)?, provider, headers, limit).await,
            RuntimeKind::DockerModelRunner => {
                let root = docker_model_runner::base_url(base_url)
                    .map_err(|problem| RuntimeError::new(RuntimeErrorKind::Rejected, problem))?;
                of_model_runner(Api::new("Docker Model Runner", &root)?, provider, headers, limit).await
            }
            RuntimeKind::Embedded | RuntimeKind::Foreign => {
                let api = Api::new(provider.name, &provider.api_root(base_url))?;
                of_openai(&api.with_headers(Some(provider), headers), limit).await
            }
        }
    };
    match ask.await {
        Ok(answers) => answers,
        Err(error) if error.kind == RuntimeErrorKind::Unreachable => Answers::Nothing(error.message),
        Err(error) => Answers::Other(error.message),
    }
}

async fn of_ollama(
    api: Api,
    provider: &'static Provider,
    headers: HeaderMap,
    limit: Duration,
) -> Result<Answers, RuntimeError> {
    let api = api.with_headers(Some(provider), headers);
    let answer = api.get("/api/version", limit).await?;
    let Some(version) = answer.json()["version"].as_str().map(str::to_owned) else {
        return Ok(Answers::Other(api.refused("is no Ollama server", &answer).message));
    };
    if version == ollama::MODEL_RUNNER_VERSION {
        return Ok(Answers::Other(format!("{} is Docker Model Runner's imitation", api.place)));
    }
    let listed = api.get("/api/tags", limit).await?.json();
    let models = list(&listed["models"], |model| {
        Some(Installed { name: model["name"].as_str()?.to_owned(), bytes: model["size"].as_u64() })
    });
    Ok(Answers::Server(Surveyed { version: Some(version), client_type: Some(provider.name), models }))
}

async fn of_model_runner(
    api: Api,
    provider: &'static Provider,
    headers: HeaderMap,
    limit: Duration,
) -> Result<Answers, RuntimeError> {
    let api = api.with_headers(Some(provider), headers);
    docker_model_runner::look(&api, limit).await?;
    let listed = api.get("/models", limit).await?.json();
    let models = list(&listed, |model| {
        let name = model["tags"][0].as_str().or(model["id"].as_str())?;
        let bytes = docker_model_runner::bytes(&model["config"]["size"]);
        Some(Installed { name: name.to_owned(), bytes })
    });
    Ok(Answers::Server(Surveyed { version: None, client_type: Some(provider.name), models }))
}

async fn of_openai(api: &Api, limit: Duration) -> Result<Answers, RuntimeError> {
    let answer = api.get("/models", limit).await?;
    let listed = answer.json();
    if answer.status != StatusCode::OK || !listed["data"].is_array() {
        return Ok(Answers::Other(no_list(api, &answer)));
    }
    let owner = listed["data"][0]["owned_by"].as_str().unwrap_or_default();
    let known = OWNERS.iter().find(|(name, _)| *name == owner);
    let models = list(&listed["data"], |model| {
        Some(Installed { name: model["id"].as_str()?.to_owned(), bytes: None })
    });
    Ok(Answers::Server(Surveyed { version: None, client_type: known.map(|(_, name)| *name), models }))
}

fn no_list(api: &Api, answer: &Answer) -> String {
    format!("{} has no list of models (HTTP {})", api.place, answer.status.as_u16())
}

fn list(models: &Value, read: impl Fn(&Value) -> Option<Installed>) -> Vec<Installed> {
    // Nobody can type a name that has control characters, and it does things to terminals.
    let is_name = |model: &Installed| !model.name.contains(char::is_control);
    models.as_array().into_iter().flatten().filter_map(read).filter(is_name).collect()
}

/// What the model of an Ollama takes of the memory, if it tells.
pub async fn footprint_at_ollama(
    base_url: &str,
    headers: HeaderMap,
    model: &Installed,
    limit: Duration,
) -> Option<Footprint> {
    let api = Api::new("Ollama", base_url).ok()?.with_headers(None, headers);
    let shown = api.post("/api/show", &json!({"model": model.name}), limit).await.ok()?;
    sizing::footprint(&shown.json()["model_info"], model.bytes?, CacheType::F16)
}

/// Slots and window that minions would choose for a model of this footprint on this machine, and why, in words; `None`
/// where the memory is not known.
///
/// # Errors
/// Not even the least fits.
pub async fn forecast(model: &str, footprint: &Footprint) -> Option<Result<String, RuntimeError>> {
    let memory = Memory::with(memory::free()?).await;
    let wish = Wish { window: window::DEFAULT, least_window: window::LEAST, slots: SLOTS, least_slots: 1 };
    let plan = sizing::choose(model, footprint, wish, &memory).transpose()?;
    Some(
        plan.map(|plan| format!("{model}: {}; {}", footprint.words(plan.window, plan.slots), memory.words())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use minions_chat::providers::find;

    #[test]
    fn a_model_is_there_by_its_servers_rules_for_names() {
        let server = |names: &[&str]| Surveyed {
            models: names.iter().map(|name| Installed { name: (*name).to_owned(), bytes: None }).collect(),
            ..Surveyed::default()
        };
        for (provider, there, model, expected) in [
            ("ollama", &["llama3.2:latest"][..], "llama3.2", true),
            ("ollama", &["llama3.2:3b"], "llama3.2", false),
            ("ollama", &["hf.co/O/M:Q4"], "hf.co/o/m:q4", true),
            ("docker_model_runner", &["ai/smollm2:latest"], "smollm2", true),
            ("docker_model_runner", &["docker.io/ai/smollm2:360M"], "ai/smollm2", false),
            ("vllm", &["org/m"], "org/m", true),
            ("vllm", &["org/m"], "default", false),
            ("llama_server", &["/srv/m.gguf"], "default", true),
            ("llama_server", &[], "default", false),
        ] {
            assert_eq!(server(there).has(find(provider).unwrap(), model), expected, "{provider} {model}");
        }
    }
}

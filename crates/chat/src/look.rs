//! Looks at a server before the first call that costs: whether it answers, takes the credential and has the model.
//!
//! A server's list of models is asked for (OpenAI API reference, List models; Anthropic docs, List Models), which no
//! vendor charges for. What a server does not tell is no failure: many have no such list, or leave models out of it. A
//! list alone refuses nothing either: where it speaks against the model, a call of one token decides.

use std::time::Duration;

use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::timeout;

use super::http_client::HttpClient;
use super::retry::Costs;
use super::{ChatError, ChatErrorKind as Kind, ChatRequest, Seen, Usage};
use crate::http;

/// The longest list of models that is read, in bytes.
const LONGEST_LIST: usize = 8 << 20;
/// The most models that an error names.
const NAMED: usize = 10;
/// How long a list may take. It is of use, but no call needs it.
const LIST_LIMIT: Duration = Duration::from_secs(5);
/// The same in foreign networks, where silence before a connection is the only sign of a server that is down.
const FOREIGN_LIST_LIMIT: Duration = http::CONNECT_TIMEOUT.saturating_add(Duration::from_secs(2));
/// Where lists have the tokens of prompt and reply that a model takes: LM Studio, vLLM and SGLang, OpenRouter and
/// Together, Groq, Mistral, Novita, Anthropic, llama.cpp.
const WINDOW_KEYS: [&str; 9] = [
    "loaded_context_length",
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_context_window_tokens",
    "context_size",
    "max_input_tokens",
    "n_ctx",
];
/// The objects of a model that may have them instead: llama.cpp, OpenRouter, GitHub Models and Copilot.
const WINDOW_PLACES: [&str; 4] = ["/meta", "/top_provider", "/limits", "/capabilities/limits"];
/// A shorter window is none: no instructions fit.
const SHORTEST_WINDOW: f64 = 128.0;

impl Costs for Seen {
    fn add(&mut self, _: Usage, _: bool) {}
}

/// What a list says of the model.
enum Told {
    /// It has the model, or tells nothing.
    Seen(Seen),
    /// The model is not among these.
    Missing(Vec<Listed>),
    /// It is refused, or the server fails or is silent.
    Refused,
}

impl HttpClient {
    /// Looks at the server once; see [`ChatClient::look`](super::ChatClient::look).
    pub(super) async fn look_once(&self) -> Result<Seen, ChatError> {
        let is_ours = self.is_ours();
        let limit = if is_ours { LIST_LIMIT } else { FOREIGN_LIST_LIMIT };
        let told = match timeout(limit.min(self.endpoint.settings.timeout), self.told()).await {
            Ok(told) => told?,
            Err(_) => Told::Refused,
        };
        match told {
            Told::Seen(seen) => Ok(seen),
            Told::Missing(_) | Told::Refused if !is_ours => Ok(Seen { is_in_doubt: true, ..Seen::default() }),
            Told::Missing(models) => match self.ask().await {
                Ok(()) => {
                    Ok(Seen { window: meant(&models, &self.endpoint.settings.model), ..Seen::default() })
                }
                Err(error) => Err(with_names(error, &models)),
            },
            Told::Refused => self.ask().await.map(|()| Seen::default()),
        }
    }

    /// The list of a server of a private network, if that list lacks the model.
    pub(super) async fn list_without_model(&self) -> Option<Vec<Listed>> {
        match timeout(LIST_LIMIT, self.told()).await {
            Ok(Ok(Told::Missing(models))) if self.is_ours() => Some(models),
            _ => None,
        }
    }

    /// Whether the server is of a private network, where a call costs nothing and leaves nothing.
    fn is_ours(&self) -> bool {
        http::is_private(&self.endpoint.settings.base_url)
    }

    /// Asks for the list.
    async fn told(&self) -> Result<Told, ChatError> {
        let url = self.list_url();
        let response = match self.get(url.clone()).await {
            Ok(response) => response,
            Err(error) if error.kind == Kind::Unreachable => return Err(error),
            Err(_) => return Ok(Told::Refused),
        };
        if !response.status().is_success() {
            return self.refusal(response).await;
        }
        let Some(list) = list(response).await else { return Ok(Told::Seen(Seen::default())) };
        let models = models(&list);
        if self.is_key_refused(url, &models).await {
            return Ok(Told::Refused);
        }
        let model = &self.endpoint.settings.model;
        Ok(match models.iter().find(|listed| listed.is(model)) {
            Some(listed) => {
                let window = listed.window.or_else(|| listed.base_window(&models));
                Told::Seen(Seen { window, ..Seen::default() })
            }
            None if models.is_empty() => Told::Seen(Seen::default()),
            None => Told::Missing(models),
        })
    }

    /// The URL of the list of models.
    fn list_url(&self) -> Url {
        let mut url = self.endpoint.url.clone();
        let path = url.path();
        let path = path.strip_suffix(self.dialect.path()).unwrap_or(path).to_owned() + "/models";
        url.set_path(&path);
        url
    }

    async fn get(&self, url: Url) -> Result<Response, ChatError> {
        let call = self.http.get(url).headers(self.headers.clone()).send();
        call.await.map_err(|error| self.endpoint.unreachable(&error))
    }

    /// What an answer that is no list tells: the server loads its model or is down, or does not take the credential.
    /// Others only have no such list, or do not show it to this credential.
    ///
    /// # Errors
    /// The server loads its model.
    async fn refusal(&self, response: Response) -> Result<Told, ChatError> {
        let status = response.status();
        if status == StatusCode::NOT_IMPLEMENTED || status == StatusCode::HTTP_VERSION_NOT_SUPPORTED {
            return Ok(Told::Seen(Seen::default()));
        }
        let error = self.endpoint.refused(response).await;
        if error.kind == Kind::Loading {
            return Err(error);
        }
        let says = error.message.to_lowercase();
        // A key may be good for calls and not for lists.
        let is_of_the_list =
            status == StatusCode::FORBIDDEN && ["scope", "permission"].iter().any(|sign| says.contains(sign));
        let is_refused =
            matches!(error.kind, Kind::Auth | Kind::Forbidden) || status == StatusCode::PAYMENT_REQUIRED;
        let is_doubtful = status == StatusCode::NOT_FOUND && self.has_no_route().await;
        Ok(if status.is_server_error() || is_refused && !is_of_the_list || is_doubtful {
            Told::Refused
        } else {
            Told::Seen(Seen::default())
        })
    }

    /// Whether the route of conversation turns is not found either, as where the base URL is wrong. Some servers say so
    /// of each route that is not asked by POST.
    async fn has_no_route(&self) -> bool {
        let answer = self.get(self.endpoint.url.clone()).await;
        answer.is_ok_and(|response| response.status() == StatusCode::NOT_FOUND)
    }

    /// llama.cpp's server shows its list without a key; its properties need one (its `tools/server/README.md`).
    async fn is_key_refused(&self, mut url: Url, models: &[Listed]) -> bool {
        if !models.iter().any(|listed| listed.owner == "llamacpp") {
            return false;
        }
        let root = url.path().trim_end_matches("/models").trim_end_matches("/v1").to_owned();
        url.set_path(&(root + "/props"));
        self.get(url).await.is_ok_and(|response| response.status() == StatusCode::UNAUTHORIZED)
    }

    /// Asks the model for one token. Only the errors that each call would have are errors.
    async fn ask(&self) -> Result<(), ChatError> {
        match self.turn(&ChatRequest::ping()).await {
            Err(error) if error.kind.is_of_every_call() => Err(error),
            _ => Ok(()),
        }
    }
}

/// `error` with the names of some of the `models` that are there.
pub(super) fn with_names(error: ChatError, models: &[Listed]) -> ChatError {
    let names: Vec<_> = models.iter().take(NAMED).map(|listed| listed.id.as_str()).collect();
    let more = if models.len() > NAMED { ", ..." } else { "" };
    let message = format!("{}; it lists {}{more}", error.message, names.join(", "));
    ChatError { message, ..error }
}

/// The window of the model that a server means by a name which its list lacks: the one of that file or vendor, or the
/// only one.
fn meant(models: &[Listed], model: &str) -> Option<u32> {
    let same = |listed: &&Listed| tail(&listed.id) == tail(model);
    let only = || models.first().filter(|_| models.len() == 1);
    models.iter().find(same).or_else(only)?.window
}

/// A model's name without the folder or vendor before it, the ending of its file, and the tag of the newest one.
fn tail(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let name = name.strip_suffix(":latest").unwrap_or(&name);
    name.strip_suffix(".gguf").unwrap_or(name).to_owned()
}

/// A model of a server's list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listed {
    id: String,
    /// Other names of it (Mistral).
    aliases: Vec<String>,
    owner: String,
    window: Option<u32>,
    /// The model that an adapter belongs to (vLLM).
    parent: String,
}

impl Listed {
    /// Whether this is the model of that name; a name without a tag is the newest one.
    fn is(&self, model: &str) -> bool {
        let bare = |name: &str| name.trim_end_matches(":latest").trim_start_matches("models/").to_lowercase();
        [&self.id].into_iter().chain(&self.aliases).any(|name| bare(name) == bare(model))
    }

    /// The window of an adapter's model.
    fn base_window(&self, models: &[Self]) -> Option<u32> {
        models.iter().find(|other| !self.parent.is_empty() && other.id == self.parent)?.window
    }
}

/// The answer as JSON; `None` if it is none, or breaks off.
async fn list(mut response: Response) -> Option<Value> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST_LIST {
            return None;
        }
    }
    serde_json::from_slice(&body).ok()
}

/// The models of a list: `{"data": [{"id": ...}]}`, `{"models": [...]}`, or the array alone.
fn models(list: &Value) -> Vec<Listed> {
    let array = [&list["data"], &list["models"], list].into_iter().find_map(Value::as_array);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = |model: &Value| {
        let id = ["id", "name", "model"].iter().find_map(|key| model[key].as_str())?;
        let aliases = model["aliases"].as_array().into_iter().flatten().map(text);
        Some(Listed {
            id: id.to_owned(),
            aliases: aliases.filter(|alias| !alias.is_empty()).collect(),
            owner: text(&model["owned_by"]),
            window: window(model),
            parent: text(&model["parent"]),
        })
    };
    array.into_iter().flatten().filter_map(listed).collect()
}

/// The window that a list has for `model`.
fn window(model: &Value) -> Option<u32> {
    let places = WINDOW_PLACES.iter().filter_map(|place| model.pointer(place));
    let tokens = |value: &Value| {
        let tokens = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())?;
        (SHORTEST_WINDOW..=f64::from(u32::MAX)).contains(&tokens).then_some(tokens as u32)
    };
    [model].into_iter().chain(places).find_map(|place| WINDOW_KEYS.iter().find_map(|key| tokens(&place[key])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn named(id: &str, window: Option<u32>) -> Listed {
        Listed { id: id.into(), window, ..Listed::default() }
    }

    #[test]
    fn lists_are_read_in_every_shape() {
        for (list, expected) in [
            (
                json!({"object": "list", "data": [{"id": "q", "owned_by": "vllm", "max_model_len": 4096}]}),
                vec![Listed { owner: "vllm".into(), ..named("q", Some(4096)) }],
            ),
            (
                json!([{"id": "a", "context_length": 131_072}, {"id": "b"}]),
                vec![named("a", Some(131_072)), named("b", None)],
            ),
            (json!({"models": [{"name": "c"}]}), vec![named("c", None)]),
            (json!({"data": [{"id": "d", "context_window": 0}]}), vec![named("d", None)]),
            (json!({"data": [{"id": "e", "context_length": "32768"}]}), vec![named("e", Some(32768))]),
            (json!({"data": [{"id": "f", "meta": {"n_ctx": 8192.0}}]}), vec![named("f", Some(8192))]),
            (
                json!({"data": [{"id": "g", "max_context_length": 131_072, "loaded_context_length": 4096}]}),
                vec![named("g", Some(4096))],
            ),
            (
                json!({"data": [{"id": "h", "capabilities": {"limits": {"max_context_window_tokens": 64_000}}}]}),
                vec![named("h", Some(64_000))],
            ),
            (
                json!({"data": [{"id": "i", "parent": "q", "max_model_len": null, "aliases": ["i-latest", 3]}]}),
                vec![Listed { aliases: vec!["i-latest".into()], parent: "q".into(), ..named("i", None) }],
            ),
            (json!({"data": [7, null, {"id": 3}, {"id": "j", "meta": "none"}]}), vec![named("j", None)]),
            (json!({"error": "no"}), vec![]),
            (json!("ok"), vec![]),
        ] {
            assert_eq!(models(&list), expected, "{list}");
        }
    }

    #[test]
    fn a_model_is_found_by_each_of_its_names() {
        let model = Listed { aliases: vec!["gem".into()], ..named("models/Gemini:latest", None) };
        assert!(["gemini", "Gemini", "GEM", "models/gemini"].iter().all(|name| model.is(name)));
        assert!(!model.is("gemini-2") && !model.is("google/gemini"));
    }

    #[test]
    fn a_name_that_the_list_lacks_means_its_file_or_the_only_model() {
        let list = [named("/models/qwen3-4b.gguf", Some(4096)), named("openai/gpt-oss", Some(8192))];
        for (model, window) in
            [("Qwen3-4B", Some(4096)), ("vendor/gpt-oss:latest", Some(8192)), ("other", None)]
        {
            assert_eq!(meant(&list, model), window, "{model}");
        }
        assert_eq!(meant(&list[..1], "default"), Some(4096));
        let adapter = Listed { parent: "openai/gpt-oss".into(), ..named("sql-lora", None) };
        assert_eq!((adapter.base_window(&list), list[0].base_window(&list)), (Some(8192), None));
    }
}

//! Looks at a server before the first call that costs: whether it answers, takes the credential and has the model.
//!
//! A server's list of models is asked for (OpenAI API reference, List models; Anthropic docs, List Models), which no
//! vendor charges for. What a server does not tell is no failure: many have no such list, or leave models out of it.

use reqwest::{Response, StatusCode, Url};
use serde_json::Value;
use tokio::time::timeout;

use super::http_client::HttpClient;
use super::retry::Costs;
use super::{ChatClient, ChatError, ChatErrorKind as Kind, ChatRequest, Message, Seen, Usage};
use crate::http;

/// The longest list of models that is read, in bytes.
const LONGEST_LIST: usize = 8 << 20;
/// The most models that an error names.
const NAMED: usize = 10;
/// Where lists have the tokens of prompt and reply that a model takes: vLLM and SGLang, OpenRouter and Together, Groq,
/// Mistral and LM Studio, Anthropic.
const WINDOW_KEYS: [&str; 5] =
    ["max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens"];

impl Costs for Seen {
    fn add(&mut self, _: Usage, _: bool) {}
}

impl HttpClient {
    /// Looks at the server once; see [`ChatClient::look`].
    pub(super) async fn look_once(&self) -> Result<Seen, ChatError> {
        let url = self.list_url();
        let response = self.get(url.clone()).await?;
        if !response.status().is_success() {
            return match self.refusal(response).await {
                Some(error) => Err(error),
                None => Ok(Seen::default()),
            };
        }
        let Some(list) = list(response).await else { return Ok(Seen::default()) };
        let models = models(&list);
        self.check_key(url, &models).await?;
        let model = &self.endpoint.settings.model;
        match models.iter().find(|listed| listed.is(model)) {
            Some(listed) => Ok(Seen { window: listed.window }),
            None if models.is_empty() || !self.is_ours() => Ok(Seen::default()),
            None => self.ask_for(&models).await.map(|()| Seen::default()),
        }
    }

    /// The URL of the list of models.
    fn list_url(&self) -> Url {
        let mut url = self.endpoint.url.clone();
        let path = url.path();
        let path = path.strip_suffix(self.dialect.path()).unwrap_or(path).to_owned() + "/models";
        url.set_path(&path);
        url
    }

    /// Whether the server is of a private network, where a call costs nothing.
    fn is_ours(&self) -> bool {
        self.endpoint.provider.local || http::is_private(&self.endpoint.settings.base_url)
    }

    async fn get(&self, url: Url) -> Result<Response, ChatError> {
        let call = self.http.get(url).headers(self.headers.clone()).send();
        match timeout(self.endpoint.settings.timeout, call).await {
            Err(_) => Err(self.endpoint.silent()),
            Ok(Err(error)) => Err(self.endpoint.unreachable(&error)),
            Ok(Ok(response)) => Ok(response),
        }
    }

    /// The error of an answer that tells how every call would end: the server is down, or does not take the credential.
    /// `None` for one that only has no such list, or does not show it to this credential.
    async fn refusal(&self, response: Response) -> Option<ChatError> {
        let status = response.status();
        if status == StatusCode::NOT_IMPLEMENTED || status == StatusCode::HTTP_VERSION_NOT_SUPPORTED {
            return None;
        }
        let error = self.endpoint.refused(response).await;
        let says = error.message.to_lowercase();
        // A key may be good for calls and not for lists.
        let is_of_the_list =
            status == StatusCode::FORBIDDEN && ["scope", "permission"].iter().any(|sign| says.contains(sign));
        let is_refused =
            matches!(error.kind, Kind::Auth | Kind::Forbidden) || status == StatusCode::PAYMENT_REQUIRED;
        (status.is_server_error() || is_refused && !is_of_the_list).then_some(error)
    }

    /// llama.cpp's server shows its list without a key; its properties need one (its `tools/server/README.md`).
    async fn check_key(&self, mut url: Url, models: &[Listed]) -> Result<(), ChatError> {
        if !models.iter().any(|listed| listed.owner == "llamacpp") {
            return Ok(());
        }
        let root = url.path().trim_end_matches("/models").trim_end_matches("/v1").to_owned();
        url.set_path(&(root + "/props"));
        let response = self.get(url).await?;
        match response.status() {
            StatusCode::UNAUTHORIZED => Err(self.endpoint.refused(response).await),
            _ => Ok(()),
        }
    }

    /// Asks the model for one token, as the list of the server lacks it.
    async fn ask_for(&self, models: &[Listed]) -> Result<(), ChatError> {
        let mut client = self.clone();
        client.endpoint.settings.generation.max_tokens = Some(1);
        client.endpoint.settings.retries = 0;
        let request = ChatRequest { messages: vec![Message::user("Hello")], ..ChatRequest::default() };
        match client.chat(&request).await {
            Err(error)
                if matches!(
                    error.kind,
                    Kind::Auth | Kind::Forbidden | Kind::NotFound | Kind::Unreachable
                ) =>
            {
                let names: Vec<_> = models.iter().take(NAMED).map(|listed| listed.id.as_str()).collect();
                let more = if models.len() > NAMED { ", ..." } else { "" };
                let message = format!("{}; it lists {}{more}", error.message, names.join(", "));
                Err(ChatError { message, ..error })
            }
            _ => Ok(()),
        }
    }
}

/// A model of a server's list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Listed {
    id: String,
    owner: String,
    window: Option<u32>,
}

impl Listed {
    /// Whether this is the model of that name; a name without a tag is the newest one.
    fn is(&self, model: &str) -> bool {
        let bare = |name: &str| name.trim_end_matches(":latest").trim_start_matches("models/").to_lowercase();
        bare(&self.id) == bare(model)
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
    let listed = |model: &Value| {
        let id = ["id", "name", "model"].iter().find_map(|key| model[key].as_str())?;
        let window = WINDOW_KEYS.iter().find_map(|key| model[key].as_u64()).filter(|&tokens| tokens > 0);
        Some(Listed {
            id: id.to_owned(),
            owner: model["owned_by"].as_str().unwrap_or_default().to_owned(),
            window: window.and_then(|tokens| u32::try_from(tokens).ok()),
        })
    };
    array.into_iter().flatten().filter_map(listed).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_read_in_every_shape() {
        let listed = |id: &str, owner: &str, window| Listed { id: id.into(), owner: owner.into(), window };
        for (list, expected) in [
            (
                json!({"object": "list", "data": [{"id": "q", "owned_by": "vllm", "max_model_len": 4096}]}),
                vec![listed("q", "vllm", Some(4096))],
            ),
            (
                json!([{"id": "a", "context_length": 131_072}, {"id": "b"}]),
                vec![listed("a", "", Some(131_072)), listed("b", "", None)],
            ),
            (json!({"models": [{"name": "c"}]}), vec![listed("c", "", None)]),
            (json!({"data": [{"id": "d", "context_window": 0}]}), vec![listed("d", "", None)]),
            (json!({"error": "no"}), vec![]),
            (json!("ok"), vec![]),
        ] {
            assert_eq!(models(&list), expected, "{list}");
        }
        let model = listed("models/Gemini:latest", "", None);
        assert!(model.is("gemini") && !model.is("gemini-2"));
    }
}

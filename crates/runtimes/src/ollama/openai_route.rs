//! An Ollama daemon that is used through its routes in OpenAI's dialect.
//!
//! These have no way to ask for a context window. A call gets the window of the model's package or of the daemon, and of a
//! prompt that is longer, half of the window is kept, in silence (Ollama's `openai/openai.go` and `server/prompt.go`).

use std::time::Duration;

use minions_chat::providers::find;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde_json::json;

use super::{Name, Ollama, forwards, packaged, trained};
use crate::{ModelUse, RuntimeError, Timeouts};

/// How long the daemon may take to say that it is one.
const LIMIT: Duration = Duration::from_secs(5);

/// A daemon behind an address of OpenAI's dialect.
pub struct OpenAiRoute {
    daemon: Ollama,
}

/// What calls in OpenAI's dialect get of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Served {
    /// Tokens of prompt and reply, if that was found out.
    pub window: Option<u32>,
    /// Whether the daemon passes prompts on to Ollama's own machines.
    pub forwards: bool,
}

impl OpenAiRoute {
    /// The daemon behind `base_url`, asked with the `headers` of credentials; `None` if another server is there.
    pub async fn at(base_url: &str, headers: &HeaderMap) -> Option<Self> {
        let root = find("ollama")?.read_address(base_url).ok()?.base_url;
        let timeouts = Timeouts { answer: LIMIT, ..Timeouts::default() };
        let daemon = Ollama::new(&root, None, timeouts).ok()?.with_headers(headers.clone());
        daemon.look().await.ok().map(|()| Self { daemon })
    }

    /// The daemon's own address.
    pub fn daemon_url(&self) -> &str {
        self.daemon.api.base_url()
    }

    /// What calls get of `model`. If the window matters (`needs_window`) and the model's package does not set one, the
    /// model is loaded as those calls load it, as only then the daemon tells.
    pub async fn served(&self, model: &str, needs_window: bool) -> Served {
        let (Ok(name), Ok(Some(shown))) = (Name::parse(model), self.daemon.show(model).await) else {
            return Served::default();
        };
        let longest = trained(&shown).unwrap_or(u32::MAX);
        let forwards = forwards(&name, &shown);
        let window = match packaged(&shown) {
            Some(window) => Some(window.min(longest)),
            None if needs_window && !forwards => self.loaded_by_default(model, &name).await,
            None => None,
        };
        Served { window, forwards }
    }

    /// The window with which the model is loaded where a call names none.
    async fn loaded_by_default(&self, model: &str, name: &Name) -> Option<u32> {
        let load = json!({"model": model, "messages": [], "stream": false});
        let answer = self.daemon.api.post("/api/chat", &load, Timeouts::default().load).await.ok()?;
        if answer.status != StatusCode::OK { None } else { self.daemon.loaded(name).await }
    }

    /// Refuses a model that is there and does not embed.
    ///
    /// # Errors
    /// The model does not embed.
    pub async fn check_embedding(&self, model: &str) -> Result<(), RuntimeError> {
        self.daemon.check(model, ModelUse::Embed).await
    }
}

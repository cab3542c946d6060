//! The names of the engine in a build without it: everything that would make an engine gives the same error.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{EngineSettings, Sampling, Stats, failed};
use minions_chat::{ChatClient, ChatError, ChatReply, ChatRequest, EgressGate, Message};

fn absent() -> ChatError {
    failed(
        "this build has no embedded engine, so the client `llama_cpp` cannot run".to_owned(),
        "build it with `cargo build --release --features embedded` (scripts/quickstart.sh does), or use another client",
    )
}

/// Whether this build has the embedded engine: it has none.
///
/// # Errors
/// Always; the hint says how to build the engine.
pub fn check_built() -> Result<(), ChatError> {
    Err(absent())
}

/// Stands in for the engine; there is no value of it.
#[derive(Clone, Debug)]
pub struct Engine(Infallible);

impl Engine {
    /// Stands in for loading an engine: this build has none.
    ///
    /// # Errors
    /// Always; the hint says how to build the engine.
    pub async fn load(_settings: EngineSettings) -> Result<Self, ChatError> {
        Err(absent())
    }

    /// See the embedded build.
    pub fn context_window(&self) -> u32 {
        match self.0 {}
    }

    /// See the embedded build.
    ///
    /// # Errors
    /// See the embedded build.
    pub async fn count(&self, _messages: Vec<Message>) -> Result<usize, ChatError> {
        match self.0 {}
    }

    /// See the embedded build.
    pub fn lanes(&self) -> usize {
        match self.0 {}
    }

    /// See the embedded build.
    pub fn stats(&self) -> watch::Receiver<Stats> {
        match self.0 {}
    }

    /// See the embedded build.
    pub fn client(&self, _sampling: Sampling) -> LlamaCpp {
        match self.0 {}
    }
}

/// Stands in for the client; there is no value of it.
#[derive(Clone, Debug)]
pub struct LlamaCpp(Infallible);

#[async_trait]
impl ChatClient for LlamaCpp {
    fn endpoint(&self) -> String {
        match self.0 {}
    }

    fn gated(&self, _gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        match self.0 {}
    }

    async fn chat(&self, _request: &ChatRequest) -> Result<ChatReply, ChatError> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CacheType, Keeping};
    use minions_chat::ChatErrorKind;

    #[tokio::test]
    async fn every_entry_says_how_to_build_the_engine() {
        let settings = EngineSettings {
            model_path: "model.gguf".into(),
            n_ctx: 512,
            lanes: 1,
            n_gpu_layers: None,
            chat_format: None,
            threads: None,
            kv_type: CacheType::F16,
            keeping: Keeping::default(),
        };
        for error in [check_built().unwrap_err(), Engine::load(settings).await.unwrap_err()] {
            assert_eq!(error.kind, ChatErrorKind::Model);
            assert!(error.hint.unwrap().contains("--features embedded"));
        }
    }
}

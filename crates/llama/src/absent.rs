//! The engine's names in a build without it: every entry is the same error.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{EngineSettings, ModelInfo, Sampling, Stats, failed};
use minions_chat::{ChatClient, ChatError, ChatReply, ChatRequest, EgressGate};

fn absent() -> ChatError {
    failed(
        "this build has no embedded engine, so the client `llama_cpp` cannot run".to_owned(),
        "build it with `cargo build --release --features embedded` (scripts/quickstart.sh does), or use another client",
    )
}

/// Fails: this build has no embedded engine.
///
/// # Errors
/// Always.
pub fn inspect(_path: &Path) -> Result<ModelInfo, ChatError> {
    Err(absent())
}

/// Stands in for the engine; there is no value of it.
#[derive(Clone, Debug)]
pub struct Engine(Infallible);

impl Engine {
    /// Fails: this build has no embedded engine.
    ///
    /// # Errors
    /// Always.
    pub async fn load(_settings: EngineSettings) -> Result<Self, ChatError> {
        Err(absent())
    }

    /// See the embedded build.
    pub fn context_window(&self) -> u32 {
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
        };
        for error in
            [inspect(Path::new("model.gguf")).unwrap_err(), Engine::load(settings).await.unwrap_err()]
        {
            assert_eq!(error.kind, ChatErrorKind::Model);
            assert!(error.hint.unwrap().contains("--features embedded"));
        }
    }
}

//! A client of a model that gets fewer slots when its runner is killed for want of memory.

use std::sync::Arc;

use async_trait::async_trait;

use crate::chat::{ChatClient, ChatError, ChatErrorKind, ChatReply, ChatRequest, EgressGate};
use crate::runtimes::{Endpoint, Runtime, RuntimeError};

/// Calls to the model at `endpoint`, which `runtime` runs. What was killed is not asked for again as it was: it is asked
/// once more when the model has fewer slots.
pub(super) struct Shrinking {
    pub client: Arc<dyn ChatClient>,
    pub runtime: Arc<dyn Runtime>,
    pub endpoint: Endpoint,
}

impl Shrinking {
    async fn explained(&self, error: ChatError) -> ChatError {
        let figures = self.runtime.memory(&self.endpoint).await;
        let figures = figures.map_or_else(String::new, |figures| format!(": {figures}"));
        let message = format!("{}; most likely the memory is used up{figures}", error.message);
        ChatError { message, ..error }
    }
}

#[async_trait]
impl ChatClient for Shrinking {
    fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let error = match self.client.chat(request).await {
            Err(error) if error.kind == ChatErrorKind::OutOfMemory => error,
            outcome => return outcome,
        };
        if let Err(RuntimeError { message, .. }) = self.runtime.shrink(&self.endpoint).await {
            tracing::debug!("no fewer slots: {message}");
            return Err(self.explained(error).await);
        }
        tracing::warn!("{error}; the call is made once more, with fewer slots");
        match self.client.chat(request).await {
            Err(again) if again.kind == ChatErrorKind::OutOfMemory => {
                let again = ChatError {
                    usage: {
                        let mut usage = error.usage;
                        usage += again.usage;
                        usage
                    },
                    ..again
                };
                Err(self.explained(again).await)
            }
            outcome => outcome,
        }
    }

    async fn look(&self) -> Result<crate::chat::Seen, ChatError> {
        self.client.look().await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        let (runtime, endpoint) = (Arc::clone(&self.runtime), self.endpoint.clone());
        Arc::new(Self { client: self.client.gated(gate), runtime, endpoint })
    }
}

//! A client whose calls wait for a free slot of the server.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

use crate::chat::{ChatClient, ChatError, ChatReply, ChatRequest, EgressGate};

/// A client that takes a slot for each call. All clients that share the slots have at most as many calls in flight as
/// there are slots.
pub(super) struct ConcurrencyLimited {
    pub client: Arc<dyn ChatClient>,
    pub slots: Arc<Semaphore>,
}

#[async_trait]
impl ChatClient for ConcurrencyLimited {
    fn endpoint(&self) -> String {
        self.client.endpoint()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        // The semaphore is never closed, so this never fails.
        let _slot = self.slots.acquire().await;
        self.client.chat(request).await
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { client: self.client.gated(gate), slots: Arc::clone(&self.slots) })
    }
}

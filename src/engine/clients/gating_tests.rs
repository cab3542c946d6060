//! Every decorator of a client passes the gate on to the client inside it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::Semaphore;

use super::super::concurrency_limited::ConcurrencyLimited;
use super::super::metered::{Metered, Pace, Pacing};
use crate::chat::{
    CallOutcome, ChatClient, ChatError, ChatReply, ChatRequest, EgressGate, Finish, Message, OutboundRequest,
    OutboundText, RetryPolicy, Usage,
};

/// A client that tells its gate of each call.
#[derive(Clone, Default)]
struct Sending(Option<Arc<dyn EgressGate>>);

#[async_trait]
impl ChatClient for Sending {
    fn endpoint(&self) -> String {
        "far away".into()
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        if let Some(gate) = &self.0 {
            let body = OutboundRequest {
                endpoint: self.endpoint(),
                bytes: 1,
                sha256: String::new(),
                other_bytes: None,
            };
            gate.leave(&request.texts(), body).await?;
        }
        Ok(ChatReply {
            text: "yes".into(),
            finish: Finish::Stop,
            usage: Usage::default(),
            refused: false,
            cut: Vec::new(),
            spared: 0,
            times: None,
        })
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self(Some(gate)))
    }
}

/// Notes the texts that leave.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

#[async_trait]
impl EgressGate for Notes {
    async fn leave(&self, texts: &[OutboundText<'_>], _: OutboundRequest) -> Result<usize, ChatError> {
        let mut notes = self.0.lock().unwrap();
        notes.push(texts.iter().map(|text| text.text).collect());
        Ok(notes.len() - 1)
    }

    fn ended(&self, _: usize, _: CallOutcome) {}
}

fn limited(client: Arc<dyn ChatClient>) -> Arc<dyn ChatClient> {
    Arc::new(ConcurrencyLimited { client, slots: Arc::new(Semaphore::new(1)) })
}

fn metered(client: Arc<dyn ChatClient>) -> Arc<dyn ChatClient> {
    Arc::new(Metered {
        client,
        longest_reply: 0,
        policy: RetryPolicy::of(0),
        budgets: Default::default(),
        common: None,
        pace: Arc::new(Pace::new(Pacing::default())),
    })
}

#[tokio::test]
async fn a_decorated_client_reports_to_the_gate() {
    let client: Arc<dyn ChatClient> = Arc::new(Sending::default());
    let decorated = [limited(client.clone()), metered(client.clone()), limited(metered(client))];
    for client in decorated {
        let notes = Arc::new(Notes::default());
        let request = ChatRequest { messages: vec![Message::user("secret")], ..ChatRequest::default() };
        client.gated(Arc::clone(&notes) as _).chat(&request).await.unwrap();
        assert_eq!(*notes.0.lock().unwrap(), ["secret"]);
        client.chat(&request).await.unwrap();
        assert_eq!(notes.0.lock().unwrap().len(), 1, "the client without the gate is another one");
    }
}

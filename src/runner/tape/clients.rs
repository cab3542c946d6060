//! Clients that are recorded, or replayed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Missing, Reel};
use crate::chat::{
    Arrival, ChatClient, ChatError, ChatReply, ChatRequest, Departure, Embedded, Embedder, Gate,
};

/// One side's conversation turns.
pub(in crate::runner) struct Talk {
    /// `supervisor` or `worker`.
    pub side: &'static str,
    pub model: String,
    /// Who is asked in a recording; in a replay nobody is.
    pub client: Option<Arc<dyn ChatClient>>,
    /// What is told of each body that leaves.
    pub gate: Option<Arc<dyn Gate>>,
    pub reel: Arc<Reel>,
    pub missing: Missing,
}

/// A turn as it is written down.
#[derive(Serialize, Deserialize)]
struct Turn {
    /// The bodies that left, with those of failed tries.
    sent: Vec<Sent>,
    reply: Option<ChatReply>,
    error: Option<ChatError>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Sent {
    departure: Departure,
    arrival: Option<Arrival>,
}

/// A gate that writes down what passes.
struct Scribe {
    gate: Arc<dyn Gate>,
    /// With the gate's own numbers.
    sent: Mutex<Vec<(usize, Sent)>>,
}

impl Talk {
    fn request(&self, request: &ChatRequest) -> Value {
        let message = |message: &crate::chat::Message| {
            let mut value = json!({"role": message.role, "content": message.content});
            if !message.images.is_empty() {
                value["images"] = message.images.iter().map(|image| json!(**image)).collect();
            }
            value
        };
        json!({
            "side": self.side,
            "model": self.model,
            "messages": request.messages.iter().map(message).collect::<Vec<_>>(),
            "format": request.format,
            "sample": request.sample,
        })
    }

    async fn record(
        &self,
        client: &Arc<dyn ChatClient>,
        request: &ChatRequest,
    ) -> Result<ChatReply, ChatError> {
        let scribe = self
            .gate
            .as_ref()
            .map(|gate| Arc::new(Scribe { gate: Arc::clone(gate), sent: Mutex::default() }));
        let watched = scribe.as_ref().and_then(|scribe| client.watched(Arc::clone(scribe) as Arc<dyn Gate>));
        let outcome = watched.as_ref().unwrap_or(client).chat(request).await;
        let sent = scribe
            .map_or_else(Vec::new, |scribe| scribe.sent().iter().map(|(_, sent)| sent.clone()).collect());
        let (reply, error) = (outcome.clone().ok(), outcome.clone().err());
        self.reel.write(&self.request(request), json!(Turn { sent, reply, error }));
        outcome
    }

    fn replay(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let answer = self
            .reel
            .read(&self.request(request))
            .and_then(|answer| serde_json::from_value::<Turn>(answer).map_err(|error| error.to_string()));
        let turn = answer.map_err(|problem| {
            let last = request.messages.last().map_or("", |message| &message.content);
            let begins: String = last.chars().take(100).collect();
            self.unheard(format!(
                "a request to the {} was not recorded: {problem}; it begins: {begins:?}",
                self.side
            ))
        })?;
        if let Some(gate) = &self.gate {
            for Sent { departure, arrival } in turn.sent {
                let call = gate.leave(request, departure)?;
                arrival.into_iter().for_each(|arrival| gate.ended(call, arrival));
            }
        }
        match (turn.reply, turn.error) {
            (Some(reply), _) => Ok(reply),
            (None, Some(error)) => Err(error),
            (None, None) => Err(self.unheard(format!("a recorded turn of the {} is empty", self.side))),
        }
    }

    fn unheard(&self, what: String) -> ChatError {
        self.missing.note(what.clone());
        ChatError::withheld(&self.endpoint(), &what, "record the job again")
    }
}

#[async_trait]
impl ChatClient for Talk {
    fn endpoint(&self) -> String {
        self.client.as_ref().map_or_else(|| format!("the recorded {}", self.side), |client| client.endpoint())
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        match &self.client {
            Some(client) => self.record(client, request).await,
            None => self.replay(request),
        }
    }
}

impl Scribe {
    fn sent(&self) -> MutexGuard<'_, Vec<(usize, Sent)>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate for Scribe {
    fn leave(&self, request: &ChatRequest, departure: Departure) -> Result<usize, ChatError> {
        let call = self.gate.leave(request, departure.clone())?;
        self.sent().push((call, Sent { departure, arrival: None }));
        Ok(call)
    }

    fn ended(&self, call: usize, arrival: Arrival) {
        if let Some((_, sent)) = self.sent().iter_mut().find(|(number, _)| *number == call) {
            sent.arrival = Some(arrival.clone());
        }
        self.gate.ended(call, arrival);
    }
}

/// An embedding model.
pub(in crate::runner) struct Embedding {
    pub model: String,
    /// Who is asked in a recording; in a replay nobody is.
    pub embedder: Option<Arc<dyn Embedder>>,
    pub reel: Arc<Reel>,
    pub missing: Missing,
}

#[async_trait]
impl Embedder for Embedding {
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let request = json!({"side": "embedding", "model": self.model, "texts": texts});
        if let Some(embedder) = &self.embedder {
            let outcome = embedder.embed(texts).await;
            let (vectors, error) = (outcome.as_ref().ok(), outcome.as_ref().err());
            self.reel.write(&request, json!({"embedded": vectors, "error": error}));
            return outcome;
        }
        let unheard = |problem: String| {
            let what = format!("texts to embed were not recorded: {problem}");
            self.missing.note(what.clone());
            ChatError::withheld("the recorded embedding model", &what, "record the job again")
        };
        let mut answer = self.reel.read(&request).map_err(unheard)?;
        match serde_json::from_value(answer["error"].take()) {
            Ok(Some(error)) => Err(error),
            _ => {
                serde_json::from_value(answer["embedded"].take()).map_err(|error| unheard(error.to_string()))
            }
        }
    }
}

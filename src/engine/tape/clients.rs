//! Clients that record their exchanges, or replay recorded ones.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::recording::{Exchange, read, write};
use super::{Missing, Recording};
use crate::chat::{
    CallOutcome, ChatClient, ChatError, ChatReply, ChatRequest, EgressGate, Embedded, Embedder,
    OutboundRequest, OutboundText, Usage,
};
use crate::job::JobRole;
use crate::sync::lock;

/// A client of one side that records its turns, or replays recorded ones.
#[derive(Clone)]
pub(in crate::engine) struct RecordedChat {
    pub side: JobRole,
    pub model: String,
    /// The client that is recorded; `None` in a replay.
    pub client: Option<Arc<dyn ChatClient>>,
    /// Whether its server is one of several: then a turn that fails there is taken again at another one.
    pub is_one_of_several: bool,
    /// The gate that is told of each body that leaves.
    pub gate: Option<Arc<dyn EgressGate>>,
    pub recording: Arc<Recording>,
    pub missing: Missing,
}

/// A turn as a tape's file has it.
#[derive(Serialize, Deserialize)]
struct Turn {
    /// The bodies that left, with those of failed tries.
    sent: Vec<Sent>,
    reply: Option<ChatReply>,
    error: Option<ChatError>,
}

/// A call for embeddings as a tape's file has it.
#[derive(Serialize, Deserialize)]
struct Vectors {
    sent: Vec<Sent>,
    embedded: Option<Embedded>,
    error: Option<ChatError>,
}

/// A body that left and how its call ended, in the field names of the tape's files.
#[derive(Clone, Serialize, Deserialize)]
struct Sent {
    #[serde(rename = "departure")]
    request: OutboundRequest,
    #[serde(rename = "arrival")]
    outcome: Option<CallOutcome>,
}

/// A gate that notes each call and passes it on to another gate.
struct Recorder {
    gate: Arc<dyn EgressGate>,
    /// The calls, each with the number that the other gate gave it.
    sent: Mutex<Vec<(usize, Sent)>>,
}

impl RecordedChat {
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
        let exchange = Arc::new(self.recording.begin(self.request(request)));
        let recorder = self.gate.as_ref().map(Recorder::new);
        let outcome = match &recorder {
            Some(recorder) => client.gated(Arc::clone(recorder) as _).chat(request).await,
            None => client.chat(request).await,
        };
        let sent = recorder.map_or_else(Vec::new, |recorder| recorder.all());
        let (reply, error) = (outcome.clone().ok(), outcome.clone().err());
        write(&self.recording, exchange, json!(Turn { sent, reply, error })).await;
        outcome
    }

    async fn replay(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut lost = Usage::default();
        loop {
            let exchange = Arc::new(self.recording.begin(self.request(request)));
            let turn = self.turn(&exchange, request).await?;
            tell(self.gate.as_ref(), &request.texts(), turn.sent).await?;
            match (turn.reply, turn.error) {
                (Some(mut reply), _) => {
                    reply.usage += lost;
                    if let Some(observer) = &request.observer {
                        observer.begin(&self.endpoint());
                        if !reply.text.is_empty() {
                            observer.delta(&reply.text);
                        }
                    }
                    return Ok(reply);
                }
                (None, Some(error)) if self.is_one_of_several && self.recording.has_next(&exchange) => {
                    lost += error.usage;
                }
                (None, Some(mut error)) => {
                    error.usage += lost;
                    return Err(error);
                }
                (None, None) => {
                    return Err(self.not_recorded(format!("a recorded turn of the {} is empty", self.side)));
                }
            }
        }
    }

    async fn turn(&self, exchange: &Arc<Exchange>, request: &ChatRequest) -> Result<Turn, ChatError> {
        let answer = read(&self.recording, exchange)
            .await
            .and_then(|answer| serde_json::from_value::<Turn>(answer).map_err(|error| error.to_string()));
        answer.map_err(|problem| {
            let last = request.messages.last().map_or("", |message| &message.content);
            let begins: String = last.chars().take(100).collect();
            self.not_recorded(format!(
                "a request to the {} was not recorded: {problem}; it begins: {begins:?}",
                self.side
            ))
        })
    }

    fn not_recorded(&self, what: String) -> ChatError {
        self.missing.note(what.clone());
        ChatError::withheld(&self.endpoint(), &what, "record the job again")
    }
}

#[async_trait]
impl ChatClient for RecordedChat {
    fn endpoint(&self) -> String {
        self.client.as_ref().map_or_else(|| format!("the recorded {}", self.side), |client| client.endpoint())
    }

    async fn chat(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        match &self.client {
            Some(client) => self.record(client, request).await,
            None => self.replay(request).await,
        }
    }

    /// The gate is told of the bodies that the client sends, or of those that the recording has.
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { gate: Some(gate), ..self.clone() })
    }
}

/// Tells `gate` of the bodies that were sent during the recording.
async fn tell(
    gate: Option<&Arc<dyn EgressGate>>,
    texts: &[OutboundText<'_>],
    sent: Vec<Sent>,
) -> Result<(), ChatError> {
    let Some(gate) = gate else { return Ok(()) };
    for Sent { request, outcome } in sent {
        let call = gate.leave(texts, request).await?;
        outcome.into_iter().for_each(|outcome| gate.ended(call, outcome));
    }
    Ok(())
}

impl Recorder {
    fn new(gate: &Arc<dyn EgressGate>) -> Arc<Self> {
        Arc::new(Self { gate: Arc::clone(gate), sent: Mutex::default() })
    }

    fn all(&self) -> Vec<Sent> {
        self.sent().iter().map(|(_, sent)| sent.clone()).collect()
    }

    fn sent(&self) -> MutexGuard<'_, Vec<(usize, Sent)>> {
        lock(&self.sent)
    }
}

#[async_trait]
impl EgressGate for Recorder {
    async fn leave(&self, texts: &[OutboundText<'_>], request: OutboundRequest) -> Result<usize, ChatError> {
        let call = self.gate.leave(texts, request.clone()).await?;
        self.sent().push((call, Sent { request, outcome: None }));
        Ok(call)
    }

    fn ended(&self, call: usize, outcome: CallOutcome) {
        if let Some((_, sent)) = self.sent().iter_mut().find(|(number, _)| *number == call) {
            sent.outcome = Some(outcome.clone());
        }
        self.gate.ended(call, outcome);
    }
}

/// An embedding model that is recorded, or replayed.
#[derive(Clone)]
pub(in crate::engine) struct Embedding {
    pub model: String,
    /// The embedder that is recorded; `None` in a replay.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// The gate that is told of each body that leaves.
    pub gate: Option<Arc<dyn EgressGate>>,
    pub recording: Arc<Recording>,
    pub missing: Missing,
}

#[async_trait]
impl Embedder for Embedding {
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let request = json!({"side": JobRole::Embedding, "model": self.model, "texts": texts});
        let exchange = Arc::new(self.recording.begin(request));
        if let Some(embedder) = &self.embedder {
            let recorder = self.gate.as_ref().map(Recorder::new);
            let outcome = match &recorder {
                Some(recorder) => embedder.gated(Arc::clone(recorder) as _).embed(texts).await,
                None => embedder.embed(texts).await,
            };
            let sent = recorder.map_or_else(Vec::new, |recorder| recorder.all());
            let (embedded, error) = (outcome.as_ref().ok().cloned(), outcome.as_ref().err().cloned());
            write(&self.recording, exchange, json!(Vectors { sent, embedded, error })).await;
            return outcome;
        }
        let not_recorded = |problem: String| {
            let what = format!("texts to embed were not recorded: {problem}");
            self.missing.note(what.clone());
            ChatError::withheld("the recorded embedding model", &what, "record the job again")
        };
        let answer = read(&self.recording, &exchange).await.map_err(not_recorded)?;
        let vectors: Vectors =
            serde_json::from_value(answer).map_err(|error| not_recorded(error.to_string()))?;
        let carried: Vec<_> = texts.iter().map(|text| OutboundText { text, own: &[] }).collect();
        tell(self.gate.as_ref(), &carried, vectors.sent).await?;
        match (vectors.embedded, vectors.error) {
            (Some(embedded), _) => Ok(embedded),
            (None, Some(error)) => Err(error),
            (None, None) => Err(not_recorded("the recorded answer is empty".to_owned())),
        }
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder> {
        Arc::new(Self { gate: Some(gate), ..self.clone() })
    }
}

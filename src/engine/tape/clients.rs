//! Clients that are recorded, or replayed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::recording::Exchange;
use super::{Missing, Recording};
use crate::chat::{
    CallOutcome, ChatClient, ChatError, ChatReply, ChatRequest, EgressGate, Embedded, Embedder,
    OutboundRequest, Usage,
};
use crate::job::JobRole;

/// One side's conversation turns.
#[derive(Clone)]
pub(in crate::engine) struct RecordedChat {
    pub side: JobRole,
    pub model: String,
    /// Who is asked in a recording; in a replay nobody is.
    pub client: Option<Arc<dyn ChatClient>>,
    /// It is one of several servers: a turn that it loses is taken again at another one.
    pub is_one_of_several: bool,
    /// What is told of each body that leaves.
    pub gate: Option<Arc<dyn EgressGate>>,
    pub recording: Arc<Recording>,
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

/// An embedding as it is written down.
#[derive(Serialize, Deserialize)]
struct Vectors {
    sent: Vec<Sent>,
    embedded: Option<Embedded>,
    error: Option<ChatError>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Sent {
    departure: OutboundRequest,
    arrival: Option<CallOutcome>,
}

/// A gate that writes down what passes.
struct Recorder {
    gate: Arc<dyn EgressGate>,
    /// With the gate's own numbers.
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
        let exchange = self.recording.begin(self.request(request));
        let recorder = self.gate.as_ref().map(Recorder::new);
        let outcome = match &recorder {
            Some(recorder) => client.gated(Arc::clone(recorder) as _).chat(request).await,
            None => client.chat(request).await,
        };
        let sent = recorder.map_or_else(Vec::new, |recorder| recorder.all());
        let (reply, error) = (outcome.clone().ok(), outcome.clone().err());
        self.recording.write(&exchange, json!(Turn { sent, reply, error }));
        outcome
    }

    async fn replay(&self, request: &ChatRequest) -> Result<ChatReply, ChatError> {
        let mut lost = Usage::default();
        loop {
            let exchange = self.recording.begin(self.request(request));
            let turn = self.turn(&exchange, request)?;
            tell(self.gate.as_ref(), &texts(request), turn.sent).await?;
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
                    return Err(self.unheard(format!("a recorded turn of the {} is empty", self.side)));
                }
            }
        }
    }

    fn turn(&self, exchange: &Exchange, request: &ChatRequest) -> Result<Turn, ChatError> {
        let answer = self
            .recording
            .read(exchange)
            .and_then(|answer| serde_json::from_value::<Turn>(answer).map_err(|error| error.to_string()));
        answer.map_err(|problem| {
            let last = request.messages.last().map_or("", |message| &message.content);
            let begins: String = last.chars().take(100).collect();
            self.unheard(format!(
                "a request to the {} was not recorded: {problem}; it begins: {begins:?}",
                self.side
            ))
        })
    }

    fn unheard(&self, what: String) -> ChatError {
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

    /// The gate sees what the client sends now, or what the recording says was sent.
    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn ChatClient> {
        Arc::new(Self { gate: Some(gate), ..self.clone() })
    }
}

/// What a request's messages say.
fn texts(request: &ChatRequest) -> Vec<&str> {
    request.messages.iter().map(|message| &*message.content).collect()
}

/// Tells `gate` what was sent when it was recorded.
async fn tell(gate: Option<&Arc<dyn EgressGate>>, texts: &[&str], sent: Vec<Sent>) -> Result<(), ChatError> {
    let Some(gate) = gate else { return Ok(()) };
    for Sent { departure, arrival } in sent {
        let call = gate.leave(texts, departure).await?;
        arrival.into_iter().for_each(|arrival| gate.ended(call, arrival));
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
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EgressGate for Recorder {
    async fn leave(&self, texts: &[&str], departure: OutboundRequest) -> Result<usize, ChatError> {
        let call = self.gate.leave(texts, departure.clone()).await?;
        self.sent().push((call, Sent { departure, arrival: None }));
        Ok(call)
    }

    fn ended(&self, call: usize, arrival: CallOutcome) {
        if let Some((_, sent)) = self.sent().iter_mut().find(|(number, _)| *number == call) {
            sent.arrival = Some(arrival.clone());
        }
        self.gate.ended(call, arrival);
    }
}

/// An embedding model.
#[derive(Clone)]
pub(in crate::engine) struct Embedding {
    pub model: String,
    /// Who is asked in a recording; in a replay nobody is.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// What is told of each body that leaves.
    pub gate: Option<Arc<dyn EgressGate>>,
    pub recording: Arc<Recording>,
    pub missing: Missing,
}

#[async_trait]
impl Embedder for Embedding {
    async fn embed(&self, texts: &[String]) -> Result<Embedded, ChatError> {
        let exchange =
            self.recording.begin(json!({"side": JobRole::Embedding, "model": self.model, "texts": texts}));
        if let Some(embedder) = &self.embedder {
            let recorder = self.gate.as_ref().map(Recorder::new);
            let outcome = match &recorder {
                Some(recorder) => embedder.gated(Arc::clone(recorder) as _).embed(texts).await,
                None => embedder.embed(texts).await,
            };
            let sent = recorder.map_or_else(Vec::new, |recorder| recorder.all());
            let (embedded, error) = (outcome.as_ref().ok().cloned(), outcome.as_ref().err().cloned());
            self.recording.write(&exchange, json!(Vectors { sent, embedded, error }));
            return outcome;
        }
        let unheard = |problem: String| {
            let what = format!("texts to embed were not recorded: {problem}");
            self.missing.note(what.clone());
            ChatError::withheld("the recorded embedding model", &what, "record the job again")
        };
        let answer = self.recording.read(&exchange).map_err(unheard)?;
        let vectors: Vectors = serde_json::from_value(answer).map_err(|error| unheard(error.to_string()))?;
        let carried: Vec<&str> = texts.iter().map(String::as_str).collect();
        tell(self.gate.as_ref(), &carried, vectors.sent).await?;
        match (vectors.embedded, vectors.error) {
            (Some(embedded), _) => Ok(embedded),
            (None, Some(error)) => Err(error),
            (None, None) => Err(unheard("the recorded answer is empty".to_owned())),
        }
    }

    fn gated(&self, gate: Arc<dyn EgressGate>) -> Arc<dyn Embedder> {
        Arc::new(Self { gate: Some(gate), ..self.clone() })
    }
}

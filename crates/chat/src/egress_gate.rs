//! The gate that is told of every request body before it leaves for a server, and of the call's end.

use std::ops::Range;

use async_trait::async_trait;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{ChatError, ChatErrorKind, ChatRequest, Message, Usage};

/// The body of a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRequest {
    /// The model server, as messages name it.
    pub endpoint: String,
    /// The body's length in bytes.
    pub bytes: usize,
    /// SHA-256 of the body, in hexadecimal.
    pub sha256: String,
    /// Bytes of the body that the same request without all that is not the job's own would lack. `None` in recordings
    /// of older versions.
    #[serde(default)]
    pub other_bytes: Option<usize>,
}

/// A text that a body carries.
#[derive(Clone, Copy, Debug)]
pub struct OutboundText<'a> {
    /// The whole text.
    pub text: &'a str,
    /// The bytes of it that are the job's own words, in ascending order.
    pub own: &'a [Range<usize>],
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// Whether there was a connection, so that the body may have reached the server.
    pub sent: bool,
    /// Tokens of the call, as far as the server reported them.
    pub usage: Usage,
    /// Why there is no reply; `None` if there is one.
    pub error: Option<String>,
}

/// Sees every body before it leaves, and may keep it here.
#[async_trait]
pub trait EgressGate: Send + Sync {
    /// Decides on the call whose body `request` describes and which carries `texts`. Gives the number of the call.
    ///
    /// # Errors
    /// The call is not made: nothing leaves, and the call fails with this error.
    async fn leave(&self, texts: &[OutboundText<'_>], request: OutboundRequest) -> Result<usize, ChatError>;

    /// Tells how the call of this number ended. A call that is cut off is never told of.
    fn ended(&self, call: usize, outcome: CallOutcome);
}

impl OutboundRequest {
    /// Describes `body`, which is about to be sent to `endpoint`. `bare` is the body of the same request with nothing
    /// but the job's own words, made by the same code: so whatever a dialect does to a text is in the difference.
    pub(super) fn new(endpoint: String, body: &str, bare: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, body.as_bytes());
        let sha256 = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let other_bytes = Some(body.len().saturating_sub(bare.len()));
        Self { endpoint, bytes: body.len(), sha256, other_bytes }
    }

    /// Bytes of the body that are not known to be the job's own. Where nothing is known of them, these are all bytes.
    pub fn other_bytes(&self) -> usize {
        self.other_bytes.unwrap_or(self.bytes)
    }
}

impl Message {
    /// The message with nothing but the job's own words.
    fn bare(&self) -> Self {
        let content = self.own.iter().map(|own| &self.content[own.clone()]).collect::<String>();
        Self::new(self.role, content)
    }
}

impl ChatRequest {
    /// The texts that a call carries.
    pub fn texts(&self) -> Vec<OutboundText<'_>> {
        self.messages.iter().map(|Message { content, own, .. }| OutboundText { text: content, own }).collect()
    }

    /// The request with nothing but the job's own words.
    pub(super) fn bare(&self) -> Self {
        Self { messages: self.messages.iter().map(Message::bare).collect(), ..self.clone() }
    }
}

impl CallOutcome {
    /// The outcome of one try. The body was not sent only where there was no connection.
    pub(super) fn new(outcome: Result<Usage, &ChatError>) -> Self {
        match outcome {
            Ok(usage) => Self { sent: true, usage, error: None },
            Err(error) => Self {
                sent: error.kind != ChatErrorKind::Unreachable,
                usage: error.usage,
                error: Some(error.message.clone()),
            },
        }
    }
}

impl ChatError {
    /// The error of a call to `endpoint` that a gate does not let through. Whoever shows it says that no call was made.
    pub fn withheld(endpoint: &str, why: &str, hint: &str) -> Self {
        Self::new(ChatErrorKind::Withheld, format!("{why} (the call was for {endpoint})")).hint(hint)
    }
}

//! What leaves for a server: told to a gate before it does, and how it ended.

use async_trait::async_trait;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{ChatError, ChatErrorKind, Usage};

/// The body of a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRequest {
    /// Where to, as messages say it.
    pub endpoint: String,
    /// Its length.
    pub bytes: usize,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
}

/// How a call ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOutcome {
    /// There was a connection, so the body may have got there.
    pub sent: bool,
    /// Tokens, as far as the server told.
    pub usage: Usage,
    /// Why there is no reply.
    pub error: Option<String>,
}

/// Sees every body before it leaves, and may keep it here.
#[async_trait]
pub trait EgressGate: Send + Sync {
    /// These texts are about to leave in the body of a call, which gets a number; an error keeps them here.
    async fn leave(&self, texts: &[&str], departure: OutboundRequest) -> Result<usize, ChatError>;

    /// How that call ended. One that is cut off never does.
    fn ended(&self, call: usize, arrival: CallOutcome);
}

impl OutboundRequest {
    /// Of `body` to `endpoint`.
    pub(super) fn new(endpoint: String, body: &str) -> Self {
        let hash = digest::digest(&digest::SHA256, body.as_bytes());
        let sha256 = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { endpoint, bytes: body.len(), sha256 }
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
    /// A call to `endpoint` that a gate does not let through.
    pub fn withheld(endpoint: &str, why: &str, hint: &str) -> Self {
        Self {
            kind: ChatErrorKind::Withheld,
            message: format!("{endpoint} was not called: {why}"),
            hint: Some(hint.to_owned()),
            retry_after: None,
            usage: Usage::default(),
        }
    }
}

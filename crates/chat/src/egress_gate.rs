//! The gate that is told of every request body before it leaves for a server, and of the call's end.

use async_trait::async_trait;
use ring::digest;
use serde::{Deserialize, Serialize};

use super::{ChatError, ChatErrorKind, Usage};

/// The body of a call that is about to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboundRequest {
    /// The model server, as messages name it.
    pub endpoint: String,
    /// The body's length in bytes.
    pub bytes: usize,
    /// SHA-256 of the body, in hexadecimal.
    pub sha256: String,
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
    async fn leave(&self, texts: &[&str], request: OutboundRequest) -> Result<usize, ChatError>;

    /// Tells how the call of this number ended. A call that is cut off is never told of.
    fn ended(&self, call: usize, outcome: CallOutcome);
}

impl OutboundRequest {
    /// Describes `body`, which is about to be sent to `endpoint`.
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
    /// The error of a call to `endpoint` that a gate does not let through.
    pub fn withheld(endpoint: &str, why: &str, hint: &str) -> Self {
        Self::new(ChatErrorKind::Withheld, format!("{endpoint} was not called: {why}")).hint(hint)
    }
}

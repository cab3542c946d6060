//! Why a turn failed: the message, the kind, the remedy and the cost.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Usage;

/// Why a turn failed. Messages name the endpoint and never carry a credential.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ChatError {
    /// The kind, which decides about retries and the hint.
    pub kind: ChatErrorKind,
    /// The failure and the endpoint, with the server's own words.
    pub message: String,
    /// A remedy, if one is known.
    pub hint: Option<String>,
    /// The wait that the server asked for (Retry-After).
    pub retry_after: Option<Duration>,
    /// Tokens that the failed tries cost, as far as the server reported them.
    pub usage: Usage,
    /// The server's own words and names, whole: what it refuses is read in them. Empty if it gave none.
    #[serde(skip)]
    pub said: String,
    /// The tokens that the reply could have gone on for, where the client ended it as the model repeated itself.
    #[serde(skip)]
    pub spared: u64,
}

/// Kinds of failed turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatErrorKind {
    /// There is no connection.
    Unreachable,
    /// The connection was lost, perhaps in the middle of a reply.
    Connection,
    /// The server has ended its stream without the reason, so that the reply may be a part of one.
    Unfinished,
    /// The server was silent for longer than the timeout.
    Timeout,
    /// 401 or 403: the key is missing or wrong, or lacks a permission.
    Auth,
    /// 403 without a word about the key: that, or a filter before the server has stopped this request.
    Forbidden,
    /// 404: no such model or route.
    NotFound,
    /// 429: too many requests.
    RateLimited,
    /// 503 or 529: the server has too much to do.
    Busy,
    /// The server is still reading its model.
    Loading,
    /// 402 and the like: the account has no money or allowance left.
    Quota,
    /// 5xx, or an error object within a 200 stream.
    Server,
    /// The process that ran the model was most likely ended for want of memory.
    OutOfMemory,
    /// The prompt does not fit into the context window.
    ContextTooLong,
    /// Any other 4xx: the request is wrong.
    Rejected,
    /// The reply is not one of the dialect.
    Malformed,
    /// The reply is whole and holds no answer.
    Empty,
    /// The model repeats itself, and gave no answer before it began to.
    Repeating,
    /// The model or the vendor's filter refused to answer.
    Refused,
    /// The model itself could not be loaded or run (embedded engine).
    Model,
    /// An [`EgressGate`](super::EgressGate) did not let the request leave.
    Withheld,
}

impl ChatError {
    /// An error of `kind`, without hint, wait and usage.
    pub fn new(kind: ChatErrorKind, message: impl Into<String>) -> Self {
        let (message, usage, said) = (message.into(), Usage::default(), String::new());
        Self { kind, message, hint: None, retry_after: None, usage, said, spared: 0 }
    }

    /// The same error with a hint.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl ChatErrorKind {
    /// Whether the same request may succeed later.
    pub fn is_transient(self) -> bool {
        self.is_overload()
            || matches!(
                self,
                Self::Unreachable
                    | Self::Connection
                    | Self::Unfinished
                    | Self::Loading
                    | Self::Timeout
                    | Self::Server
                    | Self::Malformed
                    | Self::Empty
            )
    }

    /// Whether the server has too much to do at the moment.
    pub fn is_overload(self) -> bool {
        matches!(self, Self::RateLimited | Self::Busy)
    }

    /// Whether the failure is the server's rather than the request's: other requests would fail there too, and another
    /// server may answer this one.
    pub fn is_of_the_server(self) -> bool {
        use ChatErrorKind::{
            Connection, Forbidden, Loading, Model, OutOfMemory, Server, Timeout, Unfinished, Unreachable,
        };
        self.is_overload()
            || self.is_of_the_setup()
            || matches!(
                self,
                Connection
                    | Forbidden
                    | Loading
                    | Model
                    | OutOfMemory
                    | Server
                    | Timeout
                    | Unfinished
                    | Unreachable
            )
    }

    /// Whether the failure of a short call tells that every call to this server would fail now.
    pub fn is_of_every_call(self) -> bool {
        use ChatErrorKind::{
            Busy, Connection, Forbidden, Loading, OutOfMemory, Server, Timeout, Unreachable,
        };
        self.is_of_the_setup()
            || matches!(
                self,
                Busy | Connection | Forbidden | Loading | OutOfMemory | Server | Timeout | Unreachable
            )
    }

    /// Whether every call to this server would fail alike, until somebody changes the job or the account.
    pub fn is_of_the_setup(self) -> bool {
        matches!(self, Self::Auth | Self::NotFound | Self::Quota)
    }
}

//! What goes wrong between us and the broker.

use std::error::Error as _;
use std::fmt::Display;

use async_nats::jetstream::{self, ErrorCode};

/// Why the queue could not do something.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Nobody answers at the address, or the answer does not come.
    #[error("the queue's server does not answer: {0}")]
    Unreachable(String),
    /// The broker refuses us.
    #[error("the queue's server refuses the connection: {0}")]
    Refused(String),
    /// There is no queue of this name.
    #[error("there is no queue {0}")]
    Missing(String),
    /// The broker has no room left.
    #[error("the queue's server has no room left: {0}")]
    Full(String),
    /// What the broker holds, or gave, is not what it should be.
    #[error("{0}")]
    Unusable(String),
    /// A file of this machine can't be read or written.
    #[error("{0}")]
    File(String),
    /// Anything else that the broker says.
    #[error("the queue's server: {0}")]
    Broker(String),
}

impl QueueError {
    /// What to do next, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreachable(_) => {
                "start it with JetStream, `nats-server -js`, and look at the address of --queue"
            }
            Self::Refused(_) => "put user and password into the address: nats://USER:PASSWORD@HOST/NAME",
            Self::Missing(_) => "`minions submit` makes it; look at the name in --queue",
            Self::Full(_) => {
                "give it more (`max_file_store` of JetStream, or its disk), or remove queues that are done; nothing is lost"
            }
            Self::Unusable(_) | Self::File(_) | Self::Broker(_) => return None,
        })
    }

    /// Whether the same may work a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable(_))
    }

    /// From the source of an error, if the broker has told one.
    pub(crate) fn told(source: &jetstream::Error) -> Self {
        const FULL: [ErrorCode; 3] = [
            ErrorCode::INSUFFICIENT_RESOURCES,
            ErrorCode::STORAGE_RESOURCES_EXCEEDED,
            ErrorCode::STREAM_STORE_FAILED,
        ];
        match source.error_code() {
            code if FULL.contains(&code) => Self::Full(source.to_string()),
            ErrorCode::STREAM_NOT_FOUND | ErrorCode::CONSUMER_NOT_FOUND => Self::Missing(source.to_string()),
            // While it starts, and while a cluster chooses a leader.
            _ if (500..600).contains(&source.code()) => Self::Unreachable(source.to_string()),
            _ => Self::Broker(source.to_string()),
        }
    }

    /// From an error of the client. `is_lost`: whether its kind says that no answer came.
    pub(crate) fn of<K>(error: &async_nats::error::Error<K>, is_lost: bool) -> Self
    where
        K: Clone + std::fmt::Debug + Display + PartialEq + Send + Sync + 'static,
    {
        let mut source = error.source();
        while let Some(inner) = source {
            if let Some(told) = inner.downcast_ref::<jetstream::Error>() {
                return Self::told(told);
            }
            source = inner.source();
        }
        if is_lost { Self::Unreachable(error.to_string()) } else { Self::Broker(error.to_string()) }
    }
}

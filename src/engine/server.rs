//! A server of a side, ready for calls.

use std::sync::Arc;

use super::models::ModelKey;
use crate::chat::{ChatClient, ChatSettings};
use crate::protocols::PooledServer;

/// A server with the client that makes its calls.
pub(super) struct Server {
    pub key: ModelKey,
    pub settings: ChatSettings,
    /// How many calls it takes at once, if the server or the user tells.
    pub slots: Option<usize>,
    /// Whether all its slots share one cache of prompt prefixes.
    pub shares_prefixes: bool,
    pub is_up: bool,
    /// Whether the texts of its calls leave this machine.
    pub is_remote: bool,
    pub client: Arc<dyn ChatClient>,
}

impl Server {
    /// The server for a pool, where calls wait for its slots. A server that is down is tried again after a while.
    pub(super) fn pooled(&self) -> PooledServer {
        let pooled = PooledServer::new(Arc::clone(&self.client), self.slots)
            .sharing_prefixes(self.shares_prefixes)
            .silent_for(self.key.provider.silence(&self.settings, 1));
        if self.is_up { pooled } else { pooled.resting() }
    }
}

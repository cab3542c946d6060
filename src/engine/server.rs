//! A server of a side, ready for calls.

use std::sync::Arc;

use super::models::ModelKey;
use crate::chat::{ChatClient, ChatSettings};
use crate::protocols::PooledServer;

/// A server as calls go to it.
pub(super) struct Server {
    pub place: ModelKey,
    pub settings: ChatSettings,
    /// Calls that it takes at once, if it or the user tells.
    pub slots: Option<usize>,
    pub shares_prefixes: bool,
    pub is_up: bool,
    /// What it is told leaves.
    pub is_remote: bool,
    pub client: Arc<dyn ChatClient>,
}

impl Server {
    /// Where calls wait for it; one that is down is tried again after a while.
    pub(super) fn station(&self) -> PooledServer {
        let station =
            PooledServer::new(Arc::clone(&self.client), self.slots).sharing_prefixes(self.shares_prefixes);
        if self.is_up { station } else { station.resting() }
    }
}

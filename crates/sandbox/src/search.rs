//! The searches over chunks that the supervisor's code may use.

use std::sync::Arc;

use async_trait::async_trait;
use minions_documents::Query;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::host::{HostCall, HostCallLimit, HostCalls};

/// The most searches by meaning in one call of the code; each takes the time of a model.
const SEARCHES: u32 = 64;

/// The retrieval function in the code's scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Search {
    /// The code has no retrieval function.
    #[default]
    Off,
    /// `bm25_retrieve_top_k_chunks` searches by words, in the child.
    Bm25,
    /// `embedding_retrieve_top_k_chunks` searches by meaning. The child asks the host, which has a model.
    Embedding,
}

impl Search {
    /// The name of the function in the code's scope.
    pub fn function(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Bm25 => Some("bm25_retrieve_top_k_chunks"),
            Self::Embedding => Some("embedding_retrieve_top_k_chunks"),
        }
    }
}

/// The model behind a search by meaning.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// The indices of the `k` chunks closest to the queries, in order. An error is in words for the code's author.
    async fn top_k(&self, queries: &[Query], chunks: &[String], k: usize) -> Result<Vec<usize>, String>;
}

/// The arguments of a search by meaning; the texts beside them are the chunks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SearchArguments {
    pub queries: Vec<Query>,
    pub k: usize,
}

/// Answers the searches by meaning, and no other call.
pub struct SearchByMeaning(pub Arc<dyn Retriever>);

#[async_trait]
impl HostCalls for SearchByMeaning {
    fn limit(&self, name: &str) -> Option<HostCallLimit> {
        let message = || format!("at most {SEARCHES} searches by meaning in one call");
        let is_search = Search::Embedding.function() == Some(name);
        is_search.then(|| HostCallLimit { calls: SEARCHES, message: message() })
    }

    async fn answer(&self, call: HostCall, chunks: Vec<String>) -> Result<Value, String> {
        let arguments = serde_json::from_value(call.arguments);
        let SearchArguments { queries, k } =
            arguments.map_err(|error| format!("unusable arguments: {error}"))?;
        Ok(Value::from(self.0.top_k(&queries, &chunks, k).await?))
    }
}

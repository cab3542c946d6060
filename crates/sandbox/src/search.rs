//! What the supervisor's code may search chunks with.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use minions_documents::Query;

/// The retrieval function in the code's scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Search {
    /// None.
    #[default]
    Off,
    /// `bm25_retrieve_top_k_chunks`: by words, in the child.
    Bm25,
    /// `embedding_retrieve_top_k_chunks`: by meaning. The child asks the parent, which has a model.
    Embedding,
}

impl Search {
    /// The function's name.
    pub fn function(self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Bm25 => Some("bm25_retrieve_top_k_chunks"),
            Self::Embedding => Some("embedding_retrieve_top_k_chunks"),
        }
    }
}

/// The parent's side of a search by meaning.
#[async_trait]
pub trait Retriever: Send + Sync {
    /// The positions of the `k` chunks closest to the queries, in order; or why there are none, in words for the
    /// code's author.
    async fn top_k(&self, queries: &[Query], chunks: &[String], k: usize) -> Result<Vec<usize>, String>;
}

//! Search by meaning for the supervisor's code, with embeddings of the local client.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::chat::{ChatErrorKind, Embedder, Usage};
use crate::documents::{Query, vector_top_k};
use crate::sandbox::Retriever;
use crate::sync::{beside_runtime, lock};
use crate::words::count;

/// An embedding model that remembers vectors and counts its cost.
pub(super) struct Embeddings {
    model: Arc<dyn Embedder>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Vectors by text, as each search and each round has the same chunks.
    known: HashMap<String, Vec<f32>>,
    usage: Usage,
    busy: Duration,
}

impl Embeddings {
    pub(super) fn new(model: Arc<dyn Embedder>) -> Self {
        Self { model, state: Mutex::default() }
    }

    /// The tokens of the calls, and how long the calls took.
    pub(super) fn cost(&self) -> (Usage, Duration) {
        let state = self.state();
        (state.usage, state.busy)
    }

    async fn learn(&self, texts: impl Iterator<Item = &String>) -> Result<(), String> {
        let mut new: Vec<String> =
            texts.filter(|text| !self.state().known.contains_key(*text)).cloned().collect();
        new.sort_unstable();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        tracing::info!("embedding {}", count(new.len(), "text"));
        let began = Instant::now();
        let outcome = self.model.embed(&new).await;
        let mut state = self.state();
        state.busy += began.elapsed();
        match outcome {
            Ok(embedded) => {
                state.usage += embedded.usage;
                state.known.extend(new.into_iter().zip(embedded.vectors));
                Ok(())
            }
            Err(error) => {
                state.usage += error.usage;
                let hint = error.hint.as_deref().unwrap_or_default();
                tracing::warn!("no embeddings: {error}. {hint}");
                let way = match error.kind {
                    ChatErrorKind::ContextTooLong => "cut smaller chunks, or search in another way",
                    _ => "search in another way",
                };
                Err(format!("the embedding model failed ({error}); {way}"))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[async_trait]
impl Retriever for Embeddings {
    async fn top_k(&self, queries: &[Query], chunks: &[String], k: usize) -> Result<Vec<usize>, String> {
        // Blank chunks and queries have no meaning, and some models refuse them.
        let filled: Vec<usize> = (0..chunks.len()).filter(|&at| !chunks[at].trim().is_empty()).collect();
        let queries: Vec<&Query> = queries.iter().filter(|(query, _)| !query.trim().is_empty()).collect();
        let texts = queries.iter().map(|(query, _)| query).chain(filled.iter().map(|&at| &chunks[at]));
        self.learn(texts).await?;
        let (queries, vectors) = {
            let state = self.state();
            let vector = |text: &String| state.known.get(text).cloned().unwrap_or_default();
            let queries: Vec<_> = queries.iter().map(|(query, weight)| (vector(query), *weight)).collect();
            (queries, filled.iter().map(|&at| vector(&chunks[at])).collect::<Vec<_>>())
        };
        let best = beside_runtime(move || vector_top_k(&queries, &vectors, k)).await;
        Ok(best.into_iter().map(|position| filled[position]).collect())
    }
}

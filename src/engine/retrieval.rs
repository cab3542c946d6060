//! Search by meaning for the supervisor's code: the local client's own embeddings, so that no text leaves.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::chat::{ChatErrorKind, Embedder, Usage};
use crate::documents::{Query, vector_top_k};
use crate::sandbox::Retriever;
use crate::sync::lock;

/// An embedding model with a memory and a meter.
pub(super) struct Embeddings {
    model: Arc<dyn Embedder>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Chunks come again with each search and each round.
    known: HashMap<String, Vec<f32>>,
    usage: Usage,
    busy: Duration,
}

impl Embeddings {
    pub(super) fn new(model: Arc<dyn Embedder>) -> Self {
        Self { model, state: Mutex::default() }
    }

    /// What the calls have cost, and how long they took.
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
        tracing::info!("embedding {} texts", new.len());
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

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[async_trait]
impl Retriever for Embeddings {
    async fn top_k(&self, queries: &[Query], chunks: &[String], k: usize) -> Result<Vec<usize>, String> {
        // Nothing to embed, and some models refuse it.
        let told: Vec<usize> = (0..chunks.len()).filter(|&at| !chunks[at].trim().is_empty()).collect();
        let queries: Vec<&Query> = queries.iter().filter(|(query, _)| !query.trim().is_empty()).collect();
        let texts = queries.iter().map(|(query, _)| query).chain(told.iter().map(|&at| &chunks[at]));
        self.learn(texts).await?;
        let state = self.state();
        let vector = |text: &String| state.known.get(text).cloned().unwrap_or_default();
        let queries: Vec<_> = queries.iter().map(|(query, weight)| (vector(query), *weight)).collect();
        let vectors: Vec<_> = told.iter().map(|&at| vector(&chunks[at])).collect();
        Ok(vector_top_k(&queries, &vectors, k).into_iter().map(|position| told[position]).collect())
    }
}

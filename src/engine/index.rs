//! Documents that are read before anything is asked about them, so that the first question finds them read.
//!
//! In: documents. Out: what a model in this process keeps of their chunks, as a program of the supervisor cuts them unless
//! it has a reason not to.

use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};

use super::clients;
use super::egress::{EgressLimits, Ledger};
use super::shared::SharedResources;
use crate::chat::ChatRequest;
use crate::documents::{Document, SECTION_OVERLAP, SECTION_SIZE, chunk_by_section};
use crate::error::Failure;
use crate::events::Events;
use crate::job::{Job, Protocol};
use crate::prompts::Prompts;
use crate::protocols::{Side, minions};

/// What there was to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexReport {
    /// The chunks of all documents.
    pub chunks: usize,
    /// Tokens that were read.
    pub read_tokens: u64,
    /// Tokens that were read before.
    pub known_tokens: u64,
}

/// Has the worker of `job` read `documents`. `told` hears how many chunks are done, and of how many.
pub(super) async fn index(
    job: Job,
    documents: &[Document],
    shared: &SharedResources,
    told: &(dyn Fn(usize, usize) + Sync),
) -> Result<IndexReport, Failure> {
    if !job.local.is_embedded() {
        let name = job.local.provider.name;
        return Err(Failure::input(format!("what {name} reads is kept by its server, not by minions"))
            .hint("name a model for this process: --local llama_cpp/PATH.gguf"));
    }
    if shared.config.keeping().folder.is_none() {
        return Err(Failure::input("there is no folder to keep what is read in").hint("add --kv-cache DIR"));
    }
    let chunks: Vec<&str> = documents
        .iter()
        .flat_map(|document| {
            chunk_by_section(&document.text, SECTION_SIZE, SECTION_OVERLAP).unwrap_or_default()
        })
        .collect();
    let longest = chunks.iter().max_by_key(|chunk| chunk.len()).copied().unwrap_or_default();
    let job = Job {
        // The supervisor is not asked. With two samples there are as many lanes as `minions` has, for which a state is.
        protocol: Protocol::LocalOnly { samples: 2 },
        task: longest.to_owned(),
        context: Arc::default(),
        ..job
    };
    let limits = EgressLimits::of(&job, &shared.config.jobs);
    let ledger = Ledger::new(Arc::clone(&job.context), limits, Events::off());
    let clients = clients::open(&job, shared, &ledger).await?;
    let (side, prompts) = (Side::new(Arc::clone(&clients.worker)), Prompts::default());
    let mut calls: FuturesUnordered<_> = chunks
        .iter()
        .map(|chunk| async {
            let mut permit = side.permit(None).await;
            side.chat(&mut permit, &ChatRequest::to_read(minions::up_to_the_task(&prompts, chunk))).await
        })
        .collect();
    let mut done = 0;
    told(done, chunks.len());
    while let Some(outcome) = calls.next().await {
        outcome?;
        done += 1;
        told(done, chunks.len());
    }
    let usage = side.usage();
    Ok(IndexReport {
        chunks: chunks.len(),
        read_tokens: usage.new_prompt_tokens,
        known_tokens: usage.cached_prompt_tokens,
    })
}

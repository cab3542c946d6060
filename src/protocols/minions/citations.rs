//! Where the documents have what the worker cites.

use std::collections::HashMap;

use crate::documents::evidence::{Chunk, Sources};
use crate::protocols::Cited;
use crate::sandbox::Job;

/// The citations of a round, each with its place; those that hold are marked in their jobs.
pub(super) fn checked(round: u32, jobs: &mut [Job], sources: &Sources) -> Vec<Cited> {
    let mut chunks: HashMap<&str, Chunk> = HashMap::new();
    let checked = |job| {
        let Job { manifest, output, confirmed, .. }: &mut Job = job;
        let citation = output.citation.clone()?;
        let manifest = &*manifest;
        let chunk = chunks.entry(&manifest.chunk).or_insert_with(|| sources.chunk(&manifest.chunk));
        let evidence = chunk.evidence(&citation);
        *confirmed = evidence.verified;
        Some(Cited { round, job_id: manifest.job_id, chunk_id: manifest.chunk_id, citation, evidence })
    };
    jobs.iter_mut().filter_map(checked).collect()
}

//! Where the documents have what the worker cites.

use std::collections::HashMap;

use crate::documents::evidence::{Chunk, Sources};
use crate::protocols::Cited;
use crate::sandbox::Job;

/// The citations of a round, each with its place.
pub(super) fn checked(round: u32, jobs: &[Job], sources: &Sources) -> Vec<Cited> {
    let mut chunks: HashMap<&str, Chunk> = HashMap::new();
    let checked = |job| {
        let Job { manifest, output, .. }: &Job = job;
        let citation = output.citation.clone()?;
        let chunk = chunks.entry(&manifest.chunk).or_insert_with(|| sources.chunk(&manifest.chunk));
        let evidence = chunk.evidence(&citation);
        Some(Cited { round, job_id: manifest.job_id, chunk_id: manifest.chunk_id, citation, evidence })
    };
    jobs.iter().filter_map(checked).collect()
}

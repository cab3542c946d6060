//! Where the documents have what the worker cites.

use std::collections::HashMap;

use super::job_events;
use crate::documents::Document;
use crate::documents::evidence::{Chunk, Sources};
use crate::events::Events;
use crate::protocols::Cited;
use crate::sandbox::JobRecord;

/// The citations of a round, each with its place; those that hold are marked in their jobs, and the others have the
/// words of their chunk that are most like them.
pub(super) fn checked(
    round: u32,
    jobs: &mut [JobRecord],
    sources: &Sources,
    documents: &[Document],
    events: &Events,
) -> Vec<Cited> {
    let mut chunks: HashMap<&str, Chunk> = HashMap::new();
    let mut cited = Vec::new();
    for (index, JobRecord { manifest, output, confirmed, nearest, place: job_place, .. }) in
        jobs.iter_mut().enumerate()
    {
        let Some(citation) = output.citation.clone() else { continue };
        let manifest = &*manifest;
        let chunk = chunks.entry(&manifest.chunk).or_insert_with(|| sources.chunk(&manifest.chunk));
        let evidence = chunk.evidence(&citation);
        *confirmed = evidence.verified;
        let like = if evidence.verified { None } else { chunk.nearest(&citation) };
        *nearest = like.map(|nearest| nearest.words);
        let one = Cited {
            round,
            job_id: manifest.job_id,
            chunk_id: manifest.chunk_id,
            nearest: nearest.clone(),
            ..Cited::of(citation, evidence, sources, documents)
        };
        *job_place = one.place.clone().filter(|_| *confirmed);
        job_events::cited(events, index, manifest, &one);
        cited.push(one);
    }
    cited
}

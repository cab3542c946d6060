//! Where the documents have what the worker cites.

use std::collections::HashMap;

use super::job_events;
use crate::documents::Document;
use crate::documents::evidence::{Chunk, Sources};
use crate::events::Events;
use crate::protocols::Cited;
use crate::sandbox::JobRecord;

/// The citations of a round, each with its place; those that hold are marked in their jobs.
pub(super) fn checked(
    round: u32,
    jobs: &mut [JobRecord],
    sources: &Sources,
    documents: &[Document],
    events: &Events,
) -> Vec<Cited> {
    let mut chunks: HashMap<&str, Chunk> = HashMap::new();
    let mut cited = Vec::new();
    for (index, JobRecord { manifest, output, confirmed, .. }) in jobs.iter_mut().enumerate() {
        let Some(citation) = output.citation.clone() else { continue };
        let manifest = &*manifest;
        let chunk = chunks.entry(&manifest.chunk).or_insert_with(|| sources.chunk(&manifest.chunk));
        let evidence = chunk.evidence(&citation);
        *confirmed = evidence.verified;
        let document = evidence.document.map(|at| &documents[at]);
        let place = document.zip(evidence.start).and_then(|(document, start)| document.place_at(start));
        let one = Cited {
            round,
            job_id: manifest.job_id,
            chunk_id: manifest.chunk_id,
            citation,
            source: document.and_then(|document| document.name.clone()),
            told_as: document.and_then(|document| document.told_as.clone()),
            place: place.map(|place| place.to_string()),
            evidence,
        };
        job_events::cited(events, index, manifest, &one);
        cited.push(one);
    }
    cited
}

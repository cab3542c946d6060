//! Where the documents have what the worker cites.

use std::collections::HashMap;

use crate::documents::Document;
use crate::documents::evidence::{Chunk, Sources};
use crate::protocols::Cited;
use crate::sandbox::JobRecord;

/// The citations of a round, each with its place; those that hold are marked in their jobs. `sources` are made of
/// `documents`.
pub(super) fn checked(
    round: u32,
    jobs: &mut [JobRecord],
    sources: &Sources,
    documents: &[Document],
) -> Vec<Cited> {
    let mut chunks: HashMap<&str, Chunk> = HashMap::new();
    let checked = |job| {
        let JobRecord { manifest, output, confirmed, .. }: &mut JobRecord = job;
        let citation = output.citation.clone()?;
        let manifest = &*manifest;
        let chunk = chunks.entry(&manifest.chunk).or_insert_with(|| sources.chunk(&manifest.chunk));
        let evidence = chunk.evidence(&citation);
        *confirmed = evidence.verified;
        let document = evidence.document.map(|at| &documents[at]);
        Some(Cited {
            round,
            job_id: manifest.job_id,
            chunk_id: manifest.chunk_id,
            citation,
            source: document.and_then(|document| document.name.clone()),
            place: document
                .zip(evidence.start)
                .and_then(|(document, start)| document.places.at(start).cloned()),
            evidence,
        })
    };
    jobs.iter_mut().filter_map(checked).collect()
}

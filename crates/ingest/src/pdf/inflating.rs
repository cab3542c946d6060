//! What a stream would take in memory, before it is taken.

use std::io::{Read, copy, sink};

use flate2::read::ZlibDecoder;
use hayro_syntax::Filter;
use hayro_syntax::object::Stream;

/// The most that a byte of a compressed stream can become.
const RATIO: usize = 1040;

/// Whether the decoded stream is at most `limit` bytes. A short one is not looked into.
pub(super) fn fits(stream: &Stream<'_>, limit: usize) -> bool {
    let filters = stream.filters();
    let swelling = filters
        .iter()
        .filter(|filter| matches!(filter, Filter::FlateDecode | Filter::LzwDecode | Filter::RunLengthDecode));
    let stages = swelling.count();
    let raw = stream.raw_data();
    let most = (0..stages).fold(raw.len(), |size, _| size.saturating_mul(RATIO));
    if most <= limit {
        return true;
    }
    // What is compressed twice can't be counted by one inflation, and nobody but a bomber does it with so much.
    filters.first() == Some(&Filter::FlateDecode) && stages == 1 && inflated(&raw, limit) <= limit as u64
}

/// The size of the inflated data, counted up to just beyond the limit.
fn inflated(raw: &[u8], limit: usize) -> u64 {
    let mut counted = ZlibDecoder::new(raw).take(limit as u64 + 1);
    // An error is damage, which the reader of the stream copes with: what came before it counts.
    let mut buffer = [0; 16 << 10];
    let mut total = 0;
    while let Ok(count @ 1..) = counted.read(&mut buffer) {
        total += count as u64;
    }
    let _ = copy(&mut counted, &mut sink());
    total
}

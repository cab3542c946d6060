//! How many chunks are read for questions about documents that don't all have room: by the rules of `kept`, and by plain
//! recency. `tests/bench/what_stays.py` makes rows of it.
//!
//! A line for each size: chunks that have room, chunks that are asked for, read by our rules, read by recency.

#![allow(clippy::print_stdout, reason = "the benchmark reads its lines")]

mod identity {
    pub(crate) type Key = u128;
}
#[path = "../src/kept/shelf.rs"]
mod shelf;
#[path = "../src/kept/trace.rs"]
mod trace;
#[path = "../src/kept/turnover.rs"]
mod turnover;

fn main() {
    let traces: Vec<_> = (0..50).map(trace::questions).collect();
    let asked: usize = traces.iter().flatten().map(Vec::len).sum();
    for chunks in [6, 12, 20, 30, 45] {
        let read = |by: fn(u64, &[Vec<identity::Key>]) -> usize| {
            traces.iter().map(|questions| by(chunks * trace::MEAN, questions)).sum::<usize>()
        };
        println!("{chunks} {asked} {} {}", read(trace::shelf), read(trace::recency));
    }
}

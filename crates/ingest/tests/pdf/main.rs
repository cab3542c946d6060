//! PDFs that the tests write themselves, read as a user's would be.

mod damage;
mod measures;
mod pages;
mod ruler;
mod writer;

use minions_ingest::{Limits, ReadError, Reading, read};

/// Reads a PDF that can be read.
fn reading(bytes: Vec<u8>) -> Reading {
    tried(bytes).expect("a PDF that can be read")
}

fn tried(bytes: Vec<u8>) -> Result<Reading, ReadError> {
    read("a.pdf", bytes, &Limits::default())
}

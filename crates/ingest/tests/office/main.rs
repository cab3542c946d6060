//! Office files that the tests write themselves, read as a user's would be.

mod archives;
mod backgrounds;
mod books;
mod damage;
mod docx;
mod docx_pages;
mod opendocument;
mod real;
mod slides;
mod struck;
mod word;
mod workbooks;
mod zip;

use minions_documents::Place;
use minions_ingest::{Limits, ReadError, Reading, read};

/// Reads a file that can be read.
fn reading(bytes: Vec<u8>) -> Reading {
    tried(bytes).expect("a file that can be read")
}

fn tried(bytes: Vec<u8>) -> Result<Reading, ReadError> {
    read("a", bytes, &Limits::default())
}

/// Where a quote stands.
fn place_of(reading: &Reading, quote: &str) -> Option<Place> {
    let byte = reading.text.find(quote).unwrap_or_else(|| panic!("no {quote:?} in {}", reading.text));
    reading.places.at(reading.text[..byte].chars().count()).cloned()
}

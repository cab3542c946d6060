//! Cuts documents into chunks, ranks the chunks, and finds quoted words in the documents again. The crate is pure: it
//! uses no model, no file and no network.
//!
//! A chunker takes the text of a document and gives its chunks, in order. Sizes count characters (Unicode scalar
//! values, as Python does), and no cut falls inside one. An empty document has no chunks.

mod borders;
mod chunking;
#[cfg(test)]
mod chunking_tests;
mod code_chunking;
mod coverage;
mod document;
pub mod evidence;
#[cfg(test)]
mod evidence_tests;
mod folding;
mod label;
pub mod recognition;
mod retrieval;
pub mod tokens;
pub mod verbatim;
mod wording;

pub use chunking::{ChunkError, PARAGRAPH_SIZE, SECTION_OVERLAP, SECTION_SIZE};
pub use chunking::{chunk_by_page, chunk_by_paragraph, chunk_by_section};
pub use code_chunking::{chunk_by_code, chunk_by_function_and_class};
pub use coverage::{Coverage, Held};
pub use document::{Document, Place, Places};
pub use label::label;
pub use retrieval::{Query, bm25, bm25_top_k, vector_top_k};

//! Cutting documents into chunks, choosing among them, and finding words in them again. Pure: no model, no file,
//! no network.
//!
//! In: the text of a document. Out: its chunks, in order. Sizes are in characters (Unicode scalar values, as
//! Python counts), and no cut ever falls inside one. An empty document has no chunks.

#[cfg(test)]
mod cases;
mod chunking;
mod code_chunking;
mod document;
pub mod evidence;
#[cfg(test)]
mod fabrications;
mod folding;
mod retrieval;
pub mod tokens;
pub mod verbatim;
mod wording;

pub use chunking::{ChunkError, PARAGRAPH_SIZE, SECTION_OVERLAP, SECTION_SIZE};
pub use chunking::{chunk_by_page, chunk_by_paragraph, chunk_by_section};
pub use code_chunking::{chunk_by_code, chunk_by_function_and_class};
pub use document::{Document, Place, Places};
pub use retrieval::{Query, bm25_top_k, vector_top_k};

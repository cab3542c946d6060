//! The fork's crate of this name differs from the original in its name alone.

pub use ruff_text_size::*;

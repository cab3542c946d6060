//! The memory that this machine has left, and what a model takes of it; files that are this user's alone.
//!
//! In: the kernel's files, a model's figures. Out: bytes, and how many slots of which window fit. This crate knows no job
//! and no model server.

pub mod footprint;
pub mod gpu;
pub mod memory;
pub mod own_file;
pub mod plan;
pub mod prompt_cache;

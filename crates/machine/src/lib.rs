//! What this machine has: memory and what a model takes of it, processors and cards and how fast they are, the energy that it
//! takes; files that are this user's alone.
//!
//! In: the kernel's files, a model's figures. Out: bytes, how many slots of which window fit, rates, joules. This crate knows
//! no job and no model server.

pub mod cards;
pub mod energy;
pub mod footprint;
pub mod gpu;
mod groups;
pub mod known;
pub mod memory;
pub mod own_file;
pub mod plan;
pub mod processors;
pub mod prompt_cache;
pub mod sweep;
mod text;

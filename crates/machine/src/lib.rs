//! The memory that this machine has left.
//!
//! In: the kernel's files. Out: bytes. This crate knows no job and no model server.

pub mod memory;

//! The part of Python's standard library that the sandbox has, as bytecode. It runs in a child process alone.
//!
//! `build.rs` takes the library's source from the crate `rustpython-pylib` and leaves out what nobody may import and
//! nothing here needs. So the clock and chance are taken out of it as well.

use rustpython_compiler_core::frozen::FrozenLib;

/// The modules.
pub const LIBRARY: &FrozenLib =
    FrozenLib::from_ref(include_bytes!(concat!(env!("OUT_DIR"), "/library.frozen")) as &[u8]);
